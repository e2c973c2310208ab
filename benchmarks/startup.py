"""What a process pays before it computes: imports, first calls, the command line, compilation.

Everything runs in processes of its own; medians. "cold" compiles into an empty `NUMBA_CACHE_DIR`,
"cached" finds there what the cold run left.

    python benchmarks/startup.py            # imports, first calls, the help
    python benchmarks/startup.py demo       # the whole demo as well, cold and cached: minutes
    python benchmarks/startup.py kernels    # seconds of compilation by kernel
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator

TIMES = 5
IMPORTS = [
    "pass",
    "import numpy",
    "import scipy.special",
    "import tvbi_ref",
    "from tvbi_ref import GridSupport, TurboVBI",
    "from tvbi_ref import compress, load_compressed",
    "from tvbi_ref import TurboVBIClassifier",
]
SETTING = """
import numpy as np
from tvbi_ref import *
chain, grid = ChainSupport(0.1, 0.1), GridSupport(-1.0, 0.1, 0.1)
prior = HierarchicalPrior.spike_and_slab(grid)
images, labels = np.ones((8, 784), np.float32), np.arange(8)
dense, convolutional = nets.mlp([784, 30, 10], seed=0), nets.lenet5_caffe(seed=0)
small = compress(nets.mlp([784, 30, 10], seed=1))
"""
CALLS = {
    "messages on chains": "chain.extrinsic(np.zeros((64, 128)))",
    "messages on a grid": "grid.extrinsic(np.zeros((64, 128)))",
    "an epoch of a dense network": "TurboVBI(prior, epochs=1).fit(dense, images, labels)",
    "an epoch of LeNet-5": "TurboVBI(prior, epochs=1).fit(convolutional, images, labels)",
    "a small model, one image": "small.predict(images[:1])",
    "a small model, 8 images": "small.predict(images)",
}
TIMED = """
import sys, time
exec(sys.argv[1])
started = time.perf_counter()
exec(sys.argv[2])
print(time.perf_counter() - started)
"""
LISTED = """
import sys, time
from numba.core import event

class Compilations(event.Listener):
    running = []

    def on_start(self, event):
        self.running.append(time.perf_counter())

    def on_end(self, event):
        seconds, kernel = time.perf_counter() - self.running.pop(), event.data["dispatcher"]
        if not self.running:  # what is compiled for another is counted there
            print(seconds, kernel.py_func.__module__ + "." + kernel.py_func.__name__)

event.register("numba:compile", Compilations())
for code in sys.argv[1:]:
    exec(code)
"""
COMMAND = [sys.executable, "-m", "tvbi_ref"]


def run(command: list[str], cache: str) -> str:
    """Run a command with this place for what is compiled, and return what it prints."""
    environment = os.environ | {"NUMBA_CACHE_DIR": cache}
    return subprocess.run(
        command, env=environment, check=True, capture_output=True, text=True
    ).stdout


def wall(command: list[str], cache: str) -> float:
    """Return how long a process takes from start to end."""
    started = time.perf_counter()
    run(command, cache)
    return time.perf_counter() - started


def first_call(code: str, cache: str) -> float:
    """Return how long a call takes that is a process's first, imports not counted."""
    return float(run([sys.executable, "-c", TIMED, SETTING, code], cache))


def cold_and_cached(measure: Callable, what: object, times: int = TIMES) -> Iterator[float]:
    """Yield the median of so many caches' first run, and that of their second."""
    pairs = []
    for _ in range(times):
        with tempfile.TemporaryDirectory() as cache:
            pairs.append([measure(what, cache), measure(what, cache)])
    return map(statistics.median, zip(*pairs, strict=True))


def show(name: str, *seconds: float) -> None:
    """Print a line."""
    print(f"{name:48s}", *(f"{s:8.2f}" for s in seconds), flush=True)


def imports() -> None:
    """Time processes that only import, and the help."""
    print("seconds of a whole process")
    with tempfile.TemporaryDirectory() as cache:
        for command in [*([sys.executable, "-c", code] for code in IMPORTS), [*COMMAND, "--help"]]:
            name = command[2] if command[1] == "-c" else "tvbi-ref --help"
            show(name, statistics.median(wall(command, cache) for _ in range(TIMES)))


def calls() -> None:
    """Time first calls."""
    print("\nseconds of a process's first call, imports not counted: cold, cached")
    for name, code in CALLS.items():
        show(name, *cold_and_cached(first_call, code))


def demo() -> None:
    """Time the demo, once."""
    with tempfile.TemporaryDirectory() as out:
        show(
            "tvbi-ref demo: cold, cached",
            *cold_and_cached(wall, [*COMMAND, "demo", "--out", out], 1),
        )


def kernels() -> None:
    """List what is compiled for the first calls, all in one process."""
    with tempfile.TemporaryDirectory() as cache:
        lines = run([sys.executable, "-c", LISTED, SETTING, *CALLS.values()], cache).splitlines()
    seconds, versions = Counter[str](), Counter[str]()
    for number, name in (line.split() for line in lines):
        seconds[name] += float(number)
        versions[name] += 1
    for name, total in seconds.most_common():
        show(f"{name}, {versions[name]} versions", total)
    show("all", seconds.total())


if __name__ == "__main__":
    parts = [globals()[name] for name in sys.argv[1:]] or [imports, calls]
    for part in parts:
        part()

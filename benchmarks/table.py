"""The table of `benchmarks/README.md`, measured: before, after, readable engine, peers, limit.

    git worktree add PATH COMMIT
    python benchmarks/table.py --before PATH [--rows grid chains] [--rounds 7]

Each row is one work on a fixed number of threads. Each side of it, `before` from another checkout
of the repository, is a process of its own; they take turns, and what is told are medians, with
quartiles in brackets, of times and of the ratios of neighbours. A side that takes more than
`SLOW` seconds a turn has only `FEW` turns. The peers stand in the scripts `peers_*.py`; each must
compute the same numbers before it is raced, and one that is not there is left out, with its error.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from _timing import Clock, ratios, seconds, spread

REPOSITORY = Path(__file__).resolve().parent.parent
SLOW, FEW = 3.0, 3
PAUSE = 0.3
"""Seconds before a turn: the threads of a BLAS or of PyTorch wait in a loop for a tenth of a second
or two after their last product, on the core of whoever comes next."""

LAYER = (784, 300)
OURS = ("before", "after", "readable")

Turn = Callable[[], dict[str, float]]
"""One turn: ``value`` in seconds, and what else is told of it."""


@dataclass(frozen=True)
class Row:
    """A work: what it is called, how it is measured, what it is held against.

    Parameters
    ----------
    work : str
    start : callable
        From a side's name to its `Turn`.
    threads : int
    unit : (seconds, name)
    peers : tuple of str
    goals : dict
        The least number of times by which we shall be faster, by side; ``value`` is the longest
        time in the row's unit, and another name the largest value of what else is told.
    limit : callable
        From what the machine can do to seconds, and in words.
    sides : tuple of str
        Which of ours take part.
    warm : bool
        Whether every side has a turn that is not counted.
    """

    work: str
    start: Callable[[str], Turn]
    threads: int
    unit: tuple[float, str]
    peers: tuple[str, ...] = ()
    goals: dict[str, float] = field(default_factory=dict)
    limit: Callable[[dict[str, float]], tuple[float, str]] | None = None
    sides: tuple[str, ...] = OURS
    warm: bool = True


def timed(call: Callable[[], object], times: int) -> Turn:
    """Return the turn in which a call is made so many times: seconds of one.

    No result is kept: fresh memory for each would be most of the time.
    """

    def repeated() -> None:
        for _ in range(times):
            call()

    return lambda: {"value": seconds(repeated) / times}


# What is measured. Imports stand inside: a side's process has its own package.


def step(builder: str, steps: int) -> Callable[[str], Turn]:
    """Return how a training step of a network is measured, a pass of so many at a time."""

    def start(side: str) -> Turn:
        import peers_training_step as peers

        from tvbi_ref import nets
        from tvbi_ref.turbo import loop

        many = 1 if side == "readable" else steps
        run = peers.new_run(getattr(nets, builder)(seed=0), many)
        if side in OURS:
            return lambda: {"value": seconds(lambda: loop.w_step(run, 0)) / many}
        penalty = {name: key for key, name in TORCH.items()}[side]
        peers.agree(builder, penalty)
        theirs = peers.TorchSide(run, penalty)
        return lambda: {"value": seconds(theirs.one_pass) / many}

    return start


def products(builder: str, steps: float = 1) -> Callable[[dict[str, float]], tuple[float, str]]:
    """Return the limit of training steps: their products at the speed of a large one."""

    def limit(machine: dict[str, float]) -> tuple[float, str]:
        import peers_training_step as peers

        from tvbi_ref import nets

        flops = steps * peers.product_flops(getattr(nets, builder)(seed=0))
        return flops / machine["sgemm"], f"{flops / 1e9:.2f} GFLOP at sgemm's peak"

    return limit


def grid(side: str) -> Turn:
    """Measure a grid from silence to a residual of 1e-6, and as many sweeps alone."""
    import peers_module_b as peers

    from tvbi_ref.module_b import GridSupport

    l = peers.own(LAYER) - peers.FIELD
    support = GridSupport(peers.FIELD, 0.1, 0.5)
    made = support.extrinsic(l, tol=1e-6).sweeps
    few, many = 2 * peers.SWEEPS, 6 * peers.SWEEPS
    if side not in OURS:
        run = peers.PEERS[side][0](LAYER)
        peers.agree(side, run, LAYER)
        few, many = 1, 4
    else:

        def run(sweeps: int) -> object:
            return support.extrinsic(l, sweeps=sweeps, tol=0.0)

    def turn() -> dict[str, float]:
        more = (seconds(lambda: run(many)) - seconds(lambda: run(few))) / (many - few)
        told = {"sweeps alone": made * more, "ns a node and sweep": more / l.size * 1e9}
        if side not in OURS:
            return told | {"value": made * more}
        value = seconds(lambda: support.extrinsic(l, tol=1e-6))
        return told | {"value": value, "call / sweeps": value / (made * more)}

    return turn


def divisions(machine: dict[str, float]) -> tuple[float, str]:
    """Return the limit of the 13 sweeps that the grid needs."""
    return 13 * math.prod(LAYER) * machine["division"], "13 sweeps, a division a node"


def exact(name: str, *numbers: float) -> Callable[[str], Turn]:
    """Return how the exact pass of a support prior is measured, in seconds a weight."""

    def start(side: str) -> Turn:
        import peers_module_b as peers

        from tvbi_ref import module_b

        l, support = peers.own(LAYER), getattr(module_b, name)(*numbers)
        return lambda: {"value": seconds(lambda: support.extrinsic(l)) / l.size}

    return start


def exp_and_log(machine: dict[str, float]) -> tuple[float, str]:
    """Return the limit of an exact pass."""
    return sum(machine[name] for name in ("exp", "log", "copy")), "an exp, a log and a copy"


def pruned(batch: int, density: float, run: int) -> Callable[[str], Turn]:
    """Return how a pruned layer is measured, features first."""

    def start(side: str) -> Turn:
        import numpy as np
        import peers_sparse_forward as peers

        weights = peers.clustered(LAYER, density, run)
        x = np.random.default_rng(1).random((batch, LAYER[0]), dtype=np.float32)
        calls = peers.sides(weights, x)
        peers.agree(calls, x @ weights)
        name = {"readable": "rows"}.get(side, next(iter(calls)) if side in OURS else side)
        return timed(calls[name], 3 if side == "readable" else 300)

    return start


def dense_rate(batch: int, density: float) -> Callable[[dict[str, float]], tuple[float, str]]:
    """Return the limit of a pruned layer: its products at the speed of a large dense one."""

    def limit(machine: dict[str, float]) -> tuple[float, str]:
        flops = 2 * batch * density * math.prod(LAYER)
        return flops / machine["sgemm"], f"{flops / 1e6:.2f} MFLOP at sgemm's peak"

    return limit


def epochs(
    data: Callable[[], tuple[Any, Any]], build: Callable[[], Any], phase: str = "", **options: Any
) -> Callable[[str], Turn]:
    """Return how epochs of the loop are measured, or a phase of them, with the shares of all."""

    def start(side: str) -> Turn:
        from tvbi_ref import GridSupport, HierarchicalPrior, TurboVBI
        from tvbi_ref.turbo import exchange, loop
        from tvbi_ref.turbo.run import Run

        prior = HierarchicalPrior.spike_and_slab(
            GridSupport(field=-0.5, coupling_row=0.04, coupling_col=1.1),
            variance=0.1,
            contrast=1e-4,
        )
        run = Run(TurboVBI(prior, epochs=1000, seed=0, **options), build(), *data(), None)
        clock, done = watched(run, loop, exchange), iter(range(1000))

        def turn() -> dict[str, float]:
            clock.start()
            loop.one_epoch(run, next(done))
            parts = clock.stop()
            total = sum(parts.values())
            shares = {f"share: {name}": part / total for name, part in parts.items()}
            return {"value": parts[phase] if phase else total, "s an epoch": total} | shares

        return turn

    return start


def watched(run: Any, loop: Any, exchange: Any) -> Clock:
    """Return a clock on the parts of an epoch."""
    clock, network = Clock(), run.network
    for thing, names, phase in (
        (loop, ("w_step",), "rest of the w-step"),
        (network, ("forward",), "forward"),
        (network, ("fill_gradients",), "gradients"),
        (network.loss, ("value", "gradient", "score"), "losses"),
        (loop, ("add_penalty_gradient",), "prior's gradient"),
        (run.optimizer, ("step",), "Adam"),
        (exchange.Exchange, ("answer",), "Module B"),
    ):
        clock.watch(thing, names, phase)
    return clock


def sixty_thousand() -> tuple[Any, Any]:
    """Return random images of MNIST's size."""
    import numpy as np

    rng = np.random.default_rng(0)
    return rng.random((60_000, 784), dtype=np.float32), rng.integers(0, 10, 60_000)


def digits() -> tuple[Any, Any]:
    """Return scikit-learn's digits."""
    from tvbi_ref import datasets

    data = datasets.load_digits()
    return data.x_train, data.y_train


def lenet() -> Any:
    """Return LeNet-300-100."""
    from tvbi_ref import nets

    return nets.lenet_300_100(seed=0)


def small() -> Any:
    """Return the network of the first page."""
    from tvbi_ref import nets

    return nets.mlp([64, 128, 64, 10], seed=0)


def import_alone(side: str) -> Turn:
    """Measure a process that imports the package."""
    import startup

    command = [sys.executable, "-c", "import tvbi_ref"]
    return lambda: {"value": startup.wall(command, tempfile.gettempdir())}


FIRST = """
import numpy as np
from tvbi_ref import GridSupport
GridSupport(-1.0, 0.1, 0.1).extrinsic(np.zeros((64, 128)))
"""


def first_messages(cold: bool) -> Callable[[str], Turn]:
    """Return how a process is measured that passes messages once, imports and all."""

    def start(side: str) -> Turn:
        import startup

        command, kept = [sys.executable, "-c", FIRST], tempfile.TemporaryDirectory()

        def turn() -> dict[str, float]:
            with tempfile.TemporaryDirectory() as empty:
                return {"value": startup.wall(command, empty if cold else kept.name)}

        return turn

    return start


TORCH = {
    "objective": "PyTorch as written",
    "gradients": "PyTorch, penalty by hand",
    "compiled": "torch.compile",
}
SPARSE = ("SciPy CSR", "MKL CSR", "torch CSR", "BLAS")
LINE = (1e-3, "ms")
ROWS = {
    "step": Row(
        "training step, LeNet-300-100",
        step("lenet_300_100", 20),
        2,
        LINE,
        tuple(TORCH.values()),
        {"PyTorch as written": 2.0, "PyTorch, penalty by hand": 1.4},
        products("lenet_300_100"),
    ),
    "conv2": Row(
        "training step, LeNet-5-Caffe",
        step("lenet5_caffe", 3),
        2,
        LINE,
        tuple(TORCH.values()),
        {"PyTorch as written": 1.5},
        products("lenet5_caffe"),
    ),
    "conv1": Row(
        "training step, LeNet-5-Caffe",
        step("lenet5_caffe", 2),
        1,
        LINE,
        ("PyTorch as written",),
        {},
        products("lenet5_caffe"),
    ),
    "grid": Row(
        "grid 784 x 300, to a residual of 1e-6",
        grid,
        1,
        LINE,
        ("PGMax (JAX, float32)", "fbgbp (C++, float32)"),
        {"value": 20.0, "call / sweeps": 1.3},
        divisions,
    ),
    "chains": Row(
        "chains, a weight",
        exact("ChainSupport", 0.05, 0.4),
        1,
        (1e-9, "ns"),
        (),
        {"value": 25.0},
        exp_and_log,
    ),
    "groups": Row(
        "groups, a weight",
        exact("NeuronSupport", 0.3, 0.4, 0.02),
        1,
        (1e-9, "ns"),
        (),
        {"value": 25.0},
        exp_and_log,
    ),
    "pruned128": Row(
        "pruned layer 784 x 300, 2 % in runs of 4, batch 128",
        pruned(128, 0.02, 4),
        1,
        (1e-6, "us"),
        SPARSE,
        {"SciPy CSR": 1.0},
        dense_rate(128, 0.02),
    ),
    "pruned1": Row(
        "pruned layer 784 x 300, 5 % in runs of 4, one input",
        pruned(1, 0.05, 4),
        1,
        (1e-6, "us"),
        SPARSE,
        {"SciPy CSR": 1.0},
        dense_rate(1, 0.05),
    ),
    "epoch": Row(
        "epoch of LeNet-300-100 on 60,000 rows",
        epochs(sixty_thousand, lenet),
        1,
        (1.0, "s"),
        limit=products("lenet_300_100", 60_000 / 128),
    ),
    "digits": Row(
        "Module B in an epoch of the first page's network on digits",
        epochs(digits, small, "Module B", batch_size=32, learning_rate=5e-3),
        2,
        LINE,
        goals={"before": 2.0},
    ),
    "import": Row("a process that imports tvbi_ref", import_alone, 1, LINE, sides=OURS[:2]),
    "cached": Row(
        "the same, and first messages on a grid, cached",
        first_messages(cold=False),
        1,
        LINE,
        sides=OURS[:2],
    ),
    "cold": Row(
        "the same, nothing compiled before",
        first_messages(cold=True),
        1,
        (1.0, "s"),
        sides=OURS[:2],
        warm=False,
    ),
}


# The race


class Worker:
    """A side of a row, in a process of its own."""

    def __init__(self, name: str, side: str, before: str) -> None:
        threads = str(ROWS[name].threads)
        pools = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
        home = before if side == "before" else str(REPOSITORY)
        environment = os.environ | dict.fromkeys(pools, threads) | {"PYTHONPATH": home}
        environment["TVBI_ENGINE"] = "numpy" if side == "readable" else "numba"
        self.process = subprocess.Popen(
            [sys.executable, __file__, "--worker", name, side],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )
        self.turns: list[dict[str, float]] = []
        if ROWS[name].warm:
            self.answer()

    def answer(self) -> dict[str, float] | None:
        """Ask for a turn; None if the side is over, or not there."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        try:
            print(file=self.process.stdin, flush=True)
        except BrokenPipeError:
            return None
        line = self.process.stdout.readline()
        return json.loads(line) if line else None

    def take(self) -> None:
        """Take a turn, unless there were enough for a slow side."""
        slow = self.turns and self.seconds > SLOW
        if slow and len(self.turns) >= FEW:
            return
        time.sleep(PAUSE)
        start = time.perf_counter()
        answer = self.answer()
        self.seconds = time.perf_counter() - start
        if answer:
            self.turns.append(answer)

    def close(self) -> None:
        """Let it end."""
        assert self.process.stdin is not None
        with suppress(BrokenPipeError):
            self.process.stdin.close()
        self.process.wait()


def worker(name: str, side: str) -> None:
    """For each line that comes in take a turn, and answer with what was measured."""
    if ROWS[name].threads == 1 and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})  # JAX has no number of threads

    import tvbi_ref

    home = os.environ["PYTHONPATH"]
    if not Path(tvbi_ref.__file__).is_relative_to(Path(home).resolve()):
        raise RuntimeError(f"tvbi_ref comes from {tvbi_ref.__file__}; expected {home}")
    answers, sys.stdout = sys.stdout, sys.stderr  # what peers print is no answer
    turn = ROWS[name].start(side)
    for _ in sys.stdin:
        print(json.dumps(turn()), file=answers, flush=True)


def race(name: str, before: str, rounds: int) -> dict[str, list[dict[str, float]]]:
    """Return the turns of all sides of a row."""
    sides = [side for side in (*ROWS[name].sides, *ROWS[name].peers) if before or side != "before"]
    workers = {side: Worker(name, side, before) for side in sides}
    for _ in range(rounds):
        for each in workers.values():
            each.take()
    for each in workers.values():
        each.close()
    return {side: each.turns for side, each in workers.items() if each.turns}


# What is told


def values(turns: list[dict[str, float]], key: str = "value") -> list[float]:
    """Return one number of each turn."""
    return [turn[key] for turn in turns]


def shown(numbers: list[float]) -> str:
    """Return median and quartiles with three digits."""
    digits = max(0, 2 - math.floor(math.log10(max(statistics.median(numbers), 1e-9))))
    return spread(numbers, digits)


def against(turns: dict[str, list[dict[str, float]]], side: str) -> list[float]:
    """Return how many times as long a side takes as ours after."""
    n = min(len(turns[side]), len(turns["after"]))
    return ratios(values(turns[side])[:n], values(turns["after"])[:n])


def reached(row: Row, turns: dict[str, list[dict[str, float]]]) -> Iterator[str]:
    """Yield every goal, and what there is."""
    for name, goal in row.goals.items():
        if name in (*row.peers, "before"):
            if name in turns:
                there = statistics.median(against(turns, name))
                yield f"{goal:g} x {name}: {there:.2f}, {'met' if there >= goal else 'not met'}"
            continue
        there = statistics.median(values(turns["after"], name))
        there, what = (there / row.unit[0], row.unit[1]) if name == "value" else (there, name)
        yield f"<= {goal:g} {what}: {there:.3g}, {'met' if there <= goal else 'not met'}"


def line(row: Row, turns: dict[str, list[dict[str, float]]], machine: dict[str, float]) -> str:
    """Return a row of the table."""

    def cell(side: str) -> str:
        if side not in turns:
            return ""
        return shown([value / row.unit[0] for value in values(turns[side])])

    raced = [name for name in row.peers if name in turns]
    least, words = row.limit(machine) if row.limit else (0.0, "")
    cells = (
        f"{row.work}, {row.unit[1]}; {row.threads} thread{'s' * (row.threads > 1)}",
        cell("before"),
        cell("after"),
        shown(against(turns, "before")) if "before" in turns else "",
        cell("readable"),
        "<br>".join(f"{name} {cell(name)}: {shown(against(turns, name))} x" for name in raced),
        f"{least / row.unit[0]:.3g}, {words}" if row.limit else "",
        "<br>".join(reached(row, turns)),
    )
    return f"| {' | '.join(cells)} |"


def told(name: str, turns: dict[str, list[dict[str, float]]]) -> Iterator[str]:
    """Yield what else was measured: medians, by side."""
    for side, each in turns.items():
        others = [key for key in each[0] if key != "value"]
        parts = (f"{key.removeprefix('share: ')} {_number(key, each)}" for key in others)
        if others:
            yield f"* {ROWS[name].work}, {side}: {', '.join(parts)}"


def _number(key: str, turns: list[dict[str, float]]) -> str:
    middle = statistics.median(values(turns, key))
    return f"{middle:.1%}" if key.startswith("share") else f"{middle:.3g}"


def main() -> None:
    """Print the machine, the table, and below it what else was measured."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--before", default="", help="another checkout of the repository")
    parser.add_argument("--rows", nargs="+", default=list(ROWS), choices=list(ROWS))
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--worker", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        return worker(*arguments.worker)
    began = time.perf_counter()
    machines = {threads: asked(threads) for threads in (1, 2)}
    for threads, each in machines.items():
        print(f"* {threads} threads: {each.pop('words')}")
    print("\n| work | before | after | times as fast | readable | peers | limit | goal |")
    print("|---|--:|--:|--:|--:|---|---|---|")
    below: list[str] = []
    for name in arguments.rows:
        try:
            turns = race(name, arguments.before, arguments.rounds)
            print(line(ROWS[name], turns, machines[ROWS[name].threads]), flush=True)
            below += told(name, turns)
        except Exception:
            traceback.print_exc()
    print("", *below, f"\n{time.perf_counter() - began:.0f} seconds", sep="\n")
    return None


def asked(threads: int) -> dict[str, Any]:
    """Return what the machine can do on so many threads, measured in a process of its own."""
    words = "{'words': f'{_machine.describe()}; {_machine.told(n)}'}"
    code = f"import json, _machine; n = _machine.limits(); print(json.dumps(n | {words}))"
    pools = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), str(threads))
    home = {"PYTHONPATH": os.pathsep.join([str(REPOSITORY), str(Path(__file__).parent)])}
    command = [sys.executable, "-c", code]
    out = subprocess.run(command, env=os.environ | pools | home, check=True, capture_output=True)
    return json.loads(out.stdout)


if __name__ == "__main__":
    main()

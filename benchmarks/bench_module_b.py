"""What message passing costs: a node-sweep, an exact pass, the time to a residual.

``make bench`` runs these. Each benchmark runs its function once before it is timed, so
that compilation is not counted; `test_first_message_of_a_process` shows it apart.
"""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from tvbi_ref import use
from tvbi_ref.equations import ENGINES
from tvbi_ref.gamma import Gamma
from tvbi_ref.module_a import collapsed_step
from tvbi_ref.module_b import ChainSupport, GridSupport, NeuronSupport
from tvbi_ref.module_b.grid import grid_messages

LAYER = (784, 300)
SIDES = {"1e4": (100, 100), "1e5": (400, 250), "1e6": (1000, 1000), "1e7": (4000, 2500)}
J_ROW, J_COL = 0.1, 0.5


def evidence(shape):
    return np.random.default_rng(0).normal(-1.0, 3.0, shape)


def per_node_sweep(benchmark, shape, sweeps=5):
    """Time a call of some sweeps and note the nanoseconds of one node in one sweep."""
    own, odds = evidence(shape) - 4.0, np.ones((4, *shape))
    benchmark(grid_messages, own, odds, J_ROW, J_COL, sweeps, 0.0, 0.0)
    nodes = shape[0] * shape[1] * sweeps
    benchmark.extra_info["ns_per_node_sweep"] = round(benchmark.stats["median"] / nodes * 1e9, 2)


@pytest.mark.parametrize("engine", ENGINES)
def test_node_sweep(benchmark, engine):
    with use(engine):
        per_node_sweep(benchmark, LAYER)


@pytest.mark.parametrize("size", SIDES)
def test_cost_by_size(benchmark, size):
    per_node_sweep(benchmark, SIDES[size])


def test_two_layers_on_two_threads(benchmark):
    """Kernels release the GIL: the layers of a network can be swept side by side."""
    layers = [(evidence(LAYER) - 4.0, np.ones((4, *LAYER))) for _ in range(2)]
    with ThreadPoolExecutor(2) as pool:

        def both():
            jobs = [pool.submit(grid_messages, *l, J_ROW, J_COL, 5, 0.0, 0.0) for l in layers]
            return [job.result() for job in jobs]

        benchmark(both)
    nodes = 2 * 5 * LAYER[0] * LAYER[1]
    benchmark.extra_info["ns_per_node_sweep"] = round(benchmark.stats["median"] / nodes * 1e9, 2)


def test_time_to_residual(benchmark):
    grid, l = GridSupport(-4.0, 0.1, 0.5), evidence(LAYER)
    answer = benchmark(grid.extrinsic, l, tol=1e-6)
    benchmark.extra_info["sweeps"] = answer.sweeps
    benchmark.extra_info["milliseconds"] = round(benchmark.stats["median"] * 1e3, 2)


def per_weight(benchmark, function, *arguments):
    """Time a call for a layer and note the nanoseconds of one weight."""
    benchmark(function, *arguments)
    weights = LAYER[0] * LAYER[1]
    benchmark.extra_info["ns_per_weight"] = round(benchmark.stats["median"] / weights * 1e9, 2)


EXACT = {"chains": ChainSupport(0.05, 0.4), "groups": NeuronSupport(0.5, 0.8, 0.1)}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", EXACT)
def test_exact_pass(benchmark, name, engine):
    with use(engine):
        per_weight(benchmark, EXACT[name].extrinsic, evidence(LAYER))


@pytest.mark.parametrize("engine", ENGINES)
def test_step_of_module_a(benchmark, engine):
    m = np.random.default_rng(0).gamma(1.0, 0.01, LAYER)
    with use(engine):
        per_weight(benchmark, collapsed_step, m, evidence(LAYER), Gamma(1, 0.02), Gamma(1, 2e-6))


def test_memory_pass(benchmark):
    """The yardstick: copying one float64 a node."""
    source = evidence(LAYER)
    per_weight(benchmark, np.copyto, np.empty_like(source), source)


@pytest.mark.parametrize("function", [np.exp, np.log])
def test_elementary_function(benchmark, function):
    """What an exact pass needs once or twice a weight, by NumPy."""
    odds = np.exp(evidence(LAYER))
    per_weight(benchmark, function, odds / odds.max(), np.empty_like(odds))


def test_division(benchmark):
    """The other yardstick: a float64 division with its operands in the first-level cache."""
    a, b = np.random.default_rng(0).uniform(1, 2, (2, 1500))
    benchmark(np.divide, a, b, np.empty_like(a))
    benchmark.extra_info["ns_per_division"] = round(benchmark.stats["median"] / a.size * 1e9, 3)


@pytest.mark.parametrize("cache", ["cold", "warm"])
def test_first_message_of_a_process(benchmark, cache, tmp_path):
    """A whole process: import, compile (or load) the grid's kernels, pass messages once."""
    code = (
        "import numpy as np\n"
        "from tvbi_ref.module_b import GridSupport\n"
        "GridSupport(-1.0, 0.1, 0.3).extrinsic(np.zeros((8, 8)))\n"
    )
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)}
    command = [sys.executable, "-c", code]
    if cache == "warm":
        subprocess.run(command, env=environment, check=True)
    benchmark.pedantic(
        subprocess.run, (command,), {"env": environment, "check": True}, rounds=1, iterations=1
    )

"""One pruned layer, forward: our kernels against BLAS, SciPy, MKL and PyTorch.

All sides multiply the same float32 weights by the same inputs, on the same number of threads and
in turns, each in the layout that suits it best: BLAS gets x (B, I), the sparse ones get the
matrix of W.T and x features first. What is not installed (extra ``peers``) is left out; where
Intel's MKL is not found, the environment variable MKL_RT may name its library.

    python benchmarks/peers_sparse_forward.py [--quick]

The tables have the microseconds of ours, in the format `Clusters`, and the times of all others as
multiples of it: 5.0 means that ours is five times as fast; medians, quartiles in brackets. "rows"
is ours with inputs and outputs as rows, checked at the border and turned twice on the way. Below
stands what the machine can do.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import warnings
from collections.abc import Callable
from importlib.util import find_spec
from itertools import product
from typing import Any

import numpy as np
import scipy.sparse
from _machine import limits, told
from _timing import Times, in_turns, ratios, spread

from tvbi_ref.compression.formats import FORMATS
from tvbi_ref.fast.columns import as_columns
from tvbi_ref.fast.sparse import matrix_columns

POOLS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
LAYERS = ((784, 300), (2048, 2048))
DENSITIES, RUNS, BATCHES = (0.01, 0.02, 0.05, 0.1), (1, 4, 16), (1, 2, 8, 32, 128)
BSR_BLOCK = (1, 16)

Call = Callable[[], Any]


def clustered(shape: tuple[int, int], density: float, run: float, seed: int = 0) -> np.ndarray:
    """Return random weights (I, J), kept in runs down the columns: a Markov chain each.

    `run` is the mean length; with 1 the weights are independent.
    """
    rng, (I, J) = np.random.default_rng(seed), shape
    stop = min(1 / run, 1 - density)
    start, kept = density * stop / (1 - density), np.empty(shape, bool)
    state = rng.random(J) < density
    for i in range(I):
        kept[i] = state
        state = rng.random(J) < np.where(state, 1 - stop, start)
    return np.where(kept, rng.standard_normal(shape, dtype=np.float32), np.float32(0))


def torch_calls(weights: np.ndarray, x: np.ndarray) -> dict[str, Call]:
    """Return the calls of PyTorch that run here."""
    if not find_spec("torch"):
        return {}
    import torch

    torch.set_num_threads(int(os.environ[POOLS[0]]))
    warnings.filterwarnings("ignore", "Sparse .* support is in beta")
    columns, calls = torch.from_numpy(np.ascontiguousarray(x.T)), {}
    matrix = torch.from_numpy(np.ascontiguousarray(weights.T))
    for name, convert in (
        ("torch CSR", lambda: matrix.to_sparse_csr()),
        ("torch BSR", lambda: matrix.to_sparse_bsr(BSR_BLOCK)),
    ):
        try:
            stored = convert()
            stored @ columns
        except RuntimeError:  # not every build has every product
            continue
        calls[name] = lambda stored=stored: stored @ columns
    return calls


def mkl_calls(weights: np.ndarray, columns: np.ndarray) -> dict[str, Call]:
    """Return the call of Intel's MKL, if it is there."""
    try:
        from sparse_dot_mkl import dot_product_mkl
    except ImportError:
        return {}
    matrix = scipy.sparse.csr_matrix(weights.T)
    return {"MKL CSR": lambda: dot_product_mkl(matrix, columns)}


def sides(weights: np.ndarray, x: np.ndarray) -> dict[str, Call]:
    """Return what is raced, by name, ours first."""
    columns, bias = as_columns(x, np.float32), np.zeros(weights.shape[1], np.float32)
    clusters = FORMATS["clusters"].from_dense(weights)
    theirs, turned = scipy.sparse.csr_array(weights.T), np.ascontiguousarray(x.T)
    turned = turned if len(x) > 1 else turned[:, 0]
    calls: dict[str, Call] = {
        "ours": lambda: matrix_columns(clusters, columns, bias),
        "rows": lambda: clusters.forward(x, bias),
        "BLAS": lambda: x @ weights,
        "SciPy CSR": lambda: theirs @ turned,
    }
    return calls | mkl_calls(weights, turned) | torch_calls(weights, x)


def race(shape: tuple[int, int], batch: int, rounds: int) -> None:
    """Print the table of a layer and a batch."""
    x = np.random.default_rng(1).random((batch, shape[0]), dtype=np.float32)
    print(f"\n{shape[0]} x {shape[1]}, batch {batch}")
    for number, (density, run) in enumerate(product(DENSITIES, RUNS)):
        weights = clustered(shape, density, run)
        calls = sides(weights, x)
        agree(calls, x @ weights)
        if number == 0:
            print("  density run  ours, us", *(f"{name:>20}" for name in list(calls)[1:]))
        report(density, run, in_turns(calls, rounds))


def report(density: float, run: int, times: dict[str, Times]) -> None:
    """Print a line of the table."""
    ours, *others = times.values()
    multiples = (f"{spread(ratios(other.rounds, ours.rounds)):>20}" for other in others)
    print(f"  {density:7.0%}{run:4d}{ours.median * 1e6:10.1f}", *multiples, flush=True)


def agree(calls: dict[str, Call], expected: np.ndarray) -> None:
    """Stop unless all sides compute the same."""
    for name, call in calls.items():
        y = np.asarray(call())
        if name not in ("rows", "BLAS"):
            y = y.reshape(expected.shape[1], -1).T[: len(expected)]
        np.testing.assert_allclose(y, expected, rtol=0, atol=1e-3, err_msg=name)


def worker(quick: bool) -> None:
    """Run all races on the threads that the environment allows."""
    print(f"\n=== threads: {os.environ[POOLS[0]]}")
    print(" ", told(limits()))
    for shape in LAYERS[: 1 if quick else None]:
        for batch in BATCHES:
            race(shape, batch, 5 if quick else 15)


def main() -> None:
    """Race on one and on two threads, each in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--quick", action="store_true", help="small layer only, fewer rounds")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        worker(arguments.quick)
        return
    if not find_spec("torch"):
        print("PyTorch is not installed, left out")
    for threads in arguments.threads:
        command = [sys.executable, __file__, "--worker", *["--quick"] * arguments.quick]
        environment = os.environ | dict.fromkeys(POOLS, str(threads))
        subprocess.run(command, env=environment, check=True)


if __name__ == "__main__":
    main()

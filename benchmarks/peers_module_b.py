"""The same grid, the same couplings, other packages: what a node-sweep costs them.

Needs the optional extra ``peers`` (PGMax and JAX, sumproduct, pgmpy); what is not
installed is left out and said so.

    pip install -e .[peers]
    python benchmarks/peers_module_b.py
"""

from __future__ import annotations

import time
from collections.abc import Callable
from importlib.util import find_spec

import numpy as np
from _timing import median_seconds

from tvbi_ref import use
from tvbi_ref.module_b import GridSupport
from tvbi_ref.module_b.grid import grid_messages

LAYER = (784, 300)
SMALL = (24, 12)
FIELD, J_ROW, J_COL = -4.0, 0.1, 0.5
SWEEPS = 20


def evidence(shape: tuple[int, int]) -> np.ndarray:
    """Return the evidence that all packages get."""
    return np.random.default_rng(0).normal(-1.0, 3.0, shape)


def ours(engine: str) -> float:
    """Return nanoseconds a node-sweep of ours on the whole layer."""
    own, odds = FIELD + evidence(LAYER), np.ones((4, *LAYER))
    with use(engine):
        seconds = median_seconds(lambda: grid_messages(own, odds, J_ROW, J_COL, SWEEPS, 0.0, 0.0))
    return seconds / SWEEPS / own.size * 1e9


def pgmax_run(shape: tuple[int, int]) -> tuple[Callable[[int], np.ndarray], int]:
    """Return a function from a number of sweeps to beliefs P(s = 1), and the number of nodes."""
    import jax
    from pgmax import fgraph, fgroup, infer, vgroup

    variables = vgroup.NDVarArray(num_states=2, shape=shape)
    graph = fgraph.FactorGraph(variable_groups=variables)
    for J, pairs in (
        (J_COL, [[(i, j), (i + 1, j)] for i in range(shape[0] - 1) for j in range(shape[1])]),
        (J_ROW, [[(i, j), (i, j + 1)] for i in range(shape[0]) for j in range(shape[1] - 1)]),
    ):
        factor = fgroup.PairwiseFactorGroup(
            variables_for_factors=[[variables[a], variables[b]] for a, b in pairs],
            log_potential_matrix=J * np.array([[1.0, -1.0], [-1.0, 1.0]]),
        )
        graph.add_factors(factor)
    bp = infer.build_inferer(graph.bp_state, backend="bp")
    unary = np.stack([np.zeros(shape), FIELD + evidence(shape)], axis=-1)
    start = bp.init(evidence_updates={variables: unary})

    def run(sweeps: int) -> np.ndarray:
        arrays = bp.run(start, num_iters=sweeps, damping=0.0, temperature=1.0)
        beliefs = infer.get_marginals(bp.get_beliefs(arrays))[variables]
        return np.asarray(jax.block_until_ready(beliefs))[..., 1]

    return run, shape[0] * shape[1]


def pgmax() -> float:
    """Return nanoseconds a node-sweep of PGMax on the whole layer, after checking its answer."""
    run, nodes = pgmax_run(LAYER)
    mine = GridSupport(FIELD, J_ROW, J_COL).extrinsic(evidence(LAYER), tol=1e-10).belief
    gap = np.abs(run(50) - mine).max()
    print(f"  PGMax agrees with our beliefs to {gap:.1e} (it computes in float32)")
    many, few = (median_seconds(lambda n=n: run(n), repeats=3) for n in (2 * SWEEPS, SWEEPS))
    return (many - few) / SWEEPS / nodes * 1e9


def sumproduct() -> float:
    """Return nanoseconds a node-sweep of sumproduct on a small grid."""
    from sumproduct import Factor, FactorGraph, Variable

    rows, cols = SMALL
    l = evidence(SMALL)
    graph = FactorGraph(silent=True)
    nodes = {(i, j): Variable(f"s{i}_{j}", 2) for i in range(rows) for j in range(cols)}
    for (i, j), node in nodes.items():
        own = Factor(f"h{i}_{j}", np.exp([0.0, FIELD + l[i, j]]))
        graph.add(own)
        graph.append(own.name, node)
        for di, dj, J in ((1, 0, J_COL), (0, 1, J_ROW)):
            if (i + di, j + dj) in nodes:
                pair = Factor(f"e{i}_{j}_{di}", np.exp(J * np.array([[1.0, -1.0], [-1.0, 1.0]])))
                graph.add(pair)
                graph.append(pair.name, node)
                graph.append(pair.name, nodes[i + di, j + dj])
    start = time.perf_counter()
    graph.compute_marginals(max_iter=SWEEPS, tolerance=0.0)
    return (time.perf_counter() - start) / SWEEPS / (rows * cols) * 1e9


def pgmpy_exact_seconds(shape: tuple[int, int] = (8, 6)) -> float:
    """Return the seconds of pgmpy's exact junction tree on a tiny grid: it has no loopy sweep."""
    from pgmpy.factors.discrete import DiscreteFactor
    from pgmpy.inference import BeliefPropagation
    from pgmpy.models import MarkovNetwork

    model = MarkovNetwork()
    l = evidence(shape)
    names = {(i, j): f"s{i}_{j}" for i in range(shape[0]) for j in range(shape[1])}
    for (i, j), name in names.items():
        model.add_node(name)
        model.add_factors(DiscreteFactor([name], [2], np.exp([0.0, FIELD + l[i, j]])))
        for di, dj, J in ((1, 0, J_COL), (0, 1, J_ROW)):
            if (other := names.get((i + di, j + dj))) is not None:
                model.add_edge(name, other)
                psi = np.exp(J * np.array([1.0, -1.0, -1.0, 1.0]))
                model.add_factors(DiscreteFactor([name, other], [2, 2], psi))
    start = time.perf_counter()
    BeliefPropagation(model).calibrate()
    return time.perf_counter() - start


def main() -> None:
    """Print the table, each cost also as a multiple of our fast form's."""
    print(f"grid {LAYER}, field {FIELD}, J_row {J_ROW}, J_col {J_COL}; ns a node-sweep")
    costs = {"tvbi_ref, fast": ours("numba"), "tvbi_ref, readable": ours("numpy")}
    if find_spec("pgmax"):
        costs["PGMax (JAX, float32, all cores)"] = pgmax()
    if find_spec("sumproduct"):
        costs[f"sumproduct (grid {SMALL})"] = sumproduct()
    for name, cost in costs.items():
        print(f"  {name:<34}{cost:>12.1f}{cost / costs['tvbi_ref, fast']:>10.0f}x")
    absent = [name for name in ("pgmax", "sumproduct", "pgmpy") if not find_spec(name)]
    if absent:
        print("  not installed, left out:", ", ".join(absent))
    if find_spec("pgmpy"):
        seconds = pgmpy_exact_seconds()
        print(f"  pgmpy has no loopy sweep; its exact junction tree on 8 x 6: {seconds:.1f} s")


if __name__ == "__main__":
    main()

"""The same grid, the same couplings, other packages: what a node-sweep costs them.

PGMax (JAX, compiled), fbgbp (C++), ldpc (C++), sumproduct (Python), and our readable form. Each
must first give our beliefs after as many sweeps from the same start; then they take turns, on one
core, and a round's cost is what so many more sweeps take. What is not installed is left out and
said so; pgmpy has no loopy sweep, only its exact junction tree.

    pip install -e .[peers]
    pip install cython && pip install --no-build-isolation fbgbp
    python benchmarks/peers_module_b.py
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec

import numpy as np
from _timing import ratios, seconds, spread
from scipy.sparse import csr_matrix
from scipy.special import expit

from tvbi_ref import use
from tvbi_ref.module_b.grid import grid_messages

LAYER, SMALL = (784, 300), (24, 12)
FIELD, J = -4.0, 0.3
SWEEPS, ROUNDS = 5, 7

Run = Callable[[int], np.ndarray]
"""From a number of sweeps to the beliefs P(s = 1)."""


def own(shape: tuple[int, int]) -> np.ndarray:
    """Return what each node knows by itself: field and evidence, log-odds."""
    return FIELD + np.random.default_rng(0).normal(-1.0, 3.0, shape)


def pairs(shape: tuple[int, int]) -> np.ndarray:
    """Return the edges (E, 2) of the grid, nodes counted row by row."""
    nodes = np.arange(shape[0] * shape[1]).reshape(shape)
    down, across = (nodes[:-1], nodes[1:]), (nodes[:, :-1], nodes[:, 1:])
    return np.concatenate([np.stack([a.ravel(), b.ravel()], 1) for a, b in (down, across)])


def ours(engine: str, shape: tuple[int, int]) -> Run:
    """Return the sweeps of ours."""
    l, silent = own(shape), np.ones((4, *shape))

    def run(sweeps: int) -> np.ndarray:
        with use(engine):
            odds, _ = grid_messages(l, silent, J, J, sweeps, 0.0, 0.0)
        return expit(l + np.log(odds.prod(axis=0)))

    return run


def pgmax(shape: tuple[int, int]) -> Run:
    """Return PGMax's sweeps, compiled by JAX."""
    import jax
    from pgmax import fgraph, fgroup, infer, vgroup

    variables = vgroup.NDVarArray(num_states=2, shape=shape)
    graph = fgraph.FactorGraph(variable_groups=variables)
    index = np.unravel_index(pairs(shape), shape)
    factors = fgroup.PairwiseFactorGroup(
        variables_for_factors=[
            [variables[a, c], variables[b, d]] for (a, b), (c, d) in zip(*index, strict=True)
        ],
        log_potential_matrix=J * np.array([[1.0, -1.0], [-1.0, 1.0]]),
    )
    graph.add_factors(factors)
    bp = infer.build_inferer(graph.bp_state, backend="bp")
    start = bp.init(evidence_updates={variables: np.stack([np.zeros(shape), own(shape)], -1)})

    @partial(jax.jit, static_argnums=1)
    def passed(arrays, sweeps):
        return bp.run(arrays, num_iters=sweeps, damping=0.0, temperature=1.0)

    def run(sweeps: int) -> np.ndarray:
        beliefs = bp.get_beliefs(jax.block_until_ready(passed(start, sweeps)))
        return np.asarray(infer.get_marginals(beliefs)[variables])[..., 1]

    return run


def fbgbp(shape: tuple[int, int]) -> Run:
    """Return fbgbp's sweeps: float32, one coupling for all edges, exp and log in every message."""
    from fbgbp import FastBinaryGridBeliefPropagation

    l = own(shape).ravel()
    sides = np.array([[-1, 0], [1, 0], [0, -1], [0, 1]], np.int16)
    couplings = float(np.exp(J)), float(np.exp(-J))

    def run(sweeps: int) -> np.ndarray:
        grid = FastBinaryGridBeliefPropagation(
            np.array(shape, np.uint32), sides, np.exp(-l / 2), np.exp(l / 2), *couplings
        )
        grid.run(precision=0.0, max_iter=sweeps)
        return grid.marginals()

    return run


def ldpc(shape: tuple[int, int]) -> Run:
    """Return the sweeps of a decoder for parity checks.

    A coupling is a check of three bits: its two ends and a bit of its own that says whether they
    differ, with log-odds -2J. What the check says, 2 artanh(tanh(c/2) tanh(J)), is
    [sum-product-ising]. A last check, of no bit, is never satisfied: without it decoding would end
    when hard decisions fit, and not begin if all is well.
    """
    from ldpc import BpDecoder

    edges, l = pairs(shape), own(shape).ravel()
    E, N = len(edges), l.size
    bits = np.column_stack([edges, N + np.arange(E)])
    checks = csr_matrix(
        (np.ones(3 * E, np.uint8), bits.ravel(), np.append(3 * np.arange(E + 1), 3 * E)),
        shape=(E + 1, N + E),
    )
    decoder = BpDecoder(
        checks,
        error_channel=expit(np.append(l, np.full(E, -2 * J))),
        bp_method="product_sum",
        max_iter=1,
        input_vector_type="syndrome",
    )
    never = np.append(np.zeros(E, np.uint8), np.uint8(1))

    def run(sweeps: int) -> np.ndarray:
        decoder.max_iter = sweeps
        decoder.decode(never)
        return expit(-np.asarray(decoder.log_prob_ratios)[:N].reshape(shape))

    return run


def sumproduct(shape: tuple[int, int]) -> Run:
    """Return sumproduct's sweeps: a graph of Python objects."""
    from sumproduct import Factor, FactorGraph, Variable

    l = own(shape).ravel()

    def run(sweeps: int) -> np.ndarray:
        graph, nodes = FactorGraph(silent=True), [Variable(f"s{k}", 2) for k in range(l.size)]
        for k, node in enumerate(nodes):
            graph.add(Factor(f"h{k}", np.exp([0.0, l[k]])))
            graph.append(f"h{k}", node)
        for a, b in pairs(shape):
            graph.add(Factor(f"e{a}_{b}", np.exp(J * np.array([[1.0, -1.0], [-1.0, 1.0]]))))
            graph.append(f"e{a}_{b}", nodes[a])
            graph.append(f"e{a}_{b}", nodes[b])
        graph.compute_marginals(max_iter=sweeps, tolerance=0.0)
        return np.array([node.marginal()[1] for node in nodes]).reshape(shape)

    return run


PEERS = {
    "tvbi_ref, readable": (partial(ours, "numpy"), LAYER),
    "PGMax (JAX, float32)": (pgmax, LAYER),
    "fbgbp (C++, float32)": (fbgbp, LAYER),
    "ldpc (C++)": (ldpc, LAYER),
    "sumproduct (Python)": (sumproduct, SMALL),
}
"""By name, with the shape of the grid that is swept."""


def installed() -> dict[str, Run]:
    """Return the runs of those that are there, ours first, and say who is not."""
    there = {"tvbi_ref": ours("numba", LAYER)}
    for name, (peer, shape) in PEERS.items():
        package = name.split(",")[0].split(" ")[0].lower()
        if find_spec(package):
            there[name] = peer(shape)
        else:
            print(f"  {package} is not installed, left out")
    return there


def agree(name: str, run: Run, shape: tuple[int, int]) -> float:
    """Return how far a peer's beliefs are from the readable form's after as many sweeps."""
    gap = float(np.abs(run(SWEEPS) - ours("numpy", shape)(SWEEPS)).max())
    if gap > 1e-4:
        raise AssertionError(f"{name} does not compute the same: beliefs differ by {gap:.1e}")
    return gap


def race(runs: dict[str, Run], rounds: int = ROUNDS) -> dict[str, list[float]]:
    """Return nanoseconds a node and sweep, a number a round: of the sweeps after the first ones."""
    shapes = {name: PEERS[name][1] if name in PEERS else LAYER for name in runs}
    for run in runs.values():  # compiles
        run(SWEEPS), run(2 * SWEEPS)
    costs: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            more = seconds(lambda run=run: run(2 * SWEEPS)) - seconds(lambda run=run: run(SWEEPS))
            costs[name].append(more / SWEEPS / np.prod(shapes[name]) * 1e9)
    return costs


def pgmpy_exact_seconds(shape: tuple[int, int] = (8, 6)) -> float:
    """Return the seconds of pgmpy's exact junction tree on a tiny grid."""
    from pgmpy.factors.discrete import DiscreteFactor
    from pgmpy.inference import BeliefPropagation
    from pgmpy.models import MarkovNetwork

    model, psi = MarkovNetwork(), np.exp(J * np.array([1.0, -1.0, -1.0, 1.0]))
    for k, odds in enumerate(own(shape).ravel()):
        model.add_node(k)
        model.add_factors(DiscreteFactor([k], [2], np.exp([0.0, odds])))
    for a, b in pairs(shape).tolist():
        model.add_edge(a, b)
        model.add_factors(DiscreteFactor([a, b], [2, 2], psi))
    return seconds(BeliefPropagation(model).calibrate)


def main() -> None:
    """Print the table, each cost also as a multiple of our fast form's."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})  # before JAX makes its threads
    print(f"grid {LAYER}, field {FIELD}, J {J}; one core; medians (quartiles)")
    runs = installed()
    for name, (_, shape) in PEERS.items():
        if name in runs:
            gap = agree(name, runs[name], shape)
            print(f"  {name} gives our beliefs after {SWEEPS} sweeps to {gap:.0e}")
    costs = race(runs)
    print(f"  {'':24}{'ns a node and sweep':>28}{'times ours':>30}")
    for name, cost in costs.items():
        print(f"  {name:24}{spread(cost, 1):>28}{spread(ratios(cost, costs['tvbi_ref']), 1):>30}")
    if find_spec("pgmpy"):
        print(f"  pgmpy's exact junction tree on 8 x 6: {pgmpy_exact_seconds():.1f} s")


if __name__ == "__main__":
    main()

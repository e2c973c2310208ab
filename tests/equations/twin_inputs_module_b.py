"""What the fast forms of Modules A and B are tried on, for `test_twins.py`."""

import numpy as np

from tvbi_ref.gamma import Gamma
from tvbi_ref.module_b import Columns, Rows, Tiles
from tvbi_ref.module_b.graph import MAX_LOG_ODDS, saturation
from tvbi_ref.module_b.grid import MAX_COUPLING
from tvbi_ref.module_b.slots import Slots

SHAPES = [(1, 1), (1, 6), (6, 1), (2, 2), (3, 4), (5, 3)]


def chain_inputs(rng):
    """Yield (evidence, p01, p10), to beyond where e^x overflows."""
    for shape in SHAPES:
        for size in (1.0, 30.0, 599.0, 601.0, 1e4):
            evidence = rng.uniform(-size, size, shape)
            for p01, p10 in [rng.uniform(0.01, 0.99, 2), (1e-12, 1e-12), (1e-12, 1 - 1e-12)]:
                yield evidence, float(p01), float(p10)


def sum_product_inputs(rng):
    """Yield (cavity, psi): numbers and arrays, certainties, potentials from 1e-300 on."""
    certain = [np.eye(2), np.array([[0.5, 0.5], [0.0, 1.0]]), np.array([[1.0, 0.0], [0.2, 0.8]])]
    certain += [1 - np.eye(2), np.array([[0.0, 1.0], [1.0, 1.0]])]
    rare = np.array([[1.0, 1e-300], [1e-300, 1.0]])
    for psi in [*rng.uniform(0.01, 2, (3, 2, 2)), rare, *certain]:
        for size in (1.0, 30.0, 700.0, 1e4):
            yield rng.uniform(-size, size, (3, 4)), psi
        yield 2.5, psi


def group_inputs(rng):
    """Yield (evidence, labels, p_alive, p_in, p_out), hard and ragged groups among them."""
    for shape in SHAPES:
        for size in (1.0, 30.0, 800.0):
            evidence = rng.uniform(-size, size, shape)
            for p_in, p_out in ((0.8, 0.1), (1.0, 0.0), (0.7, 0.0), (1.0, 0.2), (0.5, 1e-12)):
                for partition in (Columns(), Rows(), Tiles(2, 3)):
                    p_alive = float(rng.uniform(0.01, 0.99))
                    yield evidence, partition.labels(shape), p_alive, p_in, p_out


def logistic_inputs(rng):
    """Yield (log_odds,): numbers and arrays, certainties and what is no number."""
    yield (2.5,)
    yield (np.array([np.inf, -np.inf, np.nan, 0.0]),)
    for shape in SHAPES:
        for size in (1.0, 30.0, 1e4):
            yield (rng.uniform(-size, size, shape),)
            yield (rng.uniform(-size, size, shape).T,)


def belief_inputs(rng):
    """Yield (field, evidence, messages)."""
    yield -1.0, 2.5, []
    for shape in SHAPES:
        for size in (1.0, 30.0, 1e4):
            field, evidence, *messages = rng.uniform(-size, size, (4, *shape))
            yield field, evidence, messages
            yield field.T, evidence.T, np.empty((0, *shape[::-1]))


def second_moments(rng):
    """Yield (m, active, inactive): from nothing to what overflows, and what is no number."""
    gammas = Gamma(1.0, 0.02), Gamma(1.0, 2e-6)
    yield 0.5, *gammas
    yield np.array([0.0, 1e-300, 1e300, np.inf, np.nan]), *gammas
    for shape in SHAPES:
        for a, a_bar in ((1.0, 1.0), rng.uniform(0.1, 5, 2).tolist()):
            yield rng.gamma(0.5, 1.0, shape), Gamma(a, 0.1), Gamma(a_bar, 1e-5)


def precision_inputs(rng):
    """Yield (m, q_support, active, inactive)."""
    for m, *gammas in second_moments(rng):
        yield m, rng.random(np.shape(m)), *gammas
        yield m, float(rng.random()), *gammas


def heard_inputs(rng):
    """Yield (odds,): messages as far as they may go."""
    for shape in SHAPES:
        for J in (0.3, MAX_COUPLING):
            yield (with_rim(np.exp(rng.uniform(-2 * J, 2 * J, (4, *shape)))),)


def with_rim(odds):
    odds[0, 0] = odds[1, -1] = 1.0
    odds[2, :, 0] = odds[3, :, -1] = 1.0
    return odds


def grid_inputs(rng):
    """Yield (own, odds, coupling_row, coupling_col, sweeps, tol, damping)."""
    for shape in SHAPES:
        for size, J in ((1.0, 0.3), (20.0, 2.0), (200.0, MAX_COUPLING)):
            for damping, sweeps, tol in ((0.0, 1, 0.0), (0.4, 3, 0.0), (0.0, 30, 1e-3)):
                odds = with_rim(np.exp(rng.uniform(-2 * J, 2 * J, (4, *shape))))
                couplings = rng.uniform(-J, J, 2).tolist()
                yield rng.uniform(-size, size, shape), odds, *couplings, sweeps, tol, damping
    yield from grid_extremes(rng)


def grid_extremes(rng):
    """Yield inputs in which all that a node hears points the same way, as far as it may."""
    shape, J = (5, 5), MAX_COUPLING
    for side in (-1, 1):
        own = np.full(shape, side * 1000.0)
        odds = with_rim(np.exp(side * 2 * J * rng.uniform(0.9, 1, (4, *shape))))
        for t in (-J, J):
            # One sweep: the second one's residual would be rounding error and nothing else.
            yield own, odds, t, t, 1, 0.0, 0.0


def random_slots(rng):
    """Yield the slots of random graphs, one of them without edges and one a star."""
    pairs = np.array([(a, b) for a in range(9) for b in range(a)])
    yield Slots.of(np.empty((0, 2), dtype=np.int64))
    yield Slots.of(np.array([(4, k) for k in range(4)]))
    for n_edges in (1, 8, 20, 36):
        yield Slots.of(rng.permutation(pairs)[:n_edges])


def graph_inputs(rng):
    """Yield (own, odds, couplings, slots, sweeps, tol, damping)."""
    for slots in random_slots(rng):
        for size, J in ((1.0, 0.3), (20.0, 2.0), (2 * MAX_LOG_ODDS, 15.0)):
            for damping, sweeps in ((0.0, 1), (0.4, 3)):
                couplings = rng.uniform(-J, J, 36)[slots.edge]
                saturation(slots, couplings)  # allowed
                own = rng.uniform(-size, size, len(slots.nodes))
                odds = np.exp(rng.uniform(-1, 1, len(slots.edge)) * 2 * np.abs(couplings))
                yield own, odds, couplings, slots, sweeps, 0.0, damping


def penalty_inputs(rng):
    """Yield (d_mean, d_log_variance, mean, variance, expected_precision, weight)."""
    for dtype in (np.float64, np.float32):
        for shape in ((1, 1), (3, 5), (2, 3, 2, 2)):
            arrays = rng.normal(size=(3, *shape)).astype(dtype)
            variance, rho = rng.gamma(1.0, 1.0, (2, *shape)).astype(dtype)
            yield *arrays, variance, rho, float(rng.random())


INPUTS = {
    "belief": belief_inputs,
    "add-penalty-gradient": penalty_inputs,
    "chain": chain_inputs,
    "evidence-collapsed": second_moments,
    "graph": graph_inputs,
    "grid": grid_inputs,
    "group": group_inputs,
    "heard-in-all": heard_inputs,
    "precision-collapsed": precision_inputs,
    "sum-product": sum_product_inputs,
    "support-probability": logistic_inputs,
}

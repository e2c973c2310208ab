"""Grids: exact on trees, close to enumeration on loops, and right in their symmetries."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.special import logit

from tvbi_ref import module_b
from tvbi_ref.errors import UniquenessWarning
from tvbi_ref.module_b import ChainSupport, GridSupport, IndependentSupport, exact
from tvbi_ref.module_b.grid import (
    ABOVE,
    BELOW,
    LEFT,
    MAX_COUPLING,
    RIGHT,
    SWEEPS_AT_ONCE,
    Border,
)

quick = settings(max_examples=30, deadline=None, derandomize=True)
weak = st.floats(-0.34, 0.34)
strong = st.floats(-3, 3)
probabilities = st.floats(0.02, 0.98)
TIGHT = {"tol": 1e-13, "sweeps": 3000}


def layers(*shapes, size=8.0):
    return st.sampled_from(shapes).flatmap(
        lambda shape: hnp.arrays(np.float64, shape, elements=st.floats(-size, size))
    )


loopy = layers((2, 2), (3, 3), (3, 4), (4, 2))


def ising_grid(h, J_row, J_col, border=None):
    """Build a grid, catching the warning where the couplings are strong."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UniquenessWarning)
        return GridSupport(h, J_row, J_col, border or Border())


def start_messages(shape, J_row, J_col, draw):
    """Return messages t^u in odds, u drawn from [-1, 1] edge by edge; the rim hears 1."""
    messages = np.ones((4, *shape))
    for k, where, J in (
        (ABOVE, np.s_[1:], J_col),
        (BELOW, np.s_[:-1], J_col),
        (LEFT, np.s_[:, 1:], J_row),
        (RIGHT, np.s_[:, :-1], J_row),
    ):
        part = messages[k][where]
        part[...] = np.exp(2 * abs(J) * draw(part.shape))
    return messages


# Where it is exact


@quick
@given(layers((1, 1), (1, 5), (4, 3)), st.floats(-20, 20))
def test_without_coupling_a_grid_is_an_independent_support(evidence, h):
    answer = GridSupport(h, 0.0, 0.0).extrinsic(evidence)
    independent = IndependentSupport(h).extrinsic(evidence)
    np.testing.assert_allclose(answer.log_odds, independent.log_odds, atol=1e-12)
    np.testing.assert_allclose(answer.belief, independent.belief, rtol=1e-12)


@quick
@given(layers((7, 1), (1, 7), size=20.0), strong, strong, st.floats(-3, 3))
def test_a_grid_of_one_row_or_column_is_a_tree_and_exact(
    enumerated_extrinsic, evidence, J_row, J_col, h
):
    def log_prior(states):
        return exact.ising_log_weights(states, h, J_row, J_col)

    answer = ising_grid(h, J_row, J_col).extrinsic(evidence, **TIGHT)
    expected = enumerated_extrinsic(log_prior, evidence)
    np.testing.assert_allclose(answer.log_odds, expected, atol=1e-9)


@quick
@given(layers((3, 3), (4, 2)), strong, st.booleans())
def test_coupled_in_one_direction_only_a_grid_is_many_chains_and_exact(
    enumerated_extrinsic, evidence, J, along_rows
):
    J_row, J_col = (J, 0.0) if along_rows else (0.0, J)

    def log_prior(states):
        return exact.ising_log_weights(states, -0.5, J_row, J_col)

    answer = ising_grid(-0.5, J_row, J_col).extrinsic(evidence, **TIGHT)
    expected = enumerated_extrinsic(log_prior, evidence)
    np.testing.assert_allclose(answer.log_odds, expected, atol=1e-9)


@quick
@given(layers((6, 4), (1, 5), (5, 1)), probabilities, probabilities)
def test_a_neutral_row_chain_leaves_the_chains_down_the_columns(evidence, p01, p10):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UniquenessWarning)
        grid = GridSupport.from_markov(0.5, 0.5, p01, p10)
    chain = ChainSupport(p01, p10)
    np.testing.assert_allclose(
        grid.extrinsic(evidence, **TIGHT).log_odds, chain.extrinsic(evidence).log_odds, atol=1e-9
    )


@quick
@given(layers((6, 4), (1, 5), (5, 1)), probabilities, probabilities)
def test_a_neutral_column_chain_leaves_the_chains_along_the_rows(evidence, p01, p10):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UniquenessWarning)
        grid = GridSupport.from_markov(p01, p10, 0.5, 0.5)
    chain = ChainSupport(p01, p10, axis=1)
    np.testing.assert_allclose(
        grid.extrinsic(evidence, **TIGHT).log_odds, chain.extrinsic(evidence).log_odds, atol=1e-9
    )


@quick
@given(layers((6, 4)), probabilities, probabilities, probabilities)
def test_a_memoryless_row_chain_acts_as_a_field(evidence, p, p01, p10):
    field = float(logit(p))
    grid = GridSupport.from_markov(p, 1 - p, p01, p10)
    chain = ChainSupport(p01, p10).extrinsic(evidence + field)
    np.testing.assert_allclose(
        grid.extrinsic(evidence, **TIGHT).log_odds, chain.log_odds + field, atol=1e-9
    )


@quick
@given(
    st.sampled_from([(3, 3), (1, 3), (3, 1), (1, 1), (2, 4)]),
    probabilities,
    probabilities,
    probabilities,
    probabilities,
)
def test_from_markov_is_the_product_of_all_chains_up_to_a_constant(
    shape, p01_row, p10_row, p01_col, p10_col
):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UniquenessWarning)
        grid = GridSupport.from_markov(p01_row, p10_row, p01_col, p10_col)
    states = exact.all_states(shape)
    columns = exact.chain_log_weights(states, p01_col, p10_col)
    rows = exact.chain_log_weights(states.transpose(0, 2, 1), p01_row, p10_row)
    ratio = np.array([grid.log_prob(s) for s in states]) - columns - rows
    np.testing.assert_allclose(ratio, ratio[0], atol=1e-9)


def test_the_marginal_of_a_product_of_chains_is_not_the_chains_stationary_value():
    grid = GridSupport.from_markov(0.3, 0.5, 0.3, 0.5)

    def log_prior(states):
        return exact.ising_log_weights(
            states, grid.node_field((3, 3)), grid.coupling_row, grid.coupling_col
        )

    true_density = exact.marginals((3, 3), log_prior).mean()
    assert grid.density((3, 3)) == pytest.approx(true_density, abs=1e-3)
    assert true_density < 0.3 < 0.375  # the stationary value of each chain


def test_the_density_is_exact_on_a_tree():
    grid = GridSupport(-0.7, 0.0, 0.4)
    expected = exact.enumerate_marginals(np.full((6, 1), -0.7), 0.0, 0.4).mean()
    assert grid.density((6, 1)) == pytest.approx(expected, rel=1e-7)
    assert grid.density((6, 5)) == pytest.approx(expected, rel=1e-7)


@quick
@given(layers((6, 1), (1, 6), size=20.0), weak, st.data())
def test_on_a_tree_the_extrinsic_message_never_contains_the_own_evidence(evidence, J, data):
    n = tuple(data.draw(st.integers(0, size - 1)) for size in evidence.shape)
    changed = evidence.copy()
    changed[n] = data.draw(st.floats(-300, 300))
    grid = GridSupport(-1.0, J, J)
    before = grid.extrinsic(evidence, **TIGHT).log_odds[n]
    assert grid.extrinsic(changed, **TIGHT).log_odds[n] == pytest.approx(before, abs=1e-11)


def test_on_a_tree_as_many_sweeps_as_the_longest_path_are_enough():
    evidence = np.random.default_rng(0).normal(size=(8, 1))
    grid = GridSupport(0.0, 0.0, 0.6)
    answer = grid.extrinsic(evidence, tol=1e-14)
    # Seven edges, and one sweep that sees no change; the residual is looked at after the
    # first sweep and after every fourth from there.
    assert answer.sweeps == 9
    assert (answer.residuals[7:] <= 1e-14).all()
    further = grid.extrinsic(evidence, answer.state, sweeps=50, tol=0.0)
    np.testing.assert_allclose(further.log_odds, answer.log_odds, atol=1e-13)


# Where it is approximate


def gap(shape, J_row, J_col, seed):
    """Return the largest error of a belief against enumeration, for fields of order one."""
    h = np.random.default_rng(seed).normal(size=shape)
    answer = ising_grid(h, J_row, J_col).extrinsic(np.zeros(shape), **TIGHT)
    return float(np.abs(answer.belief - exact.enumerate_marginals(h, J_row, J_col)).max())


@pytest.mark.parametrize("signs", [(1, 1), (1, -1), (-1, -1)])
@pytest.mark.parametrize(("J", "bound"), [(0.1, 3e-4), (0.2, 0.005), (0.25, 0.012), (0.3, 0.03)])
def test_on_loops_the_beliefs_are_close_to_enumeration(J, bound, signs):
    J_row, J_col = J * signs[0], J * signs[1]
    gaps = [gap(shape, J_row, J_col, k) for k in range(5) for shape in ((3, 3), (3, 4), (2, 5))]
    assert 0 < max(gaps) < bound


def test_the_gap_to_enumeration_shrinks_as_the_coupling_goes_to_zero():
    """The shortest loop has four edges: halving the coupling divides the gap by about 2^4."""
    gaps = np.array([gap((3, 4), J, J, seed=0) for J in (0.2, 0.1, 0.05, 0.025)])
    slopes = np.log2(gaps[:-1] / gaps[1:])
    assert (np.diff(gaps) < 0).all()
    assert (slopes > 3.5).all()
    assert slopes[-1] == pytest.approx(4.0, abs=0.3)


# The message equations


def heard_by(node, messages, but=None):
    """Return the messages that a node hears, all or all but one sender's."""
    return [m for (who, whom), m in messages.items() if whom == node and who != but]


def naive_sweep(messages, h, evidence, J_row, J_col):
    """Return the next log-odds messages, each from `cavity` and `ising_message` alone.

    `messages` is a dict: (sender, receiver) -> log-odds.
    """
    new = {}
    for sender, receiver in messages:
        c = module_b.cavity(h[sender], evidence[sender], heard_by(sender, messages, but=receiver))
        J = J_row if sender[0] == receiver[0] else J_col
        new[sender, receiver] = float(module_b.ising_message(c, J))
    return new


def edges(shape):
    """Return all (sender, receiver) pairs of a grid, both ways."""
    n_rows, n_cols = shape
    steps = [(1, 0), (-1, 0), (0, 1), (0, -1)]
    return [
        ((i, j), (i + di, j + dj))
        for i in range(n_rows)
        for j in range(n_cols)
        for di, dj in steps
        if 0 <= i + di < n_rows and 0 <= j + dj < n_cols
    ]


@pytest.mark.parametrize("shape", [(3, 4), (1, 5), (4, 1), (2, 2)])
@pytest.mark.parametrize("n_sweeps", [1, 2, 7])
def test_each_sweep_is_the_message_equations_node_by_node(shape, n_sweeps):
    rng = np.random.default_rng(0)
    h, evidence = rng.normal(size=(2, *shape))
    messages = dict.fromkeys(edges(shape), 0.0)
    for _ in range(n_sweeps):
        messages = naive_sweep(messages, h, evidence, 0.2, -0.3)
    answer = GridSupport(h, 0.2, -0.3).extrinsic(evidence, sweeps=n_sweeps, tol=0.0)
    for n in np.ndindex(*shape):
        expected = float(module_b.extrinsic_b(h[n], heard_by(n, messages)))
        assert answer.log_odds[n] == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("border", [Border(), Border(0.3, -0.4, 0.5, -0.6)])
def test_the_fixed_point_satisfies_the_message_equations_node_by_node(border):
    shape = (4, 3)
    rng = np.random.default_rng(1)
    h, evidence = rng.normal(size=(2, *shape))
    grid = GridSupport(h, 0.25, 0.35, border)
    answer = grid.extrinsic(evidence, **TIGHT)
    sides = {(-1, 0): ABOVE, (1, 0): BELOW, (0, -1): LEFT, (0, 1): RIGHT}
    messages = {}
    for sender, receiver in edges(shape):
        side = sides[sender[0] - receiver[0], sender[1] - receiver[1]]
        messages[sender, receiver] = float(np.log(answer.state[side][receiver]))
    full_field = grid.node_field(shape)
    again = naive_sweep(messages, full_field, evidence, 0.25, 0.35)
    for edge, m in messages.items():
        assert again[edge] == pytest.approx(m, abs=1e-11)
    for n in np.ndindex(*shape):
        heard = heard_by(n, messages)
        extrinsic = module_b.extrinsic_b(full_field[n], heard)
        assert answer.log_odds[n] == pytest.approx(float(extrinsic), abs=1e-12)
        expected = float(module_b.belief(full_field[n], evidence[n], heard))
        assert answer.belief[n] == pytest.approx(expected, abs=1e-12)


def test_the_messages_of_the_rim_stay_silent():
    state = GridSupport(-1.0, 0.2, 0.2).extrinsic(np.ones((3, 4))).state
    for k, rim in (
        (ABOVE, np.s_[0]),
        (BELOW, np.s_[-1]),
        (LEFT, np.s_[:, 0]),
        (RIGHT, np.s_[:, -1]),
    ):
        np.testing.assert_array_equal(state[k][rim], 1.0)


# Symmetries


@quick
@given(loopy, weak, weak)
def test_transposing_the_layer_swaps_the_couplings(evidence, J_row, J_col):
    border = Border(top=0.1, bottom=-0.2, left=0.3, right=-0.4)
    swapped = Border(top=0.3, bottom=-0.4, left=0.1, right=-0.2)
    answer = ising_grid(-0.5, J_row, J_col, border).extrinsic(evidence, **TIGHT)
    transposed = ising_grid(-0.5, J_col, J_row, swapped).extrinsic(evidence.T, **TIGHT)
    np.testing.assert_allclose(transposed.log_odds.T, answer.log_odds, atol=1e-10)


@quick
@given(loopy, weak, weak)
def test_flipping_the_layer_flips_the_answer(evidence, J_row, J_col):
    grid = ising_grid(-0.5, J_row, J_col)
    answer = grid.extrinsic(evidence, **TIGHT).log_odds
    upside_down = grid.extrinsic(evidence[::-1], **TIGHT).log_odds[::-1]
    mirrored = grid.extrinsic(evidence[:, ::-1], **TIGHT).log_odds[:, ::-1]
    np.testing.assert_allclose(upside_down, answer, atol=1e-10)
    np.testing.assert_allclose(mirrored, answer, atol=1e-10)


@quick
@given(loopy, weak, weak, st.floats(-3, 3))
def test_negating_field_and_evidence_negates_the_answer(evidence, J_row, J_col, h):
    answer = ising_grid(h, J_row, J_col).extrinsic(evidence, **TIGHT).log_odds
    flipped = ising_grid(-h, J_row, J_col).extrinsic(-evidence, **TIGHT).log_odds
    np.testing.assert_allclose(flipped, -answer, atol=1e-10)


@quick
@given(loopy, weak, weak)
def test_negating_the_couplings_and_every_second_node_negates_every_second_answer(
    evidence, J_row, J_col
):
    chessboard = (-1.0) ** np.indices(evidence.shape).sum(axis=0)
    answer = ising_grid(0.0, J_row, J_col).extrinsic(evidence, **TIGHT).log_odds
    gauged = ising_grid(0.0, -J_row, -J_col).extrinsic(chessboard * evidence, **TIGHT).log_odds
    np.testing.assert_allclose(chessboard * gauged, answer, atol=1e-10)


@quick
@given(loopy, st.floats(0, 0.3), st.data())
def test_attractive_couplings_make_every_answer_grow_with_every_evidence(evidence, J, data):
    n = tuple(data.draw(st.integers(0, size - 1)) for size in evidence.shape)
    more = evidence.copy()
    more[n] += data.draw(st.floats(0, 5))
    grid = ising_grid(-1.0, J, J)
    change = grid.extrinsic(more, **TIGHT).log_odds - grid.extrinsic(evidence, **TIGHT).log_odds
    assert (change >= -1e-10).all()


def test_a_constant_field_may_be_a_number_an_array_or_part_of_the_evidence():
    evidence = np.random.default_rng(2).normal(size=(3, 4))
    number = GridSupport(-0.8, 0.2, 0.3).extrinsic(evidence).log_odds
    array = GridSupport(np.full((3, 4), -0.8), 0.2, 0.3).extrinsic(evidence).log_odds
    shifted = GridSupport(0.0, 0.2, 0.3).extrinsic(evidence - 0.8).log_odds - 0.8
    np.testing.assert_array_equal(array, number)
    np.testing.assert_allclose(shifted, number, atol=1e-12)


def test_a_border_is_a_field_on_the_rim():
    evidence = np.random.default_rng(3).normal(size=(3, 4))
    h = np.zeros((3, 4))
    h[0] += 0.1
    h[-1] += 0.2
    h[:, 0] += 0.3
    h[:, -1] += 0.4
    by_border = GridSupport(0.0, 0.2, 0.3, Border(0.1, 0.2, 0.3, 0.4))
    np.testing.assert_allclose(by_border.node_field((3, 4)), h, atol=1e-15)
    np.testing.assert_allclose(
        by_border.extrinsic(evidence).log_odds,
        GridSupport(h, 0.2, 0.3).extrinsic(evidence).log_odds,
        atol=1e-12,
    )


def test_a_layer_of_one_node_hears_only_its_field_and_the_whole_rim():
    answer = GridSupport(-1.0, 0.2, 0.3, Border(0.1, 0.2, 0.3, 0.4)).extrinsic([[5.0]])
    np.testing.assert_allclose(answer.log_odds, [[0.0]], atol=1e-15)


def test_the_field_given_is_copied():
    h = np.zeros((2, 2))
    grid = GridSupport(h, 0.1, 0.1)
    h[:] = 100.0
    assert (grid.node_field((2, 2)) == 0).all()


# Schedule


def test_a_warm_start_from_the_converged_state_takes_one_sweep_and_changes_nothing():
    evidence = np.random.default_rng(4).normal(size=(6, 5))
    grid = GridSupport(-1.0, 0.2, 0.4)
    cold = grid.extrinsic(evidence, tol=1e-10)
    warm = grid.extrinsic(evidence, cold.state, tol=1e-10)
    assert cold.sweeps > 5
    assert warm.sweeps == 1
    np.testing.assert_allclose(warm.log_odds, cold.log_odds, atol=1e-9)


def test_stopping_and_going_on_is_the_same_as_going_on():
    evidence = np.random.default_rng(5).normal(size=(4, 5))
    grid = GridSupport(-1.0, 0.2, 0.4)
    at_once = grid.extrinsic(evidence, sweeps=7, tol=0.0)
    first = grid.extrinsic(evidence, sweeps=3, tol=0.0)
    kept = first.state.copy()
    rest = grid.extrinsic(evidence, first.state, sweeps=4, tol=0.0)
    np.testing.assert_array_equal(first.state, kept)
    np.testing.assert_array_equal(rest.log_odds, at_once.log_odds)
    np.testing.assert_array_equal(
        np.concatenate([first.residuals, rest.residuals]), at_once.residuals
    )


@pytest.mark.parametrize("damping", [0.1, 0.5, 0.9])
def test_damping_changes_the_way_and_not_the_fixed_point(damping):
    evidence = np.random.default_rng(6).normal(size=(4, 5))
    grid = GridSupport(-1.0, 0.25, 0.3)
    plain = grid.extrinsic(evidence, **TIGHT)
    damped = grid.extrinsic(evidence, **TIGHT, damping=damping)
    assert damped.sweeps > plain.sweeps
    np.testing.assert_allclose(damped.log_odds, plain.log_odds, atol=1e-11)


def test_residuals_fall_at_least_as_fast_as_the_uniqueness_value_says():
    grid = GridSupport(0.0, 0.25, 0.3)
    evidence = np.random.default_rng(7).normal(size=(6, 6))
    residuals = grid.extrinsic(evidence, tol=1e-12, sweeps=500).residuals
    rate = (residuals[-1] / residuals[5]) ** (1 / (len(residuals) - 6))
    assert residuals[-1] <= 1e-12
    assert rate < grid.uniqueness


def test_the_number_of_sweeps_is_an_upper_limit_and_the_tolerance_stops_earlier():
    grid, evidence = GridSupport(-1.0, 0.3, 0.3), np.random.default_rng(8).normal(size=(5, 5))
    assert grid.extrinsic(evidence, sweeps=2, tol=0.0).sweeps == 2
    answer = grid.extrinsic(evidence, tol=1e-3)
    assert answer.residual <= 1e-3
    assert answer.residuals[-SWEEPS_AT_ONCE - 1] > 1e-3


# Uniqueness


@quick
@given(st.floats(-0.345, 0.345), st.floats(-5, 5))
def test_the_uniqueness_value_has_the_closed_forms_of_one_and_of_equal_couplings(J, alone):
    assert GridSupport(0.0, J, J).uniqueness == pytest.approx(3 * np.tanh(abs(J)), abs=1e-12)
    assert GridSupport(0.0, J, -J).uniqueness == pytest.approx(3 * np.tanh(abs(J)), abs=1e-12)
    assert GridSupport(0.0, alone, 0.0).uniqueness == pytest.approx(np.tanh(abs(alone)), abs=1e-12)
    assert GridSupport(0.0, 0.0, alone).uniqueness == pytest.approx(np.tanh(abs(alone)), abs=1e-12)


@quick
@given(strong, strong)
def test_the_uniqueness_value_is_a_spectral_radius(J_row, J_col):
    r, c = np.tanh(abs(J_row)), np.tanh(abs(J_col))
    radius = np.abs(np.linalg.eigvals([[c, 2 * r], [2 * c, r]])).max()
    assert ising_grid(0.0, J_row, J_col).uniqueness == pytest.approx(radius, abs=1e-9)


def non_backtracking_radius(shape, J_row, J_col):
    """Return the spectral radius of the matrix of which message feeds which, and how strongly."""
    directed = edges(shape)
    B = np.zeros((len(directed), len(directed)))
    for a, (i, j) in enumerate(directed):
        for b, (k, m) in enumerate(directed):
            if j == k and m != i:
                B[a, b] = np.tanh(abs(J_row if k[0] == m[0] else J_col))
    return np.abs(np.linalg.eigvals(B)).max()


@pytest.mark.parametrize(("J_row", "J_col"), [(0.3, 0.3), (0.1, 0.8), (-0.5, 0.2), (1.0, 1.0)])
def test_the_uniqueness_value_dominates_the_non_backtracking_matrix_of_a_finite_grid(J_row, J_col):
    bound = ising_grid(0.0, J_row, J_col).uniqueness
    radii = [non_backtracking_radius(shape, J_row, J_col) for shape in ((2, 2), (3, 3), (5, 5))]
    assert radii[0] < radii[1] < radii[2] < bound
    assert radii[2] > 0.7 * bound


@settings(max_examples=25, deadline=None, derandomize=True)
@given(loopy, st.floats(-1.5, 1.5), st.floats(0, 0.97), st.integers(0, 2**32 - 1))
def test_below_one_every_start_leads_to_the_same_answer(evidence, J_row, share, seed):
    # J_col is what brings the uniqueness value to `share` of the way to its bound.
    r = np.tanh(abs(J_row))
    value = r + share * (1 - r)
    c = value * (value - r) / (value + 3 * r) if value > 0 else 0.0
    grid = GridSupport(0.0, J_row, float(np.arctanh(c)))
    assert grid.uniqueness == pytest.approx(value, abs=1e-9)
    rng = np.random.default_rng(seed)
    start = start_messages(
        evidence.shape, J_row, grid.coupling_col, lambda size: rng.uniform(-1, 1, size)
    )
    cold = grid.extrinsic(evidence, **TIGHT)
    other = grid.extrinsic(evidence, start, **TIGHT)
    np.testing.assert_allclose(other.log_odds, cold.log_odds, atol=1e-9)


def test_from_one_on_a_grid_warns_and_says_the_number():
    with pytest.warns(UniquenessWarning, match=r"uniqueness value is 1\.386"):
        GridSupport(0.0, 0.5, 0.5)
    with pytest.warns(UniquenessWarning, match="uniqueness value is"):
        GridSupport.from_markov(0.1, 0.1, 0.1, 0.1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        GridSupport(0.0, 0.3465, 0.3465)
        GridSupport(0.0, 0.0, 5.0)


def test_the_warning_points_at_the_line_that_built_the_grid():
    with pytest.warns(UniquenessWarning) as caught:
        GridSupport(0.0, 0.5, 0.5)
    assert caught[0].filename == __file__


def test_strong_couplings_are_bistable_the_answer_depends_on_the_start():
    with pytest.warns(UniquenessWarning, match=r"2\.285"):
        grid = GridSupport(0.0, 1.0, 1.0)
    shape = (6, 6)
    hopeful = start_messages(shape, 1.0, 1.0, lambda _: 0.9)
    gloomy = start_messages(shape, 1.0, 1.0, lambda _: -0.9)
    on = grid.extrinsic(np.zeros(shape), hopeful, **TIGHT)
    off = grid.extrinsic(np.zeros(shape), gloomy, **TIGHT)
    assert on.residual <= 1e-13
    assert off.residual <= 1e-13
    assert (on.belief > 0.9).all()
    assert (off.belief < 0.1).all()
    np.testing.assert_allclose(on.log_odds, -off.log_odds, atol=1e-9)


# Extremes


@pytest.mark.parametrize("shape", [(1, 1), (1, 4), (5, 5)])
@pytest.mark.parametrize("size", [700.0, 1e3, 1e6])
@pytest.mark.parametrize("J_row", [-MAX_COUPLING, 0.0, 0.3, MAX_COUPLING])
@pytest.mark.parametrize("J_col", [-MAX_COUPLING, 0.9 * MAX_COUPLING, MAX_COUPLING])
def test_extremes_give_finite_log_odds_and_beliefs_in_the_unit_interval(shape, size, J_row, J_col):
    signs = np.random.default_rng(0).choice([-1.0, 1.0], size=shape)
    chessboard = (-1.0) ** np.indices(shape).sum(axis=0)
    grid = ising_grid(0.0, J_row, J_col)
    limit = 4 * (abs(J_row) + abs(J_col)) * (1 + 1e-12)
    for pattern in (signs, np.ones(shape), -np.ones(shape), chessboard, -chessboard):
        answer = grid.extrinsic(size * pattern, sweeps=60, damping=0.0)
        assert np.isfinite(answer.log_odds).all()
        assert np.abs(answer.log_odds).max() <= limit
        assert ((answer.belief >= 0) & (answer.belief <= 1)).all()


@pytest.mark.parametrize("J", [-MAX_COUPLING, -1.0, 1.0, 5.0, MAX_COUPLING])
@pytest.mark.parametrize("sign", [-1.0, 1.0])
def test_certain_neighbours_say_exactly_twice_the_coupling_each(J, sign):
    answer = ising_grid(0.0, J, J).extrinsic(np.full((3, 3), sign * 1000.0), sweeps=50, damping=0.0)
    n_neighbours = np.array([[2, 3, 2], [3, 4, 3], [2, 3, 2]])
    np.testing.assert_allclose(answer.log_odds, sign * 2 * J * n_neighbours, rtol=1e-12)


@pytest.mark.parametrize("size", [20.0, 8 * MAX_COUPLING + 39, 8 * MAX_COUPLING + 41, 1e4])
@pytest.mark.parametrize("J", [0.3, 3.0, -3.0, 5.0, -5.0, MAX_COUPLING, -MAX_COUPLING])
def test_saturating_the_evidence_changes_no_message(size, J):
    """The same sweeps in log-odds, where nothing overflows and nothing need be cut."""
    shape = (3, 4)
    evidence = size * np.random.default_rng(1).choice([-1.0, 1.0], size=shape)
    messages = dict.fromkeys(edges(shape), 0.0)
    x = np.array([-1.0, 1.0])
    psi = np.exp(J * np.outer(x, x))
    for _ in range(6):
        new = {}
        for sender, receiver in messages:
            heard = heard_by(sender, messages, but=receiver)
            c = module_b.cavity(0.0, evidence[sender], heard)
            new[sender, receiver] = float(module_b.sum_product(c, psi))
        messages = new
    expected = np.zeros(shape)
    for (_, whom), m in messages.items():
        expected[whom] += m
    answer = ising_grid(0.0, J, J).extrinsic(evidence, sweeps=6, tol=0.0, damping=0.0)
    np.testing.assert_allclose(answer.log_odds, expected, rtol=1e-9, atol=1e-9)

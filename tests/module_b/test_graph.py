"""Graphs: the other priors are special cases, trees are exact, loops are close."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit

from tvbi_ref import module_b
from tvbi_ref.errors import NonFiniteError, UniquenessWarning
from tvbi_ref.module_b import (
    ChainSupport,
    GridSupport,
    IndependentSupport,
    exact,
    gibbs,
    uniqueness,
)
from tvbi_ref.module_b.graph import MAX_LOG_ODDS, GraphSupport
from tvbi_ref.module_b.uniqueness import non_backtracking_radius

quick = settings(max_examples=30, deadline=None, derandomize=True)
seeds = st.integers(0, 2**32 - 1)
probabilities = st.floats(0.02, 0.98)
TIGHT = {"tol": 1e-13, "sweeps": 3000}
NAN, INF = float("nan"), float("inf")


def ising_graph(edges, couplings, field=0.0):
    """Build a graph, catching the warning where the couplings are strong."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UniquenessWarning)
        return GraphSupport(edges, couplings, field)


def from_potentials(edges, potentials, field):
    """Build the field whose edges weigh psi(s, s'): [markov-to-ising] of any psi > 0."""
    edges, field = np.asarray(edges), np.asarray(field, float)
    (ln00, ln01), (ln10, ln11) = np.log(potentials).transpose(1, 2, 0)
    u, v = (ln11 + ln10 - ln01 - ln00) / 2, (ln11 + ln01 - ln10 - ln00) / 2
    h = field.ravel().copy()
    np.add.at(h, edges, np.stack([u, v], axis=1))
    return ising_graph(edges, (ln11 + ln00 - ln10 - ln01) / 4, h.reshape(field.shape))


def grid_edges(n_rows, n_cols):
    """Return the edges down the columns and those along the rows."""
    node = np.arange(n_rows * n_cols).reshape(n_rows, n_cols)
    down = np.stack([node[:-1].ravel(), node[1:].ravel()], axis=1)
    along = np.stack([node[:, :-1].ravel(), node[:, 1:].ravel()], axis=1)
    return down, along


def random_tree(rng, n):
    """Return the n - 1 edges of a random tree, its nodes in random order and edges either way."""
    parents = [rng.integers(k) for k in range(1, n)]
    edges = rng.permutation(n)[np.array([[parent, k + 1] for k, parent in enumerate(parents)])]
    return np.where(rng.random((n - 1, 1)) < 0.5, edges, edges[:, ::-1])


def random_graph(rng, n, n_edges):
    pairs = np.array([(a, b) for a in range(n) for b in range(a)])
    return rng.permuted(pairs[rng.permutation(len(pairs))[:n_edges]], axis=1)


def cycle(n):
    return [(k, (k + 1) % n) for k in range(n)]


def complete(n):
    return [(a, b) for a in range(n) for b in range(a)]


K33 = [(a, b) for a in range(3) for b in range(3, 6)]
PETERSEN = [
    *cycle(5),
    *((k, k + 5) for k in range(5)),
    *((5 + k, 5 + (k + 2) % 5) for k in range(5)),
]


def log_weights(states, edges, couplings, field):
    """Return sum h s + sum J x x' of states (S, I, J), edge by edge."""
    s = states.reshape(len(states), -1)
    total = s @ np.broadcast_to(np.ravel(field), s.shape[1])
    for (a, b), J in zip(edges, np.broadcast_to(couplings, len(edges)), strict=True):
        total = total + J * (2 * s[:, a] - 1) * (2 * s[:, b] - 1)
    return total


def log_potentials(states, edges, potentials, field):
    """Return sum h s + sum ln psi(s_first, s_second) of states (S, I, J), edge by edge."""
    s = states.reshape(len(states), -1).astype(int)
    total = s @ np.broadcast_to(np.ravel(field), s.shape[1])
    for (a, b), psi in zip(edges, potentials, strict=True):
        total = total + np.log(psi)[s[:, a], s[:, b]]
    return total


# Where it is another prior


@quick
@given(st.sampled_from([(4, 5), (1, 6), (6, 1), (1, 1), (2, 2)]), seeds)
def test_with_the_edges_of_a_grid_it_is_the_grid(shape, seed):
    rng = np.random.default_rng(seed)
    J_row, J_col = rng.uniform(-0.34, 0.34, 2)
    h, evidence = rng.normal(0, 3, (2, *shape))
    down, along = grid_edges(*shape)
    couplings = np.repeat([J_col, J_row], [len(down), len(along)])
    answer = GraphSupport(np.concatenate([down, along]), couplings, h).extrinsic(evidence, **TIGHT)
    expected = GridSupport(h, J_row, J_col).extrinsic(evidence, **TIGHT)
    np.testing.assert_allclose(answer.log_odds, expected.log_odds, atol=1e-9)
    np.testing.assert_allclose(answer.belief, expected.belief, atol=1e-9)


@quick
@given(probabilities, probabilities, st.integers(1, 30), st.integers(1, 3), seeds)
def test_paths_down_the_columns_are_the_chains(p01, p10, n_rows, n_cols, seed):
    evidence = np.random.default_rng(seed).normal(0, 4, (n_rows, n_cols))
    down, _ = grid_edges(n_rows, n_cols)
    psi = np.array([[1 - p01, p01], [p10, 1 - p10]])
    start = np.zeros((n_rows, n_cols))
    start[0] = np.log(p01 / p10)
    paths = from_potentials(down, np.tile(psi, (len(down), 1, 1)), start)
    answer = paths.extrinsic(evidence, **TIGHT)
    expected = ChainSupport(p01, p10).extrinsic(evidence)
    np.testing.assert_allclose(answer.log_odds, expected.log_odds, atol=1e-9)


@quick
@given(probabilities, probabilities, probabilities, st.integers(1, 12), seeds)
def test_a_star_around_a_weight_without_evidence_is_the_neuron_group(lam, p_in, p_out, n, seed):
    """The formula of [neuron-group], as it is written there."""
    evidence = np.random.default_rng(seed).normal(0, 3, n)
    r = np.exp(evidence)
    g = (1 - p_in + p_in * r) / (1 - p_out + p_out * r)
    expected = np.empty(n)
    for i in range(n):
        zeta = lam / (1 - lam) * np.prod(np.delete(g, i))
        expected[i] = np.log((p_in * zeta + p_out) / ((1 - p_in) * zeta + 1 - p_out))

    spokes = [(n, i) for i in range(n)]  # z is weight n, and named first
    psi = np.array([[1 - p_out, p_out], [1 - p_in, p_in]])  # psi[z, s] = P(s | z)
    field = np.zeros(n + 1)
    field[n] = np.log(lam / (1 - lam))
    star = from_potentials(spokes, np.tile(psi, (n, 1, 1)), field)
    answer = star.extrinsic(np.append(evidence, 0.0)[:, None], **TIGHT)
    np.testing.assert_allclose(answer.log_odds[:n, 0], expected, atol=1e-9)
    z_odds = field[n] + np.log(g).sum()
    assert answer.log_odds[n, 0] == pytest.approx(z_odds, abs=1e-9)


@pytest.mark.parametrize(
    ("edges", "couplings"),
    [([], 0.7), (np.empty((0, 2), int), []), ([(0, 5), (3, 1)], 0.0), (complete(6), [0.0] * 15)],
)
def test_without_edges_or_couplings_it_is_an_independent_support(edges, couplings):
    evidence = np.random.default_rng(0).normal(0, 9, (2, 3))
    prior = GraphSupport(edges, couplings, -1.5)
    answer = prior.extrinsic(evidence)
    np.testing.assert_allclose(answer.log_odds, -1.5, rtol=1e-15)
    np.testing.assert_array_equal(
        answer.belief, IndependentSupport(-1.5).extrinsic(evidence).belief
    )
    assert answer.sweeps == 1
    assert prior.uniqueness == 0.0
    again = prior.extrinsic(evidence, answer.state)
    np.testing.assert_array_equal(again.log_odds, answer.log_odds)


def test_a_weight_without_an_edge_hears_only_its_field():
    rng = np.random.default_rng(1)
    h, evidence = rng.normal(size=(2, 3, 4))
    answer = GraphSupport([(1, 6), (6, 11)], 0.8, h).extrinsic(evidence)
    alone = np.setdiff1d(np.arange(12), [1, 6, 11])
    np.testing.assert_array_equal(answer.log_odds.ravel()[alone], h.ravel()[alone])
    for n in (1, 6, 11):
        assert answer.log_odds.ravel()[n] != h.ravel()[n]


# Exact on trees


@quick
@given(st.integers(2, 10), seeds)
def test_trees_are_exact(enumerated_extrinsic, n, seed):
    rng = np.random.default_rng(seed)
    edges, J = random_tree(rng, n), rng.normal(0, 1.5, n - 1)
    h, evidence = rng.normal(0, 4, (2, n, 1))

    def log_prior(states):
        return log_weights(states, edges, J, h)

    answer = GraphSupport(edges, J, h).extrinsic(evidence, **TIGHT)
    expected = enumerated_extrinsic(log_prior, evidence)
    np.testing.assert_allclose(answer.log_odds, expected, atol=1e-9)


@quick
@given(st.integers(2, 9), seeds)
def test_trees_of_potentials_are_exact(enumerated_extrinsic, n, seed):
    rng = np.random.default_rng(seed)
    edges, psi = random_tree(rng, n), np.exp(rng.normal(0, 2, (n - 1, 2, 2)))
    h, evidence = rng.normal(0, 4, (2, 1, n))

    def log_prior(states):
        return log_potentials(states, edges, psi, h)

    answer = from_potentials(edges, psi, h).extrinsic(evidence, **TIGHT)
    expected = enumerated_extrinsic(log_prior, evidence)
    np.testing.assert_allclose(answer.log_odds, expected, atol=1e-9)


def test_trees_side_by_side_are_exact_each_and_do_not_hear_each_other(enumerated_extrinsic):
    rng = np.random.default_rng(2)
    edges, J = [(0, 4), (4, 2), (1, 5), (5, 3)], [0.9, -1.2, 2.0, 0.4]
    evidence = rng.normal(0, 3, (2, 4))
    prior = GraphSupport(edges, J, -0.5)
    answer = prior.extrinsic(evidence, **TIGHT)
    expected = enumerated_extrinsic(lambda s: log_weights(s, edges, J, -0.5), evidence)
    np.testing.assert_allclose(answer.log_odds, expected, atol=1e-9)
    evidence[0, 0] += 5.0
    changed = prior.extrinsic(evidence, **TIGHT).log_odds - answer.log_odds
    np.testing.assert_allclose(changed.ravel()[[1, 5, 3, 6, 7]], 0.0, atol=1e-12)
    assert (changed.ravel()[[4, 2]] != 0).all()


@quick
@given(st.integers(2, 12), seeds)
def test_on_a_tree_the_extrinsic_message_never_contains_the_own_evidence(n, seed):
    rng = np.random.default_rng(seed)
    prior = GraphSupport(random_tree(rng, n), rng.normal(size=n - 1))
    evidence = rng.normal(0, 3, (n, 1))
    before = prior.extrinsic(evidence, **TIGHT).log_odds
    k = rng.integers(n)
    evidence[k] = rng.uniform(-300, 300)
    assert prior.extrinsic(evidence, **TIGHT).log_odds[k] == pytest.approx(before[k], abs=1e-11)


def test_on_a_tree_as_many_sweeps_as_the_longest_path_are_enough():
    tree = GraphSupport([(0, 1), (1, 2), (2, 3), (1, 4), (4, 5)], 0.6)
    answer = tree.extrinsic(np.random.default_rng(3).normal(size=(3, 2)), tol=1e-14)
    assert answer.sweeps == 5  # from 3 to 5 are four edges, and one sweep sees no change


# Close on loops


def gap(edges, n, couplings, seed=0):
    """Return the largest error of a belief against enumeration, for fields of order one."""
    h = np.random.default_rng(seed).normal(size=(n, 1))
    answer = ising_graph(edges, couplings, h).extrinsic(np.zeros((n, 1)), **TIGHT)
    expected = exact.marginals((n, 1), lambda s: log_weights(s, edges, couplings, h))
    return float(np.abs(answer.belief - expected).max())


LOOPY = {
    "triangle": (cycle(3), 3, 3),
    "square": (cycle(4), 4, 4),
    "pentagon": (cycle(5), 5, 5),
    "K4": (complete(4), 4, 3),
    "K33": (K33, 6, 4),
    "Petersen": (PETERSEN, 10, 5),
}


@pytest.mark.parametrize(("edges", "n", "girth"), LOOPY.values(), ids=LOOPY.keys())
@pytest.mark.parametrize("sign", [-1, 1])
def test_the_gap_to_enumeration_is_of_the_order_of_the_shortest_loop(edges, n, girth, sign):
    """Halving the coupling divides the gap by about 2 to the number of its edges."""
    gaps = np.array([gap(edges, n, sign * J) for J in (0.1, 0.05, 0.025)])
    slopes = np.log2(gaps[:-1] / gaps[1:])
    assert (gaps > 0).all()
    assert slopes[-1] == pytest.approx(girth, abs=0.35)


@pytest.mark.parametrize(("J", "bound"), [(0.1, 1e-3), (0.2, 0.01), (0.3, 0.05)])
def test_on_random_graphs_the_beliefs_are_close_to_enumeration(J, bound):
    gaps = []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        edges = random_graph(rng, 9, 12)
        gaps.append(gap(edges, 9, J * rng.choice([-1.0, 1.0], len(edges)), seed))
    assert 0 < max(gaps) < bound


# The message equations


@pytest.mark.parametrize("n_sweeps", [1, 2, 7])
@pytest.mark.parametrize("damping", [0.0, 0.3])
def test_each_sweep_is_the_message_equations_node_by_node(n_sweeps, damping):
    rng = np.random.default_rng(4)
    n, edges = 7, random_graph(rng, 7, 11)
    J, (h, evidence) = rng.normal(0, 0.4, 11), rng.normal(size=(2, 7))
    coupling = {
        pair: j for (a, b), j in zip(edges.tolist(), J, strict=True) for pair in ((a, b), (b, a))
    }
    messages = dict.fromkeys(coupling, 0.0)
    for _ in range(n_sweeps):
        new = {}
        for sender, receiver in messages:
            others = [
                m for (who, to), m in messages.items() if to == sender and who != receiver
            ] or [0.0]
            c = module_b.cavity(h[sender], evidence[sender], others)
            message = np.exp(module_b.ising_message(c, coupling[sender, receiver]))
            kept = damping * np.exp(messages[sender, receiver])
            new[sender, receiver] = float(np.log((1 - damping) * message + kept))
        messages = new
    prior = ising_graph(edges, J, h)
    answer = prior.extrinsic(evidence[None], sweeps=n_sweeps, tol=0.0, damping=damping)
    for k in range(n):
        heard = sum(m for (_, to), m in messages.items() if to == k)
        assert answer.log_odds[0, k] == pytest.approx(h[k] + heard, abs=1e-12)


def test_the_residual_bounds_the_change_of_every_log_odds_message():
    rng = np.random.default_rng(5)
    prior = ising_graph(PETERSEN, rng.normal(size=15))
    answer = prior.extrinsic(rng.normal(0, 3, (10, 1)), sweeps=1)
    for _ in range(12):
        after = prior.extrinsic(rng.normal(0, 3, (10, 1)), answer.state, sweeps=1, damping=0.2)
        change = np.abs(np.log(after.state / answer.state)).max()
        assert after.residual == pytest.approx(np.expm1(change), rel=1e-12)
        answer = after


# Symmetries


@quick
@given(seeds)
def test_relabelling_the_weights_permutes_the_answer(seed):
    rng = np.random.default_rng(seed)
    edges, J = random_graph(rng, 8, 11), rng.uniform(-0.3, 0.3, 11)
    h, evidence = rng.normal(0, 2, (2, 8, 1))
    new = rng.permutation(8)  # weight k is called new[k]
    answer = ising_graph(edges, J, h).extrinsic(evidence, **TIGHT).log_odds
    moved_h, moved_evidence = np.empty_like(h), np.empty_like(h)
    moved_h[new], moved_evidence[new] = h, evidence
    moved = ising_graph(new[edges], J, moved_h).extrinsic(moved_evidence, **TIGHT).log_odds
    np.testing.assert_allclose(moved[new], answer, atol=1e-10)


@quick
@given(seeds)
def test_the_order_and_the_direction_of_the_edges_do_not_matter_to_the_last_bit(seed):
    rng = np.random.default_rng(seed)
    edges, J = random_graph(rng, 8, 11), rng.uniform(-1, 1, 11)
    evidence = rng.normal(0, 2, (8, 1))
    order, turned = rng.permutation(11), rng.random((11, 1)) < 0.5
    other = np.where(turned, edges[:, ::-1], edges)[order]
    answer = ising_graph(edges, J).extrinsic(evidence, sweeps=20)
    again = ising_graph(other, J[order]).extrinsic(evidence, sweeps=20)
    np.testing.assert_array_equal(again.log_odds, answer.log_odds)
    np.testing.assert_array_equal(again.state, answer.state)


@quick
@given(seeds)
def test_turning_an_edge_and_transposing_its_potential_changes_nothing(seed):
    rng = np.random.default_rng(seed)
    edges, psi = random_graph(rng, 6, 8), np.exp(rng.normal(size=(8, 2, 2)))
    evidence, h = rng.normal(0, 2, (6, 1)), np.zeros(6)
    turned = rng.random(8) < 0.5
    other_edges = np.where(turned[:, None], edges[:, ::-1], edges)
    other_psi = np.where(turned[:, None, None], psi.transpose(0, 2, 1), psi)
    answer = from_potentials(edges, psi, h).extrinsic(evidence, sweeps=20, damping=0.0)
    other = from_potentials(other_edges, other_psi, h).extrinsic(evidence, sweeps=20, damping=0.0)
    np.testing.assert_allclose(other.log_odds, answer.log_odds, atol=1e-10)


@quick
@given(seeds)
def test_potentials_are_the_field_up_to_a_constant(seed):
    rng = np.random.default_rng(seed)
    edges, psi = random_graph(rng, 6, 9), np.exp(rng.normal(0, 2, (9, 2, 2)))
    h = rng.normal(size=(2, 3))
    prior = from_potentials(edges, psi, h)
    states = exact.all_states((2, 3))
    ratio = [prior.log_prob(s) for s in states] - log_potentials(states, edges, psi, h)
    np.testing.assert_allclose(ratio, ratio[0], atol=1e-9)
    scaled = from_potentials(edges, psi * np.exp(rng.normal(0, 50, (9, 1, 1))), h)
    np.testing.assert_allclose(scaled.couplings, prior.couplings, atol=1e-12)
    np.testing.assert_allclose(scaled.node_field((2, 3)), prior.node_field((2, 3)), atol=1e-12)


@quick
@given(seeds)
def test_negating_field_and_evidence_negates_the_answer(seed):
    rng = np.random.default_rng(seed)
    edges, J = random_graph(rng, 8, 11), rng.uniform(-0.3, 0.3, 11)
    h, evidence = rng.normal(0, 2, (2, 8, 1))
    answer = ising_graph(edges, J, h).extrinsic(evidence, **TIGHT).log_odds
    flipped = ising_graph(edges, J, -h).extrinsic(-evidence, **TIGHT).log_odds
    np.testing.assert_allclose(flipped, -answer, atol=1e-10)


@quick
@given(seeds)
def test_exchanging_the_states_of_some_weights_turns_the_signs_of_their_couplings(seed):
    rng = np.random.default_rng(seed)
    edges, J = random_graph(rng, 8, 11), rng.uniform(-0.3, 0.3, 11)
    evidence, gauge = rng.normal(0, 2, (8, 1)), rng.choice([-1.0, 1.0], (8, 1))
    turned = J * gauge[edges].prod(axis=1)[:, 0]
    answer = ising_graph(edges, J).extrinsic(evidence, **TIGHT).log_odds
    gauged = ising_graph(edges, turned).extrinsic(gauge * evidence, **TIGHT).log_odds
    np.testing.assert_allclose(gauge * gauged, answer, atol=1e-10)


def test_the_field_may_be_a_number_a_matrix_a_row_or_part_of_the_evidence():
    evidence = np.random.default_rng(6).normal(size=(2, 3))
    edges = cycle(6)
    number = GraphSupport(edges, 0.3, -0.8).extrinsic(evidence).log_odds
    for field in (np.full((2, 3), -0.8), np.full(6, -0.8), [-0.8] * 6):
        np.testing.assert_array_equal(
            GraphSupport(edges, 0.3, field).extrinsic(evidence).log_odds, number
        )
    shifted = GraphSupport(edges, 0.3).extrinsic(evidence - 0.8).log_odds - 0.8
    np.testing.assert_allclose(shifted, number, atol=1e-12)


def test_what_is_given_is_copied():
    edges, J, h = np.array(cycle(4)), np.full(4, 0.2), np.zeros((2, 2))
    prior = GraphSupport(edges, J, h)
    before = prior.extrinsic([[1.0, 0.0], [0.0, 0.0]]).log_odds
    edges[:], J[:], h[:] = 0, 9.0, 100.0
    np.testing.assert_array_equal(prior.extrinsic([[1.0, 0.0], [0.0, 0.0]]).log_odds, before)
    np.testing.assert_array_equal(prior.edges, cycle(4))


# Schedule


def test_a_warm_start_from_the_converged_state_takes_one_sweep_and_changes_nothing():
    evidence = np.random.default_rng(7).normal(size=(10, 1))
    prior = GraphSupport(PETERSEN, 0.4, -1.0)
    cold = prior.extrinsic(evidence, tol=1e-10)
    kept = cold.state.copy()
    warm = prior.extrinsic(evidence, cold.state, tol=1e-10)
    assert cold.sweeps > 5
    assert warm.sweeps == 1
    np.testing.assert_array_equal(cold.state, kept)
    np.testing.assert_allclose(warm.log_odds, cold.log_odds, atol=1e-9)


def test_stopping_and_going_on_is_the_same_as_going_on():
    evidence = np.random.default_rng(8).normal(size=(10, 1))
    prior = GraphSupport(PETERSEN, 0.4, -1.0)
    at_once = prior.extrinsic(evidence, sweeps=7, tol=0.0)
    first = prior.extrinsic(evidence, sweeps=3, tol=0.0)
    rest = prior.extrinsic(evidence, first.state, sweeps=4, tol=0.0)
    np.testing.assert_array_equal(rest.log_odds, at_once.log_odds)
    np.testing.assert_array_equal(
        np.concatenate([first.residuals, rest.residuals]), at_once.residuals
    )


def test_a_state_of_stronger_couplings_is_cut_to_what_these_ones_allow():
    evidence = np.full((3, 1), 500.0)
    loud = ising_graph(cycle(3), 50.0).extrinsic(evidence)
    assert np.log(loud.state).max() == pytest.approx(100.0)
    quiet = GraphSupport(cycle(3), 0.1).extrinsic(evidence, loud.state)
    np.testing.assert_allclose(quiet.log_odds, 0.4, rtol=1e-12)
    loudest = GraphSupport(cycle(3), 0.1).extrinsic(evidence, np.full(6, 1e300), sweeps=1)
    np.testing.assert_allclose(loudest.log_odds, 0.4, rtol=1e-12)


@pytest.mark.parametrize("damping", [0.1, 0.5, 0.9])
def test_damping_changes_the_way_and_not_the_fixed_point(damping):
    evidence = np.random.default_rng(9).normal(size=(10, 1))
    prior = GraphSupport(PETERSEN, 0.4, -1.0)
    plain = prior.extrinsic(evidence, **TIGHT)
    damped = prior.extrinsic(evidence, **TIGHT, damping=damping)
    assert damped.sweeps > plain.sweeps
    np.testing.assert_allclose(damped.log_odds, plain.log_odds, atol=1e-11)


# Uniqueness


@pytest.mark.parametrize(
    ("edges", "degree"),
    [(cycle(3), 2), (cycle(12), 2), (complete(4), 3), (complete(7), 6), (K33, 3), (PETERSEN, 3)],
)
@pytest.mark.parametrize("J", [0.1, -0.1, 0.15])
def test_where_every_weight_has_d_edges_the_value_is_d_minus_1_times_tanh(edges, degree, J):
    expected = (degree - 1) * np.tanh(abs(J))
    assert GraphSupport(edges, J).uniqueness == pytest.approx(expected, rel=1e-9)


@quick
@given(st.integers(2, 40), seeds)
def test_the_value_of_a_tree_is_zero(n, seed):
    rng = np.random.default_rng(seed)
    tree = GraphSupport(random_tree(rng, n), rng.normal(0, 3, n - 1))
    assert tree.uniqueness == 0.0


def dense_radius(edges, couplings):
    """Return the largest |eigenvalue| of the non-backtracking matrix, entry by entry."""
    directed = [(a, b, J) for (a, b), J in zip(edges, couplings, strict=True)]
    directed += [(b, a, J) for a, b, J in directed]
    B = np.zeros((len(directed), len(directed)))
    for p, (i, j, J) in enumerate(directed):
        for q, (k, m, _) in enumerate(directed):
            if m == i and k != j:  # what goes from k to i = m goes on to j
                B[p, q] = np.tanh(abs(J))
    return np.abs(np.linalg.eigvals(B)).max()


@quick
@given(st.integers(5, 15), seeds)
def test_the_value_is_the_spectral_radius_of_the_dense_matrix(n_edges, seed):
    rng = np.random.default_rng(seed)
    edges, J = random_graph(rng, 6, n_edges), rng.normal(0, 1, n_edges)
    expected = dense_radius(edges.tolist(), J)
    # A nilpotent matrix has radius 0, which eigvals finds only up to the root of its rounding.
    found = non_backtracking_radius(edges, J)
    assert found == pytest.approx(expected, rel=1e-6, abs=1e-2 if found == 0 else 0)


@pytest.mark.parametrize(
    "edges",
    [
        [*cycle(3), (2, 3), (3, 4)],  # a triangle with a tail
        [*cycle(4), (4, 5), (5, 6), (6, 7), (7, 4), (0, 4)],  # two squares and a bridge
        [*cycle(3), *((a + 3, b + 3) for a, b in complete(4))],  # a triangle beside a K4
        [(0, 1), (1, 2), (2, 3), (3, 0), (0, 4), (4, 2)],  # even loops only: it is periodic
    ],
    ids=["tail", "bridge", "two parts", "even"],
)
def test_reducible_and_periodic_matrices_have_the_right_radius_too(edges):
    J = np.random.default_rng(10).uniform(0.2, 1.5, len(edges))
    expected = dense_radius(edges, J)
    assert non_backtracking_radius(np.array(edges), J) == pytest.approx(expected, rel=1e-6)


def test_an_iteration_that_is_cut_short_still_gives_an_upper_bound(monkeypatch):
    monkeypatch.setattr(uniqueness, "RADIUS_WORK", 0)
    rng = np.random.default_rng(11)
    edges = np.array(cycle(20))
    J = rng.uniform(0.05, 2, 20)
    true = np.exp(np.log(np.tanh(J)).mean())  # of one loop: the geometric mean
    assert true * 1.001 < non_backtracking_radius(edges, J) <= np.tanh(J).max()
    monkeypatch.undo()
    assert true * (1 - 1e-12) < non_backtracking_radius(edges, J) < true * 1.01


def test_the_value_of_the_grid_dominates_that_of_every_finite_grid():
    bound = GridSupport(0.0, 0.1, 0.5).uniqueness
    radii = []
    for n in (2, 4, 8, 16):
        down, along = grid_edges(n, n)
        couplings = np.repeat([0.5, 0.1], [len(down), len(along)])
        radii.append(GraphSupport(np.concatenate([down, along]), couplings).uniqueness)
    assert radii == sorted(radii)
    assert 0.95 * bound < radii[-1] < bound


@settings(max_examples=20, deadline=None, derandomize=True)
@given(seeds)
def test_below_one_every_start_leads_to_the_same_answer(seed):
    rng = np.random.default_rng(seed)
    edges, J = random_graph(rng, 8, 14), rng.normal(size=14)
    for _ in range(20):  # scale the couplings until the value is just below 1
        J *= 1 if non_backtracking_radius(edges, J) < 0.97 else 0.9
    prior = GraphSupport(edges, J, rng.normal(size=(8, 1)))
    evidence = rng.normal(0, 2, (8, 1))
    cold = prior.extrinsic(evidence, **TIGHT)
    start = np.exp(rng.uniform(-2, 2, 28))
    other = prior.extrinsic(evidence, start, **TIGHT)
    np.testing.assert_allclose(other.log_odds, cold.log_odds, atol=1e-9)


def test_from_one_on_a_graph_warns_at_the_line_that_built_it():
    with pytest.warns(
        UniquenessWarning, match=r"GraphSupport: the uniqueness value is 1\.0"
    ) as got:
        GraphSupport(complete(4), 0.55)
    assert got[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        GraphSupport(complete(4), 0.549)
        GraphSupport(cycle(4), 5.0)  # one loop: unique however strong


# Extremes


@pytest.mark.parametrize("size", [1e3, 1e300])
@pytest.mark.parametrize("J", [-20.0, -0.3, 0.0, 1.0, 20.0])
@pytest.mark.parametrize("damping", [0.0, 0.5])
def test_extremes_give_finite_log_odds_and_beliefs_in_the_unit_interval(size, J, damping):
    signs = np.random.default_rng(12).choice([-1.0, 1.0], (10, 1))
    prior = ising_graph(PETERSEN, J)
    limit = 3 * 2 * abs(J) * (1 + 1e-12)
    for pattern in (signs, np.ones((10, 1)), -np.ones((10, 1))):
        answer = prior.extrinsic(size * pattern, sweeps=60, damping=damping)
        assert np.isfinite(answer.log_odds).all()
        assert np.isfinite(answer.residuals).all()
        assert np.abs(answer.log_odds).max() <= limit
        assert ((answer.belief >= 0) & (answer.belief <= 1)).all()


def strongest(degree):
    """Return J of a star of `degree` edges that is only just not refused."""
    return (MAX_LOG_ODDS - 40) / 2 / (2 * (degree + 1)) * (1 - 1e-9)


@pytest.mark.parametrize("degree", [1, 3, 200])
@pytest.mark.parametrize("sign", [-1.0, 1.0])
def test_at_the_limit_of_the_couplings_nothing_overflows(degree, sign):
    J = sign * strongest(degree)
    star = GraphSupport([(0, k) for k in range(1, degree + 1)], J)
    rng = np.random.default_rng(13)
    for evidence in (1e3, -1e3, 1e3 * rng.choice([-1.0, 1.0], degree + 1)):
        l = np.broadcast_to(evidence, degree + 1)[:, None]
        answer = star.extrinsic(l)
        hub = 2 * J * np.sign(l[1:]).sum()
        assert answer.log_odds[0, 0] == pytest.approx(hub, rel=1e-12)
        # |hub| < 1000, so the hub's own evidence decides what it says, to the last bit.
        np.testing.assert_allclose(answer.log_odds[1:], 2 * J * np.sign(l[0, 0]), rtol=1e-12)


@pytest.mark.parametrize("degree", [1, 3, 200])
def test_beyond_the_limit_couplings_are_refused(degree):
    with pytest.raises(ValueError, match=r"sums to .* over the edges of weight 0.*overflow"):
        GraphSupport([(0, k) for k in range(1, degree + 1)], strongest(degree) * (1 + 1e-6))


@pytest.mark.parametrize("size", [20.0, 1e3])
@pytest.mark.parametrize("J", [0.3, 5.0, -5.0, 20.0, 30.0])
def test_cutting_the_own_log_odds_changes_no_message(size, J):
    """The same sweeps in log-odds, where nothing overflows and nothing need be cut."""
    rng = np.random.default_rng(14)
    n, edges = 6, random_graph(np.random.default_rng(14), 6, 9).tolist()
    evidence = size * rng.choice([-1.0, 1.0], n) + rng.normal(size=n)
    x = np.array([-1.0, 1.0])
    psi = np.exp(J * np.outer(x, x))
    messages = {pair: 0.0 for a, b in edges for pair in ((a, b), (b, a))}
    for _ in range(6):
        messages = {
            (sender, receiver): float(
                module_b.sum_product(
                    evidence[sender]
                    + sum(
                        m for (who, to), m in messages.items() if to == sender and who != receiver
                    ),
                    psi,
                )
            )
            for sender, receiver in messages
        }
    answer = ising_graph(edges, J).extrinsic(evidence[None], sweeps=6, tol=0.0, damping=0.0)
    heard = [sum(m for (_, to), m in messages.items() if to == k) for k in range(n)]
    np.testing.assert_allclose(answer.log_odds[0], heard, rtol=1e-9, atol=1e-9)


def test_a_message_may_turn_from_one_extreme_to_the_other():
    pair = GraphSupport([(0, 1)], 30.0)
    on = pair.extrinsic([[1e3, 0.0]])
    off = pair.extrinsic([[-1e3, 0.0]], on.state, sweeps=1)
    assert on.log_odds[0, 1] == pytest.approx(60.0, rel=1e-12)
    assert off.log_odds[0, 1] == pytest.approx(-60.0, rel=1e-12)


# Samples and probabilities


def moments(draws):
    """Return E[s_n s_k] of draws (n_draws, N); its diagonal is E[s_n]."""
    return draws.T @ draws / len(draws)


def test_gibbs_samples_have_the_enumerated_moments(monkeypatch):
    """Column j is one copy of the graph, so that one call makes many independent draws."""
    monkeypatch.setattr(gibbs, "SWEEPS", 30)
    rng = np.random.default_rng(15)
    n, copies = 6, 4000
    edges, J, h = random_graph(rng, n, 8), rng.normal(0, 0.6, 8), rng.normal(0, 0.7, n)
    all_edges = (edges * copies)[None] + np.arange(copies)[:, None, None]
    prior = ising_graph(all_edges.reshape(-1, 2), np.tile(J, copies), np.repeat(h, copies))
    draws = prior.sample((n, copies), rng).T
    states = exact.all_states((n, 1))
    log_w = log_weights(states, edges, J, h)
    p = np.exp(log_w - np.logaddexp.reduce(log_w))
    flat = states.reshape(len(states), n)
    expected = np.einsum("t,ta,tb->ab", p, flat, flat)
    z = (moments(draws) - expected) / np.sqrt(expected * (1 - expected) / copies)
    assert set(np.unique(draws)) == {0.0, 1.0}
    assert np.abs(z).max() < 4.5


def test_weights_without_an_edge_are_drawn_from_their_field():
    h = np.linspace(-2, 2, 5)
    rows = 4000
    prior = GraphSupport([(0, 1)], 0.5, np.tile(h, (rows, 1)))
    draws = prior.sample((rows, 5), np.random.default_rng(16))[1:]
    z = (draws.mean(axis=0) - expit(h)) / np.sqrt(expit(h) * expit(-h) / len(draws))
    assert np.abs(z).max() < 4.5


def test_the_same_seed_draws_the_same_support():
    prior = GraphSupport(PETERSEN, 0.4, -1.0)
    first = prior.sample((5, 3), np.random.default_rng(17))
    assert first.dtype == np.float64
    np.testing.assert_array_equal(first, prior.sample((5, 3), np.random.default_rng(17)))
    assert not np.array_equal(first, prior.sample((5, 3), np.random.default_rng(18)))


@pytest.mark.parametrize("shape", [(2, 3), (6, 1), (1, 6)])
def test_log_probabilities_differ_as_the_enumerated_weights_do(shape):
    rng = np.random.default_rng(19)
    edges, J, h = random_graph(rng, 6, 9), rng.normal(size=9), rng.normal(size=6)
    prior = ising_graph(edges, J, h)
    states = exact.all_states(shape)
    log_p = np.array([prior.log_prob(s) for s in states])
    expected = log_weights(states, edges, J, h)
    np.testing.assert_allclose(log_p - log_p[0], expected - expected[0], atol=1e-12)


def test_the_log_probability_of_a_grid_is_the_grids():
    down, along = grid_edges(2, 3)
    couplings = np.repeat([-0.3, 0.2], [len(down), len(along)])
    prior = GraphSupport(np.concatenate([down, along]), couplings, -0.7)
    grid = GridSupport(-0.7, 0.2, -0.3)
    for s in exact.all_states((2, 3)):
        assert prior.log_prob(s) == pytest.approx(grid.log_prob(s), abs=1e-12)


# Bad input


def build(edges=((0, 1), (1, 2)), couplings=0.1, field=0.0):
    return GraphSupport(edges, couplings, field)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: build([(0, 1), (2, 2)]), ValueError, r"got \(2, 2\) in edges\[1\]"),
        (
            lambda: build([(3, 4), (0, 1), (4, 3)]),
            ValueError,
            r"twice; got \(4, 3\) in edges\[2\]",
        ),
        (lambda: build([(0, 1), (0, 1)]), ValueError, "same two weights twice"),
        (lambda: build([(0, -1)]), ValueError, r"edges must hold indices >= 0; got \(0, -1\)"),
        (lambda: build(np.array([[0, 2**63]], np.uint64)), ValueError, "edges"),
        (lambda: build([(0.0, 1.0)]), TypeError, "edges must hold whole numbers"),
        (lambda: build([("a", "b")]), TypeError, "edges"),
        (lambda: build([(True, False)]), TypeError, "edges"),
        (lambda: build(None), TypeError, "edges"),
        (lambda: build([0, 1]), ValueError, r"edges must have shape \(E, 2\)"),
        (lambda: build([(0, 1, 2)]), ValueError, r"edges must have shape \(E, 2\)"),
        (lambda: build([(0, 1), (2,)]), ValueError, "edges must be a rectangular array"),
        (lambda: build(couplings=NAN), NonFiniteError, "couplings"),
        (lambda: build(couplings=[0.1, INF]), NonFiniteError, r"couplings .*first at \(1,\)"),
        (lambda: build(couplings=[0.1]), ValueError, r"couplings must have shape \(2,\)"),
        (lambda: build([], couplings=[0.1]), ValueError, r"couplings must have shape \(0,\)"),
        (lambda: build([], couplings=NAN), NonFiniteError, "couplings"),
        (lambda: build(couplings=[0.1] * 3), ValueError, r"couplings must have shape \(2,\)"),
        (lambda: build(couplings="0.1"), TypeError, "couplings"),
        (lambda: build(couplings=None), TypeError, "couplings"),
        (lambda: build(couplings=200.0), ValueError, "sums to 800 over the edges of weight 1"),
        (lambda: build(field=NAN), NonFiniteError, "field"),
        (lambda: build(field="-1"), TypeError, "field"),
        (lambda: build(field=np.zeros((0, 3))), ValueError, "field"),
    ],
)
def test_a_bad_parameter_is_refused_when_the_prior_is_built(make, error, message):
    with pytest.raises(error, match=message):
        make()


@pytest.mark.parametrize(
    ("prior", "message"),
    [
        (lambda: build([(0, 1), (6, 2)]), r"below 6, .* shape \(2, 3\); got 6 in edges\[1\]"),
        (lambda: build([(0, 10**12)]), r"got 1000000000000 in edges\[0\]"),
        (lambda: build(field=np.zeros((3, 2))), r"shape \(2, 3\) or \(6,\); got \(3, 2\)"),
        (lambda: build(field=np.zeros(5)), r"shape \(2, 3\) or \(6,\); got \(5,\)"),
    ],
)
def test_what_does_not_fit_the_layer_is_refused_when_the_layer_is_known(prior, message):
    for use in (
        lambda p: p.extrinsic(np.zeros((2, 3))),
        lambda p: p.log_prob(np.zeros((2, 3))),
        lambda p: p.sample((2, 3), np.random.default_rng(0)),
    ):
        with pytest.raises(ValueError, match=message):
            use(prior())


@pytest.mark.parametrize(
    ("state", "error"),
    [
        (np.ones(3), ValueError),
        (np.ones((2, 2)), ValueError),
        (np.full(4, NAN), NonFiniteError),
        (np.array([1.0, 1.0, 0.0, 1.0]), ValueError),
        (-np.ones(4), ValueError),
        ("warm", TypeError),
    ],
)
def test_a_state_that_is_no_state_of_this_graph_is_refused(state, error):
    with pytest.raises(error, match="state"):
        build().extrinsic(np.zeros((2, 3)), state)


@pytest.mark.parametrize("value", [NAN, INF, -INF])
def test_evidence_that_is_not_finite_is_refused(value):
    with pytest.raises(NonFiniteError, match="evidence"):
        build().extrinsic([[0.0, value, 0.0]])

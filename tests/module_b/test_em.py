"""Learning: the likelihood rises, gradients are right, sampled fields are recovered."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tvbi_ref import nets
from tvbi_ref.module_b import (
    ChainSupport,
    GraphSupport,
    GridSupport,
    GroupSupport,
    IndependentSupport,
    NeuronSupport,
    Rows,
    Tiles,
    baum_welch,
    exact,
    learn,
)
from tvbi_ref.module_b.bethe import (
    chain_log_partition,
    graph_log_partition,
    graph_pair_beliefs,
    grid_log_partition,
)
from tvbi_ref.module_b.em import (
    SMALLEST,
    em_chain,
    em_group,
    em_independent,
    em_ising,
    ising_gradient,
)
from tvbi_ref.nets.kernel_matrix import edges_within_kernels
from tvbi_ref.prior import HierarchicalPrior
from tvbi_ref.school.checks.oracles import module_b as oracle
from tvbi_ref.turbo import TurboVBI

TIGHT = {"sweeps": 3000, "tol": 1e-12}
probabilities = st.floats(0.02, 0.98)


def observed(support, rng, strength=2.0):
    """Return the evidence of a support seen through noise.

    y ~ N(a x, 1) with x = +-1 has the log-likelihood ratio l = 2 a y.
    """
    x = 2 * support - 1
    return 2 * strength * (strength * x + rng.normal(size=x.shape))


@settings(max_examples=40)
@given(p01=probabilities, p10=probabilities, seed=st.integers(0, 999), axis=st.sampled_from([0, 1]))
def test_a_baum_welch_step_never_lowers_the_likelihood(p01, p10, seed, axis):
    l = 4 * np.random.default_rng(seed).normal(size=(6, 3))
    chain = ChainSupport(p01, p10, axis)
    value = chain_log_partition(chain, l)
    for _ in range(4):
        chain = em_chain(chain, l)
        risen = chain_log_partition(chain, l)
        assert risen >= value - 1e-10
        value = risen
    assert chain.axis == axis


def test_without_the_start_a_step_is_the_counted_share_of_transitions(rng):
    """With certain evidence and many rows the start hardly counts: p01 = n01/(n00 + n01)."""
    s = ChainSupport(0.1, 0.3).sample((20_000, 1), rng)
    learned = em_chain(ChainSupport(0.5, 0.5), 1e3 * (2 * s - 1))
    here, there = s[:-1, 0], s[1:, 0]
    assert learned.p01 == pytest.approx(there[here == 0].mean(), rel=1e-3)
    assert learned.p10 == pytest.approx(1 - there[here == 1].mean(), rel=1e-3)


@settings(max_examples=30)
@given(
    p01=probabilities,
    p10=probabilities,
    shape=st.tuples(st.integers(1, 6), st.integers(1, 4)),
    seed=st.integers(0, 999),
)
def test_a_step_never_lowers_the_enumerated_likelihood_however_short_the_chains(
    p01, p10, shape, seed
):
    l = 4 * np.random.default_rng(seed).normal(size=shape)
    given = oracle.chain_pairs(l, p01, p10), oracle.chain_first(l, p01, p10)
    p, q = baum_welch(*given, p01, p10)
    with np.errstate(divide="ignore"):  # a chain of one node may learn 1, and ln 0 is not used
        rise = oracle.chain_log_likelihood(l, p, q) - oracle.chain_log_likelihood(l, p01, p10)
    assert rise >= -1e-9
    step = em_chain(ChainSupport(p01, p10), l)
    np.testing.assert_allclose([step.p01, step.p10], np.clip([p, q], SMALLEST, 1 - SMALLEST))


def test_the_steps_end_where_the_enumerated_likelihood_has_no_slope(rng):
    """The textbook's ratio ends elsewhere: short chains, whose first nodes count."""
    l = 2 * rng.normal(size=(4, 30))
    chain = ChainSupport(0.3, 0.3)
    for _ in range(3000):
        chain = em_chain(chain, l)
    best = oracle.best_chain(l, chain.p01, chain.p10)
    np.testing.assert_allclose([chain.p01, chain.p10], best, rtol=1e-6)
    n = oracle.chain_pairs(l, *best).sum(axis=(0, 1))
    assert abs(n[0, 1] / n[0].sum() - best[0]) > 1e-3


@pytest.mark.parametrize("p01", [0.3278411905954555, 0.7590837092912536, 0.1, 0.5])
@pytest.mark.parametrize("size", [30.0, 35.0, 1e3])
def test_a_layer_that_is_surely_of_one_state_teaches_a_number(p01, size):
    """With p01 + p10 = 1 the two roots of the quadratic equation nearly coincide."""
    for sign in (1, -1):
        for off in (-1e-16, 0.0, 1e-16):
            chain = ChainSupport(p01, 1 - p01 + off)
            learned = em_chain(chain, np.full((3, 6), sign * size) + 0.1 * np.arange(6))
            alive, dead = (learned.p01, learned.p10)[::sign]
            assert alive == pytest.approx(1 - SMALLEST, abs=1e-3)
            assert dead == pytest.approx(SMALLEST, abs=1e-6)


def test_chains_of_one_node_learn_the_share_that_lives():
    """There p01 / (p01 + p10) is all that counts, and the step keeps p01 + p10."""
    l = np.array([[9.0, 9.0, 9.0, -9.0]])
    for axis in (0, 1):
        chain = ChainSupport(0.2, 0.3, axis)
        share = chain.extrinsic(l if axis == 0 else l.T).belief.mean()
        learned = em_chain(chain, l if axis == 0 else l.T)
        assert learned.p01 + learned.p10 == pytest.approx(0.5)
        assert learned.p01 / 0.5 == pytest.approx(share)


@pytest.mark.parametrize("truth", [(0.05, 0.2), (0.3, 0.1), (0.02, 0.5)])
@pytest.mark.slow
def test_chains_are_recovered_from_noisy_evidence(rng, truth):
    l = observed(ChainSupport(*truth).sample((300, 100), rng), rng, strength=1.0)
    chain = ChainSupport(0.5, 0.5)
    for _ in range(60):
        chain = em_chain(chain, l)
    np.testing.assert_allclose([chain.p01, chain.p10], truth, rtol=0.12)


def test_the_gradient_is_that_of_the_bethe_likelihood_by_finite_differences(rng):
    l, at, step = 2 * rng.normal(size=(5, 4)), np.array([-0.7, 0.1, 0.2]), 1e-5

    def likelihood(parameters):
        grid = GridSupport(*parameters)
        zero = np.zeros_like(l)
        with_l = grid_log_partition(grid, l, grid.extrinsic(l, **TIGHT))
        return with_l - grid_log_partition(grid, zero, grid.extrinsic(zero, **TIGHT))

    numeric = [
        (likelihood(at + step * e) - likelihood(at - step * e)) / (2 * step) for e in np.eye(3)
    ]
    np.testing.assert_allclose(ising_gradient(GridSupport(*at), l), numeric, atol=1e-5)


def test_on_a_tree_the_gradient_is_that_of_the_enumerated_likelihood(rng):
    l, h, J, step = 2 * rng.normal(size=(8, 1)), -0.4, 0.6, 1e-5

    def likelihood(h, J):
        with_l = exact.enumerate_log_partition(l + h, 0.0, J)
        return with_l - exact.enumerate_log_partition(np.full_like(l, h), 0.0, J)

    gradient = ising_gradient(GridSupport(h, 0.0, J), l)
    d_h = (likelihood(h + step, J) - likelihood(h - step, J)) / (2 * step)
    d_J = (likelihood(h, J + step) - likelihood(h, J - step)) / (2 * step)
    assert gradient.field == pytest.approx(d_h, abs=1e-6)
    assert gradient.coupling_col == pytest.approx(d_J, abs=1e-6)


def test_on_a_tree_of_any_shape_pairs_ln_z_and_the_gradient_are_those_of_enumeration(rng):
    """A star of four edges, given either way round, beside a weight of its own."""
    edges, shape, h, J, step = [(2, 0), (2, 1), (3, 2), (4, 2)], (2, 3), -0.4, 0.6, 1e-5
    l, states = 2 * rng.normal(size=shape), exact.all_states(shape).reshape(-1, 6)
    x = 2 * states - 1
    agree = np.sum([x[:, a] * x[:, b] for a, b in edges], axis=0)

    def weights(h, J, l):
        return np.exp(states @ (h + np.ravel(l)) + J * agree)

    def likelihood(h, J):
        return np.log(weights(h, J, l).sum() / weights(h, J, 0 * l).sum())

    graph = GraphSupport(edges, J, h)
    message, p = graph.extrinsic(l, **TIGHT), weights(h, J, l)
    assert graph_log_partition(graph, l, message) == pytest.approx(np.log(p.sum()), abs=1e-9)
    for pair, (a, b) in zip(graph_pair_beliefs(graph, l, message), edges, strict=True):
        first_only = p @ (states[:, a] * (1 - states[:, b])) / p.sum()
        assert pair[1, 0] == pytest.approx(first_only, abs=1e-9)
    gradient = ising_gradient(graph, l)
    d_h = (likelihood(h + step, J) - likelihood(h - step, J)) / (2 * step)
    d_J = (likelihood(h, J + step) - likelihood(h, J - step)) / (2 * step)
    np.testing.assert_allclose(gradient, (d_h, 0, d_J), atol=1e-6)


def test_couplings_of_their_own_count_in_ln_z_each_with_its_edge(rng):
    edges, J = [(0, 1), (3, 1), (1, 2)], [0.7, -0.4, 0.2]
    graph, l = GraphSupport(edges, J, -0.3), rng.normal(size=(1, 4))
    x = 2 * exact.all_states((1, 4)).reshape(-1, 4) - 1
    log_weight = (x + 1) / 2 @ (l - 0.3).ravel()
    log_weight += sum(c * x[:, a] * x[:, b] for (a, b), c in zip(edges, J, strict=True))
    truth = np.log(np.exp(log_weight).sum())
    found = graph_log_partition(graph, l, graph.extrinsic(l, **TIGHT))
    assert found == pytest.approx(truth, abs=1e-9)


def test_a_graph_with_the_edges_of_a_grid_learns_as_the_grid_does(rng):
    l, node = 2 * rng.normal(size=(5, 4)), np.arange(20).reshape(5, 4)
    down = np.stack([node[:-1].ravel(), node[1:].ravel()], axis=1)
    graph, grid = GraphSupport(down, 0.3, -0.5), GridSupport(-0.5, 0.0, 0.3)
    np.testing.assert_allclose(ising_gradient(graph, l)[::2], ising_gradient(grid, l)[::2])
    along = np.stack([node[:, :-1].ravel(), node[:, 1:].ravel()], axis=1)
    both = GraphSupport(np.concatenate([down, along]), 0.2, -0.5)
    of_graph, of_grid = ising_gradient(both, l), ising_gradient(GridSupport(-0.5, 0.2, 0.2), l)
    assert of_graph.coupling_col == pytest.approx(sum(of_grid[1:]), abs=1e-6)


def group_log_likelihood(group, l):
    """Return ln p(l) of groups, from the two ways in which each can be."""
    labels, total = group.partition.labels(l.shape), 0.0
    for g in range(labels.max() + 1):
        seen = np.exp(l[labels == g])
        live, dead = (np.prod(p * seen + 1 - p) for p in (group.p_in, group.p_out))
        total += np.log(group.p_alive * live + (1 - group.p_alive) * dead)
    return total


@settings(max_examples=40)
@given(
    p=st.tuples(probabilities, probabilities, probabilities),
    partition=st.sampled_from([Rows(), Tiles(2, 2), Tiles(1, 1)]),
    seed=st.integers(0, 999),
)
def test_a_step_of_groups_never_lowers_the_likelihood(p, partition, seed):
    l = 3 * np.random.default_rng(seed).normal(size=(4, 5))
    group = GroupSupport(partition, p[0], max(p[1:]) + 0.01, min(p[1:]))
    value = group_log_likelihood(group, l)
    for _ in range(3):
        group = em_group(group, l)
        risen = group_log_likelihood(group, l)
        assert risen >= value - 1e-9
        value = risen


def test_groups_are_recovered_from_noisy_evidence_and_hard_ones_stay_hard(rng):
    truth = NeuronSupport(0.3, 0.6, 0.05)
    l = observed(truth.sample((50, 400), rng), rng, strength=1.0)
    learned = NeuronSupport(0.5, 0.5, 0.2)
    for _ in range(30):
        learned = em_group(learned, l)
    found = (learned.p_alive, learned.p_in, learned.p_out)
    np.testing.assert_allclose(found, (0.3, 0.6, 0.05), atol=0.06)
    hard = em_group(NeuronSupport(0.5, 1, 0), np.full((5, 4), 3.0) * [1, 1, 1, -1])
    assert (hard.p_in, hard.p_out, round(hard.p_alive, 6)) == (1, 0, 0.75)


@pytest.mark.parametrize("J", [0.0, 0.35])
def test_the_coupling_inside_kernels_is_recovered(rng, J):
    edges = edges_within_kernels((400, 1, 5, 5))
    l = observed(GraphSupport(edges, J, -0.8).sample((25, 400), rng), rng)
    learned = em_ising(GraphSupport(edges, 0.1, 0.0), l, steps=40)
    assert learned.couplings == pytest.approx(J, abs=0.04)
    assert learned.field == pytest.approx(-0.8, abs=0.15)


def test_couplings_of_a_graph_stay_within_what_is_unique_and_computable():
    ring = [(k, (k + 1) % 6) for k in range(6)]
    star = [(0, k) for k in range(1, 301)]
    for edges, shape in ((ring, (2, 3)), (star, (7, 43)), ([(0, 1)], (1, 2))):
        learned = GraphSupport(edges, 0.0)
        for _ in range(20):
            learned = learn(learned, np.full(shape, 50.0) * (1 - 2 * (len(edges) == 1)))
        assert learned.uniqueness <= 0.95
        assert np.isfinite(learned.extrinsic(np.zeros(shape)).log_odds).all()
    tight = em_ising(GraphSupport(ring, 3.0), np.zeros((2, 3)))
    assert 0.9 < tight.uniqueness <= 0.95


@pytest.mark.parametrize("truth", [(-0.4, 0.05, 0.3), (0.0, 0.2, 0.2), (-0.8, -0.1, 0.4)])
@pytest.mark.slow
def test_grids_are_recovered_from_noisy_evidence(rng, truth):
    """At convergence, not stopped early: the tolerances are those of one sampled layer.

    The field is the less certain one, because it and the couplings make up for each other.
    """
    l = observed(GridSupport(*truth).sample((150, 100), rng), rng)
    learned = em_ising(GridSupport(0.0, 0.0, 0.0), l, steps=100)
    assert learned.field == pytest.approx(truth[0], abs=0.15)
    found = (learned.coupling_row, learned.coupling_col)
    np.testing.assert_allclose(found, truth[1:], atol=0.06)


@pytest.mark.slow
def test_weak_evidence_makes_learned_couplings_too_strong(rng):
    """A known bias of the Bethe likelihood, and why the loop learns only after the annealing."""
    s = GridSupport(0.0, 0.2, 0.2).sample((150, 100), rng)

    def learned(strength):
        grid = em_ising(GridSupport(0.0, 0.0, 0.0), observed(s, rng, strength), steps=60)
        return (grid.coupling_row + grid.coupling_col) / 2

    assert learned(2.0) == pytest.approx(0.2, abs=0.04)
    assert learned(1.0) > 0.24


def test_a_step_of_the_grid_raises_the_bethe_likelihood_and_a_learned_grid_stays(rng):
    l = observed(GridSupport(-0.4, 0.1, 0.3).sample((60, 50), rng), rng)
    learned = em_ising(GridSupport(0.0, 0.0, 0.0), l, steps=40)
    again = em_ising(learned, l, steps=5)
    assert again.field == pytest.approx(learned.field, abs=0.01)
    assert again.coupling_col == pytest.approx(learned.coupling_col, abs=0.01)


def test_couplings_stay_below_the_bound_even_where_the_truth_is_beyond():
    blocks = np.kron(np.random.default_rng(0).choice([-1.0, 1.0], (5, 5)), np.ones((8, 8)))
    learned = em_ising(GridSupport(0.0, 0.0, 0.0), 8 * blocks, steps=30)
    assert 0.9 < learned.uniqueness <= 0.95


def test_evidence_without_structure_teaches_no_coupling(rng):
    l = observed((rng.random((120, 100)) < 0.3).astype(float), rng)
    learned = em_ising(GridSupport(0.0, 0.2, 0.2), l, steps=25)
    np.testing.assert_allclose([learned.coupling_row, learned.coupling_col], 0, atol=0.03)
    assert learned.field == pytest.approx(np.log(0.3 / 0.7), abs=0.1)


@settings(max_examples=30)
@given(field=st.floats(-4, 4), seed=st.integers(0, 99))
def test_the_independent_step_never_lowers_the_likelihood(field, seed):
    l = 3 * np.random.default_rng(seed).normal(size=(5, 4))

    def likelihood(support):
        h = support.log_odds
        return float(np.sum(np.logaddexp(0, h + l) - np.logaddexp(0, h)))

    before = IndependentSupport(field)
    assert likelihood(em_independent(before, l)) >= likelihood(before) - 1e-10


@pytest.mark.parametrize("l", [np.full((4, 3), 1e3), np.full((4, 3), -1e3)])
def test_certain_evidence_leaves_finite_priors_that_can_come_back(l):
    for support in (
        IndependentSupport(0.0),
        ChainSupport(0.3, 0.3),
        GridSupport(0.0, 0.1, 0.1),
        GraphSupport([[0, 1], [1, 4], [4, 0]], 0.1),
        NeuronSupport(0.3, 0.5, 0.1),
    ):
        for _ in range(10):
            support = learn(support, l)
        back = learn(support, -l)
        assert np.isfinite(back.extrinsic(-l).log_odds).all()


@pytest.mark.parametrize("sign", [-1, 1])
@pytest.mark.parametrize(
    "support", [GridSupport(-8.0, 0.0, 0.0), GraphSupport([[0, 1]], 0.0, -8.0)]
)
def test_where_nearly_all_is_certain_learning_comes_back(support, sign):
    """Half of the evidence is for, half against, and the field says that nothing is alive."""
    l = np.tile([9.0, -9.0], (50, 30))
    support = replace(support, field=sign * 8.0)
    for _ in range(20):
        support = learn(support, l)
    assert support.field == pytest.approx(0, abs=0.1)


@pytest.mark.parametrize(
    "support",
    [
        IndependentSupport(-20.0),
        ChainSupport(1e-9, 0.5),
        NeuronSupport(1e-9, 0.8, 1e-10),
        GraphSupport([[0, 1]], 0.0, -20.0),
        GridSupport(-20.0, 0.0, 0.0),
    ],
)
def test_what_is_further_off_than_may_be_learned_is_not_made_worse(support):
    """The evidence is for less still: a step to the limit would lower the likelihood."""
    learned = learn(support, np.full((20, 30), -9.0))
    density = learned.extrinsic(np.zeros((20, 30))).belief.max()
    assert density <= support.extrinsic(np.zeros((20, 30))).belief.max() * (1 + 1e-9)


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda l: em_ising(GRID, l, bound=1.0), ValueError, "bound"),
        (lambda l: em_ising(GRID, l, steps=-1), ValueError, "steps must be a whole number >= 0"),
        (lambda l: em_ising(NeuronSupport(0.3, 0.5, 0.1), l), TypeError, "grid must be .*Graph"),
        (lambda l: em_group(GRID, l), TypeError, "group must be one of GroupSupport .*; got Grid"),
        (lambda l: learn(GraphSupport([[0, 10**10]], 0.1), l), ValueError, "edges must hold"),
        (
            lambda l: graph_log_partition(GraphSupport([[0, 1]], 0.1), l, GRID.extrinsic(l)),
            ValueError,
            r"message must be one of this graph, with a state of shape \(2,\); got \(4, 2, 2\)",
        ),
    ],
)
def test_what_learning_cannot_use_is_refused_by_name(call, error, says):
    with pytest.raises(error, match=says):
        call(np.zeros((2, 2)))


GRID = GridSupport(0.0, 0.1, 0.1)


def test_the_turbo_loop_learns_where_it_is_told_to(digits):
    prior = HierarchicalPrior.spike_and_slab(GridSupport(-2.0, 0.0, 0.0), contrast=1e-3)
    settings = {"epochs": 12, "spike_epochs": 6, "batch_size": 32, "learning_rate": 3e-3}
    networks = [nets.mlp([64, 16, 10], seed=0) for _ in range(2)]
    fixed = TurboVBI(prior, **settings).fit(networks[0], digits.x_train, digits.y_train)
    learned = TurboVBI(prior, learn=True, **settings).fit(
        networks[1], digits.x_train, digits.y_train
    )
    assert all(support is prior.support for support in fixed.supports)
    assert all(support.field != -2.0 for support in learned.supports)
    assert all(support.uniqueness <= 0.95 for support in learned.supports)


def test_the_loop_learns_a_kernel_s_coupling_and_groups_too(digits):
    priors = [
        HierarchicalPrior.spike_and_slab(support, contrast=1e-3)
        for support in (
            GraphSupport(edges_within_kernels((16, 1, 8, 8), "filters"), 0.0, -2.0),
            NeuronSupport(0.4, 0.5, 0.1),
        )
    ]
    turbo = TurboVBI(priors, learn=True, epochs=10, spike_epochs=5, learning_rate=3e-3)
    result = turbo.fit(nets.mlp([64, 16, 10], seed=0), digits.x_train, digits.y_train)
    kernels, groups = result.supports
    assert kernels.couplings != 0
    assert kernels.uniqueness <= 0.95
    assert groups.p_out < groups.p_in
    assert groups.p_alive != 0.4

"""Chains: exact against enumeration, against transfer matrices, and in their symmetries."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.special import expit, logit

from tvbi_ref.module_b import ChainSupport, IndependentSupport, exact
from tvbi_ref.module_b.chain import chain_messages

quick = settings(max_examples=40, deadline=None, derandomize=True)
probabilities = st.floats(0.005, 0.995)
shapes = st.sampled_from([(1, 1), (1, 4), (6, 1), (2, 3), (3, 2), (4, 2)])
evidences = shapes.flatmap(lambda shape: hnp.arrays(np.float64, shape, elements=st.floats(-30, 30)))


def transfer_matrix_log_odds(evidence, p01, p10):
    """Return the extrinsic log-odds of one chain, from products of scaled 2x2 matrices.

    The factors are P diag(1, e^l). What lies above a node and what lies below it are products
    of these matrices, built afresh for each node and divided by their sum at each step.
    """
    P = np.array([[1 - p01, p01], [p10, 1 - p10]])
    start = np.array([p10, p01]) / (p01 + p10)
    likelihood = [np.diag([1 / (1 + r), r / (1 + r)]) for r in np.exp(evidence)]

    def product(matrices):
        total = np.eye(2)
        for M in matrices:
            total = total @ M
            total /= total.sum()
        return total

    log_odds = np.empty(len(evidence))
    for n in range(len(evidence)):
        above = start @ product([D @ P for D in likelihood[:n]])
        below = product([P @ D for D in likelihood[n + 1 :]]) @ np.ones(2)
        zero, one = above * below
        log_odds[n] = np.log(one / zero)
    return log_odds


@quick
@given(probabilities, probabilities, evidences)
def test_chains_down_the_columns_are_exact(enumerated_extrinsic, p01, p10, evidence):
    def log_prior(states):
        return exact.chain_log_weights(states, p01, p10)

    answer = ChainSupport(p01, p10).extrinsic(evidence)
    expected = enumerated_extrinsic(log_prior, evidence)
    np.testing.assert_allclose(answer.log_odds, expected, rtol=1e-9, atol=1e-9)


@quick
@given(probabilities, probabilities, evidences)
def test_chains_along_the_rows_are_exact(enumerated_extrinsic, p01, p10, evidence):
    def log_prior(states):
        return exact.chain_log_weights(states.transpose(0, 2, 1), p01, p10)

    answer = ChainSupport(p01, p10, axis=1).extrinsic(evidence)
    expected = enumerated_extrinsic(log_prior, evidence)
    np.testing.assert_allclose(answer.log_odds, expected, rtol=1e-9, atol=1e-9)


@quick
@given(probabilities, probabilities, evidences)
def test_the_belief_is_the_enumerated_marginal(p01, p10, evidence):
    def log_posterior(states):
        return exact.chain_log_weights(states, p01, p10) + (evidence * states).sum(axis=(1, 2))

    expected = exact.marginals(evidence.shape, log_posterior)
    answer = ChainSupport(p01, p10).extrinsic(evidence)
    np.testing.assert_allclose(answer.belief, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(("p01", "p10"), [(0.05, 0.2), (0.5, 0.5), (0.9, 0.95), (1e-6, 1e-4)])
@pytest.mark.slow
def test_long_chains_agree_with_transfer_matrices(p01, p10):
    evidence = np.random.default_rng(0).normal(0, 3, size=(200, 1))
    answer = ChainSupport(p01, p10).extrinsic(evidence)
    expected = transfer_matrix_log_odds(evidence[:, 0], p01, p10)
    np.testing.assert_allclose(answer.log_odds[:, 0], expected, rtol=1e-9, atol=1e-9)


@quick
@given(probabilities, probabilities, evidences)
def test_a_stationary_chain_reads_the_same_upside_down(p01, p10, evidence):
    chain = ChainSupport(p01, p10)
    flipped = chain.extrinsic(evidence[::-1]).log_odds[::-1]
    np.testing.assert_allclose(chain.extrinsic(evidence).log_odds, flipped, atol=1e-9)


@quick
@given(probabilities, probabilities, evidences)
def test_chains_along_rows_are_the_transpose_of_chains_down_columns(p01, p10, evidence):
    along = ChainSupport(p01, p10, axis=1).extrinsic(evidence)
    down = ChainSupport(p01, p10, axis=0).extrinsic(evidence.T)
    np.testing.assert_array_equal(along.log_odds, down.log_odds.T)
    np.testing.assert_array_equal(along.belief, down.belief.T)


@quick
@given(probabilities, probabilities, evidences, st.data())
def test_columns_do_not_hear_each_other_and_may_be_permuted(p01, p10, evidence, data):
    order = data.draw(st.permutations(range(evidence.shape[1])))
    chain = ChainSupport(p01, p10)
    permuted = chain.extrinsic(evidence[:, order]).log_odds
    np.testing.assert_array_equal(permuted, chain.extrinsic(evidence).log_odds[:, order])


@quick
@given(probabilities, probabilities, evidences)
def test_exchanging_the_two_states_negates_the_log_odds(p01, p10, evidence):
    answer = ChainSupport(p01, p10).extrinsic(evidence).log_odds
    mirrored = ChainSupport(p10, p01).extrinsic(-evidence).log_odds
    np.testing.assert_allclose(mirrored, -answer, atol=1e-9)


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (5, 1), (40, 3)])
def test_without_evidence_every_node_has_the_stationary_odds(shape, axis):
    answer = ChainSupport(0.05, 0.2, axis).extrinsic(np.zeros(shape))
    np.testing.assert_allclose(answer.log_odds, np.log(0.05 / 0.2), rtol=1e-12)
    np.testing.assert_allclose(answer.belief, 0.2, rtol=1e-12)


@quick
@given(probabilities, evidences)
def test_a_memoryless_chain_is_an_independent_support(p, evidence):
    chain = ChainSupport(p, 1 - p).extrinsic(evidence)
    independent = IndependentSupport(float(logit(p))).extrinsic(evidence)
    np.testing.assert_allclose(chain.log_odds, independent.log_odds, atol=1e-9)


@quick
@given(probabilities, probabilities, evidences, st.data())
def test_the_extrinsic_message_never_contains_the_own_evidence(p01, p10, evidence, data):
    n = tuple(data.draw(st.integers(0, size - 1)) for size in evidence.shape)
    changed = evidence.copy()
    changed[n] = data.draw(st.floats(-1000, 1000))
    chain = ChainSupport(p01, p10)
    assert chain.extrinsic(changed).log_odds[n] == chain.extrinsic(evidence).log_odds[n]


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("size", [700.0, 1e3, 1e300])
@pytest.mark.parametrize(("p01", "p10"), [(1e-12, 1e-12), (1e-12, 0.5), (0.3, 1 - 1e-12)])
def test_extreme_evidence_gives_finite_log_odds_and_beliefs_in_the_unit_interval(
    size, p01, p10, axis
):
    signs = np.random.default_rng(0).choice([-1.0, 1.0], size=(9, 7))
    answer = ChainSupport(p01, p10, axis).extrinsic(size * signs)
    assert np.isfinite(answer.log_odds).all()
    assert ((answer.belief >= 0) & (answer.belief <= 1)).all()


def test_a_certain_neighbour_is_a_plain_transition():
    up, down = ChainSupport(0.1, 0.3).extrinsic([[1000.0], [0.0]]).log_odds[:, 0]
    assert down == pytest.approx(np.log(0.7 / 0.3), rel=1e-12)
    assert up == pytest.approx(np.log(0.1 / 0.3), rel=1e-12)
    dead = ChainSupport(0.1, 0.3).extrinsic([[-1000.0], [0.0]]).log_odds[1, 0]
    assert dead == pytest.approx(np.log(0.1 / 0.9), rel=1e-12)


@pytest.mark.parametrize("size", [3.0, 70.0, 599.0, 601.0, 1e4])
@pytest.mark.parametrize(("p01", "p10"), [(1e-12, 0.2), (1e-12, 1e-12)])
def test_saturating_the_evidence_changes_no_message(size, p01, p10):
    evidence = size * np.random.default_rng(3).choice([-1.0, 1.0], size=(12, 4))
    fast, readable = chain_messages(evidence, p01, p10), chain_messages.readable(evidence, p01, p10)
    np.testing.assert_allclose(fast, readable, rtol=1e-12, atol=1e-11)


def test_the_belief_of_a_long_gap_falls_back_to_the_stationary_odds():
    evidence = np.zeros((400, 1))
    evidence[0] = 1000.0
    belief = ChainSupport(0.05, 0.2).extrinsic(evidence).belief[:, 0]
    expected = 0.2 + 0.8 * (1 - 0.05 - 0.2) ** np.arange(400)
    np.testing.assert_allclose(belief, expected, rtol=1e-9)


def test_beliefs_agree_with_the_message_equations_node_by_node():
    evidence = np.random.default_rng(4).normal(0, 2, size=(6, 3))
    forward, backward = chain_messages(evidence, 0.1, 0.4)
    answer = ChainSupport(0.1, 0.4).extrinsic(evidence)
    np.testing.assert_allclose(answer.belief, expit(evidence + forward + backward), rtol=1e-12)

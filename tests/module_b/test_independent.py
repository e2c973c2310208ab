"""The independent support, and what every support prior shares."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.special import expit

from tvbi_ref.module_b import ChainSupport, GridSupport, IndependentSupport

evidences = hnp.arrays(np.float64, (3, 2), elements=st.floats(-700, 700))
PRIORS = [
    IndependentSupport(-2.0),
    ChainSupport(0.1, 0.3),
    ChainSupport(0.1, 0.3, axis=1),
    GridSupport(-1.0, 0.1, 0.3),
]


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.floats(-30, 30), evidences)
def test_an_independent_support_answers_its_prior_whatever_the_evidence(h, evidence):
    answer = IndependentSupport(h).extrinsic(evidence)
    np.testing.assert_array_equal(answer.log_odds, h)
    np.testing.assert_allclose(answer.belief, expit(h + evidence), rtol=1e-15, atol=1e-307)


@pytest.mark.parametrize("prior", PRIORS, ids=lambda prior: type(prior).__name__)
@settings(max_examples=25, deadline=None, derandomize=True)
@given(evidence=evidences)
def test_the_belief_is_the_sigmoid_of_extrinsic_plus_evidence(prior, evidence):
    answer = prior.extrinsic(evidence)
    np.testing.assert_allclose(answer.belief, expit(answer.log_odds + evidence), rtol=1e-10)


@pytest.mark.parametrize("prior", PRIORS[:3], ids=lambda prior: type(prior).__name__)
def test_an_exact_prior_needs_no_sweeps_and_is_surely_unique(prior):
    answer = prior.extrinsic(np.ones((3, 2)))
    assert answer.sweeps == 0
    assert answer.residual == 0.0
    assert answer.state is None
    assert prior.uniqueness == 0.0


@pytest.mark.parametrize("prior", PRIORS, ids=lambda prior: type(prior).__name__)
def test_the_answer_does_not_touch_the_evidence(prior):
    evidence = np.random.default_rng(0).normal(size=(3, 4))
    before = evidence.copy()
    prior.extrinsic(evidence)
    np.testing.assert_array_equal(evidence, before)


@pytest.mark.parametrize("prior", PRIORS, ids=lambda prior: type(prior).__name__)
def test_evidence_may_be_integers_float32_or_in_any_memory_order(prior):
    evidence = np.random.default_rng(1).integers(-5, 5, size=(3, 4))
    expected = prior.extrinsic(evidence.astype(np.float64)).log_odds
    strided = np.repeat(evidence.astype(np.float64), 2, axis=1)[:, ::2]
    for same in (evidence, evidence.astype(np.float32), np.asfortranarray(evidence), strided):
        answer = prior.extrinsic(same)
        np.testing.assert_array_equal(answer.log_odds, expected)
        assert answer.log_odds.dtype == np.float64


def test_the_density_of_a_layer_is_its_mean_marginal():
    assert IndependentSupport(-2.0).density((3, 4)) == pytest.approx(expit(-2.0), rel=1e-14)
    assert ChainSupport(0.1, 0.3).density((7, 2)) == pytest.approx(0.25, rel=1e-12)
    assert ChainSupport(0.1, 0.3, axis=1).density((2, 7)) == pytest.approx(0.25, rel=1e-12)

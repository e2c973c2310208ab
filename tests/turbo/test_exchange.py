import numpy as np
import pytest
from scipy.special import expit, logit

from tvbi_ref.errors import NonFiniteError
from tvbi_ref.gamma import Gamma
from tvbi_ref.module_a import FORMS, evidence, evidence_collapsed, expected_log_precision
from tvbi_ref.module_b import ChainSupport, GridSupport, IndependentSupport, exact
from tvbi_ref.turbo import Exchange, extrinsic_a

ACTIVE, INACTIVE = Gamma(1.0, 0.02), Gamma(1.0, 2e-5)


def moments(rng):
    return np.exp(rng.uniform(-12, 1, (6, 5)))


def test_the_extrinsic_message_of_collapsed_module_a_is_its_evidence(rng):
    m, pi = moments(rng), rng.normal(size=(6, 5))
    posterior = FORMS["collapsed"].step(m, pi, ACTIVE, INACTIVE)
    sent = extrinsic_a(posterior.support_log_odds, pi)
    np.testing.assert_allclose(sent, evidence_collapsed(m, ACTIVE, INACTIVE), atol=1e-12)


def test_the_extrinsic_message_of_mean_field_module_a_is_its_evidence(rng):
    m, pi = moments(rng), rng.normal(size=(6, 5))
    q = FORMS["mean_field"].step(m, pi, ACTIVE, INACTIVE)
    log_rho = expected_log_precision(q.gamma_shape, q.gamma_rate)
    sent = extrinsic_a(q.support_log_odds, pi)
    np.testing.assert_allclose(
        sent, evidence(q.expected_precision, log_rho, ACTIVE, INACTIVE), atol=1e-9
    )


def test_extrinsic_exchange_gives_the_exact_posterior_on_a_tree(rng):
    """On a chain, prior times evidence is known by enumeration; both modules must agree on it."""
    l = rng.normal(0, 2, (7, 1))
    wire = Exchange(ChainSupport(0.1, 0.3), (7, 1))
    for _ in range(3):
        posterior = wire.answer(l) + l
    truth = exact.marginals(
        (7, 1), lambda s: exact.chain_log_weights(s, 0.1, 0.3) + (s * l).sum(axis=(1, 2))
    )
    np.testing.assert_allclose(expit(posterior), truth, atol=1e-12)
    np.testing.assert_allclose(wire.message.belief, truth, atol=1e-12)


def test_handing_over_the_whole_belief_would_count_the_evidence_twice(rng):
    l = rng.normal(0, 2, (7, 1))
    chain = ChainSupport(0.1, 0.3)
    right = chain.extrinsic(l)
    wrong = logit(right.belief) + l
    assert np.abs(wrong - (right.log_odds + l)).max() > 1


def test_repeating_the_exchange_changes_nothing_once_module_b_has_converged(rng):
    l = rng.normal(0, 2, (5, 4))
    wire = Exchange(GridSupport(-1.0, 0.1, 0.3), (5, 4), sweeps=200, tol=1e-12)
    before = wire.answer(l)
    np.testing.assert_allclose(wire.answer(l), before, atol=1e-10)
    assert wire.message.sweeps <= 2, "the warm start was lost"


def test_before_any_evidence_module_a_hears_what_the_field_says_of_itself():
    wire = Exchange(IndependentSupport(-2.5), (3, 4))
    np.testing.assert_array_equal(wire.prior_log_odds, np.full((3, 4), -2.5))


@pytest.mark.parametrize(("posterior", "incoming"), [(np.inf, np.inf), (-np.inf, 0.0), (np.inf, 0)])
def test_a_certainty_cannot_be_taken_back(posterior, incoming):
    with pytest.raises(NonFiniteError, match="1 of 1 extrinsic messages"):
        extrinsic_a([posterior], [incoming])

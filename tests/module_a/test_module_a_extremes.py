"""Certain beliefs, vanishing and huge weights, small dtypes: finite, silent, nothing changed.

Warnings are errors in this test suite, so a function that returns here was silent.
"""

import numpy as np
import pytest

from tvbi_ref import module_a
from tvbi_ref.module_a import LayerPosterior
from tvbi_ref.module_a.objective import (
    bernoulli_entropy,
    expected_log_bernoulli,
    gamma_entropy,
    gaussian_entropy,
)
from tvbi_ref.prior import Gamma
from tvbi_ref.turbo import update_precision_complex

PAIRS = [
    (Gamma(1.0, 0.02), Gamma(1.0, 2e-6)),
    (Gamma(0.05, 1e-9), Gamma(30.0, 1e-12)),
    (Gamma(1e4, 1e6), Gamma(1e-2, 1e-8)),
]
LOG_ODDS = [-np.inf, -700.0, -40.0, 0.0, 40.0, 700.0, np.inf]
SECOND_MOMENTS = [0.0, 1e-300, 1e-12, 1.0, 1e12, 1e30]
FORMS = sorted(module_a.FORMS)


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize(("active", "inactive"), PAIRS)
def test_a_step_is_finite_for_every_second_moment_and_belief(name, active, inactive):
    m, h = np.meshgrid(SECOND_MOMENTS, LOG_ODDS)
    q = None
    for _ in range(3):
        q = module_a.FORMS[name].step(m, h, active, inactive, q)
        assert not np.isnan(q.support_log_odds).any()
        assert np.isfinite(q.q_support).all()
        assert np.isfinite(q.expected_precision).all()
        assert (q.expected_precision > 0).all()
        certain = np.isinf(h)
        assert np.isfinite(q.support_log_odds[~certain]).all()
        np.testing.assert_array_equal(q.support_log_odds[certain], h[certain])


@pytest.mark.parametrize("name", ["collapsed", "mean_field"])
@pytest.mark.parametrize(("active", "inactive"), PAIRS)
def test_the_bound_is_finite_when_q_agrees_with_a_certain_prior(name, active, inactive):
    """Also where pi_tilde is 0 or 1 by rounding (log-odds of 700)."""
    m, h = np.meshgrid(SECOND_MOMENTS[1:], LOG_ODDS)
    mean, variance = np.zeros_like(m), m
    q = module_a.FORMS[name].step(m, h, active, inactive)
    terms = module_a.FORMS[name].terms(mean, variance, q, h, active, inactive)
    assert np.isfinite(list(terms)).all()
    assert np.isfinite(terms.total)


@pytest.mark.parametrize("certain", [-np.inf, np.inf])
def test_the_bound_is_minus_infinity_when_q_contradicts_a_certain_prior(certain):
    one = np.ones((1, 1))
    terms = module_a.elbo(
        one, one, one, one, 0 * one, certain * one, Gamma(1.0, 0.1), Gamma(1.0, 0.01)
    )
    assert terms.expected_log_support == -np.inf
    assert terms.total == -np.inf


@pytest.mark.parametrize("l", [-700.0, 0.0, 700.0])
def test_update_support_adds_log_odds_without_overflow(l):
    posterior = module_a.update_support(LOG_ODDS, l)
    np.testing.assert_array_equal(posterior, np.array(LOG_ODDS) + l)
    support = LayerPosterior(posterior, np.ones_like(posterior)).q_support
    assert ((support >= 0) & (support <= 1)).all()
    assert (np.diff(support) >= 0).all()
    assert support[0] == 0
    assert support[-1] == 1


def test_a_tiny_support_probability_is_not_lost():
    """e^-700, where a sum of probabilities would have said 0."""
    q = LayerPosterior(np.array([[-700.0]]), np.ones((1, 1)))
    assert q.q_support[0, 0] == pytest.approx(np.exp(-700.0), rel=1e-12)


@pytest.mark.parametrize(("active", "inactive"), PAIRS)
def test_a_certain_support_uses_one_gamma_only(active, inactive):
    m = np.array(SECOND_MOMENTS)
    for pi, gamma in ((1.0, active), (0.0, inactive)):
        shape, rate = module_a.update_precision(m, np.full_like(m, pi), active, inactive)
        np.testing.assert_array_equal(shape, gamma.shape + 0.5)
        np.testing.assert_array_equal(rate, gamma.rate + m / 2)
        np.testing.assert_array_equal(
            module_a.precision_collapsed(m, np.full_like(m, pi), active, inactive), shape / rate
        )


def test_a_large_weight_is_alive_and_a_zero_one_dead():
    active, inactive = PAIRS[0]
    for name in FORMS:
        q = module_a.FORMS[name].step(np.array([[1e30]]), np.zeros((1, 1)), active, inactive)
        assert q.q_support[0, 0] > 0.99
    dead = module_a.collapsed_step(np.zeros((1, 1)), np.zeros((1, 1)), active, inactive)
    assert dead.q_support[0, 0] < 0.01


def test_expected_log_bernoulli_takes_0_ln_0_as_0():
    value = expected_log_bernoulli([0.0, 1.0, 0.0, 1.0], [-np.inf, np.inf, -700.0, 700.0])
    np.testing.assert_allclose(value, 0, atol=1e-300)
    np.testing.assert_array_equal(expected_log_bernoulli([0.0, 1.0], [np.inf, -np.inf]), -np.inf)
    np.testing.assert_allclose(expected_log_bernoulli([0.5, 0.5], [-700.0, 700.0]), -350)


# Types

ACTIVE, INACTIVE = Gamma(1.5, 0.1), Gamma(1.0, 1e-3)
FUNCTIONS = {
    "second_moment": lambda x: module_a.second_moment(x, x),
    "update_precision": lambda x: module_a.update_precision(x, x, ACTIVE, INACTIVE),
    "update_precision_complex": lambda x: update_precision_complex(x, x, ACTIVE, INACTIVE),
    "expected_precision": lambda x: module_a.expected_precision(x, x),
    "expected_log_precision": lambda x: module_a.expected_log_precision(x, x),
    "evidence": lambda x: module_a.evidence(x, x, ACTIVE, INACTIVE),
    "update_support": lambda x: module_a.update_support(x, x),
    "conditional_precision": lambda x: module_a.conditional_precision(x, ACTIVE)[1],
    "evidence_collapsed": lambda x: module_a.evidence_collapsed(x, ACTIVE, INACTIVE),
    "precision_collapsed": lambda x: module_a.precision_collapsed(x, x, ACTIVE, INACTIVE),
    "gaussian_entropy": gaussian_entropy,
    "gamma_entropy": lambda x: gamma_entropy(x, x),
    "bernoulli_entropy": bernoulli_entropy,
    "expected_log_bernoulli": lambda x: expected_log_bernoulli(x, x),
    "weight_penalty": lambda x: module_a.weight_penalty(x, x, x),
    "elbo": lambda x: tuple(module_a.elbo(x, x, x, x, x, x, ACTIVE, INACTIVE)),
    "elbo_collapsed": lambda x: tuple(module_a.elbo_collapsed(x, x, x, ACTIVE, INACTIVE)),
    "collapsed_step": lambda x: step_arrays(module_a.collapsed_step, x),
    "mean_field_step": lambda x: step_arrays(module_a.mean_field_step, x),
}


def step_arrays(step, x):
    q = step(x, x, ACTIVE, INACTIVE)
    return tuple(
        a
        for a in (q.support_log_odds, q.expected_precision, q.gamma_shape, q.gamma_rate)
        if a is not None
    )


def as_tuple(result):
    return result if isinstance(result, tuple) else (result,)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_float32_in_gives_the_float64_result(name):
    """Not only the type: nothing on the way is computed in float32."""
    x = np.random.default_rng(0).uniform(0.05, 0.95, (2, 3)).astype(np.float32)
    narrow, wide = as_tuple(FUNCTIONS[name](x)), as_tuple(FUNCTIONS[name](x.astype(np.float64)))
    for one, other in zip(narrow, wide, strict=True):
        assert np.asarray(one).dtype == np.float64
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("name", [name for name in FUNCTIONS if not name.endswith("_step")])
def test_lists_are_taken_as_arrays(name):
    x = np.random.default_rng(0).uniform(0.05, 0.95, (2, 3))
    for one, other in zip(
        as_tuple(FUNCTIONS[name](x.tolist())), as_tuple(FUNCTIONS[name](x)), strict=True
    ):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_inputs_are_not_changed(name):
    x = np.random.default_rng(0).uniform(0.05, 0.95, (2, 3))
    kept = x.copy()
    x.flags.writeable = False
    FUNCTIONS[name](x)
    np.testing.assert_array_equal(x, kept)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_weight_penalty_gradient_keeps_the_networks_dtype(dtype):
    x = np.random.default_rng(0).uniform(0.05, 0.95, (2, 3)).astype(dtype)
    x.flags.writeable = False
    for gradient in module_a.weight_penalty_gradient(x, x, x):
        assert gradient.dtype == dtype


@pytest.mark.parametrize("name", FORMS)
def test_a_step_has_the_layers_shape(name):
    m = np.full((2, 3), 0.1)
    q = module_a.FORMS[name].step(m, np.zeros((2, 3)), ACTIVE, INACTIVE)
    assert q.support_log_odds.shape == q.expected_precision.shape == q.q_support.shape == (2, 3)
    assert q.gamma_shape is None or q.gamma_shape.shape == q.gamma_rate.shape == (2, 3)

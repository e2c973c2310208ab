"""The mean-field updates: each is the maximum of the ELBO over its own factor."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize
from scipy.special import expit

from tvbi_ref import module_a
from tvbi_ref.equations.sockets import plugged
from tvbi_ref.prior import Gamma
from tvbi_ref.turbo import update_precision_complex

SEEDS = range(8)


def total(layer, **changes):
    return module_a.elbo(*layer._replace(**changes)).total


def numerical_gradient(function, at, step):
    gradient = np.empty_like(at)
    for n in np.ndindex(at.shape):
        move = np.zeros_like(at)
        move[n] = step
        gradient[n] = (function(at + move) - function(at - move)) / (2 * step)
    return gradient


def bound_by_log_precision(layer):
    """Return the ELBO as a function of (ln a_tilde, ln b_tilde), stacked."""

    def bound(theta):
        shape, rate = np.exp(theta)
        return total(layer, shape=shape, rate=rate)

    return bound


def optimal_precision(layer, update=module_a.update_precision):
    return update(layer.second_moment, layer.q_support, layer.active, layer.inactive)


# Each update is the stationary point of the bound


@pytest.mark.parametrize("seed", SEEDS)
def test_the_elbo_is_stationary_at_update_precision(random_layer, seed):
    layer = random_layer(seed)
    bound = bound_by_log_precision(layer)
    best = np.log(np.stack(optimal_precision(layer)))
    np.testing.assert_allclose(numerical_gradient(bound, best, 1e-4), 0, atol=1e-6)
    for k in (0, 1):  # and nowhere near it: the test would see a wrong update
        off = best.copy()
        off[k] += 0.05
        assert np.abs(numerical_gradient(bound, off, 1e-4)[k]).min() > 1e-3


@pytest.mark.parametrize("seed", SEEDS)
def test_an_optimizer_finds_no_better_precision_and_finds_the_same(random_layer, seed):
    layer = random_layer(seed, (1, 2))
    bound = bound_by_log_precision(layer)
    best = np.log(np.stack(optimal_precision(layer)))
    start = np.log(np.stack([layer.shape, layer.rate]))
    found = optimize.minimize(
        lambda theta: -bound(theta.reshape(best.shape)), start.ravel(), options={"gtol": 1e-6}
    )
    assert -found.fun <= bound(best) + 1e-9
    np.testing.assert_allclose(found.x.reshape(best.shape), best, atol=1e-3)


@pytest.mark.parametrize("seed", SEEDS)
def test_update_precision_complex_is_not_stationary(random_layer, seed):
    layer = random_layer(seed)
    other = np.log(np.stack(optimal_precision(layer, update_precision_complex)))
    gradient = numerical_gradient(bound_by_log_precision(layer), other, 1e-4)
    assert np.abs(gradient).max() > 1e-2


@pytest.mark.parametrize("seed", SEEDS)
def test_the_slope_by_the_support_is_the_distance_to_update_support(random_layer, seed):
    """dELBO/d(logit pi_tilde) = pi_tilde (1 - pi_tilde) [optimum - logit pi_tilde]."""
    layer = random_layer(seed)
    l = module_a.evidence(
        module_a.expected_precision(layer.shape, layer.rate),
        module_a.expected_log_precision(layer.shape, layer.rate),
        layer.active,
        layer.inactive,
    )
    best = module_a.update_support(layer.prior_log_odds, l)

    def bound(log_odds):
        return total(layer, support_log_odds=log_odds)

    for log_odds in (np.clip(best, -6, 6), layer.support_log_odds, np.zeros_like(best)):
        pi = expit(log_odds)
        slope = numerical_gradient(bound, log_odds, 1e-4) / (pi * (1 - pi))
        np.testing.assert_allclose(slope, best - log_odds, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("seed", SEEDS)
def test_no_other_support_is_better(random_layer, seed):
    layer = random_layer(seed, (1, 1))
    rho = module_a.expected_precision(layer.shape, layer.rate)
    log_rho = module_a.expected_log_precision(layer.shape, layer.rate)
    l = module_a.evidence(rho, log_rho, layer.active, layer.inactive)
    best = total(layer, support_log_odds=module_a.update_support(layer.prior_log_odds, l))
    others = [total(layer, support_log_odds=np.full((1, 1), h)) for h in np.linspace(-40, 40, 401)]
    assert max(others) <= best + 1e-9 * max(1, abs(best))


@pytest.mark.parametrize("seed", SEEDS)
def test_the_weight_penalty_gradient_is_its_finite_difference(random_layer, seed):
    layer = random_layer(seed)
    rho = module_a.expected_precision(layer.shape, layer.rate)
    mu, log_variance = layer.mean, np.log(layer.variance)
    d_mean, d_log_variance = module_a.weight_penalty_gradient(mu, layer.variance, rho)
    by_mean = numerical_gradient(
        lambda x: module_a.weight_penalty(x, layer.variance, rho), mu, 1e-4
    )
    by_log_variance = numerical_gradient(
        lambda x: module_a.weight_penalty(mu, np.exp(x), rho), log_variance, 1e-4
    )
    np.testing.assert_allclose(d_mean, by_mean, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(d_log_variance, by_log_variance, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_weight_penalty_is_minus_the_elbo_up_to_a_constant(random_layer, seed):
    layer, rng = random_layer(seed), np.random.default_rng(seed)
    rho = module_a.expected_precision(layer.shape, layer.rate)
    sums = []
    for _ in range(5):
        mean = rng.normal(size=layer.mean.shape)
        variance = np.exp(rng.normal(size=layer.mean.shape))
        bound = total(layer, mean=mean, variance=variance)
        sums.append(bound + module_a.weight_penalty(mean, variance, rho))
    np.testing.assert_allclose(sums, sums[0], rtol=1e-10)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_weight_penalty_is_a_kl_up_to_a_constant(random_layer, seed):
    layer, rng = random_layer(seed), np.random.default_rng(seed)
    rho = module_a.expected_precision(layer.shape, layer.rate)
    differences = []
    for _ in range(5):
        mu = rng.normal(size=layer.mean.shape)
        sigma2 = np.exp(rng.normal(size=layer.mean.shape))
        kl = 0.5 * np.sum(rho * sigma2 + rho * mu**2 - 1 - np.log(rho * sigma2))
        differences.append(module_a.weight_penalty(mu, sigma2, rho) - kl)
    np.testing.assert_allclose(differences, differences[0], rtol=1e-9)


@pytest.mark.parametrize("seed", SEEDS)
def test_without_data_the_weight_goes_back_to_its_prior(random_layer, seed):
    layer = random_layer(seed)
    rho = module_a.expected_precision(layer.shape, layer.rate)
    d_mean, d_log_variance = module_a.weight_penalty_gradient(np.zeros_like(rho), 1 / rho, rho)
    np.testing.assert_array_equal(d_mean, 0)
    np.testing.assert_allclose(d_log_variance, 0, atol=1e-15)
    lowest = module_a.weight_penalty(np.zeros_like(rho), 1 / rho, rho)
    assert module_a.weight_penalty(layer.mean, layer.variance, rho) > lowest


# No exact update ever lowers the bound

shapes = st.floats(0.1, 20)
priors = st.builds(  # a != a_bar, the inactive mean larger by up to five decades
    lambda a, a_bar, decade, contrast: (
        Gamma(a, a * 10**decade),
        Gamma(a_bar, a_bar * 10 ** (decade - contrast)),
    ),
    shapes,
    shapes,
    st.floats(-4, 3),
    st.floats(0, 5),
)
decades = st.floats(-12, 6).map(lambda x: 10**x)
log_odds = st.floats(-20, 20)


def size_of(terms):
    """Return the size of what is added up: the rounding error is relative to that."""
    return 1 + sum(abs(term) for term in terms)


@settings(max_examples=150, deadline=None)
@given(priors, st.floats(-3, 3), decades, st.floats(0.2, 50), decades, log_odds, log_odds)
def test_no_exact_update_lowers_the_elbo(prior, mean, variance, shape, rate, s, h):
    active, inactive = prior
    m = module_a.second_moment([[mean]], [[variance]])
    q = {"shape": [[shape]], "rate": [[rate]], "support_log_odds": [[s]]}

    def terms():
        return module_a.elbo([[mean]], [[variance]], *q.values(), [[h]], active, inactive)

    before = terms()
    for _ in range(4):
        pi = expit(q["support_log_odds"])
        q["shape"], q["rate"] = module_a.update_precision(m, pi, active, inactive)
        between = terms()
        assert between.total >= before.total - 1e-11 * size_of(before)
        rho = module_a.expected_precision(q["shape"], q["rate"])
        log_rho = module_a.expected_log_precision(q["shape"], q["rate"])
        l = module_a.evidence(rho, log_rho, active, inactive)
        q["support_log_odds"] = module_a.update_support([[h]], l)
        before = terms()
        assert before.total >= between.total - 1e-11 * size_of(between)


def lowered_by(update, random_layer):
    """Count in how many of 200 layers one pass of `update` and then q(s) lowers the ELBO.

    The pass starts where a pass of the exact updates ended.
    """
    count = 0
    for seed in range(200):
        layer = random_layer(1000 + seed)
        given_q = (layer.second_moment, layer.prior_log_odds, layer.active, layer.inactive)
        old = module_a.mean_field_step(*given_q)
        with plugged({"q-precision": update}):
            new = module_a.mean_field_step(*given_q, old)
        before, after = (
            total(
                layer, shape=q.gamma_shape, rate=q.gamma_rate, support_log_odds=q.support_log_odds
            )
            for q in (old, new)
        )
        count += after < before - 1e-9 * (1 + abs(before))
    return count


def test_the_complex_update_lowers_the_elbo_and_the_exact_one_does_not(random_layer):
    assert lowered_by(module_a.update_precision.readable, random_layer) == 0
    assert lowered_by(update_precision_complex, random_layer) > 0


@pytest.mark.parametrize("seed", SEEDS)
def test_the_complex_update_is_the_exact_one_with_twice_the_weights_part(random_layer, seed):
    layer = random_layer(seed)
    exact = optimal_precision(layer)
    twice = optimal_precision(layer, update_precision_complex)
    np.testing.assert_allclose(twice[0] - exact[0], 0.5, rtol=1e-12)
    np.testing.assert_allclose(twice[1] - exact[1], layer.second_moment / 2, rtol=1e-9)


# The step puts the updates together


@pytest.mark.parametrize("seed", SEEDS)
def test_the_mean_field_step_is_update_precision_then_update_support(random_layer, seed):
    layer = random_layer(seed)
    previous = module_a.LayerPosterior(layer.support_log_odds, np.ones_like(layer.mean))
    new = module_a.mean_field_step(
        layer.second_moment, layer.prior_log_odds, layer.active, layer.inactive, previous
    )
    shape, rate = optimal_precision(layer)
    np.testing.assert_allclose(new.gamma_shape, shape, rtol=1e-14)
    np.testing.assert_allclose(new.gamma_rate, rate, rtol=1e-14)
    np.testing.assert_allclose(new.expected_precision, shape / rate, rtol=1e-14)
    best = total(layer, shape=shape, rate=rate, support_log_odds=new.support_log_odds)
    for more in (-0.1, 0.1):
        other = new.support_log_odds + more
        assert total(layer, shape=shape, rate=rate, support_log_odds=other) < best


def test_a_first_mean_field_step_starts_from_the_priors_belief(random_layer):
    layer = random_layer(0)
    given_q = (layer.second_moment, layer.prior_log_odds, layer.active, layer.inactive)
    prior = module_a.LayerPosterior(layer.prior_log_odds, np.ones_like(layer.mean))
    step = module_a.FORMS["mean_field"].step
    first, same = step(*given_q), step(*given_q, prior)
    np.testing.assert_array_equal(first.support_log_odds, same.support_log_odds)
    np.testing.assert_array_equal(first.expected_precision, same.expected_precision)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_evidence_is_the_posterior_minus_the_prior_log_odds(random_layer, seed):
    """[extrinsic-a]: what came in is not part of what goes out."""
    layer = random_layer(seed)
    q = module_a.mean_field_step(
        layer.second_moment, layer.prior_log_odds, layer.active, layer.inactive
    )
    l = module_a.evidence(
        q.expected_precision,
        module_a.expected_log_precision(q.gamma_shape, q.gamma_rate),
        layer.active,
        layer.inactive,
    )
    np.testing.assert_allclose(q.support_log_odds - layer.prior_log_odds, l, atol=1e-10)


def test_the_mean_field_terms_need_a_mean_field_posterior(random_layer):
    layer = random_layer(0)
    collapsed = module_a.collapsed_step(
        layer.second_moment, layer.prior_log_odds, layer.active, layer.inactive
    )
    terms = module_a.FORMS["mean_field"].terms
    with pytest.raises(ValueError, match="posterior"):
        terms(
            layer.mean,
            layer.variance,
            collapsed,
            layer.prior_log_odds,
            layer.active,
            layer.inactive,
        )

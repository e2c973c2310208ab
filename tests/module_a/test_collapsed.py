"""The collapsed form against quadrature over the precision, and against mean field."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats
from scipy.special import expit

from tvbi_ref import module_a
from tvbi_ref.prior import Gamma

SEEDS = range(8)
PAIRS = [
    (Gamma(1.0, 0.02), Gamma(1.0, 2e-6)),
    (Gamma(2.0, 0.5), Gamma(0.7, 1e-3)),
    (Gamma(0.3, 1.7), Gamma(4.0, 0.2)),
    (Gamma(12.0, 5.0), Gamma(12.0, 0.5)),
]
SECOND_MOMENTS = [0.0, 1e-6, 1e-3, 0.3, 40.0]
quick = settings(max_examples=150, deadline=None)
shapes = st.floats(0.1, 20)
decades = st.floats(-12, 6).map(lambda x: 10**x)
log_odds = st.floats(-20, 20)


def integral_over_precision(prior, m, moment=0):
    """Return the integral of rho^moment Ga(rho; a, b) exp(E_q ln N(w; 0, 1/rho)), by quadrature.

    Over t = ln rho, around the maximum of the integrand.
    """
    density = stats.gamma(prior.shape, scale=1 / prior.rate)
    mode = np.log((prior.shape + 0.5 + moment) / (prior.rate + m / 2))

    def log_integrand(t):
        rho = np.exp(t)
        expected_log_normal = 0.5 * np.log(rho) - 0.5 * np.log(2 * np.pi) - 0.5 * rho * m
        return density.logpdf(rho) + expected_log_normal + (1 + moment) * t

    top = log_integrand(mode)
    value, _ = integrate.quad(
        lambda t: np.exp(log_integrand(t) - top), mode - 60, mode + 6, points=[mode], limit=200
    )
    return value * np.exp(top)


# Every closed form is its integral


@pytest.mark.parametrize("m", SECOND_MOMENTS)
@pytest.mark.parametrize(("active", "inactive"), PAIRS)
def test_the_collapsed_bound_is_the_log_of_the_integral_over_precision_and_support(
    active, inactive, m
):
    h, variance = -0.8, m or 1e-9
    pi = expit(h)
    z = pi * integral_over_precision(active, variance)
    z += (1 - pi) * integral_over_precision(inactive, variance)
    bound = module_a.elbo_collapsed([[0.0]], [[variance]], [[h]], active, inactive)
    assert bound.log_evidence == pytest.approx(np.log(z), rel=1e-8, abs=1e-8)
    assert bound.entropy_weight == pytest.approx(stats.norm(0, variance**0.5).entropy(), rel=1e-9)
    assert bound.total == pytest.approx(bound.log_evidence + bound.entropy_weight, rel=1e-14)


@pytest.mark.parametrize("m", SECOND_MOMENTS)
@pytest.mark.parametrize(("active", "inactive"), PAIRS)
def test_the_collapsed_evidence_is_the_log_ratio_of_the_two_integrals(active, inactive, m):
    expected = np.log(integral_over_precision(active, m) / integral_over_precision(inactive, m))
    evidence = module_a.evidence_collapsed(m, active, inactive)
    assert evidence == pytest.approx(expected, rel=1e-7, abs=1e-7)


@pytest.mark.parametrize("m", SECOND_MOMENTS)
@pytest.mark.parametrize(("active", "inactive"), PAIRS)
@pytest.mark.slow
def test_the_collapsed_precision_is_its_mean_under_the_joint_posterior(active, inactive, m):
    """E[rho] = sum_s p(s) int rho ... / sum_s p(s) int ...: support and precision together."""
    h = 0.4
    prior = {1: (expit(h), active), 0: (expit(-h), inactive)}
    zeroth, first = (
        sum(p * integral_over_precision(gamma, m, moment) for p, gamma in prior.values())
        for moment in (0, 1)
    )
    step = module_a.collapsed_step(np.array([[m]]), np.array([[h]]), active, inactive)
    assert step.expected_precision[0, 0] == pytest.approx(first / zeroth, rel=1e-7)
    q = step.q_support[0, 0]
    assert q == pytest.approx(prior[1][0] * integral_over_precision(active, m) / zeroth, rel=1e-7)
    formula = module_a.precision_collapsed(m, q, active, inactive)
    assert formula == pytest.approx(first / zeroth, rel=1e-7)


@pytest.mark.parametrize("m", SECOND_MOMENTS)
@pytest.mark.parametrize("gamma", [gamma for pair in PAIRS for gamma in pair])
@pytest.mark.slow
def test_the_conditional_precision_is_the_conjugate_posterior(gamma, m):
    shape, rate = module_a.conditional_precision(m, gamma)
    z0, z1, z2 = (integral_over_precision(gamma, m, k) for k in range(3))
    posterior = stats.gamma(shape, scale=1 / rate)
    assert posterior.mean() == pytest.approx(z1 / z0, rel=1e-7)
    assert posterior.var() == pytest.approx(z2 / z0 - (z1 / z0) ** 2, rel=1e-6)


# The bound as a function of the second moment


@pytest.mark.parametrize("seed", SEEDS)
def test_the_collapsed_precision_is_minus_twice_the_slope_of_the_bound(random_layer, seed):
    """The envelope theorem: dELBO/dm = -<rho>/2, with q(rho, s) optimal for each m."""
    layer = random_layer(seed, (1, 1))
    h, active, inactive = layer.prior_log_odds, layer.active, layer.inactive

    def log_evidence(m):
        return module_a.elbo_collapsed([[0.0]], [[m]], h, active, inactive).log_evidence

    for m in np.logspace(-3, 3, 9) * inactive.rate:
        step = module_a.collapsed_step(np.array([[m]]), h, active, inactive)
        change = 1e-4 * m
        slope = (log_evidence(m + change) - log_evidence(m - change)) / (2 * change)
        assert step.expected_precision[0, 0] == pytest.approx(-2 * slope, rel=1e-5)


@quick
@given(shapes, st.floats(-6, 3), st.floats(0.1, 6), decades, st.floats(1, 1e3))
def test_with_equal_shapes_the_collapsed_evidence_never_falls_with_m(a, decade, contrast, m, more):
    active, inactive = Gamma(a, 10**decade), Gamma(a, 10 ** (decade - contrast))
    low, high = module_a.evidence_collapsed([m, m * more], active, inactive)
    assert high >= low - 1e-12 * (1 + a) * 50


def test_with_equal_shapes_the_collapsed_evidence_rises_strictly():
    for active, inactive in [PAIRS[0], PAIRS[3]]:
        m = np.logspace(np.log10(inactive.rate) - 3, np.log10(active.rate) + 3, 200)
        assert (np.diff(module_a.evidence_collapsed(m, active, inactive)) > 0).all()


@quick
@given(shapes, st.floats(-6, 3), st.floats(0.1, 6))
def test_with_equal_shapes_the_collapsed_evidence_has_the_documented_limits(a, decade, contrast):
    """From -1/2 ln(b/b_bar) at m = 0 to a ln(b/b_bar) for a large weight."""
    active, inactive = Gamma(a, 10**decade), Gamma(a, 10 ** (decade - contrast))
    log_ratio = contrast * np.log(10)
    dead, alive = module_a.evidence_collapsed([0.0, 1e30], active, inactive)
    assert dead == pytest.approx(-0.5 * log_ratio, rel=1e-9, abs=1e-9)
    assert alive == pytest.approx(a * log_ratio, rel=1e-9, abs=1e-9)


# The collapsed bound is the better one


@quick
@given(
    st.tuples(shapes, shapes, st.floats(-4, 3), st.floats(-2, 5)),
    st.floats(-3, 3),
    decades,
    st.floats(0.2, 50),
    decades,
    log_odds,
    log_odds,
)
@pytest.mark.slow
def test_for_any_q_the_collapsed_bound_is_at_least_the_mean_field_one(
    prior, mean, variance, shape, rate, s, h
):
    a, a_bar, decade, contrast = prior
    active, inactive = Gamma(a, 10**decade), Gamma(a_bar, 10 ** (decade - contrast))
    terms = module_a.elbo(
        [[mean]], [[variance]], [[shape]], [[rate]], [[s]], [[h]], active, inactive
    )
    collapsed = module_a.elbo_collapsed([[mean]], [[variance]], [[h]], active, inactive)
    size = 1 + sum(abs(term) for term in terms)
    assert collapsed.total >= terms.total - 1e-12 * size


def converged(layer, passes=300):
    q = None
    for _ in range(passes):
        q = module_a.mean_field_step(
            layer.second_moment, layer.prior_log_odds, layer.active, layer.inactive, q
        )
    return q


def both_bounds(layer, q):
    terms = {
        name: module_a.FORMS[name].terms(
            layer.mean, layer.variance, q, layer.prior_log_odds, layer.active, layer.inactive
        )
        for name in ("collapsed", "mean_field")
    }
    return terms["collapsed"].total, terms["mean_field"].total


@pytest.mark.parametrize("seed", SEEDS)
def test_the_converged_mean_field_bound_is_still_below_the_collapsed_one(random_layer, seed):
    layer = random_layer(seed)
    collapsed, mean_field = both_bounds(layer, converged(layer))
    assert collapsed - mean_field >= 0
    assert collapsed - mean_field > 1e-6  # strictly: precision and support do depend on each other


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("certain", [-np.inf, np.inf])
def test_with_a_certain_support_both_bounds_are_the_same(random_layer, seed, certain):
    layer = random_layer(seed)
    layer = layer._replace(prior_log_odds=np.full_like(layer.mean, certain))
    collapsed, mean_field = both_bounds(layer, converged(layer, passes=2))
    assert mean_field == pytest.approx(collapsed, rel=1e-10, abs=1e-10)


@pytest.mark.parametrize("seed", SEEDS)
def test_with_two_equal_gammas_both_bounds_are_the_same(random_layer, seed):
    layer = random_layer(seed)
    layer = layer._replace(inactive=layer.active)
    collapsed, mean_field = both_bounds(layer, converged(layer, passes=2))
    assert mean_field == pytest.approx(collapsed, rel=1e-10, abs=1e-10)
    assert module_a.evidence_collapsed(layer.second_moment, layer.active, layer.active) == (
        pytest.approx(0.0)
    )


@pytest.mark.parametrize("seed", SEEDS)
def test_the_collapsed_step_remembers_nothing(random_layer, seed):
    layer = random_layer(seed)
    inputs = (layer.second_moment, layer.prior_log_odds, layer.active, layer.inactive)
    first = module_a.collapsed_step(*inputs)
    again = module_a.collapsed_step(*inputs, converged(layer, passes=3))
    np.testing.assert_array_equal(first.support_log_odds, again.support_log_odds)
    np.testing.assert_array_equal(first.expected_precision, again.expected_precision)
    assert first.gamma_shape is None
    assert first.gamma_rate is None


@pytest.mark.parametrize("seed", SEEDS)
def test_the_collapsed_extrinsic_is_its_evidence(random_layer, seed):
    layer = random_layer(seed)
    inputs = (layer.second_moment, layer.prior_log_odds, layer.active, layer.inactive)
    extrinsic = module_a.collapsed_step(*inputs).support_log_odds - layer.prior_log_odds
    evidence = module_a.evidence_collapsed(layer.second_moment, layer.active, layer.inactive)
    np.testing.assert_allclose(extrinsic, evidence, atol=1e-12)

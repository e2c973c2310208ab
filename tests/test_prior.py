"""The three-layer prior: its densities against SciPy, its samples against its moments."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

from tvbi_ref.errors import NonFiniteError
from tvbi_ref.module_b import ChainSupport, GridSupport, IndependentSupport
from tvbi_ref.prior import Gamma, HierarchicalPrior, per_layer

quick = settings(max_examples=40, deadline=None, derandomize=True)
shapes = st.floats(0.05, 50)
rates = st.floats(1e-6, 1e4)
EVEN = IndependentSupport(0.0)


# Gamma


@quick
@given(shapes, rates, st.floats(1e-3, 1e3))
def test_the_gamma_log_density_is_scipys(a, b, multiple):
    r = multiple * a / b
    expected = stats.gamma(a, scale=1 / b).logpdf(r)
    assert Gamma(a, b).log_density(r) == pytest.approx(expected, rel=1e-9, abs=1e-9)


@quick
@given(shapes, rates)
def test_the_gamma_mean_is_shape_over_rate(a, b):
    assert Gamma(a, b).mean == pytest.approx(stats.gamma(a, scale=1 / b).mean(), rel=1e-12)


def test_the_gamma_log_density_at_zero_has_the_limits_of_its_shape():
    assert Gamma(1.0, 2.0).log_density(0.0) == pytest.approx(np.log(2.0), rel=1e-14)
    assert Gamma(2.0, 2.0).log_density(0.0) == -np.inf
    assert Gamma(0.5, 2.0).log_density(0.0) == np.inf


@quick
@given(shapes, rates, shapes, rates)
def test_the_expected_log_density_needs_only_the_two_expectations(a, b, a_tilde, b_tilde):
    """E_q[a const + (a-1) ln rho - b rho] is linear in <rho> and <ln rho>."""
    some = Gamma(a, b)
    rho = np.array([0.5, 2.0]) * a_tilde / b_tilde
    expected = np.mean(some.log_density(rho))
    value = some.expected_log_density(rho.mean(), np.log(rho).mean())
    assert value == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_the_expected_log_density_is_the_integral():
    some, q = Gamma(0.7, 0.3), stats.gamma(2.5, scale=1 / 1.5)
    integral, _ = integrate.quad(lambda r: q.pdf(r) * some.log_density(r), 0, 60)
    log_rho, _ = integrate.quad(lambda r: q.pdf(r) * np.log(r), 0, 60)
    assert some.expected_log_density(q.mean(), log_rho) == pytest.approx(integral, rel=1e-7)


@quick
@given(shapes, rates, st.floats(-30, 30))
def test_with_the_squared_weight_the_evidence_is_a_student_t(a, b, multiple):
    w = multiple * np.sqrt(b / a)
    expected = stats.t(df=2 * a, scale=np.sqrt(b / a)).logpdf(w)
    assert Gamma(a, b).log_weight_evidence(w**2) == pytest.approx(expected, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize(("a", "b"), [(1.0, 0.02), (1.0, 2e-6), (0.3, 1.7), (20.0, 5.0)])
@pytest.mark.parametrize("m", [0.0, 1e-8, 1e-3, 0.3, 40.0])
def test_the_evidence_is_the_integral_over_the_precision(a, b, m):
    """Over t = ln rho, around the maximum of the integrand, which is scaled to 1 there."""
    prior = stats.gamma(a, scale=1 / b)
    mode = np.log((a + 0.5) / (b + m / 2))

    def log_integrand(t):
        rho = np.exp(t)
        return prior.logpdf(rho) + 0.5 * np.log(rho / (2 * np.pi)) - rho * m / 2 + t

    top = log_integrand(mode)
    integral, _ = integrate.quad(
        lambda t: np.exp(log_integrand(t) - top), mode - 60, mode + 6, points=[mode], limit=200
    )
    expected = np.log(integral) + top
    assert Gamma(a, b).log_weight_evidence(m) == pytest.approx(expected, rel=1e-8, abs=1e-8)


def test_gamma_functions_keep_the_shape_of_what_they_are_given():
    some, x = Gamma(2.0, 3.0), np.ones((2, 3))
    assert some.log_density(x).shape == (2, 3)
    assert some.log_weight_evidence(x).shape == (2, 3)
    assert some.expected_log_density(x, x).shape == (2, 3)
    assert some.sample((2, 3), np.random.default_rng(0)).shape == (2, 3)


def test_gamma_samples_follow_the_distribution():
    draws = Gamma(2.5, 40.0).sample(4000, np.random.default_rng(0))
    assert stats.kstest(draws, stats.gamma(2.5, scale=1 / 40.0).cdf).pvalue > 1e-3


@pytest.mark.parametrize(
    ("shape", "rate", "error", "name"),
    [
        (0.0, 1.0, ValueError, "shape"),
        (-1.0, 1.0, ValueError, "shape"),
        (float("nan"), 1.0, ValueError, "shape"),
        (None, 1.0, TypeError, "shape"),
        (1.0, 0.0, ValueError, "rate"),
        (1.0, float("inf"), ValueError, "rate"),
        (1.0, "2", TypeError, "rate"),
    ],
)
def test_a_gamma_needs_positive_finite_numbers(shape, rate, error, name):
    with pytest.raises(error, match=name):
        Gamma(shape, rate)


def test_the_log_density_of_a_precision_that_is_not_a_number_is_refused():
    with pytest.raises(NonFiniteError, match="precision"):
        Gamma(1.0, 1.0).log_density([1.0, np.nan])


# HierarchicalPrior


@quick
@given(st.floats(1e-6, 1e3), st.floats(1e-9, 0.999))
def test_spike_and_slab_puts_the_variance_and_the_contrast_into_the_rates(variance, contrast):
    prior = HierarchicalPrior.spike_and_slab(EVEN, variance=variance, contrast=contrast)
    assert prior.active == Gamma(1.0, variance)
    assert prior.inactive.shape == 1.0
    assert prior.inactive.rate == pytest.approx(variance * contrast, rel=1e-12)
    assert prior.contrast == pytest.approx(contrast, rel=1e-12)
    assert prior.support is EVEN


def test_spike_and_slab_has_the_stated_defaults():
    prior = HierarchicalPrior.spike_and_slab(EVEN)
    assert prior.active.mean == pytest.approx(50.0)
    assert prior.inactive.mean == pytest.approx(500_000.0)


@quick
@given(shapes, rates, shapes, st.floats(1e-9, 0.99), st.floats(1e-9, 0.99))
def test_with_contrast_moves_only_the_spike(a, b, a_bar, first, second):
    inactive = Gamma(a_bar, a_bar * first * b / a)
    prior = HierarchicalPrior(Gamma(a, b), inactive, EVEN)
    moved = prior.with_contrast(second)
    assert moved.contrast == pytest.approx(second, rel=1e-9)
    assert moved.active == prior.active
    assert moved.inactive.shape == a_bar
    assert moved.support is prior.support
    assert prior.inactive == inactive


def test_with_its_own_contrast_a_prior_stays_as_it_is():
    prior = HierarchicalPrior.spike_and_slab(EVEN, variance=0.5, contrast=0.01)
    assert prior.with_contrast(prior.contrast).inactive.rate == pytest.approx(0.005, rel=1e-12)


def test_sampled_precisions_have_the_mean_that_their_support_asks_for():
    prior = HierarchicalPrior(Gamma(5.0, 0.1), Gamma(3.0, 0.003), ChainSupport(0.1, 0.3))
    s, rho, w = prior.sample((300, 300), np.random.default_rng(0))
    assert s.shape == rho.shape == w.shape == (300, 300)
    for state, gamma in ((1, prior.active), (0, prior.inactive)):
        chosen = rho[s == state]
        error = np.sqrt(gamma.shape) / gamma.rate / np.sqrt(chosen.size)
        assert abs(chosen.mean() - gamma.mean) < 4.5 * error
    assert s.mean() == pytest.approx(0.25, abs=0.01)


def test_sampled_weights_are_normal_given_the_precision_and_student_given_the_support():
    prior = HierarchicalPrior(Gamma(5.0, 0.1), Gamma(3.0, 0.003), EVEN)
    s, rho, w = prior.sample((60, 60), np.random.default_rng(1))
    assert stats.kstest((w * np.sqrt(rho)).ravel(), stats.norm.cdf).pvalue > 1e-3
    for state, gamma in ((1, prior.active), (0, prior.inactive)):
        student = stats.t(df=2 * gamma.shape, scale=np.sqrt(gamma.rate / gamma.shape))
        assert stats.kstest(w[s == state], student.cdf).pvalue > 1e-3


@pytest.mark.parametrize(
    "support", [IndependentSupport(-1.0), ChainSupport(0.1, 0.3), GridSupport(-1.0, 0.1, 0.2)]
)
def test_the_log_density_is_the_sum_of_its_three_layers(support):
    prior = HierarchicalPrior(Gamma(1.5, 0.02), Gamma(2.0, 1e-4), support)
    s, rho, w = prior.sample((4, 3), np.random.default_rng(2))
    active, inactive = stats.gamma(1.5, scale=1 / 0.02), stats.gamma(2.0, scale=1 / 1e-4)
    expected = (
        support.log_prob(s)
        + np.sum(s * active.logpdf(rho) + (1 - s) * inactive.logpdf(rho))
        + np.sum(stats.norm(scale=1 / np.sqrt(rho)).logpdf(w))
    )
    assert prior.log_density(s, rho, w) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("build", "error", "message"),
    [
        (lambda: HierarchicalPrior(1.0, Gamma(1, 1), EVEN), TypeError, "active must be a Gamma"),
        (lambda: HierarchicalPrior(Gamma(1, 1), None, EVEN), TypeError, "inactive must be a Gamma"),
        (
            lambda: HierarchicalPrior(Gamma(1, 1), Gamma(1, 0.1), 0.5),
            TypeError,
            "support must be an instance of a SupportPrior",
        ),
        (
            lambda: HierarchicalPrior(Gamma(1, 1), Gamma(1, 1), EVEN),
            ValueError,
            "inactive must have the larger mean",
        ),
        (lambda: HierarchicalPrior.spike_and_slab(EVEN, variance=0), ValueError, "variance"),
        (lambda: HierarchicalPrior.spike_and_slab(EVEN, contrast=1), ValueError, "contrast"),
        (lambda: HierarchicalPrior.spike_and_slab(EVEN, contrast=0), ValueError, "contrast"),
        (lambda: HierarchicalPrior.spike_and_slab(EVEN, contrast="no"), TypeError, "contrast"),
        (
            lambda: HierarchicalPrior.spike_and_slab(EVEN).with_contrast(2.0),
            ValueError,
            "contrast",
        ),
    ],
)
def test_a_prior_that_makes_no_sense_is_refused(build, error, message):
    with pytest.raises(error, match=message):
        build()


@pytest.mark.parametrize(
    ("changed", "error", "message"),
    [
        ({"support": [[0, 2]]}, ValueError, "support"),
        ({"support": [0, 1]}, ValueError, "support"),
        ({"precision": [[1.0]]}, ValueError, "precision"),
        ({"precision": [[1.0, np.nan]]}, NonFiniteError, "precision"),
        ({"weight": [[1.0, 2.0, 3.0]]}, ValueError, "weight"),
        ({"weight": [[1.0, np.inf]]}, NonFiniteError, "weight"),
    ],
)
def test_the_log_density_refuses_what_is_no_draw(changed, error, message):
    draw = {"support": [[0, 1]], "precision": [[1.0, 2.0]], "weight": [[0.1, 0.2]]}
    with pytest.raises(error, match=message):
        HierarchicalPrior.spike_and_slab(EVEN).log_density(**(draw | changed))


# per_layer


def test_one_prior_serves_every_layer_and_a_list_is_kept_in_order():
    first = HierarchicalPrior.spike_and_slab(EVEN)
    second = first.with_contrast(0.1)
    assert per_layer(first, 3) == [first, first, first]
    assert per_layer((first, second), 2) == [first, second]


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        ([], ValueError, "prior must name 2 priors, one a layer; got 0"),
        ([HierarchicalPrior.spike_and_slab(EVEN)], ValueError, "got 1"),
        ([HierarchicalPrior.spike_and_slab(EVEN), EVEN], TypeError, r"prior\[1\] must be a"),
        ([None, HierarchicalPrior.spike_and_slab(EVEN)], TypeError, r"prior\[0\] must be a"),
        (EVEN, TypeError, "prior"),
        (None, TypeError, "prior"),
    ],
)
def test_priors_that_do_not_match_the_layers_are_refused(wrong, error, message):
    with pytest.raises(error, match=message):
        per_layer(wrong, 2)

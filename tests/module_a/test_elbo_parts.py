"""Each term of the two bounds, against SciPy and quadrature."""

import numpy as np
import pytest
from scipy import integrate, stats
from scipy.special import expit

from tvbi_ref import module_a
from tvbi_ref.module_a.objective import (
    bernoulli_entropy,
    expected_log_bernoulli,
    gamma_entropy,
    gaussian_entropy,
)

GAMMAS = [(0.6, 2.0), (1.0, 1.0), (1.5, 1e-3), (7.0, 30.0), (40.0, 0.02)]
SEEDS = range(5)


def expectation(shape, rate, function):
    """Return E[function(rho)] under Ga(shape, rate), by quadrature over t = ln rho."""
    q = stats.gamma(shape, scale=1 / rate)
    mode = np.log(shape / rate)
    value, _ = integrate.quad(
        lambda t: function(np.exp(t)) * np.exp(q.logpdf(np.exp(t)) + t),
        mode - 60,
        mode + 6,
        points=[mode],
        limit=200,
    )
    return value


@pytest.mark.parametrize(("shape", "rate"), GAMMAS)
def test_the_expected_precision_is_the_integral(shape, rate):
    expected = expectation(shape, rate, lambda rho: rho)
    assert module_a.expected_precision(shape, rate) == pytest.approx(expected, rel=1e-7)
    assert module_a.expected_precision(shape, rate) == pytest.approx(
        stats.gamma(shape, scale=1 / rate).mean(), rel=1e-12
    )


@pytest.mark.parametrize(("shape", "rate"), GAMMAS)
def test_the_expected_log_precision_is_the_integral(shape, rate):
    expected = expectation(shape, rate, np.log)
    assert module_a.expected_log_precision(shape, rate) == pytest.approx(expected, rel=1e-7)


@pytest.mark.parametrize(("shape", "rate"), GAMMAS)
def test_the_gamma_entropy_is_scipys(shape, rate):
    expected = stats.gamma(shape, scale=1 / rate).entropy()
    assert gamma_entropy(shape, rate) == pytest.approx(expected, rel=1e-10, abs=1e-10)


@pytest.mark.parametrize("variance", [1e-8, 0.3, 1.0, 50.0])
def test_the_gaussian_entropy_is_scipys(variance):
    expected = stats.norm(scale=np.sqrt(variance)).entropy()
    assert gaussian_entropy(variance) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("p", [0.0, 1e-12, 0.1, 0.5, 0.9, 1.0])
def test_the_bernoulli_entropy_is_scipys(p):
    expected = stats.bernoulli(p).entropy()
    assert bernoulli_entropy(p) == pytest.approx(expected, rel=1e-9, abs=1e-13)


@pytest.mark.parametrize("p", [0.0, 0.2, 1.0])
@pytest.mark.parametrize("h", [-30.0, -1.0, 0.0, 3.0])
def test_the_expected_log_bernoulli_is_the_average_over_both_states(p, h):
    belief = stats.bernoulli(expit(h))
    expected = p * belief.logpmf(1) + (1 - p) * belief.logpmf(0)
    assert expected_log_bernoulli(p, h) == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_the_second_moment_is_mean_square_plus_variance():
    w = stats.norm(0.3, 0.2)
    expected = w.expect(lambda x: x**2)
    assert module_a.second_moment(0.3, 0.2**2) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_elbo_is_the_expectation_of_its_integrand(random_layer, seed):
    """E_q[ln p(w|rho) + ln p(rho|s) + ln p(s) - ln q(w) - ln q(rho) - ln q(s)]: by quadrature.

    Over rho numerically; w by its two moments, s by its two states.
    """
    one = random_layer(seed, (1, 1))
    numbers = (one.mean, one.variance, one.shape, one.rate, one.support_log_odds)
    mu, sigma2, shape, rate, s = (float(x[0, 0]) for x in numbers)
    p, pi = expit(s), expit(float(one.prior_log_odds[0, 0]))
    alive, dead, q = (
        stats.gamma(a, scale=1 / b)
        for a, b in (
            (one.active.shape, one.active.rate),
            (one.inactive.shape, one.inactive.rate),
            (shape, rate),
        )
    )

    def integrand(rho):
        log_weight = 0.5 * np.log(rho / (2 * np.pi)) - 0.5 * rho * (mu**2 + sigma2)
        on = alive.logpdf(rho) + np.log(pi) - np.log(p)
        off = dead.logpdf(rho) + np.log(1 - pi) - np.log(1 - p)
        return log_weight + p * on + (1 - p) * off - q.logpdf(rho)

    expected = expectation(shape, rate, integrand) + stats.norm(mu, sigma2**0.5).entropy()
    assert module_a.elbo(*one).total == pytest.approx(expected, rel=1e-7)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_layers_bound_is_the_sum_over_its_weights(random_layer, seed):
    layer = random_layer(seed)
    at = list(np.ndindex(layer.mean.shape))
    one_by_one = [
        type(layer)(*(np.array([[x[n]]]) for x in layer[:6]), layer.active, layer.inactive)
        for n in at
    ]
    assert module_a.elbo(*layer).total == pytest.approx(
        sum(module_a.elbo(*one).total for one in one_by_one), rel=1e-12
    )
    parts = [
        (one.mean, one.variance, one.prior_log_odds, one.active, one.inactive)
        for one in [layer, *one_by_one]
    ]
    whole, *pieces = (module_a.elbo_collapsed(*part).total for part in parts)
    assert whole == pytest.approx(sum(pieces), rel=1e-12)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_total_is_the_sum_of_the_terms(random_layer, seed):
    terms = module_a.elbo(*random_layer(seed))
    assert terms.total == pytest.approx(sum(terms._asdict().values()), rel=1e-14)

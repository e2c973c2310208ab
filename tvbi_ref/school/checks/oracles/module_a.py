"""Module A on other roads: quadrature over rho and w, enumeration of s, numerical maximisation.

A Gamma comes as the pair (a, b) of shape and rate. The grid over rho and why it is
accurate: `tvbi_ref.school.checks.oracles.model`. Integrals over w are Gauss-Hermite sums, which
are exact here, where the integrands are polynomials of w.
"""

from __future__ import annotations

import decimal
import math
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import numpy as np
from scipy import optimize, stats
from scipy.special import expit, logsumexp

from tvbi_ref.school.checks.oracles.model import (
    Array,
    Function,
    Pair,
    log_gamma_density,
    log_integral,
    log_prior_weight,
    precision_grid,
)

NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(8)
WEIGHTS = WEIGHTS / WEIGHTS.sum()
"""Nodes x_k and weights of an average over N(0, 1): exact up to the power x^15."""


def expectation(function: Function, shape: Array, rate: Array) -> Array:
    """Return E[function(rho)] under Ga(shape, rate), by quadrature.

    Parameters
    ----------
    function : callable (..., nodes) -> (..., nodes)
    shape, rate : ndarray, one shape

    Examples
    --------
    >>> expectation(np.log, np.array([1.0]), np.array([1.0])).round(6)  # minus Euler's constant
    array([-0.577216])
    """
    rho, step = precision_grid(shape, rate)
    density = np.exp(log_gamma_density(rho, (shape[..., None], rate[..., None])))
    return np.sum(density * rho * function(rho), axis=-1) * step


def log_q(
    weight: Array,
    precision: Array,
    support: Array,
    mean: Array,
    variance: Array,
    shape: Array,
    rate: Array,
    q_support: Array,
) -> Array:
    """Return ln q(w) + ln q(rho) + ln q(s), each density SciPy's.

    Notes
    -----
    Source: [q-factors].

    Examples
    --------
    >>> one, half = np.array(1.0), np.array(0.5)
    >>> float(log_q(0 * one, one, one, 0 * one, one, one, one, half).round(4))
    -2.6121
    """
    log_weight = stats.norm.logpdf(weight, mean, np.sqrt(variance))
    log_precision = stats.gamma.logpdf(precision, shape, scale=1.0 / rate)
    return np.asarray(log_weight + log_precision + stats.bernoulli.logpmf(support, q_support))


def elbo(
    mean: Array,
    variance: Array,
    shape: Array,
    rate: Array,
    support_log_odds: Array,
    prior_log_odds: Array,
    active: Pair,
    inactive: Pair,
) -> tuple[float, ...]:
    """Return the six terms, every expectation a sum over nodes of w, of rho, and states of s.

    Notes
    -----
    Source: [elbo].

    Examples
    --------
    >>> one = np.ones((1, 1))
    >>> terms = elbo(one, one, one, one, 0 * one, 0 * one, (1.0, 1.0), (1.0, 1.0))
    >>> [round(term, 4) for term in terms]
    [-2.2075, -1.0, -0.6931, 1.4189, 1.0, 0.6931]
    """
    weight = mean[..., None] + np.sqrt(variance)[..., None] * NODES

    def log_weight(rho: Array) -> Array:
        return log_prior_weight(weight[..., None], rho[..., None, :]).swapaxes(-1, -2) @ WEIGHTS

    on = expectation(lambda rho: log_gamma_density(rho, active), shape, rate)
    off = expectation(lambda rho: log_gamma_density(rho, inactive), shape, rate)
    entropy_precision = expectation(
        lambda rho: -log_gamma_density(rho, (shape[..., None], rate[..., None])), shape, rate
    )
    log_q_weight = stats.norm.logpdf(weight, mean[..., None], np.sqrt(variance)[..., None])
    q, p = _states(support_log_odds), _states(prior_log_odds)
    with np.errstate(divide="ignore"):
        log_q, log_p = np.log(q), np.log(p)
    terms = (
        expectation(log_weight, shape, rate),
        q[0] * off + q[1] * on,
        _over_states(q, log_p),
        -log_q_weight @ WEIGHTS,
        entropy_precision,
        -_over_states(q, log_q),
    )
    return tuple(float(np.sum(term)) for term in terms)


def _states(log_odds: Array) -> Array:
    """Return the probabilities of s = 0 and of s = 1."""
    return np.stack([expit(-log_odds), expit(log_odds)])


def _over_states(probability: Array, values: Array) -> Array:
    """Return the expectation of values over s; an impossible state does not count."""
    possible = probability > 0
    return np.sum(np.where(possible, probability, 0.0) * np.where(possible, values, 0.0), axis=0)


def update_precision(
    second_moment: Array, q_support: Array, active: Pair, inactive: Pair
) -> tuple[Array, Array]:
    """Return the (a_tilde, b_tilde) that maximise the ELBO, weight by weight, numerically.

    Notes
    -----
    Source: [q-precision]. ln N(w; 0, 1/rho) is linear in w^2: at w = sqrt(m) it has its mean.

    Examples
    --------
    >>> m, pi = np.array([0.5]), np.array([1.0])
    >>> shape, rate = update_precision(m, pi, (1.0, 0.25), (2.0, 0.01))
    >>> shape.round(6), rate.round(6)
    (array([1.5]), array([0.5]))
    """

    def log_likelihood(rho: Array, m: float) -> Array:
        return log_prior_weight(np.sqrt(m), rho)

    return _best_gammas(log_likelihood, second_moment, q_support, active, inactive)


def update_precision_complex(
    second_moment: Array, q_support: Array, active: Pair, inactive: Pair
) -> tuple[Array, Array]:
    """Return the best (a_tilde, b_tilde) for a circular complex Gaussian weight of precision rho.

    Its density rho/pi e^(-rho |w|^2) is that of two real parts of variance 1/(2 rho) each;
    |w|^2 = m is divided between them evenly.

    Notes
    -----
    Source: [q-precision-complex].

    Examples
    --------
    >>> m, pi = np.array([0.5]), np.array([1.0])
    >>> shape, rate = update_precision_complex(m, pi, (1.0, 0.25), (2.0, 0.01))
    >>> shape.round(6), rate.round(6)
    (array([2.]), array([0.75]))
    """

    def log_likelihood(rho: Array, m: float) -> Array:
        real = imaginary = log_prior_weight(np.sqrt(m / 2), 2 * rho)
        return real + imaginary

    return _best_gammas(log_likelihood, second_moment, q_support, active, inactive)


def _best_gammas(
    log_likelihood: Callable[[Array, float], Array],
    second_moment: Array,
    q_support: Array,
    active: Pair,
    inactive: Pair,
) -> tuple[Array, Array]:
    best = np.empty((2, *second_moment.shape))
    both = np.array([active, inactive])[:, :, None]
    for n in np.ndindex(second_moment.shape):
        m, states = float(second_moment[n]), np.array([[q_support[n]], [1 - q_support[n]]])

        def log_joint(rho: Array, m: float = m, states: Array = states) -> Array:
            log_prior = states * log_gamma_density(rho, (both[:, 0], both[:, 1]))
            return log_prior.sum(axis=0) + log_likelihood(rho, m)

        best[:, *n] = _best_gamma(log_joint)
    return best[0], best[1]


def _best_gamma(log_joint: Function) -> Array:
    """Return the (a, b) of the Gamma q with the largest bound E_q[log_joint(rho) - ln q(rho)].

    The slope of the bound by a parameter is the covariance of the slope of ln q with
    log_joint - ln q. It is solved for zero in ln a and the log mean ln(a/b), from a start at
    the peak: as a function of t = ln rho the log of a Gamma has the curvature -a there.
    """

    def slope(logs: Array) -> Array:
        shape, mean = np.exp(logs)
        rho, step = precision_grid(shape, shape / mean)
        log_density = log_gamma_density(rho, (shape, shape / mean))
        mass, gain = np.exp(log_density) * rho * step, log_joint(rho) - log_density
        above, ratio = gain - np.sum(mass * gain), rho / mean
        by_shape, by_mean = shape * (np.log(ratio) - ratio + 1), shape * (ratio - 1)
        return np.sum(mass * above * np.stack([by_shape, by_mean]), axis=1)

    t, step = np.linspace(-60.0, 60.0, 1201, retstep=True)
    height = log_joint(np.exp(t)) + t
    peak = np.argmax(height)
    curvature = -np.diff(height[peak - 1 : peak + 2], 2)[0] / step**2
    best = optimize.root(slope, np.array([np.log(curvature), t[peak]]), tol=1e-10)
    shape, mean = np.exp(best.x)
    return np.array([shape, shape / mean])


def evidence(shape: Array, rate: Array, active: Pair, inactive: Pair) -> Array:
    """Return E_q[ln Ga(rho; active) - ln Ga(rho; inactive)], q = Ga(shape, rate), by quadrature.

    Notes
    -----
    Source: [evidence].

    Examples
    --------
    >>> one = np.array([1.0])
    >>> evidence(one, one, (1.0, 2.0), (1.0, 1.0)).round(4)  # ln 2 - <rho>
    array([-0.3069])
    """

    def log_ratio(rho: Array) -> Array:
        return log_gamma_density(rho, active) - log_gamma_density(rho, inactive)

    return expectation(log_ratio, shape, rate)


def update_support(prior_log_odds: Array, evidence: Array) -> Array:
    """Return the log-odds of pi e^l : 1 - pi, computed with fifty digits.

    Notes
    -----
    Source: [q-support].

    Examples
    --------
    >>> update_support(np.array([-np.inf, 700.0]), np.array([700.0, 700.0]))
    array([ -inf, 1400.])
    """
    result = np.empty_like(prior_log_odds)
    with decimal.localcontext(prec=50):
        for n in np.ndindex(result.shape):
            h, l = Decimal(float(prior_log_odds[n])), Decimal(float(evidence[n]))
            off, on = 1 / (1 + h.exp()), 1 / (1 + (-h).exp())
            result[n] = float((on * l.exp()).ln() - off.ln())
    return result


def weight_penalty(mean: Array, variance: Array, expected_precision: Array) -> float:
    """Return KL(q(w) || N(0, 1/<rho>)), a sum over nodes of w, without its constants.

    Notes
    -----
    Source: [q-weight].

    Examples
    --------
    >>> one = np.ones((1, 1))
    >>> weight_penalty(one, one, 0.5 * one)
    0.5
    """
    return float(np.sum(_penalties(mean, np.log(variance), expected_precision)))


def _penalties(mean: Any, log_variance: Any, rho: Array) -> Any:
    """Return E_q[ln q(w) + 1/2 rho w^2] + 1/2 ln(2 pi e); also for complex arguments."""
    weight = mean[..., None] + np.exp(0.5 * log_variance)[..., None] * NODES
    log_q = -0.5 * (NODES**2 + np.log(2 * np.pi) + log_variance[..., None])
    return (log_q + 0.5 * rho[..., None] * weight**2) @ WEIGHTS + 0.5 * np.log(2 * np.pi * np.e)


def weight_penalty_gradient(
    mean: Array, variance: Array, expected_precision: Array
) -> tuple[Array, Array]:
    """Return the slopes of the penalty by mu and ln sigma2, by a step into the complex plane.

    f'(x) = Im f(x + i h)/h up to h^2: a finite difference without a subtraction, so that h
    can be too small to matter.

    Notes
    -----
    Source: [q-weight-gradient].

    Examples
    --------
    >>> mean, variance = weight_penalty_gradient(*np.array([[2.0], [0.5], [1.0]]))
    >>> mean, variance
    (array([2.]), array([-0.25]))
    """
    h, log_variance = 1e-30, np.log(variance)
    by_mean = _penalties(mean + 1j * h, log_variance, expected_precision)
    by_log_variance = _penalties(mean, log_variance + 1j * h, expected_precision)
    return by_mean.imag / h, by_log_variance.imag / h


def log_evidence(second_moment: Array, prior: Pair, power: int = 0) -> Array:
    """Return ln of the integral of rho^power Ga(rho; a, b) exp(E_q ln N(w; 0, 1/rho)).

    Parameters
    ----------
    second_moment : ndarray
        m = E_q[w^2]. ln N is linear in w^2: at w = sqrt(m) it has its mean.
    prior : (a, b)
    power : int
        Which moment of the precision.

    Notes
    -----
    Source: Z_1 in [elbo-collapsed].

    Examples
    --------
    >>> float(np.exp(log_evidence(np.array(0.0), (0.5, 0.5))).round(6))  # Cauchy at 0: 1/pi
    0.31831
    """
    a, b = prior

    def log_function(rho: Array) -> Array:
        log_joint = log_gamma_density(rho, prior)
        return (
            log_joint
            + log_prior_weight(np.sqrt(second_moment)[..., None], rho)
            + power * (np.log(rho))
        )

    return log_integral(log_function, a + 0.5 + power, b + 0.5 * second_moment)


def conditional_precision(second_moment: Array, prior: Pair) -> tuple[float, Array]:
    """Return (shape, rate) of the Gamma with the posterior's mean and variance, by quadrature.

    Notes
    -----
    Source: [q-collapsed].

    Examples
    --------
    >>> shape, rate = conditional_precision(np.array([[0.5]]), (1.0, 0.25))
    >>> round(shape, 9), rate.round(9)
    (1.5, array([[0.5]]))
    """
    log_z, log_first, log_second = (log_evidence(second_moment, prior, k) for k in range(3))
    mean = np.exp(log_first - log_z)
    variance = np.exp(log_second - log_z) - mean**2
    return float(np.mean(mean**2 / variance)), mean / variance


def evidence_collapsed(second_moment: Array, active: Pair, inactive: Pair) -> Array:
    """Return the log ratio of the two Bayes terms, each integrated over rho.

    Notes
    -----
    Source: [evidence-collapsed].

    Examples
    --------
    >>> evidence_collapsed(np.array([0.0]), (1.0, 0.04), (1.0, 0.01)).round(4)  # -1/2 ln 4
    array([-0.6931])
    """
    return log_evidence(second_moment, active) - log_evidence(second_moment, inactive)


def precision_collapsed(
    second_moment: Array, q_support: Array, active: Pair, inactive: Pair
) -> Array:
    """Return E[rho]: over the two states, in each the posterior mean by quadrature.

    Notes
    -----
    Source: [precision-collapsed].

    Examples
    --------
    >>> m, pi = np.array([0.5]), np.array([1.0])
    >>> precision_collapsed(m, pi, (1.0, 0.25), (1.0, 0.01)).round(9)
    array([3.])
    """
    means = [
        np.exp(log_evidence(second_moment, gamma, 1) - log_evidence(second_moment, gamma))
        for gamma in (inactive, active)
    ]
    return _over_states(np.stack([1 - q_support, q_support]), np.stack(means))


def elbo_collapsed(
    mean: Array, variance: Array, prior_log_odds: Array, active: Pair, inactive: Pair
) -> tuple[float, float]:
    """Return the sum of ln sum_s p(s) Z_s(m), with Z_s by quadrature, and the entropy of q(w).

    Notes
    -----
    Source: [elbo-collapsed].

    Examples
    --------
    >>> one = np.ones((1, 1))
    >>> terms = elbo_collapsed(0 * one, one, 0 * one, (0.5, 0.5), (0.5, 0.5))  # Cauchy at 1
    >>> [round(term, 4) for term in terms]
    [-1.8379, 1.4189]
    """
    m = (mean[..., None] + np.sqrt(variance)[..., None] * NODES) ** 2 @ WEIGHTS
    log_z = np.stack([log_evidence(m, gamma) for gamma in (inactive, active)])
    log_bound = logsumexp(log_z, axis=0, b=_states(prior_log_odds))
    entropy = sum(stats.norm(0.0, math.sqrt(v)).entropy() for v in variance.flat)
    return float(np.sum(log_bound)), float(entropy)


def trap_margin(prior_log_odds: Array, active: Pair, inactive: Pair) -> Array:
    """Return logit pi_tilde after one mean-field pass from pi_tilde = 1, m = 0, by quadrature.

    The precision factor is then the posterior of rho under the active Gamma and a weight of
    0; the evidence is the mean of the log ratio of the two Gammas under it.

    Notes
    -----
    Source: [mean-field-trap].

    Examples
    --------
    >>> trap_margin(np.array([0.0, -9.0]), (1.0, 0.02), (1.0, 2e-5)).round(2)
    array([ 5.41, -3.59])
    """
    a, b = active
    rho, _ = precision_grid(a + 0.5, b)
    log_mass = log_gamma_density(rho, active) + log_prior_weight(np.array(0.0), rho) + np.log(rho)
    mass = np.exp(log_mass - logsumexp(log_mass))
    log_ratio = log_gamma_density(rho, active) - log_gamma_density(rho, inactive)
    return prior_log_odds + mass @ log_ratio

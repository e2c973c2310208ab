r"""What a round of the exchange must end with, without an exchange.

For chains and the collapsed form that is the exact posterior of the layer. Given q(w), a state
S weighs p(S) prod_n Z_{s_n}(m_n), where Z_s(m) is the integral over the precision, here done
numerically. Summing over all states, column by column, needs neither messages nor an exchange,
and knows nothing of an incoming pi. The mean-field form has no such sum: there the evidence of
each half of the round is a numerical expectation, and nothing is ever subtracted.
"""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, log_expit, logsumexp

Array = NDArray[np.float64]
Pair = tuple[float, float]
"""A Gamma's shape and rate."""


def bayes(log_prior_odds: ArrayLike, log_on: ArrayLike, log_off: ArrayLike) -> Array:
    """Return the posterior's log-odds: both states weighed, the total divided out.

    Parameters
    ----------
    log_prior_odds : array_like
        logit pi.
    log_on, log_off : array_like
        ln P(data | s = 1) and ln P(data | s = 0).

    Notes
    -----
    Source: what [extrinsic-a] takes apart again.

    Examples
    --------
    >>> float(np.exp(bayes(np.log(0.5), np.log(0.8), np.log(0.2))).round(12))
    2.0
    """
    prior = np.asarray(log_prior_odds, np.float64)
    on, off = log_expit(prior) + np.asarray(log_on), log_expit(-prior) + np.asarray(log_off)
    total = np.logaddexp(on, off)
    return np.asarray((on - total) - (off - total))


def integrate_precision(second_moment: ArrayLike, prior: Pair) -> tuple[Array, Array]:
    """Return ln Z(m) and E[rho] of the density Ga(rho; a, b) (rho/2pi)^(1/2) e^(-rho m/2) / Z.

    Over u = ln rho the integrand falls off at both ends, and the trapezoidal rule on a wide
    grid is exact to rounding.

    Parameters
    ----------
    second_moment : array_like, any shape
    prior : (a, b)

    Notes
    -----
    Source: Z_1 in [elbo-collapsed], by numerical integration.

    Examples
    --------
    >>> ln_Z, mean = integrate_precision(0.5, (1.0, 0.25))
    >>> round(float(mean), 9)
    3.0
    """
    a, b = prior
    m = np.asarray(second_moment, np.float64)[..., None]
    u = np.log((a + 1) / (b + m / 2)) + np.linspace(-60.0 / (a + 0.5), 6.0, 1001)
    log_density = a * math.log(b) - math.lgamma(a) + a * u - b * np.exp(u)  # of u, not of rho
    log_normal = 0.5 * (u - math.log(2 * math.pi)) - np.exp(u) * m / 2
    step = np.log(u[..., 1] - u[..., 0])
    ln_Z = logsumexp(log_density + log_normal, axis=-1) + step
    ln_first = logsumexp(log_density + log_normal + u, axis=-1) + step
    return np.asarray(ln_Z), np.exp(ln_first - ln_Z)


def _log_chain(state: Any, p01: float, p10: float) -> float:
    """Return ln p of one state of one stationary chain."""
    p = {(0, 0): 1 - p01, (0, 1): p01, (1, 0): p10, (1, 1): 1 - p10}
    first = (p01 if state[0] else p10) / (p01 + p10)
    return math.log(first) + sum(math.log(p[step]) for step in itertools.pairwise(state))


def _log_odds(log_weights: Array, on: NDArray[np.bool_]) -> Any:
    """Return ln of the weight of the states that are `on`, over that of the others."""
    return np.logaddexp.reduce(log_weights[on]) - np.logaddexp.reduce(log_weights[~on])


Results = tuple[Array, Array, Array, Array]
"""Evidence, prior log-odds, posterior log-odds, <rho>."""


def chain_round(
    second_moment: ArrayLike, active: Pair, inactive: Pair, p01: float, p10: float
) -> Results:
    """Return the results of a round with collapsed Module A and chains down the columns.

    Parameters
    ----------
    second_moment : array_like (I, J)
    active, inactive : (a, b)
    p01, p10 : float

    Notes
    -----
    Source: [turbo-loop], by enumeration. The prior log-odds of a weight is the log-odds that
    its column gives it with its own Z left out.

    Examples
    --------
    >>> l, pi, posterior, rho = chain_round([[0.5], [1e-4]], (1.0, 0.02), (1.0, 2e-5), 0.1, 0.3)
    >>> np.allclose(posterior, pi + l)
    True
    """
    m = np.asarray(second_moment, np.float64)
    (on, rho_on), (off, rho_off) = (integrate_precision(m, prior) for prior in (active, inactive))
    pi, posterior = _chain_log_odds(on, off, p01, p10)
    return on - off, pi, posterior, expit(posterior) * rho_on + expit(-posterior) * rho_off


def _chain_log_odds(on: Array, off: Array, p01: float, p10: float) -> tuple[Array, Array]:
    """Return what a weight's column gives it without its own ln Z, and with it."""
    pi, posterior = np.empty_like(on), np.empty_like(on)
    states = list(itertools.product((0, 1), repeat=len(on)))
    log_prior = np.array([_log_chain(state, p01, p10) for state in states])
    alive = np.array(states) == 1
    for i, j in np.ndindex(on.shape):
        ln_Z = np.where(alive, on[:, j], off[:, j])
        others = np.delete(ln_Z, i, axis=1)
        pi[i, j] = _log_odds(log_prior + others.sum(axis=1), alive[:, i])
        posterior[i, j] = _log_odds(log_prior + ln_Z.sum(axis=1), alive[:, i])
    return pi, posterior


def independent_round(
    second_moment: ArrayLike, active: Pair, inactive: Pair, log_odds: float
) -> Results:
    """Return the results of a round with collapsed Module A and independent weights.

    Parameters
    ----------
    second_moment : array_like (I, J)
    active, inactive : (a, b)
    log_odds : float

    Notes
    -----
    Source: [turbo-loop], weight by weight by Bayes' rule.

    Examples
    --------
    >>> l, pi, posterior, rho = independent_round([[0.5]], (1.0, 0.02), (1.0, 2e-5), -2.0)
    >>> float(pi[0, 0]), np.allclose(posterior, l - 2)
    (-2.0, True)
    """
    m = np.asarray(second_moment, np.float64)
    (on, rho_on), (off, rho_off) = (integrate_precision(m, prior) for prior in (active, inactive))
    pi = np.full_like(m, log_odds)
    posterior = bayes(pi, on, off)
    return on - off, pi, posterior, expit(posterior) * rho_on + expit(-posterior) * rho_off


def mean_field_round(
    second_moment: ArrayLike,
    prior_log_odds: ArrayLike,
    active: Pair,
    inactive: Pair,
    prior: tuple[float, float] | float,
) -> Results:
    """Return the results of a round with mean-field Module A, for chains or independent weights.

    Parameters
    ----------
    second_moment, prior_log_odds : array_like (I, J)
        The first q(s) is that of `prior_log_odds`.
    active, inactive : (a, b)
    prior : (p01, p10), or the log-odds of independent weights

    Notes
    -----
    Source: [turbo-loop] with [q-precision], [evidence], [q-support], by `expect` and by
    enumeration.

    Examples
    --------
    >>> l, pi, posterior, rho = mean_field_round([[0.0]], [[0.0]], (1.0, 0.1), (1.0, 1e-3), 0.0)
    >>> l.round(2), posterior.round(2)
    (array([[1.66]]), array([[2.84]]))
    """
    m, old = np.asarray(second_moment, np.float64), np.asarray(prior_log_odds, np.float64)
    l, _ = expect(m, expit(old), active, inactive)
    if isinstance(prior, tuple):
        pi, _ = _chain_log_odds(l, np.zeros_like(l), *prior)
    else:
        pi = np.full_like(m, prior)
    again, rho = expect(m, expit(old + l), active, inactive)
    return l, pi, pi + again, rho


def expect(m: Array, q_support: Array, active: Pair, inactive: Pair) -> tuple[Array, Array]:
    """Return E[ln Ga_1(rho) - ln Ga_0(rho)] and E[rho] under mean field's q(rho).

    q(rho) is proportional to exp of what the model says of ln rho on average: over s by q(s),
    over w by m. Both integrals are over u = ln rho, see `integrate_precision`.

    Parameters
    ----------
    m, q_support : ndarray
    active, inactive : (a, b)

    Notes
    -----
    Source: [q-precision] and [evidence], by numerical integration.

    Examples
    --------
    >>> l, rho = expect(np.array(0.5), np.array(1.0), (1.0, 0.25), (1.0, 0.25))
    >>> float(l), round(float(rho), 9)
    (0.0, 3.0)
    """
    q = q_support[..., None]
    shape = q * active[0] + (1 - q) * inactive[0] + 0.5  # of the grid alone
    rate = q * active[1] + (1 - q) * inactive[1] + m[..., None] / 2
    u = np.log(shape / rate) + np.linspace(-60.0, 6.0, 1001) / np.minimum(shape, 1.0)
    on, off = (
        a * math.log(b) - math.lgamma(a) + a * u - b * np.exp(u) for a, b in (active, inactive)
    )
    weights = q * on + (1 - q) * off + 0.5 * u - np.exp(u) * m[..., None] / 2
    weights = np.exp(weights - logsumexp(weights, axis=-1, keepdims=True))
    return (weights * (on - off)).sum(axis=-1), (weights * np.exp(u)).sum(axis=-1)

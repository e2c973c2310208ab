"""The evidence lower bound, with its parts, for both forms of Module A.

For the network as a whole, the bound is the expected log-likelihood plus, for every
layer, the terms of this file. Each term is a sum over the layer's weights.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import entr, expit, log_expit

from tvbi_ref._validation import FloatArray, border
from tvbi_ref.equations import equation
from tvbi_ref.gamma import Gamma, gamma_entropy
from tvbi_ref.module_a.q_precision import expected_log_precision, expected_precision
from tvbi_ref.module_a.q_weight import second_moment

LOG_2PI = float(np.log(2 * np.pi))


class MeanFieldElbo(NamedTuple):
    """One layer's terms of [elbo]; `total` is their sum."""

    expected_log_weight: float
    expected_log_precision: float
    expected_log_support: float
    entropy_weight: float
    entropy_precision: float
    entropy_support: float

    @property
    def total(self) -> float:
        """Everything but the data term."""
        return float(sum(self))


class CollapsedElbo(NamedTuple):
    """One layer's terms of [elbo-collapsed]; `total` is their sum."""

    log_evidence: float
    entropy_weight: float

    @property
    def total(self) -> float:
        """Everything but the data term."""
        return float(sum(self))


@border
def gaussian_entropy(variance: ArrayLike) -> FloatArray:
    """Return H[N(mu, sigma2)] = 1/2 ln(2 pi e sigma2), elementwise.

    Notes
    -----
    Source: [elbo].

    Examples
    --------
    >>> float(gaussian_entropy(1.0).round(4))
    1.4189
    """
    return 0.5 * (LOG_2PI + 1.0 + np.log(np.asarray(variance, np.float64)))


@border
def bernoulli_entropy(probability: ArrayLike) -> FloatArray:
    """Return H[Bern(p)] in nats, 0 at p = 0 and 1.

    Notes
    -----
    Source: [elbo].

    Examples
    --------
    >>> bernoulli_entropy([0.0, 0.5, 1.0]).round(4)
    array([0.    , 0.6931, 0.    ])
    """
    p = np.asarray(probability, np.float64)
    return entr(p) + entr(1 - p)


@border
def expected_log_bernoulli(probability: ArrayLike, log_odds: ArrayLike) -> FloatArray:
    """Return p ln pi + (1-p) ln(1-pi) for pi = expit(log_odds), with 0 ln 0 = 0.

    Parameters
    ----------
    probability : array_like, in [0, 1]
        p, of the distribution that the expectation is under.
    log_odds : array_like
        logit pi, +-inf allowed.

    Notes
    -----
    Source: E ln p_hat(s) in [elbo].

    Examples
    --------
    >>> expected_log_bernoulli([1.0, 0.0, 0.5], [np.inf, -np.inf, 0.0]).round(4)
    array([ 0.    ,  0.    , -0.6931])
    """
    p, h = np.broadcast_arrays(
        np.asarray(probability, np.float64), np.asarray(log_odds, np.float64)
    )
    with np.errstate(invalid="ignore"):
        on = np.where(p == 0, 0.0, p * log_expit(h))
        off = np.where(p == 1, 0.0, (1 - p) * log_expit(-h))
    return on + off


@equation("elbo")
def elbo(
    mean: ArrayLike,
    variance: ArrayLike,
    shape: ArrayLike,
    rate: ArrayLike,
    support_log_odds: ArrayLike,
    prior_log_odds: ArrayLike,
    active: Gamma,
    inactive: Gamma,
) -> MeanFieldElbo:
    """Return one layer's terms of the mean-field ELBO.

    Parameters
    ----------
    mean, variance : array_like (I, J)
        q(w).
    shape, rate : array_like (I, J)
        q(rho).
    support_log_odds : array_like (I, J)
        logit pi_tilde, q(s).
    prior_log_odds : array_like (I, J)
        logit pi, Module B's belief p_hat(s).
    active, inactive : Gamma

    Notes
    -----
    Source: [elbo], without E_q[ln p(D|w)], which the network knows.

    Examples
    --------
    >>> terms = elbo([[0.1]], [[0.01]], [[1.5]], [[0.1]], [[0.0]], [[0.0]],
    ...              Gamma(1.0, 0.1), Gamma(1.0, 0.01))
    >>> round(terms.total, 4)
    -1.3984
    """
    m, pi = second_moment(mean, variance), expit(np.asarray(support_log_odds, np.float64))
    rho, log_rho = expected_precision(shape, rate), expected_log_precision(shape, rate)
    on = pi * Gamma(*active).expected_log_density(rho, log_rho)
    off = (1 - pi) * Gamma(*inactive).expected_log_density(rho, log_rho)
    return MeanFieldElbo(
        expected_log_weight=float(np.sum(0.5 * (log_rho - LOG_2PI - rho * m))),
        expected_log_precision=float(np.sum(on + off)),
        expected_log_support=float(np.sum(expected_log_bernoulli(pi, prior_log_odds))),
        entropy_weight=float(np.sum(gaussian_entropy(variance))),
        entropy_precision=float(np.sum(gamma_entropy(shape, rate))),
        entropy_support=float(np.sum(bernoulli_entropy(pi))),
    )


@equation("elbo-collapsed")
def elbo_collapsed(
    mean: ArrayLike, variance: ArrayLike, prior_log_odds: ArrayLike, active: Gamma, inactive: Gamma
) -> CollapsedElbo:
    """Return one layer's terms of the collapsed ELBO: sum ln[pi Z_1 + (1-pi) Z_0] + H[q(w)].

    Parameters
    ----------
    mean, variance : array_like (I, J)
        q(w).
    prior_log_odds : array_like (I, J)
        logit pi.
    active, inactive : Gamma

    Notes
    -----
    Source: [elbo-collapsed]. For any q(w) it is at least the mean-field `elbo`.

    Examples
    --------
    >>> terms = elbo_collapsed([[0.1]], [[0.01]], [[0.0]], Gamma(1.0, 0.1), Gamma(1.0, 0.01))
    >>> round(terms.total, 4)
    -0.7797
    """
    m, h = second_moment(mean, variance), np.asarray(prior_log_odds, np.float64)
    log_evidence = np.logaddexp(
        log_expit(h) + Gamma(*active).log_weight_evidence(m),
        log_expit(-h) + Gamma(*inactive).log_weight_evidence(m),
    )
    return CollapsedElbo(
        log_evidence=float(np.sum(log_evidence)),
        entropy_weight=float(np.sum(gaussian_entropy(variance))),
    )

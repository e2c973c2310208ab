"""The weight factor q(w) = N(mu, sigma2): what the prior adds to the network's objective.

Module A's w-step minimises ([q-weight])

    F(mu, sigma2) = -E_q[ln p(D|w)] + kappa sum_n [ 1/2 <rho_n> m_n - 1/2 ln sigma2_n ].

The first term is the network's business (`tvbi_ref.nets`, local reparameterisation). This
file holds the second: a weight decay whose strength <rho_n> differs from weight to weight,
and an entropy that keeps the variances from collapsing.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from tvbi_ref._validation import FloatArray, border
from tvbi_ref.equations import equation, socket


@border
def second_moment(mean: ArrayLike, variance: ArrayLike) -> FloatArray:
    """Return m = E_q[w^2] = mu^2 + sigma2, in float64.

    Parameters
    ----------
    mean, variance : array_like (I, J)

    Notes
    -----
    Source: the table of symbols.

    Examples
    --------
    >>> float(second_moment(0.5, 0.25))
    0.5
    """
    mu = np.asarray(mean, dtype=np.float64)
    return mu * mu + np.asarray(variance, dtype=np.float64)


@equation("q-weight")
def weight_penalty(mean: ArrayLike, variance: ArrayLike, expected_precision: ArrayLike) -> float:
    """Return sum_n [ 1/2 <rho_n> m_n - 1/2 ln sigma2_n ].

    Parameters
    ----------
    mean, variance, expected_precision : array_like (I, J)

    Notes
    -----
    Source: [q-weight]; up to a constant it is KL(q(w) || N(0, 1/<rho>)).

    Examples
    --------
    >>> weight_penalty([[1.0]], [[1.0]], [[0.5]])
    0.5
    """
    rho, sigma2 = np.asarray(expected_precision, np.float64), np.asarray(variance, np.float64)
    return float(0.5 * np.sum(rho * second_moment(mean, sigma2) - np.log(sigma2)))


@equation("q-weight-gradient")
def weight_penalty_gradient(
    mean: FloatArray, variance: FloatArray, expected_precision: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return the gradient of `weight_penalty` by mu and by ln sigma2.

    d/dmu = <rho> mu,   d/dln sigma2 = sigma2 <rho>/2 - 1/2.

    Parameters
    ----------
    mean, variance, expected_precision : ndarray (I, J)
        In the network's dtype, which the result keeps.

    Notes
    -----
    Source: [q-weight-gradient]. It vanishes at mu = 0, sigma2 = 1/<rho>: without data the weight
    goes back to its prior.

    Examples
    --------
    >>> weight_penalty_gradient(np.array([2.0]), np.array([0.5]), np.array([2.0]))
    (array([4.]), array([0.]))
    """
    d_mean = expected_precision * mean
    d_log_variance = 0.5 * variance * expected_precision - 0.5
    return d_mean, d_log_variance


@socket("add-penalty-gradient")
def add_penalty_gradient(
    d_mean: FloatArray,
    d_log_variance: FloatArray,
    mean: FloatArray,
    variance: FloatArray,
    expected_precision: FloatArray,
    weight: float,
) -> None:
    """Add `weight` times the penalty's gradient to the gradients of the data, in place.

    Parameters
    ----------
    d_mean, d_log_variance : ndarray
        The gradients; changed in place.
    mean, variance, expected_precision : ndarray of the same shape and dtype
    weight : float
        kappa / N, where the data term is a mean over the rows.

    Notes
    -----
    Source: [q-weight-gradient].

    Examples
    --------
    >>> d_mean, d_log_variance, one = np.zeros(1), np.zeros(1), np.ones(1)
    >>> add_penalty_gradient(d_mean, d_log_variance, 2 * one, one, 3 * one, 0.5)
    >>> d_mean, d_log_variance
    (array([3.]), array([0.5]))
    """
    by_mean, by_log_variance = weight_penalty_gradient(mean, variance, expected_precision)
    d_mean += weight * by_mean
    d_log_variance += weight * by_log_variance

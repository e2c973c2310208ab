"""The precision factor q(rho) = Ga(a_tilde, b_tilde) of the mean-field form."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import digamma

from tvbi_ref._validation import FloatArray, border
from tvbi_ref.equations import equation
from tvbi_ref.gamma import Gamma


@equation("q-precision")
def update_precision(
    second_moment: ArrayLike, q_support: ArrayLike, active: Gamma, inactive: Gamma
) -> tuple[FloatArray, FloatArray]:
    """Return (a_tilde, b_tilde), the optimal q(rho) for given q(w) and q(s).

    a_tilde = pi_tilde a + (1 - pi_tilde) a_bar + 1/2,
    b_tilde = pi_tilde b + (1 - pi_tilde) b_bar + m/2.

    Parameters
    ----------
    second_moment : array_like (I, J), >= 0
        m.
    q_support : array_like (I, J), in [0, 1]
        pi_tilde.
    active, inactive : Gamma

    Notes
    -----
    Source: [q-precision].

    Examples
    --------
    >>> shape, rate = update_precision(0.5, 1.0, Gamma(1.0, 0.25), Gamma(2.0, 0.01))
    >>> float(shape), float(rate)
    (1.5, 0.5)
    """
    m, pi = np.asarray(second_moment, np.float64), np.asarray(q_support, np.float64)
    a_tilde = pi * active.shape + (1 - pi) * inactive.shape + 0.5
    b_tilde = pi * active.rate + (1 - pi) * inactive.rate + 0.5 * m
    return a_tilde, b_tilde


@border
def expected_precision(shape: ArrayLike, rate: ArrayLike) -> FloatArray:
    """Return <rho> = a_tilde / b_tilde.

    Notes
    -----
    Source: [elbo].

    Examples
    --------
    >>> float(expected_precision(1.5, 0.5))
    3.0
    """
    return np.asarray(shape, np.float64) / np.asarray(rate, np.float64)


@border
def expected_log_precision(shape: ArrayLike, rate: ArrayLike) -> FloatArray:
    """Return <ln rho> = psi(a_tilde) - ln b_tilde, with psi the digamma function.

    Notes
    -----
    Source: [elbo].

    Examples
    --------
    >>> float(expected_log_precision(1.0, 1.0).round(6))  # minus Euler's constant
    -0.577216
    """
    return digamma(np.asarray(shape, np.float64)) - np.log(np.asarray(rate, np.float64))

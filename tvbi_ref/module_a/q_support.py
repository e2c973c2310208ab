"""The support factor q(s) = Bern(pi_tilde): evidence in, posterior out. All in log-odds."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from tvbi_ref._validation import FloatArray
from tvbi_ref.gamma import Gamma


def evidence(
    expected_precision: ArrayLike,
    expected_log_precision: ArrayLike,
    active: Gamma,
    inactive: Gamma,
) -> FloatArray:
    """Return l, how much better the active Gamma explains the precision than the inactive one.

    l = [a ln b - ln G(a) + (a-1)<ln rho> - b<rho>] - [the same with bars].

    Parameters
    ----------
    expected_precision, expected_log_precision : array_like (I, J)
        <rho> and <ln rho>.
    active, inactive : Gamma

    Returns
    -------
    ndarray (I, J)
        Log-odds, unbounded.

    Notes
    -----
    Source: [evidence]. It is the mean-field message from Module A to Module B.

    Examples
    --------
    >>> float(evidence(50.0, 3.4, Gamma(1.0, 0.02), Gamma(1.0, 0.0002)).round(2))
    3.62
    """
    return active.expected_log_density(
        expected_precision, expected_log_precision
    ) - inactive.expected_log_density(expected_precision, expected_log_precision)


def update_support(prior_log_odds: ArrayLike, evidence: ArrayLike) -> FloatArray:
    """Return logit pi_tilde = logit pi + l.

    Parameters
    ----------
    prior_log_odds : array_like (I, J)
        logit pi, Module B's message; +-inf for a support that is certain.
    evidence : array_like (I, J)
        l, finite.

    Returns
    -------
    ndarray (I, J)
        Log-odds. The probability is ``scipy.special.expit`` of it, which neither
        overflows nor loses the small ones.

    Notes
    -----
    Source: [q-support].

    Examples
    --------
    >>> update_support([-2.0, -np.inf], [700.0, 700.0])
    array([698., -inf])
    """
    return np.asarray(prior_log_odds, np.float64) + np.asarray(evidence, np.float64)

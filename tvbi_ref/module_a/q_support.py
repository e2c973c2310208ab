"""The support factor q(s) = Bern(pi_tilde): evidence in, posterior out. All in log-odds."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expit

from tvbi_ref._validation import FloatArray
from tvbi_ref.equations import equation, socket
from tvbi_ref.gamma import Gamma


@equation("evidence")
def evidence(
    expected_precision: ArrayLike, expected_log_precision: ArrayLike, active: Gamma, inactive: Gamma
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
    on, off = (
        Gamma(*g).expected_log_density(expected_precision, expected_log_precision)
        for g in (active, inactive)
    )
    return on - off


@equation("mean-field-trap")
def trap_margin(prior_log_odds: ArrayLike, active: Gamma, inactive: Gamma) -> FloatArray:
    """Return a ln(b/b_bar) + logit pi - (a + 1/2)(1 - b_bar/b): mean field traps only above 0.

    It is logit pi_tilde after one mean-field step from pi_tilde = 1 and m = 0. Later steps lead
    no higher, so a weight that the data have let go of can stay switched on only if it is positive.

    Parameters
    ----------
    prior_log_odds : array_like (I, J)
        logit pi.
    active, inactive : Gamma
        With one shape, a = a_bar.

    Raises
    ------
    ValueError
        If the two shapes differ.

    Notes
    -----
    Source: [mean-field-trap]. The condition is necessary for the trap, not sufficient.

    Examples
    --------
    >>> trap_margin([0.0, -9.0], Gamma(1.0, 0.02), Gamma(1.0, 2e-5)).round(2)
    array([ 5.41, -3.59])
    """
    if active.shape != inactive.shape:
        raise ValueError(
            f"inactive.shape must equal active.shape; got {inactive.shape:g} and {active.shape:g}"
        )
    a, ratio = active.shape, inactive.rate / active.rate
    return np.asarray(prior_log_odds, np.float64) - a * np.log(ratio) - (a + 0.5) * (1 - ratio)


@equation("q-support")
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


@socket("support-probability")
def support_probability(log_odds: ArrayLike) -> FloatArray:
    """Return pi_tilde = 1/(1 + e^-x), the probability of log-odds x.

    Parameters
    ----------
    log_odds : array_like, any shape
        x; +-inf is certain.

    Notes
    -----
    In the fast form what is below 3e-308 is 0.

    Examples
    --------
    >>> float(support_probability(0.0))
    0.5
    """
    return expit(log_odds)

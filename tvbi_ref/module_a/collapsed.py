r"""The collapsed form: q(rho, s) = q(s) q(rho | s), exact given q(w).

Mean field makes precision and support independent, and then each confirms the other: a
precision that has grown says "dead" only if the support already doubts ([mean-field-trap]).
But given the weight's second moment m both can be integrated in closed form, one Gamma
integral for each state of s:

    Z_1(m) = integral Ga(rho; a, b) (rho/2pi)^(1/2) e^(-rho m/2) drho,

and the evidence is ln Z_1(m) - ln Z_0(m), a function of m alone.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from tvbi_ref._validation import FloatArray
from tvbi_ref.equations import equation
from tvbi_ref.gamma import Gamma


@equation("q-collapsed")
def conditional_precision(second_moment: ArrayLike, prior: Gamma) -> tuple[float, FloatArray]:
    """Return (shape, rate) of q(rho | s) = Ga(a + 1/2, b + m/2).

    Parameters
    ----------
    second_moment : array_like (I, J), >= 0
        m.
    prior : Gamma
        The active one for s = 1, the inactive one for s = 0.

    Notes
    -----
    Source: [q-collapsed].

    Examples
    --------
    >>> shape, rate = conditional_precision([[0.5]], Gamma(1.0, 0.25))
    >>> shape, rate
    (1.5, array([[0.5]]))
    """
    return prior.shape + 0.5, prior.rate + 0.5 * np.asarray(second_moment, np.float64)


@equation("evidence-collapsed")
def evidence_collapsed(second_moment: ArrayLike, active: Gamma, inactive: Gamma) -> FloatArray:
    """Return l = ln Z_1(m) - ln Z_0(m).

    l = a ln b - ln G(a) + ln G(a+1/2) - (a+1/2) ln(b+m/2) - [the same with bars].

    Parameters
    ----------
    second_moment : array_like (I, J), >= 0
        m.
    active, inactive : Gamma

    Returns
    -------
    ndarray (I, J)
        Log-odds. With a = a_bar it rises from -1/2 ln(b/b_bar) at m = 0 to a ln(b/b_bar).

    Notes
    -----
    Source: [evidence-collapsed].

    Examples
    --------
    >>> evidence_collapsed([0.0, 1e9], Gamma(1.0, 0.02), Gamma(1.0, 2e-6)).round(2)
    array([-4.61,  9.21])
    """
    on, off = (Gamma(*g).log_weight_evidence(second_moment) for g in (active, inactive))
    return on - off


@equation("precision-collapsed")
def precision_collapsed(
    second_moment: ArrayLike, q_support: ArrayLike, active: Gamma, inactive: Gamma
) -> FloatArray:
    """Return <rho> = pi_tilde (a+1/2)/(b+m/2) + (1-pi_tilde) (a_bar+1/2)/(b_bar+m/2).

    Parameters
    ----------
    second_moment : array_like (I, J), >= 0
    q_support : array_like (I, J), in [0, 1]
        pi_tilde.
    active, inactive : Gamma

    Notes
    -----
    Source: [precision-collapsed].

    Examples
    --------
    >>> float(precision_collapsed(0.5, 1.0, Gamma(1.0, 0.25), Gamma(1.0, 0.01)))
    3.0
    """
    pi = np.asarray(q_support, np.float64)
    alive, dead = (
        shape / rate
        for shape, rate in (conditional_precision(second_moment, g) for g in (active, inactive))
    )
    return pi * alive + (1 - pi) * dead

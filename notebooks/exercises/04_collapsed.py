"""The collapsed form: precision and support together, exactly.

Mean field makes precision and support independent, and then each believes what the other
already thinks: a large precision is read as "dead" only by a support that doubts. But for a
given q(w) nothing forces that approximation. The precision can be integrated out in closed
form, once for a live weight and once for a dead one, and the two integrals are all that the
support has to compare. You write those integrals and what follows from them: the evidence,
the expected precision, and a bound that is never below the mean-field one.

Check yourself: tvbi-ref check 04_collapsed.py
Read: docs/EQUATIONS.md, section 3, from "q-collapsed" on
"""

from collections import namedtuple

import numpy as np
from scipy.special import gammaln, log_expit

# To try things out with; the checks bring one of their own.
Gamma = namedtuple("Gamma", ["shape", "rate"])


def conditional_precision(second_moment, prior):
    """Return q(rho | s), as shape and rate: [q-collapsed].

        q(rho | s) = Ga(a + 1/2, b + m/2)

    Parameters
    ----------
    second_moment : ndarray (I, J)
        m >= 0.
    prior : Gamma
        (a, b): the active one for s = 1, the inactive one for s = 0.

    Returns
    -------
    tuple (float, ndarray (I, J))
        The shape, one number for the whole layer, and the rates.

    Notes
    -----
    Hint: compare with [q-precision] at pi_tilde = 1.

    Examples
    --------
    >>> conditional_precision(np.array([[0.5]]), Gamma(1.0, 0.25))
    (1.5, array([[0.5]]))
    """
    raise NotImplementedError


def evidence_collapsed(second_moment, active, inactive):
    """Return the evidence with the precision integrated out: [evidence-collapsed].

        l = a ln b - ln G(a) + ln G(a + 1/2) - (a + 1/2) ln(b + m/2) - [the same with bars]

    Parameters
    ----------
    second_moment : ndarray (I, J)
        m >= 0.
    active, inactive : Gamma
        (a, b) and (a_bar, b_bar).

    Returns
    -------
    ndarray (I, J)
        Log-odds.

    Notes
    -----
    Hint: with a = a_bar it rises from -1/2 ln(b/b_bar) at m = 0 to a ln(b/b_bar) for large m.
    Try both ends.

    Examples
    --------
    >>> m = np.array([[0.0, 1e9]])
    >>> evidence_collapsed(m, Gamma(1.0, 0.02), Gamma(1.0, 2e-6)).round(2)
    array([[-4.61,  9.21]])
    """
    raise NotImplementedError


def precision_collapsed(second_moment, q_support, active, inactive):
    """Return the expected precision: [precision-collapsed].

        <rho> = pi_tilde (a + 1/2) / (b + m/2) + (1 - pi_tilde) (a_bar + 1/2) / (b_bar + m/2)

    Parameters
    ----------
    second_moment : ndarray (I, J)
        m >= 0.
    q_support : ndarray (I, J)
        pi_tilde in [0, 1].
    active, inactive : Gamma

    Returns
    -------
    ndarray (I, J)

    Notes
    -----
    Hint: a mixture's mean is the mixture of the means. The mean field's <rho> is something
    else: there shape and rate are mixed first.

    Examples
    --------
    >>> m, certain = np.array([[0.5]]), np.array([[1.0]])
    >>> precision_collapsed(m, certain, Gamma(1.0, 0.25), Gamma(1.0, 0.01))
    array([[3.]])
    """
    raise NotImplementedError


def elbo_collapsed(mean, variance, prior_log_odds, active, inactive):
    """Return a layer's two terms of the collapsed bound: [elbo-collapsed].

        sum over weights of ln[pi Z_1(m) + (1 - pi) Z_0(m)],    m = mu^2 + sigma2,
        sum over weights of H[q(w)] = 1/2 ln(2 pi e sigma2),

    with Z_1(m) = (2 pi)^(-1/2) b^a G(a + 1/2) / (G(a) (b + m/2)^(a + 1/2)), Z_0 with bars.

    Parameters
    ----------
    mean, variance : ndarray (I, J)
        mu, and sigma2 > 0.
    prior_log_odds : ndarray (I, J)
        logit pi.
    active, inactive : Gamma

    Returns
    -------
    tuple (float, float)

    Notes
    -----
    Hint: pi Z_1 may be too small for a double while its logarithm is an ordinary number.
    `np.logaddexp` adds without leaving the logarithms. And is the (2 pi)^(-1/2) still there?

    Examples
    --------
    >>> one = np.ones((1, 1))
    >>> terms = elbo_collapsed(0 * one, one, 0 * one, Gamma(1.0, 0.5), Gamma(1.0, 0.5))
    >>> [round(float(term), 4) for term in terms]
    [-1.7329, 1.4189]
    """
    raise NotImplementedError

"""Mean field: Module A as the paper has it.

Module A asks what the data say about each weight, given what Module B believes about its
support. The exact posterior couples weight, precision and support; mean field pretends that
they are independent, writes down a lower bound on the evidence, and maximises it one factor
at a time. You write the bound and every update, and the message l that goes to Module B. Two
functions are here to be distrusted: an update that belongs to a complex weight, and the
condition under which mean field never lets go of a dead one.

Check yourself: tvbi-ref check 03_mean_field.py
Read: docs/EQUATIONS.md, section 3
"""

from collections import namedtuple

import numpy as np
from scipy.special import digamma, entr, expit, gammaln, log_expit

# To try things out with; the checks bring one of their own.
Gamma = namedtuple("Gamma", ["shape", "rate"])


def log_q(weight, precision, support, mean, variance, shape, rate, q_support):
    """Return the log density of the mean-field posterior, weight by weight: [q-factors].

        ln q = ln N(w; mu, sigma2) + ln Ga(rho; a_tilde, b_tilde) + ln Bern(s; pi_tilde)

    Parameters
    ----------
    weight, precision, support : ndarray (I, J)
        Where the density is asked for: w real, rho > 0, s either 0 or 1.
    mean, variance : ndarray (I, J)
        mu and sigma2 > 0.
    shape, rate : ndarray (I, J)
        a_tilde and b_tilde, both > 0.
    q_support : ndarray (I, J)
        pi_tilde in [0, 1], the ends included.

    Returns
    -------
    ndarray (I, J)

    Notes
    -----
    Hint: at pi_tilde = 1 a support of 1 is certain and contributes 0. What does your code
    make of 0 ln 0?

    Examples
    --------
    >>> one, half = np.ones((1, 1)), np.full((1, 1), 0.5)
    >>> log_q(0 * one, one, one, 0 * one, one, one, one, half).round(4)
    array([[-2.6121]])
    """
    raise NotImplementedError


def elbo(mean, variance, shape, rate, support_log_odds, prior_log_odds, active, inactive):
    """Return a layer's six terms of the evidence lower bound: [elbo].

    With m = mu^2 + sigma2, <rho> = a_tilde/b_tilde, <ln rho> = psi(a_tilde) - ln b_tilde, psi
    the digamma function, each summed over the layer:

        E ln p(w|rho)   1/2 <ln rho> - 1/2 ln(2 pi) - 1/2 <rho> m
        E ln p(rho|s)   pi_tilde [a ln b - ln G(a) + (a-1) <ln rho> - b <rho>]
                        + (1 - pi_tilde) [the same with a_bar, b_bar]
        E ln p_hat(s)   pi_tilde ln pi + (1 - pi_tilde) ln(1 - pi)
        H[q(w)]         1/2 ln(2 pi e sigma2)
        H[q(rho)]       a_tilde - ln b_tilde + ln G(a_tilde) + (1 - a_tilde) psi(a_tilde)
        H[q(s)]         -pi_tilde ln pi_tilde - (1 - pi_tilde) ln(1 - pi_tilde)

    Parameters
    ----------
    mean, variance, shape, rate : ndarray (I, J)
        mu, sigma2, a_tilde, b_tilde; all but mu > 0.
    support_log_odds : ndarray (I, J)
        logit pi_tilde.
    prior_log_odds : ndarray (I, J)
        logit pi, what Module B believes.
    active, inactive : Gamma
        (a, b) and (a_bar, b_bar).

    Returns
    -------
    tuple of 6 float
        In the order above.

    Notes
    -----
    Hint: the supports come as log-odds. `expit`, `log_expit` and `entr` keep what
    1 - expit(40) loses.

    Examples
    --------
    A coin on both sides: the third and the last term are -ln 2 and +ln 2.

    >>> one, zero = np.ones((1, 1)), np.zeros((1, 1))
    >>> terms = elbo(zero, one, one, one, zero, zero, Gamma(1.0, 1.0), Gamma(1.0, 0.1))
    >>> [round(float(term), 4) for term in terms]
    [-1.7075, -1.7013, -0.6931, 1.4189, 1.0, 0.6931]
    """
    raise NotImplementedError


def update_precision(second_moment, q_support, active, inactive):
    """Return the best q(rho) for given q(w) and q(s), as shape and rate: [q-precision].

        a_tilde = pi_tilde a + (1 - pi_tilde) a_bar + 1/2
        b_tilde = pi_tilde b + (1 - pi_tilde) b_bar + m/2

    Parameters
    ----------
    second_moment : ndarray (I, J)
        m = mu^2 + sigma2 >= 0.
    q_support : ndarray (I, J)
        pi_tilde in [0, 1].
    active, inactive : Gamma
        (a, b) and (a_bar, b_bar).

    Returns
    -------
    tuple (ndarray (I, J), ndarray (I, J))
        a_tilde and b_tilde.

    Notes
    -----
    Hint: derive it once. The 1/2 in the shape comes from the normaliser of the Gaussian, the
    1/2 in the rate from its exponent.

    Examples
    --------
    >>> m, pi = np.array([[0.5]]), np.array([[1.0]])
    >>> update_precision(m, pi, Gamma(1.0, 0.25), Gamma(2.0, 0.01))
    (array([[1.5]]), array([[0.5]]))
    """
    raise NotImplementedError


def update_precision_complex(second_moment, q_support, active, inactive):
    """Return shape and rate as if the weight were complex: [q-precision-complex].

        a_tilde = pi_tilde a + (1 - pi_tilde) a_bar + 1
        b_tilde = pi_tilde b + (1 - pi_tilde) b_bar + m

    Parameters
    ----------
    second_moment, q_support : ndarray (I, J)
        m >= 0 and pi_tilde in [0, 1].
    active, inactive : Gamma

    Returns
    -------
    tuple (ndarray (I, J), ndarray (I, J))
        a_tilde and b_tilde.

    Notes
    -----
    Hint: this is right for a circular complex Gaussian, and not for a real weight. When you
    have written it, find q(w) and q(s) for which it gives a lower `elbo` than
    `update_precision` does.

    Examples
    --------
    >>> m, pi = np.array([[0.5]]), np.array([[1.0]])
    >>> update_precision_complex(m, pi, Gamma(1.0, 0.25), Gamma(2.0, 0.01))
    (array([[2.]]), array([[0.75]]))
    """
    raise NotImplementedError


def evidence(expected_precision, expected_log_precision, active, inactive):
    """Return the message from Module A to Module B, in log-odds: [evidence].

        l = [a ln b - ln G(a) + (a - 1) <ln rho> - b <rho>] - [the same with a_bar, b_bar]

    Parameters
    ----------
    expected_precision : ndarray (I, J)
        <rho> > 0.
    expected_log_precision : ndarray (I, J)
        <ln rho>.
    active, inactive : Gamma
        (a, b) and (a_bar, b_bar).

    Returns
    -------
    ndarray (I, J)
        Positive where the active Gamma explains the precision better.

    Notes
    -----
    Hint: <ln rho> is not ln <rho>. And a ratio of two Gamma functions is a difference of two
    `gammaln`.

    Examples
    --------
    A large precision speaks for a dead weight:

    >>> rho = np.array([[1.0, 1000.0]])
    >>> evidence(rho, np.log(rho), Gamma(1.0, 0.1), Gamma(1.0, 0.001)).round(2)
    array([[  4.51, -94.39]])
    """
    raise NotImplementedError


def update_support(prior_log_odds, evidence):
    """Return the best q(s), in log-odds: [q-support].

        logit pi_tilde = logit pi + l

    Parameters
    ----------
    prior_log_odds : ndarray (I, J)
        logit pi, Module B's message.
    evidence : ndarray (I, J)
        l.

    Returns
    -------
    ndarray (I, J)
        logit pi_tilde.

    Notes
    -----
    Hint: Bayes' rule multiplies odds. What does that become for their logarithms?

    Examples
    --------
    >>> update_support(np.array([[-2.0]]), np.array([[5.0]]))
    array([[3.]])
    """
    raise NotImplementedError


def weight_penalty(mean, variance, expected_precision):
    """Return what the prior adds to the network's loss: [q-weight].

        sum over weights of [ 1/2 <rho> m - 1/2 ln sigma2 ],  m = mu^2 + sigma2

    Parameters
    ----------
    mean, variance : ndarray (I, J)
        mu, and sigma2 > 0.
    expected_precision : ndarray (I, J)
        <rho> > 0.

    Returns
    -------
    float

    Notes
    -----
    Hint: the mean is not the only thing that a precision pulls on.

    Examples
    --------
    >>> one = np.ones((1, 1))
    >>> weight_penalty(one, one, 0.5 * one)
    0.5
    """
    raise NotImplementedError


def weight_penalty_gradient(mean, variance, expected_precision):
    """Return the gradient of `weight_penalty` by mu and by ln sigma2: [q-weight-gradient].

        d/dmu = <rho> mu,    d/dln sigma2 = 1/2 sigma2 <rho> - 1/2

    Parameters
    ----------
    mean, variance, expected_precision : ndarray (I, J)

    Returns
    -------
    tuple (ndarray (I, J), ndarray (I, J))

    Notes
    -----
    Hint: the second derivative is by the LOGARITHM of the variance, which is what the
    optimiser moves, so that the variance stays positive.

    Examples
    --------
    Without data a weight goes back to its prior, sigma2 = 1/<rho>: the second gradient is 0.

    >>> weight_penalty_gradient(np.array([[2.0]]), np.array([[0.5]]), np.array([[2.0]]))
    (array([[4.]]), array([[0.]]))
    """
    raise NotImplementedError


def trap_margin(prior_log_odds, active, inactive):
    """Return how firmly mean field holds on to a dead weight: [mean-field-trap].

        a ln(b / b_bar) + logit pi - (a + 1/2) (1 - b_bar / b),  for a = a_bar

    Above 0 the state pi_tilde = 1, m -> 0 reproduces itself.

    Parameters
    ----------
    prior_log_odds : ndarray (I, J)
        logit pi.
    active, inactive : Gamma
        (a, b) and (a_bar, b_bar), with a = a_bar.

    Returns
    -------
    ndarray (I, J)

    Notes
    -----
    Hint: it is what your own functions say after one step. Start from m = 0 and pi_tilde = 1,
    and go once through `update_precision`, `evidence` and `update_support`.

    Examples
    --------
    >>> log_odds = np.array([[0.0, -9.0]])
    >>> trap_margin(log_odds, Gamma(1.0, 0.02), Gamma(1.0, 2e-5)).round(2)
    array([[ 5.41, -3.59]])
    """
    raise NotImplementedError

"""Module A: what the data say about each weight, by itself.

The exact posterior couples weight, precision and support. Mean field pretends that they are
independent, writes down a lower bound on the evidence, and maximises it one factor at a time.
You write the bound and every update, and the message l that goes to Module B. Two functions
are here to be distrusted: an update that belongs to a complex weight, and the condition under
which mean field never lets go of a dead one.

The second half does without one of the approximations. For a given q(w) the precision can be
integrated out, once for a live weight and once for a dead one, and the two integrals are all
that the support has to compare. The bound that follows is never below the mean-field one.

Check yourself: tvbi-ref check 03_module_a.py
"""

from collections import namedtuple

import numpy as np
from scipy.special import digamma, entr, expit, gammaln, log_expit

# To try things out with; the checks bring one of their own.
Gamma = namedtuple("Gamma", ["shape", "rate"])


def log_q(weight, precision, support, mean, variance, shape, rate, q_support):
    """Return the log density of the mean-field posterior, weight by weight: [q-factors].

    Under mean field weight, precision and support are independent: a Gaussian, a Gamma and a
    Bernoulli.

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
    log_weight = -0.5 * np.log(2 * np.pi * variance) - (weight - mean) ** 2 / (2 * variance)
    log_precision = (
        shape * np.log(rate) - gammaln(shape) + (shape - 1) * np.log(precision) - rate * precision
    )
    log_support = np.log(np.where(support == 1, q_support, 1 - q_support))
    return log_weight + log_precision + log_support


def elbo(mean, variance, shape, rate, support_log_odds, prior_log_odds, active, inactive):
    """Return a layer's six terms of the evidence lower bound: [elbo].

    They are E ln p(w|rho), E ln p(rho|s) and E ln p_hat(s), with p_hat Module B's message, and the
    entropies of q(w), q(rho) and q(s), all under q and summed over the layer.

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
    Hint: of rho two expectations are needed, and that of its logarithm holds a digamma. The
    supports come as log-odds: `expit`, `log_expit` and `entr` keep what 1 - expit(40) loses.

    Examples
    --------
    A coin on both sides: the third and the last term are -ln 2 and +ln 2.

    >>> one, zero = np.ones((1, 1)), np.zeros((1, 1))
    >>> terms = elbo(zero, one, one, one, zero, zero, Gamma(1.0, 1.0), Gamma(1.0, 0.1))
    >>> [round(float(term), 4) for term in terms]
    [-1.7075, -1.7013, -0.6931, 1.4189, 1.0, 0.6931]
    """
    m, rho, log_rho = mean**2 + variance, shape / rate, digamma(shape) - np.log(rate)
    live, dead = expit(support_log_odds), expit(-support_log_odds)

    def expected_log_gamma(prior):
        a, b = prior.shape, prior.rate
        return a * np.log(b) - gammaln(a) + (a - 1) * log_rho - b * rho

    def expected(p, log_pi):
        return np.where(p == 0, 0.0, p * log_pi)  # 0 ln 0 is 0

    terms = (
        0.5 * (log_rho - np.log(2 * np.pi) - rho * m),
        live * expected_log_gamma(active) + dead * expected_log_gamma(inactive),
        expected(live, log_expit(prior_log_odds)) + expected(dead, log_expit(-prior_log_odds)),
        0.5 * np.log(2 * np.pi * np.e * variance),
        shape - np.log(rate) + gammaln(shape) + (1 - shape) * digamma(shape),
        entr(live) + entr(dead),
    )
    return tuple(float(term.sum()) for term in terms)


def update_precision(second_moment, q_support, active, inactive):
    """Return the best q(rho) for given q(w) and q(s), as shape and rate: [q-precision].

    The factor that makes the ELBO largest while the other two stay. It is a Gamma again.

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
    Hint: ln q(rho) is, up to a constant, the expectation of the log joint over q(w) and q(s).
    Which power of rho does the Gaussian of w bring with it, and what multiplies rho in its
    exponent?

    Examples
    --------
    >>> m, pi = np.array([[0.5]]), np.array([[1.0]])
    >>> update_precision(m, pi, Gamma(1.0, 0.25), Gamma(2.0, 0.01))
    (array([[1.5]]), array([[0.5]]))
    """
    a_tilde = q_support * active.shape + (1 - q_support) * inactive.shape + 0.5
    b_tilde = q_support * active.rate + (1 - q_support) * inactive.rate + 0.5 * second_moment
    return a_tilde, b_tilde


def update_precision_complex(second_moment, q_support, active, inactive):
    """Return shape and rate as if the weight were complex: [q-precision-complex].

    As [q-precision], for a circular complex Gaussian: its density is proportional to rho e^(-rho
    |w|^2), with no root and no half.

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
    Hint: for a real weight this is wrong. The problem `complex-step` below asks you for numbers
    on which it does harm.

    Examples
    --------
    >>> m, pi = np.array([[0.5]]), np.array([[1.0]])
    >>> update_precision_complex(m, pi, Gamma(1.0, 0.25), Gamma(2.0, 0.01))
    (array([[2.]]), array([[0.75]]))
    """
    a_tilde = q_support * active.shape + (1 - q_support) * inactive.shape + 1.0
    b_tilde = q_support * active.rate + (1 - q_support) * inactive.rate + second_moment
    return a_tilde, b_tilde


def evidence(expected_precision, expected_log_precision, active, inactive):
    """Return the message from Module A to Module B, in log-odds: [evidence].

    It is by how much, in the mean over q(rho), the active Gamma gives the precision a larger log
    density than the inactive one.

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

    def expected_log_gamma(prior):
        a, b = prior.shape, prior.rate
        return (
            a * np.log(b) - gammaln(a) + (a - 1) * expected_log_precision - b * expected_precision
        )

    return expected_log_gamma(active) - expected_log_gamma(inactive)


def update_support(prior_log_odds, evidence):
    """Return the best q(s), in log-odds: [q-support].

    Module B's message is the prior, and the evidence is what Module A has to add.

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
    return prior_log_odds + evidence


def weight_penalty(mean, variance, expected_precision):
    """Return what the prior adds to the network's loss: [q-weight].

    It is minus E ln p(w|rho) and minus the entropy of q(w), without what depends on neither the
    mean nor the variance, summed over the layer.

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
    Hint: what is the expectation of w^2? The mean is not the only thing that a precision pulls
    on.

    Examples
    --------
    >>> one = np.ones((1, 1))
    >>> weight_penalty(one, one, 0.5 * one)
    0.5
    """
    m = mean**2 + variance
    return float(np.sum(0.5 * expected_precision * m - 0.5 * np.log(variance)))


def weight_penalty_gradient(mean, variance, expected_precision):
    """Return the gradient of `weight_penalty` by mu and by ln sigma2: [q-weight-gradient].

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
    return expected_precision * mean, 0.5 * variance * expected_precision - 0.5


def conditional_precision(second_moment, prior):
    """Return q(rho | s), as shape and rate: [q-collapsed].

    With the support known and q(w) given, the posterior of the precision is a Gamma.

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
    return prior.shape + 0.5, prior.rate + 0.5 * second_moment


def evidence_collapsed(second_moment, active, inactive):
    """Return the evidence with the precision integrated out: [evidence-collapsed].

    For s = 1 and for s = 0 integrate exp(E ln p(w|rho)) p(rho|s), the expectation over q(w), over
    all rho. The evidence is the logarithm of the first over the second.

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
    Hint: both integrals are Gamma functions; what they share cancels. With a = a_bar the
    evidence rises with m from one limit to another. Try both ends.

    Examples
    --------
    >>> m = np.array([[0.0, 1e9]])
    >>> evidence_collapsed(m, Gamma(1.0, 0.02), Gamma(1.0, 2e-6)).round(2)
    array([[-4.61,  9.21]])
    """

    def log_integral(prior):
        a, b = prior.shape, prior.rate
        constant = a * np.log(b) - gammaln(a) + gammaln(a + 0.5)
        return constant - (a + 0.5) * np.log(b + second_moment / 2)

    return log_integral(active) - log_integral(inactive)


def precision_collapsed(second_moment, q_support, active, inactive):
    """Return the expected precision: [precision-collapsed].

    Under q(rho | s) q(s), with q(rho | s) that of [q-collapsed].

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
    live = (active.shape + 0.5) / (active.rate + second_moment / 2)
    dead = (inactive.shape + 0.5) / (inactive.rate + second_moment / 2)
    return q_support * live + (1 - q_support) * dead


def elbo_collapsed(mean, variance, prior_log_odds, active, inactive):
    """Return a layer's two terms of the collapsed bound: [elbo-collapsed].

    The first is the logarithm of both integrals of [evidence-collapsed], each with all its
    constants, weighted by Module B's probabilities of 1 and 0; the second is the entropy of q(w).
    Both are summed over the layer.

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
    Hint: what is weighted may be too small for a double while its logarithm is an ordinary
    number. `np.logaddexp` adds without leaving the logarithms. And is the normaliser of the
    Gaussian still there?

    Examples
    --------
    >>> one = np.ones((1, 1))
    >>> terms = elbo_collapsed(0 * one, one, 0 * one, Gamma(1.0, 0.5), Gamma(1.0, 0.5))
    >>> [round(float(term), 4) for term in terms]
    [-1.7329, 1.4189]
    """
    m = mean**2 + variance

    def log_z(prior):
        a, b = prior.shape, prior.rate
        constant = a * np.log(b) - gammaln(a) + gammaln(a + 0.5) - 0.5 * np.log(2 * np.pi)
        return constant - (a + 0.5) * np.log(b + m / 2)

    log_evidence = np.logaddexp(
        log_expit(prior_log_odds) + log_z(active), log_expit(-prior_log_odds) + log_z(inactive)
    )
    entropy = 0.5 * np.log(2 * np.pi * np.e * variance)
    return float(log_evidence.sum()), float(entropy.sum())


def trap_margin(prior_log_odds, active, inactive):
    """Return how firmly mean field holds on to a dead weight: [mean-field-trap].

    Let m go to 0 and pi_tilde be 1, and let a = a_bar: return logit pi_tilde after one round of the
    updates. Above 0 the state reproduces itself, and the weight is never let go.

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
    Hint: it is what your own functions say after one step, `update_precision`, `evidence`,
    `update_support`. Follow it with letters.

    Examples
    --------
    >>> log_odds = np.array([[0.0, -9.0]])
    >>> trap_margin(log_odds, Gamma(1.0, 0.02), Gamma(1.0, 2e-5)).round(2)
    array([[ 5.41, -3.59]])
    """
    a, ratio = active.shape, inactive.rate / active.rate
    return prior_log_odds - a * np.log(ratio) - (a + 0.5) * (1 - ratio)


def laplace_precision(expected_absolute, q_support, active, inactive):
    """Answer the problem `laplace-precision`; the notebook states it."""
    # ln p(w | rho) brings 1 ln rho, where the Gaussian brings a half, and -rho |w|.
    shape = q_support * active.shape + (1 - q_support) * inactive.shape + 1
    rate = q_support * active.rate + (1 - q_support) * inactive.rate + expected_absolute
    return shape, rate


def complex_step():
    """Answer the problem `complex-step`; the notebook states it."""
    # A weight in doubt, far larger than its variance, with Gammas of a large shape.
    return {
        "mean": 2.5,
        "variance": 1e-3,
        "before": 0.3,
        "after": 0.5,
        "a": 3.0,
        "b": 0.01,
        "contrast": 0.01,
    }


def evidence_limits():
    """Answer the problem `evidence-limits`; the notebook states it."""
    log_ratio = 6.9078  # ln(b / b_bar)
    return -log_ratio / 2, log_ratio

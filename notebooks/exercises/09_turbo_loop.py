"""The turbo loop: one whole round.

You write a round for any Module A and any Module B: both are functions that the round is
given. Two of your own, made of the functions of exercises 3 and 5, are there to try it with.

Check yourself: tvbi-ref check 09_turbo_loop.py
"""

from collections import namedtuple

import numpy as np
from scipy.special import expit, gammaln

# To try things out with; the checks bring one of their own.
Gamma = namedtuple("Gamma", ["shape", "rate"])


def evidence_collapsed(second_moment, active, inactive):
    """Copy here your own function of exercise 3."""
    raise NotImplementedError


def precision_collapsed(second_moment, q_support, active, inactive):
    """Copy here your own function of exercise 3."""
    raise NotImplementedError


def sum_product(cavity, psi):
    """Copy here your own function of exercise 5."""
    raise NotImplementedError


def chain_messages(evidence, p01, p10):
    """Copy here your own function of exercise 5."""
    raise NotImplementedError


def extrinsic_a(posterior, incoming):
    """Copy here your own function of exercise 8."""
    raise NotImplementedError


def collapsed(active, inactive):
    """Return Module A in the collapsed form, as a function of m and logit pi (given)."""

    def module_a(second_moment, prior_log_odds):
        log_odds = prior_log_odds + evidence_collapsed(second_moment, active, inactive)
        return log_odds, precision_collapsed(second_moment, expit(log_odds), active, inactive)

    return module_a


def chains(p01, p10):
    """Return Module B for chains down the columns, as a function of l (given)."""

    def module_b(evidence):
        forward, backward = chain_messages(evidence, p01, p10)
        return forward + backward

    return module_b


def turbo_round(second_moment, prior_log_odds, module_a, module_b):
    """Return the messages and the posterior after one round: [turbo-loop].

    For given q(w): Module A answers to the old message; what is new in its answer goes to Module B;
    Module B's answer is the new message; and Module A answers to that.

    Parameters
    ----------
    second_moment : ndarray (I, J)
        m >= 0.
    prior_log_odds : ndarray (I, J)
        The old logit pi.
    module_a : function (m, logit pi) -> (logit pi_tilde, <rho>)
        Two arrays (I, J) in, two out. It may remember: mean field starts each call from the
        q(s) of the last, so that a call more is a step more.
    module_b : function (l) -> logit pi
        An array (I, J) in, one out. Its answer is without l.

    Returns
    -------
    tuple of 4 ndarray (I, J)
        l, the new logit pi, logit pi_tilde, <rho>.

    Notes
    -----
    Hint: does the result depend on the old logit pi? Think first, for the collapsed form and
    for mean field, then try. How often do you call Module A?

    Examples
    --------
    A large weight lifts its small neighbour, which has nothing to say for itself:

    >>> m, slab, spike = np.array([[0.5], [0.0]]), Gamma(1.0, 0.02), Gamma(1.0, 0.002)
    >>> module_a, module_b = collapsed(slab, spike), chains(0.1, 0.1)
    >>> l, log_odds, posterior, rho = turbo_round(m, np.zeros((2, 1)), module_a, module_b)
    >>> l.round(2).ravel(), log_odds.round(2).ravel()
    (array([ 2.2 , -1.15]), array([-0.88,  1.52]))
    """
    raise NotImplementedError

"""Messages: how a weight tells its neighbours what it knows.

Module B holds the prior over supports, a graph in which neighbours pull on each other. Each
node has heard something of its own, the evidence l, and passes it on; what it says to a
neighbour is everything that it has heard except from that neighbour, seen through the factor
between them. Written as log-odds, independent messages simply add, and most of the functions
here are a single line. One idea is behind all of them: no node is ever told again what it has
said itself.

Check yourself: tvbi-ref check 05_messages.py
Read: docs/EQUATIONS.md, section 4
"""

import numpy as np
from scipy.special import expit


def cavity(field, evidence, other_messages):
    r"""Return what a node knows without the factor that it is talking to: [cavity].

        c = h + l + sum of the messages from all OTHER factors at this node

    Parameters
    ----------
    field, evidence : ndarray, any one shape
        h and l, log-odds.
    other_messages : ndarray (k, \*shape)
        Already without the message from the factor that the result goes to; k may be 0.

    Returns
    -------
    ndarray, shape of `field`

    Notes
    -----
    Hint: over which axis do the messages of one node lie?

    Examples
    --------
    >>> cavity(np.array([-1.0]), np.array([2.0]), np.array([[0.5], [0.25]]))
    array([1.75])
    """
    raise NotImplementedError


def sum_product(cavity, psi):
    """Return the message through a factor: [sum-product].

        m = ln[(psi11 r + psi01) / (psi10 r + psi00)],    r = e^c,

    with psi[s, s'], the state of the sender first.

    Parameters
    ----------
    cavity : ndarray, any shape
        c of the sending node, log-odds.
    psi : ndarray (2, 2)
        > 0.

    Returns
    -------
    ndarray, shape of `cavity`
        Log-odds of the receiving node.

    Notes
    -----
    Hint: which index of psi is summed over? Exchange the two and a symmetric psi will not
    tell you. And what becomes of r at c = 800?

    Examples
    --------
    A sender that is quite sure hands on a row of psi: ln(0.7/0.3) if it is on.

    >>> psi = np.array([[0.9, 0.1], [0.3, 0.7]])
    >>> sum_product(np.array([-40.0, 0.0, 40.0]), psi).round(4)
    array([-2.1972, -0.4055,  0.8473])
    """
    raise NotImplementedError


def ising_message(cavity, coupling):
    """Return the message through an Ising coupling: [sum-product-ising].

        e^m = (t r + 1) / (r + t),    r = e^c,  t = e^(2J),

    which is m = 2 atanh(tanh J tanh(c/2)).

    Parameters
    ----------
    cavity : ndarray, any shape
        c of the sending node, log-odds.
    coupling : float
        J, of either sign.

    Returns
    -------
    ndarray, shape of `cavity`
        In [-2|J|, 2|J|]: a neighbour cannot say more than the coupling lets through.

    Notes
    -----
    Hint: both forms are right, and each fails somewhere in floating point. Where? The
    logarithm of the first one can be written with `np.logaddexp`.

    Examples
    --------
    >>> ising_message(np.array([-1000.0, 0.0, 1000.0]), 0.5)
    array([-1.,  0.,  1.])
    """
    raise NotImplementedError


def belief(field, evidence, messages):
    r"""Return the belief of a node, a probability: [belief].

        logit b = h + l + sum of ALL messages

    Parameters
    ----------
    field, evidence : ndarray, any one shape
        h and l, log-odds.
    messages : ndarray (k, \*shape)

    Returns
    -------
    ndarray, shape of `field`
        b = P(s = 1), in [0, 1].

    Notes
    -----
    Hint: 1 / (1 + e^-x) overflows where `scipy.special.expit` does not.

    Examples
    --------
    >>> belief(np.array([-1.0]), np.array([0.5]), np.array([[0.25], [0.25]]))
    array([0.5])
    """
    raise NotImplementedError


def extrinsic_b(field, messages):
    r"""Return Module B's answer to Module A, in log-odds: [extrinsic-b].

        logit pi = logit b - l = h + sum of all messages

    Parameters
    ----------
    field : ndarray, any shape
        h.
    messages : ndarray (k, \*shape)

    Returns
    -------
    ndarray, shape of `field`

    Notes
    -----
    Hint: l is not among the arguments. Why must it not be?

    Examples
    --------
    >>> extrinsic_b(np.array([-1.0]), np.array([[0.25], [0.25]]))
    array([-0.5])
    """
    raise NotImplementedError

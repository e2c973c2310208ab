"""Messages: how a weight tells its neighbours what it knows.

Module B holds the prior over supports, a graph in which neighbours pull on each other. Each
node has heard something of its own, the evidence l, and passes it on; what it says to a
neighbour is everything that it has heard except from that neighbour, seen through the factor
between them. Written as log-odds, independent messages simply add, and most of the functions
here are a single line. One idea is behind all of them: no node is ever told again what it has
said itself. On a chain, once forwards and once backwards is then all there is to do.

Check yourself: tvbi-ref check 05_sum_product.py
"""

import numpy as np
from scipy.special import expit


def cavity(field, evidence, other_messages):
    r"""Return what a node knows without the factor that it is talking to: [cavity].

    That is its field, its evidence and what it has heard from all OTHER factors.

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
    return field + evidence + np.sum(other_messages, axis=0)


def sum_product(cavity, psi):
    """Return the message through a factor: [sum-product].

    For each state of the receiver sum over both states of the sender: what the sender knows, times
    the factor. The message is the log-odds of the two sums. psi[s, s'] has the state of the sender
    first.

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
    Hint: which index of psi is summed over? Exchange the two and a symmetric psi will not tell
    you. And what becomes of e^c at c = 800? `np.logaddexp` knows.

    Examples
    --------
    A sender that is quite sure hands on a row of psi: ln(0.7/0.3) if it is on.

    >>> psi = np.array([[0.9, 0.1], [0.3, 0.7]])
    >>> sum_product(np.array([-40.0, 0.0, 40.0]), psi).round(4)
    array([-2.1972, -0.4055,  0.8473])
    """
    (ln00, ln01), (ln10, ln11) = np.log(psi)
    return np.logaddexp(ln11 + cavity, ln01) - np.logaddexp(ln10 + cavity, ln00)


def ising_message(cavity, coupling):
    """Return the message through an Ising coupling: [sum-product-ising].

    As [sum-product], for the factor e^(J x x') with x = 2 s - 1.

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
    Hint: it can be written as the logarithm of a ratio or with hyperbolic functions. Each fails
    somewhere in floating point. Where?

    Examples
    --------
    >>> ising_message(np.array([-1000.0, 0.0, 1000.0]), 0.5)
    array([-1.,  0.,  1.])
    """
    return np.logaddexp(cavity + 2 * coupling, 0) - np.logaddexp(cavity, 2 * coupling)


def belief(field, evidence, messages):
    r"""Return the belief of a node, a probability: [belief].

    It is made of the node's field, its evidence and ALL messages.

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
    return expit(field + evidence + np.sum(messages, axis=0))


def extrinsic_b(field, messages):
    r"""Return Module B's answer to Module A, in log-odds: [extrinsic-b].

    It is what the node believes, without what Module A has told it.

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
    return field + np.sum(messages, axis=0)


def chain_messages(evidence, p01, p10):
    """Return what every node of a chain hears from above and from below: [chain].

    The chains run down the columns; p01 = P(1|0) and p10 = P(0|1) make the factor between a node
    and the next. The first node hears the stationary law from above, the last one nothing from
    below; all others hear a message of [sum-product].

    Parameters
    ----------
    evidence : ndarray (I, J)
        l, log-odds.
    p01, p10 : float
        In (0, 1).

    Returns
    -------
    tuple (ndarray (I, J), ndarray (I, J))
        Forward and backward, log-odds.

    Notes
    -----
    Hint: backwards the lower node is the sender. What has to happen to psi? The node's own
    evidence goes into what it sends, not into what it hears.

    Examples
    --------
    Without evidence each node hears the stationary odds from above and nothing from below:

    >>> forward, backward = chain_messages(np.zeros((3, 1)), 0.1, 0.3)
    >>> np.exp(forward).round(4).ravel(), backward.round(4).ravel() + 0
    (array([0.3333, 0.3333, 0.3333]), array([0., 0., 0.]))
    """
    psi = np.array([[1 - p01, p01], [p10, 1 - p10]])
    n_rows = len(evidence)
    forward, backward = np.zeros(evidence.shape), np.zeros(evidence.shape)
    forward[0] = np.log(p01 / p10)
    for i in range(1, n_rows):
        forward[i] = sum_product(evidence[i - 1] + forward[i - 1], psi)
    for i in range(n_rows - 2, -1, -1):
        backward[i] = sum_product(evidence[i + 1] + backward[i + 1], psi.T)
    return forward, backward


def at_least_one(cavity_second, cavity_third):
    """Answer the problem `at-least-one`; the notebook states it."""
    # If s lives, all four states of the senders are allowed; if not, both dead is not.
    some = np.logaddexp(np.logaddexp(cavity_second, cavity_third), cavity_second + cavity_third)
    return np.logaddexp(0, some) - some

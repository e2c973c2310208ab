r"""The equations of sum-product on a support field, one small function each.

Everything here is a log-odds, ln P(1)/P(0), so that independent messages ADD and a
node's belief is the sum of all that it hears. `chain`, `grid`, `graph` and `group` call these
functions. Their fast forms compute the same quantities in odds, e^(log-odds), where a message
needs one division and no transcendental function; the tests hold the two against each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expit

from tvbi_ref._validation import FloatArray, as_float_array, as_real
from tvbi_ref.equations import equation

MARGIN = 1e-12
"""Transition probabilities lie in [MARGIN, 1 - MARGIN]: a certain step has no finite coupling."""


MessageStack = FloatArray | Sequence[ArrayLike]
"""Messages to a node, k of them: an array (k, ...), or a list of arrays."""


class IsingFactor(NamedTuple):
    """A pairwise factor in Ising form: ln psi(s, s') = const + J x x' + u s + v s', x = 2s - 1."""

    coupling: float
    field_first: float
    field_second: float


@equation("cavity")
def cavity(field: ArrayLike, evidence: ArrayLike, other_messages: MessageStack) -> FloatArray:
    r"""Return c = h + l + the sum of the messages from all OTHER factors at this node.

    Parameters
    ----------
    field, evidence : array_like, any one shape
        h and l, log-odds.
    other_messages : array_like, shape (k, \\*shape)
        The k incoming messages m_{e'->n} with e' != e: without the one from the factor
        that the result goes to.

    Notes
    -----
    Source: [cavity].

    Examples
    --------
    >>> float(cavity(-1.0, 2.0, [0.5, 0.25]))
    1.75
    """
    c = np.asarray(field, np.float64) + np.asarray(evidence, np.float64)
    for message in other_messages:
        c += np.asarray(message)
    return c


@equation("sum-product")
def sum_product(cavity: ArrayLike, psi: ArrayLike) -> FloatArray:
    """Return the message m = ln[(psi11 o + psi01) / (psi10 o + psi00)], o = e^cavity.

    Parameters
    ----------
    cavity : array_like, any shape
        Log-odds of the sending node without what the receiver said.
    psi : array_like (2, 2), >= 0
        psi[s, s'], the sender's state s first; no row and no column of zeros.

    Notes
    -----
    Source: [sum-product]. Computed with ``logaddexp``, so that no exponential overflows. Where a
    zero in psi lets certainty pass, the message grows with the cavity.

    Examples
    --------
    >>> psi = [[0.9, 0.1], [0.3, 0.7]]
    >>> sum_product([-800.0, 0.0, 800.0], psi).round(4)
    array([-2.1972, -0.4055,  0.8473])
    """
    c = np.asarray(cavity, dtype=np.float64)
    with np.errstate(divide="ignore"):
        (ln00, ln01), (ln10, ln11) = np.log(as_float_array(psi, "psi", shape=(2, 2)))
    return np.logaddexp(ln11 + c, ln01) - np.logaddexp(ln10 + c, ln00)


@equation("sum-product-ising")
def ising_message(cavity: ArrayLike, coupling: float) -> FloatArray:
    """Return the message through a coupling: m = 2 atanh(tanh J tanh(c/2)).

    Parameters
    ----------
    cavity : array_like, any shape
        Log-odds c of the sending node.
    coupling : float
        J.

    Notes
    -----
    Source: [sum-product-ising]. It lies in [-2|J|, 2|J|]: a neighbour can never
    say more than the coupling allows. With a = |2J| and b = |c| the same number is
    +-{min(a, b) - ln(1 + e^-|a-b|) + ln(1 + e^-(a+b))}, which stays exact where the
    hyperbolic tangents round to 1.

    Examples
    --------
    >>> ising_message([-1000.0, 0.0, 1000.0], 0.5)
    array([-1.,  0.,  1.])
    """
    c = np.asarray(cavity, dtype=np.float64)
    a, b = abs(2.0 * coupling), np.abs(c)
    less = np.log1p(np.exp(-np.abs(a - b))) - np.log1p(np.exp(-(a + b)))
    return np.sign(coupling) * np.sign(c) * (np.minimum(a, b) - less)


@equation("belief")
def belief(field: ArrayLike, evidence: ArrayLike, messages: MessageStack) -> FloatArray:
    r"""Return the belief b = P(s = 1), with logit b = h + l + the sum of ALL messages.

    Parameters
    ----------
    field, evidence : array_like, any one shape
    messages : array_like, shape (k, \\*shape)

    Notes
    -----
    Source: [belief].

    Examples
    --------
    >>> float(belief(-1.0, 0.5, [0.25, 0.25]))
    0.5
    """
    return expit(cavity(field, evidence, messages))


@equation("extrinsic-b")
def extrinsic_b(field: ArrayLike, messages: MessageStack) -> FloatArray:
    r"""Return logit pi = h + the sum of all messages: the belief WITHOUT the node's own evidence.

    Parameters
    ----------
    field : array_like, any shape
    messages : array_like, shape (k, \\*shape)

    Notes
    -----
    Source: [extrinsic-b].

    Examples
    --------
    >>> float(extrinsic_b(-1.0, [0.25, 0.25]))
    -0.5
    """
    log_odds = np.array(field, np.float64)
    for message in messages:
        log_odds += np.asarray(message)
    return log_odds[()]


def transition_matrix(p01: float, p10: float) -> FloatArray:
    """Return psi[s, s'] = P(s' | s) of a two-state chain, with p01 = P(1|0) and p10 = P(0|1).

    Raises
    ------
    ValueError
        If a probability is not inside (0, 1) by a margin of 1e-12.

    Notes
    -----
    Source: [prior-support-markov].

    Examples
    --------
    >>> transition_matrix(0.1, 0.3)
    array([[0.9, 0.1],
           [0.3, 0.7]])
    """
    p01 = as_real(p01, "p01", at_least=MARGIN, at_most=1 - MARGIN)
    p10 = as_real(p10, "p10", at_least=MARGIN, at_most=1 - MARGIN)
    return np.array([[1 - p01, p01], [p10, 1 - p10]])


def stationary(p01: float, p10: float) -> float:
    """Return lambda = p01 / (p01 + p10), the chain's share of ones in the long run.

    Notes
    -----
    Source: [prior-support-markov].

    Examples
    --------
    >>> stationary(0.1, 0.3)
    0.25
    """
    psi = transition_matrix(p01, p10)
    return float(psi[0, 1] / (psi[0, 1] + psi[1, 0]))


@equation("markov-to-ising")
def markov_to_ising(p01: float, p10: float) -> IsingFactor:
    """Return the Ising form (J, u, v) of a transition factor psi(s, s') = P(s'|s).

    Notes
    -----
    Source: [markov-to-ising]. J = 1/4 ln[psi11 psi00 / (psi10 psi01)],
    u = 1/2 ln[psi11 psi10 / (psi01 psi00)], v = 1/2 ln[psi11 psi01 / (psi10 psi00)].

    Examples
    --------
    >>> J, u, v = markov_to_ising(0.5, 0.5)
    >>> J == u == v == 0
    True
    """
    (ln00, ln01), (ln10, ln11) = np.log(transition_matrix(p01, p10))
    return IsingFactor(
        coupling=float(0.25 * (ln11 + ln00 - ln10 - ln01)),
        field_first=float(0.5 * (ln11 + ln10 - ln01 - ln00)),
        field_second=float(0.5 * (ln11 + ln01 - ln10 - ln00)),
    )

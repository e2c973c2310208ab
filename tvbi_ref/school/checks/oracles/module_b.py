r"""What Module B's equations must give, without one message being passed: every state counted.

A log-odds of a node is ln of the weight of all states in which it is 1, over the weight of
all states in which it is 0. A message is such a log-odds too, of a smaller field: the
branch that it comes from, with the receiver at its end. So each message here is a field
that is cut out, enumerated and summed. Long chains, which cannot be enumerated, are
products of 2x2 matrices.
"""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq, root
from scipy.special import entr, expit, logsumexp

Array = NDArray[np.float64]


def all_states(n: int) -> Array:
    """Return every state of n nodes, (2^n, n).

    Examples
    --------
    >>> all_states(2).tolist()
    [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]
    """
    return np.array(list(itertools.product((0.0, 1.0), repeat=n)))


def log_odds(log_weights: ArrayLike, states: Array, node: int) -> Any:
    """Return ln of the weight of the states with the node on, over that with it off.

    Parameters
    ----------
    log_weights : array_like (S, ...)
    states : ndarray (S, n)
    node : int

    Examples
    --------
    >>> round(float(log_odds(np.log([1.0, 3.0]), all_states(1), 0)), 12) == round(math.log(3), 12)
    True
    """
    w, on = np.asarray(log_weights), states[:, node] == 1
    return np.logaddexp.reduce(w[on]) - np.logaddexp.reduce(w[~on])


# Messages and beliefs


def message(cavity: ArrayLike, log_psi: ArrayLike) -> Array:
    """Return the receiver's log-odds in a field of two nodes: the sender's own and the factor.

    Parameters
    ----------
    cavity : array_like, any shape
        The sender's log-odds.
    log_psi : array_like (2, 2)
        ln psi(s, s'), the sender's state first.

    Notes
    -----
    Source: [sum-product], by enumeration.

    Examples
    --------
    >>> float(message(0.0, np.zeros((2, 2))))
    0.0
    """
    c, ln = np.asarray(cavity, np.float64), np.asarray(log_psi)
    states = all_states(2)
    return np.asarray(log_odds([ln[int(s), int(t)] + c * s for s, t in states], states, 1))


def ising(coupling: float) -> Array:
    """Return the logarithm of an Ising factor, J x x'.

    Examples
    --------
    >>> ising(0.5)
    array([[ 0.5, -0.5],
           [-0.5,  0.5]])
    """
    return coupling * np.array([[1.0, -1.0], [-1.0, 1.0]])


def star(own: ArrayLike, leaves: ArrayLike, couplings: ArrayLike) -> Array:
    r"""Return the log-odds of the hub of a star.

    Parameters
    ----------
    own : array_like, any shape
        What the hub knows by itself, h + l.
    leaves : array_like (k, \\*shape)
        What each of its k neighbours knows.
    couplings : array_like (k,)

    Notes
    -----
    Source: [cavity], [belief] and [extrinsic-b], by enumeration.

    Examples
    --------
    >>> bool(np.isclose(star(1.0, [2.0], [0.3]), 1.0 + message(2.0, ising(0.3))))
    True
    """
    hub, ends = np.asarray(own, np.float64), np.asarray(leaves, np.float64)
    states = all_states(1 + len(ends))
    log_w = []
    for s in states:
        x = 2 * s - 1
        pull = float(np.dot(np.asarray(couplings), x[0] * x[1:]))
        log_w.append(hub * s[0] + np.tensordot(s[1:], ends, axes=1) + pull)
    return np.asarray(log_odds(log_w, states, 0))


# Chains


def _log_transition(p01: float, p10: float) -> Array:
    return np.log([[1 - p01, p01], [p10, 1 - p10]])


def _steps(states: Array, p01: float, p10: float) -> Array:
    """Return sum ln P(s' | s) along each state of a chain."""
    s = states.astype(int)
    return np.asarray(_log_transition(p01, p10)[s[:, :-1], s[:, 1:]].sum(axis=1))


def chain_log_weights(states: Array, p01: float, p10: float) -> Array:
    """Return ln p of each state of one stationary chain.

    Parameters
    ----------
    states : ndarray (S, n)
    p01, p10 : float

    Notes
    -----
    Source: [prior-support-markov].

    Examples
    --------
    >>> round(float(np.exp(chain_log_weights(all_states(3), 0.1, 0.3)).sum()), 12)
    1.0
    """
    start = np.log(np.array([p10, p01]) / (p01 + p10))
    return np.asarray(start[states[:, 0].astype(int)] + _steps(states, p01, p10))


def chain(evidence: ArrayLike, p01: float, p10: float) -> tuple[Array, Array]:
    """Return what each node of a chain hears from above and from below.

    From above: the node's log-odds in the chain that ends with it, given the evidence above.
    From below: ln P(evidence below | s = 1) / P(evidence below | s = 0).

    Parameters
    ----------
    evidence : array_like (I, J), I at most 10 or so
    p01, p10 : float

    Returns
    -------
    forward, backward : ndarray (I, J)

    Notes
    -----
    Source: [chain], by enumeration.

    Examples
    --------
    >>> forward, backward = chain([[3.0]], 0.1, 0.3)
    >>> np.exp(forward).round(12), backward
    (array([[0.33333333]]), array([[0.]]))
    """
    l = np.asarray(evidence, np.float64)
    forward, backward = np.empty_like(l), np.empty_like(l)
    n = len(l)
    for i in range(n):
        above, below = all_states(i + 1), all_states(n - i)
        prior = chain_log_weights(above, p01, p10)[:, None]
        forward[i] = log_odds(prior + above[:, :-1] @ l[:i], above, i)
        backward[i] = log_odds(
            _steps(below, p01, p10)[:, None] + below[:, 1:] @ l[i + 1 :], below, 0
        )
    return forward, backward


def long_chain(evidence: ArrayLike, p01: float, p10: float) -> tuple[Array, Array]:
    """Return the same as `chain` from products of 2x2 matrices, scaled so that none underflows.

    Parameters
    ----------
    evidence : array_like (I, J)
    p01, p10 : float

    Notes
    -----
    Source: [chain], by transfer matrices.

    Examples
    --------
    >>> l = np.array([[1.0, 2.0], [-3.0, 0.5], [0.0, 4.0]])
    >>> np.allclose(long_chain(l, 0.1, 0.3), chain(l, 0.1, 0.3))
    True
    """
    l = np.asarray(evidence, np.float64)
    P = np.exp(_log_transition(p01, p10))
    forward, backward = np.empty_like(l), np.empty_like(l)
    for j in range(l.shape[1]):
        seen = [np.diag([expit(-value), expit(value)]) for value in l[:, j]]
        row, column = np.array([p10, p01]), np.ones(2)
        for i in range(len(l)):
            forward[i, j] = np.log(row[1] / row[0])
            row = row @ seen[i] @ P
            row /= row.sum()
        for i in reversed(range(len(l))):
            backward[i, j] = np.log(column[1] / column[0])
            column = P @ seen[i] @ column
            column /= column.sum()
    return forward, backward


def chain_pairs(evidence: ArrayLike, p01: float, p10: float) -> Array:
    """Return the joint posterior of successive nodes of chains down the columns.

    Parameters
    ----------
    evidence : array_like (I, J)
    p01, p10 : float

    Returns
    -------
    ndarray (I-1, J, 2, 2)

    Examples
    --------
    >>> chain_pairs(np.zeros((2, 1)), 0.5, 0.5)[0, 0]
    array([[0.25, 0.25],
           [0.25, 0.25]])
    """
    l = np.asarray(evidence, np.float64)
    states = all_states(len(l))
    log_w = chain_log_weights(states, p01, p10)[:, None] + states @ l
    p = np.exp(log_w - logsumexp(log_w, axis=0))
    pairs = np.zeros((len(l) - 1, l.shape[1], 2, 2))
    for s, weight in zip(states.astype(int), p, strict=True):
        for i in range(len(l) - 1):
            pairs[i, :, s[i], s[i + 1]] += weight
    return pairs


def chain_first(evidence: ArrayLike, p01: float, p10: float) -> Array:
    """Return the posterior P(s = 1) of the first node of every chain, (J,).

    Parameters
    ----------
    evidence : array_like (I, J)
    p01, p10 : float

    Examples
    --------
    >>> chain_first(np.zeros((2, 1)), 0.1, 0.3).round(12)
    array([0.25])
    """
    l = np.asarray(evidence, np.float64)
    states = all_states(len(l))
    log_w = chain_log_weights(states, p01, p10)[:, None] + states @ l
    return np.asarray(expit(log_odds(log_w, states, 0)))


def chain_log_likelihood(evidence: ArrayLike, p01: Any, p10: Any) -> Any:
    """Return ln sum_S p(S) e^(sum l s), summed over the columns.

    Parameters
    ----------
    evidence : array_like (I, J)
    p01, p10 : float
        May be complex, for a derivative.

    Examples
    --------
    >>> bool(abs(chain_log_likelihood(np.zeros((4, 2)), 0.1, 0.3)) < 1e-12)
    True
    """
    l = np.asarray(evidence, np.float64)
    states = all_states(len(l))
    log_p = np.log([[1 - p01, p01], [p10, 1 - p10]])
    s = states.astype(int)
    start = np.log(np.array([p10, p01]) / (p01 + p10))[s[:, 0]]
    log_w = (start + log_p[s[:, :-1], s[:, 1:]].sum(axis=1))[:, None] + states @ l
    largest = log_w.real.max(axis=0)
    return (largest + np.log(np.exp(log_w - largest).sum(axis=0))).sum()


def best_chain(evidence: ArrayLike, p01: float, p10: float) -> tuple[float, float]:
    """Return the (p01, p10) near these at which the likelihood of the evidence has no slope.

    Parameters
    ----------
    evidence : array_like (I, J)
    p01, p10 : float
        To start from.

    Notes
    -----
    Source: where [em-chain] must stand still, by complex steps and Newton's method.

    Examples
    --------
    >>> l = np.array([[4.0], [4.0], [-4.0], [-4.0], [4.0], [-4.0]])
    >>> p, q = best_chain(l, 0.4, 0.4)
    >>> better = chain_log_likelihood(l, p, q) > chain_log_likelihood(l, p + 0.01, q)
    >>> 0 < p < 1 and 0 < q < 1 and bool(better)
    True
    """

    def slope(at: Any) -> list[float]:
        p, q = expit(at)
        by_p = chain_log_likelihood(evidence, p + 1e-30j, q).imag / 1e-30
        by_q = chain_log_likelihood(evidence, p, q + 1e-30j).imag / 1e-30
        return [by_p * p * (1 - p), by_q * q * (1 - q)]

    found = root(slope, np.log([p01 / (1 - p01), p10 / (1 - p10)]), tol=1e-13)
    assert np.abs(slope(found.x)).max() < 1e-9, found.message
    best = expit(found.x)
    return float(best[0]), float(best[1])


def baum_welch(
    pair_beliefs: ArrayLike, first_belief: ArrayLike, p01: float, p10: float
) -> tuple[float, float]:
    """Return the (p01, p10) that maximise the expected complete log-likelihood's bound.

    Parameters
    ----------
    pair_beliefs : array_like (I-1, J, 2, 2)
    first_belief : array_like (J,)
    p01, p10 : float
        The old values.

    Notes
    -----
    Source: [em-chain], node by node from what each contributes, by a search for the root of
    the derivative. The bound falls apart, so that each is found with the other as it was.

    Examples
    --------
    >>> p01, p10 = baum_welch([[[[0.125, 0.125], [0.25, 0.5]]]], [0.75], 0.5, 0.5)
    >>> round(p01, 9), round(p10, 9)
    (0.646446609, 0.292893219)
    """
    pairs, first = np.asarray(pair_beliefs, np.float64), np.asarray(first_belief, np.float64)

    def bound(p: Any, q: Any) -> Any:
        log_p = np.log([[1 - p, p], [q, 1 - q]])
        total = sum((block * log_p).sum() for block in pairs.reshape(-1, 2, 2))
        tangent = np.log(p01 + p10) + (p + q - p01 - p10) / (p01 + p10)
        for b in first:
            total += b * np.log(p) + (1 - b) * np.log(q) - tangent
        return total

    return (
        _highest(lambda p: bound(p, p10)),
        _highest(lambda q: bound(p01, q)),
    )


def _highest(f: Any) -> float:
    """Return where a concave function of a probability is highest, by its complex steps."""

    def slope(log_odds: float) -> float:
        p, other = expit(log_odds), expit(-log_odds)
        h = 1e-30 * p * other
        return float(f(p + 1j * h).imag / 1e-30)

    far = 30.0  # beyond it a probability is 0 or 1 to any tolerance of a check
    if slope(-far) <= 0 or slope(far) >= 0:
        return float(slope(far) >= 0)
    return float(expit(brentq(slope, -far, far, xtol=1e-13)))


# Grids

SIDES = ((-1, 0), (1, 0), (0, -1), (0, 1))
"""Where the sender of a message sits: above, below, left, right."""


def grid_sweep(own: Array, messages: Array, coupling_row: float, coupling_col: float) -> Array:
    """Return all messages after one parallel sweep, edge by edge from a dictionary.

    Parameters
    ----------
    own : ndarray (I, J)
    messages : ndarray (4, I, J)
        From above, below, left and right.
    coupling_row, coupling_col : float

    Notes
    -----
    Source: [grid-sweep], each message by `message`.

    Examples
    --------
    >>> new = grid_sweep(np.array([[math.log(4.0), 0.0]]), np.zeros((4, 1, 2)), math.log(2) / 2, 0)
    >>> np.exp(new[2]).round(12)
    array([[1. , 1.5]])
    """
    place = {}
    for side, (di, dj) in enumerate(SIDES):
        for i, j in np.ndindex(own.shape):
            sender = (i + di, j + dj)
            if 0 <= sender[0] < own.shape[0] and 0 <= sender[1] < own.shape[1]:
                place[sender, (i, j)] = (side, i, j)
    new = np.zeros_like(messages)
    for J, same in ((coupling_row, 0), (coupling_col, 1)):
        edges = [edge for edge in place if edge[0][same] == edge[1][same]]
        cavities = [
            own[sender]
            + math.fsum(
                messages[at] for (a, b), at in place.items() if b == sender and a != receiver
            )
            for sender, receiver in edges
        ]
        for edge, sent in zip(edges, message(cavities, ising(J)), strict=True):
            new[place[edge]] = sent
    return new


def line_messages(own: ArrayLike, coupling: float) -> tuple[Array, Array]:
    """Return what the nodes of a line hear from before and from behind, at the fixed point.

    Parameters
    ----------
    own : array_like (n,)
    coupling : float

    Notes
    -----
    Source: the fixed point of [grid-sweep] on a tree, by enumeration of what lies on one side.

    Examples
    --------
    >>> before, behind = line_messages([1.0, -2.0], 0.4)
    >>> bool(before[0] == behind[1] == 0.0), bool(np.isclose(before[1], message(1.0, ising(0.4))))
    (True, True)
    """
    h = np.asarray(own, np.float64)

    def heard_before(fields: Array) -> list[float]:
        heard = []
        for i in range(len(fields)):
            states = all_states(i + 1)
            x = 2 * states - 1
            log_w = states[:, :-1] @ fields[:i] + coupling * (x[:, 1:] * x[:, :-1]).sum(axis=1)
            heard.append(float(log_odds(log_w, states, i)))
        return heard

    return np.array(heard_before(h)), np.array(heard_before(h[::-1])[::-1])


def _grid_log_weights(own: Any, coupling_row: Any, coupling_col: Any) -> tuple[Array, Any]:
    """Return the states (S, I, J) of a field and their log weights; parameters may be complex."""
    shape = np.shape(own)
    states = all_states(math.prod(shape)).reshape(-1, *shape)
    x = 2 * states - 1
    log_w = (
        (own * states).sum(axis=(1, 2))
        + coupling_row * (x[:, :, 1:] * x[:, :, :-1]).sum(axis=(1, 2))
        + coupling_col * (x[:, 1:] * x[:, :-1]).sum(axis=(1, 2))
    )
    return states, log_w


def log_partition(own: Any, coupling_row: Any, coupling_col: Any) -> Any:
    """Return ln Z of an Ising field.

    Parameters
    ----------
    own : ndarray (I, J)
        h + l.
    coupling_row, coupling_col : float
        Any of the three may be complex, for a derivative.

    Examples
    --------
    >>> round(float(log_partition(np.zeros((1, 2)), 0.0, 0.0) / math.log(2)), 12)
    2.0
    """
    _, log_w = _grid_log_weights(own, coupling_row, coupling_col)
    largest = log_w.real.max()
    return largest + np.log(np.exp(log_w - largest).sum())


def grid_beliefs(
    own: Array, coupling_row: float, coupling_col: float
) -> tuple[Array, Array, Array]:
    """Return the marginals of all nodes, row edges and column edges of an Ising field.

    Parameters
    ----------
    own : ndarray (I, J)
    coupling_row, coupling_col : float

    Returns
    -------
    belief : ndarray (I, J)
    horizontal : ndarray (I, J-1, 2, 2)
    vertical : ndarray (I-1, J, 2, 2)

    Examples
    --------
    >>> belief, horizontal, vertical = grid_beliefs(np.zeros((1, 2)), 0.0, 0.0)
    >>> belief, horizontal[0, 0].tolist(), vertical.shape
    (array([[0.5, 0.5]]), [[0.25, 0.25], [0.25, 0.25]], (0, 2, 2, 2))
    """
    states, log_w = _grid_log_weights(own, coupling_row, coupling_col)
    p = np.exp(log_w - logsumexp(log_w))
    one_hot = np.stack([1 - states, states], axis=-1)
    return (
        np.einsum("n,nij->ij", p, states),
        np.einsum("n,nija,nijb->ijab", p, one_hot[:, :, :-1], one_hot[:, :, 1:]),
        np.einsum("n,nija,nijb->ijab", p, one_hot[:, :-1], one_hot[:, 1:]),
    )


def bethe_log_partition(
    own: Array,
    belief: Array,
    horizontal: Array,
    vertical: Array,
    coupling_row: float,
    coupling_col: float,
) -> float:
    """Return ln Z_Bethe, its entropy as that of independent nodes less what edges share.

    An edge's mutual information is what its two ends know of each other; taking it off for
    each edge needs no degrees.

    Notes
    -----
    Source: [bethe].

    Examples
    --------
    >>> own = np.array([[0.5, -1.0, 2.0]])
    >>> bethe = bethe_log_partition(own, *grid_beliefs(own, 0.7, 0.0), 0.7, 0.0)
    >>> bool(np.isclose(bethe, log_partition(own, 0.7, 0.0)))
    True
    """
    total = 0.0
    for n in np.ndindex(own.shape):
        total += own[n] * belief[n] + entr(belief[n]) + entr(1 - belief[n])
    for pairs, J in ((horizontal, coupling_row), (vertical, coupling_col)):
        for pair in pairs.reshape(-1, 2, 2):
            for s, t in itertools.product((0, 1), repeat=2):
                total += J * (2 * s - 1) * (2 * t - 1) * pair[s, t]
                if pair[s, t] > 0:
                    apart = pair[s].sum() * pair[:, t].sum()
                    total -= pair[s, t] * math.log(pair[s, t] / apart)
    return float(total)


def pair_belief(log_psi: ArrayLike, first: ArrayLike, second: ArrayLike) -> Array:
    r"""Return b(s, s') of two nodes and the factor between them, state by state.

    Parameters
    ----------
    log_psi : array_like (2, 2)
    first, second : array_like, one shape
        Cavities.

    Returns
    -------
    ndarray (\\*shape, 2, 2)

    Notes
    -----
    Source: [pair-belief], by enumeration.

    Examples
    --------
    >>> pair_belief(np.log([[1.0, 2.0], [3.0, 4.0]]), [0.0], [0.0]).round(12)
    array([[[0.1, 0.2],
            [0.3, 0.4]]])
    """
    ln, c, d = np.asarray(log_psi), np.asarray(first), np.asarray(second)
    b = np.empty((*c.shape, 2, 2))
    for n in np.ndindex(c.shape):
        log_w = {(s, t): ln[s, t] + c[n] * s + d[n] * t for s, t in np.ndindex(2, 2)}
        largest = max(log_w.values())
        total = math.fsum(math.exp(w - largest) for w in log_w.values())
        for states, w in log_w.items():
            b[(*n, *states)] = math.exp(w - largest) / total
    return b


def likelihood_gradient(
    field: Array, evidence: Array, coupling_row: float, coupling_col: float
) -> tuple[float, float, float]:
    """Return the derivatives of ln p(l | h, J) by h, J_row and J_col.

    By a step in the imaginary direction: the imaginary part of f(x + i e) is e f'(x), and
    nothing is subtracted, so that e may be tiny.

    Parameters
    ----------
    field, evidence : ndarray (I, J)
    coupling_row, coupling_col : float

    Notes
    -----
    Source: [em-ising], from enumerated partition functions.

    Examples
    --------
    >>> likelihood_gradient(np.zeros((2, 2)), np.zeros((2, 2)), 0.1, 0.2)
    (0.0, 0.0, 0.0)
    """
    step = 1e-20
    derivatives = []
    for k in range(3):
        d_field, d_row, d_col = (1j * step * (k == part) for part in range(3))
        h, J_row, J_col = field + d_field, coupling_row + d_row, coupling_col + d_col
        seen = log_partition(h + evidence, J_row, J_col) - log_partition(h, J_row, J_col)
        derivatives.append(float(seen.imag / step))
    return derivatives[0], derivatives[1], derivatives[2]


def uniqueness(coupling_row: float, coupling_col: float, size: int = 3) -> float:
    """Return the spectral radius of the directed edges of a torus, entries tanh|J|.

    Every node of a torus is a node inside an infinite grid. An edge goes on in all
    directions but back, and its entry is that of the edge that it goes on with.

    Parameters
    ----------
    coupling_row, coupling_col : float
    size : int
        Of the torus, at least 3, so that the neighbours differ.

    Notes
    -----
    Source: [uniqueness].

    Examples
    --------
    >>> round(uniqueness(0.2, 0.2) / math.tanh(0.2), 9)
    3.0
    """
    edges = [
        ((i, j), ((i + di) % size, (j + dj) % size))
        for i, j in np.ndindex(size, size)
        for di, dj in SIDES
    ]
    matrix = np.zeros((len(edges), len(edges)))
    for a, (start, middle) in enumerate(edges):
        for b, (begin, end) in enumerate(edges):
            if begin == middle and end != start:
                J = coupling_row if begin[0] == end[0] else coupling_col
                matrix[a, b] = math.tanh(abs(J))
    return float(np.abs(np.linalg.eigvals(matrix)).max())


# Groups


def neuron_group(evidence: ArrayLike, p_alive: float, p_in: float, p_out: float) -> Array:
    """Return each weight's log-odds given its column's evidence without its own.

    Every state of the indicator z and of the weights s is weighed, column by column.

    Parameters
    ----------
    evidence : array_like (I, J)
    p_alive, p_in, p_out : float

    Notes
    -----
    Source: [neuron-group], by enumeration.

    Examples
    --------
    >>> float(np.exp(neuron_group([[5.0]], 0.5, 0.6, 0.2))[0, 0].round(12))  # 0.4 to 0.6
    0.666666666667
    """
    l = np.asarray(evidence, np.float64)
    states = all_states(1 + len(l))
    z, s = states[:, :1], states[:, 1:]
    p = np.where(z == 1, p_in, p_out)
    log_prior = np.log(np.where(z == 1, p_alive, 1 - p_alive))
    log_prior = log_prior + np.log(np.where(s == 1, p, 1 - p)).sum(axis=1, keepdims=True)
    answer = np.empty_like(l)
    for i in range(len(l)):
        others = [k for k in range(len(l)) if k != i]
        answer[i] = log_odds(log_prior + s[:, others] @ l[others], states, 1 + i)
    return answer

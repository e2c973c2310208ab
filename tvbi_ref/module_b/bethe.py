r"""What converged messages know besides the nodes' beliefs: pairs of neighbours, and ln Z.

A pair's belief is its factor times what each end hears from everybody else ([pair-belief]).
From nodes and pairs the Bethe approximation puts together an energy and an entropy,

    ln Z_Bethe = sum_edges E[ln psi] + sum_n E[(h + l) s]
                 + sum_edges H(b_e) - sum_n (d_n - 1) H(b_n),

with d_n the number of a node's edges. On a tree that is ln Z itself; on a loopy grid it is
an approximation whose error falls with the fourth power of the coupling, because the
shortest loop has four edges.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import entr

from tvbi_ref._repr import brief
from tvbi_ref._validation import FloatArray, border
from tvbi_ref.equations import equation
from tvbi_ref.module_b.base import SupportMessage
from tvbi_ref.module_b.chain import ChainSupport, chain_messages
from tvbi_ref.module_b.graph import GraphSupport
from tvbi_ref.module_b.grid import ABOVE, BELOW, LEFT, RIGHT, GridSupport
from tvbi_ref.module_b.messages import transition_matrix

X = np.array([-1.0, 1.0])
"""The spin x = 2s - 1 of s = 0 and s = 1."""


class PairBeliefs(NamedTuple):
    """Joint beliefs of neighbours, each (..., 2, 2), indexed by the states of the two ends.

    Parameters
    ----------
    vertical : ndarray (I-1, J, 2, 2)
        Of (i, j) and (i+1, j).
    horizontal : ndarray (I, J-1, 2, 2)
        Of (i, j) and (i, j+1).
    """

    vertical: FloatArray
    horizontal: FloatArray

    def __repr__(self) -> str:
        return brief(self)


@equation("pair-belief")
def pair_belief(
    log_psi: FloatArray, cavity_first: FloatArray, cavity_second: FloatArray
) -> FloatArray:
    r"""Return b(s, s') proportional to psi(s, s') e^(c s + c' s').

    Parameters
    ----------
    log_psi : ndarray (2, 2), or a block for each pair
    cavity_first, cavity_second : ndarray, one shape
        Log-odds c and c' of the two ends, each without what the other end said.

    Returns
    -------
    ndarray (\\*shape, 2, 2), each block summing to 1

    Notes
    -----
    Source: [pair-belief].

    Examples
    --------
    >>> pair_belief(np.zeros((2, 2)), np.array(0.0), np.array(0.0))
    array([[0.25, 0.25],
           [0.25, 0.25]])
    """
    s = np.arange(2)
    first = np.asarray(cavity_first)[..., None, None] * s[:, None]
    log_b = log_psi + first + np.asarray(cavity_second)[..., None, None] * s
    b = np.exp(log_b - log_b.max(axis=(-2, -1), keepdims=True))
    return b / b.sum(axis=(-2, -1), keepdims=True)


@border
def grid_pair_beliefs(
    grid: GridSupport, evidence: ArrayLike, message: SupportMessage
) -> PairBeliefs:
    """Return the joint beliefs of all neighbours of a grid.

    Parameters
    ----------
    grid : GridSupport
    evidence : array_like (I, J)
        l, what `message` answers to.
    message : SupportMessage
        Converged; its state holds the messages.

    Notes
    -----
    Source: [pair-belief].

    Examples
    --------
    >>> grid, l = GridSupport(-1.0, 0.1, 0.3), np.array([[2.0, 0.0], [0.0, 0.0]])
    >>> pairs = grid_pair_beliefs(grid, l, grid.extrinsic(l))
    >>> pairs.vertical.shape, pairs.horizontal.shape
    ((1, 2, 2, 2), (2, 1, 2, 2))
    """
    heard = np.log(message.state)
    b = message.log_odds + np.asarray(evidence, np.float64)
    agree = np.outer(X, X)
    return PairBeliefs(
        vertical=pair_belief(
            grid.coupling_col * agree, (b - heard[BELOW])[:-1], (b - heard[ABOVE])[1:]
        ),
        horizontal=pair_belief(
            grid.coupling_row * agree, (b - heard[RIGHT])[:, :-1], (b - heard[LEFT])[:, 1:]
        ),
    )


def agreement(pairs: FloatArray) -> float:
    """Return sum over edges of E[x x'], the moment that a coupling is conjugate to.

    Examples
    --------
    >>> agreement(np.array([[[0.5, 0.0], [0.0, 0.5]]]))
    1.0
    """
    return float(np.sum(pairs * np.outer(X, X)))


@border
def grid_log_partition(grid: GridSupport, evidence: ArrayLike, message: SupportMessage) -> float:
    """Return ln Z_Bethe of the field with its evidence.

    Parameters
    ----------
    grid : GridSupport
    evidence : array_like (I, J)
    message : SupportMessage
        Converged: the formula holds at a fixed point.

    Notes
    -----
    Source: [bethe]. Exact on trees.

    Examples
    --------
    >>> from tvbi_ref.module_b import exact
    >>> line, l = GridSupport(-1.0, 0.0, 0.7), np.array([[1.0], [-2.0], [0.5]])
    >>> bethe = grid_log_partition(line, l, line.extrinsic(l, tol=1e-12))
    >>> bool(np.isclose(bethe, exact.enumerate_log_partition(l - 1.0, 0.0, 0.7)))
    True
    """
    pairs, b = grid_pair_beliefs(grid, evidence, message), message.belief
    own = grid.node_field(b.shape) + np.asarray(evidence, np.float64)
    return bethe_log_partition(
        own, b, pairs.horizontal, pairs.vertical, grid.coupling_row, grid.coupling_col
    )


@equation("bethe")
def bethe_log_partition(
    own: FloatArray,
    belief: FloatArray,
    horizontal: FloatArray,
    vertical: FloatArray,
    coupling_row: float,
    coupling_col: float,
) -> float:
    """Return ln Z_Bethe of a grid from the beliefs of its nodes and edges.

    Parameters
    ----------
    own : ndarray (I, J)
        h + l.
    belief : ndarray (I, J), in [0, 1]
        b, P(s = 1).
    horizontal : ndarray (I, J-1, 2, 2)
        Joint beliefs of (i, j) and (i, j+1).
    vertical : ndarray (I-1, J, 2, 2)
        Of (i, j) and (i+1, j).
    coupling_row, coupling_col : float

    Notes
    -----
    Source: [bethe].

    Examples
    --------
    >>> no_edges = np.zeros((1, 0, 2, 2)), np.zeros((0, 1, 2, 2))
    >>> lnz = bethe_log_partition(np.zeros((1, 1)), np.full((1, 1), 0.5), *no_edges, 0.1, 0.1)
    >>> round(lnz / float(np.log(2)), 12)
    1.0
    """
    degrees = np.zeros(belief.shape)
    for here, there in ((np.s_[1:], np.s_[:-1]), (np.s_[:, 1:], np.s_[:, :-1])):
        degrees[here] += 1
        degrees[there] += 1
    edges = _of_edges(horizontal, coupling_row) + _of_edges(vertical, coupling_col)
    return _of_nodes(own, belief, degrees) + edges


def _of_nodes(own: FloatArray, belief: FloatArray, degrees: NDArray[Any]) -> float:
    """Return what the nodes bring to ln Z_Bethe: their energy, less the entropy counted twice."""
    entropy = (degrees - 1) * (entr(belief) + entr(1 - belief))
    return float(np.sum(own * belief) - entropy.sum())


def _of_edges(pairs: FloatArray, couplings: ArrayLike) -> float:
    """Return what edges bring to ln Z_Bethe: energy and entropy."""
    energy = np.asarray(couplings)[..., None, None] * pairs * np.outer(X, X)
    return float(energy.sum() + entr(pairs).sum())


@border
def graph_pair_beliefs(
    graph: GraphSupport, evidence: ArrayLike, message: SupportMessage
) -> FloatArray:
    """Return the joint beliefs of the two ends of every edge of a graph.

    Parameters
    ----------
    graph : GraphSupport
    evidence : array_like (I, J)
        l, what `message` answers to.
    message : SupportMessage
        Converged; its state holds the messages.

    Returns
    -------
    ndarray (E, 2, 2)
        The state of ``graph.edges[e, 0]`` first.

    Notes
    -----
    Source: [pair-belief].

    Examples
    --------
    >>> graph, l = GraphSupport([[0, 3]], 0.5, field=-1.0), np.zeros((2, 2))
    >>> graph_pair_beliefs(graph, l, graph.extrinsic(l)).shape
    (1, 2, 2)
    """
    b = (message.log_odds + np.asarray(evidence, np.float64)).ravel()
    first, second = (b[graph.edges] - graph.heard(message)).T
    couplings = np.broadcast_to(graph.couplings, len(graph.edges))
    return pair_belief(np.multiply.outer(couplings, np.outer(X, X)), first, second)


@border
def graph_log_partition(graph: GraphSupport, evidence: ArrayLike, message: SupportMessage) -> float:
    """Return ln Z_Bethe of a graph with its evidence.

    Parameters
    ----------
    graph : GraphSupport
    evidence : array_like (I, J)
    message : SupportMessage
        Converged: the formula holds at a fixed point.

    Notes
    -----
    Source: [bethe]. Exact on trees.

    Examples
    --------
    >>> pair, l = GraphSupport([[0, 1]], 0.5), np.zeros((1, 2))
    >>> z = np.exp(graph_log_partition(pair, l, pair.extrinsic(l)))
    >>> bool(np.isclose(z, 2 * np.exp(0.5) + 2 * np.exp(-0.5)))
    True
    """
    b, pairs = message.belief, graph_pair_beliefs(graph, evidence, message)
    own = graph.node_field(b.shape) + np.asarray(evidence, np.float64)
    degrees = np.bincount(graph.edges.ravel(), minlength=b.size).reshape(b.shape)
    return _of_nodes(own, b, degrees) + _of_edges(pairs, graph.couplings)


@border
def chain_pair_beliefs(chain: ChainSupport, evidence: ArrayLike) -> FloatArray:
    """Return the exact joint posterior of successive nodes of every chain.

    Parameters
    ----------
    chain : ChainSupport
    evidence : array_like (I, J)

    Returns
    -------
    ndarray (n - 1, chains, 2, 2)
        n nodes a chain: (I-1, J, 2, 2) for axis 0, (J-1, I, 2, 2) for axis 1.

    Notes
    -----
    Source: [pair-belief], [chain].

    Examples
    --------
    >>> chain_pair_beliefs(ChainSupport(0.5, 0.5), np.zeros((2, 1)))[0, 0]
    array([[0.25, 0.25],
           [0.25, 0.25]])
    """
    l = chain.down_columns(np.asarray(evidence, np.float64))
    forward, backward = chain_messages(l, chain.p01, chain.p10)
    log_psi = np.log(transition_matrix(chain.p01, chain.p10))
    return pair_belief(log_psi, (forward + l)[:-1], (backward + l)[1:])


@border
def chain_log_partition(chain: ChainSupport, evidence: ArrayLike) -> float:
    """Return ln sum_S p(S) e^(sum l s), the exact log-likelihood of the evidence.

    Parameters
    ----------
    chain : ChainSupport
    evidence : array_like (I, J)

    Notes
    -----
    Source: [chain], by the forward pass with its normalisers.

    Examples
    --------
    >>> round(chain_log_partition(ChainSupport(0.1, 0.3), np.zeros((5, 2))), 12)
    0.0
    """
    l = chain.down_columns(np.asarray(evidence, np.float64))
    forward, _ = chain_messages(l, chain.p01, chain.p10)
    # Each step's normaliser is E[e^(l s)] under what has been heard from above.
    predicted = -np.logaddexp(0.0, -forward), -np.logaddexp(0.0, forward)
    return float(np.sum(np.logaddexp(predicted[0] + l, predicted[1])))

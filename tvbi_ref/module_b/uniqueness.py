"""How strongly messages feed on themselves: below 1 there is one fixed point, [uniqueness]."""

from __future__ import annotations

import numpy as np
import scipy  # loads its packages when they are asked for, and sparse is not small

from tvbi_ref._validation import FloatArray
from tvbi_ref.equations import equation
from tvbi_ref.module_b.slots import IntArray, Slots

RADIUS_TOLERANCE = 1e-9
RADIUS_WORK = 20_000_000
"""The power iteration stops at this relative gap, or after so many visits to a slot."""


@equation("uniqueness")
def uniqueness_of(coupling_row: float, coupling_col: float) -> float:
    """Return the uniqueness value of a grid with these couplings, see `GridSupport.uniqueness`.

    Notes
    -----
    Source: [uniqueness].

    Examples
    --------
    >>> round(uniqueness_of(0.2, 0.2) / float(np.tanh(0.2)), 12)
    3.0
    """
    r, c = np.tanh(np.abs([coupling_row, coupling_col]))
    return float((r + c + np.sqrt((r + c) ** 2 + 12 * r * c)) / 2)


def non_backtracking_radius(edges: IntArray, couplings: FloatArray) -> float:
    """Return the spectral radius of the matrix that says which message feeds which.

    Its rows and columns are the 2E messages; the entry is tanh|J| of the receiving message's
    edge where one message feeds the other, that is, where it goes on without turning back.

    Parameters
    ----------
    edges : ndarray (E, 2) of int
    couplings : ndarray (E,)
        J.

    Returns
    -------
    float
        Never below the true radius but for rounding. Above it by at most 1e-9 of itself,
        unless the iteration ends before, as on a very large graph; then it is still a bound.

    Notes
    -----
    Source: [uniqueness]; Mooij and Kappen, IEEE Trans. Information Theory 53 (2007).

    A message into a dead end is never heard again, so branches without a loop are cut off
    first; of a tree nothing remains, and its matrix is nilpotent: radius 0. On the rest,
    for every vector x > 0 the radius lies between the least and the largest (A x)_k / x_k
    (Collatz and Wielandt), and the power iteration of A + (radius/2) 1 brings the two
    together. The shift is for graphs whose loops are all even: A alone would oscillate.

    Examples
    --------
    >>> square = np.array([[0, 1], [1, 2], [2, 3], [3, 0]])
    >>> round(non_backtracking_radius(square, np.full(4, 0.5)) / float(np.tanh(0.5)), 9)
    1.0
    >>> non_backtracking_radius(square[:3], np.full(3, 0.5))
    0.0
    """
    weights = np.tanh(np.abs(couplings))
    edges, weights = _without_dead_ends(edges[weights > 0], weights[weights > 0])
    if not len(edges):
        return 0.0
    slots = Slots.of(edges)
    w, degree = weights[slots.edge], slots.degree
    x, upper = np.ones(len(w)), np.inf
    for _ in range(max(20, min(1000, RADIUS_WORK // len(w)))):
        onward = np.repeat(slots.sum_by_node(x), degree) - x  # what comes in by the others
        y = (w * onward)[slots.reverse]
        ratio = y / x
        upper = min(upper, float(ratio.max()))
        if upper - ratio.min() <= RADIUS_TOLERANCE * upper:
            break
        y += 0.5 * upper * x
        x = np.maximum(y / y.max(), 1e-100)  # a bound holds for any x > 0
    return upper


def _without_dead_ends(edges: IntArray, weights: FloatArray) -> tuple[IntArray, FloatArray]:
    """Take off edges that end in a node of degree one, until there are none (the 2-core)."""
    edges = np.unique(edges, return_inverse=True)[1].reshape(edges.shape)
    # A connected part with fewer edges than nodes is a tree, and goes at once.
    n_nodes = int(edges.max(initial=-1)) + 1
    adjacency = scipy.sparse.coo_array((weights, tuple(edges.T)), shape=(n_nodes, n_nodes))
    part = scipy.sparse.csgraph.connected_components(adjacency, directed=False)[1]
    loopy = (np.bincount(part[edges[:, 0]]) >= np.bincount(part))[part[edges[:, 0]]]
    edges, weights = edges[loopy], weights[loopy]
    while len(edges):
        inner = (np.bincount(edges.ravel())[edges] > 1).all(axis=1)
        if inner.all():
            break
        edges, weights = edges[inner], weights[inner]
    return edges, weights

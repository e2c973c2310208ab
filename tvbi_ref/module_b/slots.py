r"""A graph over a layer's weights as its nodes hear it.

The matrix is read row by row, so weight (i, j) of a layer with J columns is node
n = i J + j. Each edge stands in two *slots*, one at each of its ends, and the slots of a
node lie side by side (compressed rows):

.. code-block:: text

    edges (0, 1), (0, 2)         node         0         1      2
                                 indptr       0         2      3      4
    0 --- 1                      slots        0    1    2      3
    |                            hears from   1    2    0      0
    2                            reverse      2    3    0      1

What a node says through a slot arrives at the slot `reverse`, at the other end of the edge.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tvbi_ref._repr import brief
from tvbi_ref._validation import FloatArray, as_array

IntArray = NDArray[np.int64]


class Slots(NamedTuple):
    """A graph as its nodes hear it: two slots an edge, those of one node side by side.

    Parameters
    ----------
    nodes : ndarray (M,)
        The nodes that have an edge, ascending; below, a node is its place in this list.
    indptr : ndarray (M + 1,)
        Where the slots of each node begin, and where the last ones end; none is without.
    neighbour : ndarray (2E,)
        Whom a node hears through the slot; ascending within a node.
    reverse : ndarray (2E,)
        The slot at the other end of the edge.
    edge : ndarray (2E,)
        The number of the edge, in the order in which the edges were given.
    """

    nodes: IntArray
    indptr: IntArray
    neighbour: IntArray
    reverse: IntArray
    edge: IntArray

    def __repr__(self) -> str:
        return brief(self)

    @classmethod
    def of(cls, edges: IntArray) -> Slots:
        """Build the slots of (E, 2) edges; how they are ordered or directed does not matter.

        Examples
        --------
        >>> slots = Slots.of(np.array([[0, 1], [0, 2]]))
        >>> slots.indptr, slots.neighbour, slots.reverse
        (array([0, 2, 3, 4]), array([1, 2, 0, 0]), array([2, 3, 0, 1]))
        """
        E = len(edges)
        nodes, places = np.unique(edges, return_inverse=True)
        first, second = places.reshape(E, 2).T
        # Ear d < E belongs to the first end of edge d, ear d + E to its second end.
        hearer, speaker = np.concatenate([first, second]), np.concatenate([second, first])
        order = np.lexsort((speaker, hearer))
        slot_of_ear = np.empty(2 * E, dtype=np.int64)
        slot_of_ear[order] = np.arange(2 * E)
        degree = np.bincount(hearer, minlength=len(nodes))
        return cls(
            nodes=nodes,
            indptr=np.concatenate([[0], np.cumsum(degree)]),
            neighbour=speaker[order],
            reverse=slot_of_ear[(order + E) % (2 * E)],
            edge=order % E,
        )

    @property
    def degree(self) -> IntArray:
        """The number of edges of each node, (M,)."""
        return np.diff(self.indptr)

    def sum_by_node(self, values: FloatArray) -> FloatArray:
        """Return the sum of (2E,) values over the slots of each node, (M,).

        Examples
        --------
        >>> Slots.of(np.array([[0, 1], [0, 2]])).sum_by_node(np.array([1.0, 2.0, 4.0, 8.0]))
        array([3., 4., 8.])
        """
        # reduceat would go wrong at a node without slots; there is none in `nodes`.
        return np.asarray(np.add.reduceat(values, self.indptr[:-1]))


def colours_of(slots: Slots) -> IntArray:
    """Return a colour 0, 1, ... of each node, other than its neighbours', few in all; (M,).

    Examples
    --------
    >>> colours_of(Slots.of(np.array([[0, 1], [1, 2], [2, 3]])))
    array([0, 1, 0, 1])
    """
    colours = np.full(len(slots.nodes), -1)
    for n in range(len(colours)):
        taken = set(colours[slots.neighbour[slots.indptr[n] : slots.indptr[n + 1]]].tolist())
        colours[n] = next(k for k in range(len(taken) + 1) if k not in taken)
    return colours


def as_edges(value: ArrayLike) -> IntArray:
    """Return edges as an int64 array (E, 2), E >= 0, or say which of them is wrong.

    Examples
    --------
    >>> as_edges([(0, 1), (1, 2), (1, 0)])
    Traceback (most recent call last):
    ValueError: edges must not join the same two weights twice; got (1, 0) in edges[2]
    """
    edges = as_array(value, "edges")
    if edges.size == 0:
        return np.empty((0, 2), dtype=np.int64)
    if edges.dtype.kind not in "iu":
        raise TypeError(f"edges must hold whole numbers; got dtype {edges.dtype}")
    if edges.ndim != 2 or edges.shape[1] != 2:
        raise ValueError(f"edges must have shape (E, 2), a pair a row; got {edges.shape}")
    low, high = edges.min(axis=1), edges.max(axis=1)
    order = np.lexsort((high, low))  # stable: of equal pairs the one given first comes first
    again = np.zeros(len(edges), bool)
    again[order[1:]] = (np.diff(low[order]) == 0) & (np.diff(high[order]) == 0)
    for wrong, wanted in (
        ((low < 0) | (high > np.iinfo(np.int64).max), "hold indices >= 0"),
        (low == high, "join two different weights"),
        (again, "not join the same two weights twice"),
    ):
        if wrong.any():
            e = int(np.argmax(wrong))
            pair = tuple(edges[e].tolist())
            raise ValueError(f"edges must {wanted}; got {pair} in edges[{e}]")
    return edges.astype(np.int64)  # a copy

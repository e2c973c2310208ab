r"""Any pairwise graph over a layer's weights: the user says who is whose neighbour.

The matrix is read row by row, so weight (i, j) of a layer with J columns is node
n = i J + j. Each edge stands in two *slots*, one at each of its ends, and the slots of a
node lie side by side (compressed rows):

.. code-block:: text

    edges (0, 1), (0, 2)         node         0         1      2
                                 indptr       0         2      3      4
    0 --- 1                      slots        0    1    2      3
    |                            hears from   1    2    0      0
    2                            reverse      2    3    0      1

What a node hears through a slot is `incoming` there; what it says through the same slot
arrives at the slot `reverse`, at the other end of the edge: [sum-product-ising] of the [cavity].
On a tree the fixed point is exact; on loops it is Bethe's.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.special import expit

from tvbi_ref._validation import FloatArray, as_float_array
from tvbi_ref.equations import socket
from tvbi_ref.module_b.base import Messages, Schedule, SupportPrior, as_support
from tvbi_ref.module_b.messages import cavity, ising_message

IntArray = NDArray[np.int64]

SATURATION_MARGIN = 40.0
"""A message is saturated to the last bit when |cavity| exceeds max 2|J| by 37 or more."""

MAX_LOG_ODDS = 700.0
"""No product of odds may leave e^-700 ... e^700, which float64 holds with a little to spare.

A node's own log-odds h + l are cut at C before e^x. How low C may be, and how high it must
not be, depends on the graph. Let m be the largest 2|J| and S the largest sum of 2|J| over
the edges of one node.

* The other messages can pull a cavity back by at most S. A node whose own log-odds are
  beyond C = S + m + 40 has a cavity beyond m + 40, where each of its messages is saturated
  to the last bit. So the cut at C changes no message.
* The belief odds stay below e^(C + S), and the largest thing that is formed of them, t B,
  below e^(C + S + m). That must not overflow: C + S + m < 700, that is S + m < 330.

A grid with |J| = 8 has S + m = 80; a hub of 200 edges may have |J| up to 0.8.
"""

GIBBS_SWEEPS = 200

RADIUS_TOLERANCE = 1e-9
RADIUS_WORK = 20_000_000
"""The power iteration stops at this relative gap, or after so many visits to a slot."""


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
            reverse=slot_of_ear[(order + E) % (2 * E)] if E else order,
            edge=order % E if E else order,
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


def graph_sweep(
    own: FloatArray, incoming: FloatArray, couplings: FloatArray, slots: Slots
) -> FloatArray:
    """Return all messages of a graph after one parallel sweep, in log-odds.

    Parameters
    ----------
    own : ndarray (M,)
        h + l, what each node knows by itself.
    incoming : ndarray (2E,)
        What has been heard, by the slot that hears it.
    couplings : ndarray (2E,)
        J of each slot's edge.
    slots : Slots

    Returns
    -------
    ndarray (2E,)

    Notes
    -----
    Source: [cavity], [sum-product-ising].

    Examples
    --------
    Two nodes and one edge; in odds the second hears (2 * 4 + 1) / (4 + 2).

    >>> slots = Slots.of(np.array([[0, 1]]))
    >>> np.exp(graph_sweep(np.log([4.0, 1.0]), np.zeros(2), np.full(2, np.log(2) / 2), slots))
    array([1. , 1.5])
    """
    speaker = np.repeat(np.arange(len(own)), slots.degree)
    others = slots.sum_by_node(incoming)[speaker] - incoming
    c = cavity(own[speaker], np.zeros_like(others), [others])
    said = np.empty_like(c)
    for J in np.unique(couplings):  # the equation takes one number
        said[couplings == J] = ising_message(c[couplings == J], float(J))
    return said[slots.reverse]


@socket("graph")
def graph_messages(
    own: FloatArray,
    odds: FloatArray,
    couplings: FloatArray,
    slots: Slots,
    sweeps: int,
    tol: float,
    damping: float,
) -> tuple[FloatArray, FloatArray]:
    """Sweep over a graph until the messages rest, or the sweeps are used up.

    Parameters
    ----------
    own : ndarray (M,)
        h + l of the nodes that have an edge, log-odds.
    odds : ndarray (2E,), > 0
        The messages to start from, as odds, by the slot that hears them.
    couplings : ndarray (2E,)
        J of each slot's edge.
    slots : Slots
    sweeps : int
        At most so many.
    tol : float
        Stop when the residual is at most this.
    damping : float in [0, 1)
        new odds = (1 - damping) sent + damping old.

    Returns
    -------
    odds : ndarray (2E,)
    residuals : ndarray (sweeps made,)
        e^d - 1 where d is the largest change of a message's log-odds; so a bound on d.

    Examples
    --------
    >>> slots, J = Slots.of(np.array([[0, 1]])), np.full(2, np.log(2) / 2)
    >>> odds, residuals = graph_messages(np.log([4.0, 1.0]), np.ones(2), J, slots, 5, 1e-9, 0.0)
    >>> odds.round(12), residuals.round(9)
    (array([1. , 1.5]), array([0.5, 0. ]))
    """
    residuals: list[float] = []
    while len(residuals) < sweeps and (not residuals or residuals[-1] > tol):
        sent = np.exp(graph_sweep(own, np.log(odds), couplings, slots))
        old, odds = odds, (1 - damping) * sent + damping * odds
        residuals.append(float((np.abs(odds - old) / np.minimum(odds, old)).max(initial=0.0)))
    return odds, np.array(residuals)


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
    adjacency = coo_array((weights, tuple(edges.T)), shape=(n_nodes, n_nodes))
    part = connected_components(adjacency, directed=False)[1]
    loopy = (np.bincount(part[edges[:, 0]]) >= np.bincount(part))[part[edges[:, 0]]]
    edges, weights = edges[loopy], weights[loopy]
    while len(edges):
        inner = (np.bincount(edges.ravel())[edges] > 1).all(axis=1)
        if inner.all():
            break
        edges, weights = edges[inner], weights[inner]
    return edges, weights


@dataclass(frozen=True, eq=False)
class GraphSupport(SupportPrior):
    """An Ising field on any graph over the weights, solved by sum-product.

    Exact where the graph has no loop, approximate elsewhere.

    Parameters
    ----------
    edges : array_like (E, 2) of int, >= 0
        Each row is a pair of weights, as indices n = i J + j into the matrix read row by
        row. No weight with itself, no pair twice, in either order. E may be 0.
    couplings : float or array_like (E,)
        J of each edge; positive: the two like to be equal.
    field : float or array_like (I, J) or (I * J,)
        h, log-odds; negative: most weights are off.
    edge_fields : float or array_like (E, 2)
        What each edge adds to the field of its first and of its second weight, as
        `from_potentials` needs it.

    Raises
    ------
    TypeError, ValueError, NonFiniteError
        If an argument is not what is asked for above, or if the couplings at one weight
        are so many and so strong that the messages could overflow: with 2|J| summed over
        the edges of one weight, that must stay below 330 less the largest 2|J|. An index
        beyond the layer is found when the layer is known, in `extrinsic`, `sample` and
        `log_prob`.

    Warns
    -----
    UniquenessWarning
        If `uniqueness` is 1 or more.

    Notes
    -----
    Source: [prior-support-ising], [sum-product], [uniqueness]. The state for a warm start
    is the (2E,) array of incoming messages in odds.

    Examples
    --------
    Two columns of two weights; the diagonal is coupled.

    >>> graph = GraphSupport([[0, 3]], couplings=1.0, field=-1.0)
    >>> graph.extrinsic([[5.0, 5.0], [0.0, 0.0]]).log_odds.round(2)
    array([[-1.74, -1.  ],
           [-1.  ,  0.88]])
    """

    edges: IntArray
    couplings: float | FloatArray
    field: float | FloatArray = 0.0
    edge_fields: float | FloatArray = 0.0
    _slots: Slots = dataclasses.field(init=False, repr=False)
    _slot_couplings: FloatArray = dataclasses.field(init=False, repr=False)
    _uniqueness: float = dataclasses.field(init=False, repr=False)

    def __post_init__(self) -> None:
        edges = _as_edges(self.edges)
        J = _as_edge_array(self.couplings, "couplings", (len(edges),))
        edge_fields = _as_edge_array(self.edge_fields, "edge_fields", (len(edges), 2))
        field = as_float_array(self.field, "field")
        slots = Slots.of(edges)
        saturation(slots, J[slots.edge])  # refuses what cannot be computed in odds
        for name, value in (
            ("edges", edges),
            ("couplings", J),
            ("field", float(field) if field.ndim == 0 else field.copy()),
            ("edge_fields", edge_fields),
            ("_slots", slots),
            ("_slot_couplings", J[slots.edge]),
            ("_uniqueness", non_backtracking_radius(edges, J)),
        ):
            object.__setattr__(self, name, value)
        self._warn_if_not_unique()

    @classmethod
    def from_potentials(
        cls, edges: ArrayLike, potentials: ArrayLike, field: float | ArrayLike = 0.0
    ) -> GraphSupport:
        """Build the field whose edges weigh psi(s_first, s_second).

        Parameters
        ----------
        edges : array_like (E, 2) of int
        potentials : array_like (E, 2, 2), > 0
            psi[e, s, s'] of edge e, the state s of the weight named first; a common factor
            does not matter.
        field : float or array_like (I, J) or (I * J,)
            h, log-odds, in addition to what the potentials say of single weights.

        Raises
        ------
        TypeError, ValueError, NonFiniteError
            If a potential is not positive, and as the class.

        Notes
        -----
        Source: [markov-to-ising], for any psi: J = 1/4 ln[psi11 psi00 / (psi10 psi01)],
        u = 1/2 ln[psi11 psi10 / (psi01 psi00)], v = 1/2 ln[psi11 psi01 / (psi10 psi00)].

        Examples
        --------
        A Markov chain 0 -> 1 of two weights; the field of weight 0 is its stationary odds.

        >>> psi = [[0.9, 0.1], [0.3, 0.7]]
        >>> start = float(np.log(0.1 / 0.3))
        >>> chain = GraphSupport.from_potentials([[0, 1]], [psi], [start, 0.0])
        >>> chain.extrinsic([[0.0], [0.0]]).belief.round(12).ravel()
        array([0.25, 0.25])
        """
        edges = _as_edges(edges)
        psi = _as_edge_array(potentials, "potentials", (len(edges), 2, 2))
        if (psi <= 0).any():
            e, s, s2 = (int(k) for k in np.argwhere(psi <= 0)[0])
            raise ValueError(f"potentials must be > 0; got {psi[e, s, s2]:g} at ({e}, {s}, {s2})")
        (ln00, ln01), (ln10, ln11) = np.log(psi).transpose(1, 2, 0)
        J = 0.25 * (ln11 + ln00 - ln10 - ln01)
        u = 0.5 * (ln11 + ln10 - ln01 - ln00)
        v = 0.5 * (ln11 + ln01 - ln10 - ln00)
        return cls(edges, J, as_float_array(field, "field"), np.stack([u, v], axis=1))

    @property
    def uniqueness(self) -> float:
        """The value that must stay below 1 for one fixed point; 0 where there is no loop.

        It is the spectral radius of the non-backtracking matrix with the entries tanh|J|,
        computed once, when the prior is built (see `non_backtracking_radius`). If every
        weight has d edges and all couplings are equal it is (d - 1) tanh|J|.

        Notes
        -----
        Source: [uniqueness].

        Examples
        --------
        >>> triangle = GraphSupport([[0, 1], [1, 2], [2, 0]], 0.5)
        >>> round(triangle.uniqueness - float(np.tanh(0.5)), 9)
        0.0
        """
        return self._uniqueness

    def node_field(self, shape: tuple[int, int]) -> FloatArray:
        """Return h of every weight of a layer of `shape`, with what the edges add to it.

        Raises
        ------
        ValueError
            If the field is an array of another size, or an edge leads out of the layer.

        Examples
        --------
        >>> GraphSupport([[0, 1]], 0.0, -1.0, [[0.5, 0.25]]).node_field((2, 2))
        array([[-0.5 , -0.75],
               [-1.  , -1.  ]])
        """
        n_nodes = shape[0] * shape[1]
        beyond = self.edges >= n_nodes
        if beyond.any():
            e, end = (int(k) for k in np.argwhere(beyond)[0])
            raise ValueError(
                f"edges must hold indices below {n_nodes}, the number of weights of a layer of "
                f"shape {tuple(shape)}; got {self.edges[e, end]} in edges[{e}]"
            )
        field = np.asarray(self.field)
        if field.ndim and field.shape not in (tuple(shape), (n_nodes,)):
            raise ValueError(
                f"field must have the layer's shape {tuple(shape)} or ({n_nodes},); "
                f"got {field.shape}"
            )
        h = np.array(np.broadcast_to(field.ravel(), n_nodes))
        np.add.at(h, self.edges, self.edge_fields)
        return h.reshape(shape)

    def _messages(self, evidence: FloatArray, state: Any, schedule: Schedule) -> Messages:
        h, slots = self.node_field(evidence.shape), self._slots
        own = (h + evidence).ravel()[slots.nodes]
        odds = self._initial_odds(state)
        odds, residuals = graph_messages(own, odds, self._slot_couplings, slots, *schedule)
        heard = np.zeros(h.size)
        heard[slots.nodes] = slots.sum_by_node(np.log(odds))
        return Messages(h, [heard.reshape(h.shape)], residuals, odds)

    def _initial_odds(self, state: Any) -> FloatArray:
        t = np.exp(2 * self._slot_couplings)
        if state is None or not len(t):
            return np.ones_like(t)
        incoming = as_float_array(state, "state", shape=t.shape)
        if (incoming <= 0).any():
            raise ValueError(f"state must hold odds, all > 0; got {incoming.min():g}")
        # A state of stronger couplings may say more than these ones allow.
        return np.clip(incoming, np.minimum(t, 1 / t), np.maximum(t, 1 / t))

    def sample(self, shape: tuple[int, int], rng: np.random.Generator) -> FloatArray:
        """Draw a support of `shape` by Gibbs sampling, 200 sweeps from an independent start.

        Weights without a common edge are drawn at once, colour by colour of `colours_of`. Those
        without any edge are drawn once, exactly; for the others it is approximate: strong
        couplings mix slowly.

        Examples
        --------
        >>> ring = GraphSupport([[0, 1], [1, 2], [2, 3], [3, 0]], 0.3, field=-1.0)
        >>> ring.sample((2, 2), np.random.default_rng(0)).shape
        (2, 2)
        """
        h, slots = self.node_field(shape).ravel(), self._slots
        s = (rng.random(h.size) < expit(h)).astype(np.float64)
        x, field, colours = 2 * s[slots.nodes] - 1, h[slots.nodes], colours_of(slots)
        for _ in range(GIBBS_SWEEPS if len(x) else 0):
            for colour in range(colours.max() + 1):
                pull = slots.sum_by_node(2 * self._slot_couplings * x[slots.neighbour])
                drawn = np.where(rng.random(len(x)) < expit(field + pull), 1.0, -1.0)
                x = np.where(colours == colour, drawn, x)
        s[slots.nodes] = (x + 1) / 2
        return s.reshape(shape)

    def log_prob(self, support: ArrayLike) -> float:
        """Return ln p(S) + ln Z.

        Examples
        --------
        >>> GraphSupport([[0, 3]], couplings=0.5, field=1.0).log_prob([[1, 0], [0, 1]])
        2.5
        """
        s = as_support(support)
        nodes = np.sum(self.node_field(s.shape) * s)
        first, second = (2 * s.ravel() - 1)[self.edges.T]
        return float(nodes + np.sum(self.couplings * first * second))


def saturation(slots: Slots, couplings: FloatArray) -> float:
    """Return C, where a node's own log-odds may be cut; `MAX_LOG_ODDS` tells why there.

    Parameters
    ----------
    slots : Slots
    couplings : ndarray (2E,)
        J of every slot.

    Raises
    ------
    ValueError
        If the couplings at one weight are too strong.

    Examples
    --------
    >>> saturation(Slots.of(np.array([[0, 1]])), np.array([0.5, 0.5]))
    42.0
    """
    strength = 2 * np.abs(couplings)
    sums = slots.sum_by_node(strength)
    S, m = sums.max(initial=0.0), strength.max(initial=0.0)
    C = S + m + SATURATION_MARGIN
    if C + S + m >= MAX_LOG_ODDS:
        n = int(slots.nodes[np.argmax(sums)])
        limit = (MAX_LOG_ODDS - SATURATION_MARGIN) / 2 - m
        raise ValueError(
            f"couplings must be weaker: 2|J| sums to {S:g} over the edges of weight {n}, and with "
            f"{m:g} as the largest single 2|J| the sum must stay below {limit:g}, or messages "
            "could overflow; take weaker couplings or fewer edges at one weight"
        )
    return float(C)


def _as_edges(value: ArrayLike) -> IntArray:
    """Return edges as an int64 array (E, 2), E >= 0, or say which of them is wrong."""
    try:
        edges = np.asarray(value)
    except ValueError as error:
        raise ValueError(f"edges must be pairs of indices, shape (E, 2): {error}") from error
    if edges.size == 0:
        return np.empty((0, 2), dtype=np.int64)
    if edges.dtype.kind not in "iu":
        raise TypeError(f"edges must hold whole numbers; got dtype {edges.dtype}")
    if edges.ndim != 2 or edges.shape[1] != 2:
        raise ValueError(f"edges must have shape (E, 2), a pair a row; got {edges.shape}")
    outside = ((edges < 0) | (edges > np.iinfo(np.int64).max)).any(axis=1)
    if outside.any():
        e = int(np.argmax(outside))
        raise ValueError(f"edges must hold indices >= 0; got {_pair(edges[e])} in edges[{e}]")
    edges = edges.astype(np.int64)  # a copy
    _refuse_loops_and_duplicates(edges)
    return edges


def _refuse_loops_and_duplicates(edges: IntArray) -> None:
    loop = edges[:, 0] == edges[:, 1]
    if loop.any():
        e = int(np.argmax(loop))
        raise ValueError(f"edges must join two different weights; edges[{e}] is {_pair(edges[e])}")
    low, high = edges.min(axis=1), edges.max(axis=1)
    order = np.lexsort((high, low))  # stable: of equal pairs the one given first comes first
    again = (np.diff(low[order]) == 0) & (np.diff(high[order]) == 0)
    if again.any():
        k = int(np.argmax(again))
        e, e2 = int(order[k]), int(order[k + 1])
        raise ValueError(
            f"edges must not join the same two weights twice; edges[{e}] is {_pair(edges[e])} "
            f"and edges[{e2}] is {_pair(edges[e2])}"
        )


def _pair(edge: NDArray[Any]) -> tuple[int, int]:
    return int(edge[0]), int(edge[1])


def _as_edge_array(value: ArrayLike, name: str, shape: tuple[int, ...]) -> FloatArray:
    """Return finite floats of `shape`, one row an edge; one number will do for all."""
    array = np.asarray(value)
    if array.size == 0 and shape[0] == 0:
        return np.zeros(shape)
    array = as_float_array(value, name, shape=None if array.ndim == 0 else shape)
    return np.array(np.broadcast_to(array, shape))

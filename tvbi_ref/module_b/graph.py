r"""Any pairwise graph over a layer's weights: the user says who is whose neighbour.

Each edge has two slots, one at each end (`slots`). What a node hears through a slot is `incoming`
there; what it says through the same slot arrives at the slot `reverse`, at the other end of the
edge: [sum-product-ising] of the [cavity]. On a tree the fixed point is exact; on loops it is
Bethe's.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expit

from tvbi_ref._repr import brief
from tvbi_ref._validation import FloatArray, as_float_array
from tvbi_ref.equations import socket
from tvbi_ref.module_b.base import (
    Incoming,
    Schedule,
    SupportMessage,
    SupportPrior,
    as_field,
    as_odds,
    as_support,
)
from tvbi_ref.module_b.gibbs import gibbs
from tvbi_ref.module_b.messages import cavity, ising_message
from tvbi_ref.module_b.slots import IntArray, Slots, as_edges, colours_of
from tvbi_ref.module_b.uniqueness import non_backtracking_radius

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
    _slots: Slots = dataclasses.field(init=False, repr=False)
    _slot_couplings: FloatArray = dataclasses.field(init=False, repr=False)
    _uniqueness: float = dataclasses.field(init=False, repr=False)

    __repr__ = brief

    def __post_init__(self) -> None:
        edges = as_edges(self.edges)
        couplings = self._checked_couplings(len(edges))
        J = np.broadcast_to(couplings, len(edges))
        slots = Slots.of(edges)
        saturation(slots, J[slots.edge])  # refuses what cannot be computed in odds
        for name, value in (
            ("edges", edges),
            ("couplings", couplings),
            ("field", as_field(self.field, "field")),
            ("_slots", slots),
            ("_slot_couplings", J[slots.edge]),
            ("_uniqueness", non_backtracking_radius(edges, J)),
        ):
            object.__setattr__(self, name, value)
        self._warn_if_not_unique()

    def _checked_couplings(self, n_edges: int) -> float | FloatArray:
        """Return one number where one was given, otherwise one for each edge."""
        if not np.ndim(self.couplings):
            return float(as_float_array(self.couplings, "couplings"))
        if not n_edges and not np.size(self.couplings):
            return np.zeros(0)
        return as_float_array(self.couplings, "couplings", shape=(n_edges,)).copy()

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
        """Return h of every weight of a layer of `shape`.

        Raises
        ------
        ValueError
            If the field is an array of another size, or an edge leads out of the layer.

        Examples
        --------
        >>> GraphSupport([[0, 1]], 0.0, -1.0).node_field((2, 2))
        array([[-1., -1.],
               [-1., -1.]])
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
        return np.broadcast_to(field.ravel(), n_nodes).reshape(shape)

    def _incoming(self, evidence: FloatArray, state: Any, schedule: Schedule) -> Incoming:
        h, slots = self.node_field(evidence.shape), self._slots
        own = (h + evidence).ravel()[slots.nodes]
        t = np.exp(2 * np.abs(self._slot_couplings))
        # A state of stronger couplings may say more than these ones allow.
        odds = np.clip(as_odds(state if len(t) else None, t.shape), 1 / t, t)
        odds, residuals = graph_messages(own, odds, self._slot_couplings, slots, *schedule)
        heard = np.zeros(h.size)
        heard[slots.nodes] = slots.sum_by_node(np.log(odds))
        return Incoming(h, [heard.reshape(h.shape)], residuals, odds)

    def heard(self, message: SupportMessage) -> FloatArray:
        """Return what each end of every edge hears through it, (E, 2), in log-odds.

        Parameters
        ----------
        message : SupportMessage
            Of `extrinsic`.

        Examples
        --------
        >>> pair = GraphSupport([[1, 0]], couplings=np.log(2) / 2)
        >>> heard = pair.heard(pair.extrinsic([[np.log(4.0), 0.0]]))
        >>> np.exp(heard).round(12)  # the first end is weight 1, which hears weight 0
        array([[1.5, 1. ]])
        """
        slots, ln_odds = self._slots, np.empty((len(self.edges), 2))
        if np.shape(message.state) != (ln_odds.size,):
            raise ValueError(
                f"message must be one of this graph, with a state of shape ({ln_odds.size},); "
                f"got {np.shape(message.state)}"
            )
        hearer = np.repeat(slots.nodes, slots.degree)
        second_end = (hearer != self.edges[slots.edge, 0]).astype(np.intp)
        ln_odds[slots.edge, second_end] = np.log(message.state)
        return ln_odds

    def sample(self, shape: tuple[int, int], rng: np.random.Generator) -> FloatArray:
        """Draw a support of `shape` by `gibbs` sampling from an independent start.

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

        def pull(s: FloatArray) -> FloatArray:
            x = 2 * s - 1
            return slots.sum_by_node(2 * self._slot_couplings * x[slots.neighbour])

        s[slots.nodes] = gibbs(s[slots.nodes], h[slots.nodes], pull, colours_of(slots), rng)
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
            f"couplings must be weaker or fewer at one weight: 2|J| sums to {S:g} over the edges "
            f"of weight {n}, and must stay below {limit:g}, or messages could overflow"
        )
    return float(C)

r"""An Ising field on the layer's grid: clusters inside a neuron and across neurons.

.. code-block:: text

        column j = one neuron
        (i-1, j)
            |   J_col                coupling_col: neighbours in one column,
    (i,j-1)-(i,j)-(i,j+1)             weights of one neuron (weight-level structure)
            |   J_row                coupling_row: neighbours in one row,
        (i+1, j)                      weights of neighbouring neurons (neuron-level)

A node hears four neighbours. What it says to one of them is its evidence and what it
hears from the other THREE ([cavity]), squeezed through the coupling ([sum-product-ising]).

Neighbours in the matrix need not be neighbours in the world. Down a first layer's column
stand the pixels of an image in raster order; but hidden units have no order of their own,
and there the coupling does not find clusters, it makes them, because training settles
where the prior is content.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expit, logit

from tvbi_ref._repr import brief
from tvbi_ref._validation import FloatArray, as_real
from tvbi_ref.equations import equation, socket
from tvbi_ref.module_b.base import (
    MAX_LOG_ODDS,
    Incoming,
    Schedule,
    SupportPrior,
    as_field,
    as_odds,
    as_support,
)
from tvbi_ref.module_b.gibbs import gibbs
from tvbi_ref.module_b.messages import cavity, ising_message, markov_to_ising, stationary
from tvbi_ref.module_b.uniqueness import uniqueness_of

ABOVE, BELOW, LEFT, RIGHT = range(4)
"""Where a message came from: `messages[ABOVE, i, j]` is what (i, j) hears from (i-1, j)."""

MAX_COUPLING = 8.0
"""A coupling is at most this, so that no product of the odds that are kept can overflow.

It is far above the uniqueness bound; a chain with stronger ties is a `ChainSupport`.
"""

SWEEPS_AT_ONCE = 4
"""Sweeps between two looks at the residual: the fast form makes so many in one pass."""


@equation("prior-support-ising")
def ising_log_weight(
    support: ArrayLike, field: ArrayLike, coupling_row: float, coupling_col: float
) -> float:
    """Return ln p(S) + ln Z = sum h s + sum over edges of J x x', x = 2s - 1.

    Parameters
    ----------
    support : array_like (I, J), 0 or 1
    field : array_like, a number or (I, J)
        h.
    coupling_row : float
        J of the edges (i, j)-(i, j+1).
    coupling_col : float
        J of the edges (i, j)-(i+1, j).

    Notes
    -----
    Source: [prior-support-ising].

    Examples
    --------
    >>> ising_log_weight([[1, 1], [1, 1]], 1.0, 0.25, 0.25)
    5.0
    """
    s = as_support(support)
    x = 2 * s - 1
    rows = coupling_row * np.sum(x[:, 1:] * x[:, :-1])
    cols = coupling_col * np.sum(x[1:] * x[:-1])
    return float(np.sum(np.asarray(field) * s) + rows + cols)


@equation("grid-sweep")
def grid_sweep(
    own: FloatArray, messages: FloatArray, coupling_row: float, coupling_col: float
) -> FloatArray:
    """Return all messages of a grid after one parallel sweep, in log-odds.

    Every node tells each neighbour what it knows without that neighbour ([cavity]), through
    the coupling between them ([sum-product-ising]).

    Parameters
    ----------
    own : ndarray (I, J)
        h + l, what each node knows by itself.
    messages : ndarray (4, I, J)
        What each node has heard, by where it came from: ABOVE, BELOW, LEFT, RIGHT. At the
        rim, where nobody sends, 0.
    coupling_row, coupling_col : float

    Returns
    -------
    ndarray (4, I, J)

    Notes
    -----
    Source: [grid-sweep].

    Examples
    --------
    >>> new = grid_sweep(np.array([[np.log(4.0), 0.0]]), np.zeros((4, 1, 2)), np.log(2) / 2, 0.0)
    >>> np.exp(new[LEFT])  # what each node hears from its left: (2 * 4 + 1) / (4 + 2)
    array([[1. , 1.5]])
    """
    down, up, right, left = (
        cavity(own, np.zeros_like(own), np.delete(messages, receiver, axis=0))
        for receiver in (BELOW, ABOVE, RIGHT, LEFT)
    )
    new = np.zeros_like(messages)
    new[ABOVE, 1:] = ising_message(down[:-1], coupling_col)
    new[BELOW, :-1] = ising_message(up[1:], coupling_col)
    new[LEFT, :, 1:] = ising_message(right[:, :-1], coupling_row)
    new[RIGHT, :, :-1] = ising_message(left[:, 1:], coupling_row)
    return new


@socket("grid")
def grid_messages(
    own: FloatArray,
    odds: FloatArray,
    coupling_row: float,
    coupling_col: float,
    sweeps: int,
    tol: float,
    damping: float,
) -> tuple[FloatArray, FloatArray]:
    """Sweep over a grid until the messages rest, or the sweeps are used up.

    Parameters
    ----------
    own : ndarray (I, J)
        h + l, log-odds.
    odds : ndarray (4, I, J), > 0
        The messages to start from, as odds: between calls they are kept in the form that the
        fast sweeps compute in.
    coupling_row, coupling_col : float
    sweeps : int
        At most so many.
    tol : float
        Stop when a residual is at most this. It is looked at after sweep 1, 5, 9, ...
    damping : float in [0, 1)
        new odds = (1 - damping) sent + damping old.

    Returns
    -------
    odds : ndarray (4, I, J)
    residuals : ndarray (sweeps made,)
        See `residual_of`.

    Notes
    -----
    Source: [grid-sweep], repeated.

    Examples
    --------
    >>> own, silent = np.array([[np.log(4.0), 0.0]]), np.ones((4, 1, 2))
    >>> odds, residuals = grid_messages(own, silent, np.log(2) / 2, 0.0, 9, 0.0, 0.0)
    >>> odds[LEFT].round(12), residuals.round(12)
    (array([[1. , 1.5]]), array([0.5, 0. , 0. , 0. , 0. ]))
    """
    t = np.exp(2 * np.array([coupling_col, coupling_col, coupling_row, coupling_row]))
    residuals: list[float] = []
    while goes_on(residuals, sweeps, tol):
        sent = np.exp(grid_sweep(own, np.log(odds), coupling_row, coupling_col))
        old, odds = odds, (1 - damping) * sent + damping * odds
        residuals.append(residual_of(old, odds, t[:, None, None]))
    return odds, np.array(residuals)


def goes_on(residuals: Sequence[float] | FloatArray, sweeps: int, tol: float) -> bool:
    """Whether another sweep is due, after those that left these residuals.

    Examples
    --------
    >>> goes_on([], 5, 1e-6), goes_on([0.0], 5, 1e-6), goes_on([1.0, 0.0], 5, 1e-6)
    (True, False, True)
    """
    looked_at = len(residuals) % SWEEPS_AT_ONCE == 1
    return len(residuals) < sweeps and not (looked_at and residuals[-1] <= tol)


def residual_of(old: FloatArray, new: FloatArray, t: FloatArray) -> float:
    """Return a bound on the largest change of a message's log-odds, given the odds.

    |ln a - ln b| <= |a - b| / min(a, b). Where both are at least 1 that is at most |a - b|,
    and elsewhere at most max(t, 1/t) |a - b|, because no message leaves [1/t, t]: a bound that
    needs no division, which is what a sweep's time goes to.

    Parameters
    ----------
    old, new : ndarray, one shape
    t : ndarray
        e^(2J), broadcastable.

    Examples
    --------
    >>> round(residual_of(np.array([2.0, 0.5]), np.array([2.1, 0.51]), np.array(4.0)), 12)
    0.1
    """
    above_one = (old >= 1) & (new >= 1)
    bound = np.where(above_one, 1.0, np.maximum(t, 1 / t)) * np.abs(new - old)
    return float(bound.max())


@socket("heard-in-all")
def heard_in_all(odds: FloatArray) -> FloatArray:
    """Return the sum of all messages to each node in log-odds.

    Parameters
    ----------
    odds : ndarray (4, I, J), > 0

    Examples
    --------
    >>> heard_in_all(np.full((4, 1, 1), np.e)).round(12)
    array([[4.]])
    """
    return np.asarray(np.log(odds.prod(axis=0)))


@dataclass(frozen=True)
class Border:
    """What the nodes on the rim have in addition to the field: chains start and end there."""

    top: float = 0.0
    bottom: float = 0.0
    left: float = 0.0
    right: float = 0.0

    def __post_init__(self) -> None:
        for side in ("top", "bottom", "left", "right"):
            h = as_real(
                getattr(self, side), f"border.{side}", at_least=-MAX_LOG_ODDS, at_most=MAX_LOG_ODDS
            )
            object.__setattr__(self, side, h)


@dataclass(frozen=True, eq=False)
class GridSupport(SupportPrior):
    """An Ising field over the weight matrix, solved by loopy sum-product.

    Parameters
    ----------
    field : float or array_like (I, J)
        h, log-odds; negative: most weights are off.
    coupling_row : float
        J_row, between (i, j) and (i, j+1), neighbouring neurons.
    coupling_col : float
        J_col, between (i, j) and (i+1, j), neighbouring weights of one neuron.
    border : Border
        Extra field on the rim, as `from_markov` needs it.

    Raises
    ------
    ValueError
        If a number is not finite or a coupling is beyond +-8.

    Warns
    -----
    UniquenessWarning
        If `uniqueness` is 1 or more.

    Notes
    -----
    Source: [prior-support-ising], [sum-product], [uniqueness].

    Examples
    --------
    >>> grid = GridSupport(field=-1.0, coupling_row=0.1, coupling_col=0.5)
    >>> answer = grid.extrinsic([[6.0, 0.0], [0.0, 0.0]])
    >>> answer.log_odds.round(2)
    array([[-1.6 , -1.24],
           [-0.14, -1.36]])
    """

    field: float | FloatArray
    coupling_row: float
    coupling_col: float
    border: Border = Border()

    __repr__ = brief

    def __post_init__(self) -> None:
        object.__setattr__(self, "field", as_field(self.field, "field"))
        for name in ("coupling_row", "coupling_col"):
            J = as_real(getattr(self, name), name, at_least=-MAX_COUPLING, at_most=MAX_COUPLING)
            object.__setattr__(self, name, J)
        self._warn_if_not_unique()

    @classmethod
    def from_markov(
        cls, p01_row: float, p10_row: float, p01_col: float, p10_col: float
    ) -> GridSupport:
        """Build the product of a Markov chain along every row and one down every column.

        Parameters
        ----------
        p01_row, p10_row : float in (0, 1)
            P(1|0) and P(0|1) from (i, j) to (i, j+1).
        p01_col, p10_col : float in (0, 1)
            The same from (i, j) to (i+1, j).

        Notes
        -----
        Source: [prior-support-markov], [markov-to-ising]. The product of the chains is a
        Markov random field whose marginal is NOT either chain's stationary value, because
        each node is counted in both; `density` tells what it is.

        Examples
        --------
        >>> chain_only = GridSupport.from_markov(0.5, 0.5, 0.1, 0.3)
        >>> round(chain_only.density((20, 3)), 6)
        0.25
        """
        J_row, u_row, v_row = markov_to_ising(p01_row, p10_row)
        J_col, u_col, v_col = markov_to_ising(p01_col, p10_col)
        start_row = float(logit(stationary(p01_row, p10_row)))
        start_col = float(logit(stationary(p01_col, p10_col)))
        # A node inside has a predecessor (v) and a successor (u) in each direction; on the
        # rim one of them is missing, and where a chain starts its stationary odds stand.
        border = Border(top=start_col - v_col, bottom=-u_col, left=start_row - v_row, right=-u_row)
        return cls(u_row + v_row + u_col + v_col, J_row, J_col, border)

    @property
    def uniqueness(self) -> float:
        """The value that must stay below 1 for one fixed point: (degree - 1) tanh|J| if equal.

        With unlike couplings it is the spectral radius of [[T_col, 2 T_row], [2 T_col, T_row]],
        T = tanh|J|: a message down a column goes on once down and twice sideways.
        For equal couplings that is 3 tanh|J|, for a single direction tanh|J| < 1.

        Notes
        -----
        Source: [uniqueness]; the spectral radius is the criterion of Mooij and Kappen,
        IEEE Trans. Information Theory 53 (2007), for the infinite grid, which bounds every
        finite one.

        Examples
        --------
        >>> round(GridSupport(0.0, 0.1, 0.5).uniqueness, 3)
        0.747
        """
        return uniqueness_of(self.coupling_row, self.coupling_col)

    def node_field(self, shape: tuple[int, int]) -> FloatArray:
        """Return h of every node of a layer of `shape`, the rim included.

        Raises
        ------
        ValueError
            If the field is an array of another shape.

        Examples
        --------
        >>> GridSupport(-1.0, 0.0, 0.0, Border(top=0.5)).node_field((2, 2))
        array([[-0.5, -0.5],
               [-1. , -1. ]])
        """
        field = np.asarray(self.field)
        if field.ndim and field.shape != shape:
            raise ValueError(f"field must have the layer's shape {shape}; got {field.shape}")
        h = np.array(np.broadcast_to(field, shape))
        h[0] += self.border.top
        h[-1] += self.border.bottom
        h[:, 0] += self.border.left
        h[:, -1] += self.border.right
        return h

    def _incoming(self, evidence: FloatArray, state: Any, schedule: Schedule) -> Incoming:
        h, odds = self.node_field(evidence.shape), as_odds(state, (4, *evidence.shape))
        own, J_row, J_col = h + evidence, self.coupling_row, self.coupling_col
        odds, residuals = grid_messages(own, odds, J_row, J_col, *schedule)
        return Incoming(h, [heard_in_all(odds)], residuals, odds)

    def sample(self, shape: tuple[int, int], rng: np.random.Generator) -> FloatArray:
        """Draw a support of `shape` by `gibbs` sampling from an independent start.

        Nodes of one colour of the chessboard do not touch, so each half of the grid is drawn
        at once. Approximate: strong couplings mix slowly.

        Examples
        --------
        >>> GridSupport(-1.0, 0.1, 0.3).sample((4, 3), np.random.default_rng(0)).shape
        (4, 3)
        """
        h, (rows, cols) = self.node_field(shape), np.indices(shape)
        start = (rng.random(shape) < expit(h)).astype(np.float64)
        return gibbs(start, h, self._pull_of_neighbours, (rows + cols) % 2, rng)

    def _pull_of_neighbours(self, s: FloatArray) -> FloatArray:
        """Return the sum over a node's edges of 2 J x', its log-odds given the neighbours."""
        x = 2 * s - 1
        pull = np.zeros_like(s)
        pull[1:] += 2 * self.coupling_col * x[:-1]
        pull[:-1] += 2 * self.coupling_col * x[1:]
        pull[:, 1:] += 2 * self.coupling_row * x[:, :-1]
        pull[:, :-1] += 2 * self.coupling_row * x[:, 1:]
        return pull

    def log_prob(self, support: ArrayLike) -> float:
        """Return ln p(S) + ln Z.

        Examples
        --------
        >>> GridSupport(1.0, 0.25, 0.25).log_prob([[1, 1], [1, 1]])
        5.0
        """
        s = as_support(support)
        h = self.node_field(s.shape)
        return ising_log_weight(s, h, self.coupling_row, self.coupling_col)

r"""An Ising field on the layer's grid: clusters inside a neuron and across neurons.

.. code-block:: text

        column j = one neuron
        (i-1, j)
            |   J_col                coupling_col: neighbours in one column,
    (i,j-1)-(i,j)-(i,j+1)             weights of one neuron (weight-level structure)
            |   J_row                coupling_row: neighbours in one row,
        (i+1, j)                      weights of neighbouring neurons (neuron-level)

A node hears four neighbours. What it says to one of them is its evidence and what it
hears from the other THREE ([cavity]), squeezed through the coupling ([sum-product]). In
odds, with t = e^(2J) and the full belief odds B, the cavity is r = B / m_in and

    m_out = (t r + 1) / (r + t) = (t B + m_in) / (B + t m_in):

one division a message, no exponential, and the result stays in [1/t, t].

Neighbours in the matrix need not be neighbours in the world. Down a first layer's column
stand the pixels of an image in raster order; but hidden units have no order of their own,
and there the coupling does not find clusters, it makes them, because training settles
where the prior is content.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expit, logit

from tvbi_ref._kernels import kernel
from tvbi_ref._validation import FloatArray, as_float_array, as_real
from tvbi_ref.module_b.base import Messages, Schedule, SupportPrior, as_support
from tvbi_ref.module_b.messages import ising_message, markov_to_ising, stationary

ABOVE, BELOW, LEFT, RIGHT = range(4)
"""Where a message came from: `messages[ABOVE, i, j]` is what (i, j) hears from (i-1, j)."""

MAX_COUPLING = 8.0
"""A coupling is at most this, so that no product of odds can overflow (see `SATURATION`).

It is far above the uniqueness bound; a chain with stronger ties is a `ChainSupport`.
"""

SATURATION = 8 * MAX_COUPLING + 40
"""The node's own log-odds are cut here before e^x.

Three messages can pull a cavity back by at most 6 J, and a message is saturated to the
last bit when |c| > 2 J + 37, so the cut at 8 J + 40 changes no message. The belief odds
stay below e^(16 J + 40), and the product of four denominators, which `grid_sweeps` forms,
below e^(64 J + 160) = e^672, which float64 still holds.
"""

SWEEPS_AT_ONCE = 4
"""Sweeps between two looks at the residual; they share one pass through memory."""

GIBBS_SWEEPS = 200


def grid_sweeps_numpy(
    odds: FloatArray,
    messages: FloatArray,
    t_row: float,
    t_col: float,
    damping: float,
    residuals: FloatArray,
) -> None:
    """Pass all messages of a grid at the same time (Jacobi), a few times: the readable twin.

    Parameters
    ----------
    odds : ndarray (I, J), > 0
        e^(h + l), what each node knows by itself.
    messages : ndarray (4, I, J), > 0
        The messages in odds, by where they came from; 1 at the rim. Changed in place.
    t_row, t_col : float
        e^(2J) of the row and the column edges.
    damping : float in [0, 1)
        new = (1 - damping) f(old) + damping old.
    residuals : ndarray (sweeps,)
        Filled with each sweep's residual; its length is the number of sweeps.

    Notes
    -----
    Source: [cavity], [sum-product]. The residual is a bound on the largest change of a
    message's log-odds that needs no division, see `log_odds_change`.

    Examples
    --------
    >>> messages, residuals = np.ones((4, 1, 2)), np.empty(1)
    >>> grid_sweeps_numpy(np.array([[4.0, 1.0]]), messages, 2.0, 1.0, 0.0, residuals)
    >>> messages[LEFT]  # what each node hears from its left: (2 * 4 + 1) / (4 + 2)
    array([[1. , 1.5]])
    """
    everything, but_last, but_first = slice(None), slice(None, -1), slice(1, None)
    upper, lower = (but_last, everything), (but_first, everything)
    left, right = (everything, but_last), (everything, but_first)
    edges = (  # the sender, the receiver, where the message comes from, and goes back to
        (upper, lower, ABOVE, BELOW, t_col),
        (lower, upper, BELOW, ABOVE, t_col),
        (left, right, LEFT, RIGHT, t_row),
        (right, left, RIGHT, LEFT, t_row),
    )
    for k in range(len(residuals)):
        old = messages.copy()
        belief = odds * old.prod(axis=0)
        residuals[k] = 0.0
        for sender, receiver, heard, heard_back, t in edges:
            cavity = belief[sender] / old[heard_back][sender]
            message = (t * cavity + 1) / (cavity + t)
            new = (1 - damping) * message + damping * old[heard][receiver]
            bound = log_odds_change(old[heard][receiver], new, t)
            residuals[k] = max(residuals[k], bound.max(initial=0.0))
            messages[heard][receiver] = new


def log_odds_change(old: FloatArray, new: FloatArray, t: float) -> FloatArray:
    """Return a bound on the change of messages' log-odds, given their odds before and after.

    |ln a - ln b| <= |a - b| / min(a, b). Where both are at least 1 that is at most |a - b|,
    and elsewhere at most max(t, 1/t) |a - b|, because no message leaves [1/t, t].

    Parameters
    ----------
    old, new : ndarray, one shape
    t : float
        e^(2J).

    Examples
    --------
    >>> log_odds_change(np.array([2.0, 0.5]), np.array([2.5, 0.51]), 4.0).round(12)
    array([0.5 , 0.04])
    """
    above_one = (old >= 1) & (new >= 1)
    return np.where(above_one, 1.0, max(t, 1 / t)) * np.abs(new - old)


@kernel(twin=grid_sweeps_numpy)
def grid_sweeps(odds, messages, t_row, t_col, damping, residuals):  # type: ignore[no-untyped-def]
    """Pass all messages a few times, in loops. Same arguments and results as the twin.

    The sweeps follow each other through the rows two rows apart, as a wave: when sweep k
    is at row i, sweep k + 1 can be at row i - 2, because everything that it reads there is
    finished. So all sweeps need one pass through memory, and the cost of a message does not
    grow with the layer. Each sweep keeps aside the one row of old messages that it has to
    read after it has overwritten them.

    Notes
    -----
    Source: [cavity], [sum-product].

    Examples
    --------
    >>> messages, residuals = np.ones((4, 1, 2)), np.empty(1)
    >>> grid_sweeps(np.array([[4.0, 1.0]]), messages, 2.0, 1.0, 0.0, residuals)
    >>> messages[LEFT]
    array([[1. , 1.5]])
    """
    n_rows, n_cols = odds.shape
    sweeps = len(residuals)
    from_above = np.ones((sweeps, n_cols))
    sent = np.empty((4, n_cols))
    changes = np.zeros((sweeps, n_cols))
    for step in range(n_rows + 2 * (sweeps - 1)):
        for k in range(sweeps):
            i = step - 2 * k
            if i < 0 or i >= n_rows:
                continue
            below, left, right = messages[BELOW, i], messages[LEFT, i], messages[RIGHT, i]
            row_messages(odds[i], from_above[k], below, left, right, sent, t_row, t_col)
            if i + 1 < n_rows:
                from_above[k] = messages[ABOVE, i + 1]
                replace(messages[ABOVE, i + 1], sent[ABOVE], damping, t_col, changes[k])
            if i > 0:
                replace(messages[BELOW, i - 1], sent[BELOW], damping, t_col, changes[k])
            replace(left[1:], sent[LEFT, :-1], damping, t_row, changes[k])
            replace(right[:-1], sent[RIGHT, 1:], damping, t_row, changes[k])
    for k in range(sweeps):
        residuals[k] = changes[k].max()


def row_messages_numpy(
    odds: FloatArray,
    above: FloatArray,
    below: FloatArray,
    left: FloatArray,
    right: FloatArray,
    sent: FloatArray,
    t_row: float,
    t_col: float,
) -> None:
    """Compute what the nodes of one row say to their four neighbours: the readable twin.

    Parameters
    ----------
    odds : ndarray (J,)
        What the nodes know by themselves.
    above, below, left, right : ndarray (J,)
        What they have heard, by where it came from.
    sent : ndarray (4, J)
        Filled; ``sent[ABOVE]`` is what the node below will have heard from above.
    t_row, t_col : float

    Notes
    -----
    Source: [cavity], [sum-product].

    Examples
    --------
    >>> sent = np.empty((4, 1))
    >>> row_messages_numpy(np.array([4.0]), *np.ones((4, 1)), sent, 2.0, 1.0)
    >>> sent[:, 0]
    array([1. , 1. , 1.5, 1.5])
    """
    belief = odds * above * below * left * right
    for to, back, t in (
        (ABOVE, below, t_col),
        (BELOW, above, t_col),
        (LEFT, right, t_row),
        (RIGHT, left, t_row),
    ):
        sent[to] = (t * belief + back) / (belief + t * back)


@kernel(twin=row_messages_numpy)
def row_messages(odds, above, below, left, right, sent, t_row, t_col):  # type: ignore[no-untyped-def]
    """Compute what one row says, with ONE division a node instead of four.

    Division is the slowest thing here. With p = d1 d2 d3 d4 the four quotients n/d are
    n1 (d2 d3 d4)/p and so on: one division and a few multiplications.

    Notes
    -----
    Source: [cavity], [sum-product].

    Examples
    --------
    >>> sent = np.empty((4, 1))
    >>> row_messages(np.array([4.0]), *np.ones((4, 1)), sent, 2.0, 1.0)
    >>> sent[:, 0].round(12)
    array([1. , 1. , 1.5, 1.5])
    """
    for j in range(len(odds)):
        a, b, l, r = above[j], below[j], left[j], right[j]
        belief = odds[j] * a * b * l * r
        d_down, d_up = belief + t_col * b, belief + t_col * a
        d_right, d_left = belief + t_row * r, belief + t_row * l
        vertical, horizontal = d_down * d_up, d_right * d_left
        inverse = 1.0 / (vertical * horizontal)
        over_vertical, over_horizontal = inverse * horizontal, inverse * vertical
        sent[ABOVE, j] = (t_col * belief + b) * (over_vertical * d_up)
        sent[BELOW, j] = (t_col * belief + a) * (over_vertical * d_down)
        sent[LEFT, j] = (t_row * belief + r) * (over_horizontal * d_left)
        sent[RIGHT, j] = (t_row * belief + l) * (over_horizontal * d_right)


def replace_numpy(
    messages: FloatArray, sent: FloatArray, damping: float, t: float, changes: FloatArray
) -> None:
    """Put new messages in the place of old ones, damped, and note the largest change so far.

    Parameters
    ----------
    messages, sent : ndarray (n,)
        The old ones, changed in place, and the new ones.
    damping : float
    t : float
        e^(2J) of their edges.
    changes : ndarray (at least n,)
        Raised to `log_odds_change` where that is larger.

    Examples
    --------
    >>> old, changes = np.array([1.0, 2.0]), np.zeros(2)
    >>> replace_numpy(old, np.array([3.0, 2.0]), 0.5, 4.0, changes)
    >>> old, changes
    (array([2., 2.]), array([1., 0.]))
    """
    new = (1 - damping) * sent + damping * messages
    n = len(sent)
    np.maximum(changes[:n], log_odds_change(messages, new, t), out=changes[:n])
    messages[...] = new


@kernel(twin=replace_numpy)
def replace(messages, sent, damping, t, changes):  # type: ignore[no-untyped-def]
    """Put new messages in the place of old ones. Same arguments and results as the twin.

    Examples
    --------
    >>> old, changes = np.array([1.0, 2.0]), np.zeros(2)
    >>> replace(old, np.array([3.0, 2.0]), 0.5, 4.0, changes)
    >>> old, changes
    (array([2., 2.]), array([1., 0.]))
    """
    keep, steep = 1.0 - damping, max(t, 1.0 / t)
    for j in range(len(sent)):
        old = messages[j]
        new = keep * sent[j] + damping * old
        messages[j] = new
        size = abs(new - old) * (1.0 if (old >= 1.0) & (new >= 1.0) else steep)
        # A maximum for each place, not one for all: a running scalar would forbid SIMD.
        changes[j] = size if size > changes[j] else changes[j]


def grid_directional_numpy(
    odds: FloatArray,
    messages: FloatArray,
    t_row: float,
    t_col: float,
    damping: float,
    residuals: FloatArray,
) -> None:
    """Pass messages down, up, right and left in turn (Gauss-Seidel): the readable twin.

    Each direction uses what the one before has just brought, and within a direction each
    row (or column) what its predecessor has just said. Where only one direction is coupled,
    one sweep is forward-backward, that is, exact.

    Parameters
    ----------
    odds, messages, t_row, t_col, damping, residuals
        As in `grid_sweeps_numpy`.

    Notes
    -----
    Source: [cavity], [sum-product], [chain].

    Examples
    --------
    >>> messages, residuals = np.ones((4, 3, 1)), np.empty(2)
    >>> grid_directional_numpy(np.full((3, 1), 4.0), messages, 1.0, 2.0, 0.0, residuals)
    >>> bool(residuals[0] > 0), float(residuals[1])
    (True, 0.0)
    """
    # In the transposed view rows are columns, and LEFT and RIGHT are ABOVE and BELOW.
    flipped = messages.transpose(0, 2, 1)
    for k in range(len(residuals)):
        vertical = _down_and_up(odds, messages, ABOVE, BELOW, t_col, damping)
        horizontal = _down_and_up(odds.T, flipped, LEFT, RIGHT, t_row, damping)
        residuals[k] = max(vertical, horizontal)


def _down_and_up(
    odds: FloatArray, messages: FloatArray, before: int, behind: int, t: float, damping: float
) -> float:
    """Pass messages along axis 0, forward and then backward; return the residual."""
    largest = 0.0
    sideways = odds * messages[LEFT + ABOVE - before] * messages[RIGHT + BELOW - behind]
    n = len(odds)
    for heard, steps in ((before, range(n - 1)), (behind, range(n - 1, 0, -1))):
        for i in steps:
            receiver = i + 1 if heard == before else i - 1
            cavity = sideways[i] * messages[heard, i]
            message = (t * cavity + 1) / (cavity + t)
            new = (1 - damping) * message + damping * messages[heard, receiver]
            bound = log_odds_change(messages[heard, receiver], new, t)
            largest = max(largest, float(bound.max()))
            messages[heard, receiver] = new
    return largest


@kernel(twin=grid_directional_numpy)
def grid_directional(odds, messages, t_row, t_col, damping, residuals):  # type: ignore[no-untyped-def]
    """Pass messages down, up, right and left in turn. Same arguments and results as the twin.

    Notes
    -----
    Source: [cavity], [sum-product], [chain].

    Examples
    --------
    >>> messages, residuals = np.ones((4, 3, 1)), np.empty(2)
    >>> grid_directional(np.full((3, 1), 4.0), messages, 1.0, 2.0, 0.0, residuals)
    >>> bool(residuals[0] > 0), float(residuals[1])
    (True, 0.0)
    """
    n_rows, n_cols = odds.shape
    above, below, left, right = messages[ABOVE], messages[BELOW], messages[LEFT], messages[RIGHT]
    sent = np.empty(n_cols)
    for k in range(len(residuals)):
        changes = np.zeros(n_cols)
        for i in range(n_rows - 1):
            for j in range(n_cols):
                cavity = odds[i, j] * above[i, j] * left[i, j] * right[i, j]
                sent[j] = (t_col * cavity + 1.0) / (cavity + t_col)
            replace(above[i + 1], sent, damping, t_col, changes)
        for i in range(n_rows - 1, 0, -1):
            for j in range(n_cols):
                cavity = odds[i, j] * below[i, j] * left[i, j] * right[i, j]
                sent[j] = (t_col * cavity + 1.0) / (cavity + t_col)
            replace(below[i - 1], sent, damping, t_col, changes)
        for i in range(n_rows):
            # Along a row each message needs the one before: here nothing can be vectorised.
            own = odds[i] * above[i] * below[i]
            for j in range(n_cols - 1):
                cavity = own[j] * left[i, j]
                sent[0] = (t_row * cavity + 1.0) / (cavity + t_row)
                replace(left[i, j + 1 : j + 2], sent[:1], damping, t_row, changes)
            for j in range(n_cols - 1, 0, -1):
                cavity = own[j] * right[i, j]
                sent[0] = (t_row * cavity + 1.0) / (cavity + t_row)
                replace(right[i, j - 1 : j], sent[:1], damping, t_row, changes)
        residuals[k] = changes.max()


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


def grid_sweep(
    own: FloatArray, messages: FloatArray, coupling_row: float, coupling_col: float
) -> FloatArray:
    """Return all messages of a grid after one parallel sweep, in log-odds: the equations alone.

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
    Source: [grid-sweep]. `grid_sweeps` does the same in odds, which is fast.

    Examples
    --------
    >>> new = grid_sweep(np.array([[np.log(4.0), 0.0]]), np.zeros((4, 1, 2)), np.log(2) / 2, 0.0)
    >>> np.exp(new[LEFT])  # what each node hears from its left: (2 * 4 + 1) / (4 + 2)
    array([[1. , 1.5]])
    """
    heard = own + messages.sum(axis=0)
    new = np.zeros_like(messages)
    new[ABOVE, 1:] = ising_message((heard - messages[BELOW])[:-1], coupling_col)
    new[BELOW, :-1] = ising_message((heard - messages[ABOVE])[1:], coupling_col)
    new[LEFT, :, 1:] = ising_message((heard - messages[RIGHT])[:, :-1], coupling_row)
    new[RIGHT, :, :-1] = ising_message((heard - messages[LEFT])[:, 1:], coupling_row)
    return new


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


@dataclass(frozen=True)
class Border:
    """What the nodes on the rim have in addition to the field: chains start and end there."""

    top: float = 0.0
    bottom: float = 0.0
    left: float = 0.0
    right: float = 0.0

    def __post_init__(self) -> None:
        for side in ("top", "bottom", "left", "right"):
            object.__setattr__(self, side, as_real(getattr(self, side), f"border.{side}"))


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

    def __post_init__(self) -> None:
        field = as_float_array(self.field, "field")
        object.__setattr__(self, "field", float(field) if field.ndim == 0 else field.copy())
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

        With unlike couplings it is the spectral radius of [[c, 2r], [2c, r]], r = tanh|J_row|
        and c = tanh|J_col|: a message down a column goes on once down and twice sideways.
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

    def _messages(self, evidence: FloatArray, state: Any, schedule: Schedule) -> Messages:
        h = self.node_field(evidence.shape)
        odds = np.exp(np.clip(h + evidence, -SATURATION, SATURATION))
        messages = _initial_messages(evidence.shape, state)
        t_row, t_col = np.exp(2 * self.coupling_row), np.exp(2 * self.coupling_col)
        sweep = grid_sweeps if schedule.order == "parallel" else grid_directional
        residuals = np.empty(schedule.sweeps)
        done = 0
        while done < schedule.sweeps and (done == 0 or residuals[done - 1] > schedule.tol):
            # The first sweep alone: a warm start may have nothing left to do.
            block = residuals[done : done + (SWEEPS_AT_ONCE if done else 1)]
            sweep(odds, messages, t_row, t_col, schedule.damping, block)
            done += len(block)
        return Messages(h + np.log(messages.prod(axis=0)), residuals[:done], messages)

    def sample(self, shape: tuple[int, int], rng: np.random.Generator) -> FloatArray:
        """Draw a support of `shape` by Gibbs sampling, 200 sweeps from an independent start.

        Nodes of one colour of the chessboard do not touch, so each half of the grid is drawn
        at once. Approximate: strong couplings mix slowly.

        Examples
        --------
        >>> GridSupport(-1.0, 0.1, 0.3).sample((4, 3), np.random.default_rng(0)).shape
        (4, 3)
        """
        h = self.node_field(shape)
        s = (rng.random(shape) < expit(h)).astype(np.float64)
        rows, cols = np.indices(shape)
        for sweep in range(2 * GIBBS_SWEEPS):
            colour = (rows + cols) % 2 == sweep % 2
            p = expit(h + self._pull_of_neighbours(s))
            s = np.where(colour, rng.random(shape) < p, s)
        return s

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


def _initial_messages(shape: tuple[int, ...], state: Any) -> FloatArray:
    if state is None:
        return np.ones((4, *shape))
    messages = as_float_array(state, "state", shape=(4, *shape))
    if (messages <= 0).any():
        raise ValueError(f"state must hold odds, all > 0; got {messages.min():g}")
    return messages.copy()

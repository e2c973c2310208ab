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
from tvbi_ref.module_b.messages import markov_to_ising, stationary

ABOVE, BELOW, LEFT, RIGHT = range(4)
"""Where a message came from: `messages[ABOVE, i, j]` is what (i, j) hears from (i-1, j)."""

MAX_COUPLING = 36.0
"""A coupling is at most this, so that no product of odds can overflow (see `SATURATION`)."""

SATURATION = 8 * MAX_COUPLING + 40
"""The node's own log-odds are cut here before e^x.

Three messages can pull a cavity back by at most 6 J, and a message is saturated to the
last bit when |c| > 2 J + 37. So the cut at 8 J + 40 changes no message, while t times the
belief odds stays below e^(18 J + 40) = e^688, which float64 still holds.
"""

GIBBS_SWEEPS = 200


def grid_sweep_numpy(
    odds: FloatArray,
    old: FloatArray,
    new: FloatArray,
    t_row: float,
    t_col: float,
    damping: float,
) -> float:
    """Pass all messages of a grid once, all at the same time (Jacobi): the readable twin.

    Parameters
    ----------
    odds : ndarray (I, J), > 0
        e^(h + l), what each node knows by itself.
    old : ndarray (4, I, J), > 0
        The messages heard so far, in odds, by where they came from; 1 at the rim.
    new : ndarray (4, I, J)
        Filled with the new messages; its rim must hold 1.
    t_row, t_col : float
        e^(2J) of the row and the column edges.
    damping : float in [0, 1)
        new = (1 - damping) f(old) + damping old.

    Returns
    -------
    float
        The residual, max |new - old| / old.

    Notes
    -----
    Source: [cavity], [sum-product].

    Examples
    --------
    >>> old, new = np.ones((4, 1, 2)), np.ones((4, 1, 2))
    >>> residual = grid_sweep_numpy(np.array([[4.0, 1.0]]), old, new, 2.0, 1.0, 0.0)
    >>> new[LEFT]  # what each node hears from its left: (2 * 4 + 1) / (4 + 2)
    array([[1. , 1.5]])
    """

    def message(sender: tuple[slice, slice], heard_from_receiver: int, t: float) -> FloatArray:
        cavity = belief[sender] / old[heard_from_receiver][sender]
        return (t * cavity + 1) / (cavity + t)

    belief = odds * old.prod(axis=0)
    everything, but_last, but_first = slice(None), slice(None, -1), slice(1, None)
    upper, lower = (but_last, everything), (but_first, everything)
    left, right = (everything, but_last), (everything, but_first)
    new[ABOVE][lower] = message(upper, BELOW, t_col)
    new[BELOW][upper] = message(lower, ABOVE, t_col)
    new[LEFT][right] = message(left, RIGHT, t_row)
    new[RIGHT][left] = message(right, LEFT, t_row)
    new *= 1 - damping
    new += damping * old
    return float(np.max(np.abs(new - old) / old))


@kernel(twin=grid_sweep_numpy)
def grid_sweep(odds, old, new, t_row, t_col, damping):  # type: ignore[no-untyped-def]
    """Pass all messages once, in loops; each node writes what its four neighbours will hear.

    Same arguments and result as `grid_sweep_numpy`.

    Notes
    -----
    Source: [cavity], [sum-product].

    Examples
    --------
    >>> old, new = np.ones((4, 1, 2)), np.ones((4, 1, 2))
    >>> residual = grid_sweep(np.array([[4.0, 1.0]]), old, new, 2.0, 1.0, 0.0)
    >>> new[LEFT]
    array([[1. , 1.5]])
    """
    n_rows, n_cols = odds.shape
    keep = 1.0 - damping
    residual = 0.0
    for i in range(n_rows):
        for j in range(n_cols):
            above, below = old[ABOVE, i, j], old[BELOW, i, j]
            left, right = old[LEFT, i, j], old[RIGHT, i, j]
            belief = odds[i, j] * above * below * left * right
            if i + 1 < n_rows:
                before = old[ABOVE, i + 1, j]
                after = keep * (t_col * belief + below) / (belief + t_col * below)
                after += damping * before
                new[ABOVE, i + 1, j] = after
                residual = max(residual, abs(after - before) / before)
            if i > 0:
                before = old[BELOW, i - 1, j]
                after = keep * (t_col * belief + above) / (belief + t_col * above)
                after += damping * before
                new[BELOW, i - 1, j] = after
                residual = max(residual, abs(after - before) / before)
            if j + 1 < n_cols:
                before = old[LEFT, i, j + 1]
                after = keep * (t_row * belief + right) / (belief + t_row * right)
                after += damping * before
                new[LEFT, i, j + 1] = after
                residual = max(residual, abs(after - before) / before)
            if j > 0:
                before = old[RIGHT, i, j - 1]
                after = keep * (t_row * belief + left) / (belief + t_row * left)
                after += damping * before
                new[RIGHT, i, j - 1] = after
                residual = max(residual, abs(after - before) / before)
    return residual


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
        If a number is not finite or a coupling is beyond +-36.

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
        r, c = np.tanh(np.abs([self.coupling_row, self.coupling_col]))
        return float((r + c + np.sqrt((r + c) ** 2 + 12 * r * c)) / 2)

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
        old = _initial_messages(evidence.shape, state)
        new = np.ones_like(old)
        t_row, t_col = np.exp(2 * self.coupling_row), np.exp(2 * self.coupling_col)
        residuals = []
        for _ in range(schedule.sweeps):
            residuals.append(grid_sweep(odds, old, new, t_row, t_col, schedule.damping))
            old, new = new, old
            if residuals[-1] <= schedule.tol:
                break
        return Messages(h + np.log(old).sum(axis=0), np.array(residuals), old)

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
        x = 2 * s - 1
        nodes = np.sum(self.node_field(s.shape) * s)
        rows = self.coupling_row * np.sum(x[:, 1:] * x[:, :-1])
        cols = self.coupling_col * np.sum(x[1:] * x[:-1])
        return float(nodes + rows + cols)


def _initial_messages(shape: tuple[int, ...], state: Any) -> FloatArray:
    if state is None:
        return np.ones((4, *shape))
    messages = as_float_array(state, "state", shape=(4, *shape))
    if (messages <= 0).any():
        raise ValueError(f"state must hold odds, all > 0; got {messages.min():g}")
    return messages.copy()

r"""Sweeps over a grid in odds.

With t = e^(2J) and the full belief odds B of the sender, the cavity is r = B / m_in and

    m_out = (t r + 1) / (r + t) = (t B + m_in) / (B + t m_in):

one division a message, no exponential, and the result stays in [1/t, t].
"""

from __future__ import annotations

import numpy as np

from tvbi_ref._validation import FloatArray
from tvbi_ref.equations.sockets import fast
from tvbi_ref.fast.kernel import kernel
from tvbi_ref.module_b.grid import (
    ABOVE,
    BELOW,
    LEFT,
    MAX_COUPLING,
    RIGHT,
    SWEEPS_AT_ONCE,
    goes_on,
)

SATURATION = 8 * MAX_COUPLING + 40
"""The node's own log-odds are cut here before e^x.

Three messages can pull a cavity back by at most 6 J, and a message is saturated to the
last bit when |c| > 2 J + 37, so the cut at 8 J + 40 changes no message. The belief odds
stay below e^(16 J + 40), and the product of four denominators, which `row_messages` forms,
below e^(64 J + 160) = e^672, which float64 still holds.
"""


@fast("grid", fuses=["grid-sweep", "cavity", "sum-product-ising"])
def grid_messages(
    own: FloatArray,
    odds: FloatArray,
    coupling_row: float,
    coupling_col: float,
    sweeps: int,
    tol: float,
    damping: float,
) -> tuple[FloatArray, FloatArray]:
    """Do `module_b.grid.grid_messages` in blocks of four sweeps, the first sweep alone.

    A warm start may have nothing left to do.
    """
    nodes = np.clip(own, -SATURATION, SATURATION)
    np.exp(nodes, out=nodes)
    t_row, t_col = np.exp(2 * coupling_row), np.exp(2 * coupling_col)
    odds, residuals = odds.copy(), np.empty(sweeps)
    done = 0
    while goes_on(residuals[:done], sweeps, tol):
        block = residuals[done : done + (SWEEPS_AT_ONCE if done else 1)]
        sweep(nodes, odds, t_row, t_col, damping, block)
        done += len(block)
    return odds, residuals[:done]


@kernel
def sweep(odds, messages, t_row, t_col, damping, residuals):  # type: ignore[no-untyped-def]
    """Make a few sweeps in one pass through memory; `residuals` is filled, a number a sweep.

    The sweeps follow each other through the rows two rows apart, as a wave: when sweep k
    is at row i, sweep k + 1 can be at row i - 2, because everything that it reads there is
    finished. So the cost of a message does not grow with the layer. Each sweep keeps aside the
    one row of old messages that it has to read after it has overwritten them.
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
                put_in_place(messages[ABOVE, i + 1], sent[ABOVE], damping, t_col, changes[k])
            if i > 0:
                put_in_place(messages[BELOW, i - 1], sent[BELOW], damping, t_col, changes[k])
            put_in_place(left[1:], sent[LEFT, :-1], damping, t_row, changes[k])
            put_in_place(right[:-1], sent[RIGHT, 1:], damping, t_row, changes[k])
    for k in range(sweeps):
        residuals[k] = changes[k].max()


@kernel
def row_messages(odds, above, below, left, right, sent, t_row, t_col):  # type: ignore[no-untyped-def]
    """Compute what one row says to its four neighbours, with ONE division a node, not four.

    Division is the slowest thing here. With p = d1 d2 d3 d4 the four quotients n/d are
    n1 (d2 d3 d4)/p and so on: one division and a few multiplications.
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


@kernel
def put_in_place(messages, sent, damping, t, changes):  # type: ignore[no-untyped-def]
    """Put new messages in the place of old ones, damped, and note the largest changes."""
    keep, steep = 1.0 - damping, max(t, 1.0 / t)
    for j in range(len(sent)):
        old = messages[j]
        new = keep * sent[j] + damping * old
        messages[j] = new
        size = abs(new - old) * (1.0 if (old >= 1.0) & (new >= 1.0) else steep)
        # A maximum for each place, not one for all: a running scalar would forbid SIMD.
        changes[j] = size if size > changes[j] else changes[j]

r"""Sweeps over a grid in odds.

With t = e^(2J) and the full belief odds B of the sender, the cavity is r = B / m_in and

    m_out = (t r + 1) / (r + t) = (t B + m_in) / (B + t m_in):

one division a message, no exponential, and the result stays in [1/t, t].

float32 would do for the answer (1e-6 in log-odds), but its residual never falls below 5e-7, where
1e-8 is asked for by default, and with strong couplings its range is too small.
"""

from __future__ import annotations

import numpy as np

from tvbi_ref._validation import FloatArray
from tvbi_ref.equations.sockets import fast
from tvbi_ref.fast.elementary import log, odds_of
from tvbi_ref.fast.kernel import apart, contracted
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
    nodes = odds_of(own, SATURATION)
    t_row, t_col = np.exp(2 * coupling_row), np.exp(2 * coupling_col)
    odds, residuals = odds.copy(), np.empty(sweeps)
    done = 0
    while goes_on(residuals[:done], sweeps, tol):
        block = residuals[done : done + (SWEEPS_AT_ONCE if done else 1)]
        sweep(nodes, odds, t_row, t_col, damping, block)
        done += len(block)
    return odds, residuals[:done]


@contracted
def sweep(odds, messages, t_row, t_col, damping, residuals):  # type: ignore[no-untyped-def]
    """Make a few sweeps in one pass through memory; `residuals` is filled, a number a sweep.

    The sweeps follow each other through the rows two rows apart, as a wave: when sweep k
    is at row i, sweep k + 1 can be at row i - 2, because everything that it reads there is
    finished. So the cost of a message does not grow with the layer. Each sweep keeps aside the
    one row of old messages that it has to read after it has overwritten them.
    """
    n_rows, n_cols = odds.shape
    sweeps = len(residuals)
    from_above, changes = np.ones((sweeps, n_cols)), np.zeros((sweeps, n_cols))
    to_right, to_left, nobody = np.empty(n_cols), np.empty(n_cols), np.ones((2, n_cols))
    for step in range(n_rows + 2 * (sweeps - 1)):
        for k in range(sweeps):
            i = step - 2 * k
            if i < 0 or i >= n_rows:
                continue
            below, left, right = messages[BELOW, i], messages[LEFT, i], messages[RIGHT, i]
            down, up = i + 1 < n_rows, i > 0  # beyond the rim nobody hears
            to_below = messages[ABOVE, i + 1] if down else nobody[0]
            to_above = messages[BELOW, i - 1] if up else nobody[1]
            heard = (from_above[k], below, left, right)
            said = (to_below, to_above, to_left, to_right)
            counts = 1.0 * down, 1.0 * up
            row_messages(odds[i], heard, said, t_row, t_col, damping, counts, changes[k])
            put_in_place(left[1:], right[:-1], to_right, to_left[1:], damping, t_row, changes[k])
    for k in range(sweeps):
        residuals[k] = changes[k].max()


@apart
def row_messages(odds, heard, said, t_row, t_col, damping, counts, changes):  # type: ignore[no-untyped-def]
    """Compute what one row says, with ONE division a node, not four; put the vertical in place.

    Division is the slowest thing here. With p = d1 d2 d3 d4 the four quotients n/d are
    n1 (d2 d3 d4)/p and so on: one division and a few multiplications.

    A message that is overwritten is the one that the row below hears in the same sweep; so it
    takes the place of what this row has heard, which is read by now.
    """
    above, below, left, right = heard
    to_below, to_above, to_left, to_right = said
    down, up = counts
    steep_down, steep_up = down * max(t_col, 1.0 / t_col), up * max(t_col, 1.0 / t_col)
    for j in range(len(odds)):
        a, b, l, r = above[j], below[j], left[j], right[j]
        belief = odds[j] * a * b * l * r
        d_down, d_up = belief + t_col * b, belief + t_col * a
        d_right, d_left = belief + t_row * r, belief + t_row * l
        vertical, horizontal = d_down * d_up, d_right * d_left
        inverse = (1.0 - damping) / (vertical * horizontal)
        over_vertical, over_horizontal = inverse * horizontal, inverse * vertical
        to_right[j] = (t_row * belief + r) * (over_horizontal * d_left)
        to_left[j] = (t_row * belief + l) * (over_horizontal * d_right)
        old_below, old_above = to_below[j], to_above[j]
        new_below = (t_col * belief + b) * (over_vertical * d_up) + damping * old_below
        new_above = (t_col * belief + a) * (over_vertical * d_down) + damping * old_above
        above[j], to_below[j], to_above[j] = old_below, new_below, new_above
        # A maximum for each place, not one for all: a running scalar would forbid SIMD.
        largest = larger(change(old_below, new_below, down, steep_down), changes[j])
        changes[j] = larger(change(old_above, new_above, up, steep_up), largest)


@apart
def put_in_place(left, right, to_right, to_left, damping, t_row, changes):  # type: ignore[no-untyped-def]
    """Put what is said along a row in place: node j + 1 hears node j from the left, and back."""
    steep = max(t_row, 1.0 / t_row)
    for j in range(len(left)):
        old_left, old_right = left[j], right[j]
        new_left, new_right = to_right[j] + damping * old_left, to_left[j] + damping * old_right
        left[j], right[j] = new_left, new_right
        largest = larger(change(old_left, new_left, 1.0, steep), changes[j])
        changes[j] = larger(change(old_right, new_right, 1.0, steep), largest)


@contracted
def change(old, new, flat, steep):  # type: ignore[no-untyped-def]
    """Return a bound on the change of a message's log-odds, see `module_b.grid.residual_of`."""
    return abs(new - old) * (flat if (old if old < new else new) >= 1.0 else steep)


@contracted
def larger(a, b):  # type: ignore[no-untyped-def]
    """Return the larger one; b, if a is no number."""
    return a if a > b else b


@fast("heard-in-all")
def heard_in_all(odds: FloatArray) -> FloatArray:
    """Do `module_b.grid.heard_in_all`."""
    heard = np.empty(odds.shape[1:])
    log_of_product(np.ascontiguousarray(odds).reshape(4, -1), heard.reshape(-1))
    return heard


@contracted
def log_of_product(odds, heard):  # type: ignore[no-untyped-def]
    """Write the logarithm of the product of four."""
    for n in range(heard.size):
        heard[n] = log(odds[0, n] * odds[1, n] * odds[2, n] * odds[3, n])

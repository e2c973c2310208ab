"""Brute force: every state of a small field, weighed one by one.

The oracle that the message passing is tested against. On purpose it imports nothing
of this package and uses no message: a mistake cannot be shared.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

MAX_NODES = 20
"""2^20 states take about a second and 200 MB; more is refused."""


def all_states(shape: tuple[int, int]) -> NDArray[np.float64]:
    """Return all 0/1 fields of a shape.

    Parameters
    ----------
    shape : (I, J) with I * J <= 20

    Returns
    -------
    ndarray (2^(IJ), I, J)

    Examples
    --------
    >>> all_states((1, 2))[:, 0].tolist()
    [[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]
    """
    n = shape[0] * shape[1]
    if n > MAX_NODES:
        raise ValueError(f"field must have a shape of at most {MAX_NODES} nodes; got {shape}")
    bits = (np.arange(2**n)[:, None] >> np.arange(n)) & 1
    return bits.reshape(-1, *shape).astype(np.float64)


def ising_log_weights(
    states: NDArray[np.float64], field: ArrayLike, coupling_row: ArrayLike, coupling_col: ArrayLike
) -> NDArray[np.float64]:
    """Return sum_n h_n s_n + sum_edges J x x' of each state, x = 2s - 1.

    Parameters
    ----------
    states : ndarray (S, I, J) of 0 and 1
    field : array_like, broadcastable to (I, J)
        h, with the evidence already added if there is any.
    coupling_row : array_like, broadcastable to (I, J-1)
        Between (i, j) and (i, j+1).
    coupling_col : array_like, broadcastable to (I-1, J)
        Between (i, j) and (i+1, j).

    Notes
    -----
    Source: [prior-support-ising].

    Examples
    --------
    >>> ising_log_weights(np.ones((1, 2, 2)), 1.0, 0.5, 0.25).tolist()
    [5.5]
    """
    states = _real(states, "states", 3)
    x = 2 * states - 1
    parts = (
        (field, "field", states),
        (coupling_row, "coupling_row", x[:, :, 1:] * x[:, :, :-1]),
        (coupling_col, "coupling_col", x[:, 1:] * x[:, :-1]),
    )
    return np.asarray(sum(_weighted(*part).sum(axis=(1, 2)) for part in parts))


def marginals(
    shape: tuple[int, int], log_weights: Callable[[NDArray[np.float64]], Any]
) -> NDArray[np.float64]:
    """Return P(s_n = 1) of the field whose states weigh e^(log weight).

    Parameters
    ----------
    shape : (I, J)
    log_weights : callable (S, I, J) -> (S,)

    Returns
    -------
    ndarray (I, J), in [0, 1]

    Examples
    --------
    >>> marginals((1, 2), lambda states: np.log(3.0) * states[:, 0, 0])
    array([[0.75, 0.5 ]])
    """
    states = all_states(shape)
    log_w = np.asarray(log_weights(states), dtype=np.float64)
    p = np.exp(log_w - log_w.max())
    return np.asarray(np.tensordot(p / p.sum(), states, axes=1))


def enumerate_marginals(
    field: ArrayLike, coupling_row: ArrayLike = 0.0, coupling_col: ArrayLike = 0.0
) -> NDArray[np.float64]:
    """Return the exact P(s_n = 1) of an Ising field on a grid.

    Parameters
    ----------
    field : array_like (I, J), I * J <= 20
        h, plus the evidence l where there is any.
    coupling_row, coupling_col : array_like
        See `ising_log_weights`.

    Returns
    -------
    ndarray (I, J), in [0, 1]

    Notes
    -----
    Source: [prior-support-ising], by enumeration.

    Examples
    --------
    >>> enumerate_marginals([[0.0, 0.0], [0.0, 0.0]], 0.7, 0.2).tolist()
    [[0.5, 0.5], [0.5, 0.5]]
    """
    h = _real(field, "field", 2)
    return marginals(h.shape, lambda s: ising_log_weights(s, h, coupling_row, coupling_col))


def enumerate_log_partition(
    field: ArrayLike, coupling_row: ArrayLike = 0.0, coupling_col: ArrayLike = 0.0
) -> float:
    """Return ln Z of an Ising field on a grid; the parameters are `enumerate_marginals`'.

    Examples
    --------
    >>> round(enumerate_log_partition([[0.0, 0.0]]) / float(np.log(2.0)), 6)
    2.0
    """
    h = _real(field, "field", 2)
    log_w = ising_log_weights(all_states(h.shape), h, coupling_row, coupling_col)
    return float(np.logaddexp.reduce(log_w))


def chain_log_weights(states: NDArray[np.float64], p01: float, p10: float) -> NDArray[np.float64]:
    """Return ln p(S) of columns that are independent stationary chains, state by state.

    Parameters
    ----------
    states : ndarray (S, I, J) of 0 and 1
    p01, p10 : float in (0, 1)
        P(1|0) and P(0|1) from row i to row i + 1.

    Notes
    -----
    Source: [prior-support-markov].

    Examples
    --------
    >>> p = np.exp(chain_log_weights(all_states((3, 1)), 0.2, 0.4))
    >>> round(float(p.sum()), 12)
    1.0
    """
    for name, p in (("p01", p01), ("p10", p10)):
        if not 0 < _real(p, name, 0) < 1:
            raise ValueError(f"{name} must be in (0, 1); got {p!r}")
    ones = p01 / (p01 + p10)
    step = np.log([[1 - p01, p01], [p10, 1 - p10]])
    s = _real(states, "states", 3).astype(int)
    if not np.isin(s, (0, 1)).all():
        raise ValueError("states must be 0 and 1")
    first = np.log([1 - ones, ones])[s[:, 0]]
    return np.asarray(first.sum(axis=1) + step[s[:, :-1], s[:, 1:]].sum(axis=(1, 2)))


def _weighted(value: ArrayLike, name: str, states: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return states times a number for each place."""
    try:
        return np.broadcast_to(_real(value, name), states.shape[1:]) * states
    except ValueError as error:
        raise ValueError(f"{name} does not fit to {states.shape[1:]} places: {error}") from error


def _real(value: ArrayLike, name: str, ndim: int | None = None) -> NDArray[np.float64]:
    """Return an array of float64, or say what of `value` would be lost; no module of ours helps."""
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise ValueError(f"{name} must be a rectangular array: {error}") from error
    masked = isinstance(value, np.ma.MaskedArray)
    if masked or array.dtype.kind not in "fiub" or not np.isfinite(array).all():
        raise TypeError(f"{name} must be real, finite numbers without a mask; got {value!r:.60}")
    if ndim is not None and (array.ndim != ndim or array.size == 0):
        raise ValueError(f"{name} must have {ndim} axes, and entries; got shape {array.shape}")
    return array.astype(np.float64)

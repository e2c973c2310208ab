"""Activations features first: (B, ...) as (..., B), which is how the sparse loops want them.

A network turns its inputs once, a few of them at a time so that all activations stay in the
cache, and its outputs once. Layers in between keep the layout.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from tvbi_ref._validation import FloatArray
from tvbi_ref.nets.halves import LARGE, in_halves

LANES = 16
"""Rows of a batch are filled up with zeros to a multiple of so many numbers."""

ALIGNMENT = 64
"""Bytes of a line of memory. A row that begins in the middle of one takes up to twice as long."""

ROWS, IMAGES = 128, 16
"""So many inputs are taken at a time: the widest block of the loops; and images, whose rows
give as many numbers side by side."""

WORTH_A_THREAD = 2**24
"""Products of a weight and an input. A thread takes as long to begin as some millions of them."""


def aligned(shape: tuple[int, ...], dtype: np.dtype[Any]) -> FloatArray:
    """Return an array, not filled, that begins where a line of memory does.

    Examples
    --------
    >>> aligned((3, 16), np.dtype(np.float32)).ctypes.data % ALIGNMENT
    0
    """
    size = math.prod(shape) * dtype.itemsize
    memory = np.empty(size + ALIGNMENT, np.uint8)
    begin = -memory.ctypes.data % ALIGNMENT
    return memory[begin : begin + size].view(dtype).reshape(shape)


def as_columns(x: FloatArray, dtype: DTypeLike) -> FloatArray:
    """Return a copy with the first axis last, filled up with zeros to whole lanes.

    A single input stays one.

    Examples
    --------
    >>> as_columns(np.ones((3, 5)), np.float32).shape
    (5, 16)
    >>> as_columns(np.ones((1, 5)), np.float32).shape
    (5, 1)
    """
    B = len(x)
    if B == 1:
        return np.array(x[0, ..., None], dtype, order="C")
    lanes = -(-B // LANES) * LANES
    columns = aligned((*x.shape[1:], lanes), np.dtype(dtype))
    columns[..., :B] = x.transpose(*range(1, x.ndim), 0)
    columns[..., B:] = 0
    return columns


def by_columns(
    x: FloatArray,
    apply: Callable[[FloatArray], FloatArray],
    dtype: DTypeLike,
    work: Callable[[], int],
) -> FloatArray:
    """Return what `apply` makes of all inputs.

    Half of them goes to each of two threads if that pays, see `in_halves`.

    Parameters
    ----------
    x : ndarray (B, ...)
    apply : callable
        Takes and returns activations features first.
    dtype : dtype
    work : callable
        Returns the products of a weight and a number that one input takes.

    Returns
    -------
    ndarray (B, ...)

    Examples
    --------
    >>> by_columns(np.ones((2, 3)), lambda x: 2 * x[:1], np.float64, work=lambda: 3)
    array([[2.],
           [2.]])
    """
    size = ROWS if x.ndim == 2 else IMAGES

    def some(inputs: slice) -> list[FloatArray]:
        mine = x[inputs]
        parts = [mine[start : start + size] for start in range(0, max(len(mine), 1), size)]
        return [_as_rows(apply(as_columns(part, dtype)), len(part)) for part in parts]

    # Fewer than two lanes would be filled up again.
    together = len(x) < 2 * LANES or len(x) * work() < WORTH_A_THREAD
    both = [some(slice(None))] if together else in_halves(len(x), some, LARGE)
    parts = [part for half in both for part in half]
    if len(parts) == 1:
        return np.ascontiguousarray(parts[0])
    return np.concatenate(parts, out=np.empty((len(x), *parts[0].shape[1:]), parts[0].dtype))


def _as_rows(x: FloatArray, B: int) -> FloatArray:
    """Return the last axis first, without what filled it up."""
    return x.transpose(-1, *range(x.ndim - 1))[:B]

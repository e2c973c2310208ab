r"""Compiled forward passes of sparse matrices, each with its readable twin.

Activations stand features first: x (I, B), a row for every input and a number in it for every
image of the batch. A weight w_ij then takes one whole row, y_j += w_ij x_i, and B numbers that lie
side by side are what a processor multiplies at once. Where a weight stands is looked up once for
all of them. Three loops are all there is:

* `add_segments` for batches and convolutions. A segment is a list of weights of one neuron. Sums
  stay in registers until the segment ends.
* `dot_rows` for a single input (B = 1) and scattered weights: one lookup each.
* `dot_runs` for a single input and runs of weights: one lookup a run, and inside of it two
  streams side by side.

What they do inside, `add_rows`, `rows_dot` and `runs_dot`, stands here in NumPy, to be read and for
runs without the compiler. Compiled code takes the versions in `vectors`. Numba's loops over the
same arrays take two to four times as long: they cannot know that sums and inputs are apart and
write every sum to memory at once, they ask of every place whether it is negative, and an end of a
run costs them a step a weight.

The order of the segments decides what the processor's nearest memory holds. Long runs come in the
order of their first input, so that a window of few inputs slides down the matrix and each of them
is fetched once, not once a run; every run then takes its neuron's sum up and puts it down again.
For short runs that costs more than it saves, and a segment is a whole neuron.
`tvbi_ref.compress.formats.plan` sorts.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba.extending import overload, register_jitable
from numpy.typing import NDArray

from tvbi_ref._kernels import kernel
from tvbi_ref._validation import FloatArray
from tvbi_ref.compress.vectors import compiled_add_rows, compiled_rows_dot, compiled_runs_dot

Places = NDArray[np.int64]

ALIGNMENT = 64
"""Bytes of a line of memory. A row that begins in the middle of one takes up to twice as long."""


def aligned(shape: tuple[int, ...], dtype: np.dtype[Any]) -> FloatArray:
    """Return an array, not filled, that begins where a line of memory does.

    Parameters
    ----------
    shape : tuple of int
    dtype : dtype

    Examples
    --------
    >>> aligned((3, 16), np.dtype(np.float32)).ctypes.data % ALIGNMENT
    0
    """
    size = math.prod(shape) * dtype.itemsize
    memory = np.empty(size + ALIGNMENT, np.uint8)
    begin = -memory.ctypes.data % ALIGNMENT
    return memory[begin : begin + size].view(dtype).reshape(shape)


def add_rows(
    width: int,
    y: FloatArray,
    to: int,
    fresh: bool,
    bias: float,
    x: FloatArray,
    at: int,
    step: int,
    rows: Places,
    values: FloatArray,
    first: int,
    last: int,
) -> None:
    """Do y[to + b] += the sum over k of values[k] x[at + step rows[k] + b] for all b < width.

    Compiled code has another version of this function, that holds the `width` sums in registers.

    Parameters
    ----------
    width : int
        A literal number.
    y, to
        The sums, flat, and the first one's place.
    fresh, bias
        Start from the bias, not from what is in y.
    x, at, step
        The inputs, flat, the first one's place, and the length of a row.
    rows, values, first, last
        The weights ``first : last`` and their rows.

    Examples
    --------
    >>> y, x = np.zeros(2), np.array([1.0, 2.0, 10.0, 20.0])
    >>> add_rows(2, y, 0, True, 0.5, x, 0, 2, np.array([0, 1]), np.array([3.0, 1.0]), 0, 2)
    >>> y
    array([13.5, 26.5])
    """
    total = np.full(width, bias, y.dtype) if fresh else y[to : to + width].copy()
    for k in range(first, last):
        start = at + step * rows[k]
        total += values[k] * x[start : start + width]
    y[to : to + width] = total


@overload(add_rows, prefer_literal=True)
def _compiled(width, y, to, fresh, bias, x, at, step, rows, values, first, last):  # type: ignore[no-untyped-def]
    def call(width, y, to, fresh, bias, x, at, step, rows, values, first, last):  # type: ignore[no-untyped-def]
        compiled_add_rows(width, y, to, fresh, bias, x, at, step, rows, values, first, last)  # type: ignore[call-arg]

    return call


@register_jitable(forceinline=True)
def add_row(
    y: FloatArray,
    to: int,
    lanes: int,
    fresh: bool,
    bias: float,
    x: FloatArray,
    at: int,
    step: int,
    rows: Places,
    values: FloatArray,
    first: int,
    last: int,
) -> None:
    """Do `add_rows` for any number of lanes: in wide blocks, then in narrow ones.

    Examples
    --------
    >>> y, x = np.empty(40), np.arange(80.0)
    >>> add_row(y, 0, 40, True, 0.5, x, 0, 40, np.array([0, 1]), np.array([1.0, 10.0]), 0, 2)
    >>> bool((y == x[:40] + 10 * x[40:] + 0.5).all())
    True
    """
    b = 0
    while b + 128 <= lanes:
        add_rows(128, y, to + b, fresh, bias, x, at + b, step, rows, values, first, last)
        b += 128
    while b + 32 <= lanes:
        add_rows(32, y, to + b, fresh, bias, x, at + b, step, rows, values, first, last)
        b += 32
    while b + 8 <= lanes:
        add_rows(8, y, to + b, fresh, bias, x, at + b, step, rows, values, first, last)
        b += 8
    if b < lanes and b >= 8 and fresh:
        b = lanes - 8  # some sums are made twice, from the start
        add_rows(8, y, to + b, fresh, bias, x, at + b, step, rows, values, first, last)
        b = lanes
    while b < lanes:
        add_rows(1, y, to + b, fresh, bias, x, at + b, step, rows, values, first, last)
        b += 1


# Batches


def add_segments_numpy(
    x: FloatArray,
    bias: FloatArray,
    neurons: Places,
    fresh: NDArray[np.bool_],
    pointers: Places,
    rows: Places,
    values: FloatArray,
    places: Places,
    y: FloatArray,
) -> None:
    """Add the weights of every segment to its neuron's sums; NumPy twin of `add_segments`.

    Parameters
    ----------
    x : ndarray (R, B)
        The inputs, features first. Of images a row is one pixel of one channel.
    bias : ndarray (J,)
    neurons : ndarray of int64 (S,)
        Of each segment.
    fresh : ndarray of bool (S,)
        Whether it is the neuron's first one, and its sums begin at the bias.
    pointers : ndarray of int64 (S+1,)
        Segment s has the weights ``pointers[s] : pointers[s+1]``.
    rows : ndarray of int64 (K,)
        The row of x that each weight takes.
    values : ndarray (K,)
    places : ndarray of int64 (P,)
        A neuron is applied so often, each time to the rows so much further down. Of a matrix
        once; of a convolution, at every row of the image that comes out.
    y : ndarray (J, P, L)
        Where the sums go. L is B, or a multiple of it: then a weight takes rows that follow one
        another.

    Examples
    --------
    >>> x, y = np.array([[1.0, 2.0], [10.0, 20.0]]), np.empty((1, 1, 2))
    >>> neuron, where = (np.array([0]), np.array([True])), (np.array([0, 2]), np.array([0, 1]))
    >>> add_segments_numpy(x, np.ones(1), *neuron, *where, np.array([3.0, 1.0]), np.array([0]), y)
    >>> y
    array([[[14., 27.]]])
    """
    flat, lanes = x.ravel(), np.arange(y.shape[2])
    for s, j in enumerate(neurons):
        weights = slice(pointers[s], pointers[s + 1])
        for p, place in enumerate(places):
            begin = (rows[weights] + place) * x.shape[1]
            total = values[weights] @ flat[begin[:, None] + lanes]
            y[j, p] = total + (bias[j] if fresh[s] else y[j, p])


@kernel(twin=add_segments_numpy)
def add_segments(
    x: FloatArray,
    bias: FloatArray,
    neurons: Places,
    fresh: NDArray[np.bool_],
    pointers: Places,
    rows: Places,
    values: FloatArray,
    places: Places,
    y: FloatArray,
) -> None:
    """Add the weights of every segment to its neuron's sums; see `add_segments_numpy`.

    All arrays must be contiguous, and the inputs must be apart from the sums.

    Examples
    --------
    >>> x, y = np.array([[1.0, 2.0], [10.0, 20.0]]), np.empty((1, 1, 2))
    >>> neuron, where = (np.array([0]), np.array([True])), (np.array([0, 2]), np.array([0, 1]))
    >>> add_segments(x, np.ones(1), *neuron, *where, np.array([3.0, 1.0]), np.array([0]), y)
    >>> y
    array([[[14., 27.]]])
    """
    B = x.shape[1]
    _, P, lanes = y.shape
    inputs, sums = x.ravel(), y.ravel()
    for s in range(neurons.size):
        j = neurons[s]
        for p in range(P):
            to, at = (j * P + p) * lanes, places[p] * B
            first, last = pointers[s], pointers[s + 1]
            add_row(sums, to, lanes, fresh[s], bias[j], inputs, at, B, rows, values, first, last)


# One input


def rows_dot(x: FloatArray, rows: Places, values: FloatArray, first: int, last: int) -> Any:
    """Return the sum over k in first : last of values[k] x[rows[k]].

    Compiled code has another version, that does not ask of every row whether it is negative and
    counts from the end.

    Examples
    --------
    >>> weights = np.array([2, 0]), np.array([1.0, 10.0])
    >>> float(rows_dot(np.array([1.0, 2.0, 4.0]), *weights, 0, 2))
    14.0
    """
    return values[first:last] @ x[rows[first:last]]


@overload(rows_dot)
def _compiled_rows_dot(x, rows, values, first, last):  # type: ignore[no-untyped-def]
    def call(x, rows, values, first, last):  # type: ignore[no-untyped-def]
        return compiled_rows_dot(x, rows, values, first, last)  # type: ignore[call-arg]

    return call


def dot_rows_numpy(
    x: FloatArray,
    bias: FloatArray,
    pointers: Places,
    rows: Places,
    values: FloatArray,
    y: FloatArray,
) -> None:
    """Write y_j = b_j + the sum of neuron j's values times x[rows]; NumPy twin of `dot_rows`.

    Parameters
    ----------
    x : ndarray (I,)
    bias : ndarray (J,)
    pointers : ndarray of int64 (J+1,)
        Neuron j has the weights ``pointers[j] : pointers[j+1]``.
    rows : ndarray of int64 (K,)
    values : ndarray (K,)
    y : ndarray (J,)

    Examples
    --------
    >>> y = np.empty(1)
    >>> weights = np.array([0, 2]), np.array([2, 0]), np.array([1.0, 10.0])
    >>> dot_rows_numpy(np.array([1.0, 2.0, 4.0]), np.ones(1), *weights, y)
    >>> y
    array([15.])
    """
    neuron = np.repeat(np.arange(y.size), np.diff(pointers))
    y[...] = bias
    np.add.at(y, neuron, x[rows] * values)


@kernel(twin=dot_rows_numpy)
def dot_rows(
    x: FloatArray,
    bias: FloatArray,
    pointers: Places,
    rows: Places,
    values: FloatArray,
    y: FloatArray,
) -> None:
    """Write y_j = b_j + the sum of neuron j's values times x[rows]; see `dot_rows_numpy`.

    Examples
    --------
    >>> y = np.empty(1)
    >>> weights = np.array([0, 2]), np.array([2, 0]), np.array([1.0, 10.0])
    >>> dot_rows(np.array([1.0, 2.0, 4.0]), np.ones(1), *weights, y)
    >>> y
    array([15.])
    """
    for j in range(y.size):
        y[j] = bias[j] + rows_dot(x, rows, values, pointers[j], pointers[j + 1])


def runs_dot(
    x: FloatArray, starts: Places, offsets: Places, values: FloatArray, first: int, last: int
) -> Any:
    """Return the sum over the runs first : last of dot(x[start : start + length], values).

    Compiled code has another version, with one vector of sums for all the runs; the end of a run
    is masked, so that one of up to 16 weights is one step.

    Examples
    --------
    >>> runs = np.array([1]), np.array([0, 2]), np.array([1.0, 10.0])
    >>> float(runs_dot(np.array([1.0, 2.0, 4.0]), *runs, 0, 1))
    42.0
    """
    total: Any = x.dtype.type(0)
    for n in range(first, last):
        weights = values[offsets[n] : offsets[n + 1]]
        total += x[starts[n] : starts[n] + weights.size] @ weights
    return total


@overload(runs_dot)
def _compiled_runs_dot(x, starts, offsets, values, first, last):  # type: ignore[no-untyped-def]
    def call(x, starts, offsets, values, first, last):  # type: ignore[no-untyped-def]
        return compiled_runs_dot(x, starts, offsets, values, first, last)  # type: ignore[call-arg]

    return call


def dot_runs_numpy(
    x: FloatArray,
    bias: FloatArray,
    pointers: Places,
    starts: Places,
    offsets: Places,
    values: FloatArray,
    y: FloatArray,
) -> None:
    """Write y_j = b_j + the sum over neuron j's runs of their dot products; twin of `dot_runs`.

    Parameters
    ----------
    x : ndarray (I,)
    bias : ndarray (J,)
    pointers : ndarray of int64 (J+1,)
        Neuron j has the runs ``pointers[j] : pointers[j+1]``.
    starts : ndarray of int64 (N,)
        The input at which each run begins.
    offsets : ndarray of int64 (N+1,)
        Run n has the weights ``offsets[n] : offsets[n+1]``.
    values : ndarray (K,)
    y : ndarray (J,)

    Notes
    -----
    Source: [sparse-forward].

    Examples
    --------
    >>> y = np.empty(1)
    >>> runs = np.array([0, 1]), np.array([1]), np.array([0, 2]), np.array([1.0, 10.0])
    >>> dot_runs_numpy(np.array([1.0, 2.0, 4.0]), np.ones(1), *runs, y)
    >>> y
    array([43.])
    """
    for j in range(y.size):
        y[j] = bias[j]
        for n in range(pointers[j], pointers[j + 1]):
            weights = values[offsets[n] : offsets[n + 1]]
            y[j] += x[starts[n] : starts[n] + weights.size] @ weights


@kernel(twin=dot_runs_numpy)
def dot_runs(
    x: FloatArray,
    bias: FloatArray,
    pointers: Places,
    starts: Places,
    offsets: Places,
    values: FloatArray,
    y: FloatArray,
) -> None:
    """Write y_j = b_j + the sum over neuron j's runs of their dot products; see the twin.

    Examples
    --------
    >>> y = np.empty(1)
    >>> runs = np.array([0, 1]), np.array([1]), np.array([0, 2]), np.array([1.0, 10.0])
    >>> dot_runs(np.array([1.0, 2.0, 4.0]), np.ones(1), *runs, y)
    >>> y
    array([43.])
    """
    for j in range(y.size):
        y[j] = bias[j] + runs_dot(x, starts, offsets, values, pointers[j], pointers[j + 1])

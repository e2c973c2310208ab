r"""Compiled forward passes of sparse matrices.

Activations stand features first: x (I, B), a row for every input and a number in it for every
image of the batch. A weight w_ij then takes one whole row, y_j += w_ij x_i, and B numbers that lie
side by side are what a processor multiplies at once. Where a weight stands is looked up once for
all of them. Two loops are all there is:

* `add_neurons` for batches and convolutions. Sums stay in registers until a neuron is done.
* `dot_pieces` for a single input (B = 1): runs are cut into pieces of `PIECE` weights, with one
  lookup and one product each, and what is left over is taken weight by weight. All pieces of a
  kind are equally long, so that no run's end is a branch that nobody can foresee.

What they do inside, `add_rows` and `pieces_dot`, stands here in NumPy, for when nothing is
compiled. Compiled code takes the versions in `vectors`. Numba's loops over the same arrays take
two to four times as long: they cannot know that sums and inputs are apart and write every sum to
memory at once, and they ask of every place whether it is negative.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba.extending import overload, register_jitable

from tvbi_ref._validation import FloatArray
from tvbi_ref.compression.forward import Places
from tvbi_ref.fast.kernel import kernel
from tvbi_ref.fast.vectors import compiled_add_rows, compiled_pieces_dot

PIECE = 4
"""Weights of a run that a single input meets at once."""


def add_rows(
    width: int,
    y: FloatArray,
    to: int,
    bias: float,
    x: FloatArray,
    at: int,
    step: int,
    rows: Places,
    values: FloatArray,
    first: int,
    last: int,
) -> None:
    """Do y[to + b] = bias + the sum over k of values[k] x[at + step rows[k] + b], b < width.

    Compiled code has another version of this function, that holds the `width` sums in registers.

    Parameters
    ----------
    width : int
        A literal number.
    y, to
        The sums, flat, and the first one's place.
    bias
        What they start from.
    x, at, step
        The inputs, flat, the first one's place, and the length of a row.
    rows, values, first, last
        The weights ``first : last`` and their rows.

    Examples
    --------
    >>> y, x = np.zeros(2), np.array([1.0, 2.0, 10.0, 20.0])
    >>> add_rows(2, y, 0, 0.5, x, 0, 2, np.array([0, 1]), np.array([3.0, 1.0]), 0, 2)
    >>> y
    array([13.5, 26.5])
    """
    total = np.full(width, bias, y.dtype)
    for k in range(first, last):
        start = at + step * rows[k]
        total += values[k] * x[start : start + width]
    y[to : to + width] = total


@overload(add_rows, prefer_literal=True)
def _compiled(width, y, to, bias, x, at, step, rows, values, first, last):  # type: ignore[no-untyped-def]
    def call(width, y, to, bias, x, at, step, rows, values, first, last):  # type: ignore[no-untyped-def]
        compiled_add_rows(width, y, to, bias, x, at, step, rows, values, first, last)  # type: ignore[call-arg]

    return call


@register_jitable(forceinline=True)
def add_row(
    y: FloatArray,
    to: int,
    lanes: int,
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
    >>> add_row(y, 0, 40, 0.5, x, 0, 40, np.array([0, 1]), np.array([1.0, 10.0]), 0, 2)
    >>> bool((y == x[:40] + 10 * x[40:] + 0.5).all())
    True
    """
    b = 0
    while b + 128 <= lanes:
        add_rows(128, y, to + b, bias, x, at + b, step, rows, values, first, last)
        b += 128
    while b + 32 <= lanes:
        add_rows(32, y, to + b, bias, x, at + b, step, rows, values, first, last)
        b += 32
    if b + 16 <= lanes:
        add_rows(16, y, to + b, bias, x, at + b, step, rows, values, first, last)
        b += 16
    while b + 8 <= lanes:
        add_rows(8, y, to + b, bias, x, at + b, step, rows, values, first, last)
        b += 8
    if b < lanes and b >= 8:
        b = lanes - 8  # some sums are made twice
        add_rows(8, y, to + b, bias, x, at + b, step, rows, values, first, last)
        b = lanes
    while b < lanes:
        add_rows(1, y, to + b, bias, x, at + b, step, rows, values, first, last)
        b += 1


@kernel
def add_neurons(
    x: FloatArray,
    bias: FloatArray,
    pointers: Places,
    rows: Places,
    values: FloatArray,
    places: Places,
    y: FloatArray,
) -> None:
    """Write every neuron's bias and weighted inputs to its sums.

    All arrays must be contiguous, and the inputs must be apart from the sums.

    Parameters
    ----------
    x : ndarray (R, B)
        The inputs, features first. Of images a row is one pixel of one channel.
    bias : ndarray (J,)
    pointers : ndarray of int64 (J+1,)
        Neuron j has the weights ``pointers[j] : pointers[j+1]``.
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
    >>> weights = np.array([0, 2]), np.array([0, 1]), np.array([3.0, 1.0])
    >>> add_neurons(x, np.ones(1), *weights, np.array([0]), y)
    >>> y
    array([[[14., 27.]]])
    """
    B = x.shape[1]
    J, P, lanes = y.shape
    inputs, sums = x.ravel(), y.ravel()
    for j in range(J):
        for p in range(P):
            to, at = (j * P + p) * lanes, places[p] * B
            first, last = pointers[j], pointers[j + 1]
            add_row(sums, to, lanes, bias[j], inputs, at, B, rows, values, first, last)


def pieces_dot(
    width: int, x: FloatArray, rows: Places, values: FloatArray, row: int, value: int, pieces: int
) -> Any:
    """Return the sum of so many products of `width` weights and the inputs from a row on.

    Compiled code has another version, with vectors of `width` numbers.

    Parameters
    ----------
    width : int
        A literal number.
    x
        The input.
    rows, row
        Where each piece begins, and the place of the first piece.
    values, value
        The weights, piece after piece, and the place of the first one.
    pieces
        How many.

    Examples
    --------
    >>> weights = np.array([1, 0]), np.array([1.0, 10.0, 1.0, 0.0])
    >>> float(pieces_dot(2, np.array([1.0, 2.0, 4.0]), *weights, 0, 0, 2))
    43.0
    """
    inputs = rows[row : row + pieces, None] + np.arange(width)
    return values[value : value + width * pieces] @ x[inputs.ravel()]


@overload(pieces_dot, prefer_literal=True)
def _compiled_pieces_dot(width, x, rows, values, row, value, pieces):  # type: ignore[no-untyped-def]
    def call(width, x, rows, values, row, value, pieces):  # type: ignore[no-untyped-def]
        return compiled_pieces_dot(width, x, rows, values, row, value, pieces)  # type: ignore[call-arg]

    return call


@kernel
def dot_pieces(
    x: FloatArray,
    bias: FloatArray,
    pieces: Places,
    singles: Places,
    rows: Places,
    values: FloatArray,
    y: FloatArray,
) -> None:
    """Write y_j = b_j + the sum over neuron j's weights times their inputs, of a single input.

    Parameters
    ----------
    x : ndarray (I,)
    bias : ndarray (J,)
    pieces, singles : ndarray of int64 (J,)
        Neuron j has so many pieces of `PIECE` weights, then so many single weights.
    rows : ndarray of int64
        The input at which each piece begins, and that of each single weight.
    values : ndarray (K,)
    y : ndarray (J,)

    Notes
    -----
    Source: [sparse-forward].

    Examples
    --------
    >>> y, one = np.empty(1), np.array([1])
    >>> weights = np.array([1, 0]), np.array([1.0, 1.0, 1.0, 1.0, 10.0])
    >>> dot_pieces(np.array([1.0, 2.0, 3.0, 4.0, 5.0]), np.ones(1), one, one, *weights, y)
    >>> y
    array([25.])
    """
    row = value = 0
    for j in range(y.size):
        m, n, total = pieces[j], singles[j], bias[j]
        if m:  # scattered weights have none
            total += pieces_dot(PIECE, x, rows, values, row, value, m)
            row, value = row + m, value + PIECE * m
        y[j] = total + pieces_dot(1, x, rows, values, row, value, n)
        row, value = row + n, value + n

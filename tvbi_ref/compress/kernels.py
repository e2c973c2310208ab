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

What they do inside, `add_rows`, `rows_dot` and `runs_dot`, stands here twice: in NumPy, to be read
and for runs without the compiler, and in the compiler's own language, by `Code`. Numba's loops
over the same arrays take two to four times as long: they cannot know that sums and inputs are
apart and write every sum to memory at once, they ask of every place whether it is negative, and
an end of a run costs them a step a weight.

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
from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, overload, register_jitable
from numpy.typing import NDArray

from tvbi_ref._kernels import kernel
from tvbi_ref._validation import FloatArray

Places = NDArray[np.int64]

LANES = 16
"""Rows of a batch are filled up with zeros to a multiple of so many numbers."""

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


# The innermost loops, for the compiler

BIT, WORD, INDEX = ir.IntType(1), ir.IntType(32), ir.IntType(64)
ONE = INDEX(1)


class Code:
    """Writes instructions that work on vectors: `width` numbers at a time.

    Product and sum may become one instruction, which rounds once ("contract"). No other rule of
    IEEE 754 is touched: NaN and infinity go through, and the order of a sum stays as written.

    Parameters
    ----------
    target, builder
        Of Numba and of llvmlite: where the instructions go.
    real
        The numbers' type, as Numba has it.
    width : int
    """

    def __init__(self, target: Any, builder: Any, real: Any, width: int) -> None:
        self.target, self.builder, self.width = target, builder, width
        self.real = target.get_data_type(real)
        self.vector = ir.VectorType(self.real, width)
        self.bytes = real.bitwidth // 8  # no more can be said of where a row begins
        self.name = f"v{width}f{real.bitwidth}"

    def arrays(self, signature: Any, arguments: Any, which: tuple[int, ...]) -> list[Any]:
        """Return pointers to the first numbers of those arguments that are arrays."""
        return [
            self.target.make_array(signature.args[k])(self.target, self.builder, arguments[k]).data
            for k in which
        ]

    def vector_at(self, pointer: Any, place: Any) -> Any:
        """Return a pointer to a vector."""
        return self.builder.bitcast(self.builder.gep(pointer, [place]), self.vector.as_pointer())

    def load(self, pointer: Any, place: Any) -> Any:
        """Return a vector from memory."""
        return self.builder.load(self.vector_at(pointer, place), align=self.bytes)

    def load_some(self, pointer: Any, place: Any, mask: Any) -> Any:
        """Return a vector from memory, zero where the mask is; nothing is read there."""
        parts = [self.vector.as_pointer(), WORD, mask.type, self.vector]
        name = f"llvm.masked.load.{self.name}.p0{self.name}"
        load = self.function(name, self.vector, parts)
        zeros = ir.Constant(self.vector, None)
        return self.builder.call(
            load, [self.vector_at(pointer, place), WORD(self.bytes), mask, zeros]
        )

    def repeat(self, number: Any) -> Any:
        """Return a vector of equal numbers."""
        nothing = ir.Constant(ir.VectorType(number.type, self.width), ir.Undefined)
        one = self.builder.insert_element(nothing, number, WORD(0))
        every = ir.Constant(ir.VectorType(WORD, self.width), None)
        return self.builder.shuffle_vector(one, nothing, every)

    def first(self, count: Any) -> Any:
        """Return a mask of so many ones, then zeros."""
        places = ir.Constant(ir.VectorType(INDEX, self.width), list(range(self.width)))
        return self.builder.icmp_signed("<", places, self.repeat(count))

    def multiply_and_add(self, total: Any, a: Any, b: Any) -> None:
        """Do total += a b."""
        product = self.builder.fmul(a, b, flags=["contract"])
        more = self.builder.fadd(self.builder.load(total), product, flags=["contract"])
        self.builder.store(more, total)

    def sum(self, vector: Any) -> Any:
        """Return the sum of a vector, in whatever order is fast."""
        add = self.function(
            f"llvm.vector.reduce.fadd.{self.name}", self.real, [self.real, self.vector]
        )
        return self.builder.call(add, [self.real(-0.0), vector], fastmath=("reassoc",))

    def function(self, name: str, returns: Any, takes: list[Any]) -> Any:
        """Return one of the compiler's own functions."""
        kind = ir.FunctionType(returns, takes)
        return cgutils.get_or_insert_function(self.builder.module, kind, name)


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
        _add_rows(width, y, to, fresh, bias, x, at, step, rows, values, first, last)  # type: ignore[call-arg]

    return call


@intrinsic(prefer_literal=True)
def _add_rows(
    context: Any,
    width: Any,
    y: Any,
    to: Any,
    fresh: Any,
    bias: Any,
    x: Any,
    at: Any,
    step: Any,
    rows: Any,
    values: Any,
    first: Any,
    last: Any,
) -> Any:
    """Write `add_rows` in the compiler's own language, with a vector of `width` sums."""

    def generate(target: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        code = Code(target, builder, y.dtype, width.literal_value)
        to_, fresh_, bias_, at_, step_, first_, last_ = (
            arguments[k] for k in (2, 3, 4, 6, 7, 10, 11)
        )
        y_, x_, rows_, values_ = code.arrays(signature, arguments, (1, 5, 8, 9))
        was, start = code.load(y_, to_), code.repeat(bias_)
        total = cgutils.alloca_once_value(
            builder, builder.select(builder.trunc(fresh_, BIT), start, was)
        )
        with cgutils.for_range_slice(builder, first_, last_, ONE) as (k, _):
            row = builder.load(builder.gep(rows_, [k]))
            inputs = code.load(x_, builder.add(at_, builder.mul(step_, row)))
            weight = code.repeat(builder.load(builder.gep(values_, [k])))
            code.multiply_and_add(total, weight, inputs)
        builder.store(builder.load(total), code.vector_at(y_, to_), align=code.bytes)
        return target.get_dummy_value()

    integer = types.int64
    arguments = (width, y, integer, types.boolean, y.dtype, x, integer, integer)
    return types.void(*arguments, rows, values, integer, integer), generate


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
        return _rows_dot(x, rows, values, first, last)  # type: ignore[call-arg]

    return call


@intrinsic
def _rows_dot(context: Any, x: Any, rows: Any, values: Any, first: Any, last: Any) -> Any:
    """Write `rows_dot` in the compiler's own language, with two sums.

    The next product then need not wait for the sum before it.
    """

    def generate(target: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        code = Code(target, builder, x.dtype, 1)
        x_, rows_, values_ = code.arrays(signature, arguments, (0, 1, 2))
        sums = [cgutils.alloca_once_value(builder, code.real(0.0)) for _ in range(2)]

        def add(total: Any, k: Any) -> None:
            row, weight = (builder.load(builder.gep(array, [k])) for array in (rows_, values_))
            code.multiply_and_add(total, weight, builder.load(builder.gep(x_, [row])))

        first_, last_ = arguments[3:]
        with cgutils.for_range_slice(builder, first_, builder.sub(last_, ONE), INDEX(2)) as (k, _):
            add(sums[0], k)
            add(sums[1], builder.add(k, ONE))
        odd = builder.trunc(builder.sub(last_, first_), BIT)
        with builder.if_then(odd):
            add(sums[0], builder.sub(last_, ONE))
        return builder.fadd(*(builder.load(total) for total in sums))

    return x.dtype(x, rows, values, types.int64, types.int64), generate


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
        return _runs_dot(x, starts, offsets, values, first, last)  # type: ignore[call-arg]

    return call


@intrinsic
def _runs_dot(
    context: Any, x: Any, starts: Any, offsets: Any, values: Any, first: Any, last: Any
) -> Any:
    """Write `runs_dot` in the compiler's own language."""

    def generate(target: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        code = Code(target, builder, x.dtype, LANES)
        x_, starts_, offsets_, values_ = code.arrays(signature, arguments, (0, 1, 2, 3))
        total = cgutils.alloca_once_value(builder, ir.Constant(code.vector, None))
        first_, last_ = arguments[4:]
        with cgutils.for_range_slice(builder, first_, last_, ONE) as (n, _):
            begin = builder.load(builder.gep(offsets_, [n]))
            end = builder.load(builder.gep(offsets_, [builder.add(n, ONE)]))
            to_input = builder.sub(builder.load(builder.gep(starts_, [n])), begin)
            with cgutils.for_range_slice(builder, begin, end, INDEX(LANES)) as (k, _):
                mask = code.first(builder.sub(end, k))
                weights = code.load_some(values_, k, mask)
                inputs = code.load_some(x_, builder.add(to_input, k), mask)
                code.multiply_and_add(total, weights, inputs)
        return code.sum(builder.load(total))

    signature = x.dtype(x, starts, offsets, values, types.int64, types.int64)
    return signature, generate


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

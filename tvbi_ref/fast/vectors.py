r"""The innermost loops of `sparse_loops`, written in the compiler's own language.

Each is a function of `tvbi_ref.fast.sparse_loops` once more: there it stands in NumPy, to be read.
Numba turns to the ones here in compiled code, where they take a half to a quarter of the time of
its own loops over the same arrays. Nobody needs to read them to understand what is computed; the
tests compare them number by number.

`Code` has the vocabulary: vectors of a known number of numbers, which LLVM keeps in registers.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

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

    def repeat(self, number: Any) -> Any:
        """Return a vector of equal numbers."""
        nothing = ir.Constant(ir.VectorType(number.type, self.width), ir.Undefined)
        one = self.builder.insert_element(nothing, number, WORD(0))
        every = ir.Constant(ir.VectorType(WORD, self.width), None)
        return self.builder.shuffle_vector(one, nothing, every)

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


@intrinsic(prefer_literal=True)
def compiled_add_rows(
    context: Any,
    width: Any,
    y: Any,
    to: Any,
    bias: Any,
    x: Any,
    at: Any,
    step: Any,
    rows: Any,
    values: Any,
    first: Any,
    last: Any,
) -> Any:
    """Write `add_rows` in the compiler's own language, with a vector of `width` sums.

    Examples
    --------
    >>> import numpy as np
    >>> from numba import njit
    >>> from tvbi_ref.fast import sparse_loops
    >>> @njit
    ... def compiled(y, x, rows, values):
    ...     sparse_loops.add_rows(2, y, 0, 0.5, x, 0, 2, rows, values, 0, 2)  # becomes this one
    >>> y, x = np.zeros(2), np.array([1.0, 2.0, 10.0, 20.0])
    >>> compiled(y, x, np.array([0, 1]), np.array([3.0, 1.0]))
    >>> y
    array([13.5, 26.5])
    """

    def generate(target: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        code = Code(target, builder, y.dtype, width.literal_value)
        to_, bias_, at_, step_, first_, last_ = (arguments[k] for k in (2, 3, 5, 6, 9, 10))
        y_, x_, rows_, values_ = code.arrays(signature, arguments, (1, 4, 7, 8))
        total = cgutils.alloca_once_value(builder, code.repeat(bias_))
        with cgutils.for_range_slice(builder, first_, last_, ONE) as (k, _):
            row = builder.load(builder.gep(rows_, [k]))
            inputs = code.load(x_, builder.add(at_, builder.mul(step_, row)))
            weight = code.repeat(builder.load(builder.gep(values_, [k])))
            code.multiply_and_add(total, weight, inputs)
        builder.store(builder.load(total), code.vector_at(y_, to_), align=code.bytes)
        return target.get_dummy_value()

    integer = types.int64
    arguments = (width, y, integer, y.dtype, x, integer, integer)
    return types.void(*arguments, rows, values, integer, integer), generate


@intrinsic(prefer_literal=True)
def compiled_pieces_dot(
    context: Any,
    width: Any,
    x: Any,
    rows: Any,
    values: Any,
    row: Any,
    value: Any,
    pieces: Any,
) -> Any:
    """Write `pieces_dot` in the compiler's own language, with two vectors of sums.

    The next product then need not wait for the sum before it.

    Examples
    --------
    >>> import numpy as np
    >>> from numba import njit
    >>> from tvbi_ref.fast import sparse_loops
    >>> weights = np.array([1]), np.array([1.0, 10.0])
    >>> njit(lambda x, rows, values: sparse_loops.pieces_dot(2, x, rows, values, 0, 0, 1))(
    ...     np.array([1.0, 2.0, 4.0]), *weights)
    42.0
    """

    def generate(target: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        code = Code(target, builder, x.dtype, width.literal_value)
        x_, rows_, values_ = code.arrays(signature, arguments, (1, 2, 3))
        row_, value_, pieces_ = arguments[4:]
        zeros = ir.Constant(code.vector, None)
        sums = [cgutils.alloca_once_value(builder, zeros) for _ in range(2)]

        def add(total: Any, k: Any) -> None:
            at = builder.load(builder.gep(rows_, [builder.add(row_, k)]))
            weights = code.load(values_, builder.add(value_, builder.mul(INDEX(code.width), k)))
            code.multiply_and_add(total, weights, code.load(x_, at))

        last = builder.sub(pieces_, ONE)
        with cgutils.for_range_slice(builder, INDEX(0), last, INDEX(2)) as (k, _):
            add(sums[0], k)
            add(sums[1], builder.add(k, ONE))
        with builder.if_then(builder.trunc(pieces_, BIT)):  # an odd one is left
            add(sums[0], last)
        return code.sum(builder.fadd(*(builder.load(total) for total in sums)))

    integer = types.int64
    return x.dtype(width, x, rows, values, integer, integer, integer), generate

r"""Sums of products that stay in registers, written in the compiler's own language.

`tile_product` and `tile_outer` stand in NumPy, to be read; Numba turns to the forms below them
in compiled code. They work on a tile: so many sums at a time that each number that is read serves
several of them, and so few that all of them stay in registers until they are complete. How many
rows a tile has, the length of a tuple says: the compiler must know it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import binding, ir  # type: ignore[import-untyped]
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, overload
from numpy.typing import NDArray

from tvbi_ref._validation import FloatArray
from tvbi_ref.fast.vectors import INDEX, WORD, Code

Tile = tuple[int, ...]
"""As long as there are rows in a tile."""

REGISTER = 64 if binding.get_host_cpu_features().get("avx512f") else 32
"""Bytes of a vector: then there are 32 registers of them, else 16."""

SUMS, OUTER = 12, (4, 3)
"""Rows of a tile, at most, in `tile_product`, and on either side of `tile_outer`: as many sums as
16 registers hold beside what goes into them. More, where there are 32, are read from memory more
often than they save: rows that lie a page apart share too few lines of the cache."""


def tiles(n: int, at_most: int) -> tuple[Tile, NDArray[np.intp]]:
    """Return a tile and where it begins, so that n rows are covered; the last two may overlap.

    Examples
    --------
    >>> tile, starts = tiles(50, 12)
    >>> len(tile), starts
    (10, array([ 0, 10, 20, 30, 40]))
    """
    many = -(-n // at_most)
    size = -(-n // many)
    return (0,) * size, np.minimum(np.arange(many) * size, n - size)


def tile_product(a: FloatArray, x: FloatArray, y: FloatArray, tile: Tile) -> None:
    """Write y[f, t] = sum over p, q, r of a[p, q, r, f] x[p, q, r, t]; t is contiguous.

    Examples
    --------
    >>> a, y = np.array([1.0, 10.0]).reshape(1, 1, 1, 2), np.empty((2, 3))
    >>> tile_product(a, np.arange(3.0).reshape(1, 1, 1, 3), y, (0, 0))
    >>> y
    array([[ 0.,  1.,  2.],
           [ 0., 10., 20.]])
    """
    y[...] = np.tensordot(a, x, ([0, 1, 2], [0, 1, 2]))


def tile_outer(x: FloatArray, g: FloatArray, d: FloatArray, rows: Tile, columns: Tile) -> None:
    """Write d[r, f] = sum over i, t of x[r, i, t] g[f, i, t]; t is contiguous.

    Examples
    --------
    >>> x, d = np.arange(3.0).reshape(1, 1, 3), np.empty((1, 2))
    >>> tile_outer(x, np.ones((2, 1, 3)), d, (0,), (0, 0))
    >>> d
    array([[3., 3.]])
    """
    d[...] = np.tensordot(x, g, ([1, 2], [1, 2]))


class _Tile(Code):
    """A vector of the machine's width, and arrays by their strides."""

    def __init__(self, target: Any, builder: Any, real: Any) -> None:
        super().__init__(target, builder, real, REGISTER * 8 // real.bitwidth)

    def array(self, kind: Any, argument: Any) -> tuple[Any, list[Any], list[Any]]:
        """Return a pointer to the first number, the shape, and the strides in numbers."""
        array = self.target.make_array(kind)(self.target, self.builder, argument)
        strides = cgutils.unpack_tuple(self.builder, array.strides)
        steps = [self.builder.sdiv(stride, INDEX(self.bytes)) for stride in strides]
        return array.data, cgutils.unpack_tuple(self.builder, array.shape), steps

    def at(self, first: Any, places: Any, steps: Any) -> Any:
        """Return where the number at these places is."""
        for place, step in zip(places, steps, strict=True):
            first = self.builder.add(first, self.builder.mul(place, step))
        return first

    def nested(self, counts: list[Any], body: Callable[[list[Any]], None], *places: Any) -> None:
        """Write a loop in a loop for each count."""
        if not counts:
            body(list(places))
            return
        with cgutils.for_range(self.builder, counts[0]) as loop:
            self.nested(counts[1:], body, *places, loop.index)

    def sums(self, n: int) -> list[Any]:
        """Return n vectors of zeros, to be added to."""
        zero = ir.Constant(self.vector, None)
        totals = [cgutils.alloca_once(self.builder, self.vector) for _ in range(n)]
        for total in totals:
            self.builder.store(zero, total)
        return totals

    def first(self, count: Any) -> Any:
        """Return a mask of so many ones, then zeros."""
        places = ir.Constant(ir.VectorType(INDEX, self.width), list(range(self.width)))
        return self.builder.icmp_signed("<", places, self.repeat(count))

    def load_some(self, pointer: Any, place: Any, mask: Any) -> Any:
        """Return a vector from memory; zero beyond the mask if there is one, nothing read there."""
        if mask is None:
            return self.load(pointer, place)
        parts = [self.vector.as_pointer(), WORD, mask.type, self.vector]
        load = self.function(f"llvm.masked.load.{self.name}.p0{self.name}", self.vector, parts)
        where, zeros = self.vector_at(pointer, place), ir.Constant(self.vector, None)
        return self.builder.call(load, [where, WORD(self.bytes), mask, zeros])

    def store_some(self, vector: Any, pointer: Any, place: Any, mask: Any) -> None:
        """Write a vector to memory, if there is a mask only where it is."""
        where = self.vector_at(pointer, place)
        if mask is None:
            self.builder.store(vector, where, align=self.bytes)
            return
        parts = [self.vector, self.vector.as_pointer(), WORD, mask.type]
        store = self.function(f"llvm.masked.store.{self.name}.p0{self.name}", ir.VoidType(), parts)
        self.builder.call(store, [vector, where, WORD(self.bytes), mask])

    def in_vectors(self, count: Any, body: Callable[[Any, Any], None]) -> None:
        """Write `body(place, mask)` for each vector of so many numbers; no mask if it is full."""
        width = INDEX(self.width)
        with cgutils.for_range_slice(self.builder, INDEX(0), count, width) as (t, _):
            left = self.builder.sub(count, t)
            full = self.builder.icmp_signed(">=", left, width)
            with self.builder.if_else(full) as (whole, part):
                with whole:
                    body(t, None)
                with part:
                    body(t, self.first(left))


@intrinsic
def compiled_tile_product(context: Any, a: Any, x: Any, y: Any, tile: Any) -> Any:
    """Write `tile_product` in the compiler's own language.

    Examples
    --------
    >>> from numba import njit
    >>> a, x, y = np.full((2, 1, 1, 2), 3.0), np.ones((2, 1, 1, 5)), np.empty((2, 5))
    >>> njit(lambda a, x, y: tile_product(a, x, y, (0, 0)))(a, x, y)  # becomes this one
    >>> y[1]
    array([6., 6., 6., 6., 6.])
    """

    def generate(target: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        code = _Tile(target, builder, y.dtype)
        (a_, _, a_steps), (x_, shape, x_steps), (y_, _, y_steps) = (
            code.array(kind, argument) for kind, argument in zip((a, x, y), arguments, strict=False)
        )

        def one_vector(t: Any, mask: Any) -> None:
            totals = code.sums(len(tile))

            def add(places: list[Any]) -> None:
                numbers = code.load_some(x_, code.at(t, places, x_steps[:3]), mask)
                first = code.at(INDEX(0), places, a_steps[:3])
                for f, total in enumerate(totals):
                    factor = builder.load(builder.gep(a_, [builder.add(first, INDEX(f))]))
                    code.multiply_and_add(total, code.repeat(factor), numbers)

            code.nested(shape[:3], add)
            for f, total in enumerate(totals):
                place = code.at(t, [INDEX(f)], y_steps[:1])
                code.store_some(builder.load(total), y_, place, mask)

        code.in_vectors(shape[3], one_vector)
        return target.get_dummy_value()

    return types.void(a, x, y, tile), generate


@intrinsic
def compiled_tile_outer(context: Any, x: Any, g: Any, d: Any, rows: Any, columns: Any) -> Any:
    """Write `tile_outer` in the compiler's own language.

    Examples
    --------
    >>> from numba import njit
    >>> x, d = np.ones((1, 2, 5)), np.empty((1, 1))
    >>> njit(lambda x, d: tile_outer(x, x, d, (0,), (0,)))(x, d)  # becomes this one
    >>> d
    array([[10.]])
    """

    def generate(target: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        code = _Tile(target, builder, d.dtype)
        (x_, shape, x_steps), (g_, _, g_steps), (d_, _, d_steps) = (
            code.array(kind, argument) for kind, argument in zip((x, g, d), arguments, strict=False)
        )
        places = [(r, f) for r in range(len(rows)) for f in range(len(columns))]
        totals = dict(zip(places, code.sums(len(places)), strict=True))
        with cgutils.for_range(builder, shape[1]) as loop:

            def add(t: Any, mask: Any) -> None:
                vectors = [
                    [
                        code.load_some(array, code.at(t, [INDEX(n), loop.index], steps[:2]), mask)
                        for n in range(len(tile))
                    ]
                    for array, steps, tile in ((x_, x_steps, rows), (g_, g_steps, columns))
                ]
                for (r, f), total in totals.items():
                    code.multiply_and_add(total, vectors[0][r], vectors[1][f])

            code.in_vectors(shape[2], add)
        for (r, f), total in totals.items():
            place = code.at(INDEX(0), [INDEX(r), INDEX(f)], d_steps)
            builder.store(code.sum(builder.load(total)), builder.gep(d_, [place]))
        return target.get_dummy_value()

    return types.void(x, g, d, rows, columns), generate


@overload(tile_product)
def _tile_product(a, x, y, tile):  # type: ignore[no-untyped-def]
    return lambda a, x, y, tile: compiled_tile_product(a, x, y, tile)  # type: ignore[call-arg]


@overload(tile_outer)
def _tile_outer(x, g, d, rows, columns):  # type: ignore[no-untyped-def]
    return lambda x, g, d, rows, columns: compiled_tile_outer(x, g, d, rows, columns)  # type: ignore[call-arg]

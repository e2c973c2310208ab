"""Two-dimensional clusters: tiles of neighbouring neurons that share a run of inputs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tvbi_ref._repr import brief
from tvbi_ref._validation import FloatArray
from tvbi_ref.compression.formats.base import (
    Format,
    IntArray,
    as_weights,
    count_pointers,
    count_up,
    owners,
    smallest,
)
from tvbi_ref.compression.forward import WeightRuns
from tvbi_ref.compression.sizes import column_runs


class Tile(NamedTuple):
    """Rows ``start : start + length`` of the neurons ``column : column + width``."""

    column: int
    start: int
    length: int
    width: int

    @property
    def cells(self) -> tuple[slice, slice]:
        """Its place in the matrix (I, J)."""
        return (
            slice(self.start, self.start + self.length),
            slice(self.column, self.column + self.width),
        )


@dataclass(frozen=True, eq=False)
class Blocks(Format):
    """`Clusters` that may be several neurons wide.

    A tile is multiplied as a small dense matrix. It may hold zeros, which are stored and
    charged; no weight is in two tiles, and none is kept outside of them.

    Parameters
    ----------
    shape : (I, J)
    values : ndarray
        Tile after tile, each neuron after neuron.
    pointers : ndarray of int (J+1,)
        Neuron j is the first one of the tiles ``pointers[j] : pointers[j+1]``.
    starts, lengths, widths : ndarray of int (number of tiles,)
        Tile k covers the inputs ``starts[k] : starts[k] + lengths[k]`` of `widths[k]` neurons.

    Examples
    --------
    >>> blocks = Blocks.from_dense(np.array([[0, 0, 0], [1, 2, 0], [3, 4, 0], [0, 0, 5]]))
    >>> blocks.starts, blocks.lengths, blocks.widths, blocks.values
    (array([1, 3], dtype=uint8), array([2, 1], dtype=uint8), array([2, 1], dtype=uint8),
     array([1., 3., 2., 4., 5.]))
    """

    pointers: IntArray
    starts: IntArray
    lengths: IntArray
    widths: IntArray

    __repr__ = brief

    @classmethod
    def from_dense(cls, weights: ArrayLike) -> Self:
        """Return the matrix as tiles that `cover` finds."""
        array = as_weights(weights)
        return cls._of_tiles(array, cover(array != 0, 8 * array.itemsize))

    @classmethod
    def _of_tiles(cls, array: FloatArray, tiles: list[Tile]) -> Self:
        numbers = np.array(tiles, dtype=np.int64).reshape(-1, 4).T
        parts = [array[tile.cells].T.ravel() for tile in tiles]
        return cls(
            array.shape,
            np.concatenate([np.empty(0, array.dtype), *parts]),
            count_pointers(numbers[0], array.shape[1]),
            *(smallest(row) for row in numbers[1:]),
        )

    def places(self) -> NDArray[np.int64]:
        """Return the place of each value, tile after tile, each neuron after neuron."""
        heights = self.lengths.astype(np.int64)
        areas = heights * self.widths
        column, row = np.divmod(count_up(areas, self.values.size), np.repeat(heights, areas))
        return np.repeat(self._first_places(), areas) + column * self.shape[0] + row

    def streams(self) -> dict[str, NDArray[np.int64]]:
        """Return the places between the first weights of two tiles, lengths and widths."""
        sizes = {name: getattr(self, name).astype(np.int64) for name in ("lengths", "widths")}
        return {"gaps": np.diff(self._first_places(), prepend=-1) - 1} | sizes

    def _first_places(self) -> NDArray[np.int64]:
        """Return where each tile begins in reading order."""
        return owners(self.pointers, self.starts.size) * self.shape[0] + self.starts

    def _written_again(self, dense: FloatArray) -> Self:
        numbers = (owners(self.pointers, self.starts.size), self.starts, self.lengths, self.widths)
        tiles = [Tile(*each) for each in zip(*(n.tolist() for n in numbers), strict=True)]
        return self._of_tiles(dense, sorted(t for t in tiles if t.length and t.width))

    def runs(self) -> WeightRuns:
        """Return the runs of stored weights, zeros inside of tiles among them."""
        places = self.places()
        order = np.argsort(places)
        columns, rows = np.divmod(places[order], max(self.shape[0], 1))
        apart = (np.diff(places[order], prepend=-2) > 1) | (np.diff(columns, prepend=-1) > 0)
        first = np.flatnonzero(apart)
        pointers = count_pointers(columns[first], self.shape[1]).astype(np.int64)
        lengths = np.diff(first, append=places.size)
        return WeightRuns(pointers, rows[first], lengths, self.values[order])


def cover(kept: NDArray[np.bool_], value_bits: int) -> list[Tile]:
    """Return tiles that hold every kept weight once, greedily.

    The first weight that no tile holds yet, in reading order, begins a tile: its run down the
    column, and as many neurons to the right as pay for themselves.

    Parameters
    ----------
    kept : ndarray of bool (I, J)
    value_bits : int
        What a zero inside of a tile costs.

    Returns
    -------
    list of Tile
        In reading order of their first weights.

    Examples
    --------
    >>> cover(np.array([[True, True, False], [True, True, True]]), 32)
    [Tile(column=0, start=0, length=2, width=2), Tile(column=2, start=1, length=1, width=1)]
    """
    left = kept.T.copy()
    tile_bits = 8 * sum(np.min_scalar_type(n).itemsize for n in (*kept.shape, kept.shape[0]))
    tiles = []
    for column in range(len(left)):
        _, starts, lengths = column_runs(left[column : column + 1])
        for start, length in zip(starts.tolist(), lengths.tolist(), strict=True):
            width = 1
            while column + width < len(left) and (
                _gain(left[column + width], start, start + length, tile_bits, value_bits) > 0
            ):
                width += 1
            tiles.append(Tile(column, start, length, width))
            left[column : column + width, start : start + length] = False
    return tiles


def _gain(left: NDArray[np.bool_], start: int, end: int, tile_bits: int, value_bits: int) -> int:
    """Return the bits saved if a tile takes the inputs start : end of one more neuron.

    What is left of its runs above and below needs tiles still; zeros inside are stored.
    """
    rest = left.copy()
    rest[start:end] = False
    before, after = (k[0] + np.count_nonzero(k[1:] & ~k[:-1]) for k in (left, rest))
    zeros = end - start - int(np.count_nonzero(left[start:end]))
    return int(before - after) * tile_bits - zeros * value_bits

"""Relative indices of a few bits, as in Deep Compression."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tvbi_ref._validation import FloatArray
from tvbi_ref.compression.coding import pack, unpack
from tvbi_ref.compression.formats.base import (
    Format,
    IntArray,
    as_weights,
    count_pointers,
    require,
    require_length,
    single_runs,
)
from tvbi_ref.compression.forward import WeightRuns

WIDTHS = range(1, 17)
"""How many bits a gap may have. Deep Compression takes 5 for dense layers, 8 for convolutions."""


@dataclass(frozen=True, eq=False)
class Gap(Format):
    """Of every kept weight the number of zeros before it, in a fixed number of bits.

    A gap that does not fit is bridged by fillers, zeros that are stored as if they were weights:
    the largest number that fits, 2^width - 1, with a value of 0, moves on by 2^width places.
    The width is the one with the least total, fillers included (S. Han, H. Mao, W. J. Dally,
    "Deep Compression", ICLR 2016, section 2, where it is fixed).

    Parameters
    ----------
    shape : (I, J)
    values : ndarray (number of kept weights and fillers,)
    codes : ndarray of uint8 (ceil(width * number of values / 8),)
        The gaps, counted in reading order on from neuron to neuron, padded with zeros.
    width : ndarray of int (1,)
        Bits a gap.

    Examples
    --------
    >>> W = np.zeros((120, 1), dtype=np.float32)
    >>> W[:40] = W[119] = 7.0  # forty gaps of 0 and one of 79
    >>> gap = Gap.from_dense(W)
    >>> int(gap.width[0]), gap.gaps()[39:], gap.values[39:]
    (5, array([ 0, 31, 31, 15]), array([7., 0., 0., 7.], dtype=float32))
    """

    codes: NDArray[np.uint8]
    width: IntArray

    @classmethod
    def from_dense(cls, weights: ArrayLike) -> Self:
        """Return the matrix as the gaps between its kept weights."""
        array = as_weights(weights)
        kept = np.flatnonzero(array.T)
        gaps = np.diff(kept, prepend=-1) - 1
        width = cheapest_width(gaps, 8 * array.itemsize)
        # A gap g is g // 2^width fillers and what is left; the weight itself comes last.
        last = np.cumsum((gaps >> width) + 1) - 1
        codes = np.full(last[-1] + 1 if kept.size else 0, 2**width - 1)
        codes[last] = gaps & (2**width - 1)
        values = np.zeros(codes.size, dtype=array.dtype)
        values[last] = array.T.ravel()[kept]
        return cls(array.shape, values, pack(codes, width), np.array([width], dtype=np.uint8))

    def to_dense(self) -> FloatArray:
        """Return the matrix (I, J)."""
        I, J = self.shape
        flat = np.zeros(J * I, dtype=self.dtype)
        flat[self._positions()] = self.values
        return np.ascontiguousarray(flat.reshape(J, I).T)

    def gaps(self) -> NDArray[np.int64]:
        """Return the zeros before each value, those of a filler before the filler itself."""
        return unpack(self.codes, int(self.width[0]), self.values.size)

    def streams(self) -> dict[str, NDArray[np.int64]]:
        """Return the gaps, those of the fillers included, and their width."""
        return {"gaps": self.gaps(), "width": self.width.astype(np.int64)}

    def _positions(self) -> NDArray[np.int64]:
        """Return the place of each value in reading order."""
        return np.cumsum(self.gaps() + 1) - 1

    def _validate(self) -> None:
        require_length(self.width, 1, "width")
        width, n = int(self.width[0]), self.values.size
        if width not in WIDTHS:
            raise ValueError(f"width must be from {WIDTHS[0]} to {WIDTHS[-1]}; got {width}")
        require_length(self.values, n, "values")
        require_length(self.codes, -(-n * width // 8), "codes")
        require(self.codes < 256, self.codes, "codes", "hold bytes")
        padding = np.unpackbits(self.codes)[n * width :]
        require(padding == 0, padding, "codes' padding", "be zero")
        self._validate_places(width)

    def _validate_places(self, width: int) -> None:
        size = self.shape[0] * self.shape[1]
        positions, filler = self._positions(), self.values == 0
        require(positions < size, positions, "positions", f"be below {size}")
        may_fill = self.gaps() == 2**width - 1
        may_fill[-1:] = False
        require(~filler | may_fill, self.values, "values", "be zero only in a filler")

    def runs(self) -> WeightRuns:
        """Return every weight as a run of its own, fillers too."""
        I, J = self.shape
        columns, rows = np.divmod(self._positions(), max(I, 1))
        return single_runs(count_pointers(columns, J), rows, self.values)


def cheapest_width(gaps: IntArray, value_bits: int) -> int:
    """Return the width at which gaps, weights and fillers together take the fewest bits.

    Examples
    --------
    >>> cheapest_width(np.array([1, 3, 2, 0]), 32)
    2
    """
    return min(WIDTHS, key=lambda w: (int((gaps >> w).sum()) + gaps.size) * (w + value_bits))

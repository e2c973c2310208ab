"""Relative indices of a few bits, as in Deep Compression."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tvbi_ref._repr import brief
from tvbi_ref._validation import FloatArray
from tvbi_ref.compression.coding import pack, unpack
from tvbi_ref.compression.formats.base import Format, IntArray, as_weights

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

    __repr__ = brief

    @classmethod
    def from_dense(cls, weights: ArrayLike) -> Self:
        """Return the matrix as the gaps between its kept weights."""
        array = as_weights(weights)
        return cls._of_width(array, cheapest_width(_gaps_of(array), 8 * array.itemsize))

    @classmethod
    def _of_width(cls, array: FloatArray, width: int) -> Self:
        gaps = _gaps_of(array)
        # A gap g is g // 2^width fillers and what is left; the weight itself comes last.
        last = np.cumsum((gaps >> width) + 1) - 1
        codes = np.full(last[-1] + 1 if gaps.size else 0, 2**width - 1)
        codes[last] = gaps & (2**width - 1)
        values = np.zeros(codes.size, dtype=array.dtype)
        values[last] = array.T[array.T != 0]
        return cls(array.shape, values, pack(codes, width), np.array([width], dtype=np.uint8))

    def gaps(self) -> NDArray[np.int64]:
        """Return the zeros before each value, those of a filler before the filler itself."""
        return unpack(self.codes, int(self.width[0]), self.values.size)

    def streams(self) -> dict[str, NDArray[np.int64]]:
        """Return the gaps, those of the fillers included, and their width."""
        return {"gaps": self.gaps(), "width": self.width.astype(np.int64)}

    def places(self) -> NDArray[np.int64]:
        """Return the place of each value, fillers too."""
        return np.cumsum(self.gaps() + 1) - 1

    def _written_again(self, dense: FloatArray) -> Self:
        width = int(self.width[0])
        if width not in WIDTHS:
            raise ValueError(f"width must be from {WIDTHS[0]} to {WIDTHS[-1]}; got {width}")
        return self._of_width(dense, width)


def cheapest_width(gaps: IntArray, value_bits: int) -> int:
    """Return the width at which gaps, weights and fillers together take the fewest bits.

    Examples
    --------
    >>> cheapest_width(np.array([1, 3, 2, 0]), 32)
    2
    """
    return min(WIDTHS, key=lambda w: (int((gaps >> w).sum()) + gaps.size) * (w + value_bits))


def _gaps_of(array: FloatArray) -> NDArray[np.int64]:
    return np.diff(np.flatnonzero(array.T), prepend=-1) - 1

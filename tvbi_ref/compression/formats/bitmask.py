"""A bit for every weight, kept or not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tvbi_ref._repr import brief
from tvbi_ref.compression.formats.base import Format, as_weights


@dataclass(frozen=True, eq=False)
class Bitmask(Format):
    """One bit a weight, eight to a byte, and the kept weights.

    At density p that is 1/p bits a kept weight, whatever the pattern: little for a dense mask.

    Parameters
    ----------
    shape : (I, J)
    values : ndarray (number of kept weights,)
    mask : ndarray of uint8 (ceil(I J / 8),)
        Column after column, padded with zeros.

    Examples
    --------
    >>> bitmask = Bitmask.from_dense([[0.0, 2.0], [1.0, 3.0]])
    >>> np.unpackbits(bitmask.mask), bitmask.values
    (array([0, 1, 1, 1, 0, 0, 0, 0], dtype=uint8), array([1., 2., 3.]))
    """

    mask: NDArray[np.uint8]

    __repr__ = brief

    @classmethod
    def from_dense(cls, weights: ArrayLike) -> Self:
        """Return the matrix as its mask and its kept weights."""
        array = as_weights(weights)
        kept = array.T != 0
        return cls(array.shape, array.T[kept], np.packbits(kept))

    def places(self) -> NDArray[np.int64]:
        """Return where the bits are set."""
        return np.flatnonzero(np.unpackbits(self.mask))

    def streams(self) -> dict[str, NDArray[np.int64]]:
        """Return the bytes of the mask."""
        return {"mask": self.mask.astype(np.int64)}

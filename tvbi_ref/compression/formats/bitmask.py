"""A bit for every weight, kept or not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tvbi_ref._validation import FloatArray
from tvbi_ref.compression.formats.base import (
    Format,
    as_weights,
    count_pointers,
    require,
    require_length,
    single_runs,
)
from tvbi_ref.compression.forward import WeightRuns


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

    @classmethod
    def from_dense(cls, weights: ArrayLike) -> Self:
        """Return the matrix as its mask and its kept weights."""
        array = as_weights(weights)
        kept = array.T != 0
        return cls(array.shape, array.T[kept], np.packbits(kept))

    def to_dense(self) -> FloatArray:
        """Return the matrix (I, J)."""
        dense = np.zeros(self.shape, dtype=self.dtype)
        dense.T[self._kept_by_neuron()] = self.values
        return dense

    def streams(self) -> dict[str, NDArray[np.int64]]:
        """Return the bytes of the mask."""
        return {"mask": self.mask.astype(np.int64)}

    def _kept_by_neuron(self) -> NDArray[np.bool_]:
        """Return the mask, a row for each neuron."""
        I, J = self.shape
        return np.unpackbits(self.mask, count=I * J).reshape(J, I).astype(bool)

    def _validate(self) -> None:
        I, J = self.shape
        require_length(self.mask, -(-I * J // 8), "mask")
        require(self.mask < 256, self.mask, "mask", "hold bytes")
        bits = np.unpackbits(self.mask)
        require(bits[I * J :] == 0, bits[I * J :], "mask's padding", "be zero")
        require_length(self.values, int(bits.sum()), "values")
        require(self.values != 0, self.values, "values", "not be zero")

    def runs(self) -> WeightRuns:
        """Return every weight as a run of its own."""
        columns, rows = np.nonzero(self._kept_by_neuron())
        return single_runs(count_pointers(columns, self.shape[1]), rows, self.values)

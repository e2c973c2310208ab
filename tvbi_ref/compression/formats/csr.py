"""Compressed sparse rows, the common format of sparse matrices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tvbi_ref._repr import brief
from tvbi_ref.compression.formats.base import (
    Format,
    IntArray,
    as_weights,
    count_pointers,
    owners,
    smallest,
)


@dataclass(frozen=True, eq=False)
class CSR(Format):
    """Of every kept weight its row, neuron after neuron, and where each neuron begins.

    The compressed rows are the neurons, that is, those of the transpose: `scipy.sparse` calls
    the same three arrays a ``csr_array`` of W.T, or a ``csc_array`` of W.

    Parameters
    ----------
    shape : (I, J)
    values : ndarray (number of kept weights,)
    pointers : ndarray of int (J+1,)
        Neuron j owns the weights ``pointers[j] : pointers[j+1]``.
    rows : ndarray of int (number of kept weights,)
        The input that each weight belongs to, increasing within a neuron.

    Examples
    --------
    >>> csr = CSR.from_dense([[0.0, 2.0], [1.0, 3.0]])
    >>> csr.pointers, csr.rows, csr.values
    (array([0, 1, 3], dtype=uint8), array([1, 0, 1], dtype=uint8), array([1., 2., 3.]))
    """

    pointers: IntArray
    rows: IntArray

    __repr__ = brief

    @classmethod
    def from_dense(cls, weights: ArrayLike) -> Self:
        """Return the matrix as the rows of its kept weights."""
        array = as_weights(weights)
        columns, rows = np.nonzero(array.T)
        return cls(
            array.shape,
            array[rows, columns],
            count_pointers(columns, array.shape[1]),
            smallest(rows),
        )

    def places(self) -> NDArray[np.int64]:
        """Return the place of each kept weight."""
        return owners(self.pointers, self.rows.size) * self.shape[0] + self.rows

    def streams(self) -> dict[str, NDArray[np.int64]]:
        """Return the zeros before each kept weight in reading order."""
        return {"gaps": np.diff(self.places(), prepend=-1) - 1}

"""The matrix itself, for comparison: no positions, every zero stored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tvbi_ref._repr import brief
from tvbi_ref._validation import FloatArray
from tvbi_ref.compression.formats.base import Format, as_weights
from tvbi_ref.compression.forward import WeightRuns


@dataclass(frozen=True, eq=False)
class Dense(Format):
    """All I J weights. There is no index; what its zeros cost is charged as values.

    Parameters
    ----------
    shape : (I, J)
    values : ndarray (I, J)

    Examples
    --------
    >>> dense = Dense.from_dense([[0.0, 2.0], [0.0, 0.0]])
    >>> dense.kept, dense.nbytes, dense.index_bits, dense.overhead_bits
    (1, 32, 0.0, 192.0)
    """

    __repr__ = brief

    @classmethod
    def from_dense(cls, weights: ArrayLike) -> Self:
        """Return a copy of the matrix."""
        values = np.array(as_weights(weights), order="C")
        return cls(values.shape, values)

    def places(self) -> NDArray[np.int64]:
        """Return the place of every weight, a row of the matrix after the other."""
        return np.arange(self.values.size).reshape(self.shape[::-1]).T

    def to_dense(self) -> FloatArray:
        """Return a copy of the matrix."""
        return self.values.reshape(self.shape).copy()

    def streams(self) -> dict[str, NDArray[np.int64]]:
        """Return nothing: there are no positions."""
        return {}

    def runs(self) -> WeightRuns:
        """Return a run for each neuron, all of its column."""
        I, J = self.shape
        some = np.full(J if I else 0, I)
        pointers = np.arange(J + 1) if I else np.zeros(J + 1, np.int64)
        return WeightRuns(pointers, np.zeros_like(some), some, self.values.T.ravel())

    def _product(self, x: FloatArray, bias: FloatArray) -> FloatArray:
        return x @ self.values + bias

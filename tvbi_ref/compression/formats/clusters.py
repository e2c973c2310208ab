"""The paper's format: whole runs of kept weights, each with its start and its length."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tvbi_ref._validation import FloatArray
from tvbi_ref.compression.formats.base import (
    Format,
    IntArray,
    as_integers,
    as_weights,
    count_pointers,
    count_up,
    owners,
    require,
    require_length,
    require_pointers,
)
from tvbi_ref.compression.forward import WeightRuns
from tvbi_ref.compression.sizes import column_runs, gaps_before


@dataclass(frozen=True, eq=False)
class Clusters(Format):
    """Of every run of kept weights down a column its start and its length.

    It is `CSR` with one entry a run instead of one a weight: the longer the runs, the less of it.

    Parameters
    ----------
    shape : (I, J)
    values : ndarray (number of kept weights,)
        Run after run.
    pointers : ndarray of int (J+1,)
        Neuron j owns the runs ``pointers[j] : pointers[j+1]``.
    starts, lengths : ndarray of int (number of runs,)
        Run k covers the inputs ``starts[k] : starts[k] + lengths[k]``. Add them as Python ints
        or as int64: the small unsigned types in which they are stored wrap around.

    Examples
    --------
    >>> clusters = Clusters.from_dense([[0.0, 2.0], [1.0, 3.0]])
    >>> clusters.pointers, clusters.starts, clusters.lengths
    (array([0, 1, 2], dtype=uint8), array([1, 0], dtype=uint8), array([1, 2], dtype=uint8))
    """

    pointers: IntArray
    starts: IntArray
    lengths: IntArray

    @classmethod
    def from_dense(cls, weights: ArrayLike) -> Self:
        """Return the matrix as its runs."""
        array = as_weights(weights)
        kept = array.T != 0
        columns, starts, lengths = column_runs(kept)
        return cls(
            array.shape,
            array.T[kept],
            count_pointers(columns, array.shape[1]),
            as_integers(starts, "starts"),
            as_integers(lengths, "lengths"),
        )

    def to_dense(self) -> FloatArray:
        """Return the matrix (I, J)."""
        dense = np.zeros(self.shape, dtype=self.dtype)
        lengths = self.lengths.astype(np.int64)
        rows = np.repeat(self.starts, lengths) + count_up(lengths)
        dense[rows, np.repeat(owners(self.pointers), lengths)] = self.values
        return dense

    def streams(self) -> dict[str, NDArray[np.int64]]:
        """Return gaps and lengths as `tvbi_ref.compression.find_runs` does."""
        return {"gaps": self._gaps(), "lengths": self.lengths.astype(np.int64)}

    def _gaps(self) -> NDArray[np.int64]:
        """Return the zeros before each run in reading order."""
        return gaps_before(owners(self.pointers) * self.shape[0] + self.starts, self.lengths)

    def _validate(self) -> None:
        I, J = self.shape
        require_length(self.starts, self.lengths.size, "starts")
        require_pointers(self.pointers, J, self.lengths.size)
        require(self.lengths > 0, self.lengths, "lengths", "be positive")
        ends = self.starts.astype(np.int64) + self.lengths
        require(ends <= I, ends, "starts + lengths", f"be at most {I}")
        apart = (self._gaps() > 0) | (np.diff(owners(self.pointers), prepend=-1) > 0)
        require(apart, self.starts, "starts", "lie beyond the end of the run before")
        require_length(self.values, int(self.lengths.sum(dtype=np.int64)), "values")
        require(self.values != 0, self.values, "values", "not be zero")

    def runs(self) -> WeightRuns:
        """Return the runs."""
        pointers, starts, lengths = (
            array.astype(np.int64) for array in (self.pointers, self.starts, self.lengths)
        )
        return WeightRuns(pointers, starts, lengths, self.values)

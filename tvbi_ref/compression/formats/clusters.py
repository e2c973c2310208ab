"""The paper's format: whole runs of kept weights, each with its start and its length."""

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
    count_up,
    owners,
    smallest,
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

    __repr__ = brief

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
            smallest(starts),
            smallest(lengths),
        )

    def places(self) -> NDArray[np.int64]:
        """Return the place of each kept weight."""
        lengths = self.lengths.astype(np.int64)
        inside = count_up(lengths, self.values.size)
        return np.repeat(self._first_places(), lengths) + inside

    def streams(self) -> dict[str, NDArray[np.int64]]:
        """Return gaps and lengths as `tvbi_ref.compression.find_runs` does."""
        gaps = gaps_before(self._first_places(), self.lengths)
        return {"gaps": gaps, "lengths": self.lengths.astype(np.int64)}

    def _first_places(self) -> NDArray[np.int64]:
        return owners(self.pointers, self.starts.size) * self.shape[0] + self.starts

    def runs(self) -> WeightRuns:
        """Return the runs."""
        pointers, starts, lengths = (
            array.astype(np.int64) for array in (self.pointers, self.starts, self.lengths)
        )
        return WeightRuns(pointers, starts, lengths, self.values)

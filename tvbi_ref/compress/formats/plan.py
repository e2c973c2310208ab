"""In which order the weights of a sparse matrix are multiplied."""

from __future__ import annotations

from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tvbi_ref._validation import FloatArray
from tvbi_ref.compress.kernels import Places, add_segments, aligned, dot_rows, dot_runs

LONG_RUN = 4
"""From this mean length on, a single input is multiplied run by run and not weight by weight."""

SLIDING_RUN = 8
"""From this mean length on, a batch is multiplied run by run, those with the first inputs first,
and not neuron by neuron. A run then reads and writes its neuron's sums, which takes the time of
two to four weights, while the inputs come from the nearest memory."""

NEAR_NEURONS = 1024
"""The sums of more neurons are too far from the processor to be fetched for every run."""

_HERE = np.zeros(1, np.int64)


class Runs(NamedTuple):
    """Runs of weights, neuron after neuron, all whole numbers in int64.

    Parameters
    ----------
    pointers : ndarray (J+1,)
        Neuron j owns the runs ``pointers[j] : pointers[j+1]``.
    starts, lengths : ndarray (N,)
        Run n covers the inputs ``starts[n] : starts[n] + lengths[n]``.
    values : ndarray (K,)
        Run after run.
    """

    pointers: Places
    starts: Places
    lengths: Places
    values: FloatArray

    @property
    def owners(self) -> Places:
        """The neuron of each run."""
        return np.repeat(np.arange(self.pointers.size - 1), np.diff(self.pointers))

    @property
    def offsets(self) -> Places:
        """Where each run's weights begin, and their number."""
        return _ends(self.lengths)

    @property
    def rows(self) -> Places:
        """The input of each weight."""
        return np.arange(self.values.size) + np.repeat(
            self.starts - self.offsets[:-1], self.lengths
        )


class Segments(NamedTuple):
    """What `add_segments` takes of a matrix, see there."""

    neurons: Places
    fresh: NDArray[np.bool_]
    pointers: Places
    rows: Places
    values: FloatArray


class Plan:
    """A matrix made ready to be multiplied; the loop is chosen by the mean length of its runs.

    Parameters
    ----------
    runs : Runs

    Examples
    --------
    >>> column = Runs(np.array([0, 1]), np.array([1]), np.array([2]), np.array([3.0, 1.0]))
    >>> Plan(column).product(np.array([[1.0], [2.0], [10.0]]), np.ones(1))
    array([[17.]])
    """

    def __init__(self, runs: Runs) -> None:
        self.runs = runs
        self.mean = runs.values.size / max(runs.lengths.size, 1)
        self.long = self.mean >= LONG_RUN

    def product(self, x: FloatArray, bias: FloatArray) -> FloatArray:
        """Return W^T x + b, features first: (I, B) to (J, B).

        Parameters
        ----------
        x : ndarray (I, B)
            Of the type of the weights, as `bias` (J,) must be.
        """
        if x.shape[1] == 1:
            return self._product_with_one(np.ascontiguousarray(x).reshape(-1), bias)[:, None]
        y = aligned((bias.size, 1, x.shape[1]), bias.dtype)
        add_segments(np.ascontiguousarray(x), bias, *self.segments, _HERE, y)
        return y[:, 0]

    def _product_with_one(self, x: FloatArray, bias: FloatArray) -> FloatArray:
        y, runs = np.empty(bias.size, bias.dtype), self.runs
        if self.long:
            dot_runs(x, bias, runs.pointers, runs.starts, self._offsets, runs.values, y)
        else:
            dot_rows(x, bias, self._pointers, self._rows, runs.values, y)
        return y

    def astype(self, dtype: np.dtype[np.floating]) -> Plan:
        """Return the plan with weights of another type, or itself if they have it."""
        values = self.runs.values
        return (
            self if values.dtype == dtype else Plan(self.runs._replace(values=values.astype(dtype)))
        )

    @cached_property
    def _offsets(self) -> Places:
        return self.runs.offsets

    @cached_property
    def _pointers(self) -> Places:
        return self._offsets[self.runs.pointers]

    @cached_property
    def _rows(self) -> Places:
        return self.runs.rows

    @cached_property
    def segments(self) -> Segments:
        """The matrix as `add_segments` takes it."""
        runs = self.runs
        neurons = np.arange(runs.pointers.size - 1)
        if self.mean >= SLIDING_RUN and neurons.size <= NEAR_NEURONS:
            return by_first_input(runs)
        fresh = np.ones(neurons.size, bool)
        return Segments(neurons, fresh, self._pointers, self._rows, runs.values)


def by_first_input(runs: Runs) -> Segments:
    """Return the runs in the order of their first inputs, a segment each.

    A neuron without a weight has an empty one, at the end: its sums are its bias.

    Examples
    --------
    >>> one_each = np.array([0, 1, 2, 2]), np.array([4, 0]), np.array([1, 1]), np.array([5.0, 3.0])
    >>> by_first_input(Runs(*one_each)).neurons
    array([1, 0, 2])
    """
    order = np.argsort(runs.starts, kind="stable")
    idle = np.flatnonzero(np.diff(runs.pointers) == 0)
    neurons = np.concatenate([runs.owners[order], idle])
    fresh = np.zeros(neurons.size, bool)
    fresh[np.unique(neurons, return_index=True)[1]] = True
    lengths = np.concatenate([runs.lengths[order], np.zeros_like(idle)])
    pointers = _ends(lengths)
    begins = np.repeat(runs.offsets[:-1][order] - pointers[: order.size], runs.lengths[order])
    weights = np.arange(runs.values.size) + begins
    return Segments(neurons, fresh, pointers, runs.rows[weights], runs.values[weights])


def _ends(lengths: Places) -> Places:
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths, dtype=np.int64)])

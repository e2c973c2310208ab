"""The forward pass of a pruned layer, from its clusters instead of its matrix."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tvbi_ref._repr import brief
from tvbi_ref._validation import FloatArray
from tvbi_ref.equations import equation, socket

IntArray = NDArray[np.integer[Any]]
Places = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class WeightRuns:
    """Runs of stored weights, neuron after neuron: what [sparse-forward] takes of a matrix.

    Parameters
    ----------
    pointers : ndarray of int64 (J+1,)
        Neuron j owns the runs ``pointers[j] : pointers[j+1]``.
    starts, lengths : ndarray of int64 (K,)
        Run k covers the inputs ``starts[k] : starts[k] + lengths[k]``.
    values : ndarray (number of stored weights,)
        Run after run.

    Examples
    --------
    >>> WeightRuns(np.array([0, 2]), np.array([1, 7]), np.array([2, 1]), np.ones(3)).rows
    array([1, 2, 7])
    """

    pointers: Places
    starts: Places
    lengths: Places
    values: FloatArray

    __repr__ = brief

    @property
    def offsets(self) -> Places:
        """Where each run's weights begin, and their number."""
        return np.concatenate([[0], np.cumsum(self.lengths)])

    @property
    def rows(self) -> Places:
        """The input of each weight."""
        begins = np.repeat(self.starts - self.offsets[:-1], self.lengths)
        return np.arange(self.values.size) + begins


@equation("sparse-forward")
def cluster_forward(
    x: FloatArray,
    bias: FloatArray,
    pointers: IntArray,
    starts: IntArray,
    lengths: IntArray,
    values: FloatArray,
) -> FloatArray:
    """Return y_j = b_j + the sum over neuron j's clusters of dot(x[start : start+len], values).

    A cluster is a run of kept weights down a column. Its weights and its inputs both lie
    side by side in memory, and its place costs two numbers however long it is.

    Parameters
    ----------
    x : ndarray (B, I)
    bias : ndarray (J,)
    pointers : ndarray of int (J+1,)
        Neuron j owns the clusters ``pointers[j] : pointers[j+1]``.
    starts, lengths : ndarray of int (K,)
        Cluster k covers the inputs ``starts[k] : starts[k] + lengths[k]``.
    values : ndarray (number of kept weights,)
        The weights, cluster after cluster.

    Returns
    -------
    ndarray (B, J)

    Notes
    -----
    Source: [sparse-forward].

    Examples
    --------
    >>> x = np.array([[1.0, 2.0, 3.0]])
    >>> two_neurons = np.array([0, 1, 1])  # the second one has no weight left
    >>> one_run = np.array([1]), np.array([2]), np.array([1.0, 10.0])
    >>> cluster_forward(x, np.array([0.5, 0.25]), two_neurons, *one_run)
    array([[32.5 ,  0.25]])
    """
    y = np.tile(bias, (len(x), 1)).astype(np.result_type(x, bias, values))
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    for j in range(len(bias)):
        for k in range(pointers[j], pointers[j + 1]):
            inputs = slice(starts[k], starts[k] + lengths[k])
            y[:, j] += x[:, inputs] @ values[offsets[k] : offsets[k + 1]]
    return y


@socket("sparse-product")
def sparse_product(runs: WeightRuns, x: FloatArray, bias: FloatArray) -> FloatArray:
    """Return x W + b, where W is given by the runs of its weights.

    Parameters
    ----------
    runs : WeightRuns
        Of a matrix (I, J).
    x : ndarray (B, I)
    bias : ndarray (J,)

    Returns
    -------
    ndarray (B, J)

    Notes
    -----
    Source: [sparse-forward].

    Examples
    --------
    >>> column = WeightRuns(np.array([0, 1]), np.array([1]), np.array([2]), np.array([3.0, 1.0]))
    >>> sparse_product(column, np.array([[1.0, 2.0, 10.0]]), np.ones(1))
    array([[17.]])
    """
    return cluster_forward(x, bias, runs.pointers, runs.starts, runs.lengths, runs.values)

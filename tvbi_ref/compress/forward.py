"""The forward pass of a pruned layer, from its clusters instead of its matrix."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tvbi_ref._validation import FloatArray

IntArray = NDArray[np.integer[Any]]


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

"""Hidden units in the order that is cheapest to tell: like beside like.

The order of hidden units is free: exchange two, with what they read and what reads them, and the
network is the same function, up to the order of sums. n! orders are one network, so that a code
of the network in any of them wastes log2 n! bits. Units that read the same inputs are put side by
side here, so that the coder, who knows the unit before, is surprised less often.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tvbi_ref.compression.layers import SparseConv, SparseLayer
from tvbi_ref.compression.network import CompressedNetwork, as_compressed
from tvbi_ref.nets.kernel_matrix import to_kernel, to_matrix

Order = NDArray[np.intp]


def sort_units(network: CompressedNetwork) -> CompressedNetwork:
    """Return the same function with hidden units that read the same inputs side by side.

    For the coded file, whose bytes fall by it. Runs down the columns may be cut, so that the
    formats in memory take a little more.

    Parameters
    ----------
    network : CompressedNetwork

    Returns
    -------
    CompressedNetwork
        Inputs and outputs have their places; predictions differ by rounding alone.

    Raises
    ------
    TypeError
        If it is no such network.

    Examples
    --------
    >>> from tvbi_ref import compress, nets
    >>> net = nets.mlp([4, 3, 2], seed=0)
    >>> net.weight_layers[0].prune(np.array([[1, 0, 1], [1, 0, 1], [0, 1, 0], [0, 1, 0]]) > 0)
    >>> small = compress(net)
    >>> sort_units(small).weight_layers[0].weights.to_dense() != 0
    array([[ True,  True, False],
           [ True,  True, False],
           [False, False,  True],
           [False, False,  True]])
    >>> small.check_against(sort_units(small), np.eye(4)) < 1e-6
    True
    """
    as_compressed(network)
    layers: list[Any] = list(network.layers)
    sparse = [k for k, layer in enumerate(layers) if isinstance(layer, SparseLayer)]
    for k, behind in pairwise(sparse):
        order = _like_beside_like(_fan_ins(layers[k]))
        layers[k] = _with_outputs(layers[k], order)
        layers[behind] = _with_inputs(layers[behind], order)
    return replace(network, layers=tuple(layers))


def _fan_ins(layer: SparseLayer) -> NDArray[np.bool_]:
    """Return which inputs each unit reads, (J, n)."""
    alive = layer.dense_weights() != 0
    return alive.reshape(len(alive), -1) if alive.ndim == 4 else alive.T


def _like_beside_like(fan_ins: NDArray[np.bool_]) -> Order:
    """Return an order that begins with the largest fan-in; next is who shares most with the last.

    Shared are inputs, over the square root of how many the next one reads.
    """
    reads = fan_ins.astype(float)
    share = reads @ reads.T / np.sqrt(np.maximum(reads.sum(axis=1), 1))
    order = [int(np.argmax(reads.sum(axis=1)))]
    for _ in range(len(reads) - 1):
        share[:, order[-1]] = -1  # it has its place
        order.append(int(np.argmax(share[order[-1]])))
    return np.array(order)


def _with_outputs(layer: SparseLayer, order: Order) -> SparseLayer:
    axis = 0 if isinstance(layer, SparseConv) else 1
    new = _taken(layer, order, axis)
    return replace(new, bias=layer.bias[order], bias_variance=layer.bias_variance[order])


def _with_inputs(layer: SparseLayer, order: Order) -> SparseLayer:
    """Return a layer for inputs in another order; behind a `Flatten` each has several rows."""
    n_rows = layer.dense_weights().shape[1 if isinstance(layer, SparseConv) else 0]
    rows = np.arange(n_rows).reshape(order.size, -1)[order].ravel()
    return _taken(layer, rows, 1 if isinstance(layer, SparseConv) else 0)


def _taken(layer: SparseLayer, order: Order, axis: int) -> SparseLayer:
    """Return a layer with its weights, and their variances, in another order along one axis."""

    def take(matrix: NDArray[Any]) -> NDArray[Any]:
        if isinstance(layer, SparseConv):
            kernel = to_kernel(matrix, layer.shape, layer.layout).take(order, axis)
            return np.ascontiguousarray(to_matrix(kernel, layer.layout))
        return matrix.take(order, axis)

    old = layer.weights.to_dense()
    new, variances = take(old), layer.variances
    if variances:
        codes = np.zeros(old.shape, np.uint8)
        codes.T[old.T != 0] = variances.codes
        variances = replace(variances, codes=take(codes).T[new.T != 0])
    return replace(layer, weights=layer.weights.from_dense(new), variances=variances)

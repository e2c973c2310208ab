"""From a posterior, or a pruned network, to a network without its zeros and its dead units."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

from tvbi_ref.compression.formats import FORMATS, format_names
from tvbi_ref.compression.layers import SparseConv, SparseDense, SparseLayer
from tvbi_ref.compression.network import CompressedNetwork
from tvbi_ref.compression.pruning import prune
from tvbi_ref.compression.shrinking import shrink
from tvbi_ref.compression.steps import build_step, describe_step
from tvbi_ref.compression.units import UnitWeights, from_units
from tvbi_ref.compression.variances import ByteVariances
from tvbi_ref.nets import Conv2D, Network, WeightLayer
from tvbi_ref.turbo import TurboResult


def compress(
    result: TurboResult | Network, format: str | Sequence[str] = "clusters"
) -> CompressedNetwork:
    """Return a pruned network without its zeros and its dead units.

    Parameters
    ----------
    result : TurboResult or Network
        What `TurboVBI.fit` returned, which is pruned first; or a network that is pruned, and
        perhaps fine-tuned. It stays as it is.
    format : str or sequence of str
        A name of `formats.FORMATS`, for all weight layers or one for each.

    Returns
    -------
    CompressedNetwork
        It predicts what the pruned network predicts, up to rounding.

    Raises
    ------
    TypeError
        If something else came, or the network has a layer or a likelihood that is not known.
    ValueError
        If there is no such format, or a weight that is left has no positive variance.
    NonFiniteError
        If a weight, a variance or a bias is not finite.

    Notes
    -----
    Source: [prune]; `shrink` has the proofs.

    Examples
    --------
    >>> import numpy as np
    >>> from tvbi_ref import nets
    >>> net = nets.mlp([64, 16, 10], seed=0)
    >>> for layer in net.weight_layers:
    ...     layer.prune(np.random.default_rng(0).random(layer.mean.value.shape) < 0.1)
    >>> compress(net)
    CompressedNetwork(34 of 64 -> 11 -> 10, 77 weights, 21 biases, clusters, ... bytes)
    """
    if not isinstance(result, TurboResult | Network):
        raise TypeError(
            f"result must be what TurboVBI.fit returned, or a pruned Network; got {result!r}"
        )
    network = prune(result) if isinstance(result, TurboResult) else result
    names = iter(format_names(format, len(network.weight_layers)))
    shrunk = shrink(network)
    units = iter(shrunk.layers)
    layers = tuple(
        _sparse(layer, next(units), next(names))
        if isinstance(layer, WeightLayer)
        else build_step(describe_step(layer))  # a copy would remember what it was trained on
        for layer in network.layers
    )
    return CompressedNetwork(
        layers, copy.deepcopy(network.loss), shrunk.kept[0], network.input_shape
    )


def _sparse(layer: WeightLayer, units: UnitWeights, format: str) -> SparseLayer:
    """Return a layer with the weights that are left, in a format."""
    conv = layer if isinstance(layer, Conv2D) else None
    size = None if conv is None else conv.mean.value.shape[2:]
    kernels = from_units(units.mean, size)
    mean, variance = layer.matrix(kernels), layer.matrix(from_units(units.variance, size))
    parts: dict[str, Any] = {
        "weights": FORMATS[format].from_dense(mean),
        "bias": units.bias.astype(mean.dtype),
        "bias_variance": units.bias_variance.astype(mean.dtype),
        "variances": ByteVariances.of(variance.T[mean.T != 0]),
    }
    if conv is None:
        return SparseDense(**parts)
    geometry = {name: getattr(conv, name) for name in ("stride", "padding", "layout")}
    return SparseConv(**parts, shape=kernels.shape, **geometry)

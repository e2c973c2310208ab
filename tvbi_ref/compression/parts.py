"""What every file of a compressed network needs: its likelihood, and a trial of what was read."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tvbi_ref.checkpoint import require_room
from tvbi_ref.compression.layers import SparseConv, positions
from tvbi_ref.compression.network import CompressedNetwork
from tvbi_ref.gamma import Gamma
from tvbi_ref.nets import GaussianLikelihood, Loss, SoftmaxCrossEntropy


def build_loss(noise: dict[str, Any] | None) -> Loss:
    """Return the likelihood that `tvbi_ref.checkpoint.noise_of` described.

    Examples
    --------
    >>> build_loss({"known": 4.0}).noise_precision
    4.0
    """
    if noise is None:
        return SoftmaxCrossEntropy()
    loss = GaussianLikelihood(noise.get("known") or Gamma(*noise["prior"]))
    if "posterior" in noise:
        loss.posterior = Gamma(*noise["posterior"])
    return loss


def try_out(network: CompressedNetwork) -> None:
    """Pass one input through, so that layers which do not fit are found here and not later.

    Examples
    --------
    >>> from tvbi_ref import compress, nets
    >>> try_out(compress(nets.mlp([4, 3, 2], seed=0)))
    """
    sides = [side for side in network.input_sides if not isinstance(side, str)]
    if len(sides) < len(network.input_sides):
        return  # images of any size: which one would fit is not known
    require_room(math.prod(sides))
    sparse, read = network.weight_layers, (int(network.kept_inputs.sum()), *sides[1:])
    for layer, places in zip(sparse, positions(network.layers, read), strict=True):
        if isinstance(layer, SparseConv):
            require_room(places * math.prod(layer.shape[1:]))
    output = network.predict(np.zeros((1, *sides)))
    if output.shape != (1, network.widths[-1]) or not np.isfinite(output).all():
        raise ValueError(f"layers must return {network.widths[-1]} finite outputs; got {output}")

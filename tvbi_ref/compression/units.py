"""The weights of a layer by unit, W[i, j, t] from unit i to unit j by tap t: see `nets.units`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tvbi_ref._repr import brief
from tvbi_ref._validation import FloatArray, as_float_array
from tvbi_ref.nets import Conv2D, Network, WeightLayer
from tvbi_ref.nets.units import BoolArray, count_units, to_units


@dataclass(frozen=True, eq=False)
class UnitWeights:
    """The weights of one layer by unit; zero is pruned.

    Parameters
    ----------
    mean, variance : ndarray (I, J, T)
        Of the weight from unit i to unit j by tap t.
    bias : ndarray (J,)
    bias_variance : ndarray (J,)
        Zero at first: a bias is not random. A random weight that reads a constant is a random
        bias, and so it is here once it is folded.
    padded : bool
        Whether zeros are laid around the images that the layer reads.

    Examples
    --------
    >>> layer = UnitWeights(np.array([[[0.0], [5.0]], [[0.0], [0.0]]]), np.zeros((2, 2, 1)),
    ...                     np.zeros(2), np.zeros(2), padded=False)
    >>> layer.read, layer.fed
    (array([ True, False]), array([False,  True]))
    """

    mean: FloatArray
    variance: FloatArray
    bias: FloatArray
    bias_variance: FloatArray
    padded: bool

    __repr__ = brief

    @property
    def read(self) -> BoolArray:
        """Which of the units before have a fan-out here, (I,)."""
        return np.asarray(self.mean.any(axis=(1, 2)))

    @property
    def fed(self) -> BoolArray:
        """Which of the units have a fan-in, (J,)."""
        return np.asarray(self.mean.any(axis=(0, 2)))


def by_unit(network: Network) -> list[UnitWeights]:
    """Return the weights of every weight layer by unit.

    Examples
    --------
    >>> from tvbi_ref import nets
    >>> net = nets.cnn((1, 6, 6), [nets.Block(4, 3, pool=2)], [10], seed=0)
    >>> [layer.mean.shape for layer in by_unit(net)]  # 3 x 3 taps, then 2 x 2
    [(1, 4, 9), (4, 10, 4)]
    """
    layers = network.weight_layers
    n_units = count_units(network)[:-1]
    return [
        _as_units(layer, n, k) for k, (layer, n) in enumerate(zip(layers, n_units, strict=True))
    ]


def _as_units(layer: WeightLayer, n_units: int, k: int) -> UnitWeights:
    mean = as_float_array(layer.mean.value, f"mean of weight layer {k}", dtype=None)
    variance = as_float_array(layer.variance, f"variance of weight layer {k}", dtype=None)
    bias = as_float_array(layer.bias.value, f"bias of weight layer {k}")
    if layer.mask is not None:
        mean = mean * layer.mask
    return UnitWeights(
        to_units(mean, n_units),
        to_units(variance * (mean != 0), n_units),
        bias,
        np.zeros_like(bias),
        padded=isinstance(layer, Conv2D) and layer.padding > 0,
    )


def from_units(weights: NDArray[Any], kernel_size: tuple[int, ...] | None) -> NDArray[Any]:
    """Return weights (I, J, T) in a layer's own shape: the inverse of `to_units`.

    Parameters
    ----------
    weights : ndarray (I, J, T)
    kernel_size : (kh, kw) or None
        None: of a dense layer.

    Examples
    --------
    >>> weights = np.arange(24).reshape(6, 4)
    >>> bool((from_units(to_units(weights, n_units=2), None) == weights).all())
    True
    """
    I, J, _ = weights.shape
    if kernel_size is None:
        return weights.swapaxes(1, 2).reshape(-1, J)
    return weights.reshape(I, J, *kernel_size).swapaxes(0, 1)

r"""The units of a network (inputs, neurons, channels), and the network that some of them make.

Of whatever kind a layer is, its weights are seen by unit,

.. code-block:: text

    W[i, j, t]    from unit i to unit j by tap t

with one tap in a dense layer, kh kw taps in a convolution, and H W taps in a dense layer behind a
`Flatten`, which reads every place of a channel by a weight of its own.
"""

from __future__ import annotations

import copy
import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tvbi_ref.nets.convolution import Conv2D
from tvbi_ref.nets.layers import Dense, WeightLayer
from tvbi_ref.nets.network import Network
from tvbi_ref.nets.parameters import Parameter
from tvbi_ref.nets.plain import Flatten, LeakyReLU, ReLU, Tanh
from tvbi_ref.nets.pooling import AveragePool, MaxPool

BoolArray = NDArray[np.bool_]
Place = tuple[NDArray[np.intp], ...]

ACTIVATIONS = (ReLU, LeakyReLU, Tanh)
"""Layers that are a function of one number."""

REARRANGING = (MaxPool, AveragePool, Flatten)
"""Layers that give a constant image back as the same constant, channel by channel."""

KNOWN = (Dense, Conv2D, *ACTIVATIONS, *REARRANGING)
"""Layers of which is known what a unit does to the next ones; a subclass may do something else."""


def count_units(network: Network) -> list[int]:
    """Return how many inputs there are, and how many outputs every weight layer has.

    Examples
    --------
    >>> from tvbi_ref import nets
    >>> count_units(nets.cnn((1, 6, 6), [nets.Block(4, 3, pool=2)], [10], seed=0))
    [1, 4, 10]
    """
    n_inputs = network.input_shape[0] if network.input_shape else network.widths[0]
    return [n_inputs, *network.widths[1:]]


def to_units(weights: NDArray[Any], n_units: int) -> NDArray[Any]:
    """Return weights in a layer's own shape as (I, J, T).

    Parameters
    ----------
    weights : ndarray (I T, J) or (J, I, kh, kw)
        Of a dense layer, T inputs for each unit before; or of a convolution.
    n_units : int
        I, the units before.

    Examples
    --------
    >>> to_units(np.array([[1], [2], [3], [4]]), n_units=2)  # two channels of two pixels
    array([[[1, 2]],
           [[3, 4]]])
    """
    if weights.ndim == 4:
        return weights.swapaxes(0, 1).reshape(n_units, len(weights), -1)
    return weights.reshape(n_units, -1, weights.shape[1]).swapaxes(1, 2)


def places(network: Network, units: Sequence[BoolArray]) -> list[Place]:
    """Return where the weights between some of the units stand in each layer's own arrays.

    Parameters
    ----------
    network : Network
        Of layers that are `KNOWN`.
    units : sequence of ndarray of bool
        Which of the units that `count_units` counts.

    Examples
    --------
    >>> from tvbi_ref import nets
    >>> net = nets.mlp([3, 2], seed=0)
    >>> net.weight_layers[0].mean.value[places(net, [np.arange(3) > 0, np.arange(2) > 0])[0]].shape
    (2, 1)
    """
    pairs = zip(network.weight_layers, itertools.pairwise(units), strict=True)
    return [_place(layer, before, behind) for layer, (before, behind) in pairs]


def _place(layer: WeightLayer, before: BoolArray, behind: BoolArray) -> Place:
    # Of a dense layer behind a `Flatten` every place of a channel goes with it.
    rows = np.repeat(before, 1 if isinstance(layer, Conv2D) else layer.widths[0] // len(before))
    rows_and_columns = np.flatnonzero(rows), np.flatnonzero(behind)
    return np.ix_(*(rows_and_columns[::-1] if isinstance(layer, Conv2D) else rows_and_columns))


def part_of(network: Network, units: Sequence[BoolArray]) -> Network:
    """Return the network of some of the units alone, with parameters of its own.

    Parameters
    ----------
    network, units
        See `places`.

    Returns
    -------
    Network
        It takes only those inputs (of images: channels) that are among the units.

    Examples
    --------
    >>> from tvbi_ref import nets
    >>> some = [np.array([True, False, True]), np.array([False, True]), np.array([True])]
    >>> part_of(nets.mlp([3, 2, 1], seed=0), some)
    Network(2 -> 1 -> 1, 3 weights, float32)
    """
    small = copy.copy(network)
    small.layers = [copy.copy(layer) for layer in network.layers]
    weights: list[Any] = [layer for layer in small.layers if isinstance(layer, WeightLayer)]
    small.weight_layers, small.input_shape = weights, None
    for layer, place, behind in zip(weights, places(network, units), units[1:], strict=True):
        layer.mean, layer.log_variance = (_part(p, place) for p in (layer.mean, layer.log_variance))
        layer.bias = _part(layer.bias, behind)
        layer.mask = None if layer.mask is None else layer.mask[place]
    return small


def _part(parameter: Parameter, place: Any) -> Parameter:
    return Parameter(parameter.name, parameter.value[place], parameter.bounds)

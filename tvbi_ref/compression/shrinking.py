r"""Taking dead units out of a pruned network without changing what it computes.

With weights W[i, j, t] from unit i to unit j by tap t (see `units`) pruning leaves two kinds of
units that a network can do without:

.. code-block:: text

    no fan-in     W[:, j, :] = 0    the unit is a constant: `fold_constants`
    no fan-out    W[i, :, :] = 0    nobody reads the unit: `silence_unread`

Both end in units without fan-out, and `cut_out` takes those away, inputs too. One sweep each way is
enough: a constant that is folded gives up weights it sends, which can make constants of later
units only, and a unit that nobody reads gives up weights it receives, which can only leave
earlier units unread; neither makes work for the other. Whether a unit is dead is seen from its
weights alone: a ReLU that is negative on all the data stays.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from tvbi_ref._repr import brief
from tvbi_ref._validation import FloatArray
from tvbi_ref.compression.units import UnitWeights, by_unit
from tvbi_ref.nets import Layer, Network, WeightLayer
from tvbi_ref.nets.units import ACTIVATIONS, KNOWN, BoolArray

Activation = Callable[[FloatArray], FloatArray]


@dataclass(frozen=True, eq=False)
class Shrunk:
    """What is left of a network.

    Parameters
    ----------
    layers : list of UnitWeights
        Of every weight layer, the input side first.
    kept : list of ndarray of bool
        Which units of the network are left: its inputs, the outputs of every weight layer.
    """

    layers: list[UnitWeights]
    kept: list[BoolArray]

    __repr__ = brief


def shrink(network: Network) -> Shrunk:
    """Return a pruned network without its dead units.

    Parameters
    ----------
    network : Network
        A weight is pruned if it is masked or its mean is zero.

    Returns
    -------
    Shrunk
        It computes what `network` does, up to rounding. Every layer has at least one unit
        left: of a network that has died it is one without weights, and the output a constant.

    Raises
    ------
    TypeError
        If it is no network, or has a layer of which is not known what it does to a constant.
    NonFiniteError
        If a weight or a bias is not finite.

    Notes
    -----
    Source: [prune].

    Examples
    --------
    >>> from tvbi_ref import nets
    >>> net = nets.mlp([4, 3, 2], seed=0)
    >>> net.weight_layers[0].prune(np.eye(4, 3) > 0)  # nobody reads the fourth input
    >>> net.weight_layers[1].prune(np.array([[True, True], [True, True], [False, False]]))
    >>> [kept.tolist() for kept in shrink(net).kept]
    [[True, True, False, False], [True, True, False], [True, True]]
    """
    if not isinstance(network, Network):
        raise TypeError(f"network must be a Network; got {network!r}")
    activations = _activations(network)
    layers = silence_unread(fold_constants(by_unit(network), activations))
    return cut_out(layers)


def fold_constants(
    layers: Sequence[UnitWeights], activations: Sequence[Activation]
) -> list[UnitWeights]:
    """Fold every unit without fan-in into the biases behind it; it has no fan-out then.

    Parameters
    ----------
    layers : sequence of UnitWeights
    activations : sequence of callable
        What stands between one layer and the next, applied to a number.

    Notes
    -----
    Source: [prune]. Proof: without fan-in a unit's output is b whatever the input, and its
    activation a = phi(b); a ReLU of a positive bias is not zero. A channel is b at every pixel,
    maxima and means over tiles of a constant are that constant, and Flatten only copies it. So
    `fold_into_bias` applies, and the layers are visited from the input on: a unit that reads
    nothing but constants is one itself after them.

    The mean of the output stays what it is. So does its distribution under q(w), by
    ``bias_variance``, except that a constant which was itself made of random weights, folded in
    the layer before, hands on its mean alone.

    Examples
    --------
    >>> def dense(mean, bias):
    ...     mean = np.array(mean)[:, :, None]
    ...     return UnitWeights(mean, np.zeros_like(mean), np.array(bias), np.zeros(1), False)
    >>> first, second = dense([[0.0]], [3.0]), dense([[2.0]], [1.0])
    >>> fold_constants([first, second], [np.tanh])[1].bias.round(4)  # 1 + 2 tanh 3
    array([2.9901])
    """
    folded = list(layers)
    for k, activation in enumerate(activations):
        values = activation(folded[k].bias)
        folded[k + 1] = fold_into_bias(folded[k + 1], ~folded[k].fed, values)
    return folded


def fold_into_bias(layer: UnitWeights, constant: BoolArray, values: FloatArray) -> UnitWeights:
    """Return a layer that no longer reads units which are constant.

    Parameters
    ----------
    layer : UnitWeights
    constant : ndarray of bool (I,)
        Which of the units before.
    values : ndarray (I,)
        Their values, a; of the others whatever.

    Notes
    -----
    Source: [prune]. Proof: a dense neuron reads sum_i x_i W_ij, and the part of a constant unit
    is a W_ij, for all inputs the same: a bias. In a convolution, and behind a Flatten, all T taps
    read the same a, together a sum_t W_ijt; as a sum of independent Gaussians this has the
    variance a^2 sum_t S_ijt.

    In a convolution that pads its images with zeros, a window at the rim reads a by some taps and
    0 by the others, so that the channel is no bias there. Such a channel stays, unless a = 0.

    Examples
    --------
    >>> layer = UnitWeights(np.full((1, 1, 4), 0.5), np.full((1, 1, 4), 0.25),
    ...                     np.zeros(1), np.zeros(1), padded=False)
    >>> folded = fold_into_bias(layer, np.array([True]), np.array([3.0]))
    >>> folded.mean, folded.bias, folded.bias_variance
    (array([[[0., 0., 0., 0.]]]), array([6.]), array([9.]))
    """
    if layer.padded:
        constant = constant & (values == 0)
    a, others = np.where(constant, values, 0), ~constant[:, None, None]
    return replace(
        layer,
        mean=layer.mean * others,
        variance=layer.variance * others,
        bias=layer.bias + a @ layer.mean.sum(axis=2, dtype=np.float64),
        bias_variance=layer.bias_variance + a**2 @ layer.variance.sum(axis=2, dtype=np.float64),
    )


def silence_unread(layers: Sequence[UnitWeights]) -> list[UnitWeights]:
    """Take weights and bias from every unit that nobody reads.

    Parameters
    ----------
    layers : sequence of UnitWeights

    Notes
    -----
    Source: [prune]. Proof: what a unit without fan-out computes has no way to the output, so it
    may as well compute nothing. The layers are visited from the output on: a unit that is read
    by such units alone is unread after them. The outputs are read by the user.

    Examples
    --------
    >>> layer = UnitWeights(np.ones((2, 2, 1)), np.ones((2, 2, 1)), np.ones(2), np.zeros(2), False)
    >>> read_once = replace(layer, mean=np.array([[[1.0], [1.0]], [[0.0], [0.0]]]))
    >>> silence_unread([layer, read_once])[0].mean[:, :, 0]
    array([[1., 0.],
           [1., 0.]])
    """
    silent = list(layers)
    for k in reversed(range(len(layers) - 1)):
        read = silent[k + 1].read
        silent[k] = replace(
            silent[k],
            mean=silent[k].mean * read[:, None],
            variance=silent[k].variance * read[:, None],
            bias=silent[k].bias * read,
            bias_variance=silent[k].bias_variance * read,
        )
    return silent


def cut_out(layers: Sequence[UnitWeights]) -> Shrunk:
    """Remove every unit and every input without fan-out, but never an output.

    Parameters
    ----------
    layers : sequence of UnitWeights

    Notes
    -----
    Source: [prune]. Proof: such a unit's row in the next layer is zero, and what its column
    computes meets nothing but that row. Where none is read, one stays, so that every layer has a
    shape; behind `silence_unread` it has no weight.

    Examples
    --------
    >>> layer = UnitWeights(np.array([[[0.0]], [[5.0]]]), np.ones((2, 1, 1)),
    ...                     np.zeros(1), np.zeros(1), padded=False)
    >>> shrunk = cut_out([layer])
    >>> shrunk.kept, shrunk.layers[0].mean
    ([array([False,  True]), array([ True])], array([[[5.]]]))
    """
    outputs = np.ones(layers[-1].bias.size, bool)
    kept = [*(_at_least_one(layer.read) for layer in layers), outputs]
    cut = [
        replace(
            layer,
            mean=layer.mean[before][:, behind],
            variance=layer.variance[before][:, behind],
            bias=layer.bias[behind],
            bias_variance=layer.bias_variance[behind],
        )
        for layer, before, behind in zip(layers, kept, kept[1:], strict=False)
    ]
    return Shrunk(cut, kept)


def _at_least_one(read: BoolArray) -> BoolArray:
    return read if read.any() else np.arange(read.size) == 0


def _activations(network: Network) -> list[Activation]:
    """Return what stands between each weight layer and the next, as a function of one number."""
    between: list[list[Layer]] = []
    for k, layer in enumerate(network.layers):
        if type(layer) not in KNOWN:  # a subclass may compute something else
            names = ", ".join(kind.__name__ for kind in KNOWN)
            raise TypeError(f"layer {k} must be one of {names} to be shrunk; got {layer!r}")
        if isinstance(layer, WeightLayer):
            between.append([])
        elif between and isinstance(layer, ACTIVATIONS):
            between[-1].append(copy.copy(layer))  # a forward pass would change the network's own
    return [_composed(layers) for layers in between[:-1]]


def _composed(layers: list[Layer]) -> Activation:
    def apply(x: FloatArray) -> FloatArray:
        for layer in layers:
            x = layer.forward(x)
        return x

    return apply

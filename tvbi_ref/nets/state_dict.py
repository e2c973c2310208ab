"""Weights to and from PyTorch, as what it calls a state dict: names and plain arrays.

    model.load_state_dict({name: torch.tensor(a) for name, a in to_state_dict(net).items()})
    set_state_dict(net, model.state_dict())

The layout is PyTorch's: of a dense layer (n_outputs, n_inputs), which is ours transposed; of a
convolution (F, C, kh, kw), as here. Both sides flatten images channel by channel. A name is the
layer's number in ``network.layers`` and "weight" or "bias", as in a ``torch.nn.Sequential`` of the
same layers in the same order. Means alone: the variances of q(w) have no place there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from numpy.typing import ArrayLike

from tvbi_ref._validation import FloatArray, as_float_array
from tvbi_ref.nets.layers import Dense, WeightLayer
from tvbi_ref.nets.network import Network


def to_state_dict(network: Network) -> dict[str, FloatArray]:
    """Return the posterior means and the biases as PyTorch names and orders them.

    Parameters
    ----------
    network : Network
        What is pruned is zero in the arrays.

    Returns
    -------
    dict of ndarray
        Copies.

    Examples
    --------
    >>> from tvbi_ref import nets
    >>> state = to_state_dict(nets.mlp([4, 3, 2], seed=0))
    >>> {name: array.shape for name, array in state.items()}
    {'0.weight': (3, 4), '0.bias': (3,), '2.weight': (2, 3), '2.bias': (2,)}
    """
    state = {}
    for k, layer in enumerate(network.layers):
        if isinstance(layer, WeightLayer):
            state[f"{k}.weight"] = _turned(layer, layer._live_mean()).copy()
            state[f"{k}.bias"] = layer.bias.value.copy()
    return state


def set_state_dict(network: Network, state: Mapping[str, ArrayLike]) -> None:
    """Put weights and biases of a PyTorch model into a network of the same architecture.

    Parameters
    ----------
    network : Network
        Changed in place: its means and biases. Variances stay, and what is pruned stays zero.
    state : mapping
        Name -> array, or tensor on the CPU: weight and bias of every layer, input side first. The
        names do not matter, for models differ in them; their order does.

    Raises
    ------
    TypeError, ValueError, NonFiniteError
        If the arrays are not those of the network's layers; then nothing is changed.

    Examples
    --------
    >>> import numpy as np
    >>> from tvbi_ref import nets
    >>> net, other = nets.mlp([4, 3, 2], seed=0), nets.mlp([4, 3, 2], seed=1)
    >>> set_state_dict(net, to_state_dict(other))
    >>> bool((net.predict(np.ones((1, 4))) == other.predict(np.ones((1, 4)))).all())
    True
    """
    places = [
        place
        for layer in network.weight_layers
        for place in (_turned(layer, layer.mean.value), layer.bias.value)
    ]
    if len(state) != len(places):
        raise ValueError(
            f"state must hold a weight and a bias for each of the {len(places) // 2} layers; "
            f"got {', '.join(state)}"
        )
    values = [
        as_float_array(value, f"state[{name!r}]", shape=place.shape, dtype=place.dtype)
        for place, (name, value) in zip(places, state.items(), strict=True)
    ]
    for place, value in zip(places, values, strict=True):
        place[...] = value  # a view of the layer's own array
    for layer in network.weight_layers:
        layer.mean.value[...] = layer._live_mean()


def _turned(layer: WeightLayer, weights: Any) -> Any:
    """Return a layer's weights in PyTorch's layout, or back: a view."""
    return weights.T if isinstance(layer, Dense) else weights

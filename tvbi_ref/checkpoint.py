"""Networks as files: one .npz, no pickle, whole or not at all.

The file holds the parameters, the masks and a small JSON text with the architecture, a
format version and a SHA-256 over all of it, so that a damaged or foreign file is
refused and not half believed. `turbo.resume` does the same for a whole run.
"""

from __future__ import annotations

import itertools
import math
import os
from collections.abc import Callable
from typing import Any

from numpy.typing import NDArray

from tvbi_ref._archive import Arrays, damage_is_named, read_archive, write_archive
from tvbi_ref._validation import FloatArray, as_choice, as_float_array, as_widths
from tvbi_ref.gamma import Gamma
from tvbi_ref.nets import GaussianLikelihood, Network, Parameter, cnn, mlp
from tvbi_ref.nets.shapes import as_sizes

FORMAT = "tvbi_ref network"
VERSION = 1
MOST_NUMBERS = 2**27
"""In an image, and in the windows of a convolution, that a file may ask us to pass through."""

ARCHITECTURES: dict[str, Callable[..., Network]] = {"mlp": mlp, "cnn": cnn}
SIZES = {"float32": 4, "float64": 8}


def save_network(path: str | os.PathLike[str], network: Network) -> None:
    """Write a network: parameters, masks and architecture.

    Parameters
    ----------
    path : path-like
        Usually ends in ``.npz``.
    network : Network
        One that an architecture function built, so that it has a recipe.

    Raises
    ------
    TypeError
        If it is no network.
    ValueError
        If the network has no recipe by which it could be built again.
    NonFiniteError
        If a parameter is not finite: `load_network` would refuse the file.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> net = mlp([4, 3, 2], seed=0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_network(f"{folder}/net.npz", net)
    ...     again = load_network(f"{folder}/net.npz")
    >>> x = np.ones((1, 4))
    >>> bool(np.array_equal(net.predict(x), again.predict(x)))
    True
    """
    if not isinstance(network, Network):
        raise TypeError(f"network must be a Network; got {network!r}")
    as_choice(network.recipe.get("architecture"), "network.recipe['architecture']", ARCHITECTURES)
    for parameter in network.parameters():
        as_float_array(parameter.value, parameter.name, dtype=None)
    header = {
        "format": FORMAT,
        "version": VERSION,
        "dtype": network.dtype.name,
        "recipe": network.recipe,
        "noise": noise_of(network),
    }
    write_archive(path, header, arrays_of(network), compress=True)


def load_network(path: str | os.PathLike[str]) -> Network:
    """Read a network that `save_network` wrote.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    DataCorruptedError
        If it is not such a file, is damaged, comes from a newer version, or its arrays are not
        those of its architecture.
    """
    header, arrays = read_archive(path, FORMAT, VERSION, _most_bytes)
    with damage_is_named(path, FORMAT):
        return _build(header, arrays)


def arrays_of(network: Network) -> Arrays:
    """Return the parameters and the masks of a network by name, the parameters themselves.

    Examples
    --------
    >>> list(arrays_of(mlp([4, 2], seed=0)))
    ['parameter_0', 'parameter_1', 'parameter_2']
    """
    arrays = {f"parameter_{k}": p.value for k, p in enumerate(network.parameters())}
    masks = {
        f"mask_{k}": layer.mask
        for k, layer in enumerate(network.weight_layers)
        if layer.mask is not None
    }
    return arrays | masks


def noise_of(network: Network) -> dict[str, Any] | None:
    """Return what a Gaussian likelihood knows of its noise; None for any other likelihood.

    Examples
    --------
    >>> noise_of(mlp([4, 1], seed=0, likelihood="gaussian", noise=Gamma(2.0, 1.0)))
    {'prior': [2.0, 1.0], 'posterior': [2.0, 1.0]}
    """
    loss = network.loss
    if not isinstance(loss, GaussianLikelihood):
        return None
    if loss.prior is None or loss.posterior is None:
        return {"known": loss.noise_precision}
    return {
        "prior": [loss.prior.shape, loss.prior.rate],
        "posterior": [loss.posterior.shape, loss.posterior.rate],
    }


def put_back(network: Network, arrays: Arrays, noise: dict[str, Any] | None) -> None:
    """Give a network of the same architecture what `arrays_of` and `noise_of` returned.

    Parameters
    ----------
    network : Network
        Changed in place. What is pruned in it stays pruned.
    arrays : dict of ndarray
        More than these may be in it.
    noise : dict or None

    Raises
    ------
    ValueError
        If an array is not of the type and the shape that it has in the network.
    NonFiniteError
        If a parameter is not finite.

    Examples
    --------
    >>> one, two = mlp([4, 2], seed=0), mlp([4, 2], seed=1)
    >>> put_back(two, arrays_of(one), noise_of(one))
    >>> bool((one.state()[0] == two.state()[0]).all())
    True
    """
    values = [
        _as_parameter(arrays[f"parameter_{k}"], parameter, f"parameter_{k}")
        for k, parameter in enumerate(network.parameters())
    ]
    if noise and "posterior" in noise:
        network.loss.posterior = Gamma(*noise["posterior"])  # type: ignore[attr-defined]
    for k, layer in enumerate(network.weight_layers):
        if f"mask_{k}" in arrays:
            layer.prune(arrays[f"mask_{k}"])
    network.set_state(values)


def _as_parameter(array: NDArray[Any], parameter: Parameter, name: str) -> FloatArray:
    if array.dtype != parameter.value.dtype:
        raise ValueError(f"{name} must be {parameter.value.dtype}; got {array.dtype}")
    return as_float_array(array, name, shape=parameter.value.shape, dtype=None)


def _build(header: dict[str, Any], arrays: Arrays) -> Network:
    shapes = _weight_shapes(header["recipe"])
    given = [arrays[f"parameter_{3 * k}"].shape for k in range(len(shapes))]
    if given != shapes:  # before a network is made that may ask for all the memory there is
        raise ValueError(f"weights must have shapes {shapes}; got {given}")
    recipe = dict(header["recipe"])
    build = ARCHITECTURES[recipe.pop("architecture")]
    noise = header["noise"]
    if noise:
        recipe["noise"] = noise.get("known") or Gamma(*noise["prior"])
    network = build(**recipe, seed=0, dtype=as_choice(header["dtype"], "dtype", SIZES))
    put_back(network, arrays, noise)
    if arrays.keys() != arrays_of(network).keys() or noise_of(network) != noise:
        raise ValueError("arrays and noise must be the network's; got others, or more")
    return network


def _most_bytes(header: dict[str, Any]) -> int:
    """Return how many bytes parameters and masks of a network can have."""
    size = SIZES[header["dtype"]]
    shapes = _weight_shapes(header["recipe"])
    return sum((2 * size + 1) * math.prod(s) + size * max(s[0], s[-1]) for s in shapes)


def _weight_shapes(recipe: dict[str, Any]) -> list[tuple[int, ...]]:
    """Return the shape of every layer's weights without making any."""
    widths, shapes = list(recipe["widths"]), []
    if recipe["architecture"] == "cnn":
        C, H, W = as_sizes(recipe["input_shape"], "input_shape", "CHW")
        require_room(C * H * W)
        for filters, kernel, stride, padding, pool in recipe["blocks"]:
            shapes.append((filters, C, kernel, kernel))
            C, H, W = filters, *((n + 2 * padding - kernel) // stride + 1 for n in (H, W))
            require_room(H * W * math.prod(shapes[-1][1:]))
            H, W = H // pool, W // pool
        widths = [C * H * W, *widths]
    return [*shapes, *itertools.pairwise(as_widths(widths))]


def require_room(numbers: int) -> None:
    """Refuse an image, or windows of one, of more numbers than a file may ask for.

    Examples
    --------
    >>> require_room(10**12)
    Traceback (most recent call last):
    ValueError: an image must have at most 134217728 numbers in a layer; got 1000000000000
    """
    if numbers > MOST_NUMBERS:
        raise ValueError(
            f"an image must have at most {MOST_NUMBERS} numbers in a layer; got {numbers}"
        )

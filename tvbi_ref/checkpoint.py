"""Networks as files: one .npz, no pickle, whole or not at all.

The file holds the parameters, the masks and a small JSON text with the architecture, a
format version and a SHA-256 over all of it, so that a damaged or foreign file is
refused and not half believed. `turbo.resume` does the same for a whole run.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np

from tvbi_ref._archive import Arrays, damage_is_named, read_archive, write_archive
from tvbi_ref._validation import as_choice
from tvbi_ref.gamma import Gamma
from tvbi_ref.nets import GaussianLikelihood, Network, cnn, mlp

FORMAT = "tvbi_ref network"
VERSION = 1
ARCHITECTURES: dict[str, Callable[..., Network]] = {"mlp": mlp, "cnn": cnn}


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

    Examples
    --------
    >>> import tempfile
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
        If it is not such a file, is damaged, or comes from a newer version.
    """
    header, arrays = read_archive(path, FORMAT, VERSION)
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

    Examples
    --------
    >>> one, two = mlp([4, 2], seed=0), mlp([4, 2], seed=1)
    >>> put_back(two, arrays_of(one), noise_of(one))
    >>> bool((one.state()[0] == two.state()[0]).all())
    True
    """
    if noise and "posterior" in noise:
        network.loss.posterior = Gamma(*noise["posterior"])  # type: ignore[attr-defined]
    for k, layer in enumerate(network.weight_layers):
        if f"mask_{k}" in arrays:
            layer.prune(arrays[f"mask_{k}"])
    network.set_state([arrays[f"parameter_{k}"] for k in range(len(network.parameters()))])


def _build(header: dict[str, Any], arrays: Arrays) -> Network:
    recipe = dict(header["recipe"])
    build = ARCHITECTURES[recipe.pop("architecture")]
    noise = header["noise"]
    if noise:
        recipe["noise"] = noise.get("known") or Gamma(*noise["prior"])
    network = build(**recipe, seed=0, dtype=np.dtype(header["dtype"]))
    put_back(network, arrays, noise)
    return network

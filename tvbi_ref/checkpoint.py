"""Networks as files: one .npz, no pickle, whole or not at all.

The file holds the parameters, the masks and a small JSON text with the architecture, a
format version and a SHA-256 over all of it, so that a damaged or foreign file is
refused and not half believed.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tvbi_ref._files import atomic_write
from tvbi_ref._validation import as_choice
from tvbi_ref.errors import DataCorruptedError
from tvbi_ref.gamma import Gamma
from tvbi_ref.nets import GaussianLikelihood, Network, mlp

FORMAT = "tvbi_ref network"
VERSION = 1
ARCHITECTURES = {"mlp": mlp}


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
    arrays = _arrays(network)
    header = {
        "format": FORMAT,
        "version": VERSION,
        "dtype": network.dtype.name,
        "recipe": network.recipe,
        "noise": _noise(network),
    }
    header["sha256"] = _digest(header, arrays)
    with atomic_write(path) as file:
        everything: dict[str, Any] = {"header": np.array(json.dumps(header)), **arrays}
        np.savez_compressed(file, **everything)


def load_network(path: str | os.PathLike[str]) -> Network:
    """Read a network that `save_network` wrote.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    DataCorruptedError
        If it is not such a file, is damaged, or comes from a newer version.
    """
    data = io.BytesIO(Path(path).read_bytes())
    try:
        with zipfile.ZipFile(data):  # np.load would take a single array, too
            pass
        with np.load(data, allow_pickle=False) as file:
            header = json.loads(str(file["header"]))
            arrays = {name: file[name] for name in file.files if name != "header"}
        _require_trustworthy(path, header, arrays)
        return _build(header, arrays)
    except DataCorruptedError:
        raise
    except Exception as error:  # zip, zlib, npy and JSON each have their own
        raise DataCorruptedError(f"{path} is not a readable {FORMAT} file: {error!r}") from error


def _arrays(network: Network) -> dict[str, NDArray[Any]]:
    arrays = {f"parameter_{k}": p.value for k, p in enumerate(network.parameters())}
    masks = {
        f"mask_{k}": layer.mask
        for k, layer in enumerate(network.weight_layers)
        if layer.mask is not None
    }
    return arrays | masks


def _noise(network: Network) -> dict[str, Any] | None:
    loss = network.loss
    if not isinstance(loss, GaussianLikelihood):
        return None
    if loss.prior is None or loss.posterior is None:
        return {"known": loss.noise_precision}
    return {
        "prior": [loss.prior.shape, loss.prior.rate],
        "posterior": [loss.posterior.shape, loss.posterior.rate],
    }


def _digest(header: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> str:
    """Return a checksum over everything in the file but itself."""
    rest = {name: value for name, value in header.items() if name != "sha256"}
    digest = hashlib.sha256(json.dumps(rest, sort_keys=True).encode())
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        digest.update(f"{name} {array.dtype.str} {array.shape}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def _require_trustworthy(path: Any, header: Any, arrays: dict[str, NDArray[Any]]) -> None:
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise DataCorruptedError(f"{path} is not a {FORMAT} file")
    if header["version"] > VERSION:
        raise DataCorruptedError(
            f"{path} has format version {header['version']}; this package reads up to {VERSION}"
        )
    if header["sha256"] != _digest(header, arrays):
        raise DataCorruptedError(f"{path} is damaged: its checksum does not match its content")


def _build(header: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> Network:
    recipe = dict(header["recipe"])
    build = ARCHITECTURES[recipe.pop("architecture")]
    noise = header["noise"]
    if noise:
        recipe["noise"] = noise.get("known") or Gamma(*noise["prior"])
    network = build(**recipe, seed=0, dtype=np.dtype(header["dtype"]))
    if noise and "posterior" in noise:
        network.loss.posterior = Gamma(*noise["posterior"])  # type: ignore[attr-defined]
    for k, layer in enumerate(network.weight_layers):
        if f"mask_{k}" in arrays:
            layer.prune(arrays[f"mask_{k}"])
    network.set_state([arrays[f"parameter_{k}"] for k in range(len(network.parameters()))])
    return network

"""Compressed networks as files: one .npz without pickle, whole or not at all.

An array in an .npz takes a quarter of a kilobyte before its first number, its name in the zip
three times and its type in words, which for a small network is more than its weights. So
there is one array, "model": a description in JSON, deflated, and behind it the bytes of all the
arrays that the description names, as they are. What the formats take is then what the file takes,
and about a kilobyte for the rest. The frame, with a version and a checksum, is `_archive`'s.
"""

from __future__ import annotations

import json
import math
import os
import zlib
from collections.abc import Sequence
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from tvbi_ref._archive import MOST_TEXT, Arrays, damage_is_named, read_archive, write_archive
from tvbi_ref._validation import as_choice, as_count
from tvbi_ref.checkpoint import noise_of, require_room
from tvbi_ref.compression.formats import FORMATS
from tvbi_ref.compression.layers import SparseConv, SparseDense, SparseLayer, positions
from tvbi_ref.compression.network import CompressedNetwork, as_compressed
from tvbi_ref.compression.steps import STEPS, build_step, describe_step
from tvbi_ref.compression.variances import ByteVariances
from tvbi_ref.errors import DataCorruptedError
from tvbi_ref.gamma import Gamma
from tvbi_ref.nets import GaussianLikelihood, Layer, Loss, SoftmaxCrossEntropy
from tvbi_ref.nets.shapes import as_sizes

FORMAT = "tvbi_ref compressed network"
VERSION = 1

ZIP_START, ZIP_END = b"PK\3\4", b"PK\5\6"
ZIP_END_BYTES = 22
"""Of the record that ends a zip without a comment."""


def save_compressed(
    path: str | os.PathLike[str], network: CompressedNetwork, *, uncertainty: bool = True
) -> None:
    """Write a compressed network to a file: one .npz without pickle, whole or not at all.

    Parameters
    ----------
    path : path-like
        Usually ends in ``.npz``; missing folders are made.
    network : CompressedNetwork
    uncertainty : bool
        False: without the variances, for predictions at the means only; see
        `CompressedNetwork.uncertainty_nbytes`.

    Raises
    ------
    TypeError
        If it is no such network.

    Examples
    --------
    >>> import tempfile
    >>> from tvbi_ref import compress, nets
    >>> small, x = compress(nets.mlp([4, 3, 2], seed=0)), np.ones((1, 4))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_compressed(f"{folder}/net.npz", small)
    ...     again = load_compressed(f"{folder}/net.npz")
    >>> bool((again.predict_proba(x, draws=9) == small.predict_proba(x, draws=9)).all())
    True
    """
    arrays: Arrays = {}
    if not as_compressed(network).kept_inputs.all():
        arrays["inputs"] = np.packbits(network.kept_inputs)
    description = {
        "inputs": network.kept_inputs.size,
        "input_shape": network.input_shape,
        "noise": noise_of(cast(Any, network)),  # which looks at the loss only
        "layers": [
            _describe(layer, str(k), arrays, uncertainty)
            if isinstance(layer, SparseLayer)
            else describe_step(layer)
            for k, layer in enumerate(network.layers)
        ],
    }
    model = np.frombuffer(_to_bytes(description, arrays), np.uint8)
    write_archive(path, {"format": FORMAT, "version": VERSION}, {"model": model}, compress=False)


def load_compressed(path: str | os.PathLike[str]) -> CompressedNetwork:
    """Read a network that `save_compressed` wrote.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    DataCorruptedError
        If it is not such a file, is damaged, or comes from a newer version.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.NamedTemporaryFile() as file:
    ...     load_compressed(file.name)
    Traceback (most recent call last):
    tvbi_ref.errors.DataCorruptedError: ... is not a readable tvbi_ref compressed network file: ...
    """
    _, archive = read_archive(path, FORMAT, VERSION)
    _require_nothing_else(path)
    with damage_is_named(path, FORMAT):
        return _build(*_from_bytes(archive["model"].data))


# Bytes


def _require_nothing_else(path: str | os.PathLike[str]) -> None:
    """Raise an error if something stands before or behind the zip, which a reader of zips skips."""
    with open(path, "rb") as file:
        start = file.read(len(ZIP_START))
        file.seek(-ZIP_END_BYTES, os.SEEK_END)
        if start != ZIP_START or not file.read().startswith(ZIP_END):
            raise DataCorruptedError(f"{path} is damaged: there is more in it than a {FORMAT}")


def _to_bytes(description: dict[str, Any], arrays: Arrays) -> bytes:
    """Return the description, with a list of the arrays in it, and behind it the arrays."""
    table = [[name, array.dtype.str, array.shape] for name, array in arrays.items()]
    words = json.dumps(description | {"arrays": table}, separators=(",", ":"))
    content = b"".join(array.tobytes() for array in arrays.values())
    return zlib.compress(words.encode(), 9) + content


def _from_bytes(model: bytes | memoryview) -> tuple[dict[str, Any], Arrays]:
    """Return what `_to_bytes` was given."""
    inflater = zlib.decompressobj()
    words = inflater.decompress(model, MOST_TEXT)
    if not inflater.eof:
        raise ValueError(f"the description must end, and have at most {MOST_TEXT} bytes")
    description = json.loads(words)
    content, at = inflater.unused_data, 0
    arrays: Arrays = {}
    for name, dtype, shape in description.pop("arrays"):
        count = math.prod(as_count(n, f"shape of {name}") for n in shape)
        array = np.frombuffer(content, dtype, count, at).reshape(shape)
        arrays[name] = array.copy()  # aligned, and writable
        at += array.nbytes
    if at != len(content):
        raise ValueError(f"the arrays must have {at} bytes; got {len(content)}")
    return description, arrays


# Layers


def _describe(layer: SparseLayer, k: str, arrays: Arrays, uncertainty: bool) -> dict[str, Any]:
    """Return a layer as JSON can hold it, its arrays moved into `arrays`."""
    arrays |= {f"{k}.weights.{name}": array for name, array in layer.weights.arrays().items()}
    arrays[f"{k}.bias"] = layer.bias
    description: dict[str, Any] = {
        "kind": "dense",
        "format": layer.format,
        "matrix": layer.weights.shape,
    }
    if isinstance(layer, SparseConv):
        geometry = ("shape", "stride", "padding", "layout")
        description |= {name: getattr(layer, name) for name in geometry} | {"kind": "conv"}
    if uncertainty and layer.variances:
        arrays[f"{k}.variances"] = layer.variances.codes
        description["variances"] = [layer.variances.low, layer.variances.step]
        if layer.bias_variance.any():
            arrays[f"{k}.bias_variance"] = layer.bias_variance
    return description


def _build(description: dict[str, Any], arrays: Arrays) -> CompressedNetwork:
    layers: list[SparseLayer | Layer] = [
        build_step(about) if about["kind"] in STEPS else _build_sparse(about, str(k), arrays)
        for k, about in enumerate(description["layers"])
    ]
    shape = description["input_shape"]
    network = CompressedNetwork(
        tuple(layers),
        _build_loss(description["noise"]),
        _unpack_inputs(description["inputs"], arrays, layers),
        None if shape is None else as_sizes(shape, "input_shape", "CHW"),
    )
    _try_out(network)
    return network


def _build_sparse(about: dict[str, Any], k: str, arrays: Arrays) -> SparseLayer:
    bias, codes = arrays[f"{k}.bias"], arrays.get(f"{k}.variances")
    start = f"{k}.weights."
    own = {name.removeprefix(start): a for name, a in arrays.items() if name.startswith(start)}
    parts: dict[str, Any] = {
        "weights": FORMATS[about["format"]].from_arrays(own, about["matrix"]),
        "bias": bias,
        "bias_variance": arrays.get(f"{k}.bias_variance", np.zeros_like(bias)),
        "variances": None if codes is None else ByteVariances(codes, *about["variances"]),
    }
    if as_choice(about["kind"], "kind", ("dense", "conv")) == "dense":
        return SparseDense(**parts)
    geometry = {name: about[name] for name in ("stride", "padding", "layout")}
    return SparseConv(**parts, shape=tuple(about["shape"]), **geometry)


def _build_loss(noise: dict[str, Any] | None) -> Loss:
    """Return the likelihood that `noise_of` described."""
    if noise is None:
        return SoftmaxCrossEntropy()
    loss = GaussianLikelihood(noise.get("known") or Gamma(*noise["prior"]))
    if "posterior" in noise:
        loss.posterior = Gamma(*noise["posterior"])
    return loss


def _unpack_inputs(
    n_inputs: int, arrays: Arrays, layers: Sequence[SparseLayer | Layer]
) -> NDArray[np.bool_]:
    as_count(n_inputs, "inputs", at_least=1)
    if "inputs" not in arrays:
        first = next(layer.widths[0] for layer in layers if isinstance(layer, SparseLayer))
        if n_inputs > first:
            raise ValueError(f"inputs must be at most {first}, the first layer's; got {n_inputs}")
        return np.ones(n_inputs, bool)
    kept = np.unpackbits(arrays["inputs"])
    if kept.size != n_inputs + -n_inputs % 8 or not kept.any() or kept[n_inputs:].any():
        raise ValueError(f"inputs must be a bit for each of {n_inputs}, one of them set")
    return kept[:n_inputs].astype(bool)


def _try_out(network: CompressedNetwork) -> None:
    """Pass one input through, so that layers which do not fit are found here and not later."""
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

"""Compressed networks as files, whole or not at all: one .npz without pickle, or one code.

An array in an .npz takes a quarter of a kilobyte before its first number, its name in the zip
three times and its type in words, which for a small network is more than its weights. So
there is one array, "model": a description in JSON, deflated, and behind it the bytes of all the
arrays that the description names, as they are. What the formats take is then what the file takes,
and about a kilobyte for the rest. The frame, with a version and a checksum, is `_archive`'s.

The coded file has nine bytes of frame and the code of `coded`.
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
from tvbi_ref._files import atomic_write
from tvbi_ref._validation import as_choice, as_count
from tvbi_ref.checkpoint import noise_of
from tvbi_ref.compression.coded import decode, encode
from tvbi_ref.compression.formats import FORMATS
from tvbi_ref.compression.layers import SparseConv, SparseDense, SparseLayer
from tvbi_ref.compression.network import CompressedNetwork, as_compressed
from tvbi_ref.compression.parts import build_loss, try_out
from tvbi_ref.compression.steps import STEPS, build_step, describe_step
from tvbi_ref.compression.variances import ByteVariances
from tvbi_ref.errors import DataCorruptedError
from tvbi_ref.nets import Layer
from tvbi_ref.nets.shapes import as_sizes

FORMAT = "tvbi_ref compressed network"
VERSION = 1

MAGIC, CODED_VERSION = b"TVBC", 1
"""Of a coded file."""

ZIP_START, ZIP_END = b"PK\3\4", b"PK\5\6"
ZIP_END_BYTES = 22
"""Of the record that ends a zip without a comment."""


def save_compressed(
    path: str | os.PathLike[str],
    network: CompressedNetwork,
    *,
    uncertainty: bool = True,
    coded: bool = False,
) -> None:
    """Write a compressed network to a file, exactly, whole or not at all.

    Parameters
    ----------
    path : path-like
        Usually ends in ``.npz``, or ``.tvbc`` if coded; missing folders are made.
    network : CompressedNetwork
    uncertainty : bool
        False: without the variances, for predictions at the means only; see
        `CompressedNetwork.uncertainty_nbytes`.
    coded : bool
        False: one .npz without pickle. True: entropy coded, a file of another format
        (docs/coded_file.md), which keeps every bit, too. It is small where the weights are few
        whole numbers of a step, as `round_weights` makes them.

    Raises
    ------
    TypeError
        If it is no such network, or an option is neither True nor False.
    ValueError
        If it is to be coded, and is nothing but zeros, millions of them.

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
    as_compressed(network)
    for name, value in (("uncertainty", uncertainty), ("coded", coded)):
        if not isinstance(value, bool):
            raise TypeError(f"{name} must be True or False; got {value!r}")
    if coded:
        with atomic_write(path) as file:
            file.write(_signed(encode(network, uncertainty)))
        return
    arrays: Arrays = {}
    if not network.kept_inputs.all():
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
    if is_coded(path):
        return _read_coded(path)
    _, archive = read_archive(path, FORMAT, VERSION)
    _require_nothing_else(path)
    with damage_is_named(path, FORMAT):
        return _build(*_from_bytes(archive["model"].data))


# The coded file


def is_coded(path: str | os.PathLike[str]) -> bool:
    """Return whether a file says of itself that it is a coded one.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.NamedTemporaryFile() as file:
    ...     is_coded(file.name)
    False
    """
    with open(path, "rb") as file:
        return file.read(len(MAGIC)) == MAGIC


def coded_nbytes(network: CompressedNetwork, *, uncertainty: bool = False) -> int:
    """Return how many bytes ``save_compressed(..., coded=True)`` writes.

    Parameters
    ----------
    network : CompressedNetwork
    uncertainty : bool

    Examples
    --------
    >>> from tvbi_ref import compress, nets
    >>> coded_nbytes(compress(nets.mlp([4, 3, 2], seed=0)))  # 23 numbers of float32 in it
    101
    """
    return len(_signed(encode(as_compressed(network), uncertainty)))


def _signed(code: bytes) -> bytes:
    """Return a code behind the frame: magic, version, and a checksum of all that follows it."""
    version = CODED_VERSION.to_bytes()
    return MAGIC + zlib.crc32(version + code).to_bytes(4) + version + code


def _read_coded(path: str | os.PathLike[str]) -> CompressedNetwork:
    with open(path, "rb") as file, damage_is_named(path, FORMAT):
        frame, content = file.read(len(MAGIC) + 4), file.read()
        if zlib.crc32(content) != int.from_bytes(frame[len(MAGIC) :]) or not content:
            raise DataCorruptedError(f"{path} is damaged: its checksum does not match its content")
        if content[0] != CODED_VERSION:
            raise DataCorruptedError(
                f"{path} has format version {content[0]}; this package reads {CODED_VERSION}"
            )
        network = decode(content[1:])
        try_out(network)
        return network


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
        build_loss(description["noise"]),
        _unpack_inputs(description["inputs"], arrays, layers),
        None if shape is None else as_sizes(shape, "input_shape", "CHW"),
    )
    try_out(network)
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

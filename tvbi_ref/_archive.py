"""Files that can be believed: a JSON header and arrays in one .npz, without pickle.

The header carries the name of the format, its version and a SHA-256 over everything in the
file, so that a damaged or foreign file is refused and not half believed. What has more
structure than a list of arrays goes through `pack` and `unpack`.
"""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tvbi_ref._files import atomic_write
from tvbi_ref.errors import DataCorruptedError

Arrays = dict[str, NDArray[Any]]

MOST_TEXT = 2**20
"""Bytes of a header, and of what stands before each array; real ones have some thousands."""


def write_archive(
    path: str | os.PathLike[str], header: dict[str, Any], arrays: Arrays, *, compress: bool
) -> None:
    """Write a header and arrays, atomically.

    Parameters
    ----------
    path : path-like
    header : dict
        What JSON can hold; "format" and "version" must be among its keys.
    arrays : dict of ndarray
        None of them may be called "header".
    compress : bool
        Smaller by a tenth to a half, and many times slower.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     header = {"format": "diary", "version": 1, "mood": "fair"}
    ...     write_archive(f"{folder}/a.npz", header, {"x": np.ones(2)}, compress=False)
    ...     header, arrays = read_archive(f"{folder}/a.npz", "diary", 1)
    >>> header["mood"], arrays["x"]
    ('fair', array([1., 1.]))
    """
    header = header | {"sha256": digest(header, arrays)}
    everything: dict[str, Any] = {"header": np.array(json.dumps(header)), **arrays}
    save = np.savez_compressed if compress else np.savez
    with atomic_write(path) as file:
        save(file, **everything)


def read_archive(
    path: str | os.PathLike[str],
    format: str,
    version: int,
    most: Callable[[dict[str, Any]], int] | None = None,
) -> tuple[dict[str, Any], Arrays]:
    """Return the header and the arrays of a file that `write_archive` wrote.

    Parameters
    ----------
    path : path-like
    format : str
        What the header must call itself.
    version : int
        The newest version that the caller understands.
    most : callable, optional
        How many bytes the arrays may have, by what the header says; without it the file must not
        be compressed, so that it holds no more than its size.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    DataCorruptedError
        If it is not such a file, is damaged, comes from a newer version, or would unpack to more
        than it may hold.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.NamedTemporaryFile() as file:
    ...     read_archive(file.name, "diary", 1)
    Traceback (most recent call last):
    tvbi_ref.errors.DataCorruptedError: ... is not a readable diary file: ...
    """
    with open(path, "rb") as data, damage_is_named(path, format):
        members = zipfile.ZipFile(data).infolist()  # np.load would take a single array, too
        sizes = [member.file_size for member in members]
        headers = (m.file_size for m in members if m.filename == "header.npy")
        _require_at_most(max(headers), MOST_TEXT, "the header")
        with np.load(data, allow_pickle=False) as file:
            header = json.loads(str(file["header"]))
            _require_format(path, header, format, version)
            packed = any(member.compress_type for member in members)
            if packed and most is None:
                raise ValueError("it must not be compressed")
            room = most(header) if most else os.fstat(data.fileno()).st_size
            _require_at_most(sum(sizes), room + MOST_TEXT, "all of it")
            arrays = {name: file[name] for name in file.files if name != "header"}
        if header["sha256"] != digest(header, arrays):
            raise DataCorruptedError(f"{path} is damaged: its checksum does not match its content")
    return header, arrays


def _require_at_most(size: int, most: int, what: str) -> None:
    """Refuse what would unpack to more than it may hold, before it is unpacked."""
    if size > most:
        raise ValueError(f"{what} must have at most {most} bytes; got {size}")


@contextmanager
def damage_is_named(path: str | os.PathLike[str], format: str) -> Iterator[None]:
    """Turn whatever goes wrong with the content of a file into one kind of error.

    Parameters
    ----------
    path : path-like
    format : str

    Raises
    ------
    DataCorruptedError
        For any error inside the block.

    Examples
    --------
    >>> with damage_is_named("a.npz", "diary"):
    ...     {}["mood"]
    Traceback (most recent call last):
    tvbi_ref.errors.DataCorruptedError: a.npz is not a readable diary file: KeyError('mood')
    """
    try:
        yield
    except DataCorruptedError:
        raise
    except Exception as error:  # zip, zlib, npy and JSON each have their own
        raise DataCorruptedError(f"{path} is not a readable {format} file: {error!r}") from error


def digest(header: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> str:
    """Return the SHA-256 of a header, its own "sha256" left out, and arrays with their types.

    Examples
    --------
    >>> digest({}, {"x": np.zeros(2)}) == digest({}, {"x": np.zeros(2, np.float32)})
    False
    """
    rest = {name: value for name, value in header.items() if name != "sha256"}
    sha = hashlib.sha256(json.dumps(rest, sort_keys=True).encode())
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        sha.update(f"{name} {array.dtype.str} {array.shape}".encode())
        sha.update(array.reshape(-1).view(np.uint8).data)
    return sha.hexdigest()


def _require_format(path: Any, header: Any, format: str, version: int) -> None:
    if not isinstance(header, dict) or header.get("format") != format:
        raise DataCorruptedError(f"{path} is not a {format} file")
    if header["version"] > version:
        raise DataCorruptedError(
            f"{path} has format version {header['version']}; this package reads up to {version}"
        )


def pack(value: Any, name: str, arrays: Arrays) -> Any:
    """Return a nested value as JSON can hold it, its arrays moved into `arrays`.

    Parameters
    ----------
    value : object
        None, numbers, texts, NumPy arrays and numbers, and lists, tuples and dicts of these.
    name : str
        What to call it in an error; its arrays are named after it.
    arrays : dict of ndarray
        Filled.

    Raises
    ------
    TypeError
        If there is anything else inside.

    Examples
    --------
    >>> arrays = {}
    >>> packed = pack({"count": 3, "moments": (np.ones(2), None)}, "adam", arrays)
    >>> list(arrays)
    ['adam.moments.0']
    >>> unpack(packed, arrays)
    {'count': 3, 'moments': (array([1., 1.]), None)}
    """
    if value is None or type(value) in (bool, int, float, str):
        return value
    if isinstance(value, np.generic) and value.dtype.kind in "biuf" and value.itemsize <= 8:
        return {"scalar": [value.dtype.str, value.item()]}
    if type(value) is np.ndarray and not value.dtype.hasobject:
        while name in arrays:  # {"a.b": x} and {"a": {"b": x}} have one name
            name += "'"
        arrays[name] = value
        return {"array": name}
    if type(value) in (list, tuple):
        parts = [pack(part, f"{name}.{k}", arrays) for k, part in enumerate(value)]
        return {type(value).__name__: parts}
    if type(value) is dict and all(type(key) is str for key in value):
        return {"dict": {key: pack(part, f"{name}.{key}", arrays) for key, part in value.items()}}
    raise TypeError(
        f"{name} must be made of numbers, texts, arrays, and lists, tuples and dicts of these "
        f"to be stored; got a {type(value).__name__}"
    )


def unpack(packed: Any, arrays: Mapping[str, NDArray[Any]]) -> Any:
    """Return what `pack` was given.

    Parameters
    ----------
    packed : object
    arrays : dict of ndarray

    Examples
    --------
    >>> unpack({"tuple": [1, {"scalar": ["<f4", 0.5]}]}, {})
    (1, np.float32(0.5))
    """
    if not isinstance(packed, dict):
        return packed
    ((kind, content),) = packed.items()
    if kind == "array":
        return arrays[content]
    if kind == "scalar":
        return np.dtype(content[0]).type(content[1])
    if kind == "dict":
        return {key: unpack(part, arrays) for key, part in content.items()}
    return {"list": list, "tuple": tuple}[kind](unpack(part, arrays) for part in content)

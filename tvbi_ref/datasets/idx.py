"""The IDX format of MNIST."""

from __future__ import annotations

import gzip
import io
import math
import os
import struct
import zlib
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tvbi_ref.errors import DataCorruptedError

_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_CHUNK = 2**20
Content = bytes | bytearray
_MAX_AXES = 64  # what NumPy can hold; the format itself could say 255


def read_idx(source: str | os.PathLike[str] | bytes) -> NDArray[Any]:
    """Read an array in the IDX format of MNIST, plain or gzipped.

    Parameters
    ----------
    source : path or bytes
        A file, or the content of one.

    Returns
    -------
    ndarray
        Of the shape and type that the header declares, in the machine's byte order.

    Raises
    ------
    TypeError
        If `source` is neither a path nor bytes.
    FileNotFoundError
        If there is no such file.
    DataCorruptedError
        If the gzip stream is damaged, the header is not IDX, an axis is empty, or the
        content is not exactly as long as the header says.

    Notes
    -----
    The format: two zero bytes, a type code (0x08 ubyte, 0x09 byte, 0x0B int16, 0x0C
    int32, 0x0D float32, 0x0E float64), the number of axes, then each axis's size as a
    big-endian uint32, then the entries, big-endian and in C order. Source: Y. LeCun,
    C. Cortes and C. Burges, "The MNIST database of handwritten digits".

    Examples
    --------
    >>> header = bytes([0, 0, 0x08, 2]) + (2).to_bytes(4, "big") + (3).to_bytes(4, "big")
    >>> read_idx(header + bytes(range(6)))
    array([[0, 1, 2], [3, 4, 5]], dtype=uint8)
    >>> read_idx(header + bytes(range(5)))
    Traceback (most recent call last):
    tvbi_ref.errors.DataCorruptedError: the given bytes: truncated: shape (2, 3) of uint8
    needs 18 bytes; got 17
    """
    if isinstance(source, bytes):
        return parse(unpack(io.BytesIO(source), "the given bytes"), "the given bytes")
    if not isinstance(source, str | os.PathLike):
        raise TypeError(f"source must be a path or bytes; got {type(source).__name__}")
    with open(source, "rb") as file:
        return parse(unpack(file, str(source)), str(source))


def unpack(file: BinaryIO, label: str, most: float = math.inf) -> bytearray:
    """Return the content of a file without gzip's wrapping, if it has one.

    Nothing is unpacked beyond what the header declares, but for one byte that tells of more.

    Parameters
    ----------
    file : binary file
    label : str
        What to call it in an error.
    most : number
        How many bytes it may have.

    Examples
    --------
    >>> content = bytes([0, 0, 8, 1, 0, 0, 0, 2, 3, 4])
    >>> bytes(unpack(io.BytesIO(gzip.compress(content)), "a file")) == content
    True
    >>> unpack(io.BytesIO(content), "a file", most=9)
    Traceback (most recent call last):
    tvbi_ref.errors.DataCorruptedError: a file: must have at most 9 bytes; shape (2,) of uint8
    needs 10
    """
    packed = file.read(2) == b"\x1f\x8b"  # gzip's magic; IDX begins with two zero bytes
    file.seek(0)
    try:
        stream = gzip.GzipFile(fileobj=file) if packed else file
        content = bytearray(stream.read(4 + 4 * _MAX_AXES))
        declared = _declared(content, label)
        if declared.size > most:
            raise DataCorruptedError(
                f"{label}: must have at most {most} bytes; {declared.what} needs {declared.size}"
            )
        while len(content) <= declared.size and (part := stream.read(_CHUNK)):
            content += part
    except (OSError, EOFError, zlib.error) as error:
        raise DataCorruptedError(f"{label}: the gzip stream is damaged: {error}") from error
    return content


class _Declared(NamedTuple):
    """What a header says: the type, the axes, where the entries begin, bytes in all."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    start: int
    size: int

    @property
    def what(self) -> str:
        return f"shape {self.shape} of {self.dtype.name}"


def _declared(content: Content, label: str) -> _Declared:
    """Return what the header says, or why it is none."""
    _require_length(content, 4, "IDX", label)
    magic, code, ndim = content[:2], content[2], content[3]
    _require(
        magic == b"\0\0", f"not IDX: it must begin with the bytes 0000; got {magic.hex()}", label
    )
    known = ", ".join(f"0x{known:02X}" for known in _TYPES)
    _require(code in _TYPES, f"IDX type must be one of {known}; got 0x{code:02X}", label)
    _require(1 <= ndim <= _MAX_AXES, f"IDX must have 1 to {_MAX_AXES} axes; got {ndim}", label)
    start, dtype = 4 + 4 * ndim, np.dtype(_TYPES[code])
    _require_length(content, start, f"a header of {ndim} axes", label)
    shape = struct.unpack_from(f">{ndim}I", content, 4)
    _require(0 not in shape, f"an axis is empty: shape {shape}", label)
    # In Python's own integers: sizes made up by a damaged header must not overflow.
    return _Declared(dtype, shape, start, start + math.prod(shape) * dtype.itemsize)


def _require(holds: bool, message: str, label: str) -> None:
    if not holds:
        raise DataCorruptedError(f"{label}: {message}")


def _require_length(content: Content, expected: int, what: str, label: str) -> None:
    message = f"truncated: {what} needs {expected} bytes; got {len(content)}"
    _require(len(content) >= expected, message, label)


def parse(content: Content, label: str) -> NDArray[Any]:
    """Return the array of a file that is not packed; see `read_idx`.

    Examples
    --------
    >>> parse(b"PK", "a file")
    Traceback (most recent call last):
    tvbi_ref.errors.DataCorruptedError: a file: truncated: IDX needs 4 bytes; got 2
    """
    declared = _declared(content, label)
    dtype, shape, start, size = declared
    _require_length(content, size, declared.what, label)
    _require(
        len(content) == size, f"trailing bytes: {declared.what} needs {size} bytes; got more", label
    )
    return (
        np.frombuffer(content, dtype, offset=start).reshape(shape).astype(dtype.newbyteorder("="))
    )

"""The IDX format of MNIST."""

from __future__ import annotations

import gzip
import math
import os
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tvbi_ref.errors import DataCorruptedError

_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
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
        return parse(unpack(source, "the given bytes"), "the given bytes")
    if not isinstance(source, str | os.PathLike):
        raise TypeError(f"source must be a path or bytes; got {type(source).__name__}")
    return parse(unpack(Path(source).read_bytes(), str(source)), str(source))


def unpack(content: bytes, label: str) -> bytes:
    """Return the content of a file without gzip's wrapping, if it has one.

    Parameters
    ----------
    content : bytes
    label : str
        What to call the file in an error.

    Examples
    --------
    >>> unpack(gzip.compress(b"inside"), "a file")
    b'inside'
    """
    if not content.startswith(b"\x1f\x8b"):  # gzip's magic; IDX begins with two zero bytes
        return content
    try:
        return gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise DataCorruptedError(f"{label}: the gzip stream is damaged: {error}") from error


def parse(content: bytes, label: str) -> NDArray[Any]:
    """Return the array of a file that is not packed; see `read_idx`.

    Examples
    --------
    >>> parse(b"PK", "a file")
    Traceback (most recent call last):
    tvbi_ref.errors.DataCorruptedError: a file: truncated: IDX needs 4 bytes; got 2
    """

    def require(holds: bool, message: str) -> None:
        if not holds:
            raise DataCorruptedError(f"{label}: {message}")

    def require_length(expected: int, what: str) -> None:
        message = f"truncated: {what} needs {expected} bytes; got {len(content)}"
        require(len(content) >= expected, message)

    require_length(4, "IDX")
    magic, code, ndim = content[:2], content[2], content[3]
    require(magic == b"\0\0", f"not IDX: it must begin with the bytes 0000; got {magic.hex()}")
    known = ", ".join(f"0x{known:02X}" for known in _TYPES)
    require(code in _TYPES, f"IDX type must be one of {known}; got 0x{code:02X}")
    require(1 <= ndim <= _MAX_AXES, f"IDX must have 1 to {_MAX_AXES} axes; got {ndim}")
    start, dtype = 4 + 4 * ndim, np.dtype(_TYPES[code])
    require_length(start, f"a header of {ndim} axes")
    shape = struct.unpack_from(f">{ndim}I", content, 4)
    require(0 not in shape, f"an axis is empty: shape {shape}")
    # In Python's own integers: sizes made up by a damaged header must not overflow, and
    # nothing is allocated before they agree with what is there.
    size, what = start + math.prod(shape) * dtype.itemsize, f"shape {shape} of {dtype.name}"
    require_length(size, what)
    trailing = f"trailing bytes: {what} needs {size} bytes; got {len(content)}"
    require(len(content) == size, trailing)
    array = np.frombuffer(content, dtype, offset=start).reshape(shape)
    return array.astype(dtype.newbyteorder("="))

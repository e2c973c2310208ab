"""Numbers between two processes: arguments one way, results the other, nothing executable.

A pickle from a stranger's process could run code in ours. Here only arrays without objects,
numbers, text and their tuples, lists and Gammas pass, and the names of the few modules that
stand in `tvbi_ref.school.checks.modules`, with their numbers.
"""

from __future__ import annotations

import io
import json
import struct
from collections.abc import Callable
from dataclasses import fields
from typing import IO, Any

import numpy as np

from tvbi_ref._validation import PlainGamma
from tvbi_ref.school.checks.modules import MODULES

LONGEST = 2**30
"""Bytes of a message; a longer one is damaged, or meant to fill the memory."""


def pack(value: Any) -> bytes:
    """Return a value as bytes.

    Parameters
    ----------
    value : None, bool, int, float, str, ndarray, a Gamma, one of MODULES, or a tuple or list
        of these

    Examples
    --------
    >>> unpack(pack((1.5, [np.arange(3)], None)))
    (1.5, [array([0, 1, 2])], None)
    """
    arrays: list[Any] = []
    tree = _to_tree(value, arrays)
    file = io.BytesIO()
    np.savez(file, *arrays, tree=np.array(json.dumps(tree)))
    return file.getvalue()


def _to_tree(value: Any, arrays: list[Any]) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        arrays.append(value)
        return {"array": len(arrays) - 1}
    if hasattr(value, "shape") and hasattr(value, "rate"):
        return {"gamma": [float(value.shape), float(value.rate)]}
    if type(value) in MODULES.values():  # none of its heirs, which may be anything
        numbers = [float(getattr(value, entry.name)) for entry in fields(value) if entry.init]
        return {"module": [type(value).__name__, *numbers]}
    if isinstance(value, tuple | list):
        kind = "tuple" if isinstance(value, tuple) else "list"
        return {kind: [_to_tree(entry, arrays) for entry in value]}
    return value


def unpack(data: bytes) -> Any:
    """Return what was packed; a Gamma comes back as a `PlainGamma`, a module as a new one.

    Raises
    ------
    ValueError
        If the bytes are none of `pack`'s.

    Examples
    --------
    >>> from tvbi_ref import Gamma
    >>> unpack(pack(Gamma(1.0, 0.5)))
    PlainGamma(shape=1.0, rate=0.5)
    """
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as file:
            if sum(entry.file_size for entry in file.zip.infolist()) > LONGEST:
                raise ValueError("it unfolds to more than it may have")
            return _from_tree(json.loads(str(file["tree"])), lambda k: file[f"arr_{k}"])
    except Exception as error:
        raise ValueError(f"the message is damaged: {error}") from error


def _from_tree(tree: Any, array: Callable[[int], Any]) -> Any:
    if not isinstance(tree, dict):
        return tree
    ((kind, content),) = tree.items()
    if kind == "array":
        return array(content)
    if kind == "gamma":
        return PlainGamma(*content)
    if kind == "module":
        name, *numbers = content
        return MODULES[name](*map(float, numbers))
    entries = [_from_tree(entry, array) for entry in content]
    return tuple(entries) if kind == "tuple" else entries


LENGTH = struct.Struct(">Q")


def send(stream: IO[bytes], value: Any) -> None:
    """Write a value with its length before it.

    Examples
    --------
    >>> stream = io.BytesIO()
    >>> send(stream, "hello")
    >>> _ = stream.seek(0)
    >>> receive(stream)
    'hello'
    """
    data = pack(value)
    stream.write(LENGTH.pack(len(data)) + data)
    stream.flush()


def receive(stream: IO[bytes]) -> Any:
    """Read one value.

    Raises
    ------
    EOFError
        If the stream ends before the value does.
    ValueError
        If what comes is no message.

    Examples
    --------
    >>> receive(io.BytesIO(b"cut"))
    Traceback (most recent call last):
    EOFError: the stream ended in the middle of a message
    """
    (length,) = LENGTH.unpack(_exactly(stream, LENGTH.size))
    if length > LONGEST:
        raise ValueError(f"the message is damaged: it says that it has {length} bytes")
    return unpack(_exactly(stream, length))


def _exactly(stream: IO[bytes], length: int) -> bytes:
    data = stream.read(length)
    if len(data) < length:
        raise EOFError("the stream ended in the middle of a message")
    return data

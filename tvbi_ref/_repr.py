"""How the objects of this package show themselves: in a few lines, whatever arrays they hold."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

FEW = 12
"""So many numbers of an array are shown; of a larger one its shape, type and range."""

LONGEST = 300
"""So many letters one attribute may take."""


def brief(self: Any) -> str:
    """Return the representation of an object, to be used as its `__repr__`.

    Examples
    --------
    >>> @dataclasses.dataclass
    ... class Messages:
    ...     values: Any
    ...     __repr__ = brief
    >>> Messages(np.arange(3)), Messages(np.linspace(-1, 2, 700).reshape(7, 100))
    (Messages(values=array([0, 1, 2])), Messages(values=<(7, 100) float64, -1 to 2>))
    """
    shown = ", ".join(f"{name}={_short(getattr(self, name))}" for name in _attributes(self))
    return f"{type(self).__name__}({shown})"


def _attributes(value: Any) -> Iterable[str]:
    """Return what an object was made of: its fields, or the arguments that it has kept."""
    if dataclasses.is_dataclass(value):
        return [field.name for field in dataclasses.fields(value) if field.repr]
    if hasattr(value, "_fields"):
        return tuple(value._fields)
    return [name for name in inspect.signature(type(value)).parameters if hasattr(value, name)]


def _short(value: Any) -> str:
    if isinstance(value, np.ndarray) and value.size > FEW:
        return f"<{value.shape} {value.dtype}{_range(value)}>"
    if isinstance(value, np.ndarray):
        return " ".join(repr(value).split())  # on one line
    if type(value) in (list, tuple, dict):
        return _first_entries(value)
    text = value.__name__ if inspect.isroutine(value) else repr(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."


def _first_entries(value: Any) -> str:
    """Return a list, tuple or dict, of more than three entries the first one and their number."""
    first, n = list(value)[: 3 if len(value) <= 3 else 1], len(value)
    named = isinstance(value, dict)
    shown = [f"{k}: {_short(value[k])}" for k in first] if named else list(map(_short, first))
    more = [] if n <= 3 else [f"... {n} in all"]
    opening, closing = "{}" if named else "[]"
    return f"{opening}{', '.join([*shown, *more])}{closing}"


def _range(array: np.ndarray[Any, Any]) -> str:
    with np.errstate(invalid="ignore"):
        return f", {array.min():.3g} to {array.max():.3g}" if array.dtype.kind in "fiu" else ""


def markdown_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Return a table for Jupyter, line by line.

    Examples
    --------
    >>> markdown_table(["layer", "kept"], [["0", "12"]])
    ['| layer | kept |', '| --- | --- |', '| 0 | 12 |']
    """
    return [f"| {' | '.join(row)} |" for row in (header, ["---"] * len(header), *rows)]

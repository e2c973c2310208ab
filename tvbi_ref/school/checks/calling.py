"""Calling a stranger's function: whatever it does is written down, nothing is let through."""

from __future__ import annotations

import copy
import inspect
import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

LONGEST_TEXT = 300
"""Characters of an error that are shown."""


@dataclass(frozen=True)
class Observation:
    """What one call showed.

    Parameters
    ----------
    results : tuple of ndarray or None
        What came back; None if nothing usable did.
    error : str
        Why not, in words.
    faults : tuple of str
        What the function did besides: "changed its argument x in place".
    """

    results: tuple[Array, ...] | None = None
    error: str = ""
    faults: tuple[str, ...] = ()


def observe(function: Callable[..., Any], arguments: tuple[Any, ...]) -> Observation:
    """Call a function twice on copies of its arguments and say what happened.

    Parameters
    ----------
    function : callable
    arguments : tuple

    Examples
    --------
    >>> observe(lambda x: 1 / x, (0,)).error
    'raised ZeroDivisionError: division by zero'
    >>> observe(lambda x: x, (np.zeros(2),)).faults
    ('returned its argument x itself, or a view of it; return a new array',)
    """
    names = _parameter_names(function, len(arguments))
    if names is None:
        takes = f"it takes {inspect.signature(function)}"
        return Observation(error=f"is called with {len(arguments)} positional arguments; {takes}")
    given = copy.deepcopy(arguments)
    try:
        first = _results(_call(function, given))
        faults = _changed(arguments, given, names) + _returned(given, first, names)
        again = _results(_call(function, copy.deepcopy(arguments)))
    except NotImplementedError:
        return Observation(error="is not written yet (NotImplementedError)")
    except _UnusableError as unusable:
        return Observation(error=str(unusable))
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        return Observation(error="raised " + describe(error))
    if not identical(first, again):
        faults.append("gave another answer when it was called again with the same arguments")
    return Observation(tuple(np.array(result) for result in first), faults=tuple(faults))


def describe(error: BaseException) -> str:
    """Return an error in one line, a syntax error with the line of its file.

    Examples
    --------
    >>> try:
    ...     compile("def f(:", "homework.py", "exec")
    ... except SyntaxError as error:
    ...     describe(error)
    'SyntaxError in line 1: invalid syntax'
    """
    if isinstance(error, SyntaxError):
        return one_line(f"{type(error).__name__} in line {error.lineno}: {error.msg}")
    try:
        return one_line(f"{type(error).__name__}: {error}".rstrip(": "))
    except Exception:  # a stranger's error need not be able to say what it is
        return type(error).__name__


def one_line(text: str) -> str:
    r"""Return a stranger's text so that it cannot pass for more than one line of a table.

    Examples
    --------
    >>> one_line("ValueError: x\n  pass  everything")
    'ValueError: x pass everything'
    """
    printable = plain(" ".join(text.split()))
    return printable if len(printable) <= LONGEST_TEXT else printable[:LONGEST_TEXT] + " ..."


def plain(text: str) -> str:
    r"""Return a text in letters that do nothing to a terminal.

    Examples
    --------
    >>> plain("\x1b[2Kpass")
    '\\x1b[2Kpass'
    """
    return re.sub(r"[^ -~]", lambda found: found[0].encode("unicode_escape").decode(), text)


class _UnusableError(Exception):
    """What the function returned is no number and no array."""


def _call(function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return function(*arguments)


def _results(value: Any) -> tuple[Array, ...]:
    """Return a tuple of arrays, scalars as 0-d arrays, without copying an array."""
    if value is None:
        raise _UnusableError("returned nothing (None)")
    entries = value if isinstance(value, tuple) else (value,)
    return tuple(_as_array(entry) for entry in entries)


def _as_array(entry: Any) -> Array:
    if isinstance(entry, np.ndarray) and entry.dtype != object:
        return entry
    if isinstance(entry, bool | int | float | complex | np.generic):
        return np.asarray(entry)
    kind = "an array of objects" if isinstance(entry, np.ndarray) else f"a {type(entry).__name__}"
    raise _UnusableError(f"returned {kind}; expected a NumPy array, a number, or a tuple of these")


def _parameter_names(function: Callable[..., Any], count: int) -> list[str] | None:
    """Return what the function calls its arguments, or None if it does not take so many."""
    try:
        bound = inspect.signature(function).bind(*range(count))
    except TypeError:
        return None
    except ValueError:  # a built-in without a signature
        return [f"number {k + 1}" for k in range(count)]
    names: dict[int, str] = {}
    for name, value in bound.arguments.items():
        names |= dict.fromkeys(value if isinstance(value, tuple) else (value,), name)
    return [names[k] for k in range(count)]


def _arrays(argument: Any) -> list[Array]:
    entries = argument if isinstance(argument, list | tuple) else [argument]
    return [entry for entry in entries if isinstance(entry, np.ndarray)]


def _changed(before: tuple[Any, ...], after: tuple[Any, ...], names: list[str]) -> list[str]:
    return [
        f"changed its argument {name} in place"
        for name, old, new in zip(names, before, after, strict=True)
        if not identical(tuple(_arrays(old)), tuple(_arrays(new)))
    ]


def _returned(
    arguments: tuple[Any, ...], results: tuple[Array, ...], names: list[str]
) -> list[str]:
    return [
        f"returned its argument {name} itself, or a view of it; return a new array"
        for name, argument in zip(names, arguments, strict=True)
        for array in _arrays(argument)
        if any(np.may_share_memory(array, result) for result in results)
    ]


def identical(first: tuple[Array, ...], second: tuple[Array, ...]) -> bool:
    """Return whether two results have the same numbers, NaN counting as equal to NaN.

    Examples
    --------
    >>> identical((np.array([np.nan]),), (np.array([np.nan]),))
    True
    """
    return len(first) == len(second) and all(
        a.shape == b.shape and a.dtype == b.dtype and bool(np.all((a == b) | (a != a) & (b != b)))
        for a, b in zip(first, second, strict=True)
    )

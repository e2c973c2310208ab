"""Calling a stranger's function: whatever it does is written down, nothing is let through."""

from __future__ import annotations

import inspect
import re
import warnings
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

# By their names: a file may put others in their place.
from numpy import array, may_share_memory
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


class Calls(NamedTuple):
    """Two calls as they went, to be judged where the function cannot reach.

    Parameters
    ----------
    error : str
        Why there are no results.
    names : tuple of str
        What the function calls its arguments.
    left : tuple of tuple of ndarray
        The arrays of each argument as the first call left them.
    first, second : tuple of ndarray
        What the calls returned.
    faults : tuple of str
        Which memory the results share.
    """

    error: str = ""
    names: tuple[str, ...] = ()
    left: tuple[tuple[Array, ...], ...] = ()
    first: tuple[Array, ...] = ()
    second: tuple[Array, ...] = ()
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
    return judged(arguments, two_calls(function, arguments))


def judged(arguments: tuple[Any, ...], calls: Calls) -> Observation:
    """Return what two calls with these arguments show.

    Examples
    --------
    >>> calls = Calls("", ("x",), ((np.ones(2),),), (np.zeros(2),), (np.zeros(2),))
    >>> judged((np.zeros(2),), calls).faults
    ('changed its argument x in place',)
    """
    if calls.error:
        return Observation(error=calls.error)
    faults = [
        f"changed its argument {name} in place"
        for name, old, new in zip(calls.names, arguments, calls.left, strict=True)
        if not identical(_arrays(old), new)
    ]
    faults += calls.faults
    if not identical(calls.first, calls.second):
        faults.append("gave another answer when it was called again with the same arguments")
    return Observation(calls.first, faults=tuple(faults))


def two_calls(function: Callable[..., Any], arguments: tuple[Any, ...]) -> Calls:
    """Call a function twice on copies of its arguments.

    Examples
    --------
    >>> two_calls(lambda x: x + 1, (np.zeros(2),)).first
    (array([1., 1.]),)
    """
    try:
        return _two_calls(function, arguments)
    except NotImplementedError:
        return Calls("is not written yet (NotImplementedError)")
    except _UnusableError as unusable:
        return Calls(str(unusable))
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        tensors = ": NumPy arrays come in, torch.as_tensor(x) makes tensors"
        text = describe(error)
        return Calls(f"raised {text}" + tensors * ("must be Tensor, not numpy" in text))


def _two_calls(function: Callable[..., Any], arguments: tuple[Any, ...]) -> Calls:
    names = _parameter_names(function, len(arguments))
    given = deepcopy(arguments)
    first = _results(_call(function, given))
    # At once: the second call may write into what the first has returned.
    kept, left = _copies(first), tuple(_copies(_arrays(argument)) for argument in given)
    faults = [
        f"returned its argument {name} itself, or a view of it; return a new array"
        for name, argument in zip(names, given, strict=True)
        if _share_memory(_arrays(argument), first)
    ]
    second = _results(_call(function, deepcopy(arguments)))
    if _share_memory(first, second):
        faults.append("returned the memory of its last result again; return a new array")
    return Calls("", names, left, kept, _copies(second), tuple(faults))


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
    if isinstance(value, tuple):
        return tuple(_as_array(entry, " tuple with a") for entry in value)
    return (_as_array(value),)


def _as_array(entry: Any, within: str = "") -> Array:
    if type(entry) is np.ndarray and entry.dtype.kind in "biufc":
        return entry
    if isinstance(entry, bool | int | float | complex | np.bool | np.number):
        return np.asarray(entry)
    expected = "expected a NumPy array, a number, or a tuple of these"
    raise _UnusableError(f"returned a{within}{_kind(entry)}; {expected}{_conversion(entry)}")


def _kind(entry: Any) -> str:
    if type(entry) is np.ndarray:
        return "n array of " + ("objects" if entry.dtype == object else f"{entry.dtype}")
    return f" {_library(entry)} {type(entry).__name__}".replace(" builtins", "")


def _library(entry: Any) -> str:
    return str(type(entry).__module__).split(".")[0]


def _conversion(entry: Any) -> str:
    """Return how to make a NumPy array of what another library, or plain Python, has."""
    if _library(entry) == "torch":
        return " (its .detach().numpy() is one)"
    # A masked array by its method: naming np.ma would import it, in a stranger's process.
    loses_something = isinstance(entry, np.generic) or hasattr(entry, "filled")
    loses_something |= type(entry) is np.ndarray
    if isinstance(entry, list) or (hasattr(type(entry), "__array__") and not loses_something):
        return " (np.asarray makes one of it)"
    return ""


def _parameter_names(function: Callable[..., Any], count: int) -> tuple[str, ...]:
    """Return what the function calls its arguments, if it takes so many."""
    try:
        signature = inspect.signature(function)
        bound = signature.bind(*range(count))
    except TypeError:
        called = f"is called with {count} positional arguments"
        raise _UnusableError(one_line(f"{called}; it takes {signature}")) from None
    except ValueError:  # a built-in without a signature
        return tuple(f"number {k + 1}" for k in range(count))
    names: dict[int, str] = {}
    for name, value in bound.arguments.items():
        names |= dict.fromkeys(value if isinstance(value, tuple) else (value,), name)
    return tuple(names[k] for k in range(count))


def _arrays(argument: Any) -> tuple[Array, ...]:
    entries = argument if isinstance(argument, list | tuple) else [argument]
    return tuple(entry for entry in entries if isinstance(entry, np.ndarray))


def _copies(arrays: tuple[Array, ...]) -> tuple[Array, ...]:
    return tuple(array(entry) for entry in arrays)


def _share_memory(first: tuple[Array, ...], second: tuple[Array, ...]) -> bool:
    return any(may_share_memory(a, b) for a in first for b in second)


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

"""Checks of arguments, with errors that name the argument, what came and what was expected."""

from __future__ import annotations

import functools
import inspect
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from numbers import Integral, Real
from typing import Any, NamedTuple, ParamSpec, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tvbi_ref.errors import NonFiniteError

FloatArray = NDArray[np.floating[Any]]
MISFITS = ArithmeticError, AttributeError, LookupError, TypeError, ValueError
"""What NumPy and Python raise where arguments do not fit; they know no argument's name."""
P = ParamSpec("P")
R = TypeVar("R")


class PlainGamma(NamedTuple):
    """The Gamma that a reader's function gets: shape and rate, and no formula to lean on."""

    shape: float
    rate: float


def as_float_array(
    value: ArrayLike,
    name: str,
    *,
    ndim: int | None = None,
    shape: tuple[int, ...] | None = None,
    dtype: Any = np.float64,
    allow_infinite: bool = False,
) -> FloatArray:
    """Return `value` as a floating array, or raise an error that says what is wrong with it.

    Parameters
    ----------
    value : array_like
        What the caller was given.
    name : str
        The argument's name, for the message.
    ndim : int, optional
        The number of axes it must have.
    shape : tuple of int, optional
        The shape it must have.
    dtype : dtype or None
        The type of the result; None keeps a floating type as it is.
    allow_infinite : bool
        Whether +-inf may pass (a log-odds of a certain event); NaN never may.

    Raises
    ------
    TypeError
        If `value` is not numeric.
    ValueError
        If the shape is wrong or the array is empty.
    NonFiniteError
        If an entry is NaN, or infinite where that is not allowed.

    Examples
    --------
    >>> as_float_array([1, 2], "x")
    array([1., 2.])
    >>> as_float_array([1.0, float("nan")], "x")
    Traceback (most recent call last):
    tvbi_ref.errors.NonFiniteError: x has 1 entry that is not finite (first at (1,): nan)
    """
    array = _as_real_array(value, name)
    if dtype is not None or array.dtype.kind != "f":
        with np.errstate(over="ignore"):  # becomes inf, which is reported below
            array = array.astype(dtype or np.float64, copy=False)
    if shape is not None and array.shape != shape:
        raise ValueError(f"{name} must have shape {shape}; got {array.shape}")
    if ndim is not None and array.ndim != ndim:
        raise ValueError(f"{name} must have {ndim} axes; got shape {array.shape}")
    if array.size == 0:
        raise ValueError(f"{name} is empty: shape {array.shape}")
    _require_finite(array, name, allow_infinite)
    return array


def as_array(value: ArrayLike, name: str) -> NDArray[Any]:
    """Return `value` as an array of any type.

    Examples
    --------
    >>> as_array([[1, 2], [3]], "x")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ValueError: x must be a rectangular array: ...
    >>> as_array(np.ma.array([1, 2], mask=[0, 1]), "x")
    Traceback (most recent call last):
    TypeError: x must be an array without a mask, which would be lost; got a masked array
    """
    if isinstance(value, np.ma.MaskedArray):
        raise TypeError(
            f"{name} must be an array without a mask, which would be lost; got a masked array"
        )
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise ValueError(f"{name} must be a rectangular array: {error}") from error
    return array


def _as_real_array(value: ArrayLike, name: str) -> NDArray[Any]:
    """Return `value` as an array of real numbers in the machine's byte order."""
    array = as_array(value, name)
    if array.dtype.kind not in "fiub":
        raise TypeError(f"{name} must be a real array; got dtype {array.dtype}")
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def border(function: Callable[P, R], *, nan: bool = False) -> Callable[P, R]:
    """Let a function that takes its arrays as they are be called from outside the package.

    Such a call goes through `from_outside`; one by the package itself, whose arrays are plain,
    does not. For functions that hold their arguments to nothing else. With `nan` a NaN may pass.

    Examples
    --------
    >>> @border
    ... def twice(x):
    ...     return 2 * x
    >>> twice(1.0)
    2.0
    """
    names = tuple(inspect.signature(function).parameters)

    @functools.wraps(function)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
        if called_by_package():
            return function(*args, **kwargs)
        return from_outside(function, names, args, kwargs, nan=nan)

    return guarded


def border_of_layer(function: Callable[P, R]) -> Callable[P, R]:
    """Do what `border` does, but let a NaN pass through, so that a divergence is seen.

    Examples
    --------
    >>> float(border_of_layer(np.tanh)(np.nan))
    nan
    """
    return border(function, nan=True)


def called_by_package() -> bool:
    """Return whether the caller of the function that asks this is a module of this package.

    Examples
    --------
    >>> def asks():
    ...     return called_by_package()
    >>> asks()  # an example of this module
    True
    """
    name: str = sys._getframe(2).f_globals.get("__name__", "")
    return name.startswith("tvbi_ref.")


def from_outside(
    function: Callable[..., R],
    names: Sequence[str],
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    *,
    nan: bool = False,
) -> R:
    """Return what a function makes of plain arguments, in arrays that are not the caller's.

    Examples
    --------
    >>> from_outside(lambda x: x, ["x"], [1j], {})
    Traceback (most recent call last):
    TypeError: x must be a real number; got 1j
    """
    named = [*zip(names, args, strict=False), *kwargs.items()]  # too many: the call says so
    plain = [as_plain(value, name, nan=nan) for name, value in named]
    n = min(len(names), len(args))
    with np.errstate(all="warn", under="ignore"), _naming(named):  # NumPy's default errstate
        answer = function(*plain[:n], *args[n:], **dict(zip(kwargs, plain[n:], strict=True)))
        if not nan:
            _require_numbers(answer)
    return _apart(answer, plain)


@contextmanager
def _naming(arguments: Sequence[tuple[str, Any]]) -> Iterator[None]:
    """Let an error name an argument: one that names none gets all of them, and what came."""
    try:
        yield
    except Exception as error:
        names = "|".join(re.escape(name) for name, _ in arguments)
        room = type(error).__module__.split(".")[0]
        if room == "tvbi_ref" or not (room == "numba" or isinstance(error, MISFITS)):
            raise
        if room != "numba" and re.search(rf"\b({names})\b", str(error)):
            raise
        kind = TypeError if isinstance(error, AttributeError | TypeError) else ValueError
        came = ", ".join(f"{name} = {shown(value)}" for name, value in arguments)
        raise kind(f"there is no answer for {came}: {error}") from error


def shown(value: Any) -> str:
    """Return a value in a few words.

    Examples
    --------
    >>> shown(np.ones((2, 3))), shown(0.5), shown([1, 2])
    ('an array (2, 3)', '0.5', 'list')
    """
    if isinstance(value, np.ndarray):
        return f"an array {value.shape}"
    return f"{value!r:.40}" if isinstance(value, str | float | int) else type(value).__name__


def _require_numbers(answer: Any) -> None:
    """Let no NaN out: of an array, a number, or a part of a tuple or a dataclass."""
    if isinstance(answer, np.ndarray | np.floating | float):
        if np.isnan(answer).any():
            raise ValueError("it would not be a number")
    elif isinstance(answer, tuple):
        for part in answer:
            _require_numbers(part)
    elif is_dataclass(answer):
        for field in fields(answer):
            _require_numbers(getattr(answer, field.name))


def as_plain(value: Any, name: str, *, nan: bool = False) -> Any:
    """Return an argument with all arrays and numbers in it real, native and, unless `nan`, no NaN.

    float16 and longdouble, in which not all can be computed, come back as float64; what is no
    array, number, or list of them comes back as it is.

    Examples
    --------
    >>> as_plain([np.float16([1.0]), 2], "x")
    [array([1.]), 2]
    >>> as_plain([np.ones(1), np.array([0.0, np.nan])], "x")
    Traceback (most recent call last):
    tvbi_ref.errors.NonFiniteError: x[1] has 1 entry that is not a number (first at (1,): nan)
    """
    if type(value) in (list, tuple):  # no named tuple, which is a Gamma or the like
        return type(value)(
            as_plain(entry, f"{name}[{k}]", nan=nan) for k, entry in enumerate(value)
        )
    if isinstance(value, complex):
        raise TypeError(f"{name} must be a real number; got {value!r}")
    if not isinstance(value, float) and not hasattr(type(value), "__array__"):
        return value
    array = _as_real_array(value, name)
    if not nan:
        _require_finite(array, name, allow_infinite=True)
    if array.dtype.kind == "f" and array.itemsize not in (4, 8):
        array = array.astype(np.float64)
    return array if isinstance(value, np.ndarray) or array.ndim else array[()]


def _apart(result: Any, given: Iterable[Any]) -> Any:
    """Return a result without memory that it shares with what was given."""
    arrays = [value for value in given if isinstance(value, np.ndarray)]
    if isinstance(result, np.ndarray):
        shared = any(np.may_share_memory(result, array) for array in arrays)
        return result.copy() if shared else result
    if isinstance(result, tuple):
        parts = [_apart(part, arrays) for part in result]
        return type(result)(*parts) if hasattr(result, "_fields") else tuple(parts)
    return result


def _require_finite(array: FloatArray, name: str, allow_infinite: bool) -> None:
    good = ~np.isnan(array) if allow_infinite else np.isfinite(array)
    if good.all():
        return
    bad = ~good
    count = int(bad.sum())
    first = tuple(int(k) for k in np.argwhere(bad)[0])
    entries = "entry that is" if count == 1 else "entries that are"
    what = "not a number" if allow_infinite else "not finite"
    raise NonFiniteError(f"{name} has {count} {entries} {what} (first at {first}: {array[first]})")


def as_labels(value: ArrayLike, name: str, *, n_classes: int, length: int) -> NDArray[np.int64]:
    """Return class labels as int64, each in [0, n_classes).

    Raises
    ------
    TypeError
        If the labels are not whole numbers.
    ValueError
        If there are not `length` of them or one is out of range.

    Examples
    --------
    >>> as_labels([0, 3], "y", n_classes=3, length=2)
    Traceback (most recent call last):
    ValueError: y must hold labels from 0 to 2; got 3 at position 1
    """
    array = as_array(value, name)
    if array.dtype.kind not in "iu":
        raise TypeError(f"{name} must hold integer class labels; got dtype {array.dtype}")
    if array.shape != (length,):
        raise ValueError(f"{name} must have shape ({length},), one label a row; got {array.shape}")
    outside = (array < 0) | (array >= n_classes)
    if outside.any():
        at = int(np.argmax(outside))
        raise ValueError(
            f"{name} must hold labels from 0 to {n_classes - 1}; got {array[at]} at position {at}"
        )
    return array.astype(np.int64, copy=False)


def as_real(
    value: Any,
    name: str,
    *,
    above: float | None = None,
    below: float | None = None,
    at_least: float | None = None,
    at_most: float | None = None,
) -> float:
    """Return `value` as a finite float inside the stated bounds.

    Examples
    --------
    >>> as_real(0.5, "damping", at_least=0, below=1)
    0.5
    >>> as_real(1.5, "damping", at_least=0, below=1)
    Traceback (most recent call last):
    ValueError: damping must be a number >= 0 and < 1; got 1.5
    """
    bounds = [
        f"{sign} {bound}"
        for sign, bound in ((">", above), (">=", at_least), ("<", below), ("<=", at_most))
        if bound is not None
    ]
    wanted = "a finite number" if not bounds else "a number " + " and ".join(bounds)
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{name} must be {wanted}; got {type(value).__name__} {value!r}")
    try:
        number = float(value)
    except OverflowError:  # an integer beyond the range of floats
        number = np.inf
    inside = (
        np.isfinite(number)
        and (above is None or number > above)
        and (at_least is None or number >= at_least)
        and (below is None or number < below)
        and (at_most is None or number <= at_most)
    )
    if not inside:
        raise ValueError(f"{name} must be {wanted}; got {number:g}")
    return number


def as_count(value: Any, name: str, *, at_least: int = 0) -> int:
    """Return `value` as an int that is at least `at_least`.

    Examples
    --------
    >>> as_count(2.5, "epochs")
    Traceback (most recent call last):
    TypeError: epochs must be a whole number >= 0; got float 2.5
    """
    wanted = f"a whole number >= {at_least}"
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise TypeError(f"{name} must be {wanted}; got {type(value).__name__} {value!r}")
    if value < at_least:
        raise ValueError(f"{name} must be {wanted}; got {value}")
    return int(value)


def as_choice(value: Any, name: str, choices: Iterable[str]) -> str:
    """Return `value` if it is one of `choices`.

    Examples
    --------
    >>> as_choice("colapsed", "module_a", ["collapsed", "mean_field"])
    Traceback (most recent call last):
    ValueError: module_a must be one of 'collapsed', 'mean_field'; got 'colapsed'
    """
    known = list(choices)
    if value not in known:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, known))}; got {value!r}")
    return str(value)


def as_widths(value: Sequence[int], name: str = "widths") -> tuple[int, ...]:
    """Return the widths of a network, input first, as a tuple of at least two positive ints.

    Examples
    --------
    >>> as_widths([64, 0])
    Traceback (most recent call last):
    ValueError: widths[1] must be a whole number >= 1; got 0
    """
    if not isinstance(value, Iterable):
        raise TypeError(f"{name} must be a sequence of whole numbers; got {value!r}")
    widths = tuple(as_count(width, f"{name}[{k}]", at_least=1) for k, width in enumerate(value))
    if len(widths) < 2:
        raise ValueError(f"{name} must name at least an input and an output size; got {widths}")
    return widths

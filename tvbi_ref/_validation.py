"""Checks of arguments, with errors that name the argument, what came and what was expected."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from numbers import Integral, Real
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tvbi_ref.errors import NonFiniteError

FloatArray = NDArray[np.floating[Any]]


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
    array = as_array(value, name)
    if array.dtype.kind not in "fiub":
        raise TypeError(f"{name} must be a real array; got dtype {array.dtype}")
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
    """
    try:
        return np.asarray(value)
    except ValueError as error:
        raise ValueError(f"{name} must be a rectangular array: {error}") from error


def _require_finite(array: FloatArray, name: str, allow_infinite: bool) -> None:
    bad = np.isnan(array) if allow_infinite else ~np.isfinite(array)
    count = int(bad.sum())
    if count == 0:
        return
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
    array = np.asarray(value)
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

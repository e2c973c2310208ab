"""One case tried: is the result of the right form, and where are its numbers wrong."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import permutations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tvbi_ref.school.checks.calling import Observation
from tvbi_ref.school.checks.case import Case, Check
from tvbi_ref.school.checks.report import Finding

Array = NDArray[Any]

ARITHMETIC = (
    "raised OverflowError",
    "raised ZeroDivisionError",
    "raised ValueError: math domain",
)
"""What plain Python says where NumPy gives an infinity or NaN."""


@dataclass(frozen=True)
class Trial:
    """One case with what the function did on it.

    Parameters
    ----------
    formed : bool
        Whether the results have the right form.
    wrong : tuple of int
        Which of them have the wrong numbers.
    """

    case: Case
    observation: Observation
    finding: Finding
    formed: bool
    wrong: tuple[int, ...] = ()


def trial_of(check: Check, case: Case, observation: Observation) -> Trial:
    """Judge what a function did on a case.

    Examples
    --------
    >>> check = Check("q-support", ("log_odds",), list)
    >>> trial = trial_of(check, Case("even", (0.0, 2.0), 2.0), Observation((np.array(3.0),)))
    >>> trial.formed, trial.wrong, trial.finding.text
    (True, (0,), 'log_odds is 3; expected 2')
    """
    expected = as_results(case.expected)
    wrong: tuple[int, ...] = ()
    texts, got = _form(check, expected, observation), observation.results or ()
    formed = not texts
    if formed:
        wrong = tuple(k for k in range(len(expected)) if not close(check, got[k], expected[k]))
        texts = [_difference(check.returns[k], got[k], expected[k]) for k in wrong]
    text = "; ".join(texts)
    broke_down = observation.error.startswith(ARITHMETIC) or any(
        overflowed(got[k], expected[k]) for k in wrong
    )
    if case.advice and broke_down:
        finding, wrong = Finding(case.name, True, f"{text}. Advice: {case.advice}"), ()
    else:
        finding = Finding(case.name, not text, text)
    return Trial(case, observation, finding, formed, wrong)


def overflowed(got: Array, expected: Array) -> bool:
    """Return whether a number is not finite that should be.

    Examples
    --------
    >>> overflowed(np.array([1.0, np.inf]), np.array([1.0, 2.0]))
    True
    """
    return bool((np.isfinite(expected) & ~np.isfinite(got)).any())


def as_results(value: Any) -> tuple[Array, ...]:
    """Return an expected value as the tuple of arrays that `observe` gives.

    Examples
    --------
    >>> as_results((1.0, [2.0]))
    (array(1.), array([2.]))
    """
    return tuple(np.asarray(v) for v in (value if isinstance(value, tuple) else (value,)))


def close(check: Check, got: Array, expected: Array) -> bool:
    """Return whether a result agrees with its expectation within the check's tolerance.

    Examples
    --------
    >>> close(Check("q-support", ("log_odds",), list), np.array(1.0), np.array(1.0 + 1e-10))
    True
    """
    return got.shape == expected.shape and np.allclose(
        got, expected, rtol=check.rtol, atol=check.atol, equal_nan=True
    )


def _form(check: Check, expected: tuple[Array, ...], observation: Observation) -> list[str]:
    """Return what is wrong before any number is looked at."""
    got, wanted = observation.results, ", ".join(check.returns)
    if got is None:
        if len(expected) > 1 and observation.error.startswith("returned a list;"):
            return [f"returned a list; expected a tuple, {wanted} (a, b is a tuple, [a, b] a list)"]
        return [observation.error]
    if len(got) != len(expected):
        results = f"{len(got)} result" + "s" * (len(got) != 1)
        text = f"returned {results}; expected {len(expected)}: {wanted}"
        hint = " (a, b is a tuple of two; np.array([a, b]) is one array)" * (len(got) == 1)
        return [text + hint, *observation.faults]
    named = zip(check.returns, got, expected, strict=True)
    return [*observation.faults, *(text for entry in named for text in _shape_and_dtype(*entry))]


def _shape_and_dtype(name: str, got: Array, expected: Array) -> Iterator[str]:
    if got.shape != expected.shape:
        yield f"{name} has shape {got.shape}{_turned(got, expected)}; expected {expected.shape}"
        return
    # A plain 0 or 1 is a fine number; an array of integers has lost what follows the point.
    if got.ndim == 0 and got.dtype.kind in "iu" and expected.dtype.kind == "f":
        return
    if (got.dtype.kind, got.dtype.itemsize) != (expected.dtype.kind, expected.dtype.itemsize):
        yield f"{name} has dtype {got.dtype}; expected {expected.dtype}"


def _turned(got: Array, expected: Array) -> str:
    """Say which order of the axes is right: of two by the shape, of more by the numbers."""
    if got.ndim == 2 and got.shape == expected.T.shape:
        return " (transposed)"
    for axes in permutations(range(got.ndim)):
        turned = got.transpose(axes)
        if turned.shape == expected.shape and np.allclose(turned, expected):
            return f" (right after np.transpose(..., {axes}))"
    return ""


def _difference(name: str, got: Array, expected: Array) -> str:
    """Say where the numbers are worst."""
    if expected.dtype == bool:
        index = tuple(int(k) for k in np.argwhere(got != expected)[0])
        return f"{name}{_at(index)} is {got[index]}; expected {expected[index]}"
    with np.errstate(all="ignore"):
        off = np.abs(got - expected) / (1 + np.abs(expected))
    off = np.where(got == expected, 0.0, np.where(np.isnan(off), np.inf, off))
    index = tuple(int(k) for k in np.unravel_index(int(np.argmax(off)), off.shape))
    text = f"{name}{_at(index)} is {{}}; expected {{}}".format(*_told(got[index], expected[index]))
    if np.isfinite(expected[index]) and not np.isfinite(got[index]):
        return text + " (an overflow, or 0 times the logarithm of 0?)"
    return text


def _at(index: tuple[int, ...]) -> str:
    return f"[{', '.join(map(str, index))}]" if index else ""


def _told(*numbers: Any) -> list[str]:
    """Return the numbers with as many digits as it takes to tell them apart."""
    for digits in range(6, 18):
        texts = [f"{x:.{digits}g}" for x in numbers]
        if len(set(texts)) > 1:
            break
    return texts

r"""Is this function the equation? Every case against an oracle, every wrong answer in words.

A check never compares with the package's own function. Its cases come with numbers that
an oracle found on another road (`tvbi_ref.school.checks.oracles`): enumeration, quadrature, finite
differences. Where the numbers are wrong, the known mistakes of the equation
(`tvbi_ref.school.checks.mutants`) are tried; one that gives the SAME wrong numbers on every case
is the diagnosis.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from itertools import permutations
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from tvbi_ref.equations import get
from tvbi_ref.school.checks.calling import Observation, observe
from tvbi_ref.school.checks.cases import Case, Check
from tvbi_ref.school.checks.mutants import Mutant, mutants_of
from tvbi_ref.school.checks.report import Finding, Report
from tvbi_ref.school.checks.suites import cases_of, check_of
from tvbi_ref.school.checks.wire import pack, unpack

Array = NDArray[Any]

ARITHMETIC = (
    "raised OverflowError",
    "raised ZeroDivisionError",
    "raised ValueError: math domain",
)
"""What plain Python says where NumPy gives an infinity or NaN."""


def check(label: str, function: Callable[..., Any]) -> Report:
    """Check a function against the equation of this label.

    Parameters
    ----------
    label : str
        One of the labels of `tvbi_ref.equations`.
    function : callable
        With the signature of the package's own function: `tvbi_ref.equations.get(label)`
        names it. It is called with positional arguments, twice on every case.

    Returns
    -------
    Report

    Raises
    ------
    ValueError
        If there is no such equation.
    TypeError
        If `function` is not callable. Whatever it does when called is a finding.

    Examples
    --------
    >>> print(check("extrinsic-a", lambda posterior, incoming: posterior - incoming).message)
    [extrinsic-a] passed all 8 cases
    >>> print(check("extrinsic-a", lambda posterior, incoming: posterior + incoming).passed)
    False
    """
    if not callable(function):
        raise TypeError(f"function must be callable; got {function!r}")
    # What a graded file gets, so that both say the same.
    report = examine(label, lambda arguments: observe(function, unpack(pack(arguments))))
    hint = "" if report else _order_of_arguments(label, function)
    return replace(report, message=report.message + hint)


def _order_of_arguments(label: str, function: Callable[..., Any]) -> str:
    """Return a hint where the function's own names say that it wants another order."""
    right = [symbol.name for symbol in get(label).inputs]
    try:
        own = list(inspect.signature(function).parameters)
    except ValueError:
        return ""
    if own == right or sorted(own) != sorted(right):
        return ""
    return f"\nyour arguments are ({', '.join(own)}); they come as ({', '.join(right)})"


@np.errstate(all="ignore")  # the caller's setting is for the caller's numbers
def examine(label: str, call: Callable[[tuple[Any, ...]], Observation]) -> Report:
    """Check a function that can only be reached through `call`, maybe in another process.

    Parameters
    ----------
    label : str
    call : callable (arguments) -> Observation

    Examples
    --------
    >>> examine("q-support", lambda arguments: Observation(error="is not here")).passed
    False
    """
    check, label = check_of(label), get(label).label
    trials = [_trial(check, case, call(case.arguments)) for case in cases_of(label)]
    findings = tuple(trial.finding for trial in trials)
    wrong = [trial for trial in trials if not trial.finding.ok]
    if not wrong:
        return Report(label, True, _passed(label, findings), findings)
    first = wrong[0].finding
    if len(wrong) == len(trials) and len({finding.text for finding in findings}) == 1:
        return Report(label, False, f"[{label}] {first.text}", findings)  # a stub, say
    lines = [f"[{label}] failed {len(wrong)} of {len(findings)} cases"]
    lines += _diagnoses(check, trials) or [
        f"first, {first.case}: {first.text}",
        *_relations(check, trials),
    ]
    return Report(label, False, "\n".join(lines), findings)


def _passed(label: str, findings: tuple[Finding, ...]) -> str:
    cases = {finding.text: finding.case for finding in reversed(findings) if finding.text}
    advice = [f"not asked for, {case}: {text}" for text, case in reversed(cases.items())]
    return "\n".join([f"[{label}] passed all {len(findings)} cases", *advice])


@dataclass(frozen=True)
class _Trial:
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


def _trial(check: Check, case: Case, observation: Observation) -> _Trial:
    expected = as_results(case.expected)
    wrong: tuple[int, ...] = ()
    texts, got = _form(check, expected, observation), observation.results or ()
    formed = not texts
    if formed:
        wrong = tuple(k for k in range(len(expected)) if not close(check, got[k], expected[k]))
        texts = [_difference(check.returns[k], got[k], expected[k]) for k in wrong]
    text = "; ".join(texts)
    broke_down = observation.error.startswith(ARITHMETIC) or any(
        _overflowed(got[k], expected[k]) for k in wrong
    )
    if case.advice and broke_down:
        finding, wrong = Finding(case.name, True, f"{text}. Advice: {case.advice}"), ()
    else:
        finding = Finding(case.name, not text, text)
    return _Trial(case, observation, finding, formed, wrong)


def _overflowed(got: Array, expected: Array) -> bool:
    """Return whether a number is not finite that should be."""
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
    if observation.results is None:
        return [observation.error]
    got = observation.results
    if len(got) != len(expected):
        wanted = ", ".join(check.returns)
        results = f"{len(got)} result" + "s" * (len(got) != 1)
        return [f"returned {results}; expected {len(expected)}: {wanted}", *observation.faults]
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


def _relations(check: Check, trials: list[_Trial]) -> list[str]:
    """Return what the wrong numbers of all cases have in common with the right ones."""
    lines = []
    for k, name in enumerate(check.returns):
        formed = [trial for trial in trials if trial.formed]
        wrong = _pooled([trial for trial in formed if k in trial.wrong], k)
        text = _relation(*wrong)
        if text.endswith("?"):
            lines.append(f"{name}: {text}")
        elif text:
            everywhere = _relation(*_pooled(formed, k)) == text
            lines.append(f"{name}: {text} {'everywhere' if everywhere else 'in all that fails'}")
    return lines


def _pooled(trials: list[_Trial], k: int) -> tuple[Array, Array]:
    """Return one result of many cases, (what came, what was expected), in a row."""
    pairs = (
        [(t.observation.results or ())[k] for t in trials],
        [as_results(t.case.expected)[k] for t in trials],
    )
    got, expected = (np.concatenate([np.empty(0), *map(np.ravel, arrays)]) for arrays in pairs)
    telling = np.isfinite(expected) | (got != expected)
    return got[telling], expected[telling]


def _relation(got: Array, expected: Array) -> str:
    """Return what the two have in common, if anything."""
    if not np.isfinite(got).all() or (got == expected).all():
        return ""
    with np.errstate(all="ignore"):
        error = (np.abs(got - expected) / np.abs(expected))[got != expected]
        # Of a difference of two like numbers float32 leaves less, so not the worst entry tells.
        if np.median(error) < 1e-6 and np.abs(got - expected).max() < 1e-5 * np.abs(expected).max():
            return f"relative error {np.median(error):.0e}: is something float32?"
        if ((expected >= 0) & (expected <= 1)).all():
            scale = {"those are log-odds; the probability is expected": (expit(got), expected)}
        else:
            scale = {"that is the probability; log-odds are expected": (got, expit(expected))}
        for text, pair in {
            **scale,
            "the sign is reversed": (got, -expected),
            "that is the exponential of what is expected": (got, np.exp(expected)),
            "that is the logarithm of what is expected": (np.exp(got), expected),
            "base 10 for the natural logarithm": (got, expected / np.log(10)),
            "base 2 for the natural logarithm": (got, expected / np.log(2)),
        }.items():
            if np.allclose(*pair, rtol=1e-6, atol=1e-9):
                return text
        if np.unique(expected).size < 2:
            return ""  # one number is a multiple of any other
        ratio = (got / expected)[(got != 0) | (expected != 0)]
        return _constant(ratio, "{:.6g} times the right value") or _constant(
            got - expected, "off by {:+.6g}"
        )


def _constant(values: Array, text: str) -> str:
    if np.isfinite(values).all() and np.allclose(values, values[0], rtol=1e-6, atol=0):
        return text.format(values[0])
    return ""


def _diagnoses(check: Check, trials: list[_Trial]) -> list[str]:
    """Return the known mistakes that fit: one for the whole, or one for each wrong result."""
    wrong = sorted({k for trial in trials for k in trial.wrong if not _nearly(check, trial, k)})
    if not wrong:
        return []
    whole = _fitting(check, trials, tuple(range(len(check.returns))))
    if whole:
        return [f"known mistake: {whole.mistake}"]
    each = [(k, _fitting(check, trials, (k,))) for k in wrong]
    return [f"known mistake in {check.returns[k]}: {m.mistake}" for k, m in each if m]


def _fitting(check: Check, trials: list[_Trial], which: tuple[int, ...]) -> Mutant | None:
    """Return the mutant whose numbers are the function's on every case, if there is one."""
    usable = [t for t in trials if t.observation.results is not None and not t.case.advice]
    # Where the function's own arithmetic broke down, the numbers tell nothing of the mistake.
    sound = [t for t in usable if not any(_broken(t, k) for k in which)]
    usable = sound if any(k in t.wrong for t in sound for k in which) else usable
    for mutant, results in _answers_of_mutants(check.label):
        if all(_same_numbers(check, results[t.case.name], t, which) for t in usable):
            return mutant
    return None


@cache
def _answers_of_mutants(label: str) -> list[tuple[Mutant, dict[str, tuple[Array, ...] | None]]]:
    """Return what every known mistake gives on every case, by the case's name, asked once."""
    return [
        (mutant, {c.name: observe(mutant.function, c.arguments).results for c in cases_of(label)})
        for mutant in mutants_of(label)
    ]


def _broken(trial: _Trial, k: int) -> bool:
    got, expected = trial.observation.results or (), as_results(trial.case.expected)
    return k in trial.wrong and _overflowed(got[k], expected[k])


def _same_numbers(
    check: Check, ours: tuple[Array, ...] | None, trial: _Trial, which: tuple[int, ...]
) -> bool:
    theirs = trial.observation.results
    if theirs is None or ours is None or len(theirs) != len(ours):
        return False
    return all(close(_loose(check), theirs[k], ours[k]) for k in which)


def _nearly(check: Check, trial: _Trial, k: int) -> bool:
    got, expected = trial.observation.results or (), as_results(trial.case.expected)
    return close(_loose(check), got[k], expected[k])


def _loose(check: Check) -> Check:
    """Return a check by whose tolerance a mistake is known, though something else be float32."""
    return replace(check, rtol=1e-6, atol=1e-8)

r"""What wrong numbers have in common with the right ones, and which known mistake gives them.

A known mistake (`tvbi_ref.school.checks.mutants`) that gives the SAME wrong numbers on every case
is the diagnosis.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from tvbi_ref.school.checks.calling import observe
from tvbi_ref.school.checks.case import Check
from tvbi_ref.school.checks.mutants import Mutant, mutants_of
from tvbi_ref.school.checks.suites import cases_of
from tvbi_ref.school.checks.trials import Trial, as_results, close, overflowed

Array = NDArray[Any]


def relations(check: Check, trials: list[Trial]) -> list[str]:
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


def _pooled(trials: list[Trial], k: int) -> tuple[Array, Array]:
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


def diagnoses(check: Check, trials: list[Trial]) -> list[str]:
    """Return the known mistakes that fit: one for the whole, or one for each wrong result."""
    wrong = sorted({k for trial in trials for k in trial.wrong if not _nearly(check, trial, k)})
    if not wrong:
        return []
    whole = _fitting(check, trials, tuple(range(len(check.returns))))
    if whole:
        return [f"known mistake: {whole.mistake}"]
    each = [(k, _fitting(check, trials, (k,))) for k in wrong]
    return [f"known mistake in {check.returns[k]}: {m.mistake}" for k, m in each if m]


def _fitting(check: Check, trials: list[Trial], which: tuple[int, ...]) -> Mutant | None:
    """Return the mutant whose numbers are the function's on every case, if there is one."""
    usable = [t for t in trials if t.observation.results is not None and not t.case.advice]
    # Where the function's own arithmetic broke down, the numbers tell nothing of the mistake.
    sound = [t for t in usable if not any(_broken(t, k) for k in which)]
    usable = sound if any(k in t.wrong for t in sound for k in which) else usable
    for mutant, results in _answers_of_mutants(check.label, check.seed):
        if all(_same_numbers(check, results[t.case.name], t, which) for t in usable):
            return mutant
    return None


@cache
def _answers_of_mutants(
    label: str, seed: int | None
) -> list[tuple[Mutant, dict[str, tuple[Array, ...] | None]]]:
    """Return what every known mistake gives on every case, by the case's name, asked once."""
    cases = cases_of(label, seed)
    return [
        (mutant, {case.name: observe(mutant.function, case.arguments).results for case in cases})
        for mutant in mutants_of(label)
    ]


def _broken(trial: Trial, k: int) -> bool:
    got, expected = trial.observation.results or (), as_results(trial.case.expected)
    return k in trial.wrong and overflowed(got[k], expected[k])


def _same_numbers(
    check: Check, ours: tuple[Array, ...] | None, trial: Trial, which: tuple[int, ...]
) -> bool:
    theirs = trial.observation.results
    if theirs is None or ours is None or len(theirs) != len(ours):
        return False
    return all(close(_loose(check), theirs[k], ours[k]) for k in which)


def _nearly(check: Check, trial: Trial, k: int) -> bool:
    got, expected = trial.observation.results or (), as_results(trial.case.expected)
    return close(_loose(check), got[k], expected[k])


def _loose(check: Check) -> Check:
    """Return a check by whose tolerance a mistake is known, though something else be float32."""
    return replace(check, rtol=1e-6, atol=1e-8)

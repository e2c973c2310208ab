r"""Is this function the equation? Every case against an oracle, every wrong answer in words.

A check never compares with the package's own function. Its cases come with numbers that
an oracle found on another road (`tvbi_ref.school.checks.oracles`): enumeration, quadrature, finite
differences. Where the numbers are wrong, `tvbi_ref.school.checks.diagnosis` says what they are.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from tvbi_ref.equations import get
from tvbi_ref.school.checks.calling import Observation, observe
from tvbi_ref.school.checks.diagnosis import diagnoses, relations
from tvbi_ref.school.checks.report import Finding, Report
from tvbi_ref.school.checks.suites import cases_of, check_of
from tvbi_ref.school.checks.trials import trial_of
from tvbi_ref.school.checks.wire import pack, unpack


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
def examine(
    label: str, call: Callable[[tuple[Any, ...]], Observation], seed: int | None = None
) -> Report:
    """Check a function that can only be reached through `call`, maybe in another process.

    Parameters
    ----------
    label : str
    call : callable (arguments) -> Observation
    seed : int, optional
        Of fresh cases.

    Examples
    --------
    >>> examine("q-support", lambda arguments: Observation(error="is not here")).passed
    False
    """
    check, label = check_of(label, seed), get(label).label
    trials = [trial_of(check, case, call(case.arguments)) for case in cases_of(label, seed)]
    findings = tuple(trial.finding for trial in trials)
    wrong = [trial for trial in trials if not trial.finding.ok]
    if not wrong:
        return Report(label, True, _passed(label, findings), findings)
    first = wrong[0].finding
    if len(wrong) == len(trials) and len({finding.text for finding in findings}) == 1:
        return Report(label, False, f"[{label}] {first.text}", findings)  # a stub, say
    lines = [f"[{label}] failed {len(wrong)} of {len(findings)} cases"]
    lines += diagnoses(check, trials) or [
        f"first, {first.case}: {first.text}",
        *relations(check, trials),
    ]
    return Report(label, False, "\n".join(lines), findings)


def _passed(label: str, findings: tuple[Finding, ...]) -> str:
    cases = {finding.text: finding.case for finding in reversed(findings) if finding.text}
    advice = [f"not asked for, {case}: {text}" for text, case in reversed(cases.items())]
    return "\n".join([f"[{label}] passed all {len(findings)} cases", *advice])

r"""Is this function the equation? Every case against an oracle, every wrong answer in words.

A check never compares with the package's own function. Its cases come with numbers that
an oracle found on another road (`tvbi_ref.school.checks.oracles`): enumeration, quadrature, finite
differences. Where the numbers are wrong, `tvbi_ref.school.checks.diagnosis` says what they are.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from typing import Any

import numpy as np

from tvbi_ref._validation import PlainGamma, as_real
from tvbi_ref.equations import get
from tvbi_ref.gamma import Gamma
from tvbi_ref.school.checks.calling import Observation, observe
from tvbi_ref.school.checks.case import Check
from tvbi_ref.school.checks.diagnosis import diagnoses
from tvbi_ref.school.checks.report import ADVICE, Finding, Report
from tvbi_ref.school.checks.suites import cases_of, check_of
from tvbi_ref.school.checks.trials import Trial, as_results, trial_of
from tvbi_ref.school.checks.wire import pack, unpack


def check(
    label: str,
    function: Callable[..., Any],
    *,
    rtol: float | None = None,
    atol: float | None = None,
    seed: int | None = None,
) -> Report:
    r"""Check a function against the equation of this label.

    Parameters
    ----------
    label : str
        One of the labels of `tvbi_ref.equations`.
    function : callable
        With the signature of the package's own function: `tvbi_ref.equations.get(label)`
        names it. It is called with positional arguments, twice on every case.
    rtol, atol : float >= 0, optional
        A number x passes for y if \|x - y\| <= atol + rtol \|y\|; by default the equation's
        own, which rounding in float64 needs. With either, a result may be float32.
    seed : int >= 0, optional
        Draws the random cases anew.

    Returns
    -------
    Report
        Its `cases` hold what went in, what was expected and what came, as arrays.

    Raises
    ------
    ValueError
        If there is no such equation, or a tolerance or the seed is none.
    TypeError
        If `function` is not callable. Whatever it does when called is a finding.

    Examples
    --------
    >>> print(check("extrinsic-a", lambda posterior, incoming: posterior - incoming).message)
    [extrinsic-a] passed all 8 cases
    >>> report = check("extrinsic-a", lambda posterior, incoming: posterior + incoming)
    >>> report.passed, list(report.cases[0].inputs)
    (False, ['posterior', 'incoming'])
    """
    if not callable(function):
        raise TypeError(f"function must be callable; got {function!r}")
    given = {"rtol": rtol, "atol": atol}
    tolerances: dict[str, Any] = {
        k: as_real(x, k, at_least=0) for k, x in given.items() if x is not None
    }

    def call(arguments: tuple[Any, ...]) -> Observation:
        # With what a graded file gets, so that both say the same.
        seen = observe(function, unpack(pack(arguments)))
        return _in_float64(seen) if tolerances else seen

    report = examine(label, call, seed, **tolerances)
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
    label: str,
    call: Callable[[tuple[Any, ...]], Observation],
    seed: int | None = None,
    **tolerances: Any,
) -> Report:
    """Check a function that can only be reached through `call`, maybe in another process.

    Parameters
    ----------
    label : str
    call : callable (arguments) -> Observation
    seed : int, optional
        Of fresh cases.
    **tolerances : float
        `rtol` and `atol` in place of the equation's own.

    Examples
    --------
    >>> examine("q-support", lambda arguments: Observation(error="is not here")).passed
    False
    """
    check, label = replace(check_of(label, seed), **tolerances), get(label).label
    trials = [trial_of(check, case, call(case.arguments)) for case in cases_of(label, seed)]
    findings = tuple(_with_arrays(check, trial) for trial in trials)
    wrong = [trial for trial in trials if not trial.finding.ok]
    if not wrong:
        return Report(label, True, _passed(label, findings), findings)
    first = wrong[0].finding
    if len(wrong) == len(trials) and len({finding.text for finding in findings}) == 1:
        return Report(label, False, f"[{label}] {first.text}", findings)  # a stub, say
    lines = [f"[{label}] failed {len(wrong)} of {len(findings)} cases"]
    lines += diagnoses(check, trials)
    return Report(label, False, "\n".join(lines), findings)


def _in_float64(observation: Observation) -> Observation:
    """Return what was seen with its floats in float64, where less was asked for."""
    if observation.results is None:
        return observation
    results = (x.astype(np.float64) if x.dtype.kind == "f" else x for x in observation.results)
    return replace(observation, results=tuple(results))


def _with_arrays(check: Check, trial: Trial) -> Finding:
    """Return a trial's finding with its arrays, the inputs as the function gets them."""
    case, got = trial.case, trial.observation.results or ()
    names = check.returns if len(got) == len(check.returns) else map(str, range(len(got)))
    inputs = [symbol.name for symbol in get(check.label).inputs]
    given = (PlainGamma(*x) if isinstance(x, Gamma) else x for x in deepcopy(case.arguments))
    return replace(
        trial.finding,
        inputs=dict(zip(inputs, given, strict=True)),
        expected=dict(zip(check.returns, map(np.copy, as_results(case.expected)), strict=True)),
        actual=dict(zip(names, got, strict=True)),
    )


def _passed(label: str, findings: tuple[Finding, ...]) -> str:
    cases = {finding.text: finding.case for finding in reversed(findings) if finding.text}
    advice = [f"{ADVICE}, {case}: {text}" for text, case in reversed(cases.items())]
    return "\n".join([f"[{label}] passed all {len(findings)} cases", *advice])

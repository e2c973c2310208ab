r"""What is wrong with wrong numbers, in words that hold on every case that fails.

The first of these that fits is said, for the results together or for each:

1. a known mistake (`tvbi_ref.school.checks.mutants`) that gives the SAME wrong numbers;
2. what the numbers are to the right ones (`tvbi_ref.school.checks.patterns`);
3. one letter or piece of the equation changed in a usual way (`tvbi_ref.school.checks.derived`);
4. two mistakes at once;
5. where the numbers are wrong, and the known mistake that fits most of them.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator
from copy import deepcopy
from dataclasses import replace
from itertools import chain, combinations, islice, permutations, product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tvbi_ref.equations import get
from tvbi_ref.school.checks.case import Check
from tvbi_ref.school.checks.derived import derived, lost, nudged, says
from tvbi_ref.school.checks.mutants import Mutant, mutants_of
from tvbi_ref.school.checks.mutants.registry import Anatomy, Change, Known
from tvbi_ref.school.checks.patterns import (
    Pair,
    case_by_case,
    everywhere,
    float32,
    pairs_of,
    somewhere,
)
from tvbi_ref.school.checks.trials import Trial, as_results, close, overflowed

Array = NDArray[Any]
Results = tuple[Array, ...]

FIRST_AXIS = {
    "grid-sweep": (
        "the messages from above",
        "the messages from below",
        "the messages from the left",
        "the messages from the right",
    )
}
"""What the entries along the first axis of a result are called."""


FEW = 3
"""Cases that show whether a change moves a result."""

MOST_TRIES = 6000
"""For one change, and for two, of all wrong results: what is not found by then is not said."""


def diagnoses(check: Check, trials: list[Trial]) -> list[str]:
    """Return what is known of the wrong answers: in one line, or for each wrong result.

    Examples
    --------
    >>> from tvbi_ref.school.checks.calling import observe
    >>> from tvbi_ref.school.checks.suites import cases_of, check_of
    >>> from tvbi_ref.school.checks.trials import trial_of
    >>> check, twice = check_of("extrinsic-a"), lambda posterior, incoming: posterior - 2 * incoming
    >>> cases = cases_of("extrinsic-a")
    >>> trials = [trial_of(check, case, observe(twice, case.arguments)) for case in cases]
    >>> diagnoses(check, trials)[-1]
    'known mistake: incoming is taken off twice: the posterior holds it once'
    """
    judged = [t for t in trials if not (t.finding.ok and t.finding.text)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return list(_diagnoses(check, judged))


def _diagnoses(check: Check, trials: list[Trial]) -> Iterator[str]:
    names = [symbol.name for symbol in get(check.label).inputs]
    by_result = [pairs_of(check, names, trials, k) for k in range(len(check.returns))]
    wrong = [k for k, pairs in enumerate(by_result) if any(pair.wrong.any() for pair in pairs)]
    whole = _known(check, trials, tuple(range(len(check.returns)))) if wrong else ""
    if whole:
        yield f"known mistake: {whole}"
        return
    of_each = [_explained(check, trials, by_result, k, wrong) for k in wrong]
    if not wrong or not all(texts[0].startswith("known mistake") for texts in of_each):
        first = next(trial.finding for trial in trials if not trial.finding.ok)
        yield f"first, {first.case}: {first.text}"
    told: dict[str, list[str]] = {}
    for k, texts in zip(wrong, of_each, strict=True):
        for text in filter(None, texts):
            told.setdefault(text, []).append(check.returns[k])
    yield from (f"{', '.join(results)}: {text}" for text, results in told.items())
    right = [name for k, name in enumerate(check.returns) if k not in wrong]
    if wrong and right:
        yield f"right in all cases: {', '.join(right)}"


def _explained(
    check: Check, trials: list[Trial], by_result: list[list[Pair]], k: int, wrong: list[int]
) -> list[str]:
    """Return what is known of one wrong result."""
    pairs, tries = by_result[k], MOST_TRIES // len(wrong)
    # A mistake that would change a result that is right has not been made.
    which = (k, *(j for j in range(len(check.returns)) if j not in wrong))
    found = (
        _another(check, by_result, k)
        or _known(check, trials, which, "known mistake: ")
        or float32(pairs)
        or everywhere(pairs)
        or _changed(check, trials, k, _one_change, tries)
        or case_by_case(pairs)
        or _changed(check, trials, k, _two_changes, tries)
        or _known(check, trials, (k,), "known mistake, in this result alone: ")
    )
    if found:
        return [found]
    return [*somewhere(pairs, FIRST_AXIS.get(check.label, ())), _probable(check, trials, which)]


def _another(check: Check, by_result: list[list[Pair]], k: int) -> str:
    """Say which other result stands in this one's place."""
    for j, name in enumerate(check.returns):
        both = list(zip(by_result[k], by_result[j], strict=True))
        if j != k and all(close(_loose(check), ours.got, other.expected) for ours, other in both):
            return f"that is {name}"
    return ""


# --- functions that might give the same numbers ----------------------------------------------

Candidate = tuple[str, Callable[[Trial], Any]]


def _known(check: Check, trials: list[Trial], which: tuple[int, ...], words: str = "") -> str:
    candidates = ((words + mutant.mistake, _of(mutant)) for mutant in mutants_of(check.label))
    return _first_fitting(check, trials, which, candidates, lenient=True)


def _of(mutant: Mutant) -> Callable[[Trial], Any]:
    return lambda trial: mutant.function(*deepcopy(trial.case.arguments))


Changes = Callable[[str, dict[str, str], list[Mutant]], Iterator[Any]]


def _one_change(label: str, spoken: dict[str, str], mutants: list[Mutant]) -> Iterator[Any]:
    anatomy = mutants_of(label)[0].anatomy
    for words, change in derived(anatomy, spoken, says(label, anatomy)):
        yield f"as if {words}", (change,)


def _two_changes(label: str, spoken: dict[str, str], mutants: list[Mutant]) -> Iterator[Any]:
    """Yield two known mistakes at once, and one or two of what is lost most often."""
    known = [(mutant.mistake, mutant.change) for mutant in mutants]
    losses = [(f"as if {words}", change) for words, change in lost(spoken)]
    for (one, change), (other, second) in chain(
        permutations(known, 2), product(losses, known), combinations(losses, 2)
    ):
        yield f"two mistakes at once: {one} -- and: {other}", (change, second)


def _changed(check: Check, trials: list[Trial], k: int, changes: Changes, tries: int) -> str:
    """Say which changes to the right answer give these numbers, of those that move this result."""
    usable = [_only(k, trial) for trial in _usable(trials, (k,))]
    mutants = mutants_of(check.label)
    anatomy = mutants[0].anatomy
    make = _maker(check, anatomy, usable, k)

    def moves(change: Change) -> bool:
        return not all(
            _gives(check, make(change), trial, trial.case.expected) for trial in usable[:FEW]
        )

    spoken = {x: words for x, words in says(check.label, anatomy).items() if moves(nudged(x))}
    mutants = [mutant for mutant in mutants if moves(mutant.change)]
    tried = islice(changes(check.label, spoken, mutants), tries)
    return _first_fitting(check, usable, (0,), ((words, make(*made)) for words, made in tried))


def _gives(check: Check, function: Callable[..., Any], trial: Trial, expected: Any) -> bool:
    answer = _answer(function, trial)
    return answer is not None and close(check, answer[0], as_results(expected)[0])


def _only(k: int, trial: Trial) -> Trial:
    """Return a trial of one result alone."""
    case = replace(trial.case, expected=as_results(trial.case.expected)[k])
    seen = replace(trial.observation, results=((trial.observation.results or ())[k],))
    return replace(trial, case=case, observation=seen, wrong=(0,) * (k in trial.wrong))


def _maker(check: Check, anatomy: Anatomy, trials: list[Trial], k: int) -> Callable[..., Any]:
    """Return what gives one result with changes, from its own piece alone if it has one."""
    right = {trial.case.name: _right_pieces(anatomy, trial) for trial in trials}

    def known(trial: Trial) -> Known:
        return dict(right[trial.case.name]) or anatomy.known(deepcopy(trial.case.arguments))

    def maker(piece: str, k: int) -> Callable[..., Any]:
        def with_changes(*changes: Change) -> Callable[[Trial], Any]:
            return lambda trial: as_results(anatomy.value(piece, changes, known(trial)))[k]

        return with_changes

    needs = anatomy.pieces[anatomy.answer].needs
    if len(needs) == len(check.returns) > 1:
        own = maker(needs[k], 0)
        if all(_gives(check, own(), trial, trial.case.expected) for trial in trials[:FEW]):
            return own
    return maker(anatomy.answer, k)


def _right_pieces(anatomy: Anatomy, trial: Trial) -> Known:
    """Return the right pieces, which most changes leave alone; none where modules remember."""
    if any(map(callable, trial.case.arguments)):
        return {}
    known = anatomy.known(trial.case.arguments)
    for name in anatomy.pieces:
        anatomy.value(name, (), known)
    return known


def _first_fitting(
    check: Check,
    trials: list[Trial],
    which: tuple[int, ...],
    candidates: Iterable[Candidate],
    lenient: bool = False,
) -> str:
    """Return the words of the first function that gives the same numbers on every case."""
    usable = _usable(trials, which)
    loose = _loose(check)
    if not all(_agrees(loose, t, as_results(t.case.expected), which) for t in usable):
        check = loose
    for words, function in candidates:
        fits = all(_agrees(check, t, _answer(function, t), which, lenient) for t in usable)
        if fits and _tells(check, usable, function, which):
            return words
    return ""


def _usable(trials: list[Trial], which: tuple[int, ...]) -> list[Trial]:
    """Return the cases whose numbers tell of a mistake, one of the small wrong ones first."""
    usable = [
        t for t in trials if len(t.observation.results or ()) == len(as_results(t.case.expected))
    ]
    # A form that breaks down where there is advice can hide the mistake of another form there.
    plain = [t for t in usable if not t.case.advice]
    usable = plain if any(k in t.wrong for t in plain for k in which) else usable
    # Where the function's own arithmetic broke down, the numbers tell nothing of the mistake.
    sound = [t for t in usable if not any(_broken(t, k) for k in which)]
    usable = sound if any(k in t.wrong for t in sound for k in which) else usable
    wrong = {t.case.name: any(k in t.wrong for k in which) for t in usable}
    return sorted(usable, key=lambda t: not wrong[t.case.name])


def _answer(function: Callable[[Trial], Any], trial: Trial) -> Results | None:
    try:
        answer = as_results(function(trial))
        return answer if all(x.dtype.kind in "biufc" for x in answer) else None
    except Exception:  # of a piece that cannot be changed so
        return None


def _agrees(
    check: Check,
    trial: Trial,
    ours: Results | None,
    which: tuple[int, ...],
    lenient: bool = False,
) -> bool:
    """Return whether the numbers are the same; `lenient` where ours are none (NaN), too."""
    theirs = trial.observation.results
    if theirs is None or ours is None or len(theirs) != len(ours):
        return False
    fill = _filled if lenient else lambda mine, yours: mine
    return all(close(check, theirs[k], fill(ours[k], theirs[k])) for k in which)


def _tells(
    check: Check, trials: list[Trial], function: Callable[[Trial], Any], which: tuple[int, ...]
) -> bool:
    """Return whether a function that agrees has numbers (no NaN) where enough are wrong.

    What it leaves unexplained is small beside what is wrong, which may be little itself.
    """
    there: list[Array] = []
    left, off = 0.0, 0.0
    for trial in trials:
        ours, expected = _answer(function, trial) or (), as_results(trial.case.expected)
        for k in which:
            mine, got = ours[k].ravel(), (trial.observation.results or ())[k].ravel()
            if got.size == expected[k].size:
                right = expected[k].ravel()
                wrong = ~np.isclose(got, right, check.rtol, check.atol, equal_nan=True)
                mine, got = mine[wrong], got[wrong]
                off = max(off, _largest(got, right[wrong]))
                left = max(left, _largest(mine, got))
            there.append(~np.isnan(mine))
    number = np.concatenate(there)
    return bool(number.any() and number.mean() > 0.25 and left <= 0.01 * off)


def _largest(a: Array, b: Array) -> float:
    """Return the largest difference that is a number."""
    off = np.abs(a * 1.0 - b)
    return float(off[np.isfinite(off)].max(initial=0.0))


def _filled(ours: Array, theirs: Array) -> Array:
    """Return our numbers, theirs where ours are none."""
    return np.where(np.isnan(ours), theirs, ours) if ours.shape == theirs.shape else ours


def _broken(trial: Trial, k: int) -> bool:
    got, expected = trial.observation.results or (), as_results(trial.case.expected)
    return k in trial.wrong and overflowed(got[k], expected[k])


def _loose(check: Check) -> Check:
    """Return a check by whose tolerance a mistake is known, though something else be float32."""
    return replace(check, rtol=1e-6, atol=1e-8)


def _probable(check: Check, trials: list[Trial], which: tuple[int, ...]) -> str:
    """Return the known mistake that gives most of the wrong numbers, with the counts."""
    best = max(_share(check, trials, which, mutant) for mutant in mutants_of(check.label))
    share, fits, of, mistake = best
    if fits < 2 or share <= 0.5:
        return ""
    return f"probably, for it fits {fits} of {of} cases: {mistake}"


def _share(
    check: Check, trials: list[Trial], which: tuple[int, ...], mutant: Mutant
) -> tuple[float, int, int, str]:
    """Return in how many of the cases that either gets wrong the numbers are the same."""
    check, fits, of = _loose(check), 0, 0
    for trial in trials:
        ours = _answer(_of(mutant), trial)
        same, right = (
            _agrees(check, trial, ours, which),
            _agrees(check, trial, as_results(trial.case.expected), which),
        )
        fits, of = fits + (same and not right), of + (not (same and right))
        if of - fits > len(trials) / 2:
            break  # it fits less than half
    return fits / max(of, 1), fits, of, mutant.mistake

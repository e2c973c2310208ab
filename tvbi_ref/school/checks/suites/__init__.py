"""The cases of every equation, one file a group, as `CHECKS` by label."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

from tvbi_ref._validation import as_count
from tvbi_ref.equations import get
from tvbi_ref.school.checks.case import Case, Check
from tvbi_ref.school.checks.suites import compression, model, module_a, module_b, nets, turbo

CHECKS: dict[str, Check] = {
    check.label: check
    for group in (model, nets, module_a, module_b, turbo, compression)
    for check in group.CHECKS
}


def check_of(label: str, seed: int | None = None) -> Check:
    """Return the check of a label, with a seed the one whose random cases are fresh.

    Raises
    ------
    ValueError
        If there is no equation of this name, or the seed is none.

    Examples
    --------
    >>> check_of("cavity").returns
    ('cavity',)
    >>> check_of("q-suport")
    Traceback (most recent call last):
    ValueError: label must name an equation; got 'q-suport'; did you mean q-support?
    """
    seed = None if seed is None else as_count(seed, "seed")
    return replace(CHECKS[get(label).label], seed=seed)


@cache
def cases_of(label: str, seed: int | None = None) -> list[Case]:
    """Return the cases of an equation, asked of the oracles once: they are not to be changed.

    Parameters
    ----------
    label : str
    seed : int >= 0, optional
        Draws the random ones anew.

    Examples
    --------
    >>> cases_of("extrinsic-a") is cases_of("extrinsic-a")
    True
    """
    return check_of(label, seed).cases()

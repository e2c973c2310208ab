r"""What a check is made of: named cases, each with what an oracle says it must give."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Case:
    """One call of the function under test.

    Parameters
    ----------
    name : str
        In words, for the report: "a dead weight, m = 0".
    arguments : tuple
        Positional.
    expected : ndarray, float, or tuple of these
        From an oracle, never from the function that the package uses itself.
    advice : str
        Where an honest textbook form may overflow, a wrong answer does not fail the
        function; the report passes on this advice instead.

    Examples
    --------
    >>> Case("one half of nothing", (0.0,), 0.0).advice
    ''
    """

    name: str
    arguments: tuple[Any, ...]
    expected: Any
    advice: str = ""


@dataclass(frozen=True)
class Check:
    r"""All that is asked of one equation's function.

    Parameters
    ----------
    label : str
        Of the equation.
    returns : tuple of str
        What each result is called.
    cases : callable () -> list of Case
        Seeded: the same list every time.
    rtol, atol : float
        A number x passes for y if \|x - y\| <= atol + rtol \|y\|.

    Examples
    --------
    >>> check = Check("q-support", ("log_odds",), lambda: [Case("even odds", (0.0, 0.0), 0.0)])
    >>> [case.name for case in check.cases()]
    ['even odds']
    """

    label: str
    returns: tuple[str, ...]
    cases: Callable[[], list[Case]]
    rtol: float = 1e-6
    atol: float = 1e-8

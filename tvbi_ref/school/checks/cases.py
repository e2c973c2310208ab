r"""What a check is made of: named cases, each with what an oracle says it must give."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tvbi_ref.gamma import Gamma


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


def pair(gamma: Gamma) -> tuple[float, float]:
    """Return (a, b), which is how the oracles take a Gamma.

    Examples
    --------
    >>> pair(Gamma(1.0, 0.02))
    (1.0, 0.02)
    """
    return gamma.shape, gamma.rate


def asked(
    oracle: Callable[..., Any], settings: Mapping[str, Iterable[Any]], advice: str = ""
) -> list[Case]:
    """Return one case for each setting, its arguments by its name, as the oracle answers them.

    Examples
    --------
    >>> asked(lambda prior, evidence: prior + evidence, {"even odds": (0.0, 2.0)})[0].expected
    2.0
    """
    return [
        Case(name, given, oracle(*(pair(x) if isinstance(x, Gamma) else x for x in given)), advice)
        for name, given in ((name, tuple(arguments)) for name, arguments in settings.items())
    ]


BY_DIFFERENCES = 5e-9
"""The `rtol` of a check whose oracle differentiates or solves numerically, to 5e-10."""


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
        A number x passes for y if \|x - y\| <= atol + rtol \|y\|: what rounding in float64
        needs, and far less than float32 does.

    Examples
    --------
    >>> check = Check("q-support", ("log_odds",), lambda: [Case("even odds", (0.0, 0.0), 0.0)])
    >>> [case.name for case in check.cases()]
    ['even odds']
    """

    label: str
    returns: tuple[str, ...]
    cases: Callable[[], list[Case]]
    rtol: float = 1e-9
    atol: float = 1e-11

r"""What a check is made of: named cases, each with what an oracle says it must give."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import numpy as np

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


_SEED: ContextVar[int | None] = ContextVar("seed", default=None)
"""Of the check whose cases are being drawn."""


def rng_of(stream: int) -> np.random.Generator:
    """Return the generator of one of a suite's streams: another one for each seed of a check.

    Examples
    --------
    >>> bool(rng_of(3).normal() == np.random.default_rng(3).normal())
    True
    """
    seed = _SEED.get()
    return np.random.default_rng(stream if seed is None else (seed, stream))


def varied(stream: int, *numbers: float) -> tuple[float, ...]:
    """Return the numbers; for a check with a seed, each up to a fifth more or less.

    Examples
    --------
    >>> varied(3, 0.25, 2.0)
    (0.25, 2.0)
    """
    if _SEED.get() is None:
        return numbers
    return tuple(float(x) for x in numbers * rng_of(stream).uniform(0.8, 1.2, len(numbers)))


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
    draw : callable () -> list of Case
        What is random in them comes from `rng_of` and `varied`.
    rtol, atol : float
        A number x passes for y if \|x - y\| <= atol + rtol \|y\|: what rounding in float64
        needs, and far less than float32 does.
    seed : int, optional
        Of fresh cases in place of the usual ones: the same names, the hand-made ones as they
        are, the random ones drawn anew.

    Examples
    --------
    >>> check = Check("q-support", ("log_odds",), lambda: [Case("even odds", (0.0, 0.0), 0.0)])
    >>> [case.name for case in check.cases()]
    ['even odds']
    """

    label: str
    returns: tuple[str, ...]
    draw: Callable[[], list[Case]]
    rtol: float = 1e-9
    atol: float = 1e-11
    seed: int | None = None

    def cases(self) -> list[Case]:
        """Return the cases, the same ones every time."""
        token = _SEED.set(self.seed)
        try:
            return self.draw()
        finally:
            _SEED.reset(token)

"""The list of known mistakes, and the decorator that adds to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True)
class Mutant:
    """A wrong version of an equation.

    Parameters
    ----------
    label : str
        Of the equation that it gets wrong.
    mistake : str
        What is wrong, and what would be right: what a student is told.
    function : callable
    """

    label: str
    mistake: str
    function: Callable[..., Any]

    @property
    def name(self) -> str:
        """The function's name."""
        return str(self.function.__name__)


MUTANTS: list[Mutant] = []


def mutant(label: str, mistake: str) -> Callable[[F], F]:
    """Enter the decorated function as a known mistake of an equation.

    Parameters
    ----------
    label : str
    mistake : str
        One sentence or two, in words: the mistake, and the right quantity.

    Examples
    --------
    >>> @mutant("q-support", "only an example: the evidence is missing")
    ... def prior_alone(prior_log_odds, evidence):
    ...     return prior_log_odds
    >>> MUTANTS.pop().name
    'prior_alone'
    """

    def enter(function: F) -> F:
        MUTANTS.append(Mutant(label, mistake, function))
        return function

    return enter

"""The list of known mistakes: each is the right answer with a piece of it changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Pieces = dict[str, Callable[..., Any]]
"""Names, and what gives them: functions whose parameters are named like what they need."""


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


MUTANTS: list[Mutant] = []


def mistakes(label: str, letters: str, right: Pieces, *words_and_changes: str | Pieces) -> None:
    """Enter the known mistakes of an equation.

    Parameters
    ----------
    label : str
    letters : str
        What the arguments are called here, in their order: "mu s2 rho".
    right : dict
        The right answer in pieces. A piece is a function of letters and of pieces above it, named
        by its parameters. The last one is the answer.
    *words_and_changes : str, dict, str, dict, ...
        One sentence or two: the mistake, and the right quantity. Then what it changes, letters or
        pieces, as functions of the RIGHT letters and pieces; whatever depends on them follows.

    Raises
    ------
    ValueError
        If a piece or a change needs, or a change changes, what is not there.

    Examples
    --------
    >>> mistakes(
    ...     "q-support",
    ...     "h l",
    ...     {"sum": lambda h, l: h + l},
    ...     "only an example: the evidence is missing",
    ...     {"l": lambda l: 0 * l},
    ... )
    >>> MUTANTS.pop().function(2.0, 3.0)
    2.0
    """
    there = letters.split()
    for name, piece in right.items():
        _demand(label, name, _needs(piece), there)
        there.append(name)
    for words, change in zip(words_and_changes[::2], words_and_changes[1::2], strict=True):
        assert isinstance(words, str)
        assert isinstance(change, dict)
        for name, piece in change.items():
            _demand(label, words, (name, *_needs(piece)), there)
        MUTANTS.append(Mutant(label, words, _mistaken(letters.split(), right, change)))


def _demand(label: str, place: str, needs: tuple[str, ...], there: list[str]) -> None:
    missing = set(needs).difference(there)
    if missing:
        raise ValueError(f"[{label}] {place}: {sorted(missing)} not among {there}")


def _needs(piece: Callable[..., Any]) -> tuple[str, ...]:
    return piece.__code__.co_varnames[: piece.__code__.co_argcount]


def _mistaken(letters: list[str], right: Pieces, change: Pieces) -> Callable[..., Any]:
    """Return the answer with a change; what the change does not reach is worked out once."""
    *_, answer = right
    reached = {*change}
    for name, piece in right.items():
        reached |= {name} if reached.intersection(_needs(piece)) else set()

    def function(*arguments: Any) -> Any:
        known = dict(zip(letters, arguments, strict=True))
        changed = {name: _call(piece, right, known) for name, piece in change.items()}
        kept = {name: value for name, value in known.items() if name not in reached}
        return _value(answer, right, kept | changed)

    return function


def _value(name: str, pieces: Pieces, known: dict[str, Any]) -> Any:
    """Return a piece, worked out when it is first asked for."""
    if name not in known:
        known[name] = _call(pieces[name], pieces, known)
    return known[name]


def _call(piece: Callable[..., Any], pieces: Pieces, known: dict[str, Any]) -> Any:
    return piece(*(_value(need, pieces, known) for need in _needs(piece)))

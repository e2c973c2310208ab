"""The list of known mistakes: each is the right answer with a piece of it changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

Pieces = dict[str, Callable[..., Any]]
"""Names, and what gives them: functions whose parameters are named like what they need."""


class Piece(NamedTuple):
    """What gives a piece, and the letters and pieces that it needs, in order."""

    needs: tuple[str, ...]
    give: Callable[..., Any]


Change = dict[str, Piece]
"""The letters and pieces that a mistake changes."""


Known = dict[tuple[str, tuple[int, ...]], Any]
"""Values of letters and pieces, each with the numbers of the changes that reach it."""


class Anatomy:
    """An equation's right answer in pieces, to be put together with some of them changed.

    Parameters
    ----------
    letters : str
    right : dict
        The last piece is the answer.
    """

    def __init__(self, letters: str, right: Pieces) -> None:
        self.letters = letters.split()
        self.pieces = {name: _piece(piece) for name, piece in right.items()}
        self.reach = {letter: {letter} for letter in self.letters}
        for name, piece in self.pieces.items():
            self.reach[name] = {name}.union(*(self.reach[need] for need in piece.needs))

    @property
    def answer(self) -> str:
        """The last piece."""
        return list(self.pieces)[-1]

    def with_changes(self, *changes: Change) -> Callable[..., Any]:
        """Return the answer with changes, each made to what those before it have left."""

        def function(*arguments: Any) -> Any:
            return self.value(self.answer, changes, self.known(arguments))

        return function

    def known(self, arguments: tuple[Any, ...]) -> Known:
        """Return what the arguments give by themselves."""
        return {(name, ()): x for name, x in zip(self.letters, arguments, strict=True)}

    def value(self, name: str, changes: tuple[Change, ...], known: Known) -> Any:
        """Return a piece with changes; what is worked out for it is `known` from then on."""
        return self._value(name, changes, tuple(range(len(changes))), known)

    def _value(
        self, name: str, changes: tuple[Change, ...], made: tuple[int, ...], known: Known
    ) -> Any:
        """Return a piece; what the changes that are made do not reach is worked out once."""
        made = tuple(k for k in made if self.reach[name].intersection(changes[k]))
        if (name, made) not in known:
            last = next((k for k in reversed(made) if name in changes[k]), None)
            piece = self.pieces[name] if last is None else changes[last][name]
            rest = tuple(k for k in made if k != last)
            needs = (self._value(need, changes, rest, known) for need in piece.needs)
            known[name, made] = piece.give(*needs)
        return known[name, made]


@dataclass(frozen=True)
class Mutant:
    """A wrong version of an equation.

    Parameters
    ----------
    label : str
        Of the equation that it gets wrong.
    mistake : str
        What is wrong, and what would be right: what a student is told.
    anatomy : Anatomy
        The right answer.
    change : dict of str to Piece
    """

    label: str
    mistake: str
    anatomy: Anatomy
    change: Change

    @property
    def function(self) -> Callable[..., Any]:
        """The wrong answer."""
        return self.anatomy.with_changes(self.change)


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
        _demand(label, name, _piece(piece).needs, there)
        there.append(name)
    anatomy = Anatomy(letters, right)
    for words, pieces in zip(words_and_changes[::2], words_and_changes[1::2], strict=True):
        assert isinstance(words, str)
        assert isinstance(pieces, dict)
        change = {name: _piece(piece) for name, piece in pieces.items()}
        for name, (needs, _) in change.items():
            _demand(label, words, (name, *needs), there)
        MUTANTS.append(Mutant(label, words, anatomy, change))


def _piece(give: Callable[..., Any]) -> Piece:
    return Piece(give.__code__.co_varnames[: give.__code__.co_argcount], give)


def _demand(label: str, place: str, needs: tuple[str, ...], there: list[str]) -> None:
    missing = set(needs).difference(there)
    if missing:
        raise ValueError(f"[{label}] {place}: {sorted(missing)} not among {there}")

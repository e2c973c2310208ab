"""Hearing which equations run: in what order, who answers, what goes in and what comes out."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tvbi_ref._repr import markdown_table
from tvbi_ref.equations.registry import EQUATIONS, _aligned
from tvbi_ref.equations.sockets import heard_by

LONGEST = 10_000
"""So many calls are written down; beyond, they are only counted."""

ROWS = 40
"""So many lines a table shows."""


@dataclass
class Call:
    """One call of an equation, or of a step that has a fast form.

    Parameters
    ----------
    label : str
    whose : {"readable", "fast", "own"}
        Which plug answered.
    depth : int
        How many other calls it was made inside of.
    given, returned : str
        Shapes, and the range of the numbers.
    """

    label: str
    whose: str
    depth: int
    given: str
    returned: str = "..."

    @property
    def group(self) -> str:
        """The part of the algorithm that the equation belongs to; "" for a step."""
        return EQUATIONS[self.label].group if self.label in EQUATIONS else ""


@dataclass
class Heard:
    """What `listen` has heard, as a table; `tvbi_ref.lab.plots.heard` draws it.

    Parameters
    ----------
    calls : list of Call
        In the order in which they began; at most 10,000.
    counts : Counter
        How often each label was called, all calls counted.

    Examples
    --------
    >>> from tvbi_ref import ChainSupport, use
    >>> with use("numpy"), listen() as heard:
    ...     _ = ChainSupport(0.1, 0.3).extrinsic([[3.0], [0.0]])
    >>> heard.labels
    ['chain', 'cavity', 'sum-product', 'extrinsic-b', 'belief']
    >>> print(heard)
    equation       by        given                                              returned
    chain          readable  (2, 1) 0 to 3, 0.1, 0.3                            (2, 1) -1.1 to ...
      cavity       readable  (1,) 0, (1,) 3, (1, 1) -1.1                        (1,) 1.9 ...
    """

    calls: list[Call] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    _depth: int = field(default=0, init=False, repr=False)

    @property
    def labels(self) -> list[str]:
        """The equations that ran, each once, in the order in which they were first called."""
        return [label for label in self.counts if label in EQUATIONS]

    def hearing(self, label: str, whose: str, plug: Callable[..., Any]) -> Callable[..., Any]:
        """Return the plug with an ear at it."""

        @functools.wraps(plug, updated=())
        def overheard(*args: Any, **kwargs: Any) -> Any:
            self.counts[label] += 1
            if len(self.calls) >= LONGEST:
                return plug(*args, **kwargs)
            call = Call(label, whose, self._depth, _in_words([*args, *kwargs.values()]))
            self.calls.append(call)
            self._depth += 1
            try:
                answer = plug(*args, **kwargs)
            finally:
                self._depth = call.depth
            call.returned = _in_words(answer if isinstance(answer, tuple) else [answer])
            return answer

        return overheard

    @property
    def rows(self) -> list[tuple[str, str, str, str]]:
        """A row a call: the label, indented by its depth, who answered, what, and what came."""
        return [("  " * c.depth + c.label, c.whose, c.given, c.returned) for c in self.calls]

    def __str__(self) -> str:
        lines = _aligned([("equation", "by", "given", "returned"), *self.rows[:ROWS]])
        return "\n".join([*lines, *self._rest()])

    def _repr_markdown_(self) -> str:
        rows = [
            ("&nbsp;&nbsp;" * c.depth + f"`{c.label}`", c.whose, c.given, c.returned)
            for c in self.calls[:ROWS]
        ]
        header = ("equation", "by", "given", "returned")
        return "\n".join([*markdown_table(header, rows), "", *self._rest()])

    def __repr__(self) -> str:
        return f"Heard({self.counts.total()} calls of {len(self.counts)} functions)"

    def _rest(self) -> list[str]:
        more = self.counts.total() - ROWS
        return [f"... and {more} calls more; .counts has all, .rows the first"] if more > 0 else []


@contextmanager
def listen() -> Iterator[Heard]:
    """Hear every equation that is called as long as the ``with`` block lasts.

    Yields
    ------
    Heard

    Notes
    -----
    A fast form is one call, whatever equations it stands for: under ``use("numpy")`` every
    equation is heard. Where nobody listens, nothing is spent on it.

    Examples
    --------
    >>> from tvbi_ref.module_b import ising_message
    >>> with listen() as heard:
    ...     _ = ising_message([-1.0, 1.0], 0.5)
    >>> heard.counts
    Counter({'sum-product-ising': 1})
    """
    heard = Heard()
    with heard_by(heard):
        yield heard


def _in_words(values: Any) -> str:
    """Return shapes and ranges, arrays and numbers apart by commas; the rest by its kind."""
    return ", ".join(_one_in_words(value) for value in values)


def _one_in_words(value: Any) -> str:
    if isinstance(value, np.ndarray) and value.ndim:
        if not value.size or value.dtype.kind not in "fiub":
            return f"{value.shape}"
        low, high = value.min(), value.max()
        return f"{value.shape} {low:.3g}" + (f" to {high:.3g}" if high != low else "")
    if isinstance(value, int | float | np.generic | np.ndarray):
        return f"{float(value):.3g}"
    if isinstance(value, list | tuple):
        return f"{len(value)} x {_one_in_words(value[0])}" if len(value) else "none"
    return str(getattr(value, "__name__", type(value).__name__))

"""The equations of docs/EQUATIONS.md as objects: what they say, and which function computes them.

.. code-block:: text

    print(equations.table())                one line an equation
    print(equations.table("module_a"))      those of one group
    print(equations.get("q-precision"))     one of them; in a notebook it is typeset

The function that implements an equation is `get(label).function`; what a function of your own
is held against is `get(label).check`. Importing this module imports neither.

They are stated once, in `statements/*.toml`, a file for each part of the algorithm. From these
docs/EQUATIONS.md is written; its section 0 says what holds in all statements.
"""

from __future__ import annotations

import difflib
import functools
import importlib
import tomllib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tvbi_ref._repr import markdown_table
from tvbi_ref._validation import as_choice

GROUPS = ("model", "nets", "module_a", "module_b", "turbo", "compression")
"""The parts of the algorithm that the equations belong to."""


@dataclass(frozen=True)
class Symbol:
    """An input or a result of an equation.

    Parameters
    ----------
    letter : str
        LaTeX, as it stands in the statement.
    name : str
        What the implementing function calls it; for a result, what the check calls it.
    shape : str
        "(I, J)", "scalar", "function", or "Gamma" for a `tvbi_ref.Gamma` with its `shape` and
        `rate`.
    domain : str
        In words: "> 0", "0 or 1", "log-odds, real".
    meaning : str
    """

    letter: str
    name: str
    shape: str
    domain: str
    meaning: str


@dataclass(frozen=True)
class Equation:
    """One equation; as text it is a page about it, in Jupyter a typeset one.

    Parameters
    ----------
    label : str
        Its name everywhere: in docs/EQUATIONS.md, docstrings, tests, lessons.
    title : str
    group : str
        One of `GROUPS`.
    statement : str
        LaTeX, display mathematics.
    inputs : tuple of Symbol
        In the order of the function's parameters and with their names.
    outputs : tuple of Symbol
        In the order of the function's results.
    implementation : str
        Where the package computes it, "module:attribute".
    lesson : str
        Where it is taught, "notebook#label".
    notes : str
        When it holds, how it is derived, what else goes by it: Markdown with `$LaTeX$`.
    analytic : bool
        Whether it says something about the algorithm and has no part in training, pruning or
        prediction; every other one is called there.
    """

    label: str
    title: str
    group: str
    statement: str
    inputs: tuple[Symbol, ...]
    outputs: tuple[Symbol, ...]
    implementation: str
    lesson: str
    notes: str = ""
    analytic: bool = False

    @property
    def exercise(self) -> str:
        """The exercise that asks for it, a file without ".py": it has its lesson's name."""
        return self.lesson.split("#")[0]

    @property
    def task(self) -> str:
        """What the function is called, also in the exercises."""
        return self.implementation.split(":")[1]

    @property
    def function(self) -> Callable[..., Any]:
        """The package's own function."""
        module, attribute = self.implementation.split(":")
        function: Callable[..., Any] = getattr(importlib.import_module(module), attribute)
        return function

    def __repr__(self) -> str:
        return f"Equation([{self.label}] {self.title})"

    def __str__(self) -> str:
        places = (
            ("function", self.implementation.replace(":", ".") + self._part),
            ("check", f'tvbi_ref.checks.check("{self.label}", {self.task})'),
            ("exercise", f"{self.exercise}, function {self.task}"),
            ("lesson", self.lesson),
            ("words", "docs/glossary.md"),
        )
        notes = ["", *self.notes.splitlines()] if self.notes else []
        return "\n".join(
            [
                f"{self.title}  [{self.label}]",
                "",
                *(f"    {line}" for line in self.statement.splitlines()),
                "",
                *_aligned(self._symbols()),
                *notes,
                "",
                *_aligned(places),
            ]
        )

    def _repr_markdown_(self) -> str:
        symbols = [
            (role, f"${letter}$", f"`{name}`", *rest)
            for role, letter, name, *rest in self._symbols()
        ]
        return "\n".join(
            [
                f"**{self.title}** `[{self.label}]`",
                "",
                f"$$\n{self.statement}\n$$",
                "",
                *markdown_table(("", "letter", "name", "shape", "domain", "meaning"), symbols),
                "",
                *([self.notes, ""] if self.notes else []),
                f"Function `{self.implementation.replace(':', '.')}`{self._part}, "
                f'check `tvbi_ref.checks.check("{self.label}", {self.task})`, '
                f"exercise `{self.exercise}`, lesson `{self.lesson}`.",
            ]
        )

    @property
    def _part(self) -> str:
        return " (analytic: no run needs it)" if self.analytic else ""

    def _symbols(self) -> list[tuple[str, ...]]:
        """Return a line for each symbol, inputs first."""
        return [
            (role, s.letter, s.name, s.shape, s.domain, s.meaning)
            for role, symbols in (("in", self.inputs), ("out", self.outputs))
            for s in symbols
        ]


@dataclass(frozen=True)
class Table:
    """Equations one below the other, as text or, in Jupyter, typeset.

    Parameters
    ----------
    equations : tuple of Equation
    """

    equations: tuple[Equation, ...]

    def __repr__(self) -> str:
        return f"Table({len(self.equations)} equations; print shows them)"

    @property
    def rows(self) -> list[dict[str, str]]:
        """One dict an equation, for programs."""
        return [
            {
                "label": e.label,
                "title": e.title,
                "function": e.implementation.replace(":", "."),
                "lesson": e.lesson,
                "statement": e.statement,
            }
            for e in self.equations
        ]

    def __str__(self) -> str:
        header = ("label", "title", "function", "lesson")
        return "\n".join(_aligned([header, *([row[name] for name in header] for row in self.rows)]))

    def _repr_markdown_(self) -> str:
        lines = [
            (
                f"{row['title']}<br>`[{row['label']}]`",
                f"$\\displaystyle {' '.join(row['statement'].split())}$",  # a cell is one line
                f"`{row['function']}`",
                f"`{row['lesson']}`",
            )
            for row in self.rows
        ]
        header = ("equation", "statement", "function", "lesson")
        return "\n".join(markdown_table(header, lines))


def get(label: str) -> Equation:
    r"""Return the equation of this label.

    Parameters
    ----------
    label : str
        Hyphens may be underscores; or the name of its function in the exercises.

    Raises
    ------
    ValueError
        If there is none; the message names labels that are close.

    Examples
    --------
    >>> print(get("q-support").statement)
    \operatorname{logit}\tilde\pi_n = \operatorname{logit}\pi_n + l_n, \qquad
    \operatorname{logit} p = \ln \frac{p}{1 - p}
    >>> get("q-support").function(-2.0, 5.0)
    np.float64(3.0)
    >>> get("update_support").label
    'q-support'
    >>> get("q-persicion")
    Traceback (most recent call last):
    ValueError: label must name an equation; got 'q-persicion'; did you mean q-precision?
    """
    labels = _labels_by_name()
    if isinstance(label, str) and label in labels:
        return EQUATIONS[labels[label]]
    near = _near(str(label))
    hint = f"did you mean {' or '.join(near)}?" if near else "equations.table() lists them all"
    raise ValueError(f"label must name an equation; got {label!r}; {hint}")


def some(labels: Iterable[str]) -> list[Equation]:
    """Return the equations of these labels, each once.

    Raises
    ------
    ValueError
        If there is no such equation, or a text stands where a list is due.

    Examples
    --------
    >>> [equation.label for equation in some(["cavity", "q_support", "cavity"])]
    ['cavity', 'q-support']
    >>> some("cavity")
    Traceback (most recent call last):
    ValueError: labels must be a list of labels; got 'cavity'
    """
    if isinstance(labels, str):
        raise ValueError(f"labels must be a list of labels; got {labels!r}")
    return [EQUATIONS[label] for label in dict.fromkeys(get(label).label for label in labels)]


@functools.cache
def _labels_by_name() -> dict[str, str]:
    """Return the label by what it may be called: itself, as a name, or its function's name."""
    tasks = {equation.task: label for label, equation in EQUATIONS.items()}
    words = {label.replace("-", "_"): label for label in EQUATIONS}
    return {label: label for label in EQUATIONS} | words | tasks


def _near(name: str) -> list[str]:
    """Return labels that may be meant: alike, or with it in their label or function's name."""
    labels = _labels_by_name()
    alike = difflib.get_close_matches(name, labels)
    within = [key for key in labels if len(name) > 3 and name in key]
    return list(dict.fromkeys(labels[key] for key in (*alike, *within)))[:4]


def table(group: str | None = None) -> Table:
    """Return the equations as a table, all of them or those of one group.

    Parameters
    ----------
    group : {"model", "nets", "module_a", "module_b", "turbo", "compression"}, optional

    Raises
    ------
    ValueError
        If there is no such group.

    Examples
    --------
    >>> for row in table("turbo").rows:
    ...     print(row["label"], row["function"])
    extrinsic-a tvbi_ref.turbo.extrinsic_a
    turbo-loop tvbi_ref.turbo.turbo_round
    """
    if group is not None:
        as_choice(group, "group", GROUPS)
    return Table(tuple(e for e in EQUATIONS.values() if group in (None, e.group)))


def _aligned(rows: Iterable[Sequence[str]]) -> list[str]:
    """Return the rows as lines, each column as wide as its widest entry."""
    rows = list(rows)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def read(part: str) -> dict[str, Any]:
    """Return what the file of a part says, or what "symbols" does, the shared symbols by key.

    Parameters
    ----------
    part : str
        One of `GROUPS`, or "symbols".

    Examples
    --------
    >>> read("turbo")["title"]
    'The turbo exchange'
    >>> read("symbols")["evidence"][:2]
    ['l_n', 'evidence']
    """
    path = Path(__file__).with_name("statements") / f"{part}.toml"
    return tomllib.loads(path.read_text(encoding="utf-8"))


def _symbol(entry: Any) -> Symbol:
    """Return the symbol that stands there, or the shared one that is named, as it is here."""
    if isinstance(entry, list):
        return Symbol(*entry)
    changes = {"of": entry} if isinstance(entry, str) else dict(entry)
    return replace(_SHARED[changes.pop("of")], **changes)


def _equation(group: str, entry: dict[str, Any]) -> Equation:
    """Return the equation of an entry, with what follows from the rest filled in."""
    parts = {
        "group": group,
        **entry,
        "statement": entry["statement"].strip(),
        "notes": entry.get("notes", "").strip(),
        "inputs": tuple(map(_symbol, entry["inputs"])),
        "outputs": tuple(map(_symbol, entry["outputs"])),
        "lesson": f"{entry['lesson']}#{entry['label']}",
    }
    return Equation(**parts)


_SHARED = {key: Symbol(*entry) for key, entry in read("symbols").items()}

EQUATIONS: dict[str, Equation] = {
    entry["label"]: _equation(group, entry) for group in GROUPS for entry in read(group)["equation"]
}
"""All equations by label, in the order of docs/EQUATIONS.md."""

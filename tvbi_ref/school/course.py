"""The file that grows through the course: the student's own equations, cell by cell.

.. code-block:: text

    mine = course.MyTurbo()                            opens my_turbo.py
    mine.keep("q-precision", update_precision)         checks a function and keeps its cell
    mine.update_precision(...)                         one's own; until then the package's
    with tvbi_ref.use(mine.functions): ...             a run on one's own equations
    tvbi-ref train digits --equations my_turbo.py      the same on the command line
"""

from __future__ import annotations

import inspect
import linecache
import os
import re
import symtable
import tempfile
import textwrap
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any

from tvbi_ref._files import atomic_write
from tvbi_ref.equations import Equation, get
from tvbi_ref.school.checks import Report, check
from tvbi_ref.school.own import LABELS, _written_in, load

Function = Callable[..., Any]

BLANKS = (
    "prior-weight-marginal",
    "q-precision",
    "q-support",
    "evidence",
    "q-weight-gradient",
    "evidence-collapsed",
    "precision-collapsed",
    "markov-to-ising",
    "sum-product",
    "sum-product-ising",
    "belief",
    "extrinsic-b",
    "chain",
    "grid-sweep",
    "uniqueness",
    "extrinsic-a",
    "turbo-loop",
    "local-reparam-dense",
    "local-reparam-dense-backward",
    "prune",
    "local-reparam-conv",
)
"""What the lessons of parts I to IV leave to the student, in their order; electives add to it."""

HEAD = '''\
"""My Turbo-VBI: every equation here has passed its check."""

import numpy as np
'''

MARK = "# %% [{}]\n"

ALONE = "so it is in a file with what was kept before; here, other cells help it"
BESIDE = "it stands in the cell of {}, which is not kept without it"
A_CELL = "a cell is kept that defines it, needs no other, and has neither mine.keep nor %%time"

SUPPRESSED = "with contextlib.suppress(ImportError):  # a grader refuses the package's functions"

NOT_MINE = "not mine yet"
"""The mark above the imports of what a kept cell calls and the student has not written."""


class MyTurbo:
    """The student's equations so far; in Jupyter, the board that shows them.

    Parameters
    ----------
    file : path-like, optional
        Where they are kept. By default what the variable ``TVBI_MY_TURBO`` names, else
        ``my_turbo.py`` in the folder of the notebook.

    Attributes
    ----------
    functions : dict
        Label -> one's own function. Also as attributes, by their names; a name that is not
        one's own yet gives the package's function.

    Raises
    ------
    ValueError
        If there is such a file and it cannot be run.

    Examples
    --------
    >>> folder = tempfile.TemporaryDirectory()
    >>> mine = MyTurbo(f"{folder.name}/my_turbo.py")
    >>> mine.cavity is get("cavity").function
    True
    >>> def update_support(prior_log_odds, evidence):
    ...     return prior_log_odds + evidence
    >>> print(mine.keep("q-support", update_support))
    [q-support] passed all 11 cases
    kept in my_turbo.py: 1 of 21 equations is yours
    >>> mine.update_support(1.0, 2.0)
    3.0
    >>> folder.cleanup()
    """

    def __init__(self, file: str | os.PathLike[str] | None = None) -> None:
        self.file = Path(file or os.environ.get("TVBI_MY_TURBO", "my_turbo.py"))
        self.functions: dict[str, Function] = (
            load(self.file).functions if self.file.exists() else {}
        )

    def keep(self, label: str, function: Function) -> Report:
        """Check a function as it will stand in the file; if it is right, keep its cell there.

        Parameters
        ----------
        label : str
        function : callable
            Written in a cell of the notebook, under the equation's name. The whole cell is kept,
            and must not need others: the file has NumPy as `np`, what was kept before, and the
            package's functions for equations that it calls and that are not kept yet.

        Returns
        -------
        Report
            What `checks.check` says; of another equation in the cell, if that is wrong.

        Raises
        ------
        ValueError
            If the function has another name or no cell, or the file cannot be run with it.
        """
        equation = get(label)
        if getattr(function, "__name__", "") != equation.task:
            raise ValueError(f"function must be called {equation.task}; got {function!r}")
        text, found = self._tried(equation.label, cell := _cell_of(function))
        for label in dict.fromkeys([*_labels_in(cell), equation.label]):
            if not (report := check(label, found[label])):
                return self._refused(report, equation, function)
        with atomic_write(self.file) as file:
            file.write(text.encode())
        self.functions = found
        return replace(report, message=f"{report.message}\nkept in {self.file.name}: {self._count}")

    def _refused(self, report: Report, equation: Equation, function: Function) -> Report:
        """Return the report on a cell as it stands in the file, with what is to be said of it."""
        if report.label != equation.label:
            reason = BESIDE.format(equation.task)
        elif check(equation.label, function):
            reason = ALONE
        else:
            return report
        return replace(report, message=f"{report.message}\n{reason}")

    def _tried(self, label: str, cell: str) -> tuple[str, dict[str, Function]]:
        """Return the file's text with a cell in it, and the functions that it then has."""
        text = self._with(label, cell)
        with tempfile.TemporaryDirectory() as folder:
            trial = Path(folder, self.file.name)
            trial.write_text(text, encoding="utf-8")
            try:
                return text, load(trial).functions
            except ValueError as error:
                why = str(error).replace(str(trial), f"with this cell {self.file.name}")
                raise ValueError(f"{why}; {A_CELL}") from error

    def _with(self, label: str, cell: str) -> str:
        """Return the file's text with a cell in the place of the one for the same label."""
        before = self.file.read_text(encoding="utf-8-sig") if self.file.exists() else HEAD
        head, *rest = re.split(r"^# %% \[(.*)\]\n", before, flags=re.MULTILINE)
        cells = {**dict(zip(rest[::2], rest[1::2], strict=True)), label: cell}
        cells.pop(NOT_MINE, None)
        if lines := _imports(head + "\n".join(cells.values())):
            cells = {NOT_MINE: lines, **cells}
        parts = [head, *(MARK.format(name) + text for name, text in cells.items())]
        return "\n\n".join(part.strip() for part in parts) + "\n"

    def __getattr__(self, name: str) -> Function:
        if name not in LABELS:
            raise AttributeError(f"{name} is no equation's function")
        return self.functions.get(LABELS[name]) or get(LABELS[name]).function

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *LABELS]

    @property
    def _count(self) -> str:
        own = sum(label in self.functions for label in BLANKS)
        verb = "is" if own == 1 else "are"
        further = len(self.functions) - own
        return f"{own} of {len(BLANKS)} equations {verb} yours" + (
            f", and {further} more" if further else ""
        )

    def _rows(self) -> list[tuple[str, str]]:
        """Return every lesson that leaves something blank, with what of it is there."""
        return [
            (
                lesson,
                ", ".join(("✅ " if k in self.functions else "▢ ") + get(k).task for k in labels),
            )
            for lesson, labels in groupby(BLANKS, lambda label: get(label).lesson.split("#")[0])
        ]

    def __repr__(self) -> str:
        width = max(len(lesson) for lesson, _ in self._rows())
        lines = [f"{self.file.name}: {self._count}"]
        lines += [f"  {lesson:{width}}  {told}" for lesson, told in self._rows()]
        return "\n".join(lines)

    def _repr_markdown_(self) -> str:
        rows = [f"| {lesson} | {told} |" for lesson, told in self._rows()]
        return "\n".join(
            [f"**{self._count}** (`{self.file.name}`)", "", "| lesson | |", "|---|---|", *rows]
        )


def _wrong(equation: Equation, labels: list[str], found: dict[str, Function]) -> Report | None:
    """Return what is said of the first function of a cell that is wrong in the file, if any is."""
    for label in dict.fromkeys([equation.label, *labels]):
        if label in found and not (report := check(label, found[label])):
            reason = ALONE if label == equation.label else BESIDE.format(equation.task)
            return replace(report, message=f"{report.message}\n{reason}")
    return None


def _imports(text: str) -> str:
    """Return the imports of the package's functions that a text uses and does not define."""
    try:
        table = symtable.symtable(text, "my_turbo", "exec")
    except SyntaxError:  # which `load` says, with the line
        return ""
    own = {s.get_name() for s in table.get_symbols() if s.is_assigned() or s.is_imported()}
    used = set(_globals_of(table)) - own
    homes = {k: get(label).implementation.split(":")[0] for k, label in LABELS.items() if k in used}
    lines = [f"    from {home} import {name}" for name, home in homes.items()]
    return "\n".join(["import contextlib\n", SUPPRESSED, *lines]) if lines else ""


def _globals_of(table: symtable.SymbolTable) -> Iterator[str]:
    """Yield the names that a text looks for outside of its functions; arguments are none."""
    yield from (s.get_name() for s in table.get_symbols() if s.is_global())
    for child in table.get_children():
        yield from _globals_of(child)


def _labels_in(cell: str) -> list[str]:
    return [label for task, label in LABELS.items() if task in _written_in(cell)]


def _cell_of(function: Function) -> str:
    """Return the text of the cell that a function stands in; outside a notebook, its own."""
    text = _text_of(function)
    if function.__name__ not in _written_in(text):  # the package's own, say
        raise ValueError(f"function has no cell to be kept; got {function!r}; {A_CELL}")
    return re.sub(r"^.*###? (BEGIN|END) SOLUTION.*\n", "", text, flags=re.MULTILINE)


def _text_of(function: Function) -> str:
    with suppress(OSError, TypeError):  # there is none, as of a built-in
        file = inspect.getsourcefile(function) or ""
        if not Path(file).exists():
            return "".join(linecache.getlines(file))
        return textwrap.dedent(inspect.getsource(function))
    return ""

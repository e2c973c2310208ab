"""Grading a file of homework: a fresh process, a time limit, and a table at the end.

The file is read and run in a process of its own (`process`), which only calls its functions and
sends back what they return. Cases, oracles and comparisons stay here: nothing that the file does,
prints or redefines can touch them.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from tqdm.auto import tqdm

import tvbi_ref
from tvbi_ref._repr import brief
from tvbi_ref._validation import as_count, as_real
from tvbi_ref.equations import EQUATIONS, get
from tvbi_ref.equations.registry import some
from tvbi_ref.school.checks.archive import check_results
from tvbi_ref.school.checks.calling import Observation, describe, judged, plain
from tvbi_ref.school.checks.equations import examine
from tvbi_ref.school.checks.process import Loaded, NoAnswerError, as_calls
from tvbi_ref.school.checks.report import Report


@dataclass(frozen=True)
class Mark:
    """One equation of a graded file.

    Parameters
    ----------
    label, task : str
        The equation and the name of its function in the file.
    passed : bool
    message : str
        The report's message, or why there is none.
    seconds : float
    points, out_of : float
        What it has earned, and what it is worth.
    """

    label: str
    task: str
    passed: bool
    message: str
    seconds: float = 0.0
    points: float = 0.0
    out_of: float = 1.0


COLUMNS = ("file", "label", "task", "passed", "points", "out_of", "seconds", "reason")
"""Of the table with a row a question."""


@dataclass(frozen=True)
class Grade:
    """The result of grading a file; as text it is a table.

    Parameters
    ----------
    file : str
        As it was named to the grader.
    marks : tuple of Mark
    note : str
        What is to be said of the file as a whole: why it could not be graded, which cells of
        a notebook were left out; empty if there is nothing.
    seed : int, optional
        Of the cases.
    """

    file: str
    marks: tuple[Mark, ...]
    note: str = ""
    seed: int | None = None

    __repr__ = brief

    @property
    def score(self) -> int:
        """How many equations are right."""
        return sum(mark.passed for mark in self.marks)

    @property
    def points(self) -> float:
        """What its equations have earned together."""
        return round(sum(mark.points for mark in self.marks), 6)

    @property
    def out_of(self) -> float:
        """What they are worth."""
        return round(sum(mark.out_of for mark in self.marks), 6)

    @property
    def passed(self) -> bool:
        """Whether there was something to grade and all of it is right."""
        return bool(self.marks) and self.score == len(self.marks)

    @property
    def exit_status(self) -> int:
        """0 if the file has passed, else 1."""
        return 0 if self.passed else 1

    def to_json(self) -> dict[str, Any]:
        """Return everything as a dict of plain values, for a gradebook.

        Examples
        --------
        >>> Grade("a.py", (), "the file is empty").to_json()["score"]
        0
        """
        return {
            "file": self.file,
            "score": self.score,
            "total": len(self.marks),
            "points": self.points,
            "out_of": self.out_of,
            "passed": self.passed,
            "note": self.note,
            "seed": self.seed,
            "tvbi_ref": tvbi_ref.__version__,
            "marks": [asdict(mark) for mark in self.marks],
        }

    def rows(self) -> list[dict[str, Any]]:
        """Return a row for each question, by COLUMNS; for a file without any, one.

        Examples
        --------
        >>> Grade("a.py", (), "the file is empty").rows()[0]["reason"]
        'the file is empty'
        """
        # A spreadsheet takes a name that begins with = for a formula.
        file = {"file": os.path.join(".", self.file) if self.file[:1] in "=+-@" else self.file}
        entries = [asdict(mark) for mark in self.marks] or [{"message": ""}]
        for entry in entries:
            note = "" if entry.get("passed") else self.note
            entry["reason"] = "\n".join(filter(None, [entry.pop("message"), note]))
        return [dict.fromkeys(COLUMNS, "") | file | entry for entry in entries]

    def __str__(self) -> str:
        width = max((len(mark.task) for mark in self.marks), default=0)
        lines = [f"{plain(self.file)}: {self.score} of {len(self.marks)}"]
        if (self.points, self.out_of) != (self.score, len(self.marks)):
            lines[0] += f", {self.points:g} of {self.out_of:g} points"
        lines += [f"  {line}" for line in self.note.splitlines()]
        for mark in self.marks:
            first, *rest = mark.message.splitlines()
            lines.append(f"  {'pass' if mark.passed else 'FAIL'}  {mark.task:{width}}  {first}")
            lines += [f"  {'':{width + 8}}{line}" for line in rest]
        return "\n".join(lines)


def grade(
    file: str | os.PathLike[str],
    *,
    labels: Sequence[str] | None = None,
    time_limit: float = 20.0,
    seed: int | None = None,
    points: Mapping[str, float] | None = None,
    in_part: bool = False,
) -> Grade:
    r"""Grade a file of functions, a Python file or a notebook.

    Parameters
    ----------
    file : path-like
        It must stand alone: NumPy, SciPy and the standard library may be imported,
        tvbi_ref may not. Of a notebook everything at the top level of its code cells counts
        but expressions and assertions, which only show something; a cell that is no Python
        is left out and named. A .json file has results of another language: `check_results`.
    labels : sequence of str, optional
        What is asked for. By default the equations of the exercise whose name is in the
        file's name (``03_module_a_miller.py``), otherwise those whose functions the file
        defines.
    time_limit : float > 0
        Seconds for each function, and for loading the file.
    seed : int >= 0, optional
        Draws the random cases anew, so that a table of answers to the usual ones is no
        answer.
    points : mapping of str to float >= 0, optional
        What an equation is worth, by its label; 1 if it is not named.
    in_part : bool
        Whether a function that is wrong earns a part of its points: as much of them as it
        comes from half of the cases to all. No stub is right on half of them.

    Returns
    -------
    Grade
        A file with a syntax error, without any of the functions, or that never answers is a
        result too, with nothing passed. Whatever a file does, it gets its grade.

    Raises
    ------
    FileNotFoundError, ValueError
        If there is no such file or label, or a limit, a seed or points are none.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     homework = Path(folder, "homework.py")
    ...     _ = homework.write_text("def cavity(h, l, others):\n    return h + l + others.sum(0)\n")
    ...     result = grade(homework)
    >>> result.score, result.passed
    (1, True)
    """
    limit, path = as_real(time_limit, "time_limit", above=0), existing(file)
    seed = None if seed is None else as_count(seed, "seed")
    worth = {
        get(label).label: as_real(value, f"points of {label}", at_least=0)
        for label, value in (points or {}).items()
    }
    asked = _of_exercise(path) if labels is None else [equation.label for equation in some(labels)]
    try:
        marks, note = _marks(path, asked, limit, seed)
    except Exception as error:  # one file of many: the others are graded all the same
        marks, note = _not_graded(asked), f"it could not be graded: {describe(error)}"
    paid = (_paid(mark, worth.get(mark.label, 1.0), in_part) for mark in marks)
    return Grade(str(path), tuple(paid), note, seed)


def _marks(path: Path, asked: list[str], limit: float, seed: int | None) -> tuple[list[Mark], str]:
    """Return the marks, their points as shares of 1, and what is to be said of the file."""
    if path.suffix == ".json":
        reports = check_results(path, labels=asked or None, seed=seed)
        return list(map(_mark_of, reports)), ""
    with closing(Loaded(path, limit)) as loaded:
        asked = asked or [e.label for e in EQUATIONS.values() if e.task in loaded.names]
        if loaded.problem:
            return _not_graded(asked), "\n".join(filter(None, [loaded.problem, loaded.note]))
        if not asked:
            return [], "it defines none of the functions of the exercises"
        bar = tqdm(asked, desc=plain(path.stem), unit="equation", disable=None, leave=False)
        return [_mark(loaded, label, seed) for label in bar], loaded.note


def _not_graded(asked: list[str]) -> list[Mark]:
    return [Mark(label, get(label).task, False, "not graded") for label in asked]


def _mark(loaded: Loaded, label: str, seed: int | None) -> Mark:
    task, started = get(label).task, time.monotonic()
    try:
        loaded.revive()
        deadline = time.monotonic() + loaded.limit

        def call(arguments: tuple[Any, ...]) -> Observation:
            return judged(arguments, as_calls(loaded.ask((task, arguments), deadline)))

        mark = _mark_of(examine(label, call, seed))
    except NoAnswerError as error:
        mark = Mark(label, task, False, f"[{label}] {error}")
    except Exception as error:  # of this function, not of the next
        mark = Mark(label, task, False, f"[{label}] could not be graded: {describe(error)}")
    return replace(mark, seconds=round(time.monotonic() - started, 3))


def _mark_of(report: Report) -> Mark:
    share = 1.0 if report.passed else _share(report)
    task = get(report.label).task
    return Mark(report.label, task, report.passed, report.message, points=share)


def _share(report: Report) -> float:
    """Return what a wrong function has right beyond half of the cases, which no stub has."""
    right = sum(finding.ok for finding in report.cases) / len(report.cases)
    return max(0.0, 2 * right - 1)


def _paid(mark: Mark, worth: float, in_part: bool) -> Mark:
    earned = worth * mark.points if mark.passed or in_part else 0.0
    return replace(mark, points=round(earned, 6), out_of=worth)


def existing(file: str | os.PathLike[str]) -> Path:
    """Return the path of a file that is there.

    Raises
    ------
    FileNotFoundError

    Examples
    --------
    >>> existing("homework/none.py")
    Traceback (most recent call last):
    FileNotFoundError: file must be a Python file or a notebook; there is no homework/none.py
    """
    path = Path(file)
    if not path.is_file():
        raise FileNotFoundError(f"file must be a Python file or a notebook; there is no {path}")
    return path


def _of_exercise(path: Path) -> list[str]:
    """Return the labels of the exercise that the file's name names, in whatever spelling."""
    name = re.sub(r"[^a-z0-9]+", "_", path.stem.lower())
    return [e.label for e in EQUATIONS.values() if e.exercise.lstrip("0") in name]

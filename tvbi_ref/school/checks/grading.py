"""Grading a file of homework: a fresh process, a time limit, and a table at the end.

The file is read and run in a process of its own (`process`), which only calls its functions and
sends back what they return. Cases, oracles and comparisons stay here: nothing that the file does,
prints or redefines can touch them.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tqdm.auto import tqdm

import tvbi_ref
from tvbi_ref._validation import as_real
from tvbi_ref.equations import EQUATIONS, get
from tvbi_ref.school.checks.archive import check_results
from tvbi_ref.school.checks.calling import Observation, describe, judged, plain
from tvbi_ref.school.checks.equations import examine
from tvbi_ref.school.checks.process import Loaded, NoAnswerError, as_calls


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
    """

    label: str
    task: str
    passed: bool
    message: str
    seconds: float = 0.0


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
    """

    file: str
    marks: tuple[Mark, ...]
    note: str = ""

    @property
    def score(self) -> int:
        """How many equations are right."""
        return sum(mark.passed for mark in self.marks)

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
            "passed": self.passed,
            "note": self.note,
            "tvbi_ref": tvbi_ref.__version__,
            "marks": [asdict(mark) for mark in self.marks],
        }

    def __str__(self) -> str:
        width = max((len(mark.task) for mark in self.marks), default=0)
        lines = [f"{plain(self.file)}: {self.score} of {len(self.marks)}"]
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
        file's name (``03_mean_field_miller.py``), otherwise those whose functions the file
        defines.
    time_limit : float > 0
        Seconds for each function, and for loading the file.

    Returns
    -------
    Grade
        A file with a syntax error, without any of the functions, or that never answers is a
        result too, with nothing passed. Whatever a file does, it gets its grade.

    Raises
    ------
    FileNotFoundError, ValueError
        If there is no such file, or no such label, or the time limit is none.

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
    asked = _of_exercise(path) if labels is None else [get(label).label for label in labels]
    try:
        if path.suffix == ".json":
            reports = check_results(path, labels=asked or None)
            marks = (Mark(r.label, get(r.label).task, r.passed, r.message) for r in reports)
            return Grade(str(path), tuple(marks))
        with closing(Loaded(path, limit)) as loaded:
            names = loaded.names
            asked = asked or [e.label for e in EQUATIONS.values() if e.task in names]
            if loaded.problem:
                return _failed(path, asked, "\n".join(filter(None, [loaded.problem, loaded.note])))
            if not asked:
                return Grade(str(path), (), "it defines none of the functions of the exercises")
            bar = tqdm(asked, desc=plain(path.stem), unit="equation", disable=None, leave=False)
            return Grade(str(path), tuple(_mark(loaded, label) for label in bar), loaded.note)
    except Exception as error:  # one file of many: the others are graded all the same
        return _failed(path, asked, f"it could not be graded: {describe(error)}")


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


def _failed(path: Path, asked: list[str], problem: str) -> Grade:
    marks = (Mark(label, get(label).task, False, "not graded, see above") for label in asked)
    return Grade(str(path), tuple(marks), problem)


def _of_exercise(path: Path) -> list[str]:
    """Return the labels of the exercise that the file's name names, in whatever spelling."""
    name = re.sub(r"[^a-z0-9]+", "_", path.stem.lower())
    return [e.label for e in EQUATIONS.values() if e.exercise.lstrip("0") in name]


def _mark(loaded: Loaded, label: str) -> Mark:
    task, started = get(label).task, time.monotonic()
    try:
        loaded.revive()
        deadline = time.monotonic() + loaded.limit

        def call(arguments: tuple[Any, ...]) -> Observation:
            return judged(arguments, as_calls(loaded.ask((task, arguments), deadline)))

        report = examine(label, call)
        passed, message = report.passed, report.message
    except NoAnswerError as error:
        passed, message = False, f"[{label}] {error}"
    except Exception as error:  # of this function, not of the next
        passed, message = False, f"[{label}] could not be graded: {describe(error)}"
    return Mark(label, task, passed, message, round(time.monotonic() - started, 3))

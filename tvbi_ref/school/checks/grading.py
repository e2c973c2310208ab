"""Grading a file of homework: a fresh process, a time limit, and a table at the end.

The file is run in a process of its own (`process`), which only calls its functions and sends
back what they return. Cases, oracles and comparisons stay here: nothing that the file does,
prints or redefines can touch them.
"""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import tempfile
import textwrap
import time
import tokenize
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

from tqdm.auto import tqdm

import tvbi_ref
from tvbi_ref._validation import as_real
from tvbi_ref.equations import EQUATIONS, get
from tvbi_ref.school.checks.calling import Observation, describe
from tvbi_ref.school.checks.equations import examine
from tvbi_ref.school.checks.process import Loaded, NoAnswerError, as_observation


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
        lines = [f"{self.file}: {self.score} of {len(self.marks)}"]
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
        is left out and named.
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
        result too, with nothing passed.

    Raises
    ------
    FileNotFoundError, ValueError
        If there is no such file, or no such label, or the time limit is none.

    Examples
    --------
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
        source = source_of(path)
        asked = asked or _defined_in(source.text)
    except (SyntaxError, ValueError) as error:
        return _failed(path, asked, describe(error))
    if not asked:
        return Grade(str(path), (), "it defines none of the functions of the exercises")
    with _a_copy_of(path, source) as copy, closing(Loaded(copy, limit)) as loaded:
        if loaded.problem:
            return _failed(path, asked, "\n".join(filter(None, [loaded.problem, source.note])))
        names = tqdm(asked, desc=path.stem, unit="equation", disable=None, leave=False)
        return Grade(str(path), tuple(_mark(loaded, label) for label in names), source.note)


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


class Source(NamedTuple):
    """The Python of a file, and which cells of a notebook it leaves out."""

    text: str
    note: str = ""


def source_of(path: Path) -> Source:
    r"""Return the source of a Python file, or what counts of a notebook.

    Raises
    ------
    SyntaxError, ValueError
        If it is no Python, or no notebook.

    Examples
    --------
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "a.ipynb")
    ...     cells = [{"cell_type": "code", "source": s} for s in ("def f(): pass", "%%bash\nls")]
    ...     _ = path.write_text(json.dumps({"cells": cells}))
    ...     print(source_of(path).note)
    cell 2 is left out: SyntaxError in line 1: invalid syntax
    """
    if path.suffix != ".ipynb":
        with tokenize.open(path) as file:  # minds the encoding that the file declares
            text = file.read()
        ast.parse(text)
        return Source(text)
    try:
        cells = json.loads(path.read_text(encoding="utf-8-sig"))["cells"]
        return _source_of_cells(
            {k: "".join(c["source"]) for k, c in enumerate(cells, 1) if c["cell_type"] == "code"}
        )
    except (KeyError, TypeError, json.JSONDecodeError) as error:
        raise ValueError(f"the notebook cannot be read ({error!r})") from error


def _source_of_cells(cells: dict[int, str]) -> Source:
    parts, notes = [], []
    for number, cell in cells.items():
        try:
            parts.append(_what_counts(cell))
        except SyntaxError as error:
            notes.append(f"cell {number} is left out: {describe(error)}")
    return Source("\n\n".join(parts), "\n".join(notes))


def _what_counts(cell: str) -> str:
    """Return a cell without magics and without what only shows something."""
    lines = ["pass" if re.match(r"\s*[%!]", line) else line for line in cell.splitlines()]
    if cell.lstrip().startswith("%%"):
        raise SyntaxError("invalid syntax", ("", 1, 1, cell))  # another language's cell
    body = ast.parse("\n".join(lines)).body
    kept = (_without_us(node) for node in body if not isinstance(node, ast.Expr | ast.Assert))
    return "\n".join(_forgiving(node) for node in kept if node)


def _without_us(node: ast.stmt) -> ast.stmt | None:
    """Return a statement without this package's imports, which a notebook's checks need."""
    if isinstance(node, ast.ImportFrom):
        return None if _is_us(node.module or "") else node
    if isinstance(node, ast.Import):
        node.names = [alias for alias in node.names if not _is_us(alias.name)]
        return node if node.names else None
    return node


def _is_us(module: str) -> bool:
    return module.split(".")[0] == "tvbi_ref"


def _forgiving(node: ast.stmt) -> str:
    """Return a statement's source; one that tries out what is not written yet spoils nothing."""
    source = ast.unparse(node)
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return source
    return f"try:\n{textwrap.indent(source, '    ')}\nexcept Exception:\n    pass"


def _of_exercise(path: Path) -> list[str]:
    """Return the labels of the exercise that the file's name names, in whatever spelling."""
    name = re.sub(r"[^a-z0-9]+", "_", path.stem.lower())
    return [e.label for e in EQUATIONS.values() if e.exercise.lstrip("0") in name]


def _defined_in(source: str) -> list[str]:
    body = ast.parse(source).body
    body += [inner for node in body if isinstance(node, ast.Try) for inner in node.body]
    names = {node.name for node in body if isinstance(node, ast.FunctionDef)}
    names |= {ast.unparse(t) for node in body if isinstance(node, ast.Assign) for t in node.targets}
    return [e.label for e in EQUATIONS.values() if e.task in names]


@contextmanager
def _a_copy_of(path: Path, source: Source) -> Iterator[Path]:
    """Yield a copy in an empty folder, where the file finds nothing and can spoil nothing."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, path.stem + ".py")
        if path.suffix == ".ipynb":
            copy.write_text(source.text, encoding="utf-8")
        else:
            shutil.copyfile(path, copy)
        yield copy


def _mark(loaded: Loaded, label: str) -> Mark:
    task, started = get(label).task, time.monotonic()
    try:
        loaded.revive()
        deadline = time.monotonic() + loaded.limit

        def call(arguments: tuple[Any, ...]) -> Observation:
            return as_observation(loaded.ask((task, arguments), deadline))

        report = examine(label, call)
        passed, message = report.passed, report.message
    except NoAnswerError as error:
        passed, message = False, f"[{label}] {error}"
    return Mark(label, task, passed, message, round(time.monotonic() - started, 3))

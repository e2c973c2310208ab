"""Make the exercises from the solutions.

    python notebooks/make_exercises.py            writes everything below
    python notebooks/make_exercises.py --check    writes nothing, exit status 1 if anything is stale
    python notebooks/make_exercises.py --otter FOLDER    writes masters for otter-grader there

Written by hand are only `solutions/NN_lesson.py` and `exercises/README.md`. From them come

    exercises/NN_lesson.py       the same file, every body replaced by NotImplementedError
    exercises/NN_lesson.ipynb    the same as a notebook, for nbgrader or without it
    solutions/NN_lesson.ipynb    the solved notebook, executed
    exercises/transcript.md    what the checker says to a student with two mistakes

An exercise has the name of its lesson. A function named as the task of an equation or as a problem
(`tvbi_ref/school/checks/problems.py`) is asked for; of the others, one whose docstring begins with
"Copy here" is left to the student, and any other is given as it stands.
"""

from __future__ import annotations

import argparse
import ast
import difflib
import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_raw_cell

from tvbi_ref._files import atomic_write
from tvbi_ref.equations import EQUATIONS, Equation
from tvbi_ref.school.checks import grade
from tvbi_ref.school.checks.problems import PROBLEMS, Problem

HERE = Path(__file__).parent
EXERCISES, SOLUTIONS = HERE / "exercises", HERE / "solutions"

# The source of a solution file


@dataclass(frozen=True)
class Function:
    """A function of a solution file.

    Parameters
    ----------
    name : str
    head : str
        Its source up to the end of the docstring.
    body : str
        The rest.
    asked : Equation, Problem or None
        What it is the task of.
    given : bool
        Whether the exercise shows the body.
    """

    name: str
    head: str
    body: str
    asked: Equation | Problem | None
    given: bool

    @property
    def stub(self) -> str:
        """What the student gets."""
        return self.whole if self.given else f"{self.head}\n    raise NotImplementedError"

    @property
    def whole(self) -> str:
        """The source as it stands in the solution."""
        return f"{self.head}\n{self.body}"

    @property
    def marked(self) -> str:
        """The source with nbgrader's marks around what it takes out."""
        if self.given:
            return self.whole
        body = self.body.lstrip("\n")
        gap = "\n" * (len(self.body) - len(body))  # before an inner function, as ruff wants it
        return f"{self.head}\n{gap}    ### BEGIN SOLUTION\n{body}\n    ### END SOLUTION"

    @property
    def label(self) -> str:
        """What its cells are called."""
        return getattr(self.asked, "label", self.name.replace("_", "-"))

    @property
    def report(self) -> str:
        """The call that judges it. What takes nothing returns the answer to a problem."""
        if isinstance(self.asked, Equation):
            return f'checks.check("{self.label}", {self.name})'
        call = "()" if "():" in self.head else ""
        return f'checks.problem("{self.label}", {self.name}{call})'


@dataclass(frozen=True)
class Exercise:
    """A solution file in its parts.

    Parameters
    ----------
    name : str
        "03_module_a".
    docstring : str
    source : str
    prelude : str
        Imports and constants.
    functions : tuple of Function
    """

    name: str
    docstring: str
    source: str
    prelude: str
    functions: tuple[Function, ...]

    @property
    def equations(self) -> list[Equation]:
        """Those that it asks for, in the order of the file."""
        return [f.asked for f in self.functions if isinstance(f.asked, Equation)]

    @property
    def problems(self) -> list[Problem]:
        """Those that it asks for, in the order of the file."""
        return [f.asked for f in self.functions if isinstance(f.asked, Problem)]

    @property
    def stubs(self) -> str:
        """The student's file."""
        text = self.source
        for function in self.functions:
            text = text.replace(function.whole, function.stub)
        return text


def read(path: Path) -> Exercise:
    """Take a solution file apart.

    Parameters
    ----------
    path : Path
    """
    source = path.read_text(encoding="utf-8")
    lines, tree = source.splitlines(), ast.parse(source)
    nodes = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    prelude = "\n".join(lines[tree.body[0].end_lineno : nodes[0].lineno - 1]).strip()
    functions = tuple(_function(node, lines, path.stem) for node in nodes)
    return Exercise(path.stem, ast.get_docstring(tree) or "", source, prelude, functions)


def _function(node: ast.FunctionDef, lines: list[str], exercise: str) -> Function:
    tasks: dict[str, Equation | Problem] = {
        e.task: e for e in EQUATIONS.values() if e.exercise == exercise
    }
    tasks |= {p.task: p for p in PROBLEMS.values() if p.lesson == exercise}
    end = node.body[0].end_lineno
    return Function(
        name=node.name,
        head="\n".join(lines[node.lineno - 1 : end]),
        body="\n".join(lines[end : node.end_lineno]),
        asked=tasks.get(node.name),
        given=node.name not in tasks and not (ast.get_docstring(node) or "").startswith("Copy"),
    )


def exercises() -> list[Exercise]:
    """Return all exercises, in order."""
    return [read(path) for path in sorted(SOLUTIONS.glob("[0-9]*.py"))]


# Notebooks

CHECKS = """\
# For the cells below your functions. The functions themselves do without it.
from tvbi_ref import checks"""


def notebook(exercise: Exercise, *, solved: bool) -> Any:
    """Return an exercise as a notebook, not executed.

    Parameters
    ----------
    exercise : Exercise
    solved : bool
        With the bodies, between nbgrader's marks, or without them.
    """
    cells = [
        _markdown("introduction", introduction(exercise)),
        _code("imports", exercise.prelude, "locked"),
        _code("checks", CHECKS, "locked"),
    ]
    for function in exercise.functions:
        cells += _cells(function, function.marked if solved else function.stub)
    return new_notebook(cells=cells, metadata=METADATA)


METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def _cells(function: Function, source: str) -> Iterator[Any]:
    label = function.label
    if function.asked is None:
        yield _code(label, source, "locked" if function.given else "answer")
        return
    yield _markdown(f"{label}-statement", statement(function.asked))
    yield _code(label, source, "answer")
    # Two statements without an assignment: a grader that takes the definitions out of a
    # notebook leaves both behind.
    test = f"print(report := {function.report})\nassert report"
    yield _code(f"{label}-check", test, "test")


ROLES: dict[str, dict[str, Any]] = {
    "locked": {"grade": False, "locked": True, "solution": False},
    "answer": {"grade": False, "locked": False, "solution": True},
    "test": {"grade": True, "locked": True, "solution": False, "points": 1},
}


def _nbgrader(name: str, role: str) -> dict[str, Any]:
    return {"nbgrader": {"schema_version": 3, "task": False, "grade_id": name, **ROLES[role]}}


def _code(name: str, source: str, role: str) -> Any:
    return new_code_cell(source, id=name, metadata=_nbgrader(name, role))


def _markdown(name: str, source: str) -> Any:
    return new_markdown_cell(source, id=name, metadata=_nbgrader(name, "locked"))


# The same for otter-grader, whose marks are raw cells and comments

OTTER_CONFIG = """\
# ASSIGNMENT CONFIG
name: {name}
check_all_cell: false
export_cell: false
strip_solutions_from_all_cells: true
generate: true"""


def otter(exercise: Exercise) -> Any:
    """Return the master notebook from which `otter assign` makes the students' and the grader.

    Parameters
    ----------
    exercise : Exercise
    """
    first, *rest = notebook(exercise, solved=True).cells
    cells = [_raw("config", OTTER_CONFIG.format(name=exercise.name)), first, *rest[:2]]
    for function in exercise.functions:
        cells += _question(function)
    for cell in cells:
        cell.metadata.pop("nbgrader", None)
    return new_notebook(cells=cells, metadata=METADATA)


def _question(function: Function) -> Iterator[Any]:
    marks = {
        "### BEGIN SOLUTION": "# BEGIN SOLUTION NO PROMPT",
        "### END SOLUTION": '# END SOLUTION\n    """ # BEGIN PROMPT\n'
        '    raise NotImplementedError\n    """ # END PROMPT',
    }
    *statement, answer = list(_cells(function, function.marked))[:2]
    for nbgraders, otters in marks.items():
        answer.source = answer.source.replace(nbgraders, otters)
    if function.asked is None:
        yield answer
        return
    label = function.label
    test = f"assert (report := {function.report}), report"
    yield _raw(f"{label}-question", f"# BEGIN QUESTION\nname: {label}\npoints: 1")
    yield from statement
    for name, cell in (("SOLUTION", answer), ("TESTS", _code(f"{label}-test", test, "test"))):
        yield _raw(f"{label}-begin-{name.lower()}", f"# BEGIN {name}")
        yield cell
        yield _raw(f"{label}-end-{name.lower()}", f"# END {name}")
    yield _raw(f"{label}-end", "# END QUESTION")


def _raw(name: str, source: str) -> Any:
    return new_raw_cell(source, id=name)


def introduction(exercise: Exercise) -> str:
    """Return the first cell: what the exercise is about, and the map of what it asks for.

    Parameters
    ----------
    exercise : Exercise
    """
    title, *paragraphs, _ = exercise.docstring.split("\n\n")
    rows = [(e.title, f"`[{e.label}]`", f"`{e.task}`") for e in exercise.equations]
    rows += [(f"*{p.kind}*", f"`{p.name}`", f"`{p.task}`") for p in exercise.problems]
    return "\n\n".join(
        [
            f"# Exercise {int(exercise.name[:2])}. {title.rstrip('.')}",
            *(" ".join(paragraph.split()) for paragraph in paragraphs),
            _table(("what is asked for", "name", "function"), rows),
            "Below each function is a cell that checks it. Run it as often as you like: it says "
            "what is wrong, and where it knows the mistake it names it. In a terminal "
            f"`tvbi-ref check {exercise.name}.ipynb` checks all equations. Your functions may use "
            "NumPy, SciPy and each other.",
            f"What is asked for is derived in lesson [{exercise.name}](../{exercise.name}.ipynb). "
            "Derive it by yourself first. The lesson's page has each equation folded, as a last "
            "resort.",
        ]
    )


def statement(asked: Equation | Problem) -> str:
    """Return the cell above a function: what it is, and its letters, but not the formula.

    Parameters
    ----------
    asked : Equation or Problem
    """
    if isinstance(asked, Problem):
        return f"## A problem: {asked.kind}, `{asked.name}`\n\n{asked.asked}"
    rows = [
        (role, f"${s.letter}$", f"`{s.name}`", s.shape, s.domain, s.meaning)
        for role, symbols in (("in", asked.inputs), ("out", asked.outputs))
        for s in symbols
    ]
    header = ("", "letter", "name", "shape", "domain", "meaning")
    where = f"[lesson {asked.exercise}](../{asked.exercise}.ipynb#{asked.label})"
    return f"## {asked.title} `[{asked.label}]`\n\nDerived in {where}.\n\n{_table(header, rows)}"


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in (header, ["---"] * len(header), *rows))


def execute(made: Any) -> Any:
    """Return a notebook with its outputs, and nothing in it that tells where it was run.

    Parameters
    ----------
    made : NotebookNode
    """
    metadata = dict(made.metadata)
    with tempfile.TemporaryDirectory() as folder:
        client = NotebookClient(made, timeout=120, record_timing=False, coalesce_streams=True)
        client.execute(cwd=folder)
    made.metadata = nbformat.from_dict(metadata)
    return made


def as_bytes(made: Any) -> bytes:
    """Return a notebook as it stands in its file.

    Parameters
    ----------
    made : NotebookNode
    """
    nbformat.validate(made)
    return (json.dumps(made, indent=1, ensure_ascii=False, sort_keys=True) + "\n").encode()


def without_outputs(made: Any) -> bytes:
    """Return a notebook's bytes as if it had never been run.

    Parameters
    ----------
    made : NotebookNode
    """
    bare = nbformat.from_dict(made)
    for cell in bare.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    return as_bytes(bare)


# The transcript

SLIPS = (
    (
        "    a_tilde = q_support * active.shape + (1 - q_support) * inactive.shape + 0.5\n",
        "    a_tilde = q_support * active.shape + (1 - q_support) * inactive.shape\n",
    ),
    (
        "    return expected_log_gamma(active) - expected_log_gamma(inactive)\n",
        "    return expected_log_gamma(inactive) - expected_log_gamma(active)\n",
    ),
)
"""(right, wrong): the two lines of exercise 3 that the student of the transcript gets wrong."""


def transcript() -> str:
    """Return what the checker says to three versions of one homework, as it really says it."""
    versions = [(SOLUTIONS / "03_module_a.py").read_text(encoding="utf-8")]
    for right, wrong in SLIPS:
        assert versions[0].count(right) == 1, f"not in the solution, or twice: {right}"
        versions.insert(0, versions[0].replace(right, wrong))
    first, second, third = versions  # both mistakes, the first one of SLIPS, none
    return TRANSCRIPT.format(
        first=_checked(first),
        change=_change(first, second),
        second=_checked(second),
        second_change=_change(second, third),
        third=_checked(third),
    )


TRANSCRIPT = """# Two mistakes, found and mended

What a student sees who has written all of exercise 3 and got two lines of it wrong. Every
line below a prompt is what the checker printed; `make_exercises.py` writes this page, and a
test holds it against the checker.

## First try

```text
$ tvbi-ref check 03_module_a_noether.py
{first}
```

The checker knows both mistakes by name. The second one is the easier to see: l must be positive
where the ACTIVE Gamma explains the precision better.

```diff
{change}
```

## Second try

```text
$ tvbi-ref check 03_module_a_noether.py
{second}
```

One is left. The sentence says where the missing half comes from: a Gaussian of precision rho has
rho^(1/2) in its normaliser, and a Gamma's shape counts the powers of rho.

```diff
{second_change}
```

## Third try

```text
$ tvbi-ref check 03_module_a_noether.py
{third}
```
"""


def _checked(source: str) -> str:
    with tempfile.TemporaryDirectory() as folder:
        homework = Path(folder, "03_module_a_noether.py")
        homework.write_text(source, encoding="utf-8")
        result = replace(grade(homework), file=homework.name)
    return f"{result}\n$ echo $?\n{result.exit_status}"


def _change(old: str, new: str) -> str:
    lines = difflib.ndiff(old.splitlines(), new.splitlines())
    return "\n".join(line for line in lines if line.startswith(("- ", "+ ")))


# Files


def plain_files() -> dict[Path, bytes]:
    """Return what every file of the exercises must hold, without the executed notebooks."""
    files = {EXERCISES / "transcript.md": transcript().encode()}
    for exercise in exercises():
        files[EXERCISES / f"{exercise.name}.py"] = exercise.stubs.encode()
        made = notebook(exercise, solved=False)
        files[EXERCISES / f"{exercise.name}.ipynb"] = as_bytes(made)
    return files


def stale() -> list[str]:
    """Return the files that are not what would be made, or that nothing makes any more."""
    files = plain_files()
    wrong = [path for path, content in files.items() if _bytes_of(path) != content]
    solved = {SOLUTIONS / f"{e.name}.ipynb": notebook(e, solved=True) for e in exercises()}
    for path, made in solved.items():
        if not path.is_file() or without_outputs(nbformat.read(path, 4)) != as_bytes(made):
            wrong.append(path)
    found = {*EXERCISES.glob("[0-9]*"), *SOLUTIONS.glob("[0-9]*.ipynb")}
    wrong += found - files.keys() - solved.keys()
    return sorted(str(path.relative_to(HERE)) for path in wrong)


def _bytes_of(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None


def write() -> None:
    """Write everything that is kept here."""
    files = plain_files()
    for exercise in exercises():
        print(f"executing {exercise.name}", flush=True)
        solved = execute(notebook(exercise, solved=True))
        files[SOLUTIONS / f"{exercise.name}.ipynb"] = as_bytes(solved)
    _write(files)


def _write(files: dict[Path, bytes]) -> None:
    for path, content in files.items():
        with atomic_write(path) as file:
            file.write(content)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the script and return the exit status.

    Parameters
    ----------
    arguments : sequence of str, optional
        Without the program's name; by default those of the process.
    """
    parser = argparse.ArgumentParser(description="Make the exercises from the solutions.")
    parser.add_argument("--check", action="store_true", help="only say what is stale")
    parser.add_argument("--otter", metavar="FOLDER", type=Path, help="write otter-grader's there")
    options = parser.parse_args(arguments)
    if options.otter:
        _write({options.otter / f"{e.name}.ipynb": as_bytes(otter(e)) for e in exercises()})
        return 0
    if not options.check:
        write()
        return 0
    names = stale()
    for name in names:
        print(f"stale: {name}; run python notebooks/make_exercises.py")
    return 1 if names else 0


if __name__ == "__main__":
    sys.exit(main())

"""Grade files of your own equations.

Run the functions of each file in a process of its own and check every one against its equation. A
file named like an exercise (03_module_a_....py) is asked for all of that exercise, any other for
what it defines. A .json file has results that were computed in another language: see
docs/other_languages.md. Exit status: 0 if all is right, 1 if not, 2 if a file cannot be found.
"""

from __future__ import annotations

import argparse
import csv
import glob
import io
import tomllib
from pathlib import Path
from typing import Any

from tvbi_ref._files import atomic_write
from tvbi_ref.cli._shared import input_file, output_file, seed_number, write_json

HOMEWORK = (".py", ".ipynb")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    what = "a .py file, a notebook, results; a folder for all files and notebooks in it; '*.py'"
    parser.add_argument("files", metavar="FILE", nargs="+", help=what)
    asked = parser.add_mutually_exclusive_group()
    asked.add_argument("--labels", metavar="LABEL,...", help="ask for these equations")
    asked.add_argument("--exercise", metavar="NAME", help="ask for this exercise: 03_module_a")
    limit = "for each function"
    parser.add_argument("--time-limit", type=float, default=20.0, metavar="SECONDS", help=limit)
    seed = "draw the random cases anew, for a mark that no table of answers gets"
    parser.add_argument("--seed", type=seed_number, metavar="N", help=seed)
    points = "what each equation is worth, lines LABEL = POINTS (TOML); default: 1 each"
    parser.add_argument("--points", metavar="FILE", type=input_file, help=points)
    partial = "points for a wrong function that is right on more than half of the cases"
    parser.add_argument("--partial", action="store_true", help=partial)
    parser.add_argument(
        "--json", metavar="FILE", type=output_file, help="write the results there, for a gradebook"
    )
    table = "write a table there, one row for each file and equation, with the reason"
    parser.add_argument("--csv", metavar="FILE", type=output_file, help=table)


def run(options: argparse.Namespace) -> int:
    """Run the command."""
    from tvbi_ref.school.checks.grading import COLUMNS, Grade, grade

    for flag, target in (("--json", options.json), ("--csv", options.csv)):
        if target and Path(target).suffix in HOMEWORK:
            raise ValueError(
                f"{flag} must not name a file of homework, to be replaced; got {target}"
            )
    files = _files(options.files)  # a misspelt name is found before the long work, not after
    asked = {
        "labels": _labels(options),
        "time_limit": options.time_limit,
        "seed": options.seed,
        "points": _points(options.points),
        "in_part": options.partial,
    }
    grades = []
    for file in files:
        try:
            grades.append(grade(file, **asked))
        except FileNotFoundError as error:  # one before it has removed it
            grades.append(Grade(file, (), str(error)))
        print(grades[-1], flush=True)
        if options.json:  # after every file: an interrupted run has lost nothing
            write_json(options.json, [g.to_json() for g in grades])
        if options.csv:
            _write_csv(options.csv, COLUMNS, [row for g in grades for row in g.rows()])
    return max(g.exit_status for g in grades)


def _files(arguments: list[str]) -> list[str]:
    """Return the files of the arguments, in order and each once."""
    return list(dict.fromkeys(file for argument in arguments for file in _found(argument)))


def _found(argument: str) -> list[str]:
    from tvbi_ref.school.checks.grading import existing

    path = Path(argument)
    if not argument:
        raise FileNotFoundError("FILE must name a file or a folder; got ''")
    if path.is_dir():
        found = [str(p) for p in sorted(path.rglob("*")) if _is_homework(p.relative_to(path), p)]
    elif glob.has_magic(argument) and not path.exists():
        found = [p for p in sorted(glob.glob(argument, recursive=True)) if Path(p).is_file()]
    else:
        return [str(existing(argument))]
    if not found:
        raise FileNotFoundError(f"FILE must name Python files or notebooks; none is in {argument}")
    return found


def _is_homework(below: Path, path: Path) -> bool:
    """Return whether a file of a folder is to be graded: Jupyter's hidden copies are not."""
    hidden = any(part.startswith(".") for part in below.parts)
    return path.suffix in HOMEWORK and path.is_file() and not hidden


def _points(file: str | None) -> dict[str, Any] | None:
    if file is None:
        return None
    try:
        return tomllib.loads(Path(file).read_text(encoding="utf-8-sig"))
    except ValueError as error:
        raise ValueError(
            f"--points must be a file of lines LABEL = POINTS; {file}: {error}"
        ) from None


def _write_csv(path: str, columns: tuple[str, ...], rows: list[dict[str, Any]]) -> None:
    text = io.StringIO(newline="")
    table = csv.DictWriter(text, columns)
    table.writeheader()
    table.writerows(rows)
    with atomic_write(path) as file:
        file.write(text.getvalue().encode("utf-8", "backslashreplace"))


def _labels(options: argparse.Namespace) -> list[str] | None:
    """Return what --labels or --exercise asks for, None for neither."""
    from tvbi_ref.equations import EQUATIONS

    if options.labels is not None:
        return [label.strip() for label in options.labels.split(",")]
    if options.exercise is None:
        return None
    labels = [e.label for e in EQUATIONS.values() if e.exercise == options.exercise]
    if not labels:
        known = ", ".join(dict.fromkeys(e.exercise for e in EQUATIONS.values()))
        raise ValueError(f"--exercise must be one of {known}; got {options.exercise!r}")
    return labels

"""Grade files of your own equations.

Run the functions of each file in a process of its own and check every one against its equation. A
file named like an exercise (03_mean_field_....py) is asked for all of that exercise, any other for
what it defines. A .json file has results that were computed in another language: see
docs/other_languages.md. Exit status: 0 if all is right, 1 if not, 2 if a file cannot be found.
"""

from __future__ import annotations

import argparse

from tvbi_ref.cli._shared import write_json


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument("files", metavar="FILE", nargs="+", help="a .py file, a notebook, results")
    asked = parser.add_mutually_exclusive_group()
    asked.add_argument("--labels", metavar="LABEL,...", help="ask for these equations")
    asked.add_argument("--exercise", metavar="NAME", help="ask for this exercise: 03_mean_field")
    limit = "for each function"
    parser.add_argument("--time-limit", type=float, default=20.0, metavar="SECONDS", help=limit)
    parser.add_argument("--json", metavar="FILE", help="write the results there, for a gradebook")


def run(options: argparse.Namespace) -> int:
    """Run the command."""
    from tvbi_ref.school.checks.grading import Grade, existing, grade

    for file in options.files:
        existing(file)  # a misspelt name is found before the long work, not after
    labels = _labels(options)
    grades = []
    for file in options.files:
        try:
            grades.append(grade(file, labels=labels, time_limit=options.time_limit))
        except FileNotFoundError as error:  # one before it has removed it
            grades.append(Grade(file, (), str(error)))
        print(grades[-1], flush=True)
        if options.json:  # after every file: an interrupted run has lost nothing
            write_json(options.json, [g.to_json() for g in grades])
    return max(g.exit_status for g in grades)


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

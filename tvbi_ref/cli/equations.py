"""The equations: statement, symbols, code, exercise.

Without a label, the list of all equations with the function that implements each and its
lesson. With --cases, the cases that a check tries, for programmes in any language: see
docs/other_languages.md.
"""

from __future__ import annotations

import argparse

from tvbi_ref.cli._shared import output_file, seed_number


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument("label", nargs="?", help="print this equation in full")
    parser.add_argument(
        "--cases",
        metavar="FILE.json",
        type=output_file,
        help="write the cases of this equation, or of all, there",
    )
    parser.add_argument("--seed", type=seed_number, help="draw the random cases anew")


def run(options: argparse.Namespace) -> int:
    """Run the command."""
    from tvbi_ref import equations

    if options.cases is not None:
        from tvbi_ref.school.checks import write_cases

        write_cases(options.cases, [options.label] if options.label else None, seed=options.seed)
        return 0
    if options.seed is not None:
        raise ValueError("--seed has no meaning without --cases")
    print(equations.get(options.label) if options.label else equations.table())
    return 0

"""The equations: statement, symbols, code, exercise.

Without a label, the list of all equations with the function that implements each, its exercise and
its lesson.
"""

from __future__ import annotations

import argparse


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument("label", nargs="?", help="print this equation in full")


def run(options: argparse.Namespace) -> int:
    """Run the command."""
    from tvbi_ref import equations

    print(equations.get(options.label) if options.label else equations.table())
    return 0

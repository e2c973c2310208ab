"""The command line: ``tvbi-ref demo``, ``train``, ``report``, ``check`` and ``equations``.

Each command is a file: its docstring is the help text, `add_options` adds its options, and `run`
imports what it needs, so that the help waits for nothing.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import sys
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import tvbi_ref
from tvbi_ref.cli import check, demo, equations, report, train
from tvbi_ref.cli._output import Output
from tvbi_ref.cli._shared import HelpFormatter
from tvbi_ref.cli.train import train_task
from tvbi_ref.errors import DivergenceError, PlugError
from tvbi_ref.lab.recipes import DEMO

__all__ = ["build_parser", "main", "parse", "train_task"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit status.

    Parameters
    ----------
    arguments : sequence of str, optional
        Without the program's name; by default those of the process.

    Returns
    -------
    int
        0 if all went well, 1 if `check` found something wrong or a trained network is worse than a
        constant, 2 for a mistake in the arguments or the data, 130 if it was interrupted.
    """
    out, err = Output(sys.stdout), Output(sys.stderr)
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            status = _run(arguments)
        except KeyboardInterrupt:
            print("tvbi-ref: interrupted; files already written are whole", file=err)
            status = 130
        finally:
            out.flush()
        if out.error:
            print(f"tvbi-ref: not all could be printed: {out.error}", file=err)
        err.flush()
    return 2 if out.error and not status else status


def _run(arguments: Sequence[str] | None) -> int:
    """Run the command that is asked for."""
    options = parse(arguments)
    if options.command is None:
        build_parser().print_help()
        return 2
    # Pictures go to files: no window system is asked for, be it one that is not there.
    windows = os.environ.pop("MPLBACKEND", None)
    try:
        with _plain_warnings():
            result: int = options.command(options)
            return result
    except MemoryError as error:
        print(f"tvbi-ref: not enough memory: {error}", file=sys.stderr)
    except (ValueError, TypeError, ArithmeticError, OSError, PlugError) as error:
        # What a user can mend is said in one line; a traceback would bury it.
        print(f"tvbi-ref: {error}{_kept(options, error)}", file=sys.stderr)
    finally:
        if windows is not None:
            os.environ["MPLBACKEND"] = windows
    return 2


def _kept(options: argparse.Namespace, error: Exception) -> str:
    """Return what is left of a run that broke off, in words."""
    checkpoint = getattr(options, "checkpoint", None)
    if not (checkpoint and isinstance(error, DivergenceError | PlugError) and error.last_good):
        return ""
    return f"; {checkpoint} has the {len(error.last_good.trace)} epochs before"


@contextlib.contextmanager
def _plain_warnings() -> Iterator[None]:
    """Show the package's warnings, which end no command, without the source line they come from."""
    with warnings.catch_warnings():
        for category in (UserWarning, RuntimeWarning):
            warnings.simplefilter("default", category)
        warnings.showwarning = _print_warning
        yield


def _print_warning(message: Warning | str, *rest: Any, **more: Any) -> None:
    print(f"tvbi-ref: warning: {message}", file=sys.stderr)


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Return the options of a command line; their defaults are the recipe's of ``--net``.

    Parameters
    ----------
    arguments : sequence of str, optional
        Without the program's name; by default those of the process.

    Examples
    --------
    >>> parse(["train", "mnist"]).batch_size
    32
    >>> parse(["train", "mnist", "--net", "lenet_300_100"]).batch_size
    128
    >>> parse(["train", "mnist", "--net", "lenet_300_100", "--batch-size", "64"]).batch_size
    64
    >>> parse(["demo", "--epochs", "30"]).spike_epochs
    25
    """
    asked = build_parser(DEMO.options | {"epochs": None}).parse_args(arguments)
    recipe = train.recipe_for(getattr(asked, "net", None))
    return build_parser(recipe.options_for(getattr(asked, "epochs", None))).parse_args(arguments)


def build_parser(training: dict[str, Any] = DEMO.options) -> argparse.ArgumentParser:
    """Return the parser of all commands, with these defaults of ``demo`` and ``train``."""
    parser = argparse.ArgumentParser(
        prog="tvbi-ref",
        description="Turbo-VBI: structured Bayesian compression of neural networks, for teaching.",
    )
    parser.add_argument("--version", action="version", version=f"tvbi-ref {tvbi_ref.__version__}")
    parser.set_defaults(command=None)
    commands = parser.add_subparsers(title="commands")
    for command in (demo, train, report, check, equations):
        name = command.__name__.removeprefix(f"{__name__}.")
        title, _, text = (command.__doc__ or "").partition("\n\n")
        page = commands.add_parser(
            name, formatter_class=HelpFormatter, help=title.rstrip("."), description=text
        )
        command.add_options(page)
        # Or argparse takes -1e-2 and -inf for options.
        page._negative_number_matcher = re.compile(r"-(\.?\d|inf|nan)", re.IGNORECASE)
        page.set_defaults(command=command.run, **training if command in (demo, train) else {})
    return parser

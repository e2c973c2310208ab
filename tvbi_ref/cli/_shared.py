"""What ``demo`` and ``train`` share: options, data, the reader's equations, what is written."""

from __future__ import annotations

import argparse
import json
import os
import stat
from collections.abc import Mapping
from typing import Any

from tvbi_ref._files import atomic_write
from tvbi_ref.lab.recipes import DEMO

DATASETS = ("digits", "synthetic", "mnist", "fashion_mnist", "boston")
PICTURES = ("mnist", "fashion_mnist")
"""Of 28x28 pixels, with a split of their own."""
PRIORS = tuple(DEMO.supports)


class HelpFormatter(argparse.ArgumentDefaultsHelpFormatter):
    """Show a default, except where there is none to be shown or the text tells it already."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        if action.default is None or isinstance(action.default, bool):
            return action.help
        return super()._get_help_string(action)


def add_numbers(group: Any, kind: type, texts: Mapping[str, str]) -> None:
    """Add options that take a number: flag and help."""
    for flag, text in texts.items():
        group.add_argument(flag, type=kind, help=text)


def _path(text: str, wanted: str, *, folder: bool, new: bool = True) -> str:
    """Return a path, or say before the long work what is wrong with it."""
    try:
        fits = stat.S_ISDIR(os.stat(text).st_mode) == folder
    except FileNotFoundError:
        fits = new and text != ""
    except (OSError, ValueError):  # a name that is too long, or has a zero inside
        fits = False
    if not fits:
        raise argparse.ArgumentTypeError(f"must be {wanted}; got {text!r}")
    return text


def input_file(text: str) -> str:
    """Return the path of a file that is there."""
    return _path(text, "a file that is there", folder=False, new=False)


def output_file(text: str) -> str:
    """Return the path of a file to be written."""
    return _path(text, "a file to write", folder=False)


def output_folder(text: str) -> str:
    """Return the path of a folder to be written into."""
    return _path(text, "a folder to write into", folder=True)


def seed_number(text: str) -> int:
    """Return a seed, which every generator takes."""
    number = int(text)
    if not 0 <= number < 2**32:
        wanted = f"a whole number from 0 to {2**32 - 1}"
        raise argparse.ArgumentTypeError(f"must be {wanted}; got {text}")
    return number


def add_common(parser: argparse.ArgumentParser, *, out: str) -> None:
    """Add the options of both commands."""
    parser.add_argument(
        "--out", metavar="FOLDER", type=output_folder, default=out, help="where to write"
    )
    parser.add_argument(
        "--seed", type=seed_number, default=0, help="of the split, the weights, the noise"
    )
    counts = {
        "--epochs": f"of the turbo loop; default: {DEMO.options['epochs']}",
        "--fine-tune-epochs": "of the survivors after pruning",
        "--batch-size": "rows of a minibatch",
    }
    add_numbers(parser, int, counts)
    add_numbers(parser, float, {"--learning-rate": "of Adam; it falls linearly to 0"})
    own = parser.add_argument_group("equations of your own")
    own.add_argument(
        "--equations",
        metavar="FILE",
        type=input_file,
        help="a .py file or a notebook; its functions that are called as in the exercises are "
        "checked and then take the package's place in the turbo loop, the pruning and the "
        "fine-tuning. The package's own loop runs beside, to say where they part: twice the time",
    )
    own.add_argument("--unchecked", action="store_true", help="plug them in without a check")


def load_data(name: str, seed: int) -> Any:
    """Return a data set as networks here are trained on it."""
    from tvbi_ref import datasets

    data = datasets.load(name, **({} if name in PICTURES else {"seed": seed}))
    return data.standardised() if data.n_classes is None else data


def own_equations(options: argparse.Namespace) -> Any:
    """Return the equations of --equations, ready to be plugged in; None without."""
    if options.equations is None:
        if options.unchecked:
            raise ValueError("--unchecked has no meaning without --equations")
        return None
    from tvbi_ref.school import own

    yours = own.ready(options.equations, unchecked=options.unchecked)
    print(f"{yours.announcement}\n", flush=True)
    return yours


def write_results(
    dense: float, outcomes: list[Any], data: Any, more: str, out: str, yours: Any
) -> int:
    """Print the tables and write them with the pictures, the models and the reader's equations.

    Returns the exit status, 1 where a network is worse than a constant.
    """
    from tvbi_ref.lab import experiment

    tables = experiment.table(dense, outcomes), experiment.layer_table(outcomes)
    doubts = experiment.worse_than_a_constant(outcomes, data)
    text = "\n\n".join([*tables, *filter(None, [*doubts, more, yours and str(yours)])])
    written = experiment.write(outcomes, text, out)
    if yours:
        written.append(experiment.make_folder(out) / "equations.json")
        write_json(written[-1], yours.to_json())
    print(f"\n{text}\n\nwritten:", *written, sep="\n  ")
    return 1 if doubts else 0


def write_json(path: Any, content: Any) -> None:
    """Write a file of JSON."""
    with atomic_write(path) as file:
        file.write(json.dumps(content, indent=2).encode())

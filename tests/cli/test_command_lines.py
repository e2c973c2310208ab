"""Command lines drawn at random: a mistake is one line that names the option, anything else runs.

``python tests/cli/test_command_lines.py 2000 0`` draws more of them; with "train synthetic" behind,
these are run to the end.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import random
import re
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path

import pytest

from tvbi_ref import cli
from tvbi_ref.lab import experiment

ODD = {
    int: ["0", "1", "2", "-1", "-3", "-1e-2", "1.5", "99999999999", "1" + 30 * "0", "x", "", "nan"],
    float: ["0", "-0.0", "-1e-2", "-.5", "0.3", "1", "2", "nan", "inf", "-inf", "1e308", "-1e308"],
    None: ["", ".", "-", "/dev/null/x", "no/such", "a\x00b", 300 * "a", "\udcff", "é", "8", "0"],
}
ODD[float] += ["1e-320", "1e-300", "1e400", "-1e400", "", "x", "1_0", "1e-9"]
ODD[None] += [
    "-1",
    "8,x",
    "99999999999",
    "1" + 30 * "0",
    ",",
    "8,,8",
    "1e3",
    "cavity",
    "03_module_a",
]
"""Values of an option, by its type; those of the others are texts, which mostly name files."""

STARTS = {
    "train synthetic": ["--epochs", "1", "--fine-tune-epochs", "0", "--out", "OUT"],
    "train digits": ["--epochs", "1", "--fine-tune-epochs", "0", "--hidden", "4", "--out", "OUT"],
    "demo": ["--epochs", "1", "--fine-tune-epochs", "0", "--out", "OUT"],
    "report": ["MODEL"],
    "check": ["HOMEWORK"],
    "equations": [],
}
FILES = ("mnist", "fashion_mnist", "boston")
"""Data sets that may not be here."""
LONG = ("--epochs", "--fine-tune-epochs", "--sweeps")
"""A large number is no mistake there, but takes for ever."""


def pages() -> dict[str, argparse.ArgumentParser]:
    """Return the parser of every command."""
    (commands,) = cli.build_parser()._subparsers._group_actions
    return commands.choices


def draw(rng: random.Random, places: dict[str, str], starts: list[str]) -> list[str]:
    """Return a command line that is right but for one to three options."""
    start = rng.choice(starts)
    command, *rest = start.split()
    line = [command, *rest, *(places.get(word, word) for word in STARTS[start])]
    options = [a for a in pages()[command]._actions if a.option_strings and a.dest != "help"]
    for action in rng.sample(options, min(len(options), rng.choice([1, 1, 1, 2, 3]))):
        line.append(action.option_strings[0])
        if action.nargs != 0:
            values = ODD[action.type if action.type in ODD else None]
            if line[-1] in LONG:
                values = [value for value in values if len(value) < 10]
            here = [name for name in action.choices or () if name not in FILES]
            line.append(rng.choice([*values, *here]))
    return line


def verdict(line: list[str]) -> tuple[str, str]:
    """Return how a command line ended, "" for well, and what it said."""
    said, printed = io.StringIO(), io.StringIO()
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(printed):
        try:
            status = cli.main(line)
        except SystemExit as stop:
            status = stop.code
        except ReachedError:
            return "", ""
        except BaseException:
            return "traceback", traceback.format_exc()
    text = "".join(s for s in said.getvalue().splitlines(True) if not s.startswith(("usage", " ")))
    text = "".join(s for s in text.splitlines(True) if "warning: " not in s)
    if status in (0, 1):
        return "", text
    if status != 2:
        return f"status {status}", text
    if text.count("\n") != 1 or not text.startswith("tvbi-ref"):
        return "not one line", text
    if any(value and text.startswith(f"tvbi-ref: {value} ") for value in line):
        return "", text  # a file by its name
    named = [word.lstrip("-").replace("-", "_") for word in line if word[:2] == "--"]
    words = re.sub(r"[-\s]+", "_", text.lower())
    return (
        ""
        if any(name.rstrip("s") in words for name in [*named, "file_must"])
        else "names no option"
    ), text


class ReachedError(Exception):
    """The long work would begin."""


@pytest.fixture
def places(tmp_path):
    return make_places(tmp_path)


def make_places(folder: Path) -> dict[str, str]:
    """Return what stands for the words in capitals."""
    from tvbi_ref import compress, nets, save_compressed

    model, homework = folder / "small.npz", folder / "homework.py"
    save_compressed(model, compress(nets.mlp([64, 4, 10], seed=0)))
    homework.write_text("def cavity(h, l, others):\n    return h + l + others.sum(0)\n")
    return {"OUT": str(folder / "out"), "MODEL": str(model), "HOMEWORK": str(homework)}


def reached(*args, **kwargs):
    raise ReachedError


@pytest.mark.parametrize("seed", range(8))
def test_a_command_line_is_refused_in_one_line_that_names_the_option_or_runs(
    seed, places, monkeypatch, tmp_path
):
    monkeypatch.chdir(tmp_path)
    for name in ("run", "dense_baseline"):
        monkeypatch.setattr(experiment, name, reached)
    rng, bad = random.Random(seed), []
    for _ in range(30):
        line = draw(rng, places, ["train synthetic", "train digits", "demo", "equations"])
        how, said = verdict(line)
        bad += [(how, line, said[-300:])] if how else []
    assert not bad


def campaign(n: int, seed: int, starts: list[str], *, for_good: bool) -> None:
    """Try so many command lines, print every one that ended badly, and their counts."""
    rng, counts, started = random.Random(seed), Counter(), time.monotonic()
    if not for_good:
        experiment.run = experiment.dense_baseline = reached
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        places = make_places(Path(folder))
        for _ in range(n):
            line = draw(rng, places, starts)
            how, said = verdict(line)
            counts[how or ("refused" if said else "ran")] += 1
            if how:
                print(how, [word[:60] for word in line], said.strip()[-250:], flush=True)
    print(n, "command lines:", dict(counts), f"{time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    n, seed, *starts = sys.argv[1:]
    campaign(int(n), int(seed), starts or list(STARTS), for_good=bool(starts))

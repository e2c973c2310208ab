"""A network that shrinks as it learns: what an epoch costs, and how many units are left.

LeNet-300-100 and LeNet-5-Caffe on a part of MNIST, by their recipes in fewer epochs, once whole and
once without the units that are dead (`TurboVBI(shrink=True)`); an epoch of the one, then the same
epoch of the other. Seconds are the processor's, of all threads together.

Writes shrinking.csv (one row a network, run and epoch) and shrinking.png beside this file. About
three minutes on one thread.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import matplotlib as mpl
import numpy as np
from _common import HERE, write_rows
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from tqdm.auto import tqdm

from tvbi_ref import TurboVBI, datasets, nets, plots
from tvbi_ref.lab.recipes import RECIPES, SCHEDULE, pick
from tvbi_ref.turbo.loop import one_epoch
from tvbi_ref.turbo.run import Run

BUILD: dict[str, Callable[..., nets.Network]] = {
    "lenet_300_100": nets.lenet_300_100,
    "lenet5_caffe": nets.lenet5_caffe,
}
TITLES = {"lenet_300_100": "LeNet-300-100", "lenet5_caffe": "LeNet-5-Caffe"}
ROWS = {"lenet_300_100": 20_000, "lenet5_caffe": 3_000}
CHANGES: dict[str, dict[str, Any]] = {
    "lenet_300_100": {},
    "lenet5_caffe": {"batch_size": 32, "learning_rate": 4e-3},
}
"""Of the recipes. A variance moves by the learning rate a step: few rows need small batches."""
EPOCHS = 15
LOOK = {"whole": (plots.BLUE, "-", "o"), "shrinking": (plots.ORANGE, "--", "s")}
LAYERS = (plots.BLUE, plots.ORANGE, plots.GREEN, plots.PURPLE)
STYLES = ("-", "--", "-.", ":")


def both(name: str) -> list[dict[str, Any]]:
    """Return one row a run and epoch of one network."""
    data, recipe = datasets.load_mnist(), RECIPES[name]
    options = recipe.options_for(EPOCHS) | CHANGES[name]
    settings = pick(options, ("epochs", "batch_size", "learning_rate", *SCHEDULE))
    x, y = data.x_train[: ROWS[name]], data.y_train[: ROWS[name]]
    runs = {
        kind: Run(
            TurboVBI(recipe.prior("grid"), shrink=kind == "shrinking", **settings),
            BUILD[name](seed=0),
            x,
            y,
            None,
        )
        for kind in LOOK
    }
    rows = []
    for epoch in tqdm(range(EPOCHS), desc=name, disable=None):
        for kind, run in runs.items():
            started = time.process_time()
            row = one_epoch(run, epoch)
            seconds = time.process_time() - started
            units = [row[key] for key in row if key.startswith("units.")]
            test = run.network.score(data.x_test, data.y_test)
            rows.append(
                {
                    "network": name,
                    "run": kind,
                    "epoch": epoch,
                    "seconds": round(seconds, 4),
                    "units": " ".join(map(str, units)),
                    "density": round(row["density"], 5),
                    "accuracy": round(test, 4),
                }
            )
    return rows


def draw(rows: list[dict[str, Any]]) -> Figure:
    """Draw the processor seconds of an epoch and the units left, a row of axes for each network."""
    with mpl.rc_context(plots.STYLE):
        figure = Figure(figsize=(10, 6.4), layout="constrained")
        for (left, right), name in zip(figure.subplots(len(BUILD), 2), BUILD, strict=True):
            mine = [row for row in rows if row["network"] == name]
            draw_seconds(left, mine)
            left.set(title=f"{TITLES[name]}: processor seconds of an epoch", xlabel="epoch")
            draw_units(right, [row["units"] for row in mine if row["run"] == "shrinking"])
            right.set(title=f"{TITLES[name]}: share of units that take part", xlabel="epoch")
    return figure


def draw_seconds(axes: Axes, rows: list[dict[str, Any]]) -> None:
    """Draw one line a run, with what all of it took."""
    for kind, (colour, line, marker) in LOOK.items():
        seconds = [row["seconds"] for row in rows if row["run"] == kind]
        label = f"{kind}: {sum(seconds):.1f} s in all"
        axes.plot(seconds, color=colour, ls=line, marker=marker, ms=4, label=label)
    axes.set(ylim=(0, None))
    axes.legend(loc="lower left")


def draw_units(axes: Axes, units: list[str]) -> None:
    """Draw one line a layer that loses units, with how many are left."""
    counts = np.array([[int(n) for n in text.split()] for text in units])
    for k in range(counts.shape[1] - 1):  # the outputs all stay
        share, label = counts[:, k] / counts[0, k], f"layer {k}" if k else "inputs"
        label += f": {counts[-1, k]} of {counts[0, k]}"
        axes.plot(share, color=LAYERS[k], ls=STYLES[k], label=label)
    axes.set(ylim=(0, 1.05))
    axes.legend(loc="lower left")


def main() -> None:
    """Do all runs, write the table and the picture, print the sums."""
    datasets.load_mnist()  # not in the first epoch's time
    rows = [row for name in BUILD for row in both(name)]
    write_rows(
        "shrinking", rows, f"MNIST, the first {ROWS} rows, {EPOCHS} epochs, grid, seed 0, {CHANGES}"
    )
    for name in BUILD:
        for kind in LOOK:
            mine = [row for row in rows if (row["network"], row["run"]) == (name, kind)]
            total, last = sum(row["seconds"] for row in mine), mine[-1]
            print(
                f"{name:<14} {kind:<10} {total:6.1f} s, last epoch {last['seconds']:.2f} s, "
                f"density {last['density']}, accuracy {last['accuracy']}"
            )
    plots.save(draw(rows), HERE / "shrinking.png")


if __name__ == "__main__":
    main()

"""What annealing the spike does: the same runs on digits with and without it.

The demo's network, independent weights and a grid of about equal size, three seeds. With annealing
the contrast r falls from 0.1 to 1e-3 over the first half of the run; without, it is 1e-3 from the
start.

Writes annealing.csv (one row a run and epoch) and annealing.png beside this file. About three
minutes.
"""

from __future__ import annotations

from typing import Any

import matplotlib as mpl
import numpy as np
from _common import HERE, mean_and_range, write_rows
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from tqdm.auto import tqdm

from tvbi_ref import datasets, experiment, nets, plots
from tvbi_ref.lab.experiment import Budget
from tvbi_ref.module_b import GridSupport, IndependentSupport
from tvbi_ref.prior import HierarchicalPrior

SEEDS = range(3)
PRIORS = {"independent": IndependentSupport(-2.8), "grid": GridSupport(-1.0, 0.04, 1.1)}
CONTRAST = 1e-3
BUDGETS = {"annealed": Budget(), "not annealed": Budget(options={"spike_epochs": 0})}
OFFSETS = {"annealed": -28, "not annealed": 12}
"""Of the notes from the lines' ends, in points."""
LOOK = {"annealed": (plots.BLUE, "-"), "not annealed": (plots.ORANGE, "--")}


def one_run(prior: str, schedule: str, seed: int) -> list[dict[str, Any]]:
    """Return one row an epoch."""
    data = datasets.load_digits(seed=seed)
    network = nets.mlp([64, 128, 64, 10], seed=seed)
    hierarchical = HierarchicalPrior.spike_and_slab(PRIORS[prior], contrast=CONTRAST)
    outcome = experiment.run(prior, network, data, hierarchical, BUDGETS[schedule], seed=seed)
    trace = outcome.result.trace
    return [
        {
            "prior": prior,
            "schedule": schedule,
            "seed": seed,
            "epoch": epoch,
            "contrast": f"{trace['contrast'][epoch]:.3g}",
            "density": round(density, 5),
            "tuned": round(outcome.tuned, 4),
        }
        for epoch, density in enumerate(trace["density"])
    ]


def draw(rows: list[dict[str, Any]]) -> Figure:
    """Draw the contrast, and the share of living weights under each prior."""
    with mpl.rc_context(plots.STYLE):
        figure = Figure(figsize=(11, 3.8), layout="constrained")
        first, *others = figure.subplots(1, 1 + len(PRIORS))
        for schedule, (colour, line) in LOOK.items():
            mine = select(rows, prior="grid", schedule=schedule, seed=0)
            contrast = [float(row["contrast"]) for row in mine]
            first.plot(contrast, color=colour, ls=line, label=schedule)
        first.set(yscale="log", title="contrast r: squared scale, dead / live", xlabel="epoch")
        for axes, prior in zip(others, PRIORS, strict=True):
            draw_density(axes, select(rows, prior=prior))
            axes.set(title=f"share of weights that live, {prior}", xlabel="epoch")
        figure.legend(*first.get_legend_handles_labels(), loc="outside lower left", ncols=2)
    return figure


def draw_density(axes: Axes, rows: list[dict[str, Any]]) -> None:
    """Draw one line a run, and say beside its end how many times fewer weights it left."""
    for schedule, (colour, line) in LOOK.items():
        runs = [select(rows, schedule=schedule, seed=seed) for seed in SEEDS]
        for run in runs:
            axes.plot([row["density"] for row in run], color=colour, ls=line, lw=1.2)
        last = float(np.mean([run[-1]["density"] for run in runs]))
        tuned = float(np.mean([run[-1]["tuned"] for run in runs]))
        note = f"{1 / last:.1f} times fewer, accuracy {tuned:.3f}"
        axes.annotate(
            note,
            (len(runs[0]), last),
            (0, OFFSETS[schedule]),
            textcoords="offset points",
            ha="right",
        )
    axes.set(ylim=(3e-4, 3), yscale="log")


def select(rows: list[dict[str, Any]], **wanted: Any) -> list[dict[str, Any]]:
    """Return the rows with these values."""
    return [row for row in rows if all(row[name] == value for name, value in wanted.items())]


def main() -> None:
    """Do all runs, write the table and the picture, print the summary."""
    jobs = [(p, s, seed) for p in PRIORS for s in BUDGETS for seed in SEEDS]
    rows = [row for job in tqdm(jobs, disable=None) for row in one_run(*job)]
    write_rows("annealing", rows, f"digits, 64-128-64-10, {BUDGETS}, contrast {CONTRAST}")
    for prior in PRIORS:
        for schedule in BUDGETS:
            ends = [select(rows, prior=prior, schedule=schedule, seed=s)[-1] for s in SEEDS]
            kept = mean_and_range([row["density"] for row in ends])
            print(f"{prior:<12} {schedule:<13} density {kept}")
    plots.save(draw(rows), HERE / "annealing.png")


if __name__ == "__main__":
    main()

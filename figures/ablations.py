"""What each part of the method is worth: one of them changed at a time, five seeds on digits.

The base is Turbo-VBI with the grid of `figures/baselines.py`. Every other row differs from it in
one part. Another prior has numbers of its own, a shorter loop a shorter annealing; sizes are free,
so read error and bytes together.

    python figures/ablations.py            # all runs, those done are not redone
    python figures/ablations.py --jobs 2   # in two processes

Runs are kept in baselines/ beside this file, as those of baselines.py are. Writes ablations.csv and
ablations.png.
"""

from __future__ import annotations

import argparse
from typing import Any

import matplotlib as mpl
import numpy as np
from _common import HERE, write_rows
from matplotlib.figure import Figure

from tvbi_ref import plots
from tvbi_ref.lab.study import TASKS, Job, run_all

RUNS = HERE / "baselines"
SEEDS = range(5)
SCALES = {"variance": 0.1, "contrast": 1e-4, "learning_rate": 5e-3, "spike_epochs": 125}
GRID = {"field": 0.0, "coupling_row": 0.04, "coupling_col": 1.1}

CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "base: grid": ("turbo_grid", {}),
    "J = 0": ("turbo_independent", {"field": -1.5}),
    "chains": ("turbo_chains", {"p01": 0.1, "p10": 0.5}),
    "groups, one an input": ("turbo_group", {"p_alive": 0.5, "p_in": 0.3, "p_out": 0.01}),
    "mean field": ("turbo_grid", {"module_a": "mean_field"}),
    "mean field, complex Gamma": ("turbo_grid", {"module_a": "mean_field_complex"}),
    "couplings learned": ("turbo_grid", {"learn": True}),
    "belief, not extrinsic": ("turbo_grid", {"exchange": "full_belief"}),
    "spike not annealed": ("turbo_grid", {"spike_epochs": 0}),
    "half the epochs dense first": ("turbo_grid", {"dense_epochs": 0.5, "spike_epochs": 62}),
    "slab variance 0.02": ("turbo_grid", {"variance": 0.02}),
}
"""Name -> method, and what is not as in the base."""

PANELS = {
    "error_shared": "share of test rows wrong, values shared",
    "kept": "weights kept",
    "bytes_shared": "bytes, everything charged",
    "live_index_bits": "index bits, dead units left out",
}


def job(case: str, seed: int) -> Job:
    """Return the run of a case."""
    method, changed = CASES[case]
    support = GRID if method == "turbo_grid" else {}
    return Job("digits", method, SCALES | support | changed, seed)


def draw(rows: list[dict[str, Any]]) -> Figure:
    """Draw four measures of every case, a mark a seed, the base's mean as a line."""
    with mpl.rc_context(plots.STYLE):
        figure = Figure(figsize=(8, 8), layout="constrained")
        panels = figure.subplots(2, 2, sharey=True).ravel()
        for axes, (column, label) in zip(panels, PANELS.items(), strict=True):
            for k, case in enumerate(CASES):
                values = [row[column] for row in rows if row["case"] == case]
                colour = plots.GREEN if k == 0 else plots.BLUE
                axes.plot(values, np.full(len(values), k), "o", color=colour, alpha=0.5, ms=4)
                axes.plot(np.mean(values), k, "|", color="k", ms=14)
            base = np.mean([row[column] for row in rows if row["case"] == next(iter(CASES))])
            axes.axvline(base, color="0.3", ls="--", lw=0.8)
            axes.set(xlabel=label, ylim=(len(CASES) - 0.5, -0.5))
            if column in ("kept", "bytes_shared"):
                axes.set_xscale("log")
                plots.use_plain_logs(axes)
        figure.axes[0].set_yticks(range(len(CASES)), list(CASES))
    return figure


def main() -> None:
    """Run what is missing; write the table and the picture."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jobs", type=int, help="processes on this machine")
    keys = [(case, seed) for case in CASES for seed in SEEDS]
    done = run_all([job(*key) for key in keys], RUNS, n_jobs=parser.parse_args().jobs)
    columns = ("error", "error_shared", "kept", "live", "bytes_shared", "mean_run", "index_bits")
    columns += ("live_run", "live_index_bits", "seconds")
    rows = [
        {"case": case, "seed": seed} | {column: row[column] for column in columns}
        for (case, seed), row in zip(keys, done, strict=True)
    ]
    write_rows("ablations", rows, f"digits, {TASKS['digits'].budget}, base {SCALES | GRID}")
    plots.save(draw(rows), HERE / "ablations.png")


if __name__ == "__main__":
    main()

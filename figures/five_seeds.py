"""The demo over five seeds: accuracy, size and regularity of three support priors.

Writes five_seeds.csv and five_seeds.png beside this file. About three minutes.
"""

from __future__ import annotations

from typing import Any

import matplotlib as mpl
import numpy as np
from _common import HERE, mean_and_range, write_rows
from matplotlib.figure import Figure
from tqdm.auto import tqdm

from tvbi_ref import datasets, experiment, nets, plots
from tvbi_ref.lab.recipes import DEMO

SEEDS = range(5)
SUMMARY = (
    "dense",
    "tuned",
    "compression",
    "mean_run",
    "index_bits",
    "entropy_bound",
    "kilobits",
    "near_zero",
)
LOOK = {
    "independent": (plots.BLUE, "o"),
    "chains": (plots.ORANGE, "s"),
    "grid": (plots.GREEN, "^"),
}


def one_seed(seed: int) -> list[dict[str, Any]]:
    """Run the demo's comparison with one seed; return one row a prior."""
    data = datasets.load_digits(seed=seed)
    network = nets.mlp([64, 128, 64, 10], seed=seed)
    budget = DEMO.budget()
    dense = experiment.dense_baseline(network, data, budget, seed=seed)
    outcomes = []
    for kind in DEMO.supports:
        prior = DEMO.prior(kind)
        outcomes.append(experiment.run(kind, network, data, prior, budget, seed=seed))
    return [
        {
            "seed": seed,
            "prior": o.name,
            "dense": round(dense, 4),
            "pruned": round(o.pruned, 4),
            "tuned": round(o.tuned, 4),
            "kept": o.sparsity.kept,
            "compression": round(o.sparsity.compression, 2),
            "mean_run": round(o.sparsity.mean_run, 3),
            "index_bits": round(o.sparsity.index_bits, 3),
            "entropy_bound": round(o.sparsity.entropy_bound, 3),
            "kilobits": round(o.sparsity.kilobits, 3),
            "near_zero": round(near_zero(o), 3),
        }
        for o in outcomes
    ]


def near_zero(outcome: experiment.Outcome) -> float:
    """Return the share of the kept weights that are smaller than 0.05 after fine-tuning."""
    kept = np.concatenate([w.mean.value[w.mask] for w in outcome.network.weight_layers])
    return float(np.mean(np.abs(kept) < 0.05))


def draw(rows: list[dict[str, Any]]) -> Figure:
    """Draw accuracy against size, regularity, and size in bits, a mark a seed."""
    with mpl.rc_context(plots.STYLE):
        figure = Figure(figsize=(11, 3.8), layout="constrained")
        left, middle, right = figure.subplots(1, 3)
        for k, (kind, (colour, mark)) in enumerate(LOOK.items()):
            mine = [row for row in rows if row["prior"] == kind]
            style = {"color": colour, "marker": mark, "ls": "none", "alpha": 0.8}
            left.plot(
                [r["compression"] for r in mine], [r["tuned"] for r in mine], **style, label=kind
            )
            for axes, column in ((middle, "mean_run"), (right, "kilobits")):
                axes.plot(np.full(len(mine), k), [r[column] for r in mine], **style)
        dense = np.mean([row["dense"] for row in rows])
        left.axhline(dense, color="0.3", ls="--", label=f"dense, mean {dense:.3f}")
        left.set(xlabel="times fewer weights", ylabel="test accuracy", title="after fine-tuning")
        figure.legend(loc="outside lower left", ncols=4)
        middle.set(title="mean run of kept weights")
        right.set(title="positions and 8-bit values, kbit", ylim=(0, None))
        for axes in (middle, right):
            axes.set_xticks(range(3), list(LOOK))
            axes.set_xlim(-0.5, 2.5)
    return figure


def main() -> None:
    """Run all seeds, print the summary, write the table and the picture."""
    rows = [row for seed in tqdm(SEEDS, disable=None) for row in one_seed(seed)]
    write_rows("five_seeds", rows, f"digits, 64-128-64-10, {DEMO}")
    for kind in DEMO.supports:
        mine = [row for row in rows if row["prior"] == kind]
        print(kind)
        for column in SUMMARY:
            print(f"  {column:<13} {mean_and_range([row[column] for row in mine])}")
    plots.save(draw(rows), HERE / "five_seeds.png")


if __name__ == "__main__":
    main()

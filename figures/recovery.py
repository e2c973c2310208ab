"""Does a structured prior find the true support? Two teachers with clustered weights.

One layer, 64 inputs, 32 outputs, 48 training rows: fewer rows than unknowns an output. The live
weights of "runs" stand in runs down a column, those of "patches" in rectangles on an image of
8 x 8 pixels, one for each output, as the first layer of a network on pictures might have them.
Writes recovery.csv and recovery.png beside this file. About two minutes.
"""

from __future__ import annotations

from typing import Any

import matplotlib as mpl
import numpy as np
from _common import HERE, mean_and_range, write_rows
from matplotlib.figure import Figure
from sklearn.metrics import average_precision_score, precision_recall_curve
from tqdm.auto import tqdm

from tvbi_ref import TurboVBI, datasets, nets, plots
from tvbi_ref.module_b import (
    ChainSupport,
    GraphSupport,
    GridSupport,
    IndependentSupport,
    SupportPrior,
)
from tvbi_ref.nets.kernel_matrix import edges_within_kernels
from tvbi_ref.prior import Gamma, HierarchicalPrior

SEEDS = range(5)
EPOCHS = 1500
SIDE, OUTPUTS, ROWS = 8, 32, 48
PIXELS = edges_within_kernels((OUTPUTS, 1, SIDE, SIDE), "filters")
# The density of the teachers' supports is 0.2. The priors are told about that; the chains are the
# law of "runs", the others have couplings of their own.
SUPPORTS: dict[str, tuple[SupportPrior, str, str]] = {
    "independent": (IndependentSupport(-1.4), plots.BLUE, "-"),
    "chains": (ChainSupport(p01=0.03, p10=0.125), plots.ORANGE, "--"),
    "grid": (GridSupport(-0.2, coupling_row=0.02, coupling_col=0.7), plots.GREEN, "-."),
    "pixels": (GraphSupport(PIXELS, 0.34, field=-0.2), plots.PURPLE, ":"),
}


def patches(seed: int) -> tuple[Any, Any, Any]:
    """Return x, y and the support of a teacher with one rectangle of live pixels an output.

    Weights, inputs and noise are drawn as `tvbi_ref.datasets.load_synthetic` draws them.
    """
    rng = np.random.default_rng(seed)
    support = np.zeros((SIDE, SIDE, OUTPUTS), bool)
    for j in range(OUTPUTS):
        height, width = rng.integers(3, 5, 2)
        top, left = rng.integers(SIDE - height + 1), rng.integers(SIDE - width + 1)
        support[top : top + height, left : left + width, j] = True
    support = support.reshape(SIDE**2, OUTPUTS)
    weights = support * rng.choice([-1, 1], support.shape) * rng.uniform(0.5, 1.5, support.shape)
    weights /= np.sqrt((weights**2).sum(axis=0).mean())
    x = rng.normal(size=(ROWS, SIDE**2))
    return x, x @ weights + rng.normal(0, 0.3, (ROWS, OUTPUTS)), support


def runs(seed: int) -> tuple[Any, Any, Any]:
    """Return x, y and the support of a teacher with runs down its columns."""
    data = datasets.load_synthetic(seed=seed)
    return data.x_train, data.y_train, data.supports[0]


TEACHERS = {"runs": runs, "patches": patches}


def recover(teacher: str, support: SupportPrior, seed: int) -> tuple[Any, Any]:
    """Return the true support and the log-odds that Turbo-VBI gives it, both flat."""
    x, y, truth = TEACHERS[teacher](seed)
    network = nets.mlp([64, 32], seed=seed, likelihood="gaussian", noise=Gamma(1.0, 0.1))
    prior = HierarchicalPrior.spike_and_slab(support, variance=0.08, contrast=1e-3)
    turbo = TurboVBI(prior, epochs=EPOCHS, batch_size=48, learning_rate=5e-3, seed=seed)
    result = turbo.fit(network, x, y)
    return truth.ravel(), result.posteriors[0].support_log_odds.ravel()


def area(pair: tuple[Any, Any]) -> float:
    """Return the area under the precision-recall curve."""
    return float(average_precision_score(*pair))


def draw(found: dict[tuple[str, str], list[Any]]) -> Figure:
    """Draw the curves of every seed, a panel a teacher."""
    with mpl.rc_context(plots.STYLE):
        figure = Figure(figsize=(10, 4.2), layout="constrained")
        for axes, teacher in zip(figure.subplots(1, 2), TEACHERS, strict=True):
            for name, (_, colour, line) in SUPPORTS.items():
                pairs = found[teacher, name]
                for k, pair in enumerate(pairs):
                    precision, recall, _ = precision_recall_curve(*pair)
                    label = f"{name}, mean area {np.mean([*map(area, pairs)]):.2f}"
                    label = label if k == 0 else None
                    axes.plot(recall, precision, color=colour, ls=line, lw=1.2, label=label)
            axes.set(xlabel="recall", ylabel="precision", title=f"a teacher of {teacher}")
            axes.set(xlim=(0, 1), ylim=(0, 1.02))
            axes.legend(loc="lower left")
    return figure


def main() -> None:
    """Run all seeds, print the areas, write the table and the curves."""
    found = {
        (teacher, name): [recover(teacher, support, seed) for seed in SEEDS]
        for teacher in TEACHERS
        for name, (support, _, _) in tqdm(SUPPORTS.items(), desc=teacher, disable=None)
    }
    rows = [
        {"teacher": teacher, "seed": seed, "prior": name, "pr_area": round(area(pair), 4)}
        for (teacher, name), pairs in found.items()
        for seed, pair in zip(SEEDS, pairs, strict=True)
    ]
    write_rows("recovery", rows, f"{ROWS} rows, {SIDE**2} inputs, {EPOCHS} epochs")
    for (teacher, name), pairs in found.items():
        areas = mean_and_range([*map(area, pairs)])
        print(f"{teacher:<8} {name:<12} area under the precision-recall curve {areas}")
    plots.save(draw(found), HERE / "recovery.png")


if __name__ == "__main__":
    main()

"""What the follow-up code's differences from the paper do, each alone, on digits.

The network of five_seeds.py with a narrower slab and chains of its own, five seeds, under both
forms of Module A. One thing is changed at a time:

* the complex Gamma update in place of the real one (mean field only);
* Module A multiplies the odds where it should divide them. Beside it, a control: independent
  weights whose field is the least that the chains can answer. If Module B never hears of a
  live weight, that answer is all that Module A gets, and the chains are not there;
* Module B hands over its whole belief;
* the last two at once, because each feeds the other;
* ln sigma2 never trained. What comes of it depends on where it starts: at -8, where our
  networks start, and at -6.

Columns that need a word:

elbo
    The bound that q(w) reaches with rho and S integrated out exactly under the chains. It is
    the same function for every row, whatever the two modules told each other.
lowered
    The share of epochs after which one more step of Module A would lower its own ELBO.
missed
    Nats that a step with the right update would gain from where the run ended. Both are for
    mean field only: the collapsed step has nothing to iterate.
diverged
    The first epoch with a log-odds above RUNAWAY, or in which a message overflowed.

Writes paper_vs_code.csv and paper_vs_code.png beside this file. About a quarter of an hour on one
core; runs that the table holds already, with the same settings, are not run again: delete it to
start anew.
"""

from __future__ import annotations

import csv
import dataclasses
import re
from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import matplotlib.lines
import numpy as np
from _common import HERE, write_rows
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from tqdm.auto import tqdm

from tvbi_ref import TurboResult, datasets, nets, plots
from tvbi_ref.compression import prune, sparsity, support_masks
from tvbi_ref.datasets import Dataset
from tvbi_ref.errors import DivergenceError
from tvbi_ref.lab.experiment import Budget
from tvbi_ref.module_a import FORMS, evidence_collapsed, second_moment
from tvbi_ref.module_a.objective import gaussian_entropy
from tvbi_ref.module_a.steps import Form
from tvbi_ref.module_b import ChainSupport, IndependentSupport
from tvbi_ref.module_b.bethe import chain_log_partition
from tvbi_ref.nets import Network, train
from tvbi_ref.prior import HierarchicalPrior

NAME = "paper_vs_code"
SEEDS = range(5)
PRIOR = HierarchicalPrior.spike_and_slab(ChainSupport(p01=0.005, p10=0.65), contrast=1e-3)
BUDGET = Budget()
SETTINGS = f"digits, 64-128-64-10, {BUDGET}, {PRIOR.support}"
RUNAWAY = 1e6
"""A weight's own evidence stays below 1.5 / contrast = 1500 here, whatever the data."""

P01, P10 = PRIOR.support.p01, PRIOR.support.p10
FLOOR = float(np.log(P01 / (1 - P01)) + np.log(P10 / (1 - P01)))
"""The least that a chain can answer, when both neighbours are certainly dead."""

CASES: dict[str, dict[str, Any]] = {
    "all right": {},
    "complex Gamma": {"module_a": "mean_field_complex"},
    "odds multiplied": {"exchange": "product_of_odds"},
    "control: no chains": {"support": IndependentSupport(FLOOR)},
    "whole belief": {"exchange": "full_belief"},
    "odds and belief": {"exchange": "product_and_belief"},
    "variance e^-8 fixed": {"train_variance": False, "start": -8.0},
    "variance e^-6 fixed": {"train_variance": False, "start": -6.0},
}
LOOK = {"collapsed": (plots.BLUE, "o", -0.17), "mean_field": (plots.RED, "^", 0.17)}
"""Colour, mark and height within the row."""

Row = dict[str, Any]


class Watch:
    """A callback that looks for messages that run away and steps that lower the ELBO."""

    def __init__(self) -> None:
        self.runaway: int | None = None
        self.lowered: list[bool] = []

    def __call__(self, epoch: int, row: Row, result: TurboResult) -> None:
        """Look at one epoch."""
        if self.runaway is None and max(np.abs(l).max() for l in result.evidence) > RUNAWAY:
            self.runaway = epoch
        if result.posteriors[0].gamma_shape is not None:
            own = FORMS.get(result.settings["module_a"], FORMS["mean_field"])  # plugs answer in it
            self.lowered.append(gain(result, row["contrast"], own) < -LEAST)


LEAST = 1e-4
"""Nats; less is rounding, in sums of some ten thousand terms."""


def gain(result: TurboResult, contrast: float, form: Form) -> float:
    """Return by how much a step of Module A in this form raises the ELBO; q(w) and pi stay."""
    prior = PRIOR.with_contrast(contrast)
    total = 0.0
    for k, weights in enumerate(result.network.weight_layers):
        mean, variance, q = weights.mean.value, weights.variance, result.posteriors[k]
        pi = result.prior_log_odds[k]
        step = form.step(second_moment(mean, variance), pi, prior.active, prior.inactive, q)
        total += form.terms(mean, variance, step, pi, prior.active, prior.inactive).total
        total -= form.terms(mean, variance, q, pi, prior.active, prior.inactive).total
    return total


def bound(network: Network, data: Dataset, seed: int, draws: int = 10) -> float:
    """Return E_q[ln p(D|w)] + H[q(w)] + ln sum_S p(S) prod Z_s(m), which depends on q(w) alone."""
    x, y = network.as_inputs(data.x_train), network.as_targets(data.y_train, len(data.x_train))
    rng = np.random.default_rng(seed)
    losses = [network.loss.value(network.forward(x, rng), y) for _ in range(draws)]
    total = -len(x) * float(np.mean(losses))
    for weights in network.weight_layers:
        m = second_moment(weights.mean.value, weights.variance)
        total += float(gaussian_entropy(weights.variance).sum())
        total += float(PRIOR.inactive.log_weight_evidence(m).sum())
        l = evidence_collapsed(m, PRIOR.active, PRIOR.inactive)
        total += chain_log_partition(PRIOR.support, l)
    return total


def one(case: str, form: str, seed: int) -> Row:
    """Run one case and measure it."""
    options = {"module_a": form} | CASES[case]
    prior = dataclasses.replace(PRIOR, support=options.pop("support", PRIOR.support))
    data = datasets.load_digits(seed=seed)
    network = nets.mlp([64, 128, 64, 10], seed=seed)
    if (start := options.pop("start", None)) is not None:
        for weights in network.weight_layers:
            weights.log_variance.value[...] = start
    row, watch = {"case": case, "module_a": form, "seed": seed}, Watch()
    turbo = Budget(options=options).turbo(prior, seed)
    try:
        result = turbo.fit(network, data.x_train, data.y_train, callbacks=[watch])
    except DivergenceError as error:
        return row | dict.fromkeys(MEASURED, "") | {"diverged": error.epoch}
    seen = {"lowered": "", "missed": "", "diverged": watch.runaway}
    if watch.lowered:
        seen["lowered"] = round(float(np.mean(watch.lowered)), 3)
        seen["missed"] = round(gain(result, PRIOR.contrast, FORMS["mean_field"]), 1)
    return row | measure(result, data, seed) | seen


MEASURED = ("pruned", "tuned", "kept", "density", "compression", "mean_run", "kilobits", "elbo")
MEASURED += ("epochs", "lowered", "missed", "diverged")


def measure(result: TurboResult, data: Dataset, seed: int) -> Row:
    """Prune, fine-tune as `experiment.run` does, and return accuracy, size and bound."""
    elbo = bound(result.network, data, seed)
    small, size = prune(result), sparsity(support_masks(result))
    pruned = small.score(data.x_test, data.y_test)
    train(
        small,
        data.x_train,
        data.y_train,
        epochs=BUDGET.fine_tune_epochs,
        seed=seed,
        batch_size=BUDGET.batch_size,
        learning_rate=BUDGET.learning_rate / 2,
    )
    return {
        "pruned": round(pruned, 4),
        "tuned": round(small.score(data.x_test, data.y_test), 4),
        "kept": size.kept,
        "density": round(size.kept / size.total, 5),
        "compression": round(size.compression, 2),
        "mean_run": round(size.mean_run, 3),
        "kilobits": round(size.kilobits, 3),
        "elbo": round(elbo, 1),
        "epochs": len(result.trace),
    }


def known_rows() -> list[Row]:
    """Return the rows of an earlier run with the same settings; of any other, none."""
    path = HERE / f"{NAME}.csv"
    lines = path.read_text().splitlines() if path.exists() else [""]
    if lines[0] != f"# {SETTINGS}":
        return []
    return list(csv.DictReader(line for line in lines if not line.startswith("#")))


def all_rows() -> list[Row]:
    """Return a row for every case, form and seed; the table is written after each new one."""
    known = {(r["case"], r["module_a"], int(r["seed"])): r for r in known_rows()}
    wanted = [(c, f, s) for s in SEEDS for c in CASES for f in LOOK if fits(c, f)]
    for key in tqdm(wanted, disable=None):
        if key not in known:
            known[key] = one(*key)
            write_rows(NAME, [known[k] for k in wanted if k in known], SETTINGS)
    return [known[key] for key in wanted]


def fits(case: str, form: str) -> bool:
    """Whether the case exists in this form: the complex update is one of mean field."""
    return "module_a" not in CASES[case] or form == "mean_field"


PANELS = {
    "tuned": ("test accuracy", (0.935, 0.985), "linear"),
    "percent": ("weights kept, %", (0.7, 130), "log"),
    "mean_run": ("mean run", (0.9, 3.3), "linear"),
}
"""Title, limits and scale; what lies outside the limits is drawn at the edge with its value."""


def draw(rows: Sequence[Row]) -> Figure:
    """Draw a line of marks a case, a mark a seed: accuracy, size and regularity."""
    with mpl.rc_context(plots.STYLE | {"font.size": 14, "axes.titlesize": 15}):
        figure = Figure(figsize=(9, 7.2), layout="constrained")
        panels = figure.subplots(1, 3, sharey=True)
        for axes, (column, (title, limits, scale)) in zip(panels, PANELS.items(), strict=True):
            axes.set_xscale(scale)
            axes.set(title=title, xlim=limits, ylim=(len(CASES) - 0.5, -0.5))
            for k in range(0, len(CASES), 2):
                axes.axhspan(k - 0.5, k + 0.5, color="0.94", zorder=0)
            axes.grid(False, axis="y")
            for form in LOOK:
                draw_form(axes, rows, column, form)
        panels[0].set_yticks(range(len(CASES)), [case_label(case, rows) for case in CASES])
        panels[0].set_xticks([0.94, 0.96, 0.98])
        panels[1].set_xticks([1, 3, 10, 30, 100], ["1", "3", "10", "30", "100"])
        panels[1].minorticks_off()
        panels[2].set_xticks([1, 2, 3])
        handles = [
            mpl.lines.Line2D(
                [], [], color=c, marker=m, ls="none", markersize=9, label=form_label(form)
            )
            for form, (c, m, _) in LOOK.items()
        ]
        figure.legend(handles=handles, loc="outside lower center", ncols=2)
    return figure


def case_label(case: str, rows: Sequence[Row]) -> str:
    """Return a case's name for the reader, with the epoch of a divergence."""
    epochs = [value(row, "diverged") for row in rows if row["case"] == case]
    name = re.sub(r"e\^(-\d)", r"$e^{\1}$", case)
    if not np.isfinite(epochs).any():
        return name
    return f"{name}\ndiverged, epoch {np.nanmin(epochs):.0f}"


def form_label(form: str) -> str:
    """Return a form's name for the reader."""
    return {"collapsed": "collapsed Module A", "mean_field": "mean field, the paper's"}[form]


def draw_form(axes: Axes, rows: Sequence[Row], column: str, form: str) -> None:
    """Draw the marks of one form in one panel."""
    colour, mark, shift = LOOK[form]
    low, high = axes.get_xlim()
    for k, case in enumerate(CASES):
        mine = [r for r in rows if r["case"] == case and r["module_a"] == form]
        values = np.array([value(r, column) for r in mine])
        inside = (values >= low) & (values <= high)
        heights = k + shift + np.linspace(-0.08, 0.08, len(mine))  # seeds that agree stay apart
        axes.plot(
            values[inside],
            heights[inside],
            color=colour,
            marker=mark,
            ls="none",
            markersize=7,
            alpha=0.6,
        )
        at = {"y": k + shift, "color": colour, "transform": axes.get_yaxis_transform()}
        at |= {"va": "center", "fontsize": 12}
        if (values < low).any():
            axes.text(0.0, s=f"◀ {spread(values[values < low])}", ha="left", **at)
        if (values > high).any():
            axes.text(1.0, s=f"{spread(values[values > high])} ▶", ha="right", **at)


def value(row: Row, column: str) -> float:
    """Return a number of a row; a run that gave none counts as not there."""
    if column == "percent":
        return 100 * value(row, "density")
    return float("nan") if row[column] in ("", None) else float(row[column])


def spread(values: Any) -> str:
    """Return one number, or the lowest and the highest."""
    low, high = f"{min(values):.3g}", f"{max(values):.3g}"
    return low if low == high else f"{low} to {high}"


def main() -> None:
    """Run what is not known yet, print a summary, draw the picture."""
    rows = all_rows()
    columns = ("tuned", "compression", "mean_run", "kilobits", "elbo")
    columns += ("lowered", "missed", "diverged")
    print(f"{'':32}" + "".join(f"{column:>24}" for column in columns))
    for form in LOOK:
        for case in CASES:
            mine = [r for r in rows if r["case"] == case and r["module_a"] == form]
            cells = [summary([value(r, column) for r in mine]) for column in columns]
            if mine:
                print(f"{form:12}{case:20}" + "".join(f"{cell:>24}" for cell in cells))
    plots.save(draw(rows), HERE / f"{NAME}.png")


def summary(values: Sequence[float]) -> str:
    """Return "mean (lowest to highest)" of the numbers that there are."""
    there = [v for v in values if np.isfinite(v)]
    if not there:
        return "-"
    return f"{np.mean(there):.4g} ({min(there):.4g} to {max(there):.4g})"


if __name__ == "__main__":
    main()

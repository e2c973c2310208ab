"""Are couplings and fields found again? Learning from sampled supports seen through noise.

Supports are sampled from known chains and grids, seen as y ~ N(a x, 1) with x = 2s - 1, and
turned into evidence l = 2 a y. Learning starts from a wrong prior. Writes
learned_couplings.csv and learned_couplings.png beside this file. About a minute.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import matplotlib as mpl
import numpy as np
from _common import HERE, write_rows
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from tqdm.auto import tqdm

from tvbi_ref import ChainSupport, GridSupport, plots
from tvbi_ref.module_b import SupportPrior
from tvbi_ref.module_b.bethe import chain_log_partition
from tvbi_ref.module_b.em import em_chain, em_ising

SHAPE = (200, 100)
SEEDS = range(3)
STRENGTH = 1.5
CHAINS = ((0.02, 0.1), (0.05, 0.4), (0.1, 0.2), (0.2, 0.6), (0.35, 0.35))
GRIDS = ((-0.4, 0.05, 0.3), (0.0, 0.2, 0.2), (-0.8, 0.1, 0.1), (-0.2, 0.02, 0.6), (-0.6, -0.1, 0.3))
LOOK = ((plots.BLUE, "o"), (plots.ORANGE, "s"), (plots.GREEN, "^"))


def evidence(support: SupportPrior, seed: int) -> np.ndarray:
    """Return the evidence of a sampled support seen through noise."""
    rng = np.random.default_rng(seed)
    x = 2 * support.sample(SHAPE, rng) - 1
    return 2 * STRENGTH * (STRENGTH * x + rng.normal(size=SHAPE))


def learn_chain(l: np.ndarray) -> tuple[float, float]:
    """Return (p01, p10) after 60 Baum-Welch steps from (1/2, 1/2)."""
    chain = ChainSupport(0.5, 0.5)
    for _ in range(60):
        chain = em_chain(chain, l)
    return chain.p01, chain.p10


def learn_grid(l: np.ndarray) -> tuple[float, float, float]:
    """Return (field, coupling_row, coupling_col) after 25 steps from zero."""
    grid = em_ising(GridSupport(0.0, 0.0, 0.0), l, steps=25)
    return float(grid.field), grid.coupling_row, grid.coupling_col


def recover(
    kind: Callable[..., SupportPrior], truths: Any, names: Any, learner: Any
) -> list[dict[str, Any]]:
    """Return one row for each parameter of each truth and seed."""
    return [
        {"support": kind.__name__, "seed": seed, "parameter": name, "true": true, "learned": found}
        for truth in tqdm(truths, desc=kind.__name__, disable=None)
        for seed in SEEDS
        for name, true, found in zip(
            names, truth, np.round(learner(evidence(kind(*truth), seed)), 4), strict=True
        )
    ]


def draw(axes: Axes, rows: list[dict[str, Any]], title: str) -> None:
    """Draw learned against true, a mark for each parameter."""
    values = [row["true"] for row in rows]
    ends = min(values) - 0.05, max(values) + 0.05
    axes.plot(ends, ends, color="0.6", lw=1)
    names = list(dict.fromkeys(row["parameter"] for row in rows))
    for name, (colour, mark) in zip(names, LOOK, strict=False):
        mine = [row for row in rows if row["parameter"] == name]
        true, found = ([row[key] for row in mine] for key in ("true", "learned"))
        axes.plot(true, found, mark, color=colour, alpha=0.7, label=name)
    axes.set(title=title, xlabel="true", ylabel="learned")
    axes.legend()


def learning_curve(axes: Axes) -> None:
    """Draw the exact log-likelihood of a chain over Baum-Welch steps: it never falls."""
    l = evidence(ChainSupport(0.05, 0.4), seed=0)
    for start, (colour, _) in zip(((0.5, 0.5), (0.9, 0.1), (0.01, 0.01)), LOOK, strict=True):
        chain, values = ChainSupport(*start), []
        for _ in range(16):
            values.append(chain_log_partition(chain, l) / l.size)
            chain = em_chain(chain, l)
        axes.plot(values, color=colour, marker=".", label=f"from p01, p10 = {start}")
    axes.set(title="Baum-Welch: nats a weight", xlabel="step", ylabel="log-likelihood")
    axes.legend(fontsize=8)


def main() -> None:
    """Learn all truths, print the largest errors, write the table, draw it."""
    chains = recover(ChainSupport, CHAINS, ("p01", "p10"), learn_chain)
    grids = recover(GridSupport, GRIDS, ("field", "coupling_row", "coupling_col"), learn_grid)
    write_rows("learned_couplings", chains + grids, f"layer {SHAPE}, noise 1, signal {STRENGTH}")
    for rows in (chains, grids):
        for name in dict.fromkeys(row["parameter"] for row in rows):
            errors = [abs(r["true"] - r["learned"]) for r in rows if r["parameter"] == name]
            print(f"{name:<14} mean error {np.mean(errors):.3f}, largest {max(errors):.3f}")
    with mpl.rc_context(plots.STYLE):
        figure = Figure(figsize=(12, 4), layout="constrained")
        left, middle, right = figure.subplots(1, 3)
        draw(left, chains, "Markov chains, EM")
        draw(middle, grids, "grids, gradient of the Bethe likelihood")
        learning_curve(right)
    plots.save(figure, HERE / "learned_couplings.png")


if __name__ == "__main__":
    main()

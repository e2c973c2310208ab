"""Why couplings have a limit: the phase transition of the grid.

Implied density of a 40 x 40 layer against field and coupling (equal in both directions), by
sum-product started from "all off" and from "all on", and by Gibbs sampling. Below the
uniqueness bound both starts agree; above it they part, and the layer is all or nothing.

Writes phase_transition.csv and phase_transition.png beside this file. About half a minute.
"""

from __future__ import annotations

import warnings

import matplotlib as mpl
import numpy as np
from _common import HERE, write_rows
from matplotlib.figure import Figure

from tvbi_ref import GridSupport, UniquenessWarning, plots

SHAPE = (40, 40)
COUPLINGS = np.linspace(0.0, 0.7, 15)
FIELDS = np.linspace(-0.6, 0.6, 13)
BOUND = float(np.arctanh(1 / 3))
"""Three tanh J = 1."""
CRITICAL = float(np.log(1 + np.sqrt(2)) / 2)
"""Where the infinite lattice orders (Onsager, 1944)."""


def density(grid: GridSupport, start: float) -> float:
    """Return the mean belief after sum-product from messages that all say `start` log-odds."""
    t = np.exp(2 * grid.coupling_row)
    messages = np.full((4, *SHAPE), np.clip(np.exp(start), 1 / t, t))
    messages[0, 0] = messages[1, -1] = messages[2, :, 0] = messages[3, :, -1] = 1.0
    return float(grid.extrinsic(np.zeros(SHAPE), messages, sweeps=1000, tol=1e-9).belief.mean())


def gibbs(grid: GridSupport, seed: int) -> float:
    """Return the density of one Gibbs sample."""
    return float(grid.sample(SHAPE, np.random.default_rng(seed)).mean())


def one(J: float, h: float) -> dict[str, float]:
    """Return the implied densities at one coupling and field."""
    grid = GridSupport(h, J, J)
    return {
        "coupling": round(float(J), 4),
        "field": round(float(h), 4),
        "uniqueness": round(grid.uniqueness, 4),
        "from_off": round(density(grid, -50.0), 4),
        "from_on": round(density(grid, 50.0), 4),
        "gibbs": round(gibbs(grid, seed=0), 4),
    }


def main() -> None:
    """Compute the three maps, write the table, draw maps and a cut at field 0."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UniquenessWarning)  # it is what the figure is about
        rows = [one(J, h) for J in COUPLINGS for h in FIELDS]
    write_rows("phase_transition", rows, f"grid {SHAPE}, equal couplings, no evidence")
    with mpl.rc_context(plots.STYLE | {"axes.grid": False}):
        figure = Figure(figsize=(12, 3.8), layout="constrained")
        panels = figure.subplots(1, 4, width_ratios=(1, 1, 1, 1.25))
        titles = {
            "from_off": "sum-product, started off",
            "from_on": "sum-product, started on",
            "gibbs": "one Gibbs sample",
        }
        for axes, (column, title) in zip(panels[:3], titles.items(), strict=True):
            values = np.reshape([row[column] for row in rows], (len(COUPLINGS), len(FIELDS)))
            image = axes.pcolormesh(FIELDS, COUPLINGS, values, cmap="cividis", vmin=0, vmax=1)
            axes.axhline(BOUND, color="white", ls="--")
            axes.set(title=title, xlabel="field h")
        panels[0].set_ylabel("coupling J = J_row = J_col")
        panels[0].text(-0.58, BOUND + 0.01, "uniqueness bound", color="white")
        figure.colorbar(image, ax=panels[:3], label="density")
        draw_cut(panels[3], rows)
    plots.save(figure, HERE / "phase_transition.png")


def draw_cut(axes: mpl.axes.Axes, rows: list[dict[str, float]]) -> None:
    """Draw the densities at field 0 against the coupling."""
    cut = [row for row in rows if row["field"] == 0]
    J = [row["coupling"] for row in cut]
    axes.plot(J, [row["from_on"] for row in cut], color=plots.ORANGE, label="started on")
    axes.plot(J, [row["from_off"] for row in cut], color=plots.BLUE, ls="--", label="started off")
    axes.plot(J, [row["gibbs"] for row in cut], "k.", label="Gibbs sample")
    axes.axvline(BOUND, color="0.5", ls="--", lw=1)
    axes.axvline(CRITICAL, color="0.5", ls=":", lw=1)
    axes.text(BOUND, 1.03, "bound", ha="right", fontsize=8)
    axes.text(CRITICAL, 1.03, "Onsager", ha="left", fontsize=8)
    axes.set(xlabel="coupling J", ylabel="density", ylim=(-0.02, 1.1), title="cut at field 0")
    axes.legend(loc="upper left", bbox_to_anchor=(0.0, 0.92), fontsize=8)


if __name__ == "__main__":
    main()

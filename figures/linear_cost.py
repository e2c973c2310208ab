"""What Module B costs for a weight, from ten thousand weights to ten million.

Times each support prior's messages on layers of growing size, the grid's in both forms; each point
is the median of several calls after one that is not counted. Writes linear_cost.csv and
linear_cost.png beside this file. About a minute. Times are this machine's; the flat lines are the
point.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import matplotlib as mpl
import numpy as np
from _common import HERE, write_rows
from matplotlib.figure import Figure

from tvbi_ref import plots
from tvbi_ref.module_b import ChainSupport, NeuronSupport
from tvbi_ref.module_b.grid import grid_messages

sys.path.append(str(HERE.parent / "benchmarks"))
from _timing import median_seconds

SHAPES = ((100, 100), (250, 160), (784, 300), (1000, 1000), (2500, 1600), (4000, 2500))
SWEEPS = 4
LOOK = {
    "grid, one sweep": (plots.GREEN, "-", "^"),
    "grid, one sweep, readable": (plots.GREEN, ":", "v"),
    "chains, exact pass": (plots.ORANGE, "--", "s"),
    "neuron groups, exact pass": (plots.PURPLE, "-.", "D"),
    "copying one number": ("0.4", "-", "."),
}


def costs(shape: tuple[int, int]) -> dict[str, float]:
    """Return nanoseconds a weight of each method on a layer of `shape`."""
    l = np.random.default_rng(0).normal(-1.0, 3.0, shape)
    own, silent = l - 4.0, np.ones((4, *shape))

    def sweep(messages: Callable[..., Any]) -> float:
        return median_seconds(lambda: messages(own, silent, 0.1, 0.5, SWEEPS, 0.0, 0.0)) / SWEEPS

    copy = np.empty_like(l)
    times = {
        "grid, one sweep": sweep(grid_messages.fast),
        "chains, exact pass": median_seconds(lambda: ChainSupport(0.05, 0.4).extrinsic(l)),
        "neuron groups, exact pass": median_seconds(
            lambda: NeuronSupport(0.3, 0.4, 0.02).extrinsic(l)
        ),
        "copying one number": median_seconds(lambda: np.copyto(copy, l)),
    }
    if l.size <= 1e6:  # beyond, it only waits for memory
        times["grid, one sweep, readable"] = sweep(grid_messages.readable)
    return {name: value / l.size * 1e9 for name, value in times.items()}


def main() -> None:
    """Time all sizes, write the table, print it, draw it."""
    rows = [
        {"weights": shape[0] * shape[1], "method": name, "ns_per_weight": round(cost, 3)}
        for shape in SHAPES
        for name, cost in costs(shape).items()
    ]
    write_rows("linear_cost", rows, f"medians of 7, {SWEEPS} sweeps at once, float64, one thread")
    with mpl.rc_context(plots.STYLE):
        figure = Figure(figsize=(6.5, 4.2), layout="constrained")
        axes = figure.subplots()
        for name, (colour, line, mark) in LOOK.items():
            mine = [row for row in rows if row["method"] == name]
            cost = [row["ns_per_weight"] for row in mine]
            print(f"{name:<28}" + "".join(f"{c:>9.2f}" for c in cost))
            size = [row["weights"] for row in mine]
            axes.loglog(size, cost, color=colour, ls=line, marker=mark, label=name)
        axes.set(xlabel="weights in the layer", ylabel="nanoseconds a weight", ylim=(0.1, None))
        axes.set_title("Module B costs the same for a weight at any size")
        figure.legend(fontsize=8, loc="outside lower center", ncols=3)
    plots.save(figure, HERE / "linear_cost.png")


if __name__ == "__main__":
    main()

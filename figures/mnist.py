"""What pruning leaves of the LeNets on MNIST: the masks, the kernels, and the table of lesson 14.

Writes mnist_supports.png, mnist_kernels.png and mnist.csv beside this file, from the networks and
rows of figures/runs.py. A few seconds.
"""

from __future__ import annotations

from typing import Any

import matplotlib as mpl
import numpy as np
from _common import HERE, write_rows
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from runs import RUNS, by_label, shuffled

from tvbi_ref import load_compressed, plots
from tvbi_ref.compression import mean_run

GROUPS = ("mnist", "lenet5")
"""Of runs."""
PRIORS = ("independent", "grid")
COLUMNS = {
    "error": "error",
    "times": "compression",
    "mean_run": "mean_run",
    "index_bits": "index_bits",
    "shuffled": "shuffled_index_bits",
    "seconds": "seconds",
}
MIDDLE, LIVE = slice(9 * 28, 19 * 28), 60
"""Pixels and live neurons whose weights are drawn one by one."""


def matrices(group: str, prior: str) -> list[Any]:
    """Return the weights of a small network; those of dead inputs as zeros."""
    network = load_compressed(RUNS / f"{group}-{prior}-recipe-0.npz")
    found = [layer.weights.to_dense() for layer in network.weight_layers]
    if group == "mnist":
        whole = np.zeros((network.kept_inputs.size, found[0].shape[1]))
        whole[network.kept_inputs] = found[0]
        found[0] = whole
    return found


def draw_supports(masks: dict[str, Any]) -> Figure:
    """Draw a part of the first layer's masks as they are read, and how often a pixel is used."""
    with mpl.rc_context(plots.STYLE | {"axes.grid": False}):
        figure = Figure(figsize=(11, 8), layout="constrained")
        above, below = figure.subplots(2, len(masks), height_ratios=[2, 1])
        for axes, pixels, (name, mask) in zip(above, below, masks.items(), strict=True):
            shown = mask[MIDDLE][:, :LIVE]
            axes.imshow(shown, cmap="Greys", aspect="auto", interpolation="nearest")
            axes.set(title=f"{name}: {mask.sum()} kept, mean run {mean_run([mask]):.2f}")
            axes.set(xlabel=f"the first {LIVE} live neurons", ylabel="pixels, ten rows", yticks=[])
            counts = mask.sum(axis=1).reshape(28, 28)
            image = pixels.imshow(counts, cmap="viridis", interpolation="nearest")
            pixels.set(xticks=[], yticks=[], xlabel="weights kept at each pixel")
            figure.colorbar(image, ax=pixels)
    return figure


def draw_kernels(before: list[Any], after: list[Any]) -> Figure:
    """Draw the kernels of the two convolutions, dense and pruned, as Module B sees them."""
    with mpl.rc_context(plots.STYLE | {"axes.grid": False}):
        figure = Figure(figsize=(11, 9), layout="constrained")
        grid = figure.subplots(4, 1, height_ratios=[1, 1, 4, 4])
        titles = ("dense", "pruned")
        for k in range(2):
            for row, (title, matrices) in enumerate(zip(titles, (before, after), strict=True)):
                axes, matrix = grid[2 * k + row], matrices[k]
                limit = np.abs(matrix).max()
                axes.imshow(matrix, cmap="RdBu_r", vmin=-limit, vmax=limit, interpolation="nearest")
                axes.set_title(f"convolution {k + 1}, {title}: {np.count_nonzero(matrix)} weights")
                rule(axes, matrix.shape)
    return figure


def rule(axes: Axes, shape: tuple[int, int]) -> None:
    """Draw the borders between kernels of 5 x 5."""
    style = {"color": "0.75", "lw": 0.5}
    for edge in range(5, shape[0], 5):
        axes.axhline(edge - 0.5, **style)
    for edge in range(5, shape[1], 5):
        axes.axvline(edge - 0.5, **style)
    axes.set(xticks=[], yticks=[], xlabel="filters", ylabel="channels")


def table() -> list[dict[str, Any]]:
    """Return the rows of the recipes, with the names that lesson 14 reads."""
    return [
        {
            "net": row["net"],
            "method": label.partition("-")[0].replace("_", " "),
            "seed": row["seed"],
        }
        | {name: row.get(column, "") for column, name in COLUMNS.items()}
        for group in GROUPS
        for label, rows in by_label(group).items()
        if label.endswith(("-recipe", "-all"))
        for row in rows
    ]


def main() -> None:
    """Write the table and the pictures."""
    write_rows(
        "mnist", table(), "MNIST, 60,000 training pictures; errors in % of the 10,000 others"
    )
    first = {prior: matrices("mnist", prior)[0] != 0 for prior in PRIORS}
    first["grid, shuffled"] = shuffled(first["grid"])
    plots.save(draw_supports(first), HERE / "mnist_supports.png")
    with np.load(RUNS / "lenet5-dense-all-0.npz") as file:
        before = [file[name] for name in file.files]
    plots.save(draw_kernels(before, matrices("lenet5", "grid")), HERE / "mnist_kernels.png")


if __name__ == "__main__":
    main()

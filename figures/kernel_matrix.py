"""What is a neighbour of what when a convolution's weights are laid out as a matrix."""

from __future__ import annotations

import numpy as np
from _common import HERE
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from tvbi_ref import plots
from tvbi_ref.nets.kernel_matrix import edges_within_kernels, to_matrix

SHAPE = (2, 2, 3, 3)  # two filters over two channels, kernels of 3 x 3
COLOURS = {(0, 0): "#9ecae9", (0, 1): "#3182bd", (1, 0): "#fdd0a2", (1, 1): "#e6850d"}
TEXT = {(0, 0): "black", (0, 1): "white", (1, 0): "black", (1, 1): "black"}
TITLES = {
    "blocks": '"blocks": rows are (channel, row),\ncolumns (filter, column)',
    "filters": '"filters": a column is\none filter',
}


def main() -> None:
    """Draw the kernels and both layouts."""
    with plt.rc_context({"font.size": 13}):
        figure, axes = plt.subplots(
            1, 2, figsize=(8.4, 10.2), width_ratios=[6, 2.6], layout="constrained"
        )
        for ax, layout in zip(axes, TITLES, strict=True):
            draw(ax, layout)
        figure.legend(handles=_legend(), loc="outside lower center", ncols=1, frameon=False)
        plots.save(figure, HERE / "kernel_matrix.png")


def draw(ax: Axes, layout: str) -> None:
    """Draw the matrix: cells by kernel, numbers by place in the kernel, couplings as lines."""
    owners = to_matrix(np.arange(np.prod(SHAPE)).reshape(SHAPE), layout)
    for (i, j), n in np.ndenumerate(owners):
        f, c, u, v = np.unravel_index(n, SHAPE)
        kernel = (int(f), int(c))
        ax.add_patch(plt.Rectangle((j - 0.36, i - 0.36), 0.72, 0.72, color=COLOURS[kernel]))
        ax.text(j, i, f"{u},{v}", ha="center", va="center", color=TEXT[kernel], fontsize=12)
    _couplings(ax, layout, owners.shape)
    ax.set_xlim(-0.6, owners.shape[1] - 0.4)
    ax.set_ylim(owners.shape[0] - 0.4, -0.6)
    ax.set_aspect("equal")
    ax.set_title(TITLES[layout], fontsize=13)
    ax.axis("off")


def _couplings(ax: Axes, layout: str, shape: tuple[int, ...]) -> None:
    inside = {frozenset(map(int, edge)) for edge in edges_within_kernels(SHAPE, layout)}
    place = np.arange(np.prod(shape)).reshape(shape)
    for i, j in np.ndindex(shape):
        for di, dj in ((1, 0), (0, 1)):
            if i + di < shape[0] and j + dj < shape[1]:
                edge = frozenset((int(place[i, j]), int(place[i + di, j + dj])))
                style = "solid" if edge in inside else (0, (1, 1))
                x, y = [j + 0.36 * dj, j + 0.64 * dj], [i + 0.36 * di, i + 0.64 * di]
                ax.plot(x, y, color="black", linewidth=3 if edge in inside else 2, linestyle=style)


def _legend() -> list[Line2D]:
    names = [f"filter {f}, channel {c}" for f, c in COLOURS]
    squares = [
        Line2D([], [], marker="s", markersize=13, linestyle="", color=colour, label=name)
        for colour, name in zip(COLOURS.values(), names, strict=True)
    ]
    lines = [
        Line2D([], [], color="black", linewidth=3, label="neighbours in the image, too"),
        Line2D(
            [], [], color="black", linewidth=2, linestyle=(0, (1, 1)), label="in the matrix only"
        ),
    ]
    return [*squares, *lines]


if __name__ == "__main__":
    main()

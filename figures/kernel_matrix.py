"""What is a neighbour of what when a convolution's weights are laid out as a matrix.

Three filters over two channels, kernels of 3 x 3: the kernels by themselves with the couplings
of `edges_within_kernels`, and the two layouts with those of a grid.

Writes kernel_matrix.png beside this file.
"""

from __future__ import annotations

from collections.abc import Iterator

import matplotlib as mpl
import numpy as np
from _common import HERE
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from tvbi_ref import plots
from tvbi_ref.nets.kernel_matrix import block_borders, edges_within_kernels, to_matrix

SHAPE = (3, 2, 3, 3)
FILTERS, CHANNELS, HEIGHT, WIDTH = SHAPE
COLOURS = (("#BBD9EC", "#7FB5DA"), ("#FBE3AE", "#F0BC4E"), ("#B5E2D2", "#6CC3A5"))
"""By filter and channel: blue, orange and green, pale and strong."""
J_COL, J_ROW = plots.BLUE, plots.RED
IN_THE_IMAGE, SAME_KERNEL, OTHER_KERNEL = "-", (0, (0.5, 1.17)), (0, (1.6, 1.2))
GAP = 0.5
"""Between the kernels where they stand apart, in cells."""
REACH = 0.24
"""How near to the middle of a cell a coupling comes, for the number to stay free."""

Point = tuple[float, float]
Weight = tuple[int, ...]


def weight_at(layout: str) -> dict[tuple[int, ...], Weight]:
    """Return which weight (f, c, u, v) stands at each place (i, j) of the matrix."""
    numbers = to_matrix(np.arange(np.prod(SHAPE)).reshape(SHAPE), layout)
    return {
        place: tuple(int(k) for k in np.unravel_index(n, SHAPE))
        for place, n in np.ndenumerate(numbers)
    }


def draw_cells(axes: Axes, weights: dict[Weight, Point]) -> None:
    """Draw each weight where it stands, with its number in its kernel."""
    for (f, c, u, v), (x, y) in weights.items():
        axes.add_patch(
            Rectangle((x - 0.5, y - 0.5), 1, 1, facecolor=COLOURS[f][c], edgecolor="white", lw=1)
        )
        number = u * WIDTH + v + 1
        axes.text(x, y, str(number), ha="center", va="center_baseline", fontsize=13, zorder=3)


def draw_couplings(axes: Axes, weights: dict[Weight, Point], pairs: list[list[Weight]]) -> None:
    """Draw a line between the weights of each pair: colour by direction, style by kind."""
    for a, b in pairs:
        (x, y), (x2, y2) = weights[a], weights[b]
        vertical = x == x2
        steps = np.abs(np.subtract(a, b))
        style = IN_THE_IMAGE if steps.sum() == 1 and steps[2:].any() else SAME_KERNEL
        style = OTHER_KERNEL if steps[:2].any() else style
        dx, dy = (0.0, REACH) if vertical else (REACH, 0.0)
        colour = J_COL if vertical else J_ROW
        axes.plot((x + dx, x2 - dx), (y + dy, y2 - dy), color=colour, ls=style, lw=2.6, zorder=2)


def pairs_in(places: dict[tuple[int, ...], Weight]) -> Iterator[list[Weight]]:
    """Yield the two weights of every coupling of a grid over the matrix."""
    for i, j in places:
        for neighbour in ((i + 1, j), (i, j + 1)):
            if neighbour in places:
                yield [places[i, j], places[neighbour]]


def draw_layout(axes: Axes, layout: str) -> None:
    """Draw a matrix with a grid's couplings and the borders of the kernels."""
    places = weight_at(layout)
    weights = {weight: (float(j), float(i)) for (i, j), weight in places.items()}
    draw_cells(axes, weights)
    draw_couplings(axes, weights, list(pairs_in(places)))
    n_rows, n_columns = (1 + max(place[k] for place in places) for k in (0, 1))
    rows, columns = block_borders(SHAPE, layout)
    axes.hlines(rows - 0.5, -0.5, n_columns - 0.5, color="0.25", lw=1.4, zorder=1.5)
    axes.vlines(columns - 0.5, -0.5, n_rows - 0.5, color="0.25", lw=1.4, zorder=1.5)
    axes.add_patch(Rectangle((-0.5, -0.5), n_columns, n_rows, fill=False, ec="0.25", lw=1.4))
    width, height = n_columns / FILTERS, n_rows / CHANNELS
    name_kernels(axes, width, height, 0, short=layout == "filters")


def draw_kernels(axes: Axes) -> None:
    """Draw the kernels apart from each other, coupled inside only."""
    weights = {
        (f, c, u, v): (f * (WIDTH + GAP) + v, c * (HEIGHT + GAP) + u)
        for f, c, u, v in np.ndindex(SHAPE)
    }
    draw_cells(axes, weights)
    in_order = list(weight_at("blocks").values())  # row by row, as the edges count them
    inside = [[in_order[n] for n in edge] for edge in edges_within_kernels(SHAPE)]
    draw_couplings(axes, weights, inside)
    name_kernels(axes, WIDTH, HEIGHT, GAP)


def name_kernels(axes: Axes, width: float, height: float, gap: float, short: bool = False) -> None:
    """Write the filters above and the channels at the left."""
    for f in range(FILTERS):
        middle = f * (width + gap) + (width - 1) / 2
        name = f"f{f + 1}" if short else f"filter {f + 1}"
        axes.text(middle, -0.68, name, ha="center", va="bottom", fontsize=12)
    for c in range(CHANNELS):
        middle = c * (height + gap) + (height - 1) / 2
        name = f"channel {c + 1}"
        axes.text(-0.75, middle, name, ha="right", va="center", rotation=90, fontsize=12)


def legend() -> list[Line2D]:
    """Return what the colours and the styles of the lines mean."""
    lines = (
        (J_COL, "-", "J_col, down a column"),
        (J_ROW, "-", "J_row, along a row"),
        ("0.3", IN_THE_IMAGE, "neighbours in the image, too"),
        ("0.3", OTHER_KERNEL, "into another kernel"),
        ("0.3", SAME_KERNEL, "same kernel, but a jump (3 to 4, 6 to 7)"),
    )
    return [Line2D([], [], color=colour, ls=ls, lw=2.6, label=text) for colour, ls, text in lines]


SIZE = (8.0, 10.3)
CELL, LEFT, RIGHT, TOP, MIDDLE = 0.5, 0.6, 6.35, 9.6, 5.4
PANELS = {
    "kernels": (LEFT, TOP, FILTERS * (WIDTH + GAP) - GAP, CHANNELS * (HEIGHT + GAP) - GAP),
    "blocks": (LEFT, MIDDLE, FILTERS * WIDTH, CHANNELS * HEIGHT),
    "filters": (RIGHT, TOP, FILTERS, CHANNELS * HEIGHT * WIDTH),
}
"""The left upper corner, in inches, and the width and the height, in cells."""
TITLES = {
    "kernels": "The kernels: edges_within_kernels",
    "blocks": 'A grid over "blocks"',
    "filters": 'A grid, "filters"',
}
CAPTION = (
    '"blocks": across a border the place jumps, 3 to 1, 7 to 1.\n'
    '"filters": along a row the place stays, 1 to 1; above and\n'
    "below each other in the image, 1 and 4, are not coupled."
)


def main() -> None:
    """Draw the three panels."""
    with mpl.rc_context(plots.STYLE | {"axes.grid": False}):
        figure = Figure(figsize=SIZE)
        for name, (x, y, width, height) in PANELS.items():
            inches = (x, y - CELL * height, CELL * width, CELL * height)
            axes = figure.add_axes(tuple(np.divide(inches, SIZE * 2)))
            if name == "kernels":
                draw_kernels(axes)
            else:
                draw_layout(axes, name)
            axes.set(xlim=(-0.53, width - 0.47), ylim=(height - 0.47, -0.53))
            axes.axis("off")
            title = np.divide((x - 0.45, y + 0.4), SIZE)
            figure.text(*title, TITLES[name], fontsize=14, weight="bold")
        figure.text(*np.divide((LEFT - 0.45, MIDDLE - 3.25), SIZE), CAPTION, fontsize=12, va="top")
        corner = np.divide((LEFT - 0.6, 0.0), SIZE)
        figure.legend(handles=legend(), loc="lower left", bbox_to_anchor=corner, fontsize=12)
    plots.save(figure, HERE / "kernel_matrix.png")


if __name__ == "__main__":
    main()

"""Convolutions: the pictures of its lesson."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from tvbi_ref._validation import FloatArray
from tvbi_ref.lab import plots
from tvbi_ref.nets.convolution import columns_of

BARE = plots.STYLE | {"axes.grid": False, "axes.titlesize": 10}
FRAMES = ((plots.BLUE, (0, 0)), (plots.RED, (0, 1)), (plots.GREEN, (1, 0)), (plots.PURPLE, (1, 1)))
"""A colour and a place for each of the windows of a 4 x 4 image under a 3 x 3 kernel."""


def windows(image: NDArray[Any], size: int) -> Figure:
    """Draw a 4 x 4 image, its windows, and the matrix that has them as columns.

    Parameters
    ----------
    image : ndarray (4, 4)
    size : int
        Of the kernel, 3.

    Examples
    --------
    >>> len(windows(np.arange(16).reshape(4, 4), 3).axes)
    2
    """
    columns = columns_of(image[None, None].astype(float), (size, size), 1, 0)
    with mpl.rc_context(BARE):
        figure = Figure(figsize=(7, 4), layout="constrained")
        left, right = figure.subplots(1, 2, width_ratios=(1, 0.7))
        for axes, matrix in ((left, image), (right, columns)):
            _numbers(axes, matrix)
        for k, (colour, (i, j)) in enumerate(FRAMES):
            inset = 0.06 * k
            side = size - 0.1 - 2 * inset
            _frame(left, (j - 0.45 + inset, i - 0.45 + inset), side, side, colour)
            _frame(right, (k - 0.44, -0.44), 0.88, len(columns) - 0.12, colour)
        left.set_title("an image, a kernel of 3 x 3 at four places")
        right.set_title("the windows as columns")
    return figure


def _numbers(axes: Any, matrix: NDArray[Any]) -> None:
    axes.imshow(np.zeros(matrix.shape), cmap="Greys", vmin=0, vmax=1)
    for (i, j), value in np.ndenumerate(matrix):
        axes.text(j, i, f"{value:g}", ha="center", va="center", fontsize=11)
    axes.set(xticks=[], yticks=[])


def _frame(axes: Any, corner: tuple[float, float], w: float, h: float, colour: str) -> None:
    axes.add_patch(Rectangle(corner, w, h, fill=False, ec=colour, lw=2.2))


def two_draws(
    image: FloatArray,
    by_weights: Sequence[FloatArray],
    by_outputs: Sequence[FloatArray],
    variance: FloatArray,
) -> Figure:
    """Draw an image, two outputs of drawn kernels, and two with noise at every output.

    Parameters
    ----------
    image : ndarray (H, W)
    by_weights, by_outputs : sequence of two ndarray (Ho, Wo)
    variance : ndarray (Ho, Wo)
        Of every output, the same both ways.

    Examples
    --------
    >>> pair = [np.eye(2), np.eye(2)]
    >>> len(two_draws(np.eye(3), pair, pair, np.eye(2)).axes)  # and three scales
    9
    """
    limit = max(float(np.abs(z).max()) for z in (*by_weights, *by_outputs))
    signed: Any = {"cmap": "RdBu_r", "vmin": -limit, "vmax": limit}
    panels: list[tuple[str, FloatArray, Any]] = [
        ("the image", image, {"cmap": "Greys"}),
        ("a drawn kernel", by_weights[0], signed),
        ("another kernel", by_weights[1], signed),
        ("variance of an output", variance, {"cmap": "viridis"}),
        ("drawn outputs", by_outputs[0], signed),
        ("drawn again", by_outputs[1], signed),
    ]
    with mpl.rc_context(BARE):
        figure = Figure(figsize=(7.8, 4.8), layout="constrained")
        grid = figure.subplots(2, 3)
        for axes, (title, values, look) in zip(grid.flat, panels, strict=True):
            axes.imshow(values, interpolation="nearest", **look)
            axes.set(xticks=[], yticks=[], title=title)
        for place, name in ((grid[0, 0], "pixel"), (grid[1, 0], "variance")):
            figure.colorbar(place.images[0], ax=place, location="left", label=name)
        figure.colorbar(grid[0, 1].images[0], ax=list(grid[:, 1:].flat), label="output z")
    return figure


def kernels(before: FloatArray, after: FloatArray) -> Figure:
    """Draw the kernels of a convolution, dense above and pruned below; a dot is a pruned weight.

    Both rows have one scale.

    Parameters
    ----------
    before, after : ndarray (F, kh, kw)

    Examples
    --------
    >>> len(kernels(np.ones((4, 3, 3)), np.ones((4, 3, 3))).axes)  # and the scale
    9
    """
    with mpl.rc_context(BARE):
        figure = Figure(figsize=(8, 2.6), layout="constrained")
        grid = figure.subplots(2, len(before), squeeze=False)
        limit = max(np.abs(before).max(), np.abs(after).max())
        for line, name, several in zip(grid, ("dense", "pruned"), (before, after), strict=True):
            for axes, kernel in zip(line, several, strict=True):
                axes.imshow(kernel, cmap="RdBu_r", vmin=-limit, vmax=limit)
                rows, columns = np.nonzero(kernel == 0)
                axes.plot(columns, rows, ".", color="0.5", ms=4)
                axes.set(xticks=[], yticks=[])
            line[0].set_ylabel(name)
        figure.colorbar(grid[0, 0].images[0], ax=list(grid.flat), label="weight")
    return figure

"""What regularity is worth, in bits and in reads: the pictures and the widget of its lesson.

A mask is black where a weight is kept; a column is one neuron.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from tvbi_ref._validation import FloatArray
from tvbi_ref.lab import plots
from tvbi_ref.school.teaching.looks import LOOKS

Mask = NDArray[np.bool_]

LINE = 16
"""So many float32 lie in one line of memory, 64 bytes."""


def draw_chain(
    shape: tuple[int, int], density: float, run: float, rng: np.random.Generator
) -> Mask:
    """Draw a mask whose columns are Markov chains of a given density and mean run.

    Parameters
    ----------
    shape : (I, J)
    density : float
        The expected share of kept weights.
    run : float
        Mean length of a run; at least 1/(1 - density), which is that of independent weights.
    rng : numpy.random.Generator

    Returns
    -------
    ndarray of bool (I, J)

    Examples
    --------
    >>> draw_chain((4, 3), 0.5, 2.0, np.random.default_rng(0)).shape
    (4, 3)
    """
    stop = 1 / run
    start = density * stop / (1 - density)
    mask = np.empty(shape, bool)
    state = rng.random(shape[1]) < density
    for i in range(shape[0]):
        mask[i] = state
        state = rng.random(shape[1]) < np.where(state, 1 - stop, start)
    return mask


def panels(masks: Mapping[str, Mask]) -> Figure:
    """Draw masks side by side.

    Parameters
    ----------
    masks : mapping from a title to an ndarray of bool (I, J)
        At most four; a title may have two lines.

    Examples
    --------
    >>> len(panels({"one": np.eye(4, dtype=bool), "two": np.eye(4, dtype=bool)}).axes)
    2
    """
    height = 8 / len(masks) + 0.5
    with mpl.rc_context(plots.STYLE | {"axes.grid": False, "axes.titlesize": 10}):
        figure = Figure(figsize=(7.8, height), layout="constrained")
        row = figure.subplots(1, len(masks), sharey=True, squeeze=False)[0]
        for axes, (title, mask) in zip(row, masks.items(), strict=True):
            axes.imshow(mask, cmap="Greys", vmin=0, vmax=1, interpolation="nearest")
            axes.set(title=title, xlabel="neuron j", xticks=[], yticks=[])
            for side in ("top", "right"):
                axes.spines[side].set_visible(True)
        row[0].set_ylabel("input i")
    return figure


def price_of_a_place(density: FloatArray, bound: FloatArray, marks: Mapping[str, float]) -> Figure:
    """Draw the bits of a place against the density, beside those of a value.

    Parameters
    ----------
    density, bound : ndarray (n,)
        p and H(p)/p.
    marks : mapping from a name to bits
        Level lines: what a value takes.

    Examples
    --------
    >>> p = np.array([0.1, 0.5])
    >>> len(price_of_a_place(p, 1 / p, {"8-bit value": 8.0}).axes[0].lines)
    2
    """
    with mpl.rc_context(plots.STYLE):
        figure = Figure(figsize=(6.8, 3.8), layout="constrained")
        axes = figure.subplots()
        axes.plot(density, bound, color=plots.BLUE)
        middle = len(density) // 2
        axes.text(density[middle], bound[middle] + 0.3, "H(p)/p: the place", color=plots.BLUE)
        for name, bits in marks.items():
            axes.axhline(bits, color="0.4", ls="--", lw=1.2)
            axes.text(density[-1], bits + 0.15, name, ha="right")
        axes.set(xlabel="density p: share of weights kept", ylabel="bits a kept weight")
        axes.set(xscale="log", ylim=(0, 1.05 * bound[0]))
        ticks = [t for t in (0.003, 0.01, 0.03, 0.1, 0.3) if density[0] <= t <= density[-1]]
        axes.set_xticks(ticks, [f"{t:g}" for t in ticks])
        axes.tick_params(axis="x", which="minor", labelbottom=False)
    return figure


def against_run(
    runs: FloatArray,
    counted: Mapping[str, FloatArray],
    said: Mapping[str, tuple[FloatArray, FloatArray]],
    *,
    ylabel: str,
    level: tuple[str, float] | None = None,
) -> Figure:
    """Draw what was counted on masks of growing mean run over what the formulas say.

    Parameters
    ----------
    runs : ndarray (n,)
        Mean run of each mask.
    counted : mapping from a name to an ndarray (n,)
        Marks. At most four.
    said : mapping from the same names to a pair of ndarrays
        Lines, each with runs of its own; a name may be missing.
    ylabel : str
    level : (name, height), optional
        A level line.

    Examples
    --------
    >>> runs = np.array([1.0, 2.0])
    >>> figure = against_run(runs, {"index": 2 / runs}, {"index": (runs, 2 / runs)}, ylabel="reads")
    >>> len(figure.axes[0].lines)
    2
    """
    with mpl.rc_context(plots.STYLE):
        figure = Figure(figsize=(6.8, 3.8), layout="constrained")
        axes = figure.subplots()
        for look, (name, heights) in zip(LOOKS, counted.items(), strict=False):
            if name in said:
                axes.plot(*said[name], color=look["color"], ls=look["ls"])
            axes.plot(runs, heights, color=look["color"], ls="", marker=look["marker"], label=name)
        if level:
            axes.axhline(level[1], color="0.4", ls=(0, (1, 2)), label=level[0])
        axes.set(xlabel="mean run of kept weights", ylabel=ylabel, ylim=(0, None))
        axes.set_xscale("log", base=2)
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axes.legend()
    return figure


def stored(sizes: Mapping[str, Mapping[str, tuple[float, float]]]) -> Figure:
    """Draw the bytes of formats as bars, values and what comes on top of them apart.

    Parameters
    ----------
    sizes : mapping from a mask's name to a mapping from a format's name to kilobytes
        Each a pair: the values of the kept weights, everything else. Two or three masks.

    Examples
    --------
    >>> len(stored({"clustered": {"CSR": (4.0, 2.0)}, "shuffled": {"CSR": (4.0, 2.0)}}).axes)
    2
    """
    with mpl.rc_context(plots.STYLE):
        figure = Figure(figsize=(7.8, 3.1), layout="constrained")
        row = figure.subplots(1, len(sizes), sharex=True, sharey=True, squeeze=False)[0]
        for axes, (name, formats) in zip(row, sizes.items(), strict=True):
            places = np.arange(len(formats))
            values, rest = np.transpose(list(formats.values()))
            axes.barh(places, values, color="0.75", label="values of kept weights")
            axes.barh(places, rest, left=values, color=plots.BLUE, hatch="//", label="the places")
            for place, total, extra in zip(places, values + rest, rest, strict=True):
                axes.text(total, place, f" {extra:.1f}", va="center", fontsize=9)
            axes.set(title=name, xlabel="kilobytes", yticks=places, ylim=(len(places) - 0.5, -0.5))
            axes.set_xlim(0, 1.2 * max(v + r for f in sizes.values() for v, r in f.values()))
            axes.set_yticklabels(list(formats))
            axes.grid(False, axis="y")
        handles, labels = row[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=2)
    return figure


def tapes(columns: Mapping[str, Mask]) -> Figure:
    """Draw the inputs of a neuron as a tape, and which lines of memory it fetches.

    Parameters
    ----------
    columns : mapping from a name to an ndarray of bool (I,)
        Which inputs the neuron has a weight for. I is a multiple of 16.

    Examples
    --------
    >>> column = np.zeros(32, bool)
    >>> column[:3] = True
    >>> tapes({"runs": column}).axes[0].get_title(loc="left")
    'runs: 3 weights in 1 of 2 lines'
    """
    with mpl.rc_context(plots.STYLE | {"axes.grid": False}):
        figure = Figure(figsize=(7.8, 0.95 * len(columns) + 0.35), layout="constrained")
        column_of_axes = figure.subplots(len(columns), 1, sharex=True, squeeze=False)[:, 0]
        for axes, (name, column) in zip(column_of_axes, columns.items(), strict=True):
            fetched = np.array([line.any() for line in column.reshape(-1, LINE)])
            for k, here in enumerate(fetched):
                face: Any = plots.SKY if here else "white"
                hatch = "" if here else "///"
                box: Any = {"facecolor": face, "edgecolor": "0.6", "hatch": hatch, "lw": 0.6}
                axes.add_patch(mpl.patches.Rectangle((LINE * k - 0.5, 0), LINE, 1, **box))
            axes.bar(np.flatnonzero(column), 1, width=0.9, color="black")
            axes.set_title(
                f"{name}: {column.sum()} weights in {fetched.sum()} of {fetched.size} lines"
            )
            axes.set(xlim=(-1, column.size), ylim=(0, 1), yticks=[])
            axes.spines[:].set_visible(False)
        column_of_axes[-1].set_xlabel("input i; a box is one line of memory, 16 inputs")
    return figure


def front(results: Mapping[str, Sequence[tuple[float, float, float]]]) -> Figure:
    """Draw what pruned networks keep of the weights' squares and of the accuracy, by size.

    Parameters
    ----------
    results : mapping from a name to a sequence of (kilobits, share of the squares, accuracy)
        At most four names.

    Examples
    --------
    >>> len(front({"one by one": [(10.0, 0.3, 0.5), (20.0, 0.5, 0.7)]}).axes)
    2
    """
    titles = ("share of the sum of squares kept", "test accuracy, a little fine-tuned")
    with mpl.rc_context(plots.STYLE | {"axes.titlesize": 10}):
        figure = Figure(figsize=(7.8, 3.5), layout="constrained")
        row = figure.subplots(1, 2)
        for k, (axes, title) in enumerate(zip(row, titles, strict=True)):
            for look, (name, points) in zip(LOOKS, results.items(), strict=False):
                table = np.array(points)
                axes.plot(table[:, 0], table[:, k + 1], label=name, ms=5, **look)
            axes.set(title=title, xlabel="kilobits: places and 8-bit values", ylim=(0, 1))
        handles, labels = row[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=3)
    return figure


def snapshot(density: float, run: float, *, shape: tuple[int, int] = (64, 64)) -> Figure:
    """Draw a mask of Markov chains, and say what its places cost.

    Parameters
    ----------
    density, run : float
        A run too short for the density is made as long as independent weights have it.
    shape : (I, J)

    Examples
    --------
    >>> snapshot(0.1, 4.0).axes[0].get_title(loc="left").splitlines()[0]
    'density 0.1, mean run 4'
    """
    from tvbi_ref.compression import sparsity

    run = max(run, 1 / (1 - density))
    mask = draw_chain(shape, density, run, np.random.default_rng(0))
    measured = sparsity([mask])
    with mpl.rc_context(plots.STYLE | {"axes.grid": False, "axes.titlesize": 10}):
        figure = Figure(figsize=(4, 4.4), layout="constrained")
        axes = figure.subplots()
        axes.imshow(mask, cmap="Greys", vmin=0, vmax=1, interpolation="nearest")
        axes.set(xlabel="neuron j", ylabel="input i", xticks=[], yticks=[])
        axes.set_title(
            f"density {density:g}, mean run {run:.3g}\n{measured.kept} kept: "
            f"{measured.index_bits:.2f} bits a place, H(p)/p {measured.entropy_bound:.2f}"
        )
    return figure


def explore() -> Any:
    """Return a widget: sliders for density and mean run, the mask and its bits.

    `snapshot` draws the same picture for one setting.

    Returns
    -------
    ipywidgets.VBox

    Examples
    --------
    >>> len(explore().children)
    3
    """
    from ipywidgets import FloatSlider, Image, VBox

    wait = {"continuous_update": False}
    density = FloatSlider(0.1, min=0.01, max=0.5, step=0.01, description="density", **wait)
    run = FloatSlider(4.0, min=1.0, max=16.0, step=0.5, description="mean run", **wait)
    picture = Image(format="png")

    def redraw(_: Any = None) -> None:
        file = io.BytesIO()
        snapshot(density.value, run.value).savefig(file, format="png", dpi=90)
        picture.value = file.getvalue()

    for slider in (density, run):
        slider.observe(redraw, "value")
    redraw()
    return VBox([density, run, picture])

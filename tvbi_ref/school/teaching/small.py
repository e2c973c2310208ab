"""From a posterior to a small network: the pictures and the widget of its lesson."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from tvbi_ref._validation import FloatArray
from tvbi_ref.lab import plots
from tvbi_ref.school.teaching.fields import as_png, draw_support, legend_below
from tvbi_ref.school.teaching.looks import LOOKS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Mask = NDArray[np.bool_]

PARTS: Any = (
    {"color": "0.75"},
    {"color": plots.BLUE, "hatch": "//"},
    {"color": plots.ORANGE, "hatch": ".."},
    {"color": plots.GREEN, "hatch": "xx"},
    {"color": plots.PURPLE, "hatch": "--"},
    {"color": plots.SKY, "hatch": "\\\\"},
)


# The decision


def decision(
    log_odds: FloatArray, thresholds: FloatArray, kept: FloatArray, accuracy: FloatArray
) -> Figure:
    """Draw how sure the posterior is, and what other thresholds than 0 would give.

    Parameters
    ----------
    log_odds : ndarray (n,)
        logit pi_tilde of all weights.
    thresholds, kept, accuracy : ndarray (k,)
        Thresholds on the log-odds, how many weights pass, the network's accuracy with them.

    Examples
    --------
    >>> t = np.array([-1.0, 0.0, 1.0])
    >>> len(decision(t, t, t, t).axes)
    3
    """
    with mpl.rc_context(plots.STYLE):
        figure = Figure(figsize=(7.8, 3.5), layout="constrained")
        left, right = figure.subplots(1, 2)
        left.hist(log_odds, bins=40, color=plots.SKY, ec="0.3", lw=0.5)
        left.axvline(0, color="black", ls="--", lw=1.2)
        left.set(title="weights", yscale="log", xlabel=r"logit $\tilde\pi$")
        right.plot(thresholds, accuracy, label="accuracy (left axis)", **LOOKS[0])
        right.set(title="other thresholds", xlabel=r"keep above this logit $\tilde\pi$")
        right.set(ylim=(0, 1))
        counts = right.twinx()
        counts.plot(thresholds, kept, label="weights kept (right axis)", **LOOKS[1])
        counts.set_ylim(0, None)
        counts.grid(False)
        right.axvline(0, color="black", ls="--", lw=1.2)
        handles = [*right.lines[:1], *counts.lines]
        right.legend(handles=handles, loc="upper center", bbox_to_anchor=(0.5, -0.18), ncols=1)
    return figure


def masks_at(log_odds: Sequence[FloatArray], threshold: float, note: str = "") -> Figure:
    """Draw which weights are kept above a threshold, a panel a layer.

    Parameters
    ----------
    log_odds : sequence of ndarray (I, J)
    threshold : float
        ln(c_keep / c_drop).
    note : str
        Is added to the title.

    Examples
    --------
    >>> masks_at([np.eye(3) - 0.5], 0.0).get_suptitle()
    'threshold +0.0: 3 weights kept'
    """
    masks = [layer >= threshold for layer in log_odds]
    widths = [max(mask.shape[1], 12) for mask in masks]
    with mpl.rc_context(plots.STYLE | {"axes.grid": False, "axes.titlesize": 10}):
        figure = Figure(figsize=(7.6, 3.1), layout="constrained")
        row = figure.subplots(1, len(masks), width_ratios=widths, squeeze=False)[0]
        for k, (axes, mask) in enumerate(zip(row, masks, strict=True)):
            draw_support(axes, mask.astype(np.float64))
            axes.set(title=f"layer {k + 1}: {mask.sum()}", aspect="auto", xlabel="neuron j")
        row[0].set_ylabel("input i")
        total = sum(int(mask.sum()) for mask in masks)
        figure.suptitle(f"threshold {threshold:+.1f}: {total} weights kept{note}", fontsize=10)
    return figure


def explore(log_odds: Sequence[FloatArray], score: Callable[[float], float]) -> Any:
    """Return a widget: a slider for the threshold, the masks and the accuracy.

    `decision` draws the same for many thresholds at once.

    Parameters
    ----------
    log_odds : sequence of ndarray (I, J)
        logit pi_tilde of every layer.
    score : callable
        From a threshold to the accuracy.

    Returns
    -------
    ipywidgets.VBox

    Examples
    --------
    >>> len(explore([np.eye(3)], lambda threshold: 0.5).children)
    2
    """
    import ipywidgets as widgets

    slider = widgets.FloatSlider(
        0.0, min=-6, max=6, step=0.5, description="threshold", continuous_update=False
    )
    picture = widgets.Image(format="png")

    def redraw(_: Any = None) -> None:
        note = f", accuracy {score(slider.value):.3f}"
        picture.value = as_png(masks_at(log_odds, slider.value, note))

    slider.observe(redraw, "value")
    redraw()
    return widgets.VBox([slider, picture])


# Dead units


def units(stages: Mapping[str, Sequence[FloatArray]]) -> Figure:
    """Draw a small network as nodes and lines, a panel a stage, dead units marked.

    Parameters
    ----------
    stages : mapping from a title to the weight matrices (I, J) of the layers
        A node without fan-in is hatched, one without fan-out has a dashed rim.

    Examples
    --------
    >>> len(units({"before": [np.eye(3), np.ones((3, 1))]}).axes)
    1
    """
    with mpl.rc_context(plots.STYLE | {"axes.grid": False, "axes.titlesize": 10}):
        figure = Figure(figsize=(7.8, 2.9), layout="constrained")
        row = figure.subplots(1, len(stages), sharex=True, sharey=True, squeeze=False)[0]
        for axes, (title, layers) in zip(row, stages.items(), strict=True):
            _draw_units(axes, layers)
            axes.set_title(title)
            axes.set_axis_off()
        row[0].invert_yaxis()
        handles = [_unit((0, 0), *dead) for dead in ((False, False), (True, False), (False, True))]
        names = ("alive", "no fan-in: a constant", "no fan-out: unread")
        figure.legend(handles, names, loc="outside lower center", ncols=3)
    return figure


def _draw_units(axes: Axes, layers: Sequence[FloatArray]) -> None:
    sizes = [len(layers[0]), *(layer.shape[1] for layer in layers)]
    places = [[(2.0 * k, i - (n - 1) / 2) for i in range(n)] for k, n in enumerate(sizes)]
    for k, layer in enumerate(layers):
        for i, j in zip(*np.nonzero(layer), strict=True):
            (x, y), (x2, y2) = places[k][i], places[k + 1][j]
            axes.plot([x, x2], [y, y2], color="0.45", lw=1, zorder=1)
    for k, column in enumerate(places):
        for n, place in enumerate(column):
            constant = k > 0 and not layers[k - 1][:, n].any()
            unread = k < len(layers) and not layers[k][n].any()
            axes.add_patch(_unit(place, constant, unread))
    axes.autoscale_view()
    axes.set_aspect("equal")


def _unit(place: tuple[float, float], constant: bool, unread: bool) -> Any:
    look: Any = {"fc": plots.SKY if constant else "white", "hatch": "////" if constant else ""}
    look |= {"ec": plots.RED if unread else "black", "ls": "--" if unread else "-"}
    return mpl.patches.Circle(place, 0.3, lw=1.5, zorder=2, **look)


# Bits


def ladder(bits: Mapping[str, float], notes: Sequence[str]) -> Figure:
    """Draw what the places cost, a bar for every thing that is known about them.

    Parameters
    ----------
    bits : mapping from a name to bits
    notes : sequence of str
        Written beside the bars.

    Examples
    --------
    >>> len(ladder({"one density": 10.0, "two": 8.0}, ["", "less"]).axes[0].patches)
    2
    """
    with mpl.rc_context(plots.STYLE):
        figure = Figure(figsize=(7.8, 0.48 * len(bits) + 0.8), layout="constrained")
        axes = figure.subplots()
        places = np.arange(len(bits))
        axes.barh(places, list(bits.values()), color=plots.SKY, ec="black", height=0.7)
        for k, (number, note) in enumerate(zip(bits.values(), notes, strict=True)):
            axes.text(number, k, f"  {note}", va="center", fontsize=9)
        axes.set(xlabel="bits for all places", yticks=places, ylim=(len(bits) - 0.5, -0.5))
        axes.set_yticklabels(list(bits))
        axes.set_xlim(0, 1.35 * max(bits.values()))
        axes.grid(False, axis="y")
    return figure


def rounding(
    step: FloatArray,
    curves: Mapping[str, FloatArray],
    bits: Sequence[float],
    accuracy: Sequence[float],
    chosen: tuple[float, float],
) -> Figure:
    """Draw what a coarser grid saves and costs, and the accuracy by bits.

    Parameters
    ----------
    step : ndarray (n,)
        In posterior deviations.
    curves : mapping from a name to an ndarray (n,)
        Nats a weight. At most four.
    bits, accuracy : sequence of float
        Bits a weight, the same for all layers, and the accuracy with them.
    chosen : (bits, accuracy)
        Those that the posterior asks for, on average.

    Examples
    --------
    >>> d = np.array([1.0, 2.0])
    >>> len(rounding(d, {"loss": d}, [2, 3], [0.5, 0.9], (2.5, 0.8)).axes)
    2
    """
    with mpl.rc_context(plots.STYLE):
        figure = Figure(figsize=(7.8, 3.8), layout="constrained")
        left, right = figure.subplots(1, 2)
        for look, (name, y) in zip(LOOKS, curves.items(), strict=False):
            left.plot(step, y, label=name, **(look | {"marker": None}))
        left.axvline(np.sqrt(12), color="0.4", lw=1, ls=":")
        left.set(title="nats a weight", xlabel=r"step $d/\sigma$", xscale="log")
        left.set_xticks([0.3, 1, np.sqrt(12), 10], ["0.3", "1", r"$\sqrt{12}$", "10"])
        left.tick_params(axis="x", which="minor", labelbottom=False)
        right.plot(bits, accuracy, label="the same bits in all layers", **LOOKS[3])
        right.plot(*chosen, "*", color="black", ms=14, label="what the posterior asks for")
        right.set(title="accuracy", xlabel="bits a weight", ylim=(0, 1))
        for axes in (left, right):
            legend_below(axes)
    return figure


def charged(sizes: Mapping[str, Mapping[str, float]]) -> Figure:
    """Draw the bytes of files as bars, each made of its parts.

    Parameters
    ----------
    sizes : mapping from a file's name to a mapping from a part's name to bytes
        The same parts for all, at most six.

    Examples
    --------
    >>> len(charged({"gap": {"values": 3.0, "places": 2.0}}).axes[0].patches)
    2
    """
    names, parts = list(sizes), list(next(iter(sizes.values())))
    with mpl.rc_context(plots.STYLE):
        figure = Figure(figsize=(7.8, 0.42 * len(names) + 1.5), layout="constrained")
        axes = figure.subplots()
        left = np.zeros(len(names))
        for look, part in zip(PARTS, parts, strict=False):
            values = np.array([sizes[name][part] for name in names])
            axes.barh(np.arange(len(names)), values, left=left, label=part, ec="black", **look)
            left += values
        for k, total in enumerate(left):
            axes.text(total, k, f" {total:.0f}", va="center", fontsize=9)
        axes.set(xlabel="bytes", yticks=np.arange(len(names)), ylim=(len(names) - 0.5, -0.5))
        axes.set_yticklabels(names)
        axes.set_xlim(0, 1.1 * left.max())
        axes.grid(False, axis="y")
        figure.legend(loc="outside lower center", ncols=3)
    return figure


# Uncertainty


def doubtful(images: FloatArray, probabilities: FloatArray, titles: Sequence[str]) -> Figure:
    """Draw images and, under each, the probabilities of the classes.

    Parameters
    ----------
    images : ndarray (n, H, W)
    probabilities : ndarray (n, C)
    titles : sequence of str

    Examples
    --------
    >>> len(doubtful(np.zeros((2, 8, 8)), np.full((2, 10), 0.1), ["a", "b"]).axes)
    4
    """
    n, C = probabilities.shape
    with mpl.rc_context(plots.STYLE | {"axes.titlesize": 9}):
        figure = Figure(figsize=(7.8, 3.4), layout="constrained")
        rows = figure.subplots(2, n, height_ratios=(1.2, 1), squeeze=False)
        for k in range(n):
            rows[0, k].imshow(images[k], cmap="Greys", interpolation="nearest")
            rows[0, k].set(title=titles[k], xticks=[], yticks=[])
            rows[0, k].grid(False)
            rows[1, k].bar(np.arange(C), probabilities[k], color=plots.BLUE)
            rows[1, k].set(ylim=(0, 1), xticks=np.arange(0, C, 3))
            rows[1, k].tick_params(labelleft=k == 0)
        rows[1, 0].set_ylabel("probability")
    return figure


def doubts(kinds: Mapping[str, tuple[FloatArray, FloatArray]], kept: FloatArray) -> Figure:
    """Draw the entropies of some kinds of inputs, and the accuracy on the surest.

    Parameters
    ----------
    kinds : mapping from a name to two ndarrays (n,)
        Noise and knowledge, in nats. At most four.
    kept : ndarray (k, 2)
        Shares of the test set, the surest first, and the accuracy on them.

    Examples
    --------
    >>> e = np.array([0.1, 0.2])
    >>> len(doubts({"test": (e, e)}, np.array([[0.5, 1.0], [1.0, 0.9]])).axes)
    2
    """
    with mpl.rc_context(plots.STYLE):
        figure = Figure(figsize=(7.8, 3.9), layout="constrained")
        left, right = figure.subplots(1, 2)
        for look, (name, (noise, knowledge)) in zip(LOOKS, kinds.items(), strict=False):
            dots: Any = {"color": look["color"], "marker": look["marker"], "ls": "", "alpha": 0.6}
            left.plot(noise, knowledge, label=name, ms=4, **dots)
        left.set(title="two kinds of doubt, nats", xlabel="noise", ylabel="knowledge")
        right.plot(*kept.T, color="black")
        right.set(title="accuracy on the surest", xlabel="share of the test set")
        legend_below(left)
    return figure


def intervals(
    x: FloatArray,
    y: FloatArray,
    grid: FloatArray,
    truth: FloatArray,
    band: tuple[FloatArray, FloatArray],
    gap: tuple[float, float],
) -> Figure:
    """Draw data, the function behind them, and the interval of a network's predictions.

    Parameters
    ----------
    x, y : ndarray (n,)
    grid, truth : ndarray (m,)
    band : two ndarrays (m,)
        Lower and upper end.
    gap : (left, right)
        Where there are no data.

    Examples
    --------
    >>> g = np.arange(3.0)
    >>> len(intervals(g, g, g, g, (g - 1, g + 1), (0.5, 1.5)).axes)
    1
    """
    with mpl.rc_context(plots.STYLE):
        figure = Figure(figsize=(7.0, 3.8), layout="constrained")
        axes = figure.subplots()
        axes.axvspan(*gap, fc="0.93", ec="none")
        axes.fill_between(grid, *band, color=plots.SKY, alpha=0.6, lw=0, label="90% interval")
        axes.plot(grid, truth, color="black", ls="--", lw=1.4, label="truth")
        axes.plot(x, y, "o", color=plots.BLUE, ms=3, label="data")
        axes.text(sum(gap) / 2, axes.get_ylim()[0], "no data", ha="center", va="bottom")
        axes.set(xlabel="x", ylabel="y")
        legend_below(axes)
    return figure

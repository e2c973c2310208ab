"""A whole run on digits and how to read it: the pictures of its lesson."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from tvbi_ref._validation import FloatArray
from tvbi_ref.lab import plots
from tvbi_ref.school.teaching.fields import draw_support
from tvbi_ref.school.teaching.looks import show_coinciding

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from tvbi_ref.turbo.trace import Trace

LOOKS: Any = (
    {"color": plots.BLUE, "ls": "-", "marker": "o"},
    {"color": plots.ORANGE, "ls": "--", "marker": "s"},
    {"color": plots.GREEN, "ls": "-.", "marker": "^"},
    {"color": plots.PURPLE, "ls": ":", "marker": "D"},
    {"color": "0.3", "ls": (0, (5, 1)), "marker": "v"},
)

BARE = plots.STYLE | {"axes.grid": False, "axes.titlesize": 10}


# Images


def samples(images: FloatArray, labels: Sequence[int]) -> Figure:
    """Draw images in a row, the label above each.

    Parameters
    ----------
    images : ndarray (n, H, W)
    labels : sequence of int (n,)

    Examples
    --------
    >>> len(samples(np.zeros((3, 8, 8)), [0, 1, 2]).axes)
    3
    """
    with mpl.rc_context(BARE):
        figure = Figure(figsize=(7.8, 8.2 / len(images) + 0.3), layout="constrained")
        for axes, image, label in zip(figure.subplots(1, len(images)), images, labels, strict=True):
            _draw_image(axes, image, "Greys")
            axes.set_title(str(label), loc="center")
    return figure


def _draw_image(axes: Axes, image: FloatArray, cmap: str, limit: float | None = None) -> Any:
    """Draw an image without ticks; with a limit, colours are symmetric about zero."""
    low, high = (None, None) if limit is None else (-limit, limit)
    axes.set(xticks=[], yticks=[])
    axes.spines[["right", "top"]].set_visible(True)
    return axes.imshow(image, cmap=cmap, vmin=low, vmax=high, interpolation="nearest")


def reading_orders(orders: Mapping[str, NDArray[np.integer[Any]]], notes: Sequence[str]) -> Figure:
    """Draw in which order the pixels of a square image are read.

    Parameters
    ----------
    orders : mapping from a name to an ndarray of int (side * side,)
        The pixel that is read k-th.
    notes : sequence of str
        Written below each.

    Examples
    --------
    >>> len(reading_orders({"by rows": np.arange(9)}, [""]).axes)
    1
    """
    with mpl.rc_context(BARE):
        figure = Figure(figsize=(7.6, 3.0), layout="constrained")
        panels = figure.subplots(1, len(orders), squeeze=False)[0]
        for axes, note, (name, order) in zip(panels, notes, orders.items(), strict=True):
            side = round(len(order) ** 0.5)
            rows, columns = np.divmod(order, side)
            axes.plot(columns, rows, color=plots.BLUE, lw=1.2, zorder=1)
            axes.plot(columns[0], rows[0], "o", color=plots.RED, ms=7)
            axes.set(xticks=[], yticks=[], xlim=(-0.5, side - 0.5), ylim=(side - 0.5, -0.5))
            axes.set(title=name, xlabel=note, aspect="equal")
            axes.spines[["right", "top"]].set_visible(True)
    return figure


def receptive_fields(
    counts: Mapping[str, FloatArray], neurons: Mapping[str, Sequence[FloatArray]]
) -> Figure:
    """Draw how often each pixel is read, and the weights of a few neurons as images.

    Parameters
    ----------
    counts : mapping from a name to an ndarray (H, W)
        Weights kept at each pixel. A row of panels for each name.
    neurons : mapping from the same names to a sequence of ndarray (H, W)
        Weights, zero where there is none. As many for each name.

    Examples
    --------
    >>> len(receptive_fields({"a": np.ones((8, 8))}, {"a": [np.eye(8)] * 3}).axes)  # and two scales
    6
    """
    n = 1 + max(len(fields) for fields in neurons.values())
    with mpl.rc_context(BARE):
        figure = Figure(figsize=(7.8, (7.4 / n + 0.3) * len(counts) + 0.2), layout="constrained")
        grid = figure.subplots(len(counts), n, squeeze=False)
        most = max(float(count.max()) for count in counts.values())
        largest = max(float(np.abs(field).max()) for each in neurons.values() for field in each)
        for row, (name, count) in zip(grid, counts.items(), strict=True):
            _draw_image(row[0], count, "cividis").set_clim(0, most)
            row[0].set_ylabel(name)
            for axes, field in zip(row[1:], neurons[name], strict=True):
                _draw_image(axes, field, "RdBu_r", largest)
        grid[0, 0].set_title("kept at\neach pixel")
        grid[0, 1].set_title("the neurons with most kept weights")
        for part, name in ((grid[:, :1], "weights kept"), (grid[:, 1:], "weight")):
            scale: Any = {"ax": list(part.flat), "location": "bottom", "label": name}
            figure.colorbar(part[0, 0].images[0], **scale)
    return figure


# A run


def traces(runs: Mapping[str, Trace], layered: str, n_rows: int) -> Figure:
    """Draw the traces of some runs over each other, in eight panels.

    Parameters
    ----------
    runs : mapping from a name to a Trace
        At most five; with a validation score.
    layered : str
        The name of the run whose layers are drawn apart, in the last two panels.
    n_rows : int
        N: what is summed over the rows of the data is divided by it.

    Examples
    --------
    >>> from tvbi_ref import GridSupport, HierarchicalPrior, TurboVBI, nets
    >>> prior = HierarchicalPrior.spike_and_slab(GridSupport(-1.0, 0.1, 0.3))
    >>> x, y = np.eye(4), np.array([0, 1, 0, 1])
    >>> turbo = TurboVBI(prior, epochs=3)
    >>> result = turbo.fit(nets.mlp([4, 3, 2], seed=0), x, y, validation=(x, y))
    >>> len(traces({"grid": result.trace}, "grid", 4).axes)
    8
    """
    with mpl.rc_context(plots.STYLE | {"axes.titlesize": 10}):
        figure = Figure(figsize=(7.8, 10.2), layout="constrained")
        grid = figure.subplots(4, 2, sharex=True)
        _draw_schedule(grid[0, 0], next(iter(runs.values())))
        columns = (
            (grid[0, 1], "log_likelihood", "2  data term, nats a row", 1 / n_rows),
            (grid[1, 0], "elbo", "3  ELBO, nats a row", 1 / n_rows),
            (grid[2, 0], "density", r"5  share with $\tilde\pi \geq 1/2$", 1.0),
            (grid[2, 1], "change", r"6  largest change of a $\tilde\pi$", 1.0),
        )
        for axes, column, title, factor in columns:
            for look, (name, t) in zip(LOOKS, runs.items(), strict=False):
                _draw_line(axes, t, factor * t[column], name, look)
            axes.set_title(title)
        _draw_scores(grid[1, 1], runs)
        for k, column in enumerate(("density", "residual")):
            _draw_layers(
                grid[3, k], runs[layered], column, LOOKS[list(runs).index(layered)]["color"]
            )
        for axes in (grid[2, 0], grid[2, 1], *grid[3]):
            axes.set_yscale("log")
        grid[3, 0].set_title(f"7  the same by layer, {layered}")
        grid[3, 1].set_title(f"8  Module B: residual, {layered}")
        for axes in grid[3]:
            axes.set_xlabel("epoch")
        handles, labels = grid[2, 0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper center", ncols=len(runs))
    return figure


def _draw_line(axes: Axes, t: Trace, y: FloatArray, name: str, look: Mapping[str, Any]) -> None:
    # A log axis cannot show 0.
    shown = np.where(y == 0, np.nan, y)
    axes.plot(t["epoch"] + 1, shown, label=name, **{**look, "marker": None})


def _draw_schedule(axes: Axes, t: Trace) -> None:
    axes.plot(t["epoch"] + 1, t["contrast"], color="black", label="contrast r")
    axes.plot(t["epoch"] + 1, t["kl_weight"], color=plots.RED, ls="--", label=r"KL weight $\kappa$")
    axes.set(title="1  the schedule", yscale="log")
    axes.legend(fontsize=9)


def _draw_scores(axes: Axes, runs: Mapping[str, Trace]) -> None:
    for look, (name, t) in zip(LOOKS, runs.items(), strict=False):
        _draw_line(axes, t, t["train_score"], name, {**look, "ls": ":", "lw": 1.4})
        _draw_line(axes, t, t["valid_score"], name, look)
    last = next(iter(runs.values()))
    axes.set(title="4  accuracy: training with noise dotted", ylim=(0.8, 1.005))
    axes.set_xlim(1, len(last))


def _draw_layers(axes: Axes, t: Trace, column: str, colour: str) -> None:
    names = [name for name in t.columns if name.startswith(f"{column}.")]
    for k, name in enumerate(names):
        look: Any = {"color": colour, "ls": plots.LAYER_STYLES[k % 6]}
        _draw_line(axes, t, t[name], f"layer {k + 1}", look)
    axes.legend(fontsize=9)


def layers(masks: Mapping[str, Sequence[NDArray[np.bool_]]]) -> Figure:
    """Draw which weights are kept, one row a run and one panel a layer.

    Parameters
    ----------
    masks : mapping from a name to the masks (I, J) of its layers
        The same architecture for all names.

    Examples
    --------
    >>> len(layers({"grid": [np.eye(4, dtype=bool)] * 2}).axes)
    2
    """
    first = next(iter(masks.values()))
    ratios = [max(mask.shape[1], 24) for mask in first]
    with mpl.rc_context(BARE):
        figure = Figure(figsize=(7.8, 2.5 * len(masks) + 0.2), layout="constrained")
        grid = figure.subplots(len(masks), len(first), width_ratios=ratios, squeeze=False)
        for row, (name, each) in zip(grid, masks.items(), strict=True):
            for k, (axes, mask) in enumerate(zip(row, each, strict=True)):
                draw_support(axes, mask.astype(float))
                axes.set_aspect("auto")
                axes.set_title(f"layer {k + 1}: {mask.sum()} kept")
            row[0].set_ylabel(f"{name}\n\ninput i")
        for axes in grid[-1]:
            axes.set_xlabel("neuron j")
    return figure


# Decisions


def evidence_by_slab(
    scale: FloatArray, curves: Mapping[str, FloatArray], needed: Mapping[str, float]
) -> Figure:
    """Draw the evidence of a weight against its size, and what fields ask for.

    Parameters
    ----------
    scale : ndarray (n,)
        The root of the second moment.
    curves : mapping from a name to an ndarray (n,)
        l, log-odds. At most five.
    needed : mapping from a name to a number
        Level lines: the evidence from which on a weight lives.

    Examples
    --------
    >>> s = np.array([0.01, 0.1])
    >>> len(evidence_by_slab(s, {"v = 0.02": s}, {"field -2": 2.0}).axes[0].lines)
    2
    """
    with mpl.rc_context(plots.STYLE):
        figure = Figure(figsize=(7.0, 3.9), layout="constrained")
        axes = figure.subplots()
        for look, (name, l) in zip(LOOKS, curves.items(), strict=False):
            axes.plot(scale, l, label=name, **(look | {"marker": None}))
        for name, level in needed.items():
            axes.axhline(level, color="0.4", lw=1.1)
            axes.text(scale[0], level + 0.12, name, fontsize=9)
        axes.set(xscale="log", xlabel=r"size of a weight, $\sqrt{m}$", ylabel="evidence l")
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axes.legend(loc="lower right")
    return figure


def decisions(
    panels: Mapping[str, tuple[FloatArray, FloatArray, NDArray[np.bool_]]],
    curve: tuple[FloatArray, FloatArray],
) -> Figure:
    """Draw what Module B asks of every weight against the weight's size.

    Parameters
    ----------
    panels : mapping from a name to (size, needed, kept)
        Three arrays of one shape: the root of the second moment, minus the log-odds of pi, and
        whether the weight is kept.
    curve : (size, evidence)
        Two arrays (n,): a weight below the curve is kept.

    Examples
    --------
    >>> s = np.array([0.01, 0.1])
    >>> len(decisions({"a": (s, s, s > 0.05)}, (s, s)).axes)
    1
    """
    with mpl.rc_context(plots.STYLE | {"axes.titlesize": 10}):
        figure = Figure(figsize=(7.8, 3.6), layout="constrained")
        row = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
        for axes, (name, (size, needed, kept)) in zip(row, panels.items(), strict=True):
            for those, mark, colour in ((~kept, ".", "0.55"), (kept, "+", plots.RED)):
                label = "kept" if mark == "+" else "dropped"
                axes.plot(size[those], needed[those], mark, ms=4, color=colour, label=label)
            axes.plot(*curve, color="black", lw=1.4, label="evidence l")
            axes.set(title=name, xscale="log", xlabel=r"size, $\sqrt{m}$")
            axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
        row[0].set_ylabel(r"needed: $-$logit $\pi$")
        handles, labels = row[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=3)
    return figure


# Comparing runs


def fronts(points: Mapping[str, FloatArray], dense: float, error: float) -> Figure:
    """Draw accuracy against the number of weights, and against bits.

    Parameters
    ----------
    points : mapping from a name to an ndarray (n, 3)
        Times fewer weights, kilobits, accuracy. At most five names.
    dense : float
        The accuracy of the dense network.
    error : float
        The standard error of an accuracy, drawn as a band around `dense`.

    Examples
    --------
    >>> len(fronts({"grid": np.array([[20.0, 5.0, 0.95]])}, 0.96, 0.01).axes)
    2
    """
    titles = ("times fewer weights", "kilobits: places, 8-bit values")
    with mpl.rc_context(plots.STYLE):
        figure = Figure(figsize=(7.8, 3.7), layout="constrained")
        row = figure.subplots(1, 2, sharey=True)
        for k, (axes, title) in enumerate(zip(row, titles, strict=True)):
            axes.axhspan(dense - error, dense + error, color="0.9", zorder=0)
            axes.axhline(dense, color="0.4", lw=1.2, label="dense, and one standard error")
            for look, (name, each) in zip(LOOKS, points.items(), strict=False):
                in_order = each[np.argsort(each[:, k])]
                axes.plot(in_order[:, k], in_order[:, 2], ms=6, label=name, **(look | {"lw": 1.0}))
            axes.set_xlabel(title)
        row[0].set_ylabel("validation accuracy")
        handles, labels = row[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=3)
    return figure


def epochs(panels: Mapping[str, Mapping[str, FloatArray]], ylabel: str) -> Figure:
    """Draw lines by epoch, one panel a name; an axis from 0 to 1.

    Parameters
    ----------
    panels : mapping from a title to (mapping from a name to an ndarray (epochs,))
        The same names in every panel, at most five.
    ylabel : str

    Examples
    --------
    >>> len(epochs({"a": {"line": np.ones(3)}}, "share").axes)
    1
    """
    with mpl.rc_context(plots.STYLE | {"axes.titlesize": 10}):
        figure = Figure(figsize=(7.8, 3.5), layout="constrained")
        row = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
        for axes, (title, lines) in zip(row, panels.items(), strict=True):
            for look, (name, y) in zip(LOOKS, lines.items(), strict=False):
                axes.plot(np.arange(1, len(y) + 1), y, label=name, **(look | {"marker": None}))
            axes.set(title=title, xlabel="epoch", ylim=(-0.03, 1.03))
            show_coinciding(axes)
        row[0].set_ylabel(ylabel)
        handles, labels = row[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=len(labels))
    return figure

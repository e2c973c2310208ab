"""The three layers of the prior: the pictures and the widget of its lesson.

Densities of precisions and of sizes of weights are drawn per e-fold, that is as densities of the
logarithm: on a logarithmic axis equal areas then are equal probabilities.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter
from scipy.special import expit, logit

from tvbi_ref._validation import FloatArray
from tvbi_ref.gamma import Gamma
from tvbi_ref.lab import plots
from tvbi_ref.prior import HierarchicalPrior, log_marginal_weight
from tvbi_ref.school.teaching.fields import as_png, draw_support, legend_below
from tvbi_ref.school.teaching.looks import LINES, looks_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PER_E_FOLD = "density per e-fold"


def three_layers(support: FloatArray, precision: FloatArray, weight: FloatArray) -> Figure:
    """Draw one sample of the prior as three matrices, from the top layer down.

    Parameters
    ----------
    support : ndarray (I, J), 0 or 1
    precision : ndarray (I, J), > 0
    weight : ndarray (I, J)
        Coloured up to its 99th percentile; the few that are larger have the last colour.

    Examples
    --------
    >>> one = np.eye(3)
    >>> len(three_layers(one, 1 + one, one).axes)
    6
    """
    limit = float(np.quantile(np.abs(weight), 0.99))
    style = plots.STYLE | {"axes.grid": False}
    with mpl.rc_context(style):
        figure = Figure(figsize=(8, 3.7), layout="constrained")
        row = figure.subplots(1, 3)
        draw_support(row[0], support)
        row[0].set_ylabel("input i")
        bar = _bar(figure, row[0], row[0].images[0], "support s", "dead or alive")
        bar.set_ticks([0, 1])
        show = row[1].imshow(np.log10(precision), cmap="cividis", interpolation="nearest")
        _bar(figure, row[1], show, r"precision $\rho$", r"$\log_{10}\rho$")
        look: Any = {"cmap": "RdBu_r", "vmin": -limit, "vmax": limit, "interpolation": "nearest"}
        _bar(figure, row[2], row[2].imshow(weight, **look), "weight w", "w")
        for axes in row:
            axes.set(xticks=[], yticks=[], xlabel="neuron j")
    return figure


def _bar(figure: Figure, axes: Axes, image: Any, title: str, label: str) -> Any:
    axes.set_title(title)
    return figure.colorbar(image, ax=axes, label=label, location="bottom", shrink=0.9)


def curves(
    panels: Mapping[str, tuple[FloatArray, Mapping[str, FloatArray]]],
    *,
    xlabels: Sequence[str],
    ylabel: str,
    xscale: str = "log",
    yscale: str = "linear",
) -> Figure:
    """Draw curves in panels side by side, at most four in each, with legends below.

    Parameters
    ----------
    panels : mapping from a title to (x, mapping from a name to y), each an ndarray (n,)
    xlabels : sequence of str
        One a panel.
    ylabel : str
        Of the first panel.
    xscale, yscale : {"log", "linear"}

    Examples
    --------
    >>> x = np.array([1.0, 10.0])
    >>> len(curves({"a": (x, {"one": x})}, xlabels=["x"], ylabel="y").axes[0].lines)
    1
    """
    with mpl.rc_context(plots.STYLE):
        figure = Figure(figsize=(min(8, 1.6 + 3.6 * len(panels)), 3.9), layout="constrained")
        row = figure.subplots(1, len(panels), squeeze=False)[0]
        for axes, xlabel, (title, (x, lines)) in zip(row, xlabels, panels.items(), strict=True):
            for look, (name, y) in zip(LINES, lines.items(), strict=False):
                axes.plot(x, y, label=name, **look)
            axes.set(title=title, xlabel=xlabel, xscale=xscale, yscale=yscale)
            legend_below(axes)
        row[0].set_ylabel(ylabel)
    return figure


def against_samples(
    panels: Mapping[str, Mapping[str, tuple[FloatArray, FloatArray, FloatArray]]],
    *,
    xlabels: Sequence[str],
    bins_per_decade: int = 8,
) -> Figure:
    """Draw what was counted on draws of positive numbers, as steps, and what a formula says.

    Parameters
    ----------
    panels : mapping from a title to a mapping from a name to (draws, at, density)
        `draws` an ndarray (m,) of positive numbers, `at` and `density` ndarrays (n,), the density
        of the draws' logarithm (base e) at `at`.
    xlabels : sequence of str
        One a panel.
    bins_per_decade : int

    Examples
    --------
    >>> x = np.geomspace(0.1, 10, 50)
    >>> drawn = {"exponential": (np.ones(9), x, x * np.exp(-x))}
    >>> len(against_samples({"a": drawn}, xlabels=["x"]).axes)
    1
    """
    with mpl.rc_context(plots.STYLE):
        figure = Figure(figsize=(8, 3.7), layout="constrained")
        row = figure.subplots(1, len(panels), squeeze=False)[0]
        for axes, xlabel, (title, groups) in zip(row, xlabels, panels.items(), strict=True):
            for look, (name, (draws, at, density)) in zip(LINES, groups.items(), strict=False):
                edges, height = _per_e_fold(draws, at, bins_per_decade)
                axes.stairs(height, edges, color=look["color"], alpha=0.35, fill=True)
                axes.plot(at, density, label=name, **look)
            axes.set(title=title, xlabel=xlabel, xscale="log", ylim=(0, None))
            use_few_ticks(axes)
            legend_below(axes)
        row[0].set_ylabel(PER_E_FOLD)
    return figure


def _per_e_fold(
    draws: FloatArray, at: FloatArray, bins_per_decade: int
) -> tuple[FloatArray, FloatArray]:
    """Return the edges of bins and the share of all draws in each, over its width in e-folds."""
    low, high = np.log10(at[0]), np.log10(at[-1])
    edges = np.logspace(low, high, 1 + round(bins_per_decade * (high - low)))
    counts, _ = np.histogram(draws, edges)
    return edges, counts / len(draws) / np.diff(np.log(edges))


def use_few_ticks(axes: Axes) -> None:
    """Give a logarithmic x axis at most six numbers, powers of ten.

    Examples
    --------
    >>> axes = Figure().subplots()
    >>> axes.set_xscale("log")
    >>> use_few_ticks(axes)
    """
    axes.xaxis.set_major_locator(LogLocator(numticks=6))
    axes.xaxis.set_minor_formatter(NullFormatter())


def alive_given_weight(
    size: FloatArray, humps: Mapping[str, FloatArray], alive: Mapping[str, FloatArray]
) -> Figure:
    """Draw the densities of the size of a weight above, the probability of being alive below.

    Parameters
    ----------
    size : ndarray (n,)
        The absolute value of the weight.
    humps : mapping from a name to an ndarray (n,)
        Densities per e-fold, at most four.
    alive : mapping from a name to an ndarray (n,)
        Probabilities, at most four.

    Examples
    --------
    >>> w = np.geomspace(0.01, 1, 5)
    >>> len(alive_given_weight(w, {"slab": w}, {"even odds": w}).axes)
    2
    """
    with mpl.rc_context(plots.STYLE):
        figure = Figure(figsize=(7, 5), layout="constrained")
        column = figure.subplots(2, 1, sharex=True)
        places = ("upper right", "upper left")
        looks = looks_of(humps, alive, looks=LINES)
        for axes, lines, place in zip(column, (humps, alive), places, strict=True):
            for name, y in lines.items():
                axes.plot(size, y, label=name, **looks[name])
            axes.legend(loc=place)
        column[0].set(ylabel=PER_E_FOLD, ylim=(0, None))
        column[1].axhline(0.5, color="0.4", lw=1)
        column[1].set(ylabel="P(alive | w)", ylim=(0, 1), xlabel="size of the weight, |w|")
        column[1].set_xscale("log")
        use_few_ticks(column[1])
    return figure


def size_of_a_weight(
    a: float, a_bar: float, variance: float, contrast: float, density: float
) -> tuple[FloatArray, dict[str, FloatArray], dict[str, FloatArray]]:
    """Return sizes of a weight, its two densities per e-fold, and P(alive | w).

    Parameters
    ----------
    a, a_bar : float
        The shapes of the two Gammas.
    variance, contrast : float
        Squared scale of the slab, and that of the spike over it.
    density : float
        P(s = 1), in (0, 1).

    Returns
    -------
    size, humps, alive
        As `alive_given_weight` takes them.

    Examples
    --------
    >>> size, humps, alive = size_of_a_weight(1.0, 1.0, 0.02, 1e-3, 0.1)
    >>> float(np.sum(sum(humps.values())[1:] * np.diff(np.log(size))).round(2))
    1.0
    """
    slab, spike = Gamma(a, a * variance), Gamma(a_bar, a_bar * variance * contrast)
    size = np.geomspace(1e-5, 10, 400)
    log_slab, log_spike = (log_marginal_weight(size, gamma) for gamma in (slab, spike))
    humps: dict[str, FloatArray] = {
        "slab, times its share": density * 2 * size * np.exp(log_slab),
        "spike, times its share": (1 - density) * 2 * size * np.exp(log_spike),
    }
    alive: FloatArray = expit(logit(density) + log_slab - log_spike)
    return size, humps, {"P(alive | w)": alive}


def snapshot(a: float, a_bar: float, variance: float, contrast: float, density: float) -> Figure:
    """Draw what `size_of_a_weight` returns for one setting, with its parameters.

    Examples
    --------
    >>> len(snapshot(1.0, 1.0, 0.02, 1e-3, 0.1).axes)
    2
    """
    figure = alive_given_weight(*size_of_a_weight(a, a_bar, variance, contrast, density))
    figure.axes[0].set_title(
        rf"$a$ = {a:.2g}, $\bar a$ = {a_bar:.2g}, $v$ = {variance:.2g}, "
        f"contrast {contrast:.1g}, P(alive) = {density:g}",
        fontsize=10,
    )
    return figure


def settings(panels: Mapping[str, Mapping[str, float]]) -> Figure:
    """Draw some settings of the widget side by side.

    Parameters
    ----------
    panels : mapping from a title to the arguments of `size_of_a_weight`

    Examples
    --------
    >>> one = {"a": 1.0, "a_bar": 1.0, "variance": 0.02, "contrast": 1e-3, "density": 0.1}
    >>> len(settings({"one": one, "the same": one}).axes)
    4
    """
    with mpl.rc_context(plots.STYLE | {"axes.titlesize": 10}):
        figure = Figure(figsize=(8, 4.4), layout="constrained")
        grid = figure.subplots(2, len(panels), sharex=True, sharey="row", squeeze=False)
        for column, (title, setting) in zip(grid.T, panels.items(), strict=True):
            size, *rows = size_of_a_weight(**setting)
            looks = looks_of(*rows, looks=LINES)
            for axes, lines in zip(column, rows, strict=True):
                for name, y in lines.items():
                    axes.plot(size, y, label=name, **looks[name])
            column[0].set_title(title)
            column[1].set(xscale="log", xlabel="|w|")
            column[1].xaxis.set_major_locator(LogLocator(numticks=4))
            column[1].xaxis.set_minor_formatter(NullFormatter())
        grid[0, 0].set_ylabel(PER_E_FOLD)
        grid[1, 0].set_ylabel("P(alive | w)")
        figure.legend(*grid[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure


def explore() -> Any:
    """Return a widget: sliders for the prior's numbers, and what they say of a weight's size.

    `snapshot` draws the same picture for one setting.

    Returns
    -------
    ipywidgets.VBox

    Examples
    --------
    >>> len(explore().children)
    6
    """
    import ipywidgets as widgets

    wide: Any = {"continuous_update": False, "style": {"description_width": "9em"}}
    sliders = {
        "a": widgets.FloatLogSlider(1.0, min=-1, max=1.5, step=0.1, description="a", **wide),
        "a_bar": widgets.FloatLogSlider(
            1.0, min=-1, max=1.5, step=0.1, description="a_bar", **wide
        ),
        "variance": widgets.FloatLogSlider(
            0.02, min=-3, max=0, step=0.1, description="squared scale v", **wide
        ),
        "contrast": widgets.FloatLogSlider(
            1e-3, min=-5, max=-0.2, step=0.1, description="contrast r", **wide
        ),
        "density": widgets.FloatSlider(
            0.1, min=0.01, max=0.99, step=0.01, description="P(alive)", **wide
        ),
    }
    image = widgets.Image(format="png")

    def redraw(change: object = None) -> None:
        image.value = as_png(snapshot(**{name: each.value for name, each in sliders.items()}))

    for each in sliders.values():
        each.observe(redraw, names="value")
    redraw()
    return widgets.VBox([*sliders.values(), image])


def sizes(weights: Mapping[str, FloatArray], priors: Mapping[str, HierarchicalPrior]) -> Figure:
    """Draw how large the weights of some layers are, and what some slabs expect.

    Parameters
    ----------
    weights : mapping from a name to an ndarray, any shape
        At most four.
    priors : mapping from a name to a HierarchicalPrior
        At most two.

    Examples
    --------
    >>> from tvbi_ref.module_b import IndependentSupport
    >>> prior = HierarchicalPrior.spike_and_slab(IndependentSupport(0.0))
    >>> len(sizes({"layer 1": np.ones(9)}, {"v = 0.02": prior}).axes)
    1
    """
    at = np.geomspace(1e-4, 30, 300)
    with mpl.rc_context(plots.STYLE):
        figure = Figure(figsize=(7, 3.8), layout="constrained")
        axes = figure.subplots()
        for look, (name, weight) in zip(LINES, weights.items(), strict=False):
            edges, height = _per_e_fold(np.abs(weight).ravel(), at, 6)
            axes.stairs(height, edges, label=name, lw=1.6, **look)
        for shade, (name, prior) in zip(("0.0", "0.5"), priors.items(), strict=False):
            slab = 2 * at * np.exp(log_marginal_weight(at, prior.active))
            axes.plot(at, slab, color=shade, lw=2.6, label=name)
        axes.set(xscale="log", xlabel="size of a weight, |w|", ylabel=PER_E_FOLD)
        use_few_ticks(axes)
        axes.legend(loc="upper left")
    return figure

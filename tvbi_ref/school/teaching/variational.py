"""Variational Bayes and local reparameterisation: the pictures of two lessons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from tvbi_ref._validation import FloatArray
from tvbi_ref.lab import plots
from tvbi_ref.school.teaching.looks import LOOKS


def densities(
    at: FloatArray, lines: Mapping[str, FloatArray], *, xlabel: str, mark: float | None = None
) -> Figure:
    """Draw densities over one axis.

    Parameters
    ----------
    at : ndarray (n,)
    lines : mapping from a name to an ndarray (n,)
        At most four.
    xlabel : str
    mark : float, optional
        Where the truth is: a vertical line.

    Examples
    --------
    >>> w = np.linspace(-1, 1, 5)
    >>> len(densities(w, {"prior": np.exp(-(w**2))}, xlabel="w").axes[0].lines)
    1
    """
    with mpl.rc_context(plots.STYLE):
        figure = Figure(figsize=(6.8, 3.4), layout="constrained")
        axes = figure.subplots()
        for look, (name, y) in zip(LOOKS, lines.items(), strict=False):
            axes.plot(at, y, label=name, color=look["color"], ls=look["ls"])
            axes.fill_between(at, y, color=look["color"], alpha=0.08)
        if mark is not None:
            axes.axvline(mark, color="0.3", lw=1, ls=(0, (1, 2)), label="truth")
        axes.set(xlabel=xlabel, ylabel="density", ylim=(0, None))
        axes.legend()
    return figure


def climbs(rounds: FloatArray, bounds: Mapping[str, FloatArray], log_evidence: float) -> Figure:
    """Draw lower bounds that rise towards what they bound.

    Parameters
    ----------
    rounds : ndarray (n,)
    bounds : mapping from a name to an ndarray (n,)
        At most eight.
    log_evidence : float

    Examples
    --------
    >>> len(climbs(np.arange(2), {"a": np.array([-2.0, -1.0])}, 0.0).axes[0].lines)
    2
    """
    with mpl.rc_context(plots.STYLE):
        figure = Figure(figsize=(6.8, 3.4), layout="constrained")
        axes = figure.subplots()
        axes.axhline(log_evidence, color="black", lw=1.2, label=r"exact $\ln p(D)$")
        for look, (name, bound) in zip(LOOKS, bounds.items(), strict=False):
            axes.plot(rounds, bound, label=name, markersize=4, **look)
        axes.set(xlabel="rounds", ylabel="nats", xscale="log")
        axes.legend(loc="lower right")
    return figure


def gap_map(
    means: FloatArray, deviations: FloatArray, gaps: FloatArray, path: FloatArray
) -> Figure:
    """Draw how far the ELBO is below ln p(D), over mean and deviation of q, and a way down.

    Parameters
    ----------
    means : ndarray (n,)
    deviations : ndarray (m,)
    gaps : ndarray (m, n)
        ln p(D) - ELBO.
    path : ndarray (steps, 2)
        Mean and deviation of q during an ascent.

    Examples
    --------
    >>> mu, sigma = np.linspace(-1, 1, 5), np.linspace(0.1, 1, 4)
    >>> gaps = mu**2 + sigma[:, None] ** 2
    >>> len(gap_map(mu, sigma, gaps, np.array([[1.0, 1.0], [0.0, 0.1]])).axes)
    1
    """
    with mpl.rc_context(plots.STYLE | {"axes.grid": False}):
        figure = Figure(figsize=(6.8, 3.8), layout="constrained")
        axes = figure.subplots()
        levels = [0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300]
        lines = axes.contour(means, deviations, gaps, levels, cmap="cividis", norm="log")
        axes.clabel(lines, fmt="%g", fontsize=9)
        axes.plot(path[:, 0], path[:, 1], color=plots.RED, ls="--", label="ascent of the ELBO")
        axes.plot(*path[0], "s", color=plots.RED, label="start")
        axes.plot(*path[-1], "o", color=plots.RED, label="end")
        axes.set(xlabel=r"mean $\mu$ of q", ylabel=r"deviation $\sigma$ of q", yscale="log")
        axes.set_title(r"$\ln p(D)$ - ELBO, nats")
        figure.legend(loc="outside lower center", ncols=3)
    return figure


def estimators(samples: Mapping[str, FloatArray], truth: float) -> Figure:
    """Draw how one-draw estimates of the same derivative scatter.

    Parameters
    ----------
    samples : mapping from a name to an ndarray (n,)
        At most four; each gets a row with a common axis.
    truth : float

    Examples
    --------
    >>> len(estimators({"a": np.arange(9.0), "b": np.arange(9.0)}, 4.0).axes)
    2
    """
    everything = np.concatenate(list(samples.values()))
    low, high = np.quantile(everything, [0.005, 0.995])
    with mpl.rc_context(plots.STYLE):
        figure = Figure(figsize=(6.8, 1.3 * len(samples) + 0.5), layout="constrained")
        column = figure.subplots(len(samples), 1, sharex=True, squeeze=False)[:, 0]
        for axes, look, (name, values) in zip(column, LOOKS, samples.items(), strict=False):
            axes.hist(values, bins=np.linspace(low, high, 80), color=look["color"])
            axes.axvline(truth, color="black", lw=1.2, ls="--")
            axes.set(title=f"{name}: deviation {values.std():.3g}", yticks=[])
        column[-1].set_xlabel("estimate from one draw; dashed: the derivative itself")
    return figure


def two_rows(
    histograms: Mapping[str, FloatArray], pairs: Mapping[str, tuple[FloatArray, FloatArray]]
) -> Figure:
    """Draw one output's distribution, and the outputs of two rows against each other.

    Parameters
    ----------
    histograms : mapping from a name to an ndarray (n,)
        Left. At most four.
    pairs : mapping from the same names to two ndarrays (n,)
        Right, a panel each.

    Examples
    --------
    >>> z = np.arange(5.0)
    >>> len(two_rows({"a": z, "b": z}, {"a": (z, z), "b": (z, z)}).axes)
    3
    """
    with mpl.rc_context(plots.STYLE | {"axes.titlesize": 10}):
        figure = Figure(figsize=(7.8, 3.0), layout="constrained")
        row = figure.subplots(1, 1 + len(pairs))
        for look, (name, z) in zip(LOOKS, histograms.items(), strict=False):
            style: Any = {"histtype": "step", "color": look["color"], "ls": look["ls"], "lw": 1.6}
            row[0].hist(z, bins=50, density=True, label=name, **style)
        row[0].set(title="one output, one row", xlabel="z", yticks=[])
        row[0].legend(fontsize=9, loc="lower center", bbox_to_anchor=(0.5, -0.55))
        for axes, look, (name, (first, second)) in zip(row[1:], LOOKS, pairs.items(), strict=False):
            axes.plot(first, second, ".", ms=2, color=look["color"], rasterized=True)
            r = np.corrcoef(first, second)[0, 1]
            axes.set(title=f"{name}\ncorrelation {r:.2f}", xlabel="z of row 1", ylabel="z of row 2")
    return figure


def gradient_noise(
    batches: Sequence[int], panels: Mapping[str, Mapping[str, Sequence[float]]]
) -> Figure:
    """Draw the variance of gradients against the size of the batch, log-log.

    Parameters
    ----------
    batches : sequence of int (n,)
    panels : mapping from a title to a mapping from a name to n variances
        At most four names.

    Examples
    --------
    >>> len(gradient_noise([1, 2], {"by the means": {"local": [1.0, 0.5]}}).axes)
    1
    """
    with mpl.rc_context(plots.STYLE):
        figure = Figure(figsize=(7.8, 3.8), layout="constrained")
        row = figure.subplots(1, len(panels), squeeze=False)[0]
        for axes, (title, lines) in zip(row, panels.items(), strict=True):
            for look, (name, variances) in zip(LOOKS, lines.items(), strict=False):
                axes.plot(batches, variances, label=name, ms=5, **look)
            axes.set(title=title, xlabel="rows in the batch, B", xscale="log", yscale="log")
            axes.set_xticks(list(batches), [str(B) for B in batches])
            axes.minorticks_off()
        row[0].set_ylabel("variance, summed over weights")
        handles, labels = row[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=len(labels))
    return figure


def regression(
    data: tuple[FloatArray, FloatArray],
    band: tuple[FloatArray, FloatArray, FloatArray, FloatArray],
    trace: FloatArray,
    levels: Mapping[str, float],
) -> Figure:
    """Draw a fit with its band, and the ELBO on its way to what it can reach.

    Parameters
    ----------
    data : (x, y), each ndarray (N,)
    band : (x, mean, deviation, exact deviation), each ndarray (n,)
        Two deviations are drawn, the exact ones as lines.
    trace : ndarray (steps,)
        The ELBO.
    levels : mapping from a name to a height
        Level lines in the right panel.

    Examples
    --------
    >>> x = np.arange(3.0)
    >>> len(regression((x, x), (x, x, x, x), x, {"ln p(D)": 3.0}).axes)
    2
    """
    x, mean, deviation, exact = band
    with mpl.rc_context(plots.STYLE):
        figure = Figure(figsize=(7.8, 3.5), layout="constrained")
        left, right = figure.subplots(1, 2)
        edges = mean - 2 * deviation, mean + 2 * deviation
        left.fill_between(x, *edges, color=plots.SKY, alpha=0.4, label="mean field")
        left.plot(x, mean, color=plots.BLUE)
        for sign, label in ((-2, "exact posterior"), (2, None)):
            left.plot(x, mean + sign * exact, color=plots.RED, ls="--", lw=1.2, label=label)
        left.legend(fontsize=9)
        left.plot(*data, "o", color="black", ms=3)
        left.set(title="mean and two deviations of f", xlabel="x", ylabel="y")
        right.plot(trace, color=plots.BLUE, label="ELBO")
        for style, (name, height) in zip(("--", ":"), levels.items(), strict=False):
            right.axhline(height, color="0.3", ls=style, lw=1.4, label=name)
        top = max(levels.values())
        right.set(title="objective, nats", xlabel="step", ylim=(top - 30, top + 3))
        right.legend()
    return figure

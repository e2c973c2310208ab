"""Module A: the pictures and the widget of its lesson."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from tvbi_ref._validation import FloatArray
from tvbi_ref.gamma import Gamma
from tvbi_ref.lab import plots
from tvbi_ref.module_a import evidence_collapsed
from tvbi_ref.school.teaching.fields import as_png, draw_lines, legend_below
from tvbi_ref.school.teaching.looks import LINES

__all__ = ["as_png", "evidence", "explore", "ladder", "lines", "maps", "settings", "staircase"]

FACTORS = {
    "w": (plots.BLUE, "o", "q(w)"),
    "rho": (plots.ORANGE, "s", r"q($\rho$)"),
    "s": (plots.GREEN, "^", "q(s)"),
}
Numbers = tuple[float, float, float, float]
"""a, b, a_bar, b_bar."""


def staircase(runs: Mapping[str, Sequence[tuple[str, float]]]) -> Figure:
    """Draw the ELBO after every step, a panel a run; a step down has a ring.

    Parameters
    ----------
    runs : mapping from a name to a sequence of (factor, ELBO)
        The factor is "w", "rho" or "s". At most two runs.

    Examples
    --------
    >>> figure = staircase({"up": [("w", -3.0), ("rho", -2.0), ("s", -1.0)]})
    >>> len(figure.axes)
    1
    """
    with mpl.rc_context(plots.STYLE):
        figure = Figure(figsize=(8, 4), layout="constrained")
        panels = figure.subplots(1, len(runs), sharey=True, squeeze=False)[0]
        for axes, (name, steps) in zip(panels, runs.items(), strict=True):
            values = np.array([value for _, value in steps])
            axes.step(np.arange(len(values)), values, where="post", color="0.6", lw=1)
            for factor, (colour, mark, label) in FACTORS.items():
                at = [k for k, (which, _) in enumerate(steps) if which == factor]
                axes.plot(at, values[at], mark, color=colour, label=label, ms=5)
            down = 1 + np.flatnonzero(np.diff(values) < 0)
            axes.plot(down, values[down], "o", mfc="none", mec=plots.RED, ms=11, label="down")
            axes.set(xlabel="step", title=f"update of the {name} model")
            legend_below(axes)
        panels[0].set_ylabel("ELBO, nats")
    return figure


def maps(before: FloatArray, after: Mapping[str, FloatArray]) -> Figure:
    """Draw what one round makes of logit pi_tilde, and the diagonal on which it rests.

    Parameters
    ----------
    before : ndarray (n,)
    after : mapping from a name to an ndarray (n,)
        At most four.

    Examples
    --------
    >>> x = np.linspace(-1, 1, 5)
    >>> len(maps(x, {"half": x / 2}).axes[0].lines)
    2
    """
    with mpl.rc_context(plots.STYLE):
        figure = Figure(figsize=(6.5, 4.2), layout="constrained")
        axes = figure.subplots()
        axes.plot(before, before, color="0.4", lw=1, label="rest: nothing changes")
        for style, (name, values) in zip(LINES, after.items(), strict=False):
            axes.plot(before, values, label=name, **style)
        axes.set(xlabel=r"logit $\tilde\pi$ before a round", ylabel="after it", ylim=(-12, 9))
        axes.legend(loc="lower right")
    return figure


def lines(x: FloatArray, curves: Mapping[str, FloatArray], *, xlabel: str, ylabel: str) -> Figure:
    """Draw curves over a logarithmic axis.

    Parameters
    ----------
    x : ndarray (n,), > 0
    curves : mapping from a name to an ndarray (n,)
        At most four.
    xlabel, ylabel : str

    Examples
    --------
    >>> figure = lines(np.array([1.0, 10.0]), {"a": np.ones(2)}, xlabel="x", ylabel="y")
    >>> figure.axes[0].get_xscale()
    'log'
    """
    with mpl.rc_context(plots.STYLE):
        figure = Figure(figsize=(6.5, 3.6), layout="constrained")
        axes = figure.subplots()
        draw_lines(axes, x, curves)
        for line in axes.lines:
            line.set(markevery=max(1, len(x) // 12))
        axes.set(xscale="log", xlabel=xlabel, ylabel=ylabel)
    return figure


def evidence(m: FloatArray, curves: Mapping[str, FloatArray]) -> Figure:
    """Draw the evidence l against the second moment m.

    Parameters
    ----------
    m : ndarray (n,), > 0
    curves : mapping from a name to an ndarray (n,)
        At most four.

    Examples
    --------
    >>> figure = evidence(np.array([0.1, 1.0]), {"collapsed": np.array([-1.0, 2.0])})
    >>> figure.axes[0].get_ylabel()
    'evidence l, log-odds'
    """
    with mpl.rc_context(plots.STYLE):
        figure = Figure(figsize=(7.5, 4.4), layout="constrained")
        axes = figure.subplots()
        for style, (name, l) in zip(LINES, curves.items(), strict=False):
            axes.plot(m, l, label=name, **style)
        axes.axhline(0, color="0.4", lw=0.8)
        axes.set(xscale="log", xlabel="second moment m", ylim=(-14, 9))
        axes.set_ylabel("evidence l, log-odds")
        legend_below(axes)
    return figure


def settings(panels: Mapping[str, Sequence[Numbers]]) -> Figure:
    """Draw the collapsed evidence for several priors, a panel a group of them.

    Parameters
    ----------
    panels : mapping from a title to a sequence of (a, b, a_bar, b_bar)
        At most four a panel.

    Examples
    --------
    >>> len(settings({"one": [(1.0, 0.1, 1.0, 1e-3)]}).axes)
    1
    """
    m = np.geomspace(1e-7, 10, 200)
    with mpl.rc_context(plots.STYLE):
        figure = Figure(figsize=(8, 4.2), layout="constrained")
        row = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
        for axes, (title, several) in zip(row, panels.items(), strict=True):
            for style, (a, b, a_bar, b_bar) in zip(LINES, several, strict=False):
                l = evidence_collapsed(m, Gamma(a, b), Gamma(a_bar, b_bar))
                label = f"{a:g}, {b:g}; {a_bar:g}, {b_bar:g}"
                axes.plot(m, l, label=label, **style)
            axes.axhline(0, color="0.4", lw=0.8)
            axes.set(xscale="log", xlabel="second moment m")
            axes.set_title(title, fontsize=10)
            axes.legend(
                title=r"a, b; $\bar a$, $\bar b$",
                loc="upper center",
                bbox_to_anchor=(0.5, -0.2),
                fontsize=9,
            )
        row[0].set_ylabel("evidence l, log-odds")
    return figure


def explore() -> Any:
    """Return a widget: sliders for a, b, a_bar, b_bar, and the evidence curve they make.

    `settings` draws the same curve.

    Returns
    -------
    ipywidgets.VBox

    Examples
    --------
    >>> len(explore().children)
    5
    """
    import ipywidgets as widgets

    wide: Any = {"continuous_update": False, "style": {"description_width": "5em"}}
    ranges = {
        "a": (1.0, -1, 1),
        "b": (0.1, -3, 1),
        "a_bar": (1.0, -1, 1),
        "b_bar": (1e-4, -6, 0),
    }
    sliders = [
        widgets.FloatLogSlider(value, min=low, max=high, step=0.1, description=name, **wide)
        for name, (value, low, high) in ranges.items()
    ]
    image = widgets.Image(format="png")

    def redraw(change: object = None) -> None:
        a, b, a_bar, b_bar = (slider.value for slider in sliders)
        image.value = as_png(settings({"the evidence curve": [(a, b, a_bar, b_bar)]}))

    for slider in sliders:
        slider.observe(redraw, names="value")
    redraw()
    return widgets.VBox([*sliders, image])


def ladder(results: Mapping[str, Sequence[float]]) -> Figure:
    """Draw what each way has kept wrongly and dropped wrongly.

    Parameters
    ----------
    results : mapping from a name to (kept, dead but kept, alive but dropped, ...)

    Examples
    --------
    >>> len(ladder({"one": (5, 1, 2)}).axes[0].patches)
    2
    """
    places = np.arange(len(results))
    with mpl.rc_context(plots.STYLE):
        figure = Figure(figsize=(7.5, 1 + 0.35 * len(results)), layout="constrained")
        axes = figure.subplots()
        for k, (label, colour, hatch) in enumerate(
            (("dead but kept", plots.RED, "//"), ("alive but dropped", plots.BLUE, ""))
        ):
            values = [float(numbers[1 + k]) for numbers in results.values()]
            axes.barh(places + 0.2 * (2 * k - 1), values, 0.38, color=colour, hatch=hatch)
            axes.patches[-1].set_label(label)
        axes.legend()
        axes.set_yticks(places, list(results))
        axes.invert_yaxis()
        axes.set(xlabel="weights, mean over the data sets")
    return figure

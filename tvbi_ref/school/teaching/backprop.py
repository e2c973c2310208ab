"""Backpropagation and how to check it: the pictures of its lesson."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from tvbi_ref._validation import FloatArray
from tvbi_ref.lab import plots
from tvbi_ref.school.teaching.looks import LOOKS, looks_of


def passes(boxes: Sequence[str], forward: Sequence[str], backward: Sequence[str]) -> Figure:
    """Draw layers in a row, what goes forward above them and what comes back below.

    Parameters
    ----------
    boxes : sequence of str
        Names of the layers; a second line is written smaller.
    forward, backward : sequence of str
        What passes from each box to the next, and back; one less than boxes.

    Examples
    --------
    >>> len(passes(["x", "dense", "loss"], ["x", "z"], ["dx", "g"]).axes[0].patches)
    7
    """
    with mpl.rc_context(plots.STYLE):
        figure = Figure(figsize=(7.8, 2.0), layout="constrained")
        axes = figure.subplots()
        for k, name in enumerate(boxes):
            box: Any = {"facecolor": "0.93", "edgecolor": "0.3", "boxstyle": "round,pad=0.05"}
            axes.add_patch(mpl.patches.FancyBboxPatch((k - 0.26, -0.3), 0.52, 0.6, **box))
            axes.text(k, 0, name, ha="center", va="center", fontsize=9.5)
        for k, (there, back) in enumerate(zip(forward, backward, strict=True)):
            _arrow(axes, k + 0.1, k + 0.9, 0.52, there, plots.BLUE, "-")
            _arrow(axes, k + 0.9, k + 0.1, -0.52, back, plots.RED, "--")
        axes.set(xlim=(-0.45, len(boxes) - 0.55), ylim=(-1.05, 1.05))
        axes.axis("off")
    return figure


def _arrow(
    axes: Any, start: float, end: float, height: float, text: str, colour: str, style: str
) -> None:
    look: Any = {"arrowstyle": "->", "mutation_scale": 14, "color": colour, "ls": style, "lw": 1.6}
    axes.add_patch(mpl.patches.FancyArrowPatch((start, height), (end, height), **look))
    middle, side = (start + end) / 2, np.sign(height)
    axes.text(middle, height + 0.26 * side, text, ha="center", va="center", color=colour)


def step_sizes(
    steps: FloatArray, errors: Mapping[str, FloatArray], remainders: Mapping[str, FloatArray]
) -> Figure:
    """Draw the error of difference quotients, and Taylor remainders, against the step.

    Parameters
    ----------
    steps : ndarray (n,)
    errors, remainders : mapping from a name to an ndarray (n,)
        Left and right panel; at most three each. Zeros are left out.

    Examples
    --------
    >>> h = np.logspace(-3, -1, 5)
    >>> len(step_sizes(h, {"central": h**2}, {"right": h**2, "wrong": h}).axes)
    2
    """
    titles = ("error of a difference quotient", "Taylor remainder")
    with mpl.rc_context(plots.STYLE):
        figure = Figure(figsize=(7.8, 3.6), layout="constrained")
        panels = figure.subplots(1, 2)
        looks = looks_of(errors, remainders)
        for axes, title, lines in zip(panels, titles, (errors, remainders), strict=True):
            for name, y in lines.items():
                axes.plot(steps, np.where(y > 0, y, np.nan), label=name, ms=4, **looks[name])
            axes.set(title=title, xlabel=r"step $\tau$", xscale="log", yscale="log")
            axes.legend(fontsize=9)
    return figure


def softmax_bars(p: FloatArray, y: Sequence[int]) -> Figure:
    """Draw probabilities of a few rows, their labels, and the gradients by the logits.

    Parameters
    ----------
    p : ndarray (B, C)
        softmax(z).
    y : sequence of int (B,)

    Examples
    --------
    >>> len(softmax_bars(np.full((2, 4), 0.25), [0, 3]).axes)
    2
    """
    B, C = p.shape
    with mpl.rc_context(plots.STYLE):
        figure = Figure(figsize=(7.8, 2.9), layout="constrained")
        row = figure.subplots(1, B, sharey=True, squeeze=False)[0]
        places = np.arange(C)
        for axes, probabilities, label in zip(row, p, y, strict=True):
            gradient = probabilities - (places == label)
            axes.bar(places - 0.2, probabilities, 0.4, color=plots.SKY, label="softmax(z)")
            axes.bar(
                places + 0.2, gradient, 0.4, color=plots.RED, hatch="//", label="gradient by z"
            )
            axes.axhline(0, color="0.3", lw=0.8)
            axes.set(title=f"label {label}", xlabel="class c", xticks=places, ylim=(-1.05, 1.05))
        handles, labels = row[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=2)
    return figure


def against_precision(precisions: FloatArray, values: Mapping[str, FloatArray]) -> Figure:
    """Draw losses against the noise precision.

    Parameters
    ----------
    precisions : ndarray (n,)
    values : mapping from a name to an ndarray (n,)
        At most three.

    Examples
    --------
    >>> gamma = np.array([0.5, 1.0])
    >>> len(against_precision(gamma, {"loss": gamma}).axes[0].lines)
    1
    """
    with mpl.rc_context(plots.STYLE):
        figure = Figure(figsize=(6.8, 3.5), layout="constrained")
        axes = figure.subplots()
        for look, (name, y) in zip(LOOKS, values.items(), strict=False):
            axes.plot(precisions, y, label=name, **(look | {"marker": None}))
        axes.set(xlabel=r"noise precision $\gamma$", ylabel="loss", xscale="log")
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axes.legend()
    return figure


def training(losses: Mapping[str, FloatArray], scores: Mapping[str, FloatArray]) -> Figure:
    """Draw losses and accuracies by epoch.

    Parameters
    ----------
    losses, scores : mapping from a name to an ndarray (epochs,)
        At most three each.

    Examples
    --------
    >>> len(training({"ours": np.ones(3)}, {"test": np.ones(3)}).axes)
    2
    """
    with mpl.rc_context(plots.STYLE):
        figure = Figure(figsize=(7.8, 3.3), layout="constrained")
        panels = figure.subplots(1, 2)
        looks = looks_of(losses, scores)
        for axes, title, curves in zip(
            panels, ("training loss", "accuracy"), (losses, scores), strict=True
        ):
            for name, y in curves.items():
                axes.plot(np.arange(1, len(y) + 1), y, label=name, ms=4, **looks[name])
            axes.set(title=title, xlabel="epoch")
            axes.legend()
    return figure

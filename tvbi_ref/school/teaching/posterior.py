"""The exact posterior beside Turbo-VBI's: the pictures of lesson 07."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from tvbi_ref._validation import FloatArray
from tvbi_ref.lab import plots
from tvbi_ref.school.teaching.looks import LINES, LOOKS

EDGES = np.array([0, 0.05, 0.15, 0.3, 0.5, 0.7, 0.95, 1])
"""Of the bins of a reliability diagram: narrow where most weights are."""


def reliability(beliefs: Mapping[str, FloatArray], alive: NDArray[np.bool_]) -> Figure:
    """Draw how often weights are alive, against how probable that was said to be.

    Left with a standard error each, where a bin has twenty weights or more; right how many weights
    are in each bin.

    Parameters
    ----------
    beliefs : mapping from a name to an ndarray (n,), in [0, 1]
        At most eight.
    alive : ndarray of bool (n,)
        The truth.

    Examples
    --------
    >>> p = np.linspace(0, 1, 100)
    >>> len(reliability({"one": p, "other": p**2}, p > 0.5).axes)
    2
    """
    with mpl.rc_context(plots.STYLE):
        figure = Figure(figsize=(6.6, 3.8), layout="constrained")
        left, right = figure.subplots(1, 2, width_ratios=(1.3, 1))
        left.plot([0, 1], [0, 1], color="0.6", lw=1)
        middle = np.arange(len(EDGES) - 1)
        for k, (look, (name, p)) in enumerate(zip(LOOKS, beliefs.items(), strict=False)):
            x, y, error, count = _binned(p, alive)
            left.errorbar(
                x, y, error, label=name, ms=6, capsize=2, **(look | {"ls": "", "lw": 1.2})
            )
            place = middle + 0.4 - 0.8 * (k + 0.5) / len(beliefs)
            right.barh(place, count, 0.8 / len(beliefs), color=look["color"])
        left.set(xlabel="mean P(alive) of a bin", ylabel="share that is alive", aspect="equal")
        spans = [f"{low:g} to {high:g}" for low, high in pairwise(EDGES)]
        right.set(yticks=middle, yticklabels=spans, xlabel="weights", ylabel="P(alive)")
        figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure


def _binned(p: FloatArray, alive: NDArray[np.bool_]) -> tuple[Any, Any, Any, Any]:
    """Return mean probability, share, standard error of bins with twenty or more; all counts."""
    which = np.clip(np.searchsorted(EDGES, p, side="right") - 1, 0, len(EDGES) - 2)
    groups = [which == k for k in range(len(EDGES) - 1)]
    full = [group for group in groups if group.sum() >= 20]
    x, y = ([values[group].mean() for group in full] for values in (p, alive))
    error = [np.sqrt(f * (1 - f) / group.sum()) for f, group in zip(y, full, strict=True)]
    return x, y, error, [group.sum() for group in groups]


def one_weight(
    fitted: FloatArray,
    beliefs: Mapping[str, FloatArray],
    w: FloatArray,
    densities: Mapping[str, FloatArray],
) -> Figure:
    """Draw P(alive) of a lone weight against what the data want, and densities of one weight.

    Parameters
    ----------
    fitted : ndarray (n,)
    beliefs : mapping from a name to an ndarray (n,)
    w : ndarray (k,)
    densities : mapping from a name to an ndarray (k,)
        A name that is in both has one look.

    Examples
    --------
    >>> x = np.linspace(0, 1, 5)
    >>> len(one_weight(x, {"exact": x}, x, {"exact": x, "cavity": x}).axes)
    2
    """
    looks = dict(zip(dict.fromkeys([*beliefs, *densities]), LINES, strict=False))
    with mpl.rc_context(plots.STYLE):
        figure = Figure(figsize=(6.6, 3.3), layout="constrained")
        left, right = figure.subplots(1, 2)
        for axes, x, curves in ((left, fitted, beliefs), (right, w, densities)):
            for name, y in curves.items():
                axes.plot(x, y, label=name, **looks[name])
        left.set(xlabel=r"what the data want, $\hat w$", ylabel="P(alive)")
        right.set(xlabel="w", ylabel="density")
        handles = {
            text: line
            for a in (left, right)
            for line, text in zip(*a.get_legend_handles_labels(), strict=True)
        }
        figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=3)
    return figure

"""Baselines: the picture of its lesson."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib as mpl
from matplotlib.figure import Figure

from tvbi_ref._validation import FloatArray
from tvbi_ref.lab import plots
from tvbi_ref.school.teaching.looks import LINES, looks_of


def pulls(
    sizes: FloatArray, penalties: Mapping[str, FloatArray], turbo: Mapping[str, FloatArray]
) -> Figure:
    """Draw how hard a weight is pulled to zero against its size: penalties, and Turbo-VBI.

    Parameters
    ----------
    sizes : ndarray (n,), > 0
    penalties, turbo : mapping from a name to an ndarray (n,), > 0
        At most four each.

    Examples
    --------
    >>> import numpy as np
    >>> w = np.array([0.1, 1.0])
    >>> len(pulls(w, {"lasso": np.ones(2)}, {"alive": w}).axes)
    2
    """
    with mpl.rc_context(plots.STYLE):
        figure = Figure(figsize=(8, 4.4), layout="constrained")
        panels = figure.subplots(1, 2, sharey=True)
        titles = ("one curve for all weights", "a curve for each neighbourhood")
        looks = looks_of(penalties, turbo, looks=LINES)
        for axes, curves, title in zip(panels, (penalties, turbo), titles, strict=True):
            for name, values in curves.items():
                axes.plot(sizes, values, label=name, **looks[name])
            axes.set(xscale="log", yscale="log", xlabel="size of the weight", title=title)
            axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.18))
        panels[0].set_ylabel("pull towards zero")
    return figure

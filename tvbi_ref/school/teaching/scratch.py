"""Two programmes side by side: the picture of the lesson from scratch."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib as mpl
from matplotlib.figure import Figure

from tvbi_ref._validation import FloatArray
from tvbi_ref.lab import plots
from tvbi_ref.school.teaching.fields import draw_support


def supports(log_odds: Sequence[FloatArray], whose: str) -> Figure:
    """Draw which weights of each layer are more likely alive than dead, neurons as rows.

    Parameters
    ----------
    log_odds : sequence of ndarray (I, J)
        logit pi_tilde.
    whose : str
        For the title.

    Examples
    --------
    >>> import numpy as np
    >>> [axes.get_title("left") for axes in supports([np.array([[1.0], [-1.0]])], "mine").axes]
    ['mine, layer 1: 1 of 2']
    """
    with mpl.rc_context(plots.STYLE):
        figure = Figure(figsize=(8, 2.9), layout="constrained")
        widths = [len(each) for each in log_odds]
        panels = figure.subplots(1, len(log_odds), squeeze=False, width_ratios=widths)[0]
        for k, (axes, each) in enumerate(zip(panels, log_odds, strict=True), start=1):
            alive = each >= 0
            draw_support(axes, alive.T.astype(float))
            axes.set(xlabel="input", ylabel="neuron")
            axes.set_title(f"{whose}, layer {k}: {alive.sum()} of {alive.size}")
    return figure

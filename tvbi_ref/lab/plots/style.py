"""Colours, type and axes that all pictures share, and the file of one."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from tvbi_ref._files import atomic_write

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BLUE, ORANGE, GREEN, PURPLE, RED, SKY = (
    "#0072B2",
    "#E69F00",
    "#009E73",
    "#CC79A7",
    "#D55E00",
    "#56B4E9",
)
LAYER_COLOURS = (BLUE, ORANGE, GREEN, PURPLE, RED, SKY)
LAYER_STYLES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1)))
STYLE: Any = {
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.grid": True,
    "axes.titlesize": 11,
    "axes.titlelocation": "left",
    "grid.alpha": 0.3,
    "legend.frameon": False,
    "font.size": 10,
    "lines.linewidth": 1.8,
    "savefig.dpi": 150,
    "svg.hashsalt": "tvbi_ref",  # or its identifiers are drawn at random
}


def save(figure: Figure, path: str | os.PathLike[str]) -> Path:
    """Write a figure, atomically; the ending of the name chooses the format.

    Parameters
    ----------
    figure : Figure
    path : path-like
        Ending in .png, .svg or .pdf.

    Returns
    -------
    pathlib.Path
        Where it is.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(Figure(), f"{folder}/empty.svg").suffix
    '.svg'
    """
    target = Path(path)
    with atomic_write(target) as file, mpl.rc_context(STYLE):
        # No date inside: the same picture is the same bytes.
        kind = target.suffix.lstrip(".")
        dates = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}
        figure.savefig(file, format=kind, metadata=dates.get(kind))
    return target


def use_plain_logs(axes: Axes) -> None:
    """Make a horizontal axis logarithmic, with 1, 2, 5, 10 written as such, 20,000 as 20k.

    A narrow range has labels in between.

    Parameters
    ----------
    axes : Axes
        What it shows must be drawn already.

    Examples
    --------
    >>> axes = Figure().subplots()
    >>> _ = axes.plot([3, 30], [0, 0])
    >>> use_plain_logs(axes)
    >>> [label.get_text() for label in axes.get_xticklabels()][1:-1]
    ['2', '5', '10', '20']
    """
    axes.set_xscale("log")
    low, high = axes.get_xlim()
    limits = {3: range(1, 10), 8: (1, 2, 3, 5, 7), 1000: (1, 2, 5), np.inf: (1,)}
    steps = next(steps for limit, steps in limits.items() if high < limit * low)
    axes.xaxis.set_major_locator(LogLocator(subs=steps))
    axes.xaxis.set_major_formatter(lambda value, _: plain(value))
    axes.xaxis.set_minor_formatter(NullFormatter())


def plain(value: float) -> str:
    """Return a number without an exponent, from ten thousand on in thousands.

    Examples
    --------
    >>> plain(0.5), plain(2000), plain(20_000)
    ('0.5', '2000', '20k')
    """
    return f"{value:g}" if value < 10_000 else f"{value / 1000:g}k"

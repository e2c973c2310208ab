"""How lines look: a name has one colour, one dash and one mark in all panels of a picture."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from tvbi_ref.lab import plots

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LOOKS: Any = (
    {"color": plots.BLUE, "ls": "-", "marker": "o"},
    {"color": plots.RED, "ls": "--", "marker": "s"},
    {"color": plots.GREEN, "ls": "-.", "marker": "^"},
    {"color": plots.PURPLE, "ls": ":", "marker": "D"},
    {"color": "0.3", "ls": (0, (5, 1)), "marker": "v"},
    {"color": plots.ORANGE, "ls": (0, (3, 1, 1, 1)), "marker": "P"},
    {"color": plots.SKY, "ls": "-", "marker": "X"},
    {"color": "black", "ls": "--", "marker": "*"},
)
LINES: Any = tuple({key: look[key] for key in ("color", "ls")} for look in LOOKS)
"""The same without marks."""


def looks_of(*panels: Iterable[str], looks: Sequence[Any] = LOOKS) -> dict[str, Any]:
    """Return a look for every name of some panels, so that no look means two things.

    Parameters
    ----------
    *panels : iterables of str
        The names of the lines of each panel.
    looks : sequence
        As many as there are different names, or more.

    Examples
    --------
    >>> looks = looks_of(["a", "b"], ["b", "c"])
    >>> list(looks), len({look["color"] for look in looks.values()})
    (['a', 'b', 'c'], 3)
    """
    names = list(dict.fromkeys(name for panel in panels for name in panel))
    if len(names) > len(looks):
        raise ValueError(f"panels: {len(names)} different names, but there are {len(looks)} looks")
    return dict(zip(names, looks, strict=False))


def show_coinciding(axes: Axes) -> None:
    """Draw earlier lines wider, so that one which lies under another is seen on both sides of it.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> axes = Figure().subplots()
    >>> lines = axes.plot([0, 1], [0, 1]) + axes.plot([0, 1], [0, 1])
    >>> show_coinciding(axes)
    >>> lines[0].get_linewidth() > lines[1].get_linewidth()
    True
    """
    for k, line in enumerate(reversed(axes.lines)):
        line.set_linewidth(1.4 + 0.8 * k)


def described(figure: Figure, alt: str) -> None:
    """Show a figure in a notebook with a text for who cannot see it.

    Parameters
    ----------
    figure : Figure
    alt : str
        What the picture says, not how it looks.

    Examples
    --------
    >>> import contextlib, io
    >>> from matplotlib.figure import Figure
    >>> with contextlib.redirect_stdout(io.StringIO()) as shown:  # outside a notebook a few words
    ...     described(Figure(), "nothing")
    >>> "640x480" in shown.getvalue()
    True
    """
    from IPython.display import display  # only lessons have it

    display(figure, metadata={"image/png": {"alt": alt}})

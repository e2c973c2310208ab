"""A picture of the equations that were heard."""

from __future__ import annotations

import itertools
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle

from tvbi_ref.equations import Call, Heard
from tvbi_ref.equations.sockets import SOCKETS
from tvbi_ref.lab.plots.style import BLUE, ORANGE, STYLE

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LANES = {"nets": "network", "module_a": "Module A", "turbo": "wire", "module_b": "Module B"}
"""Where a call is drawn, by the part of the package that its function stands in."""

WHOSE: dict[str, Any] = {
    "readable": {"facecolor": "white", "edgecolor": BLUE, "linewidth": 1.2},
    "fast": {"facecolor": "#F7D794", "edgecolor": ORANGE, "linewidth": 1.2, "linestyle": "--"},
    "own": {"facecolor": "#8FD3BE", "edgecolor": "black", "linewidth": 2.2},
}
WHOSE_IN_WORDS = {"readable": "readable form", "fast": "fast form", "own": "a function of your own"}


def heard(heard: Heard, *, within: str | None = None, columns: int = 16) -> Figure:
    r"""Draw which equations were heard: a lane a module, and time from left to right.

    What a call calls itself hangs below it. Calls of one equation that follow each other in one
    lane are one box, with their number.

    Parameters
    ----------
    heard : Heard
        What `tvbi_ref.listen` has heard.
    within : str, optional
        Only the first call of this equation and what it calls; "turbo-loop": one round.
    columns : int
        What does not fit into so many boxes side by side is left out, and the title says so.

    Raises
    ------
    ValueError
        If there is nothing to draw.

    Examples
    --------
    >>> from tvbi_ref import ChainSupport, listen, use
    >>> with use("numpy"), listen() as ears:
    ...     _ = ChainSupport(0.1, 0.3).extrinsic([[3.0], [0.0]])
    >>> [text.get_text().split("\n")[0] for text in heard(ears).axes[0].texts]
    ['chain', 'cavity ×\xa02', 'sum-product', 'extrinsic-b', 'belief', 'cavity']
    """
    calls = list(_calls_within(heard.calls, within))
    if not calls:
        what = "a call" if within is None else f"a call of {within}"
        raise ValueError(f"heard must have {what}; got {heard!r}")
    boxes, n_calls = _fitting(_bundled(_as_trees(calls)), columns)
    shown = "" if n_calls == len(calls) else f", the first {n_calls} of {len(calls)} calls"
    with mpl.rc_context(STYLE | {"axes.grid": False}):
        lanes = _rows_of_lanes(boxes)
        width, height = sum(box.width for box in boxes), sum(lanes.values())
        size = (max(0.88 * width + 1.1, 5.5), 0.54 * height + 1.1)
        figure = Figure(figsize=size, layout="constrained")
        axes = figure.subplots()
        tops = _draw_lanes(axes, lanes, width)
        _draw_boxes(axes, boxes, tops, left=0)
        axes.set(xlim=(0, width), ylim=(height, 0), xticks=[])
        axes.set_xlabel("calls from left to right; below a call, those that it makes")
        axes.set_title(f"what was heard{f' within {within}' if within else ''}{shown}")
        whose = [name for name in WHOSE if any(name in box.all_whose() for box in boxes)]
        marks = [Patch(**WHOSE[name], label=WHOSE_IN_WORDS[name]) for name in whose]
        figure.legend(handles=marks, loc="outside lower right", ncols=3)
    return figure


@dataclass
class _Box:
    """Calls of one equation that are drawn as one, and what they called."""

    label: str
    whose: str
    lane: str
    count: int = 1
    inside: list[_Box] = field(default_factory=list)

    @property
    def width(self) -> int:
        """In columns."""
        return max(1, sum(box.width for box in self.inside))

    @property
    def n_calls(self) -> int:
        return self.count + sum(box.n_calls for box in self.inside)

    def all_whose(self) -> set[str]:
        return {self.whose}.union(*(box.all_whose() for box in self.inside))

    @property
    def text(self) -> str:
        """The label with the number of calls, in lines that fit into the box."""
        times = f" ×\N{NO-BREAK SPACE}{self.count}" if self.count > 1 else ""
        lines = textwrap.wrap(f"{self.label}{times}", 12 * self.width)
        if len(lines) > 2:  # for a smaller font
            lines = textwrap.wrap(f"{self.label}{times}", 15 * self.width)
        return "\n".join(lines)


def _calls_within(calls: Sequence[Call], label: str | None) -> Iterator[Call]:
    """Yield the first call of this label and all that it led to; all calls for None."""
    if label is None:
        yield from calls
        return
    start = next((k for k, call in enumerate(calls) if call.label == label), len(calls))
    for call in calls[start:]:
        if call is not calls[start] and call.depth <= calls[start].depth:
            return
        yield call


def _lane(call: Call) -> str:
    """Return the part of the package that a call belongs to, also of a step without an equation."""
    module = getattr(SOCKETS.get(call.label), "__module__", "tvbi_ref.rest")
    part = call.group or module.split(".")[1]
    return LANES.get(part, "rest")


def _as_trees(calls: Sequence[Call]) -> list[_Box]:
    roots: list[_Box] = []
    open_calls: list[_Box] = []
    for call in calls:
        del open_calls[call.depth - calls[0].depth :]
        box = _Box(call.label, call.whose, _lane(call))
        (open_calls[-1].inside if open_calls else roots).append(box)
        open_calls.append(box)
    return roots


def _bundled(boxes: Iterable[_Box]) -> list[_Box]:
    """Return the boxes with those of one equation made one, as long as the lane is the same."""
    bundled: list[_Box] = []
    for _, visit in itertools.groupby(boxes, key=lambda box: box.lane):
        found: dict[tuple[str, str], _Box] = {}
        for box in visit:
            key = (box.label, box.whose)
            if key in found:
                found[key].count += box.count
                found[key].inside += box.inside
            else:
                found[key] = box
        bundled += found.values()
    for box in bundled:
        box.inside = _bundled(box.inside)
    return bundled


def _fitting(boxes: list[_Box], columns: int) -> tuple[list[_Box], int]:
    """Return the first boxes, so many as fit but at least one, and their number of calls."""
    widths = itertools.accumulate(box.width for box in boxes)
    shown = boxes[: max(1, sum(width <= columns for width in widths))]
    return shown, sum(box.n_calls for box in shown)


def _rows_of_lanes(boxes: list[_Box]) -> dict[str, int]:
    """Return how many rows each lane needs, from the top; one without calls has none."""
    found: dict[str, int] = {}

    def visit(boxes: list[_Box], above: Mapping[str, int]) -> None:
        for box in boxes:
            row = above.get(box.lane, 0) + 1
            found[box.lane] = max(found.get(box.lane, 0), row)
            visit(box.inside, {**above, box.lane: row})

    visit(boxes, {})
    return {lane: found[lane] for lane in (*LANES.values(), "rest") if lane in found}


def _draw_lanes(axes: Axes, lanes: Mapping[str, int], width: int) -> dict[str, int]:
    """Draw the lanes' grounds and names; return the row in which each begins."""
    tops = dict(zip(lanes, itertools.accumulate(lanes.values(), initial=0), strict=False))
    for k, (lane, rows) in enumerate(lanes.items()):
        ground = "0.94" if k % 2 == 0 else "0.985"
        axes.add_patch(Rectangle((0, tops[lane]), width, rows, facecolor=ground, zorder=0))
    axes.set_yticks([tops[lane] + rows / 2 for lane, rows in lanes.items()], list(lanes))
    axes.tick_params(length=0)
    return tops


def _draw_boxes(axes: Axes, boxes: list[_Box], rows: Mapping[str, int], left: int) -> None:
    """Draw boxes side by side, each in its lane's next free row, and below each what it called."""
    for box in boxes:
        row, width = rows[box.lane], box.width
        spot = (left + 0.04, row + 0.1)
        axes.add_patch(Rectangle(spot, width - 0.08, 0.8, **WHOSE[box.whose]))
        longest = max(map(len, box.text.split("\n"))) / box.width
        size = 6.5 if longest > 13 or box.text.count("\n") > 1 else 8
        middle = (left + width / 2, row + 0.5)
        axes.text(*middle, box.text, ha="center", va="center", size=size)
        _draw_boxes(axes, box.inside, {**rows, box.lane: row + 1}, left)
        left += width

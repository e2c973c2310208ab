"""The picture of docs/architecture.md: the rooms of the package and who imports whom.

Rows are the layers of the import-linter contract in pyproject.toml, arrows what the files import.
An arrow that follows from two others is left out, and so are those to the grey rooms, which all
may use. Writes architecture.png beside this file; no run, a second.
"""

from __future__ import annotations

import ast
import textwrap
import tomllib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from _common import HERE
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from tvbi_ref.lab import plots

PACKAGE = HERE.parent / "tvbi_ref"
COLOURS = {
    plots.SKY: ("cli", "school", "lab"),
    plots.GREEN: (
        "module_a",
        "module_b",
        "turbo",
        "prior",
        "checkpoint",
        "gamma",
        "nets",
        "compression",
    ),
    plots.ORANGE: ("equations", "fast"),
}
Place = tuple[float, float]
WIDTH, HEIGHT = 2.8, 0.9
FLOOR = ("datasets", "_archive", "_files", "_validation", "errors")


def rows() -> list[list[str]]:
    """Return the rooms of every layer, from the top; the dispatcher's own room stands apart."""
    settings = tomllib.loads((HERE.parent / "pyproject.toml").read_text())["tool"]["importlinter"]
    layers = [row.split(" | ") for row in settings["contracts"][0]["layers"]]
    kept = [[room for room in row if room not in (*FLOOR, "fast")] for row in layers]
    return [row for row in kept if row]


def imported(path: Path) -> Iterator[str]:
    """Yield the rooms that a file imports, but for its type annotations."""
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body = []
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("tvbi_ref"):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from (name.split(".")[1] for name in names)


def arrows(rooms: set[str]) -> set[tuple[str, str]]:
    """Return who imports whom among the rooms, without what follows from other arrows."""
    found = {
        (path.relative_to(PACKAGE).parts[0].removesuffix(".py"), target)
        for path in PACKAGE.rglob("*.py")
        for target in imported(path)
    }
    direct = {(a, b) for a, b in found if a != b and {a, b} <= rooms}
    reach = set(direct)
    for _ in rooms:
        reach |= {(a, d) for a, b in reach for c, d in direct if b == c}
    return {(a, b) for a, b in direct if not any({(a, c), (c, b)} <= reach for c in rooms)}


def purpose(room: str) -> str:
    """Return the first line of a room's docstring, up to its colon or full stop."""
    file = PACKAGE / room / "__init__.py"
    text = ast.get_docstring(
        ast.parse((file if file.exists() else PACKAGE / f"{room}.py").read_text())
    )
    return (text or "").splitlines()[0].split(": ")[0].split(", and")[0].rstrip(".")


def draw_room(axes: Axes, room: str, x: float, y: float) -> None:
    """Draw a box with the room's name and purpose."""
    colour = next((c for c, rooms in COLOURS.items() if room in rooms), "0.6")
    box = {"facecolor": "white", "edgecolor": colour, "linewidth": 2.5}
    axes.add_patch(Rectangle((x - WIDTH / 2, y - HEIGHT / 2), WIDTH, HEIGHT, **box, zorder=2))
    axes.text(x, y + 0.22, room, ha="center", va="center", weight="bold", zorder=3)
    words = textwrap.fill(purpose(room).replace("``", ""), 32)
    axes.text(x, y - 0.14, words, ha="center", va="center", fontsize=9, zorder=3)


def draw_arrow(axes: Axes, start: Place, end: Place) -> None:
    """Draw an arrow to the next row straight, to a lower one around the rows between."""
    (x0, y0), (x1, y1) = start, end
    look = {"arrowstyle": "-|>", "color": "0.35", "shrinkA": 0, "shrinkB": 0}
    if y0 - y1 > 1.5 and x0 != x1:
        x0, y0 = x0 + np.sign(x1 - x0) * WIDTH / 2, y0 + HEIGHT / 2
        look["connectionstyle"] = "angle,angleA=0,angleB=90"
    axes.annotate("", (x1, y1 + HEIGHT / 2), (x0, y0 - HEIGHT / 2), arrowprops=look, zorder=1)


def draw() -> Figure:
    """Draw all rooms, a row a layer, and the arrows between them."""
    layers = rows()
    places = {
        room: (3.3 * (k - (len(row) - 1) / 2), -1.3 * depth)
        for depth, row in enumerate(layers)
        for k, room in enumerate(row)
    }
    figure = Figure(figsize=(11, 9.5), layout="constrained")
    axes = figure.subplots()
    for a, b in arrows(set(places)):
        draw_arrow(axes, places[a], places[b])
    for room, place in places.items():
        draw_room(axes, room, *place)
    x, y = places["equations"]
    draw_room(axes, "fast", x - 3.7, y)
    dashed = {"arrowstyle": "<|-|>", "color": plots.ORANGE, "linestyle": "--"}
    axes.annotate("", (x - 3.7 + WIDTH / 2, y), (x - WIDTH / 2, y), arrowprops=dashed)
    floor = "under all of them: " + ", ".join(FLOOR)
    axes.text(0, y - 1, floor, ha="center", color="0.3")
    axes.set(xlim=(-6.9, 4.9), ylim=(y - 1.3, 0.7))
    axes.set_axis_off()
    return figure


if __name__ == "__main__":
    plots.save(draw(), HERE / "architecture.png")

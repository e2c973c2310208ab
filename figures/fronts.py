"""Pictures of what figures/runs.py has measured: fronts, time, structure.

Writes front.png (test error against the bytes of the coded file, beside published points),
levers.png (what each setting and more epochs are worth) and structure.png (what structure in the
prior is worth) beside this file, from the rows in runs/. A second.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import matplotlib as mpl
import numpy as np
from _common import HERE
from _common import average as mean
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from runs import SHARES, by_label

from tvbi_ref import plots

Row = dict[str, Any]

LOOK = {
    "independent": (plots.BLUE, "o", "Turbo-VBI, independent"),
    "chains": (plots.ORANGE, "s", "Turbo-VBI, chains"),
    "grid": (plots.GREEN, "^", "Turbo-VBI, grid"),
    "pixels": (plots.SKY, "v", "Turbo-VBI, kernels and groups"),
    "gradual_magnitude": ("0.2", "+", "gradual magnitude"),
    "sparse_vd": (plots.PURPLE, "D", "Sparse VD"),
}
PUBLISHED: dict[str, dict[str, list[tuple[str, float, float]]]] = {
    "bytes": {
        "mnist": [("Oktay et al.", 8560, 1.9)],
        "lenet5": [
            ("Oktay et al.", 2840, 1.0),
            ("MIRACLE", 1700, 0.83),
            ("MIRACLE", 1150, 0.98),
        ],
    },
    "times": {
        "mnist": [("Sparse VD", 68, 1.92), ("sparse momentum", 100, 2.36)],
        "lenet5": [
            ("Sparse VD", 280, 0.75),
            ("BC-GHS", 156, 1.0),
            ("sparse momentum", 100, 0.83),
        ],
    },
}
"""Name, size and test error in percent, none of them our runs.

D. Oktay, J. Balle, S. Singh and A. Shrivastava, "Scalable model compression by entropy penalized
reparameterization" (ICLR 2020). MIRACLE: what the public code of M. Havasi, R. Peharz and J. M.
Hernandez-Lobato, "Minimal random code learning" (ICLR 2019), says that it makes. Sparse VD: D.
Molchanov, A. Ashukha and D. Vetrov (ICML 2017). BC-GHS: C. Louizos, K. Ullrich and M. Welling (NIPS
2017). Sparse momentum: T. Dettmers and L. Zettlemoyer, "Sparse networks from scratch" (2019).
"""
PANELS = {
    "mnist": "LeNet-300-100, MNIST",
    "lenet5": "LeNet-5-Caffe, MNIST",
    "fashion": "LeNet-300-100, Fashion-MNIST",
    "fashion5": "LeNet-5-Caffe, Fashion-MNIST",
}


def kind_of(row: Row) -> str:
    """Return the support of Turbo-VBI, or the other method."""
    if row["method"] != "turbo":
        return row["method"]
    return row["support"] if isinstance(row["support"], str) else row["support"][0][0]


def in_style(
    draw: Callable[..., None], rows: int, columns: int, name: str, size: tuple[float, float]
) -> None:
    """Draw with the package's style and save."""
    with mpl.rc_context(plots.STYLE):
        figure = Figure(figsize=size, layout="constrained")
        draw(*np.ravel(figure.subplots(rows, columns)))
    plots.save(figure, HERE / f"{name}.png")


def front(*panels: Axes) -> None:
    """Draw error against bytes above, against the share of weights below; a panel a network."""
    n = len(PANELS)
    for axes, (group, title) in zip(panels[:n], PANELS.items(), strict=True):
        draw_front(axes, group, [(f"bytes_{s}", f"error_{s}") for s in SHARES])
        draw_published(axes, PUBLISHED["bytes"].get(group, []))
        axes.set(title=title, xlabel="bytes of the file, all charged")
    for axes, group in zip(panels[n:], PANELS, strict=True):
        draw_front(axes, group, [("times", "error")])
        draw_published(axes, PUBLISHED["times"].get(group, []))
        axes.set(xlabel="times fewer weights")
    for axes in panels:
        axes.set_ylabel("test error, %")
        axes.margins(x=0.18, y=0.08)
    panels[0].plot([], [], "x", color=plots.RED, label="published, not ours")
    panels[0].plot([], [], color="0.3", ls="--", lw=0.8, label="dense")
    found = [axes.get_legend_handles_labels() for axes in panels]
    handles = {label: h for pair in found for h, label in zip(*pair, strict=True)}
    panels[0].legend(handles.values(), handles.keys(), fontsize=7)


def draw_front(axes: Axes, group: str, columns: list[tuple[str, str]]) -> None:
    """Draw a line a network, means over the seeds, through its sizes and errors."""
    seen = set()
    for rows in by_label(group).values():
        kind = kind_of(rows[0])
        if kind == "dense":
            axes.axhline(mean(rows, "error"), color="0.3", ls="--", lw=0.8)
            continue
        colour, mark, label = LOOK[kind]
        points = [(mean(rows, size), mean(rows, error)) for size, error in columns]
        look = {"color": colour, "marker": mark, "ms": 4, "lw": 0.8}
        axes.plot(*zip(*points, strict=True), label=None if kind in seen else label, **look)
        seen.add(kind)


def draw_published(axes: Axes, points: list[tuple[str, float, float]]) -> None:
    """Mark what others have published."""
    for name, size, error in points:
        axes.plot(size, error, "x", color=plots.RED, ms=7)
        look = {"textcoords": "offset points", "fontsize": 7, "color": plots.RED, "ha": "center"}
        axes.annotate(name, (size, error), (0, 6), **look)


def levers(*panels: Axes) -> None:
    """Draw error against size of every lever, and the error against the epochs, a mark a seed."""
    left, right = panels
    looks = {kind: label for kind, (_, _, label) in LOOK.items()}
    for label, rows in by_label("lever").items():
        colour, mark, _ = LOOK[kind_of(rows[0])]
        point = mean(rows, "times"), mean(rows, "error")
        left.plot(*point, mark, color=colour, label=looks.pop(kind_of(rows[0]), None))
        name = NAMED.get(label)
        if name:
            left.annotate(name, point, (0, -12), textcoords="offset points", fontsize=7)
    left.set(xlabel="times fewer weights", ylabel="validation error, %")
    left.set_title("LeNet-300-100, MNIST: one change a mark")
    left.margins(x=0.15)
    left.legend(fontsize=7)
    groups = by_label("fashion")
    for kind in ("independent", "grid", "gradual_magnitude"):
        colour, mark, label = LOOK[kind]
        rows = [*groups[f"{kind}-recipe"], *groups[f"{kind}-long"]]
        pairs = [(row["options"]["epochs"], row["error"]) for row in rows]
        right.plot(*zip(*pairs, strict=True), mark, color=colour, label=label, alpha=0.8)
        means = [np.mean([error for other, error in pairs if other == e]) for e in (60, 120)]
        right.plot((60, 120), means, color=colour)
    right.set(xlabel="epochs", ylabel="test error, %", xticks=[60, 120])
    right.set_title("LeNet-300-100, Fashion-MNIST: 100 times fewer")
    right.margins(x=0.3)
    right.legend(fontsize=7)


NAMED = {
    "60": "the recipe",
    "60-kl50": "KL weight 1/2",
    "60-kl50-field6": "KL weight 1/2, field -6",
    "60-field4": "field -4",
    "60-field5": "field -5",
}
"""What of the levers is named in the picture."""

STRUCTURES = {
    "lever-60": "independent",
    "structure-chains2": "chains",
    "structure-grid": "grid",
    "structure-grid-learned": "grid, learned",
    "structure-pixels": "pixels, then independent",
    "structure-groups": "independent, then groups",
    "structure-pixels-groups": "pixels, then groups",
    "structure-pixels-groups-learned": "pixels, then groups, learned",
}
MEASURES = {
    "error": "validation error, %",
    "index_bits": "bits to say where a weight is",
    "bytes_0.08": "bytes of the file",
}


def structure(*panels: Axes) -> None:
    """Draw error, index bits and bytes of each structure, a mark a seed; shuffled masks hollow."""
    places = range(len(STRUCTURES))
    for axes, (column, title) in zip(panels, MEASURES.items(), strict=True):
        for place, name in enumerate(STRUCTURES):
            rows = by_label(name.partition("-")[0])[name.partition("-")[2]]
            axes.plot([row[column] for row in rows], [place] * len(rows), "o", color=plots.BLUE)
            if column == "index_bits":
                axes.plot(mean(rows, "shuffled"), place, "o", color=plots.BLUE, mfc="none")
            axes.plot(mean(rows, column), place, "|", color="0.1", ms=16)
        axes.set(title=title, yticks=places, ylim=(len(places) - 0.5, -0.5))
        axes.set_yticklabels(STRUCTURES.values() if axes is panels[0] else [])


if __name__ == "__main__":
    in_style(front, 2, len(PANELS), "front", (15.5, 7.4))
    in_style(levers, 1, 2, "levers", (11, 4.4))
    in_style(structure, 1, 3, "structure", (12, 3.6))

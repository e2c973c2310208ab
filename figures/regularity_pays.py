"""The paper's argument: the longer the runs, the fewer index bits and the less time.

Random masks on a layer of 784 x 300 at a fixed density; only the mean length of the runs of kept
weights changes. Time: one forward pass in float32 by runs (`Clusters`), weight by weight (`CSR`)
and dense (BLAS), for one input and for 128. Bits: what each format spends on positions for a kept
weight, as stored and with its numbers Huffman coded, tables included. The line is H(p)/p: no code
for masks without a pattern can do with fewer bits. Writes regularity_pays.csv and
regularity_pays.png beside this file. About a minute. Times are this machine's.
"""

from __future__ import annotations

import sys
from typing import Any

import matplotlib as mpl
import numpy as np
from _common import HERE, write_rows
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from tvbi_ref import plots
from tvbi_ref.compression.formats import FORMATS
from tvbi_ref.compression.formats.base import Format
from tvbi_ref.fast.columns import as_columns
from tvbi_ref.fast.sparse import matrix_columns

sys.path.append(str(HERE.parent / "benchmarks"))
from _timing import in_turns
from peers_sparse_forward import clustered

LAYER = (784, 300)
DENSITIES = (0.02, 0.05)
RUNS = (1, 2, 4, 8, 16, 32)
TIMED = {"clusters": (plots.BLUE, "-", "o"), "csr": (plots.ORANGE, "--", "s")}
STORED = {
    "bitmask": ("0.45", ":", "x"),
    "csr": (plots.ORANGE, "--", "s"),
    "gap": (plots.GREEN, "-.", "^"),
    "blocks": (plots.PURPLE, (0, (3, 1, 1, 1)), "D"),
    "clusters": (plots.BLUE, "-", "o"),
}
NAMES = {
    "bitmask": "bitmask",
    "csr": "CSR",
    "gap": "gap",
    "blocks": "blocks",
    "clusters": "clusters",
    "dense": "dense, BLAS",
}


def bound(density: float) -> float:
    """Return H(p)/p, the entropy of an independent mask for each kept weight."""
    p, q = density, 1 - density
    return float(-(p * np.log2(p) + q * np.log2(q)) / p)


def overhead(weights: Format) -> tuple[float, float]:
    """Return bits for each kept weight beyond its value, as stored and Huffman coded.

    Zeros among the values are part of it: the fillers of `gap`, those inside of `blocks`.
    """
    values = 8 * weights.kept * weights.dtype.itemsize
    return weights.overhead_bits, (weights.coded_bits().total - values) / weights.kept


def measure(density: float, run: int) -> list[dict[str, Any]]:
    """Return a row for every format: bits, and times where they are raced."""
    mask = clustered(LAYER, density, run)
    forms = {name: FORMATS[name].from_dense(mask) for name in (*STORED, "dense")}
    times = {batch: in_turns(calls(forms, batch)) for batch in (1, 128)}
    rows = []
    for name, form in forms.items():
        stored, coded = (np.nan, np.nan) if name == "dense" else overhead(form)
        row = {"density": density, "run": run, "format": name, "kept": form.kept}
        row |= {"stored_bits": round(stored, 3), "coded_bits": round(coded, 3)}
        for batch, each in times.items():
            took = each[name].best * 1e6 if name in each else np.nan
            row[f"us_batch_{batch}"] = round(took, 2)
        rows.append(row)
    return rows


def calls(forms: dict[str, Format], batch: int) -> dict[str, Any]:
    """Return the forward passes that are raced, each in the layout that suits it best."""
    rows = np.random.default_rng(1).random((batch, LAYER[0]), dtype=np.float32)
    x, bias = as_columns(rows, np.float32), np.zeros(LAYER[1], np.float32)
    made = {name: lambda name=name: matrix_columns(forms[name], x, bias) for name in TIMED}
    return made | {"dense": lambda: rows @ forms["dense"].values}


def draw(rows: list[dict[str, Any]]) -> Figure:
    """Return the picture: a row for each density; time for one input, for 128, and bits."""
    figure = Figure(figsize=(11, 6.6), layout="constrained")
    grid = figure.subplots(len(DENSITIES), 3, sharex=True)
    for panels, density in zip(grid, DENSITIES, strict=True):
        mine = [row for row in rows if row["density"] == density]
        for axes, batch in zip(panels, (1, 128), strict=False):
            looks = TIMED | {"dense": ("0.3", ":", None)}
            lines(axes, mine, looks, f"us_batch_{batch}")
            inputs = "one input" if batch == 1 else f"{batch} inputs"
            axes.set_title(f"{density:.0%} kept: time for {inputs}")
            axes.set(ylabel="microseconds", yscale="log")
            plain_numbers(axes)
        bits = panels[2]
        lines(bits, mine, STORED, "stored_bits")
        for name in ("clusters", "csr"):
            colour, _, mark = STORED[name]
            coded = [row["coded_bits"] for row in mine if row["format"] == name]
            label = f"{NAMES[name]}, Huffman coded"
            bits.plot(
                RUNS, coded, color=colour, ls="-", lw=1, marker=mark, mfc="white", label=label
            )
        bits.axhline(bound(density), color="black", lw=1, ls=(0, (1, 2)), label="H(p)/p")
        bits.set_title(f"{density:.0%} kept: bits of position")
        bits.set(ylabel="bits a kept weight", yscale="log", ylim=(0.1, None))
        plain_numbers(bits)
    for axes in grid.ravel():
        axes.set_xscale("log", base=2)
        axes.set_xticks(RUNS, map(str, RUNS))
    for axes in grid[-1]:
        axes.set_xlabel("mean length of the runs")
    grid[0, 0].legend(fontsize=8)
    grid[0, 2].legend(fontsize=7, ncols=2, loc="lower left")
    return figure


def lines(axes: Any, rows: list[dict[str, Any]], looks: dict[str, Any], column: str) -> None:
    """Draw a line for every format in `looks`."""
    for name, (colour, style, mark) in looks.items():
        heights = [row[column] for row in rows if row["format"] == name]
        axes.plot(RUNS, heights, color=colour, ls=style, marker=mark, ms=5, label=NAMES[name])


def plain_numbers(axes: Any) -> None:
    """Write 1, 2, 5, 10, ... at a logarithmic axis, and no powers."""
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter(NullFormatter())


def main() -> None:
    """Measure, write the table, print it, draw it."""
    rows = [row for density in DENSITIES for run in RUNS for row in measure(density, run)]
    write_rows(
        "regularity_pays", rows, f"layer {LAYER}, float32, shortest of many calls made in turns"
    )
    for row in rows:
        print("  ".join(f"{value!s:>9}" for value in row.values()))
    with mpl.rc_context(plots.STYLE):
        plots.save(draw(rows), HERE / "regularity_pays.png")


if __name__ == "__main__":
    main()

"""Bytes on disk by format, and bits to say where the weights are, beside the bound and controls.

The demo's networks for digits, three priors and three seeds, and those of figures/runs.py for
MNIST. Every prior of a seed is compared with the same masks shuffled
inside each layer, and with the run without couplings, J = 0, the independent prior. In networks as
small as those for digits the Huffman tables are a good part of it.

Writes small_on_disk.csv and small_on_disk.png beside this file. About two minutes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import matplotlib as mpl
import numpy as np
from _common import HERE, write_rows
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from runs import RUNS
from tqdm.auto import tqdm

from tvbi_ref import CompressedNetwork, compress, datasets, experiment, nets, plots
from tvbi_ref.compression import load_compressed, report
from tvbi_ref.compression.formats import FORMATS
from tvbi_ref.lab.recipes import DEMO

SEEDS = range(3)
NETS = {
    "digits": "digits, 64-128-64-10",
    "lenet_300_100": "MNIST, LeNet-300-100",
    "lenet5_caffe": "MNIST, LeNet-5-Caffe",
}
GROUP = {"lenet_300_100": "mnist", "lenet5_caffe": "lenet5"}
"""What a network's runs are called."""
CONTROL = "independent"
LOOK = {
    "independent": (plots.BLUE, "o"),
    "chains": (plots.ORANGE, "s"),
    "grid": (plots.GREEN, "^"),
}
SIZES = ("memory", "file")
BITS = ("stored_bits", "coded_bits", "table_bits", "shuffled_bits", "control_bits")


def digits(seed: int) -> dict[str, CompressedNetwork]:
    """Return the demo's small networks by prior."""
    data = datasets.load_digits(seed=seed)
    network = nets.mlp([64, 128, 64, 10], seed=seed)
    small = {}
    for kind in DEMO.supports:
        outcome = experiment.run(kind, network, data, DEMO.prior(kind), DEMO.budget(), seed=seed)
        small[kind] = compress(outcome.network)
    return small


def mnist(net: str, seed: int) -> dict[str, CompressedNetwork]:
    """Return the small networks of runs.py, by prior."""
    paths = {prior: RUNS / f"{GROUP[net]}-{prior}-recipe-{seed}.npz" for prior in LOOK}
    return {prior: load_compressed(path) for prior, path in paths.items() if path.exists()}


def rows_of(net: str, seed: int, small: dict[str, CompressedNetwork]) -> Iterator[dict[str, Any]]:
    """Yield one row a prior and format."""
    n_weights = sum(layer.mean.value.size for layer in whole(net).weight_layers)
    for prior, network in small.items():
        found = report(network, control=small.get(CONTROL), seconds=0)
        about = {
            "net": net,
            "prior": prior,
            "seed": seed,
            "weights": n_weights,
            "kept": found.n_weights,
            "widths": "-".join(map(str, found.widths)),
            "mean_run": round(found.kept.mean_run, 3),
            "ideal_bits": round(found.kept.index_bits, 3),
            "ideal_shuffled": round(found.shuffled.index_bits, 3),
            "entropy_bound": round(found.kept.entropy_bound, 3),
        }
        for size in found.formats:
            sizes = asdict(size)
            bits = {name: rounded(sizes[name]) for name in BITS}
            yield about | {"format": size.name} | {name: sizes[name] for name in SIZES} | bits


def rounded(bits: float | None) -> float | None:
    """Return bits with three decimals; None, which there is no control for, as it is."""
    return None if bits is None else round(bits, 3)


def whole(net: str) -> nets.Network:
    """Return the architecture before pruning."""
    return nets.mlp([64, 128, 64, 10], seed=0) if net == "digits" else getattr(nets, net)(seed=0)


def draw(rows: list[dict[str, Any]]) -> Figure:
    """Draw bytes on disk and index bits, a row of panels a network and a mark a seed."""
    found = [net for net in NETS if any(row["net"] == net for row in rows)]
    with mpl.rc_context(plots.STYLE):
        figure = Figure(figsize=(11, 0.6 + 3.4 * len(found)), layout="constrained")
        grid = figure.subplots(len(found), 2, squeeze=False)
        for (left, right), net in zip(grid, found, strict=True):
            mine = [row for row in rows if row["net"] == net]
            draw_bytes(left, mine)
            draw_bits(right, mine)
            left.set_title(f"{NETS[net]}: kilobytes on disk")
            right.set_title("index bits a weight, Huffman coded, tables included")
        handles, labels = grid[0, 1].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=len(labels))
    return figure


def draw_bytes(axes: Axes, rows: list[dict[str, Any]]) -> None:
    """Draw the size of the file in every format."""
    for k, (prior, (colour, mark)) in enumerate(LOOK.items()):
        mine = [row for row in rows if row["prior"] == prior]
        places = [list(FORMATS).index(row["format"]) + 0.2 * (k - 1) for row in mine]
        axes.plot([row["file"] / 1000 for row in mine], places, mark, color=colour, alpha=0.8)
    before = rows[0]["weights"] * 4 / 1000
    axes.axvline(before, color="0.3", ls="--")
    axes.annotate("float32, before pruning", (before, 5.3), (-4, 0), **BESIDE)
    plots.use_plain_logs(axes)
    name_rows(axes, list(FORMATS))


def draw_bits(axes: Axes, rows: list[dict[str, Any]]) -> None:
    """Draw index bits, shuffled ones hollow, and each prior's mean bound as a line."""
    for k, (prior, (colour, mark)) in enumerate(LOOK.items()):
        mine = [row for row in rows if row["prior"] == prior]
        if not mine:
            continue
        places, kept, shuffled = np.transpose([bits_of(row) for row in mine])
        look = {"color": colour, "alpha": 0.8, "ls": "none", "marker": mark}
        axes.plot(kept, places + 0.2 * (k - 1), label=prior, **look)
        axes.plot(shuffled, places + 0.2 * (k - 1), mfc="none", **look)
        axes.axvline(np.mean([r["entropy_bound"] for r in mine]), color=colour, ls="--", lw=1.2)
    axes.plot([], [], "o", color="0.3", mfc="none", label="shuffled in each layer")
    axes.plot([], [], color="0.3", ls="--", label="H(p)/p")
    axes.set(xlim=(0, None))
    name_rows(axes, [*list(FORMATS)[1:], "ideal run code,\nno tables"])


def bits_of(row: dict[str, Any]) -> tuple[int, float, float]:
    """Return the line that a row is drawn on, its index bits, and those of the shuffled mask.

    Dense matrices, whose zeros would fill the panel, make room for the ideal run code.
    """
    if row["format"] == "dense":
        return len(FORMATS) - 1, row["ideal_bits"], row["ideal_shuffled"]
    return list(FORMATS).index(row["format"]) - 1, row["coded_bits"], row["shuffled_bits"]


BESIDE: dict[str, Any] = {"textcoords": "offset points", "ha": "right", "color": "0.3"}


def name_rows(axes: Axes, names: list[str]) -> None:
    """Give every row of a panel its name, the first at the top."""
    axes.set_yticks(np.arange(len(names)), names)
    axes.set_ylim(len(names) - 0.4, -0.6)


def summary(rows: list[dict[str, Any]]) -> str:
    """Return the means over the seeds as a table."""
    lines = [
        f"{'net':<15}{'prior':<13}{'format':<10}{'kept':>7}{'file':>9}{'coded':>8}"
        f"{'tables':>8}{'shuffled':>10}{'J = 0':>8}{'H(p)/p':>8}"
    ]
    for net, prior, format in dict.fromkeys((r["net"], r["prior"], r["format"]) for r in rows):
        mine = [r for r in rows if (r["net"], r["prior"], r["format"]) == (net, prior, format)]
        lines.append(
            f"{net:<15}{prior:<13}{format:<10}{mean(mine, 'kept', 7, 0)}{mean(mine, 'file', 9, 0)}"
            f"{mean(mine, 'coded_bits', 8)}"
            f"{mean(mine, 'table_bits', 8)}"
            f"{mean(mine, 'shuffled_bits', 10)}{mean(mine, 'control_bits', 8)}"
            f"{mean(mine, 'entropy_bound', 8)}"
        )
    return "\n".join(lines)


def mean(rows: list[dict[str, Any]], column: str, width: int, digits: int = 2) -> str:
    """Return the mean of a column, a dash where it was not measured."""
    values = [row[column] for row in rows]
    return f"{'-':>{width}}" if None in values else f"{np.mean(values):>{width}.{digits}f}"


def main() -> None:
    """Run or read all networks, print the table, write it and the picture."""
    rows = []
    for seed in tqdm(SEEDS, disable=None):
        rows += rows_of("digits", seed, digits(seed))
    for net in list(NETS)[1:]:
        for seed in SEEDS:
            rows += rows_of(net, seed, mnist(net, seed))
    write_rows("small_on_disk", rows, f"digits, 64-128-64-10, {DEMO}; mnist")
    print(summary(rows))
    plots.save(draw(rows), HERE / "small_on_disk.png")


if __name__ == "__main__":
    main()

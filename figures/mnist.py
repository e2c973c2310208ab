"""MNIST with the recipes: error, size, regularity and the two controls, three seeds each.

A run of ours is what ``tvbi-ref train mnist --net NET --prior PRIOR --seed SEED`` does, row by row
the same numbers; "dense" is that command's dense baseline. Two of the other methods run with the
same budget: gradual magnitude pruning to about the grid's number of weights, and Sparse VD.
Controls: the prior without couplings (independent weights), and the mask shuffled inside each
layer, whose index bits are those of a mask without structure.

    python figures/mnist.py                        # all runs; those in mnist/ are not run again
    python figures/mnist.py lenet_300_100 grid 0   # one run, for more than one process
    python figures/mnist.py draw                   # only the table and the pictures

Writes a JSON file and the pruned weights of every run into mnist/, and from them mnist.csv,
mnist.png, mnist_kernels.png and mnist_supports.png beside this file. A run that is killed goes on
from its last epoch.
"""

from __future__ import annotations

import datetime
import json
import sys
import time
from typing import Any

import matplotlib as mpl
import numpy as np
from _common import HERE, write_rows
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tvbi_ref import cli, experiment, plots
from tvbi_ref._files import atomic_write
from tvbi_ref.compression import compress, index_bits, mean_run, sparsity
from tvbi_ref.lab.study.jobs import versions
from tvbi_ref.lab.study.methods import fit

RUNS = HERE / "mnist"
NETS = {"lenet_300_100": "LeNet-300-100", "lenet5_caffe": "LeNet-5-Caffe"}
PRIORS = ("independent", "grid")
OTHERS: dict[str, dict[str, tuple[str, dict[str, float]]]] = {
    "lenet_300_100": {
        "gradual magnitude": ("gradual_magnitude", {"sparsity": 0.9904}),
        "Sparse VD": ("sparse_vd", {"strength": 1.0}),
    },
    "lenet5_caffe": {
        "gradual magnitude": ("gradual_magnitude", {"sparsity": 0.9941}),
        "Sparse VD": ("sparse_vd", {"strength": 1.0}),
    },
}
"""By network: name of a row -> method and options."""
SEEDS_OF_OTHERS = {"lenet_300_100": range(3), "lenet5_caffe": range(1)}
MIDDLE, LIVE = slice(9 * 28, 19 * 28), 60
"""Pixels and live neurons whose weights are drawn one by one."""
KERNELS = 25_000
"""Layers with fewer weights have their dense weights stored, too."""
LOOK = {
    "independent": (plots.BLUE, "o", "Turbo-VBI, independent"),
    "grid": (plots.GREEN, "^", "Turbo-VBI, grid"),
    "gradual magnitude": ("0.2", "+", "gradual magnitude"),
    "Sparse VD": (plots.PURPLE, "D", "Sparse VD"),
}
ANCHORS: dict[str, dict[str, tuple[float, float]]] = {
    "lenet_300_100": {"Sparse VD": (68, 1.92)},
    "lenet5_caffe": {"Sparse VD": (280, 0.75), "BC-GHS": (156, 1.0)},
}
"""Published (times fewer, test error in %): Molchanov, Ashukha and Vetrov (2017); Louizos, Ullrich
and Welling (2017). Not our runs."""


def command(net: str, method: str, seed: int) -> list[str]:
    """Return the arguments of tvbi-ref for a run; every other method goes with the grid's."""
    asked = method if method in PRIORS else "grid"
    return ["train", "mnist", "--net", net, "--prior", asked, "--seed", str(seed)]


def run(net: str, method: str, seed: int) -> None:
    """Do one run and write its row and its weights."""
    name, arguments = file_name(net, method, seed), command(net, method, seed)
    task = cli.train_task(cli.parse(arguments))
    row: dict[str, Any] = {"net": net, "method": method, "seed": seed}
    started, checkpoint = time.perf_counter(), RUNS / f"{name}.checkpoint"
    if method in PRIORS:
        outcome = experiment.run(*task, seed=seed, checkpoint=checkpoint)
        network, seconds = outcome.network, outcome.seconds  # those before a kill count, too
        row["command"] = " ".join(["tvbi-ref", *arguments])
    else:
        name_of_fit, options = ("dense", {}) if method == "dense" else OTHERS[net][method]
        network = fit(name_of_fit, options, task.network, task.data, task.budget, seed=seed)
        seconds = time.perf_counter() - started
        row["command"] = f"fit({name_of_fit!r}, {options})"
    row["seconds"] = round(seconds)
    row |= {"error": round(100 * (1 - network.score(task.data.x_test, task.data.y_test)), 2)}
    row |= {} if method == "dense" else measured(network)
    row |= {"settings": repr(task.budget)}
    row |= {"date": datetime.date.today().isoformat(), "versions": versions()}
    save(name, row, network)
    checkpoint.unlink(missing_ok=True)


def file_name(net: str, method: str, seed: int) -> str:
    """Return the name of a run's files."""
    return f"{net}_{method.replace(' ', '_')}_{seed}"


def measured(network: Any) -> dict[str, Any]:
    """Return the columns of a pruned network."""
    masks = [layer.matrix(layer.mask) for layer in network.weight_layers]
    size, small = sparsity(masks), compress(network)
    return {
        "kept": size.kept,
        "compression": round(size.compression, 1),
        "kept_by_layer": "-".join(str(int(mask.sum())) for mask in masks),
        "without_dead_units": small.n_weights,
        "architecture": "-".join(map(str, small.widths)),
        "bytes": small.nbytes,
        "mean_run": round(size.mean_run, 2),
        "index_bits": round(size.index_bits, 2),
        "entropy_bound": round(size.entropy_bound, 2),
        "shuffled_index_bits": round(index_bits([shuffled(mask) for mask in masks]), 2),
    }


def shuffled(mask: Any) -> Any:
    """Return as many kept weights in random places."""
    return np.random.default_rng(0).permutation(mask.ravel()).reshape(mask.shape)


def save(name: str, row: dict[str, Any], network: Any) -> None:
    """Write a run's weights, pruned ones as zeros, and then its row."""
    matrices = [layer.matrix(layer.mean.value) for layer in network.weight_layers]
    if row["method"] == "dense":  # the kernels are the picture's "before"; the rest is not drawn
        matrices = [matrix for matrix in matrices if matrix.size <= KERNELS]
    with atomic_write(RUNS / f"{name}.npz") as file:
        np.savez_compressed(file, *matrices)
    with atomic_write(RUNS / f"{name}.json") as file:
        file.write(json.dumps(row, indent=1).encode())


def load(net: str, method: str, seed: int) -> tuple[dict[str, Any], list[Any]]:
    """Return the row and the weight matrices of a run that is done."""
    name = file_name(net, method, seed)
    with np.load(RUNS / f"{name}.npz") as file:
        matrices = [file[f"arr_{k}"] for k in range(len(file.files))]
    return json.loads((RUNS / f"{name}.json").read_text()), matrices


def is_done(net: str, method: str, seed: int) -> bool:
    """Return whether a run's row is there."""
    return (RUNS / f"{file_name(net, method, seed)}.json").exists()


def all_runs() -> list[tuple[str, str, int]]:
    """Return network, method and seed of every run, in the order of the table."""
    ours = {net: dict.fromkeys(("dense", *PRIORS), range(3)) for net in NETS}
    seeds = {net: ours[net] | dict.fromkeys(OTHERS[net], SEEDS_OF_OTHERS[net]) for net in NETS}
    return [(n, method, seed) for n in NETS for method, some in seeds[n].items() for seed in some]


def draw_fronts(rows: list[dict[str, Any]]) -> Figure:
    """Draw test error against size, a mark a run, one panel a network."""
    with mpl.rc_context(plots.STYLE):
        figure = Figure(figsize=(11, 4), layout="constrained")
        nets = [net for net in NETS if any(row["net"] == net for row in rows)]
        for axes, net in zip(np.ravel(figure.subplots(1, len(nets))), nets, strict=True):
            draw_front(axes, net, [row for row in rows if row["net"] == net])
    return figure


def draw_front(axes: Axes, net: str, rows: list[dict[str, Any]]) -> None:
    """Draw one network's runs, its dense error and what was published of others."""
    for method, (colour, mark, label) in LOOK.items():
        mine = [row for row in rows if row["method"] == method]
        sizes, errors = ([row[c] for row in mine] for c in ("compression", "error"))
        if mine:
            axes.plot(sizes, errors, mark, color=colour, label=label)
    for name, (size, error) in ANCHORS[net].items():
        axes.plot(size, error, "x", color="0.4")
        axes.annotate(f"{name},\npublished", (size, error), (6, 6), textcoords="offset points")
    if dense := [row["error"] for row in rows if row["method"] == "dense"]:
        axes.axhline(
            np.mean(dense), color="0.3", ls="--", label=f"dense, mean {np.mean(dense):.2f}"
        )
    axes.set(xlabel="times fewer weights", ylabel="test error, %", title=NETS[net])
    axes.margins(x=0.2, y=0.15)
    axes.legend()


def draw_supports(masks: dict[str, Any]) -> Figure:
    """Draw a part of the first layer's masks as they are read, and how often a pixel is used."""
    with mpl.rc_context(plots.STYLE | {"axes.grid": False}):
        figure = Figure(figsize=(11, 8), layout="constrained")
        above, below = figure.subplots(2, len(masks), height_ratios=[2, 1])
        for axes, pixels, (name, mask) in zip(above, below, masks.items(), strict=True):
            shown = mask[MIDDLE][:, mask.any(axis=0)][:, :LIVE]
            axes.imshow(shown, cmap="Greys", aspect="auto", interpolation="nearest")
            axes.set(title=f"{name}: {mask.sum()} kept, mean run {mean_run([mask]):.2f}")
            axes.set(xlabel=f"the first {LIVE} live neurons", ylabel="pixels, ten rows", yticks=[])
            counts = mask.sum(axis=1).reshape(28, 28)
            image = pixels.imshow(counts, cmap="viridis", interpolation="nearest")
            pixels.set(xticks=[], yticks=[], xlabel="weights kept at each pixel")
            figure.colorbar(image, ax=pixels)
    return figure


def draw_kernels(before: list[Any], after: list[Any]) -> Figure:
    """Draw the kernels of the two convolutions, dense and pruned, as Module B sees them."""
    with mpl.rc_context(plots.STYLE | {"axes.grid": False}):
        figure = Figure(figsize=(11, 9), layout="constrained")
        grid = figure.subplots(4, 1, height_ratios=[1, 1, 4, 4])
        titles = ("dense", "pruned")
        for k in range(2):
            for row, (title, matrices) in enumerate(zip(titles, (before, after), strict=True)):
                axes, matrix = grid[2 * k + row], matrices[k]
                limit = np.abs(matrix).max()
                axes.imshow(matrix, cmap="RdBu_r", vmin=-limit, vmax=limit, interpolation="nearest")
                axes.set_title(f"convolution {k + 1}, {title}: {np.count_nonzero(matrix)} weights")
                rule(axes, matrix.shape)
    return figure


def rule(axes: Axes, shape: tuple[int, int]) -> None:
    """Draw the borders between kernels of 5 x 5."""
    style = {"color": "0.75", "lw": 0.5}
    for edge in range(5, shape[0], 5):
        axes.axhline(edge - 0.5, **style)
    for edge in range(5, shape[1], 5):
        axes.axvline(edge - 0.5, **style)
    axes.set(xticks=[], yticks=[], xlabel="filters", ylabel="channels")


def draw() -> None:
    """Write the table and the pictures of the runs that are done."""
    rows = [load(*key)[0] for key in all_runs() if is_done(*key)]
    columns = list(dict.fromkeys(column for row in rows for column in row))
    table = [{column: row.get(column, "") for column in columns} for row in rows]
    write_rows("mnist", table, "MNIST, 60,000 training pictures; errors in % of the 10,000 others")
    plots.save(draw_fronts(rows), HERE / "mnist.png")
    if all(is_done("lenet_300_100", prior, 0) for prior in PRIORS):
        first = {p: load("lenet_300_100", p, 0)[1][0] != 0 for p in PRIORS}
        first["grid, shuffled"] = shuffled(first["grid"])
        plots.save(draw_supports(first), HERE / "mnist_supports.png")
    if all(is_done("lenet5_caffe", prior, 0) for prior in ("dense", "grid")):
        pair = [load("lenet5_caffe", prior, 0)[1] for prior in ("dense", "grid")]
        plots.save(draw_kernels(*pair), HERE / "mnist_kernels.png")


def main() -> None:
    """Do the run that is asked for, or all that are missing, and draw."""
    RUNS.mkdir(exist_ok=True)
    if len(sys.argv) == 4:
        run(sys.argv[1], sys.argv[2], int(sys.argv[3]))
        return
    if sys.argv[1:] != ["draw"]:
        for key in all_runs():
            if not is_done(*key):
                run(*key)
    draw()


if __name__ == "__main__":
    main()

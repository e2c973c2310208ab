"""Coded files of the MNIST networks with everything charged, and the errors of what is in them.

The networks of figures/mnist.py, whose weights lie in mnist/ without biases and variances. The
biases are found anew, by two epochs that move nothing else. Instead of half a posterior deviation
a step is a share of the root mean square of a layer's weights: 0.15, which is that in the first
layer of the one run whose variances were kept (LeNet-300-100, grid, seed 0), and 0.04, in its
last one. Both are shown, neither is picked by its errors.

Writes coded_goals.csv beside this file and prints its means as a table. Ten minutes on one core;
names of networks as arguments leave the rows of the others as they are.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from _common import HERE, read_rows, write_rows
from small_on_disk import NETS

from tvbi_ref import compress, datasets, load_compressed, nets, save_compressed
from tvbi_ref.compression import round_weights, sort_units
from tvbi_ref.nets.training import Hooks

SHARES = (0.15, 0.04)
RATES = {"lenet_300_100": 4e-3, "lenet5_caffe": 2e-3}
"""Those of the runs."""


class OnlyBiases(Hooks):
    """Leave the weights where they are."""

    def parameters(self, network: nets.Network) -> list[Any]:
        """Return the biases."""
        return [layer.bias for layer in network.weight_layers]


def with_biases(net: str, prior: str, seed: int, data: Any) -> nets.Network:
    """Return a network with its stored weights and new biases."""
    network = getattr(nets, net)(seed=0)
    with np.load(HERE / "mnist" / f"{net}_{prior}_{seed}.npz") as file:
        for k, layer in enumerate(network.weight_layers):
            weights = layer.from_matrix(file[f"arr_{k}"])
            layer.prune(weights != 0)
            layer.mean.value[...] = weights
    budget = {"epochs": 2, "batch_size": 128, "learning_rate": RATES[net], "seed": 0}
    nets.train(network, data.x_train, data.y_train, hooks=OnlyBiases(), progress=False, **budget)
    return network


def rows_of(net: str, prior: str, seed: int, data: Any) -> list[dict[str, Any]]:
    """Return what one network's files take and how often they err, a row a share."""
    network = with_biases(net, prior, seed, data)
    rows = []
    for share in SHARES:
        for layer in network.weight_layers:
            weights = layer.mean.value
            step = share * np.sqrt(np.mean(weights[weights != 0] ** 2))
            layer.log_variance.value[...] = 2 * np.log(step)
        small = compress(network)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "net.tvbc"
            rounded = sort_units(round_weights(small, fraction=1))
            save_compressed(path, rounded, coded=True, uncertainty=False)
            size, again = path.stat().st_size, load_compressed(path)
        about = {"net": net, "prior": prior, "seed": seed, "share": share}
        errors = {"error": error(small, data), "error_of_file": error(again, data)}
        rows.append(about | {"kept": again.n_weights, "bytes": size} | errors)
    return rows


def error(small: Any, data: Any) -> float:
    """Return the test error in percent."""
    return round(100 * (1 - small.with_format("dense").score(data.x_test, data.y_test)), 2)


def table(rows: list[dict[str, Any]]) -> str:
    """Return the means over seeds in Markdown."""
    lines = ["| | step | weights | bytes | error, % | error of the file, % |"]
    lines.append("|---|--:|--:|--:|--:|--:|")
    for kind in dict.fromkeys((row["net"], row["prior"], row["share"]) for row in rows):
        mine = [row for row in rows if (row["net"], row["prior"], row["share"]) == kind]
        kept, size, *errors = (
            np.mean([float(row[column]) for row in mine])
            for column in ("kept", "bytes", "error", "error_of_file")
        )
        name = f"{NETS[kind[0]].removeprefix('MNIST, ')}, {kind[1]}"
        cells = [name, kind[2], f"{kept:,.0f}", f"{size:,.0f}", *(f"{e:.2f}" for e in errors)]
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join(lines)


def main() -> None:
    """Make the files, write the rows and print the table."""
    data = datasets.load_mnist()
    rows = []
    for net in RATES:
        if sys.argv[1:] and net not in sys.argv[1:]:
            rows += [row for row in read_rows("coded_goals") if row["net"] == net]
            continue
        for prior in ("independent", "grid"):
            for seed in range(3):
                rows += rows_of(net, prior, seed, data)
    write_rows("coded_goals", rows, "share: the step, of the root mean square of a layer")
    print(table(rows))


if __name__ == "__main__":
    main()

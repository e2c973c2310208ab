"""Does structure make a pruned network faster? One thread, calls in turns.

The networks of figures/runs.py for MNIST, and each with its weights shuffled inside its layers:
128 inputs through the whole network, in the best of the sparse formats.

Writes pruned_time.csv beside this file and prints its means. A minute, on a machine with nothing
else to do.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from _common import write_rows
from runs import GROUPS, LOAD, RUNS, name_of, shuffled
from threadpoolctl import threadpool_limits

from tvbi_ref import load_compressed
from tvbi_ref.compression.formats import FORMATS
from tvbi_ref.compression.latency import machine, race

LABELS = ("independent-recipe", "grid-recipe", "kernels-recipe", "gradual_magnitude-recipe")
ROWS, SECONDS = 128, 1.0


def contestants(group: str, seed: int) -> dict[tuple[str, bool], Any]:
    """Return the networks of a group by their label, as they are and shuffled."""
    found = {}
    for label in LABELS:
        path = RUNS / f"{name_of(group, label, seed)}.npz"
        if path.exists():
            found[label, False] = network = load_compressed(path)
            found[label, True] = in_random_order(network)
    return found


def in_random_order(network: Any) -> Any:
    """Return a network with its weights shuffled inside their layers, without variances."""
    return network.with_layers(
        replace(
            layer,
            weights=type(layer.weights).from_dense(shuffled(layer.weights.to_dense())),
            variances=None,
        )
        for layer in network.weight_layers
    )


def rows_of(group: str, seed: int, x: Any) -> list[dict[str, Any]]:
    """Return one row a network."""
    networks = contestants(group, seed)
    calls = {
        (*key, name): partial(network.with_format(name).predict, x)
        for key, network in networks.items()
        for name in list(FORMATS)[1:]
    }
    times = race(calls, SECONDS * len(calls))  # type: ignore[arg-type]
    rows = []
    for (label, mixed), network in networks.items():
        best = min((times[label, mixed, name].median, name) for name in list(FORMATS)[1:])  # type: ignore[index]
        rows.append(
            {
                "group": group,
                "network": label,
                "shuffled": mixed,
                "seed": seed,
                "kept": network.n_weights,
                "microseconds": round(1e6 * best[0], 1),
                "format": best[1],
            }
        )
    return rows


def main() -> None:
    """Race, write the rows and print the means."""
    x = LOAD["mnist"]().x_test[:ROWS]
    with threadpool_limits(1):
        rows = [
            row
            for group in ("mnist", "lenet5")
            for seed in GROUPS[group][1]
            for row in rows_of(group, seed, x)
        ]
    write_rows("pruned_time", rows, f"{ROWS} inputs, one thread; {machine()}")
    for key in dict.fromkeys((r["group"], r["network"], r["shuffled"]) for r in rows):
        mine = [r for r in rows if (r["group"], r["network"], r["shuffled"]) == key]
        kept, us = (np.mean([r[name] for r in mine]) for name in ("kept", "microseconds"))
        print(
            f"{key[0]:<8} {key[1]:<26} {'shuffled' if key[2] else '':<9} {kept:6.0f} {us:8.1f} us"
        )


if __name__ == "__main__":
    main()

"""Digits split over ten clients: federated Turbo-VBI against plain federated averaging.

Three seeds, rows dealt out at random and by label (lesson 26); beside them the same network with
all rows in one place. Writes federated.csv and federated.png beside this file. About three minutes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from _common import HERE, write_rows
from tqdm.auto import tqdm

from tvbi_ref import TurboVBI, datasets, nets, plots, prune
from tvbi_ref.school.teaching import federated

SEEDS = range(3)
ROUNDS, EPOCHS = 40, 4
SPLITS = {"dealt out at random": False, "two digits a client": True}
RUNS: dict[str, Any] = {
    "averaging, dense": federated.averaging,
    "Turbo-VBI, survivors": federated.turbo,
}


def centrally(seed: int) -> dict[str, tuple[float, int]]:
    """Return accuracy and weights of a dense network and of Turbo-VBI with all rows in one place.

    Both make as many passes over the data as the clients do.
    """
    data, found = datasets.load_digits(), {}
    settings: Any = {"epochs": ROUNDS * EPOCHS, "batch_size": 16, "seed": seed}
    dense = nets.mlp(federated.SIZES, seed=seed)
    nets.train(dense, data.x_train, data.y_train, learning_rate=1e-3, **settings)
    found["central, dense"] = dense.score(data.x_test, data.y_test), dense.n_weights
    network = nets.mlp(federated.SIZES, seed=seed)
    turbo = TurboVBI(federated.PRIOR, learning_rate=5e-3, **settings)
    small = prune(turbo.fit(network, data.x_train, data.y_train))
    found["central, Turbo-VBI"] = small.score(data.x_test, data.y_test), small.n_kept
    return found


def main() -> None:
    """Run everything, write a row a run, draw the mean of the seeds."""
    data, rows = datasets.load_digits(), []
    central = {seed: centrally(seed) for seed in tqdm(SEEDS, desc="central", disable=None)}
    for seed, runs in central.items():
        for name, (score, weights) in runs.items():
            rows.append(_row(seed, "all in one place", name, 0.0, score, weights))
    panels: dict[str, dict[str, list[federated.Heard]]] = {}
    for title, by_label in SPLITS.items():
        panels[title] = {}
        for name, run in RUNS.items():
            heard = []
            for seed in tqdm(SEEDS, desc=f"{title}, {name}", disable=None):
                parts = federated.split(data.y_train, by_label=by_label, seed=seed)
                heard.append(run(data, parts, rounds=ROUNDS, epochs=EPOCHS, seed=seed)[0])
                rows.append(_row(seed, title, name, *heard[-1][-1]))
                print(rows[-1], flush=True)
            means = np.mean(heard, axis=0)
            panels[title][name] = [federated.Heard(*each) for each in means]
    write_rows("federated", rows, f"digits, ten clients, {ROUNDS} rounds of {EPOCHS} epochs")
    levels = {
        name: float(np.mean([runs[name][0] for runs in central.values()])) for name in central[0]
    }
    plots.save(federated.against_bits(panels, levels), HERE / "federated.png")


def _row(
    seed: int, split: str, method: str, megabits: float, score: float, weights: float
) -> dict[str, Any]:
    return {
        "seed": seed,
        "split": split,
        "method": method,
        "megabits": round(megabits, 2),
        "score": round(score, 4),
        "weights": int(weights),
    }


if __name__ == "__main__":
    main()

"""What another pruning decision than pi_tilde >= 1/2 costs on digits: the table of docs/using.md.

python benchmarks/pruning_decision.py      # half a minute a seed
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tvbi_ref import datasets, nets, prune
from tvbi_ref.lab.recipes import DEMO

SEEDS = range(3)
DECISIONS: list[dict[str, Any]] = [
    {},
    *({"threshold": t} for t in (0.01, 0.1, 0.9, 0.99)),
    *({"density": d} for d in (0.01, 0.02, 0.04, 0.1, 0.3)),
]


def main() -> None:
    """Print density, accuracy before and accuracy after fine-tuning, means over the seeds."""
    data, budget = datasets.load_digits(), DEMO.budget()
    results = [
        budget.turbo(DEMO.prior("grid"), seed).fit(
            nets.mlp([64, 128, 64, 10], seed=seed), data.x_train, data.y_train, progress=False
        )
        for seed in SEEDS
    ]
    for how in DECISIONS:
        rows = []
        for seed, result in zip(SEEDS, results, strict=True):
            small = prune(result, **how)
            before = small.score(data.x_test, data.y_test)
            nets.train(
                small,
                data.x_train,
                data.y_train,
                epochs=budget.fine_tune_epochs,
                seed=seed,
                batch_size=budget.batch_size,
                learning_rate=budget.learning_rate / 2,
                progress=False,
            )
            rows.append(
                (small.n_kept / small.n_weights, before, small.score(data.x_test, data.y_test))
            )
        print(how, *np.mean(rows, axis=0).round(4))


if __name__ == "__main__":
    main()

"""Settings for MNIST, one recipe a network: what ``tvbi-ref train mnist --net`` starts from.

A recipe was chosen on a validation split, the last 10,000 of the shuffled training pictures;
the results in figures/mnist.csv are of networks trained on all 60,000 with it. Its schedule is
that of `turbo.schedule`: KL warm-up and spike annealing over the first part of the run.

This module is light: the command line reads it before anything of the package is loaded.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Supports = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Recipe:
    """What one network is trained with.

    Parameters
    ----------
    supports : dict of dict
        Name of a prior -> its numbers; they agree in density, so that the priors compare.
    options : dict
        Of the command line: budget, schedule, variance and contrast.
    """

    supports: Supports
    options: dict[str, Any]


RECIPES: dict[str, Recipe] = {
    "lenet_300_100": Recipe(
        supports={
            "independent": {"field": -4.0},
            "chains": {"p01": 0.002, "p10": 0.65},
            "grid": {"field": -4.0, "coupling_row": 0.1, "coupling_col": 0.5},
        },
        options={
            "epochs": 100,
            "fine_tune_epochs": 20,
            "batch_size": 128,
            "learning_rate": 1e-3,
            "kl_warmup": 50,
            "spike_epochs": 50,
            "variance": 0.02,
            "contrast": 1e-4,
        },
    ),
}
"""By the network's name; lenet5 has none yet and runs with the options' defaults."""

"""What the methods are compared on: data, network and budget, the same for all of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from tvbi_ref import datasets, nets
from tvbi_ref._repr import brief
from tvbi_ref._validation import as_choice
from tvbi_ref.datasets import Dataset
from tvbi_ref.lab.baselines import Budget
from tvbi_ref.lab.recipes import noise

PARTS = ("valid", "test")


@dataclass(frozen=True)
class Task:
    """One data set, one network, one budget.

    Parameters
    ----------
    load : callable
        Takes the seed of the split, returns a `Dataset` that is not standardised yet.
    build : callable
        Takes the seed of the initial weights, returns a `Network`.
    budget : Budget
        Of every method; its options are those of Turbo-VBI alone.
    valid : float in (0, 1)
        The share of the training rows on which settings are chosen.

    Examples
    --------
    >>> TASKS["digits"].data("valid", seed=0)
    Dataset('digits': 1149 train, 288 test; 64 features (8, 8); 10 classes)
    """

    load: Callable[[int], Dataset]
    build: Callable[[int], nets.Network]
    budget: Budget
    valid: float = 0.2

    __repr__ = brief

    def data(self, part: str, *, seed: int) -> Dataset:
        """Return the data of a run; what it is measured on is called "test" in it.

        Parameters
        ----------
        part : {"valid", "test"}
            "valid" leaves the test rows out altogether and holds back some of the others.
        seed : int
            Of the split.
        """
        as_choice(part, "part", PARTS)
        data = self.load(seed)
        if part == "valid":
            held = data.with_validation(self.valid, seed=seed)
            rows: Any = {"x_test": held.x_valid, "y_test": held.y_valid}
            data = replace(held, **rows, x_valid=None, y_valid=None)
        return data.standardised() if data.n_classes is None else data


def _boston(*hidden: int) -> Task:
    def build(seed: int) -> nets.Network:
        return nets.mlp([13, *hidden, 1], seed=seed, likelihood="gaussian", noise=noise())

    budget = Budget(epochs=200, fine_tune_epochs=30, batch_size=32, learning_rate=5e-3)
    return Task(lambda seed: datasets.load_boston(seed=seed), build, budget)


TASKS = {
    "toy": Task(
        lambda seed: datasets.load_digits(test_fraction=0.5, seed=seed),
        lambda seed: nets.mlp([64, 3, 10], seed=seed),
        Budget(2, 1, 64, 1e-2),
    ),
    "digits": Task(
        lambda seed: datasets.load_digits(seed=seed),
        lambda seed: nets.mlp([64, 128, 64, 10], seed=seed),
        Budget(),
    ),
    "boston_50": _boston(50),
    "boston_50_50": _boston(50, 50),
    "lenet_300_100": Task(
        lambda _: datasets.load_mnist(),
        lambda seed: nets.lenet_300_100(seed=seed),
        Budget(15, 3, 128, 4e-3, {"kl_warmup": 7, "spike_epochs": 12}),
        valid=1 / 6,
    ),
    "lenet5_caffe": Task(
        lambda _: datasets.load_mnist(),
        lambda seed: nets.lenet5_caffe(seed=seed),
        Budget(10, 2, 128, 4e-3, {"kl_warmup": 5, "spike_epochs": 8}),
        valid=1 / 6,
    ),
}
"""By name; "toy" takes a moment and is for trying things out."""

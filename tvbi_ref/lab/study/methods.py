"""What the name and the options of a method mean: the baselines, and Turbo-VBI by its prior."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from tvbi_ref._validation import as_choice
from tvbi_ref.datasets import Dataset
from tvbi_ref.lab import baselines, experiment
from tvbi_ref.lab.experiment import Budget
from tvbi_ref.module_b import ChainSupport, GridSupport, GroupSupport, IndependentSupport, Rows
from tvbi_ref.nets import Network
from tvbi_ref.prior import HierarchicalPrior

Options = Mapping[str, Any]

SUPPORTS: dict[str, Callable[..., Any]] = {
    "turbo_independent": lambda field: IndependentSupport(field),
    "turbo_chains": ChainSupport,
    "turbo_grid": GridSupport,
    "turbo_group": lambda **numbers: GroupSupport(Rows(), **numbers),
}
"""Turbo-VBI with each of its priors: no couplings, chains down the columns, a grid, and units: the
weights out of one input, which are the groups of the baselines, too."""

METHODS = ("dense", *baselines.METHODS, *SUPPORTS)
PRIOR = {"variance", "contrast"}
TURBO = {"module_a", "exchange", "learn", "kl_warmup", "spike_epochs", "spike_start"}
DENSE_EPOCHS = "dense_epochs"


def fit(
    method: str,
    options: Options,
    network: Network,
    data: Dataset,
    budget: Budget,
    *,
    seed: int,
    checkpoint: str | os.PathLike[str] | None = None,
) -> Network:
    """Return a copy of `network` that the method has trained, pruned and fine-tuned.

    Parameters
    ----------
    method : str
        One of `METHODS`.
    options : mapping
        What differs from the method's defaults. "learning_rate" is the budget's, for every
        method; the others are fields of the baseline, or of Turbo-VBI: numbers of the support
        prior, "variance", "contrast", options of `tvbi_ref.TurboVBI`, and "dense_epochs", the
        share of the budget that the network is trained without any prior before the loop starts.
    network : Network
        Where the run starts; it stays as it is.
    data : Dataset
        Only its training rows are seen.
    budget : Budget
    seed : int
    checkpoint : path-like, optional
        Of Turbo-VBI, which goes on from there. The others start afresh: they take less time.

    Raises
    ------
    ValueError
        If there is no such method.
    TypeError
        If the method has no such option.

    Examples
    --------
    >>> from tvbi_ref.lab.study import TASKS
    >>> data, budget = TASKS["digits"].data("valid", seed=0), Budget(epochs=1, fine_tune_epochs=0)
    >>> fit("snip", {"sparsity": 0.9}, TASKS["digits"].build(0), data, budget, seed=0)
    Network(64 -> 128 -> 64 -> 10, 1702 of 17024 weights, float32)
    """
    as_choice(method, "method", METHODS)
    rest = dict(options)
    budget = replace(budget, learning_rate=rest.pop("learning_rate", budget.learning_rate))
    if method in SUPPORTS:
        return _fit_turbo(method, rest, network, data, budget, seed, checkpoint)
    if method == "dense":
        _refuse(rest)
        return experiment.train_dense(network, data, budget, seed=seed, progress=False)
    chosen = baselines.METHODS[method](**rest)
    return chosen.fit(network, data.x_train, data.y_train, budget, seed=seed, progress=False)


def _fit_turbo(
    method: str,
    options: dict[str, Any],
    network: Network,
    data: Dataset,
    budget: Budget,
    seed: int,
    checkpoint: str | os.PathLike[str] | None,
) -> Network:
    late = options.pop(DENSE_EPOCHS, 0.0)
    known = PRIOR | TURBO
    support = SUPPORTS[method](**{name: options[name] for name in options.keys() - known})
    scales = {name: options[name] for name in options.keys() & PRIOR}
    prior = HierarchicalPrior.spike_and_slab(support, **scales)
    own = {name: options[name] for name in options.keys() & TURBO}
    budget = replace(budget, options=budget.options | own)
    if late:
        first = replace(budget, epochs=round(late * budget.epochs))
        network = experiment.train_dense(network, data, first, seed=seed, progress=False)
        budget = replace(budget, epochs=budget.epochs - first.epochs)
    outcome = experiment.run(
        method, network, data, prior, budget, seed=seed, progress=False, checkpoint=checkpoint
    )
    return outcome.network


def _refuse(options: Options) -> None:
    if options:
        raise TypeError(f"options of dense are only learning_rate; got {sorted(options)}")

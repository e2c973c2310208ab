"""One run of a method by its name, on a budget that all methods have."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tvbi_ref.datasets import Dataset
from tvbi_ref.lab.baselines import Budget, Problem
from tvbi_ref.lab.recipes import make_method, method_names
from tvbi_ref.nets import Network

METHODS = method_names()


def fit(
    method: str,
    options: Mapping[str, Any],
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
        What differs from the method's defaults, as `tvbi_ref.lab.recipes.make_method` takes it,
        and "learning_rate", the budget's, for every method.
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
    TypeError, ValueError
        If there is no such method, or it has no such option.

    Examples
    --------
    >>> from tvbi_ref.lab.study import TASKS
    >>> data, budget = TASKS["digits"].data("valid", seed=0), Budget(epochs=1, fine_tune_epochs=0)
    >>> fit("snip", {"sparsity": 0.9}, TASKS["digits"].build(0), data, budget, seed=0)
    Network(64 -> 128 -> 64 -> 10, 1702 of 17024 weights, float32)
    """
    rest = dict(options)
    budget = replace(budget, learning_rate=rest.pop("learning_rate", budget.learning_rate))
    problem = Problem(data.x_train, data.y_train, budget, seed, False, {"checkpoint": checkpoint})
    return make_method(method, rest).train(network, problem)

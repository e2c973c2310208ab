"""Turbo-VBI, and training without any pruning, in the shape of the methods they are compared with.

problem = Problem(x, y, budget, seed=0)
small = Turbo(prior).train(net, problem)    # trained, pruned, fine-tuned
problem.result                              # the posterior that was pruned
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

from tvbi_ref._validation import as_real
from tvbi_ref.compression import prune
from tvbi_ref.lab.baselines.base import Method, Problem
from tvbi_ref.nets import Network
from tvbi_ref.nets.row_weights import as_row_weights
from tvbi_ref.prior import HierarchicalPrior


@dataclass(frozen=True)
class Turbo(Method):
    """Train by the turbo loop, prune where pi_tilde < 1/2, fine-tune.

    Parameters
    ----------
    prior : HierarchicalPrior or sequence of HierarchicalPrior
    options : mapping
        Arguments of `tvbi_ref.TurboVBI`, beside and before those of the budget.
    dense_epochs : float in [0, 1)
        The share of the epochs that the network is trained without a prior before the loop starts.

    Examples
    --------
    >>> from tvbi_ref import GridSupport, datasets, nets
    >>> from tvbi_ref.lab.baselines import Budget
    >>> prior = HierarchicalPrior.spike_and_slab(GridSupport(-0.5, 0.04, 1.1))
    >>> data, budget = datasets.load_digits(), Budget(epochs=2, fine_tune_epochs=1)
    >>> problem = Problem(data.x_train, data.y_train, budget, seed=0)
    >>> small = Turbo(prior).train(nets.mlp([64, 16, 10], seed=0), problem)
    >>> len(problem.result.trace), problem.result.network.n_weights
    (2, 1184)
    """

    prior: HierarchicalPrior | Sequence[HierarchicalPrior]
    options: Mapping[str, Any] = field(default_factory=dict)
    dense_epochs: float = 0.0

    def __post_init__(self) -> None:
        as_real(self.dense_epochs, "dense_epochs", at_least=0, below=1)

    def prune(self, network: Network, problem: Problem) -> Network:
        """Train without a prior for a while, if asked to; run the loop; prune."""
        first = round(self.dense_epochs * problem.budget.epochs)
        if first:
            problem.minimise(network, first, problem.budget.learning_rate, "dense")
        options = {**problem.budget.options, **self.options}
        budget = replace(problem.budget, epochs=problem.budget.epochs - first, options=options)
        turbo = budget.turbo(self.prior, problem.seed)
        problem.result = result = turbo.fit(
            network,
            problem.x,
            problem.y,
            progress=problem.progress,
            sample_weight=problem.sample_weight,
            **problem.loop,
        )
        n_rows = as_row_weights(
            problem.sample_weight, len(network.as_inputs(problem.x)), float
        ).total
        problem.losses += list(-result.trace["log_likelihood"] / n_rows)
        return prune(result)


@dataclass(frozen=True)
class PlainTraining(Method):
    """Train for the epochs of the method; nothing is pruned, and nothing fine-tuned.

    Examples
    --------
    >>> from tvbi_ref import datasets, nets
    >>> from tvbi_ref.lab.baselines import Budget
    >>> data = datasets.load_digits()
    >>> PlainTraining().fit(
    ...     nets.mlp([64, 8, 10], seed=0), data.x_train, data.y_train, Budget(1), seed=0)
    Network(64 -> 8 -> 10, 592 weights, float32)
    """

    fine_tunes: ClassVar[bool] = False

    def prune(self, network: Network, problem: Problem) -> Network:
        """Train and keep everything."""
        problem.train(network)
        return network

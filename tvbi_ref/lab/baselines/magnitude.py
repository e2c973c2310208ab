r"""Magnitude pruning: the smallest weights of a trained network go.

One-shot (Han, Pool, Tran and Dally, *Learning both weights and connections for efficient neural
networks*, NeurIPS 2015, without its iterations): train, prune once, fine-tune. Gradual (Zhu and
Gupta, *To prune, or not to prune*, 2017, arXiv 1710.01878): prune a little every few steps while
training goes on, along the cubic schedule

    s_t = s_f + (s_i - s_f) (1 - (t - t_0)/(t_1 - t_0))^3,    t_0 <= t <= t_1,  s_i = 0

which is steep at first, where redundant weights abound, and flat at the end. In both a single
threshold on |w| serves the whole network, so that the layers compete; the papers prune layer by
layer. In a narrow network with one output the last layer can lose all of its weights.

Both train with an L2 penalty 1/2 decay ||w||^2, as Han et al. advise: without one a weight that
no gradient reaches, such as those of a pixel that is always zero, keeps its initial size and
outlasts weights that matter.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tvbi_ref._validation import FloatArray, as_count, as_real
from tvbi_ref.lab.baselines.base import (
    Method,
    Problem,
    as_sparsity,
    descend,
    prune_largest,
)
from tvbi_ref.nets import Network
from tvbi_ref.nets.training import Hooks, Step


def magnitudes(network: Network) -> list[FloatArray]:
    """Return |w| of every weight layer, in the layers' own shapes.

    Examples
    --------
    >>> from tvbi_ref import nets
    >>> [score.shape for score in magnitudes(nets.mlp([4, 3, 2], seed=0))]
    [(4, 3), (3, 2)]
    """
    return [np.abs(layer.mean.value) for layer in network.weight_layers]


def cubic_sparsity(share: float, final: float, begin: float, end: float) -> float:
    """Return s_t = s_f (1 - (1 - p)^3), p = (t - t_0)/(t_1 - t_0) held inside [0, 1].

    Parameters
    ----------
    share : float
        t, as a share of all steps.
    final : float
        s_f.
    begin, end : float
        t_0 < t_1, as shares of all steps.

    Examples
    --------
    >>> [cubic_sparsity(share, final=0.5, begin=0.25, end=0.75) for share in (0.0, 0.5, 1.0)]
    [0.0, 0.4375, 0.5]
    """
    p = min(1.0, max(0.0, (share - begin) / (end - begin)))
    return final * (1 - (1 - p) ** 3)


class Decay(Hooks):
    """An L2 penalty on the weights, 1/2 decay ||w||^2, biases not counted.

    Parameters
    ----------
    network : Network
    decay : float >= 0
    """

    def __init__(self, network: Network, decay: float) -> None:
        self.network, self.decay = network, decay

    def add_gradients(self, step: Step) -> None:
        """Add decay w."""
        for layer in self.network.weight_layers:
            layer.mean.grad += self.decay * layer.mean.value


@dataclass(frozen=True)
class OneShotMagnitude(Method):
    """Train, prune the smallest weights once, fine-tune.

    Parameters
    ----------
    sparsity : float in [0, 1)
        The share of all weights to prune.
    decay : float >= 0
        Of the L2 penalty before pruning.

    Examples
    --------
    >>> from tvbi_ref import datasets, nets
    >>> from tvbi_ref.lab.experiment import Budget
    >>> data, budget = datasets.load_digits(), Budget(epochs=2, fine_tune_epochs=1)
    >>> OneShotMagnitude(sparsity=0.75).fit(
    ...     nets.mlp([64, 16, 10], seed=0), data.x_train, data.y_train, budget, seed=0)
    Network(64 -> 16 -> 10, 296 of 1184 weights, float32)
    """

    sparsity: float = 0.9
    decay: float = 1e-4

    def __post_init__(self) -> None:
        as_sparsity(self.sparsity)
        as_real(self.decay, "decay", at_least=0)

    def prune(self, network: Network, problem: Problem) -> Network:
        """Train, then prune once."""
        descend(network, problem, Decay(network, self.decay))
        prune_largest(network, magnitudes(network), self.sparsity)
        return network


@dataclass(frozen=True)
class GradualMagnitude(Method):
    """Prune along the cubic schedule while training, fine-tune.

    A weight that is pruned does not come back: its gradient is zero.

    Parameters
    ----------
    sparsity : float in [0, 1)
        s_f, the share of all weights to prune in the end.
    begin, end : float in [0, 1]
        t_0 and t_1, as shares of the steps.
    every : int
        Steps between two prunings.
    decay : float >= 0
        Of the L2 penalty until fine-tuning.

    Examples
    --------
    >>> from tvbi_ref import datasets, nets
    >>> from tvbi_ref.lab.experiment import Budget
    >>> data, budget = datasets.load_digits(), Budget(epochs=2, fine_tune_epochs=1)
    >>> GradualMagnitude(sparsity=0.75).fit(
    ...     nets.mlp([64, 16, 10], seed=0), data.x_train, data.y_train, budget, seed=0)
    Network(64 -> 16 -> 10, 296 of 1184 weights, float32)
    """

    sparsity: float = 0.9
    begin: float = 0.25
    end: float = 0.75
    every: int = 20
    decay: float = 1e-4

    def __post_init__(self) -> None:
        as_sparsity(self.sparsity)
        as_real(self.begin, "begin", at_least=0, below=1)
        as_real(self.end, "end", above=self.begin, at_most=1)
        as_count(self.every, "every", at_least=1)
        as_real(self.decay, "decay", at_least=0)

    def prune(self, network: Network, problem: Problem) -> Network:
        """Train while pruning; the last step brings the network to the sparsity asked for."""
        descend(network, problem, _GrowingSparsity(network, self))
        prune_largest(network, magnitudes(network), self.sparsity)
        return network


class _GrowingSparsity(Decay):
    """Prune to s_t every few steps."""

    def __init__(self, network: Network, method: GradualMagnitude) -> None:
        super().__init__(network, method.decay)
        self.method = method

    def after(self, step: Step) -> None:
        method = self.method
        if step.number % method.every == 0 and step.share >= method.begin:
            s_t = cubic_sparsity(step.share, method.sparsity, method.begin, method.end)
            prune_largest(self.network, magnitudes(self.network), s_t)

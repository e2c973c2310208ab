r"""SNIP: prune before training, by how much the loss depends on a connection.

Lee, Ajanthan and Torr, *SNIP: single-shot network pruning based on connection sensitivity*, ICLR
2019, arXiv 1810.02340. Give every weight a switch c, so that the network computes with c w. How
the loss at initialisation depends on the switch, at c = 1, is

    dL(c w)/dc = w dL/dw,        saliency = |w dL/dw|

The paper divides by the sum over the network, which changes no ranking. The weights with the
largest saliency are kept and trained; the rest is never used.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from tvbi_ref._validation import FloatArray, as_count
from tvbi_ref.lab.baselines.base import Method, Problem, as_sparsity, prune_largest
from tvbi_ref.nets import Network
from tvbi_ref.nets.network import PREDICT_IMAGES
from tvbi_ref.nets.row_weights import as_row_weights


def saliency(
    network: Network, x: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None
) -> list[FloatArray]:
    """Return |w dL/dw| of every weight, L the mean loss over all rows.

    Parameters
    ----------
    network : Network
        At its initialisation. Its gradients are overwritten, nothing else.
    x : array_like (N, n_inputs) or (N, C, H, W)
    y : array_like
    sample_weight : array_like (N,), optional
        How often every row counts.

    Returns
    -------
    list of ndarray
        In the shapes of the weights.

    Examples
    --------
    >>> from tvbi_ref import nets
    >>> net = nets.mlp([2, 3], seed=0)
    >>> (scores,) = saliency(net, [[1.0, 0.0]], [2])
    >>> (scores > 0).tolist()  # the second input is zero: its weights do not matter
    [[True, True, True], [False, False, False]]
    """
    rows = network.as_inputs(x)
    targets = network.as_targets(y, len(rows))
    weights = as_row_weights(sample_weight, len(rows), network.dtype)
    g = [np.zeros_like(layer.mean.value) for layer in network.weight_layers]
    for start in range(0, len(rows), PREDICT_IMAGES):
        part = slice(start, start + PREDICT_IMAGES)
        network.loss_and_gradient(rows[part], targets[part], None, weights.of(part))
        for total, layer in zip(g, network.weight_layers, strict=True):
            total += layer.mean.grad * (len(rows[part]) / len(rows))
    return [
        np.abs(layer.mean.value * dw) for layer, dw in zip(network.weight_layers, g, strict=True)
    ]


@dataclass(frozen=True)
class SNIP(Method):
    """Prune by saliency at initialisation, train what is left.

    Parameters
    ----------
    sparsity : float in [0, 1)
        The share of all weights to prune.
    rows : int, optional
        How many rows, drawn with the run's seed, the saliency sees; by default all. The paper
        takes one minibatch.

    Examples
    --------
    >>> from tvbi_ref import datasets, nets
    >>> from tvbi_ref.lab.experiment import Budget
    >>> data, budget = datasets.load_digits(), Budget(epochs=2, fine_tune_epochs=1)
    >>> SNIP(sparsity=0.75, rows=128).fit(
    ...     nets.mlp([64, 16, 10], seed=0), data.x_train, data.y_train, budget, seed=0)
    Network(64 -> 16 -> 10, 296 of 1184 weights, float32)
    """

    sparsity: float = 0.9
    rows: int | None = None

    def __post_init__(self) -> None:
        as_sparsity(self.sparsity)
        if self.rows is not None:
            as_count(self.rows, "rows", at_least=1)

    def prune(self, network: Network, problem: Problem) -> Network:
        """Prune once, then train."""
        x = network.as_inputs(problem.x)
        y, weights = network.as_targets(problem.y, len(x)), problem.sample_weight
        if self.rows is not None:
            if self.rows > len(x):
                raise ValueError(f"rows must be at most {len(x)}, those of x; got {self.rows}")
            drawn = np.random.default_rng(problem.seed).permutation(len(x))[: self.rows]
            x, y = x[drawn], y[drawn]
            weights = None if weights is None else np.asarray(weights)[drawn]
        prune_largest(network, saliency(network, x, y, weights), self.sparsity)
        problem.train(network)
        return network

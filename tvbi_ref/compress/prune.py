"""Pruning: from the posterior of the support to a network with fewer weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tvbi_ref._validation import as_count
from tvbi_ref.compress.sizes import entropy_bound, index_bits, mean_run
from tvbi_ref.nets import Network
from tvbi_ref.turbo import TurboResult


def support_masks(result: TurboResult, *, keep: int | None = None) -> list[NDArray[np.bool_]]:
    """Return which weights to keep, one boolean (I, J) array a layer.

    Parameters
    ----------
    result : TurboResult
    keep : int, optional
        Keep so many weights, those with the largest pi_tilde over all layers, so that two
        runs can be compared at equal size. By default every weight with pi_tilde >= 1/2.

    Raises
    ------
    ValueError
        If `keep` is more than there are.

    Notes
    -----
    Source: [prune].

    Examples
    --------
    >>> from types import SimpleNamespace as Fake
    >>> layer = Fake(support_log_odds=np.array([[-1.0, 0.0], [2.0, 5.0]]))
    >>> support_masks(Fake(posteriors=[layer]))[0].tolist()
    [[False, True], [True, True]]
    >>> support_masks(Fake(posteriors=[layer]), keep=1)[0].tolist()
    [[False, False], [False, True]]
    """
    log_odds = [posterior.support_log_odds for posterior in result.posteriors]
    if keep is None:
        return [layer >= 0 for layer in log_odds]
    total = sum(layer.size for layer in log_odds)
    if as_count(keep, "keep") > total:
        raise ValueError(f"keep must be at most the number of weights, {total}; got {keep}")
    best = np.argsort(-np.concatenate([layer.ravel() for layer in log_odds]), kind="stable")
    flat = np.zeros(total, dtype=bool)
    flat[best[:keep]] = True
    ends = np.cumsum([layer.size for layer in log_odds])[:-1]
    return [
        part.reshape(layer.shape)
        for part, layer in zip(np.split(flat, ends), log_odds, strict=True)
    ]


def prune(result: TurboResult, *, keep: int | None = None) -> Network:
    """Return a copy of the network in which the weights that the support rejects are zero.

    They stay zero when the copy is trained further (`tvbi_ref.nets.train`), which is the
    fine-tuning of the survivors.

    Parameters
    ----------
    result : TurboResult
    keep : int, optional
        See `support_masks`.

    Notes
    -----
    Source: [prune].

    Examples
    --------
    >>> from tvbi_ref import TurboVBI, datasets, nets
    >>> from tvbi_ref.module_b import IndependentSupport
    >>> from tvbi_ref.prior import HierarchicalPrior
    >>> data = datasets.load_digits()
    >>> prior = HierarchicalPrior.spike_and_slab(IndependentSupport(-3.0))
    >>> result = TurboVBI(prior, epochs=2).fit(
    ...     nets.mlp([64, 10], seed=0), data.x_train, data.y_train)
    >>> small = prune(result, keep=100)
    >>> int((small.weight_layers[0].mean.value != 0).sum())
    100
    """
    network = result.network.copy()
    masks = support_masks(result, keep=keep)
    for layer, mask in zip(network.weight_layers, masks, strict=True):
        layer.prune(mask)
    return network


@dataclass(frozen=True)
class Sparsity:
    """The size and the regularity of a pruned network.

    Parameters
    ----------
    kept, total : int
        Weights, biases not counted.
    mean_run : float
        Mean length of a run of kept weights down a column.
    index_bits, entropy_bound : float
        Bits a kept weight to say where it is: of an ideal run code, and H(p)/p, the least
        for a mask without structure.
    """

    kept: int
    total: int
    mean_run: float
    index_bits: float
    entropy_bound: float

    @property
    def compression(self) -> float:
        """How many times fewer weights, infinite if none is left."""
        return self.total / self.kept if self.kept else float("inf")

    @property
    def density(self) -> float:
        """The share of weights kept."""
        return self.kept / self.total


def sparsity(masks: list[Any]) -> Sparsity:
    """Measure the masks of a network's layers.

    Parameters
    ----------
    masks : list of ndarray of bool (I, J)

    Examples
    --------
    >>> sparsity([np.array([[True, False], [True, False]])])
    Sparsity(kept=2, total=4, mean_run=2.0, index_bits=0.0, entropy_bound=2.0)
    """
    return Sparsity(
        kept=sum(int(mask.sum()) for mask in masks),
        total=sum(mask.size for mask in masks),
        mean_run=mean_run(masks),
        index_bits=index_bits(masks),
        entropy_bound=entropy_bound(masks),
    )

"""Pruning: from the posterior of the support to a network with fewer weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import logit

from tvbi_ref._validation import as_real
from tvbi_ref.compression.sizes import entropy_bound, index_bits, mean_run
from tvbi_ref.equations import equation
from tvbi_ref.nets import Network
from tvbi_ref.turbo import TurboResult

VALUE_BITS = 8
"""What a kept weight's value is counted at in `Sparsity.kilobits`; a convention, not a result."""


@equation("prune")
def keep_mask(support_log_odds: ArrayLike) -> NDArray[np.bool_]:
    """Return which weights to keep, those with pi_tilde >= 1/2.

    Parameters
    ----------
    support_log_odds : array_like (I, J)
        logit pi_tilde.

    Returns
    -------
    ndarray of bool (I, J)

    Notes
    -----
    Source: [prune].

    Examples
    --------
    >>> keep_mask([-1.0, 0.0, 2.0])
    array([False,  True,  True])
    """
    return np.asarray(support_log_odds) >= 0


def support_masks(result: TurboResult) -> list[NDArray[np.bool_]]:
    """Return `keep_mask` of every weight layer, one boolean (I, J) array each.

    Of a convolution it is a matrix too: `WeightLayer.from_matrix` brings it to the kernels.

    Parameters
    ----------
    result : TurboResult

    Notes
    -----
    Source: [prune].

    Examples
    --------
    >>> from types import SimpleNamespace as Fake
    >>> layer = Fake(support_log_odds=np.array([[-1.0, 0.0], [2.0, 5.0]]))
    >>> support_masks(Fake(posteriors=[layer]))[0].tolist()
    [[False, True], [True, True]]
    """
    return [keep_mask(posterior.support_log_odds) for posterior in result.posteriors]


def prune(
    result: TurboResult, *, density: float | None = None, threshold: float | None = None
) -> Network:
    """Return a copy of the network in which the weights that the support rejects are zero.

    They stay zero when the copy is trained further (`tvbi_ref.nets.train`), which is the
    fine-tuning of the survivors.

    Parameters
    ----------
    result : TurboResult
        What `TurboVBI.fit` returned.
    density : float in (0, 1], optional
        Keep this share of the network's weights, those with the largest pi_tilde; of ties all.
    threshold : float in (0, 1), optional
        Keep where pi_tilde >= threshold. Without either it is 1/2, the Bayes decision where it is
        as bad to drop a live weight as to keep a dead one.

    Raises
    ------
    TypeError, ValueError
        If something else came, or both a density and a threshold.

    Notes
    -----
    Source: [prune]. docs/using.md has in a table what another decision costs. Nearly all pi_tilde
    are near 0 or 1, so that thresholds between 0.1 and 0.9 are much the same; a density below that
    of the posterior drops what the data need, one above it keeps weights that are zero but for
    noise.

    Examples
    --------
    >>> from tvbi_ref import TurboVBI, datasets, nets
    >>> from tvbi_ref.module_b import IndependentSupport
    >>> from tvbi_ref.prior import HierarchicalPrior
    >>> data = datasets.load_digits()
    >>> prior = HierarchicalPrior.spike_and_slab(IndependentSupport(-3.0))
    >>> result = TurboVBI(prior, epochs=2).fit(
    ...     nets.mlp([64, 10], seed=0), data.x_train, data.y_train)
    >>> small = prune(result)
    >>> small.n_kept == sum(int(mask.sum()) for mask in support_masks(result))
    True
    >>> prune(result, density=0.1).n_kept
    64
    """
    if not isinstance(result, TurboResult):
        raise TypeError(f"result must be what TurboVBI.fit returned; got {result!r}")
    network, cut = result.network.copy(), _cut(result, density, threshold)
    for layer, posterior in zip(network.weight_layers, result.posteriors, strict=True):
        layer.prune(layer.from_matrix(keep_mask(posterior.support_log_odds - cut)))
    return network


def _cut(result: TurboResult, density: float | None, threshold: float | None) -> float:
    """Return the log-odds from which on a weight is kept; 0 is pi_tilde = 1/2."""
    if density is not None and threshold is not None:
        raise ValueError(
            f"density and threshold must not both be given; got {density!r} and {threshold!r}"
        )
    if threshold is not None:
        return float(logit(as_real(threshold, "threshold", above=0, below=1)))
    if density is None:
        return 0.0
    density = as_real(density, "density", above=0, at_most=1)
    everything = np.concatenate([q.support_log_odds.ravel() for q in result.posteriors])
    n_kept = max(1, round(density * everything.size))
    return float(np.sort(everything)[-n_kept])


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

    @property
    def kilobits(self) -> float:
        """Size of the whole in thousands of bits: positions, and values of 8 bits each."""
        return self.kept * (self.index_bits + VALUE_BITS) / 1000


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

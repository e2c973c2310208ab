"""What a posterior says of a prediction, from the outputs of networks drawn from it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import entr, log_softmax

from tvbi_ref._repr import brief
from tvbi_ref._validation import FloatArray
from tvbi_ref.nets import GaussianLikelihood, Loss, SoftmaxCrossEntropy

SHARE = 50
"""So many errors a drawn network gets to show where its targets lie."""


class Interval(NamedTuple):
    """Where a target lies with the probability that was asked for, (n, n_outputs) each."""

    lower: FloatArray
    upper: FloatArray

    def __repr__(self) -> str:
        return brief(self)


class Entropy(NamedTuple):
    """What a classifier does not know, in nats, (n,) each; total = noise + knowledge.

    `total` is the entropy of the prediction. `noise` is what would be left of it if the weights
    were known, the mean entropy of the networks drawn; `knowledge`, the mutual information of
    label and weights, is what more data would take away.
    """

    total: FloatArray
    noise: FloatArray
    knowledge: FloatArray

    def __repr__(self) -> str:
        return brief(self)


def split_entropy(probabilities: Iterable[FloatArray]) -> Entropy:
    """Return the entropy of the mean prediction (n, C) of some networks, and its parts.

    Examples
    --------
    >>> agree, differ = np.full((2, 1, 2), 0.5), np.eye(2)[:, None]
    >>> [split_entropy(p).knowledge.round(3).tolist() for p in (agree, differ)]  # 0, and ln 2
    [[0.0], [0.693]]
    """
    mean = noise = np.zeros(1)
    for n, p in enumerate(probabilities):
        mean = mean + (p - mean) / (n + 1)
        noise = noise + (entr(p).sum(axis=1) - noise) / (n + 1)
    total = entr(mean).sum(axis=1)
    return Entropy(total, noise, total - noise)


def noise_of(loss: Loss, what: str) -> Any:
    """Return the distribution of a target around its mean, as scipy.stats has it.

    Examples
    --------
    >>> float(noise_of(GaussianLikelihood(4.0), "predict_interval").std())
    0.5
    """
    if not isinstance(loss, GaussianLikelihood):
        raise TypeError(f"{what} needs a Gaussian likelihood; got {loss!r}")
    from scipy.stats import norm, t  # slow to import, and only needed here

    if loss.posterior is None:
        return norm(scale=loss.noise_precision**-0.5)
    a, b = loss.posterior
    return t(2 * a, scale=(b / a) ** 0.5)


def log_density(loss: Loss, output: FloatArray, y: NDArray[Any]) -> FloatArray:
    """Return ln p(y | output) of every row, (n,).

    Examples
    --------
    >>> log_density(SoftmaxCrossEntropy(), np.zeros((1, 2)), np.array([1])).round(3)  # ln 1/2
    array([-0.693])
    """
    if isinstance(loss, SoftmaxCrossEntropy):
        return log_softmax(output, axis=1)[np.arange(len(y)), y]
    density: FloatArray = noise_of(loss, "log_likelihood").logpdf(y - output)
    return density.sum(axis=1)


def quantiles(means: FloatArray, noise: Any, levels: tuple[float, float]) -> FloatArray:
    """Return quantiles of targets around the means of D draws, (D, ...) to (2, ...).

    The errors are no random numbers but an even grid of the noise's own quantiles, dealt out to
    the draws like cards, so that every draw has its share of the small and of the large ones.

    Examples
    --------
    >>> noise = noise_of(GaussianLikelihood(1.0), "predict_interval")
    >>> quantiles(np.array([[3.0]]), noise, (0.025, 0.975)).round(1).ravel()
    array([1.2, 4.8])
    """
    D = len(means)
    grid = noise.ppf((np.arange(D * SHARE) + 0.5) / (D * SHARE))
    errors = grid.reshape(SHARE, D).T
    targets = means.reshape(D, -1).T
    pairs = [np.quantile(mean[:, None] + errors, levels) for mean in targets]
    return np.reshape(np.transpose(pairs), (2, *means.shape[1:]))

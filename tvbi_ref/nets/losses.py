"""Likelihoods as losses: mean negative log-likelihood a row, and its gradient."""

from __future__ import annotations

import math
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import digamma, log_softmax, softmax

from tvbi_ref._validation import FloatArray, as_float_array, as_labels, as_real
from tvbi_ref.gamma import Gamma, gamma_entropy

LOG_2PI = math.log(2 * math.pi)


class Loss(Protocol):
    """What a network asks of its likelihood."""

    score_name: str
    """What `score` returns: "accuracy" or "rmse"."""

    @property
    def learns(self) -> bool:
        """Whether the likelihood has something to learn itself."""

    def as_targets(self, y: ArrayLike, n_rows: int, n_outputs: int, dtype: Any) -> NDArray[Any]:
        """Check the targets and bring them into the form that `value` takes."""

    def value(self, output: FloatArray, y: NDArray[Any]) -> float:
        """Return the mean of -ln p(y | output) over the rows."""

    def gradient(self, output: FloatArray, y: NDArray[Any]) -> FloatArray:
        """Return the gradient of `value` by the output."""

    def score(self, output: FloatArray, y: NDArray[Any]) -> float:
        """Return what a user compares: accuracy, or the root mean square error."""

    def refit(self, output: FloatArray, y: NDArray[Any]) -> None:
        """Update what the likelihood itself learns from the network's noisy outputs."""

    @property
    def negative_kl(self) -> float:
        """-KL of what the likelihood learns; 0 if nothing."""


class SoftmaxCrossEntropy:
    """The categorical likelihood: -ln softmax(z)_y.

    Notes
    -----
    Source: [likelihood-categorical]. The gradient is (softmax(z) - onehot(y)) / B.

    Examples
    --------
    >>> loss = SoftmaxCrossEntropy()
    >>> round(loss.value(np.zeros((2, 4)), np.array([0, 3])) / math.log(4), 12)
    1.0
    """

    score_name = "accuracy"
    learns = False
    negative_kl = 0.0

    def as_targets(self, y: ArrayLike, n_rows: int, n_outputs: int, dtype: Any) -> NDArray[Any]:
        """Return labels in [0, n_outputs) as int64 (n_rows,)."""
        return as_labels(y, "y", n_classes=n_outputs, length=n_rows)

    def value(self, output: FloatArray, y: NDArray[Any]) -> float:
        """Return the mean cross-entropy; output (B, C) logits, y (B,) labels."""
        return float(-np.mean(log_softmax(output, axis=1)[np.arange(len(y)), y]))

    def gradient(self, output: FloatArray, y: NDArray[Any]) -> FloatArray:
        """Return (softmax(z) - onehot(y)) / B."""
        grad = softmax(output, axis=1)
        grad[np.arange(len(y)), y] -= 1
        return grad / len(y)

    def probabilities(self, output: FloatArray) -> FloatArray:
        """Return softmax(z), rows summing to 1."""
        return softmax(output, axis=1)

    def score(self, output: FloatArray, y: NDArray[Any]) -> float:
        """Return the share of rows whose largest logit is the label's."""
        return float(np.mean(output.argmax(axis=1) == y))

    def refit(self, output: FloatArray, y: NDArray[Any]) -> None:
        """Do nothing: the softmax has no parameter of its own."""


def _sum_of_squares(residual: FloatArray) -> float:
    """Return it in float64: a float32 square overflows at 2e19."""
    return float(np.sum(np.square(residual, dtype=np.float64)))


class GaussianLikelihood:
    """N(y; f, 1/gamma), the precision gamma known or with a Gamma posterior.

    Parameters
    ----------
    noise : float or Gamma
        A number > 0: the precision is known. A Gamma: its prior; `refit` updates the
        posterior.

    Notes
    -----
    Source: [likelihood-gaussian]. With a posterior, <gamma> and <ln gamma> stand in for
    gamma and ln gamma.

    Examples
    --------
    >>> loss = GaussianLikelihood(noise=1.0)
    >>> loss.gradient(np.array([[3.0]]), np.array([[1.0]]))
    array([[2.]])
    """

    score_name = "rmse"

    def __init__(self, noise: float | Gamma = 1.0) -> None:
        self.prior = noise if isinstance(noise, Gamma) else None
        self.posterior = self.prior
        self._known = None if self.prior else as_real(noise, "noise", above=0)

    @property
    def learns(self) -> bool:
        """Whether the noise precision has a posterior."""
        return self.prior is not None

    @property
    def noise_precision(self) -> float:
        """<gamma>."""
        return self.posterior.mean if self.posterior else float(self._known)  # type: ignore[arg-type]

    @property
    def log_noise_precision(self) -> float:
        """<ln gamma>."""
        if self.posterior is None:
            return math.log(self.noise_precision)
        return float(digamma(self.posterior.shape)) - math.log(self.posterior.rate)

    @property
    def negative_kl(self) -> float:
        """-KL(q(gamma) || p(gamma)), 0 for a known precision.

        Examples
        --------
        >>> GaussianLikelihood(Gamma(2.0, 1.0)).negative_kl  # nothing learned yet
        0.0
        """
        if self.prior is None or self.posterior is None:
            return 0.0
        entropy = float(gamma_entropy(self.posterior.shape, self.posterior.rate))
        expected = self.prior.expected_log_density(self.noise_precision, self.log_noise_precision)
        return float(expected) + entropy

    def as_targets(self, y: ArrayLike, n_rows: int, n_outputs: int, dtype: Any) -> NDArray[Any]:
        """Return real targets (n_rows, n_outputs); one column may come as (n_rows,)."""
        targets = as_float_array(y, "y", dtype=dtype)
        if targets.ndim == 1 and n_outputs == 1:
            targets = targets[:, None]
        return as_float_array(targets, "y", shape=(n_rows, n_outputs), dtype=dtype)

    def value(self, output: FloatArray, y: NDArray[Any]) -> float:
        """Return the mean over rows of 1/2 <gamma> ||y - f||^2 - D/2 (<ln gamma> - ln 2 pi)."""
        squared = _sum_of_squares(y - output) / len(y)
        constant = 0.5 * output.shape[1] * (self.log_noise_precision - LOG_2PI)
        return 0.5 * self.noise_precision * squared - constant

    def gradient(self, output: FloatArray, y: NDArray[Any]) -> FloatArray:
        """Return <gamma> (f - y) / B."""
        return (output - y) * output.dtype.type(self.noise_precision / len(y))

    def score(self, output: FloatArray, y: NDArray[Any]) -> float:
        """Return the root mean square error."""
        return float(np.sqrt(_sum_of_squares(y - output) / y.size))

    def refit(self, output: FloatArray, y: NDArray[Any]) -> None:
        """Set q(gamma) = Ga(a_gamma + N D/2, b_gamma + 1/2 E||y - f||^2).

        Parameters
        ----------
        output : ndarray (N, D)
            One noisy forward pass of all rows: it estimates the expectation.
        y : ndarray (N, D)

        Notes
        -----
        Source: [likelihood-gaussian].

        Examples
        --------
        >>> loss = GaussianLikelihood(Gamma(1.0, 1.0))
        >>> loss.refit(np.zeros((4, 1)), np.ones((4, 1)))
        >>> loss.posterior
        Gamma(shape=3.0, rate=3.0)
        """
        if self.prior is not None:
            squared = _sum_of_squares(y - output)
            self.posterior = Gamma(self.prior.shape + y.size / 2, self.prior.rate + squared / 2)

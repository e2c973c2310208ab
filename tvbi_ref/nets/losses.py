"""Likelihoods as losses: mean negative log-likelihood a row, and its gradient."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import digamma, log_softmax, softmax

from tvbi_ref._repr import brief
from tvbi_ref._validation import FloatArray, as_float_array, as_labels, as_real, border
from tvbi_ref.equations import equation
from tvbi_ref.gamma import Gamma, gamma_entropy
from tvbi_ref.nets.shapes import require_shape

LOG_2PI = math.log(2 * math.pi)


@equation("likelihood-categorical")
def softmax_cross_entropy(output: FloatArray, y: NDArray[Any]) -> tuple[float, FloatArray]:
    """Return the mean over rows of -ln softmax(z)_y, and its gradient by z.

    The largest logit of a row is taken off first, which changes nothing and keeps e^z from
    overflowing: -ln softmax(z)_y = ln sum_c e^(z_c) - z_y.

    Parameters
    ----------
    output : ndarray (B, C)
        The logits z.
    y : ndarray of int (B,)
        Labels in [0, C).

    Returns
    -------
    tuple (float, ndarray (B, C))
        The gradient is (softmax(z) - onehot(y)) / B.

    Notes
    -----
    Source: [likelihood-categorical].

    Examples
    --------
    >>> value, gradient = softmax_cross_entropy(np.zeros((1, 4)), np.array([3]))
    >>> round(value / math.log(4), 12), gradient
    (1.0, array([[ 0.25,  0.25,  0.25, -0.75]]))
    """
    label = np.arange(len(y)), y
    z = output - output.max(axis=1, keepdims=True)
    with np.errstate(under="ignore"):
        exponentials = np.exp(z)
    total = exponentials.sum(axis=1, keepdims=True)
    value = -np.mean((z - np.log(total))[label])
    gradient = exponentials / total
    gradient[label] -= 1
    return float(value), gradient / len(y)


@equation("likelihood-gaussian")
def gaussian_nll(
    output: FloatArray, y: NDArray[Any], noise_precision: float, log_noise_precision: float
) -> tuple[float, FloatArray]:
    """Return the mean over rows of -E[ln N(y; f, 1/gamma)], and its gradient by f.

    The value of a row is 1/2 <gamma> ||y - f||^2 - D/2 (<ln gamma> - ln 2 pi).

    Parameters
    ----------
    output, y : ndarray (B, D)
        f and y.
    noise_precision, log_noise_precision : float
        <gamma> and <ln gamma>; for a known precision gamma and ln gamma.

    Returns
    -------
    tuple (float, ndarray (B, D))
        The gradient is <gamma> (f - y) / B.

    Raises
    ------
    ValueError
        If the shapes of `output` and `y` differ.

    Notes
    -----
    Source: [likelihood-gaussian].

    Examples
    --------
    >>> value, gradient = gaussian_nll(np.array([[3.0]]), np.array([[1.0]]), 1.0, 0.0)
    >>> round(value - 0.5 * LOG_2PI, 12), gradient
    (2.0, array([[2.]]))
    """
    require_shape(y, "y", output.shape)  # (B, 1) and (B,) would give (B, B) without a word
    squared = _sum_of_squares(y - output) / len(y)
    constant = 0.5 * output.shape[1] * (log_noise_precision - LOG_2PI)
    gradient = (output - y) * output.dtype.type(noise_precision / len(y))
    return 0.5 * noise_precision * squared - constant, gradient


@equation("noise-precision")
def update_noise_precision(
    output: FloatArray, y: NDArray[Any], prior: Gamma
) -> tuple[float, float]:
    """Return the posterior of the noise precision: (a + N D/2, b + 1/2 sum ||y - f||^2).

    Parameters
    ----------
    output, y : ndarray (N, D)
        f and y. With one noisy forward pass as `output` the sum estimates its expectation.
    prior : Gamma
        Ga(a, b).

    Returns
    -------
    tuple (float, float)
        Shape and rate.

    Notes
    -----
    Source: [noise-precision].

    Examples
    --------
    >>> update_noise_precision(np.zeros((4, 1)), np.ones((4, 1)), Gamma(1.0, 1.0))
    (3.0, 3.0)
    """
    require_shape(y, "y", output.shape)
    return prior.shape + y.size / 2, prior.rate + _sum_of_squares(y - output) / 2


def _sum_of_squares(residual: FloatArray) -> float:
    """Return it in float64: a float32 square overflows at 2e19."""
    return float(np.sum(np.square(residual, dtype=np.float64)))


class Loss(ABC):
    """What a network asks of its likelihood."""

    __repr__ = brief

    score_name: str
    """What `score` returns: "accuracy" or "rmse"."""

    @abstractmethod
    def as_targets(self, y: ArrayLike, n_rows: int, n_outputs: int, dtype: Any) -> NDArray[Any]:
        """Check the targets and bring them into the form that `value` takes."""

    @abstractmethod
    def value_and_gradient(self, output: FloatArray, y: NDArray[Any]) -> tuple[float, FloatArray]:
        """Return the mean of -ln p(y | output) over the rows, and its gradient by the output."""

    @abstractmethod
    def row_values(self, output: FloatArray, y: NDArray[Any]) -> FloatArray:
        """Return -ln p(y | output) of every row, (B,)."""

    @abstractmethod
    def score(self, output: FloatArray, y: NDArray[Any], share: FloatArray | None = None) -> float:
        """Return what a user compares: accuracy, or the root mean square error."""

    @border
    def value(self, output: FloatArray, y: NDArray[Any], share: FloatArray | None = None) -> float:
        """Return the mean of -ln p(y | output) over the rows, each times its share if given."""
        if share is None:
            return self.value_and_gradient(output, y)[0]
        return float(np.mean(share * self.row_values(output, y)))

    @border
    def gradient(
        self, output: FloatArray, y: NDArray[Any], share: FloatArray | None = None
    ) -> FloatArray:
        """Return the gradient of `value` by the output."""
        gradient = self.value_and_gradient(output, y)[1]
        return gradient if share is None else gradient * share[:, None]

    @property
    def learns(self) -> bool:
        """Whether the likelihood has something to learn itself."""
        return False

    @property
    def negative_kl(self) -> float:
        """-KL of what the likelihood learns; 0 if nothing."""
        return 0.0

    def refit(  # noqa: B027
        self, output: FloatArray, y: NDArray[Any], sample_weight: FloatArray | None = None
    ) -> None:
        """Update what the likelihood itself learns from the network's noisy outputs."""


class SoftmaxCrossEntropy(Loss):
    """The categorical likelihood: -ln softmax(z)_y.

    Notes
    -----
    Source: [likelihood-categorical], the function `softmax_cross_entropy`.

    Examples
    --------
    >>> loss = SoftmaxCrossEntropy()
    >>> round(loss.value(np.zeros((2, 4)), np.array([0, 3])) / math.log(4), 12)
    1.0
    """

    score_name = "accuracy"

    @border
    def as_targets(self, y: ArrayLike, n_rows: int, n_outputs: int, dtype: Any) -> NDArray[Any]:
        """Return labels in [0, n_outputs) as int64 (n_rows,)."""
        return as_labels(y, "y", n_classes=n_outputs, length=n_rows)

    @border
    def value_and_gradient(self, output: FloatArray, y: NDArray[Any]) -> tuple[float, FloatArray]:
        """Return `softmax_cross_entropy`; output (B, C) logits, y (B,) labels."""
        return softmax_cross_entropy(output, y)

    @border
    def row_values(self, output: FloatArray, y: NDArray[Any]) -> FloatArray:
        """Return -ln softmax(z)_y of every row."""
        return -np.asarray(log_softmax(output, axis=1))[np.arange(len(y)), y]

    @border
    def probabilities(self, output: FloatArray) -> FloatArray:
        """Return softmax(z), rows summing to 1."""
        with np.errstate(under="ignore"):  # what rounds to 0 is 0
            return softmax(output, axis=1)

    @border
    def score(self, output: FloatArray, y: NDArray[Any], share: FloatArray | None = None) -> float:
        """Return the share of rows whose largest logit is the label's."""
        right = output.argmax(axis=1) == y
        return float(np.mean(right if share is None else right * share))


class GaussianLikelihood(Loss):
    """N(y; f, 1/gamma), the precision gamma known or with a Gamma posterior.

    Parameters
    ----------
    noise : float or Gamma
        A number > 0: the precision is known. A Gamma: its prior; `refit` updates the
        posterior.

    Notes
    -----
    Source: [likelihood-gaussian], the function `gaussian_nll`. With a posterior, <gamma> and
    <ln gamma> stand in for gamma and ln gamma.

    Examples
    --------
    >>> loss = GaussianLikelihood(noise=1.0)
    >>> loss.gradient(np.array([[3.0]]), np.array([[1.0]]))
    array([[2.]])
    """

    score_name = "rmse"

    def __init__(self, noise: float | Gamma = 1.0) -> None:
        self.prior = self.posterior = noise if isinstance(noise, Gamma) else None
        self._known = 1.0 if isinstance(noise, Gamma) else as_real(noise, "noise", above=0)

    def __repr__(self) -> str:
        return f"GaussianLikelihood(noise={self.posterior or self._known})"

    @property
    def learns(self) -> bool:
        """Whether the noise precision has a posterior."""
        return self.prior is not None

    @property
    def noise_precision(self) -> float:
        """<gamma>."""
        return self.posterior.mean if self.posterior else self._known

    @property
    def log_noise_precision(self) -> float:
        """<ln gamma>."""
        if self.posterior is None:
            return math.log(self._known)
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

    @border
    def as_targets(self, y: ArrayLike, n_rows: int, n_outputs: int, dtype: Any) -> NDArray[Any]:
        """Return real targets (n_rows, n_outputs); one column may come as (n_rows,)."""
        targets = as_float_array(y, "y", dtype=dtype)
        if targets.ndim == 1 and n_outputs == 1:
            targets = targets[:, None]
        require_shape(targets, "y", (n_rows, n_outputs))
        return targets

    @border
    def value_and_gradient(self, output: FloatArray, y: NDArray[Any]) -> tuple[float, FloatArray]:
        """Return `gaussian_nll`."""
        return gaussian_nll(output, y, self.noise_precision, self.log_noise_precision)

    @border
    def row_values(self, output: FloatArray, y: NDArray[Any]) -> FloatArray:
        """Return 1/2 <gamma> ||y - f||^2 - D/2 (<ln gamma> - ln 2 pi) of every row."""
        squared = np.square(y - output, dtype=np.float64).sum(axis=1)
        constant = 0.5 * output.shape[1] * (self.log_noise_precision - LOG_2PI)
        return np.asarray(0.5 * self.noise_precision * squared - constant)

    @border
    def score(self, output: FloatArray, y: NDArray[Any], share: FloatArray | None = None) -> float:
        """Return the root mean square error."""
        residual = y - output if share is None else np.sqrt(share)[:, None] * (y - output)
        return float(np.sqrt(_sum_of_squares(residual) / y.size))

    @border
    def refit(
        self, output: FloatArray, y: NDArray[Any], sample_weight: FloatArray | None = None
    ) -> None:
        """Set q(gamma) = Ga(a_gamma + N D/2, b_gamma + 1/2 E||y - f||^2).

        Parameters
        ----------
        output : ndarray (N, D)
            One noisy forward pass of all rows: it estimates the expectation.
        y : ndarray (N, D)
        sample_weight : ndarray (N,), optional
            w: N is sum w then, and a squared residual counts w times.

        Notes
        -----
        Source: [noise-precision].

        Examples
        --------
        >>> loss = GaussianLikelihood(Gamma(1.0, 1.0))
        >>> loss.refit(np.zeros((4, 1)), np.ones((4, 1)))
        >>> loss.posterior
        Gamma(shape=3.0, rate=3.0)
        """
        if self.prior is None:
            return
        if sample_weight is None:
            self.posterior = Gamma(*update_noise_precision(output, y, self.prior))
            return
        root = np.sqrt(sample_weight)[:, None]
        shape, rate = update_noise_precision(root * output, root * y, self.prior)
        more = sample_weight.sum() - len(y)  # than the equation has counted
        self.posterior = Gamma(shape + more * y.shape[1] / 2, rate)

r"""Layers with manual backprop. A layer remembers its last forward pass and no more.

Every layer has

    forward(x, rng=None) -> z      rng=None: posterior means only, deterministic
    backward(grad) -> dL/dx        fills the gradients of its parameters

`Dense` carries a Gaussian posterior over its weights. With a generator it samples the
ACTIVATIONS, not the weights: the formulas are in `local_reparam`.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import DTypeLike

from tvbi_ref._validation import FloatArray, as_count, as_real
from tvbi_ref.nets.local_reparam import (
    dense_deviation,
    linear,
    linear_backward,
    local_reparam_dense,
    local_reparam_dense_backward,
)
from tvbi_ref.nets.parameters import Parameter

LOG_VARIANCE_BOUNDS = (-20.0, 2.0)
"""Beyond these a float32 variance is noise or an overflow on its way."""


class Layer(Protocol):
    """What a network asks of a layer."""

    def forward(self, x: FloatArray, rng: np.random.Generator | None = None) -> FloatArray:
        """Return the layer's output and remember what `backward` needs."""

    def backward(self, grad: FloatArray) -> FloatArray:
        """Return dL/dx for grad = dL/dz and fill the gradients of the parameters."""

    def parameters(self) -> list[Parameter]:
        """Return the trainable arrays."""


class Dense:
    """A fully connected layer with q(w) = N(mean, variance) and a plain bias.

    Parameters
    ----------
    n_inputs, n_outputs : int
        I and J: the weight matrix is (I, J), a column is one neuron's fan-in.
    rng : numpy.random.Generator
        Draws the initial means, He-normal: N(0, 2/I).
    log_variance : float
        The initial ln sigma2 of every weight.
    dtype : dtype
        float32 to train, float64 to check.

    Attributes
    ----------
    mean, log_variance : Parameter, (I, J)
    bias : Parameter, (J,)
    mask : ndarray of bool (I, J) or None
        Where False the weight is pruned: mean and variance are zero and stay zero.

    Examples
    --------
    >>> layer = Dense(3, 2, np.random.default_rng(0))
    >>> layer.forward(np.ones((5, 3), dtype=np.float32)).shape
    (5, 2)
    """

    def __init__(
        self,
        n_inputs: int,
        n_outputs: int,
        rng: np.random.Generator,
        *,
        log_variance: float = -8.0,
        dtype: DTypeLike = np.float32,
    ) -> None:
        I = as_count(n_inputs, "n_inputs", at_least=1)
        J = as_count(n_outputs, "n_outputs", at_least=1)
        scale = np.sqrt(2.0 / I)
        self.mean = Parameter("mean", (scale * rng.standard_normal((I, J))).astype(dtype))
        self.log_variance = Parameter(
            "log_variance", np.full((I, J), log_variance, dtype), LOG_VARIANCE_BOUNDS
        )
        self.bias = Parameter("bias", np.zeros(J, dtype))
        self.mask: np.ndarray[Any, np.dtype[np.bool_]] | None = None

    @property
    def variance(self) -> FloatArray:
        """sigma2 = e^(ln sigma2), zero where pruned."""
        variance = np.exp(self.log_variance.value)
        return variance if self.mask is None else variance * self.mask

    def parameters(self) -> list[Parameter]:
        """Return mean, log variance and bias."""
        return [self.mean, self.log_variance, self.bias]

    def prune(self, keep: np.ndarray[Any, np.dtype[np.bool_]]) -> None:
        """Set the weights where `keep` is False to zero, for good.

        Raises
        ------
        ValueError
            If `keep` is not a boolean (I, J) array.
        """
        keep = np.asarray(keep)
        if keep.dtype != bool or keep.shape != self.mean.value.shape:
            raise ValueError(
                f"keep must be a boolean array of shape {self.mean.value.shape}; "
                f"got {keep.dtype} of shape {keep.shape}"
            )
        self.mask = keep.copy() if self.mask is None else self.mask & keep
        self.mean.value *= self.mask

    def forward(self, x: FloatArray, rng: np.random.Generator | None = None) -> FloatArray:
        """Return z = X M + b, plus sqrt(X^2 S + eps) e with e ~ N(0, 1) if `rng` is given.

        Parameters
        ----------
        x : ndarray (B, I)
        rng : numpy.random.Generator, optional

        Returns
        -------
        ndarray (B, J)

        Notes
        -----
        Source: [local-reparam-dense].
        """
        M = self.mean.value if self.mask is None else self.mean.value * self.mask
        self._x, self._M, self._noise = x, M, None
        if rng is None:
            return linear(x, M) + self.bias.value
        self._S = self.variance
        self._sd = dense_deviation(x, self._S)
        self._noise = rng.standard_normal(self._sd.shape, dtype=self._sd.dtype.type)
        return local_reparam_dense(x, M, self._S, self.bias.value, self._noise, self._sd)

    def backward(self, grad: FloatArray) -> FloatArray:
        """Return dL/dx and fill the gradients of mean, bias and ln sigma2.

        The last is S dL/dS, by the chain rule; without noise it is 0.

        Parameters
        ----------
        grad : ndarray (B, J)
            g = dL/dz.

        Returns
        -------
        ndarray (B, I)

        Notes
        -----
        Source: [local-reparam-dense-backward].
        """
        x, M = self._x, self._M
        if self._noise is None:
            d_mean, d_x = linear_backward(x, M, grad)
            d_bias = grad.sum(axis=0)
            self.log_variance.grad[...] = 0
        else:
            d_mean, d_variance, d_bias, d_x = local_reparam_dense_backward(
                x, M, self._S, self._noise, grad, self._sd
            )
            self.log_variance.grad[...] = self._S * d_variance
        self.bias.grad[...] = d_bias
        self.mean.grad[...] = d_mean if self.mask is None else d_mean * self.mask
        return d_x


class ReLU:
    """max(x, 0), elementwise; the derivative at 0 is taken as 0.

    Examples
    --------
    >>> ReLU().forward(np.array([[-1.0, 2.0]]))
    array([[0., 2.]])
    """

    def parameters(self) -> list[Parameter]:
        """Return nothing: there is nothing to train."""
        return []

    def forward(self, x: FloatArray, rng: np.random.Generator | None = None) -> FloatArray:
        """Return max(x, 0)."""
        self._positive = x > 0
        return np.maximum(x, 0)

    def backward(self, grad: FloatArray) -> FloatArray:
        """Return g where x > 0, else 0."""
        return grad * self._positive


class LeakyReLU:
    """x where x > 0, else leak * x.

    Parameters
    ----------
    leak : float in (0, 1)

    Examples
    --------
    >>> LeakyReLU(0.1).forward(np.array([[-1.0, 2.0]]))
    array([[-0.1,  2. ]])
    """

    def __init__(self, leak: float = 0.01) -> None:
        self.leak = as_real(leak, "leak", above=0, below=1)

    def parameters(self) -> list[Parameter]:
        """Return nothing: there is nothing to train."""
        return []

    def forward(self, x: FloatArray, rng: np.random.Generator | None = None) -> FloatArray:
        """Return x or leak * x."""
        self._slope = np.where(x > 0, 1.0, self.leak).astype(x.dtype)
        return x * self._slope

    def backward(self, grad: FloatArray) -> FloatArray:
        """Return g or leak * g."""
        return grad * self._slope

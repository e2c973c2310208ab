r"""Layers with manual backprop. A layer remembers its last forward pass and no more.

Every layer has

    forward(x, rng=None) -> z      rng=None: posterior means only, deterministic
    backward(grad) -> dL/dx        fills the gradients of its parameters

A `WeightLayer` carries a Gaussian posterior over its weights: `Dense` here, `Conv2D` in
`convolution`. With a generator it samples the ACTIVATIONS, not the weights: the formulas are in
`local_reparam`. The rest of the package sees the weights of either as a matrix.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import DTypeLike, NDArray

from tvbi_ref._validation import FloatArray, as_count, border, border_of_layer
from tvbi_ref.equations import socket
from tvbi_ref.nets.local_reparam import linear, local_reparam_dense, local_reparam_dense_backward
from tvbi_ref.nets.noise import standard_normal
from tvbi_ref.nets.parameters import Parameter, fill
from tvbi_ref.nets.shapes import require_shape, require_shapes

LOG_VARIANCE_BOUNDS = (-20.0, 2.0)
"""Beyond these a float32 variance is noise or an overflow on its way."""


Memory = dict[str, FloatArray]
"""What a fast form of the forward pass leaves for that of the backward pass; else empty."""

Gradients = tuple[FloatArray, FloatArray, FloatArray]
"""By mean, variance and bias: arrays that stay in their place, to be written to."""


class Layer(Protocol):
    """What a network asks of a layer."""

    def forward(self, x: FloatArray, rng: np.random.Generator | None = None) -> FloatArray:
        """Return the layer's output and remember what `backward` needs."""

    def backward(self, grad: FloatArray) -> FloatArray:
        """Return dL/dx for grad = dL/dz and fill the gradients of the parameters."""

    def parameters(self) -> list[Parameter]:
        """Return the trainable arrays."""


class WeightLayer:
    """A layer with q(w) = N(mean, variance) and a plain bias: what `Dense` and `Conv2D` share.

    The weights have the shape that the layer computes in, (I, J) of a dense layer, (F, C, kh, kw)
    of a convolution. Priors, messages and masks live on a MATRIX, rows inputs and columns
    outputs; `matrix` and `from_matrix` go from one to the other and back without loss.

    Parameters
    ----------
    mean : ndarray
        The initial means; their shape and dtype are the layer's.
    n_outputs : int
        How many biases there are.
    log_variance : float
        The initial ln sigma2 of every weight.

    Attributes
    ----------
    mean, log_variance : Parameter
        In the layer's own shape.
    bias : Parameter, (n_outputs,)
    mask : ndarray of bool or None
        Of the shape of the mean; where False the weight is pruned: mean and variance are zero
        and stay zero.
    """

    def __init__(self, mean: FloatArray, n_outputs: int, log_variance: float) -> None:
        self.mean = Parameter("mean", mean)
        self.log_variance = Parameter(
            "log_variance", np.full_like(mean, log_variance), LOG_VARIANCE_BOUNDS
        )
        self.bias = Parameter("bias", np.zeros(n_outputs, mean.dtype))
        self.mask: NDArray[np.bool_] | None = None

    @property
    def variance(self) -> FloatArray:
        """sigma2 = e^(ln sigma2), zero where pruned."""
        variance = np.exp(self.log_variance.value)
        return variance if self.mask is None else variance * self.mask

    @property
    def widths(self) -> tuple[int, int]:
        """How many inputs and outputs there are; of a convolution, channels."""
        return self.matrix_shape

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.widths[0]} -> {self.widths[1]})"

    @property
    def matrix_shape(self) -> tuple[int, int]:
        """The shape of what `matrix` returns."""
        I, J = self.matrix(self.mean.value).shape
        return I, J

    def matrix(self, array: NDArray[Any]) -> NDArray[Any]:
        """Return an array in the layer's own shape as the matrix that priors see.

        Parameters
        ----------
        array : ndarray
            One entry for each weight: means, variances, a mask.

        Returns
        -------
        ndarray (I, J)
            C-contiguous and not to be written to: of a dense layer it is the array itself.
        """
        return array

    def from_matrix(self, matrix: NDArray[Any]) -> NDArray[Any]:
        """Return a matrix of priors in the layer's own shape: the inverse of `matrix`.

        Parameters
        ----------
        matrix : ndarray (I, J)

        Returns
        -------
        ndarray
            C-contiguous and not to be written to: of a dense layer it is the matrix itself.
        """
        return matrix

    def parameters(self) -> list[Parameter]:
        """Return mean, log variance and bias."""
        return [self.mean, self.log_variance, self.bias]

    @border
    def prune(self, keep: NDArray[np.bool_]) -> None:
        """Set the weights where `keep` is False to zero, for good.

        Parameters
        ----------
        keep : ndarray of bool
            In the layer's own shape; a mask that is a matrix goes through `from_matrix` first.

        Raises
        ------
        ValueError
            If `keep` is not a boolean array of that shape.
        """
        keep = np.asarray(keep)
        if keep.dtype != bool or keep.shape != self.mean.value.shape:
            raise ValueError(
                f"keep must be a boolean array of shape {self.mean.value.shape}; "
                f"got {keep.dtype} of shape {keep.shape}"
            )
        self.mask = keep.copy() if self.mask is None else self.mask & keep
        self.mean.value *= self.mask

    def _live_mean(self) -> FloatArray:
        """Return the means, zero where pruned even if an optimizer has moved them."""
        return self.mean.value if self.mask is None else self.mean.value * self.mask

    @property
    def _gradients(self) -> Gradients:
        """Where the gradients by mean, variance and bias go, see `_finish`."""
        return self.mean.grad, self.log_variance.grad, self.bias.grad

    def _finish(self) -> None:
        """Make the gradient by the variance one by ln sigma2, S dL/dS; a pruned mean has none."""
        if self._noise is not None:
            self.log_variance.grad *= self._S
        if self.mask is not None:
            self.mean.grad *= self.mask

    needs_dx = True
    """False: `backward` may return nan for dL/dx, which training has no use for at the data."""

    @property
    def last_variance(self) -> FloatArray:
        """The variances of the last noisy forward pass: `variance` without a second e^."""
        return self._S

    _S: FloatArray
    _noise: FloatArray | None  # of the last forward pass


def he_normal(
    shape: tuple[int, ...], fan_in: int, rng: np.random.Generator, dtype: DTypeLike
) -> FloatArray:
    """Return initial means ~ N(0, 2/fan_in), which keep the size of signals that pass a ReLU.

    Examples
    --------
    >>> bool(abs(he_normal((50, 80), 50, np.random.default_rng(0), np.float64).std() - 0.2) < 0.01)
    True
    """
    return (np.sqrt(2.0 / fan_in) * rng.standard_normal(shape)).astype(dtype)


@socket("dense")
def draw_dense(
    x: FloatArray,
    mean: FloatArray,
    variance: FloatArray,
    bias: FloatArray,
    noise: FloatArray,
    memory: Memory,
) -> FloatArray:
    """Return `local_reparam_dense`; a fast form leaves in `memory` what the way back can use.

    Examples
    --------
    >>> one = np.ones((1, 1))
    >>> draw_dense(3 * one, one, 4 * one, one[0], 0.5 * one, {})  # 3 + 1 + 6 / 2
    array([[7.]])
    """
    return local_reparam_dense(x, mean, variance, bias, noise)


@socket("dense-backward")
def dense_backward(
    x: FloatArray,
    mean: FloatArray,
    variance: FloatArray,
    noise: FloatArray,
    grad: FloatArray,
    memory: Memory,
    needs_dx: bool,
    out: Gradients,
) -> FloatArray:
    """Do `local_reparam_dense_backward`: fill `out` and return dL/dx, nan if nobody needs it.

    Examples
    --------
    >>> one, out = np.ones((1, 1)), (np.empty((1, 1)), np.empty((1, 1)), np.empty(1))
    >>> dense_backward(3 * one, one, 4 * one, 0.5 * one, one, {}, True, out).round(6)
    array([[2.]])
    >>> out[0], out[2]
    (array([[3.]]), array([1.]))
    """
    *gradients, d_x = local_reparam_dense_backward(x, mean, variance, noise, grad)
    fill(out, gradients)
    return d_x


class Dense(WeightLayer):
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
    mean, log_variance, bias, mask
        See `WeightLayer`; the first two and the mask are (I, J).

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
        super().__init__(he_normal((I, J), I, rng, dtype), J, log_variance)

    @border_of_layer
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
        M = self._live_mean()
        require_shapes("mean(I,J) x(B,I)", M, x)
        self._x, self._M, self._noise = np.ascontiguousarray(x), M, None
        if rng is None:
            z = linear(x, M)
            z += self.bias.value
            return z
        self._S = self.variance
        self._noise = standard_normal(rng, (len(x), M.shape[1]), np.result_type(x, M))
        self._memory: Memory = {}
        return draw_dense(self._x, M, self._S, self.bias.value, self._noise, self._memory)

    @border_of_layer
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
        require_shape(grad, "grad", (len(x), M.shape[1]))
        if self._noise is None:
            np.matmul(x.T, grad, out=self.mean.grad)
            self.log_variance.grad[...] = 0
            self.bias.grad[...] = grad.sum(axis=0)
            d_x = grad @ M.T if self.needs_dx else np.full_like(x, np.nan)
        else:
            how = self._memory, self.needs_dx, self._gradients
            d_x = dense_backward(x, M, self._S, self._noise, grad, *how)
        self._finish()
        return d_x

r"""Convolutions: the layer, and its windows written as a matrix.

The layer computes by the functions of `local_reparam`. `columns_of` is a picture of what they
compute: a window of the image under the kernel, written as a column, makes the convolution one
matrix product,

    z = M X + b + sqrt(S X^2 + eps) e,    M, S (F, C kh kw),  X (C kh kw, positions).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from tvbi_ref._validation import FloatArray, as_choice, as_count, border_of_layer
from tvbi_ref.equations import socket
from tvbi_ref.nets.kernel_matrix import LAYOUTS, to_kernel, to_matrix
from tvbi_ref.nets.layers import Gradients, Memory, WeightLayer, he_normal
from tvbi_ref.nets.local_reparam import (
    _pad,
    _windows,
    correlate,
    correlate_backward,
    local_reparam_conv,
    local_reparam_conv_backward,
)
from tvbi_ref.nets.noise import standard_normal as in_order
from tvbi_ref.nets.parameters import fill
from tvbi_ref.nets.shapes import as_sizes, conv_output_shape, require_shape

TURN = (3, 1, 2, 0)
"""Turns the axes of images (B, C, H, W) to (W, C, H, B), and back."""


def standard_normal(
    rng: np.random.Generator, shape: tuple[int, ...], dtype: DTypeLike
) -> FloatArray:
    """Return e ~ N(0, 1) for images (B, F, Ho, Wo), drawn as (Wo, F, Ho, B).

    What a pixel is in all images then stands together in memory: so the fast form wants it, and
    one order of independent numbers is as good as another.

    Examples
    --------
    >>> standard_normal(np.random.default_rng(0), (2, 1, 1, 3), np.float64).strides
    (8, 16, 16, 16)
    """
    return in_order(rng, tuple(shape[axis] for axis in TURN), dtype).transpose(TURN)


@socket("conv")
def draw_conv(
    x: FloatArray,
    mean: FloatArray,
    variance: FloatArray,
    bias: FloatArray,
    noise: FloatArray,
    stride: int,
    padding: int,
    memory: Memory,
) -> FloatArray:
    """Return `local_reparam_conv`; a fast form leaves in `memory` what the way back can use.

    Examples
    --------
    >>> one = np.ones((1, 1, 1, 1))
    >>> draw_conv(3 * one, one, 4 * one, np.ones(1), 0.5 * one, 1, 0, {}).round(6)
    array([[[[7.]]]])
    """
    return local_reparam_conv(x, mean, variance, bias, noise, stride, padding)


@socket("conv-backward")
def conv_backward(
    x: FloatArray,
    mean: FloatArray,
    variance: FloatArray,
    noise: FloatArray,
    grad: FloatArray,
    stride: int,
    padding: int,
    memory: Memory,
    needs_dx: bool,
    out: Gradients,
) -> FloatArray:
    """Do `local_reparam_conv_backward`: fill `out` and return dL/dx, nan if nobody needs it.

    Examples
    --------
    >>> one, out = np.ones((1, 1, 1, 1)), tuple(np.empty(shape) for shape in 2 * [4 * (1,)] + [1])
    >>> conv_backward(3 * one, one, 4 * one, 0.5 * one, one, 1, 0, {}, True, out).round(6)
    array([[[[2.]]]])
    """
    *gradients, d_x = local_reparam_conv_backward(x, mean, variance, noise, grad, stride, padding)
    fill(out, gradients)
    return d_x


class Conv2D(WeightLayer):
    """A convolution with q(w) = N(mean, variance) over its kernels and a plain bias.

    Parameters
    ----------
    n_channels, n_filters : int
        C and F: channels of the images that come in and go out.
    kernel_size : int or (int, int)
        kh and kw; one number for a square.
    rng : numpy.random.Generator
        Draws the initial means, He-normal: N(0, 2/(C kh kw)).
    stride : int
    padding : int
        Zeros on each side of an image. Pixels at the lower and right edge that the last step
        of the stride does not reach are not seen: Ho = (H + 2 padding - kh) // stride + 1.
    layout : {"blocks", "filters"}
        How priors see the kernels as a matrix, see `kernel_matrix`.
    log_variance : float
        The initial ln sigma2 of every weight.
    dtype : dtype
        float32 to train, float64 to check.

    Attributes
    ----------
    mean, log_variance, bias, mask
        See `WeightLayer`; the first two and the mask are (F, C, kh, kw).

    Examples
    --------
    >>> layer = Conv2D(3, 8, 5, np.random.default_rng(0), padding=2)
    >>> layer.forward(np.ones((2, 3, 32, 32), dtype=np.float32)).shape
    (2, 8, 32, 32)
    >>> layer.matrix_shape
    (15, 40)
    """

    def __init__(
        self,
        n_channels: int,
        n_filters: int,
        kernel_size: int | tuple[int, int],
        rng: np.random.Generator,
        *,
        stride: int = 1,
        padding: int = 0,
        layout: str = "blocks",
        log_variance: float = -8.0,
        dtype: DTypeLike = np.float32,
    ) -> None:
        C = as_count(n_channels, "n_channels", at_least=1)
        F = as_count(n_filters, "n_filters", at_least=1)
        sides: Any = (kernel_size, kernel_size) if np.ndim(kernel_size) == 0 else kernel_size
        kh, kw = as_sizes(sides, "kernel_size", ("kh", "kw"))
        self.stride = as_count(stride, "stride", at_least=1)
        self.padding = as_count(padding, "padding")
        self.layout = as_choice(layout, "layout", LAYOUTS)
        mean = he_normal((F, C, kh, kw), C * kh * kw, rng, dtype)
        super().__init__(mean, F, log_variance)

    @property
    def widths(self) -> tuple[int, int]:
        """C and F."""
        F, C, _, _ = self.mean.value.shape
        return C, F

    def __repr__(self) -> str:
        F, C, kh, kw = self.mean.value.shape
        return f"Conv2D({C} -> {F}, kernel {kh} x {kw}, stride {self.stride})"

    def matrix(self, array: NDArray[Any]) -> NDArray[Any]:
        """Return an array (F, C, kh, kw) as the matrix that priors see.

        With the layout "blocks" rows are (C, kh) and columns (F, kw).

        Examples
        --------
        >>> layer = Conv2D(1, 2, 2, np.random.default_rng(0))
        >>> layer.matrix(np.array([[[[1, 2], [3, 4]]], [[[5, 6], [7, 8]]]]))
        array([[1, 2, 5, 6],
               [3, 4, 7, 8]])
        """
        return np.ascontiguousarray(to_matrix(array, self.layout))

    def from_matrix(self, matrix: NDArray[Any]) -> NDArray[Any]:
        """Return a matrix of priors as an array (F, C, kh, kw): the inverse of `matrix`."""
        return np.ascontiguousarray(to_kernel(matrix, self.mean.value.shape, self.layout))

    @border_of_layer
    def forward(self, x: FloatArray, rng: np.random.Generator | None = None) -> FloatArray:
        """Return z = x * M + b, plus sqrt(x^2 * S + eps) e with e ~ N(0, 1) if `rng` is given.

        Parameters
        ----------
        x : ndarray (B, C, H, W)
        rng : numpy.random.Generator, optional

        Returns
        -------
        ndarray (B, F, Ho, Wo)

        Raises
        ------
        ValueError
            If `x` is not such an array, or its images are smaller than the kernels.

        Notes
        -----
        Source: [local-reparam-conv].
        """
        M, geometry = self._live_mean(), (self.stride, self.padding)
        self._x, self._M, self._noise = x, M, None
        if rng is None:
            z = correlate(x, M, *geometry)
            z += self.bias.value[:, None, None]
        else:
            self._S, shape = self.variance, conv_output_shape(x, M, M, *geometry)
            self._noise = standard_normal(rng, shape, np.result_type(x, M))
            self._memory: Memory = {}
            how = *geometry, self._memory
            z = draw_conv(x, M, self._S, self.bias.value, self._noise, *how)
        self._shape = z.shape
        return z

    @border_of_layer
    def backward(self, grad: FloatArray) -> FloatArray:
        """Return dL/dx and fill the gradients of mean, bias and ln sigma2.

        Parameters
        ----------
        grad : ndarray (B, F, Ho, Wo)
            g = dL/dz.

        Returns
        -------
        ndarray (B, C, H, W)

        Notes
        -----
        Source: [local-reparam-conv-backward].
        """
        x, M, geometry = self._x, self._M, (self.stride, self.padding)
        require_shape(grad, "grad", self._shape)
        if self._noise is None:
            d_mean, d_x = correlate_backward(x, M, grad, *geometry)
            fill(self._gradients, (d_mean, 0, grad.sum(axis=(0, 2, 3))))
        else:
            how = *geometry, self._memory, self.needs_dx, self._gradients
            d_x = conv_backward(x, M, self._S, self._noise, grad, *how)
        self._finish()
        return d_x


def columns_of(
    x: FloatArray, kernel_size: tuple[int, ...], stride: int, padding: int
) -> FloatArray:
    """Return every window of the images as a column, (C kh kw, B Ho Wo); elsewhere called im2col.

    Parameters
    ----------
    x : ndarray (B, C, H, W)
    kernel_size : (kh, kw)
    stride, padding : int

    Returns
    -------
    ndarray
        A copy.

    Examples
    --------
    >>> columns_of(np.array([[[[1.0, 2.0, 4.0]]]]), (1, 2), stride=1, padding=0)
    array([[1., 2.],
           [2., 4.]])
    """
    columns = _windows(_pad(x, padding), kernel_size, stride).transpose(1, 4, 5, 0, 2, 3)
    return columns.reshape(x.shape[1] * math.prod(kernel_size), -1).copy()

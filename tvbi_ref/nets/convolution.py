r"""Convolutions: the layer, and a fast version of the readable functions in `local_reparam`.

A window of the image under the kernel, written as a column, makes the convolution one matrix
product (`columns_of`, elsewhere called im2col):

    z = M X + b + sqrt(S X^2 + eps) e,    M, S (F, C kh kw),  X (C kh kw, positions)

Local reparameterisation needs the columns of x and of x^2, which are the squares of the same
numbers: they are gathered once. X holds every pixel kh kw times, so it is made for a few images
at a time, small enough to stay in the cache, and made again for the backward pass rather than
kept: gathering is a tenth of the work. There

    dX = M^T g + 2 X (S^T v),    v = g e / (2 sd)

takes both paths back at once, so that the columns are added up into an image only once, too.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import DTypeLike, NDArray

from tvbi_ref._validation import FloatArray, as_choice, as_count
from tvbi_ref.nets.kernel_matrix import LAYOUTS, to_kernel, to_matrix
from tvbi_ref.nets.layers import WeightLayer, he_normal
from tvbi_ref.nets.local_reparam import VARIANCE_FLOOR, _conv_output_shape, _pad, _require_shape

COLUMN_BYTES = 2**20
"""Columns of about so many bytes are made at a time: 1 MiB stays in the cache with its products;
from 4 MiB on it does not, and the forward pass takes up to twice as long."""


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
    mean, log_variance : Parameter, (F, C, kh, kw)
    bias : Parameter, (F,)
    mask : ndarray of bool (F, C, kh, kw) or None

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
        kh, kw = _as_sides(kernel_size, "kernel_size")
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
            return fast_correlate(x, M, *geometry) + self.bias.value[:, None, None]
        self._S = self.variance
        shape = _conv_output_shape(x, M, self._S, *geometry)
        self._noise = rng.standard_normal(shape, dtype=np.result_type(x, M).type)
        z, self._sd = fast_local_reparam_conv(
            x, M, self._S, self.bias.value, self._noise, *geometry
        )
        return z

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
        if self._noise is None:
            d_mean, d_x = fast_correlate_backward(x, M, grad, *geometry)
            self._keep_gradients(d_mean, None, grad.sum(axis=(0, 2, 3)))
            return d_x
        d_mean, d_variance, d_bias, d_x = fast_local_reparam_conv_backward(
            x, M, self._S, self._noise, grad, self._sd, *geometry
        )
        self._keep_gradients(d_mean, d_variance, d_bias)
        return d_x


def _as_sides(value: Any, name: str) -> tuple[int, int]:
    """Return (height, width) of one number or two."""
    sides = (value, value) if np.ndim(value) == 0 else tuple(value)
    if len(sides) != 2:
        raise ValueError(f"{name} must be one whole number or two; got {value!r}")
    height, width = (as_count(side, name, at_least=1) for side in sides)
    return height, width


# The fast functions


def fast_correlate(x: FloatArray, kernel: FloatArray, stride: int, padding: int) -> FloatArray:
    """Return what `local_reparam.correlate` does, by matrix products.

    Examples
    --------
    >>> x = np.array([[[[1.0, 2.0, 4.0]]]])
    >>> fast_correlate(x, np.array([[[[-1.0, 1.0]]]]), stride=1, padding=0)
    array([[[[1., 2.]]]])
    """
    z = np.empty(_conv_output_shape(x, kernel, kernel, stride, padding), np.result_type(x, kernel))
    K = _as_matrix(kernel)
    for images in _groups(x, kernel.shape, z.shape):
        X = columns_of(x[images], kernel.shape[2:], stride, padding)
        z[images] = _as_images(K @ X, z[images].shape)
    return z


def fast_correlate_backward(
    x: FloatArray, kernel: FloatArray, grad: FloatArray, stride: int, padding: int
) -> tuple[FloatArray, FloatArray]:
    """Return what `local_reparam.correlate_backward` does, by matrix products.

    Examples
    --------
    >>> x, kernel = np.array([[[[1.0, 2.0, 4.0]]]]), np.array([[[[-1.0, 1.0]]]])
    >>> fast_correlate_backward(x, kernel, np.array([[[[1.0, 1.0]]]]), stride=1, padding=0)
    (array([[[[3., 6.]]]]), array([[[[-1.,  0.,  1.]]]]))
    """
    _require_shape(grad, "grad", _conv_output_shape(x, kernel, kernel, stride, padding))
    K = _as_matrix(kernel)
    d_K, d_x = np.zeros_like(K), np.empty(x.shape, grad.dtype)
    for images in _groups(x, kernel.shape, grad.shape):
        X = columns_of(x[images], kernel.shape[2:], stride, padding)
        g = _by_filter(grad[images])
        d_K += g @ X.T
        d_x[images] = images_of(
            K.T @ g, x[images].shape, kernel.shape[2:], grad.shape[2:], stride, padding
        )
    return d_K.reshape(kernel.shape), d_x


def fast_local_reparam_conv(
    x: FloatArray,
    mean: FloatArray,
    variance: FloatArray,
    bias: FloatArray,
    noise: FloatArray,
    stride: int = 1,
    padding: int = 0,
) -> tuple[FloatArray, FloatArray]:
    """Return z, what `local_reparam.local_reparam_conv` does, and the deviations sd.

    Notes
    -----
    Source: [local-reparam-conv].

    Examples
    --------
    >>> x, kernel = np.full((1, 1, 1, 2), 3.0), np.full((1, 1, 1, 1), 4.0)
    >>> noise = np.array([[[[0.0, 2.0]]]])
    >>> z, sd = fast_local_reparam_conv(x, kernel, kernel, np.ones(1), noise)
    >>> z.round(6), sd.round(6)
    (array([[[[13., 25.]]]]), array([[[[6., 6.]]]]))
    """
    shape = _conv_output_shape(x, mean, variance, stride, padding)
    _require_shape(bias, "bias", mean.shape[:1])
    _require_shape(noise, "noise", shape)
    M, S = _as_matrix(mean), _as_matrix(variance)
    z, sd = np.empty((2, *shape), np.result_type(x, mean))
    for images in _groups(x, mean.shape, shape):
        X = columns_of(x[images], mean.shape[2:], stride, padding)
        means = M @ X + bias[:, None]
        X *= X
        deviations = np.sqrt(S @ X + VARIANCE_FLOOR)
        means += deviations * _by_filter(noise[images])
        z[images] = _as_images(means, z[images].shape)
        sd[images] = _as_images(deviations, sd[images].shape)
    return z, sd


def fast_local_reparam_conv_backward(
    x: FloatArray,
    mean: FloatArray,
    variance: FloatArray,
    noise: FloatArray,
    grad: FloatArray,
    sd: FloatArray,
    stride: int = 1,
    padding: int = 0,
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Return what `local_reparam.local_reparam_conv_backward` does, by matrix products.

    Parameters
    ----------
    x, mean, variance, noise, stride, padding
        As in the forward pass.
    grad : ndarray (B, F, Ho, Wo)
        g = dL/dz.
    sd : ndarray (B, F, Ho, Wo)
        What the forward pass returned beside z.

    Notes
    -----
    Source: [local-reparam-conv-backward].

    Examples
    --------
    >>> x, kernel = np.full((1, 1, 1, 1), 3.0), np.full((1, 1, 1, 1), 4.0)
    >>> noise, grad = np.full((1, 1, 1, 1), 2.0), np.ones((1, 1, 1, 1))
    >>> _, sd = fast_local_reparam_conv(x, kernel, kernel, np.ones(1), noise)
    >>> d_mean, d_variance, d_bias, d_x = fast_local_reparam_conv_backward(
    ...     x, kernel, kernel, noise, grad, sd
    ... )
    >>> [round(float(d.squeeze()), 6) for d in (d_mean, d_variance, d_bias, d_x)]
    [3.0, 1.5, 1.0, 8.0]
    """
    _require_shape(noise, "noise", _conv_output_shape(x, mean, variance, stride, padding))
    _require_shape(grad, "grad", noise.shape)
    _require_shape(sd, "sd", noise.shape)
    M, S = _as_matrix(mean), _as_matrix(variance)
    (d_M, d_S), d_x = np.zeros((2, *M.shape), grad.dtype), np.empty(x.shape, grad.dtype)
    for images in _groups(x, mean.shape, grad.shape):
        X = columns_of(x[images], mean.shape[2:], stride, padding)
        g = _by_filter(grad[images])
        v = g * _by_filter(noise[images] / (2 * sd[images]))
        d_M += g @ X.T
        d_X = S.T @ (2 * v)
        d_X *= X
        d_X += M.T @ g
        d_x[images] = images_of(
            d_X, x[images].shape, mean.shape[2:], grad.shape[2:], stride, padding
        )
        X *= X
        d_S += v @ X.T
    return d_M.reshape(mean.shape), d_S.reshape(mean.shape), grad.sum(axis=(0, 2, 3)), d_x


# Columns


def columns_of(
    x: FloatArray, kernel_size: tuple[int, ...], stride: int, padding: int
) -> FloatArray:
    """Return every window of the images as a column, (C kh kw, B Ho Wo).

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
    >>> columns_of(np.array([[[[1, 2, 4]]]]), (1, 2), stride=1, padding=0)
    array([[1, 2],
           [2, 4]])
    """
    windows = sliding_window_view(_pad(x, padding), kernel_size, axis=(2, 3))
    windows = windows[:, :, ::stride, ::stride].transpose(1, 4, 5, 0, 2, 3)
    return np.array(windows, order="C").reshape(x.shape[1] * kernel_size[0] * kernel_size[1], -1)


def images_of(
    columns: FloatArray,
    shape: tuple[int, ...],
    kernel_size: tuple[int, ...],
    positions: tuple[int, ...],
    stride: int,
    padding: int,
) -> FloatArray:
    """Add the columns up into images, each entry where `columns_of` took it: the adjoint.

    Parameters
    ----------
    columns : ndarray (C kh kw, B Ho Wo)
    shape : (B, C, H, W)
        Of the images.
    kernel_size : (kh, kw)
    positions : (Ho, Wo)
    stride, padding : int

    Examples
    --------
    >>> images_of(np.array([[1, 2], [2, 4]]), (1, 1, 1, 3), (1, 2), (1, 2), stride=1, padding=0)
    array([[[[1, 4, 4]]]])
    """
    B, C, H, W = shape
    parts = columns.reshape(C, *kernel_size, B, *positions)
    padded = np.zeros((C, B, H + 2 * padding, W + 2 * padding), columns.dtype)
    rows, width = (stride * (size - 1) + 1 for size in positions)
    for k, l in np.ndindex(*kernel_size):
        padded[:, :, k : k + rows : stride, l : l + width : stride] += parts[:, k, l]
    return padded[:, :, padding : padding + H, padding : padding + W].swapaxes(0, 1)


def _groups(x: FloatArray, kernel: tuple[int, ...], z: tuple[int, ...]) -> Iterator[slice]:
    """Yield slices of the images whose columns together take about COLUMN_BYTES."""
    bytes_an_image = int(np.prod(kernel[1:])) * z[2] * z[3] * x.itemsize
    size = max(1, COLUMN_BYTES // bytes_an_image)
    for start in range(0, len(x), size):
        yield slice(start, start + size)


def _as_matrix(kernel: FloatArray) -> FloatArray:
    """Return kernels (F, C, kh, kw) as rows (F, C kh kw), in the order of `columns_of`."""
    return kernel.reshape(len(kernel), -1)


def _by_filter(z: FloatArray) -> FloatArray:
    """Return (b, F, Ho, Wo) as (F, b Ho Wo)."""
    return z.swapaxes(0, 1).reshape(z.shape[1], -1)


def _as_images(rows: FloatArray, shape: tuple[int, ...]) -> FloatArray:
    """Return (F, b Ho Wo) as (b, F, Ho, Wo), the inverse of `_by_filter`."""
    b, F, Ho, Wo = shape
    return rows.reshape(F, b, Ho, Wo).swapaxes(0, 1)

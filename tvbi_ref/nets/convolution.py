r"""Convolutions: the layer, and a fast version of the readable functions in `local_reparam`.

A window of the image under the kernel, written as a column, makes the convolution one matrix
product (`columns_of`, elsewhere called im2col):

    z = M X + b + sqrt(S X^2 + eps) e,    M, S (F, C kh kw),  X (C kh kw, positions)

Local reparameterisation needs the columns of x and of x^2, which are the squares of the same
numbers: they are gathered once. X holds every pixel kh kw times, so it is made for a few images
at a time, small enough to stay in the cache, and made again for the backward pass rather than
kept: gathering is a twentieth of the work. There

    dX = M^T g + 2 X (S^T v),    v = g e / (2 sd)

takes both paths back at once, so that the columns are added up into an image only once, too.

Gathering and adding up are compiled loops with NumPy twins; the passes between the products are
those of a dense layer (`kernels`). Half of the images goes to each of two threads (`halves`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import DTypeLike, NDArray

from tvbi_ref._kernels import kernel
from tvbi_ref._validation import FloatArray, as_choice, as_count
from tvbi_ref.nets.halves import in_halves, standard_normal
from tvbi_ref.nets.kernel_matrix import LAYOUTS, to_kernel, to_matrix
from tvbi_ref.nets.kernels import add_noise, add_product, flat, noise_gradient
from tvbi_ref.nets.layers import WeightLayer, he_normal
from tvbi_ref.nets.local_reparam import VARIANCE_FLOOR, _conv_output_shape, _pad, _require_shape

COLUMN_BYTES = 2**18
"""Columns of about so many bytes are made at a time: they stay in the cache with their products.
Half or twice as many cost a few per cent, 1 MiB five to ten, 2 MiB up to a half."""


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
        self._noise = standard_normal(rng, shape, np.result_type(x, M))
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
            x,
            M,
            self._S,
            self._noise,
            np.ascontiguousarray(grad),
            self._sd,
            *geometry,
            needs_dx=self.needs_dx,
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
    for images, X in _columns_by_group(_padded(x, padding), kernel.shape, z.shape, stride):
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
    K, xp = _as_matrix(kernel), _padded(x, padding)
    d_K, d_xp = np.zeros(K.T.shape, grad.dtype), np.zeros(xp.shape, grad.dtype)
    for images, X in _columns_by_group(xp, kernel.shape, grad.shape, stride):
        g = _by_filter(grad[images])
        d_K += X @ g.T
        _add_up(K.T @ g, stride, d_xp[images], kernel.shape, grad.shape)
    return d_K.T.reshape(kernel.shape), _inside(d_xp, padding)


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
    xp = _padded(x, padding)
    z, sd = np.empty((2, *shape), np.result_type(x, mean))

    def fill(half: slice) -> None:
        _draw_outputs(xp[half], mean, variance, bias, noise[half], stride, z[half], sd[half])

    in_halves(len(x), fill, z.size)
    return z, sd


def _draw_outputs(
    xp: FloatArray,
    mean: FloatArray,
    variance: FloatArray,
    bias: FloatArray,
    noise: FloatArray,
    stride: int,
    z: FloatArray,
    sd: FloatArray,
) -> None:
    """Fill z and sd for padded images, a group of them at a time."""
    M, S = _as_matrix(mean), _as_matrix(variance)
    for images, X in _columns_by_group(xp, mean.shape, z.shape, stride):
        means = M @ X
        means += bias[:, None]
        X *= X
        spread = S @ X  # the variance; add_noise leaves its root
        add_noise(flat(means), flat(spread), flat(_by_filter(noise[images])), VARIANCE_FLOOR)
        z[images] = _as_images(means, z[images].shape)
        sd[images] = _as_images(spread, z[images].shape)


def fast_local_reparam_conv_backward(
    x: FloatArray,
    mean: FloatArray,
    variance: FloatArray,
    noise: FloatArray,
    grad: FloatArray,
    sd: FloatArray,
    stride: int = 1,
    padding: int = 0,
    needs_dx: bool = True,
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
    needs_dx : bool
        False: dL/dx is not computed, and nan.

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
    xp = _padded(x, padding)
    d_xp = np.full(xp.shape, 0 if needs_dx else np.nan, grad.dtype)

    def add_up(half: slice) -> tuple[FloatArray, FloatArray]:
        arrays = noise[half], grad[half], sd[half], d_xp[half] if needs_dx else None
        return _add_gradients(xp[half], mean, variance, *arrays, stride)

    (d_M, d_S), (more_d_M, more_d_S) = in_halves(len(x), add_up, grad.size)
    d_mean, d_variance = (d.T.reshape(mean.shape) for d in (d_M + more_d_M, d_S + more_d_S))
    return d_mean, d_variance, grad.sum(axis=(0, 2, 3)), _inside(d_xp, padding)


def _add_gradients(
    xp: FloatArray,
    mean: FloatArray,
    variance: FloatArray,
    noise: FloatArray,
    grad: FloatArray,
    sd: FloatArray,
    d_xp: FloatArray | None,
    stride: int,
) -> tuple[FloatArray, FloatArray]:
    """Return dM^T and dS^T, (C kh kw, F), of padded images, and add theirs to `d_xp`."""
    M, S = _as_matrix(mean), _as_matrix(variance)
    d_M, d_S = np.zeros((2, *M.T.shape), grad.dtype)
    for images, X in _columns_by_group(xp, mean.shape, grad.shape, stride):
        g, v = grad[images], np.empty_like(grad[images])
        noise_gradient(flat(g), flat(noise[images]), flat(sd[images]), flat(v))
        g, v = _by_filter(g), _by_filter(v)
        d_M += X @ g.T  # the transposed matrix: OpenBLAS makes it faster than g X^T
        if d_xp is not None:
            d_X = M.T @ g
            add_product(flat(d_X), flat(X), flat(S.T @ v), 2, 0)
            _add_up(d_X, stride, d_xp[images], mean.shape, grad.shape)
        X *= X
        d_S += X @ v.T
    return d_M, d_S


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
    >>> columns_of(np.array([[[[1.0, 2.0, 4.0]]]]), (1, 2), stride=1, padding=0)
    array([[1., 2.],
           [2., 4.]])
    """
    B, C, *sides = x.shape
    positions = [
        (side + 2 * padding - k) // stride + 1 for side, k in zip(sides, kernel_size, strict=True)
    ]
    columns = np.empty((C, *kernel_size, B, *positions), x.dtype)
    gather_columns(_padded(x, padding), stride, columns)
    return columns.reshape(C * math.prod(kernel_size), -1)


def gather_columns_numpy(x: FloatArray, stride: int, columns: FloatArray) -> None:
    """Write every window of the images as a column; NumPy twin of `gather_columns`.

    Parameters
    ----------
    x : ndarray (b, C, H, W)
        With the padding in it.
    stride : int
    columns : ndarray (C, kh, kw, b, Ho, Wo)
        Three axes inside a window, three that number the windows.

    Examples
    --------
    >>> columns = np.empty((1, 1, 2, 1, 1, 2))
    >>> gather_columns_numpy(np.array([[[[1.0, 2.0, 4.0]]]]), 1, columns)
    >>> columns.reshape(2, 2)
    array([[1., 2.],
           [2., 4.]])
    """
    windows = sliding_window_view(x, columns.shape[1:3], axis=(2, 3))
    columns[...] = windows[:, :, ::stride, ::stride].transpose(1, 4, 5, 0, 2, 3)


@kernel(twin=gather_columns_numpy)
def gather_columns(x: FloatArray, stride: int, columns: FloatArray) -> None:
    """Write every window of the images as a column; see `gather_columns_numpy`.

    Examples
    --------
    >>> columns = np.empty((1, 1, 2, 1, 1, 2))
    >>> gather_columns(np.array([[[[1.0, 2.0, 4.0]]]]), 1, columns)
    >>> columns.reshape(2, 2)
    array([[1., 2.],
           [2., 4.]])
    """
    C, kh, kw, b, Ho, Wo = columns.shape
    for n in range(b):
        for c in range(C):
            for k in range(kh):
                for l in range(kw):
                    for i in range(Ho):
                        source, target = x[n, c, i * stride + k, l:], columns[c, k, l, n, i]
                        if stride == 1:  # apart, because LLVM makes a vector loop of it
                            for j in range(Wo):
                                target[j] = source[j]
                        else:
                            for j in range(Wo):
                                target[j] = source[j * stride]


def scatter_columns_numpy(columns: FloatArray, stride: int, x: FloatArray) -> None:
    """Add each entry where `gather_columns` took it, its adjoint; twin of `scatter_columns`.

    Parameters
    ----------
    columns : ndarray (C, kh, kw, b, Ho, Wo)
    stride : int
    x : ndarray (b, C, H, W)
        With the padding in it; changed in place.

    Examples
    --------
    >>> x, columns = np.zeros((1, 1, 1, 3)), np.array([1.0, 2.0, 2.0, 4.0])
    >>> scatter_columns_numpy(columns.reshape(1, 1, 2, 1, 1, 2), 1, x)
    >>> x
    array([[[[1., 4., 4.]]]])
    """
    _, kh, kw, _, *positions = columns.shape
    rows, width = (stride * (size - 1) + 1 for size in positions)
    for k, l in np.ndindex(kh, kw):
        x[:, :, k : k + rows : stride, l : l + width : stride] += columns[:, k, l].swapaxes(0, 1)


@kernel(twin=scatter_columns_numpy)
def scatter_columns(columns: FloatArray, stride: int, x: FloatArray) -> None:
    """Add each entry where `gather_columns` took it, its adjoint; see the twin.

    Examples
    --------
    >>> x, columns = np.zeros((1, 1, 1, 3)), np.array([1.0, 2.0, 2.0, 4.0])
    >>> scatter_columns(columns.reshape(1, 1, 2, 1, 1, 2), 1, x)
    >>> x
    array([[[[1., 4., 4.]]]])
    """
    C, kh, kw, b, Ho, Wo = columns.shape
    for n in range(b):
        for c in range(C):
            for k in range(kh):
                for l in range(kw):
                    for i in range(Ho):
                        source, target = columns[c, k, l, n, i], x[n, c, i * stride + k, l:]
                        if stride == 1:  # apart, because LLVM makes a vector loop of it
                            for j in range(Wo):
                                target[j] += source[j]
                        else:
                            for j in range(Wo):
                                target[j * stride] += source[j]


def _columns_by_group(
    xp: FloatArray, kernel: tuple[int, ...], z: tuple[int, ...], stride: int
) -> Iterator[tuple[slice, FloatArray]]:
    """Yield slices of the padded images and their columns (C kh kw, b Ho Wo), to be written to.

    All columns stand in the same memory, one group after the other.
    """
    K, positions = math.prod(kernel[1:]), z[2] * z[3]
    size = max(1, COLUMN_BYTES // (K * positions * xp.itemsize))
    memory = np.empty(K * positions * min(size, len(xp)), xp.dtype)
    for start in range(0, len(xp), size):
        group = xp[start : start + size]
        X = memory[: K * positions * len(group)]
        gather_columns(group, stride, X.reshape(*kernel[1:], len(group), *z[2:]))
        yield slice(start, start + size), X.reshape(K, -1)


def _add_up(
    d_X: FloatArray, stride: int, d_x: FloatArray, kernel: tuple[int, ...], z: tuple[int, ...]
) -> None:
    """Add columns (C kh kw, b Ho Wo) up into padded images."""
    scatter_columns(d_X.reshape(*kernel[1:], len(d_x), *z[2:]), stride, d_x)


def _padded(x: FloatArray, padding: int) -> FloatArray:
    """Return the images with their padding, contiguous; a copy only if need be."""
    return np.ascontiguousarray(_pad(x, padding) if padding else x)


def _inside(xp: FloatArray, padding: int) -> FloatArray:
    """Return padded images without their padding."""
    inside = slice(padding, -padding or None)
    return np.ascontiguousarray(xp[:, :, inside, inside])


def _as_matrix(kernel: FloatArray) -> FloatArray:
    """Return kernels (F, C, kh, kw) as rows (F, C kh kw), in the order of the columns."""
    return kernel.reshape(len(kernel), -1)


def _by_filter(z: FloatArray) -> FloatArray:
    """Return (b, F, Ho, Wo) as (F, b Ho Wo), contiguous."""
    return np.ascontiguousarray(z.swapaxes(0, 1)).reshape(z.shape[1], -1)


def _as_images(rows: FloatArray, shape: tuple[int, ...]) -> FloatArray:
    """Return (F, b Ho Wo) as (b, F, Ho, Wo), the inverse of `_by_filter`."""
    b, F, Ho, Wo = shape
    return rows.reshape(F, b, Ho, Wo).swapaxes(0, 1)

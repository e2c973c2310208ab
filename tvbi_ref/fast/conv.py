r"""Convolutions by matrix products.

With the windows of the images as columns X (`tvbi_ref.nets.convolution.columns_of`)

    z = M X + b + sqrt(S X^2 + eps) e,    M, S (F, C kh kw),  X (C kh kw, positions)

and local reparameterisation needs the columns of x and of x^2, which are the squares of the same
numbers: they are gathered once. X holds every pixel kh kw times, so it is made for a few images
at a time, small enough to stay in the cache, and made again for the backward pass rather than
kept: gathering is a twentieth of the work. There

    dX = M^T g + 2 X (S^T v),    v = g e / (2 sd)

takes both paths back at once, so that the columns are added up into an image only once, too.

What stands between the products is that of a dense layer. Half of the images goes to each of two
threads (`tvbi_ref.nets.halves`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from tvbi_ref._validation import FloatArray
from tvbi_ref.equations import fast
from tvbi_ref.fast.dense import by_variance, root, twice
from tvbi_ref.fast.kernel import kernel
from tvbi_ref.nets.halves import in_halves
from tvbi_ref.nets.layers import Gradients, Memory
from tvbi_ref.nets.local_reparam import _pad
from tvbi_ref.nets.parameters import fill
from tvbi_ref.nets.shapes import conv_output_shape

Shape = tuple[int, ...]

COLUMN_BYTES = 2**18
"""Columns of about so many bytes are made at a time: they stay in the cache with their products.
Half or twice as many cost a few per cent, 1 MiB five to ten, 2 MiB up to a half."""


@fast("correlate")
def correlate(x: FloatArray, kernel: FloatArray, stride: int, padding: int) -> FloatArray:
    """Slide kernels over images."""
    z = np.empty(conv_output_shape(x, kernel, kernel, stride, padding), np.result_type(x, kernel))
    xp, K = _padded(x, padding), _as_matrix(kernel)
    for images, X in _columns(xp, slice(None), kernel.shape, z.shape, stride):
        z[images] = _as_images(K @ X, z.shape)
    return z


@fast("correlate-backward")
def correlate_backward(
    x: FloatArray, kernel: FloatArray, grad: FloatArray, stride: int, padding: int
) -> tuple[FloatArray, FloatArray]:
    """Return the gradients by the kernels and by x."""
    K, xp = _as_matrix(kernel), _padded(x, padding)
    d_K, d_xp = np.zeros(K.T.shape, grad.dtype), np.zeros(xp.shape, grad.dtype)
    for images, X in _columns(xp, slice(None), kernel.shape, grad.shape, stride):
        g = _by_filter(grad[images])
        d_K += X @ g.T
        _add_up(K.T @ g, stride, d_xp[images], kernel.shape, grad.shape)
    return d_K.T.reshape(kernel.shape), _inside(d_xp, padding)


@fast("conv", fuses=["local-reparam-conv"])
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
    """Return z, and leave sd."""
    xp, M, S = _padded(x, padding), _as_matrix(mean), _as_matrix(variance)
    z, sd = np.empty((2, *noise.shape), np.result_type(x, mean))

    def draw(half: slice) -> None:
        for images, X in _columns(xp, half, mean.shape, z.shape, stride):
            means = M @ X
            means += bias[:, None]
            X *= X
            deviations = root(S @ X)
            means += deviations * _by_filter(noise[images])
            z[images] = _as_images(means, z.shape)
            sd[images] = _as_images(deviations, z.shape)

    in_halves(len(x), draw, z.size)
    memory["sd"] = sd
    return z


@fast("conv-backward", fuses=["local-reparam-conv-backward"])
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
    """Fill the gradients by mean, variance and bias, and return that by x."""
    if not memory:
        memory = {"sd": root(correlate(x * x, variance, stride, padding))}
    xp, M, S = _padded(x, padding), _as_matrix(mean), _as_matrix(variance)
    d_xp, sd = np.full(xp.shape, 0 if needs_dx else np.nan, grad.dtype), memory["sd"]

    def add_up(half: slice) -> FloatArray:
        d_M, d_S = total = np.zeros((2, *M.T.shape), grad.dtype)
        for images, X in _columns(xp, half, mean.shape, grad.shape, stride):
            v = _by_filter(by_variance(grad[images], noise[images], sd[images]))
            g = _by_filter(grad[images])
            d_M += X @ g.T  # the transposed matrix: OpenBLAS makes it faster than g X^T
            if needs_dx:
                d_X = M.T @ g
                d_X += twice(X, S.T @ v)
                _add_up(d_X, stride, d_xp[images], mean.shape, grad.shape)
            X *= X
            d_S += X @ v.T
        return total

    d_M, d_S = np.add(*in_halves(len(x), add_up, grad.size))
    weights = (d.T.reshape(mean.shape) for d in (d_M, d_S))
    fill(out, (*weights, grad.sum(axis=(0, 2, 3))))
    return _inside(d_xp, padding)


def _columns(
    xp: FloatArray, part: slice, kernel: Shape, z: Shape, stride: int
) -> Iterator[tuple[slice, FloatArray]]:
    """Yield slices of the padded images and their columns (C kh kw, b Ho Wo), to be written to.

    All columns stand in the same memory, one group after the other.
    """
    first, end, _ = part.indices(len(xp))
    K, positions = math.prod(kernel[1:]), z[2] * z[3]
    size = max(1, COLUMN_BYTES // (K * positions * xp.itemsize))
    memory = np.empty(K * positions * min(size, end - first), xp.dtype)
    for start in range(first, end, size):
        images = slice(start, min(start + size, end))
        n = images.stop - start
        X = memory[: K * positions * n]
        gather_columns(xp[images], stride, X.reshape(*kernel[1:], n, *z[2:]))
        yield images, X.reshape(K, -1)


def _add_up(d_X: FloatArray, stride: int, d_x: FloatArray, kernel: Shape, z: Shape) -> None:
    """Add columns (C kh kw, b Ho Wo) up into padded images."""
    scatter_columns(d_X.reshape(*kernel[1:], len(d_x), *z[2:]), stride, d_x)


@kernel
def gather_columns(x: FloatArray, stride: int, columns: FloatArray) -> None:
    """Write every window of padded images (b, C, H, W) as a column (C, kh, kw, b, Ho, Wo)."""
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


@kernel
def scatter_columns(columns: FloatArray, stride: int, x: FloatArray) -> None:
    """Add each entry where `gather_columns` took it, its adjoint."""
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


def _as_images(rows: FloatArray, z: Shape) -> FloatArray:
    """Return (F, b Ho Wo) as (b, F, Ho, Wo), the inverse of `_by_filter`."""
    return rows.reshape(z[1], -1, *z[2:]).swapaxes(0, 1)

r"""Convolutions in direct loops over tiles, with the images of a batch side by side.

In memory a batch (B, C, H, W) is turned to (W, C, H, B): what a pixel is in all images stands
together, so that every loop runs over images, at any stride, and nothing has to be copied into
columns. `tvbi_ref.fast.tiles` then adds up

    means[f, b] = sum over k, l, c of x[s j + l, c, s i + k, b] M[k, l, c, f]

for some filters f and images b at a time, in registers; so the variances from x^2 and S, and both
ways back: by x the same sum over k, l, f, by the kernels one over all places and images. What
comes out is left turned, a view of the usual shape: ReLU and pooling keep the order of their
input, and nothing is turned back before the first dense layer.

The way there takes half of the outputs' columns j on each of two threads; the way back runs once
with (x, M, g) and once with (x^2, S, v), v = g e / (2 sd), each on a thread
(`tvbi_ref.nets.halves`).
"""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import DTypeLike, NDArray

from tvbi_ref._validation import FloatArray
from tvbi_ref.equations import fast
from tvbi_ref.fast.kernel import kernel
from tvbi_ref.fast.tiles import OUTER, SUMS, Tile, tile_outer, tile_product, tiles
from tvbi_ref.nets.convolution import TURN
from tvbi_ref.nets.halves import in_halves
from tvbi_ref.nets.layers import Gradients, Memory
from tvbi_ref.nets.local_reparam import VARIANCE_FLOOR, _pad, conv_deviation
from tvbi_ref.nets.local_reparam import correlate_backward as backward
from tvbi_ref.nets.parameters import fill
from tvbi_ref.nets.shapes import conv_output_shape

FEW = 8
"""Fewer images do not fill a vector: the way back is that of the readable form, by products."""


@fast("correlate")
def correlate(x: FloatArray, kernel: FloatArray, stride: int, padding: int) -> FloatArray:
    """Slide kernels over images."""
    shape = conv_output_shape(x, kernel, kernel, stride, padding)
    z = np.empty([shape[axis] for axis in TURN], np.result_type(x, kernel))
    products = _Products(_turned(x, z.dtype, padding), kernel, stride, z)
    in_halves(len(z), products.write, z.size)
    return z.transpose(TURN)


@fast("correlate-backward")
def correlate_backward(
    x: FloatArray, kernel: FloatArray, grad: FloatArray, stride: int, padding: int
) -> tuple[FloatArray, FloatArray]:
    """Return the gradients by the kernels and by x."""
    real = np.result_type(x, kernel, grad)  # a reader's gradient may be of integers
    xt, g = _turned(x, real, padding), _turned(grad, real)
    d_kernel, d_x = _backward(xt, kernel, g, stride)
    return d_kernel, _inside(d_x, padding)


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
    """Return z, and leave the turned x and e / (2 sd)."""
    real = np.result_type(x, mean)
    xt, e = _turned(x, real, padding), _turned(noise, real)
    z, slope = np.empty((2, *e.shape), real)
    means, variances = (
        _Products(xt, mean, stride, z),
        _Products(xt * xt, variance, stride, slope),
    )

    def half(part: slice) -> None:
        for j in range(*part.indices(len(z))):
            means.write(slice(j, j + 1))
            variances.write(slice(j, j + 1))
            add_noise(z[j], slope[j], bias, e[j])

    in_halves(len(z), half, z.size)
    memory |= {"x": xt, "slope": slope}
    return z.transpose(TURN)


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
    real = np.result_type(x, mean)
    if not memory:
        sd = conv_deviation(x, variance, stride, padding)
        memory = {"x": _turned(x, real, padding), "slope": _turned(noise / (2 * sd), real)}
    xt, g = memory["x"], _turned(grad, real)

    def path(which: slice) -> list[FloatArray]:
        if which.start == 0:
            return [*_backward(xt, mean, g, stride, needs_dx), g.sum(axis=(0, 2, 3))]
        return [*_backward(xt * xt, variance, g * memory["slope"], stride, needs_dx)]

    (d_mean, d_x, d_bias), (d_variance, d_x2) = in_halves(2, path, g.size)
    fill(out, (d_mean, d_variance, d_bias))
    d_x2 *= 2 * xt
    d_x += d_x2
    return _inside(d_x, padding)


def _backward(
    xt: FloatArray, kernel: FloatArray, grad: FloatArray, stride: int, needs_dx: bool = True
) -> tuple[FloatArray, FloatArray]:
    """Return the gradients by the kernels and by x, all images turned; nan if nobody needs it."""
    if xt.shape[3] < FEW:
        turned = backward.readable(xt.transpose(TURN), kernel, grad.transpose(TURN), stride, 0)
        return turned[0], turned[1].transpose(TURN)
    F, C, kh, kw = kernel.shape
    d_K, d_x = np.zeros((kh, kw * C, F), grad.dtype), np.full_like(xt, np.nan)
    windows = _windows(xt, kernel, stride)
    x = windows.reshape(*windows.shape[:2], kw * C, *windows.shape[4:])  # still a view
    (rows, r), (columns, f) = tiles(kw * C, OUTER[0]), tiles(F, OUTER[1])
    add_outer(x, grad, r, f, d_K, np.empty_like(d_K[0]), rows, columns)
    if needs_dx:
        K, c_starts, tile = _in_tiles(kernel.swapaxes(0, 1), grad.dtype)
        write_back(K, c_starts, grad, stride, d_x, tile)
    return d_K.reshape(kh, kw, C, F).transpose(3, 2, 0, 1), d_x


class _Products:
    """The sums of a convolution's kernels over turned images, to be written to z (Wo, F, Ho, B)."""

    def __init__(self, xt: FloatArray, kernel: FloatArray, stride: int, z: FloatArray) -> None:
        self.K, self.starts, self.tile = _in_tiles(kernel, z.dtype)
        self.windows, self.z = _windows(xt, kernel, stride), z
        if stride == 1:  # then the rows stand side by side, too
            Wo, F, Ho, B = z.shape
            self.windows = self.windows.reshape(*self.windows.shape[:4], 1, Ho * B)
            self.z = z.reshape(Wo, F, 1, Ho * B)

    def write(self, part: slice) -> None:
        """Write some of the columns j."""
        write_products(self.K, self.starts, self.windows[part], self.z[part], self.tile)


def _turned(images: FloatArray, real: DTypeLike, padding: int = 0) -> FloatArray:
    """Return images (B, C, H, W) as (W, C, H, B), contiguous, with their padding."""
    padded = _pad(images, padding) if padding else images
    return np.ascontiguousarray(padded.transpose(TURN), real)


def _inside(turned: FloatArray, padding: int) -> FloatArray:
    """Return turned images as (B, C, H, W), without their padding."""
    inside = slice(padding, -padding or None)
    return turned[inside, :, inside].transpose(TURN)


def _in_tiles(kernel: FloatArray, real: DTypeLike) -> tuple[FloatArray, NDArray[np.intp], Tile]:
    """Return kernels (F, C, kh, kw) as tiles (n, kh, kw, C, some filters), and which filters."""
    tile, starts = tiles(len(kernel), SUMS)
    K = kernel.transpose(2, 3, 1, 0)
    parts = [K[..., first : first + len(tile)] for first in starts]
    return np.array(parts, real), starts, tile


def _windows(xt: FloatArray, kernel: FloatArray, stride: int) -> FloatArray:
    """Return what lies under the kernel at every place, (Wo, kh, kw, C, Ho, B); a view."""
    windows = sliding_window_view(xt, kernel.shape[:1:-1], axis=(0, 2))[::stride, :, ::stride]
    return windows.transpose(0, 5, 4, 1, 2, 3)


@kernel
def write_products(
    K: FloatArray, starts: NDArray[np.intp], windows: FloatArray, z: FloatArray, tile: Tile
) -> None:
    """Write z (Wo, F, Ho, B): the kernels' tiles times the windows (Wo, kh, kw, C, Ho, B)."""
    for j in range(len(z)):
        for n in range(len(starts)):
            outputs = z[j, starts[n] : starts[n] + len(tile)]
            for i in range(z.shape[2]):
                tile_product(K[n], windows[j, :, :, :, i], outputs[:, i], tile)


@kernel
def write_back(
    K: FloatArray,
    starts: NDArray[np.intp],
    grad: FloatArray,
    stride: int,
    d_x: FloatArray,
    tile: Tile,
) -> None:
    """Write dL/dx (W, C, H, B) for grad (Wo, F, Ho, B), with tiles of channels.

    A pixel stands at place l of the window at j if its column is s j + l.
    """
    kh, kw = K.shape[1:3]
    for w in range(len(d_x)):
        j = min(w // stride, len(grad) - 1)
        l, j_end = w - stride * j, max(0, -(-(w - kw + 1) // stride))
        for h in range(d_x.shape[2]):
            i = min(h // stride, grad.shape[2] - 1)
            k, i_end = h - stride * i, max(0, -(-(h - kh + 1) // stride))
            n_i, n_j = max(0, i - i_end + 1), max(0, j - j_end + 1)
            g = grad[j_end : j_end + n_j, :, i_end : i_end + n_i][::-1, :, ::-1]
            g = g.transpose(2, 0, 1, 3)
            for n in range(len(starts)):
                weights = K[n, k::stride, l::stride][:n_i, :n_j]
                out = d_x[w, starts[n] : starts[n] + len(tile), h]
                tile_product(weights, g, out, tile)


@kernel
def add_outer(
    windows: FloatArray,
    grad: FloatArray,
    r_starts: NDArray[np.intp],
    f_starts: NDArray[np.intp],
    d_K: FloatArray,
    part: FloatArray,
    rows: Tile,
    columns: Tile,
) -> None:
    """Add dL/dK (kh, kw C, F) for windows (Wo, kh, kw C, Ho, B) and grad (Wo, F, Ho, B)."""
    for j in range(len(grad)):
        for k in range(len(d_K)):
            for r in r_starts:
                x = windows[j, k, r : r + len(rows)]
                for f in f_starts:
                    g = grad[j, f : f + len(columns)]
                    d = part[r : r + len(rows), f : f + len(columns)]
                    tile_outer(x, g, d, rows, columns)
            for r in range(part.shape[0]):
                for f in range(part.shape[1]):
                    d_K[k, r, f] += part[r, f]


@kernel
def add_noise(z: FloatArray, variance: FloatArray, bias: FloatArray, noise: FloatArray) -> None:
    """Make means z (F, Ho, B) a draw, z + bias + sd e, and the variances e / (2 sd)."""
    F, Ho, B = z.shape
    half, floor = z.dtype.type(0.5), z.dtype.type(VARIANCE_FLOOR)
    for f in range(F):
        for i in range(Ho):
            for b in range(B):
                sd = np.sqrt(variance[f, i, b] + floor)
                z[f, i, b] += bias[f] + sd * noise[f, i, b]
                variance[f, i, b] = half * noise[f, i, b] / sd

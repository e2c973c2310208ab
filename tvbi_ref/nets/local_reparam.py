r"""Local reparameterisation: sample the activations of a layer in place of its weights.

Weights with q(w) = N(M, S), S = sigma2, enter a linear layer only through sums, so the
layer's output is Gaussian too. Its mean is the linear map applied to x with M, its variance
the SAME map applied to x^2 with S (Kingma, Salimans and Welling, 2015). One draw of
e ~ N(0, 1) for each output then gives

    z = map(x, M) + b + sd e,    sd = sqrt(map(x^2, S) + 1e-8)

and, with g = dL/dz, the variance path has v = dL/dVar = g e / (2 sd). So each layer is two
pairs of functions: a plain linear map with its backward pass (`linear` for a dense layer,
`correlate` for a convolution), and the reparameterised layer, which runs that pair once
with (x, M, g) and once with (x^2, S, v).

The bias is not random: it has no part in the variance path.
"""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from tvbi_ref._validation import FloatArray
from tvbi_ref.equations import equation, socket
from tvbi_ref.nets.shapes import conv_output_shape, require_shape, require_shapes

VARIANCE_FLOOR = 1e-8
"""Inside the square root: a pruned input must not make the gradient of the root infinite."""


# Dense


def linear(x: FloatArray, weight: FloatArray) -> FloatArray:
    """Return x W, (B, I) by (I, J).

    Examples
    --------
    >>> linear(np.array([[1.0, 2.0]]), np.array([[3.0], [4.0]]))
    array([[11.]])
    """
    return x @ weight


def linear_backward(
    x: FloatArray, weight: FloatArray, grad: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return (dL/dW, dL/dx) of `linear`: x^T g and g W^T.

    Examples
    --------
    >>> linear_backward(np.array([[1.0, 2.0]]), np.array([[3.0], [4.0]]), np.array([[1.0]]))
    (array([[1.],
           [2.]]), array([[3., 4.]]))
    """
    return x.T @ grad, grad @ weight.T


def dense_deviation(x: FloatArray, variance: FloatArray) -> FloatArray:
    """Return sd = sqrt(x^2 S + 1e-8), the standard deviation of a dense layer's outputs.

    Examples
    --------
    >>> dense_deviation(np.array([[3.0, 4.0]]), np.ones((2, 1)))
    array([[5.]])
    """
    return np.sqrt(linear(x * x, variance) + VARIANCE_FLOOR)


@equation("local-reparam-dense")
def local_reparam_dense(
    x: FloatArray, mean: FloatArray, variance: FloatArray, bias: FloatArray, noise: FloatArray
) -> FloatArray:
    """Return z = x M + b + sqrt(x^2 S + 1e-8) e, one draw of a dense layer's outputs.

    Parameters
    ----------
    x : ndarray (B, I)
    mean, variance : ndarray (I, J)
        M and S = sigma2 of q(w).
    bias : ndarray (J,)
    noise : ndarray (B, J)
        e ~ N(0, 1), one draw for each output of each row.

    Returns
    -------
    ndarray (B, J)

    Raises
    ------
    ValueError
        If a shape does not fit.

    Notes
    -----
    Source: [local-reparam-dense].

    Examples
    --------
    >>> x, mean, variance = np.array([[3.0, 4.0]]), np.zeros((2, 1)), np.ones((2, 1))
    >>> local_reparam_dense(x, mean, variance, bias=np.ones(1), noise=np.array([[2.0]]))
    array([[11.]])
    """
    arrays = mean, variance, x, bias, noise
    require_shapes("mean(I,J) variance(I,J) x(B,I) bias(J) noise(B,J)", *arrays)
    z = linear(x, mean) + bias
    z += dense_deviation(x, variance) * noise
    return z


@equation("local-reparam-dense-backward")
def local_reparam_dense_backward(
    x: FloatArray, mean: FloatArray, variance: FloatArray, noise: FloatArray, grad: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Return (dL/dM, dL/dS, dL/db, dL/dx) of `local_reparam_dense`, the noise held fixed.

    With v = g e / (2 sd): dM = x^T g, dS = (x^2)^T v, db = sum g, dx = g M^T + 2 x (v S^T).

    Parameters
    ----------
    x, mean, variance, noise
        As in the forward pass.
    grad : ndarray (B, J)
        g = dL/dz.

    Raises
    ------
    ValueError
        If a shape does not fit.

    Notes
    -----
    Source: [local-reparam-dense-backward].

    Examples
    --------
    >>> x, mean, variance = np.array([[3.0, 4.0]]), np.zeros((2, 1)), np.ones((2, 1))
    >>> noise, grad = np.array([[2.0]]), np.array([[1.0]])
    >>> _, d_variance, d_bias, d_x = local_reparam_dense_backward(x, mean, variance, noise, grad)
    >>> d_variance.round(6).ravel(), d_bias, d_x.round(6)
    (array([1.8, 3.2]), array([1.]), array([[1.2, 1.6]]))
    """
    require_shapes("mean(I,J) variance(I,J) x(B,I) noise(B,J)", mean, variance, x, noise)
    require_shape(grad, "grad", noise.shape)
    v = grad * noise / (2 * dense_deviation(x, variance))
    d_mean, d_x = linear_backward(x, mean, grad)
    d_variance, d_x2 = linear_backward(x * x, variance, v)
    d_x += 2 * x * d_x2
    return d_mean, d_variance, grad.sum(axis=0), d_x


# Convolution


@socket("correlate")
def correlate(x: FloatArray, kernel: FloatArray, stride: int, padding: int) -> FloatArray:
    """Slide kernels over images: the "convolution" of a neural network, kernel not flipped.

    z[b, f, i, j] = sum over c, k, l of xp[b, c, s i + k, s j + l] K[f, c, k, l], where xp is
    x with `padding` zeros on each side and s the stride.

    Parameters
    ----------
    x : ndarray (B, C, H, W)
    kernel : ndarray (F, C, kh, kw)
    stride : int >= 1
    padding : int >= 0

    Returns
    -------
    ndarray (B, F, Ho, Wo)
        Ho = (H + 2 padding - kh) // stride + 1, and Wo likewise.

    Raises
    ------
    TypeError, ValueError
        If an argument is not what is asked for above.

    Examples
    --------
    >>> x = np.array([[[[1.0, 2.0, 4.0]]]])
    >>> correlate(x, np.array([[[[-1.0, 1.0]]]]), stride=1, padding=0)
    array([[[[1., 2.]]]])
    """
    conv_output_shape(x, kernel, kernel, stride, padding)
    windows = _windows(_pad(x, padding), kernel.shape[2:], stride)
    return np.einsum("bcijkl,fckl->bfij", windows, kernel, optimize=True)


@socket("correlate-backward")
def correlate_backward(
    x: FloatArray, kernel: FloatArray, grad: FloatArray, stride: int, padding: int
) -> tuple[FloatArray, FloatArray]:
    """Return (dL/dK, dL/dx) of `correlate` for grad = dL/dz.

    A pixel of a padded image stands in many windows: dL/dx is the sum over all of its places. At
    place (k, l) inside the windows stands a strided part of the image.

    Examples
    --------
    >>> x, kernel = np.array([[[[1.0, 2.0, 4.0]]]]), np.array([[[[-1.0, 1.0]]]])
    >>> correlate_backward(x, kernel, np.array([[[[1.0, 1.0]]]]), stride=1, padding=0)
    (array([[[[3., 6.]]]]), array([[[[-1.,  0.,  1.]]]]))
    """
    padded = _pad(x, padding)
    windows, d_padded = _windows(padded, kernel.shape[2:], stride), np.zeros_like(padded)
    d_kernel = np.einsum("bfij,bcijkl->fckl", grad, windows, optimize=True)
    d_windows = np.einsum("bfij,fckl->bcijkl", grad, kernel, optimize=True)
    rows, columns = (stride * (size - 1) + 1 for size in grad.shape[2:])
    for k, l in np.ndindex(kernel.shape[2:]):
        part = np.s_[:, :, k : k + rows : stride, l : l + columns : stride]
        d_padded[part] += d_windows[..., k, l]
    inside = slice(padding, -padding or None)
    return d_kernel, d_padded[:, :, inside, inside]


def _pad(x: FloatArray, padding: int) -> FloatArray:
    return np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))


def _windows(padded: FloatArray, kernel_size: tuple[int, ...], stride: int) -> FloatArray:
    """Return what lies under the kernel at every place, (B, C, Ho, Wo, kh, kw); a view."""
    windows = sliding_window_view(padded, kernel_size, axis=(2, 3))
    return windows[:, :, ::stride, ::stride]


def conv_deviation(x: FloatArray, variance: FloatArray, stride: int, padding: int) -> FloatArray:
    """Return sd = sqrt(correlate(x^2, S) + 1e-8), the outputs' standard deviation.

    Examples
    --------
    >>> conv_deviation(np.full((1, 1, 1, 1), 3.0), np.full((1, 1, 1, 1), 4.0), 1, 0).round(6)
    array([[[[6.]]]])
    """
    return np.sqrt(correlate(x * x, variance, stride, padding) + VARIANCE_FLOOR)


@equation("local-reparam-conv")
def local_reparam_conv(
    x: FloatArray,
    mean: FloatArray,
    variance: FloatArray,
    bias: FloatArray,
    noise: FloatArray,
    stride: int = 1,
    padding: int = 0,
) -> FloatArray:
    """Return z = x * M + b + sqrt(x^2 * S + 1e-8) e, where * slides kernels over images.

    Parameters
    ----------
    x : ndarray (B, C, H, W)
    mean, variance : ndarray (F, C, kh, kw)
        M and S = sigma2 of q(w).
    bias : ndarray (F,)
    noise : ndarray (B, F, Ho, Wo)
        e ~ N(0, 1), one draw for each output of each row.
    stride : int >= 1
    padding : int >= 0
        Zeros on each side of an image.

    Returns
    -------
    ndarray (B, F, Ho, Wo)
        Ho = (H + 2 padding - kh) // stride + 1, and Wo likewise.

    Raises
    ------
    TypeError, ValueError
        If an argument is not what is asked for above.

    Notes
    -----
    Source: [local-reparam-conv]. Outputs that share a weight are independent here and would
    not be if the weights themselves were sampled; each one alone has the right distribution.

    Examples
    --------
    >>> x, kernel = np.full((1, 1, 1, 2), 3.0), np.full((1, 1, 1, 1), 4.0)
    >>> local_reparam_conv(x, kernel, kernel, np.ones(1), np.array([[[[0.0, 2.0]]]])).round(6)
    array([[[[13., 25.]]]])
    """
    shape = conv_output_shape(x, mean, variance, stride, padding)
    require_shape(bias, "bias", mean.shape[:1])
    require_shape(noise, "noise", shape)
    z = correlate(x, mean, stride, padding) + bias[:, None, None]
    z += conv_deviation(x, variance, stride, padding) * noise
    return z


@equation("local-reparam-conv-backward")
def local_reparam_conv_backward(
    x: FloatArray,
    mean: FloatArray,
    variance: FloatArray,
    noise: FloatArray,
    grad: FloatArray,
    stride: int = 1,
    padding: int = 0,
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Return (dL/dM, dL/dS, dL/db, dL/dx) of `local_reparam_conv`, the noise held fixed.

    Parameters
    ----------
    x, mean, variance, noise, stride, padding
        As in the forward pass.
    grad : ndarray (B, F, Ho, Wo)
        g = dL/dz.

    Raises
    ------
    TypeError, ValueError
        If an argument is not what is asked for above.

    Notes
    -----
    Source: [local-reparam-conv-backward]: the lines of the dense layer, with the backward
    pass of `correlate` for that of a matrix product.

    Examples
    --------
    >>> x, kernel = np.full((1, 1, 1, 1), 3.0), np.full((1, 1, 1, 1), 4.0)
    >>> noise, grad = np.full((1, 1, 1, 1), 2.0), np.ones((1, 1, 1, 1))
    >>> d_mean, d_variance, d_bias, d_x = local_reparam_conv_backward(
    ...     x, kernel, kernel, noise, grad
    ... )
    >>> [round(float(d.squeeze()), 6) for d in (d_mean, d_variance, d_bias, d_x)]
    [3.0, 1.5, 1.0, 8.0]
    """
    require_shape(noise, "noise", conv_output_shape(x, mean, variance, stride, padding))
    require_shape(grad, "grad", noise.shape)
    v = grad * noise / (2 * conv_deviation(x, variance, stride, padding))
    d_mean, d_x = correlate_backward(x, mean, grad, stride, padding)
    d_variance, d_x2 = correlate_backward(x * x, variance, v, stride, padding)
    d_x += 2 * x * d_x2
    return d_mean, d_variance, grad.sum(axis=(0, 2, 3)), d_x

"""Convolutions: the same noise on outputs, kernels in place of rows.

A convolution is a dense layer that sees the image one window at a time, with the same weights
for each. So its outputs are Gaussian sums, too. You write it forwards and backwards; where
windows overlap, gradients add.

Check yourself: tvbi-ref check 14_cnn_on_mnist.py
"""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

VARIANCE_FLOOR = 1e-8  # added to every output's variance before the root is taken


def windows(x, height, width, stride, padding):
    """Return what a kernel of this size sees at each of its places (given).

    Parameters
    ----------
    x : ndarray (B, C, H, W)
    height, width : int
        Of the kernel.
    stride, padding : int
        How far the kernel moves; how many zeros stand on each side of an image.

    Returns
    -------
    ndarray (B, C, Ho, Wo, height, width)
        Entry [b, c, i, j] is the window of the output at (i, j). Do not write into it.

    Examples
    --------
    >>> windows(np.array([[[[1.0, 2.0, 4.0]]]]), 1, 2, stride=1, padding=0)[0, 0, 0]
    array([[[1., 2.]],
           [[2., 4.]]])
    """
    padded = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    return sliding_window_view(padded, (height, width), axis=(2, 3))[:, :, ::stride, ::stride]


def local_reparam_conv(x, mean, variance, bias, noise, stride, padding):
    """Return one draw of a convolutional layer's outputs: [local-reparam-conv].

    As [local-reparam-dense], with windows in the place of rows: the kernels slide over the images
    without being flipped, and an output is the sum over a window times a kernel, entry by entry.

    Parameters
    ----------
    x : ndarray (B, C, H, W)
    mean, variance : ndarray (F, C, kh, kw)
        M and S of q(w); S >= 0.
    bias : ndarray (F,)
    noise : ndarray (B, F, Ho, Wo)
    stride : int >= 1
    padding : int >= 0

    Returns
    -------
    ndarray (B, F, Ho, Wo)

    Notes
    -----
    Hint: `windows` does the sliding, `np.einsum` the sum. The bias has one axis, the output
    four.

    Examples
    --------
    >>> x, kernel = np.full((1, 1, 1, 2), 3.0), np.full((1, 1, 1, 1), 4.0)
    >>> noise = np.array([[[[0.0, 2.0]]]])
    >>> local_reparam_conv(x, kernel, kernel, np.ones(1), noise, 1, 0).round(4)
    array([[[[13., 25.]]]])
    """
    seen = windows(x, *mean.shape[2:], stride, padding)
    z_mean = np.einsum("bcijkl,fckl->bfij", seen, mean) + bias[:, None, None]
    z_variance = np.einsum("bcijkl,fckl->bfij", seen**2, variance)
    return z_mean + np.sqrt(z_variance + VARIANCE_FLOOR) * noise


def local_reparam_conv_backward(x, mean, variance, noise, grad, stride, padding):
    """Return the gradients of a convolutional layer: [local-reparam-conv-backward].

    As [local-reparam-dense-backward], with windows in the place of rows. What a window is due goes
    back to the pixels that it was cut from.

    Parameters
    ----------
    x : ndarray (B, C, H, W)
    mean, variance : ndarray (F, C, kh, kw)
    noise, grad : ndarray (B, F, Ho, Wo)
        e and g.
    stride : int >= 1
    padding : int >= 0

    Returns
    -------
    tuple of ndarray
        dM (F, C, kh, kw), dS (F, C, kh, kw), db (F,), dx (B, C, H, W).

    Notes
    -----
    Hint: windows overlap, so a pixel gets its gradient from several of them. What happens to
    the share that falls on the padding?

    Examples
    --------
    >>> x, kernel = np.full((1, 1, 1, 1), 3.0), np.full((1, 1, 1, 1), 4.0)
    >>> noise, grad = np.full((1, 1, 1, 1), 2.0), np.ones((1, 1, 1, 1))
    >>> results = local_reparam_conv_backward(x, kernel, kernel, noise, grad, 1, 0)
    >>> [round(result.item(), 4) for result in results]
    [3.0, 1.5, 1.0, 8.0]
    """
    height, width = mean.shape[2:]
    seen = windows(x, height, width, stride, padding)
    z_variance = np.einsum("bcijkl,fckl->bfij", seen**2, variance)
    v = grad * noise / (2 * np.sqrt(z_variance + VARIANCE_FLOOR))

    d_mean = np.einsum("bfij,bcijkl->fckl", grad, seen)
    d_variance = np.einsum("bfij,bcijkl->fckl", v, seen**2)
    d_seen = np.einsum("bfij,fckl->bcijkl", grad, mean)
    d_seen += 2 * seen * np.einsum("bfij,fckl->bcijkl", v, variance)

    B, C, H, W = x.shape
    d_padded = np.zeros((B, C, H + 2 * padding, W + 2 * padding))
    for i in range(grad.shape[2]):
        for j in range(grad.shape[3]):
            top, left = stride * i, stride * j
            d_padded[:, :, top : top + height, left : left + width] += d_seen[:, :, i, j]
    d_x = d_padded[:, :, padding : padding + H, padding : padding + W]
    return d_mean, d_variance, grad.sum(axis=(0, 2, 3)), d_x

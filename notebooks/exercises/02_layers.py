"""Layers: noise on the outputs in place of noise on the weights.

A Bayesian layer has a mean and a variance for every weight. To train it one could draw the
weights anew for each row of the batch, which is slow and noisy. But weights enter a layer
through sums only, sums of Gaussians are Gaussian, and so it is enough to draw each OUTPUT
from its own mean and variance. You write that layer, dense and convolutional, forwards and
backwards, and the two likelihoods that sit on top of it. Every backward pass is checked
against finite differences, a check that you can make yourself while you work.

Check yourself: tvbi-ref check 02_layers.py
Read: docs/EQUATIONS.md, section 2
"""

from collections import namedtuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy.special import logsumexp

# To try things out with; the checks bring one of their own.
Gamma = namedtuple("Gamma", ["shape", "rate"])

VARIANCE_FLOOR = 1e-8  # added to every variance before the root is taken


def softmax_cross_entropy(output, y):
    """Return the cross-entropy of a batch and its gradient: [likelihood-categorical].

        value    = mean over rows of [ ln sum_c e^(z_c) - z_y ]
        gradient = (softmax(z) - onehot(y)) / B

    Parameters
    ----------
    output : ndarray (B, C)
        z, the logits.
    y : ndarray of int (B,)
        The labels, in [0, C).

    Returns
    -------
    tuple (float, ndarray (B, C))
        The value, and its gradient by `output`.

    Notes
    -----
    Hint: what is e^1000 in double precision, and what changes in the value if every logit of a
    row is made smaller by the same number?

    Examples
    --------
    Four equal logits say nothing, which costs ln 4:

    >>> value, gradient = softmax_cross_entropy(np.zeros((1, 4)), np.array([3]))
    >>> round(value, 4), gradient
    (1.3863, array([[ 0.25,  0.25,  0.25, -0.75]]))
    """
    raise NotImplementedError


def gaussian_nll(output, y, noise_precision, log_noise_precision):
    """Return the expected negative log-likelihood of a regression and its gradient.

    This is [likelihood-gaussian]:

        value    = mean over rows of [ 1/2 <gamma> ||y - f||^2 - D/2 (<ln gamma> - ln 2 pi) ]
        gradient = <gamma> (f - y) / B

    Parameters
    ----------
    output, y : ndarray (B, D)
        f, what the network says, and the targets.
    noise_precision : float
        <gamma> > 0.
    log_noise_precision : float
        <ln gamma>, which is less than ln <gamma> unless gamma is known.

    Returns
    -------
    tuple (float, ndarray (B, D))
        The value, and its gradient by `output`.

    Notes
    -----
    Hint: a row has D targets. Over what is the mean taken, and over what the sum?

    Examples
    --------
    A perfect fit costs the normaliser alone, 1/2 ln(2 pi):

    >>> value, gradient = gaussian_nll(np.ones((1, 1)), np.ones((1, 1)), 1.0, 0.0)
    >>> round(value, 4), gradient
    (0.9189, array([[0.]]))
    """
    raise NotImplementedError


def update_noise_precision(output, y, prior):
    """Return the posterior Gamma of the noise precision: [noise-precision].

        shape = a + N D / 2,    rate = b + 1/2 sum ||y - f||^2

    Parameters
    ----------
    output, y : ndarray (N, D)
        f and y of all N rows.
    prior : Gamma
        (a, b).

    Returns
    -------
    tuple (float, float)
        Shape and rate.

    Notes
    -----
    Hint: every single target is an observation of the noise. How many are there?

    Examples
    --------
    >>> update_noise_precision(np.zeros((4, 1)), np.ones((4, 1)), Gamma(1.0, 1.0))
    (3.0, 3.0)
    """
    raise NotImplementedError


def local_reparam_dense(x, mean, variance, bias, noise):
    """Return one draw of a dense layer's outputs: [local-reparam-dense].

        z = x M + b + sqrt(x^2 S + 1e-8) e,    x^2 elementwise, S = sigma2

    Parameters
    ----------
    x : ndarray (B, I)
    mean, variance : ndarray (I, J)
        M and S of q(w); S >= 0.
    bias : ndarray (J,)
    noise : ndarray (B, J)
        e, one standard normal number for each output of each row.

    Returns
    -------
    ndarray (B, J)

    Notes
    -----
    Hint: Var[x w] = x^2 Var[w], and variances add. When is the root taken?

    Examples
    --------
    A 3-4-5 triangle:

    >>> x, mean, variance = np.array([[3.0, 4.0]]), np.zeros((2, 1)), np.ones((2, 1))
    >>> local_reparam_dense(x, mean, variance, np.ones(1), np.array([[2.0]]))
    array([[11.]])
    """
    raise NotImplementedError


def local_reparam_dense_backward(x, mean, variance, noise, grad):
    """Return the gradients of a dense layer: [local-reparam-dense-backward].

    With g = dL/dz, sd the root of the forward pass, and v = g e / (2 sd), the gradient by the
    output's variance:

        dM = x^T g,    dS = (x^2)^T v,    db = sum of g over the rows,
        dx = g M^T + 2 x (v S^T)

    Parameters
    ----------
    x : ndarray (B, I)
    mean, variance : ndarray (I, J)
    noise : ndarray (B, J)
        e, the same numbers as in the forward pass.
    grad : ndarray (B, J)
        g.

    Returns
    -------
    tuple of ndarray
        dM (I, J), dS (I, J), db (J,), dx (B, I).

    Notes
    -----
    Hint: x appears twice in the forward pass. And sd has the 1e-8 in it, backwards too.

    Examples
    --------
    >>> x, mean, variance = np.array([[3.0, 4.0]]), np.zeros((2, 1)), np.ones((2, 1))
    >>> results = local_reparam_dense_backward(
    ...     x, mean, variance, np.array([[2.0]]), np.array([[1.0]])
    ... )
    >>> [result.round(4).ravel().tolist() for result in results]
    [[3.0, 4.0], [1.8, 3.2], [1.0], [1.2, 1.6]]
    """
    raise NotImplementedError


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

        z = x * M + b + sqrt(x^2 * S + 1e-8) e

    where x * K slides the kernels over the images without flipping them: output (b, f, i, j)
    is the sum over c, k, l of window[b, c, i, j, k, l] K[f, c, k, l].

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
    raise NotImplementedError


def local_reparam_conv_backward(x, mean, variance, noise, grad, stride, padding):
    """Return the gradients of a convolutional layer: [local-reparam-conv-backward].

    The same as for the dense layer, with windows in the place of rows: with g = dL/dz and
    v = g e / (2 sd),

        dM[f, c, k, l] = sum over b, i, j of g[b, f, i, j] window[b, c, i, j, k, l],
        dS likewise from v and the squared windows,    db = sum of g over b, i, j,

    and every window hands (g M) + 2 window (v S) back to the pixels that it was cut from.

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
    raise NotImplementedError

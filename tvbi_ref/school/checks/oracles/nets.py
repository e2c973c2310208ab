r"""What the likelihoods and the reparameterised layers must give, and their derivatives.

No derivative here is a formula: each is a difference quotient of this file's own forward
pass. The layers use the complex step, f'(t) = Im f(t + ih) / h, exact to rounding because
nothing is subtracted; the likelihoods central differences with one Richardson
extrapolation. The noise posterior is its density, integrated.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import integrate, signal, stats

Array = NDArray[Any]
Pair = tuple[float, float]
"""A Gamma's shape and rate."""


# Derivatives


def derivative(f: Callable[[Array], float], x: Array, step: float = 1e-2) -> Array:
    """Return the gradient of f at x by central differences, extrapolated to a step of zero.

    The error of a central difference is c h^2 + O(h^4): two of them, at h and h/2, remove c.

    Parameters
    ----------
    f : callable
    x : ndarray
    step : float
        h.

    Examples
    --------
    >>> derivative(lambda x: float(np.sum(x**3)), np.array([1.0, 2.0])).round(9)
    array([ 3., 12.])
    """
    gradient = np.empty(x.shape)
    for n in np.ndindex(x.shape):
        e = np.zeros(x.shape)
        e[n] = step
        wide = (f(x + e) - f(x - e)) / (2 * step)
        narrow = (f(x + e / 2) - f(x - e / 2)) / step
        gradient[n] = (4 * narrow - wide) / 3
    return gradient


def complex_derivative(f: Callable[[Array], complex], x: Array) -> Array:
    """Return the gradient at x of an analytic f, by the complex step.

    Parameters
    ----------
    f : callable
        Takes complex arrays, and neither conjugates nor takes absolute values.
    x : ndarray

    Examples
    --------
    >>> complex_derivative(lambda x: (x**3).sum(), np.array([1.0, 2.0]))
    array([ 3., 12.])
    """
    gradient = np.empty(x.shape)
    for n in np.ndindex(x.shape):
        moved = x.astype(complex)
        moved[n] += 1e-30j
        gradient[n] = complex(f(moved)).imag / 1e-30
    return gradient


# Likelihoods


def cross_entropy(output: Array, y: Array) -> float:
    """Return the mean of -ln softmax(z)_y = ln sum_c e^(z_c) - z_y, two exponentials at a time.

    Parameters
    ----------
    output : ndarray (B, C)
    y : ndarray of int (B,)

    Notes
    -----
    Source: [likelihood-categorical].

    Examples
    --------
    >>> round(cross_entropy(np.zeros((1, 2)), np.array([0])) / math.log(2), 12)
    1.0
    """
    rows = [np.logaddexp.reduce(z) - z[label] for z, label in zip(output, y, strict=True)]
    return float(sum(rows)) / len(rows)


def softmax_cross_entropy(output: Array, y: Array) -> tuple[float, Array]:
    """Return the mean cross-entropy and its difference quotients.

    Parameters
    ----------
    output : ndarray (B, C)
    y : ndarray of int (B,)

    Notes
    -----
    Source: [likelihood-categorical].

    Examples
    --------
    >>> softmax_cross_entropy(np.zeros((1, 2)), np.array([0]))[1].round(9)
    array([[-0.5,  0.5]])
    """
    return cross_entropy(output, y), derivative(lambda z: cross_entropy(z, y), output)


def gaussian_nll(output: Array, y: Array, noise_precision: float) -> tuple[float, Array]:
    """Return the mean over rows of -ln N(y; f, 1/gamma) and its gradient, gamma known.

    Parameters
    ----------
    output, y : ndarray (B, D)
    noise_precision : float
        gamma.

    Notes
    -----
    Source: [likelihood-gaussian]. A quadratic: a step of 1 is exact.

    Examples
    --------
    >>> value, gradient = gaussian_nll(np.array([[3.0]]), np.array([[1.0]]), 1.0)
    >>> round(value - 0.5 * math.log(2 * math.pi), 12), gradient.round(12)
    (2.0, array([[2.]]))
    """

    def value(f: Array) -> float:
        density = stats.norm.logpdf(y, loc=f, scale=1 / math.sqrt(noise_precision))
        return -float(density.sum()) / len(y)

    return value(output), derivative(value, output, step=1.0)


def expected_gaussian_nll(output: Array, y: Array, noise: Pair) -> tuple[float, Array]:
    """Return the same, averaged over gamma ~ Ga(a, b) by numerical integration.

    Parameters
    ----------
    output, y : ndarray (B, D)
    noise : (a, b)

    Notes
    -----
    Source: [likelihood-gaussian].

    Examples
    --------
    >>> sure = expected_gaussian_nll(np.array([[3.0]]), np.array([[1.0]]), (1e6, 1e6))
    >>> known = gaussian_nll(np.array([[3.0]]), np.array([[1.0]]), 1.0)
    >>> abs(sure[0] - known[0]) < 1e-5
    True
    """
    a, b = noise
    constant = a * math.log(b) - math.lgamma(a)
    gamma = stats.gamma(a, scale=1 / b)
    # Over u = ln gamma: where a < 1 the density has a pole at 0, which quadrature does not like.
    bounds = math.log(gamma.ppf(1e-15)), math.log(gamma.isf(1e-15))

    def value(f: Array) -> float:
        squared = float(sum((t - o) ** 2 for t, o in zip(y.ravel(), f.ravel(), strict=True)))

        def integrand(u: float) -> float:
            g = math.exp(u)
            log_likelihood = 0.5 * y.size * (u - math.log(2 * math.pi)) - 0.5 * g * squared
            return -log_likelihood * math.exp(constant + a * u - b * g)

        return float(integrate.quad(integrand, *bounds, epsabs=1e-12, limit=200)[0]) / len(y)

    return value(output), derivative(value, output, step=1.0)


def noise_posterior(output: Array, y: Array, prior: Pair) -> Pair:
    """Return the Gamma with the mean and the variance of prior times likelihood.

    The density is summed over a grid of ln gamma, on which it falls off at both ends.

    Parameters
    ----------
    output, y : ndarray (N, D)
    prior : (a, b)

    Returns
    -------
    tuple (float, float)
        Shape and rate.

    Notes
    -----
    Source: [noise-precision].

    Examples
    --------
    >>> shape, rate = noise_posterior(np.zeros((4, 1)), np.ones((4, 1)), (1.0, 1.0))
    >>> round(shape, 9), round(rate, 9)
    (3.0, 3.0)
    """
    u = np.linspace(-40, 40, 26_667)
    a, b = prior
    log_density = a * u - b * np.exp(u)  # a and not a - 1, because d gamma = gamma du
    for residual in (y - output).ravel():
        log_density += 0.5 * u - 0.5 * np.exp(u) * residual**2
    density = np.exp(log_density - log_density.max())
    density /= density.sum()
    mean = float(density @ np.exp(u))
    variance = float(density @ (np.exp(u) - mean) ** 2)
    return mean**2 / variance, mean / variance


# Local reparameterisation


def dense(x: Array, mean: Array, variance: Array, bias: Array, noise: Array) -> Array:
    """Return the outputs one by one, summed weight by weight.

    Parameters
    ----------
    x : ndarray (B, I)
    mean, variance : ndarray (I, J)
    bias : ndarray (J,)
    noise : ndarray (B, J)

    Notes
    -----
    Source: [local-reparam-dense].

    Examples
    --------
    >>> x, ones = np.array([[3.0, 4.0]]), np.ones((2, 1))
    >>> dense(x, ones, ones, np.zeros(1), np.ones((1, 1))).round(6)
    array([[12.]])
    """
    z = np.empty(noise.shape, np.result_type(x, mean, variance, bias))
    for n, j in np.ndindex(z.shape):
        center, spread = bias[j], 1e-8
        for i in range(x.shape[1]):
            center = center + x[n, i] * mean[i, j]
            spread = spread + x[n, i] ** 2 * variance[i, j]
        z[n, j] = center + spread**0.5 * noise[n, j]
    return z


def convolution(
    x: Array,
    mean: Array,
    variance: Array,
    bias: Array,
    noise: Array,
    stride: int,
    padding: int,
) -> Array:
    """Return the reparameterised convolution, each image correlated with each filter by SciPy.

    Parameters
    ----------
    x : ndarray (B, C, H, W)
    mean, variance : ndarray (F, C, kh, kw)
    bias : ndarray (F,)
    noise : ndarray (B, F, Ho, Wo)
    stride, padding : int

    Notes
    -----
    Source: [local-reparam-conv].

    Examples
    --------
    >>> x, kernel = np.full((1, 1, 1, 2), 3.0), np.full((1, 1, 1, 1), 4.0)
    >>> noise = np.array([[[[0.0, 2.0]]]])
    >>> convolution(x, kernel, kernel, np.ones(1), noise, 1, 0).round(6)
    array([[[[13., 25.]]]])
    """
    center = _correlate(x, mean, stride, padding) + bias[:, None, None]
    spread = _correlate(x**2, variance, stride, padding) + 1e-8
    return np.asarray(center + spread**0.5 * noise)


def _correlate(x: Array, kernels: Array, stride: int, padding: int) -> Array:
    sides = (padding, padding)
    padded = np.pad(x, ((0, 0), (0, 0), sides, sides))
    # SciPy conjugates its second argument, which the complex step must not see.
    maps = [
        signal.correlate(padded, kernel.conj()[None], mode="valid", method="direct")
        for kernel in kernels
    ]
    return np.concatenate(maps, axis=1)[:, :, ::stride, ::stride]


def backward(
    layer: Callable[..., Array],
    x: Array,
    mean: Array,
    variance: Array,
    noise: Array,
    grad: Array,
    *geometry: int,
) -> tuple[Array, Array, Array, Array]:
    """Return (dL/dM, dL/dS, dL/db, dL/dx) of L = sum(grad * z) by complex steps.

    Parameters
    ----------
    layer : callable
        `dense` or `convolution`.
    x, mean, variance, noise : ndarray
        As `layer` takes them. The bias does not matter for its derivative; it is 0.
    grad : ndarray, shape of the outputs
    *geometry : int
        Stride and padding of a convolution.

    Notes
    -----
    Source: [local-reparam-dense-backward], [local-reparam-conv-backward].

    Examples
    --------
    >>> x, ones = np.array([[3.0, 4.0]]), np.ones((2, 1))
    >>> _, d_variance, _, _ = backward(dense, x, ones, ones, np.full((1, 1), 2.0), np.ones((1, 1)))
    >>> d_variance.ravel().round(6)
    array([1.8, 3.2])
    """
    bias = np.zeros(noise.shape[1])

    def loss(x: Array, mean: Array, variance: Array, bias: Array) -> complex:
        return complex(np.sum(grad * layer(x, mean, variance, bias, noise, *geometry)))

    return (
        complex_derivative(lambda t: loss(x, t, variance, bias), mean),
        complex_derivative(lambda t: loss(x, mean, t, bias), variance),
        complex_derivative(lambda t: loss(x, mean, variance, t), bias),
        complex_derivative(lambda t: loss(t, mean, variance, bias), x),
    )

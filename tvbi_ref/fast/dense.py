"""A dense layer with noise: x^2 and sd of the forward pass serve the backward pass again."""

from __future__ import annotations

import numpy as np

from tvbi_ref._validation import FloatArray
from tvbi_ref.equations import fast
from tvbi_ref.fast.passes import add_noise, add_product, flat, noise_gradient
from tvbi_ref.nets.local_reparam import VARIANCE_FLOOR, dense_deviation

Memory = tuple[FloatArray, FloatArray]


@fast("dense", fuses=["local-reparam-dense"])
def draw_dense(
    x: FloatArray, mean: FloatArray, variance: FloatArray, bias: FloatArray, noise: FloatArray
) -> tuple[FloatArray, Memory]:
    """Return z, and (x^2, sd)."""
    z, x2 = x @ mean, x * x
    z += bias
    sd = x2 @ variance  # the variance; add_noise leaves its root
    add_noise(flat(z), flat(sd), flat(noise), VARIANCE_FLOOR)
    return z, (x2, sd)


@fast("dense-backward", fuses=["local-reparam-dense-backward"])
def dense_backward(
    x: FloatArray,
    mean: FloatArray,
    variance: FloatArray,
    noise: FloatArray,
    grad: FloatArray,
    memory: Memory | None,
    needs_dx: bool,
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Return the gradients by mean, variance, bias and x."""
    x2, sd = memory or (x * x, dense_deviation(x, variance))
    v = np.empty_like(noise)
    noise_gradient(flat(np.ascontiguousarray(grad)), flat(noise), flat(sd), flat(v))
    d_mean, d_variance = x.T @ grad, x2.T @ v
    if not needs_dx:
        return d_mean, d_variance, grad.sum(axis=0), np.full_like(x, np.nan)
    d_x = grad @ mean.T
    add_product(flat(d_x), flat(x), flat(v @ variance.T), 2, 0)
    return d_mean, d_variance, grad.sum(axis=0), d_x

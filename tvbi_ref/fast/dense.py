"""A dense layer with noise: x^2 and sd of the forward pass serve the backward pass again."""

from __future__ import annotations

import numpy as np

from tvbi_ref._validation import FloatArray
from tvbi_ref.equations import fast
from tvbi_ref.fast.passes import add_noise, add_product, flat, noise_gradient
from tvbi_ref.nets.layers import Gradients, Memory
from tvbi_ref.nets.local_reparam import VARIANCE_FLOOR, dense_deviation


@fast("dense", fuses=["local-reparam-dense"])
def draw_dense(
    x: FloatArray,
    mean: FloatArray,
    variance: FloatArray,
    bias: FloatArray,
    noise: FloatArray,
    memory: Memory,
) -> FloatArray:
    """Return z, and leave x^2 and sd."""
    x2 = x * x
    sd = x2 @ variance  # the variance; add_noise leaves its root
    z = x @ mean
    z += bias
    add_noise(flat(z), flat(sd), flat(noise), VARIANCE_FLOOR)
    memory |= {"x2": x2, "sd": sd}
    return z


@fast("dense-backward", fuses=["local-reparam-dense-backward"])
def dense_backward(
    x: FloatArray,
    mean: FloatArray,
    variance: FloatArray,
    noise: FloatArray,
    grad: FloatArray,
    memory: Memory,
    needs_dx: bool,
    out: Gradients,
) -> FloatArray:
    """Fill the gradients by mean, variance and bias, and return that by x."""
    memory = memory or {"x2": x * x, "sd": dense_deviation(x, variance)}
    v, (d_mean, d_variance, d_bias) = np.empty_like(noise), out
    noise_gradient(flat(np.ascontiguousarray(grad)), flat(noise), flat(memory["sd"]), flat(v))
    np.matmul(x.T, grad, out=d_mean)  # straight to their place: new arrays cost page faults
    np.matmul(memory["x2"].T, v, out=d_variance)
    d_bias[...] = grad.sum(axis=0)
    if not needs_dx:
        return np.full_like(x, np.nan)
    d_x = grad @ mean.T
    add_product(flat(d_x), flat(x), flat(v @ variance.T), 2, 0)
    return d_x

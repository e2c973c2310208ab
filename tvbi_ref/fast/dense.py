"""A dense layer with noise: x^2 and sd of the forward pass serve the backward pass again."""

from __future__ import annotations

import numpy as np

from tvbi_ref._validation import FloatArray
from tvbi_ref.equations import fast
from tvbi_ref.fast.kernel import kernel
from tvbi_ref.nets.halves import both
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
    z, sd = both(lambda: x @ mean, lambda: x2 @ variance, mean.size)
    add_noise(z, sd, bias, noise)
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
    x2, v, (d_mean, d_variance, d_bias) = memory["x2"], grad * noise / (2 * memory["sd"]), out
    d_bias[...] = grad.sum(axis=0)

    def path(x: FloatArray, w: FloatArray, g: FloatArray, d_w: FloatArray) -> FloatArray:
        np.matmul(x.T, g, out=d_w)  # straight to its place: a new array costs page faults
        return g @ w.T if needs_dx else np.broadcast_to(x.dtype.type(np.nan), x.shape)

    d_x, d_x2 = both(
        lambda: path(x, mean, grad, d_mean), lambda: path(x2, variance, v, d_variance), mean.size
    )
    return d_x + 2 * x * d_x2 if needs_dx else d_x


@kernel
def add_noise(z: FloatArray, variance: FloatArray, bias: FloatArray, noise: FloatArray) -> None:
    """Make means z (B, J) a draw, z + bias + sd e, and their variances sd."""
    B, J = z.shape
    floor = z.dtype.type(VARIANCE_FLOOR)
    for b in range(B):
        for j in range(J):
            sd = variance[b, j] = np.sqrt(variance[b, j] + floor)
            z[b, j] = z[b, j] + bias[j] + sd * noise[b, j]

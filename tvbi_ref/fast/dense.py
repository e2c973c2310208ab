"""A dense layer with noise: x^2 and e / (2 sd) of the forward pass serve the backward pass."""

from __future__ import annotations

import numpy as np

from tvbi_ref._validation import FloatArray
from tvbi_ref.equations import fast
from tvbi_ref.fast.kernel import kernel
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
    """Return z, and leave x^2 and e / (2 sd)."""
    x2 = x * x
    z, slope = x @ mean, x2 @ variance
    add_noise(z, slope, bias, noise)
    memory |= {"x2": x2, "slope": slope}
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
    memory = memory or {"x2": x * x, "slope": noise / (2 * dense_deviation(x, variance))}
    v, (d_mean, d_variance, d_bias) = grad * memory["slope"], out
    np.matmul(x.T, grad, out=d_mean)  # straight to their place: new arrays cost page faults
    np.matmul(memory["x2"].T, v, out=d_variance)
    d_bias[...] = grad.sum(axis=0)
    if not needs_dx:
        return np.full_like(x, np.nan)
    d_x = grad @ mean.T
    d_x += twice(x, v @ variance.T)
    return d_x


@kernel
def add_noise(z: FloatArray, variance: FloatArray, bias: FloatArray, noise: FloatArray) -> None:
    """Make means z (B, J) a draw, z + bias + sd e, and their variances e / (2 sd)."""
    B, J = z.shape
    half, floor = z.dtype.type(0.5), z.dtype.type(VARIANCE_FLOOR)
    for b in range(B):
        for j in range(J):
            sd = np.sqrt(variance[b, j] + floor)
            z[b, j] += bias[j] + sd * noise[b, j]
            variance[b, j] = half * noise[b, j] / sd


# Done in place, in the order of `local_reparam`; of the arguments only products are written to.


def root(variance: FloatArray) -> FloatArray:
    """Make a variance sd = sqrt(variance + 1e-8)."""
    variance += VARIANCE_FLOOR
    return np.sqrt(variance, out=variance)


def by_variance(grad: FloatArray, noise: FloatArray, sd: FloatArray) -> FloatArray:
    """Return v = g e / (2 sd)."""
    v = grad * noise
    v /= 2 * sd
    return v


def twice(x: FloatArray, d_x2: FloatArray) -> FloatArray:
    """Make the gradient by x^2 that by x, twice x times."""
    d_x2 *= x
    d_x2 *= 2
    return d_x2

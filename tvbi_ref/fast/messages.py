"""Messages with one exponential and one logarithm in place of two ``logaddexp``."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import logit

from tvbi_ref._validation import FloatArray, as_float_array
from tvbi_ref.equations.sockets import fast
from tvbi_ref.module_b import messages
from tvbi_ref.module_b.group import IntArray, sum_by_group

SATURATION = 600.0
"""Beyond it a message is constant to the last bit, or grows with the cavity."""

SMALLEST = 1e-200
"""Of psi, over the largest: below, a message may not yet be constant at `SATURATION`."""


@fast("sum-product")
def sum_product(cavity: ArrayLike, psi: ArrayLike) -> FloatArray:
    """Do `module_b.sum_product` through the odds r = e^c, cut where the message is saturated."""
    c, psi = np.asarray(cavity, np.float64), as_float_array(psi, "psi", shape=(2, 2))
    if psi[psi > 0].min() < SMALLEST * psi.max() or psi[0, 0] * psi[1, 1] == 0:
        return messages.sum_product.readable(c, psi)
    (psi00, psi01), (psi10, psi11) = psi
    if psi01 == psi10 == 0:
        return c + np.log(psi11 / psi00)
    r = np.clip(c, -SATURATION, SATURATION, out=np.empty(c.shape))
    np.exp(r, out=r)  # in place: on a large layer a new array costs more than its arithmetic
    message = np.multiply(psi11, r, out=np.empty(c.shape))
    message += psi01
    r *= psi10
    r += psi00
    message /= r
    np.log(message, out=message)
    if psi10 == 0:
        message += np.maximum(c - SATURATION, 0)
    if psi01 == 0:
        message += np.minimum(c + SATURATION, 0)
    return message[()]


@fast("group", fuses=["neuron-group", "sum-product", "cavity"])
def group_extrinsic(
    evidence: FloatArray, labels: IntArray, p_alive: float, p_in: float, p_out: float
) -> FloatArray:
    """Do `module_b.group.group_extrinsic` where the weights stand."""
    psi = np.array([[1 - p_out, p_out], [1 - p_in, p_in]])
    ln_g = sum_product(evidence, psi.T)
    zeta = (logit(p_alive) + sum_by_group(labels, ln_g)).take(labels)
    zeta -= ln_g  # what the indicator knows without this weight
    return sum_product(zeta, psi)

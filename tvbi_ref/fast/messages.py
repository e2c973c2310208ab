"""Messages with one exponential and one logarithm in place of two ``logaddexp``, in one pass."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import logit

from tvbi_ref._validation import FloatArray, as_float_array
from tvbi_ref.equations.sockets import fast
from tvbi_ref.fast.elementary import exp, log, logistic, within
from tvbi_ref.fast.kernel import contracted
from tvbi_ref.module_b import messages
from tvbi_ref.module_b.group import IntArray, sum_by_group
from tvbi_ref.module_b.messages import MessageStack, cavity

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
    message = np.empty(c.shape)
    high, low = (SATURATION if entry == 0 else np.inf for entry in (psi10, psi01))
    message_of(np.ascontiguousarray(c).ravel(), psi, high, low, message.reshape(-1))
    return message[()]


@contracted
def message_of(c, psi, high, low, message):  # type: ignore[no-untyped-def]
    """Write messages; where the cavity is above `high` or below -`low` they grow with it."""
    psi00, psi01, psi10, psi11 = psi[0, 0], psi[0, 1], psi[1, 0], psi[1, 1]
    for n in range(c.size):
        r = exp(within(c[n], SATURATION))
        more = (c[n] - high if c[n] > high else 0.0) + (c[n] + low if c[n] < -low else 0.0)
        message[n] = log((psi11 * r + psi01) / (psi10 * r + psi00)) + more


@fast("belief", fuses=["cavity"])
def belief(field: ArrayLike, evidence: ArrayLike, messages: MessageStack) -> FloatArray:
    """Do `module_b.belief`."""
    return logistic(cavity.readable(field, evidence, messages))


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

"""What Module A computes of a layer, each number in one pass over memory."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from tvbi_ref._validation import FloatArray
from tvbi_ref.equations import fast
from tvbi_ref.fast.elementary import log, logistic
from tvbi_ref.fast.kernel import contracted
from tvbi_ref.gamma import Gamma
from tvbi_ref.module_a import collapsed


@fast("evidence-collapsed")
def evidence_collapsed(second_moment: ArrayLike, active: Gamma, inactive: Gamma) -> FloatArray:
    """Do `module_a.evidence_collapsed`."""
    (a, b), (a_bar, b_bar) = active, inactive
    on = a * math.log(b) - math.lgamma(a) + math.lgamma(a + 0.5)
    off = a_bar * math.log(b_bar) - math.lgamma(a_bar) + math.lgamma(a_bar + 0.5)
    m = np.ascontiguousarray(second_moment, np.float64)
    l = np.empty(np.shape(second_moment))
    evidence(m.ravel(), on - off, a, b, a_bar, b_bar, l.reshape(-1))
    return l[()]


@contracted
def evidence(m, constant, a, b, a_bar, b_bar, l):  # type: ignore[no-untyped-def]
    """Write l."""
    for n in range(m.size):
        alive, dead = log(b + 0.5 * m[n]), log(b_bar + 0.5 * m[n])
        l[n] = constant + (a_bar + 0.5) * dead - (a + 0.5) * alive


@fast("support-probability")
def support_probability(log_odds: ArrayLike) -> FloatArray:
    """Do `module_a.q_support.support_probability`."""
    return logistic(log_odds)


@fast("precision-collapsed", fuses=["q-collapsed"])
def precision_collapsed(
    second_moment: ArrayLike, q_support: ArrayLike, active: Gamma, inactive: Gamma
) -> FloatArray:
    """Do `module_a.precision_collapsed`."""
    m, pi = np.asarray(second_moment, np.float64), np.asarray(q_support, np.float64)
    if m.shape != pi.shape:
        return collapsed.precision_collapsed.readable(m, pi, active, inactive)
    (a, b), (a_bar, b_bar) = active, inactive
    rho = np.empty(m.shape)
    flat_m, flat_pi = np.ascontiguousarray(m).ravel(), np.ascontiguousarray(pi).ravel()
    precision(flat_m, flat_pi, a, b, a_bar, b_bar, rho.reshape(-1))
    return rho[()]


@contracted
def precision(m, pi, a, b, a_bar, b_bar, rho):  # type: ignore[no-untyped-def]
    """Write <rho>."""
    for n in range(m.size):
        alive, dead = (a + 0.5) / (b + 0.5 * m[n]), (a_bar + 0.5) / (b_bar + 0.5 * m[n])
        rho[n] = pi[n] * alive + (1.0 - pi[n]) * dead

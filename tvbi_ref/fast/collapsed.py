"""What Module A's collapsed form computes of a layer, each number in one pass over memory."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from tvbi_ref._validation import FloatArray
from tvbi_ref.equations import fast
from tvbi_ref.fast.elementary import log
from tvbi_ref.fast.kernel import contracted
from tvbi_ref.gamma import Gamma


@fast("evidence-collapsed")
def evidence_collapsed(second_moment: ArrayLike, active: Gamma, inactive: Gamma) -> FloatArray:
    """Do `module_a.evidence_collapsed`."""
    gammas = Gamma(*active), Gamma(*inactive)
    on, off = (g.log_normalizer + math.lgamma(g.shape + 0.5) for g in gammas)
    m = np.ascontiguousarray(second_moment, np.float64)
    l = np.empty(np.shape(second_moment))
    evidence(m.ravel(), on - off, *gammas[0], *gammas[1], l.reshape(-1))
    return l[()]


@contracted
def evidence(m, constant, a, b, a_bar, b_bar, l):  # type: ignore[no-untyped-def]
    """Write l."""
    for n in range(m.size):
        alive, dead = log(b + 0.5 * m[n]), log(b_bar + 0.5 * m[n])
        l[n] = constant + (a_bar + 0.5) * dead - (a + 0.5) * alive


@fast("precision-collapsed", fuses=["q-collapsed"])
def precision_collapsed(
    second_moment: ArrayLike, q_support: ArrayLike, active: Gamma, inactive: Gamma
) -> FloatArray:
    """Do `module_a.precision_collapsed`."""
    m, pi = np.broadcast_arrays(second_moment, q_support)
    rho = np.empty(m.shape)
    flat = (np.ascontiguousarray(array, np.float64).ravel() for array in (m, pi))
    precision(*flat, *active, *inactive, rho.reshape(-1))
    return rho[()]


@contracted
def precision(m, pi, a, b, a_bar, b_bar, rho):  # type: ignore[no-untyped-def]
    """Write <rho>."""
    for n in range(m.size):
        alive, dead = (a + 0.5) / (b + 0.5 * m[n]), (a_bar + 0.5) / (b_bar + 0.5 * m[n])
        rho[n] = pi[n] * alive + (1.0 - pi[n]) * dead

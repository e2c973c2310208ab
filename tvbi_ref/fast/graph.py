r"""Sweeps over a graph in odds.

With t = e^(2J) and the full belief odds B of the sender,

    m_out = (t B + m_in) / (B + t m_in),

one division a message.
"""

from __future__ import annotations

import numpy as np

from tvbi_ref._validation import FloatArray
from tvbi_ref.equations.sockets import fast
from tvbi_ref.fast.kernel import kernel
from tvbi_ref.module_b.graph import saturation
from tvbi_ref.module_b.slots import Slots


@fast("graph", fuses=["cavity", "sum-product-ising"])
def graph_messages(
    own: FloatArray,
    odds: FloatArray,
    couplings: FloatArray,
    slots: Slots,
    sweeps: int,
    tol: float,
    damping: float,
) -> tuple[FloatArray, FloatArray]:
    """Do `module_b.graph.graph_messages` in odds."""
    C = saturation(slots, couplings)
    nodes, t = np.exp(np.clip(own, -C, C)), np.exp(2 * couplings)
    odds, sent = odds.copy(), np.empty_like(odds)
    residuals: list[float] = []
    while len(residuals) < sweeps and (not residuals or residuals[-1] > tol):
        residuals.append(sweep(nodes, odds, sent, t, slots.indptr, slots.reverse, damping))
    return odds, np.array(residuals)


@kernel
def sweep(odds, incoming, sent, t, indptr, reverse, damping):  # type: ignore[no-untyped-def]
    """Pass all messages once, as odds; return the residual.

    Nodes write what they say side by side, in the order of their own slots, and the second
    loop delivers it: to jump about when reading is cheaper than when writing.
    """
    for n in range(len(odds)):
        B = odds[n]
        for k in range(indptr[n], indptr[n + 1]):
            B *= incoming[k]
        for k in range(indptr[n], indptr[n + 1]):
            sent[k] = (t[k] * B + incoming[k]) / (B + t[k] * incoming[k])
    residual = 0.0
    keep = 1.0 - damping
    for k in range(len(incoming)):
        old = incoming[k]
        # Not old + keep * (sent - old): from e^40 to e^-40 that would round to zero.
        new = keep * sent[reverse[k]] + damping * old
        change, least = abs(new - old), min(new, old)
        if change > residual * least:  # so that only a new record costs a division
            residual = change / least
        incoming[k] = new
    return residual

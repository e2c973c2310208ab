"""Forward-backward in odds: one division a message, no exponential inside the loop."""

from __future__ import annotations

import numpy as np

from tvbi_ref._validation import FloatArray
from tvbi_ref.equations.sockets import fast
from tvbi_ref.fast.kernel import kernel

SATURATION = 600.0
"""Log-odds beyond +-600 are cut before e^x.

A transition probability is at least 1e-12, so a message is saturated to the last bit
long before that, and the cut changes nothing but the overflow.
"""


@fast("chain", fuses=["cavity", "sum-product"])
def chain_messages(evidence: FloatArray, p01: float, p10: float) -> tuple[FloatArray, FloatArray]:
    """Do `module_b.chain_messages` in odds."""
    odds = np.clip(evidence, -SATURATION, SATURATION)
    forward, backward = forward_backward(np.exp(odds, out=odds), p01, p10)
    return np.log(forward, out=forward), np.log(backward, out=backward)


@kernel
def forward_backward(odds, p01, p10):  # type: ignore[no-untyped-def]
    """Run along the rows, columns inside, so that memory is read in order."""
    n_rows, n_cols = odds.shape
    p00, p11 = 1.0 - p01, 1.0 - p10
    forward, backward = np.empty_like(odds), np.empty_like(odds)
    for j in range(n_cols):
        forward[0, j] = p01 / p10
        backward[n_rows - 1, j] = 1.0
    for i in range(n_rows - 1):
        for j in range(n_cols):
            r = odds[i, j] * forward[i, j]
            forward[i + 1, j] = (p11 * r + p01) / (p10 * r + p00)
    for i in range(n_rows - 1, 0, -1):
        for j in range(n_cols):
            r = odds[i, j] * backward[i, j]
            backward[i - 1, j] = (p11 * r + p10) / (p01 * r + p00)
    return forward, backward

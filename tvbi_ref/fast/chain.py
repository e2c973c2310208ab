"""Forward-backward in odds: one division a message, one exponential a weight."""

from __future__ import annotations

import numpy as np

from tvbi_ref._validation import FloatArray
from tvbi_ref.equations.sockets import fast
from tvbi_ref.fast.elementary import log, odds_of
from tvbi_ref.fast.kernel import apart, contracted

SATURATION = 600.0
"""Log-odds beyond +-600 are cut before e^x.

A transition probability is at least 1e-12, so a message is saturated to the last bit
long before that, and the cut changes nothing but the overflow.
"""


@fast("chain", fuses=["cavity", "sum-product"])
def chain_messages(evidence: FloatArray, p01: float, p10: float) -> tuple[FloatArray, FloatArray]:
    """Do `module_b.chain_messages` in odds."""
    return forward_backward(odds_of(evidence, SATURATION), p01, p10)


@contracted
def forward_backward(odds, p01, p10):  # type: ignore[no-untyped-def]
    """Run along the rows, columns inside, so that memory is read in order."""
    n_rows, n_cols = odds.shape
    p00, p11 = 1.0 - p01, 1.0 - p10
    forward, backward = np.empty_like(odds), np.empty_like(odds)
    forward[0], backward[n_rows - 1] = np.log(p01 / p10), 0.0
    down, up = np.full(n_cols, p01 / p10), np.ones(n_cols)
    for i in range(n_rows - 1):
        pass_on(odds[i], down, forward[i + 1], p00, p01, p10, p11)
    for i in range(n_rows - 1, 0, -1):
        pass_on(odds[i], up, backward[i - 1], p00, p10, p01, p11)
    return forward, backward


@apart
def pass_on(odds, message, log_odds, psi00, psi01, psi10, psi11):  # type: ignore[no-untyped-def]
    """Put the messages to the next row in the place of those to this one."""
    for j in range(len(odds)):
        r = odds[j] * message[j]
        message[j] = (psi11 * r + psi01) / (psi10 * r + psi00)
        log_odds[j] = log(message[j])

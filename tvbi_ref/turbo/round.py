r"""One round of the exchange on one screen: a layer of chains, the collapsed Module A.

.. code-block:: text

    Module A, old pi    logit pi_tilde = logit pi + ln Z_1(m) - ln Z_0(m)
    A -> B              l = logit pi_tilde - logit pi
    Module B            forward-backward down every column
    B -> A              the new logit pi, without l
    Module A, new pi    logit pi_tilde and <rho>, for the next w-step

`TurboVBI` runs the same round for any support prior and either form of Module A.
"""

from __future__ import annotations

from typing import NamedTuple

from scipy.special import expit

from tvbi_ref._validation import FloatArray
from tvbi_ref.gamma import Gamma
from tvbi_ref.module_a import evidence_collapsed, precision_collapsed, update_support
from tvbi_ref.module_b import chain_messages
from tvbi_ref.turbo.exchange import extrinsic


class Round(NamedTuple):
    """What a round of the exchange leaves behind, four arrays (I, J).

    Parameters
    ----------
    evidence : ndarray
        l, the message from A to B.
    prior_log_odds : ndarray
        The new logit pi, the message from B to A.
    support_log_odds : ndarray
        logit pi_tilde.
    expected_precision : ndarray
        <rho>.
    """

    evidence: FloatArray
    prior_log_odds: FloatArray
    support_log_odds: FloatArray
    expected_precision: FloatArray


def turbo_round(
    second_moment: FloatArray,
    prior_log_odds: FloatArray,
    active: Gamma,
    inactive: Gamma,
    p01: float,
    p10: float,
) -> Round:
    """Return the messages and Module A's posterior after one round of the turbo loop.

    Parameters
    ----------
    second_moment : ndarray (I, J)
        m.
    prior_log_odds : ndarray (I, J)
        logit pi, Module B's last message.
    active, inactive : Gamma
    p01, p10 : float in (0, 1)
        Of the chains down the columns.

    Notes
    -----
    Source: [turbo-loop]. Both modules are exact here, so that pi_tilde is the exact
    posterior given q(w), whatever `prior_log_odds` was: an extrinsic message carries
    nothing back to where it came from.

    Examples
    --------
    >>> import numpy as np
    >>> m, slab, spike = np.array([[0.5], [1e-4]]), Gamma(1.0, 0.02), Gamma(1.0, 2e-5)
    >>> done = turbo_round(m, np.zeros((2, 1)), slab, spike, 0.1, 0.3)
    >>> again = turbo_round(m, done.prior_log_odds, slab, spike, 0.1, 0.3)
    >>> np.allclose(again.support_log_odds, done.support_log_odds)
    True
    """
    l = evidence_collapsed(second_moment, active, inactive)
    evidence = extrinsic(update_support(prior_log_odds, l), prior_log_odds)
    forward, backward = chain_messages(evidence, p01, p10)
    pi = forward + backward
    posterior = update_support(pi, l)
    rho = precision_collapsed(second_moment, expit(posterior), active, inactive)
    return Round(evidence, pi, posterior, rho)

r"""One round of the turbo loop, for any form of Module A and any support prior.

.. code-block:: text

    Module A, old pi    (logit pi_tilde, <rho>) from m and logit pi
    A -> B              l = logit pi_tilde - logit pi
    B -> A              Module B's answer to l: the new logit pi, without l
    Module A, new pi    (logit pi_tilde, <rho>) from m and the new logit pi

The w-step comes before it and uses the last <rho>.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from tvbi_ref._repr import brief
from tvbi_ref._validation import FloatArray
from tvbi_ref.equations import equation
from tvbi_ref.turbo.exchange import extrinsic_a

ModuleA = Callable[[FloatArray, FloatArray], tuple[FloatArray, FloatArray]]
"""The rho,s-step of one layer: from (m, logit pi) to (logit pi_tilde, <rho>), all (I, J)."""

ModuleB = Callable[[FloatArray], FloatArray]
"""The support prior of one layer: from l to logit pi, which is without l; both (I, J)."""


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

    def __repr__(self) -> str:
        return brief(self)


@equation("turbo-loop")
def turbo_round(
    second_moment: FloatArray,
    prior_log_odds: FloatArray,
    module_a: ModuleA,
    module_b: ModuleB,
) -> Round:
    """Return the messages and Module A's posterior after one round of the turbo loop.

    Module A speaks, Module B answers, Module A takes the answer in. What crosses between them
    is only ever what the receiver has not said itself.

    Parameters
    ----------
    second_moment : ndarray (I, J)
        m >= 0.
    prior_log_odds : ndarray (I, J)
        logit pi, Module B's last message, finite.
    module_a : callable (m, logit pi) -> (logit pi_tilde, <rho>)
        Called twice. It may remember: mean field starts from the q(s) of the call before.
    module_b : callable (l) -> logit pi
        Called once. It may remember too: messages start from those of the round before.

    Raises
    ------
    NonFiniteError
        If l is not finite.

    Notes
    -----
    Source: [turbo-loop]. Where both modules are exact, as below, pi_tilde is the exact
    posterior given q(w), whatever `prior_log_odds` was: an extrinsic message carries nothing
    back to where it came from.

    Examples
    --------
    >>> import numpy as np
    >>> from tvbi_ref.gamma import Gamma
    >>> from tvbi_ref.module_a import collapsed_step
    >>> from tvbi_ref.module_b import ChainSupport
    >>> def module_a(m, log_odds):
    ...     q = collapsed_step(m, log_odds, Gamma(1.0, 0.02), Gamma(1.0, 2e-5))
    ...     return q.support_log_odds, q.expected_precision
    >>> def module_b(l):
    ...     return ChainSupport(0.1, 0.3).extrinsic(l).log_odds
    >>> m = np.array([[0.5], [1e-4]])
    >>> done = turbo_round(m, np.zeros((2, 1)), module_a, module_b)
    >>> again = turbo_round(m, done.prior_log_odds, module_a, module_b)
    >>> np.allclose(again.support_log_odds, done.support_log_odds)
    True
    """
    posterior, _ = module_a(second_moment, prior_log_odds)
    evidence = extrinsic_a(posterior, prior_log_odds)
    pi = module_b(evidence)
    posterior, rho = module_a(second_moment, pi)
    return Round(evidence, pi, posterior, rho)

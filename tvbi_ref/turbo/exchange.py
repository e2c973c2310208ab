"""The wire between Module A and Module B of one layer: extrinsic messages only.

Each module combines what it was told with what it knows by itself. What it sends back is
the second part alone: posterior minus incoming, in log-odds. If a module sent its whole
posterior, the other would hear its own words again and count them twice.

In the collapsed form Module A's extrinsic message is a function of q(w) alone, so that the
subtraction only undoes an addition. It is done all the same: the wire must not need to know
which form it serves, and a module that hands over its posterior is caught here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from tvbi_ref._validation import FloatArray
from tvbi_ref.errors import NonFiniteError
from tvbi_ref.module_b import SupportMessage, SupportPrior, learn


def extrinsic(posterior: ArrayLike, incoming: ArrayLike) -> FloatArray:
    """Return posterior - incoming, log-odds: what the sender has to say that is new.

    Parameters
    ----------
    posterior, incoming : array_like, one shape
        Log-odds of the sender's result and of the message that it had received.

    Raises
    ------
    NonFiniteError
        If the difference is not finite: a certainty cannot be taken back.

    Notes
    -----
    Source: [extrinsic-a].

    Examples
    --------
    >>> extrinsic([3.0, -1.0], [1.0, 1.0])
    array([ 2., -2.])
    """
    with np.errstate(invalid="ignore"):
        outgoing = np.asarray(posterior, np.float64) - np.asarray(incoming, np.float64)
    if not np.isfinite(outgoing).all():
        bad = int((~np.isfinite(outgoing)).sum())
        raise NonFiniteError(f"{bad} of {outgoing.size} extrinsic messages are not finite")
    return outgoing


@dataclass
class Exchange:
    """The messages between the two modules of one layer, and Module B's memory.

    Parameters
    ----------
    support : SupportPrior
        Module B of this layer.
    shape : (I, J)
    sweeps, tol, damping
        Module B's schedule, see `SupportPrior.extrinsic`.

    Attributes
    ----------
    evidence : ndarray (I, J)
        l, the last message from A to B.
    prior_log_odds : ndarray (I, J)
        logit pi, the last message from B to A; at the start what the field says of itself.
    message : SupportMessage
        B's whole answer, with its residuals and the state of a warm start.

    Examples
    --------
    >>> from tvbi_ref.module_b import ChainSupport
    >>> wire = Exchange(ChainSupport(0.5, 0.5), (2, 1))
    >>> wire.send_to_b(np.array([[3.0], [1.0]]))
    >>> wire.evidence.ravel(), wire.prior_log_odds.ravel()
    (array([3., 1.]), array([0., 0.]))
    """

    support: SupportPrior
    shape: tuple[int, int]
    sweeps: int = 5
    tol: float = 1e-6
    damping: float | None = None
    evidence: FloatArray = field(init=False)
    message: SupportMessage = field(init=False)

    def __post_init__(self) -> None:
        self._ask(np.zeros(self.shape), None)

    @property
    def prior_log_odds(self) -> FloatArray:
        """Logit pi, the message from B to A."""
        return self.message.log_odds

    def send_to_b(self, posterior_log_odds: FloatArray) -> None:
        """Take Module A's posterior, pass on its extrinsic part, and keep B's answer.

        Parameters
        ----------
        posterior_log_odds : ndarray (I, J)
            logit pi_tilde.
        """
        self._ask(extrinsic(posterior_log_odds, self.prior_log_odds), self.message.state)

    def learn(self) -> None:
        """Let the support prior take one step towards the last evidence, see `module_b.learn`.

        The message stays as it is; the next one is the new prior's.
        """
        self.support = learn(self.support, self.evidence)

    def _ask(self, evidence: FloatArray, state: Any) -> None:
        self.evidence = evidence
        self.message = self.support.extrinsic(
            evidence, state, sweeps=self.sweeps, tol=self.tol, damping=self.damping
        )

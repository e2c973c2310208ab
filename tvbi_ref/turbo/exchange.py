"""The wire between Module A and Module B of one layer.

Only extrinsic messages are right. Each module combines what it was told with what it knows by
itself. What it sends back is the second part alone: posterior minus incoming, in log-odds. If a
module sent its whole posterior, the other would hear its own words again and count them twice.

In the collapsed form Module A's extrinsic message is a function of q(w) alone, so that the
subtraction only undoes an addition. It is done all the same: the wire must not need to know
which form it serves, and a module that hands over its posterior is caught here. Module B's answer
is extrinsic already ([extrinsic-b]).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from tvbi_ref._repr import brief
from tvbi_ref._validation import FloatArray, border
from tvbi_ref.equations import equation
from tvbi_ref.errors import NonFiniteError
from tvbi_ref.module_b import SupportMessage, SupportPrior, learn


@equation("extrinsic-a")
def extrinsic_a(posterior: ArrayLike, incoming: ArrayLike) -> FloatArray:
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
    >>> extrinsic_a([3.0, -1.0], [1.0, 1.0])
    array([ 2., -2.])
    """
    with np.errstate(invalid="ignore"):
        outgoing = np.asarray(posterior, np.float64) - np.asarray(incoming, np.float64)
    return as_finite(outgoing, "extrinsic messages")


def as_finite(outgoing: FloatArray, what: str) -> FloatArray:
    """Return messages if all of them are finite.

    Examples
    --------
    >>> as_finite(np.array([np.inf, 1.0]), "beliefs")
    Traceback (most recent call last):
    tvbi_ref.errors.NonFiniteError: 1 of 2 beliefs are not finite
    """
    good = np.isfinite(outgoing)
    if not good.all():
        bad = outgoing.size - int(good.sum())
        raise NonFiniteError(f"{bad} of {outgoing.size} {what} are not finite")
    return outgoing


@dataclass
class Exchange:
    """Module B of one layer, with what it was asked last and what it answered.

    Parameters
    ----------
    support : SupportPrior
        Module B's prior.
    shape : (I, J)
    sweeps, tol, damping
        Module B's schedule, see `SupportPrior.extrinsic`.

    Attributes
    ----------
    evidence : ndarray (I, J)
        The last message from A to B: l, if the wire is right.
    message : SupportMessage
        B's whole answer, with its residuals and the state of a warm start.
    prior_log_odds : ndarray (I, J)
        logit pi, the last message from B to A: what B answered, if the wire is right; at the
        start what the field says of itself.

    Examples
    --------
    >>> from tvbi_ref.module_b import ChainSupport
    >>> module_b = Exchange(ChainSupport(0.5, 0.5), (2, 1))
    >>> module_b.answer(np.array([[3.0], [1.0]])).ravel()  # a chain without memory
    array([0., 0.])
    """

    support: SupportPrior
    shape: tuple[int, int]
    sweeps: int = 5
    tol: float = 1e-6
    damping: float | None = None
    evidence: FloatArray = field(init=False)
    message: SupportMessage = field(init=False)
    prior_log_odds: FloatArray = field(init=False)

    __repr__ = brief

    def __post_init__(self) -> None:
        # Before the first epoch Module B is asked without evidence: what the field says of itself.
        self.prior_log_odds = self._ask(np.zeros(self.shape), None)

    @border
    def answer(self, evidence: FloatArray) -> FloatArray:
        """Return logit pi for Module A's evidence l (I, J); the messages start where they were."""
        return self._ask(evidence, self.message.state)

    def learn(self) -> None:
        """Let the support prior take one step towards the last evidence, see `module_b.learn`.

        The message stays as it is; the next one is the new prior's.
        """
        self.support = learn(self.support, self.evidence)

    def _ask(self, evidence: FloatArray, state: Any) -> FloatArray:
        self.evidence = np.array(evidence)  # theirs may be written to
        self.message = self.support.extrinsic(
            evidence, state, sweeps=self.sweeps, tol=self.tol, damping=self.damping
        )
        handed = self.message.log_odds.view()
        handed.flags.writeable = False  # it is the record of what Module B said
        return handed

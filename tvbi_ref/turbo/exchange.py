"""The wire between Module A and Module B of one layer.

Only extrinsic messages are right. Each module combines what it was told with what it knows by
itself. What it sends back is the second part alone: posterior minus incoming, in log-odds. If a
module sent its whole posterior, the other would hear its own words again and count them twice.

In the collapsed form Module A's extrinsic message is a function of q(w) alone, so that the
subtraction only undoes an addition. It is done all the same: the wire must not need to know
which form it serves, and a module that hands over its posterior is caught here.

`WIRES` also holds what the authors' follow-up code sends instead, so that the damage can be
measured (figures/paper_vs_code.py).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from tvbi_ref._validation import FloatArray, as_choice
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
    return _finite(outgoing, "extrinsic messages")


def product_of_odds(posterior: ArrayLike, incoming: ArrayLike) -> FloatArray:
    """Return posterior + incoming, the two odds multiplied where they should be divided. Wrong.

    With posterior = incoming + l this is l + 2 incoming: the sender passes off as its own what
    it was told, twice over.

    Parameters
    ----------
    posterior, incoming : array_like, one shape
        As in `extrinsic`.

    Raises
    ------
    NonFiniteError
        If the sum is not finite.

    Notes
    -----
    Source: the follow-up code, under [extrinsic-a].

    Examples
    --------
    >>> product_of_odds([3.0, -1.0], [1.0, 1.0])
    array([4., 0.])
    """
    with np.errstate(over="ignore", invalid="ignore"):
        outgoing = np.asarray(posterior, np.float64) + np.asarray(incoming, np.float64)
    return _finite(outgoing, "products of odds")


def answer_alone(answer: ArrayLike, evidence: ArrayLike) -> FloatArray:
    """Return Module B's answer as it is: it is extrinsic already.

    Parameters
    ----------
    answer : array_like (I, J)
        logit belief - l, what Module B computes.
    evidence : array_like (I, J)
        l, not used.

    Notes
    -----
    Source: [extrinsic-b].

    Examples
    --------
    >>> answer_alone([0.5, -2.0], [3.0, 1.0])
    array([ 0.5, -2. ])
    """
    return np.asarray(answer, np.float64)


def full_belief(answer: ArrayLike, evidence: ArrayLike) -> FloatArray:
    """Return answer + evidence, Module B's whole belief. Wrong.

    Module A adds its l to what it is given, and l is in there already.

    Parameters
    ----------
    answer, evidence : array_like (I, J)
        As in `answer_alone`.

    Raises
    ------
    NonFiniteError
        If the sum is not finite.

    Notes
    -----
    Source: the follow-up code, under [extrinsic-a]; the sum is [belief].

    Examples
    --------
    >>> full_belief([0.5, -2.0], [3.0, 1.0])
    array([ 3.5, -1. ])
    """
    with np.errstate(over="ignore"):
        outgoing = np.asarray(answer, np.float64) + np.asarray(evidence, np.float64)
    return _finite(outgoing, "beliefs")


def _finite(outgoing: FloatArray, what: str) -> FloatArray:
    bad = int((~np.isfinite(outgoing)).sum())
    if bad:
        raise NonFiniteError(f"{bad} of {outgoing.size} {what} are not finite")
    return outgoing


class Wire(NamedTuple):
    """What crosses between the modules, one function a direction.

    Parameters
    ----------
    to_b : callable
        From (logit pi_tilde, logit pi) to the message l from A to B.
    to_a : callable
        From (B's extrinsic answer, l) to the message logit pi from B to A.
    """

    to_b: Callable[[FloatArray, FloatArray], FloatArray]
    to_a: Callable[[FloatArray, FloatArray], FloatArray]


WIRES = {
    "extrinsic": Wire(extrinsic, answer_alone),
    "product_of_odds": Wire(product_of_odds, answer_alone),
    "full_belief": Wire(extrinsic, full_belief),
    "product_and_belief": Wire(product_of_odds, full_belief),
}
"""The wires by name. Only "extrinsic" is right.

* "product_of_odds": Module B is told l + 2 logit pi, its own answer twice over. The answers of
  chains, grids and groups are bounded, so the messages stay bounded too.
* "full_belief": Module A ends at logit pi + 2 l, the evidence twice over. It stays bounded.
* "product_and_belief": each mistake feeds the other, and large log-odds double in every round.
  The probabilities are 0 or 1 within a few rounds and stay there; nothing clips the log-odds,
  so that after about a thousand rounds they overflow and `Exchange` raises NonFiniteError.
"""


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
    wire : str
        A name in `WIRES`; only "extrinsic" is right.

    Attributes
    ----------
    evidence : ndarray (I, J)
        The last message from A to B: l, if the wire is right.
    prior_log_odds : ndarray (I, J)
        logit pi, the last message from B to A; at the start what the field says of itself.
    message : SupportMessage
        B's whole answer, with its residuals and the state of a warm start. Its `log_odds`
        are what B computed, whatever the wire makes of them.

    Raises
    ------
    ValueError
        If there is no wire of that name.

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
    wire: str = "extrinsic"
    evidence: FloatArray = field(init=False)
    message: SupportMessage = field(init=False)

    def __post_init__(self) -> None:
        as_choice(self.wire, "wire", WIRES)
        self._ask(np.zeros(self.shape), None)

    @property
    def prior_log_odds(self) -> FloatArray:
        """Logit pi, the message from B to A."""
        return WIRES[self.wire].to_a(self.message.log_odds, self.evidence)

    def send_to_b(self, posterior_log_odds: FloatArray) -> None:
        """Take Module A's posterior, pass on what the wire makes of it, and keep B's answer.

        Parameters
        ----------
        posterior_log_odds : ndarray (I, J)
            logit pi_tilde.
        """
        outgoing = WIRES[self.wire].to_b(posterior_log_odds, self.prior_log_odds)
        self._ask(outgoing, self.message.state)

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

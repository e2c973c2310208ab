"""What every support prior is: something that turns evidence into an extrinsic message.

To write one, subclass `SupportPrior` and give it `_incoming`, `sample` and `log_prob`.
The base class checks what comes in, keeps infinities out and assembles the answer.
"""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from tvbi_ref._repr import brief
from tvbi_ref._validation import FloatArray, as_count, as_float_array, as_real
from tvbi_ref.errors import MessagesWarning, UniquenessWarning
from tvbi_ref.module_b.messages import MessageStack, belief, extrinsic_b

SWEEPS = 100
"""At most so many, where the caller has not chosen."""

RESIDUAL_THAT_MATTERS = 0.5
"""In log-odds: a belief near 1/2 then still moves by an eighth."""


@dataclass(frozen=True)
class SupportMessage:
    """Module B's answer to a layer's evidence.

    Parameters
    ----------
    log_odds : ndarray (I, J)
        logit pi, the extrinsic message to Module A ([extrinsic-b]).
    belief : ndarray (I, J), in [0, 1]
        b = P(s = 1 | all evidence) ([belief]); logit b = log_odds + evidence.
    residuals : ndarray (sweeps,)
        A bound on the largest change of a message's log-odds in each sweep; empty where one
        pass is exact.
    state : object
        The messages, to start the next call from; None where there is nothing to keep.
    tol : float
        What was asked of the residual.
    """

    log_odds: FloatArray
    belief: FloatArray
    residuals: FloatArray
    state: Any
    tol: float

    __repr__ = brief

    @property
    def residual(self) -> float:
        """The last sweep's residual, 0 where one pass is exact."""
        return float(self.residuals[-1]) if self.residuals.size else 0.0

    @property
    def converged(self) -> bool:
        """Whether the messages came to rest: the last residual is at most `tol`."""
        return self.residual <= self.tol

    @property
    def sweeps(self) -> int:
        """How many sweeps were run, 0 where one pass is exact."""
        return int(self.residuals.size)


MAX_LOG_ODDS = 1000.0
"""Of a prior's own field: the odds are certain in floats long before, and sums stay finite."""


def as_field(field: ArrayLike, name: str) -> float | FloatArray:
    """Return log-odds of a prior as a number, or as an array of its own.

    Examples
    --------
    >>> as_field([1, 2], "field")
    array([1., 2.])
    >>> as_field(1e308, "field")
    Traceback (most recent call last):
    ValueError: field must be log-odds from -1000 to 1000; got 1e+308
    """
    array = as_float_array(field, name)
    largest = array.flat[np.abs(array).argmax()]
    if abs(largest) > MAX_LOG_ODDS:
        raise ValueError(
            f"{name} must be log-odds from {-MAX_LOG_ODDS:g} to {MAX_LOG_ODDS:g}; got {largest:g}"
        )
    return array.copy() if array.ndim else float(array)


DAMPING_ABOVE_THE_BOUND = 0.5
"""What damping is where the couplings are too strong and the caller has not chosen."""


class Schedule(NamedTuple):
    """How long to pass messages, and how carefully."""

    sweeps: int
    tol: float
    damping: float


class Incoming(NamedTuple):
    """What a support prior computes: each node's field, and what the node has heard.

    Parameters
    ----------
    field : ndarray (I, J)
        h, log-odds.
    heard : sequence of ndarray (I, J)
        The messages to each node, log-odds; messages may be added up beforehand.
    residuals : ndarray (sweeps,)
        See `SupportMessage`; empty where one pass is exact.
    state : object
        For a warm start, or None.
    """

    field: FloatArray
    heard: MessageStack = ()
    residuals: FloatArray = np.empty(0)
    state: Any = None

    def __repr__(self) -> str:
        return brief(self)


class SupportPrior(ABC):
    """A prior p(S) over which weights of an (I, J) matrix are alive."""

    def extrinsic(
        self,
        evidence: ArrayLike,
        state: Any = None,
        *,
        sweeps: int | None = None,
        tol: float = 1e-8,
        damping: float | None = None,
    ) -> SupportMessage:
        """Turn Module A's evidence into Module B's extrinsic message.

        Parameters
        ----------
        evidence : array_like (I, J)
            l, log-odds, finite.
        state : object, optional
            The `state` of an earlier answer for the same shape: a warm start.
        sweeps : int, optional
            At most so many sweeps; a prior that is exact in one pass needs none. By default 100,
            and a warning if they were far from enough.
        tol : float >= 0
            Stop when the residual is at most this.
        damping : float in [0, 1), optional
            The share of the old message that is kept. It changes the way to a fixed
            point, not the fixed point. By default 0, and 0.5 where `uniqueness` is 1 or
            more.

        Returns
        -------
        SupportMessage

        Raises
        ------
        TypeError, ValueError, NonFiniteError
            If an argument is not what is asked for above.

        Warns
        -----
        MessagesWarning
            If the default number of sweeps was used up while the messages still moved by much.

        Notes
        -----
        Source: [extrinsic-b], [belief].

        Examples
        --------
        >>> from tvbi_ref.module_b import GridSupport
        >>> answer = GridSupport(-2.0, 0.2, 0.3).extrinsic([[0.0, 5.0], [0.0, 0.0]])
        >>> bool(answer.log_odds[1, 1] > -2.0)
        True
        """
        l = as_float_array(evidence, "evidence", ndim=2)
        if damping is None:
            damping = DAMPING_ABOVE_THE_BOUND if self.uniqueness >= 1 else 0.0
        schedule = Schedule(
            SWEEPS if sweeps is None else as_count(sweeps, "sweeps", at_least=1),
            as_real(tol, "tol", at_least=0),
            as_real(damping, "damping", at_least=0, below=1),
        )
        shown = l.view()
        shown.flags.writeable = False  # a prior that writes into the evidence is told so
        h, heard, residuals, state = self._checked(self._incoming(shown, state, schedule), l.shape)
        log_odds = as_float_array(extrinsic_b(h, heard), f"message of {type(self).__name__}")
        nothing_more = np.empty((0, *l.shape))  # the neighbours have their say in log_odds
        b = belief(log_odds, l, nothing_more)
        message = SupportMessage(log_odds, b, residuals, state, schedule.tol)
        if sweeps is None:
            warn_of_messages({type(self).__name__: message})
        return message

    def _checked(self, answer: Any, shape: tuple[int, ...]) -> Incoming:
        """Return what `_incoming` returned, or say what is wrong with it."""
        name = f"{type(self).__name__}._incoming"
        if not isinstance(answer, Incoming):
            raise TypeError(f"{name} must return Incoming; got {type(answer).__name__}")
        for part, arrays in (("field", [answer.field]), ("heard", answer.heard)):
            wrong = [str(np.shape(array)) for array in arrays if np.shape(array) != shape]
            if wrong:
                raise ValueError(f"{part} from {name} must have shape {shape}; got {wrong[0]}")
        if np.ndim(answer.residuals) != 1:
            raise ValueError(f"residuals from {name} must be an array (sweeps,), empty if exact")
        return answer if len(answer.heard) else answer._replace(heard=np.empty((0, *shape)))

    @abstractmethod
    def _incoming(self, evidence: FloatArray, state: Any, schedule: Schedule) -> Incoming:
        """Return field and messages for finite evidence (I, J)."""

    @abstractmethod
    def sample(self, shape: tuple[int, int], rng: np.random.Generator) -> FloatArray:
        """Draw a support of `shape`, entries 0.0 and 1.0."""

    @abstractmethod
    def log_prob(self, support: ArrayLike) -> float:
        """Return ln p(S) up to a constant that does not depend on S."""

    @property
    def uniqueness(self) -> float:
        """Below 1, message passing has one fixed point ([uniqueness]); 0 where it is exact."""
        return 0.0

    def density(self, shape: tuple[int, int]) -> float:
        """Return the mean of P(s = 1) over a layer of `shape`, before any evidence.

        Exact where message passing is; on a grid it is the Bethe approximation's.

        Examples
        --------
        >>> from tvbi_ref.module_b import ChainSupport
        >>> round(ChainSupport(0.1, 0.3).density((50, 4)), 10)
        0.25
        """
        return float(self.extrinsic(np.zeros(shape), sweeps=1000).belief.mean())

    def _warn_if_not_unique(self) -> None:
        if self.uniqueness >= 1:
            warnings.warn(
                f"{type(self).__name__}: the uniqueness value is {self.uniqueness:.3f}, and only "
                "below 1 is there surely one fixed point. The layer may switch on or off as a "
                "whole, and the answer may depend on where the messages start. Messages are "
                f"damped by {DAMPING_ABOVE_THE_BOUND} unless you say otherwise; weaker couplings "
                "are the cure",
                UniquenessWarning,
                stacklevel=4,
            )


def warn_of_messages(messages: Mapping[str, SupportMessage]) -> None:
    """Warn once of all messages that came to no rest, given by what to call them.

    Examples
    --------
    >>> warn_of_messages({})
    """
    moving = [
        f"{name} by up to {message.residual:.2g} in the last of {message.sweeps}"
        for name, message in messages.items()
        if not message.converged and message.residual > RESIDUAL_THAT_MATTERS
    ]
    if moving:
        warnings.warn(
            "message passing ran out of sweeps while log-odds still changed: "
            f"{', '.join(moving)}. More sweeps or more damping may help, weaker couplings do",
            MessagesWarning,
            stacklevel=3,
        )


def as_odds(state: Any, shape: tuple[int, ...]) -> FloatArray:
    """Return the messages of a warm start as odds; without one all are 1, nothing said.

    Examples
    --------
    >>> as_odds(None, (2,))
    array([1., 1.])
    >>> as_odds([1.0, 0.0], (2,))
    Traceback (most recent call last):
    ValueError: state must hold odds, all > 0; got 0
    """
    if state is None:
        return np.broadcast_to(1.0, shape)
    odds = as_float_array(state, "state", shape=shape)
    if odds.min() <= 0:
        raise ValueError(f"state must hold odds, all > 0; got {odds.min():g}")
    return odds


def as_support(value: ArrayLike) -> FloatArray:
    """Return a support as a float array (I, J) of zeros and ones, or say why it is none.

    Examples
    --------
    >>> as_support([[0, 2]])
    Traceback (most recent call last):
    ValueError: support must hold only 0 and 1; got 2 at (0, 1)
    """
    s = as_float_array(value, "support", ndim=2)
    wrong = (s != 0) & (s != 1)
    if wrong.any():
        i, j = (int(k) for k in np.argwhere(wrong)[0])
        raise ValueError(f"support must hold only 0 and 1; got {s[i, j]:g} at ({i}, {j})")
    return s

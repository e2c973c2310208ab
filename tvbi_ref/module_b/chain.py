"""Markov chains along the columns or the rows: clusters in one direction, solved exactly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from tvbi_ref._validation import FloatArray, border
from tvbi_ref.equations import equation
from tvbi_ref.module_b.base import Incoming, Schedule, SupportPrior, as_support
from tvbi_ref.module_b.messages import cavity, stationary, sum_product, transition_matrix


@equation("chain")
def chain_messages(evidence: FloatArray, p01: float, p10: float) -> tuple[FloatArray, FloatArray]:
    """Pass messages down each column and up again, in log-odds: forward-backward.

    Parameters
    ----------
    evidence : ndarray (I, J)
        l, log-odds; the chain runs along axis 0.
    p01, p10 : float in (0, 1)
        P(1|0) and P(0|1).

    Returns
    -------
    forward, backward : ndarray (I, J)
        What row i hears from above and from below, log-odds. The first row hears the
        stationary odds from above, the last one nothing from below.

    Notes
    -----
    Source: [chain]: [sum-product] of the [cavity] with psi(s, s') = P(s'|s); backward the roles
    of s and s' are exchanged, hence the transposed psi.

    Examples
    --------
    >>> forward, backward = chain_messages(np.zeros((3, 1)), 0.2, 0.2)
    >>> bool(np.allclose(forward, 0) and np.allclose(backward, 0))
    True
    """
    psi, n = transition_matrix(p01, p10), len(evidence)
    forward, backward = np.empty_like(evidence), np.empty_like(evidence)
    forward[0], backward[-1] = np.log(p01 / p10), 0.0
    h = np.zeros_like(evidence[0])  # no field but what the transitions say
    for i in range(n - 1):
        forward[i + 1] = sum_product(cavity(h, evidence[i], forward[[i]]), psi)
    for i in range(n - 1, 0, -1):
        backward[i - 1] = sum_product(cavity(h, evidence[i], backward[[i]]), psi.T)
    return forward, backward


@equation("prior-support-markov")
def markov_log_prob(support: ArrayLike, p01: float, p10: float) -> float:
    """Return ln p(S) of stationary chains down the columns, normalised.

    Parameters
    ----------
    support : array_like (I, J), 0 or 1
    p01, p10 : float in (0, 1)
        P(1|0) and P(0|1) from (i, j) to (i+1, j).

    Notes
    -----
    Source: [prior-support-markov].

    Examples
    --------
    >>> round(markov_log_prob([[0], [1]], 0.5, 0.5) / float(np.log(2)), 12)
    -2.0
    """
    s = as_support(support).astype(int)
    ones = stationary(p01, p10)
    step = np.log(transition_matrix(p01, p10))
    first = np.log([1 - ones, ones])[s[0]]
    return float(first.sum() + step[s[:-1], s[1:]].sum())


@dataclass(frozen=True)
class ChainSupport(SupportPrior):
    """Independent stationary two-state Markov chains along one axis. Exact.

    Parameters
    ----------
    p01 : float in (0, 1)
        P(1|0): how readily a cluster starts.
    p10 : float in (0, 1)
        P(0|1): how readily it ends; the mean cluster is 1/p10 long.
    axis : int
        0: the chains run down the columns, clusters inside a neuron's fan-in (the
        default). 1: along the rows, across neurons.

    Raises
    ------
    ValueError
        If a probability is not in (0, 1), or the axis is not 0 or 1.

    Notes
    -----
    Source: [prior-support-markov], [chain].

    Examples
    --------
    >>> chain = ChainSupport(p01=0.05, p10=0.25)
    >>> answer = chain.extrinsic([[9.0], [0.0], [-9.0]])
    >>> answer.belief.round(2).ravel()
    array([1.  , 0.44, 0.  ])
    """

    p01: float
    p10: float
    axis: int = 0

    def __post_init__(self) -> None:
        transition_matrix(self.p01, self.p10)
        if self.axis not in (0, 1):
            raise ValueError(f"axis must be 0 (down columns) or 1 (along rows); got {self.axis!r}")

    @border
    def down_columns(self, array: FloatArray) -> FloatArray:
        """Return `array` with the chains down its columns, contiguous; its own inverse."""
        return np.ascontiguousarray(array if self.axis == 0 else array.T)

    def _incoming(self, evidence: FloatArray, state: Any, schedule: Schedule) -> Incoming:
        heard = chain_messages(self.down_columns(evidence), self.p01, self.p10)
        return Incoming(np.broadcast_to(0.0, evidence.shape), [self.down_columns(m) for m in heard])

    def sample(self, shape: tuple[int, int], rng: np.random.Generator) -> FloatArray:
        """Draw a support of `shape`, exactly: the first node, then step by step.

        Examples
        --------
        >>> ChainSupport(0.1, 0.1).sample((4, 2), np.random.default_rng(0)).shape
        (4, 2)
        """
        u = self.down_columns(rng.random(shape))
        s = np.empty_like(u)
        s[0] = u[0] < stationary(self.p01, self.p10)
        for i in range(1, len(u)):
            s[i] = u[i] < np.where(s[i - 1] == 1, 1 - self.p10, self.p01)
        return self.down_columns(s)

    def log_prob(self, support: ArrayLike) -> float:
        """Return ln p(S), normalised.

        Examples
        --------
        >>> round(ChainSupport(0.5, 0.5).log_prob([[0], [1]]) / float(np.log(2)), 12)
        -2.0
        """
        return markov_log_prob(self.down_columns(as_support(support)), self.p01, self.p10)

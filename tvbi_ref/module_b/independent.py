"""Each weight on its own: the unstructured prior that the structured ones are compared with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expit

from tvbi_ref._validation import FloatArray, as_real
from tvbi_ref.module_b.base import MAX_LOG_ODDS, Incoming, Schedule, SupportPrior, as_support


@dataclass(frozen=True)
class IndependentSupport(SupportPrior):
    """Every weight is alive with the same probability, whatever the others do.

    Parameters
    ----------
    log_odds : float
        ln p/(1-p).

    Notes
    -----
    Source: [prior-support-ising] with J = 0, so that logit pi = h.

    Examples
    --------
    >>> IndependentSupport(-2.0).extrinsic([[700.0, -3.0]]).log_odds
    array([[-2., -2.]])
    """

    log_odds: float

    def __post_init__(self) -> None:
        log_odds = as_real(self.log_odds, "log_odds", at_least=-MAX_LOG_ODDS, at_most=MAX_LOG_ODDS)
        object.__setattr__(self, "log_odds", log_odds)

    def _incoming(self, evidence: FloatArray, state: Any, schedule: Schedule) -> Incoming:
        return Incoming(np.full_like(evidence, self.log_odds))

    def sample(self, shape: tuple[int, int], rng: np.random.Generator) -> FloatArray:
        """Draw a support of `shape`.

        Examples
        --------
        >>> IndependentSupport(-800.0).sample((1, 3), np.random.default_rng(0))
        array([[0., 0., 0.]])
        """
        return (rng.random(shape) < expit(self.log_odds)).astype(np.float64)

    def log_prob(self, support: ArrayLike) -> float:
        """Return ln p(S), normalised.

        Examples
        --------
        >>> round(IndependentSupport(0.0).log_prob([[0, 1]]) / float(np.log(2)), 12)
        -2.0
        """
        s = as_support(support)
        h = self.log_odds
        return float(h * s.sum() - s.size * np.logaddexp(0.0, h))

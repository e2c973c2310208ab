"""From log-odds to a probability, a function that both modules need on whole layers."""

from __future__ import annotations

from numpy.typing import ArrayLike
from scipy.special import expit

from tvbi_ref._validation import FloatArray
from tvbi_ref.equations.sockets import socket


@socket("logistic")
def logistic(log_odds: ArrayLike) -> FloatArray:
    """Return 1/(1 + e^-x), the probability of these log-odds.

    Parameters
    ----------
    log_odds : array_like, any shape
        x; +-inf is certain, a NaN stays one.

    Notes
    -----
    It is `scipy.special.expit`; in the fast form what is below 3e-308 is 0.

    Examples
    --------
    >>> float(logistic(0.0))
    0.5
    """
    return expit(log_odds)

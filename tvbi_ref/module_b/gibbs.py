"""Samples of a field that has no exact ones: Gibbs sampling, a colour at a time."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from tvbi_ref._validation import FloatArray

SWEEPS = 200


def gibbs(
    s: FloatArray,
    field: FloatArray,
    pull: Callable[[FloatArray], FloatArray],
    colours: NDArray[np.int64],
    rng: np.random.Generator,
) -> FloatArray:
    """Draw a support, 200 sweeps from the one given. Approximate: strong couplings mix slowly.

    Parameters
    ----------
    s : ndarray, any shape
        Zeros and ones.
    field : ndarray of that shape
        h, log-odds.
    pull : callable
        From a support to what the neighbours add to the log-odds of each node: the sum of 2 J x'.
    colours : ndarray of int of that shape
        0, 1, ...; nodes of one colour do not touch, so that they are drawn at once.
    rng : numpy.random.Generator

    Examples
    --------
    >>> gibbs(np.zeros(2), np.array([-800.0, 800.0]), lambda s: 0 * s, np.zeros(2, int),
    ...       np.random.default_rng(0))
    array([0., 1.])
    """
    for _ in range(SWEEPS):
        for colour in range(colours.max(initial=-1) + 1):
            p = expit(field + pull(s))
            s = np.where(colours == colour, rng.random(s.shape) < p, s)
    return s

"""What pruning, the entropy bound and the sparse forward pass must give, entry by entry."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]


def keep_mask(support_log_odds: Array) -> Mask:
    """Return which weights are at least as probably on as off.

    Parameters
    ----------
    support_log_odds : ndarray (I, J)

    Notes
    -----
    Source: [prune]. The two states weigh e^(x/2) and e^(-x/2).

    Examples
    --------
    >>> keep_mask(np.array([[-1.0, 0.0, 2.0]]))
    array([[False,  True,  True]])
    """
    keep = np.zeros(support_log_odds.shape, bool)
    for n in np.ndindex(keep.shape):
        x = support_log_odds[n]
        keep[n] = math.exp(x / 2) >= math.exp(-x / 2)
    return keep


def entropy_bound(masks: list[Mask]) -> float:
    """Return the bits to write down each layer's mask entry by entry, for each kept weight.

    An entry that has probability p costs -log2 p bits, whatever the others are.

    Parameters
    ----------
    masks : list of ndarray of bool (I, J)

    Notes
    -----
    Source: [bits].

    Examples
    --------
    >>> entropy_bound([np.array([[True, False]])])
    2.0
    """
    bits, kept = 0.0, 0
    for mask in masks:
        entries = [bool(entry) for entry in mask.ravel()]
        for entry in entries:
            bits -= math.log2(entries.count(entry) / len(entries))
            kept += entry
    return bits / kept


def clusters_of(weight: Array) -> tuple[NDArray[np.int64], ...]:
    """Return (pointers, starts, lengths) of the runs of nonzero weights down each column.

    Parameters
    ----------
    weight : ndarray (I, J)

    Examples
    --------
    >>> clusters_of(np.array([[1.0, 0.0], [2.0, 0.0], [0.0, 0.0], [3.0, 0.0]]))
    (array([0, 2, 2]), array([0, 3]), array([2, 1]))
    """
    pointers, starts, lengths = [0], list[int](), list[int]()
    for column in weight.T:
        for i, value in enumerate(column):
            if value != 0 and i > 0 and column[i - 1] != 0:
                lengths[-1] += 1
            elif value != 0:
                starts.append(i)
                lengths.append(1)
        pointers.append(len(starts))
    return np.array(pointers), np.array(starts, np.int64), np.array(lengths, np.int64)


def dense_forward(x: Array, bias: Array, weight: Array) -> Array:
    """Return y = x W + b with the zeros of W multiplied like everything else.

    Parameters
    ----------
    x : ndarray (B, I)
    bias : ndarray (J,)
    weight : ndarray (I, J)

    Notes
    -----
    Source: what [sparse-forward] must agree with.

    Examples
    --------
    >>> dense_forward(np.array([[1.0, 2.0]]), np.array([0.5]), np.array([[3.0], [4.0]]))
    array([[11.5]])
    """
    y = np.empty((len(x), len(bias)))
    for row, j in np.ndindex(y.shape):
        y[row, j] = bias[j] + math.fsum(x[row, i] * weight[i, j] for i in range(len(weight)))
    return y

r"""How regular a mask is, and how many bits it takes to say where the weights are.

A mask is read down its columns, neuron after neuron. A maximal row of kept weights inside
one column is a run; the zeros before it, counted in that reading order, are its gap.

For an unstructured mask of density p no code can beat H(p)/p bits a kept weight. If the
kept weights come in runs, naming the runs is cheaper: that is what a structured prior buys
besides the count.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tvbi_ref.compress.coding import entropy


class Runs(NamedTuple):
    """The runs of a mask in reading order."""

    gaps: NDArray[np.int64]
    lengths: NDArray[np.int64]


def as_mask(mask: ArrayLike) -> NDArray[np.bool_]:
    """Return a boolean matrix, or say why `mask` is none.

    Examples
    --------
    >>> as_mask([1, 0])
    Traceback (most recent call last):
    ValueError: mask must be a boolean (I, J) array; got int64 of shape (2,)
    """
    array = np.asarray(mask)
    if array.dtype != bool or array.ndim != 2:
        raise ValueError(
            f"mask must be a boolean (I, J) array; got {array.dtype} of shape {array.shape}"
        )
    return array


def find_runs(mask: ArrayLike) -> Runs:
    """Return every run's gap and length.

    Parameters
    ----------
    mask : array_like of bool (I, J)
        True where a weight is kept. A run ends with its column.

    Examples
    --------
    >>> find_runs(np.array([[True, False], [True, True], [False, True]]))
    Runs(gaps=array([0, 2]), lengths=array([2, 2]))
    """
    columns = as_mask(mask).T
    # One zero after each column keeps a run from going on in the next one.
    padded = np.pad(columns, ((0, 0), (0, 1))).ravel().astype(np.int8)
    edges = np.diff(padded, prepend=0)
    starts, ends = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    columns_before = starts // (columns.shape[1] + 1)
    previous = np.concatenate([[0], ends[:-1]])
    previous_columns = np.concatenate([[0], columns_before[:-1]])
    gaps = starts - previous - (columns_before - previous_columns)
    return Runs(gaps, ends - starts)


def mean_run(masks: list[Any]) -> float:
    """Return the mean run length over all layers, 0 if nothing is kept.

    Examples
    --------
    >>> mean_run([np.array([[True, False], [True, True]])])
    1.5
    """
    lengths = np.concatenate([find_runs(mask).lengths for mask in masks])
    return float(lengths.mean()) if lengths.size else 0.0


def index_bits(masks: list[Any]) -> float:
    """Return the bits a kept weight that an ideal code of gaps and run lengths needs.

    The gaps and the lengths of each layer are coded apart, each at its empirical entropy.
    For an unstructured mask they are independent and geometric, and the result tends to
    `entropy_bound`; below it, there is structure. The code tables are not charged.

    Notes
    -----
    Source: [bits].

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> mask = rng.random((1000, 200)) < 0.1
    >>> bool(abs(index_bits([mask]) / entropy_bound([mask]) - 1) < 0.01)
    True
    """
    bits, kept = 0.0, 0
    for mask in masks:
        gaps, lengths = find_runs(mask)
        if lengths.size:
            bits += lengths.size * (entropy(gaps) + entropy(lengths))
            kept += int(lengths.sum())
    return bits / kept if kept else 0.0


def entropy_bound(masks: list[Any]) -> float:
    """Return H(p)/p, the bits a kept weight of an unstructured mask, each layer with its own p.

    Notes
    -----
    Source: [bits].

    Examples
    --------
    >>> entropy_bound([np.array([[True, False]])])
    2.0
    """
    bits, kept = 0.0, 0
    for mask in (as_mask(mask) for mask in masks):
        p = mask.mean()
        if 0 < p < 1:
            bits += mask.size * float(-p * np.log2(p) - (1 - p) * np.log2(1 - p))
        kept += int(mask.sum())
    return bits / kept if kept else 0.0

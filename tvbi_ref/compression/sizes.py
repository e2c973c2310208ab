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

from tvbi_ref._repr import brief
from tvbi_ref._validation import as_array
from tvbi_ref.compression.coding import entropy
from tvbi_ref.equations import equation

IntArray = NDArray[np.int64]


class MaskRuns(NamedTuple):
    """The runs of a mask in reading order."""

    gaps: NDArray[np.int64]
    lengths: NDArray[np.int64]

    def __repr__(self) -> str:
        return brief(self)


def as_mask(mask: ArrayLike) -> NDArray[np.bool_]:
    """Return a boolean matrix, or say why `mask` is none.

    Examples
    --------
    >>> as_mask([1, 0])
    Traceback (most recent call last):
    ValueError: mask must be a boolean (I, J) array; got int64 of shape (2,)
    """
    array = as_array(mask, "mask")
    if array.dtype != bool or array.ndim != 2:
        raise ValueError(
            f"mask must be a boolean (I, J) array; got {array.dtype} of shape {array.shape}"
        )
    return array


def find_runs(mask: ArrayLike) -> MaskRuns:
    """Return every run's gap and length.

    Parameters
    ----------
    mask : array_like of bool (I, J)
        True where a weight is kept. A run ends with its column.

    Examples
    --------
    >>> find_runs(np.array([[True, False], [True, True], [False, True]]))
    MaskRuns(gaps=array([0, 2]), lengths=array([2, 2]))
    """
    kept = as_mask(mask).T
    columns, starts, lengths = column_runs(kept)
    return MaskRuns(gaps_before(columns * kept.shape[1] + starts, lengths), lengths)


def column_runs(kept: NDArray[np.bool_]) -> tuple[IntArray, IntArray, IntArray]:
    """Return neuron, start and length of every run.

    Parameters
    ----------
    kept : ndarray of bool (J, I)
        A row for each neuron.

    Examples
    --------
    >>> column_runs(np.array([[False, True, True, False, True], [False] * 5]))
    (array([0, 0]), array([1, 4]), array([2, 1]))
    """
    edges = np.diff(np.pad(kept, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    columns, starts = np.nonzero(edges == 1)
    _, ends = np.nonzero(edges == -1)
    return columns, starts, ends - starts


def gaps_before(first: IntArray, lengths: NDArray[np.integer[Any]]) -> IntArray:
    """Return how many places lie between the end of each run and the next one's beginning.

    Parameters
    ----------
    first : ndarray of int (N,)
        Where each run begins in reading order; in a type that holds sums of them.
    lengths : ndarray of int (N,)

    Examples
    --------
    >>> gaps_before(np.array([1, 4]), np.array([2, 1]))
    array([1, 1])
    """
    ends = first + lengths
    return first - np.concatenate([[0], ends[:-1]])[: first.size]


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


@equation("bits")
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

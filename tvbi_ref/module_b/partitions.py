"""Which weights of a layer form a group: columns, rows, tiles, or any labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tvbi_ref._repr import brief
from tvbi_ref._validation import as_count, as_float_array

IntArray = NDArray[np.int64]


class Partition(Protocol):
    """A division of a layer's weights into groups."""

    def labels(self, shape: tuple[int, int]) -> IntArray:
        """Return the group 0..G-1 of every weight of a layer of `shape`, (I, J)."""


@dataclass(frozen=True)
class Columns:
    """One group a column: all that flows into a neuron, its fan-in. Group j is neuron j.

    Examples
    --------
    >>> Columns().labels((2, 3))
    array([[0, 1, 2],
           [0, 1, 2]])
    """

    def labels(self, shape: tuple[int, int]) -> IntArray:
        """Return the group of every weight, (I, J)."""
        return np.broadcast_to(np.arange(shape[1]), shape)


@dataclass(frozen=True)
class Rows:
    """One group a row: all that flows out of an input, its fan-out. Group i is input i.

    Examples
    --------
    >>> Rows().labels((2, 3))
    array([[0, 0, 0],
           [1, 1, 1]])
    """

    def labels(self, shape: tuple[int, int]) -> IntArray:
        """Return the group of every weight, (I, J)."""
        return np.broadcast_to(np.arange(shape[0])[:, None], shape)


@dataclass(frozen=True)
class Tiles:
    """One group a tile of `rows` x `cols` weights, numbered line by line; ragged at the rim.

    A tile is what a piece of hardware loads at once. In a convolution's matrix, rows
    (C_in, kh) and columns (C_out, kw), tiles are also

    ====================  ==================================================
    `Tiles(kh, kw)`       a kernel: one input channel to one output channel
    `Tiles(None, kw)`     a filter: all that flows into an output channel
    `Tiles(kh, None)`     all that flows out of an input channel
    ====================  ==================================================

    Parameters
    ----------
    rows, cols : int >= 1, or None
        The height and the width of a tile; None means all there are.

    Raises
    ------
    TypeError, ValueError
        If a size is not a positive whole number.

    Examples
    --------
    >>> Tiles(2, 2).labels((3, 4))
    array([[0, 0, 1, 1],
           [0, 0, 1, 1],
           [2, 2, 3, 3]])
    >>> Tiles(None, 2).labels((3, 4))[0]
    array([0, 0, 1, 1])
    """

    rows: int | None
    cols: int | None

    def __post_init__(self) -> None:
        for name, size in (("rows", self.rows), ("cols", self.cols)):
            if size is not None:
                as_count(size, name, at_least=1)

    def labels(self, shape: tuple[int, int]) -> IntArray:
        """Return the group of every weight, (I, J)."""
        I, J = shape
        down, along = np.arange(I) // (self.rows or I), np.arange(J) // (self.cols or J)
        return down[:, None] * (along[-1] + 1) + along


@dataclass(frozen=True, eq=False)
class Labels:
    """Any groups at all, written down weight by weight.

    Parameters
    ----------
    group_of : array_like (I, J) of int
        The group of every weight; the groups are numbered 0, 1, 2, ... without a gap.

    Raises
    ------
    TypeError, ValueError
        If it is no such array, or the layer has another shape.

    Examples
    --------
    >>> diagonals = np.add.outer(np.arange(2), np.arange(3))
    >>> Labels(diagonals).labels((2, 3))
    array([[0, 1, 2],
           [1, 2, 3]])
    >>> Labels([[0, 2]])
    Traceback (most recent call last):
    ValueError: group_of must number the groups 0, 1, 2, ... without a gap; got 2 in place of 1
    """

    group_of: ArrayLike

    __repr__ = brief

    def __post_init__(self) -> None:
        as_float_array(self.group_of, "group_of", ndim=2)
        array = np.asarray(self.group_of)
        if array.dtype.kind not in "iu":
            raise TypeError(f"group_of must hold whole numbers; got dtype {array.dtype}")
        for k, number in enumerate(np.unique(array)):
            if number != k:
                raise ValueError(
                    "group_of must number the groups 0, 1, 2, ... without a gap; "
                    f"got {number} in place of {k}"
                )
        array = array.astype(np.int64)  # a copy
        array.setflags(write=False)
        object.__setattr__(self, "group_of", array)

    def labels(self, shape: tuple[int, int]) -> IntArray:
        """Return the group of every weight, (I, J)."""
        array = np.asarray(self.group_of)
        if array.shape != shape:
            raise ValueError(f"group_of must have the layer's shape {shape}; got {array.shape}")
        return array

"""What all formats have in common: one weight matrix in, its arrays and its sizes out."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tvbi_ref._validation import FloatArray, as_array, as_count, as_float_array, border_of_layer
from tvbi_ref.compression.coding import total_size
from tvbi_ref.compression.forward import WeightRuns, sparse_product

IntArray = NDArray[np.integer[Any]]
Shape = tuple[int, int]

MOST_PLACES = 2**32 - 1
"""A file that tells of a larger matrix is not believed; it may ask for all the memory there is."""

FEW_PLACES, PLACES_A_VALUE = 2**22, 2**12
"""Nor is one of more than so many places and, for each value that is stored, so many more: of what
training could hold, and `shrink` has left, nothing is that sparse."""


@dataclass(frozen=True)
class Coded:
    """The size in bits of a format whose streams of whole numbers are Huffman coded.

    Parameters
    ----------
    index : int
        The codewords of the positions.
    values : int
        The values as they are stored, zeros among them included.
    tables : int
        The tables by which the codewords are read.
    """

    index: int
    values: int
    tables: int

    @property
    def total(self) -> int:
        """All of it."""
        return self.index + self.values + self.tables


@dataclass(frozen=True, eq=False)
class Format(ABC):
    """One weight matrix (I, J), rows inputs and columns neurons, in fewer numbers.

    A weight is kept iff it is not zero. Weights are read down the columns, neuron after neuron,
    as `tvbi_ref.compression.find_runs` does. Make one with `from_dense` or, from the arrays of
    another, with `from_arrays`, which checks them; the constructor itself checks nothing.

    Parameters
    ----------
    shape : (I, J)
    values : ndarray of float32 or float64
        The kept weights, and what zeros the format stores among them.
    """

    shape: Shape
    values: FloatArray

    @classmethod
    @abstractmethod
    def from_dense(cls, weights: ArrayLike) -> Self:
        """Return the matrix in this format.

        Parameters
        ----------
        weights : array_like (I, J)
            float32 or float64, which the format keeps; whole numbers become float64.

        Raises
        ------
        TypeError
            If it is of another type.
        ValueError
            If it is no matrix, or an entry is not finite.
        """

    @abstractmethod
    def places(self) -> NDArray[np.int64]:
        """Return where each stored value stands in reading order: I column + row."""

    @abstractmethod
    def streams(self) -> dict[str, NDArray[np.int64]]:
        """Return the streams of whole numbers that an entropy coder would write.

        They say where the weights are just as the arrays do, but relative to the weight or the
        cluster before, in reading order and across neurons, so that they repeat themselves and
        no pointers are needed.
        """

    def to_dense(self) -> FloatArray:
        """Return the matrix (I, J) again, exactly equal."""
        I, J = self.shape
        flat = np.zeros(J * I, dtype=self.dtype)
        flat[self.places()] = self.values
        return np.ascontiguousarray(flat.reshape(J, I).T)

    def runs(self) -> WeightRuns:
        """Return the stored weights as runs, those without a run of their own one by one."""
        columns, starts = np.divmod(self.places(), max(self.shape[0], 1))
        pointers = count_pointers(columns, self.shape[1]).astype(np.int64)
        return WeightRuns(pointers, starts, np.ones_like(starts), self.values)

    def _written_again(self, dense: FloatArray) -> Self:
        """Return the matrix as this format writes it, with the choices that were made here."""
        return self.from_dense(dense)

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, ArrayLike], shape: Iterable[int]) -> Self:
        """Return the format whose `arrays` these are.

        Parameters
        ----------
        arrays : mapping of array_like
            Whole numbers may be of any integer type.
        shape : (I, J)

        Raises
        ------
        TypeError
            If the shape is not of whole numbers.
        ValueError
            If this format writes no matrix of that shape so: they are read, written again, and
            compared.
        """
        names = [field.name for field in fields(cls)][1:]  # the first is the shape
        if set(arrays) != set(names):
            raise ValueError(
                f"arrays must be {', '.join(names)}; got {', '.join(map(str, arrays)) or 'none'}"
            )
        given = {name: np.asarray(arrays[name]) for name in names}
        sides = as_shape(shape)
        most = FEW_PLACES + PLACES_A_VALUE * given["values"].size
        if math.prod(sides) > most:
            raise ValueError(f"shape must have at most {most} places for its values; got {sides}")
        try:
            numbers: dict[str, Any] = {name: smallest(given[name]) for name in names[1:]}
            made = cls(sides, given["values"], **numbers)
            dense = as_weights(made.to_dense())
            again = made._written_again(dense)
        except (IndexError, TypeError, ValueError) as error:
            raise ValueError(f"arrays must tell of one matrix {sides}: {error}") from error
        for name, expected in again.arrays().items():
            require_equal(given[name], expected, name)
        if made.kept != np.count_nonzero(dense):
            raise ValueError("values must have a place each; got several for one place")
        return again

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return what is stored: with the shape, all that `from_arrays` needs."""
        return {field.name: getattr(self, field.name) for field in fields(self)[1:]}

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the weights."""
        return self.values.dtype

    @property
    def kept(self) -> int:
        """How many weights are not zero."""
        return int(np.count_nonzero(self.values))

    @property
    def nbytes(self) -> int:
        """The bytes of all arrays: values and positions."""
        return sum(array.nbytes for array in self.arrays().values())

    @property
    def index_bits(self) -> float:
        """Bits of positions for each kept weight, 0 if none is kept.

        Zeros that are stored among the values are not in it: all those of a dense matrix, the
        fillers of `Gap` and `Blocks`. `overhead_bits` counts them.
        """
        return 8 * (self.nbytes - self.values.nbytes) / self.kept if self.kept else 0.0

    @property
    def overhead_bits(self) -> float:
        """Bits beyond its value for each kept weight: positions and stored zeros."""
        kept_bytes = self.kept * self.dtype.itemsize
        return 8 * (self.nbytes - kept_bytes) / self.kept if self.kept else 0.0

    def coded_bits(self) -> Coded:
        """Return the size if every stream of whole numbers is Huffman coded, tables included.

        Notes
        -----
        Source: [bits].
        """
        index, tables = total_size(self.streams().values())
        return Coded(index, 8 * self.values.nbytes, tables)

    @border_of_layer
    def forward(self, x: ArrayLike, bias: ArrayLike | None = None) -> FloatArray:
        """Return x @ W + bias without making W.

        Parameters
        ----------
        x : array_like (B, I)
        bias : array_like (J,), optional

        Returns
        -------
        ndarray (B, J)

        Raises
        ------
        ValueError
            If a shape does not fit.

        Notes
        -----
        Source: [sparse-forward].
        """
        J, x = self.shape[1], np.asarray(x)
        self.require_inputs(x)
        bias = np.zeros(J, self.dtype) if bias is None else np.asarray(bias)
        if bias.shape != (J,):
            raise ValueError(f"bias must have shape ({J},); got {bias.shape}")
        dtype = np.result_type(x, bias, self.dtype)
        return self._product(x.astype(dtype, copy=False), bias.astype(dtype, copy=False))

    def require_inputs(self, x: NDArray[Any]) -> None:
        """Raise ValueError unless x is (B, I)."""
        if x.ndim != 2 or x.shape[1] != self.shape[0]:
            raise ValueError(f"x must have shape (B, {self.shape[0]}); got {x.shape}")

    def _product(self, x: FloatArray, bias: FloatArray) -> FloatArray:
        """Return x @ W + bias."""
        return sparse_product(self.stored_runs, x, bias)

    @cached_property
    def stored_runs(self) -> WeightRuns:
        """The runs, made once: a fast form prepares them once, too."""
        return self.runs()


def as_weights(weights: ArrayLike) -> FloatArray:
    """Return a matrix of float32 or float64, or say why `weights` is none.

    Examples
    --------
    >>> as_weights([[1, 0]])
    array([[1., 0.]])
    >>> as_weights(np.ones((2, 2), dtype=np.float16))
    Traceback (most recent call last):
    TypeError: weights must be float32 or float64; got float16
    """
    array = as_array(weights, "weights")
    # A layer of which nothing is left may have no row or no column.
    if array.ndim != 2 or array.size:
        array = as_float_array(array, "weights", ndim=2, dtype=None)
    if array.dtype not in (np.float32, np.float64):
        raise TypeError(f"weights must be float32 or float64; got {array.dtype}")
    return array


def as_shape(shape: Iterable[int]) -> Shape:
    """Return (I, J) as two ints.

    Examples
    --------
    >>> as_shape([3, -1])
    Traceback (most recent call last):
    ValueError: shape[1] must be a whole number >= 0; got -1
    """
    sides = tuple(as_count(side, f"shape[{k}]") for k, side in enumerate(shape))
    if len(sides) != 2 or sides[0] * sides[1] > MOST_PLACES:
        raise ValueError(f"shape must be (I, J), up to {MOST_PLACES} places; got {sides}")
    return sides[0], sides[1]


def smallest(numbers: NDArray[Any]) -> NDArray[Any]:
    """Return whole numbers >= 0 in the smallest unsigned type that holds them.

    Examples
    --------
    >>> smallest(np.array([3, 256])).dtype
    dtype('uint16')
    """
    return numbers.astype(np.min_scalar_type(numbers.max(initial=0)))


def require_equal(array: NDArray[Any], expected: NDArray[Any], name: str) -> None:
    """Raise an error that names the first entry of an array that is not the expected one.

    Examples
    --------
    >>> require_equal(np.array([0, 3]), np.array([0, 2]), "rows")
    Traceback (most recent call last):
    ValueError: rows must be 2 at position 1; got 3
    """
    if array.shape != expected.shape:
        raise ValueError(f"{name} must have shape {expected.shape}; got {array.shape}")
    for place in np.argwhere(array != expected)[:1].tolist():
        k, at = tuple(place), ", ".join(map(str, place))
        raise ValueError(f"{name} must be {expected[k]} at position {at}; got {array[k]}")


def count_pointers(columns: IntArray, J: int) -> IntArray:
    """Return where each neuron's items begin, for items sorted by neuron, and their number.

    Examples
    --------
    >>> count_pointers(np.array([0, 0, 2]), 3)
    array([0, 2, 2, 3], dtype=uint8)
    """
    counts = np.bincount(columns, minlength=J)
    return smallest(np.concatenate([[0], np.cumsum(counts)]))


def owners(pointers: IntArray, items: int) -> NDArray[np.int64]:
    """Return the neuron of each item, the inverse of `count_pointers`.

    Examples
    --------
    >>> owners(np.array([0, 2, 2, 3]), 3)
    array([0, 0, 2])
    """
    ends = pointers.astype(np.int64)
    if ends[-1] != items:  # see `count_up`
        raise ValueError(f"pointers must end at {items}; got {ends[-1]}")
    return np.repeat(np.arange(ends.size - 1), ends[1:] - ends[:-1])


def count_up(lengths: NDArray[np.int64], total: int) -> NDArray[np.int64]:
    """Return 0, 1, ..., n - 1 for every length n, one after the other, `total` numbers in all.

    Examples
    --------
    >>> count_up(np.array([3, 1, 2]), 6)
    array([0, 1, 2, 0, 0, 1])
    """
    if lengths.sum() != total:  # before a damaged length asks for all the memory there is
        raise ValueError(f"lengths must add up to {total}; got {lengths.sum()}")
    return np.arange(total) - np.repeat(np.cumsum(lengths) - lengths, lengths)

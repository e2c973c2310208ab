"""What whole numbers would cost in Huffman's code, tables included: Deep Compression's size.

A stream of positions, or of names of shared values, is counted in a `HuffmanCode` (D. A. Huffman,
Proc. IRE 40, 1952), as Deep Compression does. Files are written by another coder, `arithmetic`. The
code is canonical: codewords of equal length are consecutive numbers, so that the lengths say all.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tvbi_ref._repr import brief
from tvbi_ref._validation import as_array, border

TABLE_HEADER_BITS = 32 + 8 + 8
"""How many numbers follow, how many bits a symbol of the table has, how long a codeword gets."""

COUNT_BITS = 16
"""Of each entry of the table that says how many codewords have length 1, 2, ..."""

WHICH_CODE_BITS = 1
"""To say which of the two codes a stream is written in."""


def entropy(stream: ArrayLike) -> float:
    """Return the empirical entropy of a stream, in bits a symbol.

    Parameters
    ----------
    stream : array_like of int (n,)

    Returns
    -------
    float
        0 for an empty stream.

    Raises
    ------
    ValueError
        If it is no list of whole numbers.

    Examples
    --------
    >>> entropy([7, 7, 1, 2])
    1.5
    """
    _, counts = np.unique(_as_stream(stream), return_counts=True)
    p = counts / counts.sum()
    return float((p * np.log2(1 / p)).sum())


def code_lengths(counts: ArrayLike) -> NDArray[np.int64]:
    """Return how many bits Huffman's code gives to each symbol.

    The two rarest nodes are joined under a new one, again and again, until one is left: the root
    of a tree. A symbol's codeword has a bit for each step from the root to its leaf. No code that
    can be read without separators has a smaller mean length, and this one is less than a bit
    above the entropy.

    Parameters
    ----------
    counts : array_like of int (n,)
        How often each symbol comes, at least once.

    Returns
    -------
    ndarray of int (n,)
        A symbol that is alone needs no bit at all: its length is 0.

    Raises
    ------
    ValueError
        If there is no symbol, or a count is not a whole number >= 1.

    Examples
    --------
    >>> code_lengths([1, 1, 2, 4])
    array([3, 3, 2, 1])
    """
    counts = _as_stream(counts, "counts")
    if counts.size == 0 or counts.min() < 1:
        raise ValueError(f"counts must be one or more whole numbers >= 1; got {counts}")
    n, lengths = counts.size, np.zeros(counts.size, dtype=np.int64)
    # Where counts are equal the older node comes first: the same code on every machine.
    heap = [(count, node, [node]) for node, count in enumerate(counts.tolist())]
    heapq.heapify(heap)
    for node in range(n, 2 * n - 1):
        (rarest, _, a), (rare, _, b) = heapq.heappop(heap), heapq.heappop(heap)
        lengths[a + b] += 1  # their leaves are a step farther from the root
        heapq.heappush(heap, (rarest + rare, node, a + b))
    return lengths


@dataclass(frozen=True, eq=False)
class HuffmanCode:
    """A canonical Huffman code: the symbols, and how long their codewords are.

    `for_stream` makes the best one for a stream; the constructor takes what a table says.

    Parameters
    ----------
    symbols : ndarray of int (n,)
        Short codewords first, and where they are equally long the smaller symbol first.
    lengths : ndarray of int (n,)
        The lengths of their codewords, which never decrease.

    Examples
    --------
    >>> stream = np.array([3, 0, 0, 1, 0, 0, 3, 0])
    >>> code = HuffmanCode.for_stream(stream)
    >>> code.symbols, code.lengths
    (array([0, 1, 3]), array([1, 2, 2]))
    >>> code.encoded_bits(stream), code.table_bits
    (11, 86)
    """

    symbols: NDArray[np.int64]
    lengths: NDArray[np.int64]

    __repr__ = brief

    @classmethod
    def for_stream(cls, stream: ArrayLike) -> HuffmanCode:
        """Return the code with the shortest encoding of a stream.

        Parameters
        ----------
        stream : array_like of int (n,)
            An empty one gives a code without symbols.
        """
        symbols, counts = np.unique(_as_stream(stream), return_counts=True)
        lengths = code_lengths(counts) if counts.size else counts
        order = np.lexsort((symbols, lengths))
        return cls(symbols[order], lengths[order])

    @property
    def table_bits(self) -> int:
        """Bits of the table as JPEG stores it: how many codewords of each length, the symbols."""
        if self.symbols.size == 0:
            return TABLE_HEADER_BITS
        symbol_bits = int(self.symbols.max()).bit_length()
        longest = int(self.lengths[-1])
        return TABLE_HEADER_BITS + COUNT_BITS * longest + symbol_bits * self.symbols.size

    def encoded_bits(self, stream: ArrayLike) -> int:
        """Return how many bits the codewords of a stream have; the table is not counted.

        Raises
        ------
        ValueError
            If a symbol has no codeword.
        """
        return int(self.lengths[self._places(_as_stream(stream))].sum())

    def _places(self, stream: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return where in the code each symbol of a stream stands."""
        place = {symbol: k for k, symbol in enumerate(self.symbols.tolist())}
        found = [place.get(symbol, -1) for symbol in stream.tolist()]
        if -1 in found:
            raise ValueError(
                f"stream must hold symbols of the code; got {stream[found.index(-1)]} "
                f"at position {found.index(-1)}"
            )
        return np.array(found, dtype=np.int64)


class Magnitudes(NamedTuple):
    """Numbers n as the bit length of n + 1, and what its bits below the highest one say."""

    classes: NDArray[np.int64]
    rests: NDArray[np.int64]

    def __repr__(self) -> str:
        return brief(self)


def magnitudes(numbers: ArrayLike) -> Magnitudes:
    """Return numbers as their size in bits, which few symbols name, and the rest.

    A number n of class c is n = 2^c + rest - 1, and its rest has c bits.

    Parameters
    ----------
    numbers : array_like of int (n,)
        Below 2^53.

    Examples
    --------
    >>> magnitudes([0, 1, 2, 3, 1000])
    Magnitudes(classes=array([0, 1, 1, 2, 9]), rests=array([  0,   0,   1,   0, 489]))
    """
    successors = _as_stream(numbers, "numbers") + 1
    classes = np.frexp(successors)[1].astype(np.int64) - 1
    return Magnitudes(classes, successors - (1 << classes))


class StreamSize(NamedTuple):
    """What coded streams cost in bits: the codewords, and the tables to read them."""

    codewords: int
    tables: int


def stream_size(stream: ArrayLike) -> StreamSize:
    """Return the size of one stream in the cheaper of two Huffman codes.

    Either every number has a codeword, or only its class has one (see `magnitudes`) and the rest
    follows as it is. The second code, that of JPEG and DEFLATE, has a table of a few symbols: it
    wins where a stream has many different numbers, each of which comes once or twice.

    Parameters
    ----------
    stream : array_like of int (n,)

    Raises
    ------
    ValueError
        If it is no row of whole numbers >= 0.

    Examples
    --------
    >>> stream_size([5, 5, 5, 1])  # four codewords of one bit
    StreamSize(codewords=4, tables=71)
    >>> stream_size(np.arange(100))  # a hundred different ones need a table of 861 bits
    StreamSize(codewords=699, tables=166)
    """
    numbers = _as_stream(stream)
    classes = magnitudes(numbers).classes
    whole, short = (HuffmanCode.for_stream(each) for each in (numbers, classes))
    sizes = [
        StreamSize(whole.encoded_bits(numbers), WHICH_CODE_BITS + whole.table_bits),
        StreamSize(
            short.encoded_bits(classes) + int(classes.sum()), WHICH_CODE_BITS + short.table_bits
        ),
    ]
    return min(sizes, key=sum)


def list_size(numbers: ArrayLike) -> StreamSize:
    """Return the size of a list of increasing numbers, coded as the gaps between them.

    Parameters
    ----------
    numbers : array_like of int (n,)

    Raises
    ------
    ValueError
        If they do not increase.

    Examples
    --------
    >>> list_size([0, 1, 2, 7]) == stream_size([0, 0, 0, 4])
    True
    """
    gaps = np.diff(_as_stream(numbers, "numbers"), prepend=-1) - 1
    if gaps.size and gaps.min() < 0:
        raise ValueError(f"numbers must increase; position {np.argmin(gaps)} does not")
    return stream_size(gaps)


def total_size(streams: Iterable[ArrayLike]) -> StreamSize:
    """Return the size of streams together, each in a code of its own.

    Examples
    --------
    >>> total_size([[5, 5, 5, 1], [0, 0]])
    StreamSize(codewords=4, tables=120)
    """
    sizes = [stream_size(stream) for stream in streams]
    return StreamSize(sum(s.codewords for s in sizes), sum(s.tables for s in sizes))


def pack(numbers: ArrayLike, width: int) -> NDArray[np.uint8]:
    """Return numbers from 0 to 2^width - 1 in `width` bits each, eight bits a byte.

    Parameters
    ----------
    numbers : array_like of int (n,)
    width : int from 1 to 63

    Returns
    -------
    ndarray of uint8 (ceil(n width / 8),)
        The highest bit of a number first; the last byte is filled up with zeros.

    Raises
    ------
    ValueError
        If a number does not fit.

    Examples
    --------
    >>> np.unpackbits(pack([1, 6], 3))
    array([0, 0, 1, 1, 1, 0, 0, 0], dtype=uint8)
    """
    numbers = _as_stream(numbers, "numbers")
    if numbers.size and int(numbers.max()).bit_length() > width:
        raise ValueError(f"numbers must fit in {width} bits; got {numbers.max()}")
    bits = numbers[:, None] >> np.arange(width)[::-1] & 1
    return np.packbits(bits.astype(np.uint8))


@border
def unpack(packed: NDArray[np.uint8], width: int, count: int) -> NDArray[np.int64]:
    """Return the `count` numbers that `pack` wrote.

    Raises
    ------
    ValueError
        If `packed` has not the length that so many numbers need.

    Examples
    --------
    >>> unpack(pack([1, 6], 3), 3, 2)
    array([1, 6])
    """
    if packed.size != -(-count * width // 8):
        raise ValueError(f"packed must have {-(-count * width // 8)} bytes; got {packed.size}")
    bits = np.unpackbits(packed, count=count * width).reshape(count, width)
    return bits @ (1 << np.arange(width, dtype=np.int64)[::-1])


def _as_stream(value: ArrayLike, name: str = "stream") -> NDArray[np.int64]:
    """Return whole numbers >= 0 in a row, or say why `value` is none."""
    array = as_array(value, name)
    if array.ndim == 1 and array.size == 0:
        return np.empty(0, dtype=np.int64)
    if array.ndim != 1 or array.dtype.kind not in "iu" or array.min() < 0:
        raise ValueError(
            f"{name} must be a row of whole numbers >= 0; got {array.dtype} of shape {array.shape}"
            + (f", the smallest {array.min()}" if array.dtype.kind in "iu" and array.size else "")
        )
    return array.astype(np.int64)

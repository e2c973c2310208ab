r"""An adaptive binary arithmetic coder: a file without a table, at a fraction of a bit a choice.

A message is a row of choices between 0 and 1. The coder keeps an interval and gives each choice a
part of it, as wide as that choice is probable; any number in the last interval tells all of them,
and it takes -log2 of its width to write one down, the sum of -log2 p over the choices. No choice
costs a whole bit unless it is worth one, where Huffman's code pays at least one for each symbol.

What is probable is learned on the way. Choices are counted by *context*, whatever sender and
receiver both know of the place: after n0 zeros and n1 ones in a context,

.. code-block:: text

    p(1) = (n1 + 1/2) / (n0 + n1 + 1)            (R. Krichevsky, V. Trofimov, 1981)

the posterior mean under a Beta(1/2, 1/2) prior. The receiver counts along, so that nothing has to
be sent beforehand; learning a context costs about half a log2 n bits.

`Encoder` and `Decoder` have the same methods. What is written by one function is read by the same
function: an encoder takes the number and returns it, a decoder looks at no number and returns what
stands in the file. All arithmetic is on whole numbers, the same on every machine and in every
language. I. Witten, R. Neal, J. Cleary, "Arithmetic coding for data compression" (CACM 30, 1987),
in the bytewise form of G. Martin's range coder (1979).
"""

from __future__ import annotations

import struct
from abc import ABC, abstractmethod
from collections.abc import Hashable

TOP, BOTTOM = 2**32, 2**24
"""The width of the interval is below TOP; below BOTTOM a byte is settled, and it is widened."""

MOST_COUNTED = 2**15
"""Beyond it a context halves its counts: a part of the interval must never be empty."""


class Coder(ABC):
    """What `Encoder` and `Decoder` share: numbers, as choices between 0 and 1."""

    def __init__(self) -> None:
        self.counts: dict[Hashable, list[int]] = {}

    @abstractmethod
    def _choose(self, bit: int, ones: int, of: int) -> int:
        """Narrow the interval to that of the bit, whose probability to be 1 is ones/of."""

    def bit(self, context: Hashable, bit: int = 0) -> int:
        """Code one choice.

        Parameters
        ----------
        context : hashable
            What both sides know, and learn the probability by.
        bit : 0 or 1
            Of no consequence to a decoder, here and below.
        """
        counts = self.counts.setdefault(context, [1, 1])
        bit = self._choose(bit, counts[1], counts[0] + counts[1])
        counts[bit] += 2  # in halves
        if counts[0] + counts[1] > MOST_COUNTED:
            counts[:] = (counts[0] + 1) // 2, (counts[1] + 1) // 2
        return bit

    def raw(self, size: int, number: int = 0) -> int:
        """Code a number of `size` bits, highest first, of which nothing is known."""
        return sum(self._choose(number >> k & 1, 1, 2) << k for k in range(size)[::-1])

    def natural(self, context: Hashable, number: int = 0) -> int:
        """Code a number n >= 0: how many bits n + 1 has, then the bits below the highest.

        P. Elias, "Universal codeword sets" (1975), made adaptive: the size and the highest two bits
        below it are learned.
        """
        number, size = number + 1, 0
        while self.bit((context, size), int(number >> size > 1)):
            size += 1
        learned, word = min(size, 2), 1
        for k in range(size)[: -learned - 1 : -1]:
            word = 2 * word + self.bit((context, size, word), number >> k & 1)
        low = size - learned
        return (word << low) + self.raw(low, number) - 1

    def integer(self, context: Hashable, number: int = 0) -> int:
        """Code a number with a sign."""
        size = self.natural(context, abs(number))
        return -size if size and self.bit((context, "sign"), int(number < 0)) else size

    def real(self, number: float = 0.0) -> float:
        """Code a float64 as its 64 bits."""
        (bits,) = struct.unpack(">Q", struct.pack(">d", number))
        return float(struct.unpack(">d", struct.pack(">Q", self.raw(64, bits)))[0])


class Encoder(Coder):
    """Write choices to bytes.

    Examples
    --------
    >>> encoder = Encoder()
    >>> for bit in [0] * 999 + [1]:
    ...     _ = encoder.bit("alive", bit)
    >>> len(encoder.finish())  # which of a thousand is the 1: ten bits, and some for learning
    3
    """

    def __init__(self) -> None:
        super().__init__()
        self._low, self._width, self._bytes = 0, TOP - 1, bytearray()

    def _choose(self, bit: int, ones: int, of: int) -> int:
        part = self._width * ones // of
        if bit:
            self._width = part
        else:
            self._low += part
            self._width -= part
        while self._width < BOTTOM:
            self._settle()
        return bit

    def _settle(self) -> None:
        """Write the highest byte, and widen the interval by 256."""
        self._carry()
        self._bytes.append(self._low >> 24)
        self._low, self._width = (self._low & BOTTOM - 1) << 8, self._width << 8

    def _carry(self) -> None:
        """Where the low end has grown beyond its 32 bits, add one to what is written already."""
        if self._low >= TOP:
            k = len(self._bytes) - 1
            while self._bytes[k] == 255:
                self._bytes[k] = 0
                k -= 1
            self._bytes[k] += 1
            self._low -= TOP

    def finish(self) -> bytes:
        """Return everything, as short as a number in the interval can be written."""
        for zeros in range(32, -1, -8):  # the highest number in it that ends in so many
            number = self._low + self._width - 1 >> zeros << zeros
            if number >= self._low:
                break
        self._low, self._width = number, 1
        self._carry()
        return bytes(self._bytes) + self._low.to_bytes(4).rstrip(b"\0")


class Decoder(Coder):
    """Read choices from what `Encoder.finish` returned.

    Parameters
    ----------
    data : bytes

    Examples
    --------
    >>> encoder = Encoder()
    >>> encoder.integer("n", -300), encoder.real(0.1)
    (-300, 0.1)
    >>> decoder = Decoder(encoder.finish())
    >>> decoder.integer("n"), decoder.real()
    (-300, 0.1)
    """

    def __init__(self, data: bytes) -> None:
        super().__init__()
        self._data, self._read, self._width = data, 0, TOP - 1
        self._above = 0  # of the number in the file, how far it is above the interval's low end
        for _ in range(4):
            self._next()

    def _next(self) -> None:
        if self._read >= len(self._data) + 4:
            raise ValueError(f"the code must not end after {len(self._data)} bytes")
        byte = self._data[self._read] if self._read < len(self._data) else 0
        self._above, self._read = self._above << 8 | byte, self._read + 1

    def _choose(self, bit: int, ones: int, of: int) -> int:
        part = self._width * ones // of
        bit = int(self._above < part)
        if bit:
            self._width = part
        else:
            self._above -= part
            self._width -= part
        while self._width < BOTTOM:
            self._width <<= 8
            self._next()
        return bit

    def finish(self) -> None:
        """Raise ValueError unless that was all of the data.

        Examples
        --------
        >>> Decoder(b"more than nothing").finish()
        Traceback (most recent call last):
        ValueError: the code must end after 4 bytes or before, not with a zero; got 17
        """
        last = self._data[self._read - 4 :]
        if len(last) > 4 or last.endswith(b"\0"):
            raise ValueError(
                f"the code must end after {self._read} bytes or before, not with a zero; "
                f"got {len(self._data)}"
            )

"""How a Numba kernel is declared: next to its readable twin, on one list.

A kernel is a fast loop. Its twin is the same function in plain NumPy, written to
be read. Both take the same arguments and give the same result, and the tests walk
through `TWINS` to see that they do.

Compilation is lazy: importing the package compiles nothing, and the first call of
a kernel compiles it for the types that came and stores the machine code on disk.
Set ``NUMBA_DISABLE_JIT=1`` to run the same loops in plain Python under a debugger.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar, cast

import numba

Function = TypeVar("Function", bound=Callable[..., Any])


class Pair(NamedTuple):
    """A kernel and the readable function it must agree with."""

    kernel: Callable[..., Any]
    twin: Callable[..., Any]


TWINS: dict[str, Pair] = {}
"""Every kernel of the package with its twin, by the kernel's name."""


def kernel(*, twin: Callable[..., Any]) -> Callable[[Function], Function]:
    """Declare a Numba kernel and name its readable twin.

    No ``fastmath``: message passing needs infinities and signs of zero to mean what
    IEEE 754 says. No ``parallel``: it cannot be combined safely with the disk cache.

    Parameters
    ----------
    twin : callable
        The same computation in NumPy, with the same signature.

    Examples
    --------
    >>> from tvbi_ref.module_b import chain
    >>> TWINS["chain_odds"].twin is chain.chain_odds_numpy
    True
    """

    def declare(function: Function) -> Function:
        compiled: Any = numba.njit(cache=True, nogil=True, error_model="numpy")(function)
        TWINS[function.__name__] = Pair(compiled, twin)
        return cast(Function, compiled)

    return declare

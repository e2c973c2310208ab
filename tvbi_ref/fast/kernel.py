"""How a loop is compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

Function = TypeVar("Function", bound=Callable[..., Any])


def kernel(function: Function) -> Function:
    """Compile a loop with Numba, on its first call for the types that come, and keep it on disk.

    No ``fastmath``: message passing needs infinities and signs of zero to mean what
    IEEE 754 says. No ``parallel``: it cannot be combined safely with the disk cache.
    Set ``NUMBA_DISABLE_JIT=1`` to run the same loops in plain Python under a debugger.
    """
    return cast(Function, numba.njit(cache=True, nogil=True, error_model="numpy")(function))

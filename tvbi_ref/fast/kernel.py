"""How a loop is compiled, and where what was compiled is kept."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar, cast

import numba
from numba.core.caching import FunctionCache

Function = TypeVar("Function", bound=Callable[..., Any])

# Taken at the import: what is edited while a process runs is not what the process compiles.
_FILES = sorted(Path(__file__).parent.glob("*.py"))
SOURCES = hashlib.sha256(b"".join(file.read_bytes() for file in _FILES)).hexdigest()


def kernel(function: Function, **options: Any) -> Function:
    """Compile a loop with Numba, on its first call for the types that come, and keep it on disk.

    No ``fastmath``: message passing needs infinities and signs of zero to mean what
    IEEE 754 says. No ``parallel``: it cannot be combined safely with the disk cache.
    Set ``NUMBA_DISABLE_JIT=1`` to run the same loops in plain Python under a debugger.
    ``NUMBA_CACHE_DIR`` says where to keep it; without a place it is compiled in every process anew.
    """
    compiled: Any = numba.njit(nogil=True, error_model="numpy", **options)(function)
    if compiled is not function:  # which it is under NUMBA_DISABLE_JIT
        try:
            compiled._cache = Cache(function)  # what Numba's own `enable_caching` does
        except (RuntimeError, OSError) as error:
            warn_once(str(error))
    return cast(Function, compiled)


def contracted(function: Function) -> Function:
    """Compile a loop as `kernel` does, but a product and the sum it goes into may round once.

    That is one instruction in place of two. No other rule of IEEE 754 is touched.
    """
    return kernel(function, fastmath={"contract"})


def apart(function: Function) -> Function:
    """Compile a `contracted` loop whose arrays share no memory, without looking whether they do.

    To compare ten rows in pairs takes a third of the time of a short row.
    """
    compiled: Any = contracted(function)
    if compiled is not function:
        compiled._compiler._customize_flags = _without_aliases
    return cast(Function, compiled)


def _without_aliases(flags: Any) -> Any:
    flags.noalias = True  # as Numba's own parallel loops are compiled
    return flags


class Cache(FunctionCache):
    """Numba's cache of a function, good for these sources alone; one that fails is no error.

    Numba knows an entry by the function's own file. But a kernel has the kernels and constants of
    other files compiled in.
    """

    def _index_key(self, sig: Any, codegen: Any) -> tuple[Any, ...]:
        return (*super()._index_key(sig, codegen), SOURCES)

    def load_overload(self, *args: Any) -> Any:
        """Return what is kept for these types; None, so that it is compiled, if it is damaged."""
        try:
            return super().load_overload(*args)
        except Exception:
            with suppress(OSError):
                self.flush()

    def save_overload(self, *args: Any) -> None:
        """Keep what was compiled, if the disk has room and lets us."""
        try:
            super().save_overload(*args)
        except OSError as error:
            warn_once(str(error))


_warned: list[str] = []


def warn_once(reason: str) -> None:
    """Say that what is compiled cannot be kept; where warnings are errors, compute all the same."""
    if not _warned:
        _warned.append(reason)
        with suppress(RuntimeWarning):
            warnings.warn(
                "compiled code cannot be kept, and takes seconds in every process anew; "
                f"NUMBA_CACHE_DIR may name a folder for it ({reason})",
                RuntimeWarning,
                stacklevel=2,
            )

"""Two halves of a batch at the same time, each on a thread of its own.

NumPy's products and draws and our compiled loops let other threads run meanwhile, so two threads
of plain Python are all it takes. Products of a few images are too small for the threads
that a BLAS library has inside: these are switched off while the halves run, or the two kinds would
stand in each other's way.

The halves are the same on every machine, and so is the order in which a caller adds up what
comes out of them: whether they run at the same time or one after the other changes no bit.
"""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any, TypeVar

from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]

Result = TypeVar("Result")

LARGE = 2**16
"""Below so many numbers a second thread costs more than it brings."""

_one_at_a_time = threading.Lock()  # the BLAS has one number of threads, whoever sets it


def in_halves(n: int, work: Callable[[slice], Result], numbers: int) -> list[Result]:
    """Return what `work` makes of the first and of the second half of n things.

    At the same time, if that pays and the BLAS may use two threads: whoever allows it one (by
    OPENBLAS_NUM_THREADS, threadpoolctl, ...) gets one here, too.

    Parameters
    ----------
    n : int
    work : callable
        Takes a slice; must write to nothing that it does not find through it.
    numbers : int
        How many it computes in all; fewer than `LARGE` are not worth a thread.

    Examples
    --------
    >>> in_halves(5, lambda half: list(range(5))[half], numbers=5)
    [[0, 1], [2, 3, 4]]
    """
    first, second = slice(0, n // 2), slice(n // 2, n)
    if numbers < LARGE:
        return [work(first), work(second)]
    with _one_at_a_time:
        blas = _blas()
        threads = max((library["num_threads"] for library in blas.info()), default=1)
        if threads == 1:
            return [work(first), work(second)]
        # A new thread every time: one that waits for work would be missing after a fork.
        with blas.limit(limits=1), ThreadPoolExecutor(1) as other:
            later = other.submit(contextvars.copy_context().run, work, second)
            return [work(first), later.result()]


@cache
def _blas() -> Any:
    return ThreadpoolController().select(user_api="blas")

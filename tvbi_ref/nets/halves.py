"""Two halves of a batch at the same time, each on a thread of its own.

NumPy's products and draws and our compiled loops let other threads run meanwhile, so two threads
of plain Python are all it takes. The threads that a BLAS library has inside are switched off
while the halves run, or the two kinds would stand in each other's way.

The halves are the same on every machine, and so is the order in which a caller adds up what
comes out of them: whether they run at the same time or one after the other changes no bit.
"""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from typing import Any, TypeVar

from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]

Result = TypeVar("Result")

LARGE = 2**16
"""Below so many numbers a second thread costs more than it brings."""


class _Rest:
    """How many ask for the BLAS's own threads to be off, and what is to be put back."""

    lock = threading.Lock()
    users, threads = 0, 1
    limit: Any


@contextmanager
def blas_at_rest() -> Iterator[int]:
    """Keep the BLAS to one thread meanwhile, for all who ask; yields how many it may use else.

    Whoever computes in halves again and again opens it around all of it: behind a product on
    threads of its own the BLAS lets them wait in a loop for the next one, up to a tenth of a
    second, and a half that is computed on their core has half of it.

    Examples
    --------
    >>> with blas_at_rest() as outer, blas_at_rest() as inner:
    ...     outer == inner
    True
    """
    with _Rest.lock:
        if _Rest.users == 0:
            blas = _blas()
            _Rest.threads = max((library["num_threads"] for library in blas.info()), default=1)
            _Rest.limit = blas.limit(limits=1)
        _Rest.users += 1
    try:
        yield _Rest.threads
    finally:
        with _Rest.lock:
            _Rest.users -= 1
            if _Rest.users == 0:
                _Rest.limit.restore_original_limits()


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
    with blas_at_rest() as threads:
        if threads == 1:
            return [work(first), work(second)]
        # A new thread every time: one that waits for work would be missing after a fork.
        with ThreadPoolExecutor(1) as other:
            later = other.submit(contextvars.copy_context().run, work, second)
            return [work(first), later.result()]


def both(first: Callable[[], Result], second: Callable[[], Result], numbers: int) -> list[Result]:
    """Return what two products are: in halves if the BLAS is at rest, else on its own threads.

    Parameters
    ----------
    first, second : callable
    numbers : int
        As of `in_halves`.

    Examples
    --------
    >>> both(lambda: 1, lambda: 2, numbers=2)
    [1, 2]
    """
    if _Rest.users == 0:
        return [first(), second()]
    return in_halves(2, lambda half: (first, second)[half.start](), numbers)


@cache
def _blas() -> Any:
    return ThreadpoolController().select(user_api="blas")

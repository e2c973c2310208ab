"""How long calls take on the machine at hand, measured in turns so that they can be compared."""

from __future__ import annotations

import math
import os
import platform
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_info  # type: ignore[import-untyped]

SLOT = 1e-3
"""A turn lasts so many seconds: a short call is repeated, a long one made once."""

MIN_ROUNDS = 5
"""However long the calls, a median of fewer says little."""

Call = Callable[[], Any]
Clock = Callable[[], float]


@dataclass(frozen=True)
class Timing:
    """How long one call takes, in seconds.

    Parameters
    ----------
    median, low, high : float
        Median and quartiles over the rounds.
    first : float
        The very first call, which compiles what is compiled on first use; not in the others.
    """

    median: float
    low: float
    high: float
    first: float


@dataclass(frozen=True)
class Machine:
    """Where it was measured.

    Parameters
    ----------
    processor : str
    cores : int
        That the system has.
    blas_threads, kernel_threads : int
        That matrix products may use, and our own loops: a half each of two, if the BLAS may.
    load : float or None
        Processes that wanted to run over the last minute, ours included; None where the system
        does not say. Above the number of cores the times are too long, and not equally so.
    """

    processor: str
    cores: int
    blas_threads: int
    kernel_threads: int
    load: float | None

    def __str__(self) -> str:
        load = "" if self.load is None else f", load {self.load:.1f}"
        return (
            f"{self.processor}, {self.cores} cores{load}; "
            f"BLAS on {self.blas_threads} threads, kernels on up to {self.kernel_threads}"
        )


def race(
    calls: Mapping[str, Call], seconds: float, clock: Clock = time.perf_counter
) -> dict[str, Timing]:
    """Return how long each of several calls takes.

    They take turns, and every other round runs backwards: what disturbs the machine for a while
    disturbs all of them, and nobody always follows the same other.

    Parameters
    ----------
    calls : mapping of callable
        By name; they take no argument.
    seconds : float
        What all rounds together may take, once every call has been made twice to get warm. There
        are five rounds at least.
    clock : callable
        Returns a time in seconds.

    Examples
    --------
    >>> timings = race({"short": lambda: sum(range(10)), "long": lambda: sum(range(9999))}, 0.02)
    >>> timings["short"].median < timings["long"].median
    True
    """
    first = {name: _seconds_of(call, 1, clock) for name, call in calls.items()}
    warm = {name: _seconds_of(call, 1, clock) for name, call in calls.items()}
    repeats = {name: max(1, math.ceil(SLOT / max(t, 1e-9))) for name, t in warm.items()}
    a_round = sum(repeats[name] * warm[name] for name in calls)
    rounds = max(MIN_ROUNDS, int(seconds / max(a_round, 1e-9)))
    times: dict[str, list[float]] = {name: [] for name in calls}
    for k in range(rounds):
        for name in list(calls)[:: (-1) ** k]:
            times[name].append(_seconds_of(calls[name], repeats[name], clock))
    return {name: _timing(times[name], first[name]) for name in calls}


def machine() -> Machine:
    """Return what is known of the machine.

    Examples
    --------
    >>> machine().cores >= 1
    True
    """
    pools = [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]
    blas_threads = max(pools, default=1)
    return Machine(
        _processor(),
        os.cpu_count() or 1,
        blas_threads,
        min(blas_threads, 2),
        round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
    )


def _seconds_of(call: Call, repeats: int, clock: Clock) -> float:
    """Return the mean time of a call over some repeats."""
    start = clock()
    for _ in range(repeats):
        call()
    return (clock() - start) / repeats


def _timing(times: list[float], first: float) -> Timing:
    low, median, high = np.quantile(times, [0.25, 0.5, 0.75]).tolist()
    return Timing(median, low, high, first)


def _processor() -> str:
    """Return the processor's name; Linux tells it in a file only."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return (names or [platform.processor()])[0] or platform.machine()

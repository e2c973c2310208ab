"""What the benchmark scripts share: a call timed alone, and several in turns to be compared."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

TURN = 2e-3
"""Seconds for which one call is repeated before it is the next one's turn."""


class Times(NamedTuple):
    """Seconds a call: the shortest, and the median."""

    best: float
    median: float


def seconds(call: Callable[[], object]) -> float:
    """Return how long one call takes."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def median_seconds(call: Callable[[], object], repeats: int = 5) -> float:
    """Return the median time of a call after one that is not counted."""
    call()
    return statistics.median(seconds(call) for _ in range(repeats))


def in_turns(calls: Mapping[str, Callable[[], object]], rounds: int = 15) -> dict[str, Times]:
    """Return how long each of several calls takes, by name.

    They take turns, so that what disturbs the machine for a while disturbs all of them; within
    its turn a call is repeated, and the first repetition, which finds the others' data in the
    cache and not its own, is not counted.
    """
    for call in calls.values():
        call()
    repeats = {name: 1 + max(1, int(TURN / seconds(call))) for name, call in calls.items()}
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            times[name] += [seconds(call) for _ in range(repeats[name])][1:]
    return {name: Times(min(each), statistics.median(each)) for name, each in times.items()}

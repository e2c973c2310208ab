"""What the benchmark scripts share: a call timed alone, and several in turns to be compared."""

from __future__ import annotations

import statistics
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from types import FunctionType
from typing import Any, NamedTuple

TURN = 2e-3
"""Seconds for which one call is repeated before it is the next one's turn."""


class Times(NamedTuple):
    """Seconds a call: the shortest, the median, and the median of every round."""

    best: float
    median: float
    rounds: list[float]


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
    times: dict[str, list[list[float]]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            times[name].append([seconds(call) for _ in range(repeats[name])][1:])
    return {name: _times(each) for name, each in times.items()}


def _times(rounds: list[list[float]]) -> Times:
    """Return what is told of a call."""
    every = [second for each in rounds for second in each]
    medians = [statistics.median(each) for each in rounds]
    return Times(min(every), statistics.median(every), medians)


def ratios(theirs: Sequence[float], ours: Sequence[float]) -> list[float]:
    """Return how many times as long they took, round by round."""
    return [a / b for a, b in zip(theirs, ours, strict=True)]


def spread(values: Sequence[float], digits: int = 2) -> str:
    """Return the median and the range of the middle half."""
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return f"{middle:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


class Clock:
    """Seconds by phase: of functions that are replaced by themselves with a clock.

    What one of them calls of another phase counts there, not here; what other threads do counts
    as what this one waits for.
    """

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self._phases, self._since = ["rest"], time.perf_counter()
        self._thread = threading.get_ident()

    def watch(self, thing: Any, names: Sequence[str], phase: str) -> None:
        """Replace those methods of an object, or functions of a module, that are there."""
        for name in names:
            if hasattr(thing, name):
                setattr(thing, name, self._timed(getattr(thing, name), phase))

    def _timed(self, inner: Callable[..., Any], phase: str) -> Callable[..., Any]:
        def timed(*arguments: Any, **named: Any) -> Any:
            if threading.get_ident() != self._thread:
                return inner(*arguments, **named)
            self._charge()
            self._phases.append(phase)
            try:
                return inner(*arguments, **named)
            finally:
                self._charge()
                self._phases.pop()

        # As if the package called it: whoever calls from outside has his arguments looked at.
        inside = globals() | {"__name__": "tvbi_ref.clock"}
        return FunctionType(timed.__code__, inside, closure=timed.__closure__)

    def _charge(self) -> None:
        now = time.perf_counter()
        self.seconds[self._phases[-1]] += now - self._since
        self._since = now

    def start(self) -> None:
        """Begin anew."""
        self.seconds.clear()
        self._since = time.perf_counter()

    def stop(self) -> dict[str, float]:
        """Return the seconds by phase since the start: all of them."""
        self._charge()
        return dict(self.seconds)

"""Races by a clock that moves only when it is told to; what is said of the machine."""

import pytest

from tvbi_ref.compression import latency
from tvbi_ref.compression.latency import Machine, Timing, machine, race


class Watch:
    """A clock that moves only when a call lets it."""

    def __init__(self):
        self.now = 0.0
        self.order = []

    def __call__(self):
        return self.now

    def call(self, name, *durations):
        """Return a call that takes these times, the last one for ever."""
        left = list(durations)

        def run():
            self.now += left.pop(0) if len(left) > 1 else left[0]
            self.order.append(name)

        return run


def test_the_first_call_is_reported_apart():
    watch = Watch()
    found = race({"a": watch.call("a", 5.0, 0.5)}, 1.0, watch)
    assert found == {"a": Timing(median=0.5, low=0.5, high=0.5, first=5.0)}


def test_calls_take_turns_in_both_directions():
    watch = Watch()
    race({"a": watch.call("a", 0.25), "b": watch.call("b", 0.25)}, 3.0, watch)
    assert "".join(watch.order) == "ab" * 2 + "abba" * 3  # twice to get warm, then six rounds


def test_short_calls_are_repeated_and_long_ones_made_at_least_five_times():
    watch = Watch()
    calls = {"short": watch.call("short", 1e-4), "long": watch.call("long", 2.0)}
    found = race(calls, 0.01, watch)
    assert watch.order.count("long") == 2 + 5
    assert watch.order.count("short") == 2 + 5 * 10
    assert found["short"].median == pytest.approx(1e-4)


def test_median_and_quartiles_are_those_of_the_rounds():
    watch = Watch()
    found = race({"a": watch.call("a", 9.0, 1.0, 1.0, 2.0, 3.0, 4.0, 5.0)}, 0.0, watch)
    assert found["a"] == Timing(median=3.0, low=2.0, high=4.0, first=9.0)


def test_what_disturbs_the_machine_for_a_while_disturbs_all_alike():
    """A machine that gets slower all the time: the medians differ by less than one turn."""
    watch = Watch()

    def slower():
        watch.now += 0.25 * (1 + watch.now / 100)

    found = race(dict.fromkeys("abc", slower), 10.0, watch)
    medians = [timing.median for timing in found.values()]
    assert max(medians) < 1.02 * min(medians)


def test_a_machine_says_where_it_was_measured():
    here = machine()
    assert here.cores >= here.kernel_threads >= 1 <= here.blas_threads
    assert here.processor in str(here)
    assert str(Machine("abacus", 4, 3, 2, None)) == (
        "abacus, 4 cores; BLAS on 3 threads, kernels on up to 2"
    )
    assert ", 4 cores, load 0.5; " in str(Machine("abacus", 4, 3, 2, 0.5))


def test_a_system_that_tells_neither_its_processor_nor_its_load_is_measured_too(monkeypatch):
    monkeypatch.setattr(latency.Path, "exists", lambda path: False)
    monkeypatch.setattr(latency.platform, "processor", lambda: "")
    monkeypatch.setattr(latency.platform, "machine", lambda: "abacus")
    monkeypatch.delattr(latency.os, "getloadavg", raising=False)
    assert machine().processor == "abacus"
    assert machine().load is None

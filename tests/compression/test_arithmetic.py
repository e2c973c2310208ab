"""The arithmetic coder: what goes in comes out, at the price of its entropy and of learning."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tvbi_ref.compression.arithmetic import Decoder, Encoder

CALLS = st.one_of(
    st.tuples(st.just("bit"), st.sampled_from("ab"), st.integers(0, 1)),
    st.tuples(st.just("natural"), st.sampled_from("cd"), st.integers(0, 2**80)),
    st.tuples(st.just("natural"), st.sampled_from("cd"), st.integers(0, 5)),
    st.tuples(st.just("integer"), st.sampled_from("ef"), st.integers(-(2**40), 2**40)),
    st.tuples(st.just("raw"), st.integers(0, 70), st.just(0)),
    st.tuples(st.just("real"), st.floats(allow_nan=False)),
)


def written(calls):
    encoder = Encoder()
    for name, *arguments in calls:
        assert getattr(encoder, name)(*arguments) == arguments[-1]
    return encoder.finish()


def read(data, calls):
    decoder = Decoder(data)
    found = [getattr(decoder, name)(*arguments[:-1]) for name, *arguments in calls]
    decoder.finish()
    return found


@given(st.lists(CALLS, max_size=60))
def test_what_was_written_is_read(calls):
    assert read(written(calls), calls) == [call[-1] for call in calls]


@given(st.lists(st.integers(0, 1), max_size=3000), st.booleans())
def test_the_length_is_that_of_the_counts(bits, skewed):
    """Exactly the product of (n1 + 1/2)/(n + 1), and never more than two bytes above it."""
    bits = [int(bit and k % 50 == 0) for k, bit in enumerate(bits)] if skewed else bits
    zeros, ones, ideal = 0.5, 0.5, 0.0
    for bit in bits:
        ideal -= math.log2((ones if bit else zeros) / (zeros + ones))
        ones, zeros = ones + bit, zeros + 1 - bit
    data = written([("bit", "a", bit) for bit in bits])
    assert ideal / 8 - 1e-3 * len(bits) - 1 <= len(data) <= ideal / 8 + 2 + 1e-4 * len(bits)


def test_a_rare_one_costs_what_its_entropy_is(rng):
    bits = (rng.random(20_000) < 0.02).astype(int).tolist()
    p = sum(bits) / len(bits)
    entropy = -p * math.log2(p) - (1 - p) * math.log2(1 - p)
    data = written([("bit", "a", bit) for bit in bits])
    learning = math.log2(len(bits)) / 2 + 1
    assert len(data) <= (len(bits) * entropy + learning) / 8 + 2
    assert len(data) < len(bits) / 8 / 6  # a code of whole bits would need one for each


def test_contexts_are_learned_apart():
    together = written([("bit", "a", k % 2) for k in range(4000)])
    apart = written([("bit", k % 2, k % 2) for k in range(4000)])
    assert len(apart) < 5 < 490 < len(together)


def test_a_carry_runs_through_bytes_that_are_full():
    calls = [("raw", 64, 2**64 - 1)] * 3 + [("bit", "a", 0)] * 40
    assert read(written(calls), calls) == [call[-1] for call in calls]


def test_nothing_takes_no_byte():
    assert written([]) == b""
    Decoder(b"").finish()


@given(st.lists(CALLS, min_size=1, max_size=20), st.binary(min_size=5, max_size=9))
def test_more_than_the_code_is_refused(calls, more):
    with pytest.raises(ValueError, match="the code must end after"):
        read(written(calls) + more, calls)


def test_what_ends_early_is_refused_and_not_read_for_ever():
    data = written([("raw", 64, 12345), ("raw", 64, 2**64 - 1)])
    with pytest.raises(ValueError, match="the code must not end after 5 bytes"):
        read(data[:5], [("raw", 64, 0)] * 2)
    with pytest.raises(ValueError, match="the code must not end after 0 bytes"):
        Decoder(b"").natural("a")  # zeros for ever would be ones for ever

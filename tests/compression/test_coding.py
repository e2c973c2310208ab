"""Entropy and Huffman codes against brute force, scipy and Shannon's bounds."""

import itertools
import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from tvbi_ref.compression.coding import (
    HuffmanCode,
    code_lengths,
    entropy,
    list_size,
    magnitudes,
    pack,
    stream_size,
    total_size,
    unpack,
)

counts = st.lists(st.integers(1, 1000), min_size=1, max_size=40)
streams = st.lists(st.integers(0, 20) | st.integers(0, 2**40), max_size=40)
few = settings(max_examples=40)


# Entropy


@few
@given(counts)
def test_entropy_is_that_of_the_frequencies(counts):
    stream = np.repeat(np.arange(len(counts)), counts)
    assert entropy(stream) == pytest.approx(scipy.stats.entropy(counts, base=2), abs=1e-12)


def test_entropy_of_equal_and_of_no_choice():
    assert entropy(np.tile(np.arange(64), 3)) == 6
    assert entropy([5, 5, 5]) == entropy([]) == 0


# Huffman's code


@few
@given(counts)
def test_the_mean_length_is_less_than_a_bit_above_the_entropy(counts):
    mean = np.average(code_lengths(counts), weights=counts)
    H = scipy.stats.entropy(counts, base=2)
    assert H - 1e-9 <= mean < H + 1


@few
@given(counts)
def test_krafts_sum_is_one_so_that_no_codeword_is_wasted(counts):
    assert sum(2.0 ** -code_lengths(counts)) == 1


@few
@given(st.lists(st.integers(1, 30), min_size=2, max_size=5))
def test_no_lengths_that_satisfy_kraft_are_shorter(counts):
    n = len(counts)
    choices = itertools.product(range(1, n), repeat=n)
    best = min(np.dot(counts, c) for c in choices if sum(2.0**-k for k in c) <= 1)
    assert np.dot(counts, code_lengths(counts)) == best


@few
@given(counts)
def test_a_more_frequent_symbol_has_no_longer_codeword(counts):
    lengths = code_lengths(counts)[np.argsort(counts)]
    frequent = np.sort(counts)
    rarer = np.diff(frequent) > 0
    assert (np.diff(lengths)[rarer] <= 0).all()


def test_powers_of_two_and_fibonacci_numbers_have_known_lengths():
    assert code_lengths([1, 1, 2, 4, 8]).tolist() == [4, 4, 3, 2, 1]
    fibonacci = [1, 1]
    while len(fibonacci) < 50:
        fibonacci.append(sum(fibonacci[-2:]))
    assert code_lengths(fibonacci).max() == 49  # the deepest tree there is


@pytest.mark.parametrize("counts", [[], [0, 1], [1.5], [[1]], [-1]])
def test_what_counts_nothing_is_refused(counts):
    with pytest.raises(ValueError, match="counts must be"):
        code_lengths(counts)


@few
@given(streams)
def test_the_bits_are_those_of_the_codewords(stream):
    code = HuffmanCode.for_stream(stream)
    of = dict(zip(code.symbols.tolist(), code.lengths.tolist(), strict=True))
    assert code.encoded_bits(stream) == sum(of[symbol] for symbol in stream)
    assert not code.symbols.size or math.isclose(sum(2.0**-n for n in of.values()), 1)  # Kraft


@few
@given(streams)
def test_the_table_has_the_symbols_and_how_many_there_are_of_each_length(stream):
    code = HuffmanCode.for_stream(stream)
    how_many = np.bincount(code.lengths)
    largest = max(stream, default=0)
    symbols = [f"{symbol:0{largest.bit_length()}b}" for symbol in code.symbols if largest]
    assert code.table_bits == 48 + 16 * max(how_many.size - 1, 0) + len("".join(symbols))


def test_equal_counts_give_the_same_code_each_time():
    a, b = (HuffmanCode.for_stream(order) for order in ([3, 1, 2, 0], [0, 1, 2, 3]))
    assert a.symbols.tolist() == b.symbols.tolist() == [0, 1, 2, 3]


def test_a_symbol_without_codeword_is_refused():
    code = HuffmanCode.for_stream([1, 2, 2])
    with pytest.raises(ValueError, match="must hold symbols of the code; got 7 at position 1"):
        code.encoded_bits([2, 7])


@pytest.mark.parametrize("stream", [[-1], [0.5], [[1, 2]], ["a"], 3])
def test_what_is_no_stream_is_refused(stream):
    for function in (entropy, HuffmanCode.for_stream, magnitudes, stream_size):
        with pytest.raises(ValueError, match="must be a row of whole numbers >= 0; got"):
            function(stream)


# Sizes of streams


@few
@given(st.lists(st.integers(0, 2**50), max_size=30))
def test_class_and_rest_give_the_number_back(numbers):
    classes, rests = magnitudes(numbers)
    assert (2**classes + rests - 1).tolist() == numbers
    assert (rests >= 0).all()
    assert (rests < 2**classes).all()


@few
@given(streams)
def test_a_stream_costs_what_the_cheaper_code_writes(stream):
    whole = HuffmanCode.for_stream(stream)
    classes = magnitudes(stream).classes
    short = HuffmanCode.for_stream(classes)
    costs = [
        whole.encoded_bits(stream) + whole.table_bits + 1,
        short.encoded_bits(classes) + sum(classes.tolist()) + short.table_bits + 1,
    ]
    assert sum(stream_size(stream)) == min(costs)
    assert stream_size(stream).codewords >= len(stream) * entropy(stream) - 1e-9


def test_many_different_numbers_are_written_by_their_class(rng):
    gaps = rng.geometric(1 / 700, size=300) - 1
    whole = HuffmanCode.for_stream(gaps)
    best = sum(stream_size(gaps))
    assert best < 0.75 * (whole.encoded_bits(gaps) + whole.table_bits)
    # The entropy of the law itself, which 300 draws do not show: log2(e 700) bits a number.
    assert best == pytest.approx(300 * np.log2(np.e * 700), rel=0.1)


@few
@given(st.lists(streams, max_size=4))
def test_sizes_add_up(several):
    parts = [stream_size(stream) for stream in several]
    assert total_size(several) == (sum(p[0] for p in parts), sum(p[1] for p in parts))


@few
@given(st.sets(st.integers(0, 2**40), max_size=20).map(sorted))
def test_a_list_costs_what_its_gaps_cost(numbers):
    gaps = [b - a - 1 for a, b in itertools.pairwise([-1, *numbers])]
    assert list_size(numbers) == stream_size(gaps)


def test_a_list_that_does_not_increase_is_refused():
    with pytest.raises(ValueError, match="numbers must increase; position 2 does not"):
        list_size([0, 3, 3])


# Numbers of a fixed width


@few
@given(st.integers(1, 63), st.data())
def test_numbers_come_back_from_their_bits(width, data):
    numbers = data.draw(st.lists(st.integers(0, 2**width - 1), max_size=20))
    packed = pack(numbers, width)
    bits = "".join(f"{n:0{width}b}" for n in numbers)
    written = "".join(f"{byte:08b}" for byte in packed)
    assert written == bits.ljust(-(-len(bits) // 8) * 8, "0")
    assert unpack(packed, width, len(numbers)).tolist() == numbers


def test_numbers_that_do_not_fit_and_bytes_that_are_missing_are_refused():
    with pytest.raises(ValueError, match="numbers must fit in 3 bits; got 8"):
        pack([1, 8], 3)
    with pytest.raises(ValueError, match="packed must have 2 bytes; got 1"):
        unpack(np.zeros(1, np.uint8), 3, 4)

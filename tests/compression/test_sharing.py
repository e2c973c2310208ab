"""Shared values and Deep Compression's size against k-means' theorems and counts by hand."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tvbi_ref import compress, nets
from tvbi_ref.compression import index_bits
from tvbi_ref.compression.coding import entropy, list_size, total_size
from tvbi_ref.compression.formats import FORMATS, Clusters, Dense, Gap
from tvbi_ref.compression.sharing import (
    FLOAT_BITS,
    codebook,
    deep_compression_size,
    share_values,
)
from tvbi_ref.module_b import ChainSupport

few = settings(max_examples=40)

# Shared values


@pytest.mark.parametrize("bits", [1, 3, 5])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.slow
def test_the_codebook_is_stationary(rng, bits, dtype):
    """Every weight has the nearest centre, and every centre is the mean of its weights."""
    w = (rng.standard_normal(500) ** 3).astype(dtype)
    book = codebook(w, bits)
    assert book.values.dtype == dtype
    assert 1 < book.centres.size <= 2**bits
    assert (np.diff(book.centres) > 0).all()
    distance = np.abs(w[:, None] - book.centres)
    np.testing.assert_allclose(np.abs(w - book.values), distance.min(axis=1), atol=1e-5)
    means = [w[book.names == k].mean(dtype=np.float64) for k in range(book.centres.size)]
    np.testing.assert_allclose(book.centres, means, rtol=1e-5, atol=1e-6)


@pytest.mark.slow
def test_more_bits_never_fit_worse(rng):
    w = rng.standard_normal(800)
    errors = [np.mean((codebook(w, bits).values - w) ** 2) for bits in range(1, 9)]
    assert (np.diff(errors) < 0).all()
    # At high resolution k-means meets Panter and Dite's law, (integral of p^(1/3))^3 / (12 k^2).
    assert errors[4] == pytest.approx(np.sqrt(3) * np.pi / 2 / 32**2, rel=0.35)


def test_a_large_weight_keeps_a_centre_to_itself(rng):
    w = np.append(rng.normal(0, 0.1, 2000), [3.0, -3.0])
    book = codebook(w, 4)
    np.testing.assert_array_equal(book.values[-2:], [3.0, -3.0])


@few
@given(st.lists(st.floats(-10, 10, width=32), min_size=1, max_size=8))
def test_few_different_weights_are_kept_exactly(w):
    book = codebook(w, 3)
    assert book.values.tolist() == w


@pytest.mark.parametrize("bits", [0, 17, 2.5])
def test_an_impossible_number_of_bits_is_refused(bits):
    with pytest.raises((ValueError, TypeError), match="bits must be a whole number"):
        codebook([1.0], bits)


def test_what_are_no_weights_is_refused():
    with pytest.raises(ValueError, match="values is empty"):
        codebook([], 4)
    with pytest.raises(ValueError, match="values has 1 entry that is not finite"):
        codebook([1.0, np.nan], 4)


# Deep Compression


@pytest.fixture(scope="module")
def layer():
    rng = np.random.default_rng(5)
    mask = ChainSupport(p01=0.004, p10=0.1).sample((300, 60), rng).astype(bool)
    return np.where(mask, rng.standard_normal(mask.shape), 0).astype(np.float32)


def test_every_part_is_charged(layer):
    gap, bias = Gap.from_dense(layer), np.zeros(60)
    size = deep_compression_size([gap], [bias], bits=4)
    names = codebook(gap.values[gap.values != 0], 4).names
    assert size.index == total_size(gap.streams().values()).codewords
    assert size.values >= gap.kept * entropy(names)
    fillers = gap.values.size > gap.kept
    assert size.codebook == FLOAT_BITS * (np.unique(names).size + fillers)
    assert size.biases == 60 * FLOAT_BITS
    assert size.inputs == 0
    assert size.tables > 48 * 3  # three streams: gaps, their width, names
    parts = (size.index, size.values, size.codebook, size.tables, size.biases, size.inputs)
    assert size.total == sum(parts)


def test_layers_add_up_and_kept_inputs_are_charged(layer):
    gap, bias = Gap.from_dense(layer), np.zeros(60)
    one = deep_compression_size([gap], [bias], bits=4)
    two = deep_compression_size([gap, gap], [bias, bias], bits=4)
    assert two.total == 2 * one.total
    inputs = np.flatnonzero(layer.any(axis=1))
    listed = deep_compression_size([gap], [bias], bits=4, kept_inputs=inputs)
    assert listed.inputs == sum(list_size(inputs)) > 0
    assert listed.total == one.total + listed.inputs


def test_more_shared_values_cost_more(layer):
    sizes = [
        deep_compression_size([Clusters.from_dense(layer)], [np.zeros(60)], bits)
        for bits in (2, 4, 6)
    ]
    assert sizes[0].codebook < sizes[1].codebook < sizes[2].codebook
    assert sizes[0].values < sizes[1].values < sizes[2].values
    assert len({size.index for size in sizes}) == 1


@pytest.mark.slow
def test_naming_runs_takes_fewer_bits_than_naming_weights(layer):
    sizes = {
        name: deep_compression_size([form.from_dense(layer)], [np.zeros(60)], 4)
        for name, form in FORMATS.items()
    }
    assert sizes["clusters"].total < sizes["gap"].total < sizes["dense"].total
    assert sizes["dense"].index == 0
    assert sizes["clusters"].index > index_bits([layer != 0]) * np.count_nonzero(layer)


def test_stored_zeros_have_a_name_and_a_centre_of_their_own():
    W = np.zeros((4, 4))
    W[0, 0] = 1.0
    size = deep_compression_size([Dense.from_dense(W)], [np.zeros(4)], bits=3)
    assert size.codebook == 2 * FLOAT_BITS
    assert size.values == 16


def test_a_network_of_which_nothing_is_left_costs_its_biases_and_headers():
    size = deep_compression_size([Clusters.from_dense(np.zeros((4, 4)))], [np.zeros(4)], bits=3)
    assert (size.index, size.values, size.codebook) == (0, 0, 0)
    assert size.biases == 4 * FLOAT_BITS
    assert size.tables == 3 * 49


def test_biases_and_inputs_that_do_not_fit_are_refused(layer):
    gap = Gap.from_dense(layer)
    with pytest.raises(ValueError, match="biases must be 1, one a layer; got 0"):
        deep_compression_size([gap], [], bits=4)
    with pytest.raises(ValueError, match="numbers must increase; position 2 does not"):
        deep_compression_size([gap], [np.zeros(60)], bits=4, kept_inputs=[0, 3, 3])


# A network


@pytest.fixture(scope="module")
def small():
    net = nets.mlp([40, 20, 10], seed=0)
    rng = np.random.default_rng(0)
    for layer in net.weight_layers:
        keep = rng.random(layer.mean.value.shape) < 0.3
        keep[0] = False  # an input that nobody reads
        layer.prune(keep)
    return compress(net)


def test_each_layer_has_the_codebook_of_its_kept_weights(small):
    shared = share_values(small, [3, 2])
    assert shared.bits == [3, 2]
    for before, after, bits in zip(
        small.weight_layers, shared.network.weight_layers, shared.bits, strict=True
    ):
        w, v = before.weights.to_dense(), after.weights.to_dense()
        np.testing.assert_array_equal(v != 0, w != 0)
        np.testing.assert_array_equal(v[w != 0], codebook(w[w != 0], bits).values)
        np.testing.assert_array_equal(after.variance_matrix(), before.variance_matrix())


def test_the_size_is_that_of_the_layers_and_the_list_of_inputs(small):
    assert not small.kept_inputs.all()
    shared = share_values(small, [3, 2])
    for name in FORMATS:
        layers = zip(shared.network.with_format(name).weight_layers, [3, 2], strict=True)
        sizes = [deep_compression_size([each.weights], [each.bias], b) for each, b in layers]
        bits = sum(size.total for size in sizes) + sum(list_size(small.inputs))
        assert shared.nbytes_as(name) == math.ceil(bits / 8)


def test_as_many_values_as_weights_change_nothing(small):
    matrices = [layer.weights.to_dense() for layer in small.weight_layers]
    shared = share_values(small, [10, 10]).network
    for layer, w in zip(shared.weight_layers, matrices, strict=True):
        np.testing.assert_array_equal(layer.weights.to_dense(), w)


def test_a_network_of_which_nothing_is_left_shares_nothing(small):
    nothing = small.with_weights([0 * layer.weights.to_dense() for layer in small.weight_layers])
    assert share_values(nothing, [2, 2]).network.n_weights == 0


def test_a_number_of_bits_for_each_layer_is_wanted(small):
    with pytest.raises(ValueError, match="bits must be 2, one for each weight layer; got 1"):
        share_values(small, [3])

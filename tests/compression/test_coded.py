"""The coded file: exact, as small as it says, and as hard to fool as the plain one."""

import os
import time
import tracemalloc
import zlib
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_networks import KINDS, NETWORKS, content, damaged, inputs_of, outcome, pruned

from tvbi_ref import compress, load_compressed, nets, save_compressed
from tvbi_ref.compression import (
    coded,
    coded_nbytes,
    entropy_bound,
    files,
    round_weights,
    sort_units,
)
from tvbi_ref.compression.arithmetic import Encoder
from tvbi_ref.compression.coded import decode, encode
from tvbi_ref.errors import DataCorruptedError


def same(small):
    """Return the content with 0.0 for -0.0, which stands where a format stores a zero."""
    small = small.with_weights([layer.weights.to_dense() + 0 for layer in small.weight_layers])
    layers = (
        replace(layer, bias=layer.bias + 0) if hasattr(layer, "bias") else layer
        for layer in small.layers
    )
    return content(replace(small, layers=tuple(layers)))


def rounded(name="categorical", fraction=0.5):
    return sort_units(round_weights(compress(pruned(NETWORKS[name]())), fraction))


# Exact


@pytest.mark.parametrize("format", ["clusters", "dense"])
@pytest.mark.parametrize("name", NETWORKS)
def test_a_round_trip_is_exact(name, format, tmp_path):
    small = compress(pruned(NETWORKS[name]()), format)
    save_compressed(tmp_path / "net.tvbc", small, coded=True)
    again = load_compressed(tmp_path / "net.tvbc")
    assert content(again) == same(small)
    x = inputs_of(small)
    np.testing.assert_array_equal(again.predict(x), small.predict(x))


@settings(max_examples=25, deadline=None)
@given(
    widths=st.lists(st.integers(1, 9), min_size=2, max_size=4),
    density=st.floats(0, 1),
    scale=st.floats(-30, 30),
    dtype=st.sampled_from([np.float32, np.float64]),
)
def test_whatever_floats_there_are_come_back(widths, density, scale, dtype):
    net = pruned(nets.mlp(widths, seed=0, dtype=dtype), density)
    for layer in net.weight_layers:
        layer.mean.value *= 10**scale
    small = compress(net)
    for uncertainty in (True, False):
        again = decode(encode(small, uncertainty))
        for old, new in zip(small.weight_layers, again.weight_layers, strict=True):
            np.testing.assert_array_equal(new.weights.to_dense(), old.weights.to_dense())
            np.testing.assert_array_equal(new.bias, old.bias)
            assert (new.variances is not None) == uncertainty
        assert again.kept_inputs.tolist() == small.kept_inputs.tolist()


def test_numbers_as_far_apart_as_float64_has_them():
    small = compress(nets.mlp([2, 1], seed=0, dtype=np.float64))
    small = small.with_weights([np.array([[1e300], [5e-324]])])
    assert decode(encode(small, False)).weight_layers[0].weights.values.tolist() == [1e300, 5e-324]


def test_a_network_that_has_died_and_one_that_is_whole_come_back(tmp_path):
    for density in (0.0, 1.0):
        small = compress(pruned(nets.mlp([12, 9, 4], seed=0), density))
        save_compressed(tmp_path / "net.tvbc", small, coded=True)
        assert content(load_compressed(tmp_path / "net.tvbc")) == same(small)


def test_the_same_network_is_the_same_bytes(tmp_path):
    small = rounded()
    for name in ("a", "b"):
        save_compressed(tmp_path / name, small, coded=True, uncertainty=False)
        small = load_compressed(tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


# Small


@pytest.mark.parametrize("uncertainty", [True, False])
def test_the_size_is_that_of_the_file(uncertainty, tmp_path):
    small = rounded("convolutions")
    save_compressed(tmp_path / "net.tvbc", small, coded=True, uncertainty=uncertainty)
    assert os.stat(tmp_path / "net.tvbc").st_size == coded_nbytes(small, uncertainty=uncertainty)


def test_places_of_a_random_mask_cost_their_entropy_and_frame_and_tables_nearly_nothing():
    net = nets.mlp([200, 100], seed=0)
    net.weight_layers[0].prune(np.random.default_rng(0).random((200, 100)) < 0.05)
    small = compress(net)
    signs = [np.sign(layer.weights.to_dense()) for layer in small.weight_layers]
    small = small.with_weights(signs)
    masks = [matrix != 0 for matrix in signs]
    bits = small.n_weights * (entropy_bound(masks) + 1)
    assert bits / 8 < coded_nbytes(small) < 1.02 * bits / 8 + 40


def test_runs_cost_less_than_scattered_weights_and_images_less_than_rows():
    rng = np.random.default_rng(0)
    sizes = []
    for size in [(1, 1, 1), (1, 5, 1), (5, 5, 1)]:  # pixels, rows of five, squares of five by five
        grid = rng.random((30 // size[0], 30 // size[1], 40)) < 0.2
        mask = np.repeat(np.repeat(grid, size[0], axis=0), size[1], axis=1)
        net = nets.mlp([900, 40], seed=0)
        net.weight_layers[0].prune(mask.reshape(900, 40))
        small = compress(net)
        alive = small.weight_layers[0].weights.to_dense() != 0
        sizes.append(coded_nbytes(small.with_weights([alive.astype(np.float32)])))
    assert sizes[2] < 0.75 * sizes[1] < 0.75 * 0.75 * sizes[0]


def test_rounding_is_what_makes_it_small():
    small = compress(pruned(nets.lenet_300_100(seed=0), 0.02))
    assert coded_nbytes(rounded_lenet(small)) < 0.4 * coded_nbytes(small) < 0.9 * small.nbytes


def rounded_lenet(small):
    return sort_units(round_weights(small))


# Damage, forgery, bombs


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    path = tmp_path_factory.mktemp("saved") / "net.tvbc"
    small = compress(pruned(NETWORKS["filters"]()))
    save_compressed(path, small, coded=True)
    return path.read_bytes(), same(small)


@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_file_is_refused(kind, saved, tmp_path):
    data, expected = saved
    rng = np.random.default_rng(0)
    for _ in range(100):
        changed = damaged(data, kind, rng)
        found = outcome(tmp_path / "net.tvbc", changed, expected)
        assert found == ("the same" if changed == data else "refused")


def test_under_a_right_checksum_what_is_no_network_is_refused_in_no_time(saved, tmp_path):
    """Bits, bytes and ends of the code changed, and signed anew: another network, or an error."""
    code, rng = saved[0][9:], np.random.default_rng(0)
    kinds = [kind for kind in KINDS if kind != "garbage before"]
    started = time.perf_counter()
    tracemalloc.start()
    for k in range(42):
        forged = files._signed(damaged(code, kinds[k % len(kinds)], rng))
        assert outcome(tmp_path / "net.tvbc", forged, None) in ("refused", "silently different")
    assert tracemalloc.get_traced_memory()[1] < 2e8
    tracemalloc.stop()
    assert time.perf_counter() - started < 30


def test_more_places_than_bytes_could_tell_of_are_refused(tmp_path):
    encoder = Encoder()
    encoder.bit("dtype"), encoder.bit("uncertainty"), encoder.bit("input_shape")
    encoder.natural("loss"), encoder.natural("inputs", 4), encoder.bit("some")
    encoder.natural("layers", 1), encoder.natural("kind"), encoder.natural("format")
    encoder.natural("side", 10**7), encoder.natural("side", 10**6)
    (tmp_path / "bomb").write_bytes(files._signed(encoder.finish()))
    with pytest.raises(DataCorruptedError, match=r"a code must tell of at most"):
        load_compressed(tmp_path / "bomb")


def test_what_would_not_be_believed_is_not_written(tmp_path, monkeypatch):
    small = compress(nets.mlp([30, 30], seed=0))
    small = small.with_weights([np.zeros((30, 30), np.float32)])
    monkeypatch.setattr(coded, "FEW_PLACES", 100)  # in place of millions
    monkeypatch.setattr(coded, "PLACES_A_BYTE", 1)
    with pytest.raises(
        ValueError, match=r"a code must tell of at most .* 1 a byte and 100; got 930"
    ):
        save_compressed(tmp_path / "net", small, coded=True)
    assert list(tmp_path.iterdir()) == []


def test_a_newer_version_and_another_file_are_named(saved, tmp_path):
    path, code = tmp_path / "net.tvbc", b"\2" + saved[0][9:]
    path.write_bytes(files.MAGIC + zlib.crc32(code).to_bytes(4) + code)
    with pytest.raises(DataCorruptedError, match="has format version 2; this package reads 1"):
        load_compressed(path)


def test_only_a_compressed_network_is_coded(tmp_path):
    with pytest.raises(TypeError, match="network must be a CompressedNetwork; got Network"):
        save_compressed(tmp_path / "net", nets.mlp([3, 2], seed=0), coded=True)
    assert list(tmp_path.iterdir()) == []


def test_steps_finer_than_numbers_change_nothing():
    small = compress(pruned(NETWORKS["categorical"]()))
    for fraction in (1e-300, 1e-40):
        exact = round_weights(small, fraction)
        for a, b in zip(exact.weight_layers, small.weight_layers, strict=True):
            assert a.weights.to_dense().tobytes() == b.weights.to_dense().tobytes()

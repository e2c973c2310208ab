"""The report: every number is what the network, the file or the clock really gives."""

import json
import math
import os
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tvbi_ref import compress, load_compressed, nets, plots, report, save_compressed
from tvbi_ref.compression import round_weights, sort_units
from tvbi_ref.compression.findings import Race
from tvbi_ref.compression.formats import FORMATS
from tvbi_ref.compression.latency import Machine, Timing


def pruned(net, density=0.3, run=1, seed=0):
    """Prune at random, in runs down the columns."""
    rng = np.random.default_rng(seed)
    for layer in net.weight_layers:
        I, J = layer.matrix_shape
        starts = rng.random((-(-I // run), J)) < density
        layer.prune(layer.from_matrix(np.repeat(starts, run, axis=0)[:I]))
        layer.log_variance.value[...] = rng.uniform(-8, -5, layer.mean.value.shape)
        layer.bias.value[...] = rng.normal(size=layer.bias.value.shape)
    return net


def mlp(density=0.3, run=1, widths=(20, 12, 10), **settings):
    return pruned(nets.mlp(widths, seed=0, **settings), density, run)


def cnn():
    return pruned(nets.cnn((1, 12, 12), [nets.Block(4, 3, pool=2), (6, 3)], [8, 3], seed=0))


@cache
def wide(run):
    """Return a network of so many weights that statistics say something, and its report."""
    small = compress(mlp(0.2, run, (96, 64, 32)))
    return small, report(small, seconds=0)


def by_name(found):
    return {size.name: size for size in found.formats}


def without_variances(network, folder):
    save_compressed(folder / "net.npz", network, uncertainty=False)
    return load_compressed(folder / "net.npz")


# Sizes


@pytest.mark.parametrize("make", [mlp, cnn])
def test_counts_are_those_of_the_networks(make):
    net = make()
    small = compress(net)
    found = report(small, whole=net, seconds=0)
    assert (found.n_weights, found.n_biases) == (small.n_weights, small.n_biases)
    assert found.widths == list(small.widths)
    assert found.whole["n_weights"] == net.n_weights
    assert found.whole["widths"] == list(net.widths)
    assert sum(layer.kept for layer in found.layers) == small.n_weights
    assert sum(layer.n_runs for layer in found.layers) == found.kept.n_runs
    assert found.kept.mean_run == pytest.approx(small.n_weights / found.kept.n_runs)


def test_bytes_on_disk_are_those_of_files(tmp_path):
    small = compress(mlp())
    for size in report(small, seconds=0).formats:
        save_compressed(tmp_path / "net.npz", small.with_format(size.name), uncertainty=False)
        assert size.file == (tmp_path / "net.npz").stat().st_size
        assert size.memory == small.with_format(size.name).nbytes < size.file


@settings(max_examples=4)
@given(
    density=st.floats(0.1, 1.0),
    run=st.integers(1, 6),
    dtype=st.sampled_from([np.float32, np.float64]),
)
def test_values_positions_biases_and_inputs_are_all_there_is(density, run, dtype):
    small = compress(mlp(density, run, dtype=dtype))
    value_bits = 8 * np.dtype(dtype).itemsize
    inputs = 0 if small.kept_inputs.all() else 8 * math.ceil(small.kept_inputs.size / 8)
    for size in report(small, seconds=0).formats:
        weights = small.n_weights * (value_bits + size.stored_bits)
        assert 8 * size.memory == pytest.approx(weights + value_bits * small.n_biases + inputs)
        assert 0 <= size.table_bits <= size.coded_bits


def test_a_dense_matrix_pays_for_its_zeros_as_positions():
    small = compress(mlp())
    size = by_name(report(small, seconds=0))["dense"]
    n_places = sum(math.prod(layer.weights.shape) for layer in small.weight_layers)
    assert size.stored_bits == pytest.approx(32 * (n_places / small.n_weights - 1))


def test_the_coded_file_is_one_that_is_written(tmp_path):
    small, found = wide(1)
    rounded = sort_units(round_weights(small))
    for network, size in ((small, found.coded.exact), (rounded, found.coded.rounded)):
        save_compressed(tmp_path / "net", network, coded=True, uncertainty=False)
        assert os.stat(tmp_path / "net").st_size == size
    assert found.coded.rounded < 0.5 * found.coded.exact


# Controls


def test_structure_is_worth_what_shuffling_takes_away():
    _, found = wide(8)
    assert found.kept.mean_run >= 8 > 2 > found.shuffled.mean_run
    assert found.kept.index_bits < 0.5 * found.kept.entropy_bound
    assert found.shuffled.index_bits == pytest.approx(found.kept.entropy_bound, rel=0.06)
    for name in ("gap", "clusters", "blocks"):
        size = by_name(found)[name]
        assert size.coded_bits < 0.8 * size.shuffled_bits


def test_a_mask_without_structure_loses_nothing_by_shuffling():
    _, found = wide(1)
    for size in found.formats:
        assert size.coded_bits == pytest.approx(size.shuffled_bits, rel=0.06)
    assert found.shuffled.entropy_bound == found.kept.entropy_bound


def test_the_same_seed_shuffles_alike():
    small = compress(mlp())
    bits = [by_name(report(small, seconds=0, seed=seed))["gap"].shuffled_bits for seed in (0, 0, 1)]
    assert bits[0] == bits[1] != bits[2]


def test_the_control_is_measured_as_the_network_is():
    small, other = compress(mlp(run=4)), compress(mlp(0.1))
    found, alone = report(small, control=other, seconds=0), report(other, seconds=0)
    assert found.control == alone.kept
    for name, size in by_name(found).items():
        assert size.control_bits == by_name(alone)[name].coded_bits
    assert by_name(alone)["gap"].control_bits is None


# Work


def test_a_convolution_multiplies_at_every_place():
    net = cnn()
    small = compress(net)
    places = [100, 9, 1, 1]  # 12 - 3 + 1 squared; 5 after pooling, 5 - 3 + 1 squared
    found = report(small, whole=net, seconds=0)
    assert [layer.positions for layer in found.layers] == places
    kept = [layer.weights.kept for layer in small.weight_layers]
    before = [layer.mean.value.size for layer in net.weight_layers]
    assert found.work.sparse == np.dot(kept, places)
    assert found.work.whole == np.dot(before, places)
    assert found.work.sparse < found.work.dense <= found.work.whole


def test_rows_of_pixels_are_images_too():
    net = cnn()
    rows = np.random.default_rng(0).normal(size=(5, 144))
    found = report(compress(net), rows, [0, 1, 2, 0, 1], whole=net, seconds=0)
    assert found.scores.difference < 1e-4
    assert found.work == report(compress(net), whole=net, seconds=0).work


# Scores and precision


def test_scores_are_the_networks_own(digits):
    net = mlp(widths=(64, 32, 10))
    for layer in net.weight_layers:
        layer.bias.value[...] = 0
    nets.train(net, digits.x_train, digits.y_train, epochs=9, seed=0, learning_rate=1e-2)
    small, x, y = compress(net), digits.x_test, digits.y_test
    other = compress(mlp(0.1, widths=(64, 32, 10)))
    scores = report(small, x, y, whole=net, control=other, seconds=0).scores
    assert (scores.name, scores.n_rows) == ("accuracy", 360)
    assert scores.small == scores.whole == net.score(x, y) > 0.8
    assert scores.control == other.score(x, y)
    assert scores.difference == small.check_against(net, x)
    assert [bits for bits, _ in scores.at_bits] == list(range(2, 9))
    assert scores.at_bits[0][1] < scores.small  # two bits say 0, + and -
    for score in (scores.at_bits[-1][1], scores.at_chosen, scores.rounded):
        assert score == pytest.approx(scores.small, abs=0.02)


def test_a_regression_is_scored_by_its_error():
    small = compress(pruned(nets.mlp([6, 5, 2], seed=0, likelihood="gaussian")))
    x, y = np.ones((4, 6)), np.zeros((4, 2))
    found = report(small, x, y, seconds=0)
    assert found.scores.name == "rmse"
    assert found.scores.small == small.score(x, y)


def test_wide_posteriors_ask_for_fewer_bits():
    net = mlp()
    fine = [layer.bits for layer in report(compress(net), seconds=0).layers]
    for layer in net.weight_layers:
        layer.log_variance.value += 2 * math.log(4)  # four times the deviation: two bits
    coarse = [layer.bits for layer in report(compress(net), seconds=0).layers]
    assert all(0 < few < many for few, many in zip(coarse, fine, strict=True))


def test_without_variances_the_bits_are_unknown(tmp_path):
    small = without_variances(compress(mlp()), tmp_path)
    found = report(small, np.ones((3, 20)), [0, 1, 2], seconds=0)
    assert found.uncertainty_bytes == 0
    assert all(layer.bits is None for layer in found.layers)
    assert found.coded.rounded is None
    assert found.scores.at_chosen is found.scores.rounded is None
    assert len(found.scores.at_bits) == 7
    assert "unknown, no variances" in str(found)
    assert len(plots.compression(found).axes) == 2


def test_a_network_of_which_nothing_is_left_has_a_report():
    net = mlp(0.0)
    found = report(compress(net), whole=net, seconds=0)
    assert found.n_weights == found.work.sparse == 0
    assert "inf times fewer" in str(found)
    assert len(plots.compression(found).axes) == 2


# Speed


def timings(**medians):
    return {name: Timing(t, 0.9 * t, 1.1 * t, t) for name, t in medians.items()}


@pytest.mark.parametrize(
    ("medians", "fastest", "verdict"),
    [
        (
            {"dense": 1.0, "csr": 4.0, "clusters": 2.0},
            "dense",
            "no: dense wins; clusters takes 2.0 times as long",
        ),
        (
            {"whole": 1.0, "dense": 3.0, "csr": 2.0, "clusters": 5.0},
            "whole",
            "no: whole wins; csr takes 2.0 times as long",
        ),
        (
            {"whole": 8.0, "dense": 6.0, "csr": 4.0, "clusters": 2.0},
            "clusters",
            "yes: clusters wins, 3.0 times as fast as dense",
        ),
        (
            {"dense": 1.1, "csr": 1.0, "clusters": 2.0},
            "csr",
            "no difference: csr takes 0.9 times as long as dense, a draw",
        ),
    ],
)
def test_the_verdict_names_the_winner_dense_or_not(medians, fastest, verdict):
    found = Race(1, timings(**medians))
    assert (found.fastest, found.verdict) == (fastest, verdict)


def test_dense_and_sparse_are_raced_for_one_input_and_for_many():
    net = mlp()
    found = report(compress(net), np.ones((3, 20)), whole=net, seconds=1e-3)
    assert [each.batch for each in found.races] == [1, 128]
    for each in found.races:
        assert list(each.timings) == ["whole", "dense", "csr", "clusters"]
        assert all(0 < t.low <= t.median <= t.high for t in each.timings.values())
    text = str(found)
    assert "will it be faster here?" in text
    assert str(found.machine) in text
    assert len(plots.compression(found).axes) == 3


def test_times_beside_other_work_are_said_to_be():
    net = mlp()
    found = report(compress(net), seconds=1e-3)
    for load, busy in ((9.0, True), (0.5, False), (None, False)):
        machine = Machine("abacus", 2, 1, 1, load)
        assert ("busy with other work" in str(replace(found, machine=machine))) is busy


# Forms


def test_it_is_a_text_a_dict_and_a_picture(tmp_path):
    net = mlp(run=4)
    x, y = np.random.default_rng(0).normal(size=(9, 20)), np.arange(9)
    found = report(compress(net), x, y, whole=net, control=compress(mlp(0.1)), seconds=1e-3)
    text, again = str(found), json.loads(json.dumps(found.to_dict(), allow_nan=False))
    for word in (*FORMATS, "H(p)/p", "shuffled", "J = 0", "accuracy", "multiply-adds", "chosen"):
        assert word in text
    assert again["n_weights"] == found.n_weights
    assert again["formats"][3]["name"] == "gap"
    assert again["races"][0]["verdict"] == found.races[0].verdict
    assert again["scores"]["at_bits"][0] == found.scores.at_bits[0]
    assert plots.save(plots.compression(found), tmp_path / "report.png").stat().st_size > 10_000


# Errors


def test_mistakes_are_named():
    net = mlp()
    small = compress(net)
    wider, deeper = pruned(nets.mlp([25, 10], seed=0)), pruned(nets.mlp([20, 9, 9, 10], seed=0))
    with pytest.raises(ValueError, match="x must be given with y"):
        report(small, y=[0])
    with pytest.raises(ValueError, match=r"x must have shape \(n, 20\); got \(1, 3\)"):
        report(small, np.ones((1, 3)))
    with pytest.raises(TypeError, match="network must be a CompressedNetwork; got Network"):
        report(net)
    with pytest.raises(TypeError, match="whole must be a Network; got Comp"):
        report(small, whole=small)
    with pytest.raises(ValueError, match="2 layers with weights, as the network has; got 20 inp"):
        report(small, whole=deeper)
    with pytest.raises(TypeError, match="control must be a CompressedNetwork; got Network"):
        report(small, control=net)
    with pytest.raises(ValueError, match=r"control must have 20 inputs, 10 outputs, .* got 25 inp"):
        report(small, control=compress(wider))
    with pytest.raises(ValueError, match="seconds must be a number >= 0"):
        report(small, seconds=-1)


def test_a_network_for_images_of_any_size_needs_one():
    net = cnn()
    net.input_shape = None
    small = compress(net)
    with pytest.raises(ValueError, match="x must be given for a network that takes images of any"):
        report(small, seconds=0)
    assert report(small, np.ones((1, 1, 12, 12)), seconds=0).layers[0].positions == 100

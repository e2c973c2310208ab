"""Bits from posterior variances: what rounding adds, and that it stays below what is there."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tvbi_ref import compress, nets
from tvbi_ref.compression.rounding import (
    Rounding,
    accuracy_by_bits,
    choose_bits,
    even_rounding,
    quantise,
    round_weights,
    typical_variance,
)

weights = hnp.arrays(
    np.float32,
    hnp.array_shapes(max_dims=2, max_side=8),
    elements=st.floats(-8, 8, width=32, allow_subnormal=False),
)
bit_widths = st.integers(2, 20)
few = settings(max_examples=40)


@pytest.fixture
def layer(rng):
    """Return weights and posterior variances of a layer in which the variances differ widely."""
    variance = np.exp(rng.normal(-7, 1.5, (200, 30)))
    return rng.normal(0, 1, (200, 30)), variance


# The grid


@few
@given(weights, bit_widths)
def test_rounding_moves_no_weight_by_more_than_half_a_step(w, bits):
    rounded = quantise(w, even_rounding(w, bits))
    error = np.abs(rounded.to_float(np.float64) - w)
    assert (error <= rounded.precision.step * (0.5 + 1e-9)).all()


@few
@given(weights, bit_widths)
def test_rounding_twice_is_rounding_once_even_in_single_precision(w, bits):
    first = quantise(w, even_rounding(w, bits))
    again = quantise(first.to_float(np.float32), first.precision)
    np.testing.assert_array_equal(again.integers, first.integers)
    assert first.to_float().dtype == np.float32


@few
@given(weights, bit_widths)
def test_the_integers_fit(w, bits):
    rounded = quantise(w, even_rounding(w, bits))
    assert np.abs(rounded.integers.astype(np.int64)).max() <= 2 ** (bits - 1) - 1
    assert rounded.integers.dtype == np.min_scalar_type(-(2 ** (bits - 1)))


@few
@given(weights, bit_widths)
def test_an_even_grid_reaches_the_largest_weight(w, bits):
    precision = even_rounding(w, bits)
    if w.any():
        assert precision.largest == pytest.approx(np.abs(w).max())
        largest = np.abs(quantise(w, precision).integers.astype(np.int64)).max()
        assert largest == 2 ** (bits - 1) - 1
    assert (quantise(w, precision).integers[w == 0] == 0).all()


def test_the_error_of_rounding_is_spread_evenly_over_a_step(rng):
    w = rng.normal(0, 1, 100_000)
    precision = Rounding(bits=6, step=0.2)
    error = quantise(w, precision).to_float(np.float64) - w
    assert np.mean(error**2) == pytest.approx(precision.error_variance, rel=0.02)
    assert np.mean(error) == pytest.approx(0, abs=1e-3)


# Bits from the posterior


@pytest.mark.parametrize("fraction", [0.25, 1.0, np.sqrt(12)])
def test_rounding_adds_less_variance_than_the_posterior_has(layer, fraction):
    w, variance = layer
    precision = choose_bits(w, variance, fraction)
    added = np.mean((quantise(w, precision).to_float(np.float64) - w) ** 2)
    assert added == pytest.approx(precision.error_variance, rel=0.05)
    typical = typical_variance(variance)
    assert precision.error_variance == pytest.approx(fraction**2 / 12 * typical)
    assert added < 1.05 * typical < variance.mean()


@few
@given(weights, st.floats(-12, 2), st.floats(0.1, 3.4))
def test_a_chosen_grid_holds_every_weight_with_no_bit_to_spare(w, log_variance, fraction):
    variance = np.full(w.shape, np.exp(log_variance))
    precision = choose_bits(w, variance, fraction)
    integers = quantise(w, precision).integers.astype(np.int64)
    assert precision.error_variance <= variance.mean() or not w.any()
    if w.any():
        largest = np.abs(integers).max()
        assert 2 ** (precision.bits - 2) <= largest <= 2 ** (precision.bits - 1) - 1


def test_half_the_uncertainty_costs_one_bit_more(layer):
    w, variance = layer
    bits = [choose_bits(w, variance / 4**k).bits for k in range(6)]
    assert np.diff(bits).tolist() == [1] * 5


def test_the_unit_of_the_weights_does_not_matter(layer):
    w, variance = layer
    one, other = choose_bits(w, variance), choose_bits(100 * w, 100**2 * variance)
    assert one.bits == other.bits
    assert other.step == pytest.approx(100 * one.step)


def test_pruned_weights_have_no_say(layer):
    w, variance = layer
    keep = np.abs(w) > 0.5
    pruned = np.where(keep, w, 0), np.where(keep, variance, 0)
    assert choose_bits(*pruned) == choose_bits(w[keep], variance[keep])


def test_one_weight_of_which_nothing_is_known_does_not_coarsen_the_others(layer):
    w, variance = layer
    before = choose_bits(w, variance)
    variance[0, 0] = 1e6
    after = choose_bits(w, variance)
    assert after.step == pytest.approx(before.step, rel=0.01)


def test_faint_weights_are_not_wiped_out():
    precision = choose_bits([0.01, -0.02], [1.0, 1.0])
    assert precision == Rounding(bits=2, step=0.02)
    assert quantise([0.01, -0.02], precision).integers.tolist() == [0, -1]


@pytest.mark.parametrize("shape", [(0,), (3, 0), (2, 2)])
def test_a_layer_without_weights_costs_nothing_and_fails_nowhere(shape):
    nothing = np.zeros(shape)
    precision = choose_bits(nothing, nothing)
    assert precision.bits == 1
    assert quantise(nothing, precision).to_float().shape == shape
    assert (quantise(nothing, precision).to_float() == 0).all()


# What it costs


def test_accuracy_falls_with_the_bits_and_is_unharmed_at_many(digits):
    net = nets.mlp([64, 24, 10], seed=0)
    nets.train(net, digits.x_train, digits.y_train, epochs=8, seed=0)
    means = [layer.mean.value.copy() for layer in net.weight_layers]

    def score(rounded):
        for layer, matrix in zip(net.weight_layers, rounded, strict=True):
            layer.mean.value[...] = matrix
        return net.score(digits.x_test, digits.y_test)

    unrounded = score(means)
    accuracy = accuracy_by_bits(means, score, [2, 8, 16])
    assert list(accuracy) == [2, 8, 16]
    assert accuracy[16] == pytest.approx(unrounded, abs=0.003)
    assert accuracy[8] == pytest.approx(unrounded, abs=0.01)
    assert accuracy[2] < unrounded - 0.05


# Arguments that are wrong


def test_variances_must_be_there_for_every_kept_weight():
    with pytest.raises(ValueError, match="variance of kept weights must be positive; got 0"):
        choose_bits([1.0, 2.0], [0.1, 0.0])
    with pytest.raises(ValueError, match=r"variance must have shape \(2,\); got \(1,\)"):
        choose_bits([1.0, 2.0], [0.1])
    with pytest.raises(ValueError, match="variance is empty"):
        typical_variance([])


@pytest.mark.parametrize("fraction", [0.0, 3.5, np.nan])
def test_fractions_beyond_the_posterior_are_refused(fraction):
    with pytest.raises(ValueError, match=r"fraction must be a number > 0 and <= 3\.46"):
        choose_bits([1.0], [0.1], fraction)


def test_a_posterior_too_sharp_for_any_grid_is_refused():
    with pytest.raises(ValueError, match="values up to 1 in steps of 1e-12 need 41 > 32 bits"):
        choose_bits([1.0], [1e-24])


@pytest.mark.parametrize("bits", [1, 33])
def test_an_impossible_number_of_bits_is_refused(bits):
    with pytest.raises(ValueError, match="bits must be a whole number"):
        even_rounding([1.0], bits)


def test_weights_beyond_the_grid_are_refused():
    precision = Rounding(bits=3, step=0.5)
    with pytest.raises(ValueError, match=r"values must lie within 1.5, where .* ends; got 2"):
        quantise([0.0, -2.0], precision)
    with pytest.raises(ValueError, match="values has 1 entry that is not finite"):
        quantise([np.inf], precision)


# A network


def random_network(dtype=np.float32):
    net = nets.mlp([20, 12, 5], seed=0, dtype=dtype)
    rng = np.random.default_rng(0)
    for layer in net.weight_layers:
        layer.prune(rng.random(layer.mean.value.shape) < 0.4)
        layer.log_variance.value[...] = rng.uniform(-6, -4, layer.mean.value.shape)
        layer.bias.value[...] = rng.normal(size=layer.bias.value.shape)
    return compress(net)


@pytest.mark.parametrize("fraction", [0.25, 1.0, 3.0])
def test_weights_and_biases_are_whole_numbers_of_a_power_of_two(fraction):
    small = random_network()
    for old, new in zip(
        small.weight_layers, round_weights(small, fraction).weight_layers, strict=True
    ):
        w, variance = old.weights.to_dense(), old.variance_matrix()
        step = 2.0 ** round(np.log2(fraction * np.sqrt(typical_variance(variance[w != 0]))))
        np.testing.assert_array_equal(new.weights.to_dense(), np.rint(w / step) * step)
        np.testing.assert_array_equal(new.bias, np.rint(old.bias / step) * step)
        kept = new.weights.to_dense() != 0
        np.testing.assert_array_equal(new.variance_matrix()[kept], variance[kept])


def sums(network, x):
    """Return the sums of every unit of every weight layer, units last, for some inputs."""
    h, found = network.as_inputs(x), []
    for layer in network.layers:
        h = layer.forward(h)
        if hasattr(layer, "weights"):
            found.append(np.moveaxis(h, 1, -1).reshape(-1, h.shape[1]))
    return found


@pytest.mark.parametrize("images", [False, True])
def test_with_inputs_every_unit_keeps_its_mean_to_half_a_step(images):
    x = np.random.default_rng(1).normal(size=(200, 1, 6, 6) if images else (200, 20)) + 1
    small = random_images() if images else random_network(np.float64)
    plain, better = round_weights(small, 3.0), round_weights(small, 3.0, x=x)
    shift = []
    for rounded in (plain, better):
        pairs = zip(sums(small, x), sums(rounded, x), strict=True)
        shift.append([np.abs((exact - coarse).mean(axis=0)).max() for exact, coarse in pairs])
    for layer, k, before, after in zip(small.weight_layers, range(9), *shift, strict=False):
        w, variance = layer.weights.to_dense(), layer.variance_matrix()
        step = 2.0 ** round(np.log2(3.0 * np.sqrt(typical_variance(variance[w != 0]))))
        assert after <= step / 2 + 1e-9 < before
        new = better.weight_layers[k]
        np.testing.assert_array_equal(new.weights.to_dense(), np.rint(w / step) * step)
        np.testing.assert_array_equal(new.bias, np.rint(new.bias / step) * step)


def random_images():
    net = nets.cnn((1, 6, 6), [nets.Block(4, 3, pool=2)], [3], seed=0, dtype=np.float64)
    rng = np.random.default_rng(0)
    for layer in net.weight_layers:
        layer.log_variance.value[...] = rng.uniform(-6, -4, layer.mean.value.shape)
        layer.bias.value[...] = rng.normal(size=layer.bias.value.shape)
    return compress(net)


def test_faint_layers_are_not_wiped_out_and_dead_ones_stay():
    small = random_network()
    first, last = (layer.weights.to_dense() for layer in small.weight_layers)
    faint = round_weights(small.with_weights([1e-4 * first, 0 * last]))
    assert faint.weight_layers[0].weights.kept > 0
    np.testing.assert_array_equal(faint.weight_layers[1].bias, small.weight_layers[1].bias)


def test_a_fraction_or_a_network_that_is_none_is_refused():
    with pytest.raises(ValueError, match="fraction must be"):
        round_weights(random_network(), 4.0)
    with pytest.raises(TypeError, match="network must be a CompressedNetwork"):
        round_weights(nets.mlp([3, 2], seed=0))
    with pytest.raises(ValueError, match=r"x must have shape \(n, 20\); got \(5, 3\)"):
        round_weights(random_network(), x=np.zeros((5, 3)))

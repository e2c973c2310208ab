"""Layers with sparse weights against the dense ones, moments of their draws, bytes of variances."""

import numpy as np
import pytest
import scipy.signal
from hypothesis import given, settings
from hypothesis import strategies as st

from tvbi_ref import compress, nets
from tvbi_ref.compression.formats import FORMATS, Dense
from tvbi_ref.compression.layers import SparseConv, SparseDense, positions
from tvbi_ref.compression.steps import STEPS, build_step, describe_step
from tvbi_ref.compression.variances import ByteVariances
from tvbi_ref.nets.kernel_matrix import to_matrix

every_format = pytest.mark.parametrize("format", FORMATS)


def sparse(rng, shape, density=0.4):
    return np.where(rng.random(shape) < density, rng.standard_normal(shape), 0.0)


def a_dense_layer(rng, I=9, J=6, **more):
    weights = Dense.from_dense(sparse(rng, (I, J)))
    return SparseDense(weights=weights, bias=rng.random(J), bias_variance=np.zeros(J), **more)


def a_convolution(rng, kernels, layout, stride=1, padding=0):
    F = len(kernels)
    return SparseConv(
        weights=Dense.from_dense(to_matrix(kernels, layout)),
        bias=rng.random(F),
        bias_variance=np.zeros(F),
        shape=kernels.shape,
        stride=stride,
        padding=padding,
        layout=layout,
    )


# Forward


@every_format
def test_a_dense_layer_is_the_product_with_its_matrix(format, rng):
    layer = a_dense_layer(rng).with_format(format)
    x = rng.standard_normal((5, 9))
    expected = x @ layer.dense_weights() + layer.bias
    assert layer.format == format
    np.testing.assert_allclose(layer.forward(x), expected, rtol=1e-12, atol=1e-12)


@every_format
@pytest.mark.parametrize("layout", ["blocks", "filters"])
@pytest.mark.parametrize(("stride", "padding"), [(1, 0), (2, 1), (3, 2)])
def test_a_convolution_is_scipys_correlation(format, layout, stride, padding, rng):
    kernels = sparse(rng, (3, 2, 3, 2))
    layer = a_convolution(rng, kernels, layout, stride, padding).with_format(format)
    x = rng.standard_normal((2, 2, 7, 8))
    padded = np.pad(x, [(0, 0)] * 2 + [(padding, padding)] * 2)
    np.testing.assert_array_equal(layer.dense_weights(), kernels)
    expected = [
        [
            scipy.signal.correlate(image, kernel, "valid")[0, ::stride, ::stride]
            for kernel in kernels
        ]
        for image in padded
    ] + layer.bias[:, None, None]
    np.testing.assert_allclose(layer.forward(x), expected, rtol=1e-10, atol=1e-12)
    assert layer.output_shape(x) == np.shape(expected)


def test_positions_are_the_pixels_that_come_out(rng):
    first = a_convolution(rng, sparse(rng, (2, 1, 3, 3)), "blocks", padding=1)
    second = a_convolution(rng, sparse(rng, (3, 2, 2, 2)), "blocks", stride=2)
    last = a_dense_layer(rng, I=3 * 2 * 3)
    layers = [first, nets.ReLU(), nets.MaxPool(2), second, nets.Flatten(), last]
    x, places = rng.standard_normal((1, 1, 8, 12)), []
    for layer in layers:
        x = layer.forward(x)
        if hasattr(layer, "weights"):
            places.append(x[0, 0].size)
    assert positions(layers, (1, 8, 12)) == places == [96, 6, 1]


# Posterior


def test_draws_have_the_posteriors_moments_and_no_weight_that_was_pruned(rng):
    layer = a_dense_layer(rng, 3, 2)
    variance = rng.uniform(0.5, 2.0, layer.weights.kept)
    layer = SparseDense(
        weights=layer.weights,
        bias=layer.bias,
        bias_variance=np.array([0.25, 0.0]),
        variances=ByteVariances.of(variance),
    )
    drawn = [layer.sample(rng) for _ in range(2000)]
    weights = np.array([each.dense_weights() for each in drawn])
    biases = np.array([each.bias for each in drawn])
    mean, error = layer.dense_weights(), np.sqrt(layer.variance_matrix() / 2000)
    assert (np.abs(weights.mean(axis=0) - mean) <= 5 * error).all()
    np.testing.assert_allclose(weights.var(axis=0), layer.variance_matrix(), rtol=0.2)
    np.testing.assert_allclose(biases.var(axis=0), layer.bias_variance, rtol=0.2, atol=1e-12)
    assert (weights[:, mean == 0] == 0).all()


def test_a_layer_without_variances_cannot_be_drawn(rng):
    layer = a_dense_layer(rng)
    assert layer.uncertainty_nbytes == 0
    for ask in (layer.variance_matrix, lambda: layer.sample(rng)):
        with pytest.raises(ValueError, match="holds no posterior variances: it was saved without"):
            ask()


@every_format
def test_a_weight_that_becomes_zero_takes_its_variance_along(format, rng):
    layer = a_dense_layer(rng)
    variance = rng.uniform(0.5, 2.0, layer.weights.kept)
    layer = SparseDense(
        weights=FORMATS[format].from_dense(layer.dense_weights()),
        bias=layer.bias,
        bias_variance=layer.bias_variance,
        variances=ByteVariances.of(variance),
    )
    kept = np.where(np.abs(layer.dense_weights()) > 0.5, layer.dense_weights(), 0)
    left = layer.with_weights(kept)
    np.testing.assert_array_equal(left.variance_matrix(), layer.variance_matrix() * (kept != 0))
    assert left.uncertainty_nbytes == np.count_nonzero(kept) < layer.uncertainty_nbytes


def test_variances_come_back_as_a_matrix_to_half_a_step():
    net = nets.mlp([6, 5], seed=0, dtype=np.float64)
    layer, rng = net.weight_layers[0], np.random.default_rng(0)
    layer.prune(rng.random((6, 5)) < 0.5)
    layer.log_variance.value[...] = rng.uniform(-6, -2, (6, 5))
    found = compress(net).weight_layers[0]
    rows = layer.mask.any(axis=1)
    np.testing.assert_array_equal(found.variance_matrix() == 0, ~layer.mask[rows])
    error = np.exp(found.variances.step / 2) - 1
    np.testing.assert_allclose(found.variance_matrix(), layer.variance[rows], rtol=1.01 * error)


variances = st.lists(st.floats(-40, 10), max_size=30).map(lambda logs: np.exp(logs))


@given(variances)
@settings(max_examples=40)
def test_a_byte_keeps_a_variance_to_half_a_step(variance):
    quantised = ByteVariances.of(variance)
    assert quantised.codes.nbytes == variance.size
    error = 2 * np.log(quantised.deviations) - np.log(variance)
    assert (np.abs(error) <= quantised.step / 2 + 1e-12).all()


@given(variances)
@settings(max_examples=40)
def test_rounding_a_second_time_changes_nothing(variance):
    once = ByteVariances.of(variance)
    twice = ByteVariances.of(once.deviations**2)
    np.testing.assert_allclose(twice.deviations, once.deviations, rtol=1e-12)


# Layers without weights


@pytest.mark.parametrize("kind", STEPS)
def test_a_step_comes_back_from_its_description(kind, rng):
    arguments = {"leak": 0.3, "size": 2}
    step = build_step({"kind": kind, **arguments})
    again = build_step(describe_step(step))
    x = rng.standard_normal((2, 3, 4, 4))
    assert type(again) is type(step)
    np.testing.assert_array_equal(again.forward(x), step.forward(x))


# Parts that do not fit


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"bias": np.zeros(3, np.float32)}, r"bias must have shape \(2,\)"),
        ({"bias": np.zeros(2)}, "weights and bias must have one dtype; got float32, float64"),
        ({"bias": np.array([0, np.nan], np.float32)}, "bias has 1 entry that is not finite"),
        ({"bias_variance": np.array([0, -1.0])}, "bias_variance must be >= 0; got -1"),
        ({"variances": ByteVariances.of(np.ones(3))}, "variances must be 8, one for each"),
    ],
)
def test_a_layer_of_parts_that_do_not_fit_is_refused(changes, says):
    layer = compress(nets.mlp([4, 2], seed=0)).weight_layers[0]
    parts = {name: getattr(layer, name) for name in ("weights", "bias", "bias_variance")}
    with pytest.raises(ValueError, match=says):
        type(layer)(**(parts | changes))


def test_variances_that_are_no_bytes_are_refused():
    with pytest.raises(ValueError, match="codes must be one row of uint8"):
        ByteVariances(np.zeros(2), 0.0, 1.0)
    with pytest.raises(ValueError, match=r"variances of kept weights must be positive; got 0\.0"):
        ByteVariances.of(np.array([1.0, 0.0]))
    for low, step in ((np.nan, 1.0), (0.0, -1.0), (0.0, np.inf)):
        with pytest.raises(ValueError, match="low and step must be finite"):
            ByteVariances(np.zeros(2, np.uint8), low, step)

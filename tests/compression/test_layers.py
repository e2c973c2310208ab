"""Layers with sparse weights against the dense ones and the readable convolution; variances."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tvbi_ref import compress, nets
from tvbi_ref.compression.formats import FORMATS, Clusters, Dense
from tvbi_ref.compression.layers import SparseConv, SparseDense, positions, sparse_network
from tvbi_ref.compression.steps import STEPS, build_step, describe_step
from tvbi_ref.compression.variances import ByteVariances
from tvbi_ref.nets import AveragePool, Flatten, LeakyReLU, MaxPool, ReLU, Tanh
from tvbi_ref.nets.kernel_matrix import to_matrix
from tvbi_ref.nets.local_reparam import correlate

TOLERANCE = {np.float32: 2e-5, np.float64: 1e-13}


# Layers in a row


@pytest.mark.parametrize(
    "step",
    [ReLU(), LeakyReLU(0.1), Tanh(), MaxPool(2), AveragePool(3), Flatten()],
    ids=lambda step: type(step).__name__,
)
@pytest.mark.parametrize("sides", [(6, 12), (7, 11)])
def test_steps_are_those_of_the_whole_network(step, sides):
    x = np.random.default_rng(0).normal(size=(5, 2, *sides))
    x[0, 0, 0, 0] = np.nan
    np.testing.assert_allclose(sparse_network([step], x), step.forward(x), rtol=1e-14)


def test_pools_larger_than_the_image_are_refused():
    with pytest.raises(ValueError, match="at least 2"):
        sparse_network([MaxPool(2)], np.ones((1, 1, 1, 5)))


def test_a_matrix_that_does_not_fit_the_images_is_refused():
    dense = SparseDense(
        weights=Clusters.from_dense(np.ones((8, 2))), bias=np.ones(2), bias_variance=np.zeros(2)
    )
    with pytest.raises(ValueError, match=r"x must have shape \(B, 8\)"):
        sparse_network([Flatten(), dense], np.ones((3, 1, 3, 3)))


# Convolutions


def convolution(kernels, stride, padding, layout, name):
    bias = np.arange(len(kernels)).astype(kernels.dtype)
    return SparseConv(
        weights=FORMATS[name].from_dense(to_matrix(kernels, layout)),
        bias=bias,
        bias_variance=np.zeros_like(bias),
        shape=kernels.shape,
        stride=stride,
        padding=padding,
        layout=layout,
    )


@pytest.mark.parametrize("layout", ["blocks", "filters"])
@pytest.mark.parametrize(("stride", "padding"), [(1, 0), (1, 2), (2, 0), (3, 1)])
@pytest.mark.parametrize("B", [0, 1, 2, 19])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_convolution_is_the_readable_one(stride, padding, B, layout, dtype):
    rng = np.random.default_rng(stride)
    kernels = rng.normal(size=(4, 3, 3, 5)) * (rng.random((4, 3, 3, 5)) < 0.3)
    kernels[1] = 0
    kernels, x = kernels.astype(dtype), rng.normal(size=(B, 3, 9, 14)).astype(dtype)
    layer = convolution(kernels, stride, padding, layout, "clusters")
    expected = correlate(x, kernels, stride, padding) + layer.bias[:, None, None]
    for z in (layer.forward(x), sparse_network([layer], x)):
        assert z.dtype == dtype
        np.testing.assert_allclose(z, expected, rtol=0, atol=100 * TOLERANCE[dtype])


@pytest.mark.parametrize("name", FORMATS)
def test_a_convolution_is_the_same_in_every_format(name):
    rng = np.random.default_rng(0)
    kernels, x = rng.normal(size=(2, 3, 4, 4)), rng.normal(size=(3, 3, 8, 8))
    kernels[rng.random(kernels.shape) < 0.5] = 0
    one, other = (convolution(kernels, 1, 1, "blocks", n).forward(x) for n in (name, "dense"))
    np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("B", [1, 4])
def test_a_pixel_that_is_nan_reaches_the_windows_that_hold_it_and_no_others(B):
    kernels = np.zeros((1, 1, 3, 3))
    kernels[0, 0, 0, 0] = kernels[0, 0, 2, 1] = 1
    x = np.ones((B, 1, 12, 12))
    x[:, 0, 5, 5] = np.nan
    z = convolution(kernels, 1, 0, "blocks", "clusters").forward(x)
    assert [tuple(place) for place in np.argwhere(np.isnan(z[-1, 0]))] == [(3, 4), (5, 5)]


@pytest.mark.parametrize("shape", [(2, 2, 9, 9), (2, 3, 2, 9), (3, 9, 9)])
def test_images_that_do_not_fit_are_refused(shape):
    layer = convolution(np.ones((2, 3, 3, 3)), 1, 0, "blocks", "dense")
    with pytest.raises(ValueError, match="x must"):
        layer.forward(np.ones(shape))


def test_positions_are_the_pixels_that_come_out(rng):
    first = convolution(rng.normal(size=(2, 1, 3, 3)), 1, 1, "blocks", "csr")
    second = convolution(rng.normal(size=(3, 2, 2, 2)), 2, 0, "blocks", "csr")
    last = SparseDense(
        weights=Dense.from_dense(np.ones((18, 2))), bias=np.ones(2), bias_variance=np.ones(2)
    )
    layers = [first, ReLU(), MaxPool(2), second, Flatten(), last]
    x, places = rng.standard_normal((1, 1, 8, 12)), []
    for layer in layers:
        x = layer.forward(x)
        if hasattr(layer, "weights"):
            places.append(x[0, 0].size)
    assert positions(layers, (1, 8, 12)) == places == [96, 6, 1]


# Posterior


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

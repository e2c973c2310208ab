"""The reparameterised layers as functions: their distribution, their types, their errors."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal, stats

from tvbi_ref import nets
from tvbi_ref.nets.local_reparam import (
    conv_deviation,
    correlate,
    correlate_backward,
    linear,
    linear_backward,
)

GEOMETRIES = [(1, 0), (1, 1), (2, 1), (3, 2)]


def dense_arguments(seed=0, B=3, I=4, J=2, dtype=np.float64):
    """Return (x, mean, variance, bias, noise) of random numbers."""
    rng = np.random.default_rng(seed)
    x, mean, bias = rng.normal(size=(B, I)), rng.normal(size=(I, J)), rng.normal(size=J)
    variance, noise = np.exp(rng.uniform(-3, 0, (I, J))), rng.normal(size=(B, J))
    return tuple(array.astype(dtype) for array in (x, mean, variance, bias, noise))


def conv_arguments(seed=0, stride=1, padding=0, dtype=np.float64):
    """Return (x, mean, variance, bias, noise) of images of 5 by 4 and kernels of 3 by 2."""
    rng = np.random.default_rng(seed)
    x, mean = rng.normal(size=(2, 3, 5, 4)), rng.normal(size=(2, 3, 3, 2))
    bias, variance = rng.normal(size=2), np.exp(rng.uniform(-3, 0, mean.shape))
    noise = rng.normal(size=correlate(x, mean, stride, padding).shape)
    return tuple(array.astype(dtype) for array in (x, mean, variance, bias, noise))


# The distribution: sampled weights against sampled activations

N_DRAWS = 20_000
RISK = 1e-6
"""The probability that a right layer fails one of the tests below, all its outputs together."""


def assert_same_moments(local, sampled):
    """Compare means (Welch) and variances (F test) of Gaussian draws, (n, outputs)."""
    n, n_outputs = local.shape
    level = RISK / (2 * n_outputs)  # two tests for each output
    assert (stats.ttest_ind(local, sampled, axis=0, equal_var=False).pvalue > level).all()
    ratio = local.var(axis=0, ddof=1) / sampled.var(axis=0, ddof=1)
    low, high = stats.f(n - 1, n - 1).interval(1 - level)
    assert ((low < ratio) & (ratio < high)).all()


def sampled_weights(mean, variance, rng):
    return mean + np.sqrt(variance) * rng.normal(size=(N_DRAWS, *mean.shape))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.slow
def test_dense_outputs_are_distributed_as_with_sampled_weights(seed):
    x, mean, variance, bias, noise = dense_arguments(seed)
    rng = np.random.default_rng(seed)
    draws = rng.normal(size=(N_DRAWS, *noise.shape))
    local = [nets.local_reparam_dense(x, mean, variance, bias, e) for e in draws]
    sampled = x @ sampled_weights(mean, variance, rng) + bias
    assert_same_moments(np.reshape(local, (N_DRAWS, -1)), sampled.reshape(N_DRAWS, -1))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("stride", "padding"), [(1, 0), (2, 1)])
@pytest.mark.slow
def test_conv_outputs_are_distributed_as_with_sampled_weights(stride, padding, seed):
    x, mean, variance, bias, noise = conv_arguments(seed, stride, padding)
    rng = np.random.default_rng(seed)
    many = np.repeat(x, N_DRAWS, axis=0)
    draws = rng.normal(size=(len(many), *noise.shape[1:]))
    local = nets.local_reparam_conv(many, mean, variance, bias, draws, stride, padding)
    local = local.reshape(len(x), N_DRAWS, -1).swapaxes(0, 1)
    weights = sampled_weights(mean, variance, rng).reshape(-1, *mean.shape[1:])
    sampled = correlate(x, weights, stride, padding)
    sampled = sampled.reshape(len(x), N_DRAWS, *noise.shape[1:]) + bias[:, None, None]
    sampled = sampled.reshape(len(x), N_DRAWS, -1).swapaxes(0, 1)
    assert_same_moments(local.reshape(N_DRAWS, -1), sampled.reshape(N_DRAWS, -1))


@pytest.mark.parametrize("factor", [0.9, 1.1])
def test_the_moments_would_show_a_variance_that_is_a_tenth_off(factor):
    x, mean, variance, bias, noise = dense_arguments()
    rng = np.random.default_rng(0)
    draws = rng.normal(size=(N_DRAWS, *noise.shape))
    local = [nets.local_reparam_dense(x, mean, factor * variance, bias, e) for e in draws]
    sampled = x @ sampled_weights(mean, variance, rng) + bias
    with pytest.raises(AssertionError):
        assert_same_moments(np.reshape(local, (N_DRAWS, -1)), sampled.reshape(N_DRAWS, -1))


# The linear maps and their backward passes


@settings(max_examples=60, deadline=None)
@given(
    st.tuples(*[st.integers(1, 3)] * 3),
    st.tuples(*[st.integers(1, 3)] * 2),
    st.tuples(*[st.integers(0, 3)] * 2),
    st.integers(1, 3),
    st.integers(0, 2),
    st.integers(0, 2**31),
)
def test_correlate_is_scipys_and_its_backward_pass_is_its_adjoint(
    counts, kernel_size, more, stride, padding, seed
):
    (B, C, F), rng = counts, np.random.default_rng(seed)
    sides = [max(1, k + m - 2 * padding) for k, m in zip(kernel_size, more, strict=True)]
    x, kernel = rng.normal(size=(B, C, *sides)), rng.normal(size=(F, C, *kernel_size))
    z = correlate(x, kernel, stride, padding)
    sides = ((0, 0), (0, 0), (padding, padding), (padding, padding))
    scipys = [signal.correlate(np.pad(x, sides), k[None], mode="valid") for k in kernel]
    scipys = np.concatenate(scipys, axis=1)[:, :, ::stride, ::stride]
    np.testing.assert_allclose(z, scipys, rtol=1e-10, atol=1e-12)
    grad = rng.normal(size=z.shape)
    d_kernel, d_x = correlate_backward(x, kernel, grad, stride, padding)
    # Linear in x and in the kernel alike, so <z, g> = <x, dx> = <K, dK>.
    assert np.vdot(x, d_x) == pytest.approx(np.vdot(z, grad), rel=1e-10, abs=1e-10)
    assert np.vdot(kernel, d_kernel) == pytest.approx(np.vdot(z, grad), rel=1e-10, abs=1e-10)


def test_linear_backward_is_the_adjoint():
    x, weight, *_ = dense_arguments()
    grad = np.random.default_rng(1).normal(size=(3, 2))
    d_weight, d_x = linear_backward(x, weight, grad)
    assert np.vdot(x, d_x) == pytest.approx(np.vdot(linear(x, weight), grad), rel=1e-12)
    assert np.vdot(weight, d_weight) == pytest.approx(np.vdot(linear(x, weight), grad), rel=1e-12)


def test_a_kernel_of_one_pixel_is_a_dense_layer_at_every_pixel():
    x, mean, variance, bias, noise = dense_arguments(B=6)
    grad = np.random.default_rng(1).normal(size=(6, 2))

    def as_images(rows):  # six rows become one image of 2 by 3
        return np.ascontiguousarray(rows.T.reshape(1, -1, 2, 3))

    kernels = [weight.T[:, :, None, None] for weight in (mean, variance)]
    z = nets.local_reparam_conv(as_images(x), *kernels, bias, as_images(noise))
    rows = nets.local_reparam_dense(x, mean, variance, bias, noise)
    np.testing.assert_allclose(z, as_images(rows), rtol=1e-13)
    conv = nets.local_reparam_conv_backward(
        as_images(x), *kernels, as_images(noise), as_images(grad)
    )
    dense = nets.local_reparam_dense_backward(x, mean, variance, noise, grad)
    for k in (0, 1):
        np.testing.assert_allclose(conv[k][:, :, 0, 0], dense[k].T, rtol=1e-12)
    np.testing.assert_allclose(conv[2], dense[2], rtol=1e-12)
    np.testing.assert_allclose(conv[3], as_images(dense[3]), rtol=1e-12)


# What the layer runs is the function


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("keep", [None, np.eye(4, 2, dtype=bool)], ids=["whole", "pruned"])
def test_a_dense_layer_runs_the_functions_to_the_last_bit(keep, dtype):
    x, _, variance, bias, _ = dense_arguments(dtype=dtype)
    layer = nets.Dense(4, 2, np.random.default_rng(0), dtype=dtype)
    layer.log_variance.value[...], layer.bias.value[...] = np.log(variance), bias
    if keep is not None:
        layer.prune(keep)
    z = layer.forward(x, np.random.default_rng(5))
    noise = np.random.default_rng(5).standard_normal(z.shape, dtype=dtype)
    posterior = layer.mean.value, layer.variance
    np.testing.assert_array_equal(z, nets.local_reparam_dense(x, *posterior, bias, noise))
    d_x = layer.backward(noise)
    d_mean, d_variance, d_bias, expected = nets.local_reparam_dense_backward(
        x, *posterior, noise, noise
    )
    np.testing.assert_array_equal(d_x, expected)
    np.testing.assert_array_equal(layer.bias.grad, d_bias)
    np.testing.assert_array_equal(layer.mean.grad, d_mean if keep is None else d_mean * keep)
    np.testing.assert_array_equal(layer.log_variance.grad, layer.variance * d_variance)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_functions_keep_the_dtype_and_their_arguments(dtype):
    dense, conv = dense_arguments(dtype=dtype), conv_arguments(0, 2, 1, dtype)
    kept = [array.copy() for array in (*dense, *conv)]
    results = [nets.local_reparam_dense(*dense), nets.local_reparam_conv(*conv, 2, 1)]
    results += nets.local_reparam_dense_backward(*dense[:3], dense[4], dense[4])
    results += nets.local_reparam_conv_backward(*conv[:3], conv[4], conv[4], 2, 1)
    assert all(result.dtype == dtype for result in results)
    for before, after in zip(kept, (*dense, *conv), strict=True):
        np.testing.assert_array_equal(before, after)


@pytest.mark.parametrize(("stride", "padding"), GEOMETRIES)
def test_an_input_of_zeros_has_finite_gradients(stride, padding):
    """The floor inside the root."""
    x, mean, variance, _, noise = conv_arguments(0, stride, padding)
    for gradient in nets.local_reparam_conv_backward(
        0 * x, mean, variance, noise, noise, stride, padding
    ):
        assert np.isfinite(gradient).all()
    np.testing.assert_array_equal(conv_deviation(0 * x, variance, stride, padding), 1e-4)
    x, mean, variance, _, noise = dense_arguments()
    for gradient in nets.local_reparam_dense_backward(0 * x, mean, variance, noise, noise):
        assert np.isfinite(gradient).all()


# Wrong arguments

DENSE = dict(zip(("x", "mean", "variance", "bias", "noise"), dense_arguments(), strict=True))
CONV = dict(zip(("x", "mean", "variance", "bias", "noise"), conv_arguments(), strict=True))
BAD_DENSE = {
    "too few inputs": {"x": np.ones((3, 3))},
    "one row without its axis": {"x": np.ones(4)},
    "flat means": {"mean": np.ones(4)},
    "variances transposed": {"variance": np.ones((2, 4))},
    "one variance for all": {"variance": np.ones(())},
    "a bias for each input": {"bias": np.ones(4)},
    "noise for each neuron": {"noise": np.ones(2)},
    "noise for one row": {"noise": np.ones((1, 2))},
}
BAD_CONV = {
    "one image without its axis": {"x": np.ones((3, 5, 4))},
    "too few channels": {"x": np.ones((2, 2, 5, 4))},
    "an image smaller than the kernel": {"x": np.ones((2, 3, 2, 2))},
    "kernels without channels": {"mean": np.ones((2, 3, 2))},
    "variances of another size": {"variance": np.ones((2, 3, 2, 3))},
    "a bias for each channel": {"bias": np.ones(3)},
    "noise for each map": {"noise": np.ones((2, 2, 1, 1))},
    "no stride": {"stride": 0},
    "half a stride": {"stride": 0.5},
    "two strides": {"stride": (1, 1)},
    "negative padding": {"padding": -1},
    "padding in words": {"padding": "same"},
}


@pytest.mark.parametrize("what", BAD_DENSE)
def test_a_wrong_shape_of_a_dense_layer_is_refused_by_name(what):
    (name,) = BAD_DENSE[what]
    with pytest.raises(ValueError, match=rf"\b{name}\b"):
        nets.local_reparam_dense(**DENSE | BAD_DENSE[what])
    if name != "bias":
        backward = {k: v for k, v in DENSE.items() if k != "bias"} | {"grad": DENSE["noise"]}
        with pytest.raises(ValueError, match=rf"\b{name}\b"):
            nets.local_reparam_dense_backward(**backward | BAD_DENSE[what])


@pytest.mark.parametrize("what", BAD_CONV)
def test_a_wrong_argument_of_a_convolution_is_refused_by_name(what):
    (name,) = BAD_CONV[what]
    with pytest.raises((TypeError, ValueError), match=rf"\b{name}\b"):
        nets.local_reparam_conv(**CONV | BAD_CONV[what])
    if name != "bias":
        backward = {k: v for k, v in CONV.items() if k != "bias"} | {"grad": CONV["noise"]}
        with pytest.raises((TypeError, ValueError), match=rf"\b{name}\b"):
            nets.local_reparam_conv_backward(**backward | BAD_CONV[what])


@pytest.mark.parametrize("backward", ["dense", "conv"])
def test_a_gradient_of_the_wrong_shape_is_refused_by_name(backward):
    arguments = DENSE if backward == "dense" else CONV
    function = getattr(nets, f"local_reparam_{backward}_backward")
    given = {k: v for k, v in arguments.items() if k != "bias"}
    with pytest.raises(ValueError, match=r"\bgrad\b"):
        function(**given, grad=arguments["noise"][:1])


def test_a_gradient_of_integers_leaves_the_inputs_whole():
    rng = np.random.default_rng(0)
    x, kernel = rng.normal(size=(2, 1, 5, 5)), rng.normal(size=(2, 1, 3, 3))
    grad = np.ones((2, 2, 3, 3), int)
    got, expected = (correlate_backward(x, kernel, g, 1, 0) for g in (grad, grad.astype(float)))
    for one, two in zip(got, expected, strict=True):
        np.testing.assert_allclose(one, two)

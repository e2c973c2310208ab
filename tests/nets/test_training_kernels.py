"""The passes of a training step against oracles that share no code with them or their twins."""

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from tvbi_ref._kernels import TWINS
from tvbi_ref.module_a import weight_penalty, weight_penalty_gradient
from tvbi_ref.nets import Adam, Parameter, local_reparam_dense, local_reparam_dense_backward
from tvbi_ref.nets.convolution import (
    gather_columns,
    gather_columns_numpy,
    scatter_columns,
    scatter_columns_numpy,
)
from tvbi_ref.nets.kernels import adam_step, add_noise, add_product, flat, noise_gradient
from tvbi_ref.nets.local_reparam import VARIANCE_FLOOR
from tvbi_ref.nets.pooling import max_pool_gradient, max_pool_gradient_numpy

KERNELS = ["adam_step", "add_noise", "add_product", "noise_gradient"]
KERNELS += ["gather_columns", "scatter_columns", "max_pool_gradient"]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_adam_step_follows_the_closed_form_of_the_moments(rng, dtype):
    """m_T = (1 - beta1) sum_t beta1^(T-t) g_t, and v_T likewise: no recursion in the oracle."""
    gradients, T = rng.normal(size=(12, 5)).astype(dtype), 12
    value, first, second = np.zeros((3, 5), dtype)
    for g in gradients:
        adam_step(value, g, first, second, 0.9, 0.99, 0.0, 1e-8, -np.inf, np.inf)
    ages = np.arange(T - 1, -1, -1)[:, None]
    m, v = 0.1 * (0.9**ages * gradients).sum(0), 0.01 * (0.99**ages * gradients**2.0).sum(0)
    assert_allclose(first, m, rtol=200 * np.finfo(dtype).eps, atol=10 * np.finfo(dtype).eps)
    assert_allclose(second, v, rtol=200 * np.finfo(dtype).eps)
    assert_array_equal(value, 0)
    adam_step(value, g, first, second, 1.0, 1.0, 0.5, 0.25, -np.inf, np.inf)
    assert_allclose(value, -0.5 * m / (np.sqrt(v) + 0.25), rtol=200 * np.finfo(dtype).eps)


def test_the_moments_of_a_weight_without_a_gradient_come_to_rest_at_zero():
    """Halved and rounded for ever, a subnormal number stays one, and slows every step."""
    value, grad = np.float32([0.3]), np.float32([1e-3])
    first, second = np.zeros((2, 1), np.float32)
    for step in range(2000):
        adam_step(value, grad, first, second, 0.9, 0.9, 1e-3, 1e-8, -np.inf, np.inf)
        grad *= 0.5
        assert step < 1000 or first[0] == second[0] == 0
    before = value.copy()
    adam_step(value, grad, first, second, 0.9, 0.9, 1e-3, 1e-8, -np.inf, np.inf)
    assert_array_equal(value, before)


def test_adam_step_clips_and_lets_a_nan_pass_for_the_loop_to_see():
    value, grad, second = np.array([0.0, 0.0, np.nan]), np.array([9.0, -9.0, 1.0]), np.ones(3)
    adam_step(value, grad, np.zeros(3), second, 0.0, 0.0, 1.0, 0.0, -0.5, 0.25)
    assert_array_equal(value, [-0.5, 0.25, np.nan])


def test_add_product_is_the_gradient_of_the_penalty(rng):
    mean, log_variance, rho = rng.normal(size=(3, 4, 3))
    rho, kappa = np.exp(rho), 0.7

    def penalty(k, step):
        point = [mean, log_variance]
        point[k] = point[k] + step
        return kappa * weight_penalty(point[0], np.exp(point[1]), rho)

    totals = np.zeros((2, 4, 3))
    variance = np.exp(log_variance)
    add_product(flat(totals[0]), flat(rho), flat(mean), kappa, 0)
    add_product(flat(totals[1]), flat(rho), flat(variance), kappa / 2, -kappa / 2)
    for k, index in np.ndindex(2, 12):
        step = np.zeros(12)
        step[index] = 1e-5
        step = step.reshape(4, 3)
        slope = (penalty(k, step) - penalty(k, -step)) / 2e-5
        assert_allclose(totals[k].flat[index], slope, rtol=1e-6, atol=1e-8)
    expected = weight_penalty_gradient(mean, variance, rho)
    assert_allclose(totals, kappa * np.array(expected), rtol=1e-12)


def test_add_product_adds(rng):
    total, a, b = rng.normal(size=(3, 5))
    before = total.copy()
    add_product(total, a, b, 2.0, 3.0)
    assert_allclose(total - before, [2 * x * y + 3 for x, y in zip(a, b, strict=True)])


def test_noise_passes_make_the_reparameterised_layer(rng):
    """Products and passes, put together by hand, are the plain functions of the equations."""
    x, mean = rng.normal(size=(6, 4)), rng.normal(size=(4, 3))
    variance, bias = rng.random((4, 3)), rng.normal(size=3)
    noise, grad = rng.normal(size=(2, 6, 3))
    z, sd = x @ mean + bias, (x * x) @ variance
    add_noise(flat(z), flat(sd), flat(noise), VARIANCE_FLOOR)
    assert_allclose(z, local_reparam_dense(x, mean, variance, bias, noise), rtol=1e-12)

    v, d_x = np.empty_like(noise), grad @ mean.T
    noise_gradient(flat(grad), flat(noise), flat(sd), flat(v))
    add_product(flat(d_x), flat(x), flat(v @ variance.T), 2, 0)
    _, d_variance, _, expected = local_reparam_dense_backward(x, mean, variance, noise, grad)
    assert_allclose((x * x).T @ v, d_variance, rtol=1e-12)
    assert_allclose(d_x, expected, rtol=1e-12)


def test_noise_has_the_deviation_that_it_says(rng):
    n, variance = 200_000, 0.3
    z, spread = np.full(n, 2.0), np.full(n, variance)
    add_noise(z, spread, rng.standard_normal(n), 0.01)
    assert_allclose(spread, np.sqrt(variance + 0.01))
    assert_allclose([z.mean(), z.var()], [2.0, variance + 0.01], rtol=0.01)


def test_noise_gradient_is_the_slope_by_the_variance(rng):
    variance, noise, grad = np.exp(rng.normal(size=(3, 8)))
    v, step = np.empty(8), 1e-6
    noise_gradient(grad, noise, np.sqrt(variance), v)
    slope = grad * noise * (np.sqrt(variance + step) - np.sqrt(variance - step)) / (2 * step)
    assert_allclose(v, slope, rtol=1e-8)


def test_adam_refuses_arrays_in_which_its_writing_would_be_lost():
    every_other = Parameter("every other", np.zeros(6)[::2])
    with pytest.raises(ValueError, match="C-contiguous"):
        Adam([every_other]).step(0.1)


def float32_arguments(name, rng):
    """Return what a kernel takes, arrays of float32 and Python's numbers."""
    if name in ("gather_columns", "scatter_columns"):
        x, columns = (rng.random(shape, dtype=np.float32) for shape in SHAPES_OF_A_CONVOLUTION)
        return (x, 1, columns) if name == "gather_columns" else (columns, 1, x)
    if name == "max_pool_gradient":
        large, small = (rng.random((1, 1, n, n), dtype=np.float32) for n in (4, 2))
        return large, small, small.copy(), 2, large.copy()
    n_arrays = {"adam_step": 4, "add_noise": 3, "add_product": 3, "noise_gradient": 4}[name]
    scalars = {"adam_step": 6, "add_noise": 1, "add_product": 2, "noise_gradient": 0}[name]
    return *rng.random((n_arrays, 8), dtype=np.float32), *[0.5] * scalars


SHAPES_OF_A_CONVOLUTION = (1, 1, 4, 4), (1, 2, 2, 1, 3, 3)


@pytest.mark.skipif(bool(numba.config.DISABLE_JIT), reason="there is no machine code to look at")
@pytest.mark.parametrize("name", KERNELS)
def test_float32_is_nowhere_widened_to_float64(name, rng):
    """A literal may promote a loop to float64; it costs half the speed, and no result shows it."""
    fresh = numba.njit(error_model="numpy")(TWINS[name].kernel.py_func)  # a cached one hides it
    fresh(*float32_arguments(name, rng))
    assert "fpext float" not in fresh.inspect_llvm(fresh.signatures[0])


# Loops over windows and tiles

GEOMETRIES = st.tuples(
    st.tuples(st.integers(0, 3), st.integers(1, 3)),  # images, channels
    st.tuples(st.integers(1, 3), st.integers(1, 4)),  # kernel
    st.tuples(st.integers(1, 9), st.integers(1, 6)),  # positions: also more than a vector holds
    st.tuples(st.integers(0, 2), st.integers(0, 2)),  # pixels that the last step leaves over
)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@settings(max_examples=40)
@given(GEOMETRIES, st.integers(1, 3), st.integers(0, 2**31))
def test_gathering_and_scattering_are_their_twins(dtype, geometry, stride, seed):
    (B, C), kernel, positions, left = geometry
    # Pixels beyond the last step must be fewer than a step, or there would be one more position.
    sides = [
        stride * (n - 1) + k + min(extra, stride - 1)
        for n, k, extra in zip(positions, kernel, left, strict=True)
    ]
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(B, C, *sides)).astype(dtype)
    ours, theirs = np.full((2, C, *kernel, B, *positions), np.nan, dtype)
    gather_columns(x, stride, ours)
    gather_columns_numpy(x, stride, theirs)
    assert_array_equal(ours, theirs)
    ours, theirs = x.copy(), x.copy()
    columns = rng.normal(size=(C, *kernel, B, *positions)).astype(dtype)
    scatter_columns(columns, stride, ours)
    scatter_columns_numpy(columns, stride, theirs)
    assert_allclose(ours, theirs, rtol=20 * np.finfo(dtype).eps, atol=20 * np.finfo(dtype).eps)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@settings(max_examples=40)
@given(
    st.tuples(*[st.integers(1, 3)] * 2, st.integers(1, 3), st.integers(1, 9)),
    st.integers(1, 4),
    st.integers(0, 2**31),
)
def test_the_gradient_of_maxima_is_its_twin(dtype, shape, size, seed):
    rng = np.random.default_rng(seed)
    B, C, rows, width = shape
    x = rng.integers(3, size=(B, C, rows * size, width * size)).astype(dtype)  # with ties
    z = x.reshape(B, C, rows, size, width, size).max(axis=(3, 5))
    grad, out = rng.normal(size=shape).astype(dtype), np.full((2, *x.shape), np.nan, dtype)
    max_pool_gradient(x, z, grad, size, out[0])
    max_pool_gradient_numpy(x, z, grad, size, out[1])
    assert_array_equal(*out)

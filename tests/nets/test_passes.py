"""The passes of a training step against oracles that share no code with them."""

from importlib import import_module

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import tvbi_ref
from tvbi_ref import nets
from tvbi_ref.nets import Adam, Parameter
from tvbi_ref.nets.layers import dense_backward, draw_dense
from tvbi_ref.nets.optimizers import adam_step


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


def test_the_fast_adam_refuses_arrays_in_which_its_writing_would_be_lost():
    pytest.importorskip("numba")
    every_other = Parameter("every other", np.zeros(6)[::2])
    with pytest.raises(ValueError, match="C-contiguous"), tvbi_ref.use("numba"):
        Adam([every_other]).step(0.1)


@pytest.mark.parametrize("how", ["numba", "numpy", "own forward", "own backward"])
@pytest.mark.parametrize("needs_dx", [True, False])
def test_the_ways_there_and_back_fit_together_whoever_answers_for_them(how, needs_dx, rng):
    """A forward pass of the reader's leaves no memory, and one of ours leaves it in vain."""
    x, mean, bias = rng.normal(size=(6, 4)), rng.normal(size=(4, 3)), rng.normal(size=3)
    variance, noise, grad = rng.random((4, 3)), *rng.normal(size=(2, 6, 3))
    own = {
        "own forward": {"local-reparam-dense": nets.local_reparam_dense.readable},
        "own backward": {
            "local-reparam-dense-backward": nets.local_reparam_dense_backward.readable
        },
    }
    if how != "numpy":
        pytest.importorskip("numba")
    out, memory = tuple(np.full_like(like, np.nan) for like in (mean, mean, bias)), {}
    with tvbi_ref.use(how if how in ("numba", "numpy") else "numba", own.get(how)):
        z = draw_dense(x, mean, variance, bias, noise, memory)
        d_x = dense_backward(x, mean, variance, noise, grad, memory, needs_dx, out)
    assert bool(memory) == (how in ("numba", "own backward"))
    assert_allclose(z, nets.local_reparam_dense(x, mean, variance, bias, noise), rtol=1e-12)
    expected = nets.local_reparam_dense_backward(x, mean, variance, noise, grad)
    for ours, theirs in zip((*out, d_x) if needs_dx else out, expected, strict=needs_dx):
        assert_allclose(ours, theirs, rtol=1e-12)


# What only machine code can get wrong


VECTOR, MATRIX = (8,), (2, 8)
CUBE, IMAGE, POOLED = (8, 2, 3), (4, 1, 4, 5), (2, 1, 2, 5)
KERNELS = {  # what each takes, of an array its shape
    "passes.move": [VECTOR] * 4 + [0.5] * 6,
    "passes.add_product": [VECTOR] * 3 + [0.5] * 2,
    "dense.add_noise": [MATRIX, MATRIX, VECTOR, MATRIX],
    "conv.add_noise": [CUBE, CUBE, VECTOR, CUBE],
    "pooling.write_gradient": [IMAGE, POOLED, POOLED, 2, IMAGE],
}


@pytest.mark.parametrize("name", KERNELS)
@pytest.mark.slow
def test_float32_is_nowhere_widened_to_float64(name, rng):
    """A literal may promote a loop to float64; it costs half the speed, and no result shows it."""
    numba = pytest.importorskip("numba")
    if numba.config.DISABLE_JIT:
        pytest.skip("there is no machine code to look at")
    file, function = name.split(".")
    kernel = getattr(import_module(f"tvbi_ref.fast.{file}"), function)
    fresh = numba.njit(error_model="numpy")(kernel.py_func)  # a cached one hides it
    given = KERNELS[name]
    fresh(*(rng.random(a, dtype=np.float32) if isinstance(a, tuple) else a for a in given))
    assert "fpext float" not in fresh.inspect_llvm(fresh.signatures[0])

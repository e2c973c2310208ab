"""Optimizers against the loops of the textbook."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tvbi_ref.nets import SGD, Adam, Parameter


def run(optimizer, parameter, gradients, learning_rates):
    path = []
    for gradient, rate in zip(gradients, learning_rates, strict=True):
        parameter.grad[...] = gradient
        optimizer.step(rate)
        path.append(parameter.value.copy())
    return np.array(path)


@pytest.fixture
def gradients():
    return np.random.default_rng(0).normal(size=(20, 4)) * [1e-3, 0.1, 1.0, 1e3]


RATES = np.linspace(0.1, 0.005, 20)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.floats(1e-3, 1e3) | st.floats(-1e3, -1e-3), min_size=1, max_size=5),
    st.floats(1e-4, 1),
)
def test_adams_first_step_is_the_learning_rate_times_the_sign(gradient, rate):
    theta = Parameter("theta", np.zeros(len(gradient)))
    moved = run(Adam([theta]), theta, [gradient], [rate])[0]
    np.testing.assert_allclose(moved, -rate * np.sign(gradient), rtol=2e-5)


@pytest.mark.parametrize(
    ("beta1", "beta2", "epsilon"), [(0.9, 0.999, 1e-8), (0.5, 0.9, 0.1), (0.0, 0.0, 1e-3)]
)
def test_adam_is_the_textbook_loop(gradients, beta1, beta2, epsilon):
    theta = Parameter("theta", np.ones(4))
    path = run(Adam([theta], beta1, beta2, epsilon), theta, gradients, RATES)
    value, m, v = np.ones(4), np.zeros(4), np.zeros(4)
    for t, (g, rate) in enumerate(zip(gradients, RATES, strict=True), start=1):
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        m_hat, v_hat = m / (1 - beta1**t), v / (1 - beta2**t)
        value = value - rate * m_hat / (np.sqrt(v_hat) + epsilon)
        np.testing.assert_allclose(path[t - 1], value, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.9])
def test_sgd_is_the_heavy_ball_loop(gradients, momentum):
    theta = Parameter("theta", np.ones(4))
    path = run(SGD([theta], momentum), theta, gradients, RATES)
    value, u = np.ones(4), np.zeros(4)
    for t, (g, rate) in enumerate(zip(gradients, RATES, strict=True)):
        u = momentum * u - rate * g
        value = value + u
        np.testing.assert_allclose(path[t], value, rtol=1e-12)


@pytest.mark.parametrize("make", [SGD, Adam])
def test_a_step_ends_inside_the_bounds(make):
    theta = Parameter("theta", np.zeros(2), bounds=(-0.5, 0.25))
    path = run(make([theta]), theta, [[100.0, -100.0]] * 3, [1.0] * 3)
    np.testing.assert_array_equal(path[-1], [-0.5, 0.25])


@pytest.mark.parametrize("make", [SGD, Adam])
def test_both_find_the_minimum_of_a_quadratic(make):
    target, scale = np.array([1.0, -2.0, 0.5]), np.array([1.0, 3.0, 0.3])
    theta = Parameter("theta", np.zeros(3))
    optimizer = make([theta])
    for rate in np.linspace(0.3, 0, 400):
        theta.grad[...] = scale * (theta.value - target)
        optimizer.step(rate)
    np.testing.assert_allclose(theta.value, target, atol=1e-3)


@pytest.mark.parametrize("make", [SGD, Adam])
def test_parameters_do_not_mix(make, gradients):
    """Two parameters together move as each of them alone."""
    both = [Parameter("one", np.zeros(4)), Parameter("two", np.ones(4))]
    together = make(both)
    alone = [Parameter("one", np.zeros(4)), Parameter("two", np.ones(4))]
    singles = [make([p]) for p in alone]
    for g in gradients:
        for k in (0, 1):
            both[k].grad[...] = alone[k].grad[...] = g * (k + 1)
            singles[k].step(0.01)
        together.step(0.01)
    for one, other in zip(both, alone, strict=True):
        np.testing.assert_array_equal(one.value, other.value)


@pytest.mark.parametrize("make", [SGD, Adam])
def test_a_zero_gradient_moves_nothing(make):
    theta = Parameter("theta", np.ones(3))
    path = run(make([theta]), theta, np.zeros((5, 3)), [0.1] * 5)
    np.testing.assert_array_equal(path, 1)


@pytest.mark.parametrize("make", [SGD, Adam])
def test_a_step_works_in_place_and_keeps_float32(make):
    value = np.ones(3, np.float32)
    theta = Parameter("theta", value, bounds=(-20.0, 2.0))
    optimizer = make([theta])
    gradient = np.full(3, 0.1, np.float32)
    for _ in range(3):
        theta.grad[...] = gradient
        optimizer.step(np.float64(0.1))
    assert theta.value is value
    moments = optimizer.velocity if make is SGD else optimizer.first + optimizer.second
    assert all(array.dtype == np.float32 for array in [theta.value, theta.grad, *moments])
    np.testing.assert_array_equal(theta.grad, gradient)

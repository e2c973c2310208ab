"""Hard concrete gates: their distribution against closed forms, their gradients."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, optimize

from tvbi_ref import nets
from tvbi_ref.lab.baselines import HardConcreteL0, Problem, l0

LOG_A = [-4.0, -1.0, 0.0, 1.5, 4.0]


def gate(u, log_a):
    return float(l0.draw_gates(np.array(log_a), np.array(u))[0])


@pytest.mark.parametrize("log_a", LOG_A)
def test_the_open_probability_is_the_length_of_the_noise_that_opens(log_a):
    """A gate rises with u, so P(z != 0) is 1 - u* at the point where it leaves zero."""
    start = optimize.bisect(lambda u: (gate(u, log_a) > 0) - 0.5, 1e-12, 1 - 1e-12, xtol=1e-13)
    assert float(l0.open_probability(np.array(log_a))) == pytest.approx(1 - start, abs=1e-9)


@pytest.mark.parametrize("log_a", LOG_A)
def test_the_open_probability_by_monte_carlo(log_a):
    n = 200_000
    z, _ = l0.draw_gates(np.full(n, log_a), np.random.default_rng(0).random(n))
    p = float(l0.open_probability(np.array(log_a)))
    assert abs(np.mean(z != 0) - p) < 5 * np.sqrt(p * (1 - p) / n)


@pytest.mark.parametrize("log_a", [-1.0, 0.0, 1.5])
def test_the_mean_gate_by_quadrature_over_the_distribution_function(log_a):
    """E[z] = integral of P(z > t) over [0, 1], and P(z > t) is a logistic function."""

    def survival(t):
        s = (t - l0.GAMMA) / (l0.ZETA - l0.GAMMA)
        return 1 / (1 + np.exp(l0.BETA * np.log(s / (1 - s)) - log_a))

    expected = integrate.quad(survival, 0, 1)[0]
    n = 200_000
    z, _ = l0.draw_gates(np.full(n, log_a), np.random.default_rng(0).random(n))
    assert abs(z.mean() - expected) < 5 * z.std() / np.sqrt(n)
    assert survival(0) == pytest.approx(float(l0.open_probability(np.array(log_a))))


@given(st.floats(-4, 4), st.floats(0.001, 0.999))
def test_the_derivative_of_a_gate_is_its_finite_difference(log_a, u):
    h = 1e-6
    z, d_log_a = l0.draw_gates(np.array(log_a), np.array(u))
    ends = gate(u, log_a - h), gate(u, log_a + h)
    assert 0 <= z <= 1
    if min(ends) > 0 and max(ends) < 1:
        assert d_log_a == pytest.approx((ends[1] - ends[0]) / (2 * h), abs=1e-6)
    elif min(ends) == max(ends):
        assert d_log_a == 0


def test_the_final_gate_is_zero_where_the_median_gate_is():
    for log_a in np.linspace(-4, 4, 33):
        s = l0.final_gates(np.array(log_a))
        assert (s == 0) == (1 / (1 + np.exp(-log_a)) * 1.2 <= 0.1)


@pytest.mark.parametrize("gates", l0.GATES)
def test_the_gradient_of_the_objective_with_fixed_noise(float64_net, objective_gradient, gates):
    gated = [l0.GatedLayer(layer, gates, drop=0.4) for layer in float64_net.weight_layers]
    rng = np.random.default_rng(1)
    for g in gated:
        g.log_a.value[...] = rng.uniform(-1, 2, g.log_a.value.shape)

    def penalty():
        return 0.3 * sum(
            float(np.broadcast_to(l0.open_probability(g.log_a.value), g.theta.value.shape).sum())
            for g in gated
        )

    report = objective_gradient(float64_net, l0._Gates(gated, 0.3), penalty)
    assert report, report.message


def test_a_gate_a_group_or_a_gate_a_weight():
    net = nets.cnn((2, 4, 4), [(3, 3)], [2], seed=0)
    conv, dense = (l0.GatedLayer(layer, "unit", 0.5) for layer in net.weight_layers)
    assert conv.log_a.value.shape == (3, 1, 1, 1)
    assert conv.weights_a_gate == 18
    assert dense.log_a.value.shape == (12, 1)
    one = l0.GatedLayer(net.weight_layers[0], "weight", 0.2)
    assert one.log_a.value.shape == (3, 2, 3, 3)
    np.testing.assert_allclose(1 / (1 + np.exp(-one.log_a.value)), 0.8, rtol=1e-6)


def test_the_noise_never_makes_an_infinity():
    class Extreme:
        def __init__(self, value):
            self.value = value

        def integers(self, high, size):
            return np.full(size, self.value(high))

    net = nets.mlp([3, 2], seed=0)
    g = l0.GatedLayer(net.weight_layers[0], "weight", 0.5)
    for value in (lambda high: 0, lambda high: high - 1):
        g.draw(Extreme(value))
        assert np.isfinite(g.z).all()
        assert np.isfinite(g.dz).all()


def test_units_go_as_a_whole(digits, small_net, budget):
    problem = Problem(digits.x_train, digits.y_train, budget, seed=0)
    small = HardConcreteL0(strength=0.05, drop=0.9).prune(small_net, problem)
    for layer in small.weight_layers:
        np.testing.assert_array_equal(layer.mask.all(axis=1), layer.mask.any(axis=1))
    assert 0 < small.n_kept < small.n_weights

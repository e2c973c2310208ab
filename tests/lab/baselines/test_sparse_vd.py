"""Sparse variational dropout: the fit of the KL divergence against the integral itself."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate

from tvbi_ref import nets
from tvbi_ref.lab.baselines import Problem, SparseVD, sparse_vd
from tvbi_ref.lab.experiment import Budget
from tvbi_ref.school.checks import check_gradients


def exact_kl(log_alpha):
    """Return E ln|e| - 1/2 ln alpha + (gamma + ln 2)/2, e ~ N(1, alpha)."""
    root = math.exp(0.5 * log_alpha)

    def integrand(v):
        """By v = ln|e|, where the logarithm has no singularity left."""
        e = math.exp(v)
        above, below = ((s * e - 1) / root for s in (1, -1))
        density = math.exp(-0.5 * above**2) + math.exp(-0.5 * below**2)
        return v * e * density / (root * math.sqrt(2 * math.pi))

    ends = [-40.0, math.log(max(1 - 12 * root, 0.01 * root)), 0.0, math.log(1 + 12 * root)]
    parts = [integrate.quad(integrand, a, b)[0] for a, b in itertools.pairwise(ends)]
    return sum(parts) - 0.5 * log_alpha + 0.5 * (np.euler_gamma + np.log(2))


def test_the_quadrature_is_right_where_the_integral_is_known():
    assert exact_kl(-12.0) == pytest.approx(6 + 0.635181, abs=1e-5)  # ln|e| is about 0
    assert exact_kl(25.0) == pytest.approx(0, abs=1e-4)  # E ln|u| = -(gamma + ln 2)/2


@pytest.fixture(scope="module")
def curve():
    l = np.linspace(-10, 12, 45)
    return l, np.array([exact_kl(value) for value in l])


def test_the_approximation_is_that_of_the_exact_integral(curve):
    l, exact = curve
    error = sparse_vd.kl_divergence(l) - exact
    assert np.abs(error).max() < 0.01
    assert np.abs(error).mean() < 0.003


@pytest.mark.parametrize("name", ["K1", "K2", "K3"])
def test_each_constant_is_needed(monkeypatch, name, curve):
    l, exact = curve
    right = np.abs(sparse_vd.kl_divergence(l) - exact).max()
    for factor in (0.95, 1.05):
        with monkeypatch.context() as patch:
            patch.setattr(sparse_vd, name, factor * getattr(sparse_vd, name))
            assert np.abs(sparse_vd.kl_divergence(l) - exact).max() > 1.2 * right


def test_the_divergence_falls_with_the_noise():
    kl = sparse_vd.kl_divergence(np.linspace(-20, 40, 500))
    assert (np.diff(kl) < 0).all()
    assert kl[-1] < 1e-12


@given(st.floats(-4, 4), st.floats(-10, 2))
def test_the_gradient_is_the_finite_difference(mean, log_variance):
    def kl(t):
        return float(sparse_vd.kl_divergence(sparse_vd.log_alpha(t[:1], t[1:])).sum())

    def gradient(t):
        return np.concatenate(sparse_vd.kl_gradient(t[:1], t[1:]))

    # Below 0.05 the third derivative of ln mu^2 drowns the central difference.
    mean = np.copysign(max(abs(mean), 0.05), mean)
    assert check_gradients(kl, [mean, log_variance], gradient=gradient, tolerance=1e-5)


def test_a_weight_at_zero_feels_no_pull():
    d_mean, d_log_variance = sparse_vd.kl_gradient(np.zeros(3, np.float32), np.full(3, -8.0))
    np.testing.assert_array_equal(d_mean, 0)
    assert np.isfinite(d_log_variance).all()


def test_the_gradient_of_the_objective_with_fixed_noise(float64_net, objective_gradient):
    layers = float64_net.weight_layers

    def penalty():
        return 2.0 * sum(
            float(
                sparse_vd.kl_divergence(
                    sparse_vd.log_alpha(w.mean.value, w.log_variance.value)
                ).sum()
            )
            for w in layers
        )

    hooks = sparse_vd.LogUniformKL(layers, strength=2.0, length=0.5)
    report = objective_gradient(float64_net, hooks, penalty)
    assert report, report.message


def test_the_mask_is_log_alpha_below_the_threshold(digits, small_net, budget):
    problem = Problem(digits.x_train, digits.y_train, budget, seed=0)
    everything = SparseVD(threshold=1e9).prune(small_net.copy(), problem)
    small = SparseVD(threshold=-4.0).prune(small_net.copy(), problem)
    for full, layer in zip(everything.weight_layers, small.weight_layers, strict=True):
        assert full.mask.all()
        l = sparse_vd.log_alpha(full.mean.value, full.log_variance.value)
        np.testing.assert_array_equal(layer.mask, l < -4.0)


def test_a_strong_prior_keeps_only_the_input_that_matters():
    """Twenty inputs, one of which is the answer; the bare bound keeps some of the noise, too."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(1000, 20))
    y = (2 * x[:, 3] + rng.logistic(size=1000) > 0).astype(int)
    budget = Budget(epochs=60, fine_tune_epochs=0, batch_size=100, learning_rate=2e-2)
    small = SparseVD(strength=10.0).fit(nets.mlp([20, 2], seed=0), x, y, budget, seed=0)
    assert small.weight_layers[0].mask.any(axis=1).nonzero()[0].tolist() == [3]

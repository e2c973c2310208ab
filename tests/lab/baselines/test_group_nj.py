"""Group normal-Jeffreys: the noise layer, the KL of the weights, and what is folded."""

import numpy as np
import pytest
from scipy import integrate, stats

from tvbi_ref import nets
from tvbi_ref.lab.baselines import GroupNormalJeffreys, Problem, group_nj, sparse_vd
from tvbi_ref.school.checks import check_gradients


@pytest.mark.parametrize("shape", [(5, 3), (4, 3, 2, 2)], ids=["units", "filters"])
@pytest.mark.parametrize("noise_seed", [None, 1])
def test_the_gradients_of_the_noise_layer(shape, noise_seed):
    rng = np.random.default_rng(0)
    layer = group_nj.MultiplicativeNoise(3, dtype=np.float64)
    layer.mean.value[...] = rng.normal(size=3)
    layer.log_variance.value[...] = rng.uniform(-3, 0, 3)
    report = check_gradients(layer, rng.normal(size=shape), noise_seed=noise_seed)
    assert report, report.message


def test_the_noise_has_the_moments_that_it_claims():
    layer = group_nj.MultiplicativeNoise(2, dtype=np.float64)
    layer.mean.value[...] = [2.0, -1.0]
    layer.log_variance.value[...] = np.log([0.25, 4.0])
    n = 100_000
    z = layer.forward(np.ones((n, 2)), np.random.default_rng(0))
    np.testing.assert_allclose(z.mean(axis=0), [2, -1], atol=5 * 2 / np.sqrt(n))
    np.testing.assert_allclose(z.var(axis=0), [0.25, 4], rtol=5 * np.sqrt(2 / n))


@pytest.mark.parametrize(("mean", "variance"), [(0.7, 0.3), (-2.0, 1.0), (0.0, 5.0)])
@pytest.mark.parametrize("z", [0.1, -3.0])
def test_the_scale_cancels_in_the_divergence_of_the_weights(mean, variance, z):
    q, p = stats.norm(z * mean, abs(z) * np.sqrt(variance)), stats.norm(0, abs(z))
    width = 14 * abs(z) * np.sqrt(variance)

    def integrand(w):
        return q.pdf(w) * (q.logpdf(w) - p.logpdf(w))

    kl = integrate.quad(integrand, z * mean - width, z * mean + width)[0]
    ours = group_nj.standard_normal_kl(np.array([mean]), np.log([variance]))
    assert ours == pytest.approx(kl, abs=1e-7)


def test_the_gradient_of_the_objective_with_fixed_noise(float64_net, objective_gradient):
    scaled = group_nj.ScaledNetwork(float64_net)
    rng = np.random.default_rng(1)
    for noise in scaled.scales:
        noise.mean.value[...] = rng.uniform(0.5, 1.5, noise.mean.value.shape)
        noise.log_variance.value[...] = rng.uniform(-3, 0, noise.mean.value.shape)

    def penalty():
        scales = sum(
            float(
                sparse_vd.kl_divergence(
                    sparse_vd.log_alpha(n.mean.value, n.log_variance.value)
                ).sum()
            )
            for n in scaled.scales
        )
        weights = sum(
            group_nj.standard_normal_kl(w.mean.value, w.log_variance.value)
            for w in scaled.weight_layers
        )
        return 2.0 * (scales + weights)

    hooks = group_nj.NormalJeffreysKL(scaled, strength=2.0, length=0.5)
    report = objective_gradient(scaled, hooks, penalty)
    assert report, report.message
    assert report.entries == sum(p.value.size for p in scaled.parameters())


def test_folding_changes_no_output(float64_net):
    scaled = group_nj.ScaledNetwork(float64_net)
    rng = np.random.default_rng(1)
    for noise in scaled.scales:
        noise.mean.value[...] = rng.normal(size=noise.mean.value.shape)
    x = rng.normal(size=(6, np.prod(float64_net.input_shape or float64_net.widths[:1])))
    before = scaled.predict(x)
    for k, noise in enumerate(scaled.scales):
        scaled.fold(k, np.ones(len(noise.mean.value), bool))
    np.testing.assert_allclose(float64_net.predict(x), before, atol=1e-12)


def test_a_dropped_group_goes_as_a_whole(digits, budget):
    net = nets.cnn((1, 8, 8), [(4, 3)], [10], seed=0)
    problem = Problem(digits.x_train[:200], digits.y_train[:200], budget, seed=0)
    # A threshold in the midst of what so few epochs can do.
    small = GroupNormalJeffreys(threshold=-8.02).prune(net, problem)
    for layer in small.weight_layers:
        flat = layer.mask.reshape(len(layer.mask), -1)
        np.testing.assert_array_equal(flat.all(axis=1), flat.any(axis=1))
    assert 0 < small.n_kept < small.n_weights

"""Layers: their gradients, and the local reparameterisation against sampled weights."""

import numpy as np
import pytest
from scipy import stats

from tvbi_ref.nets import Dense, LeakyReLU, ReLU
from tvbi_ref.nets.local_reparam import VARIANCE_FLOOR


def random_dense(seed, n_inputs=3, n_outputs=2, keep=None):
    """Return a float64 layer with visible variances and biases."""
    rng = np.random.default_rng(seed)
    layer = Dense(n_inputs, n_outputs, rng, dtype=np.float64)
    layer.log_variance.value[...] = rng.uniform(-3, 0, (n_inputs, n_outputs))
    layer.bias.value[...] = rng.normal(size=n_outputs)
    if keep is not None:
        layer.prune(keep)
    return layer


def numerical_gradient(loss, value, step=1e-6):
    gradient = np.empty_like(value)
    for n in np.ndindex(value.shape):
        kept = value[n]
        value[n] = kept + step
        above = loss()
        value[n] = kept - step
        gradient[n] = (above - loss()) / (2 * step)
        value[n] = kept
    return gradient


KEEP = np.array([[True, False], [False, True], [True, True]])


@pytest.mark.parametrize("noise_seed", [None, 5])
@pytest.mark.parametrize("keep", [None, KEEP], ids=["whole", "pruned"])
@pytest.mark.parametrize("seed", range(3))
def test_the_input_gradient_of_dense_is_its_finite_difference(seed, keep, noise_seed):
    layer = random_dense(seed, keep=keep)
    rng = np.random.default_rng(100 + seed)
    x, g = rng.normal(size=(4, 3)), rng.normal(size=(4, 2))

    def loss():
        noise = None if noise_seed is None else np.random.default_rng(noise_seed)
        return float(np.sum(g * layer.forward(x, noise)))

    loss()
    dX = layer.backward(g)
    np.testing.assert_allclose(dX, numerical_gradient(loss, x), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("noise_seed", [None, 5])
@pytest.mark.parametrize("seed", range(3))
def test_the_parameter_gradients_of_dense_are_their_finite_differences(seed, noise_seed):
    layer = random_dense(seed)
    rng = np.random.default_rng(100 + seed)
    x, g = rng.normal(size=(4, 3)), rng.normal(size=(4, 2))

    def loss():
        noise = None if noise_seed is None else np.random.default_rng(noise_seed)
        return float(np.sum(g * layer.forward(x, noise)))

    loss()
    layer.backward(g)
    for p in layer.parameters():
        expected = numerical_gradient(loss, p.value)
        np.testing.assert_allclose(p.grad, expected, rtol=1e-6, atol=1e-7, err_msg=p.name)


@pytest.mark.parametrize(
    "layer", [ReLU(), LeakyReLU(), LeakyReLU(0.3)], ids=lambda layer: type(layer).__name__
)
def test_the_input_gradient_of_an_activation_is_its_finite_difference(layer):
    rng = np.random.default_rng(0)
    x, g = rng.normal(size=(5, 4)), rng.normal(size=(5, 4))
    layer.forward(x)
    dX = layer.backward(g)
    expected = numerical_gradient(lambda: float(np.sum(g * layer.forward(x))), x)
    np.testing.assert_allclose(dX, expected, rtol=1e-7, atol=1e-9)


def test_the_activations_are_linear_on_either_side_of_zero():
    x = np.linspace(-2, 2, 9)[None]
    np.testing.assert_allclose(LeakyReLU(0.25).forward(x), np.where(x > 0, x, 0.25 * x))
    np.testing.assert_array_equal(ReLU().forward(x), np.where(x > 0, x, 0))


def test_the_derivative_of_relu_at_zero_is_zero():
    relu = ReLU()
    relu.forward(np.zeros((1, 3)))
    np.testing.assert_array_equal(relu.backward(np.ones((1, 3))), 0)


# Local reparameterisation: a Gaussian with two matrix products for moments

N_DRAWS = 40_000
FIVE_SIGMA = stats.norm.isf(2.9e-7)


def assert_moments(z, mean, variance):
    """Compare sample mean and variance of the rows with the claimed ones, five sigma wide."""
    n = len(z)
    standard_error = np.sqrt(variance / n)
    assert (np.abs(z.mean(axis=0) - mean) < FIVE_SIGMA * standard_error).all()
    error_of_variance = variance * np.sqrt(2 / (n - 1))
    assert (np.abs(z.var(axis=0, ddof=1) - variance) < FIVE_SIGMA * error_of_variance).all()


def sampled_outputs(layer, x, seed):
    """Return (by local reparameterisation, by sampling the weights themselves)."""
    rng = np.random.default_rng(seed)
    local = layer.forward(np.repeat(x, N_DRAWS, axis=0), rng)
    M, S = layer.mean.value, layer.variance
    weights = M + np.sqrt(S) * rng.normal(size=(N_DRAWS, *M.shape))
    return local, np.einsum("i,nij->nj", x[0], weights) + layer.bias.value


@pytest.mark.parametrize("keep", [None, KEEP], ids=["whole", "pruned"])
@pytest.mark.parametrize("seed", range(3))
def test_outputs_have_the_moments_of_sampled_weights(seed, keep):
    layer = random_dense(seed, keep=keep)
    x = np.random.default_rng(50 + seed).normal(size=(1, 3))
    mean = (x @ layer.mean.value + layer.bias.value)[0]
    variance = (x**2 @ layer.variance)[0]
    for z in sampled_outputs(layer, x, seed):
        assert_moments(z, mean, variance)


@pytest.mark.parametrize("seed", range(3))
def test_outputs_have_the_distribution_of_sampled_weights(seed):
    layer = random_dense(seed)
    x = np.random.default_rng(50 + seed).normal(size=(1, 3))
    local, direct = sampled_outputs(layer, x, seed)
    for j in range(local.shape[1]):
        assert stats.ks_2samp(local[:, j], direct[:, j]).pvalue > 1e-4
    for z in (local, direct):  # independent across neurons
        assert abs(np.corrcoef(z.T)[0, 1]) < FIVE_SIGMA / np.sqrt(N_DRAWS)


def test_the_bias_is_not_random():
    layer = random_dense(0)
    z = layer.forward(np.zeros((1000, 3)), np.random.default_rng(0))
    assert np.abs(z - layer.bias.value).max() < 6 * np.sqrt(VARIANCE_FLOOR)


def test_without_a_generator_the_output_is_the_mean_exactly():
    layer, x = random_dense(0), np.random.default_rng(1).normal(size=(4, 3))
    expected = x @ layer.mean.value + layer.bias.value
    np.testing.assert_array_equal(layer.forward(x), expected)


def test_the_initial_means_are_he_normal():
    M = Dense(400, 300, np.random.default_rng(0), dtype=np.float64).mean.value
    assert stats.kstest(M.ravel(), stats.norm(0, np.sqrt(2 / 400)).cdf).pvalue > 1e-4


# Pruning


def test_a_pruned_weight_has_neither_mean_nor_variance_nor_gradient():
    layer = random_dense(0, keep=KEEP)
    np.testing.assert_array_equal(layer.mean.value[~KEEP], 0)
    np.testing.assert_array_equal(layer.variance[~KEEP], 0)
    assert (layer.variance[KEEP] > 0).all()
    layer.forward(np.ones((4, 3)), np.random.default_rng(0))
    layer.backward(np.ones((4, 2)))
    np.testing.assert_array_equal(layer.mean.grad[~KEEP], 0)
    np.testing.assert_array_equal(layer.log_variance.grad[~KEEP], 0)


def test_a_layer_copies_its_mask():
    keep = KEEP.copy()
    layer = random_dense(0, keep=keep)
    keep[...] = True
    np.testing.assert_array_equal(layer.mask, KEEP)


def test_a_fully_pruned_neuron_has_a_finite_gradient():
    """The floor inside the root: the variance of its output is 0."""
    layer = random_dense(0, keep=np.zeros((3, 2), dtype=bool))
    z = layer.forward(np.ones((4, 3)), np.random.default_rng(0))
    assert np.isfinite(z).all()
    assert np.isfinite(layer.backward(np.ones((4, 2)))).all()
    for p in layer.parameters():
        assert np.isfinite(p.grad).all()


@pytest.mark.parametrize("with_noise", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_layers_keep_their_dtype(dtype, with_noise):
    dense = Dense(3, 4, np.random.default_rng(0), dtype=dtype)
    rng = np.random.default_rng(0) if with_noise else None
    z = dense.forward(np.ones((2, 3), dtype), rng)
    assert z.dtype == dtype
    assert dense.backward(np.ones((2, 4), dtype)).dtype == dtype
    for p in dense.parameters():
        assert p.value.dtype == p.grad.dtype == dtype
    for activation in (ReLU(), LeakyReLU()):
        assert activation.forward(z).dtype == dtype
        assert activation.backward(z).dtype == dtype


def test_forward_and_backward_do_not_change_what_they_are_given():
    layers = [random_dense(0, keep=KEEP), ReLU(), LeakyReLU()]
    for layer, width in zip(layers, (3, 2, 2), strict=True):
        x, g = np.ones((4, width)), np.full((4, 2), -1.0)
        layer.forward(x, np.random.default_rng(0))
        layer.backward(g)
        np.testing.assert_array_equal(x, 1)
        np.testing.assert_array_equal(g, -1)

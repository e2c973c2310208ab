"""Likelihoods against SciPy, finite differences and quadrature."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

from tvbi_ref.nets import (
    GaussianLikelihood,
    SoftmaxCrossEntropy,
    gaussian_nll,
    softmax_cross_entropy,
    update_noise_precision,
)
from tvbi_ref.prior import Gamma

SEEDS = range(4)


def learned(shape, rate, prior=None):
    """Return a Gaussian likelihood whose noise precision has the posterior Ga(shape, rate)."""
    loss = GaussianLikelihood(prior or Gamma(2.0, 1.0))
    loss.posterior = Gamma(shape, rate)
    return loss


GAUSSIANS = {
    "known": GaussianLikelihood(2.5),
    "prior": GaussianLikelihood(Gamma(2.0, 1.0)),
    "posterior": learned(7.0, 3.0),
}


def problem(loss, seed, n_rows=5, n_outputs=3):
    rng = np.random.default_rng(seed)
    output = rng.normal(size=(n_rows, n_outputs))
    if isinstance(loss, SoftmaxCrossEntropy):
        return output, rng.integers(n_outputs, size=n_rows)
    return output, rng.normal(size=(n_rows, n_outputs))


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(
    "loss", [SoftmaxCrossEntropy(), *GAUSSIANS.values()], ids=["softmax", *GAUSSIANS]
)
def test_the_gradient_is_the_finite_difference_of_the_value(loss, seed):
    output, y = problem(loss, seed)
    expected = np.empty_like(output)
    for n in np.ndindex(output.shape):
        move = np.zeros_like(output)
        move[n] = 1e-6
        expected[n] = (loss.value(output + move, y) - loss.value(output - move, y)) / 2e-6
    np.testing.assert_allclose(loss.gradient(output, y), expected, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_categorical_value_is_the_explicit_softmax(seed):
    loss = SoftmaxCrossEntropy()
    z, y = problem(loss, seed)
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    log_likelihood = [stats.multinomial(1, row).logpmf(np.eye(3)[k]) for row, k in zip(p, y)]  # noqa: B905
    assert loss.value(z, y) == pytest.approx(-np.mean(log_likelihood), rel=1e-12)
    np.testing.assert_allclose(loss.probabilities(z), p, rtol=1e-12)
    assert loss.score(z, y) == np.mean(p.argmax(axis=1) == y)


@settings(max_examples=60, deadline=None)
@given(st.floats(-1e4, 1e4), st.integers(0, 2))
def test_the_categorical_loss_does_not_notice_a_common_shift(shift, label):
    loss, z, y = SoftmaxCrossEntropy(), np.array([[0.3, -1.0, 2.0]]), np.array([label])
    assert loss.value(z + shift, y) == pytest.approx(loss.value(z, y), abs=1e-9)
    np.testing.assert_allclose(loss.gradient(z + shift, y), loss.gradient(z, y), atol=1e-9)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_extreme_logits_give_finite_losses_and_gradients(dtype):
    loss, z = SoftmaxCrossEntropy(), np.array([[1e30, -1e30], [0.0, 1e4]], dtype)
    for y in (np.array([0, 1]), np.array([1, 0])):
        assert np.isfinite(loss.value(z, y))
        assert np.isfinite(loss.gradient(z, y)).all()
        assert loss.gradient(z, y).dtype == dtype


@pytest.mark.parametrize("n_outputs", [1, 3])
@pytest.mark.parametrize("seed", SEEDS)
def test_the_gaussian_value_with_known_noise_is_scipys(seed, n_outputs):
    loss = GaussianLikelihood(2.5)
    f, y = problem(loss, seed, n_outputs=n_outputs)
    rows = stats.norm(f, 2.5**-0.5).logpdf(y).sum(axis=1)
    assert loss.value(f, y) == pytest.approx(-rows.mean(), rel=1e-12)
    assert loss.score(f, y) == pytest.approx(np.sqrt(np.mean((f - y) ** 2)), rel=1e-12)


@pytest.mark.parametrize("loss", [GAUSSIANS["prior"], GAUSSIANS["posterior"]])
def test_the_gaussian_value_with_learned_noise_is_the_expectation_over_it(loss):
    f, y = problem(loss, 0)
    q = stats.gamma(loss.posterior.shape, scale=1 / loss.posterior.rate)

    def value_at(gamma):
        return -stats.norm(f, gamma**-0.5).logpdf(y).sum(axis=1).mean()

    expected, _ = integrate.quad(lambda g: q.pdf(g) * value_at(g), 0, q.isf(1e-13), limit=200)
    assert loss.value(f, y) == pytest.approx(expected, rel=1e-6)
    assert loss.noise_precision == pytest.approx(q.mean(), rel=1e-12)
    log_precision, _ = integrate.quad(lambda g: q.pdf(g) * np.log(g), 0, q.isf(1e-13), limit=200)
    assert loss.log_noise_precision == pytest.approx(log_precision, rel=1e-6)


@pytest.mark.parametrize("seed", SEEDS)
def test_refit_gives_the_conjugate_posterior(seed):
    """Prior times likelihood, normalised on a grid."""
    loss = GaussianLikelihood(Gamma(2.0, 1.5))
    f, y = problem(loss, seed)
    loss.refit(f, y)
    gamma = np.linspace(1e-6, 60, 200_001)
    prior = stats.gamma(2.0, scale=1 / 1.5).logpdf(gamma)
    log_joint = prior + sum(stats.norm(0, gamma**-0.5).logpdf(r) for r in (y - f).ravel())
    density = np.exp(log_joint - log_joint.max())
    density /= integrate.simpson(density, x=gamma)
    posterior = stats.gamma(loss.posterior.shape, scale=1 / loss.posterior.rate).pdf(gamma)
    np.testing.assert_allclose(posterior, density, atol=1e-6 * density.max())


def test_refit_starts_from_the_prior_every_time():
    """The same rows seen twice are not twice the data."""
    loss = GaussianLikelihood(Gamma(2.0, 1.5))
    f, y = problem(loss, 0)
    loss.refit(f, y)
    once = loss.posterior
    loss.refit(f, y)
    assert loss.posterior == once


def test_refit_leaves_a_known_precision_alone():
    loss = GaussianLikelihood(2.5)
    loss.refit(*problem(loss, 0))
    assert loss.noise_precision == 2.5
    assert loss.posterior is None
    assert not loss.learns
    assert GAUSSIANS["prior"].learns


@pytest.mark.parametrize("seed", SEEDS)
def test_the_negative_kl_is_the_integral(seed):
    loss = GaussianLikelihood(Gamma(2.0, 1.5))
    loss.refit(*problem(loss, seed))
    p, q = (stats.gamma(g.shape, scale=1 / g.rate) for g in (loss.prior, loss.posterior))
    kl, _ = integrate.quad(
        lambda g: q.pdf(g) * (q.logpdf(g) - p.logpdf(g)), q.isf(1 - 1e-14), q.isf(1e-14), limit=200
    )
    assert loss.negative_kl == pytest.approx(-kl, rel=1e-6)
    assert loss.negative_kl < 0


@settings(max_examples=60, deadline=None)
@given(st.floats(0.05, 50), st.floats(1e-3, 1e3))
def test_before_a_refit_the_negative_kl_is_zero(shape, rate):
    assert GaussianLikelihood(Gamma(shape, rate)).negative_kl == pytest.approx(0.0, abs=1e-9)


def test_what_learns_nothing_has_no_kl():
    assert GaussianLikelihood(3.0).negative_kl == 0
    assert SoftmaxCrossEntropy().negative_kl == 0


@pytest.mark.parametrize("loss", [SoftmaxCrossEntropy(), *GAUSSIANS.values()])
def test_losses_keep_float32_and_change_nothing(loss):
    output, y = problem(loss, 0)
    output = output.astype(np.float32)
    targets = loss.as_targets(y, len(output), output.shape[1], np.float32)
    kept = output.copy(), targets.copy()
    assert loss.gradient(output, targets).dtype == np.float32
    assert isinstance(loss.value(output, targets), float)
    np.testing.assert_array_equal(output, kept[0])
    np.testing.assert_array_equal(targets, kept[1])


def test_a_single_target_column_may_come_flat():
    loss = GaussianLikelihood(1.0)
    flat = loss.as_targets([1.0, 2.0], 2, 1, np.float64)
    np.testing.assert_array_equal(flat, [[1.0], [2.0]])


@pytest.mark.parametrize("seed", SEEDS)
def test_the_classes_run_the_functions(seed):
    f, y = problem(GAUSSIANS["known"], seed)
    for loss in GAUSSIANS.values():
        value, gradient = gaussian_nll(f, y, loss.noise_precision, loss.log_noise_precision)
        assert loss.value(f, y) == value
        np.testing.assert_array_equal(loss.gradient(f, y), gradient)
    loss = GaussianLikelihood(Gamma(2.0, 1.5))
    loss.refit(f, y)
    assert (loss.posterior.shape, loss.posterior.rate) == update_noise_precision(f, y, loss.prior)
    categorical = SoftmaxCrossEntropy()
    z, labels = problem(categorical, seed)
    value, gradient = softmax_cross_entropy(z, labels)
    assert categorical.value(z, labels) == value
    np.testing.assert_array_equal(categorical.gradient(z, labels), gradient)


def test_targets_that_would_be_broadcast_are_refused():
    """(B, 1) and (B,) give (B, B) without a word."""
    f, y = np.zeros((4, 1)), np.zeros(4)
    with pytest.raises(ValueError, match=r"\by\b"):
        gaussian_nll(f, y, 1.0, 0.0)
    with pytest.raises(ValueError, match=r"\by\b"):
        update_noise_precision(f, y, Gamma(1.0, 1.0))

"""Samples and log-probabilities of the support priors, against enumeration."""

import numpy as np
import pytest
from scipy.special import expit

from tvbi_ref.module_b import ChainSupport, GridSupport, IndependentSupport, exact, gibbs
from tvbi_ref.module_b.grid import Border

Z_BOUND = 4.5


def moments(states, weights):
    """Return E[s_n s_k] for all pairs of nodes; its diagonal is E[s_n]."""
    flat = states.reshape(len(states), -1)
    return np.einsum("t,ta,tb->ab", weights, flat, flat)


def z_scores(empirical, expected, n):
    """Return how many standard errors the frequency of each pair (s_n = s_k = 1) is off."""
    return (empirical - expected) / np.sqrt(expected * (1 - expected) / n)


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize(("p01", "p10"), [(0.1, 0.3), (0.6, 0.9)])
def test_chain_samples_have_the_enumerated_moments(p01, p10, axis):
    n = 20_000
    states = exact.all_states((4, 1))
    expected = moments(states, np.exp(exact.chain_log_weights(states, p01, p10)))
    shape = (4, n) if axis == 0 else (n, 4)
    samples = ChainSupport(p01, p10, axis).sample(shape, np.random.default_rng(0))
    assert samples.shape == shape
    assert set(np.unique(samples)) == {0.0, 1.0}
    draws = samples.T if axis == 0 else samples
    empirical = moments(draws, np.full(n, 1 / n))
    assert np.abs(z_scores(empirical, expected, n)).max() < Z_BOUND


def test_independent_samples_have_the_prior_frequency_and_no_correlation():
    n = 20_000
    p = expit(-1.5)
    draws = IndependentSupport(-1.5).sample((n, 2), np.random.default_rng(1))
    expected = np.array([[p, p * p], [p * p, p]])
    empirical = moments(draws, np.full(n, 1 / n))
    assert np.abs(z_scores(empirical, expected, n)).max() < Z_BOUND


def test_grid_samples_have_the_enumerated_moments(monkeypatch):
    monkeypatch.setattr(gibbs, "SWEEPS", 20)  # six nodes mix in a few
    n, shape = 500, (2, 3)
    prior = GridSupport(-0.4, 0.2, -0.4, Border(top=0.3, right=-0.5))
    rng = np.random.default_rng(2)
    draws = np.array([prior.sample(shape, rng) for _ in range(n)])
    states = exact.all_states(shape)
    log_w = exact.ising_log_weights(states, prior.node_field(shape), 0.2, -0.4)
    expected = moments(states, np.exp(log_w - np.logaddexp.reduce(log_w)))
    empirical = moments(draws, np.full(n, 1 / n))
    assert set(np.unique(draws)) == {0.0, 1.0}
    assert np.abs(z_scores(empirical, expected, n)).max() < Z_BOUND


def test_a_gibbs_step_draws_from_the_exact_conditional():
    """The log-odds of a node given all others is a difference of two log-probabilities."""
    prior = GridSupport(-0.4, 0.2, -0.4, Border(top=0.3, right=-0.5))
    for s in exact.all_states((2, 3)):
        conditional = prior.node_field((2, 3)) + prior._pull_of_neighbours(s)
        for n in np.ndindex(2, 3):
            on, off = s.copy(), s.copy()
            on[n], off[n] = 1, 0
            expected = prior.log_prob(on) - prior.log_prob(off)
            assert conditional[n] == pytest.approx(expected, abs=1e-12)


def test_samples_of_a_coupled_grid_cluster_more_than_independent_ones():
    rng = np.random.default_rng(3)
    coupled = GridSupport(0.0, 0.0, 0.8).sample((60, 60), rng)
    down = np.mean(coupled[1:] == coupled[:-1])
    sideways = np.mean(coupled[:, 1:] == coupled[:, :-1])
    assert down == pytest.approx(expit(1.6), abs=0.03)  # P(equal) on a chain without field
    assert sideways == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize(
    "prior",
    [
        IndependentSupport(-1.3),
        ChainSupport(0.1, 0.3),
        ChainSupport(0.1, 0.3, axis=1),
        GridSupport(-1.0, 0.1, 0.2),
    ],
    ids=["independent", "down", "along", "grid"],
)
def test_the_same_seed_draws_the_same_support(prior):
    first = prior.sample((5, 4), np.random.default_rng(7))
    np.testing.assert_array_equal(first, prior.sample((5, 4), np.random.default_rng(7)))
    assert first.dtype == np.float64


@pytest.mark.parametrize(
    "prior",
    [IndependentSupport(-1.3), ChainSupport(0.1, 0.3), ChainSupport(0.6, 0.7, axis=1)],
    ids=["independent", "down", "along"],
)
@pytest.mark.parametrize("shape", [(2, 3), (1, 4), (4, 1), (1, 1)])
def test_the_log_probabilities_of_all_states_sum_to_one(prior, shape):
    total = sum(np.exp(prior.log_prob(s)) for s in exact.all_states(shape))
    assert total == pytest.approx(1.0, abs=1e-12)


def test_chain_log_probabilities_are_the_enumerated_ones():
    states = exact.all_states((3, 2))
    down = [ChainSupport(0.1, 0.3).log_prob(s) for s in states]
    along = [ChainSupport(0.1, 0.3, axis=1).log_prob(s.T) for s in states]
    expected = exact.chain_log_weights(states, 0.1, 0.3)
    np.testing.assert_allclose(down, expected, rtol=1e-12)
    np.testing.assert_allclose(along, expected, rtol=1e-12)


@pytest.mark.parametrize("shape", [(2, 3), (1, 4), (4, 1), (1, 1)])
def test_grid_log_probabilities_differ_as_the_enumerated_weights_do(shape):
    prior = GridSupport(-0.4, 0.2, -0.4, Border(0.1, 0.2, 0.3, 0.4))
    states = exact.all_states(shape)
    weights = exact.ising_log_weights(states, prior.node_field(shape), 0.2, -0.4)
    log_p = np.array([prior.log_prob(s) for s in states])
    np.testing.assert_allclose(log_p - log_p[0], weights - weights[0], atol=1e-12)


def test_an_extremely_unlikely_support_has_a_finite_log_probability():
    assert IndependentSupport(-800.0).log_prob(np.ones((2, 2))) == pytest.approx(-3200.0)
    assert np.isfinite(ChainSupport(1e-12, 1 - 1e-12).log_prob(np.ones((5, 2))))

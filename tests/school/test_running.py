"""The running example: its exact posterior against other roads, Turbo-VBI beside it."""

from __future__ import annotations

from functools import cache
from itertools import pairwise

import numpy as np
import pytest
from scipy.special import expit
from scipy.stats import multivariate_normal

from tvbi_ref.module_a import collapsed_step
from tvbi_ref.school.teaching import running
from tvbi_ref.turbo.round import turbo_round

SEEDS = range(5)
every_example = pytest.mark.parametrize("seed", SEEDS)
CURES = {
    "turbo": (),
    "full": (running.ANNEALED, running.joint_weight_step),
    "cavity": (running.ANNEALED, running.weight_step, running.cavity_evidence),
    "both": (running.ANNEALED, running.joint_weight_step, running.cavity_evidence),
}
exact = cache(lambda seed: running.exact(running.example(seed)))


def lone(wanted: float, u: float) -> running.Example:
    """Return one row of one weight, which wants it at `wanted` with variance u."""
    x = np.full((1, 1), (running.NOISE_PRECISION * u) ** -0.5)
    return running.Example(x, wanted * x, np.ones((1, 1)), np.ones((1, 1)))


# The exact posterior


@every_example
def test_the_evidence_of_a_support_is_the_density_of_the_rows(seed):
    one, some = running.example(seed), exact(seed).supports[:: 256 + 1]
    for s, value in zip(some, running.log_evidences(one, some), strict=True):
        v = np.where(s == 1, 1 / running.SLAB.mean, 1 / running.SPIKE.mean)
        covariance = one.x @ np.diag(v) @ one.x.T + np.eye(running.ROWS) / one.gamma
        assert np.isclose(value, multivariate_normal.logpdf(one.y[:, 0], cov=covariance))


@every_example
def test_the_posterior_sums_to_one_and_its_marginals_are_counted_from_it(seed):
    found = exact(seed)
    assert found.supports.shape == (4096, 12)
    assert len(np.unique(found.supports, axis=0)) == 4096
    assert np.isclose(found.probabilities.sum(), 1)
    by_hand = [found.probabilities[found.supports[:, n] == 1].sum() for n in range(12)]
    assert np.allclose(found.alive[:, 0], by_hand)


@every_example
def test_the_posterior_is_chain_times_evidence(seed):
    one, found = running.example(seed), exact(seed)
    some = slice(None, None, 37)
    chain = [one.chain.log_prob(s[:, None]) for s in found.supports[some]]
    joint = chain + running.log_evidences(one, found.supports[some])
    assert np.allclose(joint - found.log_evidence, np.log(found.probabilities[some]))


def test_precisions_that_are_drawn_and_not_fixed_change_little():
    one, some = running.example(), exact(0).supports[np.argsort(-exact(0).probabilities)[:20]]
    rng, draws = np.random.default_rng(0), []
    for _ in range(300):
        rho = np.where(some == 1, *(g.sample(12, rng) for g in (running.SLAB, running.SPIKE)))
        sigma = (one.x / rho[:, None, :]) @ one.x.T + np.eye(running.ROWS) / one.gamma
        squares = np.einsum("n,snm,m->s", one.y[:, 0], np.linalg.inv(sigma), one.y[:, 0])
        log_det = np.linalg.slogdet(2 * np.pi * sigma)[1]
        draws.append(-0.5 * (log_det + squares))
    by_draws = np.logaddexp.reduce(draws) - np.log(len(draws))
    assert np.abs(by_draws - running.log_evidences(one, some)).max() < 0.1


def test_the_exact_posterior_is_calibrated():
    p = np.array([exact(seed).alive for seed in range(20)])
    alive = np.array([running.example(seed).support for seed in range(20)])
    for low, high in pairwise([0, 0.1, 0.5, 0.9, 1.0001]):
        those = (p >= low) & (p < high)
        error = np.sqrt(np.sum(p[those] * (1 - p[those]))) / those.sum()
        assert abs(p[those].mean() - alive[those].mean()) < 3 * error


# Turbo-VBI


@every_example
@pytest.mark.parametrize("contrasts", [running.ANNEALED, running.NARROW])
def test_the_bound_is_below_the_evidence(seed, contrasts):
    one = running.example(seed)
    run = running.turbo(one, contrasts)
    assert running.bound(one, run.mean, run.variance) < exact(seed).log_evidence


@every_example
def test_the_bound_rises_with_every_weight_step_and_round(seed):
    one, bounds = running.example(seed), []
    for rounds in (1, 2, 5, 20):
        run = running.turbo(one, running.NARROW[:rounds])
        bounds.append(running.bound(one, run.mean, run.variance))
    assert (np.diff(bounds) > -1e-9).all()


@every_example
def test_it_rests_where_the_package_s_round_does(seed):
    one = running.example(seed)
    run = running.turbo(one)
    mean, variance = running.weight_step(one, run.mean, run.precision)
    priors = one.prior.active, one.prior.inactive

    def module_a(m, log_odds):
        q = collapsed_step(m, log_odds, *priors)
        return q.support_log_odds, q.expected_precision

    def module_b(evidence):
        return one.chain.extrinsic(evidence).log_odds

    again = turbo_round(mean**2 + variance, run.prior_log_odds, module_a, module_b)
    assert np.allclose(expit(again.support_log_odds), run.alive, atol=1e-6)
    assert np.allclose(again.expected_precision, run.precision, rtol=1e-4)


def test_the_joint_step_is_where_the_means_of_the_single_ones_rest():
    one, precision = running.example(), np.full((12, 1), 3.0)
    mean = np.zeros((12, 1))
    for _ in range(400):
        mean, variance = running.weight_step(one, mean, precision)
    joint, wider = running.joint_weight_step(one, mean, precision)
    assert np.allclose(mean, joint)
    assert (wider > variance).all()


# What cures it


@pytest.mark.parametrize("wanted", [0.0, 0.2, 0.3, 0.4])
@pytest.mark.parametrize("u", [1 / 20, 1 / 80, 1 / 320])
def test_the_cavity_is_exact_for_one_weight(wanted, u):
    one = lone(wanted, u)
    for contrasts in (running.ANNEALED, running.NARROW):
        run = running.turbo(one, contrasts, running.weight_step, running.cavity_evidence)
        assert np.isclose(run.alive, running.exact(one).alive)


def test_averaging_the_logarithm_is_not_exact_even_for_one_weight():
    one = lone(0.3, 1 / 80)
    for contrasts, says in ((running.ANNEALED, 0.1), (running.NARROW, 0.99)):
        assert (running.turbo(one, contrasts).alive < says) == (says < 0.5)
    assert 0.5 < running.exact(one).alive < 0.6


def test_the_cavity_may_go_round_in_a_circle_of_two():
    one, how = running.example(49), (running.joint_weight_step, running.cavity_evidence)
    last = running.NARROW[:1]
    ends = [running.turbo(one, running.ANNEALED + k * last, *how).alive for k in range(3)]
    assert np.abs(ends[1] - ends[0]).max() > 0.5
    assert np.allclose(ends[2], ends[0], atol=1e-3)


@pytest.mark.slow
def test_the_cavity_brings_the_probabilities_near_and_a_full_covariance_alone_does_not():
    examples = [running.example(seed) for seed in range(15)]
    truth = np.array([exact(seed).alive for seed in range(15)])
    off = {
        name: np.abs([running.turbo(one, *how).alive for one in examples] - truth).mean()
        for name, how in CURES.items()
    }
    assert abs(off["full"] / off["turbo"] - 1) < 0.1
    assert off["both"] < off["cavity"] < off["turbo"] / 2


def test_example_0_tells_the_story():
    support, p = running.example().support[:, 0], exact(0).alive[:, 0]
    assert "".join(f"{s:.0f}" for s in support).strip("0").count("01") == 1  # two clusters
    assert np.sum((p > 0.2) & (p < 0.8)) >= 3  # not to be decided

"""Two estimators: what messages tell, and one free energy, against enumeration."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit

from tvbi_ref.module_a import evidence_collapsed
from tvbi_ref.module_b import exact
from tvbi_ref.school.teaching import running, two_estimators

EXAMPLE = running.example()


@pytest.fixture(scope="module")
def data():
    return two_estimators.stack([running.example(k) for k in range(40)])


def gradient(function, at, step=1e-5):
    """Return the difference quotients of a function of one array."""
    shifts = step * np.eye(at.size).reshape(-1, *at.shape)
    return np.array([(function(at + d) - function(at - d)) / (2 * step) for d in shifts])


def in_place(run, messages):
    """Return the free energy as a function of (l, logit pi)."""
    return two_estimators.free_energy(EXAMPLE, run.mean, run.variance, *messages)


def test_the_best_messages_make_the_free_energy_what_the_sum_over_all_supports_is():
    rng = np.random.default_rng(0)
    mean, variance = rng.normal(size=(12, 1)), rng.uniform(0.01, 1, (12, 1))
    prior, m = EXAMPLE.prior, mean**2 + variance
    l = evidence_collapsed(m, prior.active, prior.inactive)
    chain, states = EXAMPLE.chain, exact.all_states((12, 1))
    weights = exact.chain_log_weights(states, chain.p01, chain.p10) + (states * l).sum(axis=(1, 2))
    summed = np.logaddexp.reduce(weights)
    told = two_estimators.module_b(two_estimators.stack([EXAMPLE]), l)
    without_l = two_estimators.free_energy(EXAMPLE, mean, variance, 0 * l, 0 * l - 700)
    value = two_estimators.free_energy(EXAMPLE, mean, variance, l, told)
    assert value - without_l == pytest.approx(summed, rel=1e-9)


@pytest.mark.parametrize("contrasts", [running.ANNEALED, running.NARROW], ids=["wide", "narrow"])
def test_the_free_energy_is_stationary_where_the_loop_rests_and_not_elsewhere(contrasts):
    run = running.turbo(EXAMPLE, (*contrasts, *[running.PRIOR.contrast] * 300))
    rest = np.array([run.support_log_odds - run.prior_log_odds, run.prior_log_odds])
    assert np.abs(gradient(lambda z: in_place(run, z), rest)).max() < 1e-6
    of_q = np.array([run.mean, np.log(run.variance)])
    by_q = gradient(
        lambda q: two_estimators.free_energy(EXAMPLE, q[0], np.exp(q[1]), *rest), of_q, 1e-6
    )
    assert np.abs(by_q).max() < 1e-4
    assert np.abs(gradient(lambda z: in_place(run, z), rest + 0.5)).max() > 1e-2


def test_the_messages_of_a_stationary_point_are_those_of_a_round():
    rng = np.random.default_rng(1)
    mean, variance = rng.normal(0, 0.2, (12, 1)), rng.uniform(0.002, 0.02, (12, 1))
    prior, chain = EXAMPLE.prior, EXAMPLE.chain
    l = evidence_collapsed(mean**2 + variance, prior.active, prior.inactive)
    answer = chain.extrinsic(l)
    for messages, still in (((l, answer.log_odds), True), ((l + 1, answer.log_odds), False)):
        by_messages = gradient(
            lambda z: two_estimators.free_energy(EXAMPLE, mean, variance, *z), np.array(messages)
        )
        assert bool(np.abs(by_messages).max() < 1e-6) == still
    assert np.allclose(answer.belief, expit(l + answer.log_odds))


@pytest.mark.parametrize("strength", [0.5, 4.0, 12.0])
def test_consistent_messages_are_calibrated_so_that_both_measures_agree(strength):
    rng = np.random.default_rng(2)
    s = (rng.random(60_000) < 0.3).astype(float)
    message = two_estimators.consistent(s, strength, rng)
    told = two_estimators.believed(s, message + np.log(s.mean() / (1 - s.mean())))
    assert two_estimators.information(s, message, 100) == pytest.approx(told, abs=0.01)


def test_information_asks_what_a_message_tells_and_not_how_loud_it_is():
    rng = np.random.default_rng(3)
    s = (rng.random(20_000) < 0.5).astype(float)
    message = two_estimators.consistent(s, 4.0, rng)
    assert two_estimators.information(s, 5 * message + 1) == two_estimators.information(s, message)
    assert two_estimators.believed(s, 5 * message) < two_estimators.believed(s, message)


def test_many_data_sets_side_by_side_are_the_running_example_one_by_one(data):
    start = np.full((12, 40), 0.3), np.full((12, 40), 3.0)
    swept = two_estimators.weight_step(data, *start)
    for k in (0, 7):
        one = running.weight_step(running.example(k), *(part[:, [k]] for part in start))
        assert np.allclose([part[:, [k]] for part in swept], one)


def test_damping_leaves_the_fixed_points_where_they_are(data):
    fast, slow = (two_estimators.settle(data, d, 40) for d in (0.0, 0.5))
    rests = np.abs(slow[-1] - slow[-2]).max(axis=0) < 1e-6
    assert rests.mean() > 0.9
    assert np.mean(np.abs(fast[-1] - slow[-1]).max(axis=0)[rests] < 1e-3) > 0.9


def test_the_chart_rises_from_what_a_module_knows_by_itself(data):
    chart = two_estimators.chart(data, running.NARROW[:15], [0.0, 4.0, 40.0])
    assert chart.out_of_b[0] == pytest.approx(0.0, abs=1e-12)
    assert (np.diff(chart.out_of_a) > 0).all()
    assert (np.diff(chart.out_of_b) > 0).all()
    steps = two_estimators.staircase(data, two_estimators.exchange(data, running.NARROW[:15], 1))
    assert steps[1, 1] == pytest.approx(chart.out_of_a[0])

"""Recovery of sparse signals: each estimate against another road to the same numbers."""

import numpy as np
import pytest

from tvbi_ref.school.teaching import recovery


def one(problems, t):
    """Return the t-th of some problems, as problems."""
    part = slice(t, t + 1)
    return recovery.Problems(
        problems.A[part], problems.x[:, part], problems.y[part], problems.noise[part]
    )


@pytest.fixture
def problems():
    return recovery.draw(3, 12.0, seed=1)


@pytest.mark.parametrize("low", [1e-3, 1.0, 1e3])
def test_the_w_step_is_the_gaussian_with_the_precision_of_data_and_prior(problems, low):
    rho = np.random.default_rng(0).uniform(low, 10 * low, problems.x.shape)
    mean, variance = recovery.lmmse(problems, rho)
    for t, (A, y, noise) in enumerate(zip(problems.A, problems.y, problems.noise, strict=True)):
        covariance = np.linalg.inv(A.T @ A / noise + np.diag(rho[:, t]))
        assert np.allclose(variance[:, t], np.diag(covariance))
        assert np.allclose(mean[:, t], covariance @ A.T @ y / noise)


def test_the_mean_of_the_w_step_is_the_least_squares_solution_of_data_and_prior(problems):
    rho = np.random.default_rng(0).uniform(1, 10, problems.x.shape)
    A, y, noise = problems.A[0], problems.y[0], problems.noise[0]
    rows = np.vstack([A / noise**0.5, np.diag(rho[:, 0] ** 0.5)])
    wanted = np.linalg.lstsq(rows, np.append(y / noise**0.5, np.zeros(recovery.N)), rcond=None)[0]
    assert np.allclose(recovery.lmmse(problems, rho)[0][:, 0], wanted)


def test_who_knows_the_support_estimates_ten_values_and_no_others(problems):
    for t, (A, y, noise) in enumerate(zip(problems.A, problems.y, problems.noise, strict=True)):
        alive = problems.x[:, t] != 0
        B = A[:, alive]
        wanted = np.linalg.solve(B.T @ B + noise * np.eye(alive.sum()), B.T @ y)
        found = recovery.oracle(problems)[:, t]
        assert np.allclose(found[alive], wanted, atol=1e-6)
        assert np.abs(found[~alive]).max() < 1e-9


@pytest.mark.parametrize("module_b", [recovery.chain, recovery.independent])
def test_problems_side_by_side_know_nothing_of_each_other(problems, module_b):
    together = recovery.recover(problems, module_b, rounds=8)
    for t in range(3):
        alone = recovery.recover(one(problems, t), module_b, rounds=8)
        for joint, single in zip(together, alone, strict=True):
            assert np.allclose(joint[:, [t]], single)


def test_a_flat_gamma_does_not_tell_the_complex_update_from_the_real_one(problems):
    real, doubled = (recovery.sbl(problems, rounds=8, tiny=1e-12, half=h) for h in (0.5, 1.0))
    assert np.allclose(real, doubled)


def test_where_there_is_nothing_the_chain_finds_nothing(problems):
    noise = np.random.default_rng(0).standard_normal(problems.y.shape)
    empty = problems._replace(y=noise * problems.noise[:, None] ** 0.5)
    assert (recovery.recover(empty, recovery.chain)[1] < 0).all()


def test_a_signal_has_two_clusters_of_five_and_the_noise_that_was_asked_for():
    problems = recovery.draw(400, 10.0, seed=0)
    alive = problems.x != 0
    assert (alive.sum(axis=0) == recovery.SIZE * recovery.CLUSTERS).all()
    starts = (np.diff(alive, axis=0, prepend=False) & alive).sum(axis=0)
    assert set(starts) <= {1, 2}  # two that touch are one run
    left = problems.y - np.einsum("tmn,nt->tm", problems.A, problems.x)
    assert np.mean(left**2) / np.mean(problems.noise) == pytest.approx(1, abs=0.05)


def test_the_chain_believes_a_start_at_which_all_looks_alive_and_independent_supports_do_not():
    problems = recovery.draw(12, 10.0, seed=1)

    def alive(module_b, rho):
        return (recovery.recover(problems, module_b, rho=rho)[1] > 0).sum(axis=0).mean()

    assert alive(recovery.chain, 10.0) < 15 < 50 < alive(recovery.chain, 1.0)
    assert abs(alive(recovery.independent, 10.0) - alive(recovery.independent, 1.0)) < 1

"""[mean-field-trap]: precision and support confirm each other; the collapsed step does not."""

import numpy as np
import pytest

from tvbi_ref import module_a
from tvbi_ref.module_a import LayerPosterior
from tvbi_ref.prior import Gamma


def mean_field_end(m, h, active, inactive, start, passes=100):
    """Return q(s = 1) after `passes` mean-field steps from the log-odds `start`."""
    q = LayerPosterior(np.full((1, 1), start), np.ones((1, 1)))
    for _ in range(passes):
        q = module_a.mean_field_step(np.full((1, 1), m), np.full((1, 1), h), active, inactive, q)
    return float(q.q_support[0, 0])


def collapsed_end(m, h, active, inactive):
    q = module_a.collapsed_step(np.full((1, 1), m), np.full((1, 1), h), active, inactive)
    return float(q.q_support[0, 0])


def is_trapped(h, active, inactive):
    """Return the condition of [mean-field-trap]: a = a_bar, pi_tilde = 1, m -> 0."""
    a, ratio = active.shape, active.rate / inactive.rate
    return a * np.log(ratio) + h > (a + 0.5) * (1 - 1 / ratio)


@pytest.mark.parametrize("b", [1.0, 0.02])
def test_with_a_contrast_of_1e4_mean_field_never_switches_a_dead_weight_off(b):
    active, inactive, m = Gamma(1.0, b), Gamma(1.0, b * 1e-4), 1e-8 * b
    assert is_trapped(0.0, active, inactive)
    assert mean_field_end(m, 0.0, active, inactive, start=0.0) > 0.99  # from the prior's belief
    assert mean_field_end(m, 0.0, active, inactive, start=20.0) > 0.99
    assert collapsed_end(m, 0.0, active, inactive) < 0.01 + 1e-3  # 1/(1 + sqrt(1e4))


@pytest.mark.parametrize("b", [1.0, 0.02])
def test_with_a_contrast_of_10_both_forms_switch_a_dead_weight_off(b):
    """The condition holds here and the weight comes free all the same: it is necessary only."""
    active, inactive, m = Gamma(1.0, b), Gamma(1.0, b / 10), 1e-8 * b
    assert is_trapped(0.0, active, inactive)
    assert mean_field_end(m, 0.0, active, inactive, start=20.0) < 0.5
    assert collapsed_end(m, 0.0, active, inactive) < 0.5


@pytest.mark.parametrize("contrast", [10.0, 1e2, 1e4])
def test_a_doubtful_enough_prior_frees_the_weight_as_the_condition_says(contrast):
    """Far from the boundary, on both sides of it, condition and iteration are one."""
    active, inactive = Gamma(1.0, 1.0), Gamma(1.0, 1.0 / contrast)
    boundary = 1.5 * (1 - 1 / contrast) - np.log(contrast)
    for h in (boundary - 3, boundary + 3):
        stays_on = mean_field_end(1e-10, h, active, inactive, start=20.0) > 0.5
        assert is_trapped(h, active, inactive) == (h > boundary)
        assert stays_on == (h > boundary)


def test_a_trapped_weight_has_the_lower_bound_of_the_two():
    """The trap is a local optimum: the same mean-field bound is higher with the weight off."""
    active, inactive, h = Gamma(1.0, 1.0), Gamma(1.0, 1e-4), np.zeros((1, 1))
    mean, variance = np.zeros((1, 1)), np.full((1, 1), 1e-8)
    bound = {}
    for start in (-20.0, 20.0):
        q = LayerPosterior(np.full((1, 1), start), np.ones((1, 1)))
        for _ in range(100):
            q = module_a.mean_field_step(variance, h, active, inactive, q)
        bound[start] = module_a.elbo(
            mean, variance, q.gamma_shape, q.gamma_rate, q.support_log_odds, h, active, inactive
        ).total
    assert bound[-20.0] > bound[20.0] + 1


@pytest.mark.slow
def test_the_condition_is_necessary_and_in_most_random_settings_sufficient():
    """As pi_tilde falls from 1 the evidence falls: what fails at 1 fails everywhere.

    The converse is an estimate: above the boundary pi_tilde may still slide away from 1.
    """
    rng = np.random.default_rng(0)
    outcomes = []
    for _ in range(300):
        a, contrast = rng.uniform(0.3, 3.0), 10 ** rng.uniform(0.3, 5)
        b, h = 10 ** rng.uniform(-3, 1), rng.uniform(-8, 2)
        active, inactive = Gamma(a, b), Gamma(a, b / contrast)
        m = 1e-10 * inactive.rate
        stays_on = mean_field_end(m, h, active, inactive, start=30.0) > 0.5
        outcomes.append((stays_on, bool(is_trapped(h, active, inactive))))
    stays_on, condition = np.array(outcomes).T
    assert not (stays_on & ~condition).any()
    assert np.mean(stays_on == condition) >= 0.85
    assert 0.1 < stays_on.mean() < 0.9  # the settings are not all of one kind


def test_the_collapsed_step_switches_every_dead_weight_off_that_the_prior_does_not_insist_on():
    """At m = 0 the evidence is -1/2 ln(b/b_bar), whatever q(s) was."""
    rng = np.random.default_rng(1)
    for _ in range(100):
        a, contrast, b = rng.uniform(0.3, 3.0), 10 ** rng.uniform(0.3, 5), 10 ** rng.uniform(-3, 1)
        active, inactive = Gamma(a, b), Gamma(a, b / contrast)
        h = rng.uniform(-8, 0.5 * np.log(contrast) - 1e-6)
        assert collapsed_end(0.0, h, active, inactive) < 0.5

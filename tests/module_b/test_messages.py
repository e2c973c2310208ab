"""The equations of sum-product, one by one."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tvbi_ref import module_b
from tvbi_ref.module_b.messages import MARGIN

quick = settings(max_examples=60, deadline=None, derandomize=True)
probabilities = st.floats(1e-6, 1 - 1e-6)
couplings = st.floats(-3, 3)
log_odds = st.floats(-40, 40)


def ising_psi(J, u, v):
    """Return psi[s, s'] = exp(J x x' + u s + v s')."""
    s = np.array([0.0, 1.0])
    x = 2 * s - 1
    return np.exp(J * np.outer(x, x) + u * s[:, None] + v * s)


@quick
@given(couplings, st.floats(-3, 3), st.floats(-3, 3), log_odds)
def test_sum_product_is_the_ising_message_with_the_fields_added(J, u, v, c):
    message = module_b.sum_product(c, ising_psi(J, u, v))
    assert message == pytest.approx(v + module_b.ising_message(c + u, J), abs=1e-9)


@quick
@given(couplings, st.floats(-20, 20))
def test_the_ising_message_in_odds_is_one_division(J, c):
    t, r = np.exp(2 * J), np.exp(c)
    in_odds = np.log((t * r + 1) / (r + t))
    assert module_b.ising_message(c, J) == pytest.approx(in_odds, abs=1e-10)


@quick
@given(st.floats(-40, 40), st.floats(-1000, 1000))
def test_a_message_never_says_more_than_twice_the_coupling(J, c):
    message = float(module_b.ising_message(c, J))
    assert abs(message) <= 2 * abs(J) * (1 + 1e-12)


@pytest.mark.parametrize("J", [-40.0, -20.0, -10.0, -0.5, 0.0, 0.5, 10.0, 20.0, 40.0])
@pytest.mark.parametrize("c", [-1000.0, 1000.0])
def test_a_certain_sender_says_exactly_twice_the_coupling(J, c):
    limit = 2 * J * np.sign(c)
    assert module_b.ising_message(c, J) == pytest.approx(limit, rel=1e-12, abs=1e-12)
    assert module_b.sum_product(c, ising_psi(J, 0, 0)) == pytest.approx(limit, rel=1e-12, abs=1e-12)


@quick
@given(couplings, st.floats(-30, 30), st.floats(0, 10))
def test_a_message_is_monotone_in_the_cavity_with_the_sign_of_the_coupling(J, c, more):
    change = module_b.ising_message(c + more, J) - module_b.ising_message(c, J)
    assert np.sign(J) * change >= -1e-12


@quick
@given(couplings, log_odds)
def test_a_message_is_odd_in_the_cavity_and_in_the_coupling(J, c):
    message = module_b.ising_message(c, J)
    assert module_b.ising_message(-c, J) == pytest.approx(-message, abs=1e-12)
    assert module_b.ising_message(c, -J) == pytest.approx(-message, abs=1e-12)


def test_a_weak_coupling_says_nothing_and_its_slope_is_the_tanh_of_the_coupling():
    assert module_b.ising_message([-5.0, 0.0, 5.0], 0.0).tolist() == [0.0, 0.0, 0.0]
    slope = (module_b.ising_message(1e-6, 0.7) - module_b.ising_message(-1e-6, 0.7)) / 2e-6
    assert slope == pytest.approx(np.tanh(0.7), rel=1e-9)


@quick
@given(probabilities, probabilities, log_odds)
def test_sum_product_is_one_step_of_the_chain(p01, p10, c):
    psi = module_b.transition_matrix(p01, p10)
    sender = np.array([1.0, np.exp(c)]) if c < 0 else np.array([np.exp(-c), 1.0])
    receiver = sender @ psi
    assert module_b.sum_product(c, psi) == pytest.approx(
        np.log(receiver[1] / receiver[0]), abs=1e-9
    )


def test_sum_product_has_the_limits_of_a_certain_sender():
    psi = [[0.9, 0.1], [0.3, 0.7]]
    expected = np.log([0.1 / 0.9, 0.7 / 0.3])
    np.testing.assert_allclose(module_b.sum_product([-1000.0, 1000.0], psi), expected, rtol=1e-12)


@quick
@given(probabilities, probabilities)
def test_the_ising_form_reproduces_the_transition_up_to_a_constant(p01, p10):
    psi = module_b.transition_matrix(p01, p10)
    ratio = np.log(psi) - np.log(ising_psi(*module_b.markov_to_ising(p01, p10)))
    np.testing.assert_allclose(ratio, ratio[0, 0], atol=1e-10)


@quick
@given(probabilities)
def test_a_memoryless_chain_has_no_coupling(p):
    J, u, v = module_b.markov_to_ising(p, 1 - p)
    assert pytest.approx(0, abs=1e-9) == J
    assert u == pytest.approx(0, abs=1e-9)
    assert v == pytest.approx(np.log(p) - np.log1p(-p), abs=1e-9)


@quick
@given(probabilities, probabilities)
def test_the_stationary_distribution_is_a_left_eigenvector(p01, p10):
    ones = module_b.stationary(p01, p10)
    distribution = np.array([1 - ones, ones])
    after = distribution @ module_b.transition_matrix(p01, p10)
    np.testing.assert_allclose(after, distribution, rtol=1e-9)


@quick
@given(probabilities, probabilities)
def test_the_rows_of_a_transition_matrix_sum_to_one(p01, p10):
    psi = module_b.transition_matrix(p01, p10)
    np.testing.assert_allclose(psi.sum(axis=1), 1.0, rtol=1e-12)
    assert psi[0, 1] == p01
    assert psi[1, 0] == p10


def test_probabilities_may_come_as_close_to_certain_as_the_margin():
    assert np.isfinite(module_b.markov_to_ising(MARGIN, MARGIN)).all()
    assert np.isfinite(module_b.markov_to_ising(1 - MARGIN, 1 - MARGIN)).all()


def test_cavity_belief_and_extrinsic_differ_by_what_they_leave_out():
    rng = np.random.default_rng(0)
    h, evidence = rng.normal(size=(2, 3, 4))
    messages = rng.normal(size=(4, 3, 4))
    logit_belief = module_b.cavity(h, evidence, messages)
    np.testing.assert_allclose(
        module_b.belief(h, evidence, messages), 1 / (1 + np.exp(-logit_belief))
    )
    np.testing.assert_allclose(
        module_b.extrinsic_b(h, messages) + evidence, logit_belief, atol=1e-12
    )
    without_first = module_b.cavity(h, evidence, messages[1:])
    np.testing.assert_allclose(without_first + messages[0], logit_belief, atol=1e-12)


def test_psi_of_another_shape_is_refused():
    with pytest.raises(ValueError, match="psi"):
        module_b.sum_product(0.0, [[1.0, 2.0, 3.0]])

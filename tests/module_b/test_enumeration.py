"""The oracle itself, against loops that are more naive still."""

import itertools
import math

import numpy as np
import pytest

from tvbi_ref.module_b import exact


def naive_ising_marginals(field, coupling_row, coupling_col):
    """Return the marginals and ln Z by a double loop over itertools.product, edge by edge."""
    n_rows, n_cols = field.shape
    total, ones = 0.0, np.zeros(field.shape)
    for bits in itertools.product([0, 1], repeat=n_rows * n_cols):
        s = [bits[i * n_cols : (i + 1) * n_cols] for i in range(n_rows)]
        energy = 0.0
        for i in range(n_rows):
            for j in range(n_cols):
                energy += field[i, j] * s[i][j]
                if j + 1 < n_cols:
                    energy += coupling_row[i, j] * (2 * s[i][j] - 1) * (2 * s[i][j + 1] - 1)
                if i + 1 < n_rows:
                    energy += coupling_col[i, j] * (2 * s[i][j] - 1) * (2 * s[i + 1][j] - 1)
        weight = math.exp(energy)
        total += weight
        ones += weight * np.array(s)
    return ones / total, math.log(total)


def naive_chain_probability(s, p01, p10):
    """Return p(S) of a field as a product over columns of P(first) and the steps."""
    p = 1.0
    for j in range(s.shape[1]):
        ones = p01 / (p01 + p10)
        p *= ones if s[0, j] else 1 - ones
        for i in range(1, s.shape[0]):
            step = {(0, 0): 1 - p01, (0, 1): p01, (1, 0): p10, (1, 1): 1 - p10}
            p *= step[int(s[i - 1, j]), int(s[i, j])]
    return p


@pytest.mark.parametrize("shape", [(2, 3), (3, 2), (1, 4), (4, 1), (1, 1)])
def test_enumeration_agrees_with_a_naive_double_loop(shape):
    rng = np.random.default_rng(0)
    h = rng.normal(size=shape)
    J_row = rng.normal(size=(shape[0], shape[1] - 1))
    J_col = rng.normal(size=(shape[0] - 1, shape[1]))
    marginals, log_partition = naive_ising_marginals(h, J_row, J_col)
    np.testing.assert_allclose(exact.enumerate_marginals(h, J_row, J_col), marginals, rtol=1e-12)
    assert exact.enumerate_log_partition(h, J_row, J_col) == pytest.approx(log_partition, rel=1e-12)


def test_scalar_couplings_are_every_edge_alike():
    h = np.random.default_rng(1).normal(size=(2, 3))
    everywhere = exact.enumerate_marginals(h, np.full((2, 2), 0.3), np.full((1, 3), -0.2))
    np.testing.assert_array_equal(exact.enumerate_marginals(h, 0.3, -0.2), everywhere)


def test_all_states_lists_every_field_once():
    states = exact.all_states((2, 3))
    listed = {tuple(s.ravel()) for s in states}
    assert states.shape == (64, 2, 3)
    assert listed == set(itertools.product([0.0, 1.0], repeat=6))


def test_too_many_nodes_are_refused():
    with pytest.raises(ValueError, match="at most 20 nodes"):
        exact.all_states((3, 7))


def test_marginals_do_not_depend_on_the_normalisation():
    rng = np.random.default_rng(2)
    log_w = rng.normal(size=64)
    plain = exact.marginals((2, 3), lambda _: log_w)
    np.testing.assert_allclose(exact.marginals((2, 3), lambda _: log_w + 5000.0), plain, rtol=1e-9)
    assert ((plain > 0) & (plain < 1)).all()


def test_without_coupling_a_marginal_is_the_sigmoid_of_its_field():
    h = np.random.default_rng(3).normal(0, 3, size=(2, 3))
    np.testing.assert_allclose(exact.enumerate_marginals(h), 1 / (1 + np.exp(-h)), rtol=1e-12)


def test_log_partition_is_the_generating_function_of_the_marginals():
    h = np.random.default_rng(4).normal(size=(2, 3))
    step = np.zeros_like(h)
    step[1, 2] = 1e-5
    slope = (
        exact.enumerate_log_partition(h + step, 0.4, -0.3)
        - exact.enumerate_log_partition(h - step, 0.4, -0.3)
    ) / 2e-5
    assert slope == pytest.approx(exact.enumerate_marginals(h, 0.4, -0.3)[1, 2], rel=1e-8)


@pytest.mark.parametrize("shape", [(2, 3), (3, 2), (1, 3), (5, 1)])
def test_chain_weights_agree_with_a_naive_product_and_sum_to_one(shape):
    states = exact.all_states(shape)
    p = np.exp(exact.chain_log_weights(states, 0.13, 0.42))
    naive = [naive_chain_probability(s, 0.13, 0.42) for s in states]
    np.testing.assert_allclose(p, naive, rtol=1e-12)
    assert p.sum() == pytest.approx(1.0, abs=1e-12)


def test_every_node_of_a_chain_has_the_stationary_marginal():
    marginals = exact.marginals((5, 2), lambda s: exact.chain_log_weights(s, 0.1, 0.3))
    np.testing.assert_allclose(marginals, 0.25, rtol=1e-12)

"""Pair beliefs and ln Z: exact on trees, close on loops, never claimed to be more."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tvbi_ref.module_b import ChainSupport, GridSupport, exact
from tvbi_ref.module_b.bethe import (
    agreement,
    chain_log_partition,
    chain_pair_beliefs,
    grid_log_partition,
    grid_pair_beliefs,
)

TIGHT = {"sweeps": 3000, "tol": 1e-12}


def enumerate_pairs(shape, log_weights):
    """Return the joint probabilities of all neighbours, by brute force over every state."""
    states = exact.all_states(shape)
    p = np.exp(log_weights(states) - np.logaddexp.reduce(log_weights(states)))
    onehot = np.stack([1 - states, states], axis=-1)
    vertical = np.einsum("n,nija,nijb->ijab", p, onehot[:, :-1], onehot[:, 1:])
    horizontal = np.einsum("n,nija,nijb->ijab", p, onehot[:, :, :-1], onehot[:, :, 1:])
    return vertical, horizontal


@settings(max_examples=25)
@given(
    shape=st.sampled_from([(2, 3), (4, 4), (1, 5), (5, 1), (1, 1)]),
    J=st.tuples(st.floats(-0.3, 0.3), st.floats(-0.3, 0.3)),
    seed=st.integers(0, 99),
)
def test_pair_beliefs_sum_to_the_node_beliefs_of_both_ends(shape, J, seed):
    l = 2 * np.random.default_rng(seed).normal(size=shape)
    grid = GridSupport(-0.5, *J)
    message = grid.extrinsic(l, **TIGHT)
    vertical, horizontal = grid_pair_beliefs(grid, l, message)
    b = message.belief
    np.testing.assert_allclose(vertical.sum(axis=-1)[..., 1], b[:-1], atol=1e-8)
    np.testing.assert_allclose(vertical.sum(axis=-2)[..., 1], b[1:], atol=1e-8)
    np.testing.assert_allclose(horizontal.sum(axis=-1)[..., 1], b[:, :-1], atol=1e-8)
    np.testing.assert_allclose(horizontal.sum(axis=-2)[..., 1], b[:, 1:], atol=1e-8)


@pytest.mark.parametrize(
    ("shape", "J"), [((6, 1), (0, 0.9)), ((1, 6), (-0.9, 0)), ((4, 3), (0, 0.7))]
)
def test_on_a_tree_pairs_and_ln_z_are_exact(rng, shape, J):
    l = 2 * rng.normal(size=shape)
    grid = GridSupport(-0.5, *J)
    message = grid.extrinsic(l, **TIGHT)

    def log_weights(states):
        return exact.ising_log_weights(states, l - 0.5, *J)

    pairs = grid_pair_beliefs(grid, l, message)
    for ours, truth in zip(pairs, enumerate_pairs(shape, log_weights), strict=True):
        np.testing.assert_allclose(ours, truth, atol=1e-9)
    truth = exact.enumerate_log_partition(l - 0.5, *J)
    assert grid_log_partition(grid, l, message) == pytest.approx(truth, abs=1e-8)


def test_on_loops_the_gap_of_ln_z_falls_with_the_fourth_power_of_the_coupling(rng):
    h = rng.normal(size=(4, 4))
    gaps = []
    for J in (0.2, 0.1, 0.05):
        grid = GridSupport(0.0, J, J)
        bethe = grid_log_partition(grid, h, grid.extrinsic(h, **TIGHT))
        gaps.append(abs(bethe - exact.enumerate_log_partition(h, J, J)))
    assert gaps[0] < 0.05
    slopes = -np.diff(np.log2(gaps))
    assert (slopes > 3.3).all()
    assert slopes[-1] == pytest.approx(4, abs=0.5)


def test_transposing_the_layer_exchanges_the_two_kinds_of_pairs(rng):
    l = rng.normal(size=(4, 3))
    grid, turned = GridSupport(-0.5, 0.1, 0.25), GridSupport(-0.5, 0.25, 0.1)
    pairs = grid_pair_beliefs(grid, l, grid.extrinsic(l, **TIGHT))
    other = grid_pair_beliefs(turned, l.T, turned.extrinsic(l.T, **TIGHT))
    np.testing.assert_allclose(pairs.vertical, other.horizontal.swapaxes(0, 1), atol=1e-9)
    np.testing.assert_allclose(pairs.horizontal, other.vertical.swapaxes(0, 1), atol=1e-9)


@pytest.mark.parametrize("axis", [0, 1])
def test_chain_pairs_and_likelihood_are_exact(rng, axis):
    l = 2 * rng.normal(size=(4, 3))
    down = l if axis == 0 else l.T
    chain = ChainSupport(0.15, 0.4, axis)

    def log_weights(states):
        return exact.chain_log_weights(states, 0.15, 0.4) + (states * down).sum(axis=(1, 2))

    truth = np.logaddexp.reduce(log_weights(exact.all_states(down.shape)))
    assert chain_log_partition(chain, l) == pytest.approx(truth, abs=1e-10)
    np.testing.assert_allclose(
        chain_pair_beliefs(chain, l), enumerate_pairs(down.shape, log_weights)[0], atol=1e-10
    )


def test_the_chain_likelihood_is_the_product_of_transfer_matrices(rng):
    """A long chain, where enumeration cannot go: P(start) prod psi diag(e^l), scaled."""
    l = 3 * rng.normal(size=(300, 1))
    p01, p10 = 0.03, 0.2
    psi = np.array([[1 - p01, p01], [p10, 1 - p10]])
    row = np.array([p10, p01]) / (p01 + p10) * [1, np.exp(l[0, 0])]
    log_scale = 0.0
    for value in l[1:, 0]:
        row = row @ psi * [1, np.exp(value)]
        log_scale += np.log(row.sum())
        row /= row.sum()
    expected = log_scale + np.log(row.sum())
    assert chain_log_partition(ChainSupport(p01, p10), l) == pytest.approx(expected, rel=1e-12)


def test_agreement_counts_edges_that_agree_minus_edges_that_do_not():
    certain = np.zeros((3, 2, 2))
    certain[0, 1, 1] = certain[1, 0, 0] = certain[2, 0, 1] = 1
    assert agreement(certain) == 1.0


def test_extremes_stay_finite():
    l = np.array([[1e3, -1e3], [-1e3, 1e3]])
    grid = GridSupport(0.0, 0.3, 0.3)
    message = grid.extrinsic(l)
    assert np.isfinite(grid_log_partition(grid, l, message))
    assert np.isfinite(chain_log_partition(ChainSupport(1e-6, 1e-6), l))
    assert all(np.isfinite(part).all() for part in grid_pair_beliefs(grid, l, message))

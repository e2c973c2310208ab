"""Magnitude pruning: the cubic schedule, and masks that only shrink."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tvbi_ref import nets
from tvbi_ref.lab.baselines import GradualMagnitude, OneShotMagnitude, Problem, descend, magnitude


@given(st.floats(0, 0.99), st.floats(0, 0.45), st.floats(0.5, 1))
def test_the_cubic_schedule_rises_from_zero_to_its_end(final, begin, end):
    shares = np.linspace(0, 1, 41)
    s = np.array([magnitude.cubic_sparsity(share, final, begin, end) for share in shares])
    np.testing.assert_allclose(s[shares <= begin], 0)
    np.testing.assert_allclose(s[shares >= end], final)
    assert (np.diff(s) >= -1e-12).all()
    inside = s[(shares > begin) & (shares < end)]
    assert (np.diff(inside, 2) <= 1e-12).all()  # flatter and flatter


def test_the_cubic_schedule_is_the_papers():
    s_i, s_f, t_0, n, every = 0.0, 0.9, 20, 30, 2
    for t in range(t_0, t_0 + n * every + 1, every):
        paper = s_f + (s_i - s_f) * (1 - (t - t_0) / (n * every)) ** 3
        ours = magnitude.cubic_sparsity(t / 100, s_f, t_0 / 100, (t_0 + n * every) / 100)
        assert ours == pytest.approx(paper, abs=1e-12)


def test_the_decay_is_the_gradient_of_the_l2_penalty(float64_net, objective_gradient):
    def penalty():
        squares = sum(float(np.sum(w.mean.value**2)) for w in float64_net.weight_layers)
        return 5 * 0.5 * 0.1 * squares  # times the rows: this penalty is not divided by them

    assert objective_gradient(float64_net, magnitude.Decay(float64_net, 0.1), penalty)


def test_one_shot_keeps_the_largest_of_the_trained_weights(digits, budget, small_net):
    method = OneShotMagnitude(sparsity=0.8)
    problem = Problem(digits.x_train, digits.y_train, budget, seed=3)
    dense = small_net.copy()
    descend(dense, problem, magnitude.Decay(dense, method.decay))
    small = method.prune(small_net.copy(), problem)
    everything = np.sort(np.concatenate([s.ravel() for s in magnitude.magnitudes(dense)]))
    bound = everything[-small.n_kept]
    for trained, layer in zip(dense.weight_layers, small.weight_layers, strict=True):
        np.testing.assert_array_equal(layer.mask, np.abs(trained.mean.value) >= bound)


def test_the_gradual_mask_only_shrinks_and_follows_the_schedule(digits, budget):
    net = nets.mlp([64, 16, 10], seed=0)
    method = GradualMagnitude(sparsity=0.9, every=7)
    kept = []

    class Watch(magnitude._GrowingSparsity):
        def after(self, step):
            super().after(step)
            kept.append((step, [w.mask.copy() for w in net.weight_layers if w.mask is not None]))

    descend(net, Problem(digits.x_train, digits.y_train, budget, seed=0), Watch(net, method))
    masks = [mask for _, mask in kept if mask]
    assert kept[0][1] == []  # nothing is pruned before t_0
    for earlier, later in itertools.pairwise(masks):
        assert all((a | ~b).all() for a, b in zip(earlier, later, strict=True))
    for step, mask in kept:
        if mask and step.number % method.every == 0:
            s_t = magnitude.cubic_sparsity(step.share, 0.9, 0.25, 0.75)
            assert sum(int(m.sum()) for m in mask) == round((1 - s_t) * net.n_weights)
    assert len({sum(int(m.sum()) for m in mask) for mask in masks}) > 5

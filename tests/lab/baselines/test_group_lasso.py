"""Group lasso: the closed form of the proximal step against a numerical minimiser."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import optimize

from tvbi_ref import nets
from tvbi_ref.lab.baselines import GroupLasso, Hooks, Problem, descend, group_lasso
from tvbi_ref.lab.experiment import Budget


def objective(w, v, c):
    return 0.5 * np.sum((w - v) ** 2) + c * np.sqrt(np.sum(w**2))


@pytest.mark.parametrize("c", [0.0, 0.3, 1.0, 5.0])
@pytest.mark.parametrize("seed", range(4))
def test_the_prox_is_the_minimiser(seed, c):
    v = np.random.default_rng(seed).normal(size=3)
    ours = group_lasso.group_prox(v[None], np.array([c]))[0]
    options = {"xatol": 1e-10, "fatol": 1e-14, "maxiter": 5000}
    found = optimize.minimize(objective, v, args=(v, c), method="Nelder-Mead", options=options)
    assert objective(ours, v, c) <= found.fun + 1e-12
    np.testing.assert_allclose(ours, found.x, atol=1e-4)


vectors = arrays(np.float64, (3, 4), elements=st.floats(-5, 5))


@given(vectors, vectors, st.floats(0, 6))
def test_nothing_near_the_prox_is_lower_and_prox_is_nonexpansive(a, b, c):
    bounds = np.full(3, c)
    one, two = group_lasso.group_prox(a, bounds), group_lasso.group_prox(b, bounds)
    for w, v, other in zip(one, a, two, strict=True):
        assert objective(w, v, c) <= objective(other, v, c) + 1e-9
        assert objective(w, v, c) <= objective(w + 1e-3, v, c) + 1e-9
    assert np.linalg.norm(one - two) <= np.linalg.norm(a - b) + 1e-9
    norms = group_lasso.group_norms(a)
    np.testing.assert_array_equal(group_lasso.group_norms(one) > 0, norms > c)


def test_the_penalty_is_the_sum_of_the_norms():
    weight = np.random.default_rng(0).normal(size=(3, 2, 2, 2))
    expected = sum(np.sqrt(8) * np.linalg.norm(w.ravel()) for w in weight)
    assert group_lasso.group_lasso_penalty(weight) == pytest.approx(expected)


def test_training_without_a_penalty_is_plain_training(digits, small_net, budget):
    problem = Problem(digits.x_train, digits.y_train, budget, seed=0)
    plain = small_net.copy()
    descend(plain, problem, Hooks())
    lasso = GroupLasso(strength=0.0).prune(small_net, problem)
    for a, b in zip(plain.weight_layers, lasso.weight_layers, strict=True):
        np.testing.assert_array_equal(a.mean.value, b.mean.value)


def test_training_ends_at_the_minimum_of_the_objective():
    """One weight a group: the gradients balance where a weight lives, else the penalty wins."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 5))
    y = x[:, 0] - 2 * x[:, 1] + 0.1 * rng.normal(size=60)
    net = nets.mlp([5, 1], seed=0, likelihood="gaussian", dtype=np.float64)
    lam = 0.3
    problem = Problem(x, y, Budget(epochs=1000, batch_size=60, learning_rate=0.02), seed=0)
    descend(net, problem, group_lasso._ProximalStep(net.weight_layers, lam))
    net.loss_and_gradient(x, y[:, None])
    w, g = (a[:, 0] for a in (net.weight_layers[0].mean.value, net.weight_layers[0].mean.grad))
    assert (w != 0).tolist() == [True, True, False, False, False]
    np.testing.assert_allclose(g[:2], -lam * np.sign(w[:2]), rtol=0.02)
    assert (np.abs(g[2:]) <= lam).all()

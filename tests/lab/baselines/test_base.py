"""Descent with hooks is plain training; masks by a global ranking; the errors."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tvbi_ref import nets
from tvbi_ref.errors import DivergenceError
from tvbi_ref.lab.baselines import METHODS, Hooks, Problem, base, descend
from tvbi_ref.lab.experiment import Budget

X = np.random.default_rng(0).normal(size=(50, 3))
Y = (X[:, 0] > 0).astype(int)


def test_descent_without_hooks_is_plain_training_bit_for_bit():
    one, two = nets.mlp([3, 5, 2], seed=0), nets.mlp([3, 5, 2], seed=0)
    descend(one, Problem(X, Y, Budget(epochs=3, batch_size=8), seed=1), Hooks())
    nets.train(two, X, Y, epochs=3, batch_size=8, learning_rate=2e-3, seed=1)
    for a, b in zip(one.state(), two.state(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_hooks_see_every_step_and_its_share():
    seen = []

    class Watch(Hooks):
        def after(self, step):
            seen.append(step)

    descend(
        nets.mlp([3, 2], seed=0), Problem(X, Y, Budget(epochs=3, batch_size=8), seed=1), Watch()
    )
    assert [step.number for step in seen] == list(range(21))
    assert [step.share for step in seen] == [k / 21 for k in range(21)]
    assert {step.n_rows for step in seen} == {50}
    assert [round(step.rate / 2e-3, 6) for step in seen[::7]] == [1, 0.666667, 0.333333]


scores = arrays(
    np.float64, st.tuples(st.integers(1, 5), st.integers(1, 5)), elements=st.floats(0, 9)
)


@given(st.lists(scores, min_size=1, max_size=3), st.floats(0, 0.99))
def test_the_largest_are_as_many_as_asked_for_and_none_of_the_rest_is_larger(layers, sparsity):
    keep = base.largest(layers, sparsity)
    n = sum(score.size for score in layers)
    assert [mask.shape for mask in keep] == [score.shape for score in layers]
    assert sum(int(mask.sum()) for mask in keep) == max(1, round((1 - sparsity) * n))
    kept = np.concatenate([s[m] for s, m in zip(layers, keep, strict=True)])
    rest = np.concatenate([s[~m] for s, m in zip(layers, keep, strict=True)])
    assert rest.size == 0 or kept.min() >= rest.max()


def test_what_is_pruned_already_stays_so():
    net = nets.mlp([4, 4], seed=0)
    net.weight_layers[0].prune(np.eye(4, dtype=bool))
    base.prune_largest(net, [np.where(np.eye(4), 1.0, 9.0)], 0.5)
    np.testing.assert_array_equal(net.weight_layers[0].mask, np.eye(4, dtype=bool))


def test_the_warm_up_rises_to_one_and_stays():
    weights = [base.warm_up(share, 0.5) for share in np.linspace(0, 1, 9)]
    np.testing.assert_allclose(weights, [0, 0.25, 0.5, 0.75, 1, 1, 1, 1, 1])


def test_groups_are_inputs_of_a_dense_layer_and_filters_of_a_convolution():
    net = nets.cnn((2, 4, 4), [(3, 3)], [2], seed=0)
    conv, dense = net.weight_layers
    base.prune_groups(conv, np.array([True, False, True]))
    assert conv.mask.all(axis=(1, 2, 3)).tolist() == [True, False, True]
    base.prune_groups(dense, np.arange(12) > 2)
    assert dense.mask.any(axis=1).tolist() == [False] * 3 + [True] * 9


# Errors

BAD_BUDGETS = {"epochs": 0, "fine_tune_epochs": 1.5, "batch_size": 0, "learning_rate": 0.0}


@pytest.mark.parametrize("name", BAD_BUDGETS)
def test_a_wrong_budget_is_named(name):
    with pytest.raises((TypeError, ValueError), match=f"^{name} must"):
        Budget(**{name: BAD_BUDGETS[name]})


@pytest.mark.parametrize("method", METHODS.values())
def test_wrong_data_a_wrong_network_and_a_wrong_seed_are_named(method):
    net, budget = nets.mlp([3, 2], seed=0), Budget(epochs=1)
    with pytest.raises(TypeError, match="network must be a Network"):
        method().fit(None, X, Y, budget, seed=0)
    with pytest.raises(TypeError, match="seed must"):
        method().fit(net, X, Y, budget, seed="0")
    with pytest.raises(TypeError, match="budget must be a Budget; got 3"):
        method().fit(net, X, Y, 3, seed=0)
    with pytest.raises(ValueError, match=r"x must have .*3 features"):
        method().fit(net, X[:, :2], Y, budget, seed=0)
    with pytest.raises(ValueError, match="y must hold labels"):
        method().fit(net, X, Y + 5, budget, seed=0)


BAD_SETTINGS = [
    ("magnitude", "sparsity", 1.0),
    ("magnitude", "decay", -1.0),
    ("gradual_magnitude", "sparsity", "much"),
    ("gradual_magnitude", "begin", -0.1),
    ("gradual_magnitude", "end", 0.1),
    ("gradual_magnitude", "every", 0),
    ("snip", "sparsity", -0.5),
    ("snip", "rows", 0),
    ("sparse_vd", "strength", -1),
    ("sparse_vd", "threshold", None),
    ("sparse_vd", "warmup", 2),
    ("group_nj", "strength", np.nan),
    ("group_nj", "warmup", -1),
    ("group_lasso", "strength", -1),
    ("l0", "strength", -1),
    ("l0", "gates", "layer"),
    ("l0", "drop", 1.0),
]


@pytest.mark.parametrize(("method", "name", "value"), BAD_SETTINGS)
def test_a_wrong_setting_is_named(method, name, value):
    with pytest.raises((TypeError, ValueError), match=f"^{name} must"):
        METHODS[method](**{name: value})


@pytest.mark.parametrize("method", METHODS.values())
def test_divergence_is_an_error_and_leaves_the_network_as_it_was(method):
    net = nets.mlp([3, 5, 2], seed=0)
    before = net.state()
    with pytest.raises(DivergenceError, match="smaller learning rate"):
        method().fit(net, X, Y, Budget(epochs=2, learning_rate=1e30), seed=0)
    for a, b in zip(net.state(), before, strict=True):
        np.testing.assert_array_equal(a, b)

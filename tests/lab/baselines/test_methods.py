"""All methods through the one interface: on digits, with masks that hold and one seed."""

import numpy as np
import pytest

import tvbi_ref
from tvbi_ref import baselines, nets
from tvbi_ref.lab.baselines import METHODS
from tvbi_ref.lab.experiment import Budget
from tvbi_ref.prior import Gamma

# Per method: settings for a few epochs, and what it must reach.
CASES = {
    "magnitude": ({"sparsity": 0.8}, 0.85),
    "gradual_magnitude": ({"sparsity": 0.8}, 0.85),
    "snip": ({"sparsity": 0.8}, 0.85),
    "sparse_vd": ({"strength": 2.0}, 0.85),
    "group_nj": ({"strength": 1.0, "threshold": -1.0}, 0.8),
    "group_lasso": ({"strength": 1e-3}, 0.8),
    "l0": ({"strength": 0.3, "drop": 0.8}, 0.8),
}
BUDGET = Budget(epochs=12, fine_tune_epochs=3, batch_size=32, learning_rate=5e-3)


@pytest.fixture(scope="module", params=CASES)
def outcome(request, digits):
    settings, least = CASES[request.param]
    method, net = METHODS[request.param](**settings), nets.mlp([64, 32, 10], seed=0)
    before = net.state()
    small = method.fit(net, digits.x_train, digits.y_train, BUDGET, seed=0)
    for a, b in zip(net.state(), before, strict=True):
        np.testing.assert_array_equal(a, b)
    assert all(layer.mask is None for layer in net.weight_layers)
    return method, small, least


@pytest.mark.slow
def test_a_method_prunes_and_predicts(outcome, digits):
    method, small, least = outcome
    assert small.n_kept < 0.9 * small.n_weights
    assert small.score(digits.x_test, digits.y_test) > least
    if hasattr(method, "sparsity"):
        assert small.n_kept == round((1 - method.sparsity) * small.n_weights)


def test_what_is_pruned_is_zero_and_can_be_compressed(outcome, digits):
    _, small, _ = outcome
    for layer in small.weight_layers:
        np.testing.assert_array_equal(layer.mean.value[~layer.mask], 0)
        np.testing.assert_array_equal(layer.variance[~layer.mask], 0)
    compressed = tvbi_ref.compress(small)
    np.testing.assert_allclose(
        compressed.predict(digits.x_test), small.predict(digits.x_test), atol=1e-4
    )


def test_there_is_a_case_for_every_method():
    assert set(CASES) == set(METHODS)
    assert all(cls.__name__ in baselines.__all__ for cls in METHODS.values())


SMALL = Budget(epochs=2, fine_tune_epochs=2, batch_size=64, learning_rate=5e-3)


def masks_and_state(method, net, digits, seed, budget=SMALL):
    small = method.fit(net, digits.x_train[:256], digits.y_train[:256], budget, seed=seed)
    return [layer.mask.tobytes() for layer in small.weight_layers], [
        array.tobytes() for array in small.state()
    ]


@pytest.mark.parametrize("name", CASES)
def test_the_same_seed_gives_the_same_bytes(name, digits):
    method, net = METHODS[name](), nets.mlp([64, 8, 10], seed=0)
    runs = [masks_and_state(method, net, digits, seed) for seed in (5, 5, 6)]
    assert runs[0] == runs[1]
    assert runs[0][1] != runs[2][1]


@pytest.mark.parametrize("name", CASES)
def test_fine_tuning_moves_the_survivors_and_no_mask(name, digits):
    """The masks are those of a run without fine-tuning; the weights are others."""
    method, net = METHODS[name](), nets.mlp([64, 8, 10], seed=0)
    bare = Budget(epochs=2, fine_tune_epochs=0, batch_size=64, learning_rate=5e-3)
    masks, state = masks_and_state(method, net, digits, 0)
    bare_masks, bare_state = masks_and_state(method, net, digits, 0, bare)
    assert masks == bare_masks
    assert state != bare_state


@pytest.mark.parametrize("name", CASES)
def test_a_mask_that_was_there_stays(name, digits):
    net = nets.mlp([64, 8, 10], seed=0)
    keep = np.random.default_rng(0).random((64, 8)) < 0.5
    net.weight_layers[0].prune(keep)
    small = METHODS[name]().fit(net, digits.x_train[:256], digits.y_train[:256], SMALL, seed=0)
    assert not small.weight_layers[0].mask[~keep].any()
    np.testing.assert_array_equal(small.weight_layers[0].mean.value[~keep], 0)


@pytest.mark.parametrize("name", CASES)
def test_convolutions_too(name, digits):
    net = nets.cnn((1, 8, 8), [nets.Block(4, 3, pool=2)], [10], seed=0)
    small = METHODS[name]().fit(net, digits.x_train[:256], digits.y_train[:256], SMALL, seed=0)
    assert [layer.mask.shape for layer in small.weight_layers] == [(4, 1, 3, 3), (36, 10)]
    tvbi_ref.compress(small)


@pytest.mark.parametrize("name", CASES)
def test_regression_with_a_learned_noise_too(name):
    x = np.random.default_rng(0).normal(size=(80, 3))
    net = nets.mlp([3, 8, 1], seed=0, likelihood="gaussian", noise=Gamma(1.0, 1.0))
    small = METHODS[name]().fit(net, x, x[:, 0], SMALL, seed=0)
    assert np.isfinite(small.score(x, x[:, 0]))
    assert net.loss.posterior == net.loss.prior

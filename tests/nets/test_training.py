"""Plain training: deterministic, honest about pruned weights, safe when it diverges."""

import numpy as np
import pytest

from tvbi_ref import nets
from tvbi_ref.errors import DivergenceError
from tvbi_ref.prior import Gamma

KINDS = {
    "categorical": {},
    "gaussian": {"likelihood": "gaussian", "noise": 2.0},
    "learned": {"likelihood": "gaussian", "noise": Gamma(1.0, 1.0)},
}


def problem(kind, n=64, seed=0):
    """Return a small network and data for it."""
    x = np.random.default_rng(seed).normal(size=(n, 3))
    y = (x[:, 0] > 0).astype(int) if kind == "categorical" else x[:, :2] - x[:, 2:]
    return nets.mlp([3, 6, 2], seed=0, **KINDS[kind]), x, y


def bytes_of(net):
    return [array.tobytes() for array in net.state()]


def is_finite(net):
    return all(np.isfinite(array).all() for array in net.state())


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_seed_gives_the_same_bytes(kind):
    results = []
    for seed in (5, 5, 6):
        net, x, y = problem(kind)
        losses = nets.train(net, x, y, epochs=4, seed=seed, batch_size=10, learning_rate=0.01)
        results.append((bytes_of(net), losses, net.loss.negative_kl))
    assert results[0] == results[1]
    assert results[0] != results[2]


@pytest.mark.parametrize("kind", KINDS)
def test_pruned_weights_stay_zero(kind):
    net, x, y = problem(kind)
    rng = np.random.default_rng(0)
    keeps = [rng.random(layer.mean.value.shape) < 0.5 for layer in net.weight_layers]
    for layer, keep in zip(net.weight_layers, keeps, strict=True):
        layer.prune(keep)
    before = net.state()
    nets.train(net, x, y, epochs=5, seed=0, learning_rate=0.05)
    for layer, keep, k in zip(net.weight_layers, keeps, (0, 3), strict=True):
        np.testing.assert_array_equal(layer.mean.value[~keep], 0)
        assert (layer.mean.value[keep] != before[k][keep]).any()


@pytest.mark.parametrize("kind", KINDS)
def test_training_learns(kind):
    net, x, y = problem(kind)
    losses = nets.train(net, x, y, epochs=60, seed=0, batch_size=16, learning_rate=0.02)
    assert len(losses) == 60
    assert losses[-1] < losses[0] / 2 if kind != "learned" else losses[-1] < losses[0]
    score = net.score(x, y)
    assert score > 0.95 if kind == "categorical" else score < 0.3


def test_training_moves_neither_the_variances_nor_the_data():
    net, x, y = problem("categorical")
    kept = x.copy(), y.copy(), [layer.log_variance.value.copy() for layer in net.weight_layers]
    nets.train(net, x, y, epochs=3, seed=0)
    np.testing.assert_array_equal(x, kept[0])
    np.testing.assert_array_equal(y, kept[1])
    for layer, log_variance in zip(net.weight_layers, kept[2], strict=True):
        np.testing.assert_array_equal(layer.log_variance.value, log_variance)


def test_no_epochs_change_nothing():
    net, x, y = problem("learned")
    before = bytes_of(net)
    assert nets.train(net, x, y, epochs=0, seed=0) == []
    assert bytes_of(net) == before


def test_training_does_not_touch_the_global_generator():
    net, x, y = problem("categorical")
    state = np.random.get_state()[1].copy()  # noqa: NPY002 - the global one is the point
    nets.train(net, x, y, epochs=2, seed=0)
    np.testing.assert_array_equal(np.random.get_state()[1], state)  # noqa: NPY002


def test_the_learned_noise_precision_is_that_of_the_residuals():
    net, x, _ = problem("learned", n=400)
    y = x[:, :2] + np.random.default_rng(1).normal(0, 0.5, (400, 2))
    nets.train(net, x, y, epochs=60, seed=0, learning_rate=0.02)
    assert net.loss.noise_precision == pytest.approx(1 / net.score(x, y) ** 2, rel=0.02)
    assert net.loss.noise_precision == pytest.approx(4.0, rel=0.2)


# Divergence


@pytest.mark.parametrize("batch_size", [16, 64])
@pytest.mark.parametrize("kind", KINDS)
def test_a_diverging_run_raises_and_keeps_the_last_good_epoch(kind, batch_size):
    net, x, y = problem(kind)
    with (
        np.errstate(all="ignore"),
        pytest.raises(DivergenceError, match="smaller learning rate") as caught,
    ):
        nets.train(net, x, y, epochs=5, seed=0, batch_size=batch_size, learning_rate=1e30)
    assert caught.value.last_good is net
    assert is_finite(net)


@pytest.mark.parametrize("batch_size", [16, 64])
@pytest.mark.parametrize("kind", KINDS)
def test_the_network_that_a_diverging_run_leaves_still_predicts(kind, batch_size):
    """Weights of 1e30 are finite numbers and no good epoch."""
    net, x, y = problem(kind)
    with np.errstate(all="ignore"), pytest.raises(DivergenceError):
        nets.train(net, x, y, epochs=5, seed=0, batch_size=batch_size, learning_rate=1e30)
    assert np.isfinite(net.predict(x)).all()
    assert np.isfinite(net.score(x, y))


@pytest.mark.parametrize("kind", KINDS)
def test_a_run_that_diverges_in_its_first_epoch_leaves_the_network_as_it_was(kind):
    net, x, y = problem(kind)
    before = bytes_of(net)
    with np.errstate(all="ignore"), pytest.raises(DivergenceError) as caught:
        nets.train(net, x, y, epochs=5, seed=0, batch_size=16, learning_rate=1e30)
    assert caught.value.epoch == 0
    assert bytes_of(net) == before


@pytest.mark.parametrize("kind", KINDS)
def test_divergence_is_an_error_and_not_a_flood_of_warnings(kind):
    """Warnings are errors here: a RuntimeWarning on the way would be what is raised."""
    net, x, y = problem(kind)
    with pytest.raises(DivergenceError):
        nets.train(net, x, y, epochs=5, seed=0, batch_size=16, learning_rate=1e30)


@pytest.mark.parametrize("epochs", [1, 5])
@pytest.mark.parametrize("kind", KINDS)
def test_training_never_leaves_parameters_that_are_not_finite(kind, epochs):
    """The last step of an epoch may break them when the loss has been computed already."""
    net, x, y = problem(kind)
    with np.errstate(all="ignore"), pytest.raises(DivergenceError):
        nets.train(net, x, y, epochs=epochs, seed=0, batch_size=64, learning_rate=1e300)
    assert is_finite(net)


def test_progress_counts_batches(capsys):
    net, x, y = problem("categorical", n=10)
    nets.train(net, x, y, epochs=3, seed=0, batch_size=4, progress=True)
    assert "/9 [" in capsys.readouterr().err

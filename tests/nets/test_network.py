"""The network: prediction, copies, types."""

import numpy as np
import pytest

from tvbi_ref import nets
from tvbi_ref.nets import network as network_module
from tvbi_ref.prior import Gamma


def rows(n=7, n_inputs=3, seed=0):
    return np.random.default_rng(seed).normal(size=(n, n_inputs))


def bytes_of(net):
    return [array.tobytes() for array in net.state()]


@pytest.mark.parametrize("n", [1, 3, 4, 7, 8])
def test_prediction_in_batches_is_one_forward_pass(monkeypatch, n):
    net = nets.mlp([3, 5, 2], seed=0, dtype=np.float64)
    x = rows(n)
    whole = net.forward(x)
    monkeypatch.setattr(network_module, "PREDICT_ROWS", 4)
    np.testing.assert_allclose(net.predict(x), whole, rtol=1e-13)


def test_prediction_with_a_generator_draws_new_noise_and_repeats_with_the_seed():
    net = nets.mlp([3, 5, 2], seed=0)
    one, other = (net.predict(rows(), np.random.default_rng(seed)) for seed in (0, 1))
    again = net.predict(rows(), np.random.default_rng(0))
    assert (one != other).all()
    np.testing.assert_array_equal(one, again)


@pytest.mark.parametrize("samples", [0, 1, 5])
def test_the_rows_of_predict_proba_sum_to_one(samples):
    net = nets.mlp([3, 5, 4], seed=0)
    p = net.predict_proba(rows(), samples=samples, rng=np.random.default_rng(0))
    assert p.shape == (7, 4)
    assert (p >= 0).all()
    np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-6)


def test_predict_proba_averages_probabilities_over_the_samples():
    net = nets.mlp([3, 5, 4], seed=0, dtype=np.float64)
    p = net.predict_proba(rows(), samples=6, rng=np.random.default_rng(0))
    rng = np.random.default_rng(0)
    draws = [net.loss.probabilities(net.predict(rows(), rng)) for _ in range(6)]
    np.testing.assert_allclose(p, np.mean(draws, axis=0), rtol=1e-12)


def test_without_samples_predict_proba_is_the_softmax_of_the_means():
    net = nets.mlp([3, 5, 4], seed=0, dtype=np.float64)
    z = net.predict(rows())
    expected = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(net.predict_proba(rows()), expected, rtol=1e-12)


def test_averaging_many_samples_blurs_the_prediction():
    """Jensen: where the weights are uncertain, the averaged probability is less extreme."""
    net = nets.mlp([3, 2], seed=0, dtype=np.float64)
    net.weight_layers[0].log_variance.value[...] = 2.0
    x = 5 * rows(200)
    sure = net.predict_proba(x).max(axis=1)
    blurred = net.predict_proba(x, samples=400, rng=np.random.default_rng(0)).max(axis=1)
    assert blurred.mean() < sure.mean() - 0.05


def pruned_regression():
    net = nets.mlp([3, 5, 1], seed=0, likelihood="gaussian", noise=Gamma(2.0, 1.0))
    net.weight_layers[0].prune(np.random.default_rng(0).random((3, 5)) < 0.5)
    return net


@pytest.mark.parametrize("copy", [lambda net: net.copy(), lambda net: net.astype(np.float64)])
def test_a_copy_is_independent(copy):
    net = pruned_regression()
    before, mask = bytes_of(net), net.weight_layers[0].mask.copy()
    twin = copy(net)
    assert twin is not net
    nets.train(twin, rows(), np.ones(7), epochs=2, seed=0, learning_rate=0.1)
    twin.weight_layers[0].prune(np.zeros((3, 5), dtype=bool))
    assert bytes_of(net) == before
    assert net.loss.posterior == Gamma(2.0, 1.0)
    assert twin.loss.posterior != Gamma(2.0, 1.0)
    np.testing.assert_array_equal(net.weight_layers[0].mask, mask)


def test_astype_keeps_the_function_and_changes_only_the_precision():
    net = pruned_regression()
    wide = net.astype(np.float64)
    assert wide.dtype == np.float64
    assert net.dtype == np.float32
    for narrow, same in zip(net.parameters(), wide.parameters(), strict=True):
        np.testing.assert_array_equal(narrow.value, same.value)
        assert same.grad.dtype == np.float64
        assert same.bounds == narrow.bounds
    np.testing.assert_allclose(wide.predict(rows()), net.predict(rows()), rtol=1e-4, atol=1e-5)
    assert bytes_of(wide.astype(np.float32)) == bytes_of(net)


def test_set_state_puts_back_what_state_returned():
    net = pruned_regression()
    kept = net.state()
    nets.train(net, rows(), np.ones(7), epochs=2, seed=0, learning_rate=0.1)
    assert bytes_of(net) != [array.tobytes() for array in kept]
    net.set_state(kept)
    assert bytes_of(net) == [array.tobytes() for array in kept]


@pytest.mark.parametrize("activation", ["relu", "leaky_relu"])
@pytest.mark.parametrize(
    ("likelihood", "noise"), [("categorical", 1.0), ("gaussian", 2.0), ("gaussian", Gamma(2, 1))]
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_array_keeps_the_networks_dtype(activation, likelihood, noise, dtype):
    net = nets.mlp(
        [3, 5, 2], seed=0, activation=activation, likelihood=likelihood, noise=noise, dtype=dtype
    )
    x = net.as_inputs(rows())
    y = net.as_targets([0, 1] * 3 + [0] if likelihood == "categorical" else rows(7, 2), 7)
    adam = nets.Adam(net.parameters())
    rng = np.random.default_rng(0)
    for noise_source in (None, rng):
        net.loss_and_gradient(x, y, noise_source)
        adam.step(np.float64(0.01))
        output = net.forward(x, noise_source)
        input_gradient = net.backward(net.loss.gradient(output, y))
        assert x.dtype == output.dtype == input_gradient.dtype == dtype
        for p in net.parameters():
            assert p.value.dtype == p.grad.dtype == dtype
    assert all(moment.dtype == dtype for moment in adam.first + adam.second)
    assert net.predict(rows()).dtype == dtype
    if likelihood == "categorical":
        assert net.predict_proba(rows()).dtype == dtype
        assert net.predict_proba(rows(), samples=3, rng=rng).dtype == dtype


def test_the_input_gradient_of_a_network_is_its_finite_difference():
    net = nets.mlp([3, 5, 2], seed=0, activation="leaky_relu", dtype=np.float64)
    x, y = rows(), np.array([0, 1, 1, 0, 1, 0, 0])

    def loss():
        return net.loss_and_gradient(x, y, np.random.default_rng(3))

    output = net.forward(x, np.random.default_rng(3))
    gradient = net.backward(net.loss.gradient(output, y))
    for n in np.ndindex(x.shape):
        kept = x[n]
        x[n] = kept + 1e-6
        above = loss()
        x[n] = kept - 1e-6
        assert gradient[n] == pytest.approx((above - loss()) / 2e-6, rel=1e-5, abs=1e-8)
        x[n] = kept


def test_score_is_accuracy_or_rmse():
    x, y = rows(50), np.random.default_rng(1).integers(2, size=50)
    classifier = nets.mlp([3, 5, 2], seed=0)
    assert classifier.score(x, y) == np.mean(classifier.predict(x).argmax(axis=1) == y)
    regression = nets.mlp([3, 5, 1], seed=0, likelihood="gaussian", dtype=np.float64)
    error = regression.predict(x)[:, 0] - y
    assert regression.score(x, y) == pytest.approx(np.sqrt(np.mean(error**2)), rel=1e-12)


@pytest.mark.parametrize(("n", "size"), [(10, 4), (8, 4), (3, 10), (1, 1)])
def test_minibatches_visit_every_row_once(n, size):
    batches = list(nets.minibatches(n, size, np.random.default_rng(0)))
    assert sorted(np.concatenate(batches)) == list(range(n))
    assert all(len(batch) <= size for batch in batches)
    assert len(batches) == -(-n // size)


def test_the_same_seed_builds_the_same_network():
    assert bytes_of(nets.mlp([3, 5, 2], seed=1)) == bytes_of(nets.mlp([3, 5, 2], seed=1))
    assert bytes_of(nets.mlp([3, 5, 2], seed=1)) != bytes_of(nets.mlp([3, 5, 2], seed=2))

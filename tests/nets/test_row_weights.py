"""A row of weight k is that row k times: values, gradients, scores, noise, training, both loops."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tvbi_ref import HierarchicalPrior, TurboVBI, nets
from tvbi_ref.gamma import Gamma
from tvbi_ref.lab import baselines
from tvbi_ref.lab.baselines import Budget, Problem
from tvbi_ref.module_b import ChainSupport
from tvbi_ref.nets.row_weights import as_row_weights

KINDS = {
    "categorical": {},
    "known": {"likelihood": "gaussian", "noise": 2.0},
    "learned": {"likelihood": "gaussian", "noise": Gamma(2.0, 1.0)},
}
TIMES = np.array([0, 1, 3, 2, 1, 1, 4, 0, 1, 2])
RNG = np.random.default_rng(0)
X = RNG.normal(size=(10, 3))
PRIOR = HierarchicalPrior.spike_and_slab(ChainSupport(0.1, 0.3), variance=0.1, contrast=1e-2)


def targets(kind, x):
    return (x[:, 0] > 0).astype(int) if kind == "categorical" else x[:, :2] - x[:, 2:]


def network(kind):
    return nets.mlp([3, 6, 2], seed=0, dtype=np.float64, **KINDS[kind])


def assert_same(one, other):
    for a, b in zip(one.state(), other.state(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-9)
    assert one.loss.negative_kl == pytest.approx(other.loss.negative_kl, rel=1e-6)


class Still(np.random.Generator):
    """Draws no noise, so that a row that is there twice has the same as one that counts two."""

    def standard_normal(self, size=None, dtype=np.float64, out=None):
        out = np.empty(size, dtype) if out is None else out
        out[...] = 0
        return out


@pytest.fixture
def still(monkeypatch):
    monkeypatch.setattr(np.random, "default_rng", lambda seed: Still(np.random.PCG64(seed)))


# The likelihoods


@pytest.mark.parametrize("kind", KINDS)
@given(
    times=st.lists(st.integers(0, 5), min_size=10, max_size=10).filter(any),
    seed=st.integers(0, 99),
)
@settings(max_examples=30, deadline=None)
def test_whole_weights_are_repeated_rows(kind, times, seed):
    rng, loss = np.random.default_rng(seed), network(kind).loss
    output, y = rng.normal(size=(10, 2)), targets(kind, rng.normal(size=(10, 3)))
    weights = as_row_weights(times, 10, float)
    more_output, more_y = output.repeat(times, axis=0), y.repeat(times, axis=0)
    assert loss.value(output, y, weights.share) == pytest.approx(loss.value(more_output, more_y))
    assert loss.score(output, y, weights.share) == pytest.approx(loss.score(more_output, more_y))
    gradient = np.zeros_like(output)
    rows = np.arange(10).repeat(times)
    np.add.at(gradient, rows, loss.gradient(more_output, more_y))
    np.testing.assert_allclose(loss.gradient(output, y, weights.share), gradient, atol=1e-12)
    loss.refit(output, y, weights.each)
    found = loss.negative_kl
    loss.refit(more_output, more_y)
    assert found == pytest.approx(loss.negative_kl)


@pytest.mark.parametrize("kind", KINDS)
def test_the_value_is_the_mean_of_the_rows_values(kind):
    loss, y = network(kind).loss, targets(kind, X)
    output = RNG.normal(size=(10, 2))
    each = [loss.value(output[n : n + 1], y[n : n + 1]) for n in range(10)]  # by the equation
    np.testing.assert_allclose(loss.row_values(output, y), each, rtol=1e-12)


def test_the_batches_of_an_epoch_add_up_to_the_whole():
    net, y = network("categorical"), targets("categorical", X)
    weights, total = as_row_weights(TIMES, 10, float), 0.0
    for batch in nets.minibatches(10, 3, np.random.default_rng(0)):
        net.loss_and_gradient(X[batch], y[batch], None, weights.of(batch))
        total = total + len(batch) * net.weight_layers[0].mean.grad
    net.loss_and_gradient(X.repeat(TIMES, axis=0), y.repeat(TIMES))
    np.testing.assert_allclose(total / 10, net.weight_layers[0].mean.grad, rtol=1e-12)


# Training, all rows a batch


@pytest.mark.parametrize("kind", KINDS)
def test_plain_training_is_that_on_repeated_rows(kind):
    one, other, y = network(kind), network(kind), targets(kind, X)
    how = {"epochs": 20, "seed": 0, "batch_size": 99, "learning_rate": 0.02}
    losses = nets.train(one, X, y, sample_weight=TIMES, **how)
    more = nets.train(other, X.repeat(TIMES, axis=0), y.repeat(TIMES, axis=0), **how)
    np.testing.assert_allclose(losses, more, rtol=1e-7)
    assert_same(one, other)


@pytest.mark.parametrize("kind", KINDS)
def test_turbo_vbi_is_that_on_repeated_rows(kind, still):
    one, other, y = network(kind), network(kind), targets(kind, X)
    turbo = TurboVBI(PRIOR, epochs=12, batch_size=99, learning_rate=0.02)
    here = turbo.fit(one, X, y, sample_weight=TIMES).trace
    there = turbo.fit(other, X.repeat(TIMES, axis=0), y.repeat(TIMES, axis=0)).trace
    for column in set(here.columns) - {"seconds"}:
        np.testing.assert_allclose(here[column], there[column], rtol=1e-6, err_msg=column)
    assert_same(one, other)


@pytest.mark.parametrize("name", baselines.METHODS)
def test_a_baseline_is_that_on_repeated_rows(name, still):
    y, budget = targets("categorical", X), Budget(10, 3, 99, 0.02)
    options = {"sparsity": 0.5} if "sparsity" in baselines.METHODS[name].__annotations__ else {}
    method, start = baselines.METHODS[name](**options), network("categorical")
    weighted = Problem(X, y, budget, 0, sample_weight=TIMES)
    repeated = Problem(X.repeat(TIMES, axis=0), y.repeat(TIMES), budget, 0)
    assert_same(method.train(start, weighted), method.train(start, repeated))
    np.testing.assert_allclose(weighted.losses, repeated.losses, rtol=1e-6)
    assert len(weighted.losses) == 13


def test_the_prior_has_less_to_say_beside_twice_the_weights(still):
    y = targets("categorical", X)
    turbo = TurboVBI(PRIOR, epochs=12, batch_size=99, learning_rate=0.02)
    once, twice = (
        turbo.fit(network("categorical"), X, y, sample_weight=np.full(10, w)).trace
        for w in (1.0, 2.0)
    )
    assert twice["log_likelihood"][0] == pytest.approx(2 * once["log_likelihood"][0])
    plain = turbo.fit(network("categorical"), X, y).trace
    np.testing.assert_allclose(once["elbo"], plain["elbo"], rtol=1e-9)


def test_a_checkpoint_of_other_weights_is_refused(tmp_path):
    turbo, y = TurboVBI(PRIOR, epochs=2), targets("categorical", X)
    file = tmp_path / "run.npz"
    turbo.fit(network("categorical"), X, y, checkpoint=file, sample_weight=TIMES)
    turbo.fit(network("categorical"), X, y, checkpoint=file, sample_weight=TIMES)
    for others in (None, TIMES + 1):
        with pytest.raises(ValueError, match="sample_weight"):
            turbo.fit(network("categorical"), X, y, checkpoint=file, sample_weight=others)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (np.ones(9), r"sample_weight must have shape \(10,\); got \(9,\)"),
        (np.ones((10, 1)), r"sample_weight must have shape \(10,\)"),
        (-TIMES, "sample_weight must be >= 0 and not all zero"),
        (np.zeros(10), "sample_weight must be >= 0 and not all zero"),
        (np.full(10, np.nan), "sample_weight has 10 entries that are not finite"),
        (["a"] * 10, "sample_weight must be"),
    ],
)
def test_wrong_weights_are_named(weights, message):
    y = targets("categorical", X)
    for fit in (
        TurboVBI(PRIOR, epochs=1).fit,
        lambda *a, **k: nets.train(*a, epochs=1, seed=0, **k),
    ):
        with pytest.raises((ValueError, TypeError), match=message):
            fit(network("categorical"), X, y, sample_weight=weights)


class KnowsOfNoWeights(nets.SoftmaxCrossEntropy):
    """A reader's loss, written before there were weights of rows."""

    def gradient(self, output, y):
        return super().gradient(output, y)

    def value(self, output, y):
        return super().value(output, y)

    def score(self, output, y):
        return super().score(output, y)

    def refit(self, output, y):
        return super().refit(output, y)


def test_a_loss_that_knows_of_no_weights_trains_without_them():
    def fitted(loss):
        net = nets.mlp([3, 4, 2], seed=0)
        net.loss = loss
        prior = HierarchicalPrior.spike_and_slab(ChainSupport(0.2, 0.4))
        TurboVBI(prior, epochs=2, seed=0).fit(net, X, (X[:, 0] > 0).astype(int), progress=False)
        return net.weight_layers[0].mean.value

    own, ours = fitted(KnowsOfNoWeights()), fitted(nets.SoftmaxCrossEntropy())
    np.testing.assert_array_equal(own, ours)

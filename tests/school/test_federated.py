"""Turbo-VBI split over clients: what is exact, and what equal clients must give."""

import numpy as np
import pytest

from tvbi_ref import datasets
from tvbi_ref.gamma import Gamma
from tvbi_ref.module_a import evidence_collapsed, second_moment
from tvbi_ref.school.teaching import federated


@pytest.fixture(scope="module")
def data():
    return datasets.load_digits()


def test_average_natural_parameters_are_the_central_posterior_of_uncoupled_weights():
    """Each client weighs its rows N / n_k times, as `w_steps` does, and has the prior whole."""
    rng = np.random.default_rng(0)
    rows, rho = np.array([5, 20, 75]), 2.0
    precision = rng.uniform(0, 3, (3, 4)) * rows[:, None]  # of each client's data, alone
    linear = rng.normal(size=(3, 4)) * precision
    shares = rows / rows.sum()
    variances = 1 / (precision / shares[:, None] + rho)
    means = variances * linear / shares[:, None]
    mean, variance = federated.natural(means, variances, shares)
    assert np.allclose(variance, 1 / (precision.sum(axis=0) + rho))
    assert np.allclose(mean, variance * linear.sum(axis=0))
    assert not np.allclose(federated.plain(means, variances, shares)[0], mean, rtol=0.05)


@pytest.mark.parametrize("aggregate", [federated.natural, federated.plain])
def test_clients_that_agree_are_believed_as_they_are(aggregate):
    rng = np.random.default_rng(1)
    mean, variance = rng.normal(size=(2, 3, 4)) ** [[[1]], [[2]]]
    both = aggregate(np.stack([mean] * 5), np.stack([variance] * 5), np.full(5, 0.2))
    assert np.allclose(both, (mean, variance))
    a, b = Gamma(1.0, 0.1), Gamma(1.0, 1e-4)
    central = evidence_collapsed(second_moment(mean, variance), a, b)
    assert np.allclose(evidence_collapsed(second_moment(*both), a, b), central)


def test_clients_with_the_same_data_are_one_client(data):
    rows = np.arange(48)
    settings = {"rounds": 4, "epochs": 1}
    one, alone = federated.turbo(data, [rows], **settings)
    four, together = federated.turbo(data, [rows] * 4, **settings)
    for single, joint in zip(alone.weight_layers, together.weight_layers, strict=True):
        assert np.allclose(single.mean.value, joint.mean.value, atol=1e-5)
    assert [h.sent for h in one] == [h.sent for h in four]
    assert np.allclose([4 * h.megabits for h in one], [h.megabits for h in four])


@pytest.mark.parametrize("by_label", [False, True])
def test_every_row_is_dealt_once(data, by_label):
    parts = federated.split(data.y_train, by_label=by_label, seed=3)
    assert sorted(np.concatenate(parts)) == list(range(len(data.y_train)))
    kinds = [len(set(data.y_train[rows])) for rows in parts]
    assert max(kinds) <= 4 if by_label else min(kinds) == 10  # a shard may hold two digits


def test_what_is_not_sent_is_zero_and_costs_nothing(data):
    parts = federated.split(data.y_train[:200], by_label=False, seed=0)
    heard, network = federated.turbo(data, parts, rounds=8, epochs=1)
    assert sum(int((w.mean.value != 0).sum()) for w in network.weight_layers) == heard[-1].sent
    costs = np.diff([0.0, *(h.megabits for h in heard)])
    sent = [network.n_weights, *(h.sent for h in heard[:-1])]  # of the round before
    numbers = 4 * np.array(sent) + 2 * sum(federated.SIZES[1:])
    assert np.allclose(costs, 10 * (32 * numbers + network.n_weights) / 1e6)
    assert heard[-1].sent < network.n_weights

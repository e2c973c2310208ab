"""Sorted units: the same function, and fewer bytes."""

import numpy as np
import pytest
from small_networks import NETWORKS, inputs_of, pruned

from tvbi_ref import compress, nets
from tvbi_ref.compression import coded_nbytes, sort_units


@pytest.mark.parametrize("name", NETWORKS)
def test_the_function_and_its_uncertainty_are_the_same(name):
    small = compress(pruned(NETWORKS[name]()))
    found, x = sort_units(small), inputs_of(small)
    np.testing.assert_allclose(found.predict(x), small.predict(x), rtol=1e-4, atol=1e-5)
    for old, new in zip(small.weight_layers, found.weight_layers, strict=True):
        pairs = [np.argsort(layer.weights.values, kind="stable") for layer in (old, new)]
        np.testing.assert_array_equal(old.weights.values[pairs[0]], new.weights.values[pairs[1]])
        spread = [layer.variances.codes for layer in (old, new)]
        np.testing.assert_array_equal(np.sort(spread[0]), np.sort(spread[1]))
        assert sorted(old.bias.tolist()) == sorted(new.bias.tolist())


def test_each_weight_keeps_its_variance():
    small = compress(pruned(NETWORKS["convolutions"](), 0.6))
    for old, new in zip(small.weight_layers, sort_units(small).weight_layers, strict=True):
        pairs = [
            dict(zip(w[w != 0].tolist(), layer.variance_matrix()[w != 0].tolist(), strict=True))
            for layer, w in ((layer, layer.weights.to_dense()) for layer in (old, new))
        ]
        assert pairs[0] == pairs[1]


def test_units_that_are_alike_end_up_side_by_side_whatever_order_they_came_in():
    rng = np.random.default_rng(0)
    kinds = rng.random((60, 4)) < 0.3
    net = nets.mlp([60, 40, 10], seed=0)
    net.weight_layers[0].prune(kinds[:, rng.permutation(np.repeat(np.arange(4), 10))])
    small = compress(net)
    found = sort_units(small)
    mask = found.weight_layers[0].weights.to_dense() != 0
    assert (mask[:, 1:] != mask[:, :-1]).any(axis=0).sum() == 3
    assert coded_nbytes(found) < coded_nbytes(small) - 100

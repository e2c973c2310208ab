import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra import numpy as hnp

from tvbi_ref import nets
from tvbi_ref.compression import (
    entropy_bound,
    find_runs,
    index_bits,
    mean_run,
    prune,
    sparsity,
)
from tvbi_ref.module_b import ChainSupport, GridSupport
from tvbi_ref.prior import HierarchicalPrior
from tvbi_ref.turbo import TurboVBI

masks = hnp.arrays(bool, hnp.array_shapes(min_dims=2, max_dims=2, max_side=7))


def runs_by_walking(mask):
    """Read the columns weight by weight, as a person would."""
    gaps, lengths, gap = [], [], 0
    for column in mask.T:
        length = 0
        for kept in column:
            if kept:
                if length == 0:
                    gaps.append(gap)
                    gap = 0
                length += 1
            else:
                if length:
                    lengths.append(length)
                length = 0
                gap += 1
        if length:
            lengths.append(length)
    return gaps, lengths


@given(masks)
def test_runs_are_what_a_walk_down_the_columns_finds(mask):
    gaps, lengths = runs_by_walking(mask)
    found = find_runs(mask)
    assert found.gaps.tolist() == gaps
    assert found.lengths.tolist() == lengths


@given(masks)
def test_gaps_and_lengths_give_the_mask_back(mask):
    gaps, lengths = find_runs(mask)
    assert lengths.sum() == mask.sum()
    assert gaps.sum() + lengths.sum() <= mask.size


@given(masks)
def test_sizes_are_finite_and_never_negative(mask):
    s = sparsity([mask])
    assert s.index_bits >= 0
    assert s.entropy_bound >= 0
    assert s.kept == mask.sum()
    assert s.mean_run >= (1 if mask.any() else 0)


@pytest.mark.parametrize("density", [0.02, 0.1, 0.4])
def test_index_bits_of_an_unstructured_mask_meet_the_entropy_bound(rng, density):
    mask = rng.random((2000, 300)) < density
    assert index_bits([mask]) == pytest.approx(entropy_bound([mask]), rel=0.01)
    assert mean_run([mask]) == pytest.approx(1 / (1 - density), rel=0.02)


def test_index_bits_of_a_clustered_mask_are_below_the_bound_and_shuffling_undoes_it(rng):
    mask = ChainSupport(p01=0.02, p10=0.2).sample((2000, 100), rng).astype(bool)
    shuffled = rng.permutation(mask.ravel()).reshape(mask.shape)
    assert index_bits([mask]) < 0.5 * entropy_bound([mask])
    assert index_bits([shuffled]) == pytest.approx(entropy_bound([mask]), rel=0.02)
    assert mean_run([mask]) == pytest.approx(5, rel=0.05)


def test_index_bits_of_markov_columns_meet_the_entropy_rate(rng):
    """For long chains the ideal code costs the chain's entropy rate: an independent oracle."""
    p01, p10 = 0.05, 0.25
    mask = ChainSupport(p01, p10).sample((4000, 100), rng).astype(bool)
    h = [-(p * np.log2(p) + (1 - p) * np.log2(1 - p)) for p in (p01, p10)]
    ones = p01 / (p01 + p10)
    rate = (1 - ones) * h[0] + ones * h[1]
    assert index_bits([mask]) == pytest.approx(rate / ones, rel=0.02)


@pytest.mark.parametrize("mask", [np.zeros((3, 2), bool), np.ones((3, 2), bool)])
def test_empty_and_full_masks_cost_nothing(mask):
    assert index_bits([mask]) == entropy_bound([mask]) == 0


@pytest.mark.parametrize("mask", [np.ones((2, 2)), np.ones(3, bool), [[1, 0]]])
def test_what_is_no_mask_is_refused(mask):
    with pytest.raises(ValueError, match="mask must be a boolean"):
        find_runs(mask)


@pytest.fixture(scope="module")
def result(digits):
    prior = HierarchicalPrior.spike_and_slab(GridSupport(-1.0, 0.05, 0.5), contrast=1e-3)
    turbo = TurboVBI(prior, epochs=20, batch_size=32, learning_rate=3e-3)
    return turbo.fit(nets.mlp([64, 16, 10], seed=0), digits.x_train, digits.y_train)


def test_pruning_keeps_exactly_the_weights_with_at_least_even_odds(result):
    small = prune(result)
    for layer, q in zip(small.weight_layers, result.q_support, strict=True):
        np.testing.assert_array_equal(layer.mask, q >= 0.5)
        assert (layer.mean.value[q < 0.5] == 0).all()
        assert (layer.variance[q < 0.5] == 0).all()


def test_pruning_leaves_the_result_alone(result):
    before = result.network.state()
    prune(result)
    assert all(layer.mask is None for layer in result.network.weight_layers)
    assert all((a == b).all() for a, b in zip(before, result.network.state(), strict=True))


def test_a_network_that_was_not_trained_cannot_be_pruned(result):
    with pytest.raises(TypeError, match=r"result must be what TurboVBI\.fit returned"):
        prune(result.network)


def test_pruning_twice_brings_nothing_back(result):
    layer = prune(result).weight_layers[0]
    before = layer.mask.copy()
    layer.prune(np.ones_like(before))
    np.testing.assert_array_equal(layer.mask, before)


def test_fine_tuning_keeps_the_pruned_weights_at_zero_and_does_not_hurt(result, digits):
    small = prune(result)
    before = small.score(digits.x_train, digits.y_train)
    nets.train(small, digits.x_train, digits.y_train, epochs=10, seed=0)
    for layer in small.weight_layers:
        assert (layer.mean.value[~layer.mask] == 0).all()
    assert small.score(digits.x_train, digits.y_train) >= before - 0.01


# Another decision than pi_tilde >= 1/2


@pytest.fixture(scope="module")
def found(digits):
    prior = HierarchicalPrior.spike_and_slab(GridSupport(-0.5, 0.04, 1.1))
    net = nets.mlp([64, 16, 10], seed=0)
    return TurboVBI(prior, epochs=4, sweeps=50).fit(net, digits.x_train, digits.y_train)


def kept(network):
    return np.concatenate([layer.mask.ravel() for layer in network.weight_layers])


@pytest.mark.parametrize("threshold", [1e-3, 0.2, 0.5, 0.9])
def test_a_threshold_is_of_the_posterior(found, threshold):
    q = np.concatenate([q.ravel() for q in found.q_support])
    np.testing.assert_array_equal(kept(prune(found, threshold=threshold)), q >= threshold)


@pytest.mark.parametrize("density", [1e-9, 0.01, 0.25, 1.0])
def test_a_density_keeps_the_most_certain_of_the_whole_network(found, density):
    q = np.concatenate([posterior.support_log_odds.ravel() for posterior in found.posteriors])
    alive = kept(prune(found, density=density))
    assert alive.sum() == max(1, round(density * q.size))
    assert q[alive].min() > q[~alive].max(initial=-np.inf)


def test_one_half_is_what_is_done_unasked(found):
    np.testing.assert_array_equal(kept(prune(found)), kept(prune(found, threshold=0.5)))


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"density": 0.1, "threshold": 0.5}, "must not both be given; got 0.1 and 0.5"),
        ({"density": 0.0}, "density must be a number > 0 and <= 1; got 0"),
        ({"density": 20}, "density must be a number > 0 and <= 1; got 20"),
        ({"threshold": 1.0}, "threshold must be a number > 0 and < 1; got 1"),
        ({"threshold": "half"}, "threshold must be a number"),
    ],
)
def test_a_wrong_decision_is_named(found, how, message):
    with pytest.raises((ValueError, TypeError), match=message):
        prune(found, **how)

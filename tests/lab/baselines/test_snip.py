"""SNIP: the saliency is the derivative of the loss in a switch on every weight."""

import numpy as np
import pytest

from tvbi_ref import nets
from tvbi_ref.lab.baselines import SNIP, snip


def test_the_saliency_is_the_finite_difference_in_a_multiplicative_mask(float64_net):
    net, rng = float64_net, np.random.default_rng(0)
    x = rng.normal(size=(300, np.prod(net.input_shape or net.widths[:1])))  # in two parts
    y = rng.integers(3, size=300)
    x_net = net.as_inputs(x)
    for layer, scores in zip(net.weight_layers, snip.saliency(net, x, y), strict=True):
        w = layer.mean.value
        for n in list(np.ndindex(w.shape))[::5]:
            kept, losses = w[n], []
            for c in (1 + 1e-5, 1 - 1e-5):
                w[n] = c * kept
                losses.append(net.loss.value(net.forward(x_net), y))
            w[n] = kept
            difference = abs(losses[0] - losses[1]) / 2e-5
            assert scores[n] == pytest.approx(difference, rel=1e-5, abs=1e-8)


def test_the_saliency_changes_no_weight(digits, small_net):
    before = small_net.state()
    snip.saliency(small_net, digits.x_train, digits.y_train)
    for a, b in zip(small_net.state(), before, strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_mask_is_that_of_the_initialisation(digits, small_net, budget):
    scores = snip.saliency(small_net, digits.x_train, digits.y_train)
    small = SNIP(0.7).fit(small_net, digits.x_train, digits.y_train, budget, seed=0)
    kept = [s[w.mask] for s, w in zip(scores, small.weight_layers, strict=True)]
    rest = [s[~w.mask] for s, w in zip(scores, small.weight_layers, strict=True)]
    assert np.concatenate(kept).min() >= np.concatenate(rest).max()


def test_a_pixel_that_is_never_lit_loses_all_its_weights(digits, small_net, budget):
    small = SNIP(0.5).fit(small_net, digits.x_train, digits.y_train, budget, seed=0)
    dark = ~digits.x_train.any(axis=0)
    assert dark.any()
    assert not small.weight_layers[0].mask[dark].any()


def test_the_rows_are_drawn_with_the_seed(digits, small_net, budget):
    def masks(seed):
        small = SNIP(0.9, rows=8).fit(small_net, digits.x_train, digits.y_train, budget, seed=seed)
        return np.concatenate([w.mask.ravel() for w in small.weight_layers])

    np.testing.assert_array_equal(masks(0), masks(0))
    assert (masks(0) != masks(1)).any()


def test_more_rows_than_there_are_is_an_error(budget):
    with pytest.raises(ValueError, match="rows must be at most 4, those of x; got 5"):
        SNIP(rows=5).fit(nets.mlp([2, 2], seed=0), np.ones((4, 2)), [0, 1, 0, 1], budget, seed=0)

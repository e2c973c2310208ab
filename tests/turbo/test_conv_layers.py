"""Convolutions in the loop: the same algorithm on the matrix of their kernels."""

import numpy as np
import pytest

from tvbi_ref import TurboVBI, load_network, nets, prune, save_network, sparsity, support_masks
from tvbi_ref.module_b import ChainSupport, GridSupport, IndependentSupport
from tvbi_ref.nets import convolution
from tvbi_ref.nets.noise import standard_normal
from tvbi_ref.prior import HierarchicalPrior

SUPPORTS = {
    "independent": IndependentSupport(-1.0),
    "chains": ChainSupport(0.1, 0.4),
    "grid": GridSupport(field=-0.5, coupling_row=0.05, coupling_col=0.4),
}


def fit(net, data, support, **options):
    prior = HierarchicalPrior.spike_and_slab(support, variance=0.05, contrast=1e-2)
    turbo = TurboVBI(prior, **{"epochs": 4, "seed": 0, "learning_rate": 1e-2, **options})
    return turbo.fit(net, data.x_train[:300], data.y_train[:300])


def small_cnn(**options):
    blocks = [(4, 3, 1, 1, 2), (6, 3)]
    return nets.cnn((1, 8, 8), blocks, [10], seed=0, **options)


@pytest.mark.parametrize("form", ["collapsed", "mean_field"])
@pytest.mark.parametrize("kind", SUPPORTS)
def test_a_kernel_as_large_as_the_image_is_a_dense_layer(digits, kind, form, monkeypatch):
    """Its matrix of filters is the dense layer's; both draw their noise in one order here."""
    monkeypatch.setattr(convolution, "standard_normal", standard_normal)
    rng = np.random.default_rng(0)
    dense = nets.Dense(64, 10, rng, dtype=np.float64)
    conv = nets.Conv2D(1, 10, 8, rng, layout="filters", dtype=np.float64)
    conv.mean.value[...] = conv.from_matrix(dense.mean.value)
    loss = nets.SoftmaxCrossEntropy()
    one = fit(nets.Network([dense], loss), digits, SUPPORTS[kind], module_a=form)
    net = nets.Network([conv, nets.Flatten()], loss, None, (1, 8, 8))
    two = fit(net, digits, SUPPORTS[kind], module_a=form)
    ours, theirs = conv.matrix(conv.mean.value), dense.mean.value
    np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(two.q_support[0], one.q_support[0], rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(two.trace["elbo"], one.trace["elbo"], rtol=1e-9)


def test_without_structure_the_layout_does_not_matter(digits):
    runs = [
        fit(small_cnn(layout=layout), digits, SUPPORTS["independent"])
        for layout in ("blocks", "filters")
    ]
    one, two = (run.network.state() for run in runs)
    for ours, theirs in zip(one, two, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_with_structure_it_does(digits):
    runs = [fit(small_cnn(layout=k), digits, SUPPORTS["grid"]) for k in ("blocks", "filters")]
    assert (runs[0].network.state()[0] != runs[1].network.state()[0]).any()


@pytest.mark.parametrize("layout", ["blocks", "filters"])
@pytest.mark.parametrize("kind", SUPPORTS)
def test_pruning_removes_the_kernel_entries_that_the_matrix_rejects(digits, kind, layout):
    result = fit(small_cnn(layout=layout), digits, SUPPORTS[kind], epochs=15, kl_warmup=0)
    masks, small = support_masks(result), prune(result)
    assert 0 < sparsity(masks).kept < small.n_weights
    assert small.n_kept == sparsity(masks).kept
    for layer, mask in zip(small.weight_layers, masks, strict=True):
        assert mask.shape == layer.matrix_shape
        np.testing.assert_array_equal(layer.matrix(layer.mask), mask)
        np.testing.assert_array_equal(layer.matrix(layer.mean.value)[~mask], 0)


def test_a_pruned_convolutional_network_is_the_same_after_a_file(digits, tmp_path):
    small = prune(fit(small_cnn(layout="filters"), digits, SUPPORTS["chains"], epochs=10))
    save_network(tmp_path / "net.npz", small)
    again = load_network(tmp_path / "net.npz")
    assert repr(again) == repr(small)
    assert again.recipe == small.recipe
    np.testing.assert_array_equal(again.predict(digits.x_test), small.predict(digits.x_test))
    for ours, theirs in zip(small.weight_layers, again.weight_layers, strict=True):
        np.testing.assert_array_equal(ours.mask, theirs.mask)


@pytest.mark.parametrize("layout", ["blocks", "filters"])
def test_an_interrupted_run_goes_on_with_the_same_bits(digits, tmp_path, layout):
    prior = HierarchicalPrior.spike_and_slab(SUPPORTS["grid"])
    x, y, file = digits.x_train[:200], digits.y_train[:200], tmp_path / "run.npz"
    turbo = TurboVBI(prior, epochs=4, seed=0)
    whole = turbo.fit(small_cnn(layout=layout), x, y)

    def interrupt(epoch, row, result):
        if epoch == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        turbo.fit(small_cnn(layout=layout), x, y, checkpoint=file, callbacks=[interrupt])
    resumed = turbo.fit(small_cnn(layout=layout), x, y, checkpoint=file)
    for ours, theirs in zip(whole.network.state(), resumed.network.state(), strict=True):
        np.testing.assert_array_equal(ours, theirs)

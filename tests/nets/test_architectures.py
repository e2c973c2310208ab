"""Convolutional networks: built as described, gradients, what they take and what they refuse."""

import json

import numpy as np
import pytest

from tvbi_ref import nets
from tvbi_ref.errors import NonFiniteError
from tvbi_ref.nets import network as network_module
from tvbi_ref.school.checks import check_gradients

BLOCKS = [(2, 3, 1, 1, 2), (3, 2)]


def small_cnn(**changes):
    """Return a network of 1 x 4 x 4 images: 2 filters, pooling, 3 filters, 4 and 2 units."""
    standard = {"input_shape": (1, 4, 4), "blocks": BLOCKS, "widths": [4, 2], "seed": 0}
    return nets.cnn(**standard | changes)


def images(n=6, shape=(1, 4, 4), seed=0):
    return np.random.default_rng(seed).normal(size=(n, *shape))


def labels(n=6, n_classes=2):
    return np.arange(n) % n_classes


def with_visible_variances(net, seed=0):
    rng = np.random.default_rng(seed)
    for layer in net.weight_layers:
        layer.log_variance.value[...] = rng.uniform(-4, -1, layer.log_variance.value.shape)
        layer.bias.value[...] = rng.normal(0, 0.1, layer.bias.value.shape)
    return net


# What is built


def kinds(net):
    return [type(layer).__name__ for layer in net.layers]


BLOCK = ["Conv2D", "ReLU", "MaxPool"]


def test_lenet5_is_that_of_the_books():
    net = nets.lenet5(seed=0)
    assert kinds(net) == [*BLOCK * 2, "Flatten", *["Dense", "ReLU"] * 2, "Dense"]
    assert net.widths == (1, 6, 16, 120, 84, 10)
    assert [layer.mean.value.shape for layer in net.weight_layers] == [
        (6, 1, 5, 5),
        (16, 6, 5, 5),
        (400, 120),
        (120, 84),
        (84, 10),
    ]
    assert sum(p.value.size for p in net.parameters()) - net.n_weights == 61706  # with the biases


def test_lenet5_may_have_tanh_and_averages():
    net = nets.lenet5(seed=0, activation="tanh", pool="average")
    assert kinds(net)[:3] == ["Conv2D", "Tanh", "AveragePool"]


def test_lenet5_caffe_has_431080_parameters():
    net = nets.lenet5_caffe(seed=0)
    assert kinds(net) == [*BLOCK * 2, "Flatten", "Dense", "ReLU", "Dense"]
    assert net.n_weights + sum(layer.bias.value.size for layer in net.weight_layers) == 431080


def test_small_alexnet_takes_pictures_of_32_pixels():
    net = nets.small_alexnet(seed=0, filters=(4, 6, 8, 6, 4), widths=(16, 8, 10))
    convolutions = ["Conv2D", "ReLU"]
    assert kinds(net)[:14] == [*BLOCK * 2, *convolutions * 2, *BLOCK, "Flatten"]
    assert net.predict(np.zeros((2, 3, 32, 32))).shape == (2, 10)
    assert net.weight_layers[5].mean.value.shape == (4 * 4 * 4, 16)


def test_a_recipe_is_json_and_builds_the_same_network_again():
    for net in (
        small_cnn(activation="tanh", pool="average", layout="filters"),
        nets.lenet5(seed=0),
        nets.small_alexnet(seed=0, filters=(1, 1, 1, 1, 1), widths=(2,)),
        small_cnn(widths=[1], likelihood="gaussian", noise=2.0),
    ):
        recipe = json.loads(json.dumps(net.recipe))
        assert recipe.pop("architecture") == "cnn"
        again = nets.cnn(**recipe, seed=0)
        assert repr(again) == repr(net)
        assert again.recipe == net.recipe
        x = images(2, net.input_shape)
        np.testing.assert_array_equal(net.predict(x), again.predict(x))


def test_the_layout_of_the_recipe_reaches_every_convolution():
    for layout in ("blocks", "filters"):
        convolutions = small_cnn(layout=layout).weight_layers[:2]
        assert [layer.layout for layer in convolutions] == [layout, layout]


# Gradients of whole networks, in float64

NETWORKS = {
    "relu, maxima": (small_cnn, (1, 4, 4)),
    "tanh, averages": (lambda: small_cnn(activation="tanh", pool="average"), (1, 4, 4)),
    "stride, leaky ReLU, colours": (
        lambda: small_cnn(
            input_shape=(3, 5, 6), blocks=[(2, 3, 2, 1)], widths=[2], activation="leaky_relu"
        ),
        (3, 5, 6),
    ),
    "small_alexnet": (
        lambda: nets.small_alexnet(
            seed=0, input_shape=(2, 8, 8), filters=(2, 3, 3, 2, 2), widths=(4, 3, 2)
        ),
        (2, 8, 8),
    ),
}


@pytest.mark.parametrize("noise_seed", [None, 3])
@pytest.mark.parametrize("what", NETWORKS)
@pytest.mark.slow
def test_the_gradients_of_a_convolutional_network_are_finite_differences(what, noise_seed):
    build, shape = NETWORKS[what]
    net = with_visible_variances(build())
    report = check_gradients(net, images(4, shape), labels(4), noise_seed=noise_seed)
    assert report.passed, report
    assert report.entries > 0.97 * sum(p.value.size for p in net.parameters())


@pytest.mark.parametrize("build", [nets.lenet5, nets.lenet5_caffe])
@pytest.mark.slow
def test_a_lenet_passes_the_gradient_check_on_some_entries_of_every_parameter(build):
    """All of the 430 500 would take hours: a random direction sees them together."""
    net = with_visible_variances(build(seed=0, dtype=np.float64))
    x, y = net.as_inputs(np.random.default_rng(1).random((2, 784))), np.array([3, 8])
    net.loss_and_gradient(x, y, np.random.default_rng(2))
    rng = np.random.default_rng(5)
    for p in net.parameters():
        gradient, direction = p.grad.copy(), rng.normal(size=p.value.shape)
        kept, losses = p.value.copy(), []
        for step in (1e-6, -1e-6):
            p.value[...] = kept + step * direction
            losses.append(net.loss.value(net.forward(x, np.random.default_rng(2)), y))
        p.value[...] = kept
        numeric, analytic = (losses[0] - losses[1]) / 2e-6, np.vdot(gradient, direction)
        assert numeric == pytest.approx(analytic, rel=1e-5, abs=1e-7), p.name


# What a network takes


def test_images_and_the_rows_of_their_pixels_are_the_same():
    net = small_cnn()
    x = images()
    np.testing.assert_array_equal(net.predict(x), net.predict(x.reshape(6, 16)))
    assert net.as_inputs(x.reshape(6, 16)).shape == (6, 1, 4, 4)
    assert net.score(x, labels()) == net.score(x.reshape(6, 16), labels())


def test_a_network_of_ones_own_that_names_no_shape_takes_images_of_any_size():
    rng = np.random.default_rng(0)
    net = nets.Network([nets.Conv2D(1, 2, 3, rng, padding=1)], nets.SoftmaxCrossEntropy())
    assert net.input_shape is None
    assert net.as_inputs(np.zeros((2, 1, 3, 9))).shape == (2, 1, 3, 9)
    with pytest.raises(ValueError, match=r"\bx\b.*\(n, channels, H, W\)"):
        net.as_inputs(np.zeros((2, 9)))
    with pytest.raises(ValueError, match=r"\bx\b.*1 channels"):
        net.as_inputs(np.zeros((2, 3, 3, 3)))


def spoiled(value):
    x = images()
    x[1, 0, 2, 3] = value
    return x


BAD_X = {
    "too few pixels": (np.ones((6, 15)), ValueError),
    "one image without its axis": (np.ones((1, 4, 4)), ValueError),
    "images without channels": (np.ones((6, 4, 4)), ValueError),
    "channels last": (np.ones((6, 4, 4, 1)), ValueError),
    "larger images": (np.ones((6, 1, 5, 5)), ValueError),
    "flat": (np.ones(16), ValueError),
    "a number": (1.0, ValueError),
    "no images": (np.empty((0, 1, 4, 4)), ValueError),
    "nan": (spoiled(np.nan), NonFiniteError),
    "words": (np.full((6, 16), "white"), TypeError),
}
TAKES_X = {
    "predict": lambda x: small_cnn().predict(x),
    "score": lambda x: small_cnn().score(x, labels()),
    "train": lambda x: nets.train(small_cnn(), x, labels(), epochs=1, seed=0),
}


@pytest.mark.parametrize("function", TAKES_X)
@pytest.mark.parametrize("what", BAD_X)
def test_bad_images_are_refused(what, function):
    x, error = BAD_X[what]
    with pytest.raises(error, match=r"\bx\b"):
        TAKES_X[function](x)


def test_the_message_names_both_shapes_that_would_do():
    with pytest.raises(ValueError, match=r"\(n, 1, 28, 28\).*\(n, 784\).*got shape \(2, 64\)"):
        nets.lenet5(seed=0).predict(np.zeros((2, 64)))


BAD_NETWORKS = {
    "two sides": ({"input_shape": (4, 4)}, ValueError, "input_shape"),
    "a number as shape": ({"input_shape": 16}, TypeError, "input_shape"),
    "no channels": ({"input_shape": (0, 4, 4)}, ValueError, "input_shape"),
    "blocks that are a number": ({"blocks": 2}, TypeError, "blocks"),
    "a block without kernel": ({"blocks": [(2,)]}, ValueError, "blocks"),
    "a block too long": ({"blocks": [(2, 3, 1, 1, 2, 7)]}, ValueError, "blocks"),
    "half a filter": ({"blocks": [(2.5, 3)]}, TypeError, "filters"),
    "no stride": ({"blocks": [(2, 3, 0)]}, ValueError, "stride"),
    "negative padding": ({"blocks": [(2, 3, 1, -1)]}, ValueError, "padding"),
    "no pool": ({"blocks": [(2, 3, 1, 1, 0)]}, ValueError, "pool"),
    "a kernel larger than the image": ({"blocks": [(2, 5)]}, ValueError, "at least as large"),
    "a pool that is too large": ({"blocks": [(2, 2, 1, 0, 9)]}, ValueError, "at least 9"),
    "no dense layer": ({"widths": []}, ValueError, "widths"),
    "a width of zero": ({"widths": [0]}, ValueError, "widths"),
    "an unknown activation": ({"activation": "gelu"}, ValueError, "activation"),
    "an unknown pool": ({"pool": "median"}, ValueError, "pool"),
    "an unknown layout": ({"layout": "rows"}, ValueError, "layout"),
    "an unknown likelihood": ({"likelihood": "poisson"}, ValueError, "likelihood"),
    "whole-number weights": ({"dtype": np.int64}, ValueError, "dtype"),
    "negative seed": ({"seed": -1}, ValueError, "seed"),
}


@pytest.mark.parametrize("what", BAD_NETWORKS)
def test_a_bad_argument_is_refused_by_name(what):
    changes, error, name = BAD_NETWORKS[what]
    with pytest.raises(error, match=name):
        small_cnn(**changes)


def test_small_alexnet_wants_five_convolutions():
    with pytest.raises(ValueError, match="filters must be five"):
        nets.small_alexnet(seed=0, filters=(8, 8))


def test_layers_that_do_not_fit_an_image_are_found_when_the_network_is_built():
    rng, loss = np.random.default_rng(0), nets.SoftmaxCrossEntropy()
    convolution = nets.Conv2D(1, 2, 3, rng)
    with pytest.raises(ValueError, match=r"x must have shape \(B, I\) with I = 9"):
        nets.Network([convolution, nets.Flatten(), nets.Dense(9, 2, rng)], loss, None, (1, 4, 4))
    with pytest.raises(ValueError, match=r"rows of 2 outputs.*\(2, 2, 2\)"):
        nets.Network([convolution], loss, None, (1, 4, 4))
    with pytest.raises(ValueError, match=r"x must have 2 axes \(B, I\)"):
        nets.Network([convolution, nets.Dense(4, 2, rng)], loss, None, (1, 4, 4))


# What it does


def test_prediction_in_parts_is_one_forward_pass(monkeypatch):
    net = small_cnn(dtype=np.float64)
    whole = net.forward(images(7))
    monkeypatch.setattr(network_module, "PREDICT_IMAGES", 3)
    np.testing.assert_allclose(net.predict(images(7)), whole, rtol=1e-13)


@pytest.mark.slow
def test_a_copy_and_another_dtype_are_independent():
    net = small_cnn()
    before = [array.tobytes() for array in net.state()]
    for twin in (net.copy(), net.astype(np.float64)):
        nets.train(twin, images(), labels(), epochs=2, seed=0, learning_rate=0.1)
        twin.weight_layers[0].prune(np.zeros((2, 1, 3, 3), bool))
    assert [array.tobytes() for array in net.state()] == before
    assert net.weight_layers[0].mask is None
    wide = net.astype(np.float64)
    assert wide.predict(images()).dtype == np.float64
    np.testing.assert_allclose(wide.predict(images()), net.predict(images()), rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_a_small_convolutional_network_learns_the_digits(digits):
    net = nets.cnn((1, 8, 8), [(8, 3, 1, 1, 2), (16, 3)], [10], seed=0)
    nets.train(net, digits.x_train, digits.y_train, epochs=20, seed=0, learning_rate=1e-2)
    assert net.score(digits.x_test, digits.y_test) > 0.95


def test_pruned_kernels_stay_zero_in_training():
    net = small_cnn()
    rng = np.random.default_rng(0)
    keeps = [rng.random(layer.mean.value.shape) < 0.5 for layer in net.weight_layers]
    for layer, keep in zip(net.weight_layers, keeps, strict=True):
        layer.prune(keep)
    assert net.n_kept == sum(keep.sum() for keep in keeps)
    assert f"{net.n_kept} of {net.n_weights} weights" in repr(net)
    nets.train(net, images(), labels(), epochs=3, seed=0, learning_rate=0.05)
    for layer, keep in zip(net.weight_layers, keeps, strict=True):
        np.testing.assert_array_equal(layer.mean.value[~keep], 0)

"""Shrinking: the same function of fewer units, and nothing dead is left."""

import copy
from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tvbi_ref import nets
from tvbi_ref.compression.shrinking import (
    Shrunk,
    fold_constants,
    fold_into_bias,
    shrink,
    silence_unread,
)
from tvbi_ref.compression.units import UnitWeights, by_unit, from_units, to_units
from tvbi_ref.errors import NonFiniteError

GEOMETRIES = [  # (kernel, stride, padding, pool) of every convolution, for images of 8 x 8
    [],
    [(3, 1, 1, 2)],
    [(3, 1, 0, 2), (3, 1, 1, 1)],
    [(3, 1, 1, 2), (2, 2, 0, 1)],
    [(2, 2, 1, 1), (3, 1, 1, 1)],
    [(3, 1, 1, 1), (3, 1, 1, 2), (3, 1, 1, 1)],
]
ACTIVATIONS = st.sampled_from(["relu", "leaky_relu", "tanh"])


def prune_at_random(net, density, rng):
    """Prune, and set the biases to values of which many are zero."""
    for layer in net.weight_layers:
        layer.prune(rng.random(layer.mean.value.shape) < density)
        layer.bias.value[...] = rng.choice([-1.5, 0.0, 0.5, 2.0], layer.bias.value.shape)
        layer.log_variance.value[...] = rng.uniform(-6, 0, layer.mean.value.shape)
    return net


@st.composite
def mlps(draw):
    widths = draw(st.lists(st.integers(1, 4), min_size=2, max_size=5))
    likelihood = draw(st.sampled_from(["categorical", "gaussian"]))
    net = nets.mlp(
        widths, seed=0, activation=draw(ACTIVATIONS), likelihood=likelihood, dtype=np.float64
    )
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    return prune_at_random(net, draw(st.sampled_from([0.1, 0.4, 0.7])), rng)


@st.composite
def cnns(draw):
    geometry = draw(st.sampled_from(GEOMETRIES))
    net = nets.cnn(
        (draw(st.integers(1, 2)), 8, 8),
        [(draw(st.integers(1, 3)), *numbers) for numbers in geometry],
        draw(st.lists(st.integers(1, 3), min_size=1, max_size=2)),
        seed=0,
        activation=draw(ACTIVATIONS),
        pool=draw(st.sampled_from(["max", "average"])),
        dtype=np.float64,
    )
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    return prune_at_random(net, draw(st.sampled_from([0.05, 0.2, 0.5])), rng)


@st.composite
def networks(draw):
    return draw(draw(st.sampled_from([mlps, cnns]))())


def rebuilt(net, shrunk):
    """Return the shrunk network as an ordinary one, and the inputs that it takes."""
    layers, weights = copy.deepcopy(net.layers), iter(shrunk.layers)
    for layer in layers:
        if isinstance(layer, nets.WeightLayer):
            small = next(weights)
            size = layer.mean.value.shape[2:] or None
            layer.mean = nets.Parameter("mean", from_units(small.mean, size))
            variance = from_units(small.variance, size)
            layer.log_variance = nets.Parameter("log_variance", np.log(np.maximum(variance, 1e-9)))
            layer.bias, layer.mask = nets.Parameter("bias", small.bias), None
            layer.prune(layer.mean.value != 0)
    shape = net.input_shape and (int(shrunk.kept[0].sum()), *net.input_shape[1:])
    return nets.Network(layers, net.loss, input_shape=shape), np.flatnonzero(shrunk.kept[0])


def inputs_of(net, n=5):
    shape = net.input_shape or net.widths[:1]
    return np.random.default_rng(1).normal(size=(n, *shape))


@given(net=networks())
def test_the_shrunk_network_computes_the_same(net):
    small, inputs = rebuilt(net, shrink(net))
    x = inputs_of(net)
    np.testing.assert_allclose(small.predict(x[:, inputs]), net.predict(x), rtol=1e-9, atol=1e-9)
    assert small.n_kept <= net.n_kept


@given(net=networks())
def test_one_sweep_each_way_is_a_fixed_point(net):
    once, _ = rebuilt(net, shrink(net))
    twice = shrink(once)
    assert all(kept.all() for kept in twice.kept)
    for before, after in zip(by_unit(once), twice.layers, strict=True):
        np.testing.assert_allclose(after.mean, before.mean, rtol=1e-12)
        np.testing.assert_allclose(after.bias, before.bias, rtol=1e-12)


@given(net=networks())
def test_every_unit_that_is_left_is_read_and_fed(net):
    """Unless its layer has died, or it is a channel that a convolution reads across its rim."""
    shrunk = shrink(net)
    for before, behind in zip(shrunk.layers, shrunk.layers[1:], strict=False):
        assert behind.read.all() or behind.read.size == 1
        assert before.fed.all() or behind.padded or before.fed.size == 1


@given(net=mlps())
def test_no_output_is_ever_removed(net):
    assert shrink(net).kept[-1].all()
    assert shrink(net).kept[-1].size == net.widths[-1]


@given(net=networks())
@settings(max_examples=20)
def test_the_network_is_left_as_it_is(net):
    before = [array.tobytes() for array in net.state()]
    output = net.predict(inputs_of(net))
    net.backward(np.ones_like(output))  # the layers still remember their own forward pass
    expected = [p.grad.copy() for p in net.parameters()]
    shrink(net)
    net.backward(np.ones_like(output))
    assert [array.tobytes() for array in net.state()] == before
    for p, grad in zip(net.parameters(), expected, strict=True):
        np.testing.assert_array_equal(p.grad, grad)


# One rule at a time


def chain(*weights, biases):
    """Return a network with given weight matrices and biases, ReLU between the layers."""
    widths = [len(weights[0]), *(np.shape(w)[1] for w in weights)]
    net = nets.mlp(widths, seed=0, dtype=np.float64)
    for layer, w, b in zip(net.weight_layers, weights, biases, strict=True):
        layer.mean.value[...], layer.bias.value[...] = w, b
        layer.prune(np.asarray(w) != 0)
    return net


def test_a_unit_without_fan_out_takes_what_only_it_reads_with_it():
    net = chain(
        [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
        [[1, 0], [0, 1], [0, 1]],
        [[1.0], [0]],
        biases=([1, 1, 1], [1, 1], [1]),
    )
    shrunk = shrink(net)
    assert [kept.tolist() for kept in shrunk.kept] == [
        [True, False, False],
        [True, False, False],
        [True, False],
        [True],
    ]


@pytest.mark.parametrize(("bias", "value"), [(3.0, 3.0), (-3.0, 0.0)])
def test_a_unit_without_fan_in_is_the_relu_of_its_bias_and_no_zero(bias, value):
    net = chain([[1, 0]], [[1], [10]], biases=([0, bias], [0.5]))
    shrunk = shrink(net)
    assert [kept.tolist() for kept in shrunk.kept[1:]] == [[True, False], [True]]
    assert shrunk.layers[1].bias.tolist() == [0.5 + 10 * value]


def test_constants_pass_through_as_many_layers_as_there_are():
    net = chain([[1, 0]], [[1, 0], [0, 2]], [[1], [3]], biases=([0, 4], [0, 5], [6]))
    shrunk = shrink(net)
    assert [kept.tolist() for kept in shrunk.kept[1:]] == [[True, False], [True, False], [True]]
    assert shrunk.layers[2].bias.tolist() == [6 + 3 * (5 + 2 * 4)]


def test_pixels_that_nobody_reads_are_dropped_in_their_order():
    net = chain([[0.0], [1], [0], [2]], biases=([0],))
    shrunk = shrink(net)
    assert shrunk.kept[0].tolist() == [False, True, False, True]
    assert shrunk.layers[0].mean[:, 0, 0].tolist() == [1, 2]


@pytest.mark.parametrize("dead", [0, 1, 2])
def test_a_network_of_which_one_layer_died_is_a_constant_with_a_unit_in_each_layer(dead):
    net = nets.mlp([3, 4, 5, 2], seed=0, dtype=np.float64)
    for layer in net.weight_layers:
        layer.bias.value[...] = np.arange(layer.bias.value.size) + 0.5
    net.weight_layers[dead].prune(np.zeros(net.weight_layers[dead].mean.value.shape, bool))
    small, inputs = rebuilt(net, shrink(net))
    assert small.widths == (1, 1, 1, 2)
    assert small.n_kept == 0
    assert not any(layer.bias.value.any() for layer in small.weight_layers[:-1])
    x = inputs_of(net)
    np.testing.assert_allclose(small.predict(x[:, inputs]), net.predict(x), rtol=1e-12)


def conv_pair(padding, bias, pool=1):
    """Return a network whose second filter in the first layer has no fan-in."""
    blocks = [nets.Block(2, 3, padding=1, pool=pool), nets.Block(2, 3, padding=padding)]
    net = nets.cnn((1, 8, 8), blocks, [2], seed=0, dtype=np.float64)
    first = net.weight_layers[0]
    first.prune(np.broadcast_to(np.array([True, False])[:, None, None, None], (2, 1, 3, 3)))
    first.bias.value[1] = bias
    return net


@pytest.mark.parametrize(
    ("padding", "bias", "stays"), [(0, 2.0, False), (1, 2.0, True), (1, -2.0, False)]
)
@pytest.mark.parametrize("pool", [1, 2])
def test_a_constant_channel_is_folded_unless_it_is_seen_across_a_rim(padding, bias, stays, pool):
    net = conv_pair(padding, bias, pool)
    shrunk = shrink(net)
    assert shrunk.kept[1].tolist() == [True, stays]
    small, inputs = rebuilt(net, shrunk)
    x = inputs_of(net)
    np.testing.assert_allclose(small.predict(x[:, inputs]), net.predict(x), rtol=1e-10)


def test_behind_a_flatten_a_channel_is_all_its_pixels():
    net = nets.cnn((1, 6, 6), [nets.Block(3, 3, pool=2)], [2], seed=0, dtype=np.float64)
    keep = np.ones((12, 2), bool)
    keep[4:8] = False
    net.weight_layers[1].prune(keep)
    shrunk = shrink(net)
    assert shrunk.kept[1].tolist() == [True, False, True]
    expected = net.weight_layers[1].mean.value[np.r_[0:4, 8:12]]
    np.testing.assert_array_equal(from_units(shrunk.layers[1].mean, None), expected)


def test_an_input_channel_that_nobody_reads_is_dropped():
    net = nets.cnn((3, 5, 5), [(2, 3)], [2], seed=0, dtype=np.float64)
    keep = np.ones((2, 3, 3, 3), bool)
    keep[:, 1] = False
    net.weight_layers[0].prune(keep)
    assert shrink(net).kept[0].tolist() == [True, False, True]


# Uncertainty


def test_folded_weights_leave_their_variance_in_the_bias(rng):
    """The oracle is z = a w, summed over taps, for a hundred thousand draws of w."""
    mean, variance = rng.normal(size=(2, 3, 4)), rng.uniform(0.1, 1, (2, 3, 4))
    layer = UnitWeights(mean, variance, np.zeros(3), np.zeros(3), padded=False)
    folded = fold_into_bias(layer, np.array([True, True]), np.array([2.0, -0.5]))
    w = mean + np.sqrt(variance) * rng.normal(size=(100_000, 2, 3, 4))
    z = np.einsum("i,nijt->nj", [2.0, -0.5], w)
    np.testing.assert_allclose(folded.bias, z.mean(axis=0), atol=0.05)
    np.testing.assert_allclose(folded.bias_variance, z.var(axis=0), rtol=0.03)


def test_survivors_keep_their_variance():
    rng = np.random.default_rng(3)
    net = prune_at_random(nets.mlp([6, 5, 4], seed=0, dtype=np.float64), 0.4, rng)
    shrunk = shrink(net)
    for layer, small, rows, cols in zip(
        net.weight_layers, shrunk.layers, shrunk.kept, shrunk.kept[1:], strict=False
    ):
        left, variance = small.mean[:, :, 0] != 0, layer.variance[rows][:, cols]
        np.testing.assert_array_equal(small.variance[:, :, 0][left], variance[left])
        assert (small.variance[:, :, 0][~left] == 0).all()


def test_a_weight_whose_mean_is_zero_is_pruned():
    net = nets.mlp([2, 2], seed=0)
    net.weight_layers[0].mean.value[0, 0] = 0
    assert by_unit(net)[0].variance[0, 0, 0] == 0


# Shapes and bad input


@pytest.mark.parametrize("n_units", [1, 2, 6])
def test_to_units_and_back_is_exact(n_units, rng):
    dense, kernels = rng.normal(size=(12, 5)), rng.normal(size=(5, n_units, 3, 2))
    np.testing.assert_array_equal(from_units(to_units(dense, n_units), None), dense)
    np.testing.assert_array_equal(from_units(to_units(kernels, n_units), (3, 2)), kernels)


def test_the_steps_do_not_change_what_they_get(rng):
    net = prune_at_random(nets.mlp([3, 4, 4, 2], seed=0), 0.3, rng)
    layers = by_unit(net)
    before = copy.deepcopy(layers)
    silence_unread(fold_constants(layers, [np.tanh, np.tanh]))
    for one, other in zip(layers, before, strict=True):
        for field in fields(UnitWeights):
            np.testing.assert_array_equal(getattr(one, field.name), getattr(other, field.name))


class Odd(nets.ReLU):
    pass


def test_a_layer_that_is_not_known_is_refused_by_name():
    net = nets.mlp([2, 2, 2], seed=0)
    net.layers[1] = Odd()
    with pytest.raises(TypeError, match="layer 1 must be one of Dense, Conv2D, ReLU"):
        shrink(net)


def test_what_is_no_network_is_refused():
    with pytest.raises(TypeError, match="network must be a Network; got 3"):
        shrink(3)


@pytest.mark.parametrize("name", ["mean", "bias"])
def test_what_is_not_finite_is_refused(name):
    net = nets.mlp([2, 2], seed=0)
    getattr(net.weight_layers[0], name).value[0] = np.nan
    with pytest.raises(NonFiniteError, match=f"{name} of weight layer 0"):
        shrink(net)


def test_the_result_says_what_was_kept():
    shrunk = shrink(nets.mlp([4, 3, 2], seed=0))
    assert isinstance(shrunk, Shrunk)
    assert [kept.size for kept in shrunk.kept] == [4, 3, 2]

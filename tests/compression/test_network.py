"""The compressed network: the same predictions, honest uncertainty, honest sizes."""

import copy

import numpy as np
import pytest
import scipy.stats

from tvbi_ref import (
    Gamma,
    HierarchicalPrior,
    IndependentSupport,
    TurboVBI,
    compress,
    nets,
    prune,
)
from tvbi_ref.compression.formats import FORMATS
from tvbi_ref.compression.predictive import quantiles
from tvbi_ref.errors import NonFiniteError

FORMAT_NAMES = list(FORMATS)


def pruned(net, density=0.3, seed=0):
    """Prune at random, with biases that make the units without fan-in matter."""
    rng = np.random.default_rng(seed)
    for layer in net.weight_layers:
        layer.prune(rng.random(layer.mean.value.shape) < density)
        layer.bias.value[...] = rng.normal(size=layer.bias.value.shape)
        layer.log_variance.value[...] = rng.uniform(-6, -2, layer.mean.value.shape)
    return net


def mlp(**settings):
    return pruned(nets.mlp([12, 9, 8, 4], seed=0, **settings), 0.2)


def cnn(*blocks, shape=(2, 8, 8), **settings):
    return pruned(nets.cnn(shape, blocks, [6, 3], seed=0, **settings), 0.2)


NETWORKS = {
    "relu": mlp,
    "leaky": lambda: mlp(activation="leaky_relu"),
    "tanh, float64": lambda: mlp(activation="tanh", dtype=np.float64),
    "regression": lambda: mlp(likelihood="gaussian", noise=Gamma(3.0, 2.0)),
    "one layer": lambda: pruned(nets.mlp([5, 3], seed=0)),
    "nothing pruned": lambda: nets.mlp([5, 4, 3], seed=0),
    "constant": lambda: pruned(nets.mlp([5, 4, 3], seed=0), 0.0),
    "blocks": lambda: cnn((4, 3, 1, 1, 2), (5, 3)),
    "filters": lambda: cnn((4, 3, 1, 1, 2), (5, 3), layout="filters"),
    "strides": lambda: cnn((4, 2, 2, 1), (3, 3, 2, 1), pool="average"),
    "strides, filters": lambda: cnn((4, 2, 2, 1), (3, 3, 2, 1), layout="filters"),
    "tanh, averages": lambda: cnn((4, 3, 1, 0, 2), activation="tanh", pool="average"),
    "images without convolution": lambda: cnn(),
    "lenet5": lambda: pruned(nets.lenet5(seed=0), 0.05),
}


def inputs_of(net, n=6):
    shape = net.input_shape or net.widths[:1]
    return np.random.default_rng(1).normal(size=(n, *shape))


def close(one, other, dtype=np.float32):
    tolerance = 2e-5 if dtype == np.float32 else 1e-12
    np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance)


# The first guarantee


@pytest.mark.parametrize("name", NETWORKS)
def test_it_predicts_what_the_pruned_network_predicts_in_every_format(name):
    net = NETWORKS[name]()
    x, small = inputs_of(net), compress(net)
    for format in FORMAT_NAMES:
        again = small.with_format(format)
        assert set(again.formats) == {format}
        output = again.predict(x)
        assert output.dtype == net.dtype
        close(output, net.predict(x), net.dtype)


def test_pruned_units_are_gone_and_counted():
    net = mlp()
    small = compress(net)
    assert all(few <= many for few, many in zip(small.widths, net.widths, strict=True))
    assert sum(small.widths) < sum(net.widths)
    assert small.widths[-1] == net.widths[-1]
    assert small.n_weights <= net.n_kept
    assert small.n_parameters == small.n_weights + sum(small.widths[1:])
    assert [layer.weights.shape for layer in small.weight_layers] == list(
        zip(small.widths, small.widths[1:], strict=False)
    )


def test_a_result_is_pruned_first(digits):
    prior = HierarchicalPrior.spike_and_slab(IndependentSupport(-3.0), contrast=1e-3)
    turbo = TurboVBI(prior, epochs=8, batch_size=32, learning_rate=3e-3)
    result = turbo.fit(nets.mlp([64, 16, 10], seed=0), digits.x_train, digits.y_train)
    small, reference = compress(result), prune(result)
    assert small.check_against(reference, digits.x_test) < 1e-4
    assert small.score(digits.x_test, digits.y_test) == reference.score(
        digits.x_test, digits.y_test
    )
    assert small.n_weights <= reference.n_kept < result.network.n_weights
    assert all(layer.mask is None for layer in result.network.weight_layers)


def test_the_check_sees_a_difference():
    net = mlp()
    small, other = compress(net), net.copy()
    other.weight_layers[-1].bias.value[0] += 0.5
    assert small.check_against(net, inputs_of(net)) < 1e-5
    assert small.check_against(other, inputs_of(net)) == pytest.approx(0.5, abs=1e-5)


def test_many_rows_go_through_in_parts(monkeypatch):
    net = mlp(dtype=np.float64)
    small, x = compress(net), inputs_of(net, 11)
    whole = small.predict(x)
    monkeypatch.setattr("tvbi_ref.fast.columns.ROWS", 4)
    monkeypatch.setattr("tvbi_ref.compression.layers.PREDICT_ROWS", 4)
    np.testing.assert_allclose(small.predict(x), whole, rtol=1e-13)


@pytest.mark.parametrize("layout", ["blocks", "filters"])
def test_images_go_through_a_convolution_in_parts(monkeypatch, layout):
    net = cnn((4, 3, 1, 1, 2), (5, 3), layout=layout, dtype=np.float64)
    small, x = compress(net), inputs_of(net)
    whole = small.predict(x)
    monkeypatch.setattr("tvbi_ref.fast.columns.IMAGES", 4)
    monkeypatch.setattr("tvbi_ref.compression.layers.PREDICT_IMAGES", 4)
    np.testing.assert_allclose(small.predict(x), whole, rtol=1e-13)


def test_the_network_stays_as_it_is_and_shares_nothing():
    net = mlp(likelihood="gaussian", noise=Gamma(1.0, 1.0))
    before = [array.tobytes() for array in net.state()]
    small, x = compress(net), inputs_of(net)
    output = small.predict(x)
    assert [array.tobytes() for array in net.state()] == before
    for parameter in net.parameters():
        parameter.value[...] = 0
    net.loss.posterior = Gamma(9.0, 9.0)
    np.testing.assert_array_equal(small.predict(x), output)
    assert small.loss.posterior == Gamma(1.0, 1.0)


def test_what_the_network_remembers_of_its_training_is_left_behind():
    net = NETWORKS["blocks"]()
    net.predict(inputs_of(net))
    for layer in compress(net).layers:
        assert not any(name.startswith("_") for name in vars(layer))


# Inputs


@pytest.mark.parametrize("name", ["relu", "blocks", "images without convolution"])
def test_it_takes_what_the_whole_network_takes_and_refuses_the_rest(name):
    net = NETWORKS[name]()
    small, x = compress(net), inputs_of(net)
    rows = x.reshape(len(x), -1)
    close(small.predict(rows.tolist()), net.predict(rows))
    for wrong in (x[:, :-1], x[0], rows[:, :-1], x[..., None], x[:0]):
        for taker in (net, small):
            with pytest.raises(ValueError, match=r"x (must|is empty)"):
                taker.predict(wrong)
    with pytest.raises(NonFiniteError, match="x has 1 entry"):
        small.predict(np.where(np.arange(x.size).reshape(x.shape) == 0, np.nan, x))


def test_the_error_names_the_inputs_of_the_whole_network():
    with pytest.raises(ValueError, match=r"x must have shape \(n, 12\); got \(6, 3\)"):
        compress(mlp()).predict(np.zeros((6, 3)))
    with pytest.raises(ValueError, match=r"\(n, 2, 8, 8\), or rows \(n, 128\); got \(6, 3\)"):
        compress(NETWORKS["blocks"]()).predict(np.zeros((6, 3)))


def test_a_network_of_convolutions_alone_takes_images_of_any_size():
    layers = [nets.Conv2D(2, 3, 3, np.random.default_rng(0)), nets.ReLU(), nets.Flatten()]
    net = pruned(nets.Network(layers, nets.SoftmaxCrossEntropy()), 0.5)
    net.weight_layers[0].prune(np.arange(2)[None, :, None, None] + np.zeros((3, 2, 3, 3)) > 0)
    small = compress(net)
    assert small.inputs.tolist() == [1]
    for shape in ((4, 2, 5, 5), (4, 2, 3, 7)):
        x = np.random.default_rng(0).normal(size=shape)
        close(small.predict(x), net.predict(x))
    with pytest.raises(ValueError, match=r"x must have shape \(n, 2, H, W\); got \(4, 3, 5, 5\)"):
        small.predict(np.zeros((4, 3, 5, 5)))


def test_inputs_that_nobody_reads_may_be_anything_finite():
    net = mlp()
    small, x = compress(net), inputs_of(net)
    assert 0 < small.inputs.size < 12
    output = small.predict(x)
    x[:, np.setdiff1d(np.arange(12), small.inputs)] = 1e30
    np.testing.assert_array_equal(small.predict(x), output)


# Uncertainty


def with_drawn_weights(net, rng):
    """Return a pruned network with weights drawn from q(w): the oracle of `sample`."""
    drawn = net.copy()
    for layer in drawn.weight_layers:
        noise = rng.standard_normal(layer.mean.value.shape)
        layer.mean.value += (np.sqrt(layer.variance) * noise).astype(net.dtype)
    return drawn


SMOOTH = {"seed": 0, "activation": "tanh", "dtype": np.float64}  # few draws will do
WITH_A_CONSTANT = {
    "dense": lambda: nets.mlp([6, 4, 4, 3], **SMOOTH),
    "flatten": lambda: nets.cnn((1, 4, 4), [(3, 3, 1, 1, 4)], [4, 3], **SMOOTH),
    "convolution": lambda: nets.cnn((1, 4, 4), [(3, 2), (2, 3)], [3], **SMOOTH),
}


@pytest.mark.parametrize("name", WITH_A_CONSTANT)
@pytest.mark.slow
def test_drawn_networks_have_the_moments_of_the_pruned_one(name):
    """Though a unit was folded into a bias, weights and variances and all."""
    net, n = WITH_A_CONSTANT[name](), 400
    for layer in net.weight_layers:
        layer.log_variance.value[...] = -3.0
    first = net.weight_layers[0]
    keep = np.ones(first.mean.value.shape, bool)
    (keep.T if keep.ndim == 2 else keep)[0] = False
    first.prune(keep)
    first.bias.value[0] = 1.5
    small, x = compress(net), inputs_of(net, 2)
    assert small.widths[1] == net.widths[1] - 1
    assert small.weight_layers[1].bias_variance.all()
    rng = np.random.default_rng(0)
    ours = np.array([small.sample(rng).predict(x) for _ in range(n)])
    oracle = np.array([with_drawn_weights(net, rng).predict(x) for _ in range(n)])
    error = oracle.std(axis=0) * np.sqrt(2 / n)
    assert (np.abs(ours.mean(axis=0) - oracle.mean(axis=0)) < 5 * error).all()
    np.testing.assert_allclose(ours.std(axis=0), oracle.std(axis=0), rtol=0.2)


def linear(noise):
    """Return a regression without hidden layer, whose predictive distribution is known."""
    net = nets.mlp([3, 2], seed=0, likelihood="gaussian", noise=noise, dtype=np.float64)
    layer = net.weight_layers[0]
    layer.log_variance.value[...] = np.log([[0.5, 0.1], [0.2, 0.3], [0.1, 0.05]])
    layer.bias.value[...] = [1.0, -1.0]
    return net, layer


@pytest.mark.parametrize("level", [0.5, 0.9])
def test_the_interval_of_a_linear_model_is_the_gaussian_one(level):
    net, layer = linear(noise=4.0)
    x = np.random.default_rng(0).normal(size=(5, 3))
    deviation = np.sqrt(x**2 @ layer.variance + 1 / 4.0)
    z = scipy.stats.norm.ppf((1 + level) / 2)
    lower, upper = compress(net).predict_interval(x, level, draws=1000)
    np.testing.assert_allclose((net.predict(x) - lower) / deviation, z, atol=0.15)
    np.testing.assert_allclose((upper - net.predict(x)) / deviation, z, atol=0.15)


@pytest.mark.parametrize("noise", [4.0, Gamma(2.5, 1.0)])
def test_without_weight_uncertainty_the_interval_is_that_of_the_noise(noise):
    net, layer = linear(noise)
    layer.log_variance.value[...] = -60.0
    small, x = compress(net), np.ones((1, 3))
    exact = scipy.stats.t(5, scale=0.4**0.5) if noise != 4.0 else scipy.stats.norm(scale=0.5)
    lower, upper = small.predict_interval(x, 0.9)
    np.testing.assert_allclose(upper - small.predict(x), exact.ppf(0.95), rtol=1e-3)
    np.testing.assert_allclose(small.predict(x) - lower, exact.ppf(0.95), rtol=1e-3)
    assert small.noise_variance == pytest.approx(exact.var())


def test_every_draw_has_its_share_of_all_errors():
    """Half of N(-3, 1) and half of N(3, 1): a quarter lies below -3, and three below 3."""
    means = np.array([[[-3.0]], [[3.0]]])
    found = quantiles(means, scipy.stats.norm(), (0.25, 0.75))
    np.testing.assert_allclose(found, [[[-3.0]], [[3.0]]], atol=0.05)


def test_a_noise_that_is_hardly_known_has_no_variance():
    net, _ = linear(Gamma(0.5, 1.0))
    assert compress(net).noise_variance == np.inf


def regression(n, rng):
    x = rng.uniform(-1.5, 1.5, (n, 3))
    return x, np.sin(2 * x[:, 0]) + 0.5 * x[:, 1] ** 2 + 0.3 * rng.normal(size=n)


@pytest.mark.slow
def test_intervals_hold_about_as_many_targets_as_they_say():
    """After a whole run: Turbo-VBI, pruning, compression; targets that it has not seen."""
    settings = {"activation": "tanh", "likelihood": "gaussian", "noise": Gamma(1.0, 0.1)}
    net = nets.mlp([3, 24, 1], seed=0, **settings)
    prior = HierarchicalPrior.spike_and_slab(IndependentSupport(-1.0), variance=0.5, contrast=1e-3)
    turbo = TurboVBI(prior, epochs=100, batch_size=32, learning_rate=1e-2)
    small = compress(turbo.fit(net, *regression(400, np.random.default_rng(0))))
    assert small.n_weights < 60
    x, y = regression(1500, np.random.default_rng(1))
    for level, low, high in ((0.5, 0.45, 0.58), (0.9, 0.87, 0.95)):
        lower, upper = small.predict_interval(x, level)
        assert low < np.mean((lower[:, 0] <= y) & (y <= upper[:, 0])) < high


def test_entropy_splits_into_noise_and_knowledge():
    net = mlp()
    entropy = compress(net).predict_entropy(inputs_of(net))
    np.testing.assert_allclose(entropy.total, entropy.noise + entropy.knowledge, rtol=1e-12)
    assert (entropy.knowledge > 0).all()
    assert (entropy.noise > 0).all()
    assert (entropy.total <= np.log(4)).all()


def test_a_network_whose_weights_are_certain_has_nothing_left_to_learn():
    net = mlp()
    for layer in net.weight_layers:
        layer.log_variance.value[...] = -40.0
    small, x = compress(net), inputs_of(net)
    entropy, p = small.predict_entropy(x), small.predict_proba(x)
    np.testing.assert_allclose(entropy.knowledge, 0, atol=1e-7)
    np.testing.assert_allclose(entropy.total, -(p * np.log(p)).sum(axis=1), rtol=1e-4)


def test_far_from_the_data_the_weights_are_known_less(digits):
    """At a = 1000 x the logits of every draw are far apart, and disagree on the class."""
    net = pruned(nets.mlp([64, 10], seed=0))
    small = compress(net)
    near = small.predict_entropy(0.01 * digits.x_test[:20]).knowledge
    far = small.predict_entropy(100 * digits.x_test[:20]).knowledge
    assert far.mean() > 10 * near.mean()


@pytest.mark.parametrize("draws", [0, 1, 7])
def test_the_rows_of_predict_proba_sum_to_one_and_repeat_with_the_seed(draws):
    net = mlp()
    small, x = compress(net), inputs_of(net)
    p = small.predict_proba(x, draws=draws, seed=3)
    np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-5)
    np.testing.assert_array_equal(p, small.predict_proba(x, draws=draws, seed=3))
    assert draws == 0 or (p != small.predict_proba(x, draws=draws, seed=4)).any()


@pytest.mark.parametrize("draws", [0, 3])
def test_a_probability_that_rounds_to_0_is_no_error_of_floating_point(draws):
    small, x = compress(mlp()), 1e4 * inputs_of(mlp())
    with np.errstate(all="raise"):
        p = small.predict_proba(x, draws=draws)
    assert (p == 0).any()


def test_without_draws_predict_proba_is_the_networks_own():
    net = mlp()
    close(compress(net).predict_proba(inputs_of(net)), net.predict_proba(inputs_of(net)))


def test_draws_do_not_depend_on_the_format():
    net = mlp()
    small, x = compress(net), inputs_of(net)
    expected = small.predict_proba(x, draws=5)
    for format in FORMAT_NAMES:
        again = small.with_format(format)
        np.testing.assert_array_equal(again.predict_proba(x, draws=5), expected)


# Sizes and forms


@pytest.mark.parametrize("format", FORMAT_NAMES)
@pytest.mark.parametrize("name", ["relu", "blocks", "nothing pruned"])
def test_every_byte_is_charged(name, format):
    small = compress(NETWORKS[name](), format)
    arrays = [a for layer in small.weight_layers for a in layer.weights.arrays().values()]
    biases = [layer.bias for layer in small.weight_layers]
    inputs = 0 if small.kept_inputs.all() else -(-small.kept_inputs.size // 8)
    assert small.nbytes == inputs + sum(a.nbytes for a in arrays + biases)


def test_uncertainty_takes_a_byte_for_each_weight():
    small = compress(nets.mlp([6, 5, 4], seed=0))
    assert small.uncertainty_nbytes == small.n_weights == 50
    folded = compress(mlp())
    extra = sum(layer.bias.nbytes for layer in folded.weight_layers if layer.bias_variance.any())
    assert folded.uncertainty_nbytes == folded.n_weights + extra > folded.n_weights


def test_every_layer_may_have_a_format_of_its_own():
    net = mlp()
    small = compress(net, ["gap", "dense", "csr"])
    assert small.formats == ["gap", "dense", "csr"]
    assert "gap and dense and csr" in repr(small)
    close(small.predict(inputs_of(net)), net.predict(inputs_of(net)))
    assert small.with_format("blocks").formats == 3 * ["blocks"]
    assert small.formats == ["gap", "dense", "csr"]


@pytest.mark.parametrize("format", ["clusters", "dense"])
def test_rounded_weights_take_the_place_of_the_exact_ones(format):
    small = compress(mlp(), format)
    matrices = [layer.weights.to_dense() for layer in small.weight_layers]
    rounded = [np.where(np.abs(w) < 0.4, 0, np.round(w, 1)).astype(w.dtype) for w in matrices]
    coarse = small.with_weights(rounded)
    assert coarse.formats == small.formats
    assert coarse.n_weights == sum(np.count_nonzero(w) for w in rounded) < small.n_weights
    for before, after, w in zip(small.weight_layers, coarse.weight_layers, rounded, strict=True):
        np.testing.assert_array_equal(after.weights.to_dense(), w)
        np.testing.assert_array_equal(after.variance_matrix(), before.variance_matrix() * (w != 0))
    x = np.ones((2, 12))
    np.testing.assert_array_equal(small.with_weights(matrices).predict(x), small.predict(x))


def test_new_weights_are_refused_where_none_was_left():
    small = compress(mlp())
    matrices = [np.ones(layer.weights.shape, np.float32) for layer in small.weight_layers]
    with pytest.raises(ValueError, match="weights must be zero where the layer has none"):
        small.with_weights(matrices)
    with pytest.raises(ValueError, match=r"weights must have shape \(\d+, \d+\)"):
        small.with_weights([w[:-1] for w in matrices])
    with pytest.raises(ValueError, match=r"weights must be 3 matrices, .*; got 2"):
        small.with_weights(matrices[1:])


def test_it_shows_what_is_left():
    small = compress(mlp())
    inputs, one, two, outputs = small.widths
    assert repr(small) == (
        f"CompressedNetwork({inputs} of 12 -> {one} -> {two} -> {outputs}, "
        f"{small.n_weights} weights, {one + two + outputs} biases, clusters, {small.nbytes} bytes)"
    )
    assert repr(compress(nets.mlp([3, 2], seed=0))).startswith("CompressedNetwork(3 -> 2, 6 w")


def test_a_network_that_has_died_predicts_its_bias():
    net = NETWORKS["constant"]()
    small = compress(net)
    assert small.widths == (1, 1, 3)
    assert small.n_weights == 0
    x = inputs_of(net)
    close(small.predict(x), net.predict(x))
    assert (small.predict(x) == small.predict(x)[0]).all()
    assert small.predict_proba(x, draws=3).shape == (6, 3)


def test_score_is_the_networks_own():
    net = mlp(likelihood="gaussian", noise=1.0)
    x = inputs_of(net)
    assert compress(net).score(x, x[:, :4]) == pytest.approx(net.score(x, x[:, :4]), rel=1e-5)
    net, y = mlp(), np.array([0, 1, 2, 3, 0, 1])
    assert compress(net).score(x, y) == net.score(x, y)


def test_a_copy_is_independent():
    small = compress(mlp())
    twin = copy.deepcopy(small)
    twin.weight_layers[0].bias[...] = 99
    assert (small.weight_layers[0].bias != 99).all()


# Bad input


@pytest.mark.parametrize("result", [3, None, "net", np.eye(2)])
def test_what_can_not_be_compressed_is_refused(result):
    with pytest.raises(TypeError, match=r"result must be what TurboVBI\.fit returned, or a pruned"):
        compress(result)


@pytest.mark.parametrize("format", ["clusters2", ["csr", "csr", "x"]])
def test_an_unknown_format_is_named_with_those_that_there_are(format):
    with pytest.raises(ValueError, match="format must be one of 'dense', 'bitmask', 'csr', 'gap'"):
        compress(mlp(), format)
    with pytest.raises(ValueError, match="format must be one of"):
        compress(mlp()).with_format(format)


def test_as_many_formats_as_layers_are_wanted():
    with pytest.raises(ValueError, match="format must be one name, or 3, one for each"):
        compress(mlp(), ["csr", "csr"])
    with pytest.raises(TypeError, match="format must be a name or a list of names; got 3"):
        compress(mlp(), 3)


def test_a_draw_needs_a_generator_and_a_comparison_the_same_outputs():
    small = compress(mlp())
    with pytest.raises(TypeError, match=r"rng must be a numpy\.random\.Generator; got 0"):
        small.sample(0)
    other = nets.mlp([12, 9], seed=0)
    with pytest.raises(ValueError, match=r"network must have outputs of shape \(1, .\) for x; got"):
        small.check_against(other, np.zeros((1, 12)))


def test_a_likelihood_that_is_not_known_is_refused():
    net = mlp()
    net.loss = type("Own", (nets.SoftmaxCrossEntropy,), {})()
    with pytest.raises(TypeError, match="loss must be a SoftmaxCrossEntropy or a Gaussian"):
        compress(net)


CLASSIFIES = ["predict_proba", "predict_entropy"]


@pytest.mark.parametrize("what", CLASSIFIES)
def test_a_regression_has_no_classes(what):
    small = compress(mlp(likelihood="gaussian"))
    with pytest.raises(TypeError, match=f"{what} needs a categorical likelihood"):
        getattr(small, what)(np.zeros((1, 12)))


def test_a_classifier_has_no_interval_and_no_noise():
    with pytest.raises(TypeError, match="predict_interval needs a Gaussian likelihood"):
        compress(mlp()).predict_interval(np.zeros((1, 12)))
    with pytest.raises(TypeError, match="noise_variance needs a Gaussian likelihood"):
        _ = compress(mlp()).noise_variance


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"draws": 0}, "draws must be a whole number >= 1"),
        ({"draws": 2.0}, "draws must be a whole number"),
        ({"seed": -1}, "seed must be a whole number >= 0"),
        ({"level": 1.0}, "level must be a number > 0 and < 1"),
        ({"level": "90 %"}, "level must be a number > 0 and < 1"),
    ],
)
def test_bad_settings_of_an_interval_are_named(settings, says):
    small = compress(mlp(likelihood="gaussian"))
    with pytest.raises((TypeError, ValueError), match=says):
        small.predict_interval(np.zeros((1, 12)), **settings)


def test_a_network_of_parts_that_do_not_fit_is_refused():
    small = compress(mlp())
    with pytest.raises(ValueError, match="layers must hold at least one layer with weights"):
        type(small)((), small.loss, small.kept_inputs)
    with pytest.raises(ValueError, match="kept_inputs must be one row of bool"):
        type(small)(small.layers, small.loss, small.inputs)

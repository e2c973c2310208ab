"""Wrong arguments: the right kind of error, and the argument's name in the message."""

import numpy as np
import pytest

from tvbi_ref import nets
from tvbi_ref.errors import NonFiniteError
from tvbi_ref.prior import Gamma
from tvbi_ref.school.checks import check_gradients

X = np.random.default_rng(0).normal(size=(4, 3))
Y = [0, 1, 1, 0]


def classifier():
    return nets.mlp([3, 5, 2], seed=0)


def regression():
    return nets.mlp([3, 5, 2], seed=0, likelihood="gaussian")


def spoiled(value):
    x = X.copy()
    x[1, 2] = value
    return x


BAD_X = {
    "too few features": (X[:, :2], ValueError),
    "too many features": (np.ones((4, 4)), ValueError),
    "one row without its axis": (X[0], ValueError),
    "three axes": (X[None], ValueError),
    "nan": (spoiled(np.nan), NonFiniteError),
    "infinite": (spoiled(np.inf), NonFiniteError),
    "too large for float32": (spoiled(1e300), NonFiniteError),
    "no rows": (np.empty((0, 3)), ValueError),
    "an empty list": ([], ValueError),
    "words": ([["a", "b", "c"]], TypeError),
    "complex": (X + 1j, TypeError),
    "nothing": (None, TypeError),
    "ragged": ([[1.0, 2.0, 3.0], [1.0, 2.0]], ValueError),
}
TAKES_X = {
    "predict": lambda x: classifier().predict(x),
    "predict_proba": lambda x: classifier().predict_proba(x),
    "score": lambda x: classifier().score(x, Y),
    "train": lambda x: nets.train(classifier(), x, Y, epochs=1, seed=0),
}


@pytest.mark.parametrize("function", TAKES_X)
@pytest.mark.parametrize("what", BAD_X)
def test_bad_rows_are_refused(what, function):
    x, error = BAD_X[what]
    with pytest.raises(error, match=r"\bx\b"):
        TAKES_X[function](x)


BAD_Y = {
    "label too large": (classifier, [0, 1, 2, 0], ValueError),
    "label negative": (classifier, [0, 1, -1, 0], ValueError),
    "float labels": (classifier, [0.0, 1.0, 1.0, 0.0], TypeError),
    "boolean labels": (classifier, [True, False, True, False], TypeError),
    "words": (classifier, ["cat", "dog", "dog", "cat"], TypeError),
    "too few labels": (classifier, Y[:3], ValueError),
    "one-hot labels": (classifier, np.eye(2, dtype=int)[Y], ValueError),
    "no labels": (classifier, np.array([], dtype=int), ValueError),
    "too few targets": (regression, np.zeros((3, 2)), ValueError),
    "too few columns": (regression, np.zeros((4, 1)), ValueError),
    "flat targets for two outputs": (regression, np.zeros(4), ValueError),
    "nan target": (regression, np.full((4, 2), np.nan), NonFiniteError),
    "target words": (regression, [["a", "b"]] * 4, TypeError),
    "no targets": (regression, np.empty((0, 2)), ValueError),
}
TAKES_Y = {
    "score": lambda net, y: net.score(X, y),
    "train": lambda net, y: nets.train(net, X, y, epochs=1, seed=0),
    "check_gradients": lambda net, y: check_gradients(net, X, y),
}


@pytest.mark.parametrize("function", TAKES_Y)
@pytest.mark.parametrize("what", BAD_Y)
def test_bad_targets_are_refused(what, function):
    make, y, error = BAD_Y[what]
    with pytest.raises(error, match=r"\by\b"):
        TAKES_Y[function](make(), y)


def mlp(widths=(3, 5, 2), **changes):
    return nets.mlp(widths, **{"seed": 0, **changes})


def gaussian(noise):
    return mlp(likelihood="gaussian", noise=noise)


BAD_NETWORKS = {
    "one width": (lambda: mlp([3]), ValueError, "widths"),
    "no width": (lambda: mlp([]), ValueError, "widths"),
    "a width of zero": (lambda: mlp([3, 0, 2]), ValueError, "widths"),
    "a negative width": (lambda: mlp([3, -1, 2]), ValueError, "widths"),
    "half a neuron": (lambda: mlp([3, 2.5, 2]), TypeError, "widths"),
    "a boolean width": (lambda: mlp([3, True, 2]), TypeError, "widths"),
    "a word as widths": (lambda: mlp("lenet"), TypeError, "widths"),
    "a number as widths": (lambda: mlp(64), TypeError, "widths"),
    "unknown activation": (lambda: mlp(activation="gelu"), ValueError, "activation"),
    "no activation": (lambda: mlp(activation=None), ValueError, "activation"),
    "unknown likelihood": (lambda: mlp(likelihood="poisson"), ValueError, "likelihood"),
    "negative seed": (lambda: mlp(seed=-1), ValueError, "seed"),
    "half a seed": (lambda: mlp(seed=0.5), TypeError, "seed"),
    "no seed": (lambda: mlp(seed=None), TypeError, "seed"),
    "whole-number weights": (lambda: mlp(dtype=np.int64), (TypeError, ValueError), "dtype"),
    "zero noise": (lambda: gaussian(0.0), ValueError, "noise"),
    "negative noise": (lambda: gaussian(-1.0), ValueError, "noise"),
    "nan noise": (lambda: gaussian(np.nan), ValueError, "noise"),
    "noise in words": (lambda: gaussian("loud"), TypeError, "noise"),
    "no noise": (lambda: gaussian(None), TypeError, "noise"),
    "a layer without inputs": (
        lambda: nets.Dense(0, 2, np.random.default_rng(0)),
        ValueError,
        "n_inputs",
    ),
    "a layer without outputs": (
        lambda: nets.Dense(2, 0, np.random.default_rng(0)),
        ValueError,
        "n_outputs",
    ),
    "no layers": (lambda: nets.Network([], nets.SoftmaxCrossEntropy()), ValueError, "layers"),
    "only activations": (
        lambda: nets.Network([nets.ReLU()], nets.SoftmaxCrossEntropy()),
        ValueError,
        "layers",
    ),
    "no leak": (lambda: nets.LeakyReLU(0.0), ValueError, "leak"),
    "all leak": (lambda: nets.LeakyReLU(1.0), ValueError, "leak"),
}
BAD_OPTIMIZERS = {
    "momentum of one": (lambda: nets.SGD([], momentum=1.0), ValueError, "momentum"),
    "negative momentum": (lambda: nets.SGD([], momentum=-0.1), ValueError, "momentum"),
    "beta1 of one": (lambda: nets.Adam([], beta1=1.0), ValueError, "beta1"),
    "negative beta2": (lambda: nets.Adam([], beta2=-0.1), ValueError, "beta2"),
    "zero epsilon": (lambda: nets.Adam([], epsilon=0.0), ValueError, "epsilon"),
}


def train(**changes):
    return nets.train(classifier(), X, Y, **{"epochs": 1, "seed": 0, **changes})


BAD_TRAINING = {
    "zero learning rate": (lambda: train(learning_rate=0.0), ValueError, "learning_rate"),
    "negative learning rate": (lambda: train(learning_rate=-1e-3), ValueError, "learning_rate"),
    "nan learning rate": (lambda: train(learning_rate=np.nan), ValueError, "learning_rate"),
    "infinite learning rate": (lambda: train(learning_rate=np.inf), ValueError, "learning_rate"),
    "learning rate in words": (lambda: train(learning_rate="fast"), TypeError, "learning_rate"),
    "negative epochs": (lambda: train(epochs=-1), ValueError, "epochs"),
    "half an epoch": (lambda: train(epochs=0.5), TypeError, "epochs"),
    "empty batches": (lambda: train(batch_size=0), ValueError, "batch_size"),
    "half a row": (lambda: train(batch_size=0.5), TypeError, "batch_size"),
    "negative seed": (lambda: train(seed=-1), ValueError, "seed"),
    "no seed": (lambda: train(seed=None), TypeError, "seed"),
}
BAD_PREDICTION = {
    "probabilities of a regression": (
        lambda: regression().predict_proba(X),
        TypeError,
        "predict_proba",
    ),
    "draws without a generator": (
        lambda: classifier().predict_proba(X, samples=3),
        TypeError,
        "rng",
    ),
    "negative draws": (lambda: classifier().predict_proba(X, samples=-1), ValueError, "samples"),
    "half a draw": (lambda: classifier().predict_proba(X, samples=0.5), TypeError, "samples"),
    "zero tolerance": (
        lambda: check_gradients(classifier(), X, Y, tolerance=0.0),
        ValueError,
        "tolerance",
    ),
}
BAD_MASKS = {
    "whole numbers": (lambda: classifier().weight_layers[0].prune(np.ones((3, 5), int))),
    "probabilities": (lambda: classifier().weight_layers[0].prune(np.full((3, 5), 0.5))),
    "transposed": (lambda: classifier().weight_layers[0].prune(np.ones((5, 3), bool))),
    "flat": (lambda: classifier().weight_layers[0].prune(np.ones(15, bool))),
    "nothing": (lambda: classifier().weight_layers[0].prune(None)),
}


@pytest.mark.parametrize(
    ("call", "error", "name"),
    [
        pytest.param(*case, id=what)
        for table in (BAD_NETWORKS, BAD_OPTIMIZERS, BAD_TRAINING, BAD_PREDICTION)
        for what, case in table.items()
    ],
)
def test_a_bad_argument_is_refused_by_name(call, error, name):
    with pytest.raises(error, match=rf"\b{name}\b"):
        call()


@pytest.mark.parametrize("what", BAD_MASKS)
def test_a_bad_mask_is_refused(what):
    with pytest.raises(ValueError, match=r"\bkeep\b"):
        BAD_MASKS[what]()


def test_a_refused_call_leaves_the_network_as_it_was():
    net = nets.mlp([3, 5, 2], seed=0, likelihood="gaussian", noise=Gamma(1, 1))
    before = [array.tobytes() for array in net.state()]
    with pytest.raises(NonFiniteError):
        nets.train(net, X, np.full((4, 2), np.nan), epochs=3, seed=0)
    with pytest.raises(ValueError, match="epochs"):
        nets.train(net, X, np.zeros((4, 2)), epochs=-1, seed=0)
    with pytest.raises(ValueError, match="keep"):
        net.weight_layers[0].prune(np.ones((5, 3), bool))
    assert [array.tobytes() for array in net.state()] == before
    assert net.weight_layers[0].mask is None

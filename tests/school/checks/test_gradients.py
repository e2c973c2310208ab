"""The gradient checker: right gradients pass, each kind of wrong one is caught by name."""

import math
import re

import numpy as np
import pytest

from tvbi_ref import nets
from tvbi_ref.prior import Gamma
from tvbi_ref.school.checks import check_gradients
from tvbi_ref.school.checks.differences import compare_gradients

ACTIVATIONS = ["relu", "leaky_relu"]
KINDS = {
    "categorical": {},
    "gaussian": {"likelihood": "gaussian", "noise": 2.0},
    "learned": {"likelihood": "gaussian", "noise": Gamma(3.0, 2.0)},
}


def problem(kind, activation="leaky_relu", *, seed=1, pruned=False, widths=(3, 4, 2)):
    """Return a float64 network with visible variances, and data for it."""
    rng = np.random.default_rng(seed)
    net = nets.mlp(widths, seed=seed, activation=activation, dtype=np.float64, **KINDS[kind])
    for layer in net.weight_layers:
        shape = layer.mean.value.shape
        layer.log_variance.value[...] = rng.uniform(-4, -1, shape)
        layer.bias.value[...] = rng.normal(size=shape[1])
        if pruned:
            layer.prune(rng.random(shape) < 0.6)
    x = rng.normal(size=(5, widths[0]))
    y = [0, 1, 1, 0, 1] if kind == "categorical" else rng.normal(size=(5, widths[-1]))
    return net, x, y


@pytest.mark.parametrize("noise_seed", [None, 0], ids=["means", "noise"])
@pytest.mark.parametrize("pruned", [False, True], ids=["whole", "pruned"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_the_networks_backprop_is_right(activation, kind, pruned, noise_seed):
    net, x, y = problem(kind, activation, pruned=pruned)
    report = check_gradients(net, x, y, noise_seed=noise_seed)
    assert report.passed, report.message
    assert report.worst < 1e-6
    assert 1.8 < report.slope < 2.2
    assert report.entries + report.kinks == sum(p.value.size for p in net.parameters())
    assert report.kinks == 0


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_a_deeper_network_is_right_too(activation, kind):
    net, x, y = problem(kind, activation, seed=3, widths=(2, 4, 3, 2))
    report = check_gradients(net, x, y)
    assert report.passed, report.message
    assert 1.8 < report.slope < 2.2


def test_a_float32_network_is_checked_in_float64_and_not_touched():
    net, x, y = problem("categorical")
    net = net.astype(np.float32)
    before = [array.tobytes() for array in net.state()]
    assert check_gradients(net, x, y).passed
    assert net.dtype == np.float32
    assert [array.tobytes() for array in net.state()] == before


# Wrong gradients


def by_variance(layer, grad):
    """Return v = g e / (2 sd), the gradient by the variance of a layer's outputs."""
    return grad * layer._noise / (2 * np.sqrt(layer._x**2 @ layer._S))


class WithoutHalf(nets.Dense):
    """v = g e / sd in place of g e / (2 sd)."""

    def backward(self, grad):
        dX = super().backward(grad)
        if self._noise is not None:
            self.log_variance.grad *= 2
            dX = dX + 2 * self._x * (by_variance(self, grad) @ self._S.T)
        return dX


class NoisyBias(nets.Dense):
    """The bias takes part in the variance path, where it has no variance."""

    def backward(self, grad):
        dX = super().backward(grad)
        if self._noise is not None:
            self.bias.grad += by_variance(self, grad).sum(axis=0)
        return dX


class VarianceNotItsLog(nets.Dense):
    """dS where d ln S is asked for: the chain rule's factor S is missing."""

    def backward(self, grad):
        dX = super().backward(grad)
        if self._noise is not None:
            self.log_variance.grad /= self._S
        return dX


class DeafInput(nets.Dense):
    """dX without the variance path: wrong only below this layer."""

    def backward(self, grad):
        super().backward(grad)
        return grad @ self.mean.value.T


class ForgetsItsMask(nets.Dense):
    """The gradient of a pruned mean is let through."""

    def backward(self, grad):
        dX = super().backward(grad)
        self.mean.grad[...] = self._x.T @ grad
        return dX


class SummedCrossEntropy(nets.SoftmaxCrossEntropy):
    """The gradient of the sum over the rows, where the value is their mean."""

    def gradient(self, output, y):
        return super().gradient(output, y) * len(y)


class SummedSquares(nets.GaussianLikelihood):
    """The same for the Gaussian."""

    def gradient(self, output, y):
        return super().gradient(output, y) * len(y)


WRONG_LAYERS = {WithoutHalf: "log_variance", NoisyBias: "bias", VarianceNotItsLog: "log_variance"}


@pytest.mark.parametrize(("wrong", "name"), WRONG_LAYERS.items())
@pytest.mark.parametrize("kind", KINDS)
def test_a_wrong_bottom_layer_is_caught_and_the_entry_named(kind, wrong, name):
    """Below it there is nothing that its wrong input gradient could spoil."""
    net, x, y = problem(kind)
    net.weight_layers[0].__class__ = wrong
    report = check_gradients(net, x, y)
    assert not report.passed
    assert report.message.startswith(f"{name}[0][")
    assert report.worst > 1e-3
    assert report.slope < 1.5
    assert check_gradients(net, x, y, noise_seed=None).passed  # only noise shows it


@pytest.mark.parametrize("wrong", WRONG_LAYERS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_wrong_top_layer_is_caught(kind, wrong):
    net, x, y = problem(kind)
    net.weight_layers[1].__class__ = wrong
    report = check_gradients(net, x, y)
    assert not report.passed
    assert re.match(r"(mean|log_variance|bias)\[[01]\]\[\d", report.message)
    assert report.slope < 1.5


@pytest.mark.parametrize("kind", KINDS)
def test_a_wrong_input_gradient_is_caught_in_the_layer_below(kind):
    net, x, y = problem(kind)
    net.weight_layers[1].__class__ = DeafInput
    report = check_gradients(net, x, y)
    assert not report.passed
    assert "[0][" in report.message.split(":")[0]
    assert check_gradients(net, x, y, noise_seed=None).passed  # only noise shows it


@pytest.mark.parametrize(
    ("kind", "wrong"), [("categorical", SummedCrossEntropy), ("gaussian", SummedSquares)]
)
@pytest.mark.parametrize("noise_seed", [None, 0])
def test_a_missing_1_over_n_is_caught(kind, wrong, noise_seed):
    net, x, y = problem(kind)
    net.loss.__class__ = wrong
    report = check_gradients(net, x, y, noise_seed=noise_seed)
    assert not report.passed
    named = report.message.split(":")[0]
    assert named.split("[")[0] in ("mean", "log_variance", "bias")
    assert report.slope < 1.5


def test_the_named_entry_is_the_one_that_is_wrong():
    net, x, y = problem("categorical")

    class OneEntry(nets.Dense):
        def backward(self, grad):
            dX = super().backward(grad)
            self.mean.grad[2, 1] += 0.01
            return dX

    net.weight_layers[0].__class__ = OneEntry
    report = check_gradients(net, x, y)
    assert not report.passed
    assert report.message.startswith("mean[0][2, 1]: ")


def test_a_gradient_through_a_pruned_weight_is_caught():
    net, x, y = problem("categorical", pruned=True)
    net.weight_layers[0].__class__ = ForgetsItsMask
    report = check_gradients(net, x, y)
    assert not report.passed
    assert report.message.startswith("mean[0]")


@pytest.mark.parametrize("position", [0, 1, 2])
def test_a_gradient_that_is_not_a_number_never_passes(position):
    """Every comparison with NaN is false: a checker that takes the maximum may lose it."""
    t = np.array([1.0, 2.0, 3.0])
    gradient = 2 * t
    gradient[position] = np.nan
    report = compare_gradients(lambda: float(t @ t), [t], [gradient], ["t"])
    assert not report.passed
    assert f"t[{position}]" in report.message


def test_a_network_whose_backprop_gives_nan_never_passes():
    net, x, y = problem("categorical")

    class Broken(nets.Dense):
        def backward(self, grad):
            dX = super().backward(grad)
            self.bias.grad[-1] = np.nan
            return dX

    net.weight_layers[1].__class__ = Broken
    assert not check_gradients(net, x, y).passed


# Kinks


def test_entries_at_a_relu_kink_are_left_out_and_counted():
    """A row of zeros and biases of zero: every hidden neuron sits on its kink."""
    net, _, _ = problem("categorical", "relu")
    net.weight_layers[0].bias.value[...] = 0
    x = np.zeros((5, 3))
    report = check_gradients(net, x, [0, 1, 1, 0, 1], noise_seed=None)
    assert report.passed, report.message
    assert report.kinks == 4  # the biases of the hidden layer
    assert report.entries == sum(p.value.size for p in net.parameters()) - 4


def test_a_kink_does_not_hide_a_wrong_gradient_elsewhere():
    net, _, _ = problem("categorical", "relu")
    net.weight_layers[0].bias.value[...] = 0
    net.loss.__class__ = SummedCrossEntropy
    report = check_gradients(net, np.zeros((5, 3)), [0, 1, 1, 0, 1], noise_seed=None)
    assert report.kinks > 0
    assert not report.passed


def test_a_smooth_entry_is_no_kink_however_wrong_its_gradient():
    t = np.array([1.0, -2.0])
    report = compare_gradients(lambda: float(np.sum(t**4)), [t], [np.zeros(2)], ["t"])
    assert report.kinks == 0
    assert not report.passed


# The pieces


def test_the_values_are_put_back_exactly():
    t = np.random.default_rng(0).normal(size=(2, 3))
    kept = t.copy()
    compare_gradients(lambda: float(np.sum(np.sin(t))), [t], [np.cos(t)], ["t"])
    np.testing.assert_array_equal(t, kept)


@pytest.mark.parametrize("seed", range(5))
def test_the_taylor_slope_tells_right_from_wrong_without_a_tolerance(seed):
    t = np.random.default_rng(seed).normal(size=6)

    def loss():
        return float(np.sum(np.exp(t)))

    def slope(factor):
        return compare_gradients(loss, [t], [factor * np.exp(t)], ["t"]).slope

    assert slope(1) == pytest.approx(2, abs=0.05)
    assert slope(1.01) < 1.5
    assert slope(-1) == pytest.approx(1, abs=0.05)


# Any layer with forward and backward


X = np.random.default_rng(0).normal(size=(4, 3))


class Affine:
    """x W + b with a gradient that subclasses spoil."""

    def __init__(self):
        rng = np.random.default_rng(1)
        self.weight = nets.Parameter("weight", rng.normal(size=(3, 2)))
        self.bias = nets.Parameter("bias", rng.normal(size=2))

    def parameters(self):
        return [self.weight, self.bias]

    def forward(self, x):
        self.x = x
        return np.tanh(x @ self.weight.value + self.bias.value)

    def backward(self, grad):
        a = grad * (1 - self.forward(self.x) ** 2)
        self.weight.grad[...] = self.x.T @ a
        self.bias.grad[...] = a.sum(axis=0)
        return a @ self.weight.value.T


class Stochastic(nets.Dense):
    """A dense layer with visible variances and one pruned weight."""

    def __init__(self):
        super().__init__(3, 2, np.random.default_rng(2), dtype=np.float64)
        self.log_variance.value[...] = -1.0
        self.bias.value[...] = [0.5, -0.5]
        self.prune(np.array([[True, False], [True, True], [True, True]]))


class Conv:
    """The convolution's functions as a layer."""

    def __init__(self, stride=1, padding=0):
        rng = np.random.default_rng(3)
        self.mean = nets.Parameter("mean", rng.normal(size=(2, 3, 3, 2)))
        self.variance = nets.Parameter("variance", rng.uniform(0.1, 1, size=(2, 3, 3, 2)))
        self.bias = nets.Parameter("bias", rng.normal(size=2))
        self.geometry = stride, padding

    def parameters(self):
        return [self.mean, self.variance, self.bias]

    def forward(self, x, rng):
        stride, padding = self.geometry
        places = [
            (side + 2 * padding - k) // stride + 1
            for side, k in zip(x.shape[2:], (3, 2), strict=True)
        ]
        self.x, self.noise = x, rng.normal(size=(len(x), 2, *places))
        posterior = self.mean.value, self.variance.value
        return nets.local_reparam_conv(x, *posterior, self.bias.value, self.noise, *self.geometry)

    def backward(self, grad):
        posterior = self.mean.value, self.variance.value
        *gradients, d_x = nets.local_reparam_conv_backward(
            self.x, *posterior, self.noise, grad, *self.geometry
        )
        for parameter, gradient in zip(self.parameters(), gradients, strict=True):
            parameter.grad[...] = gradient
        return d_x


IMAGES = np.random.default_rng(0).normal(size=(2, 3, 5, 4))
RIGHT_LAYERS = {
    "affine": (Affine(), X),
    "dense with noise": (Stochastic(), X),
    "float32": (nets.Dense(3, 2, np.random.default_rng(0)), X.astype(np.float32)),
    "relu": (nets.ReLU(), X),
    "leaky relu": (nets.LeakyReLU(0.2), X),
    "convolution": (Conv(), IMAGES),
    "convolution with stride and padding": (Conv(2, 1), IMAGES),
}


@pytest.mark.parametrize("name", RIGHT_LAYERS)
def test_a_right_layer_passes(name):
    layer, x = RIGHT_LAYERS[name]
    report = check_gradients(layer, x)
    assert report.passed, report.message
    parameters = sum(p.value.size for p in layer.parameters())
    assert report.entries == x.size + parameters
    assert "tolerance 1e-06" in report.message
    assert f"all {report.entries} entries" in report.message
    assert "no kinks" in report.message
    assert str(report) == f"passed: {report.message}"


def test_a_layer_that_is_checked_is_not_touched():
    layer = nets.Dense(3, 2, np.random.default_rng(0))
    before = [(p.value.tobytes(), p.grad.tobytes()) for p in layer.parameters()]
    check_gradients(layer, X)
    assert [(p.value.tobytes(), p.grad.tobytes()) for p in layer.parameters()] == before
    assert layer.mean.value.dtype == np.float32
    assert not hasattr(layer, "_x")


def test_without_noise_the_deterministic_layer_is_checked():
    report = check_gradients(Stochastic(), X, noise_seed=None)
    assert report.passed, report.message


class MissingFactor(Affine):
    def backward(self, grad):
        d_x = super().backward(grad)
        self.weight.grad *= 0.5
        return d_x


class Transposed(Affine):
    """The weights of a square layer, turned round."""

    def __init__(self):
        super().__init__()
        self.weight = nets.Parameter("weight", np.random.default_rng(1).normal(size=(3, 3)))
        self.bias = nets.Parameter("bias", np.zeros(3))

    def backward(self, grad):
        super().backward(grad)
        return (grad * (1 - self.forward(self.x) ** 2)) @ self.weight.value


class WrongSign(Affine):
    def backward(self, grad):
        d_x = super().backward(grad)
        self.bias.grad *= -1
        return d_x


class BiasInTheVariance(Stochastic):
    def backward(self, grad):
        d_x = super().backward(grad)
        self.bias.grad += by_variance(self, grad).sum(axis=0)
        return d_x


class NoMask(Stochastic):
    def backward(self, grad):
        d_x = super().backward(grad)
        self.mean.grad[...] = self._x.T @ grad
        return d_x


class Corner(Affine):
    def backward(self, grad):
        d_x = super().backward(grad)
        self.weight.grad[-1, -1] += 1e-4
        return d_x


class InputCorner(Affine):
    def backward(self, grad):
        d_x = super().backward(grad)
        d_x[-1, 0] += 1e-4
        return d_x


class ConvWithoutVariancePath(Conv):
    def backward(self, grad):
        super().backward(grad)
        zero = np.zeros_like(self.variance.value)
        return nets.local_reparam_conv_backward(
            self.x, self.mean.value, zero, 0 * self.noise, grad, *self.geometry
        )[3]


WRONG = {
    MissingFactor: (X, r"weight\[\d, \d\]: "),
    Transposed: (X, r"x\[\d, \d\]: "),
    WrongSign: (X, r"bias\[\d\]: "),
    BiasInTheVariance: (X, r"bias\[\d\]: "),
    NoMask: (X, r"mean\[0, 1\]: "),
    Corner: (X, r"weight\[2, 1\]: "),
    InputCorner: (X, r"x\[3, 0\]: "),
    ConvWithoutVariancePath: (IMAGES, r"x\[\d, \d, \d, \d\]: "),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_layer_is_caught_and_the_entry_named(wrong):
    x, name = WRONG[wrong]
    report = check_gradients(wrong(), x)
    assert not report.passed
    assert re.match(name, report.message), report.message
    assert "tolerance 1e-06" in report.message
    assert "Taylor slope" in report.message
    assert f"among {report.entries} entries" in report.message
    assert str(report) == f"FAILED: {report.message}"


# What else may be wrong with a layer: a finding in words


class NoBackward:
    def forward(self, x):
        return x


class NoForward:
    def backward(self, grad):
        return grad


class ReturnsNothing(Affine):
    def backward(self, grad):
        super().backward(grad)


class ReturnsTheTransposed(Affine):
    def backward(self, grad):
        return super().backward(grad).T


class ReturnsFloat32(Affine):
    def backward(self, grad):
        return super().backward(grad).astype(np.float32)


class ReturnsWords(Affine):
    def backward(self, grad):
        return "the gradient"


class BackwardRaises(Affine):
    def backward(self, grad):
        return grad @ np.ones((7, 7))


class ForwardRaises(Affine):
    def forward(self, x):
        raise NotImplementedError


class ForwardReturnsAList(Affine):
    def forward(self, x):
        return [[1.0, 2.0]]


class ForwardReturnsFloat32(Affine):
    def forward(self, x):
        return super().forward(x).astype(np.float32)


class ForwardGivesNan(Affine):
    def forward(self, x):
        return super().forward(x) * np.nan


class ForwardChangesItsInput(nets.ReLU):
    def forward(self, x, rng=None):
        z = super().forward(x)
        x[x < 0] = 0
        return z


class BackwardChangesItsArgument(nets.ReLU):
    def backward(self, grad):
        grad *= self.slope
        return grad


class NoiseOfItsOwn(Affine):
    source = np.random.default_rng(0)

    def forward(self, x):
        return super().forward(x) + self.source.normal()


class Accumulates(Affine):
    def backward(self, grad):
        before = self.bias.grad.copy()
        d_x = super().backward(grad)
        self.bias.grad += before
        return d_x


class GradIsNone(Affine):
    def backward(self, grad):
        d_x = super().backward(grad)
        self.weight.grad = None
        return d_x


class GradIsTransposed(Affine):
    def backward(self, grad):
        d_x = super().backward(grad)
        self.weight.grad = self.weight.grad.T
        return d_x

    def forward(self, x):
        return super().forward(x)


class BareArrays(Affine):
    def parameters(self):
        return [self.weight.value, self.bias.value]


class NotANumber(Affine):
    def backward(self, grad):
        return super().backward(grad) * np.nan


FINDINGS = {
    NoBackward: "the layer has no method backward",
    NoForward: "the layer has no method forward",
    ReturnsNothing: "what backward returns must be float64, as the input is; got None",
    ReturnsTheTransposed: r"what backward returns must have shape \(4, 3\); got \(3, 4\)",
    ReturnsFloat32: "what backward returns must be float64, as the input is; got dtype float32",
    ReturnsWords: "what backward returns must be float64",
    BackwardRaises: "backward raises ValueError: ",
    ForwardRaises: "forward raises NotImplementedError",
    ForwardReturnsAList: "forward must return a float64 array for a float64 one; got list",
    ForwardReturnsFloat32: "forward must return a float64 array .*; got dtype float32",
    ForwardGivesNan: "forward gives entries that are not finite",
    ForwardChangesItsInput: "forward changes its argument x",
    BackwardChangesItsArgument: "backward changes its argument grad",
    NoiseOfItsOwn: "forward gives another output at the second call",
    Accumulates: "the gradient by bias is another one at the second call of backward",
    GradIsNone: r"weight\.grad must be float64, as the input is; got None",
    GradIsTransposed: r"weight\.grad must have shape \(3, 2\); got \(2, 3\)",
    BareArrays: r"parameters\(\)\[0\] has no attribute value",
    NotANumber: r"x\[\d, \d\]: the gradient is nan",
}


@pytest.mark.parametrize("layer", FINDINGS)
def test_what_is_wrong_with_a_layer_is_a_finding_and_no_crash(layer):
    report = check_gradients(layer(), X)
    assert not report.passed
    assert report.worst == np.inf
    assert np.isnan(report.slope)
    assert re.match(FINDINGS[layer], report.message), report.message


def test_parameters_of_one_name_are_told_apart():
    class Twice(Affine):
        def backward(self, grad):
            d_x = super().backward(grad)
            self.bias.grad[1] += 1
            return d_x

    layer = Twice()
    layer.weight.name = layer.bias.name = "theta"
    assert check_gradients(layer, X).message.startswith("theta (parameters()[1])[1]: ")


# A function with its gradient


def test_a_function_and_its_gradient():
    report = check_gradients(lambda t: np.sum(np.sin(t)), [[0.1, 2.0]], gradient=np.cos)
    assert report.passed, report.message
    assert (report.entries, report.kinks) == (2, 0)
    assert report.slope == pytest.approx(2, abs=0.1)
    report = check_gradients(lambda t: np.sum(np.sin(t)), [[0.1, 2.0]], gradient=np.sin)
    assert not report.passed
    assert report.message.startswith("x[0, ")


def test_a_function_of_one_number():
    assert check_gradients(lambda t: t**3, 2.0, gradient=lambda t: 3 * t**2).passed
    report = check_gradients(lambda t: t**3, 2.0, gradient=lambda t: t**2)
    assert report.message.startswith("x: the gradient is 4, the central difference 12")


BAD_FUNCTIONS = {
    "a gradient of another shape": (np.sum, lambda t: np.ones(3), "what gradient returns"),
    "whole numbers": (np.sum, lambda t: np.ones(2, int), "what gradient returns must be float64"),
    "a list of gradients": (np.sum, lambda t: [None, None], "what gradient returns"),
    "an array of values": (np.sin, np.cos, "the function must return a real number"),
    "a complex value": (lambda t: 1j, np.cos, "the function must return a real number"),
    "nothing": (lambda t: None, np.cos, "the function must return a real number; got None"),
    "nan": (lambda t: np.nan, np.cos, "the function is nan"),
    "an exception": (lambda t: 1 / 0, np.cos, "the function raises ZeroDivisionError"),
    "an exception in the gradient": (np.sum, lambda t: t[9], "gradient raises IndexError"),
}


@pytest.mark.parametrize("what", BAD_FUNCTIONS)
def test_what_is_wrong_with_a_function_is_a_finding_and_no_crash(what):
    function, gradient, words = BAD_FUNCTIONS[what]
    report = check_gradients(function, [1.0, 2.0], gradient=gradient)
    assert not report.passed
    assert report.message.startswith(words), report.message


def classifier():
    return problem("categorical")[0]


BAD_CALLS = {
    "no model": (lambda: check_gradients(None, X), TypeError, "model"),
    "a number": (lambda: check_gradients(3.0, X), TypeError, "model"),
    "a network without targets": (lambda: check_gradients(classifier(), X), TypeError, "y"),
    "a layer with targets": (lambda: check_gradients(Affine(), X, [0, 1]), TypeError, "y"),
    "a layer with a gradient": (
        lambda: check_gradients(Affine(), X, gradient=np.cos),
        TypeError,
        "gradient",
    ),
    "a function without": (lambda: check_gradients(np.sum, X), TypeError, "gradient"),
    "an array of gradients": (
        lambda: check_gradients(np.sum, X, gradient=np.ones_like(X)),
        TypeError,
        "gradient",
    ),
    "a function with targets": (
        lambda: check_gradients(np.sum, X, X, gradient=np.cos),
        TypeError,
        "y",
    ),
    "rows of words": (lambda: check_gradients(Affine(), [["a"]]), TypeError, "x"),
    "no rows": (lambda: check_gradients(Affine(), np.empty((0, 3))), ValueError, "x"),
    "rows of nan": (lambda: check_gradients(Affine(), np.nan * X), ValueError, "x"),
    "no tolerance": (lambda: check_gradients(Affine(), X, tolerance=0.0), ValueError, "tolerance"),
    "a negative seed": (
        lambda: check_gradients(Affine(), X, noise_seed=-1),
        ValueError,
        "noise_seed",
    ),
}


@pytest.mark.parametrize("what", BAD_CALLS)
def test_a_wrong_call_is_an_error_that_names_the_argument(what):
    call, error, name = BAD_CALLS[what]
    with pytest.raises(error, match=rf"\b{name}\b"):
        call()


# Large and small, straight and bent


@pytest.mark.parametrize("factor", [0.0, 0.5, -1.0, 2.0])
def test_a_tiny_loss_does_not_hide_a_wrong_gradient(factor):
    """The tolerance is relative to the gradient: 1e-6 is more than everything here."""
    report = check_gradients(
        lambda t: 1e-8 * np.sum(t**4), [1.0, -2.0, 0.5], gradient=lambda t: factor * 4e-8 * t**3
    )
    assert report.verdict == "FAILED"
    assert report.slope == pytest.approx(1, abs=0.1)
    assert re.match(r"x\[\d\]: ", report.message)
    assert "3 wrong among 3 entries" in report.message


def test_a_tiny_loss_with_a_right_gradient_passes():
    report = check_gradients(
        lambda t: 1e-8 * np.sum(t**4), [1.0, -2.0, 0.5], gradient=lambda t: 4e-8 * t**3
    )
    assert report.passed, report.message
    assert report.slope == pytest.approx(2, abs=0.1)


def test_an_error_within_a_wide_tolerance_passes_the_line_too():
    """The gradient is a thousandth off, which the user has allowed."""
    report = check_gradients(
        lambda t: np.sum(t**2), [1.0, -2.0], gradient=lambda t: 2.001 * t, tolerance=1e-2
    )
    assert report.passed, report.message
    assert report.slope < 1.5
    assert not check_gradients(
        lambda t: np.sum(t**2), [1.0, -2.0], gradient=lambda t: 2.001 * t
    ).passed


@pytest.mark.parametrize("scale", [1e-12, 1e-3, 1.0, 1e6])
def test_a_linear_function_has_no_slope_and_passes(scale):
    a = scale * np.random.default_rng(0).normal(size=5)
    report = check_gradients(lambda t: a @ t + 3 * scale, np.ones(5), gradient=lambda t: a.copy())
    assert report.passed, report.message
    assert np.isnan(report.slope)
    assert "a straight line" in report.message


@pytest.mark.parametrize("scale", [1e-8, 1.0, 1e3])
def test_a_linear_function_with_a_wrong_gradient_fails(scale):
    a = scale * np.random.default_rng(0).normal(size=5)
    report = check_gradients(lambda t: a @ t, np.ones(5), gradient=lambda t: 1.001 * a)
    assert not report.passed
    assert report.slope == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("far", [1e3, 1e6])
def test_far_from_zero_a_step_is_what_rounding_leaves_of_it(far):
    t = far + np.array([0.3, 1.0, 2.0])
    report = check_gradients(
        lambda t: np.sum(np.sin(t - far)), t, gradient=lambda t: np.cos(t - far)
    )
    assert report.passed, report.message


def test_a_constant_has_the_gradient_zero():
    assert check_gradients(lambda t: 4.0, [1.0, 2.0], gradient=np.zeros_like).passed
    assert not check_gradients(lambda t: 4.0, [1.0, 2.0], gradient=np.ones_like).passed


@pytest.mark.parametrize("seed", range(10))
def test_a_kink_inside_the_line_does_not_spoil_a_right_gradient(seed):
    """It lies 1e-4 away: no entry's step reaches it, but the line does."""
    rng = np.random.default_rng(seed)
    kink = rng.choice([-1, 1], size=4) * 1e-4

    def function(t):
        return np.sum(np.abs(t - kink) + t**2)

    report = check_gradients(function, np.zeros(4), gradient=lambda t: np.sign(t - kink) + 2 * t)
    assert report.passed, report.message
    assert report.kinks == 0
    report = check_gradients(
        lambda t: 1e-8 * function(t),
        np.zeros(4),
        gradient=lambda t: 1.1e-8 * (np.sign(t - kink) + 2 * t),
    )
    assert report.worst == pytest.approx(0.1 / 1.1)
    assert not report.passed


def test_a_kink_at_the_start_of_the_line_leaves_no_slope():
    """The average of both sides agrees with the central difference, but bends the line."""
    report = check_gradients(
        lambda t: np.sum(np.abs(t) + t), np.zeros(3), gradient=lambda t: np.ones(3)
    )
    assert report.passed, report.message
    assert report.kinks == 0
    assert np.isnan(report.slope)
    assert "a kink lies on its line" in report.message


def test_entries_on_a_kink_are_not_moved_along_the_line():
    t = np.array([0.0, 1.0, -2.0])
    report = check_gradients(
        lambda t: np.sum(np.maximum(t, 0) ** 2 + np.abs(t)),
        t,
        gradient=lambda t: 2 * np.maximum(t, 0) + np.where(t > 0, 1.0, -1.0),
    )
    assert report.passed, report.message
    assert report.kinks == 1
    assert "1 entry left out at a kink" in report.message
    assert report.slope == pytest.approx(2, abs=0.1)


def test_where_every_entry_is_on_a_kink_nothing_passes_and_nothing_fails():
    report = check_gradients(lambda t: np.sum(np.abs(t)), np.zeros(2), gradient=np.ones_like)
    assert not report.passed
    assert report.verdict == "cannot tell"
    assert (report.entries, report.kinks) == (0, 2)
    assert "nothing can be compared" in report.message
    assert str(report).startswith("cannot tell: ")
    assert report._repr_markdown_().startswith("❔")


# At a kink the gradient lies between the slopes to the two sides


def relu_with(at_zero):
    class ReLU:
        def forward(self, x):
            self.x = x
            return np.maximum(x, 0)

        def backward(self, grad):
            return grad * np.where(self.x == 0, at_zero, self.x > 0)

    return ReLU()


ON_THE_KINK = np.array([[0.0, 1.0, -2.0], [0.5, 0.0, -0.3]])


@pytest.mark.parametrize("at_zero", [0.0, 0.3, 0.5, 1.0])
def test_what_lies_between_the_slopes_may_stand_at_a_kink(at_zero):
    report = check_gradients(relu_with(at_zero), ON_THE_KINK)
    assert report.passed, report.message


@pytest.mark.parametrize("at_zero", [123.0, 1.01, -0.01, -1.0, np.nan, np.inf, -np.inf])
def test_what_lies_outside_is_wrong_at_a_kink_too(at_zero):
    report = check_gradients(relu_with(at_zero), ON_THE_KINK)
    assert report.verdict == "FAILED"
    assert re.match(r"x\[\d, \d\]: the gradient is .* on the two sides of a kink", report.message)
    assert "2 wrong among 6 entries" in report.message


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
@pytest.mark.parametrize("others", [[1.0], []])
def test_a_gradient_of_zero_by_zero_at_a_kink_fails(others):
    report = check_gradients(
        lambda t: np.sum(np.abs(t)), [0.0, *others], gradient=lambda t: t / np.abs(t)
    )
    assert report.verdict == "FAILED"
    assert report.message.startswith("x[0]: the gradient is nan")


@pytest.mark.parametrize("seed", [1, 5, 7])
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("rows", [[[0, 0]] * 5, [[0, 0], [1, 0], [0, 1], [0, 0], [1, -1]]])
def test_a_network_on_many_kinks_at_once_is_not_accused(rows, activation, seed):
    """Zero rows and the biases of a fresh network: every hidden neuron is on its kink."""
    net = nets.mlp((2, 5, 4, 2), seed=seed, activation=activation)
    report = check_gradients(net, rows, [0, 1, 1, 0, 1], noise_seed=None)
    assert report.passed, report.message
    assert report.kinks > 0


# Tied entries


class EveryMaximum(nets.MaxPool):
    """Every one of equal maxima gets the gradient, in parts that subclasses choose."""

    def share(self, ties):
        return 1.0

    def backward(self, grad):
        def wide(tiles):
            return np.repeat(np.repeat(tiles, self.size, axis=2), self.size, axis=3)

        hit = self._x == wide(self._z)
        B, C, H, W = grad.shape
        ties = hit.reshape(B, C, H, self.size, W, self.size).sum(axis=(3, 5))
        return wide(grad * self.share(ties)) * hit


class NoneIfTied(EveryMaximum):
    def share(self, ties):
        return ties == 1


class HalfIfTied(EveryMaximum):
    """Right where two are tied."""

    def share(self, ties):
        return np.where(ties > 1, 0.5, 1.0)


class Shared(EveryMaximum):
    def share(self, ties):
        return 1 / ties


CLIPPED = np.maximum(np.random.default_rng(0).normal(-0.5, 1, size=(2, 2, 4, 4)), 0)


@pytest.mark.parametrize("pool", [nets.MaxPool, Shared])
def test_equal_maxima_may_share_the_gradient(pool):
    assert check_gradients(pool(2), CLIPPED).passed
    assert check_gradients(pool(2), np.ones((1, 1, 4, 4))).verdict == "cannot tell"
    signed_zeros = 0 * np.random.default_rng(0).normal(size=(2, 2, 6, 6))
    assert check_gradients(pool(2), signed_zeros).verdict == "cannot tell"


@pytest.mark.parametrize("x", [CLIPPED, np.ones((1, 1, 4, 4))])
@pytest.mark.parametrize("pool", [EveryMaximum, NoneIfTied, HalfIfTied])
def test_equal_maxima_together_have_one_gradient(pool, x):
    report = check_gradients(pool(2), x)
    assert report.verdict == "FAILED"
    assert re.match(r"x\[.*\] and \d+ more tied with it: the gradients add up to", report.message)


def test_kinks_that_have_nothing_to_do_with_each_other_are_not_added_up():
    """Along the diagonal |s| - |t| is smooth, yet every sign of each may stand."""
    report = check_gradients(
        lambda t: abs(t[0]) - abs(t[1]) + t[2] ** 2,
        [0.0, 0.0, 1.0],
        gradient=lambda t: np.array([1.0, 1.0, 2 * t[2]]),
    )
    assert report.passed, report.message


# Steps follow the scale and the rounding


def p_log_p(p):
    return -float(np.sum(p * np.log(p)))


HARD = {
    "close to the border": (p_log_p, [1e-6], lambda p: -np.log(p) - 1),
    "a domain error there": (
        lambda p: -sum(q * math.log(q) for q in p),
        [1e-6, 0.5],
        lambda p: -np.log(p) - 1,
    ),
    "a large constant": (lambda t: 1e8 + float(t @ t), [1.0, 0.3], lambda t: 2 * t),
    "fast": (lambda t: float(np.sin(1e6 * t).sum()), [1.0], lambda t: 1e6 * np.cos(1e6 * t)),
    "fast and further out": (
        lambda t: float(np.sin(1e6 * t).sum()),
        [10.0],
        lambda t: 1e6 * np.cos(1e6 * t),
    ),
    "small": (lambda t: 1e-12 * float(np.sin(t).sum()), [0.3, 2.0], lambda t: 1e-12 * np.cos(t)),
    "squared in float32": (
        lambda t: np.sum(t.astype(np.float32) ** 2),
        [0.3, 1.2, -2.0],
        lambda t: 2 * t,
    ),
}


@pytest.mark.parametrize("what", HARD)
def test_steps_follow_the_scale_and_the_rounding(what):
    function, t, gradient = HARD[what]
    report = check_gradients(function, t, gradient=gradient)
    assert report.passed, report.message
    assert report.entries == len(t)
    report = check_gradients(function, t, gradient=lambda t: 1.001 * gradient(t))
    assert report.verdict == "FAILED"
    assert report.kinks == 0


@pytest.mark.parametrize("noise_seed", [None, 0])
def test_a_network_with_large_targets_passes(noise_seed):
    rng = np.random.default_rng(0)
    net = nets.mlp([3, 4, 1], likelihood="gaussian", noise=1.0, seed=0)
    report = check_gradients(
        net, rng.normal(size=(5, 3)), np.full((5, 1), 3e5), noise_seed=noise_seed
    )
    assert report.passed, report.message
    assert report.entries > 30


def sine32(t):
    return float(np.sum(np.sin(t.astype(np.float32))))


def test_a_loss_in_float32_is_no_kink():
    t = [1.2, -2.0]
    report = check_gradients(sine32, t, gradient=np.cos, tolerance=1e-7)
    assert report.verdict == "cannot tell"
    assert (report.kinks, report.blurred) == (0, 2)
    assert "as if in float32" in report.message
    assert check_gradients(sine32, t, gradient=np.cos, tolerance=1e-3).passed
    wrong = check_gradients(sine32, t, gradient=lambda t: 1.01 * np.cos(t))
    assert wrong.verdict == "FAILED"
    assert wrong.kinks == 0


@pytest.mark.parametrize("factor", [0.0, 1.0, 2.0])
def test_what_rounding_swallows_cannot_be_judged(factor):
    report = check_gradients(
        lambda t: 1e10 + 1e-7 * float(np.sin(t).sum()),
        [1.0, 2.0],
        gradient=lambda t: factor * 1e-7 * np.cos(t),
    )
    assert report.verdict == ("passed" if factor == 0 else "cannot tell")


def test_digits_are_printed_until_they_differ():
    report = check_gradients(
        lambda t: np.sum(np.sin(t)),
        [1.0],
        gradient=lambda t: (1 + 2e-8) * np.cos(t),
        tolerance=1e-9,
    )
    assert report.verdict == "FAILED"
    assert report.message.startswith(
        "x[0]: the gradient is 0.54030232, the central difference 0.54030231 "
    )


# One array beside another


class Factor(Affine):
    """x W + b with dW times a factor."""

    factor = 2.0

    def forward(self, x):
        self.x = x
        return x @ self.weight.value + self.bias.value

    def backward(self, grad):
        self.weight.grad[...] = self.factor * (self.x.T @ grad)
        self.bias.grad[...] = grad.sum(axis=0)
        return grad @ self.weight.value.T


@pytest.mark.parametrize("size", [1.0, 1e-4, 1e-8])
def test_a_small_array_does_not_hide_beside_a_large_one(size):
    layer = Factor()
    report = check_gradients(layer, size * X)
    assert report.verdict == "FAILED"
    assert report.message.startswith("weight[")
    assert report.slope == pytest.approx(1, abs=0.1)
    layer.factor = 1.0
    assert check_gradients(layer, size * X).passed


def test_an_array_of_which_nothing_was_judged_is_named():
    report = check_gradients(Factor(), 1e-18 * X)
    assert report.passed
    assert report.blurred == 6
    assert "nothing of weight judged" in report.message


def test_a_layer_without_parameters_is_told_that_only_dx_was_looked_at():
    class Hidden:
        def __init__(self):
            self.layer = Factor()
            self.forward, self.backward = self.layer.forward, self.layer.backward

    report = check_gradients(Hidden(), X)
    assert report.passed
    assert report.message.endswith("only dL/dx was looked at, the layer names no parameters()")
    assert "only dL/dx" not in check_gradients(Affine(), X).message


# Arrays that share memory


class Buffer(Affine):
    """All parameters, and their gradients, in one buffer."""

    factor = 1.0

    def __init__(self, dtype=np.float64):
        self.theta = np.random.default_rng(2).normal(size=8).astype(dtype)
        self.d_theta = np.zeros_like(self.theta)
        self.weight, self.bias = (
            nets.Parameter(name, self.theta[part].reshape(shape))
            for name, part, shape in (("weight", np.s_[:6], (3, 2)), ("bias", np.s_[6:], (2,)))
        )
        self.weight.grad, self.bias.grad = self.d_theta[:6].reshape(3, 2), self.d_theta[6:]

    def forward(self, x):
        self.x = x
        return np.tanh(x @ self.theta[:6].reshape(3, 2) + self.theta[6:])

    def backward(self, grad):
        a = grad * (1 - self.forward(self.x) ** 2)
        self.d_theta[:6] = self.factor * (self.x.T @ a).ravel()
        self.d_theta[6:] = a.sum(axis=0)
        return a @ self.theta[:6].reshape(3, 2).T


class Tied(Affine):
    """tanh(x W) W': the same weights on both sides."""

    factor = 1.0

    def __init__(self):
        self.weight = nets.Parameter("weight", np.random.default_rng(1).normal(size=(3, 2)))
        self.bias = nets.Parameter("back", self.weight.value.T)

    def forward(self, x):
        self.x, self.h = x, np.tanh(x @ self.weight.value)
        return self.h @ self.bias.value

    def backward(self, grad):
        a = (grad @ self.bias.value.T) * (1 - self.h**2)
        self.weight.grad[...], self.bias.grad[...] = self.x.T @ a, self.factor * (self.h.T @ grad)
        return a @ self.weight.value.T


@pytest.mark.parametrize(
    "layer", [Buffer, lambda: Buffer(np.float32), Tied], ids=["buffer", "float32", "tied"]
)
def test_arrays_that_share_memory_go_on_sharing_it(layer):
    right, wrong = layer(), layer()
    before = right.weight.value.tobytes()
    report = check_gradients(right, X)
    assert report.passed, report.message
    assert right.weight.value.tobytes() == before
    wrong.factor = 2.0
    assert not check_gradients(wrong, X).passed


def test_other_arrays_of_a_layer_are_copied_as_they_are():
    class Odd(Affine):
        def __init__(self):
            super().__init__()
            self.others = [
                np.lib.stride_tricks.sliding_window_view(np.arange(5.0), 2),
                np.broadcast_to(np.float32(3), (2, 2)),
                np.asfortranarray(np.arange(6.0).reshape(2, 3))[:, ::-1],
                np.ones(3, complex).real,
                np.zeros((0, 2)),
                np.arange(3),
                np.array([None, 1]),
            ]

        def forward(self, x):
            kept = [[0, 1], [1, 2], [2, 3], [3, 4]]
            assert np.array_equal(self.others[0], kept)
            assert np.array_equal(self.others[2], [[2, 1, 0], [5, 4, 3]])
            return super().forward(x)

    assert check_gradients(Odd(), X).passed


@pytest.mark.parametrize("curvature", [1e3, 1e6])
def test_a_sharp_curve_is_no_kink(curvature):
    """At its minimum the one-sided differences differ much, but less and less."""
    report = check_gradients(lambda t: curvature * np.sum(t**2), np.zeros(2), gradient=np.ones_like)
    assert report.kinks == 0
    assert not report.passed


@pytest.mark.parametrize("offset", [1e3, 1e6])
def test_the_rounding_of_a_large_loss_is_neither_error_nor_kink(offset):
    def function(t):
        return offset + np.sum(np.sin(t))

    t = np.array([0.3, 1.0, 2.0])
    report = check_gradients(function, t, gradient=np.cos)
    assert report.passed, report.message
    report = check_gradients(function, t, gradient=lambda t: np.cos(t) + 1e-3 * np.eye(3)[1])
    assert not report.passed
    assert report.message.startswith("x[1]: ")


def test_a_transposed_gradient_does_not_hide_behind_its_own_direction():
    """For square W the products of G with G @ W.T and G @ W agree: the line must leave G."""
    W = np.random.default_rng(7).normal(size=(3, 3))

    class Transposed:
        def forward(self, x):
            self.x = x
            return 1e-7 * (x @ W + x**3)

        def backward(self, grad):
            return 1e-7 * (grad @ W + 3 * grad * self.x**2)

    x = np.random.default_rng(5).normal(size=(4, 3))
    report = check_gradients(Transposed(), x)
    assert not report
    assert report.slope < 1.5


def test_a_report_is_its_verdict():
    right = check_gradients(lambda t: t @ t, [1.0, 2.0], gradient=lambda t: 2 * t)
    wrong = check_gradients(lambda t: t @ t, [1.0, 2.0], gradient=lambda t: 3 * t)
    assert right
    assert not wrong
    assert wrong._repr_markdown_().startswith("❌")


def test_a_strangers_error_is_no_markup_and_one_line():
    def loss(t):
        raise ValueError("`<script>`\n\n# **x** \x1b[2K")

    page = check_gradients(loss, [1.0], gradient=np.ones_like)._repr_markdown_()
    assert page == "❌ `the function raises ValueError: '<script>' # **x** \\x1b[2K`"

"""The gradient checker: right gradients pass, each kind of wrong one is caught by name."""

import re

import numpy as np
import pytest

from tvbi_ref import nets
from tvbi_ref.checks import check_gradients
from tvbi_ref.checks.gradients import compare_gradients, taylor_slope
from tvbi_ref.prior import Gamma

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


class WithoutHalf(nets.Dense):
    """v = g e / sd in place of g e / (2 sd)."""

    def backward(self, grad):
        dX = super().backward(grad)
        if self._noise is not None:
            v = grad * self._noise / (2 * self._sd)
            self.log_variance.grad *= 2
            dX = dX + 2 * self._x * (v @ self._S.T)
        return dX


class NoisyBias(nets.Dense):
    """The bias takes part in the variance path, where it has no variance."""

    def backward(self, grad):
        dX = super().backward(grad)
        if self._noise is not None:
            self.bias.grad += (grad * self._noise / (2 * self._sd)).sum(axis=0)
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

    assert taylor_slope(loss, [t], [np.exp(t)]) == pytest.approx(2, abs=0.05)
    assert taylor_slope(loss, [t], [1.01 * np.exp(t)]) < 1.5
    assert taylor_slope(loss, [t], [-np.exp(t)]) == pytest.approx(1, abs=0.05)

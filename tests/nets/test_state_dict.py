"""State dicts: PyTorch's layout by NumPy, and PyTorch itself where it is installed."""

import numpy as np
import pytest
from scipy import signal

from tvbi_ref import nets
from tvbi_ref.nets import set_state_dict, to_state_dict


def cnn(seed=0):
    return nets.cnn((2, 7, 7), [(3, 3, 2, 1), (4, 3)], [5, 3], seed=seed, dtype=np.float64)


def mlp(seed=0):
    return nets.mlp([6, 5, 3], seed=seed, dtype=np.float64)


BUILD = {"mlp": mlp, "cnn": cnn}


def inputs(net):
    return np.random.default_rng(1).normal(size=(4, *(net.input_shape or net.widths[:1])))


@pytest.mark.parametrize("build", BUILD.values(), ids=BUILD)
def test_there_and_back(build):
    net, other = build(0), build(1)
    set_state_dict(net, to_state_dict(other))
    np.testing.assert_array_equal(net.predict(inputs(net)), other.predict(inputs(net)))


def test_a_dense_layer_is_x_times_the_transpose():
    net, x = mlp(), inputs(mlp())
    W, b, V, c = to_state_dict(net).values()
    np.testing.assert_allclose(np.maximum(x @ W.T + b, 0) @ V.T + c, net.predict(x))


def test_a_convolution_is_a_correlation_with_the_weights_as_they_are():
    net = cnn()
    kernels, b = list(to_state_dict(net).values())[2:4]
    x = np.random.default_rng(0).normal(size=(1, 3, 4, 4))
    planes = [
        sum(signal.correlate2d(a, w, "valid") for a, w in zip(x[0], kernel, strict=True))
        for kernel in kernels
    ]
    z = net.weight_layers[1].forward(x)
    np.testing.assert_allclose(z[0], np.array(planes) + b[:, None, None])


@pytest.mark.parametrize("build", BUILD.values(), ids=BUILD)
def test_pytorch_predicts_the_same_and_gives_the_same_back(build):
    torch = pytest.importorskip("torch")
    net = build()
    kinds = {
        nets.Dense: lambda a: torch.nn.Linear(*a.widths),
        nets.Conv2D: lambda a: torch.nn.Conv2d(
            *a.widths, a.mean.value.shape[2:], a.stride, a.padding
        ),
        nets.ReLU: lambda a: torch.nn.ReLU(),
        nets.Flatten: lambda a: torch.nn.Flatten(),
    }
    model = torch.nn.Sequential(*(kinds[type(layer)](layer) for layer in net.layers)).double()
    model.load_state_dict({name: torch.tensor(a) for name, a in to_state_dict(net).items()})
    with torch.no_grad():
        z = model(torch.tensor(inputs(net))).numpy()
    np.testing.assert_allclose(z, net.predict(inputs(net)), rtol=1e-9)
    other = build(1)
    set_state_dict(other, model.state_dict())
    np.testing.assert_array_equal(other.predict(inputs(net)), net.predict(inputs(net)))


def test_what_is_pruned_is_zero_there_and_stays_zero_here():
    net = mlp()
    keep = np.arange(30).reshape(6, 5) % 2 == 0
    net.weight_layers[0].prune(keep)
    assert (to_state_dict(net)["0.weight"].T != 0).tolist() == keep.tolist()
    set_state_dict(net, to_state_dict(mlp(1)))
    assert (net.weight_layers[0].mean.value != 0).tolist() == keep.tolist()


def test_the_arrays_are_copies():
    net = mlp()
    before = net.predict(inputs(net))
    for array in to_state_dict(net).values():
        array[...] = 0
    np.testing.assert_array_equal(net.predict(inputs(net)), before)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s.pop("2.bias"), "a weight and a bias for each of the 2 layers; got 0.weight"),
        (
            lambda s: s.update({"2.weight": s["2.weight"].T}),
            r"state\['2.weight'\] must have shape \(3, 5\); got \(5, 3\)",
        ),
        (lambda s: s.update({"2.bias": [np.nan] * 3}), r"state\['2.bias'\] has 3 entries"),
    ],
)
def test_what_does_not_fit_changes_nothing(change, message):
    net, state = mlp(), to_state_dict(mlp(1))
    change(state)
    before = net.predict(inputs(net))
    with pytest.raises(ValueError, match=message):
        set_state_dict(net, state)
    np.testing.assert_array_equal(net.predict(inputs(net)), before)

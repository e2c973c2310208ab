"""What PyTorch's autograd says of our layers and of whole LeNets, in float64.

Run as a script where PyTorch is installed, it writes ``torch_reference.npz`` beside itself:

    pip install torch
    python tests/nets/make_torch_reference.py

`test_torch_reference.py` compares our outputs and gradients with that file wherever it runs, and
with PyTorch itself where that is installed. Weights, inputs and noise are sine waves, so that
both sides have the same ones and the file need not hold them; of a large gradient it holds
some entries and some weighted sums.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

import numpy as np

from tvbi_ref import nets
from tvbi_ref.nets.convolution import TURN

PATH = Path(__file__).with_name("torch_reference.npz")
Results = dict[str, Any]


def wave(shape: tuple[int, ...], k: int, size: float = 1.0) -> np.ndarray:
    """Return numbers between -size and size that look irregular, others for another k."""
    return size * np.sin(k + np.sqrt(k + 2.0) * np.arange(np.prod(shape))).reshape(shape)


class Waves:
    """Stands in for a random generator: draws the same noise on both sides."""

    def __init__(self) -> None:
        self.count = 100

    def standard_normal(self, shape: tuple[int, ...], dtype: Any = np.float64) -> np.ndarray:
        self.count += 1
        return wave(shape, self.count, 2.0).astype(dtype)


class Case(NamedTuple):
    """Layers to be compared, their input, and labels if a cross-entropy follows."""

    layers: list[Any]
    x: np.ndarray
    labels: np.ndarray | None = None
    noisy: bool = True


def with_waves(layers: list[Any]) -> list[Any]:
    """Fill every parameter with waves of the size of a trained network's weights."""
    for k, layer in enumerate(layers):
        if isinstance(layer, nets.WeightLayer):
            shape, fan_in = layer.mean.value.shape, np.prod(layer.mean.value.shape[:1])
            if isinstance(layer, nets.Conv2D):
                fan_in = np.prod(shape[1:])
            layer.mean.value[...] = wave(shape, 3 * k, 2 / np.sqrt(fan_in))
            layer.log_variance.value[...] = -5 + wave(shape, 3 * k + 1)
            layer.bias.value[...] = wave(layer.bias.value.shape, 3 * k + 2, 0.3)
    return layers


RNG = np.random.default_rng(0)  # its draws are overwritten by waves
GEOMETRIES = [(1, 0), (1, 2), (2, 0), (2, 1), (3, 2)]


def one_layer(layer: Any, *shape: int) -> Case:
    return Case(with_waves([layer]), wave(shape, 50))


def convolution(stride: int, padding: int) -> Case:
    options = {"stride": stride, "padding": padding, "dtype": np.float64}
    return one_layer(nets.Conv2D(3, 4, (3, 2), RNG, **options), 2, 3, 7, 6)


def lenet(build: Callable[..., nets.Network], *, noisy: bool = True, **options: str) -> Case:
    net = build(seed=0, dtype=np.float64, **options)
    x = net.as_inputs(wave((3, 784), 51))
    return Case(with_waves(net.layers), x, np.array([7, 0, 2]), noisy)


CASES: dict[str, Callable[[], Case]] = {
    "dense": lambda: one_layer(nets.Dense(7, 5, RNG, dtype=np.float64), 4, 7),
    "maximum, 2": lambda: one_layer(nets.MaxPool(2), 2, 3, 6, 4),
    "maximum, 3": lambda: one_layer(nets.MaxPool(3), 2, 3, 6, 3),
    "maximum, ties": lambda: Case([nets.MaxPool(2)], np.round(wave((2, 3, 6, 4), 50))),
    "average, 2": lambda: one_layer(nets.AveragePool(2), 2, 3, 6, 4),
    "average, 3": lambda: one_layer(nets.AveragePool(3), 2, 3, 6, 3),
    "lenet5": lambda: lenet(nets.lenet5),
    "lenet5, means": lambda: lenet(nets.lenet5, noisy=False),
    "lenet5, tanh": lambda: lenet(nets.lenet5, activation="tanh", pool="average"),
    "lenet5_caffe": lambda: lenet(nets.lenet5_caffe),
}
CASES |= {f"convolution, {s}, {p}": lambda s=s, p=p: convolution(s, p) for s, p in GEOMETRIES}


def ours(case: Case) -> Results:
    """Return the output, the loss and every gradient, by manual backprop."""
    rng: Any = Waves() if case.noisy else None
    z = case.x
    with mock.patch("tvbi_ref.nets.noise.MANY", math.inf):  # all of it from the generator
        for layer in case.layers:
            z = layer.forward(z, rng)
    if case.labels is None:
        G = wave(z.shape, 60)
        value = np.sum(G * z)
    else:
        value, G = nets.softmax_cross_entropy(z, case.labels)
    for layer in reversed(case.layers):
        G = layer.backward(G)
    results = {"output": z, "loss": np.array(value), "x": G}
    parameters = [p for layer in case.layers for p in layer.parameters()]
    return results | {f"{p.name}[{k}]": p.grad.copy() for k, p in enumerate(parameters)}


def theirs(case: Case) -> Results:
    """Return the same by PyTorch's autograd, the layers written in its own functions."""
    import torch

    rng = Waves() if case.noisy else None
    x = torch.tensor(case.x, requires_grad=True)
    z, leaves = x, []
    for layer in case.layers:
        mine = [torch.tensor(p.value, requires_grad=True) for p in layer.parameters()]
        z = torch_forward(layer, z, mine, rng)
        leaves += [(p.name, leaf) for p, leaf in zip(layer.parameters(), mine, strict=True)]
    if case.labels is None:
        loss = (torch.tensor(wave(tuple(z.shape), 60)) * z).sum()
    else:
        loss = torch.nn.functional.cross_entropy(z, torch.tensor(case.labels))
    loss.backward()
    results = {"output": z, "loss": loss, "x": x.grad}
    results |= {
        # Without noise the variances have no part in the loss, and autograd says None.
        f"{name}[{k}]": torch.zeros_like(leaf) if leaf.grad is None else leaf.grad
        for k, (name, leaf) in enumerate(leaves)
    }
    return {name: tensor.detach().numpy() for name, tensor in results.items()}


def torch_forward(layer: Any, x: Any, parameters: list[Any], rng: Waves | None) -> Any:
    """Return the layer's output as a tensor that remembers where it came from."""
    import torch
    import torch.nn.functional as F  # noqa: N812 - its usual name

    def noisy(linear: Callable[..., Any]) -> Any:
        mean, log_variance, bias = parameters
        z = linear(x, mean, bias)
        if rng is None:
            return z
        variance = linear(x**2, torch.exp(log_variance), None)
        turn = TURN if z.dim() == 4 else (0, 1)
        noise = torch.tensor(rng.standard_normal(tuple(z.shape[axis] for axis in turn)))
        return z + torch.sqrt(variance + 1e-8) * noise.permute(turn)

    functions: dict[str, Callable[[], Any]] = {
        "Dense": lambda: noisy(lambda x, w, b: F.linear(x, w.T, b)),
        "Conv2D": lambda: noisy(
            lambda x, w, b: F.conv2d(x, w, b, stride=layer.stride, padding=layer.padding)
        ),
        "ReLU": lambda: F.relu(x),
        "Tanh": lambda: torch.tanh(x),
        "MaxPool": lambda: F.max_pool2d(x, layer.size),
        "AveragePool": lambda: F.avg_pool2d(x, layer.size),
        "Flatten": lambda: torch.flatten(x, 1),
    }
    return functions[type(layer).__name__]()


def summary(array: np.ndarray) -> np.ndarray:
    """Return a small array as it is; of a large one 40 entries and four weighted sums."""
    flat = np.asarray(array, np.float64).ravel()
    if flat.size <= 600:
        return flat
    sums = [flat @ wave(flat.shape, k) for k in range(4)]
    return np.concatenate([flat[:: flat.size // 40 + 1], sums])


def main() -> None:
    """Write the reference."""
    arrays = {
        f"{name}: {what}": summary(array)
        for name, build in CASES.items()
        for what, array in theirs(build()).items()
    }
    np.savez_compressed(PATH, **arrays)
    print(f"{PATH.name}: {len(arrays)} arrays, {PATH.stat().st_size} bytes")


if __name__ == "__main__":
    main()

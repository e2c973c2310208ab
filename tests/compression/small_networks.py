"""Networks of every kind, what they hold, and what happens to a file."""

import numpy as np

from tvbi_ref import Gamma, compress, load_compressed, nets
from tvbi_ref.errors import DataCorruptedError


def pruned(net, density=0.3):
    rng = np.random.default_rng(0)
    for layer in net.weight_layers:
        layer.prune(rng.random(layer.mean.value.shape) < density)
        layer.bias.value[...] = rng.normal(size=layer.bias.value.shape)
        layer.log_variance.value[...] = rng.uniform(-6, -2, layer.mean.value.shape)
    return net


def learned():
    net = nets.mlp([9, 7, 2], seed=0, likelihood="gaussian", noise=Gamma(2.0, 1.5))
    x = np.random.default_rng(0).normal(size=(8, 9))
    nets.train(net, x, x[:, :2], epochs=2, seed=0)
    return net


def any_image():
    layers = [nets.Conv2D(2, 3, 3, np.random.default_rng(0)), nets.Tanh(), nets.Flatten()]
    return nets.Network(layers, nets.SoftmaxCrossEntropy())


def with_a_constant_unit():
    """Return a network of which one unit is folded, and leaves its variance in a bias."""
    net = nets.mlp([12, 9, 4], seed=0, activation="tanh")
    net.weight_layers[0].prune(np.arange(9) + np.zeros((12, 9)) > 0)
    assert compress(pruned(net, 0.8)).weight_layers[1].bias_variance.any()
    return net


def cnn(**settings):
    return nets.cnn((2, 8, 8), [(4, 3, 1, 1, 2), (3, 3)], [5, 3], seed=0, **settings)


NETWORKS = {
    "categorical": lambda: nets.mlp([12, 9, 8, 4], seed=0),
    "leaky": lambda: nets.mlp([12, 9, 4], seed=0, activation="leaky_relu"),
    "float64": lambda: nets.mlp([12, 9, 4], seed=0, dtype=np.float64),
    "known noise": lambda: nets.mlp([3, 2], seed=0, likelihood="gaussian", noise=0.1),
    "unseen noise": lambda: nets.mlp([3, 1], seed=0, likelihood="gaussian", noise=Gamma(2, 3)),
    "learned noise": learned,
    "constant unit": with_a_constant_unit,
    "convolutions": cnn,
    "filters": lambda: cnn(layout="filters", pool="average", activation="tanh"),
    "images of any size": any_image,
}


def content(small):
    """Return everything that makes up a compressed network, in comparable form."""
    layers = []
    for layer in small.layers:
        arrays = {}
        if hasattr(layer, "weights"):
            arrays = layer.weights.arrays() | {"bias": layer.bias, "more": layer.bias_variance}
            if layer.variances:
                arrays["codes"] = layer.variances.codes
        simple = {k: v for k, v in vars(layer).items() if isinstance(v, int | float | str | tuple)}
        numbers = {k: v for k, v in simple.items() if not k.startswith("_")}
        exact = {name: (a.dtype, a.shape, a.tobytes()) for name, a in arrays.items()}
        steps = getattr(layer, "variances", None) and (layer.variances.low, layer.variances.step)
        layers.append((type(layer), numbers, exact, steps))
    return layers, type(small.loss), vars(small.loss), small.kept_inputs.tolist(), small.input_shape


def inputs_of(small):
    sides = [4 if isinstance(side, str) else side for side in small.input_sides]
    return np.random.default_rng(1).normal(size=(5, *sides))


KINDS = [
    *("truncated", "random", "garbage behind", "garbage before"),
    *("bit flipped", "bytes swapped", "overwritten", "inserted"),
]


def damaged(data, kind, rng):
    at = int(rng.integers(len(data)))
    if kind == "truncated":
        return data[:at]
    if kind == "random":
        return rng.bytes(int(rng.integers(1, 2 * len(data))))
    if kind == "garbage behind":
        return data + rng.bytes(int(rng.integers(1, 200)))
    if kind == "garbage before":
        return rng.bytes(int(rng.integers(1, 200))) + data
    if kind == "bit flipped":
        return data[:at] + bytes([data[at] ^ (1 << int(rng.integers(8)))]) + data[at + 1 :]
    other = int(rng.integers(len(data)))
    if kind == "bytes swapped":
        mixed = bytearray(data)
        mixed[at], mixed[other] = mixed[other], mixed[at]
        return bytes(mixed)
    more = rng.bytes(int(rng.integers(1, 50)))
    return data[:at] + more + data[at + len(more) * (kind == "overwritten") :]


def outcome(path, data, expected):
    """Return "refused", "the same", or what else happened."""
    path.write_bytes(data)
    try:
        small = load_compressed(path)
    except DataCorruptedError:
        return "refused"
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return "the same" if content(small) == expected else "silently different"

"""The networks of the paper and of the lessons, by name."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from tvbi_ref._validation import as_choice, as_count, as_widths
from tvbi_ref.gamma import Gamma
from tvbi_ref.nets.convolution import Conv2D
from tvbi_ref.nets.layers import Dense, Layer
from tvbi_ref.nets.losses import GaussianLikelihood, Loss, SoftmaxCrossEntropy
from tvbi_ref.nets.network import Network
from tvbi_ref.nets.plain import Flatten, LeakyReLU, ReLU, Tanh
from tvbi_ref.nets.pooling import AveragePool, MaxPool
from tvbi_ref.nets.shapes import as_sizes

ACTIVATIONS = {"relu": ReLU, "leaky_relu": LeakyReLU, "tanh": Tanh}
POOLS: dict[str, Callable[[int], Layer]] = {"max": MaxPool, "average": AveragePool}
LIKELIHOODS = ("categorical", "gaussian")


class Block(NamedTuple):
    """A convolution, an activation and, if `pool` is not 1, pooling over tiles of that size.

    Parameters
    ----------
    filters, kernel : int
        How many filters, and the side of their kernels.
    stride, padding : int
        See `Conv2D`.
    pool : int
        See `MaxPool`; 1: none.
    """

    filters: int
    kernel: int
    stride: int = 1
    padding: int = 0
    pool: int = 1


def mlp(
    widths: Sequence[int],
    *,
    seed: int,
    activation: str = "relu",
    likelihood: str = "categorical",
    noise: float | Gamma = 1.0,
    dtype: DTypeLike = np.float32,
) -> Network:
    """Build a fully connected network.

    Parameters
    ----------
    widths : sequence of int
        Inputs, hidden layers, outputs.
    seed : int
        Of the initial weights.
    activation : {"relu", "leaky_relu", "tanh"}
        Between the layers.
    likelihood : {"categorical", "gaussian"}
    noise : float or Gamma
        The Gaussian likelihood's precision, known or with a Gamma prior.
    dtype : dtype
        float32 to train, float64 to check.

    Raises
    ------
    TypeError, ValueError
        If an argument is not what is asked for above.

    Examples
    --------
    >>> mlp([64, 128, 64, 10], seed=0)
    Network(64 -> 128 -> 64 -> 10, 17024 weights, float32)
    >>> mlp([64, 10], seed=0, activation="gelu")
    Traceback (most recent call last):
    ValueError: activation must be one of 'relu', 'leaky_relu', 'tanh'; got 'gelu'
    """
    widths, rng = as_widths(widths), np.random.default_rng(as_count(seed, "seed"))
    layers = _dense_layers(widths, activation, rng, _as_network_dtype(dtype))
    recipe = {
        "architecture": "mlp",
        "widths": list(widths),
        "activation": activation,
        "likelihood": likelihood,
    }
    return Network(layers, _loss(likelihood, noise), recipe)


def _loss(likelihood: str, noise: float | Gamma) -> Loss:
    as_choice(likelihood, "likelihood", LIKELIHOODS)
    return SoftmaxCrossEntropy() if likelihood == "categorical" else GaussianLikelihood(noise)


def _as_network_dtype(dtype: DTypeLike) -> np.dtype[Any]:
    return np.dtype(as_choice(np.dtype(dtype).name, "dtype", ("float32", "float64")))


def _dense_layers(
    widths: Sequence[int], activation: str, rng: np.random.Generator, dtype: DTypeLike
) -> list[Layer]:
    """Return dense layers with activations between them, none after the last."""
    layers: list[Layer] = []
    function = ACTIVATIONS[as_choice(activation, "activation", ACTIVATIONS)]
    for n_inputs, n_outputs in itertools.pairwise(widths):
        layers += [Dense(n_inputs, n_outputs, rng, dtype=dtype), function()]
    return layers[:-1]


def lenet_300_100(*, seed: int, dtype: DTypeLike = np.float32) -> Network:
    """Build LeNet-300-100 for MNIST (LeCun et al., 1998): 784-300-100-10 with ReLU.

    Examples
    --------
    >>> lenet_300_100(seed=0)
    Network(784 -> 300 -> 100 -> 10, 266200 weights, float32)
    """
    return mlp([784, 300, 100, 10], seed=seed, dtype=dtype)


def cnn(
    input_shape: Sequence[int],
    blocks: Iterable[Sequence[int]],
    widths: Sequence[int],
    *,
    seed: int,
    activation: str = "relu",
    pool: str = "max",
    layout: str = "blocks",
    likelihood: str = "categorical",
    noise: float | Gamma = 1.0,
    dtype: DTypeLike = np.float32,
) -> Network:
    """Build a convolutional network: blocks of convolutions, then dense layers.

    It takes images (n, C, H, W), and rows (n, C H W) of their pixels as well.

    Parameters
    ----------
    input_shape : (C, H, W)
        Of the images.
    blocks : sequence of Block
        Or of tuples (filters, kernel, stride, padding, pool), the last three optional.
    widths : sequence of int
        Of the dense layers, outputs last; their inputs follow from the blocks.
    seed : int
        Of the initial weights.
    activation : {"relu", "leaky_relu", "tanh"}
        After every layer with weights but the last.
    pool : {"max", "average"}
    layout : {"blocks", "filters"}
        How priors see the kernels as a matrix, see `kernel_matrix`.
    likelihood : {"categorical", "gaussian"}
    noise : float or Gamma
        The Gaussian likelihood's precision, known or with a Gamma prior.
    dtype : dtype
        float32 to train, float64 to check.

    Raises
    ------
    TypeError, ValueError
        If an argument is not what is asked for above, or an image does not fit the blocks: it
        must not be smaller than a kernel or the tile of a pool.

    Examples
    --------
    >>> net = cnn((1, 8, 8), [Block(8, 3, padding=1, pool=2), (16, 3)], [10], seed=0)
    >>> net
    Network(1x8x8 -> 8 -> 16 -> 10, 1864 weights, float32)
    >>> net.predict(np.zeros((5, 64))).shape
    (5, 10)
    """
    shape, stack = as_sizes(input_shape, "input_shape", "CHW"), _as_blocks(blocks)
    rng, dtype = np.random.default_rng(as_count(seed, "seed")), _as_network_dtype(dtype)
    function = ACTIVATIONS[as_choice(activation, "activation", ACTIVATIONS)]
    pooling = POOLS[as_choice(pool, "pool", POOLS)]
    layers: list[Layer] = []
    n_channels = shape[0]
    for filters, kernel, stride, padding, size in stack:
        geometry = {"stride": stride, "padding": padding}
        layers.append(
            Conv2D(n_channels, filters, kernel, rng, **geometry, layout=layout, dtype=dtype)
        )
        layers += [function()] if size == 1 else [function(), pooling(size)]
        n_channels = filters
    layers.append(Flatten())
    all_widths = as_widths([_n_features(layers, shape, dtype), *widths])
    layers += _dense_layers(all_widths, activation, rng, dtype)
    recipe = {
        "architecture": "cnn",
        "input_shape": list(shape),
        "blocks": [list(block) for block in stack],
        "widths": list(all_widths[1:]),
        "activation": activation,
        "pool": pool,
        "layout": layout,
        "likelihood": likelihood,
    }
    return Network(layers, _loss(likelihood, noise), recipe, shape)


def _as_blocks(blocks: Iterable[Sequence[int]]) -> list[Block]:
    """Return blocks of whole numbers, or say which one is none."""
    if not isinstance(blocks, Iterable):
        raise TypeError(f"blocks must be a sequence of blocks; got {blocks!r}")
    checked = []
    for k, numbers in enumerate(blocks):
        if not isinstance(numbers, Sequence) or not 2 <= len(numbers) <= 5:
            raise ValueError(
                f"blocks[{k}] must be (filters, kernel, stride, padding, pool), the last three "
                f"optional; got {numbers!r}"
            )
        block = Block(*numbers)
        for name, value in block._asdict().items():
            as_count(value, f"blocks[{k}].{name}", at_least=0 if name == "padding" else 1)
        checked.append(block)
    return checked


def _n_features(layers: list[Layer], shape: tuple[int, ...], dtype: DTypeLike) -> int:
    """Return how many numbers an image is when it has passed the layers."""
    x = np.zeros((1, *shape), dtype)
    for layer in layers:
        x = layer.forward(x)
    return x.shape[1]


def lenet5(*, seed: int, **options: Any) -> Network:
    """Build LeNet-5 for MNIST (LeCun et al., 1998): filters 6 and 16, then 120-84-10.

    ReLU and maxima by default: the initial weights are He-normal, which is right for a ReLU, and
    most pruning results are for such nets. ``activation="tanh", pool="average"`` is closer to the
    original, whose pooling had weights, whose second convolution saw some of the six maps only,
    and whose output layer was made of radial basis functions; none of that is here.

    Parameters
    ----------
    seed, **options
        As of `cnn`.

    Examples
    --------
    >>> lenet5(seed=0)
    Network(1x28x28 -> 6 -> 16 -> 120 -> 84 -> 10, 61470 weights, float32)
    """
    blocks = [Block(6, 5, padding=2, pool=2), Block(16, 5, pool=2)]
    return cnn((1, 28, 28), blocks, [120, 84, 10], seed=seed, **options)


def lenet5_caffe(*, seed: int, **options: Any) -> Network:
    """Build the LeNet-5 that papers on compression use: filters 20 and 50, then 500-10.

    It goes back to an example of the Caffe library, which has no activation behind its
    convolutions; here, as is usual, there is a ReLU.

    Parameters
    ----------
    seed, **options
        As of `cnn`.

    Examples
    --------
    >>> lenet5_caffe(seed=0)
    Network(1x28x28 -> 20 -> 50 -> 500 -> 10, 430500 weights, float32)
    """
    blocks = [Block(20, 5, pool=2), Block(50, 5, pool=2)]
    return cnn((1, 28, 28), blocks, [500, 10], seed=seed, **options)


def small_alexnet(
    *,
    seed: int,
    input_shape: Sequence[int] = (3, 32, 32),
    filters: Sequence[int] = (64, 192, 384, 256, 256),
    widths: Sequence[int] = (1024, 512, 10),
    **options: Any,
) -> Network:
    """Build AlexNet for pictures of CIFAR's size: five convolutions and three dense layers.

    The order of layers is that of Krizhevsky et al. (2012), pooling after the first, the second
    and the fifth convolution. Kernels of 3, and no stride, suit a picture of 32 pixels.

    Parameters
    ----------
    input_shape : (C, H, W)
        H and W multiples of 8.
    filters : sequence of five int
    widths : sequence of int
        Of the dense layers, outputs last.
    seed, **options
        As of `cnn`.

    Examples
    --------
    >>> small_alexnet(seed=0, filters=(8, 12, 16, 12, 8), widths=(32, 16, 10))
    Network(3x32x32 -> 8 -> 12 -> 16 -> 12 -> 8 -> 32 -> 16 -> 10, 10168 weights, float32)
    """
    filters = as_widths(filters, "filters")
    if len(filters) != 5:
        raise ValueError(f"filters must be five whole numbers; got {filters}")
    pools = 2, 2, 1, 1, 2
    blocks = [Block(n, 3, padding=1, pool=pool) for n, pool in zip(filters, pools, strict=True)]
    return cnn(input_shape, blocks, widths, seed=seed, **options)

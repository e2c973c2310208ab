"""The networks of the paper and of the lessons, by name."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
from numpy.typing import DTypeLike

from tvbi_ref._validation import as_choice, as_count, as_widths
from tvbi_ref.gamma import Gamma
from tvbi_ref.nets.layers import Dense, Layer, LeakyReLU, ReLU
from tvbi_ref.nets.losses import GaussianLikelihood, Loss, SoftmaxCrossEntropy
from tvbi_ref.nets.network import Network

ACTIVATIONS = {"relu": ReLU, "leaky_relu": LeakyReLU}
LIKELIHOODS = ("categorical", "gaussian")


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
    activation : {"relu", "leaky_relu"}
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
    ValueError: activation must be one of 'relu', 'leaky_relu'; got 'gelu'
    """
    widths = as_widths(widths)
    make_activation = ACTIVATIONS[as_choice(activation, "activation", ACTIVATIONS)]
    as_choice(likelihood, "likelihood", LIKELIHOODS)
    as_choice(np.dtype(dtype).name, "dtype", ("float32", "float64"))
    rng = np.random.default_rng(as_count(seed, "seed"))
    layers: list[Layer] = []
    for n_inputs, n_outputs in itertools.pairwise(widths):
        layers += [Dense(n_inputs, n_outputs, rng, dtype=dtype), make_activation()]
    loss: Loss = SoftmaxCrossEntropy() if likelihood == "categorical" else GaussianLikelihood(noise)
    recipe = {
        "architecture": "mlp",
        "widths": list(widths),
        "activation": activation,
        "likelihood": likelihood,
    }
    return Network(layers[:-1], loss, recipe)


def lenet_300_100(*, seed: int, dtype: DTypeLike = np.float32) -> Network:
    """Build LeNet-300-100 for MNIST (LeCun et al., 1998): 784-300-100-10 with ReLU.

    Examples
    --------
    >>> lenet_300_100(seed=0)
    Network(784 -> 300 -> 100 -> 10, 266200 weights, float32)
    """
    return mlp([784, 300, 100, 10], seed=seed, dtype=dtype)

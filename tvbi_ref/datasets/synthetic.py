"""A teacher network whose live weights stand in clusters, drawn on the spot."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from tvbi_ref._validation import FloatArray, as_count, as_float_array, as_real, as_widths
from tvbi_ref.datasets.dataset import Dataset


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class SyntheticDataset(Dataset):
    """A regression data set that remembers the teacher network it was drawn from.

    `standardised` leaves `weights` in the original units. `supports` stays true, because
    scaling moves no zero; and the data come in standard units as they are drawn.

    Parameters
    ----------
    supports : tuple of bool arrays, (inputs, outputs) each
        One array a layer: which weights of the teacher are alive.
    weights : tuple of array_like, (inputs, outputs) each
        One array a layer, kept as float32; zero exactly where the support says so.

    Raises
    ------
    ValueError
        If layers and data do not fit together, or a weight lives off its support.

    Notes
    -----
    The other parameters are those of `Dataset`. Drawn by `load_synthetic`.

    Examples
    --------
    >>> data = load_synthetic(widths=(8, 4), n_train=6, n_test=2)
    >>> data
    SyntheticDataset('synthetic': 6 train, 2 test; 8 features; 4 targets)
    >>> data.supports[0].shape, data.weights[0].dtype
    ((8, 4), dtype('float32'))
    """

    supports: tuple[NDArray[np.bool_], ...]
    weights: tuple[FloatArray, ...]

    def __post_init__(self) -> None:
        super().__post_init__()
        weights = tuple(
            as_float_array(w, f"weights[{k}]", ndim=2, dtype=np.float32).copy()
            for k, w in enumerate(self.weights)
        )
        object.__setattr__(self, "weights", weights)
        ends = [self.x_train.shape[1], *(w.shape[1] for w in weights)]
        starts = [*(w.shape[0] for w in weights), self.y_train.shape[1]]
        if ends != starts:
            shapes = [w.shape for w in weights]
            raise ValueError(
                f"weights must lead from {ends[0]} features to {starts[-1]} targets; got {shapes}"
            )
        for k, (support, w) in enumerate(zip(self.supports, weights, strict=True)):
            if support.dtype != np.bool_ or support.shape != w.shape:
                raise ValueError(
                    f"supports[{k}] must be a bool array of shape {w.shape};"
                    f" got {support.dtype} {support.shape}"
                )
            if (w[~support] != 0).any():
                raise ValueError(f"weights[{k}] must be 0 wherever supports[{k}] is False")


def load_synthetic(
    *,
    widths: Sequence[int] = (64, 32),
    n_train: int = 48,
    n_test: int = 500,
    density: float = 0.2,
    mean_run: float = 8.0,
    noise: float = 0.3,
    seed: int = 0,
) -> SyntheticDataset:
    """Draw regression data from a teacher network whose live weights stand in clusters.

    Down each column of a layer (axis 0 = inputs: one neuron's fan-in) the support is a
    stationary two-state Markov chain. Inputs are N(0, 1), hidden layers are ReLU, there
    are no biases, and y = teacher(x) + N(0, noise^2).

    The default is ONE layer, a linear regression with many outputs, because there the
    support is identifiable. The units of a hidden layer can be permuted (and scaled)
    without changing the function, so with more widths a learner may be perfect and
    agree with no entry of `supports`: compare predictions then, not supports.

    The default has 48 rows for 64 weights an output. Least squares has no unique answer
    there; sparsity helps, and knowing that the live weights cluster helps further.

    Parameters
    ----------
    widths : sequence of int
        Layer widths, inputs first.
    n_train, n_test : int, >= 1
        Rows. The teacher does not depend on them.
    density : float in (0, 1)
        The expected part of live weights.
    mean_run : float, >= 1 and >= density / (1 - density)
        The mean length of a run of live weights in an endless column; the ends of a
        column cut runs short. 1 / (1 - density) means no clustering. Shorter runs than
        density / (1 - density) would need dead runs shorter than one.
    noise : float, >= 0
        Standard deviation of the noise, where the outputs' own is about 1.
    seed : int
        Same seed, same bytes.

    Returns
    -------
    SyntheticDataset
        x (n, widths[0]) and y (n, widths[-1]); `supports` and `weights` of the teacher.

    Raises
    ------
    TypeError, ValueError
        If an argument is out of its domain.

    Notes
    -----
    A live weight is a random sign times Uniform(1/2, 3/2), and one factor a layer brings
    the expected square of each output to 1. A normal would be the natural prior, but it
    puts live weights as near to zero as one likes, and missing one of those is no error of
    recovery; here every live weight can be seen. One factor for the layer, not one a
    column, because it keeps all live weights equally visible.

    Examples
    --------
    >>> data = load_synthetic()
    >>> data
    SyntheticDataset('synthetic': 48 train, 500 test; 64 features; 32 targets)
    >>> bool((data.supports[0] == (data.weights[0] != 0)).all())
    True
    >>> load_synthetic(mean_run=0.5)
    Traceback (most recent call last):
    ValueError: mean_run must be a number >= 1.0; got 0.5
    """
    widths = as_widths(widths)
    density = as_real(density, "density", above=0, below=1)
    # Rounded: 0.9 / (1 - 0.9) is a little more than 9 in floating point.
    shortest = max(1.0, round(density / (1 - density), 12))
    mean_run = as_real(mean_run, "mean_run", at_least=shortest)
    noise = as_real(noise, "noise", at_least=0)
    sizes = (as_count(n_train, "n_train", at_least=1), as_count(n_test, "n_test", at_least=1))
    # A stream each, so that asking for more rows changes neither the teacher nor the test.
    teacher, *streams = np.random.default_rng(as_count(seed, "seed")).spawn(3)
    shapes = list(pairwise(widths))
    supports = tuple(_markov_support(shape, density, mean_run, teacher) for shape in shapes)
    weights = tuple(
        _live_weights(support, density, 1.0 if k == 0 else 0.5, teacher)
        for k, support in enumerate(supports)
    )
    (x_train, y_train), (x_test, y_test) = (
        _teacher_rows(n, weights, noise, rng) for n, rng in zip(sizes, streams, strict=True)
    )
    return SyntheticDataset(
        x_train, y_train, x_test, y_test, "synthetic", supports=supports, weights=weights
    )


def _markov_support(
    shape: tuple[int, int], density: float, mean_run: float, rng: np.random.Generator
) -> NDArray[np.bool_]:
    """Draw a stationary two-state chain down each column, shape (inputs, outputs)."""
    p10 = 1 / mean_run  # a run of live weights ends: geometric, with mean 1/p10
    p01 = density * p10 / (1 - density)  # balance: (1 - density) p01 = density p10
    u = rng.random(shape)
    support = np.empty(shape, dtype=np.bool_)
    support[0] = u[0] < density  # begins in the stationary law: no burn-in at the first input
    for k in range(1, shape[0]):
        support[k] = u[k] < np.where(support[k - 1], 1 - p10, p01)
    return support


def _live_weights(
    support: NDArray[np.bool_], density: float, input_square: float, rng: np.random.Generator
) -> FloatArray:
    """Draw weights on `support` so that E[output^2] = 1 where E[input^2] = `input_square`."""
    size = rng.uniform(0.5, 1.5, support.shape)
    sign = rng.choice([-1.0, 1.0], support.shape)
    # E[output^2] = fan_in * density * E[w^2] * input_square, and E[size^2] = 13/12.
    expected_square = support.shape[0] * density * (13 / 12) * input_square
    return np.where(support, sign * size / math.sqrt(expected_square), 0.0).astype(np.float32)


def _teacher_rows(
    n: int, weights: Sequence[FloatArray], noise: float, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    """Draw n inputs and their noisy outputs; halving E[h^2], ReLU makes `input_square` 1/2."""
    x = rng.standard_normal((n, weights[0].shape[0])).astype(np.float32)
    y = x @ weights[0].astype(np.float64)
    for w in weights[1:]:
        y = np.maximum(y, 0.0) @ w
    return x, y + noise * rng.standard_normal(y.shape)

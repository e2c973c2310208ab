r"""How many bits a weight deserves: as many as its posterior is sure of.

Rounding to a grid of step d moves a weight by an error that is spread evenly over (-d/2, d/2) and
has variance d^2/12. The posterior leaves the weight a variance of sigma^2 anyway, so that no step
need be much finer than the one at which the two are equal,

    d = sqrt(12) sigma.

That posterior variances should decide the bits is the idea of C. Louizos, K. Ullrich and
M. Welling, "Bayesian compression for deep learning" (NIPS 2017). As there, it is one choice for a
layer, by a mean of its variances: a step for every weight would have to be stored.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from tvbi_ref._repr import brief
from tvbi_ref._validation import FloatArray, as_array, as_count, as_float_array, as_real
from tvbi_ref.compression.layers import SparseLayer
from tvbi_ref.compression.network import CompressedNetwork, as_compressed

MAX_BITS = 32
"""Beyond it a grid is finer than any float32 network can tell."""


@dataclass(frozen=True)
class Rounding:
    """A symmetric grid for the weights of a layer: k step, k a whole number with a sign.

    Parameters
    ----------
    bits : int
        Of k in two's complement, its sign included.
    step : float
        The distance of two neighbours; zero is on the grid.

    Examples
    --------
    >>> Rounding(bits=3, step=0.5).largest
    1.5
    """

    bits: int
    step: float

    @property
    def largest(self) -> float:
        """The largest weight on the grid, which ends at its negative on the other side."""
        return self.step * (2 ** (self.bits - 1) - 1)

    @property
    def error_variance(self) -> float:
        """d^2/12, the variance of an error spread evenly over one step."""
        return self.step**2 / 12


@dataclass(frozen=True, eq=False)
class Quantised:
    """Weights as whole numbers of steps.

    Parameters
    ----------
    integers : ndarray of int8, int16 or int32
        In the smallest type that holds `precision.bits`.
    precision : Rounding
    """

    integers: NDArray[np.signedinteger[Any]]
    precision: Rounding

    __repr__ = brief

    def to_float(self, dtype: DTypeLike = np.float32) -> FloatArray:
        """Return the rounded weights; quantising them again gives the same integers."""
        return (self.integers * self.precision.step).astype(dtype)


def typical_variance(variance: ArrayLike) -> float:
    """Return e^(mean ln sigma2), what one weight of a layer typically has.

    The geometric mean is at most the arithmetic one: a few weights of which the posterior knows
    nothing do not make it coarse for all others.

    Parameters
    ----------
    variance : array_like
        Of the kept weights, all positive.

    Raises
    ------
    ValueError
        If there is none, or one is not positive and finite.

    Examples
    --------
    >>> round(typical_variance([0.01, 1.0]), 3)
    0.1
    """
    variance = as_float_array(variance, "variance")
    if variance.min() <= 0:
        raise ValueError(f"variance of kept weights must be positive; got {variance.min()}")
    return float(np.exp(np.log(variance).mean()))


def choose_bits(values: ArrayLike, variance: ArrayLike, fraction: float = 1.0) -> Rounding:
    """Return the precision that the posterior of a layer asks for.

    The step is `fraction` posterior standard deviations, the range goes to the largest weight:
    n = round(max|w| / step) steps to either side, and one bit for the sign.

    Parameters
    ----------
    values : array_like
        The weights of a layer; those that are zero are not kept and do not count.
    variance : array_like
        Their posterior variances, in the same shape.
    fraction : float in (0, sqrt(12)]
        At sqrt(12) rounding adds as much variance as the posterior has, at 1 a twelfth of it,
        for two bits (1.8) more.

    Returns
    -------
    Rounding
        The step is never above max|w|, so that a layer of faint weights is not wiped out. For a
        layer without a weight it is one bit, and of no consequence.

    Raises
    ------
    TypeError, ValueError
        If the shapes differ, a kept weight has no positive variance, `fraction` is out of range,
        or more than 32 bits would be needed.

    Examples
    --------
    >>> precision = choose_bits([0.0, 0.7, -1.5], [0.0, 0.01, 0.01])
    >>> precision.bits, round(precision.step, 3)  # fifteen steps of 0.1 to either side
    (5, 0.1)
    """
    values = _finite(values, "values")
    variance = _finite(variance, "variance", shape=values.shape)
    fraction = as_real(fraction, "fraction", above=0, at_most=math.sqrt(12))
    kept = values != 0
    if not kept.any():
        return Rounding(bits=1, step=1.0)
    largest = float(np.abs(values).max())
    step = min(fraction * math.sqrt(typical_variance(variance[kept])), largest)
    bits = 1 + round(largest / step).bit_length()
    if bits > MAX_BITS:
        raise ValueError(f"values up to {largest:g} in steps of {step:g} need {bits} > 32 bits")
    return Rounding(bits, step)


def even_rounding(values: ArrayLike, bits: int) -> Rounding:
    """Return the finest grid of a number of bits that reaches the largest weight.

    Parameters
    ----------
    values : array_like
    bits : int from 2 to 32

    Raises
    ------
    TypeError, ValueError
        If `bits` is not such a number, or a value is not finite.

    Examples
    --------
    >>> even_rounding([0.2, -1.5], bits=3)
    Rounding(bits=3, step=0.5)
    """
    values = _finite(values, "values")
    bits = as_count(bits, "bits", at_least=2)
    if bits > MAX_BITS:
        raise ValueError(f"bits must be a whole number from 2 to {MAX_BITS}; got {bits}")
    largest = float(np.abs(values).max(initial=0.0)) or 1.0
    return Rounding(bits, largest / (2 ** (bits - 1) - 1))


def quantise(values: ArrayLike, precision: Rounding) -> Quantised:
    """Return weights rounded to the nearest point of a grid, as whole numbers of steps.

    Parameters
    ----------
    values : array_like
        Zeros stay zeros; a weight below half a step becomes one.
    precision : Rounding

    Raises
    ------
    ValueError
        If a weight is not finite, or beyond the end of the grid.

    Examples
    --------
    >>> rounded = quantise([0.2, -1.4, 0.3], Rounding(bits=3, step=0.5))
    >>> rounded.integers, rounded.to_float()
    (array([ 0, -3,  1], dtype=int8), array([ 0. , -1.5,  0.5], dtype=float32))
    """
    steps = np.rint(_finite(values, "values") / precision.step)
    if np.abs(steps).max(initial=0.0) > 2 ** (precision.bits - 1) - 1:
        raise ValueError(
            f"values must lie within {precision.largest:g}, where {precision} ends; "
            f"got {np.abs(steps).max() * precision.step:g}"
        )
    return Quantised(steps.astype(_integer_type(precision.bits)), precision)


def accuracy_by_bits(
    weights: Sequence[ArrayLike],
    score: Callable[[list[FloatArray]], float],
    bits: Iterable[int],
) -> dict[int, float]:
    """Return what a network scores if every layer has that many bits a weight.

    Parameters
    ----------
    weights : sequence of array_like
        One array for each weight layer.
    score : callable
        Takes a list of such arrays, rounded, and returns the accuracy with them.
    bits : iterable of int from 2 to 32

    Returns
    -------
    dict of float
        By the number of bits, in the order of `bits`.

    Examples
    --------
    The score is the share of weights that rounding leaves within 0.05.

    >>> w = np.array([0.25, 0.6, 1.0])
    >>> accuracy_by_bits([w], lambda rounded: float(np.mean(abs(rounded[0] - w) < 0.05)), [2, 4])
    {2: 0.333..., 4: 1.0}
    """
    return {
        width: score(
            [quantise(w, even_rounding(w, width)).to_float(np.asarray(w).dtype) for w in weights]
        )
        for width in bits
    }


def round_weights(
    network: CompressedNetwork, fraction: float = 0.5, *, x: ArrayLike | None = None
) -> CompressedNetwork:
    """Return a network whose weights and biases are whole numbers of steps.

    A layer's step is the power of two nearest to `fraction` posterior standard deviations, of one
    weight of the layer as a rule (`typical_variance`), and not above its largest weight. What
    comes nearer to zero than half a step is pruned. Biases have no posterior; they go on the same
    grid, as a weight does that reads a one. With `x` each bias first takes up what rounding, in
    this layer and before it, has moved the mean of its unit's sum: steps may be coarser then.

    Parameters
    ----------
    network : CompressedNetwork
        With its variances.
    fraction : float in (0, sqrt(12)]
        As in `choose_bits`.
    x : array_like (n, n_inputs) or (n, C, H, W), optional
        Some inputs of the training set, a few hundred; without them biases are only rounded.

    Returns
    -------
    CompressedNetwork
        With the variances of what is left. A layer without a weight stays as it is.

    Raises
    ------
    TypeError, ValueError
        If it is no such network, holds no variances, or `fraction` is out of range.

    Notes
    -----
    The correction of biases: M. Nagel, M. van Baalen, T. Blankevoort and M. Welling, "Data-free
    quantization through weight equalization and bias correction" (ICCV 2019), there without data.

    Examples
    --------
    >>> from tvbi_ref import compress, nets
    >>> rounded = round_weights(compress(nets.mlp([4, 2], seed=0)), fraction=2)
    >>> rounded.weight_layers[0].weights.to_dense() * 32
    array([[  3.,  -3.],
           [ 14.,   2.],
           [-12.,   8.],
           [ 30.,  21.]], dtype=float32)
    """
    fraction = as_real(fraction, "fraction", above=0, at_most=math.sqrt(12))
    matrices = [layer.weights.to_dense() for layer in as_compressed(network).weight_layers]
    steps = [_power_of_two(layer, fraction) for layer in network.weight_layers]
    pairs = zip(matrices, steps, strict=True)
    rounded = network.with_weights([_to_grid(matrix, step) for matrix, step in pairs])
    biases = [layer.bias for layer in network.weight_layers]
    if x is not None:
        biases = _corrected(network, rounded, steps, network.as_inputs(x))
    parts = zip(rounded.weight_layers, biases, steps, strict=True)
    return rounded.with_layers(replace(layer, bias=_to_grid(b, step)) for layer, b, step in parts)


def _corrected(
    network: CompressedNetwork, rounded: CompressedNetwork, steps: list[float], x: FloatArray
) -> list[FloatArray]:
    """Return biases that keep the mean of every unit's sum over the inputs, layer after layer."""
    biases, of = [], iter(steps)
    exact = coarse = x
    for old, new in zip(network.layers, rounded.layers, strict=True):
        exact, coarse = old.forward(exact), new.forward(coarse)
        if isinstance(old, SparseLayer):
            others = tuple(axis for axis in range(exact.ndim) if axis != 1)
            moved = (exact - coarse).mean(axis=others)
            biases.append(old.bias + moved)
            given = _to_grid(biases[-1], next(of)) - old.bias
            coarse = coarse + given.reshape(-1, *(1,) * (exact.ndim - 2))
    return biases


FINEST = 2.0**-126
"""The finest step that a posterior asks for: the least normal number of float32."""


def _power_of_two(layer: SparseLayer, fraction: float) -> float:
    """Return the step of a layer, 0 if it has no weight."""
    weights, variances = layer.weights.to_dense(), layer.variance_matrix()
    kept = weights != 0
    if not kept.any():
        return 0.0
    step = max(fraction * math.sqrt(typical_variance(variances[kept])), FINEST)
    largest = math.floor(math.log2(float(np.abs(weights).max())))
    return 2.0 ** min(round(math.log2(step)), largest)


def _to_grid(array: FloatArray, step: float) -> FloatArray:
    return (np.rint(np.float64(array) / step) * step + 0.0).astype(array.dtype) if step else array


def _finite(value: ArrayLike, name: str, shape: tuple[int, ...] | None = None) -> FloatArray:
    """Return finite numbers in float64; a layer that is empty passes."""
    array = as_array(value, name)
    if array.size == 0 and array.shape == (shape or array.shape):
        return np.zeros(array.shape)
    return as_float_array(array, name, shape=shape)


def _integer_type(bits: int) -> np.dtype[Any]:
    """Return the smallest signed type of at least so many bits."""
    return np.min_scalar_type(-(2 ** (bits - 1)))

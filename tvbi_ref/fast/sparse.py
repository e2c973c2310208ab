"""A pruned network, features first: the fast form of its layers and of a sparse product."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar
from weakref import WeakKeyDictionary

import numpy as np

from tvbi_ref._validation import FloatArray
from tvbi_ref.compression.formats import Dense, Format
from tvbi_ref.compression.forward import Places, WeightRuns
from tvbi_ref.compression.layers import SparseConv, SparseDense, SparseLayer, positions
from tvbi_ref.equations.sockets import fast
from tvbi_ref.fast.columns import aligned, by_columns
from tvbi_ref.fast.sparse_loops import PIECE, add_neurons, dot_pieces
from tvbi_ref.nets import AveragePool, Flatten, Layer, MaxPool, ReLU
from tvbi_ref.nets.pooling import whole_tiles

Key = TypeVar("Key")
Made = TypeVar("Made")

_HERE = np.zeros(1, np.int64)


def once(make: Callable[[Key], Made]) -> Callable[[Key], Made]:
    """Keep what is made of an object as long as the object lives; it must not hold the object."""
    kept: WeakKeyDictionary[Any, Made] = WeakKeyDictionary()

    @functools.wraps(make)
    def get(key: Key) -> Made:
        made = kept.get(key)
        if made is None:
            made = kept[key] = make(key)
        return made

    return get


class Weights(NamedTuple):
    """A matrix weight by weight: neuron j has ``pointers[j] : pointers[j+1]`` of the others."""

    pointers: Places
    rows: Places
    values: FloatArray


@once
def weights_of(runs: WeightRuns) -> Weights:
    """Return the weights of runs, each with its input."""
    return Weights(runs.offsets[runs.pointers], runs.rows, runs.values)


class Pieces(NamedTuple):
    """A matrix for a single input, see `dot_pieces`."""

    pieces: Places
    singles: Places
    rows: Places
    values: FloatArray


@once
def pieces_of(runs: WeightRuns) -> Pieces:
    """Cut runs into pieces: of each neuron the whole ones, then what is left, weight by weight.

    Examples
    --------
    >>> run = WeightRuns(np.array([0, 1]), np.array([7]), np.array([PIECE + 1]), np.arange(5.0))
    >>> [array.tolist() for array in pieces_of(run)]
    [[1], [1], [7, 11], [0.0, 1.0, 2.0, 3.0, 4.0]]
    """
    lengths, J = runs.lengths, runs.pointers.size - 1
    place = np.arange(runs.values.size) - np.repeat(runs.offsets[:-1], lengths)  # in its run
    single = place >= np.repeat(lengths - lengths % PIECE, lengths)
    neuron = np.repeat(np.arange(J), np.diff(runs.offsets[runs.pointers]))
    order = np.argsort(2 * neuron + single, kind="stable")
    begins = (single | (place % PIECE == 0))[order]
    pieces, singles = (np.bincount(neuron[kind], minlength=J) for kind in (~single, single))
    return Pieces(pieces // PIECE, singles, runs.rows[order][begins], runs.values[order])


@fast("sparse-product", fuses=["sparse-forward"])
def sparse_product(runs: WeightRuns, x: FloatArray, bias: FloatArray) -> FloatArray:
    """Return x W + b; turned to features first and back."""
    dtype = np.result_type(x, bias, runs.values)
    bias = bias.astype(dtype, copy=False)
    return by_columns(x, lambda part: product(runs, part, bias), dtype, lambda: runs.values.size)


def product(runs: WeightRuns, x: FloatArray, bias: FloatArray) -> FloatArray:
    """Return W^T x + b, (I, B) to (J, B); a bias and inputs of one type.

    Examples
    --------
    >>> column = WeightRuns(np.array([0, 1]), np.array([1]), np.array([2]), np.array([3.0, 1.0]))
    >>> product(column, np.array([[1.0], [2.0], [10.0]]), np.ones(1))
    array([[17.]])
    """
    x = np.ascontiguousarray(x)
    if x.shape[1] == 1:
        pieces, singles, rows, values = pieces_of(runs)
        one, values = np.empty_like(bias), values.astype(x.dtype, copy=False)
        dot_pieces(x.reshape(-1), bias, pieces, singles, rows, values, one)
        return one[:, None]
    pointers, rows, values = weights_of(runs)
    values = values.astype(x.dtype, copy=False)
    y = aligned((bias.size, 1, x.shape[1]), x.dtype)
    add_neurons(x, bias, pointers, rows, values, _HERE, y)
    return y[:, 0]


@fast("sparse-network", fuses=["sparse-forward"])
def sparse_network(layers: Sequence[SparseLayer | Layer], x: FloatArray) -> FloatArray:
    """Return the output of layers, between which activations stand features first."""

    def columns(x: FloatArray) -> FloatArray:
        for layer in layers:
            x = layer_columns(layer, x)
        return x

    return by_columns(x, columns, x.dtype, lambda: products(layers, x.shape[1:]))


def products(layers: Sequence[SparseLayer | Layer], shape: tuple[int, ...]) -> int:
    """Return how many products of a stored weight and a number one input takes."""
    stored = [layer.weights.values.size for layer in layers if isinstance(layer, SparseLayer)]
    if len(shape) == 1:
        return sum(stored)
    return sum(n * places for n, places in zip(stored, positions(layers, shape), strict=True))


def layer_columns(layer: SparseLayer | Layer, x: FloatArray) -> FloatArray:
    """Return what a layer makes of activations features first; may overwrite them.

    Examples
    --------
    >>> layer_columns(MaxPool(2), np.arange(8.0).reshape(1, 2, 2, 2))
    array([[[[6., 7.]]]])
    """
    kind = type(layer)  # instances of an abstract class are slow to tell
    return COLUMNS[kind](layer, x) if kind in COLUMNS else layer.forward(x)


def dense_columns(layer: SparseDense, x: FloatArray) -> FloatArray:
    """Return W^T x + b, (I, B) to (J, B)."""
    return matrix_columns(layer.weights, x, layer.bias)


def matrix_columns(weights: Format, x: FloatArray, bias: FloatArray) -> FloatArray:
    """Return W^T x + b, (I, B) to (J, B)."""
    weights.require_inputs(x.T)  # the loops do not look
    if isinstance(weights, Dense):
        return weights.values.T @ x + bias[:, None]
    return product(weights.stored_runs, x, bias)


class Taps(NamedTuple):
    """The kept weights of a convolution, filter after filter, and where each stands in its own."""

    weights: Weights
    channels: Places
    rows: Places
    columns: Places


@once
def taps_of(layer: SparseConv) -> Taps:
    """Return the taps of a convolution."""
    weights = weights_of(layer.filter_runs)
    where = np.unravel_index(weights.rows, layer.shape[1:])
    return Taps(weights, *(places.astype(np.int64) for places in where))


def conv_columns(layer: SparseConv, x: FloatArray) -> FloatArray:
    """Return a convolution of images, (C, H, W, B) to (F, Ho, Wo, B).

    A weight of a kernel meets every row of the image: it takes Wo pixels side by side, with
    B numbers each, and adds them to a row of the output. Where it steps over pixels, it takes
    them one by one.
    """
    _, F, Ho, Wo = layer.output_shape(np.moveaxis(x, -1, 0))
    x = with_border(x, layer.padding)
    C, H, W, B = x.shape
    weights, channels, rows, columns = taps_of(layer)
    begins = (channels * H + rows) * W + columns
    places = layer.stride * np.arange(Ho)[:, None] * W
    if layer.stride > 1:
        places = places + layer.stride * np.arange(Wo)
    z = aligned((F, places.size, Ho * Wo // max(places.size, 1) * B), x.dtype)
    images = x.reshape(C * H * W, B)
    add_neurons(images, layer.bias, weights.pointers, begins, weights.values, places.ravel(), z)
    return z.reshape(F, Ho, Wo, B)


def pooled(x: FloatArray, size: int, combine: np.ufunc) -> FloatArray:
    """Return one number a tile of size^2 pixels, (C, H, W, B) to (C, H // size, W // size, B)."""
    x = np.moveaxis(whole_tiles(np.moveaxis(x, -1, 0), size), 0, -1)
    C, H, W, B = x.shape
    z = aligned((C, H // size, W // size, B), x.dtype)
    np.copyto(z, x[:, ::size, ::size])
    for k, l in list(np.ndindex(size, size))[1:]:
        combine(z, x[:, k::size, l::size], out=z)
    return z


def with_border(x: FloatArray, padding: int) -> FloatArray:
    """Return images (C, H, W, B) with a border of zeros."""
    if not padding:
        return np.ascontiguousarray(x)
    C, H, W, B = x.shape
    wider = aligned((C, H + 2 * padding, W + 2 * padding, B), x.dtype)
    wider[...] = 0
    wider[:, padding:-padding, padding:-padding] = x
    return wider


def average_pooled(layer: AveragePool, x: FloatArray) -> FloatArray:
    """Return the means of tiles."""
    total = pooled(x, layer.size, np.add)
    return np.divide(total, layer.size**2, out=total)


COLUMNS: dict[type, Callable[[Any, FloatArray], FloatArray]] = {
    SparseDense: dense_columns,
    SparseConv: conv_columns,
    ReLU: lambda layer, x: np.maximum(x, 0, out=x),
    MaxPool: lambda layer, x: pooled(x, layer.size, np.maximum),
    AveragePool: average_pooled,
    Flatten: lambda layer, x: x.reshape(math.prod(x.shape[:-1]), x.shape[-1]),
}
"""What layers do features first; those that are not here do the same to every number."""

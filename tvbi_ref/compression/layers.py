"""The layers of a compressed network: weights in a sparse format, biases, and variances.

A `SparseDense` or `SparseConv` holds the matrix that the priors saw, without its dead units, in
one of the `formats`. Every weight that is left keeps its posterior variance, in one byte
(`ByteVariances`), so that a network can be drawn from the posterior as before.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from tvbi_ref._repr import brief
from tvbi_ref._validation import FloatArray, as_float_array, border_of_layer
from tvbi_ref.compression.formats import FORMATS, Clusters, Dense, Format
from tvbi_ref.compression.forward import WeightRuns, sparse_product
from tvbi_ref.compression.variances import ByteVariances
from tvbi_ref.equations import socket
from tvbi_ref.nets import AveragePool, Layer, MaxPool
from tvbi_ref.nets.kernel_matrix import to_kernel
from tvbi_ref.nets.network import PREDICT_IMAGES, PREDICT_ROWS
from tvbi_ref.nets.shapes import conv_output_shape


@dataclass(frozen=True, eq=False, kw_only=True)
class SparseLayer(ABC):
    """What `SparseDense` and `SparseConv` share.

    Parameters
    ----------
    weights : Format
        The matrix of the posterior means, zero where pruned.
    bias, bias_variance : ndarray (n_outputs,)
        The variance is that of random weights which `shrink` has folded into the bias, mostly 0.
    variances : ByteVariances or None
        Of the weights that are left; None if they were not kept.

    Raises
    ------
    ValueError
        If the shapes do not fit, or the dtypes differ.
    NonFiniteError
        If a bias is not finite.
    """

    weights: Format
    bias: FloatArray
    bias_variance: FloatArray
    variances: ByteVariances | None = None

    def __post_init__(self) -> None:
        shape = (self.widths[1],)
        as_float_array(self.bias, "bias", shape=shape, dtype=None)
        if as_float_array(self.bias_variance, "bias_variance", shape=shape).min() < 0:
            raise ValueError(f"bias_variance must be >= 0; got {self.bias_variance.min():g}")
        if self.weights.dtype != self.bias.dtype:
            raise ValueError(
                f"weights and bias must have one dtype; got {self.weights.dtype}, {self.bias.dtype}"
            )
        if self.variances and self.variances.codes.size != self.weights.kept:
            raise ValueError(
                f"variances must be {self.weights.kept}, one for each weight that is kept; "
                f"got {self.variances.codes.size}"
            )

    @property
    def widths(self) -> tuple[int, int]:
        """How many inputs and outputs there are; of a convolution, channels."""
        return self.weights.shape

    @property
    def format(self) -> str:
        """What the format of the weights is called in `formats.FORMATS`."""
        return next(name for name, kind in FORMATS.items() if type(self.weights) is kind)

    @property
    def nbytes(self) -> int:
        """Bytes of the weights, their places and the biases."""
        return self.weights.nbytes + self.bias.nbytes

    @property
    def uncertainty_nbytes(self) -> int:
        """Bytes of the variances."""
        codes = self.variances.codes.nbytes if self.variances else 0
        return codes + (self.bias_variance.nbytes if self.bias_variance.any() else 0)

    @abstractmethod
    def forward(self, x: FloatArray) -> FloatArray:
        """Return the layer's output at the posterior means."""

    def dense_weights(self) -> FloatArray:
        """Return the weights in the layer's own shape, zeros and all."""
        return self.weights.to_dense()

    def variance_matrix(self) -> FloatArray:
        """Return sigma2 of every weight, in the shape of the matrix; zero where pruned."""
        matrix = np.zeros(self.weights.shape)
        matrix.T[self.weights.to_dense().T != 0] = self._deviations() ** 2
        return matrix

    def with_format(self, format: str) -> Self:
        """Return the same layer with its weights in another format, by name."""
        return replace(self, weights=FORMATS[format].from_dense(self.weights.to_dense()))

    def with_weights(self, weights: FloatArray) -> Self:
        """Return the layer with other weights, rounded ones say, in the same format.

        Parameters
        ----------
        weights : ndarray
            In the shape of the matrix, zero where that is. A weight that has become zero is
            pruned, and its variance with it.

        Raises
        ------
        ValueError
            If the shape is another, or there is a weight where none was left.
        """
        weights = as_float_array(
            weights, "weights", shape=self.weights.shape, dtype=self.weights.dtype
        )
        was, is_left = self.weights.to_dense().T != 0, weights.T != 0
        if (is_left & ~was).any():
            raise ValueError("weights must be zero where the layer has none; got new ones")
        variances = self.variances
        if variances is not None:
            variances = replace(variances, codes=variances.codes[is_left[was]])
        return replace(self, weights=self.weights.from_dense(weights), variances=variances)

    def sample(self, rng: np.random.Generator) -> Self:
        """Return the layer with weights drawn from the posterior, in the format "dense".

        Raises
        ------
        ValueError
            If the layer has no variances.
        """
        weights = self.weights.to_dense()
        deviations = self._deviations()
        noise = deviations * rng.standard_normal(deviations.size)
        weights.T[weights.T != 0] += noise.astype(weights.dtype)
        noise = np.sqrt(self.bias_variance) * rng.standard_normal(self.bias.size)
        return replace(
            self,
            weights=Dense.from_dense(weights),
            bias=(self.bias + noise).astype(self.bias.dtype),
            bias_variance=np.zeros_like(self.bias),
            variances=None,
        )

    def _deviations(self) -> FloatArray:
        if self.variances is None:
            raise ValueError(
                "the network holds no posterior variances: it was saved without its uncertainty, "
                "and predicts at the means only"
            )
        return self.variances.deviations


@dataclass(frozen=True, eq=False, kw_only=True)
class SparseDense(SparseLayer):
    """A dense layer: the matrix is (I, J), a column one neuron's fan-in.

    Parameters
    ----------
    weights, bias, bias_variance, variances
        As of `SparseLayer`.

    Examples
    --------
    >>> weights = Dense.from_dense(np.array([[2.0], [0.0]]))
    >>> layer = SparseDense(weights=weights, bias=np.ones(1), bias_variance=np.zeros(1))
    >>> layer.forward(np.array([[3.0, 5.0]]))
    array([[7.]])
    """

    __repr__ = brief

    @border_of_layer
    def forward(self, x: FloatArray) -> FloatArray:
        """Return x W + b, (B, I) to (B, J)."""
        return self.weights.forward(x, self.bias)


@dataclass(frozen=True, eq=False, kw_only=True)
class SparseConv(SparseLayer):
    """A convolution: the matrix is that of its kernels.

    Parameters
    ----------
    weights, bias, bias_variance, variances
        As of `SparseLayer`.
    shape : (F, C, kh, kw)
        Of the kernels.
    stride, padding : int
        See `tvbi_ref.nets.Conv2D`.
    layout : {"blocks", "filters"}
        See `tvbi_ref.nets.kernel_matrix`.

    Examples
    --------
    >>> weights, zero = Dense.from_dense(np.array([[-1.0, 1.0]])), np.zeros(1)
    >>> layer = SparseConv(weights=weights, bias=zero, bias_variance=zero,
    ...                    shape=(1, 1, 1, 2), stride=1, padding=0, layout="blocks")
    >>> layer.forward(np.array([[[[1.0, 2.0, 4.0]]]]))
    array([[[[1., 2.]]]])
    """

    shape: tuple[int, int, int, int]
    stride: int
    padding: int
    layout: str

    __repr__ = brief

    def __post_init__(self) -> None:
        to_kernel(np.broadcast_to(False, self.weights.shape), self.shape, self.layout)
        super().__post_init__()

    @property
    def widths(self) -> tuple[int, int]:
        """C and F."""
        return self.shape[1], self.shape[0]

    def dense_weights(self) -> FloatArray:
        """Return the kernels (F, C, kh, kw)."""
        return to_kernel(self.weights.to_dense(), self.shape, self.layout)

    @border_of_layer
    def forward(self, x: FloatArray) -> FloatArray:
        """Return z = x * W + b, (B, C, H, W) to (B, F, Ho, Wo).

        A filter is a neuron whose inputs are the pixels of one window: every window of every
        image is a row of inputs.
        """
        B, F, Ho, Wo = self.output_shape(x)
        padded = np.pad(x, [(0, 0)] * 2 + [(self.padding, self.padding)] * 2)
        windows = sliding_window_view(padded, self.shape[2:], axis=(2, 3))
        windows = windows[:, :, :: self.stride, :: self.stride].transpose(0, 2, 3, 1, 4, 5)
        rows = windows.reshape(B * Ho * Wo, math.prod(self.shape[1:]))
        z = sparse_product(self.filter_runs, rows, self.bias)
        return np.moveaxis(z.reshape(B, Ho, Wo, F), 3, 1)

    @cached_property
    def filter_runs(self) -> WeightRuns:
        """The kept weights of every filter as runs along its fan-in (C, kh, kw)."""
        fan_ins = self.dense_weights().reshape(self.shape[0], math.prod(self.shape[1:])).T
        return Clusters.from_dense(fan_ins).runs()

    def output_shape(self, x: FloatArray) -> tuple[int, int, int, int]:
        """Return (B, F, Ho, Wo) for images (B, C, H, W), or say why they do not fit."""
        kernels = np.broadcast_to(np.float32(0), self.shape)
        return conv_output_shape(x, kernels, kernels, self.stride, self.padding)


@socket("sparse-network")
def sparse_network(layers: Sequence[SparseLayer | Layer], x: FloatArray) -> FloatArray:
    """Return the output of layers, one after the other.

    Parameters
    ----------
    layers : sequence of SparseLayer or Layer
    x : ndarray (B, I) or (B, C, H, W)
        Of the layers' dtype.

    Returns
    -------
    ndarray (B, J)

    Notes
    -----
    Source: [sparse-forward], once a layer with weights.

    Examples
    --------
    >>> weights = Dense.from_dense(np.array([[2.0], [-1.0]]))
    >>> layer = SparseDense(weights=weights, bias=np.ones(1), bias_variance=np.zeros(1))
    >>> from tvbi_ref.nets import ReLU
    >>> sparse_network([layer, ReLU()], np.array([[3.0, 5.0], [0.0, 5.0]]))
    array([[2.],
           [0.]])
    """
    size = PREDICT_ROWS if x.ndim == 2 else PREDICT_IMAGES  # the windows of all would be too many
    parts = [_through(layers, x[start : start + size]) for start in range(0, len(x) or 1, size)]
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _through(layers: Sequence[SparseLayer | Layer], x: FloatArray) -> FloatArray:
    for layer in layers:
        x = layer.forward(x)
    return x


def positions(layers: Sequence[SparseLayer | Layer], shape: tuple[int, ...]) -> list[int]:
    """Return of each weight layer at how many places of one input its weights are used.

    Parameters
    ----------
    layers : sequence of SparseLayer or Layer
    shape : (I,) or (C, H, W)
        Of the input.

    Examples
    --------
    >>> weights, zero = Dense.from_dense(np.array([[-1.0, 1.0]])), np.zeros(1)
    >>> layer = SparseConv(weights=weights, bias=zero, bias_variance=zero,
    ...                    shape=(1, 1, 1, 2), stride=1, padding=0, layout="blocks")
    >>> positions([layer], (1, 4, 5))  # a pixel that comes out is a place
    [16]
    """
    places = []
    for layer in layers:
        if isinstance(layer, SparseConv):
            _, *sides = layer.output_shape(np.broadcast_to(np.float32(0), (1, *shape)))
            shape = tuple(sides)
        elif isinstance(layer, MaxPool | AveragePool):
            shape = (shape[0], *(side // layer.size for side in shape[1:]))
        if isinstance(layer, SparseLayer):
            places.append(math.prod(shape[1:]) if isinstance(layer, SparseConv) else 1)
    return places

"""Weights that share a few values, as in Deep Compression, and what a network then takes.

A weight becomes the name of one of a few shared values, a `Codebook`, and names and positions are
Huffman coded (S. Han, H. Mao, W. J. Dally, "Deep Compression", ICLR 2016).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tvbi_ref._repr import brief
from tvbi_ref._validation import FloatArray, as_count, as_float_array
from tvbi_ref.compression.coding import list_size, total_size
from tvbi_ref.compression.formats import Format
from tvbi_ref.compression.network import CompressedNetwork

FLOAT_BITS = 32
"""Of a shared value and of a bias, as in Deep Compression, whatever the network was trained in."""

MAX_NAME_BITS = 16
"""More shared values than that are no saving."""


class Codebook(NamedTuple):
    """Weights that share values.

    Parameters
    ----------
    centres : ndarray (k,)
        The shared values, increasing.
    names : ndarray of int (n,)
        Of every weight the place of its value among the centres.
    """

    centres: FloatArray
    names: NDArray[np.int64]

    def __repr__(self) -> str:
        return brief(self)

    @property
    def values(self) -> FloatArray:
        """The weights as they are after sharing."""
        return self.centres[self.names]


def codebook(values: ArrayLike, bits: int) -> Codebook:
    """Return at most 2^bits values that the weights of a layer share, found by k-means.

    The centres start evenly spaced from the smallest weight to the largest: the large weights,
    few and important, would get no centre of their own from starts drawn among the weights.

    Parameters
    ----------
    values : array_like (n,)
        The kept weights of a layer.
    bits : int from 1 to 16

    Returns
    -------
    Codebook
        Of the dtype of the weights. No centre is idle; weights with no more different values
        than centres are kept exactly.

    Raises
    ------
    TypeError, ValueError
        If `values` is no row of finite numbers, or `bits` not such a number.

    Notes
    -----
    S. Han, H. Mao, W. J. Dally, "Deep Compression", ICLR 2016, section 3. There the centres are
    trained further; here they stay what k-means found.

    Examples
    --------
    >>> codebook([0.9, 1.0, 1.1, -2.0], 1)
    Codebook(centres=array([-2.,  1.]), names=array([1, 1, 1, 0]))
    """
    values = as_float_array(values, "values", ndim=1, dtype=None)
    bits = as_count(bits, "bits", at_least=1)
    if bits > MAX_NAME_BITS:
        raise ValueError(f"bits must be a whole number from 1 to {MAX_NAME_BITS}; got {bits}")
    distinct, names = np.unique(values, return_inverse=True)
    if distinct.size <= 2**bits:
        return Codebook(distinct, names)
    return _k_means(values, np.linspace(distinct[0], distinct[-1], 2**bits))


def _k_means(values: FloatArray, start: FloatArray) -> Codebook:
    """Return the codebook to which Lloyd's iterations come from these centres."""
    from sklearn.cluster import KMeans  # slow to import, and only needed here

    points = values.astype(np.float64)[:, None]
    means = KMeans(start.size, init=start[:, None], n_init=1, tol=0.0).fit(points)
    centres = means.cluster_centers_[:, 0].astype(values.dtype)
    centres, rank = np.unique(centres, return_inverse=True)
    return Codebook(centres, rank[means.labels_])


@dataclass(frozen=True)
class DeepCompressionSize:
    """The size in bits of a network whose weights share values, everything charged.

    Parameters
    ----------
    index : int
        Codewords that say where the kept weights are.
    values : int
        Codewords that name each weight's shared value, those of stored zeros included.
    codebook : int
        The shared values themselves.
    tables : int
        The Huffman codes of all streams.
    biases : int
    inputs : int
        The list of the inputs that are left, its own table included.
    """

    index: int
    values: int
    codebook: int
    tables: int
    biases: int
    inputs: int

    @property
    def total(self) -> int:
        """All of it."""
        return sum(asdict(self).values())


def deep_compression_size(
    formats: Sequence[Format],
    biases: Sequence[ArrayLike],
    bits: int,
    kept_inputs: ArrayLike | None = None,
) -> DeepCompressionSize:
    """Return the size of a network after weight sharing and Huffman coding.

    Parameters
    ----------
    formats : sequence of Format
        One for each weight layer. With `tvbi_ref.compression.formats.Gap` it is Deep Compression;
        any other shows what its positions cost in the same code, that of `stream_size`.
    biases : sequence of array_like
        One for each weight layer.
    bits : int
        A layer's weights share at most 2^bits values.
    kept_inputs : array_like of int, optional
        The inputs that the first layer still reads, increasing, if they have to be stored.

    Returns
    -------
    DeepCompressionSize

    Raises
    ------
    ValueError
        If there are not as many biases as formats, or the inputs do not increase.

    Notes
    -----
    S. Han, H. Mao, W. J. Dally, "Deep Compression", ICLR 2016. Source: [bits].

    Examples
    --------
    >>> from tvbi_ref.compression.formats import Gap
    >>> W = np.zeros((50, 4))
    >>> W[10:13] = [[1.0], [2.0], [1.0]]
    >>> size = deep_compression_size([Gap.from_dense(W)], [np.zeros(4)], bits=4)
    >>> size
    DeepCompressionSize(index=16, values=12, codebook=64, tables=218, biases=128, inputs=0)
    >>> size.total
    438
    """
    if len(biases) != len(formats):
        raise ValueError(f"biases must be {len(formats)}, one a layer; got {len(biases)}")
    index, index_tables = total_size(s for each in formats for s in each.streams().values())
    books = [_value_names(each.values, bits) for each in formats]
    values, value_tables = total_size(books)
    return DeepCompressionSize(
        index=index,
        values=values,
        codebook=FLOAT_BITS * sum(np.unique(names).size for names in books),
        tables=index_tables + value_tables,
        biases=FLOAT_BITS * sum(np.size(bias) for bias in biases),
        inputs=0 if kept_inputs is None else sum(list_size(kept_inputs)),
    )


def _value_names(values: FloatArray, bits: int) -> NDArray[np.int64]:
    """Return the names of all stored values; the zeros among them have a name of their own."""
    flat = values.ravel()
    kept = np.flatnonzero(flat)
    if kept.size == 0:
        return np.zeros(flat.size, dtype=np.int64)
    book = codebook(flat[kept], bits)
    names = np.full(flat.size, book.centres.size)
    names[kept] = book.names
    return names


class Shared(NamedTuple):
    """A network with few values in each layer, and the bits of their names."""

    network: CompressedNetwork
    bits: list[int]

    def __repr__(self) -> str:
        return brief(self)

    def nbytes_as(self, format: str) -> int:
        """Return its size in a format after Huffman coding, everything charged.

        Positions, names of values, codebooks, tables, biases, and the list of inputs if not all
        of them are read.

        Notes
        -----
        S. Han, H. Mao, W. J. Dally, "Deep Compression", ICLR 2016. Source: [bits].
        """
        small = self.network.with_format(format)
        inputs = None if small.kept_inputs.all() else small.inputs
        sizes = [
            deep_compression_size([layer.weights], [layer.bias], bits)
            for layer, bits in zip(small.weight_layers, self.bits, strict=True)
        ]
        sizes.append(deep_compression_size([], [], 1, inputs))
        return -(-sum(size.total for size in sizes) // 8)


def share_values(network: CompressedNetwork, bits: Sequence[int]) -> Shared:
    """Return a network in which a layer's kept weights are replaced by the nearest shared value.

    Parameters
    ----------
    network : CompressedNetwork
    bits : sequence of int
        One for each weight layer: 2^bits values.

    Returns
    -------
    Shared

    Raises
    ------
    ValueError
        If there are not as many numbers of bits as layers.

    Examples
    --------
    >>> from tvbi_ref import compress, nets
    >>> shared = share_values(compress(nets.mlp([64, 32, 10], seed=0)), [3, 2])
    >>> [len(set(layer.weights.values.tolist())) for layer in shared.network.weight_layers]
    [8, 4]
    >>> shared.nbytes_as("dense") < shared.network.nbytes / 6
    True
    """
    matrices = [layer.weights.to_dense() for layer in network.weight_layers]
    if len(bits) != len(matrices):
        raise ValueError(
            f"bits must be {len(matrices)}, one for each weight layer; got {len(bits)}"
        )
    for matrix, width in zip(matrices, bits, strict=True):
        kept = matrix != 0
        if kept.any():
            matrix[kept] = codebook(matrix[kept], width).values
    return Shared(network.with_weights(matrices), list(bits))

"""A network whose weights share a few values, as in Deep Compression, and what it then takes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from tvbi_ref.compression.coding import codebook, deep_compression_size
from tvbi_ref.compression.network import CompressedNetwork


class Shared(NamedTuple):
    """A network with few values in each layer, and the bits of their names."""

    network: CompressedNetwork
    bits: list[int]

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

    Examples
    --------
    >>> from tvbi_ref import nets
    >>> from tvbi_ref.compression import compress
    >>> shared = share_values(compress(nets.mlp([64, 32, 10], seed=0)), [3, 2])
    >>> [len(set(layer.weights.values.tolist())) for layer in shared.network.weight_layers]
    [8, 4]
    >>> shared.nbytes_as("dense") < shared.network.nbytes / 6
    True
    """
    matrices = [layer.weights.to_dense() for layer in network.weight_layers]
    for matrix, width in zip(matrices, bits, strict=True):
        kept = matrix != 0
        if kept.any():
            matrix[kept] = codebook(matrix[kept], width).values
    return Shared(network.with_weights(matrices), list(bits))

"""What the fast forms of a compressed network are tried on, for `test_twins.py`.

Weights, inputs and biases are small whole numbers: their sums have no order, and the two forms
must agree to the last bit, whatever the type.
"""

import numpy as np

from tvbi_ref.compression.formats import FORMATS
from tvbi_ref.compression.forward import WeightRuns
from tvbi_ref.compression.layers import SparseConv, SparseDense
from tvbi_ref.nets import AveragePool, Flatten, LeakyReLU, MaxPool, ReLU
from tvbi_ref.nets.kernel_matrix import to_matrix

BATCHES = (0, 1, 7, 16, 200)
"""None, one, and such as fill a part of a lane, a lane, and more than a block of inputs."""


def small_numbers(rng, shape, dtype):
    """Return whole numbers, among them a zero and perhaps a nan."""
    numbers = rng.integers(-9, 10, size=shape).astype(dtype)
    if rng.random() < 0.3:
        numbers.flat[:1] = np.nan
    return numbers


def random_runs(rng, counts, dtype, longest, I=60):
    """Return neurons with so many runs of up to so many weights, which may overlap."""
    lengths = rng.integers(1, longest + 1, sum(counts))
    starts = rng.integers(0, I + 1 - lengths)
    pointers = np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])
    return WeightRuns(pointers, starts, lengths, small_numbers(rng, lengths.sum(), dtype))


def product_inputs(rng):
    """Yield (runs, x, bias): short and long runs, no neuron, idle ones, zeros, a mix of types."""
    for dtype, other in ((np.float64,) * 2, (np.float32,) * 2, (np.float32, np.float64)):
        for counts in ([], [0], [1], [2, 0, 7], [9, 3]):
            for B in BATCHES:
                x, bias = small_numbers(rng, (B, 60), other), small_numbers(rng, len(counts), other)
                for longest in (3, 40):  # a mean far below and above what is a long run
                    yield random_runs(rng, counts, dtype, longest), x, bias
        nothing = WeightRuns(np.zeros(3, np.int64), *np.empty((2, 0), np.int64), np.empty(0, dtype))
        yield nothing, np.empty((3, 0), other), np.ones(2, other)


def sparse_matrix(rng, shape, density, dtype):
    """Return whole numbers, most of them zero; an idle input and an idle neuron among them."""
    matrix = rng.integers(-2, 3, size=shape) * (rng.random(shape) < density)
    matrix[:1], matrix[..., -1:] = 0, 0
    return matrix.astype(dtype)


def dense_layer(rng, name, shape, density, dtype):
    weights = FORMATS[name].from_dense(sparse_matrix(rng, shape, density, dtype))
    bias = rng.integers(-9, 10, size=shape[1]).astype(dtype)
    return SparseDense(weights=weights, bias=bias, bias_variance=np.zeros_like(bias))


def conv_layer(rng, name, shape, density, dtype, stride=1, padding=0):
    matrix = to_matrix(sparse_matrix(rng, shape, density, dtype), "blocks")
    bias = rng.integers(-9, 10, size=shape[0]).astype(dtype)
    return SparseConv(
        weights=FORMATS[name].from_dense(matrix),
        bias=bias,
        bias_variance=np.zeros_like(bias),
        shape=shape,
        stride=stride,
        padding=padding,
        layout="blocks",
    )


def networks(rng, name, density, dtype):
    """Yield (layers, the sides of an input)."""
    step = LeakyReLU(0.5)
    yield (
        [
            dense_layer(rng, name, (40, 9), density, dtype),
            ReLU(),
            dense_layer(rng, name, (9, 7), density, dtype),
            step,
        ],
        (40,),
    )
    yield (
        [
            conv_layer(rng, name, (3, 2, 3, 2), density, dtype, padding=1),
            ReLU(),
            MaxPool(2),
            conv_layer(rng, name, (2, 3, 2, 2), density, dtype, stride=2),
            AveragePool(2),
            Flatten(),
            dense_layer(rng, name, (4, 3), density, dtype),
        ],
        (2, 8, 15),
    )


def network_inputs(rng):
    """Yield (layers, x): every format, with weights and without any."""
    for dtype in (np.float64, np.float32):
        for name in FORMATS:
            for density in (0.0, 0.4):
                for layers, sides in networks(rng, name, density, dtype):
                    for B in BATCHES[1:] if name == "clusters" else (1, 7):  # none is refused
                        yield layers, small_numbers(rng, (B, *sides), dtype)


INPUTS = {"sparse-network": network_inputs, "sparse-product": product_inputs}

"""What a forward pass of a pruned layer costs, by format, batch and length of the runs.

``make bench`` runs these. Each benchmark runs its function once before it is timed, so that
compilation is not counted; `test_compilation` times that. `peers_sparse_forward.py` races BLAS,
SciPy and PyTorch.
"""

from __future__ import annotations

import numpy as np
import pytest
from peers_sparse_forward import clustered

from tvbi_ref import compress, nets
from tvbi_ref.compression.formats import FORMATS
from tvbi_ref.fast import sparse_loops
from tvbi_ref.fast.columns import as_columns
from tvbi_ref.fast.kernel import kernel
from tvbi_ref.fast.sparse import matrix_columns

LAYER, DENSITY = (784, 300), 0.02


@pytest.mark.parametrize("batch", [1, 128])
@pytest.mark.parametrize("run", [1, 4, 16])
@pytest.mark.parametrize("name", ["dense", "csr", "clusters", "blocks"])
def test_layer(benchmark, name, run, batch):
    """Features first, as between the layers of a network."""
    weights = FORMATS[name].from_dense(clustered(LAYER, DENSITY, run))
    x = as_columns(np.random.default_rng(0).random((batch, LAYER[0])), np.float32)
    bias = np.zeros(LAYER[1], np.float32)
    matrix_columns(weights, x, bias)
    benchmark(matrix_columns, weights, x, bias)
    flops = 2 * weights.kept * batch
    benchmark.extra_info["gflop_per_s"] = round(flops / benchmark.stats["median"] / 1e9, 1)


@pytest.mark.parametrize("batch", [1, 128])
def test_layer_with_rows_of_inputs(benchmark, batch):
    """Inputs as rows (B, I): turned at the beginning, and the outputs at the end."""
    weights = FORMATS["clusters"].from_dense(clustered(LAYER, DENSITY, 16))
    x = np.random.default_rng(0).random((batch, LAYER[0]), dtype=np.float32)
    weights.forward(x)
    benchmark(weights.forward, x)


@pytest.mark.parametrize("batch", [1, 16, 128])
@pytest.mark.parametrize("name", ["dense", "csr", "clusters"])
@pytest.mark.parametrize("builder", ["lenet_300_100", "lenet5"])
def test_network(benchmark, builder, name, batch):
    net, rng = getattr(nets, builder)(seed=0), np.random.default_rng(0)
    for layer in net.weight_layers:
        shape = layer.mean.value.shape
        layer.prune(clustered((shape[0], np.prod(shape[1:])), 0.05, 4).reshape(shape) != 0)
    small = compress(net, name)
    x = rng.random((batch, *small.input_sides), dtype=np.float32)
    small.predict(x)
    benchmark(small.predict, x)


@pytest.mark.parametrize("name", ["add_neurons", "dot_pieces"])
def test_compilation(benchmark, name):
    """Once for every type of numbers; later runs read the result from the disk."""
    loop = getattr(sparse_loops, name).py_func
    real, whole = "f4[::1]", "i8[::1]"
    types = {
        "add_neurons": f"f4[:,::1], {real}, {whole}, {whole}, {real}, {whole}, f4[:,:,::1]",
        "dot_pieces": f"{real}, {real}, {whole}, {whole}, {whole}, {real}, {real}",
    }
    benchmark.pedantic(lambda: kernel(loop).compile(f"({types[name]})"), rounds=1)

"""What a training step costs, pass by pass, on the largest layer of LeNet-300-100.

``make bench`` runs these. Each benchmark runs its function once before it is timed, so that
compilation is not counted. `peers_training_step.py` races the whole step against PyTorch.
"""

from __future__ import annotations

import numpy as np
import pytest

from tvbi_ref import HierarchicalPrior, IndependentSupport, TurboVBI, nets
from tvbi_ref._kernels import TWINS
from tvbi_ref.turbo import loop

BATCH, LAYER, STEPS = 128, (784, 300), 10
NUMBERS = {
    "adam_step": (0.9, 0.999, 1e-3, 1e-8, -20.0, 2.0),
    "add_product": (1e-5, -1e-5),
    "add_noise": (1e-8,),
    "noise_gradient": (),
}
ARRAYS = {"adam_step": 4, "add_product": 3, "add_noise": 3, "noise_gradient": 4}
SIZES = {"weights": LAYER[0] * LAYER[1], "activations": BATCH * LAYER[1]}


@pytest.mark.parametrize("form", ["kernel", "twin"])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", NUMBERS)
def test_pass(benchmark, name, size, form):
    arrays = np.random.default_rng(0).random((ARRAYS[name], SIZES[size]), dtype=np.float32) + 1
    benchmark(getattr(TWINS[name], form), *arrays, *NUMBERS[name])
    nanoseconds = benchmark.stats["median"] / SIZES[size] * 1e9
    benchmark.extra_info["ns_per_number"] = round(nanoseconds, 3)


@pytest.mark.parametrize("product", ["X M", "X^T g", "g M^T"])
def test_matrix_product(benchmark, product):
    rng, (I, J) = np.random.default_rng(0), LAYER
    x, g, M = (rng.random(shape, dtype=np.float32) for shape in ((BATCH, I), (BATCH, J), LAYER))
    a, b = {"X M": (x, M), "X^T g": (x.T, g), "g M^T": (g, M.T)}[product]
    benchmark(np.matmul, a, b, out=np.empty((a.shape[0], b.shape[1]), np.float32))
    flops = 2 * BATCH * I * J
    benchmark.extra_info["gflop_per_s"] = round(flops / benchmark.stats["median"] / 1e9, 1)


def test_large_matrix_product(benchmark):
    """The yardstick of the products: as fast as the BLAS gets."""
    a, b, out = np.random.default_rng(0).random((3, 2048, 2048), dtype=np.float32)
    benchmark(np.matmul, a, b, out=out)
    flops = 2 * 2048**3
    benchmark.extra_info["gflop_per_s"] = round(flops / benchmark.stats["median"] / 1e9, 1)


def test_memory_pass(benchmark):
    """The yardstick of the passes: copying one float32 a weight."""
    source = np.random.default_rng(0).random(LAYER, dtype=np.float32)
    benchmark(np.copyto, np.empty_like(source), source)


@pytest.mark.parametrize("form", ["kernel", "twin"])
@pytest.mark.parametrize("name", ["gather_columns", "scatter_columns"])
def test_columns(benchmark, name, form):
    """Windows of 5 by 5 on images 12 by 12, as in the second convolution of LeNet-5."""
    rng = np.random.default_rng(0)
    x, columns = (rng.random(s, dtype=np.float32) for s in ((2, 20, 12, 12), (20, 5, 5, 2, 8, 8)))
    arguments = (x, 1, columns) if name == "gather_columns" else (columns, 1, x)
    benchmark(getattr(TWINS[name], form), *arguments)
    benchmark.extra_info["ns_per_number"] = round(benchmark.stats["median"] / columns.size * 1e9, 3)


@pytest.mark.parametrize("form", ["kernel", "twin"])
def test_gradient_of_maxima(benchmark, form):
    """Behind the first convolution of LeNet-5."""
    x = np.random.default_rng(0).random((BATCH, 20, 24, 24), dtype=np.float32)
    z = nets.MaxPool(2).forward(x)
    benchmark(getattr(TWINS["max_pool_gradient"], form), x, z, z, 2, np.empty_like(x))
    benchmark.extra_info["ns_per_number"] = round(benchmark.stats["median"] / x.size * 1e9, 3)


@pytest.mark.parametrize("bits", [np.random.PCG64, np.random.SFC64], ids=lambda b: b.__name__)
def test_noise(benchmark, bits):
    """The normal numbers of a step: one for each output of each row."""
    rng = np.random.Generator(bits(0))
    benchmark(rng.standard_normal, (BATCH, 300 + 100 + 10), dtype=np.float32)


@pytest.mark.parametrize("network", ["lenet_300_100", "lenet5_caffe"])
def test_steps(benchmark, network):
    """Some whole steps of the loop, and one forward pass."""
    rng, n = np.random.default_rng(0), STEPS * BATCH
    x, y = rng.random((n, 784), dtype=np.float32), rng.integers(0, 10, n)
    prior = HierarchicalPrior.spike_and_slab(IndependentSupport(-1.0))
    settings = TurboVBI(prior, batch_size=BATCH, kl_warmup=0)
    run = loop.Run(settings, getattr(nets, network)(seed=0), x, y, None)
    benchmark(run._w_step, 0)
    benchmark.extra_info["steps_per_s"] = round(STEPS / benchmark.stats["median"], 1)

"""What a training step costs, pass by pass, on the largest layer of LeNet-300-100.

``make bench`` runs these. Each benchmark runs its function once before it is timed, so that
compilation is not counted. `peers_training_step.py` races the whole step against PyTorch.
"""

from __future__ import annotations

import numpy as np
import pytest

from tvbi_ref import HierarchicalPrior, IndependentSupport, TurboVBI, nets, use
from tvbi_ref.equations import ENGINES
from tvbi_ref.nets.noise import standard_normal
from tvbi_ref.nets.optimizers import adam_step
from tvbi_ref.turbo import loop
from tvbi_ref.turbo.run import Run

BATCH, LAYER, STEPS = 128, (784, 300), 10


@pytest.mark.parametrize("engine", ENGINES)
def test_adam(benchmark, engine):
    arrays = np.random.default_rng(0).random((4, *LAYER), dtype=np.float32) + 1
    with use(engine):
        benchmark(adam_step, *arrays, 0.9, 0.999, 1e-3, 1e-8, -20.0, 2.0)
    nanoseconds = benchmark.stats["median"] / arrays[0].size * 1e9
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


@pytest.mark.parametrize("engine", ENGINES)
def test_maxima(benchmark, engine):
    """There and back, behind the first convolution of LeNet-5."""
    x, pool = (
        np.random.default_rng(0).random((BATCH, 20, 24, 24), dtype=np.float32),
        nets.MaxPool(2),
    )
    with use(engine):
        benchmark(lambda: pool.backward(pool.forward(x)))
    benchmark.extra_info["ns_per_number"] = round(benchmark.stats["median"] / x.size * 1e9, 3)


@pytest.mark.parametrize("draw", [standard_normal, np.random.Generator.standard_normal])
def test_noise(benchmark, draw):
    """The normal numbers of a layer, one for each output of each row: ours and NumPy's."""
    rng = np.random.default_rng(0)
    benchmark(draw, rng, (BATCH, 300), dtype=np.float32)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("network", ["lenet_300_100", "lenet5_caffe"])
def test_steps(benchmark, network, engine):
    """Some whole steps of the loop, and one forward pass."""
    rng, n = np.random.default_rng(0), STEPS * BATCH
    x, y = rng.random((n, 784), dtype=np.float32), rng.integers(0, 10, n)
    prior = HierarchicalPrior.spike_and_slab(IndependentSupport(-1.0))
    settings = TurboVBI(prior, batch_size=BATCH, kl_warmup=0)
    run = Run(settings, getattr(nets, network)(seed=0), x, y, None)
    with use(engine):
        benchmark(loop.w_step, run, 0)
    benchmark.extra_info["steps_per_s"] = round(STEPS / benchmark.stats["median"], 1)

"""Every kernel against its readable twin, with the JIT on and off.

`INPUTS` says, for each kernel by name, what it is tried on. Whoever writes a kernel adds a
function there: it takes a random generator and yields tuples of arguments.
"""

import os
import subprocess
import sys
from ast import literal_eval
from importlib import import_module
from pathlib import Path

import numba
import numpy as np
import pytest

import tvbi_ref
from tvbi_ref._kernels import TWINS, Pair
from tvbi_ref.module_b.graph import Slots
from tvbi_ref.module_b.grid import MAX_COUPLING, SATURATION

PACKAGE = Path(tvbi_ref.__file__).parent
ROOT = PACKAGE.parent
RELATIVE = 1e-12

KERNEL_MODULES = [
    ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for path in sorted(PACKAGE.rglob("*.py"))
    if "\n@kernel(" in path.read_text(encoding="utf-8")
]
for module in KERNEL_MODULES:
    import_module(module)

SHAPES = [(1, 1), (1, 6), (6, 1), (2, 2), (3, 4), (5, 3)]


def chain_inputs(rng):
    """Yield (odds, p01, p10)."""
    for shape in SHAPES:
        for size in (1.0, 30.0, 600.0):
            odds = np.exp(rng.uniform(-size, size, shape))
            for p01, p10 in [rng.uniform(0.01, 0.99, 2), (1e-12, 1e-12), (1e-12, 1 - 1e-12)]:
                yield odds, p01, p10


def grid_inputs(rng):
    """Yield (odds, messages, t_row, t_col, damping, residuals); the rim of the messages is 1."""
    for shape in SHAPES:
        for size, J in ((1.0, 0.3), (20.0, 2.0), (SATURATION, MAX_COUPLING)):
            for damping, sweeps in ((0.0, 1), (0.4, 3)):
                odds = np.exp(rng.uniform(-size, size, shape))
                messages = with_rim(np.exp(rng.uniform(-2 * J, 2 * J, (4, *shape))))
                t_row, t_col = np.exp(2 * rng.uniform(-J, J, 2))
                yield odds, messages, t_row, t_col, damping, np.full(sweeps, np.nan)
    yield from grid_extremes(rng)


def grid_extremes(rng):
    """Yield inputs in which all that a node hears points the same way, as far as it may."""
    shape, J = (5, 5), MAX_COUPLING
    for side in (-1, 1):
        odds = np.full(shape, np.exp(side * SATURATION))
        messages = with_rim(np.exp(side * 2 * J * rng.uniform(0.9, 1, (4, *shape))))
        for t in (np.exp(-2 * J), np.exp(2 * J)):
            # One sweep: the second one's residual would be rounding error and nothing else.
            yield odds, messages, t, t, 0.0, np.full(1, np.nan)


def with_rim(messages):
    messages[0, 0] = messages[1, -1] = 1.0
    messages[2, :, 0] = messages[3, :, -1] = 1.0
    return messages


def row_inputs(rng):
    """Yield (odds, above, below, left, right, sent, t_row, t_col)."""
    for n in (1, 2, 7, 64):
        for size, J in ((1.0, 0.3), (20.0, 2.0), (SATURATION, MAX_COUPLING)):
            odds = np.exp(rng.uniform(-size, size, n))
            heard = np.exp(rng.uniform(-2 * J, 2 * J, (4, n)))
            yield odds, *heard, np.full((4, n), np.nan), *np.exp(2 * rng.uniform(-J, J, 2))


def replace_inputs(rng):
    """Yield (messages, sent, damping, t, changes); `changes` may be longer."""
    for n in (0, 1, 9):
        for damping, t in ((0.0, 2.0), (0.7, 0.5)):
            old, new = 2 * rng.random((2, n))
            yield old, new, damping, t, 0.3 * rng.random(n + 2)


def random_slots(rng):
    """Yield the slots of random graphs, one of them without edges and one a star."""
    pairs = np.array([(a, b) for a in range(9) for b in range(a)])
    yield Slots.of(np.empty((0, 2), dtype=np.int64))
    yield Slots.of(np.array([(4, k) for k in range(4)]))
    for n_edges in (1, 8, 20, 36):
        yield Slots.of(rng.permutation(pairs)[:n_edges])


def graph_inputs(rng):
    """Yield (odds, incoming, sent, t, indptr, reverse, damping)."""
    for slots in random_slots(rng):
        for size, J in ((1.0, 0.3), (20.0, 2.0), (300.0, 15.0)):
            for damping in (0.0, 0.4):
                odds = np.exp(rng.uniform(-size, size, len(slots.nodes)))
                incoming = np.exp(rng.uniform(-2 * J, 2 * J, len(slots.edge)))
                t = np.exp(2 * rng.uniform(-J, J, 36))[slots.edge]
                sent = np.full(len(t), np.nan)
                yield odds, incoming, sent, t, slots.indptr, slots.reverse, damping


def gibbs_inputs(rng):
    """Yield (x, field, thresholds, pull, indptr, neighbour)."""
    for slots in random_slots(rng):
        n = len(slots.nodes)
        x, pull = rng.choice([-1.0, 1.0], n), rng.normal(size=36)[slots.edge]
        thresholds = rng.logistic(size=(5, n))
        yield x, rng.normal(size=n), thresholds, pull, slots.indptr, slots.neighbour


def training_arrays(rng, n_arrays):
    """Yield so many arrays (n,) in both precisions, with and without a nan.

    The numbers that go with them are Python's: a float64 of NumPy would make the twin compute
    in float64, while the kernel stays in the precision of its arrays.
    """
    for dtype in (np.float64, np.float32):
        for n in (0, 1, 7, 100):
            arrays = rng.normal(size=(n_arrays, n)).astype(dtype)
            yield list(arrays)
            if n > 1:
                arrays[rng.integers(n_arrays), rng.integers(n)] = np.nan
                yield list(arrays)


def adam_inputs(rng):
    """Yield (value, grad, first, second, beta1, beta2, rate, epsilon, low, high)."""
    for *arrays, second in training_arrays(rng, 4):
        for low, high in ((-np.inf, np.inf), (-0.5, 0.25)):
            yield *arrays, second * second, *rng.random(2).tolist(), 0.1, 1e-8, low, high


def product_inputs(rng):
    """Yield (total, a, b, factor, offset)."""
    for arrays in training_arrays(rng, 3):
        yield *arrays, *rng.normal(size=2).tolist()


def noise_inputs(rng):
    """Yield (z, spread, noise, floor)."""
    for z, spread, noise in training_arrays(rng, 3):
        yield z, spread * spread, noise, 1e-8


def noise_gradient_inputs(rng):
    """Yield (grad, noise, sd, out)."""
    for grad, noise, sd in training_arrays(rng, 3):
        yield grad, noise, np.abs(sd), np.full_like(grad, np.nan)


def convolution_arrays(rng):
    """Yield (x, stride, columns): images, and columns that fit to them, in both precisions."""
    for dtype in (np.float64, np.float32):
        for stride, (kh, kw), (Ho, Wo) in (
            (1, (1, 1), (1, 1)),
            (1, (5, 3), (4, 9)),
            (2, (2, 3), (3, 4)),
        ):
            H, W = (stride * (n - 1) + k for n, k in ((Ho, kh), (Wo, kw)))
            x = rng.normal(size=(2, 3, H, W + stride - 1)).astype(dtype)
            yield x, stride, rng.normal(size=(3, kh, kw, 2, Ho, Wo)).astype(dtype)


def gather_inputs(rng):
    """Yield (x, stride, columns)."""
    for x, stride, columns in convolution_arrays(rng):
        yield x, stride, np.full_like(columns, np.nan)


def scatter_inputs(rng):
    """Yield (columns, stride, x); zeros in x and whole numbers, whose sums have no order."""
    for x, stride, columns in convolution_arrays(rng):
        yield np.round(10 * columns), stride, np.zeros_like(x)


def max_pool_inputs(rng):
    """Yield (x, z, grad, size, out), with ties and with a nan among the maxima."""
    for dtype in (np.float64, np.float32):
        for size in (1, 2, 3):
            x = rng.integers(3, size=(2, 3, 2 * size, 5 * size)).astype(dtype)
            x[0, 0, 0, 0] = np.nan
            z = x.reshape(2, 3, 2, size, 5, size).max(axis=(3, 5))
            yield x, z, rng.normal(size=z.shape).astype(dtype), size, np.full_like(x, np.nan)


def small_numbers(rng, shape, dtype):
    """Return whole numbers, whose sums have no order, among them a zero and perhaps a nan."""
    numbers = rng.integers(-9, 10, size=shape).astype(dtype)
    if rng.random() < 0.3:
        numbers.flat[:1] = np.nan
    return numbers


def neurons_in_order(rng, counts, dtype):
    """Return pointers and values of neurons with so many weights."""
    pointers = np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])
    return pointers, small_numbers(rng, pointers[-1], dtype)


def segment_inputs(rng):
    """Yield (x, bias, neurons, fresh, pointers, rows, values, places, y)."""
    for dtype in (np.float64, np.float32):
        # A matrix with batches of any size; images whose rows are 3 pixels of B numbers each.
        for B, pixels in ((0, 1), (1, 1), (7, 1), (16, 1), (200, 1), (1, 3), (16, 3), (5, 30)):
            x = small_numbers(rng, (40 + pixels, B), dtype)
            places = np.arange(0, 8, 4) if pixels > 1 else np.zeros(1, np.int64)
            pointers, values = neurons_in_order(rng, [3, 0, 17, 1, 2], dtype)
            rows = rng.integers(0, 36, values.size)
            neurons, fresh = np.array([2, 0, 1, 2, 2]), np.array([1, 1, 1, 0, 0], bool)
            y = small_numbers(rng, (3, places.size, pixels * B), dtype)
            bias = small_numbers(rng, 3, dtype)
            yield x, bias, neurons, fresh, pointers, rows, values, places, y


def dot_rows_inputs(rng):
    """Yield (x, bias, pointers, rows, values, y)."""
    for dtype in (np.float64, np.float32):
        for counts in ([], [0], [1], [2, 0, 7], [40, 3]):
            pointers, values = neurons_in_order(rng, counts, dtype)
            x, bias = (small_numbers(rng, n, dtype) for n in (9, len(counts)))
            rows = rng.integers(0, 9, values.size)
            yield x, bias, pointers, rows, values, np.full_like(bias, np.nan)


def dot_runs_inputs(rng):
    """Yield (x, bias, pointers, starts, offsets, values, y)."""
    for dtype in (np.float64, np.float32):
        for counts in ([], [0], [1], [2, 0, 7], [9, 3]):
            pointers = np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])
            lengths = rng.integers(1, 50, pointers[-1])
            offsets, values = neurons_in_order(rng, lengths, dtype)
            x, bias = (small_numbers(rng, n, dtype) for n in (60, len(counts)))
            starts = rng.integers(0, 61 - lengths)
            yield x, bias, pointers, starts, offsets, values, np.full_like(bias, np.nan)


INPUTS = {
    "adam_step": adam_inputs,
    "add_noise": noise_inputs,
    "add_product": product_inputs,
    "add_segments": segment_inputs,
    "chain_odds": chain_inputs,
    "dot_rows": dot_rows_inputs,
    "dot_runs": dot_runs_inputs,
    "gather_columns": gather_inputs,
    "graph_gibbs": gibbs_inputs,
    "graph_sweep": graph_inputs,
    "grid_directional": grid_inputs,
    "grid_sweeps": grid_inputs,
    "max_pool_gradient": max_pool_inputs,
    "noise_gradient": noise_gradient_inputs,
    "replace": replace_inputs,
    "row_messages": row_inputs,
    "scatter_columns": scatter_inputs,
}


def copies(arguments):
    return [np.copy(a) if isinstance(a, np.ndarray) else a for a in arguments]


def results(function, arguments):
    """Return what a call returned and what it left in its arguments, as a flat list."""
    mine = copies(arguments)
    returned = function(*mine)
    outputs = returned if isinstance(returned, tuple) else (returned,)
    return [*outputs, *mine]


def disagreements(pair, inputs, seed):
    """Return a line for each output or argument in which kernel and twin differ."""
    lines = []
    for call, arguments in enumerate(inputs(np.random.default_rng(seed))):
        fast, readable = results(pair.kernel, arguments), results(pair.twin, arguments)
        assert len(fast) == len(readable), "kernel and twin return unlike many values"
        for k, (ours, theirs) in enumerate(zip(fast, readable, strict=True)):
            if ours is None and theirs is None:
                continue
            if np.shape(ours) != np.shape(theirs):
                lines.append(f"call {call}, value {k}: {np.shape(ours)} != {np.shape(theirs)}")
            elif not np.allclose(ours, theirs, rtol=RELATIVE, atol=1e-300, equal_nan=True):
                worst = np.nanmax(np.abs(np.subtract(ours, theirs)))
                lines.append(f"call {call}, value {k}: off by {worst:.3g}")
    return lines


def test_kernel_modules_were_found():
    assert "tvbi_ref.module_b.chain" in KERNEL_MODULES
    assert "tvbi_ref.module_b.grid" in KERNEL_MODULES


@pytest.mark.parametrize("name", sorted(TWINS))
def test_every_kernel_has_inputs_to_be_tried_on(name):
    assert name in INPUTS, (
        f"the kernel {name!r} of {TWINS[name].twin.__module__} is tried on nothing: "
        "add a function that yields its arguments to INPUTS in tests/test_twins.py"
    )


def test_no_inputs_are_left_of_a_kernel_that_is_gone():
    assert set(INPUTS) <= set(TWINS)


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("name", sorted(TWINS.keys() & INPUTS.keys()))
def test_kernel_and_twin_agree(name, seed):
    assert disagreements(TWINS[name], INPUTS[name], seed) == []


@pytest.mark.parametrize("name", sorted(TWINS))
def test_kernel_and_twin_take_the_same_arguments_under_the_same_names(name):
    kernel = getattr(TWINS[name].kernel, "py_func", TWINS[name].kernel)
    twin = TWINS[name].twin

    def names(function):
        return function.__code__.co_varnames[: function.__code__.co_argcount]

    assert names(kernel) == names(twin)
    assert kernel.__doc__
    assert twin.__doc__


def test_the_comparison_sees_a_wrong_result_and_a_wrong_argument():
    """A check that cannot fail is none: break the twin in both ways and look."""
    chain, grid = TWINS["chain_odds"], TWINS["grid_sweeps"]

    def wrong_result(*arguments):
        forward, backward = chain.twin(*arguments)
        return forward, backward * (1 + 1e-9)

    def wrong_argument(odds, messages, *rest):
        grid.twin(odds, messages, *rest)
        messages[0, -1, -1] *= 1 + 1e-9

    assert disagreements(Pair(chain.kernel, wrong_result), chain_inputs, seed=0)
    assert disagreements(Pair(grid.kernel, wrong_argument), grid_inputs, seed=0)


def run_python(arguments, **environment):
    """Run Python afresh in the repository; return the finished process."""
    clean = {k: v for k, v in os.environ.items() if k != "NUMBA_DISABLE_JIT"}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=clean | environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.mark.skipif(bool(numba.config.DISABLE_JIT), reason="this run is without the JIT already")
def test_kernels_agree_with_their_twins_without_the_jit_too():
    selection = "kernel_and_twin_agree or certain_neighbour or long_gap"
    chain = str(ROOT / "tests" / "module_b" / "test_chain.py")
    # The project's own options name plugins, and none is loaded here.
    options = ["-p", "no:cacheprovider", "-o", "addopts=--import-mode=importlib"]
    done = run_python(
        ["-m", "pytest", *options, "-k", selection, __file__, chain],
        NUMBA_DISABLE_JIT="1",
        PYTEST_DISABLE_PLUGIN_AUTOLOAD="1",  # none is needed, and some are slow to import
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_importing_the_kernels_compiles_nothing():
    program = "\n".join(
        [
            *(f"import {module}" for module in KERNEL_MODULES),
            "from tvbi_ref._kernels import TWINS",
            "print({name: len(pair.kernel.signatures) for name, pair in TWINS.items()})",
        ]
    )
    done = run_python(["-W", "error", "-c", program])
    assert done.returncode == 0, done.stderr
    assert literal_eval(done.stdout) == dict.fromkeys(TWINS, 0)

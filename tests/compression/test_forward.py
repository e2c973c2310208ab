"""Products from clusters against dense ones and scipy's, and which engine runs them.

`tests/test_twins.py` holds the fast forms against the readable ones; here both, under whatever
engine the tests run, meet others.
"""

import gc
import weakref

import numpy as np
import pytest
import scipy.sparse
from hypothesis import given, settings
from hypothesis import strategies as st

import tvbi_ref
from tvbi_ref import nets
from tvbi_ref.compression import cluster_forward, compress, layers
from tvbi_ref.compression.formats import FORMATS, Clusters, Dense
from tvbi_ref.compression.forward import sparse_product
from tvbi_ref.fast import columns

few = settings(max_examples=40, deadline=None)
SPARSE = sorted(set(FORMATS) - {"dense"})
TOLERANCE = {np.float32: 2e-5, np.float64: 1e-13}


def clustered(rng, I, J, density, run, dtype=np.float64):
    """Return weights in runs of this mean length down the columns."""
    stop, kept = 1 / run, np.zeros((I, J), bool)
    state = rng.random(J) < density
    for i in range(I):
        start = density * stop / (1 - density)
        state = np.where(state, rng.random(J) >= stop, rng.random(J) < start)
        kept[i] = state
    return (rng.normal(size=(I, J)) * kept).astype(dtype)


@st.composite
def problems(draw):
    """Return (x, W, bias) with long or short runs, of any shape and batch."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    I, J = draw(st.integers(1, 70)), draw(st.integers(1, 9))
    dtype = draw(st.sampled_from([np.float32, np.float64]))
    W = clustered(rng, I, J, draw(st.sampled_from([0.02, 0.3])), draw(st.integers(1, 20)), dtype)
    B = draw(st.sampled_from([0, 1, 2, 5, 16, 17, 33, 128, 131]))
    return rng.normal(size=(B, I)).astype(dtype), W, rng.normal(size=J).astype(dtype)


@few
@given(problems())
def test_every_format_gives_the_dense_product_and_scipys(problem):
    x, W, bias = problem
    tolerance = TOLERANCE[W.dtype.type] * max(1, np.abs(x).max(initial=0))
    oracle = (scipy.sparse.csr_array(W.T) @ x.T).T + bias
    for name in FORMATS:
        y = FORMATS[name].from_dense(W).forward(x, bias)
        assert y.dtype == W.dtype
        assert y.flags.c_contiguous
        np.testing.assert_allclose(y, x @ W + bias, rtol=0, atol=10 * tolerance)
        np.testing.assert_allclose(y, oracle, rtol=0, atol=10 * tolerance)


@few
@given(problems())
def test_a_row_alone_gives_what_it_gives_in_a_batch(problem):
    x, W, bias = problem
    stored = Clusters.from_dense(W)
    for row, y in zip(x, stored.forward(x, bias), strict=True):
        np.testing.assert_allclose(stored.forward(row[None], bias)[0], y, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("run", [1, 12])
@pytest.mark.parametrize("B", [1, 3, 130])
def test_nan_and_infinity_reach_the_neurons_that_read_them_and_no_others(run, B):
    W = clustered(np.random.default_rng(run), 60, 20, 0.1, run)
    x = np.ones((B, 60))
    for bad in (np.nan, np.inf):
        x[:, 31] = bad
        for name in sorted(set(SPARSE) - {"blocks"}):  # whose tiles hold zeros
            y = FORMATS[name].from_dense(W).forward(x)
            np.testing.assert_array_equal(np.isfinite(y), np.broadcast_to(W[31] == 0, y.shape))


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("B", [0, 1, 20])
@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (1, 1), (1, 4), (4, 1)])
def test_matrices_without_weights_rows_or_columns_give_the_bias(name, shape, B):
    bias = np.arange(shape[1], dtype=np.float32)
    y = FORMATS[name].from_dense(np.zeros(shape, np.float32)).forward(np.ones((B, shape[0])), bias)
    np.testing.assert_array_equal(y, np.tile(bias, (B, 1)))


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("B", [1, 7])
def test_positions_in_small_integers_do_not_wrap_around(name, B):
    W = np.zeros((300, 70))
    W[200:256] = W[290:] = 1  # 200 + 56 does not fit into the uint8 of the start and the length
    x = np.random.default_rng(0).normal(size=(B, 300))
    np.testing.assert_allclose(FORMATS[name].from_dense(W).forward(x), x @ W, rtol=1e-12)
    W = np.zeros((66_000, 2))
    W[65_000:] = 1
    x = np.ones((B, 66_000))
    np.testing.assert_allclose(FORMATS[name].from_dense(W).forward(x), x @ W, rtol=1e-12)


@pytest.mark.parametrize("name", FORMATS)
def test_inputs_may_lie_anyhow_in_memory(name):
    rng = np.random.default_rng(0)
    W = clustered(rng, 30, 8, 0.3, 6)
    x, stored = rng.normal(size=(30, 40, 2)), FORMATS[name].from_dense(W)
    for view in (x[..., 0].T, x[..., 1].T[::-2], x[..., 0].T[:1], x[::-1, :, 1].T):
        np.testing.assert_allclose(stored.forward(view), view @ W, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", FORMATS)
def test_whole_numbers_and_mixed_precisions_go_in(name):
    W = clustered(np.random.default_rng(0), 30, 8, 0.3, 6, np.float32)
    stored = FORMATS[name].from_dense(W)
    x = np.arange(60).reshape(2, 30)
    for inputs in (x, x.astype(np.float32), x.astype(np.float64), x > 30):
        y = stored.forward(inputs)
        assert y.dtype == np.result_type(inputs, W)
        np.testing.assert_allclose(y, inputs @ W, rtol=1e-5)
    assert stored.forward(x.astype(np.float32), np.zeros(8)).dtype == np.float64


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("shape", [(4, 29), (4, 31), (30,), (30, 4, 1)])
def test_inputs_that_do_not_fit_are_refused(name, shape):
    stored = FORMATS[name].from_dense(np.ones((30, 2)))
    with pytest.raises(ValueError, match=r"x must have shape \(B, 30\)"):
        stored.forward(np.ones(shape))
    with pytest.raises(ValueError, match=r"bias must have shape \(2,\); got \(1,\)"):
        stored.forward(np.ones((4, 30)), np.ones(1))


@pytest.mark.parametrize("name", SPARSE)
def test_two_threads_give_what_one_gives(name, monkeypatch):
    rng = np.random.default_rng(0)
    W, x = clustered(rng, 60, 20, 0.1, 6), rng.normal(size=(300, 60))
    stored = FORMATS[name].from_dense(W)
    alone = stored.forward(x)
    monkeypatch.setattr(columns, "WORTH_A_THREAD", 0)
    np.testing.assert_allclose(stored.forward(x), alone, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", sorted(set(SPARSE) - {"blocks"}))
@pytest.mark.parametrize("length", [1, 15, 16, 17, 40])
def test_nothing_is_read_before_a_run_or_beyond_its_end(name, length):
    for start in (0, 20, 90 - length):
        W, x = np.zeros((90, 1)), np.full((1, 90), np.nan)
        W[start : start + length], x[0, start : start + length] = 1, np.arange(length)
        y = FORMATS[name].from_dense(W).forward(x)
        np.testing.assert_array_equal(y, [[length * (length - 1) / 2]])


@pytest.mark.skipif(sparse_product.fast is None, reason="Numba is not installed")
@few
@given(problems())
def test_pieces_of_runs_and_what_is_left_over_are_all_the_weights_once(problem):
    from tvbi_ref.fast.sparse import pieces_of
    from tvbi_ref.fast.sparse_loops import PIECE

    runs, again = Clusters.from_dense(problem[1]).stored_runs, np.zeros_like(problem[1])
    pieces, singles, rows, values = map(list, pieces_of(runs))
    for j, (m, n) in enumerate(zip(pieces, singles, strict=True)):
        for length in m * [PIECE] + n * [1]:
            i = rows.pop(0)
            again[i : i + length, j] += values[:length]
            del values[:length]
    assert rows == values == []
    np.testing.assert_array_equal(again, problem[1])
    assert sum(singles) <= (PIECE - 1) * runs.lengths.size


# Layout


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(3, 16), (1,), (7, 2, 5)])
def test_arrays_begin_where_a_line_of_memory_does(shape, dtype):
    array = columns.aligned(shape, np.dtype(dtype))
    assert array.ctypes.data % columns.ALIGNMENT == 0
    assert (array.shape, array.dtype, array.flags.c_contiguous) == (shape, dtype, True)


@pytest.mark.parametrize("B", [0, 1, 2, columns.LANES, columns.LANES + 1, 300])
def test_there_and_back_is_nothing(B):
    for shape in ((B, 5), (B, 2, 3, 4)):
        x = np.random.default_rng(0).normal(size=shape)
        back = columns.by_columns(x, lambda part: part, np.float64, work=lambda: 0)
        np.testing.assert_array_equal(back, x)


def test_a_dense_matrix_is_multiplied_by_the_blas():
    def fails(*arguments):
        raise AssertionError

    with tvbi_ref.use(sparse_forward=fails):
        assert Dense.from_dense(np.ones((2, 1))).forward(np.ones((3, 2))).tolist() == [[2.0]] * 3


# Who runs


@pytest.fixture(params=["mlp", "lenet5"])
def small(request):
    net = nets.mlp([12, 5, 3], seed=0) if request.param == "mlp" else nets.lenet5(seed=0)
    rng = np.random.default_rng(0)
    for layer in net.weight_layers:
        layer.prune(rng.random(layer.mean.value.shape) < 0.5)
    return compress(net)


@pytest.mark.parametrize("B", [1, 3])
def test_a_function_of_the_readers_computes_every_sparse_layer(small, B):
    def mine(x, bias, pointers, starts, lengths, values):
        shapes.append((len(x), len(bias)))
        return cluster_forward.readable(x, bias, pointers, starts, lengths, values) + 1

    x, shapes = np.ones((B, *small.input_sides)), []
    with tvbi_ref.use(sparse_forward=mine):
        theirs = small.predict(x)
    places = layers.positions(small.layers, small.as_inputs(x).shape[1:])
    assert shapes == [(B * n, J) for n, J in zip(places, small.widths[1:], strict=True)]
    assert (theirs != small.predict(x)).all()


@pytest.mark.parametrize("B", [1, 3, 300])
def test_the_engines_predict_the_same(small, B):
    x = np.random.default_rng(0).normal(size=(B, *small.input_sides))
    here = small.predict(x)
    with tvbi_ref.use("numpy"), tvbi_ref.listen() as heard:
        there = small.predict(x)
    parts = -(-B // layers.PREDICT_IMAGES) if len(small.input_sides) == 3 else 1
    assert heard.counts["sparse-forward"] == len(small.weight_layers) * parts
    np.testing.assert_allclose(here, there, rtol=1e-5, atol=1e-6)


@pytest.mark.skipif(sparse_product.fast is None, reason="Numba is not installed")
def test_what_is_prepared_of_a_matrix_goes_with_it():
    from tvbi_ref.fast import sparse

    runs = Clusters.from_dense(np.ones((3, 2))).runs()
    assert sparse.weights_of(runs) is sparse.weights_of(runs)
    gone = weakref.ref(runs)
    del runs
    gc.collect()
    assert gone() is None

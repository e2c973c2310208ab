"""A convolution's weights as a matrix: nothing is lost, and neighbours are where they should be."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tvbi_ref import ChainSupport, GraphSupport, GridSupport
from tvbi_ref.module_b import NeuronSupport, Tiles
from tvbi_ref.nets.kernel_matrix import (
    AXES,
    LAYOUTS,
    block_borders,
    edges_along,
    edges_within_kernels,
    to_kernel,
    to_matrix,
)

SHAPES = st.tuples(*(st.integers(1, 4) for _ in range(4)))
TIGHT = {"tol": 1e-13, "sweeps": 2000}


def numbered(shape):
    return np.arange(np.prod(shape)).reshape(shape)


def grid_pairs(matrix):
    """Yield the direction and both values of every two neighbours of a matrix."""
    for i, j in np.ndindex(matrix.shape):
        if i + 1 < matrix.shape[0]:
            yield "down", (i, j), int(matrix[i, j]), int(matrix[i + 1, j])
        if j + 1 < matrix.shape[1]:
            yield "along", (i, j), int(matrix[i, j]), int(matrix[i, j + 1])


def grid_edges(shape):
    """Return every edge of a grid as two places."""
    places = np.arange(np.prod(shape)).reshape(shape)
    return [(a, b) for _, _, a, b in grid_pairs(places)]


@given(SHAPES, st.sampled_from(LAYOUTS), st.sampled_from([bool, np.float32, np.int64]))
def test_the_round_trip_is_exact(shape, layout, dtype):
    kernel = (numbered(shape) % 7).astype(dtype)
    matrix = to_matrix(kernel, layout)
    back = to_kernel(matrix, shape, layout)
    assert matrix.dtype == back.dtype == dtype
    np.testing.assert_array_equal(back, kernel)
    assert matrix.sum() == kernel.sum()
    np.testing.assert_array_equal(to_matrix(back, layout), matrix)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", ["?", "i1", "u8", ">f4", "f8", "c16", "U3", "O", "M8[s]"])
def test_no_dtype_is_changed_and_no_bit(dtype, layout):
    kernel = (numbered((3, 2, 3, 2)) % 5).astype(dtype)
    back = to_kernel(to_matrix(kernel, layout), kernel.shape, layout)
    assert back.dtype == kernel.dtype
    np.testing.assert_array_equal(back, kernel)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_nan_infinity_and_negative_zero_come_back_as_they_were(layout):
    kernel = np.array([np.nan, np.inf, -np.inf, -0.0, 5e-324, 1.0]).reshape(1, 3, 2, 1)
    back = to_kernel(to_matrix(kernel, layout), kernel.shape, layout)
    assert np.ascontiguousarray(back).tobytes() == kernel.tobytes()


@given(SHAPES, st.sampled_from(LAYOUTS), st.integers(0, 2**32 - 1))
def test_the_weights_are_only_reordered(shape, layout, seed):
    kernel = np.random.default_rng(seed).normal(size=shape)
    matrix = to_matrix(kernel, layout)
    np.testing.assert_array_equal(np.sort(matrix.ravel()), np.sort(kernel.ravel()))
    np.testing.assert_allclose(np.linalg.norm(matrix), np.linalg.norm(kernel), rtol=1e-14)
    mask = kernel > 0
    np.testing.assert_array_equal(to_matrix(mask, layout), matrix > 0)
    np.testing.assert_array_equal(to_matrix(kernel * mask, layout), matrix * (matrix > 0))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_kernels_that_lie_in_memory_in_another_order(layout):
    kernel = numbered((4, 3, 2, 5))
    for other in (kernel[::2], kernel[..., ::-1], np.asfortranarray(kernel), kernel.tolist()):
        matrix = to_matrix(other, layout)
        np.testing.assert_array_equal(to_kernel(matrix, np.shape(other), layout), other)
        f_order = np.asfortranarray(matrix)
        np.testing.assert_array_equal(to_kernel(f_order, np.shape(other), layout), other)


def test_what_is_a_view_is_one():
    kernel = numbered((4, 3, 2, 5))
    assert np.shares_memory(to_matrix(kernel, "filters"), kernel)
    for layout in LAYOUTS:
        matrix = np.ascontiguousarray(to_matrix(kernel, layout))
        assert np.shares_memory(to_kernel(matrix, kernel.shape, layout), matrix)


@given(SHAPES)
def test_a_step_inside_a_block_is_a_step_in_the_image(shape):
    F, C, kh, kw = shape
    matrix = to_matrix(numbered(shape))
    place = {int(n): np.unravel_index(n, shape) for n in matrix.ravel()}
    for i in range(C * kh):
        for j in range(F * kw):
            f, c, u, v = place[int(matrix[i, j])]
            assert (c, u, f, v) == (i // kh, i % kh, j // kw, j % kw)


@given(SHAPES, st.sampled_from(LAYOUTS))
def test_neighbours_in_the_matrix_are_what_the_table_says(shape, layout):
    """The table at the head of `kernel_matrix`: inside a kernel, and across a border."""
    _, _, kh, kw = shape
    rows, columns = (set(borders.tolist()) for borders in block_borders(shape, layout))
    for direction, (i, j), a, b in grid_pairs(to_matrix(numbered(shape), layout)):
        here, there = (np.array(np.unravel_index(n, shape)) for n in (a, b))
        u, v = here[2:]
        step = tuple((there - here).tolist())
        crosses = (i + 1 in rows) if direction == "down" else (j + 1 in columns)
        assert crosses == (step[:2] != (0, 0))
        if layout == "blocks" and direction == "down":
            expected = (0, 1, 1 - kh, 0) if crosses else (0, 0, 1, 0)
            assert not crosses or u == kh - 1
        elif layout == "blocks":
            expected = (1, 0, 0, 1 - kw) if crosses else (0, 0, 0, 1)
            assert not crosses or v == kw - 1
        elif direction == "down":
            inside = (0, 0, 0, 1) if v + 1 < kw else (0, 0, 1, 1 - kw)
            expected = (0, 1, 1 - kh, 1 - kw) if crosses else inside
        else:
            expected = (1, 0, 0, 0)
            assert crosses
        assert step == expected


@given(SHAPES, st.sampled_from(LAYOUTS))
def test_between_two_borders_is_one_kernel(shape, layout):
    F, C, kh, kw = shape
    owner = np.broadcast_to(np.arange(F * C).reshape(C, F).T[:, :, None, None], shape)
    rows, columns = block_borders(shape, layout)
    bands = np.split(to_matrix(owner, layout), rows)
    blocks = [block for band in bands for block in np.split(band, columns, axis=1)]
    assert [block.size for block in blocks] == [kh * kw] * (F * C)
    assert [np.unique(block).tolist() for block in blocks] == [[k] for k in range(F * C)]
    tile = Tiles(kh, kw) if layout == "blocks" else Tiles(kh * kw, 1)
    labels = tile.labels(to_matrix(owner, layout).shape)
    np.testing.assert_array_equal(labels, to_matrix(owner, layout))


@pytest.mark.parametrize("side", [1, 3, 5])
def test_how_many_pairs_of_a_grid_cross_a_border(side):
    """One in `side`, in the limit of many kernels."""
    shape = (200, 100, side, side)
    grid = 100 * side * (200 * side - 1) + (100 * side - 1) * 200 * side
    within = len(edges_within_kernels(shape))
    assert 1 - within / grid == pytest.approx(1 / side, abs=0.01)


@given(SHAPES)
def test_a_column_of_the_filters_layout_is_one_filters_fan_in(shape):
    kernel = numbered(shape)
    for f, column in enumerate(to_matrix(kernel, "filters").T):
        np.testing.assert_array_equal(column, kernel[f].ravel())


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_one_by_one_convolution_is_a_dense_layer(layout):
    dense = np.arange(12).reshape(4, 3)  # 4 inputs, 3 outputs
    np.testing.assert_array_equal(to_matrix(dense.T[:, :, None, None], layout), dense)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(
    "prior",
    [GridSupport(-1.0, 0.2, 0.3), ChainSupport(0.1, 0.3), NeuronSupport(0.5, p_in=0.8, p_out=0.1)],
    ids=lambda prior: type(prior).__name__,
)
def test_module_b_answers_a_one_by_one_convolution_as_a_dense_layer(prior, layout):
    dense = np.random.default_rng(0).normal(size=(4, 3))
    answer = prior.extrinsic(to_matrix(dense.T[:, :, None, None], layout)).log_odds
    np.testing.assert_array_equal(answer, prior.extrinsic(dense).log_odds)


@given(SHAPES, st.sampled_from(AXES), st.sampled_from(LAYOUTS))
def test_edges_along_an_axis_are_one_step_along_it(shape, axis, layout):
    values = to_matrix(numbered(shape), layout).ravel()
    edges = edges_along(shape, axis, layout)
    assert edges.shape[1:] == (2,)
    assert edges.dtype == np.int64
    k = AXES.index(axis)
    steps = np.subtract(*(np.array(np.unravel_index(values[end], shape)) for end in edges.T[::-1]))
    np.testing.assert_array_equal(steps, np.eye(4, dtype=int)[:, [k] * len(edges)])
    n = shape[k]
    assert len({tuple(edge) for edge in edges.tolist()}) == np.prod(shape) // n * (n - 1)


@given(SHAPES)
def test_the_edges_do_not_depend_on_the_layout_but_for_where_the_weights_stand(shape):
    for axis in AXES:
        blocks, filters = (
            to_matrix(numbered(shape), layout).ravel()[edges_along(shape, axis, layout)]
            for layout in LAYOUTS
        )
        np.testing.assert_array_equal(blocks, filters)


@given(SHAPES, st.sampled_from(LAYOUTS))
def test_the_edges_are_the_neighbours_in_the_image_and_no_others(shape, layout):
    values = to_matrix(numbered(shape), layout).ravel()
    found = {
        frozenset((int(values[a]), int(values[b]))) for a, b in edges_within_kernels(shape, layout)
    }
    expected = set()
    for f, c, u, v in np.ndindex(shape):
        here = int(np.ravel_multi_index((f, c, u, v), shape))
        if u + 1 < shape[2]:
            expected.add(frozenset((here, int(np.ravel_multi_index((f, c, u + 1, v), shape)))))
        if v + 1 < shape[3]:
            expected.add(frozenset((here, int(np.ravel_multi_index((f, c, u, v + 1), shape)))))
    assert found == expected
    assert len(edges_within_kernels(shape, layout)) == len(expected)


def test_one_kernel_alone_is_a_grid():
    """With one filter and one channel the graph of its edges gives the grid's answer."""
    shape, evidence = (1, 1, 4, 3), np.random.default_rng(0).normal(size=(4, 3))
    grid = GridSupport(-0.5, 0.2, 0.2).extrinsic(evidence, tol=1e-12, sweeps=200)
    graph = GraphSupport(edges_within_kernels(shape), 0.2, -0.5)
    answer = graph.extrinsic(evidence, tol=1e-12, sweeps=200)
    np.testing.assert_allclose(answer.log_odds, grid.log_odds, atol=1e-9)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_each_of_many_kernels_is_a_grid_of_its_own(layout):
    """So the graph's answer for a layer is the grid's for each kernel, in either layout."""
    shape = (3, 2, 3, 3)
    evidence = np.random.default_rng(1).normal(size=shape)
    edges = edges_within_kernels(shape, layout)
    half = len(edges) // 2  # square kernels: as many pairs down as along
    J = np.repeat([0.3, 0.15], half)
    matrix = GraphSupport(edges, J, -0.5).extrinsic(to_matrix(evidence, layout), **TIGHT).log_odds
    answer = to_kernel(matrix, shape, layout)
    grid = GridSupport(-0.5, coupling_row=0.15, coupling_col=0.3)
    for f, c in np.ndindex(shape[:2]):
        alone = grid.extrinsic(evidence[f, c], **TIGHT).log_odds
        np.testing.assert_allclose(answer[f, c], alone, atol=1e-10)


def test_the_grid_over_the_blocks_is_the_graph_with_the_borders_edges_too():
    shape = (3, 2, 3, 2)
    evidence = to_matrix(np.random.default_rng(2).normal(size=shape))
    edges = np.array(grid_edges(evidence.shape))
    J = np.where(edges[:, 1] - edges[:, 0] == 1, 0.1, 0.25)  # along a row, down a column
    graph = GraphSupport(edges, J, -0.5).extrinsic(evidence, **TIGHT).log_odds
    grid = GridSupport(-0.5, coupling_row=0.1, coupling_col=0.25).extrinsic(evidence, **TIGHT)
    np.testing.assert_allclose(graph, grid.log_odds, atol=1e-10)
    within = {tuple(edge) for edge in edges_within_kernels(shape).tolist()}
    assert within < {tuple(edge) for edge in edges.tolist()}
    less = GraphSupport(edges_within_kernels(shape), 0.1, -0.5).extrinsic(evidence, **TIGHT)
    assert not np.allclose(less.log_odds, grid.log_odds, atol=1e-3)


def test_channels_hear_each_other_if_asked_to():
    shape = (2, 3, 1, 2)
    edges = np.concatenate([edges_within_kernels(shape), edges_along(shape, "C")])
    quiet, loud = np.zeros(shape), np.zeros(shape)
    loud[0, 0, 0, 0] = 5.0
    graph = GraphSupport(edges, 0.2, -1.0)
    before, after = (
        to_kernel(graph.extrinsic(to_matrix(e), **TIGHT).log_odds, shape) for e in (quiet, loud)
    )
    assert (after[0, 1:] > before[0, 1:]).all()
    np.testing.assert_allclose(after[1], before[1])


def test_the_uniqueness_value_of_kernels_of_three_by_three():
    graph = GraphSupport(edges_within_kernels((2, 2, 3, 3)), 0.4)
    assert graph.uniqueness == pytest.approx(np.sqrt(3) * np.tanh(0.4), rel=1e-6)


def test_kernels_without_edges_between_them_do_not_hear_each_other():
    shape = (2, 2, 3, 3)
    graph = GraphSupport(edges_within_kernels(shape), 0.3, -1.0)
    quiet = to_matrix(np.zeros(shape))
    loud = np.zeros(shape)
    loud[0, 0] = 5.0
    answers = [graph.extrinsic(e, tol=1e-10, sweeps=200).log_odds for e in (quiet, to_matrix(loud))]
    before, after = (to_kernel(answer, shape) for answer in answers)
    assert (after[0, 0] > before[0, 0]).all()
    np.testing.assert_allclose(after[1], before[1])
    np.testing.assert_allclose(after[0, 1], before[0, 1])


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: to_matrix(np.zeros((2, 2))), r"kernel must have 4 axes \(F, C, kh, kw\)"),
        (lambda: to_matrix(np.zeros((1, 1, 1, 1)), "rows"), "layout must be one of"),
        (lambda: to_kernel(np.zeros((2, 2)), (1, 1, 3, 3)), r"must have shape \(3, 3\)"),
        (lambda: to_kernel(np.zeros((9, 2)), (1, 1, 3, 3), "filters"), r"must have shape \(9, 1\)"),
        (lambda: edges_within_kernels((3, 3)), "shape must be"),
        (lambda: edges_within_kernels((1, 1, 0, 3)), r"shape\[2\] must be a whole number >= 1"),
        (lambda: edges_within_kernels((1, 1, -1, 3)), r"shape\[2\] must be a whole number >= 1"),
        (lambda: edges_along((1, 1, 3, 3), "rows"), "axis must be one of 'F', 'C', 'kh', 'kw'"),
        (lambda: edges_along((1, 1, 3, 3), "C", "rows"), "layout must be one of"),
        (lambda: block_borders((1, 1, 3, 3), "rows"), "layout must be one of"),
        (lambda: to_matrix([[[[1, 2]], [[1]]]]), "kernel must be a rectangular array"),
        (lambda: to_kernel([[1, 2], [3]], (1, 1, 2, 2)), "matrix must be a rectangular array"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(call, words):
    with pytest.raises(ValueError, match=words):
        call()


@pytest.mark.parametrize("function", [edges_within_kernels, block_borders])
@pytest.mark.parametrize(
    ("shape", "words"),
    [(5, "shape must be"), (None, "shape must be"), ((1, 1, 2.0, 2), r"shape\[2\] must be")],
)
def test_a_shape_of_the_wrong_kind_is_refused_by_name(function, shape, words):
    with pytest.raises(TypeError, match=words):
        function(shape)
    with pytest.raises(TypeError, match=words):
        to_kernel(np.zeros((2, 2)), shape)

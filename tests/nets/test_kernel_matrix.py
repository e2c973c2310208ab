"""A convolution's weights as a matrix: nothing is lost, and neighbours are where they should be."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tvbi_ref import GraphSupport, GridSupport
from tvbi_ref.nets.kernel_matrix import LAYOUTS, edges_within_kernels, to_kernel, to_matrix

SHAPES = st.tuples(*(st.integers(1, 4) for _ in range(4)))


def numbered(shape):
    return np.arange(np.prod(shape)).reshape(shape)


@given(SHAPES, st.sampled_from(LAYOUTS), st.sampled_from([bool, np.float32, np.int64]))
def test_the_round_trip_is_exact(shape, layout, dtype):
    kernel = (numbered(shape) % 7).astype(dtype)
    matrix = to_matrix(kernel, layout)
    back = to_kernel(matrix, shape, layout)
    assert matrix.dtype == back.dtype == dtype
    np.testing.assert_array_equal(back, kernel)
    assert matrix.sum() == kernel.sum()


@given(SHAPES)
def test_a_step_inside_a_block_is_a_step_in_the_image(shape):
    F, C, kh, kw = shape
    matrix = to_matrix(numbered(shape))
    place = {int(n): np.unravel_index(n, shape) for n in matrix.ravel()}
    for i in range(C * kh):
        for j in range(F * kw):
            f, c, u, v = place[int(matrix[i, j])]
            assert (c, u, f, v) == (i // kh, i % kh, j // kw, j % kw)


@given(SHAPES)
def test_a_column_of_the_filters_layout_is_one_filters_fan_in(shape):
    kernel = numbered(shape)
    for f, column in enumerate(to_matrix(kernel, "filters").T):
        np.testing.assert_array_equal(column, kernel[f].ravel())


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_one_by_one_convolution_is_a_dense_layer(layout):
    dense = np.arange(12).reshape(4, 3)  # 4 inputs, 3 outputs
    np.testing.assert_array_equal(to_matrix(dense.T[:, :, None, None], layout), dense)


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
        (lambda: to_matrix(np.zeros((2, 2))), r"kernel must be \(F, C, kh, kw\), four axes"),
        (lambda: to_matrix(np.zeros((1, 1, 1, 1)), "rows"), "layout must be one of"),
        (lambda: to_kernel(np.zeros((2, 2)), (1, 1, 3, 3)), r"must have shape \(3, 3\)"),
        (lambda: to_kernel(np.zeros((9, 2)), (1, 1, 3, 3), "filters"), r"must have shape \(9, 1\)"),
        (lambda: edges_within_kernels((3, 3)), "shape must be"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(call, words):
    with pytest.raises(ValueError, match=words):
        call()

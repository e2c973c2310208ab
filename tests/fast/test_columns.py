"""Activations features first: every input goes there and back, whatever the batch."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

pytest.importorskip("numba", exc_type=ImportError)

from tvbi_ref.fast.columns import ALIGNMENT, IMAGES, LANES, ROWS, as_columns, by_columns

SHAPES = [(5,), (2, 3, 4)]


@pytest.mark.parametrize("shape", SHAPES, ids=["features", "images"])
@pytest.mark.parametrize("B", [2, LANES, LANES + 1])
def test_inputs_stand_side_by_side_from_a_line_of_memory_on_and_the_rest_is_zero(B, shape, rng):
    x = rng.normal(size=(B, *shape))
    columns = as_columns(x, np.float32)
    assert columns.shape == (*shape, -(-B // LANES) * LANES)
    assert columns.dtype == np.float32
    assert columns.flags.c_contiguous
    assert columns.ctypes.data % ALIGNMENT == 0
    assert_array_equal(np.moveaxis(columns, -1, 0)[:B], x.astype(np.float32))
    assert not columns[..., B:].any()


def test_a_single_input_is_not_filled_up(rng):
    x = rng.normal(size=(1, 2, 3))
    columns = as_columns(x, np.float64)
    assert_array_equal(columns[..., 0], x[0])
    columns[...] = 0
    assert x.any()  # a copy


@pytest.mark.parametrize("work", [1, 2**24], ids=["one thread", "two threads"])
@pytest.mark.parametrize("shape", SHAPES, ids=["features", "images"])
@pytest.mark.parametrize("B", [0, 1, 2, IMAGES + 1, ROWS, 2 * ROWS + 3])
def test_all_inputs_come_back_once_and_in_order(B, shape, work, rng):
    x = rng.normal(size=(B, *shape))
    sizes = []

    def twice(columns):
        sizes.append(columns.shape[-1])
        return 2 * columns

    answer = by_columns(x, twice, np.float64, lambda: work)
    assert_array_equal(answer, 2 * x)
    assert answer.flags.c_contiguous
    assert max(sizes) <= (ROWS if len(shape) == 1 else max(IMAGES, LANES))

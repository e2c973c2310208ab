"""Pooling: against loops over the tiles, ties, sizes that do not divide, gradients."""

import numpy as np
import pytest

from tvbi_ref import compress, use
from tvbi_ref.nets import AveragePool, Flatten, MaxPool, Tanh, cnn
from tvbi_ref.school.checks import check_gradients

POOLS = {MaxPool: np.max, AveragePool: np.mean}
SIZES = [1, 2, 3]


def images(size, dtype=np.float64, seed=0):
    x = np.random.default_rng(seed).normal(size=(2, 3, 2 * size, 4 * size))
    return x.astype(dtype)


def tiles(x, size):
    """Yield ((b, c, i, j), that tile of that image)."""
    for b, c, i, j in np.ndindex(*x.shape[:2], x.shape[2] // size, x.shape[3] // size):
        yield (b, c, i, j), x[b, c, i * size : (i + 1) * size, j * size : (j + 1) * size]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("pool", POOLS)
def test_an_output_is_the_maximum_or_the_mean_of_its_tile(pool, size):
    x = images(size)
    z = pool(size).forward(x)
    assert z.shape == (2, 3, 2, 4)
    for index, tile in tiles(x, size):
        assert z[index] == pytest.approx(POOLS[pool](tile), rel=1e-14)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("pool", POOLS)
def test_the_gradients_of_pooling_are_finite_differences(pool, size):
    report = check_gradients(pool(size), images(size))
    assert report.passed, report
    assert report.kinks == 0


@pytest.mark.parametrize("size", SIZES)
def test_of_equal_maxima_the_first_in_reading_order_gets_the_whole_gradient(size):
    rng = np.random.default_rng(0)
    x = rng.integers(2, size=(40, 3, 2 * size, 4 * size)).astype(float)  # ties everywhere
    pool = MaxPool(size)
    grad = rng.normal(size=pool.forward(x).shape)
    d_x = pool.backward(grad)
    n_ties = 0
    for (index, tile), (_, d_tile) in zip(tiles(x, size), tiles(d_x, size), strict=True):
        first = np.unravel_index(np.argmax(tile), tile.shape)  # argmax: the first in that order
        expected = np.zeros(tile.shape)
        expected[first] = grad[index]
        np.testing.assert_array_equal(d_tile, expected)
        n_ties += (tile == tile.max()).sum() > 1
    assert size == 1 or n_ties > 50


def test_a_tie_is_a_kink_and_reported_as_one():
    x = images(2)
    x[0, 0, :2, :2] = 7.0
    report = check_gradients(MaxPool(2), x)
    assert report.passed, report
    assert report.kinks == 4


@pytest.mark.parametrize("size", SIZES)
def test_average_pooling_shares_the_gradient_evenly(size):
    pool = AveragePool(size)
    grad = np.random.default_rng(0).normal(size=pool.forward(images(size)).shape)
    for index, tile in tiles(pool.backward(grad), size):
        np.testing.assert_allclose(tile, grad[index] / size**2, rtol=1e-15)


@pytest.mark.parametrize("pool", POOLS)
def test_not_a_number_passes_through_so_that_divergence_is_seen(pool):
    x = images(2)
    x[0, 0, 1, 1] = np.nan
    z = pool(2).forward(x)
    assert np.isnan(z[0, 0, 0, 0])
    assert np.isnan(z).sum() == 1


@pytest.mark.parametrize("sides", [(5, 4), (4, 5), (3, 3), (7, 8), (7, 2)])
@pytest.mark.parametrize("pool", POOLS)
@pytest.mark.parametrize("engine", ["numpy", "numba"])
def test_pixels_that_fill_no_tile_are_left_out(pool, sides, engine):
    if engine == "numba":
        pytest.importorskip("numba")
    x, layer, other = np.random.default_rng(0).normal(size=(2, 3, *sides)), pool(2), pool(2)
    H, W = (side // 2 * 2 for side in sides)
    with use(engine):
        z = layer.forward(x)
        np.testing.assert_array_equal(z, other.forward(x[:, :, :H, :W].copy()))
        d_x = layer.backward(z)
        np.testing.assert_array_equal(d_x[:, :, :H, :W], other.backward(z))
    assert d_x.shape == x.shape
    assert not d_x[:, :, H:].any()
    assert not d_x[:, :, :, W:].any()
    report = check_gradients(pool(2), x)
    assert report.passed, report


@pytest.mark.parametrize("name", ["max", "average"])
def test_a_network_with_odd_sides_is_compressed_and_predicts_the_same(name):
    net = cnn((2, 9, 7), [(4, 3, 1, 1, 2), (3, 2)], [5, 3], seed=0, pool=name)
    for layer in net.weight_layers:
        layer.prune(np.random.default_rng(0).random(layer.mean.value.shape) < 0.4)
    x = np.random.default_rng(1).normal(size=(6, 2, 9, 7))
    np.testing.assert_allclose(compress(net).predict(x), net.predict(x), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("pool", POOLS)
def test_sides_shorter_than_a_tile_are_refused(pool):
    with pytest.raises(ValueError, match=r"\bx\b.*at least 2.*got \(1, 2\)"):
        pool(2).forward(np.ones((1, 1, 1, 2)))


@pytest.mark.parametrize("pool", POOLS)
def test_rows_are_refused(pool):
    with pytest.raises(ValueError, match=r"\bx\b.*4 axes"):
        pool(2).forward(np.ones((3, 16)))


@pytest.mark.parametrize(
    ("size", "error"), [(0, ValueError), (1.5, TypeError), ((2, 2), TypeError)]
)
@pytest.mark.parametrize("pool", POOLS)
def test_a_bad_size_is_refused_by_name(pool, size, error):
    with pytest.raises(error, match=r"\bsize\b"):
        pool(size)


def test_a_gradient_of_the_wrong_shape_is_refused_by_name():
    for pool in POOLS:
        layer = pool(2)
        layer.forward(images(2))
        with pytest.raises(ValueError, match=r"\bgrad\b"):
            layer.backward(images(2))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "layer", [MaxPool(2), AveragePool(2), Tanh(), Flatten()], ids=lambda layer: type(layer).__name__
)
def test_layers_without_weights_keep_dtype_and_arguments(layer, dtype):
    x = images(2, dtype)
    kept = x.copy()
    z = layer.forward(x)
    g = np.ones_like(z)
    assert z.dtype == layer.backward(g).dtype == dtype
    assert layer.backward(g).shape == x.shape
    np.testing.assert_array_equal(x, kept)
    np.testing.assert_array_equal(g, 1)
    assert layer.parameters() == []


@pytest.mark.parametrize("layer", [Tanh(), Flatten()], ids=lambda layer: type(layer).__name__)
def test_the_gradients_of_tanh_and_flatten_are_finite_differences(layer):
    report = check_gradients(layer, images(2))
    assert report.passed, report

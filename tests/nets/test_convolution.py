"""The fast convolution against the readable one, and the layer built on it."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

import tvbi_ref
from tvbi_ref import nets
from tvbi_ref.nets import local_reparam
from tvbi_ref.nets.convolution import columns_of, conv_backward, draw_conv, standard_normal
from tvbi_ref.nets.local_reparam import correlate, correlate_backward
from tvbi_ref.school.checks import check_gradients

GEOMETRIES = [(1, 0), (1, 2), (2, 0), (2, 1), (3, 2)]
"""Strides and paddings; with images of 6 by 5 most strides leave pixels over."""


def arguments(stride, padding, dtype=np.float64, B=5, F=4):
    """Return (x, mean, variance, bias, noise, grad) for images of 6 by 5, kernels of 3 by 2."""
    rng = np.random.default_rng(0)
    x, mean, bias = (rng.normal(size=shape) for shape in ((B, 3, 6, 5), (F, 3, 3, 2), (F,)))
    variance = np.exp(rng.uniform(-3, 0, mean.shape))
    shape = correlate(x, mean, stride, padding).shape
    noise, grad = rng.normal(size=(2, *shape))
    return tuple(a.astype(dtype) for a in (x, mean, variance, bias, noise, grad))


def all_results(engine, stride, padding, dtype, **sizes):
    """Return what every function of a convolution gives."""
    x, mean, variance, bias, noise, grad = arguments(stride, padding, dtype, **sizes)
    how, memory = (stride, padding), {}
    with tvbi_ref.use(engine):
        results = [correlate(x, mean, *how), *correlate_backward(x, mean, grad, *how)]
        results.append(draw_conv(x, mean, variance, bias, noise, *how, memory))
        out = tuple(np.empty_like(like) for like in (mean, mean, bias))
        d_x = conv_backward(x, mean, variance, noise, grad, *how, memory, True, out)
    return [*results, *out, d_x]


@pytest.mark.parametrize("sizes", [{"B": 5, "F": 4}, {"B": 33, "F": 25}], ids=str)
@pytest.mark.parametrize(("stride", "padding"), GEOMETRIES)
@pytest.mark.parametrize(("dtype", "rtol"), [(np.float64, 1e-12), (np.float32, 2e-5)])
def test_a_fast_convolution_is_right_for_whole_and_for_broken_tiles(
    stride, padding, dtype, rtol, sizes
):
    pytest.importorskip("numba")
    engines = (all_results(each, stride, padding, dtype, **sizes) for each in ("numba", "numpy"))
    for ours, theirs in zip(*engines, strict=True):
        assert ours.dtype == dtype
        np.testing.assert_allclose(ours, theirs, rtol=rtol, atol=rtol * np.abs(theirs).max())


@given(
    st.tuples(*[st.integers(1, 3)] * 3),
    st.tuples(*[st.integers(1, 3)] * 2),
    st.tuples(*[st.integers(0, 3)] * 2),
    st.integers(1, 4),
    st.integers(0, 2),
    st.integers(0, 2**31),
)
def test_both_convolutions_are_the_product_with_the_columns_for_every_geometry(
    counts, kernel_size, more, stride, padding, seed
):
    (B, C, F), rng = counts, np.random.default_rng(seed)
    sides = [max(1, k + m - 2 * padding) for k, m in zip(kernel_size, more, strict=True)]
    x, kernel = rng.normal(size=(B, C, *sides)), rng.normal(size=(F, C, *kernel_size))
    z = correlate(x, kernel, stride, padding)
    grad, X = rng.normal(size=z.shape), columns_of(x, kernel_size, stride, padding)
    rows = kernel.reshape(F, -1) @ X
    np.testing.assert_allclose(z.swapaxes(0, 1).reshape(F, -1), rows, rtol=1e-9, atol=1e-12)
    d_kernel, d_x = correlate_backward(x, kernel, grad, stride, padding)
    expected = grad.swapaxes(0, 1).reshape(F, -1) @ X.T
    np.testing.assert_allclose(d_kernel.reshape(F, -1), expected, rtol=1e-9, atol=1e-12)
    # Linear in x, so <x, dx> = <z, g>.
    assert np.vdot(x, d_x) == pytest.approx(np.vdot(z, grad), rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("needs_dx", [True, False])
def test_the_way_back_leaves_its_arguments_alone_but_for_what_it_fills(needs_dx):
    given_arrays = arguments(2, 1)
    kept = [array.copy() for array in given_arrays]
    x, mean, variance, bias, noise, grad = given_arrays
    memory, out = {}, tuple(np.full_like(like, np.nan) for like in (mean, mean, bias))
    draw_conv(x, mean, variance, bias, noise, 2, 1, memory)
    conv_backward(x, mean, variance, noise, grad, 2, 1, memory, needs_dx, out)
    correlate_backward(x, mean, grad, 2, 1)
    x1, kernel = np.ones((2, 3, 1, 1)), np.full((4, 3, 1, 1), 2.0)  # its columns could be a view
    draw_conv(x1, kernel, kernel, bias, np.ones((2, 4, 1, 1)), 1, 0, {})
    np.testing.assert_array_equal(x1, 1)
    for before, after in zip(kept, given_arrays, strict=True):
        np.testing.assert_array_equal(before, after)
    expected = nets.local_reparam_conv_backward(x, mean, variance, noise, grad, 2, 1)
    for ours, theirs in zip(out, expected, strict=False):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12)


def test_the_columns_of_a_large_batch_are_never_held():
    """64 images of 3 x 32 x 32 under kernels of 5: the columns would take 20 MB."""
    pytest.importorskip("numba")
    rng = np.random.default_rng(0)
    layer = nets.Conv2D(3, 4, 5, rng, padding=2)
    x = rng.normal(size=(64, 3, 32, 32)).astype(np.float32)
    tracemalloc.start()
    with tvbi_ref.use("numba"):
        layer.backward(layer.forward(x, rng))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    outputs = 64 * 4 * 32 * 32 * 4
    assert peak < 6 * outputs + 8 * x.nbytes < 13e6


# The layer


def random_conv(seed=0, keep=None, **options):
    """Return a float64 layer with visible variances and biases."""
    rng = np.random.default_rng(seed)
    layer = nets.Conv2D(2, 3, (3, 2), rng, dtype=np.float64, **options)
    layer.log_variance.value[...] = rng.uniform(-3, 0, layer.mean.value.shape)
    layer.bias.value[...] = rng.normal(size=3)
    if keep is not None:
        layer.prune(keep)
    return layer


KEEP = np.random.default_rng(9).random((3, 2, 3, 2)) < 0.5
IMAGES = np.random.default_rng(8).normal(size=(3, 2, 6, 5))


@pytest.mark.parametrize("noise_seed", [None, 5])
@pytest.mark.parametrize("keep", [None, KEEP], ids=["whole", "pruned"])
@pytest.mark.parametrize(("stride", "padding"), GEOMETRIES)
@pytest.mark.slow
def test_the_gradients_of_a_convolution_are_finite_differences(stride, padding, keep, noise_seed):
    layer = random_conv(stride=stride, padding=padding)
    if keep is not None:
        layer.mask = keep  # and the means under it as they are: they must have no effect
    report = check_gradients(layer, IMAGES, noise_seed=noise_seed)
    assert report.passed, report
    assert report.kinks == 0
    assert report.worst < 1e-8


def test_a_layer_is_the_readable_function_of_its_noise():
    layer = random_conv(stride=2, padding=1)
    z = layer.forward(IMAGES, np.random.default_rng(4))
    noise = standard_normal(np.random.default_rng(4), z.shape, np.float64)
    expected = nets.local_reparam_conv(
        IMAGES, layer.mean.value, layer.variance, layer.bias.value, noise, 2, 1
    )
    np.testing.assert_allclose(z, expected, rtol=1e-12)


def test_without_a_generator_the_output_is_the_mean():
    layer = random_conv(padding=1)
    expected = local_reparam.correlate(IMAGES, layer.mean.value, 1, 1)
    expected += layer.bias.value[:, None, None]
    np.testing.assert_allclose(layer.forward(IMAGES), expected, rtol=1e-12)


def test_the_initial_kernels_are_he_normal():
    layer = nets.Conv2D(20, 30, 5, np.random.default_rng(0), dtype=np.float64)
    normal = stats.norm(0, np.sqrt(2 / (20 * 5 * 5)))
    assert stats.kstest(layer.mean.value.ravel(), normal.cdf).pvalue > 1e-4


@pytest.mark.parametrize("with_noise", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_convolution_keeps_its_dtype(dtype, with_noise):
    layer = nets.Conv2D(2, 3, 3, np.random.default_rng(0), padding=1, dtype=dtype)
    rng = np.random.default_rng(0) if with_noise else None
    z = layer.forward(IMAGES.astype(dtype), rng)
    assert z.dtype == layer.backward(z).dtype == dtype
    for p in layer.parameters():
        assert p.value.dtype == p.grad.dtype == dtype


def test_a_pruned_kernel_entry_has_neither_mean_nor_variance_nor_gradient():
    layer = random_conv(keep=KEEP)
    np.testing.assert_array_equal(layer.mean.value[~KEEP], 0)
    np.testing.assert_array_equal(layer.variance[~KEEP], 0)
    assert (layer.variance[KEEP] > 0).all()
    layer.backward(layer.forward(IMAGES, np.random.default_rng(0)))
    np.testing.assert_array_equal(layer.mean.grad[~KEEP], 0)
    np.testing.assert_array_equal(layer.log_variance.grad[~KEEP], 0)
    assert (layer.mean.grad[KEEP] != 0).all()


def test_a_second_pruning_takes_away_and_gives_nothing_back():
    layer = random_conv(keep=KEEP)
    layer.prune(~KEEP)
    assert not layer.mask.any()
    z = layer.forward(IMAGES, np.random.default_rng(0))
    for gradient in (layer.backward(z), *(p.grad for p in layer.parameters())):
        assert np.isfinite(gradient).all()


# As a matrix


@pytest.mark.parametrize("layout", ["blocks", "filters"])
def test_matrix_and_from_matrix_are_inverse_and_cover_every_weight(layout):
    layer = random_conv(layout=layout)
    numbers = np.arange(layer.mean.value.size).reshape(layer.mean.value.shape)
    matrix = layer.matrix(numbers)
    assert matrix.shape == layer.matrix_shape
    assert sorted(matrix.ravel()) == list(range(numbers.size))
    np.testing.assert_array_equal(layer.from_matrix(matrix), numbers)
    assert layer.matrix(KEEP).dtype == layer.from_matrix(layer.matrix(KEEP)).dtype == bool
    for array in (matrix, layer.from_matrix(matrix), layer.matrix(KEEP)):
        assert array.flags.c_contiguous  # kernels ask for it


def test_the_matrix_of_blocks_has_kernels_as_blocks():
    layer = random_conv(layout="blocks")
    M, K = layer.matrix(layer.mean.value), layer.mean.value
    assert M.shape == (2 * 3, 3 * 2)
    for f, c in np.ndindex(3, 2):
        np.testing.assert_array_equal(M[3 * c : 3 * c + 3, 2 * f : 2 * f + 2], K[f, c])


def test_the_matrix_of_filters_has_a_column_for_each():
    layer = random_conv(layout="filters")
    M, K = layer.matrix(layer.mean.value), layer.mean.value
    np.testing.assert_array_equal(M, K.reshape(3, -1).T)


def test_a_mask_that_is_a_matrix_prunes_the_kernels_that_it_stands_for():
    layer = random_conv()
    keep = np.random.default_rng(3).random(layer.matrix_shape) < 0.5
    layer.prune(layer.from_matrix(keep))
    np.testing.assert_array_equal(layer.matrix(layer.mean.value) != 0, keep)


def test_a_dense_layer_is_its_own_matrix():
    layer = nets.Dense(3, 2, np.random.default_rng(0))
    assert layer.matrix_shape == layer.widths == (3, 2)
    assert layer.matrix(layer.mean.value) is layer.mean.value
    assert layer.from_matrix(layer.mean.value) is layer.mean.value


# Wrong arguments


def build(**changes):
    rng = np.random.default_rng(0)
    standard = {"n_channels": 2, "n_filters": 3, "kernel_size": 3, "rng": rng}
    return nets.Conv2D(**standard | changes)


BAD_LAYERS = {
    "no channels": ({"n_channels": 0}, ValueError),
    "half a filter": ({"n_filters": 1.5}, TypeError),
    "no kernel": ({"kernel_size": 0}, ValueError),
    "a kernel of three sides": ({"kernel_size": (3, 3, 3)}, ValueError),
    "a kernel in words": ({"kernel_size": "three"}, TypeError),
    "no stride": ({"stride": 0}, ValueError),
    "two strides": ({"stride": (1, 2)}, TypeError),
    "negative padding": ({"padding": -1}, ValueError),
    "padding in words": ({"padding": "same"}, TypeError),
    "an unknown layout": ({"layout": "rows"}, ValueError),
}


@pytest.mark.parametrize("what", BAD_LAYERS)
def test_a_bad_argument_of_a_convolution_is_refused_by_name(what):
    changes, error = BAD_LAYERS[what]
    (name,) = changes
    with pytest.raises(error, match=rf"\b{name}\b"):
        build(**changes)


BAD_IMAGES = {
    "rows": (np.ones((4, 72)), "4 axes"),
    "one image without its axis": (np.ones((2, 6, 6)), "4 axes"),
    "three channels": (np.ones((4, 3, 6, 6)), "with C = 2"),
    "images smaller than the kernel": (np.ones((4, 2, 6, 2)), "at least as large"),
}


@pytest.mark.parametrize("noise_seed", [None, 0])
@pytest.mark.parametrize("what", BAD_IMAGES)
def test_bad_images_are_refused(what, noise_seed):
    x, words = BAD_IMAGES[what]
    rng = None if noise_seed is None else np.random.default_rng(noise_seed)
    with pytest.raises(ValueError, match=rf"\bx\b.*{words}"):
        build().forward(x, rng)


def test_bad_masks_and_gradients_are_refused():
    layer = build()
    for keep in (np.ones((6, 9), bool), np.ones((3, 2, 3, 3))):
        with pytest.raises(ValueError, match=r"\bkeep\b"):
            layer.prune(keep)
    for rng in (None, np.random.default_rng(0)):
        layer.forward(np.ones((1, 2, 6, 6), np.float32), rng)
        with pytest.raises(ValueError, match=r"\bgrad\b"):
            layer.backward(np.ones((1, 3, 6, 6), np.float32))


def test_a_double_image_and_a_single_layer_compute_in_double_as_a_dense_layer_does():
    layer = build()
    dense = nets.Dense(72, 3, np.random.default_rng(0))
    for rng in (None, np.random.default_rng(0)):
        for weights, x in ((layer, np.ones((2, 2, 6, 6))), (dense, np.ones((2, 72)))):
            z = weights.forward(x, rng)
            assert z.dtype == weights.backward(z).dtype == np.float64

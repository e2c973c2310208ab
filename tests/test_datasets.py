"""Data sets: splits are partitions, teachers reproduce their targets, bad files are refused."""

import gzip
import hashlib
import struct
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import hypothesis.extra.numpy as hnp
import numpy as np
import pooch
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from requests.exceptions import ConnectionError as NoNetworkError
from sklearn import datasets as sklearn_datasets

from tvbi_ref import datasets
from tvbi_ref.datasets import (
    LOADERS,
    Dataset,
    SyntheticDataset,
    TargetScale,
    load,
    load_boston,
    load_digits,
    load_mnist,
    load_synthetic,
    read_idx,
)
from tvbi_ref.errors import DataCorruptedError, DataUnavailableError, NonFiniteError


def rows(*arrays):
    """Return the rows of all arrays, sorted: two lists are equal when they hold the same rows."""
    return sorted(row.tobytes() for array in arrays for row in array)


def toy(**changes):
    arguments = {
        "x_train": np.arange(12.0).reshape(6, 2),
        "y_train": np.array([0, 1, 0, 1, 0, 1]),
        "x_test": np.ones((2, 2)),
        "y_test": np.array([1, 0]),
        "name": "toy",
        "n_classes": 2,
    }
    return Dataset(**(arguments | changes))


def toy_regression(**changes):
    targets = {"y_train": np.arange(6.0)[:, None], "y_test": np.ones((2, 1)), "n_classes": None}
    return toy(**(targets | changes))


# --- Dataset ------------------------------------------------------------------------------


def test_arrays_are_contiguous_and_of_the_promised_types():
    data = toy(x_train=np.asfortranarray(np.ones((6, 2))), y_train=np.zeros(6, dtype=np.uint8))
    assert data.x_train.flags.c_contiguous
    assert data.x_train.dtype == data.x_test.dtype == np.float32
    assert data.y_train.dtype == data.y_test.dtype == np.int64
    assert toy_regression().y_train.dtype == np.float32
    assert data.feature_shape == (2,)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"x_train": np.ones(6)}, ValueError, "x_train must have 2 axes"),
        ({"x_test": np.ones((2, 3))}, ValueError, r"x_test must have shape \(n, 2\)"),
        ({"x_test": np.ones((0, 2))}, ValueError, "x_test is empty"),
        ({"x_train": np.full((6, 2), np.nan)}, NonFiniteError, "x_train has 12 entries"),
        ({"x_train": np.full((6, 2), "a")}, TypeError, "x_train must be a real array"),
        ({"y_train": np.zeros(5, dtype=int)}, ValueError, r"y_train must have shape \(6,\)"),
        ({"y_test": np.array([0, 2])}, ValueError, "y_test must hold labels from 0 to 1; got 2"),
        ({"y_test": np.array([0, -1])}, ValueError, "y_test must hold labels from 0 to 1; got -1"),
        ({"y_test": np.array([0.0, 1.0])}, TypeError, "y_test must hold integer class labels"),
        ({"n_classes": 1}, ValueError, "n_classes must be a whole number >= 2"),
        ({"n_classes": None}, ValueError, "y_train must have 2 axes"),
        ({"x_valid": np.ones((1, 2))}, ValueError, "got no y_valid"),
        ({"y_valid": np.array([1])}, ValueError, "got no x_valid"),
        ({"feature_shape": (3, 1)}, ValueError, "feature_shape must hold 2 features"),
        ({"feature_shape": (-1, -2)}, ValueError, "feature_shape must be a whole number >= 1"),
    ],
)
def test_what_does_not_fit_together_is_refused(changes, error, message):
    with pytest.raises(error, match=message):
        toy(**changes)


def test_regression_targets_must_match_rows_and_each_other():
    with pytest.raises(ValueError, match="y_train must have 6 rows"):
        toy_regression(y_train=np.ones((5, 1)))
    with pytest.raises(ValueError, match=r"y_test must have shape \(n, 1\)"):
        toy_regression(y_test=np.ones((2, 3)))


def test_repr_says_sizes_and_no_numbers():
    assert repr(toy()) == "Dataset('toy': 6 train, 2 test; 2 features; 2 classes)"
    assert repr(toy_regression()) == "Dataset('toy': 6 train, 2 test; 2 features; 1 target)"


@settings(max_examples=20, deadline=None)
@given(fraction=st.floats(0.05, 0.6), seed=st.integers(0, 2**32 - 1))
def test_validation_is_a_stratified_partition_that_keeps_the_order(fraction, seed):
    n = 200
    y = np.arange(n) % 5
    data = toy(x_train=np.arange(2.0 * n).reshape(n, 2), y_train=y, n_classes=5)
    split = data.with_validation(fraction, seed=seed)
    assert rows(split.x_train, split.x_valid) == rows(data.x_train)
    for x, labels in ((split.x_train, split.y_train), (split.x_valid, split.y_valid)):
        assert (np.diff(x[:, 0]) > 0).all()
        np.testing.assert_array_equal(labels, (x[:, 0] // 2) % 5)  # rows kept their labels
    expected = fraction * np.bincount(data.y_train)
    assert (np.abs(np.bincount(split.y_valid, minlength=5) - expected) <= 1.2).all()
    np.testing.assert_array_equal(split.x_test, data.x_test)


def test_validation_depends_on_the_seed_only():
    data = load_digits()
    again, other = (data.with_validation(0.2, seed=seed) for seed in (1, 2))
    np.testing.assert_array_equal(data.with_validation(0.2, seed=1).x_valid, again.x_valid)
    assert rows(again.x_valid) != rows(other.x_valid)


def test_validation_that_makes_no_sense_is_refused():
    with pytest.raises(ValueError, match=r"fraction must be a number > 0 and < 1; got 1"):
        toy().with_validation(1.0, seed=0)
    with pytest.raises(ValueError, match=r"fraction: cannot set aside 0.1 of 6 rows"):
        toy().with_validation(0.1, seed=0)
    with pytest.raises(ValueError, match="has validation rows already"):
        toy().with_validation(0.5, seed=0).with_validation(0.5, seed=0)


@settings(max_examples=30, deadline=None)
@given(
    x=hnp.arrays(np.float64, (7, 3), elements=st.integers(-50, 50)),
    scale=st.sampled_from([1e-3, 1.0, 1e3]),
)
def test_standardised_training_features_have_mean_zero_and_deviation_one_or_zero(x, scale):
    data = toy_regression(x_train=scale * x, y_train=np.ones((7, 1)), x_test=np.ones((2, 3)))
    ready = data.standardised().x_train.astype(np.float64)
    np.testing.assert_allclose(ready.mean(axis=0), 0, atol=1e-5)
    # A constant feature has no deviation to divide by: it is centred, and stays finite.
    np.testing.assert_allclose(ready.std(axis=0), np.ptp(x, axis=0) > 0, atol=1e-5)


def test_standardising_does_not_look_at_test_or_validation_rows():
    rng = np.random.default_rng(0)
    x, valid, test = (rng.normal(3, 2, (20, 2)).astype(np.float32) for _ in range(3))
    y = rng.normal(size=(20, 1))
    ready, wild = (
        Dataset(x, y, factor * test, y, "toy", x_valid=factor * valid, y_valid=y).standardised()
        for factor in (1, 1000)
    )
    np.testing.assert_array_equal(ready.x_train, wild.x_train)
    mean, std = x.mean(axis=0, dtype=np.float64), x.std(axis=0, dtype=np.float64)
    np.testing.assert_allclose(ready.x_test, (test - mean) / std, atol=1e-5)
    np.testing.assert_allclose(ready.x_valid, (valid - mean) / std, atol=1e-5)


def test_a_feature_constant_in_training_is_only_centred():
    data = toy(x_train=np.full((6, 2), 0.1), x_test=np.array([[0.1, 5.1], [1.1, 0.1]]))
    np.testing.assert_allclose(data.standardised().x_test, [[0, 5], [1, 0]], atol=1e-6)


def test_target_scale_undoes_the_standardisation():
    rng = np.random.default_rng(0)
    y_train, y_test = rng.normal([5, -100], [0.1, 30], (6, 2)), rng.normal(size=(2, 2))
    ready = toy_regression(y_train=y_train, y_test=y_test).standardised()
    np.testing.assert_allclose(ready.y_train.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(ready.y_train.std(axis=0), 1, atol=1e-5)
    np.testing.assert_allclose(ready.target_scale.undo(ready.y_train), y_train, rtol=1e-5)
    np.testing.assert_allclose(ready.target_scale.undo(ready.y_test), y_test, atol=1e-4)


def test_labels_are_never_standardised():
    data = toy()
    ready = data.standardised()
    np.testing.assert_array_equal(ready.y_train, data.y_train)
    assert ready.target_scale is None


def test_standardising_twice_would_lose_the_way_back():
    with pytest.raises(ValueError, match="is standardised already"):
        toy_regression().standardised().standardised()


def test_target_scale_refuses_flat_targets_and_bad_deviations():
    with pytest.raises(ValueError, match=r"y must have shape \(\.\.\., 1\)"):
        TargetScale([0.0], [1.0]).undo([1.0, 2.0])
    with pytest.raises(ValueError, match="std must be > 0"):
        TargetScale([0.0], [0.0])
    with pytest.raises(ValueError, match="std must have shape"):
        TargetScale([0.0], [1.0, 2.0])


# --- digits -------------------------------------------------------------------------------


def test_digits_are_a_partition_of_the_bundled_data():
    data = load_digits()
    pixels, y = sklearn_datasets.load_digits(return_X_y=True)
    assert rows(data.x_train, data.x_test) == rows((pixels / 16).astype(np.float32))
    np.testing.assert_array_equal(
        np.bincount(data.y_train) + np.bincount(data.y_test), np.bincount(y)
    )
    assert data.feature_shape == (8, 8)
    assert data.x_train.min() == 0
    assert data.x_train.max() == 1


@pytest.mark.parametrize("test_fraction", [0.1, 0.2, 0.5])
def test_digits_are_stratified(test_fraction):
    data = load_digits(test_fraction=test_fraction, seed=3)
    train, test = np.bincount(data.y_train), np.bincount(data.y_test)
    assert (np.abs(test - test_fraction * (train + test)) <= 1.2).all()


def test_digits_depend_on_the_seed_only():
    first, again, other = load_digits(seed=1), load_digits(seed=1), load_digits(seed=2)
    np.testing.assert_array_equal(first.x_train, again.x_train)
    np.testing.assert_array_equal(first.y_test, again.y_test)
    assert rows(first.x_test) != rows(other.x_test)


def test_digits_refuse_a_test_part_without_every_class():
    with pytest.raises(ValueError, match="test_fraction: cannot set aside"):
        load_digits(test_fraction=0.001)


# --- synthetic ----------------------------------------------------------------------------


def teacher(data, x):
    h = x.astype(np.float64)
    for w in data.weights[:-1]:
        h = np.maximum(h @ w, 0)
    return h @ data.weights[-1]


@pytest.mark.parametrize(("density", "mean_run"), [(0.2, 8.0), (0.5, 3.0), (0.1, 1.5), (0.9, 9.0)])
def test_support_has_the_density_and_the_runs_asked_for(density, mean_run):
    data = load_synthetic(
        widths=(4000, 50), n_train=1, n_test=1, density=density, mean_run=mean_run
    )
    (support,) = data.supports
    begins = support[1:] & ~support[:-1]
    assert support.mean() == pytest.approx(density, rel=0.05)
    assert support[1:].sum() / begins.sum() == pytest.approx(mean_run, rel=0.05)


def test_support_is_stationary_from_the_first_input_on():
    (support,) = load_synthetic(widths=(4, 20_000), n_train=1, n_test=1).supports
    np.testing.assert_allclose(support.mean(axis=1), 0.2, atol=0.015)  # five standard errors


def test_weights_live_exactly_on_the_support_and_well_away_from_zero():
    data = load_synthetic(widths=(64, 48, 32))
    for support, w in zip(data.supports, data.weights, strict=True):
        np.testing.assert_array_equal(support, w != 0)
        live = np.abs(w[support])
        assert live.max() <= 3.001 * live.min()


@pytest.mark.parametrize("widths", [(64, 32), (16, 24, 8), (8, 8, 8, 2)])
def test_targets_come_from_the_weights(widths):
    data = load_synthetic(widths=widths, noise=0.0)
    np.testing.assert_allclose(data.y_train, teacher(data, data.x_train), atol=1e-5)
    np.testing.assert_allclose(data.y_test, teacher(data, data.x_test), atol=1e-5)


def test_noise_has_the_deviation_asked_for():
    data = load_synthetic(n_test=2000, noise=0.3)
    residual = data.y_test - teacher(data, data.x_test)
    assert residual.std() == pytest.approx(0.3, rel=0.02)
    assert np.abs(residual.mean()) < 0.01


@pytest.mark.parametrize("widths", [(400, 400), (400, 400, 400, 400)])
def test_outputs_have_unit_mean_square(widths):
    data = load_synthetic(widths=widths, n_train=1, noise=0.0)
    assert np.square(data.y_test).mean() == pytest.approx(1, rel=0.15)


def test_same_seed_same_bytes_and_other_seed_other_everything():
    first, again, other = (load_synthetic(seed=seed) for seed in (5, 5, 6))
    for name in ("x_train", "y_train", "x_test", "y_test"):
        np.testing.assert_array_equal(getattr(first, name), getattr(again, name))
        assert (getattr(first, name) != getattr(other, name)).any()
    np.testing.assert_array_equal(first.weights[0], again.weights[0])
    assert (first.supports[0] != other.supports[0]).any()


def test_asking_for_more_rows_changes_neither_teacher_nor_test():
    few, many = load_synthetic(n_train=10), load_synthetic(n_train=100)
    np.testing.assert_array_equal(few.weights[0], many.weights[0])
    np.testing.assert_array_equal(few.y_test, many.y_test)
    np.testing.assert_array_equal(few.x_train, many.x_train[:10])


def test_a_default_problem_is_neither_hopeless_nor_trivial():
    data = load_synthetic()
    x, y = data.x_train.astype(np.float64), data.y_train
    (support,), (w,) = data.supports, data.weights
    # Least squares on all inputs: fits every row and generalises badly.
    guess = np.linalg.lstsq(x, y, rcond=None)[0]
    assert np.abs(x @ guess - y).max() < 1e-4
    assert np.square(data.x_test @ guess - data.y_test).mean() > 0.5 * np.square(data.y_test).mean()
    # Least squares on the true support: everything is there to be found.
    known = np.zeros_like(w)
    for k in range(support.shape[1]):
        live = support[:, k]
        known[live, k] = np.linalg.lstsq(x[:, live], y[:, k], rcond=None)[0]
    assert np.square(data.x_test @ known - data.y_test).mean() < 3 * 0.3**2


def test_the_teacher_survives_a_split_and_a_standardisation():
    data = load_synthetic().with_validation(0.25, seed=0).standardised()
    assert isinstance(data, SyntheticDataset)
    assert len(data.x_valid) == 12
    np.testing.assert_array_equal(data.supports[0], load_synthetic().supports[0])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"density": 0.0}, "density must be a number > 0 and < 1"),
        ({"density": 1.0}, "density must be a number > 0 and < 1"),
        ({"mean_run": 0.9}, r"mean_run must be a number >= 1\.0"),
        ({"density": 0.9, "mean_run": 8.9}, r"mean_run must be a number >= 9\.0"),
        ({"noise": -0.1}, "noise must be a number >= 0"),
        ({"n_train": 0}, "n_train must be a whole number >= 1"),
        ({"n_test": 0}, "n_test must be a whole number >= 1"),
        ({"widths": (64,)}, "widths must name at least"),
        ({"seed": -1}, "seed must be a whole number >= 0"),
    ],
)
def test_impossible_teachers_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        load_synthetic(**arguments)


@pytest.mark.parametrize(
    ("supports", "weights", "message"),
    [
        ((np.ones((2, 1), bool),), (np.ones((3, 1)),), "weights must lead from 2 features to 1"),
        ((np.ones((2, 2), bool),), (np.ones((2, 1)),), r"supports\[0\] must be a bool array"),
        ((np.ones((2, 1)),), (np.ones((2, 1)),), r"supports\[0\] must be a bool array"),
        ((np.zeros((2, 1), bool),), (np.ones((2, 1)),), r"weights\[0\] must be 0 wherever"),
    ],
)
def test_a_teacher_that_contradicts_itself_is_refused(supports, weights, message):
    x, y = np.ones((2, 2)), np.ones((2, 1))
    with pytest.raises(ValueError, match=message):
        SyntheticDataset(x, y, x, y, "toy", supports=supports, weights=weights)


# --- IDX ----------------------------------------------------------------------------------

IDX_CODES = {"u1": 0x08, "i1": 0x09, "i2": 0x0B, "i4": 0x0C, "f4": 0x0D, "f8": 0x0E}


def idx(array):
    """Write an array as IDX (independent of the reader: from the description of the format)."""
    header = bytes([0, 0, IDX_CODES[array.dtype.str[1:]], array.ndim])
    sizes = struct.pack(f">{array.ndim}I", *array.shape)
    return header + sizes + array.astype(array.dtype.newbyteorder(">")).tobytes()


PICTURES = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)


@settings(max_examples=60, deadline=None)
@given(
    array=st.sampled_from(sorted(IDX_CODES)).flatmap(
        lambda code: hnp.arrays(code, hnp.array_shapes(max_dims=4, max_side=4))
    ),
    packed=st.booleans(),
)
def test_reading_inverts_writing(array, packed):
    content = idx(array)
    found = read_idx(gzip.compress(content) if packed else content)
    assert found.dtype == array.dtype
    assert found.dtype.isnative
    assert found.flags.writeable
    np.testing.assert_array_equal(found, array)


@pytest.mark.parametrize("name", ["pictures", "pictures.gz"])
@pytest.mark.parametrize("kind", [str, Path])
def test_a_file_is_read_like_its_content(tmp_path, name, kind):
    content = idx(PICTURES)
    (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith("gz") else content)
    np.testing.assert_array_equal(read_idx(kind(tmp_path / name)), PICTURES)


@pytest.mark.parametrize("length", range(len(idx(PICTURES))))
def test_truncation_is_seen_wherever_it_happens(length):
    with pytest.raises(DataCorruptedError, match=rf"truncated: .* needs \d+ bytes; got {length}$"):
        read_idx(idx(PICTURES)[:length])


def test_truncated_gzip_is_seen_wherever_it_happens():
    packed = gzip.compress(idx(PICTURES), mtime=0)
    for length in range(len(packed)):
        with pytest.raises(DataCorruptedError):
            read_idx(packed[:length])


def test_a_flipped_bit_in_gzip_never_gives_other_numbers():
    packed = gzip.compress(idx(PICTURES), mtime=0)
    for position in range(8 * len(packed)):
        damaged = bytearray(packed)
        damaged[position // 8] ^= 1 << position % 8
        try:
            found = read_idx(bytes(damaged))
        except DataCorruptedError:
            continue
        np.testing.assert_array_equal(found, PICTURES)  # e.g. the time stamp in the header


@settings(max_examples=200, deadline=None)
@given(
    content=st.binary(max_size=40)
    | st.binary(max_size=40).map(lambda tail: b"\0\0\x08" + tail)
    | st.binary(max_size=40).map(lambda tail: b"\x1f\x8b\x08\0" + tail)
)
def test_whatever_comes_there_is_an_array_or_the_named_error(content):
    try:
        found = read_idx(content)
    except DataCorruptedError:
        return
    assert found.nbytes + 4 + 4 * found.ndim == len(content)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (idx(PICTURES) + b"\0", r"trailing bytes: shape \(2, 3, 4\) of uint8 needs 40 bytes; got"),
        (gzip.compress(idx(PICTURES), mtime=0) + b"garbage", "the gzip stream is damaged"),
        (b"PK" + idx(PICTURES)[2:], "not IDX: it must begin with the bytes 0000; got 504b"),
        (b"\0\0\x0a\x01\0\0\0\x01\0", "IDX type must be one of 0x08, .*; got 0x0A"),
        (b"\0\0\x08\x00\x07", "IDX must have 1 to 64 axes; got 0"),
        (b"\0\0\x08\x41" + b"\0\0\0\x01" * 65 + b"\0", "IDX must have 1 to 64 axes; got 65"),
        (b"\0\0\x08\x02" + b"\0\0\0\0\xff\xff\xff\xff", "an axis is empty"),
        (b"\0\0\x0e\x40" + b"\xff" * 256, "truncated: shape"),  # 2^2051 bytes, nothing allocated
    ],
)
def test_what_is_wrong_is_said(content, message):
    with pytest.raises(DataCorruptedError, match=message):
        read_idx(content)


def test_a_damaged_file_is_named(tmp_path):
    path = tmp_path / "pictures.gz"
    path.write_bytes(gzip.compress(idx(PICTURES), mtime=0)[:-3])
    with pytest.raises(DataCorruptedError, match=r"pictures\.gz: the gzip stream is damaged"):
        read_idx(path)


def test_a_source_of_another_kind_is_refused(tmp_path):
    with pytest.raises(TypeError, match="source must be a path or bytes; got ndarray"):
        read_idx(PICTURES)
    with pytest.raises(FileNotFoundError):
        read_idx(tmp_path / "absent")


# --- Files: found, missing, damaged -------------------------------------------------------


@pytest.fixture
def places(tmp_path, monkeypatch):
    """Point $TVBI_DATA and the cache at empty folders, and cut the network."""

    def no_network(*args, **kwargs):
        raise NoNetworkError("HTTPSConnectionPool(host='somewhere', port=443)")

    user, cache = tmp_path / "user", tmp_path / "cache"
    for folder in (user / "mnist", cache / "mnist"):
        folder.mkdir(parents=True)
    monkeypatch.setenv("TVBI_DATA", str(user))
    monkeypatch.setattr(pooch, "os_cache", lambda project: cache)
    monkeypatch.setattr(pooch, "retrieve", no_network)
    return user, cache


def sha256(content):
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def small_mnist(monkeypatch):
    """Stand in for the four files of MNIST: three training and two test pictures."""
    rng = np.random.default_rng(0)
    files = {
        "train-images-idx3-ubyte": idx(rng.integers(0, 256, (3, 28, 28), dtype=np.uint8)),
        "train-labels-idx1-ubyte": idx(np.array([5, 0, 9], dtype=np.uint8)),
        "t10k-images-idx3-ubyte": idx(rng.integers(0, 256, (2, 28, 28), dtype=np.uint8)),
        "t10k-labels-idx1-ubyte": idx(np.array([7, 2], dtype=np.uint8)),
    }
    hashes = {
        name: (sha256(gzip.compress(content, mtime=0)), sha256(content))
        for name, content in files.items()
    }
    monkeypatch.setattr(datasets, "_MNIST_HASHES", hashes)
    return files


@pytest.fixture
def small_boston(monkeypatch):
    """Stand in for boston.csv: its header and shape, other numbers."""
    table = np.random.default_rng(0).normal(size=(506, 14)).round(4)
    monkeypatch.setattr(datasets, "_BOSTON_DIGEST", sha256(table.tobytes()))
    names = "crim,zn,indus,chas,nox,rm,age,dis,rad,tax,ptratio,b,lstat,medv"
    header = ",".join(f'"{name}"' for name in names.split(","))
    return [header, *(",".join(map(str, row)) for row in table.tolist())], table


def write_mnist(folder, files, *, packed):
    for name, content in files.items():
        path = folder / "mnist" / (f"{name}.gz" if packed else name)
        path.write_bytes(gzip.compress(content, mtime=0) if packed else content)


@pytest.mark.parametrize("place", [0, 1], ids=["TVBI_DATA", "cache"])
@pytest.mark.parametrize("packed", [True, False], ids=["gz", "raw"])
def test_mnist_is_found_without_a_network(places, small_mnist, place, packed):
    write_mnist(places[place], small_mnist, packed=packed)
    data = load_mnist(download=False)
    assert repr(data) == "Dataset('mnist': 3 train, 2 test; 784 features (28, 28); 10 classes)"
    pictures = read_idx(small_mnist["t10k-images-idx3-ubyte"])
    np.testing.assert_allclose(data.x_test, pictures.reshape(2, 784) / 255, rtol=1e-6)
    np.testing.assert_array_equal(data.y_train, [5, 0, 9])


def test_own_folder_goes_before_the_cache(places, small_mnist):
    user, cache = places
    write_mnist(cache, dict.fromkeys(small_mnist, b"damaged"), packed=False)
    write_mnist(user, small_mnist, packed=False)
    assert len(load_mnist().x_train) == 3


@pytest.mark.parametrize("own_folder", [True, False])
@pytest.mark.parametrize("download", [True, False])
@pytest.mark.parametrize(
    ("loader", "file"),
    [(load_mnist, "mnist/train-images-idx3-ubyte.gz"), (load_boston, "boston.csv")],
)
def test_missing_data_name_both_ways_out(places, monkeypatch, loader, file, download, own_folder):
    user, cache = places
    if not own_folder:
        monkeypatch.delenv("TVBI_DATA")
    with pytest.raises(DataUnavailableError) as caught:
        loader(download=download)
    message = str(caught.value)
    assert f"set $TVBI_DATA ({f'now {str(user)!r}' if own_folder else 'not set now'})" in message
    assert f"to a folder that holds {file}" in message
    assert f"connect to the network and let it download to {cache / file}" in message
    assert ("(ConnectionError)" in message) == download
    assert "HTTPSConnectionPool" not in message  # that is for the chained error
    assert isinstance(caught.value.__cause__, NoNetworkError) == download


def test_mnist_with_a_wrong_checksum_is_refused(places, small_mnist):
    user, _ = places
    write_mnist(user, small_mnist, packed=True)
    other = idx(np.array([5, 0, 8], dtype=np.uint8))
    write_mnist(user, {"train-labels-idx1-ubyte": other}, packed=True)
    with pytest.raises(DataCorruptedError) as caught:
        load_mnist()
    message = str(caught.value)
    assert str(user / "mnist" / "train-labels-idx1-ubyte.gz") in message
    assert sha256(other) in message
    assert sha256(small_mnist["train-labels-idx1-ubyte"]) in message


def test_truncated_mnist_is_called_truncated(places, small_mnist):
    user, _ = places
    write_mnist(user, small_mnist, packed=False)
    path = user / "mnist" / "t10k-images-idx3-ubyte"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DataCorruptedError, match=r"t10k-images-idx3-ubyte: truncated"):
        load_mnist()


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


@pytest.fixture
def server(tmp_path, monkeypatch):
    """Serve a folder on this machine; give the folder and its address."""
    folder = tmp_path / "served"
    folder.mkdir()
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    handler = partial(Quiet, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as httpd:
        thread = threading.Thread(target=httpd.serve_forever, args=(0.01,))
        thread.start()
        yield folder, f"http://127.0.0.1:{httpd.server_port}/"
        httpd.shutdown()
        thread.join()


RETRIEVE = pooch.retrieve  # the real one, before `places` cuts the network


def test_download_passes_over_a_bad_mirror_and_caches_only_what_is_good(
    places, small_mnist, server, monkeypatch
):
    _, cache = places
    folder, address = server
    for mirror, files in (("bad", dict.fromkeys(small_mnist, b"no")), ("good", small_mnist)):
        (folder / mirror / "mnist").mkdir(parents=True)
        write_mnist(folder / mirror, files, packed=True)
    mirrors = tuple(f"{address}{mirror}/mnist/" for mirror in ("absent", "bad", "good"))
    monkeypatch.setattr(datasets, "_MNIST_MIRRORS", mirrors)
    cut = pooch.retrieve
    monkeypatch.setattr(pooch, "retrieve", RETRIEVE)
    downloaded = load_mnist()
    assert {path.name for path in (cache / "mnist").iterdir()} == {f"{k}.gz" for k in small_mnist}
    monkeypatch.setattr(pooch, "retrieve", cut)
    np.testing.assert_array_equal(load_mnist().x_train, downloaded.x_train)


def test_bad_mirrors_only_are_no_data(places, small_mnist, server, monkeypatch):
    _, cache = places
    folder, address = server
    (folder / "mnist").mkdir()
    write_mnist(folder, dict.fromkeys(small_mnist, b"no"), packed=True)
    monkeypatch.setattr(datasets, "_MNIST_MIRRORS", (f"{address}mnist/",))
    monkeypatch.setattr(pooch, "retrieve", RETRIEVE)
    with pytest.raises(DataUnavailableError, match=r"\(ValueError\)"):
        load_mnist()
    assert not list((cache / "mnist").iterdir())


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@pytest.mark.parametrize("tail", ["", "\n\n"])
def test_boston_is_split_into_a_partition(places, small_boston, ending, tail):
    user, _ = places
    lines, table = small_boston
    content = ending.join(lines) + tail
    (user / "boston.csv").write_bytes(content.encode())
    data = load_boston()
    assert repr(data) == "Dataset('boston': 455 train, 51 test; 13 features; 1 target)"
    joined = [np.hstack([data.x_train, data.y_train]), np.hstack([data.x_test, data.y_test])]
    assert rows(*joined) == rows(table.astype(np.float32))
    assert rows(load_boston(seed=1).x_test) != rows(data.x_test)
    np.testing.assert_array_equal(load_boston().x_test, data.x_test)


def changed(lines, k, line):
    return [*lines[:k], line, *lines[k + 1 :]]


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda lines: [], "must have the header crim,.*got ''"),
        (lambda lines: ["<!DOCTYPE html>", "<html>"], "must have the header crim,.*DOCTYPE"),
        (lambda lines: ["\0\xff" * 200_000], "must have the header crim,"),
        (lambda lines: changed(lines, 0, lines[0].lower().replace("b", "B")), "must have the head"),
        (lambda lines: lines[:1], "must have 506 rows; got 0"),
        (lambda lines: lines[:-1], "must have 506 rows; got 505"),
        (lambda lines: lines + lines[-1:], "must have 506 rows; got 507"),
        (lambda lines: changed(lines, 9, lines[9] + ",1"), "not a table of numbers"),
        (lambda lines: changed(lines, 9, lines[9].replace(",", ";")), "not a table of numbers"),
        (lambda lines: [lines[0]] + [line + ",1" for line in lines[1:]], r"shape \(506, 14\); got"),
        (lambda lines: changed(lines, 9, ",".join(["nan"] * 14)), "got 14 that are not"),
        (lambda lines: changed(lines, 9, ",".join(["1"] * 14)), "SHA-256 of the numbers must be"),
        (lambda lines: lines[:1] + lines[:0:-1], "SHA-256 of the numbers must be"),
    ],
)
def test_damaged_boston_is_refused_and_named(places, small_boston, damage, message):
    user, _ = places
    path = user / "boston.csv"
    path.write_text("\n".join(damage(small_boston[0])), encoding="latin-1")
    with pytest.raises(DataCorruptedError, match=message) as caught:
        load_boston()
    assert str(path) in str(caught.value)


# --- The real files, where they are -------------------------------------------------------


@pytest.mark.data("mnist")
def test_mnist_is_the_known_one():
    data = load_mnist(download=False)
    assert repr(data).startswith("Dataset('mnist': 60000 train, 10000 test; 784 features (28, 28)")
    np.testing.assert_array_equal(data.y_test[:10], [7, 2, 1, 0, 4, 1, 4, 9, 5, 9])
    assert np.bincount(data.y_train).min() == 5421  # the fives
    assert (data.x_train.min(), data.x_train.max()) == (0, 1)
    assert data.x_train.mean() == pytest.approx(0.1307, abs=1e-4)  # known from everywhere


@pytest.mark.data("boston")
def test_boston_is_the_known_one():
    data = load_boston(download=False)
    assert (len(data.x_train), len(data.x_test)) == (455, 51)
    medv = np.vstack([data.y_train, data.y_test])
    assert medv.mean() == pytest.approx(22.533, abs=1e-3)
    assert (medv.min(), medv.max()) == (5, 50)
    ready = data.standardised()
    np.testing.assert_allclose(ready.target_scale.undo(ready.y_test), data.y_test, rtol=1e-5)


# --- By name ------------------------------------------------------------------------------


def test_every_loader_is_reached_by_its_name():
    assert sorted(LOADERS) == ["boston", "digits", "mnist", "synthetic"]
    assert load("synthetic", n_train=7).x_train.shape == (7, 64)
    assert load("digits", seed=1).name == "digits"


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(ValueError, match="'digits', 'synthetic', 'mnist', 'boston'; got 'minst'"):
        load("minst")
    with pytest.raises(TypeError, match="sead"):
        load("digits", sead=1)

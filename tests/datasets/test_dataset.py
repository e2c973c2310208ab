"""Data sets: splits are partitions, standardisation sees the training rows only."""

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import datasets as sklearn_datasets

from tvbi_ref.datasets import LOADERS, Dataset, TargetScale, load, load_digits
from tvbi_ref.errors import NonFiniteError


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


# --- By name ------------------------------------------------------------------------------


def test_every_loader_is_reached_by_its_name():
    assert sorted(LOADERS) == ["boston", "digits", "fashion_mnist", "mnist", "synthetic"]
    assert load("synthetic", n_train=7).x_train.shape == (7, 64)
    assert load("digits", seed=1).name == "digits"


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(ValueError, match="'mnist', 'fashion_mnist', 'boston'; got 'minst'"):
        load("minst")
    with pytest.raises(TypeError, match="sead"):
        load("digits", sead=1)

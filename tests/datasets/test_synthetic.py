"""Teachers have the clusters asked for and reproduce their targets."""

import numpy as np
import pytest

from tvbi_ref.datasets import SyntheticDataset, load_synthetic


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

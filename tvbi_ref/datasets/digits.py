"""Handwritten digits of 8x8 pixels, bundled with scikit-learn."""

from __future__ import annotations

from tvbi_ref.datasets.dataset import Dataset, split


def load_digits(*, test_fraction: float = 0.2, seed: int = 0) -> Dataset:
    """Load the 1797 handwritten digits of 8x8 pixels that come with scikit-learn.

    Parameters
    ----------
    test_fraction : float in (0, 1)
        The part of the rows that is for testing.
    seed : int
        Which rows those are; every class keeps its proportion in both parts.

    Returns
    -------
    Dataset
        x in [0, 1] (the 17 grey levels divided by 16), shape (n, 64); y in 0..9.

    Raises
    ------
    ValueError
        If `test_fraction` is out of range or leaves a class without a row.

    Notes
    -----
    Source: the test part of E. Alpaydin and C. Kaynak, "Optical Recognition of
    Handwritten Digits", UCI Machine Learning Repository (1998). Some writers have rows
    in both parts of a random split, so that accuracies are for unseen rows, not for
    unseen writers.

    Examples
    --------
    >>> load_digits()
    Dataset('digits': 1437 train, 360 test; 64 features (8, 8); 10 classes)
    """
    from sklearn import datasets as sklearn_datasets

    pixels, y = sklearn_datasets.load_digits(return_X_y=True)
    x = pixels / 16.0
    train, test = split(len(x), test_fraction, seed, labels=y, name="test_fraction")
    return Dataset(
        x[train], y[train], x[test], y[test], "digits", n_classes=10, feature_shape=(8, 8)
    )

"""The data sets of lessons and benchmarks: digits, a synthetic teacher, (Fashion-)MNIST, Boston.

digits comes with scikit-learn and the synthetic teacher is drawn on the spot: neither
needs a network. MNIST, Fashion-MNIST and Boston are files; they are looked for in ``$TVBI_DATA``,
then in the cache, then downloaded, and whatever is found is checked before it is used.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tvbi_ref._validation import as_choice
from tvbi_ref.datasets.boston import load_boston
from tvbi_ref.datasets.dataset import Dataset, TargetScale
from tvbi_ref.datasets.digits import load_digits
from tvbi_ref.datasets.fashion_mnist import load_fashion_mnist
from tvbi_ref.datasets.idx import read_idx
from tvbi_ref.datasets.mnist import load_mnist
from tvbi_ref.datasets.synthetic import SyntheticDataset, load_synthetic

__all__ = [
    "LOADERS",
    "Dataset",
    "SyntheticDataset",
    "TargetScale",
    "load",
    "load_boston",
    "load_digits",
    "load_fashion_mnist",
    "load_mnist",
    "load_synthetic",
    "read_idx",
]

LOADERS: dict[str, Callable[..., Dataset]] = {
    "digits": load_digits,
    "synthetic": load_synthetic,
    "mnist": load_mnist,
    "fashion_mnist": load_fashion_mnist,
    "boston": load_boston,
}


def load(name: str, **options: Any) -> Dataset:
    """Load a data set by its name, one of `LOADERS`.

    Parameters
    ----------
    name : {"digits", "synthetic", "mnist", "fashion_mnist", "boston"}
        Which one.
    **options
        The arguments of that loader, e.g. ``seed=1``.

    Raises
    ------
    ValueError
        If the name is unknown; and what the loader raises.

    Examples
    --------
    >>> load("digits", test_fraction=0.5)
    Dataset('digits': 898 train, 899 test; 64 features (8, 8); 10 classes)
    >>> load("cifar")
    Traceback (most recent call last):
    ValueError: name must be one of 'digits', 'synthetic', 'mnist', ...; got 'cifar'
    """
    return LOADERS[as_choice(name, "name", LOADERS)](**options)

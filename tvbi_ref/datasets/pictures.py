"""What MNIST and its kin share: four IDX files of 28x28 pictures, found or downloaded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tvbi_ref.datasets.dataset import Dataset
from tvbi_ref.datasets.files import locate, require_digest
from tvbi_ref.datasets.idx import parse, unpack

MOST_BYTES = 16 + 60000 * 28 * 28
"""Of the largest of the files, unpacked."""

Hashes = Mapping[str, tuple[str, str]]
"""Name -> hash of the .gz as the mirrors serve it, as pooch writes it, so that pooch caches nothing
damaged; SHA-256 of the IDX inside, which holds for copies that were compressed anew as well."""


def load_pictures(
    name: str,
    hashes: Hashes,
    mirrors: Sequence[str],
    *,
    download: bool,
    folders: Sequence[Path] = (),
) -> Dataset:
    """Load the four files of a data set: training pictures and labels, then those for testing.

    Parameters
    ----------
    name : str
        Of the data set, and of its folder below $TVBI_DATA and the cache.
    hashes : mapping
        In the order above.
    mirrors : sequence of str
        Addresses that end where the name of a file begins.
    download : bool
    folders : sequence of Path
        Where a system keeps them; looked into after the cache.

    Raises
    ------
    DataUnavailableError, DataCorruptedError
        As of `load_mnist`.

    Examples
    --------
    >>> load_pictures("letters", {"train-images-idx3-ubyte": ("", "")}, [], download=False)
    Traceback (most recent call last):
    tvbi_ref.errors.DataUnavailableError: letters/train-images-idx3-ubyte.gz is not on ...
    """
    parts = []
    for file, (packed, inside) in hashes.items():
        urls = [f"{mirror}{file}.gz" for mirror in mirrors]
        path = locate(f"{name}/{file}.gz", urls, packed, download=download, folders=folders)
        parts.append(_array(path, inside))
    x_train, x_test = (part.reshape(len(part), -1) / np.float32(255) for part in parts[::2])
    y_train, y_test = parts[1::2]
    return Dataset(x_train, y_train, x_test, y_test, name, n_classes=10, feature_shape=(28, 28))


def _array(path: Path, inside: str) -> NDArray[np.uint8]:
    """Return the array of a file with this SHA-256 inside."""
    with path.open("rb") as file:
        content = unpack(file, str(path), MOST_BYTES)
    array = parse(content, str(path))  # first: "truncated" says more than a digest
    require_digest(content, inside, path, "the IDX content")
    return array

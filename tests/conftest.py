"""Settings and small objects that many tests share."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

from tvbi_ref import datasets, nets
from tvbi_ref.datasets import Dataset, fashion_mnist
from tvbi_ref.datasets.files import at_hand

# The first example pays for the JIT compilation; a deadline would punish it at random.
settings.register_profile("tvbi", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("tvbi")


FILES: dict[str, tuple[str, tuple[Path, ...]]] = {
    "mnist": ("mnist/train-images-idx3-ubyte.gz", ()),
    "fashion_mnist": ("fashion_mnist/train-images-idx3-ubyte.gz", fashion_mnist.FOLDERS),
    "boston": ("boston.csv", ()),
}


@pytest.fixture(autouse=True)
def _skip_without_data(request: pytest.FixtureRequest) -> None:
    """Skip a test marked ``data(name)`` where the data set is not at hand."""
    marker = request.node.get_closest_marker("data")
    if marker is None:
        return
    file, folders = FILES[marker.args[0]]
    if at_hand(file, folders) is None:
        pytest.skip(f"needs {file} in $TVBI_DATA ({os.environ.get('TVBI_DATA', 'not set')})")


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20230210)


@pytest.fixture(scope="session")
def digits() -> Dataset:
    return datasets.load_digits()


@pytest.fixture
def small_net() -> nets.Network:
    return nets.mlp([64, 16, 10], seed=0)

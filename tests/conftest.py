"""Settings and small objects that many tests share."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

from tvbi_ref import datasets, nets
from tvbi_ref.datasets import Dataset

# The first example pays for the JIT compilation; a deadline would punish it at random.
settings.register_profile("tvbi", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("tvbi")


FILES = {"mnist": "mnist/train-images-idx3-ubyte.gz", "boston": "boston.csv"}


@pytest.fixture(autouse=True)
def _skip_without_data(request: pytest.FixtureRequest) -> None:
    """Skip a test marked ``data(name)`` where the data set is not at hand."""
    marker = request.node.get_closest_marker("data")
    if marker is None:
        return
    folder, file = os.environ.get("TVBI_DATA"), FILES[marker.args[0]]
    if not folder or not (Path(folder) / file).is_file():
        pytest.skip(f"needs {file} in $TVBI_DATA ({folder or 'not set'})")


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20230210)


@pytest.fixture(scope="session")
def digits() -> Dataset:
    return datasets.load_digits()


@pytest.fixture
def small_net() -> nets.Network:
    return nets.mlp([64, 16, 10], seed=0)

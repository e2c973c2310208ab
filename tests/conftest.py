"""Settings and small objects that many tests share."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import settings

from tvbi_ref import datasets, nets
from tvbi_ref.datasets import Dataset

# The first example pays for the JIT compilation; a deadline would punish it at random.
settings.register_profile("tvbi", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("tvbi")


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20230210)


@pytest.fixture(scope="session")
def digits() -> Dataset:
    return datasets.load_digits()


@pytest.fixture
def small_net() -> nets.Network:
    return nets.mlp([64, 16, 10], seed=0)

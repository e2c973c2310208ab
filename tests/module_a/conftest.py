"""Small random layers for the Module A tests: everything that q and the prior consist of."""

from typing import NamedTuple

import numpy as np
import pytest
from scipy.special import expit

from tvbi_ref.prior import Gamma


class Setting(NamedTuple):
    mean: np.ndarray
    variance: np.ndarray
    shape: np.ndarray
    rate: np.ndarray
    support_log_odds: np.ndarray
    prior_log_odds: np.ndarray
    active: Gamma
    inactive: Gamma

    @property
    def second_moment(self):
        return self.mean**2 + self.variance

    @property
    def q_support(self):
        return expit(self.support_log_odds)


def _random_layer(seed, size=(2, 3)):
    """Return a layer whose q is NOT optimal; scales over decades, shapes a != a_bar."""
    rng = np.random.default_rng(seed)
    a, a_bar = np.exp(rng.uniform(np.log(0.3), np.log(4.0), 2))
    scale = 10 ** rng.uniform(-2, 1)
    contrast = 10 ** rng.uniform(-3, -0.5)
    return Setting(
        mean=np.sqrt(scale) * rng.normal(size=size) * 10 ** rng.uniform(-2, 0.5, size),
        variance=scale * 10 ** rng.uniform(-4, 0.5, size),
        shape=rng.uniform(0.5, 6.0, size),
        rate=scale * 10 ** rng.uniform(-3, 0.5, size),
        support_log_odds=rng.normal(0, 2, size),
        prior_log_odds=rng.normal(0, 2, size),
        active=Gamma(a, a * scale),
        inactive=Gamma(a_bar, a_bar * scale * contrast),
    )


@pytest.fixture(scope="session")
def random_layer():
    return _random_layer

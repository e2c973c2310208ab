"""The oracle of the Module B tests: extrinsic log-odds by enumeration, in log space."""

import numpy as np
import pytest

from tvbi_ref.module_b import exact


def _enumerated_extrinsic(log_prior, evidence):
    """Return ln P(s_n=1 | all evidence but n's own) / P(s_n=0 | ...), state by state.

    In log space and without the node's own evidence, so that it neither saturates nor cancels.
    """
    l = np.asarray(evidence, dtype=np.float64)
    states = exact.all_states(l.shape)
    log_w = log_prior(states) + (l * states).sum(axis=(1, 2))
    odds = np.empty_like(l)
    for n in np.ndindex(l.shape):
        others = log_w - l[n] * states[(slice(None), *n)]
        alive = states[(slice(None), *n)] == 1
        odds[n] = np.logaddexp.reduce(others[alive]) - np.logaddexp.reduce(others[~alive])
    return odds


@pytest.fixture(scope="session")
def enumerated_extrinsic():
    return _enumerated_extrinsic

"""Damping: another way to the same fixed point."""

import numpy as np
import pytest

from tvbi_ref.errors import UniquenessWarning
from tvbi_ref.module_b import GridSupport


def test_above_the_uniqueness_bound_messages_are_damped_unless_told_otherwise(rng):
    with pytest.warns(UniquenessWarning, match="damped by 0.5"):
        grid = GridSupport(0.0, 0.5, 0.5)
    evidence = rng.normal(size=(5, 5))
    automatic = grid.extrinsic(evidence, sweeps=7)
    np.testing.assert_array_equal(
        automatic.log_odds, grid.extrinsic(evidence, sweeps=7, damping=0.5).log_odds
    )
    undamped = grid.extrinsic(evidence, sweeps=7, damping=0.0)
    assert not np.allclose(automatic.log_odds, undamped.log_odds)


def test_damping_settles_what_swings_without_it():
    """Strong repulsion and no evidence: undamped parallel sweeps swing between two states."""
    with pytest.warns(UniquenessWarning):
        grid = GridSupport(0.4, -1.0, -1.0)
    evidence = np.zeros((6, 6))
    swinging = grid.extrinsic(evidence, sweeps=400, damping=0.0)
    settled = grid.extrinsic(evidence, sweeps=400)
    assert swinging.residual > 0.1
    assert settled.residual < 1e-6

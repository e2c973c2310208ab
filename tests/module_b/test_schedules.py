"""Damping: another way to the same fixed point."""

import numpy as np
import pytest

from tvbi_ref.errors import MessagesWarning, UniquenessWarning
from tvbi_ref.module_b import ChainSupport, GridSupport, IndependentSupport


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


def test_messages_that_come_to_rest_say_so():
    assert IndependentSupport(-1.0).extrinsic(np.zeros((2, 3))).converged
    assert ChainSupport(0.1, 0.3).extrinsic(np.zeros((2, 3))).converged
    grid, evidence = GridSupport(-1.0, 0.1, 0.3), np.eye(4)
    assert grid.extrinsic(evidence).converged
    assert not grid.extrinsic(evidence, sweeps=1).converged
    assert grid.extrinsic(evidence, sweeps=1, tol=100.0).converged


@pytest.mark.filterwarnings("ignore::tvbi_ref.errors.UniquenessWarning")
def test_who_runs_out_of_the_default_sweeps_is_told_and_who_chose_them_is_not():
    chessboard, evidence = GridSupport(0.0, -2.0, -2.0), np.full((6, 6), 0.5)
    with pytest.warns(MessagesWarning, match=r"GridSupport by up to .* in the last of 100"):
        answer = chessboard.extrinsic(evidence, damping=0.0)
    assert not answer.converged
    assert not chessboard.extrinsic(evidence, damping=0.0, sweeps=100).converged

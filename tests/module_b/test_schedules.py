"""Orders of sweeps and damping: other ways to the same fixed point."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tvbi_ref.errors import UniquenessWarning
from tvbi_ref.module_b import GridSupport

TIGHT = {"tol": 1e-12, "sweeps": 2000}


@settings(max_examples=25)
@given(
    shape=st.tuples(st.integers(1, 6), st.integers(1, 6)),
    J=st.tuples(st.floats(-0.3, 0.3), st.floats(-0.3, 0.3)),
    seed=st.integers(0, 99),
)
def test_directional_and_parallel_sweeps_reach_the_same_fixed_point(shape, J, seed):
    evidence = 3 * np.random.default_rng(seed).normal(size=shape)
    grid = GridSupport(-0.5, *J)
    parallel = grid.extrinsic(evidence, **TIGHT)
    directional = grid.extrinsic(evidence, order="directional", **TIGHT)
    np.testing.assert_allclose(directional.log_odds, parallel.log_odds, atol=1e-9)


@pytest.mark.parametrize(("shape", "J"), [((40, 3), (0.0, 0.9)), ((3, 40), (0.9, 0.0))])
def test_where_one_direction_is_coupled_one_directional_sweep_is_exact(rng, shape, J):
    grid, evidence = GridSupport(-0.5, *J), 3 * rng.normal(size=shape)
    once = grid.extrinsic(evidence, sweeps=1, order="directional")
    np.testing.assert_allclose(
        once.log_odds, grid.extrinsic(evidence, **TIGHT).log_odds, atol=1e-10
    )


def test_directional_sweeps_are_fewer(rng):
    grid, evidence = GridSupport(0.0, 0.02, 0.9), rng.normal(size=(60, 20))
    parallel = grid.extrinsic(evidence, **TIGHT)
    directional = grid.extrinsic(evidence, order="directional", **TIGHT)
    assert 2 * directional.sweeps < parallel.sweeps


def test_directional_sweeps_can_start_where_parallel_ones_stopped(rng):
    grid, evidence = GridSupport(-0.5, 0.1, 0.3), rng.normal(size=(6, 5))
    done = grid.extrinsic(evidence, **TIGHT)
    again = grid.extrinsic(evidence, done.state, order="directional", tol=1e-9)
    assert again.sweeps == 1


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


@pytest.mark.parametrize("order", ["paralel", "", None])
def test_an_unknown_order_is_refused(order):
    with pytest.raises(ValueError, match="order must be one of 'parallel', 'directional'"):
        GridSupport(0.0, 0.1, 0.1).extrinsic([[0.0]], order=order)

"""e^x and ln x without a branch, against more digits than float64 has."""

import numpy as np
import pytest

from tvbi_ref.equations.sockets import numba_is_here

if not numba_is_here():
    pytest.skip("needs Numba", allow_module_level=True)

from tvbi_ref.fast.elementary import LARGEST, exp, log, odds_of

RNG = np.random.default_rng(0)
SPREAD = [RNG.uniform(-LARGEST, LARGEST, 300), RNG.normal(0, 1, 300), RNG.normal(0, 1e-6, 300)]


def ulps(function, numbers, exact):
    """Return the largest error in units in the last place of the exact result."""
    exact = exact(np.array(numbers, np.longdouble))
    mine = np.array([function(x) for x in numbers], np.longdouble)
    return float(np.max(np.abs(mine - exact) / np.spacing(np.abs(exact).astype(float))))


def test_the_exponential_is_right_to_about_a_unit_in_the_last_place():
    assert ulps(exp, np.concatenate([*SPREAD, [-LARGEST, 0.0, LARGEST]]), np.exp) < 1.1


def test_the_logarithm_is_right_to_about_a_unit_in_the_last_place():
    tiny, huge = np.finfo(float).tiny, np.finfo(float).max
    numbers = [np.exp(x) for x in SPREAD] + [1 + SPREAD[2], [tiny, huge, np.sqrt(0.5), 2.0]]
    assert ulps(log, np.concatenate(numbers), np.log) < 1.1


def test_the_logarithm_of_one_is_zero_and_what_is_no_number_is_handed_on():
    assert log(1.0) == 0.0
    assert [log(0.0), log(np.inf)] == [-np.inf, np.inf]
    assert np.isnan([log(np.nan), exp(np.nan)]).all()


@pytest.mark.parametrize("turn", [lambda x: x, np.transpose, lambda x: x[:, ::2]])
def test_odds_are_cut_where_it_was_said_and_stand_where_their_log_odds_stood(turn):
    log_odds = turn(np.array([[-1e308, -2.0, 0.0], [700.0, 599.0, 1e308]]))
    np.testing.assert_allclose(
        odds_of(log_odds, 600.0), np.exp(log_odds.clip(-600, 600)), rtol=1e-15
    )

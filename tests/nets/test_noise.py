"""Noise is normal, its halves and pairs are independent, and the generator's state says it all."""

from itertools import combinations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats
from threadpoolctl import threadpool_limits

from tvbi_ref.nets.halves import LARGE
from tvbi_ref.nets.noise import MANY, box_muller, standard_normal

DTYPES = [np.float32, np.float64]


@pytest.mark.parametrize("dtype", DTYPES)
def test_box_muller_is_a_turn_of_the_quantile_of_the_radius(dtype):
    """The oracle: squared radii by SciPy's quantiles of chi^2 with two degrees, complex turns."""
    u, v = (axis.ravel() for axis in np.meshgrid(np.arange(64) / 64, np.arange(48) / 64))
    expected = np.sqrt(stats.chi2(2).ppf(u)) * np.exp(2j * np.pi * v)
    x, y = u.astype(dtype), v.astype(dtype)
    box_muller(x, y)
    close = {"atol": 20 * np.finfo(dtype).eps}
    assert_allclose(x, expected.real, **close)
    assert_allclose(y, expected.imag, **close)


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_smallest_and_the_largest_uniform_numbers_give_finite_ones(dtype):
    largest = 1 - np.finfo(dtype).epsneg  # what a generator of that dtype may draw
    u, v = np.array([0, largest], dtype), np.zeros(2, dtype)
    box_muller(u, v)
    assert_allclose(u, [0, np.sqrt(-2 * np.log(np.finfo(dtype).epsneg))], rtol=1e-6)


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("dtype", DTYPES)
def test_many_numbers_are_normal_from_the_first_moments_to_the_tails(dtype, seed):
    e = standard_normal(np.random.default_rng(seed), (2**18,), dtype)
    assert e.dtype == dtype
    assert stats.kstest(e, "norm").pvalue > 1e-3
    n = e.size  # a mean of e^k is that of N(0, 1) to some of its standard errors
    for k, moment, variance in ((1, 0, 1), (2, 1, 2), (3, 0, 15), (4, 3, 96), (6, 15, 10170)):
        assert abs(np.mean(e.astype(float) ** k) - moment) < 4 * np.sqrt(variance / n)
    for bound in (3, 4):
        p = 2 * stats.norm.sf(bound)
        assert abs((abs(e) > bound).sum() - n * p) < 4 * np.sqrt(n * p)


def test_numbers_are_independent_of_their_neighbours_their_partners_and_the_other_half():
    """Quarters: each half has a part of the pairs' first numbers and then of the second ones.

    Those of a pair share a radius: no correlation, but a dependence if their angle were wrong.
    """
    e = standard_normal(np.random.default_rng(2), (2**18,), np.float32).astype(float)
    quarters = e.reshape(4, -1)
    for x, y in [(e[::2], e[1::2]), *combinations(quarters, 2)]:
        for first, second in ((x, y), (x**2, y**2), (abs(x), y), (x, abs(y))):
            assert abs(np.corrcoef(first, second)[0, 1]) < 4 / np.sqrt(x.size)
        assert stats.kstest(x**2 + y**2, stats.chi2(2).cdf).pvalue > 1e-3


@pytest.mark.parametrize("shape", [(), (0,), (5, 7), (MANY - 1,)])
def test_few_numbers_are_the_generators_own(shape):
    drawn = standard_normal(np.random.default_rng(3), shape, np.float32)
    expected = np.random.default_rng(3).standard_normal(shape, dtype=np.float32)
    assert_array_equal(drawn, expected)


@pytest.mark.parametrize("shape", [(MANY,), (MANY + 1,), (3, 7, MANY // 16), (LARGE + 1,)])
def test_the_state_of_the_generator_says_what_is_drawn_next(shape):
    rng, other = np.random.default_rng(0), np.random.default_rng(1)
    first = standard_normal(rng, shape, np.float32)
    other.bit_generator.state = rng.bit_generator.state
    second = standard_normal(rng, shape, np.float32)
    assert second.shape == shape
    assert second.flags.c_contiguous
    assert np.mean(first == second) < 1e-3
    assert_array_equal(standard_normal(other, shape, np.float32), second)


def test_two_threads_draw_what_one_draws():
    drawn = []
    for threads in (1, 2):
        with threadpool_limits(threads):
            drawn.append(standard_normal(np.random.default_rng(0), (LARGE + 1,), np.float32))
    assert_array_equal(*drawn)

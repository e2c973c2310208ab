"""Two halves on two threads: the same bits as one after the other."""

import threading

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from tvbi_ref import nets, use
from tvbi_ref.equations.sockets import current
from tvbi_ref.nets.halves import LARGE, blas_at_rest, both, in_halves


def blas_threads():
    return [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]


@pytest.mark.parametrize("n", [0, 1, 2, 7])
@pytest.mark.parametrize("numbers", [1, LARGE], ids=["one thread", "two threads"])
def test_the_halves_cover_everything_once_and_come_in_order(n, numbers):
    first, second = in_halves(n, lambda half: list(range(n))[half], numbers)
    assert first + second == list(range(n))


def test_large_work_is_done_on_two_threads_and_the_blas_has_one_meanwhile():
    with threadpool_limits(2):
        before = blas_threads()
        seen = in_halves(2, lambda _: (threading.get_ident(), set(blas_threads())), LARGE)
        assert seen[0][0] == threading.get_ident() != seen[1][0]
        assert [threads for _, threads in seen] == [{1}, {1}]
        assert blas_threads() == before


def test_the_blas_is_at_rest_until_the_last_who_asked_is_done():
    with threadpool_limits(2):
        before = blas_threads()
        with blas_at_rest() as outer:
            with blas_at_rest() as inner:
                assert outer == inner == 2
            assert set(blas_threads()) == {1}
        assert blas_threads() == before


def test_two_products_are_on_two_threads_only_while_the_blas_is_at_rest():
    with threadpool_limits(2):
        alone = both(threading.get_ident, threading.get_ident, LARGE)
        with blas_at_rest():
            together = both(threading.get_ident, threading.get_ident, LARGE)
            few = both(threading.get_ident, threading.get_ident, LARGE - 1)
    assert len(set(alone)) == len(set(few)) == 1
    assert len(set(together)) == 2


def test_who_allows_the_blas_one_thread_gets_one():
    with threadpool_limits(1):
        first, second = in_halves(2, lambda _: threading.get_ident(), LARGE)
    assert first == second == threading.get_ident()


def test_an_error_of_either_half_arrives_and_the_next_call_works():
    for bad in (0, 1):

        def work(half, bad=bad):
            if half.start == bad:
                raise ValueError(f"half {bad}")

        with threadpool_limits(2), pytest.raises(ValueError, match=f"half {bad}"):
            in_halves(2, work, LARGE)
    assert in_halves(2, lambda half: half.start, LARGE) == [0, 1]


def test_the_second_thread_has_the_plugs_of_the_first():
    with threadpool_limits(2), use("numpy"):
        assert in_halves(2, lambda _: current().engine, LARGE) == ["numpy", "numpy"]


@pytest.mark.parametrize("needs_dx", [True, False])
def test_a_large_fast_convolution_has_the_same_bits_on_one_thread_and_on_two(needs_dx):
    pytest.importorskip("numba")
    x = np.random.default_rng(0).random((9, 3, 34, 34), dtype=np.float32)
    results = []
    for threads in (1, 2):
        layer = nets.Conv2D(3, 8, 3, np.random.default_rng(1))
        layer.needs_dx = needs_dx
        with threadpool_limits(threads), use("numba"):
            z = layer.forward(x, np.random.default_rng(2))
            assert z.size >= LARGE
            d_x = layer.backward(z)
        assert np.isnan(d_x).all() != needs_dx
        results.append([z, d_x, *(p.grad for p in layer.parameters())])
    for one, two in zip(*results, strict=True):
        np.testing.assert_array_equal(one, two)

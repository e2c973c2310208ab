import warnings

import numba
import numpy as np
import pytest
from numba.core.caching import CacheImpl

from tvbi_ref.fast import kernel as home
from tvbi_ref.fast.kernel import apart, contracted, kernel

pytestmark = pytest.mark.skipif(numba.config.DISABLE_JIT, reason="nothing is compiled")


def doubled(x):
    return 2 * x


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(home, "_warned", [])
    return tmp_path


def hits(compiled):
    return sum(compiled.stats.cache_hits.values())


def test_without_a_place_it_is_compiled_all_the_same_and_said_once(monkeypatch):
    monkeypatch.setattr(CacheImpl, "_locator_classes", [])
    with pytest.warns(RuntimeWarning, match="NUMBA_CACHE_DIR") as caught:
        answers = [kernel(doubled)(4) for _ in range(2)]
    assert answers == [8, 8]
    assert len(caught) == 1


def test_where_warnings_are_errors_it_is_compiled_without_a_word(monkeypatch):
    monkeypatch.setattr(CacheImpl, "_locator_classes", [])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert kernel(doubled)(4) == 8


def test_a_place_that_is_lost_before_it_is_written_is_no_error(folder, monkeypatch):
    def full(*args):
        raise OSError(28, "No space left on device")

    compiled = kernel(doubled)
    monkeypatch.setattr(compiled._cache._cache_file, "save", full)
    with pytest.warns(RuntimeWarning, match="No space left"):
        assert compiled(4) == 8


@pytest.mark.parametrize("ending", [".nbi", ".nbc"])
@pytest.mark.parametrize("damage", [b"", b"\x80", b"\x80\x05K\x01."])
def test_a_damaged_entry_is_compiled_anew_and_mended(folder, ending, damage):
    kernel(doubled)(4)
    for file in folder.rglob(f"*{ending}"):
        file.write_bytes(damage)
    damaged, mended = kernel(doubled), kernel(doubled)
    assert (damaged(4), hits(damaged)) == (8, 0)
    assert (mended(4), hits(mended)) == (8, 1)


def test_other_sources_are_other_entries(monkeypatch):
    kernel(doubled)(4)
    again = kernel(doubled)
    assert (again(4), hits(again)) == (8, 1)
    monkeypatch.setattr(home, "SOURCES", "another file of the folder was edited")
    edited = kernel(doubled)
    assert (edited(4), hits(edited)) == (8, 0)


def product_and_sum(x, y, z):
    return x * y + z


def test_only_a_contracted_loop_may_round_a_product_and_its_sum_once():
    x, almost = 1 + 2.0**-30, -(1 + 2.0**-29)
    assert kernel(product_and_sum)(x, x, almost) == 0.0
    assert contracted(product_and_sum)(x, x, almost) in (0.0, 2.0**-60)


def copied(x, y):
    for n in range(len(x)):
        y[n] = x[n]


def test_the_compiler_asks_whether_arrays_are_apart(monkeypatch):
    told = []
    monkeypatch.setattr(home, "_without_aliases", lambda flags: told.append(1) or flags)
    compiled, y = apart(copied), np.zeros(2)
    compiled(np.ones(2), y)
    assert told
    assert y.tolist() == [1.0, 1.0]

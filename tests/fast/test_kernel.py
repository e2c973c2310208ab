import warnings

import numba
import pytest
from numba.core.caching import CacheImpl

from tvbi_ref.fast import kernel as home
from tvbi_ref.fast.kernel import kernel

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

"""Archives: what would unpack to more than it may hold is refused before it is unpacked."""

import hashlib
import json
import tracemalloc
import zipfile

import numpy as np
import pytest

from tvbi_ref._archive import digest, read_archive, write_archive
from tvbi_ref.errors import DataCorruptedError

HEADER = {"format": "diary", "version": 1}
MEGABYTES_64 = 2**26


def bomb(path, name, *, compression=zipfile.ZIP_DEFLATED, header=HEADER):
    """Write an archive of which one member is 64 MB of zeros."""
    with zipfile.ZipFile(path, "w", compression, compresslevel=1) as file:
        if name != "header.npy":
            with file.open("header.npy", "w") as member:
                np.lib.format.write_array(member, np.array(json.dumps(header)))
        with file.open(name, "w") as member:
            dtype = np.dtype("<U1" if name == "header.npy" else "<f4")
            about = {"descr": dtype.str, "fortran_order": False, "shape": (MEGABYTES_64 // 4,)}
            np.lib.format.write_array_header_1_0(member, about)
            for _ in range(64):
                member.write(bytes(2**20))


def peak_of_a_refusal(path, match, most=None):
    tracemalloc.start()
    with pytest.raises(DataCorruptedError, match=match):
        read_archive(path, "diary", 1, most)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


@pytest.mark.parametrize(
    ("name", "match", "most"),
    [
        ("header.npy", "the header must have at most", None),
        ("x.npy", "it must not be compressed", None),
        ("x.npy", "all of it must have at most", lambda header: 1000),
        ("not_an_array", "all of it must have at most", lambda header: 1000),
    ],
)
def test_a_bomb_is_refused_before_it_is_unpacked(name, match, most, tmp_path):
    bomb(tmp_path / "a.npz", name)
    assert (tmp_path / "a.npz").stat().st_size < 400_000
    assert peak_of_a_refusal(tmp_path / "a.npz", match, most) < 5e6


def test_an_archive_that_names_one_content_many_times_is_refused(tmp_path):
    """A thousand names for one megabyte: not compressed, and a gigabyte."""
    path = tmp_path / "a.npz"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("header.npy", b"")
        file.writestr("x.npy", bytes(2**20))
        for k in range(1000):
            again = zipfile.ZipInfo(f"x{k}.npy")
            one = file.filelist[1]
            for part in ("header_offset", "CRC", "file_size", "compress_size"):
                setattr(again, part, getattr(one, part))
            file.filelist.append(again)
    assert peak_of_a_refusal(path, "not a readable diary file") < 50e6


def test_an_array_that_claims_more_than_its_member_holds_is_refused(tmp_path):
    path = tmp_path / "a.npz"
    with zipfile.ZipFile(path, "w") as file:
        with file.open("header.npy", "w") as member:
            np.lib.format.write_array(member, np.array(json.dumps(HEADER)))
        with file.open("x.npy", "w") as member:
            about = {"descr": "<f4", "fortran_order": False, "shape": (10**15,)}
            np.lib.format.write_array_header_1_0(member, about)
    with pytest.raises(DataCorruptedError, match="not a readable diary file"):
        read_archive(path, "diary", 1)


def test_what_is_no_archive_is_not_read_whole(tmp_path):
    with open(tmp_path / "a.npz", "wb") as file:
        file.truncate(10**9)  # a hole: it takes no place on the disk
    assert peak_of_a_refusal(tmp_path / "a.npz", "not a readable diary file") < 5e6


def test_the_digest_is_that_of_the_bytes_of_every_kind_of_array():
    """As it was written by the first version, which copied them."""
    arrays = {
        "empty": np.zeros((0, 3)),
        "one": np.array(3.0),
        "rows": np.array([(1, 0.5)], dtype=[("epoch", int), ("elbo", float)]),
        "text": np.array("abc"),
        "turned": np.arange(6.0).reshape(2, 3).T,
        "mask": np.eye(3, dtype=bool),
    }
    sha = hashlib.sha256(json.dumps({"a": 1}).encode())
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        sha.update(f"{name} {array.dtype.str} {array.shape}".encode() + array.tobytes())
    assert digest({"a": 1, "sha256": "no part"}, arrays) == sha.hexdigest()


def test_an_archive_as_large_as_it_may_be_is_read(tmp_path):
    arrays = {"x": np.zeros(1000), "y": np.ones(3, bool)}
    for compress, most in ((True, lambda header: header["bytes"]), (False, None)):
        header = HEADER | {"bytes": 8003}
        write_archive(tmp_path / "a.npz", header, arrays, compress=compress)
        again = read_archive(tmp_path / "a.npz", "diary", 1, most)[1]
        assert all(np.array_equal(again[name], arrays[name]) for name in arrays)

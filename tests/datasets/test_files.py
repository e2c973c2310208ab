"""Files: found, missing, damaged; whatever is not the known data is refused and named."""

import gzip
import hashlib
import struct
import threading
import tracemalloc
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import hypothesis.extra.numpy as hnp
import numpy as np
import pooch
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from requests.exceptions import ConnectionError as NoNetworkError

from tvbi_ref.datasets import (
    boston,
    fashion_mnist,
    load_boston,
    load_fashion_mnist,
    load_mnist,
    mnist,
    read_idx,
)
from tvbi_ref.errors import DataCorruptedError, DataUnavailableError


def rows(*arrays):
    """Return the rows of all arrays, sorted: two lists are equal when they hold the same rows."""
    return sorted(row.tobytes() for array in arrays for row in array)


# --- IDX ----------------------------------------------------------------------------------

IDX_CODES = {"u1": 0x08, "i1": 0x09, "i2": 0x0B, "i4": 0x0C, "f4": 0x0D, "f8": 0x0E}


def idx(array):
    """Write an array as IDX (independent of the reader: from the description of the format)."""
    header = bytes([0, 0, IDX_CODES[array.dtype.str[1:]], array.ndim])
    sizes = struct.pack(f">{array.ndim}I", *array.shape)
    return header + sizes + array.astype(array.dtype.newbyteorder(">")).tobytes()


PICTURES = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)


@settings(max_examples=60, deadline=None)
@given(
    array=st.sampled_from(sorted(IDX_CODES)).flatmap(
        lambda code: hnp.arrays(code, hnp.array_shapes(max_dims=4, max_side=4))
    ),
    packed=st.booleans(),
)
def test_reading_inverts_writing(array, packed):
    content = idx(array)
    found = read_idx(gzip.compress(content) if packed else content)
    assert found.dtype == array.dtype
    assert found.dtype.isnative
    assert found.flags.writeable
    np.testing.assert_array_equal(found, array)


@pytest.mark.parametrize("name", ["pictures", "pictures.gz"])
@pytest.mark.parametrize("kind", [str, Path])
def test_a_file_is_read_like_its_content(tmp_path, name, kind):
    content = idx(PICTURES)
    (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith("gz") else content)
    np.testing.assert_array_equal(read_idx(kind(tmp_path / name)), PICTURES)


@pytest.mark.parametrize("length", range(len(idx(PICTURES))))
def test_truncation_is_seen_wherever_it_happens(length):
    with pytest.raises(DataCorruptedError, match=rf"truncated: .* needs \d+ bytes; got {length}$"):
        read_idx(idx(PICTURES)[:length])


def test_truncated_gzip_is_seen_wherever_it_happens():
    packed = gzip.compress(idx(PICTURES), mtime=0)
    for length in range(len(packed)):
        with pytest.raises(DataCorruptedError):
            read_idx(packed[:length])


def test_a_flipped_bit_in_gzip_never_gives_other_numbers():
    packed = gzip.compress(idx(PICTURES), mtime=0)
    for position in range(8 * len(packed)):
        damaged = bytearray(packed)
        damaged[position // 8] ^= 1 << position % 8
        try:
            found = read_idx(bytes(damaged))
        except DataCorruptedError:
            continue
        np.testing.assert_array_equal(found, PICTURES)  # e.g. the time stamp in the header


@settings(max_examples=200, deadline=None)
@given(
    content=st.binary(max_size=40)
    | st.binary(max_size=40).map(lambda tail: b"\0\0\x08" + tail)
    | st.binary(max_size=40).map(lambda tail: b"\x1f\x8b\x08\0" + tail)
)
def test_whatever_comes_there_is_an_array_or_the_named_error(content):
    try:
        found = read_idx(content)
    except DataCorruptedError:
        return
    assert found.nbytes + 4 + 4 * found.ndim == len(content)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (idx(PICTURES) + b"\0", r"trailing bytes: shape \(2, 3, 4\) of uint8 needs 40 bytes; got"),
        (gzip.compress(idx(PICTURES), mtime=0) + b"garbage", "the gzip stream is damaged"),
        (b"PK" + idx(PICTURES)[2:], "not IDX: it must begin with the bytes 0000; got 504b"),
        (b"\0\0\x0a\x01\0\0\0\x01\0", "IDX type must be one of 0x08, .*; got 0x0A"),
        (b"\0\0\x08\x00\x07", "IDX must have 1 to 64 axes; got 0"),
        (b"\0\0\x08\x41" + b"\0\0\0\x01" * 65 + b"\0", "IDX must have 1 to 64 axes; got 65"),
        (b"\0\0\x08\x02" + b"\0\0\0\0\xff\xff\xff\xff", "an axis is empty"),
        (b"\0\0\x0e\x40" + b"\xff" * 256, "truncated: shape"),  # 2^2051 bytes, nothing allocated
    ],
)
def test_what_is_wrong_is_said(content, message):
    with pytest.raises(DataCorruptedError, match=message):
        read_idx(content)


def test_a_damaged_file_is_named(tmp_path):
    path = tmp_path / "pictures.gz"
    path.write_bytes(gzip.compress(idx(PICTURES), mtime=0)[:-3])
    with pytest.raises(DataCorruptedError, match=r"pictures\.gz: the gzip stream is damaged"):
        read_idx(path)


def header(*shape):
    return bytes([0, 0, 8, len(shape)]) + struct.pack(f">{len(shape)}I", *shape)


def zeros_behind(start):
    """Return 64 MB of zeros behind a header, gzipped to 64 kB."""
    return gzip.compress(start + bytes(2**26), compresslevel=6)


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize(
    ("start", "message"),
    [
        (header(2, 3), r"trailing bytes: shape \(2, 3\) of uint8 needs 18 bytes; got more"),
        (b"PK", "not IDX"),
        (header(2**32 - 1, 2**32 - 1)[:8] + b"\0" * 4, "an axis is empty"),
    ],
)
def test_no_more_is_unpacked_than_the_header_declares(start, message, packed, tmp_path):
    (tmp_path / "a").write_bytes(zeros_behind(start) if packed else start + bytes(2**26))
    assert peak_of_a_refusal(lambda: read_idx(tmp_path / "a"), message) < 5e6


def test_what_is_larger_than_mnist_is_not_unpacked_as_mnist(places, small_mnist):
    """Header and content agree, to 64 MB."""
    user, _ = places
    write_mnist(user, small_mnist, packed=True)
    bomb = zeros_behind(header(2**26))
    (user / "mnist" / "train-labels-idx1-ubyte.gz").write_bytes(bomb)
    assert peak_of_a_refusal(load_mnist, "must have at most 47040016 bytes") < 5e6


def peak_of_a_refusal(load, message):
    tracemalloc.start()
    with pytest.raises(DataCorruptedError, match=message):
        load()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def test_a_source_of_another_kind_is_refused(tmp_path):
    with pytest.raises(TypeError, match="source must be a path or bytes; got ndarray"):
        read_idx(PICTURES)
    with pytest.raises(FileNotFoundError):
        read_idx(tmp_path / "absent")


# --- Files: found, missing, damaged -------------------------------------------------------


@pytest.fixture
def places(tmp_path, monkeypatch):
    """Point $TVBI_DATA and the cache at empty folders, and cut the network."""

    def no_network(*args, **kwargs):
        raise NoNetworkError("HTTPSConnectionPool(host='somewhere', port=443)")

    user, cache = tmp_path / "user", tmp_path / "cache"
    for folder in (user / "mnist", cache / "mnist"):
        folder.mkdir(parents=True)
    monkeypatch.setattr(fashion_mnist, "FOLDERS", (tmp_path / "system",))
    monkeypatch.setenv("TVBI_DATA", str(user))
    monkeypatch.setattr(pooch, "os_cache", lambda project: cache)
    monkeypatch.setattr(pooch, "retrieve", no_network)
    return user, cache


def sha256(content):
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def small_mnist(monkeypatch):
    """Stand in for the four files of MNIST or its kin: three training and two test pictures."""
    rng = np.random.default_rng(0)
    files = {
        "train-images-idx3-ubyte": idx(rng.integers(0, 256, (3, 28, 28), dtype=np.uint8)),
        "train-labels-idx1-ubyte": idx(np.array([5, 0, 9], dtype=np.uint8)),
        "t10k-images-idx3-ubyte": idx(rng.integers(0, 256, (2, 28, 28), dtype=np.uint8)),
        "t10k-labels-idx1-ubyte": idx(np.array([7, 2], dtype=np.uint8)),
    }
    hashes = {
        name: ("sha256:" + sha256(gzip.compress(content, mtime=0)), sha256(content))
        for name, content in files.items()
    }
    for module in (mnist, fashion_mnist):
        monkeypatch.setattr(module, "HASHES", hashes)
    return files


@pytest.fixture
def small_boston(monkeypatch):
    """Stand in for boston.csv: its header and shape, other numbers."""
    table = np.random.default_rng(0).normal(size=(506, 14)).round(4)
    monkeypatch.setattr(boston, "DIGEST", sha256(table.tobytes()))
    names = "crim,zn,indus,chas,nox,rm,age,dis,rad,tax,ptratio,b,lstat,medv"
    header = ",".join(f'"{name}"' for name in names.split(","))
    return [header, *(",".join(map(str, row)) for row in table.tolist())], table


def write_mnist(folder, files, *, packed, below="mnist"):
    (folder / below).mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        path = folder / below / (f"{name}.gz" if packed else name)
        path.write_bytes(gzip.compress(content, mtime=0) if packed else content)


@pytest.mark.parametrize("place", [0, 1], ids=["TVBI_DATA", "cache"])
@pytest.mark.parametrize("packed", [True, False], ids=["gz", "raw"])
def test_mnist_is_found_without_a_network(places, small_mnist, place, packed):
    write_mnist(places[place], small_mnist, packed=packed)
    data = load_mnist(download=False)
    assert repr(data) == "Dataset('mnist': 3 train, 2 test; 784 features (28, 28); 10 classes)"
    pictures = read_idx(small_mnist["t10k-images-idx3-ubyte"])
    np.testing.assert_allclose(data.x_test, pictures.reshape(2, 784) / 255, rtol=1e-6)
    np.testing.assert_array_equal(data.y_train, [5, 0, 9])


@pytest.mark.parametrize("packed", [True, False], ids=["gz", "raw"])
@pytest.mark.parametrize(
    ("place", "below"),
    [("user", "fashion_mnist"), ("cache", "fashion_mnist"), ("system", "")],
)
def test_fashion_mnist_is_found_without_a_network(places, small_mnist, place, below, packed):
    write_mnist(places[0].parent / place, small_mnist, packed=packed, below=below)
    data = load_fashion_mnist(download=False)
    assert repr(data).startswith("Dataset('fashion_mnist': 3 train, 2 test; 784 features (28, 28)")
    pictures = read_idx(small_mnist["train-images-idx3-ubyte"])
    np.testing.assert_allclose(data.x_train, pictures.reshape(3, 784) / 255, rtol=1e-6)
    np.testing.assert_array_equal(data.y_test, [7, 2])


def test_the_reader_goes_before_the_system(places, small_mnist):
    user, _ = places
    write_mnist(user.parent, dict.fromkeys(small_mnist, b"damaged"), packed=False, below="system")
    with pytest.raises(DataCorruptedError, match=r"system.*not IDX"):
        load_fashion_mnist()
    write_mnist(user, small_mnist, packed=True, below="fashion_mnist")
    assert len(load_fashion_mnist().x_train) == 3


def test_mnist_is_not_taken_for_fashion_mnist(places, small_mnist, monkeypatch):
    """Both have the same names and shapes: only the checksums tell them apart."""
    others = {name: (packed, 64 * "0") for name, (packed, _) in mnist.HASHES.items()}
    monkeypatch.setattr(fashion_mnist, "HASHES", others)
    write_mnist(places[0], small_mnist, packed=True, below="fashion_mnist")
    with pytest.raises(DataCorruptedError, match="the SHA-256 of the IDX content must be 0000"):
        load_fashion_mnist()


def test_own_folder_goes_before_the_cache(places, small_mnist):
    user, cache = places
    write_mnist(cache, dict.fromkeys(small_mnist, b"damaged"), packed=False)
    write_mnist(user, small_mnist, packed=False)
    assert len(load_mnist().x_train) == 3


@pytest.mark.parametrize("own_folder", [True, False])
@pytest.mark.parametrize("download", [True, False])
@pytest.mark.parametrize(
    ("loader", "file"),
    [
        (load_mnist, "mnist/train-images-idx3-ubyte.gz"),
        (load_fashion_mnist, "fashion_mnist/train-images-idx3-ubyte.gz"),
        (load_boston, "boston.csv"),
    ],
)
def test_missing_data_name_both_ways_out(places, monkeypatch, loader, file, download, own_folder):
    user, cache = places
    if not own_folder:
        monkeypatch.delenv("TVBI_DATA")
    with pytest.raises(DataUnavailableError) as caught:
        loader(download=download)
    message = str(caught.value)
    assert f"set $TVBI_DATA ({f'now {str(user)!r}' if own_folder else 'not set now'})" in message
    assert f"to a folder that holds {file}" in message
    assert f"connect to the network and let it download to {cache / file}" in message
    assert ("(ConnectionError)" in message) == download
    assert "HTTPSConnectionPool" not in message  # that is for the chained error
    assert isinstance(caught.value.__cause__, NoNetworkError) == download


def test_mnist_with_a_wrong_checksum_is_refused(places, small_mnist):
    user, _ = places
    write_mnist(user, small_mnist, packed=True)
    other = idx(np.array([5, 0, 8], dtype=np.uint8))
    write_mnist(user, {"train-labels-idx1-ubyte": other}, packed=True)
    with pytest.raises(DataCorruptedError) as caught:
        load_mnist()
    message = str(caught.value)
    assert str(user / "mnist" / "train-labels-idx1-ubyte.gz") in message
    assert sha256(other) in message
    assert sha256(small_mnist["train-labels-idx1-ubyte"]) in message


def test_truncated_mnist_is_called_truncated(places, small_mnist):
    user, _ = places
    write_mnist(user, small_mnist, packed=False)
    path = user / "mnist" / "t10k-images-idx3-ubyte"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DataCorruptedError, match=r"t10k-images-idx3-ubyte: truncated"):
        load_mnist()


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


@pytest.fixture
def server(tmp_path, monkeypatch):
    """Serve a folder on this machine; give the folder and its address."""
    folder = tmp_path / "served"
    folder.mkdir()
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    handler = partial(Quiet, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as httpd:
        thread = threading.Thread(target=httpd.serve_forever, args=(0.01,))
        thread.start()
        yield folder, f"http://127.0.0.1:{httpd.server_port}/"
        httpd.shutdown()
        thread.join()


RETRIEVE = pooch.retrieve  # the real one, before `places` cuts the network


def test_download_passes_over_a_bad_mirror_and_caches_only_what_is_good(
    places, small_mnist, server, monkeypatch
):
    _, cache = places
    folder, address = server
    for mirror, files in (("bad", dict.fromkeys(small_mnist, b"no")), ("good", small_mnist)):
        (folder / mirror / "mnist").mkdir(parents=True)
        write_mnist(folder / mirror, files, packed=True)
    mirrors = tuple(f"{address}{mirror}/mnist/" for mirror in ("absent", "bad", "good"))
    monkeypatch.setattr(mnist, "MIRRORS", mirrors)
    cut = pooch.retrieve
    monkeypatch.setattr(pooch, "retrieve", RETRIEVE)
    downloaded = load_mnist()
    assert {path.name for path in (cache / "mnist").iterdir()} == {f"{k}.gz" for k in small_mnist}
    monkeypatch.setattr(pooch, "retrieve", cut)
    np.testing.assert_array_equal(load_mnist().x_train, downloaded.x_train)


def test_bad_mirrors_only_are_no_data(places, small_mnist, server, monkeypatch):
    _, cache = places
    folder, address = server
    (folder / "mnist").mkdir()
    write_mnist(folder, dict.fromkeys(small_mnist, b"no"), packed=True)
    monkeypatch.setattr(mnist, "MIRRORS", (f"{address}mnist/",))
    monkeypatch.setattr(pooch, "retrieve", RETRIEVE)
    with pytest.raises(DataUnavailableError, match=r"\(ValueError\)"):
        load_mnist()
    assert not list((cache / "mnist").iterdir())


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@pytest.mark.parametrize("tail", ["", "\n\n"])
def test_boston_is_split_into_a_partition(places, small_boston, ending, tail):
    user, _ = places
    lines, table = small_boston
    content = ending.join(lines) + tail
    (user / "boston.csv").write_bytes(content.encode())
    data = load_boston()
    assert repr(data) == "Dataset('boston': 455 train, 51 test; 13 features; 1 target)"
    joined = [np.hstack([data.x_train, data.y_train]), np.hstack([data.x_test, data.y_test])]
    assert rows(*joined) == rows(table.astype(np.float32))
    assert rows(load_boston(seed=1).x_test) != rows(data.x_test)
    np.testing.assert_array_equal(load_boston().x_test, data.x_test)


def changed(lines, k, line):
    return [*lines[:k], line, *lines[k + 1 :]]


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda lines: [], "must have the header crim,.*got ''"),
        (lambda lines: ["<!DOCTYPE html>", "<html>"], "must have the header crim,.*DOCTYPE"),
        (lambda lines: ["\0\xff" * 200_000], "must have the header crim,"),
        (lambda lines: changed(lines, 0, lines[0].lower().replace("b", "B")), "must have the head"),
        (lambda lines: lines[:1], "must have 506 rows; got 0"),
        (lambda lines: lines[:-1], "must have 506 rows; got 505"),
        (lambda lines: lines + lines[-1:], "must have 506 rows; got 507"),
        (lambda lines: changed(lines, 9, lines[9] + ",1"), "not a table of numbers"),
        (lambda lines: changed(lines, 9, lines[9].replace(",", ";")), "not a table of numbers"),
        (lambda lines: [lines[0]] + [line + ",1" for line in lines[1:]], "SHA-256 of the numbers"),
        (lambda lines: changed(lines, 9, ",".join(["nan"] * 14)), "SHA-256 of the numbers must be"),
        (lambda lines: changed(lines, 9, ",".join(["1"] * 14)), "SHA-256 of the numbers must be"),
        (lambda lines: lines[:1] + lines[:0:-1], "SHA-256 of the numbers must be"),
    ],
)
def test_damaged_boston_is_refused_and_named(places, small_boston, damage, message):
    user, _ = places
    path = user / "boston.csv"
    path.write_text("\n".join(damage(small_boston[0])), encoding="latin-1")
    with pytest.raises(DataCorruptedError, match=message) as caught:
        load_boston()
    assert str(path) in str(caught.value)


# --- The real files, where they are -------------------------------------------------------


@pytest.mark.data("mnist")
@pytest.mark.slow
def test_mnist_is_the_known_one():
    data = load_mnist(download=False)
    assert repr(data).startswith("Dataset('mnist': 60000 train, 10000 test; 784 features (28, 28)")
    np.testing.assert_array_equal(data.y_test[:10], [7, 2, 1, 0, 4, 1, 4, 9, 5, 9])
    assert np.bincount(data.y_train).min() == 5421  # the fives
    assert (data.x_train.min(), data.x_train.max()) == (0, 1)
    assert data.x_train.mean() == pytest.approx(0.1307, abs=1e-4)  # known from everywhere


@pytest.mark.data("fashion_mnist")
@pytest.mark.slow
def test_fashion_mnist_is_the_known_one():
    data = load_fashion_mnist(download=False)
    assert repr(data).startswith("Dataset('fashion_mnist': 60000 train, 10000 test; 784 features")
    np.testing.assert_array_equal(data.y_train[:10], [9, 0, 0, 3, 0, 2, 7, 2, 5, 5])
    assert (np.bincount(data.y_train) == 6000).all()
    assert (np.bincount(data.y_test) == 1000).all()
    assert data.x_train.mean() == pytest.approx(0.2860, abs=1e-4)  # known from everywhere


@pytest.mark.data("boston")
def test_boston_is_the_known_one():
    data = load_boston(download=False)
    assert (len(data.x_train), len(data.x_test)) == (455, 51)
    medv = np.vstack([data.y_train, data.y_test])
    assert medv.mean() == pytest.approx(22.533, abs=1e-3)
    assert (medv.min(), medv.max()) == (5, 50)
    ready = data.standardised()
    np.testing.assert_allclose(ready.target_scale.undo(ready.y_test), data.y_test, rtol=1e-5)

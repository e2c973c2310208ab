"""Model files: exact round trips, honest bytes, and nothing damaged is ever believed."""

import copy
import gc
import io
import json
import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import pytest
from small_networks import (
    KINDS,
    NETWORKS,
    cnn,
    content,
    damaged,
    inputs_of,
    learned,
    outcome,
    pruned,
)

from tvbi_ref import Gamma, checkpoint, compress, load_compressed, nets, save_compressed
from tvbi_ref._archive import digest
from tvbi_ref.compression import files
from tvbi_ref.compression.formats import FORMATS
from tvbi_ref.errors import DataCorruptedError


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.slow
def test_a_round_trip_is_exact(name, format, tmp_path):
    small = compress(pruned(NETWORKS[name]()), format)
    save_compressed(tmp_path / "net.npz", small)
    again = load_compressed(tmp_path / "net.npz")
    assert content(again) == content(small)
    assert again.formats == small.formats
    x = inputs_of(small)
    np.testing.assert_array_equal(again.predict(x), small.predict(x))
    if isinstance(small.loss, nets.SoftmaxCrossEntropy):
        expected, found = (net.predict_proba(x, draws=3) for net in (small, again))
    else:
        expected, found = (net.predict_interval(x, draws=3) for net in (small, again))
    np.testing.assert_array_equal(found, expected)


def test_a_network_that_has_died_and_one_that_is_whole_come_back(tmp_path):
    for density in (0.0, 1.0):
        small = compress(pruned(nets.mlp([12, 9, 4], seed=0), density))
        save_compressed(tmp_path / "net.npz", small)
        assert content(load_compressed(tmp_path / "net.npz")) == content(small)


def test_every_layer_keeps_a_format_of_its_own(tmp_path):
    small = compress(pruned(NETWORKS["categorical"]()), ["gap", "blocks", "bitmask"])
    save_compressed(tmp_path / "net.npz", small)
    assert load_compressed(tmp_path / "net.npz").formats == ["gap", "blocks", "bitmask"]


def test_without_uncertainty_it_predicts_the_same_and_refuses_to_be_drawn(tmp_path):
    small = compress(pruned(NETWORKS["categorical"]()))
    save_compressed(tmp_path / "net.npz", small, uncertainty=False)
    again, x = load_compressed(tmp_path / "net.npz"), inputs_of(small)
    np.testing.assert_array_equal(again.predict_proba(x), small.predict_proba(x))
    assert again.uncertainty_nbytes == 0 < small.uncertainty_nbytes
    for ask in (again.predict_entropy, lambda x: again.predict_proba(x, draws=2)):
        with pytest.raises(ValueError, match="holds no posterior variances: it was saved without"):
            ask(x)
    save_compressed(tmp_path / "again.npz", again)  # there is nothing more to write
    assert (tmp_path / "again.npz").read_bytes() == (tmp_path / "net.npz").read_bytes()


@pytest.mark.parametrize("format", FORMATS)
def test_the_file_is_what_the_format_takes_and_a_kilobyte_or_so(format, tmp_path):
    small = compress(pruned(nets.lenet_300_100(seed=0), 0.02), format)
    save_compressed(tmp_path / "whole.npz", small)
    save_compressed(tmp_path / "means.npz", small, uncertainty=False)
    whole, means = ((tmp_path / f"{name}.npz").stat().st_size for name in ("whole", "means"))
    assert small.nbytes < means < small.nbytes + 1500
    assert 0 < whole - means - small.uncertainty_nbytes < 300


def test_a_path_may_be_text_its_folder_new_and_its_name_any(tmp_path):
    small = compress(NETWORKS["categorical"]())
    save_compressed(str(tmp_path / "new" / "folder" / "net.model"), small)
    assert [path.name for path in (tmp_path / "new" / "folder").iterdir()] == ["net.model"]
    load_compressed(str(tmp_path / "new" / "folder" / "net.model"))


def test_the_file_is_an_npz_without_pickle(tmp_path):
    save_compressed(tmp_path / "net.npz", compress(NETWORKS["categorical"]()))
    with np.load(tmp_path / "net.npz", allow_pickle=False) as file:
        header = json.loads(str(file["header"]))
        arrays = {name: file[name] for name in file.files if name != "header"}
    assert header == {
        "format": "tvbi_ref compressed network",
        "version": 1,
        "sha256": digest(header, arrays),
    }
    assert {name: array.dtype for name, array in arrays.items()} == {"model": np.uint8}


def test_only_a_compressed_network_is_written(tmp_path):
    with pytest.raises(TypeError, match="network must be a CompressedNetwork; got Network"):
        save_compressed(tmp_path / "net.npz", nets.mlp([3, 2], seed=0))
    assert list(tmp_path.iterdir()) == []


# Damage


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """Return (bytes of a file that uses every feature, content of its network)."""
    path = tmp_path_factory.mktemp("saved") / "net.npz"
    net = nets.cnn(
        (2, 4, 4),
        [(4, 2), (3, 2)],
        [3, 2],
        seed=0,
        activation="leaky_relu",
        likelihood="gaussian",
        noise=Gamma(2.0, 1.0),
    )
    small = compress(pruned(net), ["clusters", "gap", "blocks", "bitmask"])
    save_compressed(path, small)
    return path.read_bytes(), content(small)


@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_file_is_refused_or_harmless(kind, saved, tmp_path):
    """A thousand files, 125 of each kind. A zip has a few bytes that no reader needs, dates say."""
    data, expected = saved
    rng = np.random.default_rng(0)
    outcomes = [
        outcome(tmp_path / "net.npz", damaged(data, kind, rng), expected) for _ in range(125)
    ]
    assert set(outcomes) <= {"refused", "the same"}
    assert outcomes.count("refused") > 100
    if kind in ("truncated", "random", "garbage behind", "garbage before", "inserted"):
        assert set(outcomes) == {"refused"}


def archive(**arrays):
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def forged(model=b"", arrays=None, **changes):
    """Return an archive whose checksum is right, whatever is in it."""
    arrays = {"model": np.frombuffer(model, np.uint8)} if arrays is None else arrays
    header = {"format": "tvbi_ref compressed network", "version": 1, **changes}
    header = {key: value for key, value in header.items() if value != "absent"}
    if "sha256" not in changes:
        header["sha256"] = digest(header, arrays)
    return archive(header=np.array(json.dumps(header)), **arrays)


FOREIGN = {
    "empty": b"",
    "text": b"weights, please\n",
    "other archive": archive(x=np.zeros(3)),
    "pickled": archive(header=np.array([{"a": 1}], dtype=object)),
    "header is no JSON": archive(header=np.array("{half")),
    "header is a list": archive(header=np.array("[1, 2]")),
    "other format": forged(format="other"),
    "newer version": forged(version=2),
    "version in words": forged(version="two"),
    "no version": forged(version="absent"),
    "no checksum": forged(sha256="absent"),
    "wrong checksum": forged(sha256="0" * 64),
    "no model": forged(arrays={}),
    "empty model": forged(),
    "model is no zlib": forged(b"{}"),
    "model is no JSON": forged(zlib.compress(b"{half")),
    "model is a list": forged(zlib.compress(b"[1, 2]")),
    "model without arrays": forged(zlib.compress(b"{}")),
}


@pytest.mark.parametrize("what", FOREIGN)
def test_a_foreign_file_is_refused(what, tmp_path):
    path = tmp_path / "net.npz"
    path.write_bytes(FOREIGN[what])
    with pytest.raises(DataCorruptedError, match=r"net\.npz"):
        load_compressed(path)


def test_refusing_a_file_leaves_no_open_handle(tmp_path):
    """On some systems an open file cannot be deleted or replaced."""
    path = tmp_path / "net.npz"
    path.write_bytes(archive(x=np.zeros(3))[:-5])
    with pytest.raises(DataCorruptedError):
        load_compressed(path)
    gc.collect()  # a ResourceWarning is an error here


def test_a_newer_version_is_named(tmp_path):
    path = tmp_path / "net.npz"
    path.write_bytes(FOREIGN["newer version"])
    with pytest.raises(DataCorruptedError, match=r"version 2.*up to 1"):
        load_compressed(path)


def test_the_packages_other_files_are_refused_and_refuse_this_one(tmp_path):
    path = tmp_path / "net.npz"
    checkpoint.save_network(path, nets.mlp([3, 2], seed=0))
    with pytest.raises(DataCorruptedError, match="is not a tvbi_ref compressed network file"):
        load_compressed(path)
    save_compressed(path, compress(nets.mlp([3, 2], seed=0)))
    with pytest.raises(DataCorruptedError, match="is not a tvbi_ref network file"):
        checkpoint.load_network(path)


def test_a_missing_file_is_not_a_damaged_one(tmp_path):
    with pytest.raises(FileNotFoundError):
        load_compressed(tmp_path / "nothing.npz")


# Forgeries: the checksum is right, the content is not


@pytest.fixture(scope="module")
def parts():
    """Return description and arrays of a small network, to be changed."""
    small = compress(pruned(nets.mlp([6, 5, 3], seed=0), 0.5), ["clusters", "csr"])
    arrays = {}
    layers = [
        files._describe(layer, str(k), arrays, True)
        if hasattr(layer, "weights")
        else {"kind": "relu"}
        for k, layer in enumerate(small.layers)
    ]
    arrays["inputs"] = np.packbits(small.kept_inputs)
    description = {"inputs": 6, "input_shape": None, "noise": None, "layers": layers}
    return json.loads(json.dumps(description)), arrays


def set_in(keys, value):
    def change(description, arrays):
        place = description
        for key in keys[:-1]:
            place = place[key]
        place[keys[-1]] = value

    return change


def change_array(name, change):
    def apply(description, arrays):
        arrays[name] = change(arrays[name])

    return apply


def drop(name):
    return lambda description, arrays: arrays.pop(name)


FORGERIES = {
    "unknown layer": set_in(["layers", 0, "kind"], "transformer"),
    "layer without a name": set_in(["layers", 1], {}),
    "pool of no size": set_in(["layers", 1], {"kind": "max_pool", "size": 0}),
    "unknown format": set_in(["layers", 0, "format"], "zip"),
    "another format": set_in(["layers", 0, "format"], "csr"),
    "another shape": set_in(["layers", 0, "matrix"], [7, 5]),
    "shape of one side": set_in(["layers", 0, "matrix"], [30]),
    "dense said to be a convolution": set_in(["layers", 0, "kind"], "conv"),
    "layers that do not fit": set_in(["layers", 1], {"kind": "max_pool", "size": 1}),
    "no layers": set_in(["layers"], []),
    "fewer inputs": set_in(["inputs"], 3),
    "many more inputs": set_in(["inputs"], 70),
    "no inputs": set_in(["inputs"], 0),
    "images": set_in(["input_shape"], [6, 1, 1]),
    "half a shape": set_in(["input_shape"], [6, 1]),
    "negative noise": set_in(["noise"], {"known": -1.0}),
    "no noise": set_in(["noise"], {}),
    "variances of nothing": set_in(["layers", 0, "variances"], []),
    "infinite step": set_in(["layers", 0, "variances"], [0.0, float("inf")]),
    "bias too short": change_array("0.bias", lambda a: a[:-1]),
    "bias is infinite": change_array("0.bias", lambda a: a + np.float32(np.inf)),
    "bias of whole numbers": change_array("0.bias", lambda a: a.astype(np.int32)),
    "bias in float16": change_array("0.bias", lambda a: a.astype(np.float16)),
    "codes too short": change_array("0.variances", lambda a: a[:-1]),
    "codes of two bytes": change_array("0.variances", lambda a: a.astype(np.uint16)),
    "a weight that is no number": change_array(
        "0.weights.values", lambda a: a * np.float32(np.nan)
    ),
    "runs beyond the last input": change_array("0.weights.starts", lambda a: a + np.uint8(5)),
    "pointers that go back": change_array("0.weights.pointers", lambda a: a[::-1].copy()),
    "no input kept": change_array("inputs", lambda a: a * 0),
    "bits behind the last input": change_array("inputs", lambda a: a | 1),
    "no bias": drop("0.bias"),
    "no values": drop("2.weights.values"),
}


def forge(parts, change):
    description, arrays = json.loads(json.dumps(parts[0])), dict(parts[1])
    change(description, arrays)
    return forged(files._to_bytes(description, arrays))


@pytest.mark.parametrize("what", FORGERIES)
def test_a_forgery_with_the_right_checksum_is_refused(what, parts, tmp_path):
    path = tmp_path / "net.npz"
    path.write_bytes(forge(parts, FORGERIES[what]))
    with pytest.raises(DataCorruptedError, match="not a readable tvbi_ref compressed network"):
        load_compressed(path)


def test_what_the_forgeries_change_was_right_before(parts, tmp_path):
    path = tmp_path / "net.npz"
    path.write_bytes(forge(parts, lambda description, arrays: None))
    load_compressed(path)


@pytest.mark.parametrize("more", [b"x", bytes(100)])
def test_bytes_behind_the_last_array_are_refused(more, parts, tmp_path):
    path = tmp_path / "net.npz"
    path.write_bytes(forged(files._to_bytes(*parts) + more))
    with pytest.raises(DataCorruptedError, match=r"the arrays must have .* bytes; got"):
        load_compressed(path)


@pytest.mark.parametrize(
    "row",
    [
        ["0.bias", "<f4", [10**15]],
        ["0.bias", "<f4", [-3]],
        ["0.bias", "<f4", [2.5]],
        ["0.bias", "<f4"],
        ["0.bias", "O", [3]],
        ["0.bias", "float17", [3]],
    ],
)
def test_a_table_that_does_not_fit_its_bytes_is_refused(row, parts, tmp_path):
    path, (description, arrays) = tmp_path / "net.npz", parts
    model = files._to_bytes(description, arrays)
    inflater = zlib.decompressobj()
    words = json.loads(inflater.decompress(model))
    words["arrays"] = [row if name == "0.bias" else [name, *r] for name, *r in words["arrays"]]
    path.write_bytes(forged(zlib.compress(json.dumps(words).encode()) + inflater.unused_data))
    with pytest.raises(DataCorruptedError, match="not a readable"):
        load_compressed(path)


GREEDY = {
    "description of a giant": lambda d, a: d.update(more="0" * 10**7),
    "matrix of a giant": lambda d, a: d["layers"][0].update(matrix=[2**16 - 1, 2**16]),
    "matrix of 10^7 places": lambda d, a: d["layers"][0].update(matrix=[10**7, 1]),
    "inputs of a giant": lambda d, a: (a.pop("inputs"), d.update(inputs=10**10)),
    "image of a giant": lambda d, a: d.update(input_shape=[6, 10**5, 10**5]),
}


@pytest.mark.parametrize("what", GREEDY)
def test_what_asks_for_all_the_memory_there_is_is_refused_before_it_gets_any(what, parts, tmp_path):
    path, (description, arrays) = tmp_path / "net.npz", copy.deepcopy(parts)
    GREEDY[what](description, arrays)
    path.write_bytes(forged(files._to_bytes(description, arrays)))
    del description, arrays
    tracemalloc.start()
    with pytest.raises(DataCorruptedError, match=r"net\.npz is not a readable"):
        load_compressed(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8e6


def test_windows_of_an_image_that_ask_for_all_the_memory_are_refused(tmp_path, monkeypatch):
    path = tmp_path / "net.npz"
    save_compressed(path, compress(cnn()))
    monkeypatch.setattr(checkpoint, "MOST_NUMBERS", 1000)  # in place of a padding of 10^5
    with pytest.raises(DataCorruptedError, match="an image must have at most 1000 numbers"):
        load_compressed(path)


# Kept files: what 0.1.0 wrote, in another process


def test_networks_of_the_first_version_load():
    data = Path(__file__).parents[1] / "data"
    dense, conv = (load_compressed(data / f"compressed_{n}0.1.0.npz") for n in ("", "cnn_"))
    assert (dense.formats, conv.formats) == (["clusters"] * 2, ["blocks", "csr"])
    assert dense.loss.posterior == Gamma(7.5, 0.25)
    np.testing.assert_allclose(dense.predict(np.ones((1, 5))), [[0.2375487, 0.8609095]], rtol=1e-5)
    image = np.arange(36).reshape(1, 36) / 36
    np.testing.assert_allclose(conv.predict(image), [[0, 5.3775024, 5.5268555]], rtol=1e-5)
    # ln sigma2 was -1 - n/8 for weight n: the first that is left is the second, the last the 19th.
    first, last = dense.weight_layers[0].variances.deviations[[0, -1]]
    np.testing.assert_allclose([2 * np.log(first), 2 * np.log(last)], [-1.5, -3.375], atol=0.02)


# Interruption


@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()])
def test_an_interrupted_write_leaves_the_old_file_and_nothing_else(error, tmp_path, monkeypatch):
    path = tmp_path / "net.npz"
    old = compress(NETWORKS["categorical"]())
    save_compressed(path, old)

    def half(file, **arrays):
        file.write(b"PK half of a file")
        raise error

    monkeypatch.setattr(np, "savez", half)
    with pytest.raises(type(error)):
        save_compressed(path, compress(learned()))
    monkeypatch.undo()
    assert [entry.name for entry in tmp_path.iterdir()] == ["net.npz"]
    assert content(load_compressed(path)) == content(old)

"""Checkpoints: exact round trips, and nothing damaged is ever believed."""

import gc
import io
import json
from pathlib import Path

import numpy as np
import pytest

from tvbi_ref import checkpoint, nets
from tvbi_ref._archive import digest, pack, read_archive, unpack, write_archive
from tvbi_ref.checkpoint import FORMAT, VERSION, load_network, save_network
from tvbi_ref.errors import DataCorruptedError, NonFiniteError
from tvbi_ref.prior import Gamma

DATA = Path(__file__).parent / "data"


def learned(**changes):
    """Return a regression network whose noise precision has seen some data."""
    net = nets.mlp([3, 4, 2], seed=0, likelihood="gaussian", noise=Gamma(2.0, 1.5), **changes)
    x = np.random.default_rng(0).normal(size=(8, 3))
    nets.train(net, x, x[:, :2], epochs=2, seed=0)
    return net


def pruned(net):
    rng = np.random.default_rng(1)
    for layer in net.weight_layers:
        layer.prune(rng.random(layer.mean.value.shape) < 0.5)
    return net


NETWORKS = {
    "categorical": lambda: nets.mlp([3, 4, 2], seed=3),
    "leaky": lambda: nets.mlp([3, 4, 4, 2], seed=3, activation="leaky_relu"),
    "known noise": lambda: nets.mlp([3, 2], seed=3, likelihood="gaussian", noise=0.1),
    "learned noise": learned,
    "unseen noise": lambda: nets.mlp([3, 1], seed=0, likelihood="gaussian", noise=Gamma(2, 3)),
    "masks": lambda: pruned(nets.mlp([3, 4, 2], seed=3)),
    "one mask": lambda: one_mask(nets.mlp([3, 4, 2], seed=3)),
    "float64": lambda: nets.mlp([3, 4, 2], seed=3, dtype=np.float64),
    "everything": lambda: pruned(learned(activation="leaky_relu", dtype=np.float64)),
    "lenet": lambda: nets.lenet_300_100(seed=0),
}


def one_mask(net):
    net.weight_layers[1].prune(np.eye(4, 2, dtype=bool))
    return net


def content(net):
    """Return everything that makes up a network, in comparable form."""
    loss = net.loss
    return (
        net.recipe,
        net.dtype,
        [(p.name, p.value.dtype, p.value.tobytes(), p.bounds) for p in net.parameters()],
        [None if layer.mask is None else layer.mask.tolist() for layer in net.weight_layers],
        [type(layer) for layer in net.layers],
        type(loss),
        getattr(loss, "prior", None),
        getattr(loss, "posterior", None),
        getattr(loss, "noise_precision", None),
    )


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.slow
def test_a_round_trip_is_exact(name, tmp_path):
    net = NETWORKS[name]()
    save_network(tmp_path / "net.npz", net)
    again = load_network(tmp_path / "net.npz")
    assert content(again) == content(net)
    x = np.random.default_rng(0).normal(size=(5, net.widths[0]))
    np.testing.assert_array_equal(again.predict(x), net.predict(x))
    np.testing.assert_array_equal(
        again.predict(x, np.random.default_rng(0)), net.predict(x, np.random.default_rng(0))
    )


def test_saving_does_not_change_the_network(tmp_path):
    net = NETWORKS["everything"]()
    before = content(net.copy())
    save_network(tmp_path / "net.npz", net)
    assert content(net) == before


def test_a_loaded_network_trains_on_as_the_saved_one(tmp_path):
    net = NETWORKS["everything"]()
    save_network(tmp_path / "net.npz", net)
    again = load_network(tmp_path / "net.npz")
    x = np.random.default_rng(0).normal(size=(8, 3))
    for one in (net, again):
        nets.train(one, x, x[:, :2], epochs=3, seed=4)
    assert content(again) == content(net)


def test_a_path_may_be_text_and_its_folder_new(tmp_path):
    net = NETWORKS["categorical"]()
    save_network(str(tmp_path / "new" / "folder" / "net.npz"), net)
    assert content(load_network(str(tmp_path / "new" / "folder" / "net.npz"))) == content(net)


def test_the_name_is_taken_as_it_is(tmp_path):
    """No .npz is added behind the caller's back."""
    save_network(tmp_path / "net.model", NETWORKS["categorical"]())
    assert [path.name for path in tmp_path.iterdir()] == ["net.model"]
    load_network(tmp_path / "net.model")


def test_a_network_without_a_recipe_cannot_be_saved(tmp_path):
    layers = [nets.Dense(2, 2, np.random.default_rng(0))]
    with pytest.raises(ValueError, match="recipe"):
        save_network(tmp_path / "net.npz", nets.Network(layers, nets.SoftmaxCrossEntropy()))
    assert list(tmp_path.iterdir()) == []


# Damage


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """Return (bytes of a file that uses every feature, content of its network)."""
    path = tmp_path_factory.mktemp("saved") / "net.npz"
    net = NETWORKS["everything"]()
    save_network(path, net)
    return path.read_bytes(), content(net)


def damaged(data, kind, rng):
    if kind == "truncated":
        return data[: rng.integers(len(data))]
    if kind == "noise":
        return rng.bytes(int(rng.integers(1, 2 * len(data))))
    at = int(rng.integers(len(data)))
    if kind == "flipped":
        more = bytes([data[at] ^ int(rng.integers(1, 256))])
    else:
        more = rng.bytes(int(rng.integers(1, 50)))
    kept = at if kind == "inserted" else at + len(more)
    return data[:at] + more + data[kept:]


def outcome(path, data, expected):
    """Return "refused", "the same", or what else happened."""
    path.write_bytes(data)
    try:
        net = load_network(path)
    except DataCorruptedError:
        return "refused"
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return "the same" if content(net) == expected else "silently different"


@pytest.mark.parametrize("kind", ["truncated", "flipped", "noise", "overwritten", "inserted"])
def test_a_damaged_file_is_refused_or_harmless(kind, saved, tmp_path):
    """Two hundred times each. A flipped byte may be one that no reader needs."""
    data, expected = saved
    rng = np.random.default_rng(0)
    outcomes = [
        outcome(tmp_path / "net.npz", damaged(data, kind, rng), expected) for _ in range(200)
    ]
    assert set(outcomes) <= {"refused", "the same"}
    assert "refused" in outcomes
    if kind in ("truncated", "noise"):
        assert "the same" not in outcomes


def archive(**arrays):
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def array_file():
    buffer = io.BytesIO()
    np.save(buffer, np.zeros(3))
    return buffer.getvalue()


def header(**changes):
    """Return an archive with a header alone, the checksum right for no arrays."""
    whole = {
        "format": "tvbi_ref network",
        "version": 1,
        "dtype": "float32",
        "recipe": {"architecture": "mlp", "widths": [2, 2]},
        "noise": None,
    }
    kept = {key: value for key, value in {**whole, **changes}.items() if value != "absent"}
    if "sha256" not in changes:
        kept["sha256"] = digest(kept, {})
    return archive(header=np.array(json.dumps(kept)))


FOREIGN = {
    "empty": b"",
    "text": b"weights, please\n",
    "one array": array_file(),
    "other archive": archive(x=np.zeros(3)),
    "pickled": archive(header=np.array([{"a": 1}], dtype=object)),
    "header is no JSON": archive(header=np.array("{half")),
    "header is a list": archive(header=np.array("[1, 2]")),
    "header is a number": archive(header=np.zeros(3)),
    "other format": header(format="other"),
    "newer version": header(version=2),
    "version in words": header(version="two"),
    "no version": header(version="absent"),
    "no checksum": header(sha256="absent"),
    "wrong checksum": header(sha256="0" * 64),
    "no arrays": header(),
    "no recipe": header(recipe="absent"),
    "unknown architecture": header(recipe={"architecture": "transformer"}),
    "impossible widths": header(recipe={"architecture": "mlp", "widths": [2, -1]}),
    "unknown dtype": header(dtype="float17"),
    "no noise": header(noise="absent"),
}


@pytest.mark.parametrize("what", FOREIGN)
def test_a_foreign_file_is_refused(what, tmp_path):
    path = tmp_path / "net.npz"
    path.write_bytes(FOREIGN[what])
    with pytest.raises(DataCorruptedError, match=r"net\.npz"):
        load_network(path)


def test_a_newer_version_is_named(tmp_path):
    path = tmp_path / "net.npz"
    path.write_bytes(header(version=2))
    with pytest.raises(DataCorruptedError, match=r"version 2.*up to 1"):
        load_network(path)


def test_a_changed_header_is_refused_by_the_checksum(tmp_path):
    path = tmp_path / "net.npz"
    save_network(path, NETWORKS["masks"]())
    with np.load(path) as file:
        arrays = dict(file)
    forged = json.loads(str(arrays["header"]))
    forged["recipe"]["activation"] = "leaky_relu"
    arrays["header"] = np.array(json.dumps(forged))
    path.write_bytes(archive(**arrays))
    with pytest.raises(DataCorruptedError, match="checksum"):
        load_network(path)


def test_a_changed_array_is_refused_by_its_checksum(tmp_path):
    """A valid archive, repacked by someone with one weight changed."""
    path = tmp_path / "net.npz"
    save_network(path, NETWORKS["masks"]())
    with np.load(path) as file:
        arrays = dict(file)
    arrays["parameter_0"][0, 0] += 1
    path.write_bytes(archive(**arrays))
    with pytest.raises(DataCorruptedError, match="checksum"):
        load_network(path)
    del arrays["mask_0"]
    arrays["parameter_0"][0, 0] -= 1
    path.write_bytes(archive(**arrays))
    with pytest.raises(DataCorruptedError, match="checksum"):
        load_network(path)


def test_a_missing_file_is_not_a_damaged_one(tmp_path):
    with pytest.raises(FileNotFoundError):
        load_network(tmp_path / "nothing.npz")


def test_refusing_a_file_leaves_no_open_handle(tmp_path):
    """On some systems an open file cannot be deleted or replaced."""
    path = tmp_path / "net.npz"
    path.write_bytes(archive(x=np.zeros(3))[:-5])
    with pytest.raises(DataCorruptedError):
        load_network(path)
    gc.collect()  # a ResourceWarning is an error here


# Forged: arrays that are not the architecture's, with a checksum that is right


def narrow(net, arrays, header):
    arrays["parameter_0"] = arrays["parameter_0"].astype(np.float16)


def with_nan(net, arrays, header):
    arrays["parameter_1"] = np.full_like(arrays["parameter_1"], np.nan)


FORGED = {
    "a row for a matrix": lambda n, a, h: a.update(parameter_0=a["parameter_0"][:1]),
    "a number for a matrix": lambda n, a, h: a.update(parameter_1=np.float32(0)),
    "a number for a bias": lambda n, a, h: a.update(parameter_2=np.zeros(1, np.float32)),
    "float16": narrow,
    "float64": lambda n, a, h: a.update({k: v.astype(float) for k, v in a.items()}),
    "whole numbers": lambda n, a, h: a.update(parameter_2=np.zeros(4, np.int32)),
    "text": lambda n, a, h: a.update(parameter_2=np.array(["0"] * 4)),
    "NaN": with_nan,
    "infinite": lambda n, a, h: a["parameter_0"].fill(np.inf),
    "mask of a row": lambda n, a, h: a.update(mask_0=np.ones(4, bool)),
    "mask of numbers": lambda n, a, h: a.update(mask_0=np.ones((3, 4))),
    "one array more": lambda n, a, h: a.update(more=np.zeros(3)),
    "mask of no layer": lambda n, a, h: a.update(mask_7=np.ones((3, 4), bool)),
    "dtype null": lambda n, a, h: h.update(dtype=None),
    "dtype float16": lambda n, a, h: h.update(dtype="float16"),
    "dtype float64": lambda n, a, h: h.update(dtype="float64"),
    "other widths": lambda n, a, h: h["recipe"].update(widths=[3, 5, 2]),
    "widths of a giant": lambda n, a, h: h["recipe"].update(widths=[3, 10**6, 10**6, 2]),
    "noise of a classifier": lambda n, a, h: h.update(noise={"known": float("nan")}),
}


def forge(path, net, change):
    save_network(path, net)
    header, arrays = read_archive(path, FORMAT, VERSION, lambda _: 10**6)
    change(net, arrays, header)
    write_archive(path, {k: v for k, v in header.items() if k != "sha256"}, arrays, compress=True)


@pytest.mark.parametrize("what", FORGED)
def test_forged_parameters_are_refused_even_if_their_checksum_is_right(what, tmp_path):
    forge(tmp_path / "net.npz", NETWORKS["categorical"](), FORGED[what])
    with pytest.raises(DataCorruptedError, match=r"net\.npz is not a readable"):
        load_network(tmp_path / "net.npz")


IMAGES = {
    "large": {"input_shape": [1, 10**5, 10**5]},
    "padded": {"blocks": [[2, 3, 1, 10**5, 1]]},
    "many windows": {"input_shape": [1, 9000, 9000]},
    "pooled away": {"blocks": [[2, 3, 1, 0, 0]]},
}


@pytest.mark.parametrize("what", IMAGES)
def test_images_that_ask_for_all_the_memory_there_is_are_refused(what, tmp_path):
    net = nets.cnn((1, 6, 6), [(2, 3, 1, 1, 2)], [3], seed=0)
    forge(tmp_path / "net.npz", net, lambda n, a, h: h["recipe"].update(IMAGES[what]))
    with pytest.raises(DataCorruptedError, match=r"net\.npz is not a readable"):
        load_network(tmp_path / "net.npz")


def test_the_shapes_that_are_expected_are_those_that_are_built():
    for net in (
        NETWORKS["everything"](),
        nets.lenet5_caffe(seed=0),
        nets.cnn((2, 9, 9), [(4, 3, 2, 1, 1), (3, 2, 1, 0, 2)], [5, 3], seed=0),
    ):
        shapes = [layer.mean.value.shape for layer in net.weight_layers]
        assert checkpoint._weight_shapes(net.recipe) == shapes


def test_what_could_not_be_loaded_is_not_saved(tmp_path):
    net = NETWORKS["categorical"]()
    net.weight_layers[0].bias.value[0] = np.nan
    with pytest.raises(NonFiniteError, match="bias has 1 entry that is not finite"):
        save_network(tmp_path / "net.npz", net)
    assert list(tmp_path.iterdir()) == []


# Kept files: what 0.1.0 wrote, in another process


def test_networks_of_the_first_version_load():
    dense, conv = (load_network(DATA / f"network_{name}0.1.0.npz") for name in ("", "cnn_"))
    weights = np.arange(1, 21).reshape(5, 4) / 16
    kept = np.add.outer(np.arange(5), np.arange(4)) % 3 > 0
    np.testing.assert_array_equal(dense.weight_layers[0].mean.value, weights * kept)
    assert (dense.loss.prior, dense.loss.posterior) == (Gamma(2.0, 1.5), Gamma(7.5, 0.25))
    np.testing.assert_allclose(dense.predict(np.ones((1, 5))), [[0.2375487, 0.8609095]], rtol=1e-5)
    image = np.arange(36).reshape(1, 36) / 36
    np.testing.assert_allclose(conv.predict(image), [[0, 5.3775024, 5.5268555]], rtol=1e-5)


# Interruption


@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()])
def test_an_interrupted_write_leaves_the_old_file_and_nothing_else(error, tmp_path, monkeypatch):
    path = tmp_path / "net.npz"
    old = NETWORKS["categorical"]()
    save_network(path, old)

    def half(file, **arrays):
        file.write(b"PK half of a file")
        raise error

    monkeypatch.setattr(np, "savez_compressed", half)
    with pytest.raises(type(error)):
        save_network(path, NETWORKS["masks"]())
    monkeypatch.undo()
    assert [entry.name for entry in tmp_path.iterdir()] == ["net.npz"]
    assert content(load_network(path)) == content(old)


def test_an_interrupted_first_write_leaves_no_file(tmp_path, monkeypatch):
    def half(file, **arrays):
        raise OSError("disk full")

    monkeypatch.setattr(np, "savez_compressed", half)
    with pytest.raises(OSError, match="disk full"):
        save_network(tmp_path / "net.npz", NETWORKS["categorical"]())
    assert list(tmp_path.iterdir()) == []


def test_saving_again_replaces_the_file(tmp_path):
    path = tmp_path / "net.npz"
    for name in ("categorical", "everything"):
        save_network(path, NETWORKS[name]())
    assert content(load_network(path)) == content(NETWORKS["everything"]())
    assert [entry.name for entry in tmp_path.iterdir()] == ["net.npz"]


# Nested values


def same(one, other):
    """Return whether two nested values are equal in types, shapes and bits."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, np.ndarray):
        return (one.dtype, one.shape, one.tobytes()) == (other.dtype, other.shape, other.tobytes())
    return repr(one) == repr(other)  # so that nan is nan, and -0.0 not 0.0


@pytest.mark.parametrize(
    "value",
    [
        {"a.b": np.ones(2), "a": {"b": np.zeros(3)}, "a'": [np.eye(2)]},
        {"array": 1, "dict": {"tuple": (), "list": []}, "scalar": None},
        [0.1, -0.0, float("nan"), float("inf"), 2**130, True, "text"],
        (np.float32(0.1), np.int8(-3), np.bool_(True), np.float64("nan"), np.zeros((0, 3))),
        np.array([(1, 0.5)], dtype=[("epoch", int), ("density.0", float)]),
    ],
)
def test_what_is_packed_comes_back_with_its_types_even_where_names_meet(value):
    arrays = {"it": np.zeros(1)}
    packed = json.loads(json.dumps(pack(value, "it", arrays)))
    assert same(unpack(packed, arrays), value)


@pytest.mark.parametrize("value", [{1: 2}, {3}, object(), np.array([{}]), np.longdouble(1), 1j])
def test_what_cannot_be_packed_is_named(value):
    with pytest.raises(TypeError, match=r"it\[?.*must be made of numbers, texts, arrays"):
        pack([value], "it", {})

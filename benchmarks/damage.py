"""What files suffer: kills while they are written, stops, damage, forgery, and bombs.

Prints counts, and peaks of memory (Linux). It uses the package's public names only, so that an
older version of the package can be put through the same: PYTHONPATH=OLDER python ...

    python benchmarks/damage.py             # some minutes
    python benchmarks/damage.py kills 100   # one part, so many times
"""

from __future__ import annotations

import collections
import gzip
import hashlib
import io
import json
import os
import random
import signal
import struct
import subprocess
import sys
import tempfile
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from tvbi_ref import (
    DataCorruptedError,
    compress,
    load_compressed,
    load_network,
    nets,
    save_compressed,
    save_network,
)

PYTHON = sys.executable
TRAIN = ["-m", "tvbi_ref", "train", "synthetic", "--epochs", "100000", "--out"]

# Kills: what a process that saves all the time leaves behind


SAVE = """
import sys
from tvbi_ref import compress, nets, save_compressed, save_network
net = nets.mlp([64, 32, 10], seed=0)
for _ in range(10**9):
    save_network(sys.argv[1] + "/net.npz", net)
    save_compressed(sys.argv[1] + "/small.npz", compress(net))
    save_compressed(sys.argv[1] + "/small.tvbc", compress(net), coded=True)
    print(flush=True)
"""


def kills(times: int) -> None:
    """Kill processes while they save, and count what is left and what cannot be read."""
    rng, found = random.Random(0), collections.Counter(unreadable=0)
    moment = "left after a kill and before the next write"
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(times):
            saving = [PYTHON, "-c", SAVE, folder]
            with subprocess.Popen(saving, stdout=subprocess.PIPE) as process:
                process.stdout.readline()
                time.sleep(rng.uniform(0, 0.05))
                process.send_signal(signal.SIGKILL)
            for name, load in LOADERS.items():
                found["unreadable"] += outcome(load, Path(folder, name)) != "read"
            found[moment] += len(list(Path(folder).iterdir())) > len(LOADERS)
        saved(folder)
        found["left for good"] = len(list(Path(folder).iterdir())) - len(LOADERS)
    print(f"{times} kills while saving: {dict(found)}")


def stops(times: int) -> None:
    """Send SIGTERM and SIGINT to trainings at random moments, imports among them."""
    rng, found = random.Random(0), collections.Counter()
    with tempfile.TemporaryDirectory() as folder:
        for k in range(times):
            stop = (signal.SIGTERM, signal.SIGINT)[k % 2]
            training = [PYTHON, *TRAIN, folder, "--checkpoint", f"{folder}/run{k}.npz"]
            pipes = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "text": True}
            with subprocess.Popen(training, **pipes) as process:
                time.sleep(rng.uniform(0.2, 4))
                process.send_signal(stop)
                error = process.communicate()[1]
            found[stop.name, manner(error)] += 1
        found["leftovers"] = sum(1 for p in Path(folder).rglob(".*"))
    print(f"{times} stops of a training: {dict(found)}")


def manner(error: str) -> str:
    if "Traceback" in error:
        return "traceback"
    return "one line" if "interrupted" in error else "silence"


# Damage: what a reader makes of files that were changed on the way


def damaged(times: int) -> None:
    """Cut, flip, overwrite and lengthen model files, and count what is believed."""
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        saved(folder)
        for name, load in LOADERS.items():
            path = Path(folder, name)
            whole, found = path.read_bytes(), collections.Counter()
            expected = numbers(load(path))
            for _ in range(times):
                path.write_bytes(damage(whole, rng))
                found[outcome(load, path, expected)] += 1
            print(f"{times} damaged {name}: {dict(found)}")


LOADERS = {"net.npz": load_network, "small.npz": load_compressed, "small.tvbc": load_compressed}


def saved(folder: str) -> None:
    net = nets.mlp([12, 6, 3], seed=0)
    net.weight_layers[0].prune(np.arange(72).reshape(12, 6) % 3 > 0)
    save_network(f"{folder}/net.npz", net)
    save_compressed(f"{folder}/small.npz", compress(net))
    save_compressed(f"{folder}/small.tvbc", compress(net), coded=True)


def damage(whole: bytes, rng: np.random.Generator) -> bytes:
    at, n = int(rng.integers(len(whole))), int(rng.integers(1, 50))
    return (
        whole[:at],
        whole[:at] + bytes([whole[at] ^ int(rng.integers(1, 256))]) + whole[at + 1 :],
        whole[:at] + rng.bytes(n) + whole[at + n :],
        whole[:at] + rng.bytes(n) + whole[at:],
    )[rng.integers(4)]


def numbers(network: object) -> bytes:
    return network.predict(np.ones((1, 12))).tobytes()


def outcome(load: Callable, path: Path, expected: bytes | None = None) -> str:
    try:
        loaded = load(path)
    except DataCorruptedError:
        return "refused"
    except Exception as error:
        return f"unnamed error: {type(error).__name__}"
    return "read" if expected is None or numbers(loaded) == expected else "believed"


# Forgery: arrays that are not the network's, under a checksum that is right


FORGED = {
    "a row for a matrix": lambda a, h: a.update(parameter_0=a["parameter_0"][:1]),
    "a number for a matrix": lambda a, h: a.update(parameter_1=np.float32(0)),
    "float16": lambda a, h: a.update(parameter_0=a["parameter_0"].astype(np.float16)),
    "float64": lambda a, h: a.update(parameter_0=a["parameter_0"].astype(float)),
    "NaN": lambda a, h: a["parameter_0"].fill(np.nan),
    "infinite": lambda a, h: a["parameter_2"].fill(np.inf),
    "an array more": lambda a, h: a.update(more=np.zeros(3)),
    "dtype null": lambda a, h: h.update(dtype=None),
}


def forged(_: int) -> None:
    """Change arrays of a network, sign them anew, and count what is believed."""
    with tempfile.TemporaryDirectory() as folder:
        saved(folder)
        path = Path(folder, "net.npz")
        with np.load(path) as file:
            whole = dict(file)
        for what, change in FORGED.items():
            arrays = {name: array.copy() for name, array in whole.items()}
            header = json.loads(str(arrays.pop("header")))
            change(arrays, header)
            path.write_bytes(signed(header, arrays))
            print(f"forged, {what}: {outcome(load_network, path)}")


def signed(header: dict, arrays: dict) -> bytes:
    """Return an archive with the checksum that the format asks for."""
    rest = {name: value for name, value in header.items() if name != "sha256"}
    sha = hashlib.sha256(json.dumps(rest, sort_keys=True).encode())
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        sha.update(f"{name} {array.dtype.str} {array.shape}".encode() + array.tobytes())
    file = io.BytesIO()
    np.savez(file, header=np.array(json.dumps(rest | {"sha256": sha.hexdigest()})), **arrays)
    return file.getvalue()


# Bombs: small files that ask for all the memory there is


def bombs(megabytes: int) -> None:
    """Load each in a process of its own and print the peak of its memory beside an import's."""
    with tempfile.TemporaryDirectory() as folder:
        saved(folder)
        os.rename(Path(folder, "net.npz"), Path(folder, "honest.npz"))
        print("megabytes of file, seconds, peak in megabytes, outcome")
        print(f"{'an honest network':<28}", *loaded("load_network", Path(folder, "honest.npz")))
        for what, load, path in make_bombs(Path(folder), megabytes):
            print(f"{what:<28}", *loaded(load, path), flush=True)
            path.unlink()


LOAD = """
import sys, time
from tvbi_ref import load_compressed, load_network
from tvbi_ref.datasets import read_idx
started = time.perf_counter()
try:
    globals()[sys.argv[1]](sys.argv[2])
    outcome = "read"
except Exception as error:
    outcome = type(error).__name__
status = dict(line.split(":") for line in open("/proc/self/status"))
peak = int(status["VmHWM"].split()[0]) // 1024
print(f"{time.perf_counter() - started:7.2f} {peak:6d} {outcome}")
"""


def loaded(load: str, path: Path) -> tuple[str, str]:
    done = subprocess.run([PYTHON, "-c", LOAD, load, path], capture_output=True, text=True)
    size = f"{path.stat().st_size / 2**20:6.2f}"
    return size, done.stdout.strip() or f"died: {done.returncode}"


def make_bombs(folder: Path, megabytes: int) -> Iterator[tuple[str, str, Path]]:
    path = folder / "bomb"
    with np.load(folder / "honest.npz") as file:
        honest = json.loads(str(file["header"]))
    write_zip(path, honest, "parameter_0.npy", megabytes)
    yield "an array", "load_network", path
    write_zip(path, honest, "header.npy", megabytes)
    yield "a header", "load_network", path
    write_zip(path, {"format": "tvbi_ref compressed network", "version": 1}, "x.npy", megabytes)
    yield "an array of a small model", "load_compressed", path
    path.write_bytes(signed(honest | {"recipe": honest["recipe"] | {"widths": [10_000] * 3}}, {}))
    yield "an architecture", "load_network", path
    model = zlib.compress(b'{"layers": "' + bytes(megabytes * 2**20))
    about = {"format": "tvbi_ref compressed network", "version": 1}
    path.write_bytes(signed(about, {"model": np.frombuffer(model, np.uint8)}))
    yield "a description", "load_compressed", path
    path.write_bytes(signed(about, {"model": giant_matrix()}))
    yield "a matrix", "load_compressed", path
    with gzip.open(path, "wb", compresslevel=6) as file:
        file.write(bytes([0, 0, 8, 1]) + struct.pack(">I", 10))
        for _ in range(megabytes):
            file.write(bytes(2**20))
    yield "an IDX file", "read_idx", path


def write_zip(path: Path, header: dict, name: str, megabytes: int) -> None:
    """Write an archive of which one member is so many megabytes of zeros."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        if name != "header.npy":
            with file.open("header.npy", "w") as member:
                np.lib.format.write_array(member, np.array(json.dumps(header)))
        with file.open(name, "w", force_zip64=True) as member:
            about = {"descr": "<f4", "fortran_order": False, "shape": (megabytes * 2**18,)}
            np.lib.format.write_array_header_1_0(member, about)
            for _ in range(megabytes):
                member.write(bytes(2**20))


def giant_matrix() -> np.ndarray:
    """Return a model whose one layer says it has 10^8 places, and holds no weight."""
    parts = {
        "0.weights.values": np.zeros(0, np.float32),
        "0.weights.pointers": np.zeros(10_001, np.uint8),
        "0.weights.rows": np.zeros(0, np.uint8),
        "0.bias": np.zeros(10_000, np.float32),
    }
    about = {
        "inputs": 10_000,
        "input_shape": None,
        "noise": None,
        "layers": [{"kind": "dense", "format": "csr", "matrix": [10_000, 10_000]}],
        "arrays": [[name, array.dtype.str, array.shape] for name, array in parts.items()],
    }
    content = b"".join(array.tobytes() for array in parts.values())
    return np.frombuffer(zlib.compress(json.dumps(about).encode()) + content, np.uint8)


PARTS = {"kills": 100, "stops": 40, "damaged": 5000, "forged": 1, "bombs": 1024}

if __name__ == "__main__":
    part, *times = sys.argv[1:] or [None]
    for name in [part] if part else PARTS:
        globals()[name](int(times[0]) if times else PARTS[name])

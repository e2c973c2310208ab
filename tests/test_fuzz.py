"""Inputs drawn at random: each is refused by name or answered, and no answer is a silent NaN.

Functions (every public one that takes arrays, and every equation), files of every kind that is
read, command lines. ``PYTHONPATH=tests:tests/cli python tests/test_fuzz.py 100000 0`` draws so many
from this seed, prints what ended badly, one of a kind, and the counts; with "functions", "files" or
"lines" behind, of it alone.
"""

from __future__ import annotations

import contextlib
import copy
import gzip
import json
import random
import re
import sys
import tempfile
import time
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from test_borders import CALLS, is_a_pass, numbers_of
from test_command_lines import draw, make_places, reached, verdict

from tvbi_ref import (
    DataCorruptedError,
    DivergenceError,
    GridSupport,
    HierarchicalPrior,
    NonFiniteError,
    TurboVBI,
    checks,
    compress,
    load_compressed,
    load_network,
    nets,
    save_compressed,
    save_network,
)
from tvbi_ref._archive import digest, write_archive
from tvbi_ref.datasets import read_idx
from tvbi_ref.equations import EQUATIONS
from tvbi_ref.lab import experiment
from tvbi_ref.lab.study import Job, jobs

NUMBERS = [0, -0.0, 1, -1, 0.5, 2, 7, 1e-320, 1e-300, 1e-30, 40.0, -40.0, 800.0, -800.0, 1e30]
NUMBERS += [1e300, -1e300, np.inf, -np.inf, np.nan, 2**53, 2**63, 10**30, True, np.float32(0.1)]
KINDS = [None, "x", "", b"x", [], {}, [[1.0], [1.0, 2.0]], (1, 2), 1j, len, object()]
PLACES = [None, -1, 3, 1.5, 1e308, 10**30, "", "x", [], {}, [[]], [-1], {"a": 1}, True, np.nan]
"""What a place in a JSON file may hold instead."""


def odd(rng, value):
    """Return something else in the place of an argument."""
    if rng.random() < 0.15:
        return rng.choice(KINDS)
    if not isinstance(value, np.ndarray):
        return rng.choice(NUMBERS)
    return rng.choice([with_numbers, scaled, reshaped, of_another_type])(rng, value)


def with_numbers(rng, array):
    array = np.array(array, copy=True)
    if array.dtype.names:  # a table
        return array[:0]
    for _ in range(min(array.size, rng.choice([1, 1, 3, 100]))):
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            try:
                array[tuple(rng.randrange(n) for n in array.shape)] = rng.choice(NUMBERS)
            except (OverflowError, ValueError):  # of integers
                array[...] = 1
    return array


def scaled(rng, array):
    if array.dtype.kind not in "fiub":
        return array
    with np.errstate(all="ignore"):
        return array * rng.choice([0.0, -1.0, 1e-310, 1e-150, 1e-9, 1e9, 1e150, 1e300])


def reshaped(rng, array):
    forms = [array[:0], array[None], array.ravel(), array.T, array[..., :1], array[..., :0]]
    forms += [np.concatenate([array, array])] if array.ndim else []
    forms += [array[..., None], *array.ravel()[:1]]
    return rng.choice(forms)


def of_another_type(rng, array):
    types = ["i1", "u8", "?", "f2", "f4", "g", "c16", "O", "U", ">f8", "M8[s]"]
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        return array.astype(rng.choice(types))


def all_functions():
    """Return every function with arguments that it takes, and whether a NaN may pass."""
    calls = [(name, f, a, is_a_pass(name)) for name, (f, a) in CALLS.items()]
    for label, equation in EQUATIONS.items():
        for case in checks.cases(label):
            calls.append((label, equation.function, case.inputs, False))
    return calls


def try_function(rng, calls):
    """Change some arguments of one function; return how it ended and what was called."""
    name, function, arguments, nan_passes = rng.choice(calls)
    changed = dict(arguments)
    for key in rng.sample(list(changed), min(len(changed), rng.choice([1, 1, 2]))):
        changed[key] = odd(rng, changed[key])
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            numbers = numbers_of(function(*copy.deepcopy(list(changed.values()))))
    except (TypeError, ValueError, DivergenceError) as error:
        known = isinstance(error, DivergenceError | NonFiniteError)
        named = known or any(re.search(rf"\b{key}\b", str(error)) for key in [*arguments, "edges"])
        return "refused" if named else f"names no argument: {error!r}", name, changed
    except Exception as error:
        return f"{error!r}", name, changed
    silent = not nan_passes and any(a.dtype.kind == "f" and np.isnan(a).any() for a in numbers)
    return "silent NaN" if silent else "answered", name, changed


# Files


def train(path):
    prior = HierarchicalPrior.spike_and_slab(GridSupport(-1.0, 0.1, 0.1))
    x, y = np.eye(6), np.arange(6) % 2
    return TurboVBI(prior, epochs=1).fit(nets.mlp([6, 2], seed=0), x, y, checkpoint=path).network


JOB = Job("toy", "snip", {"sparsity": 0.5})
LOADERS = {
    "net.npz": load_network,
    "small.npz": load_compressed,
    "run.npz": train,
    JOB.path("").name: lambda path: jobs.read_row(JOB, path.parent),
    "results.json": lambda path: checks.check_results(path),
    "images.idx": read_idx,
    "images.idx.gz": read_idx,
}


def make_files(folder):
    """Write a file of every kind that is read, and return their contents."""
    net = nets.mlp([6, 3], seed=0)
    net.weight_layers[0].prune(np.arange(18).reshape(6, 3) % 3 > 0)
    save_network(folder / "net.npz", net)
    save_compressed(folder / "small.npz", compress(net))
    train(folder / "run.npz")
    row = {"task": "toy", "method": "snip", "options": JOB.options, "seed": 0, "part": JOB.part}
    JOB.path(folder).write_text(json.dumps(row | {"error": 0.5, "sha256": digest(row, {})}))
    checks.write_cases(folder / "results.json", labels=["cavity"])
    results = json.loads((folder / "results.json").read_text())
    for case in results["equations"][0]["cases"]:
        case["results"] = case["expected"]
    (folder / "results.json").write_text(json.dumps(results))
    images = bytes([0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3, *range(6)])
    (folder / "images.idx").write_bytes(images)
    (folder / "images.idx.gz").write_bytes(gzip.compress(images, mtime=0))
    return {name: (folder / name).read_bytes() for name in LOADERS}


def try_file(rng, folder, contents):
    """Damage or forge a file; return how it was read."""
    name = rng.choice(list(contents))
    path, whole = folder / name, contents[name]
    path.write_bytes(whole)
    if rng.random() < 0.5:
        path.write_bytes(damaged(rng, whole))
    elif name.endswith(".npz"):
        forge_archive(rng, path)
    elif name.endswith(".json"):
        path.write_text(json.dumps(forged(rng, json.loads(whole))))
    else:
        path.write_bytes(bytes(rng.choice([b, b, 0, 8, 255]) for b in whole[:12]) + whole[12:])
    changed = path.read_bytes()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            result = LOADERS[name](path)
    except (DataCorruptedError, ValueError, OSError) as error:
        named = path.name in str(error) or "checkpoint" in str(error)
        return "refused" if named else f"names no file: {error!r}", name, changed
    except Exception as error:
        return f"{error!r}", name, changed
    silent = isinstance(result, nets.Network) and np.isnan(np.concatenate(numbers_of(result), None))
    return "silent NaN" if np.any(silent) else "read", name, changed


def damaged(rng, whole):
    at, more = rng.randrange(len(whole)), rng.randbytes(rng.randint(1, 40))
    return rng.choice(
        [
            whole[:at],
            whole[:at] + more[:1] + whole[at + 1 :],
            whole[:at] + more + whole[at + len(more) :],
            whole[:at] + more + whole[at:],
            whole[:at] + whole[at + len(more) :],
            b"[" * 100_000,
        ]
    )


def forge_archive(rng, path):
    """Change something in an archive, under a checksum that is right."""
    with np.load(path) as file:
        arrays = dict(file)
    header = json.loads(str(arrays.pop("header")))
    if rng.random() < 0.5 and arrays:
        key = rng.choice(list(arrays))
        array = rng.choice([with_numbers, scaled, reshaped])(rng, arrays[key])
        arrays[key] = np.asarray(array)
    else:
        del header["sha256"]
        header = forged(rng, header)
    if not isinstance(header, dict):
        header = {"format": header}
    write_archive(path, header, arrays, compress=False)


def forged(rng, content):
    """Return JSON with another value in one place."""
    content = copy.deepcopy(content)
    spots = [*places_in(content)]
    at, key = rng.choice(spots)
    if rng.random() < 0.2 and isinstance(at, dict):
        del at[key]
    else:
        at[key] = rng.choice(PLACES)
    return content


def places_in(content):
    """Yield every container with a key of it."""
    if not isinstance(content, dict | list):
        return
    for key, value in content.items() if isinstance(content, dict) else enumerate(content):
        yield content, key
        yield from places_in(value)


# Command lines


def try_line(rng, places):
    line = draw(rng, places, ["train synthetic", "train digits", "demo", "equations"])
    how, said = verdict(line)
    return how or ("refused" if said else "ran"), "tvbi-ref", line


TESTS = {"functions": 0.6, "files": 0.25, "lines": 0.15}
"""What is tried, and how much of a campaign each is."""


def trials(kind, seed, folder):
    """Return a function that tries one thing of a kind."""
    rng = random.Random(seed)
    if kind == "functions":
        calls = all_functions()
        return lambda: try_function(rng, calls)
    if kind == "files":
        contents = make_files(folder)
        return lambda: try_file(rng, folder, contents)
    places = make_places(folder)
    return lambda: try_line(rng, places)


FINE = ("refused", "answered", "read", "ran")


@pytest.mark.parametrize("kind", TESTS)
def test_what_is_odd_is_refused_by_name_or_answered(kind, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("run", "dense_baseline"):
        monkeypatch.setattr(experiment, name, reached)
    trial = trials(kind, 0, tmp_path)
    found = [trial() for _ in range(200)]
    assert [trial for trial in found if trial[0] not in FINE] == []


def campaign(count, seed, kinds):
    experiment.run = experiment.dense_baseline = reached
    for kind in kinds:
        counts, shown, started = Counter(), set(), time.monotonic()
        with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
            trial = trials(kind, seed, Path(folder))
            for _ in range(round(count * TESTS[kind])):
                how, what, given = trial()
                counts[how if how in FINE else "bad"] += 1
                sort = (what, re.sub(r"[\d.e+-]+", "0", how)[:60])
                if how not in FINE and sort not in shown:
                    shown.add(sort)
                    print(f"{what}: {how[:300]}\n    {str(given)[:300]}", flush=True)
        print(kind, dict(counts), f"{time.monotonic() - started:.0f} s", flush=True)


if __name__ == "__main__":
    count, seed, *kinds = sys.argv[1:]
    campaign(int(count), int(seed), kinds or TESTS)

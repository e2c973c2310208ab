"""Every fast form against the readable one, with the JIT on and off.

`INPUTS` says, for each fast form by its label, what it is tried on. Whoever writes one adds a
function in a file `twin_inputs_*`: it takes a random generator and yields tuples of arguments.
"""

import ast
import copy
import os
import subprocess
import sys
from dataclasses import is_dataclass
from pathlib import Path

import numpy as np
import pytest
import twin_inputs_compression
import twin_inputs_module_b
import twin_inputs_nets

import tvbi_ref
from tvbi_ref import listen, use
from tvbi_ref.equations.sockets import SOCKETS, fast_plug, numba_is_here
from tvbi_ref.fast import HOME

PACKAGE = Path(tvbi_ref.__file__).parent
ROOT = PACKAGE.parent
INPUTS = twin_inputs_module_b.INPUTS | twin_inputs_nets.INPUTS | twin_inputs_compression.INPUTS
RELATIVE = {"float64": 1e-11, "float32": 2e-5}
"""Sums in another order differ by that much at most, in sums of so many terms as are tried here."""

needs_numba = pytest.mark.skipif(not numba_is_here(), reason="needs Numba")


def flat(value):
    """Return what arrays and numbers a value is made of."""
    if isinstance(value, np.ndarray | np.generic | int | float):
        return [np.asarray(value)]
    if isinstance(value, tuple | list):
        return [array for entry in value for array in flat(entry)]
    if is_dataclass(value):
        return [array for entry in vars(value).values() for array in flat(entry)]
    return []


def results(function, arguments):
    """Return what a call returned and what it left in its arguments, as a flat list."""
    mine = copy.deepcopy(arguments)
    with np.errstate(all="ignore"):
        returned = function(*mine)
    return flat(returned), flat(mine)


def apart(ours, theirs):
    """Return in words how two lists of arrays differ."""
    if len(ours) != len(theirs):
        yield f"{len(ours)} and {len(theirs)} arrays"
        return
    for k, (a, b) in enumerate(zip(ours, theirs, strict=True)):
        if a.shape != b.shape or a.dtype != b.dtype:
            yield f"value {k}: {a.dtype} {a.shape}, not {b.dtype} {b.shape}"
        elif not np.allclose(a, b, **tolerance(b), equal_nan=True):
            yield f"value {k}: off by {np.nanmax(np.abs(np.subtract(a, b))):.3g}"


def tolerance(array):
    """Return the tolerance: absolute below 1, where sums of numbers of order 1 cancel."""
    relative = RELATIVE.get(array.dtype.name, 0.0)
    finite = np.abs(array[np.isfinite(array)]) if array.dtype.kind == "f" else np.zeros(0)
    return {"rtol": relative, "atol": relative * min(finite.max(initial=1.0), 1e3)}


def disagreements(fast, readable, inputs, seed):
    """Return a line for each result or argument in which the two forms differ."""
    lines = []
    for call, arguments in enumerate(inputs(np.random.default_rng(seed))):
        answers, left = results(fast, arguments)
        expected, left_by_readable = results(readable, arguments)
        lines += [f"call {call}, result: {words}" for words in apart(answers, expected)]
        lines += [f"call {call}, arguments: {words}" for words in apart(left, left_by_readable)]
    return lines


@pytest.fixture(autouse=True)
def _readable_all_the_way():
    """Let the readable form call readable forms, lest it be compared with half of itself."""
    with use("numpy"):
        yield


@pytest.mark.parametrize("label", sorted(HOME))
def test_every_fast_form_has_inputs_to_be_tried_on(label):
    assert label in INPUTS, f"the fast form {label!r} is tried on nothing: add it to INPUTS"


def test_no_inputs_are_left_of_a_fast_form_that_is_gone():
    assert set(INPUTS) <= set(HOME)


@needs_numba
@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("label", sorted(HOME.keys() & INPUTS.keys()))
def test_the_fast_form_is_the_readable_form(label, seed):
    fast, readable = fast_plug(label).function, SOCKETS[label].readable
    assert disagreements(fast, readable, INPUTS[label], seed) == []


@needs_numba
@pytest.mark.parametrize("label", sorted(HOME))
def test_a_fast_form_names_all_equations_that_it_stands_for(label):
    """What the readable form calls, the fast one must step aside for."""
    inside = set()
    for arguments in INPUTS[label](np.random.default_rng(0)):
        with listen() as heard, np.errstate(all="ignore"):
            SOCKETS[label].readable(*copy.deepcopy(arguments))
        inside |= set(heard.labels)
    assert inside == fast_plug(label).fuses - {label}


@needs_numba
@pytest.mark.parametrize("label", sorted(HOME))
def test_a_fast_form_takes_the_same_arguments_and_has_the_same_name(label):
    fast, readable = fast_plug(label).function, SOCKETS[label].readable
    code, other = fast.__code__, readable.__code__
    assert fast.__name__ == readable.__name__
    assert code.co_varnames[: code.co_argcount] == other.co_varnames[: other.co_argcount]
    assert fast.__doc__


@needs_numba
def test_the_comparison_sees_a_wrong_result_and_a_wrong_argument():
    """A check that cannot fail is none: break a fast form in both ways and look."""
    chain, adam = SOCKETS["chain"].readable, SOCKETS["adam-step"].readable

    def wrong_result(*arguments):
        forward, backward = chain(*arguments)
        return forward, backward * (1 + 1e-9)

    def wrong_argument(value, *rest):
        adam(value, *rest)
        value *= 1 + 1e-4

    assert disagreements(wrong_result, chain, INPUTS["chain"], seed=0)
    assert disagreements(wrong_argument, adam, INPUTS["adam-step"], seed=0)


@pytest.mark.slow
def test_only_the_fast_forms_know_numba():
    """No other file imports it, and only the dispatcher reaches the fast forms."""
    for path in PACKAGE.rglob("*.py"):
        imported = set()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            imported |= set(names)
        place = path.relative_to(PACKAGE)
        if place.parts[0] != "fast":
            assert not any(name.split(".")[0] in ("numba", "llvmlite") for name in imported), place
            reaches = any(name.startswith("tvbi_ref.fast") for name in imported)
            assert not reaches or place.as_posix() == "equations/sockets.py", place


def run_python(arguments, **environment):
    """Run Python afresh in the repository; return the finished process."""
    dropped = ("NUMBA_DISABLE_JIT", "TVBI_ENGINE")
    clean = {k: v for k, v in os.environ.items() if k not in dropped}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=clean | environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@needs_numba
@pytest.mark.skipif("NUMBA_DISABLE_JIT" in os.environ, reason="this run is without the JIT already")
@pytest.mark.slow
def test_the_fast_forms_are_right_without_the_jit_too():
    # The project's own options name plugins, and none is loaded here.
    options = ["-p", "no:cacheprovider", "-o", "addopts=--import-mode=importlib"]
    done = run_python(
        ["-m", "pytest", *options, "-k", "is_the_readable_form and 0", __file__],
        NUMBA_DISABLE_JIT="1",
        PYTEST_DISABLE_PLUGIN_AUTOLOAD="1",  # none is needed, and some are slow to import
    )
    assert done.returncode == 0, done.stdout + done.stderr


@needs_numba
@pytest.mark.slow
def test_importing_the_fast_forms_compiles_nothing():
    program = "\n".join(
        [
            "import numba, importlib",
            "from tvbi_ref.fast import HOME",
            "modules = [importlib.import_module(f'tvbi_ref.fast.{k}') for k in HOME.values()]",
            "functions = [f for m in modules for f in vars(m).values()]",
            "kernels = [f for f in functions if hasattr(f, 'signatures')]",
            "assert len(kernels) > 5",
            "print([f for f in kernels if f.signatures])",
        ]
    )
    done = run_python(["-c", program])
    assert done.stdout.strip() == "[]", done.stdout + done.stderr

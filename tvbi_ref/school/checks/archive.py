"""The cases as data, for programmes in any language, and the way back: their results judged.

A file of them is JSON, which Octave, MATLAB, Julia, R and C++ read alike; its schema stands in
docs/other_languages.md. Results are held against the cases of this package, and never against
the numbers in the file that they came in.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import tvbi_ref
from tvbi_ref._files import atomic_write
from tvbi_ref._repr import brief
from tvbi_ref.equations import EQUATIONS, get
from tvbi_ref.equations.registry import some
from tvbi_ref.gamma import Gamma
from tvbi_ref.school.checks.calling import Observation, describe, one_line
from tvbi_ref.school.checks.equations import examine
from tvbi_ref.school.checks.modules import MODULES
from tvbi_ref.school.checks.report import Report
from tvbi_ref.school.checks.suites import cases_of, check_of

Array = NDArray[Any]

FORMAT, VERSION = "tvbi_ref cases", 1
"""What a file says that it is; the version counts up when an old reader would go wrong."""

PAGE = "docs/other_languages.md"

MALFORMED = (KeyError, TypeError, AttributeError, ValueError, OverflowError)
"""What reading raises where a file says something else than it should."""


@dataclass(frozen=True)
class NamedCase:
    r"""One case of an equation with everything by its name.

    Parameters
    ----------
    name : str
        Why it is there, in words: "a dead weight, m = 0".
    inputs : dict of str to ndarray, float, int, Gamma, list or callable
        By the names of `tvbi_ref.equations.get(label).inputs`, in their order.
    expected : dict of str to ndarray or float
        By the names of the outputs, as an oracle says.
    rtol, atol : float
        A number x passes for y if \|x - y\| <= atol + rtol \|y\|.
    advice : str
        If not empty: an honest textbook form may overflow here, which is no failure.
    """

    name: str
    inputs: dict[str, Any]
    expected: dict[str, Any]
    rtol: float
    atol: float
    advice: str = ""

    __repr__ = brief


def cases(label: str, *, seed: int | None = None) -> list[NamedCase]:
    """Return the cases that `check` tries, as data of your own.

    Parameters
    ----------
    label : str
        One of the labels of `tvbi_ref.equations`.
    seed : int >= 0, optional
        Draws the random ones anew.

    Returns
    -------
    list of NamedCase

    Raises
    ------
    ValueError
        If there is no such equation, or the seed is none.

    Examples
    --------
    >>> case = cases("markov-to-ising")[0]
    >>> case.name, case.inputs
    ('fair coins: no coupling, no field', {'p01': 0.5, 'p10': 0.5})
    """
    check, inputs = check_of(label, seed), [symbol.name for symbol in get(label).inputs]
    return [
        NamedCase(
            case.name,
            dict(zip(inputs, case.arguments, strict=True)),
            dict(zip(check.returns, _as_tuple(case.expected), strict=True)),
            check.rtol,
            check.atol,
            case.advice,
        )
        for case in deepcopy(cases_of(label, seed))
    ]


def _as_tuple(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)


def write_cases(
    path: str | os.PathLike[str],
    labels: Sequence[str] | None = None,
    *,
    seed: int | None = None,
) -> None:
    """Write cases to a JSON file, the same bytes every time.

    Parameters
    ----------
    path : path-like
        Ends in .json.
    labels : sequence of str, optional
        Of which equations; by default of all.
    seed : int >= 0, optional
        Draws the random ones anew.

    Raises
    ------
    ValueError
        If the path ends otherwise, there is no such equation, or the seed is none.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_cases(f"{folder}/cavity.json", ["cavity"])
    ...     json.loads(Path(folder, "cavity.json").read_text())["equations"][0]["task"]
    'cavity'
    """
    if Path(path).suffix != ".json":
        raise ValueError(f"path must end in .json, the format of cases; got {os.fspath(path)}")
    chosen = some(EQUATIONS if labels is None else labels)
    content = {
        "format": FORMAT,
        "version": VERSION,
        "tvbi_ref": tvbi_ref.__version__,
        **({} if seed is None else {"seed": seed}),
        "equations": [
            {"label": e.label, "task": e.task, "cases": _encoded(cases(e.label, seed=seed))}
            for e in chosen
        ],
    }
    with atomic_write(path) as file:
        file.write(json.dumps(content, allow_nan=False).encode() + b"\n")


def _encoded(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        numbers = [_encoded(x) for x in value.ravel(order="F").tolist()]
        if any(isinstance(x, str) for x in numbers):
            numbers = [str(x) for x in numbers]  # of one type, which typed languages can hold
        return {"type": value.dtype.name, "shape": list(value.shape), "data": numbers}
    if isinstance(value, Gamma) or type(value) in MODULES.values():
        known = [entry.name for entry in fields(value) if entry.init]
        return {"type": type(value).__name__} | {name: getattr(value, name) for name in known}
    if isinstance(value, NamedCase):
        return {entry.name: _encoded(getattr(value, entry.name)) for entry in fields(value)}
    if isinstance(value, dict):
        return {name: _encoded(entry) for name, entry in value.items()}
    if isinstance(value, list):
        return [_encoded(entry) for entry in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def check_results(
    path: str | os.PathLike[str],
    *,
    labels: Sequence[str] | None = None,
    seed: int | None = None,
) -> list[Report]:
    """Check results that were computed elsewhere, as `check` does those of a function.

    Parameters
    ----------
    path : path-like
        A file of `write_cases` with `results` by name added to its cases. All else in the
        cases but their names may be left out.
    labels : sequence of str, optional
        What is asked for; by default every equation with a result.
    seed : int >= 0, optional
        That the cases must have; by default the file's own.

    Returns
    -------
    list of Report

    Raises
    ------
    ValueError
        If the file is not of this format, its version and this version of the package, or has
        an equation, a case or a result that is not there, or no result at all.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_cases(f"{folder}/cases.json", ["markov-to-ising"])
    ...     content = json.loads(Path(folder, "cases.json").read_text())
    ...     for case in content["equations"][0]["cases"]:
    ...         case["results"] = case["expected"]
    ...     _ = Path(folder, "results.json").write_text(json.dumps(content))
    ...     check_results(f"{folder}/results.json")[0].passed
    True
    """
    asked = [equation.label for equation in some(labels or ())]
    content = _read(Path(path))
    drawn = content.get("seed")
    if seed not in (None, drawn):
        raise ValueError(f"{path} must have the cases of seed {seed}; got those of {drawn}")
    try:
        given = {
            get(entry["label"]).label: {
                case["name"]: case for case in _list(entry["cases"]) if case.get("results")
            }
            for entry in _list(content["equations"])
        }
        asked = asked or [label for label in given if given[label]]
        if not asked:
            raise ValueError("none of its cases has results")
        answers = [_observations(label, given.get(label, {}), drawn) for label in asked]
    except MALFORMED as error:
        raise ValueError(f"{path} does not follow {PAGE}: {_told(error)}") from error
    return [_report(label, iter(y), drawn) for label, y in zip(asked, answers, strict=True)]


def _report(label: str, answers: Iterator[Observation], seed: int | None) -> Report:
    return examine(label, lambda arguments: next(answers), seed)  # which asks case by case


def _told(error: Exception) -> str:
    return one_line(str(error)) if type(error) is ValueError else describe(error)


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} must be a JSON file: {describe(error)}") from error
    head = content if isinstance(content, dict) else {}
    for key, wanted in (
        ("format", FORMAT),
        ("version", VERSION),
        ("tvbi_ref", tvbi_ref.__version__),
    ):
        if head.get(key) != wanted:
            raise ValueError(
                f"{path} must have the {key} {wanted!r} ({PAGE}); got {head.get(key)!r}. "
                "Write the cases anew: tvbi-ref equations --cases FILE.json"
            )
    return head


def _list(value: Any) -> list[Any]:
    """Return a list; of a list of one, Octave and R write the one."""
    return value if isinstance(value, list) else [value]


def _observations(label: str, given: dict[str, Any], seed: int | None) -> list[Observation]:
    asked = cases(label, seed=seed)
    unknown = given.keys() - {case.name for case in asked}
    if unknown:
        raise ValueError(f"[{label}] has no case {min(unknown)!r}")
    return [_observation(label, case, given.get(case.name)) for case in asked]


def _observation(label: str, case: NamedCase, entry: dict[str, Any] | None) -> Observation:
    if entry is None:
        return Observation(error="has no result")
    try:
        _same_inputs(case.inputs, entry.get("inputs", {}))
        results, expected = entry["results"], case.expected
        if not results.keys() <= expected.keys():
            raise ValueError(f"results must be {', '.join(expected)}; got {', '.join(results)}")
        known = [
            (results[name], np.asarray(expected[name])) for name in expected if name in results
        ]
        return Observation(tuple(_array(*pair) for pair in known))
    except MALFORMED as error:
        raise ValueError(f"[{label}] {case.name}: {_told(error)}") from error


def _same_inputs(own: dict[str, Any], given: dict[str, Any]) -> None:
    """Refuse results of other cases by the same names, as an older checkout may have had."""
    for name, x in own.items():
        if name in given and isinstance(x, np.ndarray | float | int):
            array, x = _array(given[name], np.asarray(x)), np.asarray(x)
            if array.shape != x.shape or not np.allclose(array, x, equal_nan=True):
                raise ValueError(f"{name} is not the one of this case; write the cases anew")


def _array(value: Any, expected: Array) -> Array:
    """Return a result; of what is expected it gets what JSON or its language cannot say."""
    parts = value if isinstance(value, dict) else {"shape": [], "data": value}
    shape, data = _list(parts["shape"]), _list(parts["data"])
    if math.prod(shape) != len(data):
        raise ValueError(f"shape {shape} does not hold {len(data)} numbers")
    array = np.array([math.nan if x is None else float(x) for x in data])
    array = array.reshape([int(n) for n in shape], order="F")
    if _core(array.shape) == _core(expected.shape):
        array = array.reshape(expected.shape)
    return array.astype(bool) if expected.dtype == bool and np.isin(array, (0, 1)).all() else array


def _core(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return a shape without ones at its end, of which Octave and MATLAB do not keep account."""
    return _core(shape[:-1]) if shape and shape[-1] == 1 else shape

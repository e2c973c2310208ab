"""What makes a run the run that it is: whatever differs here gives another result.

A checkpoint is taken up again only by the run that wrote it. Settings, priors, network, optimizer
and data are described in plain numbers and texts, arrays by their SHA-256, and the two
descriptions are compared entry by entry, so that the error can name what differs.

Callbacks are not described: they are code.
"""

from __future__ import annotations

import functools
import hashlib
import inspect
import types
from collections.abc import Iterator
from dataclasses import asdict, fields
from typing import Any

import numpy as np

import tvbi_ref
from tvbi_ref._archive import digest
from tvbi_ref.checkpoint import arrays_of, noise_of
from tvbi_ref.equations.sockets import current
from tvbi_ref.nets import GaussianLikelihood, Network, Optimizer, ResumableOptimizer
from tvbi_ref.turbo.run import Run

PLAIN = (bool, int, float, str)
NOTHING = "nothing"


def fingerprint(run: Run) -> dict[str, Any]:
    """Return the description of a run that has not begun.

    Parameters
    ----------
    run : Run

    Returns
    -------
    dict
        Of what JSON can hold.

    Raises
    ------
    TypeError
        If a prior, the likelihood or the optimizer is of a kind that no file can hold.

    Examples
    --------
    >>> from tvbi_ref import HierarchicalPrior, IndependentSupport, TurboVBI, nets
    >>> turbo = TurboVBI(HierarchicalPrior.spike_and_slab(IndependentSupport(-1.0)), epochs=8)
    >>> run = Run(turbo, nets.mlp([2, 2], seed=0), [[0.0, 1.0]], [1], None)
    >>> found = fingerprint(run)
    >>> found["kl_warmup"], found["prior"][0]["support"]
    (4, {'kind': 'IndependentSupport', 'log_odds': -1.0})
    """
    settings = run.options.settings | asdict(run.options.annealing)
    # Only where there are some, so that files from before there were any go on.
    weights = {} if run.weights.each is None else {"sample_weight": run.weights.each}
    return {
        "package": tvbi_ref.__version__,
        "engine": current().engine,
        "equations of your own": {
            label: describe_function(plug, f"the function for [{label}]")
            for label, plug in current().own.items()
        },
        **{
            name: describe(value, name)
            for name, value in settings.items()
            if name not in ("prior", "optimizer")
        },
        "prior": [describe(layer.prior, f"prior[{k}]") for k, layer in enumerate(run.layers)],
        "optimizer": _describe_optimizer(run.optimizer),
        "network": _describe_network(run.network),
        "data": describe({"x": run.x, "y": run.y, "validation": run.validation} | weights, "data"),
    }


def describe(value: Any, name: str) -> Any:
    """Return a value as numbers and texts that are equal if, and only if, the values are.

    Parameters
    ----------
    value : object
        None, numbers, texts, arrays, frozen dataclasses, and lists, tuples and dicts of these.
    name : str
        For the error.

    Raises
    ------
    TypeError
        If there is anything else inside: it might change, or mean something, unseen.

    Examples
    --------
    >>> from tvbi_ref.module_b import GroupSupport, Tiles
    >>> describe(GroupSupport(Tiles(2, None), 0.5, 1.0, 0.0), "support")["partition"]
    {'kind': 'Tiles', 'rows': 2, 'cols': None}
    >>> describe(np.zeros(3), "x")
    {'dtype': 'float64', 'shape': [3], 'sha256': 'd9a7868f...'}
    >>> describe({3}, "prior.support")
    Traceback (most recent call last):
    TypeError: prior.support must be made of numbers, texts, arrays and frozen dataclasses ...
    """
    if value is None or isinstance(value, PLAIN):
        return value
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray) and not value.dtype.hasobject:
        sha = digest({}, {"array": value})
        return {"dtype": value.dtype.name, "shape": list(value.shape), "sha256": sha}
    if isinstance(value, list | tuple):
        return [describe(part, f"{name}[{k}]") for k, part in enumerate(value)]
    if isinstance(value, dict):
        return {str(key): describe(part, f"{name}.{key}") for key, part in value.items()}
    if _is_frozen_dataclass(value):
        parts = {f.name: getattr(value, f.name) for f in fields(value) if f.init}
        return {"kind": type(value).__qualname__, **describe(parts, name)}
    raise TypeError(
        f"{name} must be made of numbers, texts, arrays and frozen dataclasses of these, or a "
        f"checkpoint cannot tell it from another; got a {type(value).__name__}"
    )


def describe_function(function: Any, name: str) -> str:
    """Return a function's name, and a digest of what gives its answers.

    That is its code, its defaults, what it closes over, and the plain values of its module that it
    reads; not what the functions do that it calls.

    Parameters
    ----------
    function : callable
    name : str
        For the error.

    Raises
    ------
    TypeError
        If it holds something that might change unseen.

    Examples
    --------
    >>> def times(k):
    ...     return lambda x: k * x
    >>> describe_function(times(2), "f") == describe_function(times(2), "f")
    True
    >>> describe_function(times(2), "f") == describe_function(times(3), "f")
    False
    """
    function = inspect.unwrap(getattr(function, "function", function))
    called = getattr(function, "__qualname__", type(function).__qualname__)
    home = getattr(function, "__module__", "") or type(function).__module__
    made_of = hashlib.sha256(repr(_parts(function, name)).encode()).hexdigest()
    return f"{home}.{called} ({made_of[:8]})"


def _parts(function: Any, name: str) -> list[Any]:
    """Return what makes a function give the answers it gives."""
    if isinstance(function, functools.partial):
        held = [function.func, *function.args, *function.keywords.items()]
    elif inspect.ismethod(function):
        held = [function.__func__, vars(function.__self__)]
    elif inspect.isfunction(function):
        closure = (cell.cell_contents for cell in function.__closure__ or ())
        held = [content for content in closure if content is not function]  # it may call itself
        held += [function.__defaults__, function.__kwdefaults__]
        read = (function.__globals__.get(name) for name in function.__code__.co_names)
        held += [value for value in read if isinstance(value, (*PLAIN, np.ndarray))]
        return [_code(function.__code__), *(_part(part, name) for part in held)]
    elif isinstance(function, np.ufunc | types.BuiltinFunctionType | type):
        held = []  # its name says it all
    else:
        held = list(getattr(function, "__dict__", {}).items())
    return [_part(part, name) for part in held]


def _part(part: Any, name: str) -> Any:
    return describe_function(part, name) if callable(part) else describe(part, name)


def _code(code: types.CodeType) -> bytes:
    """Return what a function does as bytes, wherever it stands."""
    inner = [
        _code(c) if isinstance(c, types.CodeType) else repr(c).encode() for c in code.co_consts
    ]
    return b"|".join([code.co_code, repr((code.co_names, code.co_varnames)).encode(), *inner])


def _is_frozen_dataclass(value: Any) -> bool:
    """Whether the class itself is one: a subclass may hold what the fields do not show."""
    parameters = vars(type(value)).get("__dataclass_params__")
    return parameters is not None and parameters.frozen


def _describe_optimizer(optimizer: Optimizer) -> dict[str, Any]:
    if not isinstance(optimizer, ResumableOptimizer):
        raise TypeError(
            "optimizer must have the methods state() and set_state(state) for a checkpoint; "
            f"{type(optimizer).__name__} lacks them"
        )
    settings = {k: v for k, v in optimizer.state().items() if isinstance(v, PLAIN)}
    return {"kind": type(optimizer).__qualname__, **settings}


def _describe_network(network: Network) -> dict[str, Any]:
    if network.loss.learns and not isinstance(network.loss, GaussianLikelihood):
        raise TypeError(
            "the likelihood must be Gaussian, or learn nothing itself, for a checkpoint; "
            f"got a {type(network.loss).__name__}"
        )
    return {
        "layers": [_in_words(layer) for layer in network.layers],
        "likelihood": _in_words(network.loss),
        "noise": noise_of(network),
        "dtype": network.dtype.name,
        "parameters at the start": digest({}, arrays_of(network)),
    }


def _in_words(part: Any) -> str:
    """Return a layer or a likelihood as a text: its kind, public attributes and parameters."""
    public = {k: v for k, v in vars(part).items() if not k.startswith("_")}
    kinds = (*PLAIN, tuple, np.ndarray)
    numbers = [f"{k}={_shown(v)}" for k, v in public.items() if isinstance(v, kinds)]
    shapes = [f"{p.name} {p.value.shape}" for p in getattr(part, "parameters", list)()]
    return f"{type(part).__qualname__}({', '.join(numbers + shapes)})"


def _shown(value: Any) -> str:
    return digest({}, {"array": value})[:16] if isinstance(value, np.ndarray) else repr(value)


def differences(theirs: Any, ours: Any) -> list[str]:
    """Return what two fingerprints disagree on, in words.

    Parameters
    ----------
    theirs, ours : dict
        Of the file and of the run that is about to begin.

    Examples
    --------
    >>> differences({"seed": 0, "prior": [{"p01": 0.1}]}, {"seed": 1, "prior": [{"p01": 0.1}]})
    ['seed is 0 in the file, 1 here']
    >>> differences({"prior": [{"p01": 0.1}]}, {"prior": [{"p01": 0.2}, {"p01": 0.2}]})
    ['prior[0].p01 is 0.1 in the file, 0.2 here', 'prior[1].p01 is nothing in the file, 0.2 here']
    """
    there, here = dict(_leaves(theirs, "")), dict(_leaves(ours, ""))
    names = [*there, *(name for name in here if name not in there)]
    pairs = ((name, there.get(name, NOTHING), here.get(name, NOTHING)) for name in names)
    return [f"{name} is {old} in the file, {new} here" for name, old, new in pairs if old != new]


def _leaves(described: Any, name: str) -> Iterator[tuple[str, Any]]:
    """Yield the entries with their full names; a list of numbers or texts is one entry."""
    if isinstance(described, dict):
        for key, part in described.items():
            yield from _leaves(part, f"{name}.{key}" if name else key)
    elif isinstance(described, list) and any(isinstance(part, dict) for part in described):
        for k, part in enumerate(described):
            yield from _leaves(part, f"{name}[{k}]")
    else:
        yield name, described

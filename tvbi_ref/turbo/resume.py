"""A run as a file: written after every epoch, taken up again after a kill.

The file holds all that the rest of the run depends on, to the last bit: what is trained and what
trains it, the state of the random numbers, the two modules' last words, the trace. It also holds
the `fingerprint` of the run, and another run refuses it.
"""

from __future__ import annotations

import os
import time
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from tvbi_ref._archive import (
    Arrays,
    damage_is_named,
    pack,
    read_archive,
    unpack,
    write_archive,
)
from tvbi_ref.checkpoint import arrays_of, noise_of, put_back
from tvbi_ref.module_a import LayerPosterior
from tvbi_ref.module_b import SupportMessage, SupportPrior
from tvbi_ref.nets import ResumableOptimizer
from tvbi_ref.turbo.fingerprint import differences, fingerprint
from tvbi_ref.turbo.run import Run, TurboLayer
from tvbi_ref.turbo.trace import Trace

FORMAT = "tvbi_ref run"
VERSION = 2
GROWING = (".trace", ".random")
"""Ends of the names of what has another form later than at the start, or checks itself."""


class Checkpoint:
    """The file of one run; to open it is to take the run up where the file left it.

    Where there is no file yet, the first one is written at once, so that what cannot be stored
    is found before the first epoch and not after it.

    Parameters
    ----------
    path : path-like
    run : Run
        One that has not begun; changed in place if there is a file.

    Raises
    ------
    TypeError
        If `path` is no path, or the run holds something that no file can hold.
    ValueError
        If the file belongs to another run; the message names all that differs.
    DataCorruptedError
        If it is not such a file, is damaged, or comes from a newer version.
    OSError
        If it cannot be read or written.
    """

    def __init__(self, path: str | os.PathLike[str], run: Run) -> None:
        if not isinstance(path, str | os.PathLike):
            raise TypeError(f"checkpoint must be a path; got {path!r}")
        self.path, self.run = Path(path), run
        self.fingerprint = fingerprint(run)
        if self.path.exists():
            self._take_up()
        else:
            self.write()

    def write(self) -> None:
        """Write the run as it is; a write that fails leaves the former file."""
        arrays = arrays_of(self.run.network)
        header = {
            "format": FORMAT,
            "version": VERSION,
            "fingerprint": self.fingerprint,
            "noise": noise_of(self.run.network),
            "state": pack(_state(self.run), "state", arrays),
        }
        # Not compressed: that takes thirty times as long, and the file is hardly smaller.
        write_archive(self.path, header, arrays, compress=False)

    def _take_up(self) -> None:
        header, arrays = read_archive(self.path, FORMAT, VERSION)
        with damage_is_named(self.path, FORMAT):
            unlike = differences(header["fingerprint"], self.fingerprint)
        if unlike:
            raise ValueError(
                f"checkpoint {self.path} belongs to another run: {'; '.join(unlike)}. Name "
                "another file, or make this run the same again, with a new network"
            )
        with damage_is_named(self.path, FORMAT):
            _put_back(self.run, header, arrays)


def _state(run: Run) -> dict[str, Any]:
    """Return what changes in the course of a run, but for the network."""
    assert isinstance(run.optimizer, ResumableOptimizer)  # or there were no fingerprint
    return {
        "finished": run.finished,
        "trace": run.trace.to_table(),
        "random": run.rng.bit_generator.state,
        "optimizer": run.optimizer.state(),
        "dead_for": run.shrinking.dead_for,
        "layers": [_layer_state(layer) for layer in run.layers],
    }


def _put_back(run: Run, header: dict[str, Any], arrays: Arrays) -> None:
    assert isinstance(run.optimizer, ResumableOptimizer)
    state = unpack(header["state"], arrays)
    _require_alike(state, _state(run), "state")
    put_back(run.network, arrays, header["noise"])
    run.optimizer.set_state(state["optimizer"])
    run.shrinking.dead_for = state["dead_for"]
    run.rng.bit_generator.state = state["random"]
    for layer, layer_state in zip(run.layers, state["layers"], strict=True):
        _put_back_layer(layer, layer_state)
    run.trace, run.finished = Trace.from_table(state["trace"]), state["finished"]
    if run.trace.rows:  # elapsed time goes on as if the run had never stopped
        run.started = time.perf_counter() - run.trace.rows[-1]["seconds"]


def _require_alike(given: Any, own: Any, name: str) -> None:
    """Refuse a state that has not the parts, types and shapes of a run's own, or holds a NaN."""
    if own is None or name.endswith(GROWING):
        return
    if name.endswith(".residuals"):  # as many as there were sweeps
        given, own = given[:0], own[:0]
    if isinstance(own, dict | list | tuple) and type(given) is type(own):
        parts, others = (v if isinstance(v, dict) else dict(enumerate(v)) for v in (own, given))
        if parts.keys() != others.keys():
            raise ValueError(f"{name} must have the parts {[*parts]}; got {[*others]}")
        for key, part in parts.items():
            _require_alike(others[key], part, f"{name}.{key}")
    elif _form(given) != _form(own):
        raise ValueError(f"{name} must be {_form(own)}; got {_form(given)}")
    elif _form(own)[0].startswith("float") and np.isnan(given).any():
        raise ValueError(f"{name} must not be NaN")


def _form(value: Any) -> tuple[str, tuple[int, ...]]:
    """Return type and shape of a number, a text or an array."""
    is_array = isinstance(value, np.ndarray | np.generic)
    return (value.dtype.name, value.shape) if is_array else (type(value).__name__, ())


def _layer_state(layer: TurboLayer) -> dict[str, Any]:
    message = _parts(layer.module_b.message)
    del message["tol"]  # it is the run's
    return {
        "posterior": _parts(layer.q),
        "evidence": layer.module_b.evidence,
        "message": message,
        "prior_log_odds": layer.module_b.prior_log_odds,
        "support": _numbers(layer.module_b.support),
    }


def _put_back_layer(layer: TurboLayer, state: dict[str, Any]) -> None:
    layer.posterior = LayerPosterior(**state["posterior"])
    layer.module_b.evidence = state["evidence"]
    layer.module_b.message = SupportMessage(**state["message"], tol=layer.module_b.tol)
    layer.module_b.prior_log_odds = state["prior_log_odds"]
    if state["support"] != _numbers(layer.module_b.support):  # it has learned
        layer.module_b.support = replace(layer.module_b.support, **state["support"])  # type: ignore[type-var]


def _parts(value: Any) -> dict[str, Any]:
    return {f.name: getattr(value, f.name) for f in fields(value)}


def _numbers(support: SupportPrior) -> dict[str, float]:
    """Return what of a support prior can be learned: fields and couplings, all plain numbers."""
    parts = {f.name: getattr(support, f.name) for f in fields(support) if f.init}  # type: ignore[arg-type]
    return {name: float(n) for name, n in parts.items() if isinstance(n, float | np.floating)}

"""The cases of the exchange: what goes over the wire, and a whole round of it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tvbi_ref.checks.cases import Case, Check
from tvbi_ref.checks.oracles import turbo as oracle
from tvbi_ref.gamma import Gamma

Array = NDArray[np.float64]

OVERFLOW = "e^x overflows where x > 709. In log-odds the quotient of the odds is a difference"


def _wire(prior: Array, on: Array, off: Array) -> tuple[Any, Array]:
    """Return ((posterior, incoming), what the data said)."""
    return (oracle.bayes(prior, on, off), prior), on - off


def _extrinsic_cases() -> list[Case]:
    rng = np.random.default_rng(0)
    zeros = np.zeros((2, 3))
    ordinary = {
        "a module that had been told nothing": _wire(zeros, *rng.normal(size=(2, 2, 3))),
        "a module that has nothing to add": _wire(rng.normal(size=(2, 3)), zeros, zeros),
        "random 1": _wire(*(2 * rng.normal(size=(3, 3, 4)))),
        "random 2": _wire(*(3 * rng.normal(size=(3, 5, 2)))),
        "random 3": _wire(*rng.normal(size=(3, 4))),
        "a strong prior, overruled": _wire(
            np.array([-150.0, 150.0]), np.array([0.0, -300.0]), np.array([-300.0, 0.0])
        ),
    }
    arguments, said = _wire(
        np.array([-400.0, 400.0]), np.array([0.0, -1200.0]), np.array([-1200.0, 0.0])
    )
    return [
        *(Case(name, arguments, said) for name, (arguments, said) in ordinary.items()),
        Case("log-odds of +-800", arguments, said, OVERFLOW),
    ]


def _round(
    name: str,
    m: Array,
    incoming: Array,
    active: tuple[float, float],
    inactive: tuple[float, float],
    chain: tuple[float, float],
) -> Case:
    arguments = (m, incoming, Gamma(*active), Gamma(*inactive), *chain)
    return Case(name, arguments, oracle.turbo_round(m, active, inactive, *chain))


def _moments(rng: np.random.Generator, *shape: int) -> Array:
    """Return second moments from those of dead weights to those of live ones."""
    return np.exp(rng.uniform(-11, 1, shape))


def _round_cases() -> list[Case]:
    rng = np.random.default_rng(1)
    slab, spike, chain = (1.0, 0.02), (1.0, 2e-5), (0.1, 0.3)
    hostile = np.where(rng.random((4, 3)) < 0.5, -12.0, 12.0)
    return [
        _round(
            "nothing is known at first", _moments(rng, 4, 2), np.zeros((4, 2)), slab, spike, chain
        ),
        _round("random 1", _moments(rng, 4, 3), rng.normal(size=(4, 3)), slab, spike, chain),
        _round(
            "random 2", _moments(rng, 3, 5), 3 * rng.normal(size=(3, 5)), slab, spike, (0.3, 0.05)
        ),
        _round(
            "Gammas of unlike shapes",
            _moments(rng, 5, 2),
            rng.normal(size=(5, 2)),
            (1.5, 0.3),
            (3.0, 1e-3),
            (0.2, 0.6),
        ),
        _round("an old pi that is surely wrong", _moments(rng, 4, 3), hostile, slab, spike, chain),
        _round(
            "dead weights, m = 0, among live ones",
            np.array([[0.0, 0.5], [0.0, 0.0], [2.0, 0.0]]),
            rng.normal(size=(3, 2)),
            slab,
            spike,
            chain,
        ),
        _round(
            "one node a chain", _moments(rng, 1, 4), rng.normal(size=(1, 4)), slab, spike, chain
        ),
    ]


CHECKS = (
    Check("extrinsic-a", ("extrinsic",), _extrinsic_cases),
    Check(
        "turbo-loop",
        ("evidence", "prior_log_odds", "support_log_odds", "expected_precision"),
        _round_cases,
    ),
)

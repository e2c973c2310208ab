"""The cases of the exchange: what goes over the wire, and a whole round of it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tvbi_ref.school.checks.case import BY_DIFFERENCES, Case, Check, rng_of
from tvbi_ref.school.checks.modules import ChainB, CollapsedA, IndependentB, MeanFieldA
from tvbi_ref.school.checks.oracles import turbo as oracle

Array = NDArray[np.float64]

OVERFLOW = "e^x overflows where x > 709. In log-odds the quotient of the odds is a difference"

PROBABILITY = "a probability rounds to 1 where x > 37. Stay in log-odds"


def _wire(prior: Array, on: Array, off: Array) -> tuple[Any, Array]:
    """Return ((posterior, incoming), what the data said)."""
    return (oracle.bayes(prior, on, off), prior), on - off


def _extrinsic_cases() -> list[Case]:
    rng = rng_of(0)
    zeros = np.zeros((2, 3))
    ordinary = {
        "a module that had been told nothing": _wire(zeros, *rng.normal(size=(2, 2, 3))),
        "a module that has nothing to add": _wire(rng.normal(size=(2, 3)), zeros, zeros),
        "random 1": _wire(*(2 * rng.normal(size=(3, 3, 4)))),
        "random 2": _wire(*(3 * rng.normal(size=(3, 5, 2)))),
        "random 3": _wire(*rng.normal(size=(3, 4))),
        "random, square": _wire(*rng.normal(size=(3, 7, 7))),
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


SLAB, SPIKE, CHAIN = (1.0, 0.02), (1.0, 2e-5), (0.1, 0.3)
UNLIKE = ((1.5, 0.3), (3.0, 1e-3))
"""A live and a dead weight's Gamma whose shapes differ."""


def _moments(rng: np.random.Generator, *shape: int) -> Array:
    """Return second moments from those of dead weights to those of live ones."""
    return np.exp(rng.uniform(-11, 1, shape))


def _exact(
    name: str,
    m: Array,
    incoming: Array,
    chain: Any = CHAIN,
    gammas: Any = (SLAB, SPIKE),
    advice: str = "",
) -> Case:
    """Return a round in which both modules are exact."""
    (a, b), (a_bar, b_bar) = gammas
    arguments = (m, incoming, CollapsedA(a, b, a_bar, b_bar), ChainB(*chain))
    return Case(name, arguments, oracle.chain_round(m, (a, b), (a_bar, b_bar), *chain), advice)


def _mean_field(
    name: str, m: Array, incoming: Array, prior: Any = CHAIN, gammas: Any = (SLAB, SPIKE)
) -> Case:
    """Return a round in which Module A remembers: its second call starts from the first."""
    (a, b), (a_bar, b_bar) = gammas
    module_b = ChainB(*prior) if isinstance(prior, tuple) else IndependentB(prior)
    arguments = (m, incoming, MeanFieldA(a, b, a_bar, b_bar), module_b)
    expected = oracle.mean_field_round(m, incoming, (a, b), (a_bar, b_bar), prior)
    far = np.abs(expected[2]).max() > 650  # it may be, as the moments happen to fall
    return Case(name, arguments, expected, OVERFLOW if far else "")


def _round_cases() -> list[Case]:
    rng = rng_of(1)
    hostile = np.where(rng.random((4, 3)) < 0.5, -12.0, 12.0)
    dead = np.array([[0.0, 0.5], [0.0, 0.0], [2.0, 0.0]])
    m = _moments(rng, 3, 4)
    independent = (m, rng.normal(size=(3, 4)), CollapsedA(*SLAB, *SPIKE), IndependentB(-1.5))
    return [
        _exact("nothing is known at first", _moments(rng, 4, 2), np.zeros((4, 2))),
        _exact("random 1", _moments(rng, 4, 3), rng.normal(size=(4, 3))),
        _exact("random 2", _moments(rng, 3, 5), 3 * rng.normal(size=(3, 5)), (0.3, 0.05)),
        _exact(
            "Gammas of unlike shapes",
            _moments(rng, 5, 2),
            rng.normal(size=(5, 2)),
            (0.2, 0.6),
            UNLIKE,
        ),
        _exact("an old pi that is surely wrong", _moments(rng, 4, 3), hostile),
        _exact("dead weights, m = 0, among live ones", dead, rng.normal(size=(3, 2))),
        _exact("one node a chain", _moments(rng, 1, 4), rng.normal(size=(1, 4))),
        Case("independent weights", independent, oracle.independent_round(m, SLAB, SPIKE, -1.5)),
        _mean_field("mean field, nothing known at first", _moments(rng, 4, 2), np.zeros((4, 2))),
        _mean_field("mean field, random", _moments(rng, 3, 4), 2 * rng.normal(size=(3, 4))),
        _mean_field(
            "mean field, independent weights, Gammas of unlike shapes",
            _moments(rng, 2, 5),
            rng.normal(size=(2, 5)),
            -1.0,
            UNLIKE,
        ),
        _exact("random, square", _moments(rng, 7, 7), rng.normal(size=(7, 7))),
        _exact(
            "m from 0 to 1e9, evidence of a hundred, states that almost never change",
            np.array([[0.0, 1e9], [1.0, 1e-3], [30.0, 0.0]]),
            np.zeros((3, 2)),
            (1e-12, 3e-12),
            ((1.0, 0.02), (8.0, 1e-6)),
            PROBABILITY,
        ),
        _mean_field(
            "mean field, sure of itself", _moments(rng, 3, 2) + 0.05, np.full((3, 2), -30.0)
        ),
    ]


CHECKS = (
    Check("extrinsic-a", ("extrinsic",), _extrinsic_cases),
    Check(
        "turbo-loop",
        ("evidence", "prior_log_odds", "support_log_odds", "expected_precision"),
        _round_cases,
        rtol=BY_DIFFERENCES,
    ),
)

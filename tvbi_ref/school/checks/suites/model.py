"""The cases of the model: the three layers of the prior, and the Ising and Markov supports."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tvbi_ref.gamma import Gamma
from tvbi_ref.school.checks.case import Case, Check, asked, rng_of, varied
from tvbi_ref.school.checks.oracles import model as oracle

Array = NDArray[np.float64]

UNDERFLOW = (
    "the density underflows to 0 and its logarithm is -inf. Write ln p itself: a sum, no np.exp"
)
BIG_GAMMA = (
    "Gamma(a) overflows where a > 171. Work with ln Gamma(a), scipy.special.gammaln, throughout"
)


# Weight and precision


def _weight_cases() -> list[Case]:
    rng = rng_of(10)

    def layer(size: tuple[int, int], scale: float) -> tuple[Array, Array]:
        rho = scale * 10 ** rng.uniform(-1.5, 1.5, size)
        return 2 * rng.normal(size=size) / np.sqrt(rho), rho

    ordinary = {
        "weights of exactly 0": (np.zeros((2, 3)), np.array([[1e-6, 0.1, 1.0], [7.0, 50.0, 1e6]])),
        "one weight": (np.array([[0.3]]), np.array([[4.0]])),
        "a tiny weight of a huge precision": (np.array([[1e-4, -2e-4]]), np.array([[1e8, 1e8]])),
        "random layer 1": layer((2, 3), 1.0),
        "random layer 2": layer((4, 2), 50.0),
        "random layer 3": layer((3, 5), 1e-3),
        "random square layer": layer((7, 7), 2.0),
        "precisions of 1e-9": (np.array([[2e4, -1e4]]), np.array([[1e-9, 3e-9]])),
    }
    far = {
        "weights that are 60 and 1000 standard deviations out": (
            np.array([[60.0, -500.0]]),
            np.array([[1.0, 4.0]]),
        )
    }
    log_p = oracle.log_prior_weight
    return [*asked(log_p, ordinary), *asked(log_p, far, UNDERFLOW)]


def _precision_cases() -> list[Case]:
    rng = rng_of(11)
    slab, spike = Gamma(1.3, 0.4), Gamma(2.5, 0.02)

    def layer(size: tuple[int, int], active: Gamma, inactive: Gamma) -> tuple[Any, ...]:
        support = rng.integers(0, 2, size).astype(float)
        mean = np.where(support == 1, active.mean, inactive.mean)
        return mean * rng.uniform(0.1, 3.0, size), support, active, inactive

    rho = rng.uniform(0.5, 5.0, (2, 3))
    ordinary = {
        "every weight active": (rho, np.ones((2, 3)), slab, spike),
        "every weight inactive": (rho, np.zeros((2, 3)), slab, spike),
        "one weight, shapes of 1": (np.array([[2.0]]), np.ones((1, 1)), Gamma(1, 0.5), spike),
        "rates of 1e-6": layer((3, 2), Gamma(0.7, 1e-6), Gamma(1.6, 3e-7)),
        "random layer 1": layer((2, 3), slab, spike),
        "random layer 2": layer((4, 3), Gamma(0.4, 3.0), Gamma(3.5, 0.1)),
        "random layer 3": layer((3, 5), Gamma(6.0, 2.0), Gamma(0.8, 1e-3)),
        "random square layer": layer((7, 7), slab, spike),
        "precisions of 1e-12": (
            np.array([[1e-12, 3e-12]]),
            np.array([[1.0, 0.0]]),
            Gamma(1.3, 1e12),
            Gamma(2.5, 2e12),
        ),
    }
    rho, support = np.array([[40.0, 3600.0]]), np.array([[1.0, 0.0]])
    big = {"shapes of 200 and 180": (rho, support, Gamma(200.0, 5.0), Gamma(180.0, 0.05))}
    log_p = oracle.log_prior_precision
    return [*asked(log_p, ordinary), *asked(log_p, big, BIG_GAMMA)]


def _marginal_cases() -> list[Case]:
    rng = rng_of(12)

    def layer(size: tuple[int, int], scale: float) -> Array:
        return np.sqrt(scale) * rng.normal(size=size) * 10 ** rng.uniform(-1, 1, size)

    ordinary = {
        "weights of exactly 0": (np.zeros((2, 3)), Gamma(1.0, 0.02)),
        "one weight, a Cauchy density": (np.array([[0.7]]), Gamma(0.5, 0.5)),
        "a rate of 1e-6": (layer((2, 2), 1e-6), Gamma(1.4, 1e-6)),
        "a weight of 1e4, far in the tail": (np.array([[1e4, -1e4]]), Gamma(1.5, 0.1)),
        "random layer 1": (layer((2, 3), 0.2), Gamma(1.0, 0.2)),
        "random layer 2": (layer((4, 2), 2.0), Gamma(3.7, 5.0)),
        "random layer 3": (layer((3, 5), 0.01), Gamma(0.6, 0.004)),
        "random square layer": (layer((7, 7), 0.5), Gamma(1.2, 0.3)),
    }
    big = {"a shape of 200": (np.array([[0.0, 0.1, -0.5]]), Gamma(200.0, 5.0))}
    log_p = oracle.log_marginal_weight
    return [*asked(log_p, ordinary), *asked(log_p, big, BIG_GAMMA)]


# Support


def _bits(rng: np.random.Generator, size: tuple[int, int]) -> Array:
    return rng.integers(0, 2, size).astype(float)


def _ising_cases() -> list[Case]:
    rng = rng_of(13)
    checkered = np.array([[1.0, 0.0, 1.0], [0.0, 1.0, 0.0]])
    settings: dict[str, tuple[Any, ...]] = {
        "all off: a field alone says nothing": (np.zeros((3, 4)), -0.8, 0.3, 0.1),
        "all on": (np.ones((3, 4)), -0.8, 0.3, 0.1),
        "a chessboard, where every edge disagrees": (checkered, 0.5, 0.7, -0.2),
        "one weight, no edges": (np.ones((1, 1)), 1.5, 0.7, 0.4),
        "one row: no edges within a column": (np.array([[1.0, 1.0, 0.0, 0.0]]), 0.2, 0.7, 0.4),
        "one column: no edges within a row": (np.array([[1.0], [1.0], [0.0]]), 0.2, 0.7, 0.4),
        "random layer 1": (_bits(rng, (3, 5)), -1.2, 0.4, 0.25),
        "random layer 2, a field for each weight": (
            _bits(rng, (4, 3)),
            rng.normal(size=(4, 3)),
            0.15,
            0.6,
        ),
        "random layer 3, negative couplings": (
            _bits(rng, (5, 4)),
            rng.normal(size=(5, 4)),
            -0.35,
            -0.8,
        ),
        "random square layer": (_bits(rng, (7, 7)), -0.8, 0.3, 0.2),
        "a field of 40, couplings of 25 and -30": (np.tile(checkered, 2), 40.0, 25.0, -30.0),
    }
    return asked(oracle.ising_log_weight, settings)


def _markov_cases() -> list[Case]:
    rng = rng_of(14)
    striped = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]])
    settings = {
        "one weight: the stationary distribution alone": (np.ones((1, 1)), 0.1, 0.3),
        "one row: no step at all": (np.array([[1.0, 0.0, 0.0, 0.0]]), 0.05, 0.4),
        "one column": (np.array([[0.0], [1.0], [1.0], [0.0], [0.0]]), 0.2, 0.3),
        "fair coins": (_bits(rng, (2, 3)), 0.5, 0.5),
        "a change in every step": (striped, 0.9, 0.8),
        "clusters that hardly ever start or end": (np.ones((4, 2)), 1e-5, 3e-5),
        "random layer 1": (_bits(rng, (3, 5)), 0.1, 0.3),
        "random layer 2": (_bits(rng, (5, 2)), 0.35, 0.05),
        "random layer 3": (_bits(rng, (4, 6)), 0.25, 0.6),
        "random square layer": (_bits(rng, (7, 7)), 0.15, 0.35),
        # Powers of 2, of which 1 - (1 - p) loses nothing: to write p10 as 1 - psi00 is honest.
        "changes that almost never happen": (striped, 1e-12, 2.0**-38),
    }
    return asked(oracle.markov_log_prob, settings)


def _markov_to_ising_cases() -> list[Case]:
    settings = {
        "fair coins: no coupling, no field": (0.5, 0.5),
        "the next state does not depend on this one": (0.2, 0.8),
        "as easily on as off": (0.1, 0.1),
        "long clusters, longer gaps": (0.05, 0.2),
        "a change is likelier than none": (0.8, 0.7),
        "random 1": varied(15, 0.31, 0.07),
        "random 2": varied(16, 0.62, 0.23),
        "clusters that hardly ever start": (1e-9, 0.4),
        "transitions that almost never happen": (1e-12, 3e-12),
        "clusters that hardly ever end": (0.3, 1e-12),
        "always off again": (1e-12, 1 - 1e-9),
    }
    return asked(oracle.markov_to_ising, settings)


CHECKS = (
    Check("prior-weight", ("log_density",), _weight_cases),
    Check("prior-precision", ("log_density",), _precision_cases),
    Check("prior-weight-marginal", ("log_density",), _marginal_cases),
    Check("prior-support-ising", ("log_weight",), _ising_cases),
    Check("prior-support-markov", ("log_prob",), _markov_cases),
    Check("markov-to-ising", ("coupling", "field_first", "field_second"), _markov_to_ising_cases),
)

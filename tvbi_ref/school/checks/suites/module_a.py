"""The cases of Module A: mean field, its parts and its bound, and the collapsed form."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from scipy.special import expit

from tvbi_ref.gamma import Gamma
from tvbi_ref.school.checks.case import BY_DIFFERENCES, Case, Check, asked, pair, rng_of, varied
from tvbi_ref.school.checks.oracles import module_a as oracle
from tvbi_ref.school.checks.suites.model import BIG_GAMMA, Array

CERTAIN = (
    "0 ln 0 is 0, and NumPy makes it NaN. scipy.special.xlogy and entr do not, nor does np.where "
    "on the probability"
)
INFINITE_ODDS = (
    "e^c / (1 + e^c) is inf/inf for a certain support. scipy.special.expit gives 0 and 1"
)

SLAB, SPIKE = Gamma(1.2, 0.03), Gamma(2.5, 4e-4)
BIG = Gamma(200.0, 5.0), Gamma(150.0, 0.05)
SMALL_RATES = Gamma(1.6, 1e-6), Gamma(0.7, 2e-8)
SAME = Gamma(1.4, 0.3), Gamma(1.4, 0.3)


class _Layer(NamedTuple):
    """A layer with a q that is not optimal, in the order of [elbo]'s arguments."""

    mean: Array
    variance: Array
    shape: Array
    rate: Array
    support_log_odds: Array
    prior_log_odds: Array
    active: Gamma = SLAB
    inactive: Gamma = SPIKE

    @property
    def second_moment(self) -> Array:
        return self.mean**2 + self.variance

    @property
    def q_support(self) -> Array:
        return expit(self.support_log_odds)

    @property
    def gammas(self) -> tuple[Gamma, Gamma]:
        return self.active, self.inactive


def _random_layer(seed: int, size: tuple[int, int] = (2, 3)) -> _Layer:
    """Return scales that are decades apart, and two Gammas with different shapes."""
    rng = rng_of(seed)
    a, a_bar = np.exp(rng.uniform(np.log(0.4), np.log(4.0), 2))
    scale, contrast = 10 ** rng.uniform(-2, 0.5), 10 ** rng.uniform(-2.5, -0.7)
    return _Layer(
        mean=np.sqrt(scale) * rng.normal(size=size),
        variance=scale * 10 ** rng.uniform(-2, 0.3, size),
        shape=rng.uniform(0.6, 5.0, size),
        rate=scale * 10 ** rng.uniform(-1.5, 0.5, size),
        support_log_odds=rng.normal(0, 1.5, size),
        prior_log_odds=rng.normal(0, 1.5, size),
        active=Gamma(a, a * scale),
        inactive=Gamma(a_bar, a_bar * scale * contrast),
    )


def _random_layers() -> dict[str, _Layer]:
    return {
        "random layer 1": _random_layer(20),
        "random layer 2": _random_layer(21, (3, 2)),
        "random layer 3": _random_layer(22, (1, 4)),
        "random square layer": _random_layer(24, (7, 7)),
    }


# q and the bound


def _log_q_cases() -> list[Case]:
    def draw(seed: int, size: tuple[int, int]) -> tuple[Array, ...]:
        rng, q = rng_of(seed), _random_layer(seed, size)
        weight = q.mean + np.sqrt(q.variance) * rng.normal(size=size)
        precision = rng.gamma(q.shape, 1.0 / q.rate)
        support = (rng.random(size) < q.q_support).astype(float)
        return (weight, precision, support, *q[:4], q.q_support)

    def at(*numbers: float) -> tuple[Array, ...]:
        return tuple(np.array([[x]]) for x in numbers)

    ordinary = {
        "one weight at its mean": at(0.4, 2.0, 1.0, 0.4, 0.09, 1.5, 0.5, 0.3),
        "a variance of 1e-8": at(1.0001, 3.0, 0.0, 1.0, 1e-8, 2.5, 1.0, 0.3),
        "a rate of 1e-6": at(0.1, 2e6, 1.0, 0.0, 0.04, 0.8, 1e-6, 0.9),
        "random draw 1": draw(30, (2, 3)),
        "random draw 2": draw(31, (4, 2)),
        "random draw 3": draw(32, (3, 5)),
        "random draw, square": draw(33, (7, 7)),
        "a weight of 30": at(30.0, 2.0, 1.0, 28.0, 0.09, 1.5, 0.5, 0.3),
        "a shape of 1e-8, a rate and a precision of 1e-9": at(
            0.1, 1e-9, 1.0, 0.0, 0.04, 1e-8, 1e-9, 0.9
        ),
    }
    certain = {
        "a support that q is certain of": at(0.0, 1.0, 1.0, 0.1, 0.5, 1.5, 1.0, 1.0),
        "a dead weight that q is certain of": at(0, 1, 0, 0.1, 0.5, 1.5, 1.0, 0.0),
    }
    big = {"a shape of 200": at(0.0, 38.0, 1.0, 0.1, 0.5, 200.0, 5.0, 0.6)}
    return [
        *asked(oracle.log_q, ordinary),
        *asked(oracle.log_q, certain, CERTAIN),
        *asked(oracle.log_q, big, BIG_GAMMA),
    ]


def _one(active: Gamma, inactive: Gamma, **changed: float) -> _Layer:
    """Return a layer of one weight."""
    numbers = {
        "mean": 0.3,
        "variance": 0.02,
        "shape": 1.7,
        "rate": 0.08,
        "support_log_odds": 0.4,
        "prior_log_odds": -0.9,
    }
    arrays = {name: np.array([[x]]) for name, x in (numbers | changed).items()}
    return _Layer(**arrays, active=active, inactive=inactive)


def _elbo_cases() -> list[Case]:
    layers = {
        "one weight": _one(SLAB, SPIKE),
        "a mean of 0: m is the variance": _one(SLAB, SPIKE, mean=0.0, variance=0.5),
        "a weight of 1000": _one(SLAB, SPIKE, mean=1000.0, rate=5e5),
        "support log-odds of +30, prior -30": _one(
            SLAB, SPIKE, support_log_odds=30.0, prior_log_odds=-30.0
        ),
        "support log-odds of -30, prior +33: 1 - pi has lost its digits": _one(
            SLAB, SPIKE, support_log_odds=-30.0, prior_log_odds=33.0
        ),
        "rates of 1e-6 and less": _one(*SMALL_RATES, mean=1e-3, variance=1e-6, rate=1e-6),
        "two equal Gammas": _one(*SAME),
        "a variance of 1e-12, a rate of 1e-9": _one(
            *SMALL_RATES, mean=1e-6, variance=1e-12, rate=1e-9
        ),
        "shapes of 200 and 150": _one(*BIG, shape=180.0, rate=1.3),
        **_random_layers(),
        "random layer 4": _random_layer(23, (4, 5)),
    }
    certain = {
        "a weight that is certainly on": _one(
            SLAB, SPIKE, support_log_odds=np.inf, prior_log_odds=np.inf
        ),
        "a weight that is certainly off": _one(
            SLAB, SPIKE, support_log_odds=-np.inf, prior_log_odds=-np.inf
        ),
    }
    return [
        *asked(oracle.elbo, layers),
        *asked(oracle.elbo, certain, CERTAIN),
    ]


# Mean field


def _precision_settings() -> dict[str, tuple[Any, ...]]:
    layers = {
        name: (layer.second_moment, layer.q_support, *layer.gammas)
        for name, layer in _random_layers().items()
    }
    probabilities, moments = np.array([[0.0, 1.0, 0.3]]), np.array([[0.4, 0.4, 0.4]])
    return layers | {
        "dead weights, m = 0": (np.zeros((1, 3)), probabilities, SLAB, SPIKE),
        "a support of exactly 0 and 1": (moments, probabilities, SLAB, SPIKE),
        "m = 1e12": (np.array([[1e12]]), np.array([[0.6]]), SLAB, SPIKE),
        "rates of 1e-6 and less": (np.array([[1e-6], [3e-7]]), np.full((2, 1), 0.2), *SMALL_RATES),
        "shapes of 200 and 150": (np.array([[0.3]]), np.array([[0.25]]), *BIG),
        "two equal Gammas, one weight": (np.array([[0.3]]), np.array([[0.25]]), *SAME),
    }


def _update_precision_cases() -> list[Case]:
    return asked(oracle.update_precision, _precision_settings())


def _update_precision_complex_cases() -> list[Case]:
    return asked(oracle.update_precision_complex, _precision_settings())


def _evidence_cases() -> list[Case]:
    def case(name: str, shape: Any, rate: Any, active: Gamma, inactive: Gamma) -> Case:
        q = np.array(shape, np.float64), np.array(rate, np.float64)
        moments = oracle.expectation(lambda rho: rho, *q), oracle.expectation(np.log, *q)
        expected = oracle.evidence(*q, pair(active), pair(inactive))
        return Case(name, (*moments, active, inactive), expected)

    layers = {name: (q.shape, q.rate, *q.gammas) for name, q in _random_layers().items()}
    return [
        case("one weight", [[1.7]], [[0.08]], SLAB, SPIKE),
        case("precisions from 1e-6 to 1e6", [[2.0, 2.0, 2.0]], [[2e6, 2.0, 2e-6]], SLAB, SPIKE),
        case(
            "a precision of 1e-9",
            [[2.0, 3.0]],
            [[2e9, 1e10]],
            Gamma(1.2, 3e7),
            Gamma(2.5, 4e5),
        ),
        case("two equal Gammas: no evidence", [[0.8, 3.0]], [[0.5, 2.0]], *SAME),
        case("shapes of 1", [[0.8, 3.0]], [[0.5, 2.0]], Gamma(1.0, 0.5), Gamma(1.0, 0.02)),
        case("shapes of 200 and 150", [[180.0, 160.0]], [[4.0, 0.06]], *BIG),
        case("rates of 1e-6 and less", [[1.0], [2.0]], [[1e-6], [1e-8]], *SMALL_RATES),
        *(case(name, *q) for name, q in layers.items()),
    ]


def _support_cases() -> list[Case]:
    rng = rng_of(33)
    h, l = rng.normal(0, 2, (2, 2, 3))
    settings = {
        "no evidence: the prior remains": (h, np.zeros((2, 3))),
        "even prior odds: the evidence remains": (np.zeros((2, 3)), l),
        "one weight": (np.array([[-1.5]]), np.array([[0.25]])),
        "random layer 1": (h, l),
        "random layer 2": tuple(rng.normal(0, 4, (2, 4, 2))),
        "random layer 3": tuple(rng.normal(0, 8, (2, 3, 5))),
        "random square layer": tuple(rng.normal(0, 2, (2, 7, 7))),
        "evidence of +-45": (np.array([[3.0, -2.0]]), np.array([[45.0, -45.0]])),
        "evidence of +-700": (np.array([[30.0, -30.0, 5.0]]), np.array([[700.0, -700.0, -700.0]])),
        "evidence against the prior, +-700 each": (
            np.array([[700.0, -700.0]]),
            np.array([[-690.0, 710.0]]),
        ),
        "a prior that is certain": (np.array([[np.inf, -np.inf]]), np.array([[-700.0, 3.0]])),
    }
    return asked(oracle.update_support, settings)


def _trap(stream: int, h: Array, *numbers: float) -> tuple[Array, Gamma, Gamma]:
    """Return the odds and two Gammas of one shape."""
    a, b, b_bar = varied(stream, *numbers)
    return h, Gamma(a, b), Gamma(a, b_bar)


def _trap_cases() -> list[Case]:
    h = np.array([[0.0, -3.0], [2.0, -9.0], [-0.4, 5.0]])
    settings = {
        "a contrast of 1e4": (h, Gamma(1.0, 0.02), Gamma(1.0, 2e-6)),
        "a contrast of 10, one weight": (np.array([[0.0]]), Gamma(1.0, 1.0), Gamma(1.0, 0.1)),
        "a spike that is the slab: no trap": (h, *SAME),
        "a contrast of 1.2": (h, Gamma(2.3, 0.6), Gamma(2.3, 0.5)),
        "a prior that is certain": (
            np.array([[np.inf, -np.inf]]),
            Gamma(1.0, 0.5),
            Gamma(1.0, 0.02),
        ),
        "a shape of 200": (h, Gamma(200.0, 5.0), Gamma(200.0, 4.0)),
        "random setting 1": _trap(39, h.T.copy(), 0.4, 3.0, 0.2),
        "random setting 2": _trap(40, h - 1.0, 3.1, 0.07, 0.004),
        "random setting 3": _trap(41, 2 * h, 1.7, 1e-5, 1e-6),
        "a square layer": (
            np.linspace(-6.0, 6.0, 49).reshape(7, 7),
            Gamma(1.2, 0.05),
            Gamma(1.2, 1e-4),
        ),
    }
    return asked(oracle.trap_margin, settings)


# The weights


def _penalty_settings() -> dict[str, tuple[Array, Array, Array]]:
    def layer(seed: int, size: tuple[int, int]) -> tuple[Array, Array, Array]:
        q = _random_layer(seed, size)
        return q.mean, q.variance, q.shape / q.rate

    return {
        "one weight": (np.array([[0.7]]), np.array([[0.3]]), np.array([[2.5]])),
        "means of 0": (np.zeros((2, 3)), np.full((2, 3), 0.2), np.full((2, 3), 3.0)),
        "the prior itself, where the slope is 0": (
            np.zeros((1, 3)),
            np.array([[0.5, 0.02, 4.0]]),
            np.array([[2.0, 50.0, 0.25]]),
        ),
        "variances of 1e-8 and 1e4": (
            np.array([[0.1, 30.0]]),
            np.array([[1e-8, 1e4]]),
            np.array([[40.0, 1e-3]]),
        ),
        "a dead weight, precision 1e6": (
            np.array([[1e-3], [-2e-3]]),
            np.array([[1e-6], [4e-6]]),
            np.array([[1e6], [1e6]]),
        ),
        "random layer 1": layer(34, (2, 3)),
        "random layer 2": layer(35, (4, 2)),
        "random layer 3": layer(36, (3, 5)),
        "random square layer": layer(38, (7, 7)),
        "precisions of 1e-9": (
            np.array([[3e4, -1e4]]),
            np.array([[1e8, 1e9]]),
            np.array([[1e-9, 3e-9]]),
        ),
    }


def _penalty_cases() -> list[Case]:
    return asked(oracle.weight_penalty, _penalty_settings())


def _gradient_cases() -> list[Case]:
    return asked(oracle.weight_penalty_gradient, _penalty_settings())


# The collapsed form

MOMENTS = np.array([[0.0, 1e-6, 1e-3], [0.3, 40.0, 1e12]])


def _conditional_cases() -> list[Case]:
    q = _random_layers()
    settings = {
        "from m = 0 to m = 1e12": (MOMENTS, SLAB),
        "one dead weight, m = 0": (np.zeros((1, 1)), SPIKE),
        "a rate of 1e-6": (np.array([[0.0], [1e-6]]), SMALL_RATES[0]),
        "a rate of 1e-9": (np.array([[0.0, 1e-8]]), Gamma(1.4, 1e-9)),
        "a shape of 200": (np.array([[0.0, 0.1, 3.0]]), BIG[0]),
        **{f"{name}, the slab": (q[name].second_moment, q[name].active) for name in q},
        **{f"{name}, the spike": (q[name].second_moment, q[name].inactive) for name in q},
    }
    return asked(oracle.conditional_precision, settings)


def _collapsed_settings() -> dict[str, tuple[Any, ...]]:
    return {
        "from m = 0 to m = 1e12": (MOMENTS, SLAB, SPIKE),
        "one dead weight, m = 0": (np.zeros((1, 1)), SLAB, SPIKE),
        "two equal Gammas": (MOMENTS, *SAME),
        "two equal shapes": (MOMENTS, Gamma(1.0, 0.02), Gamma(1.0, 2e-6)),
        "shapes of 200 and 150": (np.array([[0.0, 1e-3, 0.3, 40.0]]), *BIG),
        "rates of 1e-6 and less": (np.array([[0.0], [1e-7], [1e-3]]), *SMALL_RATES),
        **{name: (q.second_moment, *q.gammas) for name, q in _random_layers().items()},
    }


def _evidence_collapsed_cases() -> list[Case]:
    return asked(oracle.evidence_collapsed, _collapsed_settings())


def _precision_collapsed_cases() -> list[Case]:
    rng = rng_of(37)
    settings = {
        name: (m, rng.uniform(0.05, 0.95, m.shape), *gammas)
        for name, (m, *gammas) in _collapsed_settings().items()
    }
    certain = np.array([[0.0, 1.0, 1.0], [0.0, 1.0, 0.0]])
    settings["a support of exactly 0 and 1"] = (MOMENTS, certain, SLAB, SPIKE)
    return asked(oracle.precision_collapsed, settings)


def _elbo_collapsed_cases() -> list[Case]:
    def of(layer: _Layer) -> tuple[Any, ...]:
        return layer.mean, layer.variance, layer.prior_log_odds, *layer.gammas

    settings = {
        "one weight": of(_one(SLAB, SPIKE)),
        "a dead weight": of(_one(SLAB, SPIKE, mean=0.0, variance=1e-9)),
        "a weight of 1000": of(_one(SLAB, SPIKE, mean=1000.0)),
        "prior log-odds of -30": of(_one(SLAB, SPIKE, prior_log_odds=-30.0)),
        "two equal Gammas": of(_one(*SAME)),
        "rates of 1e-6 and less": of(_one(*SMALL_RATES, mean=1e-3, variance=1e-6)),
        **{name: of(layer) for name, layer in _random_layers().items()},
        "random layer 4": of(_random_layer(23, (4, 5))),
    }
    big = {"shapes of 200 and 150": of(_one(*BIG))}
    certain = {"a prior that is certain of it": of(_one(SLAB, SPIKE, prior_log_odds=np.inf))}
    return [
        *asked(oracle.elbo_collapsed, settings),
        *asked(oracle.elbo_collapsed, big, BIG_GAMMA),
        *asked(oracle.elbo_collapsed, certain, INFINITE_ODDS),
    ]


ELBO_TERMS = (
    "expected_log_weight",
    "expected_log_precision",
    "expected_log_support",
    "entropy_weight",
    "entropy_precision",
    "entropy_support",
)

CHECKS = (
    Check("q-factors", ("log_density",), _log_q_cases),
    Check("elbo", ELBO_TERMS, _elbo_cases),
    Check("q-precision", ("shape", "rate"), _update_precision_cases, rtol=BY_DIFFERENCES),
    Check(
        "q-precision-complex",
        ("shape", "rate"),
        _update_precision_complex_cases,
        rtol=BY_DIFFERENCES,
    ),
    Check("evidence", ("evidence",), _evidence_cases),
    Check("q-support", ("log_odds",), _support_cases),
    Check("mean-field-trap", ("margin",), _trap_cases),
    Check("q-weight", ("penalty",), _penalty_cases),
    Check("q-weight-gradient", ("d_mean", "d_log_variance"), _gradient_cases),
    Check("q-collapsed", ("shape", "rate"), _conditional_cases),
    Check("evidence-collapsed", ("evidence",), _evidence_collapsed_cases),
    Check("precision-collapsed", ("precision",), _precision_collapsed_cases),
    Check("elbo-collapsed", ("log_evidence", "entropy_weight"), _elbo_collapsed_cases),
)

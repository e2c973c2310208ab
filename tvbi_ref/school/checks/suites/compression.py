"""The cases of compression: which weights stay, what their places cost, and the sparse pass."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tvbi_ref.school.checks.case import Case, Check, asked, rng_of
from tvbi_ref.school.checks.oracles import compression as oracle

Array = NDArray[np.float64]

ZERO_LOG_ZERO = "a layer that is all kept or all dropped costs nothing: 0 log 0 is 0, and not NaN"


def _keep_cases() -> list[Case]:
    rng = rng_of(0)
    log_odds = {
        "log-odds of exactly 0": np.array([[0.0, -1.0], [2.0, 0.0], [-0.0, 0.25]]),
        "even odds for every weight": np.zeros((2, 3)),
        "weights that hesitate": rng.uniform(-0.4, 0.4, (3, 5)),
        "random 1": 3 * rng.normal(size=(4, 3)),
        "random 2": rng.normal(size=(2, 6)) - 1.0,
        "random, square": rng.normal(size=(7, 7)),
        "no weight is kept": -rng.uniform(1, 5, (3, 2)),
        "every weight is kept": rng.uniform(1, 5, (2, 3)),
        "log-odds of +-800": np.array([[800.0, -800.0, 300.0]]),
    }
    return asked(oracle.keep_mask, {name: (x,) for name, x in log_odds.items()})


def _mixed(rng: np.random.Generator, shape: list[int], p: float) -> Any:
    """Return a mask with a share p of ones, neither all of them nor none."""
    mask = rng.random(shape) < p
    return mask if 0 < mask.mean() < 1 else _mixed(rng, shape, p)


def _bits_cases() -> list[Case]:
    rng = rng_of(1)
    half = np.array([[True, False], [False, True]])

    def drawn(*layers: tuple[int, int, float]) -> list[Any]:
        return [_mixed(rng, shape, p) for *shape, p in layers]

    ordinary = {
        "half of the weights: 2 bits": ([half],),
        "one weight of twelve": ([np.arange(12).reshape(3, 4) == 5],),
        "a dense layer": (drawn((5, 8, 0.85)),),
        "random": (drawn((7, 4, 0.3)),),
        "random, square": (drawn((7, 7, 0.4)),),
        "layers of unlike density": (drawn((9, 4, 0.1), (4, 5, 0.6)),),
        "layers of unlike size": (drawn((20, 10, 0.2), (3, 4, 0.5), (6, 5, 0.3)),),
    }
    extreme = {
        "a layer that is all kept": ([*drawn((5, 4, 0.4)), np.ones((2, 3), bool)],),
        "a layer of which nothing is left": ([*drawn((5, 4, 0.4)), np.zeros((2, 3), bool)],),
    }
    return [
        *asked(oracle.entropy_bound, ordinary),
        *asked(oracle.entropy_bound, extreme, ZERO_LOG_ZERO),
    ]


def _sparse(name: str, weight: Array, batch: int, seed: int, size: float = 1.0) -> Case:
    """Return the case of a layer whose clusters are its runs."""
    rng = rng_of(seed)
    x, bias = (size * rng.normal(size=n) for n in ((batch, len(weight)), weight.shape[1]))
    values = weight.T[weight.T != 0]
    arguments = (x, bias, *oracle.clusters_of(weight), values)
    return Case(name, arguments, oracle.dense_forward(x, bias, weight))


def _layer(n_inputs: int, n_neurons: int, density: float, seed: int) -> Array:
    rng = rng_of(seed)
    weight = rng.normal(size=(n_inputs, n_neurons))
    return np.where(rng.random(weight.shape) < density, weight, 0.0)


def _split_run() -> Case:
    """Return a run that is written as two clusters side by side, and one weight apart."""
    rng = rng_of(9)
    x, bias, values = rng.normal(size=(3, 6)), rng.normal(size=2), rng.normal(size=5)
    weight = np.zeros((6, 2))
    weight[[0, 1, 2, 3], 0], weight[5, 1] = values[:4], values[4]
    clusters = np.array([0, 2, 3]), np.array([0, 2, 5]), np.array([2, 2, 1])
    expected = oracle.dense_forward(x, bias, weight)
    return Case("two clusters side by side", (x, bias, *clusters, values), expected)


def _sparse_cases() -> list[Case]:
    without = _layer(6, 4, 0.5, seed=5)
    without[:, [1, 3]] = 0.0
    return [
        _sparse("random 1", _layer(7, 3, 0.5, seed=2), batch=4, seed=2),
        _sparse("random 2", _layer(9, 4, 0.3, seed=3), batch=2, seed=3),
        _sparse("random 3", _layer(5, 6, 0.7, seed=4), batch=3, seed=4),
        _sparse("neurons without a weight", without, batch=2, seed=5),
        _sparse("no weight at all", np.zeros((4, 3)), batch=2, seed=6),
        _sparse("a dense layer: one cluster a neuron", _layer(4, 3, 1.0, seed=7), batch=2, seed=7),
        _sparse("one input, one row", _layer(1, 3, 1.0, seed=8), batch=1, seed=8),
        _sparse("random, square", _layer(7, 7, 0.5, seed=10), batch=7, seed=10),
        _sparse("numbers of a hundred", 100 * _layer(3, 5, 0.6, seed=11), 4, seed=11, size=100.0),
        _split_run(),
    ]


CHECKS = (
    Check("prune", ("mask",), _keep_cases),
    Check("bits", ("bits",), _bits_cases),
    Check("sparse-forward", ("output",), _sparse_cases),
)

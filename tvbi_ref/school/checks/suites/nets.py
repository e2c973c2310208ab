"""Cases for the likelihoods and the reparameterised layers."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import digamma

from tvbi_ref.gamma import Gamma
from tvbi_ref.school.checks.case import Case, Check, asked, rng_of
from tvbi_ref.school.checks.oracles import nets as oracle

Array = NDArray[Any]


# Likelihoods


def _categorical() -> list[Case]:
    huge = np.array([[1000.0, -1000.0, 0.0], [-1000.0, 1000.0, 500.0]])
    problems = {
        "logits of +-1000, both labels wrong": (huge, np.array([1, 2])),
        "logits of +-1000, both labels right": (huge, np.array([0, 1])),
        "one row": (np.array([[0.5, -1.0, 2.0]]), np.array([1])),
        "one class, nothing to learn": (np.array([[3.0], [-2.0]]), np.array([0, 0])),
    }
    for seed, (B, C) in enumerate([(4, 3), (2, 5), (5, 4), (7, 7)]):
        rng = rng_of(seed)
        problem = 2 * rng.normal(size=(B, C)), rng.integers(C, size=B)
        problems[f"{B} random rows of {C} classes"] = problem
    return asked(oracle.softmax_cross_entropy, problems)


def _rows(seed: int, B: int, D: int) -> tuple[Array, Array]:
    rng = rng_of(seed)
    return rng.normal(size=(B, D)), rng.normal(size=(B, D))


def _gaussian() -> list[Case]:
    f, y = _rows(0, 3, 2)
    known = {
        "a perfect fit": (f, f.copy(), 2.0),
        "a noise precision of a million": (f, y, 1e6),
        "one row": (*_rows(1, 1, 3), 0.4),
        "one output": (*_rows(2, 4, 1), 2.5),
        "4 random rows of 3 outputs": (*_rows(3, 4, 3), 2.5),
        "2 random rows of 4 outputs": (*_rows(4, 2, 4), 0.1),
        "7 random rows of 7 outputs": (*_rows(7, 7, 7), 0.7),
        "targets of 1e5, a noise precision of 1e-9": (1e5 * f, 1e5 * y, 1e-9),
    }
    learned = {
        "a posterior Ga(7, 3) of the precision": (*_rows(5, 4, 3), (7.0, 3.0)),
        "a vague posterior Ga(0.6, 0.2)": (*_rows(6, 3, 2), (0.6, 0.2)),
    }
    cases = [
        Case(name, (f, y, gamma, math.log(gamma)), oracle.gaussian_nll(f, y, gamma))
        for name, (f, y, gamma) in known.items()
    ]
    for name, (f, y, (a, b)) in learned.items():
        moments = a / b, float(digamma(a)) - math.log(b)
        cases.append(Case(name, (f, y, *moments), oracle.expected_gaussian_nll(f, y, (a, b))))
    return cases


def _noise_precision() -> list[Case]:
    f, y = _rows(0, 3, 2)
    problems = {
        "a perfect fit": (f, f.copy(), Gamma(2.0, 1.5)),
        "residuals of a thousand": (f, 1000 * y, Gamma(2.0, 1.5)),
        "one row": (*_rows(1, 1, 3), Gamma(1.0, 2.0)),
        "one output": (*_rows(2, 5, 1), Gamma(0.5, 0.1)),
        "4 random rows of 3 outputs": (*_rows(3, 4, 3), Gamma(2.0, 1.5)),
        "2 random rows of 4 outputs": (*_rows(4, 2, 4), Gamma(3.0, 0.2)),
        "6 random rows of 2 outputs": (*_rows(5, 6, 2), Gamma(1e-3, 1e-3)),
        "7 random rows of 7 outputs": (*_rows(6, 7, 7), Gamma(1.2, 0.4)),
        "a perfect fit, a rate of 1e-9": (f, f.copy(), Gamma(2.0, 1e-9)),
        "outputs of a hundred": (100 * f, 100 * y, Gamma(2.0, 1.5)),
    }
    return asked(oracle.noise_posterior, problems)


# Dense


def _layer(seed: int, x: tuple[int, ...], weight: tuple[int, ...]) -> tuple[Array, Array, Array]:
    """Return (x, mean, variance)."""
    rng = rng_of(seed)
    return rng.normal(size=x), rng.normal(size=weight), np.exp(rng.uniform(-3, 0, weight))


def _dense_problems() -> dict[str, Any]:
    """Return by name (layer, bias, noise, gradient by the output)."""
    sizes = {
        "an input row of zeros": (3, 3, 2),
        "a neuron whose weights are all pruned": (3, 2, 4),
        "one row": (1, 3, 2),
        "one output": (4, 3, 1),
        "one input": (3, 1, 2),
        "4 random rows, 3 inputs, 2 outputs": (4, 3, 2),
        "2 random rows, 4 inputs, 3 outputs": (2, 4, 3),
        "3 random rows, 2 inputs, 5 outputs": (3, 2, 5),
        "7 random rows, 7 inputs, 7 outputs": (7, 7, 7),
        HUNDRED: (3, 4, 2),
    }
    problems = {}
    for seed, (name, (B, I, J)) in enumerate(sizes.items()):
        rng = rng_of(100 + seed)
        bias, noise, grad = rng.normal(size=J), *rng.normal(size=(2, B, J))
        problems[name] = _layer(seed, (B, I), (I, J)), bias, noise, grad
    (x, *_), *_ = problems["an input row of zeros"]
    x[1] = 0
    (_, mean, variance), *_ = problems["a neuron whose weights are all pruned"]
    mean[:, 1] = variance[:, 1] = 0
    problems[HUNDRED] = _hundredfold(*problems[HUNDRED])
    return problems


HUNDRED = "numbers of about a hundred, variances of 1e-8"


def _hundredfold(layer: Any, *others: Any) -> Any:
    (x, mean, variance), (*arrays, last) = layer, others
    last = 100 * last if isinstance(last, np.ndarray) else last
    return (100 * x, 100 * mean, 1e-8 * variance), *(100 * a for a in arrays), last


def _dense() -> list[Case]:
    problems = _dense_problems().items()
    return asked(
        oracle.dense, {k: (*layer, bias, noise) for k, (layer, bias, noise, _) in problems}
    )


def _dense_backward() -> list[Case]:
    problems = _dense_problems().items()
    return asked(
        partial(oracle.backward, oracle.dense),
        {name: (*layer, noise, grad) for name, (layer, _, noise, grad) in problems},
    )


# Convolution


def _conv_problems() -> dict[str, Any]:
    """Return by name (layer, bias, noise, gradient by the output, (stride, padding))."""
    sizes = {
        "an image of zeros": ((2, 2, 3, 4), (2, 2, 2, 2), (1, 0)),
        "stride 2, padding 1, a height that does not divide": ((1, 2, 6, 3), (2, 2, 3, 2), (2, 1)),
        "one filter on one channel": ((2, 1, 3, 4), (1, 1, 2, 2), (1, 0)),
        "kernels of one pixel": ((2, 3, 2, 3), (2, 3, 1, 1), (1, 0)),
        "a kernel as large as the image": ((2, 2, 3, 2), (2, 2, 3, 2), (1, 0)),
        "3 random filters, 2 channels": ((2, 2, 3, 4), (3, 2, 2, 2), (1, 0)),
        "random kernels of 3 by 2, padding 1": ((2, 2, 3, 2), (2, 2, 3, 2), (1, 1)),
        "random filters, stride 2": ((2, 3, 5, 4), (2, 3, 2, 1), (2, 0)),
        HUNDRED: ((2, 2, 3, 3), (2, 2, 2, 2), (1, 0)),
    }
    problems = {}
    for seed, (name, (x, weight, geometry)) in enumerate(sizes.items()):
        rng = rng_of(200 + seed)
        stride, padding = geometry
        room = [side + 2 * padding - k for side, k in zip(x[2:], weight[2:], strict=True)]
        outputs = (x[0], weight[0], *(r // stride + 1 for r in room))
        bias, noise, grad = rng.normal(size=weight[0]), *rng.normal(size=(2, *outputs))
        problems[name] = _layer(seed, x, weight), bias, noise, grad, geometry
    (images, *_), *_ = problems["an image of zeros"]
    images[1] = 0
    problems[HUNDRED] = _hundredfold(*problems[HUNDRED])
    return problems


def _conv() -> list[Case]:
    problems = _conv_problems().items()
    return asked(
        oracle.convolution,
        {k: (*layer, bias, noise, *geometry) for k, (layer, bias, noise, _, geometry) in problems},
    )


def _conv_backward() -> list[Case]:
    problems = _conv_problems().items()
    return asked(
        partial(oracle.backward, oracle.convolution),
        {k: (*layer, noise, grad, *geometry) for k, (layer, _, noise, grad, geometry) in problems},
    )


GRADIENTS = ("d_mean", "d_variance", "d_bias", "d_x")

CHECKS: tuple[Check, ...] = (
    Check("likelihood-categorical", ("value", "gradient"), _categorical),
    Check("likelihood-gaussian", ("value", "gradient"), _gaussian),
    Check("noise-precision", ("shape", "rate"), _noise_precision),
    Check("local-reparam-dense", ("z",), _dense),
    Check("local-reparam-dense-backward", GRADIENTS, _dense_backward),
    Check("local-reparam-conv", ("z",), _conv),
    Check("local-reparam-conv-backward", GRADIENTS, _conv_backward),
)

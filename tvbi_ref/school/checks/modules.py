"""The modules that the check of a round hands over: plain NumPy, and nothing of this package.

A round of the turbo loop takes Module A and Module B as functions. Those of the check must
reach a graded file, in whose process the package is hidden: they travel as a name and a few
numbers (`wire`), and nothing that a stranger wrote can pass for one of them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class CollapsedA:
    """Module A in the collapsed form, for given q(w).

    Parameters
    ----------
    a, b : float > 0
        Shape and rate of a live weight's precision.
    a_bar, b_bar : float > 0
        Those of a dead one's.

    Notes
    -----
    Source: [evidence-collapsed], [q-support], [precision-collapsed].

    Examples
    --------
    >>> log_odds, rho = CollapsedA(1.0, 0.1, 1.0, 0.001)(np.array([[1.0, 0.0]]), np.zeros((1, 2)))
    >>> log_odds.round(2), rho.round(0)
    (array([[ 4.33, -2.3 ]]), array([[   3., 1365.]]))
    """

    a: float
    b: float
    a_bar: float
    b_bar: float

    def __call__(self, second_moment: Array, prior_log_odds: Array) -> tuple[Array, Array]:
        """Return (logit pi_tilde, <rho>), both (I, J)."""
        m, pi = _layer(second_moment, "m"), _layer(prior_log_odds, "logit pi")
        alive, dead = (_Conjugate(*p, m) for p in ((self.a, self.b), (self.a_bar, self.b_bar)))
        posterior = pi + alive.log_evidence - dead.log_evidence
        return posterior, _expit(posterior) * alive.mean + _expit(-posterior) * dead.mean


class _Conjugate:
    """ln Z(m) up to ln sqrt(2 pi), and the mean of rho, under one of the two Gammas."""

    def __init__(self, a: float, b: float, m: Array) -> None:
        constant = a * math.log(b) - math.lgamma(a) + math.lgamma(a + 0.5)
        self.log_evidence = constant - (a + 0.5) * np.log(b + m / 2)
        self.mean = (a + 0.5) / (b + m / 2)


@dataclass
class MeanFieldA:
    """Module A in the mean-field form: each call is one step on from the q(s) of the last.

    Parameters
    ----------
    a, b, a_bar, b_bar : float > 0
        As of `CollapsedA`.

    Notes
    -----
    Source: [q-precision], [evidence], [q-support].

    Examples
    --------
    >>> module, m, pi = MeanFieldA(1.0, 0.1, 1.0, 0.001), np.array([[0.0]]), np.zeros((1, 1))
    >>> [float(module(m, pi)[0].round(2)[0, 0]) for _ in range(2)]
    [1.66, 2.84]
    """

    a: float
    b: float
    a_bar: float
    b_bar: float
    last: Array | None = field(default=None, init=False, repr=False, compare=False)

    def __call__(self, second_moment: Array, prior_log_odds: Array) -> tuple[Array, Array]:
        """Return (logit pi_tilde, <rho>), both (I, J)."""
        m, pi = _layer(second_moment, "m"), _layer(prior_log_odds, "logit pi")
        log_odds = pi if self.last is None else self.last
        alive, dead = _expit(log_odds), _expit(-log_odds)
        shape = alive * self.a + dead * self.a_bar + 0.5
        rate = alive * self.b + dead * self.b_bar + m / 2
        rho, log_rho = shape / rate, _digamma(shape) - np.log(rate)
        density = self.a * math.log(self.b) - math.lgamma(self.a)
        density -= self.a_bar * math.log(self.b_bar) - math.lgamma(self.a_bar)
        l = density + (self.a - self.a_bar) * log_rho - (self.b - self.b_bar) * rho
        self.last = pi + l
        return self.last.copy(), rho


@dataclass(frozen=True)
class ChainB:
    """Module B for chains down the columns.

    Parameters
    ----------
    p01, p10 : float in (0, 1)

    Notes
    -----
    Source: [chain], [extrinsic-b].

    Examples
    --------
    >>> ChainB(0.1, 0.3)(np.array([[9.0], [0.0]])).round(2)
    array([[-1.1 ],
           [ 0.85]])
    """

    p01: float
    p10: float

    def __call__(self, evidence: Array) -> Array:
        """Return logit pi, (I, J)."""
        l = _layer(evidence, "l")
        psi = np.array([[1 - self.p01, self.p01], [self.p10, 1 - self.p10]])
        down = _pass(l, psi, math.log(self.p01 / self.p10))
        return down + _pass(l[::-1], psi.T, 0.0)[::-1]


@dataclass(frozen=True)
class IndependentB:
    """Module B for independent weights, which has the same to say whatever it hears.

    Parameters
    ----------
    log_odds : float

    Examples
    --------
    >>> IndependentB(-2.0)(np.array([[9.0, 0.0]]))
    array([[-2., -2.]])
    """

    log_odds: float

    def __call__(self, evidence: Array) -> Array:
        """Return logit pi, (I, J)."""
        return np.full(_layer(evidence, "l").shape, self.log_odds)


MODULES = {cls.__name__: cls for cls in (CollapsedA, MeanFieldA, ChainB, IndependentB)}
"""All of them by name."""


def _layer(value: Any, name: str) -> Array:
    """Return an array (I, J) as it is, or say what was given in its place."""
    if not isinstance(value, np.ndarray) or value.ndim != 2:
        kind = f"shape {value.shape}" if isinstance(value, np.ndarray) else type(value).__name__
        raise TypeError(f"{name} must be an array (I, J); got {kind}")
    return value


def _pass(l: Array, psi: Array, start: float) -> Array:
    """Return what each row hears from the one before it."""
    (ln00, ln01), (ln10, ln11) = np.log(psi)
    heard = np.full(l.shape, start)
    for i in range(len(l) - 1):
        c = l[i] + heard[i]
        heard[i + 1] = np.logaddexp(ln11 + c, ln01) - np.logaddexp(ln10 + c, ln00)
    return heard


def _expit(log_odds: Array) -> Array:
    return np.asarray(np.exp(-np.logaddexp(0, -log_odds)))


def _digamma(x: Array) -> Array:
    """Return the derivative of ln Gamma: up by ten steps, where the asymptotic series is exact."""
    y = x + 10
    t = 1 / y**2
    series = t * (1 / 12 - t * (1 / 120 - t * (1 / 252 - t * (1 / 240 - t / 132))))
    return np.asarray(np.log(y) - 0.5 / y - series - sum(1 / (x + k) for k in range(10)))

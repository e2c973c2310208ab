r"""Is the gradient right? Two tests of a network's manual backprop, in float64.

*Central differences*, entry by entry: (L(t + h) - L(t - h)) / 2h must equal the gradient.

*Taylor remainder*, along one random direction d: if g is the gradient, then
|L(t + h d) - L(t) - h g.d| falls as h^2, a slope of 2 in a log-log plot; with a wrong
gradient it falls as h, a slope of 1. That needs no tolerance; the report gives the slope,
and whether a check has passed is decided by the entries.

A ReLU has no derivative at 0. An entry that disagrees is looked at again with a step a
hundred times smaller, which leaves most kinks outside; where the one-sided differences
still contradict each other the point sits on a kink, and the entry is left out and counted.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from tvbi_ref._validation import FloatArray, as_real
from tvbi_ref.nets import Network

STEPS = (1e-5, 1e-7)
"""The first balances truncation and rounding error in float64; the second is for kinks."""

KINK = 1e-5
"""One-sided differences at the smaller step that disagree by more than this are a kink."""


@dataclass(frozen=True)
class GradientReport:
    """What `check_gradients` found.

    Parameters
    ----------
    passed : bool
    message : str
        In words, the worst entry named.
    worst : float
        The largest |numeric - analytic| / max(1, |numeric|, |analytic|) over the entries.
    slope : float
        Of the Taylor remainder, about 2 for a right gradient.
    entries, kinks : int
        How many entries were compared, how many were left out at kinks.
    """

    passed: bool
    message: str
    worst: float
    slope: float
    entries: int
    kinks: int


def check_gradients(
    network: Network,
    x: ArrayLike,
    y: ArrayLike,
    *,
    noise_seed: int | None = 0,
    tolerance: float = 1e-6,
) -> GradientReport:
    """Compare every entry of a network's gradient with central differences.

    Parameters
    ----------
    network : Network
        Any dtype; a float64 copy is checked.
    x : array_like (B, n_inputs)
    y : array_like
        Targets as the likelihood takes them.
    noise_seed : int or None
        Of the local reparameterisation's noise, held fixed; None checks the
        deterministic network.
    tolerance : float
        On the relative error of an entry.

    Returns
    -------
    GradientReport

    Examples
    --------
    >>> from tvbi_ref import nets
    >>> x = [[1, 0, 2], [0, 1, 1], [1, 1, 0]]
    >>> report = check_gradients(nets.mlp([3, 4, 2], seed=0), x, [0, 1, 1])
    >>> report.passed
    True
    """
    net = network.astype(np.float64)
    rows = net.as_inputs(x)
    targets = net.as_targets(y, len(rows))

    def loss_and_gradient() -> float:
        rng = None if noise_seed is None else np.random.default_rng(noise_seed)
        return net.loss_and_gradient(rows, targets, rng)

    values = [p.value for p in net.parameters()]
    loss_and_gradient()
    gradients = [p.grad.copy() for p in net.parameters()]
    names = [f"{p.name}[{k // 3}]" for k, p in enumerate(net.parameters())]
    return compare_gradients(
        loss_and_gradient, values, gradients, names, as_real(tolerance, "tolerance", above=0)
    )


def compare_gradients(
    loss: Callable[[], float],
    values: list[FloatArray],
    gradients: list[FloatArray],
    names: list[str],
    tolerance: float = 1e-6,
) -> GradientReport:
    """Compare given gradients with differences of `loss`, which reads the arrays `values`.

    Parameters
    ----------
    loss : callable () -> float
        Deterministic.
    values : list of ndarray, float64
        Moved a little, one entry at a time, and put back.
    gradients : list of ndarray
        What is to be checked, in the shapes of `values`.
    names : list of str
        For the message.
    tolerance : float

    Examples
    --------
    >>> t = np.array([1.0, 2.0])
    >>> compare_gradients(lambda: float(t @ t), [t], [np.array([2.0, 6.0])], ["t"]).message
    't[1]: the gradient is 6, the central difference 4 (worst of 2 entries)'
    """
    compared = [
        _compare_entry(loss, value, gradient, index, name, tolerance)
        for name, value, gradient in zip(names, values, gradients, strict=True)
        for index in np.ndindex(value.shape)
    ]
    smooth = [entry for entry in compared if not entry.on_kink]
    worst = max(smooth, key=lambda entry: entry.error)
    slope = taylor_slope(loss, values, gradients)
    passed = worst.error <= tolerance
    message = f"all {len(smooth)} entries agree to {worst.error:.1e}; Taylor slope {slope:.2f}"
    if not passed:
        where = f"{worst.name}[{', '.join(map(str, worst.index))}]"
        message = (
            f"{where}: the gradient is {worst.analytic:.6g}, the central difference "
            f"{worst.numeric:.6g} (worst of {len(smooth)} entries)"
        )
    return GradientReport(
        passed, message, worst.error, slope, len(smooth), len(compared) - len(smooth)
    )


@dataclass(frozen=True)
class _Entry:
    """One entry's gradient and its two one-sided difference quotients."""

    name: str
    index: tuple[int, ...]
    analytic: float
    above: float
    below: float
    on_kink: bool = False

    @property
    def numeric(self) -> float:
        return (self.above + self.below) / 2

    @property
    def error(self) -> float:
        error = abs(self.numeric - self.analytic) / max(1.0, abs(self.numeric), abs(self.analytic))
        return error if np.isfinite(error) else np.inf  # NaN would lose every comparison


def _compare_entry(
    loss: Callable[[], float],
    value: FloatArray,
    gradient: FloatArray,
    index: Any,
    name: str,
    tolerance: float,
) -> _Entry:
    for step in STEPS:
        above, below = _differences(loss, value, index, step)
        entry = _Entry(name, index, float(gradient[index]), above, below)
        if entry.error <= tolerance:
            return entry
    return replace(entry, on_kink=abs(above - below) > KINK * max(1.0, abs(above), abs(below)))


def _differences(
    loss: Callable[[], float], value: FloatArray, index: Any, step: float
) -> tuple[float, float]:
    """Return the difference quotients of one entry towards larger and smaller values."""
    kept = value[index]
    middle = loss()
    value[index] = kept + step
    larger = loss()
    value[index] = kept - step
    smaller = loss()
    value[index] = kept
    return (larger - middle) / step, (middle - smaller) / step


def taylor_slope(
    loss: Callable[[], float],
    values: list[FloatArray],
    gradients: list[FloatArray],
    seed: int = 0,
) -> float:
    """Return the slope of ln |L(t + h d) - L(t) - h g.d| against ln h, d a random direction.

    Parameters
    ----------
    loss, values, gradients
        As in `compare_gradients`.
    seed : int
        Of the direction.

    Examples
    --------
    >>> t = np.array([1.0, 2.0])
    >>> round(taylor_slope(lambda: float(t @ t), [t], [2 * t]), 3)
    2.0
    >>> round(taylor_slope(lambda: float(t @ t), [t], [3 * t]), 1)
    1.0
    """
    rng = np.random.default_rng(seed)
    directions = [rng.standard_normal(value.shape) for value in values]
    steps = np.logspace(-3, -4.5, 7)
    kept = [value.copy() for value in values]
    start = loss()
    along = sum(float(np.sum(g * d)) for g, d in zip(gradients, directions, strict=True))
    remainders = []
    for h in steps:
        for value, old, d in zip(values, kept, directions, strict=True):
            value[...] = old + h * d
        remainders.append(abs(loss() - start - h * along))
    for value, old in zip(values, kept, strict=True):
        value[...] = old
    return float(np.polyfit(np.log(steps), np.log(remainders), 1)[0])

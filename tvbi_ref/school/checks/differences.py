r"""Two tests of a gradient, in float64: central differences and the Taylor remainder.

*Central differences*, entry by entry: (L(t + h) - L(t - h)) / 2h must equal the gradient.

*Taylor remainder*, along one random direction d: if g is the gradient, then
|L(t + h d) - L(t) - h g.d| falls as h^2, a slope of 2 in a log-log plot; with a wrong
gradient it falls as h, a slope of 1. That needs no tolerance, so it also finds what the
entries let through: a tolerance that is absolute for gradients below 1 says nothing about a
loss of 1e-8. A slope clearly below 2 fails the check, with two exceptions that the report names:

- a straight line (a linear function) leaves no remainder but rounding, which has no slope;
- a kink on the line bends it at every scale, whatever the gradient. The second difference
  |L(t + h d) - 2 L(t) + L(t - h d)|, which does not contain the gradient, tells the two
  apart: it falls as h^2 where the loss is smooth, as h at a kink.

A ReLU has no derivative at 0. An entry that disagrees is looked at again with a step a
hundred times smaller, which leaves most kinks outside; where the one-sided differences
still contradict each other the point sits on a kink, and the entry is left out, counted, and
not moved along the line.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from tvbi_ref._validation import FloatArray

STEPS = (1e-5, 1e-4, 1e-3, 1e-7)
"""Of the central differences. The first balances truncation and rounding error in float64,
the wider ones help where the loss itself is large, the last is for kinks."""

KINK = 1e-5
"""One-sided differences at the smallest step that disagree by more than this may be a kink."""

TAYLOR_STEPS = np.logspace(-3, -4.5, 7)
"""Of the Taylor line; where it is not smooth they are repeated a hundred times smaller."""

LEAST_SLOPE = 1.7
"""2 is right and 1 is wrong; a third derivative or rounding moves either a little."""


@dataclass(frozen=True)
class GradientReport:
    """What `check_gradients` found. True in a condition if it has passed.

    Parameters
    ----------
    passed : bool
    message : str
        In words, the worst entry named.
    worst : float
        The largest |numeric - analytic| / max(1, |numeric|, |analytic|) over the entries.
    slope : float
        Of the Taylor remainder, about 2 for a right gradient; NaN where there is none to
        measure (a straight line, a kink, a gradient that could not be computed).
    entries, kinks : int
        How many entries were compared, how many were left out at kinks.

    Examples
    --------
    >>> from tvbi_ref.school.checks import check_gradients
    >>> print(check_gradients(lambda t: t @ t, [1.0, 2.0], gradient=lambda t: 3 * t))
    FAILED: x[1]: the gradient is 6, the central difference 4 (the worst of 2 wrong among
    2 entries, tolerance 1e-06, no kinks); Taylor slope 1.00
    """

    passed: bool
    message: str
    worst: float
    slope: float
    entries: int
    kinks: int

    def __bool__(self) -> bool:
        return self.passed

    def __str__(self) -> str:
        return f"{'passed' if self.passed else 'FAILED'}: {self.message}"

    def _repr_markdown_(self) -> str:
        return f"{'✅' if self.passed else '❌'} `{self.message}`"


@dataclass(frozen=True)
class _Problem:
    """A loss, the arrays that it reads, and the gradients by them that are checked."""

    loss: Callable[[], float]
    values: list[FloatArray]
    gradients: list[FloatArray]
    names: list[str]
    tolerance: float

    def along(self, directions: list[FloatArray], h: float) -> float:
        """Return the loss at t + h d; the values are put back."""
        kept = [value.copy() for value in self.values]
        for value, d in zip(self.values, directions, strict=True):
            value += h * d
        moved = self.loss()
        for value, old in zip(self.values, kept, strict=True):
            value[...] = old
        return moved

    def directions(self, compared: Sequence[_Entry] = ()) -> list[FloatArray]:
        """Return random directions, 0 where an entry is on a kink."""
        rng = np.random.default_rng(0)
        directions: list[FloatArray] = [rng.standard_normal(v.shape) for v in self.values]
        for entry in compared:
            if entry.on_kink:
                directions[entry.which][entry.index] = 0
        return directions

    @cached_property
    def noise(self) -> float:
        """Rounding in the loss: how it scatters over a way too short to bend."""
        close = [self.along(self.directions(), 1e-9 * k) for k in range(8)]
        return float(np.abs(np.diff(close, 2)).max() + np.finfo(float).eps * np.abs(close).max())


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
    >>> compare_gradients(lambda: float(t @ t), [t], [2 * t], ["t"]).passed
    True
    """
    problem = _Problem(loss, values, gradients, names, tolerance)
    compared = [
        _compare_entry(problem, which, index)
        for which, value in enumerate(values)
        for index in np.ndindex(value.shape)
    ]
    smooth = [entry for entry in compared if not entry.on_kink]
    kinks = len(compared) - len(smooth)
    if not smooth:
        message = f"every one of the {kinks} entries sits on a kink: nothing can be compared"
        return GradientReport(False, message, math.inf, math.nan, 0, kinks)
    return _report(smooth, kinks, _taylor(problem, compared), tolerance)


def _report(smooth: list[_Entry], kinks: int, line: _Line, tolerance: float) -> GradientReport:
    worst = max(smooth, key=lambda entry: entry.error)
    wrong = sum(entry.error > tolerance for entry in smooth)
    left_out = {0: "no kinks", 1: "1 entry left out at a kink"}.get(
        kinks, f"{kinks} entries left out at kinks"
    )
    agreement = (
        f"all {len(smooth)} entries agree within the tolerance {tolerance:g} "
        f"(the worst, {worst.where}, to {worst.error:.1e}), {left_out}"
    )
    if wrong:
        message = (
            f"{worst.where}: the gradient is {worst.analytic:.6g}, the central difference "
            f"{worst.numeric:.6g} (the worst of {wrong} wrong among {len(smooth)} entries, "
            f"tolerance {tolerance:g}, {left_out}); {line.words}"
        )
    elif line.passed:
        message = f"{agreement}; {line.words}"
    else:
        message = f"{line.why_not}, although {agreement}"
    passed = not wrong and line.passed
    return GradientReport(passed, message, worst.error, line.slope, len(smooth), kinks)


# Entry by entry


@dataclass(frozen=True)
class _Entry:
    """One entry's gradient and its two one-sided difference quotients."""

    name: str
    which: int
    index: tuple[int, ...]
    analytic: float
    above: float
    below: float
    on_kink: bool = False

    @property
    def where(self) -> str:
        return f"{self.name}[{', '.join(map(str, self.index))}]" if self.index else self.name

    @property
    def numeric(self) -> float:
        return (self.above + self.below) / 2

    @property
    def gap(self) -> float:
        return abs(self.above - self.below)

    @property
    def error(self) -> float:
        error = abs(self.numeric - self.analytic) / max(1.0, abs(self.numeric), abs(self.analytic))
        return error if math.isfinite(error) else math.inf  # NaN would lose every comparison


def _compare_entry(problem: _Problem, which: int, index: tuple[int, ...]) -> _Entry:
    name, analytic = problem.names[which], float(problem.gradients[which][index])
    tried = []
    for step in STEPS:
        quotients = _differences(problem.loss, problem.values[which], index, step)
        tried.append(_Entry(name, which, index, analytic, *quotients))
        if tried[-1].error <= problem.tolerance:
            return tried[-1]
    first, last = tried[0], tried[-1]
    kink = KINK * max(1.0, abs(last.above), abs(last.below)) + 10 * problem.noise / STEPS[-1]
    # A curve's gap falls with the step, a kink's does not.
    on_kink = last.gap > kink and last.gap > 0.1 * first.gap
    return replace(min(tried, key=lambda entry: entry.error), on_kink=on_kink)


def _differences(
    loss: Callable[[], float], value: FloatArray, index: Any, step: float
) -> tuple[float, float]:
    """Return the difference quotients of one entry towards larger and smaller values."""
    kept, middle = value[index], loss()
    quotients = []
    for moved in (kept + step, kept - step):
        value[index] = moved
        quotients.append((loss() - middle) / (moved - kept))  # rounding makes it not quite `step`
    value[index] = kept
    return quotients[0], quotients[1]


# Along a line


@dataclass(frozen=True)
class _Line:
    """What the Taylor remainder says."""

    slope: float
    passed: bool
    words: str
    why_not: str = ""


def _taylor(problem: _Problem, compared: Sequence[_Entry]) -> _Line:
    directions = problem.directions(compared)
    parts = [g * d for g, d in zip(problem.gradients, directions, strict=True)]
    along = sum(float(np.sum(part)) for part in parts)
    allowed = problem.tolerance * sum(float(np.abs(part).sum()) for part in parts)
    if not math.isfinite(problem.loss() + along):
        return _no_slope("loss or gradient is not finite")
    far = _look(problem, directions, along, TAYLOR_STEPS)
    if math.isnan(far.slope):
        return _no_slope("the remainder is rounding alone, a straight line")
    if far.smooth and (far.slope >= LEAST_SLOPE or far.gap <= allowed + far.rounding):
        return _Line(far.slope, True, f"Taylor slope {far.slope:.2f}")
    near = _look(problem, directions, along, TAYLOR_STEPS / 100)
    if near.bend < LEAST_SLOPE:
        return _no_slope("a kink lies on its line")
    # The gap of a wrong gradient stays, that of a kink further out goes away.
    closed = near.gap <= max(allowed + near.rounding, 0.1 * far.gap)
    if math.isnan(near.slope) and closed:
        return _no_slope("the remainder is rounding alone between kinks")
    if near.slope >= LEAST_SLOPE or closed:
        return _Line(near.slope, True, f"Taylor slope {near.slope:.2f}")
    words = f"Taylor slope {far.slope if far.smooth else near.slope:.2f}"
    why = (
        f"{words} where 2 is right: along a random line the derivative is "
        f"{near.derivative:.6g}, by the gradient {along:.6g}"
    )
    return _Line(far.slope if far.smooth else near.slope, False, words, why)


def _no_slope(why: str) -> _Line:
    return _Line(math.nan, True, f"no Taylor slope: {why}")


@dataclass(frozen=True)
class _Look:
    """The line at steps of one size.

    Parameters
    ----------
    slope, bend : float
        Of the remainder and of the second difference.
    derivative : float
        The central difference of the smallest step.
    gap : float
        From there to the gradient's.
    rounding : float
        How far rounding moves the derivative.
    """

    slope: float
    bend: float
    derivative: float
    gap: float
    rounding: float

    @property
    def smooth(self) -> bool:
        """Whether the second difference falls as h^2, or is rounding."""
        return math.isnan(self.bend) or abs(self.bend - 2) < 2 - LEAST_SLOPE


def _look(
    problem: _Problem, directions: list[FloatArray], along: float, steps: FloatArray
) -> _Look:
    start = problem.loss()
    above = np.array([problem.along(directions, h) for h in steps])
    below = np.array([problem.along(directions, -h) for h in steps])
    derivative = float((above[-1] - below[-1]) / (2 * steps[-1]))
    return _Look(
        _log_log_slope(steps, np.abs(above - start - steps * along), problem.noise),
        _log_log_slope(steps, np.abs(above - 2 * start + below), problem.noise),
        derivative,
        abs(derivative - along),
        problem.noise / float(steps[-1]),
    )


def _log_log_slope(steps: FloatArray, remainders: FloatArray, noise: float) -> float:
    """Return the slope of ln(remainder) by ln(step), NaN where rounding leaves no three points."""
    clear = remainders > 10 * noise
    if clear.sum() < 3:
        return math.nan
    return float(np.polyfit(np.log(steps[clear]), np.log(remainders[clear]), 1)[0])

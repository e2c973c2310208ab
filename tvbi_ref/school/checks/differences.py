r"""Is a gradient right? Every entry by differences of the loss in float64, and all by Taylor.

*Central differences*, entry by entry: (L(t + h) - L(t - h)) / 2h must equal the gradient, up to a
tolerance relative to the largest gradient of the same array, so that a small array beside a
large one does not hide. Two steps, h and h/2, give the difference, extrapolated, and its doubt:
what the two differ by, and rounding. The first h is the smallest one that rounding, which is
measured, leaves good enough; smaller and larger ones follow until the doubt is below the
tolerance. An entry is left out and counted, and says nothing, where

- the loss has a kink: the slopes on the two sides differ, and do so at h/2 as at h (those of a
  curve come closer). The gradient must lie between them; and entries that are tied, as maxima
  are, may be smooth if they move together, and then their sum is held against that slope;
- no step is good enough, as rounding in the loss is larger than what the entry does to it.

*Taylor remainder*, along a random direction d: if g is the gradient, then
|L(t + h d) - L(t) - h g.d| falls as h^2, a slope of 2 in a log-log plot; with a wrong gradient
it falls as h, a slope of 1. That needs no tolerance, and is what a reader can draw himself. It is
reported and decides nothing: along all arrays, or along the one with the worst entry. There is
none to measure

- on a straight line (a linear function), which leaves no remainder but rounding;
- across a kink, which bends the line at every scale, whatever the gradient. The second
  difference |L(t + h d) - 2 L(t) + L(t - h d)|, which does not contain the gradient, shows it:
  it falls as h^2 where the loss is smooth, as h at a kink.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from tvbi_ref._validation import FloatArray
from tvbi_ref.school.checks.report import as_code

CLEAR = 1e-3
"""Rounding at the first step, in parts of the tolerance."""

KNOWN = 1e-2
"""An entry whose difference is in doubt by more than this part of it is not judged."""

BENT = 0.7
"""At half the step a curve's gap between its two slopes is half as wide, a kink's as wide."""

LEAST_SLOPE = 1.7
"""2 is right and 1 is wrong; a third derivative or rounding moves either a little."""


@dataclass(frozen=True)
class GradientReport:
    """What `check_gradients` found. True in a condition if the gradient has passed.

    Parameters
    ----------
    verdict : str
        "passed", "FAILED" or "cannot tell": no entry could be judged.
    message : str
        In words, the worst entry named.
    worst : float
        The largest |numeric - analytic| over the entries, relative to the largest gradient of
        the same array.
    slope : float
        Of the Taylor remainder, about 2 for a right gradient; NaN where there is none to
        measure (a straight line, a kink, a gradient that could not be computed).
    entries, kinks, blurred : int
        How many entries were compared, how many left out at kinks, how many left out because
        no difference was good enough.

    Examples
    --------
    >>> from tvbi_ref.school.checks import check_gradients
    >>> print(check_gradients(lambda t: t @ t, [1.0, 2.0], gradient=lambda t: 3 * t))
    FAILED: x[1]: the gradient is 6, the central difference 4 (the worst of 2 wrong among
    2 entries, tolerance 1e-06, no kinks); Taylor slope 1.00
    """

    verdict: str
    message: str
    worst: float
    slope: float
    entries: int = 0
    kinks: int = 0
    blurred: int = 0

    @property
    def passed(self) -> bool:
        """Whether the gradient is right, as far as it could be judged."""
        return self.verdict == "passed"

    def __bool__(self) -> bool:
        return self.passed

    def __str__(self) -> str:
        return f"{self.verdict}: {self.message}"

    def _repr_markdown_(self) -> str:
        sign = {"passed": "✅", "FAILED": "❌"}.get(self.verdict, "❔ cannot tell:")
        return f"{sign} {as_code(self.message)}"


@dataclass(frozen=True)
class _Problem:
    """A loss, the arrays that it reads, and the gradients by them that are checked."""

    loss: Callable[[], float]
    start: float
    values: list[FloatArray]
    gradients: list[FloatArray]
    names: list[str]
    tolerance: float

    def along(
        self,
        directions: Sequence[FloatArray],
        h: float,
        what: Callable[[], float] | None = None,
    ) -> float:
        """Return the loss, or what is asked for, at t + h d; the values are put back."""
        kept = [value.copy() for value in self.values]
        for value, d in zip(self.values, directions, strict=True):
            value += h * d
        moved = (what or self.loss)()
        for value, old in zip(self.values, kept, strict=True):
            value[...] = old
        return moved

    @cached_property
    def scales(self) -> list[float]:
        """The largest gradient of every array."""
        sizes = [np.abs(gradient[np.isfinite(gradient)]) for gradient in self.gradients]
        return [float(size.max(initial=0)) for size in sizes]

    @cached_property
    def directions(self) -> list[FloatArray]:
        """Random ones, every entry by its own size."""
        rng = np.random.default_rng(0)
        return [
            rng.standard_normal(v.shape) * np.where(v == 0, 1.0, np.abs(v)) for v in self.values
        ]

    @cached_property
    def noise(self) -> float:
        """Rounding in the loss: how it scatters over a way too short to bend.

        That is the shortest one on which every step changes it; on a shorter one a loss
        computed in float32 stands still.
        """
        scatter = 0.0
        for step in np.logspace(-13, 0, 14):
            close = np.array([self.along(self.directions, step * k) for k in range(1, 10)])
            if np.isfinite(close).all() and np.diff(close).all():
                scatter = float(np.abs(np.diff(close, 4)).max()) / 4
                break
        finite = np.append(close[np.isfinite(close)], self.start)
        single = np.ptp(finite) > 0 and np.array_equal(finite, finite.astype(np.float32))
        epsilon = np.finfo(np.float32 if single else np.float64).eps
        return scatter + float(epsilon * np.abs(finite).max())


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
        Deterministic; NaN where it has no value.
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
    problem = _Problem(loss, loss(), values, gradients, names, tolerance)
    with np.errstate(all="ignore"):  # a step may leave the loss's domain
        entries = [
            _compare_entry(problem, which, index)
            for which, value in enumerate(values)
            for index in np.ndindex(value.shape)
        ]
        if any(entry.kink for entry in entries):
            entries = [
                replace(entry, verdict="kink") if _excused(problem, entry) else entry
                for entry in entries
            ]
        return _report(problem, entries, _wrong_ties(problem, entries))


def _report(problem: _Problem, entries: list[_Entry], ties: list[str]) -> GradientReport:
    count = Counter(entry.verdict for entry in entries)
    judged = [entry for entry in entries if entry.verdict in ("agrees", "wrong")]
    numbers = len(judged), count["kink"], count["blurred"]
    left_out = _left_out(problem, entries, count)
    worst = max(judged, key=lambda entry: (entry.verdict == "wrong", entry.error), default=None)
    if worst is None and not ties:
        message = f"nothing can be compared: {left_out}"
        return GradientReport("cannot tell", message, math.nan, math.nan, *numbers)
    among = f"{len(judged)} entries"
    if worst is not None and worst.verdict == "wrong":
        message = (
            f"{worst.words} (the worst of {count['wrong']} wrong among {among}, "
            f"tolerance {problem.tolerance:g}, {left_out})"
        )
    elif worst is None or ties:
        message = f"{ties[0]} ({left_out})"
    else:
        message = (
            f"all {among} agree within the tolerance {problem.tolerance:g} "
            f"(the worst, {worst.where}, to {worst.error:.1e}), {left_out}"
        )
    slope, words = _taylor(problem, entries, worst.which if worst and count["wrong"] else None)
    return GradientReport(
        "FAILED" if count["wrong"] or ties else "passed",
        f"{message}; {words}",
        worst.error if worst else math.nan,
        slope,
        *numbers,
    )


def _left_out(problem: _Problem, entries: list[_Entry], count: Counter[str]) -> str:
    """Say what was not judged, and why."""
    words = [] if any(entry.kink for entry in entries) else ["no kinks"]
    rounding = f"{problem.noise:.0e}" + (
        ", as if in float32" if problem.noise > 1e-9 * abs(problem.start) else ""
    )
    for n, why in (
        (count["kink"], "at a kink" if count["kink"] == 1 else "at kinks"),
        (
            count["blurred"],
            f"where no difference is good enough (rounding in the loss: {rounding})",
        ),
    ):
        if n:
            words.append(f"{n} {'entry' if n == 1 else 'entries'} left out {why}")
    judged = {entry.which for entry in entries if entry.verdict in ("agrees", "wrong")}
    unseen = [n for k, n in enumerate(problem.names) if k not in judged and problem.values[k].size]
    if judged and unseen:
        words.append(f"nothing of {', '.join(unseen)} judged")
    return ", ".join(words or ["none left out"])


# Entry by entry


@dataclass(frozen=True)
class _Entry:
    """One entry's gradient, and what differences say about it.

    Parameters
    ----------
    scale : float
        The largest gradient of its array.
    step, above, below : float
        The loss's slopes to the two sides, extrapolated from the step and half of it.
    numeric, doubt : float
        The central difference, and how far it may be off.
    kink : bool
    verdict : str
        "agrees", "wrong", or why it is left out: "kink" or "blurred".
    """

    where: str
    which: int
    index: tuple[int, ...]
    analytic: float
    scale: float
    step: float
    above: float
    below: float
    numeric: float
    doubt: float
    kink: bool
    verdict: str = "agrees"

    @property
    def error(self) -> float:
        error = abs(self.numeric - self.analytic) / (self.scale or math.ulp(0))
        return error if math.isfinite(error) else math.inf  # NaN would lose every comparison

    @property
    def blur(self) -> float:
        """The doubt as a part of the scale."""
        return self.doubt / (self.scale or math.ulp(0))

    @property
    def words(self) -> str:
        if self.kink:
            low, high = sorted((self.below + 0.0, self.above + 0.0))  # no -0
            return (
                f"{self.where}: the gradient is {self.analytic:.6g}, not between the slopes "
                f"{low:.6g} and {high:.6g} on the two sides of a kink"
            )
        analytic, numeric = _apart(self.analytic, self.numeric)
        return f"{self.where}: the gradient is {analytic}, the central difference {numeric}"


def _apart(a: float, b: float) -> tuple[str, str]:
    """Write two numbers with as many digits as it takes to tell them apart, six or more."""
    pairs = [(f"{a:.{digits}g}", f"{b:.{digits}g}") for digits in range(6, 18)]
    return next((pair for pair in pairs if pair[0] != pair[1]), pairs[0])


def _compare_entry(problem: _Problem, which: int, index: tuple[int, ...]) -> _Entry:
    """Look with the step that rounding asks for, then with smaller, then with larger ones."""
    first, least, most = _first_step(problem, which, index)
    best = _look(problem, which, index, first)
    for factor in (0.1, 10.0):
        step = first * factor
        while least <= step <= most and best.blur > problem.tolerance:
            entry = _look(problem, which, index, step)
            best = min(best, entry, key=lambda entry: entry.blur)
            if entry.blur > 100 * best.blur:  # and wider steps would see yet another function
                break
            step *= factor
    return replace(best, verdict=_verdict(problem, best))


def _first_step(
    problem: _Problem, which: int, index: tuple[int, ...]
) -> tuple[float, float, float]:
    """Return the smallest step that rounding leaves good, and the bounds of all steps."""
    size = abs(float(problem.values[which][index]))
    least, most = 64 * float(np.spacing(size)), max(1.0, size)
    resolution = CLEAR * problem.tolerance * problem.scales[which]
    first = min(max(problem.noise / resolution, least), most) if resolution else most
    return first, max(least, 1e-9 * first), most


def _look(problem: _Problem, which: int, index: tuple[int, ...], step: float) -> _Entry:
    """Take the differences at a step and at half of it."""
    above, below = _slopes(problem, which, index, step / 2)
    far_above, far_below = _slopes(problem, which, index, step)
    near, far = (above + below) / 2, (far_above + far_below) / 2
    numeric = near + (near - far) / 3  # the terms of h^2 cancel
    rounding = 4 * problem.noise / step
    analytic, doubt = float(problem.gradients[which][index]), abs(near - far) + rounding
    if numeric == analytic and doubt <= 1e-9 * max(1.0, abs(problem.start)):
        doubt = 0.0  # the loss does not move, mostly, and rounding has nothing to be held against
    scale = max(problem.scales[which], abs(numeric) if math.isfinite(numeric) else 0.0)
    gap = abs(above - below)
    return _Entry(
        problem.names[which] + (f"[{', '.join(map(str, index))}]" if index else ""),
        which,
        index,
        analytic,
        scale,
        step,
        2 * above - far_above,  # the terms of h cancel
        2 * below - far_below,
        numeric,
        doubt if math.isfinite(doubt) else math.inf,
        gap > BENT * abs(far_above - far_below)
        and gap > 10 * max(rounding, problem.tolerance * scale),
    )


def _slopes(
    problem: _Problem, which: int, index: tuple[int, ...], step: float
) -> tuple[float, float]:
    """Return the difference quotients of one entry towards larger and smaller values."""
    value = problem.values[which]
    kept, quotients = value[index], []
    for moved in (kept + step, kept - step):
        value[index] = moved
        # Rounding makes the way not quite `step`.
        quotients.append(float((problem.loss() - problem.start) / (moved - kept)))
    value[index] = kept
    return quotients[0], quotients[1]


def _verdict(problem: _Problem, entry: _Entry) -> str:
    if not math.isfinite(entry.analytic):
        return "wrong"
    if max(entry.error, entry.blur - KNOWN) <= problem.tolerance:
        return "agrees"
    allowed = problem.tolerance * entry.scale + 3 * entry.doubt
    return "wrong" if entry.kink or entry.error * entry.scale > allowed else "blurred"


# Kinks


def _excused(problem: _Problem, entry: _Entry) -> bool:
    """Whether a kink explains why an entry disagrees: its gradient may be one of a kink.

    It lies between the slopes to the two sides. If several kinks meet at the point, as where a
    whole layer's inputs are 0, there are other slopes near by, a choice at each kink;
    backpropagation may give a combination that no neighbour has, and only what is far outside
    is wrong.
    """
    if entry.verdict != "wrong" or not math.isfinite(entry.analytic):
        return False
    sides = np.array([entry.above, entry.below])
    slopes = np.append(sides, _slopes_nearby(problem, entry))
    apart = 1e-3 * max(abs(entry.above - entry.below), abs(entry.numeric - entry.analytic))
    several = np.sum(np.abs(slopes[:, None] - sides).min(axis=1) > apart) > 1
    width = 10 * np.ptp(slopes) if several else 0
    allowed = width + problem.tolerance * entry.scale + 3 * entry.doubt
    among = slopes if several else sides
    return bool(among.min() - allowed <= entry.analytic <= among.max() + allowed)


def _slopes_nearby(problem: _Problem, entry: _Entry) -> list[float]:
    """Return an entry's slopes at random points near by."""

    def slope() -> float:
        moved = replace(problem, start=problem.loss())
        return sum(_slopes(moved, entry.which, entry.index, entry.step / 2)) / 2

    rng = np.random.default_rng(0)
    found = [
        problem.along(
            [rng.standard_normal(v.shape) for v in problem.values], 100 * entry.step, slope
        )
        for _ in range(16)
    ]
    return [slope for slope in found if math.isfinite(slope)]


def _wrong_ties(problem: _Problem, entries: list[_Entry]) -> list[str]:
    """Say which entries of one value at kinks have gradients that do not go together."""
    groups = defaultdict(list)
    for entry in entries:
        if entry.kink:
            value = problem.values[entry.which][entry.index] + 0.0  # -0 is tied with 0
            groups[entry.which, f"{value:.9g}"].append(entry)
    found = [_wrong_tie(problem, tied) for tied in groups.values() if len(tied) > 1]
    return [words for words in found if words]


def _wrong_tie(problem: _Problem, tied: list[_Entry]) -> str:
    """Move tied entries together: where that is smooth, their gradients add up to the slope."""
    directions = [np.zeros_like(value) for value in problem.values]
    for entry in tied:
        directions[entry.which][entry.index] = 1
    h = max(entry.step for entry in tied)
    above, below = ((problem.along(directions, k) - problem.start) / k for k in (h, -h))
    total = sum(entry.analytic for entry in tied)
    slack = sum(1e-5 * abs(entry.above - entry.below) + 10 * entry.doubt for entry in tied)
    # Kinks that have nothing to do with each other, as in |s| - |t|: their slopes add up.
    strangers = (
        abs(above - sum(entry.above for entry in tied)) <= slack
        and abs(below - sum(entry.below for entry in tied)) <= slack
    )
    if strangers or not abs(above - below) <= slack or abs(total - above) <= slack:
        return ""
    return (
        f"{tied[0].where} and {len(tied) - 1} more tied with it: the gradients add up to "
        f"{total:.6g}, but moved together they change the loss by {above:.6g}"
    )


# Along a line


def _taylor(
    problem: _Problem, entries: Sequence[_Entry], only: int | None = None
) -> tuple[float, str]:
    """Return the slope of the Taylor remainder, or NaN, and words for it."""
    directions = [d * (only is None or which == only) for which, d in enumerate(problem.directions)]
    for entry in entries:
        if entry.verdict == "kink":
            directions[entry.which][entry.index] = 0
    along = sum(
        float(np.sum(g[d != 0] * d[d != 0]))
        for g, d in zip(problem.gradients, directions, strict=True)
    )
    if not math.isfinite(along):
        return math.nan, "no Taylor slope: the gradient is not finite"
    steps = np.logspace(-1, -12, 23)
    above = np.array([problem.along(directions, h) for h in steps])
    below = np.array([problem.along(directions, -h) for h in steps])
    remainder = np.abs(above - problem.start - steps * along)
    second = np.abs(above - 2 * problem.start + below)
    clear = np.isfinite(remainder + second) & (remainder > 100 * problem.noise)
    seen = np.flatnonzero(clear)[-7:]  # the smallest steps at which there is anything to see
    slope = _log_log_slope(steps[seen], remainder[seen])
    bent = seen[second[seen] > 10 * problem.noise]
    if math.isnan(slope):
        return slope, "no Taylor slope: the remainder is rounding alone, a straight line"
    if _log_log_slope(steps[bent], second[bent]) < LEAST_SLOPE:
        return math.nan, "no Taylor slope: a kink lies on its line"
    return slope, f"Taylor slope {slope:.2f}"


def _log_log_slope(steps: FloatArray, values: FloatArray) -> float:
    """Return the slope of ln(value) by ln(step), NaN for less than three."""
    if len(steps) < 3:
        return math.nan
    return float(np.polyfit(np.log(steps), np.log(values), 1)[0])

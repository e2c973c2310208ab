"""What wrong numbers are to the right ones, whatever the equation: tables of what to try.

A sentence is said only if it holds on every case that fails.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import combinations, permutations
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, log_expit

from tvbi_ref.gamma import Gamma
from tvbi_ref.school.checks.case import Check
from tvbi_ref.school.checks.trials import Trial, as_results

Array = NDArray[Any]

FEWEST = 3
"""So many right entries, or cases, must set those apart that are wrong."""


@dataclass(frozen=True)
class Pair:
    """One result of one case.

    Parameters
    ----------
    got, expected, wrong : ndarray
        `wrong` marks the entries that differ: all if the shapes do.
    inputs : dict
        The case's arguments by name, a Gamma as two of them.
    case : str
        Its name.
    """

    got: Array
    expected: Array
    wrong: Array
    inputs: dict[str, Array]
    case: str = ""


def pairs_of(check: Check, names: list[str], trials: list[Trial], k: int) -> list[Pair]:
    """Return one result of every case that gave as many as were expected.

    Examples
    --------
    >>> from tvbi_ref.school.checks.case import Case
    >>> from tvbi_ref.school.checks.trials import Observation, trial_of
    >>> check = Check("q-support", ("log_odds",), list)
    >>> trial = trial_of(check, Case("even", (0.0, 2.0), 2.0), Observation((np.array(3.0),)))
    >>> [pair.inputs["evidence"] for pair in pairs_of(check, ["h", "evidence"], [trial], 0)]
    [array(2.)]
    """
    return [
        replace(_pair(check, results[k], expected[k]), inputs=inputs, case=trial.case.name)
        for trial in trials
        for results in [trial.observation.results or ()]
        for expected in [as_results(trial.case.expected)]
        if len(results) == len(expected)
        for inputs in [dict(_flat(zip(names, trial.case.arguments, strict=True)))]
    ]


def _pair(check: Check, got: Array, expected: Array) -> Pair:
    wrong = np.ones(expected.shape, bool)
    if got.shape == expected.shape:
        wrong = ~_equal(got, expected, check.rtol, check.atol)
    return Pair(got.astype(float) if got.dtype == bool else got, expected, wrong, {})


def _flat(named: Any) -> Iterator[tuple[str, Any]]:
    for name, value in named:
        if isinstance(value, Gamma):
            yield from zip((f"{name}.shape", f"{name}.rate"), map(np.asarray, value), strict=True)
        elif isinstance(value, np.ndarray | float | int):
            yield name, np.asarray(value)


def _equal(a: Any, b: Any, rtol: float = 1e-7, atol: float = 1e-10) -> Array:
    return np.isclose(a, b, rtol=rtol, atol=atol, equal_nan=True)


def _same(a: Array, b: Array) -> bool:
    return a.shape == b.shape and bool(_equal(a, b).all())


def everywhere(pairs: list[Pair]) -> str:
    """Return what makes the right numbers of what came in every case that fails.

    Parameters
    ----------
    pairs : list of Pair
        Of every case, also of those where the result is right.

    Examples
    --------
    >>> right = np.array([1.0, 2.0, 4.0])
    >>> everywhere([Pair(right[::-1], right, right != 2, {})])
    'turned round along axis 0 everywhere'
    """
    return _holds((_thresholds, _scales, _arrays, _sizes), pairs)


def case_by_case(pairs: list[Pair]) -> str:
    """Return what is one number in each case that fails, and another in another.

    Examples
    --------
    >>> right = np.arange(4.0)
    >>> case_by_case([Pair(right + n, right, right >= 0, {}) for n in range(1, 4)])
    'off by a number that differs from case to case, everywhere'
    """
    return _holds((_by_case,), pairs)


@np.errstate(all="ignore")
def _holds(finds: tuple[Callable[[list[Pair]], list[str]], ...], pairs: list[Pair]) -> str:
    wrong = [pair for pair in pairs if pair.wrong.any()]
    found = [(find, text) for find in finds for text in (find(wrong) if wrong else ())]
    for find, text in found:
        if text in find(pairs):
            return f"{text} everywhere"
    return f"{found[0][1]} in all that fails" if found else ""


@np.errstate(all="ignore")
def somewhere(pairs: list[Pair], first_axis: tuple[str, ...] = ()) -> list[str]:
    """Return where the entries are that are wrong, and in which cases.

    Parameters
    ----------
    pairs : list of Pair
        Of every case, also of those where the result is right.
    first_axis : tuple of str
        What the entries along axis 0 are called.

    Examples
    --------
    >>> right, first = np.arange(1.0, 17.0).reshape(4, 4), np.eye(4)[:, :1] * np.ones(4)
    >>> somewhere([Pair(right * (1 + first), right, first > 0, {})])
    ['wrong only in the first entry along axis 0; 2 times the right value in all that is wrong']
    """
    wrong = [pair for pair in pairs if pair.wrong.any()]
    if not wrong:
        return []
    where, what = _region(wrong, first_axis), _at_wrong(wrong)
    whats = [f"{text} in all that is wrong" for text in _scales(what)[:1]]
    found = ("; ".join(filter(None, (where, *whats))), _feature(pairs) or _few(pairs))
    return [text for text in found if text]


def _few(pairs: list[Pair]) -> str:
    """Name the cases that fail, or those that pass, if they are few."""
    for words, fails in (("wrong", True), ("right", False)):
        few = [pair.case for pair in pairs if bool(pair.wrong.any()) == fails]
        if 0 < len(few) <= min(FEWEST, len(pairs) / 3):
            return f"{words} only in: {', '.join(few)}"
    return ""


def _at_wrong(pairs: list[Pair]) -> list[Pair]:
    """Return the wrong entries alone."""
    return [
        Pair(pair.got[pair.wrong], pair.expected[pair.wrong], pair.wrong[pair.wrong], {})
        for pair in pairs
        if pair.got.shape == pair.expected.shape
    ]


# --- entry by entry: what came, and what is expected -----------------------------------------

Sides = Callable[[Array, Array], tuple[Any, Any]]

OF_ANY: dict[str, Sides] = {
    "the sign is reversed": lambda g, e: (g, -e),
    "that is the exponential of what is expected": lambda g, e: (g, np.exp(e)),
    "that is the logarithm of what is expected": lambda g, e: (np.exp(g), e),
    "base 10 for the natural logarithm": lambda g, e: (g, e / np.log(10)),
    "base 2 for the natural logarithm": lambda g, e: (g, e / np.log(2)),
    "the natural logarithm for base 2": lambda g, e: (g, e * np.log(2)),
    "the absolute value of what is expected": lambda g, e: (g, np.abs(e)),
    "that is 1 divided by what is expected": lambda g, e: (g * e, np.ones_like(e)),
    "the square of what is expected": lambda g, e: (g, e**2),
    "the square root of what is expected": lambda g, e: (np.where(g < 0, np.nan, g**2), e),
    "the sigmoid of what is expected": lambda g, e: (g, expit(e)),
    "cut down to whole numbers": lambda g, e: (g, np.trunc(e)),
}

OF_PROBABILITIES: dict[str, Sides] = {
    "1 minus the right probability": lambda g, e: (g, 1 - e),
    "those are log-odds; the probability is expected": lambda g, e: (expit(g), e),
    "those are odds; the probability is expected": lambda g, e: (g / (1 + g), e),
    "that is the mean of x = 2s - 1, in [-1, 1]; the probability is expected": lambda g, e: (
        g,
        2 * e - 1,
    ),
}

OF_LOG_ODDS: dict[str, Sides] = {
    "that is the probability; log-odds are expected": lambda g, e: (g, expit(e)),
    "that is the probability of 0; log-odds of 1 are expected": lambda g, e: (g, expit(-e)),
    "that is the mean of x = 2s - 1; log-odds are expected": lambda g, e: (g, np.tanh(e / 2)),
    "that is the logarithm of the probability; log-odds are expected": lambda g, e: (
        g,
        log_expit(e),
    ),
}


def _scales(pairs: list[Pair]) -> list[str]:
    """Return what makes the right entries of what came, the same for all."""
    if any(pair.got.shape != pair.expected.shape for pair in pairs):
        return []
    got, expected = _pooled(pairs)
    if np.iscomplexobj(got) or not np.isfinite(got).all() or _same(got, expected):
        return []
    if not got.size:
        return []
    if all(pair.expected.dtype == bool for pair in pairs):
        if len(set(got)) == 1:
            return [f"always {bool(got[0])}"]
        came = set(got[got != expected])
        return (
            [f"{bool(*came)} in places where {not bool(*came)} is expected, never the reverse,"]
            if len(came) == 1
            else []
        )
    return [*_table(got, expected), *_affine(got, expected)]


def _pooled(pairs: list[Pair]) -> tuple[Array, Array]:
    """Return what came and what was expected, of all cases in a row."""
    got, expected = (
        np.concatenate([np.empty(0), *(np.ravel(getattr(pair, side)) for pair in pairs)])
        for side in ("got", "expected")
    )
    telling = np.isfinite(expected) | (got != expected)
    return got[telling], expected[telling]


def float32(pairs: list[Pair]) -> str:
    """Ask whether something is float32, where most cases are wrong in the eighth digit.

    Examples
    --------
    >>> right = np.array([0.1, 0.2])
    >>> float32([Pair(np.float64(np.float32(right)), right, right > 0, {})])
    'relative error 1e-08: is something float32?'
    """
    wrong = [pair for pair in pairs if pair.wrong.any()]
    if len(wrong) < len(pairs) / 2 or any(x.got.shape != x.expected.shape for x in wrong):
        return ""
    got, expected = _pooled(wrong)
    finite = np.isfinite(got) & np.isfinite(expected)  # float32 overflows where float64 does not
    if finite.sum() <= finite.size / 2 or (got == expected).all():
        return ""
    got, expected = got[finite], expected[finite]
    differs = (got != expected) & (expected != 0)
    error = np.abs(got - expected)[differs] / np.abs(expected[differs])
    # Of a difference of two like numbers float32 leaves less, so not the worst entry tells.
    close = np.abs(got - expected).max() < 1e-5 * np.abs(expected).max()
    if error.size and np.median(error) < 1e-6 and close:
        return f"relative error {np.median(error):.0e}: is something float32?"
    return ""


def _table(got: Array, expected: Array) -> Iterator[str]:
    probable = ((expected >= 0) & (expected <= 1)).all()
    for text, sides in ((OF_PROBABILITIES if probable else OF_LOG_ODDS) | OF_ANY).items():
        if np.allclose(*sides(got, expected), rtol=2e-8, atol=1e-10):
            yield text
    for digits in range(9):
        if np.allclose(got, np.round(expected, digits), rtol=1e-13, atol=1e-15):
            yield f"rounded to {digits} decimals"


def _affine(got: Array, expected: Array) -> Iterator[str]:
    if np.unique(expected).size < 2 or not np.isfinite(expected).all():
        return  # one number is a multiple of any other
    if (got == got[0]).all():
        yield f"always {got[0]:.6g}"
    telling = (got != 0) | (expected != 0)
    yield from _constant((got / expected)[telling], "{:.6g} times the right value")
    yield from _constant(got - expected, "off by {:+.6g}")
    low, high = got.min(), got.max()
    cut = ~_equal(got, expected)
    bounds = [f"{bound:.6g}" for bound in (low, high) if (got[cut] == bound).any()]
    several = _distinct(expected[cut]) > len(bounds)
    if several and np.allclose(np.clip(expected, low, high), got, rtol=1e-12, atol=0):
        yield f"cut at {' and '.join(bounds)}"
    if _distinct(expected) > FEWEST:
        low, high = np.argmin(expected), np.argmax(expected)
        slope = (got[high] - got[low]) / (expected[high] - expected[low])
        offset = got[low] - slope * expected[low]
        if np.allclose(slope * expected + offset, got, rtol=1e-8, atol=1e-9):
            yield f"{slope:.6g} times the right value {offset:+.6g}"


def _distinct(numbers: Array) -> int:
    """Return how many there are that differ in their first three digits."""
    return len({f"{x:.3g}" for x in numbers})


def _constant(values: Array, text: str) -> Iterator[str]:
    if np.isfinite(values).all() and np.allclose(values, values[0], rtol=1e-6, atol=0):
        yield text.format(values[0])


# --- a size too much, or a bound --------------------------------------------------------------


def _sizes(pairs: list[Pair]) -> list[str]:
    """Return the number of which the result is a multiple or a part."""
    return _in_all(
        {
            f"the right value {words} {name}"
            for name, size in _lengths(pair)
            for words, factor in (("times", size), ("divided by", 1 / max(size, 1)))
            if _same(pair.got, pair.expected * factor)
        }
        for pair in pairs
    )


def _lengths(pair: Pair) -> Iterator[tuple[str, float]]:
    for name, x in pair.inputs.items():
        if x.ndim:
            yield f"the number of entries of {name}", x.size
            yield from ((f"the length of {name}'s axis {k}", n) for k, n in enumerate(x.shape))


def _in_all(sets: Any) -> list[str]:
    """Return the sentences that hold in every case, the shortest first."""
    several = list(sets)
    common = set.intersection(*several) if several else set()
    return sorted(common, key=lambda text: (len(text), text))


def _thresholds(pairs: list[Pair]) -> list[str]:
    """Return which argument is compared with what, where a mask is expected."""
    if any(pair.expected.dtype != bool or pair.got.shape != pair.expected.shape for pair in pairs):
        return []
    found: list[str] = []
    for name, x in pairs[0].inputs.items():
        if x.shape == pairs[0].expected.shape:
            of_each = [_bounds(pair.got.ravel() == 1, pair.inputs[name].ravel()) for pair in pairs]
            found += _compared(f"{name}", of_each)
            of_each = [
                _bounds(pair.got.ravel() == 1, np.abs(pair.inputs[name].ravel())) for pair in pairs
            ]
            found += _compared(f"|{name}|", of_each)
    return found


def _bounds(on: Array, x: Array) -> tuple[float, float]:
    """Return the largest number where a mask is off and the smallest where it is on."""
    return float(x[~on].max(initial=-np.inf)), float(x[on].min(initial=np.inf))


def _compared(words: str, of_each: list[tuple[float, float]]) -> Iterator[str]:
    below, above = max(low for low, _ in of_each), min(high for _, high in of_each)
    if -np.inf < below < above < np.inf:
        yield f"True where {words} is {above:.4g} or more, False where it is {below:.4g} or less,"
    elif all(low < high for low, high in of_each) and below < np.inf:
        yield f"True where {words} is above a bound that differs from case to case,"


# --- arrays as a whole -----------------------------------------------------------------------


def _arrays(pairs: list[Pair]) -> list[str]:
    """Return what has been done to the right arrays."""
    return _in_all(
        {text for text, array in _moved(pair.expected) if _same(pair.got, array)} for pair in pairs
    )


def _moved(x: Array) -> Iterator[tuple[str, Array]]:
    for axis in range(x.ndim):
        at = f"axis {axis}"
        yield f"turned round along {at}", np.flip(x, axis)
        yield f"one place too far along {at}", np.roll(x, 1, axis)
        yield f"one place too early along {at}", np.roll(x, -1, axis)
        yield f"added up along {at} (cumsum)", np.cumsum(x, axis)
        yield f"sorted along {at}", np.sort(x, axis)
        yield f"without the first along {at}", np.delete(x, [0] * bool(x.shape[axis]), axis)
        yield f"without the last along {at}", np.delete(x, [-1] * bool(x.shape[axis]), axis)
        for way in (np.sum, np.mean):
            yield f"the {way.__name__} over {at} of what is expected", way(x, axis)
            spread = np.broadcast_to(way(x, axis, keepdims=True), x.shape)
            yield f"the {way.__name__} over {at} of what is expected, in every entry", spread
    for way in (np.sum, np.mean) if x.ndim else ():
        text, total = f"the {way.__name__} of all that is expected", way(x)
        yield text, np.asarray(total)
        yield f"{text}, in every entry", np.full(x.shape, total)
    for axis in (axis for axis, n in enumerate(x.shape) if 2 < n <= 4):
        for order in permutations(range(x.shape[axis])):
            yield f"the entries along axis {axis} are in the order {order}", x.take(order, axis)
    for axes in permutations(range(x.ndim)):
        yield f"the axes are in the order {axes}", x.transpose(axes)
    if x.ndim > 1:
        yield "the last two axes are exchanged", np.swapaxes(x, -1, -2)
    yield "all in a row (ravel)", x.ravel()
    yield "divided by the sum of its entries", x / x.sum()


def _by_case(pairs: list[Pair]) -> list[str]:
    """Return what is one number in each case, and another in another."""
    telling = [pair for pair in pairs if np.unique(pair.expected).size > 1]
    if len(telling) < FEWEST or any(pair.got.shape != pair.expected.shape for pair in pairs):
        return []
    return [
        text
        for text, of in (
            (
                "what is expected times a number that differs from case to case,",
                lambda p: p.got / p.expected,
            ),
            ("off by a number that differs from case to case,", lambda p: p.got - p.expected),
        )
        if all(any(_constant(of(pair).ravel(), text)) for pair in telling)
    ]


# --- where ------------------------------------------------------------------------------------


def _region(pairs: list[Pair], first_axis: tuple[str, ...]) -> str:
    """Return the smallest region with a name that holds all wrong entries."""
    pairs = [pair for pair in pairs if pair.expected.ndim and pair.got.shape == pair.expected.shape]
    if not pairs:
        return ""
    named = [dict(_regions(pair, first_axis)) for pair in pairs]
    covering = []
    for text in set.intersection(*map(set, named)):
        for words, sign in (("wrong only {}", True), ("right only {}", False)):
            masks = [regions[text] == sign for regions in named]
            outside = sum(int((~mask).sum()) for mask in masks)
            if outside >= FEWEST and all(
                not (pair.wrong & ~mask).any() for pair, mask in zip(pairs, masks, strict=True)
            ):
                covering.append((-outside, not sign, len(text), words.format(text)))
    return min(covering)[-1] if covering else ""


def _regions(pair: Pair, first_axis: tuple[str, ...]) -> Iterator[tuple[str, Array]]:
    x = pair.expected
    index = np.indices(x.shape)
    ends = [(index[k] == 0) | (index[k] == n - 1) for k, n in enumerate(x.shape)]
    for axis, n in enumerate(x.shape):
        yield f"in the first entry along axis {axis}", index[axis] == 0
        yield f"in the last entry along axis {axis}", index[axis] == n - 1
        yield f"in the first or last entry along axis {axis}", ends[axis]
    if x.ndim > 1:
        yield "at the border (of the last two axes)", ends[-1] | ends[-2]
        yield "in the corners (of the last two axes)", ends[-1] & ends[-2]
        yield "on the diagonal (of the last two axes)", index[-1] == index[-2]
        yield "above the diagonal (of the last two axes)", index[-1] > index[-2]
        yield "below the diagonal (of the last two axes)", index[-1] < index[-2]
    for size in (1, 2) if first_axis else ():
        for which in combinations(range(len(first_axis)), size):
            yield f"in {' and '.join(first_axis[k] for k in which)}", np.isin(index[0], which)
    yield from _of_values("what is expected", x)
    for name, value in pair.inputs.items():
        if value.shape == x.shape:
            yield from _of_values(name, value)


def _of_values(name: str, x: Array) -> Iterator[tuple[str, Array]]:
    yield f"where {name} is negative", x < 0
    yield f"where {name} is positive", x > 0
    yield f"where {name} is 0", x == 0
    yield f"where {name} is infinite", np.isinf(x)
    for bound in (0.5, 1, 10, 20, 30, 500):
        yield f"where {name} exceeds {bound}", x > bound
        yield f"where {name} exceeds {bound} in size", np.abs(x) > bound
    for bound in (1e-12, 1e-9, 1e-6, 1e-3):
        yield f"where {name} is below {bound:g} in size", np.abs(x) < bound


# --- which cases ------------------------------------------------------------------------------


def _feature(pairs: list[Pair]) -> str:
    """Return what the cases that fail, and no others, have in common."""
    fails = [bool(pair.wrong.any()) for pair in pairs]
    if sum(fails) < 2 or len(fails) - sum(fails) < 2:
        return ""
    features = [dict(_features(pair.inputs)) for pair in pairs]
    for text in features[0]:
        has = [of_case.get(text) for of_case in features]
        if has == fails:
            return f"the {sum(fails)} cases that fail, and no others, have {text}"
        if [x is False for x in has] == fails:
            return f"the {len(fails) - sum(fails)} cases that pass, and no others, have {text}"
    return ""


def _features(inputs: dict[str, Any]) -> Iterator[tuple[str, bool]]:
    scalars = {name: float(x) for name, x in inputs.items() if x.ndim == 0}
    for (a, x), (b, y) in combinations(scalars.items(), 2):
        yield f"{a} = {b}", x == y
        yield f"{a} > {b}", x > y
        yield f"{a} < {b}", x < y
    for name, x in scalars.items():
        yield from ((f"{name} = {n}", x == n) for n in (0, 1, 2))
        yield f"{name} > 1", x > 1
        yield f"{name} < 0", x < 0
    for name, x in inputs.items():
        if x.ndim and x.size:
            yield from _of_array(name, x)


def _of_array(name: str, x: Array) -> Iterator[tuple[str, bool]]:
    if x.ndim > 1:
        yield f"as many rows as columns in {name}", x.shape[-2] == x.shape[-1]
        yield f"more rows than columns in {name}", x.shape[-2] > x.shape[-1]
        yield f"fewer rows than columns in {name}", x.shape[-2] < x.shape[-1]
    for axis, n in enumerate(x.shape):
        yield f"one entry along axis {axis} of {name}", n == 1
        yield f"more than two entries along axis {axis} of {name}", n > 2
    yield f"a negative entry in {name}", bool((x < 0).any())
    yield f"a positive entry in {name}", bool((x > 0).any())
    yield f"a 0 in {name}", bool((x == 0).any())
    for bound in (1, 10, 20, 30, 100, 500):
        yield f"an entry beyond +-{bound} in {name}", bool((np.abs(x) > bound).any())
    for small in (1e-12, 1e-6, 1e-3):
        yield f"an entry within +-{small:g} in {name}", bool((np.abs(x) < small).any())

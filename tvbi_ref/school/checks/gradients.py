r"""Is the gradient right? Two tests of a manual backward pass, in float64.

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

import copy
import inspect
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from tvbi_ref._validation import FloatArray, as_count, as_float_array, as_real
from tvbi_ref.nets import Network

STEPS = (1e-5, 1e-4, 1e-3, 1e-7)
"""Of the central differences. The first balances truncation and rounding error in float64,
the wider ones help where the loss itself is large, the last is for kinks."""

KINK = 1e-5
"""One-sided differences at the smallest step that disagree by more than this may be a kink."""

TAYLOR_STEPS = np.logspace(-3, -4.5, 7)
"""Of the Taylor line; where it is not smooth they are repeated a hundred times smaller."""

LEAST_SLOPE = 1.7
"""2 is right and 1 is wrong; a third derivative or rounding moves either a little."""

NO_SLOPE = "no Taylor slope: the remainder is"


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


def check_gradients(
    model: Any,
    x: ArrayLike,
    y: ArrayLike | None = None,
    *,
    gradient: Callable[[FloatArray], ArrayLike] | None = None,
    noise_seed: int | None = 0,
    tolerance: float = 1e-6,
) -> GradientReport:
    """Compare every entry of a gradient with central differences, and all at once by Taylor.

    What `model` may be:

    - a `Network`, with `x` and `y`: the gradient of its loss by every parameter;
    - a layer, with `x`: any object with ``forward(x)`` or ``forward(x, rng)`` and
      ``backward(grad)``, and if it has something to train ``parameters()``, a list of
      objects with ``value`` and ``grad`` such as `nets.Parameter`. The loss is
      sum(G * forward(x)) for a fixed random G; dL/dx and every parameter's gradient are
      checked. Like every layer here it must not change its arguments, and must overwrite
      ``grad``;
    - a function of one array that returns a number, with `x` and its `gradient`.

    Networks and layers are copied and computed in float64; the originals are not touched.
    What is wrong with a layer or a function (no ``backward``, a wrong shape, NaN, an
    exception) is a finding of the report and no exception.

    Parameters
    ----------
    model : Network, layer or callable
    x : array_like
        Where the gradient is checked: rows (B, n_inputs), or whatever the model takes.
    y : array_like, optional
        Of a network: targets as the likelihood takes them.
    gradient : callable, optional
        Of a function: x -> array of the shape of x.
    noise_seed : int or None
        Of the noise, held fixed, of a network or of a layer whose `forward` takes an
        ``rng``; None passes None, the deterministic layer.
    tolerance : float
        On an entry's |numeric - analytic| / max(1, |numeric|, |analytic|).

    Returns
    -------
    GradientReport

    Raises
    ------
    TypeError, ValueError
        If the arguments are none of the three combinations above.

    Examples
    --------
    A network:

    >>> from tvbi_ref import nets
    >>> rows = [[1, 0, 2], [0, 1, 1], [1, 1, 0]]
    >>> check_gradients(nets.mlp([3, 4, 2], seed=0), rows, [0, 1, 1]).passed
    True

    A layer of one's own, with a mistake:

    >>> class Square:
    ...     def forward(self, x):
    ...         self.x = x
    ...         return x**2
    ...
    ...     def backward(self, grad):
    ...         return grad * self.x
    >>> check_gradients(Square(), [1.0, 2.0, 3.0]).message
    'x[1]: the gradient is 2.0278, the central difference 4.05561 (the worst of 3 wrong...

    A function with its gradient:

    >>> check_gradients(lambda t: np.sin(t).sum(), [1.0, 2.0], gradient=np.cos).passed
    True
    """
    tolerance = as_real(tolerance, "tolerance", above=0)
    if noise_seed is not None:
        as_count(noise_seed, "noise_seed")
    try:
        problem = _as_problem(model, x, y, gradient, noise_seed)
        return compare_gradients(*problem, tolerance)
    except _FindingError as finding:
        return GradientReport(False, str(finding), math.inf, math.nan, 0, 0)


class _FindingError(Exception):
    """Something wrong with what is checked, in words; it ends up in the report."""


Problem = tuple[Callable[[], float], list[FloatArray], list[FloatArray], list[str]]
"""A loss, the arrays that it reads, the gradients by them, and their names."""


def _as_problem(
    model: Any,
    x: ArrayLike,
    y: ArrayLike | None,
    gradient: Callable[[FloatArray], ArrayLike] | None,
    noise_seed: int | None,
) -> Problem:
    is_layer = hasattr(model, "forward") or hasattr(model, "backward")
    if isinstance(model, Network) or is_layer:
        if gradient is not None:
            raise TypeError("gradient goes with a function; a network or a layer has backward")
    elif not callable(model):
        raise TypeError(
            "model must be a Network, a layer with forward and backward, or a function; "
            f"got {model!r}"
        )
    if isinstance(model, Network):
        return _network_problem(model, x, y, noise_seed)
    if y is not None:
        raise TypeError("y goes with a Network; a layer or a function takes x alone")
    if is_layer:
        return _layer_problem(model, as_float_array(x, "x").copy(), noise_seed)
    if not callable(gradient):
        raise TypeError(f"gradient must be the function's gradient function; got {gradient!r}")
    return _function_problem(model, gradient, as_float_array(x, "x").copy())


# A network


def _network_problem(
    network: Network, x: ArrayLike, y: ArrayLike | None, noise_seed: int | None
) -> Problem:
    if y is None:
        raise TypeError("y must hold the network's targets; got None")
    net = network.astype(np.float64)
    rows = net.as_inputs(x)
    targets = net.as_targets(y, len(rows))

    def loss() -> float:
        return net.loss.value(net.forward(rows, _generator(noise_seed)), targets)

    net.loss_and_gradient(rows, targets, _generator(noise_seed))
    with_parameters = [layer.parameters() for layer in net.layers if layer.parameters()]
    named = [(f"{p.name}[{k}]", p) for k, ps in enumerate(with_parameters) for p in ps]
    gradients = [_as_gradient(p.grad, f"{name}.grad", p.value) for name, p in named]
    return loss, [p.value for _, p in named], gradients, [name for name, _ in named]


def _generator(noise_seed: int | None) -> np.random.Generator | None:
    return None if noise_seed is None else np.random.default_rng(noise_seed)


def _as_gradient(gradient: Any, name: str, value: FloatArray) -> FloatArray:
    """Return a copy of a gradient, or say why it cannot be one of `value`."""
    array = np.asarray(gradient)
    if array.dtype != np.float64:
        what = "None" if gradient is None else f"dtype {array.dtype}"
        raise _FindingError(f"{name} must be float64, as the input is; got {what}")
    if array.shape != value.shape:
        raise _FindingError(f"{name} must have shape {value.shape}; got {array.shape}")
    return array.copy()


# A layer


def _layer_problem(layer: Any, x: FloatArray, noise_seed: int | None) -> Problem:
    for method in ("forward", "backward"):
        if not callable(getattr(layer, method, None)):
            raise _FindingError(f"the layer has no method {method}")
    layer = copy.deepcopy(layer)
    parameters = _parameters(layer)
    output = _output(layer, x, noise_seed)
    # A seed of its own: a transposed gradient is orthogonal to G, and would hide from the
    # Taylor line if that went along G.
    G = np.random.default_rng(20230210).standard_normal(output.shape)
    gradients = _backward(layer, parameters, x, G)
    if not np.array_equal(output, _output(layer, x, noise_seed)):
        raise _FindingError(
            "forward gives another output at the second call with the same input and noise: "
            "draw noise from the argument rng only"
        )
    again = _backward(layer, parameters, x, G)
    for name, first, second in zip(["x", *parameters], gradients, again, strict=True):
        if not np.array_equal(first, second, equal_nan=True):
            raise _FindingError(
                f"the gradient by {name} is another one at the second call of backward: it must "
                "be overwritten, not added to"
            )
    values = [x, *(p.value for p in parameters.values())]

    def loss() -> float:
        return float(np.sum(G * _output(layer, x, noise_seed)))

    return loss, values, gradients, ["x", *parameters]


def _parameters(layer: Any) -> dict[str, Any]:
    """Return the layer's parameters by name, their values made float64."""
    listed = (
        _call("parameters", lambda: list(layer.parameters()))
        if hasattr(layer, "parameters")
        else []
    )
    named: dict[str, Any] = {}
    for k, parameter in enumerate(listed):
        name = str(getattr(parameter, "name", f"parameters()[{k}]"))
        for attribute in ("value", "grad"):
            if not hasattr(parameter, attribute):
                raise _FindingError(f"{name} has no attribute {attribute}")
        if np.asarray(parameter.value).dtype != np.float64:
            parameter.value = np.asarray(parameter.value, np.float64)
            parameter.grad = np.zeros_like(parameter.value)
        named[name if name not in named else f"{name} (parameters()[{k}])"] = parameter
    return named


def _output(layer: Any, x: FloatArray, noise_seed: int | None) -> FloatArray:
    """Return forward(x), or say what is wrong with it."""
    takes_rng = "rng" in inspect.signature(layer.forward).parameters
    noise = {"rng": _generator(noise_seed)} if takes_rng else {}
    given = x.copy()
    output = _call("forward", layer.forward, given, **noise)
    if not np.array_equal(given, x):
        raise _FindingError("forward changes its argument x")
    if not isinstance(output, np.ndarray) or output.dtype != np.float64:
        what = f"dtype {output.dtype}" if isinstance(output, np.ndarray) else type(output).__name__
        raise _FindingError(f"forward must return a float64 array for a float64 one; got {what}")
    if not np.isfinite(output).all():
        raise _FindingError("forward gives entries that are not finite")
    return output.copy()


def _backward(
    layer: Any, parameters: dict[str, Any], x: FloatArray, G: FloatArray
) -> list[FloatArray]:
    """Return the gradients by x and by every parameter for dL/dz = G."""
    given = G.copy()
    d_x = _call("backward", layer.backward, given)
    if not np.array_equal(given, G):
        raise _FindingError("backward changes its argument grad")
    gradients = [_as_gradient(d_x, "what backward returns", x)]
    for name, p in parameters.items():
        gradients.append(_as_gradient(p.grad, f"{name}.grad", p.value))
    return gradients


def _call(name: str, function: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
    try:
        return function(*arguments, **named)
    except Exception as error:
        raise _FindingError(f"{name} raises {type(error).__name__}: {error}") from error


# A function


def _function_problem(
    function: Callable[[FloatArray], Any],
    gradient: Callable[[FloatArray], ArrayLike],
    x: FloatArray,
) -> Problem:
    def loss() -> float:
        value = _call("the function", function, x.copy())
        if np.shape(value) != () or np.asarray(value).dtype.kind not in "fiu":
            raise _FindingError(f"the function must return a real number; got {value!r}")
        return float(value)

    g = _as_gradient(_call("gradient", gradient, x.copy()), "what gradient returns", x)
    if not math.isfinite(loss()):
        raise _FindingError(f"the function is {loss()} at x")
    return loss, [x], [g], ["x"]


# The comparison


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
    noise = _rounding(loss, values)
    compared = [
        _compare_entry(loss, value, gradient, index, name, tolerance, noise)
        for name, value, gradient in zip(names, values, gradients, strict=True)
        for index in np.ndindex(value.shape)
    ]
    smooth = [entry for entry in compared if not entry.on_kink]
    kinks = len(compared) - len(smooth)
    if not smooth:
        message = f"every one of the {kinks} entries sits on a kink: nothing can be compared"
        return GradientReport(False, message, math.inf, math.nan, 0, kinks)
    line = _taylor(loss, values, gradients, _directions(values, compared), noise, tolerance)
    return _report(smooth, kinks, line, tolerance)


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


def _compare_entry(
    loss: Callable[[], float],
    value: FloatArray,
    gradient: FloatArray,
    index: Any,
    name: str,
    tolerance: float,
    noise: float,
) -> _Entry:
    tried = []
    for step in STEPS:
        above, below = _differences(loss, value, index, step)
        tried.append(_Entry(name, index, float(gradient[index]), above, below))
        if tried[-1].error <= tolerance:
            return tried[-1]
    first, last = tried[0], tried[-1]
    kink = KINK * max(1.0, abs(last.above), abs(last.below)) + 10 * noise / STEPS[-1]
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


def _taylor(
    loss: Callable[[], float],
    values: list[FloatArray],
    gradients: list[FloatArray],
    directions: list[FloatArray],
    noise: float,
    tolerance: float,
) -> _Line:
    parts = [g * d for g, d in zip(gradients, directions, strict=True)]
    along = sum(float(np.sum(part)) for part in parts)
    allowed = tolerance * sum(float(np.abs(part).sum()) for part in parts)
    if not math.isfinite(loss() + along):
        return _Line(math.nan, True, "no Taylor slope: loss or gradient is not finite")
    far = _look(loss, values, directions, along, TAYLOR_STEPS, noise)
    if math.isnan(far.slope):
        return _Line(math.nan, True, f"{NO_SLOPE} rounding alone, a straight line")
    if far.smooth and (far.slope >= LEAST_SLOPE or far.gap <= allowed + far.rounding):
        return _Line(far.slope, True, f"Taylor slope {far.slope:.2f}")
    near = _look(loss, values, directions, along, TAYLOR_STEPS / 100, noise)
    if near.bend < LEAST_SLOPE:
        return _Line(math.nan, True, "no Taylor slope: a kink lies on its line")
    # The gap of a wrong gradient stays, that of a kink further out goes away.
    closed = near.gap <= max(allowed + near.rounding, 0.1 * far.gap)
    if math.isnan(near.slope) and closed:
        return _Line(math.nan, True, f"{NO_SLOPE} rounding alone between kinks")
    if near.slope >= LEAST_SLOPE or closed:
        return _Line(near.slope, True, f"Taylor slope {near.slope:.2f}")
    slope = far.slope if far.smooth else near.slope
    why = (
        f"Taylor slope {slope:.2f} where 2 is right: along a random line the derivative is "
        f"{near.derivative:.6g}, by the gradient {along:.6g}"
    )
    return _Line(slope, False, f"Taylor slope {slope:.2f}", why)


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
    loss: Callable[[], float],
    values: list[FloatArray],
    directions: list[FloatArray],
    along: float,
    steps: FloatArray,
    noise: float,
) -> _Look:
    start = loss()
    above = np.array([_moved(loss, values, directions, h) for h in steps])
    below = np.array([_moved(loss, values, directions, -h) for h in steps])
    derivative = float((above[-1] - below[-1]) / (2 * steps[-1]))
    return _Look(
        _log_log_slope(steps, np.abs(above - start - steps * along), noise),
        _log_log_slope(steps, np.abs(above - 2 * start + below), noise),
        derivative,
        abs(derivative - along),
        noise / float(steps[-1]),
    )


def _moved(
    loss: Callable[[], float], values: list[FloatArray], directions: list[FloatArray], h: float
) -> float:
    """Return the loss at t + h d; the values are put back."""
    kept = [value.copy() for value in values]
    for value, d in zip(values, directions, strict=True):
        value += h * d
    moved = loss()
    for value, old in zip(values, kept, strict=True):
        value[...] = old
    return moved


def _log_log_slope(steps: FloatArray, remainders: FloatArray, noise: float) -> float:
    """Return the slope of ln(remainder) by ln(step), NaN where rounding leaves no three points."""
    clear = remainders > 10 * noise
    if clear.sum() < 3:
        return math.nan
    return float(np.polyfit(np.log(steps[clear]), np.log(remainders[clear]), 1)[0])


def _rounding(loss: Callable[[], float], values: list[FloatArray]) -> float:
    """Return the rounding error of the loss: how it scatters over a way too short to bend."""
    directions = _directions(values)
    close = [_moved(loss, values, directions, 1e-9 * k) for k in range(8)]
    return float(np.abs(np.diff(close, 2)).max() + np.finfo(float).eps * np.abs(close).max())


def _directions(
    values: list[FloatArray], compared: Sequence[_Entry] = (), seed: int = 0
) -> list[FloatArray]:
    """Return random directions in the shapes of `values`, zero where an entry is on a kink."""
    rng = np.random.default_rng(seed)
    directions: list[FloatArray] = [rng.standard_normal(value.shape) for value in values]
    if compared:
        still = np.array([entry.on_kink for entry in compared])
        ends = np.cumsum([value.size for value in values])[:-1]
        for d, part in zip(directions, np.split(still, ends), strict=True):
            d[part.reshape(d.shape)] = 0
    return directions


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

    Returns
    -------
    float
        NaN where the remainder is rounding alone, or a kink lies on the line.

    Examples
    --------
    >>> t = np.array([1.0, 2.0])
    >>> round(taylor_slope(lambda: float(t @ t), [t], [2 * t]), 3)
    2.0
    >>> round(taylor_slope(lambda: float(t @ t), [t], [3 * t]), 1)
    1.0
    """
    directions = _directions(values, seed=seed)
    return _taylor(loss, values, gradients, directions, _rounding(loss, values), 0.0).slope

"""Is the gradient right? A network, a layer or a function, compared entry by entry and by Taylor.

The comparison itself is `tvbi_ref.school.checks.differences`.
"""

from __future__ import annotations

import copy
import gc
import inspect
import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from types import FunctionType, ModuleType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from tvbi_ref._validation import FloatArray, as_count, as_float_array, as_real
from tvbi_ref.nets import Network
from tvbi_ref.school.checks.calling import describe
from tvbi_ref.school.checks.differences import GradientReport, compare_gradients


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
      checked, and the report says so if there are no parameters. Like every layer here it must
      not change its arguments, and must overwrite ``grad``;
    - a function of one array that returns a number, with `x` and its `gradient`.

    Networks and layers are copied and computed in float64; the originals are not touched.
    Steps follow the measured rounding of the loss. Where no step is good enough, and at kinks, an
    entry is left out and counted; if all are, the verdict is "cannot tell". What is wrong with a
    layer or a function (no ``backward``, a wrong shape, NaN, an exception) is a finding of the
    report and no exception.

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
        On |numeric - analytic|, relative to the largest gradient of the same array.

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
        loss, values, gradients, names = _as_problem(model, x, y, gradient, noise_seed)
        report = compare_gradients(lambda: _value(loss), values, gradients, names, tolerance)
    except _FindingError as finding:
        return GradientReport("FAILED", str(finding), math.inf, math.nan)
    if hasattr(model, "backward") and names == ["x"]:
        note = f"{report.message}; only dL/dx was looked at, the layer names no parameters()"
        return replace(report, message=note)
    return report


class _FindingError(Exception):
    """Something wrong with what is checked, in words; it ends up in the report."""


def _value(loss: Callable[[], float]) -> float:
    """Return the loss at a point near by, NaN where it has none, as ln has at a negative number."""
    try:
        return loss()
    except _FindingError:
        return math.nan


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
    layer = _copy(layer)
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

    return loss, values, _added_up(values, gradients), ["x", *parameters]


# Arrays that share memory, as views of one buffer do; a deep copy alone would part them


def _copy(layer: Any) -> Any:
    """Return a deep copy in float64 in which what shares memory still does."""
    owners: dict[int, FloatArray] = {}
    memo: dict[int, Any] = {}
    for array in _arrays(layer):
        owner = _owner(array)
        if owner.flags.forc and owner.dtype.kind == "f" and owner.itemsize <= 8:
            copied = owners.setdefault(id(owner), owner.astype(np.float64, order="K"))
            memo[id(array)] = _same_view(array, copied)
    return copy.deepcopy(layer, memo)


def _arrays(layer: Any) -> Iterator[FloatArray]:
    """Yield every array that a layer holds, at any depth."""
    seen: dict[int, Any] = {}
    waiting = [layer]
    while waiting:
        thing = waiting.pop()
        if id(thing) in seen or isinstance(thing, (type, ModuleType, FunctionType)):
            continue
        seen[id(thing)] = thing
        if type(thing) is np.ndarray:
            yield thing
        waiting += gc.get_referents(thing)


def _owner(array: FloatArray) -> FloatArray:
    """Return the array of the same type whose memory it is."""
    while isinstance(array.base, np.ndarray) and array.base.dtype == array.dtype:
        array = array.base
    return array


def _same_view(array: FloatArray, other: FloatArray) -> FloatArray:
    """Return of `other`, laid out like the owner of `array`, what `array` is of its owner."""
    owner = _owner(array)
    wider = other.itemsize // owner.itemsize
    return np.ndarray(
        array.shape,
        other.dtype,
        other.ravel(order="K"),
        (array.ctypes.data - owner.ctypes.data) * wider,
        tuple(stride * wider for stride in array.strides),
    )


def _added_up(values: list[FloatArray], gradients: list[FloatArray]) -> list[FloatArray]:
    """Return the gradients by the memory: where weights are tied, moving one moves the others."""
    totals: dict[int, FloatArray] = {}
    views = []
    for value, gradient in zip(values, gradients, strict=True):
        owner = _owner(value)
        if owner.flags.forc:
            views.append(_same_view(value, totals.setdefault(id(owner), np.zeros_like(owner))))
            views[-1][...] += gradient
        else:
            views.append(gradient)
    return [view.copy() for view in views]


# Parts of a layer


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
        raise _FindingError(f"{name} raises {describe(error)}") from error


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

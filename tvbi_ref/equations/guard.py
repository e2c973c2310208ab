"""A function of the reader's in the place of an equation: it is watched on every call.

What it must return follows from the registry: for each result a shape in letters, which the shapes
of the arguments give their numbers, and a domain.
"""

from __future__ import annotations

import bdb
import inspect
import re
import typing
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tvbi_ref._validation import PlainGamma
from tvbi_ref.equations.registry import Equation, Symbol, get
from tvbi_ref.errors import PlugError

Array = NDArray[Any]
Shape = tuple[int, ...]


@dataclass(frozen=True)
class Guarded:
    """A function of the reader's that answers for an equation; called like the equation's own.

    Parameters
    ----------
    label : str
    function : callable

    Raises
    ------
    TypeError, ValueError
        If there is no such equation, or the function does not take its arguments.

    Examples
    --------
    >>> Guarded("q-support", lambda prior, evidence: prior - evidence)(3.0, np.ones(2))
    array([2., 2.])
    >>> Guarded("q-support", lambda prior, evidence: 1.0)(3.0, np.ones(2))
    Traceback (most recent call last):
    tvbi_ref.errors.PlugError: [q-support] your function <lambda> returned log_odds of shape ()...
    >>> Guarded("q-support", lambda x: x)
    Traceback (most recent call last):
    TypeError: [q-support] is called with 2 arguments (prior_log_odds, evidence); <lambda> takes (x)
    """

    label: str
    function: Callable[..., Any]

    def __post_init__(self) -> None:
        inputs = [symbol.name for symbol in self.equation.inputs]
        if not callable(self.function):
            raise TypeError(f"[{self.label}] needs a function; got {self.function!r}")
        try:
            signature = inspect.signature(self.function)
        except ValueError:  # a built-in that does not tell
            return
        try:
            signature.bind(*inputs)
        except TypeError:
            raise TypeError(
                f"[{self.label}] is called with {len(inputs)} arguments ({', '.join(inputs)}); "
                f"{self.name} takes {signature}"
            ) from None

    @property
    def equation(self) -> Equation:
        """What the registry knows."""
        return get(self.label)

    @property
    def name(self) -> str:
        """What the function calls itself."""
        return str(getattr(self.function, "__name__", type(self.function).__name__))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Return what the function returns, if it is what the equation may return."""
        arguments = list(map(_shown, self.equation.inputs, self._in_order(args, kwargs)))
        try:
            answer = self.function(*arguments)
            results = tuple(map(_as_array, answer if isinstance(answer, tuple) else (answer,)))
        except (PlugError, bdb.BdbQuit):
            raise  # of another equation, inside this one; a debugger that is left
        except Exception as error:
            raise self._error(f"raised {type(error).__name__}: {error}") from error
        outputs = self.equation.outputs
        if len(results) != len(outputs):
            names = ", ".join(symbol.name for symbol in outputs)
            raise self._error(f"returned {len(results)} results; expected {len(outputs)}: {names}")
        form = _Form(self.equation, arguments)
        checked = [self._checked(*pair, form) for pair in zip(outputs, results, strict=True)]
        return self._kind(*checked) if len(checked) > 1 else checked[0]

    def _in_order(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
        bound = self._signature.bind(*args, **kwargs)
        bound.apply_defaults()
        return bound.args

    @cached_property
    def _signature(self) -> inspect.Signature:
        return inspect.signature(self.equation.function)

    @cached_property
    def _kind(self) -> Callable[..., Any]:
        """What the results are handed on as: the named tuple that the equation's own returns."""
        readable: Any = getattr(self.equation.function, "readable", self.equation.function)
        kind = typing.get_type_hints(readable).get("return")
        make: Callable[..., Any] = (
            kind if hasattr(kind, "_fields") else _pack  # type: ignore[assignment]
        )
        return make

    def _checked(self, symbol: Symbol, array: Array, form: _Form) -> Any:
        """Return a result as the equation's own would, or say why it is none."""
        name, shape, dtypes = symbol.name, form.shape_of(symbol), form.dtypes_of(symbol)
        if array.shape != shape:
            raise self._error(f"returned {name} of shape {array.shape}; expected {shape}")
        a_number = not shape and array.dtype.kind in "fiu"  # of whatever precision
        if array.dtype not in dtypes and not a_number:
            raise self._error(f"returned {name} of dtype {array.dtype}; expected {dtypes[0]}")
        told = form.finite_at(shape)
        bad = np.argwhere(~np.isfinite(array) & told)
        if len(bad):
            first = tuple(map(int, bad[0]))
            where = f"{len(bad)} of {array.size} entries, the first at {first}: " if shape else ""
            raise self._error(f"returned {name} not finite: {where}{array[first]}")
        outside = array[~_inside(symbol.domain, array) & told]
        if outside.size:
            value = outside.flat[0]
            raise self._error(f"returned {name} = {value:g}; expected numbers {symbol.domain}")
        # Theirs may be written to at the next call.
        return array.astype(form.kept_as(array)) if shape else array.item()

    def _error(self, text: str) -> PlugError:
        return PlugError(self.label, f"your function {self.name} {text}")


def _pack(*results: Any) -> tuple[Any, ...]:
    return results


def _as_array(result: Any) -> Array:
    """Return a result as an array, or say that it has more to it than an array can hold."""
    if isinstance(result, np.ma.MaskedArray):
        raise TypeError("a masked array, whose mask would be lost")
    return np.asarray(result)


DOMAINS: dict[str, tuple[float, float]] = {
    "> 0": (0, np.inf),
    ">= 0": (0, np.inf),
    ">= -1/2": (-0.5, np.inf),
    "> 1/2": (0.5, np.inf),
    "in [0, 1]": (0, 1),
    "in [0, 3)": (0, 3),
}
"""Where a number lies, in the registry's words; what is not here may lie anywhere."""

ROUNDING = 1e-6
"""So far a number may lie outside: a positive one may also underflow to 0."""


def _inside(domain: str, array: Array) -> NDArray[np.bool_]:
    """Return which entries lie where they must."""
    low, high = DOMAINS.get(domain, (-np.inf, np.inf))
    return np.asarray((array >= low - ROUNDING) & (array <= high + ROUNDING))


def _shown(symbol: Symbol, argument: Any) -> Any:
    """Return an argument as the check hands it over, and so that it cannot be written to."""
    if symbol.shape == "Gamma":
        return PlainGamma(*argument)
    if isinstance(argument, list | tuple) and symbol.shape.startswith("list"):
        return [_shown(symbol, entry) for entry in argument]
    if isinstance(argument, list | tuple) and (symbol.shape[0] == "(" or _elementwise(symbol)):
        argument = np.asarray(argument)
    if not isinstance(argument, np.ndarray):
        return argument
    view = argument.view()
    view.flags.writeable = False
    return view


class _Form:
    """What the arguments of one call say of its results."""

    def __init__(self, equation: Equation, arguments: Sequence[Any]) -> None:
        inputs, self.group = equation.inputs, equation.group
        self.given = [
            (symbol, _shape(symbol, a), a) for symbol, a in zip(inputs, arguments, strict=True)
        ]
        self.sizes: dict[str, int] = {}
        for symbol, shape, _ in self.given:
            letters = _letters(symbol.shape)
            if len(letters) == len(shape):
                self.sizes |= dict(zip(letters, shape, strict=True))

    def finite_at(self, shape: Shape) -> NDArray[np.bool_]:
        """Return where all that came in was finite: nobody can make numbers out of NaN."""
        finite = np.ones(shape, bool)
        for _, _, argument in self.given:
            if _is_float(argument):
                fine = np.isfinite(argument)
                finite &= fine if np.shape(fine) == shape else fine.all()
        return finite

    def shape_of(self, result: Symbol) -> Shape:
        """Return the shape that a result must have."""
        if result.shape == "scalar":
            return ()
        like = [shape for symbol, shape, _ in self.given if _same(symbol, result)]
        if like:
            return np.broadcast_shapes(*like)
        shape: list[int] = []
        for letter in _letters(result.shape):
            if letter == "...":
                shape += np.broadcast_shapes(*(s for y, s, _ in self.given if _elementwise(y)))
            else:
                shape.append(int(letter) if letter.isdigit() else self.sizes[letter])
        return tuple(shape)

    def dtypes_of(self, result: Symbol) -> list[np.dtype[Any]]:
        """Return the dtypes that a result may have: that of the real arrays that came in, or more.

        Both modules and the wire compute in float64, whatever comes in.
        """
        return [np.dtype(bool)] if result.domain == "bool" else [self._alike, np.dtype(np.float64)]

    def kept_as(self, result: Array) -> np.dtype[Any]:
        """Return the dtype in which the package goes on: a network of float32 stays one."""
        of_the_network = self.group in ("nets", "compression") and result.dtype.kind == "f"
        return self._alike if of_the_network else result.dtype

    @cached_property
    def _alike(self) -> np.dtype[Any]:
        kinds = [a.dtype for _, _, a in self.given if _is_float(a) and np.ndim(a)]
        return np.result_type(*kinds) if kinds else np.dtype(np.float64)


def _letters(shape: str) -> list[str]:
    """Return the entries of a shape as the registry writes it, "(4, I, J)"."""
    inside = re.fullmatch(r"\((.*)\)", shape)
    return [letter.strip() for letter in inside[1].split(",") if letter.strip()] if inside else []


def _same(symbol: Symbol, result: Symbol) -> bool:
    """Whether a result has the shape of this argument by its very words."""
    return symbol.shape == result.shape or (_elementwise(symbol) and _elementwise(result))


def _elementwise(symbol: Symbol) -> bool:
    return symbol.shape == "any" or symbol.shape.startswith("as ")


def _shape(symbol: Symbol, argument: Any) -> Shape:
    """Return an argument's shape, () for a number, a Gamma, a function or a list of arrays."""
    arrays = symbol.shape.startswith("(") or "any" in symbol.shape or _elementwise(symbol)
    return np.shape(argument) if arrays else ()


def _is_float(value: Any) -> bool:
    return isinstance(value, float | np.floating) or (
        isinstance(value, np.ndarray) and value.dtype.kind == "f"
    )

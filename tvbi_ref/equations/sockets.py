r"""An equation is a socket: one public function, and three kinds of plugs that may answer.

.. code-block:: text

    ising_message(c, J)  ->  the reader's own function, if `use` has plugged one in
                             else the fast form, if the engine is "numba" and there is one
                             else the readable form, the one that stands in the file

A function becomes a socket by `@equation("sum-product-ising")`, or by `@socket("grid")` where it is
no equation of its own but has a fast form. Fast forms stand in `tvbi_ref.fast` and say `@fast`.

A fast form stands for a function AND all that it calls: it names the equations inside (`fuses`) and
steps aside as soon as one of them has a plug of the reader's. So the reader's plug always takes
part, and under the engine "numpy" every equation is called by its name.

Nothing but this file asks which engine is on. Numba is imported when the first fast form is asked
for, and where it cannot be, the readable forms answer.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import os
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from typing import Any, Generic, NamedTuple, ParamSpec, Protocol, TypeVar

from tvbi_ref._validation import as_choice, called_by_package, from_outside
from tvbi_ref.equations.guard import Guarded
from tvbi_ref.equations.registry import EQUATIONS, get

P = ParamSpec("P")
R = TypeVar("R")
Function = TypeVar("Function", bound=Callable[..., Any])

ENGINES = ("numba", "numpy")
"""Fast forms where there are some, or readable ones everywhere; "numba" is the default."""

SOCKETS: dict[str, Socket[..., Any]] = {}
"""Every socket whose module has been imported, by label."""


class Socket(Generic[P, R]):
    """A function that may be answered by another one: call it as any function.

    Parameters
    ----------
    label : str
        Of the equation; a plain name where it is none.
    readable : callable
        The form that stands in the file.

    Examples
    --------
    >>> from tvbi_ref.module_b import ising_message
    >>> ising_message
    <[sum-product-ising] ising_message(cavity, coupling)>
    >>> float(ising_message(1000.0, 0.5)), float(ising_message.readable(1000.0, 0.5))
    (1.0, 1.0)
    """

    def __init__(self, label: str, readable: Callable[P, R]) -> None:
        functools.update_wrapper(self, readable)
        self.label = label
        self.readable = readable
        self._is_equation = label in EQUATIONS  # and no step that writes into its arguments
        self._names = tuple(inspect.signature(readable).parameters)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Return what the plug returns; a reader's arguments are looked at, see `as_plain`."""
        state = _STATE.get() or _without_use()
        plug: Callable[..., R] = state.plugs.get(self.label) or state.find(self)
        if self._is_equation and not called_by_package():
            return from_outside(plug, self._names, args, kwargs)
        return plug(*args, **kwargs)

    @property
    def fast(self) -> Callable[P, R] | None:
        """The fast form, None if there is none."""
        plug = fast_plug(self.label)
        return plug and plug.function

    def __repr__(self) -> str:
        return f"<[{self.label}] {self.__name__}({', '.join(self._names)})>"

    def __reduce__(self) -> str:  # pickled by name, as functions are
        return self.__qualname__

    __name__: str
    __qualname__: str


def socket(name: str) -> Callable[[Callable[P, R]], Socket[P, R]]:
    """Make a function a socket that is no equation: a pass or a step that has a fast form.

    Parameters
    ----------
    name : str

    Examples
    --------
    >>> from tvbi_ref.nets.optimizers import adam_step
    >>> adam_step.label
    'adam-step'
    """

    def declare(readable: Callable[P, R]) -> Socket[P, R]:
        SOCKETS[name] = made = Socket(name, readable)
        return made

    return declare


def equation(label: str) -> Callable[[Callable[P, R]], Socket[P, R]]:
    """Make a function the readable form of the equation of this label.

    Parameters
    ----------
    label : str
        One of `tvbi_ref.equations.EQUATIONS`.

    Examples
    --------
    >>> from tvbi_ref.module_a import update_support
    >>> update_support.label
    'q-support'
    >>> equation("q-suport")
    Traceback (most recent call last):
    ValueError: label must name an equation; got 'q-suport'; did you mean q-support?
    """
    return socket(get(label).label)


class Fast(NamedTuple):
    """A fast form, and the labels of all equations that it stands for beside its own."""

    function: Callable[..., Any]
    fuses: frozenset[str]


_FAST: dict[str, Fast] = {}


def fast(label: str, fuses: Iterable[str] = ()) -> Callable[[Function], Function]:
    """Declare a function the fast form of a socket: the same arguments, the same result.

    Parameters
    ----------
    label : str
        Of the socket.
    fuses : iterable of str
        The labels of the equations that the readable form calls, directly or not.

    Notes
    -----
    `tvbi_ref.fast.HOME` says in which file each one stands.

    Examples
    --------
    >>> from tvbi_ref.module_b import chain_messages
    >>> chain_messages.fast.__module__ if numba_is_here() else "tvbi_ref.fast.chain"
    'tvbi_ref.fast.chain'
    """

    def declare(function: Function) -> Function:
        _FAST[label] = Fast(function, frozenset(fuses))
        return function

    return declare


def fast_plug(label: str) -> Fast | None:
    """Return the fast form of a label; None if there is none, or no Numba.

    Examples
    --------
    >>> fast_plug("q-support") is None
    True
    """
    from tvbi_ref.fast import HOME

    if label not in HOME or not numba_is_here():
        return None
    importlib.import_module(f"tvbi_ref.fast.{HOME[label]}")
    return _FAST[label]


@functools.cache
def numba_is_here() -> bool:
    """Return whether Numba can be imported.

    Examples
    --------
    >>> numba_is_here() in (True, False)
    True
    """
    try:
        importlib.import_module("numba")
    except ImportError:
        return False
    return True


class Listener(Protocol):
    """What hears of every call, see `listen`."""

    def hearing(self, label: str, whose: str, plug: Callable[..., Any]) -> Callable[..., Any]:
        """Return the plug with an ear at it; `whose` is "own", "fast" or "readable"."""


@dataclass(frozen=True, eq=False)
class State:
    """Which plug answers for each socket.

    Parameters
    ----------
    engine : str
    own : mapping
        The reader's functions by label.
    listeners : tuple of Listener
    """

    engine: str
    own: Mapping[str, Callable[..., Any]] = field(default_factory=dict)
    listeners: tuple[Listener, ...] = ()
    plugs: dict[str, Callable[..., Any]] = field(default_factory=dict, init=False)

    def find(self, socket: Socket[..., Any]) -> Callable[..., Any]:
        """Return the plug of a socket, and remember it."""
        whose, plug = self._choose(socket)
        for listener in self.listeners:
            plug = listener.hearing(socket.label, whose, plug)
        self.plugs[socket.label] = plug
        return plug

    def _choose(self, socket: Socket[..., Any]) -> tuple[str, Callable[..., Any]]:
        if socket.label in self.own:
            return "own", self.own[socket.label]
        found = fast_plug(socket.label) if self.engine == "numba" else None
        if found and not found.fuses & self.own.keys():
            return "fast", found.function
        return "readable", socket.readable


_STATE: ContextVar[State | None] = ContextVar("tvbi_ref.use", default=None)

_IN_USE: set[State] = set()
"""The states of all `with use(...)` blocks that are open, in whatever thread."""


def current() -> State:
    """Return what answers where this is called.

    Examples
    --------
    >>> with use("numpy"):
    ...     current().engine
    'numpy'
    """
    return _STATE.get() or _without_use()


def _without_use() -> State:
    if _IN_USE and threading.current_thread() is not threading.main_thread():
        raise RuntimeError(
            "this thread has no tvbi_ref.use of its own while another thread is inside one, and "
            "a new thread does not inherit it. Give the thread "
            "tvbi_ref.equations.carry(function), or open a `with tvbi_ref.use():` in it"
        )
    return _default(os.environ.get("TVBI_ENGINE"))


@functools.cache
def _default(engine: str | None) -> State:
    if engine:
        return State(as_engine(engine, "the environment variable TVBI_ENGINE"))
    return State("numba" if numba_is_here() else "numpy")


def as_engine(engine: str, name: str = "engine") -> str:
    """Return the name of an engine that can run here.

    Raises
    ------
    ValueError
        If there is no engine of that name.
    ImportError
        If it is "numba" and Numba cannot be imported.

    Examples
    --------
    >>> as_engine("jax")
    Traceback (most recent call last):
    ValueError: engine must be one of 'numba', 'numpy'; got 'jax'
    """
    if as_choice(engine, name, ENGINES) == "numba" and not numba_is_here():
        raise ImportError(f"{name} is 'numba', and Numba cannot be imported; 'numpy' needs none")
    return engine


def use(
    engine: str | Mapping[str, Callable[..., Any]] | None = None,
    equations: Mapping[str, Callable[..., Any]] | None = None,
    **own: Callable[..., Any],
) -> AbstractContextManager[None]:
    """Choose what answers for the equations, as long as the ``with`` block lasts.

    Parameters
    ----------
    engine : {"numba", "numpy"}, optional
        "numpy": the readable form of every equation. By default what it is outside; at the top
        that is "numba", or what the environment variable ``TVBI_ENGINE`` says.
    equations : mapping, optional
        Functions of your own by label, ``{"sum-product": mine}``; may also come first.
    **own : callable
        The same as keywords, hyphens written as underscores: ``sum_product=mine``. The name of
        the function in the exercises will also do.

    Raises
    ------
    TypeError, ValueError
        If there is no such engine or equation, or a function does not take its arguments.
    ImportError
        If the engine is "numba" where Numba cannot be imported.

    Notes
    -----
    Blocks compose: an inner one adds its functions to those of the outer one. A function of yours
    is given its arguments read-only, and what it returns is looked at: an error of its own, a
    wrong shape or type, or a number that is not finite raises a `PlugError`, which names the
    equation. It is not checked for being right; that is `tvbi_ref.school.checks.check`.

    A block holds for the thread that opens it and the threads that the package starts. Threads and
    processes of your own (joblib's, say) need `carry`; a thread without it says so, a new process
    cannot know and goes by ``TVBI_ENGINE``.

    Examples
    --------
    >>> import numpy as np
    >>> from tvbi_ref import ChainSupport
    >>> def mine(cavity, psi):
    ...     r = np.exp(cavity)
    ...     return np.log((psi[1, 1] * r + psi[0, 1]) / (psi[1, 0] * r + psi[0, 0]))
    >>> with use(sum_product=mine):
    ...     message = ChainSupport(0.1, 0.3).extrinsic([[3.0], [0.0]])
    >>> message.log_odds.round(4).ravel()
    array([-1.0986,  0.4982])
    """
    given: list[Mapping[str, Callable[..., Any]]] = [equations or {}]
    if isinstance(engine, Mapping):
        given, engine = [engine, *given], None
    plugs = {label: plug for mapping in given for label, plug in mapping.items()}
    guards: dict[str, Guarded] = {}
    for name, plug in [*plugs.items(), *own.items()]:
        guard = Guarded(get(name).label, plug)
        if guards.setdefault(guard.label, guard) is not guard:
            raise ValueError(f"[{guard.label}] can have one function of yours; got two")
    return _Use(guards, None if engine is None else as_engine(engine))


class _Use(AbstractContextManager[None]):
    """A `use` that begins where it is entered, and may be entered again."""

    def __init__(self, own: Mapping[str, Callable[..., Any]], engine: str | None) -> None:
        self.own, self.engine = own, engine
        self.blocks: list[ExitStack] = []
        self.entered = False

    def __enter__(self) -> None:
        self.entered, block = True, ExitStack()
        state = _with(self.own, self.engine)
        _IN_USE.add(state)  # so that threads that should have it and have not can say so
        block.callback(_IN_USE.discard, state)
        block.enter_context(entered(state))
        self.blocks.append(block)

    def __exit__(self, *error: object) -> None:
        self.blocks.pop().close()

    def __del__(self) -> None:
        if not self.entered:
            warnings.warn("tvbi_ref.use changes nothing but in a `with` block", stacklevel=2)


def plugged(own: Mapping[str, Callable[..., Any]]) -> AbstractContextManager[None]:
    """Let functions of the package's own answer as long as the block lasts; no guard, no news.

    Examples
    --------
    >>> from tvbi_ref.module_a import update_support
    >>> with plugged({"q-support": lambda prior, evidence: prior - evidence}):
    ...     update_support(3.0, 1.0)
    2.0
    """
    return entered(_with(own))


def _with(own: Mapping[str, Callable[..., Any]], engine: str | None = None) -> State:
    outer = current()
    return State(engine or outer.engine, {**outer.own, **own}, outer.listeners)


@contextmanager
def entered(state: State) -> Iterator[None]:
    """Let a state answer as long as the block lasts.

    Examples
    --------
    >>> with entered(State("numpy")):
    ...     current().engine
    'numpy'
    """
    token = _STATE.set(state)
    try:
        yield
    finally:
        _STATE.reset(token)


def heard_by(listener: Listener) -> AbstractContextManager[None]:
    """Let a listener hear of every call as long as the block lasts.

    Examples
    --------
    >>> from tvbi_ref.equations import Heard
    >>> with heard_by(Heard()):
    ...     current().listeners
    (Heard(0 calls of 0 functions),)
    """
    return entered(replace(current(), listeners=(listener, *current().listeners)))


@dataclass(frozen=True, eq=False)
class carry(Generic[P, R]):  # noqa: N801  (used as a function)
    """Return a function that runs, wherever it is called, with the plugs of here and now.

    For threads and processes that others start: ``pool.map(carry(f), ...)``,
    ``joblib.delayed(carry(f))``.

    Parameters
    ----------
    function : callable

    Examples
    --------
    >>> from concurrent.futures import ThreadPoolExecutor
    >>> from tvbi_ref.equations.sockets import current
    >>> with use("numpy"), ThreadPoolExecutor() as pool:
    ...     list(pool.map(carry(lambda k: current().engine), range(2)))
    ['numpy', 'numpy']
    """

    function: Callable[P, R]
    state: tuple[str, Mapping[str, Callable[..., Any]]] = field(
        default_factory=lambda: (current().engine, current().own), init=False
    )

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Return what the function returns."""
        with entered(State(*self.state)):
            return self.function(*args, **kwargs)

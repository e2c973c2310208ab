"""The errors of the package that are not a plain ``ValueError`` or ``TypeError``."""

from __future__ import annotations

import functools
from typing import Any


class NonFiniteError(FloatingPointError, ValueError):
    """A NaN or an infinity where only finite numbers make sense.

    It is a ``ValueError`` too, because what it reports is mostly an argument.
    """


class DivergenceError(FloatingPointError):
    """A run diverged; the last good state is kept.

    Parameters
    ----------
    message : str
        What became non-finite.
    epoch : int
        The epoch in which it happened, counted from 0.
    layer : int or None
        The layer in which it was seen, or None where it was the loss.
    last_good : object
        What the run had at the end of the last finite epoch (a
        `tvbi_ref.turbo.TurboResult`), or None if there was no such epoch.

    Examples
    --------
    >>> str(DivergenceError("the loss is nan", epoch=3, layer=None))
    'epoch 3: the loss is nan; try a smaller learning rate, and inputs of order one'
    """

    def __init__(
        self, message: str, *, epoch: int, layer: int | None, last_good: Any = None
    ) -> None:
        where = f"epoch {epoch}" + ("" if layer is None else f", layer {layer}")
        super().__init__(
            f"{where}: {message}; try a smaller learning rate, and inputs of order one"
        )
        self.message = message
        self.epoch = epoch
        self.layer = layer
        self.last_good = last_good

    def __reduce__(self) -> tuple[Any, ...]:  # a worker process sends it as a pickle
        named = {"epoch": self.epoch, "layer": self.layer, "last_good": self.last_good}
        return functools.partial(DivergenceError, self.message, **named), ()


class PlugError(RuntimeError):
    """A function of the reader's that was plugged in for an equation does not fit.

    Parameters
    ----------
    label : str
        The equation.
    message : str
        What came and what was expected.

    Attributes
    ----------
    epoch, layer : int or None
        Where a run was, if one was stopped by it.
    last_good : object
        The result after the last good epoch; None before the first one has ended.

    Examples
    --------
    >>> str(PlugError("cavity", "your function mine returned None"))
    '[cavity] your function mine returned None'
    """

    def __init__(self, label: str, message: str) -> None:
        super().__init__(label, message)
        self.label = label
        self.message = message
        self.epoch: int | None = None
        self.layer: int | None = None
        self.last_good: Any = None

    def __str__(self) -> str:
        places = {"epoch": self.epoch, "layer": self.layer}
        where = ", ".join(f"{name} {k}" for name, k in places.items() if k is not None)
        return f"[{self.label}] {self.message}" + (f" ({where})" if where else "")


class DataUnavailableError(FileNotFoundError):
    """A data set is neither in ``$TVBI_DATA`` nor cached, and cannot be downloaded."""


class DataCorruptedError(ValueError):
    """A data file is there, but it is not what it should be."""


class UniquenessWarning(UserWarning):
    """The couplings are too strong for message passing to be certain of one answer."""


class MessagesWarning(UserWarning):
    """Message passing ran out of sweeps while the messages still moved by much."""

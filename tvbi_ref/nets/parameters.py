"""A trainable array with its gradient."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike

from tvbi_ref._repr import brief
from tvbi_ref._validation import FloatArray


@dataclass(eq=False)
class Parameter:
    """A trainable array, the gradient that the last backward pass left, and its bounds.

    Parameters
    ----------
    name : str
    value : ndarray
        Changed in place by the optimizer.
    bounds : tuple of float, optional
        The optimizer clips to it after each step.

    Attributes
    ----------
    grad : ndarray
        Same shape and dtype as `value`.

    Examples
    --------
    >>> Parameter("bias", np.zeros(3)).grad
    array([0., 0., 0.])
    """

    name: str
    value: FloatArray
    bounds: tuple[float, float] | None = None
    grad: FloatArray = field(init=False)

    __repr__ = brief

    def __post_init__(self) -> None:
        self.grad = np.zeros_like(self.value)

    def clip(self) -> None:
        """Bring the value back into its bounds."""
        if self.bounds is not None:
            np.clip(self.value, *self.bounds, out=self.value)


def fill(places: Sequence[FloatArray], values: Sequence[ArrayLike]) -> None:
    """Copy values to where they belong, array by array.

    Examples
    --------
    >>> out = np.empty(2), np.empty(1)
    >>> fill(out, ([1.0, 2.0], 3.0))
    >>> out
    (array([1., 2.]), array([3.]))
    """
    for place, value in zip(places, values, strict=True):
        place[...] = value

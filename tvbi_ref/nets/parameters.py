"""A trainable array with its gradient."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

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

    def __post_init__(self) -> None:
        self.grad = np.zeros_like(self.value)

    def clip(self) -> None:
        """Bring the value back into its bounds."""
        if self.bounds is not None:
            np.clip(self.value, *self.bounds, out=self.value)

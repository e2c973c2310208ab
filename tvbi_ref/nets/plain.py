"""Layers without parameters that compute elementwise, and the one that makes rows of images."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tvbi_ref._repr import brief
from tvbi_ref._validation import FloatArray, as_real, border_of_layer
from tvbi_ref.nets.parameters import Parameter


class PlainLayer:
    """A layer without parameters."""

    __repr__ = brief

    def parameters(self) -> list[Parameter]:
        """Return nothing: there is nothing to train."""
        return []


class Elementwise(PlainLayer):
    """A function of each number; `forward` leaves its derivative there."""

    slope: NDArray[Any]

    @border_of_layer
    def backward(self, grad: FloatArray) -> FloatArray:
        """Return g times the derivative."""
        return grad * self.slope


class ReLU(Elementwise):
    """max(x, 0), elementwise; the derivative at 0 is taken as 0.

    Examples
    --------
    >>> ReLU().forward(np.array([[-1.0, 2.0]]))
    array([[0., 2.]])
    """

    @border_of_layer
    def forward(self, x: FloatArray, rng: np.random.Generator | None = None) -> FloatArray:
        """Return max(x, 0)."""
        self.slope = x > 0
        return np.maximum(x, 0)


class LeakyReLU(Elementwise):
    """x where x > 0, else leak * x.

    Parameters
    ----------
    leak : float in (0, 1)

    Examples
    --------
    >>> LeakyReLU(0.1).forward(np.array([[-1.0, 2.0]]))
    array([[-0.1,  2. ]])
    """

    def __init__(self, leak: float = 0.01) -> None:
        self.leak = as_real(leak, "leak", above=0, below=1)

    @border_of_layer
    def forward(self, x: FloatArray, rng: np.random.Generator | None = None) -> FloatArray:
        """Return x or leak * x."""
        self.slope = np.where(x > 0, 1.0, self.leak).astype(x.dtype)
        return x * self.slope


class Tanh(Elementwise):
    """tanh(x), elementwise: the squashing of the first LeNets, and smooth.

    Examples
    --------
    >>> Tanh().forward(np.array([[0.0, 100.0]]))
    array([[0., 1.]])
    """

    @border_of_layer
    def forward(self, x: FloatArray, rng: np.random.Generator | None = None) -> FloatArray:
        """Return tanh(x)."""
        z = np.tanh(x)
        self.slope = 1 - z * z
        return z


class Flatten(PlainLayer):
    """Images to rows, (B, C, H, W) to (B, C H W): channel by channel, each row by row.

    Examples
    --------
    >>> flatten = Flatten()
    >>> flatten.forward(np.ones((5, 2, 3, 4))).shape
    (5, 24)
    >>> flatten.backward(np.ones((5, 24))).shape
    (5, 2, 3, 4)
    """

    @border_of_layer
    def forward(self, x: FloatArray, rng: np.random.Generator | None = None) -> FloatArray:
        """Return x with one axis for all but the first."""
        self._shape = x.shape
        return x.reshape(len(x), -1)

    @border_of_layer
    def backward(self, grad: FloatArray) -> FloatArray:
        """Return g in the shape of x."""
        return grad.reshape(self._shape)

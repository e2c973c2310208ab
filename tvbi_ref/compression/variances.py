"""Posterior variances of the weights that are left, a byte each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from tvbi_ref._repr import brief
from tvbi_ref._validation import FloatArray


@dataclass(frozen=True, eq=False)
class ByteVariances:
    """Variances of the weights that are left, one byte each: ln sigma2 = low + step code.

    A deviation comes out wrong by a factor of e^(step/4) at the worst: 0.4 % in a network for
    digits, 1 % where the widest weight has 150 times the deviation of the narrowest. An interval
    does not show it, and half floats would take twice the room.

    Parameters
    ----------
    codes : ndarray of uint8 (K,)
        Down the columns of the matrix, neuron after neuron.
    low, step : float
        step >= 0

    Raises
    ------
    ValueError
        If that is not what came.

    Examples
    --------
    >>> ByteVariances.of(np.array([1.0, 2.0, 4.0])).codes
    array([  0, 128, 255], dtype=uint8)
    """

    codes: NDArray[np.uint8]
    low: float
    step: float

    __repr__ = brief

    def __post_init__(self) -> None:
        if self.codes.dtype != np.uint8 or self.codes.ndim != 1:
            raise ValueError(
                f"codes must be one row of uint8; got {self.codes.dtype} {self.codes.shape}"
            )
        if not (np.isfinite(self.low + 255 * self.step) and self.step >= 0):
            raise ValueError(f"low and step must be finite, step >= 0; got {self.low}, {self.step}")

    @classmethod
    def of(cls, variances: FloatArray) -> Self:
        """Return variances (K,), which must be positive, with ln sigma2 rounded to 256 levels."""
        if not (variances > 0).all():
            raise ValueError(f"variances of kept weights must be positive; got {variances.min()}")
        logs = np.log(variances, dtype=np.float64)
        low, high = (float(logs.min()), float(logs.max())) if logs.size else (0.0, 0.0)
        step = (high - low) / 255
        codes = np.rint((logs - low) / step) if step else np.zeros_like(logs)
        return cls(codes.astype(np.uint8), low, step)

    @property
    def deviations(self) -> FloatArray:
        """Sigma of every weight, (K,) in float64."""
        return np.exp((self.low + self.step * self.codes) / 2)

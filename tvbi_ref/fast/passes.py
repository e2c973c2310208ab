r"""The passes over memory of a training step, each a single loop.

A matrix product does hundreds of operations for each number it loads. What stands between the
products does two or three, so its time is the time to move arrays, and NumPy moves them once
for every operation: ``v += (1 - beta2) * (grad * grad - v)`` walks through memory four times. The
loops here walk through it once and do the same arithmetic, in the same order, to the last bit.

Two things keep them fast without being seen:

* Arrays are flat and few. LLVM turns a loop into vector instructions only if it can tell that no
  array overlaps another, at the price of one comparison for every pair of which one is written,
  and gives up beyond eight. Hence `add_product` and `move` apart: one loop for both has
  more arrays and runs no faster.
* Numbers take the dtype of the arrays. One float64 among float32 arrays would turn a
  whole loop into float64 arithmetic.
"""

from __future__ import annotations

import numpy as np

from tvbi_ref._validation import FloatArray
from tvbi_ref.equations import fast
from tvbi_ref.fast.kernel import kernel
from tvbi_ref.nets.optimizers import NOTHING, NOTHING_SQUARED


def flat(array: FloatArray) -> FloatArray:
    """Return a contiguous array as one axis, a view: what is written to it, `array` holds.

    Raises
    ------
    ValueError
        If the array is not contiguous: the view would be a copy, and the writing lost.

    Examples
    --------
    >>> square = np.zeros((2, 2))
    >>> flat(square)[3] = 1.0
    >>> square
    array([[0., 0.],
           [0., 1.]])
    """
    if not array.flags.c_contiguous:
        raise ValueError(f"array must be C-contiguous; got strides {array.strides}")
    return array.reshape(-1)


@fast("adam-step")
def adam_step(
    value: FloatArray,
    grad: FloatArray,
    first: FloatArray,
    second: FloatArray,
    beta1: float,
    beta2: float,
    rate: float,
    epsilon: float,
    low: float,
    high: float,
) -> None:
    """Move a value by one step of Adam and clip it."""
    arrays = flat(value), flat(np.ascontiguousarray(grad)), flat(first), flat(second)
    move(*arrays, beta1, beta2, rate, epsilon, low, high)


@kernel
def move(
    value: FloatArray,
    grad: FloatArray,
    first: FloatArray,
    second: FloatArray,
    beta1: float,
    beta2: float,
    rate: float,
    epsilon: float,
    low: float,
    high: float,
) -> None:
    """Do the same with flat arrays."""
    real = value.dtype.type
    one_minus_beta1, one_minus_beta2 = real(1 - beta1), real(1 - beta2)
    rate_, epsilon_, low_, high_ = real(rate), real(epsilon), real(low), real(high)
    zero, nothing, nothing_squared = real(0), real(NOTHING), real(NOTHING_SQUARED)
    for n in range(value.size):
        g = zero if abs(grad[n]) < nothing else grad[n]
        m = first[n] + one_minus_beta1 * (g - first[n])
        v = second[n] + one_minus_beta2 * (g * g - second[n])
        m = zero if abs(m) < nothing else m
        v = zero if v < nothing_squared else v
        moved = value[n] - rate_ * m / (np.sqrt(v) + epsilon_)
        first[n], second[n] = m, v
        # Comparisons, because min and max of a nan depend on the order of their arguments.
        moved = low_ if moved < low_ else moved
        value[n] = high_ if moved > high_ else moved


@kernel
def add_product(
    total: FloatArray, a: FloatArray, b: FloatArray, factor: float, offset: float
) -> None:
    """Do total += factor a b + offset, elementwise: the prior's gradient."""
    real = total.dtype.type
    factor_, offset_ = real(factor), real(offset)
    for n in range(total.size):
        total[n] += factor_ * a[n] * b[n] + offset_

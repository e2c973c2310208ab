r"""The passes over memory of a training step, each a single loop.

A matrix product does hundreds of operations for each number it loads. What stands between the
products does two or three, so its time is the time to move arrays, and NumPy moves them once
for every operation: ``v += (1 - beta2) * (grad * grad - v)`` walks through memory four times. The
loops here walk through it once and do the same arithmetic, in the same order, to the last bit.

Two things keep them fast without being seen:

* Arrays are flat and few. LLVM turns a loop into vector instructions only if it can tell that no
  array overlaps another, at the price of one comparison for every pair of which one is written,
  and gives up beyond eight. Hence `add_product` and `adam_step` apart: one loop for both has
  more arrays and runs no faster.
* Numbers take the dtype of the arrays. One float64 among float32 arrays would turn a
  whole loop into float64 arithmetic.

Random numbers are drawn outside, by a NumPy generator: one thread does it for a dense layer, two
for the ten times larger outputs of a convolution, see `halves`. Loops that belong to one kind of
layer stand beside it, in `convolution` and `pooling`.
"""

from __future__ import annotations

import numpy as np

from tvbi_ref._kernels import kernel
from tvbi_ref._validation import FloatArray

NOTHING = 1e-17
"""What Adam takes for zero: smaller gradients and first moments.

Beside an epsilon of 1e-8 they move nothing, but their squares are subnormal in float32, and
arithmetic on those is tens of times slower. A moment that decays by a factor never leaves them:
rounded, 0.9 of the smallest number is the smallest number. Dead units would slow down a whole run.
"""

NOTHING_SQUARED = NOTHING**2
"""The same of second moments."""


def adam_step_numpy(
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
    """Move `value` by one step of Adam and clip it; NumPy twin of `adam_step`.

    Parameters
    ----------
    value, grad, first, second : ndarray (n,)
        The moments `first` and `second` and the value change in place.
    beta1, beta2 : float
        Decay of the moments.
    rate, epsilon : float
        With the bias corrections in them.
    low, high : float
        Bounds of the value; infinite where there is none. A nan stays a nan.

    Examples
    --------
    >>> theta, first, second = np.zeros((3, 2))
    >>> adam_step_numpy(theta, np.array([5.0, -5.0]), first, second, 0, 0, 0.5, 0, -0.1, np.inf)
    >>> theta
    array([-0.1,  0.5])
    """
    grad = np.where(abs(grad) < NOTHING, 0, grad)
    first += (1 - beta1) * (grad - first)
    second += (1 - beta2) * (grad * grad - second)
    first[abs(first) < NOTHING] = 0
    second[second < NOTHING_SQUARED] = 0
    value -= rate * first / (np.sqrt(second) + epsilon)
    np.clip(value, low, high, out=value)


@kernel(twin=adam_step_numpy)
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
    """Move `value` by one step of Adam and clip it; see `adam_step_numpy`.

    Examples
    --------
    >>> theta, first, second = np.zeros((3, 2))
    >>> adam_step(theta, np.array([5.0, -5.0]), first, second, 0.0, 0.0, 0.5, 0.0, -0.1, np.inf)
    >>> theta
    array([-0.1,  0.5])
    """
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


def add_product_numpy(
    total: FloatArray, a: FloatArray, b: FloatArray, factor: float, offset: float
) -> None:
    """Do total += factor a b + offset, elementwise; NumPy twin of `add_product`.

    With a = <rho> this is the prior's part of the gradient, [q-weight-gradient]: by mu with
    b = mu, factor = kappa/N, offset = 0; by ln sigma2 with b = sigma2, factor = kappa/2N,
    offset = -kappa/2N. With a = x and b = v S^T, factor = 2, it is the second half of dX in
    [local-reparam-dense-backward].

    Parameters
    ----------
    total : ndarray (n,)
        Changed in place.
    a, b : ndarray (n,)
    factor, offset : float

    Examples
    --------
    >>> total = np.array([1.0, 2.0])
    >>> add_product_numpy(total, np.array([3.0, 4.0]), np.array([5.0, 6.0]), 2.0, -1.0)
    >>> total
    array([30., 49.])
    """
    total += factor * a * b + offset


@kernel(twin=add_product_numpy)
def add_product(
    total: FloatArray, a: FloatArray, b: FloatArray, factor: float, offset: float
) -> None:
    """Do total += factor a b + offset, elementwise; see `add_product_numpy`.

    Examples
    --------
    >>> total = np.array([1.0])
    >>> add_product(total, np.array([3.0]), np.array([5.0]), 2.0, -1.0)
    >>> total
    array([30.])
    """
    real = total.dtype.type
    factor_, offset_ = real(factor), real(offset)
    for n in range(total.size):
        total[n] += factor_ * a[n] * b[n] + offset_


def add_noise_numpy(z: FloatArray, spread: FloatArray, noise: FloatArray, floor: float) -> None:
    """Do z += sd e with sd = sqrt(variance + floor); NumPy twin of `add_noise`.

    Parameters
    ----------
    z : ndarray (n,)
        Changed in place.
    spread : ndarray (n,)
        The outputs' variance at first; their standard deviation sd afterwards.
    noise : ndarray (n,)
        e ~ N(0, 1).
    floor : float

    Notes
    -----
    Source: [local-reparam-dense].

    Examples
    --------
    >>> z, spread = np.array([1.0]), np.array([4.0])
    >>> add_noise_numpy(z, spread, np.array([3.0]), floor=0.0)
    >>> z, spread
    (array([7.]), array([2.]))
    """
    np.sqrt(spread + floor, out=spread)
    z += spread * noise


@kernel(twin=add_noise_numpy)
def add_noise(z: FloatArray, spread: FloatArray, noise: FloatArray, floor: float) -> None:
    """Do z += sd e with sd = sqrt(variance + floor); see `add_noise_numpy`.

    Examples
    --------
    >>> z, spread = np.array([1.0]), np.array([4.0])
    >>> add_noise(z, spread, np.array([3.0]), 0.0)
    >>> z, spread
    (array([7.]), array([2.]))
    """
    floor_ = z.dtype.type(floor)
    for n in range(z.size):
        sd = np.sqrt(spread[n] + floor_)
        spread[n] = sd
        z[n] += sd * noise[n]


def noise_gradient_numpy(
    grad: FloatArray, noise: FloatArray, sd: FloatArray, out: FloatArray
) -> None:
    """Write v = g e / (2 sd), the gradient by the outputs' variance; twin of `noise_gradient`.

    Parameters
    ----------
    grad, noise, sd : ndarray (n,)
        g = dL/dz, e and sd.
    out : ndarray (n,)
        Becomes v.

    Notes
    -----
    Source: [local-reparam-dense-backward].

    Examples
    --------
    >>> v = np.empty(1)
    >>> noise_gradient_numpy(np.array([4.0]), np.array([3.0]), np.array([2.0]), v)
    >>> v
    array([3.])
    """
    np.divide(grad * noise, 2 * sd, out=out)


@kernel(twin=noise_gradient_numpy)
def noise_gradient(grad: FloatArray, noise: FloatArray, sd: FloatArray, out: FloatArray) -> None:
    """Write v = g e / (2 sd), the gradient by the outputs' variance; see the twin.

    Examples
    --------
    >>> v = np.empty(1)
    >>> noise_gradient(np.array([4.0]), np.array([3.0]), np.array([2.0]), v)
    >>> v
    array([3.])
    """
    for n in range(out.size):
        out[n] = grad[n] * noise[n] / (sd[n] + sd[n])  # 2 sd; a literal 2 would be an int64


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

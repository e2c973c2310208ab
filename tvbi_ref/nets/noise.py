"""The noise e ~ N(0, 1) of a layer's outputs."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from tvbi_ref._validation import FloatArray
from tvbi_ref.nets.halves import LARGE, in_halves

MANY = 2**13
"""From so many numbers on they are drawn by `box_muller`, which takes a third of the time of
NumPy's own normal numbers."""


def box_muller(u: FloatArray, v: FloatArray) -> None:
    """Make pairs of uniform numbers pairs of normal ones, in place (Box and Muller, 1958).

    In polar coordinates two normal numbers have an angle 2 pi v, and a squared radius that is
    exponential, -2 ln(1 - u).

    Parameters
    ----------
    u, v : ndarray of one shape
        In [0, 1): 1 - u is never 0.

    Examples
    --------
    >>> u, v = np.array([1 - np.exp(-0.5)]), np.array([0.25])  # radius 1, a quarter of a turn
    >>> box_muller(u, v)
    >>> u.round(6), v.round(6)
    (array([0.]), array([1.]))
    """
    radius, angle = np.subtract(1, u, out=u), v
    np.log(radius, out=radius)
    radius *= -2
    np.sqrt(radius, out=radius)
    angle *= 2 * math.pi
    cosine = np.cos(angle)
    np.sin(angle, out=v)
    v *= radius
    u *= cosine


def standard_normal(
    rng: np.random.Generator, shape: tuple[int, ...], dtype: DTypeLike
) -> FloatArray:
    """Return e ~ N(0, 1): few numbers as `rng` draws them, many by `box_muller`.

    Those that are worth a second thread (`halves.LARGE`) come in halves, each from a generator of
    its own, whose seed `rng` draws: `rng` moves on, and its state alone says what is drawn.

    Parameters
    ----------
    rng : numpy.random.Generator
    shape : tuple of int
    dtype : dtype

    Examples
    --------
    >>> standard_normal(np.random.default_rng(0), (2,), np.float64).round(6)
    array([ 0.12573 , -0.132105])
    >>> large = standard_normal(np.random.default_rng(0), (8, MANY), np.float64)
    >>> bool(abs(large.mean()) < 0.02), bool(abs(large.std() - 1) < 0.02)
    (True, True)
    """
    real: Any = np.dtype(dtype).type
    size = math.prod(shape)
    if size < MANY:
        return rng.standard_normal(shape, dtype=real)
    pairs = np.empty((2, -(-size // 2)), real)
    if size < LARGE:
        _draw_pairs(rng, *pairs)
    else:
        seeds = rng.integers(2**63, size=2)

        def draw(half: slice) -> None:
            own = np.random.default_rng(seeds[int(half.start > 0)])
            _draw_pairs(own, *pairs[:, half])

        in_halves(pairs.shape[1], draw, size)
    return pairs.reshape(-1)[:size].reshape(shape)


def _draw_pairs(rng: np.random.Generator, u: FloatArray, v: FloatArray) -> None:
    for uniform in (u, v):
        rng.random(out=uniform, dtype=u.dtype.type)
    box_muller(u, v)

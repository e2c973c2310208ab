r"""Pooling: images made smaller by their maxima or means over square tiles.

The tiles do not overlap. Of a side that is no multiple of the tile's, the last pixels, too few for
a tile, are left out, as in other libraries: they get no gradient. Entry (k, l) of every tile at
once is the strided part x[:, :, k::size, l::size], so that a loop over the size^2 places in a tile
is the whole computation.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tvbi_ref._validation import FloatArray, as_count, border_of_layer
from tvbi_ref.equations import socket
from tvbi_ref.nets.plain import PlainLayer
from tvbi_ref.nets.shapes import require_shape, require_shapes


class _Tiles(PlainLayer):
    """What is asked of tiles: the length of a side."""

    def __init__(self, size: int = 2) -> None:
        self.size = as_count(size, "size", at_least=1)


class MaxPool(_Tiles):
    """The maximum of every tile. Of equal maxima the first, in reading order, is the one.

    Only the one gets the gradient: a subgradient, and what the tests hold. Behind a ReLU ties
    are frequent, all of them at 0, where the ReLU lets no gradient through anyway.

    Parameters
    ----------
    size : int
        Of a tile's side, and the stride.

    Examples
    --------
    >>> pool, x = MaxPool(2), np.array([[[[3.0, 1.0, 5.0, 5.0], [0.0, 2.0, 5.0, 4.0]]]])
    >>> pool.forward(x)
    array([[[[3., 5.]]]])
    >>> pool.backward(np.array([[[[10.0, 20.0]]]]))
    array([[[[10.,  0., 20.,  0.],
             [ 0.,  0.,  0.,  0.]]]])
    """

    @border_of_layer
    def forward(self, x: FloatArray, rng: np.random.Generator | None = None) -> FloatArray:
        """Return the maxima, (B, C, H, W) to (B, C, H // size, W // size).

        Raises
        ------
        ValueError
            If `x` has not four axes, or a side is shorter than `size`.
        """
        self._shape, x = x.shape, whole_tiles(x, self.size)
        first, *others = _places(self.size)
        z = x[first].copy(order="K")
        for part in others:
            np.maximum(z, x[part], out=z)  # NaN goes through, so that divergence is seen
        self._x, self._z = x, z
        return z

    @border_of_layer
    def backward(self, grad: FloatArray) -> FloatArray:
        """Return g at the first maximum of every tile, 0 elsewhere."""
        require_shape(grad, "grad", self._z.shape)
        d_x = max_pool_backward(self._x, self._z, grad, self.size)
        return _with_the_rest(d_x, self._shape)


class AveragePool(_Tiles):
    """The mean of every tile.

    Parameters
    ----------
    size : int
        Of a tile's side, and the stride.

    Examples
    --------
    >>> pool = AveragePool(2)
    >>> pool.forward(np.array([[[[3.0, 1.0], [0.0, 2.0]]]]))
    array([[[[1.5]]]])
    >>> pool.backward(np.array([[[[2.0]]]]))
    array([[[[0.5, 0.5],
             [0.5, 0.5]]]])
    """

    @border_of_layer
    def forward(self, x: FloatArray, rng: np.random.Generator | None = None) -> FloatArray:
        """Return the means, (B, C, H, W) to (B, C, H // size, W // size).

        Raises
        ------
        ValueError
            If `x` has not four axes, or a side is shorter than `size`.
        """
        self._shape, x = x.shape, whole_tiles(x, self.size)
        total = np.zeros_like(x[:, :, :: self.size, :: self.size])
        for part in _places(self.size):
            total += x[part]
        return total / self.size**2

    @border_of_layer
    def backward(self, grad: FloatArray) -> FloatArray:
        """Return g / size^2 at every pixel of a tile."""
        B, C, H, W = self._shape
        require_shape(grad, "grad", (B, C, H // self.size, W // self.size))
        d_x = np.empty((B, C, *(self.size * side for side in grad.shape[2:])), grad.dtype)
        for part in _places(self.size):
            d_x[part] = grad / self.size**2
        return _with_the_rest(d_x, self._shape)


@socket("max-pool-backward")
def max_pool_backward(x: FloatArray, z: FloatArray, grad: FloatArray, size: int) -> FloatArray:
    """Return dL/dx of `MaxPool`: g at the first maximum of every tile, 0 elsewhere.

    Parameters
    ----------
    x : ndarray (B, C, H, W)
    z, grad : ndarray (B, C, H/size, W/size)
        The maxima, and g = dL/dz.
    size : int

    Returns
    -------
    ndarray (B, C, H, W)

    Examples
    --------
    >>> x = np.array([[[[2.0, 5.0], [5.0, 4.0]]]])
    >>> max_pool_backward(x, np.full((1, 1, 1, 1), 5.0), np.ones((1, 1, 1, 1)), 2)
    array([[[[0., 1.],
             [0., 0.]]]])
    """
    d_x, free = np.empty_like(x), np.ones_like(grad, bool)
    for part in _places(size):
        hit = free & (x[part] == z)
        d_x[part] = grad * hit
        free ^= hit
    return d_x


def _places(size: int) -> Iterator[tuple[slice, ...]]:
    """Yield, in reading order, the index of one place in every tile."""
    for k, l in np.ndindex(size, size):
        yield np.s_[:, :, k::size, l::size]


def whole_tiles(x: FloatArray, size: int) -> FloatArray:
    """Return images (B, C, H, W) without the pixels that fill no tile: a view.

    Examples
    --------
    >>> whole_tiles(np.ones((1, 1, 5, 4)), 2).shape
    (1, 1, 4, 4)
    """
    require_shapes("x(B,C,H,W)", x)
    H, W = (side // size * size for side in x.shape[2:])
    if not H * W:
        raise ValueError(
            f"x must hold images whose sides are at least {size}, the size of the pool; "
            f"got {x.shape[2:]}"
        )
    return x[:, :, :H, :W]


def _with_the_rest(d_x: FloatArray, shape: tuple[int, ...]) -> FloatArray:
    """Return a gradient for whole images: 0 for the pixels that fill no tile."""
    if d_x.shape == shape:
        return d_x
    whole = np.zeros_like(d_x, shape=shape)
    whole[:, :, : d_x.shape[2], : d_x.shape[3]] = d_x
    return whole

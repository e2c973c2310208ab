r"""A convolution's weights as a matrix, so that Module B can lay a field over them.

The weights are (F, C, kh, kw): F filters over C channels. There are two layouts:

.. code-block:: text

    "blocks"    rows (C, kh), columns (F, kw): one block is one kernel, its rows are the
                kernel's rows and its columns the kernel's columns. A field sees both
                directions of the image.
    "filters"   rows (C, kh, kw), columns F: a column is one filter's whole fan-in, as in a
                dense layer. Down a column the kernel is read line by line, so a field sees
                its lines only; along a row stands the same place in the next filter.

A grid or a chain does not know where a kernel ends (`block_borders` does). What its couplings
join, weight (f, c, u, v) being row u and column v of the kernel from channel c to filter f:

.. code-block:: text

                                  "blocks"                     "filters"
    J_col, inside a kernel        (u, v)-(u+1, v)              (u, v)-(u, v+1), and the jump
                                                               (u, kw-1)-(u+1, 0)
    J_col, across a border        (c, kh-1, v)-(c+1, 0, v)     (c, kh-1, kw-1)-(c+1, 0, 0)
    J_row, inside a kernel        (u, v)-(u, v+1)              none
    J_row, across a border        (f, u, kw-1)-(f+1, u, 0)     (f, u, v)-(f+1, u, v)

In "blocks", then, the last row of one channel's kernel lies above the first row of the next
channel's, and the last column of one filter's beside the first column of the next filter's:
neighbours in the matrix, but not in the image. With many kernels of 3 x 3 that is one pair in
three, with 5 x 5 one in five; a grid likes these to be equal, too. In a 1 x 1 convolution every
pair crosses a border and joins true channel neighbours, and both layouts are the matrix of a
dense layer.

`edges_within_kernels` gives only the pairs that are neighbours in the image, for a
`tvbi_ref.GraphSupport`; `edges_along` those along any one axis, also from channel to channel.
On such a graph the layout does not matter: it only says where a weight is written.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tvbi_ref._validation import as_array, as_choice
from tvbi_ref.nets.shapes import as_sizes, require_shape, require_shapes

Array = NDArray[Any]
IntArray = NDArray[np.int64]

LAYOUTS = ("blocks", "filters")
"""The names of the layouts; "blocks" is the default everywhere."""

AXES = ("F", "C", "kh", "kw")
"""The axes of the weights: filter (C_out), channel (C_in), row and column of the kernel."""


def to_matrix(kernel: ArrayLike, layout: str = "blocks") -> Array:
    """Return the weights as a matrix.

    Parameters
    ----------
    kernel : array_like (F, C, kh, kw)
        Of any dtype; a mask, say.
    layout : {"blocks", "filters"}

    Returns
    -------
    ndarray (C kh, F kw) or (C kh kw, F)
        Nothing is computed, only put in another order. It may share memory with `kernel`, as
        "filters" does and "blocks" in general cannot: copy it before you write into it.

    Raises
    ------
    ValueError
        If the array has not four axes, or there is no such layout.

    Notes
    -----
    Source: docs/EQUATIONS.md, section 0.

    Examples
    --------
    >>> kernel = np.arange(8).reshape(2, 1, 2, 2)  # two filters of 2 x 2
    >>> to_matrix(kernel)
    array([[0, 1, 4, 5],
           [2, 3, 6, 7]])
    >>> to_matrix(kernel, "filters")
    array([[0, 4],
           [1, 5],
           [2, 6],
           [3, 7]])
    """
    array = as_array(kernel, "kernel")
    require_shapes("kernel(F,C,kh,kw)", array)
    F, C, kh, kw = array.shape
    if as_choice(layout, "layout", LAYOUTS) == "blocks":
        return array.transpose(1, 2, 0, 3).reshape(C * kh, F * kw)
    return array.reshape(F, C * kh * kw).T


def to_kernel(matrix: ArrayLike, shape: Iterable[int], layout: str = "blocks") -> Array:
    """Return the weights of a matrix, the inverse of `to_matrix`.

    Parameters
    ----------
    matrix : array_like (C kh, F kw) or (C kh kw, F)
    shape : (F, C, kh, kw)
    layout : {"blocks", "filters"}

    Returns
    -------
    ndarray (F, C, kh, kw)
        A view of `matrix`, in both layouts.

    Raises
    ------
    TypeError, ValueError
        If `shape` is not four whole numbers >= 1, the matrix has not the shape that such
        weights have in this layout, or there is no such layout.

    Notes
    -----
    Source: docs/EQUATIONS.md, section 0.

    Examples
    --------
    >>> kernel = np.arange(24).reshape(2, 3, 2, 2)
    >>> all((to_kernel(to_matrix(kernel, k), kernel.shape, k) == kernel).all() for k in LAYOUTS)
    True
    """
    F, C, kh, kw = as_sizes(shape, "shape", AXES)
    blocks = as_choice(layout, "layout", LAYOUTS) == "blocks"
    array = as_array(matrix, "matrix")
    expected = (C * kh, F * kw) if blocks else (C * kh * kw, F)
    require_shape(array, "matrix", expected)
    if blocks:
        return array.reshape(C, kh, F, kw).transpose(2, 0, 1, 3)
    return array.T.reshape(F, C, kh, kw)


def block_borders(shape: Iterable[int], layout: str = "blocks") -> tuple[IntArray, IntArray]:
    """Return the rows and the columns of the matrix at which another kernel begins.

    Parameters
    ----------
    shape : (F, C, kh, kw)
    layout : {"blocks", "filters"}

    Returns
    -------
    rows, columns : ndarray of int
        A border runs between rows i - 1 and i for every i in `rows`, and so for the columns:
        to draw it, put a line at i - 1/2. The rims of the matrix are not among them.

    Raises
    ------
    TypeError, ValueError
        If `shape` is not four whole numbers >= 1, or there is no such layout.

    Notes
    -----
    Source: docs/EQUATIONS.md, section 0. For groups that are kernels use
    `tvbi_ref.module_b.Tiles`: `Tiles(kh, kw)` in "blocks", `Tiles(kh * kw, 1)` in "filters".

    Examples
    --------
    >>> block_borders((3, 2, 5, 5))
    (array([5]), array([ 5, 10]))
    >>> block_borders((3, 2, 5, 5), "filters")
    (array([25]), array([1, 2]))
    """
    F, C, kh, kw = as_sizes(shape, "shape", AXES)
    blocks = as_choice(layout, "layout", LAYOUTS) == "blocks"
    height, width = (kh, kw) if blocks else (kh * kw, 1)
    return height * np.arange(1, C), width * np.arange(1, F)


def edges_along(shape: Iterable[int], axis: str, layout: str = "blocks") -> IntArray:
    """Return the pairs of weights that are one step apart along one axis of the weights.

    Parameters
    ----------
    shape : (F, C, kh, kw)
    axis : {"F", "C", "kh", "kw"}
        "kh" joins (u, v)-(u+1, v) and "kw" (u, v)-(u, v+1), inside one kernel; "C" and "F"
        the same place in the next channel and in the next filter.
    layout : {"blocks", "filters"}

    Returns
    -------
    ndarray (E, 2) of int
        Places in the matrix, counted row by row, as `tvbi_ref.GraphSupport` takes them.

    Raises
    ------
    TypeError, ValueError
        If `shape` is not four whole numbers >= 1, or there is no such axis or layout.

    Notes
    -----
    Source: docs/EQUATIONS.md, section 0.

    Examples
    --------
    Two channels of 1 x 3: the same place of both is coupled, which no grid over "blocks" does.

    >>> edges_along((1, 2, 1, 3), "C").tolist()
    [[0, 3], [1, 4], [2, 5]]

    Space coupled more strongly than channels:

    >>> from tvbi_ref import GraphSupport
    >>> shape, strength = (1, 2, 3, 3), {"kh": 0.3, "kw": 0.3, "C": 0.1}
    >>> edges = [edges_along(shape, axis) for axis in strength]
    >>> J = np.repeat(list(strength.values()), [len(e) for e in edges])
    >>> GraphSupport(np.concatenate(edges), J, field=-1.0).couplings.size
    33
    """
    sizes = as_sizes(shape, "shape", AXES)
    k = AXES.index(as_choice(axis, "axis", AXES))
    nothing = np.broadcast_to(False, sizes)
    rows, columns = to_matrix(nothing, layout).shape
    place = to_kernel(np.arange(rows * columns).reshape(rows, columns), sizes, layout)
    ahead = np.arange(1, sizes[k])
    ends = place.take(ahead - 1, axis=k), place.take(ahead, axis=k)
    return np.stack([end.ravel() for end in ends], axis=1)


def edges_within_kernels(shape: Iterable[int], layout: str = "blocks") -> IntArray:
    """Return the pairs of weights that are neighbours in the image, inside one kernel.

    Parameters
    ----------
    shape : (F, C, kh, kw)
    layout : {"blocks", "filters"}

    Returns
    -------
    ndarray (E, 2) of int
        Places in the matrix, counted row by row, as `tvbi_ref.GraphSupport` takes them.
        First the pairs along the kernels' columns, (u, v)-(u+1, v), then those along their
        rows, (u, v)-(u, v+1).

    Raises
    ------
    TypeError, ValueError
        If `shape` is not four whole numbers >= 1, or there is no such layout.

    Notes
    -----
    Source: docs/EQUATIONS.md, section 0. Kernels do not hear each other on this graph. It has
    fewer loops than a grid, and so allows stronger couplings: its uniqueness value is
    sqrt(3) tanh|J| for kernels of 3 x 3 where a grid's is 3 tanh|J|.

    Examples
    --------
    >>> edges_within_kernels((1, 1, 2, 2)).tolist()
    [[0, 2], [1, 3], [0, 1], [2, 3]]
    >>> len(edges_within_kernels((20, 1, 5, 5)))  # 20 kernels, 2 * 4 * 5 pairs in each
    800

    A 2 x 1 kernel for each of two channels, and loud evidence in the last row of the first:
    in a grid over the matrix it reaches the second, here it does not.

    >>> from tvbi_ref import GraphSupport, GridSupport
    >>> graph = GraphSupport(edges_within_kernels((1, 2, 2, 1)), couplings=0.5, field=-1.0)
    >>> l = [[0.0], [4.0], [0.0], [0.0]]
    >>> graph.extrinsic(l).log_odds.ravel().round(2)
    array([-0.11, -1.43, -1.43, -1.43])
    >>> GridSupport(-1.0, 0.0, 0.5).extrinsic(l).log_odds.ravel().round(2)
    array([-0.19, -2.02, -0.6 , -1.07])
    """
    return np.concatenate([edges_along(shape, axis, layout) for axis in ("kh", "kw")])

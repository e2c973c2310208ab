r"""A convolution's weights as a matrix, so that Module B can lay a field over them.

The weights are (F, C, kh, kw): F filters over C channels. There are two layouts:

.. code-block:: text

    "blocks"    rows (C, kh), columns (F, kw): one block is one kernel, its rows are the
                kernel's rows and its columns the kernel's columns. A field sees both
                directions of the image.
    "filters"   rows (C, kh, kw), columns F: a column is one filter's whole fan-in, as in a
                dense layer. Down a column the neighbours are those of the kernel's row;
                along a row they are the same place in the next filter.

A grid or a chain does not know where a kernel ends. In "blocks" the last row of one channel's
kernel lies above the first row of the next channel's, and the last column of one filter's
beside the first column of the next filter's: neighbours in the matrix, but not in the image.
`edges_within_kernels` gives only those that are neighbours in the image, for a
`tvbi_ref.GraphSupport`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tvbi_ref._validation import as_choice

Array = NDArray[Any]

LAYOUTS = ("blocks", "filters")
"""The names of the layouts; "blocks" is the default everywhere."""


def to_matrix(kernel: Array, layout: str = "blocks") -> Array:
    """Return the weights as a matrix.

    Parameters
    ----------
    kernel : ndarray (F, C, kh, kw)
        Of any dtype; a mask, say.
    layout : {"blocks", "filters"}

    Returns
    -------
    ndarray (C kh, F kw) or (C kh kw, F)

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
    F, C, kh, kw = _axes(np.shape(kernel), "kernel")
    if as_choice(layout, "layout", LAYOUTS) == "blocks":
        return np.transpose(kernel, (1, 2, 0, 3)).reshape(C * kh, F * kw)
    return np.reshape(kernel, (F, C * kh * kw)).T


def to_kernel(matrix: Array, shape: tuple[int, ...], layout: str = "blocks") -> Array:
    """Return the weights of a matrix, the inverse of `to_matrix`.

    Parameters
    ----------
    matrix : ndarray (C kh, F kw) or (C kh kw, F)
    shape : (F, C, kh, kw)
    layout : {"blocks", "filters"}

    Raises
    ------
    ValueError
        If the matrix has not the shape that the weights have in this layout.

    Examples
    --------
    >>> kernel = np.arange(24).reshape(2, 3, 2, 2)
    >>> all((to_kernel(to_matrix(kernel, k), kernel.shape, k) == kernel).all() for k in LAYOUTS)
    True
    """
    F, C, kh, kw = _axes(shape, "shape")
    blocks = as_choice(layout, "layout", LAYOUTS) == "blocks"
    expected = (C * kh, F * kw) if blocks else (C * kh * kw, F)
    if np.shape(matrix) != expected:
        raise ValueError(
            f"matrix must have shape {expected}, weights {tuple(shape)} laid out as {layout!r}; "
            f"got {np.shape(matrix)}"
        )
    if blocks:
        return np.reshape(matrix, (C, kh, F, kw)).transpose(2, 0, 1, 3)
    return np.transpose(matrix).reshape(F, C, kh, kw)


def edges_within_kernels(shape: tuple[int, ...], layout: str = "blocks") -> NDArray[np.int64]:
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

    Examples
    --------
    >>> edges_within_kernels((1, 1, 2, 2)).tolist()
    [[0, 2], [1, 3], [0, 1], [2, 3]]
    >>> len(edges_within_kernels((20, 1, 5, 5)))  # 20 kernels, 2 * 4 * 5 pairs in each
    800
    """
    F, C, kh, kw = _axes(shape, "shape")
    matrix = to_matrix(np.zeros((F, C, kh, kw)), layout)
    place = to_kernel(np.arange(matrix.size).reshape(matrix.shape), shape, layout)
    pairs = [(place[:, :, :-1], place[:, :, 1:]), (place[..., :-1], place[..., 1:])]
    return np.concatenate([np.stack([a.ravel(), b.ravel()], axis=1) for a, b in pairs])


def _axes(shape: tuple[int, ...], name: str) -> tuple[int, int, int, int]:
    if len(shape) != 4:
        raise ValueError(f"{name} must be (F, C, kh, kw), four axes; got {tuple(shape)}")
    F, C, kh, kw = shape
    return F, C, kh, kw

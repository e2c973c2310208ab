"""What shapes fit: an array's axes by their letters, and the sides of a convolution's output."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from tvbi_ref._validation import FloatArray, as_count


def as_sizes(value: Iterable[int], name: str, axes: Sequence[str]) -> tuple[int, ...]:
    """Return the lengths of these axes, whole numbers >= 1.

    Examples
    --------
    >>> as_sizes([28, 28], "input_shape", "CHW")
    Traceback (most recent call last):
    ValueError: input_shape must be (C, H, W), whole numbers >= 1; got [28, 28]
    """
    wanted = f"{name} must be ({', '.join(axes)}), whole numbers >= 1; got {value!r}"
    if not isinstance(value, Iterable):
        raise TypeError(wanted)
    sizes = tuple(value)
    if len(sizes) != len(axes):
        raise ValueError(wanted)
    return tuple(as_count(n, f"{name}[{k}]", at_least=1) for k, n in enumerate(sizes))


def require_shapes(signature: str, *arrays: Any) -> None:
    """Raise a ValueError for an array that has not the axes that its letters name.

    Parameters
    ----------
    signature : str
        Name and axes of every array; a letter is the same length wherever it stands.
    *arrays : array_like

    Examples
    --------
    >>> require_shapes("mean(I,J) x(B,I)", np.ones((3, 2)), np.ones((5, 4)))
    Traceback (most recent call last):
    ValueError: x must have shape (B, I) with I = 3; got (5, 4)
    """
    length: dict[str, int] = {}
    for part, array in zip(signature.split(), arrays, strict=True):
        name, letters = part.rstrip(")").split("(")
        axes, shape = letters.split(","), np.shape(array)
        wanted = ", ".join(axes)
        if len(shape) != len(axes):
            raise ValueError(f"{name} must have {len(axes)} axes ({wanted}); got shape {shape}")
        for axis, n in zip(axes, shape, strict=True):
            if length.setdefault(axis, n) != n:
                known = f"({wanted}) with {axis} = {length[axis]}"
                raise ValueError(f"{name} must have shape {known}; got {shape}")


def require_shape(array: Any, name: str, shape: tuple[int, ...]) -> None:
    """Raise a ValueError for an array of another shape.

    Examples
    --------
    >>> require_shape(np.ones(3), "grad", (2,))
    Traceback (most recent call last):
    ValueError: grad must have shape (2,); got (3,)
    """
    if np.shape(array) != shape:
        raise ValueError(f"{name} must have shape {shape}; got {np.shape(array)}")


def conv_output_shape(
    x: FloatArray, mean: FloatArray, variance: FloatArray, stride: int, padding: int
) -> tuple[int, int, int, int]:
    """Return (B, F, Ho, Wo), or say which argument does not fit.

    Parameters
    ----------
    x : ndarray (B, C, H, W)
    mean, variance : ndarray (F, C, kh, kw)
    stride : int >= 1
    padding : int >= 0

    Examples
    --------
    >>> image, kernels = np.ones((1, 3, 32, 32)), np.ones((8, 3, 5, 5))
    >>> conv_output_shape(image, kernels, kernels, stride=1, padding=2)
    (1, 8, 32, 32)
    """
    as_count(stride, "stride", at_least=1)
    as_count(padding, "padding")
    require_shapes("mean(F,C,kh,kw) variance(F,C,kh,kw) x(B,C,H,W)", mean, variance, x)
    room = [side + 2 * padding - k for side, k in zip(x.shape[2:], mean.shape[2:], strict=True)]
    if min(room) < 0:
        raise ValueError(
            f"x must hold images at least as large as the kernels, {mean.shape[2:]}; got "
            f"{x.shape[2:]} with padding {padding}"
        )
    return x.shape[0], mean.shape[0], room[0] // stride + 1, room[1] // stride + 1

"""How much every row of the data counts: a row of weight 2 is that row twice."""

from __future__ import annotations

from typing import Any, NamedTuple

from numpy.typing import ArrayLike, DTypeLike, NDArray

from tvbi_ref._validation import FloatArray, as_float_array


class RowWeights(NamedTuple):
    """The weights of rows, or none.

    The likelihood of all rows is sum_n w_n ln p(y_n | w), and what a mean over N rows is divided
    by, is W = sum_n w_n: so that a step's KL weight is kappa/W.

    Parameters
    ----------
    each : ndarray (N,) or None
        w; None where every row counts once.
    share : ndarray (N,) or None
        N w/W, of mean 1, in the network's dtype: factors for the terms of a mean over rows.
    total : float
        W.

    Examples
    --------
    >>> weights = as_row_weights([1.0, 3.0], 2, float)
    >>> weights.of(slice(1, 2)), weights.total
    (array([1.5]), 4.0)
    >>> as_row_weights(None, 2, float).total
    2
    """

    each: FloatArray | None
    share: FloatArray | None
    total: float

    def of(self, rows: NDArray[Any] | slice) -> FloatArray | None:
        """Return the factors of some rows."""
        return None if self.share is None else self.share[rows]


def as_arguments(share: FloatArray | None) -> tuple[FloatArray, ...]:
    """Return weights as further arguments of a loss, none if there are none.

    A reader's own loss need not know of weights: it is asked with them only where they are given.

    Examples
    --------
    >>> as_arguments(None)
    ()
    """
    return () if share is None else (share,)


def as_row_weights(value: ArrayLike | None, n_rows: int, dtype: DTypeLike) -> RowWeights:
    """Return the weights that a caller gave, or say what is wrong with them.

    Parameters
    ----------
    value : array_like (n_rows,) or None
        Numbers >= 0, not all of them zero.
    n_rows : int
    dtype : dtype
        Of the network.

    Examples
    --------
    >>> as_row_weights([1.0, -1.0], 2, float)
    Traceback (most recent call last):
    ValueError: sample_weight must be >= 0 and not all zero; got -1 to 1
    """
    if value is None:
        return RowWeights(None, None, n_rows)
    each = as_float_array(value, "sample_weight", shape=(n_rows,))
    if each.min() < 0 or not each.any():
        found = f"{each.min():g} to {each.max():g}"
        raise ValueError(f"sample_weight must be >= 0 and not all zero; got {found}")
    return RowWeights(each, (each / each.mean()).astype(dtype), float(each.sum()))

"""A data set: training and test rows, checked once, split and standardised."""

from __future__ import annotations

import math
from dataclasses import KW_ONLY, dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tvbi_ref._repr import brief
from tvbi_ref._validation import FloatArray, as_count, as_float_array, as_labels, as_real

# sklearn is imported inside the functions that use it: `import tvbi_ref` should not wait for a
# second because of a split that it may never do.


@dataclass(frozen=True, eq=False)
class TargetScale:
    """How regression targets were standardised, and the way back: y = std * y' + mean.

    Parameters
    ----------
    mean : array_like, (D,)
        Mean of each target over the training rows, in the target's own units.
    std : array_like, (D,), > 0
        Standard deviation over the training rows; 1 for a constant target.

    Raises
    ------
    ValueError
        If the shapes differ or a standard deviation is not positive.

    Examples
    --------
    >>> scale = TargetScale(mean=[10.0], std=[2.0])
    >>> scale.undo([[0.0], [1.5]])
    array([[10.], [13.]])
    """

    mean: FloatArray
    std: FloatArray

    __repr__ = brief

    def __post_init__(self) -> None:
        mean = as_float_array(self.mean, "mean", ndim=1).copy()
        std = as_float_array(self.std, "std", shape=mean.shape).copy()
        if (std <= 0).any():
            raise ValueError(f"std must be > 0 for every target; got {std.min():g}")
        object.__setattr__(self, "mean", mean)
        object.__setattr__(self, "std", std)

    def undo(self, y: ArrayLike) -> FloatArray:
        """Return standardised targets or predictions in the original units.

        A predictive standard deviation goes back by ``* std`` alone.

        Parameters
        ----------
        y : array_like, (..., D)

        Returns
        -------
        ndarray, (..., D), float64

        Raises
        ------
        ValueError
            If the last axis has not D entries: broadcasting a flat y would pair rows
            with targets.

        Examples
        --------
        >>> TargetScale([1.0, 2.0], [1.0, 10.0]).undo([0.5, 0.5])
        array([1.5, 7. ])
        """
        y = as_float_array(y, "y")
        if y.shape[-1:] != self.mean.shape:
            raise ValueError(f"y must have shape (..., {self.mean.size}); got {y.shape}")
        return self.std * y + self.mean


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """Training and test rows (perhaps validation rows as well), checked once.

    Parameters
    ----------
    x_train, x_test : array_like, (n, features)
        Kept as C-contiguous float32. The numbers of rows may differ.
    y_train, y_test : array_like
        Classification: integer labels in [0, n_classes), shape (n,), kept as int64.
        Regression: shape (n, D), kept as float32; a single target is (n, 1).
    name : str
        What to call it in tables.
    x_valid, y_valid : array_like, optional
        As above; both or neither.
    n_classes : int, optional
        At least 2; None means regression.
    feature_shape : tuple of int
        The shape in which one row is a picture, e.g. (28, 28); ``(features,)`` if empty.
    target_scale : TargetScale, optional
        Set by `standardised`, for regression.

    Raises
    ------
    TypeError
        If an array is not numeric or labels are not whole numbers.
    ValueError
        If an array is empty, a shape disagrees, or a label is out of range.
    NonFiniteError
        If an entry is NaN or infinite.

    Examples
    --------
    >>> Dataset([[0.0], [1.0], [2.0]], [0, 1, 1], [[1.5]], [1], "toy", n_classes=2)
    Dataset('toy': 3 train, 1 test; 1 feature; 2 classes)
    >>> Dataset([[0.0], [1.0]], [0, 2], [[1.5]], [1], "toy", n_classes=2)
    Traceback (most recent call last):
    ValueError: y_train must hold labels from 0 to 1; got 2 at position 1
    """

    x_train: FloatArray
    y_train: NDArray[Any]
    x_test: FloatArray
    y_test: NDArray[Any]
    name: str
    _: KW_ONLY
    x_valid: FloatArray | None = None
    y_valid: NDArray[Any] | None = None
    n_classes: int | None = None
    feature_shape: tuple[int, ...] = ()
    target_scale: TargetScale | None = None

    def __post_init__(self) -> None:
        if self.n_classes is not None:
            object.__setattr__(self, "n_classes", as_count(self.n_classes, "n_classes", at_least=2))
        if (self.x_valid is None) != (self.y_valid is None):
            missing = "x_valid" if self.x_valid is None else "y_valid"
            raise ValueError(f"x_valid and y_valid go together; got no {missing}")
        for part in self._parts():
            self._clean(part)
        given = (as_count(n, "feature_shape", at_least=1) for n in self.feature_shape)
        shape = tuple(given) or self.x_train.shape[1:]
        if math.prod(shape) != self.x_train.shape[1]:
            raise ValueError(
                f"feature_shape must hold {self.x_train.shape[1]} features; got {shape}"
            )
        object.__setattr__(self, "feature_shape", shape)

    def _parts(self) -> tuple[str, ...]:
        """Return the names of the parts that there are, train first."""
        return ("train", "test") if self.x_valid is None else ("train", "valid", "test")

    def _clean(self, part: str) -> None:
        """Check x and y of one part and keep them in the types promised (train goes first)."""
        x_name, y_name = f"x_{part}", f"y_{part}"
        x = as_float_array(getattr(self, x_name), x_name, ndim=2, dtype=np.float32)
        y = getattr(self, y_name)
        if self.n_classes is not None:
            y = as_labels(y, y_name, n_classes=self.n_classes, length=len(x))
        else:
            y = as_float_array(y, y_name, ndim=2, dtype=np.float32)
        if len(y) != len(x):
            raise ValueError(f"{y_name} must have {len(x)} rows, as {x_name} has; got {len(y)}")
        for name, array in ((x_name, x), (y_name, y)):
            object.__setattr__(self, name, np.array(array, order="C"))
            wanted = getattr(self, f"{name[0]}_train").shape[1:]
            if array.shape[1:] != wanted:
                raise ValueError(
                    f"{name} must have shape (n, {wanted[0]}), as {name[0]}_train has;"
                    f" got {array.shape}"
                )

    def __repr__(self) -> str:
        sizes = ", ".join(f"{len(getattr(self, f'x_{part}'))} {part}" for part in self._parts())
        features = _count(self.x_train.shape[1], "feature")
        if len(self.feature_shape) > 1:
            features += f" {self.feature_shape}"
        if self.n_classes is None:
            target = _count(self.y_train.shape[1], "target")
        else:
            target = f"{self.n_classes} classes"
        return f"{type(self).__name__}({self.name!r}: {sizes}; {features}; {target})"

    def with_validation(self, fraction: float, *, seed: int) -> Self:
        """Return a data set in which a part of the training rows is set aside for validation.

        Rows keep their original order in both parts; classes keep their proportions.
        Call it before `standardised`, so that the held-out rows stay out of the statistics.

        Parameters
        ----------
        fraction : float in (0, 1)
            The part of the training rows that moves.
        seed : int
            The same seed moves the same rows.

        Raises
        ------
        ValueError
            If there are validation rows already, `fraction` is out of range, or a part
            would be too small to hold every class.

        Examples
        --------
        >>> from tvbi_ref import datasets
        >>> datasets.load_digits().with_validation(0.1, seed=0)
        Dataset('digits': 1293 train, 144 valid, 360 test; 64 features (8, 8); 10 classes)
        """
        if self.x_valid is not None:
            raise ValueError(f"fraction: {self!r} has validation rows already")
        labels = None if self.n_classes is None else self.y_train
        kept, moved = split(len(self.x_train), fraction, seed, labels=labels, name="fraction")
        return replace(
            self,
            x_train=self.x_train[kept],
            y_train=self.y_train[kept],
            x_valid=self.x_train[moved],
            y_valid=self.y_train[moved],
        )

    def standardised(self) -> Self:
        """Return a data set with features (and regression targets) of mean 0 and deviation 1.

        Mean and standard deviation (divided by n) are those of the TRAINING rows, for every
        part: statistics of test rows would leak. A feature that is constant in training is
        only centred. The statistics of the targets are kept in ``target_scale``.

        Raises
        ------
        ValueError
            If it is standardised already: the way back to the original targets would be lost.

        Examples
        --------
        >>> data = Dataset([[1.0], [3.0]], [[10.0], [20.0]], [[5.0]], [[30.0]], "toy")
        >>> ready = data.standardised()
        >>> ready.x_train.ravel(), ready.x_test.ravel()
        (array([-1., 1.], dtype=float32), array([3.], dtype=float32))
        >>> ready.target_scale.undo(ready.y_test)
        array([[30.]])
        """
        from sklearn.preprocessing import StandardScaler

        if self.target_scale is not None:
            raise ValueError(f"{self!r} is standardised already")
        features = StandardScaler().fit(self.x_train)
        changes: dict[str, Any] = {
            f"x_{part}": features.transform(getattr(self, f"x_{part}")) for part in self._parts()
        }
        if self.n_classes is None:
            targets = StandardScaler().fit(self.y_train)
            changes["target_scale"] = TargetScale(targets.mean_, targets.scale_)
            for part in self._parts():
                changes[f"y_{part}"] = targets.transform(getattr(self, f"y_{part}"))
        return replace(self, **changes)


def _count(n: int, noun: str) -> str:
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def split(
    n: int, fraction: float, seed: int, *, labels: NDArray[np.int64] | None, name: str
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the ascending indices of the rows that stay and of the rows that go.

    Parameters
    ----------
    n : int
    fraction : float in (0, 1)
        Of the rows that go.
    seed : int
    labels : ndarray (n,) or None
        Classes, which keep their proportions.
    name : str
        What the fraction is called where it comes from, for the errors.

    Examples
    --------
    >>> split(5, 0.4, 0, labels=None, name="fraction")
    (array([1, 3, 4]), array([0, 2]))
    """
    from sklearn.model_selection import train_test_split

    fraction = as_real(fraction, name, above=0, below=1)
    seed = as_count(seed, "seed")
    try:
        stay, go = train_test_split(
            np.arange(n), test_size=fraction, random_state=seed, stratify=labels
        )
    except ValueError as error:
        raise ValueError(f"{name}: cannot set aside {fraction:g} of {n} rows: {error}") from error
    return np.sort(stay), np.sort(go)

"""The data sets of the lessons and benchmarks: digits, a synthetic teacher, MNIST, Boston.

digits comes with scikit-learn and the synthetic teacher is drawn on the spot: neither
needs a network. MNIST and Boston are files; they are looked for in ``$TVBI_DATA``, then
in the cache, then downloaded, and whatever is found is checked before it is used.
"""

from __future__ import annotations

import gzip
import hashlib
import math
import os
import struct
import zlib
from collections.abc import Callable, Sequence
from dataclasses import KW_ONLY, dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tvbi_ref._validation import (
    FloatArray,
    as_choice,
    as_count,
    as_float_array,
    as_labels,
    as_real,
    as_widths,
)
from tvbi_ref.errors import DataCorruptedError, DataUnavailableError

# sklearn and pooch are imported inside the functions that use them: `import tvbi_ref`
# should not wait for a second because of a split that it may never do.


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

    def __post_init__(self) -> None:
        mean = as_float_array(self.mean, "mean", ndim=1)
        std = as_float_array(self.std, "std", shape=mean.shape)
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
            object.__setattr__(self, name, np.ascontiguousarray(array))
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
        >>> load_digits().with_validation(0.1, seed=0)
        Dataset('digits': 1293 train, 144 valid, 360 test; 64 features (8, 8); 10 classes)
        """
        if self.x_valid is not None:
            raise ValueError(f"fraction: {self!r} has validation rows already")
        labels = None if self.n_classes is None else self.y_train
        kept, moved = _split(len(self.x_train), fraction, seed, labels=labels, name="fraction")
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


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class SyntheticDataset(Dataset):
    """A regression data set that remembers the teacher network it was drawn from.

    `standardised` leaves `weights` in the original units. `supports` stays true, because
    scaling moves no zero; and the data come in standard units as they are drawn.

    Parameters
    ----------
    supports : tuple of bool arrays, (inputs, outputs) each
        One array a layer: which weights of the teacher are alive.
    weights : tuple of array_like, (inputs, outputs) each
        One array a layer, kept as float32; zero exactly where the support says so.

    Raises
    ------
    ValueError
        If layers and data do not fit together, or a weight lives off its support.

    Notes
    -----
    The other parameters are those of `Dataset`. Drawn by `load_synthetic`.

    Examples
    --------
    >>> data = load_synthetic(widths=(8, 4), n_train=6, n_test=2)
    >>> data
    SyntheticDataset('synthetic': 6 train, 2 test; 8 features; 4 targets)
    >>> data.supports[0].shape, data.weights[0].dtype
    ((8, 4), dtype('float32'))
    """

    supports: tuple[NDArray[np.bool_], ...]
    weights: tuple[FloatArray, ...]

    def __post_init__(self) -> None:
        super().__post_init__()
        weights = tuple(
            as_float_array(w, f"weights[{k}]", ndim=2, dtype=np.float32)
            for k, w in enumerate(self.weights)
        )
        object.__setattr__(self, "weights", weights)
        ends = [self.x_train.shape[1], *(w.shape[1] for w in weights)]
        starts = [*(w.shape[0] for w in weights), self.y_train.shape[1]]
        if ends != starts:
            shapes = [w.shape for w in weights]
            raise ValueError(
                f"weights must lead from {ends[0]} features to {starts[-1]} targets; got {shapes}"
            )
        for k, (support, w) in enumerate(zip(self.supports, weights, strict=True)):
            if support.dtype != np.bool_ or support.shape != w.shape:
                raise ValueError(
                    f"supports[{k}] must be a bool array of shape {w.shape};"
                    f" got {support.dtype} {support.shape}"
                )
            if (w[~support] != 0).any():
                raise ValueError(f"weights[{k}] must be 0 wherever supports[{k}] is False")


def _count(n: int, noun: str) -> str:
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def _split(
    n: int, fraction: float, seed: int, *, labels: NDArray[np.int64] | None, name: str
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the ascending indices of the rows that stay and of the rows that go."""
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


def load_digits(*, test_fraction: float = 0.2, seed: int = 0) -> Dataset:
    """Load the 1797 handwritten digits of 8x8 pixels that come with scikit-learn.

    Parameters
    ----------
    test_fraction : float in (0, 1)
        The part of the rows that is for testing.
    seed : int
        Which rows those are; every class keeps its proportion in both parts.

    Returns
    -------
    Dataset
        x in [0, 1] (the 17 grey levels divided by 16), shape (n, 64); y in 0..9.

    Raises
    ------
    ValueError
        If `test_fraction` is out of range or leaves a class without a row.

    Notes
    -----
    Source: the test part of E. Alpaydin and C. Kaynak, "Optical Recognition of
    Handwritten Digits", UCI Machine Learning Repository (1998). Some writers have rows
    in both parts of a random split, so that accuracies are for unseen rows, not for
    unseen writers.

    Examples
    --------
    >>> load_digits()
    Dataset('digits': 1437 train, 360 test; 64 features (8, 8); 10 classes)
    """
    from sklearn import datasets as sklearn_datasets

    pixels, y = sklearn_datasets.load_digits(return_X_y=True)
    x = pixels / 16.0
    train, test = _split(len(x), test_fraction, seed, labels=y, name="test_fraction")
    return Dataset(
        x[train], y[train], x[test], y[test], "digits", n_classes=10, feature_shape=(8, 8)
    )


def load_synthetic(
    *,
    widths: Sequence[int] = (64, 32),
    n_train: int = 48,
    n_test: int = 500,
    density: float = 0.2,
    mean_run: float = 8.0,
    noise: float = 0.3,
    seed: int = 0,
) -> SyntheticDataset:
    """Draw regression data from a teacher network whose live weights stand in clusters.

    Down each column of a layer (axis 0 = inputs: one neuron's fan-in) the support is a
    stationary two-state Markov chain. Inputs are N(0, 1), hidden layers are ReLU, there
    are no biases, and y = teacher(x) + N(0, noise^2).

    The default is ONE layer, a linear regression with many outputs, because there the
    support is identifiable. The units of a hidden layer can be permuted (and scaled)
    without changing the function, so with more widths a learner may be perfect and
    agree with no entry of `supports`: compare predictions then, not supports.

    The default has 48 rows for 64 weights an output. Least squares has no unique answer
    there; sparsity helps, and knowing that the live weights cluster helps further.

    Parameters
    ----------
    widths : sequence of int
        Layer widths, inputs first.
    n_train, n_test : int, >= 1
        Rows. The teacher does not depend on them.
    density : float in (0, 1)
        The expected part of live weights.
    mean_run : float, >= 1 and >= density / (1 - density)
        The mean length of a run of live weights in an endless column; the ends of a
        column cut runs short. 1 / (1 - density) means no clustering. Shorter runs than
        density / (1 - density) would need dead runs shorter than one.
    noise : float, >= 0
        Standard deviation of the noise, where the outputs' own is about 1.
    seed : int
        Same seed, same bytes.

    Returns
    -------
    SyntheticDataset
        x (n, widths[0]) and y (n, widths[-1]); `supports` and `weights` of the teacher.

    Raises
    ------
    TypeError, ValueError
        If an argument is out of its domain.

    Notes
    -----
    A live weight is a random sign times Uniform(1/2, 3/2), and one factor a layer brings
    the expected square of each output to 1. A normal would be the natural prior, but it
    puts live weights as near to zero as one likes, and missing one of those is no error of
    recovery; here every live weight can be seen. One factor for the layer, not one a
    column, because it keeps all live weights equally visible.

    Examples
    --------
    >>> data = load_synthetic()
    >>> data
    SyntheticDataset('synthetic': 48 train, 500 test; 64 features; 32 targets)
    >>> bool((data.supports[0] == (data.weights[0] != 0)).all())
    True
    >>> load_synthetic(mean_run=0.5)
    Traceback (most recent call last):
    ValueError: mean_run must be a number >= 1.0; got 0.5
    """
    widths = as_widths(widths)
    density = as_real(density, "density", above=0, below=1)
    # Rounded: 0.9 / (1 - 0.9) is a little more than 9 in floating point.
    shortest = max(1.0, round(density / (1 - density), 12))
    mean_run = as_real(mean_run, "mean_run", at_least=shortest)
    noise = as_real(noise, "noise", at_least=0)
    sizes = (as_count(n_train, "n_train", at_least=1), as_count(n_test, "n_test", at_least=1))
    # A stream each, so that asking for more rows changes neither the teacher nor the test.
    teacher, *streams = np.random.default_rng(as_count(seed, "seed")).spawn(3)
    shapes = list(pairwise(widths))
    supports = tuple(_markov_support(shape, density, mean_run, teacher) for shape in shapes)
    weights = tuple(
        _live_weights(support, density, 1.0 if k == 0 else 0.5, teacher)
        for k, support in enumerate(supports)
    )
    (x_train, y_train), (x_test, y_test) = (
        _teacher_rows(n, weights, noise, rng) for n, rng in zip(sizes, streams, strict=True)
    )
    return SyntheticDataset(
        x_train, y_train, x_test, y_test, "synthetic", supports=supports, weights=weights
    )


def _markov_support(
    shape: tuple[int, int], density: float, mean_run: float, rng: np.random.Generator
) -> NDArray[np.bool_]:
    """Draw a stationary two-state chain down each column, shape (inputs, outputs)."""
    p10 = 1 / mean_run  # a run of live weights ends: geometric, with mean 1/p10
    p01 = density * p10 / (1 - density)  # balance: (1 - density) p01 = density p10
    u = rng.random(shape)
    support = np.empty(shape, dtype=np.bool_)
    support[0] = u[0] < density  # begins in the stationary law: no burn-in at the first input
    for k in range(1, shape[0]):
        support[k] = u[k] < np.where(support[k - 1], 1 - p10, p01)
    return support


def _live_weights(
    support: NDArray[np.bool_], density: float, input_square: float, rng: np.random.Generator
) -> FloatArray:
    """Draw weights on `support` so that E[output^2] = 1 where E[input^2] = `input_square`."""
    size = rng.uniform(0.5, 1.5, support.shape)
    sign = rng.choice([-1.0, 1.0], support.shape)
    # E[output^2] = fan_in * density * E[w^2] * input_square, and E[size^2] = 13/12.
    expected_square = support.shape[0] * density * (13 / 12) * input_square
    return np.where(support, sign * size / math.sqrt(expected_square), 0.0).astype(np.float32)


def _teacher_rows(
    n: int, weights: Sequence[FloatArray], noise: float, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    """Draw n inputs and their noisy outputs; halving E[h^2], ReLU makes `input_square` 1/2."""
    x = rng.standard_normal((n, weights[0].shape[0])).astype(np.float32)
    y = x @ weights[0].astype(np.float64)
    for w in weights[1:]:
        y = np.maximum(y, 0.0) @ w
    return x, y + noise * rng.standard_normal(y.shape)


# --- Files: IDX ---------------------------------------------------------------------------

_IDX_TYPES: dict[int, np.dtype[Any]] = {
    0x08: np.dtype(">u1"),
    0x09: np.dtype(">i1"),
    0x0B: np.dtype(">i2"),
    0x0C: np.dtype(">i4"),
    0x0D: np.dtype(">f4"),
    0x0E: np.dtype(">f8"),
}
_MAX_AXES = 64  # what NumPy can hold; the format itself could say 255


def read_idx(source: str | os.PathLike[str] | bytes) -> NDArray[Any]:
    """Read an array in the IDX format of MNIST, plain or gzipped.

    Parameters
    ----------
    source : path or bytes
        A file, or the content of one.

    Returns
    -------
    ndarray
        Of the shape and type that the header declares, in the machine's byte order.

    Raises
    ------
    TypeError
        If `source` is neither a path nor bytes.
    FileNotFoundError
        If there is no such file.
    DataCorruptedError
        If the gzip stream is damaged, the header is not IDX, an axis is empty, or the
        content is not exactly as long as the header says.

    Notes
    -----
    The format: two zero bytes, a type code (0x08 ubyte, 0x09 byte, 0x0B int16, 0x0C
    int32, 0x0D float32, 0x0E float64), the number of axes, then each axis's size as a
    big-endian uint32, then the entries, big-endian and in C order. Source: Y. LeCun,
    C. Cortes and C. Burges, "The MNIST database of handwritten digits".

    Examples
    --------
    >>> header = bytes([0, 0, 0x08, 2]) + (2).to_bytes(4, "big") + (3).to_bytes(4, "big")
    >>> read_idx(header + bytes(range(6)))
    array([[0, 1, 2], [3, 4, 5]], dtype=uint8)
    >>> read_idx(header + bytes(range(5)))
    Traceback (most recent call last):
    tvbi_ref.errors.DataCorruptedError: the given bytes: truncated: shape (2, 3) of uint8
    needs 18 bytes; got 17
    """
    if isinstance(source, bytes):
        return _parse_idx(_gunzip(source, "the given bytes"), "the given bytes")
    if not isinstance(source, str | os.PathLike):
        raise TypeError(f"source must be a path or bytes; got {type(source).__name__}")
    return _parse_idx(_gunzip(Path(source).read_bytes(), str(source)), str(source))


def _gunzip(content: bytes, label: str) -> bytes:
    if not content.startswith(b"\x1f\x8b"):  # gzip's magic; IDX begins with two zero bytes
        return content
    try:
        return gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise DataCorruptedError(f"{label}: the gzip stream is damaged: {error}") from error


def _parse_idx(content: bytes, label: str) -> NDArray[Any]:
    dtype, shape = _idx_header(content, label)
    start = 4 + 4 * len(shape)
    # In Python's own integers: sizes made up by a damaged header must not overflow, and
    # nothing is allocated before they agree with what is there.
    expected = start + math.prod(shape) * dtype.itemsize
    if len(content) != expected:
        what = "truncated" if len(content) < expected else "trailing bytes"
        raise DataCorruptedError(
            f"{label}: {what}: shape {shape} of {dtype.name} needs {expected} bytes;"
            f" got {len(content)}"
        )
    array = np.frombuffer(content, dtype, offset=start).reshape(shape)
    return array.astype(dtype.newbyteorder("="))


def _idx_header(content: bytes, label: str) -> tuple[np.dtype[Any], tuple[int, ...]]:
    if len(content) < 4:
        raise DataCorruptedError(f"{label}: truncated: IDX needs 4 bytes; got {len(content)}")
    if content[:2] != b"\0\0":
        raise DataCorruptedError(
            f"{label}: not IDX: it must begin with the bytes 0000; got {content[:2].hex()}"
        )
    code, ndim = content[2], content[3]
    if code not in _IDX_TYPES:
        known = ", ".join(f"0x{known:02X}" for known in _IDX_TYPES)
        raise DataCorruptedError(f"{label}: IDX type must be one of {known}; got 0x{code:02X}")
    if not 1 <= ndim <= _MAX_AXES:
        raise DataCorruptedError(f"{label}: IDX must have 1 to {_MAX_AXES} axes; got {ndim}")
    if len(content) < 4 + 4 * ndim:
        raise DataCorruptedError(
            f"{label}: truncated: a header of {ndim} axes needs {4 + 4 * ndim} bytes;"
            f" got {len(content)}"
        )
    shape = struct.unpack_from(f">{ndim}I", content, 4)
    if 0 in shape:
        raise DataCorruptedError(f"{label}: an axis is empty: shape {shape}")
    return _IDX_TYPES[code], shape


# --- Files: where they are ----------------------------------------------------------------


@dataclass(frozen=True)
class _RemoteFile:
    path: str  # below $TVBI_DATA, and below the cache
    urls: tuple[str, ...]  # mirrors, tried in this order
    known_hash: str | None  # of the bytes that the mirrors serve, for pooch


def _cache_root() -> Path:
    import pooch

    return Path(pooch.os_cache("tvbi_ref"))


def _locate(file: _RemoteFile, download: bool) -> Path:
    """Return where `file` is, downloading it if that is needed and allowed."""
    user = os.environ.get("TVBI_DATA")
    roots = [Path(user).expanduser()] if user else []
    for root in (*roots, _cache_root()):
        for name in (file.path, file.path.removesuffix(".gz")):
            if (root / name).is_file():
                return root / name
    if not download:
        raise DataUnavailableError(_ways_out(file, "download=False"))
    return _download(file)


def _download(file: _RemoteFile) -> Path:
    import pooch

    target = _cache_root() / file.path
    reason: Exception | None = None
    for url in file.urls:
        try:
            found = pooch.retrieve(url, file.known_hash, fname=target.name, path=target.parent)
        # No network is an OSError (those of requests are), a wrong checksum a ValueError.
        except (OSError, ValueError) as error:
            reason = error
        else:
            return Path(found)
    raise DataUnavailableError(_ways_out(file, type(reason).__name__)) from reason


def _ways_out(file: _RemoteFile, reason: str) -> str:
    user = os.environ.get("TVBI_DATA")
    now = f"now {user!r}" if user else "not set now"
    return (
        f"{file.path} is not on this computer and was not downloaded ({reason}). Either set"
        f" $TVBI_DATA ({now}) to a folder that holds {file.path}, or connect to the network"
        f" and let it download to {_cache_root() / file.path} (from {' or '.join(file.urls)})"
    )


def _require_digest(content: bytes, expected: str, path: Path, what: str) -> None:
    found = hashlib.sha256(content).hexdigest()
    if found != expected:
        raise DataCorruptedError(
            f"{path}: the SHA-256 of {what} must be {expected}; got {found}."
            " Delete the file to have it downloaded again"
        )


# --- MNIST --------------------------------------------------------------------------------

_MNIST_MIRRORS = (
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
)
# SHA-256 of the .gz as the mirrors serve it, so that pooch caches nothing damaged, and of
# the IDX inside, which holds for copies that were compressed anew as well.
_MNIST_HASHES = {
    "train-images-idx3-ubyte": (
        "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    ),
    "train-labels-idx1-ubyte": (
        "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    ),
    "t10k-images-idx3-ubyte": (
        "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    ),
    "t10k-labels-idx1-ubyte": (
        "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    ),
}


def load_mnist(*, download: bool = True) -> Dataset:
    """Load MNIST: 60000 training and 10000 test pictures of handwritten digits.

    Looks for ``mnist/train-images-idx3-ubyte.gz`` (or without ``.gz``) and its three
    companions in ``$TVBI_DATA``, then in the cache, then downloads them.

    Parameters
    ----------
    download : bool
        Whether the network may be used; it is not where the files are at hand.

    Returns
    -------
    Dataset
        x in [0, 1] (grey levels divided by 255), shape (n, 784), rows in the original
        order; y in 0..9. About 220 MB.

    Raises
    ------
    DataUnavailableError
        If a file is not at hand and cannot be downloaded; it names both ways out.
    DataCorruptedError
        If a file is not the one that it should be.

    Notes
    -----
    Source: Y. LeCun, L. Bottou, Y. Bengio and P. Haffner, "Gradient-based learning
    applied to document recognition", Proceedings of the IEEE 86 (1998).

    Examples
    --------
    >>> load_mnist()  # doctest: +SKIP
    Dataset('mnist': 60000 train, 10000 test; 784 features (28, 28); 10 classes)
    """
    x_train, y_train, x_test, y_test = (_mnist_array(name, download) for name in _MNIST_HASHES)
    return Dataset(
        _grey_rows(x_train),
        y_train,
        _grey_rows(x_test),
        y_test,
        "mnist",
        n_classes=10,
        feature_shape=(28, 28),
    )


def _mnist_array(name: str, download: bool) -> NDArray[np.uint8]:
    gz_digest, idx_digest = _MNIST_HASHES[name]
    urls = tuple(f"{mirror}{name}.gz" for mirror in _MNIST_MIRRORS)
    path = _locate(_RemoteFile(f"mnist/{name}.gz", urls, f"sha256:{gz_digest}"), download)
    content = _gunzip(path.read_bytes(), str(path))
    array = _parse_idx(content, str(path))  # first: "truncated" says more than a digest
    _require_digest(content, idx_digest, path, "the IDX content")
    return array


def _grey_rows(pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
    return pictures.reshape(len(pictures), -1).astype(np.float32) / np.float32(255)


# --- Boston -------------------------------------------------------------------------------

_BOSTON = _RemoteFile(
    "boston.csv",
    ("https://raw.githubusercontent.com/selva86/datasets/master/BostonHousing.csv",),
    # Copies differ in the blank lines at their end, so the numbers are checked, not the bytes.
    known_hash=None,
)
_BOSTON_HEADER = "crim,zn,indus,chas,nox,rm,age,dis,rad,tax,ptratio,b,lstat,medv"
_BOSTON_ROWS = 506
_BOSTON_DIGEST = "832e894115c56dd24ec63848d4a3d9bd921d268d0be1bee2a8f4ee5ea318f5f7"


def load_boston(*, test_fraction: float = 0.1, seed: int = 0, download: bool = True) -> Dataset:
    """Load the Boston housing data of 1978: 506 census tracts, 13 features, one target.

    Looks for ``boston.csv`` in ``$TVBI_DATA``, then in the cache, then downloads it.

    This data set is contested. Its feature "b" is 1000 (B - 0.63)^2, with B the proportion
    of Black residents of a town: it builds in the assumption that racial self-segregation
    raises house prices, and it cannot be inverted to B, nor can that assumption be tested
    with it (M. Carlisle, "Racist data destruction?", 2019). scikit-learn removed it in
    version 1.2 for this reason. It is here only because the small-regression benchmark of
    the literature contains it, so that published numbers can be compared with. Conclude
    nothing about houses or people from it, and take another data set for anything new.

    Parameters
    ----------
    test_fraction : float in (0, 1)
        The part of the rows that is for testing; the literature's random splits have 0.1.
    seed : int
        Which rows those are.
    download : bool
        Whether the network may be used; it is not where the file is at hand.

    Returns
    -------
    Dataset
        x (n, 13) in the units of the file, to be used through `Dataset.standardised`;
        y (n, 1), the median value of owner-occupied homes in 1000 US dollars.

    Raises
    ------
    DataUnavailableError
        If the file is not at hand and cannot be downloaded; it names both ways out.
    DataCorruptedError
        If the file is not the one that it should be.
    ValueError
        If `test_fraction` is out of range.

    Notes
    -----
    Sources: D. Harrison and D. L. Rubinfeld, "Hedonic housing prices and the demand for
    clean air", Journal of Environmental Economics and Management 5 (1978); the random
    90/10 splits: J. M. Hernández-Lobato and R. P. Adams, "Probabilistic backpropagation
    for scalable learning of Bayesian neural networks", ICML 2015.

    Examples
    --------
    >>> load_boston()  # doctest: +SKIP
    Dataset('boston': 455 train, 51 test; 13 features; 1 target)
    """
    table = _parse_boston(_locate(_BOSTON, download))
    train, test = _split(len(table), test_fraction, seed, labels=None, name="test_fraction")
    x, y = table[:, :-1], table[:, -1:]
    return Dataset(x[train], y[train], x[test], y[test], "boston")


def _parse_boston(path: Path) -> NDArray[np.float64]:
    # Undecodable bytes are replaced, so that a wrong file fails at its header, not in a codec.
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    header, *rows = [line for line in lines if line.strip()] or [""]
    names = header.replace('"', "")
    _require(names == _BOSTON_HEADER, path, f"the header {_BOSTON_HEADER}", repr(header[:80]))
    _require(len(rows) == _BOSTON_ROWS, path, f"{_BOSTON_ROWS} rows", len(rows))
    try:
        table = np.loadtxt(rows, delimiter=",", quotechar='"', comments=None)
    except ValueError as error:
        raise DataCorruptedError(f"{path}: not a table of numbers: {error}") from error
    shape = (_BOSTON_ROWS, 1 + _BOSTON_HEADER.count(","))
    _require(table.shape == shape, path, f"numbers of shape {shape}", table.shape)
    n_bad = int((~np.isfinite(table)).sum())
    _require(n_bad == 0, path, "finite numbers only", f"{n_bad} that are not")
    _require_digest(table.astype("<f8").tobytes(), _BOSTON_DIGEST, path, "the numbers")
    return table


def _require(holds: bool, path: Path, expected: str, found: object) -> None:
    if not holds:
        raise DataCorruptedError(f"{path}: must have {expected}; got {found}")


# --- By name ------------------------------------------------------------------------------

LOADERS: dict[str, Callable[..., Dataset]] = {
    "digits": load_digits,
    "synthetic": load_synthetic,
    "mnist": load_mnist,
    "boston": load_boston,
}


def load(name: str, **options: Any) -> Dataset:
    """Load a data set by its name, one of `LOADERS`.

    Parameters
    ----------
    name : {"digits", "synthetic", "mnist", "boston"}
        Which one.
    **options
        The arguments of that loader, e.g. ``seed=1``.

    Raises
    ------
    ValueError
        If the name is unknown; and what the loader raises.

    Examples
    --------
    >>> load("digits", test_fraction=0.5)
    Dataset('digits': 898 train, 899 test; 64 features (8, 8); 10 classes)
    >>> load("cifar")
    Traceback (most recent call last):
    ValueError: name must be one of 'digits', 'synthetic', 'mnist', 'boston'; got 'cifar'
    """
    return LOADERS[as_choice(name, "name", LOADERS)](**options)

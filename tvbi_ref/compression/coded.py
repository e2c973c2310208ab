"""A compressed network as a few bytes: everything in one code, nothing rounded.

docs/coded_file.md has the format, field by field. One function writes and reads each part, see
`arithmetic`: to an `Encoder` it tells the network, from a `Decoder` it returns it.

A layer is seen as its fan-ins, a column a unit and a row a weight of it. Place by place the coder
asks whether there is a weight, given whether there is one above (the place before in the fan-in),
beside (a whole line of the image before: the lag) and in the unit before: the conditional
probabilities of the Markov field by which the support was found, learned anew. Where there is one,
its sign is asked for, given theirs, and its size. A weight is a whole number of steps, the step
the largest power of two that divides all weights of the layer, so that whatever float comes
returns; `rounding.round_weights` makes the steps large and the numbers small.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from tvbi_ref._validation import FloatArray
from tvbi_ref.checkpoint import noise_of
from tvbi_ref.compression.arithmetic import Coder, Decoder, Encoder
from tvbi_ref.compression.formats import FORMATS
from tvbi_ref.compression.layers import SparseConv, SparseDense, SparseLayer
from tvbi_ref.compression.network import CompressedNetwork
from tvbi_ref.compression.parts import build_loss
from tvbi_ref.compression.steps import STEPS, build_step, describe_step
from tvbi_ref.compression.variances import ByteVariances
from tvbi_ref.nets import Layer, Loss
from tvbi_ref.nets.kernel_matrix import LAYOUTS, to_matrix

KINDS = ("dense", "conv", *STEPS)
DTYPES = (np.dtype(np.float32), np.dtype(np.float64))
MOST_LAG = 63
"""The longest line of an image whose neighbours above are looked for."""

FEW_PLACES, PLACES_A_BYTE = 2**20, 2**12
"""A file that tells of more places, and so many more for each of its bytes, is not believed: they
would cost next to nothing in it, and all the time there is."""

Columns = list[list[int]]


def encode(network: CompressedNetwork, uncertainty: bool) -> bytes:
    """Return the code of a network.

    Parameters
    ----------
    network : CompressedNetwork
    uncertainty : bool
        False: without the variances.

    Raises
    ------
    ValueError
        If so few weights are left in so many places that `decode` would not believe it.

    Examples
    --------
    >>> from tvbi_ref import compress, nets
    >>> small = compress(nets.mlp([4, 3, 2], seed=0))
    >>> decode(encode(small, uncertainty=True))
    CompressedNetwork(4 -> 3 -> 2, 18 weights, 5 biases, clusters, ... bytes)
    """
    encoder = Encoder()
    places = _Places(None)
    _code_network(encoder, places, network, uncertainty)
    code = encoder.finish()
    _Places(len(code)).take(places.taken)
    return code


def decode(code: bytes) -> CompressedNetwork:
    """Return the network that `encode` was given.

    Raises
    ------
    ValueError
        If it ends early or late, or tells of no network or of far more places than it has bytes.
        What else can be wrong with it raises an error of its own.

    Examples
    --------
    >>> from tvbi_ref import compress, nets
    >>> code = encode(compress(nets.mlp([4, 3, 2], seed=0)), uncertainty=False)
    >>> decode(code).widths
    (4, 3, 2)
    >>> decode(code[:-9])
    Traceback (most recent call last):
    ValueError: ...
    """
    decoder = Decoder(code)
    network = _code_network(decoder, _Places(len(code)))
    decoder.finish()
    return network


class _Places:
    """How many places of weights were asked for, and how many a code of `size` bytes may have."""

    def __init__(self, size: int | None) -> None:
        self.most = math.inf if size is None else FEW_PLACES + PLACES_A_BYTE * size
        self.taken = 0

    def take(self, places: int) -> None:
        self.taken += places
        if self.taken > self.most:
            raise ValueError(
                f"a code must tell of at most {self.most} places, {PLACES_A_BYTE} a byte and "
                f"{FEW_PLACES}; got {self.taken}"
            )


# The network


def _code_network(
    coder: Coder,
    places: _Places,
    network: CompressedNetwork | None = None,
    uncertainty: bool = False,
) -> CompressedNetwork:
    """Code a network; a decoder has none yet."""
    old = network.layers if network else ()
    dtype = DTYPES[coder.bit("dtype", DTYPES.index(network.dtype) if network else 0)]
    uncertain = bool(coder.bit("uncertainty", int(network is not None and uncertainty)))
    shape = _code_input_shape(coder, network.input_shape if network else None)
    loss = _code_loss(coder, noise_of(cast(Any, network)) if network else None)
    kept = _code_inputs(coder, places, network.kept_inputs if network else None)
    layers: list[SparseLayer | Layer] = []
    rows: NDArray[np.bool_] | None = kept
    for k in range(coder.natural("layers", len(old))):
        layer = old[k] if network else None
        kind = KINDS[coder.natural("kind", _kind(layer))]
        if kind in STEPS:
            layers.append(_code_step(coder, kind, cast(Layer | None, layer)))
        else:
            task = _Task(coder, places, k, dtype, uncertain, rows)
            layers.append(_code_layer(task, kind, cast(SparseLayer | None, layer)))
            rows = None
    return CompressedNetwork(tuple(layers), loss, kept, shape)


def _kind(layer: SparseLayer | Layer | None) -> int:
    if isinstance(layer, SparseLayer):
        return KINDS.index("conv" if isinstance(layer, SparseConv) else "dense")
    return KINDS.index(describe_step(layer)["kind"]) if layer else 0


def _code_input_shape(coder: Coder, shape: tuple[int, ...] | None) -> tuple[int, ...] | None:
    if not coder.bit("input_shape", int(shape is not None)):
        return None
    return tuple(coder.natural("side", side) for side in shape or 3 * (0,))


def _code_loss(coder: Coder, noise: dict[str, Any] | None) -> Loss:
    """Code a likelihood: 0 is categorical, 1 a known noise precision, 2 its Gammas."""
    kind = coder.natural("loss", 0 if noise is None else 1 if "known" in noise else 2)
    if kind == 0:
        return build_loss(None)
    if kind == 1:
        return build_loss({"known": coder.real(noise["known"] if noise else 0.0)})
    names = ("prior", "posterior")
    numbers = [noise[name] for name in names] if noise else 2 * [(0.0, 0.0)]
    pairs = [[coder.real(number) for number in pair] for pair in numbers]
    return build_loss(dict(zip(names, pairs, strict=True)))


def _code_inputs(
    coder: Coder, places: _Places, kept: NDArray[np.bool_] | None
) -> NDArray[np.bool_]:
    """Code which inputs are read, as a column of ones and zeros unless all are."""
    n = coder.natural("inputs", 0 if kept is None else kept.size)
    places.take(n)
    if not coder.bit("some", int(kept is not None and not kept.all())):
        return np.ones(n, bool)
    column = [0] * n if kept is None else kept.astype(int).tolist()
    (column,) = _code_numbers(coder, "kept", [column], range(n))
    return np.array(column) != 0


def _code_step(coder: Coder, kind: str, layer: Layer | None) -> Layer:
    """Code a layer without weights: its size or its leak, if it has one."""
    about = describe_step(layer) if layer else {}
    code = {"size": coder.natural, "leak": lambda name, leak: coder.real(leak)}
    arguments = {name: code[name](name, about.get(name, 0)) for name in STEPS[kind][1]}
    return build_step({"kind": kind} | arguments)


# A layer


class _Task(NamedTuple):
    """What is known of a layer before it is coded; `rows` are the inputs read, of the first one."""

    coder: Coder
    places: _Places
    k: int
    dtype: np.dtype[Any]
    uncertain: bool
    rows: NDArray[np.bool_] | None


def _code_layer(task: _Task, kind: str, layer: SparseLayer | None) -> SparseLayer:
    coder, names = task.coder, list(FORMATS)
    form = FORMATS[names[coder.natural("format", names.index(layer.format) if layer else 0)]]
    shape, about = _code_shape(coder, kind, layer)
    fan_ins = _code_fan_ins(task, shape, None if layer is None else layer.dense_weights())
    matrix = to_matrix(fan_ins, about["layout"]) if kind == "conv" else fan_ins.T
    weights = form.from_dense(np.ascontiguousarray(matrix))
    parts: dict[str, Any] = {
        "weights": weights,
        "bias": _code_vector(task, "bias", shape[0], None if layer is None else layer.bias),
        **_code_uncertainty(task, shape[0], weights.kept, layer),
    }
    return SparseConv(**parts, **about) if kind == "conv" else SparseDense(**parts)


def _code_shape(
    coder: Coder, kind: str, layer: SparseLayer | None
) -> tuple[tuple[int, ...], dict[str, Any]]:
    """Code (J, I), or (F, C, kh, kw) and what else there is to know of a convolution."""
    if kind == "dense":
        sides = reversed(layer.weights.shape) if layer else 2 * (0,)
        return tuple(coder.natural("side", side) for side in sides), {}
    conv = layer if isinstance(layer, SparseConv) else None
    shape = tuple(coder.natural("side", side) for side in (conv.shape if conv else 4 * (0,)))
    return shape, {
        "shape": shape,
        "stride": coder.natural("stride", conv.stride if conv else 0),
        "padding": coder.natural("padding", conv.padding if conv else 0),
        "layout": LAYOUTS[coder.bit("layout", LAYOUTS.index(conv.layout) if conv else 0)],
    }


def _code_fan_ins(task: _Task, shape: tuple[int, ...], old: FloatArray | None) -> FloatArray:
    """Code weights (J, I) or (F, C, kh, kw), with the neighbours that their inputs had."""
    n_units, n_inputs = shape[0], math.prod(shape[1:])
    rows = np.arange(n_inputs)
    if task.rows is not None:
        rows = _rows_of_inputs(task.rows, n_inputs)
    height = int(rows.max(initial=-1)) + 1
    task.places.take(n_units * height)
    columns = [[0] * height for _ in range(n_units)]
    step = 0
    if old is not None:
        flat = np.reshape(old if old.ndim == 4 else old.T, (n_units, n_inputs))
        step, numbers = _in_steps(flat)
        for column, fan_in in zip(columns, numbers, strict=True):
            for row, number in zip(rows.tolist(), fan_in, strict=True):
                column[row] = number
    step = task.coder.integer("step", step)
    columns = _code_numbers(task.coder, task.k, columns, rows.tolist())
    array = np.array([_floats(column, step) for column in columns]).reshape(n_units, height)
    return array[:, rows].reshape(shape).astype(task.dtype)


def _rows_of_inputs(kept: NDArray[np.bool_], n_rows: int) -> NDArray[np.int64]:
    """Return which rows of the whole first layer are left, several for each input channel."""
    taps, rest = divmod(n_rows, int(kept.sum()))
    if rest:
        raise ValueError(f"{n_rows} weights of a unit must be as many for each of the inputs read")
    first = taps * np.flatnonzero(kept)
    return (first[:, None] + np.arange(taps)).ravel()


def _code_numbers(coder: Coder, k: Any, columns: Columns, rows: Sequence[int]) -> Columns:
    """Code whole numbers column by column, each given its neighbours."""
    lag = 1 + coder.natural(
        "lag", _best_lag(columns, rows) - 1 if isinstance(coder, Encoder) else 0
    )
    before = [0] * (len(columns[0]) + lag if columns else 0)  # zeros lie above every column
    coded = []
    for numbers in columns:
        column = [0] * len(before)
        for row in rows:
            above, beside = column[row + lag - 1], column[row]
            column[row + lag] = _code_number(
                coder, k, numbers[row], _sign(above), _sign(beside), _sign(before[row + lag])
            )
        before = column
        coded.append(column[lag:])
    return coded


def _code_number(coder: Coder, k: Any, number: int, above: int, beside: int, before: int) -> int:
    """Code a number, mostly 0, given the signs of three neighbours."""
    alive = (k, above != 0, beside != 0, before != 0)
    if not coder.bit(alive, int(number != 0)):
        return 0
    negative = coder.bit((k, "sign", above, beside, before), int(number < 0))
    size = 1 + coder.natural((k, "size"), abs(number) - 1)
    return -size if negative else size


def _sign(number: int) -> int:
    return (number > 0) - (number < 0)


def _best_lag(columns: Columns, rows: Sequence[int]) -> int:
    """Return the distance at which a neighbour says most of the places, by their entropy."""
    alive = np.array([[number != 0 for number in column] for column in columns], bool)
    if not alive.any():
        return 1
    padded = np.pad(alive, ((1, 0), (MOST_LAG, 0))).astype(np.int64)
    at = MOST_LAG + np.array(rows)
    known = 4 * padded[1:, at - 1] + 2 * padded[:-1, at] + padded[1:, at]
    bits = [_conditional_entropy(known, padded[1:, at - lag]) for lag in range(1, MOST_LAG + 1)]
    return 1 + int(np.argmin(np.round(bits, 6)))


def _conditional_entropy(known: NDArray[np.int64], beside: NDArray[np.int64]) -> float:
    """Return the bits of the lowest bit of `known`, given the others and `beside`."""
    counts = np.bincount((8 * beside + known).ravel(), minlength=16).reshape(8, 2)
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    return float(-(counts * np.log2(np.where(counts, share, 1))).sum())


def _code_vector(task: _Task, name: str, n: int, old: FloatArray | None) -> FloatArray:
    """Code numbers without neighbours: biases, or their variances."""
    step, numbers = (0, [[0] * n]) if old is None else _in_steps(old[None])
    step = task.coder.integer("step", step)
    coded = [task.coder.integer((task.k, name), number) for number in numbers[0]]
    return np.array(_floats(coded, step)).astype(task.dtype)


def _code_uncertainty(
    task: _Task, n_units: int, kept: int, layer: SparseLayer | None
) -> dict[str, Any]:
    """Code the variances of weights, a byte each, and those of biases if there are any."""
    coder, old = task.coder, None if layer is None else layer.variances
    bias_variance, variances = np.zeros(n_units, task.dtype), None
    if task.uncertain and coder.bit("variances", int(old is not None)):
        low = coder.real(old.low if old else 0.0)
        step = coder.real(old.step if old else 0.0)
        codes = old.codes.tolist() if old else [0] * kept
        codes = [coder.natural((task.k, "variance"), code) for code in codes]
        variances = ByteVariances(np.array(codes, np.uint8), low, step)
    if variances and coder.bit("some", int(layer is not None and layer.bias_variance.any())):
        given = None if layer is None else layer.bias_variance
        bias_variance = _code_vector(task, "bias_variance", n_units, given)
    return {"bias_variance": bias_variance, "variances": variances}


# Floats as whole numbers


def _in_steps(array: FloatArray) -> tuple[int, Columns]:
    """Return s and whole numbers n with array = n 2^s, s as large as can be; exactly.

    Examples
    --------
    >>> _in_steps(np.array([[0.75, -1.0, 0.0]]))
    (-2, [[3, -4, 0]])
    """
    mantissas, exponents = np.frexp(array.astype(np.float64))
    wholes, exponents = np.ldexp(mantissas, 53).astype(np.int64), exponents - 53
    lowest = np.frexp((wholes & -wholes).astype(np.float64))[1] - 1  # the lowest bit that is set
    step = int((exponents + lowest)[wholes != 0].min(initial=2**15))
    step = 0 if step == 2**15 else step
    pairs = zip(wholes.tolist(), (exponents - step).tolist(), strict=True)
    return step, [[_shifted(n, by) for n, by in zip(*pair, strict=True)] for pair in pairs]


def _shifted(number: int, by: int) -> int:
    return number << by if by > 0 else number >> -by


def _floats(numbers: Sequence[int], step: int) -> list[float]:
    if step >= 0:
        return [float(number << step) for number in numbers]
    return [number / (1 << -step) for number in numbers]  # of whole numbers, however large: exact

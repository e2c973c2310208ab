"""What compression has brought: size, regularity, rounding, and whether it is faster here.

Positions are measured against two controls: the same number of weights in random places of each
layer, and a run of the same method without couplings, which the caller brings.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from tvbi_ref._validation import FloatArray, as_count, as_real
from tvbi_ref.compression.files import coded_nbytes, save_compressed
from tvbi_ref.compression.findings import (
    CodedFile,
    FormatSize,
    LayerSize,
    Race,
    Regularity,
    Scores,
    Work,
)
from tvbi_ref.compression.formats import FORMATS, Format
from tvbi_ref.compression.latency import machine, race
from tvbi_ref.compression.layers import positions
from tvbi_ref.compression.network import CompressedNetwork, as_compressed
from tvbi_ref.compression.ordering import sort_units
from tvbi_ref.compression.report_text import CompressionReport
from tvbi_ref.compression.rounding import (
    Rounding,
    accuracy_by_bits,
    choose_bits,
    quantise,
    round_weights,
)
from tvbi_ref.compression.sizes import entropy_bound, find_runs, index_bits, mean_run
from tvbi_ref.nets import Network

BITS = range(2, 9)
"""Bits a weight at which a network is scored."""

BATCHES = (1, 128)
"""Inputs at once: one that is waited for, and a minibatch."""

RACED = ("dense", "csr", "clusters")
"""The formats whose forward pass is measured: a matrix, its weights one by one, their runs."""


def report(
    network: CompressedNetwork,
    x: ArrayLike | None = None,
    y: ArrayLike | None = None,
    *,
    whole: Network | None = None,
    control: CompressedNetwork | None = None,
    seed: int = 0,
    seconds: float = 0.5,
) -> CompressionReport:
    """Measure a compressed network.

    Parameters
    ----------
    network : CompressedNetwork
    x : array_like (n, n_inputs) or (n, C, H, W), optional
        Inputs to predict; needed only where the network takes images of any size.
    y : array_like, optional
        Their targets, for scores.
    whole : Network, optional
        The pruned network that it was made from, to compare with.
    control : CompressedNetwork, optional
        Of a run without couplings, J = 0: what the method keeps without a structured prior.
    seed : int
        Of the shuffled masks, and of random inputs where `x` is not given.
    seconds : float
        That the measurement of each of the two batch sizes may take, compilation and warm-up not
        counted; a slow network takes longer. 0: latency is not measured.

    Returns
    -------
    CompressionReport
        ``print`` shows it as tables, `CompressionReport.to_dict` returns its numbers, and
        `tvbi_ref.plots.compression` draws it.

    Raises
    ------
    TypeError, ValueError
        If `whole` or `control` is no such network or has other inputs and outputs, `y` comes
        without `x`, or `x` is needed.

    Notes
    -----
    Source: [bits].

    Examples
    --------
    >>> from tvbi_ref import compress, nets
    >>> net = nets.mlp([8, 6, 2], seed=0)
    >>> for layer in net.weight_layers:
    ...     layer.prune(layer.mean.value > 0)
    >>> found = report(compress(net), np.ones((3, 8)), [0, 1, 0], whole=net, seconds=0)
    >>> found.work, [size.memory for size in found.formats]
    (Work(sparse=25, dense=45, whole=60), [209, 136, 163, 140, 168, 177])
    """
    _require_the_same_task(network, whole, control)
    if y is not None and x is None:
        raise ValueError("x must be given with y: scores need inputs and their targets")
    as_count(seed, "seed")
    as_real(seconds, "seconds", at_least=0)
    inputs = _some_inputs(network, x, seed)
    places = positions(network.layers, network.as_inputs(inputs[:1]).shape[1:])
    matrices = _matrices(network)
    shuffled = _shuffle(matrices, seed)
    others = None if control is None else _matrices(control)
    grids = _choose(network)
    rounded = None if grids is None else sort_units(round_weights(network))
    return CompressionReport(
        network=repr(network),
        n_weights=network.n_weights,
        n_biases=network.n_biases,
        widths=list(network.widths),
        n_inputs=network.kept_inputs.size,
        whole=None if whole is None else _counts(whole),
        uncertainty_bytes=network.uncertainty_nbytes,
        layers=_layer_sizes(network, places, grids),
        formats=[_format_size(name, network, shuffled, others) for name in FORMATS],
        coded=CodedFile(coded_nbytes(network), None if rounded is None else coded_nbytes(rounded)),
        kept=_regularity(matrices),
        shuffled=_regularity(shuffled),
        control=None if others is None else _regularity(others),
        work=_work(network, whole, places),
        scores=None if y is None else _scores(network, inputs, y, whole, control, grids, rounded),
        races=_races(network, whole, inputs, seconds) if seconds else [],
        machine=machine(),
    )


def _require_the_same_task(
    network: CompressedNetwork, whole: Network | None, control: CompressedNetwork | None
) -> None:
    """Raise an error unless the networks to compare with do the same task."""
    as_compressed(network)
    others = (("whole", whole, Network, 3), ("control", control, CompressedNetwork, 2))
    for name, other, kind, n in others:
        if other is None:
            continue
        if not isinstance(other, kind):
            raise TypeError(f"{name} must be a {kind.__name__}; got {other!r}")
        if (wanted := _task(network)[:n]) != (got := _task(other)[:n]):
            raise ValueError(
                f"{name} must have {', '.join(wanted)}, as the network has; got {', '.join(got)}"
            )


def _task(network: Any) -> list[str]:
    """Return what another network must have: inputs, outputs and, of the whole one, layers."""
    small = isinstance(network, CompressedNetwork)
    n_inputs = network.kept_inputs.size if small else network.widths[0]
    n_layers = len(network.weight_layers)
    return [
        *(f"{n_inputs} inputs", f"{network.widths[-1]} outputs"),
        f"{n_layers} layers with weights",
    ]


def _some_inputs(network: CompressedNetwork, x: ArrayLike | None, seed: int) -> FloatArray:
    """Return what to predict: `x`, or noise."""
    if x is not None:
        network.as_inputs(x)
        return np.asarray(x)
    sides = [side for side in network.input_sides if not isinstance(side, str)]
    if len(sides) < len(network.input_sides):
        raise ValueError("x must be given for a network that takes images of any size; got None")
    return np.random.default_rng(seed).standard_normal((1, *sides)).astype(network.dtype)


# Sizes


def _matrices(network: CompressedNetwork) -> list[FloatArray]:
    return [layer.weights.to_dense() for layer in network.weight_layers]


def _shuffle(matrices: Sequence[FloatArray], seed: int) -> list[FloatArray]:
    """Return the same weights in random places of each matrix."""
    rng = np.random.default_rng(seed)
    return [rng.permutation(matrix.ravel()).reshape(matrix.shape) for matrix in matrices]


def _regularity(matrices: Sequence[FloatArray]) -> Regularity:
    masks = [matrix != 0 for matrix in matrices]
    n_runs = sum(find_runs(mask).lengths.size for mask in masks)
    return Regularity(n_runs, mean_run(masks), index_bits(masks), entropy_bound(masks))


def _layer_sizes(
    network: CompressedNetwork, places: Sequence[int], grids: Sequence[Rounding] | None
) -> list[LayerSize]:
    bits = [None] * len(places) if grids is None else [grid.bits for grid in grids]
    return [
        LayerSize(
            **asdict(_regularity([layer.weights.to_dense()])),
            shape=layer.weights.shape,
            kept=layer.weights.kept,
            positions=each,
            bits=width,
        )
        for layer, each, width in zip(network.weight_layers, places, bits, strict=True)
    ]


def _counts(whole: Network) -> dict[str, Any]:
    return {
        "n_weights": whole.n_weights,
        "n_biases": sum(layer.bias.value.size for layer in whole.weight_layers),
        "widths": list(whole.widths),
    }


def _format_size(
    name: str,
    network: CompressedNetwork,
    shuffled: Sequence[FloatArray],
    control: Sequence[FloatArray] | None,
) -> FormatSize:
    small = network.with_format(name)
    weights = [layer.weights for layer in small.weight_layers]
    coded = [each.coded_bits() for each in weights]
    coded_bits = sum(size.total for size in coded)
    return FormatSize(
        name=name,
        memory=small.nbytes,
        file=_file_bytes(small),
        stored_bits=_bits_a_weight(weights, sum(8 * each.nbytes for each in weights)),
        coded_bits=_bits_a_weight(weights, coded_bits),
        table_bits=sum(size.tables for size in coded) / max(small.n_weights, 1),
        shuffled_bits=_coded_bits(name, shuffled),
        control_bits=None if control is None else _coded_bits(name, control),
    )


def _file_bytes(network: CompressedNetwork) -> int:
    """Return the size of a file that holds the network."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "small.npz"
        save_compressed(path, network, uncertainty=False)
        return path.stat().st_size


def _coded_bits(name: str, matrices: Sequence[FloatArray]) -> float:
    weights = [FORMATS[name].from_dense(matrix) for matrix in matrices]
    return _bits_a_weight(weights, sum(each.coded_bits().total for each in weights))


def _bits_a_weight(weights: Sequence[Format], bits: int) -> float:
    """Return the bits beyond its value for each kept weight, of all that they take."""
    kept = sum(each.kept for each in weights)
    values = sum(8 * each.kept * each.dtype.itemsize for each in weights)
    return (bits - values) / kept if kept else 0.0


def _work(network: CompressedNetwork, whole: Network | None, places: Sequence[int]) -> Work:
    def total(sizes: list[int]) -> int:
        return sum(n * times for n, times in zip(sizes, places, strict=True))

    return Work(
        sparse=total([layer.weights.kept for layer in network.weight_layers]),
        dense=total([math.prod(layer.weights.shape) for layer in network.weight_layers]),
        whole=None
        if whole is None
        else total([layer.mean.value.size for layer in whole.weight_layers]),
    )


# Precision and scores


def _choose(network: CompressedNetwork) -> list[Rounding] | None:
    """Return the rounding that each layer's posterior asks for, None if it is not known."""
    if any(layer.variances is None for layer in network.weight_layers):
        return None
    return [
        choose_bits(layer.weights.to_dense(), layer.variance_matrix())
        for layer in network.weight_layers
    ]


def _scores(
    network: CompressedNetwork,
    x: FloatArray,
    y: ArrayLike,
    whole: Network | None,
    control: CompressedNetwork | None,
    grids: Sequence[Rounding] | None,
    rounded: CompressedNetwork | None,
) -> Scores:
    dense, matrices = network.with_format("dense"), _matrices(network)

    def score(weights: list[FloatArray]) -> float:
        return dense.with_weights(weights).score(x, y)

    return Scores(
        name=network.loss.score_name,
        n_rows=len(x),
        small=network.score(x, y),
        whole=None if whole is None else whole.score(x, y),
        control=None if control is None else control.score(x, y),
        difference=None if whole is None else network.check_against(whole, x),
        at_bits=[list(pair) for pair in accuracy_by_bits(matrices, score, BITS).items()],
        at_chosen=None if grids is None else score(_rounded(matrices, grids)),
        rounded=None if rounded is None else rounded.score(x, y),
    )


def _rounded(matrices: Sequence[FloatArray], grids: Sequence[Rounding]) -> list[FloatArray]:
    pairs = zip(matrices, grids, strict=True)
    return [quantise(matrix, grid).to_float(matrix.dtype) for matrix, grid in pairs]


# Speed


def _races(
    network: CompressedNetwork, whole: Network | None, x: FloatArray, seconds: float
) -> list[Race]:
    """Return how long predictions take, dense and sparse, for some of the inputs at once."""
    networks: dict[str, Any] = {} if whole is None else {"whole": whole}
    networks |= {name: network.with_format(name) for name in RACED}
    races = []
    for batch in BATCHES:
        rows = np.resize(x, (batch, *x.shape[1:])).astype(network.dtype)
        calls = {name: partial(each.predict, rows) for name, each in networks.items()}
        races.append(Race(batch, race(calls, seconds)))
    return races

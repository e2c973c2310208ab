"""What compression has brought: size, regularity, precision, and whether it is faster here.

`report` measures a compressed network and returns a `CompressionReport`, which is a text
(``str``), a dict (`CompressionReport.to_dict`) and a picture (`CompressionReport.plot`). Positions
are measured against two controls: the same number of weights in random places of each layer, and
a run of the same method without couplings, which the caller brings.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from tvbi_ref._validation import FloatArray, as_count, as_real
from tvbi_ref.compression.coding import MAX_NAME_BITS, stream_size
from tvbi_ref.compression.formats import FORMATS, Coded, Format
from tvbi_ref.compression.latency import Machine, Timing, machine, race
from tvbi_ref.compression.layers import positions
from tvbi_ref.compression.network import CompressedNetwork
from tvbi_ref.compression.precision import Precision, accuracy_by_bits, choose_bits, quantise
from tvbi_ref.compression.report_text import as_text
from tvbi_ref.compression.sharing import Shared, share_values
from tvbi_ref.compression.sizes import entropy_bound, find_runs, index_bits, mean_run
from tvbi_ref.nets import Network

if TYPE_CHECKING:
    pass

BITS = range(2, 9)
"""Bits a weight at which a network is scored."""

BATCHES = (1, 128)
"""Inputs at once: one that is waited for, and a minibatch."""

RACED = ("dense", "csr", "clusters")
"""The formats whose forward pass is measured: a matrix, its weights one by one, their runs."""

DENSE = ("whole", "dense")
"""Of what is measured, that which multiplies by zeros, too."""


@dataclass(frozen=True)
class LayerSize:
    """One weight layer without its dead units; of a convolution, the matrix of its kernels.

    Parameters
    ----------
    shape : (I, J)
    kept : int
        Weights.
    n_runs : int
        Runs of kept weights down the columns: the clusters.
    mean_run, index_bits, entropy_bound : float
        As in `tvbi_ref.Sparsity`.
    positions : int
        How often each weight is used for one input, more than once in a convolution.
    bits : int or None
        Bits a weight that the posterior asks for; None if its variances are not known.
    """

    shape: tuple[int, int]
    kept: int
    n_runs: int
    mean_run: float
    index_bits: float
    entropy_bound: float
    positions: int
    bits: int | None

    @property
    def density(self) -> float:
        """The share of weights kept."""
        return self.kept / (self.shape[0] * self.shape[1])


@dataclass(frozen=True)
class FormatSize:
    """What the network takes in one format.

    Parameters
    ----------
    name : str
    memory : int
        Bytes of weights, positions, biases and the list of inputs.
    file : int
        Bytes of a file that was really written, without the variances.
    coded : int
        Bytes if positions and inputs are Huffman coded, tables included; values as they are.
    shared : int or None
        Bytes if besides a layer's weights share 2^bits values, Huffman coded, codebook included;
        None if the bits are not known.
    stored_bits, coded_bits : float
        For each kept weight, bits to say where it is: positions, tables, stored zeros.
    table_bits : float
        What the tables of the Huffman codes have in `coded_bits`; it vanishes in large networks.
    shuffled_bits : float
        `coded_bits` of as many weights in random places of each layer.
    control_bits : float or None
        `coded_bits` of the control.
    """

    name: str
    memory: int
    file: int
    coded: int
    shared: int | None
    stored_bits: float
    coded_bits: float
    table_bits: float
    shuffled_bits: float
    control_bits: float | None


@dataclass(frozen=True)
class Regularity:
    """How regular masks are: `index_bits` of an ideal run code, beside the bound.

    Parameters
    ----------
    n_runs : int
    mean_run, index_bits, entropy_bound : float
        As in `tvbi_ref.Sparsity`.
    """

    n_runs: int
    mean_run: float
    index_bits: float
    entropy_bound: float


@dataclass(frozen=True)
class Work:
    """Multiplications, each with its addition, for one input.

    Parameters
    ----------
    sparse : int
        With the weights that are left.
    dense : int
        With the zeros among them.
    whole : int or None
        Of the network before pruning; None if it is not known.
    """

    sparse: int
    dense: int
    whole: int | None


@dataclass(frozen=True)
class Scores:
    """How well the network predicts.

    Parameters
    ----------
    name : str
        "accuracy", or "rmse".
    n_rows : int
        Of the data.
    small : float
        As it is.
    whole, control : float or None
        Of the pruned network before dead units were taken out; of the control.
    difference : float or None
        The largest difference of an output from the whole network's.
    at_bits : list of [bits, score]
        With all weights on an even grid of so many bits.
    at_chosen, shared : float or None
        With the bits that the posterior asks for, on an even grid and as shared values.
    """

    name: str
    n_rows: int
    small: float
    whole: float | None
    control: float | None
    difference: float | None
    at_bits: list[list[float]]
    at_chosen: float | None
    shared: float | None


@dataclass(frozen=True)
class Race:
    """How long a prediction takes, by name: "whole", before pruning, or the name of a format.

    Parameters
    ----------
    batch : int
        Inputs at once.
    timings : dict of Timing
    """

    batch: int
    timings: dict[str, Timing]

    @property
    def fastest(self) -> str:
        """Whose median is the least."""
        return min(self.timings, key=lambda name: self.timings[name].median)

    @property
    def verdict(self) -> str:
        """The answer to "will it be faster here?"."""
        dense, sparse = self._best
        ratio = self._median(dense) / self._median(sparse)
        if self._is_a_draw:
            return f"no difference: {sparse} takes {1 / ratio:.1f} times as long as {dense}, a draw"
        if ratio <= 1:
            return f"no: {dense} wins; {sparse} takes {1 / ratio:.1f} times as long"
        return f"yes: {sparse} wins, {ratio:.1f} times as fast as {dense}"

    @property
    def winner(self) -> str:
        """What a legend says: whose quartiles lie below the others' kind, or that it is a draw."""
        return "a draw" if self._is_a_draw else f"{self.fastest} wins"

    @property
    def _best(self) -> tuple[str, str]:
        dense = min((n for n in DENSE if n in self.timings), key=self._median)
        return dense, min((n for n in self.timings if n not in DENSE), key=self._median)

    @property
    def _is_a_draw(self) -> bool:
        a, b = (self.timings[name] for name in self._best)
        return a.low <= b.high and b.low <= a.high

    def _median(self, name: str) -> float:
        return self.timings[name].median


@dataclass(frozen=True)
class CompressionReport:
    """What `report` has found out.

    Parameters
    ----------
    network : str
        What it is called.
    n_weights, n_biases : int
        That are left.
    widths : list of int
        Units that are left: inputs, and outputs of each weight layer; channels of images.
    n_inputs : int
        Of the whole network.
    whole : dict or None
        "n_weights", "n_biases" and "widths" before pruning, if that is known.
    uncertainty_bytes : int
        What the variances take on top.
    layers : list of LayerSize
    formats : list of FormatSize
    kept, shuffled, control : Regularity
        Of the network, of the shuffled masks, of the control or None.
    work : Work
    scores : Scores or None
        None without data.
    races : list of Race
        Empty if nothing was measured.
    machine : Machine
    """

    network: str
    n_weights: int
    n_biases: int
    widths: list[int]
    n_inputs: int
    whole: dict[str, Any] | None
    uncertainty_bytes: int
    layers: list[LayerSize]
    formats: list[FormatSize]
    kept: Regularity
    shuffled: Regularity
    control: Regularity | None
    work: Work
    scores: Scores | None
    races: list[Race]
    machine: Machine

    def __str__(self) -> str:
        return as_text(self)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON can hold it, the answers of `Race.verdict` included."""
        everything = asdict(self)
        for each, plain in zip(self.races, everything["races"], strict=True):
            plain |= {"fastest": each.fastest, "verdict": each.verdict}
        return everything


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
    >>> from tvbi_ref import nets
    >>> from tvbi_ref.compression.network import compress
    >>> net = nets.mlp([8, 6, 2], seed=0)
    >>> for layer in net.weight_layers:
    ...     layer.prune(layer.mean.value > 0)
    >>> found = report(compress(net), np.ones((3, 8)), [0, 1, 0], whole=net, seconds=0)
    >>> found.work, [size.memory for size in found.formats]
    (Work(sparse=25, dense=45, whole=60), [209, 136, 163, 140, 168, 177])
    """
    _require_a_fit(network, whole, control)
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
    shared = None if grids is None else share_values(network, _name_bits(grids))
    return CompressionReport(
        network=repr(network),
        n_weights=network.n_weights,
        n_biases=network.n_biases,
        widths=list(network.widths),
        n_inputs=network.kept_inputs.size,
        whole=None if whole is None else _counts(whole),
        uncertainty_bytes=network.uncertainty_nbytes,
        layers=_layer_sizes(network, places, grids),
        formats=[_format_size(name, network, shared, shuffled, others) for name in FORMATS],
        kept=_regularity(matrices),
        shuffled=_regularity(shuffled),
        control=None if others is None else _regularity(others),
        work=_work(network, whole, places),
        scores=None
        if y is None
        else Scores(
            **_plain_scores(network, inputs, y, whole, control),
            **_rounded_scores(network, inputs, y, grids),
            shared=None if shared is None else shared.network.score(inputs, y),
        ),
        races=_races(network, whole, inputs, seconds) if seconds else [],
        machine=machine(),
    )


def _require_a_fit(
    network: CompressedNetwork, whole: Network | None, control: CompressedNetwork | None
) -> None:
    """Raise an error unless the networks to compare with do the same task."""
    if not isinstance(network, CompressedNetwork):
        raise TypeError(f"network must be a CompressedNetwork; got {network!r}")
    if whole is not None and not isinstance(whole, Network):
        raise TypeError(f"whole must be the Network that was compressed; got {whole!r}")
    if control is not None and not isinstance(control, CompressedNetwork):
        raise TypeError(f"control must be a CompressedNetwork; got {control!r}")
    ends = (network.kept_inputs.size, network.widths[-1])
    n_layers = len(network.weight_layers)
    if whole is not None:
        task = (whole.widths[0], whole.widths[-1])
        _require_same((*ends, n_layers), (*task, len(whole.weight_layers)), "whole")
    if control is not None:
        _require_same(ends, (control.kept_inputs.size, control.widths[-1]), "control")


def _require_same(wanted: tuple[int, ...], got: tuple[int, ...], name: str) -> None:
    """Raise an error unless inputs, outputs and perhaps the number of layers agree."""
    if got != wanted:
        what = ("inputs", "outputs", "layers with weights")[: len(wanted)]
        expected, found = (
            ", ".join(f"{n} {each}" for n, each in zip(counts, what, strict=True))
            for counts in (wanted, got)
        )
        raise ValueError(f"{name} must have {expected}, as the network has; got {found}")


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
    network: CompressedNetwork, places: Sequence[int], grids: Sequence[Precision] | None
) -> list[LayerSize]:
    bits = [None] * len(places) if grids is None else [grid.bits for grid in grids]
    return [
        LayerSize(
            shape=layer.weights.shape,
            kept=layer.weights.kept,
            positions=each,
            bits=width,
            **asdict(_regularity([layer.weights.to_dense()])),
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
    shared: Shared | None,
    shuffled: Sequence[FloatArray],
    control: Sequence[FloatArray] | None,
) -> FormatSize:
    small = network.with_format(name)
    layers = small.weight_layers
    coded = [layer.weights.coded_bits() for layer in layers]
    return FormatSize(
        name=name,
        memory=small.nbytes,
        file=_file_bytes(small),
        coded=_coded_bytes(small, coded),
        shared=None if shared is None else shared.nbytes_as(name),
        stored_bits=_bits_a_weight([layer.weights for layer in layers]),
        coded_bits=_bits_a_weight([layer.weights for layer in layers], coded),
        table_bits=sum(size.tables for size in coded) / max(small.n_weights, 1),
        shuffled_bits=_coded_bits(name, shuffled),
        control_bits=None if control is None else _coded_bits(name, control),
    )


def _file_bytes(network: CompressedNetwork) -> int:
    """Return the size of a file that holds the network."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "small.npz"
        network.save(path, uncertainty=False)
        return path.stat().st_size


def _coded_bytes(network: CompressedNetwork, weights: Sequence[Coded]) -> int:
    bits = sum(size.total for size in weights)
    bits += sum(8 * layer.bias.nbytes for layer in network.weight_layers)
    if not network.kept_inputs.all():
        bits += sum(stream_size(np.diff(network.inputs, prepend=-1) - 1))
    return -(-bits // 8)


def _coded_bits(name: str, matrices: Sequence[FloatArray]) -> float:
    weights = [FORMATS[name].from_dense(matrix) for matrix in matrices]
    return _bits_a_weight(weights, [each.coded_bits() for each in weights])


def _bits_a_weight(weights: Sequence[Format], coded: Sequence[Coded] | None = None) -> float:
    """Return the bits beyond its value for each kept weight, as stored or coded."""
    kept = sum(each.kept for each in weights)
    values = sum(8 * each.kept * each.dtype.itemsize for each in weights)
    sizes = [8 * w.nbytes for w in weights] if coded is None else [c.total for c in coded]
    return (sum(sizes) - values) / kept if kept else 0.0


def _work(network: CompressedNetwork, whole: Network | None, places: Sequence[int]) -> Work:
    def total(weights: list[int]) -> int:
        return sum(n * times for n, times in zip(weights, places, strict=True))

    matrices = [layer.weights for layer in network.weight_layers]
    before = [] if whole is None else [layer.mean.value.size for layer in whole.weight_layers]
    return Work(
        sparse=total([each.kept for each in matrices]),
        dense=total([each.shape[0] * each.shape[1] for each in matrices]),
        whole=total(before) if before else None,
    )


# Precision and scores


def _choose(network: CompressedNetwork) -> list[Precision] | None:
    """Return the precision that each layer's posterior asks for, None if it is not known."""
    if any(layer.variances is None for layer in network.weight_layers):
        return None
    return [
        choose_bits(layer.weights.to_dense(), layer.variance_matrix())
        for layer in network.weight_layers
    ]


def _name_bits(grids: Sequence[Precision]) -> list[int]:
    """Return so many bits that a layer shares as many values as its grid has points."""
    return [min(grid.bits, MAX_NAME_BITS) for grid in grids]


def _plain_scores(
    network: CompressedNetwork,
    x: FloatArray,
    y: ArrayLike,
    whole: Network | None,
    control: CompressedNetwork | None,
) -> dict[str, Any]:
    return {
        "name": network.loss.score_name,
        "n_rows": len(x),
        "small": network.score(x, y),
        "whole": None if whole is None else whole.score(x, y),
        "control": None if control is None else control.score(x, y),
        "difference": None if whole is None else network.check_against(whole, x),
    }


def _rounded_scores(
    network: CompressedNetwork, x: FloatArray, y: ArrayLike, grids: Sequence[Precision] | None
) -> dict[str, Any]:
    dense, matrices = network.with_format("dense"), _matrices(network)

    def score(weights: list[FloatArray]) -> float:
        return dense.with_weights(weights).score(x, y)

    return {
        "at_bits": [list(pair) for pair in accuracy_by_bits(matrices, score, BITS).items()],
        "at_chosen": None if grids is None else score(_rounded(matrices, grids)),
    }


def _rounded(matrices: Sequence[FloatArray], grids: Sequence[Precision]) -> list[FloatArray]:
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

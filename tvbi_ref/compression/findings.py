"""What there is to say of a compressed network: sizes, regularity, work, scores, times."""

from __future__ import annotations

from dataclasses import dataclass

from tvbi_ref.compression.latency import Timing

DENSE = ("whole", "dense")
"""Of what is measured, that which multiplies by zeros, too."""


@dataclass(frozen=True)
class Regularity:
    """How regular masks are: `index_bits` of an ideal run code, beside the bound.

    Parameters
    ----------
    n_runs : int
        Runs of kept weights down the columns: the clusters.
    mean_run, index_bits, entropy_bound : float
        As in `tvbi_ref.Sparsity`.
    """

    n_runs: int
    mean_run: float
    index_bits: float
    entropy_bound: float


@dataclass(frozen=True)
class LayerSize(Regularity):
    """One weight layer without its dead units; of a convolution, the matrix of its kernels.

    Parameters
    ----------
    n_runs, mean_run, index_bits, entropy_bound
        As of `Regularity`.
    shape : (I, J)
    kept : int
        Weights.
    positions : int
        How often each weight is used for one input, more than once in a convolution.
    bits : int or None
        Bits a weight that the posterior asks for; None if its variances are not known.
    """

    shape: tuple[int, int]
    kept: int
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
    stored_bits, coded_bits : float
        For each kept weight, bits to say where it is, as stored and if the positions were Huffman
        coded: positions, tables, stored zeros.
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
    stored_bits: float
    coded_bits: float
    table_bits: float
    shuffled_bits: float
    control_bits: float | None


@dataclass(frozen=True)
class CodedFile:
    """Bytes of the coded file, without variances: ``save_compressed(..., coded=True)``.

    Parameters
    ----------
    exact : int
        Of the network as it is.
    rounded : int or None
        With the weights rounded as the posterior allows and units sorted, see `round_weights` and
        `sort_units`; None if there are no variances.
    """

    exact: int
    rounded: int | None


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
    at_chosen, rounded : float or None
        With the bits that the posterior asks for on an even grid, and as `round_weights` leaves it.
    """

    name: str
    n_rows: int
    small: float
    whole: float | None
    control: float | None
    difference: float | None
    at_bits: list[list[float]]
    at_chosen: float | None
    rounded: float | None


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

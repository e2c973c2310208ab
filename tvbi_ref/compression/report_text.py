"""A report: what `measure.report` has found out, as ``print`` shows it and as JSON holds it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from tvbi_ref._repr import brief
from tvbi_ref.compression.findings import (
    CodedFile,
    FormatSize,
    LayerSize,
    Race,
    Regularity,
    Scores,
    Work,
)
from tvbi_ref.compression.latency import Machine

Column = tuple[str, int, str]
"""Heading, width (to the left where it is negative) and format of the cells."""

LAYER_COLUMNS = (
    *(("layer", -7, ""), ("matrix", 11, ""), ("kept", 8, ""), ("density", 9, ".3f")),
    *(("runs", 7, ""), ("mean run", 10, ".2f"), ("index bits", 12, ".2f"), ("H(p)/p", 8, ".2f")),
    ("bits", 6, ""),
)
FORMAT_COLUMNS = (
    *(("format", -10, ""), ("memory", 9, ""), ("file", 9, "")),
    *(("stored", 10, ".2f"), ("coded", 8, ".2f"), ("tables", 8, ".2f"), ("shuffled", 10, ".2f")),
    ("J = 0", 8, ".2f"),
)
BOUND_COLUMNS = (("", -38, ""), ("", 8, ".2f"), ("", 18, ".2f"), ("", 8, ".2f"))
RACE_COLUMNS = (
    *(("predict", -10, ""), ("batch", 6, ""), ("median", 11, ""), ("quartiles", 24, "")),
    ("first call", 12, ""),
)

LAYER_LEGEND = """\
matrix, kept  without dead units and their weights; sizes and controls are of these matrices
index bits    bits a kept weight to say where it is, by an ideal code of gaps and runs: the
              "ideal run code" below
H(p)/p        the same for the best code of a mask without structure
bits          of a weight's value, as many as its posterior deviation leaves a meaning"""

FORMAT_LEGEND = """\
file          as written, without variances; about a kilobyte of it is the frame
coded         index bits if positions were Huffman coded, with stored zeros and the tables
tables        the part of the tables in that, large where weights are few
shuffled      coded index bits of as many weights in random places of each layer
J = 0         coded index bits of the control, a run without couplings (--control, control=)"""

WHOLE_LEGEND = "whole         before pruning: products of matrices with all their zeros (BLAS)"

RACE_LEGEND = """\
dense         products of matrices without dead units, zeros and all (BLAS)
csr, clusters the sparse forward passes, from the weights one by one and from their runs
first call    with compilation, which is not in the other times; below a tenth of a
              millisecond most of a prediction is the call, whatever the network"""


@dataclass(frozen=True)
class CompressionReport:
    """What `report` has found out: a text (``print``), a dict, and a picture (`plots.compression`).

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
    coded : CodedFile
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
    coded: CodedFile
    kept: Regularity
    shuffled: Regularity
    control: Regularity | None
    work: Work
    scores: Scores | None
    races: list[Race]
    machine: Machine

    __repr__ = brief

    def _repr_markdown_(self) -> str:
        return f"```text\n{self}\n```"

    def __str__(self) -> str:
        parts = [_summary(self), _layer_table(self), _format_table(self)]
        if self.scores or self.layers[0].bits:
            parts.append(_precision_table(self))
        if self.races:
            parts.append(_race_table(self))
        return "\n\n".join(parts)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON can hold it, the answers of `Race.verdict` included."""
        everything = asdict(self)
        for each, plain in zip(self.races, everything["races"], strict=True):
            plain |= {"fastest": each.fastest, "verdict": each.verdict}
        return everything


def _table(columns: Sequence[Column], rows: Iterable[Sequence[Any]]) -> list[str]:
    """Return the lines of a table, its heading first; None is a dash."""
    heading, widths, specs = zip(*columns, strict=True)
    cells = [
        ["-" if cell is None else format(cell, spec) for cell, spec in zip(row, specs, strict=True)]
        for row in rows
    ]
    return ["".join(map(_padded, row, widths)) for row in (heading, *cells)]


def _padded(text: str, width: int) -> str:
    return text.ljust(-width) if width < 0 else text.rjust(width)


def _summary(r: CompressionReport) -> str:
    units = " -> ".join(map(str, r.widths))
    lines = [
        f"weights        {r.n_weights}",
        f"biases         {r.n_biases}",
        f"units          {units}, of {r.n_inputs} inputs",
        f"multiply-adds  {r.work.sparse} for one input, {r.work.dense} with the zeros",
        f"runs           {r.kept.n_runs}, mean length {r.kept.mean_run:.2f}; "
        f"shuffled {r.shuffled.mean_run:.2f}"
        + (f"; J = 0 {r.control.mean_run:.2f}" if r.control else ""),
    ]
    if r.whole:
        times = r.whole["n_weights"] / r.n_weights if r.n_weights else float("inf")
        lines[0] += f" of {r.whole['n_weights']}, {times:.1f} times fewer"
        lines[1] += f" of {r.whole['n_biases']}"
        lines[2] = f"units          {units}, of {' -> '.join(map(str, r.whole['widths']))}"
        lines[3] += f"; {r.work.whole} before pruning"
    rounded = r.coded.rounded and f"{r.coded.rounded} bytes rounded and sorted, "
    lines.append(f"coded file     {rounded or ''}{r.coded.exact} bytes as it is")
    if r.scores:
        lines.insert(0, _score_line(r.scores))
    return "\n".join([r.network, "", *lines])


def _score_line(s: Scores) -> str:
    line = f"{s.name:<13}  {s.small:.4f} on {s.n_rows} rows"
    if s.whole is not None:
        line += f"; {s.whole:.4f} with dead units, outputs at most {s.difference:.1e} apart"
    return line + ("" if s.control is None else f"; J = 0 {s.control:.4f}")


def _layer_table(r: CompressionReport) -> str:
    rows = [
        (
            *(k + 1, f"{s.shape[0]} x {s.shape[1]}", s.kept, s.density),
            *(s.n_runs, s.mean_run, s.index_bits, s.entropy_bound, s.bits),
        )
        for k, s in enumerate(r.layers)
    ]
    return "\n".join([*_table(LAYER_COLUMNS, rows), "", LAYER_LEGEND])


def _format_table(r: CompressionReport) -> str:
    masks = (r.kept, r.shuffled, r.control)
    bounds = [
        ("ideal run code", *(mask and mask.index_bits for mask in masks)),
        ("H(p)/p", *(mask and mask.entropy_bound for mask in masks)),
    ]
    lines = [
        f"{'':<17}{'bytes':<17}index bits a weight",
        *_table(FORMAT_COLUMNS, map(_format_row, r.formats)),
        *_table(BOUND_COLUMNS, bounds)[1:],
    ]
    variances = f"variances, for predictions with uncertainty: {r.uncertainty_bytes} bytes more"
    return "\n".join([*lines, "", FORMAT_LEGEND, variances])


def _format_row(s: FormatSize) -> tuple[Any, ...]:
    sizes = (s.name, s.memory, s.file)
    if s.name == "dense":  # its zeros are no positions
        return (*sizes, *5 * (None,))
    return (*sizes, s.stored_bits, s.coded_bits, s.table_bits, s.shuffled_bits, s.control_bits)


def _precision_table(r: CompressionReport) -> str:
    bits = ", ".join(f"{layer.bits or 'unknown, no variances'}" for layer in r.layers)
    lines = [f"bits a weight that the posterior asks for, by layer: {bits}"]
    if r.scores:
        by_bits = {f"{bits:g}": score for bits, score in r.scores.at_bits}
        scores = {**by_bits, "chosen": r.scores.at_chosen, "rounded": r.scores.rounded}
        columns = [("bits", -10, ""), *((name, 8, ".4f") for name in scores)]
        lines += _table(columns, [(r.scores.name, *scores.values())])
    return "\n".join(lines)


def _race_table(r: CompressionReport) -> str:
    rows = [
        (
            *(name, each.batch, _time(t.median)),
            *(f"{_time(t.low)} to {_time(t.high)}", _time(t.first)),
        )
        for each in r.races
        for name, t in each.timings.items()
    ]
    lines = [
        "will it be faster here?",
        *(f"  batch {each.batch:<4} {each.verdict}" for each in r.races),
        "",
        *_table(RACE_COLUMNS, rows),
    ]
    legend = [WHOLE_LEGEND] * (r.whole is not None) + [RACE_LEGEND]
    return "\n".join([*lines, "", *legend, str(r.machine), *_warning(r.machine)])


def _warning(machine: Machine) -> list[str]:
    """Return what has to be said of times that were measured beside other work."""
    if machine.load is None or machine.load <= machine.cores:
        return []
    return ["the machine was busy with other work: BLAS on several threads suffers most from that"]


def _time(seconds: float) -> str:
    return f"{1e6 * seconds:.1f} us" if seconds < 1e-3 else f"{1e3 * seconds:.2f} ms"

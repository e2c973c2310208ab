"""A report as text: `CompressionReport` as ``print`` shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tvbi_ref.compression.report import CompressionReport, Scores

LAYER_LEGEND = """\
matrix, kept  without dead units and their weights; sizes and controls are of these matrices
index bits    bits a kept weight to say where it is, by an ideal code of gaps and runs: the
              "ideal run code" below
H(p)/p        the same for the best code of a mask without structure
bits          of a weight's value, as many as its posterior deviation leaves a meaning"""

FORMAT_LEGEND = """\
file          as written, without variances; about a kilobyte of it is the frame
coded         positions Huffman coded; its index bits charge stored zeros and the tables
tables        the part of the tables in that, large where weights are few
shared        besides, weights share 2^bits values (bits above) as in Deep Compression
              (coded and shared are computed; files are written as "file" says)
shuffled      coded index bits of as many weights in random places of each layer
J = 0         coded index bits of the control, a run without couplings (--control, control=)"""

WHOLE_LEGEND = "whole         before pruning: products of matrices with all their zeros (BLAS)"

RACE_LEGEND = """\
dense         products of matrices without dead units, zeros and all (BLAS)
csr, clusters the sparse forward passes, from the weights one by one and from their runs
first call    with compilation, which is not in the other times; below a tenth of a
              millisecond most of a prediction is the call, whatever the network"""


def as_text(report: CompressionReport) -> str:
    """Return a report as tables.

    Parameters
    ----------
    report : CompressionReport

    Examples
    --------
    >>> from tvbi_ref import nets
    >>> from tvbi_ref.compression.network import compress
    >>> small = compress(nets.mlp([4, 2], seed=0))
    >>> print(as_text(small.report(seconds=0)).split("memory")[0])
    CompressedNetwork(4 -> 2, 8 weights, 2 biases, clusters, ... bytes)
    <BLANKLINE>
    weights        8
    ...
    """
    parts = [_summary(report), _layer_table(report), _format_table(report)]
    if report.scores or report.layers[0].bits:
        parts.append(_precision_table(report))
    if report.races:
        parts.append(_race_table(report))
    return "\n\n".join(parts)


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
    if r.scores:
        lines.insert(0, _score_line(r.scores))
    return "\n".join([r.network, "", *lines])


def _score_line(s: Scores) -> str:
    line = f"{s.name:<13}  {s.small:.4f} on {s.n_rows} rows"
    if s.whole is not None:
        line += f"; {s.whole:.4f} with dead units, outputs at most {s.difference:.1e} apart"
    return line + ("" if s.control is None else f"; J = 0 {s.control:.4f}")


def _layer_table(r: CompressionReport) -> str:
    lines = [
        f"{'layer':<7}{'matrix':>11}{'kept':>8}{'density':>9}{'runs':>7}{'mean run':>10}"
        f"{'index bits':>12}{'H(p)/p':>8}{'bits':>6}"
    ]
    for k, s in enumerate(r.layers):
        matrix = f"{s.shape[0]} x {s.shape[1]}"
        lines.append(
            f"{k + 1:<7}{matrix:>11}{s.kept:>8}{s.density:>9.3f}{s.n_runs:>7}{s.mean_run:>10.2f}"
            f"{s.index_bits:>12.2f}{s.entropy_bound:>8.2f}{s.bits or '-':>6}"
        )
    return "\n".join([*lines, "", LAYER_LEGEND])


def _format_table(r: CompressionReport) -> str:
    lines = [
        f"{'':<17}{'bytes':<35}index bits a weight",
        f"{'format':<10}{'memory':>9}{'file':>9}{'coded':>9}{'shared':>9}"
        f"{'stored':>10}{'coded':>8}{'tables':>8}{'shuffled':>10}{'J = 0':>8}",
    ]
    for s in r.formats:
        size = f"{s.name:<10}{s.memory:>9}{s.file:>9}{s.coded:>9}{_or_dash(s.shared, 9, 0)}"
        bits: tuple[float | None, ...] = (
            s.stored_bits,
            s.coded_bits,
            s.table_bits,
            s.shuffled_bits,
            s.control_bits,
        )
        if s.name == "dense":  # its zeros are no positions
            bits = (None,) * 5
        cells = zip(bits, (10, 8, 8, 10, 8), strict=True)
        lines.append(size + "".join(_or_dash(*cell) for cell in cells))
    bounds = (("ideal run code", "index_bits"), ("H(p)/p", "entropy_bound"))
    for name, field in bounds:
        values = (getattr(each, field, None) for each in (r.kept, r.shuffled, r.control))
        cells = zip(values, (8, 18, 8), strict=True)
        lines.append(f"{name:<56}" + "".join(_or_dash(*cell) for cell in cells))
    variances = f"variances, for predictions with uncertainty: {r.uncertainty_bytes} bytes more"
    return "\n".join([*lines, "", FORMAT_LEGEND, variances])


def _or_dash(value: float | None, width: int, digits: int = 2) -> str:
    return f"{'-':>{width}}" if value is None else f"{value:>{width}.{digits}f}"


def _precision_table(r: CompressionReport) -> str:
    bits = ", ".join(f"{layer.bits or 'unknown, no variances'}" for layer in r.layers)
    line = f"bits a weight that the posterior asks for, by layer: {bits}"
    if r.scores is None:
        return line
    scores = {f"{bits:g}": score for bits, score in r.scores.at_bits}
    columns = scores | {"chosen": r.scores.at_chosen, "shared": r.scores.shared}
    return "\n".join(
        [
            line,
            f"{'bits':<10}" + "".join(f"{name:>8}" for name in columns),
            f"{r.scores.name:<10}" + "".join(_or_dash(each, 8, 4) for each in columns.values()),
        ]
    )


def _race_table(r: CompressionReport) -> str:
    lines = [
        "will it be faster here?",
        *(f"  batch {each.batch:<4} {each.verdict}" for each in r.races),
        "",
        f"{'predict':<10}{'batch':>6}{'median':>11}{'quartiles':>24}{'first call':>12}",
    ]
    for each in r.races:
        for name, t in each.timings.items():
            spread = f"{_time(t.low)} to {_time(t.high)}"
            lines.append(
                f"{name:<10}{each.batch:>6}{_time(t.median):>11}{spread:>24}{_time(t.first):>12}"
            )
    legend = [WHOLE_LEGEND] * (r.whole is not None) + [RACE_LEGEND]
    return "\n".join([*lines, "", *legend, str(r.machine), *_warning(r)])


def _warning(r: CompressionReport) -> list[str]:
    """Return what has to be said of times that were measured beside other work."""
    if r.machine.load is None or r.machine.load <= r.machine.cores:
        return []
    return ["the machine was busy with other work: BLAS on several threads suffers most from that"]


def _time(seconds: float) -> str:
    return f"{1e6 * seconds:.1f} us" if seconds < 1e-3 else f"{1e3 * seconds:.2f} ms"

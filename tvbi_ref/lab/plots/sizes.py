"""A picture of what a small network takes, and of how fast it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from tvbi_ref.lab.plots.style import (
    BLUE,
    GREEN,
    LAYER_COLOURS,
    ORANGE,
    STYLE,
    use_plain_logs,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from tvbi_ref.compression import CompressionReport


def compression(report: CompressionReport) -> Figure:
    """Draw what a compressed network takes in every format, and how long it takes to predict.

    Parameters
    ----------
    report : CompressionReport
        What `tvbi_ref.compression.report` returned.

    Examples
    --------
    >>> from tvbi_ref import compress, nets, report
    >>> len(compression(report(compress(nets.mlp([4, 2], seed=0)), seconds=0)).axes)
    2
    """
    n_panels = 3 if report.races else 2
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(4.2 * n_panels, 4.4), layout="constrained")
        figure.suptitle(_headline(report), fontsize=11, x=0.01, ha="left")
        panels = figure.subplots(1, n_panels)
        _draw_bytes(panels[0], report)
        _draw_index_bits(panels[1], report)
        if report.races:
            _draw_latency(panels[2], report)
    return figure


def _headline(report: CompressionReport) -> str:
    units = " - ".join(map(str, report.widths))
    score = f", {report.scores.name} {report.scores.small:.3f}" if report.scores else ""
    return f"{units}, {report.n_weights} weights, mean run {report.kept.mean_run:.2f}{score}"


def _draw_bytes(axes: Axes, report: CompressionReport) -> None:
    looks = {
        "memory": ("memory", "o", BLUE),
        "file": ("file", "s", ORANGE),
    }
    _mark(axes, report.formats, looks, scale=1e-3)
    axes.axvline(report.coded.exact / 1000, color=GREEN, ls=":", label="coded file")
    if report.coded.rounded:
        axes.axvline(report.coded.rounded / 1000, color=GREEN, ls="--", label="coded, rounded")
    axes.set(title="kilobytes")
    use_plain_logs(axes)
    _legend_below(axes)


def _draw_index_bits(axes: Axes, report: CompressionReport) -> None:
    """Draw all formats but the dense one, whose zeros would leave no room for the others."""
    looks = {
        "coded_bits": ("kept", "o", BLUE),
        "shuffled_bits": ("shuffled", "x", "0.3"),
        "control_bits": ("J = 0", "^", GREEN),
    }
    _mark(axes, [size for size in report.formats if size.name != "dense"], looks)
    axes.axvline(report.kept.index_bits, color=BLUE, ls=":", label="ideal run code")
    axes.axvline(report.kept.entropy_bound, color="0.3", ls="--", label="H(p)/p")
    axes.set(title="index bits a weight, coded", xlim=(0, None))
    _legend_below(axes)


def _mark(axes: Axes, sizes: Sequence[Any], looks: Mapping[str, Any], scale: float = 1.0) -> None:
    """Draw a row a format and a mark a quantity, of those that were measured."""
    for column, (name, mark, colour) in looks.items():
        values = [getattr(size, column) for size in sizes]
        if values[0] is not None:
            shown = scale * np.array(values)
            axes.plot(shown, np.arange(len(values)), mark, color=colour, label=name)
    _name_rows(axes, [size.name for size in sizes])


def _draw_latency(axes: Axes, report: CompressionReport) -> None:
    names = list(report.races[0].timings)
    height = 0.5 / len(report.races)
    for k, each in enumerate(report.races):
        quartiles = [(t.low, t.median, t.high) for t in each.timings.values()]
        low, median, high = 1000 * np.transpose(quartiles)
        rows = np.arange(len(names)) + (k - (len(report.races) - 1) / 2) * height
        look: Any = {"color": LAYER_COLOURS[k], "fmt": "os"[k], "capsize": 3}
        label = f"batch {each.batch}: {each.winner}"
        axes.errorbar(median, rows, xerr=(median - low, high - median), label=label, **look)
    _name_rows(axes, names)
    axes.set(title="predict, ms: median and quartiles")
    use_plain_logs(axes)
    _legend_below(axes)


def _name_rows(axes: Axes, names: Sequence[str]) -> None:
    """Give every row of a panel its name, the first at the top."""
    axes.set_yticks(np.arange(len(names)), names)
    axes.set_ylim(len(names) - 0.5, -0.5)


def _legend_below(axes: Axes) -> None:
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.08), ncols=2)

"""Pictures of a run: its trace, supports, weights, messages, calls; of a small network.

Every function returns a `matplotlib.figure.Figure` and touches no global state, so that
it works the same in a notebook, in a script and without a screen. Colours are those of
Okabe and Ito and the map "cividis", which colour-blind readers can tell apart.
"""

from __future__ import annotations

import itertools
import os
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle
from matplotlib.ticker import LogLocator, NullFormatter
from numpy.typing import NDArray

from tvbi_ref._files import atomic_write
from tvbi_ref._validation import FloatArray
from tvbi_ref.equations import Call, Heard
from tvbi_ref.equations.sockets import SOCKETS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from tvbi_ref.compression import CompressionReport
    from tvbi_ref.turbo import TurboResult

BLUE, ORANGE, GREEN, PURPLE, RED, SKY = (
    "#0072B2",
    "#E69F00",
    "#009E73",
    "#CC79A7",
    "#D55E00",
    "#56B4E9",
)
LAYER_COLOURS = (BLUE, ORANGE, GREEN, PURPLE, RED, SKY)
LAYER_STYLES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1)))
STYLE: Any = {
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.grid": True,
    "axes.titlesize": 11,
    "axes.titlelocation": "left",
    "grid.alpha": 0.3,
    "legend.frameon": False,
    "font.size": 10,
    "lines.linewidth": 1.8,
    "savefig.dpi": 150,
}


def save(figure: Figure, path: str | os.PathLike[str]) -> Path:
    """Write a figure, atomically; the ending of the name chooses the format.

    Parameters
    ----------
    figure : Figure
    path : path-like
        Ending in .png, .svg or .pdf.

    Returns
    -------
    pathlib.Path
        Where it is.
    """
    target = Path(path)
    with atomic_write(target) as file, mpl.rc_context(STYLE):
        # No date inside: the same picture is the same bytes.
        kind = target.suffix.lstrip(".")
        figure.savefig(file, format=kind, metadata=None if kind == "png" else {"Date": None})
    return target


def trace(result: TurboResult) -> Figure:
    """Draw what happened epoch by epoch: ELBO, density, annealing, score, messages.

    Parameters
    ----------
    result : TurboResult

    Examples
    --------
    >>> import numpy as np
    >>> from tvbi_ref import TurboVBI, nets
    >>> from tvbi_ref.module_b import GridSupport
    >>> from tvbi_ref.prior import HierarchicalPrior
    >>> prior = HierarchicalPrior.spike_and_slab(GridSupport(-1.0, 0.1, 0.3))
    >>> x, y = np.eye(4), np.array([0, 1, 0, 1])
    >>> len(trace(TurboVBI(prior, epochs=3).fit(nets.mlp([4, 3, 2], seed=0), x, y)).axes)
    8
    """
    t = result.trace
    epochs = t["epoch"] + 1
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(11, 6), layout="constrained")
        grid = figure.subplots(2, 3, sharex=True)
        _draw_elbo(grid[0, 0], epochs, t)
        _draw_score(grid[0, 1], epochs, t, result.network.loss.score_name)
        _draw_by_layer(
            grid[0, 2], epochs, t, "density", r"share of weights with $\tilde\pi \geq 1/2$"
        )
        _draw_annealing(grid[1, 0], epochs, t)
        grid[1, 1].plot(epochs, np.maximum(t["change"], 1e-6), color=BLUE)
        grid[1, 1].set(title=r"largest change of a $\tilde\pi$", yscale="log")
        _draw_by_layer(grid[1, 2], epochs, t, "residual", "Module B: residual of the last sweep")
        for axes in grid[1]:
            axes.set_xlabel("epoch")
    return figure


def _draw_elbo(axes: Axes, epochs: FloatArray, t: Any) -> None:
    axes.plot(epochs, t["elbo"], color=BLUE, label="ELBO (left)")
    axes.set(title="the objective and its data term, nats")
    axes.legend(loc="upper left", bbox_to_anchor=(0.3, 0.4))
    # Their sizes differ a hundredfold: on one axis the data term would be a flat line.
    right = axes.twinx()
    right.plot(
        epochs, t["log_likelihood"], color=RED, ls="--", label=r"$E_q[\ln p(D | w)]$ (right)"
    )
    right.tick_params(axis="y", labelcolor=RED)
    right.grid(False)
    right.legend(loc="upper left", bbox_to_anchor=(0.3, 0.28))


def _draw_score(axes: Axes, epochs: FloatArray, t: Any, name: str) -> None:
    axes.plot(epochs, t["train_score"], color=BLUE, label="training, with noise")
    if "valid_score" in t.columns:
        axes.plot(epochs, t["valid_score"], color=ORANGE, ls="--", label="validation")
    axes.set(title=name)
    axes.legend()


def _draw_by_layer(axes: Axes, epochs: FloatArray, t: Any, column: str, title: str) -> None:
    layers = [name for name in t.columns if name.startswith(f"{column}.")]
    axes.set(title=title)
    if not any(t[name].any() for name in layers):
        note = "exact in one pass, no sweeps" if column == "residual" else "none in any epoch"
        axes.text(0.5, 0.5, note, ha="center", transform=axes.transAxes)
        return
    for k, name in enumerate(layers):
        style: Any = {"color": LAYER_COLOURS[k % 6], "ls": LAYER_STYLES[k % 6]}
        # A log axis cannot show 0: no weight kept, or a support prior exact in one pass.
        shown = np.where(t[name] > 0, t[name], np.nan)
        axes.plot(epochs, shown, label=f"layer {k + 1}", **style)
    axes.set(yscale="log")
    axes.legend()


def _draw_annealing(axes: Axes, epochs: FloatArray, t: Any) -> None:
    axes.plot(epochs, t["contrast"], color=BLUE)
    axes.set(title="annealing", yscale="log")
    axes.set_ylabel("contrast: squared scale, dead / live", color=BLUE)
    right = axes.twinx()
    right.plot(epochs, t["kl_weight"], color=RED, ls="--")
    right.set_ylabel("KL weight", color=RED)
    right.grid(False)


def supports(
    masks: Mapping[str, Sequence[NDArray[np.bool_]]], *, notes: Mapping[str, str] | None = None
) -> Figure:
    """Draw which weights are kept, one column a prior and one row a layer.

    Every weight is a square of one size. Those with a kept neighbour in their own column have
    another colour than those that are alone.

    Parameters
    ----------
    masks : mapping from a name to the masks (I, J) of its layers
        The same architecture for all names.
    notes : mapping from a name to a short text, optional
        Shown under the name.

    Examples
    --------
    >>> import numpy as np
    >>> len(supports({"grid": [np.eye(4, dtype=bool)]}).axes)
    1
    """
    shapes = np.array([mask.shape for mask in next(iter(masks.values()))])
    extent = shapes[:, 0].sum(), len(masks) * shapes[:, 1].max()
    heights, widths = (shapes * min(0.08, 8 / extent[0], 10 / extent[1])).T  # inches
    heads = [f"{name}\n{notes[name]}" if notes and name in notes else name for name in masks]
    head = 0.2 + 0.2 * (1 + max(text.count("\n") for text in heads))
    tops = np.cumsum(heights + 0.75) - heights + head - 0.4
    step = max(widths.max(), 2.5) + 0.6
    inches = 0.2 + step * len(masks), tops[-1] + heights[-1] + 0.9
    with mpl.rc_context(STYLE | {"axes.grid": False}):
        figure = Figure(figsize=inches)
        for column, layers in enumerate(masks.values()):
            for k, mask in enumerate(layers):
                corner = 0.7 + step * column, inches[1] - tops[k] - heights[k]
                box = np.array([*corner, widths[k], heights[k]]) / [*inches, *inches]
                axes = figure.add_axes(tuple(box), ylabel="input i")
                _draw_mask(axes, mask)
                axes.locator_params(axis="x", nbins=max(1, int(3 * widths[k])))
                axes.set_title(f"layer {k + 1}: {mask.sum()} / {mask.size}")
            axes.set_xlabel("output neuron j")
            figure.text(corner[0] / inches[0], 1 - 0.1 / inches[1], heads[column], va="top")
        words = {"alone in its column": ORANGE, "in a run": BLUE}
        patches = [Patch(color=colour, label=text) for text, colour in words.items()]
        figure.legend(handles=patches, loc="lower center", ncols=2)
    return figure


def _draw_mask(axes: Axes, mask: NDArray[np.bool_]) -> None:
    """Draw a square a weight: white 0, alone 1, with a kept neighbour above or below 2."""
    rows = np.pad(mask, ((1, 1), (0, 0)))
    colours = ListedColormap(["white", ORANGE, BLUE])
    axes.imshow(mask * (1 + (rows[:-2] | rows[2:])), cmap=colours, vmin=0, vmax=2)
    axes.spines[:].set_visible(True)


def weights(layers: Sequence[FloatArray], titles: Sequence[str] | None = None) -> Figure:
    """Draw weight matrices, blue negative, red positive, white zero.

    Parameters
    ----------
    layers : sequence of ndarray (I, J)
    titles : sequence of str, optional

    Examples
    --------
    >>> import numpy as np
    >>> len(weights([np.eye(3)]).axes)
    2
    """
    ratios = [max(layer.shape[1], 40) for layer in layers]
    with mpl.rc_context(STYLE | {"axes.grid": False}):
        figure = Figure(figsize=(11, 3.6), layout="constrained")
        row = figure.subplots(1, len(layers), width_ratios=ratios, squeeze=False)[0]
        for k, (axes, layer) in enumerate(zip(row, layers, strict=True)):
            limit = float(np.abs(layer).max()) or 1.0
            image = axes.imshow(
                layer,
                cmap="RdBu_r",
                vmin=-limit,
                vmax=limit,
                aspect="auto",
                interpolation="nearest",
            )
            axes.set(title=titles[k] if titles else f"layer {k + 1}")
            axes.set(xlabel="output neuron j", ylabel="input i")
            figure.colorbar(image, ax=axes, label="weight")
    return figure


def messages(result: TurboResult, *, layer: int = 0, columns: int = 32) -> Figure:
    """Draw the exchange of one layer: what A said, what B answered, what both believe.

    Parameters
    ----------
    result : TurboResult
    layer : int
    columns : int
        Only so many neurons are shown, those with the most kept weights, side by side in
        their own order, so that single weights can be seen.

    Examples
    --------
    >>> import numpy as np
    >>> from tvbi_ref import TurboVBI, nets
    >>> from tvbi_ref.module_b import GridSupport
    >>> from tvbi_ref.prior import HierarchicalPrior
    >>> prior = HierarchicalPrior.spike_and_slab(GridSupport(-1.0, 0.1, 0.3))
    >>> x, y = np.eye(4), np.array([0, 1, 0, 1])
    >>> result = TurboVBI(prior, epochs=2).fit(nets.mlp([4, 3, 2], seed=0), x, y)
    >>> len(messages(result).axes)
    6
    """
    posterior = result.posteriors[layer].support_log_odds
    busiest = np.sort(np.argsort(-(posterior >= 0).sum(axis=0), kind="stable")[:columns])
    panels = {
        r"A to B: the evidence $l$": result.evidence[layer],
        r"B to A: the extrinsic answer, logit $\pi$": result.messages[layer].log_odds,
        r"together: logit $\tilde\pi$ = logit $\pi + l$": posterior,
    }
    with mpl.rc_context(STYLE | {"axes.grid": False}):
        figure = Figure(figsize=(11, 4.6), layout="constrained")
        figure.suptitle(f"layer {layer + 1}, the {len(busiest)} neurons with most kept weights")
        for axes, (title, log_odds) in zip(figure.subplots(1, 3), panels.items(), strict=True):
            shown = log_odds[:, busiest]
            limit = float(np.abs(shown).max()) or 1.0
            image = axes.imshow(
                shown,
                cmap="PuOr_r",
                vmin=-limit,
                vmax=limit,
                aspect="auto",
                interpolation="nearest",
            )
            axes.set(title=title, xlabel="output neuron j", ylabel="input i")
            places = np.linspace(0, len(busiest) - 1, min(5, len(busiest))).astype(int)
            axes.set_xticks(places, busiest[places])
            figure.colorbar(image, ax=axes, label="log-odds: positive means alive")
    return figure


LANES = {"nets": "network", "module_a": "Module A", "turbo": "wire", "module_b": "Module B"}
"""Where a call is drawn, by the part of the package that its function stands in."""

WHOSE: dict[str, Any] = {
    "readable": {"facecolor": "white", "edgecolor": BLUE, "linewidth": 1.2},
    "fast": {"facecolor": "#F7D794", "edgecolor": ORANGE, "linewidth": 1.2, "linestyle": "--"},
    "own": {"facecolor": "#8FD3BE", "edgecolor": "black", "linewidth": 2.2},
}
WHOSE_IN_WORDS = {"readable": "readable form", "fast": "fast form", "own": "a function of your own"}


def heard(heard: Heard, *, within: str | None = None, columns: int = 16) -> Figure:
    r"""Draw which equations were heard: a lane a module, and time from left to right.

    What a call calls itself hangs below it. Calls of one equation that follow each other in one
    lane are one box, with their number.

    Parameters
    ----------
    heard : Heard
        What `tvbi_ref.listen` has heard.
    within : str, optional
        Only the first call of this equation and what it calls; "turbo-loop": one round.
    columns : int
        What does not fit into so many boxes side by side is left out, and the title says so.

    Raises
    ------
    ValueError
        If there is nothing to draw.

    Examples
    --------
    >>> from tvbi_ref import ChainSupport, listen, use
    >>> with use("numpy"), listen() as ears:
    ...     _ = ChainSupport(0.1, 0.3).extrinsic([[3.0], [0.0]])
    >>> [text.get_text().split("\n")[0] for text in heard(ears).axes[0].texts]
    ['chain', 'cavity ×\xa02', 'sum-product', 'extrinsic-b', 'belief', 'cavity']
    """
    calls = list(_calls_within(heard.calls, within))
    if not calls:
        what = "a call" if within is None else f"a call of {within}"
        raise ValueError(f"heard must have {what}; got {heard!r}")
    boxes, n_calls = _fitting(_bundled(_as_trees(calls)), columns)
    shown = "" if n_calls == len(calls) else f", the first {n_calls} of {len(calls)} calls"
    with mpl.rc_context(STYLE | {"axes.grid": False}):
        lanes = _rows_of_lanes(boxes)
        width, height = sum(box.width for box in boxes), sum(lanes.values())
        size = (max(0.88 * width + 1.1, 5.5), 0.54 * height + 1.1)
        figure = Figure(figsize=size, layout="constrained")
        axes = figure.subplots()
        tops = _draw_lanes(axes, lanes, width)
        _draw_boxes(axes, boxes, tops, left=0)
        axes.set(xlim=(0, width), ylim=(height, 0), xticks=[])
        axes.set_xlabel("calls from left to right; below a call, those that it makes")
        axes.set_title(f"what was heard{f' within {within}' if within else ''}{shown}")
        whose = [name for name in WHOSE if any(name in box.all_whose() for box in boxes)]
        marks = [Patch(**WHOSE[name], label=WHOSE_IN_WORDS[name]) for name in whose]
        figure.legend(handles=marks, loc="outside lower right", ncols=3)
    return figure


@dataclass
class _Box:
    """Calls of one equation that are drawn as one, and what they called."""

    label: str
    whose: str
    lane: str
    count: int = 1
    inside: list[_Box] = field(default_factory=list)

    @property
    def width(self) -> int:
        """In columns."""
        return max(1, sum(box.width for box in self.inside))

    @property
    def n_calls(self) -> int:
        return self.count + sum(box.n_calls for box in self.inside)

    def all_whose(self) -> set[str]:
        return {self.whose}.union(*(box.all_whose() for box in self.inside))

    @property
    def text(self) -> str:
        """The label with the number of calls, in lines that fit into the box."""
        times = f" ×\N{NO-BREAK SPACE}{self.count}" if self.count > 1 else ""
        lines = textwrap.wrap(f"{self.label}{times}", 12 * self.width)
        if len(lines) > 2:  # for a smaller font
            lines = textwrap.wrap(f"{self.label}{times}", 15 * self.width)
        return "\n".join(lines)


def _calls_within(calls: Sequence[Call], label: str | None) -> Iterator[Call]:
    """Yield the first call of this label and all that it led to; all calls for None."""
    if label is None:
        yield from calls
        return
    start = next((k for k, call in enumerate(calls) if call.label == label), len(calls))
    for call in calls[start:]:
        if call is not calls[start] and call.depth <= calls[start].depth:
            return
        yield call


def _lane(call: Call) -> str:
    """Return the part of the package that a call belongs to, also of a step without an equation."""
    module = getattr(SOCKETS.get(call.label), "__module__", "tvbi_ref.rest")
    part = call.group or module.split(".")[1]
    return LANES.get(part, "rest")


def _as_trees(calls: Sequence[Call]) -> list[_Box]:
    roots: list[_Box] = []
    open_calls: list[_Box] = []
    for call in calls:
        del open_calls[call.depth - calls[0].depth :]
        box = _Box(call.label, call.whose, _lane(call))
        (open_calls[-1].inside if open_calls else roots).append(box)
        open_calls.append(box)
    return roots


def _bundled(boxes: Iterable[_Box]) -> list[_Box]:
    """Return the boxes with those of one equation made one, as long as the lane is the same."""
    bundled: list[_Box] = []
    for _, visit in itertools.groupby(boxes, key=lambda box: box.lane):
        found: dict[tuple[str, str], _Box] = {}
        for box in visit:
            key = (box.label, box.whose)
            if key in found:
                found[key].count += box.count
                found[key].inside += box.inside
            else:
                found[key] = box
        bundled += found.values()
    for box in bundled:
        box.inside = _bundled(box.inside)
    return bundled


def _fitting(boxes: list[_Box], columns: int) -> tuple[list[_Box], int]:
    """Return the first boxes, so many as fit but at least one, and their number of calls."""
    widths = itertools.accumulate(box.width for box in boxes)
    shown = boxes[: max(1, sum(width <= columns for width in widths))]
    return shown, sum(box.n_calls for box in shown)


def _rows_of_lanes(boxes: list[_Box]) -> dict[str, int]:
    """Return how many rows each lane needs, from the top; one without calls has none."""
    found: dict[str, int] = {}

    def visit(boxes: list[_Box], above: Mapping[str, int]) -> None:
        for box in boxes:
            row = above.get(box.lane, 0) + 1
            found[box.lane] = max(found.get(box.lane, 0), row)
            visit(box.inside, {**above, box.lane: row})

    visit(boxes, {})
    return {lane: found[lane] for lane in (*LANES.values(), "rest") if lane in found}


def _draw_lanes(axes: Axes, lanes: Mapping[str, int], width: int) -> dict[str, int]:
    """Draw the lanes' grounds and names; return the row in which each begins."""
    tops = dict(zip(lanes, itertools.accumulate(lanes.values(), initial=0), strict=False))
    for k, (lane, rows) in enumerate(lanes.items()):
        ground = "0.94" if k % 2 == 0 else "0.985"
        axes.add_patch(Rectangle((0, tops[lane]), width, rows, facecolor=ground, zorder=0))
    axes.set_yticks([tops[lane] + rows / 2 for lane, rows in lanes.items()], list(lanes))
    axes.tick_params(length=0)
    return tops


def _draw_boxes(axes: Axes, boxes: list[_Box], rows: Mapping[str, int], left: int) -> None:
    """Draw boxes side by side, each in its lane's next free row, and below each what it called."""
    for box in boxes:
        row, width = rows[box.lane], box.width
        spot = (left + 0.04, row + 0.1)
        axes.add_patch(Rectangle(spot, width - 0.08, 0.8, **WHOSE[box.whose]))
        longest = max(map(len, box.text.split("\n"))) / box.width
        size = 6.5 if longest > 13 or box.text.count("\n") > 1 else 8
        middle = (left + width / 2, row + 0.5)
        axes.text(*middle, box.text, ha="center", va="center", size=size)
        _draw_boxes(axes, box.inside, {**rows, box.lane: row + 1}, left)
        left += width


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
    columns = {
        "memory": ("o", BLUE),
        "file": ("s", ORANGE),
        "coded": ("^", GREEN),
        "shared": ("D", PURPLE),
    }
    for name, (mark, colour) in columns.items():
        sizes = [getattr(size, name) for size in report.formats]
        if sizes[0] is not None:
            kilobytes = np.array(sizes) / 1000
            axes.plot(kilobytes, np.arange(len(sizes)), mark, color=colour, label=name)
    any_format = report.formats[0]
    saved_bits = report.n_weights * (any_format.coded_bits - report.kept.entropy_bound)
    bound = (any_format.coded - saved_bits / 8) / 1000
    axes.axvline(bound, color="0.3", ls="--")
    _name_rows(axes, [size.name for size in report.formats])
    axes.set(title="kilobytes; dashed: coded, if places cost H(p)/p")
    use_plain_logs(axes)
    _legend_below(axes)


def _draw_index_bits(axes: Axes, report: CompressionReport) -> None:
    """Draw all formats but the dense one, whose zeros would leave no room for the others."""
    columns = {
        "coded_bits": ("kept", "o", BLUE),
        "shuffled_bits": ("shuffled", "x", "0.3"),
        "control_bits": ("J = 0", "^", GREEN),
    }
    sizes = [size for size in report.formats if size.name != "dense"]
    for column, (name, mark, colour) in columns.items():
        bits = [getattr(size, column) for size in sizes]
        if bits[0] is not None:
            axes.plot(bits, np.arange(len(bits)), mark, color=colour, label=name)
    axes.axvline(report.kept.index_bits, color=BLUE, ls=":", label="ideal run code")
    axes.axvline(report.kept.entropy_bound, color="0.3", ls="--", label="H(p)/p")
    _name_rows(axes, [size.name for size in sizes])
    axes.set(title="index bits a weight, coded", xlim=(0, None))
    _legend_below(axes)


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


def use_plain_logs(axes: Axes) -> None:
    """Make a horizontal axis logarithmic, with 1, 2, 5, 10 written as such, 20,000 as 20k.

    A narrow range has labels in between.

    Parameters
    ----------
    axes : Axes
        What it shows must be drawn already.

    Examples
    --------
    >>> axes = Figure().subplots()
    >>> _ = axes.plot([3, 30], [0, 0])
    >>> use_plain_logs(axes)
    >>> [label.get_text() for label in axes.get_xticklabels()][1:-1]
    ['2', '5', '10', '20']
    """
    axes.set_xscale("log")
    low, high = axes.get_xlim()
    limits = {3: range(1, 10), 8: (1, 2, 3, 5, 7), 1000: (1, 2, 5), np.inf: (1,)}
    steps = next(steps for limit, steps in limits.items() if high < limit * low)
    axes.xaxis.set_major_locator(LogLocator(subs=steps))
    axes.xaxis.set_major_formatter(lambda value, _: plain(value))
    axes.xaxis.set_minor_formatter(NullFormatter())


def plain(value: float) -> str:
    """Return a number without an exponent, from ten thousand on in thousands.

    Examples
    --------
    >>> plain(0.5), plain(2000), plain(20_000)
    ('0.5', '2000', '20k')
    """
    return f"{value:g}" if value < 10_000 else f"{value / 1000:g}k"


def _legend_below(axes: Axes) -> None:
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.08), ncols=2)

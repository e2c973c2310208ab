"""What the priors of the support look like: the pictures and the widget of its lesson.

A support is drawn black where a weight is alive; a column is one neuron.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike
from PIL import Image

from tvbi_ref._validation import FloatArray
from tvbi_ref.errors import UniquenessWarning
from tvbi_ref.lab import plots
from tvbi_ref.module_b import GridSupport
from tvbi_ref.school.teaching.looks import LINES, LOOKS, looks_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BOUND = float(np.arctanh(1 / 3))
"""Three tanh J = 1: the uniqueness bound of equal couplings."""

ONSAGER = float(np.log(1 + np.sqrt(2)) / 2)
"""Where the infinite lattice without a field orders (Onsager, Physical Review 65, 1944)."""

STARTS: Any = (
    {"color": plots.RED, "alpha": 0.5, "lw": 5, "solid_capstyle": "butt"},
    {"color": plots.BLUE, "ls": "--", "lw": 1.6},
)
"""How two starts look, so that both are seen where they lead to the same."""


def lattice(
    rows: Sequence[Sequence[FloatArray]], *, above: Sequence[str], left: Sequence[str] = ("",)
) -> Figure:
    """Draw supports in rows and columns of panels.

    Parameters
    ----------
    rows : sequence of sequences of ndarray (I, J), 0 or 1
    above : sequence of str
        A title for each column of panels.
    left : sequence of str
        A name for each row of panels.

    Examples
    --------
    >>> len(lattice([[np.eye(3), np.eye(4)]], above=["a", "b"]).axes)
    2
    """
    n = len(above)
    side = (7.3 - 0.3 * bool(left[0])) / n - 0.1
    with mpl.rc_context(plots.STYLE | {"axes.grid": False, "axes.titlesize": 10}):
        figure = Figure(
            figsize=(7.6, (side + 0.08) * len(rows) + 0.5 + 0.16 * above[0].count("\n")),
            layout="constrained",
        )
        panels = figure.subplots(len(rows), n, squeeze=False)
        for k, (line, supports) in enumerate(zip(panels, rows, strict=True)):
            for j, (axes, support) in enumerate(zip(line, supports, strict=True)):
                draw_support(axes, support)
                axes.set_title(above[j] if k == 0 else "")
            line[0].set_ylabel(f"{left[k]}\n\ninput i" if left[k] else "input i")
        for axes in panels[-1]:
            axes.set_xlabel("neuron j")
    return figure


def draw_support(axes: Axes, support: FloatArray) -> None:
    """Draw one support (I, J) into `axes`, black where a weight is alive.

    Examples
    --------
    >>> axes = Figure().subplots()
    >>> draw_support(axes, np.eye(3))
    >>> len(axes.images)
    1
    """
    axes.imshow(support, cmap="Greys", vmin=0, vmax=1, interpolation="nearest")
    axes.set(xticks=[], yticks=[])
    for side in ("top", "right"):
        axes.spines[side].set_visible(True)


def columns(truth: FloatArray, samples: FloatArray) -> Figure:
    """Draw the support of one column beside others that its prior has drawn.

    Parameters
    ----------
    truth : ndarray (I, 1), 0 or 1
    samples : ndarray (I, J), 0 or 1

    Examples
    --------
    >>> len(columns(np.ones((4, 1)), np.eye(4)).axes)
    2
    """
    look: Any = {"width_ratios": [truth.shape[1], samples.shape[1]]}
    with mpl.rc_context(plots.STYLE | {"axes.grid": False, "axes.titlesize": 10}):
        figure = Figure(figsize=(7.6, 2.0), layout="constrained")
        left, right = figure.subplots(1, 2, gridspec_kw=look)
        draw_support(left, truth)
        draw_support(right, samples)
        left.set(xlabel="truth", ylabel="weight n")
        right.set_title(f"{samples.shape[1]} columns drawn from the same chain")
    return figure


def draw_lines(axes: Axes, x: ArrayLike, lines: Mapping[str, FloatArray]) -> None:
    """Draw curves that differ in colour, in dashes and in marks, with a legend.

    Parameters
    ----------
    axes : Axes
    x : array_like (n,)
    lines : mapping from a name to an ndarray (n,)
        At most four.

    Examples
    --------
    >>> axes = Figure().subplots()
    >>> draw_lines(axes, np.arange(3), {"a": np.arange(3), "b": np.ones(3)})
    >>> len(axes.lines)
    2
    """
    for style, (name, y) in zip(LOOKS, lines.items(), strict=False):
        axes.plot(x, y, label=name, markersize=4, **style)
    axes.legend()


def memory(
    lags: FloatArray, measured: Mapping[str, FloatArray], said: Sequence[FloatArray]
) -> Figure:
    """Draw how a live weight's neighbours further down its column are alive.

    Parameters
    ----------
    lags : ndarray (n,)
    measured : mapping from a name to an ndarray (n,)
        The share of live weights so many rows below a live one, in a sample. At most four.
    said : sequence of ndarray (n,)
        What the formula says, in the same order.

    Examples
    --------
    >>> k = np.arange(4)
    >>> len(memory(k, {"chain": 0.5**k}, [0.5**k]).axes[0].lines)
    2
    """
    with mpl.rc_context(plots.STYLE):
        figure = Figure(figsize=(6.5, 3.4), layout="constrained")
        axes = figure.subplots()
        for style, (name, y), formula in zip(LOOKS, measured.items(), said, strict=False):
            look = {"color": style["color"]}
            axes.plot(lags, formula, ls=style["ls"], **look)
            axes.plot(lags, y, ls="", marker=style["marker"], label=name, **look)
        axes.set(xlabel="rows further down, k", ylabel="share alive", ylim=(0, 1.05))
        axes.set_title("k rows below a live weight: lines say, marks were counted")
        axes.legend()
    return figure


def transition(
    couplings: FloatArray,
    ends: Mapping[str, FloatArray],
    traces: Mapping[tuple[str, str], FloatArray],
) -> Figure:
    """Draw where Gibbs sampling ends against the coupling, and on which way it got there.

    Parameters
    ----------
    couplings : ndarray (n,)
        J = J_row = J_col.
    ends : mapping from a start to an ndarray (n,)
        The density after the last sweep, of two starts.
    traces : mapping from (start, coupling) to an ndarray (sweeps,)
        Densities on the way. A start has its colour of the left panel, a coupling its dashes.

    Examples
    --------
    >>> J, half = np.array([0.1, 0.2]), np.full(2, 0.5)
    >>> ends = {"on": half, "off": half}
    >>> len(transition(J, ends, {("off", "J = 0.1"): half}).axes)
    2
    """
    with mpl.rc_context(plots.STYLE):
        figure = Figure(figsize=(8, 4), layout="constrained")
        left, right = figure.subplots(1, 2, sharey=True)
        draw_starts(left, couplings, ends)
        for value, name, align in ((BOUND, "bound", "right"), (ONSAGER, " Onsager", "left")):
            left.axvline(value, color="0.4", ls=":", lw=1.2)
            left.text(value, 1.09, name, ha=align, va="top", fontsize=9)
        left.set(xlabel="coupling J", ylabel="density", ylim=(-0.05, 1.12))
        legend_below(left)
        starts = dict(zip(ends, STARTS, strict=True))
        dashes = looks_of([coupling for _, coupling in traces])
        for (start, coupling), trace in traces.items():
            look: Any = {"color": starts[start]["color"], "ls": dashes[coupling]["ls"]}
            right.plot(1 + np.arange(len(trace)), trace, label=f"{start}, {coupling}", **look)
        right.set(xlabel="Gibbs sweep", xscale="log")
        legend_below(right)
    return figure


def draw_starts(axes: Axes, x: FloatArray, ends: Mapping[str, FloatArray]) -> None:
    """Draw where two starts lead: a broad pale line, and dashes that are seen on top of it.

    Parameters
    ----------
    axes : Axes
    x : ndarray (n,)
    ends : mapping from a start to an ndarray (n,)
        Two.

    Examples
    --------
    >>> axes = Figure().subplots()
    >>> draw_starts(axes, np.arange(2), {"on": np.ones(2), "off": np.ones(2)})
    >>> len(axes.lines)
    2
    """
    for look, (name, y) in zip(STARTS, ends.items(), strict=True):
        axes.plot(x, y, label=name, **look)


def two_panels(
    left: Mapping[str, tuple[FloatArray, FloatArray]],
    right: Mapping[str, tuple[FloatArray, FloatArray]],
    titles: tuple[str, str],
) -> tuple[Figure, Axes, Axes]:
    """Draw curves in two panels, with legends below; a name looks the same in both.

    Parameters
    ----------
    left, right : mapping from a name to two ndarrays (n,)
        x and y. At most eight names.
    titles : (str, str)

    Returns
    -------
    figure, left, right
        To name and scale the axes.

    Examples
    --------
    >>> x = np.arange(3.0)
    >>> figure, a, b = two_panels({"one": (x, x)}, {"two": (x, -x)}, ("up", "down"))
    >>> a.get_legend().get_texts()[0].get_text()
    'one'
    """
    with mpl.rc_context(plots.STYLE):
        figure = Figure(figsize=(8, 4), layout="constrained")
        panels = figure.subplots(1, 2)
        looks = looks_of(left, right, looks=LINES)
        for axes, lines, title in zip(panels, (left, right), titles, strict=True):
            axes.set_title(title)
            for name, (x, y) in lines.items():
                axes.plot(x, y, label=name, **looks[name])
            legend_below(axes)
    return figure, panels[0], panels[1]


def legend_below(axes: Axes) -> None:
    """Put the legend under the axis, where no curve is.

    Examples
    --------
    >>> axes = Figure().subplots()
    >>> draw_lines(axes, np.arange(2), {"a": np.arange(2)})
    >>> legend_below(axes)
    """
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.18), ncols=2)


def snapshot(
    field: float,
    coupling_row: float,
    coupling_col: float,
    *,
    shape: tuple[int, int] = (40, 40),
    seed: int = 0,
) -> Figure:
    """Draw one sample of a grid, and say how dense it is and whether its couplings are safe.

    Parameters
    ----------
    field, coupling_row, coupling_col : float
    shape : (I, J)
    seed : int

    Examples
    --------
    >>> figure = snapshot(-1.0, 0.1, 0.3, shape=(6, 5))
    >>> figure.axes[0].get_title(loc="left").splitlines()[0]
    'h = -1, J_row = 0.1, J_col = 0.3'
    """
    grid = unwarned_grid(field, coupling_row, coupling_col)
    support = grid.sample(shape, np.random.default_rng(seed))
    verdict = "safe" if grid.uniqueness < 1 else "above the bound"
    with mpl.rc_context(plots.STYLE | {"axes.grid": False, "axes.titlesize": 10}):
        figure = Figure(figsize=(4, 4.3), layout="constrained")
        axes = figure.subplots()
        draw_support(axes, support)
        axes.set(xlabel="neuron j", ylabel="input i")
        axes.set_title(
            f"h = {field:g}, J_row = {coupling_row:g}, J_col = {coupling_col:g}\n"
            f"density {support.mean():.2f}, U = {grid.uniqueness:.2f}: {verdict}"
        )
    return figure


def unwarned_grid(field: float, coupling_row: float, coupling_col: float) -> GridSupport:
    """Return a grid without its warning that the couplings are beyond the uniqueness bound.

    Examples
    --------
    >>> unwarned_grid(0.0, 0.6, 0.6).uniqueness > 1
    True
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UniquenessWarning)  # it is what the lesson is about
        return GridSupport(field, coupling_row, coupling_col)


def explore() -> Any:
    """Return a widget: sliders for the field and both couplings, and the sample they make.

    `snapshot` draws the same picture for one setting.

    Returns
    -------
    ipywidgets.VBox

    Examples
    --------
    >>> len(explore().children)
    5
    """
    import ipywidgets as widgets

    style = {"continuous_update": False, "style": {"description_width": "9em"}}
    sliders = {
        "field": widgets.FloatSlider(-0.5, min=-2, max=2, step=0.1, description="field h", **style),
        "coupling_row": widgets.FloatSlider(
            0.1, min=0, max=1, step=0.02, description="J_row", **style
        ),
        "coupling_col": widgets.FloatSlider(
            0.5, min=0, max=1.6, step=0.02, description="J_col", **style
        ),
        "seed": widgets.IntSlider(0, min=0, max=9, description="another sample", **style),
    }
    image = widgets.Image(format="png")

    def redraw(change: object = None) -> None:
        image.value = as_png(snapshot(**{name: each.value for name, each in sliders.items()}))

    for each in sliders.values():
        each.observe(redraw, names="value")
    redraw()
    return widgets.VBox([*sliders.values(), image])


def as_png(figure: Figure) -> bytes:
    """Return a figure as the bytes of a small PNG file: 100 dots an inch, 256 colours.

    Examples
    --------
    >>> as_png(Figure(figsize=(1, 1)))[1:4]
    b'PNG'
    """
    full, small = io.BytesIO(), io.BytesIO()
    figure.savefig(full, format="png", dpi=100)
    Image.open(full).convert("RGB").quantize(256).save(small, "PNG", optimize=True)
    return small.getvalue()

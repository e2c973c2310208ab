"""Sum-product in pictures: factor graphs, messages sweep by sweep, widgets of the lessons on it.

A weight's node is a circle, a factor a square, as everywhere in the literature. Where beliefs
are drawn, a black node is believed alive and a white one dead. A message that says "alive" is
a filled arrow, one that says "dead" a hollow one, and the longer the surer.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Ellipse
from PIL import Image
from scipy.special import expit

from tvbi_ref._validation import FloatArray
from tvbi_ref.lab import plots
from tvbi_ref.module_b import chain_messages
from tvbi_ref.module_b.grid import ABOVE, BELOW, LEFT, RIGHT
from tvbi_ref.school.teaching.fields import BOUND, as_png, draw_lines, draw_starts, legend_below
from tvbi_ref.school.teaching.looks import LINES, LOOKS, looks_of, show_coinciding

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ALIVE, DEAD = plots.RED, plots.BLUE

PALETTE = [
    round(255 * value)
    for colour, steps in (("black", 32), (ALIVE, 12), (DEAD, 12))
    for share in np.linspace(0, 1, steps)
    for value in share + (1 - share) * np.array(mpl.colors.to_rgb(colour))
]
"""Of an animation: black, alive and dead, each on its way to white."""

ARROW: Any = {
    **{"angles": "xy", "scale_units": "xy", "scale": 1, "units": "xy", "zorder": 2, "lw": 1},
    **{"width": 0.08, "headwidth": 2.8, "headlength": 2.6, "headaxislength": 2.6},
}
"""In distances between two nodes."""

BARE: Any = plots.STYLE | {"axes.grid": False}

FROM: dict[int, tuple[int, int]] = {ABOVE: (-1, 0), BELOW: (1, 0), LEFT: (0, -1), RIGHT: (0, 1)}
"""The place (row, column) of the sender, seen from the receiver."""


# Factor graphs


def factor_graph(shape: tuple[int, int] = (2, 3)) -> Figure:
    """Draw the factor graph of a grid: what each weight knows by itself, and the couplings.

    Parameters
    ----------
    shape : (I, J)

    Examples
    --------
    >>> len(factor_graph((2, 2)).axes)
    1
    """
    n_rows, n_cols = shape
    with mpl.rc_context(BARE):
        figure = Figure(figsize=(2.2 * n_cols, 1.75 * n_rows), layout="constrained")
        axes = _canvas(figure, (-0.75, n_cols - 0.55), (n_rows - 0.55, -0.6))
        for i in range(n_rows):
            for j in range(n_cols):
                if j + 1 < n_cols:
                    draw_factor(axes, (j + 0.5, i), [(j, i), (j + 1, i)], "$J_{row}$")
                if i + 1 < n_rows:
                    draw_factor(axes, (j, i + 0.5), [(j, i), (j, i + 1)], "$J_{col}$")
                draw_factor(axes, (j - 0.38, i - 0.36), [(j, i)], "$h+l$")
        for i in range(n_rows):
            for j in range(n_cols):
                draw_node(axes, (j, i), f"$s_{{{i}{j}}}$")
    return figure


def tree() -> Figure:
    """Draw a tree around one weight, the parts that it holds together, and what they send.

    Examples
    --------
    >>> len(tree().axes)
    1
    """
    root, k, left, right = (0.0, 0.0), (-1.5, 1.0), (-2.2, 2.0), (-0.8, 2.0)
    other, leaf = (1.5, 1.0), (1.5, 2.0)
    with mpl.rc_context(BARE):
        figure = Figure(figsize=(6.6, 3.7), layout="constrained")
        axes = _canvas(figure, (-3.2, 3.1), (2.5, -0.55))
        _part(axes, (-1.45, 1.4), (2.5, 1.9), "part $T_e$", (-3.1, 0.75))
        _part(axes, (1.45, 1.4), (1.4, 1.9), "part $T_{e'}$", (2.3, 0.75))
        for start, name, aside in ((k, "$e$", (-15, 6)), (other, "$e'$", (7, 6))):
            draw_factor(axes, _middle(root, start), [root, start], name, aside)
        for end, start in ((k, left), (k, right), (other, leaf)):
            draw_factor(axes, _middle(end, start), [end, start], "")
        for place, name in ((root, "$s_n$"), (k, "$s_k$"), (left, ""), (right, ""), (other, "")):
            draw_node(axes, place, name)
        draw_node(axes, leaf, "")
        _arrow(axes, (-0.6, 0.22), (-0.18, -0.06), r"$F_{e \to n}(s_n)$", (-1.75, -0.02))
        _arrow(axes, (0.6, 0.22), (0.18, -0.06), r"$F_{e' \to n}(s_n)$", (0.6, -0.02))
    return figure


def star(n: int = 5) -> Figure:
    """Draw the factor graph of one neuron: an indicator and its weights.

    Parameters
    ----------
    n : int
        The number of weights.

    Examples
    --------
    >>> len(star(3).axes)
    1
    """
    with mpl.rc_context(BARE):
        figure = Figure(figsize=(6.0, 3.3), layout="constrained")
        axes = _canvas(figure, (-0.75, n - 0.25), (2.75, -0.35))
        z = ((n - 1) / 2, 0.0)
        draw_factor(axes, (z[0] + 0.75, 0.0), [z], r"$\lambda$")
        for i in range(n):
            draw_factor(axes, _middle(z, (i, 1.5)), [z, (i, 1.5)], "")
            draw_factor(axes, (i, 2.2), [(i, 1.5)], f"$l_{i}$")
            draw_node(axes, (i, 1.5), f"$s_{i}$")
        draw_node(axes, z, "$z$")
        axes.text(n - 1.15, 0.62, r"$P(s \mid z)$", fontsize=10)
    return figure


def draw_node(axes: Axes, place: tuple[float, float], name: str, fill: str = "white") -> None:
    """Draw a circle with a name in it.

    Examples
    --------
    >>> axes = Figure().subplots()
    >>> draw_node(axes, (0, 0), "s")
    >>> len(axes.texts)
    1
    """
    axes.plot(*place, "o", ms=27, mfc=fill, mec="black", mew=1.4, zorder=3)
    axes.text(*place, name, ha="center", va="center", fontsize=11, zorder=4)


def draw_factor(
    axes: Axes,
    place: tuple[float, float],
    ends: Sequence[tuple[float, float]],
    name: str,
    aside: tuple[float, float] = (7, 6),
) -> None:
    """Draw a square with lines to the nodes that it ties, and its name beside it.

    Examples
    --------
    >>> axes = Figure().subplots()
    >>> draw_factor(axes, (0.5, 0), [(0, 0), (1, 0)], "J")
    >>> len(axes.lines)
    3
    """
    for end in ends:
        axes.plot([place[0], end[0]], [place[1], end[1]], color="black", lw=1.2, zorder=1)
    axes.plot(*place, "s", ms=9, mfc=plots.SKY, mec="black", zorder=2)
    axes.annotate(name, place, aside, textcoords="offset points", fontsize=10, zorder=4)


def _middle(a: tuple[float, float], b: tuple[float, float]) -> tuple[float, float]:
    return (a[0] + b[0]) / 2, (a[1] + b[1]) / 2


def _canvas(figure: Figure, x: tuple[float, float], y: tuple[float, float]) -> Axes:
    axes = figure.subplots()
    axes.set(xlim=x, ylim=y)
    axes.set_axis_off()
    return axes


def _part(
    axes: Axes,
    centre: tuple[float, float],
    size: tuple[float, float],
    name: str,
    at: tuple[float, float],
) -> None:
    axes.add_patch(Ellipse(centre, *size, fc="0.92", ec="0.6", ls="--", zorder=0))
    axes.text(*at, name, fontsize=10)


def _arrow(
    axes: Axes,
    tail: tuple[float, float],
    head: tuple[float, float],
    name: str,
    at: tuple[float, float],
) -> None:
    look: Any = {"arrowstyle": "-|>", "color": ALIVE, "lw": 2}
    up = -0.13
    axes.annotate("", (head[0], head[1] + up), (tail[0], tail[1] + up), arrowprops=look, zorder=5)
    axes.text(*at, name, fontsize=11, color=ALIVE)


# Chains


def chain_passes(
    evidence: FloatArray, forward: FloatArray, backward: FloatArray, truth: FloatArray
) -> Figure:
    """Draw one column: its evidence, what each weight hears from both sides, its belief.

    Parameters
    ----------
    evidence, forward, backward : ndarray (I,)
        l and the two messages, log-odds.
    truth : ndarray (I,), 0 or 1
        The support that the evidence was made from.

    Examples
    --------
    >>> len(chain_passes(np.zeros(5), np.ones(5), np.ones(5), np.eye(5)[0]).axes)
    3
    """
    rows = np.arange(len(evidence))
    with mpl.rc_context(plots.STYLE):
        figure = Figure(figsize=(7, 5.4), layout="constrained")
        top, middle, bottom = figure.subplots(3, 1, sharex=True)
        top.bar(rows, evidence, color=np.where(truth == 1, "0.4", "white"), width=0.8, ec="0.3")
        top.set(
            title="evidence $l$: a filled bar is alive in truth, a hollow one dead",
            ylabel="log-odds",
        )
        passes = {"from above": forward, "from below": backward}
        draw_lines(middle, rows, {**passes, r"sum: logit $\pi$": forward + backward})
        middle.set(title="messages", ylabel="log-odds")
        beliefs = {"with the chain": evidence + forward + backward, "alone": evidence}
        looks = (LOOKS[5] | {"ls": "-"}, LOOKS[4])
        for look, (name, log_odds) in zip(looks, beliefs.items(), strict=True):
            bottom.plot(rows, expit(log_odds), label=name, ms=4, **look)
        bottom.plot(rows, truth, "k_", ms=7, mew=2, label="truth")
        bottom.set(title="belief that the weight is alive", xlabel="input i", ylabel="P(s = 1)")
        for axes in (middle, bottom):
            axes.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def listening(evidence: FloatArray, truth: FloatArray, mean_run: float) -> Figure:
    """Draw one column under a chain whose live runs have a given mean length.

    Parameters
    ----------
    evidence, truth : ndarray (I,)
        As of `chain_passes`. The chain's density is that of the truth.
    mean_run : float, at least 1/(1 - density), where the chain has no memory

    Examples
    --------
    >>> figure = listening(np.zeros(4), np.array([0.0, 1, 1, 0]), 2.0)
    >>> figure.get_suptitle()
    'mean run 2: wrong decisions alone 2, with the chain 2'
    """
    density = float(truth.mean())
    p10 = 1 / mean_run
    passes = chain_messages(evidence[:, None], p10 * density / (1 - density), p10)
    above, below = (m[:, 0] for m in passes)
    alone, heard = (np.sum((l > 0) != (truth == 1)) for l in (evidence, evidence + above + below))
    figure = chain_passes(evidence, above, below, truth)
    figure.suptitle(f"mean run {mean_run:g}: wrong decisions alone {alone}, with the chain {heard}")
    return figure


def listen(evidence: FloatArray, truth: FloatArray) -> Any:
    """Return a widget: a slider for the chain's mean run, and what the weights then hear.

    `listening` draws the same picture for one setting.

    Parameters
    ----------
    evidence, truth : ndarray (I,)

    Returns
    -------
    ipywidgets.VBox

    Examples
    --------
    >>> len(listen(np.zeros(4), np.array([0.0, 1, 1, 0])).children)
    2
    """
    import ipywidgets as widgets

    style: Any = {"continuous_update": False, "style": {"description_width": "6em"}}
    low = round(1 / (1 - float(truth.mean())) + 0.05, 1)
    slider = widgets.FloatSlider(low, min=low, max=30, step=0.1, description="mean run", **style)
    image = widgets.Image(format="png")

    def redraw(change: object = None) -> None:
        image.value = as_png(listening(evidence, truth, slider.value))

    slider.observe(redraw, names="value")
    redraw()
    return widgets.VBox([slider, image])


# Messages on a grid, sweep by sweep


def draw_messages(axes: Axes, own: FloatArray, messages: FloatArray) -> None:
    """Draw a grid's beliefs and messages into `axes`.

    Parameters
    ----------
    axes : Axes
    own : ndarray (I, J)
        h + l.
    messages : ndarray (4, I, J)
        What each node has heard, log-odds, by where it came from.

    Examples
    --------
    >>> axes = Figure().subplots()
    >>> draw_messages(axes, np.zeros((2, 2)), np.zeros((4, 2, 2)))
    >>> len(axes.collections)  # the nodes; messages of 0 are not drawn
    1
    """
    n_rows, n_cols = own.shape
    i, j = np.indices(own.shape)
    belief = expit(own + messages.sum(axis=0))
    axes.scatter(j, i, s=150, c=belief, cmap="gray_r", vmin=0, vmax=1, ec="0.3", zorder=3)
    tails, ways, m = _arrows(messages)
    for says, colour, fill in ((m > 0, ALIVE, ALIVE), (m < 0, DEAD, "white")):
        look: Any = ARROW | {"ec": colour, "fc": fill}
        if says.any():
            axes.quiver(*tails[says].T, *ways[says].T, **look)
    axes.set(xlim=(-0.6, n_cols - 0.4), ylim=(n_rows - 0.4, -0.6), aspect="equal")
    axes.set_axis_off()


def _arrows(messages: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the tails (n, 2) and ways (n, 2) of all arrows, as (x, y), and the messages (n,)."""
    tails, ways, values = [], [], []
    for side, (down, right) in FROM.items():
        i, j = np.nonzero(np.abs(messages[side]) > 0.02)
        m = messages[side][i, j]
        way = -np.array([right, down], dtype=float)
        # The two messages of an edge pass each other on the right-hand side.
        aside = 0.15 * np.array([-way[1], way[0]])
        centre = np.stack([j + 0.5 * right, i + 0.5 * down], axis=1) + aside
        length = 0.24 + 0.3 * np.abs(np.tanh(m))[:, None]
        tails.append(centre - 0.5 * length * way)
        ways.append(length * way)
        values.append(m)
    return np.concatenate(tails), np.concatenate(ways), np.concatenate(values)


def sweep_figure(own: FloatArray, history: Sequence[FloatArray], sweep: int) -> Figure:
    """Draw the messages after so many sweeps.

    Parameters
    ----------
    own : ndarray (I, J)
    history : sequence of ndarray (4, I, J)
        The messages before the first sweep, after it, after the second, and so on.
    sweep : int

    Examples
    --------
    >>> silence = np.zeros((4, 2, 2))
    >>> sweep_figure(np.zeros((2, 2)), [silence, silence], 1).axes[0].get_title(loc="left")
    'sweep 1, largest change 0.0000'
    """
    n_rows, n_cols = own.shape
    with mpl.rc_context(BARE | {"axes.titlesize": 10}):
        figure = Figure(figsize=(0.55 * n_cols + 0.3, 0.55 * n_rows + 0.6), layout="constrained")
        axes = figure.subplots()
        draw_messages(axes, own, history[sweep])
        axes.set_title(_title(history, sweep))
    return figure


def _title(history: Sequence[FloatArray], sweep: int) -> str:
    if sweep == 0:
        return "before the first sweep"
    return f"sweep {sweep}, largest change {np.abs(history[sweep] - history[sweep - 1]).max():.4f}"


def sweep_strip(own: FloatArray, history: Sequence[FloatArray], shown: Sequence[int]) -> Figure:
    """Draw the messages after some of the sweeps side by side.

    Parameters
    ----------
    own : ndarray (I, J)
    history : sequence of ndarray (4, I, J)
    shown : sequence of int
        Which sweeps, an even number of them.

    Examples
    --------
    >>> silence = np.zeros((4, 2, 2))
    >>> len(sweep_strip(np.zeros((2, 2)), [silence] * 2, [0, 1]).axes)  # and a scale
    3
    """
    n_rows, n_cols = own.shape
    lines = len(shown) // 2
    height = (4 * n_rows / n_cols + 0.3) * lines + 0.7
    with mpl.rc_context(BARE | {"axes.titlesize": 10}):
        figure = Figure(figsize=(8, height), layout="constrained")
        panels = figure.subplots(lines, 2, squeeze=False).ravel()
        for axes, sweep in zip(panels, shown, strict=True):
            draw_messages(axes, own, history[sweep])
            axes.set_title(f"sweep {sweep}" if sweep else "before the first sweep")
        scale: Any = {"ax": list(panels), "location": "bottom", "shrink": 0.5, "aspect": 40}
        figure.colorbar(panels[0].collections[0], label="belief, P(s = 1)", **scale)
    return figure


def sweep_animation(
    own: FloatArray, history: Sequence[FloatArray], *, milliseconds: int = 900
) -> bytes:
    """Return the sweeps as an animated PNG, which moves wherever a PNG can be shown.

    Parameters
    ----------
    own : ndarray (I, J)
    history : sequence of ndarray (4, I, J)
    milliseconds : int
        How long each picture stands.

    Returns
    -------
    bytes
        A PNG file; a viewer that knows no animation shows its first picture.

    Examples
    --------
    >>> silence = np.zeros((4, 2, 2))
    >>> moving = sweep_animation(np.zeros((2, 2)), [silence, silence + 0.5])
    >>> Image.open(io.BytesIO(moving)).n_frames
    2
    >>> red, green, blue = Image.open(io.BytesIO(moving)).convert("RGB").split()
    >>> red == green == blue  # before the first sweep there is nothing but grey
    True
    """
    frames = [
        Image.open(io.BytesIO(as_png(sweep_figure(own, history, k)))).convert("RGB")
        for k in range(len(history))
    ]
    # One palette of few colours for all of them: that is what keeps the file small.
    palette = Image.new("P", (1, 1))
    palette.putpalette(PALETTE)
    frames = [frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames]
    file = io.BytesIO()
    settings: Any = {"duration": milliseconds, "loop": 0, "optimize": True}
    frames[0].save(file, "PNG", save_all=True, append_images=frames[1:], **settings)
    return file.getvalue()


def step_through(own: FloatArray, history: Sequence[FloatArray]) -> Any:
    """Return a widget that steps the messages, one sweep a click.

    `sweep_strip` draws the same side by side.

    Parameters
    ----------
    own : ndarray (I, J)
    history : sequence of ndarray (4, I, J)

    Returns
    -------
    ipywidgets.VBox

    Examples
    --------
    >>> len(step_through(np.zeros((2, 2)), [np.zeros((4, 2, 2))] * 2).children)
    2
    """
    import ipywidgets as widgets

    last = len(history) - 1
    play = widgets.Play(0, min=0, max=last, interval=900)
    slider = widgets.IntSlider(0, min=0, max=last, description="sweep")
    picture = widgets.Image(format="png")
    widgets.jslink((play, "value"), (slider, "value"))

    def redraw(change: object = None) -> None:
        picture.value = as_png(sweep_figure(own, history, slider.value))

    slider.observe(redraw, names="value")
    redraw()
    return widgets.VBox([widgets.HBox([play, slider]), picture])


# How good the answer is


def against_coupling(
    couplings: FloatArray,
    lines: Mapping[str, FloatArray],
    scatter: Mapping[str, tuple[FloatArray, FloatArray]],
) -> Figure:
    """Draw the error of loopy beliefs against the coupling, and the beliefs for a few.

    Parameters
    ----------
    couplings : ndarray (n,)
    lines : mapping from a name to an ndarray (n,)
        Errors. At most four.
    scatter : mapping from a name to two ndarrays (m,)
        The exact and the loopy beliefs. At most four.

    Examples
    --------
    >>> J = np.array([0.1, 0.2])
    >>> len(against_coupling(J, {"worst": J}, {"J = 0.1": (J, J)}).axes)
    2
    """
    with mpl.rc_context(plots.STYLE):
        figure = Figure(figsize=(8, 4.1), layout="constrained")
        left, right = figure.subplots(1, 2)
        draw_lines(left, couplings, lines)
        show_coinciding(left)
        left.axvline(BOUND, color="0.4", ls=":", lw=1.2)
        left.text(BOUND, left.get_ylim()[1], "bound ", ha="right", va="top", fontsize=9)
        left.set(yscale="log", xlabel="coupling J", title="error of a belief, 4 x 4")
        right.plot([0, 1], [0, 1], color="0.6", lw=1)
        looks = looks_of(lines, scatter)
        for name, (exact, loopy) in scatter.items():
            right.plot(exact, loopy, label=name, mfc="none", ms=5, **(looks[name] | {"ls": ""}))
        right.set(xlabel="exact P(s = 1)", ylabel="loopy belief", title="all nodes, three layers")
        for axes in (left, right):
            legend_below(axes)
    return figure


def two_answers(
    maps: Mapping[str, tuple[FloatArray, FloatArray]],
    couplings: FloatArray,
    ends: Mapping[str, Mapping[str, FloatArray]],
) -> Figure:
    """Draw a sweep of equal messages against the diagonal, and where two starts lead a grid.

    Parameters
    ----------
    maps : mapping from a name to two ndarrays (m,)
        Message before and after a sweep.
    couplings : ndarray (n,)
    ends : mapping from a title to a mapping from a start to an ndarray (n,)
        The density, of two starts; a panel for each title.

    Examples
    --------
    >>> J, m = np.array([0.1, 0.2]), np.array([-1.0, 1.0])
    >>> ends = {"h = 0": {"on": J, "off": J}}
    >>> len(two_answers({"J = 0.1": (m, 0.3 * m)}, J, ends).axes)
    2
    """
    with mpl.rc_context(plots.STYLE | {"axes.titlesize": 10}):
        figure = Figure(figsize=(8, 3.6), layout="constrained")
        left, *others = figure.subplots(1, 1 + len(ends))
        for look, (name, (before, after)) in zip(LINES[2:], maps.items(), strict=False):
            left.plot(before, after, label=name, **look)
            left.plot(before, before, color="0.4", lw=1)
        left.set(xlabel="message before a sweep", title="message after it, h = 0")
        for axes, (title, starts) in zip(others, ends.items(), strict=True):
            draw_starts(axes, couplings, starts)
            axes.axvline(BOUND, color="0.4", ls=":", lw=1.2)
            axes.set(xlabel="coupling J", ylim=(-0.03, 1.03), title=title)
        for axes in (left, *others):
            axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=1)
    return figure


def exchange(panels: Mapping[str, FloatArray], *, limit: float) -> Figure:
    """Draw log-odds of a layer side by side on one scale, orange alive and purple dead.

    Parameters
    ----------
    panels : mapping from a title to an ndarray (I, J)
    limit : float
        Where the scale ends, both ways.

    Examples
    --------
    >>> len(exchange({"l": np.zeros((3, 2))}, limit=1.0).axes)
    2
    """
    with mpl.rc_context(BARE | {"axes.titlesize": 10}):
        figure = Figure(figsize=(8, 3.2), layout="constrained")
        row = figure.subplots(1, len(panels), squeeze=False)[0]
        for axes, (title, log_odds) in zip(row, panels.items(), strict=True):
            look: Any = {"cmap": "PuOr_r", "vmin": -limit, "vmax": limit, "aspect": "auto"}
            image = axes.imshow(log_odds, interpolation="nearest", **look)
            axes.set(title=title, xlabel="neuron j", xticks=[], yticks=[])
        row[0].set_ylabel("input i")
        figure.colorbar(image, ax=list(row), label="log-odds: above 0 alive")
    return figure

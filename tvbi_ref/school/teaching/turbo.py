"""The exchange between the modules, annealing, supports that emerge: pictures of two lessons."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import matplotlib as mpl
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch
from PIL import Image
from scipy.special import expit

from tvbi_ref._validation import FloatArray
from tvbi_ref.equations.sockets import plugged
from tvbi_ref.lab import plots
from tvbi_ref.module_b import ChainSupport, chain_messages
from tvbi_ref.school.teaching import running
from tvbi_ref.school.teaching.fields import as_png, draw_support, legend_below
from tvbi_ref.school.teaching.looks import LOOKS, show_coinciding
from tvbi_ref.school.teaching.messages import draw_factor, draw_node
from tvbi_ref.turbo import turbo_round
from tvbi_ref.turbo.follow_up import EXCHANGES

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ENDS: Any = (
    {"color": "black", "marker": "*", "mfc": "white", "ls": "--"},
    {"color": "black", "marker": "X", "ls": "-"},
)

FEW_GREYS = [round(round(level * 15 / 255) * 255 / 15) for level in range(256)]
"""The nearest of sixteen greys for each of 256: that is what keeps a film small."""

A_COLOUR, B_COLOUR = plots.SKY, plots.ORANGE
"""Of the two modules and of what they send; no other line has one of them."""

WIRES = {
    "extrinsic": LOOKS[0]["color"],
    "full_belief": LOOKS[1]["color"],
    "product_of_odds": LOOKS[3]["color"],
    "product_and_belief": LOOKS[4]["color"],
}
"""The colours that `exchanges` has for the same wires."""


# The exchange


def two_modules(n: int = 3) -> Figure:
    """Draw the factor graph of a column, cut between the two modules, and what crosses the cut.

    Parameters
    ----------
    n : int
        The number of weights.

    Examples
    --------
    >>> len(two_modules(2).axes)
    1
    """
    with mpl.rc_context(plots.STYLE | {"axes.grid": False}):
        figure = Figure(figsize=(7.6, 3.9), layout="constrained")
        axes = figure.subplots()
        _box(axes, n, 1.62, 1.3, "Module B: the field, $p(S)$", B_COLOUR)
        _box(axes, n, -0.95, 1.3, "Module A: one factor a weight", A_COLOUR)
        for k in range(n):
            if k + 1 < n:
                draw_factor(axes, (2 * k + 1, 2), [(2 * k, 2), (2 * k + 2, 2)], "")
            draw_factor(axes, (2 * k, -0.3), [(2 * k, 2)], "")
            draw_node(axes, (2 * k, 2), f"$s_{k}$")
            axes.text(2 * k + 0.17, -0.55, f"$Z_s(m_{k})$", fontsize=10)
            _between(axes, 2 * k - 0.25, True, f"$l_{k}$", A_COLOUR)
            _between(axes, 2 * k + 0.25, False, rf"logit $\pi_{k}$", B_COLOUR)
        axes.set(xlim=(-1.15, 2 * n - 0.55), ylim=(-1.1, 3.05))
        axes.set_axis_off()
    return figure


def _box(axes: Axes, n: int, bottom: float, height: float, name: str, colour: str) -> None:
    look: Any = {"fc": "0.96", "ec": colour, "lw": 2.4, "boxstyle": "round,pad=0.04", "zorder": 0}
    axes.add_patch(FancyBboxPatch((-1.05, bottom), 2 * n + 0.4, height, **look))
    axes.text(-0.95, bottom + (1.02 if bottom > 0 else 0.06), name, fontsize=11)


def _between(axes: Axes, x: float, up: bool, name: str, colour: str) -> None:
    """Draw a message across the cut."""
    tail, head = (0.5, 1.45) if up else (1.45, 0.5)
    look: Any = {"arrowstyle": "-|>", "color": colour, "lw": 2.6, "mutation_scale": 24}
    axes.annotate("", (x, head), (x, tail), arrowprops=look)
    side: Any = {"ha": "right" if up else "left", "va": "center", "fontsize": 11}
    axes.text(x + (-0.1 if up else 0.1), 0.95, name, **side)


def exchanges(probabilities: Mapping[str, FloatArray], sizes: Mapping[str, FloatArray]) -> Figure:
    """Draw what comes of the rounds of an exchange, for one wire a line.

    Parameters
    ----------
    probabilities : mapping from a name to an ndarray (rounds,)
        P(s = 1) of one weight after every round. At most five names.
    sizes : mapping from the same names to an ndarray (rounds,)
        The largest log-odds of any weight.

    Examples
    --------
    >>> len(exchanges({"right": np.array([0.5, 0.5])}, {"right": np.array([1.0, 1.0])}).axes)
    2
    """
    titles = ("P(the middle weight lives)", r"largest |logit $\tilde\pi$|")
    with mpl.rc_context(plots.STYLE):
        figure = Figure(figsize=(7.8, 3.7), layout="constrained")
        row = figure.subplots(1, 2)
        for axes, title, lines in zip(row, titles, (probabilities, sizes), strict=True):
            for look, (name, y) in zip(LOOKS, lines.items(), strict=False):
                axes.plot(np.arange(len(y)), y, label=name, ms=4, **look)
            axes.set(title=title, xlabel="round")
            show_coinciding(axes)
        row[0].set_ylim(-0.03, 1.03)
        row[1].set_yscale("log", base=2)
        row[1].yaxis.set_major_formatter(lambda value, _: f"{value:g}")
        handles, labels = row[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=3)
    return figure


def calibration(said: Mapping[str, FloatArray], truth: FloatArray, bins: int = 10) -> Figure:
    """Draw how often weights live that are said to live with a given probability.

    Parameters
    ----------
    said : mapping from a name to an ndarray (I, J), in [0, 1]
        At most five names.
    truth : ndarray (I, J), 0 or 1
    bins : int
        Bins with fewer than 50 weights are left out.

    Examples
    --------
    >>> p = np.full((20, 20), 0.5)
    >>> len(calibration({"coin": p}, p).axes[0].lines)
    2
    """
    with mpl.rc_context(plots.STYLE):
        figure = Figure(figsize=(5.6, 4.2), layout="constrained")
        axes = figure.subplots()
        axes.plot([0, 1], [0, 1], color="0.6", lw=1)
        for look, (name, p) in zip(LOOKS, said.items(), strict=False):
            place = np.minimum((p * bins).astype(int), bins - 1)
            many = [k for k in range(bins) if (place == k).sum() >= 50]
            x = [p[place == k].mean() for k in many]
            y = [truth[place == k].mean() for k in many]
            axes.plot(x, y, label=name, ms=5, **look)
        axes.set(xlabel="probability that is said", ylabel="share that lives")
        axes.legend()
    return figure


class Rounds(NamedTuple):
    """A column under a wire, after every round: log-odds (rounds + 1, I)."""

    posterior: FloatArray
    exact: FloatArray


def play(wire: str, evidence: FloatArray, chain: ChainSupport, rounds: int = 8) -> Rounds:
    """Return what a wire makes of a column of weights, and the exact posterior.

    Parameters
    ----------
    wire : str
        A name in `tvbi_ref.turbo.follow_up.EXCHANGES`, or "extrinsic".
    evidence : ndarray (I,)
        What the data say.
    chain : ChainSupport
    rounds : int

    Returns
    -------
    Rounds

    Examples
    --------
    >>> right = play("extrinsic", np.array([1.0, -1.0]), ChainSupport(0.1, 0.3))
    >>> np.allclose(right.posterior[1:], right.exact)
    True
    """
    l = evidence[:, None]
    pi, posterior = _answer(np.zeros_like(l), chain), []
    for _ in range(rounds + 1):
        posterior.append((pi + l)[:, 0])
        with plugged(EXCHANGES.get(wire, {})):
            pi = turbo_round(
                l, pi, lambda l, pi: (pi + l, l), lambda sent: _answer(sent, chain)
            ).prior_log_odds
    return Rounds(np.array(posterior), (_answer(l, chain) + l)[:, 0])


def _answer(evidence: FloatArray, chain: ChainSupport) -> FloatArray:
    forward, backward = chain_messages(evidence, chain.p01, chain.p10)
    return forward + backward


def columns(
    wires: Sequence[str], evidence: FloatArray, chain: ChainSupport, rounds: int = 8
) -> Figure:
    """Draw a column after some rounds of each wire, beside what is right.

    Parameters
    ----------
    wires : sequence of str
    evidence, chain, rounds
        As of `play`.

    Examples
    --------
    >>> len(columns(["extrinsic"], np.array([1.0, -1.0]), ChainSupport(0.1, 0.3)).axes)
    1
    """
    with mpl.rc_context(plots.STYLE):
        figure = Figure(figsize=(max(5.6, 2.6 * len(wires)), 3.2), layout="constrained")
        row = figure.subplots(1, len(wires), sharey=True, squeeze=False)[0]
        for axes, wire in zip(row, wires, strict=True):
            posterior, exact = play(wire, evidence, chain, rounds)
            bars = {"the data alone": evidence, "exact": exact, "the exchange": posterior[-1]}
            fills: Any = ({"fc": "white"}, {"fc": "0.75"}, {"fc": WIRES[wire], "hatch": "//"})
            places = np.arange(len(evidence))
            for k, (fill, (name, log_odds)) in enumerate(zip(fills, bars.items(), strict=True)):
                shift = 0.27 * (k - 1)
                axes.bar(places + shift, expit(log_odds), 0.25, ec="black", label=name, **fill)
            axes.set(title=wire.replace("_", " "), xlabel="weight", ylim=(0, 1), xticks=places)
            axes.grid(False, axis="x")
        row[0].set_ylabel("P(s = 1)")
        handles, labels = row[0].get_legend_handles_labels()
        legend = figure.legend(handles, labels, loc="outside lower center", ncols=3)
        legend.get_patches()[-1].set_facecolor("white")  # every panel has its own colour
    return figure


def explore() -> Any:
    """Return a widget: choose the wire, the rounds and the evidence of the weight in the middle.

    `columns` draws the same for some wires side by side.

    Returns
    -------
    ipywidgets.VBox

    Examples
    --------
    >>> len(explore().children)
    4
    """
    import ipywidgets as widgets

    names = ["extrinsic", *EXCHANGES]
    wire = widgets.Dropdown(options=names, value="full_belief", description="wire")
    rounds = widgets.IntSlider(8, min=1, max=12, description="rounds")
    middle = widgets.FloatSlider(-1.0, min=-5, max=5, step=0.25, description="evidence")
    picture = widgets.Image(format="png")

    def redraw(_: Any = None) -> None:
        evidence = np.array([2.5, middle.value, 1.5])
        figure = columns([wire.value], evidence, ChainSupport(0.1, 0.3), rounds.value)
        picture.value = as_png(figure)

    for control in (wire, rounds, middle):
        control.observe(redraw, "value")
    redraw()
    return widgets.VBox([wire, rounds, middle, picture])


# The loop on the running example


def rounds_of(
    example: running.Example, contrasts: Sequence[float], shown: Sequence[int]
) -> FloatArray:
    """Return pi_tilde (rounds shown, 12) after so many rounds of Turbo-VBI.

    Parameters
    ----------
    example : Example
    contrasts : sequence of float
        See `running.turbo`.
    shown : sequence of int, 1 or more

    Examples
    --------
    >>> rounds_of(running.example(), running.NARROW, [1, 5]).shape
    (2, 12)
    """
    return np.array([running.turbo(example, contrasts[:k]).alive[:, 0] for k in shown])


def by_round(
    films: Mapping[str, FloatArray], shown: Sequence[int], truth: FloatArray, exact: FloatArray
) -> Figure:
    """Draw pi_tilde of every weight by round, black for 1, and beside it truth and exact posterior.

    Parameters
    ----------
    films : mapping from a name to an ndarray (rounds, 12)
        See `rounds_of`.
    shown : sequence of int
        The rounds.
    truth, exact : ndarray (12,)

    Examples
    --------
    >>> p = np.full(12, 0.5)
    >>> len(by_round({"annealed": np.array([p, p])}, [1, 2], p, p).axes)
    4
    """
    ends = {"exact": exact, "truth": truth}
    widths = [*[5] * len(films), 1, 1]
    with mpl.rc_context(plots.STYLE | {"axes.grid": False, "axes.titlesize": 10}):
        figure = Figure(figsize=(7.8, 3.3), layout="constrained")
        row = figure.subplots(1, len(widths), sharey=True, width_ratios=widths)
        panels = [*films.items(), *((name, p[None]) for name, p in ends.items())]
        for axes, (title, film) in zip(row, panels, strict=True):
            draw_support(axes, film.T)
            axes.set(title=title, xticks=[], aspect="auto", yticks=range(12))
        for axes in row[: len(films)]:
            few = np.linspace(0, len(shown) - 1, min(6, len(shown))).astype(int)
            axes.set_xticks(few, [str(shown[k]) for k in few])
            axes.set_xlabel("round")
        row[0].set_yticks(range(12), [str(n + 1) for n in range(12)])
        row[0].set_ylabel("weight n")
        figure.colorbar(row[0].images[0], ax=list(row), label=r"$\tilde\pi$")
    return figure


def explore_rounds(example: running.Example, every: int = 5) -> Any:
    """Return a widget: go through the rounds of the loop, by both schedules, beside the truth.

    Parameters
    ----------
    example : Example
    every : int
        Rounds from one picture to the next.

    Examples
    --------
    >>> len(explore_rounds(running.example(), every=50).children)
    2
    """
    import ipywidgets as widgets

    shown = range(every, len(running.ANNEALED) + 1, every)
    ways = {"annealed": running.ANNEALED, "narrow from the start": running.NARROW}
    films = {name: rounds_of(example, way, shown) for name, way in ways.items()}
    exact = running.exact(example).alive
    after = widgets.IntSlider(every, every, shown[-1], every, description="rounds")
    picture = widgets.Image(format="png")

    def redraw(_: Any = None) -> None:
        beliefs = {name: film[after.value // every - 1] for name, film in films.items()}
        picture.value = as_png(running.draw(example, {"exact": exact, **beliefs}))

    after.observe(redraw, "value")
    redraw()
    return widgets.VBox([after, picture])


# Annealing


def evidence_curves(
    scale: FloatArray,
    curves: Mapping[str, FloatArray],
    *,
    needed: float,
    marks: Mapping[str, float],
) -> Figure:
    """Draw the evidence of a weight against its size, for some contrasts.

    Parameters
    ----------
    scale : ndarray (n,)
        The root of the second moment.
    curves : mapping from a name to an ndarray (n,)
        l, log-odds. At most five.
    needed : float
        The evidence from which on a weight lives.
    marks : mapping from a name to a scale
        Upright lines.

    Examples
    --------
    >>> s = np.array([0.01, 0.1])
    >>> figure = evidence_curves(s, {"r = 0.1": s}, needed=1.0, marks={"start": 0.02})
    >>> len(figure.axes[0].lines)
    3
    """
    with mpl.rc_context(plots.STYLE):
        figure = Figure(figsize=(7.0, 3.9), layout="constrained")
        axes = figure.subplots()
        for look, (name, l) in zip(LOOKS, curves.items(), strict=False):
            axes.plot(scale, l, label=name, **(look | {"marker": None}))
        axes.axhline(needed, color="0.4", lw=1.2)
        axes.text(scale[0], needed + 0.15, "lives above this line", fontsize=9)
        for name, place in marks.items():
            axes.axvline(place, color="0.4", lw=1.2, ls=":")
            axes.text(place * 0.95, axes.get_ylim()[1], name, ha="right", va="top", fontsize=9)
        axes.set(xscale="log", xlabel=r"size of a weight, $\sqrt{m}$", ylabel="evidence l")
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axes.legend()
    return figure


def one_weight(
    scale: FloatArray,
    landscapes: Mapping[str, FloatArray],
    ends: Mapping[str, tuple[float, float]],
    wanted: FloatArray,
    gaps: Mapping[str, FloatArray],
) -> Figure:
    """Draw the landscape of one weight, and how far from its deepest point two searches end.

    Parameters
    ----------
    scale : ndarray (n,)
        The root of the second moment.
    landscapes : mapping from a name to an ndarray (n,)
        The objective, one curve a contrast. At most five.
    ends : mapping from a name to (scale, height)
        Where the searches end.
    wanted : ndarray (k,)
        What the data want the weight to be.
    gaps : mapping from the names of `ends` to an ndarray (k,)
        Objective at the end minus the least there is.

    Examples
    --------
    >>> s = np.array([0.01, 0.1])
    >>> ends, gaps = {"annealed": (0.1, 0.0)}, {"annealed": s}
    >>> len(one_weight(s, {"r = 0.1": s}, ends, s, gaps).axes)
    2
    """
    with mpl.rc_context(plots.STYLE | {"axes.titlesize": 10}):
        figure = Figure(figsize=(7.8, 4.1), layout="constrained")
        left, right = figure.subplots(1, 2)
        for look, (name, heights) in zip(LOOKS, landscapes.items(), strict=False):
            left.plot(scale, heights, label=name, **(look | {"marker": None}))
        for mark, (name, place) in zip(ENDS, ends.items(), strict=False):
            left.plot(*place, ms=11, zorder=4, label=name, **(mark | {"ls": ""}))
            right.plot(wanted, gaps[name], ms=7, label=name, **mark)
        left.set(title="objective, nats", xscale="log", xlabel=r"size of the weight, $\sqrt{m}$")
        left.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
        right.set(title="objective above its least value", xlabel=r"what the data want, $\hat w$")
        for axes in (left, right):
            legend_below(axes)
    return figure


def schedules(
    epochs: FloatArray,
    contrasts: Mapping[str, FloatArray],
    kl_weights: Mapping[str, FloatArray],
    density: Mapping[str, FloatArray],
) -> Figure:
    """Draw schedules of the spike and of the KL weight, and the share of weights that live.

    Parameters
    ----------
    epochs : ndarray (n,)
    contrasts, kl_weights : mapping from a name to an ndarray (n,)
        Two schedules each.
    density : mapping from the name of a run to an ndarray (n,)
        At most five; 0 is left out, the axis is logarithmic.

    Examples
    --------
    >>> e = np.arange(3.0)
    >>> len(schedules(e, {"annealed": e + 1}, {"warm-up": e}, {"both": e}).axes)
    3
    """
    plain: Any = ({"color": "black", "ls": "-"}, {"color": "0.5", "ls": "--"})
    with mpl.rc_context(plots.STYLE):
        figure = Figure(figsize=(7.9, 3.6), layout="constrained")
        row = figure.subplots(1, 3)
        panels = ("contrast r", contrasts), (r"KL weight $\kappa$", kl_weights)
        for axes, (title, lines) in zip(row, panels, strict=False):
            for look, (name, y) in zip(plain, lines.items(), strict=False):
                axes.plot(epochs, y, label=name, **look)
            axes.set(title=title, xlabel="epoch")
        for look, (name, share) in zip(LOOKS, density.items(), strict=False):
            row[2].plot(epochs, np.where(share > 0, share, np.nan), label=name, ms=3, **look)
        row[2].set(title="share that lives", xlabel="epoch", yscale="log")
        row[0].set_yscale("log")
        for axes in row:
            axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2), fontsize=9)
    return figure


# Supports that emerge


def emerging(layers: Sequence[FloatArray], titles: Sequence[str], *, per_row: int = 3) -> Figure:
    """Draw a layer's probabilities of being alive, black for 1, at some epochs.

    Parameters
    ----------
    layers : sequence of ndarray (I, J), in [0, 1]
    titles : sequence of str
    per_row : int

    Examples
    --------
    >>> len(emerging([np.eye(3)] * 3, ["a", "b", "c"]).axes)  # and a scale
    4
    """
    n_rows = -(-len(layers) // per_row)
    I, J = layers[0].shape
    height = (7.6 / per_row * I / J + 0.32) * n_rows + 0.2
    with mpl.rc_context(plots.STYLE | {"axes.grid": False, "axes.titlesize": 10}):
        figure = Figure(figsize=(7.8, height), layout="constrained")
        panels = figure.subplots(n_rows, per_row, squeeze=False)
        for axes, layer, title in zip(panels.ravel(), layers, titles, strict=True):
            draw_support(axes, layer)
            axes.set_title(title)
        for axes in panels[:, 0]:
            axes.set_ylabel("input i")
        for axes in panels[-1]:
            axes.set_xlabel("neuron j")
        scale: Any = {"ax": list(panels.ravel()), "shrink": 0.6, "label": r"$\tilde\pi$"}
        figure.colorbar(panels[0, 0].images[0], **scale)
    return figure


def film(layers: Sequence[FloatArray], titles: Sequence[str], *, milliseconds: int = 500) -> bytes:
    """Return the same as an animated PNG, which moves wherever a PNG can be shown.

    Parameters
    ----------
    layers : sequence of ndarray (I, J), in [0, 1]
    titles : sequence of str
    milliseconds : int
        How long each picture stands; the last one stands four times as long.

    Returns
    -------
    bytes
        A PNG file; a viewer that knows no animation shows its first picture.

    Examples
    --------
    >>> moving = film([np.eye(3), np.ones((3, 3))], ["one", "two"])
    >>> Image.open(io.BytesIO(moving)).n_frames
    2
    """
    with mpl.rc_context(plots.STYLE | {"axes.grid": False, "axes.titlesize": 10}):
        figure = Figure(figsize=(3.4, 3.7), layout="constrained")
        axes = figure.subplots()
        draw_support(axes, layers[0])
        axes.set(xlabel="neuron j", ylabel="input i", title=titles[0])
        canvas, frames = FigureCanvasAgg(figure), []
        canvas.draw()
        figure.set_layout_engine("none")  # every picture is laid out as the first one is
        for layer, title in zip(layers, titles, strict=True):
            axes.images[0].set_data(layer)
            axes.set_title(title)
            canvas.draw()
            red = np.asarray(canvas.buffer_rgba())[..., 0]  # of a grey picture, all there is
            frames.append(Image.fromarray(red).point(FEW_GREYS))
    stands = [milliseconds] * (len(frames) - 1) + [4 * milliseconds]
    file = io.BytesIO()
    settings: Any = {"duration": stands, "loop": 0, "optimize": True}
    frames[0].save(file, "PNG", save_all=True, append_images=frames[1:], **settings)
    return file.getvalue()

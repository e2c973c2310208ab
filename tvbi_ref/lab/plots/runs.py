"""Pictures of a run: its trace, supports, weights and messages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from numpy.typing import NDArray

from tvbi_ref._validation import FloatArray
from tvbi_ref.lab.plots.style import BLUE, LAYER_COLOURS, LAYER_STYLES, ORANGE, RED, STYLE

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from tvbi_ref.turbo import TurboResult


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
        names = titles or [f"layer {k + 1}" for k in range(len(layers))]
        for axes, layer, title in zip(row, layers, names, strict=True):
            _draw_matrix(axes, layer, "RdBu_r", title, "weight")
    return figure


def _draw_matrix(axes: Axes, values: FloatArray, colours: str, title: str, meaning: str) -> None:
    """Draw a matrix in colours that are white at zero, with a scale beside it."""
    limit = float(np.abs(values).max()) or 1.0
    look: Any = {"cmap": colours, "vmin": -limit, "vmax": limit, "interpolation": "nearest"}
    image = axes.imshow(values, aspect="auto", **look)
    axes.set(title=title, xlabel="output neuron j", ylabel="input i")
    axes.figure.colorbar(image, ax=axes, label=meaning)


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
            meaning = "log-odds: positive means alive"
            _draw_matrix(axes, log_odds[:, busiest], "PuOr_r", title, meaning)
            places = np.linspace(0, len(busiest) - 1, min(5, len(busiest))).astype(int)
            axes.set_xticks(places, busiest[places])
    return figure

"""The README's picture: what three support priors keep of the same network on digits.

Writes at_a_glance.png, the first layer without the neurons that all three drop, and
three_priors.png, every layer, beside this file. Half a minute.
"""

from __future__ import annotations

import numpy as np
from _common import HERE
from matplotlib.figure import Figure
from numpy.typing import NDArray

from tvbi_ref import datasets, experiment, nets, plots, sparsity
from tvbi_ref.compression import support_masks
from tvbi_ref.lab.recipes import DEMO

Masks = dict[str, list[NDArray[np.bool_]]]


def main() -> None:
    """Run the demo's three priors with seed 0 and draw their masks."""
    data = datasets.load_digits(seed=0)
    network = nets.mlp([64, 128, 64, 10], seed=0)
    masks, notes = {}, {}
    for kind in DEMO.supports:
        outcome = experiment.run(kind, network, data, DEMO.prior(kind), DEMO.budget(), seed=0)
        masks[kind] = support_masks(outcome.result)
        size = outcome.sparsity
        notes[kind] = (
            f"{size.compression:.0f}x smaller, accuracy {outcome.tuned:.3f}\n"
            f"mean run {size.mean_run:.1f}, {size.index_bits:.1f} index bits"
        )
    plots.save(plots.supports(masks, notes=notes), HERE / "three_priors.png")
    plots.save(at_a_glance(masks), HERE / "at_a_glance.png")


def at_a_glance(masks: Masks) -> Figure:
    """Draw the first layer of each, without the neurons that none of them keeps."""
    firsts = {name: layers[0] for name, layers in masks.items()}
    seen = np.any([mask.any(axis=0) for mask in firsts.values()], axis=0)
    figure = plots.supports({name: [mask[:, seen]] for name, mask in firsts.items()})
    for axes, mask in zip(figure.axes, firsts.values(), strict=True):
        bits = sparsity([mask]).index_bits
        axes.set_title(f"{mask.sum()} weights, {bits:.1f} bits a place", loc="left")
        axes.set(xticks=[], yticks=[], xlabel=f"{seen.sum()} of 128 neurons", ylabel="64 pixels")
    return figure


if __name__ == "__main__":
    main()

"""The README's picture: what three support priors keep of the same network on digits.

Writes three_priors.png beside this file. Half a minute.
"""

from __future__ import annotations

from _common import HERE

from tvbi_ref import datasets, experiment, nets, plots
from tvbi_ref.cli import demo_budget
from tvbi_ref.compression import support_masks
from tvbi_ref.lab.recipes import DEMO, demo_prior


def main() -> None:
    """Run the demo's three priors with seed 0 and draw their masks."""
    data = datasets.load_digits(seed=0)
    network = nets.mlp([64, 128, 64, 10], seed=0)
    masks, notes = {}, {}
    for kind in DEMO.supports:
        outcome = experiment.run(kind, network, data, demo_prior(kind), demo_budget(), seed=0)
        masks[kind] = support_masks(outcome.result)
        size = outcome.sparsity
        notes[kind] = (
            f"{size.compression:.0f}x smaller, accuracy {outcome.tuned:.3f}\n"
            f"mean run {size.mean_run:.1f}, {size.index_bits:.1f} index bits"
        )
    plots.save(plots.supports(masks, notes=notes), HERE / "three_priors.png")


if __name__ == "__main__":
    main()

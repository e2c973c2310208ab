"""What a round of the turbo loop is made of: the equations in the order in which they run.

A small layer with a grid, in the readable engine, with one function of the reader's plugged in.
Writes heard.png beside this file.
"""

from __future__ import annotations

import numpy as np
from _common import HERE

from tvbi_ref import GridSupport, HierarchicalPrior, TurboVBI, listen, nets, plots, use


def extrinsic_a(posterior: np.ndarray, incoming: np.ndarray) -> np.ndarray:
    """Return l, as a reader may have written it."""
    return posterior - incoming


def main() -> None:
    """Listen to one epoch and draw its round."""
    prior = HierarchicalPrior.spike_and_slab(GridSupport(-1.0, 0.1, 0.3))
    network, x, y = nets.mlp([6, 3], seed=0), np.eye(6), np.arange(6) % 3
    with use("numpy", {"extrinsic-a": extrinsic_a}), listen() as heard:
        TurboVBI(prior, epochs=1).fit(network, x, y)
    plots.save(plots.heard(heard, within="turbo-loop"), HERE / "heard.png")


if __name__ == "__main__":
    main()

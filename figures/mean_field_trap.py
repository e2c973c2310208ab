"""The mean-field trap: the same run with the paper's Module A and with the collapsed one.

Digits, one seed, independent weights with two fields; for each, once with the final spike
from the start and once annealed. Writes mean_field_trap.csv and mean_field_trap.png beside
this file.
"""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
from _common import HERE, write_rows
from matplotlib.figure import Figure

from tvbi_ref import TurboResult, TurboVBI, datasets, nets, plots
from tvbi_ref.compression import support_masks
from tvbi_ref.module_b import IndependentSupport
from tvbi_ref.prior import HierarchicalPrior

EPOCHS = 100
FIELDS = {"pi = 1/2": 0.0, "pi = 0.05": -3.0}
FORMS = {"mean_field": (plots.RED, "--"), "collapsed": (plots.BLUE, "-")}


def fit(form: str, field: float, spike_epochs: int) -> TurboResult:
    """Run one form of Module A on digits."""
    data = datasets.load_digits(seed=0)
    network = nets.mlp([64, 128, 64, 10], seed=0)
    prior = HierarchicalPrior.spike_and_slab(IndependentSupport(field), contrast=1e-3)
    turbo = TurboVBI(
        prior,
        epochs=EPOCHS,
        batch_size=32,
        learning_rate=2e-3,
        module_a=form,
        spike_epochs=spike_epochs,
        seed=0,
    )
    return turbo.fit(network, data.x_train, data.y_train)


def main() -> None:
    """Run the four settings of both forms, print and write the densities, draw them."""
    rows = []
    with mpl.rc_context(plots.STYLE):
        figure = Figure(figsize=(11, 4), layout="constrained")
        grid = figure.subplots(1, 4, sharey=True)
        panels = [(n, f, s) for n, f in FIELDS.items() for s in (0, EPOCHS // 2)]
        for axes, (name, field, spike_epochs) in zip(grid, panels, strict=True):
            for form, (colour, line) in FORMS.items():
                result = fit(form, field, spike_epochs)
                density = result.trace["density"]
                kept = sum(int(mask.sum()) for mask in support_masks(result))
                small = np.concatenate(
                    [np.abs(w.mean.value).ravel() < 0.01 for w in result.network.weight_layers]
                ).mean()
                rows.append(
                    {
                        "module_a": form,
                        "field": field,
                        "spike_epochs": spike_epochs,
                        "kept": kept,
                        "density": round(float(density[-1]), 4),
                        "share_of_means_below_0.01": round(float(small), 4),
                        "train_score": round(float(result.trace["train_score"][-1]), 4),
                    }
                )
                print(rows[-1], flush=True)
                axes.plot(result.trace["epoch"] + 1, density, color=colour, ls=line, label=form)
            spike = "annealed" if spike_epochs else "final from the start"
            axes.set(title=f"{name}\nspike {spike}", xlabel="epoch", ylim=(-0.02, 1.02))
        grid[0].set_ylabel(r"share of weights with $\tilde\pi \geq 1/2$")
        grid[0].legend()
    write_rows("mean_field_trap", rows, f"digits, 64-128-64-10, seed 0, {EPOCHS} epochs")
    plots.save(figure, HERE / "mean_field_trap.png")


if __name__ == "__main__":
    main()

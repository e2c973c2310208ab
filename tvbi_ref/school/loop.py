"""Functions of the reader's in the loop, in one call: a short run, and the package's beside it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tvbi_ref import nets
from tvbi_ref._repr import brief
from tvbi_ref.compression import support_masks
from tvbi_ref.datasets import Dataset, load_digits
from tvbi_ref.equations import get, use
from tvbi_ref.equations.registry import _aligned
from tvbi_ref.module_b import ChainSupport, GridSupport, IndependentSupport, NeuronSupport
from tvbi_ref.nets import Network
from tvbi_ref.prior import HierarchicalPrior
from tvbi_ref.school.checks import Report, check
from tvbi_ref.school.side_by_side import Comparison, Function, SideBySide, counting
from tvbi_ref.turbo import TurboVBI

OF_ANOTHER_RUN: dict[str, dict[str, Any]] = {
    "elbo": {"module_a": "mean_field"},
    "evidence": {"module_a": "mean_field"},
    "q-precision": {"module_a": "mean_field"},
    "q-precision-complex": {"module_a": "mean_field_complex"},
    "bethe": {"learn": True},
    "em-chain": {"learn": True},
    "em-ising": {"learn": True},
    "pair-belief": {"learn": True},
}
"""The options of `TurboVBI` without which an equation is not called."""


@dataclass(frozen=True)
class InTheLoop:
    """What became of a run with functions of the reader's; as text, a few lines.

    Parameters
    ----------
    reports : dict
        By label, what the check says of each function.
    calls : Counter
        By label, how often the run has called it.
    comparison : Comparison
        How far the run lies from the package's own.
    """

    reports: dict[str, Report]
    calls: Counter[str]
    comparison: Comparison

    __repr__ = brief

    def __str__(self) -> str:
        lines = _aligned(
            (
                get(label).task,
                f"[{label}]",
                f"{n:,} calls" if (n := self.calls[label]) else "not called in this run",
                report.message.splitlines()[0].removeprefix(f"[{label}] "),
            )
            for label, report in self.reports.items()
        )
        beside = "beside the package's own forms of them, from the same seed:"
        return "\n".join([*lines, beside, str(self.comparison)])


def in_the_loop(
    equations: Mapping[str, Function] | None = None,
    /,
    *,
    turbo: TurboVBI | None = None,
    network: Network | None = None,
    data: Dataset | None = None,
    **own: Function,
) -> InTheLoop:
    """Train with functions of your own in the place of equations, and without, and compare.

    Parameters
    ----------
    equations : mapping, optional
        Functions by label, as `tvbi_ref.use` takes them.
    turbo : TurboVBI, optional
        By default 20 epochs under a chain, a grid, independent weights and neuron groups, a layer
        each; with the Module A that calls the functions, and learning if they are of that.
    network : Network, optional
        Where both runs start; it stays as it is. By default 64-12-12-12-10.
    data : Dataset, optional
        By default digits.
    **own : callable
        Functions by keyword: ``sum_product=mine``.

    Returns
    -------
    InTheLoop

    Raises
    ------
    ValueError
        If there is no such equation, or no function.
    PlugError
        If a function cannot take the equation's place. One that is wrong can.

    Examples
    --------
    >>> import numpy as np
    >>> def max_product(cavity, coupling):
    ...     return np.sign(coupling) * np.clip(cavity, -2 * abs(coupling), 2 * abs(coupling))
    >>> found = in_the_loop(sum_product_ising=max_product)
    >>> print(found)
    ising_message  [sum-product-ising]  ... calls  failed 8 of 12 cases
    beside the package's own forms of them, from the same seed:
    in layer 0 of epoch 0 they part: mu by ..., ln sigma2 by ..., logit pi by ...
    at the end: mu by ..., ln sigma2 by ..., logit pi by ..., logit pi_tilde by ...
    kept: ... weights; by the package's run ..., by both ...
    test score: 0.9...; by the package's run 0.9...
    >>> found.comparison.same
    False
    """
    functions = {get(name).label: f for name, f in {**(equations or {}), **own}.items()}
    if not functions:
        raise ValueError("in_the_loop needs a function, such as sum_product_ising=mine; got none")
    reports = {label: check(label, function) for label, function in functions.items()}
    turbo, data = turbo or _usual_run(functions), data or load_digits()
    network = network or nets.mlp([64, 12, 12, 12, 10], seed=0)
    beside = SideBySide(turbo, network, data.x_train, data.y_train, functions)
    calls: Counter[str] = Counter()
    with use(counting(functions, calls)):
        result = turbo.fit(network.copy(), data.x_train, data.y_train, callbacks=[beside])
        masks = support_masks(result)
    comparison = beside.compare_the_end(result, masks, (data.x_test, data.y_test))
    return InTheLoop(reports, calls, comparison)


def _usual_run(labels: Iterable[str]) -> TurboVBI:
    options = {k: v for label in labels for k, v in OF_ANOTHER_RUN.get(label, {}).items()}
    supports = [ChainSupport(0.1, 0.3), GridSupport(-1.0, 0.04, 0.4), IndependentSupport(-1.0)]
    # Nothing is learned of neuron groups.
    supports += [IndependentSupport(-1.0) if "learn" in options else NeuronSupport(0.5, 0.8, 0.1)]
    priors = [HierarchicalPrior.spike_and_slab(support) for support in supports]
    return TurboVBI(priors, epochs=20, spike_epochs=10, learning_rate=0.01, **options)

"""One comparison, start to end: dense baseline, Turbo-VBI, pruning, fine-tuning, measuring.

The command line, the figures and the lessons all run this.
"""

from __future__ import annotations

import itertools
import os
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from tvbi_ref._files import atomic_write
from tvbi_ref._validation import FloatArray
from tvbi_ref.checkpoint import save_network
from tvbi_ref.compression import (
    Sparsity,
    compress,
    save_compressed,
    sparsity,
    support_masks,
)
from tvbi_ref.datasets import Dataset
from tvbi_ref.lab import plots
from tvbi_ref.lab.baselines import Budget, PlainTraining, Problem, Turbo
from tvbi_ref.nets import Network
from tvbi_ref.prior import HierarchicalPrior
from tvbi_ref.turbo import TurboResult
from tvbi_ref.turbo.loop import Callback


@dataclass(frozen=True)
class Outcome:
    """One prior's result.

    Parameters
    ----------
    name : str
    pruned, tuned : float
        The test score right after pruning and after fine-tuning; accuracy, or root mean
        square error.
    sparsity : Sparsity
    result : TurboResult
    network : Network
        Pruned and fine-tuned.
    seconds : float
        Of Turbo-VBI and the fine-tuning.
    """

    name: str
    pruned: float
    tuned: float
    sparsity: Sparsity
    result: TurboResult
    network: Network
    seconds: float


def train_dense(
    network: Network, data: Dataset, budget: Budget, *, seed: int, progress: bool | None = None
) -> Network:
    """Return a copy of `network` trained without any prior, for the epochs of the turbo loop.

    Examples
    --------
    >>> from tvbi_ref import datasets, nets
    >>> data = datasets.load_digits()
    >>> train_dense(nets.mlp([64, 32, 10], seed=0), data, Budget(epochs=1), seed=0)
    Network(64 -> 32 -> 10, 2368 weights, float32)
    """
    method, rows = PlainTraining(), (data.x_train, data.y_train)
    return method.fit(network, *rows, budget, seed=seed, progress=progress)


def dense_baseline(
    network: Network, data: Dataset, budget: Budget, *, seed: int, progress: bool | None = None
) -> float:
    """Return the test score of what `train_dense` returns.

    Examples
    --------
    >>> from tvbi_ref import datasets, nets
    >>> data = datasets.load_digits()
    >>> dense_baseline(nets.mlp([64, 32, 10], seed=0), data, Budget(epochs=10), seed=0) > 0.9
    True
    """
    dense = train_dense(network, data, budget, seed=seed, progress=progress)
    return dense.score(data.x_test, data.y_test)


def run(
    name: str,
    network: Network,
    data: Dataset,
    prior: HierarchicalPrior | Sequence[HierarchicalPrior],
    budget: Budget,
    *,
    seed: int,
    progress: bool | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    callbacks: Sequence[Callback] = (),
) -> Outcome:
    """Compress a copy of `network` under one prior and measure it on the test set.

    Parameters
    ----------
    name : str
        For the table.
    network : Network
        Where the run starts; it stays as it is.
    data : Dataset
        Its validation part, if there is one, is scored every epoch.
    prior : HierarchicalPrior or sequence of HierarchicalPrior
    budget : Budget
    seed : int
    progress : bool, optional
    checkpoint : path-like, optional
        Of the turbo loop alone, see `TurboVBI.fit`; fine-tuning starts afresh.
    callbacks : sequence of callable
        Of the turbo loop, see `TurboVBI.fit`.

    Returns
    -------
    Outcome

    Examples
    --------
    >>> from tvbi_ref import datasets, nets
    >>> from tvbi_ref.module_b import ChainSupport
    >>> prior = HierarchicalPrior.spike_and_slab(ChainSupport(0.05, 0.4))
    >>> outcome = run("chains", nets.mlp([64, 16, 10], seed=0), datasets.load_digits(), prior,
    ...               Budget(epochs=2, fine_tune_epochs=1), seed=0)
    >>> outcome.name, outcome.sparsity.total
    ('chains', 1184)
    """
    validation = None if data.x_valid is None else (data.x_valid, data.y_valid)
    loop = {"validation": validation, "callbacks": callbacks, "checkpoint": checkpoint}
    problem = Problem(data.x_train, data.y_train, budget, seed, progress, loop)
    small = Turbo(prior).pruned(network, problem)
    # The trace counts the epochs before a kill, too.
    started = time.perf_counter() - problem.result.trace["seconds"][-1]
    pruned = small.score(data.x_test, data.y_test)
    problem.fine_tune(small)
    tuned = small.score(data.x_test, data.y_test)
    size = sparsity(support_masks(problem.result))
    return Outcome(name, pruned, tuned, size, problem.result, small, time.perf_counter() - started)


LEGEND = """\
kept, smaller   weights with pi_tilde >= 1/2, the posterior probability that a weight is alive
mean run        mean length of a run of kept weights down a column (one neuron's inputs)
index bits      bits a kept weight to say where it is, by an ideal code of gaps and runs
H(p)/p          the same for the best code of a mask without structure
kbit            the whole in thousands of bits, positions and values of 8 bits each"""


def table(dense: float, outcomes: Sequence[Outcome]) -> str:
    """Return the comparison as text, one line a prior.

    Parameters
    ----------
    dense : float
        The dense baseline's test score.
    outcomes : sequence of Outcome
    """
    score = outcomes[0].result.network.loss.score_name
    lines = [
        f"test {score}: dense baseline, after pruning, after fine-tuning",
        "",
        f"{'prior':<12}{'dense':>7}{'pruned':>8}{'tuned':>7}{'kept':>7}{'smaller':>9}"
        f"{'mean run':>10}{'index bits':>12}{'H(p)/p':>8}{'kbit':>7}{'seconds':>9}",
    ]
    for o in outcomes:
        s = o.sparsity
        lines.append(
            f"{o.name:<12}{_brief(dense):>7}{_brief(o.pruned):>8}{_brief(o.tuned):>7}{s.kept:>7}"
            f"{s.compression:>8.1f}x{s.mean_run:>10.2f}{s.index_bits:>12.2f}"
            f"{s.entropy_bound:>8.2f}{_brief(s.kilobits, 2):>7}{o.seconds:>9.1f}"
        )
    return "\n".join([*lines, "", LEGEND])


def _brief(number: float, decimals: int = 3) -> str:
    """Return a number in at most six characters: a diverged run has any, and a column is narrow."""
    text = f"{number:.{decimals}f}"
    if len(text) <= 6:
        return text
    return f"{number:.0f}" if number < 1e5 else f"{number:.0e}"


def worse_than_a_constant(outcomes: Sequence[Outcome], data: Dataset) -> list[str]:
    """Return a sentence for each network that needs no inputs, or would do better without them.

    Parameters
    ----------
    outcomes : sequence of Outcome
    data : Dataset
        The constant is the mean of the training targets, or the commonest of the classes.

    Examples
    --------
    >>> from tvbi_ref import datasets
    >>> worse_than_a_constant([], datasets.load_digits())
    []
    """
    if data.n_classes is None:
        constant, what = data.y_train.mean(axis=0), "the mean"
    else:
        constant, what = np.bincount(data.y_train, minlength=data.n_classes), "the commonest class"
    found = []
    for o in outcomes:
        loss, output = o.network.loss, np.tile(constant, (len(data.y_test), 1))
        least, sign = loss.score(output, data.y_test), 1 if loss.score_name == "accuracy" else -1
        if not o.sparsity.kept:
            found.append(f"{o.name}: every weight is pruned; try more --epochs or a higher --field")
        elif not sign * o.tuned >= sign * least:  # or it is no number
            found.append(
                f"{o.name}: the network is worse than predicting {what}, test {loss.score_name} "
                f"{o.tuned:.4g} and {least:.4g}; try a smaller --learning-rate or more --epochs"
            )
    return found


def layer_table(outcomes: Sequence[Outcome]) -> str:
    """Return size and regularity of every layer as text."""
    lines = ["layer by layer: kept, mean run, index bits", ""]
    for o in outcomes:
        cells = [sparsity([mask]) for mask in support_masks(o.result)]
        texts = [f"{s.kept:>6} {s.mean_run:>6.2f} {s.index_bits:>6.2f}" for s in cells]
        lines.append(f"{o.name:<12}" + "   |".join(texts))
    return "\n".join(lines)


def recovery(outcome: Outcome, supports: Sequence[NDArray[np.bool_]]) -> str:
    """Return how well the true supports of a synthetic teacher were found, as text."""
    from sklearn.metrics import average_precision_score  # half a second, for this alone

    areas = [
        average_precision_score(truth.ravel(), posterior.support_log_odds.ravel())
        for truth, posterior in zip(supports, outcome.result.posteriors, strict=True)
    ]
    shown = ", ".join(f"{area:.3f}" for area in areas)
    return f"area under the precision-recall curve of the true support, by layer: {shown}"


def make_folder(folder: str | os.PathLike[str]) -> Path:
    """Make a folder to write into, or say why it cannot be one.

    Raises
    ------
    ValueError
        If there is a file of that name, or no permission.
    """
    target = Path(folder)
    try:
        target.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(f"out must be a folder to write into; got {folder}: {error}") from error
    return target


def write(outcomes: Sequence[Outcome], text: str, folder: str | os.PathLike[str]) -> list[Path]:
    """Write the table, the models with their zeros and without, the traces; the pictures last.

    Parameters
    ----------
    outcomes : sequence of Outcome
    text : str
        The table.
    folder : path-like
        Made if missing. Each file appears only when it is whole.

    Returns
    -------
    list of pathlib.Path
        What was written. A picture that cannot be drawn is a warning.
    """
    target = make_folder(folder)
    with atomic_write(target / "table.txt") as file:
        file.write(f"{text}\n".encode())
    stems = [o.name.replace(" ", "_") for o in outcomes]
    kinds = ("model_{}.npz", "small_{}.npz", "trace_{}.csv")
    results = [[target / kind.format(stem) for kind in kinds] for stem in stems]
    for o, (model, small, trace) in zip(outcomes, results, strict=True):
        save_network(model, o.network)
        save_compressed(small, compress(o.network))
        o.result.trace.to_csv(trace)
    pictures = [picture(target / "supports.png", _supports, outcomes)]
    for o, stem in zip(outcomes, stems, strict=True):
        pictures += [
            picture(target / f"trace_{stem}.png", plots.trace, o.result),
            picture(target / f"weights_{stem}.png", plots.weights, _matrices(o.network)),
            picture(target / f"messages_{stem}.png", plots.messages, o.result),
        ]
    return [target / "table.txt", *itertools.chain(*results, *pictures)]


def picture(path: Path, draw: Callable[..., Figure], *arguments: Any) -> list[Path]:
    """Write what `draw` returns, and return the path; where that fails, warn and return none.

    Results come before their pictures, and a picture that fails must not end a run.

    Parameters
    ----------
    path : Path
    draw : callable
    *arguments
        What it draws.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     len(picture(Path(folder, "empty.png"), Figure))
    1
    """
    try:
        return [plots.save(draw(*arguments), path)]
    except Exception as error:  # whatever a drawing library has
        warnings.warn(f"no picture {path.name}: {error}", stacklevel=2)
        return []


def _supports(outcomes: Sequence[Outcome]) -> Figure:
    """Draw the supports of all outcomes, one beside the other."""
    notes = {
        o.name: f"{o.sparsity.compression:.0f}x, mean run {o.sparsity.mean_run:.2f}"
        for o in outcomes
    }
    return plots.supports({o.name: support_masks(o.result) for o in outcomes}, notes=notes)


def _matrices(network: Network) -> list[FloatArray]:
    return [layer.matrix(layer.mean.value) for layer in network.weight_layers]

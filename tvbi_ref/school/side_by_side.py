"""The package's own run beside one with equations of the reader's, and where the two part.

The package makes every epoch right after the reader's run has, from the same start and with the
same random numbers. So the arrays of the two are compared as they are, and only those of one epoch
are ever kept: the price is a second network in memory, and a second loop in time.

The package's run has its own readable form wherever the reader has plugged one in. Then the same
fast forms step aside on both sides, and a function that computes the same numbers as the package's
gives the same run, bit for bit.
"""

from __future__ import annotations

import functools
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tvbi_ref.compression import support_masks
from tvbi_ref.equations import get
from tvbi_ref.equations.sockets import plugged
from tvbi_ref.errors import DivergenceError
from tvbi_ref.nets import Network
from tvbi_ref.turbo import TurboResult, TurboVBI
from tvbi_ref.turbo.loop import one_epoch
from tvbi_ref.turbo.run import Run
from tvbi_ref.turbo.trace import Row

Function = Callable[..., Any]

Gaps = dict[str, float]
"""The largest difference of each quantity of a layer."""


@dataclass(frozen=True)
class Parting:
    """The first epoch and layer in which two runs are not the same, both counted from 0.

    Parameters
    ----------
    epoch, layer : int
    gaps : dict
        By how much, at most; what is the same is not in it.
    """

    epoch: int
    layer: int
    gaps: Gaps


@dataclass(frozen=True)
class Comparison:
    """How far a run with the reader's equations lies from the package's own.

    Parameters
    ----------
    compared : tuple of int
        The first epoch that was compared, and the one after the last.
    epochs : (int, int)
        How long the two runs are: the reader's, the package's.
    layers : int
    parting : Parting or None
        None: the same to the last bit, as far as they were compared.
    gaps : dict
        The largest differences at the end, over all layers.
    kept : (int, int, int)
        How many weights the reader's run keeps, the package's, and both.
    diverged : str
        Why the package's run broke off, if it did.
    scores : tuple of float
        The test scores of the reader's network and the package's, where somebody asked.

    Examples
    --------
    >>> parting = Parting(3, 1, {"logit pi": 2e-9})
    >>> print(Comparison((0, 9), (9, 9), 2, parting, {"logit pi": 0.25}, (70, 71, 70)))
    the same to the last bit before epoch 3; in layer 1 of epoch 3 they part: logit pi by 2e-09
    at the end: logit pi by 0.25
    kept: 70 weights; by the package's run 71, by both 70
    """

    compared: tuple[int, int]
    epochs: tuple[int, int]
    layers: int
    parting: Parting | None
    gaps: Gaps
    kept: tuple[int, int, int]
    diverged: str = ""
    scores: tuple[float, ...] = ()

    @property
    def same(self) -> bool:
        """Whether nothing differs, of all that was compared."""
        return self.parting is None and not self.gaps and len({*self.epochs}) == 1

    def __str__(self) -> str:
        yours, theirs, both = self.kept
        others = f"; by the package's run {theirs}, by both {both}"
        lines = [self._of_the_epochs()]
        if self.epochs[0] != self.epochs[1]:
            lines += ["your run has {} epochs, the package's {}".format(*self.epochs)]
        if self.diverged:
            lines += [f"the package's run broke off, {self.diverged}"]
        if self.gaps:
            lines += [f"at the end: {in_words(self.gaps)}"]
        same = yours == theirs == both
        kept = f"kept: {_counted(yours, 'weight')}{', the same ones' if same else others}"
        scored = "test score: {:.3f}; by the package's run {:.3f}"
        return "\n".join([*lines, kept, *([scored.format(*self.scores)] if self.scores else [])])

    def _of_the_epochs(self) -> str:
        first, after = self.compared
        if first == after:
            return "the epochs were over before this command: only the end can be compared"
        unseen = f"epochs before {first} are in the checkpoint only, not compared; " * (first > 0)
        if self.parting is None:
            epochs, layers = _counted(after - first, "epoch"), _counted(self.layers, "layer")
            return f"{unseen}bit for bit the same: {epochs}, {layers}"
        epoch, layer = self.parting.epoch, self.parting.layer
        before = f"the same to the last bit before epoch {epoch}; " * (epoch > first)
        where = f"in layer {layer} of epoch {epoch} they part: "
        return unseen + before + where + in_words(self.parting.gaps)

    def to_json(self) -> dict[str, Any]:
        """Return everything as a dict of plain values."""
        return {"same": self.same, **asdict(self)}


def in_words(gaps: Gaps) -> str:
    """Return differences as a text.

    Examples
    --------
    >>> in_words({"logit pi": 2e-9, "mu": 0.5})
    'logit pi by 2e-09, mu by 0.5'
    """
    return ", ".join(f"{name} by {gap:.2g}" for name, gap in gaps.items())


def _counted(n: int, noun: str) -> str:
    return f"{n} {noun}" + "s" * (n != 1)


class SideBySide:
    """The package's run, as a callback of the one that it accompanies.

    Parameters
    ----------
    turbo : TurboVBI
    network : Network
        Where both start; it stays as it is.
    x, y : ndarray
    labels : iterable of str
        The equations that are the reader's in the other run.

    Examples
    --------
    >>> from tvbi_ref import HierarchicalPrior, IndependentSupport, nets, use
    >>> turbo = TurboVBI(HierarchicalPrior.spike_and_slab(IndependentSupport(-1.0)), epochs=4)
    >>> x, y, net = np.eye(4), np.array([0, 0, 1, 1]), nets.mlp([4, 2], seed=0)
    >>> beside = SideBySide(turbo, net, x, y, ["q-support"])
    >>> with use({"q-support": lambda prior, evidence: prior + 1.001 * evidence}):
    ...     result = turbo.fit(net.copy(), x, y, callbacks=[beside])
    >>> beside.compare_the_end(result, support_masks(result)).parting.epoch
    0
    """

    def __init__(
        self,
        turbo: TurboVBI,
        network: Network,
        x: NDArray[Any],
        y: NDArray[Any],
        labels: Iterable[str],
    ) -> None:
        self.turbo = turbo
        self.readable = {label: _readable(label) for label in labels}
        with self._plugs():
            self.run = Run(turbo, network.copy(), x, y, None)
        self.compared: list[int] = []
        self.parting: Parting | None = None
        self.diverged, self.seconds = "", 0.0

    def __call__(self, epoch: int, row: Row, result: TurboResult) -> None:
        """Make the same epoch, and compare."""
        started = time.perf_counter()
        row["seconds"] -= self.seconds  # those of the epochs before, which are not the run's own
        self._go_on(until=epoch + 1)
        if len(self.run.trace) == epoch + 1:
            self.compared.append(epoch)
            self.parting = self.parting or self._parting(epoch, result)
        self.seconds += time.perf_counter() - started

    def compare_the_end(
        self,
        result: TurboResult,
        masks: list[NDArray[np.bool_]],
        test: tuple[NDArray[Any], NDArray[Any]] | None = None,
    ) -> Comparison:
        """Run on to the end and compare with the other run's.

        Parameters
        ----------
        result : TurboResult
            Of the other run.
        masks : list of ndarray of bool (I, J)
            The weights that it keeps.
        test : (ndarray, ndarray), optional
            What both networks are scored on.
        """
        self._go_on(until=self.turbo.epochs)
        ours = self.run.result()
        with self._plugs():
            own_masks = support_masks(ours)
        yours, theirs = (np.concatenate([m.ravel() for m in ms]) for ms in (masks, own_masks))
        compared = (self.compared[0], self.compared[-1] + 1) if self.compared else (0, 0)
        return Comparison(
            compared=compared,
            epochs=(len(result.trace), len(ours.trace)),
            layers=len(masks),
            parting=self.parting,
            gaps=_largest(gaps(result, ours)),
            kept=(int(yours.sum()), int(theirs.sum()), int((yours & theirs).sum())),
            diverged=self.diverged,
            scores=tuple(end.network.score(*test) for end in (result, ours)) if test else (),
        )

    @contextmanager
    def _plugs(self) -> Iterator[None]:
        """Let the package's forms answer; the follow-up code's, where the options ask for them."""
        with plugged(self.readable), plugged(self.turbo.plugs):
            yield

    def _go_on(self, until: int) -> None:
        run = self.run
        while len(run.trace) < until and not run.finished:
            epoch = len(run.trace)
            try:
                with self._plugs():
                    row = one_epoch(run, epoch)
            except DivergenceError as error:
                self.diverged, run.finished = str(error), True
            else:
                run.finished = self.turbo.is_last(epoch, row)

    def _parting(self, epoch: int, result: TurboResult) -> Parting | None:
        of_layers = enumerate(gaps(result, self.run.result()))
        return next((Parting(epoch, k, found) for k, found in of_layers if found), None)


def counting(functions: Mapping[str, Function], calls: Counter[str]) -> dict[str, Function]:
    """Return functions of the reader's that count, by label, how often they are called.

    Examples
    --------
    >>> calls = Counter()
    >>> counting({"q-support": lambda prior, evidence: prior + evidence}, calls)["q-support"](1, 2)
    3
    >>> calls
    Counter({'q-support': 1})
    """

    def counted(label: str, function: Function) -> Function:
        @functools.wraps(function)
        def call(*args: Any) -> Any:
            calls[label] += 1
            return function(*args)

        return call

    return {label: counted(label, function) for label, function in functions.items()}


def gaps(one: TurboResult, other: TurboResult) -> list[Gaps]:
    """Return the largest differences in each layer of two runs of the same network.

    Parameters
    ----------
    one, other : TurboResult

    Returns
    -------
    list of dict
        Of mu, ln sigma2, logit pi and logit pi_tilde; what is the same is not in it.

    Examples
    --------
    >>> from tvbi_ref import HierarchicalPrior, IndependentSupport, nets
    >>> turbo = TurboVBI(HierarchicalPrior.spike_and_slab(IndependentSupport(-1.0)), epochs=1)
    >>> one, other = (turbo.fit(nets.mlp([2, 2], seed=k), [[1.0, 2.0]], [0]) for k in (0, 1))
    >>> gaps(one, one), list(gaps(one, other)[0])
    ([{}], ['mu', 'logit pi_tilde'])
    """
    layers = zip(_quantities(one), _quantities(other), strict=True)
    return [_differing(here, there) for here, there in layers]


def _quantities(result: TurboResult) -> Iterator[dict[str, NDArray[Any]]]:
    """Yield the arrays of each layer, in the order in which an epoch computes them."""
    for k, weights in enumerate(result.network.weight_layers):
        yield {
            "mu": weights.mean.value,
            "ln sigma2": weights.log_variance.value,
            "logit pi": result.prior_log_odds[k],
            "logit pi_tilde": result.posteriors[k].support_log_odds,
        }


def _differing(here: dict[str, NDArray[Any]], there: dict[str, NDArray[Any]]) -> Gaps:
    return {
        name: float(np.max(np.abs(here[name].astype(np.float64) - there[name])))
        for name in here
        if not np.array_equal(here[name], there[name])
    }


def _largest(found: list[Gaps]) -> Gaps:
    names = dict.fromkeys(name for layer in found for name in layer)
    return {name: max(layer.get(name, 0.0) for layer in found) for name in names}


def _readable(label: str) -> Any:
    function = get(label).function
    return getattr(function, "readable", function)

r"""What every baseline has: the interface, the budget, and gradient descent with hooks.

A method is a frozen dataclass of its few hyperparameters. `Method.fit` gives all of them the same
three acts,

.. code-block:: text

    prune       the method's own: train, decide which weights stay    budget.epochs
    fine-tune   plain training of the survivors at half the rate      budget.fine_tune_epochs
    return      a `Network` whose layers carry masks, as `tvbi_ref.prune` does

so that they differ in nothing but the equations of their files. Adam with a learning rate that
falls linearly to zero trains all of them: `descend` is `tvbi_ref.nets.train` with the `Hooks` of
a method, what it does before, during and after a step.

Methods that prune units see a GROUP as one slice w[g] along the first axis of a layer's weights:
all weights out of one input of a dense layer (I, J), all weights of one filter of a convolution
(F, C, kh, kw). These are the groups of Louizos, Ullrich and Welling (2017).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tvbi_ref._repr import brief
from tvbi_ref._validation import FloatArray, as_count, as_real, border
from tvbi_ref.nets import Network, WeightLayer, train
from tvbi_ref.nets.training import Hooks
from tvbi_ref.prior import HierarchicalPrior
from tvbi_ref.turbo import TurboVBI

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Budget:
    """What every method of a comparison may spend.

    Parameters
    ----------
    epochs : int
        Of the method itself; the dense baseline has the same.
    fine_tune_epochs : int
        Of plain training afterwards.
    batch_size : int
    learning_rate : float
        Of Adam at the start; fine-tuning runs at half of it.
    options : dict
        Further arguments of `tvbi_ref.TurboVBI`; the other methods have no use for them.

    Raises
    ------
    TypeError, ValueError
        If a number is none, or out of range.
    """

    epochs: int = 150
    fine_tune_epochs: int = 30
    batch_size: int = 32
    learning_rate: float = 2e-3
    options: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, least in {"epochs": 1, "fine_tune_epochs": 0, "batch_size": 1}.items():
            as_count(getattr(self, name), name, at_least=least)
        as_real(self.learning_rate, "learning_rate", above=0)

    def turbo(self, prior: HierarchicalPrior | Sequence[HierarchicalPrior], seed: int) -> TurboVBI:
        """Return Turbo-VBI with this budget; it checks every setting."""
        rest = {name: getattr(self, name) for name in ("epochs", "batch_size", "learning_rate")}
        return TurboVBI(prior, seed=seed, **rest, **self.options)


@dataclass
class Problem:
    """What a method is given: data, budget and seed, checked; and what Turbo-VBI leaves.

    Parameters
    ----------
    x : array_like (N, n_inputs) or (N, C, H, W)
    y : array_like
        Labels (N,), or targets (N, n_outputs).
    budget : Budget
    seed : int
    progress : bool, optional
        Show progress bars; by default only on a terminal.
    loop : dict
        Further arguments of `TurboVBI.fit`: validation, callbacks, checkpoint.
    sample_weight : array_like (N,), optional
        How often every row counts.

    Attributes
    ----------
    result : TurboResult or None
        The posterior before pruning, once Turbo-VBI has found it; the other methods leave None.
    losses : list of float
        The mean negative log-likelihood a row of every epoch so far, of whatever training.

    Raises
    ------
    TypeError, ValueError
        If the budget or the seed is none.
    """

    x: ArrayLike
    y: ArrayLike
    budget: Budget
    seed: int
    progress: bool | None = None
    loop: dict[str, Any] = field(default_factory=dict)
    sample_weight: ArrayLike | None = None
    losses: list[float] = field(default_factory=list, init=False)
    result: Any = field(default=None, init=False)

    __repr__ = brief

    def __post_init__(self) -> None:
        if not isinstance(self.budget, Budget):
            raise TypeError(f"budget must be a Budget; got {self.budget!r}")
        as_count(self.seed, "seed")

    def train(self, network: Network) -> None:
        """Train `network` in place without a penalty, for the epochs of the method."""
        self.minimise(network, self.budget.epochs, self.budget.learning_rate, "train")

    def fine_tune(self, network: Network) -> None:
        """Train the survivors in place; what is pruned stays zero."""
        rate = self.budget.learning_rate / 2
        self.minimise(network, self.budget.fine_tune_epochs, rate, "fine-tuning")

    def minimise(
        self,
        network: Network,
        epochs: int,
        rate: float,
        description: str,
        hooks: Hooks | None = None,
    ) -> None:
        """Call `tvbi_ref.nets.train` with the data, the seed and the minibatches of the run."""
        self.losses += train(
            network,
            self.x,
            self.y,
            epochs=epochs,
            seed=self.seed,
            batch_size=self.budget.batch_size,
            learning_rate=rate,
            progress=self.progress,
            description=description,
            hooks=hooks,
            sample_weight=self.sample_weight,
        )


class Method:
    """A pruning method: a frozen dataclass that implements `prune`."""

    fine_tunes: ClassVar[bool] = True

    def prune(self, network: Network, problem: Problem) -> Network:
        """Train `network`, in place or not, and return it with the masks that the method finds."""
        raise NotImplementedError

    def pruned(self, network: Network, problem: Problem) -> Network:
        """Return a pruned copy of `network`, not fine-tuned yet."""
        if not isinstance(network, Network):
            raise TypeError(f"network must be a Network, as nets.mlp builds; got {network!r}")
        with np.errstate(all="ignore"):  # overflow on the way to what DivergenceError reports
            return self.prune(network.copy(), problem)

    def train(self, network: Network, problem: Problem) -> Network:
        """Return a pruned and fine-tuned copy of `network`."""
        small = self.pruned(network, problem)
        if self.fine_tunes:
            problem.fine_tune(small)
        return small

    def fit(
        self,
        network: Network,
        x: ArrayLike,
        y: ArrayLike,
        budget: Budget,
        *,
        seed: int,
        progress: bool | None = None,
    ) -> Network:
        """Return a pruned and fine-tuned copy of `network`.

        Parameters
        ----------
        network : Network
            Of `Dense` and `Conv2D` layers, where the run starts. It stays as it is. Weights
            that are pruned already stay so.
        x : array_like (N, n_inputs) or (N, C, H, W)
        y : array_like
            Labels (N,), or targets (N, n_outputs).
        budget : Budget
        seed : int
            Of everything random in the run.
        progress : bool, optional
            Show progress bars; by default only on a terminal.

        Returns
        -------
        Network
            Every weight layer has a mask, and `tvbi_ref.compress` takes it. A unit that has
            lost its fan-out keeps its fan-in here; `tvbi_ref.compress` takes both away.

        Raises
        ------
        TypeError, ValueError, NonFiniteError
            If an argument is not what is asked for above.
        DivergenceError
            If the loss is no longer finite.
        """
        return self.train(network, Problem(x, y, budget, seed, progress))


# Gradient descent


def descend(network: Network, problem: Problem, hooks: Hooks) -> None:
    """Minimise the mean negative log-likelihood plus what the hooks add, in place.

    Adam, the learning rate falling linearly to zero, minibatches in random order: with plain
    `Hooks` the very same steps as `tvbi_ref.nets.train`.

    Parameters
    ----------
    network : Network
        Changed in place.
    problem : Problem
    hooks : Hooks

    Raises
    ------
    DivergenceError
        If the loss is no longer finite.

    Examples
    --------
    >>> from tvbi_ref import nets
    >>> from tvbi_ref.lab.experiment import Budget
    >>> x = np.random.default_rng(0).normal(size=(200, 2))
    >>> net, y = nets.mlp([2, 16, 2], seed=0), (x[:, 0] > 0).astype(int)
    >>> descend(net, Problem(x, y, Budget(epochs=20, learning_rate=0.01), seed=0), Hooks())
    >>> net.score(x, y) > 0.95
    True
    """
    budget = problem.budget
    problem.minimise(network, budget.epochs, budget.learning_rate, "prune", hooks)


def warm_up(share: float, length: float) -> float:
    """Return the KL weight, rising linearly from 0 to 1 over the first `length` of the steps.

    Parameters
    ----------
    share : float in [0, 1)
        Of the steps made.
    length : float in [0, 1]

    Examples
    --------
    >>> warm_up(0.125, 0.5), warm_up(0.75, 0.5), warm_up(0.0, 0.0)
    (0.25, 1.0, 1.0)
    """
    return 1.0 if share >= length else share / length


# Masks


@border
def largest(scores: list[FloatArray], sparsity: float) -> list[Mask]:
    """Return which weights have the largest scores of the whole network: one threshold for all.

    Parameters
    ----------
    scores : list of ndarray
        One array for each layer, of any shapes.
    sparsity : float in [0, 1)
        The share to be left out; the number kept is rounded, and at least one.

    Returns
    -------
    list of ndarray of bool
        Of ties the earlier ones are kept.

    Examples
    --------
    >>> largest([np.array([[3.0, 1.0]]), np.array([2.0, 0.5])], sparsity=0.5)
    [array([[ True, False]]), array([ True, False])]
    """
    everything = np.concatenate([score.ravel() for score in scores])
    n_kept = max(1, round((1 - sparsity) * everything.size))
    keep = np.zeros(everything.size, bool)
    keep[np.argsort(-everything, kind="stable")[:n_kept]] = True
    parts = np.split(keep, np.cumsum([score.size for score in scores])[:-1])
    return [part.reshape(score.shape) for part, score in zip(parts, scores, strict=True)]


def prune_largest(network: Network, scores: list[FloatArray], sparsity: float) -> None:
    """Prune in place all weights but those with the largest scores of the network.

    Parameters
    ----------
    network : Network
    scores : list of ndarray
        Of the shapes of the weights. What is pruned already has no say.
    sparsity : float in [0, 1)

    Examples
    --------
    >>> from tvbi_ref import nets
    >>> net = nets.mlp([4, 5, 2], seed=0)
    >>> prune_largest(net, [np.abs(layer.mean.value) for layer in net.weight_layers], 0.9)
    >>> net
    Network(4 -> 5 -> 2, 3 of 30 weights, float32)
    """
    live = [
        score if layer.mask is None else np.where(layer.mask, score, -np.inf)
        for layer, score in zip(network.weight_layers, scores, strict=True)
    ]
    for layer, keep in zip(network.weight_layers, largest(live, sparsity), strict=True):
        layer.prune(keep)


def as_sparsity(value: Any) -> float:
    """Return the share of weights to prune, or say what is wrong with it.

    Examples
    --------
    >>> as_sparsity(97)
    Traceback (most recent call last):
    ValueError: sparsity must be a number >= 0 and < 1; got 97
    """
    return as_real(value, "sparsity", at_least=0, below=1)


# Groups


def by_group(vector: NDArray[Any], weight: NDArray[Any]) -> NDArray[Any]:
    """Return one number a group in a shape that multiplies the weights.

    Parameters
    ----------
    vector : ndarray (G,)
    weight : ndarray (G, ...)

    Returns
    -------
    ndarray (G, 1, ...)

    Examples
    --------
    >>> by_group(np.array([1.0, 2.0]), np.ones((2, 3))).tolist()
    [[1.0], [2.0]]
    """
    return vector.reshape(-1, *(1,) * (weight.ndim - 1))


def prune_groups(layer: WeightLayer, keep: Mask) -> None:
    """Prune in place the groups where `keep` is False: inputs (dense), filters (convolution).

    Parameters
    ----------
    layer : WeightLayer
    keep : ndarray of bool (G,)

    Examples
    --------
    >>> from tvbi_ref import nets
    >>> layer = nets.mlp([2, 3], seed=0).weight_layers[0]
    >>> prune_groups(layer, np.array([True, False]))
    >>> layer.mask.tolist()
    [[True, True, True], [False, False, False]]
    """
    weight = layer.mean.value
    layer.prune(np.broadcast_to(by_group(keep, weight), weight.shape))

"""Plain training at the posterior means: the dense baseline, and fine-tuning after pruning.

`Hooks` is the room for what a pruning method does before, during and after a step; the methods of
`tvbi_ref.lab.baselines` train by the same loop.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from tqdm.auto import tqdm

from tvbi_ref._validation import as_count, as_real
from tvbi_ref.errors import DivergenceError
from tvbi_ref.nets.network import Network, minibatches
from tvbi_ref.nets.optimizers import Adam
from tvbi_ref.nets.parameters import Parameter
from tvbi_ref.nets.row_weights import as_row_weights


class Step(NamedTuple):
    """Where `train` stands.

    Parameters
    ----------
    number : int
        Steps made before this one.
    share : float
        The same as a share of all steps, in [0, 1).
    rate : float
        The learning rate of this step.
    optimizer : Adam
        For its moments.
    n_rows : float
        N: the data term is a mean over rows, so that a KL divergence enters divided by N. With
        weights their sum W, the number of rows that they stand for.
    """

    number: int
    share: float
    rate: float
    optimizer: Adam
    n_rows: float


class Hooks:
    """What a method adds to a step of `train`: nothing, unless it overrides something."""

    noisy = False
    """Whether the weights are drawn from q(w) in the forward pass."""

    def parameters(self, network: Network) -> list[Parameter]:
        """Return what the optimizer moves."""
        return network.parameters()

    def before(self, step: Step, rng: np.random.Generator) -> None:
        """Prepare the forward pass."""

    def add_gradients(self, step: Step) -> None:
        """Add the gradients of the penalty to those of the data."""

    def after(self, step: Step) -> None:
        """Change the parameters when the optimizer has moved them."""


def train(
    network: Network,
    x: ArrayLike,
    y: ArrayLike,
    *,
    epochs: int,
    seed: int,
    batch_size: int = 64,
    learning_rate: float = 1e-3,
    progress: bool | None = None,
    description: str = "train",
    hooks: Hooks | None = None,
    sample_weight: ArrayLike | None = None,
) -> list[float]:
    """Minimise the mean negative log-likelihood of the posterior MEANS, in place.

    No prior and no noise, unless the hooks bring them; pruned weights stay zero. The learning
    rate falls linearly to zero. For regression with a learned noise precision, that is refitted
    every epoch.

    Parameters
    ----------
    network : Network
        Changed in place.
    x : array_like (N, n_inputs) or (N, C, H, W)
        As `Network.as_inputs` takes it.
    y : array_like
        Labels (N,), or targets (N, n_outputs).
    epochs, seed, batch_size : int
    learning_rate : float > 0
        Of Adam, at the start.
    progress : bool, optional
        Show a progress bar; by default only on a terminal.
    description : str
        The bar's label.
    hooks : Hooks, optional
        What is added to each step.
    sample_weight : array_like (N,), optional
        How often every row counts, >= 0; the mean is over so many rows.

    Returns
    -------
    list of float
        The mean loss of each epoch.

    Raises
    ------
    TypeError, ValueError, NonFiniteError
        If an argument is not what is asked for above.
    DivergenceError
        If the loss is no longer finite; the network then holds the last good epoch.

    Examples
    --------
    >>> from tvbi_ref import nets
    >>> x = np.random.default_rng(0).normal(size=(200, 2))
    >>> net = nets.mlp([2, 16, 2], seed=0)
    >>> losses = train(net, x, (x[:, 0] > 0).astype(int), epochs=20, seed=0, learning_rate=0.01)
    >>> net.score(x, (x[:, 0] > 0).astype(int)) > 0.95
    True
    """
    rows = network.as_inputs(x)
    targets = network.as_targets(y, len(rows))
    weights = as_row_weights(sample_weight, len(rows), network.dtype)
    batch_size = as_count(batch_size, "batch_size", at_least=1)
    learning_rate = as_real(learning_rate, "learning_rate", above=0)
    rng = np.random.default_rng(as_count(seed, "seed"))
    hooks = Hooks() if hooks is None else hooks
    noise = rng if hooks.noisy else None
    optimizer = Adam(hooks.parameters(network))
    losses: list[float] = []
    epoch_numbers = range(as_count(epochs, "epochs"))
    n_steps, number = epochs * -(-len(rows) // batch_size), 0
    disable = None if progress is None else not progress
    with tqdm(total=n_steps, desc=description, unit="batch", disable=disable, leave=False) as bar:
        for epoch in epoch_numbers:
            good = network.state()
            rate = learning_rate * (1 - epoch / epochs)
            total = 0.0
            with np.errstate(all="ignore"):  # overflow on the way to what is reported below
                for batch in minibatches(len(rows), batch_size, rng):
                    step = Step(number, number / n_steps, rate, optimizer, weights.total)
                    hooks.before(step, rng)
                    total += len(batch) * network.loss_and_gradient(
                        rows[batch], targets[batch], noise, weights.of(batch)
                    )
                    hooks.add_gradients(step)
                    optimizer.step(rate)
                    hooks.after(step)
                    number += 1
                    bar.update()
                losses.append(total / len(rows))
                # The last step may have broken what the sum has not seen: look once more.
                after = network.loss.value(network.forward(rows[batch]), targets[batch])
            if not np.isfinite([losses[-1], after]).all():
                network.set_state(good)
                raise DivergenceError(
                    f"the loss is {losses[-1] + after}", epoch=epoch, layer=None, last_good=network
                )
            network.refit_likelihood(rows, targets, noise, weights.each)
    return losses

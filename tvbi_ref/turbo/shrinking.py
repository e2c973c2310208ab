r"""A network that shrinks as it learns: dead units are left out of the w-step.

A unit (an input, a neuron, a channel) whose whole fan-out is dead adds next to nothing to what
comes behind it, and next to nothing of what the data say reaches the weights that it reads. Its
fan-out and its fan-in are left to the prior. Without the data's term, and with the precision of a
dead weight integrated out, F of [q-weight] is

.. code-block:: text

    F(mu, sigma2) = (a_bar + 1/2) ln(b_bar + m/2) - 1/2 ln sigma2,    m = mu^2 + sigma2

dF/dmu is 0 at mu = 0 alone, and there dF/dsigma2 = 0 says (2 a_bar + 1) sigma2 = 2 b_bar + sigma2:

.. code-block:: text

    q(w) = N(0, b_bar/a_bar)

is the only stationary point, and the minimum, as F grows beyond bounds for sigma2 -> 0 and for
m -> infinity. In the mean field sigma2 = 1/<rho> says the same. So nothing of these weights need
be trained. What is left is trained in smaller arrays; Modules A and B go on to see whole matrices.

**When.** A unit leaves after `IN_A_ROW` epochs in which every weight of its fan-out was dead by
`BOUND` nats, under the spike of the epoch and also under the last, narrowest one: it is through the
eye of the needle, and annealing holds it ever tighter. (Dead under the present spike alone says
nothing: at the start, when the spike is wide, nearly all are.) Should the field, that is coupled
neighbours or a prior that learns, make a weight of the fan-out alive again, the unit comes back.

**What is lost.** At the posterior means the part computes what the whole network does: the means of
what is left out are 0. In a draw, output k of the next layer lacks a term of variance
sum_j x_j^2 sigma2_jk over the units j that are out, sigma2 = b_bar/a_bar. On leaving it also loses
sum_j x_j mu_jk, where mu_jk^2 is at most the m at which the posterior log-odds are -`BOUND`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tvbi_ref._validation import FloatArray
from tvbi_ref.nets import Network, Optimizer, Parameter, ResumableOptimizer
from tvbi_ref.nets.units import KNOWN, BoolArray, count_units, part_of, places, to_units
from tvbi_ref.turbo.options import Options

if TYPE_CHECKING:
    from tvbi_ref.turbo.run import TurboLayer

BOUND = 2.0
"""Nats by which a weight must be dead: odds of 7 to 1 against it."""

IN_A_ROW = 2
"""Epochs in which it must be, one after the other."""


def trained(network: Network, options: Options) -> list[Parameter]:
    """Return what the optimizer moves: everything, or all but the variances of the weights.

    Examples
    --------
    >>> from tvbi_ref import HierarchicalPrior, IndependentSupport, TurboVBI, nets
    >>> prior = HierarchicalPrior.spike_and_slab(IndependentSupport(-1.0))
    >>> turbo = TurboVBI(prior, train_variance=False)
    >>> [p.name for p in trained(nets.mlp([2, 2], seed=0), turbo)]
    ['mean', 'bias']
    """
    fixed = [] if options.train_variance else [w.log_variance for w in network.weight_layers]
    return [parameter for parameter in network.parameters() if parameter not in fixed]


@dataclass
class Part:
    """What an epoch trains: the whole network, or what is left of it.

    Parameters
    ----------
    network : Network
    optimizer : Optimizer
        Of this network's parameters.
    inputs : ndarray of int, optional
        Which columns of the data, or channels, the network takes; None: all.
    places : list
        Where each layer's weights stand in those of the whole network.
    """

    network: Network
    optimizer: Any
    inputs: NDArray[np.intp] | None
    places: Sequence[Any]

    def take(self, x: FloatArray) -> FloatArray:
        """Return what the network takes of rows, or of images."""
        return x if self.inputs is None else x.take(self.inputs, axis=1)


class Shrinking:
    """Which units of a network take part in the w-step, and what follows from that.

    Parameters
    ----------
    network : Network
    optimizer : Optimizer
        Of what is `trained` of it.
    options : Options

    Attributes
    ----------
    dead_for : list of ndarray of int
        For how many epochs every input, and every output of each weight layer, has been dead;
        those of the last never are. Empty if nothing can be left out.
    possible : bool
        Whether any can be left out: the layers must be `KNOWN`, and what the optimizer remembers
        must be numbers, texts, and lists with an array for each parameter.
    """

    def __init__(self, network: Network, optimizer: Optimizer, options: Options) -> None:
        self.network, self.options = network, options
        self.optimizer: Any = optimizer
        self.possible = (
            options.shrink
            and all(type(layer) in KNOWN for layer in network.layers)
            and self._remembers_by_parameter()
        )
        counts = count_units(network) if self.possible else []
        self.dead_for = [np.zeros(n, int) for n in counts]

    def _remembers_by_parameter(self) -> bool:
        if not isinstance(self.optimizer, ResumableOptimizer):
            return False
        shapes = [p.value.shape for p in trained(self.network, self.options)]
        return all(
            [np.shape(a) for a in value] == shapes
            if isinstance(value, list)
            else np.isscalar(value)
            for value in self.optimizer.state().values()
        )

    @property
    def units(self) -> list[BoolArray]:
        """Which units take part."""
        return [epochs < IN_A_ROW for epochs in self.dead_for]

    def part(self) -> Part:
        """Return what an epoch trains: the network itself as long as every unit takes part."""
        if all(units.all() for units in self.units):
            everywhere = [...] * len(self.network.weight_layers)
            return Part(self.network, self.optimizer, None, everywhere)
        small, (where, moved) = part_of(self.network, self.units), self._places()
        optimizer: Any = self.options.optimizer(trained(small, self.options))
        optimizer.set_state(
            {
                name: [a[place] for a, place in zip(value, moved, strict=True)]
                if isinstance(value, list)
                else value
                for name, value in self.optimizer.state().items()
            }
        )
        return Part(small, optimizer, np.flatnonzero(self.units[0]), where)

    def put_back(self, part: Part) -> None:
        """Write what an epoch has trained into the whole network and its optimizer."""
        if part.network is self.network:
            return
        _, moved = self._places()
        pairs = trained(self.network, self.options), trained(part.network, self.options), moved
        for whole, new, place in zip(*pairs, strict=True):
            whole.value[place] = new.value
        state = part.optimizer.state()
        for name, arrays in self.optimizer.state().items():
            if isinstance(arrays, list):
                for array, new, place in zip(arrays, state[name], moved, strict=True):
                    array[place] = new
                state[name] = arrays
        self.optimizer.set_state(state)

    def _places(self) -> tuple[list[Any], list[Any]]:
        """Return where what takes part stands: of every layer's weights, of what is trained."""
        where = places(self.network, self.units)
        of_layers = zip(self.network.weight_layers, where, self.units[1:], strict=True)
        of_parameters = {
            id(parameter): place
            for layer, weights, behind in of_layers
            for parameter, place in zip(layer.parameters(), (weights, weights, behind), strict=True)
        }
        return where, [of_parameters[id(p)] for p in trained(self.network, self.options)]

    def rest(self, k: int, layer: TurboLayer) -> None:
        """Give the weights of layer k that are left out the q(w) that they have by the prior."""
        if not self.possible or (self.units[k].all() and self.units[k + 1].all()):
            return
        out = np.ones(layer.weights.mean.value.shape, bool)
        out[places(self.network, self.units)[k]] = False
        layer.weights.mean.value[out] = 0
        if self.options.train_variance:
            log_variance = layer.weights.log_variance
            log_variance.value[out] = -np.log(layer.annealed.inactive.mean)
            log_variance.clip()

    def update(self, layers: Sequence[TurboLayer]) -> None:
        """Let units leave or come back after an epoch, the output side first.

        A unit that is read by units alone that are out is out after them.
        """
        if not self.possible:
            return
        for k, layer in reversed([*enumerate(layers)]):
            now = self._loudest(k, layer, layer.q.support_log_odds)
            later = self._loudest(k, layer, layer.final_log_odds())
            is_out = ~self.units[k]
            dead = np.where(is_out, now < 0, np.maximum(now, later) < -BOUND)
            dead[now.argmax()] = False  # a layer needs a shape
            self.dead_for[k] = np.where(dead, self.dead_for[k] + 1, 0)

    def _loudest(self, k: int, layer: TurboLayer, log_odds: FloatArray) -> FloatArray:
        """Return the largest log-odds of each unit's weights to the units that take part."""
        weights = to_units(layer.weights.from_matrix(log_odds), len(self.units[k]))
        return np.asarray(weights[:, self.units[k + 1]].max(axis=(1, 2)))

r"""L0 regularisation: the expected number of weights, made differentiable by hard concrete gates.

Louizos, Welling and Kingma, *Learning sparse neural networks through L0 regularization*, ICLR
2018, arXiv 1712.01312. The network computes with theta z, z a random gate that is exactly 0 and
exactly 1 with positive probability: a concrete variable, stretched beyond [0, 1] and cut back,

    u ~ U(0, 1),    s = sigmoid((ln u - ln(1 - u) + ln a) / beta)
    z = min(1, max(0, s (zeta - gamma) + gamma)),    gamma = -0.1,  zeta = 1.1,  beta = 2/3

so that a weight counts with probability

    P(z != 0) = sigmoid(ln a - beta ln(-gamma / zeta))

The objective is E[-ln p(D | theta z)] + strength sum P(z != 0), one draw of the gates for each
minibatch. In the end z is min(1, max(0, sigmoid(ln a) (zeta - gamma) + gamma)), and what is
multiplied by zero is pruned. A gate serves a group, or one weight.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit, logit

from tvbi_ref._validation import FloatArray, as_choice, as_real
from tvbi_ref.lab.baselines.base import Method, Problem, descend
from tvbi_ref.nets import Network, Parameter, WeightLayer
from tvbi_ref.nets.training import Hooks, Step

BETA, GAMMA, ZETA = 2 / 3, -0.1, 1.1

LOG_A_BOUNDS = (float(np.log(0.01)), float(np.log(100)))
"""Beyond these a gate hardly ever opens or closes, and its gradient is lost."""

GATES = ("unit", "weight")


# One gate


def draw_gates(log_a: FloatArray, u: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the gates z and dz/d ln a, for uniform noise u.

    dz/d ln a = (zeta - gamma) s (1 - s) / beta where z is strictly between 0 and 1, else 0.

    Parameters
    ----------
    log_a, u : ndarray
        Of one shape; u in (0, 1).

    Examples
    --------
    >>> z, d_log_a = draw_gates(np.zeros(3), np.array([0.01, 0.5, 0.99]))
    >>> z, d_log_a.round(6)
    (array([0. , 0.5, 1. ]), array([0.  , 0.45, 0.  ]))
    """
    s = expit((logit(u) + log_a) / BETA)
    stretched = s * (ZETA - GAMMA) + GAMMA
    inside = (stretched > 0) & (stretched < 1)
    return np.clip(stretched, 0, 1), inside * ((ZETA - GAMMA) / BETA * s * (1 - s))


def open_probability(log_a: FloatArray) -> FloatArray:
    """Return P(z != 0) = sigmoid(ln a - beta ln(-gamma/zeta)).

    Parameters
    ----------
    log_a : ndarray

    Examples
    --------
    >>> open_probability(np.array([-4.0, 0.0, 4.0])).round(3)
    array([0.083, 0.832, 0.996])
    """
    return expit(log_a - BETA * np.log(-GAMMA / ZETA))


def final_gates(log_a: FloatArray) -> FloatArray:
    """Return min(1, max(0, sigmoid(ln a) (zeta - gamma) + gamma)), the gates without noise.

    Parameters
    ----------
    log_a : ndarray

    Examples
    --------
    >>> final_gates(np.array([-4.0, 0.0, 4.0]))
    array([0. , 0.5, 1. ])
    """
    return np.clip(expit(log_a) * (ZETA - GAMMA) + GAMMA, 0, 1)


# The gates of a network


class GatedLayer:
    """The gates of one weight layer, and the weights theta that they multiply.

    The layer itself computes with theta z, which is written into its means.

    Parameters
    ----------
    layer : WeightLayer
    gates : {"unit", "weight"}
    drop : float in (0, 1)
        Where ln a starts: at ln((1 - drop)/drop).

    Attributes
    ----------
    theta : Parameter
        In the shape of the weights.
    log_a : Parameter
        In the shape of the weights, or (G, 1, ...) with one gate a group.
    """

    def __init__(self, layer: WeightLayer, gates: str, drop: float) -> None:
        weight = layer.mean.value
        shape = weight.shape if gates == "weight" else (len(weight), *(1,) * (weight.ndim - 1))
        self.layer = layer
        self.theta = Parameter("theta", weight.copy())
        self.log_a = Parameter("log_a", np.full(shape, -logit(drop), weight.dtype), LOG_A_BOUNDS)
        self.weights_a_gate = weight.size // self.log_a.value.size

    def draw(self, rng: np.random.Generator) -> None:
        """Draw the gates and let the layer compute with theta z."""
        log_a = self.log_a.value
        # (k + 1/2) / 2^23 is never 0 or 1, not in float32 either.
        u = (rng.integers(2**23, size=log_a.shape) + 0.5) / 2**23
        self.z, self.dz = (a.astype(log_a.dtype) for a in draw_gates(log_a, u))
        self.layer.mean.value[...] = self.theta.value * self.z

    def fill_gradients(self, weight: float) -> None:
        """Take dL/d(theta z) on to theta and ln a, and add weight * d/d ln a sum P(z != 0)."""
        grad = self.layer.mean.grad
        self.theta.grad[...] = grad * self.z
        d_z = _sum_to(grad * self.theta.value, self.log_a.value.shape)
        p = open_probability(self.log_a.value)
        self.log_a.grad[...] = d_z * self.dz + weight * self.weights_a_gate * p * (1 - p)

    def close(self) -> None:
        """Let the layer compute with the gates' final values, and prune what they close."""
        z = final_gates(self.log_a.value)
        self.layer.mean.value[...] = self.theta.value * z
        self.layer.prune(np.broadcast_to(z > 0, self.theta.value.shape))


def _sum_to(array: FloatArray, shape: tuple[int, ...]) -> FloatArray:
    """Return sums over the axes that `shape` has only one entry for."""
    axes = tuple(k for k, length in enumerate(shape) if length != array.shape[k])
    return array.sum(axis=axes, keepdims=True)


class _Gates(Hooks):
    """The gates of all layers in `descend`."""

    def __init__(self, gated: list[GatedLayer], strength: float) -> None:
        self.gated, self.strength = gated, strength

    def parameters(self, network: Network) -> list[Parameter]:
        """Return the biases, theta in place of the weights, and ln a."""
        taken = {id(p) for g in self.gated for p in (g.layer.mean, g.layer.log_variance)}
        rest = [p for p in network.parameters() if id(p) not in taken]
        return rest + [p for g in self.gated for p in (g.theta, g.log_a)]

    def before(self, step: Step, rng: np.random.Generator) -> None:
        for g in self.gated:
            g.draw(rng)

    def add_gradients(self, step: Step) -> None:
        for g in self.gated:
            g.fill_gradients(self.strength / step.n_rows)


@dataclass(frozen=True)
class HardConcreteL0(Method):
    """Train with random gates and a price on open ones, prune by their final values, fine-tune.

    Parameters
    ----------
    strength : float >= 0
        The price of a weight in nats of the whole data set: the objective is the mean loss
        plus strength/N times the expected number of weights.
    gates : {"unit", "weight"}
        One gate an input of a dense layer and a filter of a convolution, as in the paper's
        experiments, or one a weight.
    drop : float in (0, 1)
        Where the gates start: sigmoid(ln a) = 1 - drop.

    Examples
    --------
    >>> from tvbi_ref import datasets, nets
    >>> from tvbi_ref.lab.experiment import Budget
    >>> data, budget = datasets.load_digits(), Budget(epochs=5, fine_tune_epochs=1)
    >>> small = HardConcreteL0(strength=3.0, gates="weight").fit(
    ...     nets.mlp([64, 16, 10], seed=0), data.x_train, data.y_train, budget, seed=0)
    >>> [layer.mask.shape for layer in small.weight_layers]
    [(64, 16), (16, 10)]
    """

    strength: float = 0.5
    gates: str = "unit"
    drop: float = 0.5

    def __post_init__(self) -> None:
        as_real(self.strength, "strength", at_least=0)
        as_choice(self.gates, "gates", GATES)
        as_real(self.drop, "drop", above=0, below=1)

    def prune(self, network: Network, problem: Problem) -> Network:
        """Train theta and ln a, then close the gates for good."""
        gated = [GatedLayer(layer, self.gates, self.drop) for layer in network.weight_layers]
        descend(network, problem, _Gates(gated, self.strength))
        for g in gated:
            g.close()
        return network

r"""Group Bayesian compression: the noise of sparse variational dropout, one a unit.

Louizos, Ullrich and Welling, *Bayesian compression for deep learning*, NeurIPS 2017, arXiv
1705.08665, the version with the normal-Jeffreys prior. All weights of a group (an input of a
dense layer, a filter of a convolution) share a scale z under a log-uniform prior:

    p(z_g) ~ 1/|z_g|,    p(w | z) = N(0, z_g^2)
    q(z_g) = N(mu_g, sigma2_g),    q(w | z) = N(z_g mu, z_g^2 sigma2)

The scale cancels in the KL divergence of the weights, which is that of a standard normal prior:

    KL(q(z) || p(z))          that of `sparse_vd`, at alpha_g = sigma2_g / mu_g^2
    KL(q(w|z) || p(w|z)) = 1/2 sum (sigma2 + mu^2 - 1 - ln sigma2)

A layer with such weights is a plain one with `MultiplicativeNoise` on its input units, or behind
its filters. A group is dropped where ln alpha_g is at or above a threshold; what is left computes
with mu_g mu.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import DTypeLike

from tvbi_ref._validation import FloatArray, as_count
from tvbi_ref.lab.baselines.base import Mask, Problem, by_group, descend, prune_groups
from tvbi_ref.lab.baselines.sparse_vd import LogUniformKL, LogUniformMethod, log_alpha
from tvbi_ref.nets import Conv2D, Layer, Network, Parameter, WeightLayer
from tvbi_ref.nets.layers import LOG_VARIANCE_BOUNDS
from tvbi_ref.nets.training import Step

# The noise


class MultiplicativeNoise:
    """x z with z ~ N(mu, sigma2), one draw for each row and unit; without noise x mu.

    Parameters
    ----------
    n_units : int
        G: the length of the second axis of x.
    log_variance : float
        The initial ln sigma2; mu starts at 1.
    dtype : dtype

    Attributes
    ----------
    mean, log_variance : Parameter, (G,)

    Examples
    --------
    >>> MultiplicativeNoise(2).forward(np.array([[3.0, 4.0]]))
    array([[3., 4.]])
    """

    def __init__(
        self, n_units: int, log_variance: float = -8.0, dtype: DTypeLike = np.float32
    ) -> None:
        G = as_count(n_units, "n_units", at_least=1)
        self.mean = Parameter("scale_mean", np.ones(G, dtype))
        self.log_variance = Parameter(
            "scale_log_variance", np.full(G, log_variance, dtype), LOG_VARIANCE_BOUNDS
        )

    def parameters(self) -> list[Parameter]:
        """Return mean and log variance."""
        return [self.mean, self.log_variance]

    def forward(self, x: FloatArray, rng: np.random.Generator | None = None) -> FloatArray:
        """Return x z, z = mu + sigma e with e ~ N(0, 1) if `rng` is given.

        Parameters
        ----------
        x : ndarray (B, G) or (B, G, H, W)
        rng : numpy.random.Generator, optional
        """
        B, G = x.shape[:2]
        self._x = x
        self._e = np.zeros((B, G), x.dtype)
        if rng is not None:
            rng.standard_normal(dtype=x.dtype.type, out=self._e)
        self._sigma = np.exp(0.5 * self.log_variance.value)
        self._z = (self.mean.value + self._sigma * self._e).reshape(B, G, *(1,) * (x.ndim - 2))
        return x * self._z

    def backward(self, grad: FloatArray) -> FloatArray:
        """Return dL/dx = g z and fill the gradients of mean and ln sigma2.

        With dz = sum over places of g x: dmu = sum over rows of dz, and the gradient by
        ln sigma2 is 1/2 sigma times the sum over rows of dz e.

        Parameters
        ----------
        grad : ndarray of the shape of x
        """
        dz = (grad * self._x).reshape(*self._e.shape, -1).sum(axis=2)
        self.mean.grad[...] = dz.sum(axis=0)
        self.log_variance.grad[...] = 0.5 * self._sigma * (dz * self._e).sum(axis=0)
        return grad * self._z


class ScaledNetwork(Network):
    """A network with a `MultiplicativeNoise` for each weight layer, whose weights it shares.

    The noise stands before a dense layer, on its inputs, and behind a convolution, on its
    filters.

    Parameters
    ----------
    network : Network

    Attributes
    ----------
    scales : list of MultiplicativeNoise
        One for each weight layer.

    Examples
    --------
    >>> from tvbi_ref import nets
    >>> [type(layer).__name__ for layer in ScaledNetwork(nets.mlp([4, 3, 2], seed=0)).layers]
    ['MultiplicativeNoise', 'Dense', 'ReLU', 'MultiplicativeNoise', 'Dense']
    """

    def __init__(self, network: Network) -> None:
        self.scales: list[MultiplicativeNoise] = []
        layers: list[Layer] = []
        for layer in network.layers:
            layers.append(layer)
            if isinstance(layer, WeightLayer):
                noise = MultiplicativeNoise(len(layer.mean.value), dtype=network.dtype)
                self.scales.append(noise)
                behind = isinstance(layer, Conv2D)
                layers.insert(len(layers) if behind else -1, noise)
        super().__init__(layers, network.loss, input_shape=network.input_shape)

    def fill_gradients(self, grad: FloatArray) -> None:
        """Go back to the very first layer: the noise on the inputs has parameters, too."""
        self.backward(grad)

    def fold(self, k: int, keep: Mask) -> None:
        """Multiply mu_g into the weights of layer k, zero where a group is dropped.

        Parameters
        ----------
        k : int
        keep : ndarray of bool (G,)
        """
        layer, scale = self.weight_layers[k], self.scales[k].mean.value * keep
        layer.mean.value *= by_group(scale, layer.mean.value)
        if isinstance(layer, Conv2D):  # there the noise meets the bias, too
            layer.bias.value *= scale


# The divergence


def standard_normal_kl(mean: FloatArray, log_variance: FloatArray) -> float:
    """Return KL(N(mu, sigma2) || N(0, 1)) = 1/2 sum (sigma2 + mu^2 - 1 - ln sigma2).

    Parameters
    ----------
    mean, log_variance : ndarray

    Examples
    --------
    >>> standard_normal_kl(np.array([3.0, 0.0]), np.zeros(2))
    4.5
    """
    return 0.5 * float(np.sum(np.exp(log_variance) + mean * mean - 1 - log_variance))


def standard_normal_kl_gradient(
    mean: FloatArray, log_variance: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return the gradients of `standard_normal_kl`: mu, and 1/2 (sigma2 - 1) by ln sigma2.

    Examples
    --------
    >>> standard_normal_kl_gradient(np.array([3.0]), np.log([5.0]))
    (array([3.]), array([2.]))
    """
    return mean, 0.5 * (np.exp(log_variance) - 1)


class NormalJeffreysKL(LogUniformKL):
    """The KL of the scales, and that of the weights given the scales."""

    def __init__(self, network: ScaledNetwork, strength: float, length: float) -> None:
        super().__init__(network.scales, strength, length)
        self.weight_layers = network.weight_layers

    def add_gradients(self, step: Step) -> None:
        """Add kappa/N (dKL(z) + dKL(w|z))."""
        super().add_gradients(step)
        self.add(step, self.weight_layers, standard_normal_kl_gradient)


@dataclass(frozen=True)
class GroupNormalJeffreys(LogUniformMethod):
    """Train q(z) q(w|z), drop groups by ln alpha, fold the scales in, fine-tune.

    Parameters
    ----------
    strength, threshold, warmup
        As of `LogUniformMethod`; the paper reads the threshold off a histogram, layer by layer.

    Examples
    --------
    >>> from tvbi_ref import datasets, nets
    >>> from tvbi_ref.lab.experiment import Budget
    >>> data, budget = datasets.load_digits(), Budget(epochs=10, fine_tune_epochs=1)
    >>> small = GroupNormalJeffreys().fit(
    ...     nets.mlp([64, 16, 10], seed=0), data.x_train, data.y_train, budget, seed=0)
    >>> mask = small.weight_layers[0].mask
    >>> bool((mask.all(axis=1) | ~mask.any(axis=1)).all())  # whole inputs
    True
    """

    def prune(self, network: Network, problem: Problem) -> Network:
        """Train with noise on the groups, then drop those where ln alpha_g >= threshold."""
        scaled = ScaledNetwork(network)
        descend(scaled, problem, NormalJeffreysKL(scaled, self.strength, self.warmup))
        for k, (layer, scale) in enumerate(zip(scaled.weight_layers, scaled.scales, strict=True)):
            keep = log_alpha(scale.mean.value, scale.log_variance.value) < self.threshold
            scaled.fold(k, keep)
            prune_groups(layer, keep)
        return network

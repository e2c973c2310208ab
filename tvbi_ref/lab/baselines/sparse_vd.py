r"""Sparse variational dropout: noise that a weight does not survive.

Molchanov, Ashukha and Vetrov, *Variational dropout sparsifies deep neural networks*, ICML 2017,
arXiv 1701.05369. Every weight has q(w) = N(mu, sigma2) in the additive parametrisation, under the
log-uniform prior p(|w|) ~ 1/|w|. The KL divergence depends on the ratio alpha = sigma2/mu^2 alone:

    KL(alpha) = E_{e ~ N(1, alpha)} ln|e| - 1/2 ln alpha + const

with the constant (gamma + ln 2)/2, gamma being Euler's, that lets it fall to zero for large
alpha. It has no elementary form, and the paper fits

    KL(alpha) = k1 - k1 s(k2 + k3 ln alpha) + 1/2 ln(1 + 1/alpha),    s(t) = 1/(1 + e^-t)
    k1 = 0.63576,   k2 = 1.87320,   k3 = 1.48695

One minimises E_q[-ln p(D|w)] + KL by local reparameterisation, the KL weight warmed up, and
prunes where ln alpha >= 3: there the noise is 4.5 times the weight.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import expit

from tvbi_ref._validation import FloatArray, as_real
from tvbi_ref.lab.baselines.base import Method, Problem, descend, warm_up
from tvbi_ref.nets import Network
from tvbi_ref.nets.training import Hooks, Step

K1, K2, K3 = 0.63576, 1.87320, 1.48695

Gradient = Callable[[FloatArray, FloatArray], tuple[FloatArray, FloatArray]]
"""Of (mu, ln sigma2), by each of the two."""

TINY = 1e-16
"""Added to mu^2, so that ln alpha of a weight that is zero is a number."""


def log_alpha(mean: FloatArray, log_variance: FloatArray) -> FloatArray:
    """Return ln alpha = ln sigma2 - ln mu^2.

    Parameters
    ----------
    mean, log_variance : ndarray
        mu and ln sigma2, of one shape.

    Examples
    --------
    >>> log_alpha(np.array([1.0, -2.0]), np.log([1.0, 4.0]))
    array([0., 0.])
    """
    return log_variance - np.log(mean * mean + TINY)


def kl_divergence(log_alpha: FloatArray) -> FloatArray:
    """Return k1 - k1 s(k2 + k3 ln alpha) + 1/2 ln(1 + 1/alpha), elementwise.

    Parameters
    ----------
    log_alpha : ndarray

    Returns
    -------
    ndarray
        KL(q(w) || p(w)), falling from infinity to zero.

    Examples
    --------
    >>> kl_divergence(np.array([-8.0, 0.0, 3.0, 30.0])).round(3)
    array([4.636, 0.431, 0.025, 0.   ])
    """
    return K1 * expit(-(K2 + K3 * log_alpha)) + 0.5 * np.logaddexp(0, -log_alpha)


def kl_gradient(mean: FloatArray, log_variance: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the gradients of the KL divergence by mu and by ln sigma2.

    With l = ln alpha and t = k2 + k3 l: dKL/dl = -k1 k3 s(t) s(-t) - 1/2 s(-l); then
    dl/d ln sigma2 = 1 and dl/dmu = -2/mu.

    Parameters
    ----------
    mean, log_variance : ndarray

    Examples
    --------
    >>> d_mean, d_log_variance = kl_gradient(np.array([2.0]), np.log([4.0]))
    >>> bool(np.isclose(d_mean, -d_log_variance).all())  # -2/mu is -1 here
    True
    """
    l = log_alpha(mean, log_variance)
    t = K2 + K3 * l
    d_l = -K1 * K3 * expit(t) * expit(-t) - 0.5 * expit(-l)
    return d_l * (-2 * mean / (mean * mean + TINY)), d_l


class LogUniformKL(Hooks):
    """Noisy weights, and the gradient of their KL divergence.

    Parameters
    ----------
    layers : sequence of objects
        With two parameters, `mean` and `log_variance`: weight layers, or noise of other kinds.
    strength : float
        A factor for the KL divergence, 1 for the bound on the evidence.
    length : float
        Of the warm-up, as a share of the steps.
    """

    noisy = True

    def __init__(self, layers: Sequence[Any], strength: float, length: float) -> None:
        self.layers, self.strength, self.length = layers, strength, length

    def weight(self, step: Step) -> float:
        """Return kappa/N, the KL weight beside a data term that is a mean."""
        return self.strength * warm_up(step.share, self.length) / step.n_rows

    def add_gradients(self, step: Step) -> None:
        """Add kappa/N dKL."""
        self.add(step, self.layers, kl_gradient)

    def add(self, step: Step, layers: Sequence[Any], gradient: Gradient) -> None:
        """Add kappa/N times a gradient by mu and ln sigma2 to those of some layers."""
        kappa = self.weight(step)
        for layer in layers:
            d_mean, d_log_variance = gradient(layer.mean.value, layer.log_variance.value)
            layer.mean.grad += kappa * d_mean
            layer.log_variance.grad += kappa * d_log_variance


@dataclass(frozen=True)
class LogUniformMethod(Method):
    """What the methods with noise under a log-uniform prior ask for.

    Parameters
    ----------
    strength : float >= 0
        A factor for the KL divergence. 1 is the paper's objective; more prunes more.
    threshold : float
        What has the noise, a weight or a group, is dropped if its ln alpha is at least so large.
    warmup : float in [0, 1]
        The share of the steps over which the KL weight rises to its full value.

    Raises
    ------
    TypeError, ValueError
        If a number is none, or out of range.
    """

    strength: float = 1.0
    threshold: float = 3.0
    warmup: float = 0.5

    def __post_init__(self) -> None:
        as_real(self.strength, "strength", at_least=0)
        as_real(self.threshold, "threshold")
        as_real(self.warmup, "warmup", at_least=0, at_most=1)


@dataclass(frozen=True)
class SparseVD(LogUniformMethod):
    """Train q(w) under the log-uniform prior, prune by ln alpha, fine-tune the means.

    Parameters
    ----------
    strength, threshold, warmup
        As of `LogUniformMethod`.

    Examples
    --------
    >>> from tvbi_ref import datasets, nets
    >>> from tvbi_ref.lab.experiment import Budget
    >>> data, budget = datasets.load_digits(), Budget(epochs=10, fine_tune_epochs=1)
    >>> small = SparseVD(strength=3.0).fit(
    ...     nets.mlp([64, 16, 10], seed=0), data.x_train, data.y_train, budget, seed=0)
    >>> small.n_kept < small.n_weights
    True
    """

    def prune(self, network: Network, problem: Problem) -> Network:
        """Train q(w), then prune where ln alpha >= threshold."""
        descend(network, problem, LogUniformKL(network.weight_layers, self.strength, self.warmup))
        for layer in network.weight_layers:
            layer.prune(log_alpha(layer.mean.value, layer.log_variance.value) < self.threshold)
        return network

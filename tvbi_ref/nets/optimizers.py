"""SGD with momentum, and Adam."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from tvbi_ref._validation import as_real
from tvbi_ref.nets.parameters import Parameter


class Optimizer(Protocol):
    """Something that moves parameters against their gradients."""

    def step(self, learning_rate: float) -> None:
        """Move every parameter once and clip it to its bounds."""


class SGD:
    """Gradient descent with (heavy-ball) momentum: u = momentum u - lr g, theta += u.

    Parameters
    ----------
    parameters : sequence of Parameter
    momentum : float in [0, 1)

    Examples
    --------
    >>> theta = Parameter("theta", np.array([1.0]))
    >>> theta.grad[:] = 2.0
    >>> SGD([theta]).step(0.25)
    >>> theta.value
    array([0.5])
    """

    def __init__(self, parameters: Sequence[Parameter], momentum: float = 0.0) -> None:
        self.parameters = list(parameters)
        self.momentum = as_real(momentum, "momentum", at_least=0, below=1)
        self.velocity = [np.zeros_like(p.value) for p in self.parameters]

    def step(self, learning_rate: float) -> None:
        """Move every parameter once."""
        for p, u in zip(self.parameters, self.velocity, strict=True):
            u *= self.momentum
            u -= learning_rate * p.grad
            p.value += u
            p.clip()


class Adam:
    """Adam (Kingma and Ba, 2015) with bias correction.

    Parameters
    ----------
    parameters : sequence of Parameter
    beta1, beta2 : float in [0, 1)
        Decay of the first and the second moment.
    epsilon : float > 0

    Examples
    --------
    >>> theta = Parameter("theta", np.array([1.0, 1.0]))
    >>> theta.grad[:] = [5.0, -0.01]
    >>> Adam([theta]).step(0.1)
    >>> theta.value.round(4)  # the first step is lr times the sign
    array([0.9, 1.1])
    """

    def __init__(
        self,
        parameters: Sequence[Parameter],
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-8,
    ) -> None:
        self.parameters = list(parameters)
        self.beta1 = as_real(beta1, "beta1", at_least=0, below=1)
        self.beta2 = as_real(beta2, "beta2", at_least=0, below=1)
        self.epsilon = as_real(epsilon, "epsilon", above=0)
        self.first = [np.zeros_like(p.value) for p in self.parameters]
        self.second = [np.zeros_like(p.value) for p in self.parameters]
        self.count = 0

    def step(self, learning_rate: float) -> None:
        """Move every parameter once."""
        self.count += 1
        # Both bias corrections as one factor, so that each array is touched once.
        correction = np.sqrt(1 - self.beta2**self.count) / (1 - self.beta1**self.count)
        rate = float(learning_rate * correction)
        epsilon = float(self.epsilon * np.sqrt(1 - self.beta2**self.count))
        for p, m, v in zip(self.parameters, self.first, self.second, strict=True):
            m += (1 - self.beta1) * (p.grad - m)
            v += (1 - self.beta2) * (p.grad * p.grad - v)
            p.value -= rate * m / (np.sqrt(v) + epsilon)
            p.clip()

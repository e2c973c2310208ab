"""SGD with momentum, and Adam."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np

from tvbi_ref._validation import as_real
from tvbi_ref.nets.kernels import adam_step, flat
from tvbi_ref.nets.parameters import Parameter


class Optimizer(Protocol):
    """Something that moves parameters against their gradients."""

    def step(self, learning_rate: float) -> None:
        """Move every parameter once and clip it to its bounds."""


@runtime_checkable
class ResumableOptimizer(Optimizer, Protocol):
    """An optimizer that a checkpoint can store."""

    def state(self) -> dict[str, Any]:
        """Return all that `step` needs beside the parameters.

        Numbers, texts, arrays, and lists, tuples and dicts of these. The numbers and texts
        that a new optimizer has are its settings: where they differ, so does the run.
        """

    def set_state(self, state: dict[str, Any]) -> None:
        """Put back what `state` returned."""


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

    def state(self) -> dict[str, Any]:
        """Return copies of all that `step` needs beside the parameters."""
        return {"momentum": self.momentum, "velocity": [u.copy() for u in self.velocity]}

    def set_state(self, state: dict[str, Any]) -> None:
        """Put back what `state` returned."""
        self.momentum = state["momentum"]
        for u, value in zip(self.velocity, state["velocity"], strict=True):
            u[...] = value


class Adam:
    """Adam (Kingma and Ba, 2015) with bias correction.

    The arithmetic is `kernels.adam_step`, one pass over the memory of each parameter.

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
        # Both bias corrections as one factor, so that the loop need not know them.
        correction = np.sqrt(1 - self.beta2**self.count) / (1 - self.beta1**self.count)
        rate = float(learning_rate * correction)
        epsilon = float(self.epsilon * np.sqrt(1 - self.beta2**self.count))
        for p, m, v in zip(self.parameters, self.first, self.second, strict=True):
            numbers = (self.beta1, self.beta2, rate, epsilon, *(p.bounds or (-np.inf, np.inf)))
            adam_step(flat(p.value), flat(p.grad), flat(m), flat(v), *numbers)

    def state(self) -> dict[str, Any]:
        """Return copies of all that `step` needs beside the parameters."""
        return {
            **{name: getattr(self, name) for name in ("beta1", "beta2", "epsilon", "count")},
            "first": [m.copy() for m in self.first],
            "second": [v.copy() for v in self.second],
        }

    def set_state(self, state: dict[str, Any]) -> None:
        """Put back what `state` returned."""
        for name in ("beta1", "beta2", "epsilon", "count"):
            setattr(self, name, state[name])
        moments = self.first + self.second
        for kept, value in zip(moments, state["first"] + state["second"], strict=True):
            kept[...] = value

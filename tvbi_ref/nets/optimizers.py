"""SGD with momentum, and Adam."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np

from tvbi_ref._repr import brief
from tvbi_ref._validation import FloatArray, as_real
from tvbi_ref.equations import socket
from tvbi_ref.nets.parameters import Parameter, fill

NOTHING = 1e-17
"""What Adam takes for zero: smaller gradients and first moments.

Beside an epsilon of 1e-8 they move nothing, but their squares are subnormal in float32, and
arithmetic on those is tens of times slower. A moment that decays by a factor never leaves them:
rounded, 0.9 of the smallest number is the smallest number. Dead units would slow down a whole run.
"""

NOTHING_SQUARED = NOTHING**2
"""The same of second moments."""


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

    __repr__ = brief

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
        fill(self.velocity, state["velocity"])


@socket("adam-step")
def adam_step(
    value: FloatArray,
    grad: FloatArray,
    first: FloatArray,
    second: FloatArray,
    beta1: float,
    beta2: float,
    rate: float,
    epsilon: float,
    low: float,
    high: float,
) -> None:
    """Move `value` by one step of Adam and clip it.

    Parameters
    ----------
    value, grad, first, second : ndarray
        Of one shape; the moments `first` and `second` and the value change in place.
    beta1, beta2 : float
        Decay of the moments.
    rate, epsilon : float
        With the bias corrections in them.
    low, high : float
        Bounds of the value; infinite where there is none. A nan stays a nan.

    Examples
    --------
    >>> theta, first, second = np.zeros((3, 2))
    >>> adam_step(theta, np.array([5.0, -5.0]), first, second, 0.0, 0.0, 0.5, 0.0, -0.1, np.inf)
    >>> theta
    array([-0.1,  0.5])
    """
    grad = np.where(abs(grad) < NOTHING, 0, grad)
    first += (1 - beta1) * (grad - first)
    second += (1 - beta2) * (grad * grad - second)
    first[abs(first) < NOTHING] = 0
    second[second < NOTHING_SQUARED] = 0
    value -= rate * first / (np.sqrt(second) + epsilon)
    np.clip(value, low, high, out=value)


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

    NUMBERS = ("beta1", "beta2", "epsilon", "count")

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

    __repr__ = brief

    def step(self, learning_rate: float) -> None:
        """Move every parameter once."""
        self.count += 1
        # Both bias corrections as one factor, so that the loop need not know them.
        correction = np.sqrt(1 - self.beta2**self.count) / (1 - self.beta1**self.count)
        rate = float(learning_rate * correction)
        epsilon = float(self.epsilon * np.sqrt(1 - self.beta2**self.count))
        for p, m, v in zip(self.parameters, self.first, self.second, strict=True):
            numbers = (self.beta1, self.beta2, rate, epsilon, *(p.bounds or (-np.inf, np.inf)))
            adam_step(p.value, p.grad, m, v, *numbers)

    def state(self) -> dict[str, Any]:
        """Return copies of all that `step` needs beside the parameters."""
        moments = {
            "first": [m.copy() for m in self.first],
            "second": [v.copy() for v in self.second],
        }
        return {name: getattr(self, name) for name in self.NUMBERS} | moments

    def set_state(self, state: dict[str, Any]) -> None:
        """Put back what `state` returned."""
        for name in self.NUMBERS:
            setattr(self, name, state[name])
        fill(self.first + self.second, state["first"] + state["second"])

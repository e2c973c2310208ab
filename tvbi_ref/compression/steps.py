"""The layers without weights by name, so that a file and another program can name them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tvbi_ref.nets import AveragePool, Flatten, Layer, LeakyReLU, MaxPool, ReLU, Tanh

STEPS: dict[str, tuple[Callable[..., Layer], tuple[str, ...]]] = {
    "relu": (ReLU, ()),
    "leaky_relu": (LeakyReLU, ("leak",)),
    "tanh": (Tanh, ()),
    "max_pool": (MaxPool, ("size",)),
    "average_pool": (AveragePool, ("size",)),
    "flatten": (Flatten, ()),
}
"""The layers without weights by name, and what each is built with."""


def describe_step(layer: Layer) -> dict[str, Any]:
    """Return name and arguments of a layer without weights, one of `STEPS`.

    Examples
    --------
    >>> describe_step(MaxPool(3))
    {'kind': 'max_pool', 'size': 3}
    """
    kind, arguments = next((k, a) for k, (c, a) in STEPS.items() if type(layer) is c)
    return {"kind": kind} | {name: getattr(layer, name) for name in arguments}


def build_step(description: dict[str, Any]) -> Layer:
    """Return the layer that `describe_step` described.

    Examples
    --------
    >>> build_step({"kind": "leaky_relu", "leak": 0.1}).leak
    0.1
    """
    build, arguments = STEPS[description["kind"]]
    return build(**{name: description[name] for name in arguments})

"""A stack of layers with a likelihood on top."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from tvbi_ref._validation import FloatArray, as_count, as_float_array
from tvbi_ref.nets.layers import Dense, Layer
from tvbi_ref.nets.losses import Loss, SoftmaxCrossEntropy
from tvbi_ref.nets.parameters import Parameter

PREDICT_ROWS = 4096
"""Rows that go through the network at once in prediction: bounds the memory, not the result."""


class Network:
    """Layers in a row and a loss; it knows nothing of priors.

    Parameters
    ----------
    layers : sequence of Layer
    loss : Loss
        The likelihood.
    recipe : dict, optional
        The arguments that build the same architecture again; a checkpoint stores it.

    Attributes
    ----------
    weight_layers : list of Dense
        The layers that carry a weight posterior, input first.

    Examples
    --------
    >>> from tvbi_ref import nets
    >>> net = nets.mlp([4, 3, 2], seed=0)
    >>> net.predict(np.zeros((5, 4))).shape
    (5, 2)
    >>> net
    Network(4 -> 3 -> 2, 18 weights, float32)
    """

    def __init__(
        self, layers: Sequence[Layer], loss: Loss, recipe: dict[str, Any] | None = None
    ) -> None:
        self.layers = list(layers)
        self.loss = loss
        self.recipe = recipe or {}
        self.weight_layers = [layer for layer in self.layers if isinstance(layer, Dense)]
        if not self.weight_layers:
            raise ValueError("layers must hold at least one layer with weights; got none")

    def __repr__(self) -> str:
        widths = " -> ".join(str(width) for width in self.widths)
        kept = "" if self.n_kept == self.n_weights else f"{self.n_kept} of "
        return f"Network({widths}, {kept}{self.n_weights} weights, {self.dtype})"

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type that the network computes in."""
        return self.weight_layers[0].mean.value.dtype

    @property
    def widths(self) -> tuple[int, ...]:
        """Inputs and outputs of the weight layers, (n_inputs, ..., n_outputs)."""
        shapes = [layer.mean.value.shape for layer in self.weight_layers]
        return (shapes[0][0], *(shape[1] for shape in shapes))

    @property
    def n_weights(self) -> int:
        """How many weights there are, pruned ones included, biases not."""
        return sum(layer.mean.value.size for layer in self.weight_layers)

    @property
    def n_kept(self) -> int:
        """How many weights are not pruned, biases not counted."""
        return sum(
            layer.mean.value.size if layer.mask is None else int(layer.mask.sum())
            for layer in self.weight_layers
        )

    def parameters(self) -> list[Parameter]:
        """Return every trainable array, input side first."""
        return [parameter for layer in self.layers for parameter in layer.parameters()]

    def forward(self, x: FloatArray, rng: np.random.Generator | None = None) -> FloatArray:
        """Return the outputs (B, C); with `rng` every weight layer adds its noise."""
        for layer in self.layers:
            x = layer.forward(x, rng)
        return x

    def backward(self, grad: FloatArray) -> FloatArray:
        """Return dL/dx for grad = dL/d output, and fill every parameter's gradient."""
        for layer in reversed(self.layers):
            grad = layer.backward(grad)
        return grad

    def loss_and_gradient(
        self, x: FloatArray, y: NDArray[Any], rng: np.random.Generator | None = None
    ) -> float:
        """Return the mean negative log-likelihood and fill the gradients with its derivative.

        Parameters
        ----------
        x : ndarray (B, I)
        y : ndarray
            Targets as the loss takes them.
        rng : numpy.random.Generator, optional
            With it, one sample of the expectation over q(w), by local reparameterisation.
        """
        output = self.forward(x, rng)
        self.backward(self.loss.gradient(output, y))
        return self.loss.value(output, y)

    def as_inputs(self, x: ArrayLike, name: str = "x") -> FloatArray:
        """Return `x` as (n, n_inputs) in the network's dtype, or say what is wrong with it."""
        array = as_float_array(x, name, ndim=2, dtype=self.dtype)
        if array.shape[1] != self.widths[0]:
            raise ValueError(
                f"{name} must have {self.widths[0]} features, the network's inputs; "
                f"got shape {array.shape}"
            )
        return array

    def as_targets(self, y: ArrayLike, n_rows: int) -> NDArray[Any]:
        """Return `y` as the likelihood takes it, or say what is wrong with it."""
        return self.loss.as_targets(y, n_rows, self.widths[-1], self.dtype)

    def predict(self, x: ArrayLike, rng: np.random.Generator | None = None) -> FloatArray:
        """Return the outputs (logits or means) for rows of `x`.

        Parameters
        ----------
        x : array_like (n, n_inputs)
        rng : numpy.random.Generator, optional
            With it, one sample of the posterior predictive.

        Returns
        -------
        ndarray (n, n_outputs)
        """
        rows = self.as_inputs(x)
        parts = [
            self.forward(rows[start : start + PREDICT_ROWS], rng)
            for start in range(0, len(rows), PREDICT_ROWS)
        ]
        return np.concatenate(parts)

    def predict_proba(
        self, x: ArrayLike, *, samples: int = 0, rng: np.random.Generator | None = None
    ) -> FloatArray:
        """Return class probabilities (n, C), rows summing to 1.

        Parameters
        ----------
        x : array_like (n, n_inputs)
        samples : int
            0: with the posterior means. More: averaged over so many draws of the noise.
        rng : numpy.random.Generator, optional
            For the draws; needed if `samples` is not 0.

        Raises
        ------
        TypeError
            If the likelihood is not categorical, or the draws lack a generator.

        Examples
        --------
        >>> from tvbi_ref import nets
        >>> p = nets.mlp([4, 3, 2], seed=0).predict_proba(np.zeros((1, 4)))
        >>> bool(np.isclose(p.sum(), 1))
        True
        """
        if not isinstance(self.loss, SoftmaxCrossEntropy):
            raise TypeError(f"predict_proba needs a categorical likelihood; got {self.loss!r}")
        if as_count(samples, "samples") == 0:
            return self.loss.probabilities(self.predict(x))
        if rng is None:
            raise TypeError("rng must be a numpy Generator when samples > 0; got None")
        draws = (self.loss.probabilities(self.predict(x, rng)) for _ in range(samples))
        return np.asarray(sum(draws)) / samples

    def score(self, x: ArrayLike, y: ArrayLike) -> float:
        """Return the accuracy, or the root mean square error, at the posterior means."""
        output = self.predict(x)
        return self.loss.score(output, self.as_targets(y, len(output)))

    def refit_likelihood(
        self, x: FloatArray, y: NDArray[Any], rng: np.random.Generator | None = None
    ) -> None:
        """Let the likelihood update what it learns itself, from a pass over all rows.

        A likelihood that learns nothing costs no pass.
        """
        if self.loss.learns:
            self.loss.refit(self.forward(x, rng), y)

    def state(self) -> list[FloatArray]:
        """Return copies of every parameter's value."""
        return [parameter.value.copy() for parameter in self.parameters()]

    def set_state(self, values: Sequence[FloatArray]) -> None:
        """Put back what `state` returned."""
        for parameter, value in zip(self.parameters(), values, strict=True):
            parameter.value[...] = value

    def copy(self) -> Network:
        """Return an independent copy."""
        return copy.deepcopy(self)

    def astype(self, dtype: DTypeLike) -> Network:
        """Return a copy that computes in `dtype`; float64 for gradient checks.

        Examples
        --------
        >>> from tvbi_ref import nets
        >>> nets.mlp([4, 2], seed=0).astype(np.float64).dtype
        dtype('float64')
        """
        twin = self.copy()
        for parameter in twin.parameters():
            parameter.value = parameter.value.astype(dtype)
            parameter.grad = np.zeros_like(parameter.value)
        return twin


def minibatches(
    n_rows: int, batch_size: int, rng: np.random.Generator
) -> Iterator[NDArray[np.intp]]:
    """Yield the row numbers of one epoch in random order, `batch_size` at a time.

    Examples
    --------
    >>> sorted(len(rows) for rows in minibatches(10, 4, np.random.default_rng(0)))
    [2, 4, 4]
    """
    order = rng.permutation(n_rows)
    for start in range(0, n_rows, batch_size):
        yield order[start : start + batch_size]

"""A stack of layers with a likelihood on top."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from tvbi_ref._validation import FloatArray, as_count, as_float_array, border, border_of_layer
from tvbi_ref.nets.halves import blas_at_rest
from tvbi_ref.nets.layers import Dense, Layer, WeightLayer
from tvbi_ref.nets.losses import Loss, SoftmaxCrossEntropy
from tvbi_ref.nets.parameters import Parameter, fill
from tvbi_ref.nets.row_weights import as_arguments
from tvbi_ref.nets.shapes import as_sizes

PREDICT_ROWS = 4096
"""Rows that go through the network at once in prediction: bounds the memory, not the result."""

PREDICT_IMAGES = 256
"""The same for images, of which the layers of a convolutional network hold many copies."""


class Network:
    """Layers in a row and a loss; it knows nothing of priors.

    Parameters
    ----------
    layers : sequence of Layer
    loss : Loss
        The likelihood.
    recipe : dict, optional
        The arguments that build the same architecture again; a checkpoint stores it.
    input_shape : (C, H, W), optional
        Of the images that a convolutional network is made for. A network that knows it also
        takes images as rows (n, C H W), as data sets hold them; one that does not takes rows
        of features if its first weight layer is dense, else images of any size.

    Attributes
    ----------
    weight_layers : list of WeightLayer
        The layers that carry a weight posterior, input first.

    Raises
    ------
    ValueError
        If no layer has weights, or an image of `input_shape` does not pass through the layers
        and come out as a row.

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
        self,
        layers: Sequence[Layer],
        loss: Loss,
        recipe: dict[str, Any] | None = None,
        input_shape: Sequence[int] | None = None,
    ) -> None:
        self.layers = list(layers)
        self.loss = loss
        self.recipe = recipe or {}
        self.weight_layers = [layer for layer in self.layers if isinstance(layer, WeightLayer)]
        if not self.weight_layers:
            raise ValueError("layers must hold at least one layer with weights; got none")
        self.input_shape: tuple[int, ...] | None = None
        if input_shape is not None:
            self.input_shape = as_sizes(input_shape, "input_shape", "CHW")
            self._try_out(self.input_shape)

    def _try_out(self, input_shape: tuple[int, ...]) -> None:
        """Pass one image through, so that layers that do not fit are found here and not later."""
        output = self.forward(np.zeros((1, *input_shape), self.dtype))
        if output.shape != (1, self.widths[-1]):
            raise ValueError(
                f"layers must end in rows of {self.widths[-1]} outputs; an image {input_shape} "
                f"comes out in the shape {output.shape[1:]}"
            )

    def __repr__(self) -> str:
        inputs = self.input_shape or self.widths[:1]
        widths = " -> ".join(["x".join(map(str, inputs)), *map(str, self.widths[1:])])
        kept = "" if self.n_kept == self.n_weights else f"{self.n_kept} of "
        return f"Network({widths}, {kept}{self.n_weights} weights, {self.dtype})"

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type that the network computes in."""
        return self.weight_layers[0].mean.value.dtype

    @property
    def widths(self) -> tuple[int, ...]:
        """Inputs and outputs of the weight layers, (n_inputs, ..., n_outputs).

        Those of a convolution are channels.
        """
        pairs = [layer.widths for layer in self.weight_layers]
        return (pairs[0][0], *(n_outputs for _, n_outputs in pairs))

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

    @border_of_layer
    def forward(self, x: FloatArray, rng: np.random.Generator | None = None) -> FloatArray:
        """Return the outputs (B, C); with `rng` every weight layer adds its noise."""
        with self._threads():
            for layer in self.layers:
                x = layer.forward(x, rng)
        return x

    def _threads(self) -> AbstractContextManager[Any]:
        """Convolutions compute in halves; dense layers alone leave threads to the BLAS."""
        images = any(layer.mean.value.ndim == 4 for layer in self.weight_layers)
        return blas_at_rest() if images else nullcontext()

    @border_of_layer
    def backward(self, grad: FloatArray) -> FloatArray:
        """Return dL/dx for grad = dL/d output, and fill every parameter's gradient."""
        with self._threads():
            for layer in reversed(self.layers):
                grad = layer.backward(grad)
        return grad

    @border_of_layer
    def fill_gradients(self, grad: FloatArray) -> None:
        """Do what `backward` does without dL/dx: what training needs, and no more."""
        first = self.layers.index(self.weight_layers[0])
        self.weight_layers[0].needs_dx = False
        try:
            with self._threads():
                for layer in reversed(self.layers[first:]):
                    grad = layer.backward(grad)
        finally:
            self.weight_layers[0].needs_dx = True

    @border
    def loss_and_gradient(
        self,
        x: FloatArray,
        y: NDArray[Any],
        rng: np.random.Generator | None = None,
        share: FloatArray | None = None,
    ) -> float:
        """Return the mean negative log-likelihood and fill the gradients with its derivative.

        Parameters
        ----------
        x : ndarray (B, I) or (B, C, H, W)
        y : ndarray
            Targets as the loss takes them.
        rng : numpy.random.Generator, optional
            With it, one sample of the expectation over q(w), by local reparameterisation.
        share : ndarray (B,), optional
            A factor for every row's term of the mean, see `tvbi_ref.nets.row_weights`.
        """
        output = self.forward(x, rng)
        rows = as_arguments(share)
        self.fill_gradients(self.loss.gradient(output, y, *rows))
        return self.loss.value(output, y, *rows)

    @border
    def as_inputs(self, x: ArrayLike, name: str = "x") -> FloatArray:
        """Return `x` as the first layer takes it, in the network's dtype, or say what is wrong.

        Parameters
        ----------
        x : array_like
            (n, n_inputs), or images (n, C, H, W); with an `input_shape` also rows (n, C H W).
        name : str
            For the message.
        """
        array = as_float_array(x, name, dtype=self.dtype)
        if self.input_shape is not None:
            return self._as_images(array, name)
        wanted = "n, features" if isinstance(self.weight_layers[0], Dense) else "n, channels, H, W"
        if array.ndim != len(wanted.split(",")) or array.shape[1] != self.widths[0]:
            raise ValueError(
                f"{name} must have shape ({wanted}) with {self.widths[0]} {wanted.split(', ')[1]}, "
                f"the network's inputs; got {array.shape}"
            )
        return array

    def _as_images(self, array: FloatArray, name: str) -> FloatArray:
        """Return images, or rows that hold one each, as (n, *input_shape)."""
        assert self.input_shape is not None
        n_pixels = math.prod(self.input_shape)
        if array.shape[1:] not in (self.input_shape, (n_pixels,)):
            sides = ", ".join(map(str, self.input_shape))
            raise ValueError(
                f"{name} must hold images (n, {sides}), or rows (n, {n_pixels}) of their pixels; "
                f"got shape {array.shape}"
            )
        return array.reshape(-1, *self.input_shape)

    @border
    def as_targets(self, y: ArrayLike, n_rows: int) -> NDArray[Any]:
        """Return `y` as the likelihood takes it, or say what is wrong with it."""
        return self.loss.as_targets(y, n_rows, self.widths[-1], self.dtype)

    def predict(self, x: ArrayLike, rng: np.random.Generator | None = None) -> FloatArray:
        """Return the outputs (logits or means) for rows of `x`.

        Parameters
        ----------
        x : array_like (n, n_inputs) or (n, C, H, W)
            As in `as_inputs`.
        rng : numpy.random.Generator, optional
            With it, one sample of the posterior predictive.

        Returns
        -------
        ndarray (n, n_outputs)
        """
        return self._forward_in_parts(self.as_inputs(x), rng)

    def _forward_in_parts(self, x: FloatArray, rng: np.random.Generator | None) -> FloatArray:
        """Return `forward` of so many rows or images that they must not pass all at once."""
        size = PREDICT_ROWS if x.ndim == 2 else PREDICT_IMAGES
        parts = [self.forward(x[start : start + size], rng) for start in range(0, len(x), size)]
        return np.concatenate(parts)

    def predict_proba(
        self, x: ArrayLike, *, samples: int = 0, rng: np.random.Generator | None = None
    ) -> FloatArray:
        """Return class probabilities (n, C), rows summing to 1.

        Parameters
        ----------
        x : array_like (n, n_inputs) or (n, C, H, W)
            As in `as_inputs`.
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

    @border
    def refit_likelihood(
        self,
        x: FloatArray,
        y: NDArray[Any],
        rng: np.random.Generator | None = None,
        sample_weight: FloatArray | None = None,
    ) -> None:
        """Let the likelihood update what it learns itself, from a pass over all rows.

        A likelihood that learns nothing costs no pass.
        """
        if self.loss.learns:
            self.loss.refit(self._forward_in_parts(x, rng), y, *as_arguments(sample_weight))

    def state(self) -> list[FloatArray]:
        """Return copies of every parameter's value."""
        return [parameter.value.copy() for parameter in self.parameters()]

    @border
    def set_state(self, values: Sequence[FloatArray]) -> None:
        """Put back what `state` returned."""
        fill([parameter.value for parameter in self.parameters()], values)

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

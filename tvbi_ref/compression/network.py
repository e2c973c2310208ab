"""A pruned network, physically small: predictions, their uncertainty, and its size."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import logsumexp

from tvbi_ref._validation import (
    FloatArray,
    as_count,
    as_float_array,
    as_real,
    border,
    border_of_layer,
)
from tvbi_ref.compression.formats import format_names
from tvbi_ref.compression.layers import SparseConv, SparseLayer, sparse_network
from tvbi_ref.compression.predictive import (
    Entropy,
    Interval,
    log_density,
    noise_of,
    quantiles,
    split_entropy,
)
from tvbi_ref.nets import GaussianLikelihood, Layer, Loss, Network, SoftmaxCrossEntropy


@dataclass(frozen=True, eq=False)
class CompressedNetwork:
    """A network of what pruning has left: few units, sparse weights, their posterior variances.

    `compress` makes it. It takes the inputs that the whole network took, and drops those that
    nobody reads itself.

    Parameters
    ----------
    layers : tuple of SparseDense, SparseConv, or layers of `tvbi_ref.nets` without weights
    loss : SoftmaxCrossEntropy or GaussianLikelihood
    kept_inputs : ndarray of bool (n_inputs,) or (C,)
        Which features, or channels of images, are read.
    input_shape : (C, H, W) or None
        Of the images that the whole network was made for, see `tvbi_ref.nets.Network`.

    Raises
    ------
    TypeError, ValueError
        If the likelihood is another, no layer has weights, or `kept_inputs` is not that.

    Examples
    --------
    >>> from tvbi_ref import compress, nets
    >>> net = nets.mlp([4, 3, 2], seed=0)
    >>> net.weight_layers[0].prune(np.eye(4, 3) > 0)
    >>> small = compress(net)
    >>> small
    CompressedNetwork(3 of 4 -> 3 -> 2, 9 weights, 5 biases, clusters, ... bytes)
    >>> small.check_against(net, np.ones((5, 4))) < 1e-6
    True
    """

    layers: tuple[SparseLayer | Layer, ...]
    loss: Loss
    kept_inputs: NDArray[np.bool_]
    input_shape: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        if type(self.loss) not in (SoftmaxCrossEntropy, GaussianLikelihood):
            raise TypeError(
                "loss must be a SoftmaxCrossEntropy or a GaussianLikelihood for a network to be "
                f"compressed; got {self.loss!r}"
            )
        if not self.weight_layers:
            raise ValueError("layers must hold at least one layer with weights; got none")
        if self.kept_inputs.dtype != bool or self.kept_inputs.ndim != 1:
            raise ValueError(
                f"kept_inputs must be one row of bool; got {self.kept_inputs.dtype} "
                f"{self.kept_inputs.shape}"
            )

    def __repr__(self) -> str:
        inputs, dropped = int(self.kept_inputs.sum()), not self.kept_inputs.all()
        first = f"{inputs} of {self.kept_inputs.size}" if dropped else f"{inputs}"
        widths = " -> ".join([first, *map(str, self.widths[1:])])
        return (
            f"CompressedNetwork({widths}, {self.n_weights} weights, {self.n_biases} biases, "
            f"{' and '.join(dict.fromkeys(self.formats))}, {self.nbytes} bytes)"
        )

    # Size

    @property
    def weight_layers(self) -> list[SparseLayer]:
        """The layers with weights, input first."""
        return [layer for layer in self.layers if isinstance(layer, SparseLayer)]

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type that the network computes in."""
        return self.weight_layers[0].bias.dtype

    @property
    def inputs(self) -> NDArray[np.intp]:
        """The numbers of the features, or of the channels, that are read."""
        return np.flatnonzero(self.kept_inputs)

    @property
    def input_sides(self) -> tuple[int | str, ...]:
        """Of one input, (n_inputs,) or (C, H, W); "H" and "W" where images are of any size."""
        if self.input_shape is not None:
            return self.input_shape
        n = self.kept_inputs.size
        return (n, "H", "W") if isinstance(self.weight_layers[0], SparseConv) else (n,)

    @property
    def widths(self) -> tuple[int, ...]:
        """Units that are left: inputs, and outputs of every weight layer; channels of images."""
        return (self.inputs.size, *(layer.widths[1] for layer in self.weight_layers))

    @property
    def formats(self) -> list[str]:
        """The name of every weight layer's format, see `formats.FORMATS`."""
        return [layer.format for layer in self.weight_layers]

    @property
    def n_weights(self) -> int:
        """How many weights are left."""
        return sum(layer.weights.kept for layer in self.weight_layers)

    @property
    def n_biases(self) -> int:
        """How many biases are left."""
        return sum(self.widths[1:])

    @property
    def n_parameters(self) -> int:
        """How many weights and biases are left."""
        return self.n_weights + self.n_biases

    @property
    def nbytes(self) -> int:
        """Bytes for predictions: weights, places, biases; a bit an input, unless all are read."""
        inputs = 0 if self.kept_inputs.all() else np.packbits(self.kept_inputs).size
        return inputs + sum(layer.nbytes for layer in self.weight_layers)

    @property
    def uncertainty_nbytes(self) -> int:
        """Bytes that its uncertainty needs on top: one for each weight, mostly."""
        return sum(layer.uncertainty_nbytes for layer in self.weight_layers)

    # Prediction

    @border
    def as_inputs(self, x: ArrayLike, name: str = "x") -> FloatArray:
        """Return `x`, as the whole network took it, in the form the first layer takes.

        Parameters
        ----------
        x : array_like
            (n, n_inputs), or images (n, C, H, W); with an `input_shape` also rows (n, C H W).
        name : str
            For the message.
        """
        sides = self.input_sides
        array = as_float_array(x, name, dtype=self.dtype)
        if self.input_shape and array.shape[1:] == (math.prod(self.input_shape),):
            array = array.reshape(-1, *self.input_shape)
        pairs = zip(array.shape[1:], sides, strict=False)
        alike = all(isinstance(side, str) or n == side for n, side in pairs)
        if array.ndim != 1 + len(sides) or not alike:
            rows = f", or rows (n, {math.prod(self.input_shape)})" if self.input_shape else ""
            wanted = ", ".join(map(str, ("n", *sides)))
            raise ValueError(f"{name} must have shape ({wanted}){rows}; got {array.shape}")
        return array if self.kept_inputs.all() else array[:, self.kept_inputs]

    @border_of_layer
    def forward(self, x: FloatArray) -> FloatArray:
        """Return the outputs (B, n_outputs) for inputs as `as_inputs` returns them."""
        return sparse_network(self.layers, x.astype(self.dtype, copy=False))

    def predict(self, x: ArrayLike) -> FloatArray:
        """Return the outputs (logits or means) at the posterior means, (n, n_outputs).

        Parameters
        ----------
        x : array_like (n, n_inputs) or (n, C, H, W)
            As in `as_inputs`, here and below.
        """
        return self.forward(self.as_inputs(x))

    def predict_proba(self, x: ArrayLike, *, draws: int = 0, seed: int = 0) -> FloatArray:
        """Return class probabilities (n, C), rows summing to 1.

        Parameters
        ----------
        x : array_like (n, n_inputs) or (n, C, H, W)
        draws, seed : int
            0: with the posterior means. More: averaged over so many networks, see `sample`.

        Raises
        ------
        TypeError
            If the likelihood is not categorical.
        """
        loss = self._categorical("predict_proba")
        if as_count(draws, "draws") == 0:
            return loss.probabilities(self.predict(x))
        outputs = self._outputs(x, draws, seed)
        return np.asarray(sum(loss.probabilities(z) / draws for z in outputs))

    def predict_entropy(self, x: ArrayLike, *, draws: int = 100, seed: int = 0) -> Entropy:
        """Return how uncertain a classification is, and how much of that is for lack of data.

        Parameters
        ----------
        x : array_like (n, n_inputs) or (n, C, H, W)
        draws, seed : int
            Networks drawn from the posterior, at least one.

        Raises
        ------
        TypeError
            If the likelihood is not categorical.

        Examples
        --------
        >>> from tvbi_ref import compress, nets
        >>> entropy = compress(nets.mlp([4, 2], seed=0)).predict_entropy(np.ones((1, 4)))
        >>> bool(0 < entropy.knowledge[0] < entropy.total[0] <= np.log(2))
        True
        """
        loss = self._categorical("predict_entropy")
        as_count(draws, "draws", at_least=1)
        outputs = self._outputs(x, draws, seed)
        return split_entropy(loss.probabilities(z.astype(np.float64)) for z in outputs)

    def predict_interval(
        self, x: ArrayLike, level: float = 0.9, *, draws: int = 200, seed: int = 0
    ) -> Interval:
        """Return the interval that holds a new target with probability `level`, of a regression.

        It leaves out (1 - level) / 2 on either side of p(y | x), the mean over q(w) of the
        Gaussian likelihood; where the noise precision has a Gamma posterior, of a Student-t.

        Parameters
        ----------
        x : array_like (n, n_inputs) or (n, C, H, W)
        level : float in (0, 1)
        draws, seed : int
            Networks drawn from the posterior, at least one.

        Raises
        ------
        TypeError
            If the likelihood is not Gaussian.

        Examples
        --------
        >>> from tvbi_ref import compress, nets
        >>> net = nets.mlp([4, 1], seed=0, likelihood="gaussian", noise=1.0)
        >>> lower, upper = compress(net).predict_interval(np.zeros((1, 4)), level=0.95)
        >>> upper.round(2)  # all that is uncertain at 0 is the noise
        array([[1.96]])
        """
        noise = noise_of(self.loss, "predict_interval")
        as_real(level, "level", above=0, below=1)
        as_count(draws, "draws", at_least=1)
        means = np.array(list(self._outputs(x, draws, seed)), np.float64)
        return Interval(*quantiles(means, noise, ((1 - level) / 2, (1 + level) / 2)))

    @property
    def noise_variance(self) -> float:
        """Of a regression's noise: b/(a - 1) for a precision of Ga(a, b), infinite where a <= 1."""
        variance = float(noise_of(self.loss, "noise_variance").var())
        return math.inf if math.isnan(variance) else variance

    def score(self, x: ArrayLike, y: ArrayLike) -> float:
        """Return the accuracy, or the root mean square error, at the posterior means."""
        output = self.predict(x)
        return self.loss.score(
            output, self.loss.as_targets(y, len(output), self.widths[-1], self.dtype)
        )

    def log_likelihood(self, x: ArrayLike, y: ArrayLike, *, draws: int = 0, seed: int = 0) -> float:
        """Return the mean of ln p(y | x) over the rows, what a calibrated prediction maximises.

        Parameters
        ----------
        x : array_like (n, n_inputs) or (n, C, H, W)
        y : array_like
            Labels (n,), or targets (n, n_outputs).
        draws, seed : int
            p(y | x) is averaged over so many networks drawn from q(w); 0 for the one network at
            the posterior means.

        Examples
        --------
        >>> from tvbi_ref import compress, nets
        >>> small = compress(nets.mlp([4, 2], seed=0))
        >>> round(small.log_likelihood(np.zeros((3, 4)), [0, 1, 1]), 3)  # ln 1/2
        -0.693
        """
        drawn = as_count(draws, "draws") > 0
        outputs = list(self._outputs(x, draws, seed)) if drawn else [self.predict(x)]
        targets = self.loss.as_targets(y, len(outputs[0]), self.widths[-1], self.dtype)
        densities = [log_density(self.loss, z.astype(np.float64), targets) for z in outputs]
        return float(np.mean(logsumexp(densities, axis=0) - math.log(len(outputs))))

    def check_against(self, network: Network, x: ArrayLike) -> float:
        """Return the largest difference from another network's outputs on `x`.

        The other is the pruned network that this one was made from, or has a `predict` too.
        """
        if not hasattr(network, "predict"):
            raise TypeError(f"network must have a predict; got {type(network).__name__}")
        mine, theirs = self.predict(x), network.predict(x)
        if mine.shape != theirs.shape:
            raise ValueError(
                f"network must have outputs of shape {mine.shape} for x; got {theirs.shape}"
            )
        return float(np.abs(mine - theirs).max())

    def sample(self, rng: np.random.Generator) -> CompressedNetwork:
        """Return one network drawn from the posterior, in the format "dense".

        Every weight that is left is drawn from its N(mean, variance); the same network then
        predicts for all inputs, as a function, where `Network.predict` with a generator draws
        anew for every input, and in a convolution for every pixel.
        """
        if not isinstance(rng, np.random.Generator):
            raise TypeError(f"rng must be a numpy.random.Generator; got {rng!r}")
        return self.with_layers([layer.sample(rng) for layer in self.weight_layers])

    def _outputs(self, x: ArrayLike, draws: int, seed: int) -> Iterator[FloatArray]:
        """Yield the outputs of networks drawn from the posterior."""
        rng = np.random.default_rng(as_count(seed, "seed"))
        dense = self.with_format("dense")  # once, not anew for every draw
        for _ in range(draws):
            yield dense.sample(rng).predict(x)

    def _categorical(self, what: str) -> SoftmaxCrossEntropy:
        if not isinstance(self.loss, SoftmaxCrossEntropy):
            raise TypeError(f"{what} needs a categorical likelihood; got {self.loss!r}")
        return self.loss

    # Forms

    def with_format(self, format: str | Sequence[str]) -> CompressedNetwork:
        """Return the same network with its weights in another format, see `format_names`.

        Examples
        --------
        >>> from tvbi_ref import compress, nets
        >>> compress(nets.mlp([4, 3, 2], seed=0)).with_format(["clusters", "dense"]).formats
        ['clusters', 'dense']
        """
        names = format_names(format, len(self.weight_layers))
        pairs = zip(self.weight_layers, names, strict=True)
        return self.with_layers([layer.with_format(name) for layer, name in pairs])

    def with_weights(self, weights: Sequence[FloatArray]) -> CompressedNetwork:
        """Return the same network with other weights, rounded ones say, in the same formats.

        They are one matrix for each weight layer, as ``layer.weights.to_dense()`` returns it; see
        `SparseLayer.with_weights`.

        Examples
        --------
        >>> from tvbi_ref import compress, nets
        >>> small = compress(nets.mlp([4, 3, 2], seed=0))
        >>> rounded = [layer.weights.to_dense().round() for layer in small.weight_layers]
        >>> small.n_weights, small.with_weights(rounded).n_weights
        (18, 6)
        """
        if len(weights) != len(self.weight_layers):
            raise ValueError(
                f"weights must be {len(self.weight_layers)} matrices, one for each weight layer; "
                f"got {len(weights)}"
            )
        pairs = zip(self.weight_layers, weights, strict=True)
        return self.with_layers([layer.with_weights(matrix) for layer, matrix in pairs])

    def with_layers(self, weight_layers: Iterable[SparseLayer]) -> CompressedNetwork:
        """Return the same network with other weight layers, one for each; the steps stay.

        Examples
        --------
        >>> from tvbi_ref import compress, nets
        >>> small = compress(nets.mlp([4, 3, 2], seed=0))
        >>> doubled = (replace(layer, bias=layer.bias + 1) for layer in small.weight_layers)
        >>> small.with_layers(doubled).weight_layers[1].bias
        array([1., 1.], dtype=float32)
        """
        new = iter(weight_layers)
        layers = (next(new) if isinstance(old, SparseLayer) else old for old in self.layers)
        return replace(self, layers=tuple(layers))


def as_compressed(network: Any) -> CompressedNetwork:
    """Return `network` if it is a compressed one, or say what came.

    Examples
    --------
    >>> as_compressed(3)
    Traceback (most recent call last):
    TypeError: network must be a CompressedNetwork; got 3
    """
    if not isinstance(network, CompressedNetwork):
        raise TypeError(f"network must be a CompressedNetwork; got {network!r}")
    return network

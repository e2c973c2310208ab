"""A pruned network, physically small: predictions, their uncertainty, and its size."""

from __future__ import annotations

import copy
import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import entr, log_softmax, logsumexp

from tvbi_ref._validation import FloatArray, as_choice, as_count, as_float_array, as_real
from tvbi_ref.compression.formats import FORMATS, Format
from tvbi_ref.compression.layers import (
    ByteVariances,
    SparseConv,
    SparseDense,
    SparseLayer,
    build_step,
    describe_step,
    sparse_network,
)
from tvbi_ref.compression.pruning import prune
from tvbi_ref.compression.shrinking import UnitWeights, from_units, shrink
from tvbi_ref.nets import (
    Conv2D,
    GaussianLikelihood,
    Layer,
    Loss,
    Network,
    SoftmaxCrossEntropy,
    WeightLayer,
)
from tvbi_ref.turbo import TurboResult

if TYPE_CHECKING:
    from tvbi_ref.compression.report import CompressionReport

SHARE = 50
"""So many errors a drawn network gets to show where its targets lie."""


class Interval(NamedTuple):
    """Where a target lies with the probability that was asked for, (n, n_outputs) each."""

    lower: FloatArray
    upper: FloatArray


class Entropy(NamedTuple):
    """What a classifier does not know, in nats, (n,) each; total = noise + knowledge.

    `total` is the entropy of the prediction. `noise` is what would be left of it if the weights
    were known, the mean entropy of the networks drawn; `knowledge`, the mutual information of
    label and weights, is what more data would take away.
    """

    total: FloatArray
    noise: FloatArray
    knowledge: FloatArray


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
    >>> from tvbi_ref import nets
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
    input_shape: tuple[int, int, int] | None = None

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
        formats = dict.fromkeys(self.formats)
        return (
            f"CompressedNetwork({widths}, {self.n_weights} weights, {self.n_biases} biases, "
            f"{' and '.join(formats)}, {self.nbytes} bytes)"
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
        """Of one input as the whole network took it, (n_inputs,) or (C, H, W).

        Where the network takes images of any size, "H" and "W" stand for their sides.
        """
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
        """The name of every weight layer's format."""
        return [format_name(layer.weights) for layer in self.weight_layers]

    @property
    def n_weights(self) -> int:
        """How many weights are left."""
        return sum(layer.weights.kept for layer in self.weight_layers)

    @property
    def n_biases(self) -> int:
        """How many biases are left."""
        return sum(layer.bias.size for layer in self.weight_layers)

    @property
    def n_parameters(self) -> int:
        """How many weights and biases are left."""
        return self.n_weights + self.n_biases

    @property
    def nbytes(self) -> int:
        """Bytes that a prediction needs: weights, their places, biases, and which inputs are read.

        The last takes a bit for each input, and nothing if all are read.
        """
        inputs = 0 if self.kept_inputs.all() else np.packbits(self.kept_inputs).size
        return inputs + sum(layer.nbytes for layer in self.weight_layers)

    @property
    def uncertainty_nbytes(self) -> int:
        """Bytes that its uncertainty needs on top: one for each weight, mostly."""
        return sum(layer.uncertainty_nbytes for layer in self.weight_layers)

    # Prediction

    def as_inputs(self, x: ArrayLike, name: str = "x") -> FloatArray:
        """Return `x`, as the whole network took it, in the form the first layer takes.

        Parameters
        ----------
        x : array_like
            (n, n_inputs), or images (n, C, H, W); with an `input_shape` also rows (n, C H W).
        name : str
            For the message.

        Returns
        -------
        ndarray
            With the inputs that are read, and no others.
        """
        sides = self.input_sides
        array = as_float_array(x, name, dtype=self.dtype)
        if self.input_shape and array.shape[1:] == (math.prod(self.input_shape),):
            array = array.reshape(-1, *self.input_shape)
        if not _fits(array.shape[1:], sides):
            rows = f", or rows (n, {math.prod(self.input_shape)})" if self.input_shape else ""
            wanted = ", ".join(map(str, ("n", *sides)))
            raise ValueError(f"{name} must have shape ({wanted}){rows}; got {array.shape}")
        return array if self.kept_inputs.all() else array[:, self.kept_inputs]

    def forward(self, x: FloatArray) -> FloatArray:
        """Return the outputs (B, n_outputs) for inputs as `as_inputs` returns them."""
        return sparse_network(self.layers, x.astype(self.dtype, copy=False))

    def predict(self, x: ArrayLike) -> FloatArray:
        """Return the outputs (logits or means) at the posterior means.

        Parameters
        ----------
        x : array_like (n, n_inputs) or (n, C, H, W)
            As in `as_inputs`.

        Returns
        -------
        ndarray (n, n_outputs)
        """
        return self.forward(self.as_inputs(x))

    def predict_proba(self, x: ArrayLike, *, draws: int = 0, seed: int = 0) -> FloatArray:
        """Return class probabilities (n, C), rows summing to 1.

        Parameters
        ----------
        x : array_like (n, n_inputs) or (n, C, H, W)
        draws : int
            0: with the posterior means. More: averaged over so many networks, see `sample`.
        seed : int
            Of the draws.

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
        draws : int
            Networks drawn from the posterior, at least one.
        seed : int
            Of the draws.

        Returns
        -------
        Entropy

        Raises
        ------
        TypeError
            If the likelihood is not categorical.

        Examples
        --------
        >>> from tvbi_ref import nets
        >>> entropy = compress(nets.mlp([4, 2], seed=0)).predict_entropy(np.ones((1, 4)))
        >>> bool(0 < entropy.knowledge[0] < entropy.total[0] <= np.log(2))
        True
        """
        loss = self._categorical("predict_entropy")
        as_count(draws, "draws", at_least=1)
        n = len(self.as_inputs(x))
        mean, noise = np.zeros((n, self.widths[-1])), np.zeros(n)
        for z in self._outputs(x, draws, seed):
            p = loss.probabilities(z.astype(np.float64))
            mean += p / draws
            noise += entr(p).sum(axis=1) / draws
        total = entr(mean).sum(axis=1)
        return Entropy(total, noise, total - noise)

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
        draws : int
            Networks drawn from the posterior, at least one.
        seed : int
            Of the draws.

        Returns
        -------
        Interval

        Raises
        ------
        TypeError
            If the likelihood is not Gaussian.

        Examples
        --------
        >>> from tvbi_ref import nets
        >>> net = nets.mlp([4, 1], seed=0, likelihood="gaussian", noise=1.0)
        >>> lower, upper = compress(net).predict_interval(np.zeros((1, 4)), level=0.95)
        >>> upper.round(2)  # all that is uncertain at 0 is the noise
        array([[1.96]])
        """
        noise = self._noise("predict_interval")
        as_real(level, "level", above=0, below=1)
        as_count(draws, "draws", at_least=1)
        means = np.array(list(self._outputs(x, draws, seed)), np.float64)
        return Interval(*_quantiles(means, noise, ((1 - level) / 2, (1 + level) / 2)))

    @property
    def noise_variance(self) -> float:
        """The variance of the noise in a regression; infinite where its posterior has none.

        That is b/(a - 1) for a posterior Ga(a, b) of its precision.
        """
        variance = float(self._noise("noise_variance").var())
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
        draws : int
            p(y | x) is averaged over so many networks drawn from q(w); 0 for the one network at
            the posterior means.
        seed : int
            Of the draws.

        Examples
        --------
        >>> from tvbi_ref import nets
        >>> small = compress(nets.mlp([4, 2], seed=0))
        >>> round(small.log_likelihood(np.zeros((3, 4)), [0, 1, 1]), 3)  # ln 1/2
        -0.693
        """
        means = [self.predict(x)]
        if as_count(draws, "draws"):
            means = list(self._outputs(x, draws, seed))
        targets = self.loss.as_targets(y, len(means[0]), self.widths[-1], self.dtype)
        densities = [self._log_density(mean.astype(np.float64), targets) for mean in means]
        return float(np.mean(logsumexp(densities, axis=0) - math.log(len(densities))))

    def _log_density(self, mean: FloatArray, y: NDArray[Any]) -> FloatArray:
        """Return ln p(y | output) of every row."""
        if isinstance(self.loss, SoftmaxCrossEntropy):
            return log_softmax(mean, axis=1)[np.arange(len(y)), y]
        density: FloatArray = self._noise("log_likelihood").logpdf(y - mean)
        return density.sum(axis=1)

    def check_against(self, network: Network, x: ArrayLike) -> float:
        """Return the largest difference from another network's outputs on `x`.

        Parameters
        ----------
        network : Network
            Or whatever else has a `predict`: the pruned network that this one was made from.
        x : array_like (n, n_inputs) or (n, C, H, W)
        """
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

        Parameters
        ----------
        rng : numpy.random.Generator
        """
        if not isinstance(rng, np.random.Generator):
            raise TypeError(f"rng must be a numpy.random.Generator; got {rng!r}")
        return self._with([layer.sample(rng) for layer in self.weight_layers])

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

    def _noise(self, what: str) -> Any:
        """Return the distribution of a target around its mean, as scipy.stats has it."""
        if not isinstance(self.loss, GaussianLikelihood):
            raise TypeError(f"{what} needs a Gaussian likelihood; got {self.loss!r}")
        from scipy.stats import norm, t  # slow to import, and only needed here

        if self.loss.posterior is None:
            return norm(scale=self.loss.noise_precision**-0.5)
        a, b = self.loss.posterior
        return t(2 * a, scale=(b / a) ** 0.5)

    # Forms

    def with_format(self, format: str | Sequence[str]) -> CompressedNetwork:
        """Return the same network with its weights in another format.

        Parameters
        ----------
        format : str or sequence of str
            A name of `formats.FORMATS`, for all weight layers or one for each.

        Examples
        --------
        >>> from tvbi_ref import nets
        >>> compress(nets.mlp([4, 3, 2], seed=0)).with_format(["clusters", "dense"]).formats
        ['clusters', 'dense']
        """
        names = _per_layer(format, len(self.weight_layers))
        pairs = zip(self.weight_layers, names, strict=True)
        return self._with([layer.with_format(name) for layer, name in pairs])

    def with_weights(self, weights: Sequence[FloatArray]) -> CompressedNetwork:
        """Return the same network with other weights, rounded ones say, in the same formats.

        Parameters
        ----------
        weights : sequence of ndarray
            One matrix for each weight layer, as ``layer.weights.to_dense()`` returns it; see
            `SparseLayer.with_weights`.

        Examples
        --------
        >>> from tvbi_ref import nets
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
        return self._with([layer.with_weights(matrix) for layer, matrix in pairs])

    def _with(self, weight_layers: list[SparseLayer]) -> CompressedNetwork:
        new = iter(weight_layers)
        layers = (next(new) if isinstance(old, SparseLayer) else old for old in self.layers)
        return replace(self, layers=tuple(layers))

    def save(self, path: str | os.PathLike[str], *, uncertainty: bool = True) -> None:
        """Write the network to a file: one .npz without pickle, whole or not at all.

        Parameters
        ----------
        path : path-like
            Missing folders are made.
        uncertainty : bool
            False: without the variances, for predictions at the means only; see
            `uncertainty_nbytes`.
        """
        from tvbi_ref.compression import files

        files.save(path, self, uncertainty=uncertainty)

    @staticmethod
    def load(path: str | os.PathLike[str]) -> CompressedNetwork:
        """Read a file that `save` wrote.

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        DataCorruptedError
            If it is not such a file, is damaged, or comes from a newer version.
        """
        from tvbi_ref.compression import files

        return files.load(path)

    def report(
        self,
        x: ArrayLike | None = None,
        y: ArrayLike | None = None,
        *,
        whole: Network | None = None,
        control: CompressedNetwork | None = None,
        seed: int = 0,
        seconds: float = 0.5,
    ) -> CompressionReport:
        """Measure size, regularity, precision and speed; see `tvbi_ref.compression.report.report`.

        Parameters
        ----------
        x, y : array_like, optional
            Inputs, and their targets for scores.
        whole : Network, optional
            The pruned network that this one was made from.
        control : CompressedNetwork, optional
            Of a run without couplings, J = 0.
        seed : int
            Of the shuffled masks.
        seconds : float
            For the measurement of each batch size; 0: latency is not measured.

        Examples
        --------
        >>> from tvbi_ref import nets
        >>> print(compress(nets.mlp([4, 2], seed=0)).report(seconds=0))
        CompressedNetwork(4 -> 2, 8 weights, 2 biases, clusters, ... bytes)
        ...
        """
        from tvbi_ref.compression.report import report

        return report(self, x, y, whole=whole, control=control, seed=seed, seconds=seconds)


def compress(
    result: TurboResult | Network, format: str | Sequence[str] = "clusters"
) -> CompressedNetwork:
    """Return a pruned network without its zeros and its dead units.

    Parameters
    ----------
    result : TurboResult or Network
        What `TurboVBI.fit` returned, which is pruned first; or a network that is pruned, and
        perhaps fine-tuned. It stays as it is.
    format : str or sequence of str
        A name of `formats.FORMATS`, for all weight layers or one for each.

    Returns
    -------
    CompressedNetwork
        It predicts what the pruned network predicts, up to rounding.

    Raises
    ------
    TypeError
        If something else came, or the network has a layer or a likelihood that is not known.
    ValueError
        If there is no such format, or a weight that is left has no positive variance.
    NonFiniteError
        If a weight, a variance or a bias is not finite.

    Notes
    -----
    Source: [prune]; `shrink` has the proofs.

    Examples
    --------
    >>> from tvbi_ref import nets
    >>> net = nets.mlp([64, 16, 10], seed=0)
    >>> for layer in net.weight_layers:
    ...     layer.prune(np.random.default_rng(0).random(layer.mean.value.shape) < 0.1)
    >>> compress(net)
    CompressedNetwork(34 of 64 -> 11 -> 10, 77 weights, 21 biases, clusters, ... bytes)
    """
    if not isinstance(result, TurboResult | Network):
        raise TypeError(
            f"result must be what TurboVBI.fit returned, or a pruned Network; got {result!r}"
        )
    network = prune(result) if isinstance(result, TurboResult) else result
    names = iter(_per_layer(format, len(network.weight_layers)))
    shrunk = shrink(network)
    units = iter(shrunk.layers)
    layers = tuple(
        _sparse(layer, next(units), next(names))
        if isinstance(layer, WeightLayer)
        else build_step(describe_step(layer))  # a copy would remember what it was trained on
        for layer in network.layers
    )
    return CompressedNetwork(
        layers, copy.deepcopy(network.loss), shrunk.kept[0], network.input_shape
    )


def format_name(weights: Format) -> str:
    """Return what a format is called in `formats.FORMATS`.

    Examples
    --------
    >>> format_name(FORMATS["csr"].from_dense(np.eye(2)))
    'csr'
    """
    return next(name for name, kind in FORMATS.items() if type(weights) is kind)


def _per_layer(format: str | Sequence[str], n_layers: int) -> list[str]:
    if not isinstance(format, str | Sequence):
        raise TypeError(f"format must be a name or a list of names; got {format!r}")
    names = [format] * n_layers if isinstance(format, str) else list(format)
    if len(names) != n_layers:
        raise ValueError(
            f"format must be one name, or {n_layers}, one for each weight layer; got {format!r}"
        )
    return [as_choice(name, "format", FORMATS) for name in names]


def _fits(shape: tuple[int, ...], sides: tuple[int | str, ...]) -> bool:
    return len(shape) == len(sides) and all(
        isinstance(side, str) or n == side for n, side in zip(shape, sides, strict=True)
    )


def _quantiles(means: FloatArray, noise: Any, levels: tuple[float, float]) -> FloatArray:
    """Return quantiles of targets around the means of D draws, (D, ...) to (2, ...).

    The errors are no random numbers but an even grid of the noise's own quantiles, dealt out to
    the draws like cards, so that every draw has its share of the small and of the large ones.
    """
    D = len(means)
    grid = noise.ppf((np.arange(D * SHARE) + 0.5) / (D * SHARE))
    errors = grid.reshape(SHARE, D).T
    targets = means.reshape(D, -1).T
    pairs = [np.quantile(mean[:, None] + errors, levels) for mean in targets]
    return np.reshape(np.transpose(pairs), (2, *means.shape[1:]))


def _sparse(layer: WeightLayer, units: UnitWeights, format: str) -> SparseLayer:
    """Return a layer with the weights that are left, in a format."""
    dtype = layer.bias.value.dtype
    conv = layer if isinstance(layer, Conv2D) else None
    size = None if conv is None else conv.mean.value.shape[2:]
    kernels = from_units(units.mean, size)
    mean, variance = layer.matrix(kernels), layer.matrix(from_units(units.variance, size))
    parts: dict[str, Any] = {
        "weights": FORMATS[format].from_dense(mean),
        "bias": units.bias.astype(dtype),
        "bias_variance": units.bias_variance.astype(dtype),
        "variances": ByteVariances.of(variance.T[mean.T != 0]),
    }
    if conv is None:
        return SparseDense(**parts)
    geometry: dict[str, Any] = {
        "stride": conv.stride,
        "padding": conv.padding,
        "layout": conv.layout,
    }
    return SparseConv(**parts, shape=kernels.shape, **geometry)

"""What is measured of a network, the same for every method."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from tvbi_ref.compression import CompressedNetwork, compress, entropy_bound, index_bits, mean_run
from tvbi_ref.compression.sharing import share_values
from tvbi_ref.datasets import Dataset
from tvbi_ref.nets import Network

VALUE_BITS = 5
"""Bits a weight when values are shared: 32 of them in each layer, as in Deep Compression."""

FORMATS = ("bitmask", "csr", "gap", "clusters", "dense")
"""A network is charged for whichever of them is the smallest."""

DRAWS = 100
"""Networks drawn from the posterior for the predictive density."""


def measure(network: Network, data: Dataset, *, bayesian: bool) -> dict[str, Any]:
    """Return error, size and regularity of a pruned network on the test rows of `data`.

    Parameters
    ----------
    network : Network
        With masks; without them every weight counts.
    data : Dataset
        If its targets are standardised, errors and densities are brought back to their units.
    bayesian : bool
        Whether the variances of the weights mean anything; then log_likelihood_drawn is measured.

    Returns
    -------
    dict
        error (share of wrong labels, or root mean square error), error_shared (with values of
        `VALUE_BITS` bits), log_likelihood (mean ln p(y | x), weights at their means) and
        log_likelihood_drawn (averaged over q(w)), covered (share of the targets inside the 90 %
        interval; these two only of a posterior, the latter only of a regression), kept (weights
        in the masks), live (those that reach an output), units, bytes (values in float32),
        bytes_shared (values shared, Huffman coded), format (the smallest, of bytes_shared),
        mean_run, index_bits, entropy_bound (of all layers' masks), live_run and live_index_bits
        (without dead units, so that structure is not credited with what whole units bring).

    Examples
    --------
    >>> from tvbi_ref import nets
    >>> net = nets.mlp([4, 8, 2], seed=0)
    >>> net.weight_layers[0].prune(np.arange(32).reshape(4, 8) < 8)
    >>> data = Dataset(np.ones((6, 4)), [0, 1] * 3, np.ones((2, 4)), [0, 1], "toy", n_classes=2)
    >>> row = measure(net, data, bayesian=False)
    >>> row["kept"], row["error"], row["units"]
    (24, 0.5, '1-8-2')
    """
    x, y = data.x_test, data.y_test
    small = compress(network)
    shared = share_values(small, [VALUE_BITS] * len(small.weight_layers))
    sizes = {name: shared.nbytes_as(name) for name in FORMATS}
    smallest = min(sizes, key=sizes.__getitem__)
    scale = 1.0 if data.target_scale is None else float(data.target_scale.std[0])
    row = {
        "error": scale * error(small, x, y),
        "error_shared": scale * error(shared.network, x, y),
        "log_likelihood": small.log_likelihood(x, y) - math.log(scale),
        "kept": network.n_kept,
        "live": small.n_weights,
        "units": "-".join(map(str, small.widths)),
        "bytes": min(small.with_format(name).nbytes for name in FORMATS),
        "bytes_shared": sizes[smallest],
        "format": smallest,
    }
    if bayesian:
        drawn = small.log_likelihood(x, y, draws=DRAWS)
        row["log_likelihood_drawn"] = drawn - math.log(scale)
        if data.n_classes is None:
            row["covered"] = covered(small, x, y)
    return row | regularity(network) | live_regularity(small)


def error(network: Network | CompressedNetwork, x: ArrayLike, y: ArrayLike) -> float:
    """Return the share of wrong labels, or the root mean square error.

    Examples
    --------
    >>> from tvbi_ref import nets
    >>> error(nets.mlp([4, 2], seed=0), np.zeros((4, 4)), [0, 1, 1, 1])  # ties go to 0
    0.75
    """
    score = network.score(x, y)
    return 1 - score if network.loss.score_name == "accuracy" else score


def covered(small: CompressedNetwork, x: ArrayLike, y: ArrayLike) -> float:
    """Return the share of targets inside the 90 % interval; 0.9 if it is calibrated.

    Examples
    --------
    >>> from tvbi_ref import nets
    >>> small = compress(nets.mlp([4, 1], seed=0, likelihood="gaussian", noise=1.0))
    >>> covered(small, np.zeros((4, 4)), [-1.7, -1.6, 1.6, 1.7])  # 5 % are above 1.64
    0.5
    """
    lower, upper = small.predict_interval(x, 0.9, draws=DRAWS)
    targets = np.reshape(y, lower.shape)
    return float(np.mean((lower <= targets) & (targets <= upper)))


def regularity(network: Network) -> dict[str, float]:
    """Return mean run, index bits and the bound of a network's masks.

    Examples
    --------
    >>> from tvbi_ref import nets
    >>> regularity(nets.mlp([4, 2], seed=0))
    {'mean_run': 4.0, 'index_bits': 0.0, 'entropy_bound': 0.0}
    """
    masks = [
        layer.matrix(np.ones(layer.mean.value.shape, bool) if layer.mask is None else layer.mask)
        for layer in network.weight_layers
    ]
    return {
        "mean_run": mean_run(masks),
        "index_bits": index_bits(masks),
        "entropy_bound": entropy_bound(masks),
    }


def live_regularity(small: CompressedNetwork) -> dict[str, float]:
    """Return mean run and index bits of what is left without dead units.

    Examples
    --------
    >>> from tvbi_ref import nets
    >>> net = nets.mlp([4, 8, 2], seed=0)
    >>> net.weight_layers[0].prune(np.arange(32).reshape(4, 8) < 8)
    >>> live_regularity(compress(net))  # 24 weights in 10 runs, one input left
    {'live_run': 2.4, 'live_index_bits': 0.0}
    """
    masks = [layer.dense_weights() != 0 for layer in small.weight_layers]
    return {"live_run": mean_run(masks), "live_index_bits": index_bits(masks)}

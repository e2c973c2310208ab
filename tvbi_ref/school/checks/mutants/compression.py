"""What goes wrong in compression: a threshold, a logarithm, an offset."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, xlogy

from tvbi_ref.school.checks.mutants.registry import mutant

Array = NDArray[np.float64]
IntArray = NDArray[np.int64]
Mask = NDArray[np.bool_]


@mutant("prune", "a weight with pi_tilde of exactly 1/2 is dropped: the condition is >=, not >")
def strictly_above(support_log_odds: Array) -> Mask:
    return support_log_odds > 0


@mutant("prune", "the log-odds are compared with 0.5: pi_tilde >= 1/2 means log-odds >= 0")
def half_on_log_odds(support_log_odds: Array) -> Mask:
    return support_log_odds >= 0.5


@mutant("prune", "the mask is inverted: True is a weight that is KEPT")
def marks_the_dropped(support_log_odds: Array) -> Mask:
    return support_log_odds < 0


@mutant("prune", "pi_tilde is compared with 0, so that everything is kept: the bound is 1/2")
def probability_above_zero(support_log_odds: Array) -> Mask:
    return expit(support_log_odds) >= 0


@mutant(
    "prune", "the better half is kept, whatever its probability: the bound is 1/2 for each weight"
)
def better_half(support_log_odds: Array) -> Mask:
    return support_log_odds >= np.median(support_log_odds)


@mutant("prune", "whole neurons are kept or dropped by their mean: each weight is judged by itself")
def by_neuron(support_log_odds: Array) -> Mask:
    means = support_log_odds.mean(axis=0, keepdims=True)
    return np.repeat(means >= 0, len(support_log_odds), axis=0)


def _bits(p: float) -> float:
    """Return H(p) in bits."""
    return float(-(xlogy(p, p) + xlogy(1 - p, 1 - p)) / np.log(2))


def _kept(masks: list[Any]) -> int:
    return sum(int(mask.sum()) for mask in masks)


@mutant("bits", "the entropy is in nats: bits need the logarithm to base 2")
def in_nats(masks: list[Any]) -> float:
    bits = sum(mask.size * _bits(mask.mean()) for mask in masks)
    return float(bits * np.log(2) / _kept(masks))


@mutant(
    "bits", "these are bits a weight, H(p): divide by p, the bits are shared by the KEPT weights"
)
def bits_a_weight(masks: list[Any]) -> float:
    bits = sum(mask.size * _bits(mask.mean()) for mask in masks)
    return bits / sum(mask.size for mask in masks)


@mutant("bits", "one density for all layers together: each layer has its own p")
def pooled_density(masks: list[Any]) -> float:
    p = _kept(masks) / sum(mask.size for mask in masks)
    return _bits(p) / p


@mutant(
    "bits", "this is -log2 p, the bits of the ones alone: the zeros have to be written down as well"
)
def ones_alone(masks: list[Any]) -> float:
    bits = -sum(mask.sum() * np.log2(max(mask.mean(), 1e-300)) for mask in masks)
    return float(bits / _kept(masks))


@mutant("bits", "the layers' H(p)/p are averaged: a layer counts by its kept weights")
def mean_over_layers(masks: list[Any]) -> float:
    return float(np.mean([_bits(mask.mean()) / max(mask.mean(), 1e-300) for mask in masks]))


@mutant("bits", "these are the bits of the whole mask: divide by the number of kept weights")
def bits_in_all(masks: list[Any]) -> float:
    return sum(mask.size * _bits(mask.mean()) for mask in masks)


@mutant("bits", "divided by the weights that were DROPPED: the bits are counted for each kept one")
def bits_a_dropped_weight(masks: list[Any]) -> float:
    bits = sum(mask.size * _bits(mask.mean()) for mask in masks)
    return bits / sum(int((~mask).sum()) for mask in masks)


def _start(x: Array, bias: Array) -> Array:
    return np.tile(bias, (len(x), 1))


@mutant("sparse-forward", "the clusters end one input early: they cover start : start + length")
def end_one_early(
    x: Array, bias: Array, pointers: IntArray, starts: IntArray, lengths: IntArray, values: Array
) -> Array:
    y, offsets = _start(x, bias), np.concatenate([[0], np.cumsum(lengths)])
    for j in range(len(bias)):
        for k in range(pointers[j], pointers[j + 1]):
            n = lengths[k] - 1
            y[:, j] += x[:, starts[k] : starts[k] + n] @ values[offsets[k] : offsets[k] + n]
    return y


@mutant("sparse-forward", "the bias is missing: y_j begins with b_j")
def without_bias(
    x: Array, bias: Array, pointers: IntArray, starts: IntArray, lengths: IntArray, values: Array
) -> Array:
    y, offsets = np.zeros((len(x), len(bias))), np.concatenate([[0], np.cumsum(lengths)])
    for j in range(len(bias)):
        for k in range(pointers[j], pointers[j + 1]):
            inputs = slice(starts[k], starts[k] + lengths[k])
            y[:, j] += x[:, inputs] @ values[offsets[k] : offsets[k + 1]]
    return y


@mutant("sparse-forward", "a neuron without clusters gets 0: without weights it still has its bias")
def bias_only_with_clusters(
    x: Array, bias: Array, pointers: IntArray, starts: IntArray, lengths: IntArray, values: Array
) -> Array:
    y, offsets = np.zeros((len(x), len(bias))), np.concatenate([[0], np.cumsum(lengths)])
    for j in range(len(bias)):
        for k in range(pointers[j], pointers[j + 1]):
            inputs = slice(starts[k], starts[k] + lengths[k])
            y[:, j] += x[:, inputs] @ values[offsets[k] : offsets[k + 1]]
        if pointers[j] < pointers[j + 1]:
            y[:, j] += bias[j]
    return y


@mutant("sparse-forward", "the bias is added with every cluster: once a neuron")
def bias_with_every_cluster(
    x: Array, bias: Array, pointers: IntArray, starts: IntArray, lengths: IntArray, values: Array
) -> Array:
    y, offsets = np.zeros((len(x), len(bias))), np.concatenate([[0], np.cumsum(lengths)])
    for j in range(len(bias)):
        for k in range(pointers[j], pointers[j + 1]):
            inputs = slice(starts[k], starts[k] + lengths[k])
            y[:, j] += bias[j] + x[:, inputs] @ values[offsets[k] : offsets[k + 1]]
    return y


@mutant(
    "sparse-forward", "every cluster reads the first values: the offset moves on by each length"
)
def offset_not_advanced(
    x: Array, bias: Array, pointers: IntArray, starts: IntArray, lengths: IntArray, values: Array
) -> Array:
    y = _start(x, bias)
    for j in range(len(bias)):
        for k in range(pointers[j], pointers[j + 1]):
            y[:, j] += x[:, starts[k] : starts[k] + lengths[k]] @ values[: lengths[k]]
    return y


@mutant(
    "sparse-forward", "the offset moves on by one a cluster: it moves on by the cluster's length"
)
def offset_by_cluster(
    x: Array, bias: Array, pointers: IntArray, starts: IntArray, lengths: IntArray, values: Array
) -> Array:
    y = _start(x, bias)
    for j in range(len(bias)):
        for k in range(pointers[j], pointers[j + 1]):
            y[:, j] += x[:, starts[k] : starts[k] + lengths[k]] @ values[k : k + lengths[k]]
    return y


@mutant(
    "sparse-forward", "the offset begins anew with each neuron: `values` runs through all neurons"
)
def offset_restarts(
    x: Array, bias: Array, pointers: IntArray, starts: IntArray, lengths: IntArray, values: Array
) -> Array:
    y = _start(x, bias)
    for j in range(len(bias)):
        offset = 0
        for k in range(pointers[j], pointers[j + 1]):
            n = lengths[k]
            y[:, j] += x[:, starts[k] : starts[k] + n] @ values[offset : offset + n]
            offset += n
    return y


@mutant(
    "sparse-forward", "each neuron's last cluster is missing: it owns pointers[j] : pointers[j+1]"
)
def last_cluster_missing(
    x: Array, bias: Array, pointers: IntArray, starts: IntArray, lengths: IntArray, values: Array
) -> Array:
    y, offsets = _start(x, bias), np.concatenate([[0], np.cumsum(lengths)])
    for j in range(len(bias)):
        for k in range(pointers[j], pointers[j + 1] - 1):
            inputs = slice(starts[k], starts[k] + lengths[k])
            y[:, j] += x[:, inputs] @ values[offsets[k] : offsets[k + 1]]
    return y


@mutant("sparse-forward", "a cluster overwrites the one before it: the clusters of a neuron add up")
def overwritten(
    x: Array, bias: Array, pointers: IntArray, starts: IntArray, lengths: IntArray, values: Array
) -> Array:
    y, offsets = _start(x, bias), np.concatenate([[0], np.cumsum(lengths)])
    for j in range(len(bias)):
        for k in range(pointers[j], pointers[j + 1]):
            inputs = slice(starts[k], starts[k] + lengths[k])
            y[:, j] = bias[j] + x[:, inputs] @ values[offsets[k] : offsets[k + 1]]
    return y

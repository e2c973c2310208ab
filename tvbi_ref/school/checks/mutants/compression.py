"""What goes wrong in compression: a threshold, a logarithm, an offset."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from scipy.special import expit, xlogy

from tvbi_ref.school.checks.mutants.registry import mistakes

mistakes(
    "prune",
    "c",
    {"mask": lambda c: c >= 0},
    "a weight with pi_tilde of exactly 1/2 is dropped: the condition is >=, not >",
    {"mask": lambda c: c > 0},
    "the log-odds are compared with 0.5: pi_tilde >= 1/2 means log-odds >= 0",
    {"mask": lambda c: c >= 0.5},
    "the mask is inverted: True is a weight that is KEPT",
    {"mask": lambda mask: ~mask},
    "pi_tilde is compared with 0, so that everything is kept: the bound is 1/2",
    {"mask": lambda c: expit(c) >= 0},
    "the better half is kept, whatever its probability: the bound is 1/2 for each weight",
    {"mask": lambda c: c >= np.median(c)},
    "whole neurons are kept or dropped by their mean: each weight is judged by itself",
    {"mask": lambda c: np.repeat(c.mean(axis=0, keepdims=True) >= 0, len(c), axis=0)},
)


def _bits(p: Any) -> Any:
    """Return H(p) in bits."""
    return -(xlogy(p, p) + xlogy(1 - p, 1 - p)) / np.log(2)


mistakes(
    "bits",
    "masks",
    {
        "sizes": lambda masks: np.array([mask.size for mask in masks]),
        "kept": lambda masks: np.array([mask.sum() for mask in masks]),
        "p": lambda sizes, kept: kept / sizes,
        "H": lambda p: _bits(p),
        "shared_by": lambda kept: kept.sum(),
        "bits": lambda sizes, H, shared_by: float(np.sum(sizes * H) / shared_by),
    },
    "the entropy is in nats: bits need the logarithm to base 2",
    {"H": lambda H: H * np.log(2)},
    "these are bits a weight, H(p): divide by p, the bits are shared by the KEPT weights",
    {"shared_by": lambda sizes: sizes.sum()},
    "one density for all layers together: each layer has its own p",
    {"p": lambda sizes, kept: kept.sum() / sizes.sum()},
    "this is -log2 p, the bits of the ones alone: the zeros have to be written down as well",
    {"H": lambda p: -xlogy(p, p) / np.log(2)},
    "the layers' H(p)/p are averaged: a layer counts by its kept weights",
    {"bits": lambda H, p: float(np.mean(H / np.maximum(p, 1e-300)))},
    "these are the bits of the whole mask: divide by the number of kept weights",
    {"shared_by": lambda: 1},
    "divided by the weights that were DROPPED: the bits are counted for each kept one",
    {"shared_by": lambda sizes, kept: np.sum(sizes - kept)},
)

mistakes(
    "sparse-forward",
    "x b pointers starts lengths values",
    {
        "offsets": lambda lengths: np.cumsum(lengths) - lengths,
        "read": lambda lengths: lengths,
        "clusters": lambda x, starts, read, offsets, values: [
            x[:, s : s + n] @ values[o : o + n]
            for s, n, o in zip(starts, read, offsets, strict=True)
        ],
        "owned": lambda pointers, clusters: [clusters[p:q] for p, q in pairwise(pointers)],
        "y": lambda x, b, owned: b + np.stack([sum(of_j, np.zeros(len(x))) for of_j in owned], 1),
    },
    "the clusters end one input early: they cover start : start + length",
    {"read": lambda lengths: lengths - 1},
    "the bias is missing: y_j begins with b_j",
    {"b": lambda b: 0 * b},
    "a neuron without clusters gets 0: without weights it still has its bias",
    {"b": lambda b, pointers: b * (np.diff(pointers) > 0)},
    "the bias is added with every cluster: once a neuron",
    {"b": lambda b, pointers: b * np.diff(pointers)},
    "every cluster reads the first values: the offset moves on by each length",
    {"offsets": lambda offsets: 0 * offsets},
    "the offset moves on by one a cluster: it moves on by the cluster's length",
    {"offsets": lambda offsets: np.arange(len(offsets))},
    "the offset begins anew with each neuron: `values` runs through all neurons",
    {
        "offsets": lambda offsets, pointers: np.concatenate(
            [offsets[p:q] - offsets[p:q][:1] for p, q in pairwise(pointers)]
        )
    },
    "each neuron's last cluster is missing: it owns pointers[j] : pointers[j+1]",
    {"owned": lambda owned: [clusters[:-1] for clusters in owned]},
    "a cluster overwrites the one before it: the clusters of a neuron add up",
    {"owned": lambda owned: [clusters[-1:] for clusters in owned]},
)

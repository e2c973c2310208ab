"""Compression written in other ways, all of them right."""

import numpy as np
from scipy import stats
from scipy.special import expit

# Pruning


def keep_by_probability(support_log_odds):
    return expit(support_log_odds) >= 0.5


def keep_by_odds(support_log_odds):
    return np.exp(support_log_odds) >= 1


def keep_one_by_one(support_log_odds):
    return np.array([[x >= 0 for x in row] for row in support_log_odds])


# Bits


def bits_by_scipy(masks):
    bits = sum(m.size * stats.entropy([m.mean(), 1 - m.mean()], base=2) for m in masks)
    return float(bits / sum(m.sum() for m in masks))


def bits_textbook(masks):
    total, kept = 0.0, 0
    for mask in masks:
        p = np.count_nonzero(mask) / mask.size
        total += mask.sum() * (-p * np.log2(p) - (1 - p) * np.log2(1 - p)) / p
        kept += mask.sum()
    return total / kept


# The sparse forward pass


def forward_through_dense(x, bias, pointers, starts, lengths, values):
    weight, rest = np.zeros((x.shape[1], len(bias))), list(values)
    for j in range(len(bias)):
        for start, length in zip(
            starts[pointers[j] : pointers[j + 1]],
            lengths[pointers[j] : pointers[j + 1]],
            strict=True,
        ):
            weight[start : start + length, j] = rest[:length]
            rest = rest[length:]
    return x @ weight + bias


def forward_weight_by_weight(x, bias, pointers, starts, lengths, values):
    y = np.array([bias] * len(x), dtype=float)
    number = 0
    for j in range(len(bias)):
        for k in range(pointers[j], pointers[j + 1]):
            for i in range(starts[k], starts[k] + lengths[k]):
                y[:, j] += x[:, i] * values[number]
                number += 1
    return y


def forward_gathered(x, bias, pointers, starts, lengths, values):
    """All products at once, then added up by neuron."""
    first = np.cumsum(lengths) - lengths
    inputs = np.arange(len(values)) + np.repeat(starts - first, lengths)
    neuron_of_cluster = np.repeat(np.arange(len(bias)), np.diff(pointers))
    y = np.repeat(bias[None], len(x), axis=0)
    np.add.at(y.T, np.repeat(neuron_of_cluster, lengths), (x[:, inputs] * values).T)
    return y


VARIANTS = {
    "prune": [keep_by_probability, keep_by_odds, keep_one_by_one],
    "bits": [bits_by_scipy, bits_textbook],
    "sparse-forward": [forward_through_dense, forward_weight_by_weight, forward_gathered],
}

"""The small network: what is kept, what it costs to say where, and how to run it.

In the end a weight is kept or it is not. The values of the kept ones are the smaller half of
the story: a file must also say WHERE they are, and for scattered weights that costs several
bits each, by a bound that no code can beat. Weights in runs get below that bound, because a
run's place costs two numbers however long it is. You write the decision, the bound, and the
forward pass of a layer that is stored as runs.

Check yourself: tvbi-ref check 09_small_network.py
Read: docs/EQUATIONS.md, section 6
"""

import numpy as np


def keep_mask(support_log_odds):
    """Return which weights are kept: [prune].

        keep n if and only if pi_tilde_n >= 1/2

    Parameters
    ----------
    support_log_odds : ndarray (I, J)
        logit pi_tilde.

    Returns
    -------
    ndarray of bool (I, J)

    Notes
    -----
    Hint: what are the log-odds of 1/2? And what happens exactly there?

    Examples
    --------
    >>> keep_mask(np.array([[-1.0, 0.0, 2.0]]))
    array([[False,  True,  True]])
    """
    return support_log_odds >= 0


def entropy_bound(masks):
    """Return how many bits a kept weight's place costs without structure: [bits].

    A layer of n weights of which a share p is kept needs n H(p) bits, H(p) = -p log2 p -
    (1 - p) log2(1 - p), for its n p kept weights; so the bound is H(p)/p for one layer. Over
    several layers, each with its own p:

        (sum over layers of n H(p)) / (sum over layers of n p)

    Parameters
    ----------
    masks : list of ndarray of bool (I, J)
        One for each layer; the shapes may differ.

    Returns
    -------
    float
        0 if nothing is kept.

    Notes
    -----
    Hint: bits, so log2. A layer that is wholly kept or wholly gone needs no bits at all: does
    your H(p) know?

    Examples
    --------
    One kept of two: a bit for each of the two places, two for the one that is kept.

    >>> entropy_bound([np.array([[True, False]])])
    2.0
    """
    bits, kept = 0.0, 0
    for mask in masks:
        p = mask.mean()
        if 0 < p < 1:
            bits += mask.size * (-p * np.log2(p) - (1 - p) * np.log2(1 - p))
        kept += mask.sum()
    return float(bits / kept) if kept else 0.0


def cluster_forward(x, bias, pointers, starts, lengths, values):
    """Return the outputs of a layer that is stored as runs of weights: [sparse-forward].

        y_j = b_j + sum over clusters k of neuron j of dot(x[start_k : start_k + len_k], values_k)

    Parameters
    ----------
    x : ndarray (B, I)
    bias : ndarray (J,)
    pointers : ndarray of int (J+1,)
        Neuron j owns the clusters pointers[j] : pointers[j+1], maybe none.
    starts, lengths : ndarray of int (K,)
        Cluster k covers the inputs starts[k] : starts[k] + lengths[k].
    values : ndarray (sum of the lengths,)
        The weights, cluster after cluster.

    Returns
    -------
    ndarray (B, J)

    Notes
    -----
    Hint: where in `values` does cluster k begin? And take care not to write into `bias`.

    Examples
    --------
    The first neuron has one run, 1 and 10 on the last two inputs; the second has none.

    >>> x, bias = np.array([[1.0, 2.0, 3.0]]), np.array([0.5, 0.25])
    >>> pointers, starts, lengths = np.array([0, 1, 1]), np.array([1]), np.array([2])
    >>> cluster_forward(x, bias, pointers, starts, lengths, np.array([1.0, 10.0]))
    array([[32.5 ,  0.25]])
    """
    y = np.tile(bias, (len(x), 1))
    ends = np.cumsum(lengths)
    for j in range(len(bias)):
        for k in range(pointers[j], pointers[j + 1]):
            inputs = x[:, starts[k] : starts[k] + lengths[k]]
            y[:, j] += inputs @ values[ends[k] - lengths[k] : ends[k]]
    return y

"""The small network: what it costs to say where, and how to run it.

The values of the kept weights are the smaller half of the story: a file must also say WHERE
they are, and for scattered weights that costs several bits each, by a bound that no code can
beat. Weights in runs get below that bound, because a run's place costs two numbers however
long it is. You write the bound, and the forward pass of a layer that is stored as runs.

Check yourself: tvbi-ref check 22_small_and_fast.py
"""

import numpy as np


def entropy_bound(masks):
    """Return how many bits a kept weight's place costs without structure: [bits].

    The place of a weight, kept or not, costs the entropy, in bits, of the share that its layer
    keeps. Add that up over all places of all layers and divide by how many weights are kept.

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
    raise NotImplementedError


def cluster_forward(x, bias, pointers, starts, lengths, values):
    """Return the outputs of a layer that is stored as runs of weights: [sparse-forward].

    Neuron j adds to its bias, for every cluster that it owns, the scalar product of the cluster's
    values with the inputs that it covers.

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
    raise NotImplementedError


def own_format():
    """Answer the problem `own-format`; the notebook states it."""
    raise NotImplementedError

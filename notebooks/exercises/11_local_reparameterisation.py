"""Layers: noise on the outputs in place of noise on the weights.

A Bayesian layer has a mean and a variance for every weight. To train it one could draw the
weights anew for each row of the batch, which is slow and noisy. But weights enter a layer
through sums only, sums of Gaussians are Gaussian, and so it is enough to draw each OUTPUT
from its own mean and variance. You write that layer, forwards and backwards, and the posterior
of the noise in a regression.

Check yourself: tvbi-ref check 11_local_reparameterisation.py
"""

from collections import namedtuple

import numpy as np

# To try things out with; the checks bring one of their own.
Gamma = namedtuple("Gamma", ["shape", "rate"])

VARIANCE_FLOOR = 1e-8  # added to every output's variance before the root is taken


def update_noise_precision(output, y, prior):
    """Return the posterior Gamma of the noise precision: [noise-precision].

    A Gamma prior on the precision of Gaussian noise stays a Gamma when targets are seen.

    Parameters
    ----------
    output, y : ndarray (N, D)
        f and y of all N rows.
    prior : Gamma
        (a, b).

    Returns
    -------
    tuple (float, float)
        Shape and rate.

    Notes
    -----
    Hint: every single target is an observation of the noise. How many are there?

    Examples
    --------
    >>> update_noise_precision(np.zeros((4, 1)), np.ones((4, 1)), Gamma(1.0, 1.0))
    (3.0, 3.0)
    """
    raise NotImplementedError


def local_reparam_dense(x, mean, variance, bias, noise):
    """Return one draw of a dense layer's outputs: [local-reparam-dense].

    Every weight is an independent Gaussian, so every output is one. Return its mean plus the root
    of its variance times the noise. VARIANCE_FLOOR is added to each output's variance before the
    root.

    Parameters
    ----------
    x : ndarray (B, I)
    mean, variance : ndarray (I, J)
        M and S of q(w); S >= 0.
    bias : ndarray (J,)
    noise : ndarray (B, J)
        e, one standard normal number for each output of each row.

    Returns
    -------
    ndarray (B, J)

    Notes
    -----
    Hint: what is the variance of x w if x is known, and that of a sum of independent terms? The
    biases are no random numbers.

    Examples
    --------
    A 3-4-5 triangle:

    >>> x, mean, variance = np.array([[3.0, 4.0]]), np.zeros((2, 1)), np.ones((2, 1))
    >>> local_reparam_dense(x, mean, variance, np.ones(1), np.array([[2.0]]))
    array([[11.]])
    """
    raise NotImplementedError


def local_reparam_dense_backward(x, mean, variance, noise, grad):
    """Return the gradients of a dense layer: [local-reparam-dense-backward].

    What comes in is dL/dz. The noise is held: it is one of the inputs, with no gradient asked for.

    Parameters
    ----------
    x : ndarray (B, I)
    mean, variance : ndarray (I, J)
    noise : ndarray (B, J)
        e, the same numbers as in the forward pass.
    grad : ndarray (B, J)
        g.

    Returns
    -------
    tuple of ndarray
        dM (I, J), dS (I, J), db (J,), dx (B, I).

    Notes
    -----
    Hint: x appears twice in the forward pass. And sd has the 1e-8 in it, backwards too.

    Examples
    --------
    >>> x, mean, variance = np.array([[3.0, 4.0]]), np.zeros((2, 1)), np.ones((2, 1))
    >>> results = local_reparam_dense_backward(
    ...     x, mean, variance, np.array([[2.0]]), np.array([[1.0]])
    ... )
    >>> [result.round(4).ravel().tolist() for result in results]
    [[3.0, 4.0], [1.8, 3.2], [1.0], [1.2, 1.6]]
    """
    raise NotImplementedError

"""Losses: what sits on top of a network.

A network ends in numbers, a likelihood says how well they explain the labels or targets, and
its gradient is where every backward pass begins. It is checked against finite differences, a
check that you can make yourself while you work.

Check yourself: tvbi-ref check 10_manual_backprop.py
"""

import numpy as np
from scipy.special import expit, gammaln, logsumexp


def softmax_cross_entropy(output, y):
    """Return the cross-entropy of a batch and its gradient: [likelihood-categorical].

    What the softmax of the logits says of a label is a probability; the loss is minus its
    logarithm, in the mean over the rows. The gradient is by the logits, of that mean.

    Parameters
    ----------
    output : ndarray (B, C)
        z, the logits.
    y : ndarray of int (B,)
        The labels, in [0, C).

    Returns
    -------
    tuple (float, ndarray (B, C))
        The value, and its gradient by `output`.

    Notes
    -----
    Hint: what is e^1000 in double precision, and what changes in the value if every logit of a
    row is made smaller by the same number?

    Examples
    --------
    Four equal logits say nothing, which costs ln 4:

    >>> value, gradient = softmax_cross_entropy(np.zeros((1, 4)), np.array([3]))
    >>> round(value, 4), gradient
    (1.3863, array([[ 0.25,  0.25,  0.25, -0.75]]))
    """
    raise NotImplementedError


def gaussian_nll(output, y, noise_precision, log_noise_precision):
    """Return the expected negative log-likelihood of a regression and its gradient.

    This is [likelihood-gaussian]: the targets are the outputs plus Gaussian noise of precision
    gamma, and gamma itself has a posterior. Take minus the log-likelihood, its expectation over
    gamma, and the mean over the rows.

    Parameters
    ----------
    output, y : ndarray (B, D)
        f, what the network says, and the targets.
    noise_precision : float
        <gamma> > 0.
    log_noise_precision : float
        <ln gamma>, which is less than ln <gamma> unless gamma is known.

    Returns
    -------
    tuple (float, ndarray (B, D))
        The value, and its gradient by `output`.

    Notes
    -----
    Hint: a row has D targets. Over what is the mean taken, and over what the sum?

    Examples
    --------
    A perfect fit costs the normaliser alone, 1/2 ln(2 pi):

    >>> value, gradient = gaussian_nll(np.ones((1, 1)), np.ones((1, 1)), 1.0, 0.0)
    >>> round(value, 4), gradient
    (0.9189, array([[0.]]))
    """
    raise NotImplementedError


def poisson(output, y):
    """Answer the problem `poisson`; the notebook states it."""
    raise NotImplementedError


def gate(gate, bias):
    """Answer the problem `gate`; the notebook states it."""
    raise NotImplementedError

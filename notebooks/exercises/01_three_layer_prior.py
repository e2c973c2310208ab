"""The prior: how large a weight is.

Before any data, a layer's weights are drawn in three steps: the support says which of them
live, each precision says how far a weight may stray from zero, and the weight follows. Live
weights share a Gamma for their precision, dead ones another with far larger values. You
write down the density of the last two steps, and see what is left of a weight when its
precision is integrated out.

Check yourself: tvbi-ref check 01_three_layer_prior.py
"""

from collections import namedtuple

import numpy as np
from scipy.special import gammaln

# To try things out with; the checks bring one of their own.
Gamma = namedtuple("Gamma", ["shape", "rate"])


def log_prior_weight(weight, precision):
    """Return the log density of every weight, given its precision: [prior-weight].

    A Gaussian with mean 0, given by its precision, which is one over its variance.

    Parameters
    ----------
    weight : ndarray (I, J)
        w, real.
    precision : ndarray (I, J)
        rho > 0, one for each weight.

    Returns
    -------
    ndarray (I, J)

    Notes
    -----
    Hint: SciPy's normal distribution asks for a standard deviation. What is it here?

    Examples
    --------
    >>> log_prior_weight(np.array([[0.0, 1.0]]), np.array([[1.0, 1.0]])).round(4)
    array([[-0.9189, -1.4189]])
    """
    raise NotImplementedError


def log_prior_precision(precision, support, active, inactive):
    """Return the log density of every precision, given its support: [prior-precision].

    A Gamma density in shape and rate: where s = 1 with those of `active`, where s = 0 with those of
    `inactive`.

    Parameters
    ----------
    precision : ndarray (I, J)
        rho > 0.
    support : ndarray (I, J)
        s, each entry 0 or 1.
    active, inactive : Gamma
        With the numbers `shape` (a) and `rate` (b), both > 0.

    Returns
    -------
    ndarray (I, J)

    Notes
    -----
    Hint: b is a rate. `scipy.stats.gamma` wants a scale, and `gammaln` is kinder than `gamma`
    where a is large.

    Examples
    --------
    With a = 1 the Gamma is an exponential distribution, ln b - b rho.

    >>> rho, s = np.array([[1.0, 1.0]]), np.array([[1, 0]])
    >>> log_prior_precision(rho, s, Gamma(1.0, 0.5), Gamma(1.0, 0.1)).round(4)
    array([[-1.1931, -2.4026]])
    """
    raise NotImplementedError


def log_marginal_weight(weight, prior):
    """Return the log density of a weight with its precision integrated out.

    This is [prior-weight-marginal]: the Gaussian of [prior-weight] times a Gamma density,
    integrated over rho. What comes out is a well-known family with heavy tails. Derive it.

    Parameters
    ----------
    weight : ndarray (I, J)
        w, real.
    prior : Gamma
        (a, b); `active` for live weights, `inactive` for dead ones.

    Returns
    -------
    ndarray (I, J)

    Notes
    -----
    Hint: under the integral collect the powers of rho and what stands in its exponent: the
    integrand is a Gamma without its normaliser. If you call a library's density, does it want a
    scale or a scale squared?

    Examples
    --------
    With a = b = 1/2 it is the Cauchy distribution, 1 / (pi (1 + w^2)):

    >>> log_marginal_weight(np.array([[0.0, 1.0, 10.0]]), Gamma(0.5, 0.5)).round(4)
    array([[-1.1447, -1.8379, -5.7599]])
    """
    raise NotImplementedError


def heavy_tail():
    """Answer the problem `heavy-tail`; the notebook states it."""
    raise NotImplementedError

"""The mean-field posterior as a whole: q(w, rho, s) = q(w) q(rho) q(s)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import gammaln, xlog1py, xlogy

from tvbi_ref._validation import FloatArray
from tvbi_ref.equations import equation


@equation("q-factors")
def log_q(
    weight: ArrayLike,
    precision: ArrayLike,
    support: ArrayLike,
    mean: ArrayLike,
    variance: ArrayLike,
    shape: ArrayLike,
    rate: ArrayLike,
    q_support: ArrayLike,
) -> FloatArray:
    """Return ln N(w; mu, sigma2) + ln Ga(rho; a_tilde, b_tilde) + ln Bern(s; pi_tilde).

    Averaged over draws from q, it gives the entropies of [elbo].

    Parameters
    ----------
    weight, precision, support : array_like (I, J)
        Where the density is asked for: w real, rho > 0, s in {0, 1}.
    mean, variance, shape, rate, q_support : array_like (I, J)
        The parameters of q; variance, shape and rate > 0, q_support in [0, 1].

    Returns
    -------
    ndarray (I, J)
        One log density a weight; -inf where q rules the support out.

    Notes
    -----
    Source: [q-factors].

    Examples
    --------
    >>> float(log_q(0.0, 1.0, 1, 0.0, 1.0, 1.0, 1.0, 0.5).round(4))
    -2.6121
    """
    w, rho, s, mu, sigma2, a, b, pi = (
        np.asarray(argument, np.float64)
        for argument in (weight, precision, support, mean, variance, shape, rate, q_support)
    )
    log_weight = -0.5 * np.log(2 * np.pi * sigma2) - 0.5 * (w - mu) ** 2 / sigma2
    log_precision = a * np.log(b) - gammaln(a) + (a - 1) * np.log(rho) - b * rho
    return log_weight + log_precision + xlogy(s, pi) + xlog1py(1 - s, -pi)

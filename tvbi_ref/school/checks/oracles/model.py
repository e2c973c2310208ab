"""The three-layer prior on other roads: SciPy's densities, quadrature over rho, plain loops.

A Gamma comes as the pair (a, b) of shape and rate.

Every integral over a precision is taken over t = ln rho by the trapezoid rule. The
integrands are rho^a e^(-b rho) times powers and logarithms of rho: as functions of t
they are analytic and vanish at both ends, and there the rule converges exponentially. Its
error is about e^(-pi^2/step) of the integral, below 1e-16 for every shape above 0.2.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats
from scipy.special import logsumexp

Array = NDArray[np.float64]
Pair = tuple[float, float]
Function = Callable[[Array], Any]

NODES = 1201
NEGLIGIBLE = 45.0
"""The grid ends where the integrand has fallen to e^-45 of its peak."""


def precision_grid(shape: ArrayLike, rate: ArrayLike) -> tuple[Array, Array]:
    """Return (rho, step): even steps in ln rho over all of rho^a e^(-b rho), nodes last.

    Around its peak at a/b that function of t = ln(rho b/a) is e^(-a (e^t - 1 - t)). A grid
    that belongs to another integrand costs accuracy and changes nothing else.

    Parameters
    ----------
    shape, rate : array_like, any shape

    Examples
    --------
    >>> rho, step = precision_grid(2.0, 4.0)
    >>> integral = np.sum(rho**2 * np.exp(-4.0 * rho)) * step
    >>> float(integral.round(12))  # Gamma(2) / 4^2
    0.0625
    """
    a, b = np.broadcast_arrays(np.asarray(shape, np.float64), np.asarray(rate, np.float64))
    drop = NEGLIGIBLE / a
    below, above = 1.0 + drop, 2.0 + np.log1p(drop)
    t = np.linspace(np.log(a / b) - below, np.log(a / b) + above, NODES, axis=-1)
    return np.exp(t), (below + above) / (NODES - 1)


def log_integral(log_function: Function, shape: ArrayLike, rate: ArrayLike) -> Array:
    """Return ln of the integral of e^log_function(rho) over rho > 0.

    Parameters
    ----------
    log_function : callable (..., nodes) -> (..., nodes)
    shape, rate : array_like
        The integrand is like rho^(a-1) e^(-b rho): where to put the nodes.

    Examples
    --------
    >>> float(log_integral(lambda rho: -2.0 * rho, 1.0, 2.0).round(12))  # 1/2
    -0.69314718056
    """
    rho, step = precision_grid(shape, rate)
    return np.asarray(logsumexp(log_function(rho) + np.log(rho), axis=-1) + np.log(step))


def log_gamma_density(precision: Array, gamma: Pair | tuple[Array, Array]) -> Array:
    """Return ln Ga(rho; a, b), SciPy's.

    Examples
    --------
    >>> float(log_gamma_density(np.array(1.0), (1.0, 2.0)).round(4))
    -1.3069
    """
    a, b = gamma
    return np.asarray(stats.gamma.logpdf(precision, a, scale=1.0 / b))


def log_prior_weight(weight: Array, precision: Array) -> Array:
    """Return ln N(w; 0, 1/rho), SciPy's.

    Notes
    -----
    Source: [prior-weight].

    Examples
    --------
    >>> float(log_prior_weight(np.array(1.0), np.array(4.0)).round(4))
    -2.2258
    """
    return np.asarray(stats.norm.logpdf(weight, 0.0, 1.0 / np.sqrt(precision)))


def log_prior_precision(precision: Array, support: Array, active: Pair, inactive: Pair) -> Array:
    """Return ln p(rho | s), one weight after the other.

    Notes
    -----
    Source: [prior-precision].

    Examples
    --------
    >>> rho, s = np.array([[1.0, 1.0]]), np.array([[1.0, 0.0]])
    >>> log_prior_precision(rho, s, (1.0, 0.5), (1.0, 0.1)).round(4)
    array([[-1.1931, -2.4026]])
    """
    result = np.empty_like(precision)
    for n in np.ndindex(precision.shape):
        result[n] = log_gamma_density(precision[n], active if support[n] == 1 else inactive)
    return result


def log_marginal_weight(weight: Array, prior: Pair) -> Array:
    """Return ln of the integral of N(w; 0, 1/rho) Ga(rho; a, b), by quadrature.

    Notes
    -----
    Source: [prior-weight-marginal].

    Examples
    --------
    >>> float(np.exp(log_marginal_weight(np.array(0.0), (0.5, 0.5))).round(6))  # Cauchy: 1/pi
    0.31831
    """
    a, b = prior

    def log_joint(rho: Array) -> Array:
        return log_gamma_density(rho, prior) + log_prior_weight(weight[..., None], rho)

    return log_integral(log_joint, a + 0.5, b + 0.5 * weight**2)


def ising_log_weight(
    support: Array, field: float | Array, coupling_row: float, coupling_col: float
) -> float:
    """Return the exponent of the Ising prior, found by looking at every pair of nodes.

    Notes
    -----
    Source: [prior-support-ising].

    Examples
    --------
    >>> ising_log_weight(np.array([[1.0, 0.0]]), 0.5, 2.0, 9.0)
    -1.5
    """
    h = np.broadcast_to(np.asarray(field, np.float64), support.shape)
    nodes = list(np.ndindex(support.shape))
    total = sum(float(h[n]) for n in nodes if support[n] == 1)
    for (i, j), (k, l) in itertools.combinations(nodes, 2):
        coupling = {(0, 1): coupling_row, (1, 0): coupling_col}.get((abs(i - k), abs(j - l)), 0.0)
        total += coupling if support[i, j] == support[k, l] else -coupling
    return total


def markov_log_prob(support: Array, p01: float, p10: float) -> float:
    """Return the log probability of stationary chains down the columns, step by step.

    The stationary distribution is the left eigenvector of the transition matrix of a chain that
    changes as fast as it can, and otherwise in the same way: there rare changes cost no digits.

    Notes
    -----
    Source: [prior-support-markov].

    Examples
    --------
    >>> round(markov_log_prob(np.array([[0.0], [1.0]]), 0.1, 0.3), 4)  # ln(3/4 of 1/10)
    -2.5903
    """
    transition = {(0, 0): 1 - p01, (0, 1): p01, (1, 0): p10, (1, 1): 1 - p10}
    changes = np.array([[-p01, p01], [p10, -p10]]) / (p01 + p10)
    values, vectors = np.linalg.eig((np.eye(2) + changes).T)
    start = np.real(vectors[:, np.argmax(np.real(values))])
    start = start / start.sum()
    total = 0.0
    for column in support.T.astype(int).tolist():
        total += float(np.log(start[column[0]]))
        total += sum(float(np.log(transition[step])) for step in itertools.pairwise(column))
    return total


def markov_to_ising(p01: float, p10: float) -> tuple[float, float, float]:
    """Return (J, u, v) by matching ln psi = const + J x x' + u s + v s' on all four states.

    Notes
    -----
    Source: [markov-to-ising].

    Examples
    --------
    >>> [round(number, 4) for number in markov_to_ising(0.2, 0.2)]
    [0.6931, 0.0, 0.0]
    """
    log_psi = np.log([1 - p01, p01, p10, 1 - p10])
    states = itertools.product((0, 1), repeat=2)
    terms = [[1.0, (2 * s - 1) * (2 * t - 1), s, t] for s, t in states]
    _, coupling, first, second = np.linalg.solve(terms, log_psi)
    return float(coupling), float(first), float(second)

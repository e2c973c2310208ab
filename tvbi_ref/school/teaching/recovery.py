"""Recovery of a clustered sparse signal from few measurements: the sums and pictures of lesson 25.

y = A x + noise, many problems at once. What belongs to an unknown is (N, T), a column a problem, so
that Module B takes it for a layer whose columns are problems.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from sklearn.linear_model import lasso_path, orthogonal_mp

from tvbi_ref._validation import FloatArray
from tvbi_ref.gamma import Gamma
from tvbi_ref.lab import plots
from tvbi_ref.module_a import FORMS, LayerPosterior
from tvbi_ref.module_b import ChainSupport, IndependentSupport
from tvbi_ref.school.teaching.looks import looks_of
from tvbi_ref.turbo.round import ModuleB, turbo_round

N, M, SIZE, CLUSTERS = 100, 40, 5, 2
DENSITY = SIZE * CLUSTERS / N


class Problems(NamedTuple):
    """T problems: A (T, M, N), the truth x (N, T), y (T, M), the noise's variance (T,)."""

    A: FloatArray
    x: FloatArray
    y: FloatArray
    noise: FloatArray


def draw(n_problems: int, snr: float, seed: int) -> Problems:
    """Draw signals of two clusters, matrices with columns of length 1, and measurements.

    Parameters
    ----------
    n_problems : int
        T.
    snr : float
        Mean square of A x over the noise's variance, in dB.
    seed : int

    Examples
    --------
    >>> problems = draw(3, 10.0, seed=0)
    >>> (problems.x != 0).sum(axis=0)
    array([10, 10, 10])
    """
    rng = np.random.default_rng(seed)
    A = rng.standard_normal((n_problems, M, N))
    A /= np.linalg.norm(A, axis=1, keepdims=True)
    x = np.zeros((N, n_problems))
    for column in x.T:
        places = np.sort(rng.integers(0, N - SIZE * CLUSTERS + 1, CLUSTERS))
        for start in places + SIZE * np.arange(CLUSTERS):
            column[start : start + SIZE] = rng.standard_normal(SIZE)
    clean = np.einsum("tmn,nt->tm", A, x)
    noise = np.mean(clean**2, axis=1) / 10 ** (snr / 10)
    return Problems(A, x, clean + rng.standard_normal(clean.shape) * noise[:, None] ** 0.5, noise)


def lmmse(problems: Problems, rho: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return mean and variance of q(w), Gaussian with full covariance: the w-step of Module A.

    By the matrix inversion lemma, with matrices of M rows in the place of N.

    Parameters
    ----------
    problems : Problems
    rho : ndarray (N, T), > 0
        <rho>.

    Returns
    -------
    mean, variance : ndarray (N, T)

    Examples
    --------
    >>> mean, variance = lmmse(draw(2, 10.0, seed=0), np.full((N, 2), 10.0))
    >>> bool((variance < 0.1).all())
    True
    """
    A, y, prior = problems.A, problems.y, 1 / rho.T
    AD = A * prior[:, None]
    gain = np.linalg.solve(AD @ A.swapaxes(1, 2) + problems.noise[:, None, None] * np.eye(M), AD)
    mean = np.einsum("tmn,tm->nt", gain, y)
    return mean, (prior - np.einsum("tmn,tmn->tn", AD, gain)).T


def chain(evidence: FloatArray) -> FloatArray:
    """Answer as Markov chains of the signals' density and mean cluster would.

    Examples
    --------
    >>> bool(np.isclose(chain(np.zeros((N, 1)))[50, 0], np.log(1 / 9)))
    True
    """
    leave = 1 / SIZE
    enter = DENSITY * leave / (1 - DENSITY)
    return ChainSupport(enter, leave).extrinsic(evidence).log_odds


def independent(evidence: FloatArray) -> FloatArray:
    """Answer as independent supports of the same density would.

    Examples
    --------
    >>> independent(np.zeros((1, 1))).round(3)
    array([[-2.197]])
    """
    return IndependentSupport(np.log(DENSITY / (1 - DENSITY))).extrinsic(evidence).log_odds


def recover(
    problems: Problems,
    module_b: ModuleB,
    *,
    form: str = "collapsed",
    rho: float = 1 / DENSITY,
    rounds: int = 50,
    contrast: Callable[[int], float] = lambda k: max(1e-3, 0.1 ** (1 + k / 15)),
) -> tuple[FloatArray, FloatArray]:
    """Return the mean of q(w) and logit pi_tilde after some rounds of Turbo-VBI, both (N, T).

    Parameters
    ----------
    problems : Problems
    module_b : callable
        From l to logit pi, as `chain`.
    form : str
        Of Module A, one of `FORMS`.
    rho : float
        <rho> of the first w-step: one over the signal's mean square.
    rounds : int
    contrast : callable
        Of the spike by round, which has the slab's shape 1; the slab is Ga(1, 1).

    Examples
    --------
    >>> problems = draw(3, 25.0, seed=0)
    >>> mean, log_odds = recover(problems, chain)
    >>> nmse(mean, problems.x) < -20
    True
    """
    precision = np.full(problems.x.shape, rho)
    pi = module_b(np.zeros_like(precision))
    posterior: LayerPosterior | None = None
    for k in range(rounds):
        mean, variance = lmmse(problems, precision)
        spike = Gamma(1.0, contrast(k))

        def module_a(
            m: FloatArray, log_odds: FloatArray, spike: Gamma = spike
        ) -> tuple[FloatArray, FloatArray]:
            nonlocal posterior
            posterior = FORMS[form].step(m, log_odds, Gamma(1.0, 1.0), spike, posterior)
            return posterior.support_log_odds, posterior.expected_precision

        done = turbo_round(mean**2 + variance, pi, module_a, module_b)
        pi, precision = done.prior_log_odds, done.expected_precision
    return lmmse(problems, precision)[0], done.support_log_odds


def sbl(problems: Problems, rounds: int = 200, tiny: float = 1e-6, half: float = 0.5) -> FloatArray:
    """Return the mean by sparse Bayesian learning: one Gamma(tiny, tiny) a weight, no support.

    Parameters
    ----------
    problems : Problems
    rounds : int
    tiny : float
    half : float
        What a real Gaussian adds to the shape, and m times over to the rate.

    Examples
    --------
    >>> problems = draw(3, 25.0, seed=0)
    >>> nmse(sbl(problems), problems.x) < -20
    True
    """
    rho = np.full(problems.x.shape, 1 / DENSITY)
    for _ in range(rounds):
        mean, variance = lmmse(problems, rho)
        rho = (tiny + half) / (tiny + half * (mean**2 + variance))
    return mean


def lasso(problems: Problems) -> FloatArray:
    """Return the lasso's estimates with that penalty of thirty which is nearest to the truth.

    Examples
    --------
    >>> problems = draw(3, 25.0, seed=0)
    >>> nmse(lasso(problems), problems.x) < -10
    True
    """
    best = []
    for A, x, y in zip(problems.A, problems.x.T, problems.y, strict=True):
        penalties = np.abs(A.T @ y).max() / M * np.geomspace(1, 1e-3, 30)  # the first gives 0
        path = lasso_path(A, y, alphas=penalties, max_iter=10_000)[1]
        best.append(path.T[np.argmin(((path.T - x) ** 2).sum(axis=1))])
    return np.array(best).T


def omp(problems: Problems) -> FloatArray:
    """Return the estimates of orthogonal matching pursuit, told how many values are not zero.

    Examples
    --------
    >>> (omp(draw(2, 25.0, seed=0)) != 0).sum(axis=0)
    array([10, 10])
    """
    told = SIZE * CLUSTERS
    pairs = zip(problems.A, problems.y, strict=True)
    return np.array([orthogonal_mp(A, y, n_nonzero_coefs=told) for A, y in pairs]).T


def oracle(problems: Problems) -> FloatArray:
    """Return the best estimates of all that know the true support.

    Examples
    --------
    >>> problems = draw(2, 10.0, seed=0)
    >>> bool(np.abs(oracle(problems)[problems.x == 0]).max() < 1e-9)
    True
    """
    return lmmse(problems, np.where(problems.x != 0, 1.0, 1e12))[0]


METHODS: dict[str, Callable[[Problems], FloatArray]] = {
    "lasso, best penalty": lasso,
    "OMP, told there are 10": omp,
    "sparse Bayesian learning": sbl,
    "Turbo-VBI, independent": lambda problems: recover(problems, independent)[0],
    "Turbo-VBI, chain": lambda problems: recover(problems, chain)[0],
    "true support known": oracle,
}


def nmse(estimate: FloatArray, x: FloatArray) -> float:
    """Return the normalised mean square error |estimate - x|^2 / |x|^2, averaged, in dB.

    Examples
    --------
    >>> nmse(np.full((4, 1), 0.9), np.ones((4, 1))) < -19.99
    True
    """
    return float(10 * np.log10(np.mean(((estimate - x) ** 2).sum(0) / (x**2).sum(0))))


def curves(snr: FloatArray, errors: Mapping[str, FloatArray]) -> Figure:
    """Draw NMSE over SNR, a line a method.

    Parameters
    ----------
    snr : ndarray (K,)
        In dB.
    errors : mapping from a name to an ndarray (K,)
        In dB.

    Examples
    --------
    >>> len(curves(np.array([0.0, 5.0]), {"one": np.array([0.0, -5.0])}).axes[0].lines)
    1
    """
    with mpl.rc_context(plots.STYLE):
        figure = Figure(figsize=(7.4, 4.4), layout="constrained")
        axes = figure.subplots()
        for name, look in looks_of(errors).items():
            axes.plot(snr, errors[name], label=name, ms=5, **look)
        axes.set(xlabel="signal-to-noise ratio, dB", ylabel="NMSE, dB (lower is better)")
        axes.set_xticks(snr)
        axes.legend(fontsize=9)
    return figure


def signals(x: FloatArray, rows: Mapping[str, tuple[FloatArray, FloatArray]]) -> Figure:
    """Draw one signal under each of its estimates, and what is held for its support.

    Parameters
    ----------
    x : ndarray (N,)
        The truth.
    rows : mapping from a title to (estimate, pi_tilde), ndarrays (N,)

    Examples
    --------
    >>> len(signals(np.eye(4)[0], {"one": (np.zeros(4), np.zeros(4))}).axes)
    1
    """
    with mpl.rc_context(plots.STYLE):
        figure = Figure(figsize=(7.6, 1.7 * len(rows) + 0.5), layout="constrained")
        panels = figure.subplots(len(rows), 1, sharex=True, sharey=True, squeeze=False)[:, 0]
        places = np.arange(len(x))
        for axes, (title, (estimate, held)) in zip(panels, rows.items(), strict=True):
            low = min(x.min(), 0) - 0.6
            axes.fill_between(
                places, low, low + 0.5 * held, step="mid", color=plots.SKY, label=r"$\tilde\pi$"
            )
            axes.vlines(places, 0, estimate, color=plots.RED, lw=1.8, label="estimate")
            alive = x != 0
            axes.plot(places[alive], x[alive], "o", mfc="none", color="black", ms=5, label="truth")
            axes.set_title(title)
            axes.set_ylabel("value")
        panels[-1].set_xlabel("place n")
        panels[0].legend(ncols=3, loc="upper right", fontsize=8.5)
    return figure

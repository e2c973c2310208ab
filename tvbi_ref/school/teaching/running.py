"""The running example of the lessons: twelve weights, of which every support can be tried.

A linear regression y = X w + noise with the three-layer prior: a chain on the support, and
precisions that are next to fixed given the support (a = 200), so that a weight given its support
is Gaussian. Then p(D | s) has a closed form, and with 4096 supports the posterior is known exactly.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from scipy.special import expit

from tvbi_ref._validation import FloatArray, as_count
from tvbi_ref.gamma import Gamma
from tvbi_ref.lab import plots
from tvbi_ref.module_a import evidence_collapsed, precision_collapsed, second_moment
from tvbi_ref.module_a.objective import gaussian_entropy
from tvbi_ref.module_b import ChainSupport
from tvbi_ref.module_b.bethe import chain_log_partition
from tvbi_ref.module_b.exact import all_states, chain_log_weights
from tvbi_ref.prior import HierarchicalPrior
from tvbi_ref.school.teaching.looks import LOOKS

WEIGHTS, ROWS = 12, 20
NOISE_PRECISION = 4.0
SLAB, SPIKE = Gamma(200.0, 200.0), Gamma(200.0, 0.5)
"""A live weight is about 1 large, a dead one 0.05: their squared scales are b/a."""
PRIOR = HierarchicalPrior(SLAB, SPIKE, ChainSupport(p01=0.15, p10=0.3))
FIRST = 2212
"""The random seed of example 0, which has two clusters, and weights that cannot be decided."""
ANNEALED = (*np.geomspace(0.1, PRIOR.contrast, 50), *[PRIOR.contrast] * 50)
NARROW = (PRIOR.contrast,) * 100
"""The contrast of each round: annealed, and narrow from the start."""


@dataclass(frozen=True)
class Example:
    """A data set of the running example, and the truth behind it.

    Parameters
    ----------
    x : ndarray (20, 12)
    y : ndarray (20, 1)
        x @ weights + noise.
    weights, support : ndarray (12, 1)
        What has drawn y; a support is 0 or 1.
    gamma : float
        The precision of the noise, known.
    prior : HierarchicalPrior
        `active` is the slab, `inactive` the spike, `support` the chain (p01, p10).

    Examples
    --------
    >>> one = example()
    >>> one.x.shape, one.y.shape, one.weights.shape
    ((20, 12), (20, 1), (12, 1))
    """

    x: FloatArray
    y: FloatArray
    weights: FloatArray
    support: FloatArray
    gamma: float = NOISE_PRECISION
    prior: HierarchicalPrior = PRIOR

    @property
    def chain(self) -> ChainSupport:
        """The prior on the support."""
        return cast(ChainSupport, self.prior.support)

    @property
    def field(self) -> float:
        """The log-odds that a weight is alive where nothing is known of its neighbours."""
        return float(np.log(self.chain.p01 / self.chain.p10))


def example(seed: int = 0) -> Example:
    """Draw a data set from the prior; number 0 is the one that the lessons show.

    Parameters
    ----------
    seed : int, 0 or more

    Examples
    --------
    >>> example().support.ravel()
    array([0., 1., 1., 1., 0., 0., 0., 0., 1., 1., 1., 0.])
    """
    rng = np.random.default_rng(FIRST + as_count(seed, "seed"))
    support, _, weights = PRIOR.sample((WEIGHTS, 1), rng)
    x = rng.normal(size=(ROWS, WEIGHTS))
    y = x @ weights + rng.normal(size=(ROWS, 1)) / np.sqrt(NOISE_PRECISION)
    return Example(x, y, weights, support)


# The exact posterior


class Exact(NamedTuple):
    """The posterior by enumeration.

    Parameters
    ----------
    supports : ndarray (4096, 12)
        Every support, 0 or 1.
    probabilities : ndarray (4096,)
        p(s | D).
    alive : ndarray (12, 1)
        p(s_n = 1 | D).
    log_evidence : float
        ln p(D).
    """

    supports: FloatArray
    probabilities: FloatArray
    alive: FloatArray
    log_evidence: float


def log_evidences(example: Example, supports: FloatArray) -> FloatArray:
    """Return ln p(D | s) of supports: w | s is Gaussian and integrated out.

    Parameters
    ----------
    example : Example
    supports : ndarray (S, 12), 0 or 1

    Returns
    -------
    ndarray (S,)

    Examples
    --------
    >>> one = example()
    >>> truth, nothing = log_evidences(one, np.array([one.support[:, 0], np.zeros(12)]))
    >>> bool(truth > nothing)
    True
    """
    x, y, gamma, prior = example.x, example.y[:, 0], example.gamma, example.prior
    precision = np.where(supports == 1, prior.active.mean, prior.inactive.mean)
    posterior = gamma * x.T @ x + precision[:, :, None] * np.eye(x.shape[1])
    pull = gamma * x.T @ y
    mean = np.linalg.solve(posterior, np.broadcast_to(pull[:, None], (*precision.shape, 1)))
    logs = np.log(precision).sum(axis=1) - np.linalg.slogdet(posterior)[1]
    constant = len(y) * np.log(gamma / (2 * np.pi)) - gamma * y @ y
    return 0.5 * (constant + logs + mean[..., 0] @ pull)


def exact(example: Example) -> Exact:
    """Return the exact posterior of the support, under the chain: every support is weighed.

    Parameters
    ----------
    example : Example

    Examples
    --------
    >>> exact(example()).alive.round(2).ravel()
    array([0.27, 1.  , 1.  , 0.9 , 0.09, 0.03, 0.04, 0.12, 1.  , 0.96, 0.44,
           0.26])
    """
    supports = all_states((example.x.shape[1], 1))
    log_prior = chain_log_weights(supports, example.chain.p01, example.chain.p10)
    log_joint = log_prior + log_evidences(example, supports[:, :, 0])
    log_evidence = np.logaddexp.reduce(log_joint)
    p = np.exp(log_joint - log_evidence)
    return Exact(supports[:, :, 0], p, np.tensordot(p, supports, axes=1), float(log_evidence))


# Turbo-VBI of the same model


def weight_step(
    example: Example, mean: FloatArray, precision: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return mean and variance of q(w), each weight best for the others, one after the other.

    Parameters
    ----------
    example : Example
    mean, precision : ndarray (12, 1)
        The means so far, and <rho>.

    Examples
    --------
    >>> mean, variance = weight_step(example(), np.zeros((12, 1)), np.ones((12, 1)))
    >>> mean.shape, bool((variance < 1).all())
    ((12, 1), True)
    """
    x, mean = example.x, mean.copy()
    squares = (x**2).sum(axis=0)[:, None]
    variance = 1 / (precision + example.gamma * squares)
    for i in range(len(mean)):
        without_i = x[:, i] @ (example.y - x @ mean) + squares[i] * mean[i]
        mean[i] = variance[i] * example.gamma * without_i
    return mean, variance


def joint_weight_step(
    example: Example, mean: FloatArray, precision: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return mean and variances of the best q(w) with a full covariance; all weights at once.

    Parameters
    ----------
    example : Example
    mean, precision : ndarray (12, 1)
        The means so far, which it does not need, and <rho>.

    Examples
    --------
    >>> start = np.zeros((12, 1)), np.ones((12, 1))
    >>> variance, alone = joint_weight_step(example(), *start)[1], weight_step(example(), *start)[1]
    >>> bool((variance > alone).all())
    True
    """
    x, gamma = example.x, example.gamma
    covariance = np.linalg.inv(gamma * x.T @ x + np.diag(precision[:, 0]))
    return covariance @ (gamma * x.T @ example.y), np.diag(covariance)[:, None].copy()


class Run(NamedTuple):
    """Where Turbo-VBI has come to rest, every array (12, 1).

    Parameters
    ----------
    mean, variance
        Of q(w).
    support_log_odds
        logit pi_tilde.
    prior_log_odds
        logit pi, what Module B has said last.
    precision
        <rho>.
    """

    mean: FloatArray
    variance: FloatArray
    support_log_odds: FloatArray
    prior_log_odds: FloatArray
    precision: FloatArray

    @property
    def alive(self) -> FloatArray:
        """pi_tilde = q(s = 1)."""
        return expit(self.support_log_odds)


def averaged_evidence(
    mean: FloatArray, variance: FloatArray, precision: FloatArray, prior: HierarchicalPrior
) -> FloatArray:
    """Return l of Turbo-VBI: the log of slab over spike, averaged over q(w).

    Parameters
    ----------
    mean, variance, precision : ndarray (12, 1)
        q(w), and the <rho> that it has come from, which is not needed.
    prior : HierarchicalPrior

    Notes
    -----
    Source: [evidence-collapsed].

    Examples
    --------
    >>> one = np.ones((1, 1))
    >>> averaged_evidence(0 * one, 0.0025 * one, 400 * one, PRIOR).round(2)
    array([[-2.5]])
    """
    return evidence_collapsed(second_moment(mean, variance), prior.active, prior.inactive)


def cavity_evidence(
    mean: FloatArray, variance: FloatArray, precision: FloatArray, prior: HierarchicalPrior
) -> FloatArray:
    """Return l = ln p(D | s_n = 1) - ln p(D | s_n = 0), the weight integrated out.

    What q(w) knows of a weight without its own prior N(0, 1/<rho>) is its cavity, a Gaussian.

    Parameters
    ----------
    mean, variance, precision : ndarray (12, 1)
        q(w), and the <rho> that it has come from: 1/variance > precision.
    prior : HierarchicalPrior

    Examples
    --------
    >>> one = np.ones((1, 1))
    >>> cavity_evidence(0 * one, one / 500, 400 * one, PRIOR).round(2)
    array([[-2.2]])
    """
    spread = 1 / (1 / variance - precision)
    centre = spread * mean / variance
    alive, dead = (spread + 1 / gamma.mean for gamma in (prior.active, prior.inactive))
    return 0.5 * (np.log(dead / alive) + centre**2 * (1 / dead - 1 / alive))


def turbo(
    example: Example,
    contrasts: Iterable[float] = ANNEALED,
    step: Callable[..., tuple[FloatArray, FloatArray]] = weight_step,
    evidence: Callable[..., FloatArray] = averaged_evidence,
) -> Run:
    """Return Turbo-VBI's posterior: w-step and turbo round, as often as there are contrasts.

    Parameters
    ----------
    example : Example
    contrasts : iterable of float
        The spike of each round: `ANNEALED` or `NARROW`.
    step : callable
        `weight_step` or `joint_weight_step`.
    evidence : callable
        `averaged_evidence` or `cavity_evidence`.

    Examples
    --------
    >>> turbo(example()).alive.round(2).ravel()
    array([0.16, 1.  , 1.  , 1.  , 0.06, 0.01, 0.01, 0.06, 1.  , 1.  , 0.09,
           0.03])
    """
    mean = np.zeros_like(example.weights)
    precision = np.full_like(mean, example.prior.active.mean)  # as if all were alive
    for contrast in contrasts:
        prior = example.prior.with_contrast(contrast)
        mean, variance = step(example, mean, precision)
        l = evidence(mean, variance, precision, prior)  # Module A
        pi = example.chain.extrinsic(l).log_odds  # Module B
        both = prior.active, prior.inactive
        precision = precision_collapsed(second_moment(mean, variance), expit(pi + l), *both)
    return Run(mean, variance, pi + l, pi, precision)


def bound(example: Example, mean: FloatArray, variance: FloatArray) -> float:
    """Return the lower bound of ln p(D) that a q(w) of independent weights has.

    Everything else is in place at its best: precisions, supports and the chain.

    Parameters
    ----------
    example : Example
    mean, variance : ndarray (12, 1)

    Examples
    --------
    >>> run = turbo(example())
    >>> bound(example(), run.mean, run.variance) < exact(example()).log_evidence
    True
    """
    x, y, gamma, prior = example.x, example.y, example.gamma, example.prior
    squares = np.sum((y - x @ mean) ** 2) + np.sum((x**2) @ variance)
    data = 0.5 * len(y) * np.log(gamma / (2 * np.pi)) - 0.5 * gamma * squares
    m = second_moment(mean, variance)
    dead = prior.inactive.log_weight_evidence(m).sum()
    l = evidence_collapsed(m, prior.active, prior.inactive)
    supports = chain_log_partition(example.chain, l)
    return float(data + gaussian_entropy(variance).sum() + dead + supports)


# Pictures


def draw(example: Example, beliefs: Mapping[str, FloatArray] | None = None) -> Figure:
    """Draw the true weights beside what least squares makes of the rows, and beliefs below.

    Parameters
    ----------
    example : Example
    beliefs : mapping from a name to an ndarray (12, 1), optional
        Probabilities that a weight is alive. At most eight.

    Examples
    --------
    >>> len(draw(example()).axes), len(draw(example(), {"exact": exact(example()).alive}).axes)
    (1, 2)
    """
    rows = 2 if beliefs else 1
    with mpl.rc_context(plots.STYLE):
        figure = Figure(figsize=(6.6, 2.7 * rows), layout="constrained")
        panels = figure.subplots(rows, 1, sharex=True, squeeze=False)[:, 0]
        _draw_weights(panels[0], example)
        if beliefs:
            _draw_beliefs(panels[1], beliefs)
        for axes in panels:
            _shade(axes, example.support[:, 0] == 1)
            axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=4, fontsize=9)
        panels[-1].set(xlabel="weight n", xticks=np.arange(1, len(example.weights) + 1))
    return figure


def _shade(axes: Any, alive: Any) -> None:
    for n in np.flatnonzero(alive):
        label = "alive" if n == np.flatnonzero(alive)[0] else None
        axes.axvspan(n + 0.5, n + 1.5, color=plots.SKY, alpha=0.25, lw=0, label=label)


def _draw_weights(axes: Any, example: Example) -> None:
    covariance = np.linalg.inv(example.gamma * example.x.T @ example.x)
    fitted = example.gamma * covariance @ example.x.T @ example.y[:, 0]
    place = np.arange(1, len(fitted) + 1)
    bars: Any = {"fmt": "_", "color": "0.4", "ms": 8, "lw": 1.4, "capsize": 3}
    axes.axhline(0, color="0.3", lw=0.8)
    axes.plot(place - 0.12, example.weights[:, 0], "*", color="black", ms=9, label="true weight")
    error = 2 * np.sqrt(np.diag(covariance))
    axes.errorbar(
        place + 0.12, fitted, error, label="least squares, ± 2 standard deviations", **bars
    )
    axes.set_ylabel("w")


def _draw_beliefs(axes: Any, beliefs: Mapping[str, FloatArray]) -> None:
    shift = np.linspace(-0.25, 0.25, len(beliefs)) if len(beliefs) > 1 else [0.0]
    for look, by, (name, p) in zip(LOOKS, shift, beliefs.items(), strict=False):
        mark = look | {"ls": ""}
        axes.plot(np.arange(1, len(p) + 1) + by, p.ravel(), label=name, ms=6, **mark)
    axes.axhline(0.5, color="0.3", lw=0.8, ls=":")
    axes.set(ylabel="P(alive)", ylim=(-0.04, 1.04))

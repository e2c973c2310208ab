"""Messages between two estimators: how much they tell, one free energy for both, damping.

Module A is a linear regression here, w-step and all, that is run until it rests; Module B is a
chain. Many data sets are run side by side: a column of an array is a data set.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from scipy.special import entr, log_expit, logit

from tvbi_ref._validation import FloatArray
from tvbi_ref.lab import plots
from tvbi_ref.module_a import collapsed_step, elbo_collapsed
from tvbi_ref.module_b.bethe import chain_log_partition
from tvbi_ref.prior import HierarchicalPrior
from tvbi_ref.school.teaching import running
from tvbi_ref.school.teaching.fields import as_png
from tvbi_ref.school.teaching.looks import LOOKS
from tvbi_ref.school.teaching.turbo import A_COLOUR, B_COLOUR


class Regressions(NamedTuple):
    """D linear regressions of N weights with one prior.

    Parameters
    ----------
    gram : ndarray (N, N, D)
        gamma X'X.
    pull : ndarray (N, D)
        gamma X'y.
    support : ndarray (N, D), 0 or 1
        The truth.
    prior : HierarchicalPrior
    """

    gram: FloatArray
    pull: FloatArray
    support: FloatArray
    prior: HierarchicalPrior


def stack(examples: Sequence[running.Example]) -> Regressions:
    """Put data sets of one prior side by side.

    Examples
    --------
    >>> stack([running.example(k) for k in range(3)]).support.shape
    (12, 3)
    """
    gram = np.stack([e.gamma * e.x.T @ e.x for e in examples], axis=-1)
    pull = np.hstack([e.gamma * e.x.T @ e.y for e in examples])
    support = np.hstack([e.support for e in examples])
    return Regressions(gram, pull, support, examples[0].prior)


def draw(
    prior: HierarchicalPrior, n_weights: int, n_rows: int, n_sets: int, seed: int = 0
) -> Regressions:
    """Draw data sets from the model, with the noise of the running example.

    Parameters
    ----------
    prior : HierarchicalPrior
    n_weights, n_rows, n_sets : int
    seed : int

    Examples
    --------
    >>> draw(running.PRIOR, 5, 4, 3).gram.shape
    (5, 5, 3)
    """
    rng, examples = np.random.default_rng(seed), []
    for _ in range(n_sets):
        support, _, weights = prior.sample((n_weights, 1), rng)
        x = rng.normal(size=(n_rows, n_weights))
        y = x @ weights + rng.normal(size=(n_rows, 1)) / np.sqrt(running.NOISE_PRECISION)
        examples.append(running.Example(x, y, weights, support, prior=prior))
    return stack(examples)


# The two estimators


class Estimate(NamedTuple):
    """What Module A has found, arrays (N, D).

    Parameters
    ----------
    posterior
        logit pi_tilde.
    mean
        Of q(w).
    precision
        <rho>.
    """

    posterior: FloatArray
    mean: FloatArray
    precision: FloatArray


def weight_step(
    data: Regressions, mean: FloatArray, precision: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return mean and variance (N, D) of q(w), each weight best for the others, in turn.

    Parameters
    ----------
    data : Regressions
    mean, precision : ndarray (N, D)
        The means so far, and <rho>.

    Examples
    --------
    >>> one, start = running.example(), (np.zeros((12, 1)), np.ones((12, 1)))
    >>> swept = weight_step(stack([one]), *start)
    >>> np.allclose(swept, running.weight_step(one, *start))
    True
    """
    mean, own = mean.copy(), np.einsum("nnd->nd", data.gram)
    variance = 1 / (own + precision)
    for n in range(len(mean)):
        others = np.einsum("kd,kd->d", data.gram[n], mean) - own[n] * mean[n]
        mean[n] = variance[n] * (data.pull[n] - others)
    return mean, variance


def module_a(
    data: Regressions,
    told: FloatArray,
    contrasts: Sequence[float],
    before: Estimate | None = None,
) -> Estimate:
    """Return what Module A makes of logit pi, which is held: w-step and rho,s-step in turn.

    Parameters
    ----------
    data : Regressions
    told : ndarray (N, D)
        logit pi.
    contrasts : sequence of float
        One for each pair of steps.
    before : Estimate, optional
        Where to go on from; by default it begins as if all weights were alive.

    Examples
    --------
    >>> data = stack([running.example()])
    >>> found = module_a(data, np.zeros((12, 1)), running.ANNEALED)
    >>> found.posterior.shape
    (12, 1)
    """
    start = np.zeros(told.shape), np.full(told.shape, data.prior.active.mean)
    mean, rho = (before.mean, before.precision) if before else start
    for contrast in contrasts:
        prior = data.prior.with_contrast(contrast)
        mean, variance = weight_step(data, mean, rho)
        q = collapsed_step(mean**2 + variance, told, prior.active, prior.inactive)
        rho = q.expected_precision
    return Estimate(q.support_log_odds, mean, rho)


def module_b(data: Regressions, evidence: FloatArray) -> FloatArray:
    """Return logit pi (N, D), what the chains answer to the evidence.

    Examples
    --------
    >>> data = stack([running.example()])
    >>> bool(np.allclose(module_b(data, np.zeros((12, 1))), np.log(0.5)))
    True
    """
    return data.prior.support.extrinsic(evidence).log_odds


# What a message tells


def consistent(support: FloatArray, strength: float, rng: np.random.Generator) -> FloatArray:
    """Draw log-odds l with p(l | s = 1) / p(l | s = 0) = e^l: as strong as they say.

    Parameters
    ----------
    support : ndarray, 0 or 1
    strength : float, 0 or more
        The variance v; the mean is v/2 of a live weight, -v/2 of a dead one.
    rng : numpy.random.Generator

    Examples
    --------
    >>> consistent(np.array([1.0, 0.0]), 0.0, np.random.default_rng(0))
    array([ 0., -0.])
    """
    return (support - 0.5) * strength + np.sqrt(strength) * rng.standard_normal(support.shape)


def information(support: FloatArray, message: FloatArray, bins: int = 40) -> float:
    """Return the mutual information of supports and messages, as a share of the supports' entropy.

    It is counted in a histogram whose bins hold equally many messages, and asks only what can be
    known from a message, not whether the message says it rightly.

    Parameters
    ----------
    support : ndarray, 0 or 1
    message : ndarray, the same shape
        Log-odds, or anything else.
    bins : int

    Examples
    --------
    >>> s = np.tile([0.0, 1.0, 1.0, 0.0], 50)
    >>> round(information(s, 10 * s), 10), round(information(s, 0 * s), 10)
    (1.0, 0.0)
    """
    edges = np.quantile(message, np.linspace(0, 1, bins + 1)[1:-1])
    place = np.searchsorted(edges, message.ravel())
    there = np.bincount(place, minlength=bins)
    alive = np.bincount(place, support.ravel(), minlength=bins) / np.maximum(there, 1)
    left = np.sum(there * _entropy(alive)) / there.sum()
    return float(1 - left / _entropy(support.mean()))


def believed(support: FloatArray, log_odds: FloatArray) -> float:
    """Return what log-odds are worth to a receiver who takes them at their word.

    It is 1 - (mean of -ln P(truth)) / entropy: at most `information`, and as much if the
    log-odds are calibrated. Below 0 it were better not to listen.

    Parameters
    ----------
    support : ndarray, 0 or 1
    log_odds : ndarray, the same shape
        Of s = 1, the prior's included.

    Examples
    --------
    >>> s = np.array([0.0, 1.0])
    >>> round(believed(s, 0 * s), 10), believed(s, 100 - 200 * s) < -100
    (0.0, True)
    """
    loss = -log_expit(np.where(support == 1, log_odds, -log_odds)).mean()
    return float(1 - loss / _entropy(support.mean()))


def _entropy(p: Any) -> Any:
    return entr(p) + entr(1 - p)


def at_its_worth(support: FloatArray, message: FloatArray, bins: int = 20) -> FloatArray:
    """Return messages as the log-odds that they ought to have said, learned from the truth.

    Parameters
    ----------
    support : ndarray, 0 or 1
    message : ndarray, the same shape
    bins : int
        Of equally many messages.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> s = (rng.random(20_000) < 0.5).astype(float)
    >>> loud = 5 * consistent(s, 2.0, rng)
    >>> believed(s, loud) < 0 < believed(s, at_its_worth(s, loud))
    True
    """
    edges = np.quantile(message, np.linspace(0, 1, bins + 1)[1:-1])
    place = np.searchsorted(edges, message)
    alive = np.bincount(place.ravel(), support.ravel(), minlength=bins) + support.mean()
    many = np.bincount(place.ravel(), minlength=bins) + 1.0
    return logit(alive / many)[place] - float(logit(support.mean()))


class Chart(NamedTuple):
    """An EXIT chart: information in, information out; arrays (k,).

    Parameters
    ----------
    into_a, out_of_a
        Of synthetic messages to Module A, and of what it sends then.
    into_b, out_of_b
        The same of Module B.
    """

    into_a: FloatArray
    out_of_a: FloatArray
    into_b: FloatArray
    out_of_b: FloatArray


def chart(
    data: Regressions, contrasts: Sequence[float], strengths: Sequence[float], seed: int = 0
) -> Chart:
    """Measure both modules, each by itself, on synthetic messages that are consistent.

    Parameters
    ----------
    data : Regressions
    contrasts : sequence of float
        Of Module A.
    strengths : sequence of float
        Of the messages, see `consistent`.
    seed : int

    Examples
    --------
    >>> data = stack([running.example(k) for k in range(20)])
    >>> both = chart(data, running.NARROW[:20], [0.0, 8.0])
    >>> bool(both.out_of_a[1] > both.out_of_a[0]), bool(both.out_of_b[1] > both.out_of_b[0])
    (True, True)
    """
    rng, s, rows = np.random.default_rng(seed), data.support, []
    field = module_b(data, np.zeros(s.shape))
    for strength in strengths:
        told, heard = field + consistent(s, strength, rng), consistent(s, strength, rng)
        sent = module_a(data, told, contrasts).posterior - told
        pairs = (told, sent), (heard, module_b(data, heard))
        rows.append([information(s, message) for pair in pairs for message in pair])
    return Chart(*np.array(rows).T)


def exchange(
    data: Regressions, contrasts: Sequence[float], rounds: int
) -> list[tuple[FloatArray, FloatArray]]:
    """Return (l, logit pi) of each round: Module A until it rests, then Module B.

    Examples
    --------
    >>> len(exchange(stack([running.example()]), running.NARROW, 2))
    2
    """
    told = module_b(data, np.zeros(data.support.shape))
    messages: list[tuple[FloatArray, FloatArray]] = []
    for _ in range(rounds):
        l = module_a(data, told, contrasts).posterior - told
        told = module_b(data, l)
        messages.append((l, told))
    return messages


def settle(
    data: Regressions, damping: float, rounds: int, contrast: float | None = None, steps: int = 60
) -> FloatArray:
    """Return logit pi (rounds + 1, N, D) of a damped exchange with one spike throughout.

    Module A goes on from its own last state, `steps` pairs of steps a round, and of each new
    message from Module B the share 1 - damping is taken.

    Parameters
    ----------
    data : Regressions
    damping : float in [0, 1)
    rounds, steps : int
    contrast : float, optional
        By default the prior's.

    Examples
    --------
    >>> settle(stack([running.example()]), 0.5, 3).shape
    (4, 12, 1)
    """
    told = module_b(data, np.zeros(data.support.shape))
    found, history = None, [told]
    for _ in range(rounds):
        found = module_a(data, told, [contrast or data.prior.contrast] * steps, found)
        told = damping * told + (1 - damping) * module_b(data, found.posterior - told)
        history.append(told)
    return np.array(history)


# One free energy


def free_energy(
    example: running.Example,
    mean: FloatArray,
    variance: FloatArray,
    evidence: FloatArray,
    log_odds: FloatArray,
) -> float:
    """Return the bound of both modules, a function of q(w) and of both messages.

    Module A's collapsed ELBO with pi for a prior, plus ln E exp(sum l s) under the chain, minus
    the same under independent weights that live with probability pi.

    Parameters
    ----------
    example : Example
    mean, variance : ndarray (12, 1)
    evidence, log_odds : ndarray (12, 1)
        l and logit pi, any.

    Examples
    --------
    >>> one, run = running.example(), running.turbo(running.example())
    >>> l, log_odds = run.support_log_odds - run.prior_log_odds, run.prior_log_odds
    >>> G = free_energy(one, run.mean, run.variance, l, log_odds)
    >>> bool(np.isclose(G, running.bound(one, run.mean, run.variance)))
    True
    """
    x, y, gamma, prior = example.x, example.y, example.gamma, example.prior
    squares = np.sum((y - x @ mean) ** 2) + np.sum(x**2 @ variance)
    data = 0.5 * len(y) * np.log(gamma / (2 * np.pi)) - 0.5 * gamma * squares
    module_a = elbo_collapsed(mean, variance, log_odds, prior.active, prior.inactive).total
    both = chain_log_partition(example.chain, evidence)
    alone = np.logaddexp(log_expit(log_odds) + evidence, log_expit(-log_odds)).sum()
    return float(data + module_a + both - alone)


# Pictures


def staircase(data: Regressions, messages: Sequence[tuple[FloatArray, FloatArray]]) -> FloatArray:
    """Return what the messages of an exchange tell, (2 rounds + 1, 2): of B's, and of A's.

    Parameters
    ----------
    data : Regressions
    messages : sequence of (l, logit pi)
        See `exchange`.

    Examples
    --------
    >>> data = stack([running.example(k) for k in range(20)])
    >>> steps = staircase(data, exchange(data, running.NARROW[:20], 2))
    >>> steps.shape, steps[0].tolist()
    ((5, 2), [0.0, 0.0])
    """
    corners = [(0.0, 0.0)]
    for l, told in messages:
        corners.append((corners[-1][0], information(data.support, l)))
        corners.append((information(data.support, told), corners[-1][1]))
    return np.array(corners)


def exit_charts(charts: dict[str, tuple[Chart, FloatArray]], corners: int | None = None) -> Figure:
    """Draw EXIT charts with the staircases of the loop on them.

    Parameters
    ----------
    charts : dict from a title to (chart, staircase)
    corners : int, optional
        How many corners of the staircases to draw; by default all.

    Examples
    --------
    >>> line = np.array([0.0, 1.0])
    >>> one = Chart(line, line, line, line), np.zeros((3, 2))
    >>> len(exit_charts({"one": one}).axes)
    1
    """
    with mpl.rc_context(plots.STYLE):
        figure = Figure(figsize=(7.8, 4.5), layout="constrained")
        row = figure.subplots(1, len(charts), squeeze=False)[0]
        for axes, (title, (both, steps)) in zip(row, charts.items(), strict=True):
            _curve(axes, both.into_a, both.out_of_a, A_COLOUR, "o", "-", "Module A, by itself")
            _curve(axes, both.out_of_b, both.into_b, B_COLOUR, "s", "--", "Module B, by itself")
            walked = steps[: corners and corners + 1]
            axes.plot(*walked.T, color="black", lw=1.3, zorder=3, label="the loop")
            axes.plot(*walked[-1], "X", color="black", ms=8, mec="white", zorder=4)
            axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal", title=title)
            axes.set_xlabel("information, B to A")
        row[0].set_ylabel("information, A to B")
        handles, labels = row[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=3)
    return figure


def _curve(
    axes: Any, x: FloatArray, y: FloatArray, colour: str, mark: str, dash: str, name: str
) -> None:
    look: Any = {"color": colour, "marker": mark, "ls": dash, "mec": "0.2", "mew": 0.6}
    axes.plot(x, y, label=name, lw=2.6, ms=6, **look)


def explore_charts(charts: dict[str, tuple[Chart, FloatArray]]) -> Any:
    """Return a widget: let the loop go along its staircase, message by message.

    Parameters
    ----------
    charts : dict
        As of `exit_charts`, which draws the same.

    Examples
    --------
    >>> line = np.array([0.0, 1.0])
    >>> one = Chart(line, line, line, line), np.zeros((3, 2))
    >>> len(explore_charts({"one": one}).children)
    2
    """
    import ipywidgets as widgets

    longest = max(len(steps) for _, steps in charts.values()) - 1
    sent = widgets.IntSlider(2, min=0, max=longest, description="messages")
    picture = widgets.Image(format="png")

    def redraw(_: Any = None) -> None:
        picture.value = as_png(exit_charts(charts, sent.value))

    sent.observe(redraw, "value")
    redraw()
    return widgets.VBox([sent, picture])


def settling(
    log_odds: dict[str, FloatArray], moved: dict[str, FloatArray], bounds: FloatArray
) -> Figure:
    """Draw exchanges with and without damping, and the loop with one w-step a round.

    Parameters
    ----------
    log_odds : dict from a name to an ndarray (rounds + 1,)
        One weight's logit pi.
    moved : dict from the same names to an ndarray (rounds,)
        The share of the data sets that still move.
    bounds : ndarray (rounds,)
        The bound after each round with one w-step.

    Examples
    --------
    >>> one = np.array([1.0, 0.5])
    >>> len(settling({"a": one}, {"a": one}, one).axes)
    3
    """
    with mpl.rc_context(plots.STYLE):
        figure = Figure(figsize=(7.8, 3.5), layout="constrained")
        one, many, single = figure.subplots(1, 3)
        for look, name in zip(LOOKS, log_odds, strict=False):
            one.plot(log_odds[name], label=name, ms=3.5, **look)
            many.plot(np.arange(1, len(moved[name]) + 1), moved[name], ms=3.5, **look)
        single.plot(np.arange(1, len(bounds) + 1), bounds, color="black", marker=".")
        one.set(title="one weight", ylabel=r"logit $\pi$")
        many.set(title="all data sets", ylabel="share that still moves", ylim=(-0.03, 1.03))
        single.set(title="one w-step a round", ylabel="bound, nats")
        for axes in (one, many, single):
            axes.set_xlabel("round")
        figure.legend(*one.get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure

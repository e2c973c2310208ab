"""Turbo-VBI with the data split over clients: the runs and pictures of lesson 26.

Clients make w-steps, a server holds q(w), the rest of Module A, and Module B.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from tvbi_ref._validation import FloatArray
from tvbi_ref.datasets import Dataset
from tvbi_ref.lab import plots
from tvbi_ref.module_a import collapsed_step, second_moment
from tvbi_ref.module_a.q_weight import add_penalty_gradient
from tvbi_ref.module_b import ChainSupport
from tvbi_ref.nets import Adam, Network, minibatches, mlp
from tvbi_ref.prior import HierarchicalPrior
from tvbi_ref.school.teaching.looks import looks_of
from tvbi_ref.turbo.annealing import Annealing
from tvbi_ref.turbo.round import turbo_round

Rows = NDArray[np.intp]
Aggregate = Callable[[FloatArray, FloatArray, FloatArray], tuple[FloatArray, FloatArray]]
Serve = Callable[
    [FloatArray, FloatArray, FloatArray, HierarchicalPrior],
    tuple[FloatArray, FloatArray, FloatArray],
]

SIZES = [64, 48, 10]
PRIOR = HierarchicalPrior.spike_and_slab(ChainSupport(0.02, 0.5), variance=0.1, contrast=1e-3)
BITS = 32
"""Of a number on the wire."""
NARROW = 0.01
"""The contrast from which on only survivors are sent."""


class Heard(NamedTuple):
    """Where a run stands after a round: bits on the wire so far, test accuracy, weights sent."""

    megabits: float
    score: float
    sent: int


def split(labels: NDArray[Any], *, by_label: bool, seed: int, n_clients: int = 10) -> list[Rows]:
    """Deal the rows out: at random, or two shards of sorted labels to each client.

    Parameters
    ----------
    labels : ndarray (N,)
    by_label : bool
    seed, n_clients : int

    Examples
    --------
    >>> labels = np.repeat(np.arange(10), 6)
    >>> [len(set(labels[rows])) for rows in split(labels, by_label=True, seed=0)][:3]
    [2, 2, 2]
    """
    rng = np.random.default_rng(seed)
    if not by_label:
        return np.array_split(rng.permutation(len(labels)), n_clients)
    shards = np.array_split(np.argsort(labels, kind="stable"), 2 * n_clients)
    pairs = rng.permutation(2 * n_clients).reshape(n_clients, 2)
    return [np.concatenate([shards[one], shards[two]]) for one, two in pairs]


def natural(
    means: FloatArray, variances: FloatArray, shares: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return mean and variance of the Gaussian with the average natural parameters.

    Parameters
    ----------
    means, variances : ndarray (K, ...)
        Of q(w) of K clients.
    shares : ndarray (K,)
        Of the rows that each holds; their sum is 1.

    Examples
    --------
    >>> natural(np.array([[0.0], [1.0]]), np.array([[1.0], [0.01]]), np.array([0.5, 0.5]))[0]
    array([0.99009901])
    """
    precision = np.tensordot(shares, 1 / variances, 1)
    return np.tensordot(shares, means / variances, 1) / precision, 1 / precision


def plain(
    means: FloatArray, variances: FloatArray, shares: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return averages of means and of variances, as the follow-up code has it.

    Parameters
    ----------
    means, variances, shares
        As in `natural`.

    Examples
    --------
    >>> plain(np.array([[0.0], [1.0]]), np.array([[1.0], [0.01]]), np.array([0.5, 0.5]))[0]
    array([0.5])
    """
    return np.tensordot(shares, means, 1), np.tensordot(shares, variances, 1)


def server(
    mean: FloatArray, variance: FloatArray, prior_log_odds: FloatArray, prior: HierarchicalPrior
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return logit pi, logit pi_tilde and <rho> for the q(w) that was put together.

    Parameters
    ----------
    mean, variance, prior_log_odds : ndarray (I, J)
    prior : HierarchicalPrior
        With the spike of this round.

    Examples
    --------
    >>> one = np.ones((2, 1))
    >>> _, log_odds, _ = server(np.array([[0.5], [0.0]]), 1e-4 * one, 0 * one, PRIOR)
    >>> (log_odds > 0).ravel()
    array([ True, False])
    """

    def module_a(m: FloatArray, log_odds: FloatArray) -> tuple[FloatArray, FloatArray]:
        q = collapsed_step(m, log_odds, prior.active, prior.inactive)
        return q.support_log_odds, q.expected_precision

    m = second_moment(mean, variance)
    done = turbo_round(m, prior_log_odds, module_a, lambda l: prior.support.extrinsic(l).log_odds)
    return done.prior_log_odds, done.support_log_odds, done.expected_precision


def w_steps(
    network: Network,
    x: FloatArray,
    y: NDArray[Any],
    precisions: Sequence[FloatArray],
    weight: float,
    *,
    epochs: int,
    rate: float,
    rng: np.random.Generator,
) -> None:
    """Let a client train the network in place: with <rho> by the ELBO, without by the loss alone.

    Parameters
    ----------
    network : Network
        Masked where nothing was sent.
    x, y : ndarray
        The client's rows.
    precisions : sequence of ndarray (I, J)
        <rho> of each layer; none: plain training of means and biases.
    weight : float
        kappa / N with the N of all clients: the client takes its rows for a sample of all.
    epochs : int
    rate : float
    rng : numpy.random.Generator

    Examples
    --------
    >>> network, x, y = mlp([2, 2], seed=0), np.eye(2, dtype=np.float32), np.array([0, 1])
    >>> w_steps(network, x, y, [], 0.0, epochs=200, rate=0.1, rng=np.random.default_rng(0))
    >>> network.score(x, y)
    1.0
    """
    fixed = [] if precisions else [w.log_variance for w in network.weight_layers]
    optimizer = Adam([p for p in network.parameters() if p not in fixed])
    for _ in range(epochs):
        for rows in minibatches(len(x), 16, rng):
            output = network.forward(x[rows], rng if precisions else None)
            network.fill_gradients(network.loss.gradient(output, y[rows]))
            for w, rho in zip(network.weight_layers, precisions, strict=False):
                mean, spread = w.mean, w.log_variance
                add_penalty_gradient(
                    mean.grad, spread.grad, mean.value, w.last_variance, rho, weight
                )
            optimizer.step(rate)


class Federation:
    """A run of federated Turbo-VBI: what the server holds, and what goes over the wire.

    Parameters
    ----------
    data : Dataset
    parts : sequence of ndarray
        The rows of each client.
    plan : Annealing
    epochs : int
        Passes of a client over its rows in a round.
    seed : int
        All clients draw the same noise, so that equal data give equal answers.
    aggregate, serve : callable
        As `natural` and `server`.

    Examples
    --------
    >>> from tvbi_ref import datasets
    >>> data = datasets.load_digits()
    >>> plan = Annealing(4, 1, 1, 0.1, 1e-2)
    >>> Federation(data, [np.arange(9)], plan, 1, 0, natural, server).megabits() < 1
    True
    """

    def __init__(
        self,
        data: Dataset,
        parts: Sequence[Rows],
        plan: Annealing,
        epochs: int,
        seed: int,
        aggregate: Aggregate,
        serve: Serve,
    ) -> None:
        self.data, self.parts, self.plan, self.epochs = data, parts, plan, epochs
        self.seed, self.aggregate, self.serve = seed, aggregate, serve
        self.network = mlp(SIZES, seed=seed)
        self.x, self.shares = self.network.as_inputs(data.x_train), _shares(parts)
        layers, spike = self.network.weight_layers, PRIOR.with_contrast(plan.spike_start)
        self.sent = [np.ones(w.matrix_shape, bool) for w in layers]
        self.said = []
        for w in layers:
            log_odds = PRIOR.support.extrinsic(np.zeros(w.matrix_shape)).log_odds
            self.said.append(serve(w.mean.value, w.variance, log_odds, spike))

    def megabits(self) -> float:
        """Return what a round costs, both ways.

        Down go mean and ln variance of what is sent, a bit a weight that says what is, and the
        biases; up go mean, ln variance and biases. A client can compute <rho> as the server does.
        """
        numbers = 4 * sum(int(s.sum()) for s in self.sent) + 2 * sum(SIZES[1:])
        return len(self.parts) * (BITS * numbers + self.network.n_weights) / 1e6

    def client(self, rows: Rows, t: int) -> Network:
        """Return what a client makes in round t of what it was sent."""
        network = self.survivors()
        w_steps(
            network,
            self.x[rows],
            self.data.y_train[rows],
            [rho.astype(np.float32) for _, _, rho in self.said],
            self.plan.kl_weight(t) / len(self.x),
            epochs=self.epochs,
            rate=self.plan.rate(t),
            rng=np.random.default_rng([self.seed, t]),
        )
        return network

    def take_in(self, k: int, answers: Sequence[Network], spike: HierarchicalPrior) -> None:
        """Put q(w) of layer k together, run the two modules, choose what is sent next."""
        theirs = [network.weight_layers[k] for network in answers]
        means = np.array([w.mean.value for w in theirs], np.float64)
        variances = np.exp([w.log_variance.value.astype(np.float64) for w in theirs])
        mean, variance = self.aggregate(means, variances, self.shares)
        w, sent = self.network.weight_layers[k], self.sent[k]
        w.mean.value[sent] = mean[sent]  # of the others nothing was heard
        w.log_variance.value[sent] = np.log(variance[sent])
        w.bias.value[:] = np.tensordot(self.shares, [each.bias.value for each in theirs], 1)
        self.said[k] = self.serve(w.mean.value, w.variance, self.said[k][0], spike)
        self.sent[k] = (self.said[k][1] >= 0) | (spike.contrast > NARROW)

    def survivors(self) -> Network:
        """Return a copy of the network in which what is not sent is zero."""
        twin = self.network.copy()
        for w, mask in zip(twin.weight_layers, self.sent, strict=True):
            w.prune(mask)
        return twin


def turbo(
    data: Dataset,
    parts: Sequence[Rows],
    *,
    rounds: int = 40,
    epochs: int = 4,
    rate: float = 1e-2,
    seed: int = 0,
    aggregate: Aggregate = natural,
    serve: Serve = server,
) -> tuple[list[Heard], Network]:
    """Run federated Turbo-VBI; return where it stood by round, and the network of the survivors.

    Parameters
    ----------
    data, parts, epochs, seed, aggregate, serve
        As in `Federation`.
    rounds : int
        KL warm-up and annealing of the spike take the first quarter.
    rate : float
        Of Adam, at the start.

    Examples
    --------
    >>> from tvbi_ref import datasets
    >>> data = datasets.load_digits()
    >>> parts = split(data.y_train, by_label=False, seed=0)
    >>> heard, network = turbo(data, parts, rounds=2, epochs=1)
    >>> len(heard), network.n_weights
    (2, 3552)
    """
    plan = Annealing(rounds, rounds // 4, rounds // 4, 0.1, rate)
    run = Federation(data, parts, plan, epochs, seed, aggregate, serve)
    heard, megabits = [], 0.0
    for t in range(rounds):
        megabits += run.megabits()
        answers = [run.client(rows, t) for rows in parts]
        spike = PRIOR.with_contrast(plan.contrast(t, PRIOR.contrast))
        for k in range(len(run.sent)):
            run.take_in(k, answers, spike)
        score = run.survivors().score(data.x_test, data.y_test)
        heard.append(Heard(megabits, score, sum(int(s.sum()) for s in run.sent)))
    return heard, run.survivors()


def averaging(
    data: Dataset,
    parts: Sequence[Rows],
    *,
    rounds: int = 40,
    epochs: int = 4,
    rate: float = 1e-2,
    seed: int = 0,
) -> tuple[list[Heard], Network]:
    """Run federated averaging of a dense network; return the same as `turbo`.

    Parameters
    ----------
    data, parts, rounds, epochs, rate, seed
        As in `turbo`.

    Examples
    --------
    >>> from tvbi_ref import datasets
    >>> data = datasets.load_digits()
    >>> heard, _ = averaging(data, split(data.y_train, by_label=False, seed=0), rounds=1, epochs=1)
    >>> round(heard[0].megabits, 2)  # 3610 numbers to ten clients and back
    2.31
    """
    network = mlp(SIZES, seed=seed)
    x, shares = network.as_inputs(data.x_train), _shares(parts)
    a_round = len(parts) * 2 * BITS * (network.n_weights + sum(SIZES[1:])) / 1e6
    heard = []
    for t in range(rounds):
        states, now = [], rate * (1 - t / rounds)
        for rows in parts:
            client, rng = network.copy(), np.random.default_rng([seed, t])
            w_steps(client, x[rows], data.y_train[rows], [], 0.0, epochs=epochs, rate=now, rng=rng)
            states.append(client.state())
        network.set_state([np.tensordot(shares, each, 1) for each in zip(*states, strict=True)])
        score = network.score(data.x_test, data.y_test)
        heard.append(Heard((t + 1) * a_round, score, network.n_weights))
    return heard, network


def _shares(parts: Sequence[Rows]) -> FloatArray:
    sizes = np.array([len(rows) for rows in parts], np.float64)
    return sizes / sizes.sum()


def against_bits(
    panels: Mapping[str, Mapping[str, Sequence[Heard]]], central: Mapping[str, float]
) -> Figure:
    """Draw accuracy over the bits sent, a panel a split, a mark every fifth round.

    Parameters
    ----------
    panels : mapping from a title to a mapping from a name to the rounds of a run
    central : mapping from a name to an accuracy
        Drawn across all panels.

    Examples
    --------
    >>> heard = [Heard(1.0, 0.5, 10), Heard(2.0, 0.9, 5)]
    >>> len(against_bits({"random": {"turbo": heard}}, {"central": 0.95}).axes)
    1
    """
    looks = looks_of(*panels.values())
    with mpl.rc_context(plots.STYLE):
        figure = Figure(figsize=(8.2, 3.9), layout="constrained")
        row = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
        for axes, (title, runs) in zip(row, panels.items(), strict=True):
            for name, heard in runs.items():
                megabits, scores = [h.megabits for h in heard], [h.score for h in heard]
                axes.plot(megabits, scores, label=name, ms=4.5, markevery=(4, 5), **looks[name])
            for (name, level), line in zip(central.items(), (":", "--"), strict=False):
                axes.axhline(level, color="0.45", ls=line, lw=1.2, label=name)
            axes.set(title=title, xlabel="sent both ways, megabits", xlim=(0, None), ylim=(0, 1.01))
        row[0].set_ylabel("test accuracy")
        row[0].legend(loc="lower right", fontsize=8.5)
    return figure

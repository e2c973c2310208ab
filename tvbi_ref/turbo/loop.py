r"""The turbo loop: the only place that sees both modules.

.. code-block:: text

    repeat for every epoch ([turbo-loop])
        w-step        minibatches: data gradient + kappa/N * prior gradient -> mu, sigma2
        rho,s-step    Module A with the old pi          -> logit pi_tilde
        exchange      l = logit pi_tilde - logit pi     -> Module B
        sweeps        Module B, messages warm-started   -> the new logit pi
        rho,s-step    Module A with the new pi          -> <rho> for the next w-step
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from tqdm.auto import tqdm

from tvbi_ref._validation import FloatArray, as_choice, as_count, as_real
from tvbi_ref.errors import DivergenceError, NonFiniteError
from tvbi_ref.module_a import FORMS, LayerPosterior, second_moment
from tvbi_ref.module_a.steps import Form
from tvbi_ref.module_b import SupportMessage, SupportPrior
from tvbi_ref.module_b.em import LEARNABLE
from tvbi_ref.nets import Adam, Network, Optimizer, minibatches
from tvbi_ref.nets.kernels import add_product, flat
from tvbi_ref.nets.layers import WeightLayer
from tvbi_ref.nets.parameters import Parameter
from tvbi_ref.prior import HierarchicalPrior, per_layer
from tvbi_ref.turbo.exchange import WIRES, Exchange
from tvbi_ref.turbo.resume import Checkpoint
from tvbi_ref.turbo.schedule import Annealing
from tvbi_ref.turbo.trace import Row, Trace


class LayerState:
    """Everything that Turbo-VBI keeps for one weight layer: prior, both modules, the wire.

    All of it sees the weights as a matrix, of a convolution by `WeightLayer.matrix`.
    """

    def __init__(self, weights: WeightLayer, prior: HierarchicalPrior, exchange: Exchange) -> None:
        self.weights = weights
        self.prior = prior
        self.exchange = exchange
        self.posterior: LayerPosterior | None = None

    def second_moment(self) -> FloatArray:
        """Return m = mu^2 + sigma2."""
        w = self.weights
        return w.matrix(second_moment(w.mean.value, w.variance))

    def estimate(self, form: Form, contrast: float) -> None:
        """Run Module A's rho,s-step with the prior at this contrast."""
        self.annealed = self.prior.with_contrast(contrast)
        self.posterior = form.step(
            self.second_moment(),
            self.exchange.prior_log_odds,
            self.annealed.active,
            self.annealed.inactive,
            self.posterior,
        )

    def terms(self, form: Form) -> Any:
        """Return the layer's terms of the ELBO."""
        return form.terms(
            self.weights.matrix(self.weights.mean.value),
            self.weights.matrix(self.weights.variance),
            self.posterior,
            self.exchange.prior_log_odds,
            self.annealed.active,
            self.annealed.inactive,
        )


@dataclass(frozen=True)
class TurboResult:
    """What a run leaves behind.

    Parameters
    ----------
    network : Network
        With the posterior q(w); nothing is pruned yet.
    posteriors : list of LayerPosterior
        q(rho, s) of every weight layer.
    messages : list of SupportMessage
        Module B's last answer for every weight layer, as B computed it: with
        ``exchange="full_belief"`` Module A was handed the evidence on top of it.
    evidence : list of ndarray (I, J)
        What Module B answered to: l, if the exchange is right.
    supports : list of SupportPrior
        Every layer's support prior at the end; with ``learn=True`` not what it was.
    trace : Trace
    settings : dict
        The arguments of the run, for a report or a checkpoint.
    """

    network: Network
    posteriors: list[LayerPosterior]
    messages: list[SupportMessage]
    evidence: list[FloatArray]
    supports: list[SupportPrior]
    trace: Trace
    settings: dict[str, Any]

    @property
    def q_support(self) -> list[FloatArray]:
        """pi_tilde of every weight layer, (I, J) in [0, 1]."""
        return [posterior.q_support for posterior in self.posteriors]

    @property
    def density(self) -> float:
        """The share of weights with pi_tilde >= 1/2."""
        return _density(self.q_support)


Callback = Callable[[int, Row, TurboResult], Any]
"""Called after every epoch with (epoch, row, result so far); a true return value stops the run."""


@dataclass
class TurboVBI:
    """The Turbo-VBI algorithm.

    Parameters
    ----------
    prior : HierarchicalPrior or sequence of HierarchicalPrior
        One for all weight layers, or one for each.
    epochs : int
        The budget.
    batch_size : int
    learning_rate : float > 0
        Of Adam, at the start; it falls linearly to zero.
    kl_warmup : int, optional
        Epochs over which the KL weight rises to 1; by default half of `epochs`.
    spike_epochs : int, optional
        Epochs over which the spike is annealed; by default half of `epochs`.
    spike_start : float in (0, 1)
        The contrast that the annealing starts from; the prior's own is where it ends.
    module_a : {"collapsed", "mean_field", "mean_field_complex"}
        The form of Module A; "mean_field" is the paper's.
    exchange : {"extrinsic", "product_of_odds", "full_belief", "product_and_belief"}
        What crosses the wire. Only "extrinsic" is right: each side sends what is news to the
        other. The rest is what the follow-up code does, for comparison (`WIRES`):
        "product_of_odds": A sends logit pi_tilde + logit pi instead of the difference;
        "full_belief": B hands over its belief, with the evidence that A will add once more;
        "product_and_belief": both, with log-odds that double every epoch.
    sweeps, sweep_tol, damping
        Module B's schedule in each epoch, see `SupportPrior.extrinsic`.
    learn : bool
        Let every layer's support prior learn its field and couplings from the evidence,
        one step an epoch (`tvbi_ref.module_b.learn`), once the spike has its final width:
        before that the evidence is weaker than it will be. A network that is small or barely
        trained may teach the prior that everything lives; `TurboResult.supports` shows what
        was learned.
    train_variance : bool
        False: ln sigma2 of every weight stays where it starts, as in the follow-up code. The
        second moment of a dead weight then cannot fall below that start, so that the start
        decides how strong the evidence against a weight can be.
    tol : float >= 0
        Stop when, with all annealing done, no pi_tilde moved by more than this in an
        epoch; 0: only the budget stops the run.
    seed : int
        Of everything random in the run.
    optimizer : callable
        From the parameters to an `Optimizer`; Adam by default. With a checkpoint it must be a
        `ResumableOptimizer`.

    Raises
    ------
    TypeError, ValueError
        If an argument is not what is asked for above.

    Notes
    -----
    Source: [turbo-loop].

    Examples
    --------
    >>> from tvbi_ref import datasets, nets
    >>> from tvbi_ref.module_b import ChainSupport
    >>> data = datasets.load_digits()
    >>> prior = HierarchicalPrior.spike_and_slab(ChainSupport(0.05, 0.4))
    >>> net = nets.mlp([64, 16, 10], seed=0)
    >>> result = TurboVBI(prior, epochs=3, seed=0).fit(net, data.x_train, data.y_train)
    >>> len(result.trace)
    3
    """

    prior: HierarchicalPrior | Sequence[HierarchicalPrior]
    epochs: int = 200
    batch_size: int = 64
    learning_rate: float = 1e-3
    kl_warmup: int | None = None
    spike_epochs: int | None = None
    spike_start: float = 0.1
    module_a: str = "collapsed"
    exchange: str = "extrinsic"
    sweeps: int = 5
    sweep_tol: float = 1e-6
    damping: float | None = None
    learn: bool = False
    train_variance: bool = True
    tol: float = 0.0
    seed: int = 0
    optimizer: Callable[..., Optimizer] = Adam

    def __post_init__(self) -> None:
        as_count(self.epochs, "epochs", at_least=1)
        as_count(self.batch_size, "batch_size", at_least=1)
        as_choice(self.module_a, "module_a", FORMS)
        as_choice(self.exchange, "exchange", WIRES)
        as_count(self.sweeps, "sweeps", at_least=1)
        as_real(self.sweep_tol, "sweep_tol", at_least=0)
        if self.damping is not None:
            as_real(self.damping, "damping", at_least=0, below=1)
        as_real(self.tol, "tol", at_least=0)
        as_count(self.seed, "seed")
        for name in ("learn", "train_variance"):
            if not isinstance(value := getattr(self, name), bool):
                raise TypeError(f"{name} must be True or False; got {value!r}")
        self.schedule = Annealing(
            epochs=self.epochs,
            kl_warmup=self.epochs // 2 if self.kl_warmup is None else self.kl_warmup,
            spike_epochs=self.epochs // 2 if self.spike_epochs is None else self.spike_epochs,
            spike_start=self.spike_start,
            learning_rate=self.learning_rate,
        )

    def fit(
        self,
        network: Network,
        x: ArrayLike,
        y: ArrayLike,
        *,
        validation: tuple[Any, Any] | None = None,
        callbacks: Iterable[Callback] = (),
        progress: bool | None = None,
        checkpoint: str | os.PathLike[str] | None = None,
    ) -> TurboResult:
        """Train `network` in place and find which of its weights the data need.

        Parameters
        ----------
        network : Network
            Changed in place.
        x : array_like (N, n_inputs)
        y : array_like
            Labels (N,), or targets (N, n_outputs).
        validation : (x, y), optional
            Scored every epoch at the posterior means, nothing more.
        callbacks : iterable of callable
            Each is called after every epoch as ``callback(epoch, row, result)``; a true
            return value stops the run.
        progress : bool, optional
            Show a progress bar; by default only on a terminal.
        checkpoint : path-like, optional
            A file that holds the whole run, written anew after every epoch, once the callbacks
            have been called. If it is there at the start, the run goes on from it and ends with
            the same bits as one that was never stopped; one that is over returns its result at
            once. Callbacks are not stored: they see only the epochs that are still to come.
            ``seconds`` in the trace go on from the last stored row, so that neither the pause
            nor the epoch that was lost counts.

        Returns
        -------
        TurboResult

        Raises
        ------
        TypeError, ValueError, NonFiniteError
            If the data are not what is asked for above; ValueError also if the checkpoint
            belongs to a run with other settings, another network at the start or other data,
            and TypeError if there is something in the run that no file can hold.
        DataCorruptedError
            If the checkpoint is damaged, or no such file.
        DivergenceError
            If the loss or a message is no longer finite. Its ``last_good`` is the result
            after the last good epoch, and the network is put back there. The checkpoint is of
            that epoch, too.

        Examples
        --------
        >>> import tempfile
        >>> from tvbi_ref import IndependentSupport, nets
        >>> prior = HierarchicalPrior.spike_and_slab(IndependentSupport(-1.0))
        >>> x, y, net = np.eye(4), np.array([0, 0, 1, 1]), nets.mlp([4, 2], seed=0)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = f"{folder}/run.npz"
        ...     one = TurboVBI(prior, epochs=3).fit(net.copy(), x, y, checkpoint=file)
        ...     two = TurboVBI(prior, epochs=3).fit(net.copy(), x, y, checkpoint=file)
        >>> one.trace.rows == two.trace.rows  # even the seconds: nothing was left to do
        True
        """
        if not isinstance(network, Network):
            raise TypeError(f"network must be a Network, as nets.mlp builds; got {network!r}")
        run = Run(self, network, x, y, validation)
        callbacks = list(callbacks)
        kept = None if checkpoint is None else Checkpoint(checkpoint, run)
        disable = None if progress is None else not progress
        with tqdm(
            total=self.epochs,
            initial=len(run.trace),
            desc="Turbo-VBI",
            disable=disable,
            leave=False,
        ) as bar:
            while not run.finished:
                epoch = len(run.trace)
                row = run.epoch(epoch)
                bar.update()
                bar.set_postfix(density=f"{row['density']:.3f}", score=f"{row['train_score']:.3f}")
                stops = [callback(epoch, row, run.result()) for callback in callbacks]
                run.finished = any(stops) or self._is_last(epoch, row)
                if kept:
                    kept.write()
        return run.result()

    def _is_last(self, epoch: int, row: Row) -> bool:
        at_rest = self.schedule.settled(epoch) and row["change"] <= self.tol
        return at_rest or epoch + 1 == self.epochs

    @property
    def settings(self) -> dict[str, Any]:
        """The arguments as a dict."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


class Run:
    """One call of `TurboVBI.fit`: the data, the layers' states and the epochs."""

    def __init__(
        self,
        settings: TurboVBI,
        network: Network,
        x: ArrayLike,
        y: ArrayLike,
        validation: tuple[Any, Any] | None,
    ) -> None:
        self.settings, self.network = settings, network
        self.form = FORMS[settings.module_a]
        self.x = network.as_inputs(x)
        self.y = network.as_targets(y, len(self.x))
        self.validation = _as_validation(network, validation)
        self.rng = np.random.default_rng(settings.seed)
        self.optimizer = settings.optimizer(_trained(network, settings.train_variance))
        priors = per_layer(settings.prior, len(network.weight_layers))
        if settings.learn:
            _require_learnable(priors)
        self.layers = [
            LayerState(weights, prior, self._wire(prior, weights))
            for weights, prior in zip(network.weight_layers, priors, strict=True)
        ]
        for layer in self.layers:
            self._estimate(layer, epoch=0)
        self.trace, self.finished = Trace(), False
        self.started = time.perf_counter()

    def _wire(self, prior: HierarchicalPrior, weights: WeightLayer) -> Exchange:
        s = self.settings
        shape = weights.matrix_shape
        return Exchange(prior.support, shape, s.sweeps, s.sweep_tol, s.damping, s.exchange)

    def _estimate(self, layer: LayerState, epoch: int) -> None:
        contrast = self.settings.schedule.contrast(epoch, layer.prior.contrast)
        layer.estimate(self.form, contrast)

    def epoch(self, epoch: int) -> Row:
        """Run one turn of the loop and return its row of the trace."""
        good, last = self.network.state(), self.result()
        try:
            with np.errstate(all="ignore"):  # overflow on the way to what is reported
                log_likelihood, score = self._w_step(epoch)
                change = self._turbo_step(epoch)
                self.network.refit_likelihood(self.x, self.y, self.rng)
        except DivergenceError as error:
            self.network.set_state(good)
            error.last_good = last if self.trace.rows else None
            raise
        row = self._row(epoch, log_likelihood, score, change)
        self.trace.append(row)
        return row

    def _w_step(self, epoch: int) -> tuple[float, float]:
        """Pass over the data once; return (E_q[ln p(D|w)], score), averaged over the pass."""
        N = len(self.x)
        kappa = self.settings.schedule.kl_weight(epoch)
        rate = self.settings.schedule.rate(epoch)
        precisions = [self._precision_in_dtype(layer) for layer in self.layers]
        loss, score = 0.0, 0.0
        for batch in minibatches(N, self.settings.batch_size, self.rng):
            x, y = self.x[batch], self.y[batch]
            output = self.network.forward(x, self.rng)
            self.network.fill_gradients(self.network.loss.gradient(output, y))
            self._add_prior_gradients(precisions, kappa / N)
            self.optimizer.step(rate)
            loss += len(batch) * self.network.loss.value(output, y)
            score += len(batch) * self.network.loss.score(output, y)
        # The last step may have broken what the sum has not seen: look once more.
        after = self.network.loss.value(self.network.forward(x), y)
        if not np.isfinite([loss, after]).all():
            raise DivergenceError(f"the loss is {loss + after}", epoch=epoch, layer=None)
        return -loss, score / N

    def _precision_in_dtype(self, layer: LayerState) -> FloatArray:
        assert layer.posterior is not None  # set by the first estimate
        precision = layer.posterior.expected_precision.astype(self.network.dtype)
        return np.ascontiguousarray(layer.weights.from_matrix(precision))

    def _add_prior_gradients(self, precisions: list[FloatArray], weight: float) -> None:
        """Add kappa/N times `weight_penalty_gradient`, in place; the data part is a mean."""
        for layer, precision in zip(self.layers, precisions, strict=True):
            w, rho = layer.weights, flat(precision)
            mu, sigma2 = flat(w.mean.value), flat(w.last_variance)
            add_product(flat(w.mean.grad), rho, mu, weight, 0)
            add_product(flat(w.log_variance.grad), rho, sigma2, weight / 2, -weight / 2)

    def _turbo_step(self, epoch: int) -> float:
        """Exchange messages in every layer; return the largest change of a pi_tilde."""
        change = 0.0
        for k, layer in enumerate(self.layers):
            assert layer.posterior is not None
            before = layer.posterior.q_support
            try:
                self._estimate(layer, epoch)
                if self.settings.learn and epoch >= self.settings.schedule.spike_epochs:
                    layer.exchange.learn()
                layer.exchange.send_to_b(layer.posterior.support_log_odds)
                self._estimate(layer, epoch)
            except NonFiniteError as error:
                raise DivergenceError(str(error), epoch=epoch, layer=k) from error
            change = max(change, float(np.max(np.abs(layer.posterior.q_support - before))))
        return change

    def _row(self, epoch: int, log_likelihood: float, score: float, change: float) -> Row:
        schedule = self.settings.schedule
        terms = [layer.terms(self.form) for layer in self.layers]
        parts = {name: sum(getattr(t, name) for t in terms) for name in terms[0]._fields}
        noise = self.network.loss.negative_kl
        result = self.result()
        row: Row = {
            "epoch": epoch,
            "elbo": log_likelihood + noise + sum(t.total for t in terms),
            "log_likelihood": log_likelihood,
            **parts,
            "noise_negative_kl": noise,
            "kl_weight": schedule.kl_weight(epoch),
            "contrast": max(layer.annealed.contrast for layer in self.layers),
            "learning_rate": schedule.rate(epoch),
            "density": result.density,
            "residual": max(message.residual for message in result.messages),
            "sweeps": max(message.sweeps for message in result.messages),
            "change": change,
            "train_score": score,
        }
        row |= {f"density.{k}": _density([q]) for k, q in enumerate(result.q_support)}
        row |= {f"residual.{k}": m.residual for k, m in enumerate(result.messages)}
        if self.validation is not None:
            row["valid_score"] = self.network.score(*self.validation)
        return row | {"seconds": time.perf_counter() - self.started}

    def result(self) -> TurboResult:
        """Return what there is so far."""
        return TurboResult(
            network=self.network,
            posteriors=[layer.posterior for layer in self.layers if layer.posterior],
            messages=[layer.exchange.message for layer in self.layers],
            evidence=[layer.exchange.evidence for layer in self.layers],
            supports=[layer.exchange.support for layer in self.layers],
            trace=self.trace,
            settings=self.settings.settings,
        )


def _trained(network: Network, train_variance: bool) -> list[Parameter]:
    """Return what the optimizer moves: everything, or all but the variances of the weights."""
    fixed = [] if train_variance else [w.log_variance for w in network.weight_layers]
    return [parameter for parameter in network.parameters() if parameter not in fixed]


def _require_learnable(priors: list[HierarchicalPrior]) -> None:
    """Say at the start of a run, not half way through it, that a prior cannot be learned."""
    for k, prior in enumerate(priors):
        if not isinstance(prior.support, LEARNABLE):
            known = ", ".join(kind.__name__ for kind in LEARNABLE)
            raise TypeError(
                f"learn=True needs supports of kind {known}; prior[{k}].support is a "
                f"{type(prior.support).__name__}"
            )


def _as_validation(
    network: Network, validation: tuple[Any, Any] | None
) -> tuple[FloatArray, NDArray[Any]] | None:
    if validation is None:
        return None
    x = network.as_inputs(validation[0], "validation[0]")
    return x, network.as_targets(validation[1], len(x))


def _density(q_support: list[FloatArray]) -> float:
    kept = sum(int((q >= 0.5).sum()) for q in q_support)
    return kept / sum(q.size for q in q_support)

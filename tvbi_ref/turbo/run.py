"""The state of a run: the data, every layer's two modules, and the trace."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tvbi_ref._repr import markdown_table
from tvbi_ref._validation import FloatArray
from tvbi_ref.module_a import LayerPosterior, evidence_collapsed, second_moment
from tvbi_ref.module_a.steps import Form
from tvbi_ref.module_b import SupportMessage, SupportPrior
from tvbi_ref.module_b.em import require_learnable
from tvbi_ref.nets import Network
from tvbi_ref.nets.layers import WeightLayer
from tvbi_ref.nets.row_weights import as_row_weights
from tvbi_ref.prior import HierarchicalPrior, per_layer
from tvbi_ref.turbo.exchange import Exchange
from tvbi_ref.turbo.options import Options
from tvbi_ref.turbo.round import turbo_round
from tvbi_ref.turbo.shrinking import Shrinking, trained
from tvbi_ref.turbo.trace import Row, Trace


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
    prior_log_odds : list of ndarray (I, J)
        logit pi as Module A was handed it: the messages' log-odds, if the exchange is right.
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
    prior_log_odds: list[FloatArray]
    supports: list[SupportPrior]
    trace: Trace
    settings: dict[str, Any]

    def __repr__(self) -> str:
        kinds = " and ".join(dict.fromkeys(type(support).__name__ for support in self.supports))
        return (
            f"TurboResult({self.network!r}, {kinds}, {len(self.trace)} epochs, "
            f"density {self.density:.3g})"
        )

    def _repr_markdown_(self) -> str:
        header = ("layer", "weights", "alive", "support prior", "sweeps", "residual", "converged")
        layers = zip(self.q_support, self.supports, self.messages, strict=True)
        rows = [
            (
                str(k),
                " x ".join(map(str, q.shape)),
                f"{(q >= 0.5).sum()}",
                type(support).__name__,
                str(message.sweeps),
                f"{message.residual:.1e}",
                "yes" if message.converged else "no",
            )
            for k, (q, support, message) in enumerate(layers)
        ]
        return "\n".join([f"`{self!r}`", "", *markdown_table(header, rows)])

    @property
    def q_support(self) -> list[FloatArray]:
        """pi_tilde of every weight layer, (I, J) in [0, 1]."""
        return [posterior.q_support for posterior in self.posteriors]

    @property
    def density(self) -> float:
        """The share of weights with pi_tilde >= 1/2."""
        return _density(self.q_support)


class TurboLayer:
    """All that Turbo-VBI keeps for one weight layer: its prior and the two modules.

    All of it sees the weights as a matrix, of a convolution by `WeightLayer.matrix`.

    Parameters
    ----------
    weights : WeightLayer
    prior : HierarchicalPrior
    form : Form
        Of Module A.
    module_b : Exchange
    contrast : float
        Of the prior at the start.
    """

    def __init__(
        self,
        weights: WeightLayer,
        prior: HierarchicalPrior,
        form: Form,
        module_b: Exchange,
        contrast: float,
    ) -> None:
        self.weights, self.prior, self.form, self.module_b = weights, prior, form, module_b
        self.posterior: LayerPosterior | None = None
        self.anneal(contrast)
        self.module_a(self.second_moment(), module_b.prior_log_odds)

    def anneal(self, contrast: float) -> None:
        """Give the prior the spike of this epoch."""
        self.annealed = self.prior.with_contrast(contrast)

    def second_moment(self) -> FloatArray:
        """Return m = mu^2 + sigma2."""
        w = self.weights
        return w.matrix(second_moment(w.mean.value, w.variance))

    def module_a(
        self, second_moment: FloatArray, prior_log_odds: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Run the rho,s-step; return logit pi_tilde and <rho>."""
        gammas = self.annealed.active, self.annealed.inactive
        self.posterior = self.form.step(second_moment, prior_log_odds, *gammas, self.posterior)
        return self.posterior.support_log_odds, self.posterior.expected_precision

    def exchange_messages(self) -> float:
        """Run a round of [turbo-loop]; return the largest change of a pi_tilde."""
        before = self.q.q_support
        done = turbo_round(
            self.second_moment(),
            self.module_b.prior_log_odds,
            self.module_a,
            self.module_b.answer,
        )
        self.module_b.prior_log_odds = done.prior_log_odds
        self.posterior = replace(
            self.q,
            support_log_odds=done.support_log_odds,
            expected_precision=done.expected_precision,
        )
        return float(np.max(np.abs(self.q.q_support - before)))

    @property
    def q(self) -> LayerPosterior:
        """q(rho, s)."""
        assert self.posterior is not None  # the constructor has run Module A
        return self.posterior

    def final_log_odds(self) -> FloatArray:
        """Return logit pi_tilde as it would be if the spike had its final width already."""
        if self.annealed.contrast == self.prior.contrast:
            return self.q.support_log_odds
        gammas = self.prior.active, self.prior.inactive
        return self.module_b.prior_log_odds + evidence_collapsed(self.second_moment(), *gammas)

    def precision_of_weights(self) -> FloatArray:
        """Return <rho> in the weights' own shape and dtype, for the w-step."""
        rho = self.q.expected_precision.astype(self.weights.mean.value.dtype)
        return np.ascontiguousarray(self.weights.from_matrix(rho))

    def elbo_terms(self) -> Any:
        """Return the layer's terms of the ELBO."""
        w = self.weights
        return self.form.terms(
            w.matrix(w.mean.value),
            w.matrix(w.variance),
            self.q,
            self.module_b.prior_log_odds,
            self.annealed.active,
            self.annealed.inactive,
        )


class Run:
    """One call of `TurboVBI.fit`: all that it starts from, and all that changes.

    Parameters
    ----------
    options : Options
    network : Network
        Changed in place.
    x, y, validation, sample_weight
        As `TurboVBI.fit` takes them.

    Raises
    ------
    TypeError, ValueError, NonFiniteError
        If they are not what is asked for there.
    """

    def __init__(
        self,
        options: Options,
        network: Network,
        x: ArrayLike,
        y: ArrayLike,
        validation: tuple[Any, Any] | None,
        sample_weight: ArrayLike | None = None,
    ) -> None:
        if not isinstance(network, Network):
            raise TypeError(f"network must be a Network, as nets.mlp builds; got {network!r}")
        self.options, self.network = options, network
        self.x = network.as_inputs(x)
        self.y = network.as_targets(y, len(self.x))
        self.weights = as_row_weights(sample_weight, len(self.x), network.dtype)
        self.validation = _as_validation(network, validation)
        self.rng = np.random.default_rng(options.seed)
        self.optimizer = options.optimizer(trained(network, options))
        self.shrinking = Shrinking(network, self.optimizer, options)
        priors = per_layer(options.prior, len(network.weight_layers))
        if options.learn:
            for k, prior in enumerate(priors):  # now, and not half way through
                require_learnable(prior.support, f"prior[{k}].support")
        self.layers = [
            self._layer(weights, prior)
            for weights, prior in zip(network.weight_layers, priors, strict=True)
        ]
        self.trace, self.finished = Trace(), False
        self.after_batch: Callable[[], Any] = lambda: None  # a progress bar moves
        self.started = time.perf_counter()

    def _layer(self, weights: WeightLayer, prior: HierarchicalPrior) -> TurboLayer:
        o = self.options
        module_b = Exchange(prior.support, weights.matrix_shape, o.sweeps, o.sweep_tol, o.damping)
        return TurboLayer(weights, prior, o.form, module_b, o.annealing.contrast(0, prior.contrast))

    def row(self, epoch: int, log_likelihood: float, score: float, change: float) -> Row:
        """Return what the trace keeps of an epoch."""
        annealing, result = self.options.annealing, self.result()
        terms = [layer.elbo_terms() for layer in self.layers]
        parts = {name: sum(getattr(t, name) for t in terms) for name in terms[0]._fields}
        noise = self.network.loss.negative_kl
        row: Row = {
            "epoch": epoch,
            "elbo": log_likelihood + noise + sum(t.total for t in terms),
            "log_likelihood": log_likelihood,
            **parts,
            "noise_negative_kl": noise,
            "kl_weight": annealing.kl_weight(epoch),
            "contrast": max(layer.annealed.contrast for layer in self.layers),
            "learning_rate": annealing.rate(epoch),
            "density": result.density,
            "residual": max(message.residual for message in result.messages),
            "sweeps": max(message.sweeps for message in result.messages),
            "change": change,
            "train_score": score,
        }
        row |= {f"density.{k}": _density([q]) for k, q in enumerate(result.q_support)}
        row |= {f"residual.{k}": m.residual for k, m in enumerate(result.messages)}
        row |= {f"units.{k}": int(units.sum()) for k, units in enumerate(self.shrinking.units)}
        if self.validation is not None:
            row["valid_score"] = self.network.score(*self.validation)
        return row | {"seconds": time.perf_counter() - self.started}

    def result(self) -> TurboResult:
        """Return what there is so far."""
        return TurboResult(
            network=self.network,
            posteriors=[layer.q for layer in self.layers],
            messages=[layer.module_b.message for layer in self.layers],
            evidence=[layer.module_b.evidence for layer in self.layers],
            prior_log_odds=[layer.module_b.prior_log_odds for layer in self.layers],
            supports=[layer.module_b.support for layer in self.layers],
            trace=self.trace,
            settings=self.options.settings,
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

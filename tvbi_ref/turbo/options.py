"""What a user may choose of a run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from tvbi_ref._validation import as_choice, as_count, as_real
from tvbi_ref.equations.guard import Guarded
from tvbi_ref.equations.sockets import current
from tvbi_ref.module_a import FORMS
from tvbi_ref.module_a.steps import Form
from tvbi_ref.nets import Adam, Optimizer
from tvbi_ref.prior import HierarchicalPrior
from tvbi_ref.turbo import follow_up
from tvbi_ref.turbo.annealing import Annealing


@dataclass
class Options:
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
        Epochs over which the KL weight rises to `kl_weight`; by default half of `epochs`.
    kl_weight : float in (0, 1]
        Where the KL weight kappa ends. Below 1 each row counts 1 / kappa times (a tempered
        posterior, see [q-weight]): more weights live and the error comes nearer to the dense one.
    spike_epochs : int, optional
        Epochs over which the spike is annealed; by default half of `epochs`.
    spike_start : float in (0, 1)
        The contrast that the annealing starts from; the prior's own is where it ends.
    module_a : {"collapsed", "mean_field", "mean_field_complex"}
        The form of Module A; "mean_field" is the paper's.
    exchange : {"extrinsic", "product_of_odds", "full_belief", "product_and_belief"}
        What crosses the wire. Only "extrinsic" is right: each side sends what is news to the
        other. The rest is what the follow-up code does, for comparison (`follow_up`):
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
    shrink : bool
        Leave units whose whole fan-out is dead, and inputs that nobody reads, out of the w-step,
        which trains what is left in smaller arrays (`tvbi_ref.turbo.shrinking`): an epoch costs
        less as the network dies. Where a layer is of your own, or the optimizer remembers
        something else than numbers and lists of an array for each parameter, all is trained.
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
    >>> from tvbi_ref import HierarchicalPrior, TurboVBI, datasets, nets
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
    kl_weight: float = 1.0
    spike_epochs: int | None = None
    spike_start: float = 0.1
    module_a: str = "collapsed"
    exchange: str = "extrinsic"
    sweeps: int = 5
    sweep_tol: float = 1e-6
    damping: float | None = None
    learn: bool = False
    train_variance: bool = True
    shrink: bool = False
    tol: float = 0.0
    seed: int = 0
    optimizer: Callable[..., Optimizer] = Adam

    def __post_init__(self) -> None:
        as_count(self.epochs, "epochs", at_least=1)
        as_count(self.batch_size, "batch_size", at_least=1)
        as_choice(self.module_a, "module_a", [*FORMS, *follow_up.FORMS])
        as_choice(self.exchange, "exchange", ["extrinsic", *follow_up.EXCHANGES])
        as_count(self.sweeps, "sweeps", at_least=1)
        as_real(self.sweep_tol, "sweep_tol", at_least=0)
        if self.damping is not None:
            as_real(self.damping, "damping", at_least=0, below=1)
        as_real(self.tol, "tol", at_least=0)
        as_count(self.seed, "seed")
        for name in ("learn", "train_variance", "shrink"):
            if not isinstance(value := getattr(self, name), bool):
                raise TypeError(f"{name} must be True or False; got {value!r}")
        self.annealing = Annealing(
            epochs=self.epochs,
            kl_warmup=self.epochs // 2 if self.kl_warmup is None else self.kl_warmup,
            spike_epochs=self.epochs // 2 if self.spike_epochs is None else self.spike_epochs,
            spike_start=self.spike_start,
            learning_rate=self.learning_rate,
            final_kl_weight=self.kl_weight,
        )

    @property
    def form(self) -> Form:
        """The form of Module A."""
        return FORMS.get(self.module_a, FORMS["mean_field"])

    @property
    def plugs(self) -> dict[str, Callable[..., Any]]:
        """What of the follow-up code answers in the place of the right equations."""
        return {
            **follow_up.FORMS.get(self.module_a, {}),
            **follow_up.EXCHANGES.get(self.exchange, {}),
        }

    def refuse_two_plugs(self) -> None:
        """Say that two functions would answer for one equation, the follow-up code's and another.

        Raises
        ------
        ValueError
            If that is so.
        """
        both = [label for label in self.plugs if isinstance(current().own.get(label), Guarded)]
        if both:
            raise ValueError(
                f"exchange={self.exchange!r} and module_a={self.module_a!r} put the follow-up "
                f"code's function in the place of {', '.join(both)}, where tvbi_ref.use has put "
                "yours"
            )

    @property
    def settings(self) -> dict[str, Any]:
        """The arguments as a dict."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}

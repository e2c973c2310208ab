"""Settings that did well: the demo's, the estimators', and one recipe a network for MNIST.

`DEMO` is what ``tvbi-ref`` starts from, a recipe of `RECIPES` what ``train mnist --net`` does. The
latter were chosen on a validation split of 10,000 training pictures; figures/runs.py has what each
setting does there, and networks trained on all 60,000. What mattered for LeNet-300-100:
a spike that takes five sixths of the run to narrow, not the usual half (a quarter fewer weights at
about the same error), and a slab as wide as live weights are, 0.2 and not 0.02. After that,
fine-tuning makes it worse: the survivors overfit. LeNet-5-Caffe likes a smaller rate and a
narrower slab. With other epochs KL warm-up and annealing keep their shares of the run.
Fashion-MNIST takes the same recipes. A KL weight that ends at one half brings both
nearer to the dense network's error, with seventy to eighty per cent more weights.

What has a name in the laboratory gets it here: support priors, methods, and the budgets of recipes.
This module is light: the command line reads it before anything of the package is loaded.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from inspect import signature
from typing import TYPE_CHECKING, Any

from tvbi_ref._validation import as_choice, as_real

if TYPE_CHECKING:
    from tvbi_ref.lab.baselines import Budget, Method
    from tvbi_ref.module_b import SupportPrior
    from tvbi_ref.prior import Gamma, HierarchicalPrior

Options = Mapping[str, Any]
Supports = dict[str, dict[str, float]]

NUMBERS = {
    "independent": ("field",),
    "chains": ("p01", "p10"),
    "grid": ("field", "coupling_row", "coupling_col"),
    "group": ("p_alive", "p_in", "p_out", "p_end"),
}
"""The numbers of each support prior: no couplings, chains down the columns, a grid, and units: the
weights out of one input, which are the groups of the baselines, too."""

SCALES = ("variance", "contrast")
"""The other numbers of a prior, of `HierarchicalPrior.spike_and_slab`."""

SCHEDULE = ("kl_warmup", "spike_epochs")
"""Options that are epochs of the run."""

SPENT = ("epochs", "fine_tune_epochs", "batch_size", "learning_rate")
"""Options that are the budget's own."""

BAYESIAN = ("sparse_vd", "turbo")
"""Methods whose names begin so leave a posterior of the weights; the others leave a point."""


@dataclass(frozen=True)
class Recipe:
    """What one network is trained with.

    Parameters
    ----------
    supports : dict of dict
        Name of a prior -> its numbers, chosen so that the priors keep about as many weights.
    options : dict
        Of the command line: budget, schedule, variance and contrast.
    """

    supports: Supports
    options: dict[str, Any]

    def options_for(self, epochs: int | None) -> dict[str, Any]:
        """Return the options of a run of so many epochs, its schedule stretched or shortened.

        Parameters
        ----------
        epochs : int or None
            None: the recipe's own.

        Examples
        --------
        >>> short = RECIPES["lenet5_caffe"].options_for(6)
        >>> short["epochs"], short["kl_warmup"], short["spike_epochs"]
        (6, 3, 5)
        """
        epochs = self.options["epochs"] if epochs is None else epochs
        share = epochs / self.options["epochs"]
        schedule = {name: round(share * self.options[name]) for name in SCHEDULE}
        return self.options | schedule | {"epochs": epochs}

    def budget(self) -> Budget:
        """Return what a run may spend.

        Examples
        --------
        >>> DEMO.budget().options
        {'kl_warmup': 75, 'spike_epochs': 125}
        """
        return make_budget(self.options)

    def prior(self, kind: str, **numbers: float | None) -> HierarchicalPrior:
        """Return the prior with this support; what a recipe says nothing of is the demo's.

        Parameters
        ----------
        kind : {"independent", "chains", "grid"}
        numbers : float or None
            See `make_prior`. None: the recipe's own.

        Examples
        --------
        >>> DEMO.prior("chains", p01=0.1, p10=None).support
        ChainSupport(p01=0.1, p10=0.5, axis=0)
        """
        known = self.supports.get(kind) or DEMO.supports[kind]
        given = {name: number for name, number in numbers.items() if number is not None}
        return make_prior(kind, known | pick(self.options, SCALES) | given)


DEMO = Recipe(
    supports={
        "independent": {"field": -2.5},
        "chains": {"p01": 0.02, "p10": 0.5},
        "grid": {"field": -0.5, "coupling_row": 0.04, "coupling_col": 1.1},
    },
    options={
        "epochs": 150,
        "kl_warmup": 75,
        "spike_epochs": 125,
        "fine_tune_epochs": 30,
        "batch_size": 32,
        "learning_rate": 5e-3,
        "variance": 0.1,
        "contrast": 1e-4,
    },
)
"""Of the demo, and of ``train`` where no recipe says otherwise.

Chosen on validation splits of digits with three other seeds, so that the three priors keep about
as many weights; the grid's couplings stay below the uniqueness bound.
"""

TABLE = Recipe(
    supports={"independent": {"field": -2.0}},
    options=DEMO.options
    | {
        "epochs": 300,
        "kl_warmup": 150,
        "spike_epochs": 250,
        "fine_tune_epochs": 0,
        "learning_rate": 4e-2,
        "variance": 0.2,
        "contrast": 3e-4,
    },
)
"""Of the scikit-learn estimators: tables of a hundred to some thousand rows, standardised.

Chosen on the data sets that benchmarks/defaults.py calls `TUNED`. A rate of 0.04 where 0.005 is
usual keeps fewer weights at a better score; survivors need no fine-tuning. Not for priors with
couplings: on a split of digits a grid keeps 583 weights with it at 0.956, where it keeps 315 at
0.971 with the demo's.
"""

RECIPES: dict[str, Recipe] = {
    "lenet_300_100": Recipe(
        supports={
            "independent": {"field": -3.0},
            "grid": {"field": -1.5, "coupling_row": 0.1, "coupling_col": 0.5},
        },
        options={
            "epochs": 60,
            "kl_warmup": 30,
            "spike_epochs": 50,
            "fine_tune_epochs": 0,
            "batch_size": 128,
            "learning_rate": 4e-3,
            "variance": 0.2,
            "contrast": 1e-4,
        },
    ),
    "lenet5_caffe": Recipe(
        supports={
            "independent": {"field": -2.5},
            "grid": {"field": -1.0, "coupling_row": 0.1, "coupling_col": 0.5},
        },
        options={
            "epochs": 18,
            "kl_warmup": 9,
            "spike_epochs": 15,
            "fine_tune_epochs": 0,
            "batch_size": 128,
            "learning_rate": 2e-3,
            "variance": 0.05,
            "contrast": 1e-4,
        },
    ),
}
"""By the network's name; the others of nets have none yet and take the options' defaults."""


def pick(options: Options, names: Collection[str]) -> dict[str, Any]:
    """Return the options of these names.

    Examples
    --------
    >>> pick({"field": -1.0, "variance": 0.1}, SCALES)
    {'variance': 0.1}
    """
    return {name: value for name, value in options.items() if name in names}


def make_budget(options: Options, loop: Collection[str] = SCHEDULE) -> Budget:
    """Return the budget that is among some options.

    Parameters
    ----------
    options : mapping
    loop : collection of str
        Which of the options are of the turbo loop.

    Examples
    --------
    >>> make_budget({"epochs": 9, "tol": 0.1, "field": -1.0}, loop=["tol"]).options
    {'tol': 0.1}
    """
    from tvbi_ref.lab.baselines import Budget

    return Budget(**pick(options, SPENT), options={name: options[name] for name in loop})


def make_prior(support: str | SupportPrior, numbers: Mapping[str, float]) -> HierarchicalPrior:
    """Return the prior of the weights, by the name of its support.

    Parameters
    ----------
    support : str or SupportPrior
        A key of `NUMBERS`, or what is built already.
    numbers : mapping
        Of the support, as `NUMBERS` has them, and `SCALES`.

    Raises
    ------
    TypeError, ValueError
        If the support has no such number, or needs one more.

    Examples
    --------
    >>> make_prior("chains", {"p01": 0.1, "p10": 0.5, "variance": 0.2}).active
    Gamma(shape=1.0, rate=0.2)
    >>> make_prior("independent", {"coupling_col": 0.5})
    Traceback (most recent call last):
    ValueError: coupling_col has no meaning for the independent prior; it takes field
    """
    from tvbi_ref.prior import HierarchicalPrior

    if isinstance(support, str):
        support = _support(support, {n: v for n, v in numbers.items() if n not in SCALES})
    return HierarchicalPrior.spike_and_slab(support, **pick(numbers, SCALES))


def _support(kind: str, numbers: Options) -> SupportPrior:
    from tvbi_ref import module_b
    from tvbi_ref.module_b.base import MAX_LOG_ODDS

    for name in sorted(numbers.keys() - NUMBERS[as_choice(kind, "support", NUMBERS)]):
        takes = ", ".join(NUMBERS[kind])
        raise ValueError(f"{name} has no meaning for the {kind} prior; it takes {takes}")
    if kind == "independent":
        for name, value in numbers.items():  # the prior's own error would speak of log_odds
            as_real(value, name, at_least=-MAX_LOG_ODDS, at_most=MAX_LOG_ODDS)
        return module_b.IndependentSupport(*numbers.values())
    if kind == "chains":
        return module_b.ChainSupport(**numbers)
    if kind == "grid":
        return module_b.GridSupport(**numbers)
    return module_b.GroupSupport(module_b.Rows(), **numbers)


def noise() -> Gamma:
    """Return the prior of a regression's noise precision, targets standardised: deviation 0.3.

    Examples
    --------
    >>> noise()
    Gamma(shape=1.0, rate=0.1)
    """
    from tvbi_ref.gamma import Gamma

    return Gamma(1.0, 0.1)


def method_names() -> tuple[str, ...]:
    """Return the names that `make_method` knows.

    Examples
    --------
    >>> method_names()
    ('dense', 'magnitude', ..., 'l0', 'turbo_independent', ..., 'turbo_group')
    """
    from tvbi_ref.lab.baselines import METHODS

    return ("dense", *METHODS, *(f"turbo_{kind}" for kind in NUMBERS))


def make_method(
    name: str, options: Options, *, support: SupportPrior | None = None, called: str = "options"
) -> Method:
    """Return a method by its name: a baseline, plain training, Turbo-VBI with one of its priors.

    Parameters
    ----------
    name : str
        One of `method_names`; with a `support` anything that begins with turbo.
    options : mapping
        Fields of the baseline. Of Turbo-VBI the numbers of its prior (see `make_prior`), arguments
        of `tvbi_ref.TurboVBI` that the budget has not, and "dense_epochs" of `baselines.Turbo`.
    support : SupportPrior, optional
        What Turbo-VBI takes in place of a named one.
    called : str
        What the options are called where they come from, for the errors.

    Raises
    ------
    TypeError, ValueError
        If there is no such method, or it has no such option.

    Examples
    --------
    >>> make_method("snip", {"sparsity": 0.5})
    SNIP(sparsity=0.5, rows=None)
    >>> make_method("turbo_independent", {"field": -1.0, "learn": True}).options
    {'learn': True}
    >>> make_method("snip", {"strength": 1.0})
    Traceback (most recent call last):
    ValueError: options must be some of rows, sparsity for snip; got strength
    """
    from tvbi_ref.lab import baselines

    kinds = baselines.METHODS | {"dense": baselines.PlainTraining}
    if support is None:
        as_choice(name, "method", method_names())
    loop, numbers = _loop_options(), NUMBERS.get(name.removeprefix("turbo_"), ())
    of_turbo = {*loop, *numbers, *SCALES, "dense_epochs"}
    known = signature(kinds[name]).parameters if name in kinds else of_turbo
    if unknown := [str(option) for option in options if option not in known]:
        takes = ", ".join(sorted(known))
        raise ValueError(f"{called} must be some of {takes} for {name}; got {', '.join(unknown)}")
    if name in kinds:
        return kinds[name](**options)
    prior = make_prior(support or name.removeprefix("turbo_"), pick(options, {*numbers, *SCALES}))
    return baselines.Turbo(prior, pick(options, loop), **pick(options, ["dense_epochs"]))


def _loop_options() -> Collection[str]:
    from tvbi_ref.turbo import TurboVBI

    return signature(TurboVBI).parameters.keys() - {"prior", "seed", *SPENT}

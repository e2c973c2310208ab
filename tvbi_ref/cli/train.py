"""Any data set, architecture and prior.

Train a network with Turbo-VBI, prune the weights whose posterior probability of being alive is
below 1/2, fine-tune what is left, compare it with a dense baseline and write the same files as the
demo.
"""

from __future__ import annotations

import argparse
import os
from typing import Any, NamedTuple

from tvbi_ref.cli._shared import (
    DATASETS,
    PICTURES,
    PRIORS,
    add_common,
    add_numbers,
    load_data,
    output_file,
    own_equations,
    write_results,
)
from tvbi_ref.lab.recipes import (
    DEMO,
    NUMBERS,
    RECIPES,
    SCALES,
    SCHEDULE,
    Recipe,
    make_budget,
    noise,
)

HIDDEN = {"digits": "128,64", "synthetic": "", **dict.fromkeys(PICTURES, "300,100"), "boston": "50"}
"""Hidden layers of each data set's network where the user names none."""

NETS = ("lenet_300_100", "lenet5", "lenet5_caffe")
"""Networks of `tvbi_ref.nets` that fit pictures of 28x28 pixels."""

LOOP = (
    *("module_a", "exchange", "sweeps", "damping", *SCHEDULE, "tol"),
    *("kl_weight", "learn", "train_variance", "shrink"),
)
"""Options that `tvbi_ref.TurboVBI` takes as they are."""


def recipe_for(net: str | None) -> Recipe:
    """Return the recipe of a known network, the demo's for any other."""
    return RECIPES.get(net or "", DEMO)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument("dataset", choices=DATASETS)
    add_common(parser, out="run")
    _add_network(parser.add_argument_group("network"))
    _add_prior(parser.add_argument_group("prior"))
    _add_loop(parser.add_argument_group("turbo loop"))
    parser.add_argument(
        "--checkpoint",
        metavar="FILE",
        type=output_file,
        help="keep the turbo loop there, epoch by epoch; the same command goes on from it after a "
        "kill, to the same bits; with other settings or data it is refused. The dense baseline and "
        "the fine-tuning are not kept: they start afresh",
    )


def _add_network(group: Any) -> None:
    usual = ", ".join(f"{widths or 'none'} for {name}" for name, widths in HIDDEN.items())
    group.add_argument(
        "--hidden",
        metavar="N,N,...",
        help="widths of the hidden layers, '' for none; inputs and outputs follow from the data; "
        f"default: {usual}",
    )
    group.add_argument("--activation", choices=("relu", "leaky_relu"), default="relu")
    group.add_argument(
        "--net",
        choices=NETS,
        help=f"a known one for {' and '.join(PICTURES)}, in place of --hidden; "
        f"{' and '.join(RECIPES)} bring the recipe that did best on a validation split of mnist "
        "(lab/recipes.py): budget, prior and schedule where no option says otherwise",
    )


def _add_prior(group: Any) -> None:
    group.add_argument("--prior", choices=PRIORS, default="grid", help="of the support")
    numbers = {
        "--field": "log-odds of a live weight by itself (independent, grid); on the grid dead "
        "neighbours make it rarer still; default: the demo's",
        "--coupling-row": "across neurons (grid); default: the demo's",
        "--coupling-col": "inside a neuron (grid); default: the demo's",
        "--p01": "P(1|0) down a column (chains); default: the demo's",
        "--p10": "P(0|1) down a column (chains); default: the demo's",
        "--variance": "squared scale of a live weight",
        "--contrast": "squared scale of a dead weight over that of a live one",
    }
    add_numbers(group, float, numbers)


def _add_loop(group: Any) -> None:
    forms = ("collapsed", "mean_field", "mean_field_complex")
    form = "the form of Module A; mean_field is the paper's"
    group.add_argument("--module-a", choices=forms, default="collapsed", help=form)
    group.add_argument(
        "--exchange",
        choices=("extrinsic", "product_of_odds", "full_belief", "product_and_belief"),
        default="extrinsic",
        help="what crosses between the modules; only extrinsic is right, the others are the "
        "follow-up code's mistakes, for comparison",
    )
    learn = "let field and couplings learn from the evidence once the spike is annealed"
    group.add_argument("--learn", action="store_true", help=learn)
    group.add_argument(
        "--fixed-variance",
        action="store_false",
        dest="train_variance",
        help="never train the variances of the weights, as in the follow-up code",
    )
    shrink = "leave dead units out of the training: epochs get cheaper as the network dies"
    group.add_argument("--shrink", action="store_true", help=shrink)
    counts = {
        "--sweeps": "of Module B an epoch",
        "--kl-warmup": "epochs; it keeps its share of --epochs",
        "--spike-epochs": "of annealing; a share of --epochs, too",
    }
    add_numbers(group, int, counts)
    reals = {
        "--kl-weight": "where the KL weight ends, above 0 and at most 1; below 1 more weights live",
        "--damping": "of Module B's messages; default: 0, or 0.5 above the bound",
        "--tol": "stop when no probability of being alive moves more",
    }
    add_numbers(group, float, reals)
    group.set_defaults(sweeps=5, tol=0.0, kl_weight=1.0)


class Task(NamedTuple):
    """What ``train`` is asked to do: the arguments of `experiment.run`, a dense baseline's too."""

    name: str
    network: Any
    data: Any
    prior: Any
    budget: Any


def train_task(options: argparse.Namespace) -> Task:
    """Return what the options of ``train`` ask for.

    Parameters
    ----------
    options : argparse.Namespace
        From `parse`.

    Raises
    ------
    ValueError, TypeError
        If a number makes no sense; before any data are loaded.

    Examples
    --------
    >>> from tvbi_ref.cli import parse
    >>> task = train_task(parse(["train", "digits", "--prior", "independent", "--epochs", "9"]))
    >>> task.network, task.prior.support, task.budget.epochs
    (Network(64 -> 128 -> 64 -> 10, 17024 weights, float32), IndependentSupport(log_odds=-2.5), 9)
    """
    if options.net is not None and options.dataset not in PICTURES:
        fits = " and ".join(PICTURES)
        raise ValueError(f"--net {options.net} is for {fits}, not for {options.dataset}")
    if options.net is not None and options.hidden is not None:
        raise ValueError("--net says the hidden layers itself: leave out --hidden")
    names = dict.fromkeys((*(name for kind in PRIORS for name in NUMBERS[kind]), *SCALES))
    numbers = {name: getattr(options, name) for name in names}
    prior = recipe_for(options.net).prior(options.prior, **numbers)
    budget = make_budget(vars(options), LOOP)
    budget.turbo(prior, options.seed)  # a mistake is found before the long work, not after
    data = load_data(options.dataset, options.seed)
    return Task(options.prior, _network(options, data), data, prior, budget)


def _network(options: argparse.Namespace, data: Any) -> Any:
    from tvbi_ref import nets

    if options.net is not None:
        return getattr(nets, options.net)(seed=options.seed)
    hidden = HIDDEN[options.dataset] if options.hidden is None else options.hidden
    widths = [data.x_train.shape[1], *_widths(hidden), data.n_classes or data.y_train.shape[1]]
    likelihood = "gaussian" if data.n_classes is None else "categorical"
    more = {"activation": options.activation, "likelihood": likelihood, "noise": noise()}
    try:
        return nets.mlp(widths, seed=options.seed, **more)
    except (ValueError, MemoryError) as error:  # NumPy's limits are a ValueError, too
        raise ValueError(f"--hidden {hidden}: {error}") from error


def _widths(text: str) -> list[int]:
    try:
        return [int(part) for part in text.split(",") if part.strip()]
    except ValueError:
        raise ValueError(
            f"--hidden must be whole numbers separated by commas; got {text!r}"
        ) from None


def run(options: argparse.Namespace) -> int:
    """Run the command."""
    from tvbi_ref.lab import experiment

    task = train_task(options)
    yours = own_equations(options)
    experiment.make_folder(options.out)
    run_one = yours.run if yours else experiment.run
    support, layers = task.prior.support, task.network.weight_layers
    expected = f"expects {support.density(layers[0].matrix_shape):.1%} of the first layer to live"
    print(f"{task.data}\n{task.network}\n{support}: {expected}\n", flush=True)
    if options.checkpoint and os.path.exists(options.checkpoint):
        print(f"going on from {options.checkpoint}\n", flush=True)
    # The baseline comes last: a checkpoint of another run is refused before the long work.
    outcome = run_one(*task, seed=options.seed, checkpoint=options.checkpoint)
    dense = experiment.dense_baseline(task.network, task.data, task.budget, seed=options.seed)
    supports = getattr(task.data, "supports", ())
    known = [layer.matrix_shape for layer in layers] == [s.shape for s in supports]
    found = experiment.recovery(outcome, supports) if known else ""
    return write_results(dense, [outcome], task.data, found, options.out, yours)

"""The command line: ``tvbi-ref demo``, ``train``, ``report``, ``check`` and ``equations``."""

from __future__ import annotations

import argparse
import json
import os
import sys
import warnings
from collections.abc import Sequence
from typing import Any, NamedTuple

import tvbi_ref
from tvbi_ref._files import atomic_write
from tvbi_ref.errors import DivergenceError, PlugError
from tvbi_ref.lab.recipes import (
    DEMO,
    RECIPES,
    SCHEDULE,
    Recipe,
    demo_prior,
    make_support,
)


class _HelpFormatter(argparse.ArgumentDefaultsHelpFormatter):
    """Show a default, except where there is none or the text tells it already."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        return action.help if action.default is None else super()._get_help_string(action)


PRIORS = ("independent", "chains", "grid")

HIDDEN = {"digits": "128,64", "synthetic": "", "mnist": "300,100", "boston": "50"}
"""Hidden layers of each data set's network where the user names none."""


DATASETS = ("digits", "synthetic", "mnist", "boston")


NETS = ("lenet_300_100", "lenet5", "lenet5_caffe")
"""Networks of `tvbi_ref.nets` that fit MNIST's images."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit status.

    Parameters
    ----------
    arguments : sequence of str, optional
        Without the program's name; by default those of the process.

    Returns
    -------
    int
        0 if all went well, 1 if `check` found something wrong, 2 for a mistake in the
        arguments or the data.
    """
    options = parse(arguments)
    if options.command is None:
        build_parser().print_help()
        return 2
    # A user of the command line has no use for the source line that a warning comes from.
    shown, warnings.showwarning = warnings.showwarning, _print_warning
    try:
        result: int = options.command(options)
    except BrokenPipeError:  # the reader of our output has seen enough, as `head` has
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (ValueError, TypeError, FloatingPointError, OSError, PlugError) as error:
        # What a user can mend is said in one line; a traceback would bury it.
        print(f"tvbi-ref: {error}{_kept(options, error)}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("tvbi-ref: interrupted; files already written are whole", file=sys.stderr)
        return 130
    finally:
        warnings.showwarning = shown
    return result


def _kept(options: argparse.Namespace, error: Exception) -> str:
    """Return what is left of a run that broke off, in words."""
    checkpoint = getattr(options, "checkpoint", None)
    if not (checkpoint and isinstance(error, DivergenceError | PlugError) and error.last_good):
        return ""
    return f"; {checkpoint} has the {len(error.last_good.trace)} epochs before"


def _print_warning(message: Warning | str, *rest: Any, **more: Any) -> None:
    print(f"tvbi-ref: warning: {message}", file=sys.stderr)


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Return the options of a command line; their defaults are the recipe's of ``--net``.

    Parameters
    ----------
    arguments : sequence of str, optional
        Without the program's name; by default those of the process.

    Examples
    --------
    >>> parse(["train", "mnist"]).batch_size
    32
    >>> parse(["train", "mnist", "--net", "lenet_300_100"]).batch_size
    128
    >>> parse(["train", "mnist", "--net", "lenet_300_100", "--batch-size", "64"]).batch_size
    64
    >>> parse(["demo", "--epochs", "30"]).spike_epochs
    25
    """
    asked = build_parser(DEMO.options | {"epochs": None}).parse_args(arguments)
    recipe = _recipe(getattr(asked, "net", None))
    return build_parser(recipe.options_for(getattr(asked, "epochs", None))).parse_args(arguments)


def _recipe(net: str | None) -> Recipe:
    return RECIPES.get(net or "", DEMO)


def build_parser(training: dict[str, Any] = DEMO.options) -> argparse.ArgumentParser:
    """Return the parser of all commands, with these defaults of ``demo`` and ``train``."""
    parser = argparse.ArgumentParser(
        prog="tvbi-ref",
        description="Turbo-VBI: structured Bayesian compression of neural networks, for teaching.",
    )
    parser.add_argument("--version", action="version", version=f"tvbi-ref {tvbi_ref.__version__}")
    parser.set_defaults(command=None)
    commands = parser.add_subparsers(title="commands")
    _add_demo(commands, training)
    _add_train(commands, training)
    _add_report(commands)
    _add_check(commands)
    _add_equations(commands)
    return parser


def _add_demo(commands: Any, defaults: dict[str, Any]) -> None:
    demo = commands.add_parser(
        "demo",
        formatter_class=_HelpFormatter,
        help="digits with three support priors side by side",
        description="Compress a 64-128-64-10 network on scikit-learn's digits under three support "
        "priors with the same seed: independent weights, a Markov chain down each neuron's "
        "weights, and a grid that also couples neighbouring neurons. Prints a table and writes "
        "it with pictures, traces and the small models. About a minute on two cores.",
    )
    _add_common(demo, out="demo")
    demo.set_defaults(command=run_demo, **defaults)


def _add_train(commands: Any, defaults: dict[str, Any]) -> None:
    train = commands.add_parser(
        "train",
        formatter_class=_HelpFormatter,
        help="any data set, architecture and prior",
        description="Train a network with Turbo-VBI, prune the weights whose posterior "
        "probability of being alive is below 1/2, fine-tune what is left, compare it with a dense "
        "baseline and write the same files as the demo.",
    )
    train.add_argument("dataset", choices=DATASETS)
    _add_common(train, out="run")
    _add_network(train)
    _add_prior(train)
    _add_turbo(train)
    train.add_argument(
        "--checkpoint",
        metavar="FILE",
        help="keep the turbo loop there, epoch by epoch; the same command goes on from it after a "
        "kill, to the same bits; with other settings or data it is refused. The dense baseline and "
        "the fine-tuning are not kept: they start afresh",
    )
    train.set_defaults(command=run_train, **defaults)


def _add_report(commands: Any) -> None:
    report = commands.add_parser(
        "report",
        formatter_class=_HelpFormatter,
        help="size, regularity, precision and speed of a small model",
        description="Measure a model that the demo or train wrote: bytes in every format, bits to "
        "say where the weights are beside the bound, bits that a weight needs, and whether "
        "its predictions are faster on this machine than those of a dense network.",
    )
    model = "small_*.npz, or model_*.npz, which also knows the network before pruning"
    report.add_argument("model", metavar="MODEL", help=model)
    report.add_argument("--data", choices=DATASETS, help="score the model on this test set")
    report.add_argument("--seed", type=int, default=0, help="of the data's split, as in training")
    report.add_argument(
        "--control", metavar="MODEL", help="to compare with: a run without couplings, J = 0"
    )
    report.add_argument("--json", metavar="FILE", help="write the numbers there")
    report.add_argument(
        "--out", metavar="FOLDER", help="write report.txt, report.json and report.png there"
    )
    report.set_defaults(command=run_report)


def _add_check(commands: Any) -> None:
    check = commands.add_parser(
        "check",
        formatter_class=_HelpFormatter,
        help="grade files of your own equations",
        description="Run the functions of each file in a process of its own and check every one "
        "against its equation. A file named like an exercise (03_mean_field_....py) is asked for "
        "all of that exercise, any other for what it defines. Exit status: 0 if all is right, "
        "1 if not, 2 if a file cannot be found.",
    )
    check.add_argument("files", metavar="FILE", nargs="+", help="a .py file or a notebook")
    asked = check.add_mutually_exclusive_group()
    asked.add_argument("--labels", metavar="LABEL,...", help="ask for these equations")
    asked.add_argument("--exercise", metavar="NAME", help="ask for this exercise: 03_mean_field")
    check.add_argument(
        "--time-limit", type=float, default=20.0, metavar="SECONDS", help="for each function"
    )
    check.add_argument("--json", metavar="FILE", help="write the results there, for a gradebook")
    check.set_defaults(command=run_check)


def _add_equations(commands: Any) -> None:
    equations = commands.add_parser(
        "equations",
        help="the equations: statement, symbols, code, exercise",
        description="Without a label, the list of all equations with the function that "
        "implements each, its exercise and its lesson.",
    )
    equations.add_argument("label", nargs="?", help="print this equation in full")
    equations.set_defaults(command=run_equations)


def _add_common(parser: argparse.ArgumentParser, *, out: str) -> None:
    parser.add_argument("--out", metavar="FOLDER", default=out, help="where to write")
    parser.add_argument("--seed", type=int, default=0, help="of the split, the weights, the noise")
    usual = DEMO.options["epochs"]
    parser.add_argument("--epochs", type=int, help=f"of the turbo loop; default: {usual}")
    parser.add_argument("--fine-tune-epochs", type=int, help="of the survivors after pruning")
    parser.add_argument("--batch-size", type=int, help="rows of a minibatch")
    parser.add_argument("--learning-rate", type=float, help="of Adam; it falls linearly to 0")
    own = parser.add_argument_group("equations of your own")
    own.add_argument(
        "--equations",
        metavar="FILE",
        help="a .py file or a notebook; its functions that are called as in the exercises are "
        "checked and then take the package's place in the turbo loop, the pruning and the "
        "fine-tuning. The package's own loop runs beside, to say where they part: twice the time",
    )
    own.add_argument(
        "--unchecked", action="store_true", default=None, help="plug them in without a check"
    )


def _add_network(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("network")
    group.add_argument(
        "--hidden",
        metavar="N,N,...",
        help="widths of the hidden layers, '' for none; inputs and outputs follow from the data; "
        "default: " + ", ".join(f"{v or 'none'} for {k}" for k, v in HIDDEN.items()),
    )
    group.add_argument("--activation", choices=("relu", "leaky_relu"), default="relu")
    group.add_argument(
        "--net",
        choices=NETS,
        help="a known one for mnist, in place of --hidden; " + " and ".join(RECIPES) + " bring "
        "the recipe that did best on a validation split (lab/recipes.py): budget, prior and "
        "schedule where no option says otherwise",
    )


def _add_prior(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("prior")
    group.add_argument("--prior", choices=PRIORS, default="grid", help="of the support")
    group.add_argument(
        "--field",
        type=float,
        help="log-odds of a live weight by itself (independent, grid); on the grid dead "
        "neighbours make it rarer still; default: the demo's",
    )
    group.add_argument(
        "--coupling-row", type=float, help="across neurons (grid); default: the demo's"
    )
    group.add_argument(
        "--coupling-col", type=float, help="inside a neuron (grid); default: the demo's"
    )
    group.add_argument(
        "--p01", type=float, help="P(1|0) down a column (chains); default: the demo's"
    )
    group.add_argument(
        "--p10", type=float, help="P(0|1) down a column (chains); default: the demo's"
    )
    group.add_argument("--variance", type=float, help="squared scale of a live weight")
    group.add_argument(
        "--contrast", type=float, help="squared scale of a dead weight over that of a live one"
    )


def _add_turbo(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("turbo loop")
    group.add_argument(
        "--module-a",
        choices=("collapsed", "mean_field", "mean_field_complex"),
        default="collapsed",
        help="the form of Module A; mean_field is the paper's",
    )
    group.add_argument(
        "--exchange",
        choices=("extrinsic", "product_of_odds", "full_belief", "product_and_belief"),
        default="extrinsic",
        help="what crosses between the modules; only extrinsic is right, the others are the "
        "follow-up code's mistakes, for comparison",
    )
    group.add_argument("--sweeps", type=int, default=5, help="of Module B an epoch")
    group.add_argument(
        "--damping", type=float, help="of Module B's messages; default: 0, or 0.5 above the bound"
    )
    group.add_argument(
        "--learn",
        action="store_true",
        default=None,
        help="let field and couplings learn from the evidence once the spike is annealed",
    )
    group.add_argument(
        "--fixed-variance",
        action="store_true",
        default=None,
        help="never train the variances of the weights, as in the follow-up code",
    )
    group.add_argument("--kl-warmup", type=int, help="epochs; it keeps its share of --epochs")
    group.add_argument("--spike-epochs", type=int, help="of annealing; a share of --epochs, too")
    group.add_argument(
        "--tol", type=float, default=0.0, help="stop when no probability of being alive moves more"
    )


def demo_budget() -> Any:
    """Return the budget of the demo.

    Examples
    --------
    >>> demo_budget().learning_rate
    0.005
    """
    return _budget(parse(["demo"]), SCHEDULE)


def run_demo(options: argparse.Namespace) -> int:
    """Run ``tvbi-ref demo``."""
    from tvbi_ref import datasets, nets
    from tvbi_ref.lab import experiment

    yours = _own_equations(options)
    experiment.make_folder(options.out)  # a mistake is found before the long work, not after
    run = yours.run if yours else experiment.run
    data = datasets.load_digits(seed=options.seed)
    network = nets.mlp([64, 128, 64, 10], seed=options.seed)
    budget = _budget(options, SCHEDULE)
    print(f"{data}\n{network}\n", flush=True)
    dense = experiment.dense_baseline(network, data, budget, seed=options.seed)
    outcomes = []
    for kind in PRIORS:
        print(f"{kind} ...", flush=True)
        prior = demo_prior(kind)
        outcomes.append(run(kind, network, data, prior, budget, seed=options.seed))
    text = experiment.table(dense, outcomes) + "\n\n" + experiment.layer_table(outcomes)
    _report(outcomes, text, options.out, yours)
    return 0


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
    >>> task = train_task(parse(["train", "digits", "--prior", "independent", "--epochs", "9"]))
    >>> task.network, task.prior.support, task.budget.epochs
    (Network(64 -> 128 -> 64 -> 10, 17024 weights, float32), IndependentSupport(log_odds=-2.5), 9)
    """
    from tvbi_ref.prior import HierarchicalPrior

    if options.net is not None and options.dataset != "mnist":
        raise ValueError(f"--net {options.net} is for mnist, not for {options.dataset}")
    if options.net is not None and options.hidden is not None:
        raise ValueError("--net says the hidden layers itself: leave out --hidden")
    known = DEMO.supports | _recipe(options.net).supports
    numbers = {n: getattr(options, n) for n in ("field", "coupling_row", "coupling_col")}
    support = make_support(options.prior, known, **numbers, p01=options.p01, p10=options.p10)
    prior = HierarchicalPrior.spike_and_slab(
        support, variance=options.variance, contrast=options.contrast
    )
    turbo = ("module_a", "exchange", "sweeps", "damping", *SCHEDULE, "tol")
    flags = {"learn": bool(options.learn), "train_variance": not options.fixed_variance}
    budget = _budget(options, turbo, **flags)
    budget.turbo(prior, options.seed)  # a mistake is found before the long work, not after
    data, network = _data_and_network(options)
    return Task(options.prior, network, data, prior, budget)


def run_train(options: argparse.Namespace) -> int:
    """Run ``tvbi-ref train``."""
    from tvbi_ref.lab import experiment

    task = train_task(options)
    yours = _own_equations(options)
    experiment.make_folder(options.out)
    run = yours.run if yours else experiment.run
    support = task.prior.support
    shape = task.network.weight_layers[0].matrix_shape
    expected = f"expects {support.density(shape):.1%} of the first layer to live"
    print(f"{task.data}\n{task.network}\n{support}: {expected}\n", flush=True)
    if options.checkpoint and os.path.exists(options.checkpoint):
        print(f"going on from {options.checkpoint}\n", flush=True)
    # The baseline comes last: a checkpoint of another run is refused before the long work.
    outcome = run(*task, seed=options.seed, checkpoint=options.checkpoint)
    dense = experiment.dense_baseline(task.network, task.data, task.budget, seed=options.seed)
    text = experiment.table(dense, [outcome]) + "\n\n" + experiment.layer_table([outcome])
    supports = getattr(task.data, "supports", ())
    if [layer.matrix_shape for layer in task.network.weight_layers] == [s.shape for s in supports]:
        text += "\n\n" + experiment.recovery(outcome, supports)
    _report([outcome], text, options.out, yours)
    return 0


def run_report(options: argparse.Namespace) -> int:
    """Run ``tvbi-ref report``."""
    from tvbi_ref.lab import experiment, plots

    folder = experiment.make_folder(options.out) if options.out else None
    small, whole = _load_model(options.model)
    control = _load_model(options.control)[0] if options.control else None
    data = _data(options.data, options.seed) if options.data else None
    rows = (data.x_test, data.y_test) if data else ()
    report = small.report(*rows, whole=whole, control=control)
    print(report)
    numbers = json.dumps(report.to_dict(), indent=2).encode()
    files: dict[Any, bytes] = {options.json: numbers} if options.json else {}
    if folder:
        files |= {folder / "report.txt": f"{report}\n".encode(), folder / "report.json": numbers}
    for path, content in files.items():
        with atomic_write(path) as file:
            file.write(content)
    pictures = [plots.save(plots.compression(report), folder / "report.png")] if folder else []
    if written := [*files, *pictures]:
        print("\nwritten:", *written, sep="\n  ")
    return 0


def _load_model(path: str) -> tuple[Any, Any]:
    """Return a compressed network, and the network it was made from if the file holds that."""
    from tvbi_ref import CompressedNetwork, compress, load_network
    from tvbi_ref.errors import DataCorruptedError

    try:
        return CompressedNetwork.load(path), None
    except DataCorruptedError as error:
        try:
            whole = load_network(path)
        except DataCorruptedError:
            raise error from None
        return compress(whole), whole


def run_check(options: argparse.Namespace) -> int:
    """Run ``tvbi-ref check``."""
    from tvbi_ref.school.checks.grading import existing, grade

    for file in options.files:
        existing(file)  # a misspelt name is found before the long work, not after
    labels = _labels(options)
    grades = []
    for file in options.files:
        grades.append(grade(file, labels=labels, time_limit=options.time_limit))
        print(grades[-1], flush=True)
        if options.json:  # after every file: an interrupted run has lost nothing
            with atomic_write(options.json) as out:
                out.write(json.dumps([g.to_json() for g in grades], indent=2).encode())
    return max(g.exit_status for g in grades)


def _labels(options: argparse.Namespace) -> list[str] | None:
    """Return what --labels or --exercise asks for, None for neither."""
    from tvbi_ref.equations import EQUATIONS

    if options.labels is not None:
        return [label.strip() for label in options.labels.split(",")]
    if options.exercise is None:
        return None
    labels = [e.label for e in EQUATIONS.values() if e.exercise == options.exercise]
    if not labels:
        known = ", ".join(dict.fromkeys(e.exercise for e in EQUATIONS.values()))
        raise ValueError(f"--exercise must be one of {known}; got {options.exercise!r}")
    return labels


def run_equations(options: argparse.Namespace) -> int:
    """Run ``tvbi-ref equations``."""
    from tvbi_ref import equations

    print(equations.get(options.label) if options.label else equations.table())
    return 0


def _budget(options: argparse.Namespace, turbo: Sequence[str], **more: Any) -> Any:
    """Return the budget, with these options and more of the turbo loop."""
    from tvbi_ref.lab.experiment import Budget

    return Budget(
        epochs=options.epochs,
        fine_tune_epochs=options.fine_tune_epochs,
        batch_size=options.batch_size,
        learning_rate=options.learning_rate,
        options={name: getattr(options, name) for name in turbo} | more,
    )


def _data(name: str, seed: int) -> Any:
    """Return a data set as networks here are trained on it."""
    from tvbi_ref import datasets

    # MNIST comes with its own split; every other data set is split by the seed.
    data = datasets.load(name, **({} if name == "mnist" else {"seed": seed}))
    return data.standardised() if data.n_classes is None else data


def _data_and_network(options: argparse.Namespace) -> tuple[Any, Any]:
    from tvbi_ref import nets
    from tvbi_ref.prior import Gamma

    data = _data(options.dataset, options.seed)
    if options.net is not None:
        return data, getattr(nets, options.net)(seed=options.seed)
    regression = data.n_classes is None
    outputs = data.n_classes or data.y_train.shape[1]
    network = nets.mlp(
        [
            data.x_train.shape[1],
            *_widths(HIDDEN[options.dataset] if options.hidden is None else options.hidden),
            outputs,
        ],
        seed=options.seed,
        activation=options.activation,
        likelihood="gaussian" if regression else "categorical",
        noise=Gamma(1.0, 0.1),
    )
    return data, network


def _widths(text: str) -> list[int]:
    try:
        return [int(part) for part in text.split(",") if part.strip()]
    except ValueError:
        raise ValueError(
            f"--hidden must be whole numbers separated by commas; got {text!r}"
        ) from None


def _own_equations(options: argparse.Namespace) -> Any:
    """Return the equations of --equations, ready to be plugged in; None without."""
    if options.equations is None:
        if options.unchecked:
            raise ValueError("--unchecked has no meaning without --equations")
        return None
    from tvbi_ref.school import own

    yours = own.ready(options.equations, unchecked=bool(options.unchecked))
    print(f"{yours.announcement}\n", flush=True)
    return yours


def _report(outcomes: list[Any], text: str, out: str, yours: Any) -> None:
    from tvbi_ref.lab import experiment

    text = f"{text}\n\n{yours}" if yours else text
    written = experiment.write(outcomes, text, out)
    if yours:
        written.append(experiment.make_folder(out) / "equations.json")
        with atomic_write(written[-1]) as file:
            file.write(json.dumps(yours.to_json(), indent=2).encode())
    print(f"\n{text}\n\nwritten:")
    for path in written:
        print(f"  {path}")


if __name__ == "__main__":
    sys.exit(main())

"""Single runs on MNIST and Fashion-MNIST, each kept with its network: what other scripts draw from.

    python figures/runs.py                     # every run that is not there yet: hours
    python figures/runs.py lever               # those of one group
    python figures/runs.py --one NAME          # one run by its name
    python figures/runs.py --files             # the files of the networks that are kept, once more

A run is a data set, a network, a method with its settings, a seed, and the rows that it is measured
on: "valid", 10,000 of the training rows held out, or "test". It writes runs/NAME.json, one row, and
runs/NAME.npz, the compressed network with its variances (of a dense network its kernels). All
methods are measured in the same way, see `measured`. Seconds are the processor's.
"""

from __future__ import annotations

import datetime
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from _common import HERE
from tqdm.auto import tqdm

from tvbi_ref import GraphSupport, compress, datasets, load_compressed, nets, save_compressed
from tvbi_ref._files import atomic_write
from tvbi_ref.compression import index_bits, mean_run, round_weights, sort_units
from tvbi_ref.compression.variances import ByteVariances
from tvbi_ref.lab.baselines import Problem, Turbo
from tvbi_ref.lab.recipes import (
    NUMBERS,
    RECIPES,
    SCALES,
    SCHEDULE,
    make_budget,
    make_method,
    make_prior,
    pick,
)
from tvbi_ref.lab.study.jobs import versions
from tvbi_ref.lab.study.tasks import TASKS
from tvbi_ref.nets.kernel_matrix import edges_within_kernels

RUNS = HERE / "runs"
LOAD = {"mnist": datasets.load_mnist, "fashion": datasets.load_fashion_mnist}
SHARES = (0.04, 0.08, 0.15, 0.25, 0.4)
"""Steps of the coded files, as shares of the root mean square of a layer's weights."""
SEEN = 1000
"""Training rows by which biases make up for the rounding, see `round_weights`."""
KERNELS = 25_000
"""Layers with fewer weights are kept of a dense network, too."""
POSTERIOR = ("turbo", "sparse_vd")
"""Methods that leave a variance of each weight."""
AVERAGED = 5
"""Epochs whose means are averaged, where they are."""


@dataclass(frozen=True)
class Setting:
    """One run but for its seed; what is not said is the recipe's.

    Parameters
    ----------
    net : str
        A key of `RECIPES`.
    method : str
        "turbo" or one of `tvbi_ref.lab.study.METHODS`.
    support : str or sequence of (str, dict)
        Of "turbo": its name, see `support_of`, or name and numbers for each layer.
    data, part : str
    options : dict
        Epochs, batch size, rate and scales as recipes have them, and those of the method.
    average : bool
        Average the means of q(w) over the last epochs.
    """

    net: str
    method: str = "turbo"
    support: Any = "independent"
    data: str = "mnist"
    part: str = "test"
    options: dict[str, Any] = field(default_factory=dict)
    average: bool = False

    @property
    def all_options(self) -> dict[str, Any]:
        """The recipe's options and those that differ."""
        return RECIPES[self.net].options_for(self.options.get("epochs")) | self.options


def small(**options: Any) -> Setting:
    """Return a run of LeNet-300-100 on validation rows."""
    own = {name: options.pop(name) for name in ("method", "support", "average") if name in options}
    return Setting("lenet_300_100", part="valid", options=options, **own)


def by_layer(
    net: str, kind: str, *fields: float, slabs: Sequence[float] = (), **rest: float
) -> list[Any]:
    """Return a support with a field, and perhaps a slab, for each layer."""
    slabs = slabs or [RECIPES[net].options["variance"]] * len(fields)
    return [(kind, {"field": h, "variance": v} | rest) for h, v in zip(fields, slabs, strict=True)]


# What is measured


def measured(network: Any, data: Any) -> dict[str, Any]:
    """Return the columns of a pruned network.

    Index bits are those of the whole masks, of masks shuffled within each layer, and, "live", both
    without dead rows and columns.
    """
    masks = [layer.matrix(layer.mask) for layer in network.weight_layers]
    live = [mask[mask.any(axis=1)][:, mask.any(axis=0)] for mask in masks]
    small_one = compress(network)
    return {
        "error": error(network, data),
        "kept": sum(int(mask.sum()) for mask in masks),
        "times": round(sum(m.size for m in masks) / max(1, sum(m.sum() for m in masks)), 1),
        "kept_by_layer": "-".join(str(int(mask.sum())) for mask in masks),
        "reach": small_one.n_weights,
        "architecture": "-".join(map(str, small_one.widths)),
        "mean_run": round(mean_run(masks), 2),
        "index_bits": round(index_bits(masks), 2),
        "shuffled": round(index_bits([shuffled(m) for m in masks]), 2),
        "live_index_bits": round(index_bits(live), 2),
        "live_shuffled": round(index_bits([shuffled(m) for m in live]), 2),
    }


def shuffled(mask: Any) -> Any:
    """Return as many kept weights in random places."""
    return np.random.default_rng(0).permutation(mask.ravel()).reshape(mask.shape)


def error(network: Any, data: Any) -> float:
    """Return the share of the rows it is measured on that a network gets wrong, in percent."""
    return round(100 * (1 - network.score(data.x_test, data.y_test)), 2)


def of_files(small_one: Any, data: Any, *, posterior: bool) -> dict[str, Any]:
    """Return the bytes of coded files and the errors of what is loaded from them.

    A step of each of `SHARES`, for all methods alike; of a posterior also half a deviation.
    """
    steps = {str(share): (with_steps(small_one, share), 1.0) for share in SHARES}
    if posterior:
        steps["posterior"] = (small_one, 0.5)
    row: dict[str, Any] = {}
    for name, (network, fraction) in steps.items():
        rounded = sort_units(round_weights(network, fraction, x=data.x_train[:SEEN]))
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "net.tvbc"
            save_compressed(path, rounded, coded=True, uncertainty=False)
            again = load_compressed(path).with_format("dense")
            row |= {f"bytes_{name}": path.stat().st_size, f"error_{name}": error(again, data)}
    return row


def with_steps(network: Any, share: float) -> Any:
    """Return the network with a share of a layer's root mean square as deviation of its weights."""

    def coarse(layer: Any) -> Any:
        kept = layer.weights.to_dense()
        kept = kept[kept != 0]
        low = 2 * np.log(share * np.sqrt(np.mean(np.float64(kept) ** 2)))
        variances = ByteVariances(np.zeros(kept.size, np.uint8), float(low), 0.0)
        return replace(layer, variances=variances)

    return network.with_layers(map(coarse, network.weight_layers))


# Runs


def run(name: str) -> None:
    """Do one run and write its network, and then its row."""
    setting, seed = ALL[name]
    data = data_of(setting)
    started = time.process_time()
    network, supports = trained(setting, data, seed)
    row: dict[str, Any] = {"name": name, "seed": seed} | {
        key: value for key, value in vars(setting).items() if key != "options"
    }
    row |= {"options": setting.all_options, "seconds": round(time.process_time() - started)}
    if setting.options.get("learn"):
        row["learned"] = [numbers(support) for support in supports]
    if setting.method == "dense":
        row |= {"error": error(network, data)}
        matrices = [layer.matrix(layer.mean.value) for layer in network.weight_layers]
        with atomic_write(RUNS / f"{name}.npz") as file:  # the kernels, for a picture
            np.savez_compressed(file, *(m for m in matrices if m.size <= KERNELS))
    else:
        row |= measured(network, data)
        row |= of_files(compress(network), data, posterior=setting.method in POSTERIOR)
        save_compressed(RUNS / f"{name}.npz", compress(network))
    row |= {"date": datetime.date.today().isoformat(), "versions": versions()}
    write(name, row)


def files_again(name: str) -> None:
    """Write the files of a network that is kept, and their columns of its row."""
    row, (setting, _) = json.loads((RUNS / f"{name}.json").read_text()), ALL[name]
    if setting.method != "dense":
        network = load_compressed(RUNS / f"{name}.npz")
        row |= of_files(network, data_of(setting), posterior=setting.method in POSTERIOR)
        write(name, row)


def data_of(setting: Setting) -> Any:
    """Return the rows that a run trains on and is measured on."""
    task = replace(TASKS[setting.net], load=lambda _: LOAD[setting.data]())
    return task.data(setting.part, seed=0)


def write(name: str, row: dict[str, Any]) -> None:
    """Write the row of a run."""
    with atomic_write(RUNS / f"{name}.json") as file:
        file.write(json.dumps(row, indent=1).encode())


def trained(setting: Setting, data: Any, seed: int) -> tuple[Any, list[Any]]:
    """Return the network of a run, pruned, and the support priors at its end."""
    options = setting.all_options
    network = getattr(nets, setting.net)(seed=seed)
    loop = [name for name in (*SCHEDULE, "kl_weight", "learn") if name in options]
    budget = make_budget(options, loop)
    budget.options["shrink"] = True
    problem = Problem(data.x_train, data.y_train, budget, seed, False)
    if setting.method != "turbo":
        own = pick(options, ("sparsity", "strength"))
        return make_method(setting.method, own).train(network, problem), []
    if setting.average:
        problem.loop["callbacks"] = [Average(options["epochs"])]
    shapes = [layer.mean.value.shape for layer in network.weight_layers]
    turbo = Turbo(priors(setting, shapes), dense_epochs=options.get("dense_epochs", 0))
    return turbo.train(network, problem), problem.result.supports


def numbers(support: Any) -> dict[str, float]:
    """Return what a support prior has learned."""
    known = {part.name: getattr(support, part.name) for part in fields(support) if part.init}
    return {name: round(number, 4) for name, number in known.items() if isinstance(number, float)}


class Average:
    """A callback that leaves the network with its mean over the last epochs.

    Parameters
    ----------
    epochs : int
        Of the run.
    """

    def __init__(self, epochs: int) -> None:
        self.epochs = epochs
        self.sums: list[Any] = []

    def __call__(self, epoch: int, row: Any, result: Any) -> None:
        """Add the parameters; at the end put their mean in place."""
        if epoch < self.epochs - AVERAGED:
            return
        now = result.network.parameters()
        old = self.sums or [0.0] * len(now)
        self.sums = [a + p.value for a, p in zip(old, now, strict=True)]
        if epoch == self.epochs - 1:
            for parameter, total in zip(now, self.sums, strict=True):
                parameter.value[...] = total / AVERAGED


# Priors


def priors(setting: Setting, shapes: list[tuple[int, ...]]) -> list[Any]:
    """Return the prior of every layer."""
    recipe, scales = RECIPES[setting.net], pick(setting.all_options, SCALES)
    each = setting.support
    if isinstance(each, str):
        numbers = pick(setting.options, NUMBERS[each])
        each = [(each, {**recipe.supports.get(each, {}), **numbers})] * len(shapes)
    return [
        make_prior(*support_of(kind, {**scales, **numbers}, shape))
        for (kind, numbers), shape in zip(each, shapes, strict=True)
    ]


def support_of(kind: str, numbers: dict[str, float], shape: tuple[int, ...]) -> tuple[Any, Any]:
    """Return the two arguments of `make_prior`, for supports that need the layer's shape, too.

    "pixels": neighbours in the image, both ways, of one unit's weights in a first layer or of one
    kernel. All others are `make_prior`'s.
    """
    if kind == "pixels":
        images = shape if len(shape) == 4 else (shape[1], 1, 28, 28)
        layout = "blocks" if len(shape) == 4 else "filters"
        edges = edges_within_kernels(images, layout)
        numbers = dict(numbers)
        graph = GraphSupport(edges, numbers.pop("coupling"), field=numbers.pop("field"))
        return graph, numbers
    return kind, numbers


LEVERS: dict[str, Setting] = {
    "60": small(),
    "60-r2": small(learning_rate=2e-3),
    "60-r8": small(learning_rate=8e-3),
    "120": small(epochs=120),
    "60-kl50": small(kl_weight=0.5),
    "60-kl50-field6": small(kl_weight=0.5, field=-6.0),
    "60-kl50-contrast6": small(kl_weight=0.5, contrast=1e-6),
    "60-average": small(average=True),
    "60-dense": small(dense_epochs=0.2, kl_warmup=24, spike_epochs=40),
    "60-b64": small(batch_size=64, learning_rate=2e-3),
    "60-warmup60": small(kl_warmup=60),
    "120-early": small(epochs=120, kl_warmup=30, spike_epochs=60),
    "60-contrast3": small(contrast=1e-3),
    "60-contrast5": small(contrast=1e-5),
    "60-variance10": small(variance=0.1),
    "60-variance40": small(variance=0.4),
    "60-layers": small(support=by_layer("lenet_300_100", "independent", -4, -3, -1)),
    "60-slabs": small(
        support=by_layer("lenet_300_100", "independent", -3, -3, -3, slabs=(0.1, 0.3, 0.6))
    ),
    "60-slabs2": small(
        support=by_layer("lenet_300_100", "independent", -3, -3, -3, slabs=(0.4, 0.2, 0.2))
    ),
    "60-field4": small(field=-4.0),
    "60-field5": small(field=-5.0),
    "240": small(epochs=240),
    "60-gradual100": small(method="gradual_magnitude", sparsity=0.99),
    "60-gradual200": small(method="gradual_magnitude", sparsity=0.995),
    "120-gradual100": small(method="gradual_magnitude", sparsity=0.99, epochs=120),
}
"""LeNet-300-100 on validation rows, one change a row."""

PIXELS = ("pixels", {"field": -1.5, "coupling": 0.3})
FAN_OUT = ("group", {"p_alive": 0.2, "p_in": 0.2, "p_out": 0.002})
LONE = ("independent", {"field": -3.0})

STRUCTURES: dict[str, Setting] = {
    "grid": small(support="grid"),
    "grid-learned": small(support="grid", learn=True),
    "chains1": small(support="chains", p01=0.01, p10=0.5),
    "chains2": small(support="chains", p01=0.02, p10=0.8),
    "pixels": small(support=[PIXELS, LONE, LONE]),
    "pixels-groups": small(support=[PIXELS, FAN_OUT, FAN_OUT]),
    "pixels-groups-learned": small(support=[PIXELS, FAN_OUT, FAN_OUT], learn=True),
    "groups": small(support=[LONE, FAN_OUT, FAN_OUT]),
}
"""LeNet-300-100 on validation rows, one structure a row."""


def caffe(*fields: float, **options: Any) -> Setting:
    """Return a run of LeNet-5-Caffe on validation rows."""
    support = by_layer("lenet5_caffe", "independent", *fields) if fields else "independent"
    return Setting("lenet5_caffe", support=support, part="valid", options=options)


CAFFE_LEVERS: dict[str, Setting] = {
    "36": caffe(epochs=36),
    "36-layers": caffe(-5, -4, -3.5, -2, epochs=36),
    "72-layers": caffe(-5, -4, -3.5, -2, epochs=72),
    "36-b64": caffe(-5, -4, -3.5, -2, epochs=36, batch_size=64, learning_rate=1e-3),
}
"""LeNet-5-Caffe on validation rows."""


def entrants(net: str, data: str, sizes: dict[str, dict[str, dict[str, Any]]]) -> dict[str, Any]:
    """Return settings by label from methods or supports and the options of their sizes."""
    found = {}
    for name, options in sizes.items():
        kind = {"support": name, "method": "turbo"} if name in NUMBERS else {"method": name}
        for label, own in options.items():
            found[f"{name}-{label}"] = Setting(net, data=data, options=own, **kind)
    return found


WEAK = {"p01": 0.02, "p10": 0.8}
"""Chains whose bonds are about as strong as the grid's."""

FRONT = {
    "dense": {"all": {}},
    "independent": {"large": {"kl_weight": 0.5}, "recipe": {}, "little": {"field": -5.0}},
    "chains": {"recipe": WEAK},
    "grid": {"large": {"kl_weight": 0.5}, "recipe": {}, "little": {"field": -3.0}},
    "gradual_magnitude": {
        "large": {"sparsity": 0.983},
        "recipe": {"sparsity": 0.99},
        "little": {"sparsity": 0.995},
    },
    "sparse_vd": {
        "large": {"strength": 1.0},
        "recipe": {"strength": 4.0},
        "little": {"strength": 12.0},
    },
}
"""LeNet-300-100 on MNIST: three sizes of each method with the recipe's epochs."""


TWICE, FOUR_TIMES = {"epochs": 36}, {"epochs": 72}
FIELDS = by_layer("lenet5_caffe", "independent", -4.5, -3.5, -3.0, -2.0)
LENET5: dict[str, Setting] = {
    "independent-recipe": Setting("lenet5_caffe", support=FIELDS, options=TWICE),
    "independent-large": Setting(
        "lenet5_caffe", support=FIELDS, options=TWICE | {"kl_weight": 0.5}
    ),
    "independent-long": Setting("lenet5_caffe", support=FIELDS, options=FOUR_TIMES),
    "independent-long-middle": Setting(
        "lenet5_caffe", support=FIELDS, options=FOUR_TIMES | {"kl_weight": 0.7}
    ),
    "independent-long-large": Setting(
        "lenet5_caffe", support=FIELDS, options=FOUR_TIMES | {"kl_weight": 0.5}
    ),
    "kernels-recipe": Setting(
        "lenet5_caffe",
        support=[
            ("pixels", {"field": -3.0, "coupling": 0.3}),
            ("pixels", {"field": -2.0, "coupling": 0.3}),
            FAN_OUT,
            FAN_OUT,
        ],
        options=TWICE,
    ),
    "grid-recipe": Setting(
        "lenet5_caffe",
        support=by_layer(
            "lenet5_caffe", "grid", -3.0, -2.0, -1.5, -0.5, coupling_row=0.1, coupling_col=0.5
        ),
        options=TWICE,
    ),
    "gradual_magnitude-recipe": Setting(
        "lenet5_caffe", method="gradual_magnitude", options=TWICE | {"sparsity": 0.996}
    ),
    "gradual_magnitude-long": Setting(
        "lenet5_caffe", method="gradual_magnitude", options=FOUR_TIMES | {"sparsity": 0.996}
    ),
    "gradual_magnitude-long-large": Setting(
        "lenet5_caffe", method="gradual_magnitude", options=FOUR_TIMES | {"sparsity": 0.995}
    ),
    "sparse_vd-recipe": Setting(
        "lenet5_caffe", method="sparse_vd", options=TWICE | {"strength": 4.0}
    ),
    "dense-all": Setting("lenet5_caffe", method="dense", options=TWICE),
}
"""LeNet-5-Caffe on MNIST: a field for each layer, twice and four times the recipe's epochs."""

LONG = {"epochs": 120}
FASHION = {
    "dense": {"all": {}, "long": LONG},
    "independent": {"recipe": {}, "long": LONG, "large": LONG | {"kl_weight": 0.5}},
    "chains": {"recipe": WEAK},
    "grid": {"recipe": {}, "long": LONG},
    "gradual_magnitude": {
        "recipe": {"sparsity": 0.99},
        "long": LONG | {"sparsity": 0.99},
        "large": LONG | {"sparsity": 0.9825},
    },
    "sparse_vd": {"recipe": {"strength": 4.0}, "long": LONG | {"strength": 4.0}},
}
"""LeNet-300-100 on Fashion-MNIST: the recipe of MNIST, and one of twice the epochs."""

KERNELS_AND_GROUPS = [("pixels", {"field": -1.0, "coupling": 0.3})] * 2 + [FAN_OUT] * 2
CONVOLUTIONS: dict[str, Setting] = {
    "independent": caffe(),
    "grid": Setting("lenet5_caffe", support="grid", part="valid"),
    "kernels-groups": Setting("lenet5_caffe", support=KERNELS_AND_GROUPS, part="valid"),
    "kernels-groups-learned": Setting(
        "lenet5_caffe", support=KERNELS_AND_GROUPS, part="valid", options={"learn": True}
    ),
}
"""LeNet-5-Caffe on validation rows, the recipe, one structure a row."""

TUNED = {"epochs": 16, "fine_tune_epochs": 2}
"""As many epochs as the recipe; at the end the means alone are trained, without noise."""

FASHION5 = entrants(
    "lenet5_caffe",
    "fashion",
    {
        "dense": {"all": {}},
        "independent": {"recipe": {}, "large": {"kl_weight": 0.5}},
        "chains": {"recipe": WEAK},
        "grid": {"recipe": {}},
        "gradual_magnitude": {
            "large": {"sparsity": 0.9843},
            "middle": {"sparsity": 0.9908},
            "recipe": {"sparsity": 0.9941},
        },
        "sparse_vd": {"recipe": {"strength": 1.0}},
    },
) | {
    "independent-little": Setting("lenet5_caffe", support=FIELDS, data="fashion"),
    "independent-little-tuned": Setting(
        "lenet5_caffe", support=FIELDS, data="fashion", options=TUNED
    ),
    "independent-tuned": Setting("lenet5_caffe", data="fashion", options=TUNED),
    "kernels-recipe": Setting("lenet5_caffe", support=KERNELS_AND_GROUPS, data="fashion"),
}
"""LeNet-5-Caffe on Fashion-MNIST: the recipe of MNIST, and its structures."""

GROUPS: dict[str, tuple[dict[str, Setting], range]] = {
    "lever": (LEVERS, range(3)),
    "caffe": (CAFFE_LEVERS, range(1)),
    "structure": (STRUCTURES, range(3)),
    "convolution": (CONVOLUTIONS, range(1)),
    "mnist": (entrants("lenet_300_100", "mnist", FRONT), range(3)),
    "lenet5": (LENET5, range(3)),
    "fashion5": (FASHION5, range(3)),
    "fashion": (entrants("lenet_300_100", "fashion", FASHION), range(3)),
}
"""Name of a group -> what it runs, and with which seeds."""


def name_of(group: str, label: str, seed: int) -> str:
    """Return the name of a run."""
    return f"{group}-{label}-{seed}"


ALL = {
    name_of(group, label, seed): (setting, seed)
    for group, (settings, seeds) in GROUPS.items()
    for label, setting in settings.items()
    for seed in seeds
}
"""Every run by its name."""


def by_label(group: str) -> dict[str, list[dict[str, Any]]]:
    """Return the rows of a group that are there, by what is the same for all seeds."""
    settings, seeds = GROUPS[group]
    found = {}
    for label in settings:
        paths = [RUNS / f"{name_of(group, label, seed)}.json" for seed in seeds]
        rows = [json.loads(path.read_text()) for path in paths if path.exists()]
        found |= {label: rows} if rows else {}
    return found


def missing(group: str) -> list[str]:
    """Return the names of the runs of a group that have no row yet."""
    settings, seeds = GROUPS[group]
    names = [name_of(group, label, seed) for label in settings for seed in seeds]
    return [name for name in names if not (RUNS / f"{name}.json").exists()]


def main() -> None:
    """Do what is asked for."""
    RUNS.mkdir(exist_ok=True)
    work, names = run, sys.argv[2:]
    if sys.argv[1:] == ["--files"]:
        work, names = files_again, sorted(path.stem for path in RUNS.glob("*.json"))
    elif sys.argv[1:2] != ["--one"]:
        names = [name for group in sys.argv[1:] or GROUPS for name in missing(group)]
    for name in tqdm(names, disable=None):
        work(name)


if __name__ == "__main__":
    main()

"""Turbo-VBI and its baselines under one protocol: a declared search, then several seeds.

Every method has four positions of its knob, and at each the same number of further settings is
tried on validation rows with one seed; the best is trained on all training rows with the seeds of
the task and measured once on the test rows, after the last epoch. What is searched is ENTRANTS.

    python figures/baselines.py digits            # all runs of a task, those done are not redone
    python figures/baselines.py digits --jobs 2   # in two processes
    python figures/baselines.py digits --scheduler HOST:PORT   # on a Dask cluster
    python figures/baselines.py draw              # only tables and pictures

Runs are kept in baselines/ beside this file and may be interrupted at any time. A task that is
done is written to baselines_TASK.csv, one row a run with its configuration and the latency of its
small network, which is measured at the end, one network after the other, and drawn in
baselines_TASK.png.
"""

from __future__ import annotations

import argparse
import contextlib
import json
from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any

import joblib
import matplotlib as mpl
import numpy as np
from _common import HERE, read_rows, write_rows
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tvbi_ref import load_compressed, plots
from tvbi_ref.compression.latency import race
from tvbi_ref.lab.study import TASKS, Entrant, Job, choose, failed, final_jobs, run_all, search_jobs

RUNS = HERE / "baselines"
SEARCH_SEED = 100
SEEDS = {
    "digits": range(5),
    "boston_50": range(20),
    "boston_50_50": range(20),
    "lenet_300_100": range(3),
    "lenet5_caffe": range(1),
}
FEW = 5
LIMITS_OF_DENSE = {"digits": (0, 5), "boston": (0.8, 1.7), "lenet": (0.9, 2.5)}
"""By the first part of a task's name: what is drawn, as multiples of the dense network's error."""
BATCHES = (1, 128)
LATENCY_FORMATS = ("dense", "csr", "clusters")
COLUMNS = (
    "method",
    "size",
    "options",
    "seed",
    "error",
    "error_shared",
    "log_likelihood",
    "log_likelihood_drawn",
    "covered",
    "kept",
    "live",
    "units",
    "bytes",
    "bytes_shared",
    "format",
    "mean_run",
    "index_bits",
    "entropy_bound",
    "live_run",
    "live_index_bits",
    "us_batch_1",
    "us_batch_128",
    "seconds",
    "failed",
    "date",
)

# What is searched


def either(name: str, *values: Any) -> list[dict[str, Any]]:
    """Return one setting a value."""
    return [{name: value} for value in values]


def both(*settings: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return every combination of settings."""
    return [{k: v for part in parts for k, v in part.items()} for parts in product(*settings)]


SPARSITIES = either("sparsity", 0.9, 0.95, 0.97, 0.985)
RATES = either("learning_rate", 2e-3, 5e-3)
SCALES = [{"variance": 0.1, "contrast": 1e-4, "spike_epochs": 125}]

DIGITS = [
    Entrant("digits", "dense", [{}], RATES),
    Entrant("digits", "magnitude", SPARSITIES, RATES),
    Entrant("digits", "gradual_magnitude", SPARSITIES, RATES),
    Entrant("digits", "snip", SPARSITIES, RATES),
    Entrant("digits", "sparse_vd", either("strength", 0.3, 1.0, 2.0, 4.0), RATES),
    Entrant("digits", "group_nj", either("strength", 1.0, 2.0, 4.0, 6.0), RATES),
    Entrant("digits", "group_lasso", either("strength", 2.5e-4, 5e-4, 1e-3, 2e-3), RATES),
    Entrant(
        "digits",
        "l0",
        both(either("gates", "weight"), either("strength", 1.0, 3.0, 5.0, 8.0)),
        RATES,
    ),
    Entrant(
        "digits",
        "turbo_independent",
        both(SCALES, either("field", 0.0, -1.5, -3.5, -5.0)),
        RATES,
    ),
    Entrant(
        "digits",
        "turbo_chains",
        both(SCALES, either("p10", 0.5), either("p01", 0.1, 0.05, 0.02, 0.005)),
        RATES,
    ),
    Entrant(
        "digits",
        "turbo_grid",
        both(
            SCALES,
            [{"coupling_row": 0.04, "coupling_col": 1.1}],
            either("field", 0.25, 0.0, -0.5, -1.0),
        ),
        RATES,
    ),
]
"""Two learning rates at each size. What else is set here was found on validation rows before, with
more tries for Turbo-VBI (its slab and its annealing) than for the others."""


def boston(task: str) -> list[Entrant]:
    """Return who takes part on Boston housing: three sizes, two settings each."""
    sparsities = either("sparsity", 0.3, 0.5, 0.7)
    sizes: dict[str, list[dict[str, Any]]] = {
        "dense": [{}],
        "magnitude": sparsities,
        "gradual_magnitude": sparsities,
        "snip": sparsities,
        "sparse_vd": either("strength", 0.3, 1.0, 3.0),
        "group_nj": either("strength", 1.0, 4.0, 12.0),
        "group_lasso": either("strength", 1e-2, 3e-2, 6e-2),
        "l0": either("strength", 0.1, 0.5, 1.5),
        "turbo_independent": either("field", -1.0, -4.0, -7.0),
        "turbo_chains": both(either("p10", 0.5), either("p01", 0.02, 0.002, 0.0002)),
        "turbo_grid": both(
            [{"coupling_row": 0.04, "coupling_col": 1.1}], either("field", -0.5, -1.5, -3.0)
        ),
    }
    for name in ("turbo_independent", "turbo_chains", "turbo_grid"):
        sizes[name] = both([{"variance": 0.1, "contrast": 1e-4}], sizes[name])
    return [Entrant(task, method, knob, RATES) for method, knob in sizes.items()]


MNIST_SLAB = [{"variance": 0.2, "contrast": 1e-4}]
MNIST_SPARSITIES = either("sparsity", 0.98, 0.99)
MNIST_SIZES: dict[str, list[dict[str, Any]]] = {
    "dense": [{}],
    "magnitude": MNIST_SPARSITIES,
    "gradual_magnitude": either("sparsity", 0.98, 0.99, 0.995),
    "snip": MNIST_SPARSITIES,
    "sparse_vd": either("strength", 1.0, 4.0, 12.0),
    "turbo_independent": both(MNIST_SLAB, either("field", -1.0, -4.0, -7.0)),
    "turbo_chains": both(MNIST_SLAB, either("p10", 0.5), either("p01", 0.05, 0.005, 0.0005)),
    "turbo_grid": both(
        MNIST_SLAB,
        [{"coupling_row": 0.1, "coupling_col": 0.5}],
        either("field", 0.0, -1.5, -3.0),
    ),
    "group_nj": either("strength", 4.0),
    "group_lasso": either("strength", 1e-4),
    "l0": both(either("gates", "weight"), either("strength", 5.0)),
}
MNIST_RATES = either("learning_rate", 2e-3, 4e-3, 8e-3)
MNIST = [
    Entrant("lenet_300_100", method, knob, MNIST_RATES) for method, knob in MNIST_SIZES.items()
]
"""LeNet-300-100: three learning rates at each size. One size for those methods that take longest
and keep most, two for those that fail at the second, three for the others. Slab and couplings are
the recipes'."""


ENTRANTS = {
    "digits": DIGITS,
    "boston_50": boston("boston_50"),
    "boston_50_50": boston("boston_50_50"),
    "lenet_300_100": MNIST,
}
"""By task."""

# The runs


def run_task(task: str, jobs: int | None) -> list[dict[str, Any]]:
    """Search, choose, run what was chosen, and write the task's table."""
    searches = [search_jobs(entrant, seed=SEARCH_SEED) for entrant in ENTRANTS[task]]
    run_all([job for search in searches for job in search], RUNS, n_jobs=jobs)
    finals = []
    for entrant, search in zip(ENTRANTS[task], searches, strict=True):
        chosen = choose(entrant, run_all(search, RUNS))
        finals += [(job, entrant) for job in final_jobs(entrant, chosen, SEEDS[task])]
    rows = run_all([job for job, _ in finals], RUNS, n_jobs=jobs)
    done = [job for (job, _), row in zip(finals, rows, strict=True) if not failed(row)]
    speed = all_latencies(done)
    return [
        as_row(job, entrant, row | speed.get(job.name, {}))
        for (job, entrant), row in zip(finals, rows, strict=True)
    ]


def as_row(job: Job, entrant: Entrant, row: dict[str, Any]) -> dict[str, Any]:
    """Return a run as a row of the table."""
    size = next(
        k for k, known in enumerate(entrant.sizes) if known.items() <= dict(job.options).items()
    )
    known = row | {"size": size, "options": json.dumps(row["options"])}
    return {name: shortened(known.get(name, "")) for name in COLUMNS}


def all_latencies(jobs: Sequence[Job]) -> dict[str, dict[str, float]]:
    """Return the latencies of each run's small network.

    All are measured there and back and the shorter time counts, so that a machine that is busy
    for a while does not speak for or against the methods that it meets.
    """
    there = {job.name: latencies(job) for job in jobs}
    back = {job.name: latencies(job) for job in reversed(jobs)}
    return {
        name: {column: min(value, back[name][column]) for column, value in found.items()}
        for name, found in there.items()
    }


def latencies(job: Job) -> dict[str, float]:
    """Return microseconds for a batch, the small network in the format that is fastest here."""
    small = load_compressed(job.path(RUNS).with_suffix(".npz"))
    forms = {name: small.with_format(name) for name in LATENCY_FORMATS}
    x = TASKS[job.task].data("test", seed=job.seed).x_test
    found = {}
    for batch in BATCHES:
        rows = np.resize(x, (batch, x.shape[1]))
        timings = race({name: lambda f=f: f.predict(rows) for name, f in forms.items()}, 0.05)  # noqa: B023
        found[f"us_batch_{batch}"] = 1e6 * min(timing.median for timing in timings.values())
    return found


def shortened(value: Any) -> Any:
    """Return a float with six digits."""
    return float(f"{value:.6g}") if isinstance(value, float) else value


# Tables and pictures

LOOK = {
    "magnitude": ("0.55", "x", "magnitude, one shot"),
    "gradual_magnitude": ("0.2", "+", "magnitude, gradual"),
    "snip": (plots.SKY, "v", "SNIP"),
    "sparse_vd": (plots.PURPLE, "D", "Sparse VD"),
    "group_nj": (plots.SKY, "P", "groups, normal-Jeffreys"),
    "group_lasso": (plots.RED, "*", "group lasso"),
    "l0": (plots.RED, "X", "L0, hard concrete"),
    "turbo_independent": (plots.BLUE, "o", "Turbo-VBI, independent"),
    "turbo_chains": (plots.ORANGE, "s", "Turbo-VBI, chains"),
    "turbo_grid": (plots.GREEN, "^", "Turbo-VBI, grid"),
}


def fronts(rows: Sequence[dict[str, Any]], method: str, x: str, y: str) -> Iterator[Any]:
    """Yield mean, lower and upper end of two columns for every size of a method.

    The ends are the lowest and the highest of a few seeds; of many splits, which differ more than
    the methods do, they are a standard error away from the mean.
    """
    for size in sorted({row["size"] for row in rows}):
        mine = [row for row in rows if (row["method"], row["size"]) == (method, size)]
        pairs = np.array([[float(row[x]), float(row[y])] for row in mine if not row["failed"]])
        if len(pairs) > FEW:
            mean, error = pairs.mean(axis=0), pairs.std(axis=0, ddof=1) / np.sqrt(len(pairs))
            yield mean, mean - error, mean + error
        elif len(pairs):
            yield pairs.mean(axis=0), pairs.min(axis=0), pairs.max(axis=0)


def draw_front(axes: Axes, rows: Sequence[dict[str, Any]], x: str, y: str, line: str = "-") -> None:
    """Draw every method's front: a mark a size, with a bar from end to end of `fronts`."""
    for method, (colour, mark, label) in LOOK.items():
        points = list(fronts(rows, method, x, y))
        if not points:
            continue
        mean, low, high = np.array(points).transpose(1, 0, 2)
        order = mean[:, 0].argsort()
        axes.plot(*mean[order].T, mark, ls=line, lw=0.8, color=colour, label=label)
        axes.vlines(mean[:, 0], low[:, 1], high[:, 1], color=colour, lw=0.8, alpha=0.6)


def draw(task: str) -> Figure:
    """Draw error against bytes and latency, and the price of a place against density."""
    rows = read_rows(f"baselines_{task}")
    with mpl.rc_context(plots.STYLE):
        figure = Figure(figsize=(8, 7.4), layout="constrained")
        (left, middle), (right, names) = figure.subplots(2, 2)
        draw_front(left, rows, "bytes_shared", "error_shared")
        left.set(xlabel="bytes, everything charged", ylabel=f"{error_name(task)}, values shared")
        draw_front(middle, rows, "us_batch_128", "error", line="")
        middle.set(xlabel="microseconds for 128 inputs", ylabel=error_name(task))
        draw_front(right, rows, "live", "live_index_bits")
        right.set(xlabel="weights that reach an output", ylabel="bits to say where one is")
        for axes, column in ((left, "error_shared"), (middle, "error")):
            dense = [float(row[column]) for row in rows if row["method"] == "dense"]
            axes.axhline(np.mean(dense), color="0.3", ls="--", lw=0.8, label="dense")
            bottom, top = LIMITS_OF_DENSE[task.partition("_")[0]]
            axes.set_ylim(bottom * np.mean(dense), min(axes.get_ylim()[1], top * np.mean(dense)))
        for axes in (left, middle, right):
            plots.use_plain_logs(axes)
        names.legend(*left.get_legend_handles_labels(), loc="center")
        names.set_axis_off()
    return figure


def error_name(task: str) -> str:
    """Return what the error of a task is."""
    return "test RMSE, 1000 dollars" if task.startswith("boston") else "share of test rows wrong"


def main() -> None:
    """Run a task, or draw those that are done."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", nargs="?", default="draw", choices=(*ENTRANTS, "draw"))
    parser.add_argument("--jobs", type=int, help="processes on this machine")
    parser.add_argument("--scheduler", help="address of a Dask scheduler")
    options = parser.parse_args()
    if options.what != "draw":
        with cluster(options.scheduler):
            rows = run_task(options.what, options.jobs)
        settings = f"budget {TASKS[options.what].budget}; search seed {SEARCH_SEED}"
        write_rows(f"baselines_{options.what}", rows, settings)
    for task in ENTRANTS:
        if (HERE / f"baselines_{task}.csv").exists():
            plots.save(draw(task), HERE / f"baselines_{task}.png")


@contextlib.contextmanager
def cluster(address: str | None) -> Iterator[None]:
    """Let joblib run on a Dask cluster, if an address is given."""
    if address is None:
        yield
        return
    from distributed import Client

    with Client(address), joblib.parallel_config("dask"):
        yield


if __name__ == "__main__":
    main()

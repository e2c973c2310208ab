"""The study: cached by configuration, resumable, blind to the test rows while it chooses."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import asdict, replace

import joblib
import numpy as np
import pytest
from scipy.stats import norm

import tvbi_ref
from tvbi_ref import DataCorruptedError, DivergenceError, nets, use
from tvbi_ref._archive import digest
from tvbi_ref.compression import compress, load_compressed
from tvbi_ref.lab.baselines import Budget, PlainTraining, Problem
from tvbi_ref.lab.recipes import make_method
from tvbi_ref.lab.study import (
    METHODS,
    TASKS,
    Entrant,
    Job,
    choose,
    final_jobs,
    fit,
    jobs,
    measure,
    run_all,
    run_job,
    search_jobs,
)
from tvbi_ref.lab.study.measures import FORMATS, covered

OPTIONS = {
    "turbo_independent": {"field": -1.0},
    "turbo_chains": {"p01": 0.1, "p10": 0.3},
    "turbo_grid": {"field": -1.0, "coupling_row": 0.1, "coupling_col": 0.3},
    "turbo_group": {"p_alive": 0.5, "p_in": 0.5, "p_out": 0.01},
}


@pytest.fixture
def no_fit(monkeypatch):
    """Let no run be made: what is returned then came from a file."""

    def refuse(*args, **kwargs):
        raise AssertionError("a run was made")

    monkeypatch.setattr(jobs, "fit", refuse)


# One run


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.slow
def test_every_method_leaves_a_row_and_a_network_that_agree(method, tmp_path):
    job = Job("toy", method, OPTIONS.get(method, {}))
    row = run_job(job, tmp_path)
    small = load_compressed(job.path(tmp_path).with_suffix(".npz"))
    data = TASKS["toy"].data("test", seed=0)
    assert 1 - small.score(data.x_test, data.y_test) == pytest.approx(row["error"], abs=1e-12)
    assert small.n_weights == row["live"] <= row["kept"] <= 222
    assert row["bytes"] == min(small.with_format(name).nbytes for name in FORMATS)
    assert ("log_likelihood_drawn" in row) == method.startswith(("turbo", "sparse_vd"))
    assert row == jobs.read_row(job, tmp_path)


def written(job, folder, **changes):
    """Write a row of a job as if a run had made it, and return it."""
    row = {**asdict(job), "error": 0.25, **changes}
    row = {**row, "sha256": digest(row, {}), **changes}
    job.path(folder).write_text(json.dumps(row))
    return row


def with_digits_exchanged(job, folder):
    written(job, folder)
    return job.path(folder).read_text().replace("0.25", "0.52")


def of_another(**changes):
    def write(job, folder):
        return json.dumps(written(replace(job, **changes), folder))

    return write


DAMAGED = {
    "empty": lambda *_: "",
    "half": lambda *_: '{"error": 0.',
    "null": lambda *_: "null",
    "list": lambda *_: "[]",
    "number": lambda *_: "3",
    "one field": lambda *_: '{"task": 1}',
    "no digest": lambda *_: json.dumps({**asdict(Job("toy", "snip")), "error": 0.25}),
    "bytes": lambda *_: "\udcff",
    "digits exchanged": with_digits_exchanged,
    "another task": of_another(task="digits"),
    "another method": of_another(method="dense"),
    "other options": of_another(options={"sparsity": 0.6}),
    "another seed": of_another(seed=1),
    "another part": of_another(part="valid"),
}


@pytest.mark.parametrize("what", DAMAGED)
def test_a_row_that_is_not_the_jobs_is_named(what, tmp_path, no_fit):
    job = Job("toy", "snip", {"sparsity": 0.5})
    text = DAMAGED[what](job, tmp_path)
    job.path(tmp_path).write_text(text, errors="surrogateescape")
    with pytest.raises(
        DataCorruptedError, match=rf"{job.path(tmp_path).name} is damaged: .*remove it"
    ):
        run_job(job, tmp_path)


def test_a_run_is_not_made_twice(tmp_path, no_fit):
    job = Job("toy", "snip", {"sparsity": 0.5})
    row = written(job, tmp_path)
    assert run_job(job, tmp_path) == row
    assert run_all([job, job], tmp_path) == [row] * 2


@pytest.mark.parametrize(
    "other",
    [
        {"task": "digits"},
        {"method": "magnitude"},
        {"options": {"sparsity": 0.8}},
        {"seed": 1},
        {"part": "valid"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_another_configuration_has_another_file(other):
    job = Job("toy", "snip", {"sparsity": 0.5})
    assert replace(job, **other).name != job.name


def test_another_budget_has_another_file(monkeypatch):
    before = Job("toy", "snip").name
    budget = replace(TASKS["toy"].budget, epochs=3)
    monkeypatch.setitem(TASKS, "toy", replace(TASKS["toy"], budget=budget))
    assert Job("toy", "snip").name != before


def test_another_version_of_the_code_has_another_file(monkeypatch):
    before = Job("toy", "snip").name
    monkeypatch.setattr(tvbi_ref, "__version__", "0.0.0")
    assert Job("toy", "snip").name != before


def test_the_order_of_options_does_not_matter():
    a, b = {"field": -1.0, "variance": 0.1}, {"variance": 0.1, "field": -1.0}
    assert Job("toy", "turbo_independent", a).name == Job("toy", "turbo_independent", b).name


def test_a_run_that_diverges_is_a_row_that_says_so(tmp_path, monkeypatch):
    def diverge(*args, **kwargs):
        raise DivergenceError("the loss is nan", epoch=3, layer=None, last_good=None)

    monkeypatch.setattr(jobs, "fit", diverge)
    row = run_job(Job("toy", "snip"), tmp_path)
    assert "the loss is nan" in row["failed"]
    assert "error" not in row


def test_any_other_error_leaves_no_row(tmp_path):
    job = Job("toy", "snip", {"no_such_option": 1})
    with pytest.raises(ValueError, match=r"options must be some of .*; got no_such"):
        run_job(job, tmp_path)
    assert list(tmp_path.glob("*.json")) == []


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("mnist", "snip"), "task"),
        (("toy", "prune"), "method"),
        (("toy", "snip", {}, -1), "seed"),
        (("toy", "snip", {}, 0, "train"), "part"),
    ],
)
def test_a_job_that_cannot_be_is_refused(arguments, named):
    with pytest.raises((TypeError, ValueError), match=named):
        Job(*arguments)


@pytest.mark.slow
def test_a_turbo_run_goes_on_from_its_checkpoint(tmp_path):
    """Killed in the second epoch, it ends as if nothing had happened."""
    job = Job("toy", "turbo_independent", OPTIONS["turbo_independent"])
    kill = (
        "import os, tvbi_ref.turbo.loop as loop; from tvbi_ref.lab.study import Job, run_job\n"
        "step, seen = loop.one_epoch, []\n"
        "def epoch(self, number, *rest):\n"
        "    seen.append(number)\n"
        "    if len(seen) == 2: os._exit(9)\n"
        "    return step(self, number, *rest)\n"
        "loop.one_epoch = epoch\n"
        f"run_job(Job('toy', 'turbo_independent', {dict(job.options)}), {str(tmp_path)!r})\n"
    )
    assert subprocess.run([sys.executable, "-c", kill], check=False).returncode == 9
    assert [path.suffix for path in tmp_path.glob("toy*")] == [".checkpoint"]
    resumed = run_job(job, tmp_path)
    whole = run_job(job, tmp_path / "other")
    assert resumed["seconds"] is None
    assert whole["seconds"] > 0
    noise = ("seconds", "date", "sha256")
    assert {k: v for k, v in resumed.items() if k not in noise} == {
        k: v for k, v in whole.items() if k not in noise
    }
    assert list(tmp_path.glob("*.checkpoint")) == []


# The data of a run


def test_the_search_sees_no_test_row():
    task = TASKS["digits"]
    search, final = task.data("valid", seed=3), task.data("test", seed=3)
    seen = {row.tobytes() for row in np.concatenate([search.x_train, search.x_test])}
    assert len(search.x_train) + len(search.x_test) == len(final.x_train)
    assert seen == {row.tobytes() for row in final.x_train}


@pytest.mark.data("boston")
def test_errors_of_a_regression_are_in_the_units_of_the_target():
    task = TASKS["boston_50"]
    data = task.data("test", seed=0)
    row = measure(task.build(0), data, bayesian=True)
    targets = data.target_scale.undo(data.y_test)
    outputs = data.target_scale.undo(task.build(0).predict(data.x_test))
    assert row["error"] == pytest.approx(float(np.sqrt(np.mean((targets - outputs) ** 2))))


# What is measured


def test_the_log_likelihood_is_that_of_the_predicted_probabilities():
    data = TASKS["toy"].data("test", seed=0)
    network = fit(
        "snip", {"sparsity": 0.5}, TASKS["toy"].build(0), data, TASKS["toy"].budget, seed=0
    )
    p = network.predict_proba(data.x_test)[np.arange(len(data.y_test)), data.y_test]
    row = measure(network, data, bayesian=False)
    assert row["log_likelihood"] == pytest.approx(float(np.log(p).mean()), abs=1e-6)


def test_the_log_likelihood_of_a_regression_is_the_gaussian_density():
    network = nets.mlp([2, 1], seed=0, likelihood="gaussian", noise=4.0)
    x, y = np.ones((3, 2)), np.array([[0.5], [1.0], [-2.0]])
    residual = y - network.predict(x)
    expected = np.mean(0.5 * math.log(4 / (2 * math.pi)) - 2 * residual**2)
    assert compress(network).log_likelihood(x, y) == pytest.approx(expected, rel=1e-6)


@pytest.mark.slow
def test_averaging_over_the_posterior_is_averaging_densities():
    """One weight N(m, v), noise variance 1/g: the exact p(y | x = 1) is N(m, v + 1/g)."""
    network = nets.mlp([1, 1], seed=0, likelihood="gaussian", noise=2.0)
    layer = network.weight_layers[0]
    layer.mean.value[...], layer.log_variance.value[...] = 0.3, math.log(0.5)
    exact = norm(0.3, 1.0).logpdf(0.7)
    drawn = compress(network).log_likelihood([[1.0]], [[0.7]], draws=2000, seed=0)
    assert drawn == pytest.approx(exact, abs=0.03)


@pytest.mark.slow
def test_nine_of_ten_new_targets_lie_in_the_interval():
    network = nets.mlp([2, 1], seed=0, likelihood="gaussian", noise=4.0)
    layer = network.weight_layers[0]
    layer.log_variance.value[...] = -1.0
    rng, n = np.random.default_rng(0), 4000
    x = rng.standard_normal((n, 2))
    weights = layer.mean.value + math.exp(-0.5) * rng.standard_normal((n, 2, 1))
    y = np.einsum("ni,nio->no", x, weights) + rng.standard_normal((n, 1)) / 2
    assert covered(compress(network), x, y) == pytest.approx(0.9, abs=0.02)
    assert covered(compress(network), x, y.ravel()) == covered(compress(network), x, y)


# A late start


def test_epochs_without_a_prior_come_first_and_off_the_budget():
    data, budget = TASKS["toy"].data("valid", seed=0), Budget(8, 1, 64, 1e-2)
    late = make_method("turbo_independent", {"field": -1.0, "dense_epochs": 0.25})
    run = Problem(data.x_train, data.y_train, budget, seed=0)
    small = late.train(TASKS["toy"].build(0), run)
    assert len(run.result.trace) == 6

    first = PlainTraining().fit(
        TASKS["toy"].build(0), data.x_train, data.y_train, replace(budget, epochs=2), seed=0
    )
    rest = Problem(data.x_train, data.y_train, replace(budget, epochs=6), seed=0)
    by_hand = make_method("turbo_independent", {"field": -1.0}).train(first, rest)
    for a, b in zip(small.state(), by_hand.state(), strict=True):
        np.testing.assert_array_equal(a, b)


# Many runs


@pytest.mark.slow
def test_parallel_runs_are_the_same_runs(tmp_path):
    several = [Job("toy", "snip", {"sparsity": s}, seed) for s in (0.5, 0.9) for seed in (0, 1)]
    alone = run_all(several, tmp_path / "a")
    with use(q_support=lambda prior, l: prior), pytest.raises(ValueError, match="for q-support"):
        run_all(several, tmp_path / "c")
    together = run_all(several, tmp_path / "b", n_jobs=2)
    for one, other in zip(alone, together, strict=True):
        noise = {"seconds": 0, "sha256": ""}  # of all, the seconds too
        assert one | noise == other | noise


def test_an_interrupted_study_goes_on(tmp_path, monkeypatch):
    several = [Job("toy", "snip", {}, seed) for seed in range(3)]
    real, made = jobs.fit, []

    def interrupt(*args, **kwargs):
        made.append(kwargs["seed"])
        if len(made) == 2:
            raise KeyboardInterrupt
        return real(*args, **kwargs)

    monkeypatch.setattr(jobs, "fit", interrupt)
    with pytest.raises(KeyboardInterrupt):
        run_all(several, tmp_path)
    assert [row["seed"] for row in run_all(several, tmp_path)] == [0, 1, 2]
    assert made == [0, 1, 1, 2]


@pytest.mark.slow
def test_runs_go_on_when_a_worker_of_a_dask_cluster_is_killed(tmp_path):
    distributed = pytest.importorskip("distributed")
    several = [Job("toy", "snip", {"sparsity": 0.5}, seed) for seed in range(30)]
    alive_with = []

    def kill(worker):
        while not list(tmp_path.glob("*.json")):
            time.sleep(0.01)
        os.kill(worker.pid, signal.SIGKILL)
        alive_with.append(len(list(tmp_path.glob("*.json"))))

    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as c,
        distributed.Client(c),
        joblib.parallel_config("dask"),
    ):
        killer = threading.Thread(target=kill, args=[next(iter(c.workers.values()))])
        killer.start()
        rows = run_all(several, tmp_path)
        killer.join()
    assert alive_with[0] < 30
    assert [row["seed"] for row in rows] == list(range(30))


# The protocol


def test_every_size_is_searched_and_the_best_of_each_is_run_with_every_seed():
    entrant = Entrant(
        "toy", "snip", [{"sparsity": 0.5}, {"sparsity": 0.9}], [{}, {"learning_rate": 0.1}]
    )
    searched = search_jobs(entrant, seed=9)
    assert {(job.seed, job.part) for job in searched} == {(9, "valid")}
    errors = [0.3, 0.2, 0.1, 0.4]
    chosen = choose(entrant, [{"error": error} for error in errors])
    assert chosen == [{"sparsity": 0.5, "learning_rate": 0.1}, {"sparsity": 0.9}]
    final = final_jobs(entrant, chosen, range(3))
    assert len(final) == 6
    assert {job.part for job in final} == {"test"}

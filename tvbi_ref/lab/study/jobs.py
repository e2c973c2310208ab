"""One run and its file; many runs, in parallel, of which those with a file are not run again."""

from __future__ import annotations

import datetime
import hashlib
import json
import os
import platform
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import joblib
import numpy as np
from tqdm.auto import tqdm

import tvbi_ref
from tvbi_ref._archive import digest
from tvbi_ref._files import atomic_write
from tvbi_ref._validation import as_choice, as_count
from tvbi_ref.compression import compress, save_compressed
from tvbi_ref.equations.sockets import carry, current, numba_is_here
from tvbi_ref.errors import DataCorruptedError, DivergenceError
from tvbi_ref.lab.recipes import BAYESIAN
from tvbi_ref.lab.study.measures import measure
from tvbi_ref.lab.study.methods import METHODS, fit
from tvbi_ref.lab.study.tasks import PARTS, TASKS

PathLike = str | os.PathLike[str]


@dataclass(frozen=True)
class Job:
    """One method on one task with one seed.

    Parameters
    ----------
    task : str
        A key of `TASKS`.
    method : str
        One of `METHODS`.
    options : mapping
        See `fit`; of what JSON can hold.
    seed : int
        Of the split, the initial weights and the run.
    part : {"test", "valid"}
        What it is measured on.

    Raises
    ------
    TypeError, ValueError
        If an argument is none of these.

    Examples
    --------
    >>> job = Job("digits", "snip", {"sparsity": 0.9}, seed=3)
    >>> job.name
    'digits-snip-3-test-...'
    """

    task: str
    method: str
    options: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0
    part: str = "test"

    def __post_init__(self) -> None:
        as_choice(self.task, "task", TASKS)
        as_choice(self.method, "method", METHODS)
        as_choice(self.part, "part", PARTS)
        as_count(self.seed, "seed")

    @property
    def name(self) -> str:
        """What its files are called: another for whatever would give another result."""
        code = {"package": tvbi_ref.__version__, "budget": asdict(TASKS[self.task].budget)}
        settings = asdict(self) | code
        text = json.dumps(settings, sort_keys=True)
        key = hashlib.sha256(text.encode()).hexdigest()[:8]
        return f"{self.task}-{self.method}-{self.seed}-{self.part}-{key}"

    def path(self, folder: PathLike) -> Path:
        """Return where its row is, or will be."""
        return Path(folder) / f"{self.name}.json"


def run_job(job: Job, folder: PathLike) -> dict[str, Any]:
    """Return the row of a job: from its file, or from a run that then writes it.

    Parameters
    ----------
    job : Job
    folder : path-like
        Beside the row (.json) the small network is written (.npz), for whoever measures more.

    Returns
    -------
    dict
        The job, its measures, seconds, date and versions, and a SHA-256 of it all. A run that
        diverged has "failed", the reason, in place of measures; one that went on from a
        checkpoint has None for seconds, for nobody has counted those before.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     row = run_job(Job("toy", "snip", {"sparsity": 0.9}), folder)
    >>> row["kept"], row["units"]
    (22, ...)
    """
    path = job.path(folder)
    if path.exists():
        return read_row(job, folder)
    task, started = TASKS[job.task], time.perf_counter()
    data = task.data(job.part, seed=job.seed)
    checkpoint = path.with_suffix(".checkpoint")
    resumed = checkpoint.exists()
    path.parent.mkdir(parents=True, exist_ok=True)
    row: dict[str, Any] = {**asdict(job), "options": dict(job.options)}
    try:
        network = fit(
            job.method,
            job.options,
            task.build(job.seed),
            data,
            task.budget,
            seed=job.seed,
            checkpoint=checkpoint,
        )
    except DivergenceError as error:
        row["failed"] = str(error)
    else:
        row["seconds"] = None if resumed else round(time.perf_counter() - started, 3)
        row |= measure(network, data, bayesian=job.method.startswith(BAYESIAN))
        save_compressed(path.with_suffix(".npz"), compress(network))
    row |= {"date": datetime.date.today().isoformat(), "versions": versions()}
    row |= {"sha256": digest(row, {})}
    _write(path, row)
    checkpoint.unlink(missing_ok=True)
    return row


def run_all(
    jobs: Sequence[Job], folder: PathLike, *, n_jobs: int | None = None
) -> list[dict[str, Any]]:
    """Return the rows of all jobs, running those that have no file yet.

    It may be interrupted at any time and called again. A job that fails for another reason than
    divergence stops the whole; what is done stays done.

    Parameters
    ----------
    jobs : sequence of Job
    folder : path-like
        With workers on several machines, one that all of them see.
    n_jobs : int, optional
        Processes, as `joblib.Parallel` takes it. None: one, or what the caller's
        ``joblib.parallel_config`` says, which is also the way to a Dask cluster.

    Returns
    -------
    list of dict
        In the order of `jobs`.

    Examples
    --------
    >>> import tempfile
    >>> jobs = [Job("toy", "snip", {"sparsity": 0.9}, seed=seed) for seed in range(2)]
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     [row["kept"] for row in run_all(jobs, folder)]
    [22, 22]
    """
    if current().own:
        raise ValueError(
            "a row is kept by its job's settings, which do not know of the functions plugged in "
            f"for {', '.join(current().own)}; compare by TurboVBI.fit"
        )
    todo = [job for job in jobs if not job.path(folder).exists()]
    parallel = joblib.Parallel(n_jobs=n_jobs, return_as="generator_unordered")
    calls = (joblib.delayed(carry(run_job))(job, folder) for job in todo)
    for _ in tqdm(parallel(calls), total=len(todo), desc="runs", disable=None):
        pass
    return [read_row(job, folder) for job in jobs]


def read_row(job: Job, folder: PathLike) -> dict[str, Any]:
    """Return the row of a job that is done.

    Raises
    ------
    FileNotFoundError
        If it is not done.
    DataCorruptedError
        If its file is damaged, or the row of another job.

    Examples
    --------
    >>> read_row(Job("digits", "dense"), "nowhere")
    Traceback (most recent call last):
    FileNotFoundError: ... 'nowhere/digits-dense-0-test-...json'
    """
    path = job.path(folder)
    text = path.read_bytes()
    try:
        row: dict[str, Any] = json.loads(text)
        if row["sha256"] != digest(row, {}):
            raise ValueError("its checksum does not match its content")
        for name, value in json.loads(json.dumps(asdict(job))).items():
            if row[name] != value:
                raise ValueError(f"{name} must be {value!r}; got {row[name]!r}")
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        message = f"{path} is damaged: {error!r}; remove it, and the job runs again"
        raise DataCorruptedError(message) from error
    return row


def failed(row: Mapping[str, Any]) -> bool:
    """Return whether a run has no measures.

    Examples
    --------
    >>> failed({"failed": "the loss is nan"}), failed({"error": 0.1})
    (True, False)
    """
    return "failed" in row


def _write(path: Path, row: dict[str, Any]) -> None:
    with atomic_write(path) as file:
        file.write((json.dumps(row, indent=1) + "\n").encode())


def versions() -> str:
    """Return what a result was made with.

    Examples
    --------
    >>> versions()
    'tvbi_ref ..., Python 3..., NumPy ..., Numba ...'
    """
    return (
        f"tvbi_ref {tvbi_ref.__version__}, Python {platform.python_version()}, "
        f"NumPy {np.__version__}, Numba {version('numba') if numba_is_here() else 'absent'}"
    )

"""A comparison under one protocol: every run cached by its configuration, in parallel, resumable.

    jobs = [Job("digits", "snip", {"sparsity": 0.97}, seed=seed) for seed in range(5)]
    rows = run_all(jobs, "figures/baselines")

Read `tasks` (data, network and budget, the same for every method), `methods` (what a method's name
and options mean), `measures` (what is measured of every network), `jobs` (one run, its file, and
many of them), `protocol` (the declared search, and what is chosen from it).
"""

from tvbi_ref.lab.study.jobs import Job, failed, read_row, run_all, run_job
from tvbi_ref.lab.study.measures import measure
from tvbi_ref.lab.study.methods import METHODS, fit
from tvbi_ref.lab.study.protocol import Entrant, choose, final_jobs, search_jobs
from tvbi_ref.lab.study.tasks import TASKS, Task

__all__ = [
    "METHODS",
    "TASKS",
    "Entrant",
    "Job",
    "Task",
    "choose",
    "failed",
    "final_jobs",
    "fit",
    "measure",
    "read_row",
    "run_all",
    "run_job",
    "search_jobs",
]

"""The protocol: a declared search on validation rows, and the final runs on the test rows.

Every method has a knob that sets its size, and is searched over the same number of further
settings at each position of the knob. The search sees no test row of its split; where every seed
has a split of its own, some of its rows are test rows of other seeds. What it chooses is trained on
all training rows, with several seeds, and measured once, after the last epoch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tvbi_ref.lab.study.jobs import Job, failed

Options = Mapping[str, Any]


@dataclass(frozen=True)
class Entrant:
    """A method, its knob and its search.

    Parameters
    ----------
    task, method : str
    sizes : sequence of mapping
        Options that set the size: the points of the method's front.
    search : sequence of mapping
        Further options, each of which is tried at every size.

    Examples
    --------
    >>> entrant = Entrant("digits", "snip", [{"sparsity": 0.9}], [{"learning_rate": 1e-3}, {}])
    >>> [dict(job.options) for job in search_jobs(entrant, seed=0)]
    [{'sparsity': 0.9, 'learning_rate': 0.001}, {'sparsity': 0.9}]
    """

    task: str
    method: str
    sizes: Sequence[Options]
    search: Sequence[Options] = ({},)


def search_jobs(entrant: Entrant, *, seed: int) -> list[Job]:
    """Return the runs of the search: every size with everything that is tried.

    Examples
    --------
    >>> [job.part for job in search_jobs(Entrant("digits", "snip", [{"sparsity": 0.9}]), seed=7)]
    ['valid']
    """
    return [
        Job(entrant.task, entrant.method, {**size, **tried}, seed, "valid")
        for size in entrant.sizes
        for tried in entrant.search
    ]


def choose(entrant: Entrant, rows: Sequence[Mapping[str, Any]]) -> list[Options]:
    """Return the options of each size whose validation error is least.

    Parameters
    ----------
    entrant : Entrant
    rows : sequence of dict
        Of `search_jobs`, in their order.

    Returns
    -------
    list of mapping
        One a size; a size of which every run diverged is left out. Of ties the first.

    Examples
    --------
    >>> entrant = Entrant("digits", "snip", [{"sparsity": 0.9}], [{"learning_rate": 1e-3}, {}])
    >>> choose(entrant, [{"error": 0.2}, {"error": 0.1}])
    [{'sparsity': 0.9}]
    >>> choose(entrant, [{"failed": "the loss is nan"}] * 2)
    []
    """
    chosen: list[Options] = []
    tries = len(entrant.search)
    for k, size in enumerate(entrant.sizes):
        sound = [
            (row["error"], n)
            for n, row in enumerate(rows[k * tries : (k + 1) * tries])
            if not failed(row)
        ]
        if sound:
            chosen.append({**size, **entrant.search[min(sound)[1]]})
    return chosen


def final_jobs(entrant: Entrant, chosen: Sequence[Options], seeds: Sequence[int]) -> list[Job]:
    """Return the runs that are reported: every size that was chosen, with every seed.

    Examples
    --------
    >>> entrant = Entrant("digits", "snip", [{"sparsity": 0.9}])
    >>> [job.seed for job in final_jobs(entrant, [{"sparsity": 0.9}], range(3))]
    [0, 1, 2]
    """
    return [
        Job(entrant.task, entrant.method, options, seed) for options in chosen for seed in seeds
    ]

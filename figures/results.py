"""The tables of results.md and docs/results_in_detail.md, from the result files beside this script.

    python figures/results.py            # rewrites the tables of both, and nothing else of them
    python figures/results.py --check    # writes nothing, exit status 1 if a table is stale

A table stands between the comment lines "table NAME" and "end"; the prose around it is written by
hand. A table whose result file is missing stays as it is.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from typing import Any

import numpy as np
from _common import HERE, average, read_rows
from baselines import LOOK, SEEDS
from fronts import LOOK as LOOK_OF_FRONTS
from fronts import kind_of
from runs import GROUPS, SHARES, by_label

from tvbi_ref._files import atomic_write

PAGES = [HERE.parent / "results.md", HERE.parent / "docs" / "results_in_detail.md"]
NAMES = {"dense": "dense"} | {method: label for method, (_, _, label) in LOOK.items()}
LIMITS = {
    "digits": (0.025, 0.03, 0.035, 0.04, 0.05),
    "boston_50": (3.3, 3.6, 4.0),
    "boston_50_50": (3.3, 3.6, 4.0),
    "lenet_300_100": (0.018, 0.02, 0.025, 0.03, 0.04),
}
"""Errors that the first table asks for."""

Row = dict[str, Any]


def spread(rows: Sequence[Row], column: str, digits: int, scale: float = 1.0) -> str:
    """Return "mean (lowest to highest)" of a column; a dash where nothing was measured."""
    values = [scale * float(row[column]) for row in rows if row[column] != ""]
    if not values:
        return "–"
    mean, low, high = (f"{v:.{digits}f}" for v in (np.mean(values), min(values), max(values)))
    return f"{mean} ({low} to {high})" if len(values) > 1 else mean


def mean(rows: Sequence[Row], column: str, digits: int) -> str:
    """Return the mean of a column; a dash where nothing was measured."""
    values = [float(row[column]) for row in rows if row[column] != ""]
    return f"{np.mean(values):.{digits}f}" if values else "–"


def markdown(head: Sequence[str], body: Iterable[Sequence[str]]) -> str:
    """Return a table, its first column text and the others numbers."""
    lines = [head, ["---", *["--:"] * (len(head) - 1)], *body]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def sizes(task: str) -> dict[tuple[str, str], list[Row]]:
    """Return the rows of every method at every size, of runs that did not diverge."""
    rows = [row for row in read_rows(f"baselines_{task}") if not row["failed"]]
    known = sorted(rows, key=lambda row: (list(NAMES).index(row["method"]), row["size"]))
    grouped = groupby(known, key=lambda row: (row["method"], row["size"]))
    return {key: list(group) for key, group in grouped}


def least(task: str) -> str:
    """Return, for every method, the fewest bytes at which its mean error is below a limit."""
    groups, body = sizes(task), []
    for method in LOOK:
        mine = [group for (name, _), group in groups.items() if name == method]
        cells = []
        for limit in LIMITS[task]:
            enough = [group for group in mine if average(group, "error_shared") <= limit]
            fewest = [average(group, "bytes_shared") for group in enough]
            cells.append(f"{min(fewest):.0f}" if fewest else "–")
        body.append([NAMES[method], *cells])
    limits = [
        f"{100 * limit:.2g} % wrong" if counts_errors(task) else f"RMSE {limit}"
        for limit in LIMITS[task]
    ]
    return markdown(["bytes, at most", *limits], body)


def counts_errors(task: str) -> bool:
    """Return whether the error of a task is a share of rows."""
    return not task.startswith("boston")


def whole(task: str) -> str:
    """Return every method at every size, over the seeds."""
    if not counts_errors(task):
        return regression(task)
    head = ["", "test error, %", "values shared", "ln p(y), drawn", "kept", "reach an output"]
    head += ["bytes", "mean run", "index bits", "us for 128", "s to train"]
    body = [
        [
            NAMES[method],
            spread(rows, "error", 1 if task == "digits" else 2, 100),
            f"{100 * average(rows, 'error_shared'):.2f}",
            f"{mean(rows, 'log_likelihood', 2)}, {mean(rows, 'log_likelihood_drawn', 2)}",
            *(mean(rows, name, 0) for name in ("kept", "live", "bytes_shared")),
            *(mean(rows, name, 2) for name in ("live_run", "live_index_bits")),
            *(mean(rows, name, 0) for name in ("us_batch_128", "seconds")),
        ]
        for (method, _), rows in sizes(task).items()
    ]
    return markdown(head, body)


def regression(task: str) -> str:
    """Return every method at every size: mean and standard error over the splits."""
    head = ["", "RMSE", "ln p(y)", "averaged over q(w)", "in the 90 % band", "kept"]
    head += ["hidden units left", "bytes", "index bits", "s to train"]
    body = [
        [
            NAMES[method],
            *(with_error(rows, name) for name in ("error", "log_likelihood")),
            with_error(rows, "log_likelihood_drawn"),
            mean(rows, "covered", 2),
            mean(rows, "kept", 0),
            hidden_units(rows),
            mean(rows, "bytes_shared", 0),
            mean(rows, "live_index_bits", 2),
            mean(rows, "seconds", 1),
        ]
        for (method, _), rows in sizes(task).items()
    ]
    return markdown(head, body)


def with_error(rows: Sequence[Row], column: str) -> str:
    """Return "mean ± standard error" of a column; a dash where nothing was measured."""
    values = [float(row[column]) for row in rows if row[column] != ""]
    if not values:
        return "–"
    return f"{np.mean(values):.2f} ± {np.std(values, ddof=1) / np.sqrt(len(values)):.2f}"


def hidden_units(rows: Sequence[Row]) -> str:
    """Return the mean width of each hidden layer."""
    widths = np.array([[int(width) for width in row["units"].split("-")] for row in rows])
    return "-".join(f"{width:.0f}" for width in widths.mean(axis=0)[1:-1])


def ablations() -> str:
    """Return every case of ablations.py."""
    rows = read_rows("ablations")
    head = ["", "test error, %", "values shared", "kept", "reach an output", "bytes", "mean run"]
    head += ["index bits"]
    body = []
    for case in dict.fromkeys(row["case"] for row in rows):
        mine = [row for row in rows if row["case"] == case]
        numbers = [mean(mine, name, 0) for name in ("kept", "live", "bytes_shared")]
        numbers += [mean(mine, name, 2) for name in ("live_run", "live_index_bits")]
        shared = f"{100 * average(mine, 'error_shared'):.2f}"
        body.append([case, spread(mine, "error", 1, 100), shared, *numbers])
    return markdown(head, body)


MEASURES = {
    "test accuracy after fine-tuning": ("tuned", 3),
    "times fewer weights": ("compression", 1),
    "mean run of kept weights down a column": ("mean_run", 2),
    "index bits: where a kept weight is": ("index_bits", 2),
    "H(p)/p: the same without structure": ("entropy_bound", 2),
    "kilobits, positions and 8-bit values": ("kilobits", 2),
    "share of kept weights below 0.05": ("near_zero", 2),
}
"""Rows of the table of five seeds: column of the file, decimals."""


def five_seeds() -> str:
    """Return the demo's three priors over the seeds of five_seeds.py, a column a prior."""
    rows = read_rows("five_seeds")
    priors = list(dict.fromkeys(row["prior"] for row in rows))
    body = [
        [name, *(spread([r for r in rows if r["prior"] == p], *measure) for p in priors)]
        for name, measure in MEASURES.items()
    ]
    return markdown(["", *priors], body)


# Tables of runs.py


def cheapest(group: str) -> str:
    """Return, for every method, the fewest bytes of a file whose mean error is below a limit."""
    labels, body = by_label(group), []
    for kind, (_, _, name) in LOOK_OF_FRONTS.items():
        mine = [rows for rows in labels.values() if kind_of(rows[0]) == kind]
        pairs = [
            (average(rows, f"error_{share}"), average(rows, f"bytes_{share}"))
            for rows in mine
            for share in SHARES
        ]
        fewest = [
            min((b for e, b in pairs if round(e, 2) <= limit), default=None)
            for limit in AT_MOST[group]
        ]
        if any(fewest):
            body.append([name, *("–" if b is None else f"{b:,.0f}" for b in fewest)])
    limits = [f"{limit:g} % wrong" for limit in AT_MOST[group]]
    return markdown(["bytes of a file, at most", *limits], body)


AT_MOST = {
    "mnist": (1.7, 1.8, 1.9, 2.0, 2.5),
    "lenet5": (0.8, 0.9, 1.0, 1.1),
    "fashion": (11.0, 11.25, 11.5, 11.75, 12.0),
    "fashion5": (9.0, 9.5, 10.0, 10.5, 11.0),
}
"""Errors in percent that the table of the cheapest files asks for."""


def runs_of(group: str) -> str:
    """Return every setting of a group of runs, means over the seeds."""
    head = ["", "seeds", "error, %", "times fewer", "index bits", "shuffled"]
    head += ["bytes, steps of 0.04", "error", "0.15", "error", "s to train"]
    body = []
    for label, rows in by_label(group).items():
        numbers = [str(len(rows)), spread(rows, "error", 2)]
        if "kept" in rows[0]:
            numbers += [mean(rows, "times", 0)]
            numbers += [mean(rows, name, 2) for name in ("index_bits", "shuffled")]
            for share in (0.04, 0.15):
                numbers += [mean(rows, f"bytes_{share}", 0), mean(rows, f"error_{share}", 2)]
        else:
            numbers += ["–"] * 7
        body.append([f"`{label}`", *numbers, mean(rows, "seconds", 0)])
    return markdown(head, body)


TABLES: dict[str, Callable[[], str]] = {
    "ablations": ablations,
    "five_seeds": five_seeds,
}
for _task in SEEDS.keys() & LIMITS.keys():
    TABLES[f"least {_task}"] = lambda task=_task: least(task)  # type: ignore[misc]
    TABLES[f"whole {_task}"] = lambda task=_task: whole(task)  # type: ignore[misc]
for _group in GROUPS:
    TABLES[f"runs {_group}"] = lambda group=_group: runs_of(group)  # type: ignore[misc]
for _group in AT_MOST:
    TABLES[f"cheapest {_group}"] = lambda group=_group: cheapest(group)  # type: ignore[misc]


def rewritten(page: str) -> str:
    """Return the page with the tables that can be made now."""

    def table(found: re.Match[str]) -> str:
        try:
            text = TABLES[found[1]]()
        except FileNotFoundError:
            return found[0]
        return f"<!-- table {found[1]} -->\n\n{text}\n\n<!-- end -->"

    return re.sub(r"<!-- table ([^>]+?) -->.*?<!-- end -->", table, page, flags=re.DOTALL)


def main() -> int:
    """Rewrite or check the pages."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing")
    check = parser.parse_args().check
    pages = {path: path.read_text() for path in PAGES}
    stale = {path: new for path, page in pages.items() if (new := rewritten(page)) != page}
    if check:
        print("stale" if stale else "the tables are up to date")
        return int(bool(stale))
    for path, new in stale.items():
        with atomic_write(path) as file:
            file.write(new.encode())
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Clustered sparse signals from 40 measurements of 100 values: NMSE over SNR, six methods.

The problem that Turbo-VBI was made for, with the same Module B as in a network (lesson 25).
Writes sparse_recovery.csv and sparse_recovery.png beside this file. About two minutes.
"""

from __future__ import annotations

import numpy as np
from _common import HERE, write_rows
from tqdm.auto import tqdm

from tvbi_ref import plots
from tvbi_ref.school.teaching import recovery

SNRS = np.arange(0, 26, 5)
PROBLEMS = 200


def main() -> None:
    """Run all methods on the same problems, write the table and the curves."""
    rows = []
    for snr in tqdm(SNRS, disable=None):
        problems = recovery.draw(PROBLEMS, float(snr), seed=int(snr))
        for name, method in recovery.METHODS.items():
            error = recovery.nmse(method(problems), problems.x)
            rows.append({"snr": int(snr), "method": name, "nmse": round(error, 3)})
            print(rows[-1], flush=True)
    write_rows("sparse_recovery", rows, f"N = 100, M = 40, two clusters of 5, {PROBLEMS} problems")
    errors = {
        name: np.array([row["nmse"] for row in rows if row["method"] == name])
        for name in recovery.METHODS
    }
    plots.save(recovery.curves(SNRS, errors), HERE / "sparse_recovery.png")


if __name__ == "__main__":
    main()

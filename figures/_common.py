"""What the figure scripts share: where results go, and how a table of rows is kept."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tvbi_ref._files import atomic_write
from tvbi_ref.lab.study.jobs import versions

HERE = Path(__file__).parent


def write_rows(name: str, rows: Sequence[dict[str, Any]], settings: str) -> None:
    """Write rows as figures/NAME.csv, with the settings and the versions in comment lines."""
    text = io.StringIO()
    text.write(f"# {settings}\n")
    text.write(f"# {versions()}\n")
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    with atomic_write(HERE / f"{name}.csv") as file:
        file.write(text.getvalue().encode())


def read_rows(name: str) -> list[dict[str, Any]]:
    """Return the rows of figures/NAME.csv, as text."""
    lines = (HERE / f"{name}.csv").read_text().splitlines()
    return list(csv.DictReader(line for line in lines if not line.startswith("#")))


def average(rows: Sequence[dict[str, Any]], column: str) -> float:
    """Return the mean of a column, whose numbers may be text."""
    return float(np.mean([float(row[column]) for row in rows]))


def mean_and_range(values: Sequence[float]) -> str:
    """Return "mean (lowest to highest)"."""
    return f"{np.mean(values):.3f} ({min(values):.3f} to {max(values):.3f})"

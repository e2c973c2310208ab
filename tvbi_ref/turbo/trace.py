"""What a run records: one row an epoch."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tvbi_ref._files import atomic_write
from tvbi_ref._validation import FloatArray, as_choice

Row = dict[str, float]


class Trace:
    """The rows of a run, each a dict from column name to number.

    The columns are those of the first row: ``epoch``, ``elbo`` and its parts,
    ``kl_weight``, ``contrast``, ``density`` and ``residual`` (also by layer, as
    ``density.0`` ...), ``change`` (the largest change of a pi_tilde), ``train_score``,
    ``units.0`` ... if the network may shrink (inputs, and outputs of each layer, that took part),
    ``valid_score`` if there is a validation set, and ``seconds`` since the start; a run that
    was taken up again from a checkpoint counts on from the last row that was stored.

    Examples
    --------
    >>> trace = Trace()
    >>> trace.append({"epoch": 0, "elbo": -10.0})
    >>> trace.append({"epoch": 1, "elbo": -8.0})
    >>> trace["elbo"]
    array([-10.,  -8.])
    >>> trace
    Trace(2 epochs; epoch, elbo)
    """

    def __init__(self) -> None:
        self.rows: list[Row] = []

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)

    def __repr__(self) -> str:
        return f"Trace({len(self)} epochs; {', '.join(self.columns)})"

    @property
    def columns(self) -> list[str]:
        """The names of the columns."""
        return list(self.rows[0]) if self.rows else []

    def append(self, row: Row) -> None:
        """Add the row of one epoch."""
        if self.rows and row.keys() != self.rows[0].keys():
            raise ValueError(f"row must have the columns {self.columns}; got {list(row)}")
        self.rows.append(row)

    def __getitem__(self, column: str) -> FloatArray:
        as_choice(column, "column", self.columns)
        return np.array([row[column] for row in self.rows], dtype=np.float64)

    def to_table(self) -> NDArray[Any]:
        """Return the rows as a structured array, whole numbers as such; for a file.

        Examples
        --------
        >>> trace = Trace()
        >>> trace.append({"epoch": 0, "elbo": -10.0})
        >>> trace.to_table()
        array([(0, -10.)], dtype=[('epoch', '<i8'), ('elbo', '<f8')])
        >>> Trace.from_table(trace.to_table()).rows
        [{'epoch': 0, 'elbo': -10.0}]
        """
        columns = {name: np.array([row[name] for row in self.rows]) for name in self.columns}
        table = np.empty(len(self), [(name, column.dtype) for name, column in columns.items()])
        for name, column in columns.items():
            table[name] = column
        return table

    @classmethod
    def from_table(cls, table: NDArray[Any]) -> Trace:
        """Return the trace of which `to_table` made the table."""
        trace = cls()
        names = table.dtype.names or ()
        trace.rows = [dict(zip(names, row, strict=True)) for row in table.tolist()]
        return trace

    def to_csv(self, path: str | os.PathLike[str]) -> None:
        """Write the table, atomically, numbers in full precision."""
        text = io.StringIO()
        writer = csv.DictWriter(text, self.columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.rows)
        with atomic_write(path) as file:
            file.write(text.getvalue().encode())

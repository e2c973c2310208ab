"""The Python of a file of homework, be it a notebook: what of it counts, and what it defines."""

from __future__ import annotations

import ast
import json
import re
import symtable
import tokenize
from pathlib import Path
from typing import NamedTuple

from tvbi_ref.school.checks.calling import describe


class Source(NamedTuple):
    """The Python of a file, and which cells of a notebook it leaves out."""

    text: str
    note: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        r"""What it defines outside of functions, in whatever way.

        Examples
        --------
        >>> Source("def f(): pass\ng: object = f\nif f:\n    h, k = f, f").names
        ('f', 'g', 'h', 'k')
        """
        table = symtable.symtable(self.text, "homework", "exec")
        return tuple(sorted(s.get_name() for s in table.get_symbols() if s.is_assigned()))


def source_of(path: Path) -> Source:
    r"""Return the source of a Python file, or what counts of a notebook.

    Raises
    ------
    SyntaxError, ValueError
        If it is no Python, or no notebook.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "a.ipynb")
    ...     cells = [{"cell_type": "code", "source": s} for s in ("def f(): pass", "%%bash\nls")]
    ...     _ = path.write_text(json.dumps({"cells": cells}))
    ...     print(source_of(path).note)
    cell 2 is left out: SyntaxError in line 1: invalid syntax
    """
    if path.suffix != ".ipynb":
        with tokenize.open(path) as file:  # minds the encoding that the file declares
            text = file.read()
        ast.parse(text)
        return Source(text)
    try:
        cells = json.loads(path.read_text(encoding="utf-8-sig"))["cells"]
        return _source_of_cells(
            {k: "".join(c["source"]) for k, c in enumerate(cells, 1) if c["cell_type"] == "code"}
        )
    except (KeyError, TypeError, json.JSONDecodeError) as error:
        raise ValueError(f"the notebook cannot be read ({error!r})") from error


MAGIC = re.compile(r"^\s*[%!?]|\?\s*$|=\s*[%!]")
"""A line that only a notebook understands, if it is no Python."""

OF_PYTHON = ("%%time", "%%timeit", "%%capture", "%%prun")
"""The magics of a whole cell whose cell is Python."""

LEFT_OUT = "__left_out__"
"""The name of the list (cell, error) of what a notebook's source could not run."""


def _source_of_cells(cells: dict[int, str]) -> Source:
    future: dict[str, None] = {}
    parts, notes = [f"{LEFT_OUT} = []"], []
    for number, cell in cells.items():
        try:
            body = _what_counts(cell)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            notes.append(f"cell {number} is left out: {describe(error)}")
            continue
        future |= {ast.unparse(node): None for node in body if _is_future(node)}
        parts += [_forgiving(node, number) for node in body if not _is_future(node)]
    return Source("\n".join([*future, *parts]), "\n".join(notes))


def _what_counts(cell: str) -> list[ast.stmt]:
    """Return a cell without magics and without what only shows something."""
    found = (_without_us(n) for n in _statements(cell) if not isinstance(n, ast.Expr | ast.Assert))
    body = sorted((node for node in found if node), key=_is_future, reverse=True)
    compile(ast.Module(body, []), "cell", "exec", dont_inherit=True)  # or it says why not
    return body


def _statements(cell: str) -> list[ast.stmt]:
    lines = cell.splitlines()
    if cell.lstrip().startswith(OF_PYTHON):
        lines[next(k for k, line in enumerate(lines) if line.strip())] = ""
    elif cell.lstrip().startswith("%%"):
        raise SyntaxError("invalid syntax", ("", 1, 1, cell))  # another language's cell
    while True:
        try:
            return ast.parse("\n".join(lines)).body
        except SyntaxError as error:
            k = min(error.lineno or 1, len(lines)) - 1
            if not MAGIC.search(lines[k]):
                raise
            lines[k] = lines[k][: -len(lines[k].lstrip())] + "pass"


def _is_future(node: ast.stmt) -> bool:
    return isinstance(node, ast.ImportFrom) and node.module == "__future__"


def _without_us(node: ast.stmt) -> ast.stmt | None:
    """Return a statement without this package's imports, which a notebook's checks need."""
    if isinstance(node, ast.ImportFrom):
        return None if _is_us(node.module or "") else node
    if isinstance(node, ast.Import):
        node.names = [alias for alias in node.names if not _is_us(alias.name)]
        return node if node.names else None
    return node


def _is_us(module: str) -> bool:
    return module.split(".")[0] == "tvbi_ref"


def _forgiving(node: ast.stmt, cell: int) -> str:
    """Return a statement's source; one that fails, in whatever cell, spoils nothing."""
    note = f"except (Exception, SystemExit) as e:\n    {LEFT_OUT}.append(({cell}, e))"
    attempt = ast.parse(f"try:\n    pass\n{note}").body[0]
    assert isinstance(attempt, ast.Try)
    attempt.body = [node]
    return ast.unparse(attempt)

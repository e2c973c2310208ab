"""The Python of a file of homework, be it a notebook: what of it counts, and what it defines."""

from __future__ import annotations

import ast
import json
import re
import textwrap
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
        r"""What it defines at its top level, by ``def`` or ``=``.

        Examples
        --------
        >>> Source("def f(): pass\ng = f").names
        ('f', 'g')
        """
        body = ast.parse(self.text).body
        body += [inner for node in body if isinstance(node, ast.Try) for inner in node.body]
        names = [node.name for node in body if isinstance(node, ast.FunctionDef)]
        targets = (t for node in body if isinstance(node, ast.Assign) for t in node.targets)
        return (*names, *(t.id for t in targets if isinstance(t, ast.Name)))


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


def _source_of_cells(cells: dict[int, str]) -> Source:
    parts, notes = [], []
    for number, cell in cells.items():
        try:
            parts.append(_what_counts(cell))
        except SyntaxError as error:
            notes.append(f"cell {number} is left out: {describe(error)}")
    return Source("\n\n".join(parts), "\n".join(notes))


def _what_counts(cell: str) -> str:
    """Return a cell without magics and without what only shows something."""
    lines = ["pass" if re.match(r"\s*[%!]", line) else line for line in cell.splitlines()]
    if cell.lstrip().startswith("%%"):
        raise SyntaxError("invalid syntax", ("", 1, 1, cell))  # another language's cell
    body = ast.parse("\n".join(lines)).body
    kept = (_without_us(node) for node in body if not isinstance(node, ast.Expr | ast.Assert))
    return "\n".join(_forgiving(node) for node in kept if node)


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


def _forgiving(node: ast.stmt) -> str:
    """Return a statement's source; one that tries out what is not written yet spoils nothing."""
    source = ast.unparse(node)
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return source
    return f"try:\n{textwrap.indent(source, '    ')}\nexcept Exception:\n    pass"

"""Give every lesson its first code cell, which fetches the project when it runs on Colab.

Also fold what is a solution: in Jupyter and on a page of the book one click shows it.

    python notebooks/make_setup.py            # writes the cells
    python notebooks/make_setup.py --check    # writes nothing, exit status 1 if one is stale

Where the project is to be fetched from stands in one place for all: pyproject.toml, under
[project.urls], as Repository; as long as it does not, the cell asks on Colab.
"""

from __future__ import annotations

import argparse
import sys
import tomllib
from pathlib import Path
from typing import Any

import nbformat
from nbformat.v4 import new_code_cell

from tvbi_ref._files import atomic_write

HERE = Path(__file__).parent
CELL_ID = "setup"
SOURCE = """\
# For Colab, where the project is not there yet; elsewhere it does nothing.
import sys

REPOSITORY = "{address}"  # of all lessons: pyproject.toml, [project.urls]
if "google.colab" in sys.modules:
    REPOSITORY = REPOSITORY or input("Address of the project's repository: ")
    !git clone --quiet --depth 1 {{REPOSITORY}} project && pip install --quiet ./project
    %cd -q project/notebooks"""


def address() -> str:
    """Return the public address of the repository; empty as long as it has none."""
    project = tomllib.loads((HERE.parent / "pyproject.toml").read_text())["project"]
    return str(project.get("urls", {}).get("Repository", ""))


def setup_cell() -> Any:
    """Return the cell, folded on a page."""
    metadata = {"tags": ["hide-cell"], "jupyter": {"source_hidden": True}}
    cell = new_code_cell(SOURCE.format(address=address()), metadata=metadata)
    cell["id"] = CELL_ID
    return cell


def folded() -> dict[str, Any]:
    """Return the metadata of a cell whose source is shown at a click."""
    return {"tags": ["hide-input"], "jupyter": {"source_hidden": True}}


def with_setup(notebook: Any) -> Any:
    """Return a lesson with the cell before all other code, and its solutions folded."""
    for cell in notebook.cells:
        if cell.cell_type == "code" and "### BEGIN SOLUTION" in cell.source:
            cell.metadata.update(folded())
    first = next(cell for cell in notebook.cells if cell.cell_type == "code")
    wanted = setup_cell()
    if first.get("id") == CELL_ID:
        first.source, first.metadata = wanted.source, wanted.metadata
    else:
        notebook.cells.insert(notebook.cells.index(first), wanted)
    return notebook


def main() -> int:
    """Write or check the cell of every lesson."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing")
    check, stale = parser.parse_args().check, []
    for path in sorted(HERE.glob("[0-9][0-9]_*.ipynb")):
        before = nbformat.read(path, as_version=4)
        after = with_setup(nbformat.read(path, as_version=4))
        if after == before:
            continue
        stale.append(path.name)
        if not check:
            with atomic_write(path) as file:
                file.write(f"{nbformat.writes(after)}\n".encode())
    print("\n".join(stale) or "every lesson has the cell")
    return int(check and bool(stale))


if __name__ == "__main__":
    sys.exit(main())

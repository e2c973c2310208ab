"""Make the student's copies of the lessons: every solution a blank, no outputs.

    python notebooks/make_student.py      writes student/NN_name.ipynb where there is none yet

A lesson's solutions stand between ``### BEGIN SOLUTION`` and ``### END SOLUTION``, the marks that
nbgrader and otter-grader read, too. The student's equations grow in ``student/my_turbo.py``.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import nbformat

from tvbi_ref._files import atomic_write

HERE = Path(__file__).parent
SOLUTION = re.compile(r"^( *)### BEGIN SOLUTION\n.*?^ *### END SOLUTION$", re.M | re.S)
HERE_UP = re.compile(r"""(?<=["'(])\.\./""")
"""The start of a path out of the lessons' folder; a copy lies a folder deeper."""


def student_copy(notebook: Any) -> Any:
    """Return a lesson without solutions and outputs.

    Parameters
    ----------
    notebook : NotebookNode
        Changed in place.
    """
    for cell in notebook.cells:
        cell.source = HERE_UP.sub("../../", cell.source)
        if cell.cell_type == "code":
            cell.source, blanks = SOLUTION.subn(
                r"\1raise NotImplementedError  # yours", cell.source
            )
            cell.outputs, cell.execution_count = [], None
            if blanks:
                cell.metadata = {}  # not folded
    return notebook


def main() -> int:
    """Write the copies that are not there; a student's work is never touched."""
    for path in sorted(HERE.glob("[0-9][0-9]_*.ipynb")):
        copy = HERE / "student" / path.name
        if not copy.exists():
            text = nbformat.writes(student_copy(nbformat.read(path, as_version=4)))
            with atomic_write(copy) as file:
                file.write(f"{text}\n".encode())
            print(f"new: {copy.relative_to(HERE.parent)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

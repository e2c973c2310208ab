"""``pytest --tvbi my_equations.py``: a test for every equation that a file or notebook defines.

Pytest loads this at every start, wanted or not: it imports nothing of ours before it is asked to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option."""
    words = "check the equations in the files and notebooks that are named (tvbi_ref)"
    parser.addoption("--tvbi", action="store_true", help=words)


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> EquationFile | None:
    """Collect a file if it is named; what else of it is a test, others collect."""
    named = parent.config.getoption("tvbi") and parent.session.isinitpath(file_path)
    if not named or file_path.suffix not in (".py", ".ipynb"):
        return None
    return EquationFile.from_parent(parent, path=file_path)


class EquationFile(pytest.File):
    """A file of the reader's equations."""

    def collect(self) -> Iterator[EquationItem]:
        """Yield a test for each, and warn of what seems to be meant for one."""
        from tvbi_ref.school import own

        try:
            found = own.load(self.path)
        except ValueError as error:
            raise self.CollectError(str(error)) from error
        for note in found.notes:
            self.warn(pytest.PytestCollectionWarning(note))
        for label, function in found.functions.items():
            yield EquationItem.from_parent(self, name=label, function=function)


class EquationItem(pytest.Item):
    """The check of one equation, named by its label."""

    def __init__(self, *, function: Callable[..., Any], **named: Any) -> None:
        super().__init__(**named)
        self.function = function

    def runtest(self) -> None:
        """Check the function."""
        from tvbi_ref.school.checks import check

        report = check(self.name, self.function)
        if not report:
            pytest.fail(str(report), pytrace=False)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """Return where the function stands."""
        code = getattr(self.function, "__code__", None)
        return self.path, code and code.co_firstlineno - 1, f"[{self.name}]"

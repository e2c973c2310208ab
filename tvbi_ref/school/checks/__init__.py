"""The checkers: tests, lessons and coursework use the same ones.

`check(label, function)` asks whether a function is the equation, `check_gradients` whether a
gradient is one, `grade(file)` both of a whole file of homework. `cases(label)` are what is tried;
`write_cases` and `check_results` are for functions in another language, `problem` judges answers
that no equation has.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

# A name is imported when it is first used: the process that runs a stranger's file needs
# none of the suites, and starts in a fraction of the time without them.
_HOME = {
    "Finding": "report",
    "Grade": "grading",
    "GradientReport": "gradients",
    "Mark": "grading",
    "NamedCase": "archive",
    "Report": "report",
    "cases": "archive",
    "check": "equations",
    "check_gradients": "gradients",
    "check_results": "archive",
    "grade": "grading",
    "problem": "problems",
    "target_picture": "problems",
    "write_cases": "archive",
}

__all__ = sorted(_HOME)

if TYPE_CHECKING:
    from tvbi_ref.school.checks.archive import (  # noqa: F401
        NamedCase,
        cases,
        check_results,
        write_cases,
    )
    from tvbi_ref.school.checks.equations import check  # noqa: F401
    from tvbi_ref.school.checks.gradients import GradientReport, check_gradients  # noqa: F401
    from tvbi_ref.school.checks.grading import Grade, Mark, grade  # noqa: F401
    from tvbi_ref.school.checks.problems import problem, target_picture  # noqa: F401
    from tvbi_ref.school.checks.report import Finding, Report  # noqa: F401


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)

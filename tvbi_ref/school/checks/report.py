"""What a check found, in words."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from tvbi_ref._repr import brief

ADVICE = "not asked for"
"""How a line begins that is no praise: what passes all the same."""


@dataclass(frozen=True)
class Finding:
    """What happened on one case.

    Parameters
    ----------
    case : str
        Its name.
    ok : bool
    text : str
        What came and what was expected; empty if all is well.
    inputs, expected, actual : dict
        By name: what went in, what an oracle says, and what came, empty if nothing usable did.
        ``function(*finding.inputs.values())`` is the call itself.
    """

    case: str
    ok: bool
    text: str = ""
    inputs: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)
    expected: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)
    actual: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True)
class Report:
    """The result of a check. True in a condition if it has passed.

    Parameters
    ----------
    label : str
    passed : bool
    message : str
        The verdict, the diagnosis if there is one, and the first finding.
    cases : tuple of Finding
        One for each case, in order.

    Examples
    --------
    >>> report = Report("q-support", False, "failed", (Finding("even odds", False, "is nan"),))
    >>> print(report)
    failed
      [wrong] 1 case: is nan
    >>> assert not report
    """

    label: str
    passed: bool
    message: str
    cases: tuple[Finding, ...]

    __repr__ = brief

    def __bool__(self) -> bool:
        return self.passed

    @property
    def told(self) -> list[Finding]:
        """The findings with something to tell that `message` does not; the same in all once."""
        told = [f for f in self.cases if f.text and not (self.passed and f.text in self.message)]
        if len({finding.text for finding in told}) == 1:
            return [replace(told[0], case=f"{len(told)} case" + "s" * (len(told) > 1))]
        return told

    def __str__(self) -> str:
        lines = [f"  [{'advice' if f.ok else 'wrong'}] {f.case}: {f.text}" for f in self.told]
        return "\n".join([self.message, *lines])

    def _repr_markdown_(self) -> str:
        sign = "✅" if self.passed else "❌"
        lines = [
            f"{'⚠️' if line.startswith(ADVICE) else sign} {as_code(line)}  "
            for line in self.message.splitlines()
        ]
        return "\n".join([*lines, "", *(f"- {f.case}: {as_code(f.text)}" for f in self.told)])


def as_code(text: str) -> str:
    """Return text as code, in one line, so that nobody's <lambda> or backtick is taken for markup.

    Examples
    --------
    >>> as_code("a `b`")
    "`a 'b'`"
    """
    return "`" + " ".join(text.split()).replace("`", "'") + "`"

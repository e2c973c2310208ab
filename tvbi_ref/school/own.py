"""A file of the reader's equations, put to work: found, checked, plugged in, compared.

.. code-block:: text

    yours = load("my_equations.py")     every function that has an equation's name in the exercises
    yours.check()                       an error, if one is not its equation
    outcome = yours.run(...)            as `experiment.run`, with them plugged in
    print(yours)                        what took part, and how far from the package's own run
"""

from __future__ import annotations

import difflib
import hashlib
import os
import symtable
import sys
import textwrap
import traceback
import types
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tvbi_ref.compression import support_masks
from tvbi_ref.datasets import Dataset
from tvbi_ref.equations import EQUATIONS, Socket, get, use
from tvbi_ref.equations.guard import Guarded
from tvbi_ref.equations.registry import _aligned
from tvbi_ref.lab import experiment
from tvbi_ref.lab.baselines import Budget
from tvbi_ref.nets import Network
from tvbi_ref.school.checks import check
from tvbi_ref.school.checks.calling import describe
from tvbi_ref.school.checks.source import source_of
from tvbi_ref.school.checks.worker import Shell, _left_out
from tvbi_ref.school.side_by_side import Comparison, SideBySide, counting

Function = Callable[..., Any]

LABELS = {equation.task: label for label, equation in EQUATIONS.items()}
"""The name of a function -> the equation that it is for."""

UNCHECKED = "NOT checked"


@dataclass
class OwnEquations:
    """The reader's equations, and what became of them.

    Parameters
    ----------
    file : Path
    sha256 : str
        Of the file's text.
    functions : dict
        By label.
    notes : list of str
        What in the file was passed over, and why; advice of the checks.

    Attributes
    ----------
    checked : bool
        Whether all of them have passed.
    calls : Counter
        How often each was called in a run, by label.
    comparisons : dict
        The name of a run -> how far it lies from the package's own.
    """

    file: Path
    sha256: str
    functions: dict[str, Function]
    notes: list[str]
    checked: bool = field(default=False, init=False)
    calls: Counter[str] = field(default_factory=Counter, init=False)
    comparisons: dict[str, Comparison] = field(default_factory=dict, init=False)

    def check(self) -> None:
        """Check every function against its equation.

        Raises
        ------
        ValueError
            If one is wrong; the message has what the check says of each such.
        """
        reports = {label: check(label, function) for label, function in self.functions.items()}
        wrong = [report.message for report in reports.values() if not report]
        if wrong:
            raise ValueError(
                f"{len(wrong)} of {len(reports)} functions in {self.file} fail the check, and "
                "nothing was trained (--unchecked trains all the same)\n"
                + textwrap.indent("\n".join(wrong), "  ")
            )
        for label, report in reports.items():
            self.notes += [f"[{label}] {advice}" for advice in report.message.splitlines()[1:]]
        self.checked = True

    def run(
        self,
        name: str,
        network: Network,
        data: Dataset,
        prior: Any,
        budget: Budget,
        *,
        seed: int,
        **more: Any,
    ) -> experiment.Outcome:
        """Do `experiment.run` with these equations plugged in, and the package's run beside it."""
        turbo, rows = budget.turbo(prior, seed), (data.x_train, data.y_train)
        more["callbacks"] = [beside := SideBySide(turbo, network, *rows, self.functions)]
        with use(counting(self.functions, self.calls)):
            outcome = experiment.run(name, network, data, prior, budget, seed=seed, **more)
            masks = support_masks(outcome.result)
        self.comparisons[name] = beside.compare_the_end(outcome.result, masks)
        return outcome

    @property
    def announcement(self) -> str:
        """What is about to be plugged in."""
        state = "each has passed its check" if self.checked else f"{UNCHECKED} (--unchecked)"
        lines = [
            f"your equations, from {self.file}; {state}:",
            _filled(self._names(self.functions)),
        ]
        return "\n".join([*lines, *(f"  {note}" for note in self.notes)])

    def __str__(self) -> str:
        state = "each passed its check" if self.checked else UNCHECKED
        title = f"equations of your own, from {self.file}; {state}\n"
        beside = "\nbeside the package's own forms of them, from the same seed\n"
        width = max(map(len, self.comparisons), default=0) + 2
        found = (
            f"  {name:{width}}" + str(comparison).replace("\n", "\n" + " " * (width + 2))
            for name, comparison in self.comparisons.items()
        )
        return "\n".join([title, *self._of_the_calls(), beside, *found])

    def _of_the_calls(self) -> list[str]:
        counts = {label: n for label in self.functions if (n := self.calls[label])}
        lines = _aligned(
            (f"  {get(label).task}", f"[{label}]", f"{n:,} call" + "s" * (n > 1))
            for label, n in counts.items()
        )
        if rest := self._names(label for label in self.functions if label not in counts):
            lines += ["  not called, or only inside another function of yours:"]
            lines += [_filled(rest, indent="    ")]
        return lines

    @staticmethod
    def _names(labels: Iterable[str]) -> str:
        return ", ".join(get(label).task for label in labels)

    def to_json(self) -> dict[str, Any]:
        """Return everything as a dict of plain values."""
        return {
            "file": str(self.file),
            "sha256": self.sha256,
            "checked": self.checked,
            "equations": [
                {"label": label, "function": get(label).task, "calls": self.calls[label]}
                for label in self.functions
            ],
            "runs": {name: found.to_json() for name, found in self.comparisons.items()},
        }


def load(file: str | os.PathLike[str]) -> OwnEquations:
    r"""Import a file of functions, a Python file or a notebook, and find the equations in it.

    Parameters
    ----------
    file : path-like
        It is run in this process, and may import what it likes. What counts is what it writes
        itself, by ``def`` or ``=``, under a name of the exercises; what it imports does not.

    Raises
    ------
    FileNotFoundError, ValueError
        If there is no such file, it cannot be run, or has none of these functions.

    Examples
    --------
    >>> import tempfile
    >>> text = "def extrinsic_a(posterior, incoming):\n    return posterior - incoming\n"
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "mine.py")
    ...     _ = path.write_text(text)
    ...     list(load(path).functions)
    ['extrinsic-a']
    """
    path = Path(file)
    if not path.is_file():
        raise FileNotFoundError(
            f"equations must be a Python file or a notebook; there is no {path}"
        )
    try:
        text, left_out = source_of(path)
    except (SyntaxError, ValueError) as error:
        raise ValueError(f"{path} cannot be run: {describe(error)}") from error
    sha256 = hashlib.sha256(text.encode()).hexdigest()
    names = _run(text, path, f"{path.stem} (sha256 {sha256[:8]})")
    written = _written_in(text) & names.keys()
    variables = {task for task in LABELS if task in written and not callable(names[task])}
    mine = {k for k in LABELS if k in written - variables and not _is_ours(names[k])}
    imported = "is imported, not written in the file: it stays the package's"
    notes = [*left_out.splitlines(), *_left_out(names).splitlines(), *_near_misses(written)]
    notes += [f"{task} {imported}" for task in LABELS if task in names.keys() - mine - variables]
    notes += [f"{task} is no function: it is passed over" for task in LABELS if task in variables]
    if not mine:
        nothing = f"{path} has no function with the name of an equation"
        sought = ["the names that are looked for:", _filled(", ".join(LABELS))]
        raise ValueError("\n".join([nothing, *(f"  {note}" for note in notes), *sought]))
    functions = {label: names[task] for task, label in LABELS.items() if task in mine}
    return OwnEquations(path, sha256, functions, notes)


def _run(text: str, path: Path, name: str) -> dict[str, Any]:
    """Run a file as a module of this name, which a checkpoint remembers; return its names."""
    module = types.ModuleType(name)
    module.__file__ = str(path)
    vars(module)["get_ipython"] = Shell
    sys.modules[name] = module  # dataclasses and pickle look for it there
    if (folder := str(path.resolve().parent)) not in sys.path:
        sys.path.append(folder)  # what lies beside it can be imported, and hides nothing
    try:
        exec(compile(text, str(path), "exec"), vars(module))
    except (Exception, SystemExit) as error:
        frames = traceback.extract_tb(error.__traceback__)
        lines = [frame.lineno for frame in frames if frame.filename == str(path)]
        where = f" (line {lines[-1]})" if lines and path.suffix != ".ipynb" else ""
        raise ValueError(f"{path} cannot be run: {describe(error)}{where}") from error
    return vars(module)


def _written_in(text: str) -> set[str]:
    """Return the names that a text gives to something of its own."""
    symbols = symtable.symtable(text, "equations", "exec").get_symbols()
    return {symbol.get_name() for symbol in symbols if symbol.is_assigned()}


def _is_ours(value: Any) -> bool:
    module = str(getattr(value, "__module__", ""))
    return isinstance(value, Socket) or module.split(".")[0] == "tvbi_ref"


def _near_misses(written: set[str]) -> list[str]:
    """Return what may have been meant for an equation, and has another name."""
    labels = {label.replace("-", "_"): task for task, label in LABELS.items()}
    notes = []
    for name in sorted(written - LABELS.keys()):
        near = difflib.get_close_matches(name, LABELS, n=1, cutoff=0.8)
        meant = labels.get(name) or (near[0] if near else None)
        if meant and meant not in written:
            notes.append(f"{name} is none of the names; did you mean {meant}?")
    return notes


def _filled(text: str, indent: str = "  ") -> str:
    return textwrap.fill(text, 98, initial_indent=indent, subsequent_indent=indent)


def ready(file: str | os.PathLike[str], *, unchecked: bool = False) -> OwnEquations:
    """Return the equations of a file, checked unless that is not wanted.

    Raises
    ------
    FileNotFoundError, TypeError, ValueError
        As `load` and `OwnEquations.check` say; also if a function cannot be called as its
        equation is.

    Examples
    --------
    >>> ready("no_such_file.py")
    Traceback (most recent call last):
    FileNotFoundError: equations must be a Python file or a notebook; there is no no_such_file.py
    """
    found = load(file)
    if not unchecked:
        found.check()
    for label, function in found.functions.items():
        Guarded(label, function)  # or it says what is wrong with the arguments
    return found

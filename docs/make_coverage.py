"""Write docs/coverage.md: what checks each equation, and how well the checks bite.

Every number is measured here: the package's own function and all correct variants are run
through the check, and so is every known mistake.
"""

from __future__ import annotations

import sys
from pathlib import Path

from tqdm.auto import tqdm

from tvbi_ref._files import atomic_write
from tvbi_ref.equations import EQUATIONS, Equation
from tvbi_ref.school.checks import check
from tvbi_ref.school.checks.mutants import mutants_of
from tvbi_ref.school.checks.suites import check_of

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests" / "school" / "checks"))

from variants import VARIANTS  # noqa: E402

HEAD = """# What checks each equation

Written by `docs/make_coverage.py`; the statements are in [EQUATIONS.md](EQUATIONS.md), and
`tvbi-ref equations LABEL` prints one with its symbols. *Cases* are calls whose right answer an
oracle found on another road. *Caught* counts the known mistakes (`school/checks/mutants`) that
fail the check with a message that names them. *False alarms* counts correct functions, the
package's own and differently written ones (`tests/school/checks/variants`), that the check rejects.

| label | code | cases | caught | false alarms | exercise | lesson |
|---|---|---|---|---|---|---|
"""


def main() -> None:
    """Measure every row and write the file."""
    rows = [measure(equation) for equation in tqdm(EQUATIONS.values(), disable=None)]
    caught, planted, alarms, correct = (sum(row[k] for row in rows) for k in range(4))
    lines = [row[4] for row in rows]
    mistakes = f"{caught} of {planted} mistakes caught"
    total = f"\n{mistakes}, {alarms} false alarms in {correct} correct functions.\n"
    with atomic_write(ROOT / "docs" / "coverage.md") as file:
        file.write((HEAD + "\n".join(lines) + "\n" + total).encode())


def measure(equation: Equation) -> tuple[int, int, int, int, str]:
    """Return (caught, planted, false alarms, correct functions, the table's line)."""
    label = equation.label
    mutants, correct = mutants_of(label), [equation.function, *VARIANTS[label]]
    reports = [(mutant, check(label, mutant.function)) for mutant in mutants]
    caught = sum(not report and mutant.mistake in report.message for mutant, report in reports)
    alarms = sum(not check(label, function) for function in correct)
    notebook = equation.lesson.split("#")[0]
    cells = [
        f"`[{label}]`",
        f"`{equation.implementation.replace(':', '.')}`",
        str(len(check_of(equation.label).cases())),
        f"{caught} of {len(mutants)}",
        f"{alarms} in {len(correct)}",
        f"[{equation.exercise}](../notebooks/exercises/{equation.exercise}.py)",
        f"[{notebook}](../notebooks/{notebook}.ipynb)",
    ]
    return caught, len(mutants), alarms, len(correct), f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main()

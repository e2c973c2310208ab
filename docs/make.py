"""Write docs/EQUATIONS.md, the symbols of docs/glossary.md, and docs/coverage.md.

The equations and their symbols are stated in tvbi_ref/equations/statements. Every number of the
coverage is measured here: the package's own function and all correct variants are run through
the check, and so is every known mistake.
"""

from __future__ import annotations

import inspect
import re
import sys
from pathlib import Path

from tqdm.auto import tqdm

from tvbi_ref._files import atomic_write
from tvbi_ref.equations import EQUATIONS, GROUPS, Equation, Symbol, table
from tvbi_ref.equations.registry import read

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"

EQUATIONS_HEAD = """# The equations of Turbo-VBI, labelled

The mathematical specification of `tvbi_ref`, written by `docs/make.py` from
`tvbi_ref/equations/statements`. A label in [brackets] is the equation's name everywhere: in
docstrings, tests and lessons. Letters and words are in the [glossary](glossary.md);
`tvbi-ref equations LABEL` prints an equation with its symbols, their shapes and their domains; what
checks it is in the [table of coverage](coverage.md).

The paper is Xia, Tsang, Lau, "Structured Bayesian Compression for Deep Neural Networks Based on the
Turbo-VBI Approach", IEEE TSP 71 (2023), arXiv 2302.10483. The model, the two modules and the
mean-field updates are the paper's. The exact forms were derived here from the model and are checked
numerically by the tests; they bear labels of our own and no equation numbers of the paper. Where
the code that the authors published with a later paper ("the follow-up code") differs, that is said.

## 0. In all statements

* Everything is said of one layer. Its weights are a matrix $W$ of shape $(I, J)$: rows $i$ are
  inputs, columns $j$ output neurons, so that a column is one neuron's fan-in. $n = (i, j)$ is one
  weight, counted from 0 as in the arrays; a sum over $n$ goes over the whole layer, and $r$ counts
  the rows of the data.
* $a, b$ belong to a live weight ($s = 1$), $\\bar a, \\bar b$ to a dead one ($s = 0$). A tilde
  marks the posterior $q$, angle brackets its mean, and $\\psi(x)$ of one number is the digamma
  function.
* $\\pi_n$ is a probability, and $\\pi$ without an index the number. $x = 2s - 1$ is the spin of a
  support $s$. $\\operatorname{logit} p = \\ln \\frac{p}{1 - p}$.
* All messages are LOG-ODDS in float64; odds are $e$ to the log-odds. Nets run in float32 by
  default, in float64 for checks.
* The kernels of a convolution, $(C_{out}, C_{in}, k_h, k_w)$, become a matrix by blocks: rows
  $(C_{in}, k_h)$, columns $(C_{out}, k_w)$, so that one block is one kernel and a neighbour in a
  row or a column is a spatial or channel neighbour. The way there and back changes nothing.
"""

COVERAGE_HEAD = """# What checks each equation

Written by `docs/make.py`; the statements are in [EQUATIONS.md](EQUATIONS.md), and
`tvbi-ref equations LABEL` prints one with its symbols. *Cases* are calls whose right answer an
oracle found on another road. *Caught* counts the known mistakes (`school/checks/mutants`) that
fail the check with a message that names them. *False alarms* counts correct functions, the
package's own and differently written ones (`tests/school/checks/variants`), that the check rejects.

| label | code | cases | caught | false alarms | exercise | lesson |
|---|---|---|---|---|---|---|
"""


def main() -> None:
    """Write the three pages."""
    for name, page in (
        ("EQUATIONS.md", equations_page()),
        ("glossary.md", glossary_page()),
        ("coverage.md", coverage_page()),
    ):
        with atomic_write(DOCS / name) as file:
            file.write(page.encode())


def equations_page() -> str:
    """Return the page of all equations, a section for each part of the algorithm."""
    parts = [EQUATIONS_HEAD.rstrip()]
    for number, group in enumerate(GROUPS, start=1):
        about = read(group)
        parts += [f"## {number}. {about['title']}", linked(about["text"].strip())]
        parts += [entry(equation) for equation in table(group).equations]
    return for_github("\n\n".join(parts)) + "\n"


def entry(equation: Equation) -> str:
    """Return an equation's place on the page: its label, statement, notes and function."""
    label, function = equation.label, inspect.unwrap(equation.function)
    path = Path(inspect.getsourcefile(function) or "").relative_to(ROOT)
    lesson = equation.lesson.replace("#", ".ipynb#")
    return "\n\n".join(
        [
            f'<a id="{label}"></a>[{label}] **{equation.title}**',
            f"```math\n{equation.statement}\n```",
            *([linked(equation.notes, here=label)] if equation.notes else []),
            f"[`{function.__name__}`](../{path}), [lesson](../notebooks/{lesson})"
            + (", analytic: no run needs it" if equation.analytic else ""),
        ]
    )


def linked(text: str, here: str = "") -> str:
    """Return the text with links from the labels in it to the other equations."""
    labels = "|".join(label for label in EQUATIONS if label != here)
    return re.sub(rf"\[({labels})\]", r"[[\1]](#\1)", text)


def for_github(page: str) -> str:
    r"""Return the page as GitHub can typeset it.

    It knows no \operatorname; a formula in a line must not be broken; and an underscore after
    a brace would begin emphasis.
    """
    page = re.sub(r"\\operatorname\{(\w+)\}", r"\\mathop{\\mathrm{\1}}", page)
    return re.sub(r"\$[^$]+\$", lambda found: " ".join(found[0].replace("}_", "}_ ").split()), page)


def glossary_page() -> str:
    """Return the glossary with the symbols of the registry in their place."""
    mark = "<!-- symbols, by docs/make.py -->\n"
    words = (DOCS / "glossary.md").read_text(encoding="utf-8").split(mark)[0]
    return for_github(words + mark + symbols_table())


def symbols_table() -> str:
    """Return a row for each letter with its name in code, and the equations it is in."""
    found: dict[tuple[str, str], tuple[Symbol, list[str]]] = {}
    for equation in EQUATIONS.values():
        for s in equation.inputs + equation.outputs:
            found.setdefault((s.letter, s.name), (s, []))[1].append(equation.label)
    lines = ["", "| letter | name | shape | domain | meaning | in |", "|---|---|---|---|---|---|"]
    for s, labels in found.values():
        links = ", ".join(f"[{label}](EQUATIONS.md#{label})" for label in dict.fromkeys(labels))
        lines.append(
            f"| ${s.letter}$ | `{s.name}` | {s.shape} | {s.domain} | {s.meaning} | {links} |"
        )
    return "\n".join(lines) + "\n"


def coverage_page() -> str:
    """Measure every row and return the page."""
    rows = [measure(equation) for equation in tqdm(EQUATIONS.values(), disable=None)]
    caught, planted, alarms, correct = (sum(row[k] for row in rows) for k in range(4))
    lines = [row[4] for row in rows]
    mistakes = f"{caught} of {planted} mistakes caught"
    total = f"\n{mistakes}, {alarms} false alarms in {correct} correct functions.\n"
    return COVERAGE_HEAD + "\n".join(lines) + "\n" + total


def measure(equation: Equation) -> tuple[int, int, int, int, str]:
    """Return (caught, planted, false alarms, correct functions, the table's line)."""
    sys.path.insert(0, str(ROOT / "tests" / "school" / "checks"))
    from variants import VARIANTS

    from tvbi_ref.school.checks import check
    from tvbi_ref.school.checks.mutants import mutants_of
    from tvbi_ref.school.checks.suites import cases_of

    label = equation.label
    mutants, correct = mutants_of(label), [equation.function, *VARIANTS[label]]
    reports = [(mutant, check(label, mutant.function)) for mutant in mutants]
    caught = sum(not report and mutant.mistake in report.message for mutant, report in reports)
    alarms = sum(not check(label, function) for function in correct)
    cells = [
        f"`[{label}]`",
        f"`{equation.implementation.replace(':', '.')}`",
        str(len(cases_of(equation.label))),
        f"{caught} of {len(mutants)}",
        f"{alarms} in {len(correct)}",
        f"[{equation.exercise}](../notebooks/exercises/{equation.exercise}.py)",
        f"[lesson](../notebooks/{equation.exercise}.ipynb)",
    ]
    return caught, len(mutants), alarms, len(correct), f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main()

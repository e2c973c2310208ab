"""The lessons: executed without an error, small, and true to the registry of equations.

That they run is tested by nbmake, which executes every notebook.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import nbformat
import pytest
import yaml
from IPython.core.inputtransformer2 import TransformerManager

from tvbi_ref.equations import EQUATIONS

FOLDER = Path(__file__).parents[2] / "notebooks"
LESSONS = sorted(FOLDER.glob("[0-9][0-9]_*.ipynb"))
LARGEST_OUTPUT = 300_000
"""Characters, as stored."""

every_lesson = pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)


def read(path: Path) -> Any:
    """Return a notebook, which is checked against the format's schema."""
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    return notebook


def code_cells(path: Path) -> list[Any]:
    return [cell for cell in read(path).cells if cell.cell_type == "code"]


def said_by(path: Path) -> str:
    """Return everything of a lesson that is read: prose, code and printed output."""
    if path.suffix != ".ipynb":
        return path.read_text()
    cells = read(path).cells
    printed = [o.get("text", "") for cell in cells for o in cell.get("outputs", [])]
    return "\n".join([cell.source for cell in cells] + printed)


def prose(path: Path) -> str:
    return "\n".join(cell.source for cell in read(path).cells if cell.cell_type == "markdown")


def test_every_equation_has_a_lesson_that_exists():
    said = {equation.lesson.split("#")[0] for equation in EQUATIONS.values()}
    assert said <= {path.stem for path in LESSONS}
    assert [path.stem[:2] for path in LESSONS] == sorted(path.stem[:2] for path in LESSONS)


def test_the_book_has_every_lesson_in_its_order():
    contents = yaml.safe_load((FOLDER.parent / "book" / "_toc.yml").read_text())
    pages = [chapter["file"] for part in contents["parts"] for chapter in part["chapters"]]
    lessons = [f"notebooks/{path.stem}" for path in LESSONS]
    assert [page for page in pages if re.match(r"notebooks/\d", page)] == lessons
    assert [page for page in pages if not any((FOLDER.parent).glob(f"{page}.*"))] == []


def test_the_table_of_lessons_has_their_minutes_and_blanks():
    rows = re.findall(r"\]\((\d\d_.*)\) \| (\d+) \| (\d+) \|", (FOLDER / "README.md").read_text())
    minutes = [re.findall(r"\*About (\d+) minutes", prose(path))[0] for path in LESSONS]
    blanks = [sum("### BEGIN SOLUTION" in c.source for c in code_cells(path)) for path in LESSONS]
    names = [path.name for path in LESSONS]
    assert [(page, said, int(n)) for page, said, n in rows] == list(
        zip(names, minutes, blanks, strict=True)
    )


@pytest.mark.slow
def test_every_lesson_begins_with_the_setup_cell_for_colab():
    check = [sys.executable, "notebooks/make_setup.py", "--check"]
    done = subprocess.run(check, cwd=FOLDER.parent, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "every lesson has the cell\n")


def test_on_colab_the_setup_cell_asks_for_an_address_that_is_not_set(monkeypatch):
    (cell,) = (c for c in code_cells(LESSONS[0]) if c.id == "setup")
    source = re.sub('(?<=REPOSITORY = ")[^"]*', "", cell.source)
    ran = []
    shell = SimpleNamespace(system=ran.append, run_line_magic=lambda *words: ran.append(words))
    names = {"get_ipython": lambda: shell, "input": lambda prompt: "https://example.org/it"}
    monkeypatch.setitem(sys.modules, "google.colab", ModuleType("google.colab"))
    exec(TransformerManager().transform_cell(source), names)
    assert names["REPOSITORY"] == "https://example.org/it"
    assert "git clone" in ran[0]
    assert "{REPOSITORY}" in ran[0]


@every_lesson
def test_a_lesson_was_executed_from_top_to_bottom(path):
    counts = [cell.execution_count for cell in code_cells(path) if cell.source.strip()]
    assert counts == list(range(1, len(counts) + 1))


@every_lesson
def test_no_output_is_an_error_or_a_warning(path):
    outputs = [output for cell in code_cells(path) for output in cell.outputs]
    assert [output for output in outputs if output.output_type == "error"] == []
    assert [output for output in outputs if output.get("name") == "stderr"] == []


@every_lesson
def test_no_output_is_large(path):
    sizes = [len(json.dumps(output)) for cell in code_cells(path) for output in cell.outputs]
    assert max(sizes, default=0) <= LARGEST_OUTPUT


@every_lesson
def test_a_lesson_derives_the_equations_that_the_registry_says(path):
    anchors = re.findall(r'<a id="([^"]+)"></a>', prose(path))
    expected = {e.label for e in EQUATIONS.values() if e.lesson.split("#")[0] == path.stem}
    assert sorted(anchors) == sorted(expected)


@every_lesson
def test_every_equation_of_a_lesson_is_checked_in_it(path):
    code = "\n".join(cell.source for cell in code_cells(path))
    checked = set(re.findall(r'(?:check|keep)\(\s*"([a-z0-9-]+)"', code))
    anchors = set(re.findall(r'<a id="([^"]+)"></a>', prose(path)))
    assert anchors <= checked


@every_lesson
def test_every_label_that_a_lesson_names_is_an_equation(path):
    named = set(re.findall(r"\[\[?([a-z]+(?:-[a-z0-9]+)+)\]", prose(path)))
    assert named <= set(EQUATIONS)


@every_lesson
def test_the_links_of_a_lesson_lead_somewhere(path):
    targets = re.findall(r"\]\(([^)#\s]+)[^)]*\)", prose(path))
    local = [target for target in targets if not target.startswith(("http", "mailto"))]
    missing = [target for target in local if not (FOLDER / target).is_file()]
    assert missing == []


@every_lesson
def test_a_link_to_an_equation_leads_to_its_label(path):
    targets = re.findall(r"\[\[([a-z0-9-]+)\]\]\(([^)]*)\)", prose(path))
    for label, target in targets:
        page, _, place = target.partition("#")
        home = EQUATIONS[label].lesson.split("#")[0]
        assert place == label
        assert page in ("../docs/EQUATIONS.md", f"{home}.ipynb") or (page, home) == ("", path.stem)


@every_lesson
def test_a_lesson_ends_with_three_questions_and_what_to_read_next(path):
    text = prose(path)
    assert text.count("<details><summary>") >= 3
    assert text.count("<details>") == text.count("</details>")
    assert "**Next" in text


START, SUPPORTS, README = "00_start_here.ipynb", "04_fields.ipynb", "../README.md"
PRIOR, MODULE_A = "01_three_layer_prior.ipynb", "03_module_a.ipynb"
DIGITS = "13_mlp_on_digits.ipynb"
CHAINS, GRIDS = "05_sum_product.ipynb", "06_grids_and_bethe.ipynb"
GROUPS = "21_groups_and_learning.ipynb"
QUOTED = [
    (SUPPORTS, r"a grid with field (\S+), which", START, r"field=([-\d.]+),"),
    (SUPPORTS, r"printed a density of about ([\d.]+\d)", START, r"before any data: ([\d.]+)"),
    (SUPPORTS, r"Why is J_col = ([\d.]+) with", START, r"coupling_col=([\d.]+)"),
    (SUPPORTS, r"with J_row = ([\d.]+) allowed", START, r"coupling_row=([\d.]+)"),
    (SUPPORTS, r"(\d+) sweeps are not enough", SUPPORTS, r"def densities.*, sweeps=(\d+)\)"),
    (SUPPORTS, r"chain has \$J = ([\d.]+)\$", SUPPORTS, r"the running example: J = ([\d.]+)"),
    (CHAINS, r"a cavity of 2 says ([\d.]+) through", CHAINS, r"J = 1\.0: ([\d.]+\d)"),
    (CHAINS, r"of the others alone with ([\d.]+)\.", CHAINS, r"without its l +([\d.]+)"),
    (CHAINS, r"The numbers to hit, below: (\d+) wrong", CHAINS, r"alone 11, with the chain (\d+)"),
    (GRIDS, r"couplings of 0\.2 have \$U = ([\d.]+)\$", GRIDS, r"J_col 0\.20: U = ([\d.]+)"),
    (GROUPS, r"lead to 0\.041 and ([\d.]+\d)", GROUPS, r"from the evidence: [\d.]+, ([\d.]+)"),
    (GROUPS, r"stay, (\d+) of 26 are in live", GROUPS, r"of which (\d+) in live"),
    (START, r"README's numbers come from (\d+)", README, r"epochs=(\d+)"),
    (MODULE_A, r"\$6\.9\$ against \$([-\d.]+)\$", MODULE_A, r"1e-3: between ([-\d.]+) and"),
    (MODULE_A, r"an ELBO of \$([-\d.]+)\$", MODULE_A, r"steps down: 0, ELBO in the end ([-\d.]+)"),
    (MODULE_A, r"it is \$([\d.]+)\$, while mixing", MODULE_A, r"of the mixture ([\d.]+), mixed"),
    (MODULE_A, r"and rates first gives \$([\d.]+)\$", MODULE_A, r", mixed first ([\d.]+)"),
    (PRIOR, r"mid s = 1\) = ([-\d.]+\d)\$", PRIOR, r"  0\.5 +[-\d.]+ +([-\d.]+)"),
    (DIGITS, r"than this page's \(\$v = ([\d.]+)\$\)", README, r"variance=([\d.]+)"),
    (DIGITS, r"It is small here, ([\d.]+), for", DIGITS, r"coupling_row=([\d.]+)"),
    (
        "../docs/EQUATIONS.md",
        r"with four neighbours that is \D*([\d.]+)",
        SUPPORTS,
        r"sum-product ([\d.]+),",
    ),
]
"""Who quotes a number, how, whose it is, and how it stands there; the number is the group."""


@pytest.mark.parametrize(("quoting", "quote", "source", "origin"), QUOTED, ids=str)
def test_a_number_that_is_quoted_is_the_one_that_stands_there(quoting, quote, source, origin):
    (said,) = re.findall(quote, said_by(FOLDER / quoting))
    decimals = len(said.partition(".")[2])
    assert float(said) == round(float(re.findall(origin, said_by(FOLDER / source))[0]), decimals)


def test_the_first_lesson_says_how_many_digits_fine_tuning_has_lost():
    text = said_by(FOLDER / START)
    (lost, of) = re.findall(r"lowered\* this one, by (\d+) digit of (\d+)", text)[0]
    right = {
        name: int(n)
        for name, n in re.findall(rf"^(pruned|fine-tuned) .*?, (\d+) of {of} right", text, re.M)
    }
    assert right["pruned"] - right["fine-tuned"] == int(lost)


@every_lesson
def test_a_section_of_another_lesson_that_is_named_is_there(path):
    for page, number in re.findall(r"\]\((\d\d_\w+\.ipynb)\), section (\d+)", prose(path)):
        assert re.search(rf"^## {number}\. ", prose(FOLDER / page), re.M)

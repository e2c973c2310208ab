"""The lessons: executed without an error, small, and true to the registry of equations.

That they run is tested by nbmake, which executes every notebook.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest
import yaml

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


def prose(path: Path) -> str:
    return "\n".join(cell.source for cell in read(path).cells if cell.cell_type == "markdown")


def test_every_equation_has_a_lesson_that_exists():
    said = {equation.lesson.split("#")[0] for equation in EQUATIONS.values()}
    assert said <= {path.stem for path in LESSONS}
    assert [path.stem[:2] for path in LESSONS] == [f"{k:02}" for k in range(13)]


def test_the_book_has_every_lesson_in_its_order():
    contents = yaml.safe_load((FOLDER.parent / "book" / "_toc.yml").read_text())
    pages = [chapter["file"] for part in contents["parts"] for chapter in part["chapters"]]
    lessons = [f"notebooks/{path.stem}" for path in LESSONS]
    assert [page for page in pages if page.startswith("notebooks/")] == lessons
    assert [page for page in pages if not any((FOLDER.parent).glob(f"{page}.*"))] == []


@pytest.mark.slow
def test_every_lesson_begins_with_the_setup_cell_for_colab():
    check = [sys.executable, "notebooks/make_setup.py", "--check"]
    done = subprocess.run(check, cwd=FOLDER.parent, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "every lesson has the cell\n")


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
    checked = set(re.findall(r'check\(\s*"([a-z0-9-]+)"', code))
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

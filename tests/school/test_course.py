"""The growing file of a student's equations, and the copies of the lessons that fill it."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import nbformat
import pytest
from IPython.core.interactiveshell import InteractiveShell

from tvbi_ref.equations import get
from tvbi_ref.school import course
from tvbi_ref.school.checks import check, grade
from tvbi_ref.school.own import load

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
LESSONS = sorted(NOTEBOOKS.glob("[0-9][0-9]_*.ipynb"))
every_lesson = pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)


@pytest.fixture
def mine(tmp_path):
    return course.MyTurbo(tmp_path / "my_turbo.py")


def in_a_cell(source: str) -> dict:
    """Run a cell as a notebook does and return its names."""
    shell = InteractiveShell.instance()
    shell.run_cell(source, store_history=True).raise_error()
    return shell.user_ns


SUPPORT = "def update_support(prior_log_odds, evidence):\n    return prior_log_odds + evidence\n"


def test_what_is_kept_is_the_whole_cell(mine):
    cell = "# as Bayes has it\ndef plus(a, b):\n    return a + b\n\n" + SUPPORT.replace(
        "prior_log_odds + evidence", "plus(prior_log_odds, evidence)"
    )
    assert mine.keep("q-support", in_a_cell(cell)["update_support"])
    assert cell.strip() in mine.file.read_text()
    assert mine.update_support is mine.functions["q-support"]
    assert list(load(mine.file).functions) == ["q-support"]


def test_a_cell_that_needs_another_is_refused_with_the_reason(mine):
    in_a_cell("def plus(a, b):\n    return a + b\n")
    cell = SUPPORT.replace("prior_log_odds + evidence", "plus(prior_log_odds, evidence)")
    report = mine.keep("q-support", in_a_cell(cell)["update_support"])
    assert not report
    assert "name 'plus' is not defined" in report.message
    assert "other cells help it" in report.message
    assert not mine.file.exists()


def test_a_wrong_function_is_not_kept_and_leaves_the_right_one_there(mine):
    mine.keep("q-support", in_a_cell(SUPPORT)["update_support"])
    before = mine.file.read_text()
    assert not mine.keep("q-support", in_a_cell(SUPPORT.replace("+", "-"))["update_support"])
    assert mine.file.read_text() == before
    assert mine.update_support(1.0, 2.0) == 3


def test_keeping_again_replaces(mine):
    for comment in ("first", "second"):
        mine.keep("q-support", in_a_cell(f"# {comment}\n{SUPPORT}")["update_support"])
    assert "first" not in mine.file.read_text()
    assert mine.file.read_text().count("def update_support") == 1


def test_a_blank_is_no_error_and_the_packages_function_stands_in(mine):
    blank = "def update_support(prior_log_odds, evidence):\n    raise NotImplementedError\n"
    report = mine.keep("q-support", in_a_cell(blank)["update_support"])
    assert "not written yet" in report.message
    assert mine.update_support is get("q-support").function
    with pytest.raises(AttributeError, match="updat_support is no equation's function"):
        mine.updat_support  # noqa: B018


def test_what_is_not_ones_own_yet_is_imported_until_it_is(mine):
    cells = {
        "extrinsic-b": "def extrinsic_b(field, messages):\n"
        "    return cavity(field, 0 * field, messages)\n",
        "cavity": "def cavity(field, evidence, other_messages):\n"
        "    return field + evidence + np.sum(other_messages, axis=0)\n",
    }
    names = in_a_cell("import numpy as np\nfrom tvbi_ref.module_b import cavity\n")
    for label, cell in cells.items():
        names = in_a_cell(cell)
        assert mine.keep(label, names[get(label).task])
        imported = "from tvbi_ref.module_b import cavity" in mine.file.read_text()
        assert imported == (label == "extrinsic-b")
    assert set(mine.functions) == set(cells)


def test_a_grader_marks_what_is_ones_own_beside_what_is_not(mine):
    echo = "def belief(field, evidence, messages):\n"
    echo += "    return 1 / (1 + np.exp(-cavity(field, evidence, messages)))\n"
    in_a_cell("import numpy as np\nfrom tvbi_ref.module_b import cavity\n")
    mine.keep("belief", in_a_cell(echo)["belief"])
    mine.keep("q-support", in_a_cell(SUPPORT)["update_support"])
    marks = {mark.label: mark for mark in grade(mine.file).marks}
    assert marks["q-support"].passed
    assert "cavity" in marks["belief"].message


def test_what_was_kept_is_called_by_its_bare_name_in_whatever_notebook(mine):
    mine.keep("q-support", in_a_cell(SUPPORT)["update_support"])
    InteractiveShell.instance().user_ns.pop("update_support")
    extrinsic = "def extrinsic_a(posterior, incoming):\n    return {}(posterior, -incoming)\n"
    refused = mine.keep(
        "extrinsic-a", in_a_cell(extrinsic.format("mine.update_support"))["extrinsic_a"]
    )
    assert not refused
    assert mine.keep("extrinsic-a", in_a_cell(extrinsic.format("update_support"))["extrinsic_a"])


def test_a_function_of_another_name_is_refused(mine):
    with pytest.raises(ValueError, match=r"function must be called update_support; got <function"):
        mine.keep("q-support", lambda prior_log_odds, evidence: prior_log_odds + evidence)


def test_an_argument_with_an_equations_name_is_not_imported(mine):
    mine.keep("q-support", in_a_cell(SUPPORT)["update_support"])
    assert "import evidence" not in mine.file.read_text()


def test_another_equation_in_the_cell_must_be_right_too(mine):
    cell = f"def belief(field, evidence, messages):\n    return 0.0\n\n{SUPPORT}"
    report = mine.keep("q-support", in_a_cell(cell)["update_support"])
    assert report.label == "belief"
    assert not report
    assert report.message.endswith(
        "stands in the cell of update_support, which is not kept without it"
    )
    assert not mine.file.exists()


def test_a_label_may_be_spelt_as_elsewhere(mine):
    assert mine.keep("q_support", in_a_cell(SUPPORT)["update_support"])
    assert "# %% [q-support]" in mine.file.read_text()


def test_a_cell_that_cannot_run_in_the_file_says_so_of_the_file(mine):
    cell = f"{SUPPORT}1 / here\n"
    with pytest.raises(
        ValueError, match=r"^with this cell my_turbo.py cannot be run: NameError: .*"
    ):
        mine.keep("q-support", in_a_cell(f"here = 1\n{cell}") and in_a_cell(cell)["update_support"])


@pytest.mark.parametrize(
    "cell", [f"%%time\n{SUPPORT}", "from tvbi_ref.module_a import update_support"]
)
def test_a_function_without_a_cell_is_refused(mine, cell):
    with pytest.raises(ValueError, match="function has no cell to be kept; got"):
        mine.keep("q-support", in_a_cell(cell)["update_support"])


def test_a_file_that_an_editor_has_saved_with_a_mark_for_the_order_of_bytes(mine):
    mine.keep("q-support", in_a_cell(SUPPORT)["update_support"])
    mine.file.write_text(mine.file.read_text(), encoding="utf-8-sig", newline="\r\n")
    assert mine.keep("q-support", in_a_cell(SUPPORT)["update_support"])


def test_damage_by_hand_is_named(mine):
    mine.keep("q-support", in_a_cell(SUPPORT)["update_support"])
    mine.file.write_text(mine.file.read_text().replace("+ evidence", "+"))
    cell = "def extrinsic_a(posterior, incoming):\n    return posterior - incoming\n"
    with pytest.raises(ValueError, match=r"my_turbo.py cannot be run: SyntaxError in line 7"):
        mine.keep("extrinsic-a", in_a_cell(cell)["extrinsic_a"])


def test_the_board_counts(mine):
    assert f"0 of {len(course.BLANKS)} equations are yours" in repr(mine)
    mine.keep("q-support", in_a_cell(SUPPORT)["update_support"])
    assert f"1 of {len(course.BLANKS)} equations is yours" in repr(mine)
    assert "✅ update_support" in mine._repr_markdown_()


# The copies


def script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, NOTEBOOKS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


make_student = script("make_student")


def read(path: Path):
    return nbformat.read(path, as_version=4)


def solutions(path: Path) -> list[str]:
    """Return the cells with a blank."""
    return [c.source for c in read(path).cells if "### BEGIN SOLUTION" in c.source]


def kept_in(path: Path) -> list[str]:
    code = "\n".join(cell.source for cell in read(path).cells if cell.cell_type == "code")
    return re.findall(r'mine\.keep\(\s*"([a-z0-9-]+)"', code)


def test_the_lessons_leave_blank_what_the_board_says():
    parts = [path for path in LESSONS if path.stem < "20"]
    kept = [label for path in parts for label in kept_in(path)]
    assert kept == list(course.BLANKS)


def test_the_page_of_the_lessons_counts_them():
    page = (NOTEBOOKS / "README.md").read_text()
    first = [k for k in course.BLANKS if get(k).lesson < "10"]
    assert f"which of the {len(course.BLANKS)} equations" in page
    assert f"all {len(first)} of parts I to III | all {len(course.BLANKS)}, and" in page


@every_lesson
def test_a_students_copy_has_no_solution_and_no_output(path):
    copy = make_student.student_copy(read(path))
    nbformat.validate(copy)
    code = [cell for cell in copy.cells if cell.cell_type == "code"]
    assert not any(cell.outputs or cell.execution_count for cell in code)
    text = json.dumps(copy)
    for cell in solutions(path):
        assert cell.count("### BEGIN SOLUTION") == cell.count("### END SOLUTION")
        for block in re.findall(r"### BEGIN SOLUTION\n(.*?)\n *### END SOLUTION", cell, re.S):
            assert block.strip() not in "\n".join(c.source for c in code)
    assert "SOLUTION" not in text
    assert "raise NotImplementedError" in text or not solutions(path)


@every_lesson
def test_the_links_of_a_copy_lead_to_what_those_of_the_lesson_lead_to(path):
    copy = make_student.student_copy(read(path))
    links = re.findall(r"\]\((\.\./[^)#]+)", "\n".join(cell.source for cell in copy.cells))
    assert all((NOTEBOOKS / "student" / link).resolve().exists() for link in links)


@every_lesson
def test_a_solution_is_folded(path):
    for cell in read(path).cells:
        if "### BEGIN SOLUTION" in cell.source:
            assert "hide-input" in cell.metadata["tags"]


def test_a_copy_that_is_there_is_a_students_work(tmp_path, monkeypatch):
    monkeypatch.setattr(make_student, "HERE", tmp_path)
    nbformat.write(read(LESSONS[0]), tmp_path / LESSONS[0].name)
    (tmp_path / "student").mkdir()
    (tmp_path / "student" / LESSONS[0].name).write_text("mine")
    assert make_student.main() == 0
    assert (tmp_path / "student" / LESSONS[0].name).read_text() == "mine"


# The whole course, solved


@pytest.fixture(scope="module")
def solved(tmp_path_factory):
    """Return the my_turbo.py of who has solved every blank."""
    mine = course.MyTurbo(tmp_path_factory.mktemp("solved") / "my_turbo.py")
    for path in LESSONS:
        cells = [cell for cell in solutions(path) if re.search("^def ", cell, re.M)]
        for label in kept_in(path):
            (cell,) = (c for c in cells if re.search(rf"^def {get(label).task}\(", c, re.M))
            names = in_a_cell(f"import numpy as np\n{cell}")
            assert (report := mine.keep(label, names[get(label).task])), report.message
    return mine


@pytest.mark.slow
def test_the_solutions_of_all_lessons_are_a_file_of_right_equations(solved):
    assert set(solved.functions) > set(course.BLANKS)  # and those of the electives
    again = load(solved.file)
    assert all(check(label, function) for label, function in again.functions.items())


@pytest.mark.slow
def test_it_trains_digits_on_the_command_line(solved, tmp_path):
    command = [sys.executable, "-m", "tvbi_ref", "train", "digits", "--epochs", "2"]
    options = ["--fine-tune-epochs", "0", "--equations", str(solved.file), "--out", str(tmp_path)]
    done = subprocess.run([*command, *options], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "each has passed its check" in done.stdout
    found = json.loads((tmp_path / "equations.json").read_text())
    assert {e["label"] for e in found["equations"]} == set(solved.functions)

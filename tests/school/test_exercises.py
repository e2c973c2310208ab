"""The exercises: in step with their solutions, complete, and graded as the README says."""

from __future__ import annotations

import ast
import importlib.util
import json
import re
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import nbformat
import pytest

from tvbi_ref.equations import EQUATIONS
from tvbi_ref.school.checks import grade
from tvbi_ref.school.checks.problems import PROBLEMS

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
EXERCISES, SOLUTIONS = NOTEBOOKS / "exercises", NOTEBOOKS / "solutions"


def load_make_exercises():
    spec = importlib.util.spec_from_file_location("make_exercises", NOTEBOOKS / "make_exercises.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where its dataclasses look for their module
    spec.loader.exec_module(module)
    return module


make_exercises = load_make_exercises()
NAMES = sorted({equation.exercise for equation in EQUATIONS.values()})
each_exercise = pytest.mark.parametrize("name", NAMES)
each_folder = pytest.mark.parametrize("folder", [EXERCISES, SOLUTIONS], ids=["stub", "solved"])


def functions(path: Path) -> dict[str, ast.FunctionDef]:
    tree = ast.parse(path.read_text())
    return {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}


def problems_of(name: str):
    return [problem for problem in PROBLEMS.values() if problem.lesson == name]


def body(node: ast.FunctionDef) -> list[str]:
    """Return a function's statements without its docstring."""
    return [ast.unparse(statement) for statement in node.body[1:]]


# The files


@pytest.fixture(scope="module")
def transcript() -> str:
    return make_exercises.transcript()


@pytest.mark.slow
def test_the_committed_files_are_what_the_solutions_make(monkeypatch, transcript):
    monkeypatch.setattr(make_exercises, "transcript", lambda: transcript)
    assert make_exercises.stale() == []


def test_a_stale_or_orphaned_file_is_found(monkeypatch, tmp_path, capsys):
    copied = (EXERCISES / "transcript.md").read_text()
    monkeypatch.setattr(make_exercises, "transcript", lambda: copied)
    monkeypatch.setattr(make_exercises, "HERE", tmp_path)
    for folder in ("exercises", "solutions"):
        shutil.copytree(NOTEBOOKS / folder, tmp_path / folder)
        monkeypatch.setattr(make_exercises, folder.upper(), tmp_path / folder)
    assert make_exercises.main(["--check"]) == 0
    with (tmp_path / "exercises" / "05_sum_product.py").open("a") as file:
        file.write("# touched\n")
    (tmp_path / "solutions" / "05_sum_product.ipynb").unlink()
    (tmp_path / "exercises" / "05_gone.py").touch()
    assert make_exercises.main(["--check"]) == 1
    said = capsys.readouterr().out
    named = re.findall(r"stale: (\S+);", said)
    assert named == [
        "exercises/05_gone.py",
        "exercises/05_sum_product.py",
        "solutions/05_sum_product.ipynb",
    ]


@pytest.mark.slow
def test_the_transcript_shows_two_mistakes_named_and_mended(transcript):
    first, second, third = re.findall(r"```text\n(.*?)```", transcript, flags=re.DOTALL)
    assert first.count("known mistake") == first.count("FAIL") == 2
    assert second.count("known mistake") == second.count("FAIL") == 1
    assert third.count("pass  ") == 13
    assert "FAIL" not in third
    assert [text.split()[-1] for text in (first, second, third)] == ["1", "1", "0"]


@each_exercise
def test_there_is_one_function_for_each_equation_with_the_registrys_names(name):
    found = functions(EXERCISES / f"{name}.py")
    wanted = {e.task: e for e in EQUATIONS.values() if e.exercise == name}
    assert wanted.keys() <= found.keys()
    for task, equation in wanted.items():
        parameters = [argument.arg for argument in found[task].args.args]
        assert parameters == [symbol.name for symbol in equation.inputs]
        docstring = ast.get_docstring(found[task])
        assert f"[{equation.label}]" in docstring
        assert "Hint:" in docstring
        assert ">>>" in docstring
    problems = {problem.task for problem in problems_of(name)}
    assert problems <= found.keys()
    for task in found.keys() - wanted.keys() - problems:
        summary = ast.get_docstring(found[task]).splitlines()[0]
        assert summary.startswith("Copy here your own") or summary.endswith("(given).")


def test_no_equation_is_without_an_exercise():
    assert [path.stem for path in sorted(SOLUTIONS.glob("*.py"))] == NAMES
    made = make_exercises.exercises()
    assert sorted(e.label for each in made for e in each.equations) == sorted(EQUATIONS)
    assert {p.name for each in made for p in each.problems} == set(PROBLEMS)


@each_exercise
def test_no_formula_stands_in_a_docstring_or_above_a_cell(name):
    for task, node in functions(EXERCISES / f"{name}.py").items():
        what, *_ = ast.get_docstring(node).split("Parameters\n---")
        assert not re.search(r"^ ", what, flags=re.MULTILINE), f"{task} sets something apart"
    cells = nbformat.read(EXERCISES / f"{name}.ipynb", 4).cells
    text = "".join(cell.source for cell in cells)
    equations = [e for e in EQUATIONS.values() if e.exercise == name]
    assert not [e.label for e in equations if e.statement in text]
    assert all(f"(../{name}.ipynb#{e.label})" in text for e in equations)


@each_exercise
def test_an_exercise_gives_nothing_away(name):
    for task, node in functions(EXERCISES / f"{name}.py").items():
        if "(given)" not in ast.get_docstring(node):
            assert body(node) == ["raise NotImplementedError"], task


def students_of_otter(master) -> str:
    """Return what `otter assign` leaves of a master: no block of a solution, no block of tests."""
    kept, dropped = [], False
    for cell in master.cells:
        if cell.cell_type == "raw":
            dropped = cell.source == "# BEGIN TESTS"
        elif not dropped:
            kept.append(cell.source)
    block = r"^ *# BEGIN SOLUTION NO PROMPT$.*?^ *# END SOLUTION$"
    return re.sub(block, "", "\n".join(kept), flags=re.DOTALL | re.MULTILINE)


@each_exercise
def test_no_copy_of_the_students_holds_a_line_of_a_solution(name):
    exercise = make_exercises.read(SOLUTIONS / f"{name}.py")
    book = nbformat.read(EXERCISES / f"{name}.ipynb", 4)
    copies = {
        "file": (EXERCISES / f"{name}.py").read_text(),
        "notebook": "\n".join(cell.source for cell in book.cells),
        "otter": students_of_otter(make_exercises.otter(exercise)),
    }
    asked = [function for function in exercise.functions if not function.given]
    solution = {line.strip() for f in asked for line in f.body.splitlines() if line.strip()}
    for kind, text in copies.items():
        assert not solution & {line.strip() for line in text.splitlines()}, kind
        assert text.count("raise NotImplementedError") == len(asked), kind
        assert "### BEGIN" not in text


@each_exercise
@pytest.mark.slow
def test_the_master_for_otter_has_a_question_an_equation_and_its_solutions_run(name):
    exercise = make_exercises.read(SOLUTIONS / f"{name}.py")
    master = make_exercises.otter(exercise)
    nbformat.validate(master)
    raw = [cell.source for cell in master.cells if cell.cell_type == "raw"]
    assert raw[0].startswith("# ASSIGNMENT CONFIG\n")
    named = [
        re.search(r"name: (.*)", text)[1] for text in raw if text.startswith("# BEGIN QUESTION")
    ]
    assert named == [f.label for f in exercise.functions if f.asked]
    for block in ("SOLUTION", "TESTS", "QUESTION"):
        count = sum(text.split("\n")[0] == f"# BEGIN {block}" for text in raw)
        assert count == raw.count(f"# END {block}") == len(named)
    assert not any("nbgrader" in cell.metadata for cell in master.cells)
    names = {}
    exec("\n".join(cell.source for cell in master.cells if cell.cell_type == "code"), names)


def test_the_masters_for_otter_are_written(tmp_path):
    assert make_exercises.main(["--otter", str(tmp_path / "masters")]) == 0
    assert sorted(path.stem for path in (tmp_path / "masters").iterdir()) == NAMES


def test_what_is_to_be_copied_is_the_solution_of_the_earlier_exercise():
    homes = {e.task: e.exercise for e in EQUATIONS.values()}
    copies = 0
    for path in SOLUTIONS.glob("*.py"):
        for name, node in functions(path).items():
            if (ast.get_docstring(node) or "").startswith("Copy here"):
                original = functions(SOLUTIONS / f"{homes[name]}.py")[name]
                assert body(node) == body(original)
                assert f"exercise {int(homes[name][:2])}" in ast.get_docstring(node)
                copies += 1
    assert copies == 7


# Grading


@each_exercise
@pytest.mark.slow
def test_the_solution_gets_full_marks_without_advice(name):
    result = grade(SOLUTIONS / f"{name}.py")
    assert result.passed, result
    assert len(result.marks) == sum(e.exercise == name for e in EQUATIONS.values())
    assert all(len(mark.message.splitlines()) == 1 for mark in result.marks), result


@each_exercise
@pytest.mark.slow
def test_the_exercise_as_handed_out_gets_nothing_and_says_why(name):
    result = grade(EXERCISES / f"{name}.py")
    assert result.score == 0
    assert not result.note
    assert all("not written yet" in mark.message for mark in result.marks), result


@pytest.mark.slow
def test_a_notebook_is_graded_like_a_file():
    solved, handed_out = (grade(f / "05_sum_product.ipynb") for f in (SOLUTIONS, EXERCISES))
    assert solved.passed, solved
    assert handed_out.score == 0
    assert all("not written yet" in mark.message for mark in handed_out.marks), handed_out


# Notebooks

ROLES = {
    # grade, locked, solution
    "read only": (False, True, False),
    "answer": (False, False, True),
    "test": (True, True, False),
}
NBGRADER_KEYS = {"schema_version", "grade_id", "grade", "locked", "solution", "task"}


@each_folder
@each_exercise
def test_a_notebook_is_valid_and_its_nbgrader_metadata_consistent(folder, name):
    book = nbformat.read(folder / f"{name}.ipynb", 4)
    nbformat.validate(book)
    assert book.metadata.kernelspec.name == "python3"
    ids = [cell.metadata.nbgrader.grade_id for cell in book.cells]
    assert len(set(ids)) == len(ids)
    assert [cell.id for cell in book.cells] == ids
    for cell in book.cells:
        meta = cell.metadata.nbgrader
        # What nbgrader's own validator asks for, in its schema of version 3.
        assert meta.schema_version == 3
        assert re.fullmatch(r"[a-zA-Z0-9_\-]+", meta.grade_id)
        assert (meta.grade, meta.locked, meta.solution) in ROLES.values()
        assert meta.task is False
        assert meta.keys() == NBGRADER_KEYS | ({"points"} if meta.grade else set())
        if cell.cell_type == "markdown":
            assert not meta.grade
            assert not meta.solution


@each_folder
@each_exercise
def test_every_equation_has_its_statement_its_cell_and_its_check(folder, name):
    cells = {cell.id: cell for cell in nbformat.read(folder / f"{name}.ipynb", 4).cells}
    for equation in (e for e in EQUATIONS.values() if e.exercise == name):
        label = equation.label
        for symbol in (*equation.inputs, *equation.outputs):
            assert f"| `{symbol.name}` | {symbol.shape} |" in cells[f"{label}-statement"].source
        answer = cells[label].source
        assert answer.startswith(f"def {equation.task}(")
        marks = ("### BEGIN SOLUTION", "### END SOLUTION")
        assert all((mark in answer) == (folder is SOLUTIONS) for mark in marks)
        assert f'checks.check("{label}", {equation.task})' in cells[f"{label}-check"].source
        assert cells[f"{label}-check"].metadata.nbgrader.points == 1
        assert f"`[{label}]` | `{equation.task}`" in cells["introduction"].source


@each_folder
@each_exercise
def test_every_problem_has_its_statement_its_cell_and_its_check(folder, name):
    cells = {cell.id: cell for cell in nbformat.read(folder / f"{name}.ipynb", 4).cells}
    for problem in problems_of(name):
        assert problem.asked in cells[f"{problem.name}-statement"].source
        assert cells[problem.name].source.startswith(f"def {problem.task}(")
        check = cells[f"{problem.name}-check"]
        assert f'checks.problem("{problem.name}", {problem.task}' in check.source
        assert check.metadata.nbgrader.points == 1
        assert f"`{problem.name}` | `{problem.task}`" in cells["introduction"].source


@each_exercise
def test_the_solved_notebook_was_run_from_top_to_bottom_and_passed(name):
    cells = nbformat.read(SOLUTIONS / f"{name}.ipynb", 4).cells
    code = [cell for cell in cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    for cell in code:
        if cell.metadata.nbgrader.grade:
            (output,) = cell.outputs
            assert output.name == "stdout"
            label = cell.id.removesuffix("-check")
            said = f"{label}: passed" if label in PROBLEMS else f"[{label}] passed"
            assert output.text.startswith(f"{said} all ")
            assert output.text.count("\n") == 1
        else:
            assert cell.outputs == []


@each_exercise
def test_the_exercise_notebook_was_never_run(name):
    for cell in nbformat.read(EXERCISES / f"{name}.ipynb", 4).cells:
        if cell.cell_type == "code":
            assert cell.execution_count is None
            assert cell.outputs == []


@each_folder
@each_exercise
def test_links_of_a_notebook_lead_somewhere(folder, name):
    for cell in nbformat.read(folder / f"{name}.ipynb", 4).cells:
        if cell.cell_type == "markdown":
            for link in re.findall(r"\]\(([^)#]+)[^)]*\)", cell.source):
                assert (folder / link).exists(), link


# The README for teachers

README = (EXERCISES / "README.md").read_text()


def test_the_readmes_table_is_the_registrys():
    row = r"^\| `(\d\d_\w+)` \| (\d+) \| (\d*) \| (.*?) \|"
    rows = re.findall(row, README, flags=re.MULTILINE)
    assert [name for name, *_ in rows] == NAMES
    for name, count, blanks, problems in rows:
        labels = [e.label for e in EQUATIONS.values() if e.exercise == name]
        assert int(count) == len(labels)
        lesson = (NOTEBOOKS / f"{name}.ipynb").read_text()
        assert int(blanks or 0) == sum(f'keep(\\"{label}\\"' in lesson for label in labels)
        wanted = ", ".join(f"*{p.kind}* `{p.name}`" for p in problems_of(name))
        assert problems == wanted


def test_the_readmes_gradebook_is_what_the_grader_writes(tmp_path):
    homework = tmp_path / "08_extrinsic_messages_noether.py"
    homework.write_text(re.search(r"```python\n(def .*?)```", README, flags=re.DOTALL)[1])
    shown = json.loads(re.search(r"```json\n(.*?)```", README, flags=re.DOTALL)[1])
    result = replace(grade(homework, labels=["extrinsic-a"]), file=homework.name)
    written = result.to_json()
    assert shown[0].keys() == written.keys()
    assert shown[0]["marks"][0].keys() == written["marks"][0].keys()
    for key in ("file", "score", "total", "passed", "note"):
        assert shown[0][key] == written[key]
    for key in ("label", "task", "passed", "message"):
        assert shown[0]["marks"][0][key] == written["marks"][0][key]


def test_the_links_of_the_readme_lead_somewhere():
    links = re.findall(r"\]\((?!https?:)([^)#]+)[^)]*\)", README)
    assert links
    assert [link for link in links if not (EXERCISES / link).exists()] == []

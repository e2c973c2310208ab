"""``train`` and ``demo`` with equations of the reader's."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from tvbi_ref import checkpoint, cli, plots
from tvbi_ref.equations import EQUATIONS
from tvbi_ref.school import own

TRAINED = (0, 1)
"""After so few epochs a network may be worse than a constant, which is status 1."""

SOLUTIONS = sorted((Path(__file__).parents[2] / "notebooks" / "solutions").glob("*.py"))

ISING = """\
import numpy as np

def ising_message(cavity, coupling):
    return np.logaddexp(cavity + 2 * coupling, 0) - np.logaddexp(cavity, 2 * coupling)
"""
EXTRINSIC = "def extrinsic_a(posterior, incoming):\n    return posterior - incoming\n"
PRODUCT = "def extrinsic_a(posterior, incoming):\n    return posterior + incoming\n"
BREAKS = """\
calls = []

def extrinsic_a(posterior, incoming):
    calls.append(1)
    if len(calls) > 3:  # the fourth epoch
        raise ArithmeticError("three are enough")
    return posterior - incoming
"""


@pytest.fixture(autouse=True)
def without_pictures(monkeypatch):
    """Pictures take longer than these runs, and are tested elsewhere."""
    monkeypatch.setattr(plots, "save", lambda figure, path: path)


@pytest.fixture
def run(tmp_path, capsys):
    """Write a file of equations, run a command with it; return its status, output and errors."""

    def run(text, *more, command=("train", "synthetic"), epochs=4, name="mine.py"):
        file = tmp_path / name
        file.write_text(text)
        budget = ("--epochs", str(epochs), "--fine-tune-epochs", "1")
        out = ("--out", str(tmp_path / "out"), "--equations", str(file))
        status = cli.main([*command, *budget, *out, *more])
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    return run


def record(tmp_path):
    return json.loads((tmp_path / "out" / "equations.json").read_text())


@pytest.mark.slow
def test_all_solutions_train_a_network(run, tmp_path):
    text = "\n".join(path.read_text() for path in SOLUTIONS)
    status, out, _ = run(text, command=("train", "digits", "--hidden", "8"), epochs=2)
    assert status in TRAINED
    assert all(re.search(rf"\b{equation.task}\b", out) for equation in EQUATIONS.values())
    assert re.search(r"turbo_round +\[turbo-loop\] +4 calls", out)
    found = record(tmp_path)
    assert found["checked"]
    assert {entry["label"] for entry in found["equations"]} == set(EQUATIONS)
    assert sum(entry["calls"] > 0 for entry in found["equations"]) > 12
    assert found["runs"]["grid"]["compared"] == [0, 2]


@pytest.mark.parametrize("path", SOLUTIONS, ids=lambda path: path.stem)
@pytest.mark.slow
def test_each_exercise_trains_a_network(path, run, tmp_path):
    more = ("--unchecked", "--prior", "chains", "--learn", "--module-a", "mean_field")
    status, out, _ = run(path.read_text(), *more, name=path.name, epochs=2)
    assert status in TRAINED
    assert f"{path.name}; NOT checked" in out
    assert not record(tmp_path)["checked"]


@pytest.mark.slow
def test_the_same_numbers_give_the_same_run_and_another_order_rounding(run, tmp_path):
    status, out, _ = run(EXTRINSIC, "--hidden", "6", epochs=3)
    assert status in TRAINED
    assert "bit for bit the same: 3 epochs, 2 layers" in out
    assert re.search(r"kept: \d+ weights, the same ones", out)
    assert record(tmp_path)["runs"]["grid"]["same"]
    said = "equations of your own" + out.split("equations of your own")[1].split("written:")[0]
    assert said.strip() in (tmp_path / "out" / "table.txt").read_text()

    assert run(ISING, "--hidden", "6", epochs=3)[0] in TRAINED
    found = record(tmp_path)["runs"]["grid"]
    assert not found["same"]
    assert found["parting"]["epoch"] == found["parting"]["layer"] == 0
    assert 0 < found["parting"]["gaps"]["logit pi"] < 1e-12
    assert "mu" not in found["parting"]["gaps"]


@pytest.mark.slow
def test_the_run_is_the_one_without_comparison(run, tmp_path):
    """The package's run beside it must not touch it."""
    arguments = ["train", "synthetic", "--epochs", "4", "--fine-tune-epochs", "1"]
    assert cli.main([*arguments, "--out", str(tmp_path / "alone")]) in TRAINED
    assert run(EXTRINSIC)[0] in TRAINED
    one, other = (
        checkpoint.load_network(tmp_path / name / "model_grid.npz").state()
        for name in ("alone", "out")
    )
    assert all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def test_a_wrong_function_is_refused_by_name_with_its_diagnosis(run, tmp_path):
    status, out, err = run(PRODUCT + ISING)
    assert status == 2
    assert "1 of 2 functions" in err
    assert "[extrinsic-a] failed 7 of 8 cases\n  known mistake: this is the product" in err
    assert "sum-product-ising" not in err
    assert out == ""
    assert not (tmp_path / "out").exists()


def test_unchecked_trains_with_a_wrong_one_and_says_so(run, tmp_path):
    status, out, _ = run(PRODUCT, "--unchecked")
    assert status in TRAINED
    assert out.startswith("your equations")
    assert "NOT checked (--unchecked)" in out
    # Module A's answer in the first epoch is wrong, the weights only feel it in the second.
    assert re.search(r"in layer 0 of epoch 0 they part: logit pi(_tilde)? by", out)
    assert "NOT checked" in (tmp_path / "out" / "table.txt").read_text()


@pytest.mark.slow
def test_the_demo_compares_every_prior(run, tmp_path):
    text = (
        EXTRINSIC + "def chain_messages(evidence, p01, p10):\n    return 0 * evidence, evidence\n"
    )
    status, out, _ = run(text, "--unchecked", command=("demo",), epochs=1)
    assert status in TRAINED
    assert re.search(r"\n  independent  bit for bit the same: 1 epoch, 3 layers\n", out)
    assert re.search(r"\n  chains       in layer 0 of epoch 0 they part: ", out)
    assert re.search(r"\n  grid         bit for bit the same: 1 epoch, 3 layers\n", out)
    assert list(record(tmp_path)["runs"]) == ["independent", "chains", "grid"]


def test_what_a_file_imports_is_not_the_readers(run):
    text = (
        "from numpy import add as belief\nfrom tvbi_ref.module_b import cavity\n"
        "from tvbi_ref import module_b\nsum_product = module_b.sum_product\n" + EXTRINSIC
    )
    status, out, _ = run(text)
    assert status in TRAINED
    assert "passed its check:\n  extrinsic_a\n" in out
    for name in ("belief", "cavity", "sum_product"):
        assert f"  {name} is imported, not written in the file: it stays the package's" in out


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("def f(:\n", r"mine.py cannot be run: SyntaxError in line 1: "),
        ("\ndef f():\n    return y\n\nf()\n", r"NameError: name 'y' is not defined \(line 3\)"),
        ("import sys\nsys.exit('no')\n", r"mine.py cannot be run: SystemExit: no \(line 2\)"),
        ("import no_such_thing\n", r"No module named 'no_such_thing' \(line 1\)"),
    ],
)
def test_a_file_that_cannot_be_run_is_one_line(text, says, run):
    status, out, err = run(text)
    assert (status, out) == (2, "")
    assert re.search(says, err)
    assert err.count("\n") == 1


def test_a_file_without_equations_is_told_the_names(run):
    text = (
        "def ising_mesage(c, J): ...\ndef sum_product_ising(c, J): ...\ndef extrinsic(a, b): ...\n"
    )
    status, _, err = run(text)
    assert status == 2
    assert "mine.py has no function with the name of an equation\n" in err
    assert "  ising_mesage is none of the names; did you mean ising_message?\n" in err
    assert "  sum_product_ising is none of the names; did you mean ising_message?\n" in err
    assert all(equation.task in err for equation in EQUATIONS.values())


def test_mistakes_in_the_options_are_one_line(run, tmp_path, capsys):
    arguments = ["train", "synthetic", "--out", str(tmp_path / "out")]
    with pytest.raises(SystemExit, match="2"):
        cli.main([*arguments, "--equations", "none.py"])
    assert "--equations: must be a file that is there; got 'none.py'" in capsys.readouterr().err
    assert cli.main([*arguments, "--unchecked"]) == 2
    assert "--unchecked has no meaning without --equations" in capsys.readouterr().err
    status, _, err = run("def extrinsic_a(posterior): return posterior\n", "--unchecked")
    assert status == 2
    assert "is called with 2 arguments (posterior, incoming); extrinsic_a takes (posterior)" in err


@pytest.mark.slow
def test_a_notebook_will_do(run):
    cells = [{"cell_type": "code", "source": text} for text in ("%pylab", EXTRINSIC)]
    status, out, _ = run(json.dumps({"cells": cells}), name="mine.ipynb")
    assert status in TRAINED
    assert "bit for bit the same" in out


def test_a_notebook_may_speak_to_its_shell_and_what_is_left_out_of_it_is_said(tmp_path):
    sources = (
        "get_ipython().run_line_magic('pylab', '')\n" + EXTRINSIC,
        "import no_such_thing",
        "1 +",
    )
    cells = [{"cell_type": "code", "source": text} for text in sources]
    notebook, script = tmp_path / "mine.ipynb", tmp_path / "mine.py"
    notebook.write_text(json.dumps({"cells": cells}))
    script.write_text("ipython = get_ipython()\nipython.magic('pylab')\n" + EXTRINSIC)
    found = own.load(notebook)
    assert list(found.functions) == list(own.load(script).functions) == ["extrinsic-a"]
    assert [note.split(":")[0] for note in found.notes] == [
        "cell 3 is left out",
        "cell 2 is left out",
    ]


def test_a_file_may_lean_on_its_neighbours_and_on_dataclasses(run, tmp_path):
    (tmp_path / "neighbour_of_mine.py").write_text("def minus(a, b):\n    return a - b\n")
    text = (
        "from __future__ import annotations\nfrom dataclasses import dataclass\n"
        "from neighbour_of_mine import minus\n\n"
        "@dataclass\nclass Difference:\n    of: float\n\n"
        "    def __call__(self, posterior, incoming):\n"
        "        return minus(posterior, incoming)\n\nextrinsic_a = Difference(1.0)\n"
    )
    status, out, _ = run(text)
    assert status in TRAINED
    assert re.search(r"extrinsic_a +\[extrinsic-a\] +4 calls", out)


def test_a_function_that_raises_in_the_middle_ends_the_command_and_keeps_the_run(run, tmp_path):
    kept = ("--checkpoint", str(tmp_path / "run.npz"))
    status, _, err = run(BREAKS, "--unchecked", *kept)
    assert status == 2
    assert err.startswith(
        "tvbi-ref: [extrinsic-a] your function extrinsic_a raised ArithmeticError"
    )
    assert err.endswith("run.npz has the 3 epochs before\n")
    assert err.count("\n") == 1


def test_a_run_that_is_taken_up_again_compares_what_is_left(run, tmp_path):
    kept = ("--unchecked", "--checkpoint", str(tmp_path / "run.npz"))
    assert run(BREAKS, *kept)[0] == 2
    status, out, _ = run(BREAKS, *kept)  # the file counts from 0 again: one epoch is left
    assert status in TRAINED
    assert "epochs before 3 are in the checkpoint only, not compared; bit for bit the same" in out
    status, out, _ = run(BREAKS, *kept)
    assert status in TRAINED
    assert "the epochs were over before this command: only the end can be compared" in out
    assert re.search(r"kept: \d+ weights, the same ones", out)


def test_a_checkpoint_is_not_taken_up_with_another_function(run, tmp_path):
    kept = ("--unchecked", "--checkpoint", str(tmp_path / "run.npz"))
    assert run(EXTRINSIC, *kept)[0] in TRAINED
    status, _, err = run(PRODUCT, *kept)
    assert status == 2
    assert "equations of your own.extrinsic-a is mine (sha256" in err


@pytest.mark.slow
def test_the_seconds_are_those_of_the_readers_run_alone(run, tmp_path, monkeypatch):
    text = EXTRINSIC + "calls = []\n"
    slow = own.SideBySide._go_on

    def go_on(self, until):
        import time

        time.sleep(0.5)
        slow(self, until)

    monkeypatch.setattr(own.SideBySide, "_go_on", go_on)
    assert run(text, epochs=3)[0] in TRAINED
    rows = (tmp_path / "out" / "trace_grid.csv").read_text().splitlines()
    assert float(rows[-1].split(",")[-1]) < 0.9


@pytest.mark.slow
def test_the_page_on_sockets_shows_what_the_command_prints(run):
    page = (Path(__file__).parents[2] / "docs" / "sockets.md").read_text()
    file = page.split("# my_equations.py\n")[1].split("```")[0]
    command, shown = page.split("```text\n$ tvbi-ref ")[1].split("```")[0].split("\n...\n")
    train, digits, hidden, width, *_ = command.split()
    status, out, _ = run(file, command=(train, digits, hidden, width), name="my_equations.py")
    assert status in TRAINED
    said = out.split("equations of your own, ")[1].split("written:")[0].replace(",", "")

    def without_numbers(text):  # they are of more epochs there, and of another machine
        return re.sub(r"[\d.e-]*\d", "#", re.sub(r"from \S*my_", "from my_", text)).split()

    assert without_numbers("equations of your own " + said) == without_numbers(
        shown.replace(",", "")
    )

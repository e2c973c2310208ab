"""``pytest --tvbi``: a test an equation, and nothing of ours where nobody asks for it."""

import json
import subprocess
import sys

import pytest

from tvbi_ref.school import own  # noqa: F401  (here, lest the runs inside import it anew)

pytest_plugins = ["pytester"]

FILE = """\
import numpy as np
from numpy import add as belief

def ising_message(cavity, coupling):
    return np.logaddexp(cavity + 2 * coupling, 0) - np.logaddexp(cavity, 2 * coupling)

def extrinsic_a(posterior, incoming):
    return posterior + incoming

def test_of_its_own():
    pass
"""


@pytest.fixture
def run(pytester):
    """Write a file, run pytest with it; return what it says."""

    def run(name, text, *options):
        (pytester.path / name).write_text(text)
        return pytester.runpytest_inprocess("-W", "default", *options, name)

    return run


def test_every_equation_of_a_file_is_a_test_and_one_that_fails_shows_its_report(run):
    result = run("mine.py", FILE, "--tvbi", "-v")
    result.assert_outcomes(passed=2, failed=1, warnings=1)
    result.stdout.fnmatch_lines(
        [
            "mine.py::sum-product-ising PASSED*",
            "mine.py::extrinsic-a FAILED*",
            "mine.py::test_of_its_own PASSED*",
            "*[[]extrinsic-a] failed 7 of 8 cases",
            "known mistake: this is the product of the two odds*",
            "*belief is imported, not written in the file: it stays the package's",
        ]
    )
    assert "Traceback" not in result.stdout.str()


def test_one_equation_is_chosen_by_its_label(run):
    run("mine.py", FILE, "--tvbi", "-k", "sum-product-ising").assert_outcomes(
        passed=1, deselected=2, warnings=1
    )


def test_a_notebook_will_do(run):
    cells = [{"cell_type": "code", "source": text} for text in ("%pylab", FILE)]
    result = run("mine.ipynb", json.dumps({"cells": cells}), "--tvbi")
    result.assert_outcomes(passed=1, failed=1, warnings=1)


def test_a_file_without_equations_is_an_error_that_says_so(run):
    result = run("mine.py", "x = 1\n", "--tvbi")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*mine.py has no function with the name of an equation"])


def test_a_variable_with_the_name_of_an_equation_is_none(run):
    result = run("mine.py", f"{FILE}evidence = 3.0\n", "--tvbi")
    result.assert_outcomes(passed=2, failed=1, warnings=2)
    result.stdout.fnmatch_lines(["*evidence is no function: it is passed over"])


def test_without_the_option_the_file_is_like_any_other(run):
    run("mine.py", FILE).assert_outcomes(passed=1)


@pytest.mark.slow
def test_where_nobody_asks_pytest_loads_nothing_of_ours_but_the_plugin(tmp_path):
    (tmp_path / "test_it.py").write_text(
        "import sys\n\ndef test_it():\n"
        "    ours = {m for m in sys.modules if m.split('.')[0] == 'tvbi_ref'}\n"
        "    assert ours == {'tvbi_ref', 'tvbi_ref.school', 'tvbi_ref.school.pytest_plugin'}\n"
        "    assert 'numba' not in sys.modules\n"
    )
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:nbmake", "test_it.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout

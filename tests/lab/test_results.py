"""results.md: its tables are those of the result files, and nothing in it is left open."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "results.md").read_text()


@pytest.mark.slow
def test_the_tables_are_those_of_the_result_files():
    command = [sys.executable, "figures/results.py", "--check"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", re.findall(r"<!-- table ([^>]+?) -->", PAGE))
def test_no_table_is_empty(name):
    table = PAGE.split(f"<!-- table {name} -->")[1].split("<!-- end -->")[0]
    assert table.count("\n|") >= 3


def test_nothing_is_left_to_be_written():
    assert "VERDICT" not in PAGE

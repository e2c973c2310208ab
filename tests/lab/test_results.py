"""results.md and its details: their tables are those of the result files, nothing is left open."""

import importlib
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tvbi_ref import load_compressed

ROOT = Path(__file__).parents[2]
PAGES = "".join((ROOT / page).read_text() for page in ("results.md", "docs/results_in_detail.md"))


@pytest.mark.slow
def test_the_tables_are_those_of_the_result_files():
    command = [sys.executable, "figures/results.py", "--check"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", re.findall(r"<!-- table ([^>]+?) -->", PAGES))
def test_no_table_is_empty(name):
    table = PAGES.split(f"<!-- table {name} -->")[1].split("<!-- end -->")[0]
    assert table.count("\n|") >= 3


def test_nothing_is_left_to_be_written():
    assert "VERDICT" not in PAGES


def test_the_first_page_is_one_page():
    lines = (ROOT / "results.md").read_text().splitlines()
    assert len(lines) < 130
    assert sum(line.startswith("![") for line in lines) == 4


@pytest.fixture(scope="module")
def runs():
    sys.path.insert(0, str(ROOT / "figures"))
    try:
        return importlib.import_module("runs")
    finally:
        sys.path.pop(0)


def test_a_stored_run_is_one_that_the_script_declares(runs):
    for path in runs.RUNS.glob("*.json"):
        row = json.loads(path.read_text())
        setting, seed = runs.ALL[path.stem]
        declared = vars(setting) | {"options": setting.all_options}
        assert json.loads(json.dumps(declared)) == {name: row[name] for name in declared}
        assert row["seed"] == seed


def test_a_stored_network_is_the_one_of_its_row(runs):
    for path in runs.RUNS.glob("*.json"):
        row = json.loads(path.read_text())
        if row["method"] != "dense":
            network = load_compressed(path.with_suffix(".npz"))
            assert network.n_weights == row["reach"]
            assert "-".join(map(str, network.widths)) == row["architecture"]

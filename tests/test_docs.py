"""The examples in the documentation are run as they stand."""

import doctest
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"
PAGES = sorted(DOCS.glob("*.md"))
FLAGS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
AT_LEAST = {"conventions.md": 25, "support_priors.md": 20, "sockets.md": 25}
"""So many examples a page must have: a page whose examples are not found would always pass."""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
@pytest.mark.slow
def test_the_examples_of_a_page_run_and_show_what_it_says(page):
    result = doctest.testfile(str(page), module_relative=False, optionflags=FLAGS, encoding="utf-8")
    assert result.failed == 0
    assert result.attempted >= AT_LEAST.get(page.name, 0)


def test_the_pages_that_must_have_examples_are_there():
    assert {page.name for page in PAGES} >= AT_LEAST.keys()


@pytest.mark.slow
def test_the_walk_with_a_debugger_goes_where_the_page_says(tmp_path):
    text = (DOCS / "sockets.md").read_text(encoding="utf-8")
    script, walk = re.findall(
        r"```\w+\n(?:# follow\.py\n|\$ .* follow\.py\n)(.*?)```", text, re.DOTALL
    )
    (tmp_path / "follow.py").write_text(script, encoding="utf-8")
    commands = re.findall(r"^\(Pdb\) (.*)$", walk, re.MULTILINE)
    done = subprocess.run(
        [sys.executable, "-m", "pdb", "follow.py"],
        cwd=tmp_path,
        input="\n".join([*commands, "quit", ""]),
        env=os.environ | {"TVBI_ENGINE": "numpy"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    places = [line for line in walk.splitlines() if not line.startswith("(Pdb)")]
    assert len(places) >= 8
    at = 0
    for place in places:
        pattern = re.escape(place.strip()).replace("…", r"\d+")
        found = re.compile(pattern).search(done.stdout, at)
        assert found, f"{place!r} does not come next in\n{done.stdout[at:]}\n{done.stderr}"
        at = found.end()

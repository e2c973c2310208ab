"""The examples in the documentation are run as they stand."""

import doctest
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"
PAGES = sorted(DOCS.glob("*.md"))
FLAGS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
AT_LEAST = {"support_priors.md": 20, "sockets.md": 25}
"""So many examples a page must have: a page whose examples are not found would always pass."""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_examples_of_a_page_run_and_show_what_it_says(page):
    result = doctest.testfile(str(page), module_relative=False, optionflags=FLAGS, encoding="utf-8")
    assert result.failed == 0
    assert result.attempted >= AT_LEAST.get(page.name, 0)


def test_the_pages_that_must_have_examples_are_there():
    assert {page.name for page in PAGES} >= AT_LEAST.keys()

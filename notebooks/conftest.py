"""Executed notebooks bear the marker `lesson`; each starts with no equation kept."""

from __future__ import annotations

import tempfile
from collections.abc import Generator

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark them."""
    for item in items:
        if item.path.suffix == ".ipynb":
            item.add_marker("lesson")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Generator[None]:
    """Give a lesson a my_turbo.py of its own."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("TVBI_MY_TURBO", f"{folder}/my_turbo.py")
        yield

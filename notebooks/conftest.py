"""Executed notebooks bear the marker `lesson`."""

from __future__ import annotations

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark them."""
    for item in items:
        if item.path.suffix == ".ipynb":
            item.add_marker("lesson")

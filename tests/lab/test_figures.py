"""Figures and benchmarks are run seldom: what they import must be there all the same."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPTS = sorted(
    path.relative_to(ROOT).as_posix()
    for folder in ("figures", "benchmarks")
    for path in (ROOT / folder).glob("*.py")
)
FAST = "tvbi_ref.fast"


def imported(path):
    """Yield (module, name) of every import of the package, wherever it stands."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("tvbi_ref"):
            yield from ((node.module, alias.name) for alias in node.names)
        elif isinstance(node, ast.Import):
            names = (alias.name for alias in node.names)
            yield from ((name, None) for name in names if name.startswith("tvbi_ref"))


def resolves(module, name):
    try:
        exec(f"from {module} import {name}" if name else f"import {module}")
    except ImportError:
        return False
    return True


@pytest.mark.parametrize("script", SCRIPTS)
def test_what_a_script_imports_is_there(script):
    wanted = list(imported(ROOT / script))
    if any(module.startswith(FAST) for module, _ in wanted):
        pytest.importorskip("numba")
    missing = [f"{module}.{name}" for module, name in wanted if not resolves(module, name)]
    assert not missing


def test_a_name_that_is_gone_is_seen():
    assert not resolves("tvbi_ref.module_b.grid", "grid_sweeps_numpy")
    assert resolves("tvbi_ref.lab", "study")

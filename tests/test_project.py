"""The house itself: who imports whom, what is documented, what the locks hold."""

from __future__ import annotations

import ast
import importlib
import inspect
import json
import os
import re
import subprocess
import sys
import tomllib
from itertools import filterfalse
from pathlib import Path

import pytest
import yaml

import tvbi_ref

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "tvbi_ref"


def imports(path: Path) -> set[str]:
    """Return the modules that a file imports, also inside functions and TYPE_CHECKING blocks."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def test_the_enumeration_oracle_imports_nothing_of_ours():
    assert not {m for m in imports(PACKAGE / "module_b" / "exact.py") if m.startswith("tvbi")}


def run(code: str, **environment: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def test_importing_the_package_loads_nothing_slow():
    code = (
        "import sys, json, tvbi_ref, tvbi_ref.cli\n"
        "tvbi_ref.cli.build_parser().format_help()\n"
        "print(json.dumps([m for m in ('numba', 'matplotlib', 'sklearn') if m in sys.modules]))"
    )
    assert json.loads(run(code)) == []


def test_what_a_run_needs_loads_little():
    slow = "numba", "matplotlib", "sklearn", "joblib", "scipy.optimize", "scipy.sparse"
    code = (
        "import sys, json\n"
        "from tvbi_ref import GridSupport, TurboVBI, compress, load_compressed, nets, prune\n"
        f"print(json.dumps([m for m in {slow} if m in sys.modules]))"
    )
    assert json.loads(run(code)) == []


def test_every_public_name_resolves():
    for name in tvbi_ref.__all__:
        assert getattr(tvbi_ref, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        tvbi_ref.nonsense  # noqa: B018
    assert set(tvbi_ref.__all__) <= set(dir(tvbi_ref))


MODULES = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    for path in PACKAGE.rglob("*.py")
)


# The wrong versions of the equations say in words what is wrong with them.
MUTANTS = re.compile(r"checks\.mutants\.(?!registry)")


def public_functions():
    for module in map(importlib.import_module, filterfalse(MUTANTS.search, MODULES)):
        for name, thing in vars(module).items():
            here = getattr(thing, "__module__", None) == module.__name__
            if here and not name.startswith("_") and inspect.isfunction(inspect.unwrap(thing)):
                yield pytest.param(thing, id=f"{module.__name__}.{name}")


# Entry points and figures of the command line, whose behaviour is shown in its own tests; fast
# forms, of which the readable form has the example; steps of the loop, which work on a run; hooks.
WITHOUT_EXAMPLE = re.compile(
    r"checks\.(worker|warden)\.main|cli\.|__main__\.|_terms$|load_(mnist|network)|experiment\.|tvbi_ref\.fast\."
    r"|turbo\.loop\.|pytest_plugin\."
)


@pytest.mark.parametrize("function", list(public_functions()))
def test_every_public_function_has_an_example(function):
    where = f"{function.__module__}.{function.__name__}"
    assert function.__doc__, f"{where} has no docstring"
    if not WITHOUT_EXAMPLE.search(where) and not where.endswith("plots.save"):
        assert ">>>" in function.__doc__, f"{where} has no example"


LABEL = re.compile(r"\[([a-z]+(?:-[a-z0-9]+)*)\]")


def labels(docstring: str) -> set[str]:
    """Return the labels of a docstring: hyphened ones anywhere, all in a Source paragraph."""
    sources = re.findall(r"Source:.*?(?:\n\n|$)", docstring, flags=re.DOTALL)
    in_sources = {label for source in sources for label in LABEL.findall(source)}
    return in_sources | {label for label in LABEL.findall(docstring) if "-" in label}


def test_every_label_in_the_package_is_an_equation_of_the_specification():
    text = (ROOT / "docs" / "EQUATIONS.md").read_text()
    defined = {label for line in text.splitlines() for label in LABEL.findall(line)}
    used = {}
    for path in PACKAGE.rglob("*.py"):
        tree = ast.parse(path.read_text())
        for node in ast.walk(tree):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                for label in labels(ast.get_docstring(node) or ""):
                    used.setdefault(label, f"{path.name}: {getattr(node, 'name', 'module')}")
    unknown = {k: v for k, v in used.items() if k not in defined}
    assert not unknown
    assert len(used) > 25


def pyproject() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def test_environment_yml_and_pyproject_are_in_step():
    project = pyproject()["project"]
    wanted = set(project["dependencies"])
    for extra in ("test", "cluster", "onnx", "bench", "lint", "notebooks"):
        wanted |= set(project["optional-dependencies"][extra])
    wanted.remove("tvbi-ref[cluster,onnx]")
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    plain = {entry for entry in environment["dependencies"] if isinstance(entry, str)}
    build = pyproject()["build-system"]["requires"][0].replace("_", "-")
    assert plain == wanted | {"python" + project["requires-python"], "pip", build}
    assert environment["dependencies"][-1] == {"pip": ["-e ."]}


@pytest.mark.parametrize(
    "lock", ["requirements.lock", "requirements-dev.lock", "book/requirements.lock"]
)
def test_the_locks_are_hashed_and_name_no_host(lock):
    text = (ROOT / lock).read_text()
    assert "://" not in text
    assert "--index-url" not in text
    pins = re.findall(r"^([a-z0-9][a-z0-9._-]*)==", text, flags=re.MULTILINE)
    assert text.count("--hash=sha256:") >= len(pins) > 10
    wanted = pyproject()["project"]["dependencies"]
    if lock.startswith("book"):
        wanted = (ROOT / "book" / "requirements.in").read_text().splitlines()
    assert {re.split(r"[><=]", line)[0] for line in wanted if line[0] != "#"} <= set(pins)


def test_the_demo_lock_has_the_runtime_packages_only():
    pins = (ROOT / "requirements.lock").read_text()
    for name in ("pytest==", "ruff==", "mypy==", "jupyterlab=="):
        assert name not in pins
        assert name in (ROOT / "requirements-dev.lock").read_text()


@pytest.mark.parametrize(
    "paper",
    [
        ".ci/run",
        ".github/PULL_REQUEST_TEMPLATE.md",
        ".github/workflows/tests.yml",
        "CONTRIBUTING.md",
        "README.md",
    ],
)
def test_every_target_of_make_that_is_named_exists(paper):
    made = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
    text = (ROOT / paper).read_text()
    named = re.findall(r"(?:^|[`:]) *make ([a-z-]+)", text, flags=re.MULTILINE)
    assert named
    assert set(named) <= set(made)


def test_the_public_tests_begin_with_the_oldest_python_that_is_promised():
    workflow = yaml.safe_load((ROOT / ".github/workflows/tests.yml").read_text())
    oldest = workflow["jobs"]["test"]["strategy"]["matrix"]["python"][0]
    assert pyproject()["project"]["requires-python"] == f">={oldest}"


@pytest.mark.parametrize("name", ["bug", "formula"])
def test_a_form_has_what_github_wants(name):
    form = yaml.safe_load((ROOT / f".github/ISSUE_TEMPLATE/{name}.yml").read_text())
    assert form.keys() == {"name", "description", "labels", "body"}
    assert len({part["id"] for part in form["body"]}) == len(form["body"])
    for part in form["body"]:
        assert part.keys() <= {"type", "id", "attributes", "validations"}
        assert part["type"] in {"input", "textarea", "dropdown"}
        assert part["attributes"]["label"]

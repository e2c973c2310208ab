"""The registry of equations: complete, true to the code, and readable where it is shown."""

from __future__ import annotations

import importlib.util
import inspect
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tvbi_ref import equations
from tvbi_ref.equations import EQUATIONS, GROUPS, Equation, get, table
from tvbi_ref.equations.registry import read
from tvbi_ref.school.checks.mutants import mutants_of
from tvbi_ref.school.checks.suites import cases_of, check_of

DOCS = Path(__file__).parents[2] / "docs"
DOCUMENT, GLOSSARY = ((DOCS / name).read_text() for name in ("EQUATIONS.md", "glossary.md"))

NOTEBOOKS = DOCS.parent / "notebooks"
LESSONS = {path.stem for path in NOTEBOOKS.glob("[0-9]*.ipynb")}
EXERCISES = {path.stem for path in (NOTEBOOKS / "solutions").glob("*.py")}

every_equation = pytest.mark.parametrize("equation", EQUATIONS.values(), ids=list(EQUATIONS))


# The pages that are written from the registry


def load_make():
    spec = importlib.util.spec_from_file_location("make", DOCS / "make.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


make = load_make()


def test_the_pages_are_what_the_registry_makes():
    assert make.equations_page() == DOCUMENT
    assert make.glossary_page() == GLOSSARY


def test_every_label_of_the_document_is_a_place_to_link_to():
    assert re.findall(r'<a id="([^"]+)"></a>\[\1\]', DOCUMENT) == list(EQUATIONS)
    assert len(EQUATIONS) > 40


def test_every_label_that_a_note_names_is_an_equation_and_linked():
    named = {
        label for e in EQUATIONS.values() for label in re.findall(r"\[([a-z-]{4,})\]", e.notes)
    }
    assert named <= set(EQUATIONS)
    assert {label for label in named if f"[[{label}]](#{label})" in DOCUMENT} == named
    assert len(named) >= 8


@pytest.mark.parametrize("page", ["EQUATIONS.md", "glossary.md"])
def test_formulas_survive_markdown(page):
    """Within a line a backslash escapes a sign, and an underscore after one begins emphasis."""
    text = re.sub(r"```.*?```", "", (DOCS / page).read_text(), flags=re.DOTALL)
    formulas = re.findall(r"\$([^$]*)\$", text)
    assert len(formulas) > 50
    for formula in formulas:
        assert not re.search(r"\\[^A-Za-z]|[^A-Za-z0-9]_\S|[*|<>\n]", formula), formula
        assert not unbalanced(formula), formula
        assert set(re.findall(r"\\[A-Za-z]+", formula)) <= COMMANDS - {r"\operatorname"}, formula


# The glossary


def words_of_the_glossary() -> list[str]:
    bold = re.findall(r"^\* \*\*(.+?)\*\*:", GLOSSARY, re.MULTILINE)
    return [word for entry in bold for word in entry.split(", ")]


def test_the_glossary_has_every_word_once():
    words = words_of_the_glossary()
    assert len(words) >= 80
    assert sorted(words) == sorted(set(words))


def test_a_word_in_italics_has_an_entry():
    named = set(re.findall(r"(?<!\*)\*([a-z -]+)\*(?!\*)", GLOSSARY)) - {"italics"}
    assert named
    assert named <= set(words_of_the_glossary())


def test_the_glossary_calls_things_as_the_code_does():
    package = Path(equations.__file__).parents[1]
    sources = [path.read_text() for kind in ("py", "toml") for path in package.rglob(f"*.{kind}")]
    known = set(re.findall(r"[A-Za-z_]\w*", "\n".join(sources)))
    words = GLOSSARY.split("## Symbols")[0]
    named = {name for code in re.findall(r"`([^`]+)`", words) for name in re.findall(r"\w+", code)}
    assert len(named) > 60
    assert {name for name in named if not name.isdigit()} <= known


def test_every_symbol_is_in_the_glossary_once():
    rows = re.findall(r"^\| \$(.+?)\$ \| `(\w+)` \|", GLOSSARY, re.MULTILINE)
    symbols = {(s.letter, s.name) for e in EQUATIONS.values() for s in e.inputs + e.outputs}
    assert sorted(rows) == sorted((make.for_github(f"${x}$")[1:-1], name) for x, name in symbols)


def test_one_letter_with_one_name_means_one_thing():
    meanings = {}
    for equation in EQUATIONS.values():
        for s in equation.inputs + equation.outputs:
            assert meanings.setdefault((s.letter, s.name), s.meaning) == s.meaning


def test_a_symbol_is_shared_if_more_than_one_equation_has_it():
    shared = {(letter, name) for letter, name, *_ in read("symbols").values()}
    found = Counter((s.letter, s.name) for e in EQUATIONS.values() for s in {*e.inputs, *e.outputs})
    assert {symbol for symbol, count in found.items() if count > 1} == shared


@pytest.mark.parametrize(
    "page", ["docs/EQUATIONS.md", "docs/sockets.md", "notebooks/00_start_here.ipynb"]
)
def test_the_glossary_is_where_it_is_needed(page):
    assert "glossary.md" in (DOCS.parent / page).read_text()
    assert "docs/glossary.md" in str(get("prune"))


@every_equation
def test_an_entry_is_filed_under_its_own_label(equation):
    assert EQUATIONS[equation.label] is equation
    assert equation.group in GROUPS
    assert equation.exercise in EXERCISES
    stem, label = equation.lesson.split("#")
    assert stem in LESSONS
    assert label == equation.label


# The functions


def parameters_of(equation: Equation) -> list[inspect.Parameter]:
    return list(inspect.signature(equation.function).parameters.values())


@every_equation
def test_inputs_are_the_parameters_of_the_function_in_order(equation):
    parameters = parameters_of(equation)
    n = len(equation.inputs)
    assert [symbol.name for symbol in equation.inputs] == [p.name for p in parameters[:n]]
    # What else the function takes is a convenience of the package, not part of the equation.
    assert all(p.default is not p.empty for p in parameters[n:])


@every_equation
def test_outputs_bear_the_names_by_which_the_check_speaks_of_them(equation):
    assert tuple(symbol.name for symbol in equation.outputs) == check_of(equation.label).returns


@every_equation
def test_the_function_gives_as_many_results_as_there_are_outputs(equation):
    case = cases_of(equation.label)[0]
    results = equation.function(*case.arguments)
    assert len(case.arguments) == len(equation.inputs)
    assert (len(results) if isinstance(results, tuple) else 1) == len(equation.outputs)


@every_equation
def test_an_argument_is_a_function_or_a_gamma_where_its_symbol_says_so(equation):
    for case in cases_of(equation.label):
        for symbol, argument in zip(equation.inputs, case.arguments, strict=True):
            assert callable(argument) == (symbol.shape == "function")
            assert hasattr(argument, "rate") == (symbol.shape == "Gamma")


@every_equation
def test_the_docstring_of_the_function_names_the_label_as_its_source(equation):
    sources = re.findall(r"Source:.*?(?:\n\n|$)", inspect.getdoc(equation.function), re.DOTALL)
    assert any(f"[{equation.label}]" in source for source in sources)


def test_no_two_equations_share_a_function():
    functions = {equation.function for equation in EQUATIONS.values()}
    assert len(functions) == len(EQUATIONS)


def test_tasks_are_unique_and_bear_the_name_of_the_function():
    assert len({equation.task for equation in EQUATIONS.values()}) == len(EQUATIONS)
    assert all(equation.task == equation.function.__name__ for equation in EQUATIONS.values())


@every_equation
def test_every_equation_has_a_check_and_knows_mistakes(equation):
    assert check_of(equation.label).label == equation.label
    sentences = [mutant.mistake for mutant in mutants_of(equation.label)]
    assert sentences
    assert all(isinstance(sentence, str) and sentence for sentence in sentences)


def test_importing_the_registry_loads_nothing_slow():
    slow = ["numba", "scipy", "matplotlib", "tvbi_ref.school.checks", "tvbi_ref.module_a"]
    code = f"import sys, tvbi_ref.equations\nprint([m for m in {slow} if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


# The LaTeX

# All of these are known to both MathJax (base and ams) and KaTeX.
COMMANDS = set(
    re.findall(
        r"\\[A-Za-z]+|\\.",
        r"""
        \alpha \beta \gamma \Gamma \varepsilon \zeta \eta \theta \kappa \lambda \mu \pi \rho
        \sigma \psi \omega \ast \ell \infty \partial \mathcal \mathrm \mathbf
        \operatorname \mathop \text \bar \hat \tilde
        \frac \tfrac \sqrt \sum \prod \int \substack \ln \log \exp \tanh
        \langle \rangle \lvert \rvert \lVert \rVert \lfloor \rfloor \bigl \bigr \Bigl \Bigr
        \lt \gt \le \ge \ne \in \to \mid \sim \circ \propto
        \begin \end \quad \qquad \, \; \  \{ \} \\
        """,
    )
)
ENVIRONMENTS = {"aligned", "cases", "pmatrix"}

PAIRS = {
    **{"}": "{", ")": "(", "]": "[", r"\}": r"\{", r"\bigr": r"\bigl", r"\Bigr": r"\Bigl"},
    **{rf"\r{name}": rf"\l{name}" for name in ("angle", "vert", "Vert", "floor")},
}
"""What closes, and what it closes."""


def tokens(latex: str) -> list[str]:
    """Return commands and characters, a command that begins or ends something with its name."""
    return re.findall(r"\\(?:begin|end)\{\w+\}|\\[A-Za-z]+|\\.|\S", latex, re.DOTALL)


def unbalanced(latex: str) -> str:
    """Return what is opened and not closed, or closed and not opened; empty if all is well."""
    stack: list[str] = []
    sized = [t for t in tokens(latex) if t[1:4].lower() == "big"]
    for token in [*(t for t in tokens(latex) if t not in sized), *sized]:
        if token in PAIRS.values() or token.startswith(r"\begin"):
            stack.append(token)
        elif token in PAIRS or token.startswith(r"\end"):
            opener = PAIRS.get(token, token.replace("end", "begin"))
            if not stack or stack.pop() != opener:
                return token
    return "".join(stack)


def contains(latex: str, letter: str) -> bool:
    """Return whether a letter stands in the formula, words in text mode not counted."""
    whole, part = tokens(re.sub(r"\\text\{[^}]*\}", " ", latex)), tokens(letter)
    return any(whole[k : k + len(part)] == part for k in range(len(whole)))


def formulas(equation: Equation) -> list[str]:
    return [equation.statement, *(s.letter for s in equation.inputs + equation.outputs)]


@every_equation
def test_the_latex_is_balanced_and_uses_known_commands_only(equation):
    for latex in formulas(equation):
        assert not unbalanced(latex)
        assert set(re.findall(r"\\[A-Za-z]+|\\.", latex)) <= COMMANDS
        assert set(re.findall(r"\\begin\{(\w+)\}", latex)) <= ENVIRONMENTS


@every_equation
def test_the_latex_can_stand_in_a_markdown_table(equation):
    # A bar would end the table's cell, an empty line the formula, a < might begin a tag.
    for latex in formulas(equation):
        assert not re.search(r"[|<>$%#]|\n\s*\n", latex)
    for symbol in equation.inputs + equation.outputs:
        for words in (symbol.name, symbol.shape, symbol.domain, symbol.meaning):
            assert words
            assert not re.search(r"[|$\n]", words)


@every_equation
def test_an_alignment_has_one_mark_a_line(equation):
    for body in re.findall(
        r"\\begin\{aligned\}(.*)\\end\{aligned\}", equation.statement, re.DOTALL
    ):
        body = re.sub(r"\\begin\{(\w+)\}.*?\\end\{\1\}", "", body, flags=re.DOTALL)
        body = re.sub(r"\\substack\{.*?\}\}", "", body, flags=re.DOTALL)
        assert all(line.count("&") == 1 for line in body.split(r"\\"))


@every_equation
def test_the_statement_shows_every_symbol_of_the_tables(equation):
    for symbol in equation.inputs + equation.outputs:
        for letter in symbol.letter.split(", "):
            named = contains(equation.statement, letter)
            derivative = re.fullmatch(r"(\\partial.*) / (\\partial.*)", letter)
            if derivative:
                above, below = derivative.groups()
                named = contains(equation.statement, rf"\frac{{{above}}}{{{below}}}")
            assert named, f"{letter} ({symbol.name}) is not in the statement"


@pytest.mark.parametrize(
    ("latex", "left"),
    [
        (r"\frac{a}{b}", ""),
        (r"\frac{a}{b", "{"),
        (r"(a]", "]"),
        (r"\begin{aligned} a \end{cases}", r"\end{cases}"),
        (r"\langle a", r"\langle"),
        (r"\bigl( \Bigl[ a \bigr] \Bigr)", r"\bigr"),
    ],
)
def test_the_balance_that_the_tests_rely_on(latex, left):
    assert unbalanced(latex) == left


def test_the_search_for_letters_that_the_tests_rely_on():
    assert contains(r"\tilde\pi_n a", r"\tilde\pi_n")
    assert contains(r"\tilde{a}", "a")
    assert not contains(r"\text{a word} + \pi", "a")
    assert not contains(r"\pi_n", r"\tilde\pi_n")


# What is shown


@every_equation
def test_text_and_markdown_say_everything(equation):
    plain, markdown = str(equation), equation._repr_markdown_()
    for shown in (plain, markdown):
        assert f"[{equation.label}]" in shown
        assert equation.title in shown
        assert equation.implementation.replace(":", ".") in shown
        assert equation.exercise in shown
        assert equation.lesson in shown
        assert equation.notes in shown
        assert all(s.name in shown and s.meaning in shown for s in equation.inputs)
        assert all(s.name in shown and s.meaning in shown for s in equation.outputs)
    assert all(line.strip() in plain for line in equation.statement.splitlines())
    assert f"$$\n{equation.statement}\n$$" in markdown


def test_the_table_lists_everything_in_line():
    lines = str(table()).splitlines()
    assert [line.split()[0] for line in lines] == ["label", *EQUATIONS]
    column = lines[0].index("function")
    assert all(line[column:].startswith("tvbi_ref.") for line in lines[1:])
    assert all(line == line.rstrip() for line in lines)


def test_the_table_in_markdown_has_a_line_an_equation():
    header, rule, *lines = table()._repr_markdown_().splitlines()
    assert len(lines) == len(EQUATIONS)
    assert {line.count("|") for line in (header, rule, *lines)} == {5}
    for equation, line in zip(EQUATIONS.values(), lines, strict=True):
        assert f"[{equation.label}]" in line
        assert " ".join(equation.statement.split()) in line


def test_the_rows_are_for_programs():
    row = table("compression").rows[0]
    assert row["label"] == "prune"
    assert row["function"] == "tvbi_ref.compression.keep_mask"
    assert row["statement"] == get("prune").statement


def test_the_groups_make_up_the_whole():
    parts = [e.label for group in GROUPS for e in table(group).equations]
    assert sorted(parts) == sorted(EQUATIONS)
    assert {e.group for e in table("turbo").equations} == {"turbo"}


def test_an_unknown_label_or_group_is_answered_with_names_that_exist():
    with pytest.raises(ValueError, match=r"got 'q-suport'; did you mean q-support\?"):
        get("q-suport")
    with pytest.raises(ValueError, match=r"did you mean .* or .*\?"):
        get("elbo-colapse")
    with pytest.raises(ValueError, match=r"got 'zzz'; equations.table\(\) lists them all"):
        get("zzz")
    with pytest.raises(ValueError, match=r"group must be one of 'model', .*; got 'module_c'"):
        table("module_c")


def test_the_registry_is_not_changed_by_mistake():
    with pytest.raises(AttributeError):
        get("elbo").title = "mine"
    assert equations.table().equations == tuple(EQUATIONS.values())

"""Cases as data: what is written comes back whole, and results are judged as a function is."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.testing import assert_allclose

import tvbi_ref
from tvbi_ref import checks
from tvbi_ref.cli import main
from tvbi_ref.equations import EQUATIONS, get
from tvbi_ref.school.checks.archive import _array, _encoded
from tvbi_ref.school.checks.calling import identical
from tvbi_ref.school.checks.modules import MODULES
from tvbi_ref.school.checks.suites import cases_of
from tvbi_ref.school.checks.trials import as_results

PAGE = (Path(__file__).parents[3] / "docs" / "other_languages.md").read_text(encoding="utf-8")

numbers = st.floats(allow_nan=True, allow_infinity=True)


@pytest.fixture(scope="session")
def archive(tmp_path_factory):
    """All cases, written once."""
    path = tmp_path_factory.mktemp("archive") / "cases.json"
    checks.write_cases(path)
    return path


def content_of(archive, label):
    """Return the archive with one equation alone, to be filled with results."""
    content = json.loads(archive.read_text())
    content["equations"] = [e for e in content["equations"] if e["label"] == label]
    return content


def decoded(value):
    """Read a value by the schema, as a programme elsewhere would."""
    if isinstance(value, list):
        return [decoded(entry) for entry in value]
    if not isinstance(value, dict):
        return float(value) if isinstance(value, str) else value
    parts = dict(value)
    kind = parts.pop("type")
    if kind == "Gamma":
        return tvbi_ref.Gamma(**parts)
    if kind in MODULES:
        return MODULES[kind](**parts)
    entries = [float(x) if isinstance(x, str) else x for x in parts["data"]]
    array = np.empty(parts["shape"], dtype=kind)
    for place, index in enumerate(np.ndindex(*reversed(parts["shape"]))):
        array[index[::-1]] = entries[place]  # the first index fastest
    return array


def same(a, b):
    if isinstance(a, list):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, np.ndarray):
        return identical((a,), (b,))
    return type(a) is type(b) and a == b


def judged(tmp_path, content, **options):
    path = tmp_path / "results.json"
    path.write_text(json.dumps(content))
    return checks.check_results(path, **options)


@pytest.mark.parametrize("label", EQUATIONS)
def test_what_is_written_comes_back_to_the_last_bit(label, archive):
    (entry,) = content_of(archive, label)["equations"]
    assert entry["task"] == get(label).task
    for written, case in zip(entry["cases"], cases_of(label), strict=True):
        assert written["name"] == case.name
        assert list(written["inputs"]) == [symbol.name for symbol in get(label).inputs]
        assert all(map(same, map(decoded, written["inputs"].values()), case.arguments))
        expected = [np.asarray(decoded(value)) for value in written["expected"].values()]
        assert identical(tuple(expected), as_results(case.expected))


@given(arrays(np.float64, array_shapes(min_dims=0, max_dims=4, min_side=0), elements=numbers))
def test_any_array_survives_writing_and_reading(array):
    text = json.dumps(_encoded(array), allow_nan=False)
    assert identical((_array(json.loads(text), array),), (array,))
    assert same(decoded(json.loads(text)), array)


def test_the_same_version_writes_the_same_bytes_and_a_seed_others(tmp_path):
    for name, seed in {"a": None, "b": None, "c": 7, "d": 7}.items():
        checks.write_cases(tmp_path / f"{name}.json", ["cavity", "prune"], seed=seed)
    usual, again, fresh, as_fresh = (path.read_bytes() for path in sorted(tmp_path.iterdir()))
    assert usual == again != fresh == as_fresh
    assert json.loads(fresh)["seed"] == 7
    assert "seed" not in json.loads(usual)


def test_cases_are_copies_and_call_a_function_by_name():
    for case in checks.cases("extrinsic-a"):
        result = get("extrinsic-a").function(**case.inputs)
        assert np.allclose(result, case.expected["extrinsic"], case.rtol, case.atol)
        case.inputs["posterior"][:] = np.nan
    assert checks.check("extrinsic-a", lambda posterior, incoming: posterior - incoming)


def test_right_results_pass_for_every_equation(archive, tmp_path):
    content = json.loads(archive.read_text())
    for entry in content["equations"]:
        for case in entry["cases"]:
            case["results"] = case["expected"]
    reports = judged(tmp_path, content)
    assert [report.label for report in reports] == list(EQUATIONS)
    assert all(reports)


@pytest.mark.parametrize("label", ["sum-product-ising", "q-precision", "prune", "grid-sweep"])
def test_a_wrong_function_is_diagnosed_as_in_python(label, archive, tmp_path):
    def wrong(*arguments):
        results = as_results(get(label).function(*arguments))
        return tuple(~r if r.dtype == bool else 2 * r for r in results)

    content = content_of(archive, label)
    names = list(content["equations"][0]["cases"][0]["expected"])
    for written, case in zip(content["equations"][0]["cases"], cases_of(label), strict=True):
        pairs = zip(names, wrong(*case.arguments), strict=True)
        written["results"] = {name: _encoded(result) for name, result in pairs}
    (report,) = judged(tmp_path, content)
    assert report.cases == checks.check(label, wrong).cases
    assert report.message == checks.check(label, wrong).message


def bare(label, answers, **head):
    """Return the least that a file of results must have; answers by the name of the case."""
    cases = [{"name": name, "results": results} for name, results in answers.items()]
    return {
        "format": "tvbi_ref cases",
        "version": 1,
        "tvbi_ref": tvbi_ref.__version__,
        "equations": [{"label": label, "cases": cases}],
        **head,
    }


def as_octave(array):
    """Return an array as Octave has it: two axes at least, none of length 1 at the end."""
    shape = [*array.shape, 1, 1]
    while len(shape) > 2 and shape[-1] == 1:
        shape.pop()
    return {"shape": shape, "data": [f"{x:.17g}" for x in array.ravel(order="F")]}


@pytest.mark.parametrize("label", EQUATIONS)
def test_a_language_with_columns_and_numbers_alone_can_say_it(label, tmp_path):
    answers = {
        case.name: {name: as_octave(np.asarray(value)) for name, value in case.expected.items()}
        for case in checks.cases(label)
    }
    assert all(judged(tmp_path, bare(label, answers)))


def test_a_list_of_one_may_be_its_entry(tmp_path):
    content = bare("cavity", {"no such": None})
    content["equations"] = content["equations"][0]
    content["equations"]["cases"] = {
        "name": checks.cases("cavity")[0].name,
        "results": {"cavity": {"shape": 1, "data": 3}},
    }
    (report,) = judged(tmp_path, content)
    assert "cavity has shape (1,); expected (3, 4)" in report.message


def test_a_case_without_results_is_a_wrong_answer_and_an_equation_without_is_passed_over(tmp_path):
    first, *rest = checks.cases("extrinsic-a")
    answers = {c.name: {"extrinsic": _encoded(c.expected["extrinsic"])} for c in rest}
    content = bare("extrinsic-a", {first.name: None, **answers})
    content["equations"] += bare("cavity", {checks.cases("cavity")[0].name: {}})["equations"]
    (report,) = judged(tmp_path, content)
    assert report.message.startswith("[extrinsic-a] failed 1 of 8 cases")
    assert report.cases[0].text == "has no result"
    (asked,) = judged(tmp_path, content, labels=["belief"])
    assert asked.message == "[belief] has no result"


def test_a_result_too_few_is_named(tmp_path):
    answers = {
        c.name: {"coupling": c.expected["coupling"]} for c in checks.cases("markov-to-ising")
    }
    (report,) = judged(tmp_path, bare("markov-to-ising", answers))
    assert "returned 1 result; expected 3: coupling, field_first, field_second" in report.message


def test_the_cases_are_those_of_the_seed_in_the_file(tmp_path):
    answers = {
        c.name: {"extrinsic": _encoded(c.expected["extrinsic"])}
        for c in checks.cases("extrinsic-a", seed=7)
    }
    content = bare("extrinsic-a", answers, seed=7)
    assert all(judged(tmp_path, content))
    assert all(judged(tmp_path, content, seed=7))
    with pytest.raises(ValueError, match="must have the cases of seed 8; got those of 7"):
        judged(tmp_path, content, seed=8)
    del content["seed"]
    assert not all(judged(tmp_path, content))


def test_results_of_other_inputs_are_refused(tmp_path):
    path = tmp_path / "cases.json"
    checks.write_cases(path, ["extrinsic-a"], seed=7)
    content = json.loads(path.read_text())
    for case in content["equations"][0]["cases"]:
        case["results"] = case["expected"]
    assert all(judged(tmp_path, content))
    del content["seed"]
    with pytest.raises(ValueError, match=r"posterior is not the one of this case; write the"):
        judged(tmp_path, content)


ONE = {"a module that had been told nothing": {"extrinsic": 1.0}}


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ([], "must have the format 'tvbi_ref cases' .*; got None. Write the cases anew"),
        (bare("cavity", {}, format="another"), "the format 'tvbi_ref cases' .*; got 'another'"),
        (bare("cavity", {}, version=2), "the version 1 .*; got 2"),
        (bare("cavity", {}, tvbi_ref="0.0"), "the tvbi_ref '.*; got '0.0'"),
        (bare("q-suport", {}), "got 'q-suport'; did you mean q-support"),
        (bare("cavity", {}), "none of its cases has results"),
        (bare("extrinsic-a", {}, equations=[{}]), "does not follow .*: KeyError: 'label'"),
        (bare("extrinsic-a", {}, equations=3), "does not follow .*: TypeError"),
        (bare("extrinsic-a", ONE, seed=-1), "seed must be a whole number >= 0; got -1"),
        (bare("extrinsic-a", {"another": {"extrinsic": 1}}), r"\[extrinsic-a\] has no case 'ano"),
    ],
)
def test_what_is_no_file_of_results_is_refused_in_words(content, says, tmp_path):
    with pytest.raises(ValueError, match=says):
        judged(tmp_path, content)


@pytest.mark.parametrize(
    ("results", "says"),
    [
        ({"prior": 1.0}, "results must be extrinsic; got prior"),
        ([1.0], "AttributeError"),
        ({"extrinsic": "a lot"}, "could not convert string to float"),
        ({"extrinsic": {"shape": [2]}}, "KeyError: 'data'"),
        ({"extrinsic": [[1, 2], [3, 4]]}, r"shape \[\] does not hold 2 numbers"),
        ({"extrinsic": {"shape": [2, 3], "data": [1, 2]}}, r"shape \[2, 3\] does not hold 2"),
        ({"extrinsic": {"shape": [-1, -2], "data": [1, 2]}}, "can only specify one"),
        ({"extrinsic": {"shape": [2], "data": [[1], 2]}}, "TypeError"),
        ({"extrinsic": 10**400}, "OverflowError"),
    ],
)
def test_a_result_that_is_none_is_refused_with_its_case(results, says, tmp_path):
    name = checks.cases("extrinsic-a")[0].name
    with pytest.raises(ValueError, match=rf"\[extrinsic-a\] {name}: {says}"):
        judged(tmp_path, bare("extrinsic-a", {name: results}))


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, "\0"])
def test_what_is_no_json_is_refused(text, tmp_path):
    path = tmp_path / "results.json"
    path.write_text(text)
    with pytest.raises(ValueError, match="must be a JSON file"):
        checks.check_results(path)
    assert not checks.grade(path).passed


def test_cases_are_written_as_json_alone(tmp_path):
    with pytest.raises(ValueError, match=r"path must end in .json, .*; got .*cases.npz"):
        checks.write_cases(tmp_path / "cases.npz")
    with pytest.raises(ValueError, match="did you mean cavity"):
        checks.write_cases(tmp_path / "cases.json", ["cavty"])
    assert not list(tmp_path.iterdir())


def test_the_commands_write_cases_and_grade_results(tmp_path, capsys):
    cases, results = tmp_path / "cases.json", tmp_path / "results.json"
    assert main(["equations", "extrinsic-a", "--cases", str(cases), "--seed", "3"]) == 0
    content = json.loads(cases.read_text())
    for case in content["equations"][0]["cases"]:
        case["results"] = case["expected"]
    results.write_text(json.dumps(content))
    assert main(["check", str(results)]) == 0
    assert (
        "results.json: 1 of 1\n  pass  extrinsic_a  [extrinsic-a] passed" in capsys.readouterr().out
    )
    assert main(["check", "--labels", "extrinsic-a,cavity", str(results)]) == 1
    assert "FAIL  cavity       [cavity] has no result" in capsys.readouterr().out
    assert main(["equations", "cavity", "--seed", "3"]) == 2
    assert "--seed has no meaning without --cases" in capsys.readouterr().err


def test_the_page_names_every_key(archive):
    content = json.loads(archive.read_text())
    keys = {*content, *content["equations"][0], *content["equations"][0]["cases"][0]}
    for key in [*keys, "seed", "results", "type", "shape", "data"]:
        assert f"`{key}`" in PAGE


LANGUAGES = {
    "octave": ("octave-cli", "in.cavity / 2", "in.cavity"),
    "r": ("Rscript", "given$cavity / 2", "given$cavity"),
}
"""What runs a page's example, and what in it becomes a mistake."""


def programme(language):
    """Return how to run a language's programmes and the page's example."""
    command = shutil.which(LANGUAGES[language][0])
    if command is None:
        pytest.skip(f"{LANGUAGES[language][0]} is not on the PATH")
    if language == "r":
        found = subprocess.run(
            [command, "-e", "library(jsonlite)"], capture_output=True, check=False
        )
        if found.returncode:
            pytest.skip("R has no jsonlite")
    return command, re.search(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)[1]


def run(command, text, folder):
    (folder / "programme").write_text(text)
    done = subprocess.run(
        [command, "programme"], cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr  # Octave without a home grumbles as it ends


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.slow
def test_the_example_of_the_page_runs_and_says_what_it_shows(language, tmp_path, capsys):
    command, text = programme(language)
    _, right, wrong = LANGUAGES[language]
    assert main(["equations", "sum-product-ising", "--cases", str(tmp_path / "cases.json")]) == 0
    for version, shown in zip(
        (text, text.replace(right, wrong)),
        re.findall(r"```text\n(.*?)```", PAGE, re.DOTALL),
        strict=True,
    ):
        run(command, version, tmp_path)
        main(["check", str(tmp_path / "results.json")])
        assert capsys.readouterr().out.replace(f"{tmp_path}/", "") == shown


ECHO = """
for e = 1:numel(file.equations)
  for k = 1:numel(file.equations(e).cases)
    for side = {"inputs", "expected"}
      given = file.equations(e).cases(k).(side{1});
      for [x, name] = given
        if numel(x) == 1 && isfield(x, "data") || isnumeric(x)
          given.(name) = result(value(x));
        end
      end
      file.equations(e).cases(k).(side{1}) = given;
    end
  end
end
fputs(fopen("results.json", "w"), jsonencode(file));
"""


@pytest.mark.slow
def test_octave_reads_all_numbers_of_all_equations(archive, tmp_path):
    command, text = programme("octave")
    shutil.copy(archive, tmp_path)
    run(command, text[: text.index("for k")] + ECHO, tmp_path)
    told = json.loads((tmp_path / "results.json").read_text())["equations"]
    read = 0
    for label, entry in zip(EQUATIONS, told, strict=True):
        for case, heard in zip(checks.cases(label), entry["cases"], strict=True):
            for value, answer in [
                (value, heard[side][name])
                for side in ("inputs", "expected")
                for name, value in getattr(case, side).items()
            ]:
                if isinstance(value, np.ndarray | float | int):
                    array = np.asarray(value, dtype=np.float64)
                    # Octave's jsondecode rounds the last bit.
                    assert_allclose(_array(answer, array), array, rtol=5e-16)
                    read += array.size
    assert read > 20_000

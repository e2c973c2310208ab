"""The check of an equation: references pass, mistakes fail by name, nothing crashes it."""

import ast
import itertools
import re
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from scipy.special import expit
from variants import VARIANTS

import tvbi_ref
from tvbi_ref import equations
from tvbi_ref.gamma import Gamma
from tvbi_ref.school.checks import check
from tvbi_ref.school.checks.calling import Observation, observe
from tvbi_ref.school.checks.equations import examine
from tvbi_ref.school.checks.mutants import MUTANTS, mutants_of
from tvbi_ref.school.checks.mutants.registry import mistakes
from tvbi_ref.school.checks.suites import CHECKS, cases_of, check_of
from tvbi_ref.school.checks.trials import as_results, trial_of

PACKAGE = Path(tvbi_ref.__file__).parent
ROOT = PACKAGE.parent
CENTRAL = (
    "q-precision",
    "evidence",
    "q-support",
    "evidence-collapsed",
    "precision-collapsed",
    "elbo",
    "elbo-collapsed",
    "cavity",
    "sum-product",
    "sum-product-ising",
    "belief",
    "extrinsic-b",
    "chain",
    "grid-sweep",
    "neuron-group",
    "extrinsic-a",
    "turbo-loop",
    "local-reparam-dense",
    "local-reparam-dense-backward",
)


@pytest.mark.parametrize("label", CHECKS)
def test_the_packages_own_function_passes(label):
    report = check(label, equations.get(label).function)
    assert report, report
    assert len(report.cases) >= 5


@pytest.mark.parametrize("label", VARIANTS)
def test_differently_written_correct_versions_pass(label):
    for function in VARIANTS[label]:
        report = check(label, function)
        assert report, f"{function.__name__}: {report}"


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("label", VARIANTS)
def test_right_functions_pass_on_fresh_cases(label, seed):
    for function in (equations.get(label).function, *VARIANTS[label]):
        report = examine(label, lambda arguments, f=function: observe(f, arguments), seed)
        assert report, f"{function.__name__}: {report}"


@pytest.mark.parametrize("label", CHECKS)
def test_a_seed_draws_at_least_two_cases_anew_and_leaves_their_names(label):
    usual, fresh, again = cases_of(label), cases_of(label, 1), check_of(label, 1).cases()
    assert [case.name for case in usual] == [case.name for case in fresh]
    for a, b in zip(fresh, again, strict=True):
        np.testing.assert_equal(a.arguments, b.arguments)
    assert sum(not _same(a, b) for a, b in zip(usual, fresh, strict=True)) >= 2


def _same(a, b):
    try:
        np.testing.assert_equal(a.arguments, b.arguments)
    except AssertionError:
        return False
    return True


@pytest.mark.slow
@pytest.mark.parametrize("label", CHECKS)
def test_known_mistakes_are_caught_and_named_on_fresh_cases(label):
    for mutant in mutants_of(label):
        report = examine(label, lambda arguments, f=mutant.function: observe(f, arguments), 1)
        assert not report, mutant.mistake
        assert "known mistake" in report.message, mutant.mistake


@pytest.mark.parametrize("label", CHECKS)
def test_no_stub_is_right_on_half_of_the_cases(label):
    """So that a part of the points, which begins there, is never given for a stub."""
    for stub, k in itertools.product(STUBS, range(len(equations.get(label).inputs))):
        tried = [trial_of(CHECKS[label], case, _answer(stub, case, k)) for case in cases_of(label)]
        assert sum(trial.finding.ok for trial in tried) < len(tried) / 2, (k, stub)


STUBS = (np.zeros_like, np.ones_like, np.array, np.negative, lambda x: np.full_like(x, 0.5), None)


def _answer(stub, case, k):
    """Return a stub's answer of the right form, made from an argument if that has the form."""
    if stub is None:
        return Observation(error="raised OverflowError")
    given, results = case.arguments[k], []
    for right in as_results(case.expected):
        same = isinstance(given, np.ndarray | float) and np.shape(given) == right.shape
        basis = np.asarray(given, float) if same else np.zeros(right.shape)
        results.append(np.asarray(stub(basis)).astype(right.dtype))
    return Observation(tuple(results))


def test_every_equation_has_variants_and_the_central_ones_three():
    assert VARIANTS.keys() == CHECKS.keys()
    assert all(len(VARIANTS[label]) >= 3 for label in CENTRAL)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda m: f"{m.label}-{m.mistake[:30]}")
@pytest.mark.slow
def test_every_mutant_fails_and_its_mistake_is_named(mutant):
    report = check(mutant.label, mutant.function)
    assert not report
    assert mutant.mistake in report.message, report


@pytest.mark.parametrize(
    ("right", "change", "words"),
    [
        ({"c": lambda h, m: h + m}, {}, r"c: \['m'\] not among \['h', 'l'\]"),
        ({"c": lambda h, l: h + l}, {"d": lambda h: h}, r"wrong: \['d'\] not among"),
        ({"c": lambda h, l: h + l}, {"c": lambda m: m}, r"wrong: \['m'\] not among"),
    ],
)
def test_a_mistake_in_a_piece_that_is_not_there_is_refused(right, change, words):
    before = len(MUTANTS)
    with pytest.raises(ValueError, match=words):
        mistakes("q-support", "h l", right, "wrong", change)
    assert len(MUTANTS) == before


def test_there_are_enough_mutants():
    count = Counter(mutant.label for mutant in MUTANTS)
    assert len(MUTANTS) >= 60
    assert count.keys() == CHECKS.keys()
    assert len({mutant.mistake for mutant in MUTANTS}) == len(MUTANTS)


@pytest.mark.slow
def test_the_table_of_coverage_is_up_to_date():
    """docs/make.py measured it; here its counts are held against what there is."""
    lines = (ROOT / "docs" / "coverage.md").read_text().splitlines()
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines if "`[" in line]
    expected = [
        [
            f"`[{label}]`",
            f"`{equations.get(label).implementation.replace(':', '.')}`",
            str(len(CHECKS[label].cases())),
            f"{len(mutants_of(label))} of {len(mutants_of(label))}",
            f"0 in {1 + len(VARIANTS[label])}",
        ]
        for label in equations.EQUATIONS
    ]
    assert [row[:5] for row in rows] == expected
    readme = (ROOT / "README.md").read_text()
    correct = sum(1 + len(functions) for functions in VARIANTS.values())
    assert f"It knows {len(MUTANTS)} mistakes and rejects none of {correct} correct" in readme
    assert f"lists all {len(equations.EQUATIONS)}," in readme


@pytest.mark.parametrize("label", CHECKS)
def test_no_number_is_left_unchecked(label):
    """Every result is compared: a thousandth more in it, in any one entry, is noticed."""
    reference, returns = equations.get(label).function, CHECKS[label].returns
    for k in range(len(returns)):
        for where in (0, -1):

            def nearly(arguments, k=k, where=where):
                seen = observe(reference, arguments)
                results = [np.array(result, order="C") for result in seen.results]
                if results[k].size:
                    flat = results[k].reshape(-1)
                    flat[where] = not flat[where] if flat.dtype == bool else _more(flat[where])
                return Observation(tuple(results))

            assert not examine(label, nearly), f"{returns[k]} is not compared"


def _more(number):
    return number * 1.001 + 1e-3 if np.isfinite(number) else 0.0


@pytest.mark.parametrize("label", CHECKS)
def test_the_cases_are_seeded_named_and_not_too_many(label):
    first, second = CHECKS[label].cases(), CHECKS[label].cases()
    assert [case.name for case in first] == [case.name for case in second]
    assert len({case.name for case in first}) == len(first) <= 30
    for a, b in zip(first, second, strict=True):
        np.testing.assert_equal(a.arguments, b.arguments)
        np.testing.assert_equal(a.expected, b.expected)


def test_the_oracles_import_nothing_of_ours():
    for path in (PACKAGE / "school" / "checks" / "oracles").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or "."] if isinstance(node, ast.ImportFrom) else []
            ours = [n for n in names if n.startswith(("tvbi", ".")) and "oracles" not in n]
            assert not ours, f"{path.name} imports {ours}"


def test_the_suites_never_ask_the_package_for_an_expected_number():
    allowed = ("tvbi_ref.school.checks", "tvbi_ref.gamma")
    for folder, path in itertools.chain(
        *(
            ((f, p) for p in (PACKAGE / "school" / "checks" / f).glob("*.py"))
            for f in ("suites", "mutants")
        )
    ):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and path.name != "__init__.py":
                module = node.module or ""
                ours = module.startswith("tvbi_ref") and not module.startswith(allowed)
                assert not ours, f"{folder}/{path.name} imports {module}"


# --- what a stranger's function may do -------------------------------------------------------


def right(prior_log_odds, evidence):
    return prior_log_odds + evidence


def in_place(prior_log_odds, evidence):
    prior_log_odds += evidence
    return prior_log_odds.copy()


def its_argument(prior_log_odds, evidence):
    return prior_log_odds


def raises(prior_log_odds, evidence):
    return prior_log_odds[99] + evidence


def stub(prior_log_odds, evidence):
    raise NotImplementedError


def leaves(prior_log_odds, evidence):
    raise SystemExit(0)


def nothing(prior_log_odds, evidence):
    prior_log_odds + evidence


def text(prior_log_odds, evidence):
    return "0.5"


def a_list(prior_log_odds, evidence):
    return list(np.ravel(prior_log_odds + evidence))


def list_of_arrays(prior_log_odds, evidence):
    return [np.asarray(prior_log_odds + evidence)]


def made_by(library, name):
    """Return an array of another library, as far as a check looks at it."""
    return type(name, (), {"__module__": library, "__array__": lambda self: np.zeros(2)})()


def a_tensor(prior_log_odds, evidence):
    return made_by("torch", "Tensor")


def a_jax_array(prior_log_odds, evidence):
    return made_by("jaxlib._jax", "ArrayImpl")


def takes_tensors(prior_log_odds, evidence):
    raise TypeError("add(): argument 'input' (position 1) must be Tensor, not numpy.ndarray")


def objects(prior_log_odds, evidence):
    return (prior_log_odds + evidence).astype(object)


def single(prior_log_odds, evidence):
    return np.asarray(prior_log_odds + evidence, np.float32)


def whole_numbers(prior_log_odds, evidence):
    with np.errstate(invalid="ignore"):
        return np.asarray(prior_log_odds + evidence).astype(int)


def turned(prior_log_odds, evidence):
    return np.transpose(prior_log_odds + evidence).copy()


def a_sum(prior_log_odds, evidence):
    return float(np.sum(prior_log_odds + evidence))


def not_a_number(prior_log_odds, evidence):
    return np.asarray(prior_log_odds + evidence) * np.nan


def noisy(prior_log_odds, evidence):
    return prior_log_odds + evidence + 1e-12 * np.random.random()  # noqa: NPY002


def two_results(prior_log_odds, evidence):
    return prior_log_odds + evidence, evidence + 0.0


def one_argument(prior_log_odds):
    return prior_log_odds


BUFFERS = {}


def one_buffer(prior_log_odds, evidence):
    buffer = BUFFERS.setdefault(np.shape(prior_log_odds), np.empty(np.shape(prior_log_odds)))
    return np.add(prior_log_odds, evidence, out=buffer)


def views_of_one_buffer(prior_log_odds, evidence):
    return one_buffer(prior_log_odds, evidence)[...]


def a_matrix(prior_log_odds, evidence):
    return np.asmatrix(prior_log_odds + evidence)


def masked(prior_log_odds, evidence):
    return np.ma.masked_invalid(prior_log_odds + evidence)


def records(prior_log_odds, evidence):
    return (prior_log_odds + evidence).view([("log_odds", float)])


def texts(prior_log_odds, evidence):
    return np.array(["0.5"])


def keyword_only(*, prior_log_odds, evidence):
    return prior_log_odds + evidence


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (in_place, "changed its argument prior_log_odds in place"),
        (its_argument, "returned its argument prior_log_odds itself"),
        (raises, "raised IndexError"),
        (stub, "is not written yet"),
        (leaves, "raised SystemExit"),
        (nothing, "returned nothing (None)"),
        (text, "returned a str; expected a NumPy array, a number, or a tuple of these"),
        (
            a_list,
            "returned a list; expected a NumPy array, a number, or a tuple of these (np.asarray",
        ),
        (list_of_arrays, "of these (np.asarray makes one of it)"),
        (
            a_tensor,
            "returned a torch Tensor; expected a NumPy array, a number, or a tuple of these (its",
        ),
        (
            a_jax_array,
            "returned a jaxlib ArrayImpl; expected a NumPy array, a number, or a tuple of",
        ),
        (
            takes_tensors,
            "not numpy.ndarray: NumPy arrays come in, torch.as_tensor(x) makes tensors",
        ),
        (objects, "returned an array of objects"),
        (single, "has dtype float32; expected float64"),
        (whole_numbers, "has dtype int64; expected float64"),
        (turned, "(transposed); expected"),
        (a_sum, "has shape (); expected"),
        (not_a_number, "is nan; expected"),
        (noisy, "gave another answer when it was called again"),
        (two_results, "returned 2 results; expected 1"),
        (one_argument, "is called with 2 positional arguments; it takes (prior_log_odds)"),
        (one_buffer, "returned the memory of its last result again; return a new array"),
        (views_of_one_buffer, "returned the memory of its last result again"),
        (a_matrix, "returned a numpy matrix; expected a NumPy array"),
        (masked, "returned a numpy MaskedArray; expected a NumPy array"),
        (records, "returned an array of [('log_odds', '<f8')]; expected a NumPy array"),
        (texts, "returned an array of <U3; expected a NumPy array"),
        (keyword_only, "it takes (*, prior_log_odds, evidence)"),
    ],
)
def test_misbehaviour_is_a_finding_and_no_crash(function, words):
    report = check("q-support", function)
    assert not report
    assert words in str(report)


SEVERAL = [label for label, c in CHECKS.items() if len(c.returns) > 1]


@pytest.mark.parametrize("label", SEVERAL)
def test_a_list_of_several_results_is_told_to_be_a_tuple(label):
    function, names = equations.get(label).function, ", ".join(CHECKS[label].returns)
    report = check(label, lambda *arguments: list(function(*arguments)))
    told = f"returned a list; expected a tuple, {names} (a, b is a tuple, [a, b] a list)"
    assert report.message == f"[{label}] {told}"
    report = check(label, lambda *arguments: tuple([x] for x in function(*arguments)))
    assert "returned a tuple with a list; expected" in report.message


def test_one_array_for_two_results_is_told_to_be_a_tuple():
    function = equations.get("q-weight-gradient").function
    report = check("q-weight-gradient", lambda *arguments: np.array(function(*arguments)))
    assert "returned 1 result; expected 2: d_mean, d_log_variance (a, b is" in report.message


def test_a_report_reads_well_on_a_terminal_and_in_a_notebook():
    good, bad = check("q-support", right), check("q-support", a_sum)
    assert good.message == str(good) == f"[q-support] passed all {len(good.cases)} cases"
    assert good._repr_markdown_().startswith("✅")
    textbook = check("sum-product-ising", lambda c, J: 2 * np.arctanh(np.tanh(J) * np.tanh(c / 2)))
    assert [line[0] for line in textbook._repr_markdown_().strip().splitlines()] == ["✅", "⚠"]
    assert bad._repr_markdown_().count("\n- ") == sum(not f.ok for f in bad.cases)
    assert (
        check("q-support", stub).message == "[q-support] is not written yet (NotImplementedError)"
    )
    assert len(str(check("q-support", stub)).splitlines()) == 2


def test_relations_are_said_in_words_where_no_known_mistake_fits():
    message = check("q-support", lambda h, l: 3 * (h + l)).message
    assert message.endswith("\nlog_odds: 3 times the right value everywhere"), message
    message = check("q-support", lambda h, l: h + l + 2.0).message
    assert message.endswith("\nlog_odds: off by +2 everywhere"), message


def test_a_strangers_backtick_is_no_markup():
    def loud(h, l):
        raise ValueError("`<script>` **x**")

    page = check("q-support", loud)._repr_markdown_()
    assert "`[q-support] raised ValueError: '<script>' **x**`" in page


def test_a_relation_holds_in_all_cases_that_fail_or_is_not_said():
    """A mean over the batch for a sum is 1/B of the right value, and B is another in each case."""

    def mean_for_sum(f, y, prior):
        return prior.shape + y.size / 2 / len(f), prior.rate + ((f - y) ** 2).sum() / 2 / len(f)

    assert "times the right value" not in str(check("noise-precision", mean_for_sum))

    def one_in_many(h, l):
        return (h + l) * (3.0 if np.size(h) > 4 else 1.0)

    message = check("q-support", one_in_many).message
    assert message.endswith("\nlog_odds: 3 times the right value in all that fails"), message


def test_the_order_of_more_than_two_axes_is_told_by_the_numbers():
    """Turning all axes of a pair belief over would exchange s and s'."""
    right = equations.get("pair-belief").function

    def states_first(*arguments):
        return np.moveaxis(right(*arguments), (-2, -1), (0, 1)).copy()

    message = str(check("pair-belief", states_first))
    assert "transposed" not in message
    assert "(right after np.transpose(..., (2, 0, 1)))" in message


@pytest.mark.parametrize("what", ["arguments", "results"])
@pytest.mark.parametrize("label", CHECKS)
def test_float32_is_noticed(label, what):
    """Of the arguments too, where they are not what float32 holds anyway."""
    right = equations.get(label).function

    def in_float32(arguments):
        if what == "arguments":
            return observe(right, _rounded(arguments))
        return Observation(tuple(map(np.asarray, _rounded(observe(right, arguments).results))))

    report = examine(label, in_float32)
    if label == "prune" or (label, what) == ("bits", "arguments"):
        assert report  # of masks, or of what they cost
        return
    assert not report
    assert "is something float32?" in report.message or label in ILL_CONDITIONED, report


ILL_CONDITIONED = {"q-factors"}  # a weight that is 1e-4 from its mean of 1


def _rounded(value):
    """Return a value with every number of more digits than float32 has rounded to it."""
    if isinstance(value, tuple | list) and not hasattr(value, "_fields"):
        return type(value)(map(_rounded, value))
    if isinstance(value, Gamma):
        return Gamma(*map(_rounded, value))
    if isinstance(value, float) or (isinstance(value, np.ndarray) and value.dtype == float):
        with np.errstate(over="ignore"):
            return np.asarray(value, np.float32).astype(float)[()]
    return value


def test_digits_are_printed_until_the_two_numbers_differ():
    report = check("q-support", lambda h, l: (h + l) * (1 + 3e-8))
    told = re.findall(r"is (\S+); expected (\S+)", str(report))
    assert told
    assert all(got != expected for got, expected in told)
    assert "log_odds: relative error 3e-08: is something float32?" in report.message


@pytest.mark.slow
@pytest.mark.parametrize("label", CHECKS)
def test_the_callers_errors_of_floating_point_are_none_of_the_checks(label):
    cases_of.cache_clear()
    with np.errstate(all="raise"):
        assert check(label, equations.get(label).function)
        assert not check(label, mutants_of(label)[0].function)


def test_padding_is_no_second_answer():
    """A long double has bytes that mean nothing."""
    report = check("q-support", lambda h, l: np.asarray(h, np.longdouble) + l)
    assert "gave another answer" not in str(report)


def test_exchanged_arguments_are_said_where_the_names_tell():
    def update_support(evidence, prior_log_odds):
        return prior_log_odds - 2 * evidence

    words = "your arguments are (evidence, prior_log_odds); they come as (prior_log_odds, evidence)"
    assert words in check("q-support", update_support).message


def test_no_log_odds_are_asked_for_where_a_probability_is_expected():
    def twice(field, evidence, messages):
        return expit(expit(field + evidence + messages.sum(axis=0)))

    report = check("belief", twice)
    assert not report
    assert "log-odds are expected" not in str(report)


def test_a_known_mistake_is_named_though_it_breaks_down_on_one_case():
    def mean_for_sum(field, evidence, other_messages):
        return field + evidence + other_messages.mean(axis=0)  # no message at all: 0/0

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert "known mistake" in check("cavity", mean_for_sum).message


def test_a_wrong_finite_number_is_no_matter_of_advice():
    report = check("sum-product", lambda cavity, psi: np.zeros_like(cavity))
    assert not any(finding.text and finding.ok for finding in report.cases)


def test_two_results_wrong_for_two_reasons_get_two_diagnoses():
    by_result = {k: [] for k in range(2)}
    cases = CHECKS["q-precision"].cases()
    for mutant in mutants_of("q-precision"):
        for k in range(2):
            right_there = all(
                np.allclose(mutant.function(*case.arguments)[k], case.expected[k]) for case in cases
            )
            if not right_there:
                by_result[k].append(mutant)
    first, second = next(
        (a, b) for a in by_result[0] for b in by_result[1] if a.mistake != b.mistake
    )

    def both(*arguments):
        return first.function(*arguments)[0], second.function(*arguments)[1]

    message = check("q-precision", both).message
    assert message.count("known mistake") >= 1


def test_tolerances_are_the_readers_and_let_float32_in():
    def in_single(h, l):
        return np.asarray(h + l, np.float32)

    assert not check("q-support", in_single)
    assert check("q-support", in_single, rtol=1e-6)
    assert not check("q-support", lambda h, l: (h + l) * 1.001, rtol=1e-4)
    assert check("q-support", lambda h, l: (h + l) * 1.001, rtol=1e-2)
    assert check("q-support", lambda h, l: h + l + 1e-4, atol=1e-3)
    assert not check("q-support", whole_numbers, rtol=1e-2)
    with pytest.raises(ValueError, match="rtol must be a number >= 0; got -1"):
        check("q-support", right, rtol=-1.0)


@pytest.mark.parametrize("label", CHECKS)
def test_a_report_holds_the_arrays_of_every_case(label):
    function = equations.get(label).function
    for finding, case in zip(check(label, function).cases, cases_of(label), strict=True):
        assert list(finding.inputs) == [symbol.name for symbol in equations.get(label).inputs]
        assert tuple(finding.expected) == tuple(finding.actual) == CHECKS[label].returns
        again = observe(function, tuple(finding.inputs.values())).results
        np.testing.assert_equal(again, tuple(finding.actual.values()))
        expected = case.expected if isinstance(case.expected, tuple) else (case.expected,)
        np.testing.assert_equal(tuple(finding.expected.values()), tuple(map(np.asarray, expected)))


def test_the_arrays_of_a_report_are_the_readers_and_none_of_its_text():
    report = check("q-support", right)
    for finding in report.cases:
        for array in (*finding.inputs.values(), *finding.expected.values()):
            array[...] = np.nan
    assert check("q-support", right)
    assert "array" not in repr(report)
    assert len(repr(report.cases[0])) < 100
    assert [f.actual for f in check("q-support", stub).cases[:1]] == [{}]
    assert list(check("q-support", two_results).cases[0].actual) == ["0", "1"]


def test_the_cases_of_a_seed_are_others():
    assert check("q-support", right, seed=3)
    usual, fresh = (check("q-support", right, seed=seed).cases for seed in (None, 3))
    assert any(
        not np.array_equal(a.expected["log_odds"], b.expected["log_odds"])
        for a, b in zip(usual, fresh, strict=True)
    )


def test_unknown_labels_and_things_that_are_no_function_are_refused():
    with pytest.raises(ValueError, match="did you mean q-support"):
        check("q-suport", right)
    with pytest.raises(TypeError, match="function must be callable; got 3"):
        check("q-support", 3)

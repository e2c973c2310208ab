"""The checks of arguments: what may pass does, what may not is named in the message."""

import math
import pickle
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tvbi_ref import _validation as check
from tvbi_ref.errors import DivergenceError, NonFiniteError

quick = settings(max_examples=60, deadline=None, derandomize=True)
finite = st.floats(allow_nan=False, allow_infinity=False)
not_finite = st.sampled_from([math.nan, math.inf, -math.inf])
arrays = hnp.arrays(
    st.sampled_from([np.float64, np.float32, np.int64, np.uint8, np.bool_]),
    hnp.array_shapes(min_dims=0, max_dims=3),
    elements={"allow_nan": False, "allow_infinity": False},
)


# as_float_array


@quick
@given(arrays)
def test_a_real_finite_array_passes_as_float64_with_the_same_values(value):
    result = check.as_float_array(value, "x")
    assert result.dtype == np.float64
    assert result.shape == value.shape
    np.testing.assert_array_equal(result, value.astype(np.float64))


@quick
@given(arrays)
def test_without_a_dtype_floats_keep_theirs_and_whole_numbers_become_float64(value):
    expected = value.dtype if value.dtype.kind == "f" else np.float64
    assert check.as_float_array(value, "x", dtype=None).dtype == expected


def test_an_array_that_is_right_already_is_not_copied():
    value = np.ones((2, 3))
    assert check.as_float_array(value, "x", ndim=2, shape=(2, 3)) is value


@quick
@given(hnp.array_shapes(min_dims=1, max_dims=3), not_finite, st.data())
def test_one_entry_that_is_not_finite_is_named_with_its_place(shape, bad, data):
    at = tuple(data.draw(st.integers(0, size - 1)) for size in shape)
    value = np.zeros(shape)
    value[at] = bad
    with pytest.raises(NonFiniteError) as caught:
        check.as_float_array(value, "the_name")
    assert str(caught.value) == (f"the_name has 1 entry that is not finite (first at {at}: {bad})")


def test_many_entries_are_counted_and_the_first_is_shown():
    with pytest.raises(NonFiniteError, match=r"x has 3 entries that are not finite \(first at \(1"):
        check.as_float_array([0.0, math.nan, math.inf, -math.inf], "x")


def test_infinities_pass_where_they_may_and_nan_never_does():
    value = check.as_float_array([math.inf, -math.inf], "x", allow_infinite=True)
    assert np.isinf(value).all()
    with pytest.raises(NonFiniteError, match="x has 1 entry that is not a number"):
        check.as_float_array([math.inf, math.nan], "x", allow_infinite=True)


@pytest.mark.parametrize(
    ("value", "options", "error", "message"),
    [
        ("abc", {}, TypeError, "the_name must be a real array"),
        (None, {}, TypeError, "the_name must be a real array"),
        ([1j], {}, TypeError, "the_name must be a real array; got dtype complex128"),
        ([[1.0], None], {}, (TypeError, ValueError), "the_name"),
        ([[1.0, 2.0], [3.0]], {}, (TypeError, ValueError), "the_name"),
        ([1.0, 2.0], {"ndim": 2}, ValueError, r"the_name must have 2 axes; got shape \(2,\)"),
        ([1.0, 2.0], {"shape": (3,)}, ValueError, r"the_name must have shape \(3,\); got \(2,\)"),
        ([], {}, ValueError, "the_name is empty"),
        (np.zeros((3, 0)), {"ndim": 2}, ValueError, r"the_name is empty: shape \(3, 0\)"),
    ],
)
def test_what_is_no_such_array_is_refused_by_name(value, options, error, message):
    with pytest.raises(error, match=message):
        check.as_float_array(value, "the_name", **options)


# as_labels


@quick
@given(st.lists(st.integers(0, 6), min_size=1, max_size=20))
def test_labels_in_range_pass_as_int64(labels):
    result = check.as_labels(np.array(labels, np.uint8), "y", n_classes=7, length=len(labels))
    assert result.dtype == np.int64
    assert result.tolist() == labels


@quick
@given(st.integers(1, 5), st.integers(-100, 100).filter(lambda k: not 0 <= k < 5))
def test_a_label_out_of_range_is_named_with_its_place(at, wrong):
    labels = np.zeros(8, int)
    labels[at] = wrong
    with pytest.raises(ValueError, match=f"y must hold .* got {wrong} at position {at}"):
        check.as_labels(labels, "y", n_classes=5, length=8)


@pytest.mark.parametrize(
    ("value", "error"),
    [
        ([0.0, 1.0], TypeError),
        ([True, False], TypeError),
        (["a", "b"], TypeError),
        ([[0], [1]], ValueError),
        ([0, 1, 2], ValueError),
        (0, ValueError),
    ],
)
def test_what_is_no_list_of_labels_is_refused_by_name(value, error):
    with pytest.raises(error, match="the_name must h"):
        check.as_labels(value, "the_name", n_classes=3, length=2)


# as_real


@quick
@given(finite)
def test_a_finite_number_passes_unchanged(number):
    assert check.as_real(number, "x") == number
    assert type(check.as_real(np.float64(number), "x")) is float


@quick
@given(finite, finite)
def test_bounds_mean_what_their_names_say(number, bound):
    for option, inside, sign in (
        ("above", number > bound, ">"),
        ("at_least", number >= bound, ">="),
        ("below", number < bound, "<"),
        ("at_most", number <= bound, "<="),
    ):
        if inside:
            assert check.as_real(number, "x", **{option: bound}) == number
        else:
            with pytest.raises(ValueError, match="x must be a number") as caught:
                check.as_real(number, "x", **{option: bound})
            assert f" {sign} {bound}; got" in str(caught.value)


@given(not_finite)
def test_a_number_that_is_not_finite_is_refused_even_without_bounds(number):
    with pytest.raises(ValueError, match="x must be a finite number"):
        check.as_real(number, "x")
    with pytest.raises(ValueError, match="x must be a number >= 0"):
        check.as_real(number, "x", at_least=0)


@pytest.mark.parametrize("value", [1, np.int32(1), np.float32(1.0), Fraction(1, 1), np.uint8(1)])
def test_any_kind_of_real_number_is_a_number(value):
    assert check.as_real(value, "x") == 1.0


@pytest.mark.parametrize(
    "value",
    [None, "1", True, [1.0], np.ones(1), 1j, np.bool_(True), np.complex128(1 + 1j), np.str_("1")],
    ids=repr,
)
def test_what_is_no_real_number_is_refused_by_name(value):
    with pytest.raises(TypeError, match="the_name must be a finite number; got"):
        check.as_real(value, "the_name")


# as_count


@quick
@given(st.integers(-5, 100), st.integers(0, 10))
def test_a_count_passes_from_its_least_value_on(value, least):
    for number in (value, np.int64(value)):
        if value >= least:
            assert check.as_count(number, "n", at_least=least) == value
            assert type(check.as_count(number, "n", at_least=least)) is int
        else:
            with pytest.raises(ValueError, match=f"n must be a whole number >= {least}; got"):
                check.as_count(number, "n", at_least=least)


@pytest.mark.parametrize("value", [2.0, "2", None, True, np.bool_(True), np.float64(2), [2]])
def test_what_is_no_whole_number_is_no_count(value):
    with pytest.raises(TypeError, match="the_name must be a whole number >= 0; got"):
        check.as_count(value, "the_name")


# as_choice


@pytest.mark.parametrize("choices", [["a", "b"], ("a", "b"), {"a": 1, "b": 2}, iter(["a", "b"])])
def test_a_known_choice_passes(choices):
    assert check.as_choice("b", "which", choices) == "b"


@pytest.mark.parametrize("value", ["A", "", None, 1, ["a"]])
def test_an_unknown_choice_is_told_the_known_ones(value):
    with pytest.raises(ValueError, match="which must be one of 'a', 'b'; got"):
        check.as_choice(value, "which", ["a", "b"])


# as_widths


@quick
@given(st.lists(st.integers(1, 1000), min_size=2, max_size=6))
def test_two_or_more_positive_widths_pass_as_a_tuple(widths):
    assert check.as_widths(widths) == tuple(widths)
    assert check.as_widths(np.array(widths)) == tuple(widths)


@pytest.mark.parametrize(
    ("value", "error", "message"),
    [
        ([64], ValueError, "widths must name at least an input and an output size"),
        ([], ValueError, "widths must name at least"),
        ([64, -1], ValueError, r"widths\[1\] must be a whole number >= 1"),
        ([2.5, 3], TypeError, r"widths\[0\] must be a whole number >= 1"),
        ([3, "4"], TypeError, r"widths\[1\]"),
        (64, TypeError, "widths"),
    ],
)
def test_what_is_no_list_of_widths_is_refused_by_name(value, error, message):
    with pytest.raises(error, match=message):
        check.as_widths(value)


# Errors


def test_a_number_that_is_not_finite_is_a_bad_value_and_a_floating_point_error():
    assert issubclass(NonFiniteError, ValueError)
    assert issubclass(NonFiniteError, FloatingPointError)


def test_a_divergence_says_where_and_keeps_the_last_good_state():
    error = DivergenceError("the mean is nan", epoch=4, layer=2, last_good="state")
    assert str(error).startswith("epoch 4, layer 2: the mean is nan")
    for same in (error, pickle.loads(pickle.dumps(error))):  # as a worker process sends it
        assert str(same) == str(error)
        assert (same.epoch, same.layer, same.last_good) == (4, 2, "state")

"""Our manual backprop against PyTorch's autograd: same weights, same noise, float64."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

HERE = Path(__file__).parent
spec = importlib.util.spec_from_file_location("torch_cases", HERE / "make_torch_reference.py")
cases = importlib.util.module_from_spec(spec)
spec.loader.exec_module(cases)

TOLERANCE = 1e-9
"""Of the largest entry of what is compared, or of 1 if that is larger."""


def disagreements(ours, theirs):
    """Return the names of the arrays that differ by more than the tolerance."""
    assert ours.keys() == theirs.keys()
    return [
        name
        for name in ours
        if ours[name].shape != theirs[name].shape
        or np.abs(ours[name] - theirs[name]).max() > TOLERANCE * max(1, np.abs(theirs[name]).max())
    ]


def stored(name):
    with np.load(cases.PATH) as file:
        keys = [key for key in file.files if key.startswith(f"{name}: ")]
        return {key.removeprefix(f"{name}: "): file[key] for key in keys}


def summaries(results):
    return {what: cases.summary(array) for what, array in results.items()}


@pytest.mark.parametrize("name", cases.CASES)
def test_outputs_and_gradients_are_those_that_pytorch_gave(name):
    assert disagreements(summaries(cases.ours(cases.CASES[name]())), stored(name)) == []


@pytest.mark.parametrize("name", cases.CASES)
def test_outputs_and_gradients_are_those_of_pytorch(name):
    pytest.importorskip("torch")
    case = cases.CASES[name]()
    assert disagreements(cases.ours(case), cases.theirs(case)) == []


def test_the_file_is_small_and_holds_the_cases_and_no_others():
    assert cases.PATH.stat().st_size < 100_000
    with np.load(cases.PATH) as file:
        assert {key.split(": ")[0] for key in file.files} == set(cases.CASES)


@pytest.mark.parametrize("name", ["dense", "convolution, 2, 1", "lenet5"])
@pytest.mark.slow
def test_the_comparison_sees_a_gradient_that_is_a_millionth_off(name):
    """A check that cannot fail is none."""
    results, theirs = cases.ours(cases.CASES[name]()), stored(name)
    for what in results:
        wrong = results | {what: results[what] + 1e-6 * np.abs(results[what]).max()}
        assert disagreements(summaries(wrong), theirs) == [what]

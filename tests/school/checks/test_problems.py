"""Problems with many answers: right ones pass, wrong ones are told why."""

from __future__ import annotations

import runpy
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from tvbi_ref.module_b import ChainSupport, GridSupport
from tvbi_ref.school.checks.problems import KINDS, PROBLEMS, problem

SOLUTIONS = Path(__file__).parents[3] / "notebooks" / "solutions"


def solution(name):
    """Return the answer that the solution of the exercise gives."""
    found = runpy.run_path(str(SOLUTIONS / f"{PROBLEMS[name].lesson}.py"))[PROBLEMS[name].task]
    return found if found.__code__.co_argcount else found()


RIGHT = {name: solution(name) for name in PROBLEMS}


def gaussian_half(*arguments):
    shape, rate = RIGHT["laplace-precision"](*arguments)
    return shape - 0.5, rate


def at_least_one_in_odds(second, third):
    r = (1 + np.exp(second)) * (1 + np.exp(third))
    return np.log(r / (r - 1))


def gate_without_bias(gate, bias):
    layer = RIGHT["gate"](gate, bias)
    layer.parameters = lambda: [layer.gate]
    return layer


def gate_twice(gate, bias):
    layer = RIGHT["gate"](gate, bias)
    backward = layer.backward
    layer.backward = lambda grad: backward(2 * grad)
    return layer


def poisson_of_rates(output, y):
    return np.sum(output - y * np.log(np.abs(output))) / len(y), (1 - y / output) / len(y)


def summed_poisson(output, y):
    return tuple(len(y) * part for part in RIGHT["poisson"](output, y))


class ToldTwice(ChainSupport):
    """A chain that hands its belief over."""

    def _incoming(self, evidence, state, schedule):
        told = super()._incoming(evidence, state, schedule)
        return told._replace(heard=[*told.heard, evidence])


def without_shape(matrix):
    return matrix.tobytes()


def always_long(data):
    return np.frombuffer(data, np.float32).reshape(100, -1)


def dense():
    """Return a right format that is as long as the matrix."""

    def write(matrix):
        return np.uint32(matrix.shape[0]).tobytes() + matrix.tobytes()

    def read(data):
        rows = np.frombuffer(data, np.uint32, 1)[0]
        return np.frombuffer(data[4:], np.float32).reshape(rows, -1)

    return write, read


SQUARE = np.array([[2.0, 0.0], [0.0, 0.0]])
STEP = RIGHT["complex-step"]
WRONG = [
    ("laplace-precision", gaussian_half, "differ by more than a constant"),
    ("at-least-one", at_least_one_in_odds, "both surely"),
    ("gate", gate_twice, "the central difference"),
    ("gate", gate_without_bias, "have the shapes [(4,)]"),
    ("gate", 3, "raised TypeError"),
    ("poisson", poisson_of_rates, "expected"),
    ("poisson", summed_poisson, "expected"),
    ("complex-step", STEP | {"a": 1.0, "b": 1.0}, "0.25 is asked for"),
    ("complex-step", {}, "raised KeyError"),
    ("loops-part", (SQUARE, 0.1, 0.1), "0.02 is asked for"),
    ("loops-part", (np.full((3, 3), 0.1), 0.6, 0.6), "uniqueness value"),
    ("never-settles", (SQUARE, 0.1, 0.1), "they have settled"),
    ("never-settles", (np.zeros((5, 5)), 0.8, 0.8), "25 weights"),
    ("echo", ([-4.0], 0.3, 0.3), "comes to 0.018"),
    ("echo", ([2.0], 0.3, 0.3), "comes to 0"),
    ("heavy-tail", (-3.0, 0.2), "-3 is not within 1 %"),
    ("heavy-tail", (-4.0, 0.115), "0.115 is not within 1 %"),
    ("evidence-limits", (-6.9, 3.45), "not within 1 %"),
    ("chain-picture", (0.25, 0.03), "nats less likely"),
    ("support-prior", ToldTwice(0.2, 0.4), "are "),
    ("support-prior", GridSupport(-0.5, 0.3, 0.3), "are "),
    ("own-format", (without_shape, always_long), "raised ValueError"),
    ("own-format", dense(), "the bound is"),
]


def test_every_kind_has_problems_and_every_problem_a_wrong_answer_here():
    assert min(Counter(each.kind for each in PROBLEMS.values())[kind] for kind in KINDS) >= 2
    assert {name for name, *_ in WRONG} == set(PROBLEMS)
    assert all(each.asked and "*Judged:*" in each.asked for each in PROBLEMS.values())


@pytest.mark.parametrize("name", PROBLEMS)
def test_a_right_answer_passes(name):
    assert (report := problem(name, RIGHT[name])), report.message


@pytest.mark.parametrize(("name", "answer", "told"), WRONG, ids=[each[0] for each in WRONG])
def test_a_wrong_answer_fails_with_the_reason(name, answer, told):
    report = problem(name, answer)
    assert not report
    assert told in str(report)


def test_an_unknown_problem_is_refused():
    with pytest.raises(ValueError, match=r"name must be one of laplace-precision, .* got 'gates'"):
        problem("gates", 1)

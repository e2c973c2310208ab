"""Problems with many answers: right ones pass, wrong ones are told why."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from scipy.special import expit

from tvbi_ref import nets
from tvbi_ref.module_b import ChainSupport, GridSupport
from tvbi_ref.school.checks.problems import KINDS, PROBLEMS, problem, target_picture


def laplace(absolute, alive, active, inactive):
    shape = alive * active.shape + (1 - alive) * inactive.shape + 1
    return shape, alive * active.rate + (1 - alive) * inactive.rate + absolute


def gaussian_half(absolute, alive, active, inactive):
    shape, rate = laplace(absolute, alive, active, inactive)
    return shape - 0.5, rate


def at_least_one(second, third):
    some = np.logaddexp(np.logaddexp(second, third), second + third)
    return np.logaddexp(0, some) - some


def at_least_one_in_odds(second, third):
    r = (1 + np.exp(second)) * (1 + np.exp(third))
    return np.log(r / (r - 1))


@dataclass
class Gate:
    gate: np.ndarray
    bias: np.ndarray
    slope = True

    def __post_init__(self):
        self.gate, self.bias = nets.Parameter("gate", self.gate), nets.Parameter("bias", self.bias)

    def parameters(self):
        return [self.gate, self.bias]

    def forward(self, x):
        self.x, self.open = x, expit(self.gate.value)
        return x * self.open + self.bias.value

    def backward(self, grad):
        inner = self.open * (1 - self.open) if self.slope else self.open
        self.gate.grad[...] = (grad * self.x * inner).sum(axis=0)
        self.bias.grad[...] = grad.sum(axis=0)
        return grad * self.open


class GateWithoutSlope(Gate):
    slope = False


class ToldTwice(ChainSupport):
    """A chain that hands its belief over."""

    def _incoming(self, evidence, state, schedule):
        told = super()._incoming(evidence, state, schedule)
        return told._replace(heard=[*told.heard, evidence])


SQUARE = np.array([[2.0, 0.0], [0.0, 0.0]])
MIDDLE = np.zeros((4, 4))
MIDDLE[1, 1] = 1.3
STEP = {"mean": 2.5, "variance": 1e-3, "before": 0.3, "after": 0.5}
STEP |= {"a": 3.0, "b": 0.01, "contrast": 0.01}
S = target_picture()
STARTS = np.sum((S[1:] == 1) & (S[:-1] == 0)) / np.sum(S[:-1] == 0)
ENDS = np.sum((S[1:] == 0) & (S[:-1] == 1)) / np.sum(S[:-1] == 1)
RIGHT = {
    "laplace-precision": laplace,
    "at-least-one": at_least_one,
    "gate": Gate,
    "complex-step": STEP,
    "loops-part": (MIDDLE, 0.345, 0.345),
    "evidence-limits": (-3.4539, 6.9078),
    "chain-picture": (STARTS, ENDS),
    "support-prior": ChainSupport(0.2, 0.4),
}
WRONG = [
    ("laplace-precision", gaussian_half, "differ by more than a constant"),
    ("at-least-one", at_least_one_in_odds, "both surely"),
    ("gate", GateWithoutSlope, "the central difference"),
    ("gate", 3, "raised TypeError"),
    ("complex-step", STEP | {"a": 1.0, "b": 1.0}, "0.25 is asked for"),
    ("complex-step", {}, "raised KeyError"),
    ("loops-part", (SQUARE, 0.1, 0.1), "0.02 is asked for"),
    ("loops-part", (np.full((3, 3), 0.1), 0.6, 0.6), "uniqueness value"),
    ("evidence-limits", (-6.9, 3.45), "not within 1 %"),
    ("chain-picture", (0.25, 0.03), "nats less likely"),
    ("support-prior", ToldTwice(0.2, 0.4), "are "),
    ("support-prior", GridSupport(-0.5, 0.3, 0.3), "are "),
]


def test_every_problem_has_a_right_answer_here_and_every_kind_a_problem():
    assert set(RIGHT) == set(PROBLEMS)
    assert {each.kind for each in PROBLEMS.values()} == set(KINDS)
    assert all(each.asked and "*Judged:*" in each.asked for each in PROBLEMS.values())


@pytest.mark.parametrize("name", PROBLEMS)
def test_a_right_answer_passes(name):
    assert (report := problem(name, RIGHT[name])), report.message


@pytest.mark.parametrize(("name", "answer", "told"), WRONG, ids=str)
def test_a_wrong_answer_fails_with_the_reason(name, answer, told):
    report = problem(name, answer)
    assert not report
    assert told in str(report)


def test_an_unknown_problem_is_refused():
    with pytest.raises(ValueError, match=r"name must be one of laplace-precision, .* got 'gates'"):
        problem("gates", Gate)

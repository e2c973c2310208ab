"""What the base class says to a prior that a user has written wrongly."""

import numpy as np
import pytest

from tvbi_ref import nets
from tvbi_ref.errors import NonFiniteError
from tvbi_ref.module_b import (
    ChainSupport,
    GraphSupport,
    GridSupport,
    GroupSupport,
    Incoming,
    IndependentSupport,
    NeuronSupport,
    SupportPrior,
    Tiles,
    learn,
)
from tvbi_ref.prior import HierarchicalPrior
from tvbi_ref.turbo import TurboVBI


class Own(SupportPrior):
    """A prior whose answer is whatever it was given."""

    def __init__(self, answer):
        self.answer = answer

    def _incoming(self, evidence, state, schedule):
        return self.answer(evidence)

    def sample(self, shape, rng):
        return np.zeros(shape)

    def log_prob(self, support):
        return 0.0


def writes(evidence):
    evidence -= 1
    return Incoming(evidence)


WRONG = {
    "nothing": (lambda l: None, TypeError, "Own._incoming must return Incoming; got NoneType"),
    "bare array": (lambda l: l, TypeError, "must return Incoming; got ndarray"),
    "scalar": (lambda l: Incoming(0.0), ValueError, r"shape \(3, 2\)"),
    "column": (lambda l: Incoming(l[:, :1]), ValueError, r"shape \(3, 2\)"),
    "transposed": (lambda l: Incoming(l.T), ValueError, r"shape \(3, 2\)"),
    "short message": (lambda l: Incoming(l, [l, l[:1]]), ValueError, r"heard from Own.*\(1, 2\)"),
    "nan": (lambda l: Incoming(l * np.nan), NonFiniteError, "message of Own"),
    "infinite": (lambda l: Incoming(l, [l + np.inf]), NonFiniteError, "message of Own"),
    "no residuals": (lambda l: Incoming(l, (), None), ValueError, "residuals from Own"),
    "writes into the evidence": (writes, ValueError, "read-only"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_answer_is_named(case):
    answer, error, says = WRONG[case]
    evidence = np.zeros((3, 2))
    with pytest.raises(error, match=says):
        Own(answer).extrinsic(evidence)
    assert (evidence == 0).all()


def test_a_right_answer_passes_and_becomes_an_array():
    answer = Own(lambda l: Incoming([[1, 2]])).extrinsic([[0.0, 0.0]])
    np.testing.assert_array_equal(answer.log_odds, [[1.0, 2.0]])


@pytest.mark.parametrize(
    "support",
    [
        IndependentSupport(-1.0),
        ChainSupport(0.1, 0.3),
        ChainSupport(0.1, 0.3, axis=1),
        NeuronSupport(0.2, 0.5, 0.01),
        GroupSupport(Tiles(2, 2), 0.2, 1.0, 0.0),
        GridSupport(-1.0, 0.1, 0.3),
        GraphSupport([(0, 3)], 0.5, -1.0),
    ],
    ids=lambda s: type(s).__name__,
)
def test_no_prior_writes_into_the_evidence(support, rng):
    evidence = rng.normal(size=(4, 3))
    before = evidence.copy()
    support.extrinsic(evidence)
    np.testing.assert_array_equal(evidence, before)


def test_a_class_is_no_prior():
    with pytest.raises(TypeError, match="support must be an instance of a SupportPrior"):
        HierarchicalPrior.spike_and_slab(NeuronSupport)


UNTEACHABLE = [
    (Own(None), TypeError, " must be one of .* to be learned; got Own"),
    (GridSupport(np.zeros((64, 8)), 0.1, 0.1), ValueError, r"\.field must be one number for all"),
    (GraphSupport([(0, 1)], 0.1, np.zeros((64, 8))), ValueError, r"\.field must be one number"),
    (GraphSupport([(0, 1)], [0.1]), ValueError, r"\.couplings must be .* got shape \(1,\)"),
    (NeuronSupport(0.2, 0.5, 0.01, p_end=0.3), ValueError, r"\.p_end must be None to be learned"),
]


@pytest.mark.parametrize(("support", "error", "says"), UNTEACHABLE)
def test_what_cannot_be_learned_is_said_before_the_run_and_by_layer(support, error, says, digits):
    with pytest.raises(error, match=f"^support{says}"):
        learn(support, np.zeros((64, 8)))
    priors = [HierarchicalPrior.spike_and_slab(s) for s in (ChainSupport(0.1, 0.3), support)]
    turbo = TurboVBI(priors, epochs=2, learn=True)
    with pytest.raises(error, match=rf"^prior\[1\]\.support{says}"):
        turbo.fit(nets.mlp([64, 8, 10], seed=0), digits.x_train, digits.y_train)


def test_learn_is_yes_or_no():
    with pytest.raises(TypeError, match="learn must be True or False; got 'yes'"):
        TurboVBI(HierarchicalPrior.spike_and_slab(ChainSupport(0.1, 0.3)), learn="yes")

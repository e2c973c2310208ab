"""Every wrong argument of Module B raises the right error, with the argument's name in it."""

import numpy as np
import pytest

from tvbi_ref.errors import NonFiniteError
from tvbi_ref.module_b import (
    ChainSupport,
    GraphSupport,
    GridSupport,
    IndependentSupport,
    markov_to_ising,
)
from tvbi_ref.module_b.grid import Border

NAN, INF = float("nan"), float("inf")
ZEROS = np.zeros((2, 3))


def grid(**arguments):
    return GridSupport(**{"field": -1.0, "coupling_row": 0.1, "coupling_col": 0.2} | arguments)


def with_one(value):
    evidence = ZEROS.copy()
    evidence[1, 2] = value
    return evidence


SCHEDULES = [
    ({"damping": -0.1}, ValueError, "damping"),
    ({"damping": 1}, ValueError, "damping"),
    ({"damping": NAN}, ValueError, "damping"),
    ({"damping": "half"}, TypeError, "damping"),
    ({"sweeps": 0}, ValueError, "sweeps"),
    ({"sweeps": -3}, ValueError, "sweeps"),
    ({"sweeps": 2.5}, TypeError, "sweeps"),
    ({"sweeps": True}, TypeError, "sweeps"),
    ({"tol": -1}, ValueError, "tol"),
    ({"tol": NAN}, ValueError, "tol"),
    ({"tol": INF}, ValueError, "tol"),
    ({"tol": None}, TypeError, "tol"),
]
EVIDENCES = [
    (with_one(NAN), NonFiniteError, r"evidence has 1 entry .* \(first at \(1, 2\): nan\)"),
    (with_one(INF), NonFiniteError, "evidence"),
    (with_one(-INF), NonFiniteError, "evidence"),
    (np.zeros(3), ValueError, "evidence"),
    (np.zeros((2, 3, 4)), ValueError, "evidence"),
    (0.0, ValueError, "evidence"),
    (np.zeros((0, 3)), ValueError, "evidence is empty"),
    (np.zeros((3, 0)), ValueError, "evidence is empty"),
    ([["a", "b"]], TypeError, "evidence"),
    (np.zeros((2, 3), complex), TypeError, "evidence"),
    (None, TypeError, "evidence"),
]
PRIORS = {
    "independent": IndependentSupport(-1.0),
    "chain": ChainSupport(0.1, 0.3),
    "grid": GridSupport(-1.0, 0.1, 0.2),
}


@pytest.mark.parametrize("prior", PRIORS.values(), ids=PRIORS.keys())
@pytest.mark.parametrize(("evidence", "error", "message"), EVIDENCES)
def test_bad_evidence_is_refused(prior, evidence, error, message):
    with pytest.raises(error, match=message):
        prior.extrinsic(evidence)


@pytest.mark.parametrize("prior", PRIORS.values(), ids=PRIORS.keys())
@pytest.mark.parametrize(("schedule", "error", "message"), SCHEDULES)
def test_a_bad_schedule_is_refused_even_where_it_would_not_matter(prior, schedule, error, message):
    with pytest.raises(error, match=f"^{message} must be"):
        prior.extrinsic(ZEROS, **schedule)


@pytest.mark.parametrize("prior", PRIORS.values(), ids=PRIORS.keys())
@pytest.mark.parametrize(
    ("support", "error", "message"),
    [
        ([[0, 2]], ValueError, r"support must hold only 0 and 1; got 2 at \(0, 1\)"),
        ([[0.5, 1]], ValueError, r"support must hold only 0 and 1; got 0\.5 at \(0, 0\)"),
        ([[NAN, 1]], NonFiniteError, "support"),
        ([0, 1], ValueError, "support"),
        (np.zeros((0, 2)), ValueError, "support"),
        ([["on", "off"]], TypeError, "support"),
    ],
)
def test_a_bad_support_has_no_log_probability(prior, support, error, message):
    with pytest.raises(error, match=message):
        prior.log_prob(support)


@pytest.mark.parametrize(
    ("build", "error", "message"),
    [
        (lambda: ChainSupport(0.0, 0.5), ValueError, "p01"),
        (lambda: ChainSupport(1.0, 0.5), ValueError, "p01"),
        (lambda: ChainSupport(NAN, 0.5), ValueError, "p01"),
        (lambda: ChainSupport("0.1", 0.5), TypeError, "p01"),
        (lambda: ChainSupport(0.5, 1), ValueError, "p10"),
        (lambda: ChainSupport(0.5, 0), ValueError, "p10"),
        (lambda: ChainSupport(0.5, -0.2), ValueError, "p10"),
        (lambda: ChainSupport(0.5, 0.5, axis=2), ValueError, "axis"),
        (lambda: ChainSupport(0.5, 0.5, axis=-1), ValueError, "axis"),
        (lambda: ChainSupport(0.5, 0.5, axis="rows"), ValueError, "axis"),
        (lambda: IndependentSupport(NAN), ValueError, "log_odds"),
        (lambda: IndependentSupport(INF), ValueError, "log_odds"),
        (lambda: IndependentSupport(None), TypeError, "log_odds"),
        (lambda: grid(coupling_row=NAN), ValueError, "coupling_row"),
        (lambda: grid(coupling_row=41), ValueError, "coupling_row"),
        (lambda: grid(coupling_col=-41), ValueError, "coupling_col"),
        (lambda: grid(coupling_col=INF), ValueError, "coupling_col"),
        (lambda: grid(coupling_col="0.2"), TypeError, "coupling_col"),
        (lambda: grid(coupling_col=[0.1, 0.2]), TypeError, "coupling_col"),
        (lambda: grid(field=NAN), NonFiniteError, "field"),
        (lambda: grid(field=with_one(INF)), NonFiniteError, "field"),
        (lambda: grid(field="-1"), TypeError, "field"),
        (lambda: grid(field=np.zeros((0, 3))), ValueError, "field"),
        (lambda: GridSupport.from_markov(0.0, 0.5, 0.5, 0.5), ValueError, "p01"),
        (lambda: GridSupport.from_markov(0.5, 0.5, 0.5, 1.0), ValueError, "p10"),
        (lambda: markov_to_ising(1e-13, 0.5), ValueError, "p01"),
    ],
)
def test_a_bad_parameter_is_refused_when_the_prior_is_built(build, error, message):
    with pytest.raises(error, match=message):
        build()


@pytest.mark.parametrize("side", ["top", "bottom", "left", "right"])
@pytest.mark.parametrize("value", [NAN, INF])
def test_a_border_that_is_not_finite_is_refused(side, value):
    with pytest.raises(ValueError, match=side):
        grid(border=Border(**{side: value})).extrinsic(ZEROS)


@pytest.mark.parametrize("field", [np.zeros((3, 2)), np.zeros((1, 3)), np.zeros(3)])
def test_a_field_of_another_shape_than_the_layer_is_refused(field):
    for use in (
        lambda prior: prior.extrinsic(ZEROS),
        lambda prior: prior.log_prob(ZEROS),
        lambda prior: prior.sample((2, 3), np.random.default_rng(0)),
    ):
        with pytest.raises(ValueError, match=r"field must have the layer's shape \(2, 3\)"):
            use(grid(field=field))


@pytest.mark.parametrize(
    ("state", "error"),
    [
        (np.ones((4, 3, 2)), ValueError),
        (np.ones((2, 3)), ValueError),
        (np.full((4, 2, 3), NAN), NonFiniteError),
        (np.zeros((4, 2, 3)), ValueError),
        (-np.ones((4, 2, 3)), ValueError),
        ("warm", TypeError),
    ],
)
def test_a_state_that_is_no_state_of_this_layer_is_refused(state, error):
    with pytest.raises(error, match="state"):
        grid().extrinsic(ZEROS, state)


@pytest.mark.parametrize("field", [1e308, -1e308, 1001.0])
@pytest.mark.parametrize(
    "make",
    [
        IndependentSupport,
        lambda h: grid(field=h),
        lambda h: grid(field=np.full((2, 2), h)),
        lambda h: grid(border=Border(top=h)),
        lambda h: GraphSupport([[0, 1]], 0.1, h),
    ],
)
def test_log_odds_that_no_float_can_hold_are_refused_at_once(make, field):
    with pytest.raises(ValueError, match=r"must be .*1000.*got"):
        make(field)

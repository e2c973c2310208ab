"""The cases of the checks, systematically: what a careless function gets away with, in no case."""

import numpy as np
import pytest

from tvbi_ref import equations
from tvbi_ref.school.checks.calling import Observation, observe
from tvbi_ref.school.checks.equations import examine
from tvbi_ref.school.checks.suites import CHECKS, cases_of

CUTS = {
    "in (0, 1)": lambda p: np.clip(p, 1e-6, 1 - 1e-6),
    "in [0, 1]": lambda p: np.clip(p, 1e-6, 1 - 1e-6),
    "> 0": lambda x: np.maximum(x, 1e-6),
    ">= 0": lambda x: np.maximum(x, 1e-6),
    "real": lambda x: np.clip(x, -20, 20),
    "<= 0": lambda x: np.clip(x, -20, 20),
    "log-odds, real": lambda x: np.clip(x, -20, 20),
    "log-odds, in [-2 abs(J), 2 abs(J)]": lambda x: np.clip(x, -20, 20),
}
"""By the domain of a symbol: what cuts off extreme probabilities, and floors of logarithms."""

CHANGES_NOTHING = {
    ("likelihood-categorical", "gradient"): "at most 1/B",
    ("noise-precision", "shape"): "at least half a datum more than the prior's",
    ("elbo", "shape"): "at least 1/2",
    ("q-precision", "shape"): "at least 1/2",
    ("q-precision-complex", "shape"): "at least 1",
    ("em-ising", "d_field"): "at most a node's share each",
    ("em-ising", "d_coupling_row"): "at most an edge's share each",
    ("em-ising", "d_coupling_col"): "at most an edge's share each",
    ("prune", "support_log_odds"): "both sides of 0 remain what they are",
    ("markov-to-ising", "coupling"): "at most 14 for p >= 1e-12",
    ("markov-to-ising", "field_first"): "at most 14 for p >= 1e-12",
    ("uniqueness", "coupling_row"): "tanh 20 is 1 in float64",
    ("uniqueness", "coupling_col"): "tanh 20 is 1 in float64",
    ("bits", "bits"): "so few only in a layer of a million",
}


def symbols():
    for label in CHECKS:
        entry = equations.get(label)
        for side in ("inputs", "outputs"):
            for k, symbol in enumerate(getattr(entry, side)):
                can = symbol.shape != "Gamma" and symbol.domain in CUTS
                if can and (label, symbol.name) not in CHANGES_NOTHING:
                    yield pytest.param(label, side, k, id=f"{label}-{side}-{symbol.name}")


@pytest.mark.parametrize(("label", "side", "k"), list(symbols()))
def test_a_cut_at_20_log_odds_or_at_1e_6_is_noticed(label, side, k):
    entry = equations.get(label)
    cut = CUTS[getattr(entry, side)[k].domain]

    def with_cut(values):
        return tuple(np.asarray(cut(v))[()] if j == k else v for j, v in enumerate(values))

    def careless(arguments):
        if side == "inputs":
            return observe(entry.function, with_cut(arguments))
        return Observation(
            tuple(map(np.asarray, with_cut(observe(entry.function, arguments).results)))
        )

    assert not examine(label, careless)


def arrays(label):
    """Return the arrays among the arguments of each case, with the letters of their shapes."""
    for case in cases_of(label):
        for symbol, value in zip(equations.get(label).inputs, case.arguments, strict=True):
            for entry in value if isinstance(value, list) else [value]:
                if isinstance(entry, np.ndarray):
                    yield symbol, entry


@pytest.mark.parametrize("label", [label for label in CHECKS if any(arrays(label))])
def test_more_than_40_entries_are_among_the_cases(label):
    assert max(entry.size for _, entry in arrays(label)) > 40


@pytest.mark.parametrize("label", CHECKS)
def test_square_matrices_stand_beside_oblong_ones(label):
    """In a square one nothing fails by its shape."""
    shapes = {e.shape for s, e in arrays(label) if e.ndim == 2 and "2" not in s.shape}
    sides = [(m, n) for m, n in shapes if min(m, n) > 1]
    if shapes:
        assert any(m == n for m, n in sides)
        assert any(m > n for m, n in sides)
        assert any(m < n for m, n in sides)


@pytest.mark.parametrize(
    "label", [e.label for e in equations.EQUATIONS.values() if "p01" in [s.name for s in e.inputs]]
)
def test_a_transition_that_almost_never_happens_is_among_the_cases(label):
    k = [symbol.name for symbol in equations.get(label).inputs].index("p01")
    assert min(case.arguments[k] for case in cases_of(label)) <= 1e-12

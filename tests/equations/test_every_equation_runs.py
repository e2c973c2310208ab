"""The equation that is read is the equation that runs: a profiler finds all of them called."""

import sys

import numpy as np
import pytest

import tvbi_ref
from tvbi_ref import datasets, nets
from tvbi_ref.compression import compress, report
from tvbi_ref.equations import EQUATIONS
from tvbi_ref.gamma import Gamma
from tvbi_ref.module_b import (
    ChainSupport,
    GraphSupport,
    GridSupport,
    IndependentSupport,
    NeuronSupport,
)
from tvbi_ref.prior import HierarchicalPrior
from tvbi_ref.turbo import TurboVBI


def called_in(work):
    """Return the labels whose registered, readable function is entered while `work` runs."""
    label_of = {e.function.readable.__code__: label for label, e in EQUATIONS.items()}
    seen = set()

    def look(frame, event, argument):
        if event == "call" and frame.f_code in label_of:
            seen.add(label_of[frame.f_code])

    sys.setprofile(look)
    try:
        work()
    finally:
        sys.setprofile(None)
    return seen


def prior(support):
    return HierarchicalPrior.spike_and_slab(support)


def fit(net, x, y, supports, **options):
    settings = {"epochs": 2, "batch_size": 16, "spike_epochs": 1} | options
    result = TurboVBI([prior(s) for s in supports], **settings).fit(net, x, y)
    return compress(result), result


def an_mlp():
    x, y = datasets.load_digits().x_train[:64], datasets.load_digits().y_train[:64]
    for module_a in ("collapsed", "mean_field", "mean_field_complex"):
        fit(nets.mlp([64, 8, 6, 10], seed=0), x, y, supports()[:3], module_a=module_a)
    small, result = fit(nets.mlp([64, 8, 10], seed=0), x, y, learned(), learn=True)
    small.predict(x[:5])
    report(small, x=x[:5], seconds=0.01)
    result.network.predict(x)


def a_regression():
    x = np.random.default_rng(0).normal(size=(40, 3))
    net = nets.mlp([3, 4, 2], seed=0, likelihood="gaussian", noise=Gamma(1.0, 1.0))
    small, _ = fit(net, x, x[:, :2], supports()[3:])
    small.predict(x)


def a_cnn():
    x = np.random.default_rng(1).normal(size=(24, 1, 6, 6)).astype(np.float32)
    net = nets.cnn((1, 6, 6), [nets.Block(3, 3)], [2], seed=0)
    small, _ = fit(net, x, np.arange(24) % 2, (GridSupport(-1.0, 0.1, 0.2), ChainSupport(0.2, 0.3)))
    small.predict(x)


def supports():
    return (
        NeuronSupport(0.5, 0.8, 0.1),
        GridSupport.from_markov(0.4, 0.5, 0.4, 0.4),
        IndependentSupport(-1.0),
        GraphSupport([[0, 1], [1, 2]], 0.3, -1.0),
        ChainSupport(0.2, 0.3, axis=1),
    )


def learned():
    return GridSupport(-1.0, 0.05, 0.1), ChainSupport(0.2, 0.3)


@pytest.fixture(scope="module")
def called():
    with tvbi_ref.use("numpy"):
        return set().union(*map(called_in, (an_mlp, a_regression, a_cnn)))


ANALYTIC = {label for label, equation in EQUATIONS.items() if equation.analytic}


@pytest.mark.parametrize("label", EQUATIONS)
def test_every_equation_is_called_by_its_function_or_listed_as_analytic(label, called):
    assert (label in called) != (label in ANALYTIC)


def test_the_list_of_analytic_equations_is_short():
    assert len(ANALYTIC) <= 8

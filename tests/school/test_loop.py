"""A function of the reader's in a short run: what is called, and how far it takes the run."""

from dataclasses import replace

import numpy as np
import pytest

from tvbi_ref import (
    HierarchicalPrior,
    IndependentSupport,
    PlugError,
    TurboVBI,
    in_the_loop,
    listen,
    nets,
    use,
)
from tvbi_ref.equations import EQUATIONS, get
from tvbi_ref.school.loop import OF_ANOTHER_RUN, _usual_run

OTHERS = {
    "markov-to-ising": "where a grid is made from probabilities",
    "likelihood-gaussian": "in regression",
    "noise-precision": "in regression",
    "local-reparam-conv": "in a convolution",
    "local-reparam-conv-backward": "in a convolution",
    "bits": "in a report",
    "sparse-forward": "in a small network",
}
"""Equations that no short run on digits calls, and where they are."""


def readable(label):
    return get(label).function.readable


def half(prior_log_odds, evidence):
    return prior_log_odds + evidence / 2


@pytest.fixture
def tiny(digits):
    prior = HierarchicalPrior.spike_and_slab(IndependentSupport(-1.0))
    return {"turbo": TurboVBI(prior, epochs=2), "network": nets.mlp([64, 4, 10], seed=0)}


@pytest.mark.slow
@pytest.mark.parametrize(
    "labels", [[], *({label} for label in ("elbo", "q-precision-complex", "em-chain"))]
)
def test_the_usual_runs_call_every_equation_that_a_run_on_digits_can(labels, digits):
    """One run for each set of options; together they call all but those that are listed."""
    options = {k: v for label in labels for k, v in OF_ANOTHER_RUN[label].items()}
    wanted = {
        label
        for label, equation in EQUATIONS.items()
        if not equation.analytic and label not in OTHERS
        if OF_ANOTHER_RUN.get(label, {}) == options
    }
    short = replace(_usual_run(labels), epochs=3, spike_epochs=2)
    with use("numpy"), listen() as heard:
        in_the_loop({"prune": readable("prune")}, turbo=short)
    assert wanted <= heard.counts.keys()


def test_the_packages_own_function_gives_the_same_run_bit_for_bit(tiny):
    found = in_the_loop({"q-support": readable("q-support")}, **tiny)
    assert found.comparison.same
    assert found.reports["q-support"]
    assert found.calls["q-support"] > 0
    assert "[q-support]" in str(found)
    assert "bit for bit the same: 2 epochs, 2 layers" in str(found)
    ours, theirs = found.comparison.scores
    assert ours == theirs


def test_a_wrong_function_runs_and_is_said_to_be_wrong_and_where_the_runs_part(tiny):
    before = [array.copy() for array in tiny["network"].state()]
    found = in_the_loop(q_support=half, **tiny)
    assert "failed" in str(found).splitlines()[0]
    assert not found.comparison.same
    assert found.comparison.parting.epoch == 0
    assert "test score: " in str(found)
    after = tiny["network"].state()
    assert all(np.array_equal(a, b) for a, b in zip(before, after, strict=True))


def test_what_is_not_called_is_said(tiny):
    found = in_the_loop(chain_messages=readable("chain"), **tiny)
    assert "chain_messages  [chain]  not called in this run" in str(found)
    assert found.comparison.same


def test_what_cannot_take_part_is_named(tiny):
    with pytest.raises(PlugError, match=r"\[q-support\] your function <lambda> returned"):
        in_the_loop(q_support=lambda prior, evidence: 0.0, **tiny)
    with pytest.raises(ValueError, match="in_the_loop needs a function"):
        in_the_loop()
    with pytest.raises(ValueError, match="did you mean q-support"):
        in_the_loop({"q-suport": half})


def test_the_usual_run_is_the_one_that_calls_the_equation():
    assert _usual_run(["evidence"]).module_a == "mean_field"
    assert _usual_run(["em-chain"]).learn
    assert _usual_run(["chain"]).module_a == "collapsed"

"""A reader's own equations run the network: ten at once, and to the same supports."""

import inspect

import numpy as np
import own_equations
import pytest

from tvbi_ref import (
    GridSupport,
    HierarchicalPrior,
    TurboVBI,
    listen,
    nets,
    support_masks,
    use,
)
from tvbi_ref.equations import EQUATIONS, GROUPS, get
from tvbi_ref.school.checks import check

OWN = {
    label: getattr(own_equations, equation.task)
    for label, equation in EQUATIONS.items()
    if hasattr(own_equations, equation.task)
}


def run(digits):
    grid = GridSupport.from_markov(0.2, 0.6, 0.2, 0.6)
    prior = HierarchicalPrior.spike_and_slab(grid, variance=0.1)
    net = nets.mlp([64, 12, 10], seed=0, dtype=np.float64)
    turbo = TurboVBI(prior, epochs=8, learning_rate=5e-3, kl_warmup=2, spike_epochs=4)
    result = turbo.fit(net, digits.x_train[:400], digits.y_train[:400])
    return result, support_masks(result)


@pytest.mark.parametrize("label", OWN)
def test_each_passes_its_check_and_is_written_anew(label):
    assert check(label, OWN[label])
    body = inspect.getsource(OWN[label]).split('"""')[-1].split()
    assert body != inspect.getsource(get(label).function).split('"""')[-1].split()


def test_there_are_ten_of_every_group():
    assert len(OWN) == 10
    assert {get(label).group for label in OWN} == set(GROUPS)


def test_ten_of_the_readers_equations_at_once_train_digits_to_the_same_supports(digits):
    ours, masks = run(digits)
    with use(OWN), listen() as heard:
        theirs, same = run(digits)
    assert {c.label for c in heard.calls if c.whose == "own"} | {"prune"} == set(OWN)
    assert heard.counts["prune"] == 2
    for a, b in zip(masks, same, strict=True):
        np.testing.assert_array_equal(a, b)
        assert 0.02 < a.mean() < 0.9, "the comparison would say nothing"
    for a, b in zip(ours.posteriors, theirs.posteriors, strict=True):
        np.testing.assert_allclose(a.support_log_odds, b.support_log_odds, rtol=1e-6, atol=1e-8)

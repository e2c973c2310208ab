"""A caller's error state and warning filters change nothing that the package computes."""

import warnings
from copy import deepcopy

import numpy as np
import pytest

from tvbi_ref import HierarchicalPrior, TurboVBI, checks, compress, nets, prune, use
from tvbi_ref.equations import EQUATIONS
from tvbi_ref.equations.sockets import SOCKETS
from tvbi_ref.module_b import ChainSupport, GridSupport, IndependentSupport

EXTREME = np.array([[0.0, 900.0, -900.0], [3e3, -1e3, 1.0], [1e-300, 700.0, -700.0]])
SUPPORTS = [IndependentSupport(-2.0), ChainSupport(0.02, 0.5), GridSupport(-0.5, 0.04, 1.1)]


def flat(answer):
    if isinstance(answer, list | tuple):
        return [array for part in answer for array in flat(part)]
    return [np.asarray(answer)]


def require_the_same(call):
    """Call as by default, then with everything an error that can be one."""
    wanted = flat(call())
    with np.errstate(all="raise"), warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("default", UserWarning)  # what the package itself has to say
        found = flat(call())
    for a, b in zip(wanted, found, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("engine", ["numpy", "numba"])
@pytest.mark.parametrize("label", [label for label in EQUATIONS if label in SOCKETS])
def test_equations(label, engine):
    with use(engine):
        for case in checks.cases(label):
            require_the_same(
                lambda case=case: SOCKETS[label](*deepcopy(list(case.inputs.values())))
            )


@pytest.mark.parametrize("support", SUPPORTS, ids=lambda s: type(s).__name__)
def test_support_priors(support):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        require_the_same(lambda: support.extrinsic(EXTREME).log_odds)


@pytest.mark.slow
@pytest.mark.parametrize("module_a", ["collapsed", "mean_field"])
def test_a_run_from_end_to_end(module_a, digits):
    x, y = 10 * digits.x_train[:200], digits.y_train[:200]

    def run():
        prior = HierarchicalPrior.spike_and_slab(SUPPORTS[2])
        turbo = TurboVBI(prior, epochs=3, module_a=module_a)
        result = turbo.fit(nets.mlp([64, 8, 10], seed=0), x, y)
        small = prune(result)
        nets.train(small, x, y, epochs=2, seed=0)
        return [*result.q_support, small.predict(1e4 * x), compress(small).predict(x)]

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        require_the_same(run)

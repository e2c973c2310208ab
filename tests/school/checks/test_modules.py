"""The modules of the round's check: they are what they say, and stand alone."""

from __future__ import annotations

import ast
import copy
from pathlib import Path

import numpy as np
import pytest

from tvbi_ref.gamma import Gamma
from tvbi_ref.module_a import FORMS
from tvbi_ref.module_b import ChainSupport, IndependentSupport
from tvbi_ref.school.checks import modules
from tvbi_ref.school.checks.modules import ChainB, CollapsedA, IndependentB, MeanFieldA

GAMMAS = [((1.0, 0.02), (1.0, 2e-5)), ((1.5, 0.3), (3.0, 1e-3)), ((0.3, 0.1), (20.0, 1e-4))]


@pytest.mark.parametrize("gammas", GAMMAS)
@pytest.mark.parametrize(("form", "kind"), [("collapsed", CollapsedA), ("mean_field", MeanFieldA)])
def test_module_a_is_the_packages_form_call_by_call(rng, form, kind, gammas):
    m, pi = np.exp(rng.uniform(-11, 1, (6, 5))), 3 * rng.normal(size=(3, 6, 5))
    (a, b), (a_bar, b_bar) = gammas
    module, q = kind(a, b, a_bar, b_bar), None
    for told in pi:
        q = FORMS[form].step(m, told, Gamma(a, b), Gamma(a_bar, b_bar), q)
        log_odds, rho = module(m, told)
        np.testing.assert_allclose(log_odds, q.support_log_odds, rtol=1e-11, atol=1e-11)
        np.testing.assert_allclose(rho, q.expected_precision, rtol=1e-11)


@pytest.mark.parametrize(
    ("module", "support"),
    [
        (ChainB(0.1, 0.3), ChainSupport(0.1, 0.3)),
        (ChainB(0.7, 0.9), ChainSupport(0.7, 0.9)),
        (IndependentB(-1.5), IndependentSupport(-1.5)),
    ],
)
def test_module_b_is_the_packages_prior(rng, module, support):
    for l in (5 * rng.normal(size=(6, 5)), rng.normal(size=(1, 3))):
        np.testing.assert_allclose(module(l), support.extrinsic(l).log_odds, atol=1e-11)


def test_a_copy_remembers_for_itself(rng):
    m, pi = np.exp(rng.normal(size=(2, 3))), rng.normal(size=(2, 3))
    module = MeanFieldA(1.0, 0.02, 1.0, 2e-5)
    twin = copy.deepcopy(module)
    first, _ = module(m, pi)
    np.testing.assert_array_equal(twin(m, pi)[0], first)
    assert np.abs(module(m, pi)[0] - first).max() > 1e-6


def test_what_a_module_returned_is_not_its_memory(rng):
    m, pi = np.exp(rng.normal(size=(2, 3))), rng.normal(size=(2, 3))
    module, twin = (MeanFieldA(1.0, 0.02, 1.0, 2e-5) for _ in range(2))
    module(m, pi)[0][:] = np.nan
    twin(m, pi)
    np.testing.assert_array_equal(module(m, pi)[0], twin(m, pi)[0])


def test_they_import_nothing_of_ours():
    for node in ast.walk(ast.parse(Path(modules.__file__).read_text())):
        if isinstance(node, ast.ImportFrom):
            assert node.module.split(".")[0] in ("__future__", "dataclasses", "typing", "numpy")

"""The one-page version: alone, short, true to the labels, and the same numbers as the package.

Both compute in float64, from the same initial means and the same random draws, so that what is
left between them is rounding. Training multiplies rounding, a millionfold within sixty epochs,
so that they are compared after eight.
"""

from __future__ import annotations

import ast
import io
import os
import re
import subprocess
import sys
import tokenize
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from tvbi_ref import ChainSupport, Gamma, HierarchicalPrior, TurboVBI, nets, one_page
from tvbi_ref.equations import EQUATIONS
from tvbi_ref.turbo import TurboResult

EPOCHS = 8
SOURCE = Path(one_page.__file__).read_text(encoding="utf-8")


# The page as a text


def test_it_is_shorter_than_a_hundred_lines():
    assert len(SOURCE.splitlines()) < 100
    assert max(map(len, SOURCE.splitlines())) <= 100


def imported(tree: ast.AST) -> set[str]:
    """Return the names of all modules that are imported anywhere below this node."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add("." * node.level + (node.module or ""))
    return found


def test_it_imports_numpy_alone_and_the_data_where_it_is_run():
    *algorithm, main = ast.parse(SOURCE).body
    assert isinstance(main, ast.If)
    assert ast.unparse(main.test) == "__name__ == '__main__'"
    assert imported(ast.Module(algorithm, [])) == {"numpy"}
    assert imported(main) == {"sklearn.datasets"}


def test_its_labels_are_those_of_the_equations_and_cover_every_step():
    tokens = tokenize.generate_tokens(io.StringIO(SOURCE).readline)
    prose = [t.string for t in tokens if t.type in (tokenize.COMMENT, tokenize.STRING)]
    labels = set(re.findall(r"\[([a-z]+(?:-[a-z]+)*)\]", " ".join(prose))) - {"brackets"}
    assert labels <= set(EQUATIONS)
    steps = {"turbo-loop", "local-reparam-dense", "local-reparam-dense-backward"}
    steps |= {"q-weight-gradient", "evidence-collapsed", "precision-collapsed"}
    assert steps | {"sum-product", "extrinsic-a", "extrinsic-b", "prune"} <= labels


# The page and the package


class Case(NamedTuple):
    """A network, and the numbers at the top of the page."""

    widths: tuple[int, ...]
    numbers: dict[str, float]


CASES = {
    "the page's own numbers": Case((64, 32, 10), {}),
    "a deeper network, others": Case(
        (64, 20, 15, 10),
        {"a": 1.5, "b": 0.3, "r_start": 0.2, "p01": 0.1, "p10": 0.4, "batch": 50, "seed": 3},
    ),
}


class Both(NamedTuple):
    """The same training by the page and by the package."""

    page: one_page.TurboVBI
    package: TurboResult


def train_package(net: nets.Network, x: np.ndarray, y: np.ndarray) -> TurboResult:
    """Train the package's network with the numbers that stand at the top of the page now."""
    a, b, r = one_page.a, one_page.b, one_page.r_end
    prior = HierarchicalPrior(
        Gamma(a, b), Gamma(a, r * b), ChainSupport(one_page.p01, one_page.p10)
    )
    loop = TurboVBI(
        prior,
        epochs=EPOCHS,
        batch_size=one_page.batch,
        learning_rate=one_page.eta,
        kl_warmup=EPOCHS // 2,
        spike_epochs=EPOCHS * 5 // 6,
        spike_start=one_page.r_start,
        seed=one_page.seed,
    )
    return loop.fit(net, x, y, progress=False)


@pytest.fixture(scope="module", params=CASES.values(), ids=CASES)
def both(request, digits):
    case, page = request.param, one_page.TurboVBI()
    x, y = digits.x_train, digits.y_train
    net = nets.mlp(case.widths, seed=0).astype(np.float64)
    means = [layer.mean.value.copy() for layer in net.weight_layers]
    with pytest.MonkeyPatch.context() as patch:
        for name, value in case.numbers.items():
            patch.setattr(one_page, name, value)
        page.fit(means, x, y, EPOCHS)
        yield Both(page, train_package(net, x, y))  # the numbers stay patched for the tests


def layers_of(both):
    """Yield the page's layer, the package's layer and the package's q(rho, s) of it."""
    package = both.package
    yield from zip(both.page.layers, package.network.weight_layers, package.posteriors, strict=True)


def test_the_package_drew_as_often_as_the_page(both, digits):
    n_batches = -(-len(digits.x_train) // one_page.batch)
    assert {q.t for q in both.page.layers} == {EPOCHS * n_batches}
    assert len(digits.x_train) % one_page.batch  # the last one is smaller, and used


def test_both_keep_the_same_weights(both):
    for q, _, posterior in layers_of(both):
        np.testing.assert_array_equal(q.logit_pi_tilde >= 0, posterior.support_log_odds >= 0)
    kept = np.concatenate([(q.logit_pi_tilde >= 0).ravel() for q in both.page.layers])
    assert 0.02 < kept.mean() < 0.98  # or it would say little


def test_both_have_the_same_posterior(both):
    for q, layer, posterior in layers_of(both):
        assert np.abs(q.mu - layer.mean.value).max() < 1e-12
        assert np.abs(q.bias - layer.bias.value).max() < 1e-12
        assert np.abs(q.ln_sigma2 - layer.log_variance.value).max() < 1e-10
        assert np.abs(q.logit_pi_tilde - posterior.support_log_odds).max() < 1e-10
        np.testing.assert_allclose(q.rho, posterior.expected_precision, rtol=1e-10)


def test_both_hear_the_same_from_module_b(both):
    for q, message in zip(both.page.layers, both.package.messages, strict=True):
        np.testing.assert_allclose(q.logit_pi, message.log_odds, atol=1e-10)


def test_the_bounds_of_the_package_are_not_reached(both):
    """The page has no bounds of ln sigma2; that is no difference as long as none is reached."""
    for q, layer, _ in layers_of(both):
        low, high = layer.log_variance.bounds
        assert low + 1 < q.ln_sigma2.min() <= q.ln_sigma2.max() < high - 1


# The page by itself


def test_another_exchange_changes_nothing(both):
    """Given q(w) both modules are exact and what they send is extrinsic: one round is enough."""
    for q in both.page.layers:
        logit_pi, logit_pi_tilde = q.logit_pi.copy(), q.logit_pi_tilde.copy()
        q.module_b(q.logit_pi_tilde - q.logit_pi)
        q.module_a(one_page.r_end)
        np.testing.assert_allclose(q.logit_pi, logit_pi, atol=1e-10)
        np.testing.assert_allclose(q.logit_pi_tilde, logit_pi_tilde, atol=1e-10)


def test_without_evidence_module_b_says_what_a_layer_starts_from(rng):
    q = one_page.Layer(rng.normal(size=(7, 3)))
    start, share = q.logit_pi, one_page.p01 / (one_page.p01 + one_page.p10)
    q.module_b(np.zeros((7, 3)))
    np.testing.assert_allclose(q.logit_pi, start)
    np.testing.assert_allclose(q.logit_pi, np.log(share / (1 - share)))


def test_two_epochs_are_enough_and_so_is_one_minibatch(rng):
    page, y = one_page.TurboVBI(), np.array([0, 1, 1])
    page.fit([rng.normal(size=(4, 2))], rng.normal(size=(3, 4)), y, epochs=2)
    assert page.layers[0].t == 2
    assert np.isfinite(page.layers[0].theta).all()


@pytest.fixture(scope="module")
def printed() -> str:
    run = subprocess.run(
        [sys.executable, "-m", "tvbi_ref.one_page"],
        env=os.environ | {"PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return run.stdout


@pytest.mark.slow
def test_running_it_prints_what_a_pruned_network_can_do(printed):
    *_, last = printed.strip().splitlines()
    found = re.fullmatch(
        r"accuracy (\d\.\d+), kept (\d+) of (\d+) weights, compression ([\d.]+)", last
    )
    assert found, last
    accuracy, kept, total, compression = map(float, found.groups())
    assert accuracy > 0.9
    assert total == 64 * 32 + 32 * 10
    assert total / 50 < kept < total / 2
    assert compression == pytest.approx(total / kept, abs=0.06)


@pytest.mark.slow
def test_running_it_draws_every_kept_weight(printed):
    *picture, last = printed.strip().splitlines()
    drawn = "".join(picture)
    assert f"kept {drawn.count('▀') + drawn.count('▄') + 2 * drawn.count('█')} of" in last
    assert set(drawn) <= set(" ▀▄█")
    assert len(picture) < 25
    assert max(map(len, picture)) <= 64

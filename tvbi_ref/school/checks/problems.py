"""Problems beyond the equations: derive, break, explain, extend. An answer is judged, not compared.

What may be answered in many ways has no expected value. Each problem says how its answer is tried:
by the expected log joint, by enumeration, by differences, by a likelihood.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats
from scipy.special import expit

from tvbi_ref import module_a
from tvbi_ref._validation import FloatArray, as_float_array, as_real
from tvbi_ref.compression import entropy_bound
from tvbi_ref.gamma import Gamma
from tvbi_ref.module_b import ChainSupport, GridSupport, SupportPrior, exact
from tvbi_ref.prior import log_marginal_weight
from tvbi_ref.school.checks.calling import describe
from tvbi_ref.school.checks.gradients import check_gradients
from tvbi_ref.school.checks.report import Finding, Report
from tvbi_ref.turbo.follow_up import update_precision_complex

Judge = Callable[[Any], Iterator[Finding]]

KINDS = ("derive", "break", "explain", "extend")


@dataclass(frozen=True)
class Problem:
    """Something to find, and how an answer is judged.

    Parameters
    ----------
    name : str
    kind : str
        One of `KINDS`.
    lesson : str
        The lesson that it belongs to.
    asked : str
        Markdown.
    judge : callable (answer) -> iterator of Finding
    """

    name: str
    kind: str
    lesson: str
    asked: str
    judge: Judge

    @property
    def task(self) -> str:
        """What its function is called in the exercises."""
        return self.name.replace("-", "_")


PROBLEMS: dict[str, Problem] = {}


def _problem(name: str, kind: str, lesson: str) -> Callable[[Judge], Judge]:
    """File a judge, whose docstring is what is asked for, under a name."""

    def file(judge: Judge) -> Judge:
        PROBLEMS[name] = Problem(name, kind, lesson, inspect.cleandoc(judge.__doc__ or ""), judge)
        return judge

    return file


def problem(name: str, answer: Any) -> Report:
    """Judge the answer to a problem.

    Parameters
    ----------
    name : str
        One of `PROBLEMS`.
    answer : object
        What the problem asks for. Whatever it does when it is tried is a finding.

    Returns
    -------
    Report

    Raises
    ------
    ValueError
        If there is no such problem.

    Examples
    --------
    >>> print(problem("evidence-limits", (-1.0, 1.0)).message)
    evidence-limits: failed 2 of 2
    first, the least: -1 is not within 1 % of what the equation tends to as m goes to 0
    """
    if name not in PROBLEMS:
        raise ValueError(f"name must be one of {', '.join(PROBLEMS)}; got {name!r}")
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            judged = PROBLEMS[name].judge(answer)
            findings = tuple(Finding(f.case, f.ok, "" if f.ok else f.text) for f in judged)
    except Exception as error:  # a stranger's answer may do anything
        findings = (Finding("the answer", False, f"raised {describe(error)}"),)
    wrong = [finding for finding in findings if not finding.ok]
    if not wrong:
        return Report(name, True, f"{name}: passed all {len(findings)}", findings)
    message = f"{name}: failed {len(wrong)} of {len(findings)}"
    return Report(name, False, f"{message}\nfirst, {wrong[0].case}: {wrong[0].text}", findings)


# Derive


@_problem("laplace-precision", "derive", "03_module_a")
def _laplace_precision(answer: Any) -> Iterator[Finding]:
    r"""Another prior of the weight, Laplace in place of Gaussian:
    $p(w \mid \rho) = \frac\rho2 e^{-\rho \lvert w \rvert}$, $\rho$ as before. Derive the best
    $q(\rho)$ and write
    `update_precision_laplace(expected_absolute, q_support, active, inactive)`, with
    $\mathrm E_q \lvert w \rvert$ (I, J) in the place of $m$; return shape and rate, each (I, J).

    *Judged:* $\ln q(\rho)$ must differ from the expected log joint by a constant, at 40 values of
    $\rho$.
    """
    rng, rho = np.random.default_rng(0), np.geomspace(1e-3, 1e3, 40)
    for name, scale in (("ordinary weights", 1.0), ("weights of a millionth", 1e-6)):
        absolute, alive = scale * rng.exponential(size=(3, 2)), rng.uniform(size=(3, 2))
        live, dead = Gamma(1.5, 0.3), Gamma(2.0, 1e-3)
        shape, rate = (np.asarray(x) for x in answer(absolute.copy(), alive.copy(), live, dead))
        joint = np.log(rho) - np.multiply.outer(absolute, rho)
        for share, gamma in ((alive, live), (1 - alive, dead)):
            joint = joint + np.multiply.outer(share, gamma.log_density(rho))
        q = np.multiply.outer(shape - 1, np.log(rho)) - np.multiply.outer(rate, rho)
        off = float(np.ptp(q - joint, axis=-1).max())
        text = f"ln q(rho) and the expected log joint differ by more than a constant, {off:.3g}"
        yield Finding(name, off < 1e-8 * np.abs(joint).max(), text)


@_problem("at-least-one", "derive", "05_sum_product")
def _at_least_one(answer: Any) -> Iterator[Finding]:
    r"""A factor of three supports, $\psi(s, s', s'') = 1$ if at least one of them lives, else 0.
    Derive its message to $s$ and write `at_least_one(cavity_second, cavity_third)`: log-odds in,
    two arrays of one shape; log-odds out.

    *Judged:* by enumeration of the four states of the two senders, also where they are very sure.
    """
    rng = np.random.default_rng(1)
    cases = {
        "random": 3 * rng.normal(size=(2, 4, 3)),
        "both surely alive": np.full((2, 2), 300.0),
        "both surely dead": np.full((2, 2), -300.0),
        "one each": np.array([[-800.0], [800.0]]),
    }
    for name, (second, third) in cases.items():
        states = np.stack([0 * second, second, third, second + third])
        right = np.logaddexp.reduce(states) - np.logaddexp.reduce(states[1:])
        got = np.asarray(answer(second.copy(), third.copy()))
        ok = got.shape == right.shape and np.allclose(got, right, rtol=1e-9, atol=1e-11)
        yield Finding(name, ok, f"got {got.ravel()[:2]}; expected {right.ravel()[:2]}")


@_problem("gate", "derive", "10_manual_backprop")
def _gate(answer: Any) -> Iterator[Finding]:
    r"""A new layer: $z_{ri} = x_{ri}\, \sigma(g_i) + b_i$, a gate and a bias for each unit. Write
    `gate(gate, bias)`, which returns a layer: an object, say of a class of yours, with
    `forward(x)`, `backward(grad)`, which returns the gradient by $x$, and `parameters()`, a list of
    two `nets.Parameter`, the gate first.

    *Judged:* `forward` by the formula, all gradients by differences.
    """
    rng = np.random.default_rng(2)
    gate, bias, x = rng.normal(size=4), rng.normal(size=4), rng.normal(size=(5, 4))
    layer = answer(gate.copy(), bias.copy())
    right = x * expit(gate) + bias
    yield Finding("forward", np.allclose(layer.forward(x), right), "is not x sigma(g) + b")
    report = check_gradients(layer, x)
    yield Finding("backward", report.passed, report.message)
    named = [p.value.shape for p in layer.parameters()]
    yield Finding("parameters", named == [(4,), (4,)], f"have the shapes {named}")


@_problem("poisson", "derive", "10_manual_backprop")
def _poisson(answer: Any) -> Iterator[Finding]:
    r"""Another likelihood: the targets are counts, $y \sim \mathrm{Poisson}(e^z)$, so that the
    output $z$ is a log rate. Write `poisson(output, y)`, both (B, C): minus the log-likelihood in
    the mean over the rows, and its gradient by $z$.

    *Judged:* by SciPy's Poisson distribution and its differences.
    """
    rng = np.random.default_rng(3)
    counts, rare = rng.normal(size=(4, 3)), rng.uniform(-9, -4, size=(2, 1))
    for name, z, y in (("counts", counts, rng.poisson(5, (4, 3))), ("none", rare, 0 * rare)):
        value, gradient = answer(z.copy(), y.copy())
        right = -stats.poisson.logpmf(y, np.exp(z)).sum() / len(z)
        told = f"{float(value):.6g}; expected {right:.6g}"
        yield Finding(f"value, {name}", bool(np.isclose(value, right)), told)
        up, down = (-stats.poisson.logpmf(y, np.exp(z + e)) for e in (1e-5, -1e-5))
        slope = (up - down) / 2e-5 / len(z)  # each output has a term of its own
        ok = np.shape(gradient) == z.shape and np.allclose(gradient, slope, rtol=1e-5)
        yield Finding(f"gradient, {name}", ok, "is not the central difference")


# Break


@_problem("complex-step", "break", "03_module_a")
def _complex_step(answer: Any) -> Iterator[Finding]:
    r"""Find numbers for which one step of the complex update [q-precision-complex] lowers the ELBO
    of a single real weight by at least a quarter of a nat. Return a dict with `mean`, `variance`,
    `before` and `after`, $\tilde\pi$ when $q(\rho)$ was made by the real update and now, `a`, `b`,
    `contrast` $= \bar b / b$, with $\bar a = a$; Module B is silent, $\operatorname{logit}\pi = 0$.

    *Judged:* by the ELBO before and after the step; the real update must not lower it.
    """
    names = ("mean", "variance", "before", "after", "a", "b", "contrast")
    mean, variance, before, after, a, b, contrast = (as_real(answer[k], k) for k in names)
    one = np.ones((1, 1))
    gammas = Gamma(a, b), Gamma(a, contrast * b)
    m = (mean**2 + variance) * one
    log_odds = np.log(after / (1 - after)) * one

    def bound(q: tuple[FloatArray, FloatArray]) -> float:
        return sum(
            module_a.elbo(mean * one, variance * one, *q, log_odds, 0 * one, *gammas)
        )  # its terms

    start = module_a.update_precision(m, before * one, *gammas)
    steps = {
        f: f(m, after * one, *gammas) for f in (module_a.update_precision, update_precision_complex)
    }
    fall = bound(start) - bound(steps[update_precision_complex])
    yield Finding(
        "the complex update", fall >= 0.25, f"the ELBO falls by {fall:.3g}; 0.25 is asked for"
    )
    rise = bound(steps[module_a.update_precision]) - bound(start)
    yield Finding("the real update", rise > -1e-9, f"the ELBO falls by {-rise:.3g}")


@_problem("loops-part", "break", "06_grids_and_bethe")
def _loops_part(answer: Any) -> Iterator[Finding]:
    r"""Find a layer of at most 16 weights on which loopy and exact part although there is one fixed
    point only: return `(own, coupling_row, coupling_col)`, own $= h + l$ (I, J), with the
    uniqueness value below 1 and a belief that is off by at least 0.02.

    *Judged:* by enumeration. (How large can you make it? And beyond the bound?)
    """
    own, row, col = (
        as_float_array(answer[0], "own", ndim=2),
        as_real(answer[1], "row"),
        as_real(answer[2], "col"),
    )
    yield Finding("size", own.size <= 16, f"own has {own.size} weights; at most 16 are asked for")
    grid = GridSupport(0.0, row, col)
    one = f"the uniqueness value is {grid.uniqueness:.3g}; below 1 is asked for"
    yield Finding("one fixed point", grid.uniqueness < 1, one)
    loopy = grid.extrinsic(own, sweeps=2000, tol=1e-12).belief
    off = float(np.abs(loopy - exact.enumerate_marginals(own, row, col)).max())
    yield Finding("apart", off >= 0.02, f"the beliefs are {off:.3g} apart; 0.02 is asked for")


@_problem("never-settles", "break", "06_grids_and_bethe")
def _never_settles(answer: Any) -> Iterator[Finding]:
    r"""Find a layer of at most 16 weights on which parallel sweeps never settle, but do if each is
    damped by a half. Return `(own, coupling_row, coupling_col)`, own $= h + l$ (I, J).

    *Judged:* by 2000 sweeps without damping and 2000 with it.
    """
    own, row, col = as_float_array(answer[0], "own", ndim=2), *map(float, answer[1:])
    yield Finding("size", own.size <= 16, f"own has {own.size} weights; at most 16 are asked for")
    grid = GridSupport(0.0, row, col)
    moved = {
        d: float(grid.extrinsic(own, sweeps=2000, tol=1e-10, damping=d).residuals[-1])
        for d in (0.0, 0.5)
    }
    told = f"they have settled: the last sweep moved the messages by {moved[0.0]:.2g}"
    yield Finding("undamped sweeps", moved[0.0] > 1e-3, told)
    told = f"the last one still moved the messages by {moved[0.5]:.2g}"
    yield Finding("damped sweeps", moved[0.5] < 1e-9, told)


@_problem("echo", "break", "08_extrinsic_messages")
def _echo(answer: Any) -> Iterator[Finding]:
    r"""Module A forgets to divide: it hands its whole belief, $l + \operatorname{logit}\pi$, to
    Module B as if all of it were news. Find a chain of at most 12 weights on which a weight that is
    dead with probability 0.8 or more lives with 0.8 or more after 30 such rounds, from
    $\operatorname{logit}\pi = 0$. Return `(l, p01, p10)`, $l$ (I,).

    *Judged:* by enumeration, and by the 30 rounds.
    """
    l, p01, p10 = as_float_array(answer[0], "l", ndim=1)[:, None], *map(float, answer[1:])
    yield Finding("size", len(l) <= 12, f"l has {len(l)} weights; at most 12 are asked for")
    prior, told = ChainSupport(p01, p10), 0 * l
    right = exact.marginals(
        l.shape, lambda S: exact.chain_log_weights(S, p01, p10) + (S * l).sum(axis=(1, 2))
    )
    for _ in range(30):
        told = prior.extrinsic(l + told).log_odds
    risen = expit(l + told)[right <= 0.2]
    text = f"of those that are dead with 0.8 the highest comes to {max(risen, default=0):.3g}"
    yield Finding("risen from the dead", bool((risen >= 0.8).any()), text)


# Explain


@_problem("heavy-tail", "explain", "01_three_layer_prior")
def _heavy_tail(answer: Any) -> Iterator[Finding]:
    r"""Predict, then run: a live weight has $a = 1.5$ and $b = 0.02$, and its precision is
    integrated out. On paper with two logarithmic scales, which slope has its density far out? And
    what is its standard deviation? Return both, by thought.

    *Judged:* by the density's differences, and by its second moment.
    """
    prior, (slope, deviation) = Gamma(1.5, 0.02), answer
    far = log_marginal_weight(np.array([[1e6], [1e7]]), prior).ravel()
    right = (far[1] - far[0]) / np.log(10)
    text = f"{slope:g} is not within 1 % of what the density has between 1e6 and 1e7"
    yield Finding("slope", abs(slope - right) <= 0.01 * abs(right), text)
    w = np.geomspace(1e-6, 1e6, 20_001)[:, None]
    right = 2 * np.trapezoid(w**3 * np.exp(log_marginal_weight(w, prior)), np.log(w), axis=0)[0]
    text = f"{deviation:g} is not within 1 %"
    yield Finding("deviation", abs(deviation - right**0.5) <= 0.01 * right**0.5, text)


@_problem("evidence-limits", "explain", "03_module_a")
def _evidence_limits(answer: Any) -> Iterator[Finding]:
    r"""Predict, then run: between which two values lies the collapsed evidence $l$ of a weight,
    whatever its $m$, if $a = \bar a = 1$ and the contrast is $10^{-3}$? Return `(least, most)`,
    by thought and a pocket calculator.

    *Judged:* within one per cent of what the equation tends to.
    """
    gammas = Gamma(1.0, 0.1), Gamma(1.0, 1e-4)
    for name, m, told in zip(("least", "most"), (1e-12, 1e12), answer, strict=True):
        limit = float(module_a.evidence_collapsed(np.full((1, 1), m), *gammas)[0, 0])
        tends = "m goes to 0" if name == "least" else "m grows"
        text = f"{told:g} is not within 1 % of what the equation tends to as {tends}"
        yield Finding(f"the {name}", abs(told - limit) <= 0.01 * abs(limit), text)


TARGET = ChainSupport(0.03, 0.25)


def target_picture() -> FloatArray:
    """Return the support (60, 60) that the problem `chain-picture` shows.

    Examples
    --------
    >>> target_picture().shape
    (60, 60)
    """
    return TARGET.sample((60, 60), np.random.default_rng(5))


@_problem("chain-picture", "explain", "04_fields")
def _chain_picture(answer: Any) -> Iterator[Finding]:
    r"""A picture to reproduce: `checks.target_picture()` was drawn from Markov chains down the
    columns. Look at it, count what you need, and return `(p01, p10)`.

    *Judged:* the picture must be at most 4 nats less likely under your chain than under the best.
    """
    S, (p01, p10) = target_picture(), answer
    steps = [[np.sum((S[:-1] == s) & (S[1:] == t)) for t in (0, 1)] for s in (0, 1)]
    best = ChainSupport(steps[0][1] / sum(steps[0]), steps[1][0] / sum(steps[1]))
    lost = best.log_prob(S) - ChainSupport(p01, p10).log_prob(S)
    yield Finding("likelihood", lost <= 4, f"{lost:.1f} nats less likely than it could be")


# Extend


@_problem("support-prior", "extend", "06_grids_and_bethe")
def _support_prior(answer: Any) -> Iterator[Finding]:
    r"""A support prior of your own ([how](../../docs/support_priors.md)): return an object of your
    subclass of `SupportPrior` that can have layers of 4 x 3 weights, and is exact there.

    *Judged:* by the sum over all 4096 supports of your own `log_prob`: the extrinsic messages, that
    they do not contain a weight's own evidence, and the density of your samples.
    """
    yield from exact_prior(answer, (4, 3))


def exact_prior(prior: SupportPrior, shape: tuple[int, int]) -> Iterator[Finding]:
    """Judge a support prior by the sum over all supports of a small layer.

    Parameters
    ----------
    prior : SupportPrior
    shape : tuple (I, J)
        At most 12 weights.

    Examples
    --------
    >>> [finding.ok for finding in exact_prior(ChainSupport(0.2, 0.4), (4, 3))]
    [True, True, True]
    """
    rng = np.random.default_rng(6)
    log_prior = np.array([prior.log_prob(S) for S in exact.all_states(shape)])

    def marginals(l: FloatArray) -> FloatArray:
        return exact.marginals(shape, lambda states: log_prior + (states * l).sum(axis=(1, 2)))

    l = 2 * rng.normal(size=shape)
    off = float(np.abs(prior.extrinsic(l, tol=1e-10).belief - marginals(l)).max())
    yield Finding("beliefs", off < 1e-6, f"are {off:.2g} from those of all supports together")
    other = l.copy()
    other[1, 1] += 3.0
    moved = float(np.subtract(*(prior.extrinsic(e).log_odds[1, 1] for e in (other, l))))
    told = f"a weight's own evidence, 3 more, has moved its answer by {moved:.2g}"
    yield Finding("extrinsic", abs(moved) < 1e-6, told)
    drawn = np.mean([prior.sample(shape, rng) for _ in range(2000)])
    density = float(marginals(np.zeros(shape)).mean())
    slack = 5 * np.sqrt(density * (1 - density) / 2000)  # neighbours are no independent draws
    told = f"a density of {drawn:.3f}; log_prob says {density:.3f}"
    yield Finding("samples", bool(abs(drawn - density) < slack), told)


@_problem("own-format", "extend", "22_small_and_fast")
def _own_format(answer: Any) -> Iterator[Finding]:
    r"""A format of your own: return two functions, `write(matrix)`, which makes bytes of a sparse
    float32 matrix, and `read(data)`, which makes the matrix of these bytes alone. All that is not
    the 32 bits of a kept weight says where it stands; of weights in runs it must take fewer bits
    than the bound [bits] of scattered ones.

    *Judged:* by what comes back, bit for bit, and by the length.
    """
    (write, read), rng = answer, np.random.default_rng(7)
    runs = ChainSupport(0.02, 0.1).sample((100, 60), rng) > 0
    some = rng.uniform(size=(30, 7)) < 0.2
    for name, mask in (("runs", runs), ("scattered", some), ("empty", some & False)):
        matrix = np.where(mask, rng.normal(size=mask.shape), 0).astype(np.float32)
        data = bytes(write(matrix.copy()))
        back = np.asarray(read(data))
        same = back.dtype == matrix.dtype and np.array_equal(back, matrix)
        yield Finding(name, same, "what is read is not what was written")
        if name == "runs":
            bits = 8 * len(data) / runs.sum() - 32
            bound = entropy_bound([runs])
            told = f"a kept weight's place takes {bits:.2f} bits; the bound is {bound:.2f}"
            yield Finding("bits", bits < bound, told)

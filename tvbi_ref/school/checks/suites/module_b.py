"""The cases of Module B: messages, chains, grids, groups, and learning from them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from tvbi_ref.school.checks.case import Case, Check, asked, rng_of, varied
from tvbi_ref.school.checks.oracles import module_b as oracle

Array = NDArray[np.float64]

OVERFLOW = (
    "e^c overflows where |c| > 709. Stay in log-odds (np.logaddexp), or cut c where the "
    "message no longer changes"
)
COUPLING = (
    "tanh J rounds to 1 beyond |J| = 19. Use the odds, or min(|2J|, |c|) with its two corrections"
)
PROBABILITY = "e^c / (1 + e^c) overflows where c > 709. scipy.special.expit does not"
EXPONENT = "subtract the largest exponent before np.exp; dividing by the sum takes it out again"
ZERO_LOG_ZERO = "0 ln 0 is 0, and NumPy makes it NaN. scipy.special.entr and xlogy do not"


# One node


def _star(name: str, shape: tuple[int, ...], k: int, seed: int, size: float = 2.0) -> Any:
    """Return (name, h, l, the messages from k neighbours, the neighbours, their couplings)."""
    rng = rng_of(seed)
    h, l = size * rng.normal(size=(2, *shape))
    leaves, couplings = size * rng.normal(size=(k, *shape)), rng.uniform(-1, 1, k)
    return name, h, l, _heard(leaves, couplings), leaves, couplings


def _heard(leaves: Array, couplings: Array) -> Array:
    messages = np.zeros_like(leaves)
    for k, J in enumerate(couplings):
        messages[k] = oracle.message(leaves[k], oracle.ising(J))
    return messages


def _silent(name: str, h: float, l: float, k: int) -> Any:
    """Return a node whose neighbours do not know anything."""
    return name, np.full(3, h), np.full(3, l), np.zeros((k, 3)), np.zeros((k, 3)), np.ones(k)


def _stars() -> list[Any]:
    return [
        _star("three neighbours, random", (3, 4), 3, seed=0),
        _star("three neighbours, another layer", (2, 5), 3, seed=1),
        _star("two neighbours, at the rim", (4,), 2, seed=2),
        _star("one neighbour, at the end of a line", (5, 2), 1, seed=3),
        _star("no neighbour at all", (3,), 0, seed=4),
        _silent("neighbours that say nothing", -1.5, 0.75, 3),
        _star("evidence of about a hundred", (2, 3), 3, seed=5, size=60.0),
        _star("random, square", (7, 7), 2, seed=6),
        _balance(),
    ]


def _balance() -> Any:
    """Return a node with a strong field and a strong message, and evidence against both."""
    h, l, leaf, J = (
        np.array([40.0, -40.0]),
        np.array([-65.5, 66.2]),
        [[60.0, -60.0]],
        np.array([13]),
    )
    leaves = np.array(leaf)
    return "a field of 40, a message of 26, against -65", h, l, _heard(leaves, J), leaves, J


def _cavity_cases() -> list[Case]:
    cases = [
        Case(name, (h, l, messages), oracle.star(h + l, leaves, couplings))
        for name, h, l, messages, leaves, couplings in _stars()
    ]
    h, l, leaves, J = np.ones(2), np.array([-700.0, 700.0]), np.full((1, 2), 2.0), np.array([0.5])
    far = Case("evidence of +-700", (h, l, _heard(leaves, J)), oracle.star(h + l, leaves, J))
    return [*cases, far]


def _belief_cases() -> list[Case]:
    cases = [
        Case(name, (h, l, messages), expit(oracle.star(h + l, leaves, couplings)))
        for name, h, l, messages, leaves, couplings in _stars()
    ]
    l, none = np.array([-800.0, 800.0]), np.zeros((1, 2))
    certain = expit(oracle.star(l, none, [0.0]))
    return [*cases, Case("evidence of +-800", (none[0], l, none), certain, PROBABILITY)]


def _extrinsic_cases() -> list[Case]:
    return [
        Case(name, (h, messages), oracle.star(h, leaves, couplings))
        for name, h, _, messages, leaves, couplings in _stars()
    ]


# One edge

SYMMETRIC = np.array([[2.0, 0.5], [0.5, 2.0]])
MARKOV = np.array([[0.9, 0.1], [0.3, 0.7]])
LOPSIDED = np.array([[0.2, 3.0], [1.5, 0.7]])
INDIFFERENT = np.ones((2, 2))


def _message(cavity: Array, psi: Array) -> Array:
    return oracle.message(cavity, np.log(psi))


def _ising_message(cavity: Array, coupling: float) -> Array:
    return oracle.message(cavity, oracle.ising(coupling))


def _sum_product_cases() -> list[Case]:
    rng = rng_of(10)
    ordinary = {
        "a transition matrix": (np.array([-2.0, 0.0, 0.5, 3.0]), MARKOV),
        "a factor that is not symmetric": (rng.normal(size=(2, 3)), LOPSIDED),
        "a symmetric factor": (rng.normal(size=(3, 2)), SYMMETRIC),
        "a factor that does not care: the message is 0": (rng.normal(size=4), INDIFFERENT),
        "random 1": (3 * rng.normal(size=(3, 4)), rng.uniform(0.1, 2, (2, 2))),
        "random 2": (3 * rng.normal(size=(4, 2)), rng.uniform(0.1, 2, (2, 2))),
        "random 3": (10 * rng.normal(size=5), rng.uniform(0.01, 1, (2, 2))),
        "a rare transition": (rng.normal(size=5), np.array([[1 - 1e-6, 1e-6], [0.25, 0.75]])),
        "a cavity of +-300": (np.array([-300.0, 300.0]), LOPSIDED),
        "random, square": (2 * rng.normal(size=(7, 7)), LOPSIDED),
        "a transition that almost never happens": (
            np.array([-60.0, -26.0, 0.5, 27.0, 60.0]),
            np.array([[1 - 1e-12, 1e-12], [3e-12, 1 - 3e-12]]),
        ),
    }
    far = {"a cavity of +-800": (np.array([-800.0, 800.0]), MARKOV)}
    return [*asked(_message, ordinary), *asked(_message, far, OVERFLOW)]


def _ising_cases() -> list[Case]:
    rng = rng_of(11)
    ordinary = {
        "a weak coupling": (rng.normal(size=(2, 3)), 0.2),
        "a strong coupling": (3 * rng.normal(size=(3, 4)), 1.3),
        "a coupling of 4": (4 * rng.normal(size=(4, 2)), 4.0),
        "a negative coupling": (2 * rng.normal(size=(3, 2)), -0.6),
        "a weak negative coupling": (rng.normal(size=5), -0.1),
        "no coupling: the message is 0": (rng.normal(size=4), 0.0),
        "a cavity of 0: the message is 0": (np.zeros(3), 0.7),
        "a small cavity": (1e-3 * rng.normal(size=5), 0.5),
        "random, square": (2 * rng.normal(size=(7, 7)), 0.4),
        "a cavity of +-300: the message is +-2J": (np.array([-300.0, 300.0]), 0.4),
    }
    far = {"a cavity of +-800": (np.array([-800.0, 800.0]), 0.4)}
    strong = {"a coupling of 25": (np.array([-30.0, 3.0, 60.0]), 25.0)}
    return [
        *asked(_ising_message, ordinary),
        *asked(_ising_message, far, OVERFLOW),
        *asked(_ising_message, strong, COUPLING),
    ]


def _pair_cases() -> list[Case]:
    rng = rng_of(12)
    ordinary = {
        "a symmetric factor": (np.log(SYMMETRIC), *rng.normal(size=(2, 4))),
        "a transition matrix": (np.log(MARKOV), *rng.normal(size=(2, 2, 3))),
        "independent ends": (np.zeros((2, 2)), *rng.normal(size=(2, 3))),
        "even odds at both ends": (np.log(LOPSIDED), *np.zeros((2, 2))),
        "random 1": (rng.normal(size=(2, 2)), *rng.normal(size=(2, 3, 2))),
        "random 2": (rng.normal(size=(2, 2)), *(3 * rng.normal(size=(2, 2, 4)))),
        "random, square": (rng.normal(size=(2, 2)), *rng.normal(size=(2, 7, 7))),
        "a factor of e^30 against cavities of 29": (
            np.array([[30.0, 0.0], [0.5, -30.0]]),
            np.array([29.0, 29.5]),
            np.array([29.5, 30.0]),
        ),
        "cavities of +-300": (
            np.log(LOPSIDED),
            np.array([-300.0, 300.0]),
            np.array([300.0, 250.0]),
        ),
    }
    cavities = np.array([-800.0, 800.0, 800.0]), np.array([800.0, -800.0, 800.0])
    far = {"cavities of +-800": (np.log(MARKOV), *cavities)}
    return [*asked(oracle.pair_belief, ordinary), *asked(oracle.pair_belief, far, EXPONENT)]


# Chains


def _chain_cases() -> list[Case]:
    rng = rng_of(20)
    alternating = 300.0 * (-1.0) ** np.indices((4, 2)).sum(axis=0)
    ordinary = {
        "one column of four": (2 * rng.normal(size=(4, 1)), 0.1, 0.3),
        "one node a chain": (rng.normal(size=(1, 4)), 0.2, 0.6),
        "no evidence: the stationary odds from above, nothing from below": (
            np.zeros((3, 2)),
            0.05,
            0.2,
        ),
        "random 1": (2 * rng.normal(size=(5, 3)), 0.15, 0.4),
        "random 2": (3 * rng.normal(size=(6, 2)), 0.3, 0.05),
        "random 3": (rng.normal(size=(2, 5)), 0.45, 0.35),
        "neighbours that avoid each other": (2 * rng.normal(size=(4, 3)), 0.9, 0.7),
        "a chain without memory": (2 * rng.normal(size=(3, 4)), 0.2, 0.8),
        "rare transitions": (5 * rng.normal(size=(5, 2)), 1e-6, 1e-4),
        "evidence of +-300": (alternating, 0.1, 0.25),
        "random, square": (2 * rng.normal(size=(7, 7)), 0.1, 0.3),
        "transitions that almost never happen": (30 * rng.normal(size=(5, 3)), 1e-12, 3e-12),
    }
    return [
        *asked(oracle.chain, ordinary),
        *asked(oracle.long_chain, {"a long chain": (3 * rng.normal(size=(60, 2)), 0.04, 0.2)}),
        *asked(oracle.chain, {"evidence of +-800": (8 / 3 * alternating, 0.1, 0.25)}, OVERFLOW),
    ]


def _posterior(evidence: Array, p01: float, p10: float) -> Any:
    """Return what a step of Baum-Welch is given: the posterior's beliefs, and the old values."""
    pairs = oracle.chain_pairs(evidence, p01, p10)
    return pairs, oracle.chain_first(evidence, p01, p10), p01, p10


def _blocks(pairs: Array, p01: float, p10: float) -> Any:
    """Return the same of pair beliefs alone, which hold those of the first nodes."""
    return pairs, pairs[0, :, 1].sum(axis=-1), p01, p10


def _learned(rng: np.random.Generator) -> tuple[Array, tuple[float, float]]:
    """Return evidence of chains, and the transitions at which its likelihood is highest."""
    evidence = 2 * rng.normal(size=(6, 4))
    try:
        best = oracle.best_chain(evidence, 0.4, 0.4)
    except AssertionError:  # it rises all the way to a certain transition
        return _learned(rng)
    return evidence, best


def _baum_welch_cases() -> list[Case]:
    rng = rng_of(21)
    known, alive = np.zeros((7, 1, 2, 2)), np.zeros((4, 3, 2, 2))
    for step, (s, t) in enumerate([(0, 0), (0, 1), (1, 1), (1, 0), (0, 0), (0, 0), (0, 1)]):
        known[step, 0, s, t] = 1
    alive[..., 1, 1] = 1
    random = [rng.dirichlet([2.0, 0.5, 0.8, 1.0], size=(n, m)) for n, m in [(1, 1), (3, 4), (6, 2)]]
    learned, best = _learned(rng)
    given = {
        "every transition equally likely": _blocks(np.full((3, 2, 2, 2), 0.25), 0.5, 0.5),
        "a sequence of states that is known": _blocks(known, 0.4, 0.3),
        "a layer that is surely alive": _blocks(alive, 0.2, 0.3),
        "a posterior of chains": _posterior(3 * rng.normal(size=(5, 3)), 0.1, 0.3),
        "a posterior of long gaps": _posterior(rng.normal(size=(7, 2)) - 2, 0.02, 0.3),
        "many short chains, where the first node counts": _posterior(
            rng.normal(size=(2, 9)) + 1, 0.3, 0.1
        ),
        "a posterior of chains, square": _posterior(2 * rng.normal(size=(7, 7)), 0.2, 0.3),
        "a posterior of transitions that almost never happen": _posterior(
            25 * rng.normal(size=(5, 3)), 1e-12, 3e-12
        ),
        "chains of one node: no pair at all": _posterior(rng.normal(size=(1, 4)), 0.2, 0.3),
        "one pair alone": _blocks(random[0].reshape(1, 1, 2, 2), 0.3, 0.6),
        "random 1": _blocks(random[1].reshape(3, 4, 2, 2), 0.6, 0.7),
        "random 2": _blocks(random[2].reshape(6, 2, 2, 2), 0.05, 0.2),
    }
    return [
        *asked(oracle.baum_welch, given),
        Case("a chain that has learned all: it stays", _posterior(learned, *best), best),
    ]


# Grids


def _halfway(
    shape: tuple[int, int], J_row: float, J_col: float, seed: int, size: float = 1.0
) -> Any:
    """Return a grid after two sweeps from silence, when the messages differ everywhere."""
    own = size * rng_of(seed).normal(size=shape)
    messages = np.zeros((4, *shape))
    for _ in range(2):
        messages = oracle.grid_sweep(own, messages, J_row, J_col)
    return own, messages, J_row, J_col


def _line(n: int, J: float, *, column: bool) -> Case:
    """Return a line at its fixed point, where a sweep must change nothing."""
    own = rng_of(n).normal(size=n)
    messages = np.zeros((4, n, 1)) if column else np.zeros((4, 1, n))
    for side, heard in zip((0, 1) if column else (2, 3), oracle.line_messages(own, J), strict=True):
        messages[side] = heard.reshape(messages.shape[1:])
    couplings = (0.9, J) if column else (J, 0.9)
    name = f"a line of one {'column' if column else 'row'} at its fixed point"
    return Case(name, (own.reshape(messages.shape[1:]), messages, *couplings), messages)


def _sweep_cases() -> list[Case]:
    rng = rng_of(30)
    silence = np.zeros((4, 3, 4))
    ordinary = {
        "the first sweep, from silence": (rng.normal(size=(3, 4)), silence, 0.2, 0.5),
        "random 1": _halfway((3, 4), 0.3, -0.2, seed=31),
        "random 2": _halfway((4, 2), 0.4, 0.9, seed=32, size=2.0),
        "random 3": _halfway((2, 5), -0.5, 0.1, seed=33),
        "two by two": _halfway((2, 2), 0.25, 0.35, seed=34),
        "no coupling across neurons": _halfway((3, 3), 0.0, 0.6, seed=35),
        "no coupling at all: every message is 0": _halfway((2, 3), 0.0, 0.0, seed=36),
        "one node": (np.array([[0.7]]), np.zeros((4, 1, 1)), 0.4, 0.4),
        "couplings of 4 and -3": _halfway((3, 2), 4.0, -3.0, seed=37, size=3.0),
        "random, square": _halfway((7, 7), 0.2, 0.15, seed=42),
        "evidence of +-300": _halfway((3, 4), 0.3, 0.5, seed=38, size=150.0),
    }
    own, messages, *J = _halfway((3, 4), 0.3, 0.5, seed=39)
    far = {"evidence of +-800": (800 * np.sign(own), messages, *J)}
    strong = {"couplings of 25 and -22": _halfway((3, 2), 25.0, -22.0, seed=41, size=40.0)}
    return [
        *asked(oracle.grid_sweep, ordinary),
        _line(5, 0.8, column=False),
        _line(4, -0.7, column=True),
        *asked(oracle.grid_sweep, far, OVERFLOW),
        *asked(oracle.grid_sweep, strong, COUPLING),
    ]


def _undecided(rng: np.random.Generator, shape: tuple[int, int], *couplings: float) -> Any:
    """Return evidence of about 30 after which no belief rounds to 1, and the couplings."""
    own = 30 * rng.normal(size=shape)
    belief, *_ = oracle.grid_beliefs(own, *couplings)
    decided = belief.max() > 1 - 1e-13
    return _undecided(rng, shape, *couplings) if decided else (own, *couplings)


def _bethe_cases() -> list[Case]:
    rng = rng_of(40)
    trees = {
        "a line of one row": (rng.normal(size=(1, 5)), 0.8, 0.3),
        "a line of one column": (2 * rng.normal(size=(6, 1)), 0.2, -0.9),
        "columns that are not coupled": (rng.normal(size=(4, 3)), 0.0, 0.7),
        "rows that are not coupled": (rng.normal(size=(2, 5)), 0.5, 0.0),
        "one node": (np.array([[0.7]]), 0.4, 0.4),
        "a row with a coupling of 25": _undecided(rng, (1, 5), 25.0, 0.3),
        "a column with a coupling of -22": _undecided(rng, (5, 1), 0.3, -22.0),
    }
    grids = {
        "a loop of four": (rng.normal(size=(2, 2)), 0.3, 0.5),
        "a grid": (rng.normal(size=(3, 4)), 0.3, -0.2),
        "another grid": (2 * rng.normal(size=(4, 2)), 0.25, 0.4),
        "a square grid": (rng.normal(size=(4, 4)), 0.2, 0.3),
    }
    certain = (np.array([[800.0, -800.0]]), 0.5, 0.5)

    def tree(name: str, setting: Any, advice: str = "") -> Case:
        return Case(name, _with_beliefs(*setting), float(oracle.log_partition(*setting)), advice)

    return [
        *(tree(name, setting) for name, setting in trees.items()),
        *asked(oracle.bethe_log_partition, {k: _with_beliefs(*a) for k, a in grids.items()}),
        tree("beliefs of exactly 0 and 1", certain, ZERO_LOG_ZERO),
    ]


def _with_beliefs(own: Array, J_row: float, J_col: float) -> tuple[Any, ...]:
    return (own, *oracle.grid_beliefs(own, J_row, J_col), J_row, J_col)


def _uniqueness_cases() -> list[Case]:
    couplings = {
        "equal couplings": (0.2, 0.2),
        "just at the bound": (float(np.arctanh(1 / 3)),) * 2,
        "unlike couplings": varied(60, 0.1, 0.5),
        "unlike the other way round": varied(61, 0.6, 0.15),
        "one direction alone": (0.0, 0.9),
        "the other direction alone": (1.4, 0.0),
        "no coupling": (0.0, 0.0),
        "negative couplings": (-0.3, -0.2),
        "couplings of both signs": varied(62, 0.4, -0.25),
        "strong couplings": (2.0, 1.0),
    }
    return asked(oracle.uniqueness, couplings)


def _gradient_cases() -> list[Case]:
    rng = rng_of(41)
    grids = {
        "evidence that says nothing": (np.full((2, 3), -1.0), np.zeros((2, 3)), 0.3, 0.4),
        "one row": (np.full((1, 5), -0.5), 2 * rng.normal(size=(1, 5)), 0.6, 0.2),
        "one column": (np.full((4, 1), 0.3), rng.normal(size=(4, 1)), 0.2, -0.5),
        "one node": (np.array([[-1.0]]), np.array([[2.0]]), 0.3, 0.3),
        "random 1": (np.full((3, 2), -0.7), 2 * rng.normal(size=(3, 2)), 0.2, 0.3),
        "random 2": (np.full((2, 4), -1.2), 3 * rng.normal(size=(2, 4)), -0.4, 0.1),
        "random 3": (rng.normal(size=(5, 2)), 2 * rng.normal(size=(5, 2)), 0.1, 0.5),
        "a square grid": (np.full((4, 4), -0.5), 2 * rng.normal(size=(4, 4)), 0.2, 0.25),
        "a field of -25, evidence of about 40": (
            np.full((3, 3), -25.0),
            40 * rng.normal(size=(3, 3)),
            0.3,
            0.2,
        ),
    }
    cases = []
    for name, (h, l, *J) in grids.items():
        seen, prior = oracle.grid_beliefs(h + l, *J), oracle.grid_beliefs(h, *J)
        cases.append(Case(name, (*seen, *prior), oracle.likelihood_gradient(h, l, *J)))
    return cases


# Groups


def _group_cases() -> list[Case]:
    rng = rng_of(50)
    ordinary = {
        "one weight a neuron": (rng.normal(size=(1, 4)), 0.3, 0.8, 0.1),
        "no evidence: the prior's log-odds": (np.zeros((3, 2)), 0.25, 0.6, 0.05),
        "random 1": (2 * rng.normal(size=(4, 3)), 0.3, 0.7, 0.1),
        "random 2": (3 * rng.normal(size=(5, 2)), 0.6, 0.9, 0.2),
        "random 3": (rng.normal(size=(2, 5)), 0.1, 0.5, 0.01),
        "an indicator that does not matter": (rng.normal(size=(3, 4)), 0.4, 0.35, 0.35),
        "random, square": (2 * rng.normal(size=(7, 7)), 0.3, 0.8, 0.1),
        "neurons that hardly ever live, groups harder still": (
            30 * rng.normal(size=(4, 3)),
            1e-9,
            1e-8,
            1e-12,
        ),
        "groups that are nearly hard": (2 * rng.normal(size=(4, 2)), 0.5, 1 - 1e-6, 1e-6),
        "evidence of +-300": (
            np.array([[300.0, -300.0], [-300.0, -300.0], [300.0, 1.0]]),
            0.4,
            0.7,
            0.2,
        ),
    }
    far = {"evidence of +-800": (800 * np.sign(rng.normal(size=(4, 3))), 0.4, 0.7, 0.2)}
    return [*asked(oracle.neuron_group, ordinary), *asked(oracle.neuron_group, far, OVERFLOW)]


CHECKS = (
    Check("cavity", ("cavity",), _cavity_cases),
    Check("sum-product", ("message",), _sum_product_cases),
    Check("sum-product-ising", ("message",), _ising_cases),
    Check("belief", ("belief",), _belief_cases),
    Check("extrinsic-b", ("log_odds",), _extrinsic_cases),
    Check("chain", ("forward", "backward"), _chain_cases),
    Check("grid-sweep", ("messages",), _sweep_cases),
    Check("pair-belief", ("pair_belief",), _pair_cases),
    Check("bethe", ("log_partition",), _bethe_cases),
    Check("uniqueness", ("uniqueness",), _uniqueness_cases),
    Check("neuron-group", ("log_odds",), _group_cases),
    Check("em-chain", ("p01", "p10"), _baum_welch_cases),
    Check("em-ising", ("d_field", "d_coupling_row", "d_coupling_col"), _gradient_cases),
)

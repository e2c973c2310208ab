"""Mistakes that nobody wrote down: each letter and piece of an equation, changed as is usual."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import combinations, permutations, product
from typing import Any

import numpy as np
from scipy.special import expit, logit

from tvbi_ref.equations import get
from tvbi_ref.gamma import Gamma
from tvbi_ref.school.checks.mutants.registry import Anatomy, Change, Piece

Operations = dict[str, Callable[..., Any]]

SMALLEST: Operations = {
    "{x} were missing": lambda x: 0 * x,
    "{x} had the other sign": lambda x: -x,
    "{x} counted twice": lambda x: 2 * x,
    "{x} counted half": lambda x: x / 2,
}
"""What is lost or doubled most often; of these two can be at once."""

IN_ITS_PLACE: Operations = {
    "1": lambda x: x * 0 + 1,
    "the square of {x}": lambda x: x**2,
    "the root of {x}": lambda x: np.sqrt(x),
    "the absolute value of {x}": lambda x: np.abs(x),
    "1 divided by {x}": lambda x: 1 / x,
    "1 minus {x}": lambda x: 1 - x,
    "twice {x} minus 1": lambda x: 2 * x - 1,
    "the exponential of {x}": lambda x: np.exp(x),
    "the logarithm of {x}": lambda x: np.log(x),
    "the logarithm to base 10 of {x}": lambda x: np.log10(x),
    "the sigmoid of {x}": lambda x: expit(x),
    "the log-odds of {x}": lambda x: logit(x),
    "the mean of all entries of {x}": lambda x: x * 0 + np.mean(x),
    "the sum of all entries of {x}": lambda x: x * 0 + np.sum(x),
    "the largest entry of {x}": lambda x: x * 0 + np.max(x),
}

USUAL: Operations = {
    "{x} counted four times": lambda x: 4 * x,
    "{x} counted a quarter": lambda x: x / 4,
    "1 were added to {x}": lambda x: x + 1,
    "1 were taken off {x}": lambda x: x - 1,
    "1/2 were added to {x}": lambda x: x + 0.5,
    "1/2 were taken off {x}": lambda x: x - 0.5,
    "{x} were divided by ln 2, as by a logarithm to base 2": lambda x: x / np.log(2),
    "{x} were divided by ln 10, as by a logarithm to base 10": lambda x: x / np.log(10),
    "{x} were rounded to whole numbers": lambda x: np.round(x),
    "{x} were transposed": lambda x: np.swapaxes(x, -1, -2),
    "{x} were 0 where it is negative": lambda x: np.maximum(x, 0),
}

GUARDS: Operations = {
    **{
        f"{{x}} were cut at +-{c}": lambda x, c=c: np.clip(x, -c, c)
        for c in (1, 5, 10, 15, 20, 25, 30, 35, 36, 37, 40, 50, 88, 100, 500, 700, 709)
    },
    **{
        words.format(f"1e-{k}"): lambda x, guard=guard, k=k: guard(x, 10.0**-k)
        for k in range(3, 17)
        for words, guard in (
            ("{{x}} were at least {0}", np.maximum),
            ("{0} were added to {{x}}", np.add),
            ("{{x}} were cut to [{0}, 1 - {0}]", lambda x, c: np.clip(x, c, 1 - c)),
            (
                "the probability of {{x}} were cut to [{0}, 1 - {0}]",
                lambda x, c: np.clip(x, logit(c), -logit(c)),
            ),
        )
    },
}
"""Against logarithms of 0 and overflow, where they change the answer."""

GUARDS_OF_LOGARITHMS: Operations = {
    words.format(f"1e-{k}"): lambda x, guard=guard, k=k: guard(x, np.log(10.0**-k))
    for k in range(3, 17)
    for words, guard in (
        ("{0} were added inside the logarithm in {{x}}", np.logaddexp),
        ("{0} were the least inside the logarithm in {{x}}", np.maximum),
    )
}

ALONG_AXES: Operations = {
    f"{{x}} were {words} along axis {axis}": lambda x, move=move, axis=axis: move(x, axis)
    for axis in range(3)
    for words, move in (
        ("turned round", np.flip),
        ("moved on by one place", lambda x, axis: np.roll(x, 1, axis)),
        ("moved back by one place", lambda x, axis: np.roll(x, -1, axis)),
        ("added up (cumsum)", np.cumsum),
        ("averaged", lambda x, axis: x * 0 + x.mean(axis, keepdims=True)),
        ("summed", lambda x, axis: x * 0 + x.sum(axis, keepdims=True)),
        ("like the first entry", lambda x, axis: x * 0 + x.take([0], axis)),
    )
}

OF_TWO: Operations = {
    "{x} were multiplied by {y}": lambda x, y: x * y,
    "{x} were divided by {y}": lambda x, y: x / y,
    "{y} were added to {x}": lambda x, y: x + y,
    "{y} were taken off {x}": lambda x, y: x - y,
    "{x} were divided by the length of {y}": lambda x, y: x / len(y),
    "{x} were divided by the number of entries of {y}": lambda x, y: x / y.size,
    "{x} were multiplied by the length of {y}": lambda x, y: x * len(y),
}

OF_GAMMA: Operations = {
    "the rate b of {x} were a scale, 1/b": lambda x: Gamma(x.shape, 1 / x.rate),
    "the shape of {x} were a + 1/2": lambda x: Gamma(x.shape + 0.5, x.rate),
    "the shape of {x} were a + 1": lambda x: Gamma(x.shape + 1, x.rate),
    "the shape of {x} were a - 1": lambda x: Gamma(x.shape - 1, x.rate),
    "shape and rate of {x} were exchanged": lambda x: Gamma(x.rate, x.shape),
    "the shape of {x} were the mean a/b": lambda x: Gamma(x.shape / x.rate, x.rate),
}

OF_GAMMAS: Operations = {
    "{x} had the shape of {y}": lambda x, y: Gamma(y.shape, x.rate),
    "{x} had the rate of {y}": lambda x, y: Gamma(x.shape, y.rate),
    "{y} stood in place of {x}": lambda x, y: y,
}


def derived(
    anatomy: Anatomy, says: dict[str, str], beside: dict[str, str]
) -> Iterator[tuple[str, Change]]:
    """Yield what can go wrong in one place or between two, in words ("as if ..."), and its change.

    Parameters
    ----------
    anatomy : Anatomy
    says : dict of str to str
        What letters and pieces are called; those that are not in it are left alone.
    beside : dict of str to str
        The letters and pieces, of which one may stand in another's place.

    Examples
    --------
    >>> from tvbi_ref.school.checks.mutants import mutants_of
    >>> anatomy = mutants_of("q-support")[0].anatomy
    >>> words, change = next(derived(anatomy, {"l": "evidence"}, {}))
    >>> words, anatomy.with_changes(change)(2.0, 3.0)
    ('evidence were missing', 2.0)
    """
    yield from lost(says)
    yield from _of_two(permutations(says, 2), says, GAMMAS)
    yield from _of_two(product(says, beside), says | beside, INSTEAD)
    for x, y in combinations(says, 2):
        exchanged = {x: Piece((y,), _same), y: Piece((x,), _same)}
        yield f"{says[x]} and {says[y]} were exchanged", exchanged
    yield from _of_one(says, ONE)
    yield from _in_one_piece(anatomy, says)
    # The result before its terms: what is added to a sum may be meant for any of them.
    yield from _of_two(product(reversed(says), beside), says | beside, TWO)
    yield from _of_one(says, SELDOM)
    logarithms = {x: words for x, words in says.items() if _is_logarithm(words)}
    yield from _of_one(logarithms, INSIDE)


def _of_one(says: dict[str, str], operations: Operations) -> Iterator[tuple[str, Change]]:
    for x in says:
        for text, make in operations.items():
            yield text.format(x=says[x]), {x: Piece((x,), make)}


def _of_two(
    pairs: Iterable[tuple[str, str]], says: dict[str, str], operations: Operations
) -> Iterator[tuple[str, Change]]:
    for x, y in pairs:
        for text, make in operations.items() if x != y else ():
            yield text.format(x=says[x], y=says[y]), {x: Piece((x, y), make)}


def _is_logarithm(words: str) -> bool:
    return words == "the result" or words.startswith(("ln", "log", "the logarithm", "E ln"))


def _in_one_piece(anatomy: Anatomy, says: dict[str, str]) -> Iterator[tuple[str, Change]]:
    """Yield what goes wrong in one of several pieces that need the same."""
    needs = [need for piece in anatomy.pieces.values() for need in piece.needs]
    for name, piece in anatomy.pieces.items():
        for x in dict.fromkeys(piece.needs) if name in says else ():
            if x not in says or needs.count(x) == 1:
                continue
            for text, make in (LOST | ONE).items():
                give = _with_one_changed(piece, x, make)
                yield f"in {says[name]}, {text.format(x=says[x])}", {name: Piece(piece.needs, give)}
            for y in (y for y in says if y != x):
                instead = tuple(y if need == x else need for need in piece.needs)
                words = f"in {says[name]}, {says[y]} stood in place of {says[x]}"
                yield words, {name: Piece(instead, piece.give)}


def _with_one_changed(piece: Piece, x: str, make: Callable[..., Any]) -> Callable[..., Any]:
    def give(*values: Any) -> Any:
        named = zip(piece.needs, values, strict=True)
        return piece.give(*(make(value) if need == x else value for need, value in named))

    return give


def lost(says: dict[str, str]) -> Iterator[tuple[str, Change]]:
    """Yield the mistakes of one place that are made most often.

    Examples
    --------
    >>> [words for words, _ in lost({"l": "evidence"})][:2]
    ['evidence were missing', 'evidence had the other sign']
    """
    # A term as a whole before the letters in it.
    yield from _of_one(dict(reversed(says.items())), LOST)


def nudged(x: str) -> Change:
    """Return a change that nobody makes, to see what a letter or piece moves.

    Examples
    --------
    >>> nudged("mu")["mu"].give(1.0)
    1.5
    """
    return {x: Piece((x,), _nudge)}


def _nudge(x: Any) -> Any:
    return Gamma(1.3 * x.shape, 1.4 * x.rate) if isinstance(x, Gamma) else 1.25 * x + 0.25


def _same(x: Any) -> Any:
    return x


def _of(kinds: Any, operations: Operations, texts: str = "{}") -> Operations:
    def only(make: Callable[..., Any]) -> Callable[..., Any]:
        def give(*values: Any) -> Any:
            if not all(isinstance(value, kinds) for value in values):
                raise TypeError("not for such a piece")
            return make(*values)

        return give

    return {texts.format(text): only(make) for text, make in operations.items()}


NUMBERS = (np.ndarray, np.number, float, int)
LOST = _of(NUMBERS, SMALLEST)
ONE = (
    _of(NUMBERS, IN_ITS_PLACE, "{} stood in place of {{x}}")
    | _of(NUMBERS, USUAL)
    | _of(Gamma, OF_GAMMA)
)
INSTEAD = _of(NUMBERS, {"{y} stood in place of {x}": lambda x, y: y})
TWO = _of(NUMBERS, OF_TWO)
SELDOM = _of(NUMBERS, GUARDS | ALONG_AXES)
INSIDE = _of(NUMBERS, GUARDS_OF_LOGARITHMS)
GAMMAS = _of(Gamma, OF_GAMMAS)


SPOKEN: dict[str, str] = {
    # The prior
    "log_rho": "1/2 ln rho",
    "two_pi": "1/2 ln 2pi",
    "prior-weight.normaliser": "the normaliser 1/2 ln(rho / 2pi)",
    "gamma_more": "ln Gamma(a + 1/2)",
    "gamma_a": "ln Gamma(a)",
    "root": "the root",
    "exponent": "the power a + 1/2",
    "grown": "1 + w^2 / (2b)",
    "square": "rho w^2 / 2",
    "log_gamma": "ln Gamma(a)",
    "a_log_b": "a ln b",
    "power": "the power of rho",
    "degrees": "the degrees of freedom",
    "scale": "the scale",
    "x": "x = 2s - 1",
    "field": "the field's term",
    "rows": "the horizontal couplings' term",
    "cols": "the vertical couplings' term",
    "start": "the start from the stationary distribution",
    "first": "the first states' term",
    "log_step": "ln psi",
    "steps": "the transitions' term",
    "ln": "ln psi",
    "J": "the coupling",
    "u": "u",
    "v": "v",
    "density": "the result",
    "log_weight": "the result",
    "log_prob": "the result",
    # Networks
    "B": "the number of rows",
    "D": "the number of outputs",
    "log_p": "ln softmax(z)",
    "onehot": "onehot(y)",
    "value": "the value",
    "gradient": "the gradient",
    "squares": "the sum of squares",
    "normaliser": "the normaliser D/2 (<ln gamma> - ln 2pi)",
    "count": "the count N D",
    "x2": "x^2",
    "under_root": "what is under the root",
    "sd": "the standard deviation",
    "mean": "the map of the means",
    "dM": "d_mean",
    "dS": "d_variance",
    "db": "d_bias",
    "dx_mean": "d_x through the means",
    "dx_variance": "d_x through the variances",
    "dx2": "the derivative by x^2",
    "dx": "d_x",
    "z": "the result",
    # Module A
    "q_w": "ln q(w)",
    "q_rho": "ln q(rho)",
    "q_s": "ln q(s)",
    "q": "the result",
    "elbo.rho": "<rho>",
    "elbo.gamma_a": "ln Gamma(a_tilde)",
    "psi_a": "psi(a_tilde)",
    "elbo.log_rho": "<ln rho>",
    "pi": "pi_tilde",
    "E_w": "E ln p(w|rho)",
    "E_rho": "E ln p(rho|s)",
    "E_s": "E ln p_hat(s)",
    "H_w": "H[q(w)]",
    "H_rho": "H[q(rho)]",
    "H_s": "H[q(s)]",
    "weight_on": "the weight of the active Gamma",
    "ln_on": "the active Gamma's bracket",
    "ln_off": "the inactive Gamma's bracket",
    "a": "the shape",
    "b": "the rate",
    "to_a": "what is added to the shape",
    "to_b": "what is added to the rate",
    "l": "the message l",
    "ratio": "b_bar/b",
    "gain": "-a ln(b_bar/b)",
    "factor": "the factor a + 1/2",
    "loss": "(a + 1/2)(1 - b_bar/b)",
    "margin": "the result",
    "m": "m = mu^2 + sigma2",
    "cost": "1/2 <rho> m",
    "entropy": "the entropy's term",
    "each": "a weight's penalty",
    "penalty": "the result",
    "d_mu": "d_mean",
    "d_log_s2": "d_log_variance",
    "z1": "ln Z_1",
    "z0": "ln Z_0",
    "rho1": "the active state's mean precision",
    "rho0": "the inactive state's mean precision",
    "precision-collapsed.rho": "the result",
    "active": "ln(pi Z_1)",
    "inactive": "ln((1 - pi) Z_0)",
    "log_evidence": "ln(pi Z_1 + (1 - pi) Z_0)",
    # Module B
    "heard": "the sum of the messages",
    "grid-sweep.heard": "the new messages",
    "c": "the log-odds h + l + messages",
    "q-support.c": "the result",
    "belief.b": "the result",
    "pair-belief.b": "the result",
    "message": "the result",
    "extrinsic": "the result",
    "psi": "psi",
    "chain.start": "what the first row hears",
    "end": "what the last row hears",
    "l_down": "the evidence in the forward pass",
    "l_up": "the evidence in the backward pass",
    "psi_down": "psi in the forward pass",
    "psi_up": "psi in the backward pass",
    "forward": "forward",
    "backward": "backward",
    "belief": "h + l + messages",
    "left_out": "the message that is left out",
    "grid-sweep.c": "the cavity",
    "sent": "the messages as they are sent",
    "s": "the states (0, 1) that the cavities multiply",
    "ln_b": "the logarithm of the four weights",
    "psi_r": "the four weights",
    "nodes": "the nodes' energy",
    "edges": "the couplings' energy",
    "H_edges": "the entropy of the edges",
    "H_nodes": "a node's entropy",
    "times": "d - 1",
    "again": "the nodes' entropies, (d - 1) H",
    "bethe.entropy": "the entropy",
    "ln_Z": "the result",
    "r": "tanh|J_row|",
    "sum": "tanh|J_row| + tanh|J_col|",
    "uniqueness.c": "tanh|J_col|",
    "radius": "the result",
    "prior": "the indicator's prior log-odds",
    "ln_g": "ln g",
    "others": "the others' ln g",
    "ln_zeta": "ln zeta",
    "n": "the counts n",
    "em-chain.J": "the number of chains",
    "em-chain.c": "the tangent's slope c",
    "c01": "the tangent's slope for p01",
    "c10": "the tangent's slope for p10",
    "yes01": "what speaks for p01",
    "yes10": "what speaks for p10",
    "no01": "what speaks against p01",
    "no10": "what speaks against p10",
    "new01": "p01",
    "new10": "p10",
    "d_h": "d_field",
    "d_row": "d_coupling_row",
    "d_col": "d_coupling_col",
    # Compression
    "heard_by_B": "what Module B hears",
    "turbo-loop.first": "Module A's first answer",
    "turbo-loop.pi": "Module B's answer",
    "sizes": "the layers' sizes",
    "kept": "the numbers of kept weights",
    "p": "the density p",
    "H": "H(p)",
    "shared_by": "the number that the bits are shared by",
    "bits": "the result",
    "offsets": "the offsets in values",
    "read": "the lengths",
    "y": "the result",
}
"""What a piece is called where a mistake is derived; "label.piece" where it is another there."""


def says(label: str, anatomy: Anatomy) -> dict[str, str]:
    """Return what letters, which are the equation's arguments, and pieces are called.

    Examples
    --------
    >>> from tvbi_ref.school.checks.mutants import mutants_of
    >>> says("prune", mutants_of("prune")[0].anatomy)
    {'c': 'support_log_odds'}
    """
    arguments = [symbol.name for symbol in get(label).inputs]
    spoken = {name: SPOKEN.get(f"{label}.{name}", SPOKEN.get(name)) for name in anatomy.pieces}
    return dict(zip(anatomy.letters, arguments, strict=True)) | {
        name: words for name, words in spoken.items() if words
    }

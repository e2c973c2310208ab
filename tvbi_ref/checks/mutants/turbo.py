"""What goes wrong in the exchange: a module that hears its own words again."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, log_expit

from tvbi_ref.checks.mutants.registry import mutant
from tvbi_ref.gamma import Gamma

Array = NDArray[np.float64]


@mutant(
    "extrinsic-a",
    "this is the product of the two odds: the extrinsic message divides, logit pi_tilde - logit pi",
)
def product_of_odds(posterior: Array, incoming: Array) -> Array:
    return posterior + incoming


@mutant("extrinsic-a", "the whole posterior is sent: what came in has to be taken off, logit pi")
def whole_posterior(posterior: Array, incoming: Array) -> Array:
    return posterior.copy()


@mutant("extrinsic-a", "the difference is the wrong way round: posterior minus incoming")
def incoming_less_posterior(posterior: Array, incoming: Array) -> Array:
    return incoming - posterior


@mutant("extrinsic-a", "incoming is taken off twice: the posterior holds it once")
def incoming_off_twice(posterior: Array, incoming: Array) -> Array:
    return posterior - 2 * incoming


@mutant("extrinsic-a", "the log-odds are divided: dividing odds is subtracting log-odds")
def quotient_of_log_odds(posterior: Array, incoming: Array) -> Array:
    return posterior / incoming


@mutant(
    "extrinsic-a",
    "this is the logarithm of pi_tilde / pi, a quotient of probabilities: it is that of their odds",
)
def quotient_of_probabilities(posterior: Array, incoming: Array) -> Array:
    return log_expit(posterior) - log_expit(incoming)


@mutant("extrinsic-a", "this is pi_tilde - pi: the difference is one of log-odds")
def difference_of_probabilities(posterior: Array, incoming: Array) -> Array:
    return expit(posterior) - expit(incoming)


@mutant("extrinsic-a", "these are the odds of the message: it is sent as log-odds")
def extrinsic_odds(posterior: Array, incoming: Array) -> Array:
    return np.exp(posterior - incoming)


@mutant("extrinsic-a", "this is the message's probability: it is sent as log-odds")
def extrinsic_probability(posterior: Array, incoming: Array) -> Array:
    return expit(posterior - incoming)


# One round. What a mutant does not get wrong it leaves to these four.


Round = tuple[Array, Array, Array, Array]


def _module_a(m: Array, active: Gamma, inactive: Gamma) -> Array:
    """Return the collapsed evidence."""
    a, b, a0, b0 = active.shape, active.rate, inactive.shape, inactive.rate
    constant = a * math.log(b) - math.lgamma(a) + math.lgamma(a + 0.5)
    constant -= a0 * math.log(b0) - math.lgamma(a0) + math.lgamma(a0 + 0.5)
    return constant - (a + 0.5) * np.log(b + m / 2) + (a0 + 0.5) * np.log(b0 + m / 2)


def _precision(m: Array, log_odds: Array, active: Gamma, inactive: Gamma) -> Array:
    """Return <rho>."""
    alive = (active.shape + 0.5) / (active.rate + m / 2)
    dead = (inactive.shape + 0.5) / (inactive.rate + m / 2)
    return expit(log_odds) * alive + expit(-log_odds) * dead


def _pass(l: Array, psi: Array, start: float) -> Array:
    """Return what each row hears from the one before it."""
    (ln00, ln01), (ln10, ln11) = np.log(psi)
    heard = np.full_like(l, start)
    for i in range(len(l) - 1):
        c = l[i] + heard[i]
        heard[i + 1] = np.logaddexp(ln11 + c, ln01) - np.logaddexp(ln10 + c, ln00)
    return heard


def _module_b(l: Array, p01: float, p10: float) -> Array:
    """Return the extrinsic log-odds of chains down the columns."""
    psi = np.array([[1 - p01, p01], [p10, 1 - p10]])
    return _pass(l, psi, math.log(p01 / p10)) + _pass(l[::-1], psi.T, 0.0)[::-1]


@mutant(
    "turbo-loop",
    "A sends the product of its posterior's and pi's odds: it divides them, l = logit pi_tilde - "
    "logit pi",
)
def round_with_product_of_odds(
    m: Array, old: Array, active: Gamma, inactive: Gamma, p01: float, p10: float
) -> Round:
    l = _module_a(m, active, inactive)
    evidence = (old + l) + old
    pi = _module_b(evidence, p01, p10)
    return evidence, pi, pi + l, _precision(m, pi + l, active, inactive)


@mutant(
    "turbo-loop",
    "A sends its whole posterior: B hears its own pi again unless that is taken off",
)
def round_with_whole_posterior(
    m: Array, old: Array, active: Gamma, inactive: Gamma, p01: float, p10: float
) -> Round:
    l = _module_a(m, active, inactive)
    evidence = old + l
    pi = _module_b(evidence, p01, p10)
    return evidence, pi, pi + l, _precision(m, pi + l, active, inactive)


@mutant(
    "turbo-loop",
    "B hands over its full belief: A adds l to it once more, so pi must be without l",
)
def round_with_full_belief(
    m: Array, old: Array, active: Gamma, inactive: Gamma, p01: float, p10: float
) -> Round:
    l = _module_a(m, active, inactive)
    pi = _module_b(l, p01, p10) + l
    return l, pi, pi + l, _precision(m, pi + l, active, inactive)


@mutant(
    "turbo-loop",
    "two mistakes at once: A sends the product of the odds in place of their quotient, and B hands "
    "over its full belief in place of the extrinsic part",
)
def round_of_the_follow_up_code(
    m: Array, old: Array, active: Gamma, inactive: Gamma, p01: float, p10: float
) -> Round:
    l = _module_a(m, active, inactive)
    evidence = (old + l) + old
    pi = _module_b(evidence, p01, p10) + evidence
    return evidence, pi, pi + l, _precision(m, pi + l, active, inactive)


@mutant(
    "turbo-loop",
    "B's belief is reported as logit pi: A has used it rightly, but pi itself is without l",
)
def belief_reported_as_pi(
    m: Array, old: Array, active: Gamma, inactive: Gamma, p01: float, p10: float
) -> Round:
    l = _module_a(m, active, inactive)
    belief = _module_b(l, p01, p10) + l
    return l, belief, belief.copy(), _precision(m, belief, active, inactive)


@mutant(
    "turbo-loop",
    "Module A is not run again: pi_tilde and <rho> still hold the OLD pi, the round ends with the "
    "new one",
)
def module_a_not_run_again(
    m: Array, old: Array, active: Gamma, inactive: Gamma, p01: float, p10: float
) -> Round:
    l = _module_a(m, active, inactive)
    return l, _module_b(l, p01, p10), old + l, _precision(m, old + l, active, inactive)


@mutant("turbo-loop", "<rho> is left over from the old pi: it follows the new pi_tilde")
def precision_not_run_again(
    m: Array, old: Array, active: Gamma, inactive: Gamma, p01: float, p10: float
) -> Round:
    l = _module_a(m, active, inactive)
    pi = _module_b(l, p01, p10)
    return l, pi, pi + l, _precision(m, old + l, active, inactive)


@mutant(
    "turbo-loop",
    "<rho> is weighed with pi: it is weighed with pi_tilde, which has seen the evidence",
)
def precision_from_pi(
    m: Array, old: Array, active: Gamma, inactive: Gamma, p01: float, p10: float
) -> Round:
    l = _module_a(m, active, inactive)
    pi = _module_b(l, p01, p10)
    return l, pi, pi + l, _precision(m, pi, active, inactive)


@mutant(
    "turbo-loop", "<rho> is that of the likelier state alone: it is the mean over both, by pi_tilde"
)
def precision_of_likelier_state(
    m: Array, old: Array, active: Gamma, inactive: Gamma, p01: float, p10: float
) -> Round:
    l = _module_a(m, active, inactive)
    pi = _module_b(l, p01, p10)
    decided = np.where(pi + l >= 0, np.inf, -np.inf)
    return l, pi, pi + l, _precision(m, decided, active, inactive)


@mutant("turbo-loop", "the new pi is added to the old one: B's message REPLACES its last one")
def old_pi_kept(
    m: Array, old: Array, active: Gamma, inactive: Gamma, p01: float, p10: float
) -> Round:
    l = _module_a(m, active, inactive)
    pi = old + _module_b(l, p01, p10)
    return l, pi, pi + l, _precision(m, pi + l, active, inactive)


@mutant("turbo-loop", "the new pi is never used with l: logit pi_tilde = logit pi + l")
def posterior_without_evidence(
    m: Array, old: Array, active: Gamma, inactive: Gamma, p01: float, p10: float
) -> Round:
    l = _module_a(m, active, inactive)
    pi = _module_b(l, p01, p10)
    return l, pi, pi.copy(), _precision(m, pi, active, inactive)


@mutant(
    "turbo-loop", "only the forward pass is run: logit pi adds what comes from above and from below"
)
def forward_pass_only(
    m: Array, old: Array, active: Gamma, inactive: Gamma, p01: float, p10: float
) -> Round:
    l = _module_a(m, active, inactive)
    pi = _pass(l, np.array([[1 - p01, p01], [p10, 1 - p10]]), math.log(p01 / p10))
    return l, pi, pi + l, _precision(m, pi + l, active, inactive)


@mutant("turbo-loop", "the chains run along the rows: they run down the columns")
def chains_along_the_rows(
    m: Array, old: Array, active: Gamma, inactive: Gamma, p01: float, p10: float
) -> Round:
    l = _module_a(m, active, inactive)
    pi = _module_b(l.T, p01, p10).T.copy()
    return l, pi, pi + l, _precision(m, pi + l, active, inactive)


@mutant("turbo-loop", "p01 and p10 are exchanged: p01 = P(1|0), p10 = P(0|1)")
def transitions_exchanged(
    m: Array, old: Array, active: Gamma, inactive: Gamma, p01: float, p10: float
) -> Round:
    l = _module_a(m, active, inactive)
    pi = _module_b(l, p10, p01)
    return l, pi, pi + l, _precision(m, pi + l, active, inactive)


@mutant(
    "turbo-loop", "active and inactive are exchanged: s = 1 goes with the broad prior, `active`"
)
def priors_exchanged(
    m: Array, old: Array, active: Gamma, inactive: Gamma, p01: float, p10: float
) -> Round:
    l = _module_a(m, inactive, active)
    pi = _module_b(l, p01, p10)
    return l, pi, pi + l, _precision(m, pi + l, inactive, active)

"""What goes wrong in the exchange: a module that hears its own words again."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, log_expit

from tvbi_ref.school.checks.mutants.registry import mutant

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


# One round: m, the old logit pi, Module A, Module B. Modules may remember, so that the order and
# the number of calls count.

Round = tuple[Array, Array, Array, Array]
ModuleA = Callable[[Array, Array], tuple[Array, Array]]
ModuleB = Callable[[Array], Array]


@mutant(
    "turbo-loop",
    "A sends the product of its posterior's and pi's odds: it divides them, l = logit pi_tilde - "
    "logit pi",
)
def round_with_product_of_odds(m: Array, old: Array, A: ModuleA, B: ModuleB) -> Round:
    evidence = A(m, old)[0] + old
    pi = B(evidence)
    return evidence, pi, *A(m, pi)


@mutant(
    "turbo-loop",
    "A sends its whole posterior: B hears its own pi again unless that is taken off",
)
def round_with_whole_posterior(m: Array, old: Array, A: ModuleA, B: ModuleB) -> Round:
    evidence, _ = A(m, old)
    pi = B(evidence)
    return evidence, pi, *A(m, pi)


@mutant(
    "turbo-loop",
    "l is right, and B is given the whole posterior instead of it: B hears its own pi again",
)
def posterior_given_to_b(m: Array, old: Array, A: ModuleA, B: ModuleB) -> Round:
    posterior, _ = A(m, old)
    pi = B(posterior)
    return posterior - old, pi, *A(m, pi)


@mutant("turbo-loop", "l has the wrong sign: it is the posterior's log-odds minus pi's")
def evidence_reversed(m: Array, old: Array, A: ModuleA, B: ModuleB) -> Round:
    evidence = old - A(m, old)[0]
    pi = B(evidence)
    return evidence, pi, *A(m, pi)


@mutant(
    "turbo-loop",
    "A is handed the full belief: A adds l to it once more, so pi must be B's answer without l",
)
def round_with_full_belief(m: Array, old: Array, A: ModuleA, B: ModuleB) -> Round:
    l = A(m, old)[0] - old
    pi = B(l) + l
    return l, pi, *A(m, pi)


@mutant(
    "turbo-loop",
    "l is taken off B's answer: what `module_b` returns is without l already",
)
def evidence_taken_off_twice(m: Array, old: Array, A: ModuleA, B: ModuleB) -> Round:
    l = A(m, old)[0] - old
    pi = B(l) - l
    return l, pi, *A(m, pi)


@mutant(
    "turbo-loop",
    "two mistakes at once: A sends the product of the odds in place of their quotient, and B hands "
    "over its full belief in place of the extrinsic part",
)
def round_of_the_follow_up_code(m: Array, old: Array, A: ModuleA, B: ModuleB) -> Round:
    evidence = A(m, old)[0] + old
    pi = B(evidence) + evidence
    return evidence, pi, *A(m, pi)


@mutant(
    "turbo-loop",
    "B's belief is reported as logit pi: A has been given the right one, but pi itself is without "
    "l",
)
def belief_reported_as_pi(m: Array, old: Array, A: ModuleA, B: ModuleB) -> Round:
    l = A(m, old)[0] - old
    pi = B(l)
    return l, pi + l, *A(m, pi)


@mutant(
    "turbo-loop",
    "Module A is not run again: pi_tilde and <rho> still hold the OLD pi, the round ends with the "
    "new one",
)
def module_a_not_run_again(m: Array, old: Array, A: ModuleA, B: ModuleB) -> Round:
    posterior, rho = A(m, old)
    l = posterior - old
    return l, B(l), posterior, rho


@mutant("turbo-loop", "Module A is run again, but with the OLD pi: it must hear B's answer")
def module_a_run_with_the_old_pi(m: Array, old: Array, A: ModuleA, B: ModuleB) -> Round:
    l = A(m, old)[0] - old
    return l, B(l), *A(m, old)


@mutant("turbo-loop", "<rho> is left over from the old pi: it comes with the new pi_tilde")
def precision_not_run_again(m: Array, old: Array, A: ModuleA, B: ModuleB) -> Round:
    posterior, rho = A(m, old)
    l = posterior - old
    pi = B(l)
    return l, pi, A(m, pi)[0], rho


@mutant(
    "turbo-loop",
    "logit pi_tilde is put together as the new pi + l: that is the collapsed form alone, where l "
    "does not depend on pi; Module A has to be run",
)
def posterior_put_together(m: Array, old: Array, A: ModuleA, B: ModuleB) -> Round:
    l = A(m, old)[0] - old
    pi = B(l)
    return l, pi, pi + l, A(m, pi)[1]


@mutant(
    "turbo-loop",
    "Module A is called three times: one that remembers, as mean field does, goes a step on with "
    "each call; take both results from one call",
)
def one_call_for_each_result(m: Array, old: Array, A: ModuleA, B: ModuleB) -> Round:
    l = A(m, old)[0] - old
    pi = B(l)
    return l, pi, A(m, pi)[0], A(m, pi)[1]


@mutant("turbo-loop", "the new pi is added to the old one: B's message REPLACES its last one")
def old_pi_kept(m: Array, old: Array, A: ModuleA, B: ModuleB) -> Round:
    l = A(m, old)[0] - old
    pi = old + B(l)
    return l, pi, *A(m, pi)


@mutant(
    "turbo-loop", "pi is returned as the posterior: logit pi_tilde is what Module A makes of it"
)
def posterior_without_evidence(m: Array, old: Array, A: ModuleA, B: ModuleB) -> Round:
    l = A(m, old)[0] - old
    pi = B(l)
    return l, pi, pi.copy(), A(m, pi)[1]


@mutant("turbo-loop", "Module B is asked with the old pi: it hears l, which it has not said itself")
def old_pi_given_to_b(m: Array, old: Array, A: ModuleA, B: ModuleB) -> Round:
    l = A(m, old)[0] - old
    pi = B(old)
    return l, pi, *A(m, pi)


@mutant("turbo-loop", "Module A's arguments are exchanged: m first, then logit pi")
def arguments_of_a_exchanged(m: Array, old: Array, A: ModuleA, B: ModuleB) -> Round:
    l = A(old, m)[0] - old
    pi = B(l)
    return l, pi, *A(pi, m)


@mutant("turbo-loop", "the first two results are exchanged: l, then the new logit pi")
def messages_exchanged(m: Array, old: Array, A: ModuleA, B: ModuleB) -> Round:
    l = A(m, old)[0] - old
    pi = B(l)
    return pi, l, *A(m, pi)

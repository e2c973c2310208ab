"""What goes wrong in the exchange: a module that hears its own words again."""

from __future__ import annotations

import numpy as np
from scipy.special import expit, log_expit

from tvbi_ref.school.checks.mutants.registry import mistakes

mistakes(
    "extrinsic-a",
    "posterior incoming",
    {"extrinsic": lambda posterior, incoming: posterior - incoming},
    "this is the product of the two odds: the extrinsic message divides, logit pi_tilde - logit pi",
    {"extrinsic": lambda posterior, incoming: posterior + incoming},
    "the whole posterior is sent: what came in has to be taken off, logit pi",
    {"extrinsic": lambda posterior: posterior.copy()},
    "the difference is the wrong way round: posterior minus incoming",
    {"extrinsic": lambda extrinsic: -extrinsic},
    "incoming is taken off twice: the posterior holds it once",
    {"incoming": lambda incoming: 2 * incoming},
    "the log-odds are divided: dividing odds is subtracting log-odds",
    {"extrinsic": lambda posterior, incoming: posterior / incoming},
    "this is the logarithm of pi_tilde / pi, a quotient of probabilities: it is that of their odds",
    {"extrinsic": lambda posterior, incoming: log_expit(posterior) - log_expit(incoming)},
    "this is pi_tilde - pi: the difference is one of log-odds",
    {"extrinsic": lambda posterior, incoming: expit(posterior) - expit(incoming)},
    "these are the odds of the message: it is sent as log-odds",
    {"extrinsic": lambda extrinsic: np.exp(extrinsic)},
    "this is the message's probability: it is sent as log-odds",
    {"extrinsic": lambda extrinsic: expit(extrinsic)},
)

# Modules may remember, so that the order and the number of calls count.
mistakes(
    "turbo-loop",
    "m old A B",
    {
        "first": lambda m, old, A: A(m, old),
        "l": lambda old, first: first[0] - old,
        "heard_by_B": lambda l: l,
        "pi": lambda heard_by_B, B: B(heard_by_B),
        "second": lambda m, pi, A: A(m, pi),
        "round": lambda l, pi, second: (l, pi, *second),
    },
    "A sends the product of its posterior's and pi's odds: it divides them, l = logit pi_tilde - "
    "logit pi",
    {"l": lambda old, first: first[0] + old},
    "A sends its whole posterior: B hears its own pi again unless that is taken off",
    {"l": lambda first: first[0]},
    "l is right, and B is given the whole posterior instead of it: B hears its own pi again",
    {"heard_by_B": lambda first: first[0]},
    "l has the wrong sign: it is the posterior's log-odds minus pi's",
    {"l": lambda l: -l},
    "A is handed the full belief: A adds l to it once more, so pi must be B's answer without l",
    {"pi": lambda l, pi: pi + l},
    "l is taken off B's answer: what `module_b` returns is without l already",
    {"pi": lambda l, pi: pi - l},
    "two mistakes at once: A sends the product of the odds in place of their quotient, and B hands "
    "over its full belief in place of the extrinsic part",
    {"l": lambda old, first: first[0] + old, "B": lambda B: lambda l: B(l) + l},
    "B's belief is reported as logit pi: A has been given the right one, but pi itself is without "
    "l",
    {"round": lambda l, pi, second: (l, pi + l, *second)},
    "Module A is not run again: pi_tilde and <rho> still hold the OLD pi, the round ends with the "
    "new one",
    {"second": lambda first: first},
    "Module A is run again, but with the OLD pi: it must hear B's answer",
    {"second": lambda m, old, first, A: A(m, old)},
    "<rho> is left over from the old pi: it comes with the new pi_tilde",
    {"second": lambda first, second: (second[0], first[1])},
    "logit pi_tilde is put together as the new pi + l: that is the collapsed form alone, where l "
    "does not depend on pi; Module A has to be run",
    {"second": lambda l, pi, second: (pi + l, second[1])},
    "Module A is called three times: one that remembers, as mean field does, goes a step on with "
    "each call; take both results from one call",
    {"second": lambda m, pi, A: (A(m, pi)[0], A(m, pi)[1])},
    "the new pi is added to the old one: B's message REPLACES its last one",
    {"pi": lambda old, pi: old + pi},
    "pi is returned as the posterior: logit pi_tilde is what Module A makes of it",
    {"second": lambda pi, second: (pi.copy(), second[1])},
    "Module B is asked with the old pi: it hears l, which it has not said itself",
    {"heard_by_B": lambda old: old},
    "Module A's arguments are exchanged: m first, then logit pi",
    {"A": lambda A: lambda m, pi: A(pi, m)},
    "the first two results are exchanged: l, then the new logit pi",
    {"round": lambda l, pi, second: (pi, l, *second)},
)

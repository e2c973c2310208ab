"""The exchange written in other ways, all of them right."""

import numpy as np
from scipy.special import expit, log_expit, logit

# What goes over the wire


def extrinsic_difference(posterior, incoming):
    return np.subtract(posterior, incoming)


def extrinsic_quotient_of_odds(posterior, incoming):
    return np.log(np.exp(posterior) / np.exp(incoming))


def extrinsic_two_states(posterior, incoming):
    return (log_expit(posterior) - log_expit(incoming)) - (
        log_expit(-posterior) - log_expit(-incoming)
    )


# A round


def round_line_by_line(second_moment, prior_log_odds, module_a, module_b):
    told = module_a(second_moment, prior_log_odds)
    l = told[0] - prior_log_odds
    answer = module_b(l)
    final = module_a(second_moment, answer)
    return (l, answer, *final)


def round_in_a_loop(m, pi, module_a, module_b):
    l = None
    while True:
        posterior, rho = module_a(m, pi)
        if l is not None:
            return l, pi, posterior, rho
        l = posterior - pi
        pi = module_b(l)


def round_in_odds(m, old, module_a, module_b):
    odds = np.exp(module_a(m, old)[0])
    l = np.log(odds / np.exp(old))
    odds = np.exp(module_b(l.copy()))
    posterior, rho = module_a(m, np.log(odds))
    return l, np.log(odds), posterior, rho


def round_in_probabilities(m, old, module_a, module_b):
    """Divide pi out of q(s) state by state, and multiply the answer as it is."""
    posterior, _ = module_a(m, old)
    alive = log_expit(posterior) - log_expit(old)
    dead = log_expit(-posterior) - log_expit(-old)
    new = expit(module_b(alive - dead))
    posterior, rho = module_a(m, logit(new))
    q = expit(posterior)
    return alive - dead, np.log(new) - np.log1p(-new), np.log(q) - np.log1p(-q), rho


VARIANTS = {
    "extrinsic-a": [extrinsic_difference, extrinsic_quotient_of_odds, extrinsic_two_states],
    "turbo-loop": [
        round_line_by_line,
        round_in_a_loop,
        round_in_odds,
        round_in_probabilities,
    ],
}

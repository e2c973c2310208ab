"""The exchange written in other ways, all of them right."""

import math

import numpy as np
from scipy import stats
from scipy.special import expit, gammaln, log_expit, logit

# What goes over the wire


def extrinsic_difference(posterior, incoming):
    return np.subtract(posterior, incoming)


def extrinsic_quotient_of_odds(posterior, incoming):
    return np.log(np.exp(posterior) / np.exp(incoming))


def extrinsic_two_states(posterior, incoming):
    return (log_expit(posterior) - log_expit(incoming)) - (
        log_expit(-posterior) - log_expit(-incoming)
    )


# A round in log-odds


def log_evidence(m, prior):
    a, b = prior.shape, prior.rate
    constant = a * np.log(b) - gammaln(a) + gammaln(a + 0.5) - 0.5 * np.log(2 * np.pi)
    return constant - (a + 0.5) * np.log(b + 0.5 * m)


def mean_precision(m, prior):
    return (prior.shape + 0.5) / (prior.rate + 0.5 * m)


def round_in_log_odds(m, old, active, inactive, p01, p10):
    posterior = old + log_evidence(m, active) - log_evidence(m, inactive)
    l = posterior - old
    ln00, ln01, ln10, ln11 = np.log([1 - p01, p01, p10, 1 - p10])
    forward, backward = np.zeros_like(l), np.zeros_like(l)
    forward[0] = np.log(p01 / p10)
    for i in range(len(l) - 1):
        c = l[i] + forward[i]
        forward[i + 1] = np.logaddexp(ln11 + c, ln01) - np.logaddexp(ln10 + c, ln00)
    for i in reversed(range(len(l) - 1)):
        c = l[i + 1] + backward[i + 1]
        backward[i] = np.logaddexp(ln11 + c, ln10) - np.logaddexp(ln01 + c, ln00)
    pi = forward + backward
    q = expit(pi + l)
    rho = q * mean_precision(m, active) + (1 - q) * mean_precision(m, inactive)
    return l, pi, pi + l, rho


# A round in odds


def round_in_odds(m, old, active, inactive, p01, p10):
    posterior = np.exp(old) * np.exp(log_evidence(m, active)) / np.exp(log_evidence(m, inactive))
    r = posterior / np.exp(old)
    pi = np.empty_like(r)
    for j in range(r.shape[1]):
        above, below = [p01 / p10], [1.0]
        for value in r[:-1, j]:
            c = value * above[-1]
            above.append(((1 - p10) * c + p01) / (p10 * c + 1 - p01))
        for value in r[:0:-1, j]:
            c = value * below[-1]
            below.append(((1 - p10) * c + p10) / (p01 * c + 1 - p01))
        pi[:, j] = np.array(above) * np.array(below[::-1])
    odds = pi * r
    alive, dead = mean_precision(m, active), mean_precision(m, inactive)
    return np.log(r), np.log(pi), np.log(odds), (odds * alive + dead) / (1 + odds)


# A round in probabilities: Student's t for the weights, scaled forward and backward vectors


def student_density(m, prior):
    scale = math.sqrt(prior.rate / prior.shape)
    return stats.t.pdf(np.sqrt(m), df=2 * prior.shape, scale=scale)


def round_in_probabilities(m, old, active, inactive, p01, p10):
    slab, spike = student_density(m, active), student_density(m, inactive)
    pi = expit(old)
    q = pi * slab / (pi * slab + (1 - pi) * spike)
    l = logit(q) - logit(pi)
    likelihood = np.stack([1 / (1 + np.exp(l)), 1 / (1 + np.exp(-l))])
    P = np.array([[1 - p01, p01], [p10, 1 - p10]])
    predicted = np.zeros((2, *m.shape))
    beta = np.ones((2, *m.shape))
    predicted[:, 0] = np.array([[p10], [p01]]) / (p01 + p10)
    for i in range(len(m) - 1):
        alpha = predicted[:, i] * likelihood[:, i]
        predicted[:, i + 1] = P.T @ (alpha / alpha.sum(axis=0))
    for i in reversed(range(len(m) - 1)):
        beta[:, i] = P @ (beta[:, i + 1] * likelihood[:, i + 1])
        beta[:, i] /= beta[:, i].sum(axis=0)
    new = predicted * beta
    joint = new * likelihood
    joint = joint / joint.sum(axis=0)
    rho = np.sum(joint * np.stack([mean_precision(m, inactive), mean_precision(m, active)]), axis=0)
    return l, np.log(new[1] / new[0]), np.log(joint[1] / joint[0]), rho


VARIANTS = {
    "extrinsic-a": [extrinsic_difference, extrinsic_quotient_of_odds, extrinsic_two_states],
    "turbo-loop": [round_in_log_odds, round_in_odds, round_in_probabilities],
}

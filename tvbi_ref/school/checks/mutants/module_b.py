"""What goes wrong in message passing: neighbours heard twice, factors turned, borders crossed."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import entr, expit, logit

from tvbi_ref.school.checks.mutants.registry import mutant

Array = NDArray[np.float64]

# One node


@mutant("cavity", "the node's own evidence is missing: the cavity is h + l + the other messages")
def cavity_without_evidence(field: Array, evidence: Array, other_messages: Array) -> Array:
    return field + other_messages.sum(axis=0)


@mutant("cavity", "the field is missing: the cavity is h + l + the other messages")
def cavity_without_field(field: Array, evidence: Array, other_messages: Array) -> Array:
    return evidence + other_messages.sum(axis=0)


@mutant("cavity", "the messages are missing: h + l is only what the node knows by itself")
def cavity_without_messages(field: Array, evidence: Array, other_messages: Array) -> Array:
    return field + evidence


@mutant(
    "cavity",
    "the first message is left out: `other_messages` is already without the receiver's, so all "
    "that is in it counts",
)
def cavity_without_first_message(field: Array, evidence: Array, other_messages: Array) -> Array:
    return field + evidence + other_messages[1:].sum(axis=0)


@mutant(
    "cavity",
    "the last message is left out: `other_messages` is already without the receiver's, so all "
    "that is in it counts",
)
def cavity_without_last_message(field: Array, evidence: Array, other_messages: Array) -> Array:
    return field + evidence + other_messages[:-1].sum(axis=0)


@mutant("cavity", "the messages are averaged: independent messages add up in log-odds")
def cavity_of_mean_message(field: Array, evidence: Array, other_messages: Array) -> Array:
    return field + evidence + other_messages.sum(axis=0) / max(len(other_messages), 1)


@mutant("cavity", "the messages are multiplied: odds multiply, log-odds add")
def cavity_of_product(field: Array, evidence: Array, other_messages: Array) -> Array:
    return field + evidence + other_messages.prod(axis=0)


@mutant("cavity", "the messages are subtracted: leaving one out means not to add it")
def cavity_less_messages(field: Array, evidence: Array, other_messages: Array) -> Array:
    return field + evidence - other_messages.sum(axis=0)


@mutant("cavity", "this is the cavity's probability: what goes on is its log-odds")
def cavity_as_probability(field: Array, evidence: Array, other_messages: Array) -> Array:
    return expit(field + evidence + other_messages.sum(axis=0))


@mutant("belief", "these are the belief's log-odds: the belief is a probability")
def belief_as_log_odds(field: Array, evidence: Array, messages: Array) -> Array:
    return field + evidence + messages.sum(axis=0)


@mutant("belief", "these are the belief's odds b/(1 - b): the belief is b")
def belief_as_odds(field: Array, evidence: Array, messages: Array) -> Array:
    return np.exp(field + evidence + messages.sum(axis=0))


@mutant("belief", "this is P(s = 0): the log-odds have the wrong sign")
def belief_of_zero(field: Array, evidence: Array, messages: Array) -> Array:
    return expit(-(field + evidence + messages.sum(axis=0)))


@mutant("belief", "this is the mean of the spin x, in [-1, 1]: the belief is that of s, in [0, 1]")
def belief_of_spin(field: Array, evidence: Array, messages: Array) -> Array:
    return np.tanh((field + evidence + messages.sum(axis=0)) / 2)


@mutant("belief", "the own evidence is missing: without l it is the extrinsic pi, not the belief")
def belief_without_evidence(field: Array, evidence: Array, messages: Array) -> Array:
    return expit(field + messages.sum(axis=0))


@mutant("belief", "the field is missing: logit b = h + l + all messages")
def belief_without_field(field: Array, evidence: Array, messages: Array) -> Array:
    return expit(evidence + messages.sum(axis=0))


@mutant(
    "belief",
    "the first message is missing: the belief takes ALL messages, only a cavity leaves one out",
)
def belief_without_first_message(field: Array, evidence: Array, messages: Array) -> Array:
    return expit(field + evidence + messages[1:].sum(axis=0))


@mutant(
    "belief",
    "the last message is missing: the belief takes ALL messages, only a cavity leaves one out",
)
def belief_without_last_message(field: Array, evidence: Array, messages: Array) -> Array:
    return expit(field + evidence + messages[:-1].sum(axis=0))


@mutant("belief", "the messages are averaged: what independent neighbours say adds up in log-odds")
def belief_of_mean_message(field: Array, evidence: Array, messages: Array) -> Array:
    return expit(field + evidence + messages.sum(axis=0) / max(len(messages), 1))


@mutant("belief", "the evidence is counted twice: it enters logit b once, and no message holds it")
def belief_with_evidence_twice(field: Array, evidence: Array, messages: Array) -> Array:
    return expit(field + 2 * evidence + messages.sum(axis=0))


@mutant("extrinsic-b", "the field is missing: only the own EVIDENCE is left out, the prior stays")
def extrinsic_without_field(field: Array, messages: Array) -> Array:
    return messages.sum(axis=0)


@mutant("extrinsic-b", "the field is subtracted: what is taken off the belief is l, and h stays")
def extrinsic_less_field(field: Array, messages: Array) -> Array:
    return messages.sum(axis=0) - field


@mutant("extrinsic-b", "this is pi, a probability: the message is logit pi")
def extrinsic_as_probability(field: Array, messages: Array) -> Array:
    return expit(field + messages.sum(axis=0))


@mutant("extrinsic-b", "these are the odds of pi: the message is their logarithm")
def extrinsic_as_odds(field: Array, messages: Array) -> Array:
    return np.exp(field + messages.sum(axis=0))


@mutant("extrinsic-b", "the last message is missing: all messages count, only l is left out")
def extrinsic_without_last_message(field: Array, messages: Array) -> Array:
    return field + messages[:-1].sum(axis=0)


@mutant("extrinsic-b", "the first message is missing: all messages count, only l is left out")
def extrinsic_without_first_message(field: Array, messages: Array) -> Array:
    return field + messages[1:].sum(axis=0)


@mutant("extrinsic-b", "the messages are averaged: in log-odds they add up")
def extrinsic_of_mean_message(field: Array, messages: Array) -> Array:
    return field + messages.sum(axis=0) / max(len(messages), 1)


# One edge


def _message(cavity: Array, psi: Array) -> Array:
    """Return the right message, for mutants whose mistake is elsewhere."""
    (ln00, ln01), (ln10, ln11) = np.log(psi)
    return np.logaddexp(ln11 + cavity, ln01) - np.logaddexp(ln10 + cavity, ln00)


def _ising_message(cavity: Array, coupling: float) -> Array:
    return np.logaddexp(2 * coupling + cavity, 0) - np.logaddexp(cavity, 2 * coupling)


@mutant(
    "sum-product",
    "psi is transposed: its first index is the SENDER's state, so psi11 r stands beside psi01, the "
    "weight of going from 0 to 1",
)
def psi_transposed(cavity: Array, psi: Array) -> Array:
    return _message(cavity, psi.T)


@mutant("sum-product", "the fraction is upside down: the weight of s' = 1 is the numerator")
def message_upside_down(cavity: Array, psi: Array) -> Array:
    return -_message(cavity, psi)


@mutant("sum-product", "these are the message's odds: the message is their logarithm")
def message_as_odds(cavity: Array, psi: Array) -> Array:
    return np.exp(_message(cavity, psi))


@mutant("sum-product", "this is the message's probability: the message is its log-odds")
def message_as_probability(cavity: Array, psi: Array) -> Array:
    return expit(_message(cavity, psi))


@mutant("sum-product", "this is max-product: the sender's two states are summed, not compared")
def max_product(cavity: Array, psi: Array) -> Array:
    (ln00, ln01), (ln10, ln11) = np.log(psi)
    return np.maximum(ln11 + cavity, ln01) - np.maximum(ln10 + cavity, ln00)


@mutant("sum-product", "this is ln of the weight of s' = 1 alone: the weight of s' = 0 divides it")
def message_without_denominator(cavity: Array, psi: Array) -> Array:
    return np.logaddexp(np.log(psi[1, 1]) + cavity, np.log(psi[0, 1]))


@mutant(
    "sum-product",
    "the sender's probability stands where its odds belong: with p in place of r the terms of "
    "s = 0 must be weighed with 1 - p",
)
def probability_for_odds(cavity: Array, psi: Array) -> Array:
    p = expit(cavity)
    return np.log((psi[1, 1] * p + psi[0, 1]) / (psi[1, 0] * p + psi[0, 0]))


@mutant("sum-product", "the cavity is added once more: the message holds it only through psi")
def message_with_cavity(cavity: Array, psi: Array) -> Array:
    return _message(cavity, psi) + cavity


@mutant("sum-product", "r is e^-c here, the odds of s = 0: with r = e^c it multiplies the row psi1")
def cavity_negated(cavity: Array, psi: Array) -> Array:
    return _message(-cavity, psi)


@mutant("sum-product-ising", "tanh(c) stands for tanh(c/2): c is a log-odds, and <x> = tanh(c/2)")
def whole_cavity(cavity: Array, coupling: float) -> Array:
    return 2 * np.arctanh(np.tanh(coupling) * np.tanh(cavity))


@mutant(
    "sum-product-ising", "the 2 before atanh is missing: a log-odds is 2 atanh of the spin's mean"
)
def without_the_two(cavity: Array, coupling: float) -> Array:
    return _ising_message(cavity, coupling) / 2


@mutant(
    "sum-product-ising",
    "t = e^J here, or tanh(J/2): equal and unlike spins differ by the factor t = e^(2J)",
)
def half_coupling(cavity: Array, coupling: float) -> Array:
    return _ising_message(cavity, coupling / 2)


@mutant(
    "sum-product-ising", "this is e^(J s s') with s in {0, 1}: the coupling is J x x', x = 2s - 1"
)
def coupling_of_bits(cavity: Array, coupling: float) -> Array:
    return np.logaddexp(coupling + cavity, 0) - np.logaddexp(cavity, 0)


@mutant("sum-product-ising", "J has the wrong sign: J > 0 makes neighbours alike")
def coupling_negated(cavity: Array, coupling: float) -> Array:
    return _ising_message(cavity, -coupling)


@mutant("sum-product-ising", "|J| stands for J: a negative coupling turns the message round")
def coupling_without_sign(cavity: Array, coupling: float) -> Array:
    return _ising_message(cavity, abs(coupling))


@mutant(
    "sum-product-ising",
    "this is the mean field's message 2 J <x>: sum-product puts tanh J in and atanh around it",
)
def mean_field_message(cavity: Array, coupling: float) -> Array:
    return 2 * coupling * np.tanh(cavity / 2)


@mutant(
    "sum-product-ising", "atanh is missing: tanh J tanh(c/2) is a spin's mean, not yet a log-odds"
)
def without_atanh(cavity: Array, coupling: float) -> Array:
    return 2 * np.tanh(coupling) * np.tanh(cavity / 2)


@mutant("sum-product-ising", "these are the odds r': the message is ln r'")
def ising_message_as_odds(cavity: Array, coupling: float) -> Array:
    return np.exp(_ising_message(cavity, coupling))


@mutant("pair-belief", "psi is transposed: its first index is the first node's state")
def pair_of_transposed_psi(log_psi: Array, cavity_first: Array, cavity_second: Array) -> Array:
    return _pairs(log_psi.T, cavity_first, cavity_second)


@mutant("pair-belief", "the two cavities are exchanged: the first node's goes with the first index")
def pair_of_exchanged_ends(log_psi: Array, cavity_first: Array, cavity_second: Array) -> Array:
    return _pairs(log_psi, cavity_second, cavity_first)


@mutant("pair-belief", "psi is missing: this is the product of two nodes that are independent")
def pair_without_psi(log_psi: Array, cavity_first: Array, cavity_second: Array) -> Array:
    return _pairs(np.zeros((2, 2)), cavity_first, cavity_second)


@mutant(
    "pair-belief", "each row sums to 1: that is P(s' | s), and a joint belief sums to 1 as a whole"
)
def pair_as_conditional(log_psi: Array, cavity_first: Array, cavity_second: Array) -> Array:
    b = _pairs(log_psi, cavity_first, cavity_second)
    return b / b.sum(axis=-1, keepdims=True)


@mutant(
    "pair-belief", "all edges together sum to 1: each edge's belief is a distribution of its own"
)
def pairs_normalised_together(log_psi: Array, cavity_first: Array, cavity_second: Array) -> Array:
    b = _pairs(log_psi, cavity_first, cavity_second)
    return b / b.sum()


@mutant(
    "pair-belief", "the largest entry is 1: divide by the sum of the four, not by their maximum"
)
def pair_over_maximum(log_psi: Array, cavity_first: Array, cavity_second: Array) -> Array:
    b = _pairs(log_psi, cavity_first, cavity_second)
    return b / b.max(axis=(-2, -1), keepdims=True)


@mutant(
    "pair-belief", "the cavities are multiplied with x = +-1, so they count double: c goes with s"
)
def pair_of_spins(log_psi: Array, cavity_first: Array, cavity_second: Array) -> Array:
    return _pairs(log_psi, 2 * cavity_first, 2 * cavity_second)


@mutant("pair-belief", "these are the logarithms of the beliefs: the belief is a probability")
def pair_as_logarithm(log_psi: Array, cavity_first: Array, cavity_second: Array) -> Array:
    return np.log(_pairs(log_psi, cavity_first, cavity_second))


def _pairs(log_psi: Array, cavity_first: Array, cavity_second: Array) -> Array:
    s = np.arange(2)
    log_b = (
        log_psi + cavity_first[..., None, None] * s[:, None] + cavity_second[..., None, None] * s
    )
    b = np.exp(log_b - log_b.max(axis=(-2, -1), keepdims=True))
    return b / b.sum(axis=(-2, -1), keepdims=True)


# Chains


def _transition(p01: float, p10: float) -> Array:
    return np.array([[1 - p01, p01], [p10, 1 - p10]])


def _pass_down(evidence: Array, psi: Array, start: float) -> Array:
    """Return what every row hears from the one above it; the first hears `start`."""
    heard = np.full_like(evidence, start)
    for i in range(len(evidence) - 1):
        heard[i + 1] = _message(evidence[i] + heard[i], psi)
    return heard


def _pass_up(evidence: Array, psi: Array, start: float = 0.0) -> Array:
    """Return what every row hears from the one below it, psi as it is given."""
    return _pass_down(evidence[::-1], psi, start)[::-1].copy()


def _forward_backward(evidence: Array, p01: float, p10: float) -> tuple[Array, Array]:
    psi = _transition(p01, p10)
    return _pass_down(evidence, psi, float(np.log(p01 / p10))), _pass_up(evidence, psi.T)


@mutant("chain", "p01 and p10 are exchanged: p01 = P(1|0) starts a cluster, p10 = P(0|1) ends it")
def p01_for_p10(evidence: Array, p01: float, p10: float) -> tuple[Array, Array]:
    return _forward_backward(evidence, p10, p01)


@mutant(
    "chain",
    "the backward pass uses psi as it is: there the sender is the LATER node, so psi is transposed",
)
def backward_not_transposed(evidence: Array, p01: float, p10: float) -> tuple[Array, Array]:
    forward, _ = _forward_backward(evidence, p01, p10)
    return forward, _pass_up(evidence, _transition(p01, p10))


@mutant(
    "chain",
    "psi is transposed in both passes: psi(s, s') = P(s'|s) has the earlier node first, and the "
    "forward pass uses it as it is",
)
def both_transposed(evidence: Array, p01: float, p10: float) -> tuple[Array, Array]:
    psi = _transition(p01, p10)
    return _pass_down(evidence, psi.T, float(np.log(p01 / p10))), _pass_up(evidence, psi)


@mutant(
    "chain",
    "the forward pass uses psi transposed: psi(s, s') = P(s'|s) has the earlier node first, who is "
    "the sender there",
)
def forward_transposed(evidence: Array, p01: float, p10: float) -> tuple[Array, Array]:
    psi = _transition(p01, p10)
    return _pass_down(evidence, psi.T, float(np.log(p01 / p10))), _pass_up(evidence, psi.T)


@mutant("chain", "the first row hears nothing: from above it hears the stationary odds p01/p10")
def without_stationary_start(evidence: Array, p01: float, p10: float) -> tuple[Array, Array]:
    psi = _transition(p01, p10)
    return _pass_down(evidence, psi, 0.0), _pass_up(evidence, psi.T)


@mutant(
    "chain", "the first row hears ln lambda: it is a LOG-ODDS, ln lambda/(1 - lambda) = ln p01/p10"
)
def start_from_log_probability(evidence: Array, p01: float, p10: float) -> tuple[Array, Array]:
    psi = _transition(p01, p10)
    return _pass_down(evidence, psi, float(np.log(p01 / (p01 + p10)))), _pass_up(evidence, psi.T)


@mutant(
    "chain",
    "the first row hears logit p01: that is what a row hears after a dead one. The first has none "
    "above it and hears the stationary odds, ln p01/p10",
)
def start_after_a_dead_one(evidence: Array, p01: float, p10: float) -> tuple[Array, Array]:
    psi = _transition(p01, p10)
    return _pass_down(evidence, psi, float(np.log(p01 / (1 - p01)))), _pass_up(evidence, psi.T)


@mutant(
    "chain",
    "the last row hears the stationary odds from below: that counts the prior twice; it is 0",
)
def stationary_at_both_ends(evidence: Array, p01: float, p10: float) -> tuple[Array, Array]:
    psi, start = _transition(p01, p10), float(np.log(p01 / p10))
    return _pass_down(evidence, psi, start), _pass_up(evidence, psi.T, start)


@mutant("chain", "no node passes its own evidence on: the cavity is l plus what came from behind")
def deaf_to_evidence(evidence: Array, p01: float, p10: float) -> tuple[Array, Array]:
    return _forward_backward(np.zeros_like(evidence), p01, p10)


@mutant(
    "chain",
    "the forward message holds the receiver's own evidence: that is the filtered log-odds, "
    "forward + l",
)
def filtered(evidence: Array, p01: float, p10: float) -> tuple[Array, Array]:
    forward, backward = _forward_backward(evidence, p01, p10)
    return forward + evidence, backward


@mutant(
    "chain",
    "the backward message holds the receiver's own evidence: it is what comes from BELOW alone",
)
def backward_with_own_evidence(evidence: Array, p01: float, p10: float) -> tuple[Array, Array]:
    forward, backward = _forward_backward(evidence, p01, p10)
    return forward, backward + evidence


@mutant("chain", "both messages hold the receiver's own evidence: it is added once, in the belief")
def both_with_own_evidence(evidence: Array, p01: float, p10: float) -> tuple[Array, Array]:
    forward, backward = _forward_backward(evidence, p01, p10)
    return forward + evidence, backward + evidence


@mutant("chain", "forward is off by one row: node i + 1 hears the evidence of node i, not its own")
def forward_off_by_one(evidence: Array, p01: float, p10: float) -> tuple[Array, Array]:
    forward, backward = _forward_backward(evidence, p01, p10)
    psi = _transition(p01, p10)
    for i in range(len(evidence) - 1):
        forward[i + 1] = _message(evidence[i + 1] + forward[i], psi)
    return forward, backward


@mutant("chain", "backward is off by one row: node i hears the evidence of node i + 1, not its own")
def backward_off_by_one(evidence: Array, p01: float, p10: float) -> tuple[Array, Array]:
    forward, backward = _forward_backward(evidence, p01, p10)
    psi = _transition(p01, p10)
    for i in range(len(evidence) - 1, 0, -1):
        backward[i - 1] = _message(evidence[i - 1] + backward[i], psi.T)
    return forward, backward


@mutant(
    "chain",
    "the backward pass sends what came from above back to above: its cavity is l plus what came "
    "from below",
)
def backward_with_forward(evidence: Array, p01: float, p10: float) -> tuple[Array, Array]:
    forward, _ = _forward_backward(evidence, p01, p10)
    return forward, _pass_up(evidence + forward, _transition(p01, p10).T)


@mutant("chain", "the chains run along the rows: each COLUMN is a chain")
def along_the_rows(evidence: Array, p01: float, p10: float) -> tuple[Array, Array]:
    forward, backward = _forward_backward(evidence.T, p01, p10)
    return forward.T.copy(), backward.T.copy()


@mutant("chain", "forward and backward are returned the wrong way round")
def exchanged_passes(evidence: Array, p01: float, p10: float) -> tuple[Array, Array]:
    forward, backward = _forward_backward(evidence, p01, p10)
    return backward, forward


@mutant("chain", "these are probabilities: the messages are log-odds")
def chain_as_probabilities(evidence: Array, p01: float, p10: float) -> tuple[Array, Array]:
    forward, backward = _forward_backward(evidence, p01, p10)
    return expit(forward), expit(backward)


@mutant("chain", "this is Viterbi's maximum: forward-backward SUMS over the sender's states")
def viterbi(evidence: Array, p01: float, p10: float) -> tuple[Array, Array]:
    forward, backward = np.empty_like(evidence), np.empty_like(evidence)
    forward[0], backward[-1] = np.log(p01 / p10), 0.0
    psi = _transition(p01, p10)
    for i in range(len(evidence) - 1):
        forward[i + 1] = max_product(evidence[i] + forward[i], psi)
    for i in range(len(evidence) - 1, 0, -1):
        backward[i - 1] = max_product(evidence[i] + backward[i], psi.T)
    return forward, backward


Chances = tuple[float, float]


def _step(yes: Array, no: Array, slope: float) -> Any:
    """Return what maximises yes ln p + no ln(1-p) - slope p; the textbook's ratio at slope 0."""
    discriminant = (yes - slope) ** 2 + no * (no + 2 * (yes + slope))
    return 2 * yes / (yes + no + slope + np.sqrt(discriminant))


def _counts(pairs: Array, first: Array, p01: float, p10: float) -> Any:
    """Return n_ss' (2, 2), (k_0, k_1), and the slope of the tangent."""
    return pairs.sum(axis=(0, 1)), ((1 - first).sum(), first.sum()), len(first) / (p01 + p10)


@mutant(
    "em-chain",
    "the first nodes are left out: this is the textbook's n01 / (n00 + n01), but a stationary "
    "chain's first node depends on p01 and p10, too",
)
def first_nodes_left_out(pairs: Array, first: Array, p01: float, p10: float) -> Chances:
    n, _, _ = _counts(pairs, first, p01, p10)
    return n[0, 1] / n[0].sum(), n[1, 0] / n[1].sum()


@mutant(
    "em-chain",
    "the first nodes are counted and what normalises their law is not: c p, the tangent of "
    "J ln(p01 + p10), is missing",
)
def without_tangent(pairs: Array, first: Array, p01: float, p10: float) -> Chances:
    n, k, _ = _counts(pairs, first, p01, p10)
    return _step(n[0, 1] + k[1], n[0, 0], 0.0), _step(n[1, 0] + k[0], n[1, 1], 0.0)


@mutant(
    "em-chain",
    "the tangent is there and k is not: a first node that is 1 counts for p01 as a step 0-1 does, "
    "one that is 0 for p10",
)
def tangent_alone(pairs: Array, first: Array, p01: float, p10: float) -> Chances:
    n, _, c = _counts(pairs, first, p01, p10)
    return _step(n[0, 1], n[0, 0], c), _step(n[1, 0], n[1, 1], c)


@mutant(
    "em-chain",
    "a first node is counted as a step from 0: ln(p01 / (p01 + p10)) is not ln p01, and when it is "
    "0 that is for p10 and not against p01",
)
def first_node_as_a_step(pairs: Array, first: Array, p01: float, p10: float) -> Chances:
    n, k, _ = _counts(pairs, first, p01, p10)
    return _step(n[0, 1] + k[1], n[0, 0] + k[0], 0.0), n[1, 0] / n[1].sum()


@mutant("em-chain", "first_belief is taken for P(s = 0): it is P(s = 1) of the first node")
def first_belief_turned(pairs: Array, first: Array, p01: float, p10: float) -> Chances:
    n, k, c = _counts(pairs, first, p01, p10)
    return _step(n[0, 1] + k[0], n[0, 0], c), _step(n[1, 0] + k[1], n[1, 1], c)


@mutant("em-chain", "k_1 is counted for p10, too: for p10 are the first nodes that are 0")
def one_k_for_both(pairs: Array, first: Array, p01: float, p10: float) -> Chances:
    n, k, c = _counts(pairs, first, p01, p10)
    return _step(n[0, 1] + k[1], n[0, 0], c), _step(n[1, 0] + k[1], n[1, 1], c)


@mutant("em-chain", "the tangent is that of one chain: there are J of them, c = J / (p01 + p10)")
def slope_of_one_chain(pairs: Array, first: Array, p01: float, p10: float) -> Chances:
    n, k, _ = _counts(pairs, first, p01, p10)
    c = 1 / (p01 + p10)
    return _step(n[0, 1] + k[1], n[0, 0], c), _step(n[1, 0] + k[0], n[1, 1], c)


@mutant("em-chain", "c is J times the old p01 + p10: the tangent of J ln x has the slope J / x")
def slope_multiplied(pairs: Array, first: Array, p01: float, p10: float) -> Chances:
    n, k, _ = _counts(pairs, first, p01, p10)
    c = len(first) * (p01 + p10)
    return _step(n[0, 1] + k[1], n[0, 0], c), _step(n[1, 0] + k[0], n[1, 1], c)


@mutant(
    "em-chain", "c is J / p01 for one and J / p10 for the other: it is J / (p01 + p10) for both"
)
def two_slopes(pairs: Array, first: Array, p01: float, p10: float) -> Chances:
    n, k, _ = _counts(pairs, first, p01, p10)
    J = len(first)
    return _step(n[0, 1] + k[1], n[0, 0], J / p01), _step(n[1, 0] + k[0], n[1, 1], J / p10)


@mutant(
    "em-chain",
    "the larger root of the quadratic equation: it lies beyond 1, the smaller one is asked for",
)
def larger_root(pairs: Array, first: Array, p01: float, p10: float) -> Chances:
    n, k, c = _counts(pairs, first, p01, p10)

    def root(yes: Any, no: Any) -> Any:
        return (yes + no + c + np.sqrt((yes + no + c) ** 2 - 4 * c * yes)) / (2 * c)

    return root(n[0, 1] + k[1], n[0, 0]), root(n[1, 0] + k[0], n[1, 1])


@mutant(
    "em-chain",
    "the tangent point is moved until nothing changes, with the beliefs as they are: the step is "
    "one, from the old p01 and p10",
)
def tangent_moved_on(pairs: Array, first: Array, p01: float, p10: float) -> Chances:
    for _ in range(500):
        n, k, c = _counts(pairs, first, p01, p10)
        p01, p10 = _step(n[0, 1] + k[1], n[0, 0], c), _step(n[1, 0] + k[0], n[1, 1], c)
    return p01, p10


@mutant("em-chain", "against p01 counts every pair but 0-1: it is the pairs that stay at 0, n00")
def all_other_pairs(pairs: Array, first: Array, p01: float, p10: float) -> Chances:
    n, k, c = _counts(pairs, first, p01, p10)
    total = n.sum()
    return (
        _step(n[0, 1] + k[1], total - n[0, 1], c),
        _step(n[1, 0] + k[0], total - n[1, 0], c),
    )


@mutant(
    "em-chain",
    "against p01 counts n11, so that all pairs that ARRIVE at 1 are looked at: p01 = P(s' = 1 | s "
    "= 0) needs those that leave 0, n01 and n00",
)
def pairs_that_arrive(pairs: Array, first: Array, p01: float, p10: float) -> Chances:
    n, k, c = _counts(pairs, first, p01, p10)
    return _step(n[0, 1] + k[1], n[1, 1], c), _step(n[1, 0] + k[0], n[0, 0], c)


@mutant("em-chain", "against p01 counts n10, the changes back: it is the pairs that stay at 0, n00")
def changes_back(pairs: Array, first: Array, p01: float, p10: float) -> Chances:
    n, k, c = _counts(pairs, first, p01, p10)
    return _step(n[0, 1] + k[1], n[1, 0], c), _step(n[1, 0] + k[0], n[0, 1], c)


@mutant("em-chain", "against p10 counts n00, as against p01: for p10 it is n11")
def one_count_against_both(pairs: Array, first: Array, p01: float, p10: float) -> Chances:
    n, k, c = _counts(pairs, first, p01, p10)
    return _step(n[0, 1] + k[1], n[0, 0], c), _step(n[1, 0] + k[0], n[0, 0], c)


@mutant(
    "em-chain",
    "the last row counts as one that stays: it has no successor, so n00 and n11 are of pairs alone",
)
def last_row_counted(pairs: Array, first: Array, p01: float, p10: float) -> Chances:
    n, k, c = _counts(pairs, first, p01, p10)
    last = pairs[-1:].sum(axis=(0, 1, 2))
    return _step(n[0, 1] + k[1], n[0, 0] + last[0], c), _step(n[1, 0] + k[0], n[1, 1] + last[1], c)


@mutant(
    "em-chain",
    "the pairs are read with the later node first: entry [s, s'] has the earlier one first",
)
def pairs_turned(pairs: Array, first: Array, p01: float, p10: float) -> Chances:
    n, k, c = _counts(pairs, first, p01, p10)
    return _step(n[1, 0] + k[1], n[0, 0], c), _step(n[0, 1] + k[0], n[1, 1], c)


@mutant("em-chain", "p01 and p10 are returned the wrong way round")
def exchanged_probabilities(pairs: Array, first: Array, p01: float, p10: float) -> Chances:
    n, k, c = _counts(pairs, first, p01, p10)
    return _step(n[1, 0] + k[0], n[1, 1], c), _step(n[0, 1] + k[1], n[0, 0], c)


@mutant("em-chain", "these are P(0|0) and P(1|1), to stay: p01 and p10 are the chances to change")
def probabilities_to_stay(pairs: Array, first: Array, p01: float, p10: float) -> Chances:
    n, k, c = _counts(pairs, first, p01, p10)
    return 1 - _step(n[0, 1] + k[1], n[0, 0], c), 1 - _step(n[1, 0] + k[0], n[1, 1], c)


@mutant(
    "em-chain", "each chain takes its step and the mean is returned: the counts are summed first"
)
def mean_over_chains(pairs: Array, first: Array, p01: float, p10: float) -> Chances:
    n, c = pairs.sum(axis=0), 1 / (p01 + p10)
    return (
        _step(n[:, 0, 1] + first, n[:, 0, 0], c).mean(),
        _step(n[:, 1, 0] + 1 - first, n[:, 1, 1], c).mean(),
    )


@mutant(
    "em-chain", "a count of 1 is added to each transition: Baum-Welch maximises, it does not smooth"
)
def with_pseudo_counts(pairs: Array, first: Array, p01: float, p10: float) -> Chances:
    n, k, c = _counts(pairs, first, p01, p10)
    n = n + 1
    return _step(n[0, 1] + k[1], n[0, 0], c), _step(n[1, 0] + k[0], n[1, 1], c)


# Grids

ABOVE, BELOW, LEFT, RIGHT = range(4)


def _spread(down: Array, up: Array, right: Array, left: Array) -> Array:
    """Return the messages (4, I, J) where they are heard, given what every node sends where."""
    heard = np.zeros((4, *down.shape))
    heard[ABOVE, 1:], heard[BELOW, :-1] = down[:-1], up[1:]
    heard[LEFT, :, 1:], heard[RIGHT, :, :-1] = right[:, :-1], left[:, 1:]
    return heard


def _cavities(own: Array, messages: Array) -> tuple[Array, Array, Array, Array]:
    """Return what every node knows without the neighbour below, above, right and left of it."""
    belief = own + messages.sum(axis=0)
    down, up, right, left = (belief - messages[back] for back in (BELOW, ABOVE, RIGHT, LEFT))
    return down, up, right, left


def _sweep(own: Array, messages: Array, coupling_row: float, coupling_col: float) -> Array:
    down, up, right, left = _cavities(own, messages)
    return _spread(
        _ising_message(down, coupling_col),
        _ising_message(up, coupling_col),
        _ising_message(right, coupling_row),
        _ising_message(left, coupling_row),
    )


@mutant(
    "grid-sweep",
    "every neighbour gets the full belief: its own message has to be left out of what it is told, "
    "or it hears its own echo",
)
def belief_for_cavity(
    own: Array, messages: Array, coupling_row: float, coupling_col: float
) -> Array:
    belief = own + messages.sum(axis=0)
    vertical = _ising_message(belief, coupling_col)
    horizontal = _ising_message(belief, coupling_row)
    return _spread(vertical, vertical, horizontal, horizontal)


@mutant(
    "grid-sweep",
    "the wrong message is left out: what goes DOWN leaves out what came from BELOW, and so on, not "
    "what came from the other side",
)
def opposite_left_out(
    own: Array, messages: Array, coupling_row: float, coupling_col: float
) -> Array:
    up, down, left, right = _cavities(own, messages)
    return _spread(
        _ising_message(down, coupling_col),
        _ising_message(up, coupling_col),
        _ising_message(right, coupling_row),
        _ising_message(left, coupling_row),
    )


@mutant("grid-sweep", "the nodes pass on only what they heard: h + l belongs to every cavity")
def sweep_without_own(
    own: Array, messages: Array, coupling_row: float, coupling_col: float
) -> Array:
    return _sweep(np.zeros_like(own), messages, coupling_row, coupling_col)


@mutant(
    "grid-sweep", "what goes DOWN lacks h + l, the other directions have it: every cavity holds it"
)
def down_without_own(
    own: Array, messages: Array, coupling_row: float, coupling_col: float
) -> Array:
    out = _sweep(own, messages, coupling_row, coupling_col)
    out[ABOVE] = _sweep(np.zeros_like(own), messages, coupling_row, coupling_col)[ABOVE]
    return out


@mutant(
    "grid-sweep", "only h + l is sent: what the other three neighbours said has to be passed on"
)
def sweep_without_messages(
    own: Array, messages: Array, coupling_row: float, coupling_col: float
) -> Array:
    return _sweep(own, np.zeros_like(messages), coupling_row, coupling_col)


@mutant(
    "grid-sweep",
    "J_row and J_col are exchanged: J_col joins (i, j) and (i+1, j), J_row (i, j) and (i, j+1)",
)
def couplings_exchanged(
    own: Array, messages: Array, coupling_row: float, coupling_col: float
) -> Array:
    return _sweep(own, messages, coupling_col, coupling_row)


@mutant("grid-sweep", "ABOVE and BELOW are exchanged: entry 0 is what (i, j) hears from (i-1, j)")
def above_for_below(own: Array, messages: Array, coupling_row: float, coupling_col: float) -> Array:
    return _sweep(own, messages, coupling_row, coupling_col)[[BELOW, ABOVE, LEFT, RIGHT]]


@mutant("grid-sweep", "LEFT and RIGHT are exchanged: entry 2 is what (i, j) hears from (i, j-1)")
def left_for_right(own: Array, messages: Array, coupling_row: float, coupling_col: float) -> Array:
    return _sweep(own, messages, coupling_row, coupling_col)[[ABOVE, BELOW, RIGHT, LEFT]]


@mutant(
    "grid-sweep",
    "the grid is closed to a torus (np.roll): nobody sends across the border, those messages are 0",
)
def wrapped_around(own: Array, messages: Array, coupling_row: float, coupling_col: float) -> Array:
    down, up, right, left = _cavities(own, messages)
    return np.stack(
        [
            np.roll(_ising_message(down, coupling_col), 1, axis=0),
            np.roll(_ising_message(up, coupling_col), -1, axis=0),
            np.roll(_ising_message(right, coupling_row), 1, axis=1),
            np.roll(_ising_message(left, coupling_row), -1, axis=1),
        ]
    )


@mutant(
    "grid-sweep",
    "the messages stay with their senders: they are stored where they are HEARD, one node further",
)
def stored_at_sender(
    own: Array, messages: Array, coupling_row: float, coupling_col: float
) -> Array:
    sent = _sweep(own, messages, coupling_row, coupling_col)
    new = np.zeros_like(sent)
    new[ABOVE, :-1], new[BELOW, 1:] = sent[ABOVE, 1:], sent[BELOW, :-1]
    new[LEFT, :, :-1], new[RIGHT, :, 1:] = sent[LEFT, :, 1:], sent[RIGHT, :, :-1]
    return new


@mutant("grid-sweep", "the nodes of the border send nothing: they have fewer neighbours, not none")
def border_is_silent(
    own: Array, messages: Array, coupling_row: float, coupling_col: float
) -> Array:
    down, up, right, left = (np.zeros_like(own) for _ in range(4))
    inside = np.s_[1:-1, 1:-1]
    cavities = _cavities(own, messages)
    for sent, c, J in zip(
        (down, up, right, left), cavities, (coupling_col,) * 2 + (coupling_row,) * 2, strict=True
    ):
        sent[inside] = _ising_message(c[inside], J)
    return _spread(down, up, right, left)


@mutant(
    "grid-sweep",
    "this sweep uses new messages as it goes: in a PARALLEL sweep all read the old ones",
)
def gauss_seidel(own: Array, messages: Array, coupling_row: float, coupling_col: float) -> Array:
    new = messages.copy()
    for side in range(4):
        new[side] = _sweep(own, new, coupling_row, coupling_col)[side]
    return new


@mutant("grid-sweep", "the new messages are added to the old ones: they replace them")
def added_to_old(own: Array, messages: Array, coupling_row: float, coupling_col: float) -> Array:
    return messages + _sweep(own, messages, coupling_row, coupling_col)


@mutant(
    "grid-sweep", "the messages are damped by a half: the plain sweep keeps nothing of the old ones"
)
def damped(own: Array, messages: Array, coupling_row: float, coupling_col: float) -> Array:
    return 0.5 * (messages + _sweep(own, messages, coupling_row, coupling_col))


@mutant("grid-sweep", "tanh(c) stands for tanh(c/2) in the messages: c is a log-odds")
def sweep_of_whole_cavity(
    own: Array, messages: Array, coupling_row: float, coupling_col: float
) -> Array:
    down, up, right, left = (2 * c for c in _cavities(own, messages))
    return _spread(
        _ising_message(down, coupling_col),
        _ising_message(up, coupling_col),
        _ising_message(right, coupling_row),
        _ising_message(left, coupling_row),
    )


@mutant("grid-sweep", "the 2 before atanh is missing in the messages")
def sweep_without_the_two(
    own: Array, messages: Array, coupling_row: float, coupling_col: float
) -> Array:
    return _sweep(own, messages, coupling_row, coupling_col) / 2


@mutant("grid-sweep", "t = e^J here: equal and unlike neighbours differ by the factor t = e^(2J)")
def sweep_of_half_coupling(
    own: Array, messages: Array, coupling_row: float, coupling_col: float
) -> Array:
    return _sweep(own, messages, coupling_row / 2, coupling_col / 2)


@mutant("grid-sweep", "the couplings have the wrong sign: J > 0 makes neighbours alike")
def couplings_negated(
    own: Array, messages: Array, coupling_row: float, coupling_col: float
) -> Array:
    return _sweep(own, messages, -coupling_row, -coupling_col)


# The Bethe approximation

X = np.array([-1.0, 1.0])


def _agreement(pairs: Array) -> float:
    return float((pairs * np.outer(X, X)).sum())


def _energy(
    own: Array, belief: Array, horizontal: Array, vertical: Array, J_row: float, J_col: float
) -> float:
    pairs = J_row * _agreement(horizontal) + J_col * _agreement(vertical)
    return float((own * belief).sum()) + pairs


def _edge_entropy(horizontal: Array, vertical: Array) -> float:
    return float(entr(horizontal).sum() + entr(vertical).sum())


def _node_entropy(belief: Array) -> Array:
    return np.asarray(entr(belief) + entr(1 - belief))


def _degrees(shape: tuple[int, ...]) -> Array:
    degrees = np.zeros(shape)
    degrees[1:] += 1
    degrees[:-1] += 1
    degrees[:, 1:] += 1
    degrees[:, :-1] += 1
    return degrees


def _entropy(belief: Array, horizontal: Array, vertical: Array) -> float:
    again = (_degrees(belief.shape) - 1) * _node_entropy(belief)
    return _edge_entropy(horizontal, vertical) - float(again.sum())


@mutant(
    "bethe",
    "the nodes' entropies are taken off d times: d - 1 times, one belongs to the node itself",
)
def degree_for_degree_less_one(
    own: Array, belief: Array, horizontal: Array, vertical: Array, J_row: float, J_col: float
) -> float:
    energy = _energy(own, belief, horizontal, vertical, J_row, J_col)
    again = _degrees(belief.shape) * _node_entropy(belief)
    return energy + _edge_entropy(horizontal, vertical) - float(again.sum())


@mutant(
    "bethe",
    "every node has four neighbours here: at the border the degree is 3 or 2, on a line less",
)
def four_neighbours_everywhere(
    own: Array, belief: Array, horizontal: Array, vertical: Array, J_row: float, J_col: float
) -> float:
    energy = _energy(own, belief, horizontal, vertical, J_row, J_col)
    return energy + _edge_entropy(horizontal, vertical) - 3 * float(_node_entropy(belief).sum())


@mutant(
    "bethe", "the nodes' entropies are added: the edges have counted them d times, d - 1 come off"
)
def node_entropies_added(
    own: Array, belief: Array, horizontal: Array, vertical: Array, J_row: float, J_col: float
) -> float:
    energy = _energy(own, belief, horizontal, vertical, J_row, J_col)
    again = (_degrees(belief.shape) - 1) * _node_entropy(belief)
    return energy + _edge_entropy(horizontal, vertical) + float(again.sum())


@mutant("bethe", "the entropy is subtracted: ln Z is the expected log weight PLUS the entropy")
def entropy_subtracted(
    own: Array, belief: Array, horizontal: Array, vertical: Array, J_row: float, J_col: float
) -> float:
    energy = _energy(own, belief, horizontal, vertical, J_row, J_col)
    return energy - _entropy(belief, horizontal, vertical)


@mutant("bethe", "this is the free energy -ln Z: its sign is to be turned")
def free_energy(
    own: Array, belief: Array, horizontal: Array, vertical: Array, J_row: float, J_col: float
) -> float:
    energy = _energy(own, belief, horizontal, vertical, J_row, J_col)
    return -energy - _entropy(belief, horizontal, vertical)


@mutant("bethe", "every edge is counted twice, once from each end: it stands in the sum once")
def edges_counted_twice(
    own: Array, belief: Array, horizontal: Array, vertical: Array, J_row: float, J_col: float
) -> float:
    energy = _energy(own, belief, horizontal, vertical, 2 * J_row, 2 * J_col)
    once_more = _edge_entropy(horizontal, vertical)
    return energy + _entropy(belief, horizontal, vertical) + once_more


@mutant(
    "bethe", "the couplings' energy is counted twice, once from each end of an edge: it counts once"
)
def coupling_energy_twice(
    own: Array, belief: Array, horizontal: Array, vertical: Array, J_row: float, J_col: float
) -> float:
    energy = _energy(own, belief, horizontal, vertical, 2 * J_row, 2 * J_col)
    return energy + _entropy(belief, horizontal, vertical)


@mutant("bethe", "the coupling's energy is J E[s s']: it is J E[x x'], x = 2s - 1")
def bethe_of_bits(
    own: Array, belief: Array, horizontal: Array, vertical: Array, J_row: float, J_col: float
) -> float:
    pairs = J_row * horizontal[..., 1, 1].sum() + J_col * vertical[..., 1, 1].sum()
    nodes = float((own * belief).sum())
    return nodes + float(pairs) + _entropy(belief, horizontal, vertical)


@mutant("bethe", "the node's energy is (h + l) E[x]: it is (h + l) E[s], with s in {0, 1}")
def node_energy_of_spins(
    own: Array, belief: Array, horizontal: Array, vertical: Array, J_row: float, J_col: float
) -> float:
    energy = _energy(own, 2 * belief - 1, horizontal, vertical, J_row, J_col)
    return energy + _entropy(belief, horizontal, vertical)


@mutant("bethe", "J_row and J_col are exchanged: J_row goes with the horizontal pairs")
def bethe_couplings_exchanged(
    own: Array, belief: Array, horizontal: Array, vertical: Array, J_row: float, J_col: float
) -> float:
    energy = _energy(own, belief, horizontal, vertical, J_col, J_row)
    return energy + _entropy(belief, horizontal, vertical)


@mutant(
    "bethe",
    "this is the mean field's entropy, sum H(b_n): Bethe's takes H of the edges and then d - 1 of "
    "the nodes' off",
)
def mean_field_entropy(
    own: Array, belief: Array, horizontal: Array, vertical: Array, J_row: float, J_col: float
) -> float:
    energy = _energy(own, belief, horizontal, vertical, J_row, J_col)
    return energy + float(_node_entropy(belief).sum())


@mutant("bethe", "the entropies are in bits: beside an energy the logarithm is the natural one")
def entropy_in_bits(
    own: Array, belief: Array, horizontal: Array, vertical: Array, J_row: float, J_col: float
) -> float:
    energy = _energy(own, belief, horizontal, vertical, J_row, J_col)
    return energy + _entropy(belief, horizontal, vertical) / float(np.log(2))


@mutant("uniqueness", "the signs of the couplings are kept: it is |J| that counts")
def signed_couplings(coupling_row: float, coupling_col: float) -> float:
    r, c = np.tanh(coupling_row), np.tanh(coupling_col)
    return float((r + c + np.sqrt((r + c) ** 2 + 12 * r * c)) / 2)


@mutant(
    "uniqueness", "all four neighbours are counted: a message goes on in three directions, not back"
)
def four_ways(coupling_row: float, coupling_col: float) -> float:
    return float(2 * (np.tanh(abs(coupling_row)) + np.tanh(abs(coupling_col))))


@mutant("uniqueness", "tanh is missing: a message passes tanh|J| of a small change on, not |J|")
def without_tanh(coupling_row: float, coupling_col: float) -> float:
    r, c = abs(coupling_row), abs(coupling_col)
    return float((r + c + np.sqrt((r + c) ** 2 + 12 * r * c)) / 2)


@mutant(
    "uniqueness",
    "this is 3 tanh of the larger coupling: unlike couplings have the radius of [[c, 2r], [2c, r]]",
)
def larger_coupling_for_both(coupling_row: float, coupling_col: float) -> float:
    return float(3 * np.tanh(max(abs(coupling_row), abs(coupling_col))))


@mutant(
    "uniqueness",
    "this is 3 times the mean of the two tanh|J|: there is one way straight on and two sideways, "
    "so unlike couplings need the radius of [[c, 2r], [2c, r]]",
)
def mean_coupling(coupling_row: float, coupling_col: float) -> float:
    return float(1.5 * (np.tanh(abs(coupling_row)) + np.tanh(abs(coupling_col))))


@mutant(
    "uniqueness", "this is tanh|J_row| + tanh|J_col|: sideways a message goes on in two directions"
)
def sum_of_both(coupling_row: float, coupling_col: float) -> float:
    return float(np.tanh(abs(coupling_row)) + np.tanh(abs(coupling_col)))


@mutant("uniqueness", "this is the larger tanh|J|, as if a message could only go straight on")
def straight_on(coupling_row: float, coupling_col: float) -> float:
    return float(np.tanh(max(abs(coupling_row), abs(coupling_col))))


# Learning a grid


@mutant(
    "em-ising",
    "the prior's moments are missing: the gradient is beliefs MINUS what the prior expects",
)
def without_prior_moments(
    belief: Array,
    horizontal: Array,
    vertical: Array,
    prior_belief: Array,
    prior_horizontal: Array,
    prior_vertical: Array,
) -> tuple[float, float, float]:
    return float(belief.sum()), _agreement(horizontal), _agreement(vertical)


@mutant(
    "em-ising", "the couplings' prior moments are missing: ln Z of the prior depends on J as well"
)
def couplings_without_prior_moments(
    belief: Array,
    horizontal: Array,
    vertical: Array,
    prior_belief: Array,
    prior_horizontal: Array,
    prior_vertical: Array,
) -> tuple[float, float, float]:
    d_field = float(belief.sum() - prior_belief.sum())
    return d_field, _agreement(horizontal), _agreement(vertical)


@mutant(
    "em-ising", "the sign is reversed: the evidence's moments come first, the prior's are taken off"
)
def gradient_reversed(
    belief: Array,
    horizontal: Array,
    vertical: Array,
    prior_belief: Array,
    prior_horizontal: Array,
    prior_vertical: Array,
) -> tuple[float, float, float]:
    return (
        float(prior_belief.sum() - belief.sum()),
        _agreement(prior_horizontal - horizontal),
        _agreement(prior_vertical - vertical),
    )


@mutant(
    "em-ising", "the couplings' moments are E[s s'], counts of pairs that are on: J goes with x x'"
)
def counts_for_moments(
    belief: Array,
    horizontal: Array,
    vertical: Array,
    prior_belief: Array,
    prior_horizontal: Array,
    prior_vertical: Array,
) -> tuple[float, float, float]:
    return (
        float(belief.sum() - prior_belief.sum()),
        float((horizontal - prior_horizontal)[..., 1, 1].sum()),
        float((vertical - prior_vertical)[..., 1, 1].sum()),
    )


@mutant(
    "em-ising",
    "the couplings' moments are P(s = s'), half of what is asked for: E[x x'] = 2 P(s = s') - 1",
)
def shares_of_agreement(
    belief: Array,
    horizontal: Array,
    vertical: Array,
    prior_belief: Array,
    prior_horizontal: Array,
    prior_vertical: Array,
) -> tuple[float, float, float]:
    return (
        float(belief.sum() - prior_belief.sum()),
        _agreement(horizontal - prior_horizontal) / 2,
        _agreement(vertical - prior_vertical) / 2,
    )


@mutant("em-ising", "means over the layer: the derivative of ln p(l) is a SUM over nodes and edges")
def means_for_sums(
    belief: Array,
    horizontal: Array,
    vertical: Array,
    prior_belief: Array,
    prior_horizontal: Array,
    prior_vertical: Array,
) -> tuple[float, float, float]:
    nodes, rows, cols = belief.size, max(horizontal.size // 4, 1), max(vertical.size // 4, 1)
    return (
        float(belief.sum() - prior_belief.sum()) / nodes,
        _agreement(horizontal - prior_horizontal) / rows,
        _agreement(vertical - prior_vertical) / cols,
    )


@mutant(
    "em-ising",
    "the couplings are exchanged: horizontal pairs belong to J_row, vertical ones to J_col",
)
def gradients_exchanged(
    belief: Array,
    horizontal: Array,
    vertical: Array,
    prior_belief: Array,
    prior_horizontal: Array,
    prior_vertical: Array,
) -> tuple[float, float, float]:
    return (
        float(belief.sum() - prior_belief.sum()),
        _agreement(vertical - prior_vertical),
        _agreement(horizontal - prior_horizontal),
    )


@mutant(
    "em-ising", "the field's moment is E[x], twice what is asked for: h goes with s, not with x"
)
def field_of_spins(
    belief: Array,
    horizontal: Array,
    vertical: Array,
    prior_belief: Array,
    prior_horizontal: Array,
    prior_vertical: Array,
) -> tuple[float, float, float]:
    return (
        2 * float(belief.sum() - prior_belief.sum()),
        _agreement(horizontal - prior_horizontal),
        _agreement(vertical - prior_vertical),
    )


@mutant(
    "em-ising",
    "E[x x'] is taken as E[x] E[x'], from the nodes: neighbours depend on each other, that is what "
    "the pair beliefs are for",
)
def pairs_from_nodes(
    belief: Array,
    horizontal: Array,
    vertical: Array,
    prior_belief: Array,
    prior_horizontal: Array,
    prior_vertical: Array,
) -> tuple[float, float, float]:
    x, x0 = 2 * belief - 1, 2 * prior_belief - 1
    return (
        float(belief.sum() - prior_belief.sum()),
        float((x[:, 1:] * x[:, :-1]).sum() - (x0[:, 1:] * x0[:, :-1]).sum()),
        float((x[1:] * x[:-1]).sum() - (x0[1:] * x0[:-1]).sum()),
    )


# Groups


def _emission(p_in: float, p_out: float) -> Array:
    """Return psi[z, s] = P(s | z)."""
    return np.array([[1 - p_out, p_out], [1 - p_in, p_in]])


def _group(evidence: Array, p_alive: float, p_in: float, p_out: float) -> Array:
    psi = _emission(p_in, p_out)
    ln_g = _message(evidence, psi.T)
    return _message(logit(p_alive) + ln_g.sum(axis=0) - ln_g, psi)


@mutant("neuron-group", "zeta takes the own weight in: zeta_{-i} is the product of the OTHERS' g")
def zeta_with_own_weight(evidence: Array, p_alive: float, p_in: float, p_out: float) -> Array:
    psi = _emission(p_in, p_out)
    ln_zeta = logit(p_alive) + _message(evidence, psi.T).sum(axis=0, keepdims=True)
    return np.repeat(_message(ln_zeta, psi), len(evidence), axis=0)


@mutant(
    "neuron-group", "p_in and p_out are exchanged: p_in = P(s=1 | z=1) is that of a LIVE neuron"
)
def p_in_for_p_out(evidence: Array, p_alive: float, p_in: float, p_out: float) -> Array:
    return _group(evidence, p_alive, p_out, p_in)


@mutant("neuron-group", "the g are averaged: independent weights multiply their odds")
def mean_of_g(evidence: Array, p_alive: float, p_in: float, p_out: float) -> Array:
    psi = _emission(p_in, p_out)
    g = np.exp(_message(evidence, psi.T))
    others = (g.sum(axis=0) - g) / max(len(g) - 1, 1) if len(g) > 1 else np.ones_like(g)
    return _message(logit(p_alive) + np.log(others), psi)


@mutant("neuron-group", "the indicator's prior is missing: zeta begins with odds(lambda)")
def without_p_alive(evidence: Array, p_alive: float, p_in: float, p_out: float) -> Array:
    return _group(evidence, 0.5, p_in, p_out)


@mutant(
    "neuron-group",
    "zeta begins with lambda, a probability: it begins with its odds lambda/(1 - lambda)",
)
def probability_of_life(evidence: Array, p_alive: float, p_in: float, p_out: float) -> Array:
    psi = _emission(p_in, p_out)
    ln_g = _message(evidence, psi.T)
    return _message(np.log(p_alive) + ln_g.sum(axis=0) - ln_g, psi)


@mutant("neuron-group", "this is ln zeta, the indicator's log-odds: it still has to pass P(s | z)")
def zeta_itself(evidence: Array, p_alive: float, p_in: float, p_out: float) -> Array:
    ln_g = _message(evidence, _emission(p_in, p_out).T)
    return logit(p_alive) + ln_g.sum(axis=0) - ln_g


@mutant(
    "neuron-group",
    "the own evidence is added: that is logit b, the extrinsic message leaves l_i out",
)
def group_belief(evidence: Array, p_alive: float, p_in: float, p_out: float) -> Array:
    return _group(evidence, p_alive, p_in, p_out) + evidence


@mutant("neuron-group", "the groups are rows: a neuron is a COLUMN")
def groups_along_rows(evidence: Array, p_alive: float, p_in: float, p_out: float) -> Array:
    return _group(evidence.T, p_alive, p_in, p_out).T.copy()


@mutant(
    "neuron-group",
    "the others' evidence l is added up as it is: a weight tells the indicator only ln g, what is "
    "left of l after P(s | z)",
)
def evidence_for_g(evidence: Array, p_alive: float, p_in: float, p_out: float) -> Array:
    ln_zeta = logit(p_alive) + evidence.sum(axis=0) - evidence
    return _message(ln_zeta, _emission(p_in, p_out))


@mutant(
    "neuron-group",
    "g has the form of the way down: on the way UP it is (1-p_in + p_in r)/(1-p_out + p_out r)",
)
def g_not_transposed(evidence: Array, p_alive: float, p_in: float, p_out: float) -> Array:
    psi = _emission(p_in, p_out)
    ln_g = _message(evidence, psi)
    return _message(logit(p_alive) + ln_g.sum(axis=0) - ln_g, psi)


@mutant("neuron-group", "this is pi itself: what goes out is its log-odds, logit pi")
def group_as_probability(evidence: Array, p_alive: float, p_in: float, p_out: float) -> Array:
    return expit(_group(evidence, p_alive, p_in, p_out))


@mutant(
    "cavity",
    "the messages of ALL nodes are added up: the sum goes over the messages at one node, the "
    "first axis",
)
def cavity_summed_over_everything(field: Array, evidence: Array, other_messages: Array) -> Array:
    return field + evidence + other_messages.sum()


@mutant(
    "belief",
    "every node hears the messages of ALL nodes: the sum goes over the messages at one node, the "
    "first axis",
)
def belief_summed_over_everything(field: Array, evidence: Array, messages: Array) -> Array:
    return expit(field + evidence + messages.sum())


@mutant(
    "extrinsic-b",
    "the messages of ALL nodes are in the sum: it goes over the messages at one node, the first "
    "axis",
)
def extrinsic_summed_over_everything(field: Array, messages: Array) -> Array:
    return field + messages.sum()

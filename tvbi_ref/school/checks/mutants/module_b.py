"""What goes wrong in message passing: neighbours heard twice, factors turned, borders crossed."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import entr, expit, logit, softmax

from tvbi_ref.school.checks.mutants.registry import Pieces, mistakes

# One node

_HEARD: Pieces = {"heard": lambda messages: messages.sum(axis=0)}
_CAVITY: Pieces = _HEARD | {"c": lambda h, l, heard: h + l + heard}

mistakes(
    "cavity",
    "h l messages",
    _CAVITY,
    "the node's own evidence is missing: the cavity is h + l + the other messages",
    {"l": lambda: 0},
    "the field is missing: the cavity is h + l + the other messages",
    {"h": lambda: 0},
    "the messages are missing: h + l is only what the node knows by itself",
    {"heard": lambda: 0},
    "the first message is left out: `other_messages` is already without the receiver's, so all "
    "that is in it counts",
    {"messages": lambda messages: messages[1:]},
    "the last message is left out: `other_messages` is already without the receiver's, so all "
    "that is in it counts",
    {"messages": lambda messages: messages[:-1]},
    "the messages are averaged: independent messages add up in log-odds",
    {"heard": lambda heard, messages: heard / max(len(messages), 1)},
    "the messages are multiplied: odds multiply, log-odds add",
    {"heard": lambda messages: messages.prod(axis=0)},
    "the messages are subtracted: leaving one out means not to add it",
    {"heard": lambda heard: -heard},
    "this is the cavity's probability: what goes on is its log-odds",
    {"c": lambda c: expit(c)},
    "the messages of ALL nodes are added up: the sum goes over the messages at one node, the "
    "first axis",
    {"heard": lambda messages: messages.sum()},
)

mistakes(
    "belief",
    "h l messages",
    _CAVITY | {"b": lambda c: expit(c)},
    "these are the belief's log-odds: the belief is a probability",
    {"b": lambda c: c},
    "these are the belief's odds b/(1 - b): the belief is b",
    {"b": lambda c: np.exp(c)},
    "this is P(s = 0): the log-odds have the wrong sign",
    {"c": lambda c: -c},
    "this is the mean of the spin x, in [-1, 1]: the belief is that of s, in [0, 1]",
    {"b": lambda c: np.tanh(c / 2)},
    "the own evidence is missing: without l it is the extrinsic pi, not the belief",
    {"l": lambda: 0},
    "the field is missing: logit b = h + l + all messages",
    {"h": lambda: 0},
    "the first message is missing: the belief takes ALL messages, only a cavity leaves one out",
    {"messages": lambda messages: messages[1:]},
    "the last message is missing: the belief takes ALL messages, only a cavity leaves one out",
    {"messages": lambda messages: messages[:-1]},
    "the messages are averaged: what independent neighbours say adds up in log-odds",
    {"heard": lambda heard, messages: heard / max(len(messages), 1)},
    "the evidence is counted twice: it enters logit b once, and no message holds it",
    {"l": lambda l: 2 * l},
    "every node hears the messages of ALL nodes: the sum goes over the messages at one node, the "
    "first axis",
    {"heard": lambda messages: messages.sum()},
)

mistakes(
    "extrinsic-b",
    "h messages",
    _HEARD | {"extrinsic": lambda h, heard: h + heard},
    "the field is missing: only the own EVIDENCE is left out, the prior stays",
    {"h": lambda: 0},
    "the field is subtracted: what is taken off the belief is l, and h stays",
    {"h": lambda h: -h},
    "this is pi, a probability: the message is logit pi",
    {"extrinsic": lambda extrinsic: expit(extrinsic)},
    "these are the odds of pi: the message is their logarithm",
    {"extrinsic": lambda extrinsic: np.exp(extrinsic)},
    "the last message is missing: all messages count, only l is left out",
    {"messages": lambda messages: messages[:-1]},
    "the first message is missing: all messages count, only l is left out",
    {"messages": lambda messages: messages[1:]},
    "the messages are averaged: in log-odds they add up",
    {"heard": lambda heard, messages: heard / max(len(messages), 1)},
    "the messages of ALL nodes are in the sum: it goes over the messages at one node, the first "
    "axis",
    {"heard": lambda messages: messages.sum()},
)

# One edge


def _message(c: Any, psi: Any, add: Any = np.logaddexp) -> Any:
    (ln00, ln01), (ln10, ln11) = np.log(psi)
    return add(ln11 + c, ln01) - add(ln10 + c, ln00)


def _ising_message(c: Any, J: Any) -> Any:
    return np.logaddexp(2 * J + c, 0) - np.logaddexp(c, 2 * J)


def _max_product(c: Any, psi: Any) -> Any:
    return _message(c, psi, np.maximum)


mistakes(
    "sum-product",
    "c psi",
    {"message": lambda c, psi: _message(c, psi)},
    "psi is transposed: its first index is the SENDER's state, so psi11 e^c stands beside psi01, "
    "the weight of going from 0 to 1",
    {"psi": lambda psi: psi.T},
    "the fraction is upside down: the weight of s' = 1 is the numerator",
    {"message": lambda message: -message},
    "these are the message's odds: the message is their logarithm",
    {"message": lambda message: np.exp(message)},
    "this is the message's probability: the message is its log-odds",
    {"message": lambda message: expit(message)},
    "this is max-product: the sender's two states are summed, not compared",
    {"message": _max_product},
    "this is ln of the weight of s' = 1 alone: the weight of s' = 0 divides it",
    {"message": lambda c, psi: np.logaddexp(np.log(psi[1, 1]) + c, np.log(psi[0, 1]))},
    "the sender's probability stands where its odds belong: with p in place of r the terms of "
    "s = 0 must be weighed with 1 - p",
    {"c": lambda c: np.log(expit(c))},
    "the cavity is added once more: the message holds it only through psi",
    {"message": lambda c, message: message + c},
    "r is e^-c here, the odds of s = 0: with r = e^c it multiplies the row psi1",
    {"c": lambda c: -c},
)

mistakes(
    "sum-product-ising",
    "c J",
    {"message": lambda c, J: _ising_message(c, J)},
    "tanh(c) stands for tanh(c/2): c is a log-odds, and <x> = tanh(c/2)",
    {"message": lambda c, J: 2 * np.arctanh(np.tanh(J) * np.tanh(c))},
    "the 2 before atanh is missing: a log-odds is 2 atanh of the spin's mean",
    {"message": lambda message: message / 2},
    "t = e^J here, or tanh(J/2): equal and unlike spins differ by the factor t = e^(2J)",
    {"J": lambda J: J / 2},
    "this is e^(J s s') with s in {0, 1}: the coupling is J x x', x = 2s - 1",
    {"message": lambda c, J: np.logaddexp(J + c, 0) - np.logaddexp(c, 0)},
    "J has the wrong sign: J > 0 makes neighbours alike",
    {"J": lambda J: -J},
    "|J| stands for J: a negative coupling turns the message round",
    {"J": lambda J: abs(J)},
    "this is the mean field's message 2 J <x>: sum-product puts tanh J in and atanh around it",
    {"message": lambda c, J: 2 * J * np.tanh(c / 2)},
    "atanh is missing: tanh J tanh(c/2) is a spin's mean, not yet a log-odds",
    {"message": lambda c, J: 2 * np.tanh(J) * np.tanh(c / 2)},
    "these are the odds r': the message is ln r'",
    {"message": lambda message: np.exp(message)},
)

mistakes(
    "pair-belief",
    "ln_psi c c2",
    {
        "s": lambda: np.arange(2),
        "ln_b": lambda ln_psi, c, c2, s: (
            ln_psi + c[..., None, None] * s[:, None] + c2[..., None, None] * s
        ),
        "psi_r": lambda ln_b: np.exp(ln_b),
        "b": lambda ln_b: softmax(ln_b, axis=(-2, -1)),
    },
    "psi is transposed: its first index is the first node's state",
    {"ln_psi": lambda ln_psi: ln_psi.T},
    "the two cavities are exchanged: the first node's goes with the first index",
    {"c": lambda c2: c2, "c2": lambda c: c},
    "psi is missing: this is the product of two nodes that are independent",
    {"ln_psi": lambda: 0},
    "each row sums to 1: that is P(s' | s), and a joint belief sums to 1 as a whole",
    {"b": lambda b: b / b.sum(axis=-1, keepdims=True)},
    "all edges together sum to 1: each edge's belief is a distribution of its own",
    {"b": lambda ln_b: softmax(ln_b)},
    "the largest entry is 1: divide by the sum of the four, not by their maximum",
    {"b": lambda ln_b: np.exp(ln_b - ln_b.max(axis=(-2, -1), keepdims=True))},
    "the four weights do not sum to 1: a belief is divided by their sum",
    {"b": lambda psi_r: psi_r},
    "the cavities are multiplied with x = +-1, so they count double: c goes with s",
    {"s": lambda s: 2 * s},
    "these are the logarithms of the beliefs: the belief is a probability",
    {"b": lambda b: np.log(b)},
)

# Chains


def _down(l: Any, psi: Any, start: float, message: Any) -> Any:
    """Return what every row hears from the one above it; the first hears `start`."""
    heard = np.full_like(l, start)
    for i in range(len(l) - 1):
        heard[i + 1] = message(l[i] + heard[i], psi)
    return heard


def _up(l: Any, psi: Any, end: float, message: Any) -> Any:
    return _down(l[::-1], psi, end, message)[::-1].copy()


mistakes(
    "chain",
    "l p01 p10",
    {
        "psi": lambda p01, p10: np.array([[1 - p01, p01], [p10, 1 - p10]]),
        "start": lambda p01, p10: np.log(p01 / p10),
        "end": lambda: 0.0,
        "message": lambda: _message,
        "l_down": lambda l: l,
        "l_up": lambda l: l,
        "psi_down": lambda psi: psi,
        "psi_up": lambda psi: psi.T,
        "forward": lambda l_down, psi_down, start, message: _down(l_down, psi_down, start, message),
        "backward": lambda l_up, psi_up, end, message: _up(l_up, psi_up, end, message),
        "both": lambda forward, backward: (forward, backward),
    },
    "p01 and p10 are exchanged: p01 = P(1|0) starts a cluster, p10 = P(0|1) ends it",
    {"p01": lambda p10: p10, "p10": lambda p01: p01},
    "the backward pass uses psi as it is: there the sender is the LATER node, so psi is transposed",
    {"psi_up": lambda psi: psi},
    "psi is transposed in both passes: psi(s, s') = P(s'|s) has the earlier node first, and the "
    "forward pass uses it as it is",
    {"psi": lambda psi: psi.T},
    "the forward pass uses psi transposed: psi(s, s') = P(s'|s) has the earlier node first, who is "
    "the sender there",
    {"psi_down": lambda psi: psi.T},
    "the first row hears nothing: from above it hears the stationary odds p01/p10",
    {"start": lambda: 0.0},
    "the first row hears ln lambda: it is a LOG-ODDS, ln lambda/(1 - lambda) = ln p01/p10",
    {"start": lambda p01, p10: np.log(p01 / (p01 + p10))},
    "the first row hears logit p01: that is what a row hears after a dead one. The first has none "
    "above it and hears the stationary odds, ln p01/p10",
    {"start": lambda p01: logit(p01)},
    "the last row hears the stationary odds from below: that counts the prior twice; it is 0",
    {"end": lambda start: start},
    "no node passes its own evidence on: the cavity is l plus what came from behind",
    {"l": lambda l: np.zeros_like(l)},
    "the forward message holds the receiver's own evidence: that is the filtered log-odds, "
    "forward + l",
    {"both": lambda l, forward, backward: (forward + l, backward)},
    "the backward message holds the receiver's own evidence: it is what comes from BELOW alone",
    {"backward": lambda l, backward: backward + l},
    "both messages hold the receiver's own evidence: it is added once, in the belief",
    {"both": lambda l, forward, backward: (forward + l, backward + l)},
    "forward is off by one row: node i + 1 hears the evidence of node i, not its own",
    {"l_down": lambda l: np.roll(l, -1, axis=0)},
    "backward is off by one row: node i hears the evidence of node i + 1, not its own",
    {"l_up": lambda l: np.roll(l, 1, axis=0)},
    "the backward pass sends what came from above back to above: its cavity is l plus what came "
    "from below",
    {"l_up": lambda l, forward: l + forward},
    "the chains run along the rows: each COLUMN is a chain",
    {
        "forward": lambda l, psi, start: _down(l.T, psi, start, _message).T.copy(),
        "backward": lambda l, psi, end: _up(l.T, psi.T, end, _message).T.copy(),
    },
    "forward and backward are returned the wrong way round",
    {"both": lambda forward, backward: (backward, forward)},
    "these are probabilities: the messages are log-odds",
    {"both": lambda forward, backward: (expit(forward), expit(backward))},
    "this is Viterbi's maximum: forward-backward SUMS over the sender's states",
    {"message": lambda: _max_product},
)


def _step(yes: Any, no: Any, slope: float) -> Any:
    """Return what maximises yes ln p + no ln(1-p) - slope p; the textbook's ratio at slope 0."""
    discriminant = (yes - slope) ** 2 + no * (no + 2 * (yes + slope))
    return 2 * yes / (yes + no + slope + np.sqrt(discriminant))


def _larger_root(yes: Any, no: Any, slope: float) -> Any:
    total = yes + no + slope
    return (total + np.sqrt(total**2 - 4 * slope * yes)) / (2 * slope)


def _moved_on(n: Any, k: Any, J: int, p01: float, p10: float) -> tuple[float, float]:
    for _ in range(500):
        c = J / (p01 + p10)
        p01, p10 = _step(n[0, 1] + k[1], n[0, 0], c), _step(n[1, 0] + k[0], n[1, 1], c)
    return p01, p10


# p01 is found from what speaks for it (yes), what speaks against it (no) and a slope c.
mistakes(
    "em-chain",
    "pairs first p01 p10",
    {
        "J": lambda first: len(first),
        "n": lambda pairs: pairs.sum(axis=(0, 1)),
        "k": lambda first: ((1 - first).sum(), first.sum()),
        "c": lambda J, p01, p10: J / (p01 + p10),
        "c01": lambda c: c,
        "c10": lambda c: c,
        "yes01": lambda n, k: n[0, 1] + k[1],
        "yes10": lambda n, k: n[1, 0] + k[0],
        "no01": lambda n: n[0, 0],
        "no10": lambda n: n[1, 1],
        "step": lambda: _step,
        "new01": lambda step, yes01, no01, c01: step(yes01, no01, c01),
        "new10": lambda step, yes10, no10, c10: step(yes10, no10, c10),
        "both": lambda new01, new10: (new01, new10),
    },
    "the first nodes are left out: this is the textbook's n01 / (n00 + n01), but a stationary "
    "chain's first node depends on p01 and p10, too",
    {"k": lambda: (0, 0), "c": lambda: 0},
    "the first nodes are counted and what normalises their law is not: c p, the tangent of "
    "J ln(p01 + p10), is missing",
    {"c": lambda: 0},
    "the tangent is there and k is not: a first node that is 1 counts for p01 as a step 0-1 does, "
    "one that is 0 for p10",
    {"k": lambda: (0, 0)},
    "a first node is counted as a step from 0: ln(p01 / (p01 + p10)) is not ln p01, and when it is "
    "0 that is for p10 and not against p01",
    {"no01": lambda n, k: n[0, 0] + k[0], "yes10": lambda n: n[1, 0], "c": lambda: 0},
    "first_belief is taken for P(s = 0): it is P(s = 1) of the first node",
    {"first": lambda first: 1 - first},
    "k_1 is counted for p10, too: for p10 are the first nodes that are 0",
    {"yes10": lambda n, k: n[1, 0] + k[1]},
    "the tangent is that of one chain: there are J of them, c = J / (p01 + p10)",
    {"J": lambda: 1},
    "c is J times the old p01 + p10: the tangent of J ln x has the slope J / x",
    {"c": lambda J, p01, p10: J * (p01 + p10)},
    "c is J / p01 for one and J / p10 for the other: it is J / (p01 + p10) for both",
    {"c01": lambda J, p01: J / p01, "c10": lambda J, p10: J / p10},
    "the larger root of the quadratic equation: it lies beyond 1, the smaller one is asked for",
    {"step": lambda: _larger_root},
    "the tangent point is moved until nothing changes, with the beliefs as they are: the step is "
    "one, from the old p01 and p10",
    {"both": _moved_on},
    "against p01 counts every pair but 0-1: it is the pairs that stay at 0, n00",
    {"no01": lambda n: n.sum() - n[0, 1], "no10": lambda n: n.sum() - n[1, 0]},
    "against p01 counts n11, so that all pairs that ARRIVE at 1 are looked at: p01 = P(s' = 1 | s "
    "= 0) needs those that leave 0, n01 and n00",
    {"no01": lambda n: n[1, 1], "no10": lambda n: n[0, 0]},
    "against p01 counts n10, the changes back: it is the pairs that stay at 0, n00",
    {"no01": lambda n: n[1, 0], "no10": lambda n: n[0, 1]},
    "against p10 counts n00, as against p01: for p10 it is n11",
    {"no10": lambda n: n[0, 0]},
    "the last row counts as one that stays: it has no successor, so n00 and n11 are of pairs alone",
    {
        "no01": lambda n, pairs: n[0, 0] + pairs[-1:, :, :, 0].sum(),
        "no10": lambda n, pairs: n[1, 1] + pairs[-1:, :, :, 1].sum(),
    },
    "the pairs are read with the later node first: entry [s, s'] has the earlier one first",
    {"n": lambda n: n.T},
    "p01 and p10 are returned the wrong way round",
    {"both": lambda new01, new10: (new10, new01)},
    "these are P(0|0) and P(1|1), to stay: p01 and p10 are the chances to change",
    {"both": lambda new01, new10: (1 - new01, 1 - new10)},
    "each chain takes its step and the mean is returned: the counts are summed first",
    {
        "J": lambda: 1,
        "n": lambda pairs: np.moveaxis(pairs.sum(axis=0), 0, -1),
        "k": lambda first: (1 - first, first),
        "step": lambda: lambda yes, no, slope: _step(yes, no, slope).mean(),
    },
    "a count of 1 is added to each transition: Baum-Welch maximises, it does not smooth",
    {"n": lambda n: n + 1},
)

# Grids: what is heard from above, from below, from the left and from the right

_SHIFTS = ((1, 0), (-1, 0), (1, 1), (-1, 1))
"""Where each is heard, seen from its sender: by so many places along an axis."""


def _rolled(sent: Any, ways: int = 1) -> Any:
    """Return each message one place further on a torus, or back."""
    return np.stack([np.roll(sent[k], ways * by, axis) for k, (by, axis) in enumerate(_SHIFTS)])


def _heard(sent: Any) -> Any:
    heard = _rolled(sent)
    heard[0, 0] = heard[1, -1] = heard[2, :, 0] = heard[3, :, -1] = 0
    return heard


def _inside(own: Any) -> Any:
    inside = np.zeros_like(own)
    inside[1:-1, 1:-1] = 1
    return inside


def _gauss_seidel(own: Any, messages: Any, J: Any) -> Any:
    new = messages.copy()
    for side in range(4):
        c = own + new.sum(axis=0) - new[[1, 0, 3, 2]]
        new[side] = _heard(_ising_message(c, J))[side]
    return new


mistakes(
    "grid-sweep",
    "own messages J_row J_col",
    {
        "J": lambda J_row, J_col: np.reshape([J_col, J_col, J_row, J_row], (4, 1, 1)),
        "belief": lambda own, messages: own + messages.sum(axis=0),
        "left_out": lambda messages: messages[[1, 0, 3, 2]],
        "c": lambda belief, left_out: belief - left_out,
        "sent": lambda c, J: _ising_message(c, J),
        "heard": lambda sent: _heard(sent),
    },
    "every neighbour gets the full belief: its own message has to be left out of what it is told, "
    "or it hears its own echo",
    {"left_out": lambda left_out: 0 * left_out},
    "the wrong message is left out: what goes DOWN leaves out what came from BELOW, and so on, not "
    "what came from the other side",
    {"left_out": lambda messages: messages},
    "the nodes pass on only what they heard: h + l belongs to every cavity",
    {"own": lambda own: 0 * own},
    "what goes DOWN lacks h + l, the other directions have it: every cavity holds it",
    {"c": lambda c, own: c - np.multiply.outer([1, 0, 0, 0], own)},
    "only h + l is sent: what the other three neighbours said has to be passed on",
    {"messages": lambda messages: 0 * messages},
    "J_row and J_col are exchanged: J_col joins (i, j) and (i+1, j), J_row (i, j) and (i, j+1)",
    {"J_row": lambda J_col: J_col, "J_col": lambda J_row: J_row},
    "ABOVE and BELOW are exchanged: entry 0 is what (i, j) hears from (i-1, j)",
    {"heard": lambda heard: heard[[1, 0, 2, 3]]},
    "LEFT and RIGHT are exchanged: entry 2 is what (i, j) hears from (i, j-1)",
    {"heard": lambda heard: heard[[0, 1, 3, 2]]},
    "the grid is closed to a torus (np.roll): nobody sends across the border, those messages are 0",
    {"heard": lambda sent: _rolled(sent)},
    "the messages stay with their senders: they are stored where they are HEARD, one node further",
    {"heard": lambda heard: _rolled(heard, -1)},
    "the nodes of the border send nothing: they have fewer neighbours, not none",
    {"sent": lambda sent, own: sent * _inside(own)},
    "this sweep uses new messages as it goes: in a PARALLEL sweep all read the old ones",
    {"heard": _gauss_seidel},
    "the new messages are added to the old ones: they replace them",
    {"heard": lambda heard, messages: messages + heard},
    "the messages are damped by a half: the plain sweep keeps nothing of the old ones",
    {"heard": lambda heard, messages: 0.5 * (messages + heard)},
    "tanh(c) stands for tanh(c/2) in the messages: c is a log-odds",
    {"c": lambda c: 2 * c},
    "the 2 before atanh is missing in the messages",
    {"sent": lambda sent: sent / 2},
    "t = e^J here: equal and unlike neighbours differ by the factor t = e^(2J)",
    {"J": lambda J: J / 2},
    "the couplings have the wrong sign: J > 0 makes neighbours alike",
    {"J": lambda J: -J},
)

# The Bethe approximation


def _agreement(pairs: Any) -> float:
    """Return the sum of E[x x'] over the edges."""
    return float((pairs * [[1, -1], [-1, 1]]).sum())


def _degrees(b: Any) -> Any:
    degrees = np.zeros(b.shape)
    for side in (np.s_[1:], np.s_[:-1], np.s_[:, 1:], np.s_[:, :-1]):
        degrees[side] += 1
    return degrees


mistakes(
    "bethe",
    "own b rows cols J_row J_col",
    {
        "nodes": lambda own, b: float((own * b).sum()),
        "moment": lambda: _agreement,
        "edges": lambda moment, rows, cols, J_row, J_col: (
            J_row * moment(rows) + J_col * moment(cols)
        ),
        "H_edges": lambda rows, cols: float(entr(rows).sum() + entr(cols).sum()),
        "H_nodes": lambda b: entr(b) + entr(1 - b),
        "times": lambda b: _degrees(b) - 1,
        "again": lambda H_nodes, times: float((times * H_nodes).sum()),
        "entropy": lambda H_edges, again: H_edges - again,
        "ln_Z": lambda nodes, edges, entropy: nodes + edges + entropy,
    },
    "the nodes' entropies are taken off d times: d - 1 times, one belongs to the node itself",
    {"times": lambda times: times + 1},
    "every node has four neighbours here: at the border the degree is 3 or 2, on a line less",
    {"times": lambda: 3},
    "the nodes' entropies are added: the edges have counted them d times, d - 1 come off",
    {"again": lambda again: -again},
    "the entropy is subtracted: ln Z is the expected log weight PLUS the entropy",
    {"entropy": lambda entropy: -entropy},
    "this is the free energy -ln Z: its sign is to be turned",
    {"ln_Z": lambda ln_Z: -ln_Z},
    "every edge is counted twice, once from each end: it stands in the sum once",
    {"edges": lambda edges: 2 * edges, "H_edges": lambda H_edges: 2 * H_edges},
    "the couplings' energy is counted twice, once from each end of an edge: it counts once",
    {"edges": lambda edges: 2 * edges},
    "the coupling's energy is J E[s s']: it is J E[x x'], x = 2s - 1",
    {"moment": lambda: lambda pairs: pairs[..., 1, 1].sum()},
    "the node's energy is (h + l) E[x]: it is (h + l) E[s], with s in {0, 1}",
    {"nodes": lambda own, b: float((own * (2 * b - 1)).sum())},
    "J_row and J_col are exchanged: J_row goes with the horizontal pairs",
    {"J_row": lambda J_col: J_col, "J_col": lambda J_row: J_row},
    "this is the mean field's entropy, sum H(b_n): Bethe's takes H of the edges and then d - 1 of "
    "the nodes' off",
    {"entropy": lambda H_nodes: float(H_nodes.sum())},
    "a node's entropy lacks its other half: it is -b ln b - (1 - b) ln(1 - b)",
    {"H_nodes": lambda b: entr(b)},
    "the entropies are in bits: beside an energy the logarithm is the natural one",
    {"entropy": lambda entropy: entropy / np.log(2)},
)


def _largest(r: float, c: float) -> float:
    return float(np.abs(np.linalg.eigvals([[c, 2 * r], [2 * c, r]])).max())


mistakes(
    "uniqueness",
    "J_row J_col",
    {
        "r": lambda J_row: np.tanh(abs(J_row)),
        "c": lambda J_col: np.tanh(abs(J_col)),
        "sum": lambda r, c: r + c,
        "root": lambda r, c: np.emath.sqrt((r + c) ** 2 + 12 * r * c).real,
        "radius": lambda sum, root: float((sum + root) / 2),
    },
    "the signs of the couplings are kept in the matrix [[T_col, 2 T_row], [2 T_col, T_row]]: "
    "T is tanh|J|",
    {"radius": lambda J_row, J_col: _largest(np.tanh(J_row), np.tanh(J_col))},
    "the signs of the couplings are kept: it is |J| that counts",
    {"r": lambda J_row: np.tanh(J_row), "c": lambda J_col: np.tanh(J_col)},
    "all four neighbours are counted: a message goes on in three directions, not back",
    {"radius": lambda r, c: float(2 * (r + c))},
    "tanh is missing: a message passes tanh|J| of a small change on, not |J|",
    {"r": lambda J_row: abs(J_row), "c": lambda J_col: abs(J_col)},
    "this is 3 tanh of the larger coupling: unlike couplings have the radius of "
    "[[T_col, 2 T_row], [2 T_col, T_row]], T = tanh|J|",
    {"radius": lambda r, c: float(3 * max(r, c))},
    "this is 3 times the mean of the two tanh|J|: there is one way straight on and two sideways, "
    "so unlike couplings need the radius of [[T_col, 2 T_row], [2 T_col, T_row]]",
    {"radius": lambda r, c: float(1.5 * (r + c))},
    "this is tanh|J_row| + tanh|J_col|: sideways a message goes on in two directions",
    {"radius": lambda r, c: float(r + c)},
    "this is the larger tanh|J|, as if a message could only go straight on",
    {"radius": lambda r, c: float(max(r, c))},
)

# Learning a grid

mistakes(
    "em-ising",
    "b rows cols b0 rows0 cols0",
    {
        "d_h": lambda b, b0: float(b.sum() - b0.sum()),
        "moment": lambda: _agreement,
        "d_row": lambda moment, rows, rows0: moment(rows) - moment(rows0),
        "d_col": lambda moment, cols, cols0: moment(cols) - moment(cols0),
        "all": lambda d_h, d_row, d_col: (d_h, d_row, d_col),
    },
    "the prior's moments are missing: the gradient is beliefs MINUS what the prior expects",
    {"b0": lambda b0: 0 * b0, "rows0": lambda rows: 0 * rows, "cols0": lambda cols: 0 * cols},
    "the couplings' prior moments are missing: ln Z of the prior depends on J as well",
    {"rows0": lambda rows: 0 * rows, "cols0": lambda cols: 0 * cols},
    "the sign is reversed: the evidence's moments come first, the prior's are taken off",
    {"all": lambda d_h, d_row, d_col: (-d_h, -d_row, -d_col)},
    "the couplings' moments are E[s s'], counts of pairs that are on: J goes with x x'",
    {"moment": lambda: lambda pairs: pairs[..., 1, 1].sum()},
    "the couplings' moments are P(s = s'), half of what is asked for: E[x x'] = 2 P(s = s') - 1",
    {"moment": lambda: lambda pairs: _agreement(pairs) / 2},
    "means over the layer: the derivative of ln p(l) is a SUM over nodes and edges",
    {
        "d_h": lambda d_h, b: d_h / b.size,
        "moment": lambda: lambda pairs: _agreement(pairs) / max(pairs.size // 4, 1),
    },
    "the couplings are exchanged: horizontal pairs belong to J_row, vertical ones to J_col",
    {"d_row": lambda d_col: d_col, "d_col": lambda d_row: d_row},
    "the field's moment is E[x], twice what is asked for: h goes with s, not with x",
    {"d_h": lambda d_h: 2 * d_h},
    "E[x x'] is taken as E[x] E[x'], from the nodes: neighbours depend on each other, that is what "
    "the pair beliefs are for",
    {
        "d_row": lambda b, b0: _products(b[:, 1:], b[:, :-1]) - _products(b0[:, 1:], b0[:, :-1]),
        "d_col": lambda b, b0: _products(b[1:], b[:-1]) - _products(b0[1:], b0[:-1]),
    },
)


def _products(b: Any, b2: Any) -> float:
    """Return the sum of E[x] E[x']."""
    return float(((2 * b - 1) * (2 * b2 - 1)).sum())


# Groups

mistakes(
    "neuron-group",
    "l life p_in p_out",
    {
        "psi": lambda p_in, p_out: np.array([[1 - p_out, p_out], [1 - p_in, p_in]]),
        "prior": lambda life: logit(life),
        "ln_g": lambda l, psi: _message(l, psi.T),
        "others": lambda ln_g: ln_g.sum(axis=0) - ln_g,
        "ln_zeta": lambda prior, others: prior + others,
        "extrinsic": lambda ln_zeta, psi: _message(ln_zeta, psi),
    },
    "zeta takes the own weight in: zeta_{-i} is the product of the OTHERS' g",
    {"others": lambda ln_g: ln_g.sum(axis=0) + 0 * ln_g},
    "p_in and p_out are exchanged: p_in = P(s=1 | z=1) is that of a LIVE neuron",
    {"p_in": lambda p_out: p_out, "p_out": lambda p_in: p_in},
    "the g are averaged: independent weights multiply their odds",
    {"others": lambda ln_g: np.log(_mean_of_others(np.exp(ln_g)))},
    "the indicator's prior is missing: zeta begins with odds(lambda)",
    {"prior": lambda: 0},
    "zeta begins with lambda, a probability: it begins with its odds lambda/(1 - lambda)",
    {"prior": lambda life: np.log(life)},
    "this is ln zeta, the indicator's log-odds: it still has to pass P(s | z)",
    {"extrinsic": lambda ln_zeta: ln_zeta},
    "the own evidence is added: that is logit b, the extrinsic message leaves l_i out",
    {"extrinsic": lambda extrinsic, l: extrinsic + l},
    "the groups are rows: a neuron is a COLUMN",
    {"others": lambda ln_g: ln_g.sum(axis=1, keepdims=True) - ln_g},
    "the others' evidence l is added up as it is: a weight tells the indicator only ln g, what is "
    "left of l after P(s | z)",
    {"ln_g": lambda l: l},
    "g has the form of the way down: on the way UP it is (1-p_in + p_in r)/(1-p_out + p_out r)",
    {"ln_g": lambda l, psi: _message(l, psi)},
    "this is pi itself: what goes out is its log-odds, logit pi",
    {"extrinsic": lambda extrinsic: expit(extrinsic)},
)


def _mean_of_others(g: Any) -> Any:
    return (g.sum(axis=0) - g) / (len(g) - 1) if len(g) > 1 else np.ones_like(g)

"""Module B's equations written in other ways, all of them right."""

import itertools
import math

import numpy as np
from scipy.special import entr, expit, log_expit, logit, logsumexp

# One node


def cavity_loop(field, evidence, other_messages):
    c = field + evidence
    for message in other_messages:
        c = c + message
    return c


def cavity_odds(field, evidence, other_messages):
    return np.log(np.exp(field) * np.exp(evidence) * np.exp(other_messages).prod(axis=0))


def cavity_stacked(field, evidence, other_messages):
    return np.sum([field, evidence, *other_messages], axis=0)


def cavity_two_states(field, evidence, other_messages):
    terms = [field, evidence, *other_messages]
    return sum(log_expit(t) for t in terms) - sum(log_expit(-t) for t in terms)


def belief_logistic(field, evidence, messages):
    return 1 / (1 + np.exp(-(field + evidence + sum(messages))))


def belief_odds(field, evidence, messages):
    r = np.exp(field) * np.exp(evidence) * np.exp(messages).prod(axis=0)
    return r / (1 + r)


def belief_tanh(field, evidence, messages):
    return (1 + np.tanh((field + evidence + messages.sum(axis=0)) / 2)) / 2


def belief_two_states(field, evidence, messages):
    total = field + evidence + np.einsum("k...->...", messages)
    return np.exp(total - np.logaddexp(0, total))


def extrinsic_loop(field, messages):
    out = field.copy()
    for message in messages:
        out += message
    return out


def extrinsic_odds(field, messages):
    return np.log(np.exp(field) * np.exp(messages).prod(axis=0))


def extrinsic_from_belief(field, messages):
    evidence = 0.25
    return (field + evidence + messages.sum(axis=0)) - evidence


# One edge


def message_odds(cavity, psi):
    r = np.exp(cavity)
    return np.log((psi[1, 1] * r + psi[0, 1]) / (psi[1, 0] * r + psi[0, 0]))


def message_probabilities(cavity, psi):
    p = np.stack([expit(-cavity), expit(cavity)], axis=-1) @ psi
    return np.log(p[..., 1]) - np.log(p[..., 0])


def message_logsumexp(cavity, psi):
    log_w = np.log(psi) + np.multiply.outer(cavity, [[0, 0], [1, 1]])
    ln = logsumexp(log_w, axis=-2)
    return ln[..., 1] - ln[..., 0]


def message_scalar_loop(cavity, psi):
    out = np.empty_like(cavity)
    for n, c in np.ndenumerate(cavity):
        # Divide by the larger of the two weights, so that no exponential overflows.
        on, off = (1.0, math.exp(-c)) if c > 0 else (math.exp(c), 1.0)
        out[n] = math.log(psi[1][1] * on + psi[0][1] * off)
        out[n] -= math.log(psi[1][0] * on + psi[0][0] * off)
    return out


def ising_tanh(cavity, coupling):
    return 2 * np.arctanh(np.tanh(coupling) * np.tanh(cavity / 2))


def ising_odds(cavity, coupling):
    t, r = np.exp(2 * coupling), np.exp(cavity)
    return np.log((t * r + 1) / (r + t))


def ising_log_odds(cavity, coupling):
    return np.logaddexp(2 * coupling + cavity, 0) - np.logaddexp(2 * coupling, cavity)


def ising_as_factor(cavity, coupling):
    x = np.array([-1, 1])
    return message_logsumexp(cavity, np.exp(coupling * np.outer(x, x)))


def ising_cosh(cavity, coupling):
    half = cavity / 2
    return np.log(np.cosh(half + coupling)) - np.log(np.cosh(half - coupling))


def pairs_product(log_psi, cavity_first, cavity_second):
    one = np.ones_like(cavity_first)
    first = np.stack([one, np.exp(cavity_first)], axis=-1)
    second = np.stack([one, np.exp(cavity_second)], axis=-1)
    b = np.einsum("st,...s,...t->...st", np.exp(log_psi), first, second)
    return b / b.sum(axis=(-2, -1))[..., None, None]


def pairs_softmax(log_psi, cavity_first, cavity_second):
    c, d = cavity_first, cavity_second
    log_b = np.stack(
        [log_psi[0, 0] + 0 * c, log_psi[0, 1] + d, log_psi[1, 0] + c, log_psi[1, 1] + c + d],
        axis=-1,
    )
    b = np.exp(log_b - logsumexp(log_b, axis=-1, keepdims=True))
    return b.reshape(*c.shape, 2, 2)


# Chains


def chain_odds(evidence, p01, p10):
    r = np.exp(evidence)
    forward, backward = np.empty_like(r), np.empty_like(r)
    forward[0], backward[-1] = p01 / p10, 1
    for i in range(len(r) - 1):
        q = r[i] * forward[i]
        forward[i + 1] = ((1 - p10) * q + p01) / (p10 * q + 1 - p01)
    for i in range(len(r) - 1, 0, -1):
        q = r[i] * backward[i]
        backward[i - 1] = ((1 - p10) * q + p10) / (p01 * q + 1 - p01)
    return np.log(forward), np.log(backward)


def chain_log_odds(evidence, p01, p10):
    psi = np.array([[1 - p01, p01], [p10, 1 - p10]])
    forward, backward = np.zeros_like(evidence), np.zeros_like(evidence)
    forward[0] = math.log(p01) - math.log(p10)
    for i in range(1, len(evidence)):
        forward[i] = message_logsumexp(evidence[i - 1] + forward[i - 1], psi)
        backward[-1 - i] = message_logsumexp(evidence[-i] + backward[-i], psi.T)
    return forward, backward


def chain_alpha_beta(evidence, p01, p10):
    """Forward and backward probabilities, scaled."""
    P = np.array([[1 - p01, p01], [p10, 1 - p10]])
    seen = np.stack([expit(-evidence), expit(evidence)])  # (2, I, J)
    forward, backward = np.empty_like(evidence), np.empty_like(evidence)
    predicted = np.repeat([[p10], [p01]], evidence.shape[1], axis=1)
    beta = np.ones_like(predicted)
    for i in range(len(evidence)):
        forward[i] = np.log(predicted[1] / predicted[0])
        predicted = P.T @ (predicted * seen[:, i])
        predicted = predicted / predicted.sum(axis=0)
    for i in reversed(range(len(evidence))):
        backward[i] = np.log(beta[1] / beta[0])
        beta = P @ (beta * seen[:, i])
        beta = beta / beta.sum(axis=0)
    return forward, backward


def chain_ising(evidence, p01, p10):
    """Use ln psi = J x x' + u s + v s': the sender's u joins its cavity, v what arrives."""
    (a, b), (c, d) = np.log([[1 - p01, p01], [p10, 1 - p10]])
    J, u, v = (d + a - c - b) / 4, (d + c - b - a) / 2, (d + b - c - a) / 2
    forward, backward = np.zeros_like(evidence), np.zeros_like(evidence)
    forward[0] = logit(p01 / (p01 + p10))
    for i in range(len(evidence) - 1):
        forward[i + 1] = v + ising_log_odds(evidence[i] + forward[i] + u, J)
    for i in reversed(range(len(evidence) - 1)):
        backward[i] = u + ising_log_odds(evidence[i + 1] + backward[i + 1] + v, J)
    return forward, backward


def baum_welch_quadratic(pair_beliefs, first_belief, p01, p10):
    """Count in a loop, and take the root as every school book has it."""
    n, k = [[0.0, 0.0], [0.0, 0.0]], [0.0, 0.0]
    for pair in pair_beliefs.reshape(-1, 2, 2):
        for s, t in itertools.product((0, 1), repeat=2):
            n[s][t] += pair[s, t]
    for b in first_belief:
        k[1] += b
        k[0] += 1 - b
    c = (k[0] + k[1]) / (p01 + p10)

    def root(yes, no):
        half = (yes + no + c) / (2 * c)
        return half - math.sqrt(max(half**2 - yes / c, 0))

    return root(n[0][1] + k[1], n[0][0]), root(n[1][0] + k[0], n[1][1])


def baum_welch_polynomial(pair_beliefs, first_belief, p01, p10):
    (n00, n01), (n10, n11) = np.einsum("ijst->st", pair_beliefs)
    k1 = np.sum(first_belief)
    k0 = first_belief.size - k1
    c = first_belief.size / (p01 + p10)
    new01 = np.roots([c, -(n00 + n01 + k1 + c), n01 + k1]).real.min()
    return new01, np.roots([c, -(n11 + n10 + k0 + c), n10 + k0]).real.min()


def baum_welch_search(pair_beliefs, first_belief, p01, p10):
    """Go up the concave bound by bisection."""
    n = pair_beliefs.sum(axis=(0, 1))
    k = np.array([(1 - first_belief).sum(), first_belief.sum()])
    c = k.sum() / (p01 + p10)

    def search(yes, no):
        low, high = 0.0, 1.0
        for _ in range(60):
            p = (low + high) / 2
            low, high = (p, high) if yes * (1 - p) > no * p + c * p * (1 - p) else (low, p)
        return low

    return search(n[0, 1] + k[1], n[0, 0]), search(n[1, 0] + k[0], n[1, 1])


# Grids


def sweep_odds(own, messages, coupling_row, coupling_col):
    """In odds, the receiver's message divided out of the belief."""
    odds = np.exp(messages)
    B = np.exp(own) * odds.prod(axis=0)
    t_row, t_col = np.exp(2 * coupling_row), np.exp(2 * coupling_col)
    new = np.ones_like(odds)
    new[0, 1:] = ((t_col * B + odds[1]) / (B + t_col * odds[1]))[:-1]
    new[1, :-1] = ((t_col * B + odds[0]) / (B + t_col * odds[0]))[1:]
    new[2, :, 1:] = ((t_row * B + odds[3]) / (B + t_row * odds[3]))[:, :-1]
    new[3, :, :-1] = ((t_row * B + odds[2]) / (B + t_row * odds[2]))[:, 1:]
    return np.log(new)


def sweep_node_by_node(own, messages, coupling_row, coupling_col):
    I, J = own.shape
    above, below, left, right = messages
    new = np.zeros_like(messages)
    for i, j in itertools.product(range(I), range(J)):
        h = own[i, j]
        if i + 1 < I:
            c = h + above[i, j] + left[i, j] + right[i, j]
            new[0, i + 1, j] = ising_log_odds(c, coupling_col)
        if i > 0:
            c = h + below[i, j] + left[i, j] + right[i, j]
            new[1, i - 1, j] = ising_log_odds(c, coupling_col)
        if j + 1 < J:
            c = h + above[i, j] + below[i, j] + left[i, j]
            new[2, i, j + 1] = ising_log_odds(c, coupling_row)
        if j > 0:
            c = h + above[i, j] + below[i, j] + right[i, j]
            new[3, i, j - 1] = ising_log_odds(c, coupling_row)
    return new


def sweep_tanh_padded(own, messages, coupling_row, coupling_col):
    """Shift a padded array: what every node sends, seen from the receiver."""
    back = messages[[1, 0, 3, 2]]
    cavity = own + messages.sum(axis=0) - back
    tanh_J = np.tanh([coupling_col, coupling_col, coupling_row, coupling_row])
    sent = 2 * np.arctanh(tanh_J[:, None, None] * np.tanh(cavity / 2))
    padded = np.pad(sent, ((0, 0), (1, 1), (1, 1)))
    return np.stack(
        [
            padded[0, :-2, 1:-1],
            padded[1, 2:, 1:-1],
            padded[2, 1:-1, :-2],
            padded[3, 1:-1, 2:],
        ]
    )


def bethe_counting_numbers(own, belief, horizontal, vertical, coupling_row, coupling_col):
    I, J = belief.shape
    x = np.array([-1, 1])
    total = np.vdot(own, belief)
    total += coupling_row * np.einsum("ijst,s,t->", horizontal, x, x)
    total += coupling_col * np.einsum("ijst,s,t->", vertical, x, x)
    total += entr(horizontal).sum() + entr(vertical).sum()
    for i, j in np.ndindex(I, J):
        degree = (i > 0) + (i < I - 1) + (j > 0) + (j < J - 1)
        total += (1 - degree) * (entr(belief[i, j]) + entr(1 - belief[i, j]))
    return float(total)


def bethe_mutual_information(own, belief, horizontal, vertical, coupling_row, coupling_col):
    b = belief
    total = np.sum(own * b - b * np.log(b) - (1 - b) * np.log(1 - b))
    for pairs, J in ((horizontal, coupling_row), (vertical, coupling_col)):
        first, second = pairs.sum(axis=-1, keepdims=True), pairs.sum(axis=-2, keepdims=True)
        total -= np.sum(pairs * np.log(pairs / (first * second)))
        total += J * np.sum(pairs[..., 0, 0] + pairs[..., 1, 1])
        total -= J * np.sum(pairs[..., 0, 1] + pairs[..., 1, 0])
    return float(total)


def uniqueness_eigenvalues(coupling_row, coupling_col):
    r, c = math.tanh(abs(coupling_row)), math.tanh(abs(coupling_col))
    return max(abs(np.linalg.eigvals([[c, 2 * r], [2 * c, r]])))


def uniqueness_characteristic_polynomial(coupling_row, coupling_col):
    r, c = abs(math.tanh(coupling_row)), abs(math.tanh(coupling_col))
    return float(max(np.roots([1, -(r + c), -3 * r * c]).real))


def gradient_by_loops(b, horizontal, vertical, b0, horizontal0, vertical0):
    def agreement(pairs):
        return sum(p[0, 0] + p[1, 1] - p[0, 1] - p[1, 0] for p in pairs.reshape(-1, 2, 2))

    d_row = agreement(horizontal) - agreement(horizontal0)
    return float((b - b0).sum()), float(d_row), float(agreement(vertical) - agreement(vertical0))


def gradient_from_agreement(b, horizontal, vertical, b0, horizontal0, vertical0):
    """E[x x'] = 2 P(s = s') - 1, and the 1 cancels."""

    def both(pairs):
        return 2 * np.trace(pairs, axis1=-2, axis2=-1).sum()

    return (
        b.sum() - b0.sum(),
        both(horizontal) - both(horizontal0),
        both(vertical) - both(vertical0),
    )


# Groups


def group_odds(evidence, p_alive, p_in, p_out):
    r = np.exp(evidence)
    g = (1 - p_in + p_in * r) / (1 - p_out + p_out * r)
    zeta = p_alive / (1 - p_alive) * g.prod(axis=0) / g
    return np.log((p_in * zeta + p_out) / ((1 - p_in) * zeta + 1 - p_out))


def group_leave_one_out(evidence, p_alive, p_in, p_out):
    """Weigh z = 1 and z = 0 by the other weights' likelihoods, then mix."""
    on = np.logaddexp(math.log(1 - p_in), math.log(p_in) + evidence)
    off = np.logaddexp(math.log(1 - p_out), math.log(p_out) + evidence)
    out = np.empty_like(evidence)
    for i in range(len(evidence)):
        alive = math.log(p_alive) + np.delete(on, i, axis=0).sum(axis=0)
        dead = math.log(1 - p_alive) + np.delete(off, i, axis=0).sum(axis=0)
        z = expit(alive - dead)
        p = z * p_in + (1 - z) * p_out
        out[i] = np.log(p) - np.log(z * (1 - p_in) + (1 - z) * (1 - p_out))
    return out


def group_by_columns(evidence, p_alive, p_in, p_out):
    psi = np.array([[1 - p_out, p_out], [1 - p_in, p_in]])
    out = np.empty_like(evidence)
    for j, column in enumerate(evidence.T):
        ln_g = message_logsumexp(column, psi.T)
        ln_zeta = np.array([logit(p_alive) + math.fsum(ln_g) - own for own in ln_g])
        out[:, j] = message_logsumexp(ln_zeta, psi)
    return out


VARIANTS = {
    "cavity": [cavity_loop, cavity_odds, cavity_stacked, cavity_two_states],
    "sum-product": [
        message_odds,
        message_probabilities,
        message_logsumexp,
        message_scalar_loop,
    ],
    "sum-product-ising": [ising_tanh, ising_odds, ising_log_odds, ising_as_factor, ising_cosh],
    "belief": [belief_logistic, belief_odds, belief_tanh, belief_two_states],
    "extrinsic-b": [extrinsic_loop, extrinsic_odds, extrinsic_from_belief],
    "chain": [chain_odds, chain_log_odds, chain_alpha_beta, chain_ising],
    "grid-sweep": [sweep_odds, sweep_node_by_node, sweep_tanh_padded],
    "pair-belief": [pairs_product, pairs_softmax],
    "bethe": [bethe_counting_numbers, bethe_mutual_information],
    "uniqueness": [uniqueness_eigenvalues, uniqueness_characteristic_polynomial],
    "neuron-group": [group_odds, group_leave_one_out, group_by_columns],
    "em-chain": [baum_welch_quadratic, baum_welch_polynomial, baum_welch_search],
    "em-ising": [gradient_by_loops, gradient_from_agreement],
}

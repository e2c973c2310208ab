"""Ten equations as a reader might write them: in odds, in loops, with einsum; none as ours."""

import math

import numpy as np


def markov_to_ising(p01, p10):
    """[markov-to-ising] by solving for the three numbers: the equations at the four states."""
    step = np.log([[1 - p01, p01], [p10, 1 - p10]])
    states = [(0, 0), (0, 1), (1, 0), (1, 1)]
    rows = [(1, (2 * s - 1) * (2 * r - 1), s, r) for s, r in states]
    _, *numbers = np.linalg.solve(np.array(rows, float), [step[state] for state in states])
    return tuple(numbers)


def local_reparam_dense(x, mean, variance, bias, noise):
    """[local-reparam-dense] with einsum."""
    spread = np.einsum("ri,ij->rj", x**2, variance)
    return np.einsum("ri,ij->rj", x, mean) + bias + noise * (spread + 1e-8) ** 0.5


def local_reparam_dense_backward(x, mean, variance, noise, grad):
    """[local-reparam-dense-backward] with einsum."""
    spread = np.einsum("ri,ij->rj", x**2, variance) + 1e-8
    v = 0.5 * grad * noise * spread**-0.5
    d_mean = np.einsum("ri,rj->ij", x, grad)
    d_variance = np.einsum("ri,rj->ij", x**2, v)
    d_x = np.einsum("rj,ij->ri", grad, mean) + 2 * x * np.einsum("rj,ij->ri", v, variance)
    return d_mean, d_variance, grad.sum(axis=0), d_x


def weight_penalty_gradient(mean, variance, expected_precision):
    """[q-weight-gradient] with one factor taken out."""
    return mean * expected_precision, (variance * expected_precision - 1) / 2


def evidence_collapsed(second_moment, active, inactive):
    """[evidence-collapsed] as a difference of two Student-t log densities."""

    def log_student(a, b):
        shape = math.lgamma(a + 0.5) - math.lgamma(a) - 0.5 * math.log(2 * math.pi * b)
        return shape - (a + 0.5) * np.log1p(second_moment / (2 * b))

    return log_student(active.shape, active.rate) - log_student(inactive.shape, inactive.rate)


def precision_collapsed(second_moment, q_support, active, inactive):
    """[precision-collapsed] as a mean over the two states."""
    states = [(q_support, active), (1 - q_support, inactive)]
    return sum(p * (2 * g.shape + 1) / (2 * g.rate + second_moment) for p, g in states)


def ising_message(cavity, coupling):
    """[sum-product-ising] through the odds, with the larger exponential taken out."""
    c, J = np.asarray(cavity, float), 2 * coupling
    return np.logaddexp(J + c, 0.0) - np.logaddexp(c, J)


def cavity(field, evidence, other_messages):
    """[cavity] one message after the other."""
    total = field + evidence
    for message in other_messages:
        total = total + message
    return total


def extrinsic_a(posterior, incoming):
    """[extrinsic-a] as the sum with what is taken off."""
    return posterior + (-incoming)


def keep_mask(support_log_odds):
    """[prune] in probabilities."""
    return 1 / (1 + np.exp(-np.asarray(support_log_odds))) >= 0.5

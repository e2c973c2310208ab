"""Right versions of the prior's densities, written otherwise."""

import math
from itertools import pairwise

import numpy as np
from scipy import ndimage, stats
from scipy.special import betaln, gamma, gammaln, logit, xlogy

# Weight and precision


def weight_by_scipy(weight, precision):
    return stats.norm.logpdf(weight, scale=1 / np.sqrt(precision))


def weight_by_density(weight, precision):
    return np.log(np.sqrt(precision / (2 * np.pi)) * np.exp(-precision * weight**2 / 2))


def weight_in_loops(weight, precision):
    result = np.zeros_like(weight)
    for n, w in np.ndenumerate(weight):
        sd = precision[n] ** -0.5
        result[n] = -math.log(sd) - math.log(2 * math.pi) / 2 - (w / sd) ** 2 / 2
    return result


def precision_by_scipy(precision, support, active, inactive):
    on = stats.gamma(active.shape, scale=1 / active.rate).logpdf(precision)
    off = stats.gamma(inactive.shape, scale=1 / inactive.rate).logpdf(precision)
    return support * on + (1 - support) * off


def precision_by_density(precision, support, active, inactive):
    def density(g):
        power = g.rate**g.shape * precision ** (g.shape - 1)
        return power * np.exp(-g.rate * precision) / gamma(g.shape)

    return np.log(density(active) ** support * density(inactive) ** (1 - support))


def precision_by_selected_parameters(precision, support, active, inactive):
    a = np.array([inactive.shape, active.shape])[support.astype(int)]
    b = np.array([inactive.rate, active.rate])[support.astype(int)]
    return np.log(b) + xlogy(a - 1, b * precision) - b * precision - gammaln(a)


def marginal_by_scipy(weight, prior):
    return stats.t(2 * prior.shape, scale=(prior.rate / prior.shape) ** 0.5).logpdf(weight)


def marginal_by_gammas(weight, prior):
    a, b = prior.shape, prior.rate
    z = (
        gamma(a + 0.5)
        / (gamma(a) * np.sqrt(2 * np.pi * b))
        * (1 + weight**2 / (2 * b)) ** (-a - 0.5)
    )
    return np.log(z)


def marginal_by_beta(weight, prior):
    """Gamma(a) Gamma(1/2) / Gamma(a + 1/2) is a Beta function."""
    a, b = prior.shape, prior.rate
    return -betaln(a, 0.5) - 0.5 * np.log(2 * b) - (a + 0.5) * np.log1p(weight**2 / (2 * b))


# Support


def ising_in_loops(support, field, coupling_row, coupling_col):
    n_rows, n_cols = support.shape
    h = np.broadcast_to(field, support.shape)
    total = 0.0
    for i in range(n_rows):
        for j in range(n_cols):
            total += h[i, j] * support[i, j]
            x = 2 * support[i, j] - 1
            if j + 1 < n_cols:
                total += coupling_row * x * (2 * support[i, j + 1] - 1)
            if i + 1 < n_rows:
                total += coupling_col * x * (2 * support[i + 1, j] - 1)
    return total


def ising_by_disagreements(support, field, coupling_row, coupling_col):
    """Count J for an edge that agrees, -J for one that does not."""
    rows = 1 - 2 * np.abs(np.diff(support, axis=1))
    cols = 1 - 2 * np.abs(np.diff(support, axis=0))
    return np.sum(field * support) + coupling_row * rows.sum() + coupling_col * cols.sum()


def ising_by_correlation(support, field, coupling_row, coupling_col):
    """Half the product with the sum of the neighbours: every edge has two ends."""
    x = 2 * support - 1
    kernel = np.array([[0, coupling_col, 0], [coupling_row, 0, coupling_row], [0, coupling_col, 0]])
    neighbours = ndimage.correlate(x, kernel, mode="constant")
    return np.sum(field * support) + 0.5 * np.sum(x * neighbours)


def markov_in_loops(support, p01, p10):
    total = 0.0
    for column in support.T:
        total += math.log((p01 if column[0] else p10) / (p01 + p10))
        for s, t in pairwise(column):
            leaves = p10 if s else p01
            total += math.log(leaves if s != t else 1 - leaves)
    return total


def markov_by_counts(support, p01, p10):
    """Ones and zeros at the start, and how often each of the four steps occurs."""
    s, t = support[:-1], support[1:]
    ones, zeros = support[0].sum(), (1 - support[0]).sum()
    return (
        xlogy(ones, p01)
        + xlogy(zeros, p10)
        - support.shape[1] * np.log(p01 + p10)
        + xlogy(np.sum((1 - s) * t), p01)
        + xlogy(np.sum((1 - s) * (1 - t)), 1 - p01)
        + xlogy(np.sum(s * (1 - t)), p10)
        + xlogy(np.sum(s * t), 1 - p10)
    )


def markov_as_a_product(support, p01, p10):
    """Multiply the probabilities down each column."""
    transition = np.array([[1 - p01, p01], [p10, 1 - p10]])
    s, start = support.astype(int), np.array([p10, p01]) / (p01 + p10)
    return np.log(start[s[0]] * np.prod(transition[s[:-1], s[1:]], axis=0)).sum()


def ising_form_by_logits(p01, p10):
    """P(1|0) and P(1|1) as log-odds: a step of 4J between them, around 2J + v."""
    off, on = logit(p01), -logit(p10)
    J = (on - off) / 4
    u = (np.log(p10 * (1 - p10)) - np.log(p01 * (1 - p01))) / 2
    return J, u, (on + off) / 2


def ising_form_by_moments(p01, p10):
    """Average ln psi times x x', x, x' over the states; a field of s is twice that of x."""
    log_psi, x = np.log([[1 - p01, p01], [p10, 1 - p10]]), np.array([-1, 1])
    J = np.einsum("st,s,t->", log_psi, x, x) / 4
    return J, np.einsum("st,s->", log_psi, x) / 2, np.einsum("st,t->", log_psi, x) / 2


VARIANTS = {
    "prior-weight": [weight_by_scipy, weight_by_density, weight_in_loops],
    "prior-precision": [precision_by_scipy, precision_by_density, precision_by_selected_parameters],
    "prior-weight-marginal": [marginal_by_scipy, marginal_by_gammas, marginal_by_beta],
    "prior-support-ising": [ising_in_loops, ising_by_disagreements, ising_by_correlation],
    "prior-support-markov": [markov_in_loops, markov_by_counts, markov_as_a_product],
    "markov-to-ising": [ising_form_by_logits, ising_form_by_moments],
}

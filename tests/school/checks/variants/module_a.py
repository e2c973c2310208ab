"""Right versions of Module A's updates and bounds, written otherwise."""

import math

import numpy as np
from scipy import stats
from scipy.special import (
    digamma,
    entr,
    expit,
    gamma,
    gammaln,
    log_expit,
    logsumexp,
    rel_entr,
    xlogy,
)

# q and the bound


def log_q_by_scipy(weight, precision, support, mean, variance, shape, rate, q_support):
    return (
        stats.norm(mean, np.sqrt(variance)).logpdf(weight)
        + stats.gamma(shape, scale=1 / rate).logpdf(precision)
        + stats.bernoulli(q_support).logpmf(support)
    )


def log_q_textbook(weight, precision, support, mean, variance, shape, rate, q_support):
    normal = np.exp(-((weight - mean) ** 2) / (2 * variance)) / np.sqrt(2 * np.pi * variance)
    power = rate**shape * precision ** (shape - 1) * np.exp(-rate * precision)
    bernoulli = q_support**support * (1 - q_support) ** (1 - support)
    return np.log(normal) + np.log(power / gamma(shape)) + np.log(bernoulli)


def log_q_with_logarithms(weight, precision, support, mean, variance, shape, rate, q_support):
    """0 ln 0 is NaN here: allowed, with advice."""
    normal = -0.5 * (np.log(2 * np.pi) + np.log(variance) + (weight - mean) ** 2 / variance)
    power = shape * np.log(rate) + (shape - 1) * np.log(precision) - rate * precision
    bernoulli = support * np.log(q_support) + (1 - support) * np.log(1 - q_support)
    return normal + power - gammaln(shape) + bernoulli


def elbo_by_scipys_entropies(
    mean, variance, shape, rate, support_log_odds, prior_log_odds, active, inactive
):
    q_rho, q_s = stats.gamma(shape, scale=1 / rate), stats.bernoulli(expit(support_log_odds))
    rho, log_rho, pi = q_rho.mean(), digamma(shape) - np.log(rate), q_s.mean()

    def expected(g):
        return stats.gamma.logpdf(1.0, g.shape, scale=1 / g.rate) + (
            (g.shape - 1) * log_rho - g.rate * (rho - 1)
        )

    prior = expit(prior_log_odds)
    terms = (
        stats.norm.logpdf(0.0) + 0.5 * log_rho - 0.5 * rho * (mean**2 + variance),
        pi * expected(active) + (1 - pi) * expected(inactive),
        xlogy(pi, prior) + xlogy(1 - pi, expit(-prior_log_odds)),
        stats.norm(mean, np.sqrt(variance)).entropy(),
        q_rho.entropy(),
        q_s.entropy(),
    )
    return tuple(float(np.sum(term)) for term in terms)


def elbo_in_loops(mean, variance, shape, rate, support_log_odds, prior_log_odds, active, inactive):
    total = [0.0] * 6
    for n in np.ndindex(mean.shape):
        a, b, pi = shape[n], rate[n], float(expit(support_log_odds[n]))
        rho, log_rho = a / b, float(digamma(a)) - math.log(b)
        total[0] += 0.5 * (log_rho - math.log(2 * math.pi) - rho * (mean[n] ** 2 + variance[n]))
        for p, g in ((pi, active), (1 - pi, inactive)):
            normaliser = g.shape * math.log(g.rate) - math.lgamma(g.shape)
            total[1] += p * (normaliser + (g.shape - 1) * log_rho - g.rate * rho)
        total[2] += pi * math.log(expit(prior_log_odds[n]))
        total[2] += (1 - pi) * math.log(expit(-prior_log_odds[n]))
        total[3] += math.log(2 * math.pi * math.e * variance[n]) / 2
        total[4] += a - math.log(b) + math.lgamma(a) + (1 - a) * float(digamma(a))
        total[5] += -pi * math.log(pi) - (1 - pi) * math.log1p(-pi)
    return tuple(total)


def elbo_by_divergences(
    mean, variance, shape, rate, support_log_odds, prior_log_odds, active, inactive
):
    """Cross-entropies as minus KL minus entropy, with SciPy's relative entropy for s."""
    m, rho, log_rho = mean**2 + variance, shape / rate, digamma(shape) - np.log(rate)
    q = np.stack([expit(support_log_odds), expit(-support_log_odds)])
    p = np.stack([expit(prior_log_odds), expit(-prior_log_odds)])
    entropy_support = entr(q).sum()
    entropy_rho = shape - np.log(rate) + gammaln(shape) - (shape - 1) * digamma(shape)

    def kl(g):
        return (
            (shape - g.shape) * digamma(shape)
            - gammaln(shape)
            + gammaln(g.shape)
            + g.shape * (np.log(rate) - np.log(g.rate))
            + shape * (g.rate - rate) / rate
        )

    kls = q[0] * kl(active) + q[1] * kl(inactive)
    return (
        float(np.sum(np.log(np.exp(log_rho) / (2 * np.pi)) - rho * m) / 2),
        float(-np.sum(kls) - np.sum(entropy_rho)),
        float(-rel_entr(q, p).sum() - entropy_support),
        float(np.sum(0.5 + 0.5 * np.log(2 * np.pi) + np.log(np.sqrt(variance)))),
        float(np.sum(entropy_rho)),
        float(entropy_support),
    )


# q(rho)


def precision_by_interpolation(second_moment, q_support, active, inactive):
    shape = inactive.shape + q_support * (active.shape - inactive.shape) + 1 / 2
    return shape, inactive.rate + q_support * (active.rate - inactive.rate) + second_moment / 2


def precision_by_states(second_moment, q_support, active, inactive):
    """Average the posteriors of both states in their natural parameters."""
    states = np.stack([1 - q_support, q_support])
    natural = [(g.shape + 0.5, g.rate + 0.5 * second_moment) for g in (inactive, active)]
    shapes = np.array([shape for shape, _ in natural])
    rates = np.stack([rate for _, rate in natural])
    return np.tensordot(shapes, states, axes=1), np.einsum("s...,s...->...", rates, states)


def precision_in_loops(second_moment, q_support, active, inactive):
    shape, rate = np.zeros_like(second_moment), np.zeros_like(second_moment)
    for n, pi in np.ndenumerate(q_support):
        shape[n] = pi * active.shape + (1 - pi) * inactive.shape + 0.5
        rate[n] = pi * active.rate + (1 - pi) * inactive.rate + 0.5 * second_moment[n]
    return shape, rate


def complex_by_interpolation(second_moment, q_support, active, inactive):
    shape = inactive.shape + q_support * (active.shape - inactive.shape) + 1
    return shape, inactive.rate + q_support * (active.rate - inactive.rate) + second_moment


def complex_as_two_real_parts(second_moment, q_support, active, inactive):
    """Two real weights of precision 2 rho, with half of |w|^2 each."""
    shape = q_support * active.shape + (1 - q_support) * inactive.shape
    rate = q_support * active.rate + (1 - q_support) * inactive.rate
    for _ in range(2):
        shape, rate = shape + 0.5, rate + 0.5 * 2 * (second_moment / 2)
    return shape, rate


# q(s)


def evidence_by_differences(expected_precision, expected_log_precision, active, inactive):
    constant = (
        active.shape * np.log(active.rate)
        - inactive.shape * np.log(inactive.rate)
        - (gammaln(active.shape) - gammaln(inactive.shape))
    )
    return (
        constant
        + (active.shape - inactive.shape) * expected_log_precision
        - (active.rate - inactive.rate) * expected_precision
    )


def evidence_by_scipy(expected_precision, expected_log_precision, active, inactive):
    """Take the normaliser from the density at rho = 1, which is e^-b of it."""

    def bracket(g):
        at_one = stats.gamma.logpdf(1.0, g.shape, scale=1 / g.rate)
        return at_one + (g.shape - 1) * expected_log_precision - g.rate * (expected_precision - 1)

    return bracket(active) - bracket(inactive)


def evidence_in_loops(expected_precision, expected_log_precision, active, inactive):
    result = np.zeros_like(expected_precision)
    for n, rho in np.ndenumerate(expected_precision):
        for sign, g in ((1, active), (-1, inactive)):
            normaliser = g.shape * math.log(g.rate) - math.lgamma(g.shape)
            power = (g.shape - 1) * expected_log_precision[n]
            result[n] += sign * (normaliser + power - g.rate * rho)
    return result


def support_sum(prior_log_odds, evidence):
    return prior_log_odds + evidence


def support_two_states(prior_log_odds, evidence):
    """Subtract the two log probabilities, neither of them normalised."""
    return log_expit(prior_log_odds) + evidence - log_expit(-prior_log_odds)


def support_in_loops(prior_log_odds, evidence):
    result = np.empty(prior_log_odds.shape)
    for n in np.ndindex(result.shape):
        result[n] = math.fsum([prior_log_odds[n], evidence[n]])
    return result


def trap_in_ratios(prior_log_odds, active, inactive):
    a, contrast = active.shape, active.rate / inactive.rate
    return a * np.log(contrast) + prior_log_odds - (a + 1 / 2) * (1 - 1 / contrast)


def trap_by_the_update(prior_log_odds, active, inactive):
    """One pass of mean field from pi_tilde = 1 and m = 0."""
    zero = np.zeros_like(prior_log_odds)
    shape, rate = precision_in_loops(zero, zero + 1, active, inactive)
    moments = shape / rate, digamma(shape) - np.log(rate)
    return prior_log_odds + evidence_by_differences(*moments, active, inactive)


# The weights


def penalty_by_divergence(mean, variance, expected_precision):
    """KL(q(w) || N(0, 1/<rho>)) without its constants."""
    ratio = variance * expected_precision
    kl = 0.5 * (ratio + mean**2 * expected_precision - 1 - np.log(ratio))
    return np.sum(kl + 0.5 + 0.5 * np.log(expected_precision))


def penalty_in_loops(mean, variance, expected_precision):
    return math.fsum(
        0.5 * rho * (mu * mu + v) - math.log(math.sqrt(v))
        for mu, v, rho in zip(mean.flat, variance.flat, expected_precision.flat, strict=True)
    )


def slope_by_the_chain_rule(mean, variance, expected_precision):
    by_variance = (expected_precision - 1 / variance) / 2
    return mean * expected_precision, by_variance * variance


def slope_by_deviation(mean, variance, expected_precision):
    sd = np.sqrt(variance)
    by_deviation = expected_precision * sd - 1 / sd
    return expected_precision * mean, by_deviation * sd / 2


# The collapsed form


def posterior_with_scale(second_moment, prior):
    scale = 2 / (2 * prior.rate + second_moment)
    return (2 * prior.shape + 1) / 2, 1 / scale


def posterior_of_zero_dimensional_shape(second_moment, prior):
    return np.float64(prior.shape) + 0.5, np.add(prior.rate, second_moment / 2)


def posterior_unpacked(second_moment, prior):
    a, b = prior
    return a + 0.5, b + 0.5 * second_moment


def collapsed_by_student_t(second_moment, active, inactive):
    on, off = (
        stats.t(2 * g.shape, scale=np.sqrt(g.rate / g.shape)).logpdf(np.sqrt(second_moment))
        for g in (active, inactive)
    )
    return on - off


def collapsed_by_log1p(second_moment, active, inactive):
    def log_z(g):
        power = -(g.shape + 0.5) * np.log1p(second_moment / (2 * g.rate))
        return math.lgamma(g.shape + 0.5) - math.lgamma(g.shape) - 0.5 * math.log(g.rate) + power

    return log_z(active) - log_z(inactive)


def collapsed_as_written(second_moment, active, inactive):
    on, off = (
        g.shape * np.log(g.rate)
        - gammaln(g.shape)
        + gammaln(g.shape + 0.5)
        - (g.shape + 0.5) * np.log(g.rate + second_moment / 2)
        for g in (active, inactive)
    )
    return on - off


def mean_precision_by_scipy(second_moment, q_support, active, inactive):
    means = [
        stats.gamma(g.shape + 0.5, scale=1 / (g.rate + second_moment / 2)).mean()
        for g in (inactive, active)
    ]
    return (1 - q_support) * means[0] + q_support * means[1]


def mean_precision_by_interpolation(second_moment, q_support, active, inactive):
    on, off = ((2 * g.shape + 1) / (2 * g.rate + second_moment) for g in (active, inactive))
    return off + q_support * (on - off)


def mean_precision_in_loops(second_moment, q_support, active, inactive):
    result = np.zeros_like(second_moment)
    for n, m in np.ndenumerate(second_moment):
        for p, g in ((q_support[n], active), (1 - q_support[n], inactive)):
            result[n] += p * (g.shape + 0.5) / (g.rate + 0.5 * m)
    return result


def collapsed_bound_textbook(mean, variance, prior_log_odds, active, inactive):
    """Plain numbers, no logarithm before the end: overflows for a > 170, allowed with advice."""
    m, pi = mean**2 + variance, 1 / (1 + np.exp(-prior_log_odds))

    def z(g):
        top = g.rate**g.shape * gamma(g.shape + 0.5)
        return top / gamma(g.shape) / (g.rate + m / 2) ** (g.shape + 0.5) / np.sqrt(2 * np.pi)

    total = np.log(pi * z(active) + (1 - pi) * z(inactive)).sum()
    return total, np.log(np.sqrt(2 * np.pi * np.e * variance)).sum()


def collapsed_bound_by_scipy(mean, variance, prior_log_odds, active, inactive):
    w = np.sqrt(mean**2 + variance)
    on, off = (
        stats.t(2 * g.shape, scale=np.sqrt(g.rate / g.shape)).logpdf(w) for g in (active, inactive)
    )
    states = [log_expit(prior_log_odds) + on, log_expit(-prior_log_odds) + off]
    return logsumexp(states, axis=0).sum(), stats.norm(scale=np.sqrt(variance)).entropy().sum()


def collapsed_bound_by_posterior(mean, variance, prior_log_odds, active, inactive):
    """Take ln[(1 - pi) Z_0] + ln(1 + e^c), c the posterior log-odds."""
    m, (a_bar, b_bar) = mean**2 + variance, (inactive.shape, inactive.rate)
    log_z = stats.t.logpdf(np.sqrt(m), 2 * a_bar, scale=np.sqrt(b_bar / a_bar))
    c = prior_log_odds + collapsed_by_log1p(m, active, inactive)
    bound = log_expit(-prior_log_odds) + log_z - log_expit(-c)
    return bound.sum(), 0.5 * (np.log(2 * np.pi * variance) + 1).sum()


VARIANTS = {
    "q-factors": [log_q_by_scipy, log_q_textbook, log_q_with_logarithms],
    "elbo": [elbo_by_scipys_entropies, elbo_in_loops, elbo_by_divergences],
    "q-precision": [precision_by_interpolation, precision_by_states, precision_in_loops],
    "q-precision-complex": [complex_by_interpolation, complex_as_two_real_parts],
    "evidence": [evidence_by_differences, evidence_by_scipy, evidence_in_loops],
    "q-support": [support_sum, support_two_states, support_in_loops],
    "mean-field-trap": [trap_in_ratios, trap_by_the_update],
    "q-weight": [penalty_by_divergence, penalty_in_loops],
    "q-weight-gradient": [slope_by_the_chain_rule, slope_by_deviation],
    "q-collapsed": [
        posterior_with_scale,
        posterior_of_zero_dimensional_shape,
        posterior_unpacked,
    ],
    "evidence-collapsed": [collapsed_by_student_t, collapsed_by_log1p, collapsed_as_written],
    "precision-collapsed": [
        mean_precision_by_scipy,
        mean_precision_by_interpolation,
        mean_precision_in_loops,
    ],
    "elbo-collapsed": [
        collapsed_bound_textbook,
        collapsed_bound_by_scipy,
        collapsed_bound_by_posterior,
    ],
}

"""What goes wrong in Module A: lost halves, exchanged Gammas, the wrong logarithms and means."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import digamma, entr, expit, gammaln, log_expit, logit
from scipy.special import gamma as gamma_function

from tvbi_ref.gamma import Gamma
from tvbi_ref.school.checks.mutants.registry import Pieces, mistakes

LOG_2PI = float(np.log(2 * np.pi))

mistakes(
    "q-factors",
    "w rho s mu s2 a b pi",
    {
        "log_gamma": lambda a: gammaln(a),
        "q_w": lambda w, mu, s2: -0.5 * (LOG_2PI + np.log(s2) + (w - mu) ** 2 / s2),
        "q_rho": lambda rho, a, b, log_gamma: (
            a * np.log(b) - log_gamma + (a - 1) * np.log(rho) - b * rho
        ),
        "q_s": lambda s, pi: np.where(s == 1, np.log(pi), np.log(1 - pi)),
        "q": lambda q_w, q_rho, q_s: q_w + q_rho + q_s,
    },
    "sigma2 is taken for the standard deviation of q(w): it is the variance",
    {"s2": lambda s2: s2**2},
    "q(w) is centred at 0: its mean is mu",
    {"mu": lambda: 0},
    "b_tilde is taken for a scale: the exponent of q(rho) is -b_tilde rho",
    {"b": lambda b: 1 / b},
    "Gamma(a_tilde) stands where ln Gamma(a_tilde) should",
    {"log_gamma": lambda a: gamma_function(a)},
    "pi_tilde and 1 - pi_tilde are exchanged: q(s = 1) is pi_tilde",
    {"pi": lambda pi: 1 - pi},
    "ln(1 - pi_tilde) is missing where s = 0: an inactive support has its share too",
    {"q_s": lambda s, q_s: s * q_s},
    "a sigmoid is applied to pi_tilde: it is a probability already",
    {"pi": lambda pi: expit(pi)},
    "the logit of pi_tilde stands for q(s): ln pi_tilde if s = 1, ln(1 - pi_tilde) if not",
    {"q_s": lambda s, pi: s * logit(pi)},
    "q(rho) is missing: q is the product of all three factors",
    {"q_rho": lambda: 0},
    "q(s) is missing: q is the product of all three factors",
    {"q_s": lambda: 0},
)


def _log_gamma(gamma: Gamma, rho: Any, log_rho: Any) -> Any:
    """Return E_q ln Ga(rho; a, b) from <rho> and <ln rho>."""
    a, b = gamma.shape, gamma.rate
    return a * np.log(b) - gammaln(a) + (a - 1) * log_rho - b * rho


def _a_log_b(gamma: Gamma) -> Any:
    return gamma.shape * np.log(gamma.rate)


mistakes(
    "elbo",
    "mu s2 a b c h on off",
    {
        "rho": lambda a, b: a / b,
        "log_rho": lambda a, b: digamma(a) - np.log(b),
        "pi": lambda c: expit(c),
        "E_w": lambda mu, s2, rho, log_rho: 0.5 * (log_rho - LOG_2PI - rho * (mu**2 + s2)),
        "ln_on": lambda on, rho, log_rho: _log_gamma(on, rho, log_rho),
        "ln_off": lambda off, rho, log_rho: _log_gamma(off, rho, log_rho),
        "weight_on": lambda pi: pi,
        "E_rho": lambda weight_on, ln_on, ln_off: weight_on * ln_on + (1 - weight_on) * ln_off,
        "E_s": lambda pi, h: pi * log_expit(h) + (1 - pi) * log_expit(-h),
        "H_w": lambda s2: 0.5 * (LOG_2PI + 1 + np.log(s2)),
        "H_rho": lambda a, b: a - np.log(b) + gammaln(a) + (1 - a) * digamma(a),
        "H_s": lambda pi: entr(pi) + entr(1 - pi),
        "terms": lambda E_w, E_rho, E_s, H_w, H_rho, H_s: (
            *(float(np.sum(term)) for term in (E_w, E_rho, E_s, H_w, H_rho, H_s)),
        ),
    },
    "-1/2 ln 2pi is missing in E ln p(w|rho): the Gaussian has its normaliser",
    {"E_w": lambda E_w: E_w + 0.5 * LOG_2PI},
    "<rho> m lacks its 1/2 in E ln p(w|rho): it is -1/2 <rho> m",
    {"E_w": lambda E_w, rho, mu, s2: E_w - 0.5 * rho * (mu**2 + s2)},
    "<ln rho> lacks its 1/2 in E ln p(w|rho): the Gaussian's normaliser is rho^(1/2)",
    {"E_w": lambda E_w, log_rho: E_w + 0.5 * log_rho},
    "+1/2 <rho> m in E ln p(w|rho): a large weight lowers the bound, the sign is minus",
    {"E_w": lambda E_w, rho, mu, s2: E_w + rho * (mu**2 + s2)},
    "m is mu^2 in E ln p(w|rho): E[w^2] = mu^2 + sigma2, with the variance",
    {"E_w": lambda E_w, rho, s2: E_w + 0.5 * rho * s2},
    "m is mu^2 + sigma2^2 in E ln p(w|rho): sigma2 is the variance, squared already",
    {"E_w": lambda E_w, rho, s2: E_w + 0.5 * rho * (s2 - s2**2)},
    "ln <rho> = ln(a_tilde/b_tilde) stands for <ln rho>, which is psi(a_tilde) - ln b_tilde with "
    "the digamma function",
    {"log_rho": lambda rho: np.log(rho)},
    "b_tilde is taken for a scale in <rho> and <ln rho>: <rho> = a_tilde/b_tilde",
    {"rho": lambda a, b: a * b, "log_rho": lambda a, b: digamma(a) + np.log(b)},
    "the two Gammas are exchanged in E ln p(rho|s): pi_tilde goes with (a, b)",
    {"weight_on": lambda pi: 1 - pi},
    "the (1 - pi_tilde) term, with a_bar and b_bar, is missing in E ln p(rho|s)",
    {"E_rho": lambda pi, ln_on: pi * ln_on},
    "E ln p(rho|s) is taken under the prior pi: q averages s with pi_tilde",
    {"weight_on": lambda h: expit(h)},
    "the log-odds stand for pi_tilde in E ln p(rho|s): apply the sigmoid first",
    {"weight_on": lambda c: c},
    "a ln b - ln Gamma(a) is missing in E ln p(rho|s): it differs between the two Gammas",
    {
        "ln_on": lambda on, rho, log_rho: (on.shape - 1) * log_rho - on.rate * rho,
        "ln_off": lambda off, rho, log_rho: (off.shape - 1) * log_rho - off.rate * rho,
    },
    "ln Gamma(a) is missing in E ln p(rho|s): the normaliser is a ln b - ln Gamma(a)",
    {
        "ln_on": lambda ln_on, on: ln_on + gammaln(on.shape),
        "ln_off": lambda ln_off, off: ln_off + gammaln(off.shape),
    },
    "the (1 - pi_tilde) ln(1 - pi) term is missing in E ln p_hat(s)",
    {"E_s": lambda pi, h: pi * log_expit(h)},
    "the two roles are exchanged in E ln p_hat(s), the KL reversed: the average is over q, with "
    "pi_tilde, of the logarithm of pi",
    {"E_s": lambda h, c: expit(h) * log_expit(c) + expit(-h) * log_expit(-c)},
    "E ln p_hat(s) is pi_tilde times the prior's log-odds: ln(1 - pi), which does not depend on s, "
    "belongs to it too",
    {"E_s": lambda pi, h: pi * h},
    "sigma for sigma2 in H[q(w)]: it is 1/2 ln(2 pi e sigma2), with the variance",
    {"H_w": lambda H_w, s2: H_w - 0.25 * np.log(s2)},
    "H[q(w)] lacks its 1/2: it is 1/2 ln(2 pi e sigma2)",
    {"H_w": lambda H_w: 2 * H_w},
    "the e is missing in H[q(w)]: it is 1/2 ln(2 pi e sigma2)",
    {"H_w": lambda H_w: H_w - 0.5},
    "+ln b_tilde in H[q(rho)]: a larger RATE makes the Gamma narrower, the sign is minus",
    {"H_rho": lambda H_rho, b: H_rho + 2 * np.log(b)},
    "(a_tilde - 1) psi(a_tilde) in H[q(rho)]: its factor is 1 - a_tilde",
    {"H_rho": lambda H_rho, a: H_rho + 2 * (a - 1) * digamma(a)},
    "ln Gamma(a_tilde) is missing in H[q(rho)]",
    {"H_rho": lambda H_rho, a: H_rho - gammaln(a)},
    "H[q(s)] is in bits: base 2 for the natural logarithm, all terms are in nats",
    {"H_s": lambda H_s: H_s / np.log(2)},
    "H[q(s)] lacks -(1 - pi_tilde) ln(1 - pi_tilde): both states have their share",
    {"H_s": lambda pi: entr(pi)},
    "the entropies have the wrong sign: H = -E ln q, and all three are ADDED",
    {"terms": lambda terms: (*terms[:3], *(-entropy for entropy in terms[3:]))},
    "the terms are averages over the layer: each is a sum over its weights",
    {"terms": lambda terms, mu: (*(term / mu.size for term in terms),)},
)

# q(rho) and q(s)

_Q_PRECISION: Pieces = {
    "a": lambda pi, on, off: pi * on.shape + (1 - pi) * off.shape,
    "b": lambda pi, on, off: pi * on.rate + (1 - pi) * off.rate,
    "to_a": lambda: 0.5,
    "to_b": lambda m: 0.5 * m,
    "q": lambda a, b, to_a, to_b: (a + to_a, b + to_b),
}

mistakes(
    "q-precision",
    "m pi on off",
    _Q_PRECISION,
    "the 1/2 is missing in the shape: the Gaussian's normaliser adds rho^(1/2)",
    {"q": lambda a, b, to_b: (a, b + to_b)},
    "+1 and +m: that is for a circular COMPLEX weight, as the follow-up code has it. A real one "
    "adds 1/2 to the shape and m/2 to the rate",
    {"to_a": lambda: 1.0, "to_b": lambda m: m},
    "+1 in the shape: one real weight adds 1/2",
    {"to_a": lambda: 1.0},
    "m is not halved in the rate: the Gaussian's exponent is -rho m/2",
    {"to_b": lambda m: m},
    "m is missing in the rate: without it the data never reach the precision",
    {"to_b": lambda: 0},
    "b is taken for a scale, 1/b is mixed: Ga(rho; a, b) has the RATE b",
    {"b": lambda pi, on, off: pi / on.rate + (1 - pi) / off.rate},
    "the rates are averaged geometrically: ln p(rho | s) holds -b rho, so b is averaged, not "
    "its logarithm",
    {"b": lambda pi, on, off: on.rate**pi * off.rate ** (1 - pi)},
    "m is squared in the rate: m = E[w^2] is a square already",
    {"m": lambda m: m**2},
    "pi_tilde and 1 - pi_tilde are exchanged: pi_tilde goes with (a, b)",
    {"pi": lambda pi: 1 - pi},
    "b and b_bar are exchanged in the rate: b goes with a, and with pi_tilde",
    {"b": lambda pi, on, off: pi * off.rate + (1 - pi) * on.rate},
    "the (1 - pi_tilde) terms, with a_bar and b_bar, are missing",
    {"a": lambda pi, on: pi * on.shape, "b": lambda pi, on: pi * on.rate},
    "a scale is returned, 1/b_tilde: the second result is the rate",
    {"q": lambda q: (q[0], 1 / q[1])},
    "the support is rounded to 0 or 1 first: pi_tilde weighs the two Gammas as it stands",
    {"pi": lambda pi: np.round(pi)},
)

mistakes(
    "q-precision-complex",
    "m pi on off",
    _Q_PRECISION | {"to_a": lambda: 1.0, "to_b": lambda m: m},
    "+1/2 and +m/2: that is for a REAL weight. A circular complex one adds 1 and m",
    {"to_a": lambda: 0.5, "to_b": lambda m: 0.5 * m},
    "m is halved: the exponent of a circular complex Gaussian is -rho |w|^2, without a 1/2",
    {"to_b": lambda m: 0.5 * m},
    "+1/2 in the shape: the normaliser of a circular complex Gaussian is rho/pi, which adds 1",
    {"to_a": lambda: 0.5},
    "nothing is added to the shape: a circular complex weight adds 1",
    {"to_a": lambda: 0},
    "the two Gammas are exchanged: (a, b) goes with pi_tilde",
    {"pi": lambda pi: 1 - pi},
)

mistakes(
    "evidence",
    "rho log_rho on off",
    {
        "ln_on": lambda rho, log_rho, on: _log_gamma(on, rho, log_rho),
        "ln_off": lambda rho, log_rho, off: _log_gamma(off, rho, log_rho),
        "l": lambda ln_on, ln_off: ln_on - ln_off,
    },
    "the sign is reversed: l is the ACTIVE bracket minus the one with bars",
    {"l": lambda l: -l},
    "the bracket with bars is missing: l compares the two Gammas",
    {"l": lambda ln_on: ln_on},
    "the two ln Gamma terms are missing: they cancel only where a = a_bar",
    {"l": lambda l, on, off: l + gammaln(on.shape) - gammaln(off.shape)},
    "Gamma(a) stands where ln Gamma(a) should, in both brackets",
    {
        "ln_on": lambda ln_on, on: ln_on + gammaln(on.shape) - gamma_function(on.shape),
        "ln_off": lambda ln_off, off: ln_off + gammaln(off.shape) - gamma_function(off.shape),
    },
    "a ln b - a_bar ln b_bar is missing: it belongs to the two normalisers",
    {"l": lambda l, on, off: l - (_a_log_b(on) - _a_log_b(off))},
    "both normalisers a ln b - ln Gamma(a) are missing",
    {
        "ln_on": lambda rho, log_rho, on: on.shape * log_rho - on.rate * rho,
        "ln_off": lambda rho, log_rho, off: off.shape * log_rho - off.rate * rho,
    },
    "b is taken for a scale: it is a rate, the bracket is a ln b ... - b <rho>",
    {
        "on": lambda on: Gamma(on.shape, 1 / on.rate),
        "off": lambda off: Gamma(off.shape, 1 / off.rate),
    },
    "the term with <rho> has the wrong sign, or b and b_bar are exchanged in it: it is "
    "-(b - b_bar) <rho>",
    {"l": lambda l, rho, on, off: l + 2 * (on.rate - off.rate) * rho},
    "ln <rho> stands for <ln rho>: the mean of the logarithm came as an argument",
    {"log_rho": lambda rho: np.log(rho)},
    "base 10 for the natural logarithm: log-odds are natural, np.log",
    {"l": lambda l: l / np.log(10)},
    "those are odds, e^l: the message l is their logarithm",
    {"l": lambda l: np.exp(l)},
)

mistakes(
    "q-support",
    "h l",
    {"c": lambda h, l: h + l},
    "the prior is subtracted: logit pi_tilde = logit pi + l, both are added",
    {"h": lambda h: -h},
    "the evidence is subtracted: logit pi_tilde = logit pi + l",
    {"l": lambda l: -l},
    "the sigmoid has been taken: log-odds are expected, logit pi + l as it is",
    {"c": lambda c: expit(c)},
    "the prior is missing: what Module B believes must be added to the evidence",
    {"h": lambda: 0.0},
    "the log-odds are multiplied: ODDS multiply, log-odds add",
    {"c": lambda h, l: h * l},
    "the prior is added as the probability pi: its log-odds came, and they add",
    {"h": lambda h: expit(h)},
    "the prior is counted twice: logit pi enters once",
    {"h": lambda h: 2 * h},
    "the two are averaged: independent log-odds add up",
    {"c": lambda c: 0.5 * c},
    "the sum has gone through a probability and back: 1 - pi_tilde rounds to 0 where the "
    "log-odds exceed 37. Add the log-odds and leave it at that",
    {"c": lambda c: logit(expit(c))},
    "the sum has gone through the odds e^l: they overflow beyond e^709. Add the log-odds",
    {"c": lambda h, l: np.log(np.exp(h) * np.exp(l))},
    "the result is clipped to +-20: a sum of log-odds needs no protection",
    {"c": lambda c: np.clip(c, -20, 20)},
)

mistakes(
    "mean-field-trap",
    "h on off",
    {
        "a": lambda on: on.shape,
        "ratio": lambda on, off: off.rate / on.rate,
        "gain": lambda a, ratio: -a * np.log(ratio),
        "factor": lambda a: a + 0.5,
        "loss": lambda factor, ratio: factor * (1 - ratio),
        "margin": lambda h, gain, loss: h + gain - loss,
    },
    "the factor of 1 - b_bar/b is a: it is a + 1/2, the updated shape",
    {"factor": lambda a: a},
    "the factor of 1 - b_bar/b is a + 1, a complex weight's: it is a + 1/2",
    {"factor": lambda a: a + 1},
    "b/b_bar - 1 for 1 - b_bar/b: the difference is divided by b",
    {"loss": lambda factor, ratio: factor * (1 / ratio - 1)},
    "a ln(b_bar/b): the logarithm is of b/b_bar, and positive for a spike",
    {"gain": lambda gain: -gain},
    "ln(b/b_bar) lacks its factor a",
    {"gain": lambda ratio: -np.log(ratio)},
    "(a + 1/2)(1 - b_bar/b) is added: it is what the margin loses",
    {"loss": lambda loss: -loss},
    "logit pi is missing: a prior that doubts can free the weight",
    {"h": lambda h: np.zeros_like(h)},
    "the prior enters as the probability pi: it is logit pi that is added",
    {"h": lambda h: expit(h)},
    "that is the collapsed form at m = 0, logit pi - 1/2 ln(b/b_bar), which has no trap",
    {"margin": lambda h, ratio: h + 0.5 * np.log(ratio)},
)

# q(w)

mistakes(
    "q-weight",
    "mu s2 rho",
    {
        "m": lambda mu, s2: mu**2 + s2,
        "cost": lambda rho, m: 0.5 * rho * m,
        "entropy": lambda s2: 0.5 * np.log(s2),
        "each": lambda cost, entropy: cost - entropy,
        "penalty": lambda each: float(np.sum(each)),
    },
    "<rho> m lacks its 1/2: the penalty is 1/2 <rho> m - 1/2 ln sigma2",
    {"cost": lambda cost: 2 * cost},
    "ln sigma2 lacks its 1/2: the penalty is 1/2 <rho> m - 1/2 ln sigma2",
    {"entropy": lambda entropy: 2 * entropy},
    "both halves are missing: the penalty is 1/2 <rho> m - 1/2 ln sigma2",
    {"each": lambda each: 2 * each},
    "sigma for sigma2: it is -1/2 ln sigma2 = -ln sigma, not -1/2 ln sigma",
    {"entropy": lambda entropy: entropy / 2},
    "m is mu^2: E[w^2] has the variance too, m = mu^2 + sigma2",
    {"m": lambda mu: mu**2},
    "+1/2 ln sigma2: the entropy of q(w) LOWERS the penalty, the sign is minus",
    {"entropy": lambda entropy: -entropy},
    "-1/2 ln sigma2 is missing: without the entropy the variances collapse to 0",
    {"entropy": lambda: 0},
    "m is divided by <rho>: it is a precision, and multiplies",
    {"cost": lambda rho, m: 0.5 * m / rho},
    "an average over the layer: the penalty is the sum over its weights",
    {"penalty": lambda each: float(np.mean(each))},
    "that is the whole KL(q(w) || N(0, 1/<rho>)): the penalty is without its -1/2 (1 + ln <rho>), "
    "which does not depend on q(w)",
    {"each": lambda each, rho: each - 0.5 * (1 + np.log(rho))},
)

mistakes(
    "q-weight-gradient",
    "mu s2 rho",
    {
        "d_mu": lambda mu, rho: rho * mu,
        "d_log_s2": lambda s2, rho: 0.5 * (rho * s2 - 1),
        "both": lambda d_mu, d_log_s2: (d_mu, d_log_s2),
    },
    "d/dsigma2 for d/d ln sigma2: multiply by sigma2",
    {"d_log_s2": lambda d_log_s2, s2: d_log_s2 / s2},
    "d/dsigma for d/d ln sigma2: multiply by sigma/2",
    {"d_log_s2": lambda d_log_s2, s2: 2 * d_log_s2 / np.sqrt(s2)},
    "d/d ln sigma for d/d ln sigma2: it is twice as large",
    {"d_log_s2": lambda d_log_s2: 2 * d_log_s2},
    "1/2 <rho> mu: the derivative of mu^2/2 by mu is mu",
    {"d_mu": lambda d_mu: d_mu / 2},
    "2 <rho> mu: the 1/2 of 1/2 <rho> m takes the 2 of mu^2 away",
    {"d_mu": lambda d_mu: 2 * d_mu},
    "-1/2 is missing by ln sigma2: it is the slope of -1/2 ln sigma2",
    {"d_log_s2": lambda s2, rho: 0.5 * rho * s2},
    "+1/2 by ln sigma2: the slope of -1/2 ln sigma2 is -1/2",
    {"d_log_s2": lambda s2, rho: 0.5 * (rho * s2 + 1)},
    "the signs are reversed: the penalty is minimised, not the bound raised",
    {"both": lambda d_mu, d_log_s2: (-d_mu, -d_log_s2)},
    "divided by the number of weights: the penalty is a sum, not an average",
    {"both": lambda d_mu, d_log_s2, mu: (d_mu / mu.size, d_log_s2 / mu.size)},
    "divided by <rho>: a precision multiplies mu and sigma2",
    {"rho": lambda rho: 1 / rho},
)

# The collapsed form

mistakes(
    "q-collapsed",
    "m prior",
    {
        "a": lambda prior: prior.shape + 0.5,
        "b": lambda m, prior: prior.rate + 0.5 * m,
        "q": lambda a, b: (a, b),
    },
    "the shape is a: it is a + 1/2, the weight's Gaussian adds rho^(1/2)",
    {"a": lambda prior: prior.shape},
    "the shape is a + 1: one real weight adds 1/2",
    {"a": lambda prior: prior.shape + 1.0},
    "the rate is b + m: it is b + m/2",
    {"b": lambda m, prior: prior.rate + m},
    "(a + 1, b + m) is the posterior of a COMPLEX weight: a real one adds halves",
    {"a": lambda prior: prior.shape + 1.0, "b": lambda m, prior: prior.rate + m},
    "m is missing in the rate: it is b + m/2",
    {"m": lambda m: 0 * m},
    "b is taken for a scale, 1/b + m/2: it is a rate, b + m/2",
    {"b": lambda m, prior: 1 / prior.rate + 0.5 * m},
    "a scale is returned, 1/(b + m/2): the second result is the rate b + m/2",
    {"b": lambda b: 1 / b},
)


def _log_z(m: Any, gamma: Gamma, to_gamma: float, to_power: float, of_m: float) -> Any:
    """Return ln Z(m); the three numbers are 1/2 where it is right."""
    a, b = gamma.shape, gamma.rate
    normaliser = a * np.log(b) - gammaln(a) + gammaln(a + to_gamma) - 0.5 * LOG_2PI
    return normaliser - (a + to_power) * np.log(b + of_m * m)


_LOG_Z: Pieces = {
    "to_gamma": lambda: 0.5,
    "to_power": lambda: 0.5,
    "of_m": lambda: 0.5,
    "z1": lambda m, on, to_gamma, to_power, of_m: _log_z(m, on, to_gamma, to_power, of_m),
    "z0": lambda m, off, to_gamma, to_power, of_m: _log_z(m, off, to_gamma, to_power, of_m),
}

mistakes(
    "evidence-collapsed",
    "m on off",
    _LOG_Z | {"l": lambda z1, z0: z1 - z0},
    "the two ln Gamma cancel or are missing: it is ln Gamma(a + 1/2) - ln Gamma(a), with the 1/2",
    {"to_gamma": lambda: 0},
    "the power of b + m/2 is a: it is a + 1/2",
    {"to_power": lambda: 0},
    "m is not halved: it is ln(b + m/2)",
    {"of_m": lambda: 1},
    "a + 1 and b + m belong to a COMPLEX weight: here a + 1/2 and b + m/2",
    {"to_gamma": lambda: 1, "to_power": lambda: 1, "of_m": lambda: 1},
    "the sign is reversed: l = ln Z_1 - ln Z_0, the active one first",
    {"l": lambda l: -l},
    "ln Z_0 is missing: l compares the two states, ln Z_1 - ln Z_0",
    {"l": lambda z1: z1 + 0.5 * LOG_2PI},
    "-ln Gamma(a), from the Gamma's own normaliser, is missing",
    {"l": lambda l, on, off: l + gammaln(on.shape) - gammaln(off.shape)},
    "+ln Gamma(a + 1/2), from the integral over rho, is missing",
    {"l": lambda l, on, off: l - gammaln(on.shape + 0.5) + gammaln(off.shape + 0.5)},
    "a ln b - a_bar ln b_bar, from the Gammas' normalisers, is missing",
    {"l": lambda l, on, off: l - (_a_log_b(on) - _a_log_b(off))},
    "Gamma(a) stands where ln Gamma(a) should, and for a + 1/2 likewise",
    {
        "z1": lambda z1, on: z1 + _gammas_for_logarithms(on.shape),
        "z0": lambda z0, off: z0 + _gammas_for_logarithms(off.shape),
    },
    "the mean precision a/b is put in for the precision: integrating over rho gives a Student-t "
    "for each state, not a Gaussian",
    {
        "z1": lambda m, on: 0.5 * (np.log(on.shape / on.rate) - on.shape / on.rate * m),
        "z0": lambda m, off: 0.5 * (np.log(off.shape / off.rate) - off.shape / off.rate * m),
    },
    "b and b_bar are exchanged in the logarithms: ln(b + m/2) goes with a",
    {
        "l": lambda l, m, on, off: (
            l + (on.shape + off.shape + 1) * np.log((on.rate + m / 2) / (off.rate + m / 2))
        )
    },
)


def _gammas_for_logarithms(a: Any) -> Any:
    right = gammaln(a + 0.5) - gammaln(a)
    return gamma_function(a + 0.5) - gamma_function(a) - right


mistakes(
    "precision-collapsed",
    "m pi on off",
    {
        "to_a": lambda: 0.5,
        "of_m": lambda: 0.5,
        "rho1": lambda m, on, to_a, of_m: (on.shape + to_a) / (on.rate + of_m * m),
        "rho0": lambda m, off, to_a, of_m: (off.shape + to_a) / (off.rate + of_m * m),
        "rho": lambda pi, rho1, rho0: pi * rho1 + (1 - pi) * rho0,
    },
    "1/E[1/rho], the variances averaged: the mean of rho averages the precisions",
    {"rho": lambda pi, rho1, rho0: 1 / (pi / rho1 + (1 - pi) / rho0)},
    "the mean-field ratio, shapes and rates averaged first: here each state has a posterior of "
    "its own, and their means are averaged",
    {
        "rho": lambda m, pi, on, off: (
            (pi * on.shape + (1 - pi) * off.shape + 0.5)
            / (pi * on.rate + (1 - pi) * off.rate + 0.5 * m)
        )
    },
    "the states are exchanged: pi_tilde goes with (a+1/2)/(b+m/2)",
    {"pi": lambda pi: 1 - pi},
    "the (1 - pi_tilde) term, the spike's precision, is missing",
    {"rho": lambda pi, rho1: pi * rho1},
    "a over b + m/2: the posterior's shape is a + 1/2",
    {"to_a": lambda: 0},
    "m is not halved: the posterior's rate is b + m/2",
    {"of_m": lambda: 1},
    "(a + 1)/(b + m) is for a COMPLEX weight: a real one has the halves",
    {"to_a": lambda: 1, "of_m": lambda: 1},
    "the mode (a - 1/2)/(b + m/2) of each posterior: <rho> is the mean",
    {"to_a": lambda: -0.5},
    "that is a variance, (b + m/2)/(a + 1/2): <rho> is shape over rate",
    {"rho": lambda pi, rho1, rho0: pi / rho1 + (1 - pi) / rho0},
    "the likelier state alone counts: <rho> averages over both states",
    {"pi": lambda pi: pi >= 0.5},
)

mistakes(
    "elbo-collapsed",
    "mu s2 h on off",
    {
        "m": lambda mu, s2: mu**2 + s2,
        **_LOG_Z,
        "active": lambda h, z1: log_expit(h) + z1,
        "inactive": lambda h, z0: log_expit(-h) + z0,
        "log_evidence": lambda active, inactive: np.logaddexp(active, inactive),
        "entropy": lambda s2: 0.5 * (LOG_2PI + 1 + np.log(s2)),
        "terms": lambda log_evidence, entropy: (float(log_evidence.sum()), float(entropy.sum())),
    },
    "the sum of logarithms, pi ln Z_1 + (1-pi) ln Z_0: the logarithm is of the SUM over both "
    "states",
    {"log_evidence": lambda h, z1, z0: expit(h) * z1 + expit(-h) * z0},
    "the larger of the two terms alone: the bound sums over both states",
    {"log_evidence": lambda active, inactive: np.maximum(active, inactive)},
    "(2 pi)^(-1/2) is missing in Z: it is the Gaussian's",
    {"log_evidence": lambda log_evidence: log_evidence + 0.5 * LOG_2PI},
    "m is not halved in Z: its denominator is (b + m/2)^(a + 1/2)",
    {"of_m": lambda: 1},
    "the power in Z is a: its denominator is (b + m/2)^(a + 1/2)",
    {"to_power": lambda: 0},
    "Gamma(a) for Gamma(a + 1/2) in Z: the two do not cancel",
    {"to_gamma": lambda: 0},
    "m is mu^2 in Z: it is mu^2 + sigma2",
    {"m": lambda mu: mu**2},
    "pi and 1 - pi are exchanged: pi weighs Z_1, the active state",
    {"h": lambda h: -h},
    "the (1 - pi) Z_0 term is missing: the inactive state counts too",
    {"log_evidence": lambda active: active},
    "pi is missing, ln[Z_1 + Z_0]: the prior of s weighs the two states",
    {"log_evidence": lambda z1, z0: np.logaddexp(z1, z0)},
    "ln[e^h Z_1 + Z_0] with h = logit pi: 1 - pi = 1/(1 + e^h) is missing",
    {"log_evidence": lambda h, z1, z0: np.logaddexp(h + z1, z0)},
    "sigma for sigma2 in the entropy: it is 1/2 ln(2 pi e sigma2)",
    {"entropy": lambda entropy, s2: entropy - 0.25 * np.log(s2)},
    "the entropy has the wrong sign: H = -E ln q(w) is added to the bound",
    {"entropy": lambda entropy: -entropy},
    "both terms are averages: they are sums over the layer's weights",
    {"terms": lambda terms, mu: (terms[0] / mu.size, terms[1] / mu.size)},
)

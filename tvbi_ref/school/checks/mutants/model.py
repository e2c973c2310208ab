"""What goes wrong in the prior: rates as scales, precisions as variances, rows as columns."""

from __future__ import annotations

import numpy as np
from scipy import stats
from scipy.special import gamma as gamma_function
from scipy.special import gammaln

from tvbi_ref.school.checks.mutants.registry import mistakes

mistakes(
    "prior-weight",
    "w rho",
    {
        "log_rho": lambda rho: 0.5 * np.log(rho),
        "two_pi": lambda: 0.5 * np.log(2 * np.pi),
        "normaliser": lambda log_rho, two_pi: log_rho - two_pi,
        "square": lambda w, rho: 0.5 * rho * w**2,
        "density": lambda normaliser, square: normaliser - square,
    },
    "the precision is taken for the variance: the variance is 1/rho",
    {"rho": lambda rho: 1 / rho},
    "1/rho is taken for the standard deviation: it is the variance, the deviation is 1/sqrt(rho)",
    {"rho": lambda rho: rho**2},
    "-1/2 ln 2pi is missing: a density must integrate to 1",
    {"two_pi": lambda: 0},
    "the 1/2 is missing in the exponent: it is -rho w^2 / 2",
    {"square": lambda square: 2 * square},
    "ln rho lacks its 1/2: the normaliser is the square root of rho/(2pi)",
    {"log_rho": lambda log_rho: 2 * log_rho},
    "-1/2 ln rho has the wrong sign: the larger the precision, the higher the density at 0",
    {"log_rho": lambda log_rho: -log_rho},
    "that is the density of a circular COMPLEX Gaussian, rho/pi e^(-rho |w|^2); a real weight has "
    "sqrt(rho/2pi) e^(-rho w^2/2)",
    {"density": lambda w, rho: np.log(rho / np.pi) - rho * w**2},
)

mistakes(
    "prior-precision",
    "rho s on off",
    {
        "a": lambda s, on, off: np.where(s == 1, on.shape, off.shape),
        "b": lambda s, on, off: np.where(s == 1, on.rate, off.rate),
        "log_gamma": lambda a: gammaln(a),
        "a_log_b": lambda a, b: a * np.log(b),
        "power": lambda a: a - 1,
        "density": lambda rho, b, log_gamma, a_log_b, power: (
            a_log_b - log_gamma + power * np.log(rho) - b * rho
        ),
    },
    "the two Gammas are exchanged: the ACTIVE one, (a, b), belongs to s = 1",
    {"on": lambda off: off, "off": lambda on: on},
    "b is taken for a scale: it is a rate, the exponent is -b rho and the mean a/b",
    {"b": lambda b: 1 / b},
    "Gamma(a) stands where ln Gamma(a) should: take its logarithm",
    {"log_gamma": lambda a: gamma_function(a)},
    "ln Gamma(a) is missing from the normaliser a ln b - ln Gamma(a)",
    {"log_gamma": lambda: 0},
    "a ln b is missing from the normaliser a ln b - ln Gamma(a)",
    {"a_log_b": lambda: 0},
    "the power of rho is a: it is a - 1. (With a it is the density of ln rho, not of rho.)",
    {"power": lambda a: a},
    "a factorial is taken for the Gamma function: Gamma(a) = (a - 1)!, not a!",
    {"log_gamma": lambda a: gammaln(a + 1)},
    "the support is ignored: where s = 0 the precision follows the inactive Gamma",
    {"s": lambda: 1},
    "the inactive Gamma is left out: where s = 0 the log density is that of Ga(a_bar, b_bar)",
    {"density": lambda s, density: s * density},
)

mistakes(
    "prior-weight-marginal",
    "w prior",
    {
        "a": lambda prior: prior.shape,
        "b": lambda prior: prior.rate,
        "degrees": lambda a: 2 * a,
        "scale": lambda a, b: np.sqrt(b / a),
        "gamma_more": lambda degrees: gammaln((degrees + 1) / 2),
        "gamma_a": lambda degrees: gammaln(degrees / 2),
        "root": lambda degrees, scale: np.sqrt(np.pi * degrees) * scale,
        "exponent": lambda degrees: (degrees + 1) / 2,
        "grown": lambda w, degrees, scale: 1 + (w / scale) ** 2 / degrees,
        "density": lambda gamma_more, gamma_a, root, exponent, grown: (
            gamma_more - gamma_a - np.log(root) - exponent * np.log(grown)
        ),
    },
    "a degrees of freedom: the Student-t has 2a",
    {"degrees": lambda a: a},
    "b/a is taken for the scale: it is the scale SQUARED",
    {"scale": lambda a, b: b / a},
    "the squared scale is upside down: it is b/a, the inverse of the mean precision a/b",
    {"scale": lambda a, b: np.sqrt(a / b)},
    "the squared scale is b: it is b/a, with the shape",
    {"scale": lambda b: np.sqrt(b)},
    "the weight is divided by the scale, and -ln(scale) is missing: a density of w/scale is not "
    "yet one of w",
    {"density": lambda density, scale: density + np.log(scale)},
    "the mean precision is put in for the precision, which gives a Gaussian: integrating over rho "
    "gives a Student-t",
    {"density": lambda w, scale: stats.norm.logpdf(w, scale=scale)},
    "b + w^2 for b + w^2/2: the Gaussian's exponent is -rho w^2/2",
    {"w": lambda w: np.sqrt(2) * w},
    "the power of b + w^2/2 is a: it is a + 1/2, the Gaussian's normaliser adds rho^(1/2)",
    {"density": lambda density, b, w: density + 0.5 * np.log(b + w**2 / 2)},
    "ln Gamma(a + 1/2) is missing: the Gaussian's rho^(1/2) raises the Gamma's shape by 1/2",
    {"gamma_more": lambda: 0},
    "-ln Gamma(a) is missing: it belongs to the Gamma's own normaliser",
    {"gamma_a": lambda: 0},
)

mistakes(
    "prior-support-ising",
    "s h J_row J_col",
    {
        "x": lambda s: 2 * s - 1,
        "field": lambda s, h: np.sum(h * s),
        "rows": lambda x, J_row: J_row * np.sum(x[:, 1:] * x[:, :-1]),
        "cols": lambda x, J_col: J_col * np.sum(x[1:] * x[:-1]),
        "log_weight": lambda field, rows, cols: float(field + rows + cols),
    },
    "the couplings multiply s: they multiply x = 2s - 1, so that two zeros agree as well as two "
    "ones",
    {"x": lambda s: s},
    "the field multiplies x: it multiplies s, the couplings x = 2s - 1",
    {"field": lambda x, h: np.sum(h * x)},
    "every edge is counted twice, once from either end: once is right",
    {"rows": lambda rows: 2 * rows, "cols": lambda cols: 2 * cols},
    "the couplings are exchanged: J_row joins (i, j) to (i, j+1), J_col joins (i, j) to (i+1, j)",
    {"J_row": lambda J_col: J_col, "J_col": lambda J_row: J_row},
    "the layer is closed to a torus (np.roll does that): the last row has no edge to the first",
    {
        "rows": lambda x, J_row: J_row * np.sum(x * np.roll(x, 1, axis=1)),
        "cols": lambda x, J_col: J_col * np.sum(x * np.roll(x, 1, axis=0)),
    },
    "that is the ENERGY of physics, which is minus the exponent: neighbours that agree make a "
    "support more probable where J > 0",
    {"log_weight": lambda log_weight: -log_weight},
    "the couplings are missing: without them the weights are independent",
    {"log_weight": lambda field: float(field)},
)

mistakes(
    "prior-support-markov",
    "s p01 p10",
    {
        "start": lambda p01, p10: p01 / (p01 + p10),
        "first": lambda s, start: np.sum(np.where(s[0] == 1, np.log(start), np.log(1 - start))),
        "log_step": lambda p01, p10: np.log([[1 - p01, p01], [p10, 1 - p10]]),
        "steps": lambda s, log_step: np.sum(log_step[s[:-1].astype(int), s[1:].astype(int)]),
        "log_prob": lambda first, steps: float(first + steps),
    },
    "p01 and p10 are exchanged: p01 = P(1|0), from off to on",
    {"p01": lambda p10: p10, "p10": lambda p01: p01},
    "the chain starts on with p10/(p01 + p10): the stationary share of ones is p01/(p01 + p10)",
    {"start": lambda start: 1 - start},
    "the first state is a fair coin: it has the stationary distribution, p01/(p01 + p10) for a one",
    {"start": lambda: 0.5},
    "the first state of each chain is forgotten: it has a probability too",
    {"first": lambda: 0},
    "the chains run along the rows: one chain goes down each column",
    {"s": lambda s: s.T},
    "one chain runs through the whole layer: every column is a chain of its own and starts anew",
    {"s": lambda s: s.T.reshape(-1, 1)},
)

mistakes(
    "markov-to-ising",
    "p01 p10",
    {
        "ln": lambda p01, p10: np.log([[1 - p01, p01], [p10, 1 - p10]]),
        "J": lambda ln: (ln[1, 1] + ln[0, 0] - ln[1, 0] - ln[0, 1]) / 4,
        "u": lambda ln: (ln[1, 1] + ln[1, 0] - ln[0, 1] - ln[0, 0]) / 2,
        "v": lambda ln: (ln[1, 1] + ln[0, 1] - ln[1, 0] - ln[0, 0]) / 2,
        "all": lambda J, u, v: (J, u, v),
    },
    "J lacks its 1/4: that is the coupling of s s', and x x' = 4 s s' - 2s - 2s' + 1 holds four "
    "of those",
    {"J": lambda J: 4 * J},
    "J has 1/2 for 1/4: each of the four psi in the ratio holds one J, which makes 4J",
    {"J": lambda J: 2 * J},
    "J has the wrong sign: where states tend to stay, psi11 psi00 > psi10 psi01 and J is positive",
    {"J": lambda J: -J},
    "u and v are exchanged: u belongs to s, the state that the chain comes from, v to the next",
    {"u": lambda v: v, "v": lambda u: u},
    "u and v lack their 1/2: each is the average of two differences, one for either state of the "
    "other end",
    {"u": lambda u: 2 * u, "v": lambda v: 2 * v},
    "u and v are those of x = 2s - 1, half as large: here the fields multiply s, the coupling x",
    {"u": lambda u: u / 2, "v": lambda v: v / 2},
    "u and v are those that go with s s': with x x' = 4 s s' - 2s - 2s' + 1 each is 2J more",
    {"u": lambda u, J: u - 2 * J, "v": lambda v, J: v - 2 * J},
    "p01 and p10 are exchanged in the table: psi01 = p01 = P(1|0), psi10 = p10 = P(0|1)",
    {"p01": lambda p10: p10, "p10": lambda p01: p01},
)

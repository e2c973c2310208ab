"""What goes wrong in the prior: rates as scales, precisions as variances, rows as columns."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from scipy.special import gamma as gamma_function
from scipy.special import gammaln

from tvbi_ref.gamma import Gamma
from tvbi_ref.school.checks.mutants.registry import mutant

Array = NDArray[np.float64]

# The weight given its precision


@mutant("prior-weight", "the precision is taken for the variance: the variance is 1/rho")
def precision_as_variance(weight: Array, precision: Array) -> Array:
    return -0.5 * np.log(2 * np.pi * precision) - 0.5 * weight**2 / precision


@mutant(
    "prior-weight",
    "1/rho is taken for the standard deviation: it is the variance, the deviation is 1/sqrt(rho)",
)
def inverse_precision_as_deviation(weight: Array, precision: Array) -> Array:
    return np.log(precision) - 0.5 * np.log(2 * np.pi) - 0.5 * precision**2 * weight**2


@mutant("prior-weight", "-1/2 ln 2pi is missing: a density must integrate to 1")
def without_two_pi(weight: Array, precision: Array) -> Array:
    return 0.5 * np.log(precision) - 0.5 * precision * weight**2


@mutant("prior-weight", "the 1/2 is missing in the exponent: it is -rho w^2 / 2")
def without_half_in_exponent(weight: Array, precision: Array) -> Array:
    return 0.5 * np.log(precision) - 0.5 * np.log(2 * np.pi) - precision * weight**2


@mutant("prior-weight", "ln rho lacks its 1/2: the normaliser is the square root of rho/(2pi)")
def without_half_of_log_precision(weight: Array, precision: Array) -> Array:
    return np.log(precision) - 0.5 * np.log(2 * np.pi) - 0.5 * precision * weight**2


@mutant(
    "prior-weight",
    "-1/2 ln rho has the wrong sign: the larger the precision, the higher the density at 0",
)
def normaliser_upside_down(weight: Array, precision: Array) -> Array:
    return -0.5 * np.log(2 * np.pi * precision) - 0.5 * precision * weight**2


@mutant(
    "prior-weight",
    "that is the density of a circular COMPLEX Gaussian, rho/pi e^(-rho |w|^2); a real weight has "
    "sqrt(rho/2pi) e^(-rho w^2/2)",
)
def complex_weight(weight: Array, precision: Array) -> Array:
    return np.log(precision / np.pi) - precision * weight**2


# The precision given the support


@mutant("prior-precision", "the two Gammas are exchanged: the ACTIVE one, (a, b), belongs to s = 1")
def gammas_exchanged(precision: Array, support: Array, active: Gamma, inactive: Gamma) -> Array:
    a, b = _selected(support, inactive, active)
    return a * np.log(b) - gammaln(a) + (a - 1) * np.log(precision) - b * precision


@mutant(
    "prior-precision",
    "b is taken for a scale: it is a rate, the exponent is -b rho and the mean a/b",
)
def rate_as_scale_of_precision(
    precision: Array, support: Array, active: Gamma, inactive: Gamma
) -> Array:
    a, b = _selected(support, active, inactive)
    return -a * np.log(b) - gammaln(a) + (a - 1) * np.log(precision) - precision / b


@mutant("prior-precision", "Gamma(a) stands where ln Gamma(a) should: take its logarithm")
def gamma_for_its_logarithm(
    precision: Array, support: Array, active: Gamma, inactive: Gamma
) -> Array:
    a, b = _selected(support, active, inactive)
    return a * np.log(b) - gamma_function(a) + (a - 1) * np.log(precision) - b * precision


@mutant("prior-precision", "ln Gamma(a) is missing from the normaliser a ln b - ln Gamma(a)")
def without_log_gamma(precision: Array, support: Array, active: Gamma, inactive: Gamma) -> Array:
    a, b = _selected(support, active, inactive)
    return a * np.log(b) + (a - 1) * np.log(precision) - b * precision


@mutant("prior-precision", "a ln b is missing from the normaliser a ln b - ln Gamma(a)")
def without_power_of_rate(
    precision: Array, support: Array, active: Gamma, inactive: Gamma
) -> Array:
    a, b = _selected(support, active, inactive)
    return -gammaln(a) + (a - 1) * np.log(precision) - b * precision


@mutant(
    "prior-precision",
    "the power of rho is a: it is a - 1. (With a it is the density of ln rho, not of rho.)",
)
def density_of_log_precision(
    precision: Array, support: Array, active: Gamma, inactive: Gamma
) -> Array:
    a, b = _selected(support, active, inactive)
    return a * np.log(b) - gammaln(a) + a * np.log(precision) - b * precision


@mutant(
    "prior-precision",
    "a factorial is taken for the Gamma function: Gamma(a) = (a - 1)!, not a!",
)
def factorial_of_shape(precision: Array, support: Array, active: Gamma, inactive: Gamma) -> Array:
    a, b = _selected(support, active, inactive)
    return a * np.log(b) - gammaln(a + 1) + (a - 1) * np.log(precision) - b * precision


@mutant(
    "prior-precision",
    "the support is ignored: where s = 0 the precision follows the inactive Gamma",
)
def always_active(precision: Array, support: Array, active: Gamma, inactive: Gamma) -> Array:
    a, b = active.shape, active.rate
    return a * np.log(b) - gammaln(a) + (a - 1) * np.log(precision) - b * precision


@mutant(
    "prior-precision",
    "the inactive Gamma is left out: where s = 0 the log density is that of Ga(a_bar, b_bar)",
)
def nothing_where_inactive(
    precision: Array, support: Array, active: Gamma, inactive: Gamma
) -> Array:
    return support * always_active(precision, support, active, inactive)


def _selected(support: Array, one: Gamma, zero: Gamma) -> tuple[Array, Array]:
    """Return (shape, rate) of the first Gamma where s = 1, of the second where s = 0."""
    on = support == 1
    return np.where(on, one.shape, zero.shape), np.where(on, one.rate, zero.rate)


# The weight, the precision integrated out


@mutant("prior-weight-marginal", "a degrees of freedom: the Student-t has 2a")
def degrees_a(weight: Array, prior: Gamma) -> Array:
    return stats.t.logpdf(weight, prior.shape, scale=np.sqrt(prior.rate / prior.shape))


@mutant("prior-weight-marginal", "b/a is taken for the scale: it is the scale SQUARED")
def squared_scale_as_scale(weight: Array, prior: Gamma) -> Array:
    return stats.t.logpdf(weight, 2 * prior.shape, scale=prior.rate / prior.shape)


@mutant(
    "prior-weight-marginal",
    "the squared scale is upside down: it is b/a, the inverse of the mean precision a/b",
)
def squared_scale_upside_down(weight: Array, prior: Gamma) -> Array:
    return stats.t.logpdf(weight, 2 * prior.shape, scale=np.sqrt(prior.shape / prior.rate))


@mutant(
    "prior-weight-marginal",
    "the squared scale is b: it is b/a, with the shape",
)
def rate_as_squared_scale(weight: Array, prior: Gamma) -> Array:
    return stats.t.logpdf(weight, 2 * prior.shape, scale=np.sqrt(prior.rate))


@mutant(
    "prior-weight-marginal",
    "the weight is divided by the scale, and -ln(scale) is missing: a density of w/scale is not "
    "yet one of w",
)
def without_jacobian(weight: Array, prior: Gamma) -> Array:
    return stats.t.logpdf(weight / np.sqrt(prior.rate / prior.shape), 2 * prior.shape)


@mutant(
    "prior-weight-marginal",
    "the mean precision is put in for the precision, which gives a Gaussian: integrating over rho "
    "gives a Student-t",
)
def gaussian_of_mean_precision(weight: Array, prior: Gamma) -> Array:
    return stats.norm.logpdf(weight, scale=np.sqrt(prior.rate / prior.shape))


@mutant("prior-weight-marginal", "b + w^2 for b + w^2/2: the Gaussian's exponent is -rho w^2/2")
def square_not_halved(weight: Array, prior: Gamma) -> Array:
    a, b = prior.shape, prior.rate
    top = a * np.log(b) + gammaln(a + 0.5) - (a + 0.5) * np.log(b + weight**2)
    return top - gammaln(a) - 0.5 * np.log(2 * np.pi)


@mutant(
    "prior-weight-marginal",
    "the power of b + w^2/2 is a: it is a + 1/2, the Gaussian's normaliser adds rho^(1/2)",
)
def power_without_half(weight: Array, prior: Gamma) -> Array:
    a, b = prior.shape, prior.rate
    top = a * np.log(b) + gammaln(a + 0.5) - a * np.log(b + 0.5 * weight**2)
    return top - gammaln(a) - 0.5 * np.log(2 * np.pi)


# The Ising support


@mutant(
    "prior-support-ising",
    "the couplings multiply s: they multiply x = 2s - 1, so that two zeros agree as well as two "
    "ones",
)
def couplings_of_zeros_and_ones(
    support: Array, field: float | Array, coupling_row: float, coupling_col: float
) -> float:
    return float(
        np.sum(field * support)
        + coupling_row * np.sum(support[:, 1:] * support[:, :-1])
        + coupling_col * np.sum(support[1:] * support[:-1])
    )


@mutant("prior-support-ising", "the field multiplies x: it multiplies s, the couplings x = 2s - 1")
def field_of_signs(
    support: Array, field: float | Array, coupling_row: float, coupling_col: float
) -> float:
    rows, cols = _agreements(2 * support - 1)
    return float(np.sum(field * (2 * support - 1)) + coupling_row * rows + coupling_col * cols)


@mutant("prior-support-ising", "every edge is counted twice, once from either end: once is right")
def edges_counted_twice(
    support: Array, field: float | Array, coupling_row: float, coupling_col: float
) -> float:
    rows, cols = _agreements(2 * support - 1)
    return float(np.sum(field * support) + 2 * (coupling_row * rows + coupling_col * cols))


@mutant(
    "prior-support-ising",
    "the couplings are exchanged: J_row joins (i, j) to (i, j+1), J_col joins (i, j) to (i+1, j)",
)
def couplings_exchanged(
    support: Array, field: float | Array, coupling_row: float, coupling_col: float
) -> float:
    rows, cols = _agreements(2 * support - 1)
    return float(np.sum(field * support) + coupling_col * rows + coupling_row * cols)


@mutant(
    "prior-support-ising",
    "the layer is closed to a torus (np.roll does that): the last row has no edge to the first",
)
def on_a_torus(
    support: Array, field: float | Array, coupling_row: float, coupling_col: float
) -> float:
    x = 2 * support - 1
    rows, cols = np.sum(x * np.roll(x, 1, axis=1)), np.sum(x * np.roll(x, 1, axis=0))
    return float(np.sum(field * support) + coupling_row * rows + coupling_col * cols)


@mutant(
    "prior-support-ising",
    "that is the ENERGY of physics, which is minus the exponent: neighbours that agree make a "
    "support more probable where J > 0",
)
def energy(support: Array, field: float | Array, coupling_row: float, coupling_col: float) -> float:
    rows, cols = _agreements(2 * support - 1)
    return -float(np.sum(field * support) + coupling_row * rows + coupling_col * cols)


@mutant(
    "prior-support-ising", "the couplings are missing: without them the weights are independent"
)
def field_alone(
    support: Array, field: float | Array, coupling_row: float, coupling_col: float
) -> float:
    return float(np.sum(field * support))


def _agreements(x: Array) -> tuple[float, float]:
    """Return the sums of x x' over the edges within rows and within columns."""
    return float(np.sum(x[:, 1:] * x[:, :-1])), float(np.sum(x[1:] * x[:-1]))


# The Markov support


@mutant("prior-support-markov", "p01 and p10 are exchanged: p01 = P(1|0), from off to on")
def probabilities_exchanged(support: Array, p01: float, p10: float) -> float:
    return _chain_log_prob(support, p10, p01, p10 / (p01 + p10))


@mutant(
    "prior-support-markov",
    "the chain starts on with p10/(p01 + p10): the stationary share of ones is p01/(p01 + p10)",
)
def stationary_share_of_zeros(support: Array, p01: float, p10: float) -> float:
    return _chain_log_prob(support, p01, p10, p10 / (p01 + p10))


@mutant(
    "prior-support-markov",
    "the first state is a fair coin: it has the stationary distribution, p01/(p01 + p10) for a one",
)
def fair_start(support: Array, p01: float, p10: float) -> float:
    return _chain_log_prob(support, p01, p10, 0.5)


@mutant(
    "prior-support-markov", "the first state of each chain is forgotten: it has a probability too"
)
def without_start(support: Array, p01: float, p10: float) -> float:
    return _transitions(support, p01, p10)


@mutant("prior-support-markov", "the chains run along the rows: one chain goes down each column")
def along_the_rows(support: Array, p01: float, p10: float) -> float:
    return _chain_log_prob(support.T, p01, p10, p01 / (p01 + p10))


@mutant(
    "prior-support-markov",
    "one chain runs through the whole layer: every column is a chain of its own and starts anew",
)
def one_long_chain(support: Array, p01: float, p10: float) -> float:
    return _chain_log_prob(support.T.reshape(-1, 1), p01, p10, p01 / (p01 + p10))


def _chain_log_prob(support: Array, p01: float, p10: float, start: float) -> float:
    """Return ln p of the columns, `start` being the probability that the first state is 1."""
    first = np.where(support[0] == 1, np.log(start), np.log(1 - start))
    return float(np.sum(first)) + _transitions(support, p01, p10)


def _transitions(support: Array, p01: float, p10: float) -> float:
    log_step = np.log([[1 - p01, p01], [p10, 1 - p10]])
    s = support.astype(int)
    return float(np.sum(log_step[s[:-1], s[1:]]))


# From Markov to Ising


@mutant(
    "markov-to-ising",
    "J lacks its 1/4: that is the coupling of s s', and x x' = 4 s s' - 2s - 2s' + 1 holds four "
    "of those",
)
def coupling_of_zeros_and_ones(p01: float, p10: float) -> tuple[float, float, float]:
    l00, l01, l10, l11 = _log_psi(p01, p10)
    return l11 + l00 - l10 - l01, (l11 + l10 - l01 - l00) / 2, (l11 + l01 - l10 - l00) / 2


@mutant(
    "markov-to-ising",
    "J has 1/2 for 1/4: each of the four psi in the ratio holds one J, which makes 4J",
)
def half_for_quarter(p01: float, p10: float) -> tuple[float, float, float]:
    l00, l01, l10, l11 = _log_psi(p01, p10)
    return (l11 + l00 - l10 - l01) / 2, (l11 + l10 - l01 - l00) / 2, (l11 + l01 - l10 - l00) / 2


@mutant(
    "markov-to-ising",
    "J has the wrong sign: where states tend to stay, psi11 psi00 > psi10 psi01 and J is positive",
)
def coupling_reversed(p01: float, p10: float) -> tuple[float, float, float]:
    l00, l01, l10, l11 = _log_psi(p01, p10)
    return (l10 + l01 - l11 - l00) / 4, (l11 + l10 - l01 - l00) / 2, (l11 + l01 - l10 - l00) / 2


@mutant(
    "markov-to-ising",
    "u and v are exchanged: u belongs to s, the state that the chain comes from, v to the next",
)
def fields_exchanged(p01: float, p10: float) -> tuple[float, float, float]:
    l00, l01, l10, l11 = _log_psi(p01, p10)
    return (l11 + l00 - l10 - l01) / 4, (l11 + l01 - l10 - l00) / 2, (l11 + l10 - l01 - l00) / 2


@mutant(
    "markov-to-ising",
    "u and v lack their 1/2: each is the average of two differences, one for either state of the "
    "other end",
)
def fields_without_half(p01: float, p10: float) -> tuple[float, float, float]:
    l00, l01, l10, l11 = _log_psi(p01, p10)
    return (l11 + l00 - l10 - l01) / 4, l11 + l10 - l01 - l00, l11 + l01 - l10 - l00


@mutant(
    "markov-to-ising",
    "u and v are those of x = 2s - 1, half as large: here the fields multiply s, the coupling x",
)
def fields_of_signs(p01: float, p10: float) -> tuple[float, float, float]:
    l00, l01, l10, l11 = _log_psi(p01, p10)
    return (l11 + l00 - l10 - l01) / 4, (l11 + l10 - l01 - l00) / 4, (l11 + l01 - l10 - l00) / 4


@mutant(
    "markov-to-ising",
    "u and v are those that go with s s': with x x' = 4 s s' - 2s - 2s' + 1 each is 2J more",
)
def fields_of_zeros_and_ones(p01: float, p10: float) -> tuple[float, float, float]:
    l00, l01, l10, l11 = _log_psi(p01, p10)
    return (l11 + l00 - l10 - l01) / 4, l10 - l00, l01 - l00


@mutant(
    "markov-to-ising",
    "p01 and p10 are exchanged in the table: psi01 = p01 = P(1|0), psi10 = p10 = P(0|1)",
)
def table_exchanged(p01: float, p10: float) -> tuple[float, float, float]:
    l00, l01, l10, l11 = _log_psi(p10, p01)
    return (l11 + l00 - l10 - l01) / 4, (l11 + l10 - l01 - l00) / 2, (l11 + l01 - l10 - l00) / 2


def _log_psi(p01: float, p10: float) -> tuple[float, float, float, float]:
    """Return ln psi of the states 00, 01, 10, 11."""
    l00, l01, l10, l11 = np.log([1 - p01, p01, p10, 1 - p10]).tolist()
    return l00, l01, l10, l11

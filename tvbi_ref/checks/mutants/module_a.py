"""What goes wrong in Module A: lost halves, exchanged Gammas, the wrong logarithms and means."""

# A mutant's sentence is its docstring.
# ruff: noqa: D103

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import digamma, entr, expit, gammaln, log_expit, logit
from scipy.special import gamma as gamma_function

from tvbi_ref.checks.mutants.registry import mutant
from tvbi_ref.gamma import Gamma

Array = NDArray[np.float64]
LOG_2PI = float(np.log(2 * np.pi))

# q as a whole


class _Draw(NamedTuple):
    """The arguments of [q-factors], with its three right log densities."""

    weight: Array
    precision: Array
    support: Array
    mean: Array
    variance: Array
    shape: Array
    rate: Array
    q_support: Array

    @property
    def log_weight(self) -> Array:
        square = (self.weight - self.mean) ** 2 / self.variance
        return -0.5 * (LOG_2PI + np.log(self.variance) + square)

    @property
    def log_precision(self) -> Array:
        power = (self.shape - 1) * np.log(self.precision) - self.rate * self.precision
        return self.shape * np.log(self.rate) - gammaln(self.shape) + power

    @property
    def log_support(self) -> Array:
        return np.where(self.support == 1, np.log(self.q_support), np.log(1 - self.q_support))


@mutant("q-factors", "sigma2 is taken for the standard deviation of q(w): it is the variance")
def variance_as_deviation(*arguments: Array) -> Array:
    q = _Draw(*arguments)
    log_weight = q._replace(variance=q.variance**2).log_weight
    return log_weight + q.log_precision + q.log_support


@mutant("q-factors", "q(w) is centred at 0: its mean is mu")
def q_weight_at_zero(*arguments: Array) -> Array:
    q = _Draw(*arguments)
    return q._replace(mean=0 * q.mean).log_weight + q.log_precision + q.log_support


@mutant("q-factors", "b_tilde is taken for a scale: the exponent of q(rho) is -b_tilde rho")
def q_rate_as_scale(*arguments: Array) -> Array:
    q = _Draw(*arguments)
    return q.log_weight + q._replace(rate=1 / q.rate).log_precision + q.log_support


@mutant("q-factors", "Gamma(a_tilde) stands where ln Gamma(a_tilde) should")
def q_gamma_for_its_logarithm(*arguments: Array) -> Array:
    q = _Draw(*arguments)
    log_precision = q.log_precision + gammaln(q.shape) - gamma_function(q.shape)
    return q.log_weight + log_precision + q.log_support


@mutant("q-factors", "pi_tilde and 1 - pi_tilde are exchanged: q(s = 1) is pi_tilde")
def q_support_exchanged(*arguments: Array) -> Array:
    q = _Draw(*arguments)
    return q.log_weight + q.log_precision + q._replace(support=1 - q.support).log_support


@mutant(
    "q-factors", "ln(1 - pi_tilde) is missing where s = 0: an inactive support has its share too"
)
def q_support_of_ones_alone(*arguments: Array) -> Array:
    q = _Draw(*arguments)
    return q.log_weight + q.log_precision + q.support * q.log_support


@mutant("q-factors", "a sigmoid is applied to pi_tilde: it is a probability already")
def sigmoid_of_a_probability(*arguments: Array) -> Array:
    q = _Draw(*arguments)
    return q.log_weight + q.log_precision + q._replace(q_support=expit(q.q_support)).log_support


@mutant(
    "q-factors",
    "the logit of pi_tilde stands for q(s): ln pi_tilde if s = 1, ln(1 - pi_tilde) if not",
)
def logit_for_log_probability(*arguments: Array) -> Array:
    q = _Draw(*arguments)
    return q.log_weight + q.log_precision + q.support * logit(q.q_support)


@mutant("q-factors", "q(rho) is missing: q is the product of all three factors")
def without_q_precision(*arguments: Array) -> Array:
    q = _Draw(*arguments)
    return q.log_weight + q.log_support


@mutant("q-factors", "q(s) is missing: q is the product of all three factors")
def without_q_support(*arguments: Array) -> Array:
    q = _Draw(*arguments)
    return q.log_weight + q.log_precision


# The bound


class _Layer(NamedTuple):
    """The arguments of [elbo], with the expectations that its terms are made of."""

    mean: Array
    variance: Array
    shape: Array
    rate: Array
    support_log_odds: Array
    prior_log_odds: Array
    active: Gamma
    inactive: Gamma

    @property
    def m(self) -> Array:
        return self.mean**2 + self.variance

    @property
    def rho(self) -> Array:
        return self.shape / self.rate

    @property
    def log_rho(self) -> Array:
        return digamma(self.shape) - np.log(self.rate)

    @property
    def pi(self) -> Array:
        return expit(self.support_log_odds)


def _terms(layer: _Layer) -> list[float]:
    """Return the six terms as they should be; every mutant spoils some."""
    entropy_precision = (
        layer.shape
        - np.log(layer.rate)
        + gammaln(layer.shape)
        + (1 - layer.shape) * digamma(layer.shape)
    )
    terms = [
        0.5 * (layer.log_rho - LOG_2PI - layer.rho * layer.m),
        _mixed_log_gamma(layer, layer.pi, layer.rho, layer.log_rho),
        layer.pi * log_expit(layer.prior_log_odds)
        + (1 - layer.pi) * log_expit(-layer.prior_log_odds),
        0.5 * (LOG_2PI + 1 + np.log(layer.variance)),
        entropy_precision,
        entr(layer.pi) + entr(1 - layer.pi),
    ]
    return [float(np.sum(term)) for term in terms]


def _mixed_log_gamma(layer: _Layer, pi: Array, rho: Array, log_rho: Array) -> Array:
    on = _log_gamma(layer.active, rho, log_rho)
    return pi * on + (1 - pi) * _log_gamma(layer.inactive, rho, log_rho)


def _log_gamma(gamma: Gamma, rho: Array, log_rho: Array) -> Array:
    """Return E_q ln Ga(rho; a, b) from <rho> and <ln rho>."""
    a, b = gamma.shape, gamma.rate
    return a * np.log(b) - gammaln(a) + (a - 1) * log_rho - b * rho


@mutant("elbo", "-1/2 ln 2pi is missing in E ln p(w|rho): the Gaussian has its normaliser")
def bound_without_two_pi(*arguments: Any) -> tuple[float, ...]:
    layer = _Layer(*arguments)
    terms = _terms(layer)
    terms[0] = float(np.sum(0.5 * layer.log_rho - 0.5 * layer.rho * layer.m))
    return tuple(terms)


@mutant("elbo", "<rho> m lacks its 1/2 in E ln p(w|rho): it is -1/2 <rho> m")
def bound_without_half_of_square(*arguments: Any) -> tuple[float, ...]:
    layer = _Layer(*arguments)
    terms = _terms(layer)
    terms[0] = float(np.sum(0.5 * layer.log_rho - 0.5 * LOG_2PI - layer.rho * layer.m))
    return tuple(terms)


@mutant("elbo", "<ln rho> lacks its 1/2 in E ln p(w|rho): the Gaussian's normaliser is rho^(1/2)")
def bound_without_half_of_log(*arguments: Any) -> tuple[float, ...]:
    layer = _Layer(*arguments)
    terms = _terms(layer)
    terms[0] = float(np.sum(layer.log_rho - 0.5 * LOG_2PI - 0.5 * layer.rho * layer.m))
    return tuple(terms)


@mutant("elbo", "+1/2 <rho> m in E ln p(w|rho): a large weight lowers the bound, the sign is minus")
def bound_rises_with_the_weight(*arguments: Any) -> tuple[float, ...]:
    layer = _Layer(*arguments)
    terms = _terms(layer)
    terms[0] = float(np.sum(0.5 * (layer.log_rho - LOG_2PI + layer.rho * layer.m)))
    return tuple(terms)


@mutant("elbo", "m is mu^2 in E ln p(w|rho): E[w^2] = mu^2 + sigma2, with the variance")
def bound_without_variance(*arguments: Any) -> tuple[float, ...]:
    layer = _Layer(*arguments)
    terms = _terms(layer)
    terms[0] = float(np.sum(0.5 * (layer.log_rho - LOG_2PI - layer.rho * layer.mean**2)))
    return tuple(terms)


@mutant("elbo", "m is mu^2 + sigma2^2 in E ln p(w|rho): sigma2 is the variance, squared already")
def bound_with_squared_variance(*arguments: Any) -> tuple[float, ...]:
    layer = _Layer(*arguments)
    terms, m = _terms(layer), layer.mean**2 + layer.variance**2
    terms[0] = float(np.sum(0.5 * (layer.log_rho - LOG_2PI - layer.rho * m)))
    return tuple(terms)


@mutant(
    "elbo",
    "ln <rho> = ln(a_tilde/b_tilde) stands for <ln rho>, which is psi(a_tilde) - ln b_tilde with "
    "the digamma function",
)
def bound_of_log_of_mean(*arguments: Any) -> tuple[float, ...]:
    layer = _Layer(*arguments)
    terms, log_rho = _terms(layer), np.log(layer.rho)
    terms[0] = float(np.sum(0.5 * (log_rho - LOG_2PI - layer.rho * layer.m)))
    terms[1] = float(np.sum(_mixed_log_gamma(layer, layer.pi, layer.rho, log_rho)))
    return tuple(terms)


@mutant("elbo", "b_tilde is taken for a scale in <rho> and <ln rho>: <rho> = a_tilde/b_tilde")
def bound_of_scale(*arguments: Any) -> tuple[float, ...]:
    layer = _Layer(*arguments)
    terms, other = _terms(layer), _Layer(*arguments)._replace(rate=1 / layer.rate)
    return (*_terms(other)[:2], *terms[2:])


@mutant("elbo", "the two Gammas are exchanged in E ln p(rho|s): pi_tilde goes with (a, b)")
def bound_with_gammas_exchanged(*arguments: Any) -> tuple[float, ...]:
    layer = _Layer(*arguments)
    terms = _terms(layer)
    terms[1] = float(np.sum(_mixed_log_gamma(layer, 1 - layer.pi, layer.rho, layer.log_rho)))
    return tuple(terms)


@mutant("elbo", "the (1 - pi_tilde) term, with a_bar and b_bar, is missing in E ln p(rho|s)")
def bound_of_active_alone(*arguments: Any) -> tuple[float, ...]:
    layer = _Layer(*arguments)
    terms = _terms(layer)
    terms[1] = float(np.sum(layer.pi * _log_gamma(layer.active, layer.rho, layer.log_rho)))
    return tuple(terms)


@mutant("elbo", "E ln p(rho|s) is taken under the prior pi: q averages s with pi_tilde")
def bound_under_the_prior_support(*arguments: Any) -> tuple[float, ...]:
    layer = _Layer(*arguments)
    terms, prior = _terms(layer), expit(layer.prior_log_odds)
    terms[1] = float(np.sum(_mixed_log_gamma(layer, prior, layer.rho, layer.log_rho)))
    return tuple(terms)


@mutant("elbo", "the log-odds stand for pi_tilde in E ln p(rho|s): apply the sigmoid first")
def bound_of_log_odds(*arguments: Any) -> tuple[float, ...]:
    layer = _Layer(*arguments)
    terms, c = _terms(layer), layer.support_log_odds
    terms[1] = float(np.sum(_mixed_log_gamma(layer, c, layer.rho, layer.log_rho)))
    return tuple(terms)


@mutant(
    "elbo", "a ln b - ln Gamma(a) is missing in E ln p(rho|s): it differs between the two Gammas"
)
def bound_without_gamma_normaliser(*arguments: Any) -> tuple[float, ...]:
    layer = _Layer(*arguments)
    (a, b), (a_bar, b_bar) = ((g.shape, g.rate) for g in (layer.active, layer.inactive))
    on = (a - 1) * layer.log_rho - b * layer.rho
    off = (a_bar - 1) * layer.log_rho - b_bar * layer.rho
    terms = _terms(layer)
    terms[1] = float(np.sum(layer.pi * on + (1 - layer.pi) * off))
    return tuple(terms)


@mutant("elbo", "ln Gamma(a) is missing in E ln p(rho|s): the normaliser is a ln b - ln Gamma(a)")
def bound_without_log_gamma(*arguments: Any) -> tuple[float, ...]:
    layer = _Layer(*arguments)
    on, off = gammaln(layer.active.shape), gammaln(layer.inactive.shape)
    terms = _terms(layer)
    terms[1] += float(np.sum(layer.pi * on + (1 - layer.pi) * off))
    return tuple(terms)


@mutant("elbo", "the (1 - pi_tilde) ln(1 - pi) term is missing in E ln p_hat(s)")
def bound_of_ones_alone(*arguments: Any) -> tuple[float, ...]:
    layer = _Layer(*arguments)
    terms = _terms(layer)
    terms[2] = float(np.sum(layer.pi * log_expit(layer.prior_log_odds)))
    return tuple(terms)


@mutant(
    "elbo",
    "the two roles are exchanged in E ln p_hat(s), the KL reversed: the average is over q, with "
    "pi_tilde, of the logarithm of pi",
)
def bound_with_reversed_kl(*arguments: Any) -> tuple[float, ...]:
    layer = _Layer(*arguments)
    prior, c = expit(layer.prior_log_odds), layer.support_log_odds
    terms = _terms(layer)
    terms[2] = float(np.sum(prior * log_expit(c) + (1 - prior) * log_expit(-c)))
    return tuple(terms)


@mutant(
    "elbo",
    "E ln p_hat(s) is pi_tilde times the prior's log-odds: ln(1 - pi), which does not depend on s, "
    "belongs to it too",
)
def bound_of_prior_log_odds(*arguments: Any) -> tuple[float, ...]:
    layer = _Layer(*arguments)
    terms = _terms(layer)
    terms[2] = float(np.sum(layer.pi * layer.prior_log_odds))
    return tuple(terms)


@mutant("elbo", "sigma for sigma2 in H[q(w)]: it is 1/2 ln(2 pi e sigma2), with the variance")
def bound_with_deviation_in_entropy(*arguments: Any) -> tuple[float, ...]:
    layer = _Layer(*arguments)
    terms = _terms(layer)
    terms[3] = float(np.sum(0.5 * np.log(2 * np.pi * np.e * np.sqrt(layer.variance))))
    return tuple(terms)


@mutant("elbo", "H[q(w)] lacks its 1/2: it is 1/2 ln(2 pi e sigma2)")
def bound_with_twice_the_entropy(*arguments: Any) -> tuple[float, ...]:
    layer = _Layer(*arguments)
    terms = _terms(layer)
    terms[3] = float(np.sum(np.log(2 * np.pi * np.e * layer.variance)))
    return tuple(terms)


@mutant(
    "elbo", "the 1/2 of 1/2 ln e is missing in H[q(w)]: it is 1/2 ln(2 pi e sigma2), with the e"
)
def bound_without_e(*arguments: Any) -> tuple[float, ...]:
    layer = _Layer(*arguments)
    terms = _terms(layer)
    terms[3] = float(np.sum(0.5 * np.log(2 * np.pi * layer.variance)))
    return tuple(terms)


@mutant(
    "elbo", "+ln b_tilde in H[q(rho)]: a larger RATE makes the Gamma narrower, the sign is minus"
)
def bound_with_entropy_of_scale(*arguments: Any) -> tuple[float, ...]:
    layer = _Layer(*arguments)
    terms = _terms(layer)
    terms[4] += 2 * float(np.sum(np.log(layer.rate)))
    return tuple(terms)


@mutant("elbo", "(a_tilde - 1) psi(a_tilde) in H[q(rho)]: its factor is 1 - a_tilde")
def bound_with_digamma_reversed(*arguments: Any) -> tuple[float, ...]:
    layer = _Layer(*arguments)
    terms = _terms(layer)
    terms[4] += 2 * float(np.sum((layer.shape - 1) * digamma(layer.shape)))
    return tuple(terms)


@mutant("elbo", "ln Gamma(a_tilde) is missing in H[q(rho)]")
def bound_without_log_gamma_in_entropy(*arguments: Any) -> tuple[float, ...]:
    layer = _Layer(*arguments)
    terms = _terms(layer)
    terms[4] -= float(np.sum(gammaln(layer.shape)))
    return tuple(terms)


@mutant("elbo", "H[q(s)] is in bits: base 2 for the natural logarithm, all terms are in nats")
def bound_with_bits(*arguments: Any) -> tuple[float, ...]:
    terms = _terms(_Layer(*arguments))
    terms[5] /= np.log(2)
    return tuple(terms)


@mutant("elbo", "H[q(s)] lacks -(1 - pi_tilde) ln(1 - pi_tilde): both states have their share")
def bound_with_half_an_entropy(*arguments: Any) -> tuple[float, ...]:
    layer = _Layer(*arguments)
    terms = _terms(layer)
    terms[5] = float(np.sum(entr(layer.pi)))
    return tuple(terms)


@mutant("elbo", "the entropies have the wrong sign: H = -E ln q, and all three are ADDED")
def bound_with_negative_entropies(*arguments: Any) -> tuple[float, ...]:
    terms = _terms(_Layer(*arguments))
    return (*terms[:3], *(-entropy for entropy in terms[3:]))


@mutant("elbo", "the terms are averages over the layer: each is a sum over its weights")
def bound_of_averages(*arguments: Any) -> tuple[float, ...]:
    layer = _Layer(*arguments)
    return tuple(term / layer.mean.size for term in _terms(layer))


# q(rho)


@mutant("q-precision", "the 1/2 is missing in the shape: the Gaussian's normaliser adds rho^(1/2)")
def no_half_in_shape(
    second_moment: Array, q_support: Array, active: Gamma, inactive: Gamma
) -> tuple[Array, Array]:
    shape, rate = _mixed(q_support, active, inactive)
    return shape, rate + 0.5 * second_moment


@mutant(
    "q-precision",
    "+1 and +m: that is for a circular COMPLEX weight, as the follow-up code has it. A real one "
    "adds 1/2 to the shape and m/2 to the rate",
)
def complex_for_real(
    second_moment: Array, q_support: Array, active: Gamma, inactive: Gamma
) -> tuple[Array, Array]:
    shape, rate = _mixed(q_support, active, inactive)
    return shape + 1.0, rate + second_moment


@mutant("q-precision", "+1 in the shape: one real weight adds 1/2")
def one_for_half_in_shape(
    second_moment: Array, q_support: Array, active: Gamma, inactive: Gamma
) -> tuple[Array, Array]:
    shape, rate = _mixed(q_support, active, inactive)
    return shape + 1.0, rate + 0.5 * second_moment


@mutant("q-precision", "m is not halved in the rate: the Gaussian's exponent is -rho m/2")
def moment_not_halved(
    second_moment: Array, q_support: Array, active: Gamma, inactive: Gamma
) -> tuple[Array, Array]:
    shape, rate = _mixed(q_support, active, inactive)
    return shape + 0.5, rate + second_moment


@mutant("q-precision", "m is missing in the rate: without it the data never reach the precision")
def without_moment(
    second_moment: Array, q_support: Array, active: Gamma, inactive: Gamma
) -> tuple[Array, Array]:
    shape, rate = _mixed(q_support, active, inactive)
    return shape + 0.5, rate + 0.0


@mutant("q-precision", "m is squared in the rate: m = E[w^2] is a square already")
def moment_squared(
    second_moment: Array, q_support: Array, active: Gamma, inactive: Gamma
) -> tuple[Array, Array]:
    shape, rate = _mixed(q_support, active, inactive)
    return shape + 0.5, rate + 0.5 * second_moment**2


@mutant("q-precision", "pi_tilde and 1 - pi_tilde are exchanged: pi_tilde goes with (a, b)")
def probabilities_exchanged(
    second_moment: Array, q_support: Array, active: Gamma, inactive: Gamma
) -> tuple[Array, Array]:
    shape, rate = _mixed(1 - q_support, active, inactive)
    return shape + 0.5, rate + 0.5 * second_moment


@mutant("q-precision", "b and b_bar are exchanged in the rate: b goes with a, and with pi_tilde")
def rates_exchanged(
    second_moment: Array, q_support: Array, active: Gamma, inactive: Gamma
) -> tuple[Array, Array]:
    shape, _ = _mixed(q_support, active, inactive)
    _, rate = _mixed(1 - q_support, active, inactive)
    return shape + 0.5, rate + 0.5 * second_moment


@mutant("q-precision", "the (1 - pi_tilde) terms, with a_bar and b_bar, are missing")
def active_alone(
    second_moment: Array, q_support: Array, active: Gamma, inactive: Gamma
) -> tuple[Array, Array]:
    return q_support * active.shape + 0.5, q_support * active.rate + 0.5 * second_moment


@mutant(
    "q-precision",
    "a scale is returned, 1/b_tilde: the second result is the rate",
)
def scale_for_rate(
    second_moment: Array, q_support: Array, active: Gamma, inactive: Gamma
) -> tuple[Array, Array]:
    shape, rate = _mixed(q_support, active, inactive)
    return shape + 0.5, 1 / (rate + 0.5 * second_moment)


@mutant(
    "q-precision",
    "the support is rounded to 0 or 1 first: pi_tilde weighs the two Gammas as it stands",
)
def hard_support(
    second_moment: Array, q_support: Array, active: Gamma, inactive: Gamma
) -> tuple[Array, Array]:
    shape, rate = _mixed(np.round(q_support), active, inactive)
    return shape + 0.5, rate + 0.5 * second_moment


def _mixed(q_support: Array, active: Gamma, inactive: Gamma) -> tuple[Array, Array]:
    """Return pi_tilde (a, b) + (1 - pi_tilde) (a_bar, b_bar)."""
    shape = q_support * active.shape + (1 - q_support) * inactive.shape
    return shape, q_support * active.rate + (1 - q_support) * inactive.rate


@mutant(
    "q-precision-complex",
    "+1/2 and +m/2: that is for a REAL weight. A circular complex one adds 1 and m",
)
def real_for_complex(
    second_moment: Array, q_support: Array, active: Gamma, inactive: Gamma
) -> tuple[Array, Array]:
    shape, rate = _mixed(q_support, active, inactive)
    return shape + 0.5, rate + 0.5 * second_moment


@mutant(
    "q-precision-complex",
    "m is halved: the exponent of a circular complex Gaussian is -rho |w|^2, without a 1/2",
)
def complex_moment_halved(
    second_moment: Array, q_support: Array, active: Gamma, inactive: Gamma
) -> tuple[Array, Array]:
    shape, rate = _mixed(q_support, active, inactive)
    return shape + 1.0, rate + 0.5 * second_moment


@mutant(
    "q-precision-complex",
    "+1/2 in the shape: the normaliser of a circular complex Gaussian is rho/pi, which adds 1",
)
def complex_with_half_in_shape(
    second_moment: Array, q_support: Array, active: Gamma, inactive: Gamma
) -> tuple[Array, Array]:
    shape, rate = _mixed(q_support, active, inactive)
    return shape + 0.5, rate + second_moment


@mutant("q-precision-complex", "nothing is added to the shape: a circular complex weight adds 1")
def complex_without_one(
    second_moment: Array, q_support: Array, active: Gamma, inactive: Gamma
) -> tuple[Array, Array]:
    shape, rate = _mixed(q_support, active, inactive)
    return shape + 0.0, rate + second_moment


@mutant("q-precision-complex", "the two Gammas are exchanged: (a, b) goes with pi_tilde")
def complex_with_gammas_exchanged(
    second_moment: Array, q_support: Array, active: Gamma, inactive: Gamma
) -> tuple[Array, Array]:
    shape, rate = _mixed(q_support, inactive, active)
    return shape + 1.0, rate + second_moment


# q(s)


@mutant("evidence", "the sign is reversed: l is the ACTIVE bracket minus the one with bars")
def evidence_reversed(
    expected_precision: Array, expected_log_precision: Array, active: Gamma, inactive: Gamma
) -> Array:
    on = _log_gamma(active, expected_precision, expected_log_precision)
    return _log_gamma(inactive, expected_precision, expected_log_precision) - on


@mutant("evidence", "the bracket with bars is missing: l compares the two Gammas")
def evidence_of_active_alone(
    expected_precision: Array, expected_log_precision: Array, active: Gamma, inactive: Gamma
) -> Array:
    return _log_gamma(active, expected_precision, expected_log_precision)


@mutant("evidence", "the two ln Gamma terms are missing: they cancel only where a = a_bar")
def evidence_without_log_gamma(
    expected_precision: Array, expected_log_precision: Array, active: Gamma, inactive: Gamma
) -> Array:
    right = _evidence(expected_precision, expected_log_precision, active, inactive)
    return right + gammaln(active.shape) - gammaln(inactive.shape)


@mutant("evidence", "Gamma(a) stands where ln Gamma(a) should, in both brackets")
def evidence_of_gamma_itself(
    expected_precision: Array, expected_log_precision: Array, active: Gamma, inactive: Gamma
) -> Array:
    right = evidence_without_log_gamma(expected_precision, expected_log_precision, active, inactive)
    return right - gamma_function(active.shape) + gamma_function(inactive.shape)


@mutant("evidence", "a ln b - a_bar ln b_bar is missing: it belongs to the two normalisers")
def evidence_without_powers_of_rates(
    expected_precision: Array, expected_log_precision: Array, active: Gamma, inactive: Gamma
) -> Array:
    powers = active.shape * np.log(active.rate) - inactive.shape * np.log(inactive.rate)
    return _evidence(expected_precision, expected_log_precision, active, inactive) - powers


@mutant("evidence", "both normalisers a ln b - ln Gamma(a) are missing")
def evidence_without_normalisers(
    expected_precision: Array, expected_log_precision: Array, active: Gamma, inactive: Gamma
) -> Array:
    power = (active.shape - inactive.shape) * expected_log_precision
    return power - (active.rate - inactive.rate) * expected_precision


@mutant(
    "evidence", "the factor of <ln rho> is a: it is a - 1. (It shows where a and a_bar are halved)"
)
def evidence_with_half_shapes(
    expected_precision: Array, expected_log_precision: Array, active: Gamma, inactive: Gamma
) -> Array:
    right = _evidence(expected_precision, expected_log_precision, active, inactive)
    return right - 0.5 * (active.shape - inactive.shape) * expected_log_precision


@mutant("evidence", "b is taken for a scale: it is a rate, the bracket is a ln b ... - b <rho>")
def evidence_of_scales(
    expected_precision: Array, expected_log_precision: Array, active: Gamma, inactive: Gamma
) -> Array:
    flipped = (Gamma(gamma.shape, 1 / gamma.rate) for gamma in (active, inactive))
    return _evidence(expected_precision, expected_log_precision, *flipped)


@mutant("evidence", "+b <rho>: the Gamma's exponent is minus b rho")
def evidence_with_growing_exponents(
    expected_precision: Array, expected_log_precision: Array, active: Gamma, inactive: Gamma
) -> Array:
    right = _evidence(expected_precision, expected_log_precision, active, inactive)
    return right + 2 * (active.rate - inactive.rate) * expected_precision


@mutant("evidence", "b and b_bar are exchanged in the exponents: the active bracket has -b <rho>")
def evidence_with_rates_exchanged(
    expected_precision: Array, expected_log_precision: Array, active: Gamma, inactive: Gamma
) -> Array:
    right = _evidence(expected_precision, expected_log_precision, active, inactive)
    return right + 2 * (active.rate - inactive.rate) * expected_precision

"""What goes wrong in Module A: lost halves, exchanged Gammas, the wrong logarithms and means."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import digamma, entr, expit, gammaln, log_expit, logit
from scipy.special import gamma as gamma_function

from tvbi_ref.gamma import Gamma
from tvbi_ref.school.checks.mutants.registry import mutant

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
    terms, other = _terms(layer), layer._replace(rate=1 / layer.rate)
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


@mutant("elbo", "the e is missing in H[q(w)]: it is 1/2 ln(2 pi e sigma2)")
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


@mutant("q-precision", "b is taken for a scale, 1/b is mixed: Ga(rho; a, b) has the RATE b")
def scales_for_rates(
    second_moment: Array, q_support: Array, active: Gamma, inactive: Gamma
) -> tuple[Array, Array]:
    shape, _ = _mixed(q_support, active, inactive)
    rate = q_support / active.rate + (1 - q_support) / inactive.rate
    return shape + 0.5, rate + 0.5 * second_moment


@mutant(
    "q-precision",
    "the rates are averaged geometrically: ln p(rho | s) holds -b rho, so b is averaged, not "
    "its logarithm",
)
def rates_averaged_as_logarithms(
    second_moment: Array, q_support: Array, active: Gamma, inactive: Gamma
) -> tuple[Array, Array]:
    shape, _ = _mixed(q_support, active, inactive)
    rate = active.rate**q_support * inactive.rate ** (1 - q_support)
    return shape + 0.5, rate + 0.5 * second_moment


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


@mutant("evidence", "b is taken for a scale: it is a rate, the bracket is a ln b ... - b <rho>")
def evidence_of_scales(
    expected_precision: Array, expected_log_precision: Array, active: Gamma, inactive: Gamma
) -> Array:
    flipped = (Gamma(gamma.shape, 1 / gamma.rate) for gamma in (active, inactive))
    return _evidence(expected_precision, expected_log_precision, *flipped)


@mutant(
    "evidence",
    "the term with <rho> has the wrong sign, or b and b_bar are exchanged in it: it is "
    "-(b - b_bar) <rho>",
)
def evidence_with_exponents_reversed(
    expected_precision: Array, expected_log_precision: Array, active: Gamma, inactive: Gamma
) -> Array:
    right = _evidence(expected_precision, expected_log_precision, active, inactive)
    return right + 2 * (active.rate - inactive.rate) * expected_precision


@mutant("evidence", "ln <rho> stands for <ln rho>: the mean of the logarithm came as an argument")
def evidence_of_log_of_mean(
    expected_precision: Array, expected_log_precision: Array, active: Gamma, inactive: Gamma
) -> Array:
    return _evidence(expected_precision, np.log(expected_precision), active, inactive)


@mutant("evidence", "base 10 for the natural logarithm: log-odds are natural, np.log")
def evidence_in_base_10(
    expected_precision: Array, expected_log_precision: Array, active: Gamma, inactive: Gamma
) -> Array:
    return _evidence(expected_precision, expected_log_precision, active, inactive) / np.log(10)


@mutant("evidence", "those are odds, e^l: the message l is their logarithm")
def evidence_in_odds(
    expected_precision: Array, expected_log_precision: Array, active: Gamma, inactive: Gamma
) -> Array:
    return np.exp(_evidence(expected_precision, expected_log_precision, active, inactive))


def _evidence(rho: Array, log_rho: Array, active: Gamma, inactive: Gamma) -> Array:
    return _log_gamma(active, rho, log_rho) - _log_gamma(inactive, rho, log_rho)


@mutant("q-support", "the prior is subtracted: logit pi_tilde = logit pi + l, both are added")
def prior_subtracted(prior_log_odds: Array, evidence: Array) -> Array:
    return evidence - prior_log_odds


@mutant("q-support", "the evidence is subtracted: logit pi_tilde = logit pi + l")
def evidence_subtracted(prior_log_odds: Array, evidence: Array) -> Array:
    return prior_log_odds - evidence


@mutant("q-support", "the sigmoid has been taken: log-odds are expected, logit pi + l as it is")
def sigmoid_of_the_sum(prior_log_odds: Array, evidence: Array) -> Array:
    return expit(prior_log_odds + evidence)


@mutant("q-support", "the prior is missing: what Module B believes must be added to the evidence")
def evidence_alone(prior_log_odds: Array, evidence: Array) -> Array:
    return evidence + 0.0


@mutant("q-support", "the log-odds are multiplied: ODDS multiply, log-odds add")
def log_odds_multiplied(prior_log_odds: Array, evidence: Array) -> Array:
    return prior_log_odds * evidence


@mutant("q-support", "the prior is added as the probability pi: its log-odds came, and they add")
def prior_as_probability(prior_log_odds: Array, evidence: Array) -> Array:
    return expit(prior_log_odds) + evidence


@mutant("q-support", "the prior is counted twice: logit pi enters once")
def prior_counted_twice(prior_log_odds: Array, evidence: Array) -> Array:
    return 2 * prior_log_odds + evidence


@mutant("q-support", "the two are averaged: independent log-odds add up")
def log_odds_averaged(prior_log_odds: Array, evidence: Array) -> Array:
    return 0.5 * (prior_log_odds + evidence)


@mutant(
    "q-support",
    "the sum has gone through a probability and back: 1 - pi_tilde rounds to 0 where the "
    "log-odds exceed 37. Add the log-odds and leave it at that",
)
def through_a_probability(prior_log_odds: Array, evidence: Array) -> Array:
    return logit(expit(prior_log_odds + evidence))


@mutant(
    "q-support",
    "the sum has gone through the odds e^l: they overflow beyond e^709. Add the log-odds",
)
def through_the_odds(prior_log_odds: Array, evidence: Array) -> Array:
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        return np.log(np.exp(prior_log_odds) * np.exp(evidence))


@mutant("q-support", "the result is clipped to +-20: a sum of log-odds needs no protection")
def clipped(prior_log_odds: Array, evidence: Array) -> Array:
    return np.clip(prior_log_odds + evidence, -20, 20)


# The trap


@mutant("mean-field-trap", "the factor of 1 - b_bar/b is a: it is a + 1/2, the updated shape")
def trap_without_half(prior_log_odds: Array, active: Gamma, inactive: Gamma) -> Array:
    a, ratio = active.shape, inactive.rate / active.rate
    return prior_log_odds - a * np.log(ratio) - a * (1 - ratio)


@mutant("mean-field-trap", "the factor of 1 - b_bar/b is a + 1, a complex weight's: it is a + 1/2")
def trap_of_complex_weight(prior_log_odds: Array, active: Gamma, inactive: Gamma) -> Array:
    a, ratio = active.shape, inactive.rate / active.rate
    return prior_log_odds - a * np.log(ratio) - (a + 1) * (1 - ratio)


@mutant("mean-field-trap", "b/b_bar - 1 for 1 - b_bar/b: the difference is divided by b")
def trap_divided_by_spike(prior_log_odds: Array, active: Gamma, inactive: Gamma) -> Array:
    a, ratio = active.shape, inactive.rate / active.rate
    return prior_log_odds - a * np.log(ratio) - (a + 0.5) * (1 / ratio - 1)


@mutant("mean-field-trap", "a ln(b_bar/b): the logarithm is of b/b_bar, and positive for a spike")
def trap_with_log_reversed(prior_log_odds: Array, active: Gamma, inactive: Gamma) -> Array:
    a, ratio = active.shape, inactive.rate / active.rate
    return prior_log_odds + a * np.log(ratio) - (a + 0.5) * (1 - ratio)


@mutant("mean-field-trap", "ln(b/b_bar) lacks its factor a")
def trap_without_shape(prior_log_odds: Array, active: Gamma, inactive: Gamma) -> Array:
    a, ratio = active.shape, inactive.rate / active.rate
    return prior_log_odds - np.log(ratio) - (a + 0.5) * (1 - ratio)


@mutant("mean-field-trap", "(a + 1/2)(1 - b_bar/b) is added: it is what the margin loses")
def trap_with_loss_added(prior_log_odds: Array, active: Gamma, inactive: Gamma) -> Array:
    a, ratio = active.shape, inactive.rate / active.rate
    return prior_log_odds - a * np.log(ratio) + (a + 0.5) * (1 - ratio)


@mutant("mean-field-trap", "logit pi is missing: a prior that doubts can free the weight")
def trap_without_prior(prior_log_odds: Array, active: Gamma, inactive: Gamma) -> Array:
    a, ratio = active.shape, inactive.rate / active.rate
    return 0 * expit(prior_log_odds) - a * np.log(ratio) - (a + 0.5) * (1 - ratio)


@mutant("mean-field-trap", "the prior enters as the probability pi: it is logit pi that is added")
def trap_of_prior_probability(prior_log_odds: Array, active: Gamma, inactive: Gamma) -> Array:
    a, ratio = active.shape, inactive.rate / active.rate
    return expit(prior_log_odds) - a * np.log(ratio) - (a + 0.5) * (1 - ratio)


@mutant(
    "mean-field-trap",
    "that is the collapsed form at m = 0, logit pi - 1/2 ln(b/b_bar), which has no trap",
)
def trap_of_collapsed_form(prior_log_odds: Array, active: Gamma, inactive: Gamma) -> Array:
    return prior_log_odds + 0.5 * np.log(inactive.rate / active.rate)


# q(w)


@mutant("q-weight", "<rho> m lacks its 1/2: the penalty is 1/2 <rho> m - 1/2 ln sigma2")
def penalty_without_half(mean: Array, variance: Array, expected_precision: Array) -> float:
    m = mean**2 + variance
    return float(np.sum(expected_precision * m - 0.5 * np.log(variance)))


@mutant("q-weight", "ln sigma2 lacks its 1/2: the penalty is 1/2 <rho> m - 1/2 ln sigma2")
def penalty_with_whole_log(mean: Array, variance: Array, expected_precision: Array) -> float:
    m = mean**2 + variance
    return float(np.sum(0.5 * expected_precision * m - np.log(variance)))


@mutant("q-weight", "both halves are missing: the penalty is 1/2 <rho> m - 1/2 ln sigma2")
def penalty_doubled(mean: Array, variance: Array, expected_precision: Array) -> float:
    m = mean**2 + variance
    return float(np.sum(expected_precision * m - np.log(variance)))


@mutant("q-weight", "sigma for sigma2: it is -1/2 ln sigma2 = -ln sigma, not -1/2 ln sigma")
def penalty_with_deviation(mean: Array, variance: Array, expected_precision: Array) -> float:
    m = mean**2 + variance
    return float(np.sum(0.5 * expected_precision * m - 0.5 * np.log(np.sqrt(variance))))


@mutant("q-weight", "m is mu^2: E[w^2] has the variance too, m = mu^2 + sigma2")
def penalty_without_variance(mean: Array, variance: Array, expected_precision: Array) -> float:
    return float(0.5 * np.sum(expected_precision * mean**2 - np.log(variance)))


@mutant("q-weight", "+1/2 ln sigma2: the entropy of q(w) LOWERS the penalty, the sign is minus")
def penalty_with_entropy_reversed(mean: Array, variance: Array, expected_precision: Array) -> float:
    m = mean**2 + variance
    return float(0.5 * np.sum(expected_precision * m + np.log(variance)))


@mutant("q-weight", "-1/2 ln sigma2 is missing: without the entropy the variances collapse to 0")
def penalty_without_entropy(mean: Array, variance: Array, expected_precision: Array) -> float:
    return float(0.5 * np.sum(expected_precision * (mean**2 + variance)))


@mutant("q-weight", "m is divided by <rho>: it is a precision, and multiplies")
def penalty_divided_by_precision(mean: Array, variance: Array, expected_precision: Array) -> float:
    m = mean**2 + variance
    return float(0.5 * np.sum(m / expected_precision - np.log(variance)))


@mutant("q-weight", "an average over the layer: the penalty is the sum over its weights")
def penalty_averaged(mean: Array, variance: Array, expected_precision: Array) -> float:
    m = mean**2 + variance
    return float(0.5 * np.mean(expected_precision * m - np.log(variance)))


@mutant(
    "q-weight",
    "that is the whole KL(q(w) || N(0, 1/<rho>)): the penalty is without its -1/2 (1 + ln <rho>), "
    "which does not depend on q(w)",
)
def penalty_with_constants(mean: Array, variance: Array, expected_precision: Array) -> float:
    precise = expected_precision * (mean**2 + variance)
    return float(0.5 * np.sum(precise - np.log(variance) - np.log(expected_precision) - 1))


@mutant("q-weight-gradient", "d/dsigma2 for d/d ln sigma2: multiply by sigma2")
def slope_by_variance(
    mean: Array, variance: Array, expected_precision: Array
) -> tuple[Array, Array]:
    return expected_precision * mean, 0.5 * expected_precision - 0.5 / variance


@mutant("q-weight-gradient", "d/dsigma for d/d ln sigma2: multiply by sigma/2")
def slope_by_deviation(
    mean: Array, variance: Array, expected_precision: Array
) -> tuple[Array, Array]:
    deviation = np.sqrt(variance)
    return expected_precision * mean, expected_precision * deviation - 1 / deviation


@mutant("q-weight-gradient", "d/d ln sigma for d/d ln sigma2: it is twice as large")
def slope_by_log_deviation(
    mean: Array, variance: Array, expected_precision: Array
) -> tuple[Array, Array]:
    return expected_precision * mean, expected_precision * variance - 1


@mutant("q-weight-gradient", "1/2 <rho> mu: the derivative of mu^2/2 by mu is mu")
def slope_with_half_of_mean(
    mean: Array, variance: Array, expected_precision: Array
) -> tuple[Array, Array]:
    return 0.5 * expected_precision * mean, 0.5 * (expected_precision * variance - 1)


@mutant("q-weight-gradient", "2 <rho> mu: the 1/2 of 1/2 <rho> m takes the 2 of mu^2 away")
def slope_with_twice_the_mean(
    mean: Array, variance: Array, expected_precision: Array
) -> tuple[Array, Array]:
    return 2 * expected_precision * mean, 0.5 * (expected_precision * variance - 1)


@mutant("q-weight-gradient", "-1/2 is missing by ln sigma2: it is the slope of -1/2 ln sigma2")
def slope_without_entropy(
    mean: Array, variance: Array, expected_precision: Array
) -> tuple[Array, Array]:
    return expected_precision * mean, 0.5 * expected_precision * variance


@mutant("q-weight-gradient", "+1/2 by ln sigma2: the slope of -1/2 ln sigma2 is -1/2")
def slope_with_entropy_reversed(
    mean: Array, variance: Array, expected_precision: Array
) -> tuple[Array, Array]:
    return expected_precision * mean, 0.5 * (expected_precision * variance + 1)


@mutant(
    "q-weight-gradient", "the signs are reversed: the penalty is minimised, not the bound raised"
)
def slope_of_the_bound(
    mean: Array, variance: Array, expected_precision: Array
) -> tuple[Array, Array]:
    return -expected_precision * mean, 0.5 - 0.5 * expected_precision * variance


@mutant(
    "q-weight-gradient", "divided by the number of weights: the penalty is a sum, not an average"
)
def slope_of_average(
    mean: Array, variance: Array, expected_precision: Array
) -> tuple[Array, Array]:
    n = mean.size
    return expected_precision * mean / n, 0.5 * (expected_precision * variance - 1) / n


@mutant("q-weight-gradient", "divided by <rho>: a precision multiplies mu and sigma2")
def slope_of_variance_prior(
    mean: Array, variance: Array, expected_precision: Array
) -> tuple[Array, Array]:
    return mean / expected_precision, 0.5 * (variance / expected_precision - 1)


# The collapsed form


@mutant("q-collapsed", "the shape is a: it is a + 1/2, the weight's Gaussian adds rho^(1/2)")
def posterior_without_half(second_moment: Array, prior: Gamma) -> tuple[float, Array]:
    return prior.shape, prior.rate + 0.5 * second_moment


@mutant("q-collapsed", "the shape is a + 1: one real weight adds 1/2")
def posterior_with_one(second_moment: Array, prior: Gamma) -> tuple[float, Array]:
    return prior.shape + 1.0, prior.rate + 0.5 * second_moment


@mutant("q-collapsed", "the rate is b + m: it is b + m/2")
def posterior_with_whole_moment(second_moment: Array, prior: Gamma) -> tuple[float, Array]:
    return prior.shape + 0.5, prior.rate + second_moment


@mutant(
    "q-collapsed", "(a + 1, b + m) is the posterior of a COMPLEX weight: a real one adds halves"
)
def posterior_of_complex_weight(second_moment: Array, prior: Gamma) -> tuple[float, Array]:
    return prior.shape + 1.0, prior.rate + second_moment


@mutant("q-collapsed", "m is missing in the rate: it is b + m/2")
def posterior_without_moment(second_moment: Array, prior: Gamma) -> tuple[float, Array]:
    return prior.shape + 0.5, prior.rate + 0 * second_moment


@mutant("q-collapsed", "b is taken for a scale, 1/b + m/2: it is a rate, b + m/2")
def posterior_of_scale(second_moment: Array, prior: Gamma) -> tuple[float, Array]:
    return prior.shape + 0.5, 1 / prior.rate + 0.5 * second_moment


@mutant("q-collapsed", "a scale is returned, 1/(b + m/2): the second result is the rate b + m/2")
def posterior_scale_for_rate(second_moment: Array, prior: Gamma) -> tuple[float, Array]:
    return prior.shape + 0.5, 1 / (prior.rate + 0.5 * second_moment)


def _log_z(
    second_moment: Array,
    prior: Gamma,
    *,
    log_gamma_of: float = 0.5,
    power: float = 0.5,
    of_moment: float = 0.5,
) -> Array:
    """Return ln Z(m), right as it stands; each number is a place for a mistake."""
    a, b = prior.shape, prior.rate
    normaliser = a * np.log(b) - gammaln(a) + gammaln(a + log_gamma_of) - 0.5 * LOG_2PI
    return normaliser - (a + power) * np.log(b + of_moment * second_moment)


@mutant(
    "evidence-collapsed",
    "the two ln Gamma cancel or are missing: it is ln Gamma(a + 1/2) - ln Gamma(a), with the 1/2",
)
def half_forgotten_in_log_gamma(second_moment: Array, active: Gamma, inactive: Gamma) -> Array:
    on = _log_z(second_moment, active, log_gamma_of=0.0)
    return on - _log_z(second_moment, inactive, log_gamma_of=0.0)


@mutant("evidence-collapsed", "the power of b + m/2 is a: it is a + 1/2")
def half_forgotten_in_power(second_moment: Array, active: Gamma, inactive: Gamma) -> Array:
    return _log_z(second_moment, active, power=0.0) - _log_z(second_moment, inactive, power=0.0)


@mutant("evidence-collapsed", "m is not halved: it is ln(b + m/2)")
def moment_whole_in_logarithm(second_moment: Array, active: Gamma, inactive: Gamma) -> Array:
    on = _log_z(second_moment, active, of_moment=1.0)
    return on - _log_z(second_moment, inactive, of_moment=1.0)


@mutant(
    "evidence-collapsed", "a + 1 and b + m belong to a COMPLEX weight: here a + 1/2 and b + m/2"
)
def collapsed_complex_weight(second_moment: Array, active: Gamma, inactive: Gamma) -> Array:
    wrong = {"log_gamma_of": 1.0, "power": 1.0, "of_moment": 1.0}
    return _log_z(second_moment, active, **wrong) - _log_z(second_moment, inactive, **wrong)


@mutant("evidence-collapsed", "the sign is reversed: l = ln Z_1 - ln Z_0, the active one first")
def collapsed_reversed(second_moment: Array, active: Gamma, inactive: Gamma) -> Array:
    return _log_z(second_moment, inactive) - _log_z(second_moment, active)


@mutant("evidence-collapsed", "ln Z_0 is missing: l compares the two states, ln Z_1 - ln Z_0")
def collapsed_active_alone(second_moment: Array, active: Gamma, inactive: Gamma) -> Array:
    return _log_z(second_moment, active) + 0.5 * LOG_2PI


@mutant("evidence-collapsed", "-ln Gamma(a), from the Gamma's own normaliser, is missing")
def collapsed_without_prior_log_gamma(
    second_moment: Array, active: Gamma, inactive: Gamma
) -> Array:
    on, off = (gammaln(g.shape) for g in (active, inactive))
    return _log_z(second_moment, active) + on - (_log_z(second_moment, inactive) + off)


@mutant("evidence-collapsed", "+ln Gamma(a + 1/2), from the integral over rho, is missing")
def collapsed_without_posterior_log_gamma(
    second_moment: Array, active: Gamma, inactive: Gamma
) -> Array:
    on, off = (gammaln(g.shape + 0.5) for g in (active, inactive))
    return _log_z(second_moment, active) - on - (_log_z(second_moment, inactive) - off)


@mutant("evidence-collapsed", "a ln b - a_bar ln b_bar, from the Gammas' normalisers, is missing")
def collapsed_without_powers(second_moment: Array, active: Gamma, inactive: Gamma) -> Array:
    on, off = (g.shape * np.log(g.rate) for g in (active, inactive))
    return _log_z(second_moment, active) - on - (_log_z(second_moment, inactive) - off)


@mutant("evidence-collapsed", "Gamma(a) stands where ln Gamma(a) should, and for a + 1/2 likewise")
def collapsed_of_gammas(second_moment: Array, active: Gamma, inactive: Gamma) -> Array:
    on, off = (gamma_function(g.shape + 0.5) - gamma_function(g.shape) for g in (active, inactive))
    return half_forgotten_in_log_gamma(second_moment, active, inactive) + on - off


@mutant(
    "evidence-collapsed",
    "the mean precision a/b is put in for the precision: integrating over rho gives a Student-t "
    "for each state, not a Gaussian",
)
def gaussian_evidence(second_moment: Array, active: Gamma, inactive: Gamma) -> Array:
    on, off = (g.shape / g.rate for g in (active, inactive))
    return 0.5 * np.log(on / off) - 0.5 * (on - off) * second_moment


@mutant(
    "evidence-collapsed", "b and b_bar are exchanged in the logarithms: ln(b + m/2) goes with a"
)
def collapsed_with_rates_exchanged(second_moment: Array, active: Gamma, inactive: Gamma) -> Array:
    swapped = Gamma(active.shape, inactive.rate), Gamma(inactive.shape, active.rate)
    powers = [g.shape * np.log(g.rate) for g in (active, inactive, *swapped)]
    wrong = _log_z(second_moment, swapped[0]) - _log_z(second_moment, swapped[1])
    return wrong + powers[0] - powers[1] - powers[2] + powers[3]


def _posterior_means(
    second_moment: Array,
    active: Gamma,
    inactive: Gamma,
    *,
    to_shape: float = 0.5,
    of_moment: float = 0.5,
) -> tuple[Array, Array]:
    """Return (a + 1/2)/(b + m/2) of either Gamma; each number is a place for a mistake."""
    on, off = (
        (g.shape + to_shape) / (g.rate + of_moment * second_moment) for g in (active, inactive)
    )
    return on, off


@mutant(
    "precision-collapsed",
    "1/E[1/rho], the variances averaged: the mean of rho averages the precisions",
)
def average_of_variances(
    second_moment: Array, q_support: Array, active: Gamma, inactive: Gamma
) -> Array:
    on, off = _posterior_means(second_moment, active, inactive)
    return 1 / (q_support / on + (1 - q_support) / off)


@mutant(
    "precision-collapsed",
    "the mean-field ratio, shapes and rates averaged first: here each state has a posterior of "
    "its own, and their means are averaged",
)
def ratio_of_averages(
    second_moment: Array, q_support: Array, active: Gamma, inactive: Gamma
) -> Array:
    shape, rate = _mixed(q_support, active, inactive)
    return (shape + 0.5) / (rate + 0.5 * second_moment)


@mutant("precision-collapsed", "the states are exchanged: pi_tilde goes with (a+1/2)/(b+m/2)")
def precisions_exchanged(
    second_moment: Array, q_support: Array, active: Gamma, inactive: Gamma
) -> Array:
    on, off = _posterior_means(second_moment, active, inactive)
    return (1 - q_support) * on + q_support * off


@mutant("precision-collapsed", "the (1 - pi_tilde) term, the spike's precision, is missing")
def precision_of_active_alone(
    second_moment: Array, q_support: Array, active: Gamma, inactive: Gamma
) -> Array:
    return q_support * _posterior_means(second_moment, active, inactive)[0]


@mutant("precision-collapsed", "a over b + m/2: the posterior's shape is a + 1/2")
def precision_without_half(
    second_moment: Array, q_support: Array, active: Gamma, inactive: Gamma
) -> Array:
    on, off = _posterior_means(second_moment, active, inactive, to_shape=0.0)
    return q_support * on + (1 - q_support) * off


@mutant("precision-collapsed", "m is not halved: the posterior's rate is b + m/2")
def precision_with_whole_moment(
    second_moment: Array, q_support: Array, active: Gamma, inactive: Gamma
) -> Array:
    on, off = _posterior_means(second_moment, active, inactive, of_moment=1.0)
    return q_support * on + (1 - q_support) * off


@mutant("precision-collapsed", "(a + 1)/(b + m) is for a COMPLEX weight: a real one has the halves")
def precision_of_complex_weight(
    second_moment: Array, q_support: Array, active: Gamma, inactive: Gamma
) -> Array:
    on, off = _posterior_means(second_moment, active, inactive, to_shape=1.0, of_moment=1.0)
    return q_support * on + (1 - q_support) * off


@mutant("precision-collapsed", "the mode (a - 1/2)/(b + m/2) of each posterior: <rho> is the mean")
def mode_for_mean(second_moment: Array, q_support: Array, active: Gamma, inactive: Gamma) -> Array:
    on, off = _posterior_means(second_moment, active, inactive, to_shape=-0.5)
    return q_support * on + (1 - q_support) * off


@mutant("precision-collapsed", "that is a variance, (b + m/2)/(a + 1/2): <rho> is shape over rate")
def variance_for_precision(
    second_moment: Array, q_support: Array, active: Gamma, inactive: Gamma
) -> Array:
    on, off = _posterior_means(second_moment, active, inactive)
    return q_support / on + (1 - q_support) / off


@mutant("precision-collapsed", "the likelier state alone counts: <rho> averages over both states")
def precision_of_likelier_state(
    second_moment: Array, q_support: Array, active: Gamma, inactive: Gamma
) -> Array:
    on, off = _posterior_means(second_moment, active, inactive)
    return np.where(q_support >= 0.5, on, off)


# The collapsed bound


class _Weights(NamedTuple):
    """The arguments of [elbo-collapsed], with what its two terms are made of."""

    mean: Array
    variance: Array
    prior_log_odds: Array
    active: Gamma
    inactive: Gamma

    @property
    def m(self) -> Array:
        return self.mean**2 + self.variance

    @property
    def entropy(self) -> float:
        return float(np.sum(0.5 * (LOG_2PI + 1 + np.log(self.variance))))

    def log_evidence(self, m: Array, **wrong: float) -> float:
        """Return sum ln[pi Z_1 + (1 - pi) Z_0], right unless `_log_z` is told otherwise."""
        on = log_expit(self.prior_log_odds) + _log_z(m, self.active, **wrong)
        off = log_expit(-self.prior_log_odds) + _log_z(m, self.inactive, **wrong)
        return float(np.sum(np.logaddexp(on, off)))


@mutant(
    "elbo-collapsed",
    "the sum of logarithms, pi ln Z_1 + (1-pi) ln Z_0: the logarithm is of the SUM over both "
    "states",
)
def sum_of_logarithms(*arguments: Any) -> tuple[float, float]:
    q = _Weights(*arguments)
    pi = expit(q.prior_log_odds)
    terms = pi * _log_z(q.m, q.active) + (1 - pi) * _log_z(q.m, q.inactive)
    return float(np.sum(terms)), q.entropy


@mutant("elbo-collapsed", "the larger of the two terms alone: the bound sums over both states")
def likelier_state_alone(*arguments: Any) -> tuple[float, float]:
    q = _Weights(*arguments)
    on = log_expit(q.prior_log_odds) + _log_z(q.m, q.active)
    off = log_expit(-q.prior_log_odds) + _log_z(q.m, q.inactive)
    return float(np.sum(np.maximum(on, off))), q.entropy


@mutant("elbo-collapsed", "(2 pi)^(-1/2) is missing in Z: it is the Gaussian's")
def collapsed_without_two_pi(*arguments: Any) -> tuple[float, float]:
    q = _Weights(*arguments)
    return q.log_evidence(q.m) + 0.5 * LOG_2PI * q.mean.size, q.entropy


@mutant("elbo-collapsed", "m is not halved in Z: its denominator is (b + m/2)^(a + 1/2)")
def collapsed_with_whole_moment(*arguments: Any) -> tuple[float, float]:
    q = _Weights(*arguments)
    return q.log_evidence(q.m, of_moment=1.0), q.entropy


@mutant("elbo-collapsed", "the power in Z is a: its denominator is (b + m/2)^(a + 1/2)")
def collapsed_without_half_in_power(*arguments: Any) -> tuple[float, float]:
    q = _Weights(*arguments)
    return q.log_evidence(q.m, power=0.0), q.entropy


@mutant("elbo-collapsed", "Gamma(a) for Gamma(a + 1/2) in Z: the two do not cancel")
def collapsed_without_half_in_gamma(*arguments: Any) -> tuple[float, float]:
    q = _Weights(*arguments)
    return q.log_evidence(q.m, log_gamma_of=0.0), q.entropy


@mutant("elbo-collapsed", "m is mu^2 in Z: it is mu^2 + sigma2")
def collapsed_without_variance(*arguments: Any) -> tuple[float, float]:
    q = _Weights(*arguments)
    return q.log_evidence(q.mean**2), q.entropy


@mutant("elbo-collapsed", "pi and 1 - pi are exchanged: pi weighs Z_1, the active state")
def collapsed_with_states_exchanged(*arguments: Any) -> tuple[float, float]:
    q = _Weights(*arguments)
    return q._replace(prior_log_odds=-q.prior_log_odds).log_evidence(q.m), q.entropy


@mutant("elbo-collapsed", "the (1 - pi) Z_0 term is missing: the inactive state counts too")
def collapsed_bound_of_active_alone(*arguments: Any) -> tuple[float, float]:
    q = _Weights(*arguments)
    on = log_expit(q.prior_log_odds) + _log_z(q.m, q.active)
    return float(np.sum(on)), q.entropy


@mutant("elbo-collapsed", "pi is missing, ln[Z_1 + Z_0]: the prior of s weighs the two states")
def collapsed_without_prior(*arguments: Any) -> tuple[float, float]:
    q = _Weights(*arguments)
    both = np.logaddexp(_log_z(q.m, q.active), _log_z(q.m, q.inactive))
    return float(np.sum(both)), q.entropy


@mutant("elbo-collapsed", "ln[e^h Z_1 + Z_0] with h = logit pi: 1 - pi = 1/(1 + e^h) is missing")
def collapsed_with_odds_for_probability(*arguments: Any) -> tuple[float, float]:
    q = _Weights(*arguments)
    both = np.logaddexp(q.prior_log_odds + _log_z(q.m, q.active), _log_z(q.m, q.inactive))
    return float(np.sum(both)), q.entropy


@mutant("elbo-collapsed", "sigma for sigma2 in the entropy: it is 1/2 ln(2 pi e sigma2)")
def collapsed_with_deviation_in_entropy(*arguments: Any) -> tuple[float, float]:
    q = _Weights(*arguments)
    return q.log_evidence(q.m), float(0.5 * np.sum(LOG_2PI + 1 + 0.5 * np.log(q.variance)))


@mutant("elbo-collapsed", "the entropy has the wrong sign: H = -E ln q(w) is added to the bound")
def collapsed_with_negative_entropy(*arguments: Any) -> tuple[float, float]:
    q = _Weights(*arguments)
    return q.log_evidence(q.m), -q.entropy


@mutant("elbo-collapsed", "both terms are averages: they are sums over the layer's weights")
def collapsed_averages(*arguments: Any) -> tuple[float, float]:
    q = _Weights(*arguments)
    return q.log_evidence(q.m) / q.mean.size, q.entropy / q.mean.size

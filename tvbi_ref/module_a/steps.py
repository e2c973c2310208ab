"""One rho,s-step of Module A for one layer, in each of its forms.

A form is a pair of functions with the same signatures for all forms: `step` gives the new
posterior of precision and support, `terms` the layer's part of the ELBO. The turbo loop
knows nothing more of Module A than this pair.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from tvbi_ref._repr import brief
from tvbi_ref._validation import FloatArray, border
from tvbi_ref.gamma import Gamma
from tvbi_ref.module_a.collapsed import evidence_collapsed, precision_collapsed
from tvbi_ref.module_a.objective import CollapsedElbo, MeanFieldElbo, elbo, elbo_collapsed
from tvbi_ref.module_a.q_precision import (
    expected_log_precision,
    expected_precision,
    update_precision,
)
from tvbi_ref.module_a.q_support import evidence, support_probability, update_support


@dataclass(frozen=True)
class LayerPosterior:
    """q(rho, s) of one layer; every array is (I, J) float64.

    Parameters
    ----------
    support_log_odds : ndarray
        logit pi_tilde.
    expected_precision : ndarray
        <rho>, what the w-step needs.
    gamma_shape, gamma_rate : ndarray or None
        a_tilde, b_tilde in the mean-field forms; None in the collapsed one, where
        q(rho|s) follows from q(w).
    """

    support_log_odds: FloatArray
    expected_precision: FloatArray
    gamma_shape: FloatArray | None = None
    gamma_rate: FloatArray | None = None

    __repr__ = brief

    @property
    def q_support(self) -> FloatArray:
        """pi_tilde = q(s = 1), in [0, 1]."""
        return support_probability(self.support_log_odds)


@border
def collapsed_step(
    second_moment: FloatArray,
    prior_log_odds: FloatArray,
    active: Gamma,
    inactive: Gamma,
    previous: LayerPosterior | None = None,
) -> LayerPosterior:
    """Return the optimal q(rho, s) for given q(w): no iteration, nothing carried over.

    Parameters
    ----------
    second_moment : ndarray (I, J)
        m.
    prior_log_odds : ndarray (I, J)
        logit pi from Module B.
    active, inactive : Gamma
    previous : LayerPosterior, optional
        Not needed here; the mean-field step starts from it.

    Notes
    -----
    Source: [evidence-collapsed], [q-support], [precision-collapsed].

    Examples
    --------
    >>> import numpy as np
    >>> step = collapsed_step(np.array([[1.0, 0.0]]), np.zeros((1, 2)),
    ...                       Gamma(1.0, 0.1), Gamma(1.0, 0.001))
    >>> step.q_support.round(2)
    array([[0.99, 0.09]])
    """
    log_odds = update_support(prior_log_odds, evidence_collapsed(second_moment, active, inactive))
    rho = precision_collapsed(second_moment, support_probability(log_odds), active, inactive)
    return LayerPosterior(log_odds, rho)


@border
def mean_field_step(
    second_moment: FloatArray,
    prior_log_odds: FloatArray,
    active: Gamma,
    inactive: Gamma,
    previous: LayerPosterior | None = None,
) -> LayerPosterior:
    """Return q(rho), then q(s), each optimal for the other as it stands: one coordinate pass.

    Parameters
    ----------
    second_moment, prior_log_odds, active, inactive
        As in `collapsed_step`.
    previous : LayerPosterior, optional
        Whose q(s) the precision step uses; without it the prior's.

    Notes
    -----
    Source: [q-precision], [evidence], [q-support].

    Examples
    --------
    >>> import numpy as np
    >>> step = mean_field_step(np.array([[1.0, 0.0]]), np.zeros((1, 2)),
    ...                        Gamma(1.0, 0.1), Gamma(1.0, 0.001))
    >>> step.q_support.round(2)  # the dead weight is not switched off: the trap
    array([[0.99, 0.84]])
    """
    prior = np.asarray(prior_log_odds, np.float64)
    support = support_probability(prior) if previous is None else previous.q_support
    shape, rate = update_precision(second_moment, support, active, inactive)
    rho, log_rho = expected_precision(shape, rate), expected_log_precision(shape, rate)
    log_odds = update_support(prior_log_odds, evidence(rho, log_rho, active, inactive))
    return LayerPosterior(log_odds, rho, shape, rate)


def collapsed_terms(
    mean: FloatArray, variance: FloatArray, q: LayerPosterior, logit_pi: FloatArray, *gammas: Gamma
) -> CollapsedElbo:
    """Return the layer's terms of [elbo-collapsed]; `q` is implied by q(w)."""
    return elbo_collapsed(mean, variance, logit_pi, *gammas)


def mean_field_terms(
    mean: FloatArray, variance: FloatArray, q: LayerPosterior, logit_pi: FloatArray, *gammas: Gamma
) -> MeanFieldElbo:
    """Return the layer's terms of [elbo]."""
    if q.gamma_shape is None or q.gamma_rate is None:
        raise ValueError("posterior must come from a mean-field step; it has no shape and rate")
    return elbo(mean, variance, q.gamma_shape, q.gamma_rate, q.support_log_odds, logit_pi, *gammas)


class Form(NamedTuple):
    """A form of Module A: its step and its part of the ELBO."""

    step: Callable[..., LayerPosterior]
    terms: Callable[..., CollapsedElbo | MeanFieldElbo]


FORMS = {
    "collapsed": Form(collapsed_step, collapsed_terms),
    "mean_field": Form(mean_field_step, mean_field_terms),
}
"""The forms by name; "collapsed" is the default of the turbo loop."""

"""What the authors' follow-up code computes instead, as plugs for the right equations.

None of it is right, and none of it is in the way of the right equations: `EXCHANGES` and `FORMS`
say, by the names that `TurboVBI` takes, which function answers in the place of which equation.
figures/paper_vs_code.py measures what each of them does.

* "product_of_odds": Module A sends logit pi_tilde + logit pi, the two odds multiplied where they
  should be divided. With logit pi_tilde = logit pi + l that is l + 2 logit pi: Module B is told its
  own answer twice over. The answers of chains, grids and groups are bounded, so the messages stay
  bounded too.
* "full_belief": Module B hands over its whole belief, in which l is already, and Module A ends at
  logit pi + 2 l, the evidence twice over. It stays bounded.
* "product_and_belief": each mistake feeds the other, and large log-odds double in every round. The
  probabilities are 0 or 1 within a few rounds and stay there; nothing clips the log-odds, so that
  after about a thousand rounds they overflow and a NonFiniteError is raised.
* "mean_field_complex": the precision of a circular COMPLEX Gaussian weight.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from tvbi_ref._validation import FloatArray
from tvbi_ref.equations import equation
from tvbi_ref.gamma import Gamma
from tvbi_ref.turbo.exchange import as_finite, extrinsic_a
from tvbi_ref.turbo.round import ModuleA, ModuleB, Round


def product_of_odds(posterior: ArrayLike, incoming: ArrayLike) -> FloatArray:
    """Return posterior + incoming in the place of [extrinsic-a]. Wrong.

    Parameters
    ----------
    posterior, incoming : array_like, one shape
        As in `extrinsic_a`.

    Raises
    ------
    NonFiniteError
        If the sum is not finite.

    Examples
    --------
    >>> product_of_odds([3.0, -1.0], [1.0, 1.0])
    array([4., 0.])
    """
    with np.errstate(over="ignore", invalid="ignore"):
        outgoing = np.asarray(posterior, np.float64) + np.asarray(incoming, np.float64)
    return as_finite(outgoing, "products of odds")


def round_with_full_belief(
    second_moment: FloatArray, prior_log_odds: FloatArray, module_a: ModuleA, module_b: ModuleB
) -> Round:
    """Return a round in which B's answer goes over with l in it, for [turbo-loop]. Wrong.

    Parameters
    ----------
    second_moment, prior_log_odds, module_a, module_b
        As in `turbo_round`.

    Raises
    ------
    NonFiniteError
        If a message is not finite.

    Examples
    --------
    >>> m, l = np.ones((1, 1)), np.full((1, 1), 2.0)
    >>> done = round_with_full_belief(m, 0 * m, lambda m, pi: (pi + l, m), lambda l: 0 * l - 1)
    >>> float(done.prior_log_odds.item()), float(done.support_log_odds.item())  # not -1 and 1
    (1.0, 3.0)
    """
    posterior, _ = module_a(second_moment, prior_log_odds)
    evidence = extrinsic_a(posterior, prior_log_odds)
    with np.errstate(over="ignore"):
        pi = as_finite(module_b(evidence) + evidence, "beliefs")  # should be module_b's alone
    posterior, rho = module_a(second_moment, pi)
    return Round(evidence, pi, posterior, rho)


@equation("q-precision-complex")
def update_precision_complex(
    second_moment: ArrayLike, q_support: ArrayLike, active: Gamma, inactive: Gamma
) -> tuple[FloatArray, FloatArray]:
    """Return (a_tilde, b_tilde) as for a circular COMPLEX Gaussian weight: +1 and +m.

    The follow-up code runs this form, together with a KL term that belongs to the real one. It
    is not the optimum of [elbo]: a step of it can lower the objective.

    Parameters
    ----------
    second_moment, q_support, active, inactive
        As in `tvbi_ref.module_a.update_precision`, in whose place it answers.

    Notes
    -----
    Source: [q-precision-complex].

    Examples
    --------
    >>> shape, rate = update_precision_complex(0.5, 1.0, Gamma(1.0, 0.25), Gamma(2.0, 0.01))
    >>> float(shape), float(rate)
    (2.0, 0.75)
    """
    m, pi = np.asarray(second_moment, np.float64), np.asarray(q_support, np.float64)
    a_tilde = pi * active.shape + (1 - pi) * inactive.shape + 1.0
    b_tilde = pi * active.rate + (1 - pi) * inactive.rate + m
    return a_tilde, b_tilde


EXCHANGES: dict[str, dict[str, Callable[..., Any]]] = {
    "product_of_odds": {"extrinsic-a": product_of_odds},
    "full_belief": {"turbo-loop": round_with_full_belief},
    "product_and_belief": {"extrinsic-a": product_of_odds, "turbo-loop": round_with_full_belief},
}
"""The wrong wires by name, each as equation and what answers in its place."""

FORMS: dict[str, dict[str, Callable[..., Any]]] = {
    "mean_field_complex": {"q-precision": update_precision_complex}
}
"""The wrong forms of Module A, likewise."""

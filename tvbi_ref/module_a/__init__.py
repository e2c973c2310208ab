"""Module A, the sparse VBI estimator: weights, precisions and supports, given Module B's belief.

Read `q_weight`, `q_precision` and `q_support` (mean field, the paper's form), then
`collapsed` (better, the default), `elbo`, and `steps`, which puts them together.
"""

from tvbi_ref.module_a.collapsed import (
    conditional_precision,
    evidence_collapsed,
    precision_collapsed,
)
from tvbi_ref.module_a.objective import CollapsedElbo, MeanFieldElbo, elbo, elbo_collapsed
from tvbi_ref.module_a.q_factors import log_q
from tvbi_ref.module_a.q_precision import (
    expected_log_precision,
    expected_precision,
    update_precision,
)
from tvbi_ref.module_a.q_support import evidence, trap_margin, update_support
from tvbi_ref.module_a.q_weight import second_moment, weight_penalty, weight_penalty_gradient
from tvbi_ref.module_a.steps import FORMS, LayerPosterior, collapsed_step, mean_field_step

__all__ = [
    "FORMS",
    "CollapsedElbo",
    "LayerPosterior",
    "MeanFieldElbo",
    "collapsed_step",
    "conditional_precision",
    "elbo",
    "elbo_collapsed",
    "evidence",
    "evidence_collapsed",
    "expected_log_precision",
    "expected_precision",
    "log_q",
    "mean_field_step",
    "precision_collapsed",
    "second_moment",
    "trap_margin",
    "update_precision",
    "update_support",
    "weight_penalty",
    "weight_penalty_gradient",
]

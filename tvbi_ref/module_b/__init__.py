"""Module B, the support estimator: from evidence to what the field believes.

Read `messages` (the equations), `independent`, `chain`, `group`, `grid` and `graph`
(priors, from simple to rich), `bethe` and `em` (what messages know of likelihoods, and
learning from it), and `exact` (brute force, what all of them are tested against).
"""

from tvbi_ref.module_b import exact
from tvbi_ref.module_b.base import Messages, Schedule, SupportMessage, SupportPrior
from tvbi_ref.module_b.chain import ChainSupport
from tvbi_ref.module_b.em import learn
from tvbi_ref.module_b.graph import GraphSupport
from tvbi_ref.module_b.grid import GridSupport
from tvbi_ref.module_b.group import (
    Columns,
    GroupSupport,
    Labels,
    NeuronSupport,
    Partition,
    Rows,
    Tiles,
)
from tvbi_ref.module_b.independent import IndependentSupport
from tvbi_ref.module_b.messages import (
    belief,
    cavity,
    extrinsic,
    ising_message,
    markov_to_ising,
    stationary,
    sum_product,
    transition_matrix,
)

__all__ = [
    "ChainSupport",
    "Columns",
    "GraphSupport",
    "GridSupport",
    "GroupSupport",
    "IndependentSupport",
    "Labels",
    "Messages",
    "NeuronSupport",
    "Partition",
    "Rows",
    "Schedule",
    "SupportMessage",
    "SupportPrior",
    "Tiles",
    "belief",
    "cavity",
    "exact",
    "extrinsic",
    "ising_message",
    "learn",
    "markov_to_ising",
    "stationary",
    "sum_product",
    "transition_matrix",
]

"""Module B, the support estimator: from evidence to what the field believes.

Read `messages` (the equations), `independent`, `chain`, `group`, `grid` and `graph`
(priors, from simple to rich), `bethe` and `em` (what messages know of likelihoods, and
learning from it), and `exact` (brute force, what all of them are tested against).
"""

from tvbi_ref.module_b import exact
from tvbi_ref.module_b.base import Incoming, Schedule, SupportMessage, SupportPrior
from tvbi_ref.module_b.bethe import bethe_log_partition, pair_belief
from tvbi_ref.module_b.chain import ChainSupport, chain_messages, markov_log_prob
from tvbi_ref.module_b.em import baum_welch, learn, likelihood_gradient
from tvbi_ref.module_b.graph import GraphSupport
from tvbi_ref.module_b.grid import GridSupport, grid_sweep, ising_log_weight
from tvbi_ref.module_b.group import GroupSupport, NeuronSupport, neuron_extrinsic
from tvbi_ref.module_b.independent import IndependentSupport
from tvbi_ref.module_b.messages import (
    belief,
    cavity,
    extrinsic_b,
    ising_message,
    markov_to_ising,
    stationary,
    sum_product,
    transition_matrix,
)
from tvbi_ref.module_b.partitions import Columns, Labels, Partition, Rows, Tiles
from tvbi_ref.module_b.uniqueness import uniqueness_of

__all__ = [
    "ChainSupport",
    "Columns",
    "GraphSupport",
    "GridSupport",
    "GroupSupport",
    "Incoming",
    "IndependentSupport",
    "Labels",
    "NeuronSupport",
    "Partition",
    "Rows",
    "Schedule",
    "SupportMessage",
    "SupportPrior",
    "Tiles",
    "baum_welch",
    "belief",
    "bethe_log_partition",
    "cavity",
    "chain_messages",
    "exact",
    "extrinsic_b",
    "grid_sweep",
    "ising_log_weight",
    "ising_message",
    "learn",
    "likelihood_gradient",
    "markov_log_prob",
    "markov_to_ising",
    "neuron_extrinsic",
    "pair_belief",
    "stationary",
    "sum_product",
    "transition_matrix",
    "uniqueness_of",
]

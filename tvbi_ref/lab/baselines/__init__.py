"""What Turbo-VBI is compared with: other ways to prune the same network on the same budget.

    small = baselines.METHODS["snip"](sparsity=0.97).fit(network, x, y, budget, seed=0)

Read `base` (the interface, and gradient descent with hooks), then any of `magnitude`, `snip`,
`sparse_vd`, `group_nj`, `group_lasso`, `l0`: each is a paper in a file. `turbo` has Turbo-VBI and
plain training as two methods more. Turbo-VBI without structure is no method of its own but
`tvbi_ref.IndependentSupport`.

Polarization (Zhuang et al., NeurIPS 2020) is left out: it acts
on the scales of batch normalisation, which these networks do not have.
"""

from tvbi_ref.lab.baselines.base import Budget, Method, Problem, descend, largest
from tvbi_ref.lab.baselines.group_lasso import GroupLasso
from tvbi_ref.lab.baselines.group_nj import GroupNormalJeffreys
from tvbi_ref.lab.baselines.l0 import HardConcreteL0
from tvbi_ref.lab.baselines.magnitude import GradualMagnitude, OneShotMagnitude
from tvbi_ref.lab.baselines.snip import SNIP
from tvbi_ref.lab.baselines.sparse_vd import SparseVD
from tvbi_ref.lab.baselines.turbo import PlainTraining, Turbo
from tvbi_ref.nets.training import Hooks, Step

METHODS: dict[str, type[Method]] = {
    "magnitude": OneShotMagnitude,
    "gradual_magnitude": GradualMagnitude,
    "snip": SNIP,
    "sparse_vd": SparseVD,
    "group_nj": GroupNormalJeffreys,
    "group_lasso": GroupLasso,
    "l0": HardConcreteL0,
}
"""Every baseline by name; `tvbi_ref.lab.recipes.make_method` knows Turbo-VBI and "dense", too."""

__all__ = [
    "METHODS",
    "SNIP",
    "Budget",
    "GradualMagnitude",
    "GroupLasso",
    "GroupNormalJeffreys",
    "HardConcreteL0",
    "Hooks",
    "Method",
    "OneShotMagnitude",
    "PlainTraining",
    "Problem",
    "SparseVD",
    "Step",
    "Turbo",
    "descend",
    "largest",
]

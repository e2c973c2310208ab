"""From a posterior to a small network.

Read `prune` (which weights stay) and `sizes` (how regular the mask is, in bits).
"""

from tvbi_ref.compress.prune import Sparsity, prune, sparsity, support_masks
from tvbi_ref.compress.sizes import entropy_bound, find_runs, index_bits, mean_run

__all__ = [
    "Sparsity",
    "entropy_bound",
    "find_runs",
    "index_bits",
    "mean_run",
    "prune",
    "sparsity",
    "support_masks",
]

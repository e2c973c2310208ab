"""From a posterior to a small network.

Read `prune` (which weights stay), `sizes` (how regular the mask is, in bits) and
`forward` (the forward pass from the clusters of kept weights).
"""

from tvbi_ref.compress.forward import cluster_forward
from tvbi_ref.compress.prune import Sparsity, keep_mask, prune, sparsity, support_masks
from tvbi_ref.compress.sizes import entropy_bound, find_runs, index_bits, mean_run

__all__ = [
    "Sparsity",
    "cluster_forward",
    "entropy_bound",
    "find_runs",
    "index_bits",
    "keep_mask",
    "mean_run",
    "prune",
    "sparsity",
    "support_masks",
]

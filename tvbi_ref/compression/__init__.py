"""From a posterior to a small network.

``small = compress(result)`` does all of it.

Read `prune` (which weights stay), `sizes` (how regular the mask is, in bits), `shrink` (which
units a pruned network can do without), `formats` and `coding` (the same matrix in fewer bytes),
`forward` (the forward pass from the clusters of kept weights), `layers` and `network` (the small
network), `sharing` (few values), `files` and `export`, `report` and `latency` (what it costs, on
the machine at hand).
"""

from __future__ import annotations

from tvbi_ref.compression import coding, export, files, formats, precision
from tvbi_ref.compression.export import to_numpy, to_onnx, to_scipy
from tvbi_ref.compression.forward import cluster_forward
from tvbi_ref.compression.network import CompressedNetwork, compress
from tvbi_ref.compression.pruning import Sparsity, keep_mask, prune, sparsity, support_masks
from tvbi_ref.compression.report import CompressionReport
from tvbi_ref.compression.shrinking import Shrunk, shrink
from tvbi_ref.compression.sizes import entropy_bound, find_runs, index_bits, mean_run

__all__ = [
    "CompressedNetwork",
    "CompressionReport",
    "Shrunk",
    "Sparsity",
    "cluster_forward",
    "coding",
    "compress",
    "entropy_bound",
    "export",
    "files",
    "find_runs",
    "formats",
    "index_bits",
    "keep_mask",
    "mean_run",
    "precision",
    "prune",
    "shrink",
    "sparsity",
    "support_masks",
    "to_numpy",
    "to_onnx",
    "to_scipy",
]

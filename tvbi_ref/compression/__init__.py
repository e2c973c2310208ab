"""From a posterior to a small network.

``small = compress(result)`` does all of it.

Read `pruning` (which weights stay), `sizes` (how regular the mask is, in bits), `units` and
`shrinking` (which units a pruned network can do without), `formats` and `coding` (the same matrix
in fewer bytes), `forward` (the forward pass from the clusters of kept weights), `layers` and
`network` (the small network), `build` (which makes it), `predictive` (what it does not know),
`sharing` (few values), `rounding` (few bits), `ordering`, `arithmetic` and `coded` (the smallest
file), `files` and `export`, `measure`, `report_text` and
`latency` (what it costs, on the machine at hand).
"""

from __future__ import annotations

from tvbi_ref.compression import coding, export, files, formats, rounding, sharing
from tvbi_ref.compression.build import compress
from tvbi_ref.compression.export import to_numpy, to_onnx, to_scipy
from tvbi_ref.compression.files import coded_nbytes, load_compressed, save_compressed
from tvbi_ref.compression.forward import cluster_forward
from tvbi_ref.compression.measure import report
from tvbi_ref.compression.network import CompressedNetwork
from tvbi_ref.compression.ordering import sort_units
from tvbi_ref.compression.pruning import Sparsity, keep_mask, prune, sparsity, support_masks
from tvbi_ref.compression.report_text import CompressionReport
from tvbi_ref.compression.rounding import round_weights
from tvbi_ref.compression.sharing import share_values
from tvbi_ref.compression.shrinking import Shrunk, shrink
from tvbi_ref.compression.sizes import entropy_bound, find_runs, index_bits, mean_run

__all__ = [
    "CompressedNetwork",
    "CompressionReport",
    "Shrunk",
    "Sparsity",
    "cluster_forward",
    "coded_nbytes",
    "coding",
    "compress",
    "entropy_bound",
    "export",
    "files",
    "find_runs",
    "formats",
    "index_bits",
    "keep_mask",
    "load_compressed",
    "mean_run",
    "prune",
    "report",
    "round_weights",
    "rounding",
    "save_compressed",
    "share_values",
    "sharing",
    "shrink",
    "sort_units",
    "sparsity",
    "support_masks",
    "to_numpy",
    "to_onnx",
    "to_scipy",
]

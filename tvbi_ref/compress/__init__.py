"""From a posterior to a small network.

The package is a function, too: ``small = compress(result)``.

Read `prune` (which weights stay), `sizes` (how regular the mask is, in bits), `shrink` (which
units a pruned network can do without), `formats` and `coding` (the same matrix in fewer bytes),
`forward` (the forward pass from the clusters of kept weights), `layers` and `network` (the small
network), `sharing` (few values), `files` and `export`, `report` and `latency` (what it costs, on
the machine at hand).
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from types import ModuleType

from tvbi_ref.compress import coding, export, files, formats, precision
from tvbi_ref.compress.export import to_numpy, to_onnx, to_scipy
from tvbi_ref.compress.forward import cluster_forward
from tvbi_ref.compress.network import CompressedNetwork, compress
from tvbi_ref.compress.prune import Sparsity, keep_mask, prune, sparsity, support_masks
from tvbi_ref.compress.report import CompressionReport
from tvbi_ref.compress.shrink import Shrunk, shrink
from tvbi_ref.compress.sizes import entropy_bound, find_runs, index_bits, mean_run
from tvbi_ref.nets import Network
from tvbi_ref.turbo import TurboResult

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


class CallablePackage(ModuleType):
    """A package that is called as its function `compress` is."""

    def __call__(
        self, result: TurboResult | Network, format: str | Sequence[str] = "clusters"
    ) -> CompressedNetwork:
        return compress(result, format)


sys.modules[__name__].__class__ = CallablePackage

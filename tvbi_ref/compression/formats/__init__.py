"""Ways to store a pruned weight matrix, from every weight to a few numbers a cluster.

Read `base` (what they share), then one after the other: `dense`, `bitmask`, `csr`, `gap`,
`clusters` (the paper's), `blocks`. Each keeps a matrix (I, J) exactly.
"""

from tvbi_ref.compression.formats.base import Coded, Format
from tvbi_ref.compression.formats.bitmask import Bitmask
from tvbi_ref.compression.formats.blocks import Blocks
from tvbi_ref.compression.formats.clusters import Clusters
from tvbi_ref.compression.formats.csr import CSR
from tvbi_ref.compression.formats.dense import Dense
from tvbi_ref.compression.formats.gap import Gap

FORMATS: dict[str, type[Format]] = {
    "dense": Dense,
    "bitmask": Bitmask,
    "csr": CSR,
    "gap": Gap,
    "clusters": Clusters,
    "blocks": Blocks,
}
"""Every format by its name."""

__all__ = ["CSR", "FORMATS", "Bitmask", "Blocks", "Clusters", "Coded", "Dense", "Format", "Gap"]

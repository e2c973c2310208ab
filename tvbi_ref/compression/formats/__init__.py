"""Ways to store a pruned weight matrix, from every weight to a few numbers a cluster.

Read `base` (what they share), then one after the other: `dense`, `bitmask`, `csr`, `gap`,
`clusters` (the paper's), `blocks`. Each keeps a matrix (I, J) exactly.
"""

from __future__ import annotations

from collections.abc import Sequence

from tvbi_ref._validation import as_choice
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
__all__ += ["format_names"]


def format_names(format: str | Sequence[str], n_layers: int) -> list[str]:
    """Return the name of a format for each weight layer, from one for all or one for each.

    Parameters
    ----------
    format : str or sequence of str
        A name of `FORMATS`, for all weight layers or one for each.
    n_layers : int

    Raises
    ------
    TypeError, ValueError
        If it is neither, there are not as many names as layers, or one is not known.

    Examples
    --------
    >>> format_names("csr", 2)
    ['csr', 'csr']
    """
    if not isinstance(format, str | Sequence):
        raise TypeError(f"format must be a name or a list of names; got {format!r}")
    names = [format] * n_layers if isinstance(format, str) else list(format)
    if len(names) != n_layers:
        raise ValueError(
            f"format must be one name, or {n_layers}, one for each weight layer; got {format!r}"
        )
    return [as_choice(name, "format", FORMATS) for name in names]

"""Turbo-VBI in NumPy and Numba: a reference implementation for teaching.

Structured Bayesian compression of neural networks, after C. Xia, D. H. K. Tsang and
V. K. N. Lau, IEEE Trans. Signal Processing 71 (2023), arXiv 2302.10483. The folders are
the algorithm's block diagram:

    datasets -> nets -> turbo ( module_a <-> exchange <-> module_b ) -> compression

with `equations` under all of it and `fast` beside it; `lab` measures, `school` teaches and checks,
`cli` is the command line.

Names in [brackets], such as [sum-product], are the labels of the equations.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

# A name is imported when it is first used, so that `import tvbi_ref` is fast and the help
# text of the command line does not wait for Numba.
_HOME = {
    "ChainSupport": "module_b",
    "Columns": "module_b",
    "CompressedNetwork": "compression",
    "DataCorruptedError": "errors",
    "DataUnavailableError": "errors",
    "DivergenceError": "errors",
    "Gamma": "gamma",
    "GraphSupport": "module_b",
    "GridSupport": "module_b",
    "GroupSupport": "module_b",
    "NeuronSupport": "module_b",
    "HierarchicalPrior": "prior",
    "IndependentSupport": "module_b",
    "Labels": "module_b",
    "MessagesWarning": "errors",
    "NonFiniteError": "errors",
    "PlugError": "errors",
    "Rows": "module_b",
    "Tiles": "module_b",
    "TurboResult": "turbo",
    "TurboVBI": "turbo",
    "TurboVBIClassifier": "lab.estimators",
    "TurboVBIRegressor": "lab.estimators",
    "UniquenessWarning": "errors",
    "compress": "compression",
    "in_the_loop": "school.loop",
    "listen": "equations",
    "load_compressed": "compression",
    "load_network": "checkpoint",
    "prune": "compression",
    "report": "compression",
    "save_compressed": "compression",
    "save_network": "checkpoint",
    "sparsity": "compression",
    "support_masks": "compression",
    "use": "equations",
}
_MODULES = {
    "baselines": "lab.baselines",
    "checkpoint": "checkpoint",
    "checks": "school.checks",
    "compression": "compression",
    "datasets": "datasets",
    "equations": "equations",
    "estimators": "lab.estimators",
    "experiment": "lab.experiment",
    "module_a": "module_a",
    "module_b": "module_b",
    "nets": "nets",
    "plots": "lab.plots",
    "prior": "prior",
    "study": "lab.study",
    "turbo": "turbo",
}

__all__ = ["__version__", *sorted(_HOME), *_MODULES]

if TYPE_CHECKING:
    from tvbi_ref import checkpoint as checkpoint
    from tvbi_ref import compression as compression
    from tvbi_ref import datasets as datasets
    from tvbi_ref import equations as equations
    from tvbi_ref import module_a as module_a
    from tvbi_ref import module_b as module_b
    from tvbi_ref import nets as nets
    from tvbi_ref import prior as prior
    from tvbi_ref import turbo as turbo
    from tvbi_ref.checkpoint import load_network, save_network  # noqa: F401
    from tvbi_ref.compression import (  # noqa: F401
        CompressedNetwork,
        compress,
        load_compressed,
        prune,
        report,
        save_compressed,
        sparsity,
        support_masks,
    )
    from tvbi_ref.equations import listen, use  # noqa: F401
    from tvbi_ref.errors import (  # noqa: F401
        DataCorruptedError,
        DataUnavailableError,
        DivergenceError,
        MessagesWarning,
        NonFiniteError,
        PlugError,
        UniquenessWarning,
    )
    from tvbi_ref.gamma import Gamma  # noqa: F401
    from tvbi_ref.lab import baselines as baselines
    from tvbi_ref.lab import estimators as estimators
    from tvbi_ref.lab import experiment as experiment
    from tvbi_ref.lab import plots as plots
    from tvbi_ref.lab import study as study
    from tvbi_ref.lab.estimators import TurboVBIClassifier, TurboVBIRegressor  # noqa: F401
    from tvbi_ref.module_b import (  # noqa: F401
        ChainSupport,
        Columns,
        GraphSupport,
        GridSupport,
        GroupSupport,
        IndependentSupport,
        Labels,
        NeuronSupport,
        Rows,
        Tiles,
    )
    from tvbi_ref.prior import HierarchicalPrior  # noqa: F401
    from tvbi_ref.school import checks as checks
    from tvbi_ref.school.loop import in_the_loop  # noqa: F401
    from tvbi_ref.turbo import TurboResult, TurboVBI  # noqa: F401


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f"{__name__}.{_MODULES[name]}")
    if name in _HOME:
        return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

"""Wrong versions of the equations, each a mistake that people make.

They serve twice: every one of them must be caught by its equation's check, and where a
stranger's numbers are the same as a mutant's, its sentence is the diagnosis.
"""

from __future__ import annotations

import importlib

from tvbi_ref.school.checks.mutants.registry import MUTANTS, Mutant

__all__ = ["MUTANTS", "Mutant", "mutants_of"]

for _group in ("model", "nets", "module_a", "module_b", "turbo", "compression"):
    importlib.import_module(f"{__name__}.{_group}")  # enters its functions into MUTANTS


def mutants_of(label: str) -> list[Mutant]:
    """Return the known mistakes of an equation, in the order in which they were written.

    Examples
    --------
    >>> {mutant.label for mutant in mutants_of("q-precision")}
    {'q-precision'}
    """
    return [mutant for mutant in MUTANTS if mutant.label == label]

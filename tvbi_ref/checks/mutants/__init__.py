"""Wrong versions of the equations, each a mistake that people make.

They serve twice: every one of them must be caught by its equation's check, and where a
stranger's numbers are the same as a mutant's, its sentence is the diagnosis.
"""

from __future__ import annotations

from tvbi_ref.checks.mutants import compress, model, module_a, module_b, nets, turbo
from tvbi_ref.checks.mutants.registry import MUTANTS, Mutant

__all__ = ["MUTANTS", "Mutant", "compress", "model", "module_a", "module_b", "nets", "turbo"]


def mutants_of(label: str) -> list[Mutant]:
    """Return the known mistakes of an equation, in the order in which they were written.

    Examples
    --------
    >>> {mutant.label for mutant in mutants_of("q-precision")}
    {'q-precision'}
    """
    return [mutant for mutant in MUTANTS if mutant.label == label]

"""Wrong versions of the equations, each a mistake that people make.

They serve twice: every one of them must be caught by its equation's check, and where a
stranger's numbers are the same as a mutant's, its sentence is the diagnosis.

A mistake is the right answer with a piece of it changed. Each equation gives its right answer in
named pieces, functions whose parameters name the pieces that they need; a mistake is a sentence
and what it changes:

    mistakes(
        "q-weight",                                     # the equation's label
        "mu s2 rho",                                    # its arguments, as they are called here
        {                                               # the right answer; the last piece is it
            "m": lambda mu, s2: mu**2 + s2,
            "cost": lambda rho, m: 0.5 * rho * m,
            "entropy": lambda s2: 0.5 * np.log(s2),
            "penalty": lambda cost, entropy: float(np.sum(cost - entropy)),
        },
        "m is mu^2: E[w^2] has the variance too, m = mu^2 + sigma2",
        {"m": lambda mu: mu**2},                        # the rest follows: cost, penalty
        "ln sigma2 lacks its 1/2: the penalty is 1/2 <rho> m - 1/2 ln sigma2",
        {"entropy": lambda entropy: 2 * entropy},       # `entropy` here is the right one
    )

To add one, write its sentence and its change below the others of its equation: first what is
wrong, then what would be right. What a change needs are the RIGHT letters and pieces, so that two
are exchanged by `{"p01": lambda p10: p10, "p10": lambda p01: p01}`. If no piece holds what goes
wrong, split one. Then run `pytest tests/school/checks/test_check.py`, which wants the mistake
caught and named, and no other sentence for the same numbers; write docs/coverage.md anew.
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

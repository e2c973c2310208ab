"""The numbers of the checks, each found on another road than the package's own formula.

Nothing here imports anything of tvbi_ref: a mistake cannot be shared.
"""

"""Correct functions, written in other ways than the package's: no check may reject one."""

import importlib

GROUPS = ("model", "nets", "module_a", "module_b", "turbo", "compression")

VARIANTS = {
    label: functions
    for group in GROUPS
    for label, functions in importlib.import_module(f"variants.{group}").VARIANTS.items()
}

"""The checkers: tests, lessons and coursework use the same ones."""

from tvbi_ref.checks.gradients import GradientReport, check_gradients

__all__ = ["GradientReport", "check_gradients"]

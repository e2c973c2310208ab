"""Turbo-VBI in NumPy and Numba: a reference implementation for teaching."""
__version__ = "0.1.0"

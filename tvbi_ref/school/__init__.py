"""Teach the algorithm and check what a reader writes: checks, the lessons' own functions."""

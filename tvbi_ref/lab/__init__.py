"""Measure what the algorithm does: baselines, experiments, studies, estimators, pictures."""

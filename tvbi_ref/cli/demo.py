"""Digits with three support priors side by side.

Compress a 64-128-64-10 network on scikit-learn's digits under three support priors with the same
seed: independent weights, a Markov chain down each neuron's weights, and a grid that also couples
neighbouring neurons. Prints a table and writes it with pictures, traces and the small models. About
a minute on two cores.
"""

from __future__ import annotations

import argparse

from tvbi_ref.cli._shared import PRIORS, add_common, own_equations, write_results
from tvbi_ref.lab.recipes import DEMO, make_budget


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    add_common(parser, out="demo")


def run(options: argparse.Namespace) -> int:
    """Run the command."""
    from tvbi_ref import datasets, nets
    from tvbi_ref.lab import experiment

    yours = own_equations(options)
    experiment.make_folder(options.out)  # a mistake is found before the long work, not after
    run_one = yours.run if yours else experiment.run
    data = datasets.load_digits(seed=options.seed)
    network = nets.mlp([64, 128, 64, 10], seed=options.seed)
    budget = make_budget(vars(options))
    print(f"{data}\n{network}\n", flush=True)
    dense = experiment.dense_baseline(network, data, budget, seed=options.seed)
    outcomes = []
    for kind in PRIORS:
        print(f"{kind} ...", flush=True)
        prior = DEMO.prior(kind)
        outcomes.append(run_one(kind, network, data, prior, budget, seed=options.seed))
    return write_results(dense, outcomes, data, "", options.out, yours)

"""The estimators of this package against scikit-learn's networks, each as it comes.

    python benchmarks/defaults.py                  # all 20 data sets
    python benchmarks/defaults.py wine diabetes    # some

Three splits of every data set, a quarter for testing; features standardised for both, targets too
(MLPRegressor would be lost on Friedman's second problem otherwise). All data come with scikit-learn
or are drawn by it. Defaults are chosen on the sets of `TUNED` alone; `HELD_OUT` is looked at
once, when the choice is made.
"""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn import datasets
from sklearn.compose import TransformedTargetRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tvbi_ref import TurboVBIClassifier, TurboVBIRegressor

Rows = tuple[Any, Any]

TUNED: dict[str, Callable[[], Rows]] = {
    "moons": lambda: datasets.make_moons(1000, noise=0.2, random_state=0),
    "circles": lambda: datasets.make_circles(1000, noise=0.1, factor=0.5, random_state=0),
    "gaussian quantiles": lambda: datasets.make_gaussian_quantiles(
        n_samples=1000, n_features=5, n_classes=2, random_state=0
    ),
    "Hastie": lambda: datasets.make_hastie_10_2(2000, random_state=0),
    "breast cancer": lambda: datasets.load_breast_cancer(return_X_y=True),
    "wine": lambda: datasets.load_wine(return_X_y=True),
    "classification": lambda: datasets.make_classification(1000, random_state=0),
    "digits": lambda: datasets.load_digits(return_X_y=True),
    "Friedman 1": lambda: datasets.make_friedman1(1000, noise=1.0, random_state=0),
    "diabetes": lambda: datasets.load_diabetes(return_X_y=True),
}

HELD_OUT: dict[str, Callable[[], Rows]] = {
    "iris": lambda: datasets.load_iris(return_X_y=True),
    "blobs": lambda: datasets.make_blobs(1000, centers=5, cluster_std=1.5, random_state=0),
    "four classes": lambda: datasets.make_classification(
        2000, n_features=20, n_informative=8, n_classes=4, random_state=0
    ),
    "three quantiles": lambda: datasets.make_gaussian_quantiles(
        n_samples=1500, n_features=3, n_classes=3, random_state=0
    ),
    "flipped labels": lambda: datasets.make_classification(
        1000, n_features=10, n_informative=5, flip_y=0.2, random_state=1
    ),
    "Friedman 2": lambda: datasets.make_friedman2(1000, noise=50.0, random_state=0),
    "Friedman 3": lambda: datasets.make_friedman3(1000, noise=0.1, random_state=0),
    "sparse linear": lambda: datasets.make_regression(
        500, n_features=30, n_informative=5, noise=20.0, random_state=0
    ),
    "sparse uncorrelated": lambda: datasets.make_sparse_uncorrelated(500, random_state=0),
    "Swiss roll": lambda: datasets.make_swiss_roll(1000, noise=0.5, random_state=0),
}

SPLITS = range(3)


def is_regression(y: Any) -> bool:
    """Whether targets are numbers, not labels: more values than a classifier would have."""
    return len(np.unique(y)) > 20


def peer(y: Any, seed: int) -> Any:
    """Return scikit-learn's network of 100 hidden units, as it comes."""
    if not is_regression(y):
        return MLPClassifier((100,), random_state=seed)
    network = MLPRegressor(hidden_layer_sizes=(100,), random_state=seed)
    return TransformedTargetRegressor(network, transformer=StandardScaler())


def ours(y: Any, seed: int) -> Any:
    """Return the estimator that is looked at, as it comes."""
    return (TurboVBIRegressor if is_regression(y) else TurboVBIClassifier)(random_state=seed)


def weights_of_peer(model: Any) -> int:
    """Return how many weights scikit-learn's network has, biases left out."""
    return sum(w.size for w in getattr(model, "regressor_", model).coefs_)


def race(x: Any, y: Any, make: Callable[[Any, int], Any]) -> tuple[list[float], list[Any], float]:
    """Return scores on the test rows, the fitted models, and seconds a fit, over the splits."""
    scores, models, started = [], [], time.perf_counter()
    for seed in SPLITS:
        stratify = None if is_regression(y) else y
        parts = train_test_split(x, y, test_size=0.25, random_state=seed, stratify=stratify)
        model = make_pipeline(StandardScaler(), make(y, seed)).fit(parts[0], parts[2])
        scores.append(model.score(parts[1], parts[3]))
        models.append(model[-1])
    return scores, models, (time.perf_counter() - started) / len(SPLITS)


def row(name: str, x: Any, y: Any, make: Callable[[Any, int], Any] = ours) -> dict[str, Any]:
    """Return a data set's row of the table."""
    theirs, networks, _ = race(x, y, peer)
    scores, models, seconds = race(x, y, make)
    left = float(np.mean([model.n_weights_ for model in models]))
    ridge = race(x, y, lambda y, seed: RidgeCV())[0] if name == "diabetes" else []
    return {
        "name": name,
        "scores": scores,
        "mean": np.mean(scores),
        "peer": np.mean(theirs),
        "gap": 100 * (np.mean(scores) - np.mean(theirs)),
        "weights": left,
        "fewer": weights_of_peer(networks[0]) / max(left, 1),
        "seconds": seconds,
        "more": f"ridge {np.mean(ridge):.3f}" if ridge else "",
    }


def line(r: dict[str, Any]) -> str:
    """Return a row as a line of Markdown."""
    each = " ".join(f"{score:.3f}" for score in r["scores"])
    good = "yes" if r["gap"] >= -1 and r["fewer"] >= 10 else "no"
    return (
        f"| {r['name']} | {each} | {r['mean']:.3f} | {r['peer']:.3f} | {r['gap']:+.1f} | "
        f"{r['weights']:.0f} | {r['fewer']:.1f} | {r['seconds']:.1f} | {good} | {r['more']} |"
    )


HEAD = """\
| data | three splits | mean | MLP | points | weights | times fewer | s | met | |
| --- | --- | --: | --: | --: | --: | --: | --: | --- | --- |"""


def main(names: list[str]) -> None:
    """Print the table."""
    warnings.simplefilter("ignore", ConvergenceWarning)
    everything = TUNED | HELD_OUT
    print(HEAD)
    for name in names or everything:
        print(line(row(name, *everything[name]())), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])

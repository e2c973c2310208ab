"""Scikit-learn estimators: Turbo-VBI, or what it is compared with, behind ``fit`` and ``predict``.

    model = make_pipeline(StandardScaler(), TurboVBIClassifier(random_state=0)).fit(X, y)
    small = model[-1].compressed_

They train, prune and fine-tune a fully connected network as `lab.experiment.run` does; with
the same seed and data the same network comes out. Whoever wants convolutions, checkpoints,
callbacks or one prior a layer uses `tvbi_ref.TurboVBI` itself.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from numbers import Integral
from typing import Any, Literal, Self, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, MultiOutputMixin, RegressorMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.preprocessing import StandardScaler
from sklearn.utils import check_random_state
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from tvbi_ref import nets
from tvbi_ref._validation import FloatArray, as_choice, as_count
from tvbi_ref.checkpoint import arrays_of, noise_of, put_back
from tvbi_ref.compression import CompressedNetwork, compress
from tvbi_ref.datasets import TargetScale
from tvbi_ref.lab import baselines
from tvbi_ref.lab.baselines import Budget
from tvbi_ref.lab.recipes import (
    BAYESIAN,
    DEMO,
    SCALES,
    SCHEDULE,
    SPENT,
    TABLE,
    Recipe,
    make_method,
    noise,
    pick,
)
from tvbi_ref.module_b import SupportPrior
from tvbi_ref.nets import Network
from tvbi_ref.nets.row_weights import RowWeights, as_row_weights
from tvbi_ref.turbo import TurboResult

TURBO = "turbo-vbi"
PLAIN = "independent"
METHODS = (TURBO, *baselines.METHODS)

DRAWS = 200
"""Networks drawn from q(w) for a predictive standard deviation, known to about 5% then."""

OPTION = "method_options__"
"""How scikit-learn calls what is within `method_options`."""

ROUNDING = 1e-3
"""By how much, in nats a row, a fit must be worse than a constant before it is said to be."""


class _Estimator(BaseEstimator):
    """What both estimators share: the parameters, and the way from rows to a small network."""

    network_: Network
    compressed_: CompressedNetwork
    result_: TurboResult | None
    loss_curve_: list[float]
    n_iter_: int

    def __init__(
        self,
        hidden_layer_sizes: Sequence[int] = (100,),
        *,
        method: str = TURBO,
        method_options: Mapping[str, Any] | None = None,
        support: str | SupportPrior | None = None,
        epochs: int | None = None,
        fine_tune_epochs: int | None = None,
        batch_size: int = 32,
        learning_rate: float | None = None,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.method = method
        self.method_options = method_options
        self.support = support
        self.epochs = epochs
        self.fine_tune_epochs = fine_tune_epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.random_state = random_state

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters; deep: those within `method_options`, too.

        Parameters
        ----------
        deep : bool
        """
        params = super().get_params(deep)
        if deep and isinstance(self.method_options, Mapping):
            params |= {OPTION + str(name): v for name, v in self.method_options.items()}
        return dict(params)

    def set_params(self, **params: Any) -> Self:
        """Set parameters; ``method_options__sparsity=0.9`` sets one option and leaves the others.

        Parameters
        ----------
        **params
        """
        names = [name for name in params if name.startswith(OPTION)]
        options = {name.removeprefix(OPTION): params.pop(name) for name in names}
        super().set_params(**params)
        if options:
            self.method_options = {**self._given_options(), **options}
        return self

    def _given_options(self) -> Mapping[str, Any]:
        given = {} if self.method_options is None else self.method_options
        if not isinstance(given, Mapping):
            raise TypeError(f"method_options must be a dict or None; got {given!r}")
        return given

    def _fit(
        self,
        X: FloatArray,
        y: NDArray[Any],
        weights: RowWeights,
        constant: FloatArray,
        likelihood: str,
    ) -> Self:
        """Train, prune and fine-tune a network on checked rows, and doubt it.

        `constant` (C,) is the best output of a network without inputs.
        """
        as_choice(self.method, "method", METHODS)
        seed = _as_seed(self.random_state)
        budget = self._budget()
        widths = [X.shape[1], *_as_hidden(self.hidden_layer_sizes), len(constant)]
        network = nets.mlp(widths, seed=seed, likelihood=likelihood, noise=noise())
        problem = baselines.Problem(X, y, budget, seed, progress=False, sample_weight=weights.each)
        trained = self._method().train(network, problem)
        self.result_ = problem.result and replace(
            problem.result, network=_without_rows(problem.result.network, network)
        )
        self.loss_curve_, self.n_iter_ = problem.losses, len(problem.losses)
        self._keep(_without_rows(trained, network))
        self._doubt(
            X, y, weights, constant
        )  # last: where warnings are errors, there is a fit to look at
        return self

    @property
    def _recipe(self) -> Recipe:
        """What is taken where a parameter says nothing; priors with couplings like the demo's."""
        plain = self.support is None or (isinstance(self.support, str) and self.support == PLAIN)
        return TABLE if plain and self.method == TURBO else DEMO

    def _budget(self) -> Budget:
        """Return what a fit may spend."""
        given = {name: value for name in SPENT if (value := getattr(self, name)) is not None}
        budget = Budget(**pick(self._recipe.options, SPENT) | given)
        return replace(budget, options=pick(self._recipe.options_for(budget.epochs), SCHEDULE))

    def _doubt(
        self, X: FloatArray, y: NDArray[Any], weights: RowWeights, constant: FloatArray
    ) -> None:
        """Warn of a fit that went through and is hardly what was wanted."""
        if self.batch_size > len(X):
            message = f"batch_size={self.batch_size} is more than the {len(X)} rows; all are taken"
            warnings.warn(message, UserWarning, stacklevel=4)
        if self.n_weights_ == 0:
            message = "every weight is pruned and the biases alone predict; try a prior or a method"
            warnings.warn(f"{message} that keeps more", ConvergenceWarning, stacklevel=4)
            return
        alone = np.broadcast_to(constant, (len(X), len(constant)))
        fitted, least = (
            self.network_.loss.value(output, y, weights.share)
            for output in (self._predictor.predict(X), alone)
        )
        if fitted > least + ROUNDING:
            message = (
                "the network predicts its own training rows worse than a constant does; try a "
                "smaller learning_rate, more epochs, or features of order one"
            )
            warnings.warn(message, ConvergenceWarning, stacklevel=4)

    def _keep(self, network: Network) -> None:
        """Set what the fitted estimator has of its network."""
        self.network_ = network
        self.compressed_ = compress(network)
        # In float64, where a row's answer does not depend on the rows it is asked with.
        self._predictor = compress(network.astype(np.float64), "dense")
        self._has_posterior = self.method.startswith(BAYESIAN)
        self.n_weights_ = self.compressed_.n_weights
        self.compression_ = network.n_weights / self.n_weights_ if self.n_weights_ else math.inf

    def _method(self) -> baselines.Method:
        """Return the method; what of Turbo-VBI has a name brings the recipe's numbers."""
        given = self._given_options()
        if self.method != TURBO:
            if self.support is not None:
                raise ValueError(
                    f"support is for method={TURBO!r} alone and must be None for {self.method!r}; "
                    f"got {self.support!r}"
                )
            return make_method(self.method, given, called="method_options")
        options, support = {**pick(self._recipe.options, SCALES), **given}, self.support
        support = PLAIN if support is None else support
        if isinstance(support, SupportPrior):
            return make_method(self.method, options, support=support, called="method_options")
        if not isinstance(support, str) or support not in DEMO.supports:
            names = ", ".join(map(repr, DEMO.supports))
            raise ValueError(f"support must be one of {names}, or a SupportPrior; got {support!r}")
        options = {**self._recipe.supports[support], **options}
        return make_method(f"turbo_{support}", options, called="method_options")

    def _outputs(self, X: ArrayLike) -> FloatArray:
        """Return what the small network says of rows, (n, n_outputs)."""
        rows = self._rows(X)  # first, for it says so if there is no predictor yet
        return self._predictor.predict(rows)

    def _rows(self, X: ArrayLike) -> FloatArray:
        check_is_fitted(self)
        rows: FloatArray = validate_data(self, X, dtype=np.float32, reset=False)
        return rows


class TurboVBIClassifier(ClassifierMixin, _Estimator):
    """A classifier that prunes its network, by Turbo-VBI or by a baseline.

    A fully connected ReLU network with a softmax. As in scikit-learn's own networks the features
    are taken as they come: put a `StandardScaler` before it. It trains in float32.

    Parameters
    ----------
    hidden_layer_sizes : sequence of int
        Units of the hidden layers, input side first; () for none.
    method : str
        "turbo-vbi", or a baseline: a key of `tvbi_ref.lab.baselines.METHODS`.
    method_options : dict, optional
        What differs from the method's defaults. Of a baseline its fields, ``{"sparsity": 0.95}``
        say. Of Turbo-VBI the numbers of a `support` given by name ("field"; "p01", "p10";
        "field", "coupling_row", "coupling_col"), "variance" and "contrast" of
        `HierarchicalPrior.spike_and_slab` (0.2 and 3e-4 by default, 0.1 and 1e-4 with
        another support than "independent"), and what else `TurboVBI` takes: "learn", "module_a" and
        so on. The spike is annealed over five sixths of the epochs.
    support : {"independent", "chains", "grid"} or SupportPrior, optional
        The prior over which weights are alive, of every layer; "independent" by default. For
        Turbo-VBI alone: a baseline has none, and refuses one. A name brings numbers that did well.
        The last two expect neighbouring features to matter together, as pixels do; where the order
        of the features means nothing, "independent" keeps fewer.
    epochs, fine_tune_epochs : int, optional
        Of the method, and of plain training of the survivors afterwards, at half the rate. By
        default 300 and 0; 150 and 30 of a baseline or another support than "independent".
    batch_size : int
    learning_rate : float, optional
        Of Adam at the start; it falls linearly to zero. By default 0.04; 0.005 of a baseline or
        another support than "independent".
    class_weight : dict, "balanced" or None
        How often a row of each label counts, beside its `sample_weight`; "balanced": every label
        as much as any other, all together as many rows as there are.
    random_state : int, RandomState or None
        Of the initial weights and the run. An int is the seed itself, with which
        `tvbi_ref.nets.mlp` and `tvbi_ref.lab.experiment.run` give the same network.

    Attributes
    ----------
    classes_ : ndarray (C,)
        The labels, sorted.
    network_ : Network
        Pruned and fine-tuned; what is pruned is zero and masked.
    compressed_ : CompressedNetwork
        The same without its zeros and dead units. It predicts the same up to rounding, since the
        estimator predicts in float64, saves itself, writes a report, and tells what it does not
        know (``predict_entropy``).
    n_weights_ : int
        Weights of `compressed_`.
    compression_ : float
        How many times fewer than before pruning, infinite if none is left.
    result_ : TurboResult or None
        The posterior before pruning, messages and trace; None for a baseline.
    loss_curve_ : list of float
        The mean negative log-likelihood a row of every epoch, those of fine-tuning last.
    n_iter_ : int
        Epochs in all. There is no early stopping unless the method is asked for it: Turbo-VBI's
        option "tol" is 0.
    n_features_in_ : int
    feature_names_in_ : ndarray (n_features_in_,)
        Only if X had names.

    Notes
    -----
    Source: [turbo-loop], [prune], [likelihood-categorical].

    Wrong parameters are reported by ``fit``: ValueError, or TypeError where not even the type
    fits. A run that diverges raises `tvbi_ref.DivergenceError`. A fit that lost every weight, or
    predicts its own rows worse than a constant does, is a ``ConvergenceWarning`` of scikit-learn.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> X, y = load_digits(return_X_y=True)
    >>> model = TurboVBIClassifier((32,), epochs=20, fine_tune_epochs=5, learning_rate=5e-3,
    ...                            support="independent", random_state=0)
    >>> model.fit(X[:1000] / 16, y[:1000]).score(X[1000:] / 16, y[1000:]) > 0.88
    True
    >>> model.compression_ > 5
    True
    """

    classes_: NDArray[Any]

    def __init__(
        self,
        hidden_layer_sizes: Sequence[int] = (100,),
        *,
        method: str = TURBO,
        method_options: Mapping[str, Any] | None = None,
        support: str | SupportPrior | None = None,
        epochs: int | None = None,
        fine_tune_epochs: int | None = None,
        batch_size: int = 32,
        learning_rate: float | None = None,
        class_weight: Mapping[Any, float] | str | None = None,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        super().__init__(
            hidden_layer_sizes,
            method=method,
            method_options=method_options,
            support=support,
            epochs=epochs,
            fine_tune_epochs=fine_tune_epochs,
            batch_size=batch_size,
            learning_rate=learning_rate,
            random_state=random_state,
        )
        self.class_weight = class_weight

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Train, prune and fine-tune.

        Parameters
        ----------
        X : array_like (n, n_features)
        y : array_like (n,)
            Labels of any sortable kind.
        sample_weight : array_like (n,), optional
            How often every row counts, >= 0: the evidence is that of so many rows, so that
            other weights of the same mean change the fit, and larger ones weaken the prior.

        Returns
        -------
        TurboVBIClassifier
            Itself.
        """
        rows, y = validate_data(self, X, y, dtype=np.float32)
        check_classification_targets(y)
        self.classes_, labels = np.unique(y, return_inverse=True)
        weights = self._weights(labels, as_row_weights(sample_weight, len(rows), np.float32))
        share = np.bincount(labels, weights.share) / len(labels)
        constant = np.log(np.maximum(share, np.finfo(float).tiny))
        return self._fit(rows, labels, weights, constant, "categorical")

    def _weights(self, labels: NDArray[Any], weights: RowWeights) -> RowWeights:
        """Return the weights of rows times those of their labels."""
        if self.class_weight is None:
            return weights
        each = np.ones(len(labels)) if weights.each is None else weights.each
        if isinstance(self.class_weight, str) and self.class_weight == "balanced":
            mass = np.bincount(labels, each)  # of each label: repeated rows count here, too
            of_label = each.sum() / (len(mass) * np.maximum(mass, np.finfo(float).tiny))
            return as_row_weights(each * of_label[labels], len(labels), np.float32)
        of_row = compute_sample_weight(self.class_weight, self.classes_[labels])
        return as_row_weights(each * of_row, len(labels), np.float32)

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Return the most probable label of every row, (n,).

        Parameters
        ----------
        X : array_like (n, n_features)
        """
        most_probable = self._outputs(X).argmax(axis=1)
        return self.classes_[most_probable]

    def predict_proba(self, X: ArrayLike) -> FloatArray:
        """Return the probability of every label, (n, C), rows summing to 1.

        At the posterior means; ``compressed_.predict_proba(X, draws=100)`` averages over q(w).

        Parameters
        ----------
        X : array_like (n, n_features)
        """
        rows = self._rows(X)
        return self._predictor.predict_proba(rows)

    def decision_function(self, X: ArrayLike) -> FloatArray:
        """Return the logits (n, C); of two classes the log-odds (n,) of the second.

        Parameters
        ----------
        X : array_like (n, n_features)
        """
        logits = self._outputs(X)
        return logits[:, 1] - logits[:, 0] if len(self.classes_) == 2 else logits


class TurboVBIRegressor(MultiOutputMixin, RegressorMixin, _Estimator):
    """A regressor that prunes its network, by Turbo-VBI or by a baseline.

    A fully connected ReLU network with a Gaussian likelihood whose precision is learned. The
    priors of weights and noise have a scale, so that ``fit`` standardises the targets;
    predictions are in the original units. Features are taken as they come: put a `StandardScaler`
    before it. It trains in float32.

    Parameters
    ----------
    hidden_layer_sizes, method, method_options, support
        As of `TurboVBIClassifier`.
    epochs, fine_tune_epochs, batch_size, learning_rate, random_state
        As of `TurboVBIClassifier`.

    Attributes
    ----------
    target_scale_ : TargetScale
        Mean and standard deviation of the targets in ``fit``. `network_` and `compressed_`
        predict standardised targets, which ``target_scale_.undo`` brings back.
    network_, compressed_, n_weights_, compression_, result_, loss_curve_, n_iter_,
    n_features_in_, feature_names_in_
        As of `TurboVBIClassifier`.

    Notes
    -----
    Source: [turbo-loop], [prune], [likelihood-gaussian], [noise-precision].

    Wrong parameters are reported by ``fit``: ValueError, or TypeError where not even the type
    fits. A run that diverges raises `tvbi_ref.DivergenceError`. A fit that lost every weight, or
    predicts its own rows worse than a constant does, is a ``ConvergenceWarning`` of scikit-learn.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X = rng.uniform(-1, 1, (300, 3))
    >>> y = 100 + 20 * X[:, 0] + 5 * rng.normal(size=300)
    >>> model = TurboVBIRegressor((20,), epochs=60, learning_rate=1e-2, random_state=0).fit(X, y)
    >>> mean, std = model.predict([[0.5, 0.0, 0.0], [10.0, 0.0, 0.0]], return_std=True)
    >>> bool(abs(mean[0] - 110) < 3), bool(4 < std[0] < 6)  # near data there is hardly but noise
    (True, True)
    >>> bool(std[1] > 2 * std[0])  # far from them the weights are uncertain, too
    True
    """

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Train on standardised targets, prune and fine-tune.

        Parameters
        ----------
        X : array_like (n, n_features)
        y : array_like (n,) or (n, D)
            One target, or several at once.
        sample_weight : array_like (n,), optional
            As of `TurboVBIClassifier`.

        Returns
        -------
        TurboVBIRegressor
            Itself.
        """
        rows, y = validate_data(self, X, y, dtype=np.float32, multi_output=True, y_numeric=True)
        targets = np.reshape(y, (len(rows), -1))
        weights = as_row_weights(sample_weight, len(rows), np.float32)
        scaler = StandardScaler().fit(targets, sample_weight=weights.each)
        self.target_scale_ = TargetScale(scaler.mean_, scaler.scale_)
        standard = scaler.transform(targets)
        return self._fit(rows, standard, weights, np.zeros(targets.shape[1]), "gaussian")

    @overload
    def predict(self, X: ArrayLike, return_std: Literal[False] = False) -> FloatArray: ...

    @overload
    def predict(self, X: ArrayLike, return_std: Literal[True]) -> tuple[FloatArray, FloatArray]: ...

    def predict(
        self, X: ArrayLike, return_std: bool = False
    ) -> FloatArray | tuple[FloatArray, FloatArray]:
        """Return the predictions in the original units, and perhaps how far off they may be.

        Parameters
        ----------
        X : array_like (n, n_features)
        return_std : bool
            Whether the standard deviation of a new target is returned, too: the noise, and how
            much the networks of q(w) differ, var y = E[1/gamma] + var_q(w) f(x). Only "turbo-vbi"
            and "sparse_vd" leave a posterior of the weights; for the other methods it is the
            noise alone, the same for every row. The noise is learned from the residuals of the
            training rows, and is too small where the network overfits. For quantiles see
            ``compressed_.predict_interval``.

        Returns
        -------
        ndarray or tuple (mean, std)
            At the posterior means; (n,) each, or (n, D) if there are several targets.
        """
        output = self._outputs(X)
        mean = _flat_if_one(self.target_scale_.undo(output))
        if not return_std:
            return mean
        std = self.target_scale_.std * np.sqrt(self._variance(self._rows(X)))
        return mean, _flat_if_one(std)

    def _variance(self, rows: FloatArray) -> FloatArray:
        """Return the variance of new standardised targets, (n, D)."""
        small = self._predictor
        noise = np.full((len(rows), small.widths[-1]), small.noise_variance)
        if not self._has_posterior:
            return noise  # variances that nobody trained say nothing
        # The same draws at every call: a row's answer must not depend on what was asked before.
        rng = np.random.default_rng(0)
        draws = [small.sample(rng).predict(rows) for _ in range(DRAWS)]
        return np.asarray(noise + np.var(draws, axis=0))


def _without_rows(network: Network, start: Network) -> Network:
    """Return a copy that does not remember, as layers do, the rows that passed through it last.

    They would make a pickle large, and show the data to whoever reads it. `start` is the network
    before training, which has seen none.
    """
    fresh = start.copy()
    put_back(fresh, arrays_of(network), noise_of(network))
    return fresh


def _flat_if_one(targets: FloatArray) -> FloatArray:
    """Return (n,) for (n, 1): scikit-learn's convention for a single target."""
    return targets[:, 0] if targets.shape[1] == 1 else targets


def _as_seed(random_state: Any) -> int:
    """Return an int as it is, so that the rest of the package can repeat the run."""
    if isinstance(random_state, Integral):
        return as_count(random_state, "random_state")
    return int(check_random_state(random_state).randint(np.iinfo(np.int32).max))


def _as_hidden(value: Any) -> list[int]:
    if not isinstance(value, Iterable):
        raise TypeError(f"hidden_layer_sizes must be a sequence of whole numbers; got {value!r}")
    return [as_count(n, f"hidden_layer_sizes[{k}]", at_least=1) for k, n in enumerate(value)]

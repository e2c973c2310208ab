"""The scikit-learn estimators: its own checks, the same bits as the loop, units, uncertainty."""

import pickle
import warnings

import joblib
import numpy as np
import pytest
import scipy.sparse
from sklearn.base import clone
from sklearn.datasets import load_diabetes, make_moons
from sklearn.exceptions import ConvergenceWarning, FitFailedWarning, NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from tvbi_ref import baselines, experiment, nets
from tvbi_ref.errors import DivergenceError
from tvbi_ref.lab.estimators import METHODS, TurboVBIClassifier, TurboVBIRegressor
from tvbi_ref.lab.experiment import Budget
from tvbi_ref.lab.recipes import DEMO, TABLE
from tvbi_ref.module_b import ChainSupport, GridSupport, IndependentSupport
from tvbi_ref.prior import HierarchicalPrior
from tvbi_ref.turbo import TurboResult

# Five sweeps an epoch, warm-started, need not come to rest in runs as short as these.
pytestmark = pytest.mark.filterwarnings("ignore:message passing ran out of sweeps")

BOTH = (TurboVBIClassifier, TurboVBIRegressor)
TINY = {
    "hidden_layer_sizes": (8,),
    "epochs": 20,
    "fine_tune_epochs": 5,
    "learning_rate": 0.02,
    "random_state": 0,
}
# Of eight hidden units a sparsity of 0.9 would leave nearly none.
OPTIONS = {name: {"sparsity": 0.5} for name in ("magnitude", "gradual_magnitude", "snip")}


def tiny(kind, method="turbo-vbi", **others):
    return kind(**TINY | {"method": method, "method_options": OPTIONS.get(method)} | others)


@pytest.fixture(scope="module")
def plane():
    """Return rows, labels and targets: two classes apart, a line with noise of deviation 5."""
    rng = np.random.default_rng(0)
    X = rng.uniform(-2, 2, (400, 3))
    y = 100 + 20 * X[:, 0] + 5 * rng.normal(size=400)
    return X, np.where(X[:, 0] + X[:, 1] > 0, "up", "down"), y


def target(kind, plane):
    return plane[1] if kind is TurboVBIClassifier else plane[2]


def states(network):
    return network.state() + [layer.mask for layer in network.weight_layers]


def assert_same_network(one, other):
    for a, b in zip(states(one), states(other), strict=True):
        np.testing.assert_array_equal(a, b)


REASON = "whole weights are repeated rows in expectation: minibatches and noise are drawn otherwise"
UNEQUAL = {"check_sample_weight_equivalence_on_dense_data": REASON}  # exactly: test_row_weights


@parametrize_with_checks(
    [tiny(kind, method) for method in METHODS for kind in BOTH],
    expected_failed_checks=lambda estimator: UNEQUAL,
)
@pytest.mark.filterwarnings(
    "ignore:batch_size", "ignore:every weight", "ignore:the network predicts"
)
@pytest.mark.slow
def test_scikit_learn_finds_nothing_wrong(estimator, check):
    check(estimator)


@pytest.mark.parametrize("kind", BOTH)
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.slow
def test_every_method_prunes_and_predicts(kind, method, plane):
    X, y = plane[0], target(kind, plane)
    model = tiny(kind, method).fit(X, y)
    assert model.score(X, y) > 0.85
    assert isinstance(model.result_, TurboResult) == (method == "turbo-vbi")
    assert 0 < model.n_weights_ <= model.network_.n_kept <= model.network_.n_weights
    assert model.compression_ == model.network_.n_weights / model.n_weights_
    assert model.compressed_.check_against(model.network_, X) < 1e-4


# The same run as without scikit-learn


@pytest.mark.parametrize(
    ("support", "prior", "rate"),
    [(None, TABLE.prior("independent"), 4e-2), ("grid", DEMO.prior("grid"), 5e-3)],
)
def test_a_seed_gives_the_network_of_experiment_run(support, prior, rate, digits):
    model = TurboVBIClassifier((16,), epochs=6, fine_tune_epochs=1, random_state=5)
    model.set_params(support=support).fit(digits.x_train, digits.y_train)
    schedule = {"kl_warmup": 3, "spike_epochs": 5}
    budget = Budget(6, 1, 32, rate, options=schedule)
    outcome = experiment.run("", nets.mlp([64, 16, 10], seed=5), digits, prior, budget, seed=5)
    assert_same_network(model.network_, outcome.network)
    assert model.result_.density == outcome.result.density
    assert model.score(digits.x_test, digits.y_test) == pytest.approx(outcome.tuned)


def test_a_seed_gives_the_network_of_a_baseline(digits):
    model = TurboVBIClassifier((16,), method="snip", epochs=2, fine_tune_epochs=1, random_state=5)
    model.set_params(method_options={"sparsity": 0.8}).fit(digits.x_train, digits.y_train)
    budget = Budget(epochs=2, fine_tune_epochs=1, learning_rate=5e-3)
    small = baselines.SNIP(sparsity=0.8).fit(
        nets.mlp([64, 16, 10], seed=5), digits.x_train, digits.y_train, budget, seed=5
    )
    assert_same_network(model.network_, small)


@pytest.mark.parametrize(
    ("kind", "load", "score", "weights"),
    [
        (TurboVBIClassifier, lambda: make_moons(600, noise=0.2, random_state=1), 0.95, 40),
        (TurboVBIRegressor, lambda: load_diabetes(return_X_y=True), 0.35, 30),
    ],
    ids=["moons", "diabetes"],
)
def test_nothing_need_be_said_for_few_weights_and_a_good_score(kind, load, score, weights):
    X, X_test, y, y_test = train_test_split(*load(), random_state=0)
    model = make_pipeline(StandardScaler(), kind(random_state=0)).fit(X, y)
    assert model.score(X_test, y_test) > score
    assert model[-1].n_weights_ < weights


def test_options_reach_support_prior_and_loop(plane):
    X, y, _ = plane
    named = {"p01": 0.1, "p10": 0.3, "variance": 0.1, "contrast": 1e-2, "learn": True}
    model = tiny(TurboVBIClassifier, support="chains", method_options=named).fit(X, y)
    settings = model.result_.settings
    expected = HierarchicalPrior.spike_and_slab(ChainSupport(0.1, 0.3), variance=0.1, contrast=1e-2)
    assert settings["prior"] == expected
    assert settings["learn"] is True
    rest = {"variance": 0.1, "contrast": 1e-2, "learn": True}
    built = tiny(TurboVBIClassifier, support=ChainSupport(0.1, 0.3), method_options=rest)
    assert_same_network(model.network_, built.fit(X, y).network_)


def test_a_lower_field_keeps_less(plane):
    X, y, _ = plane
    kept = [
        tiny(TurboVBIClassifier, support=IndependentSupport(field)).fit(X, y).network_.n_kept
        for field in (4.0, 0.0, -4.0)
    ]
    assert kept[0] > kept[1] > kept[2]


def test_no_hidden_layer_is_logistic_regression_pruned(plane):
    X, y, _ = plane
    model = tiny(TurboVBIClassifier, hidden_layer_sizes=()).fit(X, y)
    assert model.network_.widths == (3, 2)
    assert model.score(X, y) > 0.95


def test_where_everything_is_pruned_the_bias_predicts(plane):
    X, _, y = plane
    with pytest.warns(ConvergenceWarning, match="every weight is pruned and the biases alone"):
        model = tiny(TurboVBIRegressor, support=IndependentSupport(-500.0)).fit(X, y)
    assert model.n_weights_ == 0
    assert model.compression_ == np.inf
    mean, std = model.predict(X, return_std=True)
    assert np.ptp(mean) == np.ptp(std) == 0
    assert mean[0] == pytest.approx(y.mean(), abs=0.1 * y.std())  # of the last minibatches
    assert std[0] == pytest.approx(y.std(), rel=0.05)


# Randomness


@pytest.mark.parametrize("kind", BOTH)
def test_random_state(kind, plane):
    X, y = plane[0], target(kind, plane)

    def network(random_state):
        return tiny(kind, epochs=2, random_state=random_state).fit(X, y).network_

    assert_same_network(network(3), network(np.int64(3)))
    assert_same_network(network(np.random.RandomState(3)), network(np.random.RandomState(3)))
    stream = np.random.RandomState(3)
    first, second = network(stream), network(stream)
    assert not np.array_equal(first.state()[0], second.state()[0])
    assert not np.array_equal(network(None).state()[0], network(None).state()[0])


# The classifier


def test_labels_probabilities_and_logits_agree(plane, digits):
    X, y, _ = plane
    two = tiny(TurboVBIClassifier).fit(X, y)
    assert two.classes_.tolist() == ["down", "up"]
    p, log_odds = two.predict_proba(X), two.decision_function(X)
    np.testing.assert_allclose(p.sum(axis=1), 1)
    np.testing.assert_allclose(log_odds, np.log(p[:, 1] / p[:, 0]), rtol=1e-6, atol=1e-6)
    np.testing.assert_array_equal(two.predict(X), np.where(log_odds > 0, "up", "down"))
    many = tiny(TurboVBIClassifier, epochs=2).fit(digits.x_train, digits.y_train)
    logits = many.decision_function(digits.x_test)
    assert logits.shape == (len(digits.x_test), 10)
    np.testing.assert_array_equal(many.predict(digits.x_test), logits.argmax(axis=1))


def test_a_single_label_is_all_it_knows():
    model = tiny(TurboVBIClassifier, epochs=1, batch_size=3, fine_tune_epochs=0)
    with pytest.warns(ConvergenceWarning, match="every weight is pruned"):
        model.fit(np.eye(3), ["only"] * 3)
    assert model.predict(np.eye(3)).tolist() == ["only"] * 3
    assert model.predict_proba(np.eye(3)).tolist() == [[1.0]] * 3


# The regressor


def test_other_units_change_the_numbers_and_nothing_else(plane):
    X, _, y = plane
    fine, coarse = tiny(TurboVBIRegressor).fit(X, y), tiny(TurboVBIRegressor).fit(X, 1024 * y)
    assert_same_network(fine.network_, coarse.network_)
    pairs = zip(fine.predict(X, return_std=True), coarse.predict(X, return_std=True), strict=True)
    for here, there in pairs:
        np.testing.assert_array_equal(1024 * here, there)


def test_std_is_noise_where_data_are_and_more_where_they_are_not(plane):
    X, _, y = plane
    model = tiny(TurboVBIRegressor, epochs=60).fit(X, y)
    mean, std = model.predict(X, return_std=True)
    np.testing.assert_array_equal(mean, model.predict(X))
    assert np.mean(std) == pytest.approx(5, rel=0.15)
    assert np.mean(np.abs(y - mean) < 1.645 * std) == pytest.approx(0.9, abs=0.05)
    far = model.predict([[40.0, 0.0, 0.0]], return_std=True)[1]
    assert far > 2 * std.max()


def test_std_agrees_with_the_interval_of_the_small_network(plane):
    X, _, y = plane
    model = tiny(TurboVBIRegressor).fit(X, y)
    within_one_std = 0.6827  # of a Gaussian, which the mixture over few weights nearly is
    lower, upper = model.compressed_.predict_interval(X[:20], within_one_std, draws=500, seed=1)
    half = model.target_scale_.std * (upper - lower) / 2
    np.testing.assert_allclose(model.predict(X[:20], return_std=True)[1], half[:, 0], rtol=0.06)


def test_variances_that_nobody_trained_are_no_uncertainty(plane):
    X, _, y = plane
    model = tiny(TurboVBIRegressor, "snip").fit(X, y)
    std = model.predict(X, return_std=True)[1]
    noise = model.target_scale_.std[0] * model.compressed_.noise_variance**0.5
    np.testing.assert_allclose(std, noise)
    # What the method is called later does not make a posterior of it.
    np.testing.assert_array_equal(
        model.set_params(method="sparse_vd").predict(X, return_std=True)[1], std
    )


def test_several_targets_each_in_its_units(plane):
    X, _, y = plane
    Y = np.column_stack([y, 1e-3 * X[:, 1]])
    model = tiny(TurboVBIRegressor).fit(X, Y)
    mean, std = model.predict(X, return_std=True)
    assert mean.shape == std.shape == Y.shape
    assert model.score(X, Y) > 0.85
    assert std[:, 0].mean() > 1e3 * std[:, 1].mean()


# Inside scikit-learn


@pytest.mark.parametrize("kind", BOTH)
def test_pickle_and_clone(kind, plane):
    X, y = plane[0], target(kind, plane)
    model = tiny(kind, support=IndependentSupport(-1.0)).fit(X, y)
    pickled = pickle.dumps(model)
    np.testing.assert_array_equal(pickle.loads(pickled).predict(X), model.predict(X))
    assert not any(row.tobytes() in pickled for row in X.astype(np.float32))
    twin = clone(model)
    assert twin.get_params() == model.get_params()
    with pytest.raises(NotFittedError):
        twin.predict(X)


def test_a_second_fit_leaves_nothing_of_the_first(plane):
    X, y, _ = plane
    model = tiny(TurboVBIClassifier).fit(X, y)
    model.set_params(method="l0").fit(X[:, :2], y)
    assert model.result_ is None
    assert model.n_features_in_ == 2
    assert model.predict(X[:, :2]).shape == (400,)


@pytest.mark.filterwarnings("ignore:every weight is pruned")
def test_grid_search_over_a_pipeline(plane):
    X, y, _ = plane
    steps = make_pipeline(StandardScaler(), tiny(TurboVBIClassifier, support="independent"))
    name = "turbovbiclassifier__"
    grid = [
        {name + "method_options": [{"field": -20.0}, {"field": -1.0}]},
        {name + "support": ["chains", GridSupport(-1.0, 0.1, 0.2)]},
        {
            name + "method": ["snip"],
            name + "method_options": [{"sparsity": 0.5}],
            name + "support": [None],
        },
    ]
    search = GridSearchCV(steps, grid, cv=2, error_score="raise").fit(1000 + 50 * X, y)
    assert search.score(1000 + 50 * X, y) > 0.95
    assert len(search.cv_results_["params"]) == 5


def cross_validate(kind, plane, **options):
    X, y = plane[0], target(kind, plane)
    return cross_val_score(tiny(kind, epochs=4), X, y, cv=2, error_score="raise", **options)


@pytest.mark.parametrize("kind", BOTH)
@pytest.mark.slow
def test_worker_processes_find_the_same(kind, plane):
    with joblib.parallel_config("loky"):
        there = cross_validate(kind, plane, n_jobs=2)
    np.testing.assert_array_equal(there, cross_validate(kind, plane))


@pytest.mark.parametrize("kind", BOTH)
@pytest.mark.slow
def test_dask_workers_find_the_same(kind, plane):
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as c,
        distributed.Client(c),
        joblib.parallel_config("dask"),
    ):
        there = cross_validate(kind, plane)
    np.testing.assert_array_equal(there, cross_validate(kind, plane))


# Mistakes


@pytest.mark.parametrize("kind", BOTH)
@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"method": "prune"}, "method must be one of 'turbo-vbi', 'magnitude', .*; got 'prune'"),
        ({"hidden_layer_sizes": 8}, "hidden_layer_sizes must be a sequence of whole numbers; got"),
        ({"hidden_layer_sizes": (8, 0)}, r"hidden_layer_sizes\[1\] must be .* >= 1; got 0"),
        ({"epochs": 0}, "epochs must be a whole number >= 1; got 0"),
        ({"epochs": 2.5}, "epochs must be a whole number >= 1; got float 2.5"),
        ({"fine_tune_epochs": -1}, "fine_tune_epochs must be a whole number >= 0; got -1"),
        ({"batch_size": 0}, "batch_size must be a whole number >= 1; got 0"),
        ({"learning_rate": 0.0}, "learning_rate must be a number > 0; got 0"),
        ({"random_state": -1}, "random_state must be a whole number >= 0; got -1"),
        ({"random_state": "x"}, "'x' cannot be used to seed"),
        (
            {"support": "ising"},
            "support must be one of 'independent', .*; got 'ising'",
        ),
        ({"support": 3}, "support must be one of .* or a SupportPrior; got 3"),
        (
            {"method": "snip", "support": "grid"},
            "support is for method='turbo-vbi' alone and must be None for 'snip'; got 'grid'",
        ),
        ({"method_options": 0.9}, "method_options must be a dict or None; got 0.9"),
        (
            {"method_options": {"p01": 0.1}},
            "must be some of .* for turbo_independent; got p01",
        ),
        (
            {"support": IndependentSupport(0.0), "method_options": {"field": 1.0}},
            "method_options must be some of contrast, .*; got field",
        ),
        ({"method_options": {"epochs": 3}}, "method_options must be some of .*; got epochs"),
        ({"method_options": {"contrast": 2.0}}, "contrast must be a number > 0 and < 1; got 2"),
        (
            {"method": "snip", "method_options": {"strength": 1.0}},
            "method_options must be some of rows, sparsity for snip; got strength",
        ),
        (
            {"method": "snip", "method_options": {"sparsity": 97}},
            "sparsity must be a number >= 0 and < 1; got 97",
        ),
    ],
)
def test_fit_names_the_wrong_parameter(kind, parameters, message, plane):
    model = tiny(kind, **parameters)  # nothing is checked before fit
    with pytest.raises((ValueError, TypeError), match=message):
        model.fit(plane[0], target(kind, plane))


@pytest.mark.parametrize("method", ["turbo-vbi", "group_lasso"])
def test_divergence_is_reported(method, plane):
    X, _, y = plane
    with pytest.raises(DivergenceError, match="try a smaller learning rate"):
        tiny(TurboVBIRegressor, method, learning_rate=1e30).fit(X, y)


# Weights of rows and of labels


def assert_near_network(one, other):
    for a, b in zip(states(one), states(other), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("kind", BOTH)
@pytest.mark.parametrize("method", ["snip", "magnitude"])
def test_whole_weights_are_repeated_rows(kind, method, plane):
    X, y = plane[0][:60], target(kind, plane)[:60]
    times = np.random.default_rng(0).integers(0, 4, 60)
    whole = {"epochs": 60, "batch_size": 60, "learning_rate": 0.1}
    weighted = tiny(kind, method, **whole).fit(X, y, sample_weight=times)
    whole["batch_size"] = times.sum()
    repeated = tiny(kind, method, **whole).fit(X.repeat(times, axis=0), y.repeat(times))
    assert_near_network(weighted.network_, repeated.network_)
    np.testing.assert_allclose(weighted.loss_curve_, repeated.loss_curve_, rtol=1e-3, atol=1e-4)
    if kind is TurboVBIRegressor:
        pair = weighted.target_scale_, repeated.target_scale_
        np.testing.assert_allclose(pair[0].mean, pair[1].mean)
        np.testing.assert_allclose(pair[0].std, pair[1].std)


@pytest.mark.parametrize("kind", BOTH)
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.slow
def test_rows_that_do_not_count_do_not_matter(kind, method, plane):
    X, y = plane[0], np.array(target(kind, plane))
    counts = X[:, 2] < 0
    wrong = np.where(counts, y, y[::-1])
    model = tiny(kind, method).fit(X, wrong, sample_weight=counts)
    assert model.score(X, y) > 0.8


def test_equal_weights_are_none(plane):
    X, y, _ = plane
    plain = tiny(TurboVBIClassifier, epochs=4).fit(X, y)
    assert_near_network(
        plain.network_, tiny(TurboVBIClassifier, epochs=4).fit(X, y, np.ones(len(y))).network_
    )


@pytest.mark.parametrize("times", [None, np.arange(400) % 3])
def test_the_weight_of_a_label_is_that_of_its_rows(times, plane):
    X, y, _ = plane
    one = 1 if times is None else times
    of_label = {"up": 2.0, "down": 0.5}
    n_up, n = np.sum(one * (y == "up")), np.sum(one * np.ones(400))
    balanced = {"up": n / (2 * n_up), "down": n / (2 * (n - n_up))}
    for given, numbers in ((of_label, of_label), ("balanced", balanced)):
        model = tiny(TurboVBIClassifier, epochs=3, class_weight=given).fit(X, y, times)
        each = one * np.array([numbers[label] for label in y])
        other = tiny(TurboVBIClassifier, epochs=3).fit(X, y, sample_weight=each)
        assert_near_network(model.network_, other.network_)


def test_a_rare_label_is_found_if_it_counts_as_much():
    rng = np.random.default_rng(0)
    y = (np.arange(400) < 20).astype(int)
    X = rng.normal(size=(400, 3)) + 1.2 * y[:, None]
    fits = [
        tiny(TurboVBIClassifier, support="independent", class_weight=w).fit(X, y)
        for w in (None, "balanced")
    ]
    recall = [model.predict(X[:20]).mean() for model in fits]
    assert recall[1] > recall[0] + 0.3


def test_a_pipeline_hands_weights_on(plane):
    X, y, _ = plane
    times = np.arange(400) % 3
    steps = make_pipeline(StandardScaler(), tiny(TurboVBIClassifier, epochs=2))
    steps.fit(X, y, turbovbiclassifier__sample_weight=times)
    alone = tiny(TurboVBIClassifier, epochs=2).fit(StandardScaler().fit_transform(X), y, times)
    assert_same_network(steps[-1].network_, alone.network_)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"class_weight": "even"}, "'even'"),
        ({"class_weight": {"up": -1.0}}, "sample_weight must be >= 0"),
        ({"class_weight": 3}, "class_weight"),
    ],
)
def test_wrong_weights_of_labels_are_named(parameters, message, plane):
    with pytest.raises((ValueError, TypeError), match=message):
        tiny(TurboVBIClassifier, **parameters).fit(plane[0], plane[1])


# What a scikit-learn user looks for


@pytest.mark.parametrize("method", ["turbo-vbi", "snip"])
def test_the_loss_curve_has_an_entry_an_epoch(method, plane):
    X, _, y = plane
    model = tiny(TurboVBIRegressor, method).fit(X, y)
    assert model.n_iter_ == len(model.loss_curve_) == 25
    assert model.loss_curve_[-1] < model.loss_curve_[0]
    if method == "turbo-vbi":
        expected = -model.result_.trace["log_likelihood"] / 400
        np.testing.assert_array_equal(model.loss_curve_[:20], expected)


def test_an_option_is_a_parameter_of_its_own(plane):
    X, y, _ = plane
    options = {"field": -1.0, "learn": False}
    model = tiny(TurboVBIClassifier, support="independent", method_options=options)
    assert model.get_params()["method_options__field"] == -1.0
    assert "method_options__field" not in model.get_params(deep=False)
    twin = clone(model).set_params(method_options__field=-2.0)
    assert twin.method_options == {"field": -2.0, "learn": False}
    assert model.method_options == options  # which is no longer the twin's
    assert tiny(TurboVBIClassifier).set_params(method_options__p01=0.1).method_options == {
        "p01": 0.1
    }
    both = twin.set_params(method_options__field=-3.0, method_options={"learn": True})
    assert both.method_options == {"learn": True, "field": -3.0}
    with pytest.raises(TypeError, match="method_options must be a dict or None; got 3"):
        clone(model).set_params(method_options=3, method_options__field=1.0)
    with pytest.raises(ValueError, match=r"must be some of .*; got feild"):
        clone(model).set_params(method_options__feild=1.0).fit(X, y)


@pytest.mark.filterwarnings("ignore:every weight is pruned")
def test_a_search_over_one_option(plane):
    X, y, _ = plane
    steps = make_pipeline(StandardScaler(), tiny(TurboVBIClassifier, support="independent"))
    grid = {"turbovbiclassifier__method_options__field": [-50.0, -1.0]}
    search = GridSearchCV(steps, grid, cv=2, error_score="raise").fit(X, y)
    assert search.best_params_ == {"turbovbiclassifier__method_options__field": -1.0}
    assert search.best_estimator_[-1].result_.supports[0] == IndependentSupport(-1.0)


@pytest.mark.parametrize("kind", BOTH)
def test_sparse_features_are_refused_as_everywhere(kind, plane):
    X, y = scipy.sparse.csr_array(plane[0]), target(kind, plane)
    with pytest.raises(TypeError, match="Sparse data was passed for X, but dense data is required"):
        tiny(kind).fit(X, y)


@pytest.mark.parametrize("kind", BOTH)
def test_tables_of_pandas_come_in(kind, plane):
    pd = pytest.importorskip("pandas")
    X, y = plane[0], target(kind, plane)
    times = np.arange(400) % 3
    table = pd.DataFrame(X, columns=["a", "b", "c"], index=np.arange(400)[::-1])
    series = pd.Series(y, index=table.index)
    weights = pd.Series(times, index=table.index)
    model = tiny(kind, epochs=3).fit(table, series, sample_weight=weights)
    assert model.feature_names_in_.tolist() == ["a", "b", "c"]
    assert_same_network(model.network_, tiny(kind, epochs=3).fit(X, y, times).network_)
    assert isinstance(model.predict(table), np.ndarray)
    with pytest.raises(ValueError, match="feature names"):
        model.predict(table[["b", "a", "c"]])
    small = table.astype("Float32")  # pandas' own type, which knows missing entries
    np.testing.assert_allclose(model.predict(small) == model.predict(table), True)
    small.iloc[3, 1] = pd.NA
    with pytest.raises(ValueError, match="contains NaN"):
        model.predict(small)
    if kind is TurboVBIClassifier:
        named = series.astype("category")
        assert tiny(kind, epochs=3).fit(table, named).classes_.tolist() == ["down", "up"]
    else:
        several = pd.DataFrame({"one": y, "two": -y}, index=table.index)
        assert tiny(kind, epochs=3).fit(table, several).predict(table).shape == (400, 2)


def test_pandas_comes_out_of_the_steps_before(plane):
    pd = pytest.importorskip("pandas")
    X, y, _ = plane
    steps = make_pipeline(StandardScaler(), tiny(TurboVBIClassifier, epochs=2))
    steps.set_output(transform="pandas").fit(pd.DataFrame(X, columns=["a", "b", "c"]), y)
    assert steps[-1].feature_names_in_.tolist() == ["a", "b", "c"]


# Fits that went through and are hardly what was wanted


@pytest.mark.parametrize("kind", BOTH)
@pytest.mark.parametrize("method", ["turbo-vbi", "group_lasso"])
def test_a_learning_rate_that_does_harm_is_said(kind, method, plane):
    X, y = plane[0], target(kind, plane)
    model = tiny(kind, method, learning_rate=1000.0, epochs=3, fine_tune_epochs=0)
    with pytest.warns(ConvergenceWarning, match="worse than a constant does; try a smaller learn"):
        model.fit(X, y)
    assert model.predict(X).shape == (400,)
    if kind is TurboVBIRegressor:
        assert model.score(X, y) < 0  # which is what is said


def test_a_batch_larger_than_the_data_is_said(plane):
    X, y, _ = plane
    with pytest.warns(UserWarning, match="batch_size=32 is more than the 20 rows; all are taken"):
        large = tiny(TurboVBIClassifier).fit(X[:20], y[:20])
    with warnings.catch_warnings(action="error"):
        exact = tiny(TurboVBIClassifier, batch_size=20).fit(X[:20], y[:20])
    assert_same_network(large.network_, exact.network_)


def test_a_warning_names_the_line_that_called_fit(plane):
    X, y, _ = plane
    with pytest.warns(UserWarning, match="batch_size") as said:
        tiny(TurboVBIClassifier).fit(X[:20], y[:20])
    assert said[0].filename == __file__


def test_where_warnings_are_errors_the_fit_is_still_there(plane):
    X, y, _ = plane
    model = tiny(TurboVBIClassifier, support=IndependentSupport(-500.0))
    with pytest.raises(ConvergenceWarning):  # pytest makes errors of them
        model.fit(X, y)
    assert model.n_weights_ == 0
    assert model.predict(X).shape == (400,)


@pytest.mark.filterwarnings("ignore:One or more of the test scores are non-finite")
def test_a_search_goes_on_where_a_run_diverges(plane):
    X, _, y = plane
    search = GridSearchCV(tiny(TurboVBIRegressor), {"learning_rate": [1e30, 0.02]}, cv=2)
    with pytest.warns(FitFailedWarning, match="try a smaller learning rate"):
        search.fit(X, y)
    assert search.best_params_ == {"learning_rate": 0.02}

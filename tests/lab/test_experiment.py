"""One comparison, start to end: what is measured, what is said of it, what is written."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from tvbi_ref import (
    GridSupport,
    HierarchicalPrior,
    TurboVBI,
    datasets,
    experiment,
    load_compressed,
    load_network,
    nets,
    plots,
    prune,
    support_masks,
)
from tvbi_ref.lab.experiment import Budget

PRIOR = HierarchicalPrior.spike_and_slab(GridSupport(-0.5, 0.04, 0.6), variance=0.1)
BUDGET = Budget(epochs=4, fine_tune_epochs=2, learning_rate=5e-3, options={"spike_epochs": 3})


@pytest.fixture(scope="module")
def network():
    return nets.mlp([64, 8, 10], seed=0)


@pytest.fixture(scope="module")
def outcome(network, digits):
    return experiment.run("a grid", network, digits, PRIOR, BUDGET, seed=0)


def test_a_run_is_the_loop_the_pruning_and_plain_training_at_half_the_rate(
    outcome, network, digits
):
    rows = digits.x_train, digits.y_train
    turbo = TurboVBI(PRIOR, epochs=4, batch_size=32, learning_rate=5e-3, spike_epochs=3, seed=0)
    result = turbo.fit(network.copy(), *rows)
    small = prune(result)
    assert outcome.pruned == small.score(digits.x_test, digits.y_test)
    nets.train(small, *rows, epochs=2, seed=0, batch_size=32, learning_rate=2.5e-3)
    for a, b in zip(outcome.network.state(), small.state(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert outcome.tuned == small.score(digits.x_test, digits.y_test)
    assert outcome.sparsity.kept == sum(int(mask.sum()) for mask in support_masks(result))
    assert outcome.seconds >= result.trace["seconds"][0]


def test_the_start_stays_as_it_was(outcome, network):
    for a, b in zip(network.state(), nets.mlp([64, 8, 10], seed=0).state(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert network.weight_layers[0].mask is None


def test_the_dense_baseline_has_the_epochs_of_the_loop_and_no_fine_tuning(network, digits):
    dense = experiment.train_dense(network, digits, BUDGET, seed=3)
    plain = network.copy()
    rows = digits.x_train, digits.y_train
    nets.train(plain, *rows, epochs=4, seed=3, batch_size=32, learning_rate=5e-3)
    for a, b in zip(dense.state(), plain.state(), strict=True):
        np.testing.assert_array_equal(a, b)
    score = plain.score(digits.x_test, digits.y_test)
    assert experiment.dense_baseline(network, digits, BUDGET, seed=3) == score


def test_validation_rows_and_callbacks_reach_the_loop(network, digits):
    seen = []
    data = digits.with_validation(0.2, seed=0)
    budget = Budget(epochs=2, fine_tune_epochs=0)
    callback = [lambda epoch, row, result: seen.append(epoch)]
    found = experiment.run("a", network, data, PRIOR, budget, seed=0, callbacks=callback)
    assert seen == [0, 1]
    assert "valid_score" in found.result.trace.columns


def test_the_table_has_a_line_a_prior_and_explains_its_columns(outcome):
    text = experiment.table(0.95, [outcome, outcome])
    assert text.startswith("test accuracy: ")
    line = next(line for line in text.splitlines() if line.startswith("a grid"))
    assert line.split()[2:6] == [
        "0.950",
        f"{outcome.pruned:.3f}",
        f"{outcome.tuned:.3f}",
        str(outcome.sparsity.kept),
    ]
    assert text.count("\na grid") == 2
    for column in ("mean run", "index bits", "H(p)/p", "kbit"):
        assert column in text.split("\n\n")[-1]


def test_the_layers_add_up(outcome):
    cells = experiment.layer_table([outcome]).splitlines()[-1].removeprefix("a grid").split("|")
    assert sum(int(cell.split()[0]) for cell in cells) == outcome.sparsity.kept


def test_recovery_is_the_average_precision_of_the_posterior():
    data = datasets.load_synthetic(widths=(12, 6), n_test=5)
    start = nets.mlp([12, 6], seed=0, likelihood="gaussian")
    found = experiment.run("grid", start, data, PRIOR, BUDGET, seed=0)
    area = average_precision_score(
        data.supports[0].ravel(), found.result.posteriors[0].support_log_odds.ravel()
    )
    assert experiment.recovery(found, data.supports).endswith(f"by layer: {area:.3f}")


def test_what_is_written_can_be_read_again(outcome, digits, tmp_path, monkeypatch):
    monkeypatch.setattr(plots, "save", lambda figure, path: path)
    written = experiment.write([outcome], "the table", tmp_path / "new" / "folder")
    assert (tmp_path / "new" / "folder" / "table.txt").read_text() == "the table\n"
    files = {path.name: path for path in written}
    whole, small = (
        load_network(files["model_a_grid.npz"]),
        load_compressed(files["small_a_grid.npz"]),
    )
    expected = outcome.network.predict(digits.x_test)
    np.testing.assert_array_equal(whole.predict(digits.x_test), expected)
    np.testing.assert_allclose(small.predict(digits.x_test), expected, atol=1e-4)
    assert len(files["trace_a_grid.csv"].read_text().splitlines()) == 1 + BUDGET.epochs


def test_a_picture_that_fails_is_a_warning_and_loses_nothing(outcome, tmp_path, monkeypatch):
    def fails(*_, **__):
        raise ValueError("Axis limits cannot be NaN or Inf")

    for name in ("supports", "trace"):
        monkeypatch.setattr(experiment.plots, name, fails)
    with pytest.warns(UserWarning, match="no picture .*: Axis limits") as caught:
        written = experiment.write([outcome], "the table", tmp_path)
    assert len(caught) == 2
    assert sorted(written) == sorted(tmp_path.iterdir())
    endings = [path.suffix for path in written]
    assert endings == [".txt", ".npz", ".npz", ".csv", ".png", ".png"]  # pictures come last


def test_a_file_is_no_folder_to_write_into(tmp_path):
    (tmp_path / "taken").write_text("")
    with pytest.raises(ValueError, match=r"out must be a folder to write into; got .*taken"):
        experiment.make_folder(tmp_path / "taken")

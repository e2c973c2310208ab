import csv
import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tvbi_ref.turbo import Annealing, Trace


def plan(**changes):
    given_ = {
        "epochs": 40,
        "kl_warmup": 5,
        "spike_epochs": 10,
        "spike_start": 0.1,
        "learning_rate": 1e-3,
    }
    return Annealing(**(given_ | changes))


@given(warmup=st.integers(0, 30), epoch=st.integers(0, 100), final=st.floats(0.01, 1))
def test_the_kl_weight_rises_to_its_final_value_and_stays(warmup, epoch, final):
    schedule = plan(kl_warmup=warmup, final_kl_weight=final)
    assert 0 < schedule.kl_weight(epoch) <= schedule.kl_weight(epoch + 1) <= final
    assert schedule.kl_weight(max(epoch, warmup)) == final


@given(final=st.floats(1e-8, 0.5), spike_epochs=st.integers(0, 30))
def test_the_contrast_falls_geometrically_and_ends_at_its_final_value(final, spike_epochs):
    schedule = plan(spike_epochs=spike_epochs)
    values = [schedule.contrast(epoch, final) for epoch in range(spike_epochs + 3)]
    assert all(a >= b for a, b in itertools.pairwise(values))
    assert values[-1] == final
    if spike_epochs > 1 and final < 0.1:
        ratios = np.diff(np.log(values[: spike_epochs + 1]))
        np.testing.assert_allclose(ratios, ratios[0], atol=1e-9)


def test_the_learning_rate_falls_linearly_and_never_to_zero_within_the_run():
    rates = [plan().rate(epoch) for epoch in range(40)]
    np.testing.assert_allclose(np.diff(rates), -1e-3 / 40)
    assert rates[-1] > 0


def test_nothing_is_settled_while_something_is_annealed():
    assert not plan().settled(9)
    assert plan().settled(10)
    assert not plan(kl_warmup=15).settled(14)


@pytest.mark.parametrize(
    ("name", "value"),
    [("epochs", 0), ("kl_warmup", -1), ("spike_epochs", -1), ("spike_start", 1.0),
     ("kl_warmup", 41), ("spike_epochs", 41),
     ("spike_start", 0.0), ("learning_rate", 0.0), ("learning_rate", float("nan"))],
)  # fmt: skip
def test_a_bad_schedule_is_refused_by_name(name, value):
    with pytest.raises(ValueError, match=name):
        plan(**{name: value})


def test_a_trace_round_trips_through_its_csv(tmp_path):
    trace = Trace()
    for epoch in range(3):
        trace.append({"epoch": epoch, "elbo": -1 / 3 + epoch})
    trace.to_csv(tmp_path / "deep" / "trace.csv")
    with open(tmp_path / "deep" / "trace.csv") as file:
        rows = list(csv.DictReader(file))
    np.testing.assert_array_equal([float(row["elbo"]) for row in rows], trace["elbo"])


def test_a_trace_refuses_a_row_with_other_columns_and_names_an_unknown_column():
    trace = Trace()
    trace.append({"epoch": 0})
    with pytest.raises(ValueError, match="columns"):
        trace.append({"epoch": 1, "elbo": 0.0})
    with pytest.raises(ValueError, match="column must be one of 'epoch'"):
        trace["elob"]

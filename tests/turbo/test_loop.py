import os
import subprocess
import sys

import numpy as np
import pytest

from tvbi_ref import nets
from tvbi_ref.errors import DivergenceError, MessagesWarning, NonFiniteError
from tvbi_ref.gamma import Gamma
from tvbi_ref.module_b import ChainSupport, GridSupport, IndependentSupport
from tvbi_ref.prior import HierarchicalPrior
from tvbi_ref.turbo import TurboVBI


def prior(support=None):
    return HierarchicalPrior.spike_and_slab(support or GridSupport(-1.0, 0.05, 0.5))


def fit(digits, net=None, callbacks=(), **changes):
    settings = {"prior": prior(), "epochs": 3, "seed": 0} | changes
    net = net or nets.mlp([64, 16, 10], seed=0)
    return TurboVBI(**settings).fit(net, digits.x_train, digits.y_train, callbacks=callbacks)


def test_the_run_learns_and_the_trace_tells(digits):
    result = fit(digits, epochs=30, learning_rate=3e-3, batch_size=32)
    t = result.trace
    assert len(t) == 30
    assert result.network.score(digits.x_test, digits.y_test) > 0.9
    assert t["elbo"][-1] > t["elbo"][0]
    assert 0 < result.density < 1
    assert t["density"][-1] == result.density
    assert (np.diff(t["seconds"]) > 0).all()


def test_the_elbo_is_the_sum_of_its_parts(digits):
    t = fit(digits).trace
    parts = t["log_likelihood"] + t["log_evidence"] + t["entropy_weight"] + t["noise_negative_kl"]
    np.testing.assert_allclose(t["elbo"], parts)
    t = fit(digits, module_a="mean_field").trace
    names = ["log_likelihood", "expected_log_weight", "expected_log_precision"]
    names += ["expected_log_support", "entropy_weight", "entropy_precision", "entropy_support"]
    np.testing.assert_allclose(t["elbo"], sum(t[name] for name in names), rtol=1e-9)


def test_the_result_holds_what_the_two_modules_agreed_on(digits):
    result = fit(digits)
    for q, message, l in zip(result.posteriors, result.messages, result.evidence, strict=True):
        assert q.support_log_odds.shape == message.log_odds.shape == l.shape
        np.testing.assert_allclose(q.support_log_odds, message.log_odds + l, atol=1e-9)


def test_the_spike_ends_where_the_prior_says(digits):
    t = fit(digits, epochs=6, spike_epochs=3).trace
    assert t["contrast"][0] == pytest.approx(0.1)
    assert t["contrast"][-1] == pytest.approx(1e-4)


def test_zero_coupling_runs_exactly_like_independent_weights(digits):
    one = fit(digits, prior=prior(IndependentSupport(-1.5)))
    two = fit(digits, prior=prior(GridSupport(-1.5, 0.0, 0.0)))
    for a, b in zip(one.posteriors, two.posteriors, strict=True):
        np.testing.assert_allclose(a.support_log_odds, b.support_log_odds, atol=1e-6)


def test_each_layer_can_have_a_prior_of_its_own(digits):
    result = fit(digits, prior=[prior(IndependentSupport(-1.0)), prior(ChainSupport(0.1, 0.3))])
    assert (result.messages[0].log_odds == -1.0).all()
    assert result.messages[1].log_odds.std() > 0


def test_a_kl_weight_of_a_half_is_every_row_counted_twice(digits):
    settings = {"prior": prior(), "epochs": 3, "seed": 0}
    one, two = (nets.mlp([64, 16, 10], seed=0, dtype=np.float64) for _ in range(2))
    data = digits.x_train, digits.y_train
    tempered = TurboVBI(**settings, kl_weight=0.5).fit(one, *data)
    twice = TurboVBI(**settings).fit(two, *data, sample_weight=np.full(len(data[0]), 2.0))
    for a, b in zip(tempered.q_support, twice.q_support, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-9)


def test_a_callback_sees_every_epoch_and_can_stop_the_run(digits):
    seen = []

    def callback(epoch, row, result):
        seen.append((epoch, row["epoch"], len(result.trace)))
        return epoch == 1

    result = fit(digits, epochs=5, callbacks=[callback])
    assert seen == [(0, 0, 1), (1, 1, 2)]
    assert len(result.trace) == 2


def test_the_stopping_rule_waits_for_the_annealing(digits):
    result = fit(digits, epochs=8, kl_warmup=3, spike_epochs=4, tol=1.0)
    assert len(result.trace) == 5


def test_validation_is_scored_every_epoch_and_changes_nothing(digits):
    net = nets.mlp([64, 16, 10], seed=0)
    turbo = TurboVBI(prior(), epochs=2, seed=0)
    held_out = (digits.x_test[:50], digits.y_test[:50])
    result = turbo.fit(net, digits.x_train, digits.y_train, validation=held_out)
    assert result.trace["valid_score"][-1] == net.score(*held_out)
    for a, b in zip(net.state(), fit(digits, epochs=2).network.state(), strict=True):
        assert a.tobytes() == b.tobytes()


def test_regression_learns_the_noise_precision(rng):
    x = rng.normal(size=(300, 5)).astype(np.float32)
    y = x[:, :1] * 2 + rng.normal(0, 0.5, (300, 1))
    net = nets.mlp([5, 1], seed=0, likelihood="gaussian", noise=Gamma(1.0, 0.1))
    result = TurboVBI(prior(), epochs=150, batch_size=50, learning_rate=0.02).fit(net, x, y)
    assert 2.5 < net.loss.noise_precision < 6  # the truth is 4
    np.testing.assert_array_equal(result.q_support[0].ravel() > 0.5, [True] + [False] * 4)


@pytest.mark.slow
def test_mean_field_keeps_what_collapsed_switches_off(digits):
    """[mean-field-trap]: with pi = 1/2 and a narrow spike, mean field never lets go."""
    trapping = HierarchicalPrior.spike_and_slab(IndependentSupport(0.0), contrast=1e-3)
    settings = {"prior": trapping, "epochs": 40, "spike_epochs": 0}
    settings |= {"learning_rate": 3e-3, "batch_size": 32}
    assert fit(digits, module_a="mean_field", **settings).density == 1.0
    assert fit(digits, module_a="collapsed", **settings).density < 0.75


def script(threads="1"):
    code = (
        "import hashlib, numpy as np\n"
        "from tvbi_ref import TurboVBI, datasets, nets, HierarchicalPrior, GridSupport\n"
        "data = datasets.load_digits()\n"
        "net = nets.mlp([64, 16, 10], seed=1)\n"
        "prior = HierarchicalPrior.spike_and_slab(GridSupport(-1.0, 0.05, 0.5))\n"
        "result = TurboVBI(prior, epochs=2, seed=1).fit(net, data.x_train, data.y_train)\n"
        "state = b''.join(v.tobytes() for v in net.state())\n"
        "state += b''.join(q.tobytes() for q in result.q_support)\n"
        "print(hashlib.sha256(state).hexdigest())\n"
    )
    environment = os.environ | {"OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads}
    return [sys.executable, "-c", code], environment


@pytest.mark.slow
def test_the_same_seed_gives_the_same_bytes_in_two_processes():
    command, environment = script()
    digests = {
        subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
        for _ in range(2)
    }
    assert len(digests) == 1


def test_another_seed_gives_another_result(digits):
    one, two = fit(digits, seed=0), fit(digits, seed=1)
    assert not np.array_equal(one.q_support[0], two.q_support[0])


def test_float32_stays_float32(digits):
    network = fit(digits).network
    assert {p.value.dtype for p in network.parameters()} == {np.dtype(np.float32)}
    assert {p.grad.dtype for p in network.parameters()} == {np.dtype(np.float32)}


@pytest.mark.filterwarnings("ignore:overflow", "ignore:invalid value")
def test_a_diverging_run_names_its_epoch_and_keeps_the_last_good_state(digits, small_net):
    def explode(epoch, row, result):
        if epoch == 1:
            result.network.weight_layers[0].mean.value[:] *= np.float32(1e38)

    turbo = TurboVBI(prior(), epochs=5, seed=0)
    with pytest.raises(DivergenceError, match="epoch 2") as caught:
        turbo.fit(small_net, digits.x_train, digits.y_train, callbacks=[explode])
    assert caught.value.epoch == 2
    assert len(caught.value.last_good.trace) == 2
    assert all(np.isfinite(q).all() for q in caught.value.last_good.q_support)


BAD = [
    ({"epochs": 0}, ValueError, "epochs"),
    ({"epochs": 2.5}, TypeError, "epochs"),
    ({"batch_size": 0}, ValueError, "batch_size"),
    ({"learning_rate": -1.0}, ValueError, "learning_rate"),
    ({"module_a": "colapsed"}, ValueError, "module_a must be one of 'collapsed'"),
    ({"exchange": "quotient"}, ValueError, "exchange must be one of 'extrinsic'"),
    ({"train_variance": 1}, TypeError, "train_variance must be True or False; got 1"),
    ({"learn": "yes"}, TypeError, "learn must be True or False; got 'yes'"),
    ({"seed": -1}, ValueError, "seed"),
    ({"tol": -1.0}, ValueError, "tol"),
    ({"kl_warmup": -3}, ValueError, "kl_warmup"),
    ({"kl_weight": 0.0}, ValueError, "kl_weight must be"),
    ({"kl_weight": 1.5}, ValueError, "kl_weight must be"),
    ({"sweeps": 0}, ValueError, "sweeps"),
    ({"damping": 1.0}, ValueError, "damping"),
    ({"prior": []}, ValueError, "prior must name 2"),
    ({"prior": [None, None]}, TypeError, r"prior\[0\]"),
]


@pytest.mark.parametrize(("changes", "error", "says"), BAD)
def test_bad_settings_are_refused_by_name(digits, changes, error, says):
    with pytest.raises(error, match=says):
        fit(digits, **changes)


def bad_data(digits):
    x, y = digits.x_train[:20], digits.y_train[:20]
    with_nan = x.copy()
    with_nan[3, 5] = np.nan
    return [
        (with_nan, y, NonFiniteError, r"x has 1 entry that is not finite \(first at \(3, 5\)"),
        (x[:, :63], y, ValueError, "with 64 features"),
        (x[0], y, ValueError, "x must have shape"),
        (x[:0], y[:0], ValueError, "x is empty"),
        (x, y[:19], ValueError, r"y must have shape \(20,\)"),
        (x, y + 5, ValueError, "y must hold labels from 0 to 9"),
        (x, y - 1, ValueError, "y must hold labels from 0 to 9; got -1"),
        (x, y.astype(float), TypeError, "y must hold integer class labels"),
        (np.array([["a"] * 64] * 20), y, TypeError, "x must be a real array"),
    ]


@pytest.mark.parametrize("case", range(9))
def test_bad_data_are_refused_by_name(digits, small_net, case):
    x, y, error, says = bad_data(digits)[case]
    with pytest.raises(error, match=says):
        TurboVBI(prior(), epochs=1).fit(small_net, x, y)


@pytest.mark.parametrize("noise", [1.0, Gamma(1.0, 1.0)])
def test_a_regression_that_diverges_says_so_and_leaks_no_warning(rng, noise):
    x = rng.normal(size=(64, 5)).astype(np.float32)
    net = nets.mlp([5, 8, 1], seed=0, likelihood="gaussian", noise=noise)
    before = net.state()
    turbo = TurboVBI(prior(), epochs=4, batch_size=64, learning_rate=1e30)
    with pytest.raises(DivergenceError, match="epoch 0: the loss is"):
        turbo.fit(net, x, x[:, :1])
    assert all((a == b).all() for a, b in zip(before, net.state(), strict=True))


@pytest.mark.filterwarnings("ignore::tvbi_ref.errors.UniquenessWarning")
def test_a_run_whose_messages_never_rest_says_so_once_with_the_layer():
    chessboard = HierarchicalPrior.spike_and_slab(GridSupport(0.0, -2.0, -2.0))
    chain = HierarchicalPrior.spike_and_slab(ChainSupport(0.1, 0.3))
    x, y = np.eye(6), np.arange(6) % 2
    with pytest.warns(MessagesWarning, match="changed: layer 1 by up to") as heard:
        result = TurboVBI([chain, chessboard], epochs=4, damping=0.0).fit(
            nets.mlp([6, 8, 8], seed=0), x, y
        )
    assert len(heard) == 1
    assert [message.converged for message in result.messages] == [True, False]


def test_progress_counts_batches(capsys):
    x, y = np.zeros((10, 2)), np.zeros(10, int)
    turbo = TurboVBI(prior(IndependentSupport(0.0)), epochs=3, batch_size=4)
    turbo.fit(nets.mlp([2, 2], seed=0), x, y, progress=True)
    assert "/9 [" in capsys.readouterr().err

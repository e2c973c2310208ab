"""The right wire and the wrong ones: what each of them counts twice, to the digit."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit

from tvbi_ref import cli, experiment, nets
from tvbi_ref.equations.sockets import plugged
from tvbi_ref.errors import DivergenceError, NonFiniteError
from tvbi_ref.gamma import Gamma
from tvbi_ref.module_a import (
    FORMS,
    evidence,
    evidence_collapsed,
    expected_log_precision,
    second_moment,
)
from tvbi_ref.module_b import ChainSupport, IndependentSupport, exact
from tvbi_ref.nets import SGD
from tvbi_ref.prior import HierarchicalPrior
from tvbi_ref.turbo import Exchange, TurboVBI, turbo_round
from tvbi_ref.turbo.follow_up import EXCHANGES

ACTIVE, INACTIVE = Gamma(1.0, 0.02), Gamma(1.0, 2e-5)
P01, P10 = 0.1, 0.3
SHAPE = (4, 3)


def layer(rng):
    """Return a small layer's second moments, its exact evidence and its prior."""
    m = np.exp(rng.uniform(-9, 0, SHAPE))
    return m, evidence_collapsed(m, ACTIVE, INACTIVE), ChainSupport(P01, P10)


def collapsed(m, pi):
    """Return logit pi_tilde and <rho> of the collapsed Module A."""
    q = FORMS["collapsed"].step(m, pi, ACTIVE, INACTIVE)
    return q.support_log_odds, q.expected_precision


def rounds(m, module_b, n, exchange="extrinsic"):
    """Yield logit pi_tilde after each of n rounds with this wire."""
    for _ in range(n):
        with plugged(EXCHANGES.get(exchange, {})):
            done = turbo_round(m, module_b.prior_log_odds, collapsed, module_b.answer)
        module_b.prior_log_odds = done.prior_log_odds
        yield done.support_log_odds


def told(l, module_b, n, exchange):
    """Let n rounds pass for evidence l, whatever made it."""
    for _ in range(n):
        with plugged(EXCHANGES.get(exchange, {})):
            done = turbo_round(
                l, module_b.prior_log_odds, lambda l, pi: (pi + l, l), module_b.answer
            )
        module_b.prior_log_odds = done.prior_log_odds


def enumerate_marginals(l):
    """Return P(s = 1) of every node of the chains for evidence l, all states weighed."""
    return exact.marginals(
        SHAPE, lambda s: exact.chain_log_weights(s, P01, P10) + (s * l).sum(axis=(1, 2))
    )


def test_the_right_wire_gives_the_exact_marginals_in_one_round_and_for_good(rng):
    m, l, chain = layer(rng)
    truth = enumerate_marginals(l)
    wire = Exchange(chain, SHAPE)
    for posterior in rounds(m, wire, 4):
        np.testing.assert_allclose(expit(posterior), truth, atol=1e-12)
        np.testing.assert_allclose(wire.message.belief, truth, atol=1e-12)
        np.testing.assert_allclose(wire.evidence, l, atol=1e-12)


def test_multiplied_odds_tell_module_b_its_own_answer_twice_over(rng):
    m, l, chain = layer(rng)
    wire = Exchange(chain, SHAPE)
    for _ in range(4):
        pi = wire.prior_log_odds
        posterior = next(rounds(m, wire, 1, "product_of_odds"))
        np.testing.assert_allclose(wire.evidence, l + 2 * pi, atol=1e-12)
        # Module B is exact, and exactly wrong: right for evidence that nobody has seen.
        np.testing.assert_allclose(wire.message.belief, enumerate_marginals(l + 2 * pi), atol=1e-12)
        np.testing.assert_allclose(posterior, wire.prior_log_odds + l, atol=1e-12)
    assert np.abs(expit(posterior) - enumerate_marginals(l)).max() > 0.01


def test_a_belief_handed_over_counts_the_evidence_exactly_twice(rng):
    m, l, chain = layer(rng)
    right = chain.extrinsic(l).log_odds + l
    wire = Exchange(chain, SHAPE)
    for posterior in rounds(m, wire, 4, "full_belief"):
        np.testing.assert_allclose(posterior, right + l, atol=1e-12)
        np.testing.assert_allclose(wire.message.belief, enumerate_marginals(l), atol=1e-12)
    assert np.abs(expit(posterior) - enumerate_marginals(l)).max() > 0.01


def test_without_neighbours_multiplied_odds_do_no_harm_to_module_a(rng):
    """The mistake acts through the neighbours: Module B's answer must depend on the evidence."""
    m, l, _ = layer(rng)
    wire = Exchange(IndependentSupport(-2.0), SHAPE)
    for posterior in rounds(m, wire, 3, "product_of_odds"):
        np.testing.assert_allclose(posterior, l - 2.0, atol=1e-12)
        np.testing.assert_allclose(wire.message.belief, expit(l - 3 * 2.0), atol=1e-12)


def test_multiplied_odds_silence_sparse_chains_that_the_right_wire_makes_speak():
    """While 2 logit pi outweighs any evidence, Module B never hears of a live weight."""
    p01, p10 = 0.005, 0.65
    floor = np.log(p01 / (1 - p01)) + np.log(p10 / (1 - p01))  # both neighbours dead
    l = np.full((12, 1), -3.0)
    l[4:8] = np.log(1000)  # no weight can say more at a contrast of 1/1000
    highest = {}
    for name in ("extrinsic", "product_of_odds"):
        wire = Exchange(ChainSupport(p01, p10), (12, 1))
        told(l, wire, 5, name)
        highest[name] = wire.prior_log_odds[1:-1].max()
    assert highest["product_of_odds"] - floor < 0.1
    assert highest["extrinsic"] - floor > 5


@given(
    p01=st.floats(1e-3, 0.4), p10=st.floats(1e-3, 0.5), scale=st.floats(0, 50), seed=st.integers(0)
)
def test_multiplied_odds_alone_stay_bounded_because_chains_answer_boundedly(p01, p10, scale, seed):
    l = np.random.default_rng(seed).normal(0, scale, (8, 2))
    wire = Exchange(ChainSupport(p01, p10), (8, 2))
    told(l, wire, 50, "product_of_odds")
    # From above at least logit p01 and at most logit(1 - p10); from below likewise.
    lowest = np.log(p01 / (1 - p01)) + np.log(p10 / (1 - p01))
    highest = np.log((1 - p10) / p10) + np.log((1 - p10) / p01)
    assert (wire.prior_log_odds >= lowest - 1e-9).all()
    assert (wire.prior_log_odds <= highest + 1e-9).all()


def test_both_mistakes_at_once_double_the_log_odds_and_decide_every_weight(rng):
    m, _, chain = layer(rng)
    wire = Exchange(chain, SHAPE)
    sizes = []
    for posterior in rounds(m, wire, 40, "product_and_belief"):  # noqa: B007  (the last is asked)
        sizes.append(np.abs(wire.evidence).max())
    np.testing.assert_allclose(np.array(sizes[30:]) / sizes[29:-1], 2, rtol=1e-6)
    assert set(np.unique(expit(posterior))) <= {0.0, 1.0}


def test_both_mistakes_at_once_end_in_an_error_that_says_what_overflowed(rng):
    m, _, chain = layer(rng)
    wire = Exchange(chain, SHAPE)
    for _ in rounds(m, wire, 950, "product_and_belief"):
        pass
    with pytest.raises(NonFiniteError, match="products of odds are not finite"):
        for _ in rounds(m, wire, 150, "product_and_belief"):
            pass


def test_a_belief_that_overflows_says_so():
    l = np.array([[1e308, 0.0]])
    with (
        plugged(EXCHANGES["full_belief"]),
        pytest.raises(NonFiniteError, match="1 of 2 beliefs are not finite"),
    ):
        turbo_round(l, 0 * l, lambda l, pi: (pi + l, l), lambda l: l)


def test_there_is_no_wire_of_another_name():
    prior = HierarchicalPrior.spike_and_slab(IndependentSupport(0.0))
    with pytest.raises(ValueError, match="exchange must be one of 'extrinsic', 'product_of_odds'"):
        TurboVBI(prior, exchange="quotient")


# The switches of the loop


def fit(digits, net=None, **changes):
    prior = HierarchicalPrior.spike_and_slab(ChainSupport(0.05, 0.4))
    turbo = TurboVBI(prior, **({"epochs": 3, "seed": 0} | changes))
    return turbo.fit(net or nets.mlp([64, 16, 10], seed=0), digits.x_train, digits.y_train)


def own_evidence(form, weights, q):
    """Return Module A's l as its last step had it."""
    active, inactive = ACTIVE, Gamma(1.0, 2e-6)
    if form == "collapsed":
        return evidence_collapsed(
            second_moment(weights.mean.value, weights.variance), active, inactive
        )
    log_rho = expected_log_precision(q.gamma_shape, q.gamma_rate)
    return evidence(q.expected_precision, log_rho, active, inactive)


COUNTED = {"extrinsic": 1, "product_of_odds": 1, "full_belief": 2}
"""How often a posterior that has come to rest counts its own evidence."""


@pytest.mark.parametrize("exchange", COUNTED)
@pytest.mark.parametrize("form", ["collapsed", "mean_field"])
def test_the_loop_uses_the_wire_that_is_asked_for(digits, form, exchange):
    result = fit(digits, module_a=form, exchange=exchange, spike_epochs=0)
    for k, weights in enumerate(result.network.weight_layers):
        q, message, sent = result.posteriors[k], result.messages[k], result.evidence[k]
        l, posterior = own_evidence(form, weights, q), q.support_log_odds
        handed = message.log_odds + sent if exchange == "full_belief" else message.log_odds
        np.testing.assert_array_equal(result.prior_log_odds[k], handed)
        np.testing.assert_allclose(posterior, handed + l, rtol=1e-6, atol=1e-4)
        if form == "collapsed":
            expected = message.log_odds + COUNTED[exchange] * l
            np.testing.assert_allclose(posterior, expected, atol=1e-4)
            off = np.abs(sent - l).max()
            assert off > 1 if exchange == "product_of_odds" else off < 1e-4


def test_a_run_whose_messages_overflow_names_the_epoch_and_the_layer(rng):
    x = rng.normal(size=(16, 3)).astype(np.float32)
    prior = HierarchicalPrior.spike_and_slab(ChainSupport(0.05, 0.4))
    # A warm-up as long as the run: a run that has decided everything would stop as settled.
    turbo = TurboVBI(prior, epochs=1100, kl_warmup=1100, exchange="product_and_belief")
    with pytest.raises(DivergenceError, match=r"layer 0: \d+ of 6 products of odds") as caught:
        turbo.fit(nets.mlp([3, 2], seed=0), x, (x[:, 0] > 0).astype(int))
    assert 950 < caught.value.epoch < 1050
    assert all(np.isin(q, (0.0, 1.0)).all() for q in caught.value.last_good.q_support)


def test_a_fixed_variance_keeps_its_bits_while_the_means_and_biases_move(digits):
    net = nets.mlp([64, 16, 10], seed=0)
    before = net.copy().weight_layers
    fit(digits, net, train_variance=False)
    for old, new in zip(before, net.weight_layers, strict=True):
        assert old.log_variance.value.tobytes() == new.log_variance.value.tobytes()
        assert (old.mean.value != new.mean.value).mean() > 0.9
        assert (old.bias.value != new.bias.value).any()


def test_the_optimizer_never_sees_a_fixed_variance(digits):
    seen = []

    def optimizer(parameters):
        seen.append([parameter.name for parameter in parameters])
        return SGD(parameters)

    fit(digits, optimizer=optimizer, train_variance=False, epochs=1, learning_rate=1e-6)
    fit(digits, optimizer=optimizer, epochs=1, learning_rate=1e-6)
    assert seen == [["mean", "bias"] * 2, ["mean", "log_variance", "bias"] * 2]


def test_a_fixed_variance_bounds_the_evidence_against_every_weight_from_below(digits):
    """Evidence rises with m = mu^2 + sigma2: where sigma2 cannot fall, its start decides."""
    lowest = []
    for start in (-6.0, -10.0):
        net = nets.mlp([64, 16, 10], seed=0)
        for weights in net.weight_layers:
            weights.log_variance.value[...] = start
        result = fit(digits, net, train_variance=False, spike_epochs=0)
        floor = evidence_collapsed(np.exp(start), ACTIVE, Gamma(1.0, 2e-6))
        lowest.append(min(l.min() for l in result.evidence))
        assert lowest[-1] >= floor - 1e-4
    assert lowest[0] > 0 > lowest[1]


# The command line


def test_the_command_line_knows_the_wires_of_the_loop():
    for name in ("extrinsic", *EXCHANGES):
        options = cli.build_parser().parse_args(["train", "digits", "--exchange", name])
        assert options.exchange == name


SWITCHED = ["--exchange", "full_belief", "--fixed-variance"]


@pytest.mark.parametrize(
    ("arguments", "exchange", "train_variance"),
    [([], "extrinsic", True), (SWITCHED, "full_belief", False)],
)
def test_the_command_line_hands_the_switches_to_the_loop(
    arguments, exchange, train_variance, monkeypatch, tmp_path
):
    seen = {}

    def stop(name, network, data, prior, budget, **more):
        seen.update(budget.options)
        raise ValueError("far enough")

    monkeypatch.setattr(experiment, "run", stop)
    arguments = ["train", "digits", "--hidden", "8", "--out", str(tmp_path), *arguments]
    assert cli.main(arguments) == 2
    assert seen["exchange"] == exchange
    assert seen["train_variance"] is train_variance


def test_the_command_line_refuses_another_wire_by_name(capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main(["train", "digits", "--exchange", "quotient"])
    assert stop.value.code == 2
    assert "argument --exchange: invalid choice: 'quotient'" in capsys.readouterr().err

"""A network that shrinks as it learns: the same function, the prior's q(w), and the way back."""

import numpy as np
import pytest
from scipy import optimize

from tvbi_ref import nets, use
from tvbi_ref.errors import DivergenceError
from tvbi_ref.gamma import Gamma
from tvbi_ref.module_a import elbo_collapsed
from tvbi_ref.module_a.steps import mean_field_step
from tvbi_ref.module_b import ChainSupport, GridSupport, GroupSupport, IndependentSupport, Rows
from tvbi_ref.nets import SGD, Adam
from tvbi_ref.nets.units import part_of, places
from tvbi_ref.prior import HierarchicalPrior
from tvbi_ref.turbo import TurboVBI
from tvbi_ref.turbo.loop import one_epoch
from tvbi_ref.turbo.run import Run
from tvbi_ref.turbo.shrinking import BOUND, IN_A_ROW

BLOCKS = [nets.Block(4, 3, padding=1, pool=2), nets.Block(6, 2, pool=1)]
NETWORKS = {
    "mlp": lambda: nets.mlp([64, 9, 7, 10], seed=0, activation="tanh", dtype=np.float64),
    "cnn": lambda: nets.cnn((1, 8, 8), BLOCKS, [8, 10], seed=0, dtype=np.float64),
}
SUPPORTS = {
    "independent": IndependentSupport(-4.0),
    "chain": ChainSupport(0.01, 0.5),
    "grid": GridSupport(-2.0, 0.1, 0.3),
    "group": GroupSupport(Rows(), 0.3, 0.3, 0.01),
}


def turbo(support=None, **changes):
    prior = HierarchicalPrior.spike_and_slab(support or IndependentSupport(-4.0), variance=0.1)
    fast = {"epochs": 10, "spike_epochs": 5, "kl_warmup": 1, "learning_rate": 0.02}
    return TurboVBI(**({"prior": prior, "batch_size": 50, "shrink": True} | fast | changes))


def small():
    return nets.mlp([64, 16, 10], seed=0)


def begun(network, digits, **changes):
    return Run(turbo(**changes), network, digits.x_train[:200], digits.y_train[:200], None)


def without(run, rng):
    """Take half of the hidden units and of the inputs out of a run."""
    for k, epochs in enumerate(run.shrinking.dead_for[:-1]):
        out = rng.permutation(len(epochs))[: len(epochs) // 2]
        run.shrinking.dead_for[k][out] = IN_A_ROW
    return run


def as_bytes(run):
    arrays = [p.value for p in run.network.parameters()]
    for value in run.optimizer.state().values():
        arrays += value if isinstance(value, list) else [np.asarray(value)]
    return [array.tobytes() for array in arrays]


# What is left


@pytest.mark.parametrize("name", NETWORKS)
def test_the_part_computes_what_the_whole_does(name, digits, rng):
    run = without(begun(NETWORKS[name](), digits), rng)
    for k, layer in enumerate(run.layers):
        layer.weights.bias.value[...] = rng.normal(size=layer.weights.bias.value.shape)
        run.shrinking.rest(k, layer)
    part = run.shrinking.part()
    assert part.network.n_weights < run.network.n_weights / 2
    ours = part.network.forward(part.take(run.x))
    np.testing.assert_allclose(ours, run.network.forward(run.x), rtol=1e-9)


@pytest.mark.parametrize("name", NETWORKS)
def test_its_gradients_are_those_of_the_whole(name, digits, rng):
    run = without(begun(NETWORKS[name](), digits), rng)
    for k, layer in enumerate(run.layers):
        run.shrinking.rest(k, layer)
    part = run.shrinking.part()
    part.network.loss_and_gradient(part.take(run.x), run.y)
    run.network.loss_and_gradient(run.x, run.y)
    for whole, left, place in zip(
        run.network.weight_layers, part.network.weight_layers, part.places, strict=True
    ):
        np.testing.assert_allclose(left.mean.grad, whole.mean.grad[place], atol=1e-12)


def test_a_pruned_network_stays_pruned(digits, rng):
    network = small()
    network.weight_layers[0].prune(rng.random((64, 16)) < 0.5)
    run = without(begun(network, digits), rng)
    part = run.shrinking.part()
    (first, _), (place, _) = part.network.weight_layers, part.places
    np.testing.assert_array_equal(first.mask, network.weight_layers[0].mask[place])


@pytest.mark.parametrize("optimizer", [Adam, lambda p: SGD(p, momentum=0.9)], ids=["Adam", "SGD"])
@pytest.mark.parametrize("train_variance", [True, False])
def test_what_is_taken_out_and_put_back_is_what_it_was(digits, rng, optimizer, train_variance):
    run = begun(small(), digits, optimizer=optimizer, train_variance=train_variance)
    one_epoch(run, 0)  # so that there are moments
    before = as_bytes(without(run, rng))
    run.shrinking.put_back(run.shrinking.part())
    assert as_bytes(run) == before


def test_a_step_of_the_part_is_a_step_of_the_whole(digits, rng):
    """Adam knows no neighbours: where a gradient is the same, so is what it makes of it."""
    whole, run = begun(small(), digits), without(begun(small(), digits), rng)
    start, part = run.network.copy(), run.shrinking.part()
    for network, optimizer in ((whole.network, whole.optimizer), (part.network, part.optimizer)):
        for p in network.parameters():
            p.grad[...] = 0.5
        optimizer.step(0.1)
    run.shrinking.put_back(part)
    for k, place in enumerate(part.places):
        moved, ours, stays = (
            net.weight_layers[k].mean.value.copy() for net in (whole.network, run.network, start)
        )
        stays[place] = moved[place]
        np.testing.assert_array_equal(ours, stays)


# The prior's q(w)


@pytest.mark.parametrize("dead", [Gamma(1.0, 1e-3), Gamma(2.5, 0.3)])
def test_without_data_q_is_the_spike(dead):
    """[elbo-collapsed] has its maximum there, wherever the search begins."""

    def loss(theta):
        mean, log_variance = theta
        return -elbo_collapsed(mean, np.exp(log_variance), -50.0, Gamma(1.0, 1e6), dead).total

    for start in ([0.3, 1.0], [-2.0, -9.0]):
        found = optimize.minimize(loss, start, tol=1e-10).x
        np.testing.assert_allclose(found, [0, np.log(dead.rate / dead.shape)], atol=1e-3)


def test_the_mean_field_says_the_same():
    active, dead = Gamma(1.0, 0.1), Gamma(1.0, 1e-5)
    sigma2 = np.full((1, 1), dead.rate / dead.shape)
    q = mean_field_step(sigma2, np.full((1, 1), -60.0), active, dead)
    np.testing.assert_allclose(q.expected_precision, 1 / sigma2)


def left_out(run, k):
    """Return which weights of layer k take no part, as a matrix."""
    out = np.ones(run.layers[k].weights.mean.value.shape, bool)
    out[places(run.network, run.shrinking.units)[k]] = False
    return out


@pytest.mark.parametrize("train_variance", [True, False])
@pytest.mark.parametrize("name", NETWORKS)
def test_what_is_left_out_is_given_it(name, digits, rng, train_variance):
    run = without(begun(NETWORKS[name](), digits, train_variance=train_variance), rng)
    before, outs = run.network.copy(), [left_out(run, k) for k in range(len(run.layers))]
    one_epoch(run, 0)
    for layer, old, out in zip(run.layers, before.weight_layers, outs, strict=True):
        w = layer.weights
        spike = np.full(out.sum(), 1 / layer.annealed.inactive.mean)
        assert (w.mean.value[out] == 0).all()
        expected = spike if train_variance else old.variance[out]
        np.testing.assert_allclose(w.variance[out], expected)


# When


def run_of(digits, **changes):
    run = begun(small(), digits, **changes)
    for epoch in range(run.options.epochs):
        one_epoch(run, epoch)
    return run


@pytest.mark.parametrize("kind", SUPPORTS)
def test_units_leave_and_what_is_left_out_stays_dead(digits, kind):
    run = run_of(digits, support=SUPPORTS[kind])
    units = np.array([[row[f"units.{k}"] for k in range(3)] for row in run.trace])
    assert (units[:IN_A_ROW] == [64, 16, 10]).all()
    assert units[-1, 0] < 60
    assert (units[:, 2] == 10).all()
    for k, layer in enumerate(run.layers):
        out = layer.weights.matrix(left_out(run, k))
        assert (layer.q.support_log_odds[out] < 0).all()


def test_a_unit_leaves_when_its_fan_out_is_dead_twice_by_the_bound(digits):
    run = begun(small(), digits)
    for layer in run.layers:
        layer.anneal(1e-4)
        layer.posterior.support_log_odds[...] = -BOUND - 0.1
    run.layers[0].posterior.support_log_odds[3:, 0] = -BOUND + 0.1
    run.layers[1].posterior.support_log_odds[[0, 5], 2] = 0.1
    for _ in range(IN_A_ROW):
        assert all(units.all() for units in run.shrinking.units)
        run.shrinking.update(run.layers)
    inputs, hidden, outputs = run.shrinking.units
    assert np.flatnonzero(inputs).tolist() == [*range(3, 64)]
    assert np.flatnonzero(hidden).tolist() == [0, 5]
    assert outputs.all()


def test_an_input_that_only_units_read_that_are_out_is_out_after_them(digits):
    run = begun(small(), digits)
    for layer in run.layers:
        layer.anneal(1e-4)
        layer.posterior.support_log_odds[...] = -9.0
    run.layers[0].posterior.support_log_odds[:, 1] = 9.0  # of a unit that nobody reads
    run.layers[0].posterior.support_log_odds[7, 0] = 1.0
    run.layers[1].posterior.support_log_odds[0, 0] = 1.0
    for _ in range(2 * IN_A_ROW):
        run.shrinking.update(run.layers)
    assert np.flatnonzero(run.shrinking.units[0]).tolist() == [7]


def test_who_is_alive_under_the_last_spike_stays(digits):
    """While the spike is wide nearly all are dead: that is not for good."""
    run = begun(small(), digits, support=IndependentSupport(-4.0))
    for layer in run.layers:
        layer.weights.mean.value[...] = 0.05
        layer.exchange_messages()
        assert (layer.q.support_log_odds < -BOUND).all()
        assert (layer.final_log_odds() > -BOUND).all()
    for _ in range(2 * IN_A_ROW):
        run.shrinking.update(run.layers)
    assert all(units.all() for units in run.shrinking.units)


def test_a_unit_that_the_field_wakes_comes_back(digits, rng):
    run = without(begun(small(), digits), rng)
    for layer in run.layers:
        layer.module_b.support = IndependentSupport(20.0)
    one_epoch(run, 0)
    assert all(units.all() for units in run.shrinking.units)


def test_a_network_that_dies_altogether_keeps_a_shape(digits):
    run = run_of(digits, support=IndependentSupport(-40.0))
    assert [units.sum() for units in run.shrinking.units] == [1, 1, 10]
    assert np.isfinite(run.trace["elbo"]).all()


def test_as_long_as_all_live_it_is_the_same_run_to_the_last_bit(digits):
    alive = {"support": IndependentSupport(5.0), "epochs": 5, "spike_epochs": 0}
    one, two = (run_of(digits, shrink=shrink, **alive) for shrink in (True, False))
    assert as_bytes(one) == as_bytes(two)
    assert one.trace["units.0"][-1] == 64
    assert "units.0" not in two.trace.columns


# Everything else that a run may be


class Own(nets.ReLU):
    """A reader's own layer, which may do anything."""


class Secretive:
    """An optimizer that nobody can look into."""

    def __init__(self, parameters):
        self.parameters = list(parameters)

    def step(self, learning_rate):
        for p in self.parameters:
            p.value -= learning_rate * p.grad
            p.clip()


class Matrix(Adam):
    """One that remembers more than an array for each parameter."""

    def state(self):
        return super().state() | {"curvature": np.eye(3)}


@pytest.mark.parametrize("optimizer", [Secretive, Matrix])
def test_what_cannot_be_cut_is_trained_whole(digits, optimizer):
    run = begun(small(), digits, optimizer=optimizer)
    assert not run.shrinking.possible
    one_epoch(run, 0)


def test_so_is_a_network_with_a_layer_of_ones_own(digits):
    dense = nets.mlp([64, 5, 10], seed=0).weight_layers
    network = nets.Network([dense[0], Own(), dense[1]], nets.SoftmaxCrossEntropy())
    assert not begun(network, digits).shrinking.possible


def test_a_convolutional_network_loses_channels(digits):
    network = nets.cnn((1, 8, 8), [nets.Block(12, 3, pool=2)], [16, 10], seed=0)
    settings = turbo(IndependentSupport(-6.0), shrink=True)
    run = Run(settings, network, digits.x_train[:200], digits.y_train[:200], None)
    for epoch in range(10):
        one_epoch(run, epoch)
    left = [units.sum() for units in run.shrinking.units]
    assert left[0] == 1
    assert left[1] < 12
    assert left[2] < 16
    small = part_of(network, run.shrinking.units)
    assert small.widths == (1, left[1], left[2], 10)
    out = small.forward(run.x)
    assert (out.argmax(axis=1) == network.forward(run.x).argmax(axis=1)).mean() > 0.95


@pytest.mark.parametrize(
    "changes",
    [
        {"learn": True},
        {"train_variance": False},
        {"exchange": "full_belief"},
        {"module_a": "mean_field"},
        {"optimizer": SGD, "learning_rate": 0.5},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_any_run_can_shrink(digits, changes):
    result = turbo(**changes).fit(small(), digits.x_train[:200], digits.y_train[:200])
    assert np.isfinite(result.trace["elbo"]).all()
    assert (np.array([result.trace["units.1"], result.trace["units.0"]]) >= 1).all()


def test_a_regression_on_weighted_rows_shrinks_too(rng):
    x = rng.normal(size=(200, 6))
    y = 2 * x[:, :1] + rng.normal(0, 0.5, (200, 1))
    network = nets.mlp([6, 8, 1], seed=0, likelihood="gaussian", noise=Gamma(1.0, 0.1))
    settings = turbo(IndependentSupport(-6.0), epochs=100, spike_epochs=20, learning_rate=0.05)
    result = settings.fit(network, x, y, sample_weight=rng.random(200))
    assert result.trace["units.0"][-1] == 1  # what the others say is noise
    assert network.score(x, y) < 0.6  # the root mean square error


def test_readable_and_fast_engine_leave_out_the_same(digits):
    pytest.importorskip("numba")
    runs = []
    for engine in ("numpy", "numba"):
        with use(engine):
            network = nets.mlp([64, 16, 10], seed=0, dtype=np.float64)
            runs.append(turbo().fit(network, digits.x_train[:200], digits.y_train[:200]))
    for k in range(3):
        np.testing.assert_array_equal(*(run.trace[f"units.{k}"] for run in runs))
    for one, two in zip(*(run.network.state() for run in runs), strict=True):
        np.testing.assert_allclose(one, two, atol=1e-6)


def test_a_run_that_breaks_leaves_the_last_good_network(digits):
    run = run_of(digits)
    good = as_bytes(run)[: len(run.network.parameters())]
    run.x = np.full_like(run.x, np.nan)
    with pytest.raises(DivergenceError) as broken:
        one_epoch(run, 9)
    assert broken.value.last_good.network is run.network
    assert as_bytes(run)[: len(run.network.parameters())] == good

"""A run that is killed and taken up again is the run that was never stopped, to the last bit."""

import functools
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, fields

import numpy as np
import pytest

from tvbi_ref import checkpoint, cli, experiment, nets, use
from tvbi_ref._archive import digest, pack, read_archive, write_archive
from tvbi_ref.equations.sockets import current
from tvbi_ref.errors import DataCorruptedError, DivergenceError
from tvbi_ref.gamma import Gamma
from tvbi_ref.module_b import (
    ChainSupport,
    GraphSupport,
    GridSupport,
    GroupSupport,
    Incoming,
    IndependentSupport,
    Labels,
    NeuronSupport,
    Rows,
    SupportPrior,
    Tiles,
)
from tvbi_ref.nets import SGD, Adam
from tvbi_ref.prior import HierarchicalPrior
from tvbi_ref.turbo import TurboVBI, loop
from tvbi_ref.turbo.fingerprint import describe_function
from tvbi_ref.turbo.resume import FORMAT, VERSION

GRID = GridSupport(-1.0, 0.05, 0.5)


def prior(support, **changes):
    return HierarchicalPrior.spike_and_slab(support, **changes)


def bits(result):
    """Return all that a run leaves behind, in comparable form; not the seconds."""
    return {
        "network": [
            (name, array.dtype.str, array.tobytes())
            for name, array in checkpoint.arrays_of(result.network).items()
        ],
        "noise": checkpoint.noise_of(result.network),
        "posteriors": [in_bytes(posterior) for posterior in result.posteriors],
        "messages": [in_bytes(message) for message in result.messages],
        "evidence": [l.tobytes() for l in result.evidence],
        "supports": [repr(support) for support in result.supports],
        "trace": [{k: v for k, v in row.items() if k != "seconds"} for row in result.trace],
    }


def in_bytes(of_arrays):
    arrays = {}
    packed = pack({f.name: getattr(of_arrays, f.name) for f in fields(of_arrays)}, "it", arrays)
    return packed, [(array.dtype.str, array.shape, array.tobytes()) for array in arrays.values()]


@dataclass(frozen=True)
class Remembering(SupportPrior):
    """A user's own prior, whose warm start has more structure than an array."""

    pull: float

    def _incoming(self, evidence, state, schedule):
        calls, (last, _) = state or (0, (np.zeros_like(evidence), None))
        log_odds = self.pull * np.tanh(last) - 1
        return Incoming(log_odds, state=(calls + 1, (evidence.copy(), {"old": last})))

    def sample(self, shape, rng):
        return np.zeros(shape)

    def log_prob(self, support):
        return 0.0


class OwnOptimizer:
    """A user's own optimizer: signs of the gradient, slower and slower."""

    def __init__(self, parameters, slowing=0.9):
        self.parameters, self.slowing, self.speed = list(parameters), slowing, np.float32(1)

    def step(self, learning_rate):
        self.speed *= np.float32(self.slowing)
        for p in self.parameters:
            p.value -= learning_rate * self.speed * np.sign(p.grad)
            p.clip()

    def state(self):
        return {"slowing": self.slowing, "speed": self.speed}

    def set_state(self, state):
        self.slowing, self.speed = state["slowing"], state["speed"]


def momentum(parameters):
    return SGD(parameters, momentum=0.9)


SUPPORTS = {
    "independent": IndependentSupport(-1.5),
    "chain": ChainSupport(0.05, 0.4),
    "chain along rows": ChainSupport(0.05, 0.4, axis=1),
    "grid": GRID,
    "group": GroupSupport(Rows(), 0.3, np.float32(0.8), 0.01),
    "neuron": NeuronSupport(0.3, 0.8, 0.01, p_end=0.4),
    "graph": GraphSupport([(0, 1), (1, 2), (2, 0), (7, 40)], 0.3, -1.0),
    "own": Remembering(0.5),
}
DYING = {"prior": prior(IndependentSupport(-9.0)), "shrink": True, "spike_epochs": 1}
DYING |= {"kl_warmup": 0, "learning_rate": 0.05}
CASES = {
    f"{form}, {name}": {"prior": prior(support), "module_a": form}
    for form in ("collapsed", "mean_field")
    for name, support in SUPPORTS.items()
} | {
    "complex": {"module_a": "mean_field_complex"},
    "learned independent": {"prior": prior(SUPPORTS["independent"]), "learn": True},
    "learned chain": {"prior": prior(SUPPORTS["chain"]), "learn": True},
    "learned grid": {"learn": True, "spike_epochs": 1},
    "learned group": {"prior": prior(SUPPORTS["group"]), "learn": True, "spike_epochs": 1},
    "learned graph": {"prior": prior(SUPPORTS["graph"]), "learn": True, "spike_epochs": 1},
    "odds multiplied": {"exchange": "product_of_odds"},
    "belief": {"exchange": "full_belief"},
    "both": {"exchange": "product_and_belief"},
    "fixed variance": {"train_variance": False},
    "damped": {"damping": 0.3, "sweeps": 2},
    "shrinking": DYING | {"epochs": 6},
    "shrinking with momentum": DYING | {"optimizer": momentum, "epochs": 6},
    "shrinking, own optimizer": DYING | {"optimizer": OwnOptimizer, "epochs": 6},
    "momentum": {"optimizer": momentum},
    "own optimizer": {"optimizer": OwnOptimizer},
    "a prior a layer": {"prior": [prior(GRID), prior(SUPPORTS["chain"], contrast=1e-3)]},
    "at rest before the last epoch": {"tol": 1.0, "kl_warmup": 1, "spike_epochs": 1},
}


def small(seed=0, **changes):
    return nets.mlp([64, 6, 10], seed=seed, **changes)


def turbo(**changes):
    return TurboVBI(**({"prior": prior(GRID), "epochs": 4, "batch_size": 50, "seed": 3} | changes))


def killed_after_one(epoch, row, result):
    raise KeyboardInterrupt  # what was done in this epoch is lost


class KillsInTheSecond:
    """A callback that lets one epoch pass, so that every process does one."""

    def __init__(self):
        self.seen = 0

    def __call__(self, epoch, row, result):
        self.seen += 1
        if self.seen == 2:
            raise KeyboardInterrupt


def one_epoch_at_a_time(path, settings, network, *data, **more):
    """Return the result of a run that is killed in every epoch but its first, again and again."""
    for _ in range(20):
        try:
            return turbo(**settings).fit(
                network(), *data, checkpoint=path, callbacks=[KillsInTheSecond()], **more
            )
        except KeyboardInterrupt:
            pass
    raise AssertionError("the run does not advance")


@pytest.fixture(scope="module")
def data(digits):
    return digits.x_train[:200], digits.y_train[:200]


@pytest.mark.parametrize("case", CASES)
def test_a_run_in_pieces_is_the_run_in_one_piece(case, data, tmp_path):
    whole = turbo(**CASES[case]).fit(small(), *data)
    pieces = one_epoch_at_a_time(tmp_path / "run.npz", CASES[case], small, *data)
    assert bits(pieces) == bits(whole)
    assert (np.diff(pieces.trace["seconds"]) > 0).all()
    if case.startswith("shrinking"):
        assert whole.trace["units.0"][-1] < whole.trace["units.0"][-3] < 64


@pytest.mark.parametrize("noise", [2.0, Gamma(1.0, 0.1)])
def test_a_regression_in_pieces_is_the_same(noise, rng, tmp_path):
    x = rng.normal(size=(90, 5))
    y = x[:, :2] + rng.normal(0, 0.5, (90, 2))

    def net():
        return nets.mlp([5, 4, 2], seed=0, likelihood="gaussian", noise=noise, dtype=np.float64)

    settings = {"learning_rate": 0.01, "spike_epochs": 0, "learn": True}
    whole = turbo(**settings).fit(net(), x, y)
    assert bits(one_epoch_at_a_time(tmp_path / "run.npz", settings, net, x, y)) == bits(whole)


@pytest.mark.filterwarnings("ignore:divide by zero")  # a pruned weight has no entropy
def test_masks_and_validation_scores_come_back(data, tmp_path):
    def pruned():
        net = small()
        net.weight_layers[0].prune(np.random.default_rng(0).random((64, 6)) < 0.5)
        return net

    more = {"validation": (data[0][:50], data[1][:50])}
    whole = turbo().fit(pruned(), *data, **more)
    pieces = one_epoch_at_a_time(tmp_path / "run.npz", {}, pruned, *data, **more)
    assert bits(pieces) == bits(whole)
    assert "valid_score" in pieces.trace.columns


SCRIPT = """
import sys
from tvbi_ref import GridSupport, HierarchicalPrior, TurboVBI, datasets, nets
data = datasets.load_digits()
prior = HierarchicalPrior.spike_and_slab(GridSupport(-1.0, 0.05, 0.5))
turbo = TurboVBI(prior, epochs=8, batch_size=16, seed=5)
turbo.fit(nets.mlp([64, 32, 10], seed=1), data.x_train, data.y_train, checkpoint=sys.argv[1],
          callbacks=[lambda epoch, row, result: print(epoch, flush=True)])
"""


@pytest.mark.slow
def test_a_process_killed_in_the_middle_of_an_epoch_loses_nothing_but_that_epoch(digits, tmp_path):
    path = tmp_path / "run.npz"
    command = [sys.executable, "-c", SCRIPT, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        lines = iter(child.stdout.readline, "3\n")
        assert [int(line) for line in lines] == [0, 1, 2]
        time.sleep(0.02)
        os.kill(child.pid, signal.SIGKILL)
    assert child.returncode == -signal.SIGKILL
    settings = TurboVBI(prior(GRID), epochs=8, batch_size=16, seed=5)
    results = [
        settings.fit(nets.mlp([64, 32, 10], seed=1), digits.x_train, digits.y_train, **more)
        for more in ({}, {"checkpoint": path})
    ]
    assert bits(results[0]) == bits(results[1])


def test_a_run_that_is_over_returns_its_result_and_trains_no_more(data, tmp_path, monkeypatch):
    path = tmp_path / "run.npz"
    first = turbo().fit(small(), *data, checkpoint=path)
    before = path.read_bytes()
    monkeypatch.setattr(loop, "one_epoch", None)
    again = turbo().fit(small(), *data, checkpoint=path)
    assert bits(again) == bits(first)
    assert again.trace.rows == first.trace.rows
    assert path.read_bytes() == before


def test_a_run_that_a_callback_has_stopped_is_over(data, tmp_path):
    path = tmp_path / "run.npz"
    first = turbo().fit(small(), *data, checkpoint=path, callbacks=[lambda epoch, *_: epoch == 1])
    assert bits(turbo().fit(small(), *data, checkpoint=path)) == bits(first)
    assert len(first.trace) == 2


def test_a_checkpoint_changes_nothing(data, tmp_path):
    one = turbo().fit(small(), *data)
    two = turbo().fit(small(), *data, checkpoint=str(tmp_path / "new" / "folder" / "run"))
    assert bits(one) == bits(two)
    assert [p.name for p in (tmp_path / "new" / "folder").iterdir()] == ["run"]


@pytest.mark.filterwarnings("ignore:divide by zero")
def test_what_a_callback_did_to_the_network_is_stored(data, tmp_path):
    def halve(epoch, row, result):
        result.network.weight_layers[1].mean.value *= 0.5
        if epoch == 0:
            result.network.weight_layers[0].prune(result.posteriors[0].q_support > 0.4)

    def halve_then_die(epoch, row, result):
        halve(epoch, row, result)
        if epoch == 2:
            raise KeyboardInterrupt

    whole = turbo().fit(small(), *data, callbacks=[halve])
    path = tmp_path / "run.npz"
    with pytest.raises(KeyboardInterrupt):
        turbo().fit(small(), *data, callbacks=[halve_then_die], checkpoint=path)
    assert bits(turbo().fit(small(), *data, callbacks=[halve], checkpoint=path)) == bits(whole)


def test_a_pause_is_not_counted_in_the_seconds(data, tmp_path, monkeypatch):
    class Clock:
        now = 0.0

        def __call__(self):
            self.now += 1.0
            return self.now

    clock, path = Clock(), tmp_path / "run.npz"
    monkeypatch.setattr(time, "perf_counter", clock)
    with pytest.raises(KeyboardInterrupt):
        turbo().fit(small(), *data, checkpoint=path, callbacks=[KillsInTheSecond()])
    clock.now += 1e6
    seconds = turbo().fit(small(), *data, checkpoint=path).trace["seconds"]
    assert (np.diff(seconds) > 0).all()
    assert seconds[-1] < 1e5


# Another run's file


@pytest.fixture(scope="module")
def begun(data, tmp_path_factory):
    """Return the file of a run that was killed in its second epoch."""
    path = tmp_path_factory.mktemp("begun") / "run.npz"
    with pytest.raises(KeyboardInterrupt):
        turbo().fit(small(), *data, checkpoint=path, callbacks=[KillsInTheSecond()])
    return path


OTHER_SETTINGS = {
    "epochs": (5, "epochs is 4 in the file, 5 here"),
    "batch_size": (51, "batch_size is 50 in the file, 51 here"),
    "learning_rate": (2e-3, "learning_rate is 0.001 in the file, 0.002 here"),
    "kl_warmup": (1, "kl_warmup is 2 in the file, 1 here"),
    "kl_weight": (0.5, "kl_weight is 1.0 in the file, 0.5 here"),
    "spike_epochs": (3, "spike_epochs is 2 in the file, 3 here"),
    "spike_start": (0.2, "spike_start is 0.1 in the file, 0.2 here"),
    "module_a": ("mean_field", "module_a is collapsed in the file, mean_field here"),
    "exchange": ("full_belief", "exchange is extrinsic in the file, full_belief here"),
    "sweeps": (6, "sweeps is 5 in the file, 6 here"),
    "sweep_tol": (0.0, "sweep_tol is 1e-06 in the file, 0.0 here"),
    "damping": (0.1, "damping is None in the file, 0.1 here"),
    "learn": (True, "learn is False in the file, True here"),
    "train_variance": (False, "train_variance is True in the file, False here"),
    "shrink": (True, "shrink is False in the file, True here"),
    "tol": (0.1, "tol is 0.0 in the file, 0.1 here"),
    "seed": (4, "seed is 3 in the file, 4 here"),
    "optimizer": (momentum, "optimizer.kind is Adam in the file, SGD here"),
    "beta1": (lambda p: Adam(p, beta1=0.8), "optimizer.beta1 is 0.9 in the file, 0.8 here"),
    "field": (
        prior(GridSupport(-1.25, 0.05, 0.5)),
        "prior[1].support.field is -1.0 in the file, -1.25 here",
    ),
    "kind": (prior(SUPPORTS["chain"]), "support.kind is GridSupport in the file, ChainSupport"),
    "contrast": (
        prior(GRID, contrast=1e-3),
        "prior[0].inactive.rate is 2.0000000000000003e-06 in the file, 2e-05 here",
    ),
    "one layer": (
        [prior(GRID), prior(GRID, variance=0.5)],
        "prior[1].active.rate is 0.02 in the file, 0.5 here",
    ),
}
SETTING_OF = {"beta1": "optimizer"} | dict.fromkeys(
    ("field", "kind", "contrast", "one layer"), "prior"
)


def refusal(path, settings, network, *data, **more):
    """Return what is said; check that neither the file nor the network has changed."""
    before, weights = path.read_bytes(), [value.tobytes() for value in network.state()]
    with pytest.raises(ValueError, match="belongs to another run") as caught:
        settings.fit(network, *data, checkpoint=path, **more)
    assert not isinstance(caught.value, DataCorruptedError)
    assert path.read_bytes() == before
    assert [value.tobytes() for value in network.state()] == weights
    return str(caught.value)


@pytest.mark.parametrize("what", OTHER_SETTINGS)
def test_a_file_of_other_settings_is_refused_and_they_are_named(what, data, begun):
    value, says = OTHER_SETTINGS[what]
    message = refusal(begun, turbo(**{SETTING_OF.get(what, what): value}), small(), *data)
    assert says in message
    if what in ("epochs", "seed", "beta1"):  # and nothing else is
        assert message.count("in the file") == 1


def test_every_setting_is_among_those_that_are_compared():
    """A setting that is added later must be thought of here."""
    assert {f.name for f in fields(TurboVBI)} == OTHER_SETTINGS.keys() - SETTING_OF | {"prior"}


def test_all_that_differs_is_named_at_once(data, begun):
    message = refusal(begun, turbo(seed=4, sweeps=6), small(), *data)
    assert "seed is 3 in the file, 4 here; " in message or "; seed is 3" in message
    assert "sweeps is 5 in the file, 6 here" in message
    assert message.count("in the file") == 2
    assert "\n" not in message


def test_the_default_spelled_out_is_the_same_run(data, begun, tmp_path):
    copy = tmp_path / "run.npz"
    copy.write_bytes(begun.read_bytes())
    same = turbo(
        kl_warmup=2, spike_epochs=2, prior=[prior(GRID)] * 2, learning_rate=np.float64(1e-3)
    )
    assert bits(same.fit(small(), *data, checkpoint=copy)) == bits(turbo().fit(small(), *data))


@pytest.mark.parametrize(
    ("network", "says"),
    [
        (lambda: small(seed=1), "network.parameters at the start is"),
        (lambda: nets.mlp([64, 5, 10], seed=0), "'Dense(mean (64, 5), log_variance (64, 5)"),
        (lambda: small(activation="leaky_relu"), "'LeakyReLU(leak=0.01)'"),
        (lambda: small(dtype=np.float64), "network.dtype is float32 in the file, float64 here"),
    ],
)
def test_a_file_of_another_network_is_refused_and_it_is_named(network, says, data, begun):
    assert says in refusal(begun, turbo(), network(), *data)


def test_a_file_of_another_likelihood_is_refused_and_it_is_named(rng, tmp_path):
    x, path = rng.normal(size=(20, 3)), tmp_path / "run.npz"

    def net(noise):
        return nets.mlp([3, 1], seed=0, likelihood="gaussian", noise=noise)

    turbo(epochs=1).fit(net(Gamma(1.0, 0.1)), x, x[:, :1], checkpoint=path)
    other = refusal(path, turbo(epochs=1), net(Gamma(1.0, 0.2)), x, x[:, :1])
    assert "network.noise.prior is [1.0, 0.1] in the file, [1.0, 0.2] here" in other
    known = refusal(path, turbo(epochs=1), net(2.0), x, x[:, :1])
    assert "network.noise.known is nothing in the file, 2.0 here" in known


def test_a_file_of_other_data_is_refused_and_they_are_named(data, begun):
    x, y = data
    nudged, swapped = x.copy(), y.copy()
    nudged[17, 30] = np.nextafter(nudged[17, 30], np.float32(2))
    swapped[[0, 1]] = swapped[[1, 0]]
    assert "data.x.sha256 is" in (message := refusal(begun, turbo(), small(), nudged, y))
    assert "data.y" not in message
    assert "data.y.sha256 is" in refusal(begun, turbo(), small(), x, swapped)
    message = refusal(begun, turbo(), small(), x[:-1], y[:-1])
    assert "data.x.shape is [200, 64] in the file, [199, 64] here" in message
    message = refusal(begun, turbo(), small(), x, y, validation=data)
    assert "data.validation[0].shape is nothing in the file, [200, 64] here" in message


def test_a_file_of_another_version_of_the_package_is_refused(data, begun, monkeypatch):
    monkeypatch.setattr("tvbi_ref.__version__", "9.0")
    assert "package is 0.1.0 in the file, 9.0 here" in refusal(begun, turbo(), small(), *data)


def weaker(factor):
    return lambda posterior, incoming: factor * (posterior - incoming)


def of_a_constant(factor):
    """Return a function that reads a constant of its module."""
    module = {"K": factor}
    exec("def mine(posterior, incoming):\n    return K * (posterior - incoming)", module)
    return module["mine"]


def test_a_constant_of_the_module_is_part_of_a_function():
    one, same, other = (describe_function(of_a_constant(k), "f") for k in (1.0, 1.0, 1.5))
    assert one == same != other


def test_a_function_may_close_over_itself():
    def halved(n, factor):
        def mine(x):
            return x if x < n else factor * mine(x / 2)

        return mine

    one, same, other = (describe_function(halved(1, k), "f") for k in (1.0, 1.0, 1.5))
    assert one == same != other


@pytest.mark.parametrize("other", [None, weaker(0.5), functools.partial(np.subtract)])
def test_a_file_of_another_equation_of_the_readers_is_refused(other, data, begun):
    """Two functions of one name differ by what they close over."""
    own = {} if other is None else {"extrinsic-a": other}
    with use({"extrinsic-a": weaker(1.0)}):
        path = begun.with_name("own.npz")
        turbo(epochs=1).fit(small(), *data, checkpoint=path)
        turbo(epochs=1).fit(small(), *data, checkpoint=path)
    with use(own):
        assert "equations of your own" in refusal(path, turbo(epochs=1), small(), *data)


def test_a_file_of_the_other_engine_is_refused(data, begun):
    pytest.importorskip("numba")
    here = current().engine
    other = "numpy" if here == "numba" else "numba"
    with use(other):
        says = refusal(begun, turbo(), small(), *data)
    assert f"engine is {here} in the file, {other} here" in says


def test_a_network_that_an_interrupted_run_has_changed_is_not_the_one_it_began_with(data, tmp_path):
    path, net = tmp_path / "run.npz", small()
    with pytest.raises(KeyboardInterrupt):
        turbo().fit(net, *data, checkpoint=path, callbacks=[killed_after_one])
    message = refusal(path, turbo(), net, *data)
    assert "network.parameters at the start" in message
    assert message.endswith("with a new network")


GROUPS = np.arange(6) // 3


@pytest.mark.parametrize(
    ("one", "two", "says"),
    [
        (GroupSupport(Tiles(2, 2), 0.3, 0.8, 0.1), GroupSupport(Tiles(2, 1), 0.3, 0.8, 0.1),
         "prior[0].support.partition.cols is 2 in the file, 1 here"),
        (GroupSupport(Labels([GROUPS]), 0.3, 0.8, 0.1),
         GroupSupport(Labels([GROUPS[::-1]]), 0.3, 0.8, 0.1),
         "prior[0].support.partition.group_of.sha256 is"),
        (GraphSupport([(0, 1)], 0.5), GraphSupport([(0, 2)], 0.5), "prior[0].support.edges.sha256"),
        (GridSupport(np.zeros((1, 6)), 0.1, 0.1), GridSupport(np.eye(1, 6), 0.1, 0.1),
         "prior[0].support.field.sha256 is"),
        (GridSupport.from_markov(0.1, 0.9, 0.2, 0.8), GridSupport.from_markov(0.1, 0.9, 0.2, 0.7),
         "prior[0].support.border.top is"),
        (Remembering(0.5), Remembering(0.25), "prior[0].support.pull is 0.5 in the file, 0.25"),
    ],
)  # fmt: skip
def test_every_kind_of_prior_is_known_by_what_is_in_it(one, two, says, tmp_path):
    x, y, path = np.ones((4, 1)), np.arange(4), tmp_path / "run.npz"
    turbo(epochs=1, prior=prior(one)).fit(nets.mlp([1, 6], seed=0), x, y, checkpoint=path)
    assert says in refusal(path, turbo(epochs=1, prior=prior(two)), nets.mlp([1, 6], seed=0), x, y)


# Files that are no checkpoint, or no longer one


X, Y = np.eye(4, 3), np.array([0, 1, 1, 0])


def tiny(path, **changes):
    net = nets.mlp([3, 2], seed=0)
    return turbo(epochs=2, **changes).fit(net, X, Y, checkpoint=path)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Return (bytes of the file of a tiny run that is over, what it left behind)."""
    path = tmp_path_factory.mktemp("finished") / "run.npz"
    return bits(tiny(path)), path.read_bytes()


def damaged(data, kind, rng):
    at = int(rng.integers(len(data)))
    if kind == "truncated":
        return data[:at]
    if kind == "noise":
        return rng.bytes(int(rng.integers(1, 2 * len(data))))
    if kind == "flipped":
        return data[:at] + bytes([data[at] ^ int(rng.integers(1, 256))]) + data[at + 1 :]
    more = rng.bytes(int(rng.integers(1, 50)))
    return data[:at] + more + data[at + (0 if kind == "inserted" else len(more)) :]


def outcome(path, data, expected):
    path.write_bytes(data)
    try:
        result = tiny(path)
    except DataCorruptedError as error:
        kept = path.read_bytes() == data and "run.npz" in str(error)
        return "refused" if kept else f"refused, but {error}"
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return "the same" if bits(result) == expected else "silently different"


@pytest.mark.parametrize("kind", ["truncated", "flipped", "noise", "overwritten", "inserted"])
def test_a_damaged_file_is_refused_or_harmless(kind, finished, tmp_path):
    """A hundred times each. A flipped byte may be one that no reader needs."""
    expected, data = finished
    rng = np.random.default_rng(0)
    outcomes = [
        outcome(tmp_path / "run.npz", damaged(data, kind, rng), expected) for _ in range(100)
    ]
    assert set(outcomes) <= {"refused", "the same"}
    assert outcomes.count("refused") > 50
    if kind in ("truncated", "noise"):
        assert "the same" not in outcomes


def forged(finished, path, **changes):
    """Return the header and the arrays of the finished run, with another header, checksum right."""
    path.write_bytes(finished[1])
    header, arrays = read_archive(path, FORMAT, VERSION)
    header = {k: v for k, v in (header | changes).items() if v != "absent" and k != "sha256"}
    write_archive(path, header, arrays, compress=False)


@pytest.mark.parametrize(
    "changes",
    [
        {"format": "tvbi_ref network"},
        {"version": VERSION + 1},
        {"version": "absent"},
        {"state": "absent"},
        {"state": {"dict": {}}},
        {"state": {"array": "nothing of that name"}},
        {"noise": "absent"},
        {"fingerprint": "absent"},
    ],
)
def test_a_file_with_another_header_is_refused_even_if_its_checksum_is_right(
    changes, finished, tmp_path
):
    path = tmp_path / "run.npz"
    forged(finished, path, **changes)
    with pytest.raises(DataCorruptedError, match=r"run\.npz"):
        tiny(path)


@pytest.mark.parametrize(
    "name",
    [
        "parameter_0",
        "parameter_2",
        "state.optimizer.first.0",
        "state.optimizer.second.2",
        "state.layers.0.posterior.support_log_odds",
        "state.layers.0.evidence",
        "state.layers.0.message.belief",
        "state.layers.0.prior_log_odds",
    ],
)
@pytest.mark.parametrize("how", ["one number", "float16", "NaN", "text"])
def test_forged_arrays_are_refused_even_if_their_checksum_is_right(name, how, finished, tmp_path):
    path = tmp_path / "run.npz"
    path.write_bytes(finished[1])
    header, arrays = read_archive(path, FORMAT, VERSION)
    array = arrays[name]
    arrays[name] = {
        "one number": array.ravel()[:1],
        "float16": array.astype(np.float16),
        "NaN": np.full_like(array, np.nan),
        "text": array.astype(str),
    }[how]
    header.pop("sha256")
    write_archive(path, header, arrays, compress=False)
    with pytest.raises(DataCorruptedError, match=r"run\.npz is not a readable"):
        tiny(path)


def test_a_changed_array_is_refused_by_the_checksum(finished, tmp_path):
    path = tmp_path / "run.npz"
    path.write_bytes(finished[1])
    with np.load(path) as file:
        arrays = dict(file)
    arrays["state.layers.0.evidence"][0, 0] += 1
    np.savez(path, **arrays)
    with pytest.raises(DataCorruptedError, match="checksum"):
        tiny(path)


def test_a_network_is_no_run_and_a_run_no_network(finished, tmp_path):
    path = tmp_path / "run.npz"
    checkpoint.save_network(path, nets.mlp([3, 2], seed=0))
    with pytest.raises(DataCorruptedError, match="is not a tvbi_ref run file"):
        tiny(path)
    path.write_bytes(finished[1])
    with pytest.raises(DataCorruptedError, match="is not a tvbi_ref network file"):
        checkpoint.load_network(path)


def test_the_file_holds_no_pickle_and_the_random_numbers_as_text(finished, tmp_path):
    path = tmp_path / "run.npz"
    path.write_bytes(finished[1])
    with np.load(path, allow_pickle=False) as file:
        header = json.loads(str(file["header"]))
        arrays = {name: file[name] for name in file.files if name != "header"}
    assert header["sha256"] == digest(header, arrays)
    random = header["state"]["dict"]["random"]["dict"]
    assert random["bit_generator"] == "PCG64"
    assert not any(array.dtype.hasobject for array in arrays.values())


@pytest.mark.parametrize("path", [3, b"run.npz"])
def test_what_is_no_path_is_refused_by_name(path):
    with pytest.raises(TypeError, match="checkpoint must be a path; got"):
        tiny(path)


# What goes wrong in the course of a run


@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()])
def test_a_write_that_fails_leaves_the_former_file(error, data, tmp_path, monkeypatch):
    path, save, calls = tmp_path / "run.npz", np.savez, []

    def third_is_half(file, **arrays):
        calls.append(1)
        if len(calls) == 3:
            file.write(b"PK half of a file")
            raise error
        save(file, **arrays)

    monkeypatch.setattr(np, "savez", third_is_half)
    with pytest.raises(type(error)):
        turbo().fit(small(), *data, checkpoint=path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["run.npz"]
    resumed = turbo().fit(small(), *data, checkpoint=path)
    assert len(calls) == 3 + 3  # the start, one epoch, half a file; then the other three epochs
    assert bits(resumed) == bits(turbo().fit(small(), *data))


class Fuse(Adam):
    """An optimizer that breaks after so many steps."""

    steps = 10**9

    def step(self, learning_rate):
        super().step(learning_rate)
        if self.count > Fuse.steps:
            self.parameters[0].value[...] = np.nan


def test_a_run_that_diverges_leaves_the_checkpoint_of_the_last_good_epoch(
    data, tmp_path, monkeypatch
):
    path = tmp_path / "run.npz"
    monkeypatch.setattr(Fuse, "steps", 10)  # four steps an epoch
    with pytest.raises(DivergenceError, match="epoch 2") as caught:
        turbo(optimizer=Fuse).fit(small(), *data, checkpoint=path)
    _, arrays = read_archive(path, FORMAT, VERSION)
    assert arrays["state.trace"]["epoch"].tolist() == [0, 1]
    assert len(caught.value.last_good.trace) == 2
    with pytest.raises(DivergenceError, match="epoch 2") as caught:
        turbo(optimizer=Fuse).fit(small(), *data, checkpoint=path)
    assert len(caught.value.last_good.trace) == 2
    monkeypatch.undo()
    whole = turbo(optimizer=Fuse).fit(small(), *data)
    assert bits(turbo(optimizer=Fuse).fit(small(), *data, checkpoint=path)) == bits(whole)


# What cannot be stored


class NoState:
    def __init__(self, parameters):
        self.parameters = list(parameters)

    def step(self, learning_rate):
        raise AssertionError("too late")


class OddState(OwnOptimizer):
    def step(self, learning_rate):
        raise AssertionError("too late")

    def state(self):
        return {"history": {3, 4}}


class NoDataclass(Remembering):
    def __init__(self):
        super().__init__(0.5)


@dataclass
class Mutable(SupportPrior):
    pull: float = 0.5
    _incoming, sample, log_prob = Remembering._incoming, Remembering.sample, Remembering.log_prob


@dataclass(frozen=True)
class OddMessages(Remembering):
    def _incoming(self, evidence, state, schedule):
        return Incoming(np.zeros_like(evidence), state=object())


class Counting(nets.SoftmaxCrossEntropy):
    learns = True


CANNOT = {
    "optimizer without state": (
        {"optimizer": NoState},
        r"optimizer must have the methods state\(\)",
    ),
    "odd state": ({"optimizer": OddState}, "state.optimizer.history must be .* got a set"),
    "no dataclass": ({"prior": prior(NoDataclass())}, r"prior\[0\]\.support must .* a NoDataclass"),
    "mutable": ({"prior": prior(Mutable())}, r"prior\[0\]\.support must .* got a Mutable"),
    "odd messages": (
        {"prior": prior(OddMessages(0.5))},
        r"state\.layers\.0\.message\.state must be .* got a object",
    ),
    "odd field": (
        {"prior": prior(Remembering(print))},
        r"prior\[0\]\.support\.pull must be .* got a builtin_function_or_method",
    ),
}


@pytest.mark.parametrize("case", CANNOT)
def test_what_cannot_be_stored_is_said_before_the_first_epoch(case, tmp_path, monkeypatch):
    settings, says = CANNOT[case]
    monkeypatch.setattr(loop, "one_epoch", None)
    if case == "odd field":
        monkeypatch.setattr(Remembering, "_incoming", OddMessages._incoming)
    with pytest.raises(TypeError, match=says):
        tiny(tmp_path / "run.npz", **settings)
    assert list(tmp_path.iterdir()) == []


def test_a_likelihood_that_learns_in_its_own_way_cannot_be_stored(tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "one_epoch", None)
    net = nets.mlp([3, 2], seed=0)
    net.loss = Counting()
    with pytest.raises(TypeError, match=r"the likelihood must be Gaussian, .* a Counting"):
        turbo().fit(net, X, Y, checkpoint=tmp_path / "run.npz")


def test_without_a_checkpoint_anything_goes(rng):
    turbo(prior=prior(NoDataclass()), epochs=1).fit(nets.mlp([3, 2], seed=0), X, Y)


# The command line


def command(tmp_path, *more):
    return [
        *("train", "digits", "--hidden", "6", "--epochs", "3", "--fine-tune-epochs", "1"),
        *("--out", str(tmp_path / "out"), *more),
    ]


def test_the_same_command_goes_on_after_a_kill_and_another_is_refused(
    tmp_path, monkeypatch, capsys
):
    stored = ("--checkpoint", str(tmp_path / "run.npz"))
    whole_epoch, epochs, written = loop.one_epoch, [], []

    def dies_in_the_third(run, epoch):
        if epoch == 2:
            raise KeyboardInterrupt
        return whole_epoch(run, epoch)

    monkeypatch.setattr(experiment, "write", lambda outcomes, *_: written.extend(outcomes) or [])
    monkeypatch.setattr(loop, "one_epoch", dies_in_the_third)
    assert cli.main(command(tmp_path, *stored)) == 130
    assert written == []
    monkeypatch.setattr(loop, "one_epoch", lambda run, k: epochs.append(k) or whole_epoch(run, k))
    assert cli.main(command(tmp_path, *stored)) == 0
    assert epochs == [2]
    assert cli.main(command(tmp_path)) == 0
    assert bits(written[0].result) == bits(written[1].result)
    assert written[0].tuned == written[1].tuned
    assert written[0].seconds > written[0].result.trace["seconds"][-1]
    capsys.readouterr()
    assert cli.main(command(tmp_path, *stored, "--seed", "1")) == 2
    error = capsys.readouterr().err
    assert "seed is 0 in the file, 1 here" in error
    assert error.count("\n") == 1


def test_the_help_says_what_the_checkpoint_holds_and_what_it_does_not(capsys):
    with pytest.raises(SystemExit):
        cli.main(["train", "--help"])
    text = " ".join(capsys.readouterr().out.split())
    assert "--checkpoint FILE" in text
    assert "The dense baseline and the fine-tuning are not kept" in text

"""One rule for the arrays that a reader hands to any public function, held by one table.

An array that is masked, complex, of objects, or holds a NaN is refused with an error that names the
argument. float16, longdouble, another byte order, strides, no permission to write: refused
likewise, or the answer is that of the same numbers in plain float64. No result shares memory with
an argument, and no argument is changed. Through layers a NaN may pass, if it comes out as one.
"""

import dataclasses
import importlib
import inspect
import re

import numpy as np
import pytest
from hypothesis import given, settings

from tvbi_ref import Gamma, datasets, nets
from tvbi_ref.compression import (
    coding,
    compress,
    formats,
    report,
    round_weights,
    rounding,
    sharing,
    sizes,
)
from tvbi_ref.equations import EQUATIONS, get, use
from tvbi_ref.gamma import gamma_entropy
from tvbi_ref.lab.baselines import largest
from tvbi_ref.module_a import (
    collapsed_step,
    expected_log_precision,
    expected_precision,
    mean_field_step,
    objective,
    second_moment,
)
from tvbi_ref.module_b import (
    ChainSupport,
    Columns,
    GraphSupport,
    GridSupport,
    GroupSupport,
    IndependentSupport,
    Labels,
    NeuronSupport,
    bethe,
    em,
    exact,
    learn,
)
from tvbi_ref.prior import HierarchicalPrior
from tvbi_ref.school.strategies import inputs_of
from tvbi_ref.turbo import Exchange, TurboVBI

RNG = np.random.default_rng(0)
L = RNG.normal(size=(4, 3))  # log-odds
P = RNG.uniform(0.1, 0.9, size=(4, 3))  # positive, and probabilities
S = (P > 0.5).astype(float)
X, Y = RNG.normal(size=(5, 4)), np.array([0, 1, 2, 1, 0])
IMAGES = RNG.normal(size=(2, 1, 4, 4))
TARGETS = RNG.normal(size=(5, 3))
ON, OFF = Gamma(1.0, 0.02), Gamma(1.0, 2e-5)
CHAIN, GRID, EDGES = ChainSupport(0.1, 0.3), GridSupport(-1.0, 0.1, 0.3), np.array([[0, 1], [4, 5]])
GRAPH = GraphSupport(EDGES, 0.3, -1.0)
PRIOR = HierarchicalPrior(ON, OFF, CHAIN)
SUPPORTS = {
    "independent": IndependentSupport(-1.0),
    "chain": CHAIN,
    "grid": GRID,
    "graph": GRAPH,
    "group": GroupSupport(Columns(), 0.5, 0.8, 0.1),
    "neuron": NeuronSupport(0.5, 0.8, 0.1, p_end=0.3),
}


def network(**options):
    return nets.mlp([4, 3], seed=0, dtype=np.float64, **options)


def images():
    return nets.cnn((1, 4, 4), [(2, 3)], [3], seed=0, dtype=np.float64)


def layer(kind, *arguments):
    return kind(*arguments, np.random.default_rng(0), dtype=np.float64)


def backward(layer, x):
    """Return the function of a layer's gradient, after a forward pass."""
    layer.forward(x, np.random.default_rng(0))
    return layer.backward


def gradients(grad):
    net = network()
    net.forward(X)
    net.fill_gradients(grad)
    return net.weight_layers[0].mean.grad


def answer_and_record(evidence):
    """Return Module B's answer, and what the wire keeps of the question."""
    module_b = Exchange(GRID, (4, 3))
    return module_b.answer(evidence), module_b.evidence


CALLS = {
    # function, its arguments; every array among them is tried
    "gamma_entropy": (gamma_entropy, {"shape": P, "rate": P}),
    "Gamma.log_density": (ON.log_density, {"precision": P}),
    "Gamma.expected_log_density": (
        ON.expected_log_density,
        {"expected_precision": P, "expected_log_precision": L},
    ),
    "Gamma.log_weight_evidence": (ON.log_weight_evidence, {"second_moment": P}),
    "HierarchicalPrior.log_density": (
        PRIOR.log_density,
        {"support": S, "precision": P, "weight": L},
    ),
    "second_moment": (second_moment, {"mean": L, "variance": P}),
    "expected_precision": (expected_precision, {"shape": P, "rate": P}),
    "expected_log_precision": (expected_log_precision, {"shape": P, "rate": P}),
    **{
        step.__name__: (
            step,
            {"second_moment": P, "prior_log_odds": L, "active": ON, "inactive": OFF},
        )
        for step in (collapsed_step, mean_field_step)
    },
    "gaussian_entropy": (objective.gaussian_entropy, {"variance": P}),
    "bernoulli_entropy": (objective.bernoulli_entropy, {"probability": P}),
    "expected_log_bernoulli": (
        objective.expected_log_bernoulli,
        {"probability": P, "log_odds": L},
    ),
    **{f"{k}.extrinsic": (prior.extrinsic, {"evidence": L}) for k, prior in SUPPORTS.items()},
    **{f"{k}.log_prob": (prior.log_prob, {"support": S}) for k, prior in SUPPORTS.items()},
    "grid, warm": (GRID.extrinsic, {"evidence": L, "state": GRID.extrinsic(L).state}),
    "group_belief": (SUPPORTS["neuron"].group_belief, {"evidence": L}),
    "GridSupport": (GridSupport, {"field": L, "coupling_row": 0.1, "coupling_col": 0.1}),
    "GraphSupport": (GraphSupport, {"edges": EDGES, "couplings": P[0, :2], "field": L}),
    "Labels": (Labels, {"group_of": np.array([[0, 1], [0, 1]])}),
    **{
        f"learn, {k}": (learn, {"support": SUPPORTS[k], "evidence": L})
        for k in ("independent", "chain", "group", "grid", "graph")
    },
    "graph_pair_beliefs": (
        bethe.graph_pair_beliefs,
        {"graph": GRAPH, "evidence": L, "message": GRAPH.extrinsic(L)},
    ),
    "graph_log_partition": (
        bethe.graph_log_partition,
        {"graph": GRAPH, "evidence": L, "message": GRAPH.extrinsic(L)},
    ),
    "grid_pair_beliefs": (
        bethe.grid_pair_beliefs,
        {"grid": GRID, "evidence": L, "message": GRID.extrinsic(L)},
    ),
    "grid_log_partition": (
        bethe.grid_log_partition,
        {"grid": GRID, "evidence": L, "message": GRID.extrinsic(L)},
    ),
    "chain_pair_beliefs": (bethe.chain_pair_beliefs, {"chain": CHAIN, "evidence": L}),
    "chain_log_partition": (bethe.chain_log_partition, {"chain": CHAIN, "evidence": L}),
    "em_independent": (em.em_independent, {"support": SUPPORTS["independent"], "evidence": L}),
    "em_chain": (em.em_chain, {"chain": CHAIN, "evidence": L}),
    "em_group": (em.em_group, {"group": SUPPORTS["group"], "evidence": L}),
    "em_ising": (em.em_ising, {"grid": GRID, "evidence": L}),
    "ising_gradient": (em.ising_gradient, {"grid": GRID, "evidence": L}),
    "enumerate_marginals": (exact.enumerate_marginals, {"field": L}),
    "enumerate_log_partition": (exact.enumerate_log_partition, {"field": L}),
    "Exchange.answer": (answer_and_record, {"evidence": L}),
    "TurboVBI.fit": (
        lambda x, y: TurboVBI(PRIOR, epochs=1).fit(network(), x, y, validation=(X, Y)),
        {"x": X, "y": Y},
    ),
    "train": (lambda x, y: nets.train(network(), x, y, epochs=1, seed=0), {"x": X, "y": Y}),
    "Network.predict": (network().predict, {"x": X}),
    "Network.predict, images": (images().predict, {"x": IMAGES}),
    "Network.predict_proba": (network().predict_proba, {"x": X}),
    "Network.score": (network().score, {"x": X, "y": Y}),
    "Network.as_inputs": (network().as_inputs, {"x": X}),
    "Network.as_targets": (network().as_targets, {"y": Y, "n_rows": 5}),
    "Network.set_state": (
        lambda values: network().set_state([values, L, L[0]]),
        {"values": L},
    ),
    "set_state_dict": (
        lambda state: nets.set_state_dict(
            network(), {"weight": getattr(state, "T", state), "bias": L[0]}
        ),
        {"state": L},
    ),
    "Network.forward": (network().forward, {"x": X}),
    "Network.backward": (backward(network(), X), {"grad": TARGETS}),
    "Network.fill_gradients": (gradients, {"grad": TARGETS}),
    "Network.loss_and_gradient": (network().loss_and_gradient, {"x": X, "y": Y}),
    "Network.refit_likelihood": (
        network(likelihood="gaussian", noise=ON).refit_likelihood,
        {"x": X, "y": TARGETS},
    ),
    "Dense.forward": (layer(nets.Dense, 4, 3).forward, {"x": X}),
    "Dense.backward": (backward(layer(nets.Dense, 4, 3), X), {"grad": TARGETS}),
    "Dense.prune": (layer(nets.Dense, 4, 3).prune, {"keep": S == 1}),
    "Conv2D.forward": (layer(nets.Conv2D, 1, 2, 3).forward, {"x": IMAGES}),
    "Conv2D.backward": (
        backward(layer(nets.Conv2D, 1, 2, 3), IMAGES),
        {"grad": RNG.normal(size=(2, 2, 2, 2))},
    ),
    "ReLU.backward": (backward(nets.ReLU(), IMAGES), {"grad": IMAGES}),
    **{
        f"{kind.__name__}.backward": (backward(kind(2), IMAGES), {"grad": IMAGES[:, :, :2, :2]})
        for kind in (nets.MaxPool, nets.AveragePool)
    },
    **{
        f"{kind.__name__}.forward": (kind(*arguments).forward, {"x": IMAGES})
        for kind, arguments in (
            (nets.ReLU, ()),
            (nets.LeakyReLU, (0.1,)),
            (nets.Tanh, ()),
            (nets.Flatten, ()),
            (nets.MaxPool, (2,)),
            (nets.AveragePool, (2,)),
        )
    },
    "Flatten.backward": (backward(nets.Flatten(), IMAGES), {"grad": IMAGES.reshape(2, 16)}),
    **{
        f"{type(loss).__name__}.{name}": (
            getattr(loss, name),
            {"output": TARGETS, "y": y},
        )
        for loss, y in (
            (nets.SoftmaxCrossEntropy(), Y),
            (nets.GaussianLikelihood(ON), TARGETS + 1),
        )
        for name in ("value", "gradient", "value_and_gradient", "score", "row_values")
    },
    "GaussianLikelihood.refit": (nets.GaussianLikelihood(ON).refit, {"output": L, "y": L + P}),
    **{
        f"{type(loss).__name__}.as_targets": (
            lambda y, loss=loss: loss.as_targets(y, 5, 3, np.float64),
            {"y": y},
        )
        for loss, y in ((nets.SoftmaxCrossEntropy(), Y), (nets.GaussianLikelihood(), TARGETS))
    },
    "SoftmaxCrossEntropy.probabilities": (
        nets.SoftmaxCrossEntropy().probabilities,
        {"output": TARGETS},
    ),
    **{
        function.__name__: (lambda mask, f=function: f([mask]), {"mask": S == 1})
        for function in (sizes.mean_run, sizes.index_bits)
    },
    "find_runs": (sizes.find_runs, {"mask": S == 1}),
    "ChainSupport.down_columns": (CHAIN.down_columns, {"array": L}),
    "ising_log_weights": (
        exact.ising_log_weights,
        {"states": S[None], "field": L, "coupling_row": P[:, 1:], "coupling_col": P[1:]},
    ),
    "chain_log_weights": (exact.chain_log_weights, {"states": S[None], "p01": 0.1, "p10": 0.3}),
    "largest": (lambda scores: largest([scores], 0.5), {"scores": P}),
    **{
        f"{kind.__name__}.from_dense": (kind.from_dense, {"weights": L})
        for kind in formats.FORMATS.values()
    },
    **{
        f"{kind.__name__}.forward": (kind.from_dense(L).forward, {"x": X, "bias": L[0]})
        for kind in formats.FORMATS.values()
    },
    **{
        f"CompressedNetwork.{name}": (getattr(compress(network()), name), {"x": X})
        for name in ("predict", "predict_proba", "predict_entropy", "forward")
    },
    "CompressedNetwork.predict, images": (compress(images()).predict, {"x": IMAGES}),
    "CompressedNetwork.as_inputs": (compress(network()).as_inputs, {"x": X}),
    "CompressedNetwork.check_against": (
        compress(network()).check_against,
        {"network": network(), "x": X},
    ),
    "CompressedNetwork.predict_interval": (
        compress(network(likelihood="gaussian")).predict_interval,
        {"x": X},
    ),
    "CompressedNetwork.with_weights": (
        lambda weights: compress(network()).with_weights([weights]).layers[0].dense_weights(),
        {"weights": L},
    ),
    "report": (
        lambda x, y: report(compress(network()), x, y, seconds=0) and None,
        {"x": X, "y": Y},
    ),
    "round_weights": (round_weights, {"network": compress(network()), "x": X}),
    "CompressedNetwork.score": (compress(network()).score, {"x": X, "y": Y}),
    "CompressedNetwork.log_likelihood": (compress(network()).log_likelihood, {"x": X, "y": Y}),
    "entropy": (coding.entropy, {"stream": Y}),
    "code_lengths": (coding.code_lengths, {"counts": Y + 1}),
    "magnitudes": (coding.magnitudes, {"numbers": Y}),
    "HuffmanCode.for_stream": (coding.HuffmanCode.for_stream, {"stream": Y}),
    "HuffmanCode.encoded_bits": (coding.HuffmanCode.for_stream(Y).encoded_bits, {"stream": Y}),
    "stream_size": (coding.stream_size, {"stream": Y}),
    "list_size": (coding.list_size, {"numbers": np.array([0, 2, 7])}),
    "total_size": (lambda stream: coding.total_size([stream]), {"stream": Y}),
    "unpack": (coding.unpack, {"packed": coding.pack(Y, 2), "width": 2, "count": 5}),
    "pack": (lambda numbers: coding.pack(numbers, 2), {"numbers": Y}),
    "typical_variance": (rounding.typical_variance, {"variance": P}),
    "choose_bits": (rounding.choose_bits, {"values": L, "variance": P}),
    "codebook": (lambda values: sharing.codebook(values, 2), {"values": L[:, 0].copy()}),
    "Dataset": (
        lambda x_train, y_train: datasets.Dataset(x_train, y_train, X, Y, "toy", n_classes=3),
        {"x_train": X.astype(np.float32), "y_train": Y},
    ),
    "Dataset, targets": (
        lambda y_train: datasets.Dataset(X, y_train, X, TARGETS, "toy"),
        {"y_train": TARGETS.astype(np.float32)},
    ),
    "TargetScale": (datasets.TargetScale, {"mean": L[0], "std": P[0]}),
    "TargetScale.undo": (datasets.TargetScale(L[0], P[0]).undo, {"y": TARGETS}),
}
"""Every public function that takes arrays and is no equation, and the methods of public classes."""


def is_a_pass(what):
    """Whether it is a pass through layers, in which a divergence must be seen."""
    return what.endswith((".forward", ".backward", ".fill_gradients", ".loss_and_gradient"))


def masked(a):
    return np.ma.array(a, mask=np.arange(a.size).reshape(a.shape) == 0)


def with_nan(a):
    return np.where(np.arange(a.size).reshape(a.shape) == a.size - 1, np.nan, a).astype(a.dtype)


def complex_ones(a):
    return a + np.full(a.shape, 1e-3j)


def other_order(a):
    return a.astype(a.dtype.newbyteorder())


def strided(a):
    wide = np.zeros([2 * n for n in a.shape], a.dtype)
    view = wide[tuple(slice(None, None, 2) for _ in a.shape)]
    view[...] = a
    return view


def read_only(a):
    a = a.copy()
    a.flags.writeable = False
    return a


LOST = {
    "masked": masked,
    "complex": complex_ones,
    "object": lambda a: complex_ones(a).astype(object),
}
OTHER_FORM = {"another order": other_order, "strided": strided, "read-only": read_only}
OF_FLOATS = {
    "float16": lambda a: a.astype(np.float16),
    "longdouble": lambda a: a.astype(np.longdouble),
}


def numbers_of(result):
    """Return all arrays in a result, numbers among them."""
    if isinstance(result, np.ndarray):
        return [result]
    if isinstance(result, float | int | np.generic):
        return [np.asarray(result)]
    if isinstance(result, nets.Network):
        return [parameter.value for parameter in result.parameters()]
    if isinstance(result, list | tuple):
        return [array for part in result for array in numbers_of(part)]
    if isinstance(result, nets.Parameter):
        return [result.value]
    if dataclasses.is_dataclass(result):
        return numbers_of([getattr(result, f.name) for f in dataclasses.fields(result)])
    return []


def answer(function, arguments):
    """Return a function's numbers; it must neither change its arguments nor keep them."""
    before = {name: np.array(a) for name, a in arguments.items() if isinstance(a, np.ndarray)}
    numbers = numbers_of(function(**arguments))
    for name, array in before.items():
        np.testing.assert_array_equal(np.asarray(arguments[name]), array, f"{name} was changed")
        shared = [a for a in numbers if np.shares_memory(a, arguments[name])]
        assert not shared, f"a result shares memory with {name}"
    return numbers


def hold_to_the_rule(function, arguments, name, array, *, nan_passes=False):
    """Try every form of one array; a form that is refused must be refused by name."""

    def call(other):
        try:
            return answer(function, {**arguments, name: other})
        except (TypeError, ValueError) as error:
            refusal = str(error)
        assert re.search(rf"\b{name}\b", refusal), f"{refusal} does not name {name}"
        return None

    floats = array.dtype.kind == "f"
    for form, make in LOST.items():
        assert call(make(array)) is None, f"{name} {form} is not refused"
    if floats:
        got = call(with_nan(array))
        assert got is None or (nan_passes and np.isnan(got[0]).any()), f"{name} with a nan"
    for form, make in (OTHER_FORM | (OF_FLOATS if floats else {})).items():
        got = call(make(array))
        if got is not None:
            expected = answer(function, {**arguments, name: make(array).astype(array.dtype)})
            assert len(got) == len(expected), f"{name} {form}"
            for one, two in zip(got, expected, strict=True):
                np.testing.assert_allclose(one, two, rtol=1e-6, atol=1e-9, err_msg=f"{name} {form}")


@pytest.mark.parametrize("what", CALLS)
def test_functions_refuse_what_they_would_lose_and_are_right_on_the_rest(what):
    function, arguments = CALLS[what]
    for name, value in arguments.items():
        if isinstance(value, np.ndarray):
            hold_to_the_rule(function, arguments, name, value, nan_passes=is_a_pass(what))


@pytest.mark.parametrize("engine", ["numpy", "numba"])
@pytest.mark.parametrize("label", EQUATIONS)
def test_equations_refuse_what_they_would_lose_and_are_right_on_the_rest(label, engine):
    names = [symbol.name for symbol in get(label).inputs]

    @settings(max_examples=2, deadline=None)
    @given(inputs_of(label))
    def hold(drawn):
        arguments = dict(zip(names, drawn, strict=True))
        for name, value in arguments.items():
            if isinstance(value, np.ndarray) and value.size:
                hold_to_the_rule(get(label).function, arguments, name, value)

    with use(engine), np.errstate(all="ignore"):
        hold()


ROOMS = [
    "gamma",
    "prior",
    "module_a",
    "module_b",
    "module_b.exact",
    "turbo",
    "nets",
    "compression",
    "compression.formats",
    "compression.coding",
    "datasets",
]


ELSEWHERE = {
    "Layer.forward",
    "Layer.backward",
    "Loss.as_targets",
    "Loss.refit",
    "Loss.row_values",
    "Loss.score",
    "Loss.value_and_gradient",
    "SupportPrior.log_prob",
    "Format.from_dense",  # these say what a subclass has to do
    "Format.require_inputs",  # looks at a shape
    "Format.from_arrays",  # of a file: tests/compression/test_formats.py
    "Trace.from_table",
    "marginals",  # takes a function
    "to_matrix",
    "to_kernel",
    "WeightLayer.matrix",
    "WeightLayer.from_matrix",
    "Conv2D.matrix",
    "Conv2D.from_matrix",  # another order of whatever it is: tests/nets/test_kernel_matrix.py
}


def public_callables(room):
    """Yield every public function of a room and every public method of its classes."""
    module = importlib.import_module(f"tvbi_ref.{room}")
    own = [n for n, v in vars(module).items() if getattr(v, "__module__", "") == module.__name__]
    for name in getattr(module, "__all__", own):
        value = getattr(module, name)
        if inspect.isclass(value):
            yield from (inspect.unwrap(getattr(value, m)) for m in dir(value) if m[0] != "_")
        elif name[0] != "_":
            yield value


def takes_arrays(value):
    """Whether it is a function, and no equation, with an array among its arguments."""
    if not (inspect.isfunction(value) or inspect.ismethod(value)):
        return False
    return any("Array" in str(p.annotation) for p in inspect.signature(value).parameters.values())


@pytest.mark.parametrize("room", ROOMS)
def test_the_table_has_every_public_function_that_takes_arrays(room):
    names = {f.__qualname__ for f in public_callables(room) if takes_arrays(f)}
    tested = {inspect.unwrap(function).__qualname__ for function, _ in CALLS.values()}
    assert names - ELSEWHERE - tested - {what.split(",")[0] for what in CALLS} == set()

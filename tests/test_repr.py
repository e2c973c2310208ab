"""Every public object shows itself in a few lines, however large the arrays are that it holds."""

import importlib
import inspect

import numpy as np
import pytest

from tvbi_ref import (
    ChainSupport,
    Gamma,
    GridSupport,
    GroupSupport,
    HierarchicalPrior,
    Labels,
    TurboVBI,
    TurboVBIClassifier,
    TurboVBIRegressor,
    checks,
    compress,
    datasets,
    equations,
    in_the_loop,
    listen,
    module_a,
    module_b,
    nets,
    prune,
    report,
    sparsity,
    support_masks,
    turbo,
)
from tvbi_ref.compression import coding, formats, rounding, sharing, shrink, sizes
from tvbi_ref.lab import baselines, experiment, study

ROOMS = [
    "gamma",
    "prior",
    "module_a",
    "module_b",
    "turbo",
    "nets",
    "compression",
    "compression.formats",
    "datasets",
    "equations",
    "lab.baselines",
    "lab.study",
    "lab.experiment",
    "lab.estimators",
    "school.checks",
    "school.loop",
]
BY_A_SUBCLASS = {
    "Layer",
    "Loss",
    "Optimizer",
    "ResumableOptimizer",
    "Partition",
    "SupportPrior",
} | {
    "Format",
    "Method",
    "Hooks",
    "WeightLayer",
}
"""Classes of which nobody makes an instance but by a subclass."""

RNG = np.random.default_rng(0)
LARGE = RNG.normal(size=(30, 30))  # NumPy shows all of it: it sums up more than 1000 numbers
ON, OFF = Gamma(1.0, 0.02), Gamma(1.0, 2e-5)


def objects():
    """Return an instance of every public class."""
    data = datasets.load_digits()
    grid = GridSupport(LARGE[:1, :1].item(), 0.04, 0.4)
    prior = HierarchicalPrior.spike_and_slab(grid)
    net = nets.mlp([64, 30, 10], seed=0)
    fit = TurboVBI(prior, epochs=2)
    result = fit.fit(net, data.x_train, data.y_train)
    small = compress(prune(result))
    with listen() as heard:
        grid.extrinsic(LARGE)
    kernels = nets.edges_within_kernels((20, 1, 5, 5))
    cnn = nets.cnn((1, 8, 8), [(4, 3)], [10], seed=0)
    entrant = study.Entrant("digits", "snip", [{"sparsity": 0.9}], [{}])
    budget = baselines.Budget(epochs=1, fine_tune_epochs=1, batch_size=64, learning_rate=1e-3)
    problem = baselines.Problem(data.x_train, data.y_train, budget, seed=0)
    yield from [fit, result, result.trace, *result.posteriors, *result.messages, fit.annealing]
    yield from [data, datasets.load_synthetic(), datasets.TargetScale(LARGE[0], LARGE[1] ** 2)]
    yield from [net, *net.layers, *net.parameters(), net.loss, nets.GaussianLikelihood(ON), cnn]
    yield from [*cnn.layers, nets.LeakyReLU(), nets.Tanh(), nets.AveragePool(2), nets.MaxPool(2)]
    yield from [nets.SGD(net.parameters()), nets.Adam(net.parameters()), nets.Flatten()]
    yield nets.Block(4, 3)
    yield from [prior, ON, grid, GridSupport(LARGE, 0.1, 0.1), ChainSupport(0.1, 0.3)]
    yield from [Labels(np.arange(900).reshape(30, 30)), module_b.Rows(), module_b.Tiles(2, 2)]
    yield from [module_b.GraphSupport(kernels, 0.1, RNG.normal(size=500)), module_b.Columns()]
    yield GroupSupport(Labels(np.arange(900).reshape(30, 30)), 0.5, 0.8, 0.1)
    yield from [module_b.NeuronSupport(0.5, 0.8, 0.1), module_b.IndependentSupport(-1.0)]
    yield from [module_b.Incoming(LARGE, [LARGE] * 4), module_b.Schedule(5, 1e-6, 0.0)]
    yield module_a.elbo(LARGE, LARGE**2, LARGE**2, LARGE**2, LARGE, LARGE, ON, OFF)
    yield module_a.elbo_collapsed(LARGE, LARGE**2, LARGE, ON, OFF)
    yield from [turbo.Exchange(grid, (30, 30)), turbo.Round(*[LARGE] * 4)]
    yield from [small, *small.layers, report(small, seconds=0), shrink(prune(result))]
    yield from [sparsity(support_masks(result)), sizes.find_runs(LARGE > 0)]
    yield from [kind.from_dense(LARGE) for kind in formats.FORMATS.values()]
    yield from [formats.Clusters.from_dense(LARGE).coded_bits(), sharing.codebook(LARGE[0], 4)]
    yield from [coding.HuffmanCode.for_stream(np.arange(900)), sharing.share_values(small, [2, 2])]
    yield rounding.quantise(LARGE, rounding.even_rounding(LARGE, 4))
    yield from [heard, heard.calls[0], equations.table(), equations.get("grid-sweep")]
    yield from [equations.get("grid-sweep").inputs[0], module_b.ising_message]
    yield equations.carry(np.sin)
    yield from [TurboVBIClassifier(), TurboVBIRegressor()]
    yield from [method() for name, method in baselines.METHODS.items() if name != "turbo"]
    yield from [baselines.PlainTraining(), baselines.Turbo(prior), budget, problem]
    yield nets.training.Step(3, 0.1, 1e-3, nets.Adam(net.parameters()), 900.0)
    yield from [*study.search_jobs(entrant, seed=0), entrant, study.TASKS["digits"]]
    yield experiment.Outcome("grid", 0.9, 0.9, sparsity(support_masks(result)), result, net, 1.0)
    yield from school_objects(fit, data)


def school_objects(fit, data):
    wrong = checks.check("sum-product-ising", lambda cavity, coupling: 0 * cavity)
    yield from [wrong, *wrong.cases, *checks.cases("grid-sweep")]
    yield checks.check_gradients(nets.mlp([64, 10], seed=0), data.x_train[:4], data.y_train[:4])
    marks = [checks.Mark(label, "task", False, wrong.message) for label in equations.EQUATIONS]
    yield from [marks[0], checks.Grade("homework.py", tuple(marks))]
    own = {"sum-product-ising": lambda cavity, coupling: 0 * cavity}
    yield in_the_loop(own, turbo=fit, network=nets.mlp([64, 10], seed=0), data=data)


@pytest.fixture(scope="module")
def shown():
    """Every instance with what it shows."""
    return [(value, repr(value)) for value in objects()]


def test_an_object_shows_itself_in_a_few_lines(shown):
    for value, text in shown:
        assert len(text) < 2000, f"{type(value).__name__} takes {len(text)} letters"
        assert text.count("\n") < 6, text
        assert " at 0x" not in text, text


@pytest.mark.parametrize("room", ROOMS)
def test_every_public_class_has_an_instance_here(shown, room):
    module = importlib.import_module(f"tvbi_ref.{room}")
    own = [n for n, v in vars(module).items() if getattr(v, "__module__", "") == module.__name__]
    names = {n for n in getattr(module, "__all__", own) if inspect.isclass(getattr(module, n))}
    tried = {cls.__name__ for value, _ in shown for cls in type(value).__mro__}
    assert {name for name in names if name[0] != "_"} - tried - BY_A_SUBCLASS == set()


def test_in_jupyter_a_result_is_a_table_of_its_layers(shown):
    (result,) = (value for value, _ in shown if isinstance(value, turbo.TurboResult))
    first, _, header, _, *rows = result._repr_markdown_().splitlines()
    assert first == f"`{result!r}`"
    assert len(rows) == len(result.messages)
    assert all(row.count("|") == header.count("|") for row in rows)


def test_in_jupyter_a_report_is_what_print_shows(shown):
    (told,) = (value for value, _ in shown if type(value).__name__ == "CompressionReport")
    assert str(told) in told._repr_markdown_()

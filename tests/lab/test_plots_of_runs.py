"""What the pictures of a run and of a small network show; how they look was looked at."""

import numpy as np
import pytest

from tvbi_ref import ChainSupport, GridSupport, HierarchicalPrior, TurboVBI, compress, nets, plots
from tvbi_ref import report as measure
from tvbi_ref.lab.plots.style import plain


def train(support, **more):
    turbo = TurboVBI(HierarchicalPrior.spike_and_slab(support), epochs=3)
    x, y = np.eye(4), np.array([0, 1, 0, 1])
    return turbo.fit(nets.mlp([4, 3, 2], seed=0), x, y, **more)


@pytest.fixture(scope="module")
def result():
    return train(GridSupport(-1.0, 0.1, 0.3))


def titled(figure, start):
    return next(axes for axes in figure.axes if axes.get_title(loc="left").startswith(start))


def test_the_trace_shows_the_numbers_of_the_trace(result):
    axes = titled(plots.trace(result), "the objective")
    np.testing.assert_array_equal(axes.lines[0].get_xdata(), [1, 2, 3])
    np.testing.assert_array_equal(axes.lines[0].get_ydata(), result.trace["elbo"])
    score = titled(plots.trace(result), "accuracy")
    assert [line.get_label() for line in score.lines] == ["training, with noise"]


def test_validation_has_a_line_where_there_is_one():
    validated = train(GridSupport(-1.0, 0.1, 0.3), validation=(np.eye(4), np.array([0, 1, 0, 1])))
    labels = [line.get_label() for line in titled(plots.trace(validated), "accuracy").lines]
    assert labels == ["training, with noise", "validation"]


def test_a_prior_that_is_exact_in_one_pass_has_no_residual():
    residuals = titled(plots.trace(train(ChainSupport(0.1, 0.3))), "Module B: residual")
    assert [text.get_text() for text in residuals.texts] == ["exact in one pass, no sweeps"]
    assert not residuals.lines


def test_a_kept_weight_is_a_square_in_the_colour_of_its_neighbours():
    mask = np.array([[1, 0, 1], [1, 0, 0], [0, 0, 1]], bool)
    figure = plots.supports({"one": [mask], "two": [~mask]}, notes={"one": "a note"})
    (image,) = figure.axes[0].images
    np.testing.assert_array_equal(image.get_array(), [[2, 0, 1], [2, 0, 0], [0, 0, 1]])
    assert [axes.get_title(loc="left") for axes in figure.axes] == [
        "layer 1: 4 / 9",
        "layer 1: 5 / 9",
    ]
    assert [text.get_text() for text in figure.texts] == ["one\na note", "two"]


def test_a_matrix_is_white_at_zero():
    figure = plots.weights([np.array([[-3.0, 1.0]]), np.zeros((2, 2))], titles=["w", "nothing"])
    (image,) = titled(figure, "w").images
    np.testing.assert_array_equal(image.get_array(), [[-3.0, 1.0]])
    assert image.get_clim() == (-3.0, 3.0)
    assert titled(figure, "nothing").images[0].get_clim() == (-1.0, 1.0)


def test_the_messages_are_those_of_the_neurons_with_most_kept_weights(result):
    posterior = result.posteriors[0].support_log_odds
    busiest = np.sort(np.argsort(-(posterior >= 0).sum(axis=0), kind="stable")[:2])
    figure = plots.messages(result, columns=2)
    shown = {
        "A to B": result.evidence[0],
        "B to A": result.messages[0].log_odds,
        "together": posterior,
    }
    for start, expected in shown.items():
        (image,) = titled(figure, start).images
        np.testing.assert_array_equal(image.get_array(), expected[:, busiest])


@pytest.fixture(scope="module")
def found():
    network = nets.mlp([8, 6, 2], seed=0)
    network.weight_layers[0].prune(np.arange(48).reshape(8, 6) < 20)
    return measure(compress(network), control=compress(nets.mlp([8, 6, 2], seed=1)), seconds=0)


def test_the_sizes_are_those_of_the_report_a_row_a_format(found):
    axes = titled(plots.compression(found), "kilobytes")
    lines = {line.get_label(): line for line in axes.lines}
    sizes = [size.memory / 1000 for size in found.formats]
    np.testing.assert_allclose(lines["memory"].get_xdata(), sizes)
    rows = [label.get_text() for label in axes.get_yticklabels()]
    assert rows == [size.name for size in found.formats]


def test_index_bits_leave_the_dense_format_out_and_show_the_control(found):
    axes = titled(plots.compression(found), "index bits")
    lines = {line.get_label(): line for line in axes.lines}
    assert {"kept", "shuffled", "J = 0", "H(p)/p"} <= set(lines)
    sparse = [size for size in found.formats if size.name != "dense"]
    np.testing.assert_array_equal(lines["J = 0"].get_xdata(), [s.control_bits for s in sparse])


def test_numbers_have_no_exponent():
    assert [plain(value) for value in (0.05, 1, 9999, 10_000, 250_000)] == [
        *("0.05", "1", "9999"),
        *("10k", "250k"),
    ]


@pytest.mark.parametrize("kind", ["png", "svg", "pdf"])
@pytest.mark.slow
def test_the_ending_chooses_the_format_and_the_same_picture_is_the_same_bytes(kind, tmp_path):
    magic = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}[kind]
    files = [plots.save(plots.weights([np.eye(2)]), tmp_path / f"{k}.{kind}") for k in range(2)]
    contents = [path.read_bytes() for path in files]
    assert contents[0].startswith(magic)
    assert contents[0] == contents[1]

"""What the picture of the calls shows; how it looks was looked at."""

import numpy as np
import pytest

from tvbi_ref import GridSupport, HierarchicalPrior, TurboVBI, listen, nets, plots, use
from tvbi_ref.equations import Call, Heard
from tvbi_ref.module_b import ising_message


def hear(**plugs):
    prior = HierarchicalPrior.spike_and_slab(GridSupport(-1.0, 0.1, 0.3))
    with use(**plugs), listen() as heard:
        TurboVBI(prior, epochs=1).fit(nets.mlp([4, 2], seed=0), np.eye(4), np.array([0, 1, 0, 1]))
    return heard


@pytest.fixture(scope="module")
def epoch():
    return hear(engine="numpy", equations={"extrinsic-a": lambda posterior, pi: posterior - pi})


def texts(figure):
    (axes,) = figure.axes
    return [t.get_text().replace("\n", " ").replace("\xa0", " ") for t in axes.texts]


def lanes(figure):
    return [label.get_text() for label in figure.axes[0].get_yticklabels()]


def legend(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


def test_a_round_is_module_a_the_wire_module_b_and_module_a_again(epoch):
    figure = plots.heard(epoch, within="turbo-loop")
    assert lanes(figure) == ["Module A", "wire", "Module B"]
    shown = texts(figure)
    assert shown[0] == "turbo-loop"
    module_a = [name for name in shown if name.startswith("evidence-")]
    assert len(module_a) == 2
    assert shown.index("extrinsic-a") < shown.index("grid") < shown.index("extrinsic-b")


def test_calls_of_one_equation_are_one_box_with_their_number(epoch):
    shown = texts(plots.heard(epoch, within="turbo-loop"))
    assert "grid-sweep × 5" in shown
    assert "sum-product- ising × 20" in shown


def test_who_answers_is_said(epoch):
    assert legend(plots.heard(epoch, within="turbo-loop")) == [
        "readable form",
        "a function of your own",
    ]
    pytest.importorskip("numba")
    assert "fast form" in legend(plots.heard(hear(engine="numba"), within="turbo-loop"))


def test_every_call_is_in_one_of_the_boxes(epoch):
    assert plots.heard(epoch, columns=1000).axes[0].get_title(loc="left") == "what was heard"
    counts = [int(t.split("× ")[1]) if "×" in t else 1 for t in texts(plots.heard(epoch))]
    title = plots.heard(epoch).axes[0].get_title(loc="left")
    assert title == f"what was heard, the first {sum(counts)} of {len(epoch.calls)} calls"


def test_the_network_has_a_lane_where_it_was_heard(epoch):
    assert lanes(plots.heard(epoch, columns=1000))[0] == "network"
    with listen() as one:
        ising_message(1.0, 0.5)
    assert lanes(plots.heard(one)) == ["Module B"]


def test_what_stands_nowhere_else_has_the_last_lane():
    heard = Heard([Call("prune", "readable", 0, ""), Call("no-such-step", "fast", 0, "")])
    assert lanes(plots.heard(heard)) == ["rest"]


def test_nothing_heard_is_said(epoch):
    with pytest.raises(ValueError, match="heard must have a call; got Heard"):
        plots.heard(Heard())
    with pytest.raises(ValueError, match="heard must have a call of chain; got Heard"):
        plots.heard(epoch, within="chain")


def test_the_picture_is_the_same_bytes_each_time(epoch, tmp_path):
    files = [plots.save(plots.heard(epoch), tmp_path / f"{k}.png") for k in range(2)]
    assert files[0].read_bytes() == files[1].read_bytes()


@pytest.fixture
def masks(rng):
    return [rng.random(shape) < 0.1 for shape in ((6, 12), (12, 7), (7, 2))]


def test_every_weight_of_every_layer_is_a_square_of_one_size(masks):
    figure = plots.supports({"a": masks, "b": masks})
    inches = [axes.get_position().size * figure.get_size_inches() for axes in figure.axes]
    sides = [size / mask.shape[::-1] for size, mask in zip(inches, 2 * masks, strict=True)]
    np.testing.assert_allclose(sides, sides[0][0])


def test_weights_alone_have_another_colour_than_those_in_a_run():
    mask = np.array([[1, 0], [1, 1], [0, 0], [1, 0]], dtype=bool)
    (image,) = plots.supports({"a": [mask]}).axes[0].images
    np.testing.assert_array_equal(image.get_array(), [[2, 0], [2, 1], [0, 0], [1, 0]])


def test_the_panels_of_supports_and_its_legend_do_not_overlap(masks):
    figure = plots.supports({"a": masks, "b": masks}, notes={"b": "two\nlines"})
    figure.draw_without_rendering()
    drawn = [axes.get_tightbbox() for axes in figure.axes]
    drawn += [text.get_window_extent() for text in figure.texts]
    drawn += [figure.legends[0].get_window_extent()]
    overlap = [(a, b) for k, a in enumerate(drawn) for b in drawn[:k] if a.overlaps(b)]
    assert not overlap

"""Formats against walks over the weights, scipy.sparse and theorems about their sizes."""

import numpy as np
import pytest
import scipy.sparse
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tvbi_ref.compression import entropy_bound, find_runs, index_bits
from tvbi_ref.compression.coding import HuffmanCode, entropy
from tvbi_ref.compression.formats import CSR, FORMATS, Bitmask, Blocks, Clusters, Dense, Gap
from tvbi_ref.compression.formats.blocks import cover
from tvbi_ref.compression.formats.gap import WIDTHS
from tvbi_ref.module_b import ChainSupport

every_format = pytest.mark.parametrize("form", FORMATS.values(), ids=list(FORMATS))
SPARSE = [form for form in FORMATS.values() if form is not Dense]

shapes = hnp.array_shapes(min_dims=2, max_dims=2, min_side=0, max_side=9)
masks = hnp.arrays(bool, shapes)
dtypes = st.sampled_from([np.float32, np.float64])


def weights_on(mask, dtype=np.float32):
    """Give every kept weight another value, every other one a negative one."""
    n = 1 + np.arange(mask.size).reshape(mask.shape)
    return np.where(mask, np.where(n % 2, n, -n), 0).astype(dtype)


few = settings(max_examples=30)
matrices = st.builds(weights_on, masks, dtypes)


def sparse_example(form, rng):
    """Return a format, large enough for numbers of two bytes, with an empty neuron inside."""
    mask = ChainSupport(p01=0.01, p10=0.2).sample((600, 12), rng).astype(bool)
    mask[:, 5] = False
    mask[298:303, 2:5] = True
    return form.from_dense(weights_on(mask))


# Round trips


def assert_same_arrays(one, other):
    for name, array in one.arrays().items():
        assert array.dtype == other.arrays()[name].dtype
        np.testing.assert_array_equal(array, other.arrays()[name])


@few
@given(matrices)
def test_the_matrix_comes_back_exactly(W):
    for form in FORMATS.values():
        stored = form.from_dense(W)
        assert stored.shape == W.shape
        assert stored.dtype == W.dtype == stored.to_dense().dtype
        assert stored.kept == np.count_nonzero(W)
        np.testing.assert_array_equal(stored.to_dense(), W)


@few
@given(matrices)
def test_the_arrays_are_all_there_is(W):
    for form in FORMATS.values():
        stored = form.from_dense(W)
        again = form.from_arrays(stored.arrays(), stored.shape)
        assert_same_arrays(stored, again)
        np.testing.assert_array_equal(again.to_dense(), W)
        assert stored.nbytes == sum(array.nbytes for array in stored.arrays().values())


@few
@given(matrices)
def test_integers_have_the_smallest_unsigned_type(W):
    for form in FORMATS.values():
        for name, array in form.from_dense(W).arrays().items():
            if name != "values":
                assert array.dtype == np.min_scalar_type(array.max(initial=0))


def corner_cases():
    empty_first, empty_last, empty_middle = (np.ones((4, 3), bool) for _ in range(3))
    empty_first[:, 0] = empty_middle[:, 1] = empty_last[:, 2] = False
    last_only = np.zeros((300, 3), bool)
    last_only[-1, -1] = True
    return {
        "nothing kept": np.zeros((5, 4), bool),
        "all kept": np.ones((5, 4), bool),
        "one weight": np.ones((1, 1), bool),
        "one row": np.array([[True, False, True, True]]),
        "one column": np.array([[True, False, True, True]]).T,
        "first neuron empty": empty_first,
        "middle neuron empty": empty_middle,
        "last neuron empty": empty_last,
        "last weight only": last_only,
        "no inputs": np.zeros((0, 3), bool),
        "no neurons": np.zeros((3, 0), bool),
        "checkerboard": np.indices((6, 5)).sum(axis=0) % 2 == 0,
        "all kept, numbers of two bytes": np.ones((300, 2), bool),
    }


@every_format
@pytest.mark.parametrize("mask", corner_cases().values(), ids=list(corner_cases()))
def test_corner_cases(form, mask):
    W = weights_on(mask)
    stored = form.from_arrays(form.from_dense(W).arrays(), mask.shape)
    np.testing.assert_array_equal(stored.to_dense(), W)
    x = np.ones((2, len(W)), dtype=np.float32)
    np.testing.assert_allclose(stored.forward(x), x @ W)
    assert np.isfinite([stored.index_bits, stored.overhead_bits, stored.coded_bits().total]).all()


@every_format
def test_the_result_is_independent_of_what_it_was_made_from(form):
    W = np.ones((3, 2))
    stored = form.from_dense(W)
    again = form.from_arrays(stored.arrays(), stored.shape)
    W[:] = stored.values[:] = 7.0
    assert (again.to_dense() == 1.0).all()
    again.to_dense()[:] = 7.0
    assert (again.to_dense() == 1.0).all()


@every_format
def test_matrices_of_any_memory_layout_are_read_alike(form, rng):
    W = sparse_example(Dense, rng).to_dense()
    for other in (np.asfortranarray(W), np.repeat(W, 2, axis=1)[:, ::2], W[::-1][::-1]):
        assert_same_arrays(form.from_dense(W), form.from_dense(other))


# What is stored, decoded on another road


@few
@given(matrices)
def test_csr_holds_what_scipy_holds(W):
    ours, theirs = CSR.from_dense(W), scipy.sparse.csr_array(W.T)
    np.testing.assert_array_equal(ours.pointers, theirs.indptr)
    np.testing.assert_array_equal(ours.rows, theirs.indices)
    np.testing.assert_array_equal(ours.values, theirs.data)


@few
@given(matrices)
def test_the_bits_of_a_bitmask_are_the_mask(W):
    bits = "".join(f"{byte:08b}" for byte in Bitmask.from_dense(W).mask)
    walk = "".join("1" if w else "0" for column in W.T for w in column)
    assert bits.rstrip("0") == walk.rstrip("0")
    assert len(bits) == -(-W.size // 8) * 8


@few
@given(matrices)
def test_the_bits_of_a_gap_lead_from_weight_to_weight(W):
    gap = Gap.from_dense(W)
    bits, width = "".join(f"{byte:08b}" for byte in gap.codes), int(gap.width[0])
    flat, place = np.zeros(W.size), -1
    for k, value in enumerate(gap.values):
        place += 1 + int(bits[k * width : (k + 1) * width], 2)
        flat[place] = value
    np.testing.assert_array_equal(flat.reshape(W.T.shape), W.T)


@given(masks)
def test_clusters_are_the_runs(mask):
    clusters, runs = Clusters.from_dense(weights_on(mask)), find_runs(mask)
    streams = clusters.streams()
    np.testing.assert_array_equal(streams["gaps"], runs.gaps)
    np.testing.assert_array_equal(streams["lengths"], runs.lengths)
    for j, column in enumerate(mask.T):
        mine = slice(clusters.pointers[j], clusters.pointers[j + 1])
        spans = zip(clusters.starts[mine].tolist(), clusters.lengths[mine].tolist(), strict=True)
        assert [i for a, n in spans for i in range(a, a + n)] == np.flatnonzero(column).tolist()


def places_of_stream(form, streams, shape):
    """Walk through an entropy coder's streams and return the mask that they tell of."""
    I, J = shape
    told = np.zeros((J, I), dtype=bool)
    if form is Bitmask:
        bits = "".join(f"{byte:08b}" for byte in streams["mask"])[: I * J]
        return np.array([bit == "1" for bit in bits], dtype=bool).reshape(J, I).T
    place = -1 if form is not Clusters else 0
    n = len(streams["gaps"])
    sizes = (streams.get(name, np.ones(n, int)) for name in ("lengths", "widths"))
    for gap, length, width in zip(streams["gaps"], *sizes, strict=True):
        place += gap + (form is not Clusters)
        column, row = divmod(place, I)
        told[column : column + width, row : row + length] = True
        if form is Clusters:
            place += length
    return told.T


@few
@given(matrices)
def test_the_streams_say_where_the_weights_are(W):
    for form in SPARSE:
        stored = form.from_dense(W)
        told = places_of_stream(form, stored.streams(), W.shape)
        assert told[W != 0].all()
        if form not in (Gap, Blocks):  # these two store zeros as well
            assert told.sum() == stored.kept


# Sizes


def test_a_dense_matrix_has_no_index_and_pays_for_its_zeros():
    dense = Dense.from_dense(np.diag(np.ones(4, dtype=np.float32)))
    assert dense.index_bits == 0
    assert dense.overhead_bits == 3 * 32
    assert dense.coded_bits().values == 16 * 32
    assert dense.coded_bits().index == dense.coded_bits().tables == 0


@few
@given(matrices)
def test_every_byte_is_a_kept_weight_or_overhead(W):
    for form in FORMATS.values():
        stored = form.from_dense(W)
        if stored.kept:
            bits = stored.kept * (8 * W.itemsize + stored.overhead_bits)
            assert bits == pytest.approx(8 * stored.nbytes)
            assert stored.overhead_bits >= stored.index_bits >= 0
        else:
            assert stored.index_bits == stored.overhead_bits == 0


def bits_of_gaps(W, width):
    """Walk through the weights and count what gaps of a fixed width would cost."""
    entries = gap = fillers = 0
    for w in W.T.ravel():
        if w:
            entries += 1 + fillers  # fillers after the last weight are not needed
            gap = fillers = 0
        elif gap == 2**width - 1:
            gap, fillers = 0, fillers + 1
        else:
            gap += 1
    return entries * (width + 8 * W.itemsize)


@few
@given(matrices)
def test_the_width_of_gaps_is_the_cheapest(W):
    gap = Gap.from_dense(W)
    cheapest = min(bits_of_gaps(W, width) for width in WIDTHS)
    assert gap.values.size * (int(gap.width[0]) + 8 * W.itemsize) == cheapest


@pytest.mark.parametrize("zeros", [0, 1, 30, 31, 32, 33, 63, 64, 95, 96, 97, 1000])
def test_fillers_bridge_gaps_of_any_length(zeros):
    # So many weights without a gap that the one gap does not widen all of them.
    W = np.zeros((400 + zeros + 1, 1), dtype=np.float32)
    W[:400] = W[-1] = 1.0
    gap = Gap.from_dense(W)
    width = int(gap.width[0])
    assert gap.values.size - gap.kept == zeros // 2**width
    np.testing.assert_array_equal(gap.to_dense(), W)


@few
@given(masks, st.sampled_from([32, 64]))
def test_every_kept_weight_is_in_one_tile(mask, value_bits):
    times = np.zeros(mask.shape, dtype=int)
    for tile in cover(mask, value_bits):
        times[tile.cells] += 1
        assert mask[tile.cells][:, 0].all()
    assert times.max(initial=0) <= 1
    assert times[mask].all()


@few
@given(masks, st.sampled_from([8, 32, 64]))
def test_tiles_and_their_zeros_never_cost_more_than_the_runs_as_tiles(mask, value_bits):
    tiles = cover(mask, value_bits)
    zeros = sum(tile.length * tile.width for tile in tiles) - mask.sum()
    tile_bits = 3 * 8  # numbers below 256 take a byte
    assert len(tiles) * tile_bits + zeros * value_bits <= find_runs(mask).gaps.size * tile_bits


def test_a_rectangle_is_one_tile_and_a_small_hole_in_it_is_filled():
    mask = np.zeros((40, 30), bool)
    mask[10:20, 5:15] = True
    assert len(cover(mask, 32)) == 1
    mask[12, 7] = False
    assert len(cover(mask, 8)) == 1
    assert Blocks.from_dense(weights_on(mask)).to_dense()[12, 7] == 0


@pytest.mark.parametrize("form", SPARSE)
def test_huffman_codes_are_within_a_bit_a_number_of_the_entropy(form, rng):
    stored = sparse_example(form, rng)
    streams = stored.streams().values()
    ideal = sum(stream.size * entropy(stream) for stream in streams)
    coded = stored.coded_bits()
    assert coded.index >= ideal
    # Where the table is dear another code may be taken, but only if all in all it is cheaper.
    tables = sum(1 + HuffmanCode.for_stream(stream).table_bits for stream in streams)
    assert coded.index + coded.tables < ideal + sum(map(np.size, streams)) + tables
    assert coded.tables > 0
    assert coded.values == 8 * stored.values.nbytes
    assert coded.total == coded.index + coded.values + coded.tables


@pytest.fixture(scope="module")
def structured():
    """Two percent in runs of about sixteen, and the same mask shuffled: the control."""
    rng = np.random.default_rng(3)
    mask = ChainSupport(p01=0.02 / 0.98 / 16, p10=1 / 16).sample((784, 300), rng).astype(bool)
    shuffled = rng.permutation(mask.ravel()).reshape(mask.shape)
    return mask, shuffled


def test_of_the_exact_formats_clusters_name_long_runs_most_cheaply(structured):
    mask, _ = structured
    stored = {name: form.from_dense(weights_on(mask)) for name, form in FORMATS.items()}
    assert min(stored.values(), key=lambda s: s.overhead_bits) is stored["clusters"]
    assert stored["clusters"].index_bits < 0.2 * stored["csr"].index_bits
    assert stored["clusters"].index_bits < 0.5 * entropy_bound([mask])


def test_coded_clusters_lie_between_the_ideal_code_and_the_bound_without_structure(structured):
    mask, _ = structured
    coded = Clusters.from_dense(weights_on(mask)).coded_bits()
    bits = (coded.index + coded.tables) / mask.sum()
    assert index_bits([mask]) < bits < 0.25 * entropy_bound([mask])


def test_shuffling_takes_the_advantage_away(structured):
    mask, shuffled = structured
    clusters, csr, gap = (f.from_dense(weights_on(shuffled)) for f in (Clusters, CSR, Gap))
    assert clusters.overhead_bits > csr.overhead_bits > gap.overhead_bits
    coded = csr.coded_bits()
    bits = (coded.index + coded.tables) / shuffled.sum()
    assert entropy_bound([mask]) < bits < 1.05 * entropy_bound([mask])


def test_a_bitmask_costs_one_over_p(rng):
    mask = rng.random((200, 80)) < 0.25
    stored = Bitmask.from_dense(weights_on(mask))
    assert stored.index_bits == pytest.approx(1 / mask.mean())


# Arrays that are wrong

W = np.array([[0, 1, 0, 0], [2, 3, 0, 4], [5, 0, 0, 6], [0, 7, 0, 8]], dtype=np.float32)


def changed(name, change):
    def apply(arrays):
        array = np.array(arrays[name], dtype=None if name == "values" else np.int64)
        result = change(array)
        return arrays | {name: array if result is None else result}

    return apply


def put(name, place, value):
    return changed(name, lambda array: array.__setitem__(place, value))


def cut(name):
    return changed(name, lambda array: array[:-1])


def longer(name, value=1):
    return changed(name, lambda array: np.append(array, value).astype(array.dtype))


def swapped(arrays):
    """Exchange the two runs of the second neuron."""
    return arrays | {name: arrays[name][[0, 2, 1, 3]] for name in ("starts", "lengths")}


ONE_MATRIX = r"arrays must tell of one matrix \(4, 4\)"
ANY = f"{ONE_MATRIX}|must have shape|must be .* at position .*; got"
EVERYWHERE = {
    "an array is missing": (
        lambda a: {"values": a["values"]} if len(a) > 1 else {},
        "arrays must be",
    ),
    "an array is foreign": (lambda a: a | {"seeds": np.ones(2)}, "arrays must be .*; got .*seeds"),
    "nan": (put("values", 0, np.nan), f"{ONE_MATRIX}: weights has .* not finite"),
    "infinity": (put("values", -1, np.inf), f"{ONE_MATRIX}: weights has .* not finite"),
    "text": (changed("values", lambda a: a.astype(str)), f"{ONE_MATRIX}: .* real"),
    "objects": (changed("values", lambda a: a.astype(object)), f"{ONE_MATRIX}: .* real"),
    "half": (changed("values", lambda a: a.astype(np.float16)), f"{ONE_MATRIX}: .*; got float16"),
    "axes": (changed("values", lambda a: a[None]), ANY),
    "no values": (changed("values", lambda a: a[:0]), ANY),
}
POINTERS = {
    "fractions": (changed("pointers", lambda a: a + 0.5), ANY),
    "truth values": (changed("pointers", lambda a: a > 0), ANY),
    "a matrix": (changed("pointers", lambda a: a[None]), ANY),
    "negative": (put("pointers", 1, -1), ANY),
    "too large": (put("pointers", -1, 2**40), ANY),
    "does not begin at 0": (put("pointers", 0, 1), ANY),
    "does not end at the end": (put("pointers", -1, 9), ANY),
    "decreases": (put("pointers", 1, 7), f"{ONE_MATRIX}: repeats may not contain negative"),
    "asks for all memory": (put("pointers", -1, 2**32), f"{ONE_MATRIX}: pointers must end at"),
    "a neuron short": (cut("pointers"), ANY),
    "a neuron long": (longer("pointers", 8), ANY),
    "empty": (changed("pointers", lambda a: a[:0]), ANY),
}
NO_ZERO = {"a zero is kept": (put("values", 1, 0.0), r"values must have shape \(7,\); got \(8,\)")}
A_VALUE_SHORT = {"a value short": (cut("values"), ONE_MATRIX)}

CORRUPTIONS = {
    Dense: {"another shape": (changed("values", lambda a: a.T[:3]), ONE_MATRIX)},
    Bitmask: {
        **NO_ZERO,
        **A_VALUE_SHORT,
        "a bit more": (put("mask", 0, 0b11111111), ONE_MATRIX),
        "a byte short": (cut("mask"), ONE_MATRIX),
        "a byte long": (longer("mask", 0), r"mask must have shape \(2,\); got \(3,\)"),
        "no byte": (put("mask", 0, 256), ONE_MATRIX),
    },
    CSR: {
        **NO_ZERO,
        **POINTERS,
        **A_VALUE_SHORT,
        "row too large": (put("rows", 0, 4), ANY),
        "row beyond the matrix": (put("rows", -1, 4), f"{ONE_MATRIX}: index 16 is out of bounds"),
        "row twice": (put("rows", 1, 1), "must have shape"),
        "rows decrease": (put("rows", 1, 0), ANY),
        "a row short": (cut("rows"), ONE_MATRIX),
    },
    Gap: {
        "values short": (changed("values", lambda a: a[:-3]), ANY),
        "width 0": (put("width", 0, 0), ANY),
        "width 17": (put("width", 0, 17), ANY),
        "two widths": (longer("width"), r"width must have shape \(1,\); got \(2,\)"),
        "no width": (cut("width"), ANY),
        "wider": (put("width", 0, 9), ANY),
        "beyond the end": (put("codes", 0, 255), ONE_MATRIX),
        "no byte": (put("codes", 0, 256), ONE_MATRIX),
        "a byte short": (cut("codes"), ANY),
        "a byte long": (longer("codes"), ANY),
        "a zero that bridges nothing": (put("values", 1, 0.0), "must have shape"),
        "a filler at the end": (put("values", -1, 0.0), "must have shape"),
    },
    Clusters: {
        **NO_ZERO,
        **POINTERS,
        **A_VALUE_SHORT,
        "an empty run": (put("lengths", 0, 0), f"{ONE_MATRIX}: lengths must add up to 8; got 6"),
        "a length that asks for all memory": (put("lengths", 0, 2**32 - 1), "must add up to 8"),
        "a run too long": (put("lengths", 0, 4), ONE_MATRIX),
        "a start too far": (put("starts", -1, 4), f"{ONE_MATRIX}: index 16 is out of bounds"),
        "wraps around": (put("starts", 0, 2**32 - 1), f"{ONE_MATRIX}: index .* is out of bounds"),
        "runs overlap": (put("starts", 2, 1), "must have shape"),
        "runs in disorder": (swapped, "values must be .* at position|starts must be"),
        "runs touch": (put("starts", 2, 2), "pointers must be 2 at position 2; got 3"),
        "a start short": (cut("starts"), ANY),
        "a length short": (cut("lengths"), ANY),
    },
    Blocks: {
        **POINTERS,
        "a value short": (cut("values"), ONE_MATRIX),
        "no row": (put("lengths", 0, 0), ANY),
        "no neuron": (put("widths", 0, 0), ANY),
        "too high": (put("lengths", 0, 4), ANY),
        "too wide": (put("widths", -1, 2), ANY),
        "tiles in disorder": (swapped, "starts must be|values must be"),
        "tiles overlap": (put("starts", 2, 1), "values must be|values must have a place each"),
        "a width short": (cut("widths"), ANY),
    },
}  # fmt: skip
CASES = [
    pytest.param(form, change, message, id=f"{form.__name__}-{what}")
    for form, own in CORRUPTIONS.items()
    for what, (change, message) in {**EVERYWHERE, **own}.items()
]


@pytest.mark.parametrize(("form", "change", "message"), CASES)
def test_corrupted_arrays_are_refused(form, change, message):
    stored = form.from_dense(W)
    with pytest.raises(ValueError, match=message):
        form.from_arrays(change(stored.arrays()), stored.shape)


def test_padding_bits_must_be_zero():
    small = np.ones((3, 1))
    for form, name in ((Bitmask, "mask"), (Gap, "codes")):
        stored = form.from_dense(small)
        arrays = stored.arrays() | {name: stored.arrays()[name] | 1}
        with pytest.raises(ValueError, match=r"arrays must tell of one matrix|codes must be"):
            form.from_arrays(arrays, (3, 1))


@every_format
@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((4, 4, 1), r"shape must be \(I, J\), .*; got \(4, 4, 1\)"),
        ((-4, 4), r"shape\[0\] must be a whole number >= 0; got -4"),
        ((3, 3), "must"),
        ((2**32, 4), "shape must be .* up to 4294967295 places"),
    ],
)
def test_shapes_that_do_not_fit_are_refused(form, shape, message):
    with pytest.raises(ValueError, match=message):
        form.from_arrays(form.from_dense(W).arrays(), shape)


@given(st.sampled_from(list(FORMATS.values())), st.data())
def test_what_is_accepted_is_a_matrix_as_the_format_writes_it(form, data):
    """Change one number at random: it is refused, or tells of another matrix just as well."""
    stored = form.from_dense(W)
    name = data.draw(st.sampled_from(sorted(stored.arrays())))
    array = stored.arrays()[name].copy()
    array.flat[data.draw(st.integers(0, array.size - 1))] = data.draw(st.integers(0, 255))
    try:
        read = form.from_arrays(stored.arrays() | {name: array}, stored.shape)
    except ValueError:
        return
    dense = read.to_dense()
    assert read.kept == np.count_nonzero(dense)
    np.testing.assert_allclose(read.forward(np.eye(4, dtype=np.float32)), dense)
    if form not in (Gap, Blocks):  # another width or cover is no damage
        assert_same_arrays(read, form.from_dense(dense))


@every_format
def test_any_integer_type_is_read(form):
    stored = form.from_dense(W)
    wide = {
        name: array if name == "values" else array.astype(np.int64)
        for name, array in stored.arrays().items()
    }
    assert_same_arrays(form.from_arrays(wide, [np.int64(4), 4]), stored)


# Arguments that are wrong


@every_format
@pytest.mark.parametrize(
    ("weights", "error", "message"),
    [
        (np.ones(3), ValueError, "weights must have 2 axes"),
        (np.ones((0, 1, 2)), ValueError, "weights must have 2 axes"),
        ([[1.0, np.nan]], ValueError, "weights has 1 entry that is not finite"),
        ([["a"]], TypeError, "weights must be a real array"),
        (np.ones((1, 1), np.float16), TypeError, "weights must be float32 or float64"),
    ],
)
def test_what_is_no_weight_matrix_is_refused(form, weights, error, message):
    with pytest.raises(error, match=message):
        form.from_dense(weights)

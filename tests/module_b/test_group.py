"""Groups with hidden indicators: exact against enumeration of weights AND indicators."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.special import expit, logit

from tvbi_ref import nets
from tvbi_ref.errors import NonFiniteError
from tvbi_ref.module_b import (
    ChainSupport,
    Columns,
    GroupSupport,
    IndependentSupport,
    Labels,
    NeuronSupport,
    Rows,
    SupportPrior,
    Tiles,
    exact,
)
from tvbi_ref.module_b.group import CERTAIN
from tvbi_ref.module_b.messages import sum_product
from tvbi_ref.prior import HierarchicalPrior
from tvbi_ref.turbo import TurboVBI

few = settings(max_examples=6)  # for each of the ten partitions
quick = settings(max_examples=30)
SHAPE = (2, 3)
# Every partition with its labels on a (2, 3) layer, written down by hand.
PARTITIONS = {
    "columns": (Columns(), [[0, 1, 2], [0, 1, 2]]),
    "rows": (Rows(), [[0, 0, 0], [1, 1, 1]]),
    "tiles": (Tiles(2, 2), [[0, 0, 1], [0, 0, 1]]),
    "flat tiles": (Tiles(1, 2), [[0, 0, 1], [2, 2, 3]]),
    "filters": (Tiles(None, 2), [[0, 0, 1], [0, 0, 1]]),
    "bands": (Tiles(1, None), [[0, 0, 0], [1, 1, 1]]),
    "one group for all": (Tiles(None, None), [[0, 0, 0], [0, 0, 0]]),
    "groups of one": (Tiles(1, 1), [[0, 1, 2], [3, 4, 5]]),
    "larger than the layer": (Tiles(7, 9), [[0, 0, 0], [0, 0, 0]]),
    "by hand": (Labels([[2, 0, 1], [0, 2, 2]]), [[2, 0, 1], [0, 2, 2]]),
}
every_partition = pytest.mark.parametrize(
    ("partition", "labels"), PARTITIONS.values(), ids=PARTITIONS.keys()
)


def joint_log_weights(labels, p_alive, p_in, p_out, p_end=None):
    """Return ln p(z, S) of all indicators (a row each) and all supports (a column each).

    The oracle: one table of conditional probabilities, one product a state, no message.
    """
    labels = np.asarray(labels)
    n_groups = labels.max() + 1
    start = p_alive if p_end is None else p_alive * p_end / (1 - p_alive)
    stop = 1 - p_alive if p_end is None else p_end
    step = [[1 - start, start], [stop, 1 - stop]]
    p_s = np.array([[1 - p_out, p_out], [1 - p_in, p_in]])
    states = exact.all_states(labels.shape).astype(int)
    rows = []
    with np.errstate(divide="ignore"):
        for z in itertools.product([0, 1], repeat=n_groups):
            p_z = [1 - p_alive, p_alive][z[0]]
            p_z *= math.prod(step[a][b] for a, b in itertools.pairwise(z))
            given_z = p_s[np.array(z)[labels], states]
            rows.append(np.log(p_z) + np.log(given_z).sum(axis=(1, 2)))
    return np.array(rows)


def log_prior(labels, *parameters):
    """Return the function (states) -> ln p(S): the indicators summed out."""
    return lambda states: np.logaddexp.reduce(joint_log_weights(labels, *parameters), axis=0)


def enumerated_group_belief(labels, evidence, *parameters):
    states = exact.all_states(evidence.shape)
    log_w = joint_log_weights(labels, *parameters) + (evidence * states).sum(axis=(1, 2))
    of_z = np.exp(np.logaddexp.reduce(log_w, axis=1) - np.logaddexp.reduce(log_w.ravel()))
    all_z = itertools.product([0, 1], repeat=np.max(labels) + 1)
    return of_z @ np.array(list(all_z))


inside = st.floats(0.02, 0.98)
low, high = st.just(0) | st.floats(0.01, 0.45), st.just(1) | st.floats(0.55, 0.99)
evidences = hnp.arrays(np.float64, SHAPE, elements=st.floats(-30, 30))


@st.composite
def parameters(draw):
    """Return p_alive, p_in, p_out and p_end of a random prior: soft, hard, half hard, chained."""
    p_alive = draw(inside)
    most = min(0.98, 0.98 * (1 - p_alive) / p_alive)
    p_end = draw(st.none() | st.floats(most / 100, most))
    return p_alive, draw(high), draw(low), p_end


# ------------------------------------------------------------------ exactness


@every_partition
@few
@given(parameters=parameters(), evidence=evidences)
def test_the_messages_are_exact(enumerated_extrinsic, partition, labels, parameters, evidence):
    answer = GroupSupport(partition, *parameters).extrinsic(evidence)
    expected = enumerated_extrinsic(log_prior(labels, *parameters), evidence)
    np.testing.assert_allclose(answer.log_odds, expected, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(answer.belief, expit(expected + evidence), rtol=1e-9, atol=1e-12)
    assert (answer.residual, answer.sweeps, answer.state) == (0.0, 0, None)


@every_partition
@few
@given(parameters=parameters(), evidence=evidences)
def test_the_belief_in_a_group_is_exact(partition, labels, parameters, evidence):
    belief = GroupSupport(partition, *parameters).group_belief(evidence)
    expected = enumerated_group_belief(labels, evidence, *parameters)
    assert belief.shape == (np.max(labels) + 1,)
    np.testing.assert_allclose(belief, expected, rtol=1e-8, atol=1e-12)


@every_partition
@pytest.mark.parametrize("p_end", [None, 0.3])
@pytest.mark.parametrize(("p_in", "p_out"), [(0.8, 0.1), (1, 0.1), (0.8, 0), (1, 0)])
def test_log_probabilities_are_the_enumerated_ones_and_sum_to_one(
    partition, labels, p_in, p_out, p_end
):
    prior = GroupSupport(partition, 0.3, p_in, p_out, p_end)
    states = exact.all_states(SHAPE)
    log_p = np.array([prior.log_prob(s) for s in states])
    expected = log_prior(labels, 0.3, p_in, p_out, p_end)(states)
    np.testing.assert_allclose(log_p, expected, rtol=1e-12, atol=1e-12)
    assert np.exp(log_p).sum() == pytest.approx(1.0, abs=1e-12)
    assert prior.uniqueness == 0


def literal_log_odds(labels, evidence, p_alive, p_in, p_out):
    """[neuron-group] as EQUATIONS.md has it, in odds, a loop for each index."""
    r = np.exp(evidence)
    g = (1 - p_in + p_in * r) / (1 - p_out + p_out * r)
    log_odds = np.empty_like(evidence)
    for n in np.ndindex(evidence.shape):
        zeta = p_alive / (1 - p_alive)
        for k in np.ndindex(evidence.shape):
            if k != n and labels[k] == labels[n]:
                zeta *= g[k]
        log_odds[n] = np.log((p_in * zeta + p_out) / ((1 - p_in) * zeta + 1 - p_out))
    return log_odds


@pytest.mark.parametrize("shape", [(7, 5), (1, 6), (6, 1), (1, 1)])
@pytest.mark.parametrize(("p_in", "p_out"), [(0.8, 0.1), (1, 0.1), (0.8, 0), (1, 0), (0.2, 0.1)])
@pytest.mark.parametrize("partition", [Columns(), Rows(), Tiles(3, 2)])
def test_the_formula_of_the_equations(partition, p_in, p_out, shape):
    evidence = np.random.default_rng(0).normal(0, 3, shape)
    evidence.setflags(write=False)  # the fast path works in place, but not here
    answer = GroupSupport(partition, 0.2, p_in, p_out).extrinsic(evidence).log_odds
    expected = literal_log_odds(partition.labels(shape), evidence, 0.2, p_in, p_out)
    np.testing.assert_allclose(answer, expected, rtol=1e-10, atol=1e-10)


@quick
@given(hnp.arrays(np.float64, 9, elements=st.floats(-1e3, 1e3)), high, low)
def test_the_message_is_sum_product(c, p_in, p_out):
    psi = np.array([[1 - p_out, p_out], [1 - p_in, p_in]])
    with np.errstate(divide="ignore"):  # the logarithm of a hard group's zeros
        for way in (psi, psi.T):
            expected = sum_product.readable(c, way)
            np.testing.assert_allclose(sum_product(c, way), expected, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("p_end", [None, 0.2])
def test_beliefs_without_evidence_are_the_prior(p_end):
    prior = NeuronSupport(0.3, 0.8, 0.1, p_end)
    assert prior.density((4, 5)) == pytest.approx(0.3 * 0.8 + 0.7 * 0.1, rel=1e-12)
    np.testing.assert_allclose(prior.group_belief(np.zeros((4, 5))), 0.3, rtol=1e-12)


# ------------------------------------------------------- symmetries and limits


@every_partition
@few
@given(parameters=parameters(), evidence=evidences, data=st.data())
def test_the_weights_of_a_group_may_be_permuted(partition, labels, parameters, evidence, data):
    labels = np.ravel(labels)
    order = np.arange(labels.size)
    for g in range(labels.max() + 1):
        order[labels == g] = data.draw(st.permutations(list(np.flatnonzero(labels == g))))
    prior = GroupSupport(partition, *parameters)
    permuted = prior.extrinsic(evidence.ravel()[order].reshape(SHAPE)).log_odds.ravel()
    expected = prior.extrinsic(evidence).log_odds.ravel()[order]
    np.testing.assert_allclose(permuted, expected, rtol=1e-9, atol=1e-9)


@quick
@given(parameters(), evidences)
def test_transposing_the_layer_exchanges_rows_and_columns(parameters, evidence):
    columns = GroupSupport(Columns(), *parameters).extrinsic(evidence)
    rows = GroupSupport(Rows(), *parameters).extrinsic(evidence.T)
    np.testing.assert_allclose(columns.log_odds, rows.log_odds.T, rtol=1e-12, atol=1e-12)
    s = (evidence > 0).astype(float)
    a, b = (GroupSupport(p, *parameters) for p in (Columns(), Rows()))
    assert a.log_prob(s) == pytest.approx(b.log_prob(s.T), rel=1e-12)


@quick
@given(parameters(), evidences)
def test_a_stationary_chain_of_groups_reads_the_same_backwards(parameters, evidence):
    prior = NeuronSupport(*parameters)
    backwards = prior.extrinsic(evidence[:, ::-1]).log_odds[:, ::-1]
    np.testing.assert_allclose(prior.extrinsic(evidence).log_odds, backwards, rtol=1e-9, atol=1e-9)


@quick
@given(parameters(), evidences)
def test_a_memoryless_chain_of_groups_is_no_chain(parameters, evidence):
    p_alive, p_in, p_out, _ = parameters
    free = NeuronSupport(p_alive, p_in, p_out)
    forgetful = NeuronSupport(p_alive, p_in, p_out, p_end=1 - p_alive)
    answers = [prior.extrinsic(evidence).log_odds for prior in (free, forgetful)]
    np.testing.assert_allclose(*answers, rtol=1e-9, atol=1e-9)
    s = np.ones(SHAPE)
    assert free.log_prob(s) == pytest.approx(forgetful.log_prob(s), rel=1e-9)


@quick
@given(inside, inside, evidences)
def test_groups_that_hardly_matter_leave_independent_weights(p_alive, p, evidence):
    answer = NeuronSupport(p_alive, p + 1e-9, p).extrinsic(evidence).log_odds
    expected = IndependentSupport(float(logit(p))).extrinsic(evidence).log_odds
    np.testing.assert_allclose(answer, expected, atol=1e-6)


@quick
@given(inside, high, low, evidences)
def test_a_group_of_one_weight_is_an_independent_weight(p_alive, p_in, p_out, evidence):
    answer = GroupSupport(Tiles(1, 1), p_alive, p_in, p_out).extrinsic(evidence).log_odds
    density = p_alive * p_in + (1 - p_alive) * p_out
    np.testing.assert_allclose(answer, logit(density), atol=1e-9)


@quick
@given(inside, inside, evidences)
def test_hard_groups_of_one_weight_in_a_chain_are_a_chain_of_weights(p01, p10, evidence):
    line = evidence.reshape(-1, 1)
    chained = GroupSupport(Rows(), p01 / (p01 + p10), 1, 0, p_end=p10).extrinsic(line)
    expected = ChainSupport(p01, p10).extrinsic(line).log_odds
    np.testing.assert_allclose(chained.log_odds, expected, rtol=1e-9, atol=1e-9)


def test_hard_groups_live_or_die_as_a_whole():
    evidence = np.random.default_rng(1).normal(0, 3, (9, 6))
    prior = NeuronSupport(0.2, 1, 0)
    answer = prior.extrinsic(evidence)
    np.testing.assert_allclose(answer.belief, np.tile(prior.group_belief(evidence), (9, 1)), 1e-9)
    assert prior.log_prob([[1, 0], [1, 1]]) == -np.inf


def test_in_a_hard_group_the_many_outvote_the_one_and_in_a_soft_group_they_do_not():
    evidence = np.array([[8.0], [-5.0], [-5.0], [-5.0]])
    assert NeuronSupport(0.3, 1, 0).extrinsic(evidence).belief[0, 0] < 0.01
    assert NeuronSupport(0.3, 0.5, 0).extrinsic(evidence).belief[0, 0] > 0.95


def test_in_a_chain_a_group_hears_its_neighbours():
    evidence = np.zeros((4, 3))
    evidence[:, 1] = 5.0
    alone = NeuronSupport(0.2, 0.9, 0.1).group_belief(evidence)
    chained = NeuronSupport(0.2, 0.9, 0.1, p_end=0.1).group_belief(evidence)
    assert alone[0] == pytest.approx(0.2)
    assert chained[0] == pytest.approx(chained[2])
    assert chained[0] > 0.8


@every_partition
@few
@given(parameters=parameters(), evidence=evidences, data=st.data())
def test_the_answer_to_a_weight_does_not_contain_its_own_evidence(
    partition, labels, parameters, evidence, data
):
    n = tuple(data.draw(st.integers(0, size - 1)) for size in SHAPE)
    changed = evidence.copy()
    changed[n] = data.draw(st.floats(-1e3, 1e3))
    prior = GroupSupport(partition, *parameters)
    answers = [prior.extrinsic(l).log_odds[n] for l in (evidence, changed)]
    assert answers[0] == pytest.approx(answers[1], rel=1e-9, abs=1e-9)


# -------------------------------------------------------------------- extremes


def log_space_loops(labels, evidence, p_alive, p_in, p_out):
    """[neuron-group] again, in log-odds and with exactly rounded sums that subtract nothing."""

    def ln(p):
        return math.log(p) if p > 0 else -math.inf

    def message(c, one, zero, one_dead, zero_dead):
        return np.logaddexp(ln(one) + c, ln(zero)) - np.logaddexp(ln(one_dead) + c, ln(zero_dead))

    log_odds = np.empty_like(evidence)
    for n in np.ndindex(evidence.shape):
        group_of_n = [k for k in np.ndindex(evidence.shape) if labels[k] == labels[n] and k != n]
        heard = [message(evidence[k], p_in, 1 - p_in, p_out, 1 - p_out) for k in group_of_n]
        zeta = math.fsum([logit(p_alive), *heard])
        log_odds[n] = message(zeta, p_in, p_out, 1 - p_in, 1 - p_out)
    return log_odds


CORNERS = [(1, 0), (1, 0.1), (0.9, 0), (0.9, 0.1), (1, 1 - 1e-12), (1e-12, 0), (1 - 1e-12, 1e-12)]


@pytest.mark.parametrize(("p_in", "p_out"), CORNERS)
@pytest.mark.parametrize("p_alive", [0.3, 1e-12])
@pytest.mark.parametrize("size", [599.0, 601.0, 1e3, "mixed"])
def test_huge_evidence_loses_nothing(p_in, p_out, p_alive, size):
    rng = np.random.default_rng(5)
    evidence = rng.choice([-1.0, 1.0], size=(12, 2))
    evidence *= 10 ** rng.uniform(-2, 3, evidence.shape) if size == "mixed" else size
    answer = NeuronSupport(p_alive, p_in, p_out).extrinsic(evidence).log_odds
    expected = log_space_loops(Columns().labels((12, 2)), evidence, p_alive, p_in, p_out)
    np.testing.assert_allclose(answer, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(("p_in", "p_out"), CORNERS)
@pytest.mark.parametrize("p_end", [None, 1e-9, 0.7])
@pytest.mark.parametrize("partition", [Columns(), Tiles(2, 3), Tiles(None, None)])
def test_no_evidence_breaks_the_answer(partition, p_in, p_out, p_end):
    random_signs = np.random.default_rng(6).choice([-1.0, 1.0], size=(9, 7))
    prior = GroupSupport(partition, 0.3, p_in, p_out, p_end)
    for size, signs in itertools.product([1e3, 1e6, 1e300, 1.7e308], [random_signs, 1, -1]):
        evidence = np.full((9, 7), size) * signs
        answer = prior.extrinsic(evidence)
        assert np.isfinite(answer.log_odds).all()
        for belief in (answer.belief, prior.group_belief(evidence)):
            assert ((belief >= 0) & (belief <= 1)).all()


def test_one_absurd_weight_does_not_drown_its_group():
    evidence = np.full((4, 1), 0.25)
    evidence[0] = 1e300
    answer = NeuronSupport(0.5, 1, 0).extrinsic(evidence).log_odds[:, 0]
    assert answer[0] == pytest.approx(0.75, abs=1e-8)
    np.testing.assert_allclose(answer[1:], CERTAIN + 0.5)


def test_an_unlikely_support_has_a_finite_log_probability():
    prior = NeuronSupport(1e-12, 1 - 1e-12, 1e-12)
    assert np.isfinite(prior.log_prob(np.tile([[1], [0]], (500, 3))))


# -------------------------------------------------------------------- sampling


@every_partition
@pytest.mark.parametrize(
    "parameters", [(0.3, 0.8, 0.1), (0.3, 1, 0, 0.2)], ids=["free", "hard, chained"]
)
def test_samples_have_the_enumerated_moments(partition, labels, parameters):
    n = 1000
    prior, rng = GroupSupport(partition, *parameters), np.random.default_rng(2)
    draws = np.array([prior.sample(SHAPE, rng) for _ in range(n)])
    assert set(np.unique(draws)) == {0.0, 1.0}
    states = exact.all_states(SHAPE).reshape(-1, 6)
    p = np.exp(log_prior(labels, *parameters)(None))
    expected = np.einsum("t,ta,tb->ab", p, states, states)
    empirical = np.einsum("ta,tb->ab", draws.reshape(n, 6), draws.reshape(n, 6)) / n
    z = (empirical - expected) / np.sqrt(expected * (1 - expected) / n)
    assert np.abs(z).max() < 4.5


@pytest.mark.parametrize("p_end", [None, 0.2])
def test_the_same_seed_draws_the_same_support(p_end):
    prior = NeuronSupport(0.3, 0.8, 0.1, p_end)
    one, two = (prior.sample((5, 4), np.random.default_rng(7)) for _ in range(2))
    np.testing.assert_array_equal(one, two)
    assert one.dtype == np.float64


# ------------------------------------------------------------------ partitions


@every_partition
def test_the_labels_are_the_ones_written_by_hand(partition, labels):
    np.testing.assert_array_equal(partition.labels(SHAPE), labels)
    assert partition.labels(SHAPE).dtype == np.int64


def test_kernels_and_filters_of_a_convolution_are_tiles():
    """A convolution's matrix has the rows (C_in, kh) and the columns (C_out, kw)."""
    c_out, c_in, kh, kw = 3, 2, 2, 5

    def as_matrix(kernels):
        return kernels.transpose(1, 2, 0, 3).reshape(c_in * kh, c_out * kw)

    o, i = np.meshgrid(range(c_out), range(c_in), indexing="ij")
    for partition, group_of in [
        (Tiles(kh, kw), i * c_out + o),
        (Tiles(None, kw), o),
        (Tiles(kh, None), i),
    ]:
        expected = as_matrix(np.broadcast_to(group_of[:, :, None, None], (c_out, c_in, kh, kw)))
        np.testing.assert_array_equal(partition.labels(expected.shape), expected)


def test_the_named_partitions_are_tiles_without_an_end():
    for shape in [(3, 4), (1, 5), (5, 1)]:
        columns, rows = Tiles(None, 1), Tiles(1, None)
        np.testing.assert_array_equal(Columns().labels(shape), columns.labels(shape))
        np.testing.assert_array_equal(Rows().labels(shape), rows.labels(shape))


def test_written_labels_are_a_copy_that_nobody_can_change():
    array = np.array([[0, 1]], dtype=np.uint8)
    partition = Labels(array)
    array[:] = 0
    assert partition.labels((1, 2)).tolist() == [[0, 1]]
    with pytest.raises(ValueError, match="read-only"):
        partition.labels((1, 2))[0, 0] = 1


def test_neurons_are_groups_by_column():
    named, spelt = NeuronSupport(0.3, 0.8, 0.1, 0.2), GroupSupport(Columns(), 0.3, 0.8, 0.1, 0.2)
    assert isinstance(named, SupportPrior)
    assert repr(named) == "NeuronSupport(p_alive=0.3, p_in=0.8, p_out=0.1, p_end=0.2)"
    evidence = np.random.default_rng(8).normal(size=(5, 4))
    answers = [prior.extrinsic(evidence).log_odds for prior in (named, spelt)]
    np.testing.assert_array_equal(*answers)


# ------------------------------------------------------------------- bad input

NAN = float("nan")


@pytest.mark.parametrize(
    ("build", "error", "message"),
    [
        (lambda: NeuronSupport(0, 0.8, 0.1), ValueError, "p_alive"),
        (lambda: NeuronSupport(1, 0.8, 0.1), ValueError, "p_alive"),
        (lambda: NeuronSupport(NAN, 0.8, 0.1), ValueError, "p_alive"),
        (lambda: NeuronSupport("0.3", 0.8, 0.1), TypeError, "p_alive"),
        (lambda: NeuronSupport(0.3, 1.1, 0.1), ValueError, "p_in"),
        (lambda: NeuronSupport(0.3, 1 - 1e-13, 0.1), ValueError, "p_in must be 0, 1, or in"),
        (lambda: NeuronSupport(0.3, True, 0.1), TypeError, "p_in"),
        (lambda: NeuronSupport(0.3, 0.8, -0.1), ValueError, "p_out"),
        (lambda: NeuronSupport(0.3, 0.8, 1e-13), ValueError, "p_out must be 0, 1, or in"),
        (lambda: NeuronSupport(0.3, 0.8, None), TypeError, "p_out"),
        (lambda: NeuronSupport(0.3, 0.1, 0.8), ValueError, "p_in must be a number > 0.8"),
        (lambda: NeuronSupport(0.3, 0.5, 0.5), ValueError, "p_in must be a number > 0.5"),
        (lambda: NeuronSupport(0.3, 1, 1), ValueError, "p_in must be a number > 1"),
        (lambda: NeuronSupport(0.3, 0.8, 0.1, 0), ValueError, "p_end"),
        (lambda: NeuronSupport(0.3, 0.8, 0.1, 1), ValueError, "p_end"),
        (lambda: NeuronSupport(0.3, 0.8, 0.1, "0.1"), TypeError, "p_end"),
        (lambda: NeuronSupport(0.8, 0.9, 0.1, 0.5), ValueError, "p_end must leave p01 .* = 2"),
        (lambda: NeuronSupport(1e-9, 0.9, 0.1, 1e-9), ValueError, "p_end must leave p01"),
        (lambda: GroupSupport(Columns, 0.3, 0.8, 0.1), TypeError, "partition must be Columns"),
        (lambda: GroupSupport(np.eye(2), 0.3, 0.8, 0.1), TypeError, "partition"),
        (lambda: GroupSupport("rows", 0.3, 0.8, 0.1), TypeError, "partition"),
        (lambda: Tiles(0, 2), ValueError, "rows"),
        (lambda: Tiles(2, -1), ValueError, "cols"),
        (lambda: Tiles(2, 1.5), TypeError, "cols"),
        (lambda: Labels([0, 1]), ValueError, "group_of"),
        (lambda: Labels(np.zeros((0, 2), int)), ValueError, "group_of is empty"),
        (lambda: Labels([[0.0, 1.0]]), TypeError, "group_of must hold whole numbers"),
        (lambda: Labels([[False, True]]), TypeError, "group_of must hold whole numbers"),
        (lambda: Labels([["a"]]), TypeError, "group_of"),
        (lambda: Labels([[0], [0, 1]]), ValueError, "group_of"),
        (lambda: Labels([[1, 2]]), ValueError, "got 1 in place of 0"),
        (lambda: Labels([[0, 1], [3, 1]]), ValueError, "got 3 in place of 2"),
        (lambda: Labels([[0, -1]]), ValueError, "got -1 in place of 0"),
    ],
)
def test_a_bad_parameter_is_refused_when_the_prior_is_built(build, error, message):
    with pytest.raises(error, match=message):
        build()


@pytest.mark.parametrize(
    ("value", "error"),
    [
        ([[NAN]], NonFiniteError),
        ([[np.inf]], NonFiniteError),
        ([0.0], ValueError),
        (np.zeros((0, 3)), ValueError),
        ([["a"]], TypeError),
    ],
)
def test_bad_evidence_is_refused(value, error):
    prior = NeuronSupport(0.3, 0.8, 0.1)
    for use in (prior.extrinsic, prior.group_belief):
        with pytest.raises(error, match="evidence"):
            use(value)


def test_a_bad_support_has_no_log_probability():
    with pytest.raises(ValueError, match="support must hold only 0 and 1"):
        NeuronSupport(0.3, 0.8, 0.1).log_prob([[0.5]])


def test_labels_of_another_shape_than_the_layer_are_refused():
    prior = GroupSupport(Labels([[0, 1]]), 0.3, 0.8, 0.1)
    for use in (
        lambda: prior.extrinsic(np.zeros((2, 1))),
        lambda: prior.group_belief(np.zeros((2, 1))),
        lambda: prior.log_prob(np.zeros((2, 1))),
        lambda: prior.sample((2, 1), np.random.default_rng(0)),
    ):
        with pytest.raises(ValueError, match=r"group_of must have the layer's shape \(2, 1\)"):
            use()


# -------------------------------------------------------------- the turbo loop


@pytest.mark.parametrize(
    ("support", "keeps_the_zero_weight"),
    [(NeuronSupport(0.3, 1, 0), True), (NeuronSupport(0.3, 0.8, 0), False)],
    ids=["hard", "soft"],
)
def test_the_turbo_loop_switches_off_neurons_without_use(rng, support, keeps_the_zero_weight):
    """Two of six neurons have something to say; one of their eight weights is zero."""
    W = np.zeros((4, 6))
    W[:, [1, 4]] = [[1, -1], [-1, 1], [1, 1], [0, 1]]
    x = rng.normal(size=(300, 4))
    y = x @ W + rng.normal(0, 0.1, (300, 6))
    prior = HierarchicalPrior.spike_and_slab(support, variance=1.0, contrast=1e-3)
    net = nets.mlp([4, 6], seed=0, likelihood="gaussian", noise=100.0)
    result = TurboVBI(prior, epochs=150, batch_size=50, learning_rate=0.02).fit(net, x, y)
    alive = support.group_belief(result.evidence[0])
    np.testing.assert_allclose(alive, [0, 1, 0, 0, 1, 0], atol=0.02)
    expected = W != 0
    expected[3, 1] = keeps_the_zero_weight  # a hard group is never broken up
    np.testing.assert_array_equal(result.q_support[0] >= 0.5, expected)

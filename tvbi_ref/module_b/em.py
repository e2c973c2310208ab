r"""Learning a support prior from the evidence: couplings and fields that the layer asks for.

The evidence l is what Module A says of the support, read as a log-likelihood ratio for each
weight, so that ln p(l) = ln sum_S p(S) e^(sum l s) up to a constant: a difference of two
log partition functions, with evidence and without. Its derivative by a parameter is a
difference of two expectations of what the parameter multiplies. Chains and groups have exact
EM ([em-chain], `em_group`), grids and graphs a gradient ([em-ising]) whose expectations
sum-product gives: a graph, with its one coupling, is a grid with one kind of edges.

On loops the likelihood is Bethe's, and where the evidence is weak its maximum lies at
couplings that are too strong: a true 0.2, seen as y ~ N(x, 1), is learned as about 0.28,
seen as y ~ N(2x, 1) as about 0.21. That is why the turbo loop learns only once the spike
has its final width.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import scipy  # loads its packages when they are asked for, and optimize is not small
from numpy.typing import ArrayLike
from scipy.special import expit, logit

from tvbi_ref._validation import FloatArray, as_count, as_real, border
from tvbi_ref.equations import equation
from tvbi_ref.module_b.base import SupportPrior
from tvbi_ref.module_b.bethe import (
    PairBeliefs,
    agreement,
    chain_pair_beliefs,
    graph_log_partition,
    graph_pair_beliefs,
    grid_log_partition,
    grid_pair_beliefs,
)
from tvbi_ref.module_b.chain import ChainSupport
from tvbi_ref.module_b.graph import MAX_LOG_ODDS, GraphSupport
from tvbi_ref.module_b.grid import MAX_COUPLING, GridSupport
from tvbi_ref.module_b.group import CERTAIN, GroupSupport
from tvbi_ref.module_b.independent import IndependentSupport
from tvbi_ref.module_b.slots import IntArray
from tvbi_ref.module_b.uniqueness import non_backtracking_radius, uniqueness_of

SMALLEST = 1e-6
"""Learned transition probabilities stay this far from 0 and 1."""

LARGEST_FIELD = 15.0
"""Learned fields stay within this: a layer must be able to come back."""

UNIQUENESS_BOUND = 0.95
"""Learned couplings stay below this value of `uniqueness`."""

HALVINGS = 10

LONGEST = (2.0, 0.25, 0.25)
"""A first step of field and couplings is at most this: it may come from where all is certain."""


@border
def em_independent(support: IndependentSupport, evidence: ArrayLike) -> IndependentSupport:
    """Return the field whose probability is the mean belief: one EM step.

    Parameters
    ----------
    support : IndependentSupport
    evidence : array_like (I, J)

    Notes
    -----
    Source: [em-ising] with J = 0, in closed form.

    Examples
    --------
    >>> round(em_independent(IndependentSupport(-1.0), np.zeros((3, 3))).log_odds, 12)
    -1.0
    """
    field = logit(np.mean(expit(support.log_odds + np.asarray(evidence, np.float64))))
    return IndependentSupport(_field_within(float(field), support.log_odds))


def _field_within(field: float, old: float) -> float:
    """Return a field from which a layer can come back, or that is no further off than the old."""
    most = max(LARGEST_FIELD, abs(old))
    return min(max(field, -most), most)


def _probability_within(p: float, old: float) -> float:
    """Return a probability away from 0 and 1, or no nearer to them than the old one."""
    return float(min(max(p, min(SMALLEST, old)), max(1 - SMALLEST, old)))


@equation("em-chain")
def baum_welch(
    pair_beliefs: ArrayLike, first_belief: ArrayLike, p01: float, p10: float
) -> tuple[float, float]:
    r"""Return (p01, p10) after one Baum-Welch step: the likelihood of the evidence never falls.

    With n_ss' the expected transitions and k_s the expected first nodes of K chains, each of
    which starts from its stationary law, the expected complete log-likelihood is

        (n01 + k1) ln p01 + n00 ln(1-p01) + (n10 + k0) ln p10 + n11 ln(1-p10) - K ln(p01 + p10).

    The last term is replaced by its tangent at the old p01 + p10, which lies below it and
    touches it there, so that raising the rest raises the likelihood. What is left falls apart
    into one problem for p01 and one for p10. Without the first nodes (k = K = 0) the step is
    the textbook's, p01 = n01/(n00 + n01).

    Parameters
    ----------
    pair_beliefs : array_like (I-1, J, 2, 2)
        Joint posterior of (i, j) and (i+1, j), the state of (i, j) first; with I = 1 empty.
    first_belief : array_like (J,)
        P(s = 1) of each chain's first node.
    p01, p10 : float in (0, 1)
        The old values.

    Returns
    -------
    p01, p10 : float in [0, 1]

    Notes
    -----
    Source: [em-chain].

    Examples
    --------
    The pair alone says 1/2 and 1/3; that the chain begins with 1 speaks for more ones:

    >>> [round(p, 3) for p in baum_welch([[[[0.125, 0.125], [0.25, 0.5]]]], [0.75], 0.5, 0.5)]
    [0.646, 0.293]
    """
    (n00, n01), (n10, n11) = np.asarray(pair_beliefs, np.float64).sum(axis=(0, 1))
    first = np.asarray(first_belief, np.float64)
    k1, k0, slope = first.sum(), (1 - first).sum(), len(first) / (p01 + p10)
    return _maximiser(n01 + k1, n00, slope), _maximiser(n10 + k0, n11, slope)


def _maximiser(yes: float, no: float, slope: float) -> float:
    """Return the p in [0, 1] that maximises yes ln p + no ln(1-p) - slope p."""
    # Setting the derivative to zero: slope p^2 - (yes + no + slope) p + yes = 0, whose smaller
    # root lies in [0, 1]. In this form of it, and of its discriminant, nothing cancels.
    discriminant = (yes - slope) ** 2 + no * (no + 2 * (yes + slope))
    p = 2 * yes / (yes + no + slope + np.sqrt(discriminant))
    return float(min(p, 1.0))  # by rounding it may be a last bit more


@border
def em_chain(chain: ChainSupport, evidence: ArrayLike) -> ChainSupport:
    """Return the chain after one step of `baum_welch` with its own posterior's beliefs.

    Parameters
    ----------
    chain : ChainSupport
    evidence : array_like (I, J)

    Notes
    -----
    Source: [em-chain].

    Examples
    --------
    >>> from tvbi_ref.module_b.bethe import chain_log_partition
    >>> l = np.array([[4.0], [4.0], [-4.0], [-4.0], [-4.0], [-4.0]])
    >>> before = ChainSupport(0.5, 0.5)
    >>> after = em_chain(before, l)
    >>> chain_log_partition(after, l) > chain_log_partition(before, l)
    True
    """
    first = chain.down_columns(chain.extrinsic(evidence).belief)[0]
    learned = baum_welch(chain_pair_beliefs(chain, evidence), first, chain.p01, chain.p10)
    p01, p10 = map(_probability_within, learned, (chain.p01, chain.p10))
    return replace(chain, p01=p01, p10=p10)


@border
def em_group(group: GroupSupport, evidence: ArrayLike) -> GroupSupport:
    """Return the groups after one exact EM step of p_alive, p_in and p_out.

    A group is live with its belief; p_in is the mean belief of a weight given that, p_out given
    the contrary. Hard groups, of 1 and 0, stay hard. Where p_in would not stay above p_out both
    stay as they are.

    Parameters
    ----------
    group : GroupSupport
        Without a chain of groups.
    evidence : array_like (I, J)

    Notes
    -----
    Source: [neuron-group], whose posterior is exact.

    Examples
    --------
    Half of the neurons live, with nine of their ten weights:

    >>> l = np.full((10, 4), -9.0)
    >>> l[1:, :2] = 9.0
    >>> from tvbi_ref.module_b import NeuronSupport
    >>> neurons = NeuronSupport(p_alive=0.2, p_in=0.5, p_out=0.1)
    >>> learned = em_group(neurons, l)
    >>> round(learned.p_alive, 2), round(learned.p_in, 2), round(learned.p_out, 2)
    (0.5, 0.9, 0.0)
    """
    require_learnable(group, "group", GroupSupport)
    l = np.clip(np.asarray(evidence, np.float64), -CERTAIN, CERTAIN)
    z = group.group_belief(l)
    alive = z[group.partition.labels(l.shape)]
    p_in, p_out = _mean_belief(group.p_in, l, alive), _mean_belief(group.p_out, l, 1 - alive)
    if p_in <= p_out:
        p_in, p_out = group.p_in, group.p_out
    p_alive = _probability_within(z.mean(), group.p_alive)
    return replace(group, p_alive=p_alive, p_in=p_in, p_out=p_out)


def _mean_belief(p: float, l: FloatArray, weight: FloatArray) -> float:
    """Return the weighted mean of P(s = 1 | l) under the prior p, away from 0 and 1."""
    if p in (0, 1) or not weight.any():
        return p
    return _probability_within(np.average(expit(logit(p) + l), weights=weight), p)


class IsingGradient(NamedTuple):
    """The derivative of ln p(l) by the three numbers of a grid; of a graph the last is J's."""

    field: float
    coupling_row: float
    coupling_col: float


@equation("em-ising")
def likelihood_gradient(
    belief: FloatArray,
    horizontal: FloatArray,
    vertical: FloatArray,
    prior_belief: FloatArray,
    prior_horizontal: FloatArray,
    prior_vertical: FloatArray,
) -> IsingGradient:
    """Return the gradient of ln p(l | h, J) by h, J_row and J_col: beliefs minus prior moments.

    Parameters
    ----------
    belief : ndarray (I, J)
        P(s = 1) with the evidence.
    horizontal, vertical : ndarray (I, J-1, 2, 2) and (I-1, J, 2, 2)
        Joint beliefs of neighbours with the evidence.
    prior_belief, prior_horizontal, prior_vertical : ndarray
        The same without it.

    Notes
    -----
    Source: [em-ising].

    Examples
    --------
    >>> pair = np.array([[[[0.5, 0.0], [0.0, 0.5]]]])
    >>> even = np.full((1, 1, 2, 2), 0.25)
    >>> likelihood_gradient(np.ones((2, 2)), pair, pair, np.zeros((2, 2)), even, pair)
    IsingGradient(field=4.0, coupling_row=1.0, coupling_col=0.0)
    """
    return IsingGradient(
        field=float(belief.sum() - prior_belief.sum()),
        coupling_row=agreement(horizontal) - agreement(prior_horizontal),
        coupling_col=agreement(vertical) - agreement(prior_vertical),
    )


Field = GridSupport | GraphSupport


@border
def ising_gradient(grid: Field, evidence: ArrayLike) -> IsingGradient:
    """Return the gradient of ln p(l | h, J): beliefs minus prior moments.

    d/dh = sum_n [b_n - b_n without evidence], d/dJ = sum_edges [E[x x'] - the same without
    evidence], row and column edges apart. Both by sum-product: exact on trees, elsewhere
    the exact gradient of the Bethe approximation. 200 sweeps at most: on a path that is longer,
    with couplings that carry so far, neither.

    Parameters
    ----------
    grid : GridSupport or GraphSupport
        A graph with one coupling; its derivative stands as that by `coupling_col`.
    evidence : array_like (I, J)

    Notes
    -----
    Source: [em-ising].

    Examples
    --------
    >>> [round(d, 12) for d in ising_gradient(GridSupport(-1.0, 0.1, 0.2), np.zeros((4, 4)))]
    [0.0, 0.0, 0.0]
    """
    return _Likelihood(grid, np.asarray(evidence, np.float64)).gradient


@border
def em_ising(
    grid: Field, evidence: ArrayLike, *, steps: int = 1, bound: float = UNIQUENESS_BOUND
) -> Field:
    """Return the field after a few steps up the gradient of ln p(l), couplings kept in bounds.

    Each derivative is divided by its prior variance as if nodes and edges were independent,
    which brings them to one scale, and the step is halved until the Bethe likelihood
    rises; if it never does, everything stays as it is.

    Parameters
    ----------
    grid : GridSupport or GraphSupport
        With one field for all nodes, a graph also with one coupling for all edges. A grid's
        border stays as it is.
    evidence : array_like (I, J)
    steps : int
    bound : float in (0, 1)
        Couplings are scaled back until `uniqueness` is at most this.

    Raises
    ------
    ValueError
        If there is a field for each node or a coupling for each edge: no one number to learn.

    Notes
    -----
    Source: [em-ising].

    Examples
    --------
    >>> l = np.kron([[1.0, -1.0], [-1.0, -1.0]], np.full((4, 4), 5.0))
    >>> learned = em_ising(GridSupport(0.0, 0.0, 0.0), l, steps=5)
    >>> learned.coupling_row > 0.1 and learned.uniqueness <= 0.95
    True
    >>> pairs = GraphSupport([[0, 1], [2, 3]], couplings=0.0)
    >>> bool(em_ising(pairs, [[5.0, 5.0], [-5.0, -5.0]]).couplings > 0.2)
    True
    """
    require_learnable(grid, "grid", GridSupport, GraphSupport)
    as_real(bound, "bound", above=0, below=1)
    as_count(steps, "steps")
    here = _Likelihood(_with(grid, _numbers(grid), bound), np.asarray(evidence, np.float64))
    for _ in range(steps):
        better = _step_up(here, bound)
        if better is None:
            break
        here = better
    return here.grid


class _Run(NamedTuple):
    """What one run of sum-product says; the beliefs are of nodes, row edges, column edges."""

    log_partition: float
    beliefs: tuple[FloatArray, FloatArray, FloatArray]
    state: FloatArray


def _run(grid: Field, l: FloatArray, state: FloatArray | None) -> _Run:
    message = grid.extrinsic(l, state, sweeps=200, tol=1e-9)
    if isinstance(grid, GraphSupport):
        log_partition = graph_log_partition(grid, l, message)
        pairs = PairBeliefs(graph_pair_beliefs(grid, l, message), np.empty((0, 2, 2)))
    else:
        log_partition = grid_log_partition(grid, l, message)
        pairs = grid_pair_beliefs(grid, l, message)
    beliefs = message.belief, pairs.horizontal, pairs.vertical
    return _Run(log_partition, beliefs, message.state)


class _Likelihood:
    """ln p(l) of a field and its gradient, by two runs of sum-product: with l and without."""

    def __init__(self, grid: Field, l: FloatArray, start: _Likelihood | None = None) -> None:
        self.grid, self.l = grid, l
        evidences, states = (l, np.zeros_like(l)), start.states if start else (None, None)
        given, free = (_run(grid, *pair) for pair in zip(evidences, states, strict=True))
        self.states: tuple[FloatArray, ...] = (given.state, free.state)
        self.value = given.log_partition - free.log_partition
        self.moments = free.beliefs
        self.gradient = likelihood_gradient(*given.beliefs, *free.beliefs)


def _step_up(here: _Likelihood, bound: float) -> _Likelihood | None:
    """Return the first field up the scaled gradient that is better, or None."""
    start, direction = _numbers(here.grid), _direction(here)
    for halving in range(HALVINGS):
        numbers = start + 0.5**halving * direction
        there = _Likelihood(_with(here.grid, numbers, bound), here.l, here)
        if there.value > here.value:
            return there
    return None


def _direction(here: _Likelihood) -> FloatArray:
    """Return the gradient, each part over the variance that its moment has under the prior."""
    nodes, *edges = here.moments
    p = nodes.mean()
    variances = [nodes.size * (p * (1 - p))]
    for pairs in edges:
        n = pairs.size // 4
        variances.append(n * (1 - (agreement(pairs) / max(n, 1)) ** 2))
    # One more than the variance allows: moments near certainty must not blow the step up.
    return np.clip(here.gradient / (np.array(variances) + 1.0), -np.array(LONGEST), LONGEST)


def _numbers(grid: Field) -> FloatArray:
    """Return field and couplings; those of a graph all run down."""
    if isinstance(grid, GraphSupport):
        return np.array([grid.field, 0.0, grid.couplings])
    return np.array([grid.field, grid.coupling_row, grid.coupling_col])


def _with(grid: Field, numbers: FloatArray, bound: float) -> Field:
    """Return the field with new numbers, couplings scaled back until uniqueness <= bound."""
    field, J_row, J_col = numbers.tolist()
    field = _field_within(field, float(grid.field))
    if isinstance(grid, GraphSupport):
        largest = _strongest(grid.edges, bound)
        return replace(grid, field=field, couplings=min(max(J_col, -largest), largest))
    scale = 1.0
    if uniqueness_of(J_row, J_col) > bound:
        scale = scipy.optimize.bisect(
            lambda x: uniqueness_of(x * J_row, x * J_col) - bound, 0.0, 1.0
        )
        scale *= 1 - 1e-9  # the root to the side that is allowed
    return replace(grid, field=field, coupling_row=scale * J_row, coupling_col=scale * J_col)


def _strongest(edges: IntArray, bound: float) -> float:
    """Return the largest |J| with uniqueness <= bound, and messages that cannot overflow."""
    radius = non_backtracking_radius(edges, np.full(len(edges), np.inf))  # over tanh|J|
    unique = np.arctanh(bound / radius) * (1 - 1e-9) if radius > bound else np.inf
    degree = np.unique(edges, return_counts=True)[1].max(initial=0)
    return float(min(unique, MAX_COUPLING, 0.2 * MAX_LOG_ODDS / (degree + 1)))


RULES: dict[type[SupportPrior], Callable[[Any, ArrayLike], SupportPrior]] = {
    IndependentSupport: em_independent,
    ChainSupport: em_chain,
    GroupSupport: em_group,
    GridSupport: em_ising,
    GraphSupport: em_ising,
}
"""How each kind of support prior learns; of others `learn` knows nothing."""

SHARED = ("field", "couplings")
"""What can be learned where it is one number for all."""


def require_learnable(support: SupportPrior, name: str, *kinds: type[SupportPrior]) -> None:
    """Refuse a prior that cannot be learned, or is of another kind than these.

    Raises
    ------
    TypeError
        If there is no rule for this kind of support.
    ValueError
        If a field or coupling is not one number for all, or groups form a chain.

    Examples
    --------
    >>> require_learnable(GraphSupport([[0, 1], [1, 2]], [0.1, 0.2]), "support")
    Traceback (most recent call last):
    ValueError: support.couplings must be one number for all to be learned; got shape (2,)
    """
    kinds = kinds or tuple(RULES)
    if not isinstance(support, kinds):
        known = ", ".join(kind.__name__ for kind in kinds)
        raise TypeError(
            f"{name} must be one of {known} to be learned; got {type(support).__name__}"
        )
    for part in SHARED:
        shape = np.shape(getattr(support, part, 0.0))
        if shape:
            raise ValueError(
                f"{name}.{part} must be one number for all to be learned; got shape {shape}"
            )
    if getattr(support, "p_end", None) is not None:
        raise ValueError(f"{name}.p_end must be None to be learned: groups without a chain")


@border
def learn(support: SupportPrior, evidence: ArrayLike) -> SupportPrior:
    """Return the support prior after one step towards the evidence.

    Parameters
    ----------
    support : IndependentSupport, ChainSupport, GroupSupport, GridSupport or GraphSupport
    evidence : array_like (I, J)

    Raises
    ------
    TypeError, ValueError
        See `require_learnable`.

    Notes
    -----
    Source: [em-chain], [neuron-group], [em-ising].

    Examples
    --------
    >>> learn(ChainSupport(0.2, 0.2, axis=1), np.full((2, 9), -3.0)).p01 < 0.2
    True
    """
    require_learnable(support, "support")
    rule = next(rule for kind, rule in RULES.items() if isinstance(support, kind))
    return rule(support, evidence)

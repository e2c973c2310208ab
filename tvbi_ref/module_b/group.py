r"""Groups of weights that live or die together: neurons, inputs, tiles, kernels, filters.

.. code-block:: text

        z_0 ----- z_1 ----- z_2       one hidden indicator a group; the chain is optional
       / | \     / | \     / | \
      s  s  s   s  s  s   s  s  s     P(s=1 | z=1) = p_in,  P(s=1 | z=0) = p_out
      |  |  |   |  |  |   |  |  |
      l  l  l   l  l  l   l  l  l     the evidence from Module A

The graph is a tree, so one pass up, across and down is exact ([neuron-group], log-odds):

    up      a weight tells its indicator what it saw          ln g_i    = message(l_i)
    across  an indicator adds up its group, G = sum ln g_i,
            to h: its prior, or what the other groups say     logit z   = h + G
    down    each weight hears the rest of its group           zeta_{-i} = h + G - ln g_i
                                                              logit pi_i = message(zeta_{-i})

Which weights form a group is the `Partition`'s business and no one else's.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import logit, xlog1py, xlogy

from tvbi_ref._validation import FloatArray, as_float_array, as_real
from tvbi_ref.equations import equation, socket
from tvbi_ref.module_b.base import Incoming, Schedule, SupportPrior, as_support
from tvbi_ref.module_b.chain import ChainSupport, chain_messages
from tvbi_ref.module_b.messages import (
    MARGIN,
    belief,
    cavity,
    extrinsic_b,
    sum_product,
    transition_matrix,
)
from tvbi_ref.module_b.partitions import Columns, IntArray, Partition

CERTAIN = 1e6
"""Evidence beyond +-1e6 is cut.

A hard group adds up unbounded evidence and takes each weight's part away again, and a
float64 sum is wrong by its size times 1e-16 or so. For |l| <= 1e3 and a thousand weights
that is 1e-10. The cut keeps a single absurd l from drowning the rest of its group.
"""


@dataclass(frozen=True)
class GroupSupport(SupportPrior):
    """Weights in groups, each with a hidden indicator z: the group lives or it does not. Exact.

    z ~ Bern(p_alive); given z the weights of the group are independent.

    Parameters
    ----------
    partition : Columns, Rows, Tiles, Labels or any other Partition
        Which weights form a group.
    p_alive : float in (0, 1)
        P(z = 1), lambda: the share of live groups.
    p_in, p_out : float in [0, 1], p_in > p_out
        P(s=1 | z=1) and P(s=1 | z=0). With 1 and 0 the groups are hard: each lives or
        dies as a whole. Otherwise they lie in [1e-12, 1 - 1e-12].
    p_end : float in (0, 1), optional
        P(z'=0 | z=1) from one group to the next, z' after z in the order of the labels:
        the indicators form a stationary Markov chain with p01 = p_alive p_end / (1 - p_alive).
        With p_end = 1 - p_alive the chain forgets at once; None: no chain.

    Raises
    ------
    TypeError, ValueError
        If an argument is not what is asked for above, or p01 is no probability.

    Notes
    -----
    Source: [neuron-group]; with `p_end` also [prior-support-markov], [chain].

    In a hard group the evidence simply adds up, so many weights without use outvote a few
    that the data need: a neuron that listens to one of its thousand inputs dies. `p_in`
    should be near the share of its weights that a live group uses.

    Examples
    --------
    >>> neurons = GroupSupport(Columns(), p_alive=0.5, p_in=1, p_out=0)
    >>> neurons.extrinsic([[3.0, -1.0], [2.0, -4.0]]).log_odds  # what the OTHERS say
    array([[ 2., -4.],
           [ 3., -1.]])
    """

    partition: Partition
    p_alive: float
    p_in: float
    p_out: float
    p_end: float | None = None

    def __post_init__(self) -> None:
        if isinstance(self.partition, type) or not hasattr(self.partition, "labels"):
            raise TypeError(
                "partition must be Columns(), Rows(), Tiles(...), Labels(array) or another object "
                f"with a method labels(shape); got {self.partition!r}"
            )
        as_real(self.p_alive, "p_alive", above=0, below=1)
        for name, p in (("p_out", self.p_out), ("p_in", self.p_in)):
            as_real(p, name, at_least=0, at_most=1)
            if p not in (0, 1) and not _away_from_certain(p):
                raise ValueError(f"{name} must be 0, 1, or in {AWAY}; got {p!r}")
        as_real(self.p_in, "p_in", above=self.p_out)
        if self.p_end is not None:
            as_real(self.p_end, "p_end", at_least=MARGIN, at_most=1 - MARGIN)
            if not _away_from_certain(self._p_start):
                raise ValueError(
                    f"p_end must leave p01 = p_alive p_end / (1 - p_alive) in {AWAY}; got "
                    f"{self.p_end:g}, and so p01 = {self._p_start:g}"
                )

    @property
    def _p_start(self) -> float:
        """p01 = P(z'=1 | z=0), such that the chain's share of live groups is `p_alive`."""
        assert self.p_end is not None
        return self.p_alive * self.p_end / (1 - self.p_alive)

    def _incoming(self, evidence: FloatArray, state: Any, schedule: Schedule) -> Incoming:
        l, labels = np.clip(evidence, -CERTAIN, CERTAIN), self.partition.labels(evidence.shape)
        if self.p_end is None:
            return Incoming(group_extrinsic(l, labels, self.p_alive, self.p_in, self.p_out))
        ln_g, G = self._up(l, labels)
        others = G.take(labels)
        others -= ln_g
        zeta = cavity(self._across(G).take(labels), others, np.empty((0, *l.shape)))
        return Incoming(sum_product(zeta, factor(self.p_in, self.p_out)))

    def _up(self, l: FloatArray, labels: IntArray) -> tuple[FloatArray, FloatArray]:
        """Return what each weight tells its indicator, (I, J), and what a group says, (G,)."""
        ln_g = sum_product(l, factor(self.p_in, self.p_out).T)
        return ln_g, sum_by_group(labels, ln_g)

    def _across(self, G: FloatArray) -> FloatArray:
        """Return h of each indicator, (G,): its prior, or what the groups on both sides say."""
        if self.p_end is None:
            return np.full_like(G, logit(self.p_alive))
        above, below = chain_messages(G[:, None], self._p_start, self.p_end)
        return extrinsic_b(np.zeros_like(G), [above[:, 0], below[:, 0]])

    def group_belief(self, evidence: ArrayLike) -> FloatArray:
        """Return P(z = 1 | all evidence) of every group.

        Parameters
        ----------
        evidence : array_like (I, J)
            l, log-odds, finite.

        Returns
        -------
        ndarray (G,), in [0, 1]

        Raises
        ------
        TypeError, ValueError, NonFiniteError
            If the evidence is not what is asked for above.

        Notes
        -----
        Source: [neuron-group], [belief].

        Examples
        --------
        >>> neurons = GroupSupport(Columns(), 0.5, p_in=0.8, p_out=0.1)
        >>> neurons.group_belief([[3.0, -1.0], [2.0, -4.0]]).round(2)
        array([0.95, 0.11])
        """
        l = np.clip(as_float_array(evidence, "evidence", ndim=2), -CERTAIN, CERTAIN)
        _, G = self._up(l, self.partition.labels(l.shape))
        return belief(self._across(G), G, np.empty((0, *G.shape)))

    def sample(self, shape: tuple[int, int], rng: np.random.Generator) -> FloatArray:
        """Draw a support of `shape`, exactly: first the indicators, then the weights.

        Examples
        --------
        >>> from tvbi_ref.module_b import Rows
        >>> GroupSupport(Rows(), 0.5, p_in=1, p_out=0).sample((3, 4), np.random.default_rng(1))
        array([[0., 0., 0., 0.],
               [0., 0., 0., 0.],
               [1., 1., 1., 1.]])
        """
        labels = self.partition.labels(shape)
        n_groups = int(labels.max()) + 1
        if self.p_end is None:
            z = rng.random(n_groups) < self.p_alive
        else:
            z = ChainSupport(self._p_start, self.p_end).sample((n_groups, 1), rng)[:, 0] == 1
        p = np.where(z, self.p_in, self.p_out)[labels]
        return (rng.random(shape) < p).astype(np.float64)

    def log_prob(self, support: ArrayLike) -> float:
        """Return ln p(S), normalised; -inf if a hard group is neither all on nor all off.

        Examples
        --------
        >>> hard = GroupSupport(Columns(), 0.25, p_in=1, p_out=0)
        >>> float(np.exp(hard.log_prob([[1, 0], [1, 0]])))
        0.1875
        """
        s = as_support(support)
        labels = self.partition.labels(s.shape)
        ones, zeros = sum_by_group(labels, s), sum_by_group(labels, 1 - s)
        # ln P(group g | z), (2, G); with 0 ln 0 = 0
        a = np.array([xlogy(ones, p) + xlog1py(zeros, -p) for p in (self.p_out, self.p_in)])
        ln_first = np.log([1 - self.p_alive, self.p_alive])
        if self.p_end is None:
            return float(np.logaddexp(*(ln_first[:, None] + a)).sum())
        ln_step = np.log(transition_matrix(self._p_start, self.p_end))
        alpha = ln_first + a[:, 0]  # ln P(the groups so far, z), a forward pass
        for a_g in a[:, 1:].T:
            alpha = a_g + np.logaddexp(*(alpha[:, None] + ln_step))
        return float(np.logaddexp(*alpha))


@socket("group")
def group_extrinsic(
    evidence: FloatArray, labels: IntArray, p_alive: float, p_in: float, p_out: float
) -> FloatArray:
    """Return logit pi where groups know nothing of each other.

    Groups of one size, laid side by side, are the columns of a matrix: [neuron-group].

    Parameters
    ----------
    evidence : ndarray (I, J)
        l, log-odds.
    labels : ndarray of int (I, J)
        The group of every weight, 0, 1, 2, ... without a gap.
    p_alive, p_in, p_out : float
        As of `neuron_extrinsic`.

    Examples
    --------
    >>> rows = np.array([[0, 0], [1, 1]])
    >>> group_extrinsic(np.array([[3.0, -1.0], [2.0, -4.0]]), rows, 0.5, 1.0, 0.0)
    array([[-1.,  3.],
           [-4.,  2.]])
    """
    order, sizes = np.argsort(labels, axis=None, kind="stable"), np.bincount(labels.ravel())
    size_of = np.repeat(sizes, sizes)  # of the group, in that order
    log_odds = np.empty(evidence.size)
    for n in np.unique(sizes):
        columns = order[size_of == n].reshape(-1, n).T
        log_odds[columns] = neuron_extrinsic(evidence.ravel()[columns], p_alive, p_in, p_out)
    return log_odds.reshape(evidence.shape)


@equation("neuron-group")
def neuron_extrinsic(evidence: ArrayLike, p_alive: float, p_in: float, p_out: float) -> FloatArray:
    """Return logit pi where every column is a group.

    Weight i tells its neuron's indicator ln g_i; the indicator adds up what the OTHERS say
    to its prior, ln zeta_{-i}, and answers through the same factor.

    Parameters
    ----------
    evidence : array_like (I, J)
        l, log-odds.
    p_alive : float in (0, 1)
        lambda = P(z=1).
    p_in, p_out : float in [0, 1], p_in > p_out
        P(s=1|z=1) and P(s=1|z=0).

    Returns
    -------
    ndarray (I, J)
        Log-odds.

    Notes
    -----
    Source: [neuron-group], [sum-product], [cavity].

    Examples
    --------
    >>> l = np.array([[3.0, -1.0], [2.0, -4.0]])
    >>> neuron_extrinsic(l, 0.5, 1.0, 0.0)  # a hard group: what the others say
    array([[ 2., -4.],
           [ 3., -1.]])
    """
    psi = factor(p_in, p_out)
    ln_g = sum_product(evidence, psi.T)
    others = ln_g.sum(axis=0) - ln_g
    ln_zeta = cavity(np.full_like(ln_g, logit(p_alive)), np.zeros_like(ln_g), [others])
    return sum_product(ln_zeta, psi)


@dataclass(frozen=True)
class NeuronSupport(GroupSupport):
    """Whole neurons live or die: the weights in groups by column. Exact.

    Parameters
    ----------
    p_alive, p_in, p_out, p_end
        See `GroupSupport`.

    Notes
    -----
    Source: [neuron-group].

    Examples
    --------
    >>> neurons = NeuronSupport(0.25, p_in=0.75, p_out=0)
    >>> neurons.density((784, 300))
    0.1875
    """

    partition: Partition = field(default=Columns(), init=False, repr=False)


def sum_by_group(labels: IntArray, values: FloatArray) -> FloatArray:
    """Return the sum of `values` (I, J) over each group, (G,).

    Examples
    --------
    >>> sum_by_group(np.array([[0, 1], [0, 0]]), np.array([[1.0, 2.0], [4.0, 8.0]]))
    array([13.,  2.])
    """
    return np.asarray(np.bincount(labels.ravel(), weights=values.ravel()), dtype=np.float64)


def factor(p_in: float, p_out: float) -> FloatArray:
    """Return psi[z, s] = P(s | z).

    Examples
    --------
    >>> factor(1.0, 0.25)
    array([[0.75, 0.25],
           [0.  , 1.  ]])
    """
    return np.array([[1 - p_out, p_out], [1 - p_in, p_in]])


AWAY = f"[{MARGIN:g}, 1 - {MARGIN:g}]"


def _away_from_certain(p: float) -> bool:
    return MARGIN <= p <= 1 - MARGIN

"""Learning the prior: how strong a coupling the data ask for.

A chain's two probabilities or a grid's field and couplings need not be guessed. The evidence
of a whole layer says how often live weights stand side by side, and the prior can be fitted
to that. Both rules here count: Baum-Welch counts expected transitions, and the gradient of a
grid compares what the beliefs count with what the prior alone would count. When the two
agree, the prior has learned what there is to learn.

Check yourself: tvbi-ref check 07_learning.py
Read: docs/EQUATIONS.md, section 4, from "pair-belief" on
"""

import numpy as np


def baum_welch(pair_beliefs):
    """Return a chain's probabilities from its expected transitions: [em-chain].

        p01 = sum P(0, 1) / sum P(first = 0),    p10 = sum P(1, 0) / sum P(first = 1)

    Parameters
    ----------
    pair_beliefs : ndarray (I-1, J, 2, 2)
        Joint posterior of (i, j) and (i+1, j), the state of (i, j) first.

    Returns
    -------
    tuple (float, float)
        p01 = P(1|0) and p10 = P(0|1).

    Notes
    -----
    Hint: sum first, then divide. A chain that is almost surely off has little to say about
    p10, and must not count as much as one that is on.

    Examples
    --------
    >>> baum_welch(np.array([[[[0.5, 0.25], [0.125, 0.125]]]]))
    (0.3333333333333333, 0.5)
    """
    counts = pair_beliefs.sum(axis=(0, 1))
    p01 = counts[0, 1] / counts[0].sum()
    p10 = counts[1, 0] / counts[1].sum()
    return float(p01), float(p10)


def likelihood_gradient(
    belief, horizontal, vertical, prior_belief, prior_horizontal, prior_vertical
):
    """Return the gradient of ln p(l | h, J) for a grid: [em-ising].

        d/dh = sum over nodes of [b - b under the prior]
        d/dJ = sum over edges of [E[x x'] - E[x x'] under the prior],    x = 2 s - 1,

    row edges and column edges apart.

    Parameters
    ----------
    belief, prior_belief : ndarray (I, J)
        P(s = 1), with the evidence and without.
    horizontal, prior_horizontal : ndarray (I, J-1, 2, 2)
        Pair beliefs of (i, j) and (i, j+1).
    vertical, prior_vertical : ndarray (I-1, J, 2, 2)
        Pair beliefs of (i, j) and (i+1, j).

    Returns
    -------
    tuple (float, float, float)
        By h, by J of the rows, by J of the columns.

    Notes
    -----
    Hint: E[x x'] is P(the same) - P(different).

    Examples
    --------
    Where the beliefs are the prior's, there is nothing to learn:

    >>> b, pair = np.full((2, 2), 0.3), np.full((2, 1, 2, 2), 0.25)
    >>> turned = pair.reshape(1, 2, 2, 2)
    >>> likelihood_gradient(b, pair, turned, b, pair, turned)
    (0.0, 0.0, 0.0)
    """

    def agreement(pairs):
        same = pairs[..., 0, 0] + pairs[..., 1, 1]
        different = pairs[..., 0, 1] + pairs[..., 1, 0]
        return float(np.sum(same - different))

    d_field = float(np.sum(belief) - np.sum(prior_belief))
    d_row = agreement(horizontal) - agreement(prior_horizontal)
    d_col = agreement(vertical) - agreement(prior_vertical)
    return d_field, d_row, d_col

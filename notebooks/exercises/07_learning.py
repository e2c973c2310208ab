"""Learning the prior: how strong a coupling the data ask for.

A chain's two probabilities or a grid's field and couplings need not be guessed. The evidence
of a whole layer says how often live weights stand side by side, and the prior can be fitted
to that. Both rules here count: Baum-Welch counts expected transitions and how the chains begin,
and the gradient of a grid compares what the beliefs count with what the prior alone would
count. When the two agree, the prior has learned what there is to learn.

Check yourself: tvbi-ref check 07_learning.py
Read: docs/EQUATIONS.md, section 4, from "pair-belief" on
"""

import numpy as np


def baum_welch(pair_beliefs, first_belief, p01, p10):
    """Return a chain's probabilities after one step of Baum-Welch: [em-chain].

    The new p01 is the p in [0, 1] that maximises

        (n01 + k1) ln p + n00 ln(1 - p) - c p,        c = J / (old p01 + old p10),

    with n_ss' the pair beliefs summed over all pairs of the J chains and k_s the expected number
    of chains that begin with s. The new p10 likewise, with n10 + k0 and n11, and the same c.
    Without the first nodes (k = J = 0) that is the textbook's p01 = n01 / (n00 + n01).

    Parameters
    ----------
    pair_beliefs : ndarray (I-1, J, 2, 2)
        Joint posterior of (i, j) and (i+1, j), the state of (i, j) first. With I = 1 empty.
    first_belief : ndarray (J,)
        P(s = 1) of the first node of every chain.
    p01, p10 : float in (0, 1)
        The old P(1|0) and P(0|1).

    Returns
    -------
    tuple (float, float)
        The new p01 and p10.

    Notes
    -----
    Hint: with the derivative zero, y/p - z/(1 - p) = c, multiply by p (1 - p). Of the two roots
    of the quadratic equation the smaller one lies in [0, 1]. Divide by the larger one instead
    of subtracting: the product of the roots is y/c.

    Examples
    --------
    The pair alone says 1/2 and 1/3; that the chain begins with 1 speaks for more ones:

    >>> pair = np.array([[[[0.125, 0.125], [0.25, 0.5]]]])
    >>> [round(p, 3) for p in baum_welch(pair, np.array([0.75]), 0.5, 0.5)]
    [0.646, 0.293]
    """
    raise NotImplementedError


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
    raise NotImplementedError

"""Groups, and learning the prior.

A group, whose members share one hidden switch, is as exact and as fast as a chain. And a
prior's numbers need not be guessed: the evidence of a whole layer says how often live weights
stand side by side. Both rules here count: Baum-Welch counts expected transitions and how the
chains begin, and the gradient of a grid compares what the beliefs count with what the prior
alone would count. When the two agree, the prior has learned what there is to learn.

Check yourself: tvbi-ref check 21_groups_and_learning.py
"""

import numpy as np
from scipy.special import logit


def sum_product(cavity, psi):
    """Copy here your own function of exercise 5."""
    (ln00, ln01), (ln10, ln11) = np.log(psi)
    return np.logaddexp(ln11 + cavity, ln01) - np.logaddexp(ln10 + cavity, ln00)


def neuron_extrinsic(evidence, p_alive, p_in, p_out):
    """Return the answer of a prior on whole neurons, in log-odds: [neuron-group].

    Column j has a hidden switch z with P(z = 1) = lambda; a weight lives with probability P(s = 1 |
    z = 1) = p_in or P(s = 1 | z = 0) = p_out. A weight hears what the OTHER weights of its column
    make it believe of z, and what that says of s.

    Parameters
    ----------
    evidence : ndarray (I, J)
        l, log-odds. A column is a group.
    p_alive, p_in, p_out : float
        lambda, p_in and p_out, in (0, 1).

    Returns
    -------
    ndarray (I, J)

    Notes
    -----
    Hint: this is a tree; both ways, from weights to switch and back, are [sum-product]
    messages. Find their psi. A product over a few hundred weights overflows, a sum of
    logarithms does not.

    Examples
    --------
    If z says nothing about s, no weight learns anything from the others:

    >>> neuron_extrinsic(np.array([[5.0], [-3.0]]), 0.3, 0.5, 0.5).round(4) + 0
    array([[0.],
           [0.]])
    """
    psi = np.array([[1 - p_out, p_out], [1 - p_in, p_in]])  # z first, then s
    ln_g = sum_product(evidence, psi.T)
    ln_zeta = logit(p_alive) + ln_g.sum(axis=0) - ln_g
    return sum_product(ln_zeta, psi)


def baum_welch(pair_beliefs, first_belief, p01, p10):
    """Return a chain's probabilities after one step of Baum-Welch: [em-chain].

    The expected log-likelihood counts pairs: n_ss' is the sum of the pair beliefs, k_s the expected
    number of chains that begin with s. The first nodes have the stationary law, whose normaliser is
    the logarithm of p01 + p10. Replace that logarithm by its tangent at the old values, so that p01
    and p10 part, and maximise.

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
    Hint: each of the two solves a quadratic equation, and the smaller root lies in [0, 1]. Take
    it as the product of the roots over the larger one instead of subtracting. Without first
    nodes it is the textbook's share of the counts.

    Examples
    --------
    The pair alone says 1/2 and 1/3; that the chain begins with 1 speaks for more ones:

    >>> pair = np.array([[[[0.125, 0.125], [0.25, 0.5]]]])
    >>> [round(p, 3) for p in baum_welch(pair, np.array([0.75]), 0.5, 0.5)]
    [0.646, 0.293]
    """
    n = pair_beliefs.sum(axis=(0, 1))
    k1 = first_belief.sum()
    k0 = len(first_belief) - k1
    c = len(first_belief) / (p01 + p10)

    def best(y, z):
        return float(2 * y / (y + z + c + np.sqrt((y - c) ** 2 + z * (z + 2 * y + 2 * c))))

    return best(n[0, 1] + k1, n[0, 0]), best(n[1, 0] + k0, n[1, 1])


def likelihood_gradient(
    belief, horizontal, vertical, prior_belief, prior_horizontal, prior_vertical
):
    """Return the gradient of ln p(l | h, J) for a grid: [em-ising].

    It is the difference of two expectations, with the evidence and without: by h of the number of
    live weights, by J of the sum of x x' over the edges, x = 2 s - 1, row edges and column edges
    apart.

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

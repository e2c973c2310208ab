"""Grids: messages that run in circles.

On a grid the equations of exercise 5 are swept until they settle. What they settle on is an
approximation, good where the couplings are weak, and there is a number that says how weak is
weak enough. You write a sweep, that number, and what settled messages know besides: the
beliefs of pairs and an estimate of ln Z.

Check yourself: tvbi-ref check 06_grids_and_bethe.py
"""

import numpy as np
from scipy.special import entr


def ising_message(cavity, coupling):
    """Copy here your own function of exercise 5."""
    raise NotImplementedError


def grid_sweep(own, messages, coupling_row, coupling_col):
    """Return all messages of a grid after one parallel sweep: [grid-sweep].

    Every node tells each of its neighbours its [cavity] through [sum-product-ising]. All of them
    speak at once: the new messages are made of the old ones only.

    Parameters
    ----------
    own : ndarray (I, J)
        h + l, log-odds.
    messages : ndarray (4, I, J)
        What each node has heard, by where it came from: 0 from above, 1 from below, 2 from
        the left, 3 from the right. At the rim, where nobody sends, 0.
    coupling_row : float
        J between (i, j) and (i, j+1).
    coupling_col : float
        J between (i, j) and (i+1, j).

    Returns
    -------
    ndarray (4, I, J)
        A new array, in the same order, 0 at the rim.

    Notes
    -----
    Hint: to the node below it, a node is the one ABOVE. Which of the messages that it has
    heard must stay out of what it says downwards?

    Examples
    --------
    Only the left node knows something, only the right one hears it, ln((2 x 4 + 1)/(4 + 2)):

    >>> own = np.array([[np.log(4.0), 0.0]])
    >>> new = grid_sweep(own, np.zeros((4, 1, 2)), np.log(2.0) / 2, 0.0)
    >>> np.exp(new[2])
    array([[1. , 1.5]])
    """
    raise NotImplementedError


def pair_belief(log_psi, cavity_first, cavity_second):
    r"""Return the joint belief of two neighbours: [pair-belief].

    It is proportional to their factor times what either end knows without the other.

    Parameters
    ----------
    log_psi : ndarray (2, 2)
        ln psi[s, s'].
    cavity_first, cavity_second : ndarray, any one shape
        c and c', log-odds of either end without what the other end has said.

    Returns
    -------
    ndarray (\*shape, 2, 2)
        Indexed by s and s'; each block sums to 1.

    Notes
    -----
    Hint: subtract each block's largest logarithm before the exponential.

    Examples
    --------
    >>> pair_belief(np.zeros((2, 2)), np.array([0.0]), np.array([0.0]))
    array([[[0.25, 0.25],
            [0.25, 0.25]]])
    """
    raise NotImplementedError


def bethe_log_partition(own, belief, horizontal, vertical, coupling_row, coupling_col):
    """Return the Bethe estimate of ln Z of a grid: [bethe].

    It is the mean of the log weight under the beliefs, plus an entropy: that of all pairs, less
    that of the nodes as often as the pairs have counted them too much. A pair counts as J x x',
    with x = 2 s - 1.

    Parameters
    ----------
    own : ndarray (I, J)
        h + l.
    belief : ndarray (I, J)
        b = P(s = 1).
    horizontal : ndarray (I, J-1, 2, 2)
        Pair beliefs of (i, j) and (i, j+1).
    vertical : ndarray (I-1, J, 2, 2)
        Pair beliefs of (i, j) and (i+1, j).
    coupling_row, coupling_col : float
        J of the horizontal and of the vertical edges.

    Returns
    -------
    float

    Notes
    -----
    Hint: a node is in as many pairs as it has neighbours, 4 inside, less at the rim, none in a
    1 x 1 grid. `entr` knows that 0 ln 0 = 0.

    Examples
    --------
    One free node without neighbours has Z = 2:

    >>> no_rows, no_cols = np.zeros((1, 0, 2, 2)), np.zeros((0, 1, 2, 2))
    >>> half = np.full((1, 1), 0.5)
    >>> round(bethe_log_partition(0 * half, half, no_rows, no_cols, 0.1, 0.1), 4)
    0.6931
    """
    raise NotImplementedError


def uniqueness_of(coupling_row, coupling_col):
    """Return the number that is below 1 if a grid has one fixed point: [uniqueness].

    A message that goes along a row sends on one in its row and two in columns; one along a column
    likewise. Each is weakened by the coupling that it goes through, to tanh|J| of itself at most.
    Return the spectral radius of the matrix (2, 2) of these gains.

    Parameters
    ----------
    coupling_row, coupling_col : float
        J of either sign.

    Returns
    -------
    float

    Notes
    -----
    Hint: with one of the couplings 0 there are only chains, which always have one fixed point.
    Equal couplings can be done in the head.

    Examples
    --------
    >>> bool(np.isclose(uniqueness_of(0.2, 0.2), 3 * np.tanh(0.2)))
    True
    """
    raise NotImplementedError


def loops_part():
    """Answer the problem `loops-part`; the notebook states it."""
    raise NotImplementedError


def never_settles():
    """Answer the problem `never-settles`; the notebook states it."""
    raise NotImplementedError


def support_prior():
    """Answer the problem `support-prior`; the notebook states it."""
    raise NotImplementedError

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
    return np.logaddexp(cavity + 2 * coupling, 0) - np.logaddexp(cavity, 2 * coupling)


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
    above, below, left, right = messages
    heard = own + above + below + left + right
    new = np.zeros(messages.shape)
    new[0, 1:] = ising_message((heard - below)[:-1], coupling_col)
    new[1, :-1] = ising_message((heard - above)[1:], coupling_col)
    new[2, :, 1:] = ising_message((heard - right)[:, :-1], coupling_row)
    new[3, :, :-1] = ising_message((heard - left)[:, 1:], coupling_row)
    return new


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
    log_b = np.empty((*np.shape(cavity_first), 2, 2))
    for s in (0, 1):
        for t in (0, 1):
            log_b[..., s, t] = log_psi[s, t] + cavity_first * s + cavity_second * t
    b = np.exp(log_b - log_b.max(axis=(-2, -1), keepdims=True))
    return b / b.sum(axis=(-2, -1), keepdims=True)


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
    agree = np.array([[1.0, -1.0], [-1.0, 1.0]])  # x x'
    energy = np.sum(own * belief)
    energy += coupling_row * np.sum(horizontal * agree) + coupling_col * np.sum(vertical * agree)

    neighbours = np.zeros(belief.shape)
    neighbours[1:] += 1
    neighbours[:-1] += 1
    neighbours[:, 1:] += 1
    neighbours[:, :-1] += 1
    node_entropy = entr(belief) + entr(1 - belief)
    entropy = entr(horizontal).sum() + entr(vertical).sum()
    entropy -= np.sum((neighbours - 1) * node_entropy)
    return float(energy + entropy)


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
    r, c = np.tanh(abs(coupling_row)), np.tanh(abs(coupling_col))
    step = np.array([[c, 2 * r], [2 * c, r]])
    return float(np.abs(np.linalg.eigvals(step)).max())


def loops_part():
    """Answer the problem `loops-part`; the notebook states it."""
    # One weight in the middle knows something, just below the bound.
    own = np.zeros((4, 4))
    own[1, 1] = 1.3
    return own, 0.345, 0.345


def never_settles():
    """Answer the problem `never-settles`; the notebook states it."""
    # A chessboard. What white fields hear from black ones is black ones' own, one sweep late.
    own = np.where(np.add.outer(np.arange(4), np.arange(4)) % 2, 0.3, -0.3)
    return own, 0.8, 0.8


def support_prior():
    """Answer the problem `support-prior`; the notebook states it."""
    from tvbi_ref.module_b import Incoming, SupportPrior

    class EvenSupport(SupportPrior):
        """In each column an even number of weights lives."""

        field = -0.5

        def _incoming(self, evidence, state, schedule):
            told = np.tanh((self.field + evidence) / 2)
            heard = np.empty(evidence.shape)
            for i in range(len(evidence)):
                # P(the others are odd) - P(they are even)
                odd = -np.prod(-np.delete(told, i, axis=0), axis=0)
                heard[i] = 2 * np.arctanh(odd)
            return Incoming(np.full(evidence.shape, self.field), [heard])

        def sample(self, shape, rng):
            support, odd = np.empty(shape), np.full(shape[1], True)
            while odd.any():
                alive = rng.uniform(size=(shape[0], odd.sum())) < 1 / (1 + np.exp(-self.field))
                support[:, odd] = alive
                odd = support.sum(axis=0) % 2 == 1
            return support

        def log_prob(self, support):
            even = np.all(np.sum(support, axis=0) % 2 == 0)
            return self.field * np.sum(support) if even else -np.inf

    return EvenSupport()

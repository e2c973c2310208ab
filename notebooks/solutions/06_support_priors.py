"""Support priors: chains, grids and whole neurons.

The messages of exercise 5 become algorithms. On a chain, once forwards and once backwards
gives every node its exact posterior. A group, whose members share one hidden switch, is as
exact and as fast. On a grid the messages run in circles; the same equations, swept until
they settle, give an approximation that is good where the couplings are weak, and there is a
number that says how weak is weak enough. What settled messages know besides, the beliefs of
pairs and an estimate of ln Z, is what learning needs in exercise 7.

Check yourself: tvbi-ref check 06_support_priors.py
Read: docs/EQUATIONS.md, section 4
"""

import numpy as np
from scipy.special import entr, logit


def sum_product(cavity, psi):
    """Copy here your own function of exercise 5; chains and groups need it."""
    (ln00, ln01), (ln10, ln11) = np.log(psi)
    return np.logaddexp(ln11 + cavity, ln01) - np.logaddexp(ln10 + cavity, ln00)


def ising_message(cavity, coupling):
    """Copy here your own function of exercise 5; grids need it."""
    return np.logaddexp(cavity + 2 * coupling, 0) - np.logaddexp(cavity, 2 * coupling)


def chain_messages(evidence, p01, p10):
    """Return what every node of a chain hears from above and from below: [chain].

    The chains run down the columns, psi(s, s') = P(s'|s) with p01 = P(1|0) and p10 = P(0|1).
    With S the message of [sum-product]:

        forward[0]   = ln(p01 / p10)        forward[i+1]  = S(l[i] + forward[i], psi)
        backward[-1] = 0                    backward[i-1] = S(l[i] + backward[i], psi turned)

    Parameters
    ----------
    evidence : ndarray (I, J)
        l, log-odds.
    p01, p10 : float
        In (0, 1).

    Returns
    -------
    tuple (ndarray (I, J), ndarray (I, J))
        Forward and backward, log-odds.

    Notes
    -----
    Hint: backwards the lower node is the sender. What has to happen to psi? The node's own
    evidence goes into what it sends, not into what it hears.

    Examples
    --------
    Without evidence each node hears the stationary odds from above and nothing from below:

    >>> forward, backward = chain_messages(np.zeros((3, 1)), 0.1, 0.3)
    >>> np.exp(forward).round(4).ravel(), backward.round(4).ravel() + 0
    (array([0.3333, 0.3333, 0.3333]), array([0., 0., 0.]))
    """
    psi = np.array([[1 - p01, p01], [p10, 1 - p10]])
    n_rows = len(evidence)
    forward, backward = np.zeros(evidence.shape), np.zeros(evidence.shape)
    forward[0] = np.log(p01 / p10)
    for i in range(1, n_rows):
        forward[i] = sum_product(evidence[i - 1] + forward[i - 1], psi)
    for i in range(n_rows - 2, -1, -1):
        backward[i] = sum_product(evidence[i + 1] + backward[i + 1], psi.T)
    return forward, backward


def grid_sweep(own, messages, coupling_row, coupling_col):
    """Return all messages of a grid after one parallel sweep: [grid-sweep].

    Every node tells each of its neighbours its [cavity] through [sum-product-ising]. All of
    them speak at once: the new messages are made of the old ones only.

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


def neuron_extrinsic(evidence, p_alive, p_in, p_out):
    """Return the answer of a prior on whole neurons, in log-odds: [neuron-group].

    Column j has a hidden switch z with P(z = 1) = lambda; a weight lives with probability
    P(s = 1 | z = 1) = p_in or P(s = 1 | z = 0) = p_out. With r_i = e^(l_i), weight by weight:

        g_i     = (1 - p_in + p_in r_i) / (1 - p_out + p_out r_i)
        zeta_i  = lambda / (1 - lambda) times the product of the g of all OTHER weights
        logit pi_i = ln[(p_in zeta_i + p_out) / ((1 - p_in) zeta_i + 1 - p_out)]

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
    Hint: work with logarithms, or the product over a few hundred weights will overflow. Both
    ln g and the last line are [sum-product] messages; find their psi.

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


def pair_belief(log_psi, cavity_first, cavity_second):
    r"""Return the joint belief of two neighbours: [pair-belief].

        b(s, s') = psi(s, s') e^(c s + c' s') / (the sum of all four)

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

        ln Z = sum over nodes of (h + l) b + sum over edges of J E[x x']
               + sum over edges of H(pair) - sum over nodes of (d - 1) H(b),

    with H the entropy, x = 2 s - 1, and d how many neighbours a node has.

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
    Hint: d is 4 inside, less at the rim; a 1 x 1 grid has a node with d = 0. `entr` knows
    that 0 ln 0 = 0.

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

    It is the spectral radius of the matrix [[c, 2 r], [2 c, r]] with r = tanh|J_row| and
    c = tanh|J_col|: how much of what is said comes back through the neighbours' neighbours.

    Parameters
    ----------
    coupling_row, coupling_col : float
        J of either sign.

    Returns
    -------
    float

    Notes
    -----
    Hint: equal couplings give 3 tanh|J|, and with one of them 0 there are only chains, which
    always have one fixed point.

    Examples
    --------
    >>> bool(np.isclose(uniqueness_of(0.2, 0.2), 3 * np.tanh(0.2)))
    True
    """
    r, c = np.tanh(abs(coupling_row)), np.tanh(abs(coupling_col))
    step = np.array([[c, 2 * r], [2 * c, r]])
    return float(np.abs(np.linalg.eigvals(step)).max())

"""Fields: how likely a pattern of live weights is.

Which weights live together is the prior's business. It comes in two forms, chains that run
down each column and an Ising field on the whole matrix. You write the probability of a
support under either, and then turn the first into the second.

Check yourself: tvbi-ref check 04_fields.py
"""

import numpy as np


def ising_log_weight(support, field, coupling_row, coupling_col):
    """Return the log weight of a support in an Ising field, without ln Z: [prior-support-ising].

    A node that lives adds its field. Two neighbours add their coupling if they agree, and take it
    away if they differ.

    Parameters
    ----------
    support : ndarray (I, J)
        s, each entry 0 or 1.
    field : float or ndarray (I, J)
        h, log-odds.
    coupling_row : float
        J of the edges between (i, j) and (i, j+1), neighbours in a row.
    coupling_col : float
        J of the edges between (i, j) and (i+1, j), neighbours in a column.

    Returns
    -------
    float

    Notes
    -----
    Hint: two letters for one thing, s in {0, 1} and x in {-1, +1}. Which of them does the
    field multiply, which the coupling? And how many edges has a 2 x 3 grid?

    Examples
    --------
    Four nodes, four edges:

    >>> ising_log_weight(np.ones((2, 2)), 1.0, 0.25, 0.25)
    5.0
    """
    x = 2 * support - 1
    nodes = np.sum(field * support)
    rows = np.sum(x[:, :-1] * x[:, 1:])
    cols = np.sum(x[:-1] * x[1:])
    return float(nodes + coupling_row * rows + coupling_col * cols)


def markov_log_prob(support, p01, p10):
    """Return the log probability of chains down the columns: [prior-support-markov].

    Each column is a chain of its own. It starts from its stationary law and goes on with p01 =
    P(1|0) and p10 = P(0|1).

    Parameters
    ----------
    support : ndarray (I, J)
        s, each entry 0 or 1; the chains run from the first row to the last.
    p01, p10 : float
        In (0, 1).

    Returns
    -------
    float
        Normalised: the probabilities of all 2^(I J) supports sum to 1.

    Notes
    -----
    Hint: p01 is read "from 0 to 1". Where does P(0|0) come from?

    Examples
    --------
    A fair coin has no memory:

    >>> float(np.exp(markov_log_prob(np.array([[0], [1]]), 0.5, 0.5)).round(4))
    0.25
    """
    s = support.astype(int)
    start = np.array([p10, p01]) / (p01 + p10)
    step = np.array([[1 - p01, p01], [p10, 1 - p10]])  # from the row's state to the column's
    return float(np.log(start[s[0]]).sum() + np.log(step[s[:-1], s[1:]]).sum())


def markov_to_ising(p01, p10):
    """Return the Ising form (J, u, v) of a chain's transitions: [markov-to-ising].

    A factor psi(s, s') = P(s'|s), the state before first, has four numbers. Write its logarithm as
    const + J x x' + u s + v s', with x = 2 s - 1, and solve for the three.

    Parameters
    ----------
    p01, p10 : float
        P(1|0) and P(0|1), in (0, 1).

    Returns
    -------
    tuple (float, float, float)
        J, u and v.

    Notes
    -----
    Hint: which combination of the four logarithms has no const, no u and no v? When you are
    done, put the numbers back: the four values of ln psi must come out with one and the same
    constant.

    Examples
    --------
    Long runs need a strong coupling:

    >>> [abs(round(number, 4)) for number in markov_to_ising(0.1, 0.1)]
    [1.0986, 0.0, 0.0]
    """
    ln00, ln01, ln10, ln11 = np.log([1 - p01, p01, p10, 1 - p10])
    J = (ln11 + ln00 - ln10 - ln01) / 4
    u = (ln11 + ln10 - ln01 - ln00) / 2
    v = (ln11 + ln01 - ln10 - ln00) / 2
    return float(J), float(u), float(v)


def chain_picture():
    """Answer the problem `chain-picture`; the notebook states it."""
    import tvbi_ref

    picture = tvbi_ref.checks.target_picture()
    upper, lower = picture[:-1], picture[1:]
    p01 = ((upper == 0) & (lower == 1)).sum() / (upper == 0).sum()
    p10 = ((upper == 1) & (lower == 0)).sum() / (upper == 1).sum()
    return p01, p10

"""The prior: which weights live, and how large they are.

Before any data, a layer's weights are drawn in three steps: the support says which of them
live, each precision says how far a weight may stray from zero, and the weight follows. Live
weights share a Gamma for their precision, dead ones another with far larger values. You
write down the density of each step, and see what is left of a weight when its precision is
integrated out: a Student-t with heavy tails. The supports come in two forms, a chain that
runs down each column and an Ising field on the whole matrix; the last function turns the
first into the second.

Check yourself: tvbi-ref check 01_prior.py
Read: docs/EQUATIONS.md, sections 0 and 1
"""

from collections import namedtuple

import numpy as np
from scipy.special import gammaln

# To try things out with; the checks bring one of their own.
Gamma = namedtuple("Gamma", ["shape", "rate"])


def log_prior_weight(weight, precision):
    """Return the log density of every weight, given its precision: [prior-weight].

        ln N(w; 0, 1/rho) = 1/2 ln rho - 1/2 ln(2 pi) - 1/2 rho w^2

    Parameters
    ----------
    weight : ndarray (I, J)
        w, real.
    precision : ndarray (I, J)
        rho > 0, one for each weight.

    Returns
    -------
    ndarray (I, J)

    Notes
    -----
    Hint: SciPy's normal distribution asks for a standard deviation. What is it here?

    Examples
    --------
    >>> log_prior_weight(np.array([[0.0, 1.0]]), np.array([[1.0, 1.0]])).round(4)
    array([[-0.9189, -1.4189]])
    """
    raise NotImplementedError


def log_prior_precision(precision, support, active, inactive):
    """Return the log density of every precision, given its support: [prior-precision].

        ln Ga(rho; a, b) = a ln b - ln G(a) + (a - 1) ln rho - b rho

    with (a, b) those of `active` where s = 1 and those of `inactive` where s = 0.

    Parameters
    ----------
    precision : ndarray (I, J)
        rho > 0.
    support : ndarray (I, J)
        s, each entry 0 or 1.
    active, inactive : Gamma
        With the numbers `shape` (a) and `rate` (b), both > 0.

    Returns
    -------
    ndarray (I, J)

    Notes
    -----
    Hint: b is a rate. `scipy.stats.gamma` wants a scale, and `gammaln` is kinder than `gamma`
    where a is large.

    Examples
    --------
    With a = 1 the Gamma is an exponential distribution, ln b - b rho.

    >>> rho, s = np.array([[1.0, 1.0]]), np.array([[1, 0]])
    >>> log_prior_precision(rho, s, Gamma(1.0, 0.5), Gamma(1.0, 0.1)).round(4)
    array([[-1.1931, -2.4026]])
    """
    raise NotImplementedError


def log_marginal_weight(weight, prior):
    """Return the log density of a weight with its precision integrated out.

    This is [prior-weight-marginal]: the integral of N(w; 0, 1/rho) Ga(rho; a, b) over rho is a
    Student-t density with nu = 2 a degrees of freedom and squared scale t2 = b/a,

        ln p(w) = ln G((nu + 1)/2) - ln G(nu/2) - 1/2 ln(nu pi t2)
                  - (nu + 1)/2 ln(1 + w^2 / (nu t2)).

    Parameters
    ----------
    weight : ndarray (I, J)
        w, real.
    prior : Gamma
        (a, b); `active` for live weights, `inactive` for dead ones.

    Returns
    -------
    ndarray (I, J)

    Notes
    -----
    Hint: is it the scale that b/a gives, or the scale squared?

    Examples
    --------
    With a = b = 1/2 it is the Cauchy distribution, 1 / (pi (1 + w^2)):

    >>> log_marginal_weight(np.array([[0.0, 1.0, 10.0]]), Gamma(0.5, 0.5)).round(4)
    array([[-1.1447, -1.8379, -5.7599]])
    """
    raise NotImplementedError


def ising_log_weight(support, field, coupling_row, coupling_col):
    """Return the log weight of a support in an Ising field, without ln Z: [prior-support-ising].

        ln p(S) + ln Z = sum over nodes of h s + sum over edges of J x x',  x = 2 s - 1

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
    raise NotImplementedError


def markov_log_prob(support, p01, p10):
    """Return the log probability of chains down the columns: [prior-support-markov].

    Each column is a chain of its own. It starts from its stationary law, P(1) = lambda =
    p01 / (p01 + p10), and goes on with p01 = P(1|0) and p10 = P(0|1):

        ln p(S) = sum over columns of [ ln p(s_1) + sum over i of ln P(s_{i+1} | s_i) ]

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
    raise NotImplementedError


def markov_to_ising(p01, p10):
    """Return the Ising form (J, u, v) of a chain's transitions: [markov-to-ising].

    With psi(s, s') = P(s'|s), the state before first,

        ln psi(s, s') = const + J x x' + u s + v s',
        J = 1/4 ln[psi11 psi00 / (psi10 psi01)],
        u = 1/2 ln[psi11 psi10 / (psi01 psi00)],
        v = 1/2 ln[psi11 psi01 / (psi10 psi00)].

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
    Hint: when you are done, put the three numbers back into the first line: the four values
    of ln psi must come out with one and the same constant.

    Examples
    --------
    Long runs need a strong coupling:

    >>> [abs(round(number, 4)) for number in markov_to_ising(0.1, 0.1)]
    [1.0986, 0.0, 0.0]
    """
    raise NotImplementedError

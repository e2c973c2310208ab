"""Extrinsic messages: only what is new.

Module A knows the data and takes Module B's word for the structure; Module B knows the
structure and takes Module A's word for the data. Each result contains what the other has said,
and if that went back, both would soon be certain of their own echo. So each sends its result
without what came in.

Check yourself: tvbi-ref check 08_extrinsic_messages.py
"""

import numpy as np


def extrinsic_a(posterior, incoming):
    """Return what Module A tells Module B, in log-odds: [extrinsic-a].

    It is what Module A has arrived at without what it had been told.

    Parameters
    ----------
    posterior : ndarray (I, J)
        logit pi_tilde, what Module A has arrived at.
    incoming : ndarray (I, J)
        logit pi, what it had been told.

    Returns
    -------
    ndarray (I, J)
        l.

    Notes
    -----
    Hint: published code has multiplied here where it should have divided. Which of the two
    counts the prior twice?

    Examples
    --------
    >>> extrinsic_a(np.array([[3.0]]), np.array([[1.0]]))
    array([[2.]])
    """
    raise NotImplementedError


def echo():
    """Answer the problem `echo`; the notebook states it."""
    raise NotImplementedError

"""From scratch: the last decision.

In the end a weight is kept or it is not. This is the shortest exercise; the lesson puts it
together with all your earlier functions.

Check yourself: tvbi-ref check 12_from_scratch.py
"""

import numpy as np


def keep_mask(support_log_odds):
    """Return which weights are kept: [prune].

    A weight is kept if it lives at least as probably as not.

    Parameters
    ----------
    support_log_odds : ndarray (I, J)
        logit pi_tilde.

    Returns
    -------
    ndarray of bool (I, J)

    Notes
    -----
    Hint: what are the log-odds of 1/2? And what happens exactly there?

    Examples
    --------
    >>> keep_mask(np.array([[-1.0, 0.0, 2.0]]))
    array([[False,  True,  True]])
    """
    raise NotImplementedError

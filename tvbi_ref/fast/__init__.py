"""The fast forms: everything that is compiled by Numba, and nothing that is needed to understand.

Each function here is the fast form of a socket (`tvbi_ref.equations.sockets`): the same arguments
and the same result as the readable form, whose name it bears. Nobody imports them but the
dispatcher, when a socket is called for the first time; `HOME` tells it where to look, so that the
package can be imported where Numba cannot.
"""

HOME: dict[str, str] = {
    "add-penalty-gradient": "penalty",
    "sparse-network": "sparse",
    "sparse-product": "sparse",
    "adam-step": "passes",
    "belief": "messages",
    "conv": "conv",
    "conv-backward": "conv",
    "correlate": "conv",
    "correlate-backward": "conv",
    "evidence-collapsed": "collapsed",
    "precision-collapsed": "collapsed",
    "support-probability": "collapsed",
    "dense": "dense",
    "dense-backward": "dense",
    "max-pool-backward": "pooling",
    "chain": "chain",
    "grid": "grid",
    "heard-in-all": "grid",
    "graph": "graph",
    "group": "messages",
    "sum-product": "messages",
}
"""In which file the fast form of a socket stands, by label."""

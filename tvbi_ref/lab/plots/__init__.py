"""Pictures of a run: its trace, supports, weights, messages, calls; of a small network.

Every function returns a `matplotlib.figure.Figure` and touches no global state, so that
it works the same in a notebook, in a script and without a screen. Colours are those of
Okabe and Ito and the map "cividis", which colour-blind readers can tell apart.
"""

from tvbi_ref.lab.plots.calls import heard
from tvbi_ref.lab.plots.runs import messages, supports, trace, weights
from tvbi_ref.lab.plots.sizes import compression
from tvbi_ref.lab.plots.style import (
    BLUE,
    GREEN,
    LAYER_STYLES,
    ORANGE,
    PURPLE,
    RED,
    SKY,
    STYLE,
    save,
    use_plain_logs,
)

__all__ = [
    "BLUE",
    "GREEN",
    "LAYER_STYLES",
    "ORANGE",
    "PURPLE",
    "RED",
    "SKY",
    "STYLE",
    "compression",
    "heard",
    "messages",
    "save",
    "supports",
    "trace",
    "use_plain_logs",
    "weights",
]

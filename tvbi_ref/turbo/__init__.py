"""The turbo loop: Module A and Module B trade extrinsic messages until the support settles.

Read `exchange` (what is traded), `round` (one round on one screen), `loop` (the
algorithm), `schedule` and `trace`. `resume` and `fingerprint` keep a run in a file.
"""

from tvbi_ref.turbo.exchange import WIRES, Exchange, extrinsic
from tvbi_ref.turbo.loop import TurboResult, TurboVBI
from tvbi_ref.turbo.round import Round, turbo_round
from tvbi_ref.turbo.schedule import Annealing
from tvbi_ref.turbo.trace import Trace

__all__ = [
    "WIRES",
    "Annealing",
    "Exchange",
    "Round",
    "Trace",
    "TurboResult",
    "TurboVBI",
    "extrinsic",
    "turbo_round",
]

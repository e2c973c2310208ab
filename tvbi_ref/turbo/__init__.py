"""The turbo loop: Module A and Module B trade extrinsic messages until the support settles.

Read `exchange` (what is traded), `loop` (the algorithm), `schedule` and `trace`.
"""

from tvbi_ref.turbo.exchange import Exchange, extrinsic
from tvbi_ref.turbo.loop import TurboResult, TurboVBI
from tvbi_ref.turbo.schedule import Annealing
from tvbi_ref.turbo.trace import Trace

__all__ = ["Annealing", "Exchange", "Trace", "TurboResult", "TurboVBI", "extrinsic"]

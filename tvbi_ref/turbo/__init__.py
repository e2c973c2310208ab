"""The turbo loop: Module A and Module B trade extrinsic messages until the support settles.

Read `loop` (the algorithm on one screen), `round` ([turbo-loop]) and `exchange` (what is traded);
then `run` (what a run keeps), `options`, `annealing` and `trace`. `resume` and `fingerprint` keep a
run in a file; `follow_up` is what the authors' later code does instead.
"""

from tvbi_ref.turbo.annealing import Annealing
from tvbi_ref.turbo.exchange import Exchange, extrinsic_a
from tvbi_ref.turbo.follow_up import update_precision_complex
from tvbi_ref.turbo.loop import TurboVBI
from tvbi_ref.turbo.round import Round, turbo_round
from tvbi_ref.turbo.run import TurboResult
from tvbi_ref.turbo.trace import Trace

__all__ = [
    "Annealing",
    "Exchange",
    "Round",
    "Trace",
    "TurboResult",
    "TurboVBI",
    "extrinsic_a",
    "turbo_round",
    "update_precision_complex",
]

"""The prior's gradient in one pass over memory."""

from __future__ import annotations

from tvbi_ref._validation import FloatArray
from tvbi_ref.equations.sockets import fast
from tvbi_ref.fast.passes import add_product, flat


@fast("add-penalty-gradient", fuses=["q-weight-gradient"])
def add_penalty_gradient(
    d_mean: FloatArray,
    d_log_variance: FloatArray,
    mean: FloatArray,
    variance: FloatArray,
    expected_precision: FloatArray,
    weight: float,
) -> None:
    """Do `module_a.q_weight.add_penalty_gradient`."""
    rho = flat(expected_precision)
    add_product(flat(d_mean), rho, flat(mean), weight, 0.0)  # not 0: one compilation for both
    add_product(flat(d_log_variance), rho, flat(variance), weight / 2, -weight / 2)

"""The way back through the maxima of tiles. The way there gains nothing by a compiled loop."""

from __future__ import annotations

import numpy as np

from tvbi_ref._validation import FloatArray
from tvbi_ref.equations import fast
from tvbi_ref.fast.kernel import kernel
from tvbi_ref.nets.convolution import TURN


@fast("max-pool-backward")
def max_pool_backward(x: FloatArray, z: FloatArray, grad: FloatArray, size: int) -> FloatArray:
    """Return g at the first maximum of every tile, 0 elsewhere; turned, as a convolution's z."""
    x, z, grad = (np.ascontiguousarray(array.transpose(TURN)) for array in (x, z, grad))
    d_x = np.empty_like(x)
    write_gradient(x, z, grad, size, d_x)
    return d_x.transpose(TURN)


@kernel
def write_gradient(
    x: FloatArray, z: FloatArray, grad: FloatArray, size: int, out: FloatArray
) -> None:
    """Write it to `out`, all of them turned to (W, C, H, B)."""
    columns, C, rows, B = z.shape
    free, real = np.empty(B, z.dtype), z.dtype.type
    for j in range(columns):
        for c in range(C):
            for i in range(rows):
                g, best = grad[j, c, i], z[j, c, i]
                free[:] = 1
                for k in range(size):
                    for l in range(size):
                        source = x[j * size + l, c, i * size + k]
                        target = out[j * size + l, c, i * size + k]
                        for b in range(B):
                            # Numbers and not branches, which no processor could foresee.
                            hit = free[b] * real(source[b] == best[b])
                            target[b] = g[b] * hit
                            free[b] -= hit

"""The way back through the maxima of tiles. The way there gains nothing by a compiled loop."""

from __future__ import annotations

import numpy as np

from tvbi_ref._validation import FloatArray
from tvbi_ref.equations import fast
from tvbi_ref.fast.kernel import kernel


@fast("max-pool-backward")
def max_pool_backward(x: FloatArray, z: FloatArray, grad: FloatArray, size: int) -> FloatArray:
    """Return g at the first maximum of every tile, 0 elsewhere."""
    x, z, grad = (np.ascontiguousarray(array) for array in (x, z, grad))
    d_x = np.empty_like(x)
    write_gradient(x, z, grad, size, d_x)
    return d_x


@kernel
def write_gradient(
    x: FloatArray, z: FloatArray, grad: FloatArray, size: int, out: FloatArray
) -> None:
    """Write it to `out`."""
    B, C, rows, width = z.shape
    free, real = np.empty(width, z.dtype), z.dtype.type
    for b in range(B):
        for c in range(C):
            for i in range(rows):
                g, best = grad[b, c, i], z[b, c, i]
                free[:] = 1
                for k in range(size):
                    source, target = x[b, c, i * size + k], out[b, c, i * size + k]
                    for l in range(size):
                        for j in range(width):
                            # Numbers and not branches, which no processor could foresee.
                            hit = free[j] * real(source[j * size + l] == best[j])
                            target[j * size + l] = g[j] * hit
                            free[j] -= hit
